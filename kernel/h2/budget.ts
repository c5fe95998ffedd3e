// Bytes that a listener holds for its peers: messages that are not whole yet, and answers that a peer gives no window for. Each
// connection has a share, all together have a limit; who is over it loses the stream that took it there.

export class Budget {
  readonly #limit: number;
  readonly #parent: Budget | undefined;
  #used = 0;

  constructor(limit: number, parent?: Budget) {
    this.#limit = limit;
    this.#parent = parent;
  }

  get used(): number {
    return this.#used;
  }

  /** False: there is no room, and nothing was taken. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.#limit || this.#parent?.take(bytes) === false) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
    this.#parent?.give(bytes);
  }
}
