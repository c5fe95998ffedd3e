// One etcd, two runtimes: records as daprd writes them are read, and what we write has exactly daprd's layout. The plain client
// here stands for daprd; messages of version v2 are written out byte by byte.
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openEtcdStore } from '../blocks/state/etcd.ts';
import { EtagMismatch, type StateStore } from '../blocks/state/store.ts';
import { startEtcd, type EtcdServer } from './servers/etcd.ts';
import { describeWithEtcd } from './servers/suites.ts';
import { componentSpec, driverContext, read, removal, SCOPE, upsert } from './support.ts';

/** A field of a message: a length-delimited one, of bytes or of fields. */
const field = (number: number, ...parts: readonly (string | readonly number[] | Buffer)[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(body.length), body]);
};
const number = (field: number, value: number): Buffer => (value === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([field << 3]), varint(value)]));
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}
/** The message of version v2, as Go's encoder writes it. */
const v2 = (data: string | Buffer, seconds: number, nanos: number, ttlSeconds: number): Buffer =>
  Buffer.concat([data.length === 0 ? Buffer.alloc(0) : field(1, data), field(2, number(1, seconds), number(2, nanos)), field(3, number(1, ttlSeconds))]);

/** 2026-01-02T03:04:05Z */
const WRITTEN = 1_767_323_045;
const FOREVER = '0';

describeWithEtcd('state.etcd beside daprd', () => {
  let server: EtcdServer;
  beforeAll(async () => { server = await startEtcd(); });
  afterAll(async () => { await server.stop(); });

  const open = (version: string, keyPrefixPath = '') =>
    openEtcdStore({ ...componentSpec('state.etcd', { endpoints: server.address, keyPrefixPath }), version }, driverContext(), AbortSignal.timeout(5000));
  const put = async (key: string, value: string | Buffer, lease?: string) => server.raw.kv.put({ key: Buffer.from(key), value: Buffer.from(value), ...(lease === undefined ? {} : { lease }) });
  const grant = async (ttlSeconds: number) => (await server.raw.leaseClient.leaseGrant({ TTL: ttlSeconds })).ID;
  /** What etcd has under a key. */
  const record = async (key: string) => {
    const [found] = (await server.raw.kv.range({ key: Buffer.from(key) })).kvs;
    if (found === undefined) return undefined;
    const { value, mod_revision: revision, lease } = found as typeof found & { readonly lease: string };
    return { value, revision, lease };
  };
  const lifetime = async (lease: string | undefined) => Number((await server.raw.leaseClient.leaseTimeToLive({ ID: lease ?? FOREVER })).grantedTTL);
  beforeEach(async () => { await server.raw.delete().all(); });

  describe.each([
    { version: 'v1', prefix: '', root: '/' }, { version: '', prefix: 'my/path', root: 'my/path/' }, { version: 'v0', prefix: '/', root: '//' },
  ])('version "$version" with the prefix "$prefix"', ({ version, prefix, root }) => {
    let store: StateStore;
    beforeAll(async () => { store = await open(version, prefix); });
    afterAll(async () => { await store.close(); });

    it('reads the value as it is, its revision as the etag, and no expiry', async () => {
      await put(`${root}app||k`, Buffer.from([0, 0xff, 0xc3, 0x28]), await grant(100));
      await put(`${root}app||e`, '');
      expect(await store.get(read('app||k'), SCOPE)).toEqual({ data: Buffer.from([0, 0xff, 0xc3, 0x28]), etag: (await record(`${root}app||k`))?.revision });
      expect(await store.get(read('app||e'), SCOPE)).toEqual({ data: undefined, etag: (await record(`${root}app||e`))?.revision });
    });

    it('writes the value as it is, null as nothing', async () => {
      await store.set(upsert('app||k', '{"a":1}'), SCOPE);
      expect(await record(`${root}app||k`)).toMatchObject({ value: Buffer.from('{"a":1}'), lease: FOREVER });
      await store.set(upsert('app||k', Uint8Array.of(0, 255), { metadata: { ttlInSeconds: '100' } }), SCOPE);
      const leased = await record(`${root}app||k`);
      expect(leased?.value).toEqual(Buffer.from([0, 255]));
      expect(await lifetime(leased?.lease)).toBe(100);
      await store.set(upsert('app||n', undefined), SCOPE);
      expect(await record(`${root}app||n`)).toMatchObject({ value: Buffer.alloc(0), lease: FOREVER });
      expect((await server.raw.getAll().keys()).sort()).toEqual([`${root}app||k`, `${root}app||n`]);
    });
  });

  describe.each(['v2', 'V2'])('version "%s"', (version) => {
    let store: StateStore;
    beforeAll(async () => { store = await open(version, 'dapr'); });
    afterAll(async () => { await store.close(); });
    const get = (key: string) => store.get(read(key), SCOPE);
    const etagOf = async (key: string) => (await record(key))?.revision;

    it('reads a message with a lease and reports when it will end', async () => {
      await put('dapr/app||k', v2('"hello"', WRITTEN, 900_000_000, 60), await grant(60));
      expect(await get('app||k')).toEqual({ data: Buffer.from('"hello"'), etag: await etagOf('dapr/app||k'), metadata: { ttlExpireTime: '2026-01-02T03:05:05Z' } });
    });

    it('adds the parts of a second, and says nothing beyond what a date can say', async () => {
      const lease = await grant(60);
      const halves = Buffer.concat([field(1, '1'), field(2, number(1, WRITTEN), number(2, 600_000_000)), field(3, number(1, 1), number(2, 500_000_000))]);
      await put('dapr/app||k', halves, lease);
      expect((await get('app||k'))?.metadata).toEqual({ ttlExpireTime: '2026-01-02T03:04:07Z' });
      for (const [seconds, shown] of [[2 ** 52, '9999-12-31T23:59:59Z'], [-(2 ** 52), '1970-01-01T00:00:00Z']] as const) {
        await put('dapr/app||k', v2('1', seconds, 0, 60), lease);
        expect((await get('app||k'))?.metadata).toEqual({ ttlExpireTime: shown });
      }
      await put('dapr/app||k', field(1, '1'), lease);
      expect(await get('app||k'), 'a message without times').toEqual({ data: Buffer.from('1'), etag: await etagOf('dapr/app||k') });
      await put('dapr/app||k', Buffer.concat([field(1, '1'), field(3, number(1, 60))]), lease);
      expect((await get('app||k'))?.metadata, 'as Go reads a time that is missing').toEqual({ ttlExpireTime: '1970-01-01T00:01:00Z' });
    });

    it('reads a message without a lease, which never ends whatever it says, in any order of fields', async () => {
      await put('dapr/app||k', v2(Buffer.from([0, 255]), WRITTEN, 0, 0));
      expect(await get('app||k')).toEqual({ data: Buffer.from([0, 255]), etag: await etagOf('dapr/app||k') });
      await put('dapr/app||k', Buffer.concat([field(3), field(9, 'later'), field(2, number(1, WRITTEN)), field(1, '"x"')]));
      expect(await get('app||k')).toEqual({ data: Buffer.from('"x"'), etag: await etagOf('dapr/app||k') });
      await put('dapr/app||k', v2('', WRITTEN, 0, 0));
      expect(await get('app||k'), 'no data is null').toEqual({ data: undefined, etag: await etagOf('dapr/app||k') });
    });

    it.each<[string, Buffer]>([
      ['text', Buffer.from('"hello"')], ['a message cut short', v2('"hello"', WRITTEN, 0, 60).subarray(0, 5)], ['a message that runs on', Buffer.concat([v2('1', WRITTEN, 0, 0), Buffer.from([0, 1])])],
    ])('says that %s is not in this layout; the others of a bulk get are read', async (_, value) => {
      await put('dapr/app||bad', value);
      await put('dapr/app||good', v2('1', WRITTEN, 0, 0));
      await expect(get('app||bad')).rejects.toThrow('the value of dapr/app||bad is not in the layout of version v2: ');
      expect(await store.getMany?.([read('app||bad'), read('app||good')], SCOPE)).toEqual([
        { data: undefined, fault: expect.objectContaining({ message: expect.stringContaining('dapr/app||bad') as string }) as Error },
        { data: Buffer.from('1'), etag: await etagOf('dapr/app||good') },
      ]);
    });

    it('writes the message: the time of the write and the time to live are always there', async () => {
      vi.useFakeTimers({ toFake: ['Date'], now: WRITTEN * 1000 + 678 });
      try {
        await store.set(upsert('app||k', '"hello"'), SCOPE);
        expect(await record('dapr/app||k')).toMatchObject({ value: v2('"hello"', WRITTEN, 678_000_000, 0), lease: FOREVER });
        await store.set(upsert('app||n', undefined, { metadata: { ttlInSeconds: '-1' } }), SCOPE);
        expect(await record('dapr/app||n')).toMatchObject({ value: v2('', WRITTEN, 678_000_000, 0), lease: FOREVER });
        vi.setSystemTime(WRITTEN * 1000);
        await store.set(upsert('app||k', Uint8Array.of(0, 255), { metadata: { ttlInSeconds: '300' } }), SCOPE);
        const leased = await record('dapr/app||k');
        expect(leased?.value).toEqual(v2(Buffer.from([0, 255]), WRITTEN, 0, 300));
        expect(leased?.value.toString('hex')).toBe('0a0200ff120608a5ebdcca061a0308ac02');
        expect(await lifetime(leased?.lease)).toBe(300);
        expect((await get('app||k'))?.metadata).toEqual({ ttlExpireTime: '2026-01-02T03:09:05Z' });
        await store.transact?.([upsert('app||t', '1', { metadata: { ttlInSeconds: '60' } }), upsert('app||k', '2')], {}, SCOPE);
        expect((await record('dapr/app||t'))?.value).toEqual(v2('1', WRITTEN, 0, 60));
        expect(await record('dapr/app||k')).toMatchObject({ value: v2('2', WRITTEN, 0, 0), lease: FOREVER });
      } finally {
        vi.useRealTimers();
      }
    });
  });

  describe('etags', () => {
    let store: StateStore;
    beforeAll(async () => { store = await open('v1'); });
    afterAll(async () => { await store.close(); });
    /** A change with an etag, as daprd makes it. */
    const daprd = async (key: string, etag: string, value: string) => (await server.raw.if(key, 'Mod', '==', Number(etag)).then(server.raw.put(key).value(value)).commit()).succeeded;

    it('of ours are good for daprd, and stale after its change', async () => {
      await store.set(upsert('app||k', '1'), SCOPE);
      const etag = (await store.get(read('app||k'), SCOPE))?.etag ?? '';
      expect(await daprd('/app||k', etag, '2')).toBe(true);
      expect(await daprd('/app||k', etag, '3')).toBe(false);
      const current = (await record('/app||k'))?.revision;
      await expect((async () => store.set(upsert('app||k', '3', { etag }), SCOPE))()).rejects.toThrow(`possible etag mismatch. error from state store: state etag not match for key=/app||k: current=${current}, expect=${etag}`);
      await store.set(upsert('app||k', '4', { etag: current }), SCOPE);
      expect((await record('/app||k'))?.value.toString()).toBe('4');
    });

    it('are worded as daprd words them', async () => {
      const attempt = async (change: ReturnType<typeof upsert> | ReturnType<typeof removal>) => (change.kind === 'upsert' ? store.set(change, SCOPE) : store.delete(change, SCOPE));
      const words = 'possible etag mismatch. error from state store: ';
      for (const change of [upsert('app||k', '1', { etag: '7' }), removal('app||k', { etag: '7' }), upsert('app||k', '1', { etag: '0' })]) {
        await expect(attempt(change)).rejects.toThrow(new EtagMismatch('state not exist or expired for key=/app||k'));
      }
      await put('/app||k', '1');
      const current = (await record('/app||k'))?.revision ?? '';
      for (const etag of ['bad-etag', '0', '-1', `0${current}`, `+${current}`, ` ${current}`, '99999999999999999999']) {
        for (const change of [upsert('app||k', '2', { etag }), removal('app||k', { etag })]) {
          await expect(attempt(change), etag).rejects.toThrow(new EtagMismatch(`state etag not match for key=/app||k: current=${current}, expect=${etag}`));
        }
      }
      for (const change of [upsert('app||k', '2', { concurrency: 'first-write' }), removal('app||k', { concurrency: 'first-write' })]) {
        await expect(attempt(change)).rejects.toThrow(`${words}item already exists and no etag was passed`);
      }
      expect(await record('/app||k')).toMatchObject({ value: Buffer.from('1'), revision: current });
      await attempt(removal('app||none', { concurrency: 'first-write' }));
      await attempt(removal('app||k', { etag: current, concurrency: 'last-write' }));
      expect(await record('/app||k')).toBeUndefined();
    });
  });
});
