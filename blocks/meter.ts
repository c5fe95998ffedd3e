// Counting in a block: cheap enough for every call, and asked for by the kernel when somebody scrapes.

/** A series that is there; keep it, finding it costs a lookup. */
export interface Counter {
  add(amount: number): void;
}
export interface Gauge {
  set(value: number): void;
}
export interface Histogram {
  /** @param value in the unit of the measure: milliseconds for latencies. */
  observe(value: number): void;
}

/** Names are rows of proto/measures.ts; label values come in that row's order. */
export interface Meter {
  counter(name: string, ...labels: readonly string[]): Counter;
  gauge(name: string, ...labels: readonly string[]): Gauge;
  histogram(name: string, ...labels: readonly string[]): Histogram;
}

const NOTHING = { add: (): void => {}, set: (): void => {}, observe: (): void => {} };

/** Counts nothing. */
export const NO_METER: Meter = { counter: () => NOTHING, gauge: () => NOTHING, histogram: () => NOTHING };
