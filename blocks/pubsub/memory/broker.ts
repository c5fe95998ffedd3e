// pubsub.in-memory: every subscription has a queue of its own, and a publish puts its message into each that matches.
// Nothing outlives the process, and a message that nobody subscribes to is gone (contract: messaging §11.9).
import { randomUUID } from 'node:crypto';
import type { DriverContext } from '../../components.ts';
import type { Awaitable, ComponentSpec } from '../../driver.ts';
import { integer, readMetadata } from '../../metadata.ts';
import type { Broker, BrokerSubscription, OutgoingMessage, Sink, SubscribeRequest } from '../broker.ts';
import { COMMON_FIELDS } from '../fields.ts';
import { MemoryQueue } from './queue.ts';

const MI = 1 << 20;

const FIELDS = {
  ...COMMON_FIELDS,
  /** What the messages of one subscription may take, handed out or not; a publish waits while there is no room. */
  maxQueueBytes: integer({ min: 1, max: 1 << 30, default: 64 * MI }),
  /** Deliveries of one subscription at a time; 1 gives strict order. */
  concurrency: integer({ min: 1, max: 65_536, default: 64 }),
} as const;

export function openMemoryBroker(spec: ComponentSpec, context: DriverContext): Broker {
  const { maxQueueBytes, concurrency } = readMetadata(spec, FIELDS, context.log);
  return new MemoryBroker(maxQueueBytes, concurrency);
}

class MemoryBroker implements Broker {
  readonly features = ['SUBSCRIBE_WILDCARDS'];
  readonly #maxBytes: number;
  readonly #concurrency: number;
  /** By topic. */
  readonly #exact = new Map<string, Set<MemoryQueue>>();
  /** By the pattern without its `*`. */
  readonly #patterns = new Map<string, Set<MemoryQueue>>();
  /** Ids are unique also beside those of an earlier life. */
  readonly #life = randomUUID();
  #published = 0;
  #closed = false;

  constructor(maxBytes: number, concurrency: number) {
    this.#maxBytes = maxBytes;
    this.#concurrency = concurrency;
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
    const [index, key] = topic.endsWith('*') ? [this.#patterns, topic.slice(0, -1)] : [this.#exact, topic];
    const queues = index.get(key) ?? new Set();
    index.set(key, queues);
    const queue = new MemoryQueue({
      topic, life: this.#life, maxBytes: this.#maxBytes, concurrency: this.#concurrency, maxUnsettled: Math.max(this.#concurrency, minUnsettled),
    }, sink, () => {
      queues.delete(queue);
      if (queues.size === 0 && index.get(key) === queues) index.delete(key);
    });
    queues.add(queue);
    return queue;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const queues = [...this.#exact.values(), ...this.#patterns.values()].flatMap((set) => [...set]);
    await Promise.all(queues.map((queue) => queue.close()));
  }
}

function closing(): Error {
  return new Error('the component is closing');
}
