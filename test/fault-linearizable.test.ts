// Locks, etags and ids while everything they depend on is killed, restarted and stopped at random: what clients were told
// must still be one of the histories that the promises allow. The short form runs with all tests; the nightly form is
// `npm run test:nightly`. CAMPAIGN_SEED repeats a choice of faults.
import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { runCampaign, type CampaignOptions } from './linearizability/campaign/campaign.ts';
import { MODELS } from './linearizability/campaign/clients.ts';
import { kills, printErrors, printReports, type Report } from './linearizability/campaign/report.ts';
import { ETCD, REDIS, type StoreKind } from './linearizability/campaign/stores.ts';
import type { Lines } from './harness/lines.ts';
import { describeWithEtcd, describeWithRedis } from './servers/suites.ts';

/** Numbers of each store's campaign. */
const FORMS = {
  short: { operations: 1_500, clients: 2, faults: { blockKills: 3, kernelKills: 1, storeKills: 1, pauses: 1 }, jumping: { operations: 600, storeKills: 1 }, timeoutMs: 180_000 },
  nightly: { operations: 60_000, clients: 3, faults: { blockKills: 30, kernelKills: 6, storeKills: 8, pauses: 12 }, jumping: { operations: 10_000, storeKills: 3 }, timeoutMs: 3_600_000 },
} as const;
const isNightly = process.env['CAMPAIGN'] === 'nightly';
const FORM = isNightly ? FORMS.nightly : FORMS.short;
const SEED = Number(process.env['CAMPAIGN_SEED'] ?? randomInt(2 ** 31));
const WITH = { redis: describeWithRedis, etcd: describeWithEtcd } as const;

/** On a busy machine nobody gives up. */
const PATIENT = { callMs: 30_000, storeMs: 15_000 } as const;

const isThere = ({ name }: StoreKind): boolean => inject(name).available;

/** One campaign for each store that is there, side by side. */
async function campaigns(title: string, options: Omit<CampaignOptions, 'store' | 'seed'>): Promise<ReadonlyMap<string, Report>> {
  const ended = await Promise.allSettled([REDIS, ETCD].filter(isThere).map((store) => runCampaign({ ...options, store, seed: SEED })));
  const reports = ended.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  printReports(`${title}, CAMPAIGN_SEED=${SEED}`, reports);
  if (isNightly) printErrors(reports);
  for (const result of ended) if (result.status === 'rejected') throw result.reason;
  return new Map(reports.map((report) => [report.store, report]));
}

function expectPromisesKept(report: Report | undefined): void {
  for (const model of MODELS) {
    const { violations, undecided } = report?.models[model] ?? {};
    expect(violations?.slice(0, 3).join('\n\n'), model).toBe('');
    expect(undecided, model).toEqual([]);
  }
}

describe('clients of two sidecars on one store, which are killed and stopped at random', () => {
  let reports: ReadonlyMap<string, Report>;
  beforeAll(async () => {
    reports = await campaigns('Killed and stopped at random', FORM);
  }, FORM.timeoutMs);

  for (const name of ['redis', 'etcd'] as const) {
    WITH[name](name, () => {
      it('are told only what the promises allow: no lock twice, no update lost, no id again', () => {
        expectPromisesKept(reports.get(name));
      });

      it('were many, and so were the kills', () => {
        const report = reports.get(name) as Report;
        const { operations, faults: { blockKills, kernelKills, storeKills } } = FORM;
        expect(MODELS.reduce((sum, model) => sum + report.models[model].operations, 0)).toBeGreaterThanOrEqual(operations);
        expect(kills(report)).toBe(blockKills + kernelKills + storeKills);
        for (const model of MODELS) expect(report.models[model].operations - report.models[model].unknown, model).toBeGreaterThan(operations / 20);
      });
    });
  }
});

describe('clients of a sidecar whose clock jumps by an hour, back and forth', () => {
  const JUMPING = { isolation: 'monolith', env: { NODE_OPTIONS: `--import=${fileURLToPath(new URL('linearizability/campaign/jumping-clock.ts', import.meta.url))}` } } as const;
  /** Before the store is killed. */
  const JUMPS = 4;
  const jumpsOf = (logs: Lines | undefined): number => logs?.matching(/^the clock is -?1 h off$/).length ?? 0;
  let reports: ReadonlyMap<string, Report>;
  beforeAll(async () => {
    const { operations, storeKills } = FORM.jumping;
    const faults = { blockKills: 0, kernelKills: 0, storeKills, pauses: 0 };
    reports = await campaigns('A clock that jumps', { operations, clients: FORM.clients, faults, sidecars: [JUMPING, { isolation: 'monolith' }], patience: PATIENT, enough: ([member]) => jumpsOf(member?.sidecar.logs) >= JUMPS });
  }, FORM.timeoutMs);

  for (const name of ['redis', 'etcd'] as const) {
    WITH[name](name, () => {
      it('notice nothing of it, nor does a connection that is set up anew', () => {
        const report = reports.get(name) as Report;
        expect(jumpsOf(report.logs[0]), 'it did jump').toBeGreaterThanOrEqual(JUMPS);
        expectPromisesKept(report);
        expect(report.errorsBefore, 'errors before the store was killed').toBe(0);
      });
    });
  }
});
