// HTTP/1.1 load with as little work of its own as will do: each connection repeats one request, one at a time, and looks
// at nothing of an answer but its status and its length.
import { connect, type Socket } from 'node:net';
import { serveWindows, type LoadSpec, type Recorder } from './window.ts';

export interface HttpSpec extends LoadSpec {
  /** Whole requests; connection i repeats the i-th, or goes round those in it, and begins anew at the list's end. */
  readonly requests: readonly (string | readonly string[])[];
  /** The status that is no error. */
  readonly status: number;
}

const HEADER_END = Buffer.from('\r\n\r\n');
const LENGTHS = [Buffer.from('\r\nContent-Length: '), Buffer.from('\r\ncontent-length: ')];
const RECONNECT_MS = 10;
/** Answers are looked at before the next one is read, so that one buffer does for all. */
const buffer = Buffer.allocUnsafe(256 * 1024);

class Connection {
  readonly #port: number;
  readonly #requests: readonly Buffer[];
  readonly #status: number;
  readonly #recorder: Recorder;
  #socket: Socket;
  #sentAt = 0;
  #next = 0;
  #partial: Buffer | undefined;
  #closed = false;

  constructor({ port, status }: HttpSpec, requests: string | readonly string[], recorder: Recorder) {
    this.#port = port;
    this.#requests = [requests].flat().map((request) => Buffer.from(request));
    this.#status = status;
    this.#recorder = recorder;
    this.#socket = this.#connect();
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  #connect(): Socket {
    const socket = connect({
      port: this.#port, host: '127.0.0.1', noDelay: true,
      onread: { buffer, callback: (bytes) => { this.#take(bytes); return true; } },
    });
    socket.once('connect', () => this.#send(performance.now()));
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => {
      if (this.#closed) return;
      this.#recorder.failed('the connection was closed');
      setTimeout(() => { if (!this.#closed) this.#socket = this.#connect(); }, RECONNECT_MS);
    });
    return socket;
  }

  #send(now: number): void {
    this.#sentAt = now;
    this.#socket.write(this.#requests[this.#next] as Buffer);
    if (++this.#next === this.#requests.length) this.#next = 0;
  }

  #take(bytes: number): void {
    const chunk = buffer.subarray(0, bytes);
    const answer = this.#partial === undefined ? chunk : Buffer.concat([this.#partial, chunk]);
    if (answer.length < sizeOf(answer)) {
      this.#partial = Buffer.from(answer);
      return;
    }
    this.#partial = undefined;
    const status = (answer[9]! - 48) * 100 + (answer[10]! - 48) * 10 + answer[11]! - 48;
    const now = performance.now();
    if (status === this.#status) this.#recorder.answered(now - this.#sentAt);
    else this.#recorder.failed(answer.toString('latin1', 0, Math.min(answer.length, 400)));
    this.#send(now);
  }
}

/** How long the answer will be; Infinity while its header isn't whole. */
function sizeOf(answer: Buffer): number {
  const end = answer.indexOf(HEADER_END);
  if (end < 0) return Infinity;
  for (const name of LENGTHS) {
    let at = answer.indexOf(name);
    if (at < 0 || at > end) continue;
    let body = 0;
    for (at += name.length; answer[at] !== 13; at++) body = body * 10 + answer[at]! - 48;
    return end + 4 + body;
  }
  return end + 4;
}

serveWindows<HttpSpec>((spec, recorder) => {
  const connections = Array.from({ length: spec.connections }, (_, i) => new Connection(spec, spec.requests[i % spec.requests.length] as string | readonly string[], recorder));
  return { close: () => connections.forEach((connection) => connection.close()) };
});
