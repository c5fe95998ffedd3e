// A gateway's lane into one life of a block: calls on it, and, when it ends, what was under way and may have ended the life.
import { setTimeout as sleep } from 'node:timers/promises';
import { Calls } from '../../ipc/calls.ts';
import type { Channel, ChannelEnd } from '../../ipc/channel.ts';
import { BadFrame } from '../../ipc/frame.ts';
import type { BlackBox } from '../../ipc/vitals.ts';
import { Control } from '../../proto/control.ts';
import { ask } from '../ask.ts';
import { Watch } from '../watch.ts';
import type { LaneStory } from './protocol.ts';

export interface LaneOptions {
  readonly channel: Channel;
  /** Bytes that may wait for the block. */
  readonly queueBytes: number;
  /** What was under way when the life died, with its flight recorder; asked before the calls fail. */
  readonly story: (calls: Calls, box: BlackBox | undefined) => LaneStory;
  /** It has ended, its calls have failed, and nobody had asked for it. */
  readonly onLost: (end: ChannelEnd) => void;
  /** Longest silence of a block that has calls on it, in milliseconds; 0: any. */
  readonly hangMs: number;
  readonly onHang: (silentMs: number) => void;
}

/** A block that has died takes its end of the lane along; where that has not been seen yet, it is waited for so long. */
const LAST_FRAMES_MS = 100;
/** How often a lane that is to become empty is looked at. */
const TICK_MS = 10;
/** Code is loaded, on a machine that may be busy, before a block looks for the first time. */
const START_MS = 15_000;
const NOTHING: LaneStory = { had: true, evidence: [], flights: [] };

export class Lane {
  readonly calls: Calls;
  readonly #channel: Channel;
  #story: LaneStory = NOTHING;
  /** Its end is no news. */
  #expected = false;
  #dying: Promise<LaneStory> | undefined;
  readonly #watch: Watch | undefined;
  /** The block has been given something to do. */
  readonly wake = (): void => this.#watch?.wake();

  constructor(options: LaneOptions) {
    this.#channel = options.channel;
    this.calls = new Calls(options.channel, {
      ids: 'odd', maxIncoming: 1, maxQueuedBytes: options.queueBytes,
      serve: () => {
        throw new BadFrame('a call of the block on a lane');
      },
      ending: () => {
        if (!this.#expected) this.#story = options.story(this.calls, this.#channel.peer?.blackBox);
      },
    });
    this.#watch = watchOf(options, () => this.calls.inFlight > 0);
    void this.calls.ended.then((end) => {
      this.#watch?.stop();
      if (!this.#expected) options.onLost(end);
    });
  }

  /** Resolves when it is known what was under way when the life died; undefined: nobody has said that it did. */
  get dying(): Promise<LaneStory> | undefined {
    return this.#dying;
  }

  /** The life has died: its last frames are taken, and what was under way is told. */
  died(): Promise<LaneStory> {
    return (this.#dying ??= this.#die());
  }

  async #die(): Promise<LaneStory> {
    const timer = new AbortController();
    await Promise.race([this.calls.ended, sleep(LAST_FRAMES_MS, undefined, { signal: timer.signal }).catch(() => {})]);
    timer.abort();
    if (!this.calls.over) {
      this.calls.close(); // what was under way is told as if it had ended by itself
      await this.calls.ended;
    }
    return this.#story;
  }

  /** It is not needed any more; what is left on it fails. */
  close(): void {
    this.#expected = true;
    this.calls.close();
  }

  /** Resolves when the block has taken what was sent before; at once where it is over. @throws Error when it does not say so */
  async drained(limitMs: number): Promise<void> {
    try {
      await ask(this.calls, Control.PING, undefined, limitMs);
    } catch (cause) {
      if (!this.calls.over) throw cause;
    }
  }

  /** Resolves when no call is left on it. */
  async finished(): Promise<void> {
    while (!this.calls.over && this.calls.inFlight > 0) await sleep(TICK_MS);
  }
}

/** The supervisor sees whether the block does anything; what it does for this lane, whose memory it may have spoilt, is seen here. */
function watchOf({ channel: { peer }, hangMs, onHang }: LaneOptions, isBusy: () => boolean): Watch | undefined {
  return peer === undefined || hangMs === 0 ? undefined : new Watch({ pulse: peer, hangMs, startMs: Math.max(hangMs, START_MS), isBusy, onHang, onLook: () => {} });
}
