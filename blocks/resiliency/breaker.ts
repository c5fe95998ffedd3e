// A circuit breaker: counts what becomes of calls, refuses them while too much fails, and lets a few through after a while to
// find out whether it got better (contract: resiliency, execution; the counting is that of Go's gobreaker, which daprd uses).
//
// A library for it would have served but for this: cockatiel has a half-open breaker hold further calls until its one test has
// ended, where here they are refused at once and `maxRequests` may run; and its counts can't be asked for by an expression.
import type { BreakerPolicy } from '../../proto/resiliency.ts';

export type BreakerState = 'closed' | 'half-open' | 'open';

/** Of the calls since the state changed last, or since the last interval began. */
export interface Counts {
  readonly requests: number;
  readonly totalSuccesses: number;
  readonly totalFailures: number;
  readonly consecutiveSuccesses: number;
  readonly consecutiveFailures: number;
}

/** A call that was let in; it is reported back by one of the breaker's functions, once. Opaque. */
export type Permit = number;

/** Why a call was not made. */
export class BreakerRefusal extends Error {
  override readonly name = 'BreakerRefusal';
}

const NONE: Counts = { requests: 0, totalSuccesses: 0, totalFailures: 0, consecutiveSuccesses: 0, consecutiveFailures: 0 };

/** @param Who is told apart in what `changed` hears: whose call it was. */
export class Breaker<Who = void> {
  readonly #policy: Pick<BreakerPolicy, 'maxRequests' | 'intervalMs' | 'timeoutMs'>;
  readonly #trips: (counts: Counts) => boolean;
  readonly #changed: (from: BreakerState, to: BreakerState, who: Who) => void;
  readonly #nowMs: () => number;
  #state: BreakerState = 'closed';
  #counts = NONE;
  /** Goes up whenever counting starts over: what was let in before that counts no more. */
  #generation = 0;
  /** When the state ends by itself, or the interval; undefined: never. */
  #expiryMs: number | undefined;

  /**
   * @param trips whether a closed breaker with these counts opens; asked after each failure
   * @param nowMs a monotonic clock
   */
  constructor(
    policy: Pick<BreakerPolicy, 'maxRequests' | 'intervalMs' | 'timeoutMs'>, trips: (counts: Counts) => boolean,
    changed: (from: BreakerState, to: BreakerState, who: Who) => void, nowMs: () => number = () => performance.now(),
  ) {
    this.#policy = policy;
    this.#trips = trips;
    this.#changed = changed;
    this.#nowMs = nowMs;
    this.#startOver();
  }

  /** As it is now: an open breaker becomes half-open when somebody looks. */
  state(who: Who): BreakerState {
    this.#advance(who);
    return this.#state;
  }

  /** A call is about to be made. @throws BreakerRefusal when it must not be */
  enter(who: Who): Permit {
    this.#advance(who);
    if (this.#state === 'open') throw new BreakerRefusal('circuit breaker is open');
    if (this.#state === 'half-open' && this.#counts.requests >= this.#policy.maxRequests) throw new BreakerRefusal('too many requests');
    this.#counts = { ...this.#counts, requests: this.#counts.requests + 1 };
    return this.#generation;
  }

  succeeded(permit: Permit, who: Who): void {
    if (!this.#counting(permit, who)) return;
    const { totalSuccesses, consecutiveSuccesses } = this.#counts;
    this.#counts = { ...this.#counts, totalSuccesses: totalSuccesses + 1, consecutiveSuccesses: consecutiveSuccesses + 1, consecutiveFailures: 0 };
    if (this.#state === 'half-open' && this.#counts.consecutiveSuccesses >= this.#policy.maxRequests) this.#become('closed', who);
  }

  failed(permit: Permit, who: Who): void {
    if (!this.#counting(permit, who)) return;
    if (this.#state === 'half-open') return this.#become('open', who);
    const { totalFailures, consecutiveFailures } = this.#counts;
    this.#counts = { ...this.#counts, totalFailures: totalFailures + 1, consecutiveFailures: consecutiveFailures + 1, consecutiveSuccesses: 0 };
    if (this.#trips(this.#counts)) this.#become('open', who);
  }

  /** The call was not made after all: its place is free again. */
  abandoned(permit: Permit, who: Who): void {
    if (this.#counting(permit, who)) this.#counts = { ...this.#counts, requests: this.#counts.requests - 1 };
  }

  #counting(permit: Permit, who: Who): boolean {
    this.#advance(who);
    return permit === this.#generation;
  }

  /** What time has done. */
  #advance(who: Who): void {
    if (this.#expiryMs === undefined || this.#nowMs() <= this.#expiryMs) return;
    if (this.#state === 'open') this.#become('half-open', who);
    else this.#startOver();
  }

  #become(state: BreakerState, who: Who): void {
    const from = this.#state;
    this.#state = state;
    this.#startOver();
    this.#changed(from, state, who);
  }

  #startOver(): void {
    this.#generation++;
    this.#counts = NONE;
    const { intervalMs, timeoutMs } = this.#policy;
    if (this.#state === 'open') this.#expiryMs = this.#nowMs() + timeoutMs;
    else this.#expiryMs = this.#state === 'closed' && intervalMs > 0 ? this.#nowMs() + intervalMs : undefined;
  }
}
