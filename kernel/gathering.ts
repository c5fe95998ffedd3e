// A body that comes piece by piece. How many pieces it comes in is its sender's choice, and each that is kept for itself costs some
// hundred bytes beside what is in it: small ones are copied together.

/** A piece of so many bytes is worth being kept as it came. */
const WORTH_KEEPING = 4 * 1024;
const ROOM_BYTES = 16 * 1024;

export class Gathering {
  /** Of all pieces so far. */
  bytes = 0;
  readonly #kept: Buffer[] = [];
  /** Where small pieces are copied to; from `#from` to `#to` are those that are not among the kept ones yet. */
  #room: Buffer | undefined;
  #from = 0;
  #to = 0;

  /** The piece is given away. */
  add(piece: Buffer): void {
    this.bytes += piece.length;
    // Most bodies are one piece, however small.
    if (piece.length >= WORTH_KEEPING || this.bytes === piece.length) {
      this.#settle();
      this.#kept.push(piece);
      return;
    }
    if (this.#room === undefined || this.#room.length - this.#to < piece.length) {
      this.#settle();
      this.#room = Buffer.allocUnsafeSlow(ROOM_BYTES);
      this.#from = this.#to = 0;
    }
    this.#to += piece.copy(this.#room, this.#to);
  }

  /** Nothing was ever added. */
  clear(): void {
    this.bytes = this.#from = this.#to = this.#kept.length = 0;
    this.#room = undefined;
  }

  /** All of it, in one. */
  whole(): Buffer {
    this.#settle();
    return this.#kept.length === 1 ? (this.#kept[0] as Buffer) : Buffer.concat(this.#kept, this.bytes);
  }

  #settle(): void {
    if (this.#to > this.#from) this.#kept.push((this.#room as Buffer).subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}
