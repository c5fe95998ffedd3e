// Answers leave together at the end of the turn of the event loop that they came in. Each is one write to a connection of its own,
// and the first of them wakes its reader; writes that follow at once find it awake, where each would have to wake it again if
// another request were read in between. A lone answer waits for nothing: the end of its turn is what comes next.

/** What is to be written. */
export interface Outgoing {
  /** @param nowMs on the monotonic clock @param date the `Date` header's line */
  write(nowMs: number, date: string): void;
}

export class Outbox {
  readonly #dateLine: () => string;
  #due: Outgoing[] = [];
  readonly #flush = (): void => {
    const due = this.#due;
    this.#due = [];
    const nowMs = performance.now();
    const date = this.#dateLine();
    for (let i = 0; i < due.length; i++) (due[i] as Outgoing).write(nowMs, date);
  };

  constructor(dateLine: () => string) {
    this.#dateLine = dateLine;
  }

  add(answer: Outgoing): void {
    if (this.#due.push(answer) === 1) setImmediate(this.#flush);
  }
}
