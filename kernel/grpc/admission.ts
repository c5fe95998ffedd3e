// Who is let in over gRPC, and how the others are told: the token and the Configuration's access list (contract: gRPC API,
// server properties).
import { Grpc, HTTP_OF_GRPC, errorInfo, type ErrorDetail, type Failure, type GrpcCode } from '../../proto/errors.ts';
import type { Secret } from '../secret.ts';

/** What a method is refused with that the Configuration does not admit. */
export const NOT_ADMITTED: Failure = asHttpError(Grpc.UNIMPLEMENTED, 'Not Implemented', 'requested endpoint is not available', 'Not Implemented');
const MISSING = unauthorized('missing api token in request metadata');
const MISMATCH = unauthorized('authentication error: api token mismatch');

/** @param given the call's `dapr-api-token`. Undefined: it is the right one. */
export function refusalOfToken(token: Secret, given: string | undefined): Failure | undefined {
  if (given === undefined) return MISSING;
  return token.matches(given) ? undefined : MISMATCH;
}

function unauthorized(text: string): Failure {
  return asHttpError(Grpc.UNAUTHENTICATED, 'Unauthorized', text, 'Unauthorized');
}

/** The shape in which daprd turns an HTTP refusal into a status (contract: code maps). */
function asHttpError(grpc: GrpcCode, reason: string, text: string, message: string): Failure {
  const detail: ErrorDetail = errorInfo(reason, { 'http.code': String(HTTP_OF_GRPC[grpc]), 'http.error_message': text.slice(0, 63) });
  return { grpc, http: HTTP_OF_GRPC[grpc], code: '', message, details: [detail] };
}
