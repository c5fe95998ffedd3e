// Everything the sidecar is told by its resources directories: components for each block with their secrets resolved, the
// secret stores, and what could not be used, with reasons (contract: resource loading, init order and failures).
import { logName, type ComponentSpec, type ComponentStatus, type SubscriptionSpec } from '../proto/init.ts';
import { vainIsolation, wishesOf } from './annotations.ts';
import { acceptComponents, CATEGORIES, categoryOf, decodeComponents, type Component } from './components.ts';
import type { Config } from './config.ts';
import { embeddedComponents } from './embedded.ts';
import type { Environment } from './environment.ts';
import { FatalError, type Notice } from './fatal.ts';
import { ManifestFiles, type Manifests } from './manifest-files.ts';
import type { Manifest } from './manifests.ts';
import { withResiliency } from './resiliency/apply.ts';
import { resiliencyFaults, type ResiliencyName } from './resiliency/read.ts';
import { resolveComponent, type ResolveContext } from './resolve.ts';
import { secretStoreFor, type SecretStore } from './secretstores.ts';
import { decodeSubscriptions } from './subscriptions.ts';
import { messageOf } from '../proto/errors.ts';

export interface Resources {
  /** By block; every block that runs has an entry. */
  readonly blocks: ReadonlyMap<string, readonly ComponentSpec[]>;
  /** Components among them that have a compartment of their own. */
  readonly isolated: ReadonlySet<string>;
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
  /** Resiliency resources that were read, in order; their policies are in the components. */
  readonly resiliencies: readonly ResiliencyName[];
  /** What manifests say now and can't be used, where there is a `former`: what that had of the name goes on, if anything. */
  readonly refused: readonly RefusedComponent[];
  /** What each `{uuid}` came to, by its place: it stays the same as long as the sidecar runs. */
  readonly uuids: ReadonlyMap<string, string>;
  /** For the log, in order. */
  readonly notices: readonly Notice[];
}

export interface RefusedComponent {
  readonly name: string;
  readonly type: string;
  readonly version: string;
  readonly reason: string;
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
  /** Default: those of the resources directories, read now. */
  readonly manifests?: Manifests;
  /** What runs now: a component that can't be used any more goes on as it is there, and none ends the sidecar. Absent: a start. */
  readonly former?: Resources;
}

/** @throws FatalError when the sidecar must not start. */
export async function loadResources(config: Config, options: LoadOptions = {}): Promise<Resources> {
  const { env = process.env, deny = [], workingDirectory = process.cwd(), former } = options;
  const loader = new Loader(config, env, former);
  if (config.quickStart) {
    const { specs, notices } = await embeddedComponents(workingDirectory);
    loader.notices.push(...notices);
    for (const spec of specs) loader.hand(spec, false);
    loader.notices.push(...vainIsolation(config.isolated, specs));
    return loader.result([], []);
  }
  const { manifests, notices } = options.manifests ?? (await manifestFiles(config).read());
  loader.notices.push(...notices);
  const decoded = decodeComponents(manifests);
  loader.notices.push(...decoded.notices);
  try {
    const { accepted, notices: denials } = acceptComponents(decoded.components, { appId: config.appId, namespace: config.namespace, deny });
    loader.notices.push(...denials);
    await loader.load(accepted);
    loader.notices.push(...vainIsolation(config.isolated, accepted));
  } catch (cause) {
    if (cause instanceof FatalError) throw new FatalError(cause.message, [...loader.notices, ...cause.notices]);
    throw cause;
  }
  const declared = decodeSubscriptions(manifests, config.appId);
  loader.notices.push(...declared.notices);
  return withResiliency(loader.result(declared.subscriptions, manifests.filter(({ kind }) => kind !== 'Component')), manifests, config);
}

/** The files of the resources directories. */
export function manifestFiles(config: Config): ManifestFiles {
  return new ManifestFiles(config.resourcesPaths, config.resourcesFlag, (manifests) => [...decodeComponents(manifests).notices, ...decodeSubscriptions(manifests, config.appId).notices, ...resiliencyFaults(manifests, config)]);
}

class Loader {
  readonly notices: Notice[] = [];
  readonly #blocks: Map<string, ComponentSpec[]>;
  readonly #isolated = new Set<string>();
  readonly #stores = new Map<string, SecretStore>();
  readonly #statuses: ComponentStatus[] = [];
  readonly #parked: ParkedComponent[] = [];
  readonly #unserved: Component[] = [];
  readonly #refused: RefusedComponent[] = [];
  readonly #uuids = new Map<string, string>();
  readonly #config: Config;
  readonly #context: ResolveContext;
  readonly #former: Resources | undefined;

  constructor(config: Config, env: Environment, former: Resources | undefined) {
    this.#config = config;
    this.#former = former;
    const uuid = (place: string): string => {
      const known = this.#uuids.get(place) ?? former?.uuids.get(place) ?? crypto.randomUUID();
      this.#uuids.set(place, known);
      return known;
    };
    this.#context = { appId: config.appId, namespace: config.namespace, podName: config.podName, envKeys: config.envKeys, env, stores: this.#stores, uuid };
    this.#blocks = new Map(config.blocks.map(({ name }) => [name, []]));
  }

  result(subscriptions: readonly SubscriptionSpec[], manifests: readonly Manifest[]): Resources {
    return {
      blocks: this.#blocks, isolated: this.#isolated, secretStores: this.#stores, components: this.#statuses, parked: this.#parked, unserved: this.#unserved,
      subscriptions, manifests, resiliencies: [], refused: this.#refused, uuids: this.#uuids, notices: this.notices,
    };
  }

  /** Secret stores first, then the others in file order. */
  async load(components: readonly Component[]): Promise<void> {
    for (const component of components) this.notices.push(...wishesOf(component).notices);
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

  /** Gives a spec to its block. @param isolated its manifest wants a compartment for it; the command line may, too. */
  hand(spec: ComponentSpec, isolated: boolean): void {
    const list = this.#blocks.get(CATEGORIES[categoryOf(spec.type) ?? ''] ?? '');
    if (list === undefined) return;
    list.push(spec);
    if (isolated || this.#config.isolated.has(spec.name)) this.#isolated.add(spec.name);
  }

  /** False: it waits for another secret store. */
  async #openStore(component: Component): Promise<boolean> {
    const resolved = resolveComponent(component, this.#context);
    if ('waitsFor' in resolved) return false;
    this.notices.push(...resolved.notices);
    if ('failure' in resolved) {
      this.#fail(component, failedInit(component, resolved.failure));
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
      this.#fail(component, failedInit(component, messageOf(cause)));
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
    const { isolated, initFailure } = wishesOf(component);
    this.notices.push(...resolved.notices);
    if ('failure' in resolved) this.#fail(component, failedInit(component, resolved.failure));
    else this.hand(initFailure === undefined ? resolved.spec : { ...resolved.spec, initFailure }, isolated);
  }

  /** True: what the former resources have of that name goes on. */
  #goesOn({ name }: Component): boolean {
    const former = this.#former;
    const store = former?.secretStores.get(name);
    if (former === undefined) return false;
    if (store !== undefined) {
      this.#stores.set(name, store);
      this.#statuses.push(...former.components.filter((status) => status.name === name));
      return true;
    }
    for (const [block, specs] of former.blocks) {
      const spec = specs.find((one) => one.name === name);
      if (spec === undefined) continue;
      this.#blocks.get(block)?.push(spec);
      if (former.isolated.has(name)) this.#isolated.add(name);
      return true;
    }
    return false;
  }

  #park(component: Component): void {
    if (this.#goesOn(component)) return void this.#refused.push({ ...identity(component), reason: `it references a secret store that isn't loaded: ${component.secretStore}` });
    this.notices.push(...resolveComponent(component, this.#context).notices);
    this.#parked.push({ ...identity(component), secretStore: component.secretStore });
  }

  /**
   * A component that can't be used. Dapr says so twice: the inner text when it fails, and wrapped once more when it gives up.
   * @param inner `''` for what fails before any initialisation; then `outer` says it all.
   */
  #fail(component: Component, inner: string, outer = failedInit(component, inner)): void {
    const reason = inner === '' ? outer : inner;
    const failedBefore = this.#former?.components.some(({ name, state }) => name === component.name && state === 'failed') === true;
    if (this.#former !== undefined && (this.#goesOn(component) || !failedBefore)) {
      this.#refused.push({ ...identity(component), reason });
      return;
    }
    const scope = 'dapr.runtime.processor';
    const name = logName(component);
    const { initFailure } = wishesOf(component);
    const wanted = initFailure ?? this.#config.initFailure;
    if (inner !== '') this.notices.push({ level: 'error', scope, component: name, text: `Failed to init component ${name}: ${inner}` });
    const failed = `process component ${component.name} error: ${outer}`;
    if (component.ignoreErrors) {
      this.notices.push({ level: 'error', scope, component: name, text: `Ignoring error processing component: ${failed}` });
    } else if (wanted === 'exit' && this.#former === undefined) {
      throw new FatalError(failed, [{ level: 'warn', scope, component: name, text: `Error processing component, daprd will exit gracefully: ${failed}` }]);
    } else if (inner === '') {
      this.notices.push({ level: 'error', scope, component: name, text: failed });
    }
    this.#statuses.push({ ...identity(component), state: 'failed', reason, required: !component.ignoreErrors, ...(initFailure === undefined ? {} : { initFailure }), capabilities: [] });
  }
}

function failedInit(component: Component, reason: string): string {
  return `[INIT_COMPONENT_FAILURE]: initialization error occurred for ${logName(component)}: ${reason}`;
}

function identity({ name, type, version }: Component): Pick<ComponentSpec, 'name' | 'type' | 'version'> {
  return { name, type, version };
}
