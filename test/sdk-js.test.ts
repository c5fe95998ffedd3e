// The official SDK for JavaScript, unmodified, against this sidecar: both protocols, both isolations, memory and Redis.
import { CommunicationProtocolEnum, DaprClient, StateConcurrencyEnum, StateConsistencyEnum, type LoggerService } from '@dapr/dapr';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ISOLATIONS, STAGES, startSidecar, thrifty, type ComponentManifest, type Sidecar } from './harness/sidecar.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';

const redis = inject('redis');
const STORES = ['memory', ...(redis.available ? ['redis'] : [])];
if (!redis.available) process.stderr.write(`SKIPPED: the JavaScript SDK on Redis: ${redis.reason}\n`);

const silent = (): void => {};
const SILENT: LoggerService = { error: silent, warn: silent, info: silent, verbose: silent, debug: silent };
const PROTOCOLS = { HTTP: CommunicationProtocolEnum.HTTP, gRPC: CommunicationProtocolEnum.GRPC } as const;

describe.each([
  ...ISOLATIONS.map((isolation) => ({ stage: { isolation }, protocol: 'HTTP', on: isolation, stores: STORES }) as const),
  ...STAGES.map((stage) => ({ stage, protocol: 'gRPC', on: `${stage.isolation} isolation on ${stage.listener}`, stores: thrifty(stage, STORES) }) as const),
])('the JavaScript SDK over $protocol in $on', ({ stage, protocol, stores }) => {
  let server: RedisServer | undefined;
  let sidecar: Sidecar;
  let client: DaprClient;
  beforeAll(async () => {
    server = stores.includes('redis') ? await startRedis() : undefined;
    const components: ComponentManifest[] = [{ name: 'memory', type: 'state.in-memory' }];
    if (server !== undefined) components.push({ name: 'redis', type: 'state.redis', metadata: { redisHost: server.address } });
    sidecar = await startSidecar({ ...stage, appId: 'sdk', components, env: { DAPR_API_TOKEN: 'token' } });
    client = new DaprClient({
      daprHost: '127.0.0.1', daprPort: String(protocol === 'HTTP' ? sidecar.httpPort : sidecar.grpcPort), communicationProtocol: PROTOCOLS[protocol], daprApiToken: 'token', logger: { service: SILENT },
    });
    await client.start();
  });
  afterAll(async () => {
    await client?.stop();
    await sidecar?.stop();
    await server?.stop();
  });

  /** What a call that changes state came to: over HTTP the SDK returns the error, over gRPC it throws it. */
  const errorOf = async (change: Promise<{ error?: Error } | void>): Promise<string | undefined> => {
    try {
      return (await change)?.error?.message;
    } catch (cause) {
      return (cause as Error).message;
    }
  };

  it('says that the sidecar is healthy', async () => {
    expect(await client.health.isHealthy()).toBe(true);
  });

  it('reads and sets metadata', async () => {
    expect(await client.metadata.set('sdk-key', 'sdk value')).toBe(true);
    const metadata = await client.metadata.get();
    expect(metadata).toMatchObject({ id: 'sdk', extended: { 'sdk-key': 'sdk value' } });
    expect(metadata.components.map(({ name }) => name)).toEqual(stores);
  });

  describe.each(stores)('on %s', (store) => {
    it('saves, gets and deletes values of every kind', async () => {
      const values: Record<string, unknown> = { object: { a: [1, { b: null }] }, array: [1, 'two'], number: 42, string: 'text', unicode: 'ключ 🗝', boolean: false };
      expect(await errorOf(client.state.save(store, Object.entries(values).map(([key, value]) => ({ key, value }))))).toBeUndefined();
      for (const [key, value] of Object.entries(values)) expect([key, await client.state.get(store, key)]).toEqual([key, value]);
      expect(await errorOf(client.state.delete(store, 'object'))).toBeUndefined();
      expect(await client.state.get(store, 'object')).toBe('');
      expect(await client.state.get(store, 'never written')).toBe('');
    });

    it('gets in bulk, in order, with etags', async () => {
      await client.state.save(store, [{ key: 'b1', value: { n: 1 } }, { key: 'b2', value: { n: 2 } }]);
      const found = await client.state.getBulk(store, ['b2', 'missing', 'b1'], { parallelism: 2 });
      expect(found.map(({ key, data }) => [key, data || undefined])).toEqual([['b2', { n: 2 }], ['missing', undefined], ['b1', { n: 1 }]]);
      expect([found[0]?.etag, found[2]?.etag]).toEqual([expect.stringMatching(/./), expect.stringMatching(/./)]);
    });

    it('takes the right etag and refuses an old one', async () => {
      const etagOf = async (key: string): Promise<string> => (await client.state.getBulk(store, [key]))[0]?.etag as string;
      await client.state.save(store, [{ key: 'e', value: 1 }]);
      const first = await etagOf('e');
      const options = { concurrency: StateConcurrencyEnum.CONCURRENCY_FIRST_WRITE, consistency: StateConsistencyEnum.CONSISTENCY_STRONG };
      expect(await errorOf(client.state.save(store, [{ key: 'e', value: 2, etag: first, options }]))).toBeUndefined();
      expect(await errorOf(client.state.save(store, [{ key: 'e', value: 3, etag: first, options }]))).toMatch(/possible etag mismatch/);
      expect(await errorOf(client.state.delete(store, 'e', { etag: first, concurrency: StateConcurrencyEnum.CONCURRENCY_FIRST_WRITE }))).toMatch(/possible etag mismatch/);
      expect(await client.state.get(store, 'e', { consistency: StateConsistencyEnum.CONSISTENCY_STRONG })).toBe(2);
      expect(await errorOf(client.state.delete(store, 'e', { etag: await etagOf('e') }))).toBeUndefined();
      expect(await client.state.get(store, 'e')).toBe('');
    });

    it('passes on a time to live', async () => {
      await client.state.save(store, [{ key: 'ttl-item', value: 1, metadata: { ttlInSeconds: '600' } }, { key: 'forever', value: 1 }]);
      await client.state.save(store, [{ key: 'ttl-call', value: 1 }], { metadata: { ttlInSeconds: '600' } });
      const expiring = async (key: string): Promise<boolean> => (server !== undefined && store === 'redis'
        ? (await server.raw.ttl(`sdk||${key}`)) > 500
        : (await sidecar.client.get(`/v1.0/state/${store}/${key}`, { 'dapr-api-token': 'token' })).rawHeaders.includes('metadata.ttlExpireTime'));
      expect(await Promise.all(['ttl-item', 'ttl-call', 'forever'].map(expiring))).toEqual([true, true, false]);
      expect(await errorOf(client.state.save(store, [{ key: 'bad', value: 1, metadata: { ttlInSeconds: 'soon' } }]))).toMatch(/parsing \W*soon/);
    });

    it('runs a transaction, whole or not at all', async () => {
      await client.state.save(store, [{ key: 't1', value: 'old' }, { key: 't2', value: 'old' }]);
      await client.state.transaction(store, [{ operation: 'upsert', request: { key: 't1', value: 'new' } }, { operation: 'delete', request: { key: 't2' } }], { partitionKey: 'p' });
      expect([await client.state.get(store, 't1'), await client.state.get(store, 't2')]).toEqual(['new', '']);
      await expect(client.state.transaction(store, [{ operation: 'rename', request: { key: 't1' } }])).rejects.toThrow(/operation type rename not supported/);
    });

    it('is told that the store can\'t query', async () => {
      await expect(client.state.query(store, { filter: {}, sort: [], page: { limit: 1 } })).rejects.toThrow(/state store does not support querying/);
    });
  });

  it('is told about an unknown store', async () => {
    expect(await errorOf(client.state.save('nowhere', [{ key: 'k', value: 1 }]))).toMatch(/state store nowhere is not found/);
    await expect(client.state.get('nowhere', 'k')).rejects.toThrow(/state store nowhere is not found/);
  });

  it('is told that nobody serves an API that there is no block for', async () => {
    await expect(client.secret.get('secretstore', 'key')).rejects.toThrow(/this API is currently not implemented/);
  });

  it('shuts the sidecar down', async () => {
    await client.sidecar.shutdown();
    expect(await sidecar.end()).toEqual({ code: 0, signal: null });
    expect(await client.health.isHealthy().catch(() => false)).toBe(false);
  });
});
