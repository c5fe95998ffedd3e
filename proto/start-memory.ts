// Gives back what starting up took. Compiling and loading leave half a heap of garbage behind that an idle process would
// keep for ever, because nothing makes V8 collect it.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type CollectGarbage = (options: { readonly type: 'major'; readonly execution: 'sync'; readonly flavor: 'last-resort' }) => void;

/** Long enough for the first calls of a waiting application to have had their turn. */
const SETTLE_MS = 1_000;
/** A process that was busier than this in that time collects by itself, and must not be held up. Share of the time. */
const BUSY = 0.3;

/** Once, a second from now; it takes some ten milliseconds of the event loop. */
export function giveBackStartMemory(): void {
  const started = performance.eventLoopUtilization();
  setTimeout(() => {
    if (performance.eventLoopUtilization(started).utilization > BUSY) return;
    setFlagsFromString('--expose-gc'); // for new contexts; ours stays as it is
    const collect = runInNewContext('gc') as CollectGarbage;
    setFlagsFromString('--no-expose-gc');
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  }, SETTLE_MS).unref();
}
