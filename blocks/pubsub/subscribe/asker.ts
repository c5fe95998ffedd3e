// Asks the application for its subscriptions until it has answered once.
import { messageOf } from '../../../proto/errors.ts';
import type { SubscriptionSpec } from '../../../proto/init.ts';
import type { Logger } from '../../block.ts';
import type { Asked } from './asking.ts';
import { Complaints } from './log-limit.ts';

/** Pauses between tries, with jitter: they double from the first to the second of these. Milliseconds. */
const BACKOFF_MS = { min: 500, max: 15_000 } as const;
/** Who waits for the answer waits for so many tries, and no longer than so many milliseconds; trying goes on. */
const FIRST_TRIES = 3;
const FIRST_TRIES_MS = 10_000;

export class Asker {
  readonly #ask: () => Promise<Asked>;
  readonly #accept: (subscriptions: readonly SubscriptionSpec[]) => Promise<void>;
  readonly #log: Logger;
  readonly #complaints: Complaints;
  #asking: { readonly stop: AbortController; readonly firstTries: Promise<void> } | undefined;
  #answered = false;

  /** @param accept takes the answer; when it throws, the answer is as good as none. */
  constructor(ask: () => Promise<Asked>, accept: (subscriptions: readonly SubscriptionSpec[]) => Promise<void>, log: Logger) {
    this.#ask = ask;
    this.#accept = accept;
    this.#log = log;
    this.#complaints = new Complaints(log, {});
  }

  /** The application can be asked. Settles when it has answered, or the first tries have failed. */
  up(): Promise<void> {
    if (this.#answered) return Promise.resolve();
    if (this.#asking === undefined) {
      const stop = new AbortController();
      const firstTries = new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, FIRST_TRIES_MS);
        void this.#keepAsking(stop.signal, () => {
          clearTimeout(timer);
          resolve();
        });
      });
      this.#asking = { stop, firstTries };
    }
    return this.#asking.firstTries;
  }

  /** It can't be asked any more; it is asked again at the next `up`. */
  down(): void {
    this.#asking?.stop.abort();
    this.#asking = undefined;
  }

  async #keepAsking(signal: AbortSignal, firstTriesOver: () => void): Promise<void> {
    signal.addEventListener('abort', firstTriesOver, { once: true });
    let bound: number = BACKOFF_MS.min;
    for (let tries = 1; ; tries++) {
      const failure = await this.#try(signal);
      if (signal.aborted) return;
      if (failure === undefined) {
        this.#answered = true;
        return firstTriesOver();
      }
      this.#complaints.error(`the subscriptions that the application asks for can't be loaded, trying again: ${failure}`);
      if (tries === FIRST_TRIES) firstTriesOver();
      await sleep(bound / 2 + Math.random() * (bound / 2), signal);
      if (signal.aborted) return;
      bound = Math.min(bound * 2, BACKOFF_MS.max);
    }
  }

  /** Undefined: done. */
  async #try(signal: AbortSignal): Promise<string | undefined> {
    try {
      const asked = await this.#ask();
      if (signal.aborted) return undefined;
      if (asked.kind === 'failed') return asked.reason;
      await this.#accept(asked.subscriptions);
      for (const warning of asked.warnings) this.#log.warn({}, warning);
      return undefined;
    } catch (cause) {
      return messageOf(cause);
    }
  }
}

/** Until the time is over or the signal aborts. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
