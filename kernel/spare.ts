// A second life of a block that waits to take over: started, its components open, and told nothing of the application.
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../proto/errors.ts';
import type { Log } from '../proto/log.ts';
import type { BlockLife, Ending } from './life.ts';

export interface SpareOptions {
  /** The compartment's. */
  readonly name: string;
  readonly log: Log;
  /** Starts one. Undefined: not now. @throws Error where it can't be launched */
  readonly launch: () => BlockLife | undefined;
  readonly signal: AbortSignal;
}

/** One that keeps ending is tried again at this pace. */
const AGAIN_MS = 1_000;

export class Spare {
  readonly #options: SpareOptions;
  #life: BlockLife | undefined;
  #ready = false;

  constructor(options: SpareOptions) {
    this.#options = options;
  }

  get state(): 'starting' | 'ready' | undefined {
    if (this.#life === undefined) return undefined;
    return this.#ready ? 'ready' : 'starting';
  }

  /** Starts one if there is none. */
  keep(): void {
    if (this.#life !== undefined || this.#options.signal.aborted) return;
    let life: BlockLife | undefined;
    try {
      life = this.#options.launch();
    } catch (cause) {
      this.#options.log.warn({}, `the spare of the ${this.#options.name} block could not be started: ${messageOf(cause)}`);
      void this.#again();
      return;
    }
    this.#life = life;
    this.#ready = false;
    void life?.tried.then(() => {
      if (this.#life === life) this.#ready = true;
    });
  }

  /** It takes over, if it is ready; from then on it is no spare. */
  take(): BlockLife | undefined {
    return this.#ready ? this.#let() : undefined;
  }

  /** What it was told is out of date. */
  drop(): void {
    this.#let()?.kill('closed', '');
  }

  /** A life has ended. True: it was this one. */
  ended(life: BlockLife, { cause, reason }: Ending): boolean {
    if (life !== this.#life) return false;
    this.#let();
    const { name, log, signal } = this.#options;
    if (cause !== 'closed' && !signal.aborted) log.warn({}, `the spare of the ${name} block ended: ${reason}`);
    void this.#again();
    return true;
  }

  #let(): BlockLife | undefined {
    const life = this.#life;
    this.#life = undefined;
    this.#ready = false;
    return life;
  }

  async #again(): Promise<void> {
    await sleep(AGAIN_MS, undefined, { signal: this.#options.signal }).catch(() => {}); // stopping: `keep` does nothing
    this.keep();
  }
}
