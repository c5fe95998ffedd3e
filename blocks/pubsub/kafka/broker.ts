// pubsub.kafka: topics in Kafka, read as a consumer group (contract: messaging §11.8).
import { KafkaProducer } from '../../clients/kafka/producer.ts';
import { KafkaLog } from '../../clients/kafka/log.ts';
import { KAFKA_FIELDS, kafkaSettings, type KafkaSettings } from '../../clients/kafka/settings.ts';
import type { Logger } from '../../block.ts';
import type { DriverContext } from '../../components.ts';
import { InvalidMetadata, type ComponentSpec } from '../../driver.ts';
import { duration, flag, integer, noEffect, oneOf, readMetadata, text, type Values } from '../../metadata.ts';
import { backoffMs } from '../backoff.ts';
import type { Broker, BrokerSubscription, EntryFailure, OutgoingEntry, OutgoingMessage, Sink, StringMap, SubscribeRequest } from '../broker.ts';
import { COMMON_FIELDS } from '../fields.ts';
import { toRecord, type HeaderRules } from './records.ts';
import { KafkaSender } from './sender.ts';
import { KafkaSubscription } from './subscription.ts';

const MAX_MS = 2_147_483_647;
const KEPT = 'a failed message comes again until it is handled, or becomes a dead letter by maxRetries';

const FIELDS = {
  ...COMMON_FIELDS,
  ...KAFKA_FIELDS,
  consumerGroup: text({ default: '' }),
  /** The consumer group where consumerGroup has none. Default: the app's id. */
  consumerID: text({ default: '' }),
  /** False: a message that fails is passed over. */
  consumeRetryEnabled: flag({ default: true }),
  consumeRetryInterval: duration({ unit: 'ms', minMs: 1, maxMs: MAX_MS, default: 100 }),
  backOffPolicy: oneOf(['constant', 'exponential'], { default: 'constant' }),
  /** Of the constant policy; default: consumeRetryInterval. */
  backOffDuration: duration({ unit: 's', minMs: 0, maxMs: MAX_MS, default: 0 }),
  backOffInitialInterval: duration({ unit: 's', minMs: 1, maxMs: MAX_MS, default: 500 }),
  backOffMaxInterval: duration({ unit: 's', minMs: 1, maxMs: MAX_MS, default: 60_000 }),
  backOffMultiplier: noEffect('the interval doubles'),
  backOffRandomizationFactor: noEffect('half of an interval is at random'),
  backOffMaxRetries: noEffect(KEPT, { level: 'warn' }),
  backOffMaxElapsedTime: noEffect(KEPT, { level: 'warn' }),
  /** Messages of a subscription that may be unsettled at a time. */
  channelBufferSize: integer({ min: 1, max: 100_000, default: 256 }),
  excludeHeaderMetaRegex: text({ default: '' }),
  escapeHeaders: flag(),
  /** What messages are kept in order by. `key`: those of other keys, and those without, go side by side. */
  deliveryOrder: oneOf(['partition', 'key', 'none'], { default: 'partition' }),
} as const;

export async function openKafkaBroker(spec: ComponentSpec, { appId, log }: DriverContext, signal: AbortSignal): Promise<Broker> {
  const values = readMetadata(spec, FIELDS, log);
  const settings = kafkaSettings(values);
  const kafkaLog = new KafkaLog(log, settings.brokers);
  kafkaLog.quiet = true; // what keeps it from starting is in the error
  const rules: HeaderRules = { excluded: headerPattern(values.excludeHeaderMetaRegex), escaped: values.escapeHeaders };
  const producer = new KafkaProducer(settings, kafkaLog);
  const giveUp = (): void => void producer.close();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    await producer.connect();
    signal.throwIfAborted();
    kafkaLog.quiet = false;
  } catch (cause) {
    await producer.close();
    throw cause;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
  return new KafkaBroker(producer, values, settings, values.consumerGroup.trim() || values.consumerID.trim() || appId, rules, log, kafkaLog);
}

class KafkaBroker implements Broker {
  readonly features: readonly string[] = ['BULK_PUBSUB'];
  readonly bulkDefaults = { maxMessagesCount: 80, maxAwaitDurationMs: 10_000 };
  readonly #producer: KafkaProducer;
  readonly #sender: KafkaSender;
  readonly #values: Values<typeof FIELDS>;
  readonly #settings: KafkaSettings;
  readonly #group: string;
  readonly #rules: HeaderRules;
  readonly #log: Logger;
  readonly #kafkaLog: KafkaLog;
  readonly #subscriptions = new Set<KafkaSubscription>();
  #closing: Promise<void> | undefined;

  constructor(producer: KafkaProducer, values: Values<typeof FIELDS>, settings: KafkaSettings, group: string, rules: HeaderRules, log: Logger, kafkaLog: KafkaLog) {
    this.#producer = producer;
    this.#sender = new KafkaSender(producer, settings.maxRecordBytes ?? Infinity);
    this.#values = values;
    this.#settings = settings;
    this.#group = group;
    this.#rules = rules;
    this.#log = log;
    this.#kafkaLog = kafkaLog;
  }

  async publish(topic: string, message: OutgoingMessage): Promise<void> {
    await this.#sender.send(topic, toRecord(message, this.#rules));
  }

  /** Each entry succeeds or fails by itself; the request's metadata wins over an entry's. */
  async publishBulk(topic: string, entries: readonly OutgoingEntry[], metadata: StringMap): Promise<readonly EntryFailure[]> {
    const results = await Promise.allSettled(entries.map(async (entry) => this.publish(topic, { data: entry.data, metadata: { ...entry.metadata, ...metadata } })));
    return results.flatMap((result, index) => (result.status === 'fulfilled' ? [] : [{ entryId: (entries[index] as OutgoingEntry).entryId, cause: result.reason as unknown }]));
  }

  async subscribe({ topic, minUnsettled }: SubscribeRequest, sink: Sink): Promise<BrokerSubscription> {
    if (this.#closing !== undefined) throw new Error('the component is closing');
    const { channelBufferSize, deliveryOrder, escapeHeaders } = this.#values;
    const subscription = new KafkaSubscription({
      settings: this.#settings, group: this.#group, topic, order: deliveryOrder, width: minUnsettled, maxUnsettled: Math.max(channelBufferSize, minUnsettled),
      escapedHeaders: escapeHeaders, pauseMs: this.#pauseMs(),
    }, sink, this.#log, this.#kafkaLog, () => this.#subscriptions.delete(subscription));
    this.#subscriptions.add(subscription);
    await subscription.open();
    return subscription;
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    await this.#producer.close();
  }

  #pauseMs(): ((failures: number) => number) | undefined {
    const { consumeRetryEnabled, backOffPolicy, backOffDuration, consumeRetryInterval, backOffInitialInterval, backOffMaxInterval } = this.#values;
    if (!consumeRetryEnabled) return undefined;
    if (backOffPolicy === 'constant') return () => backOffDuration || consumeRetryInterval;
    return (failures) => backoffMs(failures, { minMs: backOffInitialInterval, maxMs: backOffMaxInterval });
  }
}

function headerPattern(source: string): RegExp | undefined {
  if (source === '') return undefined;
  try {
    return new RegExp(source);
  } catch {
    throw new InvalidMetadata(`metadata field "excludeHeaderMetaRegex" has an invalid value ${JSON.stringify(source)}: it must be a regular expression`);
  }
}
