// The guards of a component: its policies made ready when its driver has opened. They live as long as the driver: a breaker of a
// block's next life starts closed.
import { goQuote } from '../../proto/quote.ts';
import { messageOf } from '../../proto/errors.ts';
import type { BreakerPolicy, ComponentResiliency, PolicySet } from '../../proto/resiliency.ts';
import type { Logger } from '../block.ts';
import type { Meter } from '../meter.ts';
import { Breaker } from './breaker.ts';
import { GuardCounts, type Direction } from './counts.ts';
import { Guard, type GuardParts } from './guard.ts';
import { tripsOf, type Trips } from './trip.ts';

export interface Guards {
  /** For calls of the driver. Absent: no policy applies. */
  readonly outbound?: Guard;
  /** For what the component brings to the application; whoever delivers forks one for itself. Absent: no policy applies. */
  readonly inbound?: Guard;
}

export interface GuardsOptions {
  /** The component's name. */
  readonly component: string;
  readonly meter: Meter;
  readonly log: Logger;
  /** Of what the driver throws, see GuardParts. Default: nothing is. */
  readonly isAnswer?: GuardParts['isAnswer'];
}

const NEVER = (): boolean => false;

/** Never rejects: a policy that makes no sense is logged, and doesn't apply. */
export async function openGuards({ target, outbound, inbound }: ComponentResiliency, options: GuardsOptions): Promise<Guards> {
  const { component, meter, log, isAnswer = NEVER } = options;
  // One breaker, whoever opens it: daprd keeps them by component.
  const set = outbound?.breaker === undefined ? inbound : outbound;
  const trips = set?.breaker === undefined ? undefined : await readTrip(set.resource.name, set.breaker, component, log);
  const counts = new Map<Direction, GuardCounts>();
  const breaker = set?.breaker === undefined || trips === undefined ? undefined : breakerOf(set.breaker, trips, component, counts, log);
  const guard = (direction: Direction, policies: PolicySet | undefined): Guard | undefined => {
    if (policies === undefined) return undefined;
    const own = policies.breaker === undefined ? undefined : breaker;
    const counted = new GuardCounts(meter, direction, target, policies, own !== undefined);
    counts.set(direction, counted);
    return new Guard({ direction, policies, breaker: own, operation: `component[${component}] ${direction === 'outbound' ? 'output' : 'input'}`, isAnswer: direction === 'outbound' ? isAnswer : NEVER, counts: counted, log });
  };
  const out = guard('outbound', outbound);
  const into = guard('inbound', inbound);
  return { ...(out === undefined ? {} : { outbound: out }), ...(into === undefined ? {} : { inbound: into }) };
}

async function readTrip(resource: string, { name, trip }: BreakerPolicy, component: string, log: Logger): Promise<Trips | undefined> {
  try {
    return await tripsOf(trip);
  } catch (cause) {
    log.error({}, `Could not read resiliency policy ${resource}: invalid circuit breaker configuration ${goQuote(name)}: invalid trip ${goQuote(trip)}: ${messageOf(cause)}; ${component} has no circuit breaker`);
    return undefined;
  }
}

function breakerOf(policy: BreakerPolicy, trips: Trips, component: string, counts: ReadonlyMap<Direction, GuardCounts>, log: Logger): Breaker<Direction> {
  const name = goQuote(`${policy.name}-${component}`);
  return new Breaker<Direction>(policy, trips, (from, to, direction) => {
    log.info({}, `Circuit breaker ${name} changed state from ${from} to ${to}`);
    counts.get(direction)?.breakerBecame(to);
    for (const each of counts.values()) each.breakerIs(to);
  });
}
