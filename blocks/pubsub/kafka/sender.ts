// Publishing: what comes while the last requests are under way leaves in one request. A request of kafkajs costs far more than
// a record in it.
import type { KafkaProducer, KafkaRecord } from '../../clients/kafka/producer.ts';
import { KafkaTrouble } from '../../clients/kafka/trouble.ts';
import { within } from '../../awaitable.ts';
import { Fifo } from '../fifo.ts';
import { recordBytes } from './records.ts';

/** Requests for one topic that may be under way; what comes beside them is gathered. */
const REQUESTS = 2;
/** Of the records of one request: below what brokers take by default (1 MiB). */
const REQUEST_BYTES = 900 * 1024;
const REQUEST_RECORDS = 2_000;
/** Waiting for their request, of all topics. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** A publish that has no answer by then fails: nobody knows whether it happened. Milliseconds. */
const ANSWER_MS = 15_000;
const LATE = `the broker did not answer within ${ANSWER_MS / 1000} s: whether the message is stored is unknown`;

interface Pending {
  readonly record: KafkaRecord;
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

interface TopicQueue {
  readonly topic: string;
  readonly waiting: Fifo<Pending>;
  underWay: number;
  scheduled: boolean;
}

export class KafkaSender {
  readonly #producer: KafkaProducer;
  readonly #maxRecordBytes: number;
  /** Only topics that something is going on with. */
  readonly #topics = new Map<string, TopicQueue>();
  #waitingBytes = 0;

  /** @param maxRecordBytes larger records are refused here; Infinity: the broker decides. */
  constructor(producer: KafkaProducer, maxRecordBytes: number) {
    this.#producer = producer;
    this.#maxRecordBytes = maxRecordBytes;
  }

  /** Settles when the topic has the record. @throws Error saying why not, within `ANSWER_MS` and the wait of the queue */
  send(topic: string, record: KafkaRecord): Promise<void> {
    const bytes = recordBytes(record);
    if (bytes > this.#maxRecordBytes) return Promise.reject(new Error(`a message of ${bytes} bytes is larger than maxMessageBytes (${this.#maxRecordBytes})`));
    if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) return Promise.reject(new Error(`${MAX_WAITING_BYTES} bytes wait for the broker already`));
    this.#waitingBytes += bytes;
    return new Promise((resolve, reject) => {
      const queue = this.#queueOf(topic);
      queue.waiting.push({ record, bytes, resolve, reject });
      this.#schedule(queue);
    });
  }

  #queueOf(topic: string): TopicQueue {
    let queue = this.#topics.get(topic);
    if (queue === undefined) this.#topics.set(topic, (queue = { topic, waiting: new Fifo(), underWay: 0, scheduled: false }));
    return queue;
  }

  /** At the end of the turn, so that what is published in it leaves together. */
  #schedule(queue: TopicQueue): void {
    if (queue.scheduled || queue.underWay >= REQUESTS) return;
    queue.scheduled = true;
    setImmediate(() => {
      queue.scheduled = false;
      while (queue.underWay < REQUESTS && queue.waiting.length > 0) void this.#request(queue, this.#take(queue));
    });
  }

  /** The next request's records. One that names its partition goes alone: a partition that isn't there fails its whole request. */
  #take({ waiting }: TopicQueue): Pending[] {
    const taken: Pending[] = [];
    let bytes = 0;
    for (let next = waiting.peek(); next !== undefined; next = waiting.peek()) {
      const alone = next.record.partition !== undefined;
      if (taken.length > 0 && (alone || bytes + next.bytes > REQUEST_BYTES || taken.length >= REQUEST_RECORDS)) break;
      waiting.shift();
      this.#waitingBytes -= next.bytes;
      taken.push(next);
      bytes += next.bytes;
      if (alone) break;
    }
    return taken;
  }

  async #request(queue: TopicQueue, taken: readonly Pending[]): Promise<void> {
    queue.underWay++;
    try {
      await within(ANSWER_MS, LATE, this.#producer.send(queue.topic, taken.map(({ record }) => record)));
      for (const { resolve } of taken) resolve();
    } catch (cause) {
      if (taken.length > 1 && cause instanceof KafkaTrouble && cause.kind === 'too-large') await this.#oneByOne(queue, taken);
      else for (const { reject } of taken) reject(cause);
    }
    queue.underWay--;
    if (queue.waiting.length > 0) this.#schedule(queue);
    else if (queue.underWay === 0) this.#topics.delete(queue.topic);
  }

  /** The broker's limit is lower than ours: one of them alone, or all of them together. Those it had taken are stored twice. */
  async #oneByOne(queue: TopicQueue, taken: readonly Pending[]): Promise<void> {
    for (const { record, resolve, reject } of taken) {
      await within(ANSWER_MS, LATE, this.#producer.send(queue.topic, [record])).then(resolve, reject);
    }
  }
}
