// The image's list of contents (SBOM) in CycloneDX's JSON: npm lists the packages, their licences, sources and checksums; what npm does not
// know of, Node and the libraries of the system, is added, and what the image has no code of is left out.
import { execFileSync } from 'node:child_process';
import type { Package } from './packages.ts';
import type { SystemPackage } from './system.ts';

interface Component {
  'bom-ref': string;
  type: string;
  name: string;
  version: string;
  purl?: string;
  [other: string]: unknown;
}

export interface Bom {
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: string;
  readonly metadata: { component: Component; [other: string]: unknown };
  components: Component[];
  dependencies: { ref: string; dependsOn?: string[] }[];
  [other: string]: unknown;
}

export interface Contents {
  readonly packages: readonly Package[];
  readonly system: readonly SystemPackage[];
  /** Of the Node that is inside. */
  readonly node: { readonly version: string; readonly sha256: string };
}

/** @param root the checkout, installed @throws Error when npm can't tell, with what it says */
export function billOfMaterials(root: string, { packages, system, node }: Contents): Bom {
  const bom = JSON.parse(execFileSync('npm', ['sbom', '--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application', '--loglevel=error'], { cwd: root, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 })) as Bom;
  const inside = new Set(packages.map(({ name, version }) => `${name}@${version}`));
  const known = bom.components.filter(({ name, version }) => inside.has(`${name}@${version}`));
  const unknown = [...inside].filter((id) => !known.some(({ name, version }) => id === `${name}@${version}`));
  if (unknown.length > 0) throw new Error(`npm sbom says nothing of ${unknown.join(', ')}: run npm ci and try again`);
  const added: Component[] = [
    { 'bom-ref': `node@${node.version}`, type: 'platform', name: 'node', version: node.version, purl: `pkg:generic/node@${node.version}`, cpe: `cpe:2.3:a:nodejs:node.js:${node.version}:*:*:*:*:*:*:*`, licenses: [{ license: { id: 'MIT' } }], hashes: [{ alg: 'SHA-256', content: node.sha256 }] },
    ...system.map(({ name, version, architecture }) => ({ 'bom-ref': `deb:${name}@${version}`, type: 'library', name, version, purl: `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}` })),
  ];
  bom.components = [...known, ...added];
  const refs = new Set([bom.metadata.component['bom-ref'], ...bom.components.map((component) => component['bom-ref'])]);
  bom.dependencies = [
    ...bom.dependencies.filter(({ ref }) => refs.has(ref)).map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) })),
    ...added.map((component) => ({ ref: component['bom-ref'], dependsOn: [] })),
  ];
  bom.metadata.component = { ...bom.metadata.component, name: 'bulkhead' }; // npm says the name of the folder
  return bom;
}
