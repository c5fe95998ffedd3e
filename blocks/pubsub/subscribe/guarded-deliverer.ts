// Deliveries under the policies for inbound calls of their component: an event is handed over again, in the same turn of its
// lane, before its delivery counts as failed (contract: messaging §2.8). Of a batch only what failed is.
import { messageOf } from '../../../proto/errors.ts';
import { AppFailure } from '../../resiliency/app-failure.ts';
import { runGuarded } from '../../resiliency/callbacks.ts';
import type { Guard } from '../../resiliency/guard.ts';
import type { BulkEntry, DeliveryTarget, TopicEvent, Verdict } from '../deliver/delivery.ts';
import type { Deliverer } from './deliverer.ts';

type Retry = Extract<Verdict, { readonly kind: 'retry' }>;

/** The application did not take an event. */
class DeliveryFailure extends AppFailure {
  readonly verdict: Retry;

  constructor(verdict: Retry) {
    super(verdict.reason, { code: verdict.code, unasked: verdict.unasked === true });
    this.verdict = verdict;
  }
}

export class GuardedDeliverer implements Deliverer {
  readonly deliverBulk?: NonNullable<Deliverer['deliverBulk']>;
  readonly #deliverer: Deliverer;
  readonly #guard: Guard;

  /** @param guard this subscription's own */
  constructor(deliverer: Deliverer, guard: Guard) {
    this.#deliverer = deliverer;
    this.#guard = guard;
    if (deliverer.deliverBulk !== undefined) this.deliverBulk = (entries, target, path, done) => this.#deliverBulk(entries, target, path, done);
  }

  ready(): void {
    this.#deliverer.ready?.();
  }

  /** What waits for a retry, and what fails from now on, goes back to the broker as if it had not been tried. */
  stopRetrying(): void {
    this.#guard.close();
  }

  deliver(event: TopicEvent, target: DeliveryTarget, path: string, done: (verdict: Verdict) => void): () => void {
    return runGuarded<Verdict>(
      this.#guard,
      (resolve, reject) => this.#deliverer.deliver(event, target, path, (verdict) => {
        if (verdict.kind === 'retry') reject(new DeliveryFailure(verdict));
        else resolve(verdict);
      }),
      done,
      (cause) => done(this.#verdictOf(cause)),
    );
  }

  #deliverBulk(entries: readonly BulkEntry[], target: DeliveryTarget, path: string, done: (verdicts: readonly Verdict[]) => void): () => void {
    const verdicts = new Map<BulkEntry, Verdict>();
    let left = entries;
    const judged = (): Verdict[] => entries.map((entry) => verdicts.get(entry) ?? UNJUDGED);
    return runGuarded<void>(
      this.#guard,
      (resolve, reject) => {
        const sent = left;
        return this.#deliverer.deliverBulk!(sent, target, path, (answers) => {
          for (const [index, entry] of sent.entries()) verdicts.set(entry, answers[index] ?? UNJUDGED);
          left = sent.filter((entry) => verdicts.get(entry)?.kind === 'retry');
          const [first] = left;
          if (first === undefined) return resolve();
          // Without a code: what each entry's status says is not the transport's, and is retried whatever codes a policy names.
          const { reason, unasked = false } = verdicts.get(first) as Retry;
          reject(new DeliveryFailure({ kind: 'retry', reason, unasked }));
        });
      },
      () => done(judged()),
      (cause) => {
        for (const entry of left) {
          const verdict = verdicts.get(entry);
          verdicts.set(entry, this.#verdictOf(cause instanceof DeliveryFailure && verdict?.kind === 'retry' ? new DeliveryFailure(verdict) : cause));
        }
        done(judged());
      },
    );
  }

  #verdictOf(cause: unknown): Retry {
    const verdict: Retry = cause instanceof DeliveryFailure ? cause.verdict : { kind: 'retry', reason: messageOf(cause) };
    // The subscription closes, and the policy would have had more to say: it is no failure of the message yet.
    return this.#guard.isClosed && this.#guard.retries ? { ...verdict, unasked: true } : verdict;
  }
}

const UNJUDGED: Verdict = { kind: 'retry', reason: 'the application said nothing about it' };
