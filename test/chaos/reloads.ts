// "100 reloads under load: failed calls": a component's manifest is rewritten again and again, and each time its block has to
// be another life, without anybody's noticing.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from '../../bench/statistics.ts';
import { eventually } from '../harness/awaiting.ts';
import { manifestOf, type ComponentManifest } from '../harness/sidecar.ts';
import { clockMs } from './clock.ts';
import { startCluster } from './cluster.ts';
import { lossesOf, untilDelivered } from './figures.ts';
import { Generator } from './generator.ts';
import { lanesFor, type Backends } from './lanes.ts';

export interface ReloadsOptions {
  readonly backends: Backends;
  readonly reloads: number;
  readonly share: number;
  readonly seed: number;
  readonly onProgress: (line: string) => void;
}

export interface ReloadsResult {
  readonly reloads: number;
  readonly seconds: number;
  readonly calls: number;
  readonly failed: number;
  /** Some of the failures, in words. */
  readonly failures: readonly string[];
  readonly refused: readonly string[];
  readonly writesLost: number;
  readonly messagesLost: number;
  readonly p99Ms: number;
}

/** Settings that change nothing but are a change: one is written, then the other. By component. */
const CHANGES: Readonly<Record<string, readonly [name: string, one: string, other: string]>> = {
  'state-redis': ['redisMaxRetries', '3', '4'],
  'state-sqlite': ['busyTimeout', '2s', '3s'],
  'pubsub-redis': ['redisMaxRetries', '3', '4'],
  'config-redis': ['redisMaxRetries', '3', '4'],
  'lock-redis': ['redisMaxRetries', '3', '4'],
  'ids-redis': ['redisMaxRetries', '3', '4'],
};
const RELOAD_MS = 30_000;
const DELIVERY_MS = 30_000;

/** One component after the other is rewritten, so that every block gets its share. */
export async function doReloads({ backends, reloads, share, seed, onProgress }: ReloadsOptions): Promise<ReloadsResult> {
  await using cluster = await startCluster({ backends });
  const { sidecar, components } = cluster;
  const changing = components.filter(({ name }) => Object.hasOwn(CHANGES, name));
  await using load = new Generator(sidecar, lanesFor(backends, share), seed);
  await sleep(3_000);
  const beganMs = clockMs();
  const refused: string[] = [];
  for (let reload = 1; reload <= reloads; reload++) {
    const component = changing[reload % changing.length] as ComponentManifest;
    const [setting, one, other] = CHANGES[component.name] as readonly [string, string, string];
    const block = blockOf(component);
    const before = await sidecar.block(block);
    const value = Math.floor(reload / changing.length) % 2 === 0 ? other : one;
    write(sidecar.resources, components.indexOf(component), { ...component, metadata: { ...component.metadata, [setting]: value } });
    const now = await eventually(`the ${block} block is reloaded for the ${reload}th time`, async () => {
      const row = await sidecar.block(block);
      return row.reload !== undefined && row.reload.at !== before.reload?.at && row.state === 'ready' ? row : undefined;
    }, RELOAD_MS);
    if (now?.reload?.refused !== undefined) refused.push(now.reload.refused);
    if (reload % 10 === 0) onProgress(`${reload} reloads`);
  }
  await sleep(1_000);
  const seconds = (clockMs() - beganMs) / 1_000;
  const balance = await load.stop();
  await untilDelivered(balance, cluster, DELIVERY_MS, sleep);
  const { writes, messages } = lossesOf(balance, cluster.deliveries);
  const calls = load.calls.filter(({ dueMs }) => dueMs >= beganMs);
  return {
    reloads, seconds, calls: calls.length, failed: calls.filter(({ failed }) => failed).length, refused,
    failures: load.failures.filter(({ dueMs }) => dueMs >= beganMs).slice(0, 20).map(({ at, text }) => `${at.name}: ${text}`),
    writesLost: writes.length, messagesLost: messages.length,
    p99Ms: percentile(Float64Array.from(calls, ({ dueMs, doneMs }) => doneMs - dueMs).sort(), 0.99),
  };
}

/** As editors and deployments do it: a new file in the place of the old one. */
function write(folder: string, index: number, component: ComponentManifest): void {
  const name = `${String(index).padStart(4, '0')}.yaml`;
  const next = join(folder, `.${name}.next`);
  writeFileSync(next, manifestOf(component));
  renameSync(next, join(folder, name));
}

function blockOf({ type }: ComponentManifest): string {
  const [kind = ''] = type.split('.');
  return kind === 'configuration' ? 'config' : kind;
}
