// The compartments as one gateway sees them: a seat for each, its lanes into the lives of the block, and what of it the supervisor
// has to hear.
import type { ChannelEnd } from '../../ipc/channel.ts';
import { openLane, type LaneEnd } from '../../ipc/lane.ts';
import type { Log } from '../../proto/log.ts';
import type { SeatSpec } from '../compartments.ts';
import type { WaitingBytes } from '../metrics/compartments.ts';
import { evidenceOf, Poison, type PackedSuspect } from '../poison.ts';
import { seatShared, type OpenSeats, type Seats } from '../switch.ts';
import { wrapTrace } from '../trace.ts';
import { Lane } from './lane.ts';
import type { FromGateway, LaneStory } from './protocol.ts';
import { SharedSeat } from './shared-seat.ts';
import { GatewayTally } from './tally.ts';

export interface PlaceOptions {
  /** Counts from 0. */
  readonly gateway: number;
  readonly log: Log;
  /** `--trace-ipc`. */
  readonly trace: boolean;
  readonly post: (message: FromGateway) => void;
}

/** How long a block may take to say that it has what it was sent. */
const BARRIER_MS = 10_000;
const NO_STORY: LaneStory = { had: false, evidence: [], flights: [] };

export class Places {
  readonly #options: PlaceOptions;
  readonly #places = new Map<number, Place>();
  readonly #seats: OpenSeats = new Map();

  constructor(options: PlaceOptions) {
    this.#options = options;
  }

  /** By block, for the switch. */
  get seats(): ReadonlyMap<string, Seats> {
    return this.#seats;
  }

  add(number: number, spec: SeatSpec, memory: SharedArrayBuffer, suspects: readonly PackedSuspect[]): void {
    const place = new Place(number, spec, memory, this.#options);
    place.poison.learn(suspects);
    this.#places.set(number, place);
    if (spec.component === undefined) seatShared(this.#seats, spec.block, place.seat);
  }

  admit(number: number, admitted: boolean): void {
    const { seat, spec: { block, component } } = this.at(number);
    const own = this.#seats.get(block)?.own;
    if (own === undefined || component === undefined) return;
    if (admitted) own.set(component, seat);
    else if (own.get(component) === seat) own.delete(component);
  }

  close(number: number): void {
    this.at(number).close();
    this.#places.delete(number);
  }

  /** What is on its way to and from lives, by compartment. */
  get waiting(): ReadonlyMap<string, WaitingBytes> {
    return new Map([...this.#places.values()].map((place) => [place.spec.name, place.waiting]));
  }

  /** @throws Error where there is none */
  at(number: number): Place {
    const place = this.#places.get(number);
    if (place === undefined) throw new Error(`there is no compartment number ${number}`);
    return place;
  }
}

export class Place {
  readonly spec: SeatSpec;
  readonly seat: SharedSeat;
  readonly poison: Poison;
  readonly #number: number;
  readonly #tally: GatewayTally;
  readonly #options: PlaceOptions;
  readonly #log: Log;
  /** By number of the life. */
  readonly #lanes = new Map<number, Lane>();
  readonly #wake = (): void => this.#tally.wake(() => this.#options.post({ kind: 'wake', place: this.#number }));

  constructor(number: number, spec: SeatSpec, memory: SharedArrayBuffer, options: PlaceOptions) {
    const { gateway, log, post } = options;
    this.#number = number;
    this.spec = spec;
    this.#options = options;
    this.#log = log.with({ block: spec.name });
    this.#tally = new GatewayTally(memory, gateway);
    this.poison = new Poison({
      block: spec.name, deaths: spec.poisonDeaths, log: this.#log,
      fellows: {
        claimTrial: () => this.#tally.claimTrial(),
        tried: (digest) => {
          this.#tally.endTrial();
          if (digest !== undefined) post({ kind: 'adjourned', place: number, digest });
        },
        acquitted: (digest) => post({ kind: 'acquitted', place: number, digest }),
      },
    });
    this.seat = new SharedSeat(spec.name, spec.limits, this.poison, this.#tally);
    this.seat.onWanted = () => post({ kind: 'wanted', place: number });
  }

  get waiting(): WaitingBytes {
    let [queued, out, into] = [0, 0, 0];
    for (const { calls } of this.#lanes.values()) {
      queued += calls.queuedBytes;
      out += calls.ring?.outBytes ?? 0;
      into += calls.ring?.inBytes ?? 0;
    }
    return { queued, out, into };
  }

  /** @throws Error when the lane can't be opened */
  attach(life: number, end: LaneEnd, isWatched: boolean): void {
    const { trace, gateway } = this.#options;
    const opened = openLane(end);
    const channel = trace ? wrapTrace(`${this.spec.name}#${gateway}`)(opened) : opened;
    const lane: Lane = new Lane({
      channel, queueBytes: this.spec.queueBytes,
      story: (calls, box) => ({ had: true, evidence: this.poison.limit > 0 ? evidenceOf(this.seat.suspectsOf(calls, box)) : [], flights: box?.flights ?? [] }),
      onLost: (how) => this.#lost(life, lane, how),
      hangMs: isWatched ? this.spec.hangMs : 0,
      onHang: (silentMs) => this.#options.post({ kind: 'lane-hangs', place: this.#number, life, silentMs }),
    });
    this.#lanes.set(life, lane);
    this.seat.attach(lane.calls, () => {
      lane.wake();
      this.#wake();
    });
  }

  /** Resolves when the block has all that was sent. @throws Error when it does not say so */
  async suspend(): Promise<void> {
    this.seat.suspend();
    await Promise.all([...this.#lanes.values()].map((lane) => lane.drained(BARRIER_MS)));
  }

  /** Before the supervisor says that the life is over, so that its verdict comes before the next life. */
  async died(life: number): Promise<LaneStory> {
    const lane = this.#lanes.get(life);
    return lane === undefined ? NO_STORY : lane.died();
  }

  async detach(life: number, why: string): Promise<void> {
    const lane = this.#lanes.get(life);
    if (lane === undefined) return;
    this.#lanes.delete(life);
    await lane.dying; // what it was at is told first
    lane.close();
    this.seat.detach(lane.calls, why);
  }

  async finished(life: number): Promise<void> {
    await this.#lanes.get(life)?.finished();
  }

  close(): void {
    for (const lane of this.#lanes.values()) lane.close();
    this.#lanes.clear();
    this.seat.close();
  }

  /** The life may live on, for all that is known here; nothing goes to it this way any more. */
  #lost(life: number, lane: Lane, end: ChannelEnd): void {
    this.seat.detach(lane.calls, 'it is restarting');
    this.#options.post({ kind: 'lane-ended', place: this.#number, life, violation: end.kind === 'violation' ? end.reason : undefined });
  }
}
