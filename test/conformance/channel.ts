// The definition of a channel: what every transport must do, run on each of them by test/channels.test.ts.
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Channel, ChannelEnd } from '../../ipc/channel.ts';
import { EMPTY, Kind, type Frame } from '../../ipc/frame.ts';
import { POISON } from '../../ipc/channel.ts';
import { DEFAULTS, type Near, type OpenPair, type PairOptions } from '../fixtures/ipc-pairs.ts';
import { Random, checksum, isPattern, patternOf } from '../fixtures/ipc-pattern.ts';
import { FLOOD_SEED, floodLength, frameOf, sendMany, type RoleName } from '../fixtures/ipc-roles.ts';

const SMALL_RING = 1 << 16;

/** Around everything that a ring, a record, a batch or a socket's buffer might count by. */
const SIZES = [0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33].concat(
  [64, 128, 256, 1 << 10, 4096, 1 << 14, SMALL_RING / 4, SMALL_RING / 2, SMALL_RING, 1 << 17].flatMap((size) => [-33, -32, -25, -24, -23, -9, -8, -7, -1, 0, 1, 7, 8, 9, 24, 25].map((more) => size + more)),
);

const HEADS: readonly unknown[] = [
  null, true, false, 0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, -1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1,
  1.5, NaN, Infinity, -Infinity, 5e-324, 1n << 62n, -(1n << 62n), (1n << 64n) - 1n,
  '', 'a', 'x'.repeat(31), 'x'.repeat(32), 'x'.repeat(33), 'x'.repeat(255), 'x'.repeat(256), 'x'.repeat(65_535), 'x'.repeat(65_536), 'é', 'ï¿½', '漢字', '😀', '😀'.repeat(50), '\0', 'a\nb',
  [], [1, 'two', [3, [4]]], Array.from({ length: 16 }, (_, i) => i), Array.from({ length: 70_000 }, () => 1), [undefined, 1],
  {}, { message: 'no such key' }, { a: { b: { c: { d: 1 } } } }, { message: 'x', details: undefined }, Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`member-${i}`, i])),
  { params: { store: 'statestore', key: 'a b/c' }, query: { __proto: '1' }, headers: { 'content-type': 'application/json' } },
  Buffer.alloc(0), Buffer.from('bytes'), Buffer.alloc(300, 1), { details: Buffer.alloc(70_000, 2) },
  { large: 'y'.repeat(300_000) },
];

const headValue: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  leaf: fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), fc.double(), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme', maxLength: 40 }), fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))),
  value: fc.oneof({ maxDepth: 4 }, tie('leaf'), fc.array(tie('value'), { maxLength: 20 }), fc.dictionary(fc.string(), tie('value'), { maxKeys: 20 })),
})).value;

/** Frames as values that may be kept. */
const kept = (frame: Frame): Frame => ({ ...frame, body: Buffer.from(frame.body) });

/** Resolves with the first `count` frames. */
function takeFrames(channel: Channel, count: number): Promise<Frame[]> {
  const taken = new Promise<Frame[]>((resolve, reject) => {
    const frames: Frame[] = [];
    channel.onFrame = (frame) => {
      frames.push(kept(frame));
      if (frames.length === count) resolve(frames);
    };
    channel.onEnd = (end) => reject(new Error(`the channel ended after ${frames.length} of ${count} frames: ${JSON.stringify(end)}`));
  });
  taken.catch(() => {}); // a test that failed before it waits for this one has said enough
  return taken;
}

/** Resolves with the end; a second one, or a frame after it, fails the test through `faults`. */
function takeEnd(channel: Channel, faults: string[]): Promise<ChannelEnd> {
  return new Promise((resolve) => {
    let ends = 0;
    channel.onEnd = (end) => {
      if (++ends > 1) faults.push('a second end');
      channel.onFrame = () => void faults.push('a frame after the end');
      resolve(end);
    };
  });
}

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
};

export function channelConformance(name: string, openPair: OpenPair): void {
  describe(`a channel over ${name}`, () => {
    const open: Near[] = [];
    const faults: string[] = [];

    async function near(role: RoleName, options?: Partial<PairOptions>): Promise<Near> {
      const pair = await openPair(role, options);
      open.push(pair);
      return pair;
    }

    afterEach(async () => {
      await Promise.all(open.splice(0).map((pair) => pair.close()));
      expect(faults.splice(0)).toEqual([]);
    });

    it('keeps order and every field of a frame', async () => {
      const { channel } = await near('echo', { ringBytes: SMALL_RING });
      const random = new Random(1);
      const frames = Array.from({ length: 3_000 }, (_, i): Frame => ({
        kind: 1 + (i % 5), flags: i & 7, code: random.below(65_536), call: (random.next() | 1) >>> 0, arg: random.next(), head: i % 10 === 0 ? { i, text: 'x'.repeat(i % 97) } : undefined, body: patternOf(random.length(), i),
      }));
      const back = takeFrames(channel, frames.length);
      for (const frame of frames) channel.send(frame);
      (await back).forEach((frame, i) => {
        const sent = frames[i] as Frame;
        expect({ ...frame, body: undefined }).toEqual({ ...sent, body: undefined });
        if (frame.body.length !== sent.body.length || !isPattern(frame.body, i)) faults.push(`the body of frame ${i} differs`);
      });
    });

    it('carries bodies of every size around the boundaries', async () => {
      const { channel } = await near('echo', { ringBytes: SMALL_RING });
      const back = takeFrames(channel, SIZES.length);
      SIZES.forEach((size, i) => channel.send(frameOf(Kind.DATA, i + 1, undefined, patternOf(size, i))));
      const frames = await back;
      expect(frames.map(({ body }) => body.length)).toEqual(SIZES);
      expect(frames.filter(({ body }, i) => !isPattern(body, i))).toEqual([]);
    });

    it('makes one body of pieces, whatever their sizes, and nothing of none', async () => {
      const { channel } = await near('echo', { ringBytes: SMALL_RING });
      const random = new Random(2);
      const bodies = SIZES.concat(SIZES).map((size, i) => patternOf(size, i));
      const back = takeFrames(channel, bodies.length);
      bodies.forEach((body, i) => {
        const cuts = Array.from({ length: random.below(6) }, () => random.below(body.length + 1)).sort((a, b) => a - b);
        const pieces = [...cuts, body.length].map((end, at) => body.subarray(cuts[at - 1] ?? 0, end));
        const first = i % 2 === 0 ? EMPTY : (pieces.shift() as Uint8Array); // with a body in front of them, and without
        channel.send(frameOf(Kind.DATA, i + 1, i % 3 === 0 ? { i } : undefined, first), pieces);
      });
      const frames = await back;
      expect(frames.map(({ body }) => body.length)).toEqual(bodies.map((body) => body.length));
      expect(frames.filter(({ body }, i) => !isPattern(body, i))).toEqual([]);
    });

    it('counts pieces where it says that a frame is too large', async () => {
      const { channel } = await near('echo', { maxFrameBytes: 10_000 });
      const [frame, piece] = [frameOf(Kind.DATA, 1, undefined, patternOf(4_000, 1)), patternOf(3_001, 2)];
      expect(() => channel.send(frame, [piece, piece])).toThrow(RangeError);
      const back = takeFrames(channel, 1);
      channel.send(frame, [piece, piece.subarray(0, 2_999)]);
      expect((await back)[0]?.body.length).toBe(10_000);
    });

    it('carries the same sizes beside a head', async () => {
      const { channel } = await near('echo', { ringBytes: SMALL_RING });
      const back = takeFrames(channel, SIZES.length);
      SIZES.forEach((size, i) => channel.send(frameOf(Kind.DATA, i + 1, { i }, patternOf(size, i))));
      (await back).forEach(({ head, body }, i) => expect([head, body.length, isPattern(body, i)]).toEqual([{ i }, SIZES[i], true]));
    });

    it('carries 64 MiB, and small frames around it in order', async () => {
      const { channel } = await near('echo');
      const back = takeFrames(channel, 3);
      const large = Buffer.alloc(DEFAULTS.maxFrameBytes, 'large ');
      const sum = large.readUInt32LE(large.length - 4);
      channel.send(frameOf(Kind.DATA, 1, undefined, Buffer.from('before')));
      channel.send(frameOf(Kind.DATA, 2, undefined, Buffer.from(large)));
      channel.send(frameOf(Kind.DATA, 3, undefined, Buffer.from('after')));
      const [before, middle, after] = (await back) as [Frame, Frame, Frame];
      expect([before.body.toString(), after.body.toString(), middle.body.length, Buffer.compare(middle.body, large)]).toEqual(['before', 'after', large.length, 0]);
      expect((middle.body as Buffer).readUInt32LE(large.length - 4)).toBe(sum);
    });

    it('carries heads of all shapes, also larger than a record', async () => {
      const { channel } = await near('echo', { ringBytes: SMALL_RING, poison: true });
      const back = takeFrames(channel, HEADS.length);
      HEADS.forEach((head, i) => channel.send(frameOf(Kind.DATA, i + 1, head, patternOf(i, i))));
      (await back).forEach(({ head, body }, i) => {
        expect(head).toEqual(HEADS[i]);
        expect(isPattern(body, i)).toBe(true);
      });
    });

    it('carries any head that msgpack can', async () => {
      const { channel } = await near('echo', { poison: true });
      await fc.assert(
        fc.asyncProperty(headValue, async (head) => {
          const back = takeFrames(channel, 1);
          channel.send(frameOf(Kind.OPEN, 1, head));
          expect((await back)[0]?.head).toEqual(head);
        }),
        { numRuns: 300, seed: 1 },
      );
    });

    it('refuses a frame above the limit and goes on', async () => {
      const { channel } = await near('echo', { maxFrameBytes: 10_000 });
      const back = takeFrames(channel, 2);
      expect(() => channel.send(frameOf(Kind.DATA, 1, undefined, Buffer.alloc(10_001)))).toThrow(RangeError);
      expect(() => channel.send(frameOf(Kind.DATA, 1, 'four', Buffer.alloc(9_996)))).toThrow(RangeError);
      expect(() => channel.send(frameOf(Kind.DATA, 1, { text: 'x'.repeat(10_000) }))).toThrow(RangeError);
      channel.send(frameOf(Kind.DATA, 2, undefined, Buffer.alloc(10_000)));
      channel.send(frameOf(Kind.DATA, 3, 'four', Buffer.alloc(9_995)));
      expect((await back).map(({ call, body }) => [call, body.length])).toEqual([[2, 10_000], [3, 9_995]]);
    });

    it('refuses a head that has no end', async () => {
      const { channel } = await near('echo', { poison: true });
      if (name === 'local') return; // nothing is packed there
      const endless: unknown[] = [];
      endless.push(endless);
      expect(() => channel.send(frameOf(Kind.DATA, 1, endless))).toThrow(RangeError);
      const back = takeFrames(channel, 1);
      channel.send(frameOf(Kind.OPEN, 1, ['sane']));
      expect((await back)[0]?.head).toEqual(['sane']);
    });

    it('says when it is full and when it has drained, and loses nothing', async () => {
      const { channel } = await near('count', { ringBytes: SMALL_RING, maxFrameBytes: 1 << 20 });
      const body = patternOf(5_000, 1);
      const totals = takeFrames(channel, 1);
      let frames = 0;
      let sum = 0;
      let drains = 0;
      let most = 0;
      for (let round = 0; round < 5; round++) {
        const drained = new Promise<void>((resolve) => {
          channel.onDrain = () => {
            drains++;
            resolve();
          };
        });
        let goesOn = true;
        for (let i = 0; goesOn; i++) {
          if (i > 20_000) throw new Error('never full');
          goesOn = channel.send(frameOf(Kind.DATA, 1, undefined, body));
          frames++;
          sum = checksum(body, sum);
          most = Math.max(most, channel.queuedBytes);
        }
        expect(channel.queuedBytes).toBeGreaterThan(0);
        await drained;
        expect(channel.queuedBytes).toBe(0);
      }
      channel.send(frameOf(Kind.END, 1, undefined));
      expect((await totals)[0]?.head).toEqual({ frames, sum });
      expect(drains).toBe(5);
      expect(most).toBeLessThan(4 << 20); // a sender that stops at false never has more than a buffer's worth waiting
    });

    it('takes what is sent although it is full', async () => {
      const { channel } = await near('count', { ringBytes: SMALL_RING, maxFrameBytes: 1 << 20 });
      const totals = takeFrames(channel, 1);
      let sum = 0;
      for (let i = 0; i < 2_000; i++) {
        const body = patternOf(i * 7, i);
        sum = checksum(body, sum);
        channel.send(frameOf(Kind.DATA, 1, undefined, body));
      }
      channel.send(frameOf(Kind.END, 1, undefined));
      expect((await totals)[0]?.head).toEqual({ frames: 2_000, sum });
      expect(channel.queuedBytes).toBe(0);
    });

    it('delivers what a busy sender sends in its own time', async () => {
      const { channel } = await near('talk', { ringBytes: SMALL_RING });
      const frames = takeFrames(channel, 501);
      channel.send(frameOf(Kind.OPEN, 1, { frames: 500, bytes: 30_000 }));
      const wrong = (await frames).slice(0, 500).filter(({ call, body }, i) => call !== i + 1 || body.length !== 30_000 || !isPattern(body, i));
      expect(wrong).toEqual([]);
    });

    it('poisons bodies that are kept', async () => {
      const { channel } = await near('keep', { ringBytes: SMALL_RING, poison: true });
      const answer = takeFrames(channel, 1);
      for (const bytes of [1, 8, 100, 1_000, 40_000]) channel.send(frameOf(Kind.DATA, 1, undefined, Buffer.alloc(bytes, 1)));
      channel.send(frameOf(Kind.END, 1, undefined));
      expect((await answer)[0]?.head).toEqual({ kept: 5, poisoned: 5 });
    });

    it('poisons bodies that are kept on this side', async () => {
      const { channel } = await near('echo', { ringBytes: SMALL_RING, poison: true });
      const views: Uint8Array[] = [];
      await new Promise<void>((resolve) => {
        channel.onFrame = ({ body }) => {
          if (body.length === 0) return resolve();
          views.push(body);
        };
        for (const bytes of [1, 8, 100, 1_000, 40_000, 0]) channel.send(frameOf(Kind.DATA, 1, undefined, Buffer.alloc(bytes, 1)));
      });
      expect(views.map((view) => view.every((byte) => byte === POISON))).toEqual([true, true, true, true, true]);
    });

    it('holds frames until somebody takes them', async () => {
      const { channel } = await near('echo');
      channel.send(frameOf(Kind.DATA, 1, 'early'));
      await turns(20);
      expect((await takeFrames(channel, 1))[0]?.head).toBe('early');
    });

    it('delivers everything before the end when the peer closes', async () => {
      const { channel } = await near('leave', { ringBytes: 1 << 20 });
      const calls: number[] = [];
      channel.onFrame = ({ call, body }) => {
        calls.push(call);
        if (!isPattern(body, call - 1)) faults.push(`the body of frame ${call} differs`);
      };
      const end = takeEnd(channel, faults);
      channel.send(frameOf(Kind.OPEN, 1, { frames: 400, bytes: 500 }));
      expect(await end).toEqual({ kind: 'peer' });
      expect(calls).toEqual(Array.from({ length: 400 }, (_, i) => i + 1));
      await turns(3);
    });

    it('ends once when closed twice, and does nothing afterwards', async () => {
      const { channel } = await near('echo');
      await new Promise<void>((resolve) => {
        channel.onFrame = () => resolve();
        channel.send(frameOf(Kind.DATA, 1, undefined));
      });
      const end = takeEnd(channel, faults);
      channel.close();
      channel.close();
      expect(channel.send(frameOf(Kind.DATA, 2, undefined))).toBe(false);
      expect(await end).toEqual({ kind: 'closed' });
      channel.close();
      expect(channel.send(frameOf(Kind.DATA, 3, undefined, Buffer.alloc(1_000)))).toBe(false);
      expect(channel.queuedBytes).toBe(0);
      await turns(10);
    });

    it('delivers nothing more once closed within onFrame', async () => {
      const { channel } = await near('echo');
      let frames = 0;
      const end = takeEnd(channel, faults);
      channel.onFrame = () => {
        if (++frames === 3) channel.close();
      };
      for (let i = 0; i < 100; i++) channel.send(frameOf(Kind.DATA, i + 1, undefined));
      expect(await end).toEqual({ kind: 'closed' });
      await turns(10);
      expect(frames).toBe(3);
    });

    it('sends what lies ready before it closes', async () => {
      // Whether the peer has seen it shows in what it sends back before it learns of the end; so the peer closes, not us.
      const { channel } = await near('leave');
      const end = takeEnd(channel, faults);
      let frames = 0;
      channel.onFrame = () => void frames++;
      channel.send(frameOf(Kind.OPEN, 1, { frames: 1, bytes: 0 }));
      await end;
      expect(frames).toBe(1);
    });

    it('ends as a violation when onFrame throws, and the peer learns of it', async () => {
      const { channel } = await near('echo');
      const end = takeEnd(channel, faults);
      channel.onFrame = () => {
        throw new Error('a bug of ours');
      };
      channel.send(frameOf(Kind.DATA, 1, undefined));
      expect(await end).toEqual({ kind: 'violation', reason: 'a bug of ours' });
      await turns(3);
    });

    it('learns of the end when the peer fails', async () => {
      const { channel } = await near('fail');
      const end = takeEnd(channel, faults);
      channel.onFrame = () => {};
      for (let i = 0; i < 50; i++) channel.send(frameOf(Kind.DATA, i + 1, { i }, EMPTY));
      expect(await end).toEqual({ kind: 'peer' });
      await turns(3);
    });

    it('lets timers run while frames go to and fro without end', async () => {
      const { channel } = await near('echo');
      channel.onFrame = (frame) => void channel.send(kept(frame));
      for (let i = 0; i < 10; i++) channel.send(frameOf(Kind.DATA, i + 1, undefined));
      const start = performance.now();
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 1));
      expect(performance.now() - start).toBeLessThan(1_000);
    });

    it('delivers whole frames and no halves when the peer is killed', async () => {
      for (let round = 0; round < 10; round++) {
        const pair = await openPair('flood', { ringBytes: SMALL_RING });
        if (pair.kill === undefined) return pair.close();
        const end = takeEnd(pair.channel, faults);
        const random = new Random(FLOOD_SEED);
        let due = 1;
        const stopAfter = 1 + round * 74;
        pair.channel.onFrame = ({ call, body }) => {
          if (call !== due || body.length !== floodLength(random, call) || !isPattern(body, call)) faults.push(`frame ${call} where ${due} was due, of ${body.length} bytes`);
          if (due++ === stopAfter) pair.kill?.();
        };
        expect(await end).toEqual({ kind: 'peer' });
        expect(due).toBeGreaterThan(stopAfter);
        await pair.close();
      }
    }, 60_000);

    it('delivers what was flushed in the very turn in which the peer is killed', async () => {
      const probe = await openPair('echo');
      await probe.close();
      if (probe.kill === undefined) return; // the peer is this process
      const pair = await openPair('die');
      const end = takeEnd(pair.channel, faults);
      const heard: number[] = [];
      pair.channel.onFrame = ({ call }) => void heard.push(call);
      pair.channel.send(frameOf(Kind.DATA, 1, undefined));
      expect(await end).toEqual({ kind: 'peer' });
      expect(heard).toEqual([1, 2, 3]);
      await pair.close();
    });

    it('takes both directions at full speed at once', async () => {
      const { channel } = await near('echo', { ringBytes: SMALL_RING });
      const random = new Random(5);
      let due = 0;
      const lengths: number[] = [];
      await new Promise<void>((resolve) => {
        channel.onFrame = ({ call, body }) => {
          if (call !== due + 1 || body.length !== lengths[due] || !isPattern(body, due)) faults.push(`frame ${call} where ${due + 1} was due`);
          if (++due === 20_000) resolve();
        };
        sendMany(channel, 20_000, (index) => {
          const bytes = random.length();
          lengths.push(bytes);
          return frameOf(Kind.DATA, index + 1, undefined, patternOf(bytes, index));
        }, () => {});
      });
    }, 30_000);
  });
}
