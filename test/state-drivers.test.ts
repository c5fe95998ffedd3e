// The state drivers against the suite that defines a state store, on real backends; and what each adds to it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { DriverContext } from '../blocks/components.ts';
import { InvalidMetadata, type ComponentSpec } from '../blocks/driver.ts';
import { DRIVERS } from '../blocks/state/drivers.ts';
import type { StateStore } from '../blocks/state/store.ts';
import { stateConformance, type StateConformanceOptions } from './conformance/state.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';
import { componentSpec, driverContext, memoryLog, read, removal, SCOPE, upsert } from './support.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

async function open(spec: ComponentSpec, context: DriverContext = driverContext()): Promise<StateStore> {
  const load = DRIVERS[spec.type];
  if (load === undefined) throw new Error(`no driver for ${spec.type}`);
  return (await load())(spec, context, AbortSignal.timeout(spec.initTimeoutMs));
}

const sqliteOptions: StateConformanceOptions = {
  features: ['ETAG', 'TRANSACTIONAL', 'TTL', 'KEYS_LIKE'],
  etag: UUID, badEtag: 'bad-etag', etagOfAbsentKey: 'mismatch', etagOnLastWrite: 'counts', reportsExpiry: true, writeWithoutTtl: 'clears', shared: true,
  ttlErrors: {
    foo: `error parsing TTL: incorrect value for metadata 'ttlInSeconds': strconv.ParseInt: parsing "foo": invalid syntax`,
    minusTwo: `error parsing TTL: incorrect value for metadata 'ttlInSeconds': must be -1 or greater`,
  },
};
const redisOptions: StateConformanceOptions = {
  features: ['ETAG', 'TRANSACTIONAL', 'TTL', 'KEYS_LIKE'],
  etag: /^[1-9]\d*$/, badEtag: '9999999', malformedEtag: 'bad-etag', etagOfAbsentKey: 'ignored', etagOnLastWrite: 'ignored', reportsExpiry: false, writeWithoutTtl: 'keeps', shared: true,
  ttlErrors: { foo: 'failed to parse ttl from metadata: strconv.ParseInt: parsing "foo": invalid syntax' },
};

stateConformance('state.in-memory', () => open(componentSpec('state.in-memory')), {
  features: ['ETAG', 'TRANSACTIONAL', 'TTL', 'DELETE_WITH_PREFIX', 'KEYS_LIKE'],
  etag: UUID, badEtag: 'bad-etag', etagOfAbsentKey: 'mismatch', etagOnLastWrite: 'counts', reportsExpiry: true, writeWithoutTtl: 'clears', shared: false,
  ttlErrors: { foo: 'strconv.Atoi: parsing "foo": invalid syntax' },
});

describe('state.in-memory', () => {
  const write = (key: string, ttlInSeconds?: string) => upsert(key, '1', { metadata: ttlInSeconds === undefined ? {} : { ttlInSeconds } });

  it('answers without a promise', async () => {
    const store = await open(componentSpec('state.in-memory'));
    expect(store.set(write('k'), SCOPE)).toBeUndefined();
    expect(store.get(read('k'), SCOPE)).toMatchObject({ data: Buffer.from('1') });
    await store.close();
  });

  it('has a timer only while something can expire, and sweeps what nobody asks for', async () => {
    vi.useFakeTimers();
    try {
      const store = await open(componentSpec('state.in-memory'));
      await store.set(write('stays'), SCOPE);
      expect(vi.getTimerCount()).toBe(0);
      for (const key of ['a', 'b', 'c']) await store.set(write(key, '2'), SCOPE);
      expect(vi.getTimerCount()).toBe(1);
      await store.set(write('b'), SCOPE); // takes its expiry away
      await store.delete(removal('c'), SCOPE);
      await vi.advanceTimersByTimeAsync(3000);
      expect(vi.getTimerCount()).toBe(0);
      expect(await store.get(read('b'), SCOPE)).toBeDefined();
      await store.set(write('d', '9000000000000000000'), SCOPE);
      expect(await store.get(read('d'), SCOPE)).toMatchObject({ metadata: { ttlExpireTime: '9999-12-31T23:59:59Z' } });
      expect(vi.getTimerCount()).toBe(1);
      await store.close();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('words its mismatches as Dapr does', async () => {
    const store = await open(componentSpec('state.in-memory'));
    const attempt = async (key: string, etag: string | undefined, concurrency: '' | 'first-write' = '') => store.set(upsert(key, '1', { etag, concurrency }), SCOPE);
    await expect(attempt('app||k', 'e')).rejects.toThrow('possible etag mismatch. error from state store: state not exist or expired for key=app||k');
    await attempt('app||k', undefined);
    const current = (await store.get(read('app||k'), SCOPE))?.etag;
    await expect(attempt('app||k', 'e')).rejects.toThrow(`possible etag mismatch. error from state store: state etag not match for key=app||k: current=${current}, expect=e`);
    await expect(attempt('app||k', undefined, 'first-write')).rejects.toThrow('possible etag mismatch. error from state store: item already exists and no etag was passed');
    await store.close();
  });
});

describe('state.sqlite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-sqlite-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string) => join(folder, name);

  stateConformance('state.sqlite, a path', () => open(componentSpec('state.sqlite', { connectionString: file('path.db') })), sqliteOptions);
  stateConformance('state.sqlite3, a file: URI, own tables, no WAL', () => open(componentSpec('state.sqlite3', {
    url: `file:${file('uri.db')}?_pragma=synchronous(1)&_txlock=exclusive`, tableName: 'items', metadataTableName: 'meta_data', disableWAL: 'true', cleanupInterval: '1s', timeoutInSeconds: '5',
  })), sqliteOptions);
  stateConformance('state.sqlite, in memory', () => open(componentSpec('state.sqlite', { connectionString: ':memory:' })), { ...sqliteOptions, shared: false });

  it.each<[Readonly<Record<string, string>>, string]>([
    [{}, 'missing connection string'],
    [{ connectionString: '' }, 'missing connection string'],
    [{ connectionString: 'x.db', tableName: 'a;drop' }, 'invalid identifier: a;drop'],
    [{ connectionString: 'x.db', metadataTableName: '1a' }, 'invalid identifier: 1a'],
    [{ connectionString: 'x.db', timeout: '500ms' }, '"timeout" has an invalid value "500ms"'],
    [{ connectionString: 'x.db?_pragma=journal_mode(OFF)' }, "found forbidden option '_pragma=journal_mode' in the connection string"],
    [{ connectionString: 'x.db?_pragma=busy_timeout(1)' }, "found forbidden option '_pragma=busy_timeout' in the connection string"],
    [{ connectionString: 'x.db?_pragma=a%3Bb' }, 'cannot read _pragma="a;b"'],
    [{ connectionString: 'x.db?_txlock=never' }, '_txlock must be immediate, exclusive or deferred'],
    [{ connectionString: 'file:%zz.db' }, 'is not a valid file: URI'],
  ])('refuses %j for good', async (metadata, message) => {
    const opening = open(componentSpec('state.sqlite', metadata));
    await expect(opening).rejects.toBeInstanceOf(InvalidMetadata);
    await expect(opening).rejects.toThrow(message);
  });

  it('says that the folder is missing, which may mend', async () => {
    const opening = open(componentSpec('state.sqlite', { connectionString: file('no/such/data.db') }));
    await expect(opening).rejects.toThrow(`the folder ${file('no/such')} does not exist`);
    await expect(opening).rejects.not.toBeInstanceOf(InvalidMetadata);
  });

  it('opens a database read-only, and refuses one that was never set up', async () => {
    const connectionString = file('read-only.db');
    await (await open(componentSpec('state.sqlite', { connectionString, disableWAL: 'true' }))).close();
    const store = await open(componentSpec('state.sqlite', { connectionString: `file:${connectionString}?mode=ro` }));
    expect(await store.get(read('k'), SCOPE)).toBeUndefined();
    await expect((async () => store.delete(removal('k'), SCOPE))()).rejects.toThrow('readonly database');
    await store.close();
    await expect(open(componentSpec('state.sqlite', { connectionString: `${connectionString}?mode=ro`, metadataTableName: 'other' }))).rejects.toThrow(/no such table|is read-only/);
  });

  it('keeps two components with their own tables in one file', async () => {
    const connectionString = file('two.db');
    const stores = await Promise.all(['one', 'two'].map((tableName) => open(componentSpec('state.sqlite', { connectionString, tableName }))));
    for (const [index, store] of stores.entries()) {
      await store.set(upsert('k', String(index)), SCOPE);
    }
    for (const [index, store] of stores.entries()) {
      expect(Buffer.from((await store.get(read('k'), SCOPE))?.data ?? []).toString()).toBe(String(index));
      await store.close();
    }
  });

  it('warns of parameters that have no effect', async () => {
    const log = memoryLog();
    await (await open(componentSpec('state.sqlite', { connectionString: `${file('warn.db')}?_time_format=sqlite&_txlock=deferred` }), driverContext(log))).close();
    expect(log.texts('warn')).toEqual([expect.stringContaining('_txlock=deferred'), expect.stringContaining('_time_format has no effect')]);
  });
});

describeWithRedis('state.redis', () => {
  let server: RedisServer;
  beforeAll(async () => { server = await startRedis(); });
  afterAll(async () => { await server.stop(); });

  stateConformance('state.redis', () => open(componentSpec('state.redis', { redisHost: server.address })), redisOptions);
  stateConformance('state.redis, another database', () => open(componentSpec('state.redis', { redisHost: '127.0.0.1', redisPort: String(server.port), redisDB: '3', redisPassword: '' })), redisOptions);

  it('gives every write the component\'s own ttlInSeconds unless the request has one', async () => {
    const store = await open(componentSpec('state.redis', { redisHost: server.address, ttlInSeconds: '100' }));
    const write = (key: string, metadata: Readonly<Record<string, string>>) => store.set(upsert(key, '1', { metadata }), SCOPE);
    await write('ttl-default', {});
    await write('ttl-own', { ttlInSeconds: '50' });
    await write('ttl-none', { ttlInSeconds: '-5' });
    const left = await Promise.all(['ttl-default', 'ttl-own', 'ttl-none'].map((key) => server.raw.ttl(key)));
    expect(left[0]).toBeGreaterThan(90);
    expect(left[1]).toBeGreaterThan(40);
    expect(left[1]).toBeLessThanOrEqual(50);
    expect(left[2]).toBe(-1);
    await expect(write('ttl-too-much', { ttlInSeconds: '9000000000000001' })).rejects.toThrow('failed to parse ttl from metadata: must be at most');
    await store.close();
  });
});
