// How soon is a sidecar ready, and what does it need when nobody calls?
//
//   npm run bench:start [-- --quick] [--rounds 15] [--no-redis]
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { notesOf } from './options.ts';
import { ISOLATIONS, Place, type SidecarOptions } from './place.ts';
import { contextSwitches, pssMib } from './processes.ts';
import { median } from './statistics.ts';
import { startRedis } from '../test/servers/redis.ts';
import { printTable, writeResult, type Row } from './table.ts';

const { values: flags } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' }, 'no-redis': { type: 'boolean', default: false } } });
const rounds = Number(flags.rounds ?? (flags.quick ? 3 : 15));
const settleMs = flags.quick ? 1_000 : 3_000;
const watchMs = flags.quick ? 1_000 : 5_000;
/** Starts before any counts: Node writes its compile cache when the first one ends, the second one reads it all. */
const WARM_STARTS = 2;
const BARE = 'node -e 0';

const place = new Place();
const redis = flags['no-redis'] ? undefined : await startRedis();

interface Program {
  readonly name: string;
  readonly options: SidecarOptions;
}

const programs: Program[] = (['checkout', 'built'] as const).flatMap((form) => ISOLATIONS.flatMap((isolation) => {
  const options: SidecarOptions = { form, isolation };
  const inMemory = { name: `${isolation}, ${form}`, options };
  return redis === undefined ? [inMemory] : [inMemory, { name: `${isolation}, ${form}, redis`, options: { ...options, redisPort: redis.port } }];
}));

async function startAndStop({ name, options }: Program): Promise<number> {
  const server = await place.sidecar(name, { ...options, node: BARE }); // how long it takes does not depend on whose pages it shares
  await server.stop();
  return server.readyMs;
}

async function measureStarts(): Promise<Row[]> {
  const times = new Map<string, number[]>([BARE, ...programs.map(({ name }) => name)].map((name) => [name, []]));
  for (let warm = 0; warm < WARM_STARTS; warm++) for (const program of programs) await startAndStop(program);
  for (let round = 0; round < rounds; round++) {
    times.get(BARE)?.push(await place.bareStart(BARE));
    for (const program of programs) times.get(program.name)?.push(await startAndStop(program));
  }
  const bare = median(times.get(BARE) ?? []);
  return [...times].map(([program, all]) => ({ program, 'ready ms': median(all), 'x node': median(all) / bare, 'min ms': Math.min(...all), 'max ms': Math.max(...all) }));
}

/** One after another: what runs beside a program takes a share of its pages. */
async function measureIdle(): Promise<Row[]> {
  const rows: Row[] = [];
  const programsAndNode = [
    { name: 'bare node', start: () => place.bareNode('bare node') },
    ...programs.map(({ name, options }) => ({ name, start: () => place.sidecar(name, options) })),
  ];
  for (const { name, start } of programsAndNode) {
    const server = await start();
    await sleep(settleMs);
    const pids = server.pids();
    const before = pids.map((pid) => contextSwitches([pid]));
    await sleep(watchMs);
    const wakeups = pids.map((pid, i) => (contextSwitches([pid]) - (before[i] as number)) / (watchMs / 1000));
    const each = pids.map((pid) => pssMib([pid]));
    await server.stop();
    const [kernel, block] = each;
    rows.push({ program: name, 'PSS MiB': each.reduce((sum, one) => sum + one, 0), 'kernel MiB': kernel, 'block MiB': block, 'kernel wakeups/s': wakeups[0], 'block wakeups/s': wakeups[1] });
  }
  return rows;
}

let starts: Row[];
let idle: Row[];
try {
  starts = await measureStarts();
  idle = await measureIdle();
} finally {
  await place.close();
  await redis?.stop();
}
printTable(
  `From launch to the first 204 of /v1.0/healthz, asked every 2 ms; medians of ${rounds} interleaved starts with a warm compile cache.\n` +
  `${BARE}: from launch to exit. checkout: TypeScript; built: the package's JavaScript. In memory unless it says redis.`, starts);
printTable(
  `Idle: proportional set size ${settleMs / 1000} s after ready, context switches over ${watchMs / 1000} s.\nEach program runs from a copy of the node binary of its own: ` +
  'other Node processes of the same binary on a machine take a share of its pages, and PSS is lower by that.', idle);
if (!flags.quick) writeResult('start', [...starts.map((row) => ({ table: 'start', ...row })), ...idle.map((row) => ({ table: 'idle', ...row }))], notesOf({ rounds, settleMs, watchMs }));
