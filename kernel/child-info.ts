// What a supervised compartment is told (its specification, as data) and what it tells of itself.
import type { BlockInit, ComponentStatus, SubscriptionStatus } from '../proto/init.ts';
import type { Isolation } from './flags.ts';
import type { EndCause, LifeSpec } from './life.ts';
import type { Limits } from './limits.ts';

/** What to run and what to do when it dies; OTP's child specification, plus backoff. */
export interface ChildSpec extends LifeSpec {
  /** The compartment's, in the log. */
  readonly name: string;
  /** Where it is served, in mode `remote`. */
  readonly address?: string | undefined;
  /** More restarts than `intensity` within `periodMs`: the block counts as failed, and retries go on at the slowest pace. */
  readonly intensity: number;
  readonly periodMs: number;
  /** Pause before a restart: full jitter between 0 and a bound that doubles from the first to the second value. */
  readonly backoffMs: readonly [min: number, max: number];
  /** A life that was ready for this long clears the backoff: what ended it is news. */
  readonly calmMs: number;
  /** How long it may take to do what follows from the application's coming or going. */
  readonly appMs: number;
  /** How long a life that is being replaced may take to finish. */
  readonly drainMs: number;
  /** How long calls may wait for one life to hand over to the next. */
  readonly handoverMs: number;
  /** Whether a second life waits to take over. */
  readonly spare: boolean;
}

export const CHILD_DEFAULTS: Pick<ChildSpec, 'intensity' | 'periodMs' | 'backoffMs' | 'calmMs' | 'initMs' | 'closeMs' | 'appMs' | 'handoverMs'> = {
  intensity: 10, periodMs: 60_000, backoffMs: [20, 5_000], calmMs: 250, initMs: 15_000, closeMs: 3_000, appMs: 60_000, handoverMs: 5_000,
};

/** To dial costs next to nothing, and whoever is dialled may be a container that is coming up. */
export const REMOTE_DEFAULTS: Pick<ChildSpec, 'backoffMs'> = { backoffMs: [20, 1_000] };

export type ChildState = 'absent' | 'starting' | 'initializing' | 'ready' | 'backing-off' | 'failed' | 'draining' | 'stopped';

/** How the last life that ended by itself did. */
export interface Death {
  readonly life: number;
  /** RFC 3339. */
  readonly at: string;
  readonly cause: EndCause;
  readonly reason: string;
  readonly signal?: string;
  readonly code?: number;
  readonly lastError: string;
  readonly inFlight: readonly string[];
}

/** One row of `GET /actuator/blocks`. */
export interface ChildInfo {
  readonly name: string;
  readonly block: string;
  readonly mode: Isolation;
  /** Where it is served, in mode `remote`. */
  readonly address: string | undefined;
  readonly transport: string | undefined;
  readonly pid: number | undefined;
  /** Counts from 1. */
  readonly life: number;
  readonly state: ChildState;
  readonly restarts: number;
  /** Lives that were replaced in order. */
  readonly replaced: number;
  readonly lastExit: string | undefined;
  readonly lastDeath: Death | undefined;
  /** Lives that ended, by cause. */
  readonly endsBy: Readonly<Partial<Record<EndCause, number>>>;
  /** The last attempt to replace a life; `refused`: why the old one went on. */
  readonly reload: { readonly at: string; readonly refused?: string } | undefined;
  /** The life that waits to take over. */
  readonly spare: 'starting' | 'ready' | undefined;
  readonly limits: Limits;
  /** The present life's control group, or `none` and why; undefined where it has no process. */
  readonly cgroup: string | undefined;
  /** True once a life had all its components tried: from then on a restart is not a reason to be unready. */
  readonly settled: boolean;
  /** As last reported; a restart in progress does not change them. */
  readonly components: readonly ComponentStatus[];
  /** Likewise. */
  readonly subscriptions: readonly SubscriptionStatus[];
  /** Messages that its lives were working on when they ended. */
  readonly suspects: number;
  /** True once a life has done what follows from the application's being there, or has tried. */
  readonly appMet: boolean;
}

/** What is known of components before a life has said anything. */
export function untried({ components }: BlockInit): ComponentStatus[] {
  return components.map(({ name, type, version, ignoreErrors, initFailure }) => ({
    name, type, version, state: 'starting', required: !ignoreErrors, capabilities: [], ...(initFailure === undefined ? {} : { initFailure }),
  }));
}
