// A single-producer, single-consumer ring of records in memory that both sides map. No locks: each word below has one
// writer, and every publishing store is paired with a load on the other side (the comments name the pairs).
import { EMPTY, HEADER_BYTES, BadFrame, Flag, Kind, NO_PIECES, bytesIn, checkFrame, codeOf, flagsOf, kindOf, packWhat } from './frame.ts';
import type { BorrowedFrame, Frame, Pieces } from './frame.ts';
import { unpackHead } from './head.ts';

// Word indexes within a ring's control block. Each word has a cache line (64 bytes, 16 words) of its own, so the two
// sides don't fight over lines.
/** Bytes ever written, modulo 2^32. Written by the producer. */
const HEAD = 0;
/** Bytes ever freed, modulo 2^32. Written by the consumer. */
const TAIL = 16;
/** 1 while the consumer waits for the doorbell. Set by the consumer, taken back by whoever rings. */
const ASLEEP = 32;
/** 1 while the producer waits for space. Set by the producer, taken back by the consumer that made some. */
const STARVED = 48;
/** Size of one control block. */
export const CONTROL_BYTES = 256;

/** A size of 0 at the tail: nothing more fits before the end of the data, go on at its start. */
const WRAP = 0;
const ALIGN = 8;
/** Differences of counters are signed 32-bit numbers. */
const MAX_RING_BYTES = 2 ** 30;

/**
 * A borrowed body. It is a Buffer to whoever gets it, but comes straight from the constructor: `Buffer.subarray` takes
 * twice the time, and it is made once a frame.
 */
class View extends Uint8Array<ArrayBufferLike> {}
Object.setPrototypeOf(View.prototype, Buffer.prototype);

export interface RingMemory {
  readonly control: Int32Array;
  readonly data: Buffer;
}

/** Cuts one ring out of a segment. `ringBytes` is a power of two. */
export function ringAt(buffer: ArrayBufferLike, controlOffset: number, dataOffset: number, ringBytes: number): RingMemory {
  if (!(ringBytes >= 4096 && ringBytes <= MAX_RING_BYTES) || (ringBytes & (ringBytes - 1)) !== 0) throw new RangeError(`ring of ${ringBytes} bytes: a power of two from 4096 to ${MAX_RING_BYTES} is needed`);
  return { control: new Int32Array(buffer, controlOffset, CONTROL_BYTES / 4), data: Buffer.from(buffer, dataOffset, ringBytes) };
}

/** The largest payload (head plus body) that goes into one record; larger ones travel as fragments. */
export const largestPayload = (ringBytes: number): number => ringBytes / 4 - HEADER_BYTES;

export class Producer {
  readonly #control: Int32Array;
  readonly #data: Buffer;
  readonly #words: Uint32Array;
  readonly #mask: number;
  #head = 0;
  /** The consumer's tail as last seen; only a lower bound of what is free. */
  #tail = 0;
  #sequence = 0;

  constructor({ control, data }: RingMemory) {
    this.#control = control;
    this.#data = data;
    this.#words = new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4);
    this.#mask = data.byteLength - 1;
  }

  /**
   * Writes one record that the consumer sees after `publish`, or nothing and false when there is no space. The payload is
   * `head`, then `body`, then `pieces`. @throws BadFrame when the consumer's counter is out of range
   */
  write(kind: number, flags: number, code: number, call: number, arg: number, head: Uint8Array, body: Uint8Array, pieces: Pieces = NO_PIECES): boolean {
    const size = HEADER_BYTES + head.length + body.length + bytesIn(pieces);
    const taken = (size + ALIGN - 1) & -ALIGN;
    let at = this.#head & this.#mask;
    const beforeEnd = this.#mask + 1 - at;
    const needed = taken <= beforeEnd ? taken : beforeEnd + taken;
    if (!this.#hasSpace(needed)) return false;
    if (taken > beforeEnd) {
      this.#words[at >>> 2] = WRAP;
      at = 0;
    }
    const word = at >>> 2;
    const words = this.#words;
    words[word] = size;
    words[word + 1] = packWhat(kind, flags, code);
    words[word + 2] = call;
    words[word + 3] = head.length;
    words[word + 4] = arg;
    words[word + 5] = this.#sequence;
    if (head.length > 0) this.#data.set(head, at + HEADER_BYTES);
    if (body.length > 0) this.#data.set(body, at + HEADER_BYTES + head.length);
    if (pieces.length > 0) this.#writePieces(pieces, at + HEADER_BYTES + head.length + body.length);
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#head = (this.#head + needed) | 0;
    return true;
  }

  #writePieces(pieces: Pieces, start: number): void {
    let at = start;
    for (const piece of pieces) {
      this.#data.set(piece, at);
      at += piece.length;
    }
  }

  /** Bytes in the ring that the consumer has not freed. A consumer whose counter is out of range has a full one. */
  get used(): number {
    return within(this.#head - Atomics.load(this.#control, TAIL), this.#mask + 1);
  }

  /** A hint: it may have woken by now, or gone to sleep. */
  get consumerSleeps(): boolean {
    return Atomics.load(this.#control, ASLEEP) === 1;
  }

  /** Shows the consumer what was written. True: it sleeps and this call took its flag, so the caller must ring. */
  publish(): boolean {
    Atomics.store(this.#control, HEAD, this.#head); // the records' bytes go before it; pairs with the load in Consumer.drain
    // Store HEAD, then load ASLEEP, while Consumer.sleep stores ASLEEP, then loads HEAD: one of the two sees the other. A
    // look first, because an exchange takes the cache line away from the consumer each time.
    return Atomics.load(this.#control, ASLEEP) === 1 && Atomics.exchange(this.#control, ASLEEP, 0) === 1;
  }

  /** Shows it without a look at whether the consumer sleeps: a `publish` must follow. */
  show(): void {
    Atomics.store(this.#control, HEAD, this.#head); // as in `publish`
  }

  /** Asks for the doorbell once there is space. False: there is some by now, try again. Publish before. */
  waitForSpace(): boolean {
    // Store STARVED, then load TAIL, while the consumer stores TAIL (`#free`), then loads STARVED (`takeStarved`).
    Atomics.store(this.#control, STARVED, 1);
    if (!this.#lookAtTail()) return true;
    Atomics.store(this.#control, STARVED, 0);
    return false;
  }

  #hasSpace(needed: number): boolean {
    const size = this.#mask + 1;
    if (((this.#head - this.#tail) | 0) + needed <= size) return true;
    return this.#lookAtTail() && ((this.#head - this.#tail) | 0) + needed <= size;
  }

  /** True when the consumer has freed something since the last look. */
  #lookAtTail(): boolean {
    const tail = Atomics.load(this.#control, TAIL); // pairs with the store in Consumer.#free: what is freed may be overwritten
    const freed = (tail - this.#tail) | 0;
    if (freed === 0) return false;
    const used = (this.#head - this.#tail) | 0;
    if (freed < 0 || freed > used || (freed & (ALIGN - 1)) !== 0) throw new BadFrame(`the consumer's counter is out of range: ${freed} bytes freed of ${used}`);
    this.#tail = tail;
    return true;
  }
}

/** Takes frames that come in pieces; ipc/fragments.ts. */
export interface Fragments {
  /** Head and body of `frame` are to come: `piece` is the beginning. */
  first(frame: Frame, piece: Uint8Array): void;
  more(call: number, piece: Uint8Array): void;
}

export class Consumer {
  readonly #control: Int32Array;
  readonly #data: Buffer;
  readonly #words: Uint32Array;
  readonly #mask: number;
  readonly #buffer: ArrayBufferLike;
  readonly #offset: number;
  readonly #poison: number | undefined;
  /** One object for the life of the consumer, because frames are borrowed. */
  readonly #frame: BorrowedFrame = { kind: 0, flags: 0, code: 0, call: 0, arg: 0, head: undefined, body: EMPTY };
  #tail = 0;
  /** The tail that the producer knows. */
  #freed = 0;
  #sequence = 0;

  constructor({ control, data }: RingMemory, poison?: number) {
    this.#control = control;
    this.#data = data;
    this.#words = new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4);
    this.#mask = data.byteLength - 1;
    this.#buffer = data.buffer;
    this.#offset = data.byteOffset;
    this.#poison = poison;
  }

  /**
   * Hands up to `limit` of the records published by now to `onFrame` (whole frames) or `fragments`. Returns how many.
   * Everything read from the ring is copied out before it is checked, so a peer that writes while we look can't get past
   * a check. @throws BadFrame, and what `onFrame` throws
   */
  drain(limit: number, onFrame: (frame: Frame) => void, fragments: Fragments): number {
    const head = Atomics.load(this.#control, HEAD); // pairs with the store in Producer.publish: the bytes before it are visible
    const size = this.#mask + 1;
    let unread = (head - this.#tail) | 0;
    if (unread === 0) return 0;
    if (unread < 0 || unread > size || (unread & (ALIGN - 1)) !== 0) throw new BadFrame(`the producer's counter is out of range: ${unread} bytes unread`);
    let count = 0;
    while (unread > 0 && count < limit) {
      const taken = this.#read(unread, onFrame, fragments);
      unread -= taken;
      this.#tail = (this.#tail + taken) | 0;
      count++;
      // Free early when much was read, so that a producer behind a long batch isn't starved.
      if (((this.#tail - this.#freed) | 0) > size >>> 2) this.#free();
    }
    if (this.#tail !== this.#freed) this.#free();
    return count;
  }

  /** Bytes in the ring that have not been read. A producer whose counter is out of range has filled it. */
  get unread(): number {
    return within(Atomics.load(this.#control, HEAD) - this.#tail, this.#mask + 1);
  }

  /** True when a record is waiting. */
  get readable(): boolean {
    return Atomics.load(this.#control, HEAD) !== this.#tail;
  }

  /** Looks for a record up to `times` times without leaving: a peer that is awake answers within that. */
  spin(times: number): boolean {
    for (let i = 0; i < times; i++) if (Atomics.load(this.#control, HEAD) !== this.#tail) return true;
    return false;
  }

  /** Goes to sleep. False: something came meanwhile, drain again. */
  sleep(): boolean {
    Atomics.store(this.#control, ASLEEP, 1); // before the last look; pairs with the load in Producer.publish
    if (!this.readable) return true;
    Atomics.store(this.#control, ASLEEP, 0);
    return false;
  }

  /** The peer takes our flag back, and does nothing else with it: any other value is a peer that writes where it must not, and may never ring. @throws BadFrame */
  check(): void {
    const asleep = Atomics.load(this.#control, ASLEEP);
    if (asleep !== 0 && asleep !== 1) throw new BadFrame(`the flag of a sleeper is ${asleep}`);
  }

  /** The doorbell rang, or a poll found work: nobody needs to ring now. */
  wake(): void {
    if (Atomics.load(this.#control, ASLEEP) !== 0) Atomics.store(this.#control, ASLEEP, 0);
  }

  /** True: the producer waits for space and this call took its flag, so the caller must ring. */
  takeStarved(): boolean {
    return Atomics.load(this.#control, STARVED) === 1 && Atomics.exchange(this.#control, STARVED, 0) === 1;
  }

  #free(): void {
    Atomics.store(this.#control, TAIL, this.#tail); // our reads go before it; pairs with the load in Producer.#lookAtTail
    this.#freed = this.#tail;
  }

  /** Reads one record and returns the bytes it took. */
  #read(unread: number, onFrame: (frame: Frame) => void, fragments: Fragments): number {
    const at = this.#tail & this.#mask;
    const beforeEnd = this.#mask + 1 - at;
    const words = this.#words;
    let word = at >>> 2;
    let size = words[word] as number;
    let start = at;
    let skipped = 0;
    if (size === WRAP) {
      if (at === 0 || unread <= beforeEnd) throw new BadFrame('a wrap mark with nothing behind it');
      skipped = beforeEnd;
      start = 0;
      word = 0;
      size = words[0] as number;
    }
    const what = words[word + 1] as number;
    const call = words[word + 2] as number;
    const headBytes = words[word + 3] as number;
    const arg = words[word + 4] as number;
    const taken = (size + ALIGN - 1) & -ALIGN;
    if (size < HEADER_BYTES || size > unread - skipped || taken > this.#mask + 1 - start) throw new BadFrame(`a record of ${size} bytes where ${unread - skipped} are unread`);
    if (words[word + 5] !== this.#sequence) throw new BadFrame(`record ${words[word + 5]} where ${this.#sequence} was due`);
    this.#sequence = (this.#sequence + 1) >>> 0;
    const payload = start + HEADER_BYTES;
    const end = start + size;
    const kind = kindOf(what);
    const flags = flagsOf(what);
    if (kind === Kind.MORE) {
      fragments.more(call, this.#view(payload, end));
    } else {
      const frame = this.#frame;
      frame.kind = kind;
      frame.code = codeOf(what);
      frame.call = call;
      frame.arg = arg;
      if ((flags & Flag.FRAGMENTED) !== 0) {
        frame.flags = flags & ~Flag.FRAGMENTED;
        checkFrame(kind, frame.flags, call);
        fragments.first(frame, this.#view(payload, end));
      } else {
        checkFrame(kind, flags, call);
        if (headBytes > end - payload) throw new BadFrame(`a head of ${headBytes} bytes in a payload of ${end - payload}`);
        frame.flags = flags;
        const body = payload + headBytes;
        frame.head = headBytes === 0 ? undefined : unpackHead(this.#data, payload, body);
        frame.body = body === end ? EMPTY : this.#view(body, end);
        onFrame(frame);
      }
    }
    if (this.#poison !== undefined) this.#data.fill(this.#poison, payload, end);
    return skipped + taken;
  }

  #view(start: number, end: number): Uint8Array {
    return new View(this.#buffer, this.#offset + start, end - start);
  }
}

/** The difference of two counters as a number of bytes in a ring. */
function within(difference: number, size: number): number {
  const bytes = difference | 0;
  return bytes < 0 || bytes > size ? size : bytes;
}
