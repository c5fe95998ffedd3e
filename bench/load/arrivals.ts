// When the calls of an open loop are due. They come whether or not those before them were answered: a client that waits for an
// answer before it asks again falls silent just while the server stalls, and counts one slow call where users had a hundred
// (coordinated omission).
import { Random } from '../../test/linearizability/random.ts';

/** `random`: as of many users who know nothing of each other. `even`: one after the same time as the other. */
export type Spacing = 'random' | 'even';

export interface Arrivals {
  readonly perSecond: number;
  readonly spacing: Spacing;
  /** The same one, the same times. */
  readonly seed: number;
}

/** Times in milliseconds, one after the other, without an end. */
export class Schedule {
  readonly #pauseMs: number;
  readonly #random: Random | undefined;
  /** The time that is due next. */
  nextMs: number;

  constructor({ perSecond, spacing, seed }: Arrivals, startMs: number) {
    if (!(perSecond > 0)) throw new RangeError(`${perSecond} calls a second: there must be some`);
    this.#pauseMs = 1_000 / perSecond;
    this.#random = spacing === 'random' ? new Random(seed) : undefined;
    this.nextMs = startMs + this.#pause();
  }

  /** @returns the time that was due next */
  take(): number {
    const due = this.nextMs;
    this.nextMs += this.#pause();
    return due;
  }

  #pause(): number {
    return this.#random === undefined ? this.#pauseMs : -Math.log(1 - this.#random.next()) * this.#pauseMs;
  }
}
