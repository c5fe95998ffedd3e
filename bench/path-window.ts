// What the two processes of bench/path.ts say to each other.

export const OPERATIONS = ['get', 'set', 'bulk get'] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface Window {
  readonly operation: Operation;
  /** Of a value. */
  readonly bytes: number;
  /** Calls in flight. */
  readonly depth: number;
  readonly ms: number;
}

export interface WindowReport {
  readonly calls: number;
  readonly seconds: number;
  /** Of the caller, and of the block where it has a process of its own. */
  readonly callerMicros: number;
  readonly blockMicros: number;
  readonly switches: number;
  /** Microseconds; only of one call at a time. */
  readonly p50Us: number | undefined;
  readonly p99Us: number | undefined;
}
