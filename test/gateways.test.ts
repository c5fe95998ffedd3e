// Two gateways on the same ports: calls reach both, what is counted and limited is the sum of both, and whatever happens to a gateway,
// or to a block, costs what it has to and nothing else.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { eventually } from './harness/awaiting.ts';
import { GatewaySidecar } from './harness/gateways.ts';
import { GrpcClient } from './harness/grpc.ts';
import { METRICS, scrape } from './harness/metrics.ts';
import { Pinned, PinnedLoad } from './harness/pinned.ts';
import { manifestOf } from './harness/sidecar.ts';
import { getState } from './harness/states.ts';
import { freePort } from './servers/process.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';

const CLIENTS = 12;
const HANG_MS = 1_000;
const OPEN_CALLS = 20;

describeWithRedis('a sidecar with two gateways', () => {
  vi.setConfig({ testTimeout: 60_000 }); // gateways and blocks begin anew here, which takes its time on a busy machine
  let server: RedisServer;
  let gateways: GatewaySidecar;
  beforeAll(async () => {
    server = await startRedis();
    gateways = await GatewaySidecar.start({
      components: [{ name: 'memory', type: 'state.in-memory' }, { name: 'redis', type: 'state.redis', metadata: { redisHost: server.address }, annotations: { isolation: 'component' } }],
      flags: [`--dapr-http-port=${await freePort()}`, `--dapr-grpc-port=${await freePort()}`, `--hang-ms=${HANG_MS}`, `--block-calls=${OPEN_CALLS + 1_000}`, `--block-calls=state=${OPEN_CALLS}`, ...METRICS],
    });
  }, 60_000);
  afterAll(async () => {
    server?.resume();
    await gateways?.[Symbol.asyncDispose]();
    await server?.stop();
  });

  const load = (): PinnedLoad => new PinnedLoad(gateways.sidecar.httpPort, 'memory', CLIENTS);

  it('serves on both, over HTTP and gRPC, and shows who has how many connections', async () => {
    await using clients = load();
    await clients.answers(200);
    using grpc = new GrpcClient(gateways.sidecar.grpcAddress);
    expect((await grpc.call('GetState', getState('memory', 'none'))).data).toHaveLength(0);
    const rows = await gateways.rows();
    expect(rows).toMatchObject([{ index: 0, state: 'ready', restarts: 0 }, { index: 1, state: 'ready', restarts: 0 }]);
    for (const { connections } of rows) expect(connections).toBeGreaterThan(0);
    expect(rows.reduce((sum, { connections = 0 }) => sum + connections, 0)).toBeGreaterThanOrEqual(CLIENTS);
    await clients.stop();
    expect([clients.failures, clients.wrong]).toEqual([[], []]);
  });

  it('counts the calls of both', async () => {
    const before = (await scrape(gateways.sidecar)).sum('dapr_http_server_request_count', { method: 'GET', path: '/v1.0/state/memory' });
    const clients = Array.from({ length: CLIENTS }, () => new Pinned(gateways.sidecar.httpPort));
    await Promise.all(clients.map((client) => client.call('GET', '/v1.0/state/memory/none')));
    for (const client of clients) client.close();
    const after = await scrape(gateways.sidecar);
    expect(after.sum('dapr_http_server_request_count', { method: 'GET', path: '/v1.0/state/memory' }) - before).toBe(CLIENTS);
    expect(after.sum('bulkhead_gateway_up', {})).toBe(2);
  });

  it('lets no more calls be open than its limit allows, over all gateways', async () => {
    const clients = Array.from({ length: OPEN_CALLS + CLIENTS }, () => new Pinned(gateways.sidecar.httpPort));
    try {
      await Promise.all(clients.map((client) => client.call('GET', '/v1.0/state/memory/none'))); // connected
      server.pause();
      const answers = clients.map((client, index) => client.call('GET', `/v1.0/state/redis/${index}`));
      const refused = eventually('the others are refused', async () => (await gateways.sidecar.block('state/redis')).inFlight === OPEN_CALLS);
      await refused;
      server.resume();
      const statuses = (await Promise.all(answers)).map(({ status }) => status);
      expect([statuses.filter((status) => status === 204).length, statuses.filter((status) => status !== 204).length]).toEqual([OPEN_CALLS, CLIENTS]);
      await eventually('none is left', async () => (await gateways.sidecar.block('state/redis')).inFlight === 0);
    } finally {
      server.resume();
      for (const client of clients) client.close();
    }
  });

  it('refuses on both what blocks died over on one', async () => {
    const save = (client: Pinned) => client.call('POST', '/v1.0/state/redis', [{ key: 'killer', value: 'x' }]);
    const clients = Array.from({ length: CLIENTS }, () => new Pinned(gateways.sidecar.httpPort));
    try {
      for (let death = 0; death < 3; death++) {
        await eventually('a life serves', async () => (await (clients[death] as Pinned).call('GET', '/v1.0/state/redis/none')).status === 204);
        server.pause();
        const call = save(clients[death] as Pinned);
        await eventually('it is in flight', async () => (await gateways.sidecar.block('state/redis')).inFlight === 1);
        const { life } = await gateways.sidecar.block('state/redis');
        process.kill((await gateways.sidecar.block('state/redis')).pid, 'SIGKILL');
        expect((await call).status).toBe(503);
        server.resume();
        const row = await eventually('the next life is there', async () => {
          const now = await gateways.sidecar.block('state/redis');
          return now.life > life && now.state === 'ready' ? now : undefined;
        });
        expect(row?.lastDeath?.inFlight).toEqual(['SaveState']);
      }
      const replies = await Promise.all(clients.map(save));
      expect([...new Set(replies.map(({ status, body }) => `${status} ${(JSON.parse(body) as { errorCode: string }).errorCode}`))]).toEqual(['422 ERR_CALL_POISONOUS']);
      expect(await gateways.sidecar.block('state/redis')).toMatchObject({ inFlight: 0, poisoned: CLIENTS });
    } finally {
      server.resume();
      for (const client of clients) client.close();
    }
  });

  for (const [fault, index, restarts, lastExit] of [['throw', 0, 1, /an injected error that nobody catches/], ['loop', 1, 1, /it has hung for/]] as const) {
    it(`goes on where a gateway ends (${fault}), and that one comes back`, async () => {
      const before = await gateways.sidecar.block('state');
      await using clients = load();
      await clients.answers(100);
      gateways.fail(`gateway-${index}`, fault);
      const row = await gateways.isBack(index, restarts);
      expect(row.lastExit).toMatch(lastExit);
      await clients.answers(200);
      await clients.stop();
      const after = await gateways.sidecar.block('state');
      expect(clients.broken, 'connections of that gateway').toBeGreaterThan(0);
      expect(clients.broken, 'and of no other').toBeLessThan(CLIENTS);
      expect([clients.refused, clients.wrong]).toEqual([[], []]);
      expect([after.pid, after.life, after.inFlight]).toEqual([before.pid, before.life, 0]);
    });
  }

  it('fails no call over restarts of a block, nor over changed files', async () => {
    await using clients = load();
    await clients.answers(100);
    for (let round = 0; round < 3; round++) {
      expect((await gateways.sidecar.client.post('/actuator/blocks/state/restart', '')).status).toBe(200);
      await clients.answers(50);
    }
    writeFileSync(join(gateways.sidecar.resources, 'more.yaml'), manifestOf({ name: 'more', type: 'state.in-memory', annotations: { isolation: 'component' } }));
    const client = new Pinned(gateways.sidecar.httpPort);
    await eventually('the new component serves', async () => (await client.call('POST', '/v1.0/state/more', [{ key: 'a', value: 1 }])).status === 204);
    expect((await client.call('GET', '/v1.0/state/more/a')).body).toBe('1');
    client.close();
    await clients.answers(50);
    await clients.stop();
    expect([clients.failures, clients.wrong]).toEqual([[], []]);
  });

  it('contains the death of a block as ever', async () => {
    await using clients = load();
    await clients.answers(100);
    const { life } = await gateways.sidecar.block('state');
    await gateways.sidecar.kill('state');
    await eventually('the next life serves', async () => {
      const row = await gateways.sidecar.block('state');
      return row.life > life && row.state === 'ready';
    });
    await clients.answers(200);
    await clients.stop();
    expect(clients.broken).toBe(0);
    // What was in memory died with the life, so a key that was written before may be gone; every other failure is a write under way.
    expect(clients.failures.filter(({ kind, status }) => !(kind === 'write' && status === 503) && !(kind === 'read' && status === 204))).toEqual([]);
  });

  it('answers calls while the supervisor does nothing, and says of health that it can\'t be asked', async () => {
    const client = new Pinned(gateways.sidecar.httpPort);
    await client.call('POST', '/v1.0/state/memory', [{ key: 'kept', value: 1 }]);
    gateways.fail('supervisor', 'busy');
    const asked = await eventually('it is asked in vain', async () => {
      const reply = await client.call('GET', '/v1.0/healthz');
      return reply.status === 204 ? undefined : reply;
    });
    expect([asked?.status, (JSON.parse(asked?.body ?? '{}') as { errorCode: string }).errorCode]).toEqual([503, 'ERR_SUPERVISOR_SILENT']);
    expect((await client.call('GET', '/v1.0/state/memory/kept')).body).toBe('1');
    await eventually('it is healthy again', async () => (await client.call('GET', '/v1.0/healthz')).status === 204);
    client.close();
  });

  it('begins anew on the same ports at SIGHUP, with both', async () => {
    const port = gateways.sidecar.httpPort;
    const before = gateways.sidecar.logs.all.filter((line) => line.includes('dapr initialized')).length;
    gateways.sidecar.signal('SIGHUP');
    await eventually('it is there again', () => gateways.sidecar.logs.all.filter((line) => line.includes('dapr initialized')).length > before, 30_000);
    expect(await eventually('both serve', async () => {
      const rows = await gateways.rows().catch(() => []);
      return rows.length === 2 && rows.every(({ state }) => state === 'ready') ? rows : undefined;
    })).toMatchObject([{ restarts: 0 }, { restarts: 0 }]);
    expect(gateways.sidecar.httpPort).toBe(port);
  });

  it('finishes what is under way when it is told to end', async () => {
    const clients = Array.from({ length: CLIENTS }, () => new Pinned(gateways.sidecar.httpPort));
    await Promise.all(clients.map((client) => client.call('GET', '/v1.0/state/memory/none')));
    server.pause();
    const answers = clients.map((client, index) => client.call('GET', `/v1.0/state/redis/${index}`));
    await eventually('they are in flight', async () => (await gateways.sidecar.block('state/redis')).inFlight === CLIENTS);
    gateways.sidecar.signal('SIGTERM');
    await gateways.sidecar.logs.match(/Closing HTTP server/, 10_000);
    server.resume();
    expect([...new Set((await Promise.all(answers)).map(({ status }) => status))]).toEqual([204]);
    expect(await gateways.sidecar.end()).toEqual({ code: 0, signal: null });
    for (const client of clients) client.close();
  });
});
