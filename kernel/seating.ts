// Where the calls of a compartment are, as its supervision sees it: told of lives that come and go, asked what waits. Which side
// of a thread's border the calls are on is nobody else's business.
import type { Flight } from '../ipc/vitals.ts';
import type { BlockLife } from './life.ts';
import type { Seat } from './seat.ts';

/** What there is of calls now, and since start. */
export interface SeatingCounts {
  /** Calls without an answer, waiting ones among them; without the streams. */
  readonly inFlight: number;
  /** Streams that are not over, waiting ones among them. */
  readonly streams: number;
  /** Of both: what waits for a life. */
  readonly held: number;
  readonly heldInAll: number;
  /** What waited for a life in vain. */
  readonly heldInVain: number;
  /** Opened again on a next life. */
  readonly repeated: number;
  /** Failed because a life ended under them. */
  readonly lost: number;
  /** Refused because lives died over their like. */
  readonly poisoned: number;
}

export interface Seating extends SeatingCounts {
  /** A call waits for a life. */
  onWanted: () => void;
  /**
   * The life takes calls from now on, beginning with those that wait.
   * @param activated it takes over from a life that has died, and is just being told so: rejects where it does not. Absent: it has been told.
   */
  attach(life: BlockLife, activated?: Promise<void>): void;
  /**
   * The present life keeps its calls and gets no more: another one is about to take over. Resolves when the block has all it was sent.
   * @throws Error when that can't be said within `limitMs`
   */
  suspend(limitMs: number): Promise<void>;
  /** Resolves when no stream waits for an answer that another life could not give, or time is up. */
  atRest(limitMs: number): Promise<void>;
  /** It does not take over: the present life goes on. */
  resume(): void;
  /** The life has ended and nobody had asked it to; comes before `detach`. */
  died(life: BlockLife): void;
  /** The life is over: calls wait again. `why` is told to those that waited in vain. */
  detach(life: BlockLife, why: string): void;
  /** It is about to be closed in order: what it still has may be given up. Never rejects. */
  leaving(life: BlockLife): Promise<void>;
  /** Calls that the life still has, beside those of its own channel. */
  remaining(life: BlockLife): number;
  /** Whether any life owes calls an answer, beside those of its own channel. */
  isBusy(): boolean;
  /** What a life that has died was working on for others than its own channel. Never rejects. */
  flights(life: BlockLife): Promise<readonly Flight[]>;
  /** The block is not what it was: no call is under suspicion for what its lives died over. */
  forgive(): void;
  /** Resolves when calls of the component that has the compartment go there; or, `false`, elsewhere. */
  admit(admitted: boolean): Promise<void>;
  /** No life will follow. May be called twice. */
  close(): void;
}

/** One gateway, the kernel's own loop: a seat, and each life's own channel. */
export class LocalSeating implements Seating {
  readonly seat: Seat;
  readonly #onAdmitted: (admitted: boolean) => void;

  /** @param onAdmitted the switch is to know. */
  constructor(seat: Seat, onAdmitted: (admitted: boolean) => void = () => {}) {
    this.seat = seat;
    this.#onAdmitted = onAdmitted;
  }

  get inFlight(): number {
    return this.seat.inFlight;
  }
  get streams(): number {
    return this.seat.streams;
  }
  get held(): number {
    return this.seat.held;
  }
  get heldInAll(): number {
    return this.seat.heldInAll;
  }
  get heldInVain(): number {
    return this.seat.heldInVain;
  }
  get repeated(): number {
    return this.seat.repeated;
  }
  get lost(): number {
    return this.seat.lost;
  }
  get poisoned(): number {
    return this.seat.poisoned;
  }

  set onWanted(wanted: () => void) {
    this.seat.onWanted = wanted;
  }
  get onWanted(): () => void {
    return this.seat.onWanted;
  }

  /** What waits follows the inheritance on the same ring, so nobody waits for the answer to it. */
  attach({ calls, wake }: BlockLife): void {
    this.seat.attach(calls, wake);
  }

  /** What was sent lies on one ring with what is sent next. */
  async suspend(): Promise<void> {
    this.seat.suspend();
  }

  atRest(limitMs: number): Promise<void> {
    return this.seat.atRest(limitMs);
  }

  resume(): void {
    this.seat.resume();
  }

  died({ calls, blackBox }: BlockLife): void {
    this.seat.died(calls, blackBox);
  }

  detach({ calls }: BlockLife, why: string): void {
    this.seat.detach(calls, why);
  }

  async leaving(): Promise<void> {}

  remaining(): number {
    return 0;
  }

  isBusy(): boolean {
    return false;
  }

  async flights(): Promise<readonly Flight[]> {
    return [];
  }

  forgive(): void {
    this.seat.poison.clear();
  }

  async admit(admitted: boolean): Promise<void> {
    this.#onAdmitted(admitted);
  }

  close(): void {
    this.seat.close();
  }
}
