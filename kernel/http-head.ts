// The head of an HTTP/1.1 answer as Node would write it, made from parts that lie ready: Node looks at every header of every
// answer anew, for what a caller may have set. Ours are known, and those of a block were checked when they came (`call.ts`).
import type { ServerResponse } from 'node:http';
import { KEEP_ALIVE_MS } from './http-connections.ts';

const { STATUS_CODES } = process.getBuiltinModule('node:http');

const KEPT = `Connection: keep-alive\r\nKeep-Alive: timeout=${KEEP_ALIVE_MS / 1_000}\r\n\r\n`;
const CLOSED = 'Connection: close\r\n\r\n';
const STATUS_LINES = new Map<number, string>();

/** Members that Node's answer has had for many years, and does not document. */
interface Internals {
  /** The whole head; what is set is sent as it is. */
  _header: string | null;
  _hasBody: boolean;
  /** The connection ends with this answer. */
  _last: boolean;
  /** What `Keep-Alive` says, in milliseconds. */
  _keepAliveTimeout: number;
}

/**
 * The beginning of a head: all of it but when it is sent and what becomes of the connection then. Undefined: it has a date already,
 * and Node is to write it.
 * @param type absent: there is no body
 */
export function headOf(status: number, type: string | undefined, bodyBytes: number, headers: readonly string[] | undefined): string | undefined {
  let head = STATUS_LINES.get(status) ?? statusLine(status);
  if (type !== undefined) head += `Content-Type: ${type}\r\nContent-Length: ${bodyBytes}\r\n`;
  if (headers === undefined) return head;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length === 4 && name.toLowerCase() === 'date') return undefined;
    head += `${name}: ${headers[i + 1]}\r\n`;
  }
  return head;
}

/** Gives an answer its head; its `end` is all that is left to call. @param date `dateLine()` */
export function setHead(response: ServerResponse, status: number, head: string, date: string): void {
  const internals = response as unknown as Internals;
  response.statusCode = status;
  if (status === 204 || status === 304) internals._hasBody = false; // RFC 9110 section 6.4.1
  if (!response.shouldKeepAlive) internals._last = true;
  internals._header = head + date + (response.shouldKeepAlive ? KEPT : CLOSED);
}

/** The same by Node, for what `headOf` leaves to it. */
export function writeHead(response: ServerResponse, status: number, type: string | undefined, bodyBytes: number, headers: readonly string[] | undefined): void {
  const list = type === undefined ? [] : ['Content-Type', type, 'Content-Length', String(bodyBytes)];
  if (headers !== undefined) list.push(...headers);
  (response as unknown as Internals)._keepAliveTimeout = KEEP_ALIVE_MS; // the server's own is off: see http-connections.ts
  response.writeHead(status, list);
}

let second = -1;
let line = '';
/** The `Date` header, to the second (RFC 9110 section 6.6.1). */
export function dateLine(): string {
  const now = Math.floor(Date.now() / 1_000);
  if (now !== second) {
    second = now;
    line = `Date: ${new Date(now * 1_000).toUTCString()}\r\n`;
  }
  return line;
}

function statusLine(status: number): string {
  const made = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`;
  STATUS_LINES.set(status, made); // some hundred at most: see `isHttpStatus` in call.ts
  return made;
}
