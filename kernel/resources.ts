// Everything the sidecar is told by its resources directories: components for each block with their secrets resolved, the
// secret stores, and what could not be used, with reasons (contract: resource loading, init order and failures).
import { logName, type ComponentSpec, type ComponentStatus, type SubscriptionSpec } from '../proto/init.ts';
import { acceptComponents, CATEGORIES, categoryOf, decodeComponents, type Component } from './components.ts';
import type { Config } from './config.ts';
import { embeddedComponents } from './embedded.ts';
import type { Environment } from './environment.ts';
import { FatalError, type Notice } from './fatal.ts';
import { readManifests, type Manifest } from './manifests.ts';
import { resolveComponent, type ResolveContext } from './resolve.ts';
import { secretStoreFor, type SecretStore } from './secretstores.ts';
import { decodeSubscriptions } from './subscriptions.ts';
import { messageOf } from '../proto/errors.ts';

export interface Resources {
  /** By block; every block that runs has an entry. */
  readonly blocks: ReadonlyMap<string, readonly ComponentSpec[]>;
  /** Open secret stores by component name. */
  readonly secretStores: ReadonlyMap<string, SecretStore>;
  /** Components that never reach a block: secret stores, and those that failed on the way. */
  readonly components: readonly ComponentStatus[];
  /** Components that wait for a secret store. They count as processed and are not listed. */
  readonly parked: readonly ParkedComponent[];
  /** Components of known categories that no running block serves. */
  readonly unserved: readonly Component[];
  /** Declared for this application, in load order. */
  readonly subscriptions: readonly SubscriptionSpec[];
  /** Manifests of all other kinds, unfiltered, in order. */
  readonly manifests: readonly Manifest[];
  /** For the log, in order. */
  readonly notices: readonly Notice[];
}

export interface ParkedComponent {
  readonly name: string;
  readonly type: string;
  readonly version: string;
  readonly secretStore: string;
}

export interface LoadOptions {
  /** What `envRef` and secretstores.local.env read. Default: the process' own. */
  readonly env?: Environment;
  /** `components.deny` of the Configuration. */
  readonly deny?: readonly string[];
  /** Default: the process' own. */
  readonly workingDirectory?: string;
}

/** @throws FatalError when the sidecar must not start. */
export async function loadResources(config: Config, options: LoadOptions = {}): Promise<Resources> {
  const { env = process.env, deny = [], workingDirectory = process.cwd() } = options;
  const loader = new Loader(config, env);
  if (config.quickStart) {
    const { specs, notices } = await embeddedComponents(workingDirectory);
    loader.notices.push(...notices);
    for (const spec of specs) loader.hand(spec);
    return loader.result([], []);
  }
  const { manifests, notices } = await readManifests(config.resourcesPaths, config.resourcesFlag);
  loader.notices.push(...notices);
  const decoded = decodeComponents(manifests);
  loader.notices.push(...decoded.notices);
  try {
    const { accepted, notices: denials } = acceptComponents(decoded.components, { appId: config.appId, namespace: config.namespace, deny });
    loader.notices.push(...denials);
    await loader.load(accepted);
  } catch (cause) {
    if (cause instanceof FatalError) throw new FatalError(cause.message, [...loader.notices, ...cause.notices]);
    throw cause;
  }
  const declared = decodeSubscriptions(manifests, config.appId);
  loader.notices.push(...declared.notices);
  return loader.result(declared.subscriptions, manifests.filter(({ kind }) => kind !== 'Component'));
}

class Loader {
  readonly notices: Notice[] = [];
  readonly #blocks: Map<string, ComponentSpec[]>;
  readonly #stores = new Map<string, SecretStore>();
  readonly #statuses: ComponentStatus[] = [];
  readonly #parked: ParkedComponent[] = [];
  readonly #unserved: Component[] = [];
  readonly #config: Config;
  readonly #context: ResolveContext;

  constructor(config: Config, env: Environment) {
    this.#config = config;
    this.#context = { appId: config.appId, namespace: config.namespace, podName: config.podName, envKeys: config.envKeys, env, stores: this.#stores };
    this.#blocks = new Map(config.blocks.map(({ name }) => [name, []]));
  }

  result(subscriptions: readonly SubscriptionSpec[], manifests: readonly Manifest[]): Resources {
    return {
      blocks: this.#blocks, secretStores: this.#stores, components: this.#statuses, parked: this.#parked, unserved: this.#unserved,
      subscriptions, manifests, notices: this.notices,
    };
  }

  /** Secret stores first, then the others in file order. */
  async load(components: readonly Component[]): Promise<void> {
    const isStore = ({ type }: Component) => categoryOf(type) === 'secretstores';
    // A secret store may take its own settings from another, so go round until a round opens none.
    let waiting = components.filter(isStore);
    for (let before = -1; before !== this.#stores.size;) {
      before = this.#stores.size;
      const again: Component[] = [];
      for (const component of waiting) if (!(await this.#openStore(component))) again.push(component);
      waiting = again;
    }
    for (const component of waiting) this.#park(component);
    for (const component of components) if (!isStore(component)) this.#place(component);
  }

  /** Gives a spec to its block. */
  hand(spec: ComponentSpec): boolean {
    const list = this.#blocks.get(CATEGORIES[categoryOf(spec.type) ?? ''] ?? '');
    list?.push(spec);
    return list !== undefined;
  }

  /** False: it waits for another secret store. */
  async #openStore(component: Component): Promise<boolean> {
    const resolved = resolveComponent(component, this.#context);
    if ('waitsFor' in resolved) return false;
    this.notices.push(...resolved.notices);
    if ('failure' in resolved) {
      this.#fail(component, initFailure(component, resolved.failure));
      return true;
    }
    const open = secretStoreFor(resolved.spec);
    if (open === undefined) {
      const reason = `couldn't find secret store ${component.type}/${component.version || 'v1'}`;
      this.#fail(component, `[CREATE_COMPONENT_FAILURE]: initialization error occurred for ${logName(component)}: ${reason}`);
      return true;
    }
    try {
      const store = await open(resolved.spec, this.#context.env);
      this.#stores.set(component.name, store);
      this.#statuses.push({ ...identity(component), state: 'ready', required: !component.ignoreErrors, capabilities: store.features });
      this.notices.push({ level: 'info', scope: 'dapr.runtime.processor', component: logName(component), text: `Component loaded: ${logName(component)}` });
    } catch (cause) {
      this.#fail(component, initFailure(component, messageOf(cause)));
    }
    return true;
  }

  #place(component: Component): void {
    const category = categoryOf(component.type);
    if (category === undefined) {
      this.#fail(component, '', `incorrect type ${component.type}`);
      return;
    }
    const block = CATEGORIES[category] ?? '';
    if (!this.#blocks.has(block)) {
      this.#unserved.push(component); // its secrets stay where they are
      const reason = block === '' ? `no block serves ${category} components yet` : `the ${block} block, which serves ${category} components, does not run`;
      this.notices.push({ level: 'warn', scope: 'dapr.runtime.processor', component: logName(component), text: `Component ${logName(component)} is not loaded: ${reason}` });
      return;
    }
    const resolved = resolveComponent(component, this.#context);
    if ('waitsFor' in resolved) {
      this.#park(component);
      return;
    }
    this.notices.push(...resolved.notices);
    if ('failure' in resolved) this.#fail(component, initFailure(component, resolved.failure));
    else this.hand(resolved.spec);
  }

  #park(component: Component): void {
    this.notices.push(...resolveComponent(component, this.#context).notices);
    this.#parked.push({ ...identity(component), secretStore: component.secretStore });
  }

  /**
   * A component that can't be used. Dapr says so twice: the inner text when it fails, and wrapped once more when it gives up.
   * @param inner `''` for what fails before any initialisation; then `outer` says it all.
   */
  #fail(component: Component, inner: string, outer = initFailure(component, inner)): void {
    const scope = 'dapr.runtime.processor';
    const name = logName(component);
    if (inner !== '') this.notices.push({ level: 'error', scope, component: name, text: `Failed to init component ${name}: ${inner}` });
    const failed = `process component ${component.name} error: ${outer}`;
    if (component.ignoreErrors) {
      this.notices.push({ level: 'error', scope, component: name, text: `Ignoring error processing component: ${failed}` });
    } else if (this.#config.initFailure === 'exit') {
      throw new FatalError(failed, [{ level: 'warn', scope, component: name, text: `Error processing component, daprd will exit gracefully: ${failed}` }]);
    } else if (inner === '') {
      this.notices.push({ level: 'error', scope, component: name, text: failed });
    }
    const reason = inner === '' ? outer : inner;
    this.#statuses.push({ ...identity(component), state: 'failed', reason, required: !component.ignoreErrors, capabilities: [] });
  }
}

function initFailure(component: Component, reason: string): string {
  return `[INIT_COMPONENT_FAILURE]: initialization error occurred for ${logName(component)}: ${reason}`;
}

function identity({ name, type, version }: Component): Pick<ComponentSpec, 'name' | 'type' | 'version'> {
  return { name, type, version };
}
