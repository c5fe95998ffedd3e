// `npm run chaos`: does a driver that fails cost anybody but its own block? A table says it, for every way to fail.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { installEtcd, installRedis } from '../servers/install.ts';
import { installKafka } from '../servers/kafka-install.ts';
import { runCampaign } from './campaign.ts';
import { doCrashes } from './crashes.ts';
import { BLOCKS, type BlockName } from './lanes.ts';
import { FAILURE_ROWS } from './plan.ts';
import { measureRecovery } from './recovery.ts';
import { doReloads } from './reloads.ts';
import { describeFindings, violations, writeFindings, type Findings } from './report.ts';

const PARTS = ['failures', 'crashes', 'recovery', 'reloads'] as const;
type Part = (typeof PARTS)[number];

const USAGE = `npm run chaos [-- flags]

A sidecar under a steady load, and every way to fail in every block. Progress goes to standard error, the table to standard
output, everything to bench/results/chaos.json and .txt. Exit code 1: something that has to be zero is not.

  --seconds <n>      how long the failures may take, roughly; repetitions follow from it (600)
  --only <names>     these failures only: ${FAILURE_ROWS.map(({ name }) => name).join(', ')}
  --blocks <names>   in these blocks only: ${BLOCKS.join(', ')}
  --parts <names>    these parts only: ${PARTS.join(', ')}
  --seed <n>         repeats a choice of order, times and arrivals
  --kills <n>        crashes in a row, for what the kernel holds (320)
  --reloads <n>      reloads under load (100)
  --load <share>     of the usual load (1)
  --result <name>    of the files in bench/results (chaos); none: no files
  --help
`;

/** About what a run takes: a calm time, the failure, and what it takes until all is well. Seconds. */
const RUN_S = 6.5;
const CALM_MS = 2_500;
const AFTER_MS = 2_500;
const RECOVERY_KILLS = 12;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' }, only: { type: 'string', default: '' }, blocks: { type: 'string', default: '' }, parts: { type: 'string', default: '' }, seed: { type: 'string' },
    kills: { type: 'string', default: '320' }, reloads: { type: 'string', default: '100' }, load: { type: 'string', default: '1' }, result: { type: 'string', default: 'chaos' }, help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}

const only = words('only', values.only, FAILURE_ROWS.map(({ name }) => name));
const blocks = words('blocks', values.blocks, BLOCKS, true) as BlockName[];
const parts = words('parts', values.parts, PARTS, true) as Part[];
const seconds = count('seconds', values.seconds);
const share = Number(values.load);
if (!(share > 0 && share <= 100)) fail(`--load: "${values.load}" is no share above 0`);
const seed = values.seed === undefined ? randomInt(2 ** 31) : count('seed', values.seed);
const onProgress = (line: string): void => void process.stderr.write(`${line}\n`);

const found = { redis: await installRedis(), etcd: await installEtcd(), kafka: await installKafka() };
for (const [name, availability] of Object.entries(found)) if (!availability.available) onProgress(`without ${name}: ${availability.reason}`);
const backends = { redis: found.redis.available, etcd: found.etcd.available, kafka: found.kafka.available };
const runs = (only.length === 0 ? FAILURE_ROWS.length : only.length) * blocks.length;
const repetitions = Math.max(1, Math.round(seconds / (runs * RUN_S)));
const notes = { seed, repetitions, seconds, load: share, flags: process.argv.slice(2).join(' ') };
onProgress(`seed ${seed}; ${runs} failures, each ${repetitions} times`);

const common = { backends, share, seed, onProgress };
const findings: { -readonly [Name in keyof Findings]: Findings[Name] } = {};
if (parts.includes('crashes')) findings.crashes = await doCrashes({ kills: count('kills', values.kills), onProgress });
if (parts.includes('recovery')) {
  findings.recovery = {
    without: await measureRecovery({ ...common, spare: false, kills: RECOVERY_KILLS }),
    withSpare: await measureRecovery({ ...common, spare: true, kills: RECOVERY_KILLS }),
  };
}
if (parts.includes('reloads')) findings.reloads = await doReloads({ ...common, reloads: count('reloads', values.reloads) });
if (parts.includes('failures')) findings.campaign = await runCampaign({ ...common, only, blocks, repetitions, calmMs: CALM_MS, afterMs: AFTER_MS });

const text = describeFindings(findings, notes);
process.stdout.write(`\n${text}`);
if (values.result !== 'none') writeFindings(values.result, text, findings, notes);
process.exitCode = violations(findings).length > 0 ? 1 : 0;

/** @param all what an empty list stands for: everything */
function words(flag: string, given: string, known: readonly string[], all = false): string[] {
  const list = given.split(',').map((word) => word.trim()).filter((word) => word !== '');
  const strange = list.find((word) => !known.includes(word));
  if (strange !== undefined) fail(`--${flag}: there is no "${strange}"; there are ${known.join(', ')}`);
  return list.length === 0 && all ? [...known] : list;
}

function count(flag: string, given: string): number {
  const number = Number(given);
  if (!Number.isSafeInteger(number) || number < 0) fail(`--${flag}: "${given}" is no whole number`);
  return number;
}

function fail(why: string): never {
  process.stderr.write(`${why}\n\n${USAGE}`);
  process.exit(2);
}
