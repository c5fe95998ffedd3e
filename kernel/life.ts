// One life of a block, from its launch to its end: initialised, watched, drained when another one takes over, and in the end
// accounted for. Whatever goes wrong with it is turned into a kill, so that it ends; who follows it is child.ts' business.
import { setTimeout as sleep } from 'node:timers/promises';
import { Calls } from '../ipc/calls.ts';
import type { Channel } from '../ipc/channel.ts';
import type { LaneEnd } from '../ipc/lane.ts';
import type { BlackBox, Flight } from '../ipc/vitals.ts';
import { Control, PROTOCOL_VERSION, type Inheritance, type InitAnswer, type InitRequest } from '../proto/control.ts';
import { messageOf } from '../proto/errors.ts';
import type { BlockInit, ComponentStatus, SubscriptionStatus } from '../proto/init.ts';
import type { Log } from '../proto/log.ts';
import { ROUTES } from '../proto/routes.ts';
import type { AppChannel } from './app/channel.ts';
import { ask } from './ask.ts';
import { BlockCalls, type CheckpointKeeper } from './block-calls.ts';
import type { Isolation } from './flags.ts';
import { LAUNCH, type LaunchOptions, type Life } from './launch.ts';
import type { Limits } from './limits.ts';
import { openFiles, residentBytes } from './process-usage.ts';
import { pingPulse, Watch } from './watch.ts';

/** What ended a life, as metrics count it. `closed`: we did, in order. */
export const END_CAUSES = ['launch', 'init', 'exit', 'signal', 'heap', 'hang', 'memory', 'files', 'protocol', 'closed'] as const;
export type EndCause = (typeof END_CAUSES)[number];

/** How a life ended. */
export interface Ending {
  readonly cause: EndCause;
  /** For people and the log. */
  readonly reason: string;
  readonly signal?: string;
  readonly code?: number;
  /** What it said of it: an error that nobody caught, or the end of its standard error. `''`: nothing. */
  readonly lastError: string;
  /** What it was working on, by the names of the routes; the latest last. */
  readonly inFlight: readonly string[];
  /** Messages that it was working on. */
  readonly working: Iterable<readonly string[]>;
}

export interface LifeSpec {
  readonly block: string;
  readonly mode: Isolation;
  readonly initMs: number;
  readonly closeMs: number;
  readonly hangMs: number;
  readonly limits: Limits;
}

export interface LifeOptions {
  /** Counts from 1. */
  readonly number: number;
  readonly spec: LifeSpec;
  readonly launch: LaunchOptions;
  readonly log: Log;
  readonly wrap: (channel: Channel) => Channel;
  /** Undefined: no application is configured. */
  readonly app: () => AppChannel | undefined;
  readonly acquit: (ids: readonly string[]) => void;
  readonly checkpoints: CheckpointKeeper;
  /** Components or subscriptions were reported. */
  readonly changed: () => void;
  /** It is about to be closed in order: the last chance to ask it something. Never rejects. */
  readonly leaving?: ((life: BlockLife) => Promise<void>) | undefined;
  /** Its calls that do not come over its own channel. */
  readonly elsewhere: { isBusy(): boolean; flights(life: BlockLife): Promise<readonly Flight[]> };
  /** It ends, and nobody had asked it to; its calls fail in a moment. */
  readonly dying: (life: BlockLife) => void;
  /** Whoever serves it is about to end, and it still works. */
  readonly withdrawn: (life: BlockLife) => void;
  /** It uses more than its limits allow, and still works. */
  readonly tooLarge: (cause: 'memory' | 'files', what: string) => void;
}

/** A life's channel ends with it; where its end has not been seen yet, what the life still said is waited for this long. */
const LAST_WORDS_MS = 100;
/** More than any block has reason to call its kernel at once. */
const MAX_CALLS_FROM_BLOCK = 4_096;
/** A block that turns its event loop opens a lane anew within that. */
const LANE_MS = 5_000;
/** A process whose channel has ended is left this long to go by itself. */
const LEAVE_MS = 500;
/** A life that grows faster than it can be replaced is ended at so many times its limit. */
const TOO_MUCH = 1.5;
/** Share of a thread's heap above which it is too large. */
const FULL_HEAP = 0.85;
/** Share of its descriptors above which a life is too large. */
const MANY_FILES = 0.9;
const ROUTE_NAMES: ReadonlyMap<number, string> = new Map(ROUTES.map(({ id, name }) => [id, name]));
const NOTHING_SEEN: BlackBox = { flights: [], lastWords: '' };

export class BlockLife {
  readonly number: number;
  readonly calls: Calls;
  readonly pid: number | undefined;
  /** Resolves when nothing of it is left. */
  readonly ended: Promise<Ending>;
  readonly #options: LifeOptions;
  readonly #life: Life;
  readonly #channel: Channel;
  readonly #served: BlockCalls;
  #watch: Watch | undefined;
  #components: readonly ComponentStatus[] = [];
  #subscriptions: readonly SubscriptionStatus[] | undefined;
  readonly #tried = Promise.withResolvers<void>();
  #reported = false;
  /** Nothing more is expected of it but its end. */
  #leaving = false;
  #killed: { readonly cause: EndCause; readonly reason: string } | undefined;

  /** Launches it. @throws Error when that can't be done */
  constructor(options: LifeOptions) {
    this.#options = options;
    const { number, spec, launch, wrap, checkpoints } = options;
    this.number = number;
    this.#life = LAUNCH[spec.mode](spec.block, launch);
    this.#channel = this.#life.channel;
    this.pid = this.#life.pid;
    this.#served = new BlockCalls({
      components: (report) => this.#report(report),
      subscriptions: (subscriptions) => {
        this.#subscriptions = subscriptions;
        options.changed();
      },
      acquit: options.acquit,
      checkpoints,
      app: options.app,
    }, () => this.calls.over);
    this.calls = new Calls(wrap(this.#channel), {
      ids: 'odd', maxIncoming: MAX_CALLS_FROM_BLOCK, maxQueuedBytes: spec.limits.queueBytes,
      ending: () => {
        if (!this.#leaving) options.dying(this);
      },
      serve: (call, head, body) => {
        this.#watch?.wake();
        this.#served.serve(call, head, body);
      },
    });
    const { reached } = this.#life;
    if (reached === undefined) this.#watch = this.#startWatch();
    else void reached.then(() => (this.#watch = this.#startWatch()));
    void this.#life.withdrawn?.then(() => options.withdrawn(this));
    void this.calls.ended.then((end) => {
      this.#watch?.stop();
      if (end.kind === 'violation') this.kill('protocol', `it broke the protocol: ${end.reason}`);
      else if (end.kind === 'peer' && !this.#leaving) setTimeout(() => this.kill('exit', ''), LEAVE_MS).unref(); // it is ending, and how tells more than our kill
    });
    this.ended = this.#end();
  }

  /** How its frames travel; undefined: it has not been reached yet. */
  get transport(): string | undefined {
    return this.#life.transport;
  }
  /** The control group that it has for itself, or `none` and why; undefined where it has no process. */
  get cgroup(): string | undefined {
    return this.#life.cgroup;
  }
  /** Nobody could notice that it hangs. */
  get turnsKernelLoop(): boolean {
    return this.#life.kernelLoop === true;
  }
  /** As last reported. */
  get components(): readonly ComponentStatus[] {
    return this.#components;
  }
  /** Undefined before the first report. */
  get subscriptions(): readonly SubscriptionStatus[] | undefined {
    return this.#subscriptions;
  }
  /** Whether it has reported its components at all. */
  get reported(): boolean {
    return this.#reported;
  }
  /** Resolves when each component has been tried once. Never, where the life ends before. */
  get tried(): Promise<void> {
    return this.#tried.promise;
  }
  /** What its process uses, where that is not one of this system's; undefined where it is, or nobody says. */
  async usage(): Promise<{ readonly rssBytes: number; readonly openFiles: number } | undefined> {
    return this.#life.usage?.();
  }
  /** What its flight recorder shows; nothing where there is none. */
  get blackBox(): BlackBox | undefined {
    return this.#channel.peer?.blackBox;
  }

  /** The kernel's end of a lane, for a gateway. @throws Error when it can't be had */
  takeLane(index: number): LaneEnd {
    return this.#life.lanes.take(index);
  }

  /** A new end of a lane whose gateway has died. @throws Error when the life is over, or does not let go of the old one in time */
  renewLane(index: number): Promise<LaneEnd> {
    return this.#life.lanes.renew(index, async () => void (await ask(this.calls, Control.LANE, index, LANE_MS)));
  }

  /** The life has been given something to do. */
  readonly wake = (): void => this.#watch?.wake();

  /** @param inheritance undefined: it is on standby until `activate`. @throws Error with what is wrong; then it is being killed */
  async initialize(init: Promise<BlockInit>, inheritance: (() => Inheritance) | undefined): Promise<void> {
    const { initMs } = this.#options.spec;
    try {
      const request: InitRequest = { protocol: PROTOCOL_VERSION, init: await init, ...(inheritance === undefined ? {} : { inheritance: inheritance() }) };
      const answer = (await ask(this.calls, Control.INIT, request, initMs)) as InitAnswer | undefined;
      if (answer?.protocol !== PROTOCOL_VERSION) throw new Error(`the block speaks protocol ${String(answer?.protocol)}, the kernel ${PROTOCOL_VERSION}`);
      this.#watch?.began();
      setTimeout(() => {
        if (!this.#reported) this.kill('init', `init failed: it has not said what became of its components within ${initMs} ms`);
      }, initMs).unref();
    } catch (cause) {
      const reason = `init failed: ${messageOf(cause)}`;
      this.kill('init', reason);
      throw new Error(reason, { cause });
    }
  }

  /** A life on standby is the block from now on. @throws Error; then it is being killed */
  async activate(inheritance: Inheritance, deadlineMs: number): Promise<void> {
    try {
      await ask(this.calls, Control.ACTIVATE, inheritance, deadlineMs);
    } catch (cause) {
      this.kill('init', `it did not take over: ${messageOf(cause)}`);
      throw cause;
    }
  }

  /** The first cause counts. */
  kill(cause: EndCause, reason: string): void {
    this.#killed ??= { cause, reason };
    this.#life.kill();
  }

  /** Its drivers close, then it ends. Never rejects. */
  async close(): Promise<void> {
    const { spec: { block, closeMs }, log } = this.#options;
    this.#leaving = true;
    if (!this.calls.over) {
      await this.#options.leaving?.(this);
      await ask(this.calls, Control.CLOSE, undefined, closeMs).catch((cause: unknown) => {
        if (this.#killed === undefined) log.warn({}, `the ${block} block did not close its components: ${messageOf(cause)}`);
      });
    }
    this.#killed ??= { cause: 'closed', reason: '' };
    this.calls.close();
    const timer = setTimeout(() => this.#life.kill(), LEAVE_MS); // a child leaves when its channel ends; one that doesn't is killed
    await this.ended;
    clearTimeout(timer);
  }

  #startWatch(): Watch | undefined {
    const { spec: { hangMs, initMs } } = this.#options;
    if (this.turnsKernelLoop) return undefined;
    const ping = this.#channel.peer === undefined ? pingPulse(this.calls, Math.max(hangMs, 1)) : undefined;
    return new Watch({
      pulse: this.#channel.peer ?? (ping as NonNullable<typeof ping>), hangMs, startMs: initMs,
      isBusy: () => this.calls.inFlight - (ping?.underWay ?? 0) > 0 || this.calls.serving > 0 || this.#options.elsewhere.isBusy(),
      onHang: (silentMs) => this.kill('hang', `it has hung for ${Math.round(silentMs)} ms`),
      onLook: () => this.#measure(),
    });
  }

  #measure(): void {
    const { spec: { limits } } = this.#options;
    if (this.#life.usage !== undefined) return void this.#measureElsewhere();
    if (this.pid === undefined) return void this.#measureHeap();
    this.#judge(limits.memoryBytes > 0 ? (residentBytes(this.pid) ?? 0) : 0, limits.openFiles > 0 ? (openFiles(this.pid) ?? 0) : 0);
  }

  /** Somebody else has to look. */
  async #measureElsewhere(): Promise<void> {
    const usage = await this.usage();
    if (usage !== undefined) this.#judge(usage.rssBytes, usage.openFiles);
  }

  #judge(rss: number, files: number): void {
    const { spec: { limits }, tooLarge } = this.#options;
    if (limits.memoryBytes > 0 && rss > limits.memoryBytes * TOO_MUCH) return this.kill('memory', `it used ${mebibytes(rss)} of memory, far more than the ${mebibytes(limits.memoryBytes)} it may`);
    if (limits.memoryBytes > 0 && rss > limits.memoryBytes) return tooLarge('memory', `${mebibytes(rss)} of memory, more than ${mebibytes(limits.memoryBytes)}`);
    if (limits.openFiles > 0 && files > limits.openFiles * MANY_FILES) tooLarge('files', `${files} open descriptors of ${limits.openFiles}`);
  }

  /** A thread's heap: V8 ends the whole process where one allocation goes far beyond the limit, so it is not let near it. */
  async #measureHeap(): Promise<void> {
    const { spec: { limits: { heapBytes } }, tooLarge } = this.#options;
    const used = heapBytes > 0 ? ((await this.#life.heapUsed?.()) ?? 0) : 0;
    if (used > heapBytes * FULL_HEAP) tooLarge('memory', `${mebibytes(used)} of heap, nearly the ${mebibytes(heapBytes)} it may`);
  }

  #report(components: unknown): void {
    const reported = asComponents(components);
    this.#reported = true;
    this.#components = reported;
    if (!reported.some(isFirstAttempt)) this.#tried.resolve();
    this.#options.changed();
  }

  async #end(): Promise<Ending> {
    const exit = await this.#life.ended;
    this.#watch?.stop();
    await endedWithin(this.calls, LAST_WORDS_MS);
    this.calls.close();
    await this.calls.ended;
    const { flights, lastWords } = this.blackBox ?? NOTHING_SEEN;
    const inFlight = [...(await this.#options.elsewhere.flights(this)), ...flights];
    const killed = this.#killed;
    if (exit.unlaunched === true) return { cause: 'launch', reason: exit.reason, lastError: exit.said, inFlight: [], working: [] };
    // What it died of tells more than what finished it off.
    const named = killed === undefined || killed.reason === '' ? exit.reason : `${killed.reason} (${exit.reason})`;
    return {
      cause: killed?.reason === '' && killed.cause === 'exit' ? causeOf(exit) : (killed?.cause ?? causeOf(exit)),
      reason: named,
      ...(exit.signal === undefined ? {} : { signal: exit.signal }),
      ...(exit.code === undefined ? {} : { code: exit.code }),
      lastError: lastWords === '' ? (exit.said ?? '') : lastWords,
      inFlight: inFlight.map(({ method }) => ROUTE_NAMES.get(method) ?? `method ${method}`),
      working: this.#served.working,
    };
  }
}

/** Whether a component's state is of its first attempt to start. */
export function isFirstAttempt({ state, reason }: ComponentStatus): boolean {
  return state === 'starting' && reason === undefined;
}

function causeOf({ signal, heap = false }: { readonly signal?: string; readonly heap?: boolean }): EndCause {
  if (heap) return 'heap';
  return signal === undefined ? 'exit' : 'signal';
}

/** Resolves when the channel has ended, or time is up. */
async function endedWithin(calls: Calls, timeoutMs: number): Promise<void> {
  const timer = new AbortController();
  await Promise.race([calls.ended, sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => {})]); // aborted: it was not needed
  timer.abort();
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

/** Longest list of components, and text in one, that is believed. */
const MOST_COMPONENTS = 10_000;
const LONGEST_TEXT = 65_536;
const STATES: readonly unknown[] = ['starting', 'ready', 'failed'] satisfies ComponentStatus['state'][];

/** @throws Error for what is no such report: a block is hostile by accident */
function asComponents(report: unknown): readonly ComponentStatus[] {
  if (!Array.isArray(report) || report.length > MOST_COMPONENTS || !report.every(isComponentStatus)) throw new Error('a component report that is none');
  return report;
}

function isComponentStatus(item: unknown): item is ComponentStatus {
  if (typeof item !== 'object' || item === null) return false;
  const { name, type, version, state, reason, required, capabilities, initFailure } = item as Record<keyof ComponentStatus, unknown>;
  return isText(name) && isText(type) && isText(version) && STATES.includes(state) && (reason === undefined || isText(reason)) && typeof required === 'boolean'
    && Array.isArray(capabilities) && capabilities.length <= 1_000 && capabilities.every(isText) && (initFailure === undefined || initFailure === 'exit' || initFailure === 'degrade');
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= LONGEST_TEXT;
}
