// One life takes over from another that still works: started on standby beside it, checked, and given everything the other one
// had, while new calls wait for some milliseconds. Whatever goes wrong on the way, the old life goes on as if nothing had been.
import { setTimeout as sleep } from 'node:timers/promises';
import { Control, PAUSE_FOR_SUCCESSOR, type Inheritance } from '../proto/control.ts';
import { messageOf } from '../proto/errors.ts';
import { logName, type BlockInit, type ComponentStatus } from '../proto/init.ts';
import type { Log } from '../proto/log.ts';
import { ask } from './ask.ts';
import { Handed } from './handed.ts';
import type { BlockLife } from './life.ts';
import type { Seating } from './seating.ts';

/** The child whose lives they are. */
export interface Regent {
  /** The life that has the calls, or is about to. */
  readonly present: BlockLife | undefined;
  readonly stopping: boolean;
  readonly seating: Seating;
  /** There is no life that could hand over: the next one is told this. Resolves when it has tried its components, or at once where none starts. */
  adopt(init: BlockInit): Promise<void>;
  inheritance(): Inheritance;
  /** @throws Error where it can't be launched */
  launchStandby(init: BlockInit): BlockLife;
  /** From now on what the life leaves behind counts no more, or counts again. */
  depose(life: BlockLife, deposed: boolean): void;
  /** It has been activated: the calls are its. */
  crown(life: BlockLife, init: BlockInit): void;
}

export interface SwapOptions {
  readonly name: string;
  readonly initMs: number;
  /** For a life that is replaced, to finish what it had taken in and, later, its calls. */
  readonly drainMs: number;
  /** For each step while calls wait. */
  readonly handoverMs: number;
  readonly log: Log;
}

/** The present life goes on. The message says why. */
export class SwapRefused extends Error {
  override readonly name = 'SwapRefused';
  /** Components that would be worse than they are; empty where the next life itself failed. */
  readonly faults: readonly ComponentStatus[];

  constructor(message: string, faults: readonly ComponentStatus[] = [], cause?: unknown) {
    super(message, { cause });
    this.faults = faults;
  }
}

/** The present life may end while its successor starts: then it begins anew, so many times. */
const MAX_TRIES = 3;
/** How often a life that is drained is looked at. */
const DRAIN_TICK_MS = 20;
/** How long answers may take that streams wait for, before the old life keeps such a stream until they are there. */
const REST_MS = 500;

export class Swaps {
  readonly #regent: Regent;
  readonly #options: SwapOptions;
  #queue: Promise<unknown> = Promise.resolve();
  #candidate: BlockLife | undefined;
  /** Of the life that is just handing over. */
  #handed: { readonly by: BlockLife; readonly pieces: Handed } | undefined;

  constructor(regent: Regent, options: SwapOptions) {
    this.#regent = regent;
    this.#options = options;
  }

  /** The life that is being prepared. */
  get candidate(): BlockLife | undefined {
    return this.#candidate;
  }

  /** A piece of what a life hands over; borrowed. False: there is no room, or nobody takes over from this one. */
  hand(life: BlockLife, name: string, piece: Uint8Array): boolean {
    return this.#handed?.by === life && this.#handed.pieces.take(name, piece);
  }

  /** After those that were asked for before. @throws SwapRefused */
  replace(init: () => BlockInit): Promise<void> {
    const mine = this.#queue.then(() => this.#replace(init()));
    this.#queue = mine.catch(() => undefined);
    return mine;
  }

  /**
   * A life has to go, and nobody can be started beside it: new calls wait, and it finishes what it has. After swaps that are under way.
   * @returns false: it is not the present one any more, or the sidecar is shutting down
   */
  withdraw(life: BlockLife): Promise<boolean> {
    const mine = this.#queue.then(() => this.#finish(life));
    this.#queue = mine.catch(() => undefined);
    return mine;
  }

  async #finish(life: BlockLife): Promise<boolean> {
    const { drainMs, handoverMs } = this.#options;
    const goes = (): boolean => this.#regent.present === life && !life.calls.over && !this.#regent.stopping;
    await ask(life.calls, Control.PAUSE, PAUSE_FOR_SUCCESSOR, drainMs).catch(() => undefined); // what it had taken in comes again
    if (!goes()) return false;
    const { seating } = this.#regent;
    await seating.suspend(handoverMs).catch(() => undefined);
    await seating.atRest(REST_MS);
    // Streams don't finish by themselves: they end with it, or go on in the next life.
    await this.#until(() => seating.inFlight - seating.held + life.calls.serving <= 0 || !goes());
    return goes();
  }

  async #replace(init: BlockInit): Promise<void> {
    for (let tries = 1; ; tries++) {
      const old = this.#regent.present;
      if (this.#regent.stopping) throw new SwapRefused('the sidecar is shutting down');
      if (old === undefined || old.calls.over) return this.#regent.adopt(init);
      try {
        return await this.#swap(old, init);
      } catch (cause) {
        // A present life that ended by itself left nothing that the next one could have harmed.
        if (cause instanceof SwapRefused && (this.#regent.present === old && !old.calls.over)) throw cause;
        if (tries >= MAX_TRIES || !(cause instanceof SwapRefused)) throw cause instanceof SwapRefused ? cause : new SwapRefused(messageOf(cause), [], cause);
      }
    }
  }

  async #swap(old: BlockLife, init: BlockInit): Promise<void> {
    const next = this.#launch(init);
    this.#candidate = next;
    try {
      await this.#ready(next, init);
      this.#judge(old, next);
      await this.#handOver(old, next, init);
    } catch (cause) {
      next.kill('closed', '');
      throw cause;
    } finally {
      this.#candidate = undefined;
    }
    void this.#retire(old);
  }

  #launch(init: BlockInit): BlockLife {
    try {
      return this.#regent.launchStandby(init);
    } catch (cause) {
      throw new SwapRefused(`the next life could not be started: ${messageOf(cause)}`, [], cause);
    }
  }

  /** Every component of the next life has been tried once. */
  async #ready(next: BlockLife, { components }: BlockInit): Promise<void> {
    const limitMs = this.#options.initMs + Math.max(0, ...components.map(({ initTimeoutMs }) => initTimeoutMs));
    const timer = new AbortController();
    const verdict = await Promise.race([
      next.tried.then(() => undefined),
      next.ended.then(({ reason, lastError }) => `the next life ended before it was ready: ${reason}${lastError === '' ? '' : `: ${lastError.split('\n', 1)[0] ?? ''}`}`),
      sleep(limitMs, `the next life was not ready after ${limitMs} ms`, { signal: timer.signal }).catch(() => undefined),
    ]);
    timer.abort();
    if (verdict !== undefined) throw new SwapRefused(verdict);
    if (this.#regent.stopping) throw new SwapRefused('the sidecar is shutting down');
  }

  /** What worked goes on working, and what can never work does not come in. */
  #judge(old: BlockLife, next: BlockLife): void {
    const before = new Map(old.components.map((component) => [component.name, component]));
    const faults = next.components.filter(({ name, state, reason }) => {
      const known = before.get(name);
      return state !== 'ready' && (known?.state === 'ready' || (state === 'failed' && !(known?.state === 'failed' && known.reason === reason)));
    });
    if (faults.length > 0) throw new SwapRefused(faults.map((component) => `component ${logName(component)}: ${component.reason ?? component.state}`).join('; '), faults);
  }

  /** From here on calls wait, until the next life has them or the old one has them again. */
  async #handOver(old: BlockLife, next: BlockLife, init: BlockInit): Promise<void> {
    const { drainMs, handoverMs } = this.#options;
    const { seating } = this.#regent;
    await ask(old.calls, Control.PAUSE, PAUSE_FOR_SUCCESSOR, drainMs).catch((cause: unknown) => {
      if (old.calls.over) throw new SwapRefused('the present life ended meanwhile');
      this.#options.log.warn({}, `the ${this.#options.name} block is replaced before it has finished what it had taken in: ${messageOf(cause)}`);
    });
    let step = 'the present life might still be sent calls';
    try {
      await seating.suspend(handoverMs);
      step = 'the present life does not say what it has';
      await seating.atRest(REST_MS);
      const pieces = new Handed(next.calls);
      this.#handed = { by: old, pieces };
      await ask(old.calls, Control.HANDOVER, undefined, handoverMs);
      this.#handed = undefined;
      this.#regent.depose(old, true);
      step = 'the next life does not take it';
      await pieces.arrived(handoverMs);
      step = 'the next life does not take over';
      await next.activate(this.#regent.inheritance(), handoverMs);
      const { present } = this.#regent; // from here on the next life has all there was, so the old one may even have died
      if (next.calls.over || (present !== undefined && present !== old)) throw new Error('it ended, or another one took over meanwhile');
      this.#regent.crown(next, init);
    } catch (cause) {
      this.#handed = undefined;
      this.#regent.depose(old, false);
      await ask(old.calls, Control.RESUME, undefined, handoverMs).catch(() => undefined); // it is over: its end is noticed elsewhere
      seating.resume();
      throw new SwapRefused(`it could not be handed over, because ${step}: ${messageOf(cause)}`, [], cause);
    }
  }

  /** A life that has no calls any more, nor calls of its own to the application, or has had its time, closes. */
  async #retire(old: BlockLife): Promise<void> {
    await this.#until(() => old.calls.inFlight + old.calls.serving + this.#regent.seating.remaining(old) <= 0 || this.#regent.stopping);
    await old.close();
  }

  /** Or until it has had its time. */
  async #until(drained: () => boolean): Promise<void> {
    const untilMs = performance.now() + this.#options.drainMs;
    while (!drained() && performance.now() < untilMs) await sleep(DRAIN_TICK_MS);
  }
}
