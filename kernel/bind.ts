// Binding a port that another process may just be leaving: tried for up to 10 seconds (contract: health targets, port
// binding).
import { readFileSync, statSync, unlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';
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

/** Nobody else may connect to the Unix socket that this binds, from its first moment. In other threads that is for `chmod` to do, a moment later. */
export function privately(bind: () => void): void {
  if (!isMainThread) return bind();
  const before = process.umask(0o177);
  try {
    bind();
  } finally {
    process.umask(before);
  }
}

/** Why others than us could put a socket of theirs in place of ours in a directory; undefined: they can't. */
export function foreignWriters(directory: string): string | undefined {
  const { uid, mode } = statSync(directory);
  if (uid !== 0 && uid !== process.getuid?.()) return `it belongs to user ${uid}`;
  // In a sticky directory only the owner of a file can replace it.
  return (mode & 0o022) !== 0 && (mode & 0o1000) === 0 ? `its mode is ${(mode & 0o777).toString(8)}` : undefined;
}

let most: number | undefined;

/**
 * Connections that one listener takes: a quarter of the descriptors that there may be, so that clients can't keep a block from being
 * started again. Where the system does not say how many there may be, so many that no machine has them.
 */
export function mostConnections(): number {
  if (most !== undefined) return most;
  let files = Number.NaN;
  try {
    files = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]);
  } catch {
    // no Linux
  }
  return (most = Number.isNaN(files) ? 1_000_000 : Math.max(16, Math.floor(files / 4)));
}

export function removeStaleSocket(path: string): void {
  try {
    unlinkSync(path);
  } catch (cause) {
    if (!(cause instanceof Error) || !('code' in cause) || cause.code !== 'ENOENT') throw cause;
  }
}
