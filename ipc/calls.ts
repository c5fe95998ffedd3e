// Calls over a channel: who opened what, which answer belongs to whom, deadlines, cancellation, and credit for streams.
// Both peers hold one of these; either side may open.
import type { Channel, ChannelEnd, RingUse } from './channel.ts';
import { BadFrame, EMPTY, Flag, Kind, NO_PIECES, type Frame, type Pieces } from './frame.ts';
import { IdTable } from './id-table.ts';
import { INITIAL_CREDIT, Incoming, type Answers, type IncomingCall } from './incoming.ts';
import { Grpc, messageOf } from '../proto/errors.ts';

export { INITIAL_CREDIT, type IncomingCall };

/** What the opener of a call gets back. Bodies are borrowed until the function returns. */
export interface Reply {
  /** Once, last of all. `flags` has `Flag.FAILED` for a failure: `code` is a gRPC code then and `head` is a CallFailure. */
  onEnd(code: number, flags: number, head: unknown, body: Uint8Array): void;
  /** One message of a streamed answer. Absent: the caller takes no stream and one is a violation. */
  onData?(head: unknown, body: Uint8Array): void;
  /** More messages may be sent, after `sendData` returned false. */
  onCredit?(): void;
}

/** The head of a failed END: flat, so that an error crosses any transport. */
export interface CallFailure {
  readonly message: string;
  /** An encoded google.rpc.Status, for `grpc-status-details-bin`. */
  readonly details?: Uint8Array;
}

/** Takes a call; `head` and `body` are borrowed until it returns. What it throws ends the call with INTERNAL. */
export type Serve = (call: IncomingCall, head: unknown, body: Uint8Array) => void;

export interface CallsOptions {
  /** Ids of calls opened here: the kernel's are odd. */
  readonly ids: 'odd' | 'even';
  readonly serve: Serve;
  /** Calls that the peer may have open at once; more is a violation. */
  readonly maxIncoming: number;
  /** Bytes that may wait in the channel before new calls are refused with RESOURCE_EXHAUSTED. */
  readonly maxQueuedBytes: number;
  /** The channel has ended. Runs before the open calls fail, for whoever must know first what they were. */
  readonly ending?: (end: ChannelEnd) => void;
  /** The first id; for tests of what comes after the last one. */
  readonly firstId?: number;
}

/** How exact deadlines are. Only ticks while a call with a deadline is open. */
const TICK_MS = 10;
const ID_LIMIT = 0xffff_fffe;

interface Pending {
  readonly reply: Reply;
  /** On the monotonic clock; Infinity for none. */
  readonly deadlineMs: number;
  /** Messages that may still be sent. */
  credit: number;
  /** Messages that the peer may still send. */
  granted: number;
  /** `sendData` has returned false, and `onCredit` is due. */
  starved: boolean;
}

export class Calls implements Answers {
  readonly #channel: Channel;
  readonly #options: CallsOptions;
  readonly #pending = new IdTable<Pending>();
  readonly #incoming = new IdTable<Incoming>();
  readonly #ended: Promise<ChannelEnd>;
  #nextId: number;
  #wrapped = false;
  #withDeadline = 0;
  #ticker: NodeJS.Timeout | undefined;
  /** A stream was told to stop because the channel was full. */
  #stalled = false;
  #end: ChannelEnd | undefined;

  constructor(channel: Channel, options: CallsOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#nextId = options.firstId ?? (options.ids === 'odd' ? 1 : 2);
    channel.onFrame = (frame) => this.#take(frame);
    channel.onDrain = () => this.#drained();
    this.#ended = new Promise((resolve) => {
      channel.onEnd = (end) => {
        this.#channelEnded(end);
        resolve(end);
      };
    });
  }

  /** Resolves when the channel is gone and every open call has failed. */
  get ended(): Promise<ChannelEnd> {
    return this.#ended;
  }
  /** True once the channel is gone: nothing can be opened any more. */
  get over(): boolean {
    return this.#end !== undefined;
  }
  /** Calls opened here that have no answer yet. */
  get inFlight(): number {
    return this.#pending.size;
  }
  /** Their ids, the latest first. */
  get unanswered(): readonly number[] {
    return this.#pending.entries().map(([id]) => id).sort((a, b) => b - a);
  }
  /** Bytes for the peer that its transport has no room for yet. */
  get queuedBytes(): number {
    return this.#channel.queuedBytes;
  }
  /** What lies in the channel's rings; undefined where it has none. */
  get ring(): RingUse | undefined {
    return this.#channel.ring;
  }
  /** Calls of the peer that have no answer yet. */
  get serving(): number {
    return this.#incoming.size;
  }

  /**
   * Opens a call and returns its id, or 0 when it was refused; then `reply.onEnd` runs in a later turn, as for any other
   * failure. `body` is given away (see Channel.send). `deadlineMs` is a duration; 0 for none.
   */
  open(method: number, flags: number, head: unknown, body: Uint8Array, deadlineMs: number, reply: Reply): number {
    const refusal = this.#refusal();
    if (refusal !== undefined) return refuse(reply, Grpc.UNAVAILABLE, refusal, Flag.LOST);
    if (this.#channel.queuedBytes > this.#options.maxQueuedBytes) return refuse(reply, Grpc.RESOURCE_EXHAUSTED, 'the queue is full');
    const id = this.#takeId();
    const deadline = deadlineMs > 0 ? performance.now() + deadlineMs : Infinity;
    this.#pending.add(id, { reply, deadlineMs: deadline, credit: INITIAL_CREDIT, granted: INITIAL_CREDIT, starved: false });
    try {
      this.#channel.send({ kind: Kind.OPEN, flags, code: method, call: id, arg: Math.min(Math.ceil(deadlineMs), 0xffff_ffff), head, body });
    } catch (cause) {
      this.#pending.take(id);
      return refuse(reply, Grpc.RESOURCE_EXHAUSTED, messageOf(cause));
    }
    if (deadline !== Infinity) {
      this.#withDeadline++;
      this.#ticker ??= setInterval(() => this.#tick(), TICK_MS).unref();
    }
    return id;
  }

  /** Gives up a call: its reply is never called again, and the peer is told. */
  cancel(id: number): void {
    if (this.#settle(id) === undefined) return;
    this.#send(Kind.CANCEL, 0, 0, id, 0, undefined, EMPTY);
  }

  /** One message on a stream opened here. False: no credit is left or the channel is full, go on at `onCredit`. @throws RangeError without credit */
  sendData(id: number, head: unknown, body: Uint8Array): boolean {
    const pending = this.#pending.get(id);
    if (pending === undefined) return false;
    if (pending.credit === 0) throw new RangeError('no credit is left on this stream');
    const room = this.#send(Kind.DATA, 0, 0, id, 0, head, body);
    pending.credit--;
    pending.starved = pending.credit === 0 || !room;
    this.#stalled ||= !room;
    return !pending.starved;
  }

  /** Ends the opener's half of a stream. */
  sendEnd(id: number): void {
    if (this.#pending.has(id)) this.#send(Kind.END, 0, 0, id, 0, undefined, EMPTY);
  }

  /** Lets the server send `messages` more on a stream opened here. */
  grant(id: number, messages: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    pending.granted += messages;
    this.#send(Kind.CREDIT, 0, 0, id, messages, undefined, EMPTY);
  }

  /** Who waits for the answer of a call opened here; undefined when nobody does. */
  replyTo(id: number): Reply | undefined {
    return this.#pending.get(id)?.reply;
  }

  /** What was sent is the peer's now: see Channel. */
  flush(): void {
    this.#channel.flush();
  }

  /** Ends the channel; open calls fail. May be called twice. */
  close(): void {
    this.#channel.close();
  }

  /** For incoming calls. */
  answer(id: number, kind: number, flags: number, code: number, arg: number, head: unknown, body: Uint8Array, pieces: Pieces): void {
    if (kind === Kind.END) this.#incoming.take(id);
    this.#send(kind, flags, code, id, arg, head, body, pieces);
  }

  /** An incoming call was cancelled: a later answer goes nowhere. */
  forget(id: number): void {
    this.#incoming.take(id);
  }

  /** False: the channel is full. */
  #send(kind: number, flags: number, code: number, call: number, arg: number, head: unknown, body: Uint8Array, pieces = NO_PIECES): boolean {
    try {
      return this.#channel.send({ kind, flags, code, call, arg, head, body }, pieces);
    } catch (cause) {
      // Too large for the channel. The other side must not wait for ever.
      const message = messageOf(cause);
      if (kind === Kind.END) return this.#channel.send({ kind, flags: Flag.FAILED, code: Grpc.RESOURCE_EXHAUSTED, call, arg: 0, head: { message }, body: EMPTY });
      throw cause;
    }
  }

  #take(frame: Frame): void {
    try {
      this.#dispatch(frame);
    } catch (cause) {
      // What the code that serves a call throws is that call's failure, not the channel's.
      if (cause instanceof BadFrame || this.#isOwn(frame.call)) throw cause;
      this.#incoming.get(frame.call)?.end(Grpc.INTERNAL, Flag.FAILED, { message: messageOf(cause) }, EMPTY);
    }
  }

  #dispatch(frame: Frame): void {
    switch (frame.kind) {
      case Kind.END:
        return this.#takeEnd(frame);
      case Kind.OPEN:
        return this.#takeOpen(frame);
      case Kind.DATA:
        return this.#takeData(frame);
      case Kind.CANCEL:
        return this.#incoming.get(frame.call)?.cancel('the caller cancelled');
      case Kind.CREDIT:
        return this.#takeCredit(frame);
    }
  }

  #takeEnd(frame: Frame): void {
    const pending = this.#settle(frame.call);
    if (pending !== undefined) return pending.reply.onEnd(frame.code, frame.flags, frame.head, frame.body);
    this.#servedOrLate(frame.call)?.onEnd?.();
  }

  /** The peer's call of that id. Undefined: the frame is late, its call is over on this side. @throws BadFrame */
  #servedOrLate(id: number): Incoming | undefined {
    if (!this.#isOwn(id)) return this.#incoming.get(id);
    if (id > this.#highestId()) throw new BadFrame(`a frame for call ${id}, which was never made`);
    return undefined; // cancelled or timed out here while the frame was under way
  }

  #takeOpen(frame: Frame): void {
    if (this.#isOwn(frame.call)) throw new BadFrame(`call ${frame.call} was opened from the wrong side`);
    if (this.#incoming.has(frame.call)) throw new BadFrame(`call ${frame.call} was opened twice`);
    if (this.#incoming.size >= this.#options.maxIncoming) throw new BadFrame(`more than ${this.#options.maxIncoming} calls at once`);
    const call = new Incoming(this, frame.call, frame.code, frame.flags, frame.arg);
    this.#incoming.add(frame.call, call);
    this.#options.serve(call, frame.head, frame.body);
  }

  #takeData(frame: Frame): void {
    const pending = this.#pending.get(frame.call);
    if (pending !== undefined) {
      if (pending.reply.onData === undefined) throw new BadFrame(`a stream message on unary call ${frame.call}`);
      if (--pending.granted < 0) throw new BadFrame(`a stream message without credit on call ${frame.call}`);
      return pending.reply.onData(frame.head, frame.body);
    }
    const incoming = this.#servedOrLate(frame.call);
    if (incoming === undefined) return;
    if (--incoming.granted < 0) throw new BadFrame(`a stream message without credit on call ${frame.call}`);
    incoming.onData?.(frame.head, frame.body);
  }

  #takeCredit(frame: Frame): void {
    const pending = this.#pending.get(frame.call);
    if (pending !== undefined) {
      pending.credit = Math.min(pending.credit + frame.arg, 0xffff_ffff);
      if (!pending.starved || pending.credit === 0) return;
      pending.starved = false;
      return pending.reply.onCredit?.();
    }
    this.#servedOrLate(frame.call)?.credited(frame.arg);
  }

  /** The channel has room again: streams that had to stop for it alone go on. */
  #drained(): void {
    if (!this.#stalled) return;
    this.#stalled = false;
    for (const [, pending] of this.#pending.entries()) {
      if (!pending.starved || pending.credit === 0) continue;
      pending.starved = false;
      pending.reply.onCredit?.();
    }
  }

  #isOwn(id: number): boolean {
    return (id & 1) === (this.#options.ids === 'odd' ? 1 : 0);
  }

  #highestId(): number {
    return this.#wrapped ? ID_LIMIT + 1 : this.#nextId - 2;
  }

  #takeId(): number {
    for (;;) {
      const id = this.#nextId;
      if (id + 2 > ID_LIMIT) {
        this.#wrapped = true;
        this.#nextId = this.#options.ids === 'odd' ? 1 : 2;
      } else this.#nextId = id + 2;
      if (!this.#wrapped || !this.#pending.has(id)) return id;
    }
  }

  /** Nobody waits for that call's answer any more. Undefined: that was so before. */
  #settle(id: number): Pending | undefined {
    const pending = this.#pending.take(id);
    if (pending !== undefined && pending.deadlineMs !== Infinity && --this.#withDeadline === 0) {
      clearInterval(this.#ticker);
      this.#ticker = undefined;
    }
    return pending;
  }

  #tick(): void {
    const now = performance.now();
    for (const [id, { deadlineMs, reply }] of this.#pending.entries()) {
      if (deadlineMs > now) continue;
      this.cancel(id);
      fail(reply, Grpc.DEADLINE_EXCEEDED, Flag.FAILED | Flag.EXPIRED, 'context deadline exceeded');
    }
  }

  #refusal(): string | undefined {
    return this.#end === undefined ? undefined : describeEnd(this.#end);
  }

  #channelEnded(end: ChannelEnd): void {
    this.#end = end;
    clearInterval(this.#ticker);
    try {
      this.#options.ending?.(end);
    } catch (cause) {
      throwLater(cause);
    }
    const pending = this.#pending.entries();
    const incoming = this.#incoming.entries();
    this.#pending.clear();
    this.#incoming.clear();
    for (const [, call] of incoming) call.cancel(describeEnd(end));
    for (const [, { reply }] of pending) fail(reply, Grpc.UNAVAILABLE, Flag.FAILED | Flag.LOST, describeEnd(end));
  }
}

function refuse(reply: Reply, code: number, message: string, flags = 0): 0 {
  setImmediate(() => reply.onEnd(code, Flag.FAILED | flags, { message }, EMPTY));
  return 0;
}

/** Many calls fail at once: one caller's own error must not keep the others from hearing. It comes up in its own turn. */
function fail(reply: Reply, code: number, flags: number, message: string): void {
  try {
    reply.onEnd(code, flags, { message }, EMPTY);
  } catch (cause) {
    throwLater(cause);
  }
}

/** In a turn of its own. */
function throwLater(cause: unknown): void {
  setImmediate(() => {
    throw cause;
  });
}

function describeEnd(end: ChannelEnd): string {
  switch (end.kind) {
    case 'closed':
      return 'the channel was closed';
    case 'peer':
      return 'the other side of the channel is gone';
    case 'violation':
      return `the other side broke the protocol: ${end.reason}`;
  }
}
