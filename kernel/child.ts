// Supervises one block: starts lives, initialises them, notices their ends, backs off and starts again. It waits for
// `ended` and nothing else; whatever goes wrong with a life is turned into a kill, so that it ends.
import { setTimeout as sleep } from 'node:timers/promises';
import { Calls } from '../ipc/calls.ts';
import type { Channel } from '../ipc/channel.ts';
import { Control, PROTOCOL_VERSION, type AppState, type InitAnswer, type InitRequest } from '../proto/control.ts';
import { messageOf } from '../proto/errors.ts';
import type { BlockInit, ComponentStatus, SubscriptionStatus } from '../proto/init.ts';
import type { Log } from '../proto/log.ts';
import type { AppChannel } from './app/channel.ts';
import { ask } from './ask.ts';
import { Checkpoints } from './checkpoints.ts';
import { BlockCalls, type BlockCallSources } from './block-calls.ts';
import type { Isolation } from './flags.ts';
import { LAUNCH, type Exit, type LaunchOptions, type Life } from './launch.ts';
import type { Limits } from './limits.ts';
import { News } from './news.ts';
import type { Seat } from './seat.ts';
import { Suspects } from './suspects.ts';

/** What to run and what to do when it dies; OTP's child specification, plus backoff. */
export interface ChildSpec {
  /** The compartment's, in the log. */
  readonly name: string;
  readonly block: string;
  readonly mode: Isolation;
  /** More restarts than `intensity` within `periodMs`: the block counts as failed, and retries go on at the slowest pace. */
  readonly intensity: number;
  readonly periodMs: number;
  /** Pause before a restart: full jitter between 0 and a bound that doubles from the first to the second value. */
  readonly backoffMs: readonly [min: number, max: number];
  /** A life that was ready for this long clears the backoff: what ended it is news. */
  readonly calmMs: number;
  /** A life that has not answered `init` by then is killed. */
  readonly initMs: number;
  /** How long its drivers may take to close. */
  readonly closeMs: number;
  /** How long it may take to do what follows from the application's coming or going. */
  readonly appMs: number;
  /** Deaf for longer than this, it is killed; 0: never. */
  readonly hangMs: number;
  /** How long a life that is being replaced may take to finish. */
  readonly drainMs: number;
  /** Whether a second life waits to take over. */
  readonly spare: boolean;
  readonly limits: Limits;
}

export const CHILD_DEFAULTS: Pick<ChildSpec, 'intensity' | 'periodMs' | 'backoffMs' | 'calmMs' | 'initMs' | 'closeMs' | 'appMs'> = {
  intensity: 10, periodMs: 60_000, backoffMs: [20, 5_000], calmMs: 250, initMs: 15_000, closeMs: 3_000, appMs: 60_000,
};

export type ChildState = 'absent' | 'starting' | 'initializing' | 'ready' | 'backing-off' | 'failed' | 'draining' | 'stopped';

/** One row of `GET /actuator/blocks`. */
export interface ChildInfo {
  readonly block: string;
  readonly mode: Isolation;
  readonly transport: string | undefined;
  readonly pid: number | undefined;
  /** Counts from 1. */
  readonly life: number;
  readonly state: ChildState;
  readonly restarts: number;
  readonly lastExit: string | undefined;
  /** True once a life had all its components tried: from then on a restart is not a reason to be unready. */
  readonly settled: boolean;
  /** As last reported; a restart in progress does not change them. */
  readonly components: readonly ComponentStatus[];
  /** Likewise. */
  readonly subscriptions: readonly SubscriptionStatus[];
  /** Messages that its lives were working on when they ended. */
  readonly suspects: number;
  /** True once a life has done what follows from the application's being there, or has tried. */
  readonly appMet: boolean;
}

export interface ChildOptions {
  readonly spec: ChildSpec;
  readonly seat: Seat;
  readonly launch: LaunchOptions;
  readonly log: Log;
  /** Wraps each life's channel; for `--trace-ipc`. */
  readonly wrap: (channel: Channel) => Channel;
  /** State or components changed. */
  readonly changed: () => void;
}

/** A life's channel ends with it; where its end has not been seen yet, what the life still said is waited for this long. */
const LAST_WORDS_MS = 100;
/** Suspects that a log line names. */
const MAX_NAMED = 10;
/** More than any block has reason to call its kernel at once. */
const MAX_CALLS_FROM_BLOCK = 4_096;
const MAX_QUEUED_BYTES = 64 * 1024 * 1024;

export class Child {
  readonly #options: ChildOptions;
  readonly #stopping = new AbortController();
  readonly #init = Promise.withResolvers<BlockInit>();
  readonly #suspects = new Suspects();
  readonly #checkpoints = new Checkpoints();
  readonly #served: BlockCallSources;
  readonly #news: News;
  #state: ChildState = 'absent';
  #life: Life | undefined;
  #calls: Calls | undefined;
  #lives = 0;
  #lastExit: string | undefined;
  #settled = false;
  /** Whether the present life has reported its components. */
  #reported = false;
  /** On the monotonic clock; Infinity before the present life is ready. */
  #readySinceMs = Infinity;
  #components: readonly ComponentStatus[] = [];
  #subscriptions: readonly SubscriptionStatus[] = [];
  #app: AppChannel | undefined;
  #running: Promise<void> | undefined;

  constructor(options: ChildOptions) {
    this.#options = options;
    this.#served = {
      components: (report) => this.#report(report),
      subscriptions: (subscriptions) => (this.#subscriptions = subscriptions),
      acquit: (ids) => this.#suspects.acquit(ids),
      checkpoints: this.#checkpoints,
      app: () => this.#app,
    };
    const { spec: { block, appMs }, log, changed } = options;
    this.#news = new News({ block, appMs, log, changed });
  }

  info(): ChildInfo {
    const { spec } = this.#options;
    return {
      block: spec.block,
      mode: spec.mode,
      transport: this.#life?.transport,
      pid: this.#life?.pid,
      life: this.#lives,
      state: this.#state,
      restarts: Math.max(0, this.#lives - 1),
      lastExit: this.#lastExit,
      settled: this.#settled,
      components: this.#components,
      subscriptions: this.#subscriptions,
      suspects: this.#suspects.size,
      appMet: this.#news.appMet,
    };
  }

  /** What every life is told first, and the application it may call. Lives may start before: they wait for it. */
  provide(init: BlockInit, app?: AppChannel): void {
    this.#app = app;
    this.#components = init.components.map(({ name, type, version, ignoreErrors }) => ({ name, type, version, state: 'starting', required: !ignoreErrors, capabilities: [] }));
    this.#init.resolve(init);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Nothing is configured for it: unless it runs already, the first call that wants it starts it, and nobody waits till then. */
  rest(): void {
    if (this.#running !== undefined) return;
    this.#settled = true;
    this.#news.excuse();
    this.#options.seat.onWanted = () => this.start();
  }

  /** The application came or went: the present life is told, and each later one. */
  appChanged(state: AppState): void {
    this.#news.appChanged(state);
  }

  /**
   * The block takes in nothing more, this life and the next ones. Resolves when what was in flight is settled, or the life
   * has ended, or time is up.
   * @param deadlineMs a duration; 0 for none.
   */
  pause(deadlineMs: number): Promise<void> {
    return this.#news.pause(deadlineMs);
  }

  /** Closes drivers, ends the life, and resolves when nothing is left. May be called twice. */
  async stop(): Promise<void> {
    if (!this.#stopping.signal.aborted) {
      this.#enter('draining');
      const { calls, life } = { calls: this.#calls, life: this.#life };
      if (calls !== undefined) await ask(calls, Control.CLOSE, undefined, this.#options.spec.closeMs).catch((cause: unknown) => this.#options.log.warn({}, `the ${this.#options.spec.block} block did not close its components: ${String(cause)}`));
      this.#stopping.abort();
      calls?.close();
      // A child leaves when its channel ends; one that doesn't is killed.
      const timer = setTimeout(() => life?.kill(), 500);
      await this.#running;
      clearTimeout(timer);
    } else await this.#running;
    this.#options.seat.close();
    this.#enter('stopped');
  }

  async #run(): Promise<void> {
    const { spec, log } = this.#options;
    const ends: number[] = [];
    let attempt = 0;
    while (!this.#stopping.signal.aborted) {
      this.#readySinceMs = Infinity;
      this.#reported = false;
      const exit = await this.#live();
      if (this.#stopping.signal.aborted) return;
      const now = performance.now();
      this.#lastExit = exit.reason;
      this.#suspect(exit.working);
      if (now - this.#readySinceMs > spec.calmMs) attempt = 0;
      ends.push(now);
      while (ends[0] !== undefined && ends[0] < now - spec.periodMs) ends.shift();
      const failed = ends.length > spec.intensity;
      const [min, max] = spec.backoffMs;
      const bound = failed ? max : Math.min(max, min * 2 ** attempt++);
      const pauseMs = failed ? max / 2 + Math.random() * (max / 2) : Math.random() * bound;
      log.error({}, `the ${spec.block} block ended in life ${this.#lives}: ${exit.reason}; starting again in ${Math.round(pauseMs)}ms${failed ? ` (${ends.length} ends within ${spec.periodMs / 1000}s)` : ''}`);
      this.#enter(failed ? 'failed' : 'backing-off');
      await sleep(pauseMs, undefined, { signal: this.#stopping.signal }).catch(() => {}); // stopping: the loop ends
    }
  }

  /** One life from launch to end, and what it was working on then. */
  async #live(): Promise<Exit & { readonly working: Iterable<readonly string[]> }> {
    const { spec, launch, log, seat, wrap } = this.#options;
    this.#lives++;
    this.#enter('starting');
    let life: Life;
    try {
      life = LAUNCH[spec.mode](spec.block, launch);
    } catch (cause) {
      return { reason: `it could not be started: ${messageOf(cause)}`, working: [] };
    }
    this.#life = life;
    const { serve, working } = new BlockCalls(this.#served, () => calls.over);
    const calls: Calls = new Calls(wrap(life.channel), { ids: 'odd', serve, maxIncoming: MAX_CALLS_FROM_BLOCK, maxQueuedBytes: MAX_QUEUED_BYTES });
    this.#calls = calls;
    let killedFor: string | undefined;
    const kill = (why: string): void => {
      killedFor ??= why;
      life.kill();
    };
    void calls.ended.then((end) => {
      seat.detach(calls, 'it is restarting');
      if (end.kind === 'violation') kill(`it broke the protocol: ${end.reason}`);
      else if (end.kind === 'peer') kill('it closed its channel');
    });
    this.#initialize(calls).catch((cause: unknown) => kill(`init failed: ${messageOf(cause)}`));
    const { reason } = await life.ended;
    await endedWithin(calls, LAST_WORDS_MS);
    calls.close();
    await calls.ended;
    this.#life = undefined;
    this.#calls = undefined;
    log.debug({}, `life ${this.#lives} of the ${spec.block} block is over: ${reason}`);
    // What it died of tells more than what finished it off; an exit of its own came before its channel's end was seen.
    return { reason: killedFor === undefined || killedFor === 'it closed its channel' ? reason : `${killedFor} (${reason})`, working };
  }

  async #initialize(calls: Calls): Promise<void> {
    const { spec, seat } = this.#options;
    const request: InitRequest = { protocol: PROTOCOL_VERSION, init: await this.#init.promise, inheritance: { suspects: this.#suspects.list(), checkpoints: this.#checkpoints.list() } };
    const answer = (await ask(calls, Control.INIT, request, spec.initMs)) as InitAnswer;
    if (answer?.protocol !== PROTOCOL_VERSION) throw new Error(`the block speaks protocol ${String(answer?.protocol)}, the kernel ${PROTOCOL_VERSION}`);
    seat.attach(calls);
    // What the block reports comes by calls of its own, and may have come before this continuation.
    if (!this.#reported) this.#enter('initializing');
    this.#news.attach(calls);
  }

  /** Names what the life that just ended was working on. */
  #suspect(working: Iterable<readonly string[]>): void {
    const { spec, log } = this.#options;
    const suspects = this.#suspects.lifeEnded(working);
    if (suspects.length === 0) return;
    const named = suspects.slice(0, MAX_NAMED).map(([id, deaths]) => `${id} (${deaths})`).join(', ');
    const more = suspects.length > MAX_NAMED ? ` and ${suspects.length - MAX_NAMED} more` : '';
    log.warn({}, `the ${spec.block} block ended over messages; how often over each: ${named}${more}`);
  }

  #report(components: unknown): void {
    if (!Array.isArray(components)) throw new Error('a component report that is no list');
    this.#reported = true;
    const reported = components as ComponentStatus[];
    const trying = reported.some(isFirstAttempt);
    // A life that follows another starts its components anew; until it knows better they are what they were.
    const known = new Map(this.#settled ? this.#components.map((component) => [component.name, component]) : []);
    this.#components = reported.map((component) => (isFirstAttempt(component) ? (known.get(component.name) ?? component) : component));
    this.#settled ||= !trying;
    this.#enter(trying ? 'initializing' : 'ready');
  }

  #enter(state: ChildState): void {
    if (state === 'ready') this.#readySinceMs = Math.min(this.#readySinceMs, performance.now());
    if (this.#state === 'stopped' || (this.#stopping.signal.aborted && state !== 'stopped') || (this.#state === 'draining' && state !== 'stopped')) return;
    this.#state = state;
    this.#options.changed();
  }
}

function isFirstAttempt({ state, reason }: ComponentStatus): boolean {
  return state === 'starting' && reason === undefined;
}

/** Resolves when the channel has ended, or time is up. */
async function endedWithin(calls: Calls, timeoutMs: number): Promise<void> {
  const timer = new AbortController();
  await Promise.race([calls.ended, sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => {})]); // aborted: it was not needed
  timer.abort();
}
