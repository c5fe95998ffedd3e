// What only a stream of bytes can do to a channel: it is cut anywhere, comes in any pieces, and carries anything.
import { duplexPair, type Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Channel, ChannelEnd } from '../ipc/channel.ts';
import { BadFrame, HEADER_BYTES, Kind, packWhat, type Frame } from '../ipc/frame.ts';
import { packHead, unpackHead } from '../ipc/head.ts';

import { openSocket } from '../ipc/socket.ts';
import { frameOf } from './fixtures/ipc-roles.ts';

const OPTIONS = { maxFrameBytes: 1 << 16, poison: true };

interface Receiver {
  readonly far: Duplex;
  readonly channel: Channel;
  readonly frames: { head: unknown; body: string }[];
  readonly ends: ChannelEnd[];
}

function receiver(): Receiver {
  const [near, far] = duplexPair();
  const channel = openSocket(near, OPTIONS);
  const frames: Receiver['frames'] = [];
  const ends: ChannelEnd[] = [];
  channel.onFrame = ({ head, body }) => void frames.push({ head, body: Buffer.from(body).toString() });
  channel.onEnd = (end) => void ends.push(end);
  far.on('error', () => {});
  far.resume();
  return { far, channel, frames, ends };
}

const turns = async (count = 4): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
};

/** The bytes that a channel writes for these frames. */
async function bytesOf(frames: readonly Frame[]): Promise<Buffer> {
  const [near, far] = duplexPair();
  const chunks: Buffer[] = [];
  far.on('data', (chunk: Buffer) => chunks.push(Buffer.from(chunk)));
  const channel = openSocket(near, OPTIONS);
  channel.onFrame = () => {};
  for (const frame of frames) channel.send(frame);
  await turns();
  channel.close();
  await turns();
  return Buffer.concat(chunks);
}

const SENT = [frameOf(Kind.OPEN, 1, { n: 1 }, Buffer.from('first')), frameOf(Kind.DATA, 2, undefined), frameOf(Kind.DATA, 3, 'head only'), frameOf(Kind.END, 4, undefined, Buffer.from('a longer body, the last'))];
const EXPECTED = [{ head: { n: 1 }, body: 'first' }, { head: undefined, body: '' }, { head: 'head only', body: '' }, { head: undefined, body: 'a longer body, the last' }];

describe('a channel over a stream', () => {
  it('delivers whole frames and no halves, wherever the stream is cut', async () => {
    const bytes = await bytesOf(SENT);
    const ends = [0];
    for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at)) ends.push(at + bytes.readUInt32LE(at));
    expect(ends.at(-1)).toBe(bytes.length);
    for (let cut = 0; cut <= bytes.length; cut++) {
      for (const how of ['end', 'destroy'] as const) {
        const { far, frames, ends: seen } = receiver();
        if (cut > 0) far.write(Buffer.from(bytes.subarray(0, cut))); // a copy: the channel overwrites what it was given
        await turns(2); // what a stream hasn't handed over when it breaks is lost
        far.end();
        if (how === 'destroy') far.destroy();
        await turns();
        expect([cut, how, frames]).toEqual([cut, how, EXPECTED.slice(0, ends.filter((end) => end > 0 && end <= cut).length)]);
        expect(seen).toEqual([{ kind: 'peer' }]);
      }
    }
  });

  it('takes frames in two pieces, wherever they part', async () => {
    const bytes = await bytesOf(SENT);
    for (let cut = 1; cut < bytes.length; cut++) {
      const { far, channel, frames, ends } = receiver();
      far.write(Buffer.from(bytes.subarray(0, cut)));
      await turns(1);
      far.write(Buffer.from(bytes.subarray(cut)));
      await turns(1);
      expect([cut, frames, ends]).toEqual([cut, EXPECTED, []]);
      channel.close();
    }
  });

  it('takes frames byte by byte', async () => {
    const bytes = await bytesOf(SENT);
    const { far, channel, frames } = receiver();
    for (const byte of bytes) far.write(Buffer.of(byte));
    await turns(10);
    expect(frames).toEqual(EXPECTED);
    channel.close();
  });

  const record = (words: readonly number[], payload: Buffer = Buffer.alloc(0)): Buffer => {
    const header = Buffer.alloc(HEADER_BYTES);
    words.forEach((word, i) => header.writeUInt32LE(word >>> 0, i * 4));
    return Buffer.concat([header, payload]);
  };
  const DATA = packWhat(Kind.DATA, 0, 0);

  it.each<[string, Buffer, RegExp]>([
    ['a size below the header', record([23, DATA, 1]), /record of 23 bytes/],
    ['a size above the limit', record([HEADER_BYTES + (1 << 16) + 1, DATA, 1]), /record of 65561 bytes/],
    ['a size of 4 GiB', record([-1, DATA, 1]), /record of 4294967295 bytes/],
    ['a head longer than the record', record([32, DATA, 1, 9], Buffer.alloc(8)), /head of 9 bytes/],
    ['an unknown kind', record([24, packWhat(9, 0, 0), 1]), /unknown kind 9/],
    ['a fragment, which streams have none of', record([24, packWhat(Kind.MORE, 0, 0), 1]), /unknown kind 6/],
    ['unknown flags', record([24, packWhat(Kind.DATA, 128, 0), 1]), /unknown flags 128/],
    ['call 0', record([24, DATA, 0]), /call 0/],
    ['a wrong sequence', record([24, DATA, 1, 0, 0, 1]), /record 1 where 0 was due/],
    ['a head that is no msgpack', record([26, DATA, 1, 2], Buffer.from([0xc1, 0])), /no msgpack/],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), /record of 542393671 bytes/],
  ])('is not fooled by %s', async (_, bytes, reason) => {
    const { far, frames, ends } = receiver();
    far.write(bytes);
    far.write(bytes);
    await turns();
    expect([frames, ends.length, ends[0]?.kind]).toEqual([[], 1, 'violation']);
    expect(ends[0]).toMatchObject({ reason: expect.stringMatching(reason) as string });
  });

  it.each([['known', 20_260_101, 3_000], ['new', Date.now() | 0, 1_000]])('survives any bytes (%s seed)', async (_, seed, numRuns) => {
    const good = await bytesOf(SENT);
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.tuple(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 3 }), fc.nat(good.length)).map(([changes, length]) => {
        const bytes = Buffer.from(good);
        for (const [at, byte] of changes) bytes[at] = byte;
        return bytes.subarray(0, length);
      }),
    );
    const before = process.memoryUsage().rss;
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 6 }), async (pieces) => {
        const { far, channel, ends } = receiver();
        for (const bytes of pieces) {
          far.write(bytes);
          await turns(1);
        }
        expect(ends.length).toBeLessThanOrEqual(1);
        channel.close();
        await turns(1);
        expect(ends.length).toBe(1);
      }),
      { seed, numRuns },
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(300 << 20);
  }, 60_000);
});

describe('a head from a peer that means harm', () => {
  it.each([['known', 20_260_101, 20_000], ['new', Date.now() | 0, 10_000]])('is a value or a BadFrame, whatever its bytes (%s seed)', (_, seed, numRuns) => {
    const valid = fc.jsonValue({ maxDepth: 4 }).map((value) => Buffer.from(packHead(value)));
    const changed = fc.tuple(valid, fc.nat(), fc.nat(255)).map(([bytes, at, byte]) => {
      const copy = Buffer.from(bytes);
      if (copy.length > 0) copy[at % copy.length] = byte;
      return copy;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)), changed), (bytes) => {
        try {
          unpackHead(bytes, 0, bytes.length);
        } catch (cause) {
          expect(cause).toBeInstanceOf(BadFrame);
        }
      }),
      { seed, numRuns },
    );
  }, 60_000);

  it.each<[string, Buffer]>([
    ['100,000 arrays in each other', Buffer.alloc(100_000, 0x91)],
    ['100,000 maps in each other', Buffer.alloc(100_000, 0x81)],
    ['arrays that announce 16 million values each', Buffer.concat(Array.from({ length: 20 }, () => Buffer.from([0xdd, 0, 255, 255, 255])))],
    ['a string longer than the head', Buffer.from([0xdb, 0, 1, 0, 0, 65])],
    ['bytes longer than the head', Buffer.from([0xc6, 127, 255, 255, 255, 65])],
    ['nothing', Buffer.alloc(0)],
    ['two values', Buffer.from([1, 2])],
    ['a map with a number for a key', Buffer.from([0x81, 1, 1])],
    ['a date', Buffer.from([0xd6, 0xff, 0, 0, 0, 0])],
    ['an extension of 4 GiB', Buffer.from([0xc9, 255, 255, 255, 255, 1])],
  ])('is refused at once when it holds %s', (_, bytes) => {
    const before = process.memoryUsage().rss;
    const start = performance.now();
    for (let i = 0; i < 100; i++) expect(() => unpackHead(bytes, 0, bytes.length)).toThrow(BadFrame);
    expect(performance.now() - start).toBeLessThan(1_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20);
  });

  it('cannot change what objects are', () => {
    const bytes = Buffer.concat([Buffer.from([0x81, 0xa9]), Buffer.from('__proto__'), Buffer.from([0x81, 0xa1, 0x78, 1])]);
    const head = unpackHead(bytes, 0, bytes.length) as Record<string, unknown>;
    expect(Object.getPrototypeOf(head)).toBe(Object.prototype);
    expect(Object.keys(head)).toEqual(['__proto_']); // msgpackr's way of making the name harmless
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});
