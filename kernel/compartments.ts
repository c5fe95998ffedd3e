// The compartments of this sidecar: for each block one that serves all its components, and one of its own for each component
// that asked for isolation. Each is a supervised child and its seat in the switch.
import { Child, CHILD_DEFAULTS, type ChildSpec } from './child.ts';
import type { BlockChoice, Config } from './config.ts';
import type { LaunchOptions } from './launch.ts';
import type { Log } from '../proto/log.ts';
import { Seat, type SeatLimits } from './seat.ts';
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
  readonly launch: Pick<LaunchOptions, 'logFd' | 'compileCache'>;
  /** The state or the components of one changed. */
  readonly changed: () => void;
}

/** Every frame limit leaves room for the largest body with its head, and for answers larger than a request may be. */
const SMALLEST_FRAME_LIMIT = 64 * 1024 * 1024;
const SEAT_LIMITS: Pick<SeatLimits, 'maxHeld' | 'maxHeldBytes' | 'maxStreams'> = { maxHeld: 10_000, maxHeldBytes: 64 * 1024 * 1024, maxStreams: 1_024 };

export class Compartments {
  readonly #options: CompartmentOptions;
  readonly #all = new Map<string, Compartment>();

  constructor(options: CompartmentOptions) {
    this.#options = options;
    for (const choice of options.config.blocks) this.#add(choice, undefined);
  }

  /** All there are now, in start order. */
  all(): readonly Compartment[] {
    return [...this.#all.values()];
  }

  byName(name: string): Compartment | undefined {
    return this.#all.get(name);
  }

  #add(choice: BlockChoice, component: string | undefined): Compartment {
    const { config, log, launch, changed } = this.#options;
    const { name: block, isolation: mode, limits } = choice;
    const name = component === undefined ? block : `${block}/${component}`;
    const seat = new Seat(name, { ...SEAT_LIMITS, holdMs: config.holdMs, maxInFlight: limits.openCalls });
    const spec: ChildSpec = { ...CHILD_DEFAULTS, name, block, mode, spare: choice.spare, limits, hangMs: config.hangMs, drainMs: config.drainMs };
    const child = new Child({
      spec,
      seat,
      launch: { ...launch, limits, ringBytes: config.ringBytes, maxFrameBytes: Math.max(SMALLEST_FRAME_LIMIT, 2 * config.api.maxBodyBytes) },
      log: log.with({ block: name }),
      wrap: config.traceIpc ? wrapTrace(name) : (channel) => channel,
      changed,
    });
    const compartment = { name, block, component, child, seat };
    this.#all.set(name, compartment);
    return compartment;
  }
}
