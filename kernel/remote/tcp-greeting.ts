// The first line that each end of a link over TCP says, before anything else. The client's tells a block server from whatever else listens
// at an address; the server's tells that it has let the client in. The latter is needed: with TLS 1.3 a client has shaken hands before the
// server has looked at its certificate, and would learn of a refusal as a connection that breaks later for no reason.
import type { Duplex } from 'node:stream';

/** Agreed on by ALPN (RFC 7301) where TLS is spoken, and said in the clear where it is not. */
export const LINK_PROTOCOL = 'bulkhead/1';

/** The first lines. */
export const GREETING = `${LINK_PROTOCOL}\n`;
export const WELCOME = `${LINK_PROTOCOL} ok\n`;
const REFUSAL = `${LINK_PROTOCOL} no `;
/** Of a line, its end included. */
const MAX_BYTES = 512;
const NEWLINE = 0x0a;

export function refusalOf(reason: string): string {
  return `${REFUSAL}${reason.slice(0, MAX_BYTES / 2).replaceAll('\n', ' ')}\n`;
}

/** The reason in a line that refuses; undefined: it says something else. */
export function reasonIn(line: string): string | undefined {
  return line.startsWith(REFUSAL) ? line.slice(REFUSAL.length).trim().replaceAll(/[^ -~]/g, '?') : undefined;
}

/**
 * Takes the first line off a stream. What follows it stays there, and the stream is left as one that nobody has read from yet.
 * @param done gets the line with its end, or what came instead, shorter or longer: then the stream has ended, or it is none of ours. Not
 * called when the stream is destroyed first.
 */
export function readFirstLine(stream: Duplex, done: (line: string) => void): void {
  let bytes: Buffer = Buffer.alloc(0);
  const finish = (length: number): void => {
    stream.off('readable', read).off('end', ended);
    const rest = bytes.subarray(length);
    if (rest.length > 0) stream.unshift(rest);
    process.nextTick(() => { // the stream has noticed by then that nobody waits any more
      if (!stream.destroyed) done(bytes.toString('latin1', 0, length));
    });
  };
  const read = (): void => {
    const chunk = stream.read() as Buffer | null;
    if (chunk === null) return;
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const end = bytes.subarray(0, MAX_BYTES).indexOf(NEWLINE);
    if (end >= 0) finish(end + 1);
    else if (bytes.length >= MAX_BYTES) finish(bytes.length);
  };
  const ended = (): void => finish(bytes.length);
  stream.on('readable', read).on('end', ended);
}
