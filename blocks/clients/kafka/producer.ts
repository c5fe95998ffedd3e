// Sends records to Kafka.
import { CompressionTypes, Partitioners, type Message, type Producer } from 'kafkajs';
import { Connection, REQUEST_MS, retry } from './connection.ts';
import type { KafkaLog } from './log.ts';
import type { KafkaSettings } from './settings.ts';
import { KafkaTrouble, troubleOf } from './trouble.ts';

/** A record to be sent. */
export interface KafkaRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** Undefined: by the key, or in turn without one. */
  readonly partition: number | undefined;
}

/** Sends records. Connects once by `connect`; after that kafkajs reconnects as long as it is used. */
export class KafkaProducer {
  readonly #settings: KafkaSettings;
  readonly #connection: Connection;
  readonly #producer: Producer;

  constructor(settings: KafkaSettings, log: KafkaLog) {
    this.#settings = settings;
    this.#connection = new Connection(settings, log, retry(2, 100, 1000));
    this.#producer = this.#connection.kafka.producer({
      retry: retry(settings.retries, 300, 3000),
      metadataMaxAge: settings.metadataAgeMs,
      createPartitioner: checkedPartitioner,
    });
  }

  /** @throws KafkaTrouble */
  async connect(): Promise<void> {
    await this.#producer.connect().catch((cause: unknown) => { throw troubleOf(cause); });
  }

  /**
   * Settles when the topic has all records, as far as the acknowledgements asked for tell. Records of one partition stay in
   * order. @throws KafkaTrouble when any of them failed: others of the same call may be stored
   */
  async send(topic: string, records: readonly KafkaRecord[]): Promise<void> {
    const { acks, compression } = this.#settings;
    try {
      await this.#producer.send({
        topic, acks,
        messages: records.map(newMessage),
        compression: compression === 'gzip' ? CompressionTypes.GZIP : compression === 'zstd' ? CompressionTypes.ZSTD : CompressionTypes.None,
        timeout: REQUEST_MS,
      });
    } catch (cause) {
      throw troubleOf(cause);
    }
  }

  /** Its sockets are gone when this resolves. May be called twice. */
  close(): Promise<void> {
    return this.#connection.close(() => this.#producer.disconnect());
  }
}

function newMessage({ key, value, headers, partition }: KafkaRecord): Message {
  return { key, value, ...(headers === undefined ? {} : { headers }), ...(partition === undefined ? {} : { partition }) };
}

/**
 * The Java client's choice: murmur2 of the key, in turn without one. A partition asked for must be there: kafkajs would drop
 * the record without a word, because nobody leads it.
 */
function checkedPartitioner(): ReturnType<typeof Partitioners.DefaultPartitioner> {
  const usual = Partitioners.DefaultPartitioner();
  const refreshed = new WeakSet<Message>();
  return (args) => {
    const { topic, message, partitionMetadata } = args;
    const { partition } = message;
    if (partition === undefined || partitionMetadata.some(({ partitionId }) => partitionId === partition)) return usual(args);
    if (!refreshed.has(message)) {
      refreshed.add(message);
      // The topic may have grown: this name makes kafkajs ask again.
      throw Object.assign(new Error(`topic ${topic} has no partition ${partition} yet`), { name: 'KafkaJSMetadataNotLoaded', retriable: true });
    }
    throw Object.assign(new KafkaTrouble('partition', `partition number ${partition} is out of range, topic ${topic} has ${partitionMetadata.length} partitions`), { retriable: false });
  };
}
