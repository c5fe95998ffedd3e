// Resiliency policies as a block gets them: names resolved, defaults filled in, texts parsed (contract: resiliency). Flat data.

/** The policies for one component's driver, by the direction of the call. */
export interface ComponentResiliency {
  /** What metrics call the component: `Statestore_orders`. */
  readonly target: string;
  /** Calls of the driver: reads, writes, publishing. Absent: none applies. */
  readonly outbound?: PolicySet;
  /** What the component brings to the application: deliveries. Absent: none applies. */
  readonly inbound?: PolicySet;
}

/** What applies to one target; from the inside out: the timeout of each attempt, the circuit breaker, the retries. */
export interface PolicySet {
  /** Names of the Resiliency resource and of its namespace, for metrics. */
  readonly resource: { readonly name: string; readonly namespace: string };
  /** Of each attempt, in milliseconds; absent: none. */
  readonly timeoutMs?: number;
  readonly retry?: RetryPolicy;
  readonly breaker?: BreakerPolicy;
}

export interface RetryPolicy {
  readonly policy: 'constant' | 'exponential';
  /** The pause of `constant`. Milliseconds, as all here. */
  readonly durationMs: number;
  /** What the pauses of `exponential` grow to. */
  readonly maxIntervalMs: number;
  /** Nothing is retried later than this after the first attempt began, with `exponential`. */
  readonly maxElapsedMs: number;
  /** Retries after the first attempt; -1: no limit. */
  readonly maxRetries: number;
  /** Codes that are retried, as inclusive ranges; empty: all of that family are. */
  readonly httpStatusCodes: readonly CodeRange[];
  readonly grpcStatusCodes: readonly CodeRange[];
}

export type CodeRange = readonly [first: number, last: number];

export interface BreakerPolicy {
  /** The policy's name in its resource. */
  readonly name: string;
  /** Calls that a half-open breaker lets through, and successes in a row that close it. */
  readonly maxRequests: number;
  /** How often a closed breaker forgets its counts; 0: never. */
  readonly intervalMs: number;
  /** How long it stays open. */
  readonly timeoutMs: number;
  /** A CEL expression over the counts; when it is true, the breaker opens. */
  readonly trip: string;
}
