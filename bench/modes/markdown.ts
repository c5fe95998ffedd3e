// The figures as Markdown, for a page: operations down, modes across, and a table of what does not depend on the operation.
import { cellName, MODE_NAMES, type Mode } from './names.ts';
import type { CellSummary, Spread, Summary } from './summary.ts';
import { faultOf, numberText, spreadText, VICTIM_NAMES } from './tables.ts';

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, i) => (i === 0 ? '---' : '--:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** @param lines what it was measured on, and how */
export function markdownOf(summary: Summary, lines: readonly string[]): string {
  const { modes, cells, kills, faults } = summary;
  const parts: string[] = [lines.join('\n')];
  const across = (title: string, value: (cell: CellSummary, mode: Mode) => string, first: (cell: CellSummary) => string = cellName): string =>
    `**${title}**\n\n${table(['', ...modes], cells.map((cell) => [first(cell), ...modes.map((mode) => value(cell, mode))]))}`;
  if (cells.length > 0) {
    parts.push(
      across(`Calls per second at saturation, with half the range of the rounds, and as a share of ${modes[0]}'s`, (cell, mode) => {
        const found = cell.modes[mode]?.saturation;
        return found === undefined ? missing(summary, mode, 'work') : `${withRange(found.perSecond)}${mode === modes[0] ? '' : `, ${percent(found.perSecondRatio)}`}`;
      }),
      across('Processor time per call at saturation, all processes, µs', (cell, mode) => {
        const found = cell.modes[mode]?.saturation;
        return found === undefined ? missing(summary, mode, 'work') : withRange(found.cpuUs);
      }),
      across('Latency at a fixed rate, p50 / p99 / p99.9 in ms', (cell, mode) => {
        const found = cell.modes[mode]?.paced;
        if (found === undefined) return missing(summary, mode, 'work');
        const p999 = found.p999Us === undefined ? found.p999OfAllUs : found.p999Us.median;
        return [found.p50Us.median, found.p99Us.median, p999].map((us) => (us === undefined ? '-' : numberText(us / 1000))).join(' / ');
      }, (cell) => `${cellName(cell)}, ${cell.pacedPerSecond === undefined ? '-' : numberText(cell.pacedPerSecond)}/s`),
    );
  }
  if (summary.starts.length > 0) parts.push(table(['', 'ready, ms', 'with block servers, ms', 'processes', 'PSS at rest, MiB', 'PSS after load, MiB'], modes.map((mode) => {
    const of = (how: 'warm' | 'cold') => summary.starts.find((start) => start.mode === mode && start.how === how);
    const warm = of('warm');
    return [
      MODE_NAMES[mode], warm === undefined ? missing(summary, mode, 'starts') : spreadText(warm.readyMs), spreadText(of('cold')?.readyMs), warm === undefined ? '-' : String(warm.processes),
      numberText(warm?.pssMib.median ?? NaN), numberText(summary.memory.find((one) => one.mode === mode)?.pssMib.median ?? NaN),
    ];
  })));
  if (kills.length > 0) {
    parts.push(table(['SIGKILL of', 'errors of other blocks', 'their longest gap, ms', 'failed state gets', 'failed state sets', 'longest gap of state, ms', 'recovery, ms', 'messages lost'], kills.map((kill) => [
      `${kill.mode}: ${VICTIM_NAMES[kill.victim]}`, `${kill.otherErrors.toLocaleString('en')} of ${kill.otherCalls.toLocaleString('en')}`, `${spreadText(kill.otherGapMs)}; calm ${numberText(kill.calmGapMs.median)}`,
      String(kill.getErrors), String(kill.setErrors), spreadText(kill.blockGapMs), `${spreadText(kill.recoveryMs)}${kill.neverRecovered === 0 ? '' : `, ${kill.neverRecovered} never`}`, String(kill.messagesLost),
    ])));
  }
  for (const mode of modes) for (const part of ['starts', 'work', 'kills'] as const) {
    const fault = faultOf(faults, mode, part);
    if (fault !== undefined) parts.push(`**${MODE_NAMES[mode]}**: ${fault}`);
  }
  return `${parts.join('\n\n')}\n`;
}

/** The median, and half of the distance between the best and the worst round. */
const withRange = ({ median, min, max, values }: Spread): string => `${numberText(median)}${values.length < 2 ? '' : ` ±${Math.round(((max - min) / 2 / median) * 100)} %`}`;

const percent = (ratio: Spread | undefined): string => (ratio === undefined ? '-' : `${Math.round(ratio.median * 100)} %`);
const missing = ({ faults }: Summary, mode: Mode, part: 'starts' | 'work'): string => (faultOf(faults, mode, part) === undefined ? 'not measured' : "**can't run here**");

