// An HTTP/2 client that does what it is told: it sends any bytes, keeps what comes, and answers nothing it wasn't told to answer. What
// the server sends is checked all the while (h2-checker.ts).
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { HpackDecoder } from '../../kernel/h2/hpack/decoder.ts';
import { within } from './awaiting.ts';
import { OutputChecker } from './h2-checker.ts';
import { getStateRequest, grpcRequest } from './h2-hpack.ts';
import { Bit, Code, data, FrameSplitter, grpcMessage, headers, PREFACE, settings, SETTINGS_ACK, Type, windowUpdate, ping, type Frame } from './h2-wire.ts';

/** Frames kept; what comes after them is counted and forgotten. */
const KEPT_FRAMES = 20_000;
const WAIT_MS = 20_000;
/** Received bytes after which a connection that grants gives as many back. */
const GRANT_BYTES = 16_384;

export interface RawOptions {
  readonly host?: string;
  /** Address to come from: each has ports of its own. */
  readonly from?: string;
  readonly tls?: { readonly ca: string | Buffer };
  /** Sent behind the preface. */
  readonly settings?: readonly (readonly [id: number, value: number])[];
  /** False: nothing is sent at the beginning. */
  readonly greets?: boolean;
  /** Whether SETTINGS and PING are acknowledged. */
  readonly acknowledges?: boolean;
  /** False: whatever the server sends is right; for a client that lives long. */
  readonly checks?: boolean;
  /** Whether received DATA is given back as window of connection and stream. */
  readonly grants?: boolean;
}

/** What a stream got. */
export interface RawReply {
  readonly fields: Map<string, string>;
  body: Buffer;
  ended: boolean;
  /** Code of a RST_STREAM. */
  reset: number | undefined;
}

export class RawH2 implements AsyncDisposable {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  /** Received, by type. */
  readonly counts: number[] = new Array<number>(10).fill(0);
  readonly replies = new Map<number, RawReply>();
  /** Resolves when the socket is closed, whoever did it. */
  readonly closed: Promise<void>;
  isClosed = false;
  /** Code of the last GOAWAY. */
  goAwayCode: number | undefined;
  /** Told of each frame. */
  onFrame: (frame: Frame) => void = () => {};
  readonly #splitter = new FrameSplitter();
  readonly #decoder = new HpackDecoder({ maxTableBytes: 4_096, maxListBytes: 1 << 20 });
  readonly #options: RawOptions;
  readonly #checker: OutputChecker | undefined;
  readonly #waiting = new Set<() => void>();
  #block: Buffer[] = [];
  #nextStream = 1;
  #ungranted = 0;
  #pings = 0;
  #lastPong = 0;

  private constructor(socket: Socket, options: RawOptions) {
    this.socket = socket;
    this.#options = options;
    if (options.checks !== false) this.#checker = new OutputChecker();
    socket.on('error', () => {}); // shows as the end of the connection
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    this.closed = new Promise((resolve) => socket.once('close', () => {
      this.isClosed = true;
      this.#wake();
      resolve();
    }));
    if (options.greets !== false) this.send(PREFACE, settings(...(options.settings ?? [])));
  }

  /** Resolves when the socket is connected. */
  static async to(port: number, options: RawOptions = {}): Promise<RawH2> {
    const { host = '127.0.0.1', from, tls } = options;
    const socket = tls === undefined ? connect({ port, host, localAddress: from, noDelay: true }) : connectTls({ port, host, ca: tls.ca, ALPNProtocols: ['h2'] });
    await once(socket, tls === undefined ? 'connect' : 'secureConnect');
    return new RawH2(socket, options);
  }

  /** False when the socket wants no more just now: `drained` waits for it. */
  send(...parts: readonly Uint8Array[]): boolean {
    const bytes = parts.length === 1 ? parts[0] as Uint8Array : Buffer.concat(parts);
    this.#checker?.sent(bytes);
    return this.socket.write(bytes);
  }

  /** The next odd number. */
  stream(): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    return stream;
  }

  /** Opens a call and sends its only message. Returns its stream. */
  call(path: string, message: Uint8Array = Buffer.alloc(0)): number {
    const stream = this.stream();
    this.send(headers(stream, grpcRequest(path)), data(stream, grpcMessage(message), Bit.END_STREAM));
    return stream;
  }

  getState(store: string, key: string): number {
    return this.call('GetState', getStateRequest(store, key));
  }

  /** Whatever ended the stream. @throws Error when the connection ends or time is up before */
  async reply(stream: number, timeoutMs = WAIT_MS): Promise<RawReply> {
    return this.until(`stream ${stream} has ended`, () => {
      const reply = this.replies.get(stream);
      return reply !== undefined && (reply.ended || reply.reset !== undefined) ? reply : undefined;
    }, timeoutMs);
  }

  /** What the server has said of itself. @throws Error when it says nothing of this */
  async setting(id: number): Promise<number> {
    const { payload } = await this.frame('the server has greeted', ({ type, flags }) => type === Type.SETTINGS && (flags & Bit.ACK) === 0);
    for (let at = 0; at < payload.length; at += 6) if (payload.readUInt16BE(at) === id) return payload.readUInt32BE(at + 2);
    throw new Error(`the server says nothing of setting ${id}`);
  }

  /** The first frame that came, or comes, like this. @throws Error when the connection ends or time is up before */
  async frame(what: string, wanted: (frame: Frame) => boolean, timeoutMs = WAIT_MS): Promise<Frame> {
    return this.until(what, () => this.frames.find(wanted), timeoutMs);
  }

  /** Code of the GOAWAY, now or later; `closed` when the connection ends without one. @throws Error when time is up */
  async ending(timeoutMs = WAIT_MS): Promise<number | 'closed'> {
    if (this.goAwayCode === undefined) await Promise.race([this.closed, this.until('there is a GOAWAY', () => this.goAwayCode !== undefined, timeoutMs).catch((cause: unknown) => {
      if (!this.isClosed) throw cause;
    })]);
    return this.goAwayCode ?? 'closed';
  }

  /** Whether everything sent so far has been read, and the connection goes on. */
  async answersPing(timeoutMs = WAIT_MS): Promise<boolean> {
    const content = Buffer.alloc(8);
    content.writeDoubleBE(++this.#pings);
    this.send(ping(content));
    return this.until('a PING is answered', () => this.#lastPong === this.#pings, timeoutMs).then(() => true, () => false);
  }

  async until<T>(what: string, holds: () => T, timeoutMs = WAIT_MS): Promise<NonNullable<T>> {
    return within(timeoutMs, `${what}; received by type: ${this.counts.join(' ')}`, (async () => {
      for (;;) {
        const found = holds();
        if (found) return found;
        if (this.isClosed) throw new Error(`the connection ended before ${what}; GOAWAY: ${this.goAwayCode}; received by type: ${this.counts.join(' ')}`);
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
    })());
  }

  /** Resolves when the socket takes more, true, or is closed or silent for too long, false. */
  async drained(patienceMs: number): Promise<boolean> {
    if (this.isClosed) return false;
    if (!this.socket.writableNeedDrain) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), patienceMs);
    const onDrain = (): void => resolve(true);
    this.socket.once('drain', onDrain);
    void this.closed.then(() => resolve(false));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.socket.off('drain', onDrain);
    }
  }

  /** Drops what came so far: for a connection that lives long. */
  forget(): void {
    this.frames.length = 0;
    this.replies.clear();
  }

  /** From now on the peer's bytes stay where they are. */
  stopReading(): void {
    this.socket.pause();
  }
  readOn(): void {
    this.socket.resume();
  }

  /** @throws Error if the server did what no server may do */
  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.closed;
    const violations = this.#checker?.violations ?? [];
    if (violations.length > 0) throw new Error(`the server broke the rules of HTTP/2:\n${violations.slice(0, 5).join('\n')}`);
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  #take(chunk: Buffer): void {
    this.#checker?.received(chunk);
    for (const frame of this.#splitter.push(chunk)) this.#act(frame);
    this.#wake();
  }

  #act(frame: Frame): void {
    const { type, flags, stream, payload } = frame;
    if (this.frames.length < KEPT_FRAMES) this.frames.push(frame);
    this.counts[type] = (this.counts[type] ?? 0) + 1;
    this.onFrame(frame);
    switch (type) {
      case Type.SETTINGS:
        if ((flags & Bit.ACK) === 0 && this.#options.acknowledges !== false && !this.socket.destroyed) this.send(SETTINGS_ACK);
        return;
      case Type.PING:
        if ((flags & Bit.ACK) !== 0) this.#lastPong = payload.readDoubleBE();
        else if (this.#options.acknowledges !== false && !this.socket.destroyed) this.send(ping(payload, Bit.ACK));
        return;
      case Type.GOAWAY:
        this.goAwayCode = payload.readUInt32BE(4);
        return;
      case Type.RST_STREAM:
        this.#replyOf(stream).reset = payload.readUInt32BE(0);
        return;
      case Type.HEADERS: case Type.CONTINUATION:
        this.#onBlock(stream, type, flags, payload);
        return;
      case Type.DATA:
        this.#onData(stream, flags, payload);
        return;
      default:
    }
  }

  #onBlock(stream: number, type: number, flags: number, payload: Buffer): void {
    const reply = this.#replyOf(stream);
    if (type === Type.HEADERS && (flags & Bit.END_STREAM) !== 0) reply.ended = true;
    this.#block.push(payload);
    if ((flags & Bit.END_HEADERS) === 0) return;
    const block = Buffer.concat(this.#block);
    this.#block = [];
    const { fields } = this.#decoder.decode(block, 0, block.length);
    for (let at = 0; at + 1 < fields.length; at += 2) reply.fields.set(fields[at] as string, fields[at + 1] as string);
  }

  #onData(stream: number, flags: number, payload: Buffer): void {
    const reply = this.#replyOf(stream);
    reply.body = reply.body.length === 0 ? payload : Buffer.concat([reply.body, payload]);
    if ((flags & Bit.END_STREAM) !== 0) reply.ended = true;
    if (this.#options.grants === false || this.socket.destroyed) return;
    this.#ungranted += payload.length;
    if (this.#ungranted < GRANT_BYTES) return;
    this.send(windowUpdate(0, this.#ungranted), ...(reply.ended ? [] : [windowUpdate(stream, this.#ungranted)]));
    this.#ungranted = 0;
  }

  #replyOf(stream: number): RawReply {
    let reply = this.replies.get(stream);
    if (reply === undefined) this.replies.set(stream, reply = { fields: new Map(), body: Buffer.alloc(0), ended: false, reset: undefined });
    return reply;
  }
}

/** Names a code, for what a test prints and compares. */
export function codeName(code: number | 'closed' | undefined): string {
  if (code === undefined || code === 'closed') return code ?? 'none';
  return Object.entries(Code).find(([, value]) => value === code)?.[0] ?? String(code);
}
