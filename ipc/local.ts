// The channel within one event loop: frames are handed over as they are, a microtask later, so that a monolith runs the
// same code in the same order as processes do.
import { POISON, QUEUED_FRAME_BYTES, type Channel, type ChannelEnd, type ChannelOptions } from './channel.ts';
import { bytesIn, EMPTY, NO_PIECES, type Frame, type Pieces } from './frame.ts';
import { exceeds, packHead, unpackHead } from './head.ts';
import { messageOf } from '../proto/errors.ts';

/** Frames delivered in microtasks before timers and sockets get their turn. */
const BATCH = 512;
/** Bodies in pieces up to this size are put together in memory that is kept: fresh pages cost more than the copy. */
const KEPT_BYTES = 1 << 20;

/** A frame on its way. */
interface Parcel extends Frame {
  /** What follows its body; absent where nothing does. */
  readonly pieces?: Pieces;
}

/** Two channels, each the other's peer. */
export function openLocalPair(options: ChannelOptions): [Channel, Channel] {
  const left = new LocalChannel(options);
  const right = new LocalChannel(options);
  left.connect(right);
  right.connect(left);
  return [left, right];
}

class LocalChannel implements Channel {
  onDrain: () => void = () => {};
  onEnd: (end: ChannelEnd) => void = () => {};
  readonly #options: ChannelOptions;
  #onFrame: ((frame: Frame) => void) | undefined;
  /** What the peer has sent and this side has not taken yet. */
  #inbox: Parcel[] = [];
  #inboxBytes = 0;
  #peer: LocalChannel | undefined;
  #peerFull = false;
  /** The peer has ended; what it had sent is delivered first. */
  #peerEnded = false;
  #scheduled = false;
  /** Frames that may still be delivered before the event loop must have its turn. */
  #budget = BATCH;
  #ended = false;
  /** Grows to the largest body put together that is not above KEPT_BYTES. */
  #kept: Buffer = Buffer.alloc(0);
  readonly #run = (): void => this.#deliver();
  readonly #runAfterTurn = (): void => {
    this.#budget = BATCH;
    this.#deliver();
  };

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  get onFrame(): (frame: Frame) => void {
    return this.#onFrame ?? (() => {});
  }

  set onFrame(take: (frame: Frame) => void) {
    this.#onFrame = take;
    if (this.#inbox.length > 0) this.#schedule();
  }

  connect(peer: LocalChannel): void {
    this.#peer = peer;
  }

  get queuedBytes(): number {
    return this.#ended ? 0 : (this.#peer?.inboxBytes ?? 0);
  }

  get inboxBytes(): number {
    return this.#inboxBytes;
  }

  send(frame: Frame, pieces: Pieces = NO_PIECES): boolean {
    if (this.#ended || this.#peer === undefined) return false;
    const { kind, flags, code, call, arg, head, body } = frame;
    const { maxFrameBytes } = this.#options;
    if (exceeds(head, body.length + bytesIn(pieces), maxFrameBytes)) throw new RangeError(`a frame of more than ${maxFrameBytes} bytes`);
    return this.#peer.accept(pieces.length === 0 ? { kind, flags, code, call, arg, head, body } : { kind, flags, code, call, arg, head, body, pieces }); // a copy: the caller's may be the one it was lent
  }

  flush(): void {} // one process: the peer would end with it

  close(): void {
    this.#finish({ kind: 'closed' });
  }

  /** The peer sends. */
  accept(frame: Parcel): boolean {
    if (this.#ended) return false;
    this.#inbox.push(frame);
    this.#inboxBytes += bytesOf(frame);
    this.#schedule();
    if (this.#inboxBytes <= this.#options.maxFrameBytes) return true;
    this.#peerFull = true;
    return false;
  }

  /** The peer is gone. */
  peerEnded(): void {
    this.#peerEnded = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#ended || (this.#onFrame === undefined && !this.#peerEnded)) return;
    this.#scheduled = true;
    if (this.#budget > 0) queueMicrotask(this.#run);
    else setImmediate(this.#runAfterTurn);
  }

  #deliver(): void {
    const frames = this.#inbox; // grows meanwhile: handlers send
    let index = 0;
    try {
      while (index < frames.length && this.#budget > 0 && !this.#ended && this.#onFrame !== undefined) {
        const parcel = frames[index++] as Parcel;
        this.#budget--;
        this.#inboxBytes -= bytesOf(parcel);
        const frame = parcel.pieces === undefined ? parcel : this.#whole(parcel, parcel.pieces);
        if (this.#options.poison === true) deliverPoisoned(frame, this.#onFrame);
        else this.#onFrame(frame);
      }
    } catch (cause) {
      this.#finish({ kind: 'violation', reason: messageOf(cause) });
    }
    if (this.#ended) return;
    this.#scheduled = false;
    this.#inbox = index === frames.length ? [] : frames.slice(index);
    if (this.#inbox.length > 0 && this.#onFrame !== undefined) this.#schedule();
    else if (this.#peerEnded) this.#finish({ kind: 'peer' });
    else if (this.#peerFull) {
      this.#peerFull = false;
      this.#peer?.onDrain();
    }
  }

  /** The frame with its body in one piece. Bodies are borrowed, so the memory is free again when the frame was taken. */
  #whole({ kind, flags, code, call, arg, head, body }: Frame, pieces: Pieces): Frame {
    const target = this.#memoryFor(body.length + bytesIn(pieces));
    target.set(body);
    let at = body.length;
    for (const piece of pieces) {
      target.set(piece, at);
      at += piece.length;
    }
    return { kind, flags, code, call, arg, head, body: target };
  }

  #memoryFor(bytes: number): Buffer {
    if (bytes > KEPT_BYTES) return Buffer.allocUnsafeSlow(bytes);
    if (this.#kept.length < bytes) this.#kept = Buffer.allocUnsafeSlow(Math.min(KEPT_BYTES, bytes * 2));
    return this.#kept.subarray(0, bytes);
  }

  #finish(end: ChannelEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#inbox = [];
    this.#inboxBytes = 0;
    this.#peer?.peerEnded();
    setImmediate(() => this.onEnd(end));
  }
}

function bytesOf({ body, pieces }: Parcel): number {
  return body.length + QUEUED_FRAME_BYTES + (pieces === undefined ? 0 : bytesIn(pieces));
}

/** What another transport would do: bytes are copied, borrowed, and gone afterwards. */
function deliverPoisoned(frame: Frame, onFrame: (frame: Frame) => void): void {
  const body = frame.body.length === 0 ? EMPTY : Buffer.from(frame.body);
  const packed = frame.head === undefined ? undefined : Buffer.from(packHead(frame.head));
  const head = packed === undefined ? undefined : unpackHead(packed, 0, packed.length);
  onFrame({ ...frame, head, body });
  if (body.length > 0) body.fill(POISON);
}
