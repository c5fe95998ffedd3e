// The one error class of the API, and the table of failures: one row each with gRPC code, HTTP status, Dapr's error
// code and text (contract: errors of the sidecar document, sections 2.4 to 2.8 and 3.3).

/** gRPC status codes by name. */
export const Grpc = {
  OK: 0, CANCELLED: 1, UNKNOWN: 2, INVALID_ARGUMENT: 3, DEADLINE_EXCEEDED: 4, NOT_FOUND: 5, ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7, RESOURCE_EXHAUSTED: 8, FAILED_PRECONDITION: 9, ABORTED: 10, OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12, INTERNAL: 13, UNAVAILABLE: 14, DATA_LOSS: 15, UNAUTHENTICATED: 16,
} as const;
export type GrpcCode = (typeof Grpc)[keyof typeof Grpc];

/** The code's name as Go prints it, which is how Dapr puts it into texts: `InvalidArgument`. Index is the code. */
export const GO_CODE_NAMES = [
  'OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists', 'PermissionDenied',
  'ResourceExhausted', 'FailedPrecondition', 'Aborted', 'OutOfRange', 'Unimplemented', 'Internal', 'Unavailable',
  'DataLoss', 'Unauthenticated',
] as const;

/** HTTP status for a gRPC code (contract: messaging, code maps). Index is the code. */
export const HTTP_OF_GRPC = [200, 408, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401] as const;

/** One detail of a rich error. Members are those of the google.rpc message named by `type`, snake case as on the wire. */
export type ErrorDetail =
  | { readonly type: 'ErrorInfo'; readonly reason: string; readonly domain: string; readonly metadata: Readonly<Record<string, string>> | null }
  | { readonly type: 'ResourceInfo'; readonly resource_type: string; readonly resource_name: string; readonly owner: string; readonly description: string }
  | { readonly type: 'BadRequest'; readonly field_violations: readonly { readonly field: string; readonly description: string }[] }
  | { readonly type: 'Help'; readonly links: readonly { readonly description: string; readonly url: string }[] };

export interface Failure {
  readonly grpc: GrpcCode;
  readonly http: number;
  /** Dapr's `errorCode`, e.g. `ERR_STATE_GET`; `''` leaves the member out of the HTTP body. */
  readonly code: string;
  readonly message: string;
  /** Details of the gRPC status, in order. Absent: none. */
  readonly details?: readonly ErrorDetail[];
  /** Details of the HTTP body, in order. Absent: the legacy body of errorCode and message alone. */
  readonly httpDetails?: readonly ErrorDetail[];
  /** The text of the HTTP body where it differs from the gRPC one. */
  readonly httpMessage?: string;
}

/** Thrown by methods; becomes a gRPC status or an HTTP body at the block's edge. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }

  /** Keeps what a driver threw, for the block's log. */
  because(cause: unknown): this {
    this.cause = cause;
    return this;
  }

  /** How Go prints a rich error inside another text. */
  override toString(): string {
    return `api error: code = ${GO_CODE_NAMES[this.failure.grpc]} desc = ${this.failure.message}`;
  }
}

/** ErrorInfo as Dapr's runtime fills it. */
export function errorInfo(reason: string, metadata: Readonly<Record<string, string>> | null = null): ErrorDetail {
  return { type: 'ErrorInfo', reason, domain: 'dapr.io', metadata };
}
/** ResourceInfo with owner and description empty, as Dapr's runtime fills it. */
export function resourceInfo(type: string, name: string): ErrorDetail {
  return { type: 'ResourceInfo', resource_type: type, resource_name: name, owner: '', description: '' };
}

/** The text of whatever was thrown. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
