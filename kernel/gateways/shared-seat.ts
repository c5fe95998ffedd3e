// The seat of a block in one of several gateways: counts where all of them see it, and keeps limits that hold for their sum.
import type { Calls } from '../../ipc/calls.ts';
import { UnaryCall, type Answer, type CallRequest, type Place } from '../call.ts';
import type { Poison } from '../poison.ts';
import { Seat, type SeatLimits } from '../seat.ts';
import type { GatewayTally } from './tally.ts';

export class SharedSeat extends Seat {
  readonly #tally: GatewayTally;

  constructor(block: string, limits: SeatLimits, poison: Poison, tally: GatewayTally) {
    super(block, limits, poison, tally);
    this.#tally = tally;
  }

  protected override unary(request: CallRequest, answer: Answer): UnaryCall {
    return new CountedCall(this, request, answer, this.#tally);
  }

  /** The call that asks is counted already. */
  protected override isFull(_calls: Calls): boolean {
    return this.#tally.open() > this.limits.maxInFlight;
  }

  protected override admitsStreams(streams: number): boolean {
    this.#tally.set('streams', streams);
    return this.#tally.sum('streams') <= this.limits.maxStreams;
  }

  protected override streamsChanged(streams: number): void {
    this.#tally.set('streams', streams);
  }

  protected override admitsHeld(held: number, bytes: number): boolean {
    this.heldChanged(held, bytes);
    return this.#tally.sum('held') <= this.limits.maxHeld && this.#tally.sum('heldBytes') <= this.limits.maxHeldBytes;
  }

  protected override heldChanged(held: number, bytes: number): void {
    this.#tally.set('held', held);
    this.#tally.set('heldBytes', bytes);
  }
}

/** Counted from its making until nothing more is told of it. */
class CountedCall extends UnaryCall {
  readonly #tally: GatewayTally;

  constructor(place: Place, request: CallRequest, answer: Answer, tally: GatewayTally) {
    super(place, request, answer);
    this.#tally = tally;
    tally.addCalls(1);
  }

  protected override settle(): boolean {
    if (!super.settle()) return false;
    this.#tally.addCalls(-1);
    return true;
  }
}
