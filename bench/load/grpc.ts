// gRPC load with as little work of its own as will do: HTTP/2 frames made once and sent with another stream id each time,
// answers read frame by frame. Node's own HTTP/2 client would take more of a core than the servers it is to measure.
import { connect, type Socket } from 'node:net';
import { ACK, END_HEADERS, END_STREAM, FrameType, frame, isStatusOk, requestHeaders, settings, type RequestHeaders } from './http2.ts';
import { serveWindows, type LoadSpec, type Recorder } from './window.ts';

export interface GrpcSpec extends LoadSpec {
  /** `/package.Service/Method` */
  readonly path: string;
  /** Protobuf messages in base64; call i sends the i-th, and so on from the start. */
  readonly messages: readonly string[];
  /** Answers with less data are errors: gRPC calls a key that is absent a success. */
  readonly answerBytes: number;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const FRAME_HEADER = 9;
/** That any server takes. */
const LARGEST_FRAME = 16_384;
/** Half of a window: servers may wait so long until they open it again, and no message is sent in part. */
const LARGEST_MESSAGE = 32_767;
const HEADER_TABLE_SIZE = 1;
const ENABLE_PUSH = 2;
const INITIAL_WINDOW_SIZE = 4;
const LARGEST_WINDOW = 2 ** 31 - 1;
const DEFAULT_WINDOW = 65_535;
const DEFAULT_TABLE = 4_096;
/** Stream ids differ by 2; so many streams are told apart by the low bits of theirs. */
const SLOTS = 1 << 14;
/** Frames are looked at before the next read, so that one buffer does for all connections. */
const buffer = Buffer.allocUnsafe(256 * 1024);

class Connection {
  readonly #spec: GrpcSpec;
  readonly #recorder: Recorder;
  readonly #socket: Socket;
  readonly #headers: RequestHeaders;
  readonly #messages: readonly Buffer[];
  readonly #sentAt = new Float64Array(SLOTS);
  readonly #data = new Uint32Array(SLOTS);
  #out: Buffer[] = [];
  #partial: Buffer | undefined;
  #nextId = 1;
  /** Bytes of messages that the server takes. */
  #credit = DEFAULT_WINDOW;
  /** Calls that wait for credit. */
  #waiting = 0;
  #received = 0;
  #begun = false;
  #closed = false;

  constructor(spec: GrpcSpec, recorder: Recorder) {
    this.#spec = spec;
    this.#recorder = recorder;
    this.#headers = requestHeaders(spec.path, `127.0.0.1:${spec.port}`);
    this.#messages = spec.messages.map((text) => {
      const message = Buffer.from(text, 'base64');
      if (message.length + 5 > LARGEST_MESSAGE) throw new RangeError(`a message of ${message.length} bytes would wait for ever`);
      const prefix = Buffer.alloc(5); // not compressed
      prefix.writeUInt32BE(message.length, 1);
      return dataFrames(Buffer.concat([prefix, message]));
    });
    this.#socket = connect({ port: spec.port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback: (bytes) => { this.#take(bytes); return true; } } });
    this.#socket.on('error', () => {}); // 'close' follows
    this.#socket.on('close', () => { if (!this.#closed) recorder.failed('the connection was closed'); });
    const window = Buffer.alloc(4);
    window.writeUInt32BE(LARGEST_WINDOW - DEFAULT_WINDOW);
    // Without a table for answers, the bytes of a status mean the same each time.
    this.#out.push(PREFACE, settings([[HEADER_TABLE_SIZE, 0], [ENABLE_PUSH, 0], [INITIAL_WINDOW_SIZE, LARGEST_WINDOW]]), frame(FrameType.WINDOW_UPDATE, 0, 0, window));
    this.#flush();
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  #open(now: number): void {
    const id = this.#nextId;
    const call = (id - 1) / 2;
    const message = this.#messages[call % this.#messages.length] as Buffer;
    const bytes = message.length - FRAME_HEADER * Math.ceil(message.length / (FRAME_HEADER + LARGEST_FRAME));
    if (this.#credit < bytes) {
      this.#waiting++;
      return;
    }
    this.#credit -= bytes;
    this.#nextId += 2;
    const slot = call & (SLOTS - 1);
    this.#sentAt[slot] = now;
    this.#data[slot] = 0;
    const block = this.#headers.next();
    const both = Buffer.allocUnsafe(block.length + message.length);
    block.copy(both);
    message.copy(both, block.length);
    both.writeUInt32BE(id, 5);
    for (let at = block.length; at < both.length; at += FRAME_HEADER + LARGEST_FRAME) both.writeUInt32BE(id, at + 5);
    this.#out.push(both);
  }

  /** One write for all that a chunk of answers led to, as clients of large programs do. */
  #flush(): void {
    if (this.#out.length === 0 || this.#closed) return;
    this.#socket.write(this.#out.length === 1 ? (this.#out[0] as Buffer) : Buffer.concat(this.#out));
    this.#out = [];
  }

  #take(bytes: number): void {
    let chunk = buffer;
    let end = bytes;
    if (this.#partial !== undefined) {
      chunk = Buffer.concat([this.#partial, buffer.subarray(0, bytes)]);
      end = chunk.length;
      this.#partial = undefined;
    }
    const now = performance.now();
    let at = 0;
    while (end - at >= FRAME_HEADER) {
      const next = at + FRAME_HEADER + chunk.readUIntBE(at, 3);
      if (next > end) break;
      this.#frame(chunk, at, next, now);
      at = next;
    }
    if (at < end) this.#partial = Buffer.from(chunk.subarray(at, end));
    this.#flush();
  }

  #frame(chunk: Buffer, at: number, end: number, now: number): void {
    const type = chunk[at + 3] as number;
    const flags = chunk[at + 4] as number;
    const id = chunk.readUInt32BE(at + 5);
    const payload = at + FRAME_HEADER;
    switch (type) {
      case FrameType.DATA:
        this.#data[((id - 1) / 2) & (SLOTS - 1)]! += end - payload;
        this.#received += end - payload;
        if (this.#received > LARGEST_WINDOW / 2) this.#refill();
        if ((flags & END_STREAM) !== 0) this.#done(id, now, 'an answer without a status');
        return;
      case FrameType.HEADERS:
        if ((flags & END_STREAM) !== 0) this.#done(id, now, isStatusOk(chunk.subarray(payload, end)) ? undefined : `a status other than 0: ${chunk.toString('latin1', payload, end)}`);
        else if ((flags & END_HEADERS) === 0) throw new Error('headers in more than one frame are not looked for');
        return;
      case FrameType.RST_STREAM:
        return this.#done(id, now, `the stream was reset with code ${chunk.readUInt32BE(payload)}`);
      case FrameType.SETTINGS:
        if ((flags & ACK) === 0) this.#settings(chunk, payload, end, now);
        return;
      case FrameType.PING:
        if ((flags & ACK) === 0) this.#out.push(frame(FrameType.PING, ACK, 0, Buffer.from(chunk.subarray(payload, end))));
        return;
      case FrameType.GOAWAY:
        return this.#recorder.failed(`the server said goodbye with code ${chunk.readUInt32BE(payload + 4)}`);
      case FrameType.WINDOW_UPDATE:
        if (id !== 0) return;
        this.#credit += chunk.readUInt32BE(payload);
        for (let calls = this.#waiting; calls > 0; calls--) {
          this.#waiting--;
          this.#open(now);
        }
    }
  }

  #settings(chunk: Buffer, payload: number, end: number, now: number): void {
    let table = DEFAULT_TABLE;
    for (let at = payload; at < end; at += 6) if (chunk.readUInt16BE(at) === HEADER_TABLE_SIZE) table = chunk.readUInt32BE(at + 2);
    this.#out.push(frame(FrameType.SETTINGS, ACK, 0, Buffer.alloc(0)));
    if (this.#begun) return;
    this.#begun = true;
    if (table < DEFAULT_TABLE) this.#headers.useNoTable();
    for (let i = 0; i < this.#spec.streams; i++) this.#open(now);
  }

  #done(id: number, now: number, fault: string | undefined): void {
    const slot = ((id - 1) / 2) & (SLOTS - 1);
    const bytes = this.#data[slot] as number;
    if (fault !== undefined) this.#recorder.failed(fault);
    else if (bytes < this.#spec.answerBytes) this.#recorder.failed(`an answer of ${bytes} bytes`);
    else this.#recorder.answered(now - (this.#sentAt[slot] as number));
    this.#open(now);
  }

  #refill(): void {
    const increment = Buffer.alloc(4);
    increment.writeUInt32BE(this.#received);
    this.#out.push(frame(FrameType.WINDOW_UPDATE, 0, 0, increment));
    this.#received = 0;
  }
}

/** As few as will do, the last of which ends the stream. */
function dataFrames(bytes: Buffer): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += LARGEST_FRAME) {
    frames.push(frame(FrameType.DATA, at + LARGEST_FRAME < bytes.length ? 0 : END_STREAM, 0, bytes.subarray(at, at + LARGEST_FRAME)));
  }
  return Buffer.concat(frames);
}

serveWindows<GrpcSpec>((spec, recorder) => {
  const connections = Array.from({ length: spec.connections }, () => new Connection(spec, recorder));
  return { close: () => connections.forEach((connection) => connection.close()) };
});
