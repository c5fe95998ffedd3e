// A channel whose transport comes later, or never: a life whose block is still being reached has one at once. What is sent before waits
// in order.
import { QUEUED_FRAME_BYTES, type Channel, type ChannelEnd, type RingUse } from './channel.ts';
import { NO_PIECES, bytesIn, type Frame, type Pieces } from './frame.ts';
import { exceeds } from './head.ts';
import type { OwnVitals, PeerVitals } from './vitals.ts';
import { messageOf } from '../proto/errors.ts';

/** With more than this waiting it is full. */
const FULL_BYTES = 1024 * 1024;

export class DeferredChannel implements Channel {
  readonly #maxFrameBytes: number;
  #inner: Channel | undefined;
  #waiting: (readonly [Frame, Pieces])[] = [];
  #waitingBytes = 0;
  #full = false;
  #onFrame: ((frame: Frame) => void) | undefined;
  #onDrain: () => void = () => {};
  #onEnd: (end: ChannelEnd) => void = () => {};
  #ended = false;

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** The transport is there. Closes it where this end has been closed meanwhile. Once. */
  attach(channel: Channel): void {
    if (this.#ended) return channel.close();
    this.#inner = channel;
    channel.onDrain = this.#onDrain;
    channel.onEnd = this.#onEnd;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    let goesOn = true;
    try {
      for (const [frame, pieces] of waiting) goesOn = channel.send(frame, pieces);
    } catch (cause) { // its head is nothing that can be packed
      channel.onEnd = () => {};
      channel.close();
      return this.#end({ kind: 'violation', reason: messageOf(cause) });
    }
    if (this.#onFrame !== undefined) channel.onFrame = this.#onFrame;
    if (this.#full && goesOn) setImmediate(() => this.#onDrain()); // else the transport says when
  }

  /** No transport will come: it ends as if the peer had. */
  fail(): void {
    if (this.#inner === undefined) this.#end({ kind: 'peer' });
  }

  get onFrame(): (frame: Frame) => void {
    return this.#onFrame ?? (() => {});
  }
  set onFrame(take: (frame: Frame) => void) {
    this.#onFrame = take;
    if (this.#inner !== undefined) this.#inner.onFrame = take;
  }
  get onDrain(): () => void {
    return this.#onDrain;
  }
  set onDrain(drained: () => void) {
    this.#onDrain = drained;
    if (this.#inner !== undefined) this.#inner.onDrain = drained;
  }
  get onEnd(): (end: ChannelEnd) => void {
    return this.#onEnd;
  }
  set onEnd(ended: (end: ChannelEnd) => void) {
    this.#onEnd = ended;
    if (this.#inner !== undefined) this.#inner.onEnd = ended;
  }
  get queuedBytes(): number {
    return this.#inner === undefined ? this.#waitingBytes : this.#inner.queuedBytes;
  }
  get ring(): RingUse | undefined {
    return this.#inner?.ring;
  }
  get peer(): PeerVitals | undefined {
    return this.#inner?.peer;
  }
  get own(): OwnVitals | undefined {
    return this.#inner?.own;
  }

  send(frame: Frame, pieces: Pieces = NO_PIECES): boolean {
    if (this.#inner !== undefined) return this.#inner.send(frame, pieces);
    if (this.#ended) return false;
    const bytes = frame.body.length + bytesIn(pieces);
    if (exceeds(frame.head, bytes, this.#maxFrameBytes)) throw new RangeError(`a frame of ${bytes} bytes and its head, the limit is ${this.#maxFrameBytes}`);
    this.#waiting.push([{ ...frame }, pieces]);
    this.#waitingBytes += bytes + QUEUED_FRAME_BYTES;
    this.#full ||= this.#waitingBytes > FULL_BYTES;
    return !this.#full;
  }

  flush(): void {
    this.#inner?.flush();
  }

  close(): void {
    if (this.#inner === undefined) this.#end({ kind: 'closed' });
    else this.#inner.close();
  }

  #end(end: ChannelEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    setImmediate(() => this.#onEnd(end));
  }
}
