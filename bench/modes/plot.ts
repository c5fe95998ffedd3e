// The comparison as a plot: throughput and processor time beside the first mode's, latency at a fixed rate, start, memory, and what a
// kill costs.
import { barPanel, panelHeight, type Bar, type Group, type Panel } from '../bar-panel.ts';
import { document, rect, text } from '../svg.ts';
import { MODE_NAMES, OPERATION_NAMES, sizeName, type Mode } from './names.ts';
import type { Victim } from './records.ts';
import type { CellSummary, Paced, Saturation, Spread, Summary } from './summary.ts';
import { faultOf, numberText } from './tables.ts';

/** Told apart by people with any colour vision (after Okabe and Ito), and by how light they are in print. */
const COLOURS: Readonly<Record<Mode, string>> = {
  'monolith': '#808080', 'thread': '#e69f00', 'process': '#0072b2', 'remote-rings': '#009e73', 'remote-socket': '#56b4e9', 'remote-tls': '#cc79a7',
};
const WIDTH = 1_320;
const MARGIN = 24;
const FULL = WIDTH - 2 * MARGIN;
const INK = '#1a1a1a';
const QUIET = '#595959';
const CANNOT = "can't run here";

/** @param lines under the title: what it was measured on */
export function plotOf(summary: Summary, lines: readonly string[]): string {
  const { modes, cells, kills, starts, memory } = summary;
  const colours = modes.map((mode) => COLOURS[mode]);
  const [first] = modes;
  const why = (mode: Mode, part: 'work' | 'starts'): string => (faultOf(summary.faults, mode, part) === undefined ? 'not measured' : CANNOT);
  const out: string[] = [text(MARGIN, 40, 'Monolith against micro', { 'font-size': 26, 'font-weight': 700, 'fill': INK })];
  lines.forEach((one, i) => out.push(text(MARGIN, 64 + i * 19, one, { 'font-size': 14, 'fill': QUIET })));
  let y = 64 + lines.length * 19 + 12;
  out.push(...legend(modes, y));
  y += 34;
  const add = (panel: Omit<Panel, 'x' | 'y' | 'width' | 'colours'>): void => {
    out.push(...barPanel({ ...panel, x: MARGIN, y, width: FULL, colours }));
    y += panelHeight(panel) + 18;
  };
  /** Two, side by side. */
  const addBoth = (left: Omit<Panel, 'x' | 'y' | 'width' | 'colours'>, right: Omit<Panel, 'x' | 'y' | 'width' | 'colours'>): void => {
    const width = FULL / 2 - 16;
    out.push(...barPanel({ ...left, x: MARGIN, y, width, colours }), ...barPanel({ ...right, x: MARGIN + FULL / 2 + 16, y, width, colours }));
    y += Math.max(panelHeight(left), panelHeight(right)) + 18;
  };
  if (cells.length > 0) {
    const saturation = (cell: CellSummary, mode: Mode | undefined): Saturation | undefined => (mode === undefined ? undefined : cell.modes[mode]?.saturation);
    const paced = (cell: CellSummary, mode: Mode): Paced | undefined => cell.modes[mode]?.paced;
    const groups = (value: (cell: CellSummary, mode: Mode) => Spread | undefined, note: (cell: CellSummary) => string[], factor = 1): Group[] =>
      cells.map((cell) => ({ ...labelOf(cell), notes: note(cell), bars: modes.map((mode, series) => barOf(series, value(cell, mode), factor, why(mode, 'work'))) }));
    add({
      title: `Throughput at saturation, as a share of ${first}'s (more is better; below: ${first})`, axisTitle: `% of ${first}`, scale: 'linear', reference: 100, height: 230,
      groups: groups((cell, mode) => saturation(cell, mode)?.perSecondRatio, (cell) => noteOf(saturation(cell, first)?.perSecond.median, '/s'), 100),
    });
    add({
      title: `Processor time per call at saturation, all processes, as a multiple of ${first}'s (less is better; below: ${first})`, axisTitle: `× ${first}`, scale: 'linear', reference: 1, height: 230,
      groups: groups((cell, mode) => saturation(cell, mode)?.cpuRatio, (cell) => noteOf(saturation(cell, first)?.cpuUs.median, ' µs')),
    });
    add({
      title: 'Latency at a fixed rate that every mode can carry: p99 (less is better)', axisTitle: 'p99, ms', scale: 'log', height: 230,
      groups: groups((cell, mode) => paced(cell, mode)?.p99Us, (cell) => [`at ${short(cell.pacedPerSecond)}/s`], 1 / 1000),
    });
  }
  const startOf = (mode: Mode, how: 'warm' | 'cold'): Spread | undefined => starts.find((start) => start.mode === mode && start.how === how)?.readyMs;
  const restOf = (mode: Mode): Spread | undefined => starts.find((start) => start.mode === mode && start.how === 'warm')?.pssMib;
  const loadedOf = (mode: Mode): Spread | undefined => memory.find((one) => one.mode === mode)?.pssMib;
  const perMode = (values: (mode: Mode) => readonly (Spread | undefined)[]): Group[] => modes.map((mode, series) => {
    const [one, ...others] = values(mode);
    return { label: shortName(mode), notes: linesOf(mode), bars: [barOf(series, one, 1, why(mode, 'starts')), ...others.flatMap((other) => (other === undefined ? [] : [{ ...barOf(series, other, 1, ''), light: true }]))] };
  });
  if (starts.length > 0) {
    addBoth(
      { title: 'Time to ready; light: block servers start, too', axisTitle: 'ms', scale: 'linear', height: 190, groups: perMode((mode) => [startOf(mode, 'warm'), startOf(mode, 'cold')]) },
      { title: 'Memory of all processes at rest; light: after load', axisTitle: 'PSS, MiB', scale: 'linear', height: 190, groups: perMode((mode) => [restOf(mode), loadedOf(mode)]) },
    );
  }
  if (kills.length > 0) {
    const bars = (value: (kill: Summary['kills'][number]) => Spread, note: (kill: Summary['kills'][number]) => string): Group[] => kills.map((kill) => ({
      label: shortName(kill.mode), notes: [...linesOf(kill.mode), KILLED[kill.victim], note(kill)],
      bars: [barOf(modes.indexOf(kill.mode), value(kill), 1, '')],
    }));
    addBoth(
      { title: 'State is killed: silence of the other blocks', axisTitle: 'longest, ms', scale: 'linear', height: 190, groups: bars(({ otherGapMs }) => otherGapMs, (kill) => `${share(kill.otherErrors, kill.otherCalls)} fail`) },
      {
        title: 'State is killed: silence of state', axisTitle: 'longest, ms', scale: 'linear', height: 190,
        groups: bars(({ blockGapMs }) => blockGapMs, (kill) => `${share(kill.getErrors + kill.setErrors, kill.blockCalls)} fail`),
      },
    );
  }
  return document(WIDTH, y + 8, 'Monolith, threads, processes and remote blocks compared', [...out, text(MARGIN, y, 'Bars are medians of the rounds, whiskers reach from the least to the most; one without an end goes on beyond the axis.', { 'font-size': 13, 'fill': QUIET })]);
}

function legend(modes: readonly Mode[], y: number): string[] {
  let x = MARGIN;
  return modes.flatMap((mode) => {
    const at = x;
    x += 30 + MODE_NAMES[mode].length * 8.4 + 20;
    return [rect(at, y - 13, 18, 16, { fill: COLOURS[mode] }), text(at + 24, y, MODE_NAMES[mode], { 'font-size': 15, 'fill': INK })];
  });
}

const labelOf = ({ operation, bytes }: CellSummary): Pick<Group, 'label' | 'section'> => (bytes === undefined ? { label: 'and unlock', section: 'lock' } : { label: sizeName(bytes), section: OPERATION_NAMES[operation] });

const barOf = (series: number, spread: Spread | undefined, factor: number, missing: string): Bar =>
  (spread === undefined ? { series, value: undefined, missing } : { series, value: spread.median * factor, low: spread.min * factor, high: spread.max * factor });

const KILLED: Readonly<Record<Victim, string>> = { block: 'process', server: 'server', sidecar: 'sidecar' };

const short = (value: number | undefined): string => (value === undefined ? '-' : value >= 10_000 ? `${numberText(Math.round(value / 100) / 10)}k` : numberText(value));
/** What 100 % is. */
const noteOf = (value: number | undefined, unit: string): string[] => [`${short(value)}${unit}`];

/** The first word, and the others below it. */
const shortName = (mode: Mode): string => mode.split('-')[0] as string;
const linesOf = (mode: Mode): string[] => [mode.split('-')[1]?.replace('tls', 'TLS') ?? ' '];
const share = (part: number, all: number): string => (all === 0 ? '-' : part === 0 ? 'none' : `${numberText((part / all) * 100)} %`);
