// A peer that says anything, against a connection of kernel/h2 in this process: random frames, mutated ones, bytes by chance, cut
// at random places. Whatever comes, the connection throws nothing, ends as it should, keeps to its bounds, and never sends what no
// server may send: the last is what h2-checker.ts looks at, windows included. The same bytes mean the same in any chunks.
// The nightly form (CAMPAIGN=nightly) runs ten million frames. CAMPAIGN_SEED repeats a run.
import { randomInt } from 'node:crypto';
import { expect, it } from 'vitest';
import { Bench, type BenchOptions } from './harness/h2-bench.ts';
import { chunked, mutated, noise, sequence } from './harness/h2-chance.ts';
import { grpcRequest } from './harness/h2-hpack.ts';
import { codeName } from './harness/h2-raw.ts';
import { Bit, data, grpcMessage, headers, PREFACE, resetStream, settings } from './harness/h2-wire.ts';
import { Random } from './linearizability/random.ts';

const NIGHTLY = process.env['CAMPAIGN'] === 'nightly';
const FRAMES = NIGHTLY ? 10_000_000 : 100_000;
const SEED = Number(process.env['CAMPAIGN_SEED'] ?? randomInt(2 ** 31));
const TIMEOUT_MS = 3_600_000;
const MI = 2 ** 20;

/** Where turns of the event loop make no difference: answers together stay below what goes out in one. */
const PLAIN: BenchOptions = { isSlow: false, largeBytes: 20_000, isPrompt: true };

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Feeds chunks, with turns of the event loop between some of them. Everything is over at the end. */
async function run(random: Random, chunks: readonly Buffer[], options: BenchOptions, isHonest = false): Promise<Bench> {
  const bench = new Bench(options);
  for (const chunk of chunks) {
    if (bench.paused) await settle(bench);
    bench.feed(chunk);
    if (random.below(16) === 0) {
      bench.takeOff();
      await turn();
      bench.checker.settled();
    }
  }
  await settle(bench);
  if (isHonest) bench.expectServed();
  bench.leave();
  await turn();
  bench.checker.ended();
  return bench;
}

async function settle(bench: Bench): Promise<void> {
  for (let round = 0; round < 4; round++) {
    bench.takeOff();
    await turn();
  }
  bench.checker.settled();
}

function expectSound(bench: Bench, seed: number): void {
  const wrong = [...bench.faults, ...bench.checker.violations];
  if (wrong.length > 0) expect.fail(`CAMPAIGN_SEED=${seed}: ${wrong.slice(0, 5).join('\n')}`);
}

/** Runs connections until so many frames have been sent; each has a seed of its own, which alone repeats it. */
async function campaign(frames: number, one: (random: Random, seed: number) => Promise<Bench>): Promise<string> {
  const ends = new Map<string, number>();
  let [sent, connections, answers] = [0, 0, 0];
  for (; sent < frames; connections++) {
    const seed = (SEED + connections) % 2 ** 31;
    const bench = await one(new Random(seed), seed);
    const { client, frames: answered, goAwayCode } = bench.checker;
    sent += client.frames; // those before the connection ended
    answers += answered;
    const end = goAwayCode === undefined ? 'left by the peer' : codeName(goAwayCode);
    ends.set(end, (ends.get(end) ?? 0) + 1);
    expectSound(bench, seed);
  }
  return `${sent} frames in, ${answers} out, CAMPAIGN_SEED=${SEED}: ${[...ends].map(([end, count]) => `${end} (${count})`).join(', ')}`;
}

it('answers frames by chance with what a server may send', { timeout: TIMEOUT_MS }, async () => {
  const before = process.memoryUsage().rss;
  const told = await campaign(FRAMES / 2, async (random) => {
    const wrong = random.pick([0, 0, 5, 50]);
    return run(random, sequence(random, { frames: random.pick([20, 100, 400]), wrong }), { isSlow: random.below(3) === 0, largeBytes: 100_000, isPrompt: false }, wrong === 0);
  });
  process.stdout.write(`  ${told}\n`);
  expect(process.memoryUsage().rss - before).toBeLessThan(256 * MI);
});

it('takes mutated bytes and bytes by chance for what they are', { timeout: TIMEOUT_MS }, async () => {
  const told = await campaign(FRAMES / 4, async (random) => {
    const frames = sequence(random, { frames: 60, wrong: 0 });
    let bytes: Buffer = Buffer.concat(frames);
    for (let count = 1 + random.below(4); count > 0; count--) bytes = mutated(random, bytes);
    if (random.below(10) === 0) bytes = Buffer.concat([PREFACE, noise(random, 2_000)]);
    return run(random, chunked(random, bytes), { isSlow: random.below(3) === 0, largeBytes: 100_000, isPrompt: false });
  });
  process.stdout.write(`  ${told}\n`);
});

it('means the same in whatever chunks it comes', { timeout: TIMEOUT_MS }, async () => {
  const told = await campaign(FRAMES / 4, async (random, seed) => {
    const frames = sequence(random, { frames: 80, wrong: random.pick([0, 20]) });
    const whole = await run(new Random(seed), frames, PLAIN);
    expectSound(whole, seed);
    const bench = await run(new Random(seed), chunked(random, Buffer.concat(frames)), PLAIN);
    expect({ goAway: bench.checker.goAwayCode, opened: bench.opened, outcomes: outcomes(bench) }, `CAMPAIGN_SEED=${seed}`).toEqual({ goAway: whole.checker.goAwayCode, opened: whole.opened, outcomes: outcomes(whole) });
    return bench;
  });
  process.stdout.write(`  ${told}\n`);
});

it('gives back the windows of what it has taken, for as long as a stream goes on', async () => {
  const frames = 600; // more than twice the window of the connection, forty times that of the stream
  const bench = new Bench(PLAIN);
  const message = grpcMessage(Buffer.alloc(frames * 16_384 - 5));
  bench.feed(Buffer.concat([PREFACE, settings(), headers(1, grpcRequest('/test/unary'))]));
  for (let at = 0; at < message.length; at += 16_384) {
    bench.feed(data(1, message.subarray(at, at + 16_384), at + 16_384 === message.length ? Bit.END_STREAM : 0));
    await turn();
  }
  await settle(bench);
  expect([...bench.faults, ...bench.checker.violations]).toEqual([]);
  expect(bench.checker.outcomes.get(1)).toContain('["grpc-status","0"]');
});

it('opens only so many calls for a client that gives them all up', async () => {
  const bench = new Bench(PLAIN);
  bench.feed(Buffer.concat([PREFACE, settings()]));
  let sent = 0;
  for (let stream = 1; sent < 100_000 && !bench.ended; stream += 2, sent++) bench.feed(Buffer.concat([headers(stream, grpcRequest('/test/never')), resetStream(stream)]));
  await settle(bench);
  expect([...bench.faults, ...bench.checker.violations]).toEqual([]);
  expect(codeName(bench.checker.goAwayCode)).toBe('ENHANCE_YOUR_CALM');
  expect(bench.opened).toBeLessThan(8_000); // 5,000, and 1,000 for each second it takes
});

function outcomes(bench: Bench): [stream: number, outcome: string][] {
  return [...bench.checker.outcomes].toSorted(([one], [other]) => one - other);
}
