// A gRPC call as its bytes on HTTP/2, for what no gRPC client would send: wrong headers, broken framing, odd ends.
import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';

/** Headers that are undefined are left out. */
export type RawHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface RawRequest {
  readonly path: string;
  /** Besides those of a proper call; undefined takes one of these away. */
  readonly headers?: RawHeaders;
  /** Each goes in a write of its own. Without any the call's headers end the stream. */
  readonly body?: readonly Buffer[];
  /** False: the stream stays half open, as of a client that has more to say. */
  readonly end?: boolean;
}

/** What came back until the stream was over. */
export interface RawAnswer {
  /** With `:status`; undefined when none came. */
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** Flag and bytes of each message in hexadecimal; what is no whole message stands at the end. */
  readonly messages: readonly string[];
  readonly trailers: Readonly<Record<string, string>> | undefined;
  /** Name of the code with which the server reset the stream; undefined when it ended in order. */
  readonly reset: string | undefined;
}

/** One gRPC message as it travels. @param flag 1: compressed */
export function messageOf(body: Uint8Array, flag = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

const PROPER: RawHeaders = { ':method': 'POST', ':scheme': 'http', 'content-type': 'application/grpc', te: 'trailers' };
const CODES = new Map(Object.entries(constants).filter(([name, value]) => name.startsWith('NGHTTP2_') && typeof value === 'number' && value < 16 && /_ERROR$|_STREAM$|_CANCEL$|_CLOSED$|_TIMEOUT$|_CALM$|_SECURITY$|_1_1_REQUIRED$/.test(name)).map(([name, value]) => [value as number, name.slice('NGHTTP2_'.length)]));

/** One connection for calls that follow each other; a new one when the server has ended it. */
export class RawClient implements Disposable {
  readonly #port: number;
  #session: ClientHttp2Session | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  async call({ path, headers = {}, body = [], end = true }: RawRequest): Promise<RawAnswer> {
    const session = this.#open();
    const sent = Object.fromEntries(Object.entries({ ...PROPER, ':path': path, ...headers }).filter(([, value]) => value !== undefined));
    const stream = session.request(sent, { endStream: end && body.length === 0 });
    let received: Record<string, string> | undefined;
    let trailers: Record<string, string> | undefined;
    const chunks: Buffer[] = [];
    stream.on('response', (head) => (received = plain(head)));
    stream.on('trailers', (head) => (trailers = plain(head)));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => {}); // the reset says the same
    if (end || body.length > 0) for (const [index, chunk] of body.entries()) stream.write(chunk, () => index === body.length - 1 && end && stream.end());
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    stream.once('close', resolve);
    let isReset = true;
    // An answer may end the stream on the server's side alone.
    if (!end) {
      stream.once('end', () => {
        isReset = false;
        stream.close(constants.NGHTTP2_CANCEL);
      });
    }
    await closed;
    const reset = !isReset || stream.rstCode === constants.NGHTTP2_NO_ERROR ? undefined : (CODES.get(stream.rstCode ?? 0) ?? `code ${stream.rstCode}`);
    return { headers: received, messages: messagesIn(Buffer.concat(chunks)), trailers, reset };
  }

  [Symbol.dispose](): void {
    this.#session?.destroy();
  }

  #open(): ClientHttp2Session {
    if (this.#session === undefined || this.#session.closed || this.#session.destroyed) {
      this.#session = connect(`http://127.0.0.1:${this.#port}`, { maxSendHeaderBlockLength: 1 << 24 });
      this.#session.on('error', () => {}); // its streams say so
    }
    return this.#session;
  }
}

function plain(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

function messagesIn(bytes: Buffer): string[] {
  const messages: string[] = [];
  let at = 0;
  while (at + 5 <= bytes.length && at + 5 + bytes.readUInt32BE(at + 1) <= bytes.length) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    messages.push(`${bytes[at]}:${bytes.toString('hex', at + 5, end)}`);
    at = end;
  }
  if (at < bytes.length) messages.push(`rest:${bytes.toString('hex', at)}`);
  return messages;
}
