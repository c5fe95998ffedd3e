// One run of the sidecar, from its configuration to its last goodbye: puts the parts together, starts blocks and
// listeners side by side, and takes everything down in order. SIGHUP makes a new one in the same process.
import { setTimeout as sleep } from 'node:timers/promises';
import { formatDurationMs } from '../proto/duration.ts';
import { logName } from '../proto/init.ts';
import type { Log } from '../proto/log.ts';
import { giveBackStartMemory } from '../proto/start-memory.ts';
import type { Application } from './application.ts';
import { arrange } from './arrangement.ts';
import { Compartments, type Compartment, type LaunchSettings } from './compartments.ts';
import type { Config } from './config.ts';
import { enabledFeatures, isFeatureEnabled, loadConfiguration, type Configuration } from './configuration.ts';
import { logNotices } from './fatal.ts';
import type { Bound, openGateway as OpenGateway } from './gateway.ts';
import type { Gateways, GatewaysOptions } from './gateways/gateways.ts';
import { settled, unready, type HealthSources } from './health.ts';
import { hintedBlocks } from './hints.ts';
import type { Listener } from './listener.ts';
import { ownMethods } from './own-methods.ts';
import type { ManifestFiles } from './manifest-files.ts';
import { Metrics } from './metrics/metrics.ts';
import type { Reload } from './reload/reload.ts';
import { loadResources, manifestFiles } from './resources.ts';
import type { ShutdownRequest } from './shutdown.ts';
import { Switch, type KernelMethod } from './switch.ts';
import type { World } from './world.ts';

export interface RuntimeOptions {
  readonly config: Config;
  readonly log: Log;
  readonly launch: LaunchSettings;
  /** Opens event loops for the APIs; absent: the kernel's own is the gateway. */
  readonly openGateways?: ((options: GatewaysOptions) => Gateways) | undefined;
  /** The shutdown API was called. */
  readonly onShutdown: (request: ShutdownRequest) => void;
}

/** The APIs, wherever they are served. */
interface Serving {
  /** @throws FatalError when an address can't be had */
  listen(): Promise<Bound>;
  /** Resolves when calls are served by it. */
  apply(configuration: Configuration): Promise<void>;
}

/** Listeners close within this after the last call is done; contract: graceful sequence. */
const LISTENER_GRACE_MS = 10_000;
/** How often a drain looks whether the last call is done. */
const DRAIN_TICK_MS = 10;

export class Runtime {
  readonly #options: RuntimeOptions;
  /** Undefined: the kernel's own loop is the gateway. */
  readonly #gateways: Gateways | undefined;
  readonly #compartments: Compartments;
  readonly #metrics: Metrics;
  #listeners: readonly Listener[] = [];
  #switch: Switch | undefined;
  #application: Application | undefined;
  #reload: Reload | undefined;
  #listening = false;
  #pausing: Promise<unknown> | undefined;
  #ready: (() => void) | undefined;
  readonly #initialized: Promise<void>;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    const { config, log, launch } = options;
    this.#gateways = options.openGateways?.({ config, log, launch });
    this.#compartments = new Compartments({
      config, log, launch,
      ...(this.#gateways === undefined ? {} : { gateways: this.#gateways }),
      changed: () => {
        this.#metrics.componentsChanged();
        this.#changed();
      },
      leaving: (compartment, life) => this.#metrics.leaving(compartment, life),
    });
    this.#metrics = new Metrics({
      appId: config.appId, namespace: config.namespace, log,
      // A quick start is somebody trying things out: it serves this machine alone.
      config: config.quickStart ? { ...config.metrics, address: '127.0.0.1' } : config.metrics,
      compartments: () => this.#compartments.all(), app: () => this.#application?.channel, gateways: this.#gateways,
    });
    this.#initialized = new Promise((resolve) => (this.#ready = resolve));
  }

  /** Resolves when every listener is bound; blocks may still be starting. @throws FatalError */
  async start(): Promise<Bound> {
    const began = performance.now();
    const { config, log, onShutdown } = this.#options;
    const compartments = this.#compartments;
    // The blocks' processes come up while everything else is read and loaded here; `init` waits for them in their channels.
    const hinted = config.quickStart ? undefined : hintedBlocks(config.resourcesPaths, config.isolated);
    for (const { child, block } of compartments.all()) if (hinted?.has(block) ?? true) child.start();
    const loading = this.#gateways === undefined ? import('./gateway.ts') : undefined;
    const finding = config.app.port === 0 ? undefined : this.#openApplication();
    const configuration = await loadConfiguration(config.configPaths, process.env);
    const features = enabledFeatures(configuration);
    if (features.length > 0) log.info({}, `Enabled features: ${features.join(' ')}`);
    log.info({}, `metric spec: ${configuration.metrics.json}`);
    await this.#metrics.apply(configuration.metrics);
    log.info({}, 'Loading components…');
    const files = manifestFiles(config);
    const resources = await loadResources(config, { deny: configuration.deniedComponents, ...(config.quickStart ? {} : { manifests: await files.read() }) });
    let world: World = { configuration, resources };
    this.#metrics.worldChanged(undefined, world);
    log.info({}, 'Loading Declarative Subscriptions…');
    logNotices(log, resources.notices);
    if (config.app.port === 0 && resources.subscriptions.length > 0) log.warn({}, `${resources.subscriptions.length} declared subscriptions deliver nothing, because no application is configured: start the sidecar with --app-port`);
    const application = await finding;
    this.#application = application;
    for (const { name, block, component, init, wanted } of arrange(config, configuration, resources)) {
      const { child } = component === undefined ? (compartments.byName(name) as Compartment) : compartments.add(block, component);
      child.provide(init, application?.channel);
      if (wanted) child.start();
      else child.rest(); // a call that wants it starts it
    }

    const health: HealthSources = {
      appId: config.appId,
      compartments: () => compartments.all(),
      components: () => world.resources.components,
      application: () => application?.waitingFor,
      listening: () => this.#listening,
    };
    const own = ownMethods({ config, world: () => world, reload: () => this.#reload?.info(), log, health, compartments, app: application?.channel, gateways: this.#gateways, onShutdown });
    const { listen, apply } = loading === undefined ? this.#serveByGateways(configuration, own) : await this.#openGateway((await loading).openGateway, configuration, own);
    const [bound] = await Promise.all([listen(), this.#metrics.listen()]);
    this.#listening = true;
    this.#whenInitialized(health, began, () => {
      if (!isFeatureEnabled(configuration, 'HotReload')) return log.debug({}, 'Hot reloading disabled');
      void this.#follow(files, world, async (next) => {
        if (next.configuration !== world.configuration) {
          await apply(next.configuration);
          void this.#metrics.apply(next.configuration.metrics);
        }
        this.#metrics.worldChanged(world, next);
        world = next;
      }).catch((cause: unknown) => log.error({}, `changed files are not followed: ${String(cause)}`));
    });
    return bound;
  }

  /** Resolves when all components have been tried once and the sidecar answers its health check. */
  get initialized(): Promise<void> {
    return this.#initialized;
  }

  /**
   * What comes before a shutdown by signal: nothing more is delivered to the application, and all APIs go on. Resolves when
   * the time is over or the application is not there (contract: shutdown).
   */
  async block(durationMs: number): Promise<void> {
    const { config: { shutdownMs }, log } = this.#options;
    this.#reload?.close();
    const application = this.#application?.channel.state === 'up' ? this.#application : undefined;
    if (application !== undefined) void this.#pause(shutdownMs === 0 ? 0 : durationMs + shutdownMs);
    log.info({}, `Blocking graceful shutdown for ${formatDurationMs(durationMs)} or until app reports unhealthy...`);
    // Where there is none it counts as unhealthy from the start.
    const gone = application === undefined || (await application.goesWithin(durationMs));
    log.info({}, gone ? 'App reported unhealthy, entering shutdown...' : 'Block shutdown period expired, entering shutdown...');
  }

  /** Stops intake, lets deliveries and calls finish, closes blocks in reverse. The caller bounds the time. */
  async stop(): Promise<void> {
    const { log } = this.#options;
    log.info({}, 'Dapr is shutting down');
    this.#listening = false;
    this.#reload?.close();
    // Before the listeners: what is being delivered may need the APIs to come to its end.
    await this.#pause(this.#options.config.shutdownMs);
    const drained = Promise.all([this.#gateways?.drain(LISTENER_GRACE_MS), ...this.#listeners.map((listener) => listener.drain(LISTENER_GRACE_MS))]);
    while ((this.#switch?.inFlight ?? 0) > 0) await sleep(DRAIN_TICK_MS);
    await drained;
    for (const { child } of this.#compartments.all().toReversed()) {
      for (const component of child.info().components) if (component.state === 'ready') log.info({}, `Shutting down component ${logName(component)}`);
      await child.stop();
    }
    await this.#compartments.removed();
    await this.#gateways?.close();
    await this.#application?.close();
    this.#metrics.close();
    log.info({}, 'Dapr runtime stopped');
  }

  /** All of them have switched when `apply` resolves. */
  #serveByGateways(configuration: Configuration, own: ReadonlyMap<number, KernelMethod>): Serving {
    const gateways = this.#gateways as Gateways;
    return { listen: () => gateways.listen(configuration, own), apply: (next) => gateways.apply(next) };
  }

  /** The kernel's own loop is the gateway. */
  async #openGateway(open: typeof OpenGateway, configuration: Configuration, own: ReadonlyMap<number, KernelMethod>): Promise<Serving> {
    const { config, log } = this.#options;
    const dispatch = new Switch(this.#compartments.seats, own);
    this.#switch = dispatch;
    const gateway = await open(dispatch, config, configuration, log, { counts: this.#metrics });
    this.#listeners = gateway.listeners;
    return { listen: () => gateway.listen(), apply: async (next) => gateway.apply(next) };
  }

  /** Changed files are followed from now on. Loaded late: nothing of it is needed to start. */
  async #follow(files: ManifestFiles, world: World, apply: (world: World) => Promise<void>): Promise<void> {
    const { config, log } = this.#options;
    if (config.resourcesPaths.length === 0 && config.configPaths.length === 0) return;
    const { Reload: ReloadClass } = await import('./reload/reload.ts');
    if (!this.#listening) return; // shutting down already
    const application = this.#application?.channel;
    this.#reload = new ReloadClass({
      config, env: process.env, log, files, world, apply,
      target: { compartments: this.#compartments, app: application, appState: () => application?.state ?? 'down' },
      arrange: ({ configuration, resources }) => arrange(config, configuration, resources),
    });
    this.#reload.start();
  }

  /** The blocks take in nothing more; resolves when what they had taken is settled. @param deadlineMs 0 for none. */
  #pause(deadlineMs: number): Promise<unknown> {
    return (this.#pausing ??= Promise.all(this.#compartments.all().map(({ child }) => child.pause(deadlineMs))));
  }

  /** Only what has an application loads the means to call one. */
  async #openApplication(): Promise<Application> {
    const { config, log } = this.#options;
    const [{ Application: ApplicationClass }, { openAppChannel }] = await Promise.all([import('./application.ts'), import('./app/open.ts')]);
    const channel = await openAppChannel(config.app, { appId: config.appId, log, maxBodyBytes: config.api.maxBodyBytes, counts: () => this.#metrics.app });
    return new ApplicationClass({ config: config.app, channel, children: () => this.#compartments.all().map(({ child }) => child), log, changed: () => this.#changed() });
  }

  #changed = (): void => {};

  /** Waits for the blocks' first reports and then for the application, and says so once. */
  #whenInitialized(health: HealthSources, began: number, tried: () => void): void {
    const { config, log } = this.#options;
    const finish = (): void => {
      if (!this.#listening || health.application() !== undefined) return;
      this.#changed = () => {};
      log.info({}, `dapr initialized. Status: Running. Init Elapsed ${Math.round(performance.now() - began)}ms`);
      this.#ready?.();
      giveBackStartMemory();
    };
    this.#changed = () => {
      if (!this.#listening || !settled(health)) return;
      log.info({}, 'All outstanding components processed');
      const faults = unready({ ...health, application: () => undefined });
      const fatal = faults.filter(({ initFailure = config.initFailure }) => initFailure === 'exit');
      if (fatal.length > 0) {
        this.#changed = () => {};
        return this.#failInit(fatal.map(({ reason }) => reason));
      }
      if (faults.length > 0) log.warn({}, `not ready: ${faults.map(({ reason }) => reason).join('; ')}`);
      this.#changed = finish;
      tried();
      this.#application?.start();
      finish();
    };
    this.#changed();
  }

  /** daprd's way: a component that can't start ends the sidecar. */
  #failInit(reasons: readonly string[]): void {
    const { log, onShutdown } = this.#options;
    for (const reason of reasons) log.warn({}, `Error processing component, daprd will exit gracefully: ${reason}`);
    onShutdown({ kind: 'failed', reason: reasons.join('\n') });
  }
}
