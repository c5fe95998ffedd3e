// Metrics of this sidecar: where everybody counts, and the port on which it is shown. What the Configuration says of them may
// change while the sidecar runs (contract: metrics configuration).
import { categoryOf } from '../../proto/error-category.ts';
import { messageOf, type Failure } from '../../proto/errors.ts';
import type { ComponentStatus } from '../../proto/init.ts';
import type { Log } from '../../proto/log.ts';
import { CountingMeter } from '../../proto/meter.ts';
import type { MeasureName } from '../../proto/measures.ts';
import type { AppChannel } from '../app/channel.ts';
import type { Compartment } from '../compartments.ts';
import type { MetricSettings } from '../configuration.ts';
import { FatalError } from '../fatal.ts';
import type { BlockLife } from '../life.ts';
import type { Resources } from '../resources.ts';
import type { World } from '../world.ts';
import { AppCounts } from './app-counts.ts';
import type { Collector, CountingGateways } from './collect.ts';
import { countsAlike } from './counts-alike.ts';
import { ALL_MEASURES, type KernelMeasureName } from './measures.ts';
import { PathLabels } from './paths.ts';
import { GrpcServerCounts, HttpServerCounts } from './server-counts.ts';
import type { MetricsServer } from './server.ts';

export interface MetricsOptions {
  readonly appId: string;
  readonly namespace: string;
  /** The flags; off there means off, whatever the Configuration says. */
  readonly config: { readonly enabled: boolean; readonly address: string; readonly port: number; readonly isPortGiven: boolean };
  readonly log: Log;
  readonly compartments: () => readonly Compartment[];
  readonly app: () => AppChannel | undefined;
  /** Undefined: the kernel's own loop is the gateway, and counts here. */
  readonly gateways?: CountingGateways | undefined;
}

/** While metrics are on. */
interface Counting {
  readonly settings: MetricSettings;
  readonly meter: CountingMeter;
  readonly rewrite: (name: string, label: string, value: string) => string;
  readonly http: HttpServerCounts;
  readonly grpc: GrpcServerCounts;
  readonly app: AppCounts;
  /** Loaded by who first needs it. */
  collector: Promise<Collector> | undefined;
}

export class Metrics {
  readonly #options: MetricsOptions;
  #counting: Counting | undefined;
  #server: MetricsServer | undefined;
  #listening = false;
  #applying: Promise<void> = Promise.resolve();
  #closed = false;
  /** Lives that count by buckets of former settings: what they say can't be added up. */
  readonly #outdated = new WeakSet<BlockLife>();
  /** What was last seen of the components of each life. */
  readonly #components = new WeakMap<BlockLife, Map<string, ComponentStatus>>();

  constructor(options: MetricsOptions) {
    this.#options = options;
  }

  // Where to count; undefined while metrics are off.

  get http(): HttpServerCounts | undefined {
    return this.#counting?.http;
  }
  get grpc(): GrpcServerCounts | undefined {
    return this.#counting?.grpc;
  }
  get app(): AppCounts | undefined {
    return this.#counting?.app;
  }

  /** The kernel itself answers with an error; blocks count theirs. */
  error(failure: Failure): void {
    if (this.#counting?.settings.recordErrorCodes !== true) return;
    const category = categoryOf(failure);
    if (category !== undefined) this.#counting.meter.counter('error_code_total' satisfies MeasureName, category, failure.code).add(1);
  }

  /** Files were read: what is new in them has been loaded. */
  worldChanged(before: World | undefined, { resources }: World): void {
    const meter = this.#counting?.meter;
    if (meter === undefined) return;
    const had = before === undefined ? new Set<string>() : namesOf(before.resources);
    const loaded = [...namesOf(resources)].filter((name) => !had.has(name)).length;
    if (loaded > 0) meter.counter('runtime_component_loaded' satisfies KernelMeasureName).add(loaded);
    for (const component of resources.components) if (!had.has(component.name)) this.#tried(component); // no block runs them
    const policies = new Set((before?.resources.resiliencies ?? []).map(({ name }) => name));
    for (const { name, namespace } of resources.resiliencies) if (!policies.has(name)) meter.counter('resiliency_loaded' satisfies KernelMeasureName, name, namespace).add(1);
  }

  /** Something about the blocks' components changed. */
  componentsChanged(): void {
    if (this.#counting === undefined) return;
    for (const { child } of this.#options.compartments()) {
      for (const life of child.lives) {
        let seen = this.#components.get(life);
        if (seen === undefined) this.#components.set(life, (seen = new Map()));
        for (const component of life.components) {
          const before = seen.get(component.name);
          if (before?.state === component.state && before.reason === component.reason) continue;
          seen.set(component.name, component);
          this.#tried(component);
        }
      }
    }
  }

  /**
   * What the Configuration says from now on; blocks hear of it by their next init. Other buckets or rules begin all counts anew, as
   * a restart would.
   */
  apply(settings: MetricSettings): Promise<void> {
    this.#applying = this.#applying.then(() => this.#apply(settings)); // one after the other: the last one counts
    return this.#applying;
  }

  async #apply(settings: MetricSettings): Promise<void> {
    const { config: { enabled }, log } = this.#options;
    if (!enabled || !settings.enabled || this.#closed) {
      this.#counting = undefined;
      this.#server?.close();
      this.#server = undefined;
      return;
    }
    const before = this.#counting;
    if (before?.settings.json === settings.json) return;
    const paths = new PathLabels(settings.http);
    for (const template of paths.refused) log.warn({}, `spec.metrics.http.pathMatching: ${JSON.stringify(template.slice(0, 200))} is no path that could be matched, and is left out`);
    const goesOn = before !== undefined && countsAlike(before.settings, settings);
    if (before !== undefined && !goesOn) this.#outdate();
    const { meter, rewrite, collector } = goesOn ? before : await this.#begin(settings);
    this.#counting = {
      settings, meter, rewrite, collector,
      http: new HttpServerCounts(meter, paths, settings.http.excludeVerbs), grpc: new GrpcServerCounts(meter), app: new AppCounts(meter, paths),
    };
    if (this.#listening && this.#server === undefined) void this.#listen().catch((cause: unknown) => log.error({}, messageOf(cause)));
  }

  /**
   * Opens the port, if metrics are on. Resolves when it is bound; where nobody asked for that port, at once.
   * @throws FatalError when a port that was asked for can't be had
   */
  async listen(): Promise<void> {
    this.#listening = true;
    if (this.#counting === undefined) return;
    const bound = this.#listen();
    if (this.#options.config.isPortGiven) return bound;
    void bound.catch((cause: unknown) => this.#options.log.warn({}, `${messageOf(cause)}; everything else works`));
  }

  /** A life is about to end in order: what it has counted is asked for once more. Never rejects. */
  async leaving(compartment: Compartment, life: BlockLife): Promise<void> {
    if (this.#counting === undefined || this.#closed) return;
    await (await this.#collector(this.#counting)).leaving(compartment, life);
  }

  /** May be called twice. */
  close(): void {
    this.#closed = true;
    this.#server?.close();
  }

  /** Lives that are there count by the buckets they were told. */
  #outdate(): void {
    for (const { child } of this.#options.compartments()) for (const life of child.lives) this.#outdated.add(life);
  }

  async #begin({ latencyBuckets, rules }: MetricSettings): Promise<Pick<Counting, 'meter' | 'rewrite' | 'collector'>> {
    const { log } = this.#options;
    const { LabelRewriting } = rules.length === 0 ? { LabelRewriting: undefined } : await import('./rules.ts');
    const rewrite = LabelRewriting === undefined ? asItIs : new LabelRewriting(rules, (text) => log.warn({}, text)).rewrite;
    const meter = new CountingMeter({ table: ALL_MEASURES, latencyBuckets, onFull: (name) => this.#full(name), ...(LabelRewriting === undefined ? {} : { rewrite }) });
    return { meter, rewrite, collector: undefined };
  }

  async #listen(): Promise<void> {
    const { config: { address, port }, log } = this.#options;
    const { MetricsServer: Server } = await import('./server.ts');
    if (this.#closed || this.#server !== undefined) return;
    const server = new Server({ host: address, port, text: () => this.#text(), log: (text) => log.error({}, text) });
    this.#server = server;
    let bound: string | undefined;
    try {
      bound = await server.listen();
    } catch (cause) {
      if (this.#server === server) this.#server = undefined;
      throw cause instanceof FatalError ? new FatalError(`metrics are not served: ${cause.message}; choose another --metrics-port, or --enable-metrics=false`) : cause;
    }
    if (bound !== undefined) log.info({}, `metrics server started on ${bound}/`);
  }

  async #text(): Promise<{ readonly contentType: string; readonly pieces: readonly string[] }> {
    if (this.#counting === undefined) throw new Error('metrics are off');
    const collector = await this.#collector(this.#counting);
    const { CONTENT_TYPE } = await import('./collect.ts');
    return { contentType: CONTENT_TYPE, pieces: await collector.text() };
  }

  #collector(counting: Counting): Promise<Collector> {
    return (counting.collector ??= this.#open(counting));
  }

  async #open({ meter, settings: { latencyBuckets }, rewrite }: Counting): Promise<Collector> {
    const { appId, namespace, compartments, app, gateways } = this.#options;
    const { Collector: CollectorClass } = await import('./collect.ts');
    return new CollectorClass({
      appId, namespace, meter, latencyBuckets, rewrite, compartments, app, gateways, isOutdated: (life) => this.#outdated.has(life),
      showsPaths: () => this.#counting?.settings.http.increasedCardinality === true, onFull: (name) => this.#full(name),
    });
  }

  #full(name: string): void {
    this.#options.log.warn({ measure: name }, `there are more label values than metrics keep apart: the further ones of ${name} count as "other"`);
  }

  #tried({ name, type, state, reason }: ComponentStatus): void {
    const meter = this.#counting?.meter;
    if (state === 'ready') meter?.counter('runtime_component_init_total' satisfies KernelMeasureName, type).add(1);
    else if (reason !== undefined) meter?.counter('runtime_component_init_fail_total' satisfies KernelMeasureName, type, name, reason.startsWith('[CREATE_') ? 'creation' : 'init').add(1);
  }
}

/** Of all components, whoever runs them. */
function namesOf({ blocks, components }: Pick<Resources, 'blocks' | 'components'>): ReadonlySet<string> {
  return new Set([...[...blocks.values()].flat(), ...components].map(({ name }) => name));
}

const asItIs = (_name: string, _label: string, value: string): string => value;
