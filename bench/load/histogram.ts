// How many calls took how long, in buckets that grow with the time, so that windows can be added up: percentiles of medians mean
// nothing, and one window may be too short for the slowest call in a thousand.

/** Buckets of each doubling: a value is told to within 1/64 of itself. */
const STEPS = 64;

export class Histogram {
  /** By bucket. */
  readonly #counts = new Map<number, number>();
  #total = 0;

  /** @param pairs what another one told of itself */
  static of(...all: readonly (readonly number[])[]): Histogram {
    const histogram = new Histogram();
    for (const pairs of all) for (let i = 0; i + 1 < pairs.length; i += 2) histogram.#put(pairs[i] as number, pairs[i + 1] as number);
    return histogram;
  }

  get total(): number {
    return this.#total;
  }

  /** @param us not negative */
  add(us: number, count = 1): void {
    this.#put(bucketOf(us), count);
  }

  /** The middle of the bucket in which so large a share of all lies below or in; NaN for nothing. @param share from 0 to 1 */
  percentile(share: number): number {
    let left = this.#total * share;
    for (const bucket of [...this.#counts.keys()].sort((a, b) => a - b)) if ((left -= this.#counts.get(bucket) as number) < 0) return middleOf(bucket);
    return NaN;
  }

  /** Bucket, count, bucket, count, ... */
  pairs(): number[] {
    return [...this.#counts].sort(([a], [b]) => a - b).flat();
  }

  #put(bucket: number, count: number): void {
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count);
    this.#total += count;
  }
}

/** Values below 64 have a bucket each. */
function bucketOf(us: number): number {
  const value = Math.floor(us);
  if (value < STEPS) return value;
  const doublings = 31 - Math.clz32(value) - 6;
  return STEPS * (doublings + 1) + (value >>> doublings) - STEPS;
}

function middleOf(bucket: number): number {
  if (bucket < STEPS) return bucket + 0.5;
  const doublings = Math.floor(bucket / STEPS) - 1;
  const step = 2 ** doublings;
  return ((bucket % STEPS) + STEPS) * step + step / 2;
}
