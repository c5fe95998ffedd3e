// How a call ends towards its client, whatever its kind: a status, in trailers or, where nothing was sent yet, in place of an answer.
import type { GrpcCode } from '../../proto/errors.ts';
import type { Stream } from '../h2/stream.ts';
import { PREFIX_BYTES } from './message-reader.ts';
import { trailersOf, trailersOnly } from './fields.ts';

/** Five bytes before each message; borrowed by whoever sends, so one will do. */
const PREFIX = new Uint8Array(PREFIX_BYTES);

/** Of a message that is not compressed. Valid until the next call. */
export function prefixOf(length: number): Uint8Array {
  PREFIX[1] = length >>> 24;
  PREFIX[2] = length >>> 16;
  PREFIX[3] = length >>> 8;
  PREFIX[4] = length;
  return PREFIX;
}

/** @param headSent whether the client has had HEADERS. @param details borrowed */
export function endWith(stream: Stream, headSent: boolean, code: GrpcCode, message: string, details?: Uint8Array): void {
  const trailers = trailersOf(code, message, details);
  if (headSent) stream.sendTrailers(trailers);
  else stream.sendOnly(trailersOnly(trailers));
}
