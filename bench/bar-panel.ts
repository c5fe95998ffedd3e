// A panel of a plot: groups of bars, one colour a series, with whiskers from the least to the most; an axis with a title and a unit.
import { line, rect, text } from './svg.ts';

export interface Bar {
  /** Index of its series. */
  readonly series: number;
  /** Undefined: there is none, and `missing` says why. */
  readonly value: number | undefined;
  readonly low?: number;
  readonly high?: number;
  readonly missing?: string;
  /** Drawn lighter: the second of two of a series. */
  readonly light?: boolean;
}

export interface Group {
  /** Under the bars; below it in grey, a line for each, what else is to be known. */
  readonly label: string;
  readonly notes?: readonly string[];
  /** Neighbours of one section have one heading. */
  readonly section?: string;
  readonly bars: readonly Bar[];
}

export interface Panel {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  /** Of the plot alone; labels come below. */
  readonly height: number;
  readonly title: string;
  readonly axisTitle: string;
  readonly scale: 'linear' | 'log';
  /** Marked by a stronger line. */
  readonly reference?: number;
  readonly groups: readonly Group[];
  readonly colours: readonly string[];
}

const INK = '#1a1a1a';
const QUIET = '#595959';
const GRID = '#d9d9d9';
const AXIS_WIDTH = 78;
const SIZE = { title: 19, label: 15, small: 13 } as const;
/** Below the plot. */
const LINE = 19;

export const panelHeight = ({ height, groups }: Pick<Panel, 'height' | 'groups'>): number =>
  34 + height + LINE * (1 + Math.max(0, ...groups.map(({ notes }) => notes?.length ?? 0)) + (groups.some(({ section }) => section !== undefined) ? 1.3 : 0)) + 14;

/** How far whiskers count for the axis, in multiples of the highest bar: one slow round must not flatten all others. */
const MOST_ABOVE = 1.4;

/** That have to be on the axis. */
function valuesOf(groups: readonly Group[]): number[] {
  const bars = groups.flatMap((group) => group.bars).filter(({ value }) => value !== undefined && Number.isFinite(value));
  const highest = Math.max(0, ...bars.map(({ value = 0 }) => value)) * MOST_ABOVE;
  return bars.flatMap(({ value = 0, low = value, high = value }) => [value, low, Math.min(high, highest)]);
}

/** Elements of the panel. Empty groups are drawn, too: their bars say what is missing. */
export function barPanel(panel: Panel): string[] {
  const { x, y, width, height, title, axisTitle, scale, groups, reference, colours } = panel;
  const top = y + 34;
  const bottom = top + height;
  const left = x + AXIS_WIDTH;
  const right = x + width;
  const { from, to, ticks } = ticksOf(valuesOf(groups), scale);
  const share = (value: number): number => (scale === 'log' ? Math.log(Math.max(value, from) / from) / Math.log(to / from) : (value - from) / (to - from));
  const at = (value: number): number => bottom - Math.min(1, Math.max(0, share(value))) * height;
  const out: string[] = [
    text(x, y + 16, title, { 'font-size': SIZE.title, 'font-weight': 600, 'fill': INK }),
    text(0, 0, axisTitle, { 'font-size': SIZE.label, 'fill': INK, 'text-anchor': 'middle', 'transform': turnedAt(x + 14, (top + bottom) / 2) }),
  ];
  for (const tick of ticks) {
    out.push(line(left, at(tick), right, at(tick), { stroke: GRID }));
    out.push(text(left - 8, at(tick) + 5, tickText(tick), { 'font-size': SIZE.label, 'fill': INK, 'text-anchor': 'end' }));
  }
  const groupWidth = (right - left) / groups.length;
  groups.forEach((group, index) => out.push(...groupOf(group, left + index * groupWidth, groupWidth, { at, to, bottom }, colours)));
  if (reference !== undefined) out.push(line(left, at(reference), right, at(reference), { 'stroke': INK, 'stroke-width': 1.5, 'stroke-dasharray': '6 4' }));
  out.push(line(left, bottom, right, bottom, { 'stroke': INK, 'stroke-width': 1.5 }));
  out.push(...sectionsOf(groups, left, groupWidth, top, bottom));
  return out;
}

interface Axis {
  readonly at: (value: number) => number;
  /** The highest value on it. */
  readonly to: number;
  readonly bottom: number;
}

function groupOf({ label, notes = [], bars }: Group, x: number, width: number, axis: Axis, colours: readonly string[]): string[] {
  const { bottom } = axis;
  const middle = x + width / 2;
  const out = [text(middle, bottom + LINE, label, { 'font-size': SIZE.label, 'fill': INK, 'text-anchor': 'middle' })];
  notes.forEach((note, i) => out.push(text(middle, bottom + LINE * (i + 2), note, { 'font-size': SIZE.small, 'fill': QUIET, 'text-anchor': 'middle' })));
  const slot = Math.min(34, (width * 0.86) / Math.max(1, bars.length));
  bars.forEach((bar, i) => out.push(...barOf(bar, middle - (slot * bars.length) / 2 + i * slot, slot, axis, colours[bar.series] ?? INK)));
  return out;
}

function barOf({ value, low, high, missing = 'not measured', light = false }: Bar, x: number, slot: number, { at, to, bottom }: Axis, colour: string): string[] {
  const middle = x + slot / 2;
  if (value === undefined || !Number.isFinite(value)) return [text(0, 0, missing, { 'font-size': SIZE.small, 'fill': '#b30000', 'transform': turnedAt(middle + 4, bottom - 6) })];
  const top = at(value);
  const out = [rect(x + slot * 0.08, top, slot * 0.84, bottom - top, { 'fill': colour, 'fill-opacity': light ? 0.45 : undefined, 'stroke': light ? colour : undefined })];
  if (low === undefined || high === undefined || low === high) return out;
  const cap = Math.min(4, slot * 0.25);
  const ink = { 'stroke': INK, 'stroke-width': 1.2 };
  out.push(line(middle, at(low), middle, at(high), ink), line(middle - cap, at(low), middle + cap, at(low), ink));
  if (high <= to) out.push(line(middle - cap, at(high), middle + cap, at(high), ink)); // without it: it goes on
  return out;
}

function sectionsOf(groups: readonly Group[], left: number, groupWidth: number, top: number, bottom: number): string[] {
  const out: string[] = [];
  const most = Math.max(0, ...groups.map(({ notes }) => notes?.length ?? 0));
  for (let first = 0, next: number; first < groups.length; first = next) {
    const section = groups[first]?.section;
    for (next = first + 1; next < groups.length && groups[next]?.section === section;) next++;
    if (section === undefined) continue;
    out.push(text(left + ((first + next) / 2) * groupWidth, bottom + LINE * (most + 2.2), section, { 'font-size': SIZE.label, 'font-weight': 600, 'fill': INK, 'text-anchor': 'middle' }));
    if (first > 0) out.push(line(left + first * groupWidth, top, left + first * groupWidth, bottom + LINE * (most + 2.2), { stroke: '#8c8c8c' }));
  }
  return out;
}

/** Where the axis begins and ends, and where its numbers stand. */
export function ticksOf(values: readonly number[], scale: Panel['scale']): { readonly from: number; readonly to: number; readonly ticks: readonly number[] } {
  const positive = values.filter((value) => value > 0);
  if (positive.length === 0) return scale === 'log' ? { from: 1, to: 10, ticks: [1, 10] } : { from: 0, to: 1, ticks: [0, 1] };
  const most = Math.max(...positive);
  if (scale === 'log') {
    const from = 10 ** Math.floor(Math.log10(Math.min(...positive)) - 0.05);
    const decades = Math.max(1, Math.ceil(Math.log10(most / from) - 1e-9));
    const ticks = Array.from({ length: decades }, (_, i) => from * 10 ** i).flatMap((tick) => [tick, tick * 2, tick * 5]);
    const to = [...ticks, from * 10 ** decades].find((tick) => tick >= most) as number;
    return { from, to, ticks: [...ticks.filter((tick) => tick < to), to] };
  }
  const unit = 10 ** Math.floor(Math.log10(most));
  const step = [0.2, 0.25, 0.5, 1, 2].map((share) => share * unit).find((one) => most / one <= 6) ?? 2 * unit;
  const count = Math.ceil(most / step - 1e-9);
  return { from: 0, to: count * step, ticks: Array.from({ length: count + 1 }, (_, i) => i * step) };
}

/** Text that is read from below. */
const turnedAt = (x: number, y: number): string => `translate(${Math.round(x)} ${Math.round(y)}) rotate(-90)`;

const tickText = (value: number): string => Number(value.toPrecision(4)).toLocaleString('en');
