// A block's place in the switch: calls go through its present life, wait here while there is none, and are opened again
// when a life is lost under them if the route says that this is safe. Streams are counted apart: they may never end.
import type { Calls } from '../ipc/calls.ts';
import type { Failure } from '../proto/errors.ts';
import { FAIL } from '../proto/failures.ts';
import { UnaryCall, type Answer, type CallRequest, type Place, type SeatCall, type StreamAnswer, type StreamTicket, type Ticket } from './call.ts';
import { StreamCall } from './stream-call.ts';

export type { Answer, CallRequest, StreamAnswer, StreamTicket, Ticket } from './call.ts';

export interface SeatLimits {
  /** How long a call waits for the block's next life. */
  readonly holdMs: number;
  readonly maxHeld: number;
  readonly maxHeldBytes: number;
  readonly maxInFlight: number;
  /** Streams at once, waiting ones among them. */
  readonly maxStreams: number;
}

/** How often held calls are looked through; only runs while some are held. */
const HOLD_TICK_MS = 20;

export class Seat implements Place {
  readonly block: string;
  readonly #limits: SeatLimits;
  readonly #held = new Set<SeatCall>();
  readonly #streams = new Set<StreamCall>();
  readonly #streamOver = (call: StreamCall): void => void this.#streams.delete(call);
  #heldBytes = 0;
  #calls: Calls | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #closed = false;
  #why = 'it is starting';
  /** A call waits for a life. */
  onWanted: () => void = () => {};
  /** Since start, as `lost`. */
  repeated = 0;
  lost = 0;

  constructor(block: string, limits: SeatLimits) {
    this.block = block;
    this.#limits = limits;
  }

  /** Calls without an answer, waiting ones among them; without the streams. */
  get inFlight(): number {
    let count = (this.#calls?.inFlight ?? 0) + this.#held.size;
    for (const stream of this.#streams) if (stream.opened || this.#held.has(stream)) count--;
    return count;
  }
  /** Streams that are not over, waiting ones among them. */
  get streams(): number {
    return this.#streams.size;
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
    const call = new UnaryCall(this, request, answer);
    if (this.#calls !== undefined) {
      if (this.#calls.inFlight >= this.#limits.maxInFlight) call.refuse(FAIL.queueFull(this.block).failure);
      else call.start(this.#calls);
    } else this.hold(call);
    return call;
  }

  openStream(request: CallRequest, answer: StreamAnswer): StreamTicket {
    const call = new StreamCall(this, request, answer, this.#streamOver);
    if (this.#streams.size >= this.#limits.maxStreams) {
      call.refuse(FAIL.tooManyStreams(this.block, this.#limits.maxStreams).failure);
      return call;
    }
    this.#streams.add(call);
    if (this.#calls === undefined) this.hold(call);
    else call.start(this.#calls);
    return call;
  }

  /** Keeps a call for the next life, as long and as many as the limits allow. */
  hold(call: SeatCall): void {
    if (this.#calls?.over === false) return call.start(this.#calls); // the next life was quicker than the news of the last one's end
    if (this.#closed || this.#limits.holdMs === 0) return call.refuse(this.#unavailable());
    if (this.#held.size >= this.#limits.maxHeld || this.#heldBytes + call.bytes > this.#limits.maxHeldBytes) return call.refuse(FAIL.queueFull(this.block).failure);
    call.holdUntilMs = performance.now() + Math.min(this.#limits.holdMs, call.remainingMs());
    this.#held.add(call);
    this.#heldBytes += call.bytes;
    this.onWanted();
    this.#ticker ??= setInterval(() => this.#expire(), HOLD_TICK_MS).unref();
  }

  /** A held call is not wanted any more. */
  forget(call: SeatCall): void {
    if (this.#held.delete(call)) this.#heldBytes -= call.bytes;
    if (this.#held.size === 0) this.#stopTicker();
  }

  #expire(): void {
    const now = performance.now();
    for (const call of this.#held) if (call.holdUntilMs <= now) this.#release(call, call.remainingMs() <= 0 ? FAIL.deadlineExceeded().failure : this.#unavailable());
  }

  #release(call: SeatCall, failure: Failure): void {
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
