// Which components this sidecar has: manifests decoded, then filtered by namespace, name, scope and the deny list
// (contract: component manifest, namespace and duplicate rules). Values are still references here.
import { InvalidDuration, parseDurationMs } from '../proto/duration.ts';
import { logName } from '../proto/init.ts';
import { FatalError, type Notice } from './fatal.ts';
import { unreadable, type Manifest } from './manifests.ts';
import { booleanAt, listAt, member, objectAt, ShapeError, textAt, valueText } from './shape.ts';

/** A component as its manifest has it. */
export interface Component {
  readonly name: string;
  readonly namespace: string;
  readonly type: string;
  readonly version: string;
  readonly entries: readonly MetadataEntry[];
  readonly ignoreErrors: boolean;
  readonly initTimeoutMs: number;
  /** `auth.secretStore`; `''` when it has none. */
  readonly secretStore: string;
  readonly scopes: readonly string[];
  /** Those of ours, as written; `''` where one is absent. What they come to is in annotations.ts. */
  readonly annotations: Readonly<Record<typeof ISOLATION | typeof INIT_FAILURE, string>>;
  /** Where its manifest is: the file, and the document's number in it. */
  readonly path: string;
  readonly document: number;
}

/** One entry of `spec.metadata`; all members may be `''`. */
export interface MetadataEntry {
  readonly name: string;
  readonly value: string;
  /** `secretKeyRef.name`; `''`: no reference. */
  readonly secretName: string;
  /** `secretKeyRef.key`, or the name when it has none. */
  readonly secretKey: string;
  readonly envRef: string;
}

export const ISOLATION = 'isolation';
export const INIT_FAILURE = 'init-failure';

/** Category, the first part of a type, to the block that serves it; `''`: no block does yet. */
export const CATEGORIES: Readonly<Record<string, string>> = {
  state: 'state', pubsub: 'pubsub', configuration: 'config', lock: 'lock',
  sequencer: 'sequencer', // not Dapr's
  bindings: '', secretstores: '', middleware: '', crypto: '', conversation: '',
};

/** The category of a type, or undefined when Dapr has none of that name. */
export function categoryOf(type: string): string | undefined {
  const category = type.slice(0, Math.max(type.indexOf('.'), 0));
  return Object.hasOwn(CATEGORIES, category) ? category : undefined;
}

/** `''`, `v0` and `v1` are the same version. */
export function isInitialVersion(version: string): boolean {
  return version === '' || version.toLowerCase() === 'v0' || version.toLowerCase() === 'v1';
}

const DEFAULT_INIT_MS = 5_000;
const LARGEST_MS = 2 ** 31 - 1;

/** The components among the manifests; one that doesn't decode is left out, with a warning. */
export function decodeComponents(manifests: readonly Manifest[]): { components: Component[]; notices: Notice[] } {
  const components: Component[] = [];
  const notices: Notice[] = [];
  for (const manifest of manifests) {
    if (manifest.kind !== 'Component') continue;
    try {
      components.push(decode(manifest));
    } catch (cause) {
      const reason = cause instanceof ShapeError ? cause.message : cause instanceof RangeError ? 'nested too deeply' : undefined;
      if (reason === undefined) throw cause;
      notices.push(unreadable('Component', manifest.path, manifest.document, '', reason));
    }
  }
  return { components, notices };
}

function decode({ name, namespace, scopes, body, path, document }: Manifest): Component {
  const spec = objectAt(member(body, 'spec'), 'spec');
  return {
    name,
    namespace,
    scopes,
    path,
    document,
    annotations: annotationsOf(body),
    type: textAt(member(spec, 'type'), 'spec.type'),
    version: textAt(member(spec, 'version'), 'spec.version'),
    entries: listAt(member(spec, 'metadata'), 'spec.metadata').map((entry, index) => decodeEntry(entry, `spec.metadata[${index}]`)),
    ignoreErrors: booleanAt(member(spec, 'ignoreErrors'), 'spec.ignoreErrors', false),
    initTimeoutMs: initTimeout(textAt(member(spec, 'initTimeout'), 'spec.initTimeout')),
    secretStore: textAt(member(objectAt(member(body, 'auth'), 'auth'), 'secretStore'), 'auth.secretStore'),
  };
}

/** Keys of annotations match to the letter, unlike members. */
function annotationsOf(body: Manifest['body']): Component['annotations'] {
  const annotations = objectAt(member(objectAt(member(body, 'metadata'), 'metadata'), 'annotations'), 'metadata.annotations');
  const text = (key: string): string => (Object.hasOwn(annotations, key) ? textAt(annotations[key], `metadata.annotations.${key}`) : '');
  return { [ISOLATION]: text(ISOLATION), [INIT_FAILURE]: text(INIT_FAILURE) };
}

function decodeEntry(value: Parameters<typeof objectAt>[0], place: string): MetadataEntry {
  const entry = objectAt(value, place);
  const reference = objectAt(member(entry, 'secretKeyRef'), `${place}.secretKeyRef`);
  const secretName = textAt(member(reference, 'name'), `${place}.secretKeyRef.name`);
  return {
    name: textAt(member(entry, 'name'), `${place}.name`),
    value: valueText(member(entry, 'value')),
    secretName,
    secretKey: textAt(member(reference, 'key'), `${place}.secretKeyRef.key`) || secretName,
    envRef: textAt(member(entry, 'envRef'), `${place}.envRef`),
  };
}

/** As daprd: what is no duration is the default. */
function initTimeout(text: string): number {
  try {
    const milliseconds = text === '' ? 0 : parseDurationMs(text);
    return milliseconds > 0 ? Math.min(milliseconds, LARGEST_MS) : DEFAULT_INIT_MS;
  } catch (cause) {
    if (cause instanceof InvalidDuration) return DEFAULT_INIT_MS;
    throw cause;
  }
}

export interface AcceptRules {
  readonly appId: string;
  /** `''`: all namespaces. */
  readonly namespace: string;
  /** `components.deny` of the Configuration: `type` or `type/version`. */
  readonly deny: readonly string[];
}

/**
 * The components this sidecar runs, in order. The order of the checks is part of the contract: namespace, duplicate,
 * scope. A component out of scope reserves no name, but one in its place is still refused a name that is taken.
 * @throws FatalError with a line for each name that is defined again.
 */
export function acceptComponents(components: readonly Component[], rules: AcceptRules): { accepted: Component[]; notices: Notice[] } {
  const accepted = new Map<string, Component>();
  const notices: Notice[] = [];
  const duplicates: string[] = [];
  for (const component of components) {
    const { name, namespace, scopes } = component;
    if (rules.namespace !== '' && namespace !== '' && namespace !== rules.namespace) continue;
    const existing = accepted.get(name);
    if (existing !== undefined) {
      duplicates.push(`duplicate definition of Component name ${logName(component)} with existing ${logName(existing)}`);
      continue;
    }
    if (scopes.length > 0 && !scopes.includes(rules.appId)) continue;
    if (rules.deny.some((rule) => denies(rule, component))) {
      const text = `component '${name}' cannot be loaded because components of type '${logName(component)}' are not allowed`;
      notices.push({ level: 'warn', scope: 'dapr.runtime.authorizer', component: logName(component), text });
      continue;
    }
    accepted.set(name, component);
  }
  if (duplicates.length > 0) throw new FatalError(`failed to load components: ${duplicates.join('\n')}`, notices);
  return { accepted: [...accepted.values()], notices };
}

function denies(rule: string, { type, version }: Component): boolean {
  const [ruleType = '', ruleVersion = ''] = rule.split('/');
  if (ruleType === '' || ruleType.toLowerCase() !== type.toLowerCase()) return false;
  return ruleVersion === '' || ruleVersion.toLowerCase() === version.toLowerCase() || (isInitialVersion(ruleVersion) && isInitialVersion(version));
}
