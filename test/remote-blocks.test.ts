// The API over blocks that are all in other containers, over memory that both share and over sockets: what an application and an SDK see is
// what they see anywhere else.
import { CommunicationProtocolEnum, DaprClient, type LoggerService } from '@dapr/dapr';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coordinationConformance } from './conformance/coordination.ts';
import { pubsubConformance } from './conformance/pubsub.ts';
import { startApp, type App } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { REMOTE_BLOCKS, RemoteBlocks } from './harness/block-server.ts';
import { subscribeStream } from './harness/config-subscribers.ts';
import { GrpcClient } from './harness/grpc.ts';
import { Load } from './harness/load.ts';
import { Ledger, PublishLoad } from './harness/pubsub-ledger.ts';
import { startSidecar, type Sidecar } from './harness/sidecar.ts';
import { getState, saveState, stateItem } from './harness/states.ts';
import { TopicSubscriber } from './harness/topic-subscriber.ts';

const ROUNDS = 2;
const silent = (): void => {};
const SILENT: LoggerService = { error: silent, warn: silent, info: silent, verbose: silent, debug: silent };

pubsubConformance('pubsub.in-memory', 'remote', () => ({ type: 'pubsub.in-memory' }), { inOrder: false, persists: false });

describe('in memory', () => {
  let folder: string;
  beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'bulkhead-remote-')); });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  coordinationConformance('in-memory', 'remote', () => {
    const file = join(folder, 'items.json'); // a remote block reads files where it runs
    const items: Record<string, { readonly value: string; readonly version: string }> = {};
    const write = (): void => writeFileSync(file, JSON.stringify(items));
    write();
    return {
      config: { type: 'configuration.in-memory', metadata: { file } }, lock: { type: 'lock.in-memory' }, sequencer: { type: 'sequencer.in-memory' },
      put: async (key, value, version) => {
        if (value === undefined) delete items[key];
        else items[key] = { value, version };
        write();
      },
    };
  }, { ownVersions: true, shortestLock: 1 });
});

describe('one set of block servers', () => {
  let servers: RemoteBlocks;
  beforeAll(async () => { servers = await RemoteBlocks.start(); });
  afterAll(() => servers?.stop());

  describe.each([['rings', [], 'ring'], ['sockets, because the kernel was told so', ['--remote-rings=false'], 'socket']] as const)('spoken to over %s', (_over, flags, transport) => {
    const folder = mkdtempSync(join(tmpdir(), 'bulkhead-remote-'));
    const file = join(folder, 'items.json');
    const ledger = new Ledger();
    let app: App;
    let sidecar: Sidecar;
    let grpc: GrpcClient;
    beforeAll(async () => {
      writeFileSync(file, '{"a":"0"}');
      app = await startApp({ subscriptions: [{ pubsubname: 'topics', topic: 't', route: '/t' }], handler: ledger.handler() });
      sidecar = await startSidecar({
        isolation: 'remote', servers, appId: `app-${transport}`, flags: [`--app-port=${app.port}`, ...flags],
        components: [
          { name: 'store', type: 'state.in-memory' }, { name: 'topics', type: 'pubsub.in-memory' }, { name: 'settings', type: 'configuration.in-memory', metadata: { file } },
          { name: 'locks', type: 'lock.in-memory' }, { name: 'ids', type: 'sequencer.in-memory' },
        ],
      });
      grpc = new GrpcClient(sidecar.grpcAddress);
    });
    afterAll(async () => {
      grpc?.close();
      await sidecar?.stop();
      await app?.[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    });

    it('is told of in each row, and every server serves it', async () => {
      expect(await sidecar.blocks()).toEqual(REMOTE_BLOCKS.map((name) => expect.objectContaining({ name, mode: 'remote', transport, address: servers.of(name).address, state: 'ready', life: 1, restarts: 0, pid: expect.any(Number) as number }) as object));
      for (const name of REMOTE_BLOCKS) expect(servers.of(name).tenants().map(({ app: id, way }) => [id, way])).toContainEqual([`app-${transport}`, transport]);
    });

    it('carries values of every size, over both protocols', async () => {
      for (const bytes of [0, 1, 1_000, 100_000, 3_000_000]) {
        const value = JSON.stringify('x'.repeat(bytes));
        await grpc.call('SaveState', saveState('store', stateItem(`size-${bytes}`, value)));
        expect((await sidecar.client.get(`/v1.0/state/store/size-${bytes}`)).body === value, `${bytes} bytes over HTTP`).toBe(true);
        expect(Buffer.from((await grpc.call('GetState', getState('store', `size-${bytes}`))).data).toString() === value, `${bytes} bytes over gRPC`).toBe(true);
      }
    });

    it('serves the official SDK', async () => {
      for (const [communicationProtocol, daprPort] of [[CommunicationProtocolEnum.HTTP, sidecar.httpPort], [CommunicationProtocolEnum.GRPC, sidecar.grpcPort]] as const) {
        const client = new DaprClient({ daprHost: '127.0.0.1', daprPort: String(daprPort), communicationProtocol, logger: { service: SILENT } });
        await client.state.save('store', [{ key: 'sdk', value: { of: communicationProtocol } }]);
        expect(await client.state.get('store', 'sdk')).toEqual({ of: communicationProtocol });
        expect((await client.lock.lock('locks', 'resource', 'me', 60)).success).toBe(communicationProtocol === CommunicationProtocolEnum.HTTP);
        if (communicationProtocol === CommunicationProtocolEnum.GRPC) expect((await client.configuration.get('settings', ['a'])).items['a']?.value).toBe('0');
        await client.stop();
      }
    });

    it('fails no call, loses no message and tells every change while all its blocks are replaced', async () => {
      const load = new Load(sidecar, { store: 'store', clients: 4 });
      const publishing = new PublishLoad(sidecar, ledger, { pubsub: 'topics', topic: 't', clients: 2 });
      const events = new TopicSubscriber(grpc, 'topics', 'streamed');
      await events.stands();
      const settings = await subscribeStream(grpc, 'settings', []);
      const ids: number[] = [];
      for (let round = 1; round <= ROUNDS; round++) {
        const progress = Promise.all([load.acknowledges(50), publishing.acknowledges(50)]);
        const replacing = Promise.all(REMOTE_BLOCKS.map((block) => sidecar.client.post(`/actuator/blocks/${block}/restart`, '')));
        for (let i = 0; i < 20; i++) {
          await events.publish(sidecar);
          ids.push(...(JSON.parse((await sidecar.client.post('/v1.0-bulkhead/sequencer/ids/key')).body) as { readonly ids: readonly number[] }).ids);
        }
        writeFileSync(file, JSON.stringify({ a: String(round) }));
        expect((await replacing).map(({ status }) => status)).toEqual(REMOTE_BLOCKS.map(() => 200));
        await progress;
        await eventually('the change is told', () => settings.told.last('a') === String(round));
      }
      await Promise.all([load.stop(), publishing.stop()]);
      await ledger.settled();
      await events.settled();
      settings.cancel();
      events.cancel();
      process.stdout.write(`remote over ${transport}: ${load.acknowledged.length} writes, ${load.reads} reads, slowest ${Math.round(load.slowestMs)} ms; topic: ${String(ledger)}; stream: ${events.published} events; ${5 * ROUNDS} lives replaced\n`);
      expect([load.failures, load.wrong, await load.missing()]).toEqual([[], [], []]);
      expect([ledger.failures, ledger.missing(), ledger.duplicates]).toEqual([[], [], 0]);
      expect([events.initials, events.duplicates, events.missing()]).toEqual([1, 0, []]);
      expect(new Set(ids).size).toBe(20 * ROUNDS);
      expect((await sidecar.blocks()).map(({ name, life, restarts, lost, repeated }) => [name, life, restarts, lost, repeated])).toEqual(REMOTE_BLOCKS.map((block) => [block, ROUNDS + 1, 0, 0, 0]));
    }, 60_000);
  });
});
