// Cuts what comes off a socket into frames, wherever the socket cut it. A frame that lies whole in a chunk is handed on where it
// lies; one that doesn't is put together first, but for the body of DATA, which goes on in pieces as they come.
import { ConnectionError, ErrorCode, FRAME_BYTES, FRAME_HEAD_BYTES, FrameFlag, FrameType, PREFACE, readUint31 } from './frames.ts';

/** Takes frames. `bytes` may be kept: nobody writes there again. */
export interface FrameSink {
  /** Any frame but DATA without padding. The payload is `bytes` from `start` to `end`. */
  onFrame(type: number, flags: number, stream: number, bytes: Buffer, start: number, end: number): void;
  /** The head of a DATA frame without padding. */
  onDataHead(flags: number, stream: number, length: number): void;
  /** Its payload, in order; the pieces' lengths add up to `length`. `last`: of this frame. Comes at least once. */
  onDataPiece(flags: number, stream: number, bytes: Buffer, start: number, end: number, last: boolean): void;
}

export class FrameReader {
  readonly #sink: FrameSink;
  #prefaced = 0;
  /** A frame that is not whole yet, its head first; and how much of it is there. */
  #held: Buffer = Buffer.alloc(0);
  #have = 0;
  #holds = 0;
  /** Of a DATA frame under way. */
  #dataLeft = 0;
  #dataFlags = 0;
  #dataStream = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** The client's preface has come whole. */
  get prefaced(): boolean {
    return this.#prefaced === PREFACE.length;
  }

  /** Another number for each frame that has begun and is not there yet, but for the body of DATA. 0: there is none. */
  get unfinished(): number {
    return this.#have > 0 ? this.#holds : 0;
  }

  /** @throws ConnectionError, and what the sink throws */
  take(chunk: Buffer): void {
    let at = this.#prefaced < PREFACE.length ? this.#takePreface(chunk) : 0;
    const end = chunk.length;
    while (at < end) {
      if (this.#dataLeft > 0) at = this.#takeData(chunk, at);
      else if (this.#have > 0) at = this.#complete(chunk, at);
      else if (end - at < FRAME_HEAD_BYTES) return this.#hold(chunk, at, FRAME_HEAD_BYTES);
      else {
        const length = (chunk[at]! << 16) | (chunk[at + 1]! << 8) | chunk[at + 2]!;
        const type = chunk[at + 3]!;
        const flags = chunk[at + 4]!;
        const payload = at + FRAME_HEAD_BYTES;
        if (length > FRAME_BYTES) throw tooLong(length);
        if (type === FrameType.DATA && (flags & FrameFlag.PADDED) === 0) {
          this.#beginData(flags, readUint31(chunk, at + 5), length, chunk, payload);
          at = payload;
        } else if (end - payload < length) return this.#hold(chunk, at, FRAME_HEAD_BYTES + length);
        else {
          this.#sink.onFrame(type, flags, readUint31(chunk, at + 5), chunk, payload, payload + length);
          at = payload + length;
        }
      }
    }
  }

  #takePreface(chunk: Buffer): number {
    const size = Math.min(PREFACE.length - this.#prefaced, chunk.length);
    if (PREFACE.compare(chunk, 0, size, this.#prefaced, this.#prefaced + size) !== 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'the client does not begin as HTTP/2 does');
    this.#prefaced += size;
    return size;
  }

  #hold(chunk: Buffer, at: number, size: number): void {
    this.#holds++;
    this.#held = Buffer.allocUnsafeSlow(size); // kept by whoever takes the frame
    this.#have = chunk.copy(this.#held, 0, at);
  }

  /** Adds to the frame that is held, and hands it on when it is whole. */
  #complete(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#held, this.#have, at, Math.min(chunk.length, at + this.#held.length - this.#have));
    this.#have += taken;
    if (this.#have < this.#held.length) return at + taken;
    const held = this.#held;
    const length = (held[0]! << 16) | (held[1]! << 8) | held[2]!;
    const type = held[3]!;
    const flags = held[4]!;
    if (length > FRAME_BYTES) throw tooLong(length);
    if (type === FrameType.DATA && (flags & FrameFlag.PADDED) === 0) {
      this.#drop();
      this.#beginData(flags, readUint31(held, 5), length, held, FRAME_HEAD_BYTES);
    } else if (held.length < FRAME_HEAD_BYTES + length) {
      this.#held = Buffer.allocUnsafeSlow(FRAME_HEAD_BYTES + length);
      held.copy(this.#held);
    } else {
      this.#drop();
      this.#sink.onFrame(type, flags, readUint31(held, 5), held, FRAME_HEAD_BYTES, held.length);
    }
    return at + taken;
  }

  #drop(): void {
    this.#held = EMPTY;
    this.#have = 0;
  }

  #beginData(flags: number, stream: number, length: number, bytes: Buffer, at: number): void {
    this.#sink.onDataHead(flags, stream, length);
    if (length === 0) return this.#sink.onDataPiece(flags, stream, bytes, at, at, true);
    this.#dataLeft = length;
    this.#dataFlags = flags;
    this.#dataStream = stream;
  }

  #takeData(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#dataLeft);
    this.#dataLeft -= end - at;
    this.#sink.onDataPiece(this.#dataFlags, this.#dataStream, chunk, at, end, this.#dataLeft === 0);
    return end;
  }
}

const EMPTY = Buffer.alloc(0);

function tooLong(length: number): ConnectionError {
  return new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `a frame of ${length} bytes`);
}
