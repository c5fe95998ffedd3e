// Each block sees only its components' secrets: the memory, the environment and the arguments of every block's process are searched
// for all the secrets there are, the tokens and the kernel's environment among them; and no block holds another's memory or sockets.
// That the search finds what is there is shown by each block's own secrets, and by the kernel's memory, which has them all.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { GetStateRequest } from '../proto/gen/dapr/proto/runtime/v1/state.ts';
import { startApp, type App } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { GrpcClient } from './harness/grpc.ts';
import { argumentsOf, descriptorTargetsOf, environmentOf, Marked, Memory, memoryProblem, sharedInodesOf } from './harness/process-memory.ts';
import { startSidecar, type BlockRow, type Isolation, type Sidecar } from './harness/sidecar.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 }); // programs are started, on machines that are busy

const problem = memoryProblem(process.ppid);
if (problem !== undefined) process.stderr.write(`SKIPPED: what blocks have in their memory: ${problem}\n`);

const marked = new Marked();
const secret = (): string => marked.secret();

/** By who may know it. */
const SECRETS = { orders: secret(), carts: secret(), pubsub: secret(), config: secret(), lock: secret(), ids: secret() } as const;
const NOBODYS = { apiToken: secret(), appToken: secret(), environment: secret(), inFile: secret() } as const;
const ALL = { ...SECRETS, ...NOBODYS };
type Name = keyof typeof ALL;
const ENVIRONMENT = { DAPR_API_TOKEN: NOBODYS.apiToken, APP_API_TOKEN: NOBODYS.appToken, KERNELS_OWN: NOBODYS.environment, LOCK_PASSWORD: SECRETS.lock, CONFIG_PASSWORD: SECRETS.config };
const TOKEN = { 'dapr-api-token': NOBODYS.apiToken };

const user = (name: keyof typeof SECRETS): string[] => ['--user', name, 'on', `>${SECRETS[name]}`, '~*', '&*', '+@all'];

interface Reference {
  readonly value?: string;
  readonly secretKeyRef?: { readonly name: string; readonly key: string };
  readonly envRef?: string;
}

/** JSON is YAML. */
function component(name: string, type: string, server: RedisServer, account: string, password: Reference, annotations = {}): string {
  const metadata = [{ name: 'redisHost', value: server.address }, { name: 'redisUsername', value: account }, { name: 'redisPassword', ...password }];
  return JSON.stringify({ apiVersion: 'dapr.io/v1alpha1', kind: 'Component', metadata: { name, annotations }, spec: { type, version: 'v1', metadata }, auth: { secretStore: 'file' } });
}

const inFile = (name: string): Reference => ({ secretKeyRef: { name, key: name } });
/** Each way that a secret can come: from the file, from the environment, as a secret or by name, and in the manifest itself. */
function manifests(server: RedisServer, folder: string): string[] {
  return [
    JSON.stringify({ apiVersion: 'dapr.io/v1alpha1', kind: 'Component', metadata: { name: 'file' }, spec: { type: 'secretstores.local.file', version: 'v1', metadata: [{ name: 'secretsFile', value: join(folder, 'secrets.json') }] } }),
    component('orders', 'state.redis', server, 'orders', inFile('orders')),
    component('carts', 'state.redis', server, 'carts', inFile('carts'), { isolation: 'component' }),
    component('pubsub', 'pubsub.redis', server, 'pubsub', { value: SECRETS.pubsub }),
    component('settings', 'configuration.redis', server, 'config', { envRef: 'CONFIG_PASSWORD' }),
    component('locks', 'lock.redis', server, 'lock', { envRef: 'LOCK_PASSWORD' }),
    component('ids', 'sequencer.redis', server, 'ids', inFile('ids')),
  ];
}

/** What each compartment may know. */
const MAY_KNOW: Readonly<Record<string, readonly Name[]>> = { state: ['orders'], 'state/carts': ['carts'], pubsub: ['pubsub'], config: ['config'], lock: ['lock'], sequencer: ['ids'] };

function start(server: RedisServer, app: App, folder: string, isolation: Isolation, flags: readonly string[]): Promise<Sidecar> {
  writeFileSync(join(folder, 'secrets.json'), JSON.stringify({ orders: SECRETS.orders, carts: SECRETS.carts, ids: SECRETS.ids, nobodys: NOBODYS.inFile }));
  return startSidecar({ isolation, components: manifests(server, folder).join('\n---\n'), env: ENVIRONMENT, flags: [`--app-port=${app.port}`, '--log-level=debug', ...flags] });
}

/** Something for each block to do, with the API's token in each request and the application's in each delivery. */
async function work(sidecar: Sidecar, app: App): Promise<void> {
  const { client } = sidecar;
  using grpc = new GrpcClient(sidecar.grpcAddress);
  for (let turn = 0; turn < 3; turn++) {
    for (const [method, path, body, status] of [
      ['POST', '/v1.0/state/orders', '[{"key":"k","value":1}]', 204], ['GET', '/v1.0/state/orders/k', undefined, 200], ['POST', '/v1.0/state/carts', '[{"key":"k","value":1}]', 204],
      ['POST', '/v1.0/publish/pubsub/topic', '{"n":1}', 204], ['GET', '/v1.0/configuration/settings?key=k', undefined, 200],
      ['POST', '/v1.0-alpha1/lock/locks', '{"resourceId":"r","lockOwner":"o","expiryInSeconds":1}', 200], ['POST', '/v1.0-bulkhead/sequencer/ids/k', '{}', 200],
    ] as const) {
      const reply = await client.send(method, path, { headers: { ...TOKEN, Authorization: `Bearer ${NOBODYS.apiToken}`, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }, ...(body === undefined ? {} : { body }) });
      expect([path, reply.status, reply.body]).toEqual([path, status, expect.any(String)]);
    }
    const request = { storeName: 'orders', key: 'k', consistency: 0, metadata: new Map<string, string>() } satisfies GetStateRequest;
    for (const metadata of [TOKEN, { ...TOKEN, 'some-metadata': NOBODYS.apiToken }]) await grpc.call('GetState', request, { metadata });
    await grpc.call('PublishEvent', { pubsubName: 'pubsub', topic: 'topic', data: Buffer.from('{}'), dataContentType: 'application/json', metadata: new Map<string, string>() }, { metadata: TOKEN });
    await grpc.call('GetConfiguration', { storeName: 'settings', keys: ['k'], metadata: new Map<string, string>() }, { metadata: TOKEN });
  }
  await app.received(1);
  expect(app.deliveries[0]?.headers['dapr-api-token']).toBe(NOBODYS.appToken);
}

async function rowsOf(sidecar: Sidecar): Promise<readonly BlockRow[]> {
  return (JSON.parse((await sidecar.client.get('/actuator/blocks', TOKEN)).body) as { readonly blocks: readonly BlockRow[] }).blocks;
}

const known = (memory: Memory): Name[] => (Object.keys(ALL) as Name[]).filter((name) => memory.has(ALL[name]));

describeWithRedis('what a block can know', () => {
  describe.skipIf(problem !== undefined).each([
    ['process', 'one gateway', [] as string[]], ['process', 'two gateways', ['--gateways=2']], ['remote', 'two gateways', ['--gateways=2']],
  ] as const)('in %s isolation with %s', (isolation, _, flags) => {
    let server: RedisServer;
    let app: App;
    let sidecar: Sidecar;
    let rows: readonly { readonly name: string; readonly pid: number }[];
    const folder = mkdtempSync(join(tmpdir(), 'bulkhead-secrets-'));
    beforeAll(async () => {
      server = await startRedis({ extra: (Object.keys(SECRETS) as (keyof typeof SECRETS)[]).flatMap(user) });
      await server.raw.call('SET', 'k', 'v||1');
      app = await startApp({ subscriptions: [{ pubsubname: 'pubsub', topic: 'topic', route: '/topic' }] });
      sidecar = await start(server, app, folder, isolation, flags);
      await eventually('every component works', async () => (await rowsOf(sidecar)).flatMap(({ components }) => components).filter(({ state }) => state === 'ready').length === 6);
      await work(sidecar, app);
      rows = (await rowsOf(sidecar)).map(({ name, pid }) => ({ name, pid: sidecar.servers?.pidOf(sidecar.pid, name) ?? pid }));
    });
    afterAll(async () => {
      await sidecar?.stop();
      await app?.stop();
      await server?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    it('is its own components\' secrets, and no other one in its memory', () => {
      for (const { name, pid } of rows) {
        const memory = new Memory(pid, marked);
        expect(memory.bytes, `so much of the ${name} block was read`).toBeGreaterThan(16 * 1024 * 1024);
        expect([name, known(memory)]).toEqual([name, MAY_KNOW[name]]);
      }
    });

    it.skipIf(isolation !== 'remote')('is nothing where it only passes through: in the block servers that have started the processes', () => {
      for (const { block, pid } of sidecar.servers?.servers.values() ?? []) {
        const memory = new Memory(pid, marked);
        expect(memory.bytes, `so much of the ${block} block's server was read`).toBeGreaterThan(16 * 1024 * 1024);
        expect([block, known(memory), environmentOf(pid).includes(marked.mark)]).toEqual([block, [], false]);
        expect([block, [...sharedInodesOf(pid)], descriptorTargetsOf(pid).filter((target) => target.includes('memfd'))]).toEqual([block, [], []]);
      }
    });

    it('is found by the search where it is known to be: in the kernel', () => {
      const memory = new Memory(sidecar.pid, marked);
      expect(known(memory).toSorted()).toEqual(Object.keys(ALL).toSorted());
    });

    it('is nothing by its environment and its arguments', () => {
      for (const { name, pid } of rows) {
        expect([name, environmentOf(pid).split('\0').filter((line) => line !== '').map((line) => line.split('=')[0])]).toEqual([name, ['NODE_COMPILE_CACHE', 'NODE_COMPILE_CACHE_PORTABLE']]);
        expect(argumentsOf(pid)).not.toContain(marked.mark);
      }
    });

    it('is no memory and no socket of another block, and none of the kernel\'s', () => {
      const kernel = descriptorTargetsOf(sidecar.pid);
      const everybodys = new Set(descriptorTargetsOf(process.pid)); // what all have that a test starts
      const kernelMemory = sharedInodesOf(sidecar.pid);
      const seen = new Map<string, string>();
      for (const { name, pid } of rows) {
        const segments = sharedInodesOf(pid);
        expect(segments.size, `the ${name} block's segments`).toBe(flags.length === 0 ? 1 : 3);
        for (const inode of segments) expect(kernelMemory.has(inode), `segment ${inode} of the ${name} block is shared with the kernel`).toBe(true);
        const held = descriptorTargetsOf(pid).filter((target) => /^(?:socket|pipe):|memfd/.test(target) && !everybodys.has(target));
        expect(held.filter((target) => target.includes('memfd')), `descriptors of memory in the ${name} block`).toEqual([]);
        expect(held.filter((target) => target.startsWith('socket:') && kernel.includes(target)), `sockets of the kernel in the ${name} block`).toEqual([]);
        for (const target of [...segments, ...new Set(held)]) {
          expect([target, name, seen.get(target)]).toEqual([target, name, undefined]);
          seen.set(target, name);
        }
      }
    });

    it('is in no log line', () => {
      expect(sidecar.logs.all.filter((line) => line.includes(marked.mark))).toEqual([]);
    });
  });
});

describe('a driver that quotes a secret in its error', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-quoted-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(['process', 'monolith'] as const)('shows it to nobody, in %s isolation: not in health, the actuator, answers and logs', async (isolation) => {
    const path = join(folder, 'secrets.json');
    const secretPath = `/nowhere/${marked.secret()}`;
    writeFileSync(path, JSON.stringify({ path: secretPath }));
    const store = (name: string, entries: readonly object[]): string => JSON.stringify({
      apiVersion: 'dapr.io/v1alpha1', kind: 'Component', metadata: { name }, spec: { type: name === 'file' ? 'secretstores.local.file' : 'state.sqlite', version: 'v1', metadata: entries }, auth: { secretStore: 'file' },
    });
    const components = [store('file', [{ name: 'secretsFile', value: path }]), store('quoting', [{ name: 'connectionString', secretKeyRef: { name: 'path', key: 'path' } }])].join('\n---\n');
    await using sidecar = await startSidecar({ isolation, components, flags: ['--blocks=state', '--log-level=debug'], until: 'listening' });
    using grpc = new GrpcClient(sidecar.grpcAddress);
    const { components: [row] } = await eventually('the store has failed', async () => {
      const block = await sidecar.block('state');
      return block.components[0]?.reason === undefined ? undefined : block;
    }) as BlockRow;
    const request = { storeName: 'quoting', key: 'k', consistency: 0, metadata: new Map<string, string>() } satisfies GetStateRequest;
    const told = [
      JSON.stringify(row), (await sidecar.client.get('/v1.0/healthz')).body, (await sidecar.client.get('/actuator/blocks')).body, (await sidecar.client.get('/v1.0/state/quoting/k')).body,
      await grpc.call('GetState', request).then(JSON.stringify, (cause: { text: string; details: unknown }) => `${cause.text} ${JSON.stringify(cause.details)}`), ...sidecar.logs.all,
    ];
    expect(row?.reason).toContain('[redacted]');
    expect(told.filter((text) => text.includes(marked.mark))).toEqual([]);
  });
});
