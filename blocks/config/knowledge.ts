// What is known of a component's keys, as its watch tells it, and whether it still counts. Reads are answered from it.
import { KnownItem, sameItem } from './known-item.ts';
import type { GetAnswer } from './requests.ts';
import type { ConfigItem, Keys } from './store.ts';
import type { Subscriber } from './subscriber.ts';

/** No epoch: nobody knows what the key is. */
const NEVER = -1;
const NOTHING: GetAnswer = { items: [], hit: true };

/** A key with what is known of it, and who wants to know. */
export class Entry {
  readonly key: string;
  /** As it was told last; whether it still is that, the epoch says. Undefined: nothing was told yet. */
  known: KnownItem | undefined;
  /** In which it was told. */
  epoch = NEVER;
  /** By name, newcomers among them. */
  readonly subscribers = new Set<Subscriber>();
  /** Watched by name. */
  watched = false;
  /** Wanted for reads. */
  cached = false;
  /** The digest of what subscribers were told, but for those that are behind. Undefined: there are none but newcomers. */
  told: string | undefined;
  /** What is told of it next goes to subscribers whether or not it is a change to all of them: one of them is behind. */
  owed = false;

  constructor(key: string, told: string | undefined) {
    this.key = key;
    this.told = told;
  }
}

export class Knowledge {
  readonly #entries = new Map<string, Entry>();
  /** Raised when nothing that was known counts any more. */
  #epoch = 0;
  /** In which all keys there are were told. */
  #allEpoch = NEVER;
  /** The answer to a read of all keys, until something changes. */
  #everything: GetAnswer | undefined;

  get size(): number {
    return this.#entries.size;
  }

  /** All keys there are have been told, and what has no entry does not exist. */
  get knowsAll(): boolean {
    return this.#allEpoch === this.#epoch;
  }

  entry(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** As they are now: they may be deleted meanwhile. */
  entries(): Entry[] {
    return [...this.#entries.values()];
  }

  /** The key's entry. Of a new one nothing is known, unless all keys are. @param told of a new one */
  enter(key: string, told: string | undefined): Entry {
    let entry = this.#entries.get(key);
    if (entry !== undefined) return entry;
    entry = new Entry(key, told);
    if (this.knowsAll) this.learn(entry, undefined);
    this.#entries.set(key, entry);
    return entry;
  }

  delete({ key }: Entry): void {
    this.#entries.delete(key);
  }

  isKnown({ epoch }: Entry): boolean {
    return epoch === this.#epoch;
  }

  learn(entry: Entry, item: ConfigItem | undefined): KnownItem {
    const { key, known } = entry;
    entry.known = known !== undefined && sameItem(known.item, item) ? known : new KnownItem(key, item);
    entry.epoch = this.#epoch;
    this.#everything = undefined;
    return entry.known;
  }

  /** All keys there are have been told. */
  learnedAll(): void {
    this.#allEpoch = this.#epoch;
  }

  /** Nobody knows what the key is. */
  unlearn(entry: Entry): void {
    entry.epoch = NEVER;
    this.#everything = undefined;
  }

  /** Keys without an entry may exist. */
  unlearnAll(): void {
    this.#allEpoch = NEVER;
    this.#everything = undefined;
  }

  /** Nobody knows anything. */
  startOver(): void {
    this.#epoch++;
    this.#everything = undefined;
  }

  /** The answer to a read. Undefined: it is not known. */
  answer(keys: Keys): GetAnswer | undefined {
    if (keys === 'all') return this.#answerAll();
    if (keys.length === 1) return this.#answerOne(keys[0]!);
    const items: KnownItem[] = [];
    for (const key of keys) {
      const answer = this.#answerOne(key);
      if (answer === undefined) return undefined;
      if (answer !== NOTHING) items.push(answer.items[0]!);
    }
    return { items, hit: true };
  }

  #answerOne(key: string): GetAnswer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return this.knowsAll ? NOTHING : undefined;
    if (entry.epoch !== this.#epoch) return undefined;
    const known = entry.known!;
    return known.item === undefined ? NOTHING : { items: [known], hit: true };
  }

  #answerAll(): GetAnswer | undefined {
    if (this.#everything !== undefined || !this.knowsAll) return this.#everything;
    const items: KnownItem[] = [];
    for (const entry of this.#entries.values()) {
      if (!this.isKnown(entry)) return undefined;
      if (entry.known?.item !== undefined) items.push(entry.known);
    }
    this.#everything = { items, hit: true };
    return this.#everything;
  }
}
