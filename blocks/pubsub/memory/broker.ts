// pubsub.in-memory: every subscription has a queue of its own, and a publish puts its message into each that matches. Nothing
// outlives a life that dies, and a message that nobody subscribes to is gone (contract: messaging §11.9); where a life is
// replaced in order, the next one goes on with its queues.
import { randomUUID } from 'node:crypto';
import type { Checkpoints } from '../../checkpoints.ts';
import type { DriverContext } from '../../components.ts';
import type { Awaitable, ComponentSpec } from '../../driver.ts';
import { handedItems, handItems, type Item } from '../../handing.ts';
import { integer, readMetadata } from '../../metadata.ts';
import type { Broker, BrokerSubscription, OutgoingMessage, Sink, SubscribeRequest } from '../broker.ts';
import { COMMON_FIELDS } from '../fields.ts';
import { sizeOf, type PackedMessage } from './message.ts';
import { MemoryQueue } from './queue.ts';

const MI = 1 << 20;

const FIELDS = {
  ...COMMON_FIELDS,
  /** What the messages of one subscription may take, handed out or not; a publish waits while there is no room. */
  maxQueueBytes: integer({ min: 1, max: 1 << 30, default: 64 * MI }),
  /** Deliveries of one subscription at a time; 1 gives strict order. */
  concurrency: integer({ min: 1, max: 65_536, default: 64 }),
} as const;

/** How long a queue waits for its subscription to come back, in the life that took it over or that went on. Milliseconds. */
const RETURN_MS = 60_000;

const NO_DATA = new Uint8Array(0);
const QUEUES = 'queues';
/** What is handed over: the broker first, then each queue before its messages. */
type Packed = readonly ['broker', life: string, published: number] | readonly ['queue', topic: string] | PackedMessage;

export function openMemoryBroker(spec: ComponentSpec, { log, checkpoints }: DriverContext): Broker {
  const { maxQueueBytes, concurrency } = readMetadata(spec, FIELDS, log);
  return new MemoryBroker(maxQueueBytes, concurrency, checkpoints);
}

class MemoryBroker implements Broker {
  readonly features = ['SUBSCRIBE_WILDCARDS'];
  readonly #maxBytes: number;
  readonly #concurrency: number;
  readonly #checkpoints: Checkpoints;
  /** By topic. */
  readonly #exact = new Map<string, Set<MemoryQueue>>();
  /** By the pattern without its `*`. */
  readonly #patterns = new Map<string, Set<MemoryQueue>>();
  /** Ids are unique also beside those of an earlier life, unless it is that one's messages. */
  #life: string = randomUUID();
  #published = 0;
  /** What subscriptions leave is kept. */
  #keeping = false;
  #returnTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(maxBytes: number, concurrency: number, checkpoints: Checkpoints) {
    this.#maxBytes = maxBytes;
    this.#concurrency = concurrency;
    this.#checkpoints = checkpoints;
    checkpoints.inherit((_found, handed) => this.#takeUp(handedItems<Packed>(handed.get(QUEUES))));
  }

  /** Done at once, unless a queue is full. */
  publish(topic: string, message: OutgoingMessage): Awaitable<void> {
    if (this.#closed) throw closing();
    const number = ++this.#published;
    let waits: Promise<void>[] | undefined;
    const put = (queue: MemoryQueue) => {
      const wait = queue.put(number, message);
      if (wait !== undefined) (waits ??= []).push(wait);
    };
    const exact = this.#exact.get(topic);
    if (exact !== undefined) for (const queue of exact) put(queue);
    for (const [prefix, queues] of this.#patterns) {
      if (topic.length > prefix.length && topic.startsWith(prefix)) for (const queue of queues) put(queue);
    }
    return waits === undefined ? undefined : Promise.all(waits).then(() => undefined);
  }

  subscribe({ topic, minUnsettled }: SubscribeRequest, sink: Sink): BrokerSubscription {
    if (this.#closed) throw closing();
    const queue = this.#left(topic) ?? this.#add(topic);
    queue.attach({ sink, maxUnsettled: Math.max(this.#concurrency, minUnsettled) });
    let over = false;
    return {
      concurrency: this.#concurrency,
      pause: () => {
        if (!over) queue.pause();
      },
      close: async () => {
        if (over) return;
        over = true;
        if (this.#keeping) queue.detach();
        else this.#drop(queue);
      },
    };
  }

  keepForSuccessor(on: boolean): void {
    this.#keeping = on;
    clearTimeout(this.#returnTimer);
    for (const queue of this.#queues()) queue.hurry(on);
    if (!on) this.#awaitReturns();
  }

  handOver(): void {
    handItems(this.#checkpoints, QUEUES, this.#packed(), (fields) => (fields.length === 4 ? sizeOf(fields[1]) : 64 + 2 * fields[1].length));
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#returnTimer);
    for (const queue of [...this.#queues()]) this.#drop(queue);
  }

  *#queues(): Iterable<MemoryQueue> {
    for (const queues of this.#exact.values()) yield* queues;
    for (const queues of this.#patterns.values()) yield* queues;
  }

  #indexOf(topic: string): readonly [index: Map<string, Set<MemoryQueue>>, key: string] {
    return topic.endsWith('*') ? [this.#patterns, topic.slice(0, -1)] : [this.#exact, topic];
  }

  /** A queue that its subscription has left. */
  #left(topic: string): MemoryQueue | undefined {
    const [index, key] = this.#indexOf(topic);
    for (const queue of index.get(key) ?? []) if (!queue.isTaken) return queue;
    return undefined;
  }

  #add(topic: string): MemoryQueue {
    const [index, key] = this.#indexOf(topic);
    const queue = new MemoryQueue({ topic, life: this.#life, maxBytes: this.#maxBytes });
    queue.hurry(this.#keeping);
    const queues = index.get(key) ?? new Set();
    index.set(key, queues.add(queue));
    return queue;
  }

  /** There is nowhere to put messages back to: they are gone with their subscription. */
  #drop(queue: MemoryQueue): void {
    const [index, key] = this.#indexOf(queue.topic);
    const queues = index.get(key);
    queues?.delete(queue);
    if (queues?.size === 0) index.delete(key);
    queue.drop();
  }

  #awaitReturns(): void {
    if ([...this.#queues()].every(({ isTaken }) => isTaken)) return;
    this.#returnTimer = setTimeout(() => {
      for (const queue of [...this.#queues()]) if (!queue.isTaken) this.#drop(queue);
    }, RETURN_MS).unref();
  }

  *#packed(): Iterable<Item<Packed>> {
    yield [['broker', this.#life, this.#published], undefined];
    for (const queue of this.#queues()) {
      yield [['queue', queue.topic], undefined];
      yield* queue.pack();
    }
  }

  /** Goes on with what a former life had; its subscriptions are to come back. */
  #takeUp(items: Iterable<Item<Packed>>): void {
    let queue: MemoryQueue | undefined;
    for (const [fields, data = NO_DATA] of items) {
      if (fields.length === 4) queue?.restore(fields, data);
      else if (fields[0] === 'queue') queue = this.#add(fields[1]);
      else [, this.#life, this.#published] = fields;
    }
    this.#awaitReturns();
  }
}

function closing(): Error {
  return new Error('the component is closing');
}
