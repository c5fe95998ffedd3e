// What each life of a block has to know of the world as it is now: whether the application is there, and that nothing more
// is to be taken in. The present life is told of changes, each next one of what it finds.
import type { Calls } from '../ipc/calls.ts';
import { Control, type AppState } from '../proto/control.ts';
import { messageOf } from '../proto/errors.ts';
import type { Log } from '../proto/log.ts';
import { ask } from './ask.ts';

export interface NewsOptions {
  readonly block: string;
  /** How long the block may take to do what follows from the application's coming or going. */
  readonly appMs: number;
  readonly log: Log;
  /** `appMet` changed. */
  readonly changed: () => void;
}

export class News {
  readonly #options: NewsOptions;
  /** The latest life that has answered `init`. */
  #calls: Calls | undefined;
  #appState: AppState = 'down';
  #appMet = false;
  /** When a pause must be over, on the monotonic clock; undefined: not paused. */
  #pausedUntilMs: number | undefined;
  /** Ends what follows from the application's being there: a shutdown must not wait for it. */
  readonly #paused = new AbortController();

  constructor(options: NewsOptions) {
    this.#options = options;
  }

  /** True once a life has done what follows from the application's being there, or has tried. */
  get appMet(): boolean {
    return this.#appMet;
  }

  /** Nobody has to wait for what the application's being there brings about: there is no life, and perhaps none will be. */
  excuse(): void {
    this.#appMet = true;
  }

  /** A life has answered `init`. */
  attach(calls: Calls): void {
    this.#calls = calls;
    if (this.#pausedUntilMs !== undefined) void this.#tellPause(calls);
    else if (this.#appState === 'up') void this.#tellApp(calls);
  }

  appChanged(state: AppState): void {
    this.#appState = state;
    if (this.#calls !== undefined && this.#pausedUntilMs === undefined) void this.#tellApp(this.#calls);
  }

  /** Never rejects; what goes wrong is logged. @param deadlineMs a duration; 0 for none. */
  async pause(deadlineMs: number): Promise<void> {
    this.#pausedUntilMs = deadlineMs > 0 ? performance.now() + deadlineMs : Infinity;
    this.#paused.abort();
    if (this.#calls !== undefined) await this.#tellPause(this.#calls);
  }

  async #tellApp(calls: Calls): Promise<void> {
    const { block, appMs, log, changed } = this.#options;
    const state = this.#appState;
    try {
      await ask(calls, Control.APP_STATE, state, appMs, this.#paused.signal);
    } catch (cause) {
      if (calls.over || this.#paused.signal.aborted) return; // the next life is told, too; or nobody is, any more
      log.warn({}, `the ${block} block was told that the application is ${state} and has not done all that follows: ${messageOf(cause)}`);
    }
    if (state !== 'up' || this.#appMet) return;
    this.#appMet = true;
    changed();
  }

  async #tellPause(calls: Calls): Promise<void> {
    const leftMs = (this.#pausedUntilMs ?? 0) - performance.now();
    try {
      await ask(calls, Control.PAUSE, undefined, leftMs === Infinity ? 0 : Math.max(leftMs, 1));
    } catch (cause) {
      if (!calls.over) this.#options.log.warn({}, `the ${this.#options.block} block has not finished what it had taken in: ${messageOf(cause)}`);
    }
  }
}
