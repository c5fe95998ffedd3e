// The sequence stores against the suite that defines one, on real backends; and what each adds to it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DriverContext } from '../blocks/components.ts';
import { InvalidMetadata, type ComponentSpec } from '../blocks/driver.ts';
import { DRIVERS } from '../blocks/sequencer/drivers.ts';
import { MEMORY_LIMITS } from '../blocks/sequencer/memory.ts';
import { LAST_ID, SequenceExhausted, type SequenceStore } from '../blocks/sequencer/store.ts';
import { sequencerConformance } from './conformance/sequencer.ts';
import { makeCertificates, startRedis, startRedisCluster, type Certificates, type RedisCluster, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';
import { componentSpec, driverContext, memoryCheckpoints, memoryLog, SCOPE, type MemoryCheckpoints } from './support.ts';

async function open(spec: ComponentSpec, context: DriverContext = driverContext()): Promise<SequenceStore> {
  const load = DRIVERS[spec.type];
  if (load === undefined) throw new Error(`no driver for ${spec.type}`);
  return (await load())(spec, context, AbortSignal.timeout(spec.initTimeoutMs));
}

describe('sequencer.in-memory', () => {
  const life = (checkpoints: MemoryCheckpoints) => open(componentSpec('sequencer.in-memory'), { ...driverContext(), checkpoints });

  sequencerConformance('sequencer.in-memory', () => open(componentSpec('sequencer.in-memory')), { shared: false });

  it('answers without a promise', async () => {
    const store = await open(componentSpec('sequencer.in-memory'));
    expect(store.take('k', 3, SCOPE)).toBe(1n);
    expect(store.last('k', SCOPE)).toBe(3n);
    await store.close();
  });

  it('goes on in its next life where the last one stopped, also when that got no chance to close', async () => {
    const checkpoints = memoryCheckpoints();
    const first = await life(checkpoints);
    await first.take('a', 10, SCOPE);
    await first.take('b', 1, SCOPE);
    await first.take('a', 5, SCOPE);
    const second = await life(checkpoints.next());
    expect(second.last('a', SCOPE)).toBe(15n);
    expect(second.take('a', 1, SCOPE)).toBe(16n);
    expect(second.take('b', 1, SCOPE)).toBe(2n);
    expect(second.take('c', 1, SCOPE)).toBe(1n);
  });

  it('has left the checkpoint before it answers, one for each take', async () => {
    const left: [string, string][] = [];
    const checkpoints: MemoryCheckpoints = { ...memoryCheckpoints(), set: (name, value) => void left.push([name, value]) };
    const store = await life(checkpoints);
    for (const count of [1, 100, 1]) await store.take('k', count, SCOPE);
    expect(left.map(([, value]) => value)).toEqual(['1', '101', '102']);
    expect(new Set(left.map(([name]) => name)).size).toBe(1);
  });

  it('keeps its counters within bounds, and gives no id of one that was given up again', async () => {
    const checkpoints = memoryCheckpoints();
    let store = await life(checkpoints);
    await store.take('first', 500, SCOPE);
    await store.take('used', 50, SCOPE);
    for (let i = 0; i < MEMORY_LIMITS.keys; i++) {
      await store.take(`k${i}`, 1, SCOPE);
      if (i % 1000 === 0) await store.take('used', 1, SCOPE);
    }
    expect(checkpoints.kept.size).toBeLessThanOrEqual(MEMORY_LIMITS.keys + 1);
    expect(store.last('used', SCOPE)).toBe(54n);
    expect(store.take('first', 1, SCOPE)).toBe(501n);
    store = await life(checkpoints.next());
    expect(store.take('first', 1, SCOPE)).toBe(502n);
    expect(store.take('used', 1, SCOPE)).toBe(55n);
    expect(store.take('new', 1, SCOPE)).toBe(501n); // it may have been one of those
    expect(store.take(`k${MEMORY_LIMITS.keys - 1}`, 1, SCOPE)).toBe(502n); // it began above the floor
  });

  it('bounds the length of all keys too', async () => {
    const checkpoints = memoryCheckpoints();
    const store = await life(checkpoints);
    const length = 100_000;
    for (let i = 0; i < 20; i++) expect(await store.take(`${i}`.padEnd(length, 'x'), 1, SCOPE)).toBe(i < 10 ? 1n : 2n);
    expect([...checkpoints.kept.keys()].join('').length).toBeLessThan(MEMORY_LIMITS.keysLength + 100);
  });

  it('keeps no key for the floor', async () => {
    const checkpoints = memoryCheckpoints();
    const store = await life(checkpoints);
    for (const key of ['floor', '=', '']) await store.take(key, 7, SCOPE);
    const next = await life(checkpoints.next());
    for (const key of ['floor', '=', '']) expect(next.take(key, 1, SCOPE)).toBe(8n);
    expect(next.take('new', 1, SCOPE)).toBe(1n);
  });
});

describeWithRedis('sequencer.redis', () => {
  let server: RedisServer;
  beforeAll(async () => { server = await startRedis({ durable: true, extra: ['--appendfsync', 'always'] }); });
  afterAll(async () => { await server.stop(); });
  const spec = (metadata: Readonly<Record<string, string>> = {}) => componentSpec('sequencer.redis', { redisHost: server.address, redisMinRetryInterval: '20ms', ...metadata }, 'sequencer');

  sequencerConformance('sequencer.redis', () => open(spec()), {
    shared: true,
    preset: async (key, last) => void (await server.raw.set(key, String(last))),
    restart: () => server.restart(),
  });
  sequencerConformance('sequencer.redis, another database', () => open(spec({ redisHost: '127.0.0.1', redisPort: String(server.port), redisDB: '3' })), { shared: true });

  it('keeps a plain number under the key, as Layotto does', async () => {
    const store = await open(spec());
    await store.take('sequencer|||app||plain', 42, SCOPE);
    expect(await server.raw.get('sequencer|||app||plain')).toBe('42');
    expect(await server.raw.incr('sequencer|||app||plain')).toBe(43); // its next id
    expect(await server.raw.incrby('sequencer|||app||plain', 10_000)).toBe(10_043); // its segment
    expect(await store.take('sequencer|||app||plain', 1, SCOPE)).toBe(10_044n);
    await store.close();
  });

  it.each<[string, string]>([['a text', 'abc'], ['a fraction', '1.5'], ['more than 64 bits', '9223372036854775808'], ['nothing', '']])('says that %s is no number', async (_, value) => {
    const store = await open(spec());
    await server.raw.set('bad', value);
    const text = 'redis holds something else than a whole number under bad, so this is no sequence';
    await expect(store.take('bad', 1, SCOPE)).rejects.toThrow(text);
    await expect(store.last('bad', SCOPE)).rejects.toThrow(text);
    expect(await server.raw.get('bad')).toBe(value);
    await store.close();
  });

  it('says that a key is of another type', async () => {
    const store = await open(spec());
    await server.raw.del('list');
    await server.raw.rpush('list', 'x');
    const text = 'redis holds something else than a whole number under list, so this is no sequence';
    await expect(store.take('list', 1, SCOPE)).rejects.toThrow(text);
    await expect(store.last('list', SCOPE)).rejects.toThrow(text);
    await store.close();
  });

  it('gives no ids below 1', async () => {
    const store = await open(spec());
    await server.raw.set('below', '-5');
    await expect(store.take('below', 2, SCOPE)).rejects.toThrow('redis holds a number below 0 under below');
    await store.close();
  });

  it('is exact in any store that opens on a long sequence', async () => {
    await server.raw.set('long', String(LAST_ID - 3n));
    const store = await open(spec());
    expect(await store.take('long', 2, SCOPE)).toBe(LAST_ID - 2n);
    await expect(store.take('long', 2, SCOPE)).rejects.toThrow(new SequenceExhausted(2).message);
    expect(await store.take('long', 1, SCOPE)).toBe(LAST_ID);
    await store.close();
  });

  it('throws when an answer is lost, and goes on above what it may have taken', async () => {
    const store = await open(spec({ readTimeout: '300ms' }));
    expect(await store.take('lost', 1, SCOPE)).toBe(1n);
    server.pause();
    try {
      await expect(store.take('lost', 10, SCOPE)).rejects.toThrow('the outcome is unknown');
    } finally {
      server.resume();
    }
    expect(await store.take('lost', 1, SCOPE)).toBeGreaterThan(1n);
    await store.close();
  });

  it('does not start without a server, and says which one', async () => {
    const opening = open(componentSpec('sequencer.redis', { redisHost: '127.0.0.1:1' }));
    await expect(opening).rejects.toThrow('127.0.0.1:1');
    await expect(opening).rejects.not.toBeInstanceOf(InvalidMetadata);
  });

  it('takes the fields of every Redis component, Layotto\'s names among them', async () => {
    const log = memoryLog();
    const store = await open(spec({ redisPassword: '', enableTLS: 'false', maxRetries: '3', maxRetryBackoff: '2000000000', db: '0', keyPrefix: 'none', segmentSize: '5', biggerThan: '{}', refillTimeout: '1s' }), driverContext(log));
    expect(log.texts('warn')).toEqual([]);
    await store.close();
    await expect(open(componentSpec('sequencer.redis'))).rejects.toThrow('"redisHost" is required');
    await expect(open(spec({ enableTLS: 'maybe' }))).rejects.toBeInstanceOf(InvalidMetadata);
  });
});

describeWithRedis('sequencer.redis, other topologies', () => {
  const certificates = makeCertificates();
  afterAll(() => certificates?.remove());

  describe('a cluster', () => {
    let cluster: RedisCluster;
    beforeAll(async () => { cluster = await startRedisCluster(); });
    afterAll(async () => { await cluster.stop(); });

    sequencerConformance('sequencer.redis, a cluster', () => open(componentSpec('sequencer.redis', { redisHost: cluster.addresses, redisType: 'cluster' })), { shared: true });
  });

  it.skipIf(certificates === undefined)('speaks TLS, with a password', async () => {
    const server = await startRedis({ password: 'secret', tls: { ...(certificates as Certificates), clientCertificates: 'no' } });
    try {
      const metadata = { redisHost: server.address, redisPassword: 'secret', enableTLS: 'true' };
      await expect(open(componentSpec('sequencer.redis', metadata))).rejects.toThrow(/certificate/);
      const store = await open(componentSpec('sequencer.redis', { ...metadata, insecureSkipTLSVerify: 'true' }));
      expect(await store.take('k', 1, SCOPE)).toBe(1n);
      await store.close();
    } finally {
      await server.stop();
    }
  });
});
