// Locks through the real program: both protocols, both isolations, Redis and memory; streams and applications that hold locks
// while blocks and stores die.
import type { ClientReadableStream } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HoldLockRequest, HoldLockResponse, LockLostEvent } from '../proto/gen/bulkhead/v1/lock.ts';
import { startApp, type App } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { GrpcClient, GrpcFailure } from './harness/grpc.ts';
import type { HttpReply } from './harness/http.ts';
import { LISTENERS, STAGES, startSidecar, type Sidecar } from './harness/sidecar.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';

const MEMORY = { name: 'memory', type: 'lock.in-memory' };
/** Longer than any test. Seconds. */
const LONG = 600;
/** Of locks that the tests wait for to expire, or to be renewed. Seconds. */
const SHORT = 3;
/** Of locks under which a block dies: a busy machine may take a while to start the next life. Seconds. */
const OVER_DEATH = 7;
const NO_DETAILS: readonly object[] = [];

const lockBody = (resourceId: string, lockOwner: string, expiryInSeconds = LONG): string => JSON.stringify({ resourceId, lockOwner, expiryInSeconds });
const tryLock = (sidecar: Sidecar, store: string, body: string, headers = {}): Promise<HttpReply> => sidecar.client.post(`/v1.0-alpha1/lock/${store}`, body, headers);
const unlock = (sidecar: Sidecar, store: string, body: string): Promise<HttpReply> => sidecar.client.post(`/v1.0-alpha1/unlock/${store}`, body);
const renew = (sidecar: Sidecar, store: string, body: string): Promise<HttpReply> => sidecar.client.post(`/v1.0-bulkhead/lock/${store}/renew`, body);
const tokenOf = ({ headers }: HttpReply): bigint => BigInt(headers['bulkhead-fencing-token'] as string);

/** What a client of Hold hears: `acquired`, `notAcquired` or `lost`, and how it ends. */
class HeldStream {
  readonly heard: string[] = [];
  token = 0n;
  ended: GrpcFailure | 'OK' | undefined;
  readonly #call: ClientReadableStream<Buffer>;

  constructor(grpc: GrpcClient, request: Partial<HoldLockRequest>) {
    const message = { storeName: '', resourceId: '', lockOwner: '', expiryInSeconds: 0, releaseOnClose: false, ...request };
    this.#call = grpc.serverStream('/bulkhead.v1.Lock/Hold', HoldLockRequest.encode(message).finish(), { deadlineMs: 120_000 });
    this.#call.on('data', (bytes: Buffer) => {
      const { event } = HoldLockResponse.decode(bytes);
      if (event?.$case === 'acquired') this.token = event.value.fencingToken;
      this.heard.push(event?.$case ?? 'nothing');
    });
    this.#call.on('error', () => undefined); // the status says the same
    this.#call.on('status', (status) => { this.ended = status.code === 0 ? 'OK' : new GrpcFailure(status); });
  }

  hears(what: 'acquired' | 'notAcquired' | 'lost'): Promise<boolean> {
    return eventually(`the stream hears ${what}; it has heard ${this.heard}`, () => this.heard.at(-1) === what);
  }
  ends(): Promise<GrpcFailure | 'OK' | undefined> {
    return eventually('the stream ends', () => this.ended);
  }
  leave(): void {
    this.#call.cancel();
  }
}

describeWithRedis('locks through the sidecar', () => {
  let redis: RedisServer;
  beforeAll(async () => { redis = await startRedis(); });
  afterAll(async () => { await redis?.stop(); });
  const components = () => [{ name: 'redis', type: 'lock.redis', metadata: { redisHost: redis.address, redisMinRetryInterval: '50ms' } }, MEMORY];
  /** When the lock with this resource is free by Redis' own count: to be asked of another one, taken later for as long. */
  const passed = async (seconds: number): Promise<void> => {
    const key = `reference-${Math.random()}`;
    await redis.raw.set(key, 'x', 'EX', seconds);
    await eventually(`${seconds} s have passed for Redis`, async () => (await redis.raw.exists(key)) === 0);
  };

  describe.each(STAGES)('in $isolation isolation on $listener', (stage) => {
    /** Redis is shared. */
    const own = `${stage.isolation}-${stage.listener}`;
    let sidecar: Sidecar;
    let grpc: GrpcClient;
    beforeAll(async () => {
      sidecar = await startSidecar({ ...stage, components: components() });
      grpc = new GrpcClient(sidecar.grpcAddress);
    });
    afterAll(async () => {
      grpc?.close();
      await sidecar?.stop();
    });

    it.each(['redis', 'memory'])('a lock in %s over HTTP, from taking to releasing', async (store) => {
      const resource = `http-${own}`;
      const given = await tryLock(sidecar, store, lockBody(resource, 'a'));
      expect([given.status, given.headers['content-type'], given.body]).toEqual([200, 'application/json', '{"success":true}']);
      const token = tokenOf(given);
      const refused = await tryLock(sidecar, store, lockBody(resource, 'b'));
      expect([refused.status, refused.body, refused.headers['bulkhead-fencing-token']]).toEqual([200, '{"success":false}', undefined]);
      const renewed = await renew(sidecar, store, lockBody(resource, 'a', LONG + 1));
      expect([renewed.status, renewed.body, tokenOf(renewed)]).toEqual([200, `{"status":0,"fencingToken":"${token}"}`, token]);
      expect((await renew(sidecar, store, lockBody(resource, 'b'))).body).toBe('{"status":2}');
      expect((await renew(sidecar, store, lockBody('none', 'b'))).body).toBe('{"status":1}');
      for (const [owner, status] of [['b', 2], ['a', 0], ['a', 1]]) {
        expect(await unlock(sidecar, store, `{"resource_id":"${resource}","lock_owner":"${owner}"}`)).toMatchObject({ status: 200, body: `{"status":${status}}` });
      }
      expect(tokenOf(await tryLock(sidecar, store, lockBody(resource, 'b')))).toBeGreaterThan(token);
    });

    it.each(['redis', 'memory'])('a lock in %s over gRPC, from taking to releasing', async (storeName) => {
      const resourceId = `grpc-${own}`;
      let metadata: Readonly<Record<string, string>> = {};
      const onMetadata = (received: Readonly<Record<string, string>>): void => { metadata = received; };
      expect(await grpc.call('TryLockAlpha1', { storeName, resourceId, lockOwner: 'a', expiryInSeconds: LONG }, { onMetadata })).toEqual({ success: true });
      const fencingToken = BigInt(metadata['bulkhead-fencing-token'] ?? 0);
      expect(fencingToken).toBeGreaterThan(0n);
      expect(await grpc.call('TryLockAlpha1', { storeName, resourceId, lockOwner: 'b', expiryInSeconds: LONG }, { onMetadata })).toEqual({ success: false });
      expect(metadata).not.toHaveProperty('bulkhead-fencing-token');
      expect(await grpc.call('/bulkhead.v1.Lock/Renew', { storeName, resourceId, lockOwner: 'a', expiryInSeconds: LONG }, { onMetadata })).toEqual({ status: 0, fencingToken });
      expect(metadata['bulkhead-fencing-token']).toBe(String(fencingToken));
      expect(await grpc.call('/bulkhead.v1.Lock/Renew', { storeName, resourceId, lockOwner: 'b', expiryInSeconds: LONG })).toEqual({ status: 2, fencingToken: 0n });
      for (const [lockOwner, status] of [['b', 2], ['a', 0], ['a', 1]] as const) expect(await grpc.call('UnlockAlpha1', { storeName, resourceId, lockOwner })).toEqual({ status });
    });

    it('lies in Redis as daprd keeps it, and both exclude each other', async () => {
      await tryLock(sidecar, 'redis', lockBody('shared', 'ours'));
      expect(await redis.raw.get('lock||app||shared')).toBe('ours');
      expect(await redis.raw.set('lock||app||shared', 'theirs', 'EX', LONG, 'NX')).toBeNull();
      await unlock(sidecar, 'redis', lockBody('shared', 'ours'));
      expect(await redis.raw.set('lock||app||shared', 'theirs', 'EX', LONG, 'NX')).toBe('OK');
      expect((await tryLock(sidecar, 'redis', lockBody('shared', 'ours'))).body).toBe('{"success":false}');
      expect((await unlock(sidecar, 'redis', lockBody('shared', 'theirs'))).body).toBe('{"status":0}');
    });

    it.each<[what: string, path: string, body: string, status: number, code: string, grpcCode: string, message: string]>([
      ['expiry', 'lock/none', '{}', 400, 'ERR_MALFORMED_REQUEST', 'InvalidArgument', 'ExpiryInSeconds is not positive in lock store none'],
      ['resource', 'lock/none', '{"expiryInSeconds":"5"}', 400, 'ERR_MALFORMED_REQUEST', 'InvalidArgument', 'ResourceId is empty in lock store none'],
      ['owner', 'unlock/none', '{"resourceId":"a||b"}', 400, 'ERR_MALFORMED_REQUEST', 'InvalidArgument', 'LockOwner is empty in lock store none'],
      ['store', 'unlock/none', '{"resourceId":"a||b","lockOwner":"o"}', 400, 'ERR_LOCK_STORE_NOT_FOUND', 'InvalidArgument', 'lock store none not found'],
      ['key of a lock', 'lock/redis', '{"resourceId":"a||b","lockOwner":"o","expiryInSeconds":5}', 500, 'ERR_TRY_LOCK', 'Internal', `failed to try acquiring lock: input key/keyPrefix 'a||b' can't contain '||'`],
      ['key of an unlock', 'unlock/redis', '{"resourceId":"a||b","lockOwner":"o"}', 500, 'ERR_UNLOCK', 'Internal', `failed to release lock: input key/keyPrefix 'a||b' can't contain '||'`],
    ])('a wrong %s', async (_, path, body, status, errorCode, code, message) => {
      const reply = await sidecar.client.post(`/v1.0-alpha1/${path}`, body);
      expect([reply.status, reply.headers['content-type'], reply.body]).toEqual([status, 'application/json', JSON.stringify({ errorCode, message })]);
      const [method, storeName = ''] = path.split('/');
      const { resourceId = '', lockOwner = '', expiryInSeconds = 0 } = JSON.parse(body) as Partial<HoldLockRequest>;
      const failure = method === 'lock' ? grpc.call('TryLockAlpha1', { storeName, resourceId, lockOwner, expiryInSeconds: Number(expiryInSeconds) }) : grpc.call('UnlockAlpha1', { storeName, resourceId, lockOwner });
      await expect(failure).rejects.toMatchObject({ code, text: message, details: NO_DETAILS });
    });

    it('a body that can\'t be read, and other verbs', async () => {
      const broken = await tryLock(sidecar, 'redis', '{"expiryInSeconds":1.5}');
      expect([broken.status, broken.body]).toEqual([400, JSON.stringify({ errorCode: 'ERR_MALFORMED_REQUEST', message: 'failed deserializing HTTP body: proto: (line 1:20): invalid value for int32 field expiryInSeconds: 1.5' })]);
      expect((await sidecar.client.put('/v1.0-alpha1/lock/redis', lockBody('r', 'o'))).status).toBe(404);
      expect((await sidecar.client.post('/v1.0/lock/redis', lockBody('r', 'o'))).status).toBe(404);
    });

    // Seconds of waiting for what threads and listeners have no part in.
    it.skipIf(stage.isolation === 'thread' || stage.listener !== LISTENERS[0])('a stream holds its lock, and releases it when it is told to', async () => {
      const request = { storeName: 'redis', resourceId: `stream-${own}`, expiryInSeconds: SHORT };
      const first = new HeldStream(grpc, { ...request, lockOwner: 'a', releaseOnClose: true });
      await first.hears('acquired');
      const second = new HeldStream(grpc, { ...request, lockOwner: 'b' });
      await second.hears('notAcquired');
      expect(await second.ends()).toBe('OK');
      await passed(2 * SHORT);
      expect(await redis.raw.get(`lock||app||${request.resourceId}`)).toBe('a');
      expect(first.heard).toEqual(['acquired']);
      first.leave();
      await eventually('the lock is released', async () => (await redis.raw.exists(`lock||app||${request.resourceId}`)) === 0);
      expect(first.token).toBeLessThan(tokenOf(await tryLock(sidecar, 'redis', lockBody(request.resourceId, 'b', 1))));
    });

    it('a stream hears that its lock is lost, and ends', async () => {
      const stream = new HeldStream(grpc, { storeName: 'redis', resourceId: `lost-${own}`, lockOwner: 'a', expiryInSeconds: SHORT });
      await stream.hears('acquired');
      await redis.raw.set(`lock||app||lost-${own}`, 'somebody else');
      await stream.hears('lost');
      expect(await stream.ends()).toBe('OK');
      expect(stream.heard).toEqual(['acquired', 'lost']);
    });

    it('a stream fails as a lock would', async () => {
      const stream = new HeldStream(grpc, { storeName: 'none', resourceId: 'r', lockOwner: 'a', expiryInSeconds: SHORT });
      expect(await stream.ends()).toMatchObject({ code: 'InvalidArgument', text: 'lock store none not found' });
    });
  });

  it('a stream outlives its block, and its client hears nothing of that', async () => {
    await using sidecar = await startSidecar({ components: components() });
    using grpc = new GrpcClient(sidecar.grpcAddress);
    const streams = ['redis', 'memory'].map((storeName) => new HeldStream(grpc, { storeName, resourceId: 'outlives', lockOwner: 'a', expiryInSeconds: OVER_DEATH, releaseOnClose: true }));
    for (const stream of streams) await stream.hears('acquired');
    for (let kill = 1; kill <= 2; kill++) {
      await sidecar.kill('lock');
      await passed(OVER_DEATH + 1); // the lock outlives its expiry
      expect(await sidecar.block('lock')).toMatchObject({ life: kill + 1, state: 'ready' });
      for (const store of ['redis', 'memory']) expect((await tryLock(sidecar, store, lockBody('outlives', 'b'))).body).toBe('{"success":false}');
    }
    for (const stream of streams) {
      expect([stream.heard, stream.ended]).toEqual([['acquired'], undefined]);
      stream.leave();
    }
    for (const [index, store] of ['redis', 'memory'].entries()) {
      const next = await eventually('the lock is released', async () => {
        const reply = await tryLock(sidecar, store, lockBody('outlives', 'b'));
        return reply.body === '{"success":true}' ? reply : undefined;
      });
      expect(next === undefined ? 0n : tokenOf(next)).toBeGreaterThan(streams[index]?.token ?? 0n);
    }
  }, 60_000);

  it('a stream whose store is away for too long hears that its lock may be lost', async () => {
    const own = await startRedis();
    try {
      await using sidecar = await startSidecar({ components: [{ name: 'redis', type: 'lock.redis', metadata: { redisHost: own.address, redisMinRetryInterval: '50ms', readTimeout: '500ms' } }] });
      using grpc = new GrpcClient(sidecar.grpcAddress);
      const stream = new HeldStream(grpc, { storeName: 'redis', resourceId: 'r', lockOwner: 'a', expiryInSeconds: SHORT });
      await stream.hears('acquired');
      await own.kill();
      await stream.hears('lost');
      expect(await stream.ends()).toBe('OK');
    } finally {
      await own.stop();
    }
  });

  it.each(LISTENERS)('a stream ends with the sidecar, which says so and releases what is to be released, on %s', async (listener) => {
    const sidecar = await startSidecar({ listener, components: components() });
    using grpc = new GrpcClient(sidecar.grpcAddress);
    const streams = [true, false].map((releaseOnClose) => new HeldStream(grpc, { storeName: 'redis', resourceId: `ends-${listener}-${releaseOnClose}`, lockOwner: 'a', expiryInSeconds: LONG, releaseOnClose }));
    for (const stream of streams) await stream.hears('acquired');
    expect(await sidecar.stop()).toEqual({ code: 0, signal: null });
    for (const stream of streams) expect(await stream.ends()).toMatchObject({ code: 'Unavailable', text: 'the lock block is not available: the sidecar is shutting down' });
    expect(await redis.raw.exists(`lock||app||ends-${listener}-true`)).toBe(0);
    expect(await redis.raw.get(`lock||app||ends-${listener}-false`)).toBe('a');
  });

  it('locks in memory outlive their block, with their owners and tokens', async () => {
    await using sidecar = await startSidecar({ components: [MEMORY] });
    const long = tokenOf(await tryLock(sidecar, 'memory', lockBody('long', 'a')));
    const brief = tokenOf(await tryLock(sidecar, 'memory', lockBody('brief', 'a', SHORT)));
    for (let kill = 1; kill <= 3; kill++) {
      await sidecar.kill('lock');
      await eventually('the next life answers', async () => (await sidecar.block('lock')).life === kill + 1 && (await renew(sidecar, 'memory', lockBody('long', 'b'))).status === 200);
      expect((await tryLock(sidecar, 'memory', lockBody('long', 'b'))).body).toBe('{"success":false}');
      expect((await renew(sidecar, 'memory', lockBody('long', 'a'))).body).toBe(`{"status":0,"fencingToken":"${long}"}`);
    }
    const next = await eventually('the other one expires', async () => {
      const reply = await tryLock(sidecar, 'memory', lockBody('brief', 'b'));
      return reply.body === '{"success":true}' ? reply : undefined;
    });
    expect(next === undefined ? 0n : tokenOf(next)).toBeGreaterThan(brief);
  }, 30_000);

  describe.each(['http', 'grpc'] as const)('for an application that speaks %s', (protocol) => {
    let app: App;
    let sidecar: Sidecar;
    beforeAll(async () => {
      app = await startApp({ protocol });
      sidecar = await startSidecar({
        components: components(), appId: `app-${protocol}`,
        flags: [`--app-port=${app.port}`, `--app-protocol=${protocol}`, '--enable-app-health-check', '--app-health-probe-interval=1', '--app-health-probe-timeout=900', '--app-health-threshold=1'],
      });
    });
    afterAll(async () => {
      await sidecar?.stop();
      await app?.stop();
    });
    const take = (resource: string, expirySeconds = SHORT): Promise<HttpReply> => tryLock(sidecar, 'redis', lockBody(resource, 'me', expirySeconds), { 'Bulkhead-Renew': 'app' });
    const ownerOf = (resource: string): Promise<string | null> => redis.raw.get(`lock||app-${protocol}||${resource}`);
    const losses = () => app.deliveries.map(({ path, body }) => [path, protocol === 'grpc' ? LockLostEvent.decode(body) : JSON.parse(body.toString())] as const);

    it('a lock is renewed while it is healthy, over the death of the block, until it is unlocked', async () => {
      expect((await take('kept', OVER_DEATH)).body).toBe('{"success":true}');
      await sidecar.kill('lock');
      await passed(OVER_DEATH + 1);
      expect(await ownerOf('kept')).toBe('me');
      expect((await unlock(sidecar, 'redis', lockBody('kept', 'me'))).body).toBe('{"status":0}');
      expect(await ownerOf('kept')).toBeNull();
      expect(app.deliveries).toEqual([]);
    }, 40_000);

    it('a lock is not renewed while it is sick, and it hears of the loss once it is well', async () => {
      const token = tokenOf(await take('sick', 4));
      app.healthy = false;
      await eventually('the lock expires', async () => (await ownerOf('sick')) === null);
      await sidecar.kill('lock'); // the next life tells it
      await eventually('the block lives again', async () => (await sidecar.block('lock')).state === 'ready');
      expect(app.deliveries).toEqual([]);
      app.healthy = true;
      await app.received(1, 30_000);
      const reason = expect.stringContaining('the lock was not renewed before it expired');
      const names = { storeName: 'redis', resourceId: 'sick', lockOwner: 'me', reason };
      expect(losses()).toEqual(protocol === 'grpc'
        ? [['/bulkhead.v1.LockCallback/OnLockLost', { ...names, fencingToken: token }]]
        : [['/bulkhead/lock-lost', { ...names, fencingToken: String(token) }]]);
      app.forget();
    }, 40_000);

    it('hears of a lock that was taken from it', async () => {
      await take('stolen');
      await redis.raw.set(`lock||app-${protocol}||stolen`, 'a thief');
      await app.received(1);
      expect(losses()).toMatchObject([[expect.anything(), { resourceId: 'stolen', reason: 'the lock belongs to another owner now' }]]);
      app.forget();
    });

    it('a value that means nothing is refused', async () => {
      const reply = await tryLock(sidecar, 'redis', lockBody('r', 'me'), { 'Bulkhead-Renew': 'always' });
      expect([reply.status, reply.body]).toEqual([400, JSON.stringify({ errorCode: 'ERR_MALFORMED_REQUEST', message: 'invalid bulkhead-renew "always": it must be "app": renewed while the application is healthy' })]);
      expect(await ownerOf('r')).toBeNull();
    });
  });

  it('an application whose health nobody looks at can\'t have its locks renewed', async () => {
    await using app = await startApp();
    await using sidecar = await startSidecar({ components: [MEMORY], flags: [`--app-port=${app.port}`] });
    const reply = await tryLock(sidecar, 'memory', lockBody('r', 'me'), { 'bulkhead-renew': 'app' });
    expect([reply.status, reply.body]).toEqual([400, expect.stringContaining('start the sidecar with --enable-app-health-check')]);
  });

  it('a component that can\'t start says why, and the metadata lists the others', async () => {
    await using sidecar = await startSidecar({ components: [...components(), { name: 'broken', type: 'lock.redis', metadata: { redisHost: redis.address, keyPrefix: 'a||b' } }], until: 'listening' });
    const reply = await eventually('the component has been tried', async () => {
      const answer = await tryLock(sidecar, 'broken', lockBody('r', 'o'));
      return answer.status === 503 && answer.body.includes('INIT_COMPONENT_FAILURE') ? answer : undefined;
    });
    expect(reply?.body).toContain(`input key/keyPrefix 'a||b' can't contain '||'`);
    await eventually('the others are listed', async () => {
      const { components: listed } = await sidecar.metadata() as { readonly components: readonly { readonly name: string; readonly type: string }[] };
      return ['redis', 'memory'].every((name) => listed.some((component) => component.name === name && component.type.startsWith('lock.')));
    });
  });
});
