// What came of the messages that were handed over, counted by topic (contract: metrics endpoint).
import type { MeasureName } from '../../../proto/measures.ts';
import type { Counter, Histogram, Meter } from '../../meter.ts';
import type { Verdict } from '../deliver/delivery.ts';
import { NOT_FOUND_VERDICT } from '../deliver/http.ts';
import type { Deliverer } from './deliverer.ts';

export type ProcessStatus = 'success' | 'retry' | 'drop';

/** Topics of one subscription, which may be to a pattern, that are kept at hand. */
const MAX_TOPICS_AT_HAND = 100;
/** The component of a batch is called so for whatever component it is. */
const BATCH_COMPONENT = 'pubsubName';

/** Of one component. */
export class Ingress {
  readonly #meter: Meter;
  readonly #component: string;
  readonly #topics = new Map<string, TopicIngress>();

  constructor(meter: Meter, component: string) {
    this.#meter = meter;
    this.#component = component;
  }

  of(topic: string): TopicIngress {
    const found = this.#topics.get(topic);
    if (found !== undefined) return found;
    if (this.#topics.size >= MAX_TOPICS_AT_HAND) this.#topics.clear();
    const made = new TopicIngress(this.#meter, this.#component, topic);
    this.#topics.set(topic, made);
    return made;
  }
}

interface Outcome {
  readonly count: Counter;
  readonly latency: Histogram;
}

export class TopicIngress {
  readonly #meter: Meter;
  readonly #component: string;
  readonly #topic: string;
  readonly #outcomes = new Map<string, Outcome>();

  constructor(meter: Meter, component: string, topic: string) {
    this.#meter = meter;
    this.#component = component;
    this.#topic = topic;
  }

  /** The application has answered, or could not be asked. @param ms how long that took */
  judged(verdict: Verdict, ms: number): void {
    const { count, latency } = this.#outcome(processStatusOf(verdict), statusOf(verdict));
    count.add(1);
    latency.observe(ms);
  }

  /** The application was not asked. @param bulk the message is of a batch */
  skipped(processStatus: ProcessStatus, status: ProcessStatus, bulk: boolean): void {
    if (bulk) this.#events(processStatus, 1);
    else this.#meter.counter('component_pubsub_ingress_count' satisfies MeasureName, this.#component, processStatus, status, this.#topic).add(1);
  }

  batch(verdicts: readonly Verdict[], ms: number): void {
    this.#meter.counter('component_pubsub_ingress_bulk_count' satisfies MeasureName, BATCH_COMPONENT, '', this.#topic).add(1);
    this.#meter.histogram('component_pubsub_ingress_bulk_latencies' satisfies MeasureName, BATCH_COMPONENT, '', this.#topic).observe(ms);
    const events = { success: 0, retry: 0, drop: 0 };
    for (const verdict of verdicts) events[processStatusOf(verdict)]++;
    for (const status of ['success', 'retry', 'drop'] as const) if (events[status] > 0) this.#events(status, events[status]);
  }

  #events(status: ProcessStatus, count: number): void {
    this.#meter.counter('component_pubsub_ingress_bulk_event_count' satisfies MeasureName, BATCH_COMPONENT, status, this.#topic).add(count);
  }

  #outcome(processStatus: ProcessStatus, status: ProcessStatus): Outcome {
    const key = `${processStatus} ${status}`;
    const found = this.#outcomes.get(key);
    if (found !== undefined) return found;
    const labels = [this.#component, processStatus, status, this.#topic] as const;
    const made = {
      count: this.#meter.counter('component_pubsub_ingress_count' satisfies MeasureName, ...labels),
      latency: this.#meter.histogram('component_pubsub_ingress_latencies' satisfies MeasureName, ...labels),
    };
    this.#outcomes.set(key, made);
    return made;
  }
}

/** The deliverer with each of its deliveries counted. */
export function counted(deliverer: Deliverer, ingress: Ingress): Deliverer {
  return {
    ...(deliverer.ready === undefined ? {} : { ready: () => deliverer.ready?.() }),
    deliver: (event, target, path, done) => {
      const began = performance.now();
      return deliverer.deliver(event, target, path, (verdict) => {
        ingress.of(target.topic).judged(verdict, performance.now() - began);
        done(verdict);
      });
    },
    ...(deliverer.deliverBulk === undefined ? {} : {
      deliverBulk: (entries, target, path, done) => {
        const began = performance.now();
        return deliverer.deliverBulk!(entries, target, path, (verdicts) => {
          ingress.of(target.topic).batch(verdicts, performance.now() - began);
          done(verdicts);
        });
      },
    }),
  };
}

function processStatusOf({ kind }: Verdict): ProcessStatus {
  return kind === 'ack' ? 'success' : kind;
}

/** What the application made of it: one that says DROP has succeeded at that. */
function statusOf(verdict: Verdict): ProcessStatus {
  return verdict.kind === 'drop' && verdict !== NOT_FOUND_VERDICT ? 'success' : processStatusOf(verdict);
}
