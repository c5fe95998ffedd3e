// Sequences of frames by chance: mostly what a client may send, so that connections come far, sometimes what none may.
import type { Random } from '../linearizability/random.ts';
import { grpcRequest, indexed, literal, remembered, tableSize, FIRST_DYNAMIC } from './h2-hpack.ts';
import { Bit, Code, continuation, data, frame, goAway, grpcMessage, headers, MAX_WINDOW, padded, ping, PREFACE, priority, resetStream, Setting, settings, SETTINGS_ACK, Type, windowUpdate } from './h2-wire.ts';

/** What the application of a test does with a request, by the last part of its path. */
export const BEHAVIOURS = ['unary', 'large', 'refuse', 'stream', 'never', 'reset', 'later', 'greedy'] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

const NOTHING = Buffer.alloc(0);
/** A gRPC message of a few bytes. */
const SMALL = grpcMessage(Buffer.from('message'));

/** Nothing that anybody would expect. */
export function noise(random: Random, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) bytes[at] = random.below(256);
  return bytes;
}

export interface SequenceOptions {
  readonly frames: number;
  /** Of a thousand frames, how many may be such as no client sends. */
  readonly wrong: number;
}

/** Frames of one connection, each with its own bytes; the preface is the first. */
export function sequence(random: Random, { frames, wrong }: SequenceOptions): Buffer[] {
  const client = new ChanceClient(random);
  const sent = [PREFACE, client.settings()];
  while (sent.length < frames) {
    if (random.below(1_000) < wrong) sent.push(...client.wrong());
    else sent.push(...client.right());
  }
  return sent;
}

/** Flips, cuts, repeats or moves bytes somewhere. */
export function mutated(random: Random, bytes: Buffer): Buffer {
  const at = random.below(bytes.length);
  const end = Math.min(bytes.length, at + 1 + random.below(20));
  switch (random.below(4)) {
    case 0: {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] as number) ^ (1 << random.below(8));
      return copy;
    }
    case 1: return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case 2: return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    default: return Buffer.concat([bytes.subarray(0, at), noise(random, end - at), bytes.subarray(end)]);
  }
}

/** Cuts bytes into chunks at places that a network might choose: in the middle of anything. */
export function chunked(random: Random, bytes: Buffer): Buffer[] {
  const most = random.pick([3, 10, 40, 500, 500, 20_000]);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + random.below(most);
    chunks.push(Buffer.from(bytes.subarray(at, end)));
    at = end;
  }
  return chunks;
}

class ChanceClient {
  readonly #random: Random;
  /** Streams that this side has not ended. */
  #open: number[] = [];
  #last = -1;
  #remembered = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  settings(): Buffer {
    const { below, of } = this.#dice;
    const entries: (readonly [number, number])[] = [];
    if (below(2) === 0) entries.push([Setting.INITIAL_WINDOW_SIZE, of([0, 1, 100, 16_384, 65_535, 1_000_000])]);
    if (below(4) === 0) entries.push([Setting.MAX_FRAME_SIZE, of([16_384, 16_385, 100_000, 2 ** 24 - 1])]);
    if (below(4) === 0) entries.push([Setting.HEADER_TABLE_SIZE, of([0, 31, 64, 200, 4_096, 65_536])]);
    if (below(4) === 0) entries.push([Setting.ENABLE_PUSH, below(2)]);
    if (below(8) === 0) entries.push([100 + below(100), below(2 ** 31)]);
    return settings(...entries);
  }

  right(): Buffer[] {
    const { below, of } = this.#dice;
    switch (below(20)) {
      case 0: case 1: case 2: case 3: return this.#call();
      case 4: return this.#begin();
      case 5: return [headers(this.#next(), grpcRequest(`/test/${of(BEHAVIOURS)}`), Bit.END_HEADERS | Bit.END_STREAM)];
      case 6: case 7: case 8: return this.#some((stream) => [this.#data(stream, of([SMALL, SMALL, grpcMessage(Buffer.alloc(below(3_000), 7))]), 0)]);
      case 9: case 10: return this.#some((stream) => {
        this.#open = this.#open.filter((one) => one !== stream);
        return [below(3) === 0 ? headers(stream, literal('x-trailer', 'v'), Bit.END_HEADERS | Bit.END_STREAM) : this.#data(stream, NOTHING, Bit.END_STREAM)];
      });
      case 11: return this.#some((stream) => {
        this.#open = this.#open.filter((one) => one !== stream);
        return [resetStream(stream, of([Code.CANCEL, Code.NO_ERROR, Code.STREAM_CLOSED, 77]))];
      });
      case 12: return [windowUpdate(0, of([1, 1_000, 65_535, 1_000_000]))];
      case 13: case 14: return this.#last < 1 ? [] : [windowUpdate(this.#any(), of([1, 1_000, 65_535, 1_000_000]))];
      case 15: return [this.settings()];
      case 16: return [ping(noise(this.#random, 8))];
      case 17: return [of([SETTINGS_ACK, ping(Buffer.alloc(8, 3), Bit.ACK), frame(0x20 + below(200), below(256), below(50), Buffer.alloc(below(30)))])];
      case 18: return [priority(this.#any() + 2 * below(50), 0, below(256))];
      default: return [goAway(0, Code.NO_ERROR)].slice(below(4) === 0 ? 0 : 1);
    }
  }

  wrong(): Buffer[] {
    const { below, of } = this.#dice;
    const stream = this.#any();
    switch (below(20)) {
      case 0: return [noise(this.#random, 1 + below(40))];
      case 1: return [frame(below(11), below(256), of([0, stream, stream, below(300), 2 ** 31 + stream]), noise(this.#random, below(60)))];
      case 2: return [windowUpdate(of([0, stream]), of([0, MAX_WINDOW]))];
      case 3: return [windowUpdate(stream, MAX_WINDOW), windowUpdate(stream, MAX_WINDOW)];
      case 4: return [settings([of([2, 4, 5]), of([2, 2 ** 31, 2 ** 32 - 1, 16_383])])];
      case 5: return [settings([Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW])];
      case 6: return [frame(Type.SETTINGS, below(2), of([0, stream]), Buffer.alloc(below(13)))];
      case 7: return [ping(Buffer.alloc(below(20)))];
      case 8: return [resetStream(of([0, 2, stream, stream + 2, this.#last + 2]))];
      case 9: return [data(of([0, 2, this.#last + 2, stream]), Buffer.alloc(below(100)), below(2))];
      case 10: return [data(stream, padded(Buffer.alloc(below(10)), 5).subarray(0, below(12)), Bit.PADDED)];
      case 11: return [headers(of([0, 2, stream]), grpcRequest('unary'), Bit.END_HEADERS | below(2))];
      case 12: return [headers(this.#next(), grpcRequest('unary'), 0), of([this.settings(), data(stream, SMALL), continuation(stream + 2, NOTHING)])];
      case 13: return [continuation(stream, NOTHING)];
      case 14: return [headers(this.#next(), of([indexed(0), indexed(70), Buffer.of(0x7f, 0xff, 0xff, 0xff, 0xff, 0xff), literal('Upper', 'case'), literal('connection', 'close'), literal(':path', '/only'), tableSize(5_000)]))];
      case 15: return [frame(Type.PUSH_PROMISE, 4, stream, Buffer.alloc(4))];
      case 16: return [priority(stream, stream), frame(Type.PRIORITY, 0, stream, Buffer.alloc(below(8)))];
      case 17: return [frame(Type.DATA, 0, stream, NOTHING, 16_385 + below(100_000))];
      case 18: return [headers(this.#next(), Buffer.concat([grpcRequest('unary'), ...Array.from({ length: 40 }, () => literal('x-filler', 'f'.repeat(400)))]).subarray(0, 16_384))];
      default: return [goAway(stream, Code.PROTOCOL_ERROR), goAway(0, below(20))];
    }
  }

  /** A whole call. */
  #call(): Buffer[] {
    const [stream, begin] = this.#request();
    return [...begin, this.#data(stream, SMALL, Bit.END_STREAM)];
  }

  /** One that goes on. */
  #begin(): Buffer[] {
    const [stream, begin] = this.#request();
    this.#open.push(stream);
    return begin;
  }

  #request(): [number, Buffer[]] {
    const { below, of } = this.#dice;
    const stream = this.#next();
    const behaviour = of(BEHAVIOURS);
    let block = grpcRequest(`/test/${behaviour}`, below(3) === 0 ? [['x-extra', 'e'.repeat(below(200))]] : []);
    if (below(4) === 0) {
      block = Buffer.concat([block, remembered('x-known', `value ${below(5)}`)]);
      this.#remembered++;
    } else if (this.#remembered > 0 && below(3) === 0) {
      block = Buffer.concat([block, indexed(FIRST_DYNAMIC)]);
    } else if (below(20) === 0) {
      block = Buffer.concat([tableSize(of([0, 100, 4_096])), tableSize(4_096), block, remembered('x-known', 'again')]);
      this.#remembered = 1;
    }
    switch (below(6)) {
      case 0: {
        const at = below(block.length);
        return [stream, [headers(stream, block.subarray(0, at), 0), continuation(stream, NOTHING, 0), continuation(stream, block.subarray(at))]];
      }
      case 1: return [stream, [headers(stream, padded(Buffer.concat([Buffer.alloc(4), Buffer.of(9), block]), below(50)), Bit.END_HEADERS | Bit.PADDED | Bit.PRIORITY)]];
      default: return [stream, [headers(stream, block)]];
    }
  }

  #data(stream: number, bytes: Buffer, flags: number): Buffer {
    return this.#random.below(5) === 0 ? data(stream, padded(bytes, this.#random.below(30)), flags | Bit.PADDED) : data(stream, bytes, flags);
  }

  #some(act: (stream: number) => Buffer[]): Buffer[] {
    return this.#open.length === 0 ? [] : act(this.#random.pick(this.#open));
  }

  #next(): number {
    this.#last += 2;
    return this.#last;
  }

  /** A stream that there is or was. */
  #any(): number {
    return this.#last < 1 ? 1 : 1 + 2 * this.#random.below((this.#last + 1) / 2);
  }

  get #dice(): { readonly below: (bound: number) => number; readonly of: <T>(items: readonly T[]) => T } {
    return { below: (bound) => this.#random.below(bound), of: (items) => this.#random.pick(items) };
  }
}
