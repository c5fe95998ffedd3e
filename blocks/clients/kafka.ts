// The connection to Kafka, and the only file that imports kafkajs: a producer, and a member of a consumer group. Both have one
// life; who uses them makes the next one. What kafkajs can't be told by options is put right here, with the reason beside it.
import { createRequire } from 'node:module';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import kafkajs, {
  AssignerProtocol, CompressionTypes, Kafka, logLevel, Partitioners,
  type Cluster, type Consumer, type ISocketFactory, type KafkaMessage, type Message, type PartitionAssigner, type Producer, type RetryOptions, type SASLOptions,
} from 'kafkajs';
import { assign } from './kafka-assignors.ts';
import type { KafkaLog } from './kafka-log.ts';
import { kafkaTokens } from './kafka-oidc.ts';
import type { KafkaSettings } from './kafka-settings.ts';

export type { KafkaMessage };

/** What went wrong, as far as it decides what follows. */
export type KafkaTroubleKind =
  /** The broker refuses us for good: login, rights, names. */
  | 'refused'
  /** The topic is not there, or not ours to use. */
  | 'topic'
  /** The topic has no such partition. */
  | 'partition'
  /** The records are more than the broker takes in one request. */
  | 'too-large'
  /** Stored data that this client can't read. */
  | 'unreadable'
  /** The network, a broker that is away: may pass. */
  | 'passing';

export class KafkaTrouble extends Error {
  override readonly name = 'KafkaTrouble';
  readonly kind: KafkaTroubleKind;

  constructor(kind: KafkaTroubleKind, text: string) {
    super(text);
    this.kind = kind;
  }
}

/** A record to be sent. */
export interface KafkaRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** Undefined: by the key, or in turn without one. */
  readonly partition: number | undefined;
}

const CONNECT_MS = 5_000;
/** Longest silence while an answer is due. */
const REQUEST_MS = 10_000;
/** How long a goodbye may take. After that the sockets are cut. */
const GOODBYE_MS = 3_000;
/** How long an empty fetch waits at the broker; heartbeats come in between. */
const FETCH_WAIT_MS = 500;
/** How long members have to come back when a group is dealt out anew. */
const REBALANCE_MS = 60_000;
/** How long a member may take to become active: the others must have noticed it. */
const JOIN_MS = 90_000;
/** Batches of different partitions that may be taken in at a time. */
const TAKEN_IN_AT_A_TIME = 64;
/** How long the start of a partition stays the answer, so that all brokers' fetchers hear the same. */
const START_BELIEVED_MS = 2_000;
/** How long a broker may take to make a topic that was asked for. */
const TOPIC_MADE_MS = 3_000;
const TOPIC_POLL_MS = 100;
const MAX_BATCH_BYTES = 100 << 20;

/** All given: kafkajs has other defaults where NODE_ENV is "test". */
const retry = (retries: number, initialRetryTime: number, maxRetryTime: number): RetryOptions => ({ retries, initialRetryTime, maxRetryTime, factor: 0.2, multiplier: 2 });

repairTimers();
kafkajs.CompressionCodecs[CompressionTypes.ZSTD] = () => ZSTD; // Node doesn't see that kafkajs exports it by name, too

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

/** What a member of a group tells. Nothing is told after `close`. */
export interface MemberEvents {
  /** These partitions are the member's from now on, and no others. */
  assigned(partitions: readonly number[]): void;
  /** The group is being dealt out anew: the last moment to commit. */
  rebalancing(): void;
  /** Nothing was committed for the partition, so reading begins here. The offset is committed already. */
  starts(partition: number, offset: number): void;
  /** Records of a partition, in order. While the promise is open nothing more is fetched from the same broker: keep it short. Must not reject. */
  batch(batch: KafkaBatch): Promise<void>;
  /** It lives: it fetched or said hello to the group. */
  sign(): void;
  /** It's over. Called once, and only after `open` resolved. */
  crashed(cause: KafkaTrouble): void;
}

export interface KafkaBatch {
  readonly partition: number;
  /** Where the fetch began. */
  readonly fromOffset: number;
  /** Of the last record, also if that is none for us. */
  readonly lastOffset: number;
  readonly messages: readonly KafkaMessage[];
}

/** Reads one topic as a member of a group. Commits what it is told, nothing by itself. */
export class KafkaMember {
  readonly #topic: string;
  readonly #connection: Connection;
  readonly #consumer: Consumer;
  readonly #events: MemberEvents;
  readonly #fromBeginning: boolean;
  readonly #active = Promise.withResolvers<void>();
  #opened = false;
  #over = false;
  /** What it reads, for the next time the group is dealt out. */
  #owned: readonly number[] = [];

  constructor(settings: KafkaSettings, group: string, topic: string, events: MemberEvents, log: KafkaLog) {
    this.#topic = topic;
    this.#events = events;
    this.#fromBeginning = settings.fromBeginning;
    this.#active.promise.catch(() => undefined); // `open` waits for it, unless it failed before
    const again = retry(5, 300, 3000);
    // A client of its own: kafkajs keeps the committed offsets of a group by client, and members would clear each other's.
    this.#connection = new Connection(settings, log, again);
    this.#consumer = this.#connection.kafka.consumer({
      groupId: group,
      partitionAssigners: [this.#assigner(settings)],
      sessionTimeout: settings.sessionTimeoutMs,
      heartbeatInterval: settings.heartbeatMs,
      rebalanceTimeout: REBALANCE_MS,
      metadataMaxAge: settings.metadataAgeMs,
      minBytes: settings.fetchMinBytes,
      maxBytesPerPartition: settings.fetchBytes,
      maxBytes: Math.max(settings.fetchBytes, 10 << 20),
      maxWaitTimeInMs: Math.min(FETCH_WAIT_MS, settings.heartbeatMs),
      retry: { ...again, restartOnFailure: () => Promise.resolve(false) }, // the next life is ours to start: this one may hang
    });
    this.#listen();
  }

  /** Settles when records published from now on will be read. @throws KafkaTrouble */
  async open(): Promise<void> {
    const timer = setTimeout(() => this.#fail(new KafkaTrouble('passing', `the group was not ready within ${JOIN_MS / 1000} s`)), JOIN_MS);
    try {
      await Promise.race([this.#start(), this.#active.promise]);
      await this.#active.promise;
      this.#opened = true;
    } catch (cause) {
      throw troubleOf(cause);
    } finally {
      clearTimeout(timer);
    }
  }

  /** @throws KafkaTrouble */
  async commit(offsets: readonly { readonly partition: number; readonly offset: number }[]): Promise<void> {
    await this.#consumer.commitOffsets(offsets.map(({ partition, offset }) => ({ topic: this.#topic, partition, offset: String(offset) }))).catch((cause: unknown) => { throw troubleOf(cause); });
  }

  /** Fetches nothing of it until `resume`; goes on to be its reader. */
  pause(partition: number): void {
    if (!this.#over) this.#consumer.pause([{ topic: this.#topic, partitions: [partition] }]);
  }

  resume(partition: number): void {
    if (!this.#over) this.#consumer.resume([{ topic: this.#topic, partitions: [partition] }]);
  }

  /** Leaves the group. Its sockets are gone when this resolves. May be called twice. */
  close(): Promise<void> {
    this.#over = true;
    this.#active.reject(new KafkaTrouble('passing', 'the subscription is closing'));
    return this.#connection.close(() => this.#consumer.disconnect());
  }

  async #start(): Promise<void> {
    await this.#consumer.connect();
    await this.#choose();
    if (this.#over) return;
    await this.#consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: TAKEN_IN_AT_A_TIME,
      eachBatch: async ({ batch }) => {
        if (this.#over) return;
        const { partition, messages } = batch;
        // `fetchedOffset` is not in the type
        const { fetchedOffset } = batch as unknown as { readonly fetchedOffset: string };
        await this.#events.batch({ partition, messages, fromOffset: Number(fetchedOffset), lastOffset: Number(batch.lastOffset()) });
      },
    });
  }

  /** A topic that isn't there is made by being asked for, where the broker allows it; until it is made the answer is that it isn't there. */
  async #choose(): Promise<void> {
    for (const end = performance.now() + TOPIC_MADE_MS; !this.#over;) {
      try {
        return await this.#consumer.subscribe({ topic: this.#topic, fromBeginning: this.#fromBeginning });
      } catch (cause) {
        if (troubleOf(cause).kind !== 'topic' || performance.now() > end) throw cause;
        await sleep(TOPIC_POLL_MS);
      }
    }
  }

  #listen(): void {
    const { events } = this.#consumer;
    const sign = () => {
      if (!this.#over) this.#events.sign();
    };
    this.#consumer.on(events.HEARTBEAT, sign);
    this.#consumer.on(events.FETCH, () => {
      this.#active.resolve();
      sign();
    });
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => {
      sign();
      this.#owned = payload.memberAssignment[this.#topic] ?? [];
      if (!this.#over) this.#events.assigned(this.#owned);
    });
    this.#consumer.on(events.REBALANCING, () => {
      if (!this.#over) this.#events.rebalancing();
    });
    this.#consumer.on(events.CRASH, ({ payload }) => this.#fail(troubleOf(payload.error)));
  }

  #fail(cause: KafkaTrouble): void {
    if (this.#over) return;
    this.#active.reject(cause);
    if (!this.#opened) return;
    this.#over = true;
    this.#events.crashed(cause);
  }

  #assigner({ strategy }: KafkaSettings): PartitionAssigner {
    const { MemberMetadata, MemberAssignment } = AssignerProtocol;
    return ({ cluster }) => {
      this.#commitStarts(cluster);
      return {
        name: strategy,
        version: 0,
        protocol: ({ topics }) => {
          const owned = MemberAssignment.encode({ version: 0, assignment: { [this.#topic]: [...this.#owned] }, userData: Buffer.alloc(0) });
          // the sticky strategy's note of what a member had is an assignment without version and user data
          return { name: strategy, metadata: MemberMetadata.encode({ version: 0, topics, userData: strategy === 'sticky' ? owned.subarray(2, -4) : Buffer.alloc(0) }) };
        },
        assign: async ({ members }) => {
          const known = members.map(({ memberId, memberMetadata }) => {
            const { topics, userData } = MemberMetadata.decode(memberMetadata) ?? { topics: [], userData: Buffer.alloc(0) };
            return { id: memberId, topics, owned: ownedBefore(userData) };
          });
          const topics = [...new Set(known.flatMap((member) => member.topics))].sort();
          await cluster.addMultipleTargetTopics(topics); // the leader deals out topics too that it doesn't read itself
          const partitions = new Map(topics.map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId).sort((a, b) => a - b)]));
          return [...assign(strategy, known, partitions)].map(([memberId, assignment]) => ({
            memberId,
            memberAssignment: MemberAssignment.encode({ version: 0, assignment: Object.fromEntries(assignment), userData: Buffer.alloc(0) }),
          }));
        },
      };
    };
  }

  /**
   * Where nothing is committed, kafkajs asks for the newest (or oldest) offset and begins there. Without a commit of that
   * begin, a reader that dies with its first messages unsettled would lose them: the next one begins at the newest again.
   */
  #commitStarts(cluster: Cluster): void {
    const fetch = cluster.fetchTopicsOffset.bind(cluster);
    const believed = new Map<string, ReturnType<typeof fetch>>();
    cluster.fetchTopicsOffset = (topics) => {
      const question = JSON.stringify(topics);
      const known = believed.get(question);
      if (known !== undefined) return known;
      const asked = (async () => {
        const found = await fetch(topics);
        const starts = found.flatMap(({ partitions }) => partitions).map(({ partition, offset }) => ({ partition, offset: Number(offset) }));
        if (starts.length > 0) await this.commit(starts);
        if (!this.#over) for (const { partition, offset } of starts) this.#events.starts(partition, offset);
        return found;
      })();
      believed.set(question, asked);
      const forget = () => void believed.delete(question);
      asked.then(() => setTimeout(forget, START_BELIEVED_MS).unref(), forget);
      return asked;
    };
  }
}

/** One kafkajs client and its sockets. */
class Connection {
  readonly kafka: Kafka;
  readonly #sockets = new Set<Socket>();
  #closing: Promise<void> | undefined;

  constructor(settings: KafkaSettings, log: KafkaLog, retries: RetryOptions) {
    const { brokers, clientId, tls, keepAliveMs } = settings;
    this.kafka = new Kafka({
      brokers: [...brokers],
      clientId: clientId ?? 'bulkhead',
      connectionTimeout: CONNECT_MS,
      authenticationTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      retry: retries,
      ...(tls === undefined ? {} : { ssl: tls }),
      ...(settings.login === undefined ? {} : { sasl: saslOptions(settings) }),
      socketFactory: this.#newSocket(keepAliveMs),
      logLevel: logLevel.WARN,
      // Only the text: what comes with it may hold anything.
      logCreator: () => ({ log: entry }) => log.warn(typeof entry['error'] === 'string' ? `${entry.message}: ${entry['error']}` : entry.message),
    });
  }

  /** @param goodbye what kafkajs does about it; it may wait for answers that never come */
  close(goodbye: () => Promise<void>): Promise<void> {
    return (this.#closing ??= this.#close(goodbye));
  }

  async #close(goodbye: () => Promise<void>): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, GOODBYE_MS);
    // a goodbye that fails had nobody to say it to
    await Promise.race([goodbye().catch(() => undefined), late.promise]);
    clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy(new Error('the component is closing'));
  }

  #newSocket(keepAliveMs: number): ISocketFactory {
    return ({ host, port, ssl, onConnect }) => {
      // kafkajs gives null for "no TLS", whatever its type says
      const secure = ssl as typeof ssl | null;
      const socket = secure ? connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...secure }, onConnect) : connectTcp({ host, port }, onConnect);
      socket.setKeepAlive(true, keepAliveMs);
      socket.setNoDelay(true);
      if (this.#closing !== undefined) socket.destroy(new Error('the component is closing'));
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      return socket;
    };
  }
}

function saslOptions({ login }: KafkaSettings): SASLOptions {
  if (login?.kind === 'password') return { mechanism: login.mechanism, username: login.username, password: login.password } as SASLOptions;
  if (login?.kind === 'token') return { mechanism: 'oauthbearer', oauthBearerProvider: kafkaTokens(login.tokens) };
  throw new Error('there is no login');
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

/** What a member had, by topic; garbage of a stranger is nothing. */
function ownedBefore(userData: Buffer): ReadonlyMap<string, readonly number[]> {
  if (userData.length === 0) return new Map();
  try {
    const decoded = AssignerProtocol.MemberAssignment.decode(Buffer.concat([Buffer.alloc(2), userData, Buffer.alloc(4)]));
    return new Map(Object.entries(decoded?.assignment ?? {}));
  } catch {
    return new Map();
  }
}

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

const ZSTD = {
  compress: (encoder: { readonly buffer: Buffer }) => compress(encoder.buffer),
  decompress: (bytes: Buffer) => decompress(bytes, { maxOutputLength: MAX_BATCH_BYTES }),
};

const REFUSED = /AUTHORIZATION_FAILED$|^SASL_|^ILLEGAL_SASL|^INVALID_SESSION_TIMEOUT$|^INCONSISTENT_GROUP_PROTOCOL$|^INVALID_GROUP_ID$|^UNSUPPORTED_/;
const TOPIC = /^(UNKNOWN_TOPIC_OR_PARTITION|INVALID_TOPIC_EXCEPTION|TOPIC_AUTHORIZATION_FAILED)$/;
const TOO_LARGE = /^(MESSAGE_TOO_LARGE|RECORD_LIST_TOO_LARGE)$/;

/** Goes through what kafkajs wraps its errors in. */
function troubleOf(cause: unknown): KafkaTrouble {
  let text = cause instanceof Error ? cause.message : String(cause);
  for (let error: unknown = cause; error instanceof Error; error = error.cause) {
    if (error instanceof KafkaTrouble) return error;
    const { type = '' } = error as { readonly type?: string };
    if (TOPIC.test(type)) return new KafkaTrouble('topic', error.message);
    if (TOO_LARGE.test(type)) return new KafkaTrouble('too-large', error.message);
    if (error.name === 'KafkaJSNotImplemented') return new KafkaTrouble('unreadable', `${error.message.replace(' not implemented', '')} is not supported, so what is stored can't be read`);
    if (error.name === 'KafkaJSSASLAuthenticationError' || REFUSED.test(type)) return new KafkaTrouble('refused', error.message);
    text = error.message;
  }
  return new KafkaTrouble('passing', text);
}

/**
 * kafkajs sets a timer with a negative time after each answer, to look for requests that wait although none does. Node warns
 * about it on stderr, and the timers cost. With nothing waiting there is nothing to look for.
 */
function repairTimers(): void {
  interface Queue { readonly pending: readonly unknown[]; scheduleCheckPendingRequests(): void }
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as { readonly prototype: Queue };
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function scheduleCheck(this: Queue): void {
    if (this.pending.length > 0) schedule.call(this);
  };
}
