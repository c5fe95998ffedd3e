// A frame that waits for space in the ring: whole, or in pieces of which some may be written already.
import { QUEUED_FRAME_BYTES } from './channel.ts';
import { Flag, Kind, type Frame } from './frame.ts';
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
  /** The packed head; before it the lengths, when the frame goes out in pieces. */
  readonly #lead: Uint8Array;
  readonly #fragmented: boolean;
  /** Bytes of lead and body already written, when the frame goes out in pieces. */
  #sent = 0;

  constructor(frame: Frame, head: Uint8Array, largestPayload: number) {
    const payload = head.length + frame.body.length;
    this.bytes = payload + QUEUED_FRAME_BYTES;
    this.#kind = frame.kind;
    this.#flags = frame.flags;
    this.#code = frame.code;
    this.#call = frame.call;
    this.#arg = frame.arg;
    this.#body = frame.body;
    this.#fragmented = payload > largestPayload;
    this.#lead = this.#fragmented ? leadOf(head, frame.body.length) : Buffer.from(head); // packed heads live until the next one
  }

  /** Writes as much as there is space for. True when the whole frame is in the ring. @throws BadFrame */
  writeTo(out: Producer, largestPayload: number): boolean {
    const lead = this.#lead;
    const body = this.#body;
    if (!this.#fragmented) return out.write(this.#kind, this.#flags, this.#code, this.#call, this.#arg, lead, body);
    const total = lead.length + body.length;
    while (this.#sent < total) {
      const from = this.#sent;
      const to = Math.min(total, from + largestPayload);
      const first = lead.subarray(Math.min(from, lead.length), Math.min(to, lead.length));
      const rest = body.subarray(Math.max(0, from - lead.length), Math.max(0, to - lead.length));
      const written = from === 0
        ? out.write(this.#kind, this.#flags | Flag.FRAGMENTED, this.#code, this.#call, this.#arg, first, rest)
        : out.write(Kind.MORE, 0, 0, this.#call, 0, first, rest);
      if (!written) return false;
      this.#sent = to;
    }
    return true;
  }
}
