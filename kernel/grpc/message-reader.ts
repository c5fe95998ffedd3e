// Puts messages together that come in pieces: each has a flag and a length before it, and neither begins nor ends where DATA frames do
// (gRPC over HTTP/2, "Length-Prefixed-Message"). Memory grows with what has come, not with what was announced.
import { Grpc, type GrpcCode } from '../../proto/errors.ts';
import type { Budget } from '../h2/budget.ts';

export const PREFIX_BYTES = 5;

export interface MessageFault {
  readonly code: GrpcCode;
  readonly message: string;
}

/** Takes a whole message, owned. A fault ends the reading. */
export type TakeMessage = (message: Buffer, compressed: boolean) => MessageFault | undefined;

export const tooLarge = (bytes: number, limit: number): MessageFault => ({ code: Grpc.RESOURCE_EXHAUSTED, message: `Received message larger than max (${bytes} vs ${limit})` });
export const badFlag = (flag: number): MessageFault => ({ code: Grpc.INTERNAL, message: `grpc: received unexpected payload format ${flag}` });
const NO_ROOM: MessageFault = { code: Grpc.RESOURCE_EXHAUSTED, message: 'too many bytes of unfinished messages are held' };
const FIRST_BYTES = 1_024;
const EMPTY = Buffer.alloc(0);

export class MessageReader {
  readonly #maxBytes: number;
  readonly #budget: Budget;
  #prefixHave = 0;
  #flag = 0;
  #length = 0;
  /** Of the message under way; `#have` bytes are there. */
  #body = EMPTY;
  #have = 0;
  /** Bytes that the budget knows of. */
  #charged = 0;

  constructor(maxBytes: number, budget: Budget) {
    this.#maxBytes = maxBytes;
    this.#budget = budget;
  }

  /** A message has begun that is not whole. */
  get inside(): boolean {
    return this.#prefixHave > 0;
  }

  read(bytes: Buffer, start: number, end: number, take: TakeMessage): MessageFault | undefined {
    for (let at = start; at < end || this.#isWhole;) {
      if (this.#prefixHave < PREFIX_BYTES) {
        const byte = bytes[at++]!;
        if (this.#prefixHave === 0) this.#flag = byte;
        else this.#length = this.#length * 256 + byte;
        if (++this.#prefixHave < PREFIX_BYTES) continue;
        if (this.#flag > 1) return badFlag(this.#flag);
        if (this.#length > this.#maxBytes) return tooLarge(this.#length, this.#maxBytes);
        continue;
      }
      const size = Math.min(end - at, this.#length - this.#have);
      if (!this.#add(bytes, at, size)) return NO_ROOM;
      at += size;
      if (!this.#isWhole) return undefined;
      const fault = this.#finish(take);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  /** Gives up what is there. */
  close(): void {
    this.#budget.give(this.#charged);
    this.#charged = 0;
    this.#body = EMPTY;
  }

  get #isWhole(): boolean {
    return this.#prefixHave === PREFIX_BYTES && this.#have === this.#length;
  }

  #add(bytes: Buffer, at: number, size: number): boolean {
    if (!this.#budget.take(size)) return false;
    this.#charged += size;
    const needed = this.#have + size;
    if (needed > this.#body.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.#length, Math.max(FIRST_BYTES, needed, this.#body.length * 2)));
      this.#body.copy(larger, 0, 0, this.#have);
      this.#body = larger;
    }
    bytes.copy(this.#body, this.#have, at, at + size);
    this.#have = needed;
    return true;
  }

  #finish(take: TakeMessage): MessageFault | undefined {
    const message = this.#body.length === this.#length ? this.#body : this.#body.subarray(0, this.#length);
    this.close();
    this.#prefixHave = 0;
    this.#length = 0;
    this.#have = 0;
    return take(message, this.#flag === 1);
  }
}
