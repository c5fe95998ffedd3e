// One subscription to a Redis stream: it reads as many entries as may be unsettled, brings back what failed, takes over what
// others abandoned, and tells the group that what it still has is not abandoned.
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../proto/errors.ts';
import type { Logger } from '../../block.ts';
import { RedisRefusal, type RedisClient } from '../../clients/redis-client.ts';
import { backoffMs, Waiting, type BackoffBounds } from '../backoff.ts';
import type { BrokerSubscription, IncomingMessage, Sink } from '../broker.ts';
import { RedisAcks } from './acks.ts';
import { idAfter, willPass, type RedisGroup } from './group.ts';
import type { StreamEntry } from './entry.ts';
import type { RedisReader } from './reader.ts';
import { RedisTrim } from './trim.ts';

export interface SubscriptionOptions {
  readonly concurrency: number;
  /** Messages handed out and not settled. */
  readonly maxUnsettled: number;
  /** 0: abandoned entries are left alone. */
  readonly redeliverIntervalMs: number;
  /** When an entry counts as abandoned; 0: never. */
  readonly processingTimeoutMs: number;
  readonly trimAcked: boolean;
}

/** Failed messages that wait for another try beside those handed out; with more nothing new is read. */
const MAX_WAITING = 5000;
/** No timer runs faster, whatever the metadata says. Milliseconds. */
const MIN_INTERVAL_MS = 50;
const DEFAULT_TRIM_MS = 15_000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
/** Pause after a failed command. Milliseconds. */
const TROUBLE: BackoffBounds = { minMs: 100, maxMs: 2000 };
/** How long `close` waits for the last read and the acknowledgements, and then for what is put back. Milliseconds. */
const CLOSE_MS = 3000;
const PUT_BACK_MS = 1000;
/** The group went away, by FLUSHALL, DEL, or a restart without a disk. */
const GONE = new Set(['NOGROUP', 'UNBLOCKED']);
/** Of pending entries looked at together, at least. */
const PAGE = 100;

export class RedisSubscription implements BrokerSubscription {
  readonly #group: RedisGroup;
  readonly #reader: RedisReader;
  readonly #sink: Sink;
  readonly #options: SubscriptionOptions;
  readonly #log: Logger;
  readonly #onClose: () => void;
  readonly #acks: RedisAcks;
  /** Times that an entry was delivered, for all that we have: handed out, waiting for another try, or due for one. */
  readonly #held = new Map<string, number>();
  readonly #waiting = new Waiting<string>((ids) => this.#onDue(ids));
  /** Their wait is over. */
  #due: string[] = [];
  #unsettled = 0;
  /** To be put back in this turn, by the deliveries to be counted. */
  #releasing = new Map<number, string[]>();
  /** Where the search for abandoned entries goes on; undefined: there is none under way. */
  #searchFrom: string | undefined;
  #groupGone = false;
  #troubles = 0;
  readonly #pausing = new AbortController();
  #closed = false;
  #closing: Promise<void> | undefined;
  /** Lets the loop look again. */
  #resume: (() => void) | undefined;
  readonly #running: Promise<void>;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #trim: RedisTrim | undefined;
  #refreshing = false;

  constructor(redis: RedisClient, group: RedisGroup, reader: RedisReader, sink: Sink, options: SubscriptionOptions, log: Logger, onClose: () => void) {
    this.#group = group;
    this.#reader = reader;
    this.#sink = sink;
    this.#options = options;
    this.#log = log;
    this.#onClose = onClose;
    this.#acks = new RedisAcks(group, log, () => this.#goOn());
    const { processingTimeoutMs, redeliverIntervalMs, trimAcked } = options;
    if (processingTimeoutMs > 0) this.#every(processingTimeoutMs / 3, () => void this.#refresh());
    if (processingTimeoutMs > 0 && redeliverIntervalMs > 0) {
      this.#searchFrom = '-';
      this.#every(redeliverIntervalMs, () => this.#search());
    }
    if (trimAcked) this.#trim = new RedisTrim(redis, group.topic, Math.max(MIN_INTERVAL_MS, redeliverIntervalMs || DEFAULT_TRIM_MS), log);
    this.#running = this.#run();
  }

  get concurrency(): number {
    return this.#options.concurrency;
  }

  pause(): void {
    if (this.#pausing.signal.aborted) return;
    this.#pausing.abort();
    this.#goOn();
    this.#reader.wake();
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  /** True the first time that a message handed out is settled, unless it is too late. */
  settles(): boolean {
    if (this.#closed) return false;
    this.#unsettled--;
    this.#goOn();
    return true;
  }

  acked(id: string): void {
    this.#held.delete(id);
    this.#acks.add(id);
  }

  retried(id: string, deliveries: number): void {
    const maxMs = Math.max(this.#options.redeliverIntervalMs, MAX_RETRY_MS);
    this.#waiting.add(id, backoffMs(deliveries, { minMs: FIRST_RETRY_MS, maxMs }));
  }

  /** @param deliveries before this one */
  released(id: string, deliveries: number): void {
    this.#held.delete(id);
    if (this.#releasing.size === 0) setImmediate(() => void this.#putBack(this.#releasing));
    addTo(this.#releasing, deliveries, id);
  }

  async #close(): Promise<void> {
    this.pause();
    for (const timer of this.#timers) clearInterval(timer);
    this.#trim?.close();
    const untilMs = performance.now() + CLOSE_MS;
    await atMost(CLOSE_MS, this.#running);
    await this.#acks.close(Math.max(0, untilMs - performance.now()));
    this.#closed = true;
    this.#waiting.clear();
    this.#due = [];
    for (const [id, deliveries] of this.#held) addTo(this.#releasing, deliveries, id);
    this.#held.clear();
    await atMost(PUT_BACK_MS, this.#putBack(this.#releasing));
    await this.#reader.close();
    this.#onClose();
  }

  get #paused(): boolean {
    return this.#pausing.signal.aborted;
  }

  /** How many more may be handed out. Acknowledgements that don't get through take up room. */
  get #free(): number {
    return this.#options.maxUnsettled - this.#unsettled - this.#acks.failed;
  }

  /** One thing after the other, so that each knows how much room there is. Never fails. */
  async #run(): Promise<void> {
    await new Promise(setImmediate); // whoever subscribes knows the subscription before its first message
    while (!this.#paused) {
      try {
        await this.#step();
        this.#troubles = 0;
      } catch (cause) {
        if (this.#paused || (await this.#isOver(cause))) return;
      }
    }
  }

  async #step(): Promise<void> {
    if (this.#groupGone) {
      await this.#group.create();
      this.#groupGone = false;
      return; // there may have been a pause meanwhile
    }
    const free = this.#free;
    if (free <= 0) await this.#room();
    else if (this.#due.length > 0) await this.#tryAgain(free);
    else if (this.#searchFrom !== undefined) await this.#takeOver(this.#searchFrom, free);
    else if (this.#waiting.size >= MAX_WAITING) await this.#room();
    else this.#handOutNew(await this.#reader.read(free));
  }

  /** True: nothing is to be hoped for, and the sink knows. */
  async #isOver(cause: unknown): Promise<boolean> {
    const { topic, name } = this.#group;
    if (cause instanceof RedisRefusal) {
      if (GONE.has(cause.code)) {
        if (!this.#groupGone) this.#log.warn({ topic }, `consumer group "${name}" of topic "${topic}" is gone; it is made again and begins with what the stream holds now: ${cause.message}`);
        this.#groupGone = true;
        return false;
      }
      if (!willPass(cause)) {
        this.pause();
        this.#sink.ended(cause);
        return true;
      }
      if (this.#troubles === 0) this.#log.warn({ topic }, `reading topic "${topic}" fails, and is tried again until it works: ${cause.message}`);
    }
    // the log knows already that a server is away: its client says so once
    await sleep(backoffMs(++this.#troubles, TROUBLE), undefined, { ref: false, signal: this.#pausing.signal }).catch(() => undefined); // pause ends the wait
    return false;
  }

  #room(): Promise<void> {
    return new Promise((resolve) => { this.#resume = resolve; });
  }

  #goOn(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  #every(intervalMs: number, action: () => void): void {
    this.#timers.push(setInterval(action, Math.max(MIN_INTERVAL_MS, intervalMs)).unref());
  }

  #search(): void {
    this.#searchFrom ??= '-';
    this.#goOn();
    this.#reader.wake();
  }

  #onDue(ids: readonly string[]): void {
    for (const id of ids) this.#due.push(id);
    this.#goOn();
    this.#reader.wake();
  }

  #handOutNew(entries: readonly StreamEntry[]): void {
    for (const entry of entries) {
      if (this.#has(entry.id)) continue; // a group that was made again begins anew; what we have is pending in it now
      if (this.#paused) this.released(entry.id, 0);
      else this.#handOut(entry, 1);
    }
  }

  /** Failed messages whose wait is over. Redis has kept their data. */
  async #tryAgain(free: number): Promise<void> {
    const ids = this.#due.splice(0, free);
    let result: Awaited<ReturnType<RedisGroup['claim']>>;
    try {
      result = await this.#group.claim(ids, 0);
    } catch (cause) {
      this.#due.unshift(...ids);
      throw cause;
    }
    const { entries, vanished } = result;
    for (const id of vanished) this.acked(id);
    const claimed = new Map(entries.map((entry) => [entry.id, entry]));
    for (const id of ids) {
      const deliveries = this.#held.get(id);
      const entry = claimed.get(id);
      if (deliveries === undefined) continue; // vanished
      if (entry === undefined) this.#held.delete(id); // acknowledged by another instance, which had taken it over
      else if (!this.#paused) this.#handOut(entry, deliveries + 1); // else it is held, and close puts it back
    }
  }

  /** Looks at a page of what the group has not settled, and takes over as much of what is abandoned as there is room for. */
  async #takeOver(from: string, free: number): Promise<void> {
    const timeoutMs = this.#options.processingTimeoutMs;
    const count = Math.max(PAGE, this.#options.maxUnsettled);
    const page = await this.#group.pending(from, count);
    const abandoned = page.filter(({ id, idleMs }) => idleMs >= timeoutMs && !this.#has(id));
    const mine = abandoned.slice(0, free);
    if (mine.length > 0) {
      const { entries, vanished } = await this.#group.claim(mine.map(({ id }) => id), timeoutMs);
      const deliveries = new Map(mine.map((entry) => [entry.id, entry.deliveries]));
      for (const id of vanished) this.#acks.add(id);
      for (const entry of entries) {
        const before = deliveries.get(entry.id) ?? 0;
        if (this.#paused) this.released(entry.id, before);
        else this.#handOut(entry, before + 1);
      }
    }
    const next = abandoned[mine.length];
    const last = page.at(-1);
    if (next !== undefined) this.#searchFrom = next.id;
    else this.#searchFrom = last !== undefined && page.length === count ? idAfter(last.id) : undefined;
  }

  #has(id: string): boolean {
    return this.#held.has(id) || this.#acks.has(id);
  }

  #handOut({ id, data, metadata, fault }: StreamEntry, deliveries: number): void {
    const { topic } = this.#group;
    if (data === undefined) {
      this.#log.error({ topic, entry: id }, `entry ${id} of topic "${topic}" has no field "data": it is acknowledged and not delivered`);
      this.acked(id);
      return;
    }
    if (fault !== undefined) this.#log.warn({ topic, entry: id }, `the metadata of entry ${id} of topic "${topic}" can't be read, so it is delivered without: ${fault}`);
    this.#held.set(id, deliveries);
    this.#unsettled++;
    this.#sink.deliver(new Delivery(this, id, topic, data, metadata, deliveries));
  }

  /** A handler may take longer than the processing timeout: nobody is to think that it died. */
  async #refresh(): Promise<void> {
    if (this.#refreshing || this.#held.size === 0) return;
    this.#refreshing = true;
    try {
      await this.#group.refresh([...this.#held.keys()]);
    } catch (cause) {
      this.#log.debug({ topic: this.#group.topic }, `messages of topic "${this.#group.topic}" could not be kept from being taken over: ${messageOf(cause)}`);
    } finally {
      this.#refreshing = false;
    }
  }

  /** Where this fails the entries are abandoned by our silence, a processing timeout later. */
  async #putBack(entries: Map<number, string[]>): Promise<void> {
    this.#releasing = new Map();
    try {
      await Promise.all([...entries].map(([deliveries, ids]) => this.#group.putBack(ids, this.#options.processingTimeoutMs, deliveries)));
    } catch (cause) {
      this.#log.debug({ topic: this.#group.topic }, `messages of topic "${this.#group.topic}" could not be put back: ${messageOf(cause)}`);
    }
  }
}

/** One handing out of an entry. */
class Delivery implements IncomingMessage {
  readonly id: string;
  readonly topic: string;
  readonly data: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
  readonly contentType = '';
  readonly orderKey = undefined;
  readonly #deliveries: number;
  readonly #subscription: RedisSubscription;
  #settled = false;

  constructor(subscription: RedisSubscription, id: string, topic: string, data: Uint8Array, metadata: Readonly<Record<string, string>>, deliveries: number) {
    this.#subscription = subscription;
    this.id = id;
    this.topic = topic;
    this.data = data;
    this.metadata = metadata;
    this.#deliveries = deliveries;
  }

  get attempt(): number {
    return this.#deliveries - 1;
  }

  ack(): void {
    if (this.#settle()) this.#subscription.acked(this.id);
  }

  retry(): void {
    if (this.#settle()) this.#subscription.retried(this.id, this.#deliveries);
  }

  release(): void {
    if (this.#settle()) this.#subscription.released(this.id, this.#deliveries - 1);
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    return this.#subscription.settles();
  }
}

function addTo(lists: Map<number, string[]>, key: number, id: string): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [id]);
  else list.push(id);
}

async function atMost(timeoutMs: number, promise: Promise<void>): Promise<void> {
  const timer = Promise.withResolvers<void>();
  const handle = setTimeout(timer.resolve, timeoutMs);
  await Promise.race([promise, timer.promise]);
  clearTimeout(handle);
}
