// sequencer.redis: one plain number for each key, as Layotto keeps it, so that both can draw from one sequence. A take is one
// round trip; a sequence lasts as long as Redis keeps its data.
import { openRedis, RedisRefusal, type RedisClient, type RedisReply, type RedisScript } from '../clients/redis-client.ts';
import { REDIS_FIELDS, redisSettings } from '../clients/redis-settings.ts';
import type { DriverContext } from '../components.ts';
import type { ComponentSpec } from '../driver.ts';
import { readMetadata } from '../metadata.ts';
import { SEQUENCER_FIELDS } from './fields.ts';
import { LAST_ID, SequenceExhausted, type SequenceStore } from './store.ts';

const FIELDS = { ...SEQUENCER_FIELDS, ...REDIS_FIELDS } as const;

/**
 * INCRBY alone would do, but for its answer: large numbers lose their last digits on the way, in Lua beyond 2^53 and in the
 * client a little before, so those are read back as text. Redis runs a script without anybody coming between.
 */
const TAKE: RedisScript = {
  name: 'takeIds',
  lua: `
local last = redis.call('INCRBY', KEYS[1], ARGV[1])
if last > 4503599627370496 then return redis.call('GET', KEYS[1]) end
return last`,
};

export async function openRedisStore(spec: ComponentSpec, { log }: DriverContext, signal: AbortSignal): Promise<SequenceStore> {
  const values = readMetadata(spec, FIELDS, log);
  return new RedisStore(await openRedis(redisSettings(values, { minRetryMs: 2000 }), log, signal));
}

class RedisStore implements SequenceStore {
  readonly features: readonly string[] = [];
  readonly #redis: RedisClient;

  constructor(redis: RedisClient) {
    this.#redis = redis;
  }

  async take(key: string, count: number): Promise<bigint> {
    let reply: RedisReply;
    try {
      reply = await this.#redis.run(TAKE, [key], [count]);
    } catch (cause) {
      if (cause instanceof RedisRefusal && cause.message.includes('would overflow')) throw new SequenceExhausted(count);
      throw explained(cause, key);
    }
    const first = numberOf(reply, key) - BigInt(count) + 1n;
    if (first < 1n) throw new Error(`redis holds a number below 0 under ${key}, so this is no sequence`);
    return first;
  }

  async last(key: string): Promise<bigint> {
    let reply: RedisReply;
    try {
      reply = await this.#redis.read('get', key);
    } catch (cause) {
      throw explained(cause, key);
    }
    return reply === null ? 0n : numberOf(reply, key);
  }

  async close(): Promise<void> {
    await this.#redis.close();
  }
}

function explained(cause: unknown, key: string): unknown {
  if (!(cause instanceof RedisRefusal)) return cause;
  return cause.code === 'WRONGTYPE' || cause.message.includes('not an integer') ? noNumber(key, cause) : cause;
}

function numberOf(reply: RedisReply, key: string): bigint {
  const text = String(reply);
  if (!/^-?\d{1,19}$/.test(text)) throw noNumber(key, undefined);
  const number = BigInt(text);
  if (number > LAST_ID) throw noNumber(key, undefined);
  return number;
}

function noNumber(key: string, cause: unknown): Error {
  return new Error(`redis holds something else than a whole number under ${key}, so this is no sequence`, { cause });
}
