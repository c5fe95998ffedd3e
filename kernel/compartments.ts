// The compartments of this sidecar: for each block one that serves all its components, and one of its own for each component
// that asked for isolation. Each is a supervised child and its seat in the switch.
import { setTimeout as sleep } from 'node:timers/promises';
import { compartmentName } from './arrangement.ts';
import { CHILD_DEFAULTS, type ChildSpec } from './child-info.ts';
import { Child } from './child.ts';
import { logSettings, type BlockChoice, type Config } from './config.ts';
import type { LaunchOptions } from './launch.ts';
import type { BlockLife } from './life.ts';
import type { Log } from '../proto/log.ts';
import { Poison } from './poison.ts';
import { Seat, type SeatLimits } from './seat.ts';
import type { Seats } from './switch.ts';
import { wrapTrace } from './trace.ts';

export interface Compartment {
  /** `state`, or `state/orders` for a component's own: in the log, in metrics and in `/actuator/blocks`. */
  readonly name: string;
  readonly block: string;
  /** The component that has it for itself. */
  readonly component: string | undefined;
  readonly child: Child;
  readonly seat: Seat;
}

export interface CompartmentOptions {
  readonly config: Config;
  readonly log: Log;
  readonly launch: Pick<LaunchOptions, 'output' | 'compileCache'>;
  /** The state or the components of one changed. */
  readonly changed: () => void;
  /** A life of one is about to be closed in order. Never rejects. */
  readonly leaving?: (compartment: Compartment, life: BlockLife) => Promise<void>;
}

/** Every frame limit leaves room for the largest body with its head, and for answers larger than a request may be. */
const SMALLEST_FRAME_LIMIT = 64 * 1024 * 1024;
const SEAT_LIMITS: Pick<SeatLimits, 'maxHeld' | 'maxHeldBytes' | 'maxStreams'> = { maxHeld: 10_000, maxHeldBytes: 64 * 1024 * 1024, maxStreams: 1_024 };

/** How often a compartment that is being removed is looked at. */
const DRAIN_TICK_MS = 10;

export class Compartments {
  readonly #options: CompartmentOptions;
  readonly #all = new Map<string, Compartment>();
  readonly #seats = new Map<string, { readonly shared: Seat; readonly own: Map<string, Seat> }>();
  readonly #ending = new Set<Promise<void>>();

  constructor(options: CompartmentOptions) {
    this.#options = options;
    for (const choice of options.config.blocks) {
      const { seat } = this.#create(choice, undefined);
      this.#seats.set(choice.name, { shared: seat, own: new Map() });
    }
  }

  /** All there are now, in start order. */
  all(): readonly Compartment[] {
    return [...this.#all.values()];
  }

  byName(name: string): Compartment | undefined {
    return this.#all.get(name);
  }

  /** By block, for the switch: it changes with the compartments. */
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
    if (admits) this.admit(name);
    return compartment;
  }

  /** Calls for the component go to its own compartment from now on. @throws Error where there is none */
  admit(name: string): void {
    const { block, component, seat } = this.#ownOf(name);
    this.#seats.get(block)?.own.set(component, seat);
  }

  /**
   * Ends a component's own compartment: calls for the component go to the shared one from now on, and what this one still has may
   * take until `--drain-ms` is over. Resolves when nothing is left of it.
   * @throws Error where there is none
   */
  async remove(name: string): Promise<void> {
    const compartment = this.#ownOf(name);
    const { block, component, seat } = compartment;
    this.#all.delete(name);
    if (this.#seats.get(block)?.own.get(component) === seat) this.#seats.get(block)?.own.delete(component);
    const ending = this.#end(compartment).finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
    this.#options.changed();
    await ending;
  }

  /** Resolves when nothing is left of compartments that were removed. */
  async removed(): Promise<void> {
    await Promise.all(this.#ending);
  }

  async #end({ child, seat }: Compartment): Promise<void> {
    const { drainMs } = this.#options.config;
    const until = performance.now() + drainMs;
    if (drainMs > 0) await child.pause(drainMs);
    while (seat.inFlight > 0 && performance.now() < until) await sleep(DRAIN_TICK_MS);
    await child.stop();
  }

  /** @throws Error */
  #ownOf(name: string): Compartment & { readonly component: string } {
    const compartment = this.#all.get(name);
    if (compartment?.component === undefined) throw new Error(`no component has a compartment ${name} of its own`);
    return compartment as Compartment & { readonly component: string };
  }

  #create(choice: BlockChoice, component: string | undefined): Compartment {
    const { config, log, launch, changed, leaving } = this.#options;
    const { name: block, isolation: mode, limits } = choice;
    const name = compartmentName(block, component);
    const spec: ChildSpec = { ...CHILD_DEFAULTS, name, block, mode, spare: choice.spare, limits, hangMs: config.hangMs, drainMs: config.drainMs };
    const ownLog = log.with({ block: name });
    const poison = new Poison({ block: name, deaths: config.poisonDeaths, log: ownLog });
    const seat = new Seat(name, { ...SEAT_LIMITS, holdMs: config.holdMs, maxInFlight: limits.openCalls }, poison);
    const child = new Child({
      spec,
      seat,
      launch: { ...launch, name, log: ownLog, logging: logSettings(config), limits, ringBytes: config.ringBytes, maxFrameBytes: Math.max(SMALLEST_FRAME_LIMIT, 2 * config.api.maxBodyBytes) },
      log: ownLog,
      wrap: config.traceIpc ? wrapTrace(name) : (channel) => channel,
      changed,
      leaving: async (life) => leaving?.(compartment, life),
    });
    const compartment = { name, block, component, child, seat };
    this.#all.set(name, compartment);
    return compartment;
  }
}
