// A component's references to their values: secrets, environment variables, templates (contract: component manifest).
// Secrets flow from here into the one spec that names them and nowhere else; notices name them and never show them.
import { logName, type ComponentSpec, type MetadataItem } from '../proto/init.ts';
import type { Component, MetadataEntry } from './components.ts';
import { variable, type Environment } from './environment.ts';
import type { Notice } from './fatal.ts';
import type { SecretData, SecretStore } from './secretstores.ts';
import { messageOf } from '../proto/errors.ts';

export interface ResolveContext {
  readonly appId: string;
  readonly namespace: string;
  readonly podName: string;
  /** The only variables `envRef` may name, unless empty. */
  readonly envKeys: readonly string[];
  readonly env: Environment;
  /** Secret stores that are open, by component name. */
  readonly stores: ReadonlyMap<string, SecretStore>;
  /** What `{uuid}` at a place stands for: the component, the entry and the number of the template in it. */
  readonly uuid: (place: string) => string;
}

/** Exactly one of `spec`, `waitsFor` and `failure`. */
export type Resolved = { readonly notices: readonly Notice[] } & (
  | { readonly spec: ComponentSpec }
  /** The secret store that isn't there: the component is parked. */
  | { readonly waitsFor: string }
  | { readonly failure: string }
);

export function resolveComponent(component: Component, context: ResolveContext): Resolved {
  const notices: Notice[] = [];
  const note = (level: Notice['level'], text: string) => {
    if (notices.at(-1)?.text !== text) notices.push({ level, scope: 'dapr.runtime.processor.secret', component: logName(component), text });
  };
  const metadata = new Map<string, MetadataItem>(); // of two entries with one name the later wins, as in Dapr's maps
  for (const entry of component.entries) {
    const { name } = entry;
    if (entry.value === '' && entry.envRef !== '') {
      const allowed = mayReadEnvironment(entry.envRef, context.envKeys);
      if (!allowed) note('warn', `Component ${component.name} references an env variable that isn't allowed: ${entry.envRef}`);
      metadata.set(name, { name, value: allowed ? variable(context.env, entry.envRef) : '' });
      continue;
    }
    if (entry.secretName === '') {
      metadata.set(name, { name, value: entry.value });
      continue;
    }
    const store = context.stores.get(component.secretStore);
    if (store === undefined) {
      note('warn', `Component ${component.name} references a secret store that isn't loaded: ${component.secretStore}`);
      if (component.secretStore !== '') return { waitsFor: component.secretStore, notices };
      metadata.set(name, { name, value: entry.value });
      continue;
    }
    const secret = secretValue(store, entry, (reason) => note('error', `Error getting secret: ${reason}`));
    if (secret === '') note('warn', `Component ${component.name}: secret ${entry.secretName} of store ${component.secretStore} has no value for key ${entry.secretKey}`);
    metadata.set(name, secret === '' ? { name, value: entry.value } : { name, value: secret, secretName: entry.secretName });
  }
  const items = [...metadata.values()];
  const homeless = context.podName === '' ? items.find(({ value }) => value.includes('{podName}')) : undefined;
  if (homeless !== undefined) return { failure: `failed to parse metadata: property ${homeless.name} refers to {podName} but podName is not set`, notices };
  const { name, type, version, ignoreErrors, initTimeoutMs } = component;
  const namespaceScoped = items.some(({ value }) => value.includes('{namespace}')) ? { namespaceScoped: true } : {};
  return { spec: { name, type, version, ignoreErrors, initTimeoutMs, ...namespaceScoped, metadata: items.map((item) => ({ ...item, value: expand(item.value, `${name}/${item.name}`, context) })) }, notices };
}

/** `''` when the lookup fails or finds nothing: the component goes on without it. */
function secretValue(store: SecretStore, { secretName, secretKey }: MetadataEntry, failed: (reason: string) => void): string {
  let data: SecretData;
  try {
    data = store.get(secretName);
  } catch (cause) {
    failed(messageOf(cause));
    return '';
  }
  return data.get(secretKey) ?? '';
}

/** Templates of metadata values. One pass, so that a value can't bring a template of its own into another. */
function expand(value: string, place: string, { appId, namespace, podName, uuid }: ResolveContext): string {
  let uuids = 0;
  return value.replace(/\{(?:uuid|podName|namespace|appID)\}/g, (template) => {
    switch (template) {
      case '{uuid}': return uuid(`${place}/${uuids++}`);
      case '{podName}': return podName;
      case '{namespace}': return `${namespace || 'default'}.${appId}`;
      default: return appId;
    }
  });
}

function mayReadEnvironment(key: string, allowed: readonly string[]): boolean {
  const upper = key.toUpperCase();
  if (upper === 'APP_API_TOKEN' || upper.startsWith('DAPR_') || upper.includes(' ')) return false;
  return allowed.length === 0 || allowed.some((one) => one.toUpperCase() === upper);
}
