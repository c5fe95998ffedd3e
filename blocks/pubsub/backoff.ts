// Failed messages wait here for their next delivery: how long, and one timer for all of them.

export interface BackoffBounds {
  /** The wait after the first failure; it doubles with each further one. Milliseconds. */
  readonly minMs: number;
  readonly maxMs: number;
}

/** Waits end on multiples of this, so that many share a timer. Milliseconds. */
const TICK_MS = 20;

/** The pause before a message comes again that failed `failures` times, 1 or more: half of it at random. Milliseconds. */
export function backoffMs(failures: number, { minMs, maxMs }: BackoffBounds): number {
  const full = Math.min(maxMs, minMs * 2 ** Math.min(failures - 1, 30));
  return full / 2 + Math.random() * (full / 2);
}

/** Without an item there is no timer, and the timer never keeps a process alive. */
export class Waiting<T> {
  /** By the tick in which the wait is over. */
  readonly #ticks = new Map<number, T[]>();
  readonly #onDue: (items: readonly T[]) => void;
  #size = 0;
  #timer: NodeJS.Timeout | undefined;
  /** The tick that the timer waits for. */
  #armed = Number.POSITIVE_INFINITY;

  /** @param onDue gets items whose wait is over; must not throw. */
  constructor(onDue: (items: readonly T[]) => void) {
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#size;
  }

  add(item: T, delayMs: number): void {
    const tick = Math.ceil((performance.now() + delayMs) / TICK_MS);
    const items = this.#ticks.get(tick);
    if (items === undefined) this.#ticks.set(tick, [item]);
    else items.push(item);
    this.#size++;
    if (tick < this.#armed) this.#arm(tick);
  }

  /** All items, each with what is left of its wait, which may be less than nothing. Milliseconds. */
  *entries(): Iterable<readonly [item: T, delayMs: number]> {
    const now = performance.now();
    for (const [tick, items] of this.#ticks) for (const item of items) yield [item, tick * TICK_MS - now];
  }

  /** Forgets all items. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#armed = Number.POSITIVE_INFINITY;
    this.#ticks.clear();
    this.#size = 0;
  }

  #arm(tick: number): void {
    clearTimeout(this.#timer);
    this.#armed = tick;
    this.#timer = setTimeout(() => this.#sweep(), Math.max(1, tick * TICK_MS - performance.now())).unref();
  }

  #sweep(): void {
    const now = Math.floor(performance.now() / TICK_MS);
    const due: T[] = [];
    let next = Number.POSITIVE_INFINITY;
    for (const [tick, items] of this.#ticks) {
      if (tick > now) {
        next = Math.min(next, tick);
        continue;
      }
      this.#ticks.delete(tick);
      for (const item of items) due.push(item);
    }
    this.#size -= due.length;
    this.#armed = Number.POSITIVE_INFINITY;
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next);
    if (due.length > 0) this.#onDue(due);
  }
}
