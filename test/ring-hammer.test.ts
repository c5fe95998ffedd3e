// Millions of random frames between two processes, both ways at once, each counted and summed up on both sides.
import { describe, expect, it } from 'vitest';
import { Kind } from '../ipc/frame.ts';
import { PAIRS } from './fixtures/ipc-pairs.ts';
import { Hammer, frameOf } from './fixtures/ipc-roles.ts';

const FRAMES = process.env['BULKHEAD_NIGHTLY'] === '1' ? 10_000_000 : 2_000_000;

describe('frames between processes', () => {
  const [, open] = PAIRS.find(([name]) => name === 'shared memory between processes') ?? [];

  it(`delivers ${FRAMES} frames of random lengths, whole and in order`, async () => {
    const pair = await open?.('hammer', { ringBytes: 1 << 16, maxFrameBytes: 1 << 20 });
    if (pair === undefined) throw new Error('no such pair');
    const { channel } = pair;
    const ended = new Promise<never>((_, reject) => {
      channel.onEnd = (end) => reject(new Error(`the channel ended: ${JSON.stringify(end)}`));
    });
    const start = performance.now();
    const hammer = new Hammer(channel, 1);
    channel.send(frameOf(Kind.OPEN, 1, { frames: FRAMES / 2, bytes: 0 }));
    hammer.start(FRAMES / 2);
    const { sent, received, peerSent, peerReceived } = await Promise.race([hammer.done, ended]);
    const seconds = (performance.now() - start) / 1000;
    process.stdout.write(`${FRAMES.toLocaleString('en')} frames in ${seconds.toFixed(1)} s\n`);
    expect(sent.frames).toBe(FRAMES / 2);
    expect(peerReceived).toEqual(sent);
    expect(received.frames).toBe(FRAMES / 2);
    expect(received).toEqual(peerSent);
    ended.catch(() => {});
    await pair.close();
  }, 600_000);
});
