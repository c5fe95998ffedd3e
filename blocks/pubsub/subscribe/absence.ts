// Deliveries for which the application was not there at all: that is no failure of theirs. They wait together, and are tried
// again together.

/** The pause doubles from the first to the second while the application stays away. Milliseconds. */
const PAUSE_MS = { min: 100, max: 2_000 } as const;

export class Absence<T> {
  readonly #again: (items: readonly T[]) => void;
  readonly #waiting = new Set<T>();
  #timer: NodeJS.Timeout | undefined;
  #pauseMs: number = PAUSE_MS.min;

  /** @param again gets all that wait when a pause is over; must not throw. */
  constructor(again: (items: readonly T[]) => void) {
    this.#again = again;
  }

  add(item: T): void {
    this.#waiting.add(item);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#pauseMs = Math.min(PAUSE_MS.max, this.#pauseMs * 2);
      this.#again(this.takeAll());
    }, this.#pauseMs);
  }

  /** Nobody waits for it any more. */
  forget(item: T): void {
    this.#waiting.delete(item);
  }

  /** The application is there: the next absence is a new one. */
  over(): void {
    this.#pauseMs = PAUSE_MS.min;
  }

  /** All that wait, who then wait no longer. */
  takeAll(): T[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const items = [...this.#waiting];
    this.#waiting.clear();
    return items;
  }
}
