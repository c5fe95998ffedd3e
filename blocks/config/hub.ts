// Between the watch of one component and those who want to know of its keys: what has to be watched for them, and who is told
// of which change. One watched key serves all its subscribers and readers.
import type { Logger } from '../block.ts';
import { CachedKeys } from './cache.ts';
import type { BlockFields } from './fields.ts';
import { Knowledge, type Entry } from './knowledge.ts';
import { ABSENT } from './known-item.ts';
import type { Ledger } from './ledger.ts';
import { Newcomers } from './newcomers.ts';
import type { GetAnswer } from './requests.ts';
import type { Changes, ConfigItem, ConfigStore, Keys, Watch, WatchListener } from './store.ts';
import type { Change, Subscriber } from './subscriber.ts';

/** How long a new subscriber waits for the store to say what its keys are. */
const SUBSCRIBE_MS = 5_000;
/** Before the store is asked again to watch what it refused, for subscribers that stayed: doubles between these bounds. */
const RETRY_MS = { min: 1_000, max: 30_000 } as const;

/** A subscriber of the block's former life. */
export interface Returning {
  readonly subscriber: Subscriber;
  /** Keys of which it was told less than the others. */
  readonly behind: Iterable<string>;
}

export class Hub implements WatchListener {
  readonly #store: string;
  readonly #watch: Watch;
  readonly #ledger: Ledger;
  readonly #log: Logger;
  readonly #watchesAllCheaply: boolean;
  readonly #maxCached: number;
  readonly #cached: CachedKeys;
  readonly #knowledge = new Knowledge();
  /** Of all keys, newcomers among them. */
  readonly #allSubscribers = new Set<Subscriber>();
  readonly #newcomers = new Newcomers();
  #allWatched = false;
  /** All keys are wanted for reads. */
  #allCached = false;
  /** Why nothing is heard. */
  #lostReason: string | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #retryMs: number = RETRY_MS.min;
  #closed = false;

  constructor(store: string, driver: ConfigStore, { cache, cacheMaxKeys }: BlockFields, ledger: Ledger, log: Logger) {
    this.#store = store;
    this.#ledger = ledger;
    this.#log = log;
    this.#maxCached = cache ? cacheMaxKeys : 0;
    this.#cached = new CachedKeys(this.#maxCached);
    this.#watchesAllCheaply = driver.watchesAllCheaply;
    this.#watch = driver.openWatch(this);
  }

  /** The answer to a read, if it is known here and now. If it isn't, the read is noted, and some day it may be. */
  read(keys: Keys): GetAnswer | undefined {
    if (this.#maxCached === 0) return undefined;
    const answer = this.#knowledge.answer(keys);
    const hit = answer !== undefined && this.#watch.isLive();
    if (keys === 'all') {
      if (!hit) this.#missedAll();
    } else if (hit) {
      for (const key of keys) this.#cached.use(key);
    } else {
      this.#missed(keys);
    }
    return hit ? answer : undefined;
  }

  /** Begins to watch its keys; `ready` or `refused` follows, at once if they are known. */
  add(subscriber: Subscriber): void {
    const { keys } = subscriber;
    this.#join(subscriber);
    const missing = keys === 'all' ? keys : keys.filter((key) => !this.#knowledge.isKnown(this.#knowledge.entry(key)!));
    const known = missing === 'all' ? this.#knowledge.knowsAll : missing.length === 0;
    this.#newcomers.add(subscriber, missing, SUBSCRIBE_MS, () => {
      subscriber.refused(new Error(this.#lostReason ?? `the store did not say within ${SUBSCRIBE_MS / 1000} s what there is`));
    });
    this.#begin(keys); // may tell at once
    if (known) this.#welcome(subscriber);
  }

  /** They are told of what changed since the block's former life told them. */
  restore(returning: readonly Returning[]): void {
    for (const { subscriber } of returning) this.#join(subscriber);
    for (const [key, digest] of this.#ledger.foundTold(this.#store)) {
      if (this.#allSubscribers.size > 0 || this.#knowledge.entry(key) !== undefined) this.#enter(key).told = digest;
      else this.#ledger.told(this.#store, key, ABSENT); // nobody is left whom it was told
    }
    for (const { subscriber, behind } of returning) {
      if (subscriber.keys !== 'all') for (const key of subscriber.keys) this.#enter(key).told ??= ABSENT;
      for (const key of behind) this.#enter(key).owed = true;
    }
    this.#begin(returning.flatMap(({ subscriber: { keys } }) => (keys === 'all' ? [] : keys)));
    if (this.#allSubscribers.size > 0) this.#begin('all');
  }

  /** Nothing more is told to it. */
  remove(subscriber: Subscriber): void {
    this.#newcomers.delete(subscriber);
    if (subscriber.keys === 'all') {
      this.#allSubscribers.delete(subscriber);
      if (this.#allSubscribers.size > 0) return;
      if (!this.#allCached) this.#endAll();
      return this.#release(this.#knowledge.entries());
    }
    const entries = subscriber.keys.map((key) => this.#knowledge.entry(key)).filter((entry) => entry !== undefined);
    for (const entry of entries) entry.subscribers.delete(subscriber);
    this.#end(entries);
    this.#release(entries);
  }

  close(): void {
    this.#closed = true;
    this.#newcomers.clear();
    clearTimeout(this.#retryTimer);
  }

  state(changes: Changes, complete: boolean): void {
    if (this.#closed) return;
    const all = complete && this.#allWatched;
    const step: Change[] = [];
    for (const [key, item] of changes) this.#learn(key, item, step);
    if (all) {
      for (const { key } of this.#knowledge.entries()) if (!changes.has(key)) this.#learn(key, undefined, step);
      this.#knowledge.learnedAll();
    }
    this.#heard();
    if (step.length > 0) this.#tell(step);
    for (const subscriber of this.#newcomers.served(changes.keys(), all)) this.#welcome(subscriber);
    const ended = this.#allCached && this.#weigh();
    this.#release(all || ended ? this.#knowledge.entries() : [...changes.keys()].map((key) => this.#knowledge.entry(key)));
  }

  touched(keys: readonly string[]): void {
    for (const key of keys) {
      const entry = this.#allWatched ? this.#enter(key) : this.#knowledge.entry(key);
      if (entry !== undefined) this.#knowledge.unlearn(entry);
    }
  }

  lost(reason: string): void {
    if (this.#closed) return;
    this.#knowledge.startOver();
    this.#newcomers.startOver();
    if (this.#lostReason === undefined) this.#log.warn({ component: this.#store }, `changes in configuration store ${this.#store} are not heard of: ${reason}; they are told when it is back`);
    this.#lostReason = reason;
  }

  failed(keys: Keys, cause: Error): void {
    if (this.#closed) return;
    const told = new Set<Subscriber>();
    if (keys === 'all') {
      for (const subscriber of this.#allSubscribers) told.add(subscriber);
      this.#allCached = false;
      this.#cached.allRefused();
      this.#allEnded();
    } else {
      for (const key of keys) {
        const entry = this.#knowledge.entry(key);
        if (entry === undefined) continue;
        for (const subscriber of entry.subscribers) told.add(subscriber);
        entry.watched = false;
        if (!this.#knowledge.knowsAll) this.#knowledge.unlearn(entry);
        if (entry.cached) this.#cached.refused(key);
        entry.cached = false;
      }
    }
    for (const subscriber of told) subscriber.refused(cause);
    this.#release(this.#knowledge.entries());
    this.#retryLater();
  }

  /** The store has to be asked for these; perhaps it need not be the next time. */
  #missed(keys: readonly string[]): void {
    if (this.#allWatched || !this.#cached.fits(keys.length)) return;
    const unwatched: string[] = [];
    for (const key of keys) {
      if (this.#knowledge.entry(key)?.watched === true) this.#cached.use(key);
      else if (this.#cached.keep(key)) unwatched.push(key);
    }
    if (unwatched.length === 0) return;
    for (const key of unwatched) this.#enter(key).cached = true;
    const evicted = this.#cached.evict().map((key) => this.#knowledge.entry(key)).filter((entry) => entry !== undefined);
    for (const entry of evicted) entry.cached = false;
    this.#end(evicted);
    this.#release(evicted);
    this.#begin(unwatched);
  }

  #missedAll(): void {
    if (!this.#watchesAllCheaply || this.#allWatched || !this.#cached.keepAll()) return;
    this.#allCached = true;
    this.#begin('all');
  }

  /** All keys may be more than may be watched for reads. True: they are, and nobody else wants them. */
  #weigh(): boolean {
    if (this.#knowledge.size <= this.#maxCached) return false;
    this.#allCached = false;
    this.#cached.tooMany();
    if (this.#allSubscribers.size > 0) return false;
    this.#endAll();
    return true;
  }

  #join(subscriber: Subscriber): void {
    if (subscriber.keys === 'all') this.#allSubscribers.add(subscriber);
    else for (const key of subscriber.keys) this.#enter(key).subscribers.add(subscriber);
  }

  #enter(key: string): Entry {
    return this.#knowledge.entry(key) ?? this.#knowledge.enter(key, this.#allIsTold() ? ABSENT : undefined);
  }

  /** Somebody has been told of all keys, so one that is new to us is one that was not there. */
  #allIsTold(): boolean {
    for (const subscriber of this.#allSubscribers) if (!this.#newcomers.has(subscriber)) return true;
    return false;
  }

  /** Watches what is not watched yet. Keys have entries. */
  #begin(keys: Keys): void {
    if (keys === 'all') {
      if (this.#allWatched) return;
      this.#allWatched = true;
      return this.#watch.add(keys);
    }
    const unwatched: string[] = [];
    for (const key of keys) {
      const entry = this.#knowledge.entry(key)!;
      if (!entry.watched) unwatched.push(key);
      entry.watched = true;
    }
    if (unwatched.length > 0) this.#watch.add(unwatched);
  }

  /** Ends the watch of those that nobody wants any more by name. */
  #end(entries: readonly Entry[]): void {
    const unwanted = entries.filter(({ watched, cached, subscribers }) => watched && !cached && subscribers.size === 0);
    for (const entry of unwanted) {
      entry.watched = false;
      if (!this.#knowledge.knowsAll) this.#knowledge.unlearn(entry); // all keys may be watched soon, and are not yet
    }
    if (unwanted.length > 0 && !this.#closed) this.#watch.remove(unwanted.map(({ key }) => key));
  }

  #endAll(): void {
    if (!this.#allWatched) return;
    this.#allEnded();
    if (!this.#closed) this.#watch.remove('all');
  }

  #allEnded(): void {
    this.#allWatched = false;
    this.#knowledge.unlearnAll();
    for (const entry of this.#knowledge.entries()) if (!entry.watched) this.#knowledge.unlearn(entry);
  }

  /** Forgets of these what nobody needs to know. */
  #release(entries: readonly (Entry | undefined)[]): void {
    for (const entry of entries) {
      if (entry === undefined || entry.subscribers.size > 0) continue;
      if (this.#allSubscribers.size === 0 && entry.told !== undefined) {
        entry.told = undefined;
        this.#ledger.told(this.#store, entry.key, ABSENT);
      }
      if (entry.cached) continue;
      const gone = this.#knowledge.isKnown(entry) && entry.known?.item === undefined;
      if (gone || !(this.#allWatched || this.#allSubscribers.size > 0)) this.#knowledge.delete(entry);
    }
  }

  /** Takes in what a key is now. If that may be news to a subscriber, it is part of the step. */
  #learn(key: string, item: ConfigItem | undefined, step: Change[]): void {
    const entry = this.#allWatched ? this.#enter(key) : this.#knowledge.entry(key);
    if (entry === undefined) return;
    const now = this.#knowledge.learn(entry, item);
    if (entry.told === undefined || (entry.told === now.digest && !entry.owed)) return;
    entry.owed = false;
    step.push({ now, before: entry.told });
  }

  /** Tells subscribers what they want of a step, and then notes that they were told. */
  #tell(step: readonly Change[]): void {
    const byName = new Map<Subscriber, Change[]>();
    for (const change of step) {
      for (const subscriber of this.#knowledge.entry(change.now.key)?.subscribers ?? []) {
        const own = byName.get(subscriber);
        if (own === undefined) byName.set(subscriber, [change]);
        else own.push(change);
      }
    }
    const steps: [Subscriber, readonly Change[]][] = [...byName];
    for (const subscriber of this.#allSubscribers) steps.push([subscriber, step]);
    for (const [subscriber, own] of steps) if (!this.#newcomers.has(subscriber)) subscriber.changed(own);
    for (const { now } of step) this.#note(this.#knowledge.entry(now.key));
  }

  /** Subscribers know what is known now. */
  #note(entry: Entry | undefined): void {
    const digest = entry?.known?.digest ?? ABSENT;
    if (entry?.told === undefined || entry.told === digest) return;
    entry.told = digest;
    this.#ledger.told(this.#store, entry.key, digest);
  }

  /** What is known now is where a new subscriber begins. */
  #welcome(subscriber: Subscriber): void {
    if (!this.#newcomers.delete(subscriber)) return; // it left meanwhile
    const entries = subscriber.keys === 'all' ? this.#knowledge.entries() : subscriber.keys.map((key) => this.#knowledge.entry(key)!);
    const unsure = entries.filter((entry) => !this.#knowledge.isKnown(entry));
    for (const entry of unsure) entry.owed = true;
    for (const entry of entries) {
      if (entry.told !== undefined) continue;
      entry.told = ABSENT;
      this.#note(entry);
    }
    subscriber.ready(unsure.map(({ key }) => key));
  }

  #heard(): void {
    this.#retryMs = RETRY_MS.min;
    if (this.#lostReason === undefined) return;
    this.#lostReason = undefined;
    this.#log.info({ component: this.#store }, `changes in configuration store ${this.#store} are heard of again`);
  }

  /** For subscribers that stayed although the store refuses to watch for them. */
  #retryLater(): void {
    const refused = (): string[] => this.#knowledge.entries().filter(({ watched, subscribers }) => !watched && subscribers.size > 0).map(({ key }) => key);
    if (this.#retryTimer !== undefined || ((this.#allSubscribers.size === 0 || this.#allWatched) && refused().length === 0)) return;
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      if (this.#allSubscribers.size > 0) this.#begin('all');
      this.#begin(refused());
    }, this.#retryMs * (0.5 + Math.random() / 2));
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS.max);
  }
}
