// deploy/kubernetes and deploy/compose.yaml against the schemas that API servers and compose programs read them by; and whether that would
// notice a slip of the pen.
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMPOSE_FILE, readCompose } from './harness/compose.ts';
import { describeWithKubectl, KUBERNETES, overlays, render, type Rendered } from './harness/kustomize.ts';
import { composeProblems, kubernetesProblems } from './harness/schemas.ts';

const BLOCKS = ['config', 'lock', 'pubsub', 'sequencer', 'state'];

/** What each folder makes, as `kind/name`. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  monolith: ['ConfigMap/bulkhead-components', 'Deployment/orders', 'Secret/bulkhead-tokens', 'Service/orders'],
  'node/app': ['ConfigMap/bulkhead-components', 'Deployment/orders', 'Secret/bulkhead-tokens', 'Service/orders'],
  'node/blocks': [
    ...BLOCKS.map((block) => `DaemonSet/bulkhead-block-${block}`), 'Namespace/bulkhead-system', 'NetworkPolicy/bulkhead-blocks-alone', 'NetworkPolicy/bulkhead-blocks-to-redis',
  ],
  'node/blocks/block': ['DaemonSet/bulkhead-block'],
  ...Object.fromEntries(BLOCKS.map((block) => [`node/blocks/${block}`, [`DaemonSet/bulkhead-block-${block}`]])),
  orders: ['Deployment/orders', 'Service/orders'],
  sidecar: ['ConfigMap/bulkhead-components', 'Deployment/orders', 'Secret/bulkhead-tokens', 'Service/orders'],
  ...Object.fromEntries(BLOCKS.map((block) => [`tcp/blocks/${block}`, [`Deployment/bulkhead-block-${block}`, `Service/bulkhead-block-${block}`]])),
  'parts/block': ['Deployment/bulkhead-block'],
  'sidecar-redis': [
    'ConfigMap/bulkhead-components', 'Deployment/orders', 'Deployment/redis', 'NetworkPolicy/bulkhead-sidecar', 'Secret/bulkhead-secrets', 'Secret/bulkhead-tokens',
    'Service/orders', 'Service/redis',
  ],
  'tcp/app': ['ConfigMap/bulkhead-components', 'Deployment/orders', 'Secret/bulkhead-tokens', 'Service/orders'],
  'tcp/blocks': [
    ...BLOCKS.map((block) => `Deployment/bulkhead-block-${block}`), 'Namespace/bulkhead-system', 'NetworkPolicy/bulkhead-blocks',
    ...BLOCKS.map((block) => `Service/bulkhead-block-${block}`),
  ],
  'tcp/blocks/block': ['Deployment/bulkhead-block', 'Service/bulkhead-block'],
};

/** Mappings whose keys are anybody's choice: a slip there is no mistake that a schema knows of. */
const FREE = new Set(['labels', 'annotations', 'data', 'matchLabels', 'selector', 'limits', 'requests']);

/** The object once more for each of its fields, with that field misspelt; `at` says which. */
function* misspelt(value: unknown, path: readonly (string | number)[] = []): Generator<{ readonly at: string; readonly copy: unknown }> {
  if (value === null || typeof value !== 'object') return;
  for (const [key, inner] of Object.entries(value)) {
    const step = Array.isArray(value) ? Number(key) : key;
    if (!Array.isArray(value)) yield { at: [...path, key].join('.'), copy: Object.fromEntries(Object.entries(value).map(([name, one]) => [name === key ? `${name}z` : name, one])) };
    const isFree = FREE.has(key) && !(typeof inner === 'object' && inner !== null && 'matchLabels' in inner);
    if (isFree) continue;
    for (const { at, copy } of misspelt(inner, [...path, step])) {
      yield { at, copy: Array.isArray(value) ? value.map((one: unknown, index) => (index === step ? copy : one)) : { ...value, [key]: copy } };
    }
  }
}

describeWithKubectl('deploy/kubernetes', () => {
  const rendered = new Map<string, Rendered[]>();
  const objectsOf = (folder: string): Rendered[] => {
    const known = rendered.get(folder) ?? render(folder);
    rendered.set(folder, known);
    return known;
  };

  it('has the folders that are expected here', () => {
    expect(overlays()).toEqual(Object.keys(EXPECTED).sort());
  });

  it.each(Object.entries(EXPECTED))('%s renders, to what is expected, as the schemas want it', (folder, names) => {
    const objects = objectsOf(folder);
    expect(objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort()).toEqual(names);
    for (const object of objects) expect(kubernetesProblems(object), object.metadata.name).toEqual([]);
  });

  it.each(['sidecar-redis', 'node/blocks/state'])('a misspelt field of %s is noticed, whichever it is', (folder) => {
    const unnoticed: string[] = [];
    let count = 0;
    for (const object of objectsOf(folder)) {
      for (const { at, copy } of misspelt(object)) {
        count += 1;
        if (kubernetesProblems(copy).length === 0) unnoticed.push(`${object.kind}/${object.metadata.name}: ${at}`);
      }
    }
    expect(unnoticed).toEqual([]);
    expect(count).toBeGreaterThan(80);
  });

  it.each([
    ['a word that is none of the allowed', 'restartPolicy: Always', 'restartPolicy: always', /restartPolicy.*allowed values/],
    ['a text for a number', 'failureThreshold: 60', 'failureThreshold: "60"', /failureThreshold: must be integer/],
    ['a number for a text', 'runAsUser: 65532', 'runAsUser: nobody', /runAsUser: must be integer/],
    ['an amount that is none', 'memory: 384Mi', 'memory: 384MiB', /memory: must match pattern/],
    ['a field of another object', 'imagePullPolicy: IfNotPresent', 'hostNetwork: true', /additional properties.*hostNetwork/],
    ['a field that must be there', 'containerPort: 3501', 'protocol: TCP', /required property 'containerPort'/],
    ['a kind that there is not', 'kind: Deployment', 'kind: Deploiment', /kubectl|no schema for apps\/v1 Deploiment/],
  ])('in a part of it, %s is noticed', (_name, right, wrong, complaint) => {
    const folder = mkdtempSync(join(tmpdir(), 'bulkhead-manifests-'));
    try {
      cpSync(dirname(KUBERNETES), folder, { recursive: true });
      const file = right.startsWith('kind') ? 'orders/deployment.yaml' : 'parts/kernel/kernel.yaml';
      const part = join(folder, 'kubernetes', file);
      const text = readFileSync(part, 'utf8');
      expect(text).toContain(right);
      writeFileSync(part, text.replace(right, wrong));
      const problems = render('sidecar', join(folder, 'kubernetes')).flatMap(kubernetesProblems);
      expect(problems.join('\n')).toMatch(complaint);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('deploy/README.md', () => {
  const text = readFileSync(join(dirname(COMPOSE_FILE), 'README.md'), 'utf8');

  it('applies folders that there are, and all that are to be applied', () => {
    const applied = Array.from(text.matchAll(/^kubectl apply -k deploy\/kubernetes\/(\S+)$/gm), ([, folder = '']) => folder);
    expect(overlays()).toEqual(expect.arrayContaining(applied));
    expect([...new Set(applied)].sort()).toEqual(['node/app', 'node/blocks', 'sidecar', 'sidecar-redis', 'tcp/app', 'tcp/blocks']);
  });

  it.each(['README.md', 'when-not-to-split.md'])('%s has links to what is there', (name) => {
    const links = Array.from(readFileSync(join(dirname(COMPOSE_FILE), name), 'utf8').matchAll(/\]\(([^)#]+)\)/g), ([, link = '']) => link);
    expect(links.filter((link) => !existsSync(join(dirname(COMPOSE_FILE), link)))).toEqual([]);
    expect(links.length).toBeGreaterThan(2);
  });

  it('knows every variable of compose.yaml', () => {
    const variables = new Set(Array.from(readFileSync(COMPOSE_FILE, 'utf8').matchAll(/\$\{([A-Z_]+):/g), ([, name = '']) => name));
    expect([...variables].filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});

describe('deploy/compose.yaml', () => {
  it('is as the Compose specification wants it', () => {
    expect(composeProblems(readCompose())).toEqual([]);
    expect(Object.keys(readCompose().services)).toEqual(['kernel', 'state', 'pubsub', 'config', 'lock', 'sequencer', 'app', 'redis']);
  });

  it('a misspelt field is noticed, whichever it is', () => {
    const file = readCompose();
    const free = /^(services|networks|volumes)\.[\w-]+$|\.environment\.\w+$|\.(driver_opts|ulimits)\.\w+$|^x-/; // names that are ours to choose
    const unnoticed = [...misspelt(file)].filter(({ copy }) => composeProblems(copy).length === 0).map(({ at }) => at).filter((at) => !free.test(at));
    expect(unnoticed).toEqual([]);
  });

  it.each([
    ['a text for a list', 'cap_drop: [ALL]', 'cap_drop: ALL', /cap_drop: must be array/],
    ['a number that is none', 'pids_limit: 256', 'pids_limit: [256]', /pids_limit/],
    ['a misspelt field', 'read_only:', 'readonly:', /unevaluated properties.*readonly/],
  ])('%s is noticed', (_name, right, wrong, complaint) => {
    const text = readFileSync(COMPOSE_FILE, 'utf8');
    expect(text).toContain(right);
    expect(composeProblems(readCompose(text.replace(right, wrong))).join('\n')).toMatch(complaint);
  });
});
