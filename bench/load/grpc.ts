// gRPC load with as little work of its own as will do: HTTP/2 frames made once and sent with another stream id each time,
// answers read frame by frame and compared with the bytes they should have. Node's own HTTP/2 client would take more of a core
// than the servers it is to measure.
import { connect, type Socket } from 'node:net';
import { AnswerBlocks, BEGINS, SUCCEEDED, type Meaning } from './answer-blocks.ts';
import { dataBytes, GrpcCalls, SLOTS } from './grpc-requests.ts';
import {
  ACK, DEFAULT_TABLE_BYTES, DEFAULT_WINDOW, END_HEADERS, END_STREAM, frame, FRAME_HEADER_BYTES, FrameType, LARGEST_FRAME_BYTES, LARGEST_WINDOW, PADDED, PREFACE, Setting, settings,
  windowUpdate,
} from './http2.ts';
import { serveWindows, type LoadSpec, type Recorder } from './window.ts';

export interface GrpcSpec extends LoadSpec {
  /** `/package.Service/Method` */
  readonly path: string;
  /** Protobuf messages in base64; call i sends the i-th, and so on from the start. */
  readonly messages: readonly string[];
  /** Answers with less data are errors: gRPC calls a key that is absent a success. */
  readonly answerBytes: number;
  /** The answer to each message in base64, where it is always the same: one with other bytes is an error. */
  readonly answers?: readonly string[];
}

/** Grown to the largest request where that is larger. */
const OUT_BYTES = 16 * 1024;
/** Frames are looked at before the next read, so that one buffer does for all connections. */
const buffer = Buffer.allocUnsafeSlow(256 * 1024);

class Connection {
  readonly #spec: GrpcSpec;
  readonly #calls: GrpcCalls;
  readonly #recorder: Recorder;
  readonly #socket: Socket;
  readonly #blocks = new AnswerBlocks();
  /** HEADERS and message of the first request, and of the others. */
  #first: Buffer = Buffer.alloc(0);
  #requests: readonly Buffer[] = [];
  readonly #sentAt = new Float64Array(SLOTS);
  /** The stream in a slot; 0 when there is none. */
  readonly #ids = new Int32Array(SLOTS);
  /** Bytes of data that came for it; -1 before its head. */
  readonly #taken = new Int32Array(SLOTS);
  /** What is wrong with an answer that hasn't ended yet, by stream. */
  readonly #faults = new Map<number, string>();
  #out: Buffer;
  #outEnd = 0;
  #partial: Buffer | undefined;
  #nextId = 1;
  /** Bytes of messages that the server takes. */
  #credit = DEFAULT_WINDOW;
  /** Calls that wait for credit. */
  #waiting = 0;
  #received = 0;
  #begun = false;
  #closed = false;

  constructor(spec: GrpcSpec, calls: GrpcCalls, recorder: Recorder) {
    this.#spec = spec;
    this.#calls = calls;
    this.#recorder = recorder;
    this.#out = Buffer.allocUnsafeSlow(Math.max(OUT_BYTES, calls.largestBytes + 1024));
    this.#socket = connect({ port: spec.port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback: (bytes) => { this.#take(bytes); return true; } } });
    this.#socket.on('error', () => {}); // 'close' follows
    this.#socket.on('close', () => { if (!this.#closed) recorder.failed('the connection was closed'); });
    this.#put(PREFACE);
    this.#put(settings([[Setting.ENABLE_PUSH, 0], [Setting.INITIAL_WINDOW_SIZE, LARGEST_WINDOW]]));
    this.#put(windowUpdate(LARGEST_WINDOW - DEFAULT_WINDOW));
    this.#flush();
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  /** The server is not one to measure. */
  #giveUp(why: string): void {
    this.#recorder.failed(why);
    this.close();
  }

  #open(now: number): void {
    const id = this.#nextId;
    const call = (id - 1) / 2;
    const { messages } = this.#calls;
    const which = call % messages.length;
    const message = messages[which] as Buffer;
    const bytes = dataBytes(message);
    if (this.#credit < bytes) {
      this.#waiting++;
      return;
    }
    this.#credit -= bytes;
    this.#nextId += 2;
    const slot = call & (SLOTS - 1);
    if (this.#ids[slot] !== 0) return this.#giveUp(`stream ${this.#ids[slot]} is not answered, ${SLOTS} after it were`);
    this.#sentAt[slot] = now;
    this.#ids[slot] = id;
    this.#taken[slot] = -1;
    const request = id === 1 ? this.#first : (this.#requests[which] as Buffer);
    const at = this.#put(request);
    const out = this.#out;
    const end = at + request.length;
    writeId(out, at + 5, id);
    for (let data = end - message.length; data < end; data += FRAME_HEADER_BYTES + LARGEST_FRAME_BYTES) writeId(out, data + 5, id);
  }

  /** Puts bytes behind what is to be sent. @returns where they lie in `#out` */
  #put(bytes: Buffer): number {
    if (this.#outEnd + bytes.length > this.#out.length) this.#flush();
    const at = this.#outEnd;
    this.#out.set(bytes, at);
    this.#outEnd = at + bytes.length;
    return at;
  }

  /** One write for all that a chunk of answers led to, as clients of large programs do. */
  #flush(): void {
    if (this.#outEnd === 0) return;
    if (!this.#closed) this.#socket.write(this.#out.subarray(0, this.#outEnd));
    this.#outEnd = 0;
    if (this.#socket.writableLength > 0) this.#out = Buffer.allocUnsafeSlow(this.#out.length); // the socket still needs the other
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
    while (end - at >= FRAME_HEADER_BYTES && !this.#closed) {
      const next = at + FRAME_HEADER_BYTES + ((chunk[at]! << 16) | (chunk[at + 1]! << 8) | chunk[at + 2]!);
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
    const id = (chunk[at + 5]! << 24) | (chunk[at + 6]! << 16) | (chunk[at + 7]! << 8) | chunk[at + 8]!;
    const payload = at + FRAME_HEADER_BYTES;
    switch (type) {
      case FrameType.DATA:
        if ((flags & PADDED) !== 0) return this.#giveUp('padding is not looked for');
        return this.#data(id, chunk, payload, end, (flags & END_STREAM) !== 0, now);
      case FrameType.HEADERS:
        if ((flags & ~END_STREAM) !== END_HEADERS) return this.#giveUp('headers in more than one frame, with padding or priority, are not looked for');
        return this.#block(id, chunk, payload, end, (flags & END_STREAM) !== 0, now);
      case FrameType.RST_STREAM:
        if (this.#isOpen(id)) this.#done(id, now, `the stream was reset with code ${chunk.readUInt32BE(payload)}`);
        return;
      case FrameType.SETTINGS:
        if ((flags & ACK) === 0) this.#settings(chunk, payload, end, now);
        return;
      case FrameType.PING:
        if ((flags & ACK) === 0) this.#put(frame(FrameType.PING, ACK, 0, Buffer.from(chunk.subarray(payload, end))));
        return;
      case FrameType.GOAWAY:
        return this.#recorder.failed(`the server said goodbye with code ${chunk.readUInt32BE(payload + 4)}`);
      case FrameType.WINDOW_UPDATE:
        if (id !== 0) return; // a message fits into any stream's first window
        this.#credit += chunk.readUInt32BE(payload);
        for (let calls = this.#waiting; calls > 0; calls--) {
          this.#waiting--;
          this.#open(now);
        }
    }
  }

  #isOpen(id: number): boolean {
    if (id > 0 && this.#ids[((id - 1) / 2) & (SLOTS - 1)] === id) return true;
    this.#giveUp(`a frame for stream ${id}, which is not open`);
    return false;
  }

  #data(id: number, chunk: Buffer, start: number, end: number, isLast: boolean, now: number): void {
    this.#received += end - start;
    if (this.#received > LARGEST_WINDOW / 2) {
      this.#put(windowUpdate(this.#received));
      this.#received = 0;
    }
    if (!this.#isOpen(id)) return;
    const call = (id - 1) / 2;
    const slot = call & (SLOTS - 1);
    const before = this.#taken[slot] as number;
    const after = before + end - start;
    const answer = this.#calls.answers?.[call % this.#calls.messages.length];
    if (before < 0) this.#faults.set(id, 'data before the head');
    else if (answer !== undefined && (after > answer.length || chunk.compare(answer, before, after, start, end) !== 0)) this.#faults.set(id, 'an answer with other bytes than it should have');
    this.#taken[slot] = after;
    if (isLast) this.#done(id, now, 'an answer without a status');
  }

  #block(id: number, chunk: Buffer, start: number, end: number, isLast: boolean, now: number): void {
    let meaning: Meaning;
    try {
      meaning = this.#blocks.read(chunk, start, end); // also when nobody waits for it: it may change the table
    } catch (cause) {
      return this.#giveUp(`a header block that can't be read: ${String(cause)}`);
    }
    if (!this.#isOpen(id)) return;
    const call = (id - 1) / 2;
    const slot = call & (SLOTS - 1);
    const taken = this.#taken[slot] as number;
    if (!isLast) {
      if (taken < 0) this.#taken[slot] = 0;
      if (meaning !== BEGINS || taken >= 0) this.#faults.set(id, meaning.fault ?? 'headers where there should be none');
      return;
    }
    if (meaning !== SUCCEEDED) return this.#done(id, now, meaning.fault ?? 'an answer without a status');
    const wanted = this.#calls.answers?.[call % this.#calls.messages.length]?.length;
    const isWhole = wanted === undefined ? taken >= this.#spec.answerBytes : taken === wanted;
    this.#done(id, now, isWhole ? undefined : `an answer of ${Math.max(0, taken)} bytes`);
  }

  #settings(chunk: Buffer, payload: number, end: number, now: number): void {
    const given = new Map<number, number>();
    for (let at = payload; at < end; at += 6) given.set(chunk.readUInt16BE(at), chunk.readUInt32BE(at + 2));
    this.#put(frame(FrameType.SETTINGS, ACK, 0, Buffer.alloc(0)));
    if (this.#begun) return;
    this.#begun = true;
    const { streams } = this.#spec;
    const window = given.get(Setting.INITIAL_WINDOW_SIZE) ?? DEFAULT_WINDOW;
    const most = given.get(Setting.MAX_CONCURRENT_STREAMS) ?? Infinity;
    if (streams > most) return this.#giveUp(`the server takes ${most} streams at a time, which is less than ${streams}`);
    if (this.#calls.largestBytes > window) return this.#giveUp(`a message of ${this.#calls.largestBytes} bytes does not fit into the server's window of ${window}`);
    const hasTable = (given.get(Setting.HEADER_TABLE_SIZE) ?? DEFAULT_TABLE_BYTES) >= DEFAULT_TABLE_BYTES;
    this.#first = this.#calls.first(hasTable);
    this.#requests = this.#calls.requests(hasTable);
    for (let i = 0; i < streams; i++) this.#open(now);
  }

  #done(id: number, now: number, late: string | undefined): void {
    const slot = ((id - 1) / 2) & (SLOTS - 1);
    this.#ids[slot] = 0;
    let fault = late;
    if (this.#faults.size > 0) {
      fault = this.#faults.get(id) ?? late;
      this.#faults.delete(id);
    }
    if (fault !== undefined) this.#recorder.failed(fault);
    else this.#recorder.answered(now - (this.#sentAt[slot] as number));
    this.#open(now);
  }
}

function writeId(bytes: Buffer, at: number, id: number): void {
  bytes[at] = id >>> 24;
  bytes[at + 1] = id >>> 16;
  bytes[at + 2] = id >>> 8;
  bytes[at + 3] = id;
}

serveWindows<GrpcSpec>((spec, recorder) => {
  const calls = new GrpcCalls(spec);
  const connections = Array.from({ length: spec.connections }, () => new Connection(spec, calls, recorder));
  return { close: () => connections.forEach((connection) => connection.close()) };
});
