// HTTP as it is written: a client that normalises no path, and one that sends bytes and reads bytes.
import { once } from 'node:events';
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { within } from './awaiting.ts';

const TIMEOUT_MS = 30_000;

export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Names and values as they came, flat. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface HttpBody {
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  readonly timeoutMs?: number;
}

export class HttpClient {
  /** A port, or the path of a socket. */
  readonly port: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });

  private constructor(port: string) {
    this.port = port;
  }

  static to(port: string | number): HttpClient {
    return new HttpClient(String(port));
  }

  /** @param path sent as it is. */
  async send(method: string, path: string, { headers = {}, body, timeoutMs = TIMEOUT_MS }: HttpBody = {}): Promise<HttpReply> {
    const where = this.port.startsWith('/') ? { socketPath: this.port } : { host: '127.0.0.1', port: Number(this.port) };
    return within(timeoutMs, `${method} ${path} is answered`, new Promise((resolve, reject) => {
      // Node frames no body of a GET or DELETE by itself.
      const framed = body === undefined ? headers : { 'Content-Length': String(Buffer.byteLength(body)), ...headers };
      const outgoing = request({ ...where, method, path, agent: this.#agent, headers: framed as Record<string, string> });
      outgoing.once('error', reject);
      outgoing.once('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, rawHeaders: response.rawHeaders, body: Buffer.concat(chunks).toString() }));
      });
      outgoing.end(body);
    }));
  }

  get(path: string, headers?: HttpBody['headers']): Promise<HttpReply> {
    return this.send('GET', path, headers === undefined ? {} : { headers });
  }
  post(path: string, body: string | Uint8Array = '', headers?: HttpBody['headers']): Promise<HttpReply> {
    return this.send('POST', path, headers === undefined ? { body } : { body, headers });
  }
  put(path: string, body: string | Uint8Array = '', headers?: HttpBody['headers']): Promise<HttpReply> {
    return this.send('PUT', path, headers === undefined ? { body } : { body, headers });
  }
  delete(path: string, headers?: HttpBody['headers']): Promise<HttpReply> {
    return this.send('DELETE', path, headers === undefined ? {} : { headers });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** A connection for requests as bytes. */
export class RawConnection implements AsyncDisposable {
  readonly socket: Socket;
  /** Resolves when the other side has ended the connection. */
  readonly closed: Promise<void>;
  #received = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  #closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {}); // shows as the end of the connection
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake?.();
    });
    this.closed = once(socket, 'close').then(() => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  static async to(port: number): Promise<RawConnection> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** What has come so far, one character a byte. */
  get text(): string {
    return this.#received.toString('latin1');
  }
  get bytes(): Buffer {
    return this.#received;
  }

  /** Resolves with everything received once it matches. @throws Error when the connection ends or time is up before */
  async until(pattern: RegExp, timeoutMs = 10_000): Promise<string> {
    return within(timeoutMs, `the connection has received ${pattern}; it has ${JSON.stringify(this.text)}`, (async () => {
      while (!pattern.test(this.text)) {
        if (this.#closed) throw new Error(`the connection ended before ${pattern}: ${JSON.stringify(this.text)}`);
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      return this.text;
    })());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }
}

/** Lines with CRLF, and the empty line that ends a header. */
export function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}
