// The state API over HTTP, to the letter (contract: success responses, error body formats, errors of state).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { HttpBody, HttpReply } from './harness/http.ts';
import { ISOLATIONS, startSidecar, type ComponentManifest, type Sidecar } from './harness/sidecar.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const errorInfo = (reason: string, metadata: object | null = null): object => ({ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', domain: 'dapr.io', metadata, reason });
const resourceInfo = (name: string): object => ({ '@type': 'type.googleapis.com/google.rpc.ResourceInfo', description: '', owner: '', resource_name: name, resource_type: 'state' });
const rich = (errorCode: string, message: string, ...details: object[]): string => JSON.stringify({ errorCode, message, details });
const legacy = (errorCode: string, message: string): string => JSON.stringify({ errorCode, message });

const redis = inject('redis');
const STORES = ['memory', 'sqlite', ...(redis.available ? ['redis'] : [])];
if (!redis.available) process.stderr.write(`SKIPPED: the HTTP API on Redis: ${redis.reason}\n`);

describe.each(ISOLATIONS)('the state API over HTTP in %s isolation', (isolation) => {
  let server: RedisServer | undefined;
  let folder: string;
  let sidecar: Sidecar;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bulkhead-api-'));
    server = redis.available ? await startRedis() : undefined;
    const components: ComponentManifest[] = [{ name: 'memory', type: 'state.in-memory' }, { name: 'sqlite', type: 'state.sqlite', metadata: { connectionString: join(folder, 'state.db') } }];
    if (server !== undefined) components.push({ name: 'redis', type: 'state.redis', metadata: { redisHost: server.address } });
    sidecar = await startSidecar({ isolation, appId: 'me', components });
  });
  afterAll(async () => {
    await sidecar?.stop();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Status, content type and body: what a client sees of most answers. */
  const seen = ({ status, headers, body }: HttpReply): unknown[] => [status, headers['content-type'], body];
  const ask = async (method: string, path: string, request?: HttpBody): Promise<unknown[]> => seen(await sidecar.client.send(method, path, request));
  const NO_CONTENT = [204, undefined, ''];
  const json = (status: number, body: string): unknown[] => [status, 'application/json', body];

  describe.each(STORES)('on %s', (store) => {
    const at = `/v1.0/state/${store}`;
    const save = (...items: object[]): Promise<unknown[]> => ask('POST', at, { body: JSON.stringify(items) });
    const etagOf = async (key: string): Promise<string> => String((await sidecar.client.get(`${at}/${key}`)).headers['etag']);

    it('answers 204 without content type or length to what has no content', async () => {
      expect(await save({ key: 'a', value: 1 })).toEqual(NO_CONTENT);
      expect(await save()).toEqual(NO_CONTENT);
      expect(await ask('PUT', at, { body: '[{"key":"a","value":2}]' })).toEqual(NO_CONTENT);
      expect(await ask('DELETE', `${at}/a`)).toEqual(NO_CONTENT);
      expect(await ask('GET', `${at}/a`)).toEqual(NO_CONTENT);
      expect(await ask('DELETE', `${at}/a`)).toEqual(NO_CONTENT);
      expect(await ask('POST', `${at}/transaction`, { body: '{"operations":[]}' })).toEqual(NO_CONTENT);
    });

    it.each([
      ['a string', '"text"', '"text"'], ['a number', '42.0', '42'], ['a large number', '1e21', '1e+21'], ['true', 'true', 'true'],
      ['an object, its members sorted', '{"b": 1, "a": [ ]}', '{"a":[],"b":1}'], ['characters that Go escapes', '"<a&b>"', '"\\u003ca\\u0026b\\u003e"'], ['text beyond ASCII', '"ключ 🗝"', '"ключ 🗝"'],
    ])('keeps %s as Go writes it', async (_, sent, kept) => {
      expect(await ask('POST', at, { body: `[{"key":"kept","value":${sent}}]` })).toEqual(NO_CONTENT);
      expect(await ask('GET', `${at}/kept`)).toEqual(json(200, kept));
    });

    it('sends the etag, and no metadata without a reason', async () => {
      await save({ key: 'tagged', value: 1 });
      const { headers, rawHeaders } = await sidecar.client.get(`${at}/tagged`);
      expect(headers['etag']).toMatch(store === 'redis' ? /^[1-9]\d*$/ : UUID);
      expect(rawHeaders).toContain('ETag');
      expect(rawHeaders.filter((name) => name.toLowerCase().startsWith('metadata.'))).toEqual([]);
    });

    it('bulk get keeps the order, and shows an absent key as its name alone', async () => {
      await save({ key: 'one', value: { x: 1 } }, { key: 'two', value: '2' });
      const [one, two] = [await etagOf('one'), await etagOf('two')];
      expect(await ask('POST', `${at}/bulk`, { body: '{"keys":["two","none","one"],"parallelism":2}' }))
        .toEqual(json(200, `[{"key":"two","data":"2","etag":"${two}"},{"key":"none"},{"key":"one","data":{"x":1},"etag":"${one}"}]\n`));
      expect(await ask('PUT', `${at}/bulk`, { body: '{"keys":[]}' })).toEqual(json(200, '[]\n'));
    });

    it('a transaction does all its operations', async () => {
      await save({ key: 't1', value: 'old' }, { key: 't2', value: 'old' });
      const operations = [{ operation: 'upsert', request: { key: 't1', value: { n: 1 } } }, { operation: 'delete', request: { key: 't2' } }, { operation: 'upsert', request: { key: 't3', value: 3 } }];
      expect(await ask('POST', `${at}/transaction`, { body: JSON.stringify({ operations }) })).toEqual(NO_CONTENT);
      expect(await Promise.all(['t1', 't2', 't3'].map((key) => ask('GET', `${at}/${key}`)))).toEqual([json(200, '{"n":1}'), NO_CONTENT, json(200, '3')]);
    });

    it('a wrong etag is 409 on save and delete, and changes nothing', async () => {
      await save({ key: 'etag', value: 1 });
      const wrong = store === 'redis' ? '999' : '6f3f0c2e-7a1f-4d58-9df2-0d5a3f5f2b11';
      const [status, type, body] = await save({ key: 'etag', value: 2, etag: wrong });
      expect([status, type]).toEqual([409, 'application/json']);
      expect(JSON.parse(String(body))).toEqual({ errorCode: 'ERR_STATE_SAVE', message: expect.stringMatching(new RegExp(`^failed saving state in state store ${store}: possible etag mismatch\\. error from state store: `)) as string });
      const removal = await sidecar.client.delete(`${at}/etag`, { 'If-Match': wrong });
      expect([removal.status, JSON.parse(removal.body)]).toEqual([409, { errorCode: 'ERR_STATE_DELETE', message: expect.stringMatching(/^failed deleting state with key etag: possible etag mismatch\. error from state store: /) as string }]);
      expect(await ask('GET', `${at}/etag`)).toEqual(json(200, '1'));
    });

    it('the right etag is taken once', async () => {
      await save({ key: 'right', value: 1 });
      const etag = await etagOf('right');
      expect(await save({ key: 'right', value: 2, etag })).toEqual(NO_CONTENT);
      expect((await save({ key: 'right', value: 3, etag }))[0]).toBe(409);
      expect(await ask('DELETE', `${at}/right`, { headers: { 'if-match': await etagOf('right') } })).toEqual(NO_CONTENT);
      expect(await ask('GET', `${at}/right`)).toEqual(NO_CONTENT);
    });

    it('an empty If-Match is none', async () => {
      await save({ key: 'unmatched', value: 1 });
      expect(await ask('DELETE', `${at}/unmatched`, { headers: { 'If-Match': '' } })).toEqual(NO_CONTENT);
      expect(await ask('GET', `${at}/unmatched`)).toEqual(NO_CONTENT);
    });

    it('first-write without an etag takes an absent key only', async () => {
      await ask('DELETE', `${at}/first`);
      const item = { key: 'first', value: 1, options: { concurrency: 'first-write', consistency: 'strong' } };
      expect(await save(item)).toEqual(NO_CONTENT);
      expect((await save(item))[0]).toBe(409);
      expect(await ask('GET', `${at}/first?consistency=strong`)).toEqual(json(200, '1'));
    });

    it.each([['concurrency', 'concurrency model'], ['consistency', 'consistency model']])('an unknown %s is the component\'s error', async (option, name) => {
      expect(await save({ key: 'o', value: 1, options: { [option]: 'perhaps' } }))
        .toEqual(json(500, legacy('ERR_STATE_SAVE', `failed saving state in state store ${store}: unrecognized ${name} 'perhaps'`)));
    });

    it('a transaction that fails is 500, for an etag too', async () => {
      await save({ key: 'te', value: 1 });
      const wrong = store === 'redis' ? '999' : '6f3f0c2e-7a1f-4d58-9df2-0d5a3f5f2b11';
      const [status, , body] = await ask('POST', `${at}/transaction`, { body: JSON.stringify({ operations: [{ operation: 'upsert', request: { key: 'te', value: 2, etag: wrong } }] }) });
      expect([status, JSON.parse(String(body))]).toEqual([500, { errorCode: 'ERR_STATE_TRANSACTION', message: expect.stringMatching(/^error while executing state transaction: /) as string }]);
      expect(await ask('GET', `${at}/te`)).toEqual(json(200, '1'));
    });

    it('a key with || is refused with all details', async () => {
      const text = "api error: code = InvalidArgument desc = input key/keyPrefix 'a||b' can't contain '||'";
      const refused = (field: string): unknown[] => json(400, rich('ERR_MALFORMED_REQUEST', text,
        { '@type': 'type.googleapis.com/google.rpc.BadRequest', field_violations: [{ field, description: text }] }, resourceInfo(store), errorInfo('DAPR_STATE_ILLEGAL_KEY')));
      expect(await ask('GET', `${at}/a%7C%7Cb`)).toEqual(refused('a||b'));
      expect(await ask('DELETE', `${at}/a||b`)).toEqual(refused('a||b'));
      expect(await save({ key: 'a||b', value: 1 })).toEqual(refused('a||b'));
      expect(await ask('POST', `${at}/transaction`, { body: '{"operations":[{"operation":"upsert","request":{"key":"a||b","value":1}}]}' })).toEqual(refused(''));
    });

    it('bodies that can\'t be read are 400 and change nothing', async () => {
      for (const body of ['', '{}', '[{"key":"bad","value":1},]', '[{"key":"bad","value":1,"etag":1}]', '[{"key":"bad","value":1,"metadata":{"a":1}}]', '[{"key":1}]', 'x']) {
        const [status, type, answer] = await ask('POST', at, { body });
        expect([body, status, type, (JSON.parse(String(answer)) as { errorCode: string }).errorCode]).toEqual([body, 400, 'application/json', 'ERR_MALFORMED_REQUEST']);
      }
      expect(await save({ value: 1 })).toEqual(json(400, legacy('ERR_MALFORMED_REQUEST', '"key" is a required field')));
      for (const path of ['bulk', 'transaction']) {
        const [status, , answer] = await ask('POST', `${at}/${path}`, { body: '{"' });
        expect([path, status, JSON.parse(String(answer))]).toEqual([path, 400, { errorCode: 'ERR_MALFORMED_REQUEST', message: expect.stringMatching(/^failed deserializing HTTP body: ./) as string }]);
      }
      expect(await ask('GET', `${at}/bad`)).toEqual(NO_CONTENT);
    });

    it('an unknown operation of a transaction is 400', async () => {
      expect(await ask('POST', `${at}/transaction`, { body: '{"operations":[{"operation":"rename","request":{"key":"k"}}]}' }))
        .toEqual(json(400, legacy('ERR_NOT_SUPPORTED_STATE_OPERATION', 'operation type rename not supported')));
    });

    it('a store that can\'t query says so', async () => {
      expect(await ask('POST', `/v1.0-alpha1/state/${store}/query`, { body: '{}' }))
        .toEqual(json(500, rich('ERR_STATE_STORE_NOT_SUPPORTED', 'state store does not support querying', resourceInfo(store), errorInfo('DAPR_STATE_QUERYING_NOT_SUPPORTED'))));
    });
  });

  it('shows when a key expires', async () => {
    for (const store of ['memory', 'sqlite']) {
      await sidecar.client.post(`/v1.0/state/${store}?metadata.ttlInSeconds=100`, '[{"key":"ttl","value":1,"metadata":{"ttlInSeconds":"5"}}]');
      const before = Date.now();
      const { rawHeaders, body } = await sidecar.client.get(`/v1.0/state/${store}/ttl`);
      const expires = rawHeaders[rawHeaders.indexOf('metadata.ttlExpireTime') + 1] ?? '';
      expect([body, expires]).toEqual(['1', expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string]);
      expect(Date.parse(expires) - before, 'the URL wins over the body').toBeGreaterThan(50_000);
      expect(await ask('POST', `/v1.0/state/${store}/bulk`, { body: '{"keys":["ttl"]}' })).toEqual(json(200, expect.stringContaining(`"metadata":{"ttlExpireTime":"${expires}"}`) as unknown as string));
    }
  });

  it('a TTL that is no number is the component\'s error', async () => {
    expect(await ask('POST', '/v1.0/state/memory?metadata.ttlInSeconds=soon', { body: '[{"key":"k","value":1}]' }))
      .toEqual(json(500, legacy('ERR_STATE_SAVE', 'failed saving state in state store memory: strconv.Atoi: parsing "soon": invalid syntax')));
  });

  it('an etag that no Redis would give is 400', async (context) => {
    context.skip(server === undefined, 'no Redis');
    const [status, , body] = await ask('POST', '/v1.0/state/redis', { body: '[{"key":"k","value":1,"etag":"no number"}]' });
    expect([status, JSON.parse(String(body))]).toEqual([400, { errorCode: 'ERR_STATE_SAVE', message: expect.stringMatching(/^failed saving state in state store redis: invalid etag value: /) as string }]);
  });

  it('writes to Redis what Dapr writes', async (context) => {
    context.skip(server === undefined, 'no Redis');
    await ask('POST', '/v1.0/state/redis', { body: '[{"key":"layout","value":{"b":1,"a":"<"}}]' });
    await ask('POST', '/v1.0/state/redis', { body: '[{"key":"layout","value":{"b":2}}]' });
    expect(await server?.raw.hgetall('me||layout')).toEqual({ data: '{"b":2}', version: '2' });
  });

  it('an unknown store is named before anything else is looked at', async () => {
    const unknown = json(400, rich('ERR_STATE_STORE_NOT_FOUND', 'state store S is not found', errorInfo('DAPR_STATE_NOT_FOUND', { appID: 'me' })));
    for (const [method, path] of [['GET', 'S/a||b'], ['DELETE', 'S/a||b'], ['POST', 'S'], ['POST', 'S/bulk'], ['PUT', 'S/transaction']]) {
      expect(await ask(method as string, `/v1.0/state/${path}`, { body: 'no JSON' })).toEqual(unknown);
    }
    expect(await ask('POST', '/v1.0-alpha1/state/S/query', { body: 'no JSON' })).toEqual(unknown);
  });
});

describe.each(ISOLATIONS)('without any state store in %s isolation', (isolation) => {
  it('every state route says that none is configured', async () => {
    await using sidecar = await startSidecar({ isolation, appId: 'me' });
    for (const [method, path] of [['GET', '/v1.0/state/S/k'], ['DELETE', '/v1.0/state/S/k'], ['POST', '/v1.0/state/S'], ['POST', '/v1.0/state/S/bulk'], ['POST', '/v1.0/state/S/transaction'], ['POST', '/v1.0-alpha1/state/S/query']]) {
      const { status, headers, body } = await sidecar.client.send(method as string, path as string);
      expect([status, headers['content-type'], body])
        .toEqual([500, 'application/json', rich('ERR_STATE_STORE_NOT_CONFIGURED', 'state store S is not configured', errorInfo('DAPR_STATE_NOT_CONFIGURED', { appID: 'me' }))]);
    }
  });
});
