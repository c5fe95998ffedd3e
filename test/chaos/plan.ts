// The failures of the campaign, as data: what is asked for, what has to come of it, and in which order it is done.
import type { Random } from '../linearizability/random.ts';
import type { LifeFailure } from './control.ts';
import type { FailureName } from './failures.ts';
import { BLOCKS, type BlockName } from './lanes.ts';

export interface FailureRow {
  /** In the table and for `--only`. */
  readonly name: string;
  /** In words. */
  readonly what: string;
  /** What is asked for in a call; or what the next life does, which then is made to come by SIGKILL. */
  readonly does: { readonly failure: FailureName; readonly argument?: string } | { readonly life: LifeFailure };
  /** `ends`: the life dies of it, or of us. `replaced`: another life takes over while it still works. `lives`: nothing comes of it. */
  readonly leads: 'ends' | 'replaced' | 'lives';
  /** What the block has become is of no use for the next run: it is killed after this one. */
  readonly spoils?: true;
  /** Longer than calls are held: calls of the block itself fail by design, the safe ones too. */
  readonly outlastsHold?: true;
}

export const FAILURE_ROWS: readonly FailureRow[] = [
  { name: 'throw', what: 'uncaught exception', does: { failure: 'throw' }, leads: 'ends' },
  { name: 'reject', what: 'unhandled rejection', does: { failure: 'reject' }, leads: 'ends' },
  { name: 'exit', what: 'process.exit', does: { failure: 'exit' }, leads: 'ends' },
  { name: 'kill', what: 'SIGKILL', does: { failure: 'kill' }, leads: 'ends' },
  { name: 'segv', what: 'SIGSEGV in native code', does: { failure: 'segv' }, leads: 'ends' },
  { name: 'loop', what: 'endless loop', does: { failure: 'loop' }, leads: 'ends' },
  { name: 'block', what: 'event loop blocked for 1 s', does: { failure: 'block', argument: '1000' }, leads: 'lives' },
  { name: 'heap', what: 'heap overflow', does: { failure: 'heap' }, leads: 'ends' },
  { name: 'leak', what: 'memory leak past the limit', does: { failure: 'leak', argument: '1' }, leads: 'replaced' },
  { name: 'files', what: 'descriptor leak', does: { failure: 'files' }, leads: 'replaced', spoils: true },
  { name: 'flood', what: 'flood of log lines', does: { failure: 'flood', argument: '100000' }, leads: 'lives' },
  { name: 'ring-full', what: '200 MB of answers at once', does: { failure: 'ring-full' }, leads: 'lives' },
  { name: 'too-many-calls', what: 'flood of calls to the kernel', does: { failure: 'too-many-calls' }, leads: 'ends' },
  { name: 'ring-corrupt', what: 'random bytes in the ring', does: { failure: 'ring-corrupt' }, leads: 'ends' },
  { name: 'no-hello', what: 'a hello that never comes', does: { life: 'no-hello' }, leads: 'ends', outlastsHold: true },
  { name: 'init-hang', what: 'an init that never ends', does: { life: 'init-hang' }, leads: 'ends', outlastsHold: true },
  { name: 'open-hang', what: 'a component that never opens', does: { life: 'open-hang' }, leads: 'ends' },
  { name: 'no-reply', what: 'a reply that never comes', does: { failure: 'no-reply' }, leads: 'lives' },
  { name: 'slow', what: 'a reply after 1 s', does: { failure: 'slow', argument: '1000' }, leads: 'lives' },
  { name: 'stray-replies', what: 'replies to calls never made', does: { failure: 'stray-replies' }, leads: 'ends' },
  { name: 'late-replies', what: 'replies to calls answered before', does: { failure: 'stray-replies', argument: 'late' }, leads: 'lives' },
  { name: 'stream-deaf', what: 'a stream that never reads', does: { failure: 'stream-deaf' }, leads: 'lives', spoils: true },
];

/** One run: a failure of a block, after a calm time. */
export interface PlannedRun {
  readonly row: FailureRow;
  readonly block: BlockName;
  /** Of this failure and block; counts from 1. */
  readonly repetition: number;
  /** Between the end of the run before and the failure. Milliseconds. */
  readonly calmMs: number;
}

export interface PlanOptions {
  readonly only: readonly string[];
  readonly blocks: readonly BlockName[];
  readonly repetitions: number;
  readonly calmMs: number;
}

/** All runs of one repetition in random order, then the next: whatever else the machine does hits all failures alike. */
export function planRuns({ only, blocks, repetitions, calmMs }: PlanOptions, random: Random): PlannedRun[] {
  const rows = only.length === 0 ? FAILURE_ROWS : FAILURE_ROWS.filter(({ name }) => only.includes(name));
  return Array.from({ length: repetitions }, (_, index) => apart(random.shuffled(rows.flatMap((row) => blocks.map((block) => ({ row, block })))))
    .map(({ row, block }) => ({ row, block, repetition: index + 1, calmMs: calmMs * random.between(1, 1.4) }))).flat();
}

/** Blocks take turns as far as they can: one that dies too often in a minute is restarted slowly, which is not what is measured. */
function apart<Item extends { readonly block: BlockName }>(items: readonly Item[]): Item[] {
  const lists = BLOCKS.map((block) => items.filter((item) => item.block === block));
  const ordered: Item[] = [];
  for (let at = 0; ordered.length < items.length; at++) for (const list of lists) if (list[at] !== undefined) ordered.push(list[at] as Item);
  return ordered;
}
