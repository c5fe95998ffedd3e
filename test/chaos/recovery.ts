// "How soon is a block there again after SIGKILL?", with a spare life and without one: from the kill to the first answer to a
// call that was made after the process was gone, under load.
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from '../../bench/statistics.ts';
import { eventually } from '../harness/awaiting.ts';
import type { Sidecar } from '../harness/sidecar.ts';
import { clockMs } from './clock.ts';
import { startCluster } from './cluster.ts';
import { Generator } from './generator.ts';
import { killNow } from './inject.ts';
import { lanesFor, type Backends } from './lanes.ts';

export interface RecoveryOptions {
  readonly backends: Backends;
  readonly spare: boolean;
  readonly kills: number;
  readonly share: number;
  readonly seed: number;
  readonly onProgress: (line: string) => void;
}

export interface RecoveryResult {
  /** Milliseconds of each kill: until a read was answered, and a write. */
  readonly reads: readonly number[];
  readonly writes: readonly number[];
  readonly medianMs: number;
  readonly slowestMs: number;
  readonly safeErrors: number;
}

/** Between two kills: a block that dies more than ten times a minute is restarted slowly, and that is not the question. */
const PAUSE_MS = 6_500;
const HEAL_MS = 30_000;

export async function measureRecovery({ backends, spare, kills, share, seed, onProgress }: RecoveryOptions): Promise<RecoveryResult> {
  await using cluster = await startCluster({ backends, breakable: false, flags: spare ? ['--spare=state'] : [] });
  const { sidecar } = cluster;
  await using load = new Generator(sidecar, lanesFor(backends, share), seed);
  const store = backends.redis ? 'state-redis' : 'state-sqlite';
  await sleep(3_000);
  const reads: number[] = [];
  const writes: number[] = [];
  for (let kill = 1; kill <= kills; kill++) {
    await eventually('the block and its spare are ready', async () => {
      const row = await sidecar.block('state');
      return row.state === 'ready' && (!spare || row.spare === 'ready');
    }, HEAL_MS);
    await sleep(PAUSE_MS * (kill > 1 ? 1 : 0));
    const beganMs = await killNow(sidecar, 'state');
    const [read, write] = await Promise.all([
      firstAnswer(sidecar, beganMs, async ({ client }) => (await client.get(`/v1.0/state/${store}/probe`)).status < 300),
      firstAnswer(sidecar, beganMs, async ({ client }) => (await client.post(`/v1.0/state/${store}`, '[{"key":"probe","value":1}]')).status === 204),
    ]);
    reads.push(read);
    writes.push(write);
    onProgress(`${spare ? 'with' : 'without'} a spare, kill ${kill}: read after ${Math.round(read)} ms, write after ${Math.round(write)} ms`);
  }
  await load.take();
  const safeErrors = load.calls.filter(({ lane, failed }) => failed && lane.safe).length;
  const all = reads.map((ms, index) => Math.max(ms, writes[index] as number));
  return { reads, writes, medianMs: median(all), slowestMs: Math.max(...all), safeErrors };
}

async function firstAnswer(sidecar: Sidecar, beganMs: number, attempt: (sidecar: Sidecar) => Promise<boolean>): Promise<number> {
  for (const end = beganMs + HEAL_MS; clockMs() < end;) {
    if (await attempt(sidecar)) return clockMs() - beganMs;
    await sleep(1);
  }
  throw new Error(`no answer within ${HEAL_MS} ms after a kill`);
}
