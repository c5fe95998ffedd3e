// What blocks count, as a table, and how it travels to the kernel, which adds up all lives of all blocks and shows them to
// Prometheus (contract: metrics endpoint).

export type MeasureKind = 'counter' | 'gauge' | 'histogram';

export interface Measure {
  readonly kind: MeasureKind;
  /** Of a histogram: what it measures decides its buckets. */
  readonly unit?: 'milliseconds' | 'bytes';
  /** Labels in the order in which their values travel; those that are the same for the whole sidecar are added by the kernel. */
  readonly labels: readonly string[];
  readonly help: string;
  /** Label whose values somebody else chooses (a topic): bounded, see proto/meter.ts. */
  readonly open?: string;
  /** Shown with the sidecar's namespace. */
  readonly namespaced?: true;
  /** Dapr has no such metric: it is shown as `bulkhead_...` instead of `dapr_...`. */
  readonly own?: true;
  /** Compartments are told apart by labels of the kernel's, `block` and `component`; else they are added up. */
  readonly byBlock?: true;
}

export type MeasureTable = Readonly<Record<string, Measure>>;

const OPERATION = ['component', 'operation', 'success'] as const;
const RESILIENCY = ['flow_direction', 'name', 'namespace', 'policy', 'status', 'target'] as const;
const EGRESS = ['component', 'success', 'topic'] as const;
const INGRESS = ['component', 'process_status', 'status', 'topic'] as const;
const BULK_INGRESS = ['component', 'process_status', 'topic'] as const;

/** By name without the prefix. */
export const MEASURES = {
  component_state_count: counted(OPERATION, 'Operations on state stores.'),
  component_state_latencies: timed(OPERATION, 'Time a state store took for an operation, in milliseconds.'),
  component_configuration_count: counted(OPERATION, 'Operations on configuration stores.'),
  component_configuration_latencies: timed(OPERATION, 'Time a configuration store took for an operation, in milliseconds.'),
  component_lock_count: ours(counted(OPERATION, 'Operations on lock stores.')),
  component_lock_latencies: ours(timed(OPERATION, 'Time a lock store took for an operation, in milliseconds.')),
  component_sequencer_count: ours(counted(OPERATION, 'Operations on sequencer stores; ids drawn from a segment in memory among them.')),
  component_sequencer_latencies: ours(timed(OPERATION, 'Time a sequencer store took for an operation, in milliseconds.')),

  component_pubsub_egress_count: byTopic(counted(EGRESS, 'Messages published.')),
  component_pubsub_egress_latencies: byTopic(timed(EGRESS, 'Time a broker took for a message, in milliseconds.')),
  component_pubsub_egress_bulk_count: byTopic(counted(EGRESS, 'Bulk publish calls.')),
  component_pubsub_egress_bulk_event_count: byTopic(counted(EGRESS, 'Messages published by bulk publish calls.')),
  component_pubsub_egress_bulk_latencies: byTopic(timed(EGRESS, 'Time a broker took for a bulk publish call, in milliseconds.')),
  component_pubsub_ingress_count: byTopic(counted(INGRESS, 'Deliveries of messages, by what came of them.')),
  component_pubsub_ingress_latencies: byTopic(timed(INGRESS, 'Time the application took for a message, in milliseconds.')),
  component_pubsub_ingress_bulk_count: byTopic(counted(BULK_INGRESS, 'Deliveries of batches.')),
  component_pubsub_ingress_bulk_event_count: byTopic(counted(BULK_INGRESS, 'Messages delivered in batches, by what came of them.')),
  component_pubsub_ingress_bulk_latencies: byTopic(timed(BULK_INGRESS, 'Time the application took for a batch, in milliseconds.')),

  resiliency_count: { kind: 'counter', labels: RESILIENCY, help: 'Operations that a resiliency policy applied to; of a circuit breaker by its state.' },
  resiliency_activations_total: { kind: 'counter', labels: RESILIENCY, help: 'Operations that a timeout ended or that were retried, each once, and changes of a circuit breaker\'s state.' },
  resiliency_cb_state: { kind: 'gauge', labels: RESILIENCY, help: 'The state of a circuit breaker: 1 for the one it is in, 0 for the others.' },

  error_code_total: { kind: 'counter', labels: ['category', 'error_code'], help: 'Errors that the API answered, by their code.' },

  block_heap_bytes: { kind: 'gauge', labels: [], help: 'JavaScript heap in use, as the block sees it; in monolith mode the kernel\'s own.', own: true, byBlock: true },
} as const satisfies MeasureTable;

export type MeasureName = keyof typeof MEASURES;

/** Upper bounds, where the Configuration names no others (contract: histogram buckets). */
export const LATENCY_BUCKETS: readonly number[] = [
  1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 30, 40, 50, 65, 80, 100, 130, 160, 200, 250, 300, 400, 500, 650, 800, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000,
];
const KI = 1024;
const MI = 1024 * KI;
const GI = 1024 * MI;
export const SIZE_BUCKETS: readonly number[] = [KI, 2 * KI, 4 * KI, 16 * KI, 64 * KI, 256 * KI, MI, 4 * MI, 16 * MI, 64 * MI, 256 * MI, GI, 4 * GI];

/** The upper bounds of a histogram's buckets; none for what is no histogram. */
export function bucketsOf({ kind, unit }: Measure, latencyBuckets: readonly number[]): readonly number[] {
  if (kind !== 'histogram') return [];
  return unit === 'bytes' ? SIZE_BUCKETS : latencyBuckets;
}

/**
 * One series: its name in MEASURES, the values of its labels, and its value: a sum for a counter, the present value for a gauge,
 * `[sum, ...counts]` with a count for each bucket and one for what is above them for a histogram. Zeros at the end are left out.
 */
export type PackedMeasure = readonly [name: string, labels: readonly string[], value: number | readonly number[]];
export type PackedMeasures = readonly PackedMeasure[];

function counted<const L extends readonly string[]>(labels: L, help: string) {
  return { kind: 'counter', labels, help, namespaced: true } as const satisfies Measure;
}
function timed<const L extends readonly string[]>(labels: L, help: string) {
  return { kind: 'histogram', unit: 'milliseconds', labels, help, namespaced: true } as const satisfies Measure;
}
function byTopic<M extends Measure>(measure: M) {
  return { ...measure, open: 'topic' } as const;
}
function ours<M extends Measure>(measure: M) {
  return { ...measure, own: true } as const;
}
