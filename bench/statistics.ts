// The few statistics that benchmarks need. A median, because on a shared machine a mean tells about the neighbours.

export const median = (values: readonly number[]): number => percentile(Float64Array.from(values).sort(), 0.5);

/** `sorted` ascends; `share` is from 0 to 1. NaN for nothing. */
export const percentile = (sorted: ArrayLike<number>, share: number): number =>
  sorted.length === 0 ? NaN : (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number);
