// The thread that wakes the generator when calls are due. A timer of the event loop counts whole milliseconds, which is more than
// most calls take; a wait on shared memory is as exact as the system's clock, and to spin instead would take a core from the server.
import { parentPort, workerData } from 'node:worker_threads';
import { Schedule, type Arrivals } from './arrivals.ts';
import { nowMs } from './clock.ts';

/** Words of the shared memory: whether a wake-up is under way, and whether it is over. */
export const WAKING = 0;
export const STOPPED = 1;

export interface AlarmSpec {
  readonly all: readonly Arrivals[];
  /** On the clock of load/clock.ts. */
  readonly startMs: number;
  readonly words: Int32Array<SharedArrayBuffer>;
}

function run({ all, startMs, words }: AlarmSpec): void {
  const schedules = all.map((arrivals) => new Schedule(arrivals, startMs));
  while (Atomics.load(words, STOPPED) === 0) {
    const next = schedules.reduce((least, one) => (one.nextMs < least.nextMs ? one : least));
    const left = next.nextMs - nowMs();
    if (left > 0) {
      Atomics.wait(words, STOPPED, 0, left);
      continue;
    }
    next.take();
    if (Atomics.exchange(words, WAKING, 1) === 0) parentPort?.postMessage(0);
  }
}

if (parentPort !== null && workerData !== null) run(workerData as AlarmSpec);
