// What a kill came to, from the calls around it: how the other blocks fared, how the block itself did, how long it took.
import { percentile } from '../statistics.ts';
import { BLOCK_OF, type Block, type Operation } from './names.ts';
import type { KillFigures } from './records.ts';

export interface Calls {
  readonly operations: readonly Operation[];
  /** As in SteadyReport. */
  readonly calls: readonly number[];
  readonly messagesLost: number;
}

interface Call {
  readonly operation: Operation;
  readonly dueMs: number;
  readonly doneMs: number;
  readonly failed: boolean;
}

/** On the clock of the calls. */
export interface Moments {
  readonly killMs: number;
  /** The victim was gone: what it answered before is no recovery. */
  readonly deadMs: number;
  /** Nothing was due after that. */
  readonly endMs: number;
}

/** @param killed the block, all of whose calls are its own */
export function figuresOf({ operations, calls, messagesLost }: Calls, killed: Block, { killMs, deadMs, endMs }: Moments): KillFigures {
  const all = callsOf(operations, calls);
  const isOwn = ({ operation }: Call): boolean => BLOCK_OF[operation] === killed;
  const calm = all.filter(({ doneMs }) => doneMs < killMs);
  const after = all.filter(({ dueMs, doneMs }) => dueMs >= killMs || doneMs >= killMs); // what was under way is a call of the kill
  const others = after.filter((call) => !isOwn(call));
  const own = after.filter(isOwn);
  const errors = (list: readonly Call[], operation?: Operation): number => list.filter((call) => call.failed && (operation === undefined || call.operation === operation)).length;
  const gap = (block: 'own' | 'others', fromMs: number, toMs: number): number =>
    Math.max(0, ...operations.filter((operation) => (BLOCK_OF[operation] === killed) === (block === 'own')).map((operation) => longestGap(all.filter((call) => call.operation === operation), fromMs, toMs)));
  const answered = own.filter(({ failed, dueMs }) => !failed && dueMs >= deadMs).map(({ doneMs }) => doneMs);
  const firstMs = Math.min(...all.map(({ doneMs }) => doneMs), killMs);
  return {
    otherCalls: others.length, otherErrors: errors(others),
    otherGapMs: gap('others', killMs, endMs), calmGapMs: gap('others', firstMs, killMs),
    calmP99Ms: p99(calm.filter((call) => !isOwn(call))), otherP99Ms: p99(others),
    getErrors: errors(own, 'state-get'), setErrors: errors(own, 'state-set'), blockCalls: own.length, blockGapMs: gap('own', killMs, endMs),
    recoveryMs: answered.length === 0 ? undefined : Math.min(...answered) - killMs,
    messagesLost,
  };
}

function callsOf(operations: readonly Operation[], numbers: readonly number[]): Call[] {
  const calls: Call[] = [];
  for (let i = 0; i + 3 < numbers.length; i += 4) {
    calls.push({ operation: operations[numbers[i] as number] as Operation, dueMs: numbers[i + 1] as number, doneMs: numbers[i + 2] as number, failed: numbers[i + 3] === 1 });
  }
  return calls;
}

/** The longest time within these bounds in which none was answered. */
export function longestGap(calls: readonly Pick<Call, 'doneMs' | 'failed'>[], fromMs: number, toMs: number): number {
  let last = fromMs;
  let longest = 0;
  for (const doneMs of calls.filter(({ failed }) => !failed).map((call) => call.doneMs).sort((a, b) => a - b)) {
    if (doneMs <= fromMs) continue;
    if (doneMs > toMs) break;
    longest = Math.max(longest, doneMs - last);
    last = doneMs;
  }
  return Math.max(longest, toMs - last);
}

/** Of those that were answered; NaN when none was. */
const p99 = (calls: readonly Call[]): number => percentile(Float64Array.from(calls.filter(({ failed }) => !failed), ({ dueMs, doneMs }) => doneMs - dueMs).sort(), 0.99);
