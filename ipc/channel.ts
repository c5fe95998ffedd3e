// The contract of a channel: frames in order between two peers, whatever carries them. Its definition is the suite in
// test/conformance/channel.ts, run against every transport.
import type { Frame, Pieces } from './frame.ts';
import type { OwnVitals, PeerVitals } from './vitals.ts';

export type ChannelEnd =
  /** `close` was called on this side. */
  | { readonly kind: 'closed' }
  /** The peer closed or died. Frames of its that had arrived whole were delivered first, halves of frames never are. */
  | { readonly kind: 'peer' }
  /** The peer broke the protocol; nothing of it is trusted any more. */
  | { readonly kind: 'violation'; readonly reason: string };

export interface Channel {
  /**
   * Sends a frame, or queues it when the transport is full. The channel takes the bytes over: the caller neither changes
   * nor reuses `body` afterwards (a borrowed view is copied first). False means "full": it was still accepted, but send
   * nothing more that can wait until `onDrain`. After the end it does nothing and returns false.
   * @param pieces more of the body, in this order: so that nobody needs to put large values together before they are copied.
   * @throws RangeError when head and body together exceed the channel's `maxFrameBytes`
   * @throws TypeError when the head is nothing that msgpack carries
   */
  send(frame: Frame, pieces?: Pieces): boolean;
  /**
   * What was sent is the peer's now, even if this process ends before its turn of the event loop does; as far as there is
   * room. Wakes nobody. For what must be known of a turn that may be the last.
   */
  flush(): void;
  /** Bytes accepted and not yet handed to the transport, with a fixed charge for each frame. The caller's bound. */
  readonly queuedBytes: number;
  /**
   * Takes a frame. `frame` and `frame.body` are borrowed: valid until this returns, then overwritten. What it throws
   * ends the channel as a violation. Frames wait until it is first set.
   */
  onFrame: (frame: Frame) => void;
  /** The queue is empty again after `send` returned false. */
  onDrain: () => void;
  /** Once, last of all. */
  onEnd: (end: ChannelEnd) => void;
  /** What lies in the rings of a channel in shared memory; undefined elsewhere, and after the end. */
  readonly ring?: RingUse | undefined;
  /** On the kernel's side of a channel in shared memory; absent elsewhere. */
  readonly peer?: PeerVitals;
  /** On the block's side of one; absent elsewhere. */
  readonly own?: OwnVitals;
  /** Sends what is queued as far as the peer takes it at once, then ends; nothing more is delivered. May be called twice. */
  close(): void;
}

/** In bytes: what the peer has not taken, and what we have not. */
export interface RingUse {
  readonly outBytes: number;
  readonly inBytes: number;
}

export interface ChannelOptions {
  /** Largest head plus body in bytes that either side may send. */
  readonly maxFrameBytes: number;
  /** Overwrite borrowed bytes as soon as `onFrame` returned, to catch who keeps them. For tests. */
  readonly poison?: boolean;
}

/** Charge for each queued frame beside its bytes: the objects that hold it. */
export const QUEUED_FRAME_BYTES = 128;

/** What poisoned bytes hold. */
export const POISON = 0xdb;
