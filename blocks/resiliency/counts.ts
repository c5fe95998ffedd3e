// What is counted of a component's policies (contract: metrics endpoint, resiliency_*). A series is found when it is first
// counted, and kept.
import type { PolicySet } from '../../proto/resiliency.ts';
import type { Gauge, Meter } from '../meter.ts';
import type { BreakerState } from './breaker.ts';

export type Direction = 'inbound' | 'outbound';
type Kind = 'timeout' | 'retry' | 'circuitbreaker';

const STATES = ['closed', 'half-open', 'open', 'unknown'] as const;
/** Timeouts and retries have none. */
const NO_STATUS = '';

/** Of one direction of one component. */
export class GuardCounts {
  readonly #executed: readonly (() => void)[];
  /** An attempt of an operation was the first one that took too long. */
  readonly timedOut: () => void;
  /** An operation is retried, for the first time. */
  readonly retried: () => void;
  /** By the breaker's state. */
  readonly #entered: ReadonlyMap<string, () => void>;
  readonly #became: ReadonlyMap<string, () => void>;
  readonly #states: ReadonlyMap<string, Gauge>;

  /** @param target as in proto/resiliency.ts */
  constructor(meter: Meter, direction: Direction, target: string, { resource: { name, namespace }, timeoutMs, retry }: PolicySet, hasBreaker: boolean) {
    const labels = (kind: Kind, status: string) => [direction, name, namespace, kind, status, target] as const;
    const counting = (measure: string, kind: Kind, status = NO_STATUS) => lazily(() => meter.counter(measure, ...labels(kind, status)));
    const byState = <T>(make: (state: string) => T): Map<string, T> => new Map(hasBreaker ? STATES.map((state) => [state, make(state)]) : []);
    this.#executed = [...(timeoutMs === undefined ? [] : [counting('resiliency_count', 'timeout')]), ...(retry === undefined ? [] : [counting('resiliency_count', 'retry')])];
    this.timedOut = counting('resiliency_activations_total', 'timeout');
    this.retried = counting('resiliency_activations_total', 'retry');
    this.#entered = byState((state) => counting('resiliency_count', 'circuitbreaker', state));
    this.#became = byState((state) => counting('resiliency_activations_total', 'circuitbreaker', state));
    this.#states = byState((state) => meter.gauge('resiliency_cb_state', ...labels('circuitbreaker', state)));
    this.breakerIs('closed');
  }

  /** An operation begins. */
  executed(breaker: BreakerState | undefined): void {
    for (const count of this.#executed) count();
    if (breaker !== undefined) this.#entered.get(breaker)?.();
  }

  /** A call in this direction has changed the breaker's state. */
  breakerBecame(state: BreakerState): void {
    this.#became.get(state)?.();
  }

  /** One of the states is 1, the others are 0. */
  breakerIs(state: BreakerState): void {
    for (const [name, gauge] of this.#states) gauge.set(name === state ? 1 : 0);
  }
}

function lazily(find: () => ReturnType<Meter['counter']>): () => void {
  let counter: ReturnType<Meter['counter']> | undefined;
  return () => (counter ??= find()).add(1);
}
