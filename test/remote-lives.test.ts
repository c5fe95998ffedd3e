// What else there is of lives, for a block in another container: spares, components apart, replicas, gateways, limits on memory; and that
// nothing is left of lives that are over, neither in the kernel nor in the block server.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { killNow } from './chaos/inject.ts';
import { eventually } from './harness/awaiting.ts';
import { RemoteBlocks } from './harness/block-server.ts';
import { GatewaySidecar } from './harness/gateways.ts';
import { Load } from './harness/load.ts';
import { Pinned, PinnedLoad } from './harness/pinned.ts';
import { sharedInodesOf } from './harness/process-memory.ts';
import { childrenOf, descriptorsOf, residentBytesOf, sharedMappingsOf } from './harness/processes.ts';
import { startSidecar } from './harness/sidecar.ts';
import { freePort } from './servers/process.ts';

vi.setConfig({ testTimeout: 90_000 });
const SWAPS = 18;
const DEATHS = 6;
const MEBIBYTE = 2 ** 20;
/** Of a server, beyond what it had when it had had three processes. */
const MOST_GROWTH = 24 * MEBIBYTE;
const STORE = [{ name: 'store', type: 'state.in-memory' }] as const;

let servers: RemoteBlocks;
beforeAll(async () => { servers = await RemoteBlocks.start(['state']); });
afterAll(() => servers?.stop());

describe('lives that are over', () => {
  it(`leave nothing in the kernel nor in the server, over ${SWAPS + DEATHS} of them`, async () => {
    const server = servers.of('state');
    await using sidecar = await startSidecar({ isolation: 'remote', servers, components: STORE });
    const swap = async (): Promise<void> => {
      const { status, body } = await sidecar.client.post('/actuator/blocks/state/restart', '');
      expect([status, body.slice(0, 200)]).toEqual([200, expect.anything()]);
    };
    const die = async (): Promise<void> => {
      const { life } = await sidecar.block('state');
      await killNow(sidecar, 'state');
      await eventually('the next life is ready', async () => {
        const row = await sidecar.block('state');
        return row.life > life && row.state === 'ready';
      });
    };
    const atRest = (): Promise<unknown> => eventually('one process is left', () => childrenOf(server.pid).length === 1);
    const has = (pid: number): object => ({ descriptors: descriptorsOf(pid), segments: sharedMappingsOf(pid).length });
    await swap();
    await die();
    await atRest();
    const before = { kernel: has(sidecar.pid), server: has(server.pid) };
    const bytes = { kernel: residentBytesOf(sidecar.pid), server: residentBytesOf(server.pid) };
    for (let death = 0; death < DEATHS; death++) {
      await die();
      for (let i = 0; i < SWAPS / DEATHS; i++) await swap();
    }
    await atRest();
    await eventually('the kernel and the server have what they had', () => JSON.stringify({ kernel: has(sidecar.pid), server: has(server.pid) }) === JSON.stringify(before), 5_000)
      .catch(() => expect({ kernel: has(sidecar.pid), server: has(server.pid) }).toEqual(before));
    const grown = { kernel: residentBytesOf(sidecar.pid) - bytes.kernel, server: residentBytesOf(server.pid) - bytes.server };
    process.stdout.write(`remote: ${SWAPS + DEATHS} lives: the kernel has grown by ${(grown.kernel / MEBIBYTE).toFixed(1)} MiB, the server by ${(grown.server / MEBIBYTE).toFixed(1)} MiB, no descriptor and no segment is left\n`);
    expect(grown.server).toBeLessThan(MOST_GROWTH);
    expect(before.server).toMatchObject({ segments: 0 });
  }, 180_000);
});

describe('lives of one sidecar at one server', () => {
  it('may be a spare, which takes over at once', async () => {
    await using sidecar = await startSidecar({ isolation: 'remote', servers, appId: 'spare', components: STORE, flags: ['--spare=state'] });
    await eventually('the spare is ready', async () => (await sidecar.block('state')).spare === 'ready');
    const tenants = servers.of('state').tenants().filter(({ app }) => app === 'spare').map(({ pid }) => pid);
    expect(tenants).toHaveLength(2);
    const load = new Load(sidecar, { store: 'store', clients: 4 });
    await load.acknowledges(20);
    process.kill(tenants[0] as number, 'SIGKILL');
    const row = await eventually('the spare has taken over', async () => {
      const now = await sidecar.block('state');
      return now.restarts === 1 && now.state === 'ready' && now.spare === 'ready' ? now : undefined;
    });
    await load.acknowledges(20);
    await load.stop();
    expect(row).toMatchObject({ life: 2, lastDeath: { cause: 'signal', signal: 'SIGKILL' } });
    // What was in memory died with the life: a key that was written before it may be gone.
    expect(load.failures.filter(({ kind, code, text }) => !(kind === 'write' && text.includes('restarted while this call was in flight')) && !(kind === 'read' && code === '204'))).toEqual([]);
  });

  it('may be components apart, and replicas', async () => {
    await using sidecar = await startSidecar({
      isolation: 'remote', servers, appId: 'apart', components: [...STORE, { name: 'own', type: 'state.in-memory', annotations: { isolation: 'component' } }],
    });
    const pids = await Promise.all([sidecar.pidOf('state'), sidecar.pidOf('state/own')]);
    await sidecar.client.post('/v1.0/state/own', '[{"key":"k","value":"kept"}]');
    await killNow(sidecar, 'state');
    await eventually('the other one is there again', async () => (await sidecar.block('state')).life === 2 && (await sidecar.block('state')).state === 'ready');
    expect((await sidecar.client.get('/v1.0/state/own/k')).body).toBe('"kept"');
    expect([new Set(pids).size, await sidecar.pidOf('state/own'), sharedInodesOf(sidecar.pid).size]).toEqual([2, pids[1], 2]);

    await using replicated = await startSidecar({ isolation: 'remote', servers, appId: 'two', components: [], flags: ['--replicas=state=2'], until: 'listening' });
    expect((await replicated.blocks()).filter(({ block }) => block === 'state').map(({ name }) => name)).toEqual(['state', 'state#2']);
  });

  it('may be looked at for their memory from afar, and are replaced when they have too much', async () => {
    const limit = 160;
    await using sidecar = await startSidecar({ isolation: 'remote', servers, appId: 'large', components: STORE, flags: [`--block-memory=state=${limit}Mi`, '--hang-ms=1000'] });
    const { memory } = (await sidecar.block('state')) as unknown as { readonly memory: { readonly rssBytes: number } };
    expect(memory.rssBytes).toBeGreaterThan(20 * MEBIBYTE);
    expect(memory.rssBytes).toBeLessThan(limit * MEBIBYTE);
    const value = 'x'.repeat(2 * MEBIBYTE);
    const grow = async (): Promise<boolean> => {
      for (let i = 0; i < 10; i++) await sidecar.client.post('/v1.0/state/store', JSON.stringify([{ key: `k${Math.random()}`, value }]));
      return sidecar.logs.matching(/uses \d+ MiB of memory, more than|it used \d+ MiB of memory, far more than/).length > 0;
    };
    await eventually('it is noticed', grow, 60_000);
    await eventually('another life has taken over', async () => (await sidecar.block('state')).life > 1);
    expect((await sidecar.client.get('/v1.0/healthz')).status).toBe(204);
  });
});

describe('gateways', () => {
  const CLIENTS = 8;

  it('have lanes of their own into a remote block, and one\'s death costs its connections alone', async () => {
    await using gateways = await GatewaySidecar.start({
      isolation: 'remote', servers, appId: 'gateways', components: STORE, flags: [`--dapr-http-port=${await freePort()}`, `--dapr-grpc-port=${await freePort()}`],
    });
    const { sidecar } = gateways;
    const [tenant] = servers.of('state').tenants().filter(({ app }) => app === 'gateways');
    const shared = [...sharedInodesOf(sidecar.pid)].filter((inode) => sharedInodesOf(tenant?.pid ?? 0).has(inode));
    expect(shared, 'the supervisor\'s rings and two lanes').toHaveLength(3);
    await using clients = new PinnedLoad(sidecar.httpPort, 'store', CLIENTS);
    await clients.answers(100);
    gateways.fail('gateway-0', 'throw');
    await gateways.isBack(0, 1);
    await clients.answers(100);
    expect((await sidecar.client.post('/actuator/blocks/state/restart', '')).status).toBe(200);
    await clients.answers(100);
    await clients.stop();
    expect(clients.broken, 'connections of that gateway').toBeLessThan(CLIENTS);
    expect([clients.refused, clients.wrong]).toEqual([[], []]);
    expect(await sidecar.block('state')).toMatchObject({ life: 2, restarts: 0, transport: 'ring', inFlight: 0 });
    const client = new Pinned(sidecar.httpPort);
    expect((await client.call('GET', '/v1.0/state/store/none')).status).toBe(204);
    client.close();
  });

  it('are one where no memory is shared, and the log says why', async () => {
    await using sidecar = await startSidecar({ isolation: 'remote', servers, components: STORE, listener: 'own', flags: ['--gateways=2', '--remote-rings=false', `--dapr-http-port=${await freePort()}`, `--dapr-grpc-port=${await freePort()}`] });
    expect(sidecar.logs.matching(/there is one gateway instead of 2, because no memory can be shared with blocks: remote blocks are to stay on their sockets/)).toHaveLength(1);
    expect((await sidecar.client.get('/v1.0/state/store/none')).status).toBe(204);
    expect(await sidecar.block('state')).toMatchObject({ transport: 'socket' });
  });
});
