// A block's place in the switch: calls go through its present life, wait here while there is none, and are opened again
// when a life is lost under them if the route says that this is safe.
import type { Calls, CallFailure, Reply } from '../ipc/calls.ts';
import { Flag } from '../ipc/frame.ts';
import { Grpc, type Failure, type GrpcCode } from '../proto/errors.ts';
import { FAIL } from '../proto/failures.ts';
import type { Route } from '../proto/routes.ts';

/** How a call ended. Bodies and details are borrowed until the function returns. */
export interface Answer {
  /** The block's answer: a gRPC body, or an HTTP status, headers (flat list) and body. */
  onAnswer(status: number, headers: readonly string[] | undefined, body: Uint8Array): void;
  /** A failure of a gRPC call as the block or the kernel put it. For an HTTP call only where no block made an HTTP answer. */
  onFailure(code: GrpcCode, message: string, details: Uint8Array | undefined): void;
  /** A failure that the kernel itself states. */
  onRefusal(failure: Failure): void;
}

export interface CallRequest {
  readonly route: Route;
  /** `Flag.HTTP` for a call over HTTP, else 0. */
  readonly flags: number;
  readonly head: unknown;
  /** Owned by the call: kept until it ends, because it may be sent again. */
  readonly body: Uint8Array;
  /** Milliseconds; 0 for none. */
  readonly deadlineMs: number;
}

export interface Ticket {
  /** Nobody waits any more: no function of the Answer runs after this. */
  cancel(): void;
}

export interface SeatLimits {
  /** How long a call waits for the block's next life. */
  readonly holdMs: number;
  readonly maxHeld: number;
  readonly maxHeldBytes: number;
  readonly maxInFlight: number;
}

/** How often held calls are looked through; only runs while some are held. */
const HOLD_TICK_MS = 20;

export class Seat {
  readonly block: string;
  readonly #limits: SeatLimits;
  readonly #held = new Set<Call>();
  #heldBytes = 0;
  #calls: Calls | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #closed = false;
  #why = 'it is starting';
  /** Calls opened again on a next life, since start. */
  repeated = 0;
  /** Calls that failed because a life ended under them, since start. */
  lost = 0;

  constructor(block: string, limits: SeatLimits) {
    this.block = block;
    this.#limits = limits;
  }

  get inFlight(): number {
    return (this.#calls?.inFlight ?? 0) + this.#held.size;
  }
  get held(): number {
    return this.#held.size;
  }

  /** The next life takes calls from now on, beginning with those that wait. */
  attach(calls: Calls): void {
    this.#calls = calls;
    const waiting = [...this.#held];
    this.#held.clear();
    this.#heldBytes = 0;
    this.#stopTicker();
    for (const call of waiting) call.start(calls);
  }

  /** The life is over: calls wait again. `why` is told to those that waited in vain. */
  detach(calls: Calls, why: string): void {
    if (this.#calls !== calls) return;
    this.#calls = undefined;
    this.#why = why;
  }

  /** No life will follow. */
  close(): void {
    this.#closed = true;
    this.#why = 'the sidecar is shutting down';
    this.#calls = undefined;
    for (const call of [...this.#held]) this.#release(call, this.#unavailable());
    this.#stopTicker();
  }

  open(request: CallRequest, answer: Answer): Ticket {
    const call = new Call(this, request, answer);
    if (this.#calls !== undefined) {
      if (this.#calls.inFlight >= this.#limits.maxInFlight) call.refuse(FAIL.queueFull(this.block).failure);
      else call.start(this.#calls);
    } else this.hold(call);
    return call;
  }

  /** Keeps a call for the next life, as long and as many as the limits allow. */
  hold(call: Call): void {
    if (this.#calls?.over === false) return call.start(this.#calls); // the next life was quicker than the news of the last one's end
    if (this.#closed || this.#limits.holdMs === 0) return call.refuse(this.#unavailable());
    if (this.#held.size >= this.#limits.maxHeld || this.#heldBytes + call.bytes > this.#limits.maxHeldBytes) return call.refuse(FAIL.queueFull(this.block).failure);
    call.holdUntilMs = performance.now() + Math.min(this.#limits.holdMs, call.remainingMs());
    this.#held.add(call);
    this.#heldBytes += call.bytes;
    this.#ticker ??= setInterval(() => this.#expire(), HOLD_TICK_MS).unref();
  }

  /** A held call is not wanted any more. */
  forget(call: Call): void {
    if (this.#held.delete(call)) this.#heldBytes -= call.bytes;
    if (this.#held.size === 0) this.#stopTicker();
  }

  #expire(): void {
    const now = performance.now();
    for (const call of this.#held) if (call.holdUntilMs <= now) this.#release(call, call.remainingMs() <= 0 ? FAIL.deadlineExceeded().failure : this.#unavailable());
  }

  #release(call: Call, failure: Failure): void {
    this.forget(call);
    call.refuse(failure);
  }

  #unavailable(): Failure {
    return FAIL.blockUnavailable(this.block, this.#why).failure;
  }

  #stopTicker(): void {
    clearInterval(this.#ticker);
    this.#ticker = undefined;
  }
}

/** One call from its opening to its end, over as many lives as it takes. */
class Call implements Ticket, Reply {
  readonly #seat: Seat;
  readonly #request: CallRequest;
  readonly #answer: Answer;
  readonly #deadline: number;
  #calls: Calls | undefined;
  #id = 0;
  #repeated = false;
  #done = false;
  holdUntilMs = 0;

  constructor(seat: Seat, request: CallRequest, answer: Answer) {
    this.#seat = seat;
    this.#request = request;
    this.#answer = answer;
    this.#deadline = request.deadlineMs > 0 ? performance.now() + request.deadlineMs : Infinity;
  }

  get bytes(): number {
    return this.#request.body.length;
  }

  remainingMs(): number {
    return this.#deadline === Infinity ? Infinity : this.#deadline - performance.now();
  }

  start(calls: Calls): void {
    const { route, flags, head, body } = this.#request;
    const remaining = this.remainingMs();
    if (remaining <= 0) return this.refuse(FAIL.deadlineExceeded().failure);
    this.#calls = calls;
    this.#id = calls.open(route.id, flags, head, body, remaining === Infinity ? 0 : remaining, this);
  }

  cancel(): void {
    if (this.#done) return;
    this.#done = true;
    this.#seat.forget(this);
    if (this.#id !== 0) this.#calls?.cancel(this.#id);
  }

  refuse(failure: Failure): void {
    if (this.#done) return;
    this.#done = true;
    this.#answer.onRefusal(failure);
  }

  onEnd(code: number, flags: number, head: unknown, body: Uint8Array): void {
    if (this.#done) return;
    if ((flags & Flag.LOST) !== 0) return this.#lost();
    if (this.#id === 0) return this.refuse(FAIL.queueFull(this.#seat.block).failure); // the channel did not take it
    this.#done = true;
    if ((flags & Flag.FAILED) === 0) return this.#answer.onAnswer(code, head as readonly string[] | undefined, body);
    const { message, details } = asFailure(head);
    this.#answer.onFailure(asCode(code), message, details);
  }

  /** The life ended under the call. Reads are opened again, once; of a write nobody knows whether it happened. */
  #lost(): void {
    const sent = this.#id !== 0;
    this.#calls = undefined;
    this.#id = 0;
    if (!sent) return this.#seat.hold(this);
    if (this.#request.route.safe && !this.#repeated) {
      this.#repeated = true;
      this.#seat.repeated++;
      return this.#seat.hold(this);
    }
    this.#seat.lost++;
    this.refuse(FAIL.blockRestarted(this.#seat.block).failure);
  }
}

/** A block's words are not trusted to have the right shape. */
function asFailure(head: unknown): CallFailure {
  if (typeof head !== 'object' || head === null || !('message' in head) || typeof head.message !== 'string') return { message: 'the block failed without saying why' };
  return 'details' in head && head.details instanceof Uint8Array ? { message: head.message, details: head.details } : { message: head.message };
}

function asCode(code: number): GrpcCode {
  return code > Grpc.OK && code <= Grpc.UNAUTHENTICATED ? (code as GrpcCode) : Grpc.UNKNOWN;
}

