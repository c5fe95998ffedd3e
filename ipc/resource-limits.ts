// What the system lets this process have, set by itself before it does anything else. Where it can't be set nothing happens: the
// kernel's own limits hold there, too.
import { loadLibc } from './libc.ts';

// asm-generic/resource.h: the same on every architecture that Node is built for
const RLIMIT_CORE = 4;
const RLIMIT_NOFILE = 7;

/** @param openFiles most descriptors at once; 0: as many as the system allows. */
export function limitResources(openFiles: number): void {
  try {
    const { setrlimit } = loadLibc();
    // A crash writes no image of the memory: it would be large, and it would hold secrets.
    setrlimit(RLIMIT_CORE, both(0));
    if (openFiles > 0) setrlimit(RLIMIT_NOFILE, both(openFiles));
  } catch {
    return; // no Linux, or no library
  }
}

function both(limit: number): BigUint64Array {
  return BigUint64Array.of(BigInt(limit), BigInt(limit));
}
