// A campaign: two sidecars on one store, clients at every gate, and faults one after the other, or one upon the other; in the
// end what the clients were told is checked. Who does what: stores.ts and member.ts run the servers and the sidecars,
// gate.ts is a way into one, clients.ts asks and records, faults.ts does the damage, report.ts says what came of it.
import { eventually } from '../../harness/awaiting.ts';
import type { SidecarOptions } from '../../harness/sidecar.ts';
import { Random } from '../random.ts';
import { Clients } from './clients.ts';
import { chooseFaults, describeFault, inject, type FaultPlan } from './faults.ts';
import { Member, type Patience } from './member.ts';
import { reportOn, type Report } from './report.ts';
import type { StoreKind } from './stores.ts';

export interface CampaignOptions {
  readonly store: StoreKind;
  /** For the choice of faults, and of what clients do; when it happens is nobody's choice. */
  readonly seed: number;
  readonly faults: FaultPlan;
  /** It goes on until so many operations were answered, */
  readonly operations: number;
  /** and until this holds, before the first fault and at the end. */
  readonly enough?: (members: readonly Member[]) => boolean;
  /** Clients of each of the three kinds, at each of the four gates. */
  readonly clients: number;
  /** What the sidecars have beside their components; one for each. */
  readonly sidecars?: readonly SidecarOptions[];
  /** Short: stopped processes are given up on, and go on later with what nobody waits for any more. */
  readonly patience?: Patience;
}

const IMPATIENT: Patience = { callMs: 4_000, storeMs: 1_500 };

/** Answers between one fault and the next, beside those that show that all is well again. */
const QUIET_ANSWERS = 100;
/** How often a fault comes before all is well after the one before. */
const UPON = 0.25;
/** Within this everything serves again, on a busy machine too. */
const HEAL_MS = 60_000;
/** All members are copies of one application: they share its keys. */
const APP_ID = 'campaign';

/** @throws Error when it doesn't heal, or a call fails in a way that no fault explains. What a check finds is in the report. */
export async function runCampaign({ store, seed, faults: plan, operations, enough = () => true, clients: each, sidecars = [{}, {}], patience = IMPATIENT }: CampaignOptions): Promise<Report> {
  const choice = new Random(seed);
  const faults = chooseFaults(plan, sidecars.length, choice);
  const startedMs = performance.now();
  const { server, components } = await store.start(patience.storeMs);
  const members: Member[] = [];
  const said: string[] = [];
  try {
    const started = await Promise.allSettled(sidecars.map((options, index) => Member.start(`s${index}`, { appId: APP_ID, components, ...options }, patience)));
    for (const result of started) if (result.status === 'fulfilled') members.push(result.value);
    for (const result of started) if (result.status === 'rejected') throw result.reason;
    const clients = new Clients(members.flatMap(({ gates }) => gates), new Random(choice.below(2 ** 32)));
    let errorsBefore = 0;
    clients.start(each);
    try {
      for (const [index, fault] of faults.entries()) {
        await answers(clients, QUIET_ANSWERS + (operations - clients.answered) / (faults.length - index + 1));
        if (index === 0) {
          await eventually('there is enough before the first fault', () => clients.answered > 0 && enough(members), HEAL_MS);
          errorsBefore = clients.met;
        }
        const sinceMs = performance.now();
        said.push(`${Math.round(sinceMs - startedMs)} ms: ${describeFault(fault)}`);
        await inject(fault, { members, server });
        if (choice.chance(UPON) && index + 1 < faults.length) continue;
        await eventually(`all is well again after: ${describeFault(fault)}`, () => clients.answered > 0 && clients.answeredEverywhereSince(sinceMs), HEAL_MS);
      }
      await answers(clients, Math.max(QUIET_ANSWERS, operations - clients.answered));
      await eventually('there is enough', () => clients.answered > 0 && enough(members), HEAL_MS);
    } finally {
      await clients.stop();
    }
    await clients.lastLook();
    return reportOn({ store, clients, faults, errorsBefore, tookMs: performance.now() - startedMs, logs: members.map(({ sidecar }) => sidecar.logs) });
  } catch (cause) {
    throw new Error(`${store.name}, seed ${seed}: ${(cause as Error).message}\n${said.slice(-5).join('\n')}`, { cause });
  } finally {
    await Promise.all(members.map((member) => member.stop()));
    await server.stop();
  }
}

/** Resolves when so many more operations have been answered. */
async function answers(clients: Clients, more: number): Promise<void> {
  const target = clients.answered + more;
  await eventually(`${Math.round(more)} more operations are answered`, () => clients.answered >= target, HEAL_MS + more * 20);
}
