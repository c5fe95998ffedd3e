// The body of an HTTP request: whether there is one, and all of it or none.
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { Gathering } from './gathering.ts';
import type { Budget } from './h2/budget.ts';
import type { Request } from './http.ts';

/** Why there is no body: it has more than is allowed, or others' bodies take all the room that there is. */
export type BodyFault = 'too large' | 'no room';

/** How much of a body that is refused is read and thrown away, so that the client gets to read the answer. */
const DISCARD_BYTES = 64 * 1024 * 1024;
const DISCARD_MS = 2_000;

export function hasNoBody(request: Request): boolean {
  const length = request.headers['content-length'];
  if (length !== undefined) return length === '0';
  if (request.httpVersionMajor === 2) return (request as Http2ServerRequest).stream.endAfterHeaders;
  return request.headers['transfer-encoding'] === undefined;
}

/**
 * Calls back once: with the body, or with why there is none. Not at all when the client left.
 * @param room what bodies may hold together until they are whole
 */
export function readBody(request: Request, limit: number, room: Budget, done: (body: Buffer | BodyFault) => void): void {
  const gathered = new Gathering();
  const length = Number(request.headers['content-length'] ?? -1);
  let held = 0;
  let bytes = 0;
  let fault: BodyFault | undefined;
  let timer: NodeJS.Timeout | undefined;
  const stream = request as IncomingMessage;
  const release = (): void => {
    room.give(held);
    held = 0;
  };
  const over = (): void => {
    clearTimeout(timer);
    release();
  };
  /** Most bodies are whole with their first piece, and wait for nobody. */
  const hold = (count: number): boolean => {
    if (count === length) return true;
    if (!room.take(count)) return false;
    if (held === 0) stream.once('close', over);
    held += count;
    return true;
  };
  const refuse = (): void => {
    clearTimeout(timer);
    stream.off('data', take).off('end', finish);
    stream.resume();
    done(fault as BodyFault);
  };
  const take = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (fault === undefined && bytes <= limit && hold(chunk.length)) gathered.add(chunk);
    else if (bytes > limit + DISCARD_BYTES) refuse();
    else if (fault === undefined) {
      fault = bytes > limit ? 'too large' : 'no room';
      gathered.clear();
      release();
      timer = setTimeout(refuse, DISCARD_MS);
      stream.once('close', over);
    }
  };
  const finish = (): void => {
    release();
    if (fault !== undefined) refuse();
    else done(gathered.whole());
  };
  stream.on('data', take).once('end', finish);
}
