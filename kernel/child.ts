// Supervises one compartment: keeps a life of its block present, starts the next one when it ends, and replaces it in order when
// something changed. It waits for `ended` and nothing else; life.ts turns whatever goes wrong into an end.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel } from '../ipc/channel.ts';
import type { AppState, Inheritance } from '../proto/control.ts';
import { messageOf } from '../proto/errors.ts';
import type { BlockInit, ComponentStatus, SubscriptionStatus } from '../proto/init.ts';
import type { Log } from '../proto/log.ts';
import type { AppChannel } from './app/channel.ts';
import { Checkpoints } from './checkpoints.ts';
import { untried, type ChildInfo, type ChildSpec, type ChildState } from './child-info.ts';
import { Deaths, describe } from './deaths.ts';
import type { LaunchOptions } from './launch.ts';
import { BlockLife, isFirstAttempt, type Ending, type LifeOptions } from './life.ts';
import { News } from './news.ts';
import type { Seating } from './seating.ts';
import { Spare } from './spare.ts';
import { Swaps, type Regent } from './swap.ts';
import { Suspects } from './suspects.ts';

export interface ChildOptions {
  readonly spec: ChildSpec;
  readonly seating: Seating;
  readonly launch: LaunchOptions;
  readonly log: Log;
  /** Wraps each life's channel; for `--trace-ipc`. */
  readonly wrap: (channel: Channel) => Channel;
  /** State or components changed. */
  readonly changed: () => void;
  /** As for its lives. */
  readonly leaving?: LifeOptions['leaving'];
}

/** Suspects that a log line names. */
const MAX_NAMED = 10;
/** A life that is too large is replaced, but not over and over: one whose data is that large would be for ever. Doubles between these. */
const RECYCLE_MS = { min: 5_000, max: 60_000 } as const;
/** After so long without one, the pause is short again. */
const RECYCLE_CALM_MS = 600_000;

export class Child implements Regent {
  readonly #options: ChildOptions;
  readonly #stopping = new AbortController();
  /** Cuts the pause before the next life short. */
  #hurry = new AbortController();
  readonly #first = Promise.withResolvers<BlockInit>();
  readonly #suspects = new Suspects();
  readonly #checkpoints = new Checkpoints();
  readonly #news: News;
  readonly #swaps: Swaps;
  #init: BlockInit | undefined;
  #state: ChildState = 'absent';
  #present: BlockLife | undefined;
  readonly #spare: Spare;
  readonly #deaths: Deaths;
  /** Every life that has not ended yet. */
  readonly #alive = new Set<BlockLife>();
  /** Those whose checkpoints count no more: another one has taken over. */
  readonly #deposed = new WeakSet<BlockLife>();
  #started = false;
  #lives = 0;
  #restarts = 0;
  #replaced = 0;
  #reload: ChildInfo['reload'];
  #recycledMs = -Infinity;
  #recyclePauseMs: number = RECYCLE_MS.min;
  #settled = false;
  /** On the monotonic clock; Infinity before the present life is ready. */
  #readySinceMs = Infinity;
  #components: readonly ComponentStatus[] = [];
  #subscriptions: readonly SubscriptionStatus[] = [];
  #app: AppChannel | undefined;

  constructor(options: ChildOptions) {
    this.#options = options;
    const { spec, log, changed } = options;
    this.#news = new News({ block: spec.name, appMs: spec.appMs, log, changed });
    this.#swaps = new Swaps(this, { ...spec, log });
    this.#deaths = new Deaths(spec);
    this.#spare = new Spare({
      name: spec.name, log, signal: this.#stopping.signal,
      launch: () => (spec.spare && this.#init !== undefined ? this.launchStandby(this.#init) : undefined),
    });
  }

  info(): ChildInfo {
    const { spec } = this.#options;
    return {
      name: spec.name,
      block: spec.block,
      mode: spec.mode,
      address: spec.address,
      transport: this.#present?.transport,
      pid: this.#present?.pid,
      life: this.#present?.number ?? this.#lives,
      state: this.#state,
      restarts: this.#restarts,
      replaced: this.#replaced,
      lastExit: this.#deaths.last?.reason,
      lastDeath: this.#deaths.last,
      endsBy: this.#deaths.counts,
      reload: this.#reload,
      spare: this.#spare.state,
      limits: spec.limits,
      cgroup: this.#present?.cgroup,
      settled: this.#settled,
      components: this.#components,
      subscriptions: this.#subscriptions,
      suspects: this.#suspects.size,
      appMet: this.#news.appMet,
    };
  }

  /** Every life that has not ended yet: the present one, one that takes over from it, a spare, one that still finishes. */
  get lives(): Iterable<BlockLife> {
    return this.#alive;
  }

  /** What every life is told first, and the application it may call. Lives may start before: they wait for it. */
  provide(init: BlockInit, app?: AppChannel): void {
    this.#app = app;
    this.#init = init;
    this.#components = untried(init);
    this.#first.resolve(init);
  }

  start(): void {
    if (this.#started || this.#stopping.signal.aborted) return;
    this.#started = true;
    this.#live();
  }

  /** Nothing is configured for it: unless it runs already, the first call that wants it starts it, and nobody waits till then. */
  rest(): void {
    if (this.#started) return;
    this.#settled = true;
    this.#news.excuse();
    this.#options.seating.onWanted = () => this.start();
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

  /** The same with the components that it has: see `replace`. Where there is no life, one begins at once. */
  async restart(): Promise<void> {
    const init = await this.#first.promise;
    if (this.#present !== undefined || this.stopping) return this.#replace(() => this.#init ?? init);
    if (this.#started) this.#hurry.abort();
    else this.start();
    await sleep(0); // a pause that was cut short ends in a turn of its own
    await this.#settles();
  }

  /**
   * The next life is started beside the present one and takes over when it is ready: nothing fails in between. One at a time.
   * @throws SwapRefused that says why: then the present life goes on, and `init` is forgotten
   */
  replace(init: BlockInit): Promise<void> {
    return this.#replace(() => init);
  }

  async #replace(init: () => BlockInit): Promise<void> {
    const at = new Date().toISOString();
    try {
      await this.#swaps.replace(init);
      this.#reload = { at };
    } catch (cause) {
      this.#reload = { at, refused: messageOf(cause) };
      throw cause;
    } finally {
      this.#options.changed();
    }
  }

  /** Closes drivers, ends all lives, and resolves when nothing is left. May be called twice. */
  async stop(): Promise<void> {
    const first = !this.#stopping.signal.aborted;
    if (first) {
      this.#enter('draining');
      this.#stopping.abort();
    }
    await Promise.all([...this.#alive].map((life) => life.close()));
    this.#options.seating.close();
    this.#enter('stopped');
  }

  // What a swap needs.

  get present(): BlockLife | undefined {
    return this.#present;
  }
  get stopping(): boolean {
    return this.#stopping.signal.aborted;
  }
  get seating(): Seating {
    return this.#options.seating;
  }

  async adopt(init: BlockInit): Promise<void> {
    this.provide(init, this.#app);
    if (!this.#started && (init.components.length > 0 || init.subscriptions.length > 0)) this.start();
    await this.#settles();
  }

  inheritance(): Inheritance {
    return { suspects: this.#suspects.list(), checkpoints: this.#checkpoints.list() };
  }

  /** @throws Error where it can't be launched */
  launchStandby(init: BlockInit): BlockLife {
    const life = this.#launch();
    life.initialize(Promise.resolve(init), undefined).catch(() => undefined); // it is being killed for it
    return life;
  }

  /** A life that has been activated is the present one. */
  crown(life: BlockLife, init: BlockInit): void {
    const former = this.#present;
    if (init !== this.#init) this.#options.seating.forgive(); // other components may do well what these died over
    this.#init = init;
    this.#present = life;
    this.#replaced++;
    this.#readySinceMs = performance.now();
    if (former !== undefined) this.#deposed.add(former);
    this.#spare.drop(); // it was told the former components
    this.#reported(life);
    this.#options.seating.attach(life);
    this.#news.attach(life.calls);
  }

  /** What a life says counts no more, or again. */
  depose(life: BlockLife, deposed: boolean): void {
    if (deposed) this.#deposed.add(life);
    else this.#deposed.delete(life);
  }

  #launch(): BlockLife {
    const { spec, launch, log, wrap, seating, leaving } = this.#options;
    this.#lives++;
    const life: BlockLife = new BlockLife({
      number: this.#lives, spec, launch, log, wrap,
      app: () => this.#app,
      acquit: (ids) => this.#suspects.acquit(ids),
      checkpoints: {
        set: (name, value) => this.#deposed.has(life) || this.#checkpoints.set(name, value),
        delete: (name) => void (this.#deposed.has(life) || this.#checkpoints.delete(name)),
        hand: (name, piece) => this.#swaps.hand(life, name, piece),
      },
      changed: () => this.#reported(life),
      leaving: async () => {
        await seating.leaving(life);
        await leaving?.(life);
      },
      elsewhere: seating,
      dying: () => seating.died(life),
      withdrawn: () => void this.#withdrawn(life),
      tooLarge: (cause, what) => this.#tooLarge(life, cause, what),
    });
    this.#alive.add(life);
    void life.calls.ended.then(() => this.#lost(life));
    void life.ended.then((ending) => this.#ended(life, ending));
    return life;
  }

  /** Begins the life that is to be the present one. */
  #live(): void {
    this.#readySinceMs = Infinity;
    this.#enter('starting');
    let life: BlockLife;
    try {
      life = this.#launch();
    } catch (cause) {
      return this.#died(this.#lives, { cause: 'launch', reason: `it could not be started: ${messageOf(cause)}`, lastError: '', inFlight: [], working: [] });
    }
    this.#present = life;
    const init = this.#init === undefined ? this.#first.promise : Promise.resolve(this.#init);
    life.initialize(init, () => this.inheritance()).then(() => {
      this.#options.seating.attach(life);
      // What the block reports comes by calls of its own, and may have come before this continuation.
      if (!life.reported) this.#enter('initializing');
      this.#news.attach(life.calls);
    }, () => undefined); // it is being killed for it
  }

  /** A life's channel has ended: nothing comes from it any more. Where somebody waits to take over, calls need not wait for its last breath. */
  #lost(life: BlockLife): void {
    this.#options.seating.detach(life, this.#options.spec.address === undefined ? 'it is restarting' : 'its block server is being dialled');
    if (life !== this.#present || this.stopping) return;
    const spare = this.#spare.take();
    if (spare === undefined) return;
    this.#present = undefined;
    life.kill('exit', '');
    void this.#promote(spare);
  }

  /** The spare takes over after a crash. */
  async #promote(life: BlockLife): Promise<void> {
    this.#present = life;
    this.#restarts++;
    this.#readySinceMs = Infinity;
    const activated = life.activate(this.inheritance(), this.#options.spec.initMs);
    this.#options.seating.attach(life, activated);
    try {
      await activated;
    } catch {
      return; // it is being killed, and its end is noticed
    }
    this.#reported(life);
    this.#news.attach(life.calls);
  }

  #ended(life: BlockLife, ending: Ending): void {
    const { spec: { name }, log } = this.#options;
    this.#alive.delete(life);
    this.#deaths.count(ending.cause);
    log.debug({}, `life ${life.number} of the ${name} block is over: ${ending.reason}`);
    if (this.#spare.ended(life, ending) || ending.cause === 'closed' || this.stopping) return;
    if (life === this.#present) {
      this.#present = undefined;
      return this.#died(life.number, ending);
    }
    if (this.#swaps.candidate === life) return; // it never had anything, and whoever wanted it says so
    this.#record(life.number, ending);
    log.error({}, `the ${name} block ended in life ${life.number}: ${describe(ending)}; life ${this.#present?.number ?? this.#lives + 1} has taken over`);
  }

  #record(number: number, ending: Ending): void {
    this.#deaths.record(number, ending);
    this.#suspect(ending.working);
  }

  /** The present life is over, and nobody was there to take over. */
  #died(number: number, ending: Ending): void {
    if (this.stopping) return;
    const { spec, log } = this.#options;
    const level = this.#deaths.isOldNews(ending) ? 'debug' : 'error';
    this.#record(number, ending);
    const { pauseMs, failed } = this.#deaths.pause(this.#readySinceMs);
    log[level]({}, `the ${spec.name} block ended in life ${number}: ${describe(ending)}; starting again in ${Math.round(pauseMs)}ms${failed === undefined ? '' : ` (${failed} ends within ${spec.periodMs / 1000}s)`}`);
    this.#enter(failed === undefined ? 'backing-off' : 'failed');
    void this.#liveAgain(pauseMs);
  }

  /** The present life, if there is one, has tried its components or is over. */
  async #settles(): Promise<void> {
    const { present } = this;
    if (present !== undefined) await Promise.race([present.tried, present.ended]);
  }

  async #liveAgain(pauseMs: number): Promise<void> {
    this.#hurry = new AbortController();
    await sleep(pauseMs, undefined, { signal: AbortSignal.any([this.#stopping.signal, this.#hurry.signal]) }).catch(() => {}); // stopping: nothing follows
    if (this.stopping || this.#present !== undefined) return;
    this.#restarts++;
    this.#live();
  }

  /** Its place is about to go. It finishes what it has while new calls wait for the next life, which begins where there is a place again. */
  async #withdrawn(life: BlockLife): Promise<void> {
    const { spec: { name }, log } = this.#options;
    if (life !== this.#present) return void life.close();
    log.info({}, `the ${name} block is asked to leave its place: it finishes what it has, and begins again where there is one`);
    if (!(await this.#swaps.withdraw(life))) return;
    this.#present = undefined;
    this.#enter('backing-off');
    await life.close();
    void this.#liveAgain(0);
  }

  /** It still works: its successor is started beside it. */
  #tooLarge(life: BlockLife, cause: 'memory' | 'files', what: string): void {
    const { spec: { name }, log } = this.#options;
    const sinceMs = performance.now() - this.#recycledMs;
    if (life !== this.#present || this.stopping || this.#swaps.candidate !== undefined || sinceMs < this.#recyclePauseMs) return;
    this.#recyclePauseMs = sinceMs > RECYCLE_CALM_MS ? RECYCLE_MS.min : Math.min(2 * this.#recyclePauseMs, RECYCLE_MS.max);
    this.#recycledMs = performance.now();
    log.warn({}, `the ${name} block uses ${what}: its next life takes over`);
    this.#deaths.count(cause);
    this.restart().catch((reason: unknown) => log.error({}, `the ${name} block uses ${what}, and its next life could not take over: ${messageOf(reason)}`));
  }

  /** Names what the life that just ended was working on. */
  #suspect(working: Iterable<readonly string[]>): void {
    const { spec, log } = this.#options;
    const suspects = this.#suspects.lifeEnded(working);
    if (suspects.length === 0) return;
    const named = suspects.slice(0, MAX_NAMED).map(([id, deaths]) => `${id} (${deaths})`).join(', ');
    const more = suspects.length > MAX_NAMED ? ` and ${suspects.length - MAX_NAMED} more` : '';
    log.warn({}, `the ${spec.name} block ended over messages; how often over each: ${named}${more}`);
  }

  /** A life has reported what it has. */
  #reported(life: BlockLife): void {
    if (life !== this.#present) return;
    this.#subscriptions = life.subscriptions ?? this.#subscriptions;
    if (!life.reported) return;
    const trying = life.components.some(isFirstAttempt);
    // A life that follows another starts its components anew; until it knows better they are what they were.
    const known = new Map(this.#settled ? this.#components.map((component) => [component.name, component]) : []);
    this.#components = life.components.map((component) => (isFirstAttempt(component) ? (known.get(component.name) ?? component) : component));
    this.#settled ||= !trying;
    this.#enter(trying ? 'initializing' : 'ready');
    if (!trying) this.#spare.keep();
  }

  #enter(state: ChildState): void {
    if (state === 'ready') this.#readySinceMs = Math.min(this.#readySinceMs, performance.now());
    if (this.#state === 'stopped' || (this.stopping && state !== 'stopped') || (this.#state === 'draining' && state !== 'stopped')) return;
    this.#state = state;
    this.#options.changed();
  }
}
