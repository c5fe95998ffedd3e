// Does `Atomics` order memory between processes, over memory that JavaScript doesn't know to be shared? The ring stands on
// three patterns; each is run millions of times. The fourth, without Atomics, shows that the test can see a failure.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createSegment } from '../ipc/memory.ts';
import { PATTERNS, SEGMENT_BYTES, play, type Outcome, type Pattern } from './fixtures/ipc-litmus.ts';

const NIGHTLY = process.env['BULKHEAD_NIGHTLY'] === '1';
const MS = NIGHTLY ? 20_000 : 1_500;

async function run(pattern: Pattern): Promise<Outcome> {
  const segment = createSegment(SEGMENT_BYTES);
  const child = spawn(process.execPath, [join(import.meta.dirname, 'fixtures/ipc-litmus.ts'), pattern, String(MS)], { stdio: ['ignore', 'inherit', 'inherit', segment.fd] });
  const exit = once(child, 'exit');
  try {
    await once(child, 'spawn');
    return play(new Int32Array(segment.buffer), pattern, 0, MS);
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
  ] satisfies [Pattern, string][])('%s: %s', async (pattern) => {
    const { rounds, forbidden } = await run(pattern);
    process.stdout.write(`${pattern}: ${rounds.toLocaleString('en')} rounds, ${forbidden} forbidden\n`);
    expect(forbidden).toBe(0);
    expect(rounds).toBeGreaterThan(10_000); // even where both processes share a core
  }, MS + 60_000);

  it('control: without Atomics the same race goes wrong, so this test can see it', async () => {
    const { rounds, forbidden } = await run(PATTERNS[3]);
    // A processor may keep the order by chance, most of all when the two share one; so this is told, not asserted.
    process.stdout.write(`plain store buffering: ${rounds.toLocaleString('en')} rounds, ${forbidden.toLocaleString('en')} out of order\n`);
  }, MS + 60_000);
});
