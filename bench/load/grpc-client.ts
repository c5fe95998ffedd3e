// A gRPC client for load: one connection, calls to several paths, messages of any size within the server's windows, and a new
// connection when one breaks. Like load/grpc.ts it writes and reads HTTP/2 frames by itself, to take as little of a core as will do.
import { connect, type Socket } from 'node:net';
import { AnswerBlocks, BEGINS, SUCCEEDED, type Meaning } from './answer-blocks.ts';
import { Check, RECONNECT_MS, type Client, type ClientOptions, type Done, type Request } from './client.ts';
import {
  ACK, DEFAULT_TABLE_BYTES, DEFAULT_WINDOW, END_HEADERS, END_STREAM, frame, FRAME_HEADER_BYTES, FrameType, LARGEST_WINDOW, PADDED, PREFACE, Setting, settings, windowUpdate,
} from './http2.ts';
import { RequestHeads } from './request-heads.ts';

const OUT_BYTES = 128 * 1024;
/** Frames are looked at before the next read, so that one buffer does for all connections. */
const buffer = Buffer.allocUnsafeSlow(256 * 1024);
const ACKNOWLEDGED = frame(FrameType.SETTINGS, ACK, 0, Buffer.alloc(0));
const NOT_CONNECTED = 'there is no connection';

interface Call {
  readonly id: number;
  readonly request: Request;
  readonly done: Done;
  readonly check: Check;
  /** Bytes of its frames that were sent, and of data that may be. */
  sent: number;
  window: number;
  begun: boolean;
  fault: string | undefined;
}

export class GrpcClient implements Client {
  readonly ready: Promise<void>;
  readonly #port: number;
  #ready: () => void = () => {};
  #connection: Connection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor({ port }: ClientOptions) {
    this.#port = port;
    this.ready = new Promise((resolve) => (this.#ready = resolve));
    this.#connect();
  }

  call(request: Request, done: Done): void {
    if (this.#connection?.isOpen === true) this.#connection.call(request, done);
    else done(NOT_CONNECTED);
  }

  flush(): void {
    this.#connection?.flush();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#connection?.end('the load is over');
  }

  #connect(): void {
    this.#connection = new Connection(this.#port, () => this.#ready(), () => {
      if (!this.#closed) this.#timer = setTimeout(() => this.#connect(), RECONNECT_MS);
    });
  }
}

class Connection {
  readonly #socket: Socket;
  readonly #opened: () => void;
  readonly #calls = new Map<number, Call>();
  readonly #blocks = new AnswerBlocks();
  #heads: RequestHeads | undefined;
  #out = Buffer.allocUnsafeSlow(OUT_BYTES);
  #outEnd = 0;
  #partial: Buffer | undefined;
  #nextId = 1;
  /** Bytes of data that the server takes, on all streams; and on each new one. */
  #credit = DEFAULT_WINDOW;
  #streamWindow = DEFAULT_WINDOW;
  /** Calls whose message isn't sent to its end, in their order. */
  #blocked: Call[] = [];
  #received = 0;
  #ended = false;

  constructor(port: number, opened: () => void, closed: () => void) {
    this.#opened = opened;
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback: (bytes) => { this.#take(bytes); return true; } } });
    this.#socket.on('error', () => {}); // 'close' follows
    this.#socket.on('close', () => {
      this.end('the connection was closed');
      closed();
    });
    for (const bytes of [PREFACE, settings([[Setting.ENABLE_PUSH, 0], [Setting.INITIAL_WINDOW_SIZE, LARGEST_WINDOW]]), windowUpdate(LARGEST_WINDOW - DEFAULT_WINDOW)]) this.#put(bytes, 0, bytes.length);
    this.flush();
  }

  /** Whether the server has said what it takes, and still does. */
  get isOpen(): boolean {
    return this.#heads !== undefined && !this.#ended;
  }

  call(request: Request, done: Done): void {
    const id = this.#nextId;
    this.#nextId += 2;
    const call: Call = { id, request, done, check: new Check(request.expected), sent: 0, window: this.#streamWindow, begun: false, fault: undefined };
    this.#calls.set(id, call);
    const head = (this.#heads as RequestHeads).next(request.path);
    this.#putFrame(head, 0, head.length, id);
    if (!this.#send(call)) this.#blocked.push(call);
  }

  /** One write for all that a turn led to, as clients of large programs do. */
  flush(): void {
    if (this.#outEnd === 0) return;
    if (!this.#ended) this.#socket.write(this.#out.subarray(0, this.#outEnd));
    this.#outEnd = 0;
    if (this.#socket.writableLength > 0) this.#out = Buffer.allocUnsafeSlow(OUT_BYTES); // the socket still needs the other
  }

  /** May be called twice. */
  end(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.destroy();
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const { done } of calls) done(why);
  }

  /** Sends of a message whole frames, as far as the windows let it. @returns whether that is all of it */
  #send(call: Call): boolean {
    const { id, request: { bytes } } = call;
    while (call.sent < bytes.length) {
      const from = call.sent;
      const data = bytes.readUIntBE(from, 3);
      if (data > this.#credit || data > call.window) return false;
      this.#credit -= data;
      call.window -= data;
      call.sent = from + FRAME_HEADER_BYTES + data;
      this.#putFrame(bytes, from, call.sent, id);
    }
    return true;
  }

  #sendBlocked(): void {
    if (this.#blocked.length > 0) this.#blocked = this.#blocked.filter((call) => this.#calls.has(call.id) && !this.#send(call));
  }

  /** Puts bytes behind what is to be sent. @returns where they lie in `#out` */
  #put(bytes: Buffer, from: number, to: number): number {
    if (this.#outEnd + to - from > OUT_BYTES) this.flush();
    const at = this.#outEnd;
    bytes.copy(this.#out, at, from, to);
    this.#outEnd = at + to - from;
    return at;
  }

  /** The same with a frame that lies ready, of another stream. */
  #putFrame(bytes: Buffer, from: number, to: number, id: number): void {
    const at = this.#put(bytes, from, to); // it may have taken another buffer
    this.#out.writeUInt32BE(id, at + 5);
  }

  #take(bytes: number): void {
    let chunk = buffer;
    let end = bytes;
    if (this.#partial !== undefined) {
      chunk = Buffer.concat([this.#partial, buffer.subarray(0, bytes)]);
      end = chunk.length;
      this.#partial = undefined;
    }
    let at = 0;
    while (end - at >= FRAME_HEADER_BYTES && !this.#ended) {
      const next = at + FRAME_HEADER_BYTES + chunk.readUIntBE(at, 3);
      if (next > end) break;
      this.#frame(chunk, at, next);
      at = next;
    }
    if (at < end) this.#partial = Buffer.from(chunk.subarray(at, end));
    this.flush();
  }

  #frame(chunk: Buffer, at: number, end: number): void {
    const flags = chunk[at + 4] as number;
    const id = chunk.readUInt32BE(at + 5);
    const payload = at + FRAME_HEADER_BYTES;
    switch (chunk[at + 3] as number) {
      case FrameType.DATA:
        if ((flags & PADDED) !== 0) return this.end('padding is not looked for');
        return this.#data(id, chunk, payload, end, (flags & END_STREAM) !== 0);
      case FrameType.HEADERS:
        if ((flags & ~END_STREAM) !== END_HEADERS) return this.end('headers in more than one frame, with padding or priority, are not looked for');
        return this.#block(id, chunk, payload, end, (flags & END_STREAM) !== 0);
      case FrameType.RST_STREAM:
        return this.#done(id, `the stream was reset with code ${chunk.readUInt32BE(payload)}`);
      case FrameType.SETTINGS:
        if ((flags & ACK) === 0) this.#settings(chunk, payload, end);
        return;
      case FrameType.PING:
        if ((flags & ACK) === 0) {
          const pong = frame(FrameType.PING, ACK, 0, Buffer.from(chunk.subarray(payload, end)));
          this.#put(pong, 0, pong.length);
        }
        return;
      case FrameType.GOAWAY:
        return this.end(`the server said goodbye with code ${chunk.readUInt32BE(payload + 4)}`);
      case FrameType.WINDOW_UPDATE: {
        const call = this.#calls.get(id);
        if (id === 0) this.#credit += chunk.readUInt32BE(payload);
        else if (call !== undefined) call.window += chunk.readUInt32BE(payload);
        this.#sendBlocked();
      }
    }
  }

  #settings(chunk: Buffer, payload: number, end: number): void {
    const given = new Map<number, number>();
    for (let at = payload; at < end; at += 6) given.set(chunk.readUInt16BE(at), chunk.readUInt32BE(at + 2));
    this.#put(ACKNOWLEDGED, 0, ACKNOWLEDGED.length);
    if (this.#heads !== undefined) return;
    this.#streamWindow = given.get(Setting.INITIAL_WINDOW_SIZE) ?? DEFAULT_WINDOW;
    this.#heads = new RequestHeads(`127.0.0.1:${this.#socket.remotePort}`, (given.get(Setting.HEADER_TABLE_SIZE) ?? DEFAULT_TABLE_BYTES) >= DEFAULT_TABLE_BYTES);
    this.#opened();
  }

  #data(id: number, chunk: Buffer, start: number, end: number, isLast: boolean): void {
    this.#received += end - start;
    if (this.#received > LARGEST_WINDOW / 2) {
      const update = windowUpdate(this.#received);
      this.#put(update, 0, update.length);
      this.#received = 0;
    }
    const call = this.#calls.get(id);
    if (call === undefined) return;
    if (!call.begun) call.fault = 'data before the head';
    call.check.take(chunk, start, end);
    if (isLast) this.#done(id, 'an answer without a status');
  }

  #block(id: number, chunk: Buffer, start: number, end: number, isLast: boolean): void {
    let meaning: Meaning;
    try {
      meaning = this.#blocks.read(chunk, start, end); // also when nobody waits for it: it may change the table
    } catch (cause) {
      return this.end(`a header block that can't be read: ${String(cause)}`);
    }
    const call = this.#calls.get(id);
    if (call === undefined) return;
    if (isLast) return this.#done(id, meaning === SUCCEEDED ? undefined : meaning.fault ?? 'an answer without a status');
    if (meaning !== BEGINS || call.begun) call.fault ??= meaning.fault ?? 'headers where there should be none';
    call.begun = true;
  }

  #done(id: number, late: string | undefined): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#calls.delete(id);
    call.done(late ?? call.fault ?? call.check.fault);
  }
}
