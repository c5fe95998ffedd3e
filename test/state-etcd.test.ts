// state.etcd against the suite that defines a state store, and what etcd adds to it: leases, limits of transactions and values,
// races that one transaction settles, a store that goes away. Through the sidecar too.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidMetadata, type ComponentSpec } from '../blocks/driver.ts';
import { DRIVERS } from '../blocks/state/drivers.ts';
import { EtagMismatch, type Operation, type StateStore, type StringMap } from '../blocks/state/store.ts';
import { stateConformance, type StateConformanceOptions } from './conformance/state.ts';
import { eventually, within } from './harness/awaiting.ts';
import { GrpcClient } from './harness/grpc.ts';
import { BACKEND_ISOLATIONS, startSidecar, type Sidecar } from './harness/sidecar.ts';
import { deleteState, getBulkState, getState, saveState, stateItem, transaction } from './harness/states.ts';
import { startEtcd, type EtcdServer } from './servers/etcd.ts';
import { describeWithEtcd } from './servers/suites.ts';
import { componentSpec, driverContext, memoryLog, read, removal, SCOPE, upsert } from './support.ts';

const FOREVER = '0';
/** etcd's own limit for a request, with its default settings. Bytes. */
const MAX_REQUEST_BYTES = 1.5 * 1024 * 1024;
/** Longer than any call takes that ends by its timeout, on a busy machine. */
const BOUND_MS = 20_000;

async function open(spec: ComponentSpec, context = driverContext()): Promise<StateStore> {
  const load = DRIVERS[spec.type];
  if (load === undefined) throw new Error(`no driver for ${spec.type}`);
  return (await load())(spec, context, AbortSignal.timeout(spec.initTimeoutMs));
}

/** On a busy machine an answer may take its time: that is what no test but one is about. */
const etcdSpec = ({ address }: EtcdServer, version = 'v1', metadata: Readonly<Record<string, string>> = {}): ComponentSpec =>
  ({ ...componentSpec('state.etcd', { endpoints: address, requestTimeout: '10s', ...metadata }), version });

const options: Omit<StateConformanceOptions, 'reportsExpiry'> = {
  features: ['ETAG', 'TRANSACTIONAL', 'TTL', 'KEYS_LIKE'],
  etag: /^[1-9]\d*$/, badEtag: 'bad-etag', etagOfAbsentKey: 'mismatch', etagOnLastWrite: 'counts', writeWithoutTtl: 'clears', shared: true,
  ttlErrors: {
    foo: `incorrect value for metadata 'ttlInSeconds': strconv.ParseInt: parsing "foo": invalid syntax`,
    minusTwo: "incorrect value for metadata 'ttlInSeconds': must be -1 or greater",
  },
};

const ttl = (seconds: number): StringMap => ({ ttlInSeconds: String(seconds) });
const set = async (store: StateStore, ...args: Parameters<typeof upsert>) => store.set(upsert(...args), SCOPE);
const remove = async (store: StateStore, ...args: Parameters<typeof removal>) => store.delete(removal(...args), SCOPE);
const transact = async (store: StateStore, operations: readonly Operation[]) => store.transact?.(operations, {}, SCOPE);
const textOf = async (store: StateStore, key: string) => {
  const item = await store.get(read(key), SCOPE);
  return item?.data === undefined ? undefined : Buffer.from(item.data).toString();
};
const etagOf = async (store: StateStore, key: string) => (await store.get(read(key), SCOPE))?.etag ?? '';

/** All leases that etcd keeps. */
const leasesOf = async ({ raw }: EtcdServer) => (await raw.leaseClient.leaseLeases()).leases.map(({ ID }) => ID);
/** The lease of a key; undefined if there is no such key. */
async function leaseOf({ raw }: EtcdServer, key: string): Promise<string | undefined> {
  const [found] = (await raw.kv.range({ key: Buffer.from(key) })).kvs;
  return (found as { readonly lease: string } | undefined)?.lease;
}

describeWithEtcd('state.etcd', () => {
  let server: EtcdServer;
  let store: StateStore;
  beforeAll(async () => {
    server = await startEtcd();
    store = await open(etcdSpec(server));
  });
  afterAll(async () => {
    await store?.close();
    await server?.stop();
  });

  stateConformance('state.etcd v1', () => open(etcdSpec(server)), { ...options, reportsExpiry: false });
  stateConformance('state.etcd v1, under a prefix', () => open(etcdSpec(server, '', { keyPrefixPath: 'some/path' })), { ...options, reportsExpiry: false });
  stateConformance('state.etcd v2', () => open(etcdSpec(server, 'v2')), { ...options, reportsExpiry: true });
  stateConformance('state.etcd v2, under a prefix, few operations in a transaction', () => open(etcdSpec(server, 'v2', { keyPrefixPath: '/x', maxTxnOps: '4' })), { ...options, reportsExpiry: true });

  describe('metadata', () => {
    it.each<[string, Readonly<Record<string, string>>, string]>([
      ['v1', { maxTxnOps: '0' }, '"maxTxnOps" has an invalid value "0": it must be a whole number of at least 1'],
      ['v1', { maxTxnOps: 'many' }, '"maxTxnOps" has an invalid value "many"'],
      ['v3', {}, "couldn't find state store state.etcd/v3: the version must be v1 or v2"],
    ])('refuses version %s with %j for good', async (version, metadata, message) => {
      const opening = open(etcdSpec(server, version, metadata));
      await expect(opening).rejects.toBeInstanceOf(InvalidMetadata);
      await expect(opening).rejects.toThrow(message);
    });

    it('needs endpoints', async () => {
      await expect(open(componentSpec('state.etcd'))).rejects.toBeInstanceOf(InvalidMetadata);
    });

    it('knows the fields of the block, and warns of others', async () => {
      const log = memoryLog();
      const own = await open(etcdSpec(server, 'v2', { KEYPREFIX: 'none', actorStateStore: 'true', maxTxnOp: '7' }), driverContext(log));
      await own.close();
      expect(log.texts('warn')).toEqual([expect.stringContaining('did you mean "maxTxnOps"?')]);
    });

    it('keeps two prefixes apart', async () => {
      const stores = await Promise.all(['one', 'two'].map((keyPrefixPath) => open(etcdSpec(server, 'v1', { keyPrefixPath }))));
      for (const [index, each] of stores.entries()) await set(each, 'app||k', String(index));
      for (const [index, each] of stores.entries()) {
        expect(await textOf(each, 'app||k')).toBe(String(index));
        await each.close();
      }
    });
  });

  describe('leases', () => {
    /** Of its own: leases have no names, so that those of others could not be told apart. */
    let own: EtcdServer;
    let leased: StateStore;
    beforeAll(async () => {
      own = await startEtcd();
      leased = await open(etcdSpec(own, 'v2'));
    });
    afterAll(async () => {
      await leased?.close();
      await own?.stop();
    });
    const leftWith = (count: number) => eventually(`${count} leases are left`, async () => (await leasesOf(own)).length === count);

    it('end the key, and themselves', async () => {
      await set(leased, 'app||k', '1', { metadata: ttl(3) });
      expect(await leasesOf(own)).toEqual([await leaseOf(own, '/app||k')]);
      await eventually('the key is gone', async () => (await leaseOf(own, '/app||k')) === undefined);
      expect(await leased.get(read('app||k'), SCOPE)).toBeUndefined();
      await leftWith(0);
    });

    it('are gone when the key is written again with another one, without one, or deleted', async () => {
      for (let round = 1; round <= 20; round++) await set(leased, 'app||k', String(round), { metadata: ttl(1000 + round) });
      await leftWith(1);
      expect(await leasesOf(own)).toEqual([await leaseOf(own, '/app||k')]);
      await set(leased, 'app||k', '21');
      await leftWith(0);
      expect(await leaseOf(own, '/app||k')).toBe(FOREVER);
      expect(await textOf(leased, 'app||k')).toBe('21');
      await set(leased, 'app||k', '22', { metadata: ttl(1000) });
      await leftWith(1);
      await remove(leased, 'app||k');
      await leftWith(0);
    });

    it('are gone after a transaction too, each key with its own', async () => {
      const keys = Array.from({ length: 60 }, (_, index) => `app||t${index}`);
      await transact(leased, keys.map((key) => upsert(key, '1', { metadata: ttl(1000) })));
      expect(new Set(await leasesOf(own)).size).toBe(60);
      await transact(leased, keys.map((key, index) => (index % 3 === 0 ? removal(key) : upsert(key, '2', index % 3 === 1 ? { metadata: ttl(1000) } : {}))));
      await leftWith(20);
      expect(new Set(await leasesOf(own))).toEqual(new Set(await Promise.all(keys.filter((_, index) => index % 3 === 1).map((key) => leaseOf(own, `/${key}`)))));
      await transact(leased, keys.map((key) => removal(key)));
      await leftWith(0);
    });

    it('are made for the last write of a key alone', async () => {
      await transact(leased, [upsert('app||k', '1', { metadata: ttl(1000) }), removal('app||k'), upsert('app||k', '2', { metadata: ttl(2000) }), upsert('app||l', '1', { metadata: ttl(1000) }), upsert('app||l', '2')]);
      expect(await leasesOf(own)).toEqual([await leaseOf(own, '/app||k')]);
      expect(Number((await own.raw.leaseClient.leaseTimeToLive({ ID: (await leaseOf(own, '/app||k')) ?? '' })).grantedTTL)).toBe(2000);
      expect(await leaseOf(own, '/app||l')).toBe(FOREVER);
      await transact(leased, [removal('app||k'), removal('app||l')]);
      await leftWith(0);
    });

    it('are not left behind by a write that is refused, and the refused key keeps its own', async () => {
      await set(leased, 'app||k', '1', { metadata: ttl(1000) });
      const kept = await leaseOf(own, '/app||k');
      await expect(set(leased, 'app||k', '2', { metadata: ttl(1000), etag: '1' })).rejects.toBeInstanceOf(EtagMismatch);
      await expect(transact(leased, [upsert('app||l', '2', { metadata: ttl(1000) }), removal('app||k', { etag: '1' })])).rejects.toBeInstanceOf(EtagMismatch);
      await expect(set(leased, 'app||k', randomBytes(MAX_REQUEST_BYTES), { metadata: ttl(1000) })).rejects.toThrow("couldn't set key /app||k: ");
      await leftWith(1);
      expect(await leaseOf(own, '/app||k')).toBe(kept);
      expect(await textOf(leased, 'app||k')).toBe('1');
      await remove(leased, 'app||k');
      await leftWith(0);
    });

    it('that several keys share, because somebody made them by hand, stay until the last of these is gone', async () => {
      const { ID } = await own.raw.leaseClient.leaseGrant({ TTL: 1000 });
      for (const key of ['/app||a', '/app||b']) await own.raw.kv.put({ key: Buffer.from(key), value: Buffer.alloc(0), lease: ID });
      await set(leased, 'app||a', '1');
      await set(leased, 'app||c', '1', { metadata: ttl(1000) });
      await set(leased, 'app||c', '2'); // once its lease is gone, so is what was waiting before
      await leftWith(1);
      expect(await leaseOf(own, '/app||b')).toBe(ID);
      await remove(leased, 'app||b');
      await leftWith(0);
      expect(await textOf(leased, 'app||a')).toBe('1');
    });

    it('that a full transaction has no room to look for are left to expire', async () => {
      const small = await open(etcdSpec(own, 'v1', { maxTxnOps: '5' }));
      const keys = ['app||1', 'app||2', 'app||3', 'app||4'];
      await transact(small, keys.map((key) => upsert(key, '1', { metadata: ttl(1000) })));
      const before = await Promise.all(keys.map((key) => leaseOf(own, `/${key}`)));
      await transact(small, keys.map((key) => upsert(key, '2')));
      await leftWith(3);
      expect(new Set(await leasesOf(own))).toEqual(new Set(before.slice(1)));
      expect(await Promise.all(keys.map((key) => textOf(small, key)))).toEqual(['2', '2', '2', '2']);
      await small.close();
    });
  });

  describe('transactions', () => {
    it('take as many operations as etcd does, and report more than that clearly', async () => {
      const upserts = (count: number, value: string) => Array.from({ length: count }, (_, index) => upsert(`app||full${index}`, value));
      expect(store.maxTransactionOperations).toBe(128);
      await transact(store, upserts(128, '1'));
      await transact(store, upserts(128, '2').map((write, index) => (index % 2 === 0 ? { ...write, concurrency: 'last-write' } : removal(write.key))));
      expect([await textOf(store, 'app||full126'), await textOf(store, 'app||full127')]).toEqual(['2', undefined]);
      const greedy = await open(etcdSpec(server, 'v1', { maxTxnOps: '500' }));
      await expect(transact(greedy, upserts(129, '3'))).rejects.toThrow('too many operations in txn request');
      expect(await textOf(greedy, 'app||full0')).toBe('2');
      await greedy.close();
    });

    it('are as large as a server with a greater limit takes them, also with demands', async () => {
      const large = await startEtcd({ extra: ['--max-txn-ops', '400'] });
      const wide = await open(etcdSpec(large, 'v2', { maxTxnOps: '400' }));
      try {
        const keys = Array.from({ length: 400 }, (_, index) => `app||${index}`);
        await transact(wide, keys.map((key) => upsert(key, '1', { concurrency: 'first-write' })));
        const items = await wide.getMany?.(keys.map((key) => read(key)), SCOPE) ?? [];
        await transact(wide, keys.map((key, index) => upsert(key, '2', { etag: items[index]?.etag })));
        await expect(transact(wide, keys.map((key, index) => upsert(key, '3', { etag: items[index]?.etag })))).rejects.toThrow('state etag not match for key=/app||0: ');
        expect(await Promise.all(['app||0', 'app||399'].map((key) => textOf(wide, key)))).toEqual(['2', '2']);
      } finally {
        await wide.close();
        await large.stop();
      }
    });

    it('change one key many times: the last word stands, and all demands are of what was there before', async () => {
      const key = 'app||same';
      await transact(store, Array.from({ length: 128 }, (_, index) => (index % 3 === 2 ? removal(key) : upsert(key, String(index)))));
      expect(await textOf(store, key)).toBe('127');
      const etag = await etagOf(store, key);
      await transact(store, [upsert(key, '1', { etag }), removal(key, { etag }), upsert(key, '2', { etag })]);
      expect(await textOf(store, key)).toBe('2');
      const current = await etagOf(store, key);
      await expect(transact(store, [upsert(key, '3', { etag: current }), upsert(key, '4', { etag })])).rejects.toThrow(`state etag not match for key=/${key}: current=${current}, expect=${etag}`);
      await expect(transact(store, [removal(key), upsert(key, '3', { concurrency: 'first-write' })])).rejects.toThrow('item already exists and no etag was passed');
      await expect(transact(store, [upsert('app||fresh', '1'), upsert('app||fresh', '2', { etag: current })])).rejects.toThrow('state not exist or expired for key=/app||fresh');
      expect([await textOf(store, key), await textOf(store, 'app||fresh')]).toEqual(['2', undefined]);
      await transact(store, [upsert('app||fresh', '1', { concurrency: 'first-write' }), upsert('app||fresh', '2', { concurrency: 'first-write' })]);
      expect(await textOf(store, 'app||fresh')).toBe('2');
    });

    it('tell of the first demand that was not met, in the order of the operations', async () => {
      await set(store, 'app||one', '1');
      await set(store, 'app||two', '1');
      const [one, two] = [await etagOf(store, 'app||one'), await etagOf(store, 'app||two')];
      await expect(transact(store, [upsert('app||one', '2', { etag: one }), upsert('app||absent', '2', { etag: 'x' }), upsert('app||two', '2', { etag: one })])).rejects.toThrow('state not exist or expired for key=/app||absent');
      await expect(transact(store, [upsert('app||two', '2', { etag: one }), upsert('app||absent', '2', { etag: 'x' })])).rejects.toThrow(`state etag not match for key=/app||two: current=${two}, expect=${one}`);
    });

    it('see a refused TTL before anything else', async () => {
      await expect(transact(store, [upsert('app||bad', '1', { metadata: { ttlInSeconds: '1.5' } }), upsert('app||bad', '2')])).rejects.toThrow(`incorrect value for metadata 'ttlInSeconds': strconv.ParseInt: parsing "1.5": invalid syntax`);
      await expect(set(store, 'app||bad', '1', { metadata: { ttlInSeconds: '2147483648' } })).rejects.toThrow('must be -1 or greater');
      expect(await textOf(store, 'app||bad')).toBeUndefined();
    });
  });

  it('reads more keys in bulk than a transaction may hold, in order', async () => {
    await transact(store, Array.from({ length: 100 }, (_, index) => upsert(`app||bulk${index * 3}`, String(index * 3))));
    const items = await store.getMany?.(Array.from({ length: 300 }, (_, index) => read(`app||bulk${index}`)), SCOPE) ?? [];
    expect(items.map((item) => (item?.data === undefined ? undefined : Buffer.from(item.data).toString()))).toEqual(Array.from({ length: 300 }, (_, index) => (index % 3 === 0 ? String(index) : undefined)));
  });

  describe('races', () => {
    it('between two writers with the same etag: exactly one wins, 200 times', async () => {
      const rival = await open(etcdSpec(server));
      const key = 'app||race';
      await set(store, key, '"start"');
      for (let round = 0; round < 200; round++) {
        const etag = await etagOf(store, key);
        const settled = await Promise.allSettled([set(store, key, `"${round}-0"`, { etag }), set(rival, key, `"${round}-1"`, { etag })]);
        const [winner, ...more] = settled.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
        expect(more).toEqual([]);
        expect(await textOf(store, key)).toBe(`"${round}-${winner}"`);
        expect(settled.filter((result) => result.status === 'rejected').map(({ reason }) => reason instanceof EtagMismatch)).toEqual([true]);
      }
      await rival.close();
    }, 60_000);

    it('between creations, removals and transactions of the same key: exactly one wins', async () => {
      const rival = await open(etcdSpec(server));
      for (let round = 0; round < 50; round++) {
        const key = `app||race${round}`;
        const created = await Promise.allSettled([set(store, key, '0', { concurrency: 'first-write' }), transact(rival, [upsert(key, '1', { concurrency: 'first-write' }), upsert(`${key}x`, '1')])]);
        expect(created.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
        expect(await textOf(store, `${key}x`)).toBe(created[1].status === 'fulfilled' ? '1' : undefined);
        const etag = await etagOf(store, key);
        const changed = await Promise.allSettled([remove(store, key, { etag }), set(rival, key, '2', { etag, metadata: ttl(1000) }), transact(rival, [removal(key, { etag })])]);
        expect(changed.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
        expect(await textOf(store, key)).toBe(changed[1].status === 'fulfilled' ? '2' : undefined);
      }
      await rival.close();
    }, 60_000);
  });

  describe('sizes', () => {
    it('keeps values up to the limit of etcd, and reads many of them at once', async () => {
      const values = Array.from({ length: 8 }, () => randomBytes(MAX_REQUEST_BYTES - 1024));
      for (const [index, value] of values.entries()) await set(store, `app||large${index}`, value);
      const items = await store.getMany?.(values.map((_, index) => read(`app||large${index}`)), SCOPE) ?? [];
      expect(items.map((item, index) => values[index]?.equals(item?.data ?? Buffer.alloc(0)))).toEqual(values.map(() => true));
    });

    it.each([['a little', MAX_REQUEST_BYTES], ['far', 8 * MAX_REQUEST_BYTES]])('refuses %s more with a reason, and works on', async (_, bytes) => {
      await set(store, 'app||large', '1');
      await expect(set(store, 'app||large', randomBytes(bytes))).rejects.toThrow(/^couldn't set key \/app\|\|large: .*(?:request is too large|larger than max)/);
      await expect(transact(store, [upsert('app||large', '2'), upsert('app||larger', randomBytes(bytes))])).rejects.toThrow(/request is too large|larger than max/);
      expect(await textOf(store, 'app||large')).toBe('1');
    });
  });

  it('fails soon and says why while etcd is away or silent, and works again', async () => {
    const frail = await startEtcd();
    const own = await open(etcdSpec(frail, 'v2', { requestTimeout: '2s' }));
    try {
      await set(own, 'app||k', '1');
      for (const [gone, back] of [[frail.kill, frail.restart], [frail.pause, frail.resume]] as const) {
        await gone();
        // A signal to stop does not stop all threads of a server at once.
        await eventually('etcd does not answer', () => (async () => own.ping?.(SCOPE))().then(() => false, () => true), BOUND_MS);
        // Another key: what etcd hears late it may yet do.
        const attempts = [set(own, 'app||late', '2', { metadata: ttl(60) }), set(own, 'app||late', '2'), remove(own, 'app||late'), transact(own, [upsert('app||late', '2')]), own.get(read('app||k'), SCOPE), own.getMany?.([read('app||k')], SCOPE), own.ping?.(SCOPE)];
        const settled = await within(BOUND_MS, 'all calls have ended', Promise.allSettled(attempts));
        for (const result of settled) expect(result).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining(frail.address) as string } });
        await back();
        await eventually('reads work', () => (async () => own.get(read('app||k'), SCOPE))().then(() => true, () => false));
        await set(own, 'app||k', '1');
        expect(await textOf(own, 'app||k')).toBe('1');
      }
    } finally {
      frail.resume();
      await own.close();
      await frail.stop();
    }
  }, 60_000);
});

const manifest = (name: string, type: string, version: string, metadata: readonly object[] = []) =>
  JSON.stringify({ apiVersion: 'dapr.io/v1alpha1', kind: 'Component', metadata: { name }, spec: { type, version, metadata }, auth: { secretStore: 'env' } });

describeWithEtcd('state.etcd through the sidecar', () => {
  let server: EtcdServer;
  beforeAll(async () => { server = await startEtcd(); });
  afterAll(async () => { await server?.stop(); });

  describe.each(BACKEND_ISOLATIONS)('in %s isolation', (isolation) => {
    let sidecar: Sidecar;
    let grpc: GrpcClient;
    beforeAll(async () => {
      const endpoints = { name: 'endpoints', value: server.address };
      const path = { name: 'keyPrefixPath', value: isolation };
      sidecar = await startSidecar({
        isolation, env: { ENCRYPTION_KEY: '20272e353c434a51585f666d747b828990979ea5acb3bac1c8cfd6dde4ebf2f9' },
        components: [
          manifest('one', 'state.etcd', 'v1', [endpoints, path, { name: 'keyPrefix', value: 'name' }]), manifest('two', 'state.etcd', 'v2', [endpoints, path, { name: 'keyPrefix', value: 'name' }]),
          ...['v1', 'v2'].map((version) => manifest(`secret-${version}`, 'state.etcd', version, [endpoints, path, { name: 'keyPrefix', value: 'name' }, { name: 'primaryEncryptionKey', secretKeyRef: { name: 'ENCRYPTION_KEY' } }])),
          manifest('env', 'secretstores.local.env', 'v1'),
        ].join('\n---\n'),
      });
      grpc = new GrpcClient(sidecar.grpcAddress);
    });
    afterAll(async () => {
      grpc?.close();
      await sidecar?.stop();
    });
    const raw = async (key: string) => server.raw.get(`${isolation}/${key}`).buffer();
    const message = (body: string) => (JSON.parse(body) as { readonly message: string }).message;

    it('lists daprd\'s capabilities', async () => {
      const capabilities = ['ETAG', 'TRANSACTIONAL', 'TTL', 'KEYS_LIKE', 'ACTOR'];
      expect((await sidecar.metadata())['components']).toEqual(expect.arrayContaining([
        { name: 'one', type: 'state.etcd', version: 'v1', capabilities }, { name: 'two', type: 'state.etcd', version: 'v2', capabilities },
      ]));
    });

    it.each([['one', false], ['two', true]])('serves HTTP with %s', async (store, reports) => {
      const path = `/v1.0/state/${store}`;
      expect(await sidecar.client.post(path, '[{"key":"a","value":{"b":1}},{"key":"ttl","value":2,"metadata":{"ttlInSeconds":"1000"}}]')).toMatchObject({ status: 204 });
      const first = await sidecar.client.get(`${path}/a`);
      expect(first).toMatchObject({ status: 200, body: '{"b":1}', headers: { etag: expect.stringMatching(/^[1-9]\d*$/) as string } });
      expect(first.headers['metadata.ttlexpiretime']).toBeUndefined();
      const expiring = (await sidecar.client.get(`${path}/ttl`)).headers['metadata.ttlexpiretime'];
      if (reports) expect(expiring).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      else expect(expiring).toBeUndefined();
      const etag = String(first.headers.etag);
      expect(await sidecar.client.post(path, JSON.stringify([{ key: 'a', value: 2, etag }]))).toMatchObject({ status: 204 });
      const stale = await sidecar.client.post(path, JSON.stringify([{ key: 'a', value: 3, etag }]));
      const current = String((await sidecar.client.get(`${path}/a`)).headers.etag);
      expect([stale.status, message(stale.body)]).toEqual([409, `failed saving state in state store ${store}: possible etag mismatch. error from state store: state etag not match for key=${isolation}/${store}||a: current=${current}, expect=${etag}`]);
      expect(await sidecar.client.delete(`${path}/a`, { 'If-Match': 'bad-etag' })).toMatchObject({ status: 409 });
      expect((await sidecar.client.post(path, '[{"key":"x","value":1,"metadata":{"ttlInSeconds":"foo"}}]'))).toMatchObject({
        status: 500, body: expect.stringContaining(`failed saving state in state store ${store}: incorrect value for metadata 'ttlInSeconds': strconv.ParseInt`) as string,
      });
      const operations = [{ operation: 'upsert', request: { key: 'b', value: 1, etag: '' } }, { operation: 'delete', request: { key: 'a', etag: current } }, { operation: 'upsert', request: { key: 'b', value: 'last' } }];
      expect(await sidecar.client.post(`${path}/transaction`, JSON.stringify({ operations }))).toMatchObject({ status: 204 });
      expect(await sidecar.client.get(`${path}/a`)).toMatchObject({ status: 204, body: '' });
      const refused = await sidecar.client.post(`${path}/transaction`, JSON.stringify({ operations }));
      expect([refused.status, message(refused.body)]).toEqual([500, `error while executing state transaction: possible etag mismatch. error from state store: state not exist or expired for key=${isolation}/${store}||a`]);
      const bulk = await sidecar.client.post(`${path}/bulk`, '{"keys":["b","a","ttl"]}');
      expect(JSON.parse(bulk.body)).toMatchObject([{ key: 'b', data: 'last' }, { key: 'a' }, { key: 'ttl', data: 2 }]);
      const tooMany = await sidecar.client.post(`${path}/transaction`, JSON.stringify({ operations: Array.from({ length: 129 }, (_, index) => ({ operation: 'upsert', request: { key: `many${index}`, value: index } })) }));
      expect([tooMany.status, JSON.parse(tooMany.body)]).toEqual([400, expect.objectContaining({
        errorCode: 'ERR_STATE_STORE_TOO_MANY_TRANSACTIONS', message: 'the transaction contains 129 operations, which is more than what the state store supports: 128',
      })]);
      expect(await sidecar.client.delete(`${path}/b`)).toMatchObject({ status: 204 });
      expect(await raw(`${store}||b`)).toBeNull();
    });

    it.each([['one', false], ['two', true]])('serves gRPC with %s', async (store, reports) => {
      const bytes = Buffer.from([0, 0xff, 0xc3, 0x28]);
      await grpc.call('SaveState', saveState(store, stateItem('ga', bytes), stateItem('gttl', '2', { metadata: { ttlInSeconds: '1' } }), stateItem('gnone', '3', { metadata: { ttlInSeconds: '-1' } })));
      const first = await grpc.call('GetState', getState(store, 'ga'));
      expect([Buffer.from(first.data), first.etag, first.metadata.size]).toEqual([bytes, expect.stringMatching(/^[1-9]\d*$/), 0]);
      expect((await grpc.call('GetState', getState(store, 'gnone'))).metadata.size).toBe(0);
      const expiring = await grpc.call('GetState', getState(store, 'gttl'));
      if (expiring.data.length > 0) expect(expiring.metadata.has('ttlExpireTime')).toBe(reports);
      await eventually('the value has expired', async () => (await grpc.call('GetState', getState(store, 'gttl'))).data.length === 0);
      await grpc.call('SaveState', saveState(store, stateItem('ga', '1', { etag: first.etag })));
      await expect(grpc.call('SaveState', saveState(store, stateItem('ga', '2', { etag: first.etag })))).rejects.toMatchObject({ code: 'Aborted', text: expect.stringContaining('possible etag mismatch. error from state store: state etag not match for key=') as string });
      const { etag } = await grpc.call('GetState', getState(store, 'ga'));
      await expect(grpc.call('ExecuteStateTransaction', transaction(store, ['upsert', stateItem('gb', '1')], ['upsert', stateItem('ga', '2', { etag: first.etag })]))).rejects.toMatchObject({ code: 'Internal' });
      await grpc.call('ExecuteStateTransaction', transaction(store, ['upsert', stateItem('gb', '1')], ['upsert', stateItem('ga', '2', { etag })]));
      const { items } = await grpc.call('GetBulkState', getBulkState(store, 'gb', 'none', 'ga'));
      expect(items.map(({ key, data }) => [key, Buffer.from(data).toString()])).toEqual([['gb', '1'], ['none', ''], ['ga', '2']]);
      await expect(grpc.call('DeleteState', deleteState(store, 'ga', { etag }))).rejects.toMatchObject({ code: 'Aborted' });
      await grpc.call('DeleteState', deleteState(store, 'ga'));
      expect((await grpc.call('GetState', getState(store, 'ga'))).etag).toBe('');
    });

    it('gives a record that is in no layout its own error in a bulk get', async () => {
      await sidecar.client.post('/v1.0/state/two', '[{"key":"fine","value":1}]');
      await server.raw.put(`${isolation}/two||broken`).value('{"plain":"text"}');
      const { items } = await grpc.call('GetBulkState', getBulkState('two', 'broken', 'fine'));
      expect(items.map(({ key, data, error }) => [key, Buffer.from(data).toString(), error])).toEqual([['broken', '', expect.stringContaining('is not in the layout of version v2') as string], ['fine', '1', '']]);
      expect(await sidecar.client.get('/v1.0/state/two/broken')).toMatchObject({ status: 500, body: expect.stringContaining('fail to get broken from state store two: the value of ') as string });
    });

    it.each(['secret-v1', 'secret-v2'])('encrypts what %s keeps', async (store) => {
      expect(await sidecar.client.post(`/v1.0/state/${store}`, '[{"key":"k","value":"value1","metadata":{"ttlInSeconds":"1000"}}]')).toMatchObject({ status: 204 });
      const stored = (await raw(`${store}||k`))?.toString('latin1') ?? '';
      const record = /[A-Za-z0-9+/]+=*\|\|ENCRYPTION_KEY/.exec(stored)?.[0] ?? '';
      expect(stored).not.toContain('value1');
      if (store === 'secret-v1') expect(stored).toBe(record);
      else expect(stored.startsWith(`\n${String.fromCharCode(record.length)}${record}\x12`)).toBe(true);
      expect(await sidecar.client.get(`/v1.0/state/${store}/k`)).toMatchObject({ status: 200, body: 'value1' });
      const { items } = await grpc.call('GetBulkState', getBulkState(store, 'k'));
      expect(items.map(({ data, error }) => [Buffer.from(data).toString(), error])).toEqual([['value1', '']]);
    });
  });

  it.each(BACKEND_ISOLATIONS)('says what is wrong while etcd is away, and serves again when it is back, in %s isolation', async (isolation) => {
    const frail = await startEtcd();
    try {
      await using sidecar = await startSidecar({ isolation, components: [{ name: 'etcd', type: 'state.etcd', version: 'v2', metadata: { endpoints: frail.address } }] });
      using grpc = new GrpcClient(sidecar.grpcAddress);
      expect(await sidecar.client.post('/v1.0/state/etcd', '[{"key":"k","value":1}]')).toMatchObject({ status: 204 });
      await frail.kill();
      const [get, save, removed, viaGrpc] = await within(BOUND_MS, 'all calls have ended', Promise.all([
        sidecar.client.get('/v1.0/state/etcd/k'), sidecar.client.post('/v1.0/state/etcd', '[{"key":"k","value":2}]'), sidecar.client.delete('/v1.0/state/etcd/k'),
        grpc.call('GetState', getState('etcd', 'k')).then(() => undefined, (cause: unknown) => cause),
      ]));
      for (const [answer, code] of [[get, 'ERR_STATE_GET'], [save, 'ERR_STATE_SAVE'], [removed, 'ERR_STATE_DELETE']] as const) {
        expect([answer.status, JSON.parse(answer.body)]).toEqual([500, { errorCode: code, message: expect.stringContaining(frail.address) as string }]);
      }
      expect(viaGrpc).toMatchObject({ code: 'Internal', text: expect.stringContaining("fail to get k from state store etcd: couldn't get key /app||k: ") as string });
      await frail.restart();
      await eventually('state is served', async () => (await sidecar.client.get('/v1.0/state/etcd/k')).status === 200, 30_000);
      expect(await sidecar.client.post('/v1.0/state/etcd', '[{"key":"k","value":3}]')).toMatchObject({ status: 204 });
      expect(await sidecar.client.get('/v1.0/state/etcd/k')).toMatchObject({ status: 200, body: '3' });
      expect((await sidecar.block('state')).restarts, 'without a new block').toBe(0);
    } finally {
      await frail.stop();
    }
  }, 60_000);
});
