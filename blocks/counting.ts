// What a block's calls come to, counted around the whole method: how often, how long, and whether the component did it. Errors
// are counted by their code where they are answered (contract: metrics endpoint).
import { categoryOf } from '../proto/error-category.ts';
import { ApiError, type Failure } from '../proto/errors.ts';
import type { MeasureName } from '../proto/measures.ts';
import { ROUTE } from '../proto/routes.ts';
import type { Counter, Histogram, Meter } from './meter.ts';

/** Where the outcomes of calls alike are counted. Times in milliseconds. */
export interface Tally {
  done(ms: number, request: unknown, response: unknown): void;
  /** Counts only what the component was asked: what was refused before says nothing about it. */
  failed(ms: number, cause: unknown): void;
}

/** Of the requests of one method; they have the shape of that method's. */
type Tallies = (request: never) => Tally | undefined;

/** Of a block's methods. */
export class Counting {
  readonly #meter: Meter;
  readonly #recordErrorCodes: boolean;
  readonly #byMethod: ReadonlyMap<number, Tallies>;

  /** @param components names of those that this life serves: calls of others are nobody's */
  constructor(meter: Meter, components: readonly string[], recordErrorCodes: boolean) {
    this.#meter = meter;
    this.#recordErrorCodes = recordErrorCodes;
    const known = new Set(components);
    const operation = (kind: Kind, name: string, failure: string): Tallies => {
      const tallies = new Map<string, Tally>();
      return ({ store }: { readonly store: string | undefined }) => {
        const tally = tallies.get(store as string);
        if (tally !== undefined || store === undefined || !known.has(store)) return tally;
        const made = new OperationTally(meter, kind, store, name, failure);
        tallies.set(store, made);
        return made;
      };
    };
    const publish = (make: (component: string, topic: string) => Tally): Tallies => {
      const tallies = new Map<string, TopicTallies>();
      return ({ pubsub, topic }: { readonly pubsub: string; readonly topic: string }) => {
        const found = tallies.get(pubsub);
        if (found !== undefined) return found.of(topic);
        if (!known.has(pubsub)) return undefined;
        const made = new TopicTallies((name) => make(pubsub, name));
        tallies.set(pubsub, made);
        return made.of(topic);
      };
    };
    const bulk = publish((component, topic) => new BulkEgressTally(meter, component, topic));
    const read = operation('configuration', 'get', 'ERR_CONFIGURATION_GET');
    const subscribe = operation('configuration', 'subscribe', 'ERR_CONFIGURATION_SUBSCRIBE');
    const unsubscribe = operation('configuration', 'unsubscribe', '');
    this.#byMethod = new Map([
      [ROUTE.GetState.id, operation('state', 'get', 'ERR_STATE_GET')],
      [ROUTE.GetBulkState.id, operation('state', 'bulk_get', 'ERR_STATE_BULK_GET')],
      [ROUTE.SaveState.id, operation('state', 'set', 'ERR_STATE_SAVE')],
      [ROUTE.DeleteState.id, operation('state', 'delete', 'ERR_STATE_DELETE')],
      [ROUTE.DeleteBulkState.id, operation('state', 'bulk_delete', 'ERR_STATE_BULK_DELETE')],
      [ROUTE.ExecuteStateTransaction.id, operation('state', 'transaction', 'ERR_STATE_TRANSACTION')],
      [ROUTE.QueryStateAlpha1.id, operation('state', 'query', 'ERR_STATE_QUERY')],
      [ROUTE.PublishEvent.id, publish((component, topic) => new EgressTally(meter, component, topic))],
      [ROUTE.BulkPublishEvent.id, bulk],
      [ROUTE.BulkPublishEventAlpha1.id, bulk],
      [ROUTE.GetConfiguration.id, read],
      [ROUTE.GetConfigurationAlpha1.id, read],
      [ROUTE.SubscribeConfiguration.id, subscribe],
      [ROUTE.SubscribeConfigurationAlpha1.id, subscribe],
      [ROUTE.UnsubscribeConfiguration.id, unsubscribe],
      [ROUTE.UnsubscribeConfigurationAlpha1.id, unsubscribe],
      [ROUTE.TryLockAlpha1.id, operation('lock', 'try_lock', 'ERR_TRY_LOCK')],
      [ROUTE.UnlockAlpha1.id, operation('lock', 'unlock', 'ERR_UNLOCK')],
      [ROUTE.RenewLock.id, operation('lock', 'renew', 'ERR_RENEW_LOCK')],
      [ROUTE.NextId.id, operation('sequencer', 'next_id', 'ERR_NEXT_ID')],
    ]);
  }

  /** Undefined: the call is not counted. */
  tallyOf(method: number, request: unknown): Tally | undefined {
    return this.#byMethod.get(method)?.(request as never);
  }

  /** An error is answered. */
  error(failure: Failure): void {
    if (!this.#recordErrorCodes) return;
    const category = categoryOf(failure);
    if (category !== undefined) this.#meter.counter('error_code_total' satisfies MeasureName, category, failure.code).add(1);
  }
}

type Kind = 'state' | 'configuration' | 'lock' | 'sequencer';

/** Calls of one kind that ended alike. */
interface Outcome {
  readonly count: Counter;
  readonly latency: Histogram;
}

/** One operation on one component. Series are made when there is something to count, as Dapr's are. */
export class OperationTally implements Tally {
  readonly #meter: Meter;
  readonly #measure: `component_${Kind}`;
  readonly #component: string;
  readonly #operation: string;
  readonly #failure: string;
  #succeeded: Outcome | undefined;
  #failed: Outcome | undefined;

  /** @param failure the error code of what the component failed at */
  constructor(meter: Meter, kind: Kind, component: string, operation: string, failure: string) {
    this.#meter = meter;
    this.#measure = `component_${kind}`;
    this.#component = component;
    this.#operation = operation;
    this.#failure = failure;
  }

  done(ms: number): void {
    record((this.#succeeded ??= this.#outcome('true')), ms);
  }

  failed(ms: number, cause: unknown): void {
    if (isAnswerOf(cause, this.#failure)) record((this.#failed ??= this.#outcome('false')), ms);
  }

  #outcome(success: string): Outcome {
    const labels = [this.#component, this.#operation, success] as const;
    return {
      count: this.#meter.counter(`${this.#measure}_count` satisfies MeasureName, ...labels),
      latency: this.#meter.histogram(`${this.#measure}_latencies` satisfies MeasureName, ...labels),
    };
  }
}

class EgressTally implements Tally {
  readonly #meter: Meter;
  readonly #component: string;
  readonly #topic: string;
  #succeeded: Outcome | undefined;
  #failed: Outcome | undefined;

  constructor(meter: Meter, component: string, topic: string) {
    this.#meter = meter;
    this.#component = component;
    this.#topic = topic;
  }

  done(ms: number): void {
    record((this.#succeeded ??= this.#outcome('true')), ms);
  }

  failed(ms: number, cause: unknown): void {
    if (isAnswerOf(cause, PUBLISH_FAILED)) record((this.#failed ??= this.#outcome('false')), ms);
  }

  #outcome(success: string): Outcome {
    const labels = [this.#component, success, this.#topic] as const;
    return {
      count: this.#meter.counter('component_pubsub_egress_count' satisfies MeasureName, ...labels),
      latency: this.#meter.histogram('component_pubsub_egress_latencies' satisfies MeasureName, ...labels),
    };
  }
}

/** Some messages of a batch may have got through where others did not. */
class BulkEgressTally implements Tally {
  readonly #meter: Meter;
  readonly #component: string;
  readonly #topic: string;

  constructor(meter: Meter, component: string, topic: string) {
    this.#meter = meter;
    this.#component = component;
    this.#topic = topic;
  }

  done(ms: number, request: { readonly items: readonly unknown[] }, response: { readonly failed: readonly unknown[] }): void {
    const failed = response.failed.length;
    this.#record(failed === 0, ms);
    const sent = request.items.length - failed;
    if (sent > 0) this.#meter.counter('component_pubsub_egress_bulk_event_count' satisfies MeasureName, this.#component, 'true', this.#topic).add(sent);
  }

  failed(ms: number, cause: unknown): void {
    if (isAnswerOf(cause, PUBLISH_FAILED)) this.#record(false, ms);
  }

  #record(success: boolean, ms: number): void {
    const labels = [this.#component, String(success), this.#topic] as const;
    this.#meter.counter('component_pubsub_egress_bulk_count' satisfies MeasureName, ...labels).add(1);
    this.#meter.histogram('component_pubsub_egress_bulk_latencies' satisfies MeasureName, ...labels).observe(ms);
  }
}

/** Clients choose topics: so many are kept at hand, and the meter says which of them have series of their own. */
class TopicTallies {
  readonly #make: (topic: string) => Tally;
  readonly #tallies = new Map<string, Tally>();

  constructor(make: (topic: string) => Tally) {
    this.#make = make;
  }

  of(topic: string): Tally {
    const found = this.#tallies.get(topic);
    if (found !== undefined) return found;
    if (this.#tallies.size >= MAX_TOPICS_AT_HAND) this.#tallies.clear();
    const made = this.#make(topic);
    this.#tallies.set(topic, made);
    return made;
  }
}

const MAX_TOPICS_AT_HAND = 500;
const PUBLISH_FAILED = 'ERR_PUBSUB_PUBLISH_MESSAGE';

function record({ count, latency }: Outcome, ms: number): void {
  count.add(1);
  latency.observe(ms);
}

/** Whether the component itself failed: then the error has its code and what lay beneath. What is no API error nobody expected, and counts. */
function isAnswerOf(cause: unknown, code: string): boolean {
  return !(cause instanceof ApiError) || (cause.failure.code === code && cause.cause !== undefined);
}
