// Reads a topic as a member of a consumer group. It has one life; who uses it makes the next one.
import { setTimeout as sleep } from 'node:timers/promises';
import { AssignerProtocol, type Cluster, type Consumer, type KafkaMessage, type PartitionAssigner } from 'kafkajs';
import { assign } from './assignors.ts';
import { Connection, retry } from './connection.ts';
import type { KafkaLog } from './log.ts';
import type { KafkaSettings } from './settings.ts';
import { KafkaTrouble, troubleOf } from './trouble.ts';

export type { KafkaMessage };

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
