// The watch of a component whose backend can't tell of changes: it refuses every key.
import type { Keys, Watch, WatchListener } from './store.ts';

export class RefusingWatch implements Watch {
  readonly #listener: WatchListener;
  readonly #cause: Error;
  #closed = false;

  /** @param cause says what to do about it */
  constructor(listener: WatchListener, cause: Error) {
    this.#listener = listener;
    this.#cause = cause;
  }

  add(keys: Keys): void {
    queueMicrotask(() => { // who adds is done with that first
      if (!this.#closed) this.#listener.failed(keys, this.#cause);
    });
  }

  remove(): void {} // nothing was added

  isLive(): boolean {
    return false;
  }

  close(): void {
    this.#closed = true;
  }
}
