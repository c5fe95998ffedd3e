// Files changed on disk become what the sidecar does, without a gap: looks when the watch gives a sign, finds out what the files
// say now, refuses what makes no sense with its reason, and brings the rest about (contract: hot reload).
import { isDeepStrictEqual } from 'node:util';
import { messageOf } from '../../proto/errors.ts';
import { logName } from '../../proto/init.ts';
import type { Log } from '../../proto/log.ts';
import { markOf } from '../../proto/places.ts';
import type { Placement } from '../arrangement.ts';
import type { Config } from '../config.ts';
import { enabledFeatures, isFeatureEnabled, type Configuration } from '../configuration.ts';
import type { Environment } from '../environment.ts';
import { FatalError, logNotices, systemReason } from '../fatal.ts';
import type { ManifestFiles, Manifests } from '../manifest-files.ts';
import { loadResources, type Resources } from '../resources.ts';
import type { World } from '../world.ts';
import { ConfigurationFiles } from './configuration-files.ts';
import { eventsOf, type ComponentChange } from './plan.ts';
import { Rollout, type RolloutTarget } from './rollout.ts';
import { Watch } from './watch.ts';

export interface ReloadOptions {
  readonly config: Config;
  /** What `envRef` and the variables in a Configuration read. */
  readonly env: Environment;
  readonly log: Log;
  readonly files: ManifestFiles;
  /** What the start came to. */
  readonly world: World;
  readonly target: Omit<RolloutTarget, 'arrange'>;
  /** Which compartments a world makes. */
  readonly arrange: (world: World) => readonly Placement[];
  /** The kernel itself goes by this from now on. */
  readonly apply: (world: World) => void | Promise<void>;
}

/** What `/actuator/blocks` shows. */
export interface ReloadInfo {
  /** Times that something was applied. */
  readonly applied: number;
  /** ISO; absent: never. */
  readonly appliedAt?: string;
  /** What files say now and is not followed. */
  readonly refused: readonly Refused[];
}

interface Refused {
  /** A path, or a component's log name. */
  readonly what: string;
  readonly reason: string;
}

export class Reload {
  readonly #options: ReloadOptions;
  readonly #watch: Watch;
  readonly #rollout: Rollout;
  readonly #configurationFiles: ConfigurationFiles;
  #world: World;
  #secretMarks = '';
  /** Why the manifests as a whole are not followed; `''`: they are. */
  #refusedLoad = '';
  #refused: readonly Refused[];
  /** Refusals that have been logged and still hold. */
  #logged: ReadonlySet<string>;
  #applied = 0;
  #appliedAt: string | undefined;
  /** What was read last has to be applied once more: something went wrong that nobody foresaw, or may be right in a moment. */
  #unapplied = false;
  #looking = false;
  #again = false;
  #closed = false;

  constructor(options: ReloadOptions) {
    this.#options = options;
    const { config, env, log, files, world } = options;
    this.#world = world;
    this.#configurationFiles = new ConfigurationFiles(config.configPaths, env);
    this.#rollout = new Rollout(options.arrange(world), ({ what, reason, isNew }) => {
      log.error({ component: what }, isNew ? `Component refused, the sidecar goes on without it: ${what}: ${reason}` : `Component update refused, the present one goes on: ${what}: ${reason}`);
    });
    this.#refused = files.refused.map(({ path, reason }) => ({ what: path, reason }));
    this.#logged = new Set(this.#refused.map(idOf)); // by the start
    this.#watch = new Watch({
      changed: () => void this.#look(),
      polling: (reason) => log.warn({}, `can't watch the files of resources (${reason}): looking at them every few seconds instead`),
      reconcileMs: config.reconcileMs,
    });
  }

  /** From now on what changes is followed, and what has changed since it was read. */
  start(): void {
    if (this.#closed) return;
    this.#options.log.info({}, "Hot reloading enabled. Daprd will reload 'Component', 'Subscription', 'Configuration', 'HTTPEndpoint', 'Resiliency' and 'MCPServer' resources as soon as their files change.");
    void this.#look();
  }

  /** Nothing is begun any more; what is under way ends with its blocks. May be called twice. */
  close(): void {
    this.#closed = true;
    this.#watch.close();
    this.#rollout.close();
  }

  info(): ReloadInfo {
    return { applied: this.#applied, ...(this.#appliedAt === undefined ? {} : { appliedAt: this.#appliedAt }), refused: this.#refused };
  }

  /** One at a time; signs that come meanwhile make one more. */
  async #look(): Promise<void> {
    this.#again = true;
    if (this.#looking) return;
    this.#looking = true;
    while (this.#again && !this.#closed) {
      this.#again = false;
      try {
        await this.#lookOnce();
      } catch (cause) {
        if (!this.#closed) this.#options.log.error({}, `changed files could not be looked at: ${cause instanceof Error ? (cause.stack ?? cause.message) : messageOf(cause)}`);
      }
    }
    this.#looking = false;
  }

  async #lookOnce(): Promise<void> {
    const { config, files } = this.#options;
    const secretFiles = secretFilesOf(this.#world.resources);
    // Watched first, read then: what changes after it was read gives a sign.
    await this.#watch.follow({ directories: config.resourcesPaths, files: [...config.configPaths, ...secretFiles] });
    const manifests = await files.again();
    const configured = await this.#configurationFiles.again();
    const secretMarks = await marksOf(secretFiles);
    if (this.#closed) return;
    const doubtMs = Math.min(manifests.doubtMs ?? Infinity, configured.doubtMs ?? Infinity);
    const configuration = configured.configuration ?? this.#world.configuration;
    const refusedFiles = [...manifests.refused, ...configured.refused].map(({ path, reason }) => ({ what: path, reason }));
    this.#tellRefused(refusedFiles);
    const isConfigured = await this.#configure(configuration);
    if (this.#unapplied || manifests.changed || isConfigured || secretMarks !== this.#secretMarks || this.#rollout.againAtMs <= performance.now()) {
      this.#secretMarks = secretMarks;
      this.#unapplied = true;
      this.#unapplied = !(await this.#apply(configuration, manifests, doubtMs < Infinity));
    }
    if (this.#closed) return;
    this.#tellRefused(refusedFiles);
    if (!isFeatureEnabled(configuration, 'HotReload')) {
      this.#options.log.info({}, 'Hot reloading disabled by the Configuration: files are not followed any more.');
      return this.close();
    }
    this.#watch.again(Math.min(doubtMs, this.#rollout.againAtMs - performance.now()));
    if (!isDeepStrictEqual(secretFilesOf(this.#world.resources), secretFiles)) this.#again = true; // they are to be watched
  }

  /** The kernel's own part of a Configuration. False: it says what the former one said. */
  async #configure(configuration: Configuration): Promise<boolean> {
    const { config, log, apply } = this.#options;
    const { configuration: before, resources } = this.#world;
    if (isDeepStrictEqual(configuration, before)) return false;
    const names = configuration.names.filter((name) => name !== '');
    log.info({}, `Received Configuration UPDATED event: ${(names.length > 0 ? names : config.configPaths).join(', ')}`);
    const features = enabledFeatures(configuration).join(' ');
    if (features !== enabledFeatures(before).join(' ')) log.info({}, `Enabled features: ${features}`);
    if (configuration.metrics.json !== before.metrics.json) log.info({}, `metric spec: ${configuration.metrics.json}`);
    this.#world = { configuration, resources };
    this.#count();
    await apply(this.#world);
    return true;
  }

  /** False: once more, in a moment. @param isDoubtful something looks half-written: what does not fit together may do so then. */
  async #apply(configuration: Configuration, manifests: Manifests, isDoubtful: boolean): Promise<boolean> {
    const { log, target, arrange, apply } = this.#options;
    const before = this.#world.resources;
    const loaded = await this.#load(configuration, manifests, isDoubtful);
    const resources = loaded ?? before;
    if (this.#closed) return true;
    const said = new Set(before.notices.map(({ text }) => text));
    logNotices(log, resources.notices.filter(({ text }) => !said.has(text)));
    const events = eventsOf(before.manifests, resources.manifests).filter(({ kind, name }) => kind !== 'Configuration' || !configuration.names.includes(name));
    for (const { kind, event, name } of events) log.info({}, `Received ${kind} ${event} event: ${name}`);
    this.#logStores(before, resources);
    const changes = await this.#rollout.apply(resources, { ...target, arrange: (wanted) => arrange({ configuration, resources: wanted }) }, (trying) => this.#logTrying(trying));
    if (this.#closed) return true;
    this.#logDone(changes);
    if (changes.length > 0 || events.length > 0) this.#count();
    this.#world = { configuration, resources };
    await apply(this.#world);
    return loaded !== undefined || !isDoubtful;
  }

  /** Undefined: as a whole they can't be used. */
  async #load(configuration: Configuration, manifests: Manifests, isDoubtful: boolean): Promise<Resources | undefined> {
    const { config, env } = this.#options;
    try {
      const resources = await loadResources(config, { env, deny: configuration.deniedComponents, manifests, former: this.#former() });
      this.#refusedLoad = '';
      return resources;
    } catch (cause) {
      if (!(cause instanceof FatalError)) throw cause;
      if (!isDoubtful) this.#refusedLoad = cause.message.replace('failed to load components', 'failed to load resources from disk');
      return undefined;
    }
  }

  /** What was loaded last, with the components that are in force. */
  #former(): Resources {
    const { resources } = this.#world;
    const present = [...this.#rollout.present.values()];
    return {
      ...resources,
      blocks: new Map([...resources.blocks.keys()].map((block) => [block, present.filter((one) => one.block === block).map(({ spec }) => spec)])),
      isolated: new Set(present.filter(({ isolated }) => isolated).map(({ spec }) => spec.name)),
    };
  }

  #logTrying(changes: readonly ComponentChange[]): void {
    for (const { after } of changes) if (after !== undefined) this.#options.log.info({ component: logName(after) }, `Adding Component for processing: ${logName(after)}`);
  }

  #logDone(changes: readonly ComponentChange[]): void {
    const { log } = this.#options;
    for (const { before, after } of changes) {
      if (before !== undefined) log.info({ component: logName(before) }, `Closing existing Component to reload: ${logName(before)}`);
      if (after !== undefined) log.info({ component: logName(after) }, `Component updated: ${logName(after)}`);
    }
  }

  /** Secret stores are the kernel's: they have changed already. */
  #logStores(before: Resources, after: Resources): void {
    const { log } = this.#options;
    const storesOf = ({ components, secretStores }: Resources): string[] => components.filter(({ name }) => secretStores.has(name)).map(logName);
    const [was, is] = [new Set(storesOf(before)), new Set(storesOf(after))];
    for (const component of was) if (!is.has(component)) log.info({ component }, `Closing existing Component to reload: ${component}`);
    for (const component of is) if (!was.has(component)) log.info({ component }, `Component updated: ${component}`);
  }

  /** Once for each, as long as it holds. */
  #tellRefused(files: readonly Refused[]): void {
    const { log } = this.#options;
    const components = this.#world.resources.refused.map((component) => ({ what: logName(component), reason: component.reason }));
    const load = this.#refusedLoad === '' ? [] : [{ what: 'resources', reason: this.#refusedLoad }];
    const isNews = (refused: Refused): boolean => !this.#logged.has(idOf(refused));
    for (const { what, reason } of files.filter(isNews)) log.warn({}, `${what} is refused, and what it said before goes on: ${reason}`);
    for (const { reason } of load.filter(isNews)) log.error({}, `The changed resources are refused, the present ones go on: ${reason}`);
    for (const { what, reason } of components.filter(isNews)) log.error({ component: what }, `Component update refused, what there was goes on: ${what}: ${reason}`);
    const told = [...files, ...load, ...components];
    this.#logged = new Set(told.map(idOf));
    this.#refused = [...told, ...this.#rollout.refused.map(({ what, reason }) => ({ what, reason }))];
  }

  #count(): void {
    this.#applied++;
    this.#appliedAt = new Date().toISOString();
  }
}

function idOf({ what, reason }: Refused): string {
  return `${what} ${reason}`;
}

/** Files that secret stores were read from. */
function secretFilesOf({ secretStores }: Resources): string[] {
  return [...secretStores.values()].flatMap(({ file }) => file ?? []);
}

async function marksOf(paths: readonly string[]): Promise<string> {
  return (await Promise.all(paths.map((path) => markOf(path).catch(systemReason)))).join('\n');
}
