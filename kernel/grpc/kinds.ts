// The gRPC listeners there are, for whoever must name one without loading it.

/** `own`: kernel/h2. `grpc-js`: the reference. */
export const GRPC_LISTENERS = ['own', 'grpc-js'] as const;
export type GrpcListenerKind = (typeof GRPC_LISTENERS)[number];
