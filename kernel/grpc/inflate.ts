// Compressed messages (gRPC over HTTP/2, "Message-Encoding"): taken apart in Node's own threads, so that a message that costs much
// to unpack costs no other call.
import { Grpc } from '../../proto/errors.ts';
import type { Budget } from '../h2/budget.ts';
import { NO_ROOM, type MessageFault } from './message-reader.ts';

/** What we take. */
const ENCODINGS = ['identity', 'gzip', 'deflate'] as const;

/** Of a message with the flag set. Undefined: it can be unpacked. */
export function faultOfEncoding(encoding: string): MessageFault | undefined {
  if (encoding === 'identity') return { code: Grpc.INTERNAL, message: 'grpc: compressed flag set with identity or empty encoding' };
  if (!(ENCODINGS as readonly string[]).includes(encoding)) return { code: Grpc.UNIMPLEMENTED, message: `Received message compressed with unsupported encoding "${encoding}"` };
  return undefined;
}

/**
 * @param encoding one that `faultOfEncoding` has nothing against.
 * @param budget has the message while it waits for its turn.
 * @param done runs later, or at once where there is no room.
 */
export function inflate(message: Buffer, encoding: string, maxBytes: number, budget: Budget, done: (result: Buffer | MessageFault) => void): void {
  if (!budget.take(message.length)) return done(NO_ROOM);
  const zlib = process.getBuiltinModule('node:zlib');
  const finish = (cause: Error | null, body: Buffer): void => {
    budget.give(message.length);
    if (cause === null) return done(body);
    const large = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    done(large ? { code: Grpc.RESOURCE_EXHAUSTED, message: `Received message that decompresses to a size larger than ${maxBytes}` } : { code: Grpc.INTERNAL, message: 'Failed to decompress message' });
  };
  (encoding === 'gzip' ? zlib.gunzip : zlib.inflate)(message, { maxOutputLength: maxBytes }, finish);
}
