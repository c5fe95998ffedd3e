// One topic read as a member of a consumer group: fetched records are handed out as far as unsettled ones may be, and what
// is settled without a gap is committed. A member of its own for each topic: one topic's trouble or rebalance is not another's.
import { KafkaMember, type KafkaBatch, type KafkaMessage } from '../../clients/kafka/member.ts';
import { KafkaTrouble } from '../../clients/kafka/trouble.ts';
import type { KafkaLog } from '../../clients/kafka/log.ts';
import type { KafkaSettings } from '../../clients/kafka/settings.ts';
import { messageOf } from '../../../proto/errors.ts';
import type { Logger } from '../../block.ts';
import { Waiting } from '../backoff.ts';
import type { BrokerSubscription, IncomingMessage, Sink, StringMap } from '../broker.ts';
import { KafkaPartition, type Entry, type KeyOf } from './partition.ts';
import { dataOf, metadataOf } from './records.ts';

export interface KafkaReading {
  readonly settings: KafkaSettings;
  readonly group: string;
  readonly topic: string;
  /** What messages are kept in order by. */
  readonly order: 'partition' | 'key' | 'none';
  /** Messages of one ordering key that may be handed out at a time: a batch has to come together. */
  readonly width: number;
  readonly maxUnsettled: number;
  readonly escapedHeaders: boolean;
  /** The pause before the delivery after `failures`, 1 or more, in milliseconds. Undefined: there is none, a failed message is passed over. */
  readonly pauseMs: ((failures: number) => number) | undefined;
}

/** Deliveries at a time: all keys' and all partitions'. */
const CONCURRENCY = 256;
/** Settled messages are committed together, this long after the first. After a kill so much comes again. Milliseconds. */
const COMMIT_MS = 200;
/** A partition that keeps so many records is not fetched from until half of them are gone. */
const MAX_KEPT = 2_000;
/** Also when this client thinks that all is well: without a sign of life for so long it is given up. In session timeouts. */
const SILENCE_SESSIONS = 6;
const SILENCE_MIN_MS = 60_000;

export class KafkaSubscription implements BrokerSubscription {
  readonly concurrency = CONCURRENCY;
  readonly #reading: KafkaReading;
  readonly #sink: Sink;
  readonly #log: Logger;
  readonly #member: KafkaMember;
  readonly #partitions = new Map<number, KafkaPartition>();
  readonly #failed: Waiting<Entry>;
  readonly #keyOf: KeyOf;
  readonly #onClosed: () => void;
  /** Handed out and not settled. */
  #out = 0;
  #paused = false;
  #over = false;
  #pumping = false;
  #commitTimer: NodeJS.Timeout | undefined;
  #committing: Promise<void> | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #lastSignMs = performance.now();
  #closing: Promise<void> | undefined;

  constructor(reading: KafkaReading, sink: Sink, log: Logger, kafkaLog: KafkaLog, onClosed: () => void) {
    this.#reading = reading;
    this.#sink = sink;
    this.#log = log;
    this.#onClosed = onClosed;
    this.#keyOf = KEYS[reading.order];
    this.#failed = new Waiting((entries) => this.#retry(entries));
    this.#member = new KafkaMember(reading.settings, reading.group, reading.topic, {
      assigned: (partitions) => this.#assigned(partitions),
      rebalancing: () => void this.#commit(),
      starts: (partition, offset) => this.#partition(partition).startAt(offset),
      batch: async (batch) => this.#take(batch),
      sign: () => void (this.#lastSignMs = performance.now()),
      crashed: (cause) => this.#end(cause),
    }, kafkaLog);
  }

  /** Settles when what is published from now on will be read. @throws KafkaTrouble */
  async open(): Promise<void> {
    try {
      await this.#member.open();
    } catch (cause) {
      await this.close();
      throw cause;
    }
    const silenceMs = Math.max(SILENCE_MIN_MS, SILENCE_SESSIONS * this.#reading.settings.sessionTimeoutMs);
    this.#watchdog = setInterval(() => {
      if (performance.now() - this.#lastSignMs > silenceMs) this.#end(new KafkaTrouble('passing', `nothing was heard of the group for ${Math.round(silenceMs / 1000)} s`));
    }, silenceMs / 4).unref();
  }

  pause(): void {
    this.#paused = true;
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#paused = true;
    clearInterval(this.#watchdog);
    clearTimeout(this.#commitTimer);
    this.#failed.clear();
    if (!this.#over) {
      await this.#committing;
      await this.#commit();
      this.#over = true;
    }
    this.#partitions.clear(); // what is settled from now on is nobody's: it was not committed and comes again
    await this.#member.close();
    this.#onClosed();
  }

  /** A message that was handed out is settled. What a partition that is not ours any more had settled is forgotten. */
  settle(entry: Entry, how: 'ack' | 'retry' | 'release'): void {
    this.#out--;
    const { partition } = entry;
    if (this.#over || this.#partitions.get(partition.number) !== partition) return;
    if (how === 'release') partition.giveBack(entry);
    else if (how === 'ack') this.#done(entry);
    else if (this.#reading.pauseMs === undefined) {
      this.#log.error({ topic: this.#reading.topic }, `message ${partition.number}:${entry.offset} failed and is passed over, because consumeRetryEnabled is false`);
      this.#done(entry);
    } else {
      partition.fail(entry);
      this.#failed.add(entry, this.#reading.pauseMs(entry.attempt));
    }
    this.#wake();
  }

  #done(entry: Entry): void {
    const { partition } = entry;
    partition.settle(entry);
    if (partition.paused && partition.kept <= MAX_KEPT / 2) {
      partition.paused = false;
      this.#member.resume(partition.number);
    }
    this.#commitTimer ??= setTimeout(() => void this.#commit(), COMMIT_MS);
  }

  #retry(entries: readonly Entry[]): void {
    for (const entry of entries) if (this.#partitions.get(entry.partition.number) === entry.partition) entry.partition.retry(entry);
    this.#wake();
  }

  #take(batch: KafkaBatch): void {
    if (this.#over) return;
    let partition = this.#partition(batch.partition);
    if (!partition.add(batch)) { // somebody else has read on from where we were
      this.#partitions.delete(batch.partition);
      partition = this.#partition(batch.partition);
      partition.add(batch);
    }
    if (partition.kept > MAX_KEPT) { // said again also when it is so already: a rebalance may have undone it
      partition.paused = true;
      this.#member.pause(partition.number);
    }
    this.#wake();
  }

  #assigned(partitions: readonly number[]): void {
    const mine = new Set(partitions);
    for (const number of [...this.#partitions.keys()]) if (!mine.has(number)) this.#partitions.delete(number);
    this.#log.debug({ topic: this.#reading.topic }, `reading partitions ${partitions.join(', ') || '(none)'}`);
  }

  #partition(number: number): KafkaPartition {
    let partition = this.#partitions.get(number);
    if (partition === undefined) this.#partitions.set(number, (partition = new KafkaPartition(number, this.#keyOf, this.#reading.width)));
    return partition;
  }

  /** At the end of the turn: what is settled in it makes room for as much. */
  #wake(): void {
    if (this.#pumping || this.#paused) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  /** One record of each partition in turn, so that a full one doesn't starve the others. */
  #pump(): void {
    for (let found = true; found;) {
      found = false;
      for (const partition of this.#partitions.values()) {
        if (this.#paused || this.#out >= this.#reading.maxUnsettled) return;
        const entry = partition.take();
        if (entry === undefined) continue;
        found = true;
        this.#out++;
        this.#sink.deliver(new HandedOut(this, entry, this.#reading));
      }
    }
  }

  /** Never rejects: what could not be committed is tried again, and at worst comes again. */
  async #commit(): Promise<void> {
    clearTimeout(this.#commitTimer);
    this.#commitTimer = undefined;
    const due = [...this.#partitions.values()].flatMap((partition) => {
      const offset = partition.watermark;
      return offset === undefined || offset === partition.committed ? [] : [{ partition, offset }];
    });
    if (due.length === 0) return;
    const work = this.#member.commit(due.map(({ partition, offset }) => ({ partition: partition.number, offset })));
    this.#committing = work.then(
      () => {
        for (const { partition, offset } of due) partition.committed = offset;
      },
      (cause: unknown) => {
        this.#log.debug({ topic: this.#reading.topic }, `a commit failed, and is made up for by the next one: ${messageOf(cause)}`);
        if (!this.#over && this.#closing === undefined) this.#commitTimer ??= setTimeout(() => void this.#commit(), 5 * COMMIT_MS);
      },
    );
    await this.#committing;
  }

  #end(cause: KafkaTrouble): void {
    if (this.#over || this.#closing !== undefined) return;
    this.#over = true;
    void this.close();
    this.#sink.ended(cause);
  }
}

const KEYS: Readonly<Record<KafkaReading['order'], KeyOf>> = {
  partition: (partition) => String(partition),
  key: (partition, { key }) => (key === null ? undefined : `${partition}:${key.toString('latin1')}`),
  none: () => undefined,
};

class HandedOut implements IncomingMessage {
  readonly id: string;
  readonly topic: string;
  readonly data: Uint8Array;
  readonly metadata: StringMap;
  readonly contentType: string;
  readonly attempt: number;
  readonly orderKey: string | undefined;
  readonly #subscription: KafkaSubscription;
  readonly #entry: Entry;
  #open = true;

  constructor(subscription: KafkaSubscription, entry: Entry, { topic, escapedHeaders }: KafkaReading) {
    const message = entry.message as KafkaMessage; // it is there until the entry is settled
    this.#subscription = subscription;
    this.#entry = entry;
    this.id = `${entry.partition.number}:${entry.offset}`;
    this.topic = topic;
    this.data = dataOf(message);
    this.metadata = metadataOf(topic, entry.partition.number, message, escapedHeaders);
    this.contentType = '';
    this.attempt = entry.attempt;
    this.orderKey = entry.key;
  }

  ack(): void {
    this.#settle('ack');
  }
  retry(): void {
    this.#settle('retry');
  }
  release(): void {
    this.#settle('release');
  }

  #settle(how: 'ack' | 'retry' | 'release'): void {
    if (!this.#open) return;
    this.#open = false;
    this.#subscription.settle(this.#entry, how);
  }
}
