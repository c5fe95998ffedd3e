// The watchdog that a test plays: a block that is busy and answers nothing is killed, as a supervisor would do it.
import { within } from './awaiting.ts';
import { isRunning, processorTicksOf } from './processes.ts';
import type { Sidecar } from './sidecar.ts';

/** A block that hasn't answered for so long, and was busy, is stuck. Milliseconds. */
const HANGS_MS = 1_000;
/** Of the processor's time within that, so that a block that merely waits for its turn is none that is stuck. Ticks of 10 ms. */
const BUSY_TICKS = 20;

/** Publishes a probe to a topic of the component, and kills the pubsub block if it is stuck. True: it was. */
export async function killIfStuck(sidecar: Sidecar, pubsub: string): Promise<boolean> {
  const { pid, state } = await sidecar.block('pubsub');
  if (state !== 'ready' || !isRunning(pid)) return false;
  const ticks = processorTicksOf(pid);
  const answered = await within(HANGS_MS, 'the block answers', sidecar.client.post(`/v1.0/publish/${pubsub}/probes`, '{}')).then(() => true, () => false);
  if (answered || (await sidecar.pidOf('pubsub')) !== pid || !isRunning(pid) || processorTicksOf(pid) - ticks < BUSY_TICKS) return false;
  process.kill(pid, 'SIGKILL');
  return true;
}

/** A rule that costs nothing for a message without a list; for `POISON` it is evaluated for weeks. */
export const ENDLESS = 'has(event.data.l) && event.data.l.all(a, event.data.l.all(b, event.data.l.all(c, event.data.l.all(d, a + b + c + d >= 0.0))))';
export const POISON = JSON.stringify({ l: Array.from({ length: 500 }, (_, index) => index) });

/** Of an application's request: whether it has the poison in it. */
export function isPoison(text: string): boolean {
  return text.includes('"l":[');
}
