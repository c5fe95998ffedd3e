// The fault campaign (`npm run chaos`) in short: the same code with few failures in each block and a light load. What has to be
// zero is asserted; how quick it is, is the long form's business. CHAOS_SEED repeats a choice of order and times.
import { randomInt } from 'node:crypto';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { runCampaign, type CampaignResult } from './chaos/campaign.ts';
import { BLOCKS } from './chaos/lanes.ts';
import { violations } from './chaos/report.ts';
import { median } from '../bench/statistics.ts';

const SEED = Number(process.env['CHAOS_SEED'] ?? randomInt(2 ** 31));
const FAILURES = ['kill', 'stray-replies'];

describe('a campaign of failures under load', () => {
  let result: CampaignResult;
  beforeAll(async () => {
    const backends = { redis: inject('redis').available, etcd: false, kafka: false };
    result = await runCampaign({ backends, seed: SEED, only: FAILURES, blocks: BLOCKS, repetitions: 1, calmMs: 150, afterMs: 200, share: 0.4, onProgress: () => {} });
    const { summary: { calls, seconds }, losses: { twice }, figures } = result;
    const recoveries = figures.map(({ recoveryMs = 0 }) => recoveryMs);
    process.stdout.write(`  CHAOS_SEED=${SEED}: ${result.runs.length} failures within ${calls} calls in ${seconds.toFixed(0)} s; a block was away for ${median(recoveries).toFixed(0)} ms (median), ${Math.max(...recoveries).toFixed(0)} ms at worst; ${twice.length} messages came twice\n`);
  }, 120_000);

  it('costs nobody but the block that fails, and loses nothing', () => {
    expect(violations({ campaign: result })).toEqual([]);
    expect(result.otherFailures).toEqual([]);
  });

  it('did what it was to do', () => {
    expect(result.runs).toHaveLength(FAILURES.length * BLOCKS.length);
    expect(result.runs.filter(({ exit }) => exit === '')).toEqual([]);
    for (const { otherCalls, safeCalls, unsafeCalls } of result.figures) expect([otherCalls > 0, safeCalls + unsafeCalls > 0]).toEqual([true, true]);
    expect(Object.values(result.balance.writes).every((count) => count > 10)).toBe(true);
    expect(result.balance.ids).toBeGreaterThan(10);
    expect(result.balance.locks).toBeGreaterThan(5);
  });
});
