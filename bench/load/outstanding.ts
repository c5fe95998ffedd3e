// A load that ends where a message arrives: publishes as fast as it is delivered, with so many messages under way at the most.
// What is measured is the way from the publisher's clock to the receiver's.
import { setTimeout as sleep } from 'node:timers/promises';
import { clockUs, hearDeliveries } from '../deliveries.ts';
import { serveWindows, type Load, type LoadSpec, type Recorder } from './window.ts';

/** `port` is where messages are published, `streams` how many calls that do it run at a time. */
export interface DeliverySpec extends LoadSpec {
  /** Where whoever gets the messages tells of them. */
  readonly reportPort: number;
  /** Messages that may be under way. */
  readonly outstanding: number;
}

/** One call at a time. */
export interface Publisher {
  readonly messagesPerCall: number;
  publish(atUs: number): Promise<void>;
  close(): void | Promise<void>;
}

const AFTER_ERROR_MS = 100;
/** Until all that was published has to be there. */
const DRAIN_MS = 15_000;

/** Makes this process a generator. @param open is called for each of the spec's streams */
export function serveDeliveries<Spec extends DeliverySpec>(open: (spec: Spec) => Publisher | Promise<Publisher>): void {
  serveWindows<Spec>(async (spec, recorder) => {
    const publishers: Publisher[] = [];
    for (let i = 0; i < spec.streams; i++) publishers.push(await open(spec));
    return deliveries(spec, publishers, recorder);
  });
}

async function deliveries({ reportPort, outstanding }: DeliverySpec, publishers: readonly Publisher[], recorder: Recorder): Promise<Load> {
  let underWay = 0;
  let closed = false;
  let waiting: (() => void)[] = [];
  const end = await hearDeliveries(reportPort, (ageUs) => {
    underWay--;
    recorder.answered(ageUs / 1000);
    if (waiting.length === 0) return;
    const all = waiting;
    waiting = [];
    for (const go of all) go();
  });
  const loops = publishers.map(async (publisher) => {
    const { messagesPerCall } = publisher;
    while (!closed) {
      if (underWay + messagesPerCall > outstanding) {
        await new Promise<void>((go) => waiting.push(go));
        continue;
      }
      underWay += messagesPerCall;
      try {
        await publisher.publish(clockUs());
      } catch (cause) {
        recorder.failed(`publishing failed: ${String(cause)}`);
        underWay -= messagesPerCall;
        await sleep(AFTER_ERROR_MS);
      }
    }
  });
  return {
    close: async () => {
      closed = true;
      for (const go of waiting) go();
      await Promise.all(loops);
      const giveUp = performance.now() + DRAIN_MS;
      while (underWay > 0) {
        if (performance.now() > giveUp) throw new Error(`${underWay} messages were published and not delivered within ${DRAIN_MS} ms`);
        await sleep(1);
      }
      end();
      await Promise.all(publishers.map((publisher) => publisher.close()));
      if (underWay < 0) throw new Error(`${-underWay} messages were delivered twice`);
    },
  };
}
