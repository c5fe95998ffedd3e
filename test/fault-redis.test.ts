// A Redis that is not there yet, dies under load, or falls silent: what callers see, what is lost, that it heals by itself.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually, within } from './harness/awaiting.ts';
import { GrpcClient } from './harness/grpc.ts';
import { head, RawConnection } from './harness/http.ts';
import { Bystanders, Load } from './harness/load.ts';
import { startSidecar, type ComponentManifest, type SidecarOptions } from './harness/sidecar.ts';
import { getState, saveState, stateItem } from './harness/states.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

describeWithRedis('Redis', () => {
  /** Longest silence a call takes from it. */
  const READ_TIMEOUT_MS = 1_000;
  /** Within this every call has ended: what it waits for a connection, for an answer, and for a busy machine. */
  const BOUND_MS = 8 * READ_TIMEOUT_MS;
  let server: RedisServer;
  beforeEach(async () => {
    server = await startRedis({ durable: true });
  });
  afterEach(() => server?.stop());

  const options = (more: SidecarOptions = {}, readTimeoutMs = READ_TIMEOUT_MS): SidecarOptions => ({
    ...more,
    components: [
      { name: 'redis', type: 'state.redis', metadata: { redisHost: server.address, readTimeout: `${readTimeoutMs}`, redisMinRetryInterval: '100', redisMaxRetryInterval: '500' } },
      { name: 'memory', type: 'state.in-memory' },
    ] satisfies ComponentManifest[],
  });

  it('that is not there at the start is waited for, while everything else serves', async () => {
    await server.kill();
    await using sidecar = await startSidecar(options({ until: 'listening' }));
    using grpc = new GrpcClient(sidecar.grpcAddress);
    await sidecar.logs.waitFor(/dapr initialized/, 30_000);
    const { status, body } = await sidecar.client.get('/v1.0/healthz');
    const { errorCode, message } = JSON.parse(body) as { errorCode: string; message: string };
    expect([status, errorCode]).toEqual([500, 'ERR_HEALTH_NOT_READY']);
    expect(message).toContain('component redis (state.redis/v1): [INIT_COMPONENT_FAILURE]');
    expect(message, 'says where and why').toMatch(new RegExp(`${server.address}.*(?:refused|ECONNREFUSED)`));
    expect(await sidecar.client.post('/v1.0/state/memory', '[{"key":"k","value":1}]')).toMatchObject({ status: 204 });
    expect(await sidecar.client.get('/v1.0/state/memory/k')).toMatchObject({ status: 200, body: '1' });
    const refused = await sidecar.client.get('/v1.0/state/redis/k');
    expect([refused.status, JSON.parse(refused.body)]).toEqual([503, expect.objectContaining({ errorCode: 'ERR_COMPONENT_NOT_READY', message: expect.stringContaining(server.address) as string })]);
    await expect(grpc.call('GetState', getState('redis', 'k'))).rejects.toMatchObject({ code: 'Unavailable', details: [expect.objectContaining({ reason: 'ERR_COMPONENT_NOT_READY', metadata: { component: 'redis' } })] });

    await server.restart();
    await eventually('health says ready', async () => (await sidecar.client.get('/v1.0/healthz')).status === 204, 20_000);
    expect(await sidecar.client.post('/v1.0/state/redis', '[{"key":"k","value":2}]')).toMatchObject({ status: 204 });
    expect(await sidecar.client.get('/v1.0/state/redis/k')).toMatchObject({ status: 200, body: '2' });
    expect(((await sidecar.metadata())['components'] as { name: string }[]).map(({ name }) => name)).toEqual(['redis', 'memory']);
    expect((await sidecar.block('state')).restarts, 'without a new block').toBe(0);
  }, 60_000);

  it('that dies under load fails calls clearly and soon, and is used again once it is back', async () => {
    await using sidecar = await startSidecar(options());
    const bystanders = new Bystanders(sidecar);
    const load = new Load(sidecar, { store: 'redis', clients: 32 });
    try {
      await load.acknowledges(1_000);
      await server.kill();
      await within(BOUND_MS, 'calls have failed', eventually('calls have failed', () => load.failures.length > 32));
      expect(await sidecar.client.get('/v1.0/state/memory/k')).toMatchObject({ status: 204 });
      await server.restart();
      await within(30_000, 'writes are acknowledged again', load.acknowledges(1_000));
    } finally {
      await load.stop();
      await bystanders.stop();
    }
    print(`  ${load.acknowledged.length} writes acknowledged, ${load.unknown.length} failed, ${load.of('read').length} reads failed, slowest call ${Math.round(load.slowestMs)} ms`);
    expect(load.slowestMs, 'no call hangs').toBeLessThan(BOUND_MS);
    expect(load.wrong).toEqual([]);
    expect(await load.missing(), 'an acknowledged write was in Redis\' file before the acknowledgement').toEqual([]);
    expect(load.failures.filter(({ protocol, code }) => code !== (protocol === 'HTTP' ? '500' : 'Internal'))).toEqual([]);
    for (const { kind, text } of load.failures) {
      expect(text).toContain(kind === 'read' ? 'ERR_STATE_GET' : 'ERR_STATE_SAVE');
      expect(text).toMatch(new RegExp(`redis at ${server.address}`));
    }
    expect(bystanders.surprises, 'nobody else notices').toEqual([]);
    expect(await sidecar.block('state')).toMatchObject({ restarts: 0, inFlight: 0 });
  }, 60_000);

  it('that falls silent fails calls within the timeout, and is used again once it speaks', async () => {
    await using sidecar = await startSidecar(options());
    using grpc = new GrpcClient(sidecar.grpcAddress);
    const { client } = sidecar;
    expect(await client.post('/v1.0/state/redis', '[{"key":"k","value":1}]')).toMatchObject({ status: 204 });
    server.pause();
    try {
      const began = performance.now();
      const calls = Array.from({ length: 40 }, async (_, index) => {
        if (index % 4 === 0) return (await client.get('/v1.0/state/redis/k')).status;
        if (index % 4 === 1) return (await client.post('/v1.0/state/redis', '[{"key":"w","value":1}]')).status;
        if (index % 4 === 2) return grpc.call('GetState', getState('redis', 'k')).then(() => 'OK', (cause: { code: string }) => cause.code);
        return grpc.call('SaveState', saveState('redis', stateItem('w', '1'))).then(() => 'OK', (cause: { code: string }) => cause.code);
      });
      const outcomes = await within(BOUND_MS, 'all calls have ended', Promise.all(calls));
      print(`  a silent Redis: 40 calls ended within ${Math.round(performance.now() - began)} ms (timeout ${READ_TIMEOUT_MS} ms)`);
      expect(outcomes).toEqual(outcomes.map((_, index) => (index % 4 < 2 ? 500 : 'Internal')));
      expect(performance.now() - began).toBeGreaterThan(READ_TIMEOUT_MS - 50);
      expect(await client.get('/v1.0/state/memory/k')).toMatchObject({ status: 204 });
    } finally {
      server.resume();
    }
    await eventually('it serves again', async () => (await client.get('/v1.0/state/redis/k')).status === 200);
    expect(await client.get('/v1.0/state/redis/k')).toMatchObject({ status: 200, body: '1' });
    expect(await sidecar.block('state')).toMatchObject({ restarts: 0, inFlight: 0 });
  }, 60_000);

  it('that is silent does not keep a call from its deadline or from being cancelled', async () => {
    await using sidecar = await startSidecar(options({}, 25_000));
    using grpc = new GrpcClient(sidecar.grpcAddress);
    server.pause();
    try {
      const began = performance.now();
      await expect(grpc.call('GetState', getState('redis', 'k'), { deadlineMs: 200 })).rejects.toMatchObject({ code: 'DeadlineExceeded' });
      expect(performance.now() - began).toBeLessThan(BOUND_MS);
      const leaving = await RawConnection.to(sidecar.httpPort);
      leaving.send(head('GET /v1.0/state/redis/k HTTP/1.1', 'Host: x'));
      await eventually('the call is in flight', async () => (await sidecar.block('state')).inFlight === 1);
      await leaving[Symbol.asyncDispose]();
      await eventually('the call is over with its caller', async () => (await sidecar.block('state')).inFlight === 0);
    } finally {
      server.resume();
    }
  }, 30_000);
});
