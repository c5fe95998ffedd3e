// How long a retry policy waits before each retry of one operation, and when it has had enough (contract: resiliency, policies).
import type { RetryPolicy } from '../../proto/resiliency.ts';

/** Of `exponential`: the first pause, what the next one is times, and the share in either direction that chance decides. */
const FIRST_MS = 500;
const FACTOR = 1.5;
const JITTER = 0.5;

export interface Chance {
  /** A monotonic clock. */
  readonly nowMs: () => number;
  /** From 0 to less than 1. */
  readonly random: () => number;
}

export class Pauses {
  readonly #policy: RetryPolicy;
  readonly #chance: Chance;
  readonly #beganMs: number;
  #retries = 0;
  #currentMs = FIRST_MS;

  /** @param beganMs when the first attempt began, by the clock of `chance` */
  constructor(policy: RetryPolicy, beganMs: number, chance: Chance) {
    this.#policy = policy;
    this.#beganMs = beganMs;
    this.#chance = chance;
  }

  /** Milliseconds until the next attempt; undefined: there is none. */
  next(): number | undefined {
    const { policy, maxRetries, durationMs } = this.#policy;
    if (maxRetries >= 0 && this.#retries >= maxRetries) return undefined;
    this.#retries++;
    return policy === 'constant' ? Math.max(0, durationMs) : this.#exponential();
  }

  #exponential(): number | undefined {
    const { maxIntervalMs, maxElapsedMs } = this.#policy;
    const pauseMs = this.#currentMs * (1 - JITTER + 2 * JITTER * this.#chance.random()); // chance may exceed the longest pause
    this.#currentMs = Math.max(0, Math.min(this.#currentMs * FACTOR, maxIntervalMs));
    return this.#chance.nowMs() - this.#beganMs + pauseMs > maxElapsedMs ? undefined : pauseMs;
  }
}
