// What processes have used, as Linux tells it under /proc: processor time, memory, context switches. No figure here
// costs the process that it is about.
import { readdirSync, readFileSync } from 'node:fs';

/** A process and all that descend from it, parents first. */
export function treeOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const parent = parentOf(pid);
    if (parent === undefined) continue;
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [pid]);
    else siblings.push(pid);
  }
  const found = [root];
  for (const pid of found) found.push(...(children.get(pid) ?? [])); // the list grows while it is walked
  return found;
}

/** User and system time of all threads that live, in microseconds. Per thread, because /proc/<pid>/stat counts in steps of 10 ms. */
export function cpuMicros(pids: readonly number[]): number {
  return sum(pids, (pid) => sum(threadsOf(pid), (thread) => {
    const [onCpuNanos] = readText(`/proc/${pid}/task/${thread}/schedstat`).split(' ');
    return Number(onCpuNanos ?? 0) / 1000;
  }));
}

/** Proportional set size in MiB: memory of its own, and of shared pages its share. */
export const pssMib = (pids: readonly number[]): number =>
  sum(pids, (pid) => Number(/^Pss:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) / 1024);

/** Context switches of all its threads, wanted or not: each is a wake-up. */
export const contextSwitches = (pids: readonly number[]): number =>
  sum(pids, (pid) => sum(threadsOf(pid), (thread) => {
    const status = readText(`/proc/${pid}/task/${thread}/status`);
    return sum([...status.matchAll(/^(?:non)?voluntary_ctxt_switches:\s+(\d+)/gm)], ([, count]) => Number(count));
  }));

/** The name in a parenthesis may hold anything, so fields are counted from its end. */
function parentOf(pid: number): number | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
  return parent === undefined ? undefined : Number(parent);
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // it has ended
  }
}

/** Empty for what is gone by now. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((total, item) => total + of(item), 0);
