// pubsub.redis: streams and consumer groups in daprd's layout, so that both can work on one Redis (contract: messaging §11.7).
// What daprd acknowledges although it failed, this driver tries again.
import { openRedis, type RedisClient } from '../../clients/redis-client.ts';
import { REDIS_FIELDS, redisSettings } from '../../clients/redis-settings.ts';
import type { Logger } from '../../block.ts';
import type { DriverContext } from '../../components.ts';
import type { ComponentSpec } from '../../driver.ts';
import { duration, flag, integer, readMetadata, text, type Values } from '../../metadata.ts';
import type { Broker, BrokerSubscription, OutgoingMessage, Sink, SubscribeRequest } from '../broker.ts';
import { COMMON_FIELDS } from '../fields.ts';
import { entryArguments, type Retention } from './entry.ts';
import { RedisGroup } from './group.ts';
import { openReader } from './reader.ts';
import { RedisSubscription } from './subscription.ts';

/** Larger counts of milliseconds would not be one for Redis, nor for a timer. */
const MAX_MS = 2_147_483_647;

const FIELDS = {
  ...COMMON_FIELDS,
  ...REDIS_FIELDS,
  /** The consumer group, and the one consumer in it. Default: the app's id. */
  consumerID: text({ default: '' }),
  /** Between looks for messages that somebody took and never settled; 0: never. */
  redeliverInterval: duration({ unit: 'ms', minMs: 0, maxMs: MAX_MS, default: 15_000 }),
  /** After so much silence about a message its taker counts as gone; 0: never. */
  processingTimeout: duration({ unit: 'ms', minMs: 0, maxMs: MAX_MS, default: 60_000 }),
  /** Messages of a subscription that may be unsettled at a time. */
  queueDepth: integer({ min: 1, max: 100_000, default: 100 }),
  concurrency: integer({ min: 1, max: 65_536, default: 10 }),
  /** Entries that publishing leaves in a stream, about; 0: all. */
  maxLenApprox: integer({ min: 0, default: 0 }),
  /** Age of the oldest entry that publishing leaves in a stream, about; 0: any. */
  streamTTL: duration({ unit: 'ms', minMs: 0, default: 0 }),
  /** Removes what all groups of a stream have acknowledged. */
  trimAcked: flag(),
} as const;

export async function openRedisBroker(spec: ComponentSpec, { appId, log }: DriverContext, signal: AbortSignal): Promise<Broker> {
  const values = readMetadata(spec, FIELDS, log);
  const settings = redisSettings(values, { minRetryMs: 8 });
  if (values.maxLenApprox > 0 && values.streamTTL > 0) {
    log.warn({ field: 'streamTTL' }, 'metadata field "streamTTL" has no effect: "maxLenApprox" is set too, and Redis trims a stream by one of the two');
  }
  const consumerId = values.consumerID.trim();
  return new RedisBroker(await openRedis(settings, log, signal), values, { group: consumerId === '' ? appId : consumerId, wakeable: settings.topology !== 'cluster' }, log);
}

class RedisBroker implements Broker {
  readonly features: readonly string[] = [];
  readonly #redis: RedisClient;
  readonly #values: Values<typeof FIELDS>;
  readonly #retention: Retention;
  readonly #group: string;
  readonly #wakeable: boolean;
  readonly #log: Logger;
  readonly #subscriptions = new Set<RedisSubscription>();
  readonly #closing = new AbortController();

  constructor(redis: RedisClient, values: Values<typeof FIELDS>, { group, wakeable }: { readonly group: string; readonly wakeable: boolean }, log: Logger) {
    this.#redis = redis;
    this.#values = values;
    this.#retention = { maxLength: values.maxLenApprox || undefined, ttlMs: values.streamTTL || undefined };
    this.#group = group;
    this.#wakeable = wakeable;
    this.#log = log;
  }

  /** Sent at most once: when the connection breaks under it, the error says that the outcome is unknown. */
  async publish(topic: string, message: OutgoingMessage): Promise<void> {
    await this.#redis.write('xadd', ...entryArguments(topic, message, this.#retention));
  }

  async subscribe({ topic, minUnsettled }: SubscribeRequest, sink: Sink): Promise<BrokerSubscription> {
    const { signal } = this.#closing;
    signal.throwIfAborted();
    const group = new RedisGroup(this.#redis, topic, this.#group);
    await group.create();
    const reader = await openReader(group, this.#redis, this.#wakeable, this.#log, signal);
    if (signal.aborted) {
      await reader.close();
      throw signal.reason;
    }
    const { concurrency, queueDepth, redeliverInterval, processingTimeout, trimAcked } = this.#values;
    const subscription = new RedisSubscription(this.#redis, group, reader, sink, {
      concurrency, maxUnsettled: Math.max(queueDepth, minUnsettled), redeliverIntervalMs: redeliverInterval, processingTimeoutMs: Math.ceil(processingTimeout), trimAcked,
    }, this.#log, () => this.#subscriptions.delete(subscription));
    this.#subscriptions.add(subscription);
    return subscription;
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the component is closing'));
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    await this.#redis.close();
  }
}
