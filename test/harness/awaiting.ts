// Waiting with a bound: a test that waits in vain says for what.
import { setTimeout as sleep } from 'node:timers/promises';

/** Between looks at a state that no event announces. Milliseconds. */
const POLL_MS = 10;

/** The promise's result. @throws Error naming `what` when time is up */
export async function within<T>(timeoutMs: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms in vain until ${what}`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** For what no event announces: looks until `holds` gives something true, and returns that. */
export async function eventually<T>(what: string, holds: () => Promise<T> | T, timeoutMs = 15_000): Promise<T> {
  for (const end = performance.now() + timeoutMs; ;) {
    const found = await holds();
    if (found) return found;
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms in vain until ${what}`);
    await sleep(POLL_MS);
  }
}
