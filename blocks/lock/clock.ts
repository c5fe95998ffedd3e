// Time as this block measures it: monotonic, and the same clock for the block's next life.

/** Milliseconds since some moment before the machine's processes began. `performance.now()` begins anew with each process. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/** What a timer can wait for at once; longer waits look again in between. Milliseconds. */
export const MAX_DELAY_MS = 2 ** 31 - 1;

/** A timer that keeps no process alive, for whenever `untilMs` (monotonicMs) is, or earlier where that is far. */
export function wakeAt(untilMs: number, wake: () => void): NodeJS.Timeout {
  return setTimeout(wake, Math.min(Math.max(Math.ceil(untilMs - monotonicMs()), 0), MAX_DELAY_MS)).unref();
}
