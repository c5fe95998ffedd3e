// Bytes of a block's making, read as what they should be: heads, a stream of frames, and what it shows of itself in memory.
import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChannelEnd } from '../ipc/channel.ts';
import { BadFrame, HEADER_BYTES, Kind, packWhat } from '../ipc/frame.ts';
import { packHead, unpackHead } from '../ipc/head.ts';
import { BEATS, FLIGHTS, FLIGHT_TABLE, FLIGHT_WORDS, PREFIX_BYTES, TEXT, TEXT_BYTES, WORDS } from '../ipc/layout.ts';
import { openSocket } from '../ipc/socket.ts';
import { VitalsReader } from '../ipc/vitals-memory.ts';
import { anyWord, hostileCases, packedBytes } from './fixtures/hostile.ts';

/** What a head may be made of, and how many values it has. @throws Error for anything else */
function countPlain(value: unknown): number {
  if (value === null || value === undefined || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return 1;
  if (typeof value !== 'object') throw new Error(`a ${typeof value} in a head`);
  if (value instanceof Uint8Array) return 1;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Array.prototype && prototype !== Object.prototype) throw new Error('an object of a class in a head');
  let count = 1;
  for (const item of Object.values(value)) count += countPlain(item);
  return count;
}

function readHead(bytes: Buffer): unknown {
  try {
    return unpackHead(bytes, 0, bytes.length);
  } catch (cause) {
    if (!(cause instanceof BadFrame)) throw cause;
    return undefined;
  }
}

const plain = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 5 }, fc.constant(null), fc.integer(), fc.double(), fc.string({ maxLength: 40 }), fc.constant('__proto__'), fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)), fc.array(tie('value'), { maxLength: 6 }), fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString')), tie('value'), { maxKeys: 4 })),
})).value;
const spoiled = fc.tuple(plain, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.option(fc.nat(), { freq: 4 })).map(([head, changes, cut]) => {
  const bytes = Buffer.from(packHead(head));
  for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
  return cut === null ? bytes : bytes.subarray(0, cut % (bytes.length + 1));
});

hostileCases('a head', 0.3, 1 << 20, fc.oneof(packedBytes, spoiled), (bytes) => {
  const copy = Buffer.from(bytes);
  if (countPlain(readHead(copy)) > copy.length + 1) throw new Error('more values than bytes');
  if (Object.keys(Object.prototype).length > 0) throw new Error('every object has changed');
  if (!copy.equals(bytes)) throw new Error('the bytes have changed');
});

describe('a head that is small on the wire and large in memory', () => {
  const full = (count: number, ...of: number[]): Buffer => {
    const bytes = Buffer.alloc(5 + count * of.length);
    bytes[0] = 0xdd;
    bytes.writeUInt32BE(count, 1);
    bytes.fill(Buffer.from(of), 5);
    return bytes;
  };
  it.each<[string, Buffer]>([
    ['empty records', full(8 << 20, 0x80)], ['empty lists', full(8 << 20, 0x90)], ['nothings', full(8 << 20, 0xc0)], ['records of one', full(1 << 20, 0x81, 0xa0, 0xc0)],
  ])('is refused before anything is built: %s', (_, bytes) => {
    expect(() => unpackHead(bytes, 0, bytes.length)).toThrow(/more than 1048576 values/);
  });

  it('is read up to the limit', () => {
    expect(unpackHead(full(1 << 20, 0x01), 0, 5 + (1 << 20))).toHaveLength(1 << 20);
  });
});

const MAX_FRAME = 1 << 16;

/** As much of a socket as a channel uses, without a turn of the event loop for each chunk. */
class Wire extends EventEmitter {
  readonly writableLength = 0;
  destroyed = false;
  write(): boolean {
    return true;
  }
  end(): void {}
  destroy(): void {
    this.destroyed = true;
  }
}

const record = fc.record({
  kind: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.nat(255)), flags: fc.oneof(fc.constantFrom(0, 0, 0, 4), fc.nat(255)), code: fc.nat(0xffff), call: fc.oneof(fc.constantFrom(1, 2, 3), anyWord()), arg: anyWord(),
  head: fc.oneof(fc.constant(Buffer.alloc(0)), fc.constant(Buffer.from([0xc0])), packedBytes), body: fc.uint8Array({ maxLength: 100 }),
  lie: fc.option(fc.record({ word: fc.nat(5), value: anyWord(HEADER_BYTES, MAX_FRAME, MAX_FRAME + HEADER_BYTES, MAX_FRAME + HEADER_BYTES + 1) }), { freq: 5 }),
});
const stream = fc.tuple(fc.array(record, { maxLength: 12 }), fc.array(fc.nat(400), { maxLength: 12 }), fc.uint8Array({ maxLength: 40 })).map(([records, cuts, rest]) => {
  const pieces = records.map(({ kind, flags, code, call, arg, head, body, lie }, sequence) => {
    const bytes = Buffer.concat([Buffer.alloc(HEADER_BYTES), head, body]);
    [bytes.length, packWhat(kind, flags, code) >>> 0, call, head.length, arg, sequence].forEach((word, i) => bytes.writeUInt32LE(word, i * 4));
    if (lie !== null) bytes.writeUInt32LE(lie.value, lie.word * 4);
    return bytes;
  });
  return { bytes: Buffer.concat([...pieces, rest]), cuts };
});

hostileCases('a stream of frames', 0.25, MAX_FRAME + HEADER_BYTES, stream, async ({ bytes, cuts }) => {
  const wire = new Wire();
  const channel = openSocket(wire as unknown as Duplex, { maxFrameBytes: MAX_FRAME, poison: true });
  const ends: ChannelEnd[] = [];
  let frames = 0;
  channel.onFrame = ({ kind, flags, call, head, body }) => {
    if (ends.length > 0) throw new Error('BUG: a frame after the end');
    if (kind < Kind.OPEN || kind > Kind.CREDIT || (flags & ~7) !== 0 || call === 0 || body.length > MAX_FRAME) throw new Error('BUG: a frame that no check saw');
    countPlain(head);
    if (++frames * HEADER_BYTES > bytes.length) throw new Error('BUG: more frames than bytes');
  };
  channel.onEnd = (end) => void ends.push(end);
  let at = 0;
  for (const cut of cuts) wire.emit('data', Buffer.from(bytes.subarray(at, (at += cut))));
  wire.emit('data', Buffer.from(bytes.subarray(at)));
  const violated = wire.destroyed;
  wire.emit('close');
  await new Promise(setImmediate);
  if (ends.length !== 1 || (ends[0]?.kind === 'violation') !== violated || ends[0]?.kind === 'closed') throw new Error(`it ended as ${JSON.stringify(ends)}`);
  if (ends[0]?.kind === 'violation' && ends[0].reason.startsWith('BUG')) throw new Error(ends[0].reason);
});

const scribble = fc.array(fc.oneof(
  fc.tuple(fc.nat(PREFIX_BYTES / 4 - 1), anyWord()),
  fc.tuple(fc.nat(FLIGHTS - 1), fc.nat(FLIGHT_WORDS - 1), fc.oneof(fc.nat(300), anyWord())).map(([slot, word, value]): [number, number] => [FLIGHT_TABLE / 4 + slot * FLIGHT_WORDS + word, value]),
  fc.tuple(fc.constant(WORDS / 4), fc.oneof(fc.nat(TEXT_BYTES), anyWord(TEXT_BYTES, TEXT_BYTES + 1))),
  fc.tuple(fc.integer({ min: TEXT / 4, max: TEXT / 4 + 20 }), fc.nat(0xffff_ffff)),
), { maxLength: 60 });

hostileCases('what a block shows of itself', 0.1, TEXT_BYTES, scribble, (writes) => {
  const buffer = new ArrayBuffer(PREFIX_BYTES);
  const words = new Uint32Array(buffer);
  const reader = new VitalsReader(buffer, () => {});
  for (const [at, word] of writes) words[at] = word;
  const { flights, lastWords } = reader.blackBox;
  if (reader.beats !== ((words[BEATS / 4] as number) | 0)) throw new Error('another beat');
  if (flights.length > FLIGHTS || flights.some(({ call, method }) => call % 2 !== 1 || method > 0xffff)) throw new Error('a flight that no check saw');
  if (lastWords.length > TEXT_BYTES || !lastWords.isWellFormed() || /\p{Cc}/u.test(lastWords)) throw new Error('words that no check saw');
});
