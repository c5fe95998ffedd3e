// What is shown of all that was counted: kernel and blocks added up, over all lives of a block. A counter never goes back: what
// a life had counted when it was last asked stays when the life ends; what it counted after that is lost with it.
import { CountingMeter, type MeterLimits, type Series, type SeriesFamily } from '../../proto/meter.ts';
import type { MeasureTable, PackedMeasures } from '../../proto/measures.ts';
import type { Row } from './rows.ts';

/** The labels that tell compartments apart. */
export interface Place {
  readonly block: string;
  /** `''`: the compartment is its block's. */
  readonly component: string;
}

interface LifeCounts {
  readonly place: Place;
  /** The last known, by name and labels. */
  readonly rows: Map<string, Row>;
}

/** What all blocks together may have: each has its own, lower bound. */
const SHOWN_LIMITS: MeterLimits = { maxValues: 2_000, maxSeries: 4_000 };

export interface LedgerOptions {
  readonly table: MeasureTable;
  readonly latencyBuckets: readonly number[];
  /** How a label's value of a block's is shown; the kernel rewrites its own as it counts. */
  readonly rewrite: (name: string, label: string, value: string) => string;
  readonly onFull: (name: string) => void;
}

export class Ledger {
  readonly #table: MeasureTable;
  readonly #rewrite: LedgerOptions['rewrite'];
  /** Has a series for whatever was ever shown, so that what has one keeps it. */
  readonly #shown: CountingMeter;
  readonly #lives = new Map<number, LifeCounts>();
  /** What ended lives had counted. */
  readonly #past = new Map<Series, { value: number; readonly counts: number[] }>();

  constructor({ table, latencyBuckets, rewrite, onFull }: LedgerOptions) {
    this.#table = withPlaces(table);
    this.#rewrite = rewrite;
    this.#shown = new CountingMeter({ table: this.#table, latencyBuckets, limits: SHOWN_LIMITS, onFull });
  }

  /** A life has said what it counted. @param life unique among all lives of all compartments */
  update(life: number, place: Place, rows: readonly Row[]): void {
    let known = this.#lives.get(life);
    if (known === undefined) this.#lives.set(life, (known = { place, rows: new Map() }));
    const { rows: before } = known;
    const now = new Map<string, Row>();
    for (const row of rows) {
      const key = keyOf(row);
      const last = now.get(key) ?? before.get(key);
      now.set(key, last === undefined || this.#isGauge(row) ? row : later(last, row));
    }
    for (const [key, row] of before) if (!now.has(key) && !this.#isGauge(row)) now.set(key, row);
    known.rows.clear();
    let room = MOST_ROWS_OF_A_LIFE;
    for (const [key, row] of now) if (room-- > 0) known.rows.set(key, row);
  }

  /** Only these lives are still there. */
  keep(lives: ReadonlySet<number>): void {
    for (const [life, { place, rows }] of this.#lives) {
      if (lives.has(life)) continue;
      this.#lives.delete(life);
      for (const row of rows.values()) {
        if (this.#isGauge(row)) continue;
        const series = this.#seriesOf(row, place);
        let past = this.#past.get(series);
        if (past === undefined) this.#past.set(series, (past = { value: 0, counts: [] }));
        past.value += row.value;
        addCounts(past.counts, row.counts);
      }
    }
  }

  /** All that is to be shown now. @param own what the kernel has counted */
  sum(own: PackedMeasures): Iterable<SeriesFamily> {
    for (const { series } of this.#shown.families()) {
      for (const one of series.values()) {
        one.value = 0;
        one.counts.fill(0);
        one.isShown = false;
      }
    }
    for (const [series, { value, counts }] of this.#past) add(series, value, counts);
    for (const { place, rows } of this.#lives.values()) for (const row of rows.values()) add(this.#seriesOf(row, place), row.value, row.counts);
    for (const [name, labels, value] of own) {
      const series = this.#shown.find(name, labels);
      if (typeof value === 'number') add(series, value, undefined);
      else add(series, value[0] ?? 0, value.slice(1));
    }
    return this.#shown.families();
  }

  #isGauge({ name }: Row): boolean {
    return this.#table[name]?.kind === 'gauge';
  }

  #seriesOf({ name, labels }: Row, { block, component }: Place): Series {
    const measure = this.#table[name];
    const shown = labels.map((value, index) => this.#rewrite(name, measure?.labels[index] ?? '', value));
    return this.#shown.find(name, measure?.byBlock === true ? [...shown, block, component] : shown);
  }
}

/** A life that names other series each time it is asked has no more of them than this. */
const MOST_ROWS_OF_A_LIFE = 40_000;

/** Where compartments are told apart, the labels that do it come last. */
function withPlaces(table: MeasureTable): MeasureTable {
  return Object.fromEntries(Object.entries(table).map(([name, measure]) => [name, measure.byBlock === true ? { ...measure, labels: [...measure.labels, 'block', 'component'] } : measure]));
}

function keyOf({ name, labels }: Row): string {
  return [name, ...labels].join('\u0001');
}

/** A life that counts backwards is not believed. */
function later(last: Row, row: Row): Row {
  const { counts: before } = last;
  const { counts: now } = row;
  if (before === undefined || now === undefined) return row.value >= last.value ? row : last;
  const length = Math.max(before.length, now.length);
  return { ...row, value: Math.max(last.value, row.value), counts: Array.from({ length }, (_, i) => Math.max(before[i] ?? 0, now[i] ?? 0)) };
}

function add(series: Series, value: number, counts: readonly number[] | undefined): void {
  series.isShown = true;
  series.value += value;
  addCounts(series.counts, counts);
}

function addCounts(sums: number[], counts: readonly number[] | undefined): void {
  if (counts === undefined) return;
  for (let i = 0; i < counts.length; i++) sums[i] = (sums[i] ?? 0) + (counts[i] as number);
}
