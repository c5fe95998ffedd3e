// One consumer group of one Redis stream: its commands, with their arguments and answers made plain.
import { RedisRefusal, type RedisClient, type RedisReply } from '../../clients/redis-client.ts';
import { listedEntries, type StreamEntry } from './entry.ts';

/** An entry that was delivered and not acknowledged. */
export interface PendingEntry {
  readonly id: string;
  /** Since the last delivery, or since its consumer last said that it still has it. Milliseconds. */
  readonly idleMs: number;
  readonly deliveries: number;
}

/** Ids in one command. */
const MAX_IDS = 500;

export class RedisGroup {
  readonly topic: string;
  /** The group's name, and its only consumer's: as in daprd all instances are one consumer (contract: messaging §14, 13). */
  readonly name: string;
  readonly #redis: RedisClient;

  constructor(redis: RedisClient, topic: string, name: string) {
    this.#redis = redis;
    this.topic = topic;
    this.name = name;
  }

  /** Makes the group, and the stream, unless they exist. The group begins with the stream's first entry. */
  async create(): Promise<void> {
    try {
      await this.#redis.write('xgroup', 'CREATE', this.topic, this.name, '0', 'MKSTREAM');
    } catch (cause) {
      if (!(cause instanceof RedisRefusal && cause.code === 'BUSYGROUP')) throw cause;
    }
  }

  /** Acknowledging again what is acknowledged changes nothing. */
  async acknowledge(ids: readonly string[]): Promise<void> {
    await inChunks(ids, (some) => this.#redis.write('xack', this.topic, this.name, ...some));
  }

  /**
   * Delivers pending entries again, to us: those idle for so long at least.
   * @returns the entries in the order of the stream, and the ids that no entry has any more
   */
  async claim(ids: readonly string[], minIdleMs: number): Promise<{ readonly entries: readonly StreamEntry[]; readonly vanished: readonly string[] }> {
    const replies = await inChunks(ids, (some) => this.#redis.write('xclaim', this.topic, this.name, this.name, minIdleMs, ...some));
    const entries = replies.flatMap(listedEntries);
    const claimed = new Set(entries.map(({ id }) => id));
    // Not claimed: somebody else was faster, or the entry was deleted. Servers differ in how they tell; the stream itself does not.
    const missing = ids.filter((id) => !claimed.has(id));
    const found = await Promise.all(missing.map((id) => this.#redis.read('xrange', this.topic, id, id)));
    return { entries, vanished: missing.filter((_, index) => isEmpty(found[index])) };
  }

  /** Says that we still have these: nobody else takes them for abandoned. Ids that are no longer pending are passed over. */
  async refresh(ids: readonly string[]): Promise<void> {
    await inChunks(ids, (some) => this.#redis.write('xclaim', this.topic, this.name, this.name, 0, ...some, 'JUSTID'));
  }

  /**
   * Makes pending entries look abandoned for `idleMs`, so that the next who looks for such takes them.
   * @param deliveries to be counted as so far
   */
  async putBack(ids: readonly string[], idleMs: number, deliveries: number): Promise<void> {
    await inChunks(ids, (some) => this.#redis.write('xclaim', this.topic, this.name, this.name, 0, ...some, 'IDLE', idleMs, 'RETRYCOUNT', deliveries, 'JUSTID'));
  }

  /** Pending entries of all consumers from `start` on, at most `count`, in the order of the stream. */
  async pending(start: string, count: number): Promise<PendingEntry[]> {
    const reply = await this.#redis.read('xpending', this.topic, this.name, start, '+', count);
    if (!Array.isArray(reply)) return [];
    return reply.flatMap((item) => (Array.isArray(item) ? [{ id: String(item[0]), idleMs: Number(item[2]), deliveries: Number(item[3]) }] : []));
  }
}

/** These refusals mend without anybody's help. */
const PASSING = new Set(['LOADING', 'BUSY', 'TRYAGAIN', 'CLUSTERDOWN', 'MASTERDOWN', 'READONLY', 'OOM', 'MISCONF', 'NOREPLICAS']);

/** True for a failure that is worth another attempt: the server is away, or not yet ready to do it. */
export function willPass(cause: unknown): boolean {
  return !(cause instanceof RedisRefusal) || PASSING.has(cause.code);
}

/** The id that follows an id: servers before 6.2 know no exclusive ranges. */
export function idAfter(id: string): string {
  const [ms = '0', sequence = '0'] = id.split('-');
  return `${ms}-${BigInt(sequence) + 1n}`;
}

/** The commands leave in one packet. */
function inChunks(ids: readonly string[], send: (some: readonly string[]) => Promise<RedisReply>): Promise<RedisReply[]> {
  const replies: Promise<RedisReply>[] = [];
  for (let at = 0; at < ids.length; at += MAX_IDS) replies.push(send(ids.slice(at, at + MAX_IDS)));
  return Promise.all(replies);
}

function isEmpty(reply: RedisReply | undefined): boolean {
  return !Array.isArray(reply) || reply.length === 0;
}
