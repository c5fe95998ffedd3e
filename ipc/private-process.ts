// A process that knows more than those it starts, which run as the same user: they are not to read it. What it was given in its
// environment, and what it has learned since, stays in it, and in no core file either.
import { loadLibc } from './libc.ts';

// linux/prctl.h
const PR_SET_DUMPABLE = 4;
/** For who wants to look: a debugger of the same user, a core file. */
const VISIBLE = 'BULKHEAD_DUMPABLE';

let done = false;

/**
 * From now on no process without CAP_SYS_PTRACE can read or change the memory of this one, nor see its environment and descriptors, and
 * SIGUSR1 does not open Node's debugger. May be called twice. Where the system has no such thing nothing happens.
 */
export function keepOthersOut(): void {
  if (done || process.env[VISIBLE] === '1') return;
  done = true;
  process.on('SIGUSR1', () => {}); // Node opens its debugger at this signal, unless somebody listens
  try {
    loadLibc().prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  } catch {
    // no Linux, or no library
  }
}
