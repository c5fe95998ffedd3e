// Counting: a series is found once and kept by who counts, and counting is then an addition to a number. Kernel and blocks count
// alike; who reads it all is Prometheus, through the kernel. Bounded by construction: callers choose topics and paths, and must
// not choose how much memory their names take.
import { bucketsOf, LATENCY_BUCKETS, type Measure, type MeasureTable, type PackedMeasure } from './measures.ts';

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

/** Names are rows of the meter's table; label values come in that row's order. */
export interface Meter {
  counter(name: string, ...labels: readonly string[]): Counter;
  gauge(name: string, ...labels: readonly string[]): Gauge;
  histogram(name: string, ...labels: readonly string[]): Histogram;
}

const NOTHING = { add: (): void => {}, set: (): void => {}, observe: (): void => {} };

/** Counts nothing. */
export const NO_METER: Meter = { counter: () => NOTHING, gauge: () => NOTHING, histogram: () => NOTHING };

export interface MeterLimits {
  /** Distinct values of an open label, per measure. What is beyond counts as `other`. */
  readonly maxValues: number;
  /** Series of one measure. What is beyond counts under `other` in the open label, then in all of them. */
  readonly maxSeries: number;
}
export const METER_LIMITS: MeterLimits = { maxValues: 500, maxSeries: 1_000 };
/** Of a label's value, in UTF-16 units. */
export const MAX_LABEL_LENGTH = 256;
export const OTHER = 'other';

export interface CountingOptions {
  readonly table: MeasureTable;
  /** Upper bounds in milliseconds; empty: the default ones. */
  readonly latencyBuckets?: readonly number[];
  readonly limits?: MeterLimits;
  /** A measure has as many series as it may have; once for each. */
  readonly onFull?: (name: string) => void;
  /** What a label's value is shown as, asked once for each series. */
  readonly rewrite?: (name: string, label: string, value: string) => string;
}

const NONE: readonly number[] = [];

export class Series implements Counter, Gauge, Histogram {
  readonly labels: readonly string[];
  /** A counter's or a histogram's sum, a gauge's value. */
  value = 0;
  /** Of a histogram: by bucket, and one for what is above them all. */
  readonly counts: number[];
  /** For who shows series: whether it has a value at all. */
  isShown = false;
  readonly #bounds: readonly number[];

  constructor(labels: readonly string[], bounds: readonly number[], isHistogram: boolean) {
    this.labels = labels;
    this.#bounds = bounds;
    this.counts = isHistogram ? new Array<number>(bounds.length + 1).fill(0) : [];
  }

  add(amount: number): void {
    this.value += amount;
  }

  set(value: number): void {
    this.value = value;
  }

  observe(value: number): void {
    if (!(value >= 0)) return; // a clock that went back, or no number: it would spoil the sum for good
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.value += value;
  }
}

/** All series of a measure. */
export interface SeriesFamily {
  readonly name: string;
  readonly measure: Measure;
  /** Of a histogram's buckets. */
  readonly bounds: readonly number[];
  /** By their labels' values. */
  readonly series: ReadonlyMap<string, Series>;
}

interface Family extends SeriesFamily {
  readonly openIndex: number;
  /** Of the open label. */
  readonly values: Set<string>;
  readonly series: Map<string, Series>;
  full: boolean;
}

export class CountingMeter implements Meter {
  readonly #table: MeasureTable;
  readonly #latencyBuckets: readonly number[];
  readonly #limits: MeterLimits;
  readonly #onFull: (name: string) => void;
  readonly #rewrite: CountingOptions['rewrite'];
  readonly #families = new Map<string, Family>();

  constructor({ table, latencyBuckets = [], limits = METER_LIMITS, onFull = () => {}, rewrite }: CountingOptions) {
    this.#table = table;
    this.#latencyBuckets = latencyBuckets.length === 0 ? LATENCY_BUCKETS : latencyBuckets;
    this.#limits = limits;
    this.#onFull = onFull;
    this.#rewrite = rewrite;
  }

  counter(name: string, ...labels: readonly string[]): Counter {
    return this.find(name, labels);
  }
  gauge(name: string, ...labels: readonly string[]): Gauge {
    return this.find(name, labels);
  }
  histogram(name: string, ...labels: readonly string[]): Histogram {
    return this.find(name, labels);
  }

  families(): Iterable<SeriesFamily> {
    return this.#families.values();
  }

  /** All series there are, as they travel. */
  pack(): PackedMeasure[] {
    const rows: PackedMeasure[] = [];
    for (const { name, measure, series } of this.#families.values()) {
      for (const { labels, value, counts } of series.values()) rows.push([name, labels, measure.kind === 'histogram' ? [value, ...withoutZerosAtTheEnd(counts)] : value]);
    }
    return rows;
  }

  /** The series of these labels, or the one for what there is no room for. @throws Error for a measure that isn't in the table */
  find(name: string, given: readonly string[]): Series {
    const family = this.#families.get(name) ?? this.#open(name);
    const { measure, openIndex, values, series } = family;
    const labels = measure.labels.map((label, index) => {
      const value = cleanLabel(given[index] ?? '');
      return this.#rewrite === undefined ? value : cleanLabel(this.#rewrite(name, label, value));
    });
    const open = labels[openIndex];
    if (open !== undefined && !values.has(open)) {
      if (values.size < this.#limits.maxValues) values.add(open);
      else this.#overflow(family, labels);
    }
    const known = series.get(labels.join(SEPARATOR));
    if (known !== undefined) return known;
    if (series.size >= this.#limits.maxSeries) {
      this.#overflow(family, labels);
      const inOther = series.get(labels.join(SEPARATOR));
      if (inOther !== undefined) return inOther;
      // A label that should have few values has many: one series, the last one, is for all of them.
      if (series.size >= this.#limits.maxSeries * SLACK) labels.fill(OTHER);
    }
    const key = labels.join(SEPARATOR);
    const found = series.get(key) ?? new Series(labels, family.bounds, measure.kind === 'histogram');
    series.set(key, found);
    return found;
  }

  #open(name: string): Family {
    const measure = Object.hasOwn(this.#table, name) ? this.#table[name] : undefined;
    if (measure === undefined) throw new Error(`there is no measure ${name}`);
    const family: Family = {
      name, measure, bounds: measure.kind === 'histogram' ? bucketsOf(measure, this.#latencyBuckets) : NONE,
      openIndex: measure.open === undefined ? -1 : measure.labels.indexOf(measure.open), values: new Set(), series: new Map(), full: false,
    };
    this.#families.set(name, family);
    return family;
  }

  #overflow(family: Family, labels: string[]): void {
    if (family.openIndex >= 0) labels[family.openIndex] = OTHER;
    if (family.full) return;
    family.full = true;
    this.#onFull(family.name);
  }
}

/** No label's value has it: see `cleanLabel`. */
const SEPARATOR = '\u0001';
/** Series under `other` come on top of the others, up to this factor. */
const SLACK = 1.25;
const CONTROL_CHARACTERS = /\p{Cc}/gu;

/** A label's value as it is shown: not longer than some, without characters that nobody sees. */
export function cleanLabel(value: string): string {
  const text = value.length > MAX_LABEL_LENGTH ? value.slice(0, MAX_LABEL_LENGTH) : value;
  return text.toWellFormed().replace(CONTROL_CHARACTERS, '\ufffd');
}

function withoutZerosAtTheEnd(counts: readonly number[]): readonly number[] {
  let { length } = counts;
  while (length > 0 && counts[length - 1] === 0) length--;
  return counts.slice(0, length);
}
