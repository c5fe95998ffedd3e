// What a campaign came to: its histories checked, its counts in a table.
import { printTable, type Row } from '../../../bench/table.ts';
import type { Lines } from '../../harness/lines.ts';
import { check, verdict, type Findings } from '../checker.ts';
import { etagRegister } from '../etag-register.ts';
import { overlaps } from '../lock-intervals.ts';
import { lock } from '../lock.ts';
import { checkSequences } from '../sequence.ts';
import { MODELS, type Clients, type ModelName } from './clients.ts';
import type { Fault } from './faults.ts';
import type { BlockName } from './member.ts';
import type { StoreKind } from './stores.ts';

export interface Report {
  readonly store: string;
  readonly models: Readonly<Record<ModelName, ModelReport>>;
  readonly faults: readonly Fault[];
  /** Texts of errors that clients met, with how often. */
  readonly errors: ReadonlyMap<string, number>;
  /** Errors before the first fault. */
  readonly errorsBefore: number;
  readonly tookMs: number;
  /** Of each sidecar's last life. */
  readonly logs: readonly Lines[];
}

export interface ModelReport extends Findings {
  /** Operations that certainly did not happen; they are in no other number. */
  readonly failed: number;
  readonly longestGapMs: number;
  readonly checkedMs: number;
}

interface Ended {
  readonly store: StoreKind;
  readonly clients: Clients;
  readonly faults: readonly Fault[];
  readonly errorsBefore: number;
  readonly tookMs: number;
  readonly logs: readonly Lines[];
}

export function reportOn({ store, clients, faults, errorsBefore, tookMs, logs }: Ended): Report {
  const { locks, etags, ids } = clients.histories;
  const report = (model: ModelName, failed: number, find: () => Findings): ModelReport => {
    const beganMs = performance.now();
    const found = find();
    return { ...found, failed, longestGapMs: clients.longestGapMs(model), checkedMs: performance.now() - beganMs };
  };
  const models = {
    locks: report('locks', locks.failed, () => {
      const found = check(locks.operations, lock);
      const twice = overlaps(locks.operations).map(([one, other]) => `${one.acquired.key}: ${one.owner} and ${other.owner} had it at the same time, tokens ${tokenOf(one)} and ${tokenOf(other)}`);
      return { ...found, violations: [...found.violations, ...twice] };
    }),
    etags: report('etags', etags.failed, () => check(etags.operations, etagRegister(store.etags))),
    ids: report('ids', ids.failed, () => checkSequences(ids.operations)),
  };
  return { store: store.name, models, faults, errors: clients.errors, errorsBefore, tookMs, logs };
}

export function kills({ faults }: Report): number {
  return faults.filter(({ kind }) => kind.startsWith('kill')).length;
}

/** One row for each store and model. */
export function printReports(title: string, reports: readonly Report[]): void {
  printTable(`${title} (${reports.map(({ store, tookMs }) => `${store}: ${(tookMs / 1000).toFixed(1)} s`).join(', ')})`, reports.flatMap((report) => MODELS.map((model) => rowOf(report, model))));
}

/** What clients were told that was no answer, the most frequent first. */
export function printErrors(reports: readonly Report[]): void {
  for (const { store, errors } of reports) {
    process.stdout.write(`\nErrors that clients met on ${store}\n`);
    for (const [text, count] of [...errors].sort(([, a], [, b]) => b - a).slice(0, SHOWN_ERRORS)) process.stdout.write(`  ${String(count).padStart(6)} ${text}\n`);
  }
}

const SHOWN_ERRORS = 12;
/** Whose processes a model's operations go through. */
const BLOCK_OF: Readonly<Record<ModelName, BlockName>> = { locks: 'lock', etags: 'state', ids: 'sequencer' };

function rowOf({ store, models, faults }: Report, model: ModelName): Row {
  const { operations, unknown, failed, keys, steps, violations, undecided, longestGapMs, checkedMs } = models[model];
  const count = (counts: (fault: Fault) => boolean): number => faults.filter(counts).length;
  return {
    'store': store,
    'model': model,
    'operations': operations,
    'unknown': unknown,
    'not done': failed,
    'keys': keys,
    'block kills': count((fault) => fault.kind === 'kill block' && fault.block === BLOCK_OF[model]),
    'kernel kills': count(({ kind }) => kind === 'kill kernel'),
    'store kills': count(({ kind }) => kind === 'kill store'),
    'pauses': count(({ kind }) => kind.startsWith('pause')),
    'longest gap ms': Math.round(longestGapMs),
    'check steps': steps,
    'check ms': Math.round(checkedMs),
    'verdict': verdict({ violations, undecided }),
  };
}

function tokenOf({ acquired: { answer } }: ReturnType<typeof overlaps>[number][0]): string {
  return answer !== undefined && 'token' in answer ? String(answer.token) : 'unknown';
}
