// A timeout of one attempt: the attempt's signal aborts, and its result is nobody's any more.
import type { CallScope } from '../block.ts';

/** An attempt took longer than its policy allows. The text is Go's, which is what clients of daprd read. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
  constructor() {
    super('context deadline exceeded');
  }
}

/** What a timer can count. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** The scope of an attempt: that of its call, with an end. */
export class Deadline implements CallScope {
  readonly #scope: CallScope;
  readonly #timer: NodeJS.Timeout;
  #controller: AbortController | undefined;
  #signal: AbortSignal | undefined;
  #passed: DeadlineExceeded | undefined;
  #onPassed: ((error: DeadlineExceeded) => void) | undefined;

  constructor(scope: CallScope, timeoutMs: number) {
    this.#scope = scope;
    this.#timer = setTimeout(() => this.#pass(), Math.min(timeoutMs, MAX_TIMER_MS));
  }

  /** Most drivers don't ask for it. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#passed !== undefined) this.#controller.abort(this.#passed);
    return (this.#signal ??= AbortSignal.any([this.#scope.signal, this.#controller.signal]));
  }

  /** The attempt's result, or DeadlineExceeded, whichever comes first. */
  race<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#onPassed = reject;
      work.then(resolve, reject).finally(() => this.end());
    });
  }

  /** The attempt is over. */
  end(): void {
    clearTimeout(this.#timer);
    this.#onPassed = undefined;
  }

  #pass(): void {
    this.#passed = new DeadlineExceeded();
    this.#onPassed?.(this.#passed);
    this.#controller?.abort(this.#passed);
  }
}
