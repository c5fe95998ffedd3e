// The channel over a byte stream: a unix socket, TCP, or anything Node calls a Duplex. Same frames, same header; used
// where memory can't be mapped.
import type { Duplex } from 'node:stream';
import { POISON, type Channel, type ChannelEnd, type ChannelOptions } from './channel.ts';
import { BadFrame, EMPTY, HEADER_BYTES, NO_PIECES, bytesIn, checkFrame, codeOf, flagsOf, kindOf, packWhat, type BorrowedFrame, type Frame, type Pieces } from './frame.ts';
import { packHead, unpackHead } from './head.ts';
import { messageOf } from '../proto/errors.ts';

/** Small frames of one turn leave together in one write of at most this many bytes. */
const BATCH_BYTES = 64 * 1024;
/** Larger pieces of a frame are not copied into the batch. */
const COPY_BYTES = 16 * 1024;
/** How long a peer may take to read the rest once this side has closed. */
const CLOSE_MS = 1_000;

export function openSocket(stream: Duplex, options: ChannelOptions): Channel {
  return new SocketChannel(stream, options);
}

class SocketChannel implements Channel {
  onDrain: () => void = () => {};
  onEnd: (end: ChannelEnd) => void = () => {};
  readonly #stream: Duplex;
  readonly #options: ChannelOptions;
  readonly #frame: BorrowedFrame = { kind: 0, flags: 0, code: 0, call: 0, arg: 0, head: undefined, body: EMPTY };
  readonly #flushSoon = (): void => this.#flush();
  #onFrame: ((frame: Frame) => void) | undefined;
  #batch = Buffer.allocUnsafeSlow(BATCH_BYTES);
  #batchBytes = 0;
  #scheduled = false;
  #full = false;
  #sentSequence = 0;
  #readSequence = 0;
  /** The beginning of a record whose rest has not come yet, in a buffer of the record's size. */
  #partial: Buffer | undefined;
  #partialBytes = 0;
  #end: ChannelEnd | undefined;

  constructor(stream: Duplex, options: ChannelOptions) {
    this.#stream = stream;
    this.#options = options;
    stream.on('drain', () => this.#drained());
    stream.on('error', () => {}); // 'close' follows and says all there is to say
    stream.on('end', () => this.#peerEnded());
    stream.on('close', () => this.#peerEnded());
  }

  get onFrame(): (frame: Frame) => void {
    return this.#onFrame ?? (() => {});
  }

  set onFrame(take: (frame: Frame) => void) {
    if (this.#onFrame === undefined) this.#stream.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#onFrame = take;
  }

  get queuedBytes(): number {
    return this.#end === undefined ? this.#stream.writableLength + this.#batchBytes : 0;
  }

  send(frame: Frame, pieces: Pieces = NO_PIECES): boolean {
    if (this.#end !== undefined) return false;
    const { body } = frame;
    const head = frame.head === undefined ? EMPTY : packHead(frame.head);
    const payload = head.length + body.length + bytesIn(pieces);
    if (payload > this.#options.maxFrameBytes) throw new RangeError(`a frame of ${payload} bytes, the limit is ${this.#options.maxFrameBytes}`);
    if (HEADER_BYTES > BATCH_BYTES - this.#batchBytes) this.#flush();
    const batch = this.#batch;
    let at = this.#batchBytes;
    at = batch.writeUInt32LE(HEADER_BYTES + payload, at);
    at = batch.writeUInt32LE(packWhat(frame.kind, frame.flags, frame.code) >>> 0, at);
    at = batch.writeUInt32LE(frame.call, at);
    at = batch.writeUInt32LE(head.length, at);
    at = batch.writeUInt32LE(frame.arg, at);
    this.#batchBytes = batch.writeUInt32LE(this.#sentSequence, at);
    this.#sentSequence = (this.#sentSequence + 1) >>> 0;
    this.#put(head.length > COPY_BYTES ? Buffer.from(head) : head); // packed heads live until the next one
    this.#put(body);
    for (const piece of pieces) this.#put(piece);
    if (this.#batchBytes > 0 && !this.#scheduled) {
      this.#scheduled = true;
      process.nextTick(this.#flushSoon);
    }
    return !this.#full;
  }

  flush(): void {
    this.#flush();
  }

  close(): void {
    if (this.#end !== undefined) return;
    this.#flush();
    this.#finish({ kind: 'closed' });
  }

  #flush(): void {
    this.#scheduled = false;
    if (this.#batchBytes === 0 || this.#end !== undefined) return;
    const bytes = this.#batch.subarray(0, this.#batchBytes);
    // Small batches are copied so that the buffer stays; a large one is given away.
    if (this.#batchBytes <= COPY_BYTES) this.#write(Buffer.from(bytes));
    else {
      this.#write(bytes);
      this.#batch = Buffer.allocUnsafeSlow(BATCH_BYTES);
    }
    this.#batchBytes = 0;
  }

  /** Adds to what is to be sent. Large bytes are not copied. */
  #put(bytes: Uint8Array): void {
    if (bytes.length > COPY_BYTES) {
      this.#flush();
      this.#write(bytes);
      return;
    }
    if (bytes.length > BATCH_BYTES - this.#batchBytes) this.#flush();
    this.#batch.set(bytes, this.#batchBytes);
    this.#batchBytes += bytes.length;
  }

  #write(bytes: Uint8Array): void {
    if (!this.#stream.write(bytes)) this.#full = true;
  }

  #drained(): void {
    if (!this.#full || this.#end !== undefined) return;
    this.#full = false;
    this.onDrain();
  }

  #take(chunk: Buffer): void {
    if (this.#end !== undefined) return;
    try {
      this.#parse(chunk);
    } catch (cause) {
      this.#finish({ kind: 'violation', reason: messageOf(cause) });
    }
  }

  #parse(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#end === undefined) {
      if (this.#partial === undefined) {
        const left = chunk.length - at;
        if (left >= HEADER_BYTES) {
          const size = this.#sizeAt(chunk, at);
          if (left >= size) {
            this.#record(chunk, at, size);
            at += size;
            continue;
          }
          this.#partial = Buffer.allocUnsafeSlow(size);
        } else {
          this.#partial = Buffer.allocUnsafe(HEADER_BYTES);
        }
        this.#partialBytes = 0;
      }
      const wanted = this.#partial.length - this.#partialBytes;
      const taken = Math.min(wanted, chunk.length - at);
      chunk.copy(this.#partial, this.#partialBytes, at, at + taken);
      this.#partialBytes += taken;
      at += taken;
      if (taken < wanted) return;
      this.#completePartial();
    }
  }

  /** The partial buffer is full: it is either a header that now tells the size, or a whole record. */
  #completePartial(): void {
    const partial = this.#partial as Buffer;
    const size = this.#sizeAt(partial, 0);
    if (size > partial.length) {
      const whole = Buffer.allocUnsafeSlow(size);
      partial.copy(whole);
      this.#partial = whole;
      return;
    }
    this.#partial = undefined;
    this.#record(partial, 0, size);
  }

  #sizeAt(bytes: Buffer, at: number): number {
    const size = bytes.readUInt32LE(at);
    if (size < HEADER_BYTES || size > HEADER_BYTES + this.#options.maxFrameBytes) throw new BadFrame(`a record of ${size} bytes, the limit is ${HEADER_BYTES + this.#options.maxFrameBytes}`);
    return size;
  }

  #record(bytes: Buffer, at: number, size: number): void {
    const what = bytes.readUInt32LE(at + 4);
    const headBytes = bytes.readUInt32LE(at + 12);
    const sequence = bytes.readUInt32LE(at + 20);
    if (sequence !== this.#readSequence) throw new BadFrame(`record ${sequence} where ${this.#readSequence} was due`);
    this.#readSequence = (this.#readSequence + 1) >>> 0;
    const frame = this.#frame;
    frame.kind = kindOf(what);
    frame.flags = flagsOf(what);
    frame.code = codeOf(what);
    frame.call = bytes.readUInt32LE(at + 8);
    frame.arg = bytes.readUInt32LE(at + 16);
    checkFrame(frame.kind, frame.flags, frame.call);
    const payload = at + HEADER_BYTES;
    const end = at + size;
    const body = payload + headBytes;
    if (body > end) throw new BadFrame(`a head of ${headBytes} bytes in a payload of ${end - payload}`);
    frame.head = headBytes === 0 ? undefined : unpackHead(bytes, payload, body);
    frame.body = body === end ? EMPTY : bytes.subarray(body, end);
    this.onFrame(frame);
    if (this.#options.poison === true) bytes.fill(POISON, payload, end);
  }

  #peerEnded(): void {
    if (this.#end === undefined) this.#finish({ kind: 'peer' });
    else this.#stream.destroy(); // it has read what was sent before `close`
  }

  #finish(end: ChannelEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#batchBytes = 0;
    if (end.kind === 'closed') {
      // Destroying it now would reset the connection if the peer is writing, and the peer might lose what it hasn't read.
      this.#stream.end();
      setTimeout(() => this.#stream.destroy(), CLOSE_MS).unref();
    } else this.#stream.destroy();
    setImmediate(() => this.onEnd(end));
  }
}
