// Every command line of ours in deploy/compose.yaml and deploy/kubernetes is one that the program takes, and what kernels dial is what block
// servers listen on: the same file, of the block that it is taken for.
import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseBlockServer } from '../kernel/block-server/flags.ts';
import { parseCommandLine, type Config } from '../kernel/config.ts';
import { addressText } from '../kernel/remote/address.ts';
import { containersIn, readCompose } from './harness/compose.ts';
import { fileOf, isBlockServer, isKernel, type Container } from './harness/described.ts';
import { containersOf, describeWithKubectl, render } from './harness/kustomize.ts';

const BLOCKS = ['state', 'pubsub', 'config', 'lock', 'sequencer'];

/** The containers of what is applied together. */
const FORMS: Readonly<Record<string, readonly string[]>> = { sidecar: ['sidecar'], 'sidecar-redis': ['sidecar-redis'], node: ['node/blocks', 'node/app'], monolith: ['monolith'] };
const containers = (form: string): Container[] => (FORMS[form] ?? []).flatMap((folder) => render(folder).flatMap((object) => containersOf(object, folder)));

function kernelConfig({ where, args, env }: Container): Config {
  const parsed = parseCommandLine(args, env);
  if (!('config' in parsed)) throw new Error(`${where}: ${parsed.fatal?.text ?? parsed.stderr?.split('\n').at(-2) ?? `it ends with ${parsed.exit}`}`);
  expect(parsed.config.warnings, where).toEqual([]);
  return parsed.config;
}

/** Checks that kernels and block servers of a form fit together. */
function check(all: readonly Container[], expected: { readonly kernels: number; readonly servers: readonly string[] }): void {
  const listening = new Map<string, string>();
  const ceilings = new Map<string, { readonly heapBytes: number; readonly memoryBytes: number }>();
  for (const server of all.filter(isBlockServer)) {
    const config = parseBlockServer(server.args.slice(1), BLOCKS, 'edge');
    if (config === undefined || config.listen.kind !== 'unix') throw new Error(`${server.where}: it listens on no Unix socket`);
    const file = fileOf(server, config.listen.path);
    if (file === undefined) throw new Error(`${server.where}: ${config.listen.path} is on no volume`);
    expect(listening.get(file), `${server.where}: ${file}`).toBeUndefined();
    listening.set(file, config.block);
    expect(config.uids, server.where).toEqual([65_532]);
    ceilings.set(config.block, config.ceilings);
    const ours = addressText(config.listen);
    expect(server.probes.length, server.where).toBeGreaterThan(0);
    for (const probe of server.probes) expect(probe, server.where).toEqual(['bulkhead', 'probe', ours]);
  }
  expect([...listening.values()].sort()).toEqual([...expected.servers].sort());

  const kernels = all.filter(isKernel);
  expect(kernels).toHaveLength(expected.kernels);
  for (const kernel of kernels) {
    const config = kernelConfig(kernel);
    expect(config.appId).toBe('orders');
    const dialled = config.blocks.filter(({ isolation }) => isolation === 'remote').map(({ name, address }) => {
      if (address?.kind !== 'unix') throw new Error(`${kernel.where}: ${name} is dialled by no Unix socket`);
      return [name, listening.get(fileOf(kernel, address.path) ?? '')];
    });
    expect(dialled, kernel.where).toEqual(expected.servers.map((name) => [name, name]));
    // What a kernel asks for is what it gets: it replaces a block at the memory that it asked for, not at the server's ceiling.
    for (const { name, limits: { heapBytes, memoryBytes } } of config.blocks) if (ceilings.has(name)) expect({ heapBytes, memoryBytes }, kernel.where).toEqual({ heapBytes: ceilings.get(name)?.heapBytes, memoryBytes: ceilings.get(name)?.memoryBytes });
    for (const probe of kernel.probes) expect(parseCommandLine(probe.slice(1), kernel.env), kernel.where).toMatchObject({ command: 'wait' });
  }
}

describe('deploy/compose.yaml', () => {
  it('its command lines are understood, and its kernel dials what its blocks listen on', () => {
    check(containersIn(readCompose()), { kernels: 1, servers: BLOCKS });
  });

  it('the kernel is told of an application when there is one', () => {
    const [kernel] = containersIn(readCompose(undefined, { APP_PORT: '8080', DAPR_API_TOKEN: 'a-token' })).filter(isKernel);
    expect(kernelConfig(kernel!).app).toMatchObject({ port: 8080, address: 'app' });
    const [without] = containersIn(readCompose()).filter(isKernel);
    expect(kernelConfig(without!).app.port).toBe(0);
  });

  it('a slip in a socket, a flag or a volume is noticed', () => {
    const all = containersIn(readCompose());
    const changed = (name: string, from: string, to: string): Container[] => {
      const text = JSON.stringify(all);
      return (JSON.parse(text) as Container[]).map((one) => (one.name === name ? JSON.parse(JSON.stringify(one).replaceAll(from, to)) as Container : one));
    };
    const checked = (list: Container[]) => () => check(list, { kernels: 1, servers: BLOCKS });
    expect(checked(changed('kernel', '/run/bulkhead/state/', '/run/bulkhead/stat/'))).toThrow();
    expect(checked(changed('kernel', 'state=remote', 'stat=remote'))).toThrow(/stat/);
    expect(checked(changed('lock', '--listen', '--lisen'))).toThrow(/listen/);
    expect(checked(changed('lock', '"lock"', '"pubsub"'))).toThrow();
    expect(checked(changed('lock', '"lock-socket"', '"state-socket"'))).toThrow();
    expect(checked(changed('lock', '96Mi', '96Mib'))).toThrow(/96Mib/);
  });
});

describeWithKubectl('deploy/kubernetes', () => {
  it('tcp: the kernel dials the Services of the blocks, with certificates at both ends', () => {
    const objects = render('tcp/blocks');
    const services = new Map(objects.filter(({ kind }) => kind === 'Service').map(({ metadata, spec }) => [`${metadata.name}.${metadata.namespace}`, spec as unknown as { selector: Record<string, string>; ports: { port: number }[] }]));
    const [kernel] = render('tcp/app').flatMap((object) => containersOf(object, 'tcp/app')).filter(isKernel);
    const config = kernelConfig(kernel!);
    expect(config.remote.tls).toEqual({ cert: '/tls/tls.crt', key: '/tls/tls.key', ca: '/tls/ca.crt' });
    for (const { name, address, limits } of config.blocks) {
      if (address?.kind !== 'tcp') throw new Error(`${name} is not dialled over TCP`);
      const service = services.get(address.host);
      const deployment = objects.find(({ kind, spec }) => kind === 'Deployment' && Object.entries(service?.selector ?? { none: '' }).every(([key, value]) => spec?.template?.metadata.labels?.[key] === value));
      const [server] = deployment === undefined ? [] : containersOf(deployment, 'tcp/blocks');
      const serving = parseBlockServer(server?.args.slice(1) ?? [], BLOCKS, 'edge');
      expect(serving).toMatchObject({ block: name, listen: { kind: 'tcp', port: address.port }, peers: ['bulkhead-kernel', `bulkhead-block-${name}`], tcp: { tls: { cert: '/tls/tls.crt', key: '/tls/tls.key', ca: '/tls/ca.crt' }, plain: false } });
      expect(serving?.ceilings, name).toMatchObject({ heapBytes: limits.heapBytes, memoryBytes: limits.memoryBytes });
      expect(service?.ports.map(({ port }) => port)).toEqual([address.port]);
      expect(deployment?.spec?.template?.spec.volumes).toEqual([{ name: 'tls', secret: { secretName: `bulkhead-block-${name}-tls` } }]);
      for (const probe of server?.probes ?? []) expect(probe).toEqual(['bulkhead', 'probe', `tcp:127.0.0.1:${address.port}`, '--tls-cert=/tls/tls.crt', '--tls-key=/tls/tls.key', '--tls-ca=/tls/ca.crt', '--tls-name=bulkhead-block']);
    }
  });

  it.each([
    ['sidecar', BLOCKS],
    ['sidecar-redis', BLOCKS],
    ['node', BLOCKS],
    ['monolith', []],
  ] as const)('%s: its command lines are understood, and its kernel dials what its blocks listen on', (form, servers) => {
    check(containers(form), { kernels: 1, servers });
  });

  it('the kernel listens where its probes and the application look for it', () => {
    for (const form of Object.keys(FORMS)) {
      const all = containers(form);
      const kernel = all.find(isKernel)!;
      const config = kernelConfig(kernel);
      for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) expect(kernel.raw[probe], form).toMatchObject({ httpGet: { port: config.api.publicPort } });
      expect(kernel.raw['ports']).toEqual([{ name: 'bulkhead-health', containerPort: config.api.publicPort }, { name: 'bulkhead-metric', containerPort: config.metrics.port }]);
      const app = all.find(({ name }) => name === 'app')!;
      expect(app.env, form).toMatchObject({ DAPR_HTTP_PORT: String(config.api.httpPort), DAPR_GRPC_PORT: String(config.api.grpcPort) });
      expect(app.raw['ports']).toEqual([{ name: 'http', containerPort: config.app.port }]);
      expect(config.api.listenAddresses, form).toEqual(['127.0.0.1']);
    }
  });

  it('monolith: all blocks are in the kernel', () => {
    expect(kernelConfig(containers('monolith').find(isKernel)!).blocks.map(({ isolation }) => isolation)).toEqual(BLOCKS.map(() => 'monolith'));
  });

  it('node: the folder that is made for the sockets is one that a block server takes', () => {
    const makers = containers('node').filter(({ name }) => name === 'folder');
    expect(makers.map(({ mounts }) => mounts)).toEqual(BLOCKS.map((block) => [{ path: '/run/bulkhead', source: `node:/run/bulkhead/${block}`, readOnly: false }]).sort((a, b) => a[0]!.source.localeCompare(b[0]!.source)));
    const folder = mkdtempSync(join(tmpdir(), 'bulkhead-folder-'));
    try {
      const uid = process.getuid?.() === 0 ? 65_532 : process.getuid?.();
      const [maker] = makers;
      expect(maker?.entryPoint).toEqual(['node', '-e']);
      const script = maker?.args[0]?.replaceAll('/run/bulkhead', folder).replaceAll('65532', String(uid)) ?? '';
      for (const _start of ['first', 'second']) {
        execFileSync(process.execPath, ['-e', script]);
        const made = statSync(join(folder, 'sockets'));
        expect([made.mode & 0o7777, made.uid]).toEqual([0o700, uid]);
      }
      if (process.getuid?.() === 0) chownSync(join(folder, 'sockets'), 0, 0);
      execFileSync(process.execPath, ['-e', script]); // a start that was interrupted is completed
      expect(statSync(join(folder, 'sockets')).uid).toBe(uid);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
