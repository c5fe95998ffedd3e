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

/**
 * One row a lane. Ratios are to the first lane, round by round: what slows a round slows both.
 * @param others process ids whose processor time gets a column of its own.
 */
export async function measure(question: string, lanes: readonly Lane[], { rounds, warmMs, windowMs, compileMs }: Rounds, others: Readonly<Record<string, number | readonly number[]>> = {}): Promise<Row[]> {
  const reports = new Map<Lane, Report[]>(lanes.map((one) => [one, []]));
  const watchOf = ({ pids }: Lane): LoadSpec['watch'] => ({ server: pids?.() ?? 'self', ...Object.fromEntries(Object.entries(others).map(([name, pids]) => [name, [pids].flat()])) });
  for (const one of lanes) await one.run({ warmMs: compileMs, windowMs: warmMs }, {});
  for (let round = 0; round < rounds; round++) for (const one of lanes) reports.get(one)?.push(await one.run({ warmMs, windowMs }, watchOf(one)));
  process.stderr.write(`${question}: ${lanes.map((one) => `${one.name} ${Math.round(median((reports.get(one) ?? []).map(rate)))}/s`).join(', ')}\n`);

  const reference = reports.get(lanes[0] as Lane) ?? [];
  return lanes.map((one) => {
    const of = reports.get(one) ?? [];
    const middle = (value: (report: Report, round: number) => number): number => median(of.map(value));
    const rates = of.map(rate);
    const perCall = (group: string): number => middle(({ cpuMicros, calls }) => (cpuMicros[group] ?? NaN) / calls);
    const fault = of.find(({ firstError }) => firstError !== undefined)?.firstError;
    if (fault !== undefined) process.stderr.write(`${question}, ${one.name}: ${fault}\n`);
    return {
      question,
      server: one.name,
      'calls/s': Math.round(median(rates)),
      'x first': middle((report, round) => rate(report) / rate(reference[round] as Report)),
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
}

const rate = ({ calls, seconds }: Report): number => calls / seconds;
