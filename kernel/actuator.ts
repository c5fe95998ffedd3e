// `GET /actuator/blocks`: what a person who was paged wants to know of each block, in one answer.
import { readFile } from 'node:fs/promises';
import type { AppChannel } from './app/channel.ts';
import type { Compartment, Compartments } from './compartments.ts';
import type { KernelMethod } from './switch.ts';

/** @param app undefined: no application is configured. */
export function actuatorBlocks(compartments: Compartments, app: AppChannel | undefined): KernelMethod {
  return async (_call, answer) => {
    const rows = await Promise.all(compartments.all().map(row));
    answer.onAnswer(200, undefined, Buffer.from(`${JSON.stringify({ kernel: { pid: process.pid, memory: await memoryOf(process.pid) }, blocks: rows, app: app && { state: app.state, inFlight: app.inFlight } })}\n`));
  };
}

async function row({ block, component, child, seat }: Compartment): Promise<object> {
  const { mode, transport, pid, life, state, restarts, lastExit, components, suspects } = child.info();
  return {
    block, component, mode, transport, pid: pid ?? (life === 0 ? undefined : process.pid), life, state, restarts, lastExit,
    inFlight: seat.inFlight, streams: seat.streams, held: seat.held, repeated: seat.repeated, lost: seat.lost, suspects,
    // A block in the kernel's own process has no memory of its own to show.
    memory: pid === undefined ? undefined : await memoryOf(pid),
    components,
  };
}

/** Bytes. PSS counts a page that n processes share as 1/n. Undefined where the system does not tell. */
async function memoryOf(pid: number): Promise<{ readonly rssBytes: number; readonly pssBytes: number } | undefined> {
  try {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1');
    const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0);
    return { rssBytes: kilobytes('Rss') * 1024, pssBytes: kilobytes('Pss') * 1024 };
  } catch {
    return undefined; // no /proc, or the process has just ended
  }
}
