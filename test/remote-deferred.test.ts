// A channel that is there before its transport: the contract of every channel, and what becomes of what was sent before.
import { describe, expect, it } from 'vitest';
import type { Channel, ChannelEnd } from '../ipc/channel.ts';
import { DeferredChannel } from '../ipc/deferred.ts';
import { Kind, type Frame } from '../ipc/frame.ts';
import { channelConformance } from './conformance/channel.ts';
import { eventually } from './harness/awaiting.ts';
import { openDeferredRings, openEnds } from './fixtures/ipc-deferred.ts';
import { DEFAULTS } from './fixtures/ipc-pairs.ts';
import { frameOf } from './fixtures/ipc-roles.ts';

channelConformance('rings that come later', openDeferredRings);

function heardOf(channel: Channel): { readonly frames: string[]; readonly ends: ChannelEnd[] } {
  const heard = { frames: [] as string[], ends: [] as ChannelEnd[] };
  channel.onFrame = ({ call, head, body }: Frame) => void heard.frames.push(`${call} ${JSON.stringify(head)} ${Buffer.from(body).toString()}`);
  channel.onEnd = (end) => void heard.ends.push(end);
  return heard;
}

describe.each(['ring', 'socket'] as const)('before a %s is there', (kind) => {
  it('keeps what is sent, in order, and what changes in the frame afterwards is not seen', async () => {
    const channel = new DeferredChannel(DEFAULTS.maxFrameBytes);
    const lent = { ...frameOf(Kind.OPEN, 1, { n: 1 }, Buffer.from('one')) };
    channel.send(lent);
    lent.call = 99;
    channel.send(frameOf(Kind.DATA, 3, undefined), [Buffer.from('in '), Buffer.from('pieces')]);
    expect([channel.queuedBytes > 12, channel.ring, channel.peer, channel.own]).toEqual([true, undefined, undefined, undefined]);
    channel.flush(); // there is nowhere to yet
    const [near, far] = openEnds[kind](DEFAULTS);
    const heard = heardOf(far);
    channel.attach(near);
    channel.send(frameOf(Kind.DATA, 5, undefined, Buffer.from('after')));
    await eventually('all came', () => heard.frames.length === 3);
    expect(heard.frames).toEqual(['1 {"n":1} one', '3 undefined in pieces', '5 undefined after']);
    expect(channel.queuedBytes).toBe(0);
    channel.close();
    await eventually('the other side knows', () => heard.ends.length === 1);
  });

  it('takes listeners from before and from after', async () => {
    const channel = new DeferredChannel(DEFAULTS.maxFrameBytes);
    const before = heardOf(channel);
    const [near, far] = openEnds[kind](DEFAULTS);
    far.send(frameOf(Kind.DATA, 2, undefined, Buffer.from('early')));
    channel.attach(near);
    await eventually('what came first is heard', () => before.frames.length === 1);
    const after = heardOf(channel);
    expect(channel.onFrame).not.toBe(before);
    far.send(frameOf(Kind.DATA, 4, undefined, Buffer.from('late')));
    await eventually('what comes now is heard', () => after.frames.length === 1);
    far.close();
    await eventually('the end is heard', () => after.ends.length === 1);
    expect([before.frames.length, before.ends, after.ends]).toEqual([1, [], [{ kind: 'peer' }]]);
  });

  it('ends once when it is closed, and closes a transport that comes too late', async () => {
    const channel = new DeferredChannel(DEFAULTS.maxFrameBytes);
    const heard = heardOf(channel);
    channel.send(frameOf(Kind.DATA, 1, undefined));
    channel.close();
    channel.close();
    channel.fail();
    expect([channel.send(frameOf(Kind.DATA, 3, undefined)), channel.queuedBytes]).toEqual([false, 0]);
    const [near, far] = openEnds[kind](DEFAULTS);
    const there = heardOf(far);
    channel.attach(near);
    await eventually('the other side knows', () => there.ends.length === 1);
    expect([there.frames, heard.ends]).toEqual([[], [{ kind: 'closed' }]]);
  });

  it('says that it is full while much waits, and drains when the transport is there', async () => {
    const channel = new DeferredChannel(DEFAULTS.maxFrameBytes);
    let drains = 0;
    channel.onDrain = () => void drains++;
    let sent = 0;
    while (channel.send(frameOf(Kind.DATA, 2 * sent + 1, undefined, Buffer.alloc(100_000, 'x')))) if (++sent > 1_000) break;
    expect(sent).toBeLessThan(20);
    const [near, far] = openEnds[kind](DEFAULTS);
    const heard = heardOf(far);
    channel.attach(near);
    await eventually('it has drained', () => drains > 0);
    await eventually('all came', () => heard.frames.length === sent + 1);
    expect([drains, channel.queuedBytes]).toEqual([1, 0]);
    channel.close();
    await eventually('the other side knows', () => heard.ends.length === 1);
  });

  it('ends as a violation when something waits that can\'t be packed', async () => {
    const channel = new DeferredChannel(DEFAULTS.maxFrameBytes);
    const heard = heardOf(channel);
    channel.send(frameOf(Kind.DATA, 1, { tooLarge: 1n << 70n }));
    const [near, far] = openEnds[kind](DEFAULTS);
    const there = heardOf(far);
    channel.attach(near);
    await eventually('both know', () => there.ends.length === 1 && heard.ends.length === 1);
    expect([there.frames, heard.ends[0]?.kind]).toEqual([[], 'violation']);
  });
});

describe('a channel whose transport never comes', () => {
  it('ends as if the peer had, once', async () => {
    const channel = new DeferredChannel(DEFAULTS.maxFrameBytes);
    const heard = heardOf(channel);
    channel.send(frameOf(Kind.DATA, 1, undefined));
    channel.fail();
    channel.fail();
    channel.close();
    expect(heard.ends, 'not within the call').toEqual([]);
    await eventually('it has ended', () => heard.ends.length > 0);
    await new Promise(setImmediate);
    expect([heard.ends, channel.send(frameOf(Kind.DATA, 3, undefined))]).toEqual([[{ kind: 'peer' }], false]);
  });

  it('takes no frame that the transport would not', () => {
    const channel = new DeferredChannel(1_000);
    expect(() => channel.send(frameOf(Kind.DATA, 1, undefined, Buffer.alloc(600)), [Buffer.alloc(401)])).toThrow(RangeError);
    expect(() => channel.send(frameOf(Kind.DATA, 1, { text: 'x'.repeat(1_000) }))).toThrow(RangeError);
    expect(channel.send(frameOf(Kind.DATA, 1, undefined, Buffer.alloc(1_000)))).toBe(true);
    channel.close();
  });

  it('leaves a transport alone that it has: only the transport can fail then', async () => {
    const [near, far] = openEnds.socket(DEFAULTS);
    const channel = new DeferredChannel(DEFAULTS.maxFrameBytes);
    const heard = heardOf(channel);
    channel.attach(near);
    channel.fail();
    far.send(frameOf(Kind.DATA, 2, undefined, Buffer.from('still')));
    await eventually('it still hears', () => heard.frames.length === 1);
    channel.close();
    await eventually('it ends', () => heard.ends.length === 1);
    expect(heard.ends).toEqual([{ kind: 'closed' }]);
  });
});
