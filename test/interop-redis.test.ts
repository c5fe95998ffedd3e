// One Redis, two runtimes: records as daprd writes them are read, and what we write has exactly daprd's layout.
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openRedisStore } from '../blocks/state/redis.ts';
import { jsonDocument } from '../blocks/state/redis-json.ts';
import { APPLY, scriptArguments, type RedisWrite } from '../blocks/state/redis-script.ts';
import { EtagMismatch, type StateStore } from '../blocks/state/store.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';
import { componentSpec, driverContext, read, removal, SCOPE, upsert } from './support.ts';

describeWithRedis('state.redis beside daprd', () => {
  let server: RedisServer;
  let store: StateStore;
  beforeAll(async () => {
    server = await startRedis();
    store = await openRedisStore(componentSpec('state.redis', { redisHost: server.address }), driverContext(), AbortSignal.timeout(5000));
  });
  afterAll(async () => {
    await store.close();
    await server.stop();
  });
  beforeEach(async () => { await server.raw.flushdb(); });

  const data = async (key: string) => (await store.get(read(key), SCOPE))?.data;
  const set = async (...args: Parameters<typeof upsert>) => store.set(upsert(...args), SCOPE);

  describe('reads', () => {
    it('a record', async () => {
      await server.raw.hset('app||k', 'data', Buffer.from([0, 0xff, 0xc3, 0x28]), 'version', '7');
      expect(await store.get(read('app||k'), SCOPE)).toEqual({ data: Buffer.from([0, 0xff, 0xc3, 0x28]), etag: '7' });
    });

    it('a record with a first-write mark, and one with an empty value', async () => {
      await server.raw.hset('app||m', 'data', '"x"', 'version', '1', 'first-write', '0');
      await server.raw.hset('app||e', 'data', '', 'version', '2');
      expect(await store.get(read('app||m'), SCOPE)).toEqual({ data: Buffer.from('"x"'), etag: '1' });
      expect(await store.get(read('app||e'), SCOPE)).toEqual({ data: undefined, etag: '2' });
    });

    it('a plain string, without an etag', async () => {
      await server.raw.set('app||s', 'plain');
      expect(await store.get(read('app||s'), SCOPE)).toEqual({ data: Buffer.from('plain') });
      expect((await store.getMany?.([read('app||s'), read('app||none')], SCOPE))?.map((item) => item?.data?.toString())).toEqual(['plain', undefined]);
    });

    it('refuses half a record and a key of another type', async () => {
      await server.raw.hset('app||half', 'data', 'x');
      await expect(data('app||half')).rejects.toThrow("required hash field 'data' or 'version' was not found");
      await server.raw.rpush('app||list', 'x');
      await expect(data('app||list')).rejects.toThrow(/^WRONGTYPE /);
    });
  });

  describe('writes', () => {
    it('a hash of data and version, which counts writes from 1', async () => {
      await set('app||k', '{"a":1}');
      expect(await server.raw.hgetall('app||k')).toEqual({ data: '{"a":1}', version: '1' });
      await set('app||k', Uint8Array.of(0, 255));
      expect(await server.raw.hgetallBuffer('app||k')).toEqual({ data: Buffer.from([0, 255]), version: Buffer.from('2') });
      await set('app||n', undefined);
      expect(await server.raw.hgetall('app||n')).toEqual({ data: '', version: '1' });
    });

    it('the first-write mark, and keeps it', async () => {
      await set('app||k', '1', { concurrency: 'first-write' });
      expect(await server.raw.hgetall('app||k')).toEqual({ data: '1', version: '1', 'first-write': '0' });
      await set('app||k', '2', { etag: '1' });
      expect(await server.raw.hgetall('app||k')).toEqual({ data: '2', version: '2', 'first-write': '0' });
    });

    it('no marked record without the right etag: not by a plain write, not by a last-write', async () => {
      await server.raw.hset('app||k', 'data', '1', 'version', '4', 'first-write', '0');
      await expect(set('app||k', '2')).rejects.toThrow('possible etag mismatch. error from state store: failed to set key app||k');
      await expect(set('app||k', '2', { concurrency: 'last-write', etag: '4' })).rejects.toBeInstanceOf(EtagMismatch);
      await set('app||k', '2', { etag: '+04' }); // as Go reads numbers
      expect(await server.raw.hget('app||k', 'version')).toBe('5');
    });

    it('over a key of another type, which counts as absent', async () => {
      await server.raw.set('app||s', 'plain');
      await set('app||s', '1', { concurrency: 'first-write', etag: '9' });
      expect(await server.raw.hgetall('app||s')).toEqual({ data: '1', version: '1', 'first-write': '0' });
      await server.raw.hset('app||v', 'data', 'x', 'version', '');
      await set('app||v', '1', { etag: '5' });
      expect(await server.raw.hgetall('app||v')).toEqual({ data: '1', version: '1' });
    });

    it('expiries as the request says', async () => {
      await set('app||k', '1', { metadata: { ttlInSeconds: '100' } });
      expect(await server.raw.ttl('app||k')).toBeGreaterThan(90);
      await set('app||k', '2');
      expect(await server.raw.ttl('app||k')).toBeGreaterThan(90);
      await set('app||k', '3', { metadata: { ttlInSeconds: '0' } });
      expect(await server.raw.ttl('app||k')).toBe(-1);
      await store.transact?.([upsert('app||k', '4', { metadata: { ttlInSeconds: '50' } }), upsert('app||l', '1')], {}, SCOPE);
      expect(await server.raw.ttl('app||k')).toBeGreaterThan(40);
      expect(await server.raw.hget('app||k', 'version')).toBe('4');
    });

    it('deletes: with no etag, the right one and "0"; not with another one, number or not', async () => {
      for (const etag of [undefined, '', '3', '0']) {
        await server.raw.hset('app||k', 'data', '1', 'version', '3');
        await store.delete(removal('app||k', { etag }), SCOPE);
        expect(await server.raw.exists('app||k')).toBe(0);
      }
      await server.raw.hset('app||k', 'data', '1', 'version', '3');
      for (const etag of ['2', 'x']) await expect(store.delete(removal('app||k', { etag }), SCOPE)).rejects.toThrow('possible etag mismatch. error from state store: failed to delete app||k');
    });

    it('still after the server forgot its scripts', async () => {
      await set('app||k', '1');
      await server.raw.script('FLUSH');
      await set('app||k', '2');
      expect(await server.raw.hget('app||k', 'version')).toBe('2');
    });

    it('fails when the server has no room, and changes nothing', async () => {
      await set('app||k', '1');
      await server.raw.config('SET', 'maxmemory', '1');
      await expect(set('app||k', '2')).rejects.toThrow(/OOM/);
      await server.raw.config('SET', 'maxmemory', '0');
      expect(await server.raw.hgetall('app||k')).toEqual({ data: '1', version: '1' });
    });
  });

  it('gives one write the same effect alone and in a transaction: the script has a short way for the one', async () => {
    const noop: RedisWrite = { action: 'del', layout: 'hash', etag: '0', firstWrite: false, ttlSeconds: undefined, data: '' };
    const held = fc.oneof(
      fc.constant(undefined), fc.constant('plain'),
      fc.record({ version: fc.constantFrom('', '0', '1', '2', '41'), mark: fc.boolean() }),
    );
    const write = fc.record({
      action: fc.constantFrom('set', 'del'), layout: fc.constant('hash'), etag: fc.constantFrom('0', '1', '2', '41', 'x'),
      firstWrite: fc.boolean(), ttlSeconds: fc.constantFrom(undefined, 0, 100), data: fc.string(),
    }) satisfies fc.Arbitrary<RedisWrite>;
    const outcome = async (before: typeof held extends fc.Arbitrary<infer T> ? T : never, keys: readonly string[], writes: readonly RedisWrite[]) => {
      await server.raw.del('app||k');
      if (before === 'plain') await server.raw.set('app||k', 'plain', 'EX', 50);
      else if (before !== undefined) await server.raw.hset('app||k', { data: 'old', version: before.version, ...(before.mark ? { 'first-write': '0' } : {}) });
      const refused = await server.raw.eval(APPLY.lua, keys.length, ...keys, ...scriptArguments(writes));
      const type = await server.raw.type('app||k');
      return { refused, type, fields: type === 'hash' ? await server.raw.hgetall('app||k') : undefined, expires: (await server.raw.ttl('app||k')) > 0 };
    };
    await fc.assert(fc.asyncProperty(held, write, async (before, one) => {
      expect(await outcome(before, ['app||k'], [one])).toEqual(await outcome(before, ['app||k', 'app||none'], [one, noop]));
    }), { numRuns: 300 });
  });

  // Debian's Redis has no JSON module. These tests run the very script in the server's Lua, above a stand-in for the two
  // JSON commands that keeps each document as text: they show the flow and the layout, not the module.
  describe('JSON records, above a stand-in for the module', () => {
    const STAND_IN = `
      local real = redis
      local function json_get(key, path)
        local text = real.pcall('GET', key)
        if type(text) == 'table' then return text end
        if not text then return false end
        local value = cjson.decode(text)[path:sub(2)]
        if value == nil then return { err = "ERR Path '$" .. path .. "' does not exist" } end
        return cjson.encode(value)
      end
      local function json_set(key, path, value)
        if path == '$' then return real.call('SET', key, value, 'KEEPTTL') end
        local document = cjson.decode(real.call('GET', key))
        document[path:sub(2)] = cjson.decode(value)
        return real.call('SET', key, cjson.encode(document), 'KEEPTTL')
      end
      local redis = {}
      function redis.call(command, ...)
        if command == 'JSON.GET' then error('no read outside pcall') end
        if command == 'JSON.SET' then return json_set(...) end
        return real.call(command, ...)
      end
      function redis.pcall(command, ...)
        if command == 'JSON.GET' then return json_get(...) end
        return real.pcall(command, ...)
      end
    `;
    const apply = (keys: readonly string[], writes: readonly RedisWrite[]) => server.raw.eval(STAND_IN + APPLY.lua, keys.length, ...keys, ...scriptArguments(writes));
    const write = (value: string, options: Partial<RedisWrite> = {}): RedisWrite => ({ action: 'set', layout: 'json', etag: '0', firstWrite: false, ttlSeconds: undefined, data: jsonDocument(Buffer.from(value)), ...options });
    const document = async (key: string) => JSON.parse((await server.raw.get(key)) ?? 'null') as unknown;

    it('are documents of data and version, which counts writes from 1', async () => {
      expect(await apply(['k'], [write('{"a":[1]}')])).toBe(0);
      expect(await document('k')).toEqual({ data: { a: [1] }, version: 1 });
      expect(await apply(['k'], [write('"x"', { etag: '1', ttlSeconds: 100 })])).toBe(0);
      expect(await document('k')).toEqual({ data: 'x', version: 2 });
      expect(await server.raw.ttl('k')).toBeGreaterThan(90);
    });

    it('obey etags and first-write', async () => {
      expect(await apply(['k'], [write('1', { firstWrite: true })])).toBe(0);
      expect(await document('k')).toEqual({ data: 1, version: 1, 'first-write': 0 });
      expect(await apply(['k'], [write('2')])).toBe(1);
      expect(await apply(['k'], [write('2', { firstWrite: true })])).toBe(1);
      expect(await apply(['k'], [write('2', { etag: '9' })])).toBe(1);
      expect(await apply(['k'], [write('', { action: 'del', etag: '9' })])).toBe(1);
      expect(await document('k')).toEqual({ data: 1, version: 1, 'first-write': 0 });
      expect(await apply(['k'], [write('2', { etag: '1' })])).toBe(0);
      expect(await document('k')).toEqual({ data: 2, version: 2 }); // the mark goes with the old document, as in daprd
      expect(await apply(['k'], [write('', { action: 'del', etag: '2' })])).toBe(0);
      expect(await server.raw.exists('k')).toBe(0);
    });

    it('start at the given etag when the key is new, and replace a hash', async () => {
      expect(await apply(['k'], [write('1', { etag: '5' })])).toBe(0);
      expect(await document('k')).toEqual({ data: 1, version: 6 });
      await server.raw.hset('h', 'data', 'x', 'version', '3');
      expect(await apply(['h'], [write('1')])).toBe(0);
      expect(await document('h')).toEqual({ data: 1, version: 1 });
    });

    it('share a transaction with hashes, all or nothing', async () => {
      const hash = (etag: string): RedisWrite => ({ action: 'set', layout: 'hash', etag, firstWrite: false, ttlSeconds: undefined, data: 'x' });
      expect(await apply(['j', 'h', 'j'], [write('1'), hash('0'), write('2', { etag: '1' })])).toBe(0);
      expect(await document('j')).toEqual({ data: 2, version: 2 });
      expect(await apply(['j', 'h'], [write('3'), hash('7')])).toBe(2);
      expect(await document('j')).toEqual({ data: 2, version: 2 });
    });
  });
});
