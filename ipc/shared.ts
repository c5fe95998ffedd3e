// The channel over shared memory: one ring each way, and a doorbell that means nothing but "look again". Bytes cross without a
// system call while both sides are awake. The sides are two processes, or two threads of one.
import { POISON, type Channel, type ChannelEnd, type ChannelOptions, type RingUse } from './channel.ts';
import type { Doorbell } from './doorbell.ts';
import { EMPTY, NO_PIECES, bytesIn, type Frame, type Pieces } from './frame.ts';
import { Assembly } from './fragments.ts';
import { packHead } from './head.ts';
import { CONTROL_A, CONTROL_B, PREFIX_BYTES, checkLayout, markLayout } from './layout.ts';
import { Outgoing } from './outgoing.ts';
import { Polling } from './polling.ts';
import { Consumer, Producer, largestPayload, ringAt } from './ring.ts';
import { VitalsReader, VitalsWriter } from './vitals-memory.ts';
import { messageOf } from '../proto/errors.ts';

export { segmentBytes } from './layout.ts';

/** Frames taken in one go before the event loop gets its turn. */
const BATCH = 512;
/**
 * Frames become visible to the peer so many at a time, or when the batch that is being taken ends, or this turn of the event
 * loop: showing one takes a cache line away from a peer that looks at it. A batch begins with groups of 1, 2 and 4, so that
 * the peer soon has something to do.
 */
const LARGEST_GROUP = 8;
/**
 * A peer that sleeps is left asleep for so long while the batch or the turn lasts, so that one wake-up does for all of it. It costs
 * two system calls and a switch of processes, and where the cores are busy the peer is asleep again soon after each.
 */
const LET_SLEEP_MS = 0.2;
/** Times that a full ring is tried again because space came meanwhile, before the event loop gets its turn. */
const SPACE_TRIES = 8;

export interface SharedOptions extends ChannelOptions {
  readonly ringBytes: number;
}

/**
 * @param buffer the segment: memory that two processes map, or a SharedArrayBuffer. Of `segmentBytes(ringBytes)`, zeroed by whoever made it.
 * @param side `a` made the segment (the kernel), `b` was given it. Side a's call comes first.
 * @param doorbell the channel owns it. Its end is the peer's end.
 * @param release called last: unmaps the segment.
 * @throws Error when the segment is not of this layout
 */
export function openShared(buffer: ArrayBufferLike, side: 'a' | 'b', doorbell: Doorbell, options: SharedOptions, release: () => void = () => {}): Channel {
  if (side === 'a') markLayout(buffer, options.ringBytes);
  else checkLayout(buffer, options.ringBytes);
  return new SharedChannel(buffer, side, doorbell, options, release);
}

/** Stands for `onFrame` before it is set and after the end. */
const ignore = (_frame: Frame): void => {};

class SharedChannel implements Channel {
  onDrain: () => void = () => {};
  onEnd: (end: ChannelEnd) => void = () => {};
  readonly peer: VitalsReader | undefined;
  readonly own: VitalsWriter | undefined;
  readonly #out: Producer;
  readonly #in: Consumer;
  readonly #doorbell: Doorbell;
  readonly #maxFrameBytes: number;
  readonly #largest: number;
  readonly #assembly: Assembly;
  readonly #release: () => void;
  readonly #polling = new Polling();
  readonly #deliver = (frame: Frame): void => this.#onFrame(frame);
  readonly #turn = (): void => this.#take(true);
  readonly #publishTurn = (): void => {
    this.#publishScheduled = false;
    if (!this.#ended && this.#unpublished > 0) this.#publish();
  };
  #onFrame = ignore;
  #queue: Outgoing[] = [];
  #queuedBytes = 0;
  /** `send` has returned false and `onDrain` is due. */
  #full = false;
  /** Frames in the ring that the peer can't see yet, and how many of them it is shown at once. */
  #unpublished = 0;
  #group = LARGEST_GROUP;
  #publishScheduled = false;
  /** Since when frames wait for the end of the batch or the turn, on the monotonic clock; 0: none do. */
  #waitingMs = 0;
  #ended = false;
  #taking = false;
  #scheduled = false;
  /** The peer was told to ring. */
  #asleep = false;

  constructor(buffer: ArrayBufferLike, side: 'a' | 'b', doorbell: Doorbell, options: SharedOptions, release: () => void) {
    const { ringBytes, maxFrameBytes } = options;
    const poison = options.poison === true ? POISON : undefined;
    const ringA = ringAt(buffer, CONTROL_A, PREFIX_BYTES, ringBytes);
    const ringB = ringAt(buffer, CONTROL_B, PREFIX_BYTES + ringBytes, ringBytes);
    this.#out = new Producer(side === 'a' ? ringA : ringB);
    this.#in = new Consumer(side === 'a' ? ringB : ringA, poison);
    this.peer = side === 'a' ? new VitalsReader(buffer, () => this.#nudge()) : undefined;
    this.own = side === 'b' ? new VitalsWriter(buffer) : undefined;
    this.#doorbell = doorbell;
    this.#maxFrameBytes = maxFrameBytes;
    this.#largest = largestPayload(ringBytes);
    this.#assembly = new Assembly(maxFrameBytes, this.#deliver, poison);
    this.#release = release;
    doorbell.listen(() => this.#rung(), () => this.#peerGone());
  }

  get onFrame(): (frame: Frame) => void {
    return this.#onFrame;
  }

  set onFrame(take: (frame: Frame) => void) {
    if (this.#ended) return;
    const first = this.#onFrame === ignore;
    this.#onFrame = take;
    if (first) this.#schedule(); // frames may lie in the ring already
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get ring(): RingUse | undefined {
    return this.#ended ? undefined : { outBytes: this.#out.used, inBytes: this.#in.unread };
  }

  send(frame: Frame, pieces: Pieces = NO_PIECES): boolean {
    if (this.#ended) return false;
    const head = frame.head === undefined ? EMPTY : packHead(frame.head);
    const payload = head.length + frame.body.length + bytesIn(pieces);
    if (payload > this.#maxFrameBytes) throw new RangeError(`a frame of ${payload} bytes, the limit is ${this.#maxFrameBytes}`);
    if (this.#queue.length === 0 && payload <= this.#largest) {
      try {
        if (this.#out.write(frame.kind, frame.flags, frame.code, frame.call, frame.arg, head, frame.body, pieces)) {
          if (++this.#unpublished >= this.#group) {
            if ((this.#taking || this.#publishScheduled) && this.#canWait()) this.#group = this.#unpublished * 2;
            else this.#publish();
          } else if (!this.#taking) this.#publishSoon();
          return true;
        }
      } catch (cause) {
        this.#violated(cause);
        return false;
      }
    }
    const outgoing = new Outgoing(frame, pieces, head, this.#largest);
    this.#queue.push(outgoing);
    this.#queuedBytes += outgoing.bytes;
    if (this.#queue.length === 1) this.#flush();
    if (this.#queue.length === 0) return !this.#ended;
    this.#full = true;
    return false;
  }

  flush(): void {
    if (!this.#ended && this.#unpublished > 0) this.#out.show();
  }

  close(): void {
    if (this.#ended) return;
    this.#flush();
    this.#end({ kind: 'closed' });
  }

  #rung(): void {
    if (this.#ended || !this.#isSound()) return;
    this.#wake();
    if (this.#queue.length > 0) this.#flush();
    if (this.#onFrame !== ignore) this.#take(false);
    else this.own?.beat();
  }

  /** Takes what the ring holds, then polls, sleeps or yields. `polled`: this turn was a poll, not a wake-up. */
  #take(polled: boolean): void {
    if (polled) this.#scheduled = false;
    if (this.#ended || this.#taking) return;
    this.own?.beat();
    let count: number;
    try {
      this.#taking = true;
      this.#group = 1;
      count = this.#in.drain(BATCH, this.#deliver, this.#assembly);
      while (count > 0 && count < BATCH && !this.#ended && this.#moreComes()) count += this.#in.drain(BATCH - count, this.#deliver, this.#assembly);
    } catch (cause) {
      this.#violated(cause);
      return;
    } finally {
      this.#taking = false;
      this.#group = LARGEST_GROUP;
    }
    if (this.#ended) return;
    if (this.#unpublished > 0) this.#publish();
    if (this.#in.takeStarved()) this.#doorbell.ring();
    if (this.#queue.length > 0) this.#flush();
    if (count >= BATCH || this.#polling.goesOn(count, polled)) {
      this.#wake();
      this.#schedule();
    } else if (!this.#scheduled) this.#sleep();
  }

  /** True when there is more to take in this turn. */
  #moreComes(): boolean {
    if (this.#unpublished > 0) this.#publish();
    this.#group = 1;
    return this.#in.readable || this.#polling.spin(this.#in);
  }

  #sleep(): void {
    if (this.#in.sleep()) this.#asleep = true;
    else this.#schedule();
  }

  #wake(): void {
    if (!this.#asleep) return;
    this.#asleep = false;
    this.#in.wake();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  }

  /** Moves queued frames into the ring until it is full; then asks for the doorbell. */
  #flush(): void {
    if (this.#ended || this.#queue.length === 0) return;
    let done = 0;
    let waiting = false;
    try {
      for (let tries = 0; done < this.#queue.length && !waiting && tries < SPACE_TRIES; ) {
        const next = this.#queue[done] as Outgoing;
        if (next.writeTo(this.#out, this.#largest)) {
          this.#queuedBytes -= next.bytes;
          done++;
          continue;
        }
        this.#publish(); // or nobody would ever make space
        waiting = this.#out.waitForSpace();
        tries++;
      }
    } catch (cause) {
      this.#violated(cause);
      return;
    }
    this.#publish();
    if (done > 0) this.#queue.splice(0, done);
    if (this.#queue.length > 0) {
      if (!waiting) this.#schedule(); // space comes faster than we fill it: go on in the next turn
      return;
    }
    if (!this.#full) return;
    this.#full = false;
    this.onDrain();
  }

  /**
   * To a peer that is awake at once. One that sleeps is woken when this turn of the event loop ends, for all that was sent
   * in it: a turn that answers many sockets would else pay a system call for each, because the peer is quick to sleep again.
   */
  #publishSoon(): void {
    if (!this.#out.consumerSleeps) this.#publish();
    else if (!this.#publishScheduled) {
      this.#publishScheduled = true;
      setImmediate(this.#publishTurn);
    }
  }

  /** True: the peer sleeps, and need not be woken yet. Looks at the clock, so ask after 1, 2, 4 frames and so on. */
  #canWait(): boolean {
    if (!this.#out.consumerSleeps) return false;
    const now = performance.now();
    if (this.#waitingMs === 0) this.#waitingMs = now;
    return now - this.#waitingMs < LET_SLEEP_MS;
  }

  /** Lets the peer see what is in the ring, and wakes it. */
  #publish(): void {
    this.#unpublished = 0;
    this.#waitingMs = 0;
    this.#group = Math.min(this.#group * 2, LARGEST_GROUP);
    if (this.#out.publish()) this.#doorbell.ring();
  }

  /** Rings although there is nothing: an idle peer makes no turns by itself, and its heart beats once in each. */
  #nudge(): void {
    if (this.#ended) return;
    this.#doorbell.ring();
    // A peer that has spoilt our flag never rings: what lies here is found now, or that it makes no sense.
    if (!this.#isSound()) return;
    if (this.#in.readable) this.#rung();
  }

  /** False: the peer has written where it must not, and the channel has ended. */
  #isSound(): boolean {
    try {
      this.#in.check();
      return true;
    } catch (cause) {
      this.#violated(cause);
      return false;
    }
  }

  #peerGone(): void {
    if (this.#ended) return;
    // What the peer had published before it died counts. One look: if it lives and goes on writing, that is its problem.
    try {
      if (this.#onFrame !== ignore) this.#in.drain(Infinity, this.#deliver, this.#assembly);
    } catch (cause) {
      this.#violated(cause);
      return;
    }
    this.#end({ kind: 'peer' });
  }

  #violated(cause: unknown): void {
    this.#end({ kind: 'violation', reason: messageOf(cause) });
  }

  #end(end: ChannelEnd): void {
    if (this.#ended) return;
    if (this.#unpublished > 0) this.#publish();
    this.#ended = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#onFrame = ignore; // the rest of a batch that is being taken
    this.#doorbell.close(); // no ring needs to arrive any more: its end makes the peer look
    // Not now: the caller may stand in the middle of a record.
    setImmediate(() => {
      this.peer?.keep();
      this.own?.silence();
      this.#release();
      this.onEnd(end);
    });
  }
}
