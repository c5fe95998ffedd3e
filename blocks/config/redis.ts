// configuration.redis: values in daprd's layout, watched by keyspace notifications (contract: messaging §11.13).
import { openRedis, type RedisClient } from '../clients/redis-client.ts';
import { REDIS_FIELDS, redisSettings, type RedisSettings } from '../clients/redis-settings.ts';
import type { Logger } from '../block.ts';
import type { DriverContext } from '../components.ts';
import type { ComponentSpec } from '../driver.ts';
import { readMetadata } from '../metadata.ts';
import { COMMON_FIELDS } from './fields.ts';
import { readAllKeys, readKeys } from './redis-items.ts';
import { RedisWatch } from './redis-watch.ts';
import { RefusingWatch } from './redis-refusing-watch.ts';
import type { ConfigStore, Items, Keys, Watch, WatchListener } from './store.ts';

const FIELDS = { ...COMMON_FIELDS, ...REDIS_FIELDS } as const;

export async function openRedisConfig(spec: ComponentSpec, { log }: DriverContext, signal: AbortSignal): Promise<ConfigStore> {
  const settings = redisSettings(readMetadata(spec, FIELDS, log), { minRetryMs: 8 });
  return new RedisConfigStore(await openRedis(settings, log, signal), settings, log);
}

class RedisConfigStore implements ConfigStore {
  readonly features = [];
  readonly watchesAllCheaply = false;
  readonly #redis: RedisClient;
  readonly #settings: RedisSettings;
  readonly #log: Logger;
  #watch: RedisWatch | RefusingWatch | undefined;

  constructor(redis: RedisClient, settings: RedisSettings, log: Logger) {
    this.#redis = redis;
    this.#settings = settings;
    this.#log = log;
  }

  get(keys: Keys): Promise<Items> {
    return keys === 'all' ? readAllKeys(this.#redis) : readKeys(this.#redis, [...new Set(keys)]);
  }

  openWatch(listener: WatchListener): Watch {
    this.#watch = this.#settings.topology === 'cluster'
      ? new RefusingWatch(listener, new Error(`redis at ${this.#redis.address} is a cluster, of which each node tells of its own keys only: configuration can be read from it, but not watched. Use redisType "node" or failover for a component that is subscribed to`))
      : new RedisWatch(this.#redis, this.#settings, this.#log, listener);
    return this.#watch;
  }

  async close(): Promise<void> {
    await Promise.all([this.#watch?.close(), this.#redis.close()]);
  }
}
