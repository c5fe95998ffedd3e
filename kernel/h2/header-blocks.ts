// Header blocks in: put together from HEADERS and CONTINUATION frames (RFC 9113 section 4.3), decoded one after the other as the table
// of the connection demands, and not decoded again where the same bytes mean the same.
import type { Budget } from './budget.ts';
import { ConnectionError, ErrorCode, FrameFlag } from './frames.ts';
import { HeadMemo } from './head-memo.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import { areTrailers, readRequestHead, type RequestHead } from './request-head.ts';
import { INITIAL_TABLE_BYTES } from './settings.ts';

/** A block in so many frames is no honest one, whatever their size. */
const MAX_CONTINUATIONS = 128;
/** Encoded, a block is hardly ever larger than the list it stands for. */
const BLOCK_SLACK = 16 * 1024;
/** Of a block that is not whole, beyond which the budget is asked: no usual call fails for what is held besides. */
const FREE_BYTES = 16 * 1024;

/** A block that is not whole yet. */
export interface OpenBlock {
  readonly stream: number;
  /** Of its HEADERS frame. */
  readonly flags: number;
  readonly parts: Buffer[];
  bytes: number;
  /** Of these, how many the budget knows of. */
  charged: number;
}

export class HeaderBlocks {
  readonly #decoder: HpackDecoder;
  readonly #memo = new HeadMemo();
  readonly #maxBytes: number;
  readonly #budget: Budget;
  #block: OpenBlock | undefined;
  #begun = 0;

  /** @param maxListBytes as RFC 9113 section 6.5.2 counts a header list. */
  constructor(maxListBytes: number, budget: Budget) {
    this.#budget = budget;
    this.#decoder = new HpackDecoder({ maxTableBytes: INITIAL_TABLE_BYTES, maxListBytes });
    this.#maxBytes = maxListBytes + BLOCK_SLACK;
  }

  /** The stream whose block is not whole; 0 for none. */
  get open(): number {
    return this.#block?.stream ?? 0;
  }

  /** Another number for each block that is not whole; 0: there is none. */
  get unfinished(): number {
    return this.#block === undefined ? 0 : this.#begun;
  }

  /** The first part of a block that goes on. It may be kept. */
  begin(stream: number, flags: number, part: Buffer): void {
    this.#begun++;
    this.#block = { stream, flags, parts: [], bytes: 0, charged: 0 };
    this.#keep(this.#block, part);
  }

  /** The next part. Returns the block when it was the last. @throws ConnectionError */
  add(flags: number, part: Buffer): OpenBlock | undefined {
    const block = this.#block;
    if (block === undefined) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'CONTINUATION of nothing');
    this.#keep(block, part);
    if (block.parts.length > MAX_CONTINUATIONS || block.bytes > this.#maxBytes) throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, 'a header block that does not end');
    if ((flags & FrameFlag.END_HEADERS) === 0) return undefined;
    this.close();
    return block;
  }

  /** Gives up a block that is not whole. */
  close(): void {
    this.#budget.give(this.#block?.charged ?? 0);
    this.#block = undefined;
  }

  #keep(block: OpenBlock, part: Buffer): void {
    block.parts.push(part);
    block.bytes += part.length;
    if (block.bytes <= FREE_BYTES) return;
    if (!this.#budget.take(part.length)) throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, 'too many bytes of header blocks that are not whole');
    block.charged += part.length;
  }

  /** @throws HpackError */
  request(bytes: Uint8Array, start: number, end: number): RequestHead | 'too large' | 'malformed' {
    const version = this.#decoder.tableVersion;
    const seen = this.#memo.find(bytes, start, end, version);
    if (seen !== undefined) return seen;
    const { fields, tooLarge } = this.#decoder.decode(bytes, start, end);
    if (tooLarge) return 'too large';
    const head = readRequestHead(fields);
    if (head === undefined) return 'malformed';
    if (this.#decoder.tableVersion === version) this.#memo.keep(bytes, start, end, version, head);
    return head;
  }

  /** False: they are malformed. @throws HpackError */
  trailers(bytes: Uint8Array, start: number, end: number): boolean {
    return areTrailers(this.#decoder.decode(bytes, start, end).fields);
  }
}
