// lock.redis: locks as daprd keeps them, so that both exclude each other; with renewal and fencing tokens beside it. Redis
// alone decides, by its own clock.
import { openRedis, RedisRefusal, type RedisClient } from '../clients/redis-client.ts';
import { REDIS_FIELDS, redisSettings } from '../clients/redis-settings.ts';
import type { DriverContext } from '../components.ts';
import { InvalidMetadata, type ComponentSpec } from '../driver.ts';
import { readMetadata } from '../metadata.ts';
import { COMMON_FIELDS } from './fields.ts';
import { SCRIPTS, scriptKeys } from './redis-script.ts';
import type { Lease, LockRequest, LockStore, Release, Renewal } from './store.ts';

const FIELDS = { ...COMMON_FIELDS, ...REDIS_FIELDS } as const;

/** @throws InvalidMetadata for a cluster; Error for a server with replicas, which may be fewer at the next attempt */
export async function openRedisLockStore(spec: ComponentSpec, { log }: DriverContext, signal: AbortSignal): Promise<LockStore> {
  const settings = redisSettings(readMetadata(spec, FIELDS, log), { minRetryMs: 2000 });
  if (settings.topology === 'cluster') throw new InvalidMetadata('metadata field "redisType" must be "node": a cluster can lose locks whenever one of its nodes is replaced');
  const redis = await openRedis(settings, log, signal);
  try {
    // With sentinels somebody has decided to live with what a failover may lose.
    const replicas = settings.topology === 'sentinel' ? 0 : await countReplicas(redis);
    if (replicas > 0) throw new Error(`replication is not supported: redis at ${redis.address} has ${replicas} replica${replicas === 1 ? '' : 's'}, and a lock that did not reach one is lost when it takes over`);
    return new RedisLockStore(redis);
  } catch (cause) {
    await redis.close();
    throw cause;
  }
}

class RedisLockStore implements LockStore {
  readonly features = [];
  readonly #redis: RedisClient;

  constructor(redis: RedisClient) {
    this.#redis = redis;
  }

  async tryLock({ key, owner, expirySeconds }: Lease): Promise<bigint | undefined> {
    const token = await this.#redis.run(SCRIPTS.tryLock, scriptKeys(key), [owner, expirySeconds]);
    return token === null ? undefined : BigInt(String(token));
  }

  async renew({ key, owner, expirySeconds }: Lease): Promise<Renewal> {
    const outcome = String(await this.#redis.run(SCRIPTS.renew, scriptKeys(key), [owner, expirySeconds]));
    return outcome === 'absent' || outcome === 'others' ? { status: outcome } : { status: 'renewed', token: BigInt(outcome) };
  }

  async unlock({ key, owner }: LockRequest): Promise<Release> {
    return String(await this.#redis.run(SCRIPTS.unlock, scriptKeys(key), [owner])) as Release;
  }

  close(): Promise<void> {
    return this.#redis.close();
  }
}

/** A user who may not ask counts none, as in daprd. */
async function countReplicas(redis: RedisClient): Promise<number> {
  try {
    return await redis.replicas();
  } catch (cause) {
    if (cause instanceof RedisRefusal) return 0;
    throw cause;
  }
}
