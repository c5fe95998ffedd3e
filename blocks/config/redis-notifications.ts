// Whether a Redis server tells of changed keys. It does so only where it was told to, and forgets that when it restarts.
import type { Logger } from '../block.ts';
import { RedisRefusal, type RedisReply } from '../clients/redis-client.ts';
import type { Ask } from '../clients/redis-listener.ts';

const SETTING = 'notify-keyspace-events';
/** Channels by key; deletions, renames and expiry times of keys of any type; texts; expired and evicted keys. What daprd sets. */
const NEEDED = ['K', 'g', '$', 'x', 'e'];
/** The letter A stands for all kinds of events, but says nothing of channels. */
const NOT_IN_ALL = 'K';

/** What the server publishes when a whole database is flushed, to whoever tracks it. Without a payload. */
export const FLUSHED = '__redis__:invalidate';

/** The channel of a key; of all keys when it is `*`, as a pattern. */
export function channelOf(database: number, key: string): string {
  return `__keyspace@${database}__:${key}`;
}

/**
 * Sees to it that the server tells of changed keys: reads the setting, and adds to it what is missing. What others have set
 * stays.
 * @throws Error that says what an operator has to do, where the server lets us neither find the setting right nor make it so; RedisUnreachable
 */
export async function requireNotifications(ask: Ask, address: string, log: Logger): Promise<void> {
  const present = await readSetting(ask, address);
  const missing = NEEDED.filter((flag) => !present.includes(flag) && (flag === NOT_IN_ALL || !present.includes('A'))).join('');
  if (missing === '') return;
  try {
    await ask('config', 'set', SETTING, present + missing);
  } catch (cause) {
    if (!(cause instanceof RedisRefusal)) throw cause;
    throw new Error(`redis at ${address} does not tell of changed keys: ${SETTING} is "${present}", lacks "${missing}", and setting it was refused (${cause.message}). Set ${SETTING} to "${present + missing}" in the server's configuration, or let the user of this component run CONFIG SET (ACL rule +config|set)`, { cause });
  }
  log.info({ redis: address }, `${SETTING} of redis at ${address} was "${present}" and is "${present + missing}" now`);
}

/**
 * Asks to be told when a whole database is flushed, of which no key's channel tells. The message comes over any connection
 * that has subscribed to something. Costs the server nothing: no key is read on this connection, so none is tracked.
 * @returns false where the server refuses
 */
export async function trackFlushes(ask: Ask): Promise<boolean> {
  try {
    await ask('client', 'tracking', 'on', 'redirect', (await ask('client', 'id')) as number);
    return true;
  } catch (cause) {
    if (cause instanceof RedisRefusal) return false;
    throw cause;
  }
}

async function readSetting(ask: Ask, address: string): Promise<string> {
  try {
    const [, value] = (await ask('config', 'get', SETTING)) as RedisReply[];
    return Buffer.isBuffer(value) ? value.toString() : '';
  } catch (cause) {
    if (!(cause instanceof RedisRefusal)) throw cause;
    throw new Error(`redis at ${address} does not say whether it tells of changed keys: reading ${SETTING} was refused (${cause.message}), and without that it is not set either, because others' flags would be lost. Set ${SETTING} to at least "${NEEDED.join('')}" in the server's configuration and let the user of this component run CONFIG GET (ACL rule +config|get)`, { cause });
  }
}
