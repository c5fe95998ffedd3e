// The comparison of the modes: what its figures are made by, without any sidecar.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Schedule } from '../bench/load/arrivals.ts';
import { nowMs } from '../bench/load/clock.ts';
import { Histogram } from '../bench/load/histogram.ts';
import { openLoop } from '../bench/load/pace.ts';
import { Journal } from '../bench/modes/journal.ts';
import { figuresOf, longestGap } from '../bench/modes/kill-figures.ts';
import { markdownOf } from '../bench/modes/markdown.ts';
import { cellsOf, MODES, type Cell, type Mode, type Operation } from '../bench/modes/names.ts';
import { readOptions } from '../bench/modes/options.ts';
import { orderOf, rateFor, stepsOf, wholeMs } from '../bench/modes/plan.ts';
import { plotOf } from '../bench/modes/plot.ts';
import type { Entry, PacedRecord, SaturationRecord } from '../bench/modes/records.ts';
import { summarize } from '../bench/modes/summary.ts';
import { textOf } from '../bench/modes/tables.ts';
import { eventually } from './harness/awaiting.ts';

const folder = mkdtempSync(join(tmpdir(), 'bulkhead-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the order of a round', () => {
  it('puts each mode first and last equally often, and leaves none out', () => {
    const rounds = Array.from({ length: 2 * MODES.length }, (_, round) => orderOf(MODES, round));
    for (const order of rounds) expect(order.toSorted()).toEqual(MODES.toSorted());
    for (const mode of MODES) {
      expect(rounds.filter(([first]) => first === mode)).toHaveLength(2);
      expect(rounds.filter((order) => order.at(-1) === mode)).toHaveLength(2);
    }
  });

  it('changes who follows whom', () => {
    const follows = (round: number): Mode | undefined => orderOf(MODES, round)[orderOf(MODES, round).indexOf('process') + 1];
    expect(follows(0)).toBe('remote-rings');
    expect(follows(MODES.length)).toBe('thread');
  });
});

describe('the fixed rate', () => {
  it('is a share of what the slowest can do, in two digits, and not more', () => {
    expect(rateFor([12_345, 9_999, 50_000], 0.4)).toBe(3_900);
    expect(rateFor([30], 0.4)).toBe(12);
    expect(rateFor([7.3], 0.4)).toBe(2.9);
    expect(rateFor([1e6], 0.4)).toBe(20_000);
  });

  it('is none where nothing could be measured', () => {
    expect(rateFor([], 0.4)).toBeUndefined();
    expect(rateFor([0, 5], 0.4)).toBeUndefined();
  });
});

describe('arrivals', () => {
  const times = (spacing: 'random' | 'even', seed: number, count: number): number[] => {
    const schedule = new Schedule({ perSecond: 1_000, spacing, seed }, 500);
    return Array.from({ length: count }, () => schedule.take());
  };

  it('are the same ones for the same seed, and as many as they should be', () => {
    const some = times('random', 7, 20_000);
    expect(times('random', 7, 20_000)).toEqual(some);
    expect(times('random', 8, 20_000)).not.toEqual(some);
    expect((some.at(-1) as number) - 500).toBeGreaterThan(19_000);
    expect((some.at(-1) as number) - 500).toBeLessThan(21_000);
    expect(some.every((time, i) => i === 0 || time >= (some[i - 1] as number))).toBe(true);
  });

  it('are evenly spaced where they should be', () => {
    expect(times('even', 0, 3)).toEqual([501, 502, 503]);
  });

  it('are refused where there would be none', () => {
    expect(() => new Schedule({ perSecond: 0, spacing: 'even', seed: 0 }, 0)).toThrow(/0 calls a second/);
  });
});

it('starts every call of an open loop that was due, in its order, and none after its end', async () => {
  const due: number[] = [];
  const beganMs = nowMs();
  const pace = openLoop([{ perSecond: 1_000, spacing: 'even', seed: 0 }], (_index, dueMs) => void due.push(dueMs), () => {});
  await eventually('a hundred calls were due', async () => due.length >= 100);
  const stoppedMs = nowMs();
  pace.stop();
  const endMs = nowMs();
  pace.stop();
  const first = due[0] as number;
  expect(first - beganMs).toBeLessThan(5);
  expect(due.every((dueMs, i) => Math.abs(dueMs - first - i) < 1e-6)).toBe(true);
  expect(due.at(-1)).toBeGreaterThan(stoppedMs - 1.001);
  expect(due.at(-1)).toBeLessThanOrEqual(endMs);
});

it('has one clock for all processes', () => {
  const differences = Array.from({ length: 50 }, () => {
    const before = nowMs();
    const [seconds, nanos] = process.hrtime();
    return seconds * 1e3 + nanos / 1e6 - before;
  });
  const least = Math.min(...differences); // what came between the two only adds to it
  expect(Math.abs(least)).toBeLessThan(0.2);
});

describe('the histogram', () => {
  it('tells percentiles to within its buckets', () => {
    const histogram = new Histogram();
    for (let us = 1; us <= 100_000; us++) histogram.add(us);
    for (const share of [0.01, 0.5, 0.99, 0.999]) expect(Math.abs(histogram.percentile(share) / (share * 100_000) - 1)).toBeLessThan(1 / 64);
    expect(histogram.total).toBe(100_000);
  });

  it('adds up with others as if all had been one', () => {
    const [one, two, both] = [new Histogram(), new Histogram(), new Histogram()];
    for (let i = 0; i < 5_000; i++) {
      const us = (i * 7_919) % 300_000;
      (i % 3 === 0 ? one : two).add(us);
      both.add(us);
    }
    expect(Histogram.of(one.pairs(), two.pairs()).pairs()).toEqual(both.pairs());
    expect(new Histogram().percentile(0.5)).toBeNaN();
  });
});

describe('a kill', () => {
  const operations: readonly Operation[] = ['state-get', 'state-set', 'config-get'];
  /** One call each 10 ms of each operation, answered after 1 ms; what happens to some is said. */
  const callsWith = (change: (operation: Operation, dueMs: number) => { readonly doneMs?: number; readonly failed?: boolean } | undefined): number[] =>
    operations.flatMap((operation, index) => Array.from({ length: 100 }, (_, i) => {
      const dueMs = i * 10;
      const { doneMs = dueMs + 1, failed = false } = change(operation, dueMs) ?? {};
      return [index, dueMs, doneMs, failed ? 1 : 0];
    }).flat());
  const moments = { killMs: 405, deadMs: 409, endMs: 990 };

  it('costs the block what it was away, and the others nothing', () => {
    const calls = callsWith((operation, dueMs) => {
      if (operation === 'config-get' || dueMs < 410 || dueMs >= 600) return undefined;
      return operation === 'state-get' ? { doneMs: 605 } : { failed: true };
    });
    const figures = figuresOf({ operations, calls, messagesLost: 0 }, 'state', moments);
    expect(figures).toMatchObject({ otherErrors: 0, otherGapMs: 10, calmGapMs: 10, getErrors: 0, setErrors: 19, recoveryMs: 196, messagesLost: 0 });
    expect(figures.blockGapMs).toBeCloseTo(601 - 401 - 4); // counted from the kill
    expect(figures.otherCalls).toBe(59);
  });

  it('counts a call that was under way, and none that was over', () => {
    const calls = callsWith((operation, dueMs) => (operation === 'config-get' && dueMs === 400 ? { doneMs: 450, failed: true } : operation === 'config-get' && dueMs === 390 ? { failed: true } : undefined));
    expect(figuresOf({ operations, calls, messagesLost: 3 }, 'state', moments)).toMatchObject({ otherErrors: 1, messagesLost: 3 });
  });

  it('takes no answer of the dying for a recovery, and says where none came', () => {
    const calls = callsWith((_operation, dueMs) => (dueMs > 408 ? { failed: true } : undefined));
    const figures = figuresOf({ operations, calls, messagesLost: 0 }, 'state', moments);
    expect(figures.recoveryMs).toBeUndefined();
    expect(figures.otherGapMs).toBe(990 - 405);
  });

  it('knows a gap at either end', () => {
    expect(longestGap([], 10, 50)).toBe(40);
    expect(longestGap([{ doneMs: 20, failed: false }, { doneMs: 35, failed: true }], 10, 50)).toBe(30);
    expect(longestGap([{ doneMs: 5, failed: false }, { doneMs: 48, failed: false }, { doneMs: 60, failed: false }], 10, 50)).toBe(38);
  });
});

const cell: Cell = { operation: 'state-get', bytes: 100 };
const modes: readonly Mode[] = ['monolith', 'process', 'remote-tls'];
const saturation = (mode: Mode, round: number, perSecond: number): SaturationRecord => ({ kind: 'saturation', mode, ...cell, round, perSecond, cpuUs: 1e6 / perSecond, p50Us: 1, p99Us: 2, load: 0.25, errors: 0 });
const paced = (mode: Mode, round: number, calls: number): PacedRecord => {
  const histogram = new Histogram();
  for (let i = 0; i < calls; i++) histogram.add(i);
  return { kind: 'paced', mode, ...cell, round, perSecond: 100, cpuUs: 5, p50Us: 10 + round, p99Us: 20, p999Us: 30, maxUs: 40, load: 0.1, errors: round, firstError: round === 0 ? undefined : 'an answer', calls, histogram: histogram.pairs() };
};
const ENTRIES: readonly Entry[] = [
  { kind: 'rate', ...cell, perSecond: 100 },
  ...[0, 1, 2].flatMap((round) => [saturation('monolith', round, 100 * (round + 1)), saturation('process', round, 50 * (round + 1)), paced('monolith', round, 1_500), paced('process', round, 500)]),
  { kind: 'fault', part: 'work', mode: 'remote-tls', what: 'start', reason: 'openssl is not installed\nmore' },
  { kind: 'start', mode: 'process', how: 'warm', round: 0, readyMs: 300, pssMib: 100, processes: 5 },
  { kind: 'memory', mode: 'process', round: 0, pssMib: 130 },
];
const summary = summarize(modes, [cell], ENTRIES);

describe('the summary', () => {
  it('holds medians with their spread, and ratios of the same round', () => {
    const process = summary.cells[0]?.modes.process?.saturation;
    expect(process?.perSecond).toEqual({ median: 100, min: 50, max: 150, values: [50, 100, 150] });
    expect(process?.perSecondRatio).toEqual({ median: 0.5, min: 0.5, max: 0.5, values: [0.5, 0.5, 0.5] });
    expect(process?.cpuRatio?.median).toBe(2);
    expect(summary.cells[0]?.pacedPerSecond).toBe(100);
    expect(summary.cells[0]?.modes.process?.paced).toMatchObject({ errors: 3, firstError: 'an answer', calls: 1_500 });
  });

  it('has the slowest call in a thousand only where there are a thousand', () => {
    expect(summary.cells[0]?.modes.monolith?.paced?.p999Us?.median).toBe(30);
    const few = summary.cells[0]?.modes.process?.paced;
    expect(few?.p999Us).toBeUndefined();
    expect(Math.abs((few?.p999OfAllUs ?? NaN) / 500 - 1)).toBeLessThan(1 / 64);
    expect(summarize(modes, [cell], [paced('process', 0, 999)]).cells[0]?.modes.process?.paced?.p999OfAllUs).toBeUndefined();
  });

  it('shows a mode that could not run in each of its tables, and why', () => {
    const text = textOf(summary, ['head']);
    expect(text.match(/remote-tls .*CANNOT DO THIS HERE: start: openssl is not installed/g)).toHaveLength(2);
    expect(text).toMatch(/monolith +200 \(100-300\) +1\.00 \(1\.00-1\.00\)/);
    expect(markdownOf(summary, ['head'])).toMatch(/\| state get, 100 B \| 200 ±50 % \| 100 ±50 %, 50 % \| \*\*can't run here\*\* \|/);
    const svg = plotOf(summary, ['head']);
    expect(svg.match(/>can&#39;t run here</g)).toHaveLength(3); // throughput, processor time, latency
    expect(svg).toContain('>not measured<'); // the starts of all but one
  });

  it('survives a window without a single call', () => {
    const empty = { ...paced('monolith', 0, 0), p50Us: NaN, p99Us: NaN, p999Us: NaN, cpuUs: NaN };
    const shown = textOf(summarize(modes, [cell], [JSON.parse(JSON.stringify(empty)) as PacedRecord]), ['head']);
    expect(shown).toMatch(/monolith +- +- +-/);
  });
});

describe('the plot', () => {
  it('is well-formed, has its own background, and escapes what is shown', () => {
    const svg = plotOf(summary, ['<machine> & "more"']);
    expect(svg).toContain('<rect x="0" y="0" width="1320"');
    expect(svg).toContain('&lt;machine&gt; &amp; &quot;more&quot;');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    const open: string[] = [];
    for (const [, end, name, own] of svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
      if (end === '/') expect(open.pop()).toBe(name);
      else if (own !== '/') open.push(name as string);
    }
    expect(open).toEqual([]);
  });
});

describe('the journal', () => {
  const settings = { rounds: 3 };

  it('keeps what was measured over an interruption in the middle of a line, and nothing twice', () => {
    const first = new Journal(folder, settings, false);
    for (const entry of ENTRIES) first.add(entry);
    writeFileSync(first.path, readFileSync(first.path, 'utf8') + '{"kind":"paced","mo');
    const second = new Journal(folder, settings, true);
    expect(second.entries).toEqual(JSON.parse(JSON.stringify(ENTRIES)));
    second.add(saturation('monolith', 0, 1));
    expect(second.entries).toHaveLength(ENTRIES.length);
    expect(summarize(modes, [cell], second.entries)).toEqual(summary);
    const third = new Journal(folder, settings, true);
    third.remove();
  });

  it('does not go on with what was measured otherwise, and begins anew unless told to go on', () => {
    new Journal(folder, settings, false).add(saturation('monolith', 0, 1));
    expect(() => new Journal(folder, { rounds: 4 }, true)).toThrow(/other flags, \{"rounds":3\}/);
    expect(new Journal(folder, settings, false).entries).toEqual([]);
  });
});

describe('the flags', () => {
  const read = (...words: string[]) => readOptions(words, () => '/tmp/elsewhere');

  it('say which value is none, and what may stand there', () => {
    expect(() => read('--modes', 'monolith,proces')).toThrow('--modes monolith,proces: "proces" is none of monolith, thread');
    expect(() => read('--sizes', '100,x')).toThrow('--sizes x: a number from');
    expect(() => read('--rounds', '0')).toThrow('--rounds 0: a number from 1');
    expect(() => read('--share', '')).toThrow('--share : a number from');
  });

  it('let only a whole run take the place of the results', () => {
    expect(read().folder).toMatch(/bench\/results$/);
    for (const words of [['--quick'], ['--rounds', '4'], ['--modes', 'thread'], ['--protocol', 'http'], ['--redis'], ['--parts', 'work']]) expect(read(...words).folder).toBe('/tmp/elsewhere');
    expect(read('--quick', '--to', '/tmp/here').folder).toBe('/tmp/here');
  });

  it('make a plan that a person can wait for', () => {
    const options = read();
    const cells = cellsOf(options.operations, options.sizes);
    expect(cells).toHaveLength(13);
    expect(wholeMs(stepsOf(options, { cells: cells.length, starts: 9, kills: 7 }))).toBeLessThan(18 * 60_000);
  });
});
