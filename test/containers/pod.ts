// Kernel, state, pubsub, config and lock in a container each, and the application with the official SDK before them: it works, what is shared is
// shared and nothing else, and what ends ends alone.
import { CommunicationProtocolEnum, DaprClient, DaprServer, type LoggerService } from '@dapr/dapr';
import { LockStatus } from '@dapr/dapr/types/lock/UnlockResponse.js';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../harness/awaiting.ts';
import { callsTo, PodLoad } from '../harness/container-load.ts';
import { addressOf, BLOCK_MEMORY_MB, KERNEL_MEMORY_MB, LISTEN, Pod, POD_BLOCKS, startKernel, type PodBlock } from '../harness/container-pod.ts';
import { interfacesOf, memoryGroupOf, segmentsOf, statusOf, type Engine } from '../harness/podman-container.ts';
import type { ComponentManifest } from '../harness/sidecar.ts';
import { freePort } from '../servers/process.ts';
import { startRedis, type RedisServer } from '../servers/redis.ts';

const silent = (): void => {};
const SILENT: LoggerService = { error: silent, warn: silent, info: silent, verbose: silent, debug: silent };
const { HTTP, GRPC } = CommunicationProtocolEnum;
const redis = inject('redis');
const COMPONENTS: readonly ComponentManifest[] = [
  { name: 'memory', type: 'state.in-memory' }, { name: 'topics', type: 'pubsub.in-memory' }, { name: 'settings', type: 'configuration.in-memory', metadata: { items: 'color: red' } }, { name: 'locks', type: 'lock.in-memory' },
];
/** Of load before and after something is done to a container. */
const CALM_MS = 700;
/** A request may have 4 MiB. */
const VALUE_BYTES = 3_000_000;
/** Enough to fill a block's container several times over. */
const VALUES = (4 * BLOCK_MEMORY_MB * 2 ** 20) / VALUE_BYTES;

export function podSuite(engine: () => Engine): void {
  describe('a pod of kernel, state, pubsub, config and lock', () => {
    let server: RedisServer | undefined;
    let app: DaprServer;
    let pod: Pod;
    let http: DaprClient;
    let grpc: DaprClient;
    const seen: unknown[] = [];

    beforeAll(async () => {
      server = redis.available ? await startRedis() : undefined;
      const appPort = await freePort();
      app = new DaprServer({ serverHost: '127.0.0.1', serverPort: String(appPort), communicationProtocol: HTTP, logger: { service: SILENT }, clientOptions: { daprHost: '127.0.0.1', daprPort: '1' } });
      await app.pubsub.subscribe('topics', 'orders', async (data: unknown) => void seen.push(data));
      await app.daprServer.start('127.0.0.1', String(appPort)); // without waiting for the sidecar, whose port is not known yet
      pod = await Pod.start(engine(), {
        appPort, networked: server === undefined ? [] : ['state'],
        components: [...COMPONENTS, ...(server === undefined ? [] : [{ name: 'redis', type: 'state.redis', metadata: { redisHost: server.address } }])],
      });
      const clientOf = (daprPort: number, communicationProtocol: CommunicationProtocolEnum): DaprClient => new DaprClient({ daprHost: '127.0.0.1', daprPort: String(daprPort), communicationProtocol, logger: { service: SILENT } });
      [http, grpc] = [clientOf(pod.httpPort, HTTP), clientOf(pod.grpcPort, GRPC)];
    }, 120_000);
    afterAll(async () => {
      await http?.stop();
      await grpc?.stop();
      await app?.daprServer.stop();
      await server?.stop();
    }, 30_000);

    /** The process that runs a block for the kernel: a child of its container's first, and the first of those. */
    const childOf = (block: PodBlock, ofAll = 1): number => {
      const { children } = pod.blocks[block];
      if (children.length !== ofAll) throw new Error(`${block} has ${children.length} children`);
      return children[0] as number;
    };
    const loaded = async (meanwhile: () => Promise<void>): Promise<PodLoad> => {
      const load = new PodLoad(callsTo(pod.api, 'memory'));
      try {
        await new Promise((resolve) => setTimeout(resolve, CALM_MS));
        await meanwhile();
        await pod.isWhole();
        await new Promise((resolve) => setTimeout(resolve, CALM_MS));
      } finally {
        await load.stop();
      }
      return load;
    };
    const expectOthersUntouched = (load: PodLoad, block: PodBlock | undefined): void => {
      for (const [name, counts] of Object.entries(load.counts)) {
        if (name !== block) expect([name, counts.failed, counts.failures]).toEqual([name, 0, []]);
        expect([name, counts.ok]).toEqual([name, expect.toSatisfy((ok: number) => ok > 20)]);
      }
    };

    it('serves an application with the official SDK: state, topics, configuration, locks', async () => {
      for (const client of [http, grpc]) {
        await client.state.save('memory', [{ key: 'hello', value: { from: 'the application' } }]);
        expect(await client.state.get('memory', 'hello')).toEqual({ from: 'the application' });
        await client.pubsub.publish('topics', 'orders', { order: client === http ? 1 : 2 });
        expect(await client.lock.lock('locks', 'door', 'me', 60)).toEqual({ success: true });
        expect(await client.lock.lock('locks', 'door', 'you', 60)).toEqual({ success: false });
        expect((await client.lock.unlock('locks', 'door', 'me')).status).toBe(LockStatus.Success);
      }
      await eventually('both messages have arrived', () => seen.length === 2);
      expect(seen).toEqual(expect.arrayContaining([{ order: 1 }, { order: 2 }]));
      expect((await grpc.configuration.get('settings', ['color'])).items['color']?.value).toBe('red'); // the SDK has no configuration over HTTP
    }, 60_000);

    it('shares rings: kernel and block have mapped the same memory, and no two blocks have', async () => {
      const rows = await pod.rows();
      expect(rows.map(({ name, mode, transport, address }) => ({ name, mode, transport, address }))).toEqual(POD_BLOCKS.map((name) => ({ name, mode: 'remote', transport: 'ring', address: expect.stringContaining(addressOf(name).slice('unix:'.length)) as string })));
      const kernel = segmentsOf(pod.kernel.pid);
      const shared = POD_BLOCKS.map((block) => [...segmentsOf(childOf(block))].filter((segment) => kernel.has(segment)));
      expect(shared.map(({ length }) => length)).toEqual(shared.map(() => 1));
      expect(new Set(shared.flat()).size).toBe(POD_BLOCKS.length);
      expect(POD_BLOCKS.flatMap((block) => [...segmentsOf(pod.blocks[block].pid)])).toEqual([]); // a parent holds nothing of its children's
    });

    it('gives a block no network that it does not need, no right, and its own limit', () => {
      for (const block of POD_BLOCKS) {
        const networked = block === 'state' && server !== undefined;
        for (const pid of [pod.blocks[block].pid, childOf(block)]) {
          expect([block, interfacesOf(pid).filter((name) => name !== 'lo').length > 0]).toEqual([block, networked]);
          expect([block, statusOf(pid, 'Uid'), statusOf(pid, 'CapEff'), statusOf(pid, 'NoNewPrivs')]).toEqual([block, '65532\t65532\t65532\t65532', '0000000000000000', '1']);
          expect([block, memoryGroupOf(pid).limit]).toEqual([block, BLOCK_MEMORY_MB * 2 ** 20]);
        }
      }
      expect(memoryGroupOf(pod.kernel.pid).limit).toBe(KERNEL_MEMORY_MB * 2 ** 20);
    });

    it('answers probes in its containers, which have no shell', async () => {
      expect(await pod.blocks.lock.exec('bulkhead', 'probe', LISTEN)).toMatchObject({ code: 0 });
      expect(await pod.blocks.lock.exec('bulkhead', 'probe', 'unix:/run/bulkhead/sockets/nobody.sock')).toMatchObject({ code: 1 });
      expect(await pod.kernel.exec('bulkhead', 'probe', addressOf('state'))).toMatchObject({ code: 0 }); // the kernel's folder of it is read-only
      expect((await pod.blocks.lock.exec('sh', '-c', 'true')).code).toBeGreaterThan(1);
    }, 60_000);

    it('goes on when the container of a block is killed, and has the block back when it is started again', async () => {
      const { state } = pod.blocks;
      const lives = async (): Promise<Record<string, number>> => Object.fromEntries((await pod.rows()).map(({ name, life }) => [name, life]));
      const before = await lives();
      const load = await loaded(async () => {
        await state.kill();
        await state.exitCode();
        await state.startAgain();
      });
      process.stdout.write(`containers: podman kill of state under load, then podman start: ${load.toString()}\n`);
      expectOthersUntouched(load, 'state');
      expect(load.counts.state.failures.filter((failure) => !failure.startsWith('503'))).toEqual([]);
      const { state: next, ...others } = await lives();
      expect(before).toMatchObject(others);
      expect(next).toBeGreaterThan(before['state'] as number);
      expect((await pod.rows()).map(({ transport }) => transport)).toEqual(POD_BLOCKS.map(() => 'ring'));
    }, 60_000);

    it('runs a block for two kernels at a time, each in a process of its own: one that crashes is the other\'s no loss', async () => {
      const own = childOf('state');
      const { container: second, httpPort } = await startKernel(engine(), 'second', ['state'], COMPONENTS.slice(0, 1));
      const secondApi = `http://127.0.0.1:${httpPort}/v1.0/state/memory`;
      const mapped = segmentsOf(second.pid);
      const theirs = (): number | undefined => pod.blocks.state.children.find((pid) => [...segmentsOf(pid)].some((segment) => mapped.has(segment)));
      const child = theirs() as number;
      expect([pod.blocks.state.children.length, child === own]).toEqual([2, false]);
      const load = await loaded(async () => {
        process.kill(child, 'SIGKILL');
        await eventually('the second kernel has its block again', async () => pod.blocks.state.children.length === 2 && (await fetch(`${secondApi}/k`)).ok);
      });
      process.stdout.write(`containers: SIGKILL of the state block's process for another kernel: ${load.toString()}\n`);
      expectOthersUntouched(load, undefined);
      expect(childOf('state', 2)).toBe(own);
      expect(await second.end()).toBe(0);
      await eventually('the second kernel\'s process has ended', () => pod.blocks.state.children.length === 1);
    }, 60_000);

    it('loses one life of one block when that outgrows its container', async () => {
      const groups = new Map(POD_BLOCKS.map((block) => [block, memoryGroupOf(pod.blocks[block].pid)]));
      const [before, container] = [childOf('state'), pod.blocks.state.pid];
      const value = 'x'.repeat(VALUE_BYTES);
      const load = await loaded(async () => {
        for (let index = 0; index < VALUES && groups.get('state')?.kills() === 0; index++) {
          await http.state.save('memory', [{ key: `big${index}`, value }]).catch(() => undefined); // the last one fails
        }
        await eventually('another process runs the block', () => pod.blocks.state.children.some((pid) => pid !== before));
      });
      process.stdout.write(`containers: out-of-memory kill of state at ${BLOCK_MEMORY_MB} MiB under load: ${load.toString()}\n`);
      expect(POD_BLOCKS.map((block) => [block, (groups.get(block)?.kills() ?? 0) > 0])).toEqual(POD_BLOCKS.map((block) => [block, block === 'state']));
      expect([pod.blocks.state.pid, childOf('state') === before]).toEqual([container, false]); // the parent lives on, for other kernels' sake
      expectOthersUntouched(load, 'state');
      expect((await pod.rows()).find(({ name }) => name === 'state')?.lastDeath?.reason).toMatch(/memory/);
    }, 60_000);

    it('goes on with the blocks that there are when the kernel\'s container is killed and started again', async () => {
      const value = { kept: 'in Redis' };
      if (server !== undefined) await http.state.save('redis', [{ key: 'kept', value }]);
      await http.state.save('memory', [{ key: 'lost', value: 1 }]);
      const containers = POD_BLOCKS.map((block) => pod.blocks[block].pid);
      const children = POD_BLOCKS.map((block) => childOf(block));
      await pod.kernel.kill();
      await pod.kernel.exitCode();
      await eventually('each block has let go of the kernel that is gone', () => POD_BLOCKS.every((block) => pod.blocks[block].children.length === 0));
      await pod.kernel.startAgain();
      await pod.isWhole();
      expect(POD_BLOCKS.map((block) => pod.blocks[block].pid)).toEqual(containers);
      expect(POD_BLOCKS.filter((block, index) => childOf(block) === children[index])).toEqual([]);
      // What a block has in memory belongs to the kernel that it has it for, and goes with it.
      expect(await http.state.get('memory', 'lost')).toBe('');
      if (server !== undefined) expect(await http.state.get('redis', 'kept')).toEqual(value);
      await http.pubsub.publish('topics', 'orders', { order: 'after' });
      await eventually('the application gets messages again', () => seen.some((data) => (data as { order: unknown }).order === 'after'));
    }, 60_000);

    it('ends in order: each container exits with 0 when it is told to', async () => {
      expect(await pod.kernel.end()).toBe(0);
      const codes = await Promise.all(POD_BLOCKS.map((block) => pod.blocks[block].end()));
      expect(codes).toEqual(POD_BLOCKS.map(() => 0));
    }, 60_000);
  });
}
