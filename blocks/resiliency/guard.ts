// Calls under the policies of one component in one direction; from the inside out: a timeout for each attempt, the circuit
// breaker, retries (contract: resiliency, execution). What answers at once still does.
//
// Retries are our own. cockatiel's can't be ended while they pause, so that a block that closes would wait for them or leave them
// behind; they say nothing of one operation apart from another, and know no longest time.
import { formatDurationMs } from '../../proto/duration.ts';
import { messageOf } from '../../proto/errors.ts';
import type { PolicySet } from '../../proto/resiliency.ts';
import type { CallScope, Logger } from '../block.ts';
import type { Awaitable } from '../driver.ts';
import { AppFailure } from './app-failure.ts';
import { BreakerRefusal, type Breaker } from './breaker.ts';
import type { Direction, GuardCounts } from './counts.ts';
import { Deadline, DeadlineExceeded, MAX_TIMER_MS } from './deadline.ts';
import { isRetried } from './matching.ts';
import { Pauses, type Chance } from './pauses.ts';

export interface GuardParts {
  readonly direction: Direction;
  readonly policies: Pick<PolicySet, 'timeoutMs' | 'retry'>;
  /** Shared by all guards of the component. */
  readonly breaker: Breaker<Direction> | undefined;
  /** As logs name it: `component[orders] output`. */
  readonly operation: string;
  /** An error that is a backend's answer: it works, and said no. It is no failure to the breaker, and is not retried. */
  readonly isAnswer: (cause: unknown) => boolean;
  readonly counts: GuardCounts;
  readonly log: Logger;
  /** For tests; default: the system's. */
  readonly chance?: Chance;
}

const SYSTEM: Chance = { nowMs: () => performance.now(), random: Math.random };

export class Guard {
  readonly #parts: GuardParts;
  /** What ends the pauses of operations that wait for a retry. */
  readonly #pausing = new Set<() => void>();
  #closed = false;

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  /** True: a failed attempt need not be the last. */
  get retries(): boolean {
    return this.#parts.policies.retry !== undefined;
  }

  /** Another one with the same policies and the same breaker, closed by itself. */
  fork(): Guard {
    return new Guard(this.#parts);
  }

  /**
   * Runs attempts until one succeeds or nothing may be tried any more.
   * @throws what the last attempt threw; BreakerRefusal or DeadlineExceeded, whose texts are for clients
   */
  run<T>(scope: CallScope, attempt: (scope: CallScope) => Awaitable<T>): Awaitable<T> {
    const { retry } = this.#parts.policies;
    if (retry === undefined) return this.once(scope, attempt);
    const operation: Operation<T> = { scope, attempt, beganMs: this.#chance.nowMs(), hasTimedOut: false };
    let result: Awaitable<T>;
    try {
      this.#begin();
      result = this.#attempt(operation);
    } catch (cause) {
      return this.#again(operation, cause);
    }
    return result instanceof Promise ? result.catch((cause: unknown) => this.#again(operation, cause)) : result;
  }

  /** One attempt, whatever the policy for retries is. */
  once<T>(scope: CallScope, attempt: (scope: CallScope) => Awaitable<T>): Awaitable<T> {
    this.#begin();
    return this.#attempt({ scope, attempt, beganMs: 0, hasTimedOut: false });
  }

  /** Nothing is retried any more; operations that wait for a retry end with what they failed with. */
  close(): void {
    this.#closed = true;
    for (const end of [...this.#pausing]) end();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get #chance(): Chance {
    return this.#parts.chance ?? SYSTEM;
  }

  #begin(): void {
    const { counts, breaker, direction } = this.#parts;
    counts.executed(breaker?.state(direction));
  }

  #attempt<T>(operation: Operation<T>): Awaitable<T> {
    const { breaker, direction } = this.#parts;
    if (breaker === undefined) return this.#timed(operation);
    const permit = breaker.enter(direction);
    const failed = (cause: unknown): never => {
      if (cause instanceof AppFailure && cause.unasked) breaker.abandoned(permit, direction);
      else if (this.#parts.isAnswer(cause)) breaker.succeeded(permit, direction);
      else breaker.failed(permit, direction);
      throw cause;
    };
    let result: Awaitable<T>;
    try {
      result = this.#timed(operation);
    } catch (cause) {
      return failed(cause);
    }
    if (result instanceof Promise) {
      return result.then((value) => {
        breaker.succeeded(permit, direction);
        return value;
      }, failed);
    }
    breaker.succeeded(permit, direction);
    return result;
  }

  #timed<T>(operation: Operation<T>): Awaitable<T> {
    const { scope, attempt } = operation;
    const { policies: { timeoutMs }, counts } = this.#parts;
    if (timeoutMs === undefined) return attempt(scope);
    const deadline = new Deadline(scope, timeoutMs);
    let result: Awaitable<T>;
    try {
      result = attempt(deadline);
    } catch (cause) {
      deadline.end();
      throw cause;
    }
    if (!(result instanceof Promise)) {
      deadline.end();
      return result;
    }
    return deadline.race(result).catch((cause: unknown) => {
      if (cause instanceof DeadlineExceeded && !operation.hasTimedOut) {
        operation.hasTimedOut = true;
        counts.timedOut();
      }
      throw cause;
    });
  }

  async #again<T>(operation: Operation<T>, cause: unknown): Promise<T> {
    const { policies: { retry }, operation: name, counts, log } = this.#parts;
    const pauses = new Pauses(retry!, operation.beganMs, this.#chance);
    for (let attempts = 1, last = cause; ; attempts++) {
      const pauseMs = this.#isRetried(operation, last) ? pauses.next() : undefined;
      if (pauseMs === undefined) throw last;
      if (attempts === 1) {
        counts.retried();
        log.info({}, `Error processing operation ${name}. Retrying in ${formatDurationMs(pauseMs)}…`);
        log.debug({}, `Error for operation ${name} was: ${messageOf(last)}`);
      }
      if (!(await this.#pause(pauseMs, operation.scope.signal))) throw last;
      try {
        const result = await this.#attempt(operation);
        log.info({}, `Recovered processing operation ${name} after ${attempts + 1} attempts`);
        return result;
      } catch (failure) {
        last = failure;
      }
    }
  }

  #isRetried({ scope }: Operation<unknown>, cause: unknown): boolean {
    if (this.#closed || cause instanceof BreakerRefusal || scope.signal.aborted || this.#parts.isAnswer(cause)) return false;
    if (!(cause instanceof AppFailure)) return true; // nothing else carries a code
    return !cause.unasked && isRetried(this.#parts.policies.retry!, cause.code);
  }

  /** False: the guard was closed meanwhile, or the caller left. */
  #pause(pauseMs: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (mayGoOn: boolean): void => {
        clearTimeout(timer);
        this.#pausing.delete(stop);
        signal.removeEventListener('abort', stop);
        resolve(mayGoOn);
      };
      const stop = (): void => end(false);
      const timer = setTimeout(() => end(true), Math.min(pauseMs, MAX_TIMER_MS));
      this.#pausing.add(stop);
      signal.addEventListener('abort', stop);
    });
  }
}

/** One call, however many attempts it takes. */
interface Operation<T> {
  readonly scope: CallScope;
  readonly attempt: (scope: CallScope) => Awaitable<T>;
  readonly beganMs: number;
  /** Said once of each operation. */
  hasTimedOut: boolean;
}
