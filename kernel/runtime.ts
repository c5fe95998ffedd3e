// One run of the sidecar, from its configuration to its last goodbye: puts the parts together, starts blocks and
// listeners side by side, and takes everything down in order. SIGHUP makes a new one in the same process.
import { setTimeout as sleep } from 'node:timers/promises';
import { logName, type BlockInit } from '../proto/init.ts';
import type { Log } from '../proto/log.ts';
import { giveBackStartMemory } from '../proto/start-memory.ts';
import type { SupervisedBlock } from './actuator.ts';
import { Child, CHILD_DEFAULTS } from './child.ts';
import { logSettings, type Config } from './config.ts';
import { enabledFeatures, loadConfiguration } from './configuration.ts';
import { logNotices } from './fatal.ts';
import type { Isolation } from './flags.ts';
import type { Bound } from './gateway.ts';
import { notReady, type HealthSources } from './health.ts';
import type { LaunchOptions } from './launch.ts';
import type { Listener } from './listener.ts';
import { ownMethods } from './own-methods.ts';
import { loadResources, type Resources } from './resources.ts';
import { Seat, type SeatLimits } from './seat.ts';
import type { ShutdownRequest } from './shutdown.ts';
import { Switch } from './switch.ts';
import { wrapTrace } from './trace.ts';

export interface RuntimeOptions {
  readonly config: Config;
  readonly log: Log;
  readonly launch: Pick<LaunchOptions, 'logFd' | 'compileCache'>;
  /** The shutdown API was called. */
  readonly onShutdown: (request: ShutdownRequest) => void;
}

/** Every frame limit leaves room for the largest body with its head, and for answers larger than a request may be. */
const SMALLEST_FRAME_LIMIT = 64 * 1024 * 1024;
const SEAT_LIMITS: Omit<SeatLimits, 'holdMs'> = { maxHeld: 10_000, maxHeldBytes: 64 * 1024 * 1024, maxInFlight: 32_768 };
/** Listeners close within this after the last call is done; contract: graceful sequence. */
const LISTENER_GRACE_MS = 10_000;
/** How often a drain looks whether the last call is done. */
const DRAIN_TICK_MS = 10;

export class Runtime {
  readonly #options: RuntimeOptions;
  #blocks: SupervisedBlock[] = [];
  #listeners: readonly Listener[] = [];
  #switch: Switch | undefined;
  #listening = false;
  #ready: (() => void) | undefined;
  readonly #initialized: Promise<void>;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#initialized = new Promise((resolve) => (this.#ready = resolve));
  }

  /** Resolves when every listener is bound; blocks may still be starting. @throws FatalError */
  async start(): Promise<Bound> {
    const began = performance.now();
    const { config, log, onShutdown } = this.#options;
    this.#blocks = config.blocks.map(({ name, isolation }) => this.#supervise(name, isolation));
    // The blocks' processes come up while everything else is read and loaded here; `init` waits for them in their channels.
    for (const { child } of this.#blocks) child.start();
    const loading = import('./gateway.ts');
    const configuration = await loadConfiguration(config.configPaths, process.env);
    const features = enabledFeatures(configuration);
    if (features.length > 0) log.info({}, `Enabled features: ${features.join(' ')}`);
    log.info({}, `metric spec: ${configuration.metrics.json}`);
    log.info({}, 'Loading components…');
    const resources = await loadResources(config, { deny: configuration.deniedComponents });
    logNotices(log, resources.notices);
    for (const { child, seat } of this.#blocks) child.provide(this.#initOf(seat.block, resources));

    const health: HealthSources = {
      appId: config.appId,
      children: () => this.#blocks.map(({ child }) => child.info()),
      components: resources.components,
      listening: () => this.#listening,
    };
    const own = ownMethods({ config, configuration, resources, health, blocks: this.#blocks, onShutdown });
    const dispatch = new Switch(new Map(this.#blocks.map(({ seat }) => [seat.block, seat])), own);
    this.#switch = dispatch;
    const { openGateway } = await loading;
    const gateway = openGateway(dispatch, config, configuration, log);
    this.#listeners = gateway.listeners;
    const bound = await gateway.listen();
    this.#listening = true;
    this.#whenInitialized(health, began);
    return bound;
  }

  /** Resolves when all components have been tried once and the sidecar answers its health check. */
  get initialized(): Promise<void> {
    return this.#initialized;
  }

  /** Stops intake, lets calls finish, closes blocks in reverse. The caller bounds the time. */
  async stop(): Promise<void> {
    const { log } = this.#options;
    log.info({}, 'Dapr is shutting down');
    this.#listening = false;
    const drained = Promise.all(this.#listeners.map((listener) => listener.drain(LISTENER_GRACE_MS)));
    while ((this.#switch?.inFlight ?? 0) > 0) await sleep(DRAIN_TICK_MS);
    await drained;
    for (const { child } of this.#blocks.toReversed()) {
      for (const component of child.info().components) if (component.state === 'ready') log.info({}, `Shutting down component ${logName(component)}`);
      await child.stop();
    }
    log.info({}, 'Dapr runtime stopped');
  }

  #supervise(block: string, mode: Isolation): SupervisedBlock {
    const { config, log, launch } = this.#options;
    const seat = new Seat(block, { ...SEAT_LIMITS, holdMs: config.holdMs });
    const child = new Child({
      spec: { ...CHILD_DEFAULTS, block, mode },
      seat,
      launch: { ...launch, ringBytes: config.ringBytes, maxFrameBytes: Math.max(SMALLEST_FRAME_LIMIT, 2 * config.api.maxBodyBytes) },
      log: log.with({ block }),
      wrap: config.traceIpc ? wrapTrace(block) : (channel) => channel,
      changed: () => this.#changed(),
    });
    return { child, seat };
  }

  #initOf(block: string, resources: Resources): BlockInit {
    const { config } = this.#options;
    return {
      block, appId: config.appId, namespace: config.namespace, components: resources.blocks.get(block) ?? [],
      maxBodyBytes: config.api.maxBodyBytes, log: logSettings(config),
    };
  }

  #changed = (): void => {};

  /** Waits for the blocks' first reports, and says so once. */
  #whenInitialized(health: HealthSources, began: number): void {
    const { config, log } = this.#options;
    this.#changed = () => {
      if (!this.#listening || !health.children().every(({ settled }) => settled)) return;
      this.#changed = () => {};
      log.info({}, 'All outstanding components processed');
      const reasons = notReady(health);
      if (reasons.length > 0 && config.initFailure === 'exit') return this.#failInit(reasons);
      if (reasons.length > 0) log.warn({}, `not ready: ${reasons.join('; ')}`);
      log.info({}, `dapr initialized. Status: Running. Init Elapsed ${Math.round(performance.now() - began)}ms`);
      this.#ready?.();
      giveBackStartMemory();
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
