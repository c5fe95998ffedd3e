// What the calls of the runs came to: for each failure of each block, how the others fared beside their calm time, how the
// block itself did, how long it took, and what was lost.
import { median, percentile } from '../../bench/statistics.ts';
import type { Lost } from './books.ts';
import type { Cluster, Deliveries } from './cluster.ts';
import type { Call } from './generator.ts';
import { BLOCKS } from './lanes.ts';
import type { Balance } from './load-calls.ts';
import { FAILURE_ROWS } from './plan.ts';
import type { Run } from './runs.ts';

/** One line of the table: all repetitions of a failure of a block. */
export interface Figures {
  readonly failure: string;
  readonly what: string;
  readonly block: string;
  readonly runs: number;
  /** Calls of everything but the block, from the failure until all was well again. */
  readonly otherCalls: number;
  readonly otherErrors: number;
  /** Of the others: before the failure, after it, and the ratio; each the median of the repetitions. */
  readonly calmP99Ms: number;
  readonly p99Ms: number;
  readonly ratio: number;
  readonly safeCalls: number;
  readonly safeErrors: number;
  readonly unsafeCalls: number;
  readonly unsafeErrors: number;
  /** The longest time without an answer of the block, from the failure at the earliest; undefined where there was no gap to speak of. */
  readonly recoveryMs: number | undefined;
  readonly slowestRecoveryMs: number | undefined;
  readonly writesLost: number;
  readonly messagesLost: number;
  readonly messagesTwice: number;
  /** How it ended, one of them. */
  readonly exit: string;
  readonly surprises: readonly string[];
  readonly outlastsHold: boolean;
}

/** What is missing in the books, with the moment at which it was acknowledged; and what came twice, with the moment when. */
export interface Losses {
  readonly writes: readonly Lost[];
  readonly messages: readonly Lost[];
  readonly twice: readonly Lost[];
}

export function lossesOf({ lostWrites, published }: Balance, deliveries: ReadonlyMap<string, Deliveries>): Losses {
  const messages: Lost[] = [];
  const twice: Lost[] = [];
  for (const [broker, numbers] of Object.entries(published)) {
    const book = deliveries.get(broker);
    for (const [number, atMs] of numbers) if (book?.has(number) !== true) messages.push({ what: `message ${number} on ${broker}`, atMs });
  }
  for (const [broker, book] of deliveries) {
    for (const [number, times] of book) for (const atMs of times.slice(1)) twice.push({ what: `message ${number} on ${broker}`, atMs });
  }
  return { writes: lostWrites, messages, twice };
}

/** Waits until all that was acknowledged was delivered, or for so long. */
export async function untilDelivered({ published }: Balance, { deliveries }: Cluster, timeoutMs: number, pause: (ms: number) => Promise<unknown>): Promise<void> {
  const isThere = ([broker, numbers]: readonly [string, Balance['published'][string]]): boolean => numbers.every(([number]) => deliveries.get(broker)?.has(number) === true);
  for (let left = timeoutMs; left > 0 && !Object.entries(published).every(isThere); left -= 100) await pause(100);
}

export function figuresOf(runs: readonly Run[], calls: readonly Call[], losses: Losses): Figures[] {
  const byTime = calls.toSorted((a, b) => a.dueMs - b.dueMs);
  const groups = Map.groupBy(runs, ({ row, block }) => `${row.name} ${block}`);
  const ordered = FAILURE_ROWS.flatMap(({ name }) => BLOCKS.map((block) => groups.get(`${name} ${block}`) ?? [])).filter(({ length }) => length > 0);
  return ordered.map((group) => figuresOfGroup(group, byTime, losses));
}

function figuresOfGroup(group: readonly Run[], byTime: readonly Call[], losses: Losses): Figures {
  const { row, block } = group[0] as Run;
  const parts = group.map((run) => ({ run, ...split(run, byTime) }));
  const all = (of: (part: (typeof parts)[number]) => readonly Call[]): Call[] => parts.flatMap(of);
  const own = all(({ own: calls }) => calls);
  const safe = own.filter(({ lane }) => lane.safe);
  const unsafe = own.filter(({ lane }) => !lane.safe);
  const recoveries = parts.map(({ run, around }) => recoveryOf(run, around)).filter((ms) => ms !== undefined);
  const within = (list: readonly Lost[]): number => list.filter(({ atMs }) => group.some(({ calmFromMs, untilMs }) => atMs >= calmFromMs && atMs < untilMs)).length;
  const others = all(({ others: calls }) => calls);
  return {
    failure: row.name, what: row.what, block, runs: group.length,
    otherCalls: others.length, otherErrors: others.filter(({ failed }) => failed).length,
    calmP99Ms: median(parts.map(({ calm }) => p99(calm))), p99Ms: median(parts.map(({ others: calls }) => p99(calls))), ratio: median(parts.map(({ calm, others: calls }) => p99(calls) / p99(calm))),
    safeCalls: safe.length, safeErrors: safe.filter(({ failed }) => failed).length,
    unsafeCalls: unsafe.length, unsafeErrors: unsafe.filter(({ failed }) => failed).length,
    recoveryMs: recoveries.length === 0 ? undefined : median(recoveries), slowestRecoveryMs: recoveries.length === 0 ? undefined : Math.max(...recoveries),
    writesLost: within(losses.writes), messagesLost: within(losses.messages), messagesTwice: within(losses.twice),
    exit: group.at(-1)?.exit ?? '', surprises: group.map(({ surprise }) => surprise).filter((text) => text !== ''), outlastsHold: row.outlastsHold === true,
  };
}

interface Parts {
  /** Of the others, before and after the failure. */
  readonly calm: readonly Call[];
  readonly others: readonly Call[];
  /** Of the block, after the failure or not answered when it came. */
  readonly own: readonly Call[];
  /** Of the block, calm time and all. */
  readonly around: readonly Call[];
}

function split({ block, calmFromMs, failedAtMs, untilMs }: Run, byTime: readonly Call[]): Parts {
  const calm: Call[] = [];
  const others: Call[] = [];
  const own: Call[] = [];
  const around: Call[] = [];
  for (let at = firstAt(byTime, calmFromMs); at < byTime.length; at++) {
    const call = byTime[at] as Call;
    if (call.dueMs >= untilMs) break;
    // A call that was under way when the block failed is a call of the failure.
    const after = call.dueMs >= failedAtMs || call.doneMs > failedAtMs;
    if (call.lane.block === block) {
      around.push(call);
      if (after) own.push(call);
    } else (after ? others : calm).push(call);
  }
  return { calm, others, own, around };
}

/** What users see of a failure: how long nobody was answered. Only a gap well beyond those of the calm time is one. */
function recoveryOf({ failedAtMs, calmFromMs, untilMs }: Run, around: readonly Call[]): number | undefined {
  const answers = around.filter(({ failed }) => !failed).map(({ doneMs }) => doneMs).sort((a, b) => a - b);
  let calmGapMs = 0;
  let gapMs = 0;
  let lastMs = calmFromMs;
  for (const ms of [...answers.filter((ms) => ms < untilMs), untilMs]) {
    if (ms <= failedAtMs) calmGapMs = Math.max(calmGapMs, ms - lastMs);
    else gapMs = Math.max(gapMs, ms - Math.max(lastMs, failedAtMs));
    lastMs = ms;
  }
  return gapMs > calmGapMs ? gapMs : undefined;
}

function p99(calls: readonly Call[]): number {
  return percentile(Float64Array.from(calls, ({ dueMs, doneMs }) => doneMs - dueMs).sort(), 0.99);
}

function firstAt(byTime: readonly Call[], dueMs: number): number {
  let low = 0;
  let high = byTime.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((byTime[middle] as Call).dueMs < dueMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
