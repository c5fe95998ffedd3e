// Keeps one subscription alive: starts it, tries again for ever when that fails, and starts it anew when it ended.
import { messageOf } from '../../../proto/errors.ts';
import type { Complaints } from './log-limit.ts';

/** Something that runs until it ends or is closed. */
export interface Running {
  readonly whenEnded: Promise<Error>;
  close(graceMs: number): Promise<void>;
}

/** Starts one run. Throws `NotYet` or `Never` where trying again by the clock is pointless. */
export type Start = (signal: AbortSignal) => Promise<Running>;

/** What it needs is not there: to be tried again when that has changed. */
export class NotYet extends Error {}
/** It is wrong in itself: no try mends it. */
export class Never extends Error {}

/** Pauses between tries, with jitter: they double from the first to the second of these. Milliseconds. */
const BACKOFF_MS = { min: 100, max: 30_000 } as const;
/** After a run of this length earlier failures are forgotten. */
const CALM_MS = 30_000;
/** How long deliveries of a run that ended may still take. Their messages are the broker's again. */
const LEAVE_MS = 30_000;

export class Keeper {
  /** Settles when the first try is over: it runs, it failed, or it was stopped. */
  readonly tried: Promise<void>;
  readonly #start: Start;
  readonly #complaints: Complaints;
  readonly #stopping = new AbortController();
  /** Runs that end by themselves may still have deliveries under way. */
  readonly #leaving = new Set<Running>();
  #running: Running | undefined;
  #firstTryOver!: () => void;
  #wake: (() => void) | undefined;
  #nudges = 0;

  constructor(start: Start, complaints: Complaints) {
    this.#start = start;
    this.#complaints = complaints;
    this.tried = new Promise((resolve) => (this.#firstTryOver = resolve));
    void this.#keep();
  }

  /** What it waits for may be there now. */
  nudge(): void {
    this.#nudges++;
    this.#wake?.();
  }

  /** Starts nothing more and closes what runs. May be called again, with less patience. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort(new Error('the subscription was stopped'));
    this.#firstTryOver();
    const running = this.#running === undefined ? [...this.#leaving] : [this.#running, ...this.#leaving];
    await Promise.all(running.map((run) => run.close(graceMs)));
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stopping;
    for (let bound: number = BACKOFF_MS.min; !signal.aborted;) {
      const nudges = this.#nudges;
      let run: Running;
      try {
        run = await this.#start(signal);
      } catch (cause) {
        this.#firstTryOver();
        if (signal.aborted) return;
        if (cause instanceof NotYet) {
          if (this.#nudges === nudges) await this.#sleep(Infinity);
          continue;
        }
        if (cause instanceof Never) return this.#complaints.error(`the subscription is not started: ${cause.message}`);
        this.#complaints.error(`the subscription can't be started, trying again: ${messageOf(cause)}`);
        await this.#sleep(bound);
        bound = Math.min(bound * 2, BACKOFF_MS.max);
        continue;
      }
      if (signal.aborted) return run.close(0);
      this.#running = run;
      this.#firstTryOver();
      this.#complaints.over('the subscription runs again');
      const since = performance.now();
      const cause = await Promise.race([run.whenEnded, stopped(signal)]);
      if (cause === undefined) return;
      this.#running = undefined;
      this.#leave(run);
      if (performance.now() - since >= CALM_MS) {
        bound = BACKOFF_MS.min;
        this.#complaints.forget();
      }
      this.#complaints.error(`the subscription ended and is started again: ${cause.message}`);
      await this.#sleep(bound);
      bound = Math.min(bound * 2, BACKOFF_MS.max);
    }
  }

  #leave(run: Running): void {
    this.#leaving.add(run);
    void run.close(LEAVE_MS).finally(() => this.#leaving.delete(run));
  }

  /** Until the time is over, or what may end it happens: somebody nudges a wait without an end, or all is stopped. */
  #sleep(boundMs: number): Promise<void> {
    const { signal } = this.#stopping;
    return new Promise((resolve) => {
      const timer = boundMs === Infinity ? undefined : setTimeout(() => done(), boundMs / 2 + Math.random() * (boundMs / 2));
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      if (boundMs === Infinity) this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

function stopped(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
}
