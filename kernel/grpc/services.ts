// The services on the gRPC port, as reflection lists them. Apart from reflection itself, which is large and loaded when it is asked.

const REFLECTIONS = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'] as const;
export const SERVICES: readonly string[] = ['bulkhead.v1.Lock', 'bulkhead.v1.Sequencer', 'dapr.proto.runtime.v1.Dapr', ...REFLECTIONS];
export const REFLECTION_PATHS: readonly string[] = REFLECTIONS.map((service) => `/${service}/ServerReflectionInfo`);
