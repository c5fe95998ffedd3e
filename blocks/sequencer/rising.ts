// A sequence store that does not go back unseen. A Redis that lost its latest writes, in a failover for instance, gives ids
// once more; whoever had the first ones here knows, gives them to nobody and takes the sequence to where it was.
import { whenReady } from '../awaitable.ts';
import type { CallScope, Logger } from '../block.ts';
import type { Awaitable } from '../driver.ts';
import type { SequenceStore } from './store.ts';

/** Keys whose last id is remembered; the longest unused is forgotten first. */
const MAX_KNOWN = 10_000;
/** A store that goes back this often within one call is given up on. */
const MAX_ATTEMPTS = 3;
/** Takes on the way forward: enough for all the ids there are. */
const MAX_STEPS = 1_100;

export class RisingStore {
  readonly #store: SequenceStore;
  readonly #component: string;
  readonly #log: Logger;
  readonly #closing = new AbortController();
  /** The last id that was had here, by stored key. */
  readonly #known = new Map<string, bigint>();
  /** Sequences on their way forward; all calls of a key share one way. */
  readonly #forwarding = new Map<string, Promise<void>>();

  /** @param component its name, for the log */
  constructor(store: SequenceStore, component: string, log: Logger) {
    this.#store = store;
    this.#component = component;
    this.#log = log;
  }

  get features(): readonly string[] {
    return this.#store.features;
  }

  /** As the store's own, and above all that was answered here before this began, whatever became of the store. */
  take(key: string, count: number, scope: CallScope): Awaitable<bigint> {
    const before = this.#known.get(key) ?? 0n;
    return whenReady(this.#store.take(key, count, scope), (first) => {
      if (first <= before) return this.#again(key, count, before, first, scope);
      this.#note(key, first + BigInt(count) - 1n);
      return first;
    });
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the component is closing'));
    await this.#store.close();
  }

  async #again(key: string, count: number, before: bigint, lost: bigint, scope: CallScope): Promise<bigint> {
    for (let attempt = 0, given = lost + BigInt(count) - 1n; attempt < MAX_ATTEMPTS; attempt++) {
      await this.#forward(key, given);
      const first = await this.#store.take(key, count, scope);
      given = first + BigInt(count) - 1n;
      if (first <= before) continue;
      this.#note(key, given);
      return first;
    }
    throw new Error(`the store gives ids again that it gave before, up to ${before}`);
  }

  #forward(key: string, from: bigint): Promise<void> {
    let forwarding = this.#forwarding.get(key);
    if (forwarding === undefined) {
      forwarding = this.#takeTo(key, from).finally(() => this.#forwarding.delete(key));
      this.#forwarding.set(key, forwarding);
    }
    return forwarding;
  }

  /** Takes ids that nobody gets, until the last one that is known here is behind. */
  async #takeTo(key: string, from: bigint): Promise<void> {
    const known = this.#known.get(key) ?? 0n;
    this.#log.error({ component: this.#component, key, lost: `${from}`, known: `${known}` }, `sequencer store ${this.#component} went back to ${from} in ${key}, whose last id was ${known}: it lost data. The sequence goes on above ${known}; what other sidecars gave out may come again`);
    for (let at = from, steps = 0; at < known && steps < MAX_STEPS; steps++) {
      const missing = known - at;
      const count = missing > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(missing);
      at = (await this.#store.take(key, count, { signal: this.#closing.signal })) + BigInt(count) - 1n;
    }
  }

  #note(key: string, last: bigint): void {
    const known = this.#known.get(key);
    if (known !== undefined) this.#known.delete(key); // the Map is in order of use
    else if (this.#known.size >= MAX_KNOWN) this.#known.delete(this.#known.keys().next().value ?? key);
    this.#known.set(key, known === undefined || last > known ? last : known);
  }
}
