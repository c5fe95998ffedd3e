// The fault campaign: one sidecar under a steady load, each failure in each block, and in the end the books. Who does what:
// cluster.ts is what runs, lanes.ts and load.ts the load, plan.ts the failures, runs.ts does them, figures.ts says what came of
// it, report.ts shows it. crashes.ts, recovery.ts and reloads.ts answer questions of their own.
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMicros, pssMib, treeOf } from '../../bench/processes.ts';
import { median, percentile } from '../../bench/statistics.ts';
import { eventually } from '../harness/awaiting.ts';
import { Random } from '../linearizability/random.ts';
import { clockMs } from './clock.ts';
import { startCluster, type ClusterOptions } from './cluster.ts';
import { figuresOf, lossesOf, untilDelivered, type Figures, type Losses } from './figures.ts';
import { Generator } from './generator.ts';
import { lanesFor, type Backends, type BlockName } from './lanes.ts';
import type { Balance } from './load-calls.ts';
import { planRuns } from './plan.ts';
import { doRuns, type Run } from './runs.ts';

export interface CampaignOptions {
  readonly backends: Backends;
  readonly seed: number;
  readonly only: readonly string[];
  readonly blocks: readonly BlockName[];
  readonly repetitions: number;
  /** Before each failure, and after it at the least. Milliseconds. */
  readonly calmMs: number;
  readonly afterMs: number;
  /** Of the usual load. */
  readonly share: number;
  readonly flags?: readonly string[];
  readonly isolation?: ClusterOptions['isolation'];
  readonly onProgress: (line: string) => void;
}

export interface CampaignResult {
  readonly figures: readonly Figures[];
  readonly runs: readonly Run[];
  readonly balance: Balance;
  readonly losses: Losses;
  readonly summary: Summary;
  /** What calls of other blocks failed with, some of them. */
  readonly otherFailures: readonly string[];
}

export interface Summary {
  readonly seconds: number;
  readonly calls: number;
  readonly callsPerSecond: number;
  /** Of other blocks in all calm times. Milliseconds. */
  readonly calmP50Ms: number;
  readonly calmP99Ms: number;
  /** What the load itself was late by, at worst. Milliseconds. */
  readonly latestStartMs: number;
  /** Share of one core, in the first calm time. */
  readonly sidecarCores: number;
  readonly loadCores: number;
  readonly kernelRssMibBefore: number;
  readonly kernelRssMibAfter: number;
}

/** Limits low enough to be reached soon, and high enough for what the blocks do. */
export const LIMIT_FLAGS = ['--block-memory=320Mi', '--block-heap=160Mi', '--block-files=1024'] as const;
/** What a broker may take to bring everything that a dead life held. */
const DELIVERY_MS = 30_000;
/** Until everything is compiled and connected. */
const WARM_MS = 4_000;
const LOOK_MS = 1_000;

export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { backends, seed, share, afterMs, onProgress, flags = [], isolation = 'process' } = options;
  const random = new Random(seed);
  await using cluster = await startCluster({ backends, isolation, flags: [...LIMIT_FLAGS, ...flags] });
  const { sidecar } = cluster;
  await using load = new Generator(sidecar, lanesFor(backends, share), random.below(2 ** 31));
  const beganMs = clockMs();
  await sleep(share >= 1 ? WARM_MS : WARM_MS / 4);
  await eventually('every lane has been answered', async () => {
    await load.take();
    return load.lanes.every((lane) => load.calls.some((call) => call.lane === lane && !call.failed));
  }, 30_000).catch((cause: Error) => { throw new Error(`${cause.message}; ${load.failures.slice(0, 3).map(({ text }) => text).join('; ')}`, { cause }); });
  const cores = await coresOf({ sidecar: treeOf(sidecar.pid), load: [load.pid] });
  const kernelRssMibBefore = rssMib(sidecar.pid);
  const runs = await doRuns(cluster, load, planRuns(options, random), { afterMs, onProgress });
  const balance = await load.stop();
  const seconds = (clockMs() - beganMs) / 1_000;
  const kernelRssMibAfter = rssMib(sidecar.pid);
  await untilDelivered(balance, cluster, DELIVERY_MS, sleep);
  const losses = lossesOf(balance, cluster.deliveries);
  const calm = Float64Array.from(load.calls.filter(({ dueMs, lane }) => runs.some(({ calmFromMs, failedAtMs, block }) => dueMs >= calmFromMs && dueMs < failedAtMs && lane.block !== block)), ({ dueMs, doneMs }) => doneMs - dueMs).sort();
  return {
    figures: figuresOf(runs, load.calls, losses), runs, balance, losses,
    otherFailures: otherFailures(runs, load),
    summary: {
      seconds, calls: load.calls.length, callsPerSecond: load.calls.length / seconds, calmP50Ms: percentile(calm, 0.5), calmP99Ms: percentile(calm, 0.99),
      latestStartMs: load.latestStartMs, sidecarCores: cores['sidecar'] ?? NaN, loadCores: cores['load'] ?? NaN, kernelRssMibBefore, kernelRssMibAfter,
    },
  };
}

/** Ratios of all runs, which is what the goal is about. */
export function medianRatio(figures: readonly Figures[]): number {
  return median(figures.map(({ ratio }) => ratio));
}

function otherFailures(runs: readonly Run[], load: Generator): string[] {
  return load.failures.flatMap(({ at, dueMs, text }) => {
    const run = runs.find(({ failedAtMs, untilMs, block }) => block !== at.block && dueMs >= failedAtMs && dueMs < untilMs);
    return run === undefined ? [] : [`${run.row.name} of ${run.block}: ${at.name}: ${text}`];
  });
}

async function coresOf(groups: Readonly<Record<string, readonly number[]>>): Promise<Record<string, number>> {
  const before = Object.entries(groups).map(([name, pids]) => [name, cpuMicros(pids)] as const);
  const fromMs = clockMs();
  await sleep(LOOK_MS);
  const micros = (clockMs() - fromMs) * 1_000;
  return Object.fromEntries(before.map(([name, used]) => [name, (cpuMicros(groups[name] ?? []) - used) / micros]));
}

export function rssMib(pid: number): number {
  return pssMib([pid]);
}
