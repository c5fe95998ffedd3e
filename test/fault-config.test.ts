// Subscribers and readers of configuration while the block and the store die: nobody is left blind, nothing is told in the
// wrong order, and no read is older than it may be. Counted.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp, type App } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { noteDeliveries, subscribeHttp, subscribeStream, Told, type StreamSubscriber } from './harness/config-subscribers.ts';
import { GrpcClient } from './harness/grpc.ts';
import { pace } from './harness/pace.ts';
import { startSidecar, type ComponentManifest, type Sidecar } from './harness/sidecar.ts';
import { startEtcd } from './servers/etcd.ts';
import { startRedis } from './servers/redis.ts';
import { describeWithEtcd, describeWithRedis } from './servers/suites.ts';

const KEYS = Array.from({ length: 8 }, (_, i) => `key-${i}`);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** A store that the test changes behind the sidecar's back. */
interface Store {
  readonly component: ComponentManifest;
  /** Resolves when the store has acknowledged it. */
  put(key: string, value: string): Promise<unknown>;
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

async function redisStore(): Promise<Store> {
  const server = await startRedis({ durable: true, extra: ['--appendfsync', 'always'] });
  return {
    component: { name: 'config', type: 'configuration.redis', metadata: { redisHost: server.address } },
    put: (key, value) => server.raw.set(key, `${value}||${value}`),
    kill: () => server.kill(), restart: () => server.restart(), stop: () => server.stop(),
  };
}

async function etcdStore(): Promise<Store> {
  const server = await startEtcd();
  return {
    component: { name: 'config', type: 'configuration.etcd', metadata: { endpoints: server.address, keyPrefixPath: '/config' } },
    put: (key, value) => server.raw.put(`/config/${key}`).value(value).exec(),
    kill: () => server.kill(), restart: () => server.restart(), stop: () => server.stop(),
  };
}

function suite(name: string, open: () => Promise<Store>): void {
  describe(`subscribers of configuration on ${name}`, () => {
    let store: Store;
    let app: App;
    let sidecar: Sidecar;
    let grpc: GrpcClient;
    const pushed = new Told();
    let some: StreamSubscriber;
    let all: StreamSubscriber;
    let number = 0;

    beforeAll(async () => {
      store = await open();
      app = await startApp();
      noteDeliveries(app, pushed);
      sidecar = await startSidecar({ components: [store.component], flags: [`--app-port=${app.port}`] });
      grpc = new GrpcClient(sidecar.grpcAddress);
      for (const key of KEYS) await store.put(key, '0');
      some = await subscribeStream(grpc, 'config', KEYS);
      all = await subscribeStream(grpc, 'config', []);
      await subscribeHttp(sidecar, 'config', KEYS);
    }, 60_000);
    afterAll(async () => {
      grpc?.close();
      await sidecar?.stop();
      await app?.stop();
      await store?.stop();
    });

    const subscribers = (): [string, Told][] => [['stream of some keys', some.told], ['stream of all keys', all.told], ['application', pushed]];
    const change = async (): Promise<void> => {
      number++;
      for (const key of KEYS) await store.put(key, String(number));
    };
    const allTold = (): Promise<unknown> => eventually(`everybody is told of ${number}`, () => subscribers().every(([, told]) => KEYS.every((key) => told.last(key) === String(number))), 30_000);

    it('are told of each change once, and in order', async () => {
      for (let i = 0; i < 20; i++) {
        await change();
        await allTold();
      }
      expect(subscribers().map(([who, told]) => [who, told.count, told.disorder, told.ended])).toEqual(subscribers().map(([who]) => [who, 20 * KEYS.length, [0, 0], undefined]));
    }, 60_000);

    it('are told what changed while the block was dead, and hear of nothing else', async () => {
      const before = subscribers().map(([, told]) => told.count);
      const KILLS = 5;
      for (let kill = 0; kill < KILLS; kill++) {
        const pid = await sidecar.pidOf('config');
        process.kill(pid, 'SIGKILL');
        await change(); // while nobody listens
        await allTold();
        await change(); // and when somebody does again
        await allTold();
      }
      const { restarts, lost } = await sidecar.block('config');
      const repeats = subscribers().map(([, told]) => told.disorder[1]);
      print(`configuration on ${name}: ${KILLS} kills of the block, ${2 * KILLS * KEYS.length} changes; told twice: ${subscribers().map(([who], i) => `${who} ${repeats[i]}`).join(', ')}; streams lost: ${lost}`);
      expect(restarts).toBe(KILLS);
      expect(subscribers().map(([who, told]) => [who, told.disorder[0], told.ended])).toEqual(subscribers().map(([who]) => [who, 0, undefined]));
      // A change may be told twice when the block died before it could note that it had told it; none may be missing.
      for (const [index, [, told]] of subscribers().entries()) expect(told.count - (before[index] as number)).toBeGreaterThanOrEqual(2 * KILLS * KEYS.length - repeats[index]!);
      expect(all.told.byKey.has('another id')).toBe(false);
    }, 120_000);

    it('are told what changed while the store was away', async () => {
      for (let outage = 0; outage < 2; outage++) {
        await store.kill();
        await sleep(500); // long enough to be noticed
        await store.restart();
        await change();
        await allTold();
      }
      expect(subscribers().map(([who, told]) => [who, told.disorder[0], told.ended])).toEqual(subscribers().map(([who]) => [who, 0, undefined]));
    }, 120_000);

    it('are told of a last change after all that, and the one over HTTP can still be ended', async () => {
      await change();
      await allTold();
      some.cancel();
      await eventually('the stream is over', () => some.told.ended !== undefined);
      await change();
      await eventually('the others are told', () => [all.told, pushed].every((told) => KEYS.every((key) => told.last(key) === String(number))));
      expect(some.told.last('key-0')).toBe(String(number - 1));
    }, 60_000);
  });

  describe(`reads of configuration on ${name}`, () => {
    /** From the store's acknowledgement until a read must show it, on a machine that is not busy: sidecar and store need a turn each. */
    const STALE_MS = 50;
    const CHANGES = 60;

    it(`are never older than ${STALE_MS} ms, and mostly come from memory`, async () => {
      const store = await open();
      await store.put('key', '0');
      const sidecar = await startSidecar({ components: [store.component] });
      const grpc = new GrpcClient(sidecar.grpcAddress);
      /** What was acknowledged, and when. */
      const acknowledged: { readonly number: number; readonly atMs: number }[] = [{ number: 0, atMs: 0 }];
      const reads: { readonly atMs: number; readonly number: number; readonly hit: boolean }[] = [];
      const before = await pace();
      let stopped = false;
      const note = (atMs: number, value: string | undefined, cache: string | undefined): void => void reads.push({ atMs, number: Number(value ?? -1), hit: cache === 'hit' });
      const overHttp = async (): Promise<void> => {
        while (!stopped) {
          const atMs = performance.now();
          const { body, headers } = await sidecar.client.get('/v1.0/configuration/config?key=key');
          note(atMs, (JSON.parse(body) as { readonly key: { readonly value: string } }).key.value, String(headers['bulkhead-cache']));
        }
      };
      const overGrpc = async (): Promise<void> => {
        while (!stopped) {
          const atMs = performance.now();
          let cache: string | undefined;
          const { items } = await grpc.call('GetConfiguration', { storeName: 'config', keys: ['key'], metadata: new Map() }, { onMetadata: (metadata) => (cache = metadata['bulkhead-cache']) });
          note(atMs, items.get('key')?.value, cache);
        }
      };
      try {
        const readers = [overHttp(), overHttp(), overGrpc(), overGrpc()];
        for (let number = 1; number <= CHANGES; number++) {
          await store.put('key', String(number));
          acknowledged.push({ number, atMs: performance.now() });
          await sleep(20 + (number % 4) * 20);
        }
        stopped = true;
        await Promise.all(readers);
        const slowness = Math.max(before, await pace());
        const boundMs = STALE_MS * slowness;
        const stale = reads.filter(({ atMs, number }) => number < (acknowledged.findLast((change) => change.atMs + boundMs <= atMs)?.number ?? 0)).length;
        const hits = reads.filter(({ hit }) => hit).length;
        print(`configuration on ${name}: ${CHANGES} changes, ${reads.length} reads, ${hits} from memory, ${stale} older than ${Math.round(boundMs)} ms, on a machine ${slowness.toFixed(1)} times slower than idle`);
        expect(stale).toBe(0);
        expect(hits).toBeGreaterThan(reads.length / 2);
      } finally {
        stopped = true;
        grpc.close();
        await sidecar.stop();
        await store.stop();
      }
    }, 60_000);
  });
}

describeWithRedis('configuration that dies, on Redis', () => suite('Redis', redisStore));
describeWithEtcd('configuration that dies, on etcd', () => suite('etcd', etcdStore));
