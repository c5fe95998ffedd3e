// Streams that we ended before the peer did: it may not know yet, and what it still sends on them is no fault (RFC 9113 section 5.1).

/** What is under way when a stream ends arrives soon, or the peer is told again. */
const REMEMBERED = 128;

export class EarlyEnds {
  /** Most connections never have one. */
  #ids: Uint32Array | undefined;
  #next = 0;

  add(id: number): void {
    this.#ids ??= new Uint32Array(REMEMBERED);
    this.#ids[this.#next] = id;
    this.#next = (this.#next + 1) % REMEMBERED;
  }

  has(id: number): boolean {
    return this.#ids?.includes(id) === true;
  }
}
