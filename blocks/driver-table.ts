// A block's table of drivers as the block uses it: what it adds to each driver (a prefix, a layout, a hub) is added in one
// place, where the driver opens, and so are the component's resiliency policies. What every driver offers is handed through.
import { whenReady } from './awaitable.ts';
import type { DriverContext, DriverTable, OpenDriver } from './components.ts';
import type { Awaitable, ComponentSpec, Driver } from './driver.ts';
import type { Meter } from './meter.ts';
import type { Guard } from './resiliency/guard.ts';
import type { Guards } from './resiliency/guards.ts';

/** What a block adds to a driver. Anything of `Driver` that is not among it is the driver's own. */
export type Additions<Kept extends Driver> = Omit<Kept, keyof Driver> & Partial<Driver>;

/** How a block keeps its drivers. */
export interface Keeping<D extends Driver, Kept extends Driver, Plan> {
  /** Reads the component's own fields; before the driver opens, at each attempt. @throws InvalidMetadata */
  readonly plan: (spec: ComponentSpec, context: DriverContext) => Plan;
  /** Adds to a driver that has opened. When this fails, the driver is closed again. */
  readonly keep: (driver: D, plan: Plan, opening: Opening) => Awaitable<Additions<Kept>>;
  readonly guarding: Guarding<D>;
}

/** How a block's drivers are put under policies. */
export interface Guarding<D extends Driver> {
  readonly meter: Meter;
  /** Loads what makes the driver's calls under a guard: only components with policies pay for it. */
  readonly load: () => Promise<(driver: D, guard: Guard) => D>;
  /** Errors of a driver that are answers of its backend, which works. Default: none is. */
  readonly isAnswer?: (cause: unknown) => boolean;
}

export interface Opening {
  readonly spec: ComponentSpec;
  readonly context: DriverContext;
  /** Aborts when the component's time to start is over. */
  readonly signal: AbortSignal;
  /** The component's policies; its driver is under those for outbound calls already. */
  readonly guards: Guards;
}

const UNGUARDED: Guards = {};

/** The table whose drivers open as what the block keeps of them. */
export function keepingTable<D extends Driver, Kept extends Driver, Plan>(table: DriverTable<D>, { plan, keep, guarding }: Keeping<D, Kept, Plan>): DriverTable<Kept> {
  return Object.fromEntries(Object.entries(table).map(([type, load]) => [type, Object.assign(async (): Promise<OpenDriver<Kept>> => {
    const open = await load();
    return (spec, context, signal) => {
      const planned = plan(spec, context);
      return whenReady(open(spec, context, signal), (driver) => kept<Kept>(driver, () => {
        const opening: Opening = { spec, context, signal, guards: UNGUARDED };
        if (spec.resiliency === undefined) return whenReady(keep(driver, planned, opening), (additions) => joined<Kept>(driver, additions));
        return underPolicies(driver, opening, guarding).then(async ({ own, guards }) => joined<Kept>(own, await keep(own, planned, { ...opening, guards })));
      }));
    };
  }, { stateless: load.stateless === true })]));
}

async function underPolicies<D extends Driver>(driver: D, { spec, context: { log } }: Opening, { meter, load, isAnswer }: Guarding<D>): Promise<{ own: D; guards: Guards }> {
  const { openGuards } = await import('./resiliency/guards.ts');
  const guards = await openGuards(spec.resiliency!, { component: spec.name, meter, log, ...(isAnswer && { isAnswer }) });
  return { guards, own: guards.outbound === undefined ? driver : (await load())(driver, guards.outbound) };
}

/** A driver that nothing could be added to is nobody's: it is closed. */
function kept<Kept extends Driver>(driver: Driver, keep: () => Awaitable<Kept>): Awaitable<Kept> {
  try {
    const whole = keep();
    return whole instanceof Promise ? whole.catch((cause: unknown) => closed(driver, cause)) : whole;
  } catch (cause) {
    return closed(driver, cause);
  }
}

function joined<Kept extends Driver>(driver: Driver, additions: Additions<Kept>): Kept {
  const common: Driver = { features: driver.features, close: () => driver.close(), ...(driver.handOver === undefined ? {} : { handOver: () => driver.handOver?.() }) };
  return { ...common, ...additions } as Driver as Kept; // whatever is not of `Driver` is among the additions, by their type
}

async function closed(driver: Driver, cause: unknown): Promise<never> {
  await driver.close();
  throw cause;
}
