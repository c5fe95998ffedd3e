// The Configuration resource: the files of --config, each laid over those before it, as typed settings (contract:
// Configuration resource). What no part of us reads yet stays in `spec` as it came.
import { readFile, stat } from 'node:fs/promises';
import type { TracingSettings } from '../proto/init.ts';
import type { Environment } from './environment.ts';
import { expandEnvironment } from './expand.ts';
import { FatalError, systemReason } from './fatal.ts';
import { decodeTracing } from './sampling.ts';
import { booleanAt, isObject, integerAt, listAt, member, objectAt, ShapeError, textAt, textsAt, type YamlObject } from './shape.ts';
import { splitDocuments, yamlParser, type Yaml } from './yaml.ts';

export interface Configuration {
  /** Of the resources that it was put together from, in order. */
  readonly names: readonly string[];
  readonly api: { readonly http: ApiRules; readonly grpc: ApiRules };
  /** Every feature that is on by default or was named, and whether it is on. */
  readonly features: ReadonlyMap<string, boolean>;
  readonly apiLogging: { readonly enabled: boolean; readonly obfuscateUrls: boolean; readonly omitHealthChecks: boolean };
  /** `components.deny`: `type` or `type/version`. */
  readonly deniedComponents: readonly string[];
  /** By store name. */
  readonly secretScopes: ReadonlyMap<string, SecretScope>;
  readonly metrics: MetricSettings;
  readonly tracing: TracingSettings;
  /** The whole merged `spec`. */
  readonly spec: YamlObject;
}

/** Denied rules come first; a non-empty `allowed` is exclusive. */
export interface ApiRules {
  readonly allowed: readonly ApiRule[];
  readonly denied: readonly ApiRule[];
}

export interface ApiRule {
  /** An endpoint group: `state`, `publish`, ... */
  readonly name: string;
  /** `v1`, `v1alpha1`, ... or a path prefix such as `v1.0`. */
  readonly version: string;
}

export interface SecretScope {
  readonly allowByDefault: boolean;
  /** Non-empty: only these. */
  readonly allowed: ReadonlySet<string>;
  readonly denied: ReadonlySet<string>;
}

export interface MetricSettings {
  readonly enabled: boolean;
  readonly recordErrorCodes: boolean;
  /** Upper bounds in milliseconds; empty: the default ones. */
  readonly latencyBuckets: readonly number[];
  readonly http: { readonly increasedCardinality: boolean; readonly pathMatching: readonly string[]; readonly excludeVerbs: boolean };
  readonly rules: readonly MetricRule[];
  /** The effective spec, as the log line `metric spec: ` shows it. */
  readonly json: string;
}

export interface MetricRule {
  readonly name: string;
  readonly labels: readonly { readonly name: string; /** Replacement to regular expression. */ readonly regex: ReadonlyMap<string, string> }[];
}

const DEFAULT_FEATURES = ['HotReload', 'WorkflowsRemoteActivityReminder'] as const;
const LARGEST_FILE = 1024 * 1024;

/**
 * The effective Configuration; with no files, the defaults.
 * @throws FatalError naming the file, or the member that is wrong.
 */
export async function loadConfiguration(paths: readonly string[], env: Environment): Promise<Configuration> {
  let spec: YamlObject = {};
  const names: string[] = [];
  for (const path of paths) {
    try {
      const document = await readDocument(path, env);
      names.push(textAt(member(objectAt(member(document, 'metadata'), 'metadata'), 'name'), 'metadata.name'));
      spec = overlay(spec, objectAt(member(document, 'spec'), 'spec'));
    } catch (cause) {
      if (cause instanceof ShapeError) throw fatal(path, cause.message);
      if (cause instanceof RangeError) throw fatal(path, 'nested too deeply');
      throw cause;
    }
  }
  try {
    return { names, ...decode(spec, env) };
  } catch (cause) {
    if (cause instanceof ShapeError) throw fatal(paths.join(', --config='), cause.message);
    throw cause;
  }
}

/** Whether the API may hand out a secret. Stores without a scope hand out all. */
export function isSecretAllowed(scope: SecretScope | undefined, key: string): boolean {
  if (scope === undefined) return true;
  if (scope.allowed.size > 0) return scope.allowed.has(key);
  return scope.allowByDefault && !scope.denied.has(key);
}

export function enabledFeatures({ features }: Configuration): string[] {
  return [...features].filter(([, enabled]) => enabled).map(([name]) => name);
}

export function isFeatureEnabled({ features }: Configuration, name: string): boolean {
  return features.get(name) === true;
}

function fatal(path: string, reason: string): FatalError {
  return new FatalError(`error loading configuration from --config=${path}: ${reason}`);
}

/** The first document that says something. */
async function readDocument(path: string, env: Environment): Promise<YamlObject> {
  let file: Buffer;
  try {
    const about = await stat(path);
    if (!about.isFile()) throw fatal(path, 'not a regular file');
    if (about.size > LARGEST_FILE) throw fatal(path, `${about.size} bytes are more than the ${LARGEST_FILE} a Configuration may have`);
    file = await readFile(path);
  } catch (cause) {
    throw cause instanceof FatalError ? cause : fatal(path, systemReason(cause));
  }
  const expanded = expandEnvironment(file.toString('utf8'), env);
  if (expanded.length > LARGEST_FILE) throw fatal(path, `environment variables make it larger than the ${LARGEST_FILE} a Configuration may have`);
  const parse = await yamlParser();
  for (const { bytes, firstLine } of splitDocuments(Buffer.from(expanded))) {
    const parsed = parse(Buffer.from(bytes).toString('utf8').replace(/^\uFEFF/, ''));
    if ('problem' in parsed) {
      const { line, column, reason } = parsed.problem;
      throw fatal(path, `${line === 0 ? '' : `line ${firstLine + line - 1}, column ${column}: `}${reason}`);
    }
    if (parsed.value !== null) return objectAt(parsed.value, 'the document');
  }
  return {};
}

/** Objects are merged member by member, whatever the case of names; anything else is replaced. */
function overlay(base: YamlObject, over: YamlObject): YamlObject {
  const merged = new Map<string, Yaml>(Object.entries(base));
  for (const [key, value] of Object.entries(over)) {
    const folded = key.toLowerCase();
    const existing = merged.has(key) ? key : ([...merged.keys()].find((one) => one.toLowerCase() === folded) ?? key);
    const before = merged.get(existing);
    merged.set(existing, isObject(value) ? overlay(isObject(before) ? before : {}, value) : value);
  }
  return Object.fromEntries(merged);
}

function decode(spec: YamlObject, env: Environment): Omit<Configuration, 'names'> {
  const api = objectAt(member(spec, 'api'), 'spec.api');
  const allowed = decodeRules(member(api, 'allowed'), 'spec.api.allowed');
  const denied = decodeRules(member(api, 'denied'), 'spec.api.denied');
  const logging = objectAt(member(objectAt(member(spec, 'logging'), 'spec.logging'), 'apiLogging'), 'spec.logging.apiLogging');
  const flag = (name: string) => booleanAt(member(logging, name), `spec.logging.apiLogging.${name}`, false);
  return {
    api: { http: { allowed: allowed.http, denied: denied.http }, grpc: { allowed: allowed.grpc, denied: denied.grpc } },
    features: decodeFeatures(member(spec, 'features')),
    apiLogging: { enabled: flag('enabled'), obfuscateUrls: flag('obfuscateURLs'), omitHealthChecks: flag('omitHealthChecks') },
    deniedComponents: textsAt(member(objectAt(member(spec, 'components'), 'spec.components'), 'deny'), 'spec.components.deny').filter((rule) => rule !== ''),
    secretScopes: decodeScopes(member(objectAt(member(spec, 'secrets'), 'spec.secrets'), 'scopes')),
    metrics: decodeMetrics(objectAt(member(spec, 'metric'), 'spec.metric'), objectAt(member(spec, 'metrics'), 'spec.metrics')),
    tracing: decodeTracing(member(spec, 'tracing'), env),
    spec,
  };
}

function decodeRules(value: Yaml | undefined, place: string): { http: ApiRule[]; grpc: ApiRule[] } {
  const rules: { http: ApiRule[]; grpc: ApiRule[] } = { http: [], grpc: [] };
  for (const [index, item] of listAt(value, place).entries()) {
    const rule = objectAt(item, `${place}[${index}]`);
    const text = (name: string) => textAt(member(rule, name), `${place}[${index}].${name}`);
    const protocol = text('protocol').toLowerCase() || 'http';
    // A rule that never matches looks like protection and is none, so a typing error here ends the start.
    if (protocol !== 'http' && protocol !== 'grpc') throw new ShapeError(`${place}[${index}].protocol can be either http or grpc`);
    rules[protocol].push({ name: text('name'), version: text('version') });
  }
  return rules;
}

function decodeFeatures(value: Yaml | undefined): Map<string, boolean> {
  const features = new Map<string, boolean>(DEFAULT_FEATURES.map((name) => [name, true]));
  for (const [index, item] of listAt(value, 'spec.features').entries()) {
    const feature = objectAt(item, `spec.features[${index}]`);
    const name = textAt(member(feature, 'name'), `spec.features[${index}].name`);
    if (name !== '') features.set(name, booleanAt(member(feature, 'enabled'), `spec.features[${index}].enabled`, false));
  }
  return features;
}

function decodeScopes(value: Yaml | undefined): Map<string, SecretScope> {
  const scopes = new Map<string, SecretScope>();
  for (const [index, item] of listAt(value, 'spec.secrets.scopes').entries()) {
    const place = `spec.secrets.scopes[${index}]`;
    const scope = objectAt(item, place);
    const storeName = textAt(member(scope, 'storeName'), `${place}.storeName`);
    const access = textAt(member(scope, 'defaultAccess'), `${place}.defaultAccess`);
    if (scopes.has(storeName)) throw new FatalError(`${storeName} storeName is repeated in secrets configuration`);
    if (!['', 'allow', 'deny'].includes(access.toLowerCase())) throw new FatalError(`defaultAccess ${access} can be either allow or deny`);
    scopes.set(storeName, {
      allowByDefault: access.toLowerCase() !== 'deny',
      allowed: new Set(textsAt(member(scope, 'allowedSecrets'), `${place}.allowedSecrets`)),
      denied: new Set(textsAt(member(scope, 'deniedSecrets'), `${place}.deniedSecrets`)),
    });
  }
  return scopes;
}

/** `metrics` wins over the older `metric`, member by member; `http` counts as one. */
function decodeMetrics(older: YamlObject, newer: YamlObject): MetricSettings {
  const given = (name: string): Yaml | undefined => {
    const value = member(newer, name);
    return value === undefined || value === null || (name === 'rules' && Array.isArray(value) && value.length === 0) ? member(older, name) : value;
  };
  const enabled = booleanAt(given('enabled'), 'spec.metrics.enabled', true);
  const recordErrorCodes = booleanAt(given('recordErrorCodes'), 'spec.metrics.recordErrorCodes', false);
  const latencyBuckets = listAt(given('latencyDistributionBuckets'), 'spec.metrics.latencyDistributionBuckets')
    .map((bound, index) => integerAt(bound, `spec.metrics.latencyDistributionBuckets[${index}]`, 0));
  const http = objectAt(given('http'), 'spec.metrics.http');
  const httpFlag = (name: string, otherwise: boolean) => booleanAt(member(http, name), `spec.metrics.http.${name}`, otherwise);
  const pathMatching = textsAt(member(http, 'pathMatching'), 'spec.metrics.http.pathMatching');
  const rules = listAt(given('rules'), 'spec.metrics.rules').map((rule, index) => decodeRule(rule, `spec.metrics.rules[${index}]`));
  const settings = {
    enabled, recordErrorCodes, latencyBuckets, rules,
    http: { increasedCardinality: httpFlag('increasedCardinality', true), pathMatching, excludeVerbs: httpFlag('excludeVerbs', false) },
  };
  const isGiven = (value: Yaml | undefined) => value !== undefined && value !== null;
  const json = JSON.stringify({ // in the order of Dapr's struct; members that nobody set are left out, as there
    enabled,
    ...(isGiven(given('recordErrorCodes')) ? { recordErrorCodes } : {}),
    ...(isGiven(given('http')) ? {
      http: {
        ...(isGiven(member(http, 'increasedCardinality')) ? { increasedCardinality: settings.http.increasedCardinality } : {}),
        ...(pathMatching.length > 0 ? { pathMatching } : {}),
        ...(isGiven(member(http, 'excludeVerbs')) ? { excludeVerbs: settings.http.excludeVerbs } : {}),
      },
    } : {}),
    ...(latencyBuckets.length > 0 ? { latencyDistributionBuckets: latencyBuckets } : {}),
    ...(rules.length > 0 ? { rules: rules.map(({ name, labels }) => ({ name, labels: labels.map((label) => ({ name: label.name, regex: Object.fromEntries(label.regex) })) })) } : {}),
  });
  return { ...settings, json };
}

function decodeRule(value: Yaml, place: string): MetricRule {
  const rule = objectAt(value, place);
  const labels = listAt(member(rule, 'labels'), `${place}.labels`).map((item, index) => {
    const label = objectAt(item, `${place}.labels[${index}]`);
    const regex = objectAt(member(label, 'regex'), `${place}.labels[${index}].regex`);
    return {
      name: textAt(member(label, 'name'), `${place}.labels[${index}].name`),
      regex: new Map(Object.entries(regex).map(([replacement, expression]) => [replacement, textAt(expression, `${place}.labels[${index}].regex.${replacement}`)])),
    };
  });
  return { name: textAt(member(rule, 'name'), `${place}.name`), labels };
}
