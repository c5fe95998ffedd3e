/** How often a channel in memory wakes a peer that sleeps: once for what a batch or a turn sends, unless that takes long. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Channel } from '../ipc/channel.ts';
import type { Doorbell } from '../ipc/doorbell.ts';
import { EMPTY, Kind, type Frame } from '../ipc/frame.ts';
import { CONTROL_A, CONTROL_B } from '../ipc/layout.ts';
import { openShared, segmentBytes } from '../ipc/shared.ts';
import { eventually } from './harness/awaiting.ts';

const OPTIONS = { ringBytes: 1 << 16, maxFrameBytes: 1 << 20 };
const FRAMES = 60;
/** The word of a control block that says that its consumer sleeps; see ipc/ring.ts. */
const ASLEEP = 32;

/** One end of a bell that says what its ring interrupts. */
class Bell implements Doorbell {
  rings = 0;
  onRing: () => void = () => {};
  #rung: () => void = () => {};
  other: Bell | undefined;

  ring(): void {
    this.rings++;
    this.onRing();
    const other = this.other;
    setImmediate(() => other?.hear());
  }
  hear(): void {
    this.#rung();
  }
  listen(rung: () => void): void {
    this.#rung = rung;
  }
  close(): void {}
}

const frame = (call: number): Frame => ({ kind: Kind.DATA, flags: 0, code: 0, call, arg: 0, head: undefined, body: EMPTY });

function busyFor(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until;);
}

describe('a channel in shared memory', () => {
  const open: Channel[] = [];
  afterEach(() => {
    for (const channel of open.splice(0)) channel.close();
  });

  /** Two sides that sleep, and answer nothing. */
  async function pair(): Promise<{ readonly near: Channel; readonly far: Channel; readonly farBell: Bell }> {
    const buffer = new ArrayBuffer(segmentBytes(OPTIONS.ringBytes));
    const [nearBell, farBell] = [new Bell(), new Bell()];
    nearBell.other = farBell;
    farBell.other = nearBell;
    const [near, far] = [openShared(buffer, 'a', nearBell, OPTIONS), openShared(buffer, 'b', farBell, OPTIONS)];
    open.push(near, far);
    near.onFrame = () => {};
    far.onFrame = () => {};
    const sleepers = [CONTROL_A, CONTROL_B].map((control) => new Int32Array(buffer, control, ASLEEP + 1));
    await eventually('both sides sleep', () => sleepers.every((words) => Atomics.load(words, ASLEEP) === 1));
    return { near, far, farBell };
  }

  it('wakes a peer once for all that a batch answers, and when the batch is over', async () => {
    const { near, far, farBell } = await pair();
    const answered = Promise.withResolvers<void>();
    let [taken, back, takenAtRing] = [0, 0, 0];
    far.onFrame = ({ call }) => {
      taken++;
      far.send(frame(call));
    };
    near.onFrame = () => {
      if (++back === FRAMES) answered.resolve();
    };
    const ringsBefore = farBell.rings;
    farBell.onRing = () => { takenAtRing = taken; };
    for (let i = 1; i <= FRAMES; i++) near.send(frame(i));
    await answered.promise;
    expect(farBell.rings - ringsBefore).toBe(1);
    expect(takenAtRing).toBeGreaterThan(1);
  });

  it('does not let it sleep while a batch takes long', async () => {
    const { near, far, farBell } = await pair();
    const answered = Promise.withResolvers<void>();
    let [taken, back, takenAtRing] = [0, 0, 0];
    far.onFrame = ({ call }) => {
      taken++;
      busyFor(0.5);
      far.send(frame(call));
    };
    near.onFrame = () => {
      if (++back === FRAMES) answered.resolve();
    };
    farBell.onRing = () => { takenAtRing ||= taken; };
    for (let i = 1; i <= FRAMES; i++) near.send(frame(i));
    await answered.promise;
    expect(takenAtRing).toBeGreaterThan(0);
    expect(takenAtRing).toBeLessThan(8);
  });
});
