// What deploy/compose.yaml and deploy/kubernetes promise of every container of ours: nothing to write to, no rights, no network that it has no
// use for, limits that fit its flags, and no secret but the kernel's.
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseBlockServer } from '../kernel/block-server/flags.ts';
import { parseCommandLine } from '../kernel/config.ts';
import { loadResources } from '../kernel/resources.ts';
import { COMPOSE_FILE, containersIn, readCompose } from './harness/compose.ts';
import { isBlockServer, isKernel, type Container } from './harness/described.ts';
import { containersOf, describeWithKubectl, render, type Rendered } from './harness/kustomize.ts';

const MI = 1024 * 1024;
const BLOCKS = ['state', 'pubsub', 'config', 'lock', 'sequencer'];
const COMPONENTS = ['configstore', 'ids', 'lockstore', 'pubsub', 'statestore'];
/** Of the server beside its kernels' processes. */
const SERVER_BYTES = 64 * MI;
/** What a life's memory may grow to, at most, beside --memory, before it is replaced: it is killed at half as much again. */
const OVERSHOOT = 1.5;

const isOurs = ({ image }: Container): boolean => image.startsWith('bulkhead');

/** A container's limit leaves room for a life at its utmost, and for its successor. */
function checkLimits(server: Container): void {
  const config = parseBlockServer(server.args.slice(1), BLOCKS, 'edge');
  const { heapBytes, memoryBytes } = config?.ceilings ?? { heapBytes: 0, memoryBytes: 0 };
  expect(heapBytes, server.where).toBeGreaterThan(0);
  expect(memoryBytes, server.where).toBeGreaterThanOrEqual(heapBytes + 64 * MI);
  expect(server.memoryLimit, server.where).toBeGreaterThanOrEqual(SERVER_BYTES + memoryBytes * OVERSHOOT + SERVER_BYTES);
}

/** @param folders of manifests. @returns the components by name, and what was complained of */
async function loaded(folders: readonly string[], env: Readonly<Record<string, string>>) {
  const parsed = parseCommandLine(['--app-id=orders', ...folders.map((folder) => `--resources-path=${folder}`)], env);
  if (!('config' in parsed)) throw new Error('the command line was refused');
  const { blocks, notices } = await loadResources(parsed.config, { env });
  const specs = [...blocks.values()].flat();
  return { names: specs.map(({ name }) => name).sort(), specs, complaints: notices.filter(({ level }) => level !== 'info') };
}

describe('deploy/compose.yaml', () => {
  const file = readCompose();
  const all = containersIn(file);

  it('takes everything from its containers that they have no use for', () => {
    const ours = all.filter(isOurs);
    expect(ours).toHaveLength(6);
    for (const { raw, where, mounts } of ours) {
      expect(raw, where).toMatchObject({ user: '65532:65532', read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'], restart: 'unless-stopped' });
      expect(Object.keys(raw['ulimits'] as object).sort()).toEqual(['nofile', 'nproc']);
      expect(Number(raw['pids_limit']), where).toBeGreaterThan(100);
      for (const { source, readOnly } of mounts) expect(readOnly || source.endsWith('-socket'), `${where} ${source}`).toBe(true);
    }
    for (const server of ours.filter(isBlockServer)) checkLimits(server);
  });

  it('gives a block a network only where its components have servers, and none with a way out', () => {
    const networks = Object.fromEntries(Object.entries(file.services).map(([name, { network_mode: mode, networks: list }]) => [name, mode ?? list]));
    expect(networks).toEqual({ kernel: ['front'], state: ['backends'], pubsub: ['backends'], config: 'none', lock: 'none', sequencer: 'none', app: ['front'], redis: ['backends'] });
    expect(file.networks['backends']).toEqual({ internal: true });
  });

  it('each block has a folder for its socket that no other block sees', () => {
    for (const { mounts, name, where } of all.filter(isBlockServer)) expect(mounts, where).toEqual([{ source: `${name}-socket`, path: '/run/bulkhead', readOnly: false }]);
    for (const [name, { driver_opts: options }] of Object.entries(file.volumes)) {
      expect(options, name).toMatchObject({ type: 'tmpfs', device: 'tmpfs' });
      expect(options['o']?.split(','), name).toEqual(expect.arrayContaining(['uid=65532', 'gid=65532', 'mode=0700']));
      expect(options['o'], 'podman reads it as a quota of its disk').not.toMatch(/(^|,)(size|inodes)=/);
    }
  });

  it('tells secrets to the kernel alone', () => {
    for (const { env, where } of all.filter(isBlockServer)) expect(env, where).toEqual({});
  });

  it.each([
    ['example/memory', []],
    ['example/redis/stores', ['statestore', 'pubsub']],
  ] as const)('its components load, with the stores of %s', async (stores, onRedis) => {
    const deploy = dirname(COMPOSE_FILE);
    const { complaints, names, specs } = await loaded([join(deploy, 'example/components'), join(deploy, stores)], { REDIS_PASSWORD: 'a-secret' });
    expect(complaints).toEqual([]);
    expect(names).toEqual(COMPONENTS);
    for (const { metadata, name, type } of specs) {
      const isRedis = onRedis.some((one) => one === name);
      expect(type.endsWith(isRedis ? '.redis' : '.in-memory'), type).toBe(true);
      if (isRedis) expect(metadata).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'redisPassword', value: 'a-secret' })]));
    }
  });
});

describeWithKubectl('deploy/kubernetes', () => {
  const folders = ['sidecar', 'sidecar-redis', 'monolith', 'node/app', 'node/blocks', 'tcp/app', 'tcp/blocks'];
  const objects = new Map<string, Rendered[]>();
  const objectsOf = (folder: string): Rendered[] => {
    const known = objects.get(folder) ?? render(folder);
    objects.set(folder, known);
    return known;
  };
  const containers = (folder: string): Container[] => objectsOf(folder).flatMap((object) => containersOf(object, folder));

  it.each(folders)('%s takes everything from its containers that they have no use for', (folder) => {
    for (const container of containers(folder)) {
      if (container.name === 'app') continue; // the user's
      const pod = objectsOf(folder).find(({ kind, metadata }) => container.where.endsWith(` ${kind}/${metadata.name}`))?.spec?.template?.spec as { automountServiceAccountToken?: boolean; securityContext?: object } | undefined;
      const context = { ...pod?.securityContext, ...(container.raw['securityContext'] as object) };
      expect(pod?.automountServiceAccountToken, container.where).toBe(false);
      const rights = container.name === 'folder' ? { runAsUser: 0, capabilities: { drop: ['ALL'], add: ['CHOWN'] } } : { runAsNonRoot: true, capabilities: { drop: ['ALL'] } };
      expect(context, `${container.where} ${container.name}`).toMatchObject({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, seccompProfile: { type: 'RuntimeDefault' }, ...rights });
      if (isOurs(container) && container.name !== 'folder') expect(context, container.where).toMatchObject({ runAsUser: 65_532, runAsGroup: 65_532 });
      expect(container.memoryLimit, container.where).toBeGreaterThan(0);
      expect(container.raw['resources'], container.where).toMatchObject({ requests: { cpu: expect.any(String) as string, memory: expect.any(String) as string } });
      if (isBlockServer(container)) checkLimits(container);
    }
  });

  it.each(['sidecar', 'sidecar-redis'])('%s: blocks are sidecar containers that start before the kernel, and it before the application', (folder) => {
    const pod = containers(folder).filter(({ where }) => where.endsWith('Deployment/orders'));
    expect(pod.map(({ name }) => name)).toEqual([...BLOCKS.map((block) => `block-${block}`), 'bulkhead', 'app']);
    for (const { raw, where } of pod.slice(0, -1)) expect([raw['restartPolicy'], typeof raw['startupProbe'], typeof raw['livenessProbe']], where).toEqual(['Always', 'object', 'object']);
    for (const server of pod.filter(isBlockServer)) expect(server.mounts, server.where).toEqual([{ path: '/run/bulkhead', source: `orders:bulkhead-sockets/${server.args[1]}`, readOnly: false }]);
    const volumes = objectsOf(folder).find(({ metadata, kind }) => kind === 'Deployment' && metadata.name === 'orders')?.spec?.template?.spec.volumes;
    expect(volumes).toContainEqual({ name: 'bulkhead-sockets', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } });
  });

  it('a pod\'s time to end is enough for the kernel\'s, and for what comes before and after it', () => {
    for (const folder of folders.filter((one) => !one.endsWith('/blocks'))) {
      const pod = objectsOf(folder).find(({ metadata, kind }) => kind === 'Deployment' && metadata.name === 'orders')?.spec?.template?.spec as { terminationGracePeriodSeconds?: number };
      const parsed = parseCommandLine(containers(folder).find(isKernel)!.args, {});
      if (!('config' in parsed)) throw new Error('the command line was refused');
      expect((pod.terminationGracePeriodSeconds ?? 30) * 1_000, folder).toBeGreaterThanOrEqual(parsed.config.shutdownMs * 2);
    }
  });

  it.each(folders)('%s tells secrets to the kernel alone, and the tokens of both APIs to the application', (folder) => {
    for (const object of objectsOf(folder)) {
      const pod = object.spec?.template?.spec;
      if (pod === undefined) continue;
      const secretVolumes = new Set((pod.volumes ?? []).filter((volume) => volume['secret'] !== undefined).map(({ name }) => name));
      for (const raw of [...(pod.initContainers ?? []), ...pod.containers]) {
        const told = [...(raw.env ?? []).filter(({ valueFrom }) => valueFrom !== undefined && 'secretKeyRef' in valueFrom).map(({ name }) => name), ...(raw.volumeMounts ?? []).filter(({ name }) => secretVolumes.has(name)).map(({ name }) => name)];
        // Over TCP each end has its own certificate.
        const allowed = { bulkhead: ['DAPR_API_TOKEN', 'APP_API_TOKEN', 'bulkhead-secrets', ...(folder === 'tcp/app' ? ['bulkhead-tls'] : [])], block: folder === 'tcp/blocks' ? ['tls'] : [], app: ['DAPR_API_TOKEN', 'APP_API_TOKEN'], redis: ['REDIS_PASSWORD'] }[raw.name] ?? [];
        expect(told, `${folder} ${raw.name}`).toEqual(allowed);
        expect(raw['envFrom'], `${folder} ${raw.name}`).toBeUndefined();
      }
    }
  });

  it.each(['sidecar', 'sidecar-redis', 'monolith', 'node/app'])('%s: what its ConfigMap holds loads', async (folder) => {
    const data = objectsOf(folder).find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'bulkhead-components')?.data ?? {};
    const secrets = (objectsOf(folder).find(({ kind, metadata }) => kind === 'Secret' && metadata.name === 'bulkhead-secrets')?.data ?? {})['secrets.json'];
    const place = mkdtempSync(join(tmpdir(), 'bulkhead-components-'));
    try {
      mkdirSync(join(place, 'components'));
      if (secrets !== undefined) writeFileSync(join(place, 'secrets.json'), Buffer.from(secrets, 'base64'));
      for (const [name, text] of Object.entries(data)) writeFileSync(join(place, 'components', name), text.replaceAll('/secrets/secrets.json', join(place, 'secrets.json')));
      const { complaints, names, specs } = await loaded([join(place, 'components')], {});
      expect(complaints).toEqual([]);
      expect(names).toEqual(COMPONENTS);
      const passwords = specs.flatMap(({ metadata }) => metadata.filter(({ name }) => name === 'redisPassword').map(({ value }) => value));
      expect(passwords).toEqual(secrets === undefined ? [] : ['change-me-3', 'change-me-3']);
    } finally {
      rmSync(place, { recursive: true });
    }
  });

  it('node: a block speaks to its backends alone, and most to nobody', () => {
    const policies = objectsOf('node/blocks').filter(({ kind }) => kind === 'NetworkPolicy') as unknown as { metadata: { name: string }; spec: Record<string, unknown> }[];
    expect(policies.find(({ metadata }) => metadata.name === 'bulkhead-blocks-alone')?.spec).toEqual({ podSelector: { matchLabels: { 'app.kubernetes.io/name': 'bulkhead-block' } }, policyTypes: ['Ingress', 'Egress'] });
    for (const { kind, metadata, spec } of objectsOf('node/blocks')) {
      if (kind === 'DaemonSet') expect(spec?.template?.metadata.labels, metadata.name).toMatchObject({ 'app.kubernetes.io/name': 'bulkhead-block', 'app.kubernetes.io/component': metadata.name.slice('bulkhead-block-'.length) });
    }
  });
});
