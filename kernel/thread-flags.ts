// What V8 is told before code runs in threads that may have to be ended.
import { setFlagsFromString } from 'node:v8';

/**
 * V8 takes the look for an interrupt out of a loop that makes arrays of a known length (14.6: `for (;;) new Array(1000)`): nothing
 * but a signal ends a thread in it, nor the process that waits for it. The versions of V8 that are known to have the flag.
 */
const NO_ENDLESS_LOOPS = '--no-turboshaft-loop-unrolling';
const LAST_KNOWN_V8 = 14;

/** Threads that are started from now on can be ended whatever they are doing, but for a call into C. */
export function makeThreadsEndable(): void {
  if (Number.parseInt(process.versions.v8, 10) <= LAST_KNOWN_V8) setFlagsFromString(NO_ENDLESS_LOOPS);
}
