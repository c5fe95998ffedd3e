// Deadlines of calls whose requests are still on their way; once a request is whole, its deadline is the seat's business. Requests
// are whole within microseconds, so there is no timer for each: now and then all of them are looked at, while there are some.

export interface Expiring {
  /** On the monotonic clock. */
  readonly expiresMs: number;
  expire(): void;
}

const TICK_MS = 20;

export class Deadlines {
  readonly #waiting = new Set<Expiring>();
  #ticking = false;
  readonly #look = (): void => {
    this.#ticking = false;
    const now = performance.now();
    for (const one of this.#waiting) if (one.expiresMs <= now) one.expire();
    this.#start();
  };

  add(one: Expiring): void {
    this.#waiting.add(one);
    this.#start();
  }

  delete(one: Expiring): void {
    this.#waiting.delete(one);
  }

  #start(): void {
    if (this.#ticking || this.#waiting.size === 0) return;
    this.#ticking = true;
    setTimeout(this.#look, TICK_MS).unref();
  }
}
