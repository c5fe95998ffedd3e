// A peer that writes anything anywhere into the shared segment: it ends as a violation or does no harm, and this process
// keeps its head, its memory and its time.
import { duplexPair } from 'node:stream';
import { MessageChannel } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Channel, ChannelEnd } from '../ipc/channel.ts';
import type { Doorbell } from '../ipc/doorbell.ts';
import { portDoorbell } from '../ipc/doorbell-port.ts';
import { socketDoorbell } from '../ipc/doorbell-socket.ts';
import { EMPTY, Flag, HEADER_BYTES, Kind, packWhat } from '../ipc/frame.ts';
import { openShared, segmentBytes } from '../ipc/shared.ts';
import type { PeerVitals } from '../ipc/vitals.ts';
import { anyWord, hostileCases } from './fixtures/hostile.ts';
import { frameOf } from './fixtures/ipc-roles.ts';

const RING = 4096;
const MAX_FRAME = 1 << 18;
/** The layout, written down once more: a change of it must be a decision. */
const CONTROL_A = 1024;
const CONTROL_B = 1280;
const DATA_A = 4096;
const DATA_B = DATA_A + RING;
const HEAD = 0;
const TAIL = 64;
const ASLEEP = 128;
const STARVED = 192;

/** The far end of a doorbell, with our bare hands. */
interface FarBell {
  /** Of the victim's side. */
  readonly near: Doorbell;
  strike(): void;
  /** What the victim has rung and nobody has heard. */
  unheard(): number;
  end(): void;
}

const BELLS = ['socket', 'port'] as const;
const FAR_BELLS: Readonly<Record<(typeof BELLS)[number], (buffer: SharedArrayBuffer) => FarBell>> = {
  socket: () => {
    const [near, far] = duplexPair();
    return { near: socketDoorbell(near), strike: () => void (far.destroyed || far.write('!')), unheard: () => near.writableLength, end: () => void far.destroy() };
  },
  port: (buffer) => {
    const { port1, port2 } = new MessageChannel();
    let rings = 0;
    const post = port1.postMessage.bind(port1);
    port1.postMessage = (message) => {
      rings++;
      post(message);
    };
    return { near: portDoorbell(port1, buffer, 'a'), strike: () => port2.postMessage({ not: ['what', rings] }), unheard: () => rings, end: () => port2.close() };
  },
};

/** Side `a` of a segment whose other side is us, with our bare hands. */
class Victim {
  readonly words: DataView;
  readonly bytes: Buffer;
  readonly bell: FarBell;
  readonly channel: Channel;
  readonly ends: ChannelEnd[] = [];
  frames = 0;
  /** What a peer of good will would have as its own counters. */
  head = 0;
  sequence = 0;

  constructor(bell: (typeof BELLS)[number] = 'socket') {
    const buffer = new SharedArrayBuffer(segmentBytes(RING));
    this.words = new DataView(buffer);
    this.bytes = Buffer.from(buffer);
    this.bell = FAR_BELLS[bell](buffer);
    this.channel = openShared(buffer, 'a', this.bell.near, { ringBytes: RING, maxFrameBytes: MAX_FRAME });
    this.channel.onFrame = (frame) => {
      this.frames++;
      if (this.ends.length > 0) throw new Error('BUG: a frame after the end');
      if (frame.kind < Kind.OPEN || frame.kind > Kind.CREDIT || frame.call === 0 || frame.body.length > MAX_FRAME) throw new Error('BUG: a frame that no check saw');
      let sum = 0;
      for (const byte of frame.body) sum += byte; // the bytes can be read
      if (sum < 0) throw new Error('unreachable');
    };
    this.channel.onEnd = (end) => void this.ends.push(end);
  }

  set(offset: number, value: number): void {
    this.words.setUint32(offset, value >>> 0, true);
  }

  /** A record where a peer of good will would write it. Returns how long it is in the ring. */
  record(what: number, call: number, payload: Uint8Array, headBytes = 0, size = HEADER_BYTES + payload.length, sequence = this.sequence): number {
    const at = this.head & (RING - 1);
    [size, what, call, headBytes, 0, sequence].forEach((word, i) => {
      if (at + i * 4 + 4 <= RING) this.set(DATA_B + at + i * 4, word);
    });
    const room = Math.max(0, RING - at - HEADER_BYTES);
    this.bytes.set(payload.subarray(0, room), DATA_B + Math.min(RING, at + HEADER_BYTES));
    return (HEADER_BYTES + payload.length + 7) & -8;
  }

  publish(bytes: number): void {
    this.head = (this.head + bytes) | 0;
    this.sequence++;
    this.set(CONTROL_B + HEAD, this.head);
  }

  async ring(): Promise<void> {
    this.bell.strike();
    for (let i = 0; i < 4; i++) await new Promise(setImmediate);
  }

  async close(): Promise<void> {
    this.channel.close();
    this.bell.end();
    for (let i = 0; i < 3 && this.ends.length === 0; i++) await new Promise(setImmediate);
    expect(this.ends.length).toBe(1);
  }

  get violated(): string | undefined {
    return this.ends[0]?.kind === 'violation' ? this.ends[0].reason : undefined;
  }
}

const DATA = packWhat(Kind.DATA, 0, 0);

describe('a peer that writes what it should not', () => {
  const bytes = (count: number): Buffer => Buffer.alloc(count, 1);

  it.each<[string, (victim: Victim) => void, RegExp]>([
    ['a size below the header', (v) => { v.record(DATA, 1, bytes(8), 0, 8); v.publish(32); }, /record of 8 bytes/],
    ['a size beyond what it published', (v) => { v.record(DATA, 1, bytes(8), 0, 40); v.publish(32); }, /record of 40 bytes/],
    ['a size of 4 GiB', (v) => { v.record(DATA, 1, bytes(8), 0, 0xffff_ffff); v.publish(32); }, /record of 4294967295 bytes/],
    ['a size of 2 GiB', (v) => { v.record(DATA, 1, bytes(8), 0, 0x8000_0000); v.publish(32); }, /record of 2147483648 bytes/],
    ['a record across the end', (v) => { for (let i = 0; i < 3; i++) v.publish(v.record(DATA, 1, bytes(1000))); v.set(CONTROL_A + TAIL, 0); v.record(DATA, 1, bytes(1500), 0, 1524); v.publish(1000); }, /record of|counter/],
    ['a wrap mark at the start', (v) => { v.set(DATA_B, 0); v.publish(32); }, /wrap mark/],
    ['a sequence that skips', (v) => { v.record(DATA, 1, bytes(8), 0, 32, 1); v.publish(32); }, /record 1 where 0 was due/],
    ['a kind of 0', (v) => { v.record(0, 1, bytes(8)); v.publish(32); }, /unknown kind 0/],
    ['a kind of 77', (v) => { v.record(77, 1, bytes(8)); v.publish(32); }, /unknown kind 77/],
    ['flags that do not exist', (v) => { v.record(packWhat(Kind.DATA, 64, 0), 1, bytes(8)); v.publish(32); }, /unknown flags 64/],
    ['call 0', (v) => { v.record(DATA, 0, bytes(8)); v.publish(32); }, /call 0/],
    ['a head longer than the record', (v) => { v.record(DATA, 1, bytes(8), 9); v.publish(32); }, /head of 9 bytes/],
    ['a head of 4 GiB', (v) => { v.record(DATA, 1, bytes(8), 0xffff_ffff); v.publish(32); }, /head of 4294967295 bytes/],
    ['a head that is no msgpack', (v) => { v.record(DATA, 1, Buffer.alloc(8, 0xc1), 8); v.publish(32); }, /no msgpack/],
    ['a head with more after it', (v) => { v.record(DATA, 1, Buffer.from([1, 1]), 2); v.publish(32); }, /no msgpack/],
    ['a head of a million arrays in each other', (v) => { v.record(DATA, 1, Buffer.alloc(900, 0x91), 900); v.publish(928); }, /nested deeper/],
    ['a head that announces 4 billion values', (v) => { v.record(DATA, 1, Buffer.from([0xdd, 255, 255, 255, 255, 1, 1, 1]), 8); v.publish(32); }, /goes on after the end/],
    ['a head that announces 4 billion members', (v) => { v.record(DATA, 1, Buffer.from([0xdf, 255, 255, 255, 255, 1, 1, 1]), 8); v.publish(32); }, /goes on after the end/],
    ['a head that announces a string of 4 GiB', (v) => { v.record(DATA, 1, Buffer.from([0xdb, 255, 255, 255, 255, 1, 1, 1]), 8); v.publish(32); }, /goes on after the end/],
    ['a head with a regular expression', (v) => { v.record(DATA, 1, Buffer.from([0xc7, 2, 0x78, 1, 1, 1, 1, 1]), 8); v.publish(32); }, /type 0xc7/],
    ['a piece of no frame', (v) => { v.record(Kind.MORE, 1, bytes(8)); v.publish(32); }, /belongs to no frame/],
    ['a fragmented frame without a length', (v) => { v.record(packWhat(Kind.DATA, Flag.FRAGMENTED, 0), 1, bytes(8)); v.publish(32); }, /without its length/],
    ['a fragmented frame above the limit', (v) => { v.record(packWhat(Kind.DATA, Flag.FRAGMENTED, 0), 1, Buffer.from([255, 255, 255, 255, 0, 0, 0, 0, 1])); v.publish(40); }, /limit/],
    ['a fragmented frame with a head above its length', (v) => { v.record(packWhat(Kind.DATA, Flag.FRAGMENTED, 0), 1, Buffer.from([9, 0, 0, 0, 10, 0, 0, 0, 1])); v.publish(40); }, /head of 10 bytes/],
    ['more pieces than announced', (v) => { v.record(packWhat(Kind.DATA, Flag.FRAGMENTED, 0), 1, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 1, 2])); v.publish(40); }, /more pieces/],
    ['a piece of another frame', (v) => { v.publish(v.record(packWhat(Kind.DATA, Flag.FRAGMENTED, 0), 1, Buffer.from([9, 0, 0, 0, 0, 0, 0, 0, 1]))); v.publish(v.record(Kind.MORE, 2, bytes(8))); }, /belongs to no frame/],
    ['an empty piece', (v) => { v.publish(v.record(packWhat(Kind.DATA, Flag.FRAGMENTED, 0), 1, Buffer.from([9, 0, 0, 0, 0, 0, 0, 0, 1]))); v.publish(v.record(Kind.MORE, 1, EMPTY)); }, /empty piece/],
    ['a frame that begins in another', (v) => { for (let i = 0; i < 2; i++) v.publish(v.record(packWhat(Kind.DATA, Flag.FRAGMENTED, 0), 1, Buffer.from([9, 0, 0, 0, 0, 0, 0, 0, 1]))); }, /inside another/],
    ['a head counter beyond the ring', (v) => v.set(CONTROL_B + HEAD, RING + 8), /producer's counter/],
    ['a head counter that went back', (v) => v.set(CONTROL_B + HEAD, -8), /producer's counter/],
    ['a head counter that is not aligned', (v) => v.set(CONTROL_B + HEAD, 3), /producer's counter/],
  ])('is found out: %s', async (_, write, reason) => {
    const victim = new Victim();
    write(victim);
    await victim.ring();
    expect(victim.violated).toMatch(reason);
    await victim.close();
  });

  it.each<[string, number]>([
    ['freed more than there was', RING + 8],
    ['freed backwards', -8],
    ['freed half the world', 0x8000_0000],
    ['freed part of a word', 3],
  ])('is found out when it says it %s', async (_, tail) => {
    const victim = new Victim();
    await victim.ring();
    victim.set(CONTROL_A + TAIL, tail);
    for (let i = 0; i < 20; i++) victim.channel.send(frameOf(Kind.DATA, 1, undefined, Buffer.alloc(500)));
    await victim.ring();
    expect(victim.violated).toMatch(/consumer's counter/);
    expect(victim.channel.queuedBytes).toBe(0);
    await victim.close();
  });

  it('does no harm with a frame that never ends', async () => {
    const victim = new Victim();
    victim.publish(victim.record(packWhat(Kind.DATA, Flag.FRAGMENTED, 0), 1, Buffer.from([255, 255, 3, 0, 0, 0, 0, 0, 1])));
    for (let i = 0; i < 50; i++) {
      victim.publish(victim.record(Kind.MORE, 1, bytes(40)));
      await victim.ring();
    }
    expect([victim.frames, victim.ends.length]).toEqual([0, 0]);
    await victim.close();
  });

  it.each(BELLS)('may toggle its words for ever and never listen: the doorbell does not pile up (%s)', async (bell) => {
    const victim = new Victim(bell);
    for (let i = 0; i < 5_000; i++) {
      victim.set(CONTROL_B + STARVED, 1);
      victim.set(CONTROL_A + ASLEEP, 1);
      victim.set(CONTROL_B + ASLEEP, i & 1);
      if (i % 10 === 0) victim.channel.send(frameOf(Kind.DATA, 1, undefined, EMPTY));
      victim.bell.strike();
      victim.channel.peer?.nudge();
      if (i % 50 === 0) await new Promise(setImmediate);
    }
    expect(victim.bell.unheard()).toBeLessThanOrEqual(64);
    expect(victim.ends).toEqual([]);
    await victim.close();
  });

  it('may lie about being asleep and hungry: frames still come through', async () => {
    const victim = new Victim();
    for (let i = 0; i < 100; i++) {
      victim.set(CONTROL_B + ASLEEP, i & 1);
      victim.set(CONTROL_B + STARVED, 7);
      victim.set(CONTROL_A + STARVED, -1);
      victim.publish(victim.record(DATA, 1, bytes(8)));
      await victim.ring();
    }
    expect(victim.frames).toBe(100);
    await victim.close();
  });

  it.each(BELLS)('is found out when it spoils the flag that makes it ring, also where it never rings again (%s)', async (bell) => {
    const victim = new Victim(bell);
    await victim.ring();
    victim.set(CONTROL_B + ASLEEP, 0xffff_ffff);
    victim.publish(victim.record(DATA, 1, bytes(8)));
    for (let i = 0; i < 4; i++) await new Promise(setImmediate);
    expect([victim.frames, victim.ends.length], 'nobody rang').toEqual([0, 0]);
    victim.channel.peer?.nudge();
    await new Promise(setImmediate);
    expect(victim.violated).toMatch(/flag of a sleeper is -1/);
    await victim.close();
  });

  it('may write on after its end: what it had published is taken once', async () => {
    const victim = new Victim();
    victim.channel.onFrame = () => {
      victim.frames++;
      // As fast as the victim reads: were it to look again and again, it would never come back.
      victim.publish(victim.record(DATA, 1, bytes(8)));
    };
    victim.publish(victim.record(DATA, 1, bytes(8)));
    victim.bell.near.close();
    for (let i = 0; i < 5; i++) await new Promise(setImmediate);
    expect(victim.frames).toBeLessThanOrEqual(2);
    expect(victim.ends).toEqual([{ kind: 'peer' }]);
  });
});

/** One thing that a hostile peer, its victim or the event loop may do. */
type Step = (victim: Victim) => void | Promise<void>;

const word = anyWord(RING, RING - 8, RING + 8);
const payload = fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ minLength: 900, maxLength: 1100 }));
const control = fc.constantFrom(CONTROL_A, CONTROL_B);

const step: fc.Arbitrary<Step> = fc.oneof(
  // Garbage, anywhere.
  fc.tuple(fc.nat(segmentBytes(RING) / 4 - 1), word).map(([index, value]): Step => (victim) => victim.set(index * 4, value)),
  fc.tuple(fc.nat(RING - 1), fc.uint8Array({ maxLength: 200 })).map(([at, bytes]): Step => (victim) => victim.bytes.set(bytes.subarray(0, RING - at), DATA_B + at)),
  // Control words.
  fc.tuple(control, fc.constantFrom(HEAD, TAIL, ASLEEP, STARVED), word).map(([at, offset, value]): Step => (victim) => victim.set(at + offset, value)),
  fc.integer({ min: -3, max: 3 }).map((more): Step => (victim) => victim.set(CONTROL_B + HEAD, victim.head + more * 8)),
  // Records, right but for a field or two.
  {
    weight: 4,
    arbitrary: fc
      .record({ kind: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.nat(255)), flags: fc.oneof(fc.constantFrom(0, 0, 0, 128, 129), fc.nat(255)), call: fc.oneof(fc.constantFrom(1, 2, 3), fc.nat()), payload, headBytes: fc.oneof(fc.constant(0), fc.nat(64), word), size: fc.option(word, { freq: 8 }), skip: fc.constantFrom(0, 0, 0, 0, 0, 1, -1), more: fc.constantFrom(0, 0, 0, 0, 8, -8, 4) })
      .map(({ kind, flags, call, payload: body, headBytes, size, skip, more }): Step => (victim) => {
        const taken = victim.record(packWhat(kind, flags, 0) >>> 0, call, body, headBytes, size ?? HEADER_BYTES + body.length, victim.sequence + skip);
        victim.publish(taken + more);
      }),
  },
  { weight: 3, arbitrary: payload.map((body): Step => (victim) => victim.publish(victim.record(DATA, 1, body))) },
  // The victim lives on meanwhile.
  { weight: 2, arbitrary: fc.oneof(fc.nat(600), fc.nat(9_000)).map((bytes): Step => (victim) => void victim.channel.send(frameOf(Kind.DATA, 1, undefined, Buffer.alloc(bytes)))) },
  { weight: 3, arbitrary: fc.constant<Step>((victim) => victim.ring()) },
);

/** Frames of the smallest size that all turns of a case can bring. */
const MOST_FRAMES = 40 * 5 * (RING / HEADER_BYTES);

hostileCases('any sequence of hostile steps', 0.2, MAX_FRAME, fc.tuple(fc.constantFrom(...BELLS), fc.array(step, { minLength: 1, maxLength: 30 })), async ([bell, steps]) => {
  const victim = new Victim(bell);
  for (const each of steps) await each(victim);
  await victim.ring();
  const { beats, blackBox } = victim.channel.peer as PeerVitals;
  if (!Number.isInteger(beats) || blackBox.flights.some(({ call }) => call % 2 === 0)) throw new Error('vitals that no check saw');
  if (victim.frames > MOST_FRAMES || victim.ends.length > 1) throw new Error('more frames than were there, or a second end');
  if (victim.violated?.startsWith('BUG') === true) throw new Error(victim.violated);
  await victim.close();
});
