// What does it cost to take the sidecar apart, and what does it buy? The same work in one process, in threads, in processes, and in
// blocks that run elsewhere: throughput, latency, processor time, memory, start, and what a kill takes down.
//
//   npm run bench:modes [-- --quick] [--modes monolith,process,...] [--operations state-get,...] [--sizes 100,4096] [--rounds 5]
//     [--parts starts,work,kills] [--protocol http] [--redis] [--share 0.4] [--built] [--to folder] [--resume]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../test/servers/process.ts';
import { startRedis, type RedisServer } from '../test/servers/redis.ts';
import { Journal } from './modes/journal.ts';
import { killsOf, measureKills } from './modes/kills.ts';
import type { Setting } from './modes/launch.ts';
import { machineOf } from './modes/machine.ts';
import { cellsOf } from './modes/names.ts';
import { describe, readOptions, type Options } from './modes/options.ts';
import { METHOD, textFor, writeResults, type Results } from './modes/output.ts';
import { duration, stepsOf, wholeMs } from './modes/plan.ts';
import type { App } from './modes/prepare.ts';
import { Progress } from './modes/progress.ts';
import { inMemory, onRedis } from './modes/resources.ts';
import { measureStarts, startsOf } from './modes/starts.ts';
import { summarize } from './modes/summary.ts';
import { Work } from './modes/work.ts';
import { commandLine } from './options.ts';
import { Place } from './place.ts';

const began = performance.now();
const folder = mkdtempSync(join(tmpdir(), 'bulkhead-modes-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

let options: Options;
try {
  options = readOptions(process.argv.slice(2), () => mkdtempSync(join(tmpdir(), 'bulkhead-modes-results-')));
} catch (cause) {
  process.stderr.write(`${(cause as Error).message}\n`);
  process.exit(2);
}
const { parts, modes, operations, sizes, rounds, protocol, redis: wantsRedis, share, form, times, quick, resume } = options;
const cells = parts.includes('work') ? cellsOf(operations, sizes) : [];
const settings = { parts, modes, operations, sizes, rounds, protocol, redis: wantsRedis, share, form, quick, times };
const steps = stepsOf(options, { cells: cells.length, starts: startsOf(modes).length, kills: killsOf(modes).length });
const progress = new Progress(wholeMs(steps));
let journal: Journal;
try {
  journal = new Journal(options.folder, settings, resume);
} catch (cause) {
  process.stderr.write(`${(cause as Error).message}\n`);
  process.exit(2);
}
progress.say(`${describe(options)}. About ${duration(wholeMs(steps))}. Results go to ${options.folder}; until they are whole, each figure to ${journal.path} as it comes (--resume goes on with it).`);

let redis: RedisServer | undefined;
const place = new Place();
let work: Work | undefined;
try {
  redis = wantsRedis ? await startRedis() : undefined;
  const backend = redis === undefined ? inMemory(folder, sizes) : await onRedis(redis, sizes);
  const reportPort = await freePort();
  const app: App = { server: await place.reference('app', 'app.ts', reportPort), reportPort };
  const setting: Setting = { place, backend, form, appPort: app.server.port };
  if (parts.includes('starts')) await measureStarts(options, setting, journal, progress);
  if (parts.includes('work')) {
    work = new Work(options, setting, app, cells, journal, progress);
    await work.run();
    await work.stop();
    work = undefined;
  }
  if (parts.includes('kills')) await measureKills(options, setting, app, journal, progress);
} finally {
  await work?.stop();
  await place.close();
  await redis?.stop();
}

const results: Results = {
  at: journal.head.at, machine: machineOf(), command: commandLine(), how: describe(options), method: METHOD, settings,
  ...summarize(modes, cells, journal.entries),
};
writeResults(options.folder, results);
journal.remove();
progress.say(`done after ${duration(performance.now() - began)}: ${['json', 'txt', 'svg'].map((kind) => join(options.folder, `modes.${kind}`)).join(', ')}`);
process.stdout.write(textFor(results));
