// From records to figures: medians of the rounds with their spread, by mode. Everything that is shown or kept is made from this.
import { Histogram } from '../load/histogram.ts';
import { median } from '../statistics.ts';
import { inFlightOf, type Cell, type Mode } from './names.ts';
import type { StartKind } from './launch.ts';
import type { Entry, FaultRecord, KillFigures, KillRecord, PacedRecord, RateRecord, SaturationRecord, StartRecord, Victim } from './records.ts';

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Of each round, in their order. */
  readonly values: readonly number[];
}

export interface Saturation {
  readonly perSecond: Spread;
  /** Ratios to the first mode, round by round: what slows a round slows both. */
  readonly perSecondRatio: Spread | undefined;
  readonly cpuUs: Spread;
  readonly cpuRatio: Spread | undefined;
  readonly appUs: Spread | undefined;
  readonly load: Spread;
  readonly errors: number;
  readonly firstError: string | undefined;
}

export interface Paced {
  readonly p50Us: Spread;
  readonly p99Us: Spread;
  /** Undefined where a window has too few calls to have one. */
  readonly p999Us: Spread | undefined;
  /** Of all rounds together; undefined where even they are too few. */
  readonly p999OfAllUs: number | undefined;
  readonly cpuUs: Spread;
  readonly calls: number;
  readonly errors: number;
  readonly firstError: string | undefined;
}

export interface CellSummary extends Cell {
  readonly inFlight: number;
  /** At which all modes were asked. */
  readonly pacedPerSecond: number | undefined;
  readonly modes: Readonly<Partial<Record<Mode, { readonly saturation?: Saturation; readonly paced?: Paced }>>>;
}

export interface StartSummary {
  readonly mode: Mode;
  readonly how: StartKind;
  readonly readyMs: Spread;
  readonly pssMib: Spread;
  readonly processes: number;
}

export interface KillSummary {
  readonly mode: Mode;
  readonly victim: Victim;
  readonly runs: number;
  /** Sums over the runs. */
  readonly otherCalls: number;
  readonly otherErrors: number;
  readonly blockCalls: number;
  readonly getErrors: number;
  readonly setErrors: number;
  readonly messagesLost: number;
  readonly calmGapMs: Spread;
  readonly otherGapMs: Spread;
  readonly calmP99Ms: Spread;
  readonly otherP99Ms: Spread;
  readonly blockGapMs: Spread;
  /** Of the runs in which it came. */
  readonly recoveryMs: Spread | undefined;
  readonly neverRecovered: number;
}

export interface Summary {
  readonly modes: readonly Mode[];
  readonly cells: readonly CellSummary[];
  readonly starts: readonly StartSummary[];
  readonly memory: readonly { readonly mode: Mode; readonly pssMib: Spread }[];
  readonly kills: readonly KillSummary[];
  readonly faults: readonly FaultRecord[];
}

/** Fewer calls have no slowest one in a thousand. */
const CALLS_FOR_P999 = 1_000;

/** Undefined for none; NaN where no window had a call that could have a value. */
export function spreadOf(all: readonly number[]): Spread | undefined {
  if (all.length === 0) return undefined;
  const values = all.filter(Number.isFinite);
  if (values.length === 0) return { median: NaN, min: NaN, max: NaN, values: [] };
  return { median: median(values), min: Math.min(...values), max: Math.max(...values), values: values.map(short) };
}

export function summarize(modes: readonly Mode[], cells: readonly Cell[], entries: readonly Entry[]): Summary {
  const of = <Kind extends Entry['kind']>(kind: Kind): Extract<Entry, { kind: Kind }>[] => entries.filter((entry): entry is Extract<Entry, { kind: Kind }> => entry.kind === kind);
  const [saturations, paced, rates, starts, memory, kills] = [of('saturation'), of('paced'), of('rate'), of('start'), of('memory'), of('kill')];
  const [first] = modes;
  return {
    modes,
    cells: cells.map((cell): CellSummary => ({
      ...cell, inFlight: inFlightOf(cell),
      pacedPerSecond: rates.find((rate: RateRecord) => isOf(rate, cell))?.perSecond,
      modes: Object.fromEntries(modes.map((mode) => {
        const records = (all: readonly SaturationRecord[], of: Mode | undefined): SaturationRecord[] => all.filter((record) => record.mode === of && isOf(record, cell));
        return [mode, { saturation: saturationOf(records(saturations, mode), records(saturations, first)), paced: pacedOf(paced.filter((record) => record.mode === mode && isOf(record, cell))) }];
      })),
    })),
    starts: [...Map.groupBy(starts, ({ mode, how }) => `${mode} ${how}`).values()].map(startOf).toSorted((a, b) => modes.indexOf(a.mode) - modes.indexOf(b.mode)),
    memory: modes.flatMap((mode) => {
      const pssMib = spreadOf(memory.filter((record) => record.mode === mode).map((record) => record.pssMib));
      return pssMib === undefined ? [] : [{ mode, pssMib }];
    }),
    kills: [...Map.groupBy(kills, ({ mode, victim }) => `${mode} ${victim}`).values()].map(killOf).toSorted((a, b) => modes.indexOf(a.mode) - modes.indexOf(b.mode)),
    faults: of('fault'),
  };
}

const isOf = (record: Cell, cell: Cell): boolean => record.operation === cell.operation && record.bytes === cell.bytes;

function saturationOf(records: readonly SaturationRecord[], reference: readonly SaturationRecord[]): Saturation | undefined {
  if (records.length === 0) return undefined;
  const all = (value: (record: SaturationRecord) => number): Spread => spreadOf(records.map(value)) as Spread;
  const ratios = (value: (record: SaturationRecord) => number): Spread | undefined => spreadOf(records.flatMap((record) => {
    const other = reference.find(({ round }) => round === record.round);
    return other === undefined ? [] : [value(record) / value(other)];
  }));
  const apps = records.flatMap(({ appUs }) => (appUs === undefined ? [] : [appUs]));
  return {
    perSecond: all(({ perSecond }) => perSecond), perSecondRatio: ratios(({ perSecond }) => perSecond), cpuUs: all(({ cpuUs }) => cpuUs), cpuRatio: ratios(({ cpuUs }) => cpuUs),
    appUs: spreadOf(apps), load: all(({ load }) => load), ...errorsOf(records),
  };
}

function pacedOf(records: readonly PacedRecord[]): Paced | undefined {
  if (records.length === 0) return undefined;
  const all = (value: (record: PacedRecord) => number): Spread => spreadOf(records.map(value)) as Spread;
  const together = Histogram.of(...records.map(({ histogram }) => histogram));
  return {
    p50Us: all(({ p50Us }) => p50Us), p99Us: all(({ p99Us }) => p99Us),
    p999Us: records.every(({ calls }) => calls >= CALLS_FOR_P999) ? all(({ p999Us }) => p999Us) : undefined,
    p999OfAllUs: together.total >= CALLS_FOR_P999 ? together.percentile(0.999) : undefined,
    cpuUs: all(({ cpuUs }) => cpuUs), calls: records.reduce((sum, { calls }) => sum + calls, 0), ...errorsOf(records),
  };
}

const errorsOf = (records: readonly SaturationRecord[] | readonly PacedRecord[]): { readonly errors: number; readonly firstError: string | undefined } => ({
  errors: records.reduce((sum, { errors }) => sum + errors, 0), firstError: records.find(({ firstError }) => firstError !== undefined)?.firstError,
});

function startOf(records: readonly StartRecord[]): StartSummary {
  const { mode, how } = records[0] as StartRecord;
  return {
    mode, how, readyMs: spreadOf(records.map(({ readyMs }) => readyMs)) as Spread, pssMib: spreadOf(records.map(({ pssMib }) => pssMib)) as Spread, processes: median(records.map(({ processes }) => processes)),
  };
}

function killOf(records: readonly KillRecord[]): KillSummary {
  const { mode, victim } = records[0] as KillRecord;
  const sum = (of: 'otherCalls' | 'otherErrors' | 'blockCalls' | 'getErrors' | 'setErrors' | 'messagesLost'): number => records.reduce((total, { figures }) => total + figures[of], 0);
  const all = (value: (figures: KillFigures) => number): Spread => spreadOf(records.map(({ figures }) => value(figures))) as Spread;
  const recoveries = records.flatMap(({ figures: { recoveryMs } }) => (recoveryMs === undefined ? [] : [recoveryMs]));
  return {
    mode, victim, runs: records.length, otherCalls: sum('otherCalls'), otherErrors: sum('otherErrors'), blockCalls: sum('blockCalls'), getErrors: sum('getErrors'), setErrors: sum('setErrors'),
    messagesLost: sum('messagesLost'), calmGapMs: all(({ calmGapMs }) => calmGapMs), otherGapMs: all(({ otherGapMs }) => otherGapMs), calmP99Ms: all(({ calmP99Ms }) => calmP99Ms),
    otherP99Ms: all(({ otherP99Ms }) => otherP99Ms), blockGapMs: all(({ blockGapMs }) => blockGapMs), recoveryMs: spreadOf(recoveries), neverRecovered: records.length - recoveries.length,
  };
}

/** As many digits as mean anything. */
const short = (value: number): number => Number(value.toPrecision(5));
