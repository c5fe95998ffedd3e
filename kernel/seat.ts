// A block's place in the switch: calls go through its present life, wait here while there is none, and are opened again
// when a life is lost under them if the route says that this is safe. Streams are counted apart: they may never end.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Calls } from '../ipc/calls.ts';
import type { BlackBox } from '../ipc/vitals.ts';
import type { Failure } from '../proto/errors.ts';
import { FAIL } from '../proto/failures.ts';
import { Abandoned } from './abandoned.ts';
import { UnaryCall, type Answer, type CallRequest, type Place, type SeatCall, type StreamAnswer, type StreamTicket, type Ticket } from './call.ts';
import { Poison } from './poison.ts';
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

/** Counted since start. */
export interface SeatTotals {
  /** Calls opened again on a next life. */
  repeated: number;
  /** Calls that failed because a life ended under them. */
  lost: number;
  /** Calls that were refused because lives died over their like. */
  poisoned: number;
  /** Calls that waited for a life, and those of them that waited in vain. */
  heldInAll: number;
  heldInVain: number;
}

/** How often held calls are looked through; only runs while some are held. */
const HOLD_TICK_MS = 20;
/** How often streams are looked at that are to come to rest. */
const REST_TICK_MS = 2;
/** A swap of lives is no death: calls wait for it even where `holdMs` lets none wait. */
const SWAP_HOLD_MS = 20_000;

export class Seat implements Place {
  readonly block: string;
  readonly poison: Poison;
  protected readonly limits: SeatLimits;
  readonly #totals: SeatTotals;
  readonly #held = new Set<SeatCall>();
  readonly #streams = new Set<StreamCall>();
  readonly #streamOver = (call: StreamCall): void => {
    if (this.#streams.delete(call)) this.streamsChanged(this.#streams.size);
  };
  readonly #abandoned = new Abandoned();
  #heldBytes = 0;
  /** Of the present life; undefined: calls wait. */
  #calls: Calls | undefined;
  /** Of a life that has its calls still, and will get no more, or all of them again. */
  #suspended: Calls | undefined;
  /** Of lives that were replaced and still have calls. */
  readonly #leaving = new Set<Calls>();
  /** Tells the present life's watch that there is something to do. */
  #wake: () => void = () => {};
  #ticker: NodeJS.Timeout | undefined;
  #closed = false;
  #why = 'it is starting';
  /** A call waits for a life. */
  onWanted: () => void = () => {};
  /** Seats of compartments that are like this one, it among them: what a life of this one can't do, one of theirs can. */
  neighbours: readonly Seat[] = [];

  /** @param poison absent: no call is ever refused for the lives that died over it. */
  constructor(block: string, limits: SeatLimits, poison: Poison = new Poison({ block, deaths: 0 }), totals: SeatTotals = { repeated: 0, lost: 0, poisoned: 0, heldInAll: 0, heldInVain: 0 }) {
    this.block = block;
    this.poison = poison;
    this.limits = limits;
    this.#totals = totals;
  }

  get repeated(): number {
    return this.#totals.repeated;
  }
  set repeated(calls: number) {
    this.#totals.repeated = calls;
  }
  get lost(): number {
    return this.#totals.lost;
  }
  set lost(calls: number) {
    this.#totals.lost = calls;
  }
  get poisoned(): number {
    return this.#totals.poisoned;
  }
  set poisoned(calls: number) {
    this.#totals.poisoned = calls;
  }
  get heldInAll(): number {
    return this.#totals.heldInAll;
  }
  get heldInVain(): number {
    return this.#totals.heldInVain;
  }

  /** Calls without an answer, waiting ones among them; without the streams. */
  get inFlight(): number {
    let count = (this.#calls?.inFlight ?? 0) + (this.#suspended?.inFlight ?? 0) + this.#held.size;
    for (const calls of this.#leaving) count += calls.inFlight;
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
  /** Calls that the present life has; Infinity: there is none that takes calls. */
  get load(): number {
    return this.#calls === undefined || this.#calls.over ? Infinity : this.#calls.inFlight;
  }

  /** The next life takes calls from now on, beginning with those that wait. */
  attach(calls: Calls, wake: () => void): void {
    const former = this.#calls ?? this.#suspended;
    if (former !== undefined && former !== calls && !former.over) this.#leaving.add(former);
    this.#suspended = undefined;
    this.#calls = calls;
    this.#wake = wake;
    const waiting = [...this.#held];
    this.#held.clear();
    this.#heldBytes = 0;
    this.heldChanged(0, 0);
    this.#stopTicker();
    wake();
    for (const call of waiting) call.start(calls);
    for (const stream of this.#streams) stream.move(calls);
    for (const neighbour of this.neighbours) if (neighbour.load === Infinity) neighbour.#passOn(this);
  }

  /** What waits here for a life is opened on that of a neighbour. */
  #passOn(neighbour: Seat): void {
    for (const call of [...this.#held]) {
      if (!neighbour.admits(call)) continue;
      this.forget(call);
      neighbour.take(call);
    }
  }

  /** Whether it may take a call of a neighbour's: one request with one answer, which any of their lives may give. */
  admits(call: SeatCall): boolean {
    return call instanceof UnaryCall && this.#calls?.over === false && !this.isFull(this.#calls);
  }

  /** A call of a neighbour's that it admits. */
  take(call: SeatCall): void {
    this.#wake();
    call.start(this.#calls as Calls);
  }

  /** The present life keeps its calls and gets no more: another one is about to take over. */
  suspend(): void {
    this.#suspended = this.#calls;
    this.#calls = undefined;
    this.#why = 'its next life is taking over';
    for (const stream of this.#streams) stream.rest();
  }

  /** Resolves when no stream waits for an answer that another life could not give, or time is up. */
  async atRest(limitMs: number): Promise<void> {
    const untilMs = performance.now() + limitMs;
    const isAtRest = (): boolean => [...this.#streams].every((stream) => stream.isAtRest);
    while (!isAtRest() && performance.now() < untilMs) await sleep(REST_TICK_MS);
  }

  /** It is not: the present life goes on. */
  resume(): void {
    if (this.#suspended !== undefined && !this.#suspended.over) this.attach(this.#suspended, this.#wake);
  }

  /**
   * A life has ended that nobody had asked to: what it was working on is under suspicion. Comes before its calls fail (`ending` of
   * its Calls), because what becomes of them depends on it, and before `detach`.
   * @param box what its flight recorder says; undefined where it had none: all it had not answered is suspect.
   */
  died(calls: Calls, box: BlackBox | undefined): void {
    if (this.poison.limit === 0) return;
    if (this.#calls !== calls && this.#suspended !== calls && !this.#leaving.has(calls)) return; // it never had any, and says nothing of them
    this.poison.lifeEnded(this.suspectsOf(calls, box));
  }

  /** The life is over: calls wait again. `why` is told to those that waited in vain. */
  detach(calls: Calls, why: string): void {
    this.#leaving.delete(calls);
    this.#abandoned.drop(calls);
    if (this.#suspended === calls) this.#suspended = undefined;
    if (this.#calls !== undefined && this.#calls !== calls) return;
    this.#calls = undefined;
    if (!this.#closed) this.#why = why;
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
    const call = this.unary(request, answer);
    if (this.#calls !== undefined) {
      if (this.isFull(this.#calls)) call.refuse(FAIL.queueFull(this.block).failure);
      else {
        this.#wake();
        call.start(this.#calls);
      }
    } else this.hold(call);
    return call;
  }

  openStream(request: CallRequest, answer: StreamAnswer): StreamTicket {
    const call = new StreamCall(this, request, answer, this.#streamOver);
    if (!this.admitsStreams(this.#streams.size + 1)) {
      call.refuse(FAIL.tooManyStreams(this.block, this.limits.maxStreams).failure);
      this.streamsChanged(this.#streams.size);
      return call;
    }
    this.#streams.add(call);
    if (this.#calls === undefined) this.hold(call);
    else {
      this.#wake();
      call.start(this.#calls);
    }
    return call;
  }

  /** Keeps a call for the next life, as long and as many as the limits allow. */
  hold(call: SeatCall): void {
    if (this.#calls?.over === false) return call.start(this.#calls); // the next life was quicker than the news of the last one's end
    const holdMs = this.#suspended === undefined ? this.limits.holdMs : Math.max(this.limits.holdMs, SWAP_HOLD_MS);
    if (call.refusedAsPoison()) return;
    const neighbour = this.neighbours.find((one) => one.admits(call));
    if (neighbour !== undefined) return neighbour.take(call);
    if (this.#closed || holdMs === 0) return call.refuse(this.#unavailable());
    if (!this.admitsHeld(this.#held.size + 1, this.#heldBytes + call.bytes)) {
      this.heldChanged(this.#held.size, this.#heldBytes);
      return call.refuse(FAIL.queueFull(this.block).failure);
    }
    call.holdUntilMs = performance.now() + Math.min(holdMs, call.remainingMs());
    this.#held.add(call);
    this.#totals.heldInAll++;
    this.#heldBytes += call.bytes;
    this.onWanted();
    this.#ticker ??= setInterval(() => this.#expire(), HOLD_TICK_MS).unref();
  }

  abandon(calls: Calls, id: number, request: CallRequest): void {
    if (this.poison.limit > 0) this.#abandoned.add(calls, id, request);
  }

  /** A held call is not wanted any more. */
  forget(call: SeatCall): void {
    if (this.#held.delete(call)) {
      this.#heldBytes -= call.bytes;
      this.heldChanged(this.#held.size, this.#heldBytes);
    }
    if (this.#held.size === 0) this.#stopTicker();
  }

  // What is to be counted elsewhere, too, where this seat is one of several of its block.

  protected unary(request: CallRequest, answer: Answer): UnaryCall {
    return new UnaryCall(this, request, answer);
  }

  /** Whether the present life has as many calls as it may have. */
  protected isFull(calls: Calls): boolean {
    return calls.inFlight >= this.limits.maxInFlight;
  }

  /** @param streams with the one that asks; where it is refused, `streamsChanged` follows */
  protected admitsStreams(streams: number): boolean {
    return streams <= this.limits.maxStreams;
  }

  protected streamsChanged(_streams: number): void {}

  /** @param held with the call that asks; where it is refused, `heldChanged` follows */
  protected admitsHeld(held: number, bytes: number): boolean {
    return held <= this.limits.maxHeld && bytes <= this.limits.maxHeldBytes;
  }

  protected heldChanged(_held: number, _bytes: number): void {}

  /** Unary calls that a life was working on, the latest first. As for `died`. */
  *suspectsOf(calls: Calls, box: BlackBox | undefined): Iterable<CallRequest> {
    const flights = box?.flights.toReversed() ?? calls.unanswered.map((call) => ({ call, method: undefined }));
    for (const { call, method } of flights) {
      const reply = calls.replyTo(call);
      const request = reply instanceof UnaryCall ? reply.request : this.#abandoned.find(calls, call);
      if (request !== undefined && (method ?? request.route.id) === request.route.id) yield request;
    }
  }

  #expire(): void {
    const now = performance.now();
    for (const call of this.#held) if (call.holdUntilMs <= now) this.#releaseInVain(call, call.remainingMs() <= 0 ? FAIL.deadlineExceeded().failure : this.#unavailable());
  }

  #releaseInVain(call: SeatCall, failure: Failure): void {
    this.#totals.heldInVain++;
    this.#release(call, failure);
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
