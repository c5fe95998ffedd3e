// state.redis: records in daprd's layouts, so that both can work on one database. Reads are one round trip; every write
// is one script call, in which nobody can come between compare and set.
import { openRedis, RedisRefusal, type RedisClient, type RedisReply } from '../clients/redis-client.ts';
import { REDIS_FIELDS, redisSettings } from '../clients/redis-settings.ts';
import type { Logger } from '../block.ts';
import type { DriverContext } from '../components.ts';
import type { ComponentSpec } from '../driver.ts';
import { parseGoInteger } from '../go-integer.ts';
import { integer, readMetadata } from '../metadata.ts';
import { STATE_FIELDS } from './fields.ts';
import { getJson, hasJsonModule, jsonDocument, wantsJson } from './redis-json.ts';
import { APPLY, scriptArguments, type RedisWrite } from './redis-script.ts';
import { EtagInvalid, EtagMismatch, type Item, type Operation, type Read, type Removal, type StateStore, type StringMap, type Write } from './store.ts';

/** Redis counts expiries in signed 64-bit milliseconds; more would fail in the middle of the script. Seconds. */
const MAX_TTL_SECONDS = 9_000_000_000_000n;
/** How long a strongly consistent write waits for the replicas. Milliseconds. */
const REPLICA_WAIT_MS = 1000;
/** How long a count of replicas is good for. Milliseconds. */
const REPLICAS_BELIEVED_MS = 5000;

const FIELDS = {
  ...STATE_FIELDS,
  ...REDIS_FIELDS,
  ttlInSeconds: integer({ max: Number(MAX_TTL_SECONDS) }),
} as const;

export async function openRedisStore(spec: ComponentSpec, { log }: DriverContext, signal: AbortSignal): Promise<StateStore> {
  const values = readMetadata(spec, FIELDS, log);
  const redis = await openRedis(redisSettings(values, { minRetryMs: 2000 }), log, signal);
  try {
    return new RedisStore(redis, log, await hasJsonModule(redis), values.ttlInSeconds);
  } catch (cause) {
    await redis.close();
    throw cause;
  }
}

class RedisStore implements StateStore {
  readonly features = ['ETAG', 'TRANSACTIONAL', 'TTL', 'KEYS_LIKE'];
  readonly #redis: RedisClient;
  readonly #log: Logger;
  readonly #json: boolean;
  readonly #defaultTtlSeconds: number | undefined;
  /** For strongly consistent writes: waiting for replicas holds up a connection, and must not hold up the others' calls. */
  #strong: Promise<RedisClient> | undefined;
  /** Replicas, and until when that is believed (performance.now). */
  #replicas = { count: 0, untilMs: 0 };
  #behind = false;
  readonly #closing = new AbortController();

  constructor(redis: RedisClient, log: Logger, json: boolean, defaultTtlSeconds: number | undefined) {
    this.#redis = redis;
    this.#log = log;
    this.#json = json;
    this.#defaultTtlSeconds = defaultTtlSeconds;
  }

  async get({ key, metadata }: Read): Promise<Item | undefined> {
    if (this.#json && wantsJson(metadata)) return this.#fallback(getJson(this.#redis, key), () => this.#getHash(key));
    return this.#fallback(this.#getHash(key), () => this.#getOther(key));
  }

  /** All requests leave in one packet. */
  getMany(reads: readonly Read[]): Promise<(Item | undefined)[]> {
    return Promise.all(reads.map((read) => this.get(read)));
  }

  async set(write: Write): Promise<void> {
    await this.#apply([write]);
  }

  async delete(removal: Removal): Promise<void> {
    await this.#apply([removal]);
  }

  async transact(operations: readonly Operation[]): Promise<void> {
    if (operations.length > 0) await this.#apply(operations);
  }

  async ping(): Promise<void> {
    await this.#redis.read('ping');
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the component is closing'));
    const strong = await this.#strong?.catch(() => undefined); // a connection that failed to open has nothing to close
    await Promise.all([this.#redis.close(), strong?.close()]);
  }

  async #getHash(key: string): Promise<Item | undefined> {
    const [data, version] = (await this.#redis.read('hmget', key, 'data', 'version')) as RedisReply[];
    if (!Buffer.isBuffer(data) && !Buffer.isBuffer(version)) return undefined;
    if (!Buffer.isBuffer(data) || !Buffer.isBuffer(version)) throw new Error("required hash field 'data' or 'version' was not found");
    return { data: bytesOrNull(data), etag: version.toString() };
  }

  /** A key that is no hash: a document, or plain text from before records had versions. */
  async #getOther(key: string): Promise<Item | undefined> {
    const plain = async () => {
      const data = await this.#redis.read('get', key);
      return Buffer.isBuffer(data) ? { data: bytesOrNull(data) } : undefined;
    };
    return this.#json ? this.#fallback(plain(), () => getJson(this.#redis, key)) : plain();
  }

  /** `attempt`, or if the key is of another type, what `other` finds. */
  async #fallback(attempt: Promise<Item | undefined>, other: () => Promise<Item | undefined>): Promise<Item | undefined> {
    try {
      return await attempt;
    } catch (cause) {
      if (cause instanceof RedisRefusal && isWrongType(cause)) return other();
      throw cause;
    }
  }

  async #apply(operations: readonly Operation[]): Promise<void> {
    const keys = operations.map(({ key }) => key);
    const writes = operations.map((operation) => (operation.kind === 'upsert' ? this.#upsert(operation) : this.#removal(operation)));
    if (!this.#redis.sameSlot(keys)) {
      throw new Error('the keys of a transaction are in different hash slots of the Redis cluster: give them a common part in braces, such as {order-1}, to keep them together');
    }
    const strong = operations.some(({ consistency }) => consistency === 'strong') ? await this.#strongConnection() : undefined;
    const refused = Number(await (strong?.redis ?? this.#redis).run(APPLY, keys, scriptArguments(writes)));
    if (refused > 0) {
      const operation = operations[refused - 1];
      throw new EtagMismatch(`failed to ${operation?.kind === 'delete' ? 'delete' : 'set key'} ${operation?.key}`);
    }
    if (strong !== undefined) await this.#waitForReplicas(keys[0] ?? '', strong.redis, strong.replicas);
  }

  #upsert({ value, isJson, etag = '', concurrency, metadata }: Write): RedisWrite {
    const bytes = value === undefined ? undefined : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    const json = this.#json && wantsJson(metadata) && (isJson || value === undefined);
    return {
      action: 'set',
      layout: json ? 'json' : 'hash',
      etag: concurrency === 'last-write' || etag === '' ? '0' : versionOf(etag),
      firstWrite: concurrency === 'first-write',
      ttlSeconds: this.#ttl(metadata),
      data: json ? jsonDocument(bytes) : (bytes ?? ''),
    };
  }

  #removal({ etag = '', metadata }: Removal): RedisWrite {
    // Any etag is compared as it stands: as in daprd, one that is no number is a mismatch here, while a set calls it invalid.
    return { action: 'del', layout: this.#json && wantsJson(metadata) ? 'json' : 'hash', etag: etag === '' ? '0' : etag, firstWrite: false, ttlSeconds: undefined, data: '' };
  }

  /** Seconds; 0 for no expiry; undefined to leave it as it is. */
  #ttl(metadata: StringMap): number | undefined {
    const text = metadata['ttlInSeconds'];
    let seconds = this.#defaultTtlSeconds;
    if (text !== undefined && text !== '') {
      try {
        const parsed = parseGoInteger('ParseInt', text);
        if (parsed > MAX_TTL_SECONDS) throw new Error(`must be at most ${MAX_TTL_SECONDS}`);
        seconds = Number(parsed);
      } catch (cause) {
        throw new Error(`failed to parse ttl from metadata: ${(cause as Error).message}`, { cause });
      }
    }
    return seconds === undefined ? undefined : Math.max(0, seconds);
  }

  /** As in daprd a write stands even when the replicas are late; unlike there, the log tells. */
  async #waitForReplicas(key: string, redis: RedisClient, replicas: number): Promise<void> {
    const reached = await redis.waitForReplicas(key, replicas, REPLICA_WAIT_MS);
    const behind = reached < replicas;
    if (behind && !this.#behind) this.#log.warn({ redis: redis.address, reached, replicas }, `only ${reached} of ${replicas} replicas of redis at ${redis.address} have a strongly consistent write after ${REPLICA_WAIT_MS} ms`);
    this.#behind = behind;
  }

  /** Undefined when there is no replica to wait for. */
  async #strongConnection(): Promise<{ readonly redis: RedisClient; readonly replicas: number } | undefined> {
    if (performance.now() > this.#replicas.untilMs) this.#replicas = { count: await this.#redis.replicas(), untilMs: performance.now() + REPLICAS_BELIEVED_MS };
    const replicas = this.#replicas.count;
    if (replicas === 0) return undefined;
    this.#strong ??= this.#redis.another({ blocksForMs: REPLICA_WAIT_MS }, this.#closing.signal).catch((cause: unknown) => {
      this.#strong = undefined; // the next write tries again
      throw cause;
    });
    return { redis: await this.#strong, replicas };
  }
}

/** Null is stored as no bytes, which is how daprd stores an empty value. */
function bytesOrNull(data: Buffer): Buffer | undefined {
  return data.length === 0 ? undefined : data;
}

/** The version that an etag names, spelt as Redis spells it. @throws EtagInvalid */
function versionOf(etag: string): string {
  try {
    return parseGoInteger('Atoi', etag).toString();
  } catch (cause) {
    throw new EtagInvalid((cause as Error).message);
  }
}

/** The JSON module words its type errors in its own way. */
function isWrongType({ code, message }: RedisRefusal): boolean {
  return code === 'WRONGTYPE' || message.includes('wrong Redis type') || message.includes('wrong type');
}
