// A call on its way through a seat, from its opening to its end, over as many lives of the block as it takes; and what a
// listener and a seat say to each other about it.
import type { CallFailure, Calls, Reply } from '../ipc/calls.ts';
import { Flag } from '../ipc/frame.ts';
import { Grpc, type Failure, type GrpcCode } from '../proto/errors.ts';
import { FAIL } from '../proto/failures.ts';
import type { Route } from '../proto/routes.ts';
import type { Poison, Suspect } from './poison.ts';

export interface CallRequest {
  readonly route: Route;
  /** `Flag.HTTP` for a call over HTTP, `Flag.STREAM` for one whose caller sends messages, else 0. */
  readonly flags: number;
  readonly head: unknown;
  /** Owned by the call: kept until it ends, because it may be sent again. */
  readonly body: Uint8Array;
  /** Milliseconds; 0 for none. */
  readonly deadlineMs: number;
}

/** How a call fails. Details are borrowed until the function returns. */
export interface Refusable {
  /** A failure of a gRPC call as the block or the kernel put it. For an HTTP call only where no block made an HTTP answer. */
  onFailure(code: GrpcCode, message: string, details: Uint8Array | undefined): void;
  /** A failure that the kernel itself states. */
  onRefusal(failure: Failure): void;
}

/** How a unary call ends, by exactly one of these. The body is borrowed until the function returns. */
export interface Answer extends Refusable {
  /** The block's answer: a gRPC body, or an HTTP status and body. Headers, or metadata, as a flat list. */
  onAnswer(status: number, headers: readonly string[] | undefined, body: Uint8Array): void;
}

/** What comes back on a streamed call; the last of it is `onEnd`, `onFailure` or `onRefusal`. */
export interface StreamAnswer extends Refusable {
  /** Messages may be sent: when the call has reached the block, and whenever there is room again after `send` returned false. */
  onCredit(): void;
  /** A message from the block, borrowed until the function returns. */
  onMessage(message: Uint8Array): void;
  /** The status is OK. */
  onEnd(): void;
}

export interface Ticket {
  /** Nobody waits any more: no function of the answer runs after this. */
  cancel(): void;
}

/** The caller's end of a streamed call. Send nothing before the first `onCredit`; after the end everything here does nothing. */
export interface StreamTicket extends Ticket {
  /** One message to the block; the bytes are given away. False: send no more until `onCredit`. */
  send(message: Uint8Array): boolean;
  /** The caller sends no more. */
  halfClose(): void;
  /** The caller took `messages`: the block may send as many more. */
  grant(messages: number): void;
}

/** Where calls are made and wait: a seat. */
export interface Place {
  readonly block: string;
  /** Calls opened again on a next life. */
  repeated: number;
  /** Calls that failed because a life ended under them. */
  lost: number;
  /** Calls that were refused because lives died over their like. */
  poisoned: number;
  readonly poison: Poison;
  hold(call: SeatCall): void;
  forget(call: SeatCall): void;
  /** Nobody waits any more for a call that a life may be at work on. */
  abandon(calls: Calls, id: number, request: CallRequest): void;
}

/** What unary and streamed calls have in common. */
export abstract class SeatCall implements Ticket, Reply {
  /** On the monotonic clock, while it waits for a life. */
  holdUntilMs = 0;
  readonly request: CallRequest;
  protected readonly place: Place;
  protected calls: Calls | undefined;
  /** 0: no life has it. */
  protected id = 0;
  protected done = false;
  readonly #listener: Refusable;
  readonly #deadline: number;

  constructor(place: Place, request: CallRequest, listener: Refusable) {
    this.place = place;
    this.request = request;
    this.#listener = listener;
    this.#deadline = request.deadlineMs > 0 ? performance.now() + request.deadlineMs : Infinity;
  }

  get bytes(): number {
    return this.request.body.length;
  }

  remainingMs(): number {
    return this.#deadline === Infinity ? Infinity : this.#deadline - performance.now();
  }

  start(calls: Calls): void {
    const { route, flags, body } = this.request;
    const remaining = this.remainingMs();
    if (remaining <= 0) return this.refuse(FAIL.deadlineExceeded().failure);
    this.calls = calls;
    this.id = calls.open(route.id, flags, this.head(), body, remaining === Infinity ? 0 : remaining, this);
  }

  cancel(): void {
    if (!this.settle()) return;
    this.place.forget(this);
    if (this.id !== 0) this.calls?.cancel(this.id);
  }

  refuse(failure: Failure): void {
    if (this.settle()) this.#listener.onRefusal(failure);
  }

  onEnd(code: number, flags: number, head: unknown, body: Uint8Array): void {
    if (this.done) return;
    if ((flags & Flag.LOST) !== 0) return this.#lost();
    if (this.id === 0) return this.refuse(FAIL.queueFull(this.place.block).failure); // the channel did not take it
    this.settle();
    if ((flags & Flag.FAILED) === 0) return this.succeed(code, head, body);
    const { message, details } = asFailure(head);
    this.#listener.onFailure(asCode(code), message, details);
  }

  /** True: it is poison, and has been refused for it. Asked before it is opened and before it waits. */
  refusedAsPoison(): boolean {
    return false;
  }

  /** Of the call, each time it is opened. */
  protected head(): unknown {
    return this.request.head;
  }

  protected abstract succeed(code: number, head: unknown, body: Uint8Array): void;

  /** Whether a call that a life had may be opened on the next one; asked at each loss. */
  protected abstract mayRepeat(): boolean;

  /** Nothing of the call is told any more. False: that was so before. */
  protected settle(): boolean {
    if (this.done) return false;
    this.done = true;
    return true;
  }

  /** The life ended under the call; of one that it had, nobody knows what it did. */
  #lost(): void {
    const sent = this.id !== 0;
    this.calls = undefined;
    this.id = 0;
    if (!sent) return this.place.hold(this);
    if (this.mayRepeat()) {
      this.place.repeated++;
      return this.place.hold(this);
    }
    this.place.lost++;
    this.refuse(FAIL.blockRestarted(this.place.block).failure);
  }
}

/** One request, one answer. */
export class UnaryCall extends SeatCall {
  readonly #answer: Answer;
  #repeated = false;
  /** What is held against its like. */
  #suspect: Suspect | undefined;

  constructor(place: Place, request: CallRequest, answer: Answer) {
    super(place, request, answer);
    this.#answer = answer;
  }

  override start(calls: Calls): void {
    if (!this.refusedAsPoison()) super.start(calls);
  }

  override refusedAsPoison(): boolean {
    const { poison, block } = this.place;
    if (!poison.alert) return false;
    this.#suspect = poison.suspicionOf(this.request);
    if (this.#suspect === undefined || !poison.refuses(this.request, this.#suspect)) return false;
    this.place.poisoned++;
    this.refuse(FAIL.poisonCall(block, poison.limit).failure);
    return true;
  }

  override cancel(): void {
    if (!this.done) this.#leave();
    super.cancel();
  }

  override onEnd(code: number, flags: number, head: unknown, body: Uint8Array): void {
    if (!this.done && (flags & Flag.EXPIRED) !== 0) this.#leave();
    else if (this.#suspect !== undefined && !this.done && this.id !== 0 && (flags & Flag.LOST) === 0) this.place.poison.acquit(this.#suspect);
    super.onEnd(code, flags, head, body);
  }

  protected override settle(): boolean {
    if (!super.settle()) return false;
    if (this.#suspect !== undefined) this.place.poison.settled(this.request);
    return true;
  }

  #leave(): void {
    if (this.calls !== undefined && this.id !== 0) this.place.abandon(this.calls, this.id, this.request);
  }

  protected override succeed(code: number, head: unknown, body: Uint8Array): void {
    const fault = (this.request.flags & Flag.HTTP) !== 0 && !isHttpStatus(code) ? 'a status that is none' : head === undefined || isHeaders(head) ? undefined : 'headers that are none';
    if (fault === undefined) this.#answer.onAnswer(code, head as readonly string[] | undefined, body);
    else this.#answer.onFailure(Grpc.INTERNAL, `the block answered with ${fault}`, undefined);
  }

  /** Reads are, once. */
  protected override mayRepeat(): boolean {
    if (this.#repeated || !this.request.route.safe) return false;
    this.#repeated = true;
    return true;
  }
}

/** What frames an HTTP message is the listener's alone: a wrong length would garble the next answer on the connection. */
const HEADER_NAME = /^(?!(?:content-length|transfer-encoding|connection|keep-alive|upgrade|trailer|te|proxy-connection|http2-settings)$)[\w.-]+$/i;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** The one header that Node encodes by itself, and then refuses to send as it has become. */
const ENCODED_NAME = 'content-disposition';
const ASCII_VALUE = /^[\t\x20-\x7e]*$/;

/** Statuses that end an answer. */
function isHttpStatus(code: number): boolean {
  return code >= 200 && code <= 599;
}

/** Node throws at a header that can't be sent, and that would be the kernel's end instead of the block's. */
function isHeaders(head: unknown): head is readonly string[] {
  if (!Array.isArray(head) || head.length % 2 !== 0) return false;
  for (let i = 0; i < head.length; i += 2) {
    const [name, value] = [head[i] as unknown, head[i + 1] as unknown];
    if (typeof name !== 'string' || typeof value !== 'string' || !HEADER_NAME.test(name) || !HEADER_VALUE.test(value)) return false;
    if (name.length === ENCODED_NAME.length && name.toLowerCase() === ENCODED_NAME && !ASCII_VALUE.test(value)) return false;
  }
  return true;
}

/** Both travel in a header where the call is gRPC's, and a client takes no header that is much larger. UTF-16 units, and bytes. */
const LONGEST_MESSAGE = 4_096;
const LARGEST_DETAILS = 4_096;

/** A block's words are not trusted to have the right shape. */
function asFailure(head: unknown): CallFailure {
  if (typeof head !== 'object' || head === null || !('message' in head) || typeof head.message !== 'string') return { message: 'the block failed without saying why' };
  const message = head.message.length > LONGEST_MESSAGE ? head.message.slice(0, LONGEST_MESSAGE).toWellFormed() : head.message;
  return 'details' in head && head.details instanceof Uint8Array && head.details.length <= LARGEST_DETAILS ? { message, details: head.details } : { message };
}

function asCode(code: number): GrpcCode {
  return code > Grpc.OK && code <= Grpc.UNAUTHENTICATED ? (code as GrpcCode) : Grpc.UNKNOWN;
}
