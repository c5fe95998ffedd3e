// What a block says it has counted, checked before any of it is believed: a block is hostile by accident. What is wrong with one
// row is no reason to doubt the others.
import { bucketsOf, MEASURES, type Measure, type MeasureTable, type PackedMeasure } from '../../proto/measures.ts';
import { cleanLabel } from '../../proto/meter.ts';

/** One series of a life. */
export interface Row {
  readonly name: string;
  readonly labels: readonly string[];
  /** Of a histogram its sum. */
  readonly value: number;
  /** By bucket; undefined for what is no histogram. Zeros at the end are left out. */
  readonly counts: readonly number[] | undefined;
}

export interface ReadRows {
  readonly rows: readonly Row[];
  /** Rows that are none. */
  readonly refused: number;
}

/** More than a meter of a block ever has, over all of its measures. */
const MOST_ROWS = 30_000;
const TABLE: MeasureTable = MEASURES;

/** @param latencyBuckets what the life was told */
export function readRows(packed: unknown, latencyBuckets: readonly number[]): ReadRows {
  if (!Array.isArray(packed)) return { rows: [], refused: 1 };
  const rows: Row[] = [];
  const length = Math.min(packed.length, MOST_ROWS);
  for (let i = 0; i < length; i++) {
    const row = readRow(packed[i], latencyBuckets);
    if (row !== undefined) rows.push(row);
  }
  return { rows, refused: packed.length - rows.length };
}

/** One of the kernel's own: it is as it says. */
export function rowOf([name, labels, value]: PackedMeasure): Row {
  return typeof value === 'number' ? { name, labels, value, counts: undefined } : { name, labels, value: value[0] ?? 0, counts: value.slice(1) };
}

function readRow(item: unknown, latencyBuckets: readonly number[]): Row | undefined {
  if (!Array.isArray(item) || item.length !== 3) return undefined;
  const [name, labels, value] = item as readonly unknown[];
  if (typeof name !== 'string' || !Object.hasOwn(TABLE, name)) return undefined;
  const measure = TABLE[name] as Measure;
  if (!Array.isArray(labels) || labels.length !== measure.labels.length || !labels.every((label) => typeof label === 'string')) return undefined;
  const clean = (labels as readonly string[]).map(cleanLabel);
  if (measure.kind === 'gauge') return isFinite(value) ? { name, labels: clean, value, counts: undefined } : undefined;
  if (measure.kind === 'counter') return isAmount(value) ? { name, labels: clean, value, counts: undefined } : undefined;
  if (!Array.isArray(value) || value.length === 0 || value.length > bucketsOf(measure, latencyBuckets).length + 2 || !value.every(isAmount)) return undefined;
  return { name, labels: clean, value: value[0] as number, counts: value.slice(1) as number[] };
}

function isFinite(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isAmount(value: unknown): value is number {
  return isFinite(value) && value >= 0;
}
