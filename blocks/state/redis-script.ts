// The Lua script through which every write of state.redis goes. It keeps daprd's two record layouts and its rules for
// etags, and applies a whole transaction or nothing of it.
import type { RedisArgument, RedisScript } from '../clients/redis-client.ts';

/** One write as the script takes it. */
export interface RedisWrite {
  readonly action: 'set' | 'del';
  /** `json` only where the server has the JSON module. */
  readonly layout: 'hash' | 'json';
  /** The version that must be stored, in decimal; `0` for none. */
  readonly etag: string;
  readonly firstWrite: boolean;
  /** 0 takes an expiry away; undefined leaves it alone. */
  readonly ttlSeconds: number | undefined;
  /** Of a set: bytes for a hash, the document's text for json. */
  readonly data: Buffer | string;
}

/** ARGV of the script: six values an operation, in the order that the script unpacks. */
export function scriptArguments(writes: readonly RedisWrite[]): RedisArgument[] {
  return writes.flatMap(({ action, layout, etag, firstWrite, ttlSeconds, data }) => [action, layout, etag, firstWrite ? '1' : '0', ttlSeconds ?? '', data]);
}

/*
 * KEYS[i] is the key of operation i. Returns 0, or the number of the operation that a stored etag forbids; then nothing
 * was changed.
 *
 * A hash holds `data`, `version` (counts writes from 1) and, after a first-write, `first-write`. A json record holds the
 * same members. A key of another type, or one without a version, counts as absent; a set replaces it. A record with the
 * first-write mark takes no set without the right etag. A json set writes the document anew, so its mark lasts for one
 * write.
 *
 * The first pass only looks. It follows what each operation will do to its key, because a transaction may name a key
 * twice; the second pass then can't fail.
 */
const LUA = `
if #KEYS == 1 and ARGV[2] == 'hash' then -- nearly every call: the same rules in half the time
  local key, etag = KEYS[1], ARGV[3]
  local held = redis.pcall('HMGET', key, 'version', 'first-write')
  local version = held[1] ~= '' and held[1]
  local unequal = version and version ~= etag
  if ARGV[1] == 'del' then
    if unequal and etag ~= '0' then return 1 end
    redis.call('DEL', key)
    return 0
  end
  local first, ttl = ARGV[4] == '1', ARGV[5]
  if unequal and (etag ~= '0' or held[2] or first) then return 1 end
  if held.err or held[1] == '' then redis.call('DEL', key) end
  if first then redis.call('HSET', key, 'data', ARGV[6], 'first-write', 0) else redis.call('HSET', key, 'data', ARGV[6]) end
  redis.call('HINCRBY', key, 'version', 1)
  if ttl == '0' then redis.call('PERSIST', key) elseif ttl ~= '' then redis.call('EXPIRE', key, ttl) end
  return 0
end

local function unpacked(i)
  local at = (i - 1) * 6
  return ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4] == '1', ARGV[at + 5], ARGV[at + 6]
end

local function look(key, layout)
  local version, mark
  if layout == 'json' then
    version, mark = redis.pcall('JSON.GET', key, '.version'), redis.pcall('JSON.GET', key, '.first-write')
  else
    local held = redis.pcall('HMGET', key, 'version', 'first-write')
    if held.err then version = held else version, mark = held[1], held[2] end
  end
  if type(version) ~= 'string' or version == '' then
    return { version = false, mark = false, replace = version ~= false }
  end
  return { version = version, mark = type(mark) == 'string', replace = false }
end

local function following(version, layout, etag)
  if layout == 'json' then return string.format('%.0f', (version or etag) + 1) end
  return string.format('%.0f', (version or 0) + 1)
end

local records, replaces, versions = {}, {}, {}
for i, key in ipairs(KEYS) do
  local action, layout, etag, first = unpacked(i)
  local record = records[key] or look(key, layout)
  records[key] = record
  local unequal = record.version and record.version ~= etag
  if action == 'set' then
    if unequal and (etag ~= '0' or record.mark or first) then return i end
    replaces[i] = record.replace
    record.version = following(record.version, layout, etag)
    record.mark = first or (record.mark and layout == 'hash')
    versions[i] = record.version
  else
    if unequal and etag ~= '0' then return i end
    record.version, record.mark = false, false
  end
  record.replace = false
end

for i, key in ipairs(KEYS) do
  local action, layout, etag, first, ttl, data = unpacked(i)
  if action == 'del' or replaces[i] then redis.call('DEL', key) end
  if action == 'set' then
    if layout == 'json' then
      redis.call('JSON.SET', key, '$', data)
      if first then redis.call('JSON.SET', key, '.first-write', 0) end
      redis.call('JSON.SET', key, '.version', versions[i])
    else
      if first then redis.call('HSET', key, 'data', data, 'first-write', 0) else redis.call('HSET', key, 'data', data) end
      redis.call('HINCRBY', key, 'version', 1)
    end
    if ttl == '0' then redis.call('PERSIST', key) elseif ttl ~= '' then redis.call('EXPIRE', key, ttl) end
  end
end
return 0
`;

export const APPLY: RedisScript = { name: 'bulkheadStateApply', lua: LUA };
