// Makes the schemas that the manifests in deploy/ are checked against, from what Kubernetes and the Compose specification publish as Go modules:
// `node test/schemas/generate.ts`, with Go on the path. What it makes is committed, so the check needs neither Go nor a network.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const KUBERNETES = 'k8s.io/kubernetes@v1.36.3';
const COMPOSE = 'github.com/compose-spec/compose-go/v2@v2.16.2';

/** What our manifests are made of. Their definitions, and those that these refer to, are kept. */
const KINDS = ['apps.v1.DaemonSet', 'apps.v1.Deployment', 'core.v1.ConfigMap', 'core.v1.Namespace', 'core.v1.Secret', 'core.v1.Service', 'networking.v1.NetworkPolicy'].map((kind) => `io.k8s.api.${kind}`);

/** Texts that are one of a few words: the API server refuses others, and its published schema says so in prose only. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  'core.v1.Container.imagePullPolicy': ['Always', 'IfNotPresent', 'Never'],
  'core.v1.Container.restartPolicy': ['Always', 'Never', 'OnFailure'],
  'core.v1.ContainerPort.protocol': ['TCP', 'UDP', 'SCTP'],
  'core.v1.EmptyDirVolumeSource.medium': ['', 'Memory', 'HugePages'],
  'core.v1.HostPathVolumeSource.type': ['', 'DirectoryOrCreate', 'Directory', 'FileOrCreate', 'File', 'Socket', 'CharDevice', 'BlockDevice'],
  'core.v1.PodSpec.dnsPolicy': ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'],
  'core.v1.PodSpec.restartPolicy': ['Always', 'Never', 'OnFailure'],
  'core.v1.SeccompProfile.type': ['RuntimeDefault', 'Unconfined', 'Localhost'],
  'core.v1.ServicePort.protocol': ['TCP', 'UDP', 'SCTP'],
  'core.v1.ServiceSpec.type': ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'],
  'core.v1.Toleration.operator': ['Exists', 'Equal', 'Lt', 'Gt'],
  'networking.v1.NetworkPolicyPort.protocol': ['TCP', 'UDP', 'SCTP'],
};
/** Lists of such words. */
const LISTED_WORDS: Readonly<Record<string, readonly string[]>> = {
  'networking.v1.NetworkPolicySpec.policyTypes': ['Ingress', 'Egress'],
};
/** apimachinery's Quantity: a number with one of its suffixes. */
const QUANTITY = String.raw`^[+-]?(\d+\.?\d*|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d+)?$`;

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Schema = { [key: string]: Json };

const PREFIX = '#/definitions/';

/** The folder of a module's sources, fetched if it is not there. */
function moduleFolder(module: string): string {
  return (JSON.parse(execFileSync('go', ['mod', 'download', '-json', module], { encoding: 'utf8' })) as { Dir: string }).Dir;
}

/** Without prose. Keys of `properties` are names, and stay whatever they are. */
function bare(schema: Json, areNames = false): Json {
  if (Array.isArray(schema)) return schema.map((item: Json) => bare(item));
  if (schema === null || typeof schema !== 'object') return schema;
  return Object.fromEntries(Object.entries(schema).filter(([key]) => areNames || !isProse(key)).map(([key, value]) => [key, bare(value, !areNames && (key === 'properties' || key === 'patternProperties' || key === '$defs'))]));
}

function isProse(key: string): boolean {
  return key === 'description' || key === 'title' || key === 'deprecated' || key.startsWith('x-kubernetes');
}

/** All names that a schema refers to. */
function references(schema: Json): string[] {
  if (schema === null || typeof schema !== 'object') return [];
  return Object.entries(schema).flatMap(([key, value]) => (key === '$ref' && typeof value === 'string' ? [value.slice(PREFIX.length)] : references(value as Json)));
}

/** Rows of WORDS and LISTED_WORDS that no definition has had yet. */
const unknown = new Set([...Object.keys(WORDS), ...Object.keys(LISTED_WORDS)]);

/** As an API server reads it with `fieldValidation: Strict`: no field that there is not, and what the schema leaves to prose. */
function strict(name: string, definition: Schema): Schema {
  if (name.endsWith('.Quantity')) return { type: ['string', 'number'], pattern: QUANTITY };
  if (name.endsWith('.IntOrString')) return { type: ['integer', 'string'] };
  if (!('properties' in definition)) return definition;
  const properties = { ...(definition['properties'] as Record<string, Schema>) };
  for (const [field, schema] of Object.entries(properties)) {
    const path = `${name.replace('io.k8s.api.', '')}.${field}`;
    unknown.delete(path);
    if (WORDS[path] !== undefined) properties[field] = { ...schema, enum: WORDS[path] };
    if (LISTED_WORDS[path] !== undefined) properties[field] = { ...schema, items: { type: 'string', enum: LISTED_WORDS[path] } };
  }
  return { ...definition, properties, additionalProperties: false };
}

function kubernetes(): string {
  const { definitions } = JSON.parse(readFileSync(join(moduleFolder(KUBERNETES), 'api/openapi-spec/swagger.json'), 'utf8')) as { definitions: Record<string, Schema> };
  const kept = new Set<string>();
  for (const waiting = [...KINDS]; waiting.length > 0;) {
    const name = waiting.pop() as string;
    if (kept.has(name)) continue;
    kept.add(name);
    waiting.push(...references(definitions[name] ?? {}));
  }
  const lines = [...kept].sort().map((name) => `${JSON.stringify(name)}: ${JSON.stringify(strict(name, bare(definitions[name] ?? {}) as Schema))}`);
  if (unknown.size > 0) throw new Error(`${KUBERNETES} has no ${[...unknown].join(', ')}`);
  const kinds = KINDS.map((name) => `${JSON.stringify(kindOf(definitions[name] ?? {}))}: ${JSON.stringify(name)}`);
  return `{"from": ${JSON.stringify(`${KUBERNETES} (Apache-2.0)`)},\n"kinds": {${kinds.join(', ')}},\n"definitions": {\n${lines.join(',\n')}\n}}\n`;
}

/** `apps/v1 Deployment`, as a manifest names it. */
function kindOf(definition: Schema): string {
  const [{ group, version, kind } = { group: '', version: '', kind: '' }] = definition['x-kubernetes-group-version-kind'] as unknown as { group: string; version: string; kind: string }[];
  return `${group === '' ? '' : `${group}/`}${version} ${kind}`;
}

function compose(): string {
  const schema = bare(JSON.parse(readFileSync(join(moduleFolder(COMPOSE), 'schema/compose-spec.json'), 'utf8')) as Schema) as Schema;
  const { $defs, ...rest } = schema;
  const lines = Object.entries($defs as Record<string, Json>).map(([name, definition]) => `${JSON.stringify(name)}: ${JSON.stringify(definition)}`);
  return `{"$comment": ${JSON.stringify(`${COMPOSE} (Apache-2.0)`)},\n${JSON.stringify(rest).slice(1, -1)},\n"$defs": {\n${lines.join(',\n')}\n}}\n`;
}

writeFileSync(join(import.meta.dirname, 'kubernetes.json'), kubernetes());
writeFileSync(join(import.meta.dirname, 'compose.json'), compose());
