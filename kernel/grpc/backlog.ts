// Bytes of a stream that nobody has asked for yet: kept as they came, in one piece, because messages of some bytes would cost many
// times that as objects. The stream's window bounds them, and the budget knows of them.
import type { Budget } from '../h2/budget.ts';

const FIRST_BYTES = 512;
const EMPTY = Buffer.alloc(0);

export class Backlog {
  bytes: Buffer = EMPTY;
  /** What is there lies between these. */
  start = 0;
  end = 0;
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  get isEmpty(): boolean {
    return this.start === this.end;
  }

  /** A copy of these bytes comes behind the others. False: there is no room for them. */
  add(bytes: Buffer, start: number, end: number): boolean {
    const size = end - start;
    if (this.end + size > this.bytes.length && !this.#grow(size)) return false;
    bytes.copy(this.bytes, this.end, start, end);
    this.end += size;
    return true;
  }

  /** All up to there has been read. */
  read(to: number): void {
    this.start = to;
    if (this.isEmpty) this.clear();
  }

  clear(): void {
    this.#budget.give(this.bytes.length);
    this.bytes = EMPTY;
    this.start = 0;
    this.end = 0;
  }

  #grow(size: number): boolean {
    const used = this.end - this.start;
    const capacity = Math.max(FIRST_BYTES, (used + size) * 2);
    if (!this.#budget.take(capacity)) return false;
    const larger = Buffer.allocUnsafeSlow(capacity);
    this.bytes.copy(larger, 0, this.start, this.end);
    this.#budget.give(this.bytes.length);
    this.bytes = larger;
    this.start = 0;
    this.end = used;
    return true;
  }
}
