// The body of an HTTP request: whether there is one, and all of it or none.
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { Request } from './http.ts';

/** How much of a body that is too large is read and thrown away, so that the client gets to read the answer. */
const DISCARD_BYTES = 64 * 1024 * 1024;
const DISCARD_MS = 2_000;

export function hasNoBody(request: Request): boolean {
  const length = request.headers['content-length'];
  if (length !== undefined) return length === '0';
  if (request.httpVersionMajor === 2) return (request as Http2ServerRequest).stream.endAfterHeaders;
  return request.headers['transfer-encoding'] === undefined;
}

/** Calls back once: with the body, or with undefined when it is larger than `limit`. Not at all when the client left. */
export function readBody(request: Request, limit: number, done: (body: Buffer | undefined) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;
  const stream = request as IncomingMessage;
  const tooLarge = (): void => {
    clearTimeout(timer);
    stream.off('data', take).off('end', finish);
    stream.resume();
    done(undefined);
  };
  const take = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes <= limit) chunks.push(chunk);
    else if (bytes > limit + DISCARD_BYTES) tooLarge();
    else if (timer === undefined) {
      chunks.length = 0;
      timer = setTimeout(tooLarge, DISCARD_MS);
      stream.once('close', () => clearTimeout(timer));
    }
  };
  const finish = (): void => {
    if (bytes > limit) tooLarge();
    else done(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes));
  };
  stream.on('data', take).once('end', finish);
}
