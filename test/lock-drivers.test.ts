// The lock drivers in memory and on Redis against the suite that defines a lock store, and what each adds to it.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DriverContext } from '../blocks/components.ts';
import { InvalidMetadata, type ComponentSpec } from '../blocks/driver.ts';
import { DRIVERS } from '../blocks/lock/drivers.ts';
import { scriptKeys } from '../blocks/lock/redis-script.ts';
import type { LockStore } from '../blocks/lock/store.ts';
import { lockConformance } from './conformance/lock.ts';
import { eventually } from './harness/awaiting.ts';
import { startRedis, startRedisGroup, until, type RedisGroup, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';
import { componentSpec, driverContext, memoryCheckpoints, memoryLog, SCOPE, type MemoryCheckpoints } from './support.ts';

async function open(spec: ComponentSpec, context: DriverContext = driverContext()): Promise<LockStore> {
  const load = DRIVERS[spec.type];
  if (load === undefined) throw new Error(`no driver for ${spec.type}`);
  return (await load())(spec, context, AbortSignal.timeout(spec.initTimeoutMs));
}

const lease = (key: string, owner: string, expirySeconds = 60) => ({ key, owner, expirySeconds });

lockConformance('lock.in-memory', () => open(componentSpec('lock.in-memory')), { shared: false });

describe('lock.in-memory', () => {
  const openWith = (checkpoints: MemoryCheckpoints) => open(componentSpec('lock.in-memory'), { ...driverContext(), checkpoints });

  it('answers without a promise', async () => {
    const store = await open(componentSpec('lock.in-memory'));
    expect(store.tryLock(lease('k', 'a'), SCOPE)).toBeTypeOf('bigint');
    expect(store.renew(lease('k', 'a'), SCOPE)).toMatchObject({ status: 'renewed' });
    expect(store.unlock({ key: 'k', owner: 'a' }, SCOPE)).toBe('released');
    await store.close();
  });

  it('warns of fields that it has no use for', async () => {
    const log = memoryLog();
    await (await open(componentSpec('lock.in-memory', { keyPrefix: 'name', redisHost: 'x' }), driverContext(log))).close();
    expect(log.texts('warn')).toEqual([expect.stringContaining('"redisHost" is not known to lock.in-memory')]);
  });

  describe('over the death of its block', () => {
    beforeEach(() => { vi.useFakeTimers(); });
    afterEach(() => { vi.useRealTimers(); });

    it('keeps locks for as long as they have left, and lets tokens grow', async () => {
      const checkpoints = memoryCheckpoints();
      const first = await openWith(checkpoints);
      const long = await first.tryLock(lease('long', 'a', 10), SCOPE) as bigint;
      const renewed = await first.tryLock(lease('renewed', 'a', 1), SCOPE);
      await first.renew(lease('renewed', 'a', 20), SCOPE);
      await first.tryLock(lease('brief', 'a', 1), SCOPE);
      await first.tryLock(lease('released', 'a', 60), SCOPE);
      await first.unlock({ key: 'released', owner: 'a' }, SCOPE);

      await vi.advanceTimersByTimeAsync(4000); // its process may be away for a while
      const second = await openWith(checkpoints.next());
      expect(second.tryLock(lease('long', 'b'), SCOPE)).toBeUndefined();
      expect(second.renew(lease('renewed', 'a', 2), SCOPE)).toEqual({ status: 'renewed', token: renewed });
      const tokens = ['brief', 'released'].map((key) => second.tryLock(lease(key, 'b'), SCOPE) as bigint);
      for (const token of tokens) expect(token).toBeGreaterThan(long);

      await vi.advanceTimersByTimeAsync(5990);
      expect(second.tryLock(lease('long', 'b'), SCOPE)).toBeUndefined();
      await vi.advanceTimersByTimeAsync(20);
      expect(second.tryLock(lease('long', 'b'), SCOPE)).toBeGreaterThan(tokens[1] as bigint);
      await second.close();
    });

    it('leaves nothing with the kernel that is over', async () => {
      const checkpoints = memoryCheckpoints();
      const first = await openWith(checkpoints);
      for (const key of ['a', 'b', 'c']) await first.tryLock(lease(key, 'o', 1), SCOPE);
      await first.unlock({ key: 'a', owner: 'o' }, SCOPE);
      expect([...checkpoints.kept.keys()].sort()).toEqual(['lock b', 'lock c', 'tokens']);
      await vi.advanceTimersByTimeAsync(5000);
      expect([...checkpoints.kept.keys()]).toEqual(['tokens']);
      await first.tryLock(lease('d', 'o', 1), SCOPE);
      await first.close();
      await vi.advanceTimersByTimeAsync(5000);
      const next = checkpoints.next();
      await (await openWith(next)).close();
      expect([...next.kept.keys()]).toEqual(['tokens']);
    });

    it('never gives a token twice, however many lives give how many', async () => {
      let checkpoints = memoryCheckpoints();
      const tokens: bigint[] = [];
      for (let life = 0; life < 5; life++) {
        const store = await openWith(checkpoints);
        for (let i = 0; i < 700 * life; i++) {
          tokens.push(await store.tryLock(lease('k', 'a'), SCOPE) as bigint);
          await store.unlock({ key: 'k', owner: 'a' }, SCOPE);
        }
        await store.close();
        checkpoints = checkpoints.next();
      }
      expect(tokens).toHaveLength(7000);
      expect(tokens.every((token, index) => token > (tokens[index - 1] ?? 0n))).toBe(true);
    });

    it('has one timer, and only while a lock is held', async () => {
      const store = await open(componentSpec('lock.in-memory'));
      expect(vi.getTimerCount()).toBe(0);
      for (const key of ['a', 'b', 'c']) await store.tryLock(lease(key, 'o', 1), SCOPE);
      expect(vi.getTimerCount()).toBe(1);
      await store.unlock({ key: 'a', owner: 'o' }, SCOPE);
      await store.renew(lease('b', 'o', 3), SCOPE);
      await vi.advanceTimersByTimeAsync(2000);
      expect(vi.getTimerCount()).toBe(1);
      await vi.advanceTimersByTimeAsync(2000);
      expect(vi.getTimerCount()).toBe(0);
      await store.tryLock(lease('d', 'o', 2_147_483_647), SCOPE);
      await vi.advanceTimersByTimeAsync(1000 * 3600 * 24 * 60);
      expect(store.tryLock(lease('d', 'p'), SCOPE)).toBeUndefined();
      await store.unlock({ key: 'd', owner: 'o' }, SCOPE);
      expect(vi.getTimerCount()).toBe(0);
      await store.tryLock(lease('e', 'o', 1), SCOPE);
      await store.close();
      expect(vi.getTimerCount()).toBe(0);
    });

    it('does not look at the date', async () => {
      const store = await open(componentSpec('lock.in-memory'));
      await store.tryLock(lease('k', 'a', 10), SCOPE);
      vi.setSystemTime(Date.now() + 3_600_000);
      expect(store.tryLock(lease('k', 'b', 10), SCOPE)).toBeUndefined();
      vi.setSystemTime(Date.now() - 7_200_000);
      await vi.advanceTimersByTimeAsync(10_001);
      expect(store.tryLock(lease('k', 'b', 10), SCOPE)).toBeTypeOf('bigint');
      await store.close();
    });
  });

  it('has room for so many locks, and says so', async () => {
    const store = await open(componentSpec('lock.in-memory'));
    for (let i = 0; i < 16_384; i++) await store.tryLock(lease(`k${i}`, 'a'), SCOPE);
    expect(() => store.tryLock(lease('one more', 'a'), SCOPE)).toThrow('has room for 16384 locks');
    await store.unlock({ key: 'k7', owner: 'a' }, SCOPE);
    expect(store.tryLock(lease('one more', 'a'), SCOPE)).toBeTypeOf('bigint');
    await store.unlock({ key: 'k8', owner: 'a' }, SCOPE);
    expect(() => store.tryLock(lease('long', 'a'.repeat(2 ** 21)), SCOPE)).toThrow('of 2097152 characters');
    await store.close();
  });
});

describe('keys beside a lock in Redis', () => {
  it('are one counter for a prefix, and one note for a lock', () => {
    expect(scriptKeys('lock||app||r')).toEqual(['lock||app||r', 'lock||app||r||bulkhead||token', 'lock||app||||bulkhead||tokens']);
    expect(scriptKeys('lock||r')).toEqual(['lock||r', 'lock||r||bulkhead||token', 'lock||||bulkhead||tokens']);
  });

  it('are no key of another lock, whatever bars are in prefixes and resources', () => {
    const words = ['', '|', 'r', '|r', 'r|', '|r|', 'bulkhead', '|bulkhead', 'bulkhead|', 'token', '|token', 'tokens', '|tokens'];
    const locks = new Set(words.flatMap((resource) => [`lock||${resource}`, ...words.slice(1).map((prefix) => `lock||${prefix}||${resource}`)]));
    const beside = new Map<string, string>();
    for (const lock of locks) {
      const [, note, counter] = scriptKeys(lock);
      expect(locks).not.toContain(note);
      expect(locks).not.toContain(counter);
      expect(beside.get(note) ?? lock, 'each lock has a note of its own').toBe(lock);
      beside.set(note, lock);
    }
    for (const lock of locks) expect([...beside.keys()]).not.toContain(scriptKeys(lock)[2]);
  });
});

describeWithRedis('lock.redis', () => {
  let server: RedisServer;
  let durable: RedisServer;
  beforeAll(async () => { [server, durable] = await Promise.all([startRedis(), startRedis({ durable: true, extra: ['--appendfsync', 'always'] })]); });
  afterAll(async () => { await Promise.all([server?.stop(), durable?.stop()]); });

  const openAt = (at: RedisServer, metadata: Readonly<Record<string, string>> = {}) => open(componentSpec('lock.redis', { redisHost: at.address, ...metadata }));

  describe('', () => {
    lockConformance('lock.redis', () => openAt(server), { shared: true });
    lockConformance('lock.redis with an append-only file', () => openAt(durable, { redisMinRetryInterval: '10ms', redisDB: '3' }), { shared: true, restart: () => durable.restart() });
  });

  describe('beside daprd', () => {
    let store: LockStore;
    beforeAll(async () => { store = await openAt(server); });
    afterAll(async () => { await store.close(); });
    beforeEach(async () => { await server.raw.flushdb(); });

    const [KEY, NOTE, COUNTER] = scriptKeys('lock||app||r');
    const tryAsDaprd = (owner: string, seconds = 60) => server.raw.set(KEY, owner, 'EX', seconds, 'NX');
    /** What daprd's script does. */
    const unlockAsDaprd = async (owner: string) => {
      const found = await server.raw.get(KEY);
      if (found === null) return 'absent';
      if (found !== owner) return 'others';
      await server.raw.del(KEY);
      return 'released';
    };

    it('keeps the owner\'s text, with the expiry, as daprd does', async () => {
      await store.tryLock(lease(KEY, 'Jürgen', 60), SCOPE);
      expect(await server.raw.get(KEY)).toBe('Jürgen');
      expect(await server.raw.ttl(KEY)).toBeGreaterThan(50);
      expect(await server.raw.ttl(KEY)).toBeLessThanOrEqual(60);
      expect(await tryAsDaprd('b')).toBeNull();
      expect(await unlockAsDaprd('b')).toBe('others');
      expect(await unlockAsDaprd('Jürgen')).toBe('released');
      expect(await store.unlock({ key: KEY, owner: 'Jürgen' }, SCOPE)).toBe('absent');
    });

    it('respects a lock that daprd has taken, and can release it', async () => {
      await tryAsDaprd('a');
      expect(await store.tryLock(lease(KEY, 'b'), SCOPE)).toBeUndefined();
      expect(await store.renew(lease(KEY, 'b'), SCOPE)).toEqual({ status: 'others' });
      expect(await store.unlock({ key: KEY, owner: 'b' }, SCOPE)).toBe('others');
      expect(await store.unlock({ key: KEY, owner: 'a' }, SCOPE)).toBe('released');
      expect(await unlockAsDaprd('a')).toBe('absent');
    });

    it('gives a lock of daprd\'s a token when it is renewed, and keeps to it', async () => {
      const former = await store.tryLock(lease(KEY, 'a'), SCOPE) as bigint;
      await unlockAsDaprd('a');
      expect(await server.raw.get(NOTE), 'daprd leaves the note').toBe(`${former} a`);
      await tryAsDaprd('b');
      const renewal = await store.renew(lease(KEY, 'b', 30), SCOPE);
      expect(renewal).toMatchObject({ status: 'renewed' });
      const token = 'token' in renewal ? renewal.token : 0n;
      expect(token).toBeGreaterThan(former);
      expect(await store.renew(lease(KEY, 'b', 90), SCOPE)).toEqual({ status: 'renewed', token });
      expect(await server.raw.ttl(KEY)).toBeGreaterThan(80);
      await unlockAsDaprd('b');
      expect(await store.tryLock(lease(KEY, 'a'), SCOPE)).toBeGreaterThan(token);
    });

    it('leaves one key behind for all locks of a prefix', async () => {
      for (let i = 0; i < 20; i++) {
        await store.tryLock(lease(`lock||app||r${i}`, 'a'), SCOPE);
        await store.unlock({ key: `lock||app||r${i}`, owner: 'a' }, SCOPE);
      }
      expect(await server.raw.keys('*')).toEqual([COUNTER]);
      expect(await server.raw.ttl(COUNTER)).toBe(-1);
    });

    it('lets a lock and its note expire together', async () => {
      await store.tryLock(lease(KEY, 'a', 60), SCOPE);
      await store.renew(lease(KEY, 'a', 1), SCOPE);
      await eventually('both are gone', async () => (await server.raw.exists(KEY, NOTE)) === 0);
      expect(await server.raw.exists(COUNTER)).toBe(1);
    });

    it('lets tokens grow after Redis has lost all its data', async () => {
      const first = await store.tryLock(lease(KEY, 'a'), SCOPE) as bigint;
      await server.raw.flushdb();
      const second = await store.tryLock(lease(KEY, 'b'), SCOPE) as bigint;
      expect(second).toBeGreaterThan(first);
      await server.raw.flushdb();
      await tryAsDaprd('c');
      const renewal = await store.renew(lease(KEY, 'c'), SCOPE);
      expect('token' in renewal && renewal.token).toBeGreaterThan(second);
    });

    it('lets tokens grow after the server\'s clock went back', async () => {
      const future = 8_000_000_000_000_000n; // the year 2223
      await server.raw.set(COUNTER, String(future));
      expect(await store.tryLock(lease(KEY, 'a'), SCOPE)).toBe(future + 1n);
      await store.unlock({ key: KEY, owner: 'a' }, SCOPE);
      expect(await store.tryLock(lease(KEY, 'a'), SCOPE)).toBe(future + 2n);
    });

    it('leaves a key of another kind alone', async () => {
      await server.raw.rpush(KEY, 'x');
      expect(await store.tryLock(lease(KEY, 'a'), SCOPE)).toBeUndefined();
      await expect((async () => store.unlock({ key: KEY, owner: 'a' }, SCOPE))()).rejects.toThrow('WRONGTYPE');
      await expect((async () => store.renew(lease(KEY, 'a'), SCOPE))()).rejects.toThrow('WRONGTYPE');
      expect(await server.raw.lrange(KEY, 0, -1)).toEqual(['x']);
    });

    it('changes no lock when there can be no token', async () => {
      await server.raw.rpush(COUNTER, 'x');
      await expect((async () => store.tryLock(lease(KEY, 'a'), SCOPE))()).rejects.toThrow('WRONGTYPE');
      expect(await server.raw.exists(KEY, NOTE)).toBe(0);
      await tryAsDaprd('a', 60);
      await expect((async () => store.renew(lease(KEY, 'a', 600), SCOPE))()).rejects.toThrow('WRONGTYPE');
      expect(await server.raw.ttl(KEY)).toBeLessThanOrEqual(60);
    });
  });

  it('works for a user who may touch the prefix alone', async () => {
    const own = await startRedis({ user: 'app on >secret ~lock||app||* +@all -info' });
    const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined); // the client's, of INFO
    try {
      const store = await openAt(own, { redisUsername: 'app', redisPassword: 'secret' });
      expect(await store.tryLock(lease('lock||app||r', 'a'), SCOPE)).toBeTypeOf('bigint');
      expect(await store.renew(lease('lock||app||r', 'a'), SCOPE)).toMatchObject({ status: 'renewed' });
      expect(await store.unlock({ key: 'lock||app||r', owner: 'a' }, SCOPE)).toBe('released');
      await expect((async () => store.tryLock(lease('lock||other||r', 'a'), SCOPE))()).rejects.toThrow('NOPERM');
      await store.close();
    } finally {
      said.mockRestore();
      await own.stop();
    }
  });

  it('says that the outcome is unknown when the answer is lost', async () => {
    const own = await startRedis();
    try {
      const store = await openAt(own, { readTimeout: '500ms', redisMinRetryInterval: '10ms' });
      await store.tryLock(lease('k', 'a'), SCOPE);
      own.pause();
      await expect((async () => store.tryLock(lease('other', 'a'), SCOPE))()).rejects.toThrow('the outcome is unknown');
      own.resume();
      await eventually('the connection is back', () => (async () => store.renew(lease('k', 'a'), SCOPE))().then(({ status }) => status === 'renewed', () => false));
      await store.close();
    } finally {
      await own.stop();
    }
  });

  it.each<[Readonly<Record<string, string>>, string]>([
    [{}, '"redisHost" is required'],
    [{ redisHost: '' }, '"redisHost" is required'],
    [{ redisHost: 'a:1', redisType: 'cluster' }, 'metadata field "redisType" must be "node"'],
    [{ redisHost: 'a:1,b:2' }, 'lists several hosts'],
    [{ redisHost: 'a:1', failover: 'true' }, '"sentinelMasterName" is required with failover'],
    [{ redisHost: 'a:1', useEntraID: 'true' }, '"useEntraID" is not supported'],
  ])('refuses %j for good', async (metadata, message) => {
    const opening = open(componentSpec('lock.redis', metadata));
    await expect(opening).rejects.toBeInstanceOf(InvalidMetadata);
    await expect(opening).rejects.toThrow(message);
  });

  it('says that nobody listens there, which may mend', async () => {
    const opening = open(componentSpec('lock.redis', { redisHost: '127.0.0.1:1' }));
    await expect(opening).rejects.toThrow('error connecting to redis at 127.0.0.1:1');
    await expect(opening).rejects.not.toBeInstanceOf(InvalidMetadata);
  });

  describe('with a replica', () => {
    let group: RedisGroup;
    beforeAll(async () => { group = await startRedisGroup(); });
    afterAll(async () => { await group?.stop(); });

    it('does not start, unless it was told that there is failover', async () => {
      const opening = openAt(group.primary);
      await expect(opening).rejects.toThrow(`replication is not supported: redis at ${group.primary.address} has 1 replica`);
      await expect(opening).rejects.not.toBeInstanceOf(InvalidMetadata);
    });

    it('finds the primary by its sentinel, and goes on after a failover with larger tokens', async () => {
      const store = await open(componentSpec('lock.redis', { redisHost: group.sentinel, failover: 'true', sentinelMasterName: group.masterName, redisMinRetryInterval: '50ms', redisMaxRetryInterval: '200ms' }));
      try {
        const token = await store.tryLock(lease('k', 'a'), SCOPE) as bigint;
        await store.unlock({ key: 'k', owner: 'a' }, SCOPE);
        await until('the replica has it all', async () => (await group.replica.raw.exists(scriptKeys('k')[2])) === 1 && (await group.replica.raw.exists('k')) === 0);
        await group.primary.kill();
        const next = await eventually('the new primary answers', () => (async () => store.tryLock(lease('k', 'b'), SCOPE))().catch(() => undefined), 30_000);
        expect(next).toBeGreaterThan(token);
      } finally {
        await store.close();
      }
    }, 45_000);
  });
});
