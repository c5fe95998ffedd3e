// What a state store is: every driver passes this suite (contract: conformance checklist of state components, and state
// semantics). Rows of the checklist about queries, key patterns and deletion by prefix are not part of our contract.
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EtagInvalid, EtagMismatch, type Item, type Operation, type StateStore, type StringMap } from '../../blocks/state/store.ts';
import { read, removal, SCOPE, upsert } from '../support.ts';

export interface StateConformanceOptions {
  /** Exactly, in the contract's order. */
  readonly features: readonly string[];
  /** What an etag looks like. */
  readonly etag: RegExp;
  /** An etag of the right form that no record here ever has. */
  readonly badEtag: string;
  /** An etag of the wrong form, if the store tells that apart: a set then throws EtagInvalid. */
  readonly malformedEtag?: string;
  /** An etag on a key that does not exist: `mismatch`, or `ignored` as in stores that can only compare what is there. */
  readonly etagOfAbsentKey: 'mismatch' | 'ignored';
  /** A last-write with a stale etag: refused because an etag always counts, or done because last-write ignores it. */
  readonly etagOnLastWrite: 'counts' | 'ignored';
  /** True if answers carry `ttlExpireTime`. */
  readonly reportsExpiry: boolean;
  /** What the error for a `ttlInSeconds` of `foo` says, and for -2 where that is refused. */
  readonly ttlErrors: { readonly foo: string; readonly minusTwo?: string };
  /** Writing without a TTL: takes an earlier one away, or leaves it. */
  readonly writeWithoutTtl: 'clears' | 'keeps';
  /** True if two stores opened one after the other see the same data. */
  readonly shared: boolean;
}

export function stateConformance(name: string, open: () => Promise<StateStore>, options: StateConformanceOptions): void {
  describe(`state store conformance: ${name}`, () => {
    let store: StateStore;
    let unique = 0;
    const run = randomUUID();
    /** A key that no other test uses. In Redis clusters the braces keep the keys of one test together. */
    const key = (suffix = '') => `app||{${run}-${unique++}}${suffix}`;

    beforeAll(async () => { store = await open(); });
    afterAll(async () => { await store.close(); });

    const get = async (of: string) => store.get(read(of), SCOPE);
    const set = async (...args: Parameters<typeof upsert>) => store.set(upsert(...args), SCOPE);
    const remove = async (...args: Parameters<typeof removal>) => store.delete(removal(...args), SCOPE);
    const transact = async (operations: readonly Operation[]) => {
      if (store.transact === undefined) throw new Error('the store is not transactional');
      await store.transact(operations, {}, SCOPE);
    };
    const text = (item: Item | undefined) => (item?.data === undefined ? undefined : Buffer.from(item.data).toString());
    const etagOf = async (of: string) => {
      const etag = (await get(of))?.etag;
      if (etag === undefined) throw new Error(`${of} has no etag`);
      return etag;
    };

    describe('values', () => {
      it('lists its features in the order of the contract', () => expect(store.features).toEqual(options.features));

      it('answers a ping', async () => { await store.ping?.(SCOPE); });

      it('has nothing under an unknown key', async () => expect(await get(key())).toBeUndefined());

      it.each<[string, string]>([
        ['a number', '123'], ['a boolean', 'true'], ['a string of JSON', '"{\\"a\\":1}"'], ['a string', '"hello world"'], ['an empty string', '""'],
        ['an object', '{"a":[1,2,{"b":null}],"c":"<&>"}'], ['text beyond ASCII', '"grüße, 世界, 🚢"'], ['JSON null as text', 'null'],
      ])('gives back %s as the same JSON text', async (_, json) => {
        const k = key();
        await set(k, json);
        expect(text(await get(k))).toBe(json);
      });

      it('gives back the same text for contentType application/json', async () => {
        const k = key();
        const metadata = { contentType: 'application/json' };
        await set(k, '{"str":"s","int":7}', { metadata });
        expect(text(await store.get(read(k, metadata), SCOPE))).toBe('{"str":"s","int":7}');
        await store.delete(removal(k, { metadata }), SCOPE);
        expect(await get(k)).toBeUndefined();
      });

      it.each<[string, Uint8Array]>([
        ['a single byte', Uint8Array.of(1)], ['zero bytes and invalid UTF-8', Uint8Array.of(0, 0xff, 0xc3, 0x28, 0)], ['all bytes', Uint8Array.from({ length: 256 }, (_, index) => index)],
        ['bytes that look like JSON', Buffer.from('{"a":1}')], ['a megabyte', randomBytes(1 << 20)],
      ])('gives back %s as they were', async (_, bytes) => {
        const k = key();
        await set(k, bytes);
        expect(Buffer.from((await get(k))?.data ?? []).equals(bytes)).toBe(true);
      });

      it('gives back a view of a larger buffer without its surroundings', async () => {
        const k = key();
        await set(k, new Uint8Array(Buffer.from('xxabcxx').buffer.slice(0)).subarray(0, 0)); // an empty view
        await set(k, Uint8Array.from([9, 9, 1, 2, 9]).subarray(2, 4));
        expect([...((await get(k))?.data ?? [])]).toEqual([1, 2]);
      });

      it('keeps a null: the key exists, without data', async () => {
        const k = key();
        await set(k, undefined);
        const item = await get(k);
        expect(item).toBeDefined();
        expect(item?.data).toBeUndefined();
        expect(item?.etag).toMatch(options.etag);
      });

      it('keeps a value of no bytes, as that or as null: not every layout tells them apart', async () => {
        const k = key();
        await set(k, new Uint8Array());
        const item = await get(k);
        expect(item).toBeDefined();
        expect(item?.data?.length ?? 0).toBe(0);
      });

      it('takes any key: long, spaced, quoted, beyond ASCII', async () => {
        for (const suffix of ['x'.repeat(2000), ' a b ', `'";--`, '%_*?[a]\\', 'ключ-鍵-🔑', 'a/b/../c', '\n\t']) {
          const k = key(suffix);
          await set(k, '1');
          expect(text(await get(k))).toBe('1');
          await remove(k);
          expect(await get(k)).toBeUndefined();
        }
      });

      it('tells keys apart by case', async () => {
        const k = key('a');
        await set(k, '1');
        expect(await get(k.toUpperCase())).toBeUndefined();
      });

      it('overwrites', async () => {
        const k = key();
        await set(k, '1');
        await set(k, Uint8Array.of(2));
        expect([...((await get(k))?.data ?? [])]).toEqual([2]);
        await set(k, '"three"');
        expect(text(await get(k))).toBe('"three"');
      });

      it('deletes, and deleting an unknown key succeeds', async () => {
        const k = key();
        await remove(k);
        await set(k, '1');
        await remove(k);
        expect(await get(k)).toBeUndefined();
        await remove(k);
      });
    });

    describe('bulk', () => {
      it('reads many keys in the order asked for, unknown and repeated ones too', async () => {
        if (store.getMany === undefined) return;
        const [a, b, c] = [key('a'), key('b'), key('c')];
        await set(a, '1');
        await set(c, Uint8Array.of(3));
        const items = await store.getMany([read(c), read(b), read(a), read(a)], SCOPE);
        expect(items.map(text)).toEqual(['\u0003', undefined, '1', '1']);
        expect(items[1]).toBeUndefined();
        expect(items[2]?.etag).toMatch(options.etag);
        expect(await store.getMany([], SCOPE)).toEqual([]);
      });

      it('writes and deletes many keys side by side', async () => {
        const keys = Array.from({ length: 50 }, () => key());
        await Promise.all(keys.map((k, index) => set(k, String(index))));
        expect(await Promise.all(keys.map(async (k) => text(await get(k))))).toEqual(keys.map((_, index) => String(index)));
        await Promise.all(keys.map((k) => remove(k)));
        expect(await Promise.all(keys.map(get))).toEqual(keys.map(() => undefined));
      });

      it('fails only the items with a wrong etag', async () => {
        const [good, bad] = [key(), key()];
        await set(good, '1');
        await set(bad, '1');
        const settled = await Promise.allSettled([set(good, '2', { etag: await etagOf(good) }), set(bad, '2', { etag: options.badEtag })]);
        expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
        expect([text(await get(good)), text(await get(bad))]).toEqual(['2', '1']);
        const deleted = await Promise.allSettled([remove(good, { etag: await etagOf(good) }), remove(bad, { etag: options.badEtag })]);
        expect(deleted.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
        expect([await get(good), text(await get(bad))]).toEqual([undefined, '1']);
      });
    });

    describe('etags', () => {
      it('gives an etag, a new one at each write', async () => {
        const k = key();
        const etags = new Set<string>();
        for (let round = 0; round < 5; round++) {
          await set(k, '"same"');
          etags.add(await etagOf(k));
        }
        expect(etags.size).toBe(5);
        for (const etag of etags) expect(etag).toMatch(options.etag);
      });

      it('writes with the right etag and changes it', async () => {
        const k = key();
        await set(k, '1');
        const etag = await etagOf(k);
        await set(k, '2', { etag });
        expect(text(await get(k))).toBe('2');
        expect(await etagOf(k)).not.toBe(etag);
      });

      it('refuses a stale and a bad etag and leaves the value alone', async () => {
        const k = key();
        await set(k, '1');
        const stale = await etagOf(k);
        await set(k, '2');
        for (const etag of [stale, options.badEtag]) {
          for (const concurrency of ['', 'first-write'] as const) await expect(set(k, '3', { etag, concurrency })).rejects.toBeInstanceOf(EtagMismatch);
          await expect(remove(k, { etag })).rejects.toBeInstanceOf(EtagMismatch);
        }
        await expect(set(k, '3', { etag: stale })).rejects.toThrow(/^possible etag mismatch\. error from state store: \S/);
        expect(text(await get(k))).toBe('2');
      });

      it('treats an empty etag as none', async () => {
        const k = key();
        await set(k, '1');
        await set(k, '2', { etag: '' });
        await remove(k, { etag: '' });
        expect(await get(k)).toBeUndefined();
      });

      it(`an etag on last-write ${options.etagOnLastWrite}`, async () => {
        const k = key();
        await set(k, '1');
        const write = set(k, '2', { etag: options.badEtag, concurrency: 'last-write' });
        if (options.etagOnLastWrite === 'counts') await expect(write).rejects.toBeInstanceOf(EtagMismatch);
        else await write;
        expect(text(await get(k))).toBe(options.etagOnLastWrite === 'counts' ? '1' : '2');
      });

      it('deletes with the right etag; afterwards there is none', async () => {
        const k = key();
        await set(k, '1');
        await remove(k, { etag: await etagOf(k) });
        expect((await get(k))?.etag).toBeUndefined();
      });

      it(`an etag on a key that does not exist is ${options.etagOfAbsentKey === 'mismatch' ? 'a mismatch' : 'ignored'}`, async () => {
        const k = key();
        const attempts = [() => remove(k, { etag: options.badEtag }), () => set(k, '1', { etag: options.badEtag })];
        for (const attempt of attempts) {
          if (options.etagOfAbsentKey === 'mismatch') await expect(attempt()).rejects.toBeInstanceOf(EtagMismatch);
          else await attempt();
        }
      });

      if (options.malformedEtag !== undefined) it('tells a malformed etag from a wrong one', async () => {
        const k = key();
        await set(k, '1');
        await expect(set(k, '2', { etag: options.malformedEtag })).rejects.toBeInstanceOf(EtagInvalid);
        await expect(set(k, '2', { etag: options.malformedEtag })).rejects.toThrow(/^invalid etag value: \S/);
        expect(text(await get(k))).toBe('1');
      });
    });

    describe('first-write', () => {
      it.each([undefined, ''])('creates without an etag (%j) once; the second one fails and changes nothing', async (etag) => {
        const k = key();
        await set(k, '1', { concurrency: 'first-write', etag });
        await expect(set(k, '2', { concurrency: 'first-write', etag })).rejects.toBeInstanceOf(EtagMismatch);
        expect(text(await get(k))).toBe('1');
      });

      it('finds a key taken that was written without it', async () => {
        const k = key();
        await set(k, '1');
        await expect(set(k, '2', { concurrency: 'first-write' })).rejects.toBeInstanceOf(EtagMismatch);
      });

      it('updates with the right etag, not with a stale one', async () => {
        const k = key();
        await set(k, '1', { concurrency: 'first-write' });
        const etag = await etagOf(k);
        await set(k, '2', { concurrency: 'first-write', etag });
        await expect(set(k, '3', { concurrency: 'first-write', etag })).rejects.toBeInstanceOf(EtagMismatch);
        expect(text(await get(k))).toBe('2');
      });

      it('lets exactly one of many through', async () => {
        const k = key();
        const settled = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => set(k, String(index), { concurrency: 'first-write' })));
        const winners = settled.flatMap(({ status }, index) => (status === 'fulfilled' ? [String(index)] : []));
        expect(winners).toEqual([text(await get(k))]);
      });

      it('creates again after a delete', async () => {
        const k = key();
        await set(k, '1', { concurrency: 'first-write' });
        await remove(k);
        await set(k, '2', { concurrency: 'first-write' });
        expect(text(await get(k))).toBe('2');
      });
    });

    describe('time to live', () => {
      const ttl = (seconds: string): StringMap => ({ ttlInSeconds: seconds });

      it('refuses what is no number, in the words of Dapr, and writes nothing', async () => {
        const k = key();
        await expect(set(k, '1', { metadata: ttl('foo') })).rejects.toThrow(options.ttlErrors.foo);
        await expect(transact([upsert(k, '1'), upsert(k, '2', { metadata: ttl('foo') })])).rejects.toThrow(options.ttlErrors.foo);
        const { minusTwo } = options.ttlErrors;
        if (minusTwo !== undefined) await expect(set(k, '1', { metadata: ttl('-2') })).rejects.toThrow(minusTwo);
        expect(await get(k)).toBeUndefined();
      });

      it.concurrent('forgets a value when its time is over: in get, bulk get, first-write and for its etag', async () => {
        const [a, b, c] = [key('a'), key('b'), key('c')];
        for (const k of [a, b]) await set(k, '1', { metadata: ttl('2') });
        await transact([upsert(c, '1', { metadata: ttl('2') })]);
        const before = await get(a);
        expect(text(before)).toBe('1');
        if (options.reportsExpiry) {
          expect(before?.metadata?.['ttlExpireTime']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
          const leftMs = Date.parse(before?.metadata?.['ttlExpireTime'] ?? '') - Date.now();
          expect(leftMs).toBeGreaterThan(-1000);
          expect(leftMs).toBeLessThanOrEqual(2000);
        } else {
          expect(before?.metadata).toBeUndefined();
        }
        await sleep(3000); // the checklist's own bound for a TTL of 2 s: expiry announces itself by nothing
        expect(await Promise.all([a, b, c].map(get))).toEqual([undefined, undefined, undefined]);
        expect(await store.getMany?.([read(a)], SCOPE) ?? [undefined]).toEqual([undefined]);
        if (options.etagOfAbsentKey === 'mismatch') {
          await expect(set(a, '2', { etag: before?.etag })).rejects.toBeInstanceOf(EtagMismatch);
          await expect(remove(a, { etag: before?.etag })).rejects.toBeInstanceOf(EtagMismatch);
        }
        await set(b, '2', { concurrency: 'first-write' });
        expect(text(await get(b))).toBe('2');
      });

      it.concurrent('takes 0 and -1 for no expiry, also to end an earlier one', async () => {
        const keys = [key(), key(), key()] as const;
        for (const k of keys) await set(k, '1', { metadata: ttl('2') });
        await set(keys[0], '2', { metadata: ttl('0') });
        await set(keys[1], '2', { metadata: ttl('-1') });
        await set(keys[2], '2'); // says nothing
        await sleep(3000);
        expect(await Promise.all(keys.map(async (k) => text(await get(k))))).toEqual(['2', '2', options.writeWithoutTtl === 'clears' ? '2' : undefined]);
        expect((await get(keys[0]))?.metadata).toBeUndefined();
      });

      it('takes any time that is longer than anybody waits', async () => {
        const k = key();
        await set(k, '1', { metadata: ttl('2147483647') });
        expect(text(await get(k))).toBe('1');
      });
    });

    describe('transactions', () => {
      it('applies mixed operations; deleting an unknown key is fine', async () => {
        const base = key();
        const [a, b, c] = [`${base}a`, `${base}b`, `${base}c`];
        await set(b, '"old"');
        await transact([upsert(a, '1'), removal(b), removal(c), upsert(c, Uint8Array.of(9)), upsert(base, undefined)]);
        expect(text(await get(a))).toBe('1');
        expect(await get(b)).toBeUndefined();
        expect([...((await get(c))?.data ?? [])]).toEqual([9]);
        expect(await get(base)).toMatchObject({ data: undefined });
      });

      it('applies operations on one key in order', async () => {
        const k = key();
        await set(k, '"value0"');
        await transact([removal(k), upsert(k, '"value1"'), removal(k), upsert(k, '"value3"')]);
        expect(text(await get(k))).toBe('"value3"');
        await transact([upsert(k, '1'), upsert(k, '2'), upsert(k, '3'), removal(k)]);
        expect(await get(k)).toBeUndefined();
      });

      it('checks etags, and changes nothing when one is wrong', async () => {
        const k = key();
        const other = `${k}-other`;
        await set(k, '1');
        await transact([upsert(k, '2', { etag: await etagOf(k) }), upsert(other, '1')]);
        await expect(transact([upsert(other, '2'), upsert(k, '3', { etag: options.badEtag })])).rejects.toBeInstanceOf(EtagMismatch);
        await expect(transact([upsert(other, '2'), removal(k, { etag: options.badEtag })])).rejects.toBeInstanceOf(EtagMismatch);
        await expect(transact([removal(other), upsert(k, '3', { concurrency: 'first-write' })])).rejects.toBeInstanceOf(EtagMismatch);
        expect([text(await get(k)), text(await get(other))]).toEqual(['2', '1']);
      });

      it('does nothing for no operations', async () => { await transact([]); });

      it('takes a large one', async () => {
        const k = key();
        const size = Math.min(500, store.maxTransactionOperations ?? 500);
        await transact(Array.from({ length: size }, (_, index) => upsert(`${k}-${index}`, String(index))));
        expect(text(await get(`${k}-${size - 1}`))).toBe(String(size - 1));
      });

      it('never shows half of one', async () => {
        const k = key();
        const other = `${k}-other`;
        await transact([upsert(k, '0'), upsert(other, '0')]);
        let going = true;
        const writer = (async () => {
          for (let round = 1; round <= 100; round++) await transact([upsert(k, String(round)), upsert(other, String(round))]);
          going = false;
        })();
        for (let last = 0; going; ) { // the second read starts after the first: it may be newer, never older
          const first = Number(text(await get(k)));
          const second = Number(text(await get(other)));
          expect(first).toBeGreaterThanOrEqual(last);
          expect(second).toBeGreaterThanOrEqual(first);
          last = second;
          await new Promise(setImmediate);
        }
        await writer;
      });
    });

    describe('concurrency', () => {
      it('loses no update of many writers that use etags', async () => {
        const k = key();
        const stores = options.shared ? [store, await open()] : [store];
        const [writers, rounds] = [8, 25];
        await set(k, '0');
        let conflicts = 0;
        await Promise.all(Array.from({ length: writers }, async (_, writer) => {
          const mine = stores[writer % stores.length] ?? store;
          for (let done = 0; done < rounds; ) {
            const item = await mine.get(read(k), SCOPE);
            await new Promise(setImmediate); // somebody else's turn: an in-memory store would never see a conflict
            try {
              await mine.set(upsert(k, String(Number(text(item)) + 1), { etag: item?.etag }), SCOPE);
              done++;
            } catch (cause) {
              if (!(cause instanceof EtagMismatch)) throw cause;
              conflicts++;
            }
          }
        }));
        expect(text(await get(k))).toBe(String(writers * rounds));
        expect(conflicts).toBeGreaterThan(0);
        for (const other of stores.slice(1)) await other.close();
      }, 60_000); // a store that syncs each write to a busy disk takes its time

      if (options.shared) it('sees at once what another store of the same backend wrote', async () => {
        const k = key();
        const other = await open();
        await set(k, '1', { consistency: 'strong' });
        expect(text(await other.get(read(k), SCOPE))).toBe('1');
        await other.close();
      });
    });

    it('closes twice', async () => {
      const own = await open();
      await own.set(upsert(key(), '1', { metadata: { ttlInSeconds: '60' } }), SCOPE);
      await own.close();
      await own.close();
    });
  });
}
