// sequencer.etcd: the suite that defines a sequence store, and what is special to counters that are compared and put.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EtcdUnreachable } from '../blocks/clients/etcd/etcd.ts';
import { InvalidMetadata } from '../blocks/driver.ts';
import { DRIVERS } from '../blocks/sequencer/drivers.ts';
import { LAST_ID, SequenceExhausted, type SequenceStore } from '../blocks/sequencer/store.ts';
import { sequencerConformance } from './conformance/sequencer.ts';
import { eventually, within } from './harness/awaiting.ts';
import { startRelay } from './harness/relay.ts';
import { startEtcd, type EtcdServer } from './servers/etcd.ts';
import { describeWithEtcd } from './servers/suites.ts';
import { componentSpec, driverContext, memoryLog, SCOPE } from './support.ts';

describeWithEtcd('sequencer.etcd', () => {
  let server: EtcdServer;
  const opened: SequenceStore[] = [];
  let unique = 0;
  const newKey = () => `sequencer|||app||${unique++}`;

  const openOn = async (at: EtcdServer, metadata: Readonly<Record<string, string>> = {}, log = memoryLog()): Promise<SequenceStore> => {
    const load = DRIVERS['sequencer.etcd'];
    if (load === undefined) throw new Error('no driver for sequencer.etcd');
    const spec = componentSpec('sequencer.etcd', { endpoints: at.address, keyPrefixPath: '/ids', ...metadata });
    return (await load())(spec, driverContext(log), AbortSignal.timeout(spec.initTimeoutMs));
  };
  /** Closed after the test. */
  const open = async (...args: Parameters<typeof openOn>) => {
    const store = await openOn(...args);
    opened.push(store);
    return store;
  };
  const take = async (store: SequenceStore, key: string, count = 1) => store.take(key, count, SCOPE);
  const last = async (store: SequenceStore, key: string) => store.last(key, SCOPE);
  const path = (key: string) => Buffer.from(`/ids/${key}`);
  const stored = async (key: string, at = server) => (await at.raw.kv.range({ key: path(key) })).kvs[0];
  const put = (key: string, value: string, at = server) => at.raw.kv.put({ key: path(key), value: Buffer.from(value) });
  /** Each call's ids, from the first that it was given. */
  const idsOf = (calls: readonly { readonly first: bigint; readonly count: number }[]) => calls.flatMap(({ first, count }) => Array.from({ length: count }, (_, index) => first + BigInt(index)));
  const fromOneTo = (count: number) => Array.from({ length: count }, (_, index) => BigInt(index + 1));
  const rising = (one: bigint, two: bigint) => (one < two ? -1 : 1);

  beforeAll(async () => { server = await startEtcd(); });
  afterAll(async () => { await server.stop(); });
  afterEach(async () => { for (const store of opened.splice(0)) await store.close(); });

  sequencerConformance('sequencer.etcd', () => openOn(server), {
    shared: true, restart: () => server.restart(), preset: async (key, to) => void (await put(key, to.toString())),
  });
  sequencerConformance('sequencer.etcd, no keyPrefixPath', () => openOn(server, { keyPrefixPath: '' }), { shared: true });

  it('refuses metadata that can\'t work for good', async () => {
    await expect(openOn(server, { endpoints: '' })).rejects.toBeInstanceOf(InvalidMetadata);
  });

  it('keeps the last id as a decimal', async () => {
    const store = await open(server);
    const key = newKey();
    await take(store, key, 12);
    await take(store, key);
    const item = await stored(key);
    expect([item?.value.toString(), item?.version, item?.lease]).toEqual(['13', '2', '0']);
  });

  it('goes on where Layotto left off: an empty value, whose version is the last id', async () => {
    const store = await open(server);
    const key = newKey();
    for (let id = 1; id <= 5; id++) await put(key, '');
    expect(await last(store, key)).toBe(5n);
    expect(await take(store, key, 3)).toBe(6n);
    expect((await stored(key))?.value.toString()).toBe('8');
    expect(await take(store, key)).toBe(9n);
  });

  it.each(['x', '-1', '1.5', '1e3', ' 1', '9223372036854775808', '99999999999999999999', '\u0000'])('refuses a value that is no last id: %j', async (value) => {
    const store = await open(server);
    const key = newKey();
    await put(key, value);
    await expect(take(store, key)).rejects.toThrow(`/ids/${key} in etcd is no sequence: its value is not a whole number from 0 to 9223372036854775807`);
    await expect(last(store, key)).rejects.toThrow('is no sequence');
    expect((await stored(key))?.value.toString()).toBe(value);
  });

  it('takes a first id from 0, and from a number with zeros before it', async () => {
    const store = await open(server);
    for (const [value, first] of [['0', 1n], ['0041', 42n]] as const) {
      const key = newKey();
      await put(key, value);
      expect(await take(store, key)).toBe(first);
    }
  });

  it('gives the last ids to those who fit, and fails the others', async () => {
    const store = await open(server);
    const key = newKey();
    await put(key, (LAST_ID - 6n).toString());
    const settled = await Promise.allSettled([take(store, key), ...[3, 4, 2, 1].map((count) => take(store, key, count))]);
    expect(settled.map((result) => (result.status === 'fulfilled' ? LAST_ID - result.value : (result.reason as Error).constructor))).toEqual([5n, 4n, SequenceExhausted, 1n, SequenceExhausted]);
    expect(await last(store, key)).toBe(LAST_ID);
  });

  it('gives 8 takers on one key, each a sidecar of its own, ids that are unique and without a gap', async () => {
    const stores = await Promise.all(Array.from({ length: 8 }, () => open(server)));
    const key = newKey();
    const calls = (await Promise.all(stores.map(async (store, taker) => {
      const own: { readonly first: bigint; readonly count: number }[] = [];
      for (let round = 0; round < 40; round++) {
        const count = 1 + ((taker + round) % 5);
        own.push({ first: await take(store, key, count), count });
      }
      expect(own.map(({ first }) => first)).toEqual(own.map(({ first }) => first).toSorted(rising));
      return own;
    }))).flat();
    const ids = idsOf(calls).toSorted(rising);
    expect(ids).toEqual(fromOneTo(ids.length));
    expect((await stored(key))?.value.toString()).toBe(`${ids.length}`);
  });

  it('serves 500 calls that come together in two transactions, in the order they came', async () => {
    const store = await open(server);
    const key = newKey();
    const counts = Array.from({ length: 500 }, (_, index) => 1 + (index % 3));
    const firsts = await Promise.all(counts.map((count) => take(store, key, count)));
    const ids = idsOf(firsts.map((first, index) => ({ first, count: counts[index] ?? 0 })));
    expect(ids).toEqual(fromOneTo(ids.length));
    expect((await stored(key))?.version).toBe('2');
  });

  it('keeps sequences of two keys independent, also when one of them fails', async () => {
    const store = await open(server);
    const [good, bad] = [newKey(), newKey()];
    await put(bad, 'x');
    const settled = await Promise.allSettled(Array.from({ length: 40 }, (_, index) => take(store, index % 2 === 0 ? good : bad)));
    expect(settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))).toEqual(fromOneTo(20));
    expect(settled.filter(({ status }) => status === 'rejected')).toHaveLength(20);
  });

  it('keeps two components apart by their paths, one the beginning of the other', async () => {
    const [a, ab] = [await open(server, { keyPrefixPath: '/a' }), await open(server, { keyPrefixPath: '/ab' })];
    const key = newKey();
    expect([await take(a, key, 5), await take(ab, key), await take(a, key), await last(ab, key)]).toEqual([1n, 1n, 6n, 1n]);
  });

  it('finds out that somebody else changed the key', async () => {
    const store = await open(server);
    const key = newKey();
    expect(await take(store, key)).toBe(1n);
    await put(key, '100');
    expect(await take(store, key)).toBe(101n);
    await server.raw.kv.put({ key: path(key), value: Buffer.from('101') }); // the same text again
    expect(await take(store, key)).toBe(102n);
  });

  it('gives no id again when the key was set back or deleted, and says so', async () => {
    const log = memoryLog();
    const store = await open(server, {}, log);
    const key = newKey();
    expect(await take(store, key, 50)).toBe(1n);
    await put(key, '7');
    expect(await last(store, key)).toBe(50n);
    expect(await take(store, key)).toBe(51n);
    await server.raw.delete().key(`/ids/${key}`);
    expect(await take(store, key)).toBe(52n);
    expect((await stored(key))?.value.toString()).toBe('52');
    expect(log.texts('warn')).toContain(`/ids/${key} in etcd is at 7 although 50 was taken: its data was lost or changed; the ids go on after 50`);
    expect(log.texts('warn')).toContain(`/ids/${key} in etcd is at 0 although 51 was taken: its data was lost or changed; the ids go on after 51`);
  });

  it('does not take a slow look for lost data', async () => {
    const log = memoryLog();
    const store = await open(server, {}, log);
    const key = newKey();
    for (let round = 0; round < 100; round++) await Promise.all([take(store, key), last(store, key), last(store, key), take(store, key)]);
    expect(log.texts('warn')).toEqual([]);
  });

  describe('etcd in trouble', () => {
    let own: EtcdServer;
    beforeAll(async () => { own = await startEtcd(); });
    afterAll(async () => { await own.stop(); });
    const patient = { requestTimeout: '1s' };

    it('fails while etcd is silent, and goes on above what it gave', async () => {
      const store = await open(own, patient);
      const key = newKey();
      expect(await take(store, key, 10)).toBe(1n);
      own.pause();
      const settled = await Promise.allSettled(Array.from({ length: 5 }, () => take(store, key)));
      own.resume();
      for (const result of settled) expect(result.status === 'rejected' && result.reason).toBeInstanceOf(EtcdUnreachable);
      const next = await eventually('ids can be taken', () => take(store, key).catch(() => undefined)) ?? 0n;
      expect(next).toBeGreaterThan(10n);
      expect(await last(store, key)).toBeGreaterThanOrEqual(next);
    });

    it('gives nobody ids whose answer was lost: they are a gap', async () => {
      await using relay = await startRelay(own);
      const store = await open(own, { ...patient, endpoints: relay.address });
      const key = newKey();
      expect(await take(store, key)).toBe(1n);
      relay.loseAnswersAfter(key);
      await expect(take(store, key, 10)).rejects.toBeInstanceOf(EtcdUnreachable);
      expect((await stored(key, own))?.value.toString()).toBe('11');
      relay.mend();
      const next = await eventually('ids can be taken', () => take(store, key).catch(() => undefined)) ?? 0n;
      expect(next).toBeGreaterThan(11n);
    });

    it('ends a cancelled call at once, whether it waits or is being served, and serves the others', async () => {
      const store = await open(own, patient);
      const key = newKey();
      await take(store, key);
      own.pause();
      const cancelled = new AbortController();
      const others = Promise.allSettled([take(store, key), take(store, key)]);
      const calls = [1, 2].map(async () => store.take(key, 1, { signal: cancelled.signal }));
      cancelled.abort(new Error('the caller is gone'));
      const ended = await within(900, 'cancelled calls end before their time', Promise.allSettled(calls));
      own.resume();
      expect(ended.map((result) => result.status === 'rejected' && (result.reason as Error).message)).toEqual(['the caller is gone', 'the caller is gone']);
      await expect(store.take(key, 1, { signal: AbortSignal.abort(new Error('gone before')) })).rejects.toThrow('gone before');
      await others;
      expect(await eventually('ids can be taken', () => take(store, key).catch(() => undefined))).toBeGreaterThan(1n);
    });

    it('fails who waits when it closes', async () => {
      const store = await open(own, patient);
      const key = newKey();
      await take(store, key);
      own.pause();
      const calls = Promise.allSettled(Array.from({ length: 5 }, () => take(store, key)));
      await store.close();
      own.resume();
      expect((await calls).map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => 'rejected'));
    });

    it('gives each id once while it is killed and restarted under load', async () => {
      const stores = await Promise.all(Array.from({ length: 4 }, () => open(own, patient)));
      const key = newKey();
      const calls: { readonly first: bigint; readonly count: number }[] = [];
      let running = true;
      let failures = 0;
      const work = stores.map(async (store, taker) => {
        for (let round = 0; running; round++) {
          const before = calls.reduce((highest, { first, count }) => (first + BigInt(count) > highest ? first + BigInt(count) : highest), 0n);
          const count = 1 + ((taker + round) % 4);
          try {
            const first = await take(store, key, count);
            expect(first).toBeGreaterThanOrEqual(before);
            calls.push({ first, count });
          } catch (cause) {
            if ((cause as Error).name === 'AssertionError') throw cause;
            failures++;
          }
        }
      });
      try {
        for (let crash = 0; crash < 4; crash++) {
          const until = calls.length + 50;
          await Promise.race([eventually('ids are taken', () => calls.length >= until, 30_000), ...work]);
          if (crash === 3) break;
          await own.kill();
          const failed = failures;
          await eventually('calls fail', () => failures > failed);
          await own.restart();
        }
      } finally {
        running = false;
      }
      await Promise.all(work);
      const ids = idsOf(calls);
      expect(new Set(ids).size).toBe(ids.length);
    }, 90_000);

    it('goes on above what it gave when etcd lost everything', async () => {
      const store = await open(own);
      const key = newKey();
      await take(store, key, 1000);
      await own.restart({ empty: true });
      expect(await eventually('ids can be taken', () => take(store, key).catch(() => undefined))).toBeGreaterThan(1000n);
    });
  });
});
