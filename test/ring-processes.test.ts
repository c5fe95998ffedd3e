// What only two real processes can show: that `Atomics` order memory between them, though JavaScript doesn't know that it is
// shared, and that rings lose and change nothing in millions of frames. The ring stands on three patterns; each is run
// millions of times. The fourth, without Atomics, shows that the test can see a failure.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Kind } from '../ipc/frame.ts';
import { createSegment } from '../ipc/memory.ts';
import { SEGMENT_BYTES, play, type Limits, type Outcome, type Pattern } from './fixtures/ipc-litmus.ts';
import { PAIRS } from './fixtures/ipc-pairs.ts';
import { Hammer, frameOf } from './fixtures/ipc-roles.ts';

const NIGHTLY = process.env['BULKHEAD_NIGHTLY'] === '1';
/** As many as take less than half a minute. */
const FRAMES = NIGHTLY ? 100_000_000 : 3_000_000;
/** Between threads it is the same ring, and what orders memory is what JavaScript promises: fewer do. */
const THREAD_FRAMES = FRAMES / 6;
const LIMITS: Limits = NIGHTLY ? { rounds: 100_000_000, ms: 120_000 } : { rounds: 3_000_000, ms: 2_000 };
const TIMEOUT_MS = LIMITS.ms + 60_000;

async function run(pattern: Pattern): Promise<Outcome> {
  const segment = createSegment(SEGMENT_BYTES);
  const child = spawn(process.execPath, [join(import.meta.dirname, 'fixtures/ipc-litmus.ts'), pattern], { stdio: ['ignore', 'inherit', 'inherit', segment.fd] });
  const exit = once(child, 'exit');
  try {
    await once(child, 'spawn');
    return play(new Int32Array(segment.buffer), pattern, 0, LIMITS);
  } finally {
    await exit;
    segment.closeFd();
    segment.release();
  }
}

describe('memory order between two processes', () => {
  it.each([
    ['message passing', 'a record is whole once the counter says so (HEAD, TAIL)'],
    ['store buffering', 'of two sides that store and then look, one sees the other (HEAD and ASLEEP, TAIL and STARVED)'],
    ['one taker', 'of two sides that exchange a flag, one gets it (ASLEEP, STARVED)'],
  ] as [Pattern, string][])('%s: %s', async (pattern) => {
    const { rounds, forbidden } = await run(pattern);
    process.stdout.write(`${pattern}: ${rounds.toLocaleString('en')} rounds, ${forbidden} forbidden\n`);
    expect(forbidden).toBe(0);
    expect(rounds).toBeGreaterThan(100); // even where both processes share a core
  }, TIMEOUT_MS);

  it('control: without Atomics the same race goes wrong, so this test can see it', async () => {
    const { rounds, forbidden } = await run('plain store buffering');
    process.stdout.write(`plain store buffering: ${rounds.toLocaleString('en')} rounds, ${forbidden.toLocaleString('en')} out of order\n`);
    // One round in twenty, where each process has a core. On a shared one nothing is out of order, and rounds are few.
    if (rounds === LIMITS.rounds) expect(forbidden).toBeGreaterThan(0);
  }, TIMEOUT_MS);
});

/** How often a process has gone to sleep of its own accord; each time something woke it. */
const sleeps = (pid: number | 'self'): number => Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

describe('frames between processes', () => {
  const [, open] = PAIRS.find(([name]) => name === 'shared memory between processes') ?? [];

  it('wakes nobody when there is nothing to do', async () => {
    const pair = await open?.('echo');
    if (pair?.pid === undefined) throw new Error('no such pair');
    const { channel, pid } = pair;
    for (const depth of [1, 64]) {
      await new Promise<void>((resolve) => {
        let sent = 0;
        let answers = 0;
        const send = (): void => {
          if (sent++ < 5_000) channel.send(frameOf(Kind.DATA, sent, undefined));
        };
        channel.onFrame = () => {
          if (++answers === 5_000) resolve();
          else send();
        };
        for (let i = 0; i < depth; i++) send();
      });
      await new Promise((resolve) => setTimeout(resolve, 500)); // garbage is collected, code compiled
      const before = sleeps(pid);
      const ours = sleeps('self');
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      expect(sleeps(pid) - before).toBeLessThanOrEqual(1);
      expect(sleeps('self') - ours).toBeLessThan(20); // the timer, and whatever the test runner does
    }
    await pair.close();
  });

  it.each([['processes', FRAMES], ['threads', THREAD_FRAMES]])('delivers frames of random lengths between %s, whole and in order: %d', async (apart, frames) => {
    const [, openPair] = PAIRS.find(([name]) => name === `shared memory between ${apart}`) ?? [];
    const pair = await openPair?.('hammer', { ringBytes: 1 << 16, maxFrameBytes: 1 << 20 });
    if (pair === undefined) throw new Error('no such pair');
    const { channel } = pair;
    const ended = new Promise<never>((_, reject) => {
      channel.onEnd = (end) => reject(new Error(`the channel ended: ${JSON.stringify(end)}`));
    });
    const start = performance.now();
    const hammer = new Hammer(channel, 1);
    channel.send(frameOf(Kind.OPEN, 1, { frames: frames / 2, bytes: 0 }));
    hammer.start(frames / 2);
    const { sent, received, peerSent, peerReceived } = await Promise.race([hammer.done, ended]);
    const seconds = (performance.now() - start) / 1000;
    process.stdout.write(`${frames.toLocaleString('en')} frames between ${apart} in ${seconds.toFixed(1)} s\n`);
    expect(sent.frames).toBe(frames / 2);
    expect(peerReceived).toEqual(sent);
    expect(received.frames).toBe(frames / 2);
    expect(received).toEqual(peerSent);
    ended.catch(() => {});
    await pair.close();
  }, 900_000);
});
