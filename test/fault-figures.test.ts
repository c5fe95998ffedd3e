// The campaign's own judgement: that it finds what is lost, counts what failed where, and knows a gap from a calm time. A checker
// that never says no would prove nothing.
import { describe, expect, it } from 'vitest';
import { Growing, Unique, Writes } from './chaos/books.ts';
import type { CampaignResult } from './chaos/campaign.ts';
import { Control, Orders } from './chaos/control.ts';
import { figuresOf, lossesOf, type Losses } from './chaos/figures.ts';
import type { Call } from './chaos/generator.ts';
import { BLOCKS, lanesFor, type Lane } from './chaos/lanes.ts';
import type { Balance } from './chaos/load-calls.ts';
import { FAILURE_ROWS, planRuns } from './chaos/plan.ts';
import { goals, violations } from './chaos/report.ts';
import type { Run } from './chaos/runs.ts';
import { Random } from './linearizability/random.ts';

const NO_LOSSES: Losses = { writes: [], messages: [], twice: [] };
const KILL = FAILURE_ROWS.find(({ name }) => name === 'kill')!;
const NO_HELLO = FAILURE_ROWS.find(({ name }) => name === 'no-hello')!;

/** A calm second, a failure at 1000, two more seconds. */
const run = (over: Partial<Run> = {}): Run => ({ row: KILL, block: 'state', repetition: 1, calmMs: 1_000, calmFromMs: 0, failedAtMs: 1_000, untilMs: 3_000, exit: 'signal SIGKILL', surprise: '', ...over });
const lane = (block: Lane['block'], safe: boolean): Lane => ({ name: `${block} ${safe}`, block, operation: 'read', component: 'c', protocol: 'HTTP', rate: 1, safe, kept: true });
const call = (at: Lane, dueMs: number, tookMs: number, failed = false): Call => ({ lane: at, dueMs, doneMs: dueMs + tookMs, failed });
/** One call each 10 ms. */
const steady = (at: Lane, fromMs: number, untilMs: number, tookMs: number): Call[] => Array.from({ length: (untilMs - fromMs) / 10 }, (_, index) => call(at, fromMs + 10 * index, tookMs));

const STATE_READ = lane('state', true);
const STATE_WRITE = lane('state', false);
const LOCK = lane('lock', false);

describe('the books of a load', () => {
  it('miss a write that was acknowledged and is not there, or is an older one again', () => {
    const writes = new Writes();
    writes.done('k', 1, 10);
    writes.done('k', 5, 20);
    expect(writes.fault('k', 5)).toBeUndefined();
    expect(writes.fault('k', 1)).toMatchObject({ atMs: 20, what: 'k is 1 where 5 was acknowledged' });
    expect(writes.fault('k', 0)).toBeDefined();
    expect(writes.fault('k', 7), 'nobody ever wrote it').toBeDefined();
  });

  it('take a later write whose answer was lost for what it is: it may have happened', () => {
    const writes = new Writes();
    writes.done('k', 5, 20);
    writes.unknown('k', 9, false);
    expect([writes.fault('k', 9), writes.fault('k', 5)]).toEqual([undefined, undefined]);
    writes.unknown('k', 3, false);
    expect(writes.fault('k', 3), 'it came after what was acknowledged later').toBeDefined();
    expect(writes.isStale('k', 3, 5)).toBe(true);
  });

  it('do not wonder at a write that was given up without an answer: it may happen whenever it wants', () => {
    const writes = new Writes();
    writes.unknown('k', 3, true);
    writes.done('k', 5, 20);
    expect([writes.fault('k', 3), writes.fault('k', 4)?.atMs, writes.isStale('k', 3, 5), writes.isStale('k', 4, 5), writes.isStale('k', 5, 5)]).toEqual([undefined, 20, false, true, false]);
  });

  it('see a token that does not grow and an id that comes again', () => {
    const tokens = new Growing();
    for (const [resource, token] of [['a', 1n], ['b', 1n], ['a', 2n], ['b', 1n]] as const) tokens.note(resource, token, 0);
    expect(tokens.faults).toEqual([{ what: 'token 1 of b after 1', atMs: 0 }]);
    const ids = new Unique();
    for (const id of [1n, 2n, 1n]) ids.note(id, 0);
    expect(ids.faults).toEqual([{ what: 'id 1 came again', atMs: 0 }]);
  });

  it('miss a message that was acknowledged and never came, and see one that came twice', () => {
    const balance: Balance = { writes: {}, published: { broker: [[1, 10], [2, 20], [3, 30]] }, locks: 0, ids: 0, lostWrites: [], broken: [] };
    expect(lossesOf(balance, new Map([['broker', new Map([[1, [15]], [3, [35, 40]], [4, [50]]])]]))).toEqual({
      writes: [], messages: [{ what: 'message 2 on broker', atMs: 20 }], twice: [{ what: 'message 3 on broker', atMs: 40 }],
    });
  });
});

describe('the figures of a run', () => {
  it('count failures of other blocks from the failure on, and calls that were under way then', () => {
    const calls = [call(LOCK, 500, 5, true), call(LOCK, 995, 10, true), call(LOCK, 2_000, 5, true), call(LOCK, 3_500, 5, true), call(STATE_WRITE, 1_100, 5, true), call(STATE_READ, 1_100, 5, true), call(STATE_READ, 1_200, 5)];
    const [figures] = figuresOf([run()], calls, NO_LOSSES);
    expect(figures).toMatchObject({ otherErrors: 2, otherCalls: 2, safeErrors: 1, safeCalls: 2, unsafeErrors: 1, unsafeCalls: 1 });
  });

  it('compare the p99 of others before and after, and take the median of the repetitions', () => {
    const at = (fromMs: number, before: number, after: number): Call[] => [...steady(LOCK, fromMs, fromMs + 1_000, before), ...steady(LOCK, fromMs + 1_000, fromMs + 3_000, after)];
    const runs = [0, 10_000, 20_000].map((ms) => run({ calmFromMs: ms, failedAtMs: ms + 1_000, untilMs: ms + 3_000 }));
    const [figures] = figuresOf(runs, [...at(0, 2, 2), ...at(10_000, 2, 8), ...at(20_000, 4, 5)], NO_LOSSES);
    expect(figures).toMatchObject({ runs: 3, ratio: 1.25, calmP99Ms: 2, p99Ms: 5 });
  });

  it('know when a block answers again, and a gap from none', () => {
    const gone = [...steady(STATE_READ, 0, 1_000, 1), ...steady(STATE_READ, 1_240, 3_000, 1)];
    expect(figuresOf([run()], gone, NO_LOSSES)[0]?.recoveryMs).toBe(241);
    const held = [...steady(STATE_READ, 0, 1_000, 1), ...Array.from({ length: 10 }, (_, index) => call(STATE_READ, 1_000 + index * 20, 300 - index * 20)), ...steady(STATE_READ, 1_300, 3_000, 1)];
    expect(figuresOf([run()], held, NO_LOSSES)[0]?.recoveryMs, 'calls that waited count from their answers').toBe(300);
    expect(figuresOf([run()], steady(STATE_READ, 0, 3_000, 1), NO_LOSSES)[0]?.recoveryMs).toBeUndefined();
    expect(figuresOf([run()], steady(STATE_READ, 0, 1_000, 1), NO_LOSSES)[0]?.recoveryMs, 'never again').toBe(2_000);
  });

  it('give a loss to the run in whose time it was acknowledged', () => {
    const losses: Losses = { writes: [{ what: 'k', atMs: 1_500 }], messages: [{ what: 'm', atMs: 11_500 }, { what: 'n', atMs: 30_000 }], twice: [] };
    const figures = figuresOf([run(), run({ block: 'lock', calmFromMs: 10_000, failedAtMs: 11_000, untilMs: 13_000 })], [], losses);
    expect(figures.map(({ writesLost, messagesLost }) => [writesLost, messagesLost])).toEqual([[1, 0], [0, 1]]);
  });
});

describe('the verdict', () => {
  const result = (runs: readonly Run[], calls: readonly Call[], losses = NO_LOSSES): CampaignResult => ({
    figures: figuresOf(runs, calls, losses), runs, losses, otherFailures: [],
    balance: { writes: {}, published: {}, locks: 0, ids: 0, lostWrites: losses.writes, broken: [] },
    summary: { seconds: 1, calls: 1, callsPerSecond: 1, calmP50Ms: 1, calmP99Ms: 1, latestStartMs: 0, sidecarCores: 0, loadCores: 0, kernelRssMibBefore: 0, kernelRssMibAfter: 0 },
  });

  it('is good where nothing happened, and names everything that has to be zero and is not', () => {
    const calm = [...steady(LOCK, 0, 3_000, 1), ...steady(STATE_READ, 0, 3_000, 1)];
    expect(violations({ campaign: result([run()], calm) })).toEqual([]);
    const losses: Losses = { writes: [{ what: 'k', atMs: 1_500 }], messages: [{ what: 'm', atMs: 1_500 }], twice: [] };
    expect(violations({ campaign: result([run({ surprise: 'it lives on' })], [...calm, call(LOCK, 1_500, 1, true), call(STATE_READ, 1_500, 1, true), call(STATE_WRITE, 1_500, 1, true)], losses) })).toEqual([
      'kill of state: errors of other blocks: 1', 'kill of state: failed safe calls: 1', 'kill of state: it lives on', 'acknowledged writes that are lost: 1', 'acknowledged messages that were not delivered: 1',
    ]);
  });

  it('does not ask for safe calls where a block is away for longer than calls are held', () => {
    const calls = [...steady(LOCK, 0, 3_000, 1), call(STATE_READ, 1_500, 1, true)];
    expect(violations({ campaign: result([run({ row: NO_HELLO })], calls) })).toEqual([]);
  });

  it('measures the goal of 1.2 by the median of all rows', () => {
    const calls = [...steady(LOCK, 0, 1_000, 1), ...steady(LOCK, 1_000, 3_000, 2)];
    expect(goals({ campaign: result([run()], calls) }).map((row) => Object.values(row).at(-1))).toEqual(['reached', 'MISSED', 'reached', 'reached', 'reached']);
  });
});

describe('the plan', () => {
  const options = { only: [], blocks: BLOCKS, repetitions: 2, calmMs: 100 };

  it('is the same for the same seed and another for another', () => {
    const names = (seed: number): string[] => planRuns(options, new Random(seed)).map(({ row, block, calmMs }) => `${row.name} ${block} ${calmMs}`);
    expect(names(1)).toEqual(names(1));
    expect(names(1)).not.toEqual(names(2));
  });

  it('has every failure of every block in each repetition, and no block twice in a row', () => {
    const plan = planRuns(options, new Random(3));
    expect(new Set(plan.map(({ row, block, repetition }) => `${row.name} ${block} ${repetition}`)).size).toBe(FAILURE_ROWS.length * BLOCKS.length * 2);
    expect(plan.filter(({ block }, index) => plan[index - 1]?.block === block)).toEqual([]);
  });

  it('has load on every block, whatever servers there are', () => {
    for (const there of [true, false]) expect(new Set(lanesFor({ redis: there, etcd: there, kafka: there }, 1).map(({ block }) => block))).toEqual(new Set([...BLOCKS, 'kernel']));
  });
});

describe('orders to the lives of a block', () => {
  it('are followed once each, by whoever comes first', () => {
    using control = new Control();
    const [one, other] = [new Orders(control.folder), new Orders(control.folder)];
    control.nextLife('state', 'no-hello');
    expect(control.isSpent).toBe(false);
    expect([one.claim('lock', 'no-hello'), one.claim('state', 'init-hang'), one.claim('state', 'no-hello'), other.claim('state', 'no-hello')]).toEqual([false, false, true, false]);
    expect([one.isFirst('word'), other.isFirst('word'), one.isFirst('another')]).toEqual([true, false, true]);
    expect(control.isSpent).toBe(true);
  });
});
