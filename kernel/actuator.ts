// `GET /actuator/blocks`: what a person who was paged wants to know of each block, in one answer.
import type { AppChannel } from './app/channel.ts';
import type { Compartment, Compartments } from './compartments.ts';
import { memoryOf } from './process-usage.ts';
import type { ReloadInfo } from './reload/reload.ts';
import type { KernelMethod } from './switch.ts';

/** What is to be shown of gateways, where there are several. */
export interface ShownGateways {
  shown(): Promise<readonly object[]>;
}

/** @param app undefined: no application is configured. @param reload undefined: changed files are not followed. */
export function actuatorBlocks(compartments: Compartments, app: AppChannel | undefined, reload: () => ReloadInfo | undefined, gateways?: ShownGateways): KernelMethod {
  return async (_call, answer) => {
    const [rows, memory, shown] = await Promise.all([Promise.all(compartments.all().map(rowOf)), memoryOf(process.pid), gateways?.shown()]);
    answer.onAnswer(200, undefined, Buffer.from(`${JSON.stringify({ kernel: { pid: process.pid, memory }, gateways: shown, blocks: rows, reload: reload(), app: app && { state: app.state, inFlight: app.inFlight } })}\n`));
  };
}

/** What is known of the child is shown as it is, but for what has places of its own: subscriptions are in metadata, readiness in health. */
export async function rowOf({ component, child, seating }: Compartment): Promise<object> {
  const { name, block, pid, transport, components, subscriptions: _subscriptions, settled: _settled, appMet: _appMet, ...info } = child.info();
  return {
    // Between two lives there is no process; a life without one of its own is in the kernel's, unless it is elsewhere.
    name, block, component, pid: pid ?? (transport === undefined || info.address !== undefined ? undefined : process.pid), transport, ...info,
    inFlight: seating.inFlight, streams: seating.streams, held: seating.held, heldTotal: seating.heldInAll, expired: seating.heldInVain,
    repeated: seating.repeated, lost: seating.lost, poisoned: seating.poisoned,
    // A block in the kernel's own process has no memory of its own to show.
    memory: pid === undefined ? await child.present?.usage() : await memoryOf(pid),
    components,
  };
}
