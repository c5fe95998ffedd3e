// The Lua scripts of lock.redis: one call for each operation, in which nobody can come between looking and changing. A
// lock's key holds its owner's text and nothing else, as daprd has it; what we remember lies beside it.
import type { RedisScript } from '../clients/redis-client.ts';

/*
 * All scripts: KEYS[1] is the lock, KEYS[2] its note, KEYS[3] the counter; ARGV[1] is the owner, ARGV[2] the expiry in
 * seconds.
 *
 * The note is `<token> <owner>` and expires with the lock. One that names another owner is left over from a lock that
 * daprd released, and counts for nothing.
 *
 * The counter is the last token. The next one is larger, and no smaller than the server's time in microseconds: so tokens
 * grow even where the counter was lost. Both fit the 53 bits of Lua's numbers until the year 2255.
 */
const NEXT_TOKEN = `
local function nextToken()
  local time = redis.call('TIME')
  local counted = tonumber(redis.call('GET', KEYS[3]) or 0) or 0
  local token = string.format('%.0f', math.max(counted + 1, time[1] * 1000000 + time[2]))
  redis.call('SET', KEYS[3], token)
  return token
end
`;

/** The token; nothing when somebody has the lock. The token comes first: what can fail then has changed no lock. */
const TRY_LOCK = `${NEXT_TOKEN}
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local token = nextToken()
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2])
redis.call('SET', KEYS[2], token .. ' ' .. ARGV[1], 'EX', ARGV[2])
return token
`;

/** The token; 'absent'; or 'others'. A lock that daprd took has no token yet, and gets one. */
const RENEW = `${NEXT_TOKEN}
local owner = redis.call('GET', KEYS[1])
if not owner then return 'absent' end
if owner ~= ARGV[1] then return 'others' end
local note = redis.call('GET', KEYS[2])
local blank = note and string.find(note, ' ', 1, true)
local token = blank and string.sub(note, blank + 1) == owner and string.sub(note, 1, blank - 1) or nextToken()
redis.call('SET', KEYS[1], owner, 'EX', ARGV[2])
redis.call('SET', KEYS[2], token .. ' ' .. owner, 'EX', ARGV[2])
return token
`;

/** 'released', 'absent' or 'others'. */
const UNLOCK = `
local owner = redis.call('GET', KEYS[1])
if not owner then return 'absent' end
if owner ~= ARGV[1] then return 'others' end
redis.call('DEL', KEYS[1], KEYS[2])
return 'released'
`;

export const SCRIPTS = {
  tryLock: { name: 'bulkheadLockTry', lua: TRY_LOCK },
  renew: { name: 'bulkheadLockRenew', lua: RENEW },
  unlock: { name: 'bulkheadLockUnlock', lua: UNLOCK },
} as const satisfies Readonly<Record<string, RedisScript>>;

const SEPARATOR = '||';

/**
 * The keys that the scripts take. No other lock's key is the note or the counter of one: neither a prefix nor a resource
 * holds two bars, so no lock's key can be split into as many parts.
 * @param key of the lock: prefix and resource
 */
export function scriptKeys(key: string): [lock: string, note: string, counter: string] {
  const prefix = key.slice(0, Math.max(key.lastIndexOf(SEPARATOR), 0)); // one counter for all locks of a prefix: nothing piles up
  return [key, `${key}||bulkhead||token`, `${prefix}||||bulkhead||tokens`];
}
