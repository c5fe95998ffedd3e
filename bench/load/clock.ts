// One clock for all processes and threads of the machine. performance.now() begins anew in each, and its origin is a time of day.

const TRIES = 20;

/** What performance.now() is behind. The two are read one after the other, and whatever comes between makes them differ: the least is nearest. */
const OFFSET = Math.min(...Array.from({ length: TRIES }, () => {
  const before = performance.now();
  const [seconds, nanos] = process.hrtime();
  return seconds * 1e3 + nanos / 1e6 - before;
}));

/** Milliseconds since the machine was started, with fractions. */
export const nowMs = (): number => performance.now() + OFFSET;
