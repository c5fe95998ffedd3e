// What the campaign does to the processes of a cluster: which fault when and to whom is the seed's choice.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.ts';
import { BLOCKS, type BlockName, type Member } from './member.ts';
import type { StoreServer } from './stores.ts';

/** How many of each. */
export interface FaultPlan {
  readonly blockKills: number;
  readonly kernelKills: number;
  readonly storeKills: number;
  readonly pauses: number;
}

export interface Cluster {
  readonly members: readonly Member[];
  readonly server: StoreServer;
}

export type Fault =
  | { readonly kind: 'kill block'; readonly block: BlockName; readonly member: number }
  | { readonly kind: 'kill kernel'; readonly member: number }
  /** It is away for so long, and then comes back with its data. */
  | { readonly kind: 'kill store'; readonly awayMs: number }
  | { readonly kind: 'pause'; readonly what: BlockName | 'kernel'; readonly member: number; readonly forMs: number }
  | { readonly kind: 'pause store'; readonly forMs: number };

/** Longer than the stores' timeouts at times: calls are given up that are carried out later. */
const PAUSE_MS = { min: 100, max: 2_500 } as const;
const AWAY_MS = 600;

/** All faults of a plan, in an order that the seed gives. Every block and every member has its share of the kills. */
export function chooseFaults(plan: FaultPlan, members: number, random: Random): Fault[] {
  const make = (count: number, fault: (index: number) => Fault): Fault[] => Array.from({ length: count }, (_, index) => fault(index));
  const pauseMs = (): number => Math.round(random.between(PAUSE_MS.min, PAUSE_MS.max));
  const from = random.below(BLOCKS.length * members);
  return random.shuffled([
    ...make(plan.blockKills, (index) => ({ kind: 'kill block', block: BLOCKS[(from + index) % BLOCKS.length] as BlockName, member: Math.floor((from + index) / BLOCKS.length) % members })),
    ...make(plan.kernelKills, (index) => ({ kind: 'kill kernel', member: (from + index) % members })),
    ...make(plan.storeKills, () => ({ kind: 'kill store', awayMs: Math.round(random.between(0, AWAY_MS)) })),
    ...make(plan.pauses, (index) => (index % 3 === 2 ? { kind: 'pause store', forMs: pauseMs() } : { kind: 'pause', what: random.pick([...BLOCKS, 'kernel'] as const), member: random.below(members), forMs: pauseMs() })),
  ]);
}

export function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case 'kill block': return `SIGKILL to the ${fault.block} block of sidecar ${fault.member}`;
    case 'kill kernel': return `SIGKILL to the kernel of sidecar ${fault.member}`;
    case 'kill store': return `SIGKILL to the store, away for ${fault.awayMs} ms`;
    case 'pause': return `SIGSTOP to the ${fault.what} of sidecar ${fault.member} for ${fault.forMs} ms`;
    case 'pause store': return `SIGSTOP to the store for ${fault.forMs} ms`;
  }
}

/** Resolves when it is over; its traces may not be. */
export async function inject(fault: Fault, { members, server }: Cluster): Promise<void> {
  const memberOf = (index: number): Member => members[index] as Member;
  switch (fault.kind) {
    case 'kill block':
      return memberOf(fault.member).killBlock(fault.block);
    case 'kill kernel':
      return memberOf(fault.member).restart();
    case 'kill store':
      await server.kill();
      await sleep(fault.awayMs);
      return server.restart();
    case 'pause':
      return memberOf(fault.member).pause(fault.what, fault.forMs);
    case 'pause store':
      server.pause();
      await sleep(fault.forMs);
      server.resume();
  }
}
