// Calls over every transport, and what no correct peer would send.
import { describe, expect, it } from 'vitest';
import { Calls, INITIAL_CREDIT, type CallsOptions, type Reply } from '../ipc/calls.ts';
import type { Channel, ChannelEnd } from '../ipc/channel.ts';
import { EMPTY, Flag, Kind, type Frame } from '../ipc/frame.ts';
import { openLocalPair } from '../ipc/local.ts';
import { traceChannel } from '../ipc/trace.ts';
import { Grpc } from '../proto/errors.ts';
import { callsConformance } from './conformance/calls.ts';
import { PAIRS } from './fixtures/ipc-pairs.ts';

for (const [name, open] of PAIRS) callsConformance(name, open);

const HANG: Reply = { onEnd: () => {} };

function halfOpen(options: Partial<CallsOptions> = {}): { calls: Calls; far: Channel; received: Frame[] } {
  const [near, far] = openLocalPair({ maxFrameBytes: 1 << 20 });
  const received: Frame[] = [];
  far.onFrame = (frame) => void received.push(frame);
  return { calls: new Calls(near, { ids: 'odd', maxIncoming: 3, maxQueuedBytes: 1 << 20, serve: () => {}, ...options }), far, received };
}

const frame = (kind: number, call: number, more: Partial<Frame> = {}): Frame => ({ kind, flags: 0, code: 0, call, arg: 0, head: undefined, body: EMPTY, ...more });

/** How the channel ends after these frames, or undefined when it goes on. */
async function endAfter(open: number, frames: readonly Frame[], reply: Reply = HANG): Promise<ChannelEnd | undefined> {
  const { calls, far } = halfOpen();
  for (let i = 0; i < open; i++) calls.open(5, 0, undefined, EMPTY, 0, reply);
  for (const each of frames) far.send(each);
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  const end = await Promise.race([calls.ended, Promise.resolve(undefined)]);
  calls.close();
  return end;
}

describe('calls and a peer that breaks the rules', () => {
  const opened = (count: number): Frame[] => Array.from({ length: count }, (_, i) => frame(Kind.OPEN, 2 + 2 * i));

  it.each<[string, number, Frame[], Reply | undefined, string]>([
    ['an answer to a call never made', 2, [frame(Kind.END, 5)], undefined, 'a frame for call 5, which was never made'],
    ['a message for a call never made', 2, [frame(Kind.DATA, 7)], undefined, 'a frame for call 7, which was never made'],
    ['credit for a call never made', 2, [frame(Kind.CREDIT, 7, { arg: 1 })], undefined, 'a frame for call 7, which was never made'],
    ['a call opened twice', 0, [frame(Kind.OPEN, 2), frame(Kind.OPEN, 2)], undefined, 'call 2 was opened twice'],
    ['a call opened from the wrong side', 0, [frame(Kind.OPEN, 3)], undefined, 'call 3 was opened from the wrong side'],
    ['more calls than agreed', 0, opened(4), undefined, 'more than 3 calls at once'],
    ['a stream message on a unary call', 1, [frame(Kind.DATA, 1)], undefined, 'a stream message on unary call 1'],
    ['more messages than granted', 1, Array.from({ length: INITIAL_CREDIT + 1 }, () => frame(Kind.DATA, 1)), { onEnd: () => {}, onData: () => {} }, 'a stream message without credit on call 1'],
    ['more messages than granted, from the opener', 0, [frame(Kind.OPEN, 2), ...Array.from({ length: INITIAL_CREDIT + 1 }, () => frame(Kind.DATA, 2))], undefined, 'a stream message without credit on call 2'],
  ])('ends the channel after %s', async (_, open, frames, reply, reason) => {
    expect(await endAfter(open, frames, reply)).toEqual({ kind: 'violation', reason });
  });

  it.each<[string, number, Frame[]]>([
    ['a second answer', 1, [frame(Kind.END, 1), frame(Kind.END, 1)]],
    ['frames for calls that are over', 1, [frame(Kind.END, 1), frame(Kind.DATA, 1), frame(Kind.CREDIT, 1, { arg: 5 }), frame(Kind.CANCEL, 2), frame(Kind.END, 4), frame(Kind.DATA, 6)]],
    ['a call opened again after it was cancelled', 0, [frame(Kind.OPEN, 2), frame(Kind.CANCEL, 2), frame(Kind.OPEN, 2)]],
    ['calls within the limit, one after the other', 0, [...opened(3), frame(Kind.CANCEL, 2), frame(Kind.OPEN, 8)]],
    ['endless credit', 1, Array.from({ length: 5 }, () => frame(Kind.CREDIT, 1, { arg: 0xffff_ffff }))],
  ])('goes on after %s', async (_, open, frames) => {
    expect(await endAfter(open, frames)).toBeUndefined();
  });

  it('tells every caller of the end although one of them throws', async () => {
    const { calls, far } = halfOpen();
    const failures: unknown[] = [];
    const thrown = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve));
    calls.open(1, 0, undefined, EMPTY, 0, {
      onEnd() {
        throw new Error('a bug of one caller');
      },
    });
    for (let i = 0; i < 3; i++) calls.open(1, 0, undefined, EMPTY, 0, { onEnd: (code) => void failures.push(code) });
    far.close();
    expect(await thrown).toMatchObject({ message: 'a bug of one caller' });
    process.setUncaughtExceptionCaptureCallback(null);
    expect(failures).toEqual([Grpc.UNAVAILABLE, Grpc.UNAVAILABLE, Grpc.UNAVAILABLE]);
  });

  it('stops its clock when no call has a deadline', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const { calls } = halfOpen();
    const before = timers();
    const ids = [1, 2, 3].map(() => calls.open(1, 0, undefined, EMPTY, 1_000, HANG));
    for (const id of ids) calls.cancel(id);
    expect(timers()).toBe(before);
    calls.close();
  });
});

describe('a traced channel', () => {
  it('prints a line for each frame with running totals', async () => {
    const lines: string[] = [];
    const [near, far] = openLocalPair({ maxFrameBytes: 1 << 20 });
    const calls = new Calls(traceChannel(near, 'state', (line) => lines.push(line)), { ids: 'odd', maxIncoming: 3, maxQueuedBytes: 1 << 20, serve: (call) => call.end(0, 0, undefined, EMPTY) });
    const answered = new Promise<void>((resolve) => {
      far.onFrame = ({ call, kind }) => {
        if (kind === Kind.OPEN) far.send(frame(Kind.END, call, { code: 5, flags: Flag.FAILED, head: { message: 'no' } }));
        else resolve();
      };
    });
    calls.open(16, Flag.HTTP, { params: {} }, Buffer.alloc(200), 5_000, HANG);
    far.send(frame(Kind.OPEN, 2, { code: 3, body: Buffer.alloc(12) }));
    await answered;
    calls.close();
    await calls.ended;
    expect(lines).toEqual([
      'state -> OPEN #1 route 16 for 5000 ms, head, 200 B [HTTP]; 1 frames, 200 B sent',
      'state <- OPEN #2 route 3, 12 B; 1 frames, 12 B received',
      'state -> END #2 status 0, 0 B; 2 frames, 200 B sent',
      'state <- END #1 status 5, head, 0 B [FAILED]; 2 frames, 12 B received',
      'state ended: closed',
    ]);
  });
});
