// The components of one block: opens them by the DRIVERS table, keeps those alive that can't start yet, and answers
// with the driver for a name.
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError, Grpc, messageOf } from '../proto/errors.ts';
import type { ComponentStatus, Logger } from './block.ts';
import { checkpointsOf, type Checkpoints } from './checkpoints.ts';
import { InvalidMetadata, logName, type Awaitable, type ComponentSpec, type Driver } from './driver.ts';

/** Opens one component. `signal` aborts when `initTimeout` is over or the block closes. */
export type OpenDriver<D extends Driver> = (spec: ComponentSpec, context: DriverContext, signal: AbortSignal) => Awaitable<D>;

export interface DriverContext {
  readonly appId: string;
  readonly namespace: string;
  readonly log: Logger;
  /** What the component leaves for its next life; each has its own. */
  readonly checkpoints: Checkpoints;
  /** Lives that serve the component at once, each with a driver of its own; absent: one. */
  readonly replicas?: number | undefined;
}

/** What makes a driver of one type. */
export type DriverRow<D extends Driver> = (() => Promise<OpenDriver<D>>) & {
  /**
   * True: between two calls a driver keeps nothing that a third one would miss, so it makes no difference which of several that have the
   * same component gets a call. Connections, and what is read again from the store when it is not there, are nothing in this sense.
   */
  readonly stateless?: boolean;
};

/** Which file serves a component type. Drivers load when a component asks for them, so a block pays for what it uses. */
export type DriverTable<D extends Driver> = Readonly<Record<string, DriverRow<D>>>;

/** A row whose driver is stateless. The reason belongs beside it. */
export function stateless<D extends Driver>(load: () => Promise<OpenDriver<D>>): DriverRow<D> {
  return Object.assign(load, { stateless: true });
}

/** Retry of a component that can't start: full jitter between these bounds, in milliseconds. */
const RETRY_MS = { min: 100, max: 5_000 } as const;
/** Taken here, so that turns go on where a test holds the clock. */
const inNextTurn = setImmediate;
/** A component that opens for longer than this keeps no other one from being loaded. */
const GIVE_WAY_MS = 50;

interface Entry<D extends Driver> {
  readonly spec: ComponentSpec;
  state: ComponentStatus['state'];
  reason: string | undefined;
  driver: D | undefined;
  /** What its attempts to start have logged: said once, however many they are. */
  readonly said: Set<string>;
  /** Settles when the first attempt has ended, either way: early calls wait for it. */
  firstAttempt: Promise<void>;
}

export class ComponentSet<D extends Driver> {
  readonly #entries = new Map<string, Entry<D>>();
  readonly #closing = new AbortController();
  readonly #table: DriverTable<D>;
  readonly #kind: string;
  readonly #context: DriverContext;
  readonly #changed: () => void;
  readonly #elsewhere: readonly string[];
  /** Settles when the next component may be loaded. */
  #turn: Promise<void> | undefined;

  /**
   * @param kind the noun of Dapr's messages, e.g. `state store`
   * @param elsewhere names of others of this kind, which have compartments of their own
   */
  constructor(kind: string, table: DriverTable<D>, specs: readonly ComponentSpec[], context: DriverContext, changed: () => void, elsewhere: readonly string[] = []) {
    this.#elsewhere = elsewhere;
    this.#kind = kind;
    this.#table = table;
    this.#context = context;
    this.#changed = changed;
    for (const spec of specs) {
      const entry: Entry<D> = { spec, state: 'starting', reason: undefined, driver: undefined, said: new Set(), firstAttempt: Promise.resolve() };
      this.#entries.set(spec.name, entry);
      entry.firstAttempt = this.#start(entry);
    }
  }

  /** Whether there is a component of this kind at all, be it in a compartment of its own: an unknown name is told apart by that. */
  get isConfigured(): boolean {
    return this.#entries.size > 0 || this.#elsewhere.length > 0;
  }

  /** Whether the component of that name has a compartment of its own, which is not this one. */
  isElsewhere(name: string): boolean {
    return this.#elsewhere.includes(name);
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  spec(name: string): ComponentSpec | undefined {
    return this.#entries.get(name)?.spec;
  }

  /**
   * The driver of a component that exists. A promise only while its first start is under way.
   * @throws ApiError UNAVAILABLE / 503 when the component can't start, with the reason.
   */
  driver(name: string): Awaitable<D> {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new Error(`component ${name} does not exist`);
    if (entry.driver !== undefined) return entry.driver;
    if (entry.state === 'starting' && entry.reason === undefined) {
      return entry.firstAttempt.then(() => entry.driver ?? this.#notReady(entry));
    }
    return this.#notReady(entry);
  }

  status(): ComponentStatus[] {
    return [...this.#entries.values()].map(({ spec, state, reason, driver }) => ({
      name: spec.name,
      type: spec.type,
      version: spec.version,
      state,
      ...(reason === undefined ? {} : { reason }),
      required: !spec.ignoreErrors,
      ...(spec.initFailure === undefined ? {} : { initFailure: spec.initFailure }),
      capabilities: driver?.features ?? [],
    }));
  }

  /** The drivers that run. */
  *running(): Iterable<D> {
    for (const { driver } of this.#entries.values()) if (driver !== undefined) yield driver;
  }

  /** Whether a driver that runs has data that lives in it alone. */
  handsOver(): boolean {
    for (const driver of this.running()) if (driver.handOver !== undefined) return true;
    return false;
  }

  /** Has each of those hand its data to the next life. No call may be under way. @throws Error that names the first component that can't */
  handOver(): void {
    for (const { spec, driver } of this.#entries.values()) {
      try {
        driver?.handOver?.();
      } catch (cause) {
        throw new Error(`component ${logName(spec)}: ${messageOf(cause)}`, { cause });
      }
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the block is closing'));
    const drivers = [...this.#entries.values()].map((entry) => entry.driver);
    this.#entries.clear();
    await Promise.all(drivers.map((driver) => driver?.close()));
  }

  /** Resolves when the first attempt has ended; goes on in the background until the component runs or the block closes. */
  async #start(entry: Entry<D>): Promise<void> {
    const retryable = await this.#attempt(entry);
    if (retryable) void this.#retry(entry);
  }

  async #retry(entry: Entry<D>): Promise<void> {
    for (let bound: number = RETRY_MS.min; ; bound = Math.min(bound * 2, RETRY_MS.max)) {
      try {
        await sleep(RETRY_MS.min + Math.random() * bound, undefined, { signal: this.#closing.signal });
      } catch {
        return; // the block closes: nothing is left to start
      }
      if (!(await this.#attempt(entry))) return;
    }
  }

  /**
   * Waits until the component before has been opened, or has taken some time. Loading a driver's code may be a tenth of a second of
   * nothing else; what is there before serves meanwhile.
   * @returns what lets the next one begin
   */
  async #itsTurn(): Promise<() => void> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await before;
    return resolve;
  }

  /** One start. True means: failed, and worth another try. */
  async #attempt(entry: Entry<D>): Promise<boolean> {
    const { spec } = entry;
    const load = Object.hasOwn(this.#table, spec.type) ? this.#table[spec.type] : undefined;
    if (load === undefined) {
      const version = spec.version === '' ? 'v1' : spec.version;
      this.#fail(entry, `[CREATE_COMPONENT_FAILURE]: initialization error occurred for ${logName(spec)}: couldn't find ${this.#kind} ${spec.type}/${version}`, false);
      return false;
    }
    const { replicas } = this.#context;
    if (replicas !== undefined && load.stateless !== true) {
      const why = `${spec.type} keeps things in its block's process, and --replicas runs that block ${replicas} times: what one knows the others do not. Leave the flag out for this block, or give the component a process of its own with the annotation isolation: component`;
      this.#fail(entry, `[INIT_COMPONENT_FAILURE]: initialization error occurred for ${logName(spec)}: ${why}`, false);
      return false;
    }
    const next = await this.#itsTurn();
    if (this.#closing.signal.aborted) {
      next();
      return false;
    }
    const timeout = AbortSignal.timeout(spec.initTimeoutMs);
    const signal = AbortSignal.any([timeout, this.#closing.signal]);
    let opening: Promise<D> | undefined;
    let late: NodeJS.Timeout | undefined;
    try {
      const open = await load();
      late = setTimeout(next, GIVE_WAY_MS).unref();
      opening = Promise.resolve(open(spec, { ...this.#context, log: componentLog(this.#context.log, spec, (text) => entry.driver !== undefined || isNews(entry.said, text)), checkpoints: checkpointsOf(this.#context.checkpoints, spec.name) }, signal));
      const driver = await Promise.race([opening, aborted(signal)]);
      if (this.#closing.signal.aborted) {
        await driver.close();
        return false;
      }
      entry.driver = driver;
      entry.state = 'ready';
      entry.reason = undefined;
      this.#context.log.info({ component: logName(spec) }, `Component loaded: ${logName(spec)}`);
      this.#changed();
      return false;
    } catch (cause) {
      opening?.then((late) => late.close(), () => undefined); // a driver that opens after its time is nobody's
      if (this.#closing.signal.aborted) return false;
      const text = timeout.aborted ? `init timeout for component ${logName(spec)}` : messageOf(cause);
      const permanent = cause instanceof InvalidMetadata;
      this.#fail(entry, `[INIT_COMPONENT_FAILURE]: initialization error occurred for ${logName(spec)}: ${text}`, !permanent);
      return !permanent;
    } finally {
      clearTimeout(late);
      inNextTurn(next); // whatever waits, the kernel's calls among it, comes before the next driver's code
    }
  }

  #fail(entry: Entry<D>, reason: string, retrying: boolean): void {
    const news = entry.reason !== reason;
    entry.state = retrying ? 'starting' : 'failed';
    entry.reason = reason;
    if (!news) return; // the same failure again: one log line is enough
    const { spec } = entry;
    this.#context.log.error({ component: logName(spec) }, `Failed to init component ${logName(spec)}: ${reason}${retrying ? '; trying again in the background' : ''}`);
    this.#changed();
  }

  #notReady(entry: Entry<D>): never {
    const message = `component ${logName(entry.spec)} is not ready: ${entry.reason ?? 'it is starting'}`;
    throw new ApiError({
      grpc: Grpc.UNAVAILABLE, http: 503, code: 'ERR_COMPONENT_NOT_READY', message,
      details: [{ type: 'ErrorInfo', reason: 'ERR_COMPONENT_NOT_READY', domain: 'dapr.io', metadata: { component: entry.spec.name } }],
    });
  }
}

/** A driver's lines name its component, whatever else the driver says in them. */
function componentLog(log: Logger, spec: ComponentSpec, isWanted: (text: string) => boolean): Logger {
  const own = { component: logName(spec) };
  const at = (level: keyof Logger) => (fields: object, text: string): void => {
    if (isWanted(text)) log[level]({ ...fields, ...own }, text);
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Texts that are remembered of one component's attempts; whatever else they say is said each time. */
const MAX_SAID = 100;

function isNews(said: Set<string>, text: string): boolean {
  if (said.has(text)) return false;
  if (said.size < MAX_SAID) said.add(text);
  return true;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

