// Does the planned runs, one after the other, under a load that never pauses: a calm time, the failure, and then waiting until
// the block is well again. What the calls of each run came to is looked up afterwards (figures.ts).
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlockRow } from '../harness/sidecar.ts';
import { clockMs } from './clock.ts';
import type { Cluster } from './cluster.ts';
import type { Generator } from './generator.ts';
import { inject, killNow } from './inject.ts';
import type { PlannedRun } from './plan.ts';

/** What one run was. Times are on the campaign's clock. */
export interface Run extends PlannedRun {
  readonly calmFromMs: number;
  readonly failedAtMs: number;
  readonly untilMs: number;
  /** How the block ended, as `/actuator/blocks` says; `''`: it did not. */
  readonly exit: string;
  /** What should have come of it and did not; `''`: all is as planned. */
  readonly surprise: string;
}

export interface RunOptions {
  /** Time that is looked at after the failure, at the least. Milliseconds. */
  readonly afterMs: number;
  readonly onProgress: (line: string) => void;
}

/** Within this a block is well again, whatever was done to it: an init has 15 s, and a life that doesn't begin is given a second chance. */
const HEAL_MS = 40_000;
/** Between two looks at the blocks. */
const LOOK_MS = 100;
/** Of a reason in a line of progress. */
const LONGEST_EXIT = 120;
/** After a block is ready: what waited for it is answered by then. */
const SETTLE_MS = 400;

export async function doRuns(cluster: Cluster, load: Generator, plan: readonly PlannedRun[], { afterMs, onProgress }: RunOptions): Promise<Run[]> {
  const runs: Run[] = [];
  for (const [index, planned] of plan.entries()) {
    const { row, block, calmMs, repetition } = planned;
    const calmFromMs = clockMs();
    while (clockMs() < calmFromMs + calmMs) await look(cluster, block); // the calm time is watched as closely
    const before = await look(cluster, block);
    const failedAtMs = await inject(cluster, row, block, `run-${index}`);
    let now = before;
    let surprise = '';
    for (;;) {
      now = await look(cluster, block);
      const elapsedMs = clockMs() - failedAtMs;
      if (elapsedMs >= afterMs && isOver(planned, before, now, cluster.control.isSpent)) break;
      if (elapsedMs < HEAL_MS) continue;
      surprise = now.state === 'ready' ? `it was to end, and lives on (${row.leads})` : `it is ${now.state} after ${HEAL_MS / 1000} s`;
      break;
    }
    const ended = now.life > before.life;
    if (row.leads === 'lives' && ended) surprise = `it was to live on, and ended: ${now.lastExit ?? ''}`;
    await sleep(SETTLE_MS);
    const untilMs = clockMs();
    runs.push({ ...planned, calmFromMs, failedAtMs, untilMs, exit: ended ? exitOf(before, now) : '', surprise });
    await load.take();
    onProgress(`${index + 1}/${plan.length} ${row.name} of ${block} (${repetition}): ${surprise === '' ? (ended ? exitOf(before, now).slice(0, LONGEST_EXIT) : 'lives on') : surprise}`);
    if (row.spoils === true || surprise !== '') await refresh(cluster, block);
  }
  return runs;
}

function isOver({ row }: PlannedRun, before: BlockRow, now: BlockRow, spent: boolean): boolean {
  // Where the next life is the one that fails, it is the one after it that is well.
  const lives = row.leads === 'lives' ? 0 : 'life' in row.does && row.does.life !== 'open-hang' ? 2 : 1;
  return now.state === 'ready' && now.life >= before.life + lives && spent;
}

function exitOf(before: BlockRow, now: BlockRow): string {
  if ((now.replaced ?? 0) > (before.replaced ?? 0)) return 'replaced';
  return now.lastDeath?.reason ?? now.lastExit ?? '';
}

async function look({ sidecar }: Cluster, block: string): Promise<BlockRow> {
  await sleep(LOOK_MS);
  return sidecar.block(block);
}

/** A new life without the traces of the last failure. */
async function refresh(cluster: Cluster, block: string): Promise<void> {
  const { life } = await cluster.sidecar.block(block);
  await killNow(cluster.sidecar, block).catch(() => undefined);
  for (const end = clockMs() + HEAL_MS; clockMs() < end;) {
    const now = await look(cluster, block);
    if (now.life > life && now.state === 'ready') break;
  }
  await sleep(SETTLE_MS);
}
