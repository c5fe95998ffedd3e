// What a store's error comes to for the client, alone or with others of the same call.
import { ApiError, Grpc, messageOf } from '../../proto/errors.ts';
import type { DriverFault } from '../../proto/failures.ts';
import { EtagInvalid, EtagMismatch } from './store.ts';

/** What one error comes to: a conflict for etags, a failure of the store otherwise. */
export function faultOf(cause: unknown): DriverFault {
  if (cause instanceof EtagMismatch) return { text: cause.message, grpc: Grpc.ABORTED, http: 409 };
  if (cause instanceof EtagInvalid) return { text: cause.message, grpc: Grpc.INVALID_ARGUMENT, http: 400 };
  if (cause instanceof ApiError) return { text: String(cause), grpc: cause.failure.grpc, http: cause.failure.http, own: cause.failure };
  return { text: messageOf(cause), grpc: Grpc.INTERNAL, http: 500 };
}

/** An error that stands for the failures of several items. They count as etag errors only if none is anything else. */
export function joinCauses(causes: readonly unknown[]): Error {
  const text = causes.map((cause) => faultOf(cause).text).join('\n');
  const invalid = causes.some((cause) => cause instanceof EtagInvalid);
  const etagsOnly = causes.every((cause) => cause instanceof EtagMismatch || cause instanceof EtagInvalid);
  const joined = etagsOnly ? new (invalid ? EtagInvalid : EtagMismatch)(text) : new Error(text);
  joined.cause = causes;
  return joined;
}
