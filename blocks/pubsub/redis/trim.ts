// Removes from a stream what every consumer group of it has acknowledged.
import { messageOf } from '../../../proto/errors.ts';
import type { Logger } from '../../block.ts';
import { RedisRefusal, type RedisClient, type RedisScript } from '../../clients/redis-client.ts';

/** Entries removed by one run: Redis does nothing else meanwhile. */
const MAX_REMOVED = 10_000;

/**
 * One script, so that no group can come or go between the look and the cut. A group is done with what lies before its first
 * pending entry, or else before the last one it was given. Ids are compared as numbers; what comes after the dash may be
 * too large for one, so by length and then as text.
 */
const TRIM: RedisScript = {
  name: 'trimAcked',
  lua: `
    local function before(a, b)
      local ams, aseq = string.match(a, '^(%d+)-(%d+)$')
      local bms, bseq = string.match(b, '^(%d+)-(%d+)$')
      if ams ~= bms then return tonumber(ams) < tonumber(bms) end
      if #aseq ~= #bseq then return #aseq < #bseq end
      return aseq < bseq
    end
    local low
    for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
      local facts = {}
      for i = 1, #group, 2 do facts[group[i]] = group[i + 1] end
      local done = facts['last-delivered-id']
      if facts['pending'] > 0 then done = redis.call('XPENDING', KEYS[1], facts['name'])[2] end
      if low == nil or before(done, low) then low = done end
    end
    if low == nil then return 0 end
    return redis.call('XTRIM', KEYS[1], 'MINID', '~', low, 'LIMIT', ARGV[1])`,
};

export class RedisTrim {
  readonly #redis: RedisClient;
  readonly #topic: string;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #running = false;

  constructor(redis: RedisClient, topic: string, intervalMs: number, log: Logger) {
    this.#redis = redis;
    this.#topic = topic;
    this.#log = log;
    this.#timer = setInterval(() => void this.#run(), intervalMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      await this.#redis.run(TRIM, [this.#topic], [MAX_REMOVED]);
    } catch (cause) {
      // a stream that is gone, or a server that is away, has nothing to trim now
      if (!(cause instanceof RedisRefusal) || cause.message.includes('no such key')) return;
      this.close();
      this.#log.warn({ topic: this.#topic }, `acknowledged entries of topic "${this.#topic}" are not trimmed any more: ${messageOf(cause)}`);
    } finally {
      this.#running = false;
    }
  }
}
