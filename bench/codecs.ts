// What does it cost to read and write the messages that most calls are made of? The blocks' codecs beside the generated ones and
// the SDK's runtime: requests from borrowed bytes to what a method takes, answers from what a driver gives to bytes in a ring.
// Rounds are interleaved and the medians shown.
//
//   node bench/codecs.ts [--quick] [--rounds 9] [--ms 20] [--bytes 100,4096,262144]
import { parseArgs } from 'node:util';
import { notesOf } from './options.ts';
import { CANDIDATES, questions, type Candidate, type Question } from './codec-questions.ts';
import { median } from './statistics.ts';
import { printTable, writeResult, type Row } from './table.ts';

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' }, ms: { type: 'string' }, bytes: { type: 'string', default: '100,4096,262144' } },
});
const rounds = Number(flags.rounds ?? (flags.quick ? 3 : 9));
const ms = Number(flags.ms ?? (flags.quick ? 5 : 20));

/** Processor time for one, in nanoseconds, garbage collection included: a clock would count the machine's other work. */
function time(work: () => void, windowMs: number): number {
  let count = 0;
  const before = process.cpuUsage();
  for (let batch = 1, now = performance.now(), until = now + windowMs; now < until; batch = Math.min(batch * 2, 1_000)) {
    for (let i = 0; i < batch; i++) work();
    count += batch;
    now = performance.now();
  }
  const { user, system } = process.cpuUsage(before);
  return ((user + system) / count) * 1_000;
}

function measure({ message, bytes, work }: Question): Row {
  const times = new Map<Candidate, number[]>(CANDIDATES.map((name) => [name, []]));
  const present = CANDIDATES.filter((name) => work[name] !== undefined);
  for (const name of present) time(work[name]!, ms * 4); // until compiled
  for (let round = 0; round < rounds; round++) {
    const from = round % present.length; // in turns: who comes next collects the garbage of the one before
    for (const name of [...present.slice(from), ...present.slice(0, from)]) times.get(name)?.push(time(work[name]!, ms));
  }
  const nanos = (name: Candidate): number | undefined => (work[name] === undefined ? undefined : Math.round(median(times.get(name) ?? [])));
  return {
    message, bytes,
    ...Object.fromEntries(CANDIDATES.map((name) => [`${name} ns`, nanos(name)])),
    'generated / by hand': median((times.get('generated') ?? []).map((generated, round) => generated / (times.get('by hand')?.[round] ?? NaN))),
  };
}

const rows = flags.bytes.split(',').flatMap((bytes) => questions(Number(bytes)).map(measure));
printTable(`Nanoseconds of processor time for one message: ${rounds} interleaved rounds of ${ms} ms, medians. Answers end as bytes in a ring; generated / by hand is taken round by round.`, rows);
if (!flags.quick) writeResult('codecs', rows, notesOf({ rounds, ms }));
