// The secret stores the kernel serves itself: a local JSON file and the environment (contract: secret stores). Both are
// read by the kernel alone, so that a block gets the secrets its components name and no others.
import { readFile, stat } from 'node:fs/promises';
import type { ComponentSpec } from '../proto/init.ts';
import { isInitialVersion } from './components.ts';
import { isTruthy, variable, type Environment } from './environment.ts';
import { systemReason } from './fatal.ts';
import { goFloat } from './shape.ts';

/** Keys and values of one secret. */
export type SecretData = ReadonlyMap<string, string>;

export interface SecretStore {
  /** The file that its secrets were read from. */
  readonly file?: string;
  /** Capabilities in metadata. */
  readonly features: readonly string[];
  /** @throws Error whose message tells a caller of the API why there is none. */
  get(name: string): SecretData;
  /** All secrets by name. */
  bulk(): ReadonlyMap<string, SecretData>;
}

/** @throws Error with the reason; it never quotes what the store holds. */
export type OpenSecretStore = (spec: ComponentSpec, env: Environment) => Promise<SecretStore> | SecretStore;

const SECRET_STORES: Readonly<Record<string, OpenSecretStore>> = {
  'secretstores.local.env': openEnvironment,
  'secretstores.local.file': openFile,
};

/** The opener for a type and version, or undefined when we have none. */
export function secretStoreFor({ type, version }: ComponentSpec): OpenSecretStore | undefined {
  const known = type.toLowerCase();
  return Object.hasOwn(SECRET_STORES, known) && isInitialVersion(version) ? SECRET_STORES[known] : undefined;
}

/** A metadata value by name, whatever its case; `''` when absent. */
function setting({ metadata }: ComponentSpec, name: string): string {
  return metadata.findLast((item) => item.name.toLowerCase() === name.toLowerCase())?.value ?? '';
}

function openEnvironment(spec: ComponentSpec, env: Environment): SecretStore {
  const prefix = setting(spec, 'prefix');
  return {
    features: [],
    get: (name) => new Map([[name, isReadable(prefix + name) ? variable(env, prefix + name) : '']]),
    bulk: () => {
      const all = new Map<string, SecretData>();
      for (const [key, value] of Object.entries(env)) {
        if (value === undefined || !key.startsWith(prefix) || !isReadable(key)) continue;
        const name = key.slice(prefix.length);
        all.set(name, new Map([[name, value]]));
      }
      return all;
    },
  };
}

/** The sidecar's own variables are nobody's secrets to read. */
function isReadable(key: string): boolean {
  const upper = key.toUpperCase();
  return upper !== 'APP_API_TOKEN' && !upper.startsWith('DAPR_');
}

const LARGEST_FILE = 16 * 1024 * 1024;
const DEEPEST = 256;

async function openFile(spec: ComponentSpec): Promise<SecretStore> {
  const path = setting(spec, 'secretsFile');
  if (path === '') throw new Error('missing local secrets file in metadata');
  const separator = setting(spec, 'nestedSeparator') || ':';
  const multiValued = isTruthy(setting(spec, 'multiValued'));
  const contents = await readJsonObject(path);
  const secrets = new Map<string, SecretData>();
  if (multiValued) {
    for (const [name, value] of Object.entries(contents)) {
      if (typeof value === 'string') secrets.set(name, new Map([[name, value]]));
      else if (typeof value === 'object' && value !== null && !Array.isArray(value)) secrets.set(name, new Map(flatten(value, separator)));
    }
  } else {
    for (const [key, value] of flatten(contents, separator)) secrets.set(key, new Map([[key, value]]));
  }
  return {
    file: path,
    features: multiValued ? ['MULTIPLE_KEY_VALUES_PER_SECRET'] : [],
    get: (name) => {
      const secret = secrets.get(name);
      if (secret === undefined) throw new Error(`secret ${name} not found`);
      return secret;
    },
    bulk: () => secrets,
  };
}

async function readJsonObject(path: string): Promise<object> {
  let text: string;
  try {
    const about = await stat(path);
    if (!about.isFile()) throw new Error(`secrets file ${path} is not a regular file`);
    if (about.size > LARGEST_FILE) throw new Error(`secrets file ${path} has more than ${LARGEST_FILE} bytes`);
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause) throw new Error(`secrets file ${path} can't be read: ${systemReason(cause)}`, { cause });
    throw cause;
  }
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    // The parser's message quotes the text, which holds secrets: only the place may leave, and the cause must not.
    const [place = ''] = /position \d+/.exec(String(cause)) ?? [];
    throw new Error(`secrets file ${path} is not JSON${place === '' ? '' : ` (${place})`}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`secrets file ${path} should hold a JSON object`);
  return value;
}

/** Leaves with their paths: members and indexes joined by the separator. */
function* flatten(value: object, separator: string, path: readonly string[] = []): Generator<[key: string, value: string]> {
  if (path.length > DEEPEST) throw new Error(`secrets file is nested deeper than ${DEEPEST} levels`);
  for (const [key, element] of Object.entries(value) as [string, unknown][]) {
    const inner = [...path, key];
    if (typeof element === 'object' && element !== null) yield* flatten(element, separator, inner);
    else yield [inner.join(separator), leafText(element)];
  }
}

/** Dapr formats leaves as Go texts, and Go says of any other kind that it isn't one. Users see these words, so we say them, too. */
function leafText(leaf: unknown): string {
  if (typeof leaf === 'string') return leaf;
  if (typeof leaf === 'number') return `%!s(float64=${goFloat(leaf)})`;
  if (typeof leaf === 'boolean') return `%!s(bool=${leaf})`;
  return '%!s(<nil>)';
}
