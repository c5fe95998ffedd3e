// The channel within one event loop: frames are handed over as they are, a microtask later, so that a monolith runs the
// same code in the same order as processes do.
import { POISON, QUEUED_FRAME_BYTES, type Channel, type ChannelEnd, type ChannelOptions } from './channel.ts';
import { EMPTY, type Frame } from './frame.ts';
import { packHead, unpackHead } from './head.ts';

/** Frames delivered in one microtask before timers and sockets get their turn. */
const BATCH = 512;

/** Two channels, each the other's peer. */
export function openLocalPair(options: ChannelOptions): [Channel, Channel] {
  const left = new LocalChannel(options);
  const right = new LocalChannel(options);
  left.connect(right);
  right.connect(left);
  return [left, right];
}

class LocalChannel implements Channel {
  #onFrame: ((frame: Frame) => void) | undefined;
  onDrain: () => void = () => {};
  onEnd: (end: ChannelEnd) => void = () => {};
  readonly #options: ChannelOptions;
  /** What the peer has sent and this side has not taken yet. */
  #inbox: Frame[] = [];
  #inboxBytes = 0;
  #peer: LocalChannel | undefined;
  #scheduled = false;
  #end: ChannelEnd | undefined;
  #peerFull = false;
  readonly #run = (): void => this.#deliver();

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  get onFrame(): (frame: Frame) => void {
    return this.#onFrame ?? (() => {});
  }

  /** Frames wait until somebody takes them: a block's module may still be loading. */
  set onFrame(take: (frame: Frame) => void) {
    this.#onFrame = take;
    if (this.#inbox.length > 0) this.#schedule();
  }

  connect(peer: LocalChannel): void {
    this.#peer = peer;
  }

  get queuedBytes(): number {
    return this.#peer?.inboxBytes ?? 0;
  }

  get inboxBytes(): number {
    return this.#inboxBytes;
  }

  send(frame: Frame): boolean {
    if (this.#end !== undefined || this.#peer === undefined) return false;
    const bytes = frame.body.length;
    if (bytes > this.#options.maxFrameBytes) throw new RangeError(`a frame of ${bytes} bytes, the limit is ${this.#options.maxFrameBytes}`);
    return this.#peer.accept(frame);
  }

  close(): void {
    if (this.#end !== undefined) return;
    this.#finish({ kind: 'closed' });
    this.#peer?.peerClosed();
  }

  /** The peer sends. */
  accept(frame: Frame): boolean {
    if (this.#end !== undefined) return false;
    this.#inbox.push(frame);
    this.#inboxBytes += frame.body.length + QUEUED_FRAME_BYTES;
    this.#schedule();
    if (this.#inboxBytes <= this.#options.maxFrameBytes) return true;
    this.#peerFull = true;
    return false;
  }

  #schedule(): void {
    if (this.#scheduled || this.#onFrame === undefined) return;
    this.#scheduled = true;
    queueMicrotask(this.#run);
  }

  #deliver(): void {
    this.#scheduled = false;
    const take = this.#onFrame;
    if (this.#end !== undefined || take === undefined) return;
    const frames = this.#inbox;
    let index = 0;
    try {
      for (; index < frames.length && index < BATCH && this.#end === undefined; index++) {
        const frame = frames[index] as Frame;
        this.#inboxBytes -= frame.body.length + QUEUED_FRAME_BYTES;
        if (this.#options.poison === true) this.#deliverPoisoned(frame, take);
        else take(frame);
      }
    } catch (cause) {
      this.#finish({ kind: 'violation', reason: cause instanceof Error ? cause.message : String(cause) });
      this.#peer?.peerClosed();
      return;
    }
    if (this.#end !== undefined) return;
    if (index === frames.length) {
      this.#inbox = [];
      if (this.#peerFull) {
        this.#peerFull = false;
        this.#peer?.onDrain();
      }
      return;
    }
    this.#inbox = frames.slice(index);
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  /** What another transport would do: bytes are copied, borrowed, and gone afterwards. */
  #deliverPoisoned(frame: Frame, take: (frame: Frame) => void): void {
    const body = frame.body.length === 0 ? EMPTY : Buffer.from(frame.body);
    const packed = frame.head === undefined ? undefined : Buffer.from(packHead(frame.head));
    const head = packed === undefined ? undefined : unpackHead(packed, 0, packed.length);
    take({ ...frame, head, body });
    if (body.length > 0) body.fill(POISON);
  }

  /** The peer is gone: what it had sent is delivered first. */
  peerClosed(): void {
    if (this.#end !== undefined) return;
    this.#deliver();
    if (this.#end !== undefined) return;
    if (this.#inbox.length > 0 && this.#onFrame !== undefined) setImmediate(() => this.peerClosed());
    else this.#finish({ kind: 'peer' });
  }

  #finish(end: ChannelEnd): void {
    this.#end = end;
    this.#inbox = [];
    this.#inboxBytes = 0;
    setImmediate(() => this.onEnd(end));
  }
}
