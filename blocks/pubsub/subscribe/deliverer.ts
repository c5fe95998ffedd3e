// Where a subscription's events go. A subscription knows when; a deliverer knows to whom, and what the answer means.
import { messageOf } from '../../../proto/errors.ts';
import type { AppAnswer, AppRequest, Kernel } from '../../kernel.ts';
import type { BulkEntry, DeliveryForm, DeliveryTarget, TopicEvent, Verdict } from '../deliver/delivery.ts';

export interface Deliverer {
  /** The subscription stands: deliveries may follow from here on. Runs again when it was started again. */
  ready?(): void;
  /** Hands an event over; `done` runs once, in a later turn. Returns what gives it up: then `done` never runs. */
  deliver(event: TopicEvent, target: DeliveryTarget, path: string, done: (verdict: Verdict) => void): () => void;
  /** Several at once, of one path; one verdict for each, in order. */
  deliverBulk?(entries: readonly BulkEntry[], target: DeliveryTarget, path: string, done: (verdicts: readonly Verdict[]) => void): () => void;
  /** The subscription closes: what would be handed over again by itself goes back to the broker now. */
  stopRetrying?(): void;
}

/** To the application, through the kernel. */
export class AppDeliverer implements Deliverer {
  readonly #kernel: Kernel;
  readonly #form: DeliveryForm;
  /** The application knows a bulk under its former name alone: it is not asked by the new one each time. */
  #former = false;

  constructor(kernel: Kernel, form: DeliveryForm) {
    this.#kernel = kernel;
    this.#form = form;
  }

  deliver(event: TopicEvent, target: DeliveryTarget, path: string, done: (verdict: Verdict) => void): () => void {
    const form = this.#form;
    return this.#kernel.callApp(form.single(event, target, path), (answer) => done(judged(() => form.verdict(answer), FAILED)));
  }

  deliverBulk(entries: readonly BulkEntry[], target: DeliveryTarget, path: string, done: (verdicts: readonly Verdict[]) => void): () => void {
    const form = this.#form;
    const verdicts = (answer: AppAnswer) => judged(() => form.bulkVerdicts(answer, entries), (cause) => entries.map(() => FAILED(cause)));
    let giveUp: () => void;
    const askFormer = (request: AppRequest): void => {
      giveUp = this.#kernel.callApp(request, (answer) => {
        const judgement = verdicts(answer);
        this.#former = judgement !== undefined;
        done(judgement ?? entries.map(() => form.bulkUnimplemented));
      });
    };
    const request = form.bulk(entries, target, path);
    if (this.#former && form.bulkFallback !== undefined) {
      askFormer(form.bulkFallback(request));
      return () => giveUp();
    }
    giveUp = this.#kernel.callApp(request, (answer) => {
      const judgement = verdicts(answer);
      if (judgement !== undefined) return done(judgement);
      if (form.bulkFallback === undefined) return done(entries.map(() => form.bulkUnimplemented));
      askFormer(form.bulkFallback(form.bulk(entries, target, path))); // made anew: the first one's body was given away
    });
    return () => giveUp();
  }
}

/** An answer that can't be judged is no reason to lose the message, nor the other calls of the channel. */
function judged<T>(judge: () => T, failed: (cause: unknown) => T): T {
  try {
    return judge();
  } catch (cause) {
    return failed(cause);
  }
}

const FAILED = (cause: unknown): Verdict => ({ kind: 'retry', reason: `the application's answer can't be read: ${messageOf(cause)}` });
