// In which order the modes are measured, at which rate, and how long it all takes.
import type { Cell } from './names.ts';
import type { Options } from './options.ts';

/** The modes in the order of a round: another one is first each time, so that no mode always follows the same one's garbage. */
export function orderOf<T>(all: readonly T[], round: number): T[] {
  const first = round % all.length;
  const turned = [...all.slice(first), ...all.slice(0, first)];
  return Math.floor(round / all.length) % 2 === 0 ? turned : turned.toReversed();
}

/** Of the rate, so that tables can be read; rounded down, because what was measured was not less. */
const DIGITS = 2;
/** More would measure the generator. */
const HIGHEST_RATE = 20_000;

/** The rate that all modes are asked at: a share of what the slowest of them can do. Undefined when none could do anything. */
export function rateFor(capacities: readonly number[], share: number): number | undefined {
  const slowest = Math.min(...capacities);
  if (!Number.isFinite(slowest) || slowest <= 0) return undefined;
  const rate = Math.min(slowest * share, HIGHEST_RATE);
  const unit = 10 ** Math.floor(Math.log10(rate) - DIGITS + 1);
  return Number((Math.floor(rate / unit + 1e-9) * unit).toPrecision(DIGITS));
}

/** The same arrivals for all modes, others in the next round. */
export const seedOf = (cell: Cell, round: number): number => round * 7_919 + (cell.bytes ?? 0) + cell.operation.length * 104_729;

/** Beside its windows: connecting, looking at /proc, starting and ending processes. Milliseconds, from experience on two cores. */
export const AROUND = { window: 60, start: 900, kill: 2_500 } as const;

export interface Amounts {
  readonly cells: number;
  /** Ways to start, and to kill. */
  readonly starts: number;
  readonly kills: number;
}

/** How long each step of a part takes, and how many there are. */
export function stepsOf({ modes, parts, rounds, times }: Pick<Options, 'modes' | 'parts' | 'rounds' | 'times'>, { cells, starts, kills }: Amounts): { readonly part: string; readonly count: number; readonly ms: number }[] {
  const all = [
    { part: 'starts', count: (rounds + WARM_STARTS) * starts, ms: times.restMs + AROUND.start },
    { part: 'work', count: cells * modes.length, ms: times.compileMs + times.saturationMs + AROUND.window },
    { part: 'work', count: rounds * cells * modes.length, ms: 2 * (times.warmMs + AROUND.window) + times.saturationMs + times.pacedMs },
    { part: 'kills', count: rounds * kills, ms: times.calmMs + times.afterKillMs + AROUND.kill },
  ];
  return all.filter(({ part }) => parts.some((one) => one === part));
}

/** Starts before any counts: Node writes its compile cache when the first one ends, the next one reads it all. */
export const WARM_STARTS = 1;

export const wholeMs = (steps: readonly { readonly count: number; readonly ms: number }[]): number => steps.reduce((sum, { count, ms }) => sum + count * ms, 0);

/** E.g. `3 min 20 s`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

