// What the system knows of a process, from /proc.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Open descriptors, as what they lead to without numbers: `socket`, `/memfd:ring`, `anon_inode:[eventpoll]`. Sorted. */
export function descriptorsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(`${folder}/${name}`).replace(/:\[\d+\]$/, '')];
    } catch {
      return []; // closed since it was listed
    }
  }).toSorted();
}

/** Mappings of memory that processes share with each other. */
export function sharedMappingsOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n').filter((line) => line.includes('/memfd:'));
}

/** Processes whose parent this one is, with their state: `Z` is a zombie. */
export function childrenOf(pid: number): { readonly pid: number; readonly state: string }[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const [, state, parent] = /\) (\S) (\d+) /.exec(readFileSync(`/proc/${name}/stat`, 'latin1')) ?? [];
      return Number(parent) === pid ? [{ pid: Number(name), state: state ?? '' }] : [];
    } catch {
      return []; // ended since it was listed
    }
  });
}

export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

/** How often its main thread has gone to sleep. */
export function sleepsOf(pid: number): number {
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/task/${pid}/status`, 'latin1'))?.[1]);
}

/** Of its main thread, in clock ticks of 10 ms. */
export function processorTicksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/task/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

export function residentBytesOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
}
