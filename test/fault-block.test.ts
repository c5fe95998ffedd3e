// A block's process dies, again and again, under load: what callers see, what is lost, how long it takes, what is left over.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { eventually } from './harness/awaiting.ts';
import { GrpcClient } from './harness/grpc.ts';
import { Bystanders, Load } from './harness/load.ts';
import { pace } from './harness/pace.ts';
import { childrenOf, descriptorsOf, residentBytesOf, sharedMappingsOf } from './harness/processes.ts';
import { startSidecar, type Sidecar } from './harness/sidecar.ts';
import { getState } from './harness/states.ts';
import { freePort } from './servers/process.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';

const MEMORY = { name: 'memory', type: 'state.in-memory' } as const;

/** Kills the state block; resolves with the milliseconds until a write that began after the kill was served. */
async function killAndMeasure(sidecar: Sidecar, store: string): Promise<number> {
  const pid = await sidecar.pidOf('state');
  const killed = performance.now();
  process.kill(pid, 'SIGKILL');
  await eventually('a new write is served', async () => (await sidecar.client.post(`/v1.0/state/${store}`, '[{"key":"probe","value":1}]')).status === 204);
  return performance.now() - killed;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
const print = (line: string): void => void process.stdout.write(`${line}\n`);

describeWithRedis('a state block on Redis that is killed under load', () => {
  const KILLS = 7;
  let server: RedisServer;
  let sidecar: Sidecar;
  let load: Load;
  let bystanders: Bystanders;
  const recoveries: number[] = [];
  const paces: number[] = [];

  beforeAll(async () => {
    server = await startRedis();
    sidecar = await startSidecar({ components: [{ name: 'redis', type: 'state.redis', metadata: { redisHost: server.address } }, MEMORY] });
    bystanders = new Bystanders(sidecar);
    load = new Load(sidecar, { store: 'redis', clients: 64 });
    try {
      await load.acknowledges(500);
      for (let kill = 0; kill < KILLS; kill++) {
        paces.push(await pace());
        recoveries.push(await killAndMeasure(sidecar, 'redis'));
        await load.acknowledges(500);
      }
    } finally {
      await load.stop();
      await bystanders.stop();
    }
  }, 120_000);
  afterAll(async () => {
    await sidecar?.stop();
    await server?.stop();
  });

  it('was killed as often as it lived again', async () => {
    expect(await sidecar.block('state')).toMatchObject({ life: KILLS + 1, restarts: KILLS, state: 'ready', lastExit: 'signal SIGKILL: killed from outside, perhaps for memory', inFlight: 0, held: 0 });
  });

  it('fails no call of any other route, healthz and metadata among them', () => {
    expect(bystanders.surprises).toEqual([]);
    expect(bystanders.calls).toBeGreaterThan(KILLS * 9);
  });

  it('fails no read: those that were lost were opened again', async () => {
    const { repeated, lost } = await sidecar.block('state');
    print(`  ${load.acknowledged.length} writes acknowledged, ${load.unknown.length} failed, ${load.reads} reads, of which ${repeated} were opened again`);
    expect(load.of('read')).toEqual([]);
    expect(load.wrong).toEqual([]);
    expect(load.reads).toBe(load.acknowledged.length);
    expect(repeated, 'kills hit some read in flight').toBeGreaterThan(0);
    expect(lost, 'the probe\'s own writes may be among the lost').toBeGreaterThanOrEqual(load.of('write').length);
  });

  it('fails writes in flight with UNAVAILABLE and a detail that names the block, and at once', () => {
    const writes = load.of('write');
    expect(writes.length, 'kills hit some write in flight').toBeGreaterThan(0);
    expect(writes.length, 'no more than what can be in flight').toBeLessThanOrEqual(KILLS * 64);
    expect(writes.filter(({ protocol, code }) => code !== (protocol === 'HTTP' ? '503' : 'Unavailable'))).toEqual([]);
    for (const { protocol, text } of writes) {
      expect(text).toContain('the state block restarted while this call was in flight');
      expect(text).toMatch(protocol === 'HTTP' ? /"metadata":\{"block":"state"\},"reason":"ERR_BLOCK_UNAVAILABLE"/ : /"reason":"ERR_BLOCK_UNAVAILABLE","domain":"dapr\.io","metadata":\{"block":"state"\}/);
    }
  });

  it('loses no write that was acknowledged', async () => {
    expect(await load.missing()).toEqual([]);
    expect(load.acknowledged.length).toBeGreaterThan(KILLS * 500);
  });

  it('serves again soon', () => {
    print(`  kill to first new write under load, ms: ${recoveries.map(Math.round).join(', ')} (median ${Math.round(median(recoveries))}, goal 500), on a machine ${median(paces).toFixed(1)} times slower than idle`);
    expect(recoveries).toHaveLength(KILLS);
    expect(median(recoveries)).toBeLessThan(1_000 * median(paces));
    expect(load.slowestMs, 'no call hangs').toBeLessThan(10_000);
  });
});

describe('twenty deaths of a block', () => {
  it('leave nothing open, mapped or undead in the kernel', async () => {
    const [http, grpc] = [await freePort(), await freePort()];
    await using sidecar = await startSidecar({ components: [MEMORY], flags: [`--dapr-http-port=${http}`, `--dapr-grpc-port=${grpc}`, '--blocks=state'] });
    const { pid, client } = sidecar;
    const kernel = async (): Promise<{ descriptors: string[]; mappings: number; children: number }> => {
      expect(await client.get('/v1.0/state/memory/k')).toMatchObject({ status: 204 }); // one connection of ours is open, always
      return { descriptors: descriptorsOf(pid), mappings: sharedMappingsOf(pid).length, children: childrenOf(pid).length };
    };
    await killAndMeasure(sidecar, 'memory'); // what is opened once is open now
    const before = await kernel();
    expect(before).toMatchObject({ mappings: 1, children: 1 });
    const resident = residentBytesOf(pid);
    const recoveries: number[] = [];
    const paces: number[] = [];
    for (let kill = 1; kill <= 20; kill++) {
      if (kill % 8 === 0) { // a block that dies more than ten times a minute is restarted slowly: begin a new count
        const seen = sidecar.logs.all.length;
        sidecar.signal('SIGHUP');
        await sidecar.logs.waitFor(/dapr initialized/, 30_000, seen);
      }
      paces.push(await pace());
      recoveries.push(await killAndMeasure(sidecar, 'memory'));
    }
    const slowness = median(paces);
    print(`  kill to first new write in an idle sidecar, ms: median ${Math.round(median(recoveries))}, slowest ${Math.round(Math.max(...recoveries))}, on a machine ${slowness.toFixed(1)} times slower than idle; kernel grew by ${((residentBytesOf(pid) - resident) / 1024 / 1024).toFixed(1)} MiB`);
    await eventually('the kernel has as much open as before', async () => JSON.stringify(await kernel()) === JSON.stringify(before)).catch(async () => expect(await kernel()).toEqual(before));
    expect(median(recoveries)).toBeLessThan(500 * slowness);
    expect(childrenOf(pid).filter(({ state }) => state === 'Z')).toEqual([]);
    expect(residentBytesOf(pid) - resident, 'a ring is 1 MiB each way: forty of them would show').toBeLessThan(40 * 1024 * 1024);
  }, 90_000);

  it('more than ten within a minute make it failed, which health says, and it comes back all the same', async () => {
    await using sidecar = await startSidecar({ components: [MEMORY] });
    for (let kill = 0; kill < 10; kill++) await killAndMeasure(sidecar, 'memory');
    expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 204 });
    await sidecar.kill('state');
    await eventually('the block has failed', async () => (await sidecar.block('state')).state === 'failed');
    expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 500, body: '{"errorCode":"ERR_HEALTH_NOT_READY","message":"dapr is not ready: [block state: signal SIGKILL: killed from outside, perhaps for memory]"}' });
    expect(await sidecar.client.get('/v1.0/healthz/outbound')).toMatchObject({ status: 204 });
    expect(await sidecar.client.get('/v1.0/metadata')).toMatchObject({ status: 200 });
    await eventually('it is well again', async () => (await sidecar.client.get('/v1.0/healthz')).status === 204);
    expect(await sidecar.client.get('/v1.0/state/memory/k')).toMatchObject({ status: 204 });
  }, 60_000);
});

describe('a call that waits for a block', () => {
  it('is held for the next life, and answered by it', async () => {
    await using sidecar = await startSidecar({ components: [MEMORY] });
    using grpc = new GrpcClient(sidecar.grpcAddress);
    process.kill(await sidecar.pidOf('state'), 'SIGKILL');
    const answers = await Promise.all(Array.from({ length: 100 }, async (_, index) => (index % 2 === 0
      ? (await sidecar.client.get(`/v1.0/state/memory/k${index}`)).status
      : (await grpc.call('GetState', getState('memory', `k${index}`))).etag)));
    expect(answers).toEqual(answers.map((_, index) => (index % 2 === 0 ? 204 : '')));
    expect(await sidecar.block('state')).toMatchObject({ life: 2, held: 0, inFlight: 0 });
  });

  it.each([30, 0])('is refused when no life comes within --hold-ms=%i', async (holdMs) => {
    await using sidecar = await startSidecar({ components: [MEMORY], flags: [`--hold-ms=${holdMs}`] });
    process.kill(await sidecar.pidOf('state'), 'SIGKILL');
    const refused = await eventually('a write meets no life', async () => {
      const reply = await sidecar.client.post('/v1.0/state/memory', '[{"key":"k","value":1}]');
      return reply.status === 503 && reply.body.includes('not available') ? reply : undefined;
    });
    expect(JSON.parse(refused?.body ?? '')).toMatchObject({ errorCode: 'ERR_BLOCK_UNAVAILABLE', message: 'the state block is not available: it is restarting' });
    await eventually('it is served again', async () => (await sidecar.client.get('/v1.0/state/memory/k')).status === 204);
  });
});

describe('a component whose start hangs', () => {
  let deaf: Server;
  let port: number;
  beforeAll(async () => {
    deaf = createServer((socket) => void socket.on('error', () => {})).listen(0, '127.0.0.1'); // takes connections and says nothing
    await once(deaf, 'listening');
    port = (deaf.address() as { port: number }).port;
  });
  afterAll(() => void deaf.close());

  it('hurts no other: they serve while it tries, and health says what it waits for', async () => {
    await using sidecar = await startSidecar({
      until: 'listening', components: [{ name: 'hanging', type: 'state.redis', metadata: { redisHost: `127.0.0.1:${port}` }, initTimeout: '2s' }, MEMORY],
    });
    expect(await sidecar.client.post('/v1.0/state/memory', '[{"key":"k","value":1}]')).toMatchObject({ status: 204 });
    const early = await sidecar.client.get('/v1.0/healthz');
    expect([early.status, early.body]).toEqual([500, expect.stringContaining('block state: starting')]);
    const waited = await sidecar.client.get('/v1.0/state/hanging/k');
    expect([waited.status, JSON.parse(waited.body)]).toEqual([503, expect.objectContaining({ errorCode: 'ERR_COMPONENT_NOT_READY', message: expect.stringContaining('init timeout for component hanging (state.redis/v1)') as string })]);
    await sidecar.logs.waitFor(/dapr initialized/);
    const { status, body } = await sidecar.client.get('/v1.0/healthz');
    expect([status, body]).toEqual([500, expect.stringContaining('component hanging (state.redis/v1): ')]);
    expect(await sidecar.client.get('/v1.0/state/memory/k')).toMatchObject({ status: 200, body: '1' });
    expect(((await sidecar.metadata())['components'] as { name: string }[]).map(({ name }) => name)).toEqual(['memory']);
  });
});
