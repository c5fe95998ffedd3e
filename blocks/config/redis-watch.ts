// The watch of configuration.redis: a change of a key arrives as a message without the value, and is followed by a read.
// One read is under way at a time, each newer than what was told before it, so that nothing older follows anything newer.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../block.ts';
import { RedisRefusal, type RedisClient } from '../clients/redis-client.ts';
import { RedisListener, type Subscription } from '../clients/redis-listener.ts';
import type { RedisSettings } from '../clients/redis-settings.ts';
import { readAllKeys, readKeys, TooMuch } from './redis-items.ts';
import { channelOf, FLUSHED, requireNotifications, trackFlushes } from './redis-notifications.ts';
import type { ConfigItem, Items, Keys, Watch, WatchListener } from './store.ts';

/** Before a read that failed is tried again: doubles between these bounds. Milliseconds. */
const PAUSE_MS = { min: 100, max: 2_000 } as const;
/** Changed keys in one round; the rest waits for the next. */
const MAX_ROUND = 5_000;

/** What was added once, by name or as all keys. */
interface Entry {
  readonly subscription: Subscription;
  /** Its first state was told. */
  told: boolean;
}

/** What one read is for. The entries are as they were when it began. */
interface Round {
  readonly all: Entry | undefined;
  readonly entries: ReadonlyMap<string, Entry | undefined>;
}

export class RedisWatch implements Watch {
  readonly #redis: RedisClient;
  readonly #log: Logger;
  readonly #tell: WatchListener;
  readonly #listener: RedisListener;
  readonly #database: number;
  readonly #named = new Map<string, Entry>();
  #all: Entry | undefined;
  /** The entries by what is listened to for them. */
  readonly #entries = new Map<Subscription, string | undefined>();
  /** Keys that exist, as far as was told, while all are watched: a flush takes them. */
  #existing = new Set<string>();
  /** What the next read is for. */
  #changed = new Set<string>();
  #everything = false;
  #reading = false;
  /** Counts losses: what was read before one is not told after it. */
  #life = 0;
  #lost = false;
  #heard = false;
  #warned = false;
  readonly #closing = new AbortController();

  constructor(redis: RedisClient, settings: RedisSettings, log: Logger, listener: WatchListener) {
    this.#redis = redis;
    this.#log = log;
    this.#tell = listener;
    this.#database = settings.database;
    let warned = false;
    this.#listener = new RedisListener(settings, log, {
      prepare: async (ask) => {
        await requireNotifications(ask, redis.address, log);
        if ((await trackFlushes(ask)) || warned) return;
        warned = true;
        log.warn({ redis: redis.address }, `redis at ${redis.address} refuses CLIENT TRACKING (ACL rule +client|tracking +client|id): a FLUSHDB or FLUSHALL will not be noticed`);
      },
      heard: (subscriptions) => this.#onHeard(subscriptions),
      refused: (subscriptions, cause) => this.#onRefused(subscriptions, cause),
      lost: (reason) => this.#onLost(reason),
      message: (channel) => this.#onMessage(channel),
    });
  }

  add(keys: Keys): void {
    const fresh: Subscription[] = [];
    const entry = (key: string | undefined): Entry => {
      const subscription = { channel: channelOf(this.#database, key ?? '*'), pattern: key === undefined };
      this.#entries.set(subscription, key);
      fresh.push(subscription);
      return { subscription, told: false };
    };
    if (keys === 'all') this.#all ??= entry(undefined);
    else for (const key of keys) if (!this.#named.has(key)) this.#named.set(key, entry(key));
    if (fresh.length > 0) this.#listener.add(fresh);
  }

  remove(keys: Keys): void {
    const gone: Subscription[] = [];
    for (const entry of keys === 'all' ? [this.#all] : keys.map((key) => this.#named.get(key))) if (entry !== undefined) gone.push(entry.subscription);
    this.#forget(gone);
    this.#listener.remove(gone);
  }

  isLive(): boolean {
    return this.#heard && !this.#lost && this.#listener.isLive();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#heard = false;
    await this.#listener.close();
  }

  #forget(subscriptions: readonly Subscription[]): void {
    for (const subscription of subscriptions) {
      const key = this.#entries.get(subscription);
      this.#entries.delete(subscription);
      if (key !== undefined) {
        this.#named.delete(key);
      } else if (this.#all?.subscription === subscription) {
        this.#all = undefined;
        this.#existing = new Set();
      }
    }
  }

  #onHeard(subscriptions: readonly Subscription[]): void {
    for (const subscription of subscriptions) {
      const key = this.#entries.get(subscription);
      if (key !== undefined) this.#changed.add(key);
      else if (this.#all?.subscription === subscription) this.#everything = true;
    }
    this.#heard = true;
    this.#read();
  }

  #onRefused(subscriptions: readonly Subscription[], cause: Error): void {
    const known = subscriptions.filter((subscription) => this.#entries.has(subscription));
    const keys = known.flatMap((subscription) => this.#entries.get(subscription) ?? []);
    const all = this.#all !== undefined && known.includes(this.#all.subscription);
    this.#forget(known);
    if (all) this.#tell.failed('all', cause);
    if (keys.length > 0) this.#tell.failed(keys, cause);
  }

  #onLost(reason: string): void {
    this.#life++;
    this.#heard = false;
    this.#changed.clear();
    this.#everything = false;
    if (this.#lost || this.#entries.size === 0) return;
    this.#lost = true;
    this.#tell.lost(reason);
  }

  #onMessage(channel: string): void {
    if (!this.#heard) return; // all is read as soon as all is heard
    if (channel !== FLUSHED) {
      this.#touch([channel.slice(channelOf(this.#database, '').length)]);
      return;
    }
    this.#everything = this.#all !== undefined;
    this.#touch([...new Set([...this.#named.keys(), ...this.#existing])]);
    this.#read();
  }

  /** Keys whose next read has not begun are known to be touched: a change is often told twice, for the key and for all. */
  #touch(keys: readonly string[]): void {
    const news = keys.filter((key) => (this.#all !== undefined || this.#named.has(key)) && !this.#changed.has(key));
    if (news.length === 0) return;
    for (const key of news) this.#changed.add(key);
    this.#tell.touched(news);
    this.#read();
  }

  /** Reads what has changed, now or after the read that is under way. What arrived in one packet is read together. */
  #read(): void {
    if (this.#reading) return;
    this.#reading = true;
    setImmediate(() => void this.#rounds());
  }

  async #rounds(): Promise<void> {
    for (let pauseMs: number = PAUSE_MS.min; !this.#closing.signal.aborted && (this.#everything || this.#changed.size > 0); ) {
      const life = this.#life;
      const round = this.#begin();
      try {
        const items = round.all === undefined ? await this.#readNamed(round) : await this.#readAll(round);
        pauseMs = PAUSE_MS.min;
        this.#warned = false;
        if (life === this.#life && !this.#closing.signal.aborted && items !== undefined) this.#state(round, items);
      } catch (cause) {
        if (life !== this.#life || this.#closing.signal.aborted) continue;
        this.#again(round);
        if (!this.#warned) this.#log.warn({ redis: this.#redis.address }, `can't read what has changed: ${(cause as Error).message}; trying again`);
        this.#warned = true;
        await sleep(pauseMs * (0.5 + Math.random() / 2), undefined, { signal: this.#closing.signal }).catch(() => undefined); // closed: the loop ends
        pauseMs = Math.min(pauseMs * 2, PAUSE_MS.max);
      }
    }
    this.#reading = false;
  }

  #begin(): Round {
    const all = this.#everything ? this.#all : undefined;
    this.#everything = false;
    if (all !== undefined) {
      this.#changed.clear();
      return { all, entries: new Map(this.#named) };
    }
    const entries = new Map<string, Entry | undefined>();
    for (const key of this.#changed) {
      if (entries.size === MAX_ROUND && !this.#lost) break; // after a loss all is told at once
      this.#changed.delete(key);
      if (this.#all !== undefined || this.#named.has(key)) entries.set(key, this.#named.get(key));
    }
    return { all, entries };
  }

  #again({ all, entries }: Round): void {
    if (all !== undefined && all === this.#all) this.#everything = true;
    for (const key of entries.keys()) this.#changed.add(key);
  }

  /** Each key with what it is; one that we may not read is left out. */
  async #readNamed({ entries }: Round): Promise<Map<string, ConfigItem | undefined>> {
    const keys = [...entries.keys()];
    const found = new Map<string, ConfigItem | undefined>();
    try {
      const items = await readKeys(this.#redis, keys);
      for (const key of keys) found.set(key, items.get(key));
    } catch (cause) {
      if (!denied(cause)) throw cause;
      await Promise.all(keys.map(async (key) => {
        try {
          found.set(key, (await readKeys(this.#redis, [key])).get(key));
        } catch (reason) {
          if (!denied(reason)) throw reason;
          this.#onDenied(key, reason, entries.get(key));
        }
      }));
    }
    return found;
  }

  /** Undefined if it is refused for good: then only the named ones of the round are read. */
  async #readAll({ all, entries }: Round): Promise<Items | undefined> {
    try {
      return await readAllKeys(this.#redis);
    } catch (cause) {
      if (all === undefined || all.told || this.#lost || !(denied(cause) || cause instanceof TooMuch)) throw cause;
      this.#again({ all: undefined, entries });
      if (this.#all === all) this.#fail('all', all, cause);
      return undefined;
    }
  }

  /** A key that was told before stays touched: nobody knows what it is. */
  #onDenied(key: string, cause: Error, entry: Entry | undefined): void {
    if (entry === undefined || entry.told) {
      this.#log.warn({ redis: this.#redis.address, key }, `redis at ${this.#redis.address} refuses to say what has changed: ${cause.message}`);
    } else if (this.#named.get(key) === entry) {
      this.#fail([key], entry, cause);
    }
  }

  #fail(keys: Keys, { subscription }: Entry, cause: Error): void {
    if (this.#closing.signal.aborted) return;
    this.#listener.remove([subscription]);
    this.#forget([subscription]);
    this.#tell.failed(keys, cause);
  }

  /** Only of what is still watched as it was when the read began. */
  #state({ all, entries }: Round, items: ReadonlyMap<string, ConfigItem | undefined>): void {
    const complete = all !== undefined && this.#all === all;
    const changes = new Map<string, ConfigItem | undefined>(complete ? items : []);
    for (const [key, entry] of entries) {
      const watched = entry !== undefined && this.#named.get(key) === entry;
      if (!watched && (this.#all === undefined || !this.#all.told)) continue;
      if (all !== undefined || items.has(key)) changes.set(key, items.get(key));
      if (watched) entry.told = true;
    }
    if (complete) {
      all.told = true;
      this.#existing = new Set(items.keys());
    } else if (this.#all !== undefined) {
      for (const [key, item] of changes) {
        if (item === undefined) this.#existing.delete(key);
        else this.#existing.add(key);
      }
    }
    if (!complete && changes.size === 0) return;
    this.#lost = false;
    this.#tell.state(changes, complete);
    const changedSince = [...this.#changed].filter((key) => complete || changes.has(key));
    if (changedSince.length > 0) this.#tell.touched(changedSince); // and the next round says how
  }
}

function denied(cause: unknown): cause is RedisRefusal {
  return cause instanceof RedisRefusal && cause.code === 'NOPERM';
}
