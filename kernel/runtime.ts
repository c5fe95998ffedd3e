// One run of the sidecar, from its configuration to its last goodbye: puts the parts together, starts blocks and
// listeners side by side, and takes everything down in order. SIGHUP makes a new one in the same process.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { logName } from '../proto/init.ts';
import type { Log } from '../proto/log.ts';
import { ROUTE, ROUTES } from '../proto/routes.ts';
import { giveBackStartMemory } from '../proto/start-memory.ts';
import { admits } from './access.ts';
import { actuatorBlocks, type SupervisedBlock } from './actuator.ts';
import { Child, CHILD_DEFAULTS } from './child.ts';
import { logSettings, type Config } from './config.ts';
import { enabledFeatures, loadConfiguration, type Configuration } from './configuration.ts';
import { logNotices } from './fatal.ts';
import { healthz, healthzOutbound, notReady, type HealthSources } from './health.ts';
import { HttpApi, type ApiCall, type HttpOptions } from './http.ts';
import { openHttpServer } from './http-server.ts';
import type { Address, Listener } from './listener.ts';
import type { LaunchOptions } from './launch.ts';
import { MetadataApi } from './metadata.ts';
import { loadResources, type Resources } from './resources.ts';
import { Router, type Match } from './router.ts';
import { Seat, type SeatLimits } from './seat.ts';
import { shutdownMethod, type ShutdownRequest } from './shutdown.ts';
import { Switch, type KernelMethod } from './switch.ts';
import { wrapTrace } from './trace.ts';

export interface RuntimeOptions {
  readonly config: Config;
  readonly log: Log;
  readonly launch: Pick<LaunchOptions, 'logFd' | 'compileCache'>;
  /** The shutdown API was called. */
  readonly onShutdown: (request: ShutdownRequest) => void;
}

/** What a started sidecar tells its user. */
export interface Started {
  readonly http: readonly string[];
  readonly grpc: readonly string[];
  readonly public: readonly string[];
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
  #listeners: Listener[] = [];
  #switch: Switch | undefined;
  #listening = false;
  #ready: (() => void) | undefined;
  readonly #initialized: Promise<void>;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#initialized = new Promise((resolve) => (this.#ready = resolve));
  }

  /** Resolves when every listener is bound; blocks may still be starting. @throws FatalError */
  async start(): Promise<Started> {
    const began = performance.now();
    const { config, log } = this.#options;
    const configuration = await loadConfiguration(config.configPaths, process.env);
    const features = enabledFeatures(configuration);
    if (features.length > 0) log.info({}, `Enabled features: ${features.join(' ')}`);
    log.info({}, `metric spec: ${configuration.metrics.json}`);
    log.info({}, 'Loading components…');
    const resources = await loadResources(config, { deny: configuration.deniedComponents });
    logNotices(log, resources.notices);

    this.#blocks = config.blocks.map(({ name, isolation }) => this.#supervise(name, isolation, resources));
    const health: HealthSources = {
      appId: config.appId,
      children: () => this.#blocks.map(({ child }) => child.info()),
      components: resources.components,
      listening: () => this.#listening,
    };
    const dispatch = new Switch(new Map(this.#blocks.map(({ seat }) => [seat.block, seat])), this.#kernelMethods(configuration, resources, health));
    this.#switch = dispatch;
    for (const { child } of this.#blocks) child.start();
    const started = await this.#listen(dispatch, configuration);
    this.#listening = true;
    this.#whenInitialized(health, began);
    return started;
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

  /** Ends everything without asking anybody. */
  kill(): void {
    for (const listener of this.#listeners) listener.close();
  }

  #supervise(block: string, mode: Config['blocks'][number]['isolation'], resources: Resources): SupervisedBlock {
    const { config, log, launch } = this.#options;
    const seat = new Seat(block, { ...SEAT_LIMITS, holdMs: config.holdMs });
    const child = new Child({
      spec: { ...CHILD_DEFAULTS, block, mode },
      init: {
        block, appId: config.appId, namespace: config.namespace, components: resources.blocks.get(block) ?? [],
        maxBodyBytes: config.api.maxBodyBytes, log: logSettings(config),
      },
      seat,
      launch: { ...launch, ringBytes: config.ringBytes, maxFrameBytes: Math.max(SMALLEST_FRAME_LIMIT, 2 * config.api.maxBodyBytes) },
      log: log.with({ block }),
      wrap: config.traceIpc ? wrapTrace(block) : (channel) => channel,
      changed: () => this.#changed(),
    });
    return { child, seat };
  }

  #kernelMethods(configuration: Configuration, resources: Resources, health: HealthSources): ReadonlyMap<number, KernelMethod> {
    const { config, onShutdown } = this.#options;
    const metadata = new MetadataApi({
      appId: config.appId, version: config.build.version, features: enabledFeatures(configuration), app: config.app,
      components: () => [...resources.components, ...health.children().flatMap(({ components }) => components)],
      httpEndpoints: namesOf(resources, 'HTTPEndpoint'), resiliencies: namesOf(resources, 'Resiliency'), mcpServers: namesOf(resources, 'MCPServer'),
    });
    return new Map<number, KernelMethod>([
      [ROUTE.GetMetadata.id, metadata.get],
      [ROUTE.SetMetadata.id, metadata.set],
      [ROUTE.Healthz.id, healthz(health)],
      [ROUTE.HealthzOutbound.id, healthzOutbound(health)],
      [ROUTE.Shutdown.id, shutdownMethod(onShutdown)],
      [ROUTE.ActuatorBlocks.id, actuatorBlocks(this.#blocks)],
    ]);
  }

  async #listen(dispatch: Switch, configuration: Configuration): Promise<Started> {
    const { config, log } = this.#options;
    const { api } = config;
    const token = api.token.isSet ? api.token : undefined;
    const logApi = config.apiLogging === 'configured' ? configuration.apiLogging.enabled : config.apiLogging === 'on';
    const apiLog = logApi ? apiLogger(log, configuration) : undefined;
    const shared = { maxBodyBytes: api.maxBodyBytes, log: apiLog };
    const invokeAdmitted = admits(configuration.api.http, ROUTE.InvokeService, 'v1.0');
    const http = this.#http(dispatch, addresses(config, api.httpPort, 'http'), {
      ...shared, token, fallback: invokeAdmitted ? 'invoke' : 'plain',
      cors: api.allowedOrigins.length === 0 ? undefined : { origins: new Set(api.allowedOrigins) },
      router: new Router(ROUTES, (route, version) => admits(configuration.api.http, route, version)),
    });
    const publicRoutes = ROUTES.filter(({ group }) => group === 'metadata' || group === 'healthz' || group === 'actuator');
    const publicHttp = api.publicPort === 0 ? undefined : this.#http(dispatch, [{ kind: 'tcp', host: api.publicAddress, port: api.publicPort }], {
      ...shared, token: undefined, cors: undefined, fallback: 'plain', router: new Router(publicRoutes), log: undefined,
    });
    // grpc-js is the largest module of the kernel: loaded while the blocks' processes start.
    const { openGrpcServer } = await import('./grpc.ts');
    const grpc = openGrpcServer(dispatch, {
      addresses: addresses(config, api.grpcPort, 'grpc'), routes: ROUTES, token, maxBodyBytes: api.maxBodyBytes, maxHeaderBytes: api.maxHeaderBytes,
      admit: (route) => admits(configuration.api.grpc, route, route.version),
      log: apiLog === undefined ? undefined : ({ method, code, durationMs, userAgent }) => log.info({ scope: 'dapr.runtime.grpc.api-info', method, code, duration: Math.round(durationMs), useragent: userAgent }, 'gRPC API Called'),
    });
    this.#listeners.push(grpc);
    const [httpBound, grpcBound, publicBound] = await Promise.all([http.listen(), grpc.listen(), publicHttp?.listen() ?? []]);
    for (const bound of grpcBound) log.info({}, `API gRPC server is running on port ${portOf(bound)}`);
    log.info({}, `The request body size parameter is: ${api.maxBodyBytes} bytes`);
    for (const bound of httpBound) log.info({}, `HTTP server is running on port ${portOf(bound)}`);
    for (const bound of publicBound) log.info({}, `public HTTP server is running on port ${portOf(bound)}`);
    return { http: httpBound, grpc: grpcBound, public: publicBound };
  }

  #http(dispatch: Switch, at: readonly Address[], options: HttpOptions): Listener {
    const api = new HttpApi(dispatch, options);
    const listener = openHttpServer({
      addresses: at, maxHeaderBytes: this.#options.config.api.maxHeaderBytes, h2c: this.#options.config.api.h2c,
      handle: (request, response) => api.handle(request, response), log: (text) => this.#options.log.info({}, text),
    });
    this.#listeners.push(listener);
    return listener;
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

function namesOf({ manifests }: Resources, kind: string): string[] {
  return manifests.filter((manifest) => manifest.kind === kind).map(({ name }) => name);
}

/** Where an API listens: the ports on all given addresses, or a socket in a directory that only we may enter. */
function addresses({ appId, api, quickStart }: Config, port: number, protocol: 'http' | 'grpc'): Address[] {
  if (api.socketFolder !== '') {
    mkdirSync(api.socketFolder, { recursive: true, mode: 0o700 });
    const path = join(api.socketFolder, `dapr-${appId}-${protocol}.socket`);
    return [{ kind: 'unix', path }];
  }
  // A quick start is somebody trying things out: it serves this machine alone.
  const hosts = api.listenAddresses.length > 0 ? api.listenAddresses : quickStart ? ['127.0.0.1'] : [''];
  return hosts.map((host) => ({ kind: 'tcp', host, port }));
}

function portOf(bound: string): string {
  return bound.slice(bound.lastIndexOf(':') + 1);
}

function apiLogger(log: Log, { apiLogging }: Configuration): (call: ApiCall, match: Match | undefined, path: string) => void {
  return ({ code, method, durationMs, size, userAgent }, match) => {
    if (apiLogging.omitHealthChecks && match?.route.group === 'healthz') return;
    const shown = apiLogging.obfuscateUrls ? (match?.route.name ?? 'InvokeService') : method;
    log.info({ scope: 'dapr.runtime.http-info', code, method: shown, duration: Math.round(durationMs), size, useragent: userAgent }, 'HTTP API Called');
  };
}

