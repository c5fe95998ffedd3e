// Binding a port that another process may just be leaving: tried for up to 10 seconds (contract: health targets, port
// binding).
import { unlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { FatalError } from './fatal.ts';

const PATIENCE_MS = 10_000;
const PAUSE_MS = { first: 100, last: 500 } as const;

/**
 * @param bind calls back with undefined when bound, else with why not.
 * @throws FatalError when time is up, or at once when waiting can't help
 */
export async function bindWithRetry(bind: (done: (cause: Error | undefined) => void) => void, what: string): Promise<void> {
  const giveUp = performance.now() + PATIENCE_MS;
  for (let pause: number = PAUSE_MS.first; ; pause = Math.min(pause + 100, PAUSE_MS.last)) {
    const cause = await new Promise<Error | undefined>(bind);
    if (cause === undefined) return;
    const busy = 'code' in cause ? cause.code === 'EADDRINUSE' : cause.message.includes('EADDRINUSE');
    if (!busy || performance.now() > giveUp) throw new FatalError(`could not listen on any endpoint: ${what}: ${cause.message}`);
    await sleep(pause);
  }
}

export function removeStaleSocket(path: string): void {
  try {
    unlinkSync(path);
  } catch (cause) {
    if (!(cause instanceof Error) || !('code' in cause) || cause.code !== 'ENOENT') throw cause;
  }
}
