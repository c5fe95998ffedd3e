// The head of a request as a header block has it: checked for what makes a request malformed (RFC 9113 sections 8.2 and 8.3).

export interface RequestHead {
  readonly method: string;
  readonly path: string;
  /** Names and values in turn, without the pseudo-headers. */
  readonly fields: readonly string[];
  /** Of `content-length`; -1 for none. */
  readonly contentLength: number;
  /** What the application makes of it: a head that comes again, byte for byte, is the same object. */
  meaning: unknown;
}

/** Fields of a connection, which HTTP/2 has other means for (RFC 9113 section 8.2.2). */
const OF_CONNECTIONS: ReadonlySet<string> = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade']);
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** No control characters but tabs. Blanks at either end are malformed by the RFC, but gRPC clients send what they are given: those go. */
const VALUE = /^[\t -~\x80-\xff]*$/;
const BLANKS = /^[\t ]+|[\t ]+$/g;
const LENGTH = /^\d{1,15}$/;

/** Undefined: the request is malformed. */
export function readRequestHead(fields: readonly string[]): RequestHead | undefined {
  let method: string | undefined;
  let path: string | undefined;
  let scheme: string | undefined;
  let authority: string | undefined;
  let contentLength = -1;
  let at = 0;
  for (; at < fields.length && fields[at]!.charCodeAt(0) === COLON; at += 2) {
    const name = fields[at]!;
    const value = fields[at + 1]!;
    if (!VALUE.test(value)) return undefined;
    if (name === ':method' && method === undefined) method = value;
    else if (name === ':path' && path === undefined) path = value;
    else if (name === ':scheme' && scheme === undefined) scheme = value;
    else if (name === ':authority' && authority === undefined) authority = value;
    else return undefined; // unknown, or for the second time
  }
  if (method === undefined || method === '') return undefined;
  if (method !== 'CONNECT' && (scheme === undefined || path === undefined || path === '')) return undefined;
  const regular = fields.slice(at);
  if (!areTrailers(regular)) return undefined;
  for (let i = 0; i < regular.length; i += 2) {
    const value = regular[i + 1]!.replace(BLANKS, '');
    regular[i + 1] = value;
    if (regular[i] !== 'content-length') continue;
    if (!LENGTH.test(value) || (contentLength >= 0 && contentLength !== Number(value))) return undefined;
    contentLength = Number(value);
  }
  return { method, path: path ?? '', fields: regular, contentLength, meaning: undefined };
}

/** Whether these are fields that may stand behind a body, or behind the pseudo-headers. */
export function areTrailers(fields: readonly string[]): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1]!;
    if (!NAME.test(name) || !VALUE.test(value) || OF_CONNECTIONS.has(name) || (name === 'te' && value !== 'trailers')) return false;
  }
  return true;
}

const COLON = 0x3a;
