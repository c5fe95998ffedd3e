// Sees whether a life still does anything. A block that has work is asked for a sign of life several times within the time it
// may be deaf; an idle one every ten seconds. The sign is a word in shared memory, so it costs the block one turn of its event
// loop and the kernel nothing; a driver that waits for its backend gives it, one that never returns does not.
import type { Calls } from '../ipc/calls.ts';
import { Control } from '../proto/control.ts';
import { ask } from './ask.ts';

/** Where signs of life are seen. */
export interface Pulse {
  /** Another number than before: it has turned its event loop since. */
  readonly beats: number;
  /** Asks for a sign. */
  nudge(): void;
}

export interface WatchOptions {
  readonly pulse: Pulse;
  /** Longest silence in milliseconds; 0: any. */
  readonly hangMs: number;
  /** Longest silence before the first sign: code is loaded, on a machine that may be busy. */
  readonly startMs: number;
  /** Whether the life owes anything to anybody. */
  readonly isBusy: () => boolean;
  /** It was asked and has been silent for so long. Runs once. */
  readonly onHang: (silentMs: number) => void;
  /** What else is to be looked at: often while there is work, rarely else. */
  readonly onLook: () => void;
}

/** Between two looks at an idle life. */
const IDLE_LOOK_MS = 10_000;
/** Between two looks at a busy one: at most this, and so often within `hangMs`. */
const LONGEST_TICK_MS = 500;
const SHORTEST_TICK_MS = 20;
const TICKS = 6;

export class Watch {
  readonly #options: WatchOptions;
  readonly #tickMs: number;
  #ticker: NodeJS.Timeout | undefined;
  readonly #idle: NodeJS.Timeout;
  #seen: number;
  /** It has given a sign before. */
  #begun = false;
  /** When it was asked and has not answered, on the monotonic clock. */
  #askedMs: number | undefined;
  #tickedMs = 0;
  #over = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#seen = options.pulse.beats;
    this.#tickMs = Math.max(SHORTEST_TICK_MS, Math.min(LONGEST_TICK_MS, options.hangMs / TICKS || LONGEST_TICK_MS));
    this.#idle = setInterval(() => this.#tick(), IDLE_LOOK_MS).unref();
  }

  /** The life has something to do. Cheap: it is called for each call. */
  wake(): void {
    if (this.#ticker !== undefined || this.#over) return;
    this.#tickedMs = performance.now();
    this.#ticker = setInterval(() => this.#tick(), this.#tickMs).unref();
  }

  /** It has answered, in whatever way: it has turned its event loop. */
  began(): void {
    this.#begun = true;
  }

  stop(): void {
    this.#over = true;
    clearInterval(this.#ticker);
    clearInterval(this.#idle);
  }

  #tick(): void {
    const { pulse, hangMs, startMs, isBusy, onHang, onLook } = this.#options;
    const now = performance.now();
    // A kernel that was held up itself, or a machine that slept, has seen nothing of the life meanwhile: it gets its time again.
    if (this.#askedMs !== undefined && this.#ticker !== undefined && now - this.#tickedMs > 2 * this.#tickMs) this.#askedMs = now;
    this.#tickedMs = now;
    const { beats } = pulse;
    if (beats !== this.#seen) {
      this.#seen = beats;
      this.#begun = true;
      this.#askedMs = undefined;
    }
    if (this.#askedMs === undefined) {
      if (this.#ticker !== undefined && !isBusy()) {
        clearInterval(this.#ticker);
        this.#ticker = undefined;
        return onLook(); // a life that is never busy for long may grow all the same
      }
      this.#askedMs = now;
      pulse.nudge();
      if (this.#ticker === undefined) this.wake(); // somebody has to hear the answer
    } else if (hangMs > 0 && now - this.#askedMs > (this.#begun ? hangMs : Math.max(hangMs, startMs))) {
      this.stop();
      return onHang(now - this.#askedMs);
    }
    onLook();
  }
}

/** A pulse where no memory is shared: a call that the block answers from its event loop. */
export function pingPulse(calls: Calls, timeoutMs: number): Pulse & { readonly underWay: number } {
  let beats = 0;
  let underWay = 0;
  return {
    get beats() {
      return beats;
    },
    /** Pings without an answer: they are no work. */
    get underWay() {
      return underWay;
    },
    nudge: () => {
      underWay++;
      ask(calls, Control.PING, undefined, timeoutMs).then(() => beats++, () => undefined).finally(() => underWay--);
    },
  };
}
