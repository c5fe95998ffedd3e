// Frames larger than one record: cut into pieces on one side, put together on the other. Pieces of one frame follow each
// other without anything between them, so there is at most one unfinished frame on a channel.
import { BadFrame, EMPTY, type Frame } from './frame.ts';
import { unpackHead } from './head.ts';

/** The first piece starts with two 32-bit words: the length of the whole payload, and how much of it is the head. */
const LEAD_BYTES = 8;
/** Payloads up to this size are put together in memory that is kept: fresh pages cost more than the copy. */
const KEPT_BYTES = 1 << 20;

/** What goes before the body of a fragmented frame: the two words and the head. */
export function leadOf(head: Uint8Array, bodyBytes: number): Buffer {
  const lead = Buffer.allocUnsafe(LEAD_BYTES + head.length);
  lead.writeUInt32LE(head.length + bodyBytes, 0);
  lead.writeUInt32LE(head.length, 4);
  lead.set(head, LEAD_BYTES);
  return lead;
}

export class Assembly {
  readonly #maxFrameBytes: number;
  readonly #onFrame: (frame: Frame) => void;
  readonly #poison: number | undefined;
  /** Grows to the largest payload seen that is not above KEPT_BYTES. */
  #kept: Buffer | undefined;
  #payload: Buffer | undefined;
  #filled = 0;
  #headBytes = 0;
  #frame: Frame | undefined;

  constructor(maxFrameBytes: number, onFrame: (frame: Frame) => void, poison?: number) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#onFrame = onFrame;
    this.#poison = poison;
  }

  /** @throws BadFrame */
  first(frame: Frame, piece: Uint8Array): void {
    if (this.#payload !== undefined) throw new BadFrame('a frame begins inside another one');
    if (piece.length <= LEAD_BYTES) throw new BadFrame('a fragmented frame without its length');
    const lead = Buffer.from(piece.subarray(0, LEAD_BYTES)); // a copy: the peer may still write there
    const total = lead.readUInt32LE(0);
    const headBytes = lead.readUInt32LE(4);
    if (total > this.#maxFrameBytes) throw new BadFrame(`a frame of ${total} bytes, the limit is ${this.#maxFrameBytes}`);
    if (headBytes > total) throw new BadFrame(`a head of ${headBytes} bytes in a payload of ${total}`);
    this.#frame = { ...frame };
    this.#headBytes = headBytes;
    this.#payload = this.#allocate(total);
    this.#filled = 0;
    this.#append(piece.subarray(LEAD_BYTES));
  }

  /** @throws BadFrame */
  more(call: number, piece: Uint8Array): void {
    if (this.#payload === undefined || this.#frame?.call !== call) throw new BadFrame('a piece that belongs to no frame');
    if (piece.length === 0) throw new BadFrame('an empty piece');
    this.#append(piece);
  }

  /** Bodies are borrowed, so the memory is free again when the frame was taken. */
  #allocate(bytes: number): Buffer {
    if (bytes > KEPT_BYTES) return Buffer.allocUnsafeSlow(bytes);
    if (this.#kept === undefined || this.#kept.length < bytes) this.#kept = Buffer.allocUnsafeSlow(Math.min(KEPT_BYTES, bytes * 2));
    return this.#kept.subarray(0, bytes);
  }

  #append(piece: Uint8Array): void {
    const payload = this.#payload as Buffer;
    if (this.#filled + piece.length > payload.length) throw new BadFrame('more pieces than the frame announced');
    payload.set(piece, this.#filled);
    this.#filled += piece.length;
    if (this.#filled < payload.length) return;
    const frame = this.#frame as Frame;
    const head = this.#headBytes === 0 ? undefined : unpackHead(payload, 0, this.#headBytes);
    const body = this.#headBytes === payload.length ? EMPTY : payload.subarray(this.#headBytes);
    this.#payload = undefined;
    this.#frame = undefined;
    this.#onFrame({ ...frame, head, body });
    if (this.#poison !== undefined) payload.fill(this.#poison);
  }
}
