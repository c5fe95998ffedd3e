// Subscribers that wait for the store to say what their keys are. They wait no longer than they may.
import type { Subscriber } from './subscriber.ts';

interface Waiting {
  readonly missing: Set<string> | 'all';
  readonly timer: NodeJS.Timeout;
}

export class Newcomers {
  readonly #waiting = new Map<Subscriber, Waiting>();

  has(subscriber: Subscriber): boolean {
    return this.#waiting.has(subscriber);
  }

  /** @param late runs when it has waited for `limitMs` */
  add(subscriber: Subscriber, missing: readonly string[] | 'all', limitMs: number, late: () => void): void {
    this.#waiting.set(subscriber, { missing: missing === 'all' ? missing : new Set(missing), timer: setTimeout(late, limitMs) });
  }

  /** It waits no longer. False: it didn't. */
  delete(subscriber: Subscriber): boolean {
    clearTimeout(this.#waiting.get(subscriber)?.timer);
    return this.#waiting.delete(subscriber);
  }

  /** Those that wait for nothing else once these keys are known. @param all true: all keys are */
  served(keys: Iterable<string>, all: boolean): Subscriber[] {
    if (this.#waiting.size === 0) return [];
    const known = [...keys];
    const served: Subscriber[] = [];
    for (const [subscriber, { missing }] of this.#waiting) {
      if (missing !== 'all') for (const key of known) missing.delete(key);
      if (all || (missing !== 'all' && missing.size === 0)) served.push(subscriber);
    }
    return served;
  }

  /** Nothing is known any more: they wait for all that they want. */
  startOver(): void {
    for (const [{ keys }, { missing }] of this.#waiting) if (missing !== 'all') for (const key of keys) missing.add(key);
  }

  clear(): void {
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }
}
