// Heads that a connection has seen, by their bytes: a client sends the same few again and again, and the bytes mean the same as long
// as the dynamic table has not changed since. Saves the decoding, the checks and the look for the route.
import type { RequestHead } from './request-head.ts';

/** Clients call a handful of methods at a time. */
const KEPT = 8;
const LONGEST = 256;

interface Seen {
  readonly block: Uint8Array;
  readonly tableVersion: number;
  readonly head: RequestHead;
}

export class HeadMemo {
  readonly #seen: Seen[] = [];
  #next = 0;

  find(bytes: Uint8Array, start: number, end: number, tableVersion: number): RequestHead | undefined {
    const length = end - start;
    for (const { block, tableVersion: version, head } of this.#seen) {
      if (version !== tableVersion || block.length !== length) continue;
      let left = length; // from the end, where they differ
      while (left > 0 && block[left - 1] === bytes[start + left - 1]) left--;
      if (left === 0) return head;
    }
    return undefined;
  }

  /** @param tableVersion before the block, and after it: one that changed the table means something else the next time. */
  keep(bytes: Uint8Array, start: number, end: number, tableVersion: number, head: RequestHead): void {
    if (end - start > LONGEST) return;
    this.#seen[this.#next] = { block: bytes.slice(start, end), tableVersion, head };
    this.#next = (this.#next + 1) % KEPT;
  }
}
