// A frame that waits for space in the ring: whole, or in records of which some may be written already.
import { QUEUED_FRAME_BYTES } from './channel.ts';
import { bytesIn, EMPTY, Flag, Kind, type Frame, type Pieces } from './frame.ts';
import { leadOf } from './fragments.ts';
import type { Producer } from './ring.ts';

export class Outgoing {
  /** What it counts for in `queuedBytes`. */
  readonly bytes: number;
  // The fields one by one, and not the caller's frame: that may be the one it was lent.
  readonly #kind: number;
  readonly #flags: number;
  readonly #code: number;
  readonly #call: number;
  readonly #arg: number;
  readonly #body: Uint8Array;
  /** What follows the body. */
  readonly #pieces: Pieces;
  /** The packed head; before it the lengths, when the frame goes out in several records. */
  readonly #lead: Uint8Array;
  readonly #fragmented: boolean;
  /** Bytes of lead, body and pieces: all there are, and those already written when the frame goes out in several records. */
  readonly #total: number;
  #sent = 0;

  constructor(frame: Frame, pieces: Pieces, head: Uint8Array, largestPayload: number) {
    const bodyBytes = frame.body.length + bytesIn(pieces);
    const payload = head.length + bodyBytes;
    this.bytes = payload + QUEUED_FRAME_BYTES;
    this.#kind = frame.kind;
    this.#flags = frame.flags;
    this.#code = frame.code;
    this.#call = frame.call;
    this.#arg = frame.arg;
    this.#body = frame.body;
    this.#pieces = pieces;
    this.#fragmented = payload > largestPayload;
    this.#lead = this.#fragmented ? leadOf(head, bodyBytes) : Buffer.from(head); // packed heads live until the next one
    this.#total = this.#lead.length + bodyBytes;
  }

  /** Writes as much as there is space for. True when the whole frame is in the ring. @throws BadFrame */
  writeTo(out: Producer, largestPayload: number): boolean {
    if (!this.#fragmented) return out.write(this.#kind, this.#flags, this.#code, this.#call, this.#arg, this.#lead, this.#body, this.#pieces);
    while (this.#sent < this.#total) {
      const from = this.#sent;
      const to = Math.min(this.#total, from + largestPayload);
      const record = between([this.#lead, this.#body, ...this.#pieces], from, to);
      const written = from === 0
        ? out.write(this.#kind, this.#flags | Flag.FRAGMENTED, this.#code, this.#call, this.#arg, EMPTY, EMPTY, record)
        : out.write(Kind.MORE, 0, 0, this.#call, 0, EMPTY, EMPTY, record);
      if (!written) return false;
      this.#sent = to;
    }
    return true;
  }
}

/** The bytes from `from` to `to` of all pieces together. */
function between(pieces: Pieces, from: number, to: number): Pieces {
  const found: Uint8Array[] = [];
  let start = 0;
  for (const piece of pieces) {
    const end = start + piece.length;
    if (end > from && start < to) found.push(piece.subarray(Math.max(0, from - start), Math.min(piece.length, to - start)));
    start = end;
  }
  return found;
}
