// What the keys of a Redis database are as configuration: texts `value||version`, as daprd reads them (contract: messaging
// §11.13).
import { isUtf8 } from 'node:buffer';
import { RedisRefusal, type RedisClient, type RedisReply } from '../clients/redis-client.ts';
import type { ConfigItem, Items } from './store.ts';

const SEPARATOR = '||';
/** What a read of all keys may find; more is an error, not a full memory. */
const MAX_KEYS = 1_000_000;
const MAX_BYTES = 256 * 1024 * 1024;
/** Keys in one call. */
const CHUNK = 500;

/** There are more keys, or larger values, than one read may find. */
export class TooMuch extends Error {
  override readonly name = 'TooMuch';
}

/** Those of the keys that hold a text with a value. All reads leave in one packet. @throws RedisRefusal, RedisUnreachable */
export async function readKeys(redis: RedisClient, keys: readonly string[]): Promise<Map<string, ConfigItem>> {
  const items = new Map<string, ConfigItem>();
  const chunks: (readonly string[])[] = [];
  for (let from = 0; from < keys.length; from += CHUNK) chunks.push(keys.slice(from, from + CHUNK));
  const texts = await Promise.all(chunks.map((chunk) => readTexts(redis, chunk)));
  for (const [at, chunk] of chunks.entries()) {
    for (const [index, key] of chunk.entries()) {
      const item = configItem(texts[at]?.[index]);
      if (item !== undefined) items.set(key, item);
    }
  }
  return items;
}

/** All keys that hold a text with a value, and whose names are text themselves. */
export async function readAllKeys(redis: RedisClient): Promise<Items> {
  const found = await redis.keys('string', MAX_KEYS);
  if (found.length > MAX_KEYS) throw new TooMuch(`redis at ${redis.address} holds more than ${MAX_KEYS} keys, which are too many to read at once: name the keys`);
  const names = [...new Set(found.filter((name) => isUtf8(name)).map(String))];
  const items = new Map<string, ConfigItem>();
  let bytes = 0;
  for (let from = 0; from < names.length; from += CHUNK) {
    const keys = names.slice(from, from + CHUNK);
    const texts = await readTexts(redis, keys);
    for (const [index, key] of keys.entries()) {
      const text = texts[index];
      bytes += Buffer.isBuffer(text) ? text.length : 0;
      const item = configItem(text);
      if (item !== undefined) items.set(key, item);
    }
    if (bytes > MAX_BYTES) throw new TooMuch(`the keys in redis at ${redis.address} hold more than ${MAX_BYTES} bytes, which are too many to read at once: name the keys`);
  }
  return items;
}

/** A text for each key, in order; no text where there is no key, or one of another type. */
async function readTexts(redis: RedisClient, keys: readonly string[]): Promise<readonly (RedisReply | undefined)[]> {
  if (keys.length === 0) return [];
  if (redis.sameSlot(keys)) return (await redis.read('mget', ...keys)) as RedisReply[]; // null also for other types
  return Promise.all(keys.map((key) => redis.read('get', key).catch((cause: unknown) => {
    if (cause instanceof RedisRefusal && cause.code === 'WRONGTYPE') return undefined;
    throw cause;
  })));
}

/** Undefined for what is no item: nothing, and a text whose value is empty. */
function configItem(text: RedisReply | undefined): ConfigItem | undefined {
  if (!Buffer.isBuffer(text)) return undefined;
  const [value = '', version = ''] = text.toString().split(SEPARATOR, 2);
  return value === '' ? undefined : { value, version, metadata: {} };
}
