// Renders deploy/kubernetes as `kubectl apply -k` would, and reads pods into containers.
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe } from 'vitest';
import { parseAllDocuments, parseDocument } from 'yaml';
import { bytesIn, type Container, type Mount } from './described.ts';

export const KUBERNETES = join(import.meta.dirname, '..', '..', 'deploy', 'kubernetes');

export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: { readonly template?: PodTemplate };
  readonly data?: Readonly<Record<string, string>>;
}

interface PodTemplate {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>>; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly initContainers?: readonly RawContainer[]; readonly containers: readonly RawContainer[]; readonly volumes?: readonly RawVolume[] };
}

interface RawContainer {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } } }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly subPathExpr?: string; readonly readOnly?: boolean }[];
  readonly resources?: { readonly limits?: { readonly memory?: string } };
  readonly [field: string]: unknown;
}

interface RawVolume {
  readonly name: string;
  readonly hostPath?: { readonly path: string };
  readonly [kind: string]: unknown;
}

/** Folders that are applied by themselves, relative to deploy/kubernetes. */
export function overlays(): string[] {
  return globSync('**/kustomization.yaml', { cwd: KUBERNETES }).filter((file) => {
    const { kind } = parseDocument(readFileSync(join(KUBERNETES, file), 'utf8')).toJS() as { kind?: string };
    return kind === 'Kustomization';
  }).map(dirname).sort();
}

/** @param folder relative to deploy/kubernetes. @throws Error with what kubectl says */
export function render(folder: string, root = KUBERNETES): Rendered[] {
  return documents(execFileSync('kubectl', ['kustomize', join(root, folder)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }));
}

export function documents(text: string): Rendered[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors[0] !== undefined) throw document.errors[0];
    return document.toJS() as Rendered;
  });
}

/** The containers of what has pods, in the order in which they start. */
export function containersOf({ kind, metadata: { name: owner }, spec }: Rendered, where: string): Container[] {
  const template = spec?.template;
  if (template === undefined) return [];
  const { initContainers = [], containers, volumes = [] } = template.spec;
  return [...initContainers, ...containers].map((raw): Container => {
    const env = environment(raw, template);
    const mounts = (raw.volumeMounts ?? []).map((mount): Mount => {
      const volume = volumes.find((one) => one.name === mount.name);
      if (volume === undefined) throw new Error(`${where} ${kind}/${owner}: ${raw.name} mounts ${mount.name}, which is no volume`);
      const place = volume.hostPath === undefined ? `${owner}:${volume.name}` : `node:${volume.hostPath.path}`;
      const inside = mount.subPathExpr === undefined ? '' : `/${expand(mount.subPathExpr, env)}`;
      return { path: mount.mountPath, source: `${place}${inside}`, readOnly: mount.readOnly ?? false };
    });
    const probes = ['startupProbe', 'readinessProbe', 'livenessProbe'].flatMap((probe) => {
      const command = (raw[probe] as { exec?: { command: string[] } } | undefined)?.exec?.command;
      return command === undefined ? [] : [command];
    });
    return {
      where: `${relative(process.cwd(), KUBERNETES)}/${where} ${kind}/${owner}`, name: raw.name, image: raw.image, env, mounts, probes, raw,
      entryPoint: raw.command, args: (raw.args ?? []).map((word) => expand(word, env)), memoryLimit: bytesIn(raw.resources?.limits?.memory),
    };
  });
}

function environment({ env = [] }: RawContainer, { metadata }: PodTemplate): Record<string, string> {
  return Object.fromEntries(env.flatMap(({ name, value, valueFrom }): [string, string][] => {
    if (value !== undefined) return [[name, value]];
    const [, list, key = ''] = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(valueFrom?.fieldRef?.fieldPath ?? '') ?? [];
    if (list === undefined) return []; // a secret's
    return [[name, metadata[list as 'labels' | 'annotations']?.[key] ?? '']];
  }));
}

/** As the kubelet does it: what it doesn't know it leaves as it is. */
function expand(word: string, env: Readonly<Record<string, string>>): string {
  return word.replaceAll(/\$\(([A-Za-z_]\w*)\)/g, (all, name: string) => env[name] ?? all);
}

const missing = ((): string | undefined => {
  try {
    execFileSync('kubectl', ['kustomize', '--help'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'kubectl is not installed, or has no kustomize; install it and run the tests again';
  }
})();

/** As `describe`, skipped with one line on the terminal where manifests can't be rendered. */
export function describeWithKubectl(name: string, suite: () => void): void {
  if (missing !== undefined) process.stderr.write(`SKIPPED: "${name}": ${missing}\n`);
  describe.skipIf(missing !== undefined)(name, suite);
}
