// Puts messages together that come in pieces: each has a flag and a length before it, and neither begins nor ends where DATA frames do
// (gRPC over HTTP/2, "Length-Prefixed-Message"). Memory grows with what has come, not with what was announced.
import { Grpc, type GrpcCode } from '../../proto/errors.ts';
import type { Budget } from '../h2/budget.ts';

export const PREFIX_BYTES = 5;

export interface MessageFault {
  readonly code: GrpcCode;
  readonly message: string;
}

export const tooLarge = (bytes: number, limit: number): MessageFault => ({ code: Grpc.RESOURCE_EXHAUSTED, message: `Received message larger than max (${bytes} vs ${limit})` });
export const badFlag = (flag: number): MessageFault => ({ code: Grpc.INTERNAL, message: `grpc: received unexpected payload format ${flag}` });
export const NO_ROOM: MessageFault = { code: Grpc.RESOURCE_EXHAUSTED, message: 'too many bytes of requests that are not whole are held' };
const FIRST_BYTES = 1_024;
const EMPTY = Buffer.alloc(0);

export class MessageReader {
  /** A whole message, owned, after `read` has returned; undefined: it needs more bytes. */
  message: Buffer | undefined;
  /** Whether that is compressed. */
  compressed = false;
  /** What is wrong with what was read. Nothing more can be read then. */
  fault: MessageFault | undefined;
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

  /** Reads up to the end of one message, or of the bytes. Returns where it stopped. */
  read(bytes: Buffer, start: number, end: number): number {
    this.message = undefined;
    const at = this.#readPrefix(bytes, start, end);
    if (this.#prefixHave < PREFIX_BYTES || this.fault !== undefined) return at;
    const size = Math.min(end - at, this.#length - this.#have);
    if (size === this.#length) this.#finish(Buffer.from(bytes.subarray(at, at + size))); // all of it is here
    else if (!this.#add(bytes, at, size)) this.fault = NO_ROOM;
    else if (this.#have === this.#length) this.#finish(this.#body.length === this.#length ? this.#body : this.#body.subarray(0, this.#length));
    return at + size;
  }

  /** Gives up what is there. */
  close(): void {
    this.#budget.give(this.#charged);
    this.#charged = 0;
    this.#body = EMPTY;
  }

  #readPrefix(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (this.#prefixHave < PREFIX_BYTES && at < end) {
      const byte = bytes[at++]!;
      if (this.#prefixHave === 0) this.#flag = byte;
      else this.#length = this.#length * 256 + byte;
      if (++this.#prefixHave < PREFIX_BYTES) continue;
      if (this.#flag > 1) this.fault = badFlag(this.#flag);
      else if (this.#length > this.#maxBytes) this.fault = tooLarge(this.#length, this.#maxBytes);
    }
    return at;
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

  #finish(message: Buffer): void {
    this.message = message;
    this.compressed = this.#flag === 1;
    this.close();
    this.#prefixHave = 0;
    this.#length = 0;
    this.#have = 0;
  }
}
