// What blocks count, as a table, and how it travels to the kernel, which adds up all lives of all blocks and shows them to
// Prometheus (contract: metrics endpoint).

export type MeasureKind = 'counter' | 'gauge' | 'histogram';

export interface Measure {
  readonly kind: MeasureKind;
  /** Labels in the order in which their values travel; those that are the same for the whole sidecar are added by the kernel. */
  readonly labels: readonly string[];
  readonly help: string;
  /** Label whose values somebody else chooses (a topic): bounded, see blocks/meter.ts. */
  readonly open?: string;
}

/** By name without the prefix `dapr_`. */
export const MEASURES = {} as const satisfies Readonly<Record<string, Measure>>;

/**
 * One series: its name in MEASURES, the values of its labels, and its value: a sum for a counter, the present value for a gauge,
 * `[sum, ...counts]` with a count for each bucket and one for what is above them for a histogram.
 */
export type PackedMeasure = readonly [name: string, labels: readonly string[], value: number | readonly number[]];
export type PackedMeasures = readonly PackedMeasure[];
