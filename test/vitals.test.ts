// What a block shows of itself in shared memory: a heartbeat that a nudge makes beat, a flight recorder that outlives it, and last
// words; read with no trust in whoever wrote them.
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Channel, ChannelEnd } from '../ipc/channel.ts';
import { EMPTY, Kind } from '../ipc/frame.ts';
import { FLIGHTS, FLIGHT_TABLE, FLIGHT_WORDS, PREFIX_BYTES, TEXT, TEXT_BYTES, WORDS } from '../ipc/layout.ts';
import { traceChannel } from '../ipc/trace.ts';
import { VitalsReader, VitalsWriter } from '../ipc/vitals-memory.ts';
import type { PeerVitals } from '../ipc/vitals.ts';
import { PAIRS, type Near } from './fixtures/ipc-pairs.ts';
import { frameOf, type RoleName } from './fixtures/ipc-roles.ts';
import { eventually } from './harness/awaiting.ts';

function memory() {
  const buffer = new ArrayBuffer(PREFIX_BYTES);
  const set = (offset: number, ...words: number[]): void => new Uint32Array(buffer, offset).set(words);
  return { buffer, set, own: new VitalsWriter(buffer), peer: new VitalsReader(buffer, () => {}) };
}

describe('the flight recorder', () => {
  it('names what was begun and not finished, the latest last', () => {
    const { own, peer } = memory();
    for (const [call, method] of [[1, 16], [3, 18], [5, 16]] as const) own.began(call, method);
    own.finished(3);
    own.began(7, 17);
    own.began(1, 16); // an older call's turn again: a message on its stream
    expect(peer.blackBox.flights).toEqual([{ call: 5, method: 16 }, { call: 7, method: 17 }, { call: 1, method: 16 }]);
  });

  it('keeps the latest where there are more than it has room for, and finishing an overwritten one harms nobody', () => {
    const { own, peer } = memory();
    for (let call = 1; call <= 2 * FLIGHTS * 3; call += 2) own.began(call, 16);
    for (let call = 1; call <= 2 * FLIGHTS * 2; call += 2) own.finished(call);
    expect(peer.blackBox.flights.map(({ call }) => call)).toEqual(Array.from({ length: FLIGHTS }, (_, i) => 2 * FLIGHTS * 2 + 1 + 2 * i));
  });

  it('shows what a model of it would, whatever begins and finishes', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(200), fc.boolean()), { maxLength: 300 }), (steps) => {
      const { own, peer } = memory();
      const slots = new Map<number, readonly [call: number, began: number]>();
      steps.forEach(([n, begins], count) => {
        const call = n * 2 + 1;
        const slot = n % FLIGHTS;
        if (begins) {
          own.began(call, 16);
          slots.set(slot, [call, count]);
        } else {
          own.finished(call);
          if (slots.get(slot)?.[0] === call) slots.delete(slot);
        }
      });
      expect(peer.blackBox.flights.map(({ call }) => call)).toEqual([...slots.values()].sort(([, a], [, b]) => a - b).map(([call]) => call));
    }), { numRuns: 300 });
  });
});

describe('last words', () => {
  it.each<[string, string, string]>([
    ['as they were said', 'Error: no such file', 'Error: no such file'],
    ['on one line, without what a terminal would obey', 'Error: \u001b[31mboom\r\n    at f (g.ts:1:2)\0\u2028\u009b2J', 'Error:  [31mboom     at f (g.ts:1:2) 2J'],
    ['nothing', '', ''],
    ['cut where there is no more room', 'x'.repeat(5_000), 'x'.repeat(TEXT_BYTES)],
    ['cut between characters', `x${'😀'.repeat(1_000)}`, `x${'😀'.repeat((TEXT_BYTES - 4) / 4)}`],
    ['well-formed', 'a\ud800b', 'a\ufffdb'],
  ])('are handed out %s', (_, said, heard) => {
    const { own, peer } = memory();
    own.lastWords('something longer that was said before '.repeat(3));
    own.lastWords(said);
    expect(peer.blackBox.lastWords).toBe(heard);
  });

  it.each([-1, 0, TEXT_BYTES + 1, 0x7fff_ffff, 0x8000_0000])('of a length of %d are none', (length) => {
    const { own, peer, set } = memory();
    own.lastWords('words');
    set(WORDS, length);
    expect(peer.blackBox.lastWords).toBe('');
  });

  it('of bytes that are no text are made one', () => {
    const { buffer, peer, set } = memory();
    Buffer.from(buffer, TEXT).set([0xff, 0x61, 0xc3]);
    set(WORDS, 3);
    expect(peer.blackBox.lastWords).toBe('\ufffda\ufffd');
  });
});

it('a flight that makes no sense is not handed out', () => {
  const { peer, set } = memory();
  set(FLIGHT_TABLE, 2, 16, 1); // ours are odd
  set(FLIGHT_TABLE + 4 * FLIGHT_WORDS, 1, 16, 1); // in another's slot
  set(FLIGHT_TABLE + 8 * FLIGHT_WORDS, 5, 0x1_0000, 1); // there is no such route
  set(FLIGHT_TABLE + 12 * FLIGHT_WORDS, 7, 16, 0xffff_ffff);
  expect(peer.blackBox).toEqual({ flights: [{ call: 7, method: 16 }], lastWords: '' });
});

const SHARED = PAIRS.filter(([name]) => name.startsWith('shared memory'));

describe.each(SHARED)('over %s', (name, open) => {
  const near: Near[] = [];
  const apart = name.includes('between');
  afterEach(() => Promise.all(near.splice(0).map((pair) => pair.close())));

  async function start(role: RoleName): Promise<{ channel: Channel; peer: PeerVitals; kill: () => void; tell: (kind: number, call: number, code?: number, head?: unknown) => Promise<unknown>; end: Promise<ChannelEnd> }> {
    const pair = await open(role);
    near.push(pair);
    const { channel, kill = () => {} } = pair;
    const heard: ((head: unknown) => void)[] = [];
    channel.onFrame = ({ head }) => heard.shift()?.(head);
    const end = new Promise<ChannelEnd>((resolve) => (channel.onEnd = resolve));
    const tell = (kind: number, call: number, code = 0, head?: unknown): Promise<unknown> => new Promise((resolve) => {
      heard.push(resolve);
      channel.send({ kind, flags: 0, code, call, arg: 0, head, body: EMPTY });
    });
    return { channel, peer: channel.peer as PeerVitals, kill, tell, end };
  }

  it('an idle peer beats when it is nudged, and only then', async () => {
    const { peer, tell } = await start('work');
    expect(await tell(Kind.OPEN, 1, 16), 'each side has its own').toBe(true);
    let before = peer.beats;
    await eventually('it sleeps', async () => {
      const { beats } = peer;
      await new Promise((resolve) => setTimeout(resolve, 60));
      return beats === peer.beats;
    });
    for (let nudge = 0; nudge < 20; nudge++) {
      before = peer.beats;
      peer.nudge();
      peer.nudge();
      await eventually('it has looked', () => peer.beats !== before);
    }
  });

  it('its recorder can be read while it lives, and after its end', async () => {
    const { channel, peer, kill, tell, end } = await start('work');
    await tell(Kind.OPEN, 1, 16);
    await tell(Kind.OPEN, 3, 18);
    await tell(Kind.END, 1);
    await tell(Kind.DATA, 5, 0, 'that was it');
    const blackBox = { flights: [{ call: 3, method: 18 }], lastWords: 'that was it' };
    expect(peer.blackBox).toEqual(blackBox);
    if (apart) kill();
    else channel.close();
    expect(await end).toEqual({ kind: apart ? 'peer' : 'closed' });
    const { beats } = peer;
    expect(peer.blackBox).toEqual(blackBox);
    peer.nudge(); // nobody is there
    expect(peer.beats).toBe(beats);
    expect(channel.send(frameOf(Kind.DATA, 7, undefined))).toBe(false);
  });

  if (apart) {
    it('a peer that hangs beats no more, however often it is nudged, and its recorder tells over what', async () => {
      const { channel, peer, kill, tell, end } = await start('work');
      await tell(Kind.OPEN, 9, 21);
      channel.send(frameOf(Kind.CANCEL, 9, undefined));
      let beats = -1;
      await eventually('it hangs', async () => {
        beats = peer.beats;
        for (let i = 0; i < 300; i++) peer.nudge(); // what nobody hears does not pile up
        await new Promise((resolve) => setTimeout(resolve, 60));
        return beats === peer.beats;
      });
      expect(peer.blackBox.flights).toEqual([{ call: 9, method: 21 }]);
      kill();
      expect(await end).toEqual({ kind: 'peer' });
      expect(peer.beats).toBe(beats);
      expect(peer.blackBox.flights).toEqual([{ call: 9, method: 21 }]);
    });
  }
});

it.each(PAIRS.filter(([name]) => !name.startsWith('shared memory')))('there are none over %s', async (_, open) => {
  const { channel, close } = await open('echo');
  expect([channel.peer, channel.own]).toEqual([undefined, undefined]);
  await close();
});

it('a traced channel has them, too', async () => {
  const [, open] = SHARED[0] ?? [];
  const pair = await open?.('work');
  const traced = traceChannel(pair?.channel as Channel, 'state', () => {});
  expect(traced.peer).toBe(pair?.channel.peer);
  expect(traced.own).toBe(undefined);
  await pair?.close();
});

it('writing them after the end does nothing', () => {
  const { buffer, own, peer } = memory();
  own.beat();
  own.began(1, 16);
  peer.keep();
  buffer.transfer(0); // what unmapping the memory does first
  own.beat();
  own.began(3, 17);
  own.finished(1);
  own.lastWords('too late');
  expect([peer.beats, peer.blackBox]).toEqual([1, { flights: [{ call: 1, method: 16 }], lastWords: '' }]);
});
