// The compartments of this sidecar: for each block one that serves all its components, or several that are alike, and one of its own
// for each component that asked for isolation. Each is a supervised child and its seat in the switch.
import { setTimeout as sleep } from 'node:timers/promises';
import { compartmentName } from './arrangement.ts';
import { CHILD_DEFAULTS, REMOTE_DEFAULTS, type ChildSpec } from './child-info.ts';
import { Child } from './child.ts';
import { logSettings, type BlockChoice, type Config } from './config.ts';
import type { LaunchOptions, Remote } from './launch.ts';
import type { BlockLife } from './life.ts';
import type { Log } from '../proto/log.ts';
import { Poison } from './poison.ts';
import { Seat, type SeatLimits } from './seat.ts';
import { LocalSeating, type Seating } from './seating.ts';
import { seatShared, type OpenSeats, type Seats } from './switch.ts';
import { wrapTrace } from './trace.ts';

export interface Compartment {
  /** `state`, `state#2` where there are several, or `state/orders` for a component's own: in the log, in metrics and in `/actuator/blocks`. */
  readonly name: string;
  readonly block: string;
  /** The component that has it for itself. */
  readonly component: string | undefined;
  /** Which it is of those that serve the same, from 1. */
  readonly replica: number;
  readonly child: Child;
  readonly seating: Seating;
}

export interface CompartmentOptions {
  readonly config: Config;
  readonly log: Log;
  readonly launch: LaunchSettings;
  /** The state or the components of one changed. */
  readonly changed: () => void;
  /** Where calls are; absent: in the kernel's own loop, and `seats` says where. */
  readonly gateways?: Places;
  /** A life of one is about to be closed in order. Never rejects. */
  readonly leaving?: (compartment: Compartment, life: BlockLife) => Promise<void>;
}

/** What all lives have in common. */
export interface LaunchSettings extends Pick<LaunchOptions, 'output' | 'compileCache'> {
  /** Blocks that are served elsewhere, by name. */
  readonly remotes?: ReadonlyMap<string, Remote> | undefined;
}

/** What calls of one compartment may use, and what becomes of them. */
export interface SeatSpec {
  /** The compartment's. */
  readonly name: string;
  readonly block: string;
  readonly component: string | undefined;
  readonly limits: SeatLimits;
  /** Bytes that may wait for it. */
  readonly queueBytes: number;
  /** Its longest silence in milliseconds; 0: any. */
  readonly hangMs: number;
  /** Deaths in a row that make a call poison; 0: none do. */
  readonly poisonDeaths: number;
}

/** Event loops that take calls, beside the kernel's own. */
export interface Places {
  /** So many, each with a lane into each life. */
  readonly size: number;
  /** A component's own compartment gets no calls before it is admitted. */
  place(spec: SeatSpec, log: Log): Seating;
}

/** Every frame limit leaves room for the largest body with its head, and for answers larger than a request may be. */
const SMALLEST_FRAME_LIMIT = 64 * 1024 * 1024;
const SEAT_LIMITS: Pick<SeatLimits, 'maxHeld' | 'maxHeldBytes' | 'maxStreams'> = { maxHeld: 10_000, maxHeldBytes: 64 * 1024 * 1024, maxStreams: 1_024 };

/** How often a compartment that is being removed is looked at. */
const DRAIN_TICK_MS = 10;

export class Compartments {
  readonly #options: CompartmentOptions;
  readonly #all = new Map<string, Compartment>();
  readonly #seats: OpenSeats = new Map();
  readonly #ending = new Set<Promise<void>>();

  constructor(options: CompartmentOptions) {
    this.#options = options;
    for (const choice of options.config.blocks) {
      for (let replica = 1; replica <= choice.replicas; replica++) this.#create(choice, undefined, replica);
    }
  }

  /** All there are now, in start order. */
  all(): readonly Compartment[] {
    return [...this.#all.values()];
  }

  byName(name: string): Compartment | undefined {
    return this.#all.get(name);
  }

  /** By block, for the switch: it changes with the compartments. Empty where gateways have the calls. */
  get seats(): ReadonlyMap<string, Seats> {
    return this.#seats;
  }

  /**
   * Makes a compartment of the component's own, which has to be provided with its init and started.
   * @param admits true: calls for the component go there from now on, and wait until it runs. False: not before `admit`.
   * @throws Error where the block does not run, or the component has one already
   */
  add(block: string, component: string, admits = true): Compartment {
    const choice = this.#options.config.blocks.find(({ name }) => name === block);
    if (choice === undefined) throw new Error(`the ${block} block does not run here`);
    const name = compartmentName(block, component);
    if (this.#all.has(name)) throw new Error(`there is a compartment ${name} already`);
    const compartment = this.#create(choice, component);
    if (admits) void this.admit(name);
    return compartment;
  }

  /** Calls for the component go to its own compartment, from now on or, where gateways have to hear of it, once this has resolved. @throws Error where there is none */
  admit(name: string): Promise<void> {
    return this.#ownOf(name).seating.admit(true);
  }

  /**
   * Ends a component's own compartment: calls for the component go to the shared one from now on, and what this one still has may
   * take until `--drain-ms` is over. Resolves when nothing is left of it.
   * @throws Error where there is none
   */
  async remove(name: string): Promise<void> {
    const compartment = this.#ownOf(name);
    this.#all.delete(name);
    const ending = compartment.seating.admit(false).then(() => this.#end(compartment)).finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
    this.#options.changed();
    await ending;
  }

  /** Resolves when nothing is left of compartments that were removed. */
  async removed(): Promise<void> {
    await Promise.all(this.#ending);
  }

  async #end({ child, seating }: Compartment): Promise<void> {
    const { drainMs } = this.#options.config;
    const until = performance.now() + drainMs;
    if (drainMs > 0) await child.pause(drainMs);
    while (seating.inFlight > 0 && performance.now() < until) await sleep(DRAIN_TICK_MS);
    await child.stop();
  }

  /** @throws Error */
  #ownOf(name: string): Compartment & { readonly component: string } {
    const compartment = this.#all.get(name);
    if (compartment?.component === undefined) throw new Error(`no component has a compartment ${name} of its own`);
    return compartment as Compartment & { readonly component: string };
  }

  #create(choice: BlockChoice, component: string | undefined, replica = 1): Compartment {
    const { config, log, launch, changed, leaving, gateways } = this.#options;
    const { name: block, isolation: mode, limits } = choice;
    const name = compartmentName(block, component, replica);
    const remote = launch.remotes?.get(block);
    const spec: ChildSpec = { ...CHILD_DEFAULTS, ...(remote === undefined ? {} : REMOTE_DEFAULTS), name, block, mode, address: remote?.address, spare: choice.spare, limits, hangMs: config.hangMs, drainMs: config.drainMs };
    const ownLog = log.with({ block: name });
    const place: SeatSpec = { name, block, component, limits: { ...SEAT_LIMITS, holdMs: config.holdMs, maxInFlight: limits.openCalls }, queueBytes: limits.queueBytes, hangMs: config.hangMs, poisonDeaths: config.poisonDeaths };
    const seating = gateways === undefined ? this.#seat(place, ownLog) : gateways.place(place, ownLog);
    const child = new Child({
      spec,
      seating,
      launch: { output: launch.output, compileCache: launch.compileCache, remote, name, log: ownLog, logging: logSettings(config), limits, ringBytes: config.ringBytes, maxFrameBytes: Math.max(SMALLEST_FRAME_LIMIT, 2 * config.api.maxBodyBytes), lanes: gateways?.size ?? 0 },
      log: ownLog,
      wrap: config.traceIpc ? wrapTrace(name) : (channel) => channel,
      changed,
      leaving: async (life) => leaving?.(compartment, life),
    });
    const compartment = { name, block, component, replica, child, seating };
    this.#all.set(name, compartment);
    return compartment;
  }

  #seat({ name, block, component, limits, poisonDeaths }: SeatSpec, log: Log): LocalSeating {
    // What lives of one replica died over is not tried on the others.
    const alike = component === undefined ? this.#seats.get(block)?.shared[0] : undefined;
    const seat = new Seat(name, limits, alike?.poison ?? new Poison({ block: name, deaths: poisonDeaths, log }));
    if (component === undefined) seatShared(this.#seats, block, seat);
    return new LocalSeating(seat, (admitted) => {
      const own = this.#seats.get(block)?.own;
      if (component === undefined || own === undefined) return;
      if (admitted) own.set(component, seat);
      else if (own.get(component) === seat) own.delete(component);
    });
  }
}
