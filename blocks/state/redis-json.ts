// Records of state.redis as JSON documents, which daprd writes for `contentType: application/json` when the server has
// the JSON module. Queries by other programs rely on this layout.
import { RedisRefusal, type RedisClient } from '../clients/redis-client.ts';
import type { Item, StringMap } from './store.ts';

/** True if the server has the JSON commands. A user who may not ask counts as one who may not use them. */
export async function hasJsonModule(redis: RedisClient): Promise<boolean> {
  try {
    const reply = await redis.read('command', 'INFO', 'JSON.SET');
    return Array.isArray(reply) && Array.isArray(reply[0]);
  } catch (cause) {
    if (cause instanceof RedisRefusal) return false;
    throw cause;
  }
}

export function wantsJson(metadata: StringMap): boolean {
  return metadata['contentType'] === 'application/json';
}

/** The document of a record without its version, which the script adds. @param value JSON text; undefined for null */
export function jsonDocument(value: Buffer | undefined): string {
  return `{"data":${value === undefined || value.length === 0 ? 'null' : value.toString()}}`;
}

/**
 * A record kept as a document.
 * @throws RedisRefusal WRONGTYPE when the key holds something else
 */
export async function getJson(redis: RedisClient, key: string): Promise<Item | undefined> {
  const reply = await redis.read('json.get', key);
  if (!Buffer.isBuffer(reply)) return undefined;
  const { data, version } = JSON.parse(reply.toString()) as { readonly data?: unknown; readonly version?: number };
  return {
    data: data === undefined || data === null ? undefined : Buffer.from(JSON.stringify(data)),
    ...(version === undefined ? {} : { etag: String(version) }),
  };
}
