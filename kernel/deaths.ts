// The ends of a compartment's lives: how the last one came, how many of each kind there were, and how long to wait before the
// next beginning.
import type { Death } from './child-info.ts';
import type { EndCause, Ending } from './life.ts';

export interface RestartRules {
  /** More ends than this within `periodMs`: the block counts as failed. */
  readonly intensity: number;
  readonly periodMs: number;
  /** From the second restart on: full jitter between 0 and a bound that doubles from the first to the second value. */
  readonly backoffMs: readonly [min: number, max: number];
  /** A life that was ready for this long clears the backoff. */
  readonly calmMs: number;
}

/** What follows an end. */
export interface Pause {
  readonly pauseMs: number;
  /** More ends than the rules allow; then how many. */
  readonly failed: number | undefined;
}

/** How often it is told that somebody still can't be reached. */
const TELL_AGAIN_MS = 30_000;

export class Deaths {
  readonly #rules: RestartRules;
  readonly #counts: Partial<Record<EndCause, number>> = {};
  /** Recent ends, on the monotonic clock. */
  readonly #recent: number[] = [];
  #attempt = 0;
  #last: Death | undefined;
  /** When one was told in the log, on the monotonic clock. */
  #toldMs = -Infinity;

  constructor(rules: RestartRules) {
    this.#rules = rules;
  }

  /** The last one that nobody wanted. */
  get last(): Death | undefined {
    return this.#last;
  }
  /** Ends by cause. */
  get counts(): Readonly<Partial<Record<EndCause, number>>> {
    return { ...this.#counts };
  }

  count(cause: EndCause): void {
    this.#counts[cause] = (this.#counts[cause] ?? 0) + 1;
  }

  /** What can't be reached is tried often, and in vain for the same reason: that is told now and then. To be asked before `record`. */
  isOldNews({ cause, reason }: Ending): boolean {
    const now = performance.now();
    if (cause === 'launch' && reason === this.#last?.reason && now - this.#toldMs < TELL_AGAIN_MS) return true;
    this.#toldMs = now;
    return false;
  }

  /** An end that nobody wanted. */
  record(life: number, { cause, reason, signal, code, lastError, inFlight }: Ending): void {
    this.#last = {
      life, at: new Date().toISOString(), cause, reason, ...(signal === undefined ? {} : { signal }), ...(code === undefined ? {} : { code }), lastError, inFlight,
    };
    const now = performance.now();
    this.#recent.push(now);
    while (this.#recent[0] !== undefined && this.#recent[0] < now - this.#rules.periodMs) this.#recent.shift();
  }

  /** @param readySinceMs since when the life that ended was ready, on the monotonic clock; Infinity: it never was */
  pause(readySinceMs: number): Pause {
    const { intensity, backoffMs: [min, max], calmMs } = this.#rules;
    if (performance.now() - readySinceMs > calmMs) this.#attempt = 0;
    if (this.#recent.length > intensity) return { pauseMs: max / 2 + Math.random() * (max / 2), failed: this.#recent.length };
    const attempt = this.#attempt++;
    // What ended a life that was well is rarely there still: the first restart is at once.
    return { pauseMs: attempt === 0 ? 0 : Math.random() * Math.min(max, min * 2 ** (attempt - 1)), failed: undefined };
  }
}

/** What a log line says of an end. */
export function describe({ reason, lastError, inFlight }: Ending): string {
  const line = lastError.split('\n', 1)[0] ?? '';
  const said = line === '' || reason.includes(line) ? '' : `; it said: ${line}`;
  const flights = inFlight.length === 0 ? '' : `; in flight: ${inFlight.join(', ')}`;
  return `${reason}${said}${flights}`;
}
