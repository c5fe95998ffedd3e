// How often the system has killed a process of this container for memory (cgroups(7)): it tells a container's own limit from a kill by hand.
import { readFileSync } from 'node:fs';

/** Version 2, then version 1, as a container sees its own group. */
const FILES = ['/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control'] as const;

/** Undefined where the system does not tell. */
export function oomKills(): number | undefined {
  for (const file of FILES) {
    try {
      const count = /^oom_kill (\d+)$/m.exec(readFileSync(file, 'latin1'))?.[1];
      if (count !== undefined) return Number(count);
    } catch {
      continue; // not this version
    }
  }
  return undefined;
}
