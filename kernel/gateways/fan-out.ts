// A compartment's calls where they are in several gateways: what its supervision says goes to each of them in order, what they count
// and find out is put together. Whoever of them is gone, or comes back, holds up nobody.
import { discardLane, laneTransfer, type LaneEnd } from '../../ipc/lane.ts';
import type { Flight } from '../../ipc/vitals.ts';
import { messageOf } from '../../proto/errors.ts';
import type { Log } from '../../proto/log.ts';
import type { SeatSpec } from '../compartments.ts';
import type { BlockLife } from '../life.ts';
import { Poison } from '../poison.ts';
import type { Seating } from '../seating.ts';
import type { FromGateway, LaneStory, Order } from './protocol.ts';
import { GatewayGone, type Run } from './run.ts';
import { Tally, tallyMemory } from './tally.ts';

export interface FanOutOptions {
  /** Tells it from all others there were. */
  readonly number: number;
  readonly spec: SeatSpec;
  /** Of gateways. */
  readonly size: number;
  readonly log: Log;
  /** No life will follow. */
  readonly onClosed: () => void;
}

type News = Extract<FromGateway, { readonly place: number }>;

/** A gateway that does not say by then what was under way on a lane, has nothing to say. */
const STORY_MS = 1_000;
/** A gateway that does not do by then what takes it a turn of its loop is ended by its watch. */
const TURN_MS = 30_000;
/** A life whose lane has ended is left this long to go by itself. */
const LEAVE_MS = 500;

/** An order is on its way, and its answer to come. */
interface Sent {
  readonly answer: Promise<unknown>;
}

/** One gateway, as this compartment sees it. */
interface Seen {
  /** It knows the compartment; undefined: there is no run that does. */
  run: Run | undefined;
  /** The last order has been sent, and all before it. */
  sent: Promise<unknown>;
  /** The life whose lane it was given last. */
  life: BlockLife | undefined;
}

export class FanOut implements Seating {
  onWanted: () => void = () => {};
  readonly #options: FanOutOptions;
  readonly #tally: Tally;
  readonly #poison: Poison;
  readonly #gateways: readonly Seen[];
  /** Lives that gateways have lanes into, or are about to, by number. */
  readonly #lives = new Map<number, BlockLife>();
  /** Whose lanes were taken once: the next time they have to be renewed. */
  readonly #taken = new WeakMap<BlockLife, Set<number>>();
  /** Gateways that still have calls in a life that was replaced. */
  readonly #unfinished = new WeakMap<BlockLife, number>();
  readonly #flights = new WeakMap<BlockLife, Promise<readonly Flight[]>>();
  #present: BlockLife | undefined;
  #suspended = false;
  #admitted: boolean;
  #closed = false;
  /** What the last death means for calls is known everywhere: the next life gets none before. */
  #verdict: Promise<unknown> = Promise.resolve();

  constructor(options: FanOutOptions) {
    const { spec, size, log } = options;
    this.#options = options;
    this.#tally = new Tally(tallyMemory(size));
    this.#poison = new Poison({ block: spec.name, deaths: spec.poisonDeaths, log });
    this.#admitted = spec.component === undefined;
    this.#gateways = Array.from({ length: size }, () => ({ run: undefined, sent: Promise.resolve(), life: undefined }));
  }

  get inFlight(): number {
    return this.#tally.sum('calls');
  }
  get streams(): number {
    return this.#tally.sum('streams');
  }
  get held(): number {
    return this.#tally.sum('held');
  }
  get heldInAll(): number {
    return this.#tally.sum('heldInAll');
  }
  get heldInVain(): number {
    return this.#tally.sum('heldInVain');
  }
  get repeated(): number {
    return this.#tally.sum('repeated');
  }
  get lost(): number {
    return this.#tally.sum('lost');
  }
  get poisoned(): number {
    return this.#tally.sum('poisoned');
  }

  /** A run of a gateway begins: it is told how things are, and hears of all that changes. @param index from 0 */
  introduce(index: number, run: Run): void {
    const { number, spec } = this.#options;
    const gateway = this.#gateways[index] as Seen;
    Object.assign(gateway, { run, sent: Promise.resolve(), life: undefined });
    this.#tell(index, () => ({ kind: 'place', place: number, spec, tally: this.#tally.memory, suspects: this.#poison.tell() }));
    if (this.#admitted && spec.component !== undefined) this.#tell(index, () => ({ kind: 'admit', place: number, admitted: true }));
    if (this.#present !== undefined && !this.#suspended) this.#attachTo(index, this.#present, undefined);
  }

  /** That run has ended, with all its calls. */
  gone(index: number): void {
    Object.assign(this.#gateways[index] as Seen, { run: undefined, life: undefined });
    this.#tally.drop(index);
  }

  heard(news: News): void {
    switch (news.kind) {
      case 'wanted':
        return this.onWanted();
      case 'wake':
        return this.#present?.wake();
      case 'lane-ended':
        return this.#laneEnded(this.#lives.get(news.life), news.violation);
      case 'lane-hangs':
        return this.#lives.get(news.life)?.kill('hang', `it has hung for ${Math.round(news.silentMs)} ms`);
      case 'acquitted':
        this.#poison.acquit({ digest: news.digest });
        return this.#tellSuspects();
      case 'adjourned':
        this.#poison.adjourn(news.digest);
        return this.#tellSuspects();
    }
  }

  attach(life: BlockLife, activated?: Promise<void>): void {
    const former = this.#present;
    this.#present = life;
    this.#suspended = false;
    this.#lives.set(life.number, life);
    for (const index of this.#gateways.keys()) this.#attachTo(index, life, activated);
    life.wake();
    if (former !== undefined && former !== life && !former.calls.over) this.#finish(former);
  }

  async suspend(limitMs: number): Promise<void> {
    this.#suspended = true;
    await this.#all(() => ({ kind: 'suspend', place: this.#options.number }), limitMs);
  }

  async atRest(limitMs: number): Promise<void> {
    await this.#all(() => ({ kind: 'rest', place: this.#options.number, limitMs }), limitMs + STORY_MS);
  }

  resume(): void {
    const life = this.#present;
    this.#suspended = false;
    if (life === undefined || life.calls.over) return;
    for (const [index, gateway] of this.#gateways.entries()) {
      if (gateway.life === life) this.#tell(index, () => ({ kind: 'resume', place: this.#options.number }));
      else this.#attachTo(index, life, undefined);
    }
  }

  died(life: BlockLife): void {
    if (!this.#lives.has(life.number)) return; // no gateway ever had a lane into it
    const before = this.#verdict;
    const asked = this.#gateways.map((_gateway, index) => this.#order(index, () => ({ kind: 'died', place: this.#options.number, life: life.number }), STORY_MS).catch(() => undefined) as Promise<LaneStory | undefined>);
    const flights = Promise.all(asked).then(async (answers) => {
      await before;
      const stories = answers.filter((story) => story?.had === true) as LaneStory[];
      if (stories.length > 0) this.#poison.blame(stories.flatMap(({ evidence }) => evidence));
      this.#tellSuspects();
      return stories.flatMap((story) => story.flights);
    });
    this.#verdict = flights;
    this.#flights.set(life, flights);
  }

  detach(life: BlockLife, why: string): void {
    void this.#detach(life, why);
  }

  async leaving(life: BlockLife): Promise<void> {
    await this.#detach(life, 'it is restarting');
  }

  remaining(life: BlockLife): number {
    return this.#unfinished.get(life) ?? 0;
  }

  isBusy(): boolean {
    return this.#tally.isBusy();
  }

  async flights(life: BlockLife): Promise<readonly Flight[]> {
    return (await this.#flights.get(life)) ?? [];
  }

  forgive(): void {
    this.#poison.clear();
    this.#tellSuspects();
  }

  async admit(admitted: boolean): Promise<void> {
    this.#admitted = admitted;
    await this.#all(() => ({ kind: 'admit', place: this.#options.number, admitted }), TURN_MS);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#present = undefined;
    for (const index of this.#gateways.keys()) this.#tell(index, () => ({ kind: 'close-place', place: this.#options.number }));
    this.#options.onClosed();
  }

  #attachTo(index: number, life: BlockLife, activated: Promise<void> | undefined): void {
    const gateway = this.#gateways[index] as Seen;
    if (gateway.run === undefined) return; // the next run hears of it
    gateway.life = life;
    const verdict = this.#verdict;
    const send = async (run: Run): Promise<Sent | undefined> => {
      await verdict;
      await activated;
      if (life.calls.over || run.over) return undefined;
      const lane = await this.#laneOf(index, life);
      if (run.over) {
        discardLane(lane);
        return undefined;
      }
      return { answer: run.order({ kind: 'attach', place: this.#options.number, life: life.number, lane, isWatched: !life.turnsKernelLoop }, laneTransfer(lane), TURN_MS) };
    };
    this.#send(index, send).catch((cause: unknown) => {
      if (cause instanceof GatewayGone || life.calls.over || gateway.life !== life) return;
      life.kill('protocol', `gateway ${index} can't reach it: ${messageOf(cause)}`);
    });
  }

  async #laneOf(index: number, life: BlockLife): Promise<LaneEnd> {
    let taken = this.#taken.get(life);
    if (taken === undefined) this.#taken.set(life, (taken = new Set()));
    if (taken.has(index)) return life.renewLane(index);
    taken.add(index);
    return life.takeLane(index);
  }

  async #detach(life: BlockLife, why: string): Promise<void> {
    if (!this.#lives.delete(life.number)) return;
    if (this.#present === life) this.#present = undefined;
    for (const gateway of this.#gateways) if (gateway.life === life) gateway.life = undefined;
    await this.#all(() => ({ kind: 'detach', place: this.#options.number, life: life.number, why }), TURN_MS).catch(() => undefined); // its watch ends who does not do it
  }

  /** It was replaced, and closes when its calls are done. */
  #finish(life: BlockLife): void {
    this.#unfinished.set(life, this.#gateways.length);
    for (const index of this.#gateways.keys()) {
      const done = (): void => void this.#unfinished.set(life, (this.#unfinished.get(life) ?? 1) - 1);
      this.#order(index, () => ({ kind: 'finished', place: this.#options.number, life: life.number })).then(done, done);
    }
  }

  /** Nothing comes over it any more; the life may not know. */
  #laneEnded(life: BlockLife | undefined, violation: string | undefined): void {
    if (life === undefined) return;
    if (violation !== undefined) life.kill('protocol', `it broke the protocol: ${violation}`);
    else setTimeout(() => {
      if (this.#lives.get(life.number) === life) life.kill('exit', '');
    }, LEAVE_MS).unref();
  }

  #tellSuspects(): void {
    for (const index of this.#gateways.keys()) this.#tell(index, () => ({ kind: 'suspects', place: this.#options.number, suspects: this.#poison.tell() }));
  }

  /** All gateways there are have done it. @throws Error when one that lives has not */
  async #all(make: () => Order, limitMs: number): Promise<void> {
    const done = await Promise.allSettled([...this.#gateways.keys()].map((index) => this.#order(index, make, limitMs)));
    for (const one of done) if (one.status === 'rejected' && !(one.reason instanceof GatewayGone)) throw one.reason;
  }

  /** Nobody waits for the answer. */
  #tell(index: number, make: () => Order): void {
    this.#order(index, make).catch((cause: unknown) => {
      if (!(cause instanceof GatewayGone)) this.#options.log.error({}, `gateway ${index} has not done what it was told: ${messageOf(cause)}`);
    });
  }

  /** Resolves with the answer; with undefined where there is no such gateway now. */
  #order(index: number, make: () => Order, limitMs?: number): Promise<unknown> {
    return this.#send(index, async (run) => ({ answer: run.order(make(), [], limitMs) }));
  }

  /** After what was sent before. */
  async #send(index: number, send: (run: Run) => Promise<Sent | undefined>): Promise<unknown> {
    const gateway = this.#gateways[index] as Seen;
    const { run } = gateway;
    if (run === undefined) return undefined;
    const sent = gateway.sent.then(() => send(run));
    gateway.sent = sent.catch(() => undefined);
    return (await sent)?.answer;
  }
}
