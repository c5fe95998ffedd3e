// `GET /actuator/blocks`: what a person who was paged wants to know of each block, in one answer.
import type { AppChannel } from './app/channel.ts';
import type { Compartment, Compartments } from './compartments.ts';
import { memoryOf } from './process-usage.ts';
import type { ReloadInfo } from './reload/reload.ts';
import type { KernelMethod } from './switch.ts';

/** @param app undefined: no application is configured. @param reload undefined: changed files are not followed. */
export function actuatorBlocks(compartments: Compartments, app: AppChannel | undefined, reload: () => ReloadInfo | undefined): KernelMethod {
  return async (_call, answer) => {
    const rows = await Promise.all(compartments.all().map(rowOf));
    answer.onAnswer(200, undefined, Buffer.from(`${JSON.stringify({ kernel: { pid: process.pid, memory: await memoryOf(process.pid) }, blocks: rows, reload: reload(), app: app && { state: app.state, inFlight: app.inFlight } })}\n`));
  };
}

/** What is known of the child is shown as it is, but for what has places of its own: subscriptions are in metadata, readiness in health. */
export async function rowOf({ component, child, seat }: Compartment): Promise<object> {
  const { name, block, pid, transport, components, subscriptions: _subscriptions, settled: _settled, appMet: _appMet, ...info } = child.info();
  return {
    // Between two lives there is no process; a life without one of its own is in the kernel's.
    name, block, component, pid: pid ?? (transport === undefined ? undefined : process.pid), transport, ...info,
    inFlight: seat.inFlight, streams: seat.streams, held: seat.held, heldTotal: seat.heldInAll, expired: seat.heldInVain,
    repeated: seat.repeated, lost: seat.lost, poisoned: seat.poisoned,
    // A block in the kernel's own process has no memory of its own to show.
    memory: pid === undefined ? undefined : await memoryOf(pid),
    components,
  };
}
