// The API over gRPC, to the letter: state, statuses with their details, limits (contract: gRPC API, state statuses).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { StateOptions_StateConcurrency as Concurrency, StateOptions_StateConsistency as Consistency } from '../proto/gen/dapr/proto/common/v1/common.ts';
import { ROUTES } from '../proto/routes.ts';
import { GrpcClient, GrpcFailure } from './harness/grpc.ts';
import { STAGES, startSidecar, thrifty, type ComponentManifest, type Sidecar } from './harness/sidecar.ts';
import { deleteState, getBulkState, getState, saveState, stateItem, transaction } from './harness/states.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const EMPTY = Buffer.alloc(0);
const errorInfo = (reason: string): object => ({ type: 'ErrorInfo', reason, domain: 'dapr.io', metadata: {} });
const resourceInfo = (resourceName: string): object => ({ type: 'ResourceInfo', resourceType: 'state', resourceName, owner: '', description: '' });

const redis = inject('redis');
const STORES = ['memory', 'sqlite', ...(redis.available ? ['redis'] : [])];
if (!redis.available) process.stderr.write(`SKIPPED: the gRPC API on Redis: ${redis.reason}\n`);

describe.each(STAGES)('the API over gRPC in $isolation isolation on $listener', (stage) => {
  const stores = thrifty(stage, STORES);
  let server: RedisServer | undefined;
  let folder: string;
  let sidecar: Sidecar;
  let grpc: GrpcClient;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bulkhead-api-'));
    server = stores.includes('redis') ? await startRedis() : undefined;
    const components: ComponentManifest[] = [{ name: 'memory', type: 'state.in-memory' }, { name: 'sqlite', type: 'state.sqlite', metadata: { connectionString: join(folder, 'state.db') } }];
    if (server !== undefined) components.push({ name: 'redis', type: 'state.redis', metadata: { redisHost: server.address } });
    sidecar = await startSidecar({ ...stage, appId: 'me', components });
    grpc = new GrpcClient(sidecar.grpcAddress);
  });
  afterAll(async () => {
    grpc?.close();
    await sidecar?.stop();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What a call fails with: code, text and details. */
  const failure = async (call: Promise<unknown>): Promise<unknown[]> => {
    try {
      return ['OK', await call];
    } catch (cause) {
      if (!(cause instanceof GrpcFailure)) throw cause;
      return [cause.code, cause.text, ...cause.details];
    }
  };

  describe.each(stores)('on %s', (store) => {
    const save = (...items: Parameters<typeof stateItem>[]): Promise<unknown> => grpc.call('SaveState', saveState(store, ...items.map((item) => stateItem(...item))));
    const valueOf = async (key: string): Promise<string> => Buffer.from((await grpc.call('GetState', getState(store, key))).data).toString();
    const etagOf = async (key: string): Promise<string> => (await grpc.call('GetState', getState(store, key))).etag;
    const wrongEtag = store === 'redis' ? '999' : '6f3f0c2e-7a1f-4d58-9df2-0d5a3f5f2b11';

    it('keeps bytes as they are', async () => {
      const bytes = Buffer.from(Array.from({ length: 512 }, (_, index) => index & 0xff));
      await save(['bytes', bytes], ['text', 'no JSON']);
      const { data, etag, metadata } = await grpc.call('GetState', getState(store, 'bytes'));
      expect(Buffer.from(data).equals(bytes)).toBe(true);
      expect(etag).toMatch(store === 'redis' ? /^[1-9]\d*$/ : UUID);
      expect(metadata.size).toBe(0);
      expect(await sidecar.client.get(`/v1.0/state/${store}/text`)).toMatchObject({ status: 200, body: 'no JSON' });
    });

    it('an absent key is OK and empty', async () => {
      expect(await grpc.call('GetState', getState(store, 'absent'))).toEqual({ data: new Uint8Array(0), etag: '', metadata: new Map() });
      expect(await grpc.call('DeleteState', deleteState(store, 'absent'))).toEqual({});
      expect(await grpc.call('SaveState', saveState(store))).toEqual({});
    });

    it('what a client calls JSON is kept as Go writes it', async () => {
      await save(['json', '{"b": 1.0, "a": "<"}', { metadata: { contentType: 'application/json' } }]);
      expect(await valueOf('json')).toBe('{"a":"\\u003c","b":1}');
      expect(await failure(save(['json', '{', { metadata: { contentType: 'application/json' } }]))).toEqual(['Unknown', expect.stringMatching(/./)]);
    });

    it('bulk get keeps the order; without keys there is nothing', async () => {
      await save(['one', '1'], ['two', '2']);
      const { items } = await grpc.call('GetBulkState', getBulkState(store, 'two', 'absent', 'one'));
      expect(items.map(({ key, data, error }) => [key, Buffer.from(data).toString(), error])).toEqual([['two', '2', ''], ['absent', '', ''], ['one', '1', '']]);
      expect(items[1]?.etag).toBe('');
      expect(items[2]?.etag).toBe(await etagOf('one'));
      expect(await grpc.call('GetBulkState', getBulkState(store))).toEqual({ items: [] });
    });

    it('deletes one, and several at once', async () => {
      await save(['d1', '1'], ['d2', '2'], ['d3', '3']);
      await grpc.call('DeleteState', deleteState(store, 'd1'));
      await grpc.call('DeleteBulkState', { storeName: store, states: [stateItem('d2'), stateItem('d3')] });
      expect(await Promise.all(['d1', 'd2', 'd3'].map(valueOf))).toEqual(['', '', '']);
    });

    it('a transaction does all its operations', async () => {
      await save(['t1', 'old'], ['t2', 'old']);
      await grpc.call('ExecuteStateTransaction', transaction(store, ['upsert', stateItem('t1', 'new')], ['delete', stateItem('t2')], ['upsert', stateItem('t3', '3')]));
      expect(await Promise.all(['t1', 't2', 't3'].map(valueOf))).toEqual(['new', '', '3']);
    });

    it('a wrong etag is ABORTED on save, delete and bulk delete, and INTERNAL in a transaction', async () => {
      await save(['etag', 'kept']);
      const mismatch = (text: string): unknown => expect.stringMatching(new RegExp(`^${text}: possible etag mismatch\\. error from state store: `));
      expect(await failure(save(['etag', 'x', { etag: wrongEtag }]))).toEqual(['Aborted', mismatch(`failed saving state in state store ${store}`), errorInfo('ERR_STATE_SAVE')]);
      expect(await failure(grpc.call('DeleteState', deleteState(store, 'etag', { etag: wrongEtag })))).toEqual(['Aborted', mismatch('failed deleting state with key etag'), errorInfo('ERR_STATE_DELETE')]);
      expect(await failure(grpc.call('DeleteBulkState', { storeName: store, states: [stateItem('etag', '', { etag: wrongEtag })] })))
        .toEqual(['Aborted', mismatch(`failed deleting state in state store ${store}`), errorInfo('ERR_STATE_BULK_DELETE')]);
      expect(await failure(grpc.call('ExecuteStateTransaction', transaction(store, ['upsert', stateItem('etag', 'x', { etag: wrongEtag })]))))
        .toEqual(['Internal', expect.stringMatching(/^error while executing state transaction: /), errorInfo('ERR_STATE_TRANSACTION')]);
      expect(await valueOf('etag')).toBe('kept');
      await grpc.call('DeleteState', deleteState(store, 'etag', { etag: await etagOf('etag') }));
      expect(await valueOf('etag')).toBe('');
    });

    it('first-write without an etag takes an absent key only', async () => {
      await grpc.call('DeleteState', deleteState(store, 'first'));
      const options = { concurrency: Concurrency.CONCURRENCY_FIRST_WRITE, consistency: Consistency.CONSISTENCY_STRONG };
      await save(['first', '1', { options }]);
      expect(await failure(save(['first', '2', { options }]))).toEqual(['Aborted', expect.any(String), errorInfo('ERR_STATE_SAVE')]);
      expect(await valueOf('first')).toBe('1');
    });

    it('an item without a key, an illegal key and an unknown operation are refused', async () => {
      const text = "input key/keyPrefix 'a||b' can't contain '||'";
      const illegal = ['InvalidArgument', text, { type: 'BadRequest', fieldViolations: [{ field: 'a||b', description: text, reason: '' }] }, resourceInfo(store), errorInfo('DAPR_STATE_ILLEGAL_KEY')];
      expect(await failure(save(['', '1']))).toEqual(['InvalidArgument', 'state key cannot be empty', errorInfo('ERR_STATE_SAVE')]);
      expect(await failure(save(['a||b', '1']))).toEqual(illegal);
      expect(await failure(grpc.call('GetState', getState(store, 'a||b')))).toEqual(illegal);
      expect(await failure(grpc.call('DeleteState', deleteState(store, 'a||b')))).toEqual(illegal);
      expect(await failure(grpc.call('ExecuteStateTransaction', transaction(store, ['rename', stateItem('k')]))))
        .toEqual(['Unimplemented', 'operation type rename not supported', errorInfo('ERR_NOT_SUPPORTED_STATE_OPERATION')]);
    });

    it('a store that can\'t query says so', async () => {
      expect(await failure(grpc.call('QueryStateAlpha1', { storeName: store, query: '{}', metadata: new Map() })))
        .toEqual(['Internal', 'state store does not support querying', resourceInfo(store), errorInfo('DAPR_STATE_QUERYING_NOT_SUPPORTED')]);
    });
  });

  it('an unknown store is INVALID_ARGUMENT with details, on every method', async () => {
    const unknown = ['InvalidArgument', 'state store S is not found', errorInfo('DAPR_STATE_NOT_FOUND')];
    expect(await failure(grpc.call('GetState', getState('S', 'a||b')))).toEqual(unknown);
    expect(await failure(grpc.call('GetBulkState', getBulkState('S', 'k')))).toEqual(unknown);
    expect(await failure(grpc.call('SaveState', saveState('S', stateItem(''))))).toEqual(unknown);
    expect(await failure(grpc.call('DeleteState', deleteState('S', 'k')))).toEqual(unknown);
    expect(await failure(grpc.call('DeleteBulkState', { storeName: 'S', states: [] }))).toEqual(unknown);
    expect(await failure(grpc.call('ExecuteStateTransaction', transaction('S')))).toEqual(unknown);
    expect(await failure(grpc.call('QueryStateAlpha1', { storeName: 'S', query: '', metadata: new Map() }))).toEqual(unknown);
  });

  it('a TTL shows when the key expires', async () => {
    await grpc.call('SaveState', saveState('memory', stateItem('ttl', '1', { metadata: { ttlInSeconds: '100' } })));
    const { metadata } = await grpc.call('GetState', getState('memory', 'ttl'));
    expect([...metadata]).toEqual([['ttlExpireTime', expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)]]);
  });

  it('an etag that no Redis would give is INVALID_ARGUMENT', async (context) => {
    context.skip(server === undefined, 'no Redis');
    expect(await failure(grpc.call('SaveState', saveState('redis', stateItem('k', '1', { etag: 'no number' })))))
      .toEqual(['InvalidArgument', expect.stringMatching(/^failed saving state in state store redis: invalid etag value: /), errorInfo('ERR_STATE_SAVE')]);
  });

  it('bytes that are no message fail the call and nothing else', async () => {
    for (const name of ['GetState', 'SaveState', 'GetBulkState', 'ExecuteStateTransaction']) {
      expect(await failure(grpc.bytes(`/dapr.proto.runtime.v1.Dapr/${name}`, Buffer.from([0x0a, 0xff, 0x01])))).toEqual(['Internal', expect.stringMatching(/^grpc: error unmarshalling request: ./)]);
    }
    expect(await grpc.call('GetState', getState('memory', 'absent'))).toMatchObject({ etag: '' });
  });

  it('a message of more than 4Mi is RESOURCE_EXHAUSTED, one of nearly 4Mi is served', async () => {
    const value = 'x'.repeat(4 * 1024 * 1024 - 64);
    await grpc.call('SaveState', saveState('memory', stateItem('large', value)));
    expect((await grpc.call('GetState', getState('memory', 'large'))).data.length).toBe(value.length);
    expect(await failure(grpc.call('SaveState', saveState('memory', stateItem('large', `${value}${'x'.repeat(100)}`))))).toEqual(['ResourceExhausted', expect.stringContaining('larger than max')]);
  });

  it('metadata of many times 4Ki is served: gRPC counts the header limit in units of 1024', async () => {
    expect(await grpc.call('GetState', getState('memory', 'absent'), { metadata: { 'x-filler': 'f'.repeat(48 * 1024) } })).toMatchObject({ etag: '' });
  });

  it('a deadline that has passed is DEADLINE_EXCEEDED', async () => {
    expect((await failure(grpc.call('GetState', getState('memory', 'k'), { deadlineMs: 0 })))[0]).toBe('DeadlineExceeded');
  });

  describe('a method that nobody serves', () => {
    const unserved = ROUTES.filter(({ owner, rpc }) => owner === 'none' && rpc !== undefined);

    it('there are such methods, and every one is UNIMPLEMENTED by a text that names it', async () => {
      expect(unserved.length).toBeGreaterThan(40);
      const answers = await Promise.all(unserved.map(async ({ rpc = '', name, kind }) => {
        const answer = kind === 'unary' ? await failure(grpc.bytes(rpc, EMPTY)) : await grpc.stream(rpc, EMPTY).then((end) => (end === 'OK' ? ['OK', ''] : [end.code, end.text]));
        return { name, code: answer[0], named: String(answer[1]).includes(name) };
      }));
      expect(answers).toEqual(unserved.map(({ name }) => ({ name, code: 'Unimplemented', named: true })));
    });

    it('over HTTP it is 501 with a text that names it', async () => {
      const patterns = unserved.flatMap(({ name, http }) => http.map((pattern) => ({ name, verb: pattern.slice(0, pattern.search(/[, ]/)), path: pattern.slice(pattern.indexOf(' ') + 1).replaceAll(/[:*]\w+\??/g, 'x') })));
      expect(patterns.length).toBeGreaterThan(40);
      for (const { name, verb, path } of patterns) {
        const { status, headers, body } = await sidecar.client.send(verb, path);
        const { errorCode, message } = JSON.parse(body) as { errorCode: string; message: string };
        expect([verb, path, status, headers['content-type'], errorCode, message]).toEqual([verb, path, 501, 'application/json', 'ERR_API_UNIMPLEMENTED', expect.stringContaining(name)]);
      }
    });

    it('of a service that is not Dapr\'s is UNIMPLEMENTED too', async () => {
      expect((await failure(grpc.bytes('/some.other.Service/Method', EMPTY)))[0]).toBe('Unimplemented');
      expect((await failure(grpc.bytes('/dapr.proto.runtime.v1.Dapr/Nothing', EMPTY)))[0]).toBe('Unimplemented');
    });
  });
});

describe.each(STAGES)('without any state store in $isolation isolation on $listener', (stage) => {
  it('every state method is FAILED_PRECONDITION', async () => {
    await using sidecar = await startSidecar(stage);
    using grpc = new GrpcClient(sidecar.grpcAddress);
    const missing = { code: 'FailedPrecondition', text: 'state store S is not configured', details: [errorInfo('DAPR_STATE_NOT_CONFIGURED')] };
    await expect(grpc.call('GetState', getState('S', 'k'))).rejects.toMatchObject(missing);
    await expect(grpc.call('GetBulkState', getBulkState('S'))).rejects.toMatchObject(missing);
    await expect(grpc.call('SaveState', saveState('S'))).rejects.toMatchObject(missing);
    await expect(grpc.call('DeleteState', deleteState('S', 'k'))).rejects.toMatchObject(missing);
    await expect(grpc.call('DeleteBulkState', { storeName: 'S', states: [] })).rejects.toMatchObject(missing);
    await expect(grpc.call('ExecuteStateTransaction', transaction('S'))).rejects.toMatchObject(missing);
    await expect(grpc.call('QueryStateAlpha1', { storeName: 'S', query: '', metadata: new Map() })).rejects.toMatchObject(missing);
  });
});
