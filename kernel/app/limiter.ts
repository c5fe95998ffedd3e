// Turns at the application (`app-max-concurrency`, contract: messaging §6.2): so many calls at a time, the others wait in the
// order of their arrival, and only so many may wait.

/** Somebody who waits for a turn. */
export interface Waiter {
  /** The turn has come. Who got it calls `leave`, once. */
  admit(): void;
}

export class Limiter {
  readonly #waiters = new Set<Waiter>();
  readonly #maxWaiters: number;
  #free: number;
  #admitting = false;

  constructor(turns: number, maxWaiters: number) {
    this.#free = turns;
    this.#maxWaiters = maxWaiters;
  }

  /** Asks for a turn; `admit` runs now or later. False: too many wait, and it never runs. */
  enter(waiter: Waiter): boolean {
    if (this.#free > 0 && this.#waiters.size === 0) {
      this.#free--;
      waiter.admit();
      return true;
    }
    if (this.#waiters.size >= this.#maxWaiters) return false;
    this.#waiters.add(waiter);
    return true;
  }

  /** Ends a turn. */
  leave(): void {
    this.#free++;
    if (this.#admitting) return; // a call that ends while it is admitted ends in the loop below, however many of them there are
    this.#admitting = true;
    for (const waiter of this.#waiters) {
      if (this.#free === 0) break;
      this.#free--;
      this.#waiters.delete(waiter);
      waiter.admit();
    }
    this.#admitting = false;
  }

  /** Stops waiting. No effect on who doesn't. */
  forsake(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }
}
