// The official SDK for JavaScript, unmodified, for configuration and locks: both isolations, on every store. It has no
// configuration over HTTP.
import { CommunicationProtocolEnum, DaprClient, type LoggerService } from '@dapr/dapr';
import { LockStatus } from '@dapr/dapr/types/lock/UnlockResponse.js';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './harness/awaiting.ts';
import { STAGES, startSidecar, thrifty, type Sidecar } from './harness/sidecar.ts';
import { startEtcd, type EtcdServer } from './servers/etcd.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithEtcd, describeWithRedis } from './servers/suites.ts';

const silent = (): void => {};
const SILENT: LoggerService = { error: silent, warn: silent, info: silent, verbose: silent, debug: silent };
const PROTOCOLS = { HTTP: CommunicationProtocolEnum.HTTP, gRPC: CommunicationProtocolEnum.GRPC } as const;

/** A backend with its components, and how somebody else changes a key. */
interface Backend {
  readonly config: Readonly<Record<string, string>>;
  readonly lock: Readonly<Record<string, string>>;
  /** Undefined deletes it. */
  put(key: string, value: string | undefined): Promise<void>;
  stop(): Promise<void>;
}

const KINDS = ['in-memory', 'redis', 'etcd'] as const;

function suite(kind: (typeof KINDS)[number], open: () => Promise<Backend>): void {
  describe.each(STAGES.filter((stage) => thrifty(stage, KINDS).includes(kind)))(`the JavaScript SDK on ${kind} in $isolation isolation on $listener`, (stage) => {
    let backend: Backend;
    let sidecar: Sidecar;
    const clients: DaprClient[] = [];
    const client = async (protocol: keyof typeof PROTOCOLS): Promise<DaprClient> => {
      const made = new DaprClient({ daprHost: '127.0.0.1', daprPort: String(protocol === 'HTTP' ? sidecar.httpPort : sidecar.grpcPort), communicationProtocol: PROTOCOLS[protocol], logger: { service: SILENT } });
      await made.start();
      clients.push(made);
      return made;
    };

    beforeAll(async () => {
      backend = await open();
      sidecar = await startSidecar({
        ...stage, appId: 'sdk',
        components: [{ name: 'config', type: `configuration.${kind}`, metadata: backend.config }, { name: 'locks', type: `lock.${kind}`, metadata: backend.lock }],
      });
    });
    afterAll(async () => {
      for (const each of clients) await each.stop();
      await sidecar?.stop();
      await backend?.stop();
    });

    it.each(['HTTP', 'gRPC'] as const)('takes a lock, finds it taken, and gives it back over %s', async (protocol) => {
      const { lock } = await client(protocol);
      const resource = randomUUID();
      expect(await lock.lock('locks', resource, 'me', 60)).toEqual({ success: true });
      expect(await lock.lock('locks', resource, 'you', 60)).toEqual({ success: false });
      expect(await lock.unlock('locks', resource, 'you')).toEqual({ status: LockStatus.LockBelongsToOthers });
      expect(await lock.unlock('locks', resource, 'me')).toEqual({ status: LockStatus.Success });
      expect(await lock.unlock('locks', resource, 'me')).toEqual({ status: LockStatus.LockDoesNotExist });
      expect(await lock.lock('locks', resource, 'you', 60)).toEqual({ success: true });
      await expect(lock.lock('locks', '', 'you', 60)).rejects.toThrow('ResourceId is empty in lock store locks');
    });

    it('gets configuration, some keys and all', async () => {
      const { configuration } = await client('gRPC');
      await backend.put('a', '1');
      await backend.put('b', '2');
      await eventually('both are there', async () => Object.keys((await configuration.get('config', ['a', 'b', 'unknown'])).items).length === 2);
      expect((await configuration.get('config', ['a', 'unknown'])).items).toMatchObject({ a: { key: 'a', value: '1' } });
      expect(Object.keys((await configuration.get('config')).items)).toEqual(expect.arrayContaining(['a', 'b']));
      await expect(configuration.get('nowhere', ['a'])).rejects.toThrow('configuration store nowhere not found');
    });

    it('subscribes, hears of changes, new keys and deletions, also after the block was killed, and stops', async () => {
      const { configuration } = await client('gRPC');
      await backend.put('color', 'red');
      await eventually('it is there', async () => (await configuration.get('config', ['color'])).items['color']?.value === 'red');
      const heard: [key: string, value: string][] = [];
      const note = async ({ items }: { items: Readonly<Record<string, { value: string }>> }): Promise<void> => void heard.push(...Object.entries(items).map(([key, { value }]) => [key, value] as [string, string]));
      const some = await configuration.subscribeWithKeys('config', ['color'], note);
      const everything: string[] = [];
      const all = await configuration.subscribe('config', async ({ items }) => void everything.push(...Object.keys(items)));
      // The SDK says that it has subscribed before it has: a change is heard from some moment on.
      let number = 0;
      await eventually('the first change is heard', async () => {
        await backend.put('color', `green ${number++}`);
        await backend.put(`new ${number}`, 'x');
        return heard.length > 0 && everything.some((key) => key.startsWith('new'));
      });
      if (stage.isolation === 'process') {
        await sidecar.kill('config');
        await backend.put('color', 'changed meanwhile');
        await eventually('the change is heard on the next life', () => heard.some(([, value]) => value === 'changed meanwhile'));
      }
      await backend.put('color', undefined);
      await eventually('the deletion is heard', () => heard.at(-1)?.[1] === '');
      expect(new Set(heard.map(([key]) => key))).toEqual(new Set(['color']));
      await some.stop();
      await all.stop();
      const { length } = heard;
      await backend.put('color', 'after the end');
      await eventually('the store has it', async () => (await configuration.get('config', ['color'])).items['color']?.value === 'after the end');
      expect(heard.length).toBe(length);
    }, 30_000);
  });
}

suite('in-memory', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-sdk-'));
  const file = join(folder, 'configuration.json');
  const items: Record<string, string> = {};
  const write = (): void => writeFileSync(file, JSON.stringify(items));
  write();
  return {
    config: { file }, lock: {},
    put: async (key, value) => {
      if (value === undefined) delete items[key];
      else items[key] = value;
      write();
    },
    stop: async () => rmSync(folder, { recursive: true }),
  };
});

describeWithRedis('on Redis', () => suite('redis', async () => {
  const server: RedisServer = await startRedis();
  return {
    config: { redisHost: server.address }, lock: { redisHost: server.address },
    put: async (key, value) => void (value === undefined ? await server.raw.del(key) : await server.raw.set(key, `${value}||1`)),
    stop: () => server.stop(),
  };
}));

describeWithEtcd('on etcd', () => suite('etcd', async () => {
  const server: EtcdServer = await startEtcd();
  return {
    config: { endpoints: server.address, keyPrefixPath: '/config' }, lock: { endpoints: server.address },
    put: async (key, value) => void (value === undefined ? await server.raw.delete().key(`/config/${key}`) : await server.raw.put(`/config/${key}`).value(value)),
    stop: () => server.stop(),
  };
}));
