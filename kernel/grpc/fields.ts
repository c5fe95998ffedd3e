// The header lists that answer a gRPC request (gRPC over HTTP/2, "Responses"). Lists that are sent again and again are the same
// object each time, so that their encoding can be kept.
import { Grpc, type GrpcCode } from '../../proto/errors.ts';

/** What begins an answer with messages. */
export const HEAD: readonly string[] = [':status', '200', 'content-type', 'application/grpc', 'grpc-accept-encoding', 'identity,gzip,deflate'];
/** What ends one that is well. */
export const OK_TRAILERS: readonly string[] = ['grpc-status', String(Grpc.OK)];
/** All of an answer without a message that is well. */
export const OK_ONLY: readonly string[] = [':status', '200', 'content-type', 'application/grpc', ...OK_TRAILERS];

const NAME = /^[0-9a-z_.-]+$/;
const VALUE = /^[ -~]*$/;

/** What ends an answer with another status. @param details borrowed */
export function trailersOf(code: GrpcCode, message: string, details: Uint8Array | undefined): readonly string[] {
  const fields = ['grpc-status', String(code), 'grpc-message', encodeMessage(message)];
  if (details !== undefined) fields.push('grpc-status-details-bin', Buffer.from(details.buffer, details.byteOffset, details.byteLength).toString('base64'));
  return fields;
}

/** All of an answer without a message: headers and trailers in one. */
export function trailersOnly(trailers: readonly string[]): readonly string[] {
  return [':status', '200', 'content-type', 'application/grpc', ...trailers];
}

/** A head with metadata of the block's. Undefined where that can't be gRPC metadata. */
export function headWith(metadata: readonly string[]): readonly string[] | undefined {
  const fields = [...HEAD];
  for (let i = 0; i + 1 < metadata.length; i += 2) {
    const name = (metadata[i] as string).toLowerCase();
    const value = metadata[i + 1] as string;
    if (!NAME.test(name) || name.endsWith('-bin') || !VALUE.test(value)) return undefined;
    fields.push(name, value);
  }
  return fields;
}

const PLAIN = /^(?:[!-$&-~](?:[ -$&-~]*[!-$&-~])?)?$/;
const utf8 = new TextEncoder();

/** Percent-encoded as the specification wants it: everything but printable ASCII, and the percent sign; and a blank at an end, which no field may have there. */
export function encodeMessage(message: string): string {
  if (PLAIN.test(message)) return message;
  let encoded = '';
  for (const byte of utf8.encode(message)) {
    encoded += byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded.replace(/^ | $/g, '%20');
}
