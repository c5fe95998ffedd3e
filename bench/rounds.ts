// Interleaved rounds: each lane gets a window in turn, round after round, so that what else the machine does hits all of
// them. Shown are medians, and how far the rounds lie apart.
import type { Generator } from './load/generator.ts';
import type { LoadSpec, Report } from './load/window.ts';
import { pssMib } from './processes.ts';
import { median } from './statistics.ts';
import type { Row } from './table.ts';

/** What a lane leaves to the rounds. */
export type Shape<Spec extends LoadSpec> = Omit<Spec, 'warmMs' | 'windowMs' | 'watch'>;

/** One server under one load. */
export interface Lane {
  readonly name: string;
  /** The server's processes; absent when the generator is what is measured. */
  readonly pids: (() => number[]) | undefined;
  run(times: Times, watch: LoadSpec['watch']): Promise<Report>;
}

interface Times {
  readonly warmMs: number;
  readonly windowMs: number;
}

export interface Rounds extends Times {
  readonly rounds: number;
  /** A longer warm-up before the first round: until everything is compiled. */
  readonly compileMs: number;
}

export function lane<Spec extends LoadSpec>(name: string, generator: Generator<Spec>, pids: (() => number[]) | undefined, shape: Shape<Spec>): Lane {
  return { name, pids, run: (times, watch) => generator.run({ ...shape, ...times, watch } as unknown as Spec) };
}

export const named = (one: Lane, name: string): Lane => ({ ...one, name });

/** What counts is what is in its calls. */
export const counting = (one: Lane, perCall: number): Lane => ({
  ...one,
  run: async (times, watch) => {
    const report = await one.run(times, watch);
    return { ...report, calls: report.calls * perCall };
  },
});

/** What has a column of its own besides the server: process ids, or the generator. */
export type Others = Readonly<Record<string, number | readonly number[] | 'self'>>;

/** All windows of a question, in their order, by lane. */
export interface Measured {
  readonly question: string;
  readonly reports: ReadonlyMap<string, readonly Report[]>;
  readonly rows: readonly Row[];
}

/** One row a lane: see `measureAll`. */
export const measure = async (question: string, lanes: readonly Lane[], rounds: Rounds, others: Others = {}): Promise<Row[]> => [...(await measureAll(question, lanes, rounds, others)).rows];

/**
 * One row a lane. Ratios are to the first lane, round by round: what slows a round slows both.
 * @param lanes with different names
 * @param others process ids whose processor time gets a column of its own.
 */
export async function measureAll(question: string, lanes: readonly Lane[], { rounds, warmMs, windowMs, compileMs }: Rounds, others: Others = {}): Promise<Measured> {
  const reports = new Map<string, Report[]>(lanes.map(({ name }) => [name, []]));
  const watchOf = ({ pids }: Lane): LoadSpec['watch'] => ({ server: pids?.() ?? 'self', ...Object.fromEntries(Object.entries(others).map(([name, of]) => [name, of === 'self' ? of : [of].flat()])) });
  for (const one of lanes) await one.run({ warmMs: compileMs, windowMs: warmMs }, {});
  for (let round = 0; round < rounds; round++) for (const one of lanes) reports.get(one.name)?.push(await one.run({ warmMs, windowMs }, watchOf(one)));
  process.stderr.write(`${question}: ${lanes.map(({ name }) => `${name} ${Math.round(median((reports.get(name) ?? []).map(rate)))}/s`).join(', ')}\n`);

  const [first] = lanes;
  const rows = lanes.map((one) => {
    const of = reports.get(one.name) ?? [];
    const middle = (value: (report: Report) => number): number => median(of.map(value));
    const rates = of.map(rate);
    const perCall = (group: string): number => middle((report) => cpuPerCall(report, group));
    const fault = of.find(({ firstError }) => firstError !== undefined)?.firstError;
    if (fault !== undefined) process.stderr.write(`${question}, ${one.name}: ${fault}\n`);
    return {
      question,
      server: one.name,
      'calls/s': Math.round(median(rates)),
      'x first': ratioOf({ reports }, rate, one.name, first?.name ?? ''),
      '+-%': ((Math.max(...rates) - Math.min(...rates)) / 2 / median(rates)) * 100,
      'CPU us': perCall('server'),
      ...Object.fromEntries(Object.keys(others).map((name) => [`${name} us`, perCall(name)])),
      switches: one.pids === undefined ? undefined : middle(({ switches, calls }) => (switches['server'] ?? NaN) / calls),
      'p50 us': middle(({ p50Us }) => p50Us),
      'p99 us': middle(({ p99Us }) => p99Us),
      'max us': Math.round(Math.max(...of.map(({ maxUs }) => maxUs))),
      'load %': Math.round(middle(({ busy }) => busy) * 100),
      'PSS MiB': one.pids === undefined ? undefined : pssMib(one.pids()),
      errors: of.reduce((sum, { errors }) => sum + errors, 0),
    };
  });
  return { question, reports, rows };
}

/** Calls per second. */
export const rate = ({ calls, seconds }: Report): number => calls / seconds;

/** Processor time in microseconds. */
export const cpuPerCall = ({ cpuMicros, calls }: Report, group = 'server'): number => (cpuMicros[group] ?? NaN) / calls;

/** The median of a value's ratios of one lane to another, round by round. NaN where one wasn't measured. */
export function ratioOf({ reports }: Pick<Measured, 'reports'>, value: (report: Report) => number, one: string, to: string): number {
  const reference = reports.get(to) ?? [];
  return median((reports.get(one) ?? []).flatMap((report, round) => (reference[round] === undefined ? [] : [value(report) / value(reference[round])])));
}
