// How a subscription begins under the policies of its component: it asks to be let in again while the store refuses to watch for
// it, or says nothing, and its sink hears of the last refusal alone.
import type { CallScope } from '../block.ts';
import type { Guard } from '../resiliency/guard.ts';
import type { Hub } from './hub.ts';
import type { Sink, Subscription } from './subscription.ts';

/** Lets a subscription in, at once where its keys are known. @param guard undefined: the first refusal is the last */
export function enter(hub: Hub, subscription: Subscription, sink: Sink, guard: Guard | undefined): void {
  if (guard === undefined) {
    subscription.sink = sink;
    hub.add(subscription);
    return;
  }
  const entrance = new Entrance(hub, subscription, sink);
  subscription.sink = entrance;
  entrance.begin(guard);
}

class Entrance implements Sink {
  readonly #hub: Hub;
  readonly #subscription: Subscription;
  readonly #sink: Sink;
  readonly #flight = new AbortController();
  /** Of the attempt under way. */
  #admitted: () => void = NOTHING;
  #turnedAway: (cause: Error) => void = NOTHING;

  constructor(hub: Hub, subscription: Subscription, sink: Sink) {
    this.#hub = hub;
    this.#subscription = subscription;
    this.#sink = sink;
  }

  begin(guard: Guard): void {
    const run = async (): Promise<void> => guard.run(this.#flight, (scope) => this.#attempt(scope));
    run().catch((cause: unknown) => {
      if (!this.#flight.signal.aborted) this.#sink.refused(cause as Error);
    });
  }

  ready(): void {
    this.#subscription.sink = this.#sink;
    this.#admitted();
    this.#sink.ready();
  }

  pump(): void {
    this.#sink.pump();
  }

  refused(cause: Error): void {
    this.#turnedAway(cause);
  }

  end(): void {
    this.#flight.abort();
    this.#sink.end();
  }

  close(): void {
    this.#flight.abort();
    this.#sink.close();
  }

  left(): void {
    this.#flight.abort();
  }

  #attempt({ signal }: CallScope): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = (): void => this.#turnedAway(signal.reason as Error);
      signal.addEventListener('abort', late);
      this.#admitted = () => {
        signal.removeEventListener('abort', late);
        resolve();
      };
      this.#turnedAway = (cause) => {
        signal.removeEventListener('abort', late);
        this.#turnedAway = NOTHING;
        this.#hub.remove(this.#subscription);
        reject(cause);
      };
      this.#hub.add(this.#subscription);
    });
  }
}

const NOTHING = (): void => {};
