// What is subscribed to and what runs: brings the one in line with the other whenever the application, a component or a
// stream comes or goes (contract: messaging §2.1, §2.12, §6.3).
import type { AppState } from '../../../proto/control.ts';
import { messageOf, type ApiError } from '../../../proto/errors.ts';
import { FAIL } from '../../../proto/failures.ts';
import type { BlockInit, SubscriptionSpec, SubscriptionStatus } from '../../../proto/init.ts';
import type { CallingHost, StreamMethod } from '../../block.ts';
import type { Awaitable } from '../../driver.ts';
import { NO_METER } from '../../meter.ts';
import { Asker } from './asker.ts';
import { askSubscriptions } from './asking.ts';
import type { Brokers, OpenBroker } from '../brokers.ts';
import { AppDeliverer, type Deliverer } from './deliverer.ts';
import { Sources } from './fan-out.ts';
import { grpcForm } from '../deliver/grpc.ts';
import { httpForm } from '../deliver/http.ts';
import { GuardedDeliverer } from './guarded-deliverer.ts';
import { counted, Ingress } from './ingress.ts';
import { Keeper, Never, NotYet, type Start } from './keeper.ts';
import { Complaints } from './log-limit.ts';
import { rawPayload } from '../publish/request-metadata.ts';
import { compileRules, type Rules } from '../deliver/routing.ts';
import { STREAM_PATH, TopicStream, type StreamSubscription } from './streaming.ts';
import { Subscription } from './subscription.ts';
import { toTraceBin, Tracer } from '../tracing.ts';
import { wantedSubscriptions, type Wanted } from './wanted.ts';

/** How long deliveries may still take when their subscription stops: to the application, and over a stream. */
const APP_GRACE_MS = 30_000;
const STREAM_GRACE_MS = 5_000;

/** A subscription of the application that is kept running. */
interface Kept {
  readonly spec: SubscriptionSpec;
  readonly keeper: Keeper;
}

export class Subscriptions {
  readonly stream: StreamMethod;
  readonly #init: BlockInit;
  readonly #host: CallingHost;
  readonly #brokers: Brokers;
  readonly #sources: Sources;
  /** Undefined: there is no application. */
  readonly #app: Deliverer | undefined;
  /** Undefined: nobody is asked. */
  readonly #asker: Asker | undefined;
  #programmatic: readonly SubscriptionSpec[] = [];
  /** Compiled, each when it was first needed. */
  readonly #rules = new WeakMap<SubscriptionSpec, Awaitable<Rules>>();
  readonly #kept = new Map<string, Kept>();
  /** Their last deliveries are under way. */
  readonly #stopping = new Set<Keeper>();
  /** By subscription; they outlive its keeper, so that an application that comes and goes repeats no line. */
  readonly #complaints = new Map<string, Complaints>();
  readonly #streams = new Set<TopicStream>();
  readonly #streamed = new Set<Kept>();
  #state: AppState = 'down';
  /** The application is up, and has said what it subscribes to or was asked for it in vain. */
  #mayRun = false;
  #pausing: Promise<void> | undefined;
  /** Nothing is taken in until `resume`. */
  #resting = false;

  constructor(init: BlockInit, host: CallingHost, brokers: Brokers) {
    this.#init = init;
    this.#host = host;
    this.#brokers = brokers;
    this.#sources = new Sources(host.log);
    const { app, tracing } = init;
    if (app !== undefined) {
      const tracer = new Tracer(tracing);
      const options = { span: (traceparent: string) => tracer.deliverySpan(traceparent), traceBin: toTraceBin };
      this.#app = new AppDeliverer(host.kernel, app.protocol === 'grpc' ? grpcForm(options) : httpForm(options));
      if (app.askSubscriptions && brokers.names().length > 0) {
        // Of subscriptions to what no component is called, one life has to say so: one that is nobody's own.
        const isOurs = (name: string): boolean => (init.isolated === true ? brokers.has(name) : !brokers.isElsewhere(name));
        this.#asker = new Asker(() => askSubscriptions(host.kernel, app.protocol, isOurs), (specs) => this.#accept(specs), host.log);
      }
    }
    this.stream = { open: (call) => {
      const stream = new TopicStream(call, (...opened) => this.#openStream(...opened), host.log, () => this.#streams.delete(stream));
      this.#streams.add(stream);
      if (this.#pausing !== undefined) void stream.shutDown(0);
      else if (this.#resting) void stream.rest(0);
    } };
    if (init.subscriptions.length > 0) host.subscriptionsChanged();
  }

  status(): SubscriptionStatus[] {
    const wanted = wantedSubscriptions(this.#init.subscriptions, this.#programmatic);
    return [...wanted.map(({ spec, type }) => statusOf(spec, type)), ...[...this.#streamed].map(({ spec }) => statusOf(spec, 'STREAMING'))];
  }

  /** A component may be ready that was not before. */
  componentsChanged(): void {
    for (const { keeper } of [...this.#kept.values(), ...this.#streamed]) keeper.nudge();
  }

  /** Settles when what follows from it is done, or was tried once. */
  async appChanged(state: AppState): Promise<void> {
    if (this.#app === undefined || this.#pausing !== undefined) return;
    this.#state = state;
    if (this.#resting) return;
    if (state === 'down') {
      this.#mayRun = false;
      this.#asker?.down();
      return this.#reconcile();
    }
    await this.#asker?.up(); // before the declared ones start: what the application names replaces them
    if (this.#state !== 'up' || this.#pausing !== undefined || this.#resting) return; // it went away meanwhile
    this.#mayRun = true;
    await this.#reconcile();
  }

  /** Stops all subscriptions for good. Settles when their deliveries are settled. */
  pause(): Promise<void> {
    this.#pausing ??= this.#pause();
    return this.#pausing;
  }

  /**
   * Stops all subscriptions until `resume`, or until another life goes on with them: streams stay open for that. Settles when
   * their deliveries are settled.
   */
  async rest(): Promise<void> {
    if (this.#pausing !== undefined) return this.#pausing;
    this.#resting = true;
    this.#mayRun = false;
    this.#asker?.down();
    await Promise.all([this.#reconcile(), ...[...this.#streams].map((stream) => stream.rest(STREAM_GRACE_MS))]);
  }

  /** No other life goes on with them. Settles as `appChanged`. */
  async resume(): Promise<void> {
    if (!this.#resting || this.#pausing !== undefined) return;
    this.#resting = false;
    for (const stream of this.#streams) stream.resume();
    await this.appChanged(this.#state);
  }

  /** As `pause`, without waiting for deliveries: their messages go back to the broker. */
  async close(): Promise<void> {
    const pausing = this.pause();
    await Promise.all([...this.#stopping, ...[...this.#streamed].map(({ keeper }) => keeper)].map((keeper) => keeper.stop(0)));
    await pausing;
  }

  async #pause(): Promise<void> {
    this.#mayRun = false;
    this.#asker?.down();
    await Promise.all([this.#reconcile(), ...[...this.#streams].map((stream) => stream.shutDown(STREAM_GRACE_MS))]);
  }

  /** @throws Error naming the first subscription that can't be */
  async #accept(specs: readonly SubscriptionSpec[]): Promise<void> {
    for (const spec of specs) {
      try {
        await this.#rulesOf(spec);
      } catch (cause) {
        throw new Error(`topic ${spec.topic} of pubsub ${spec.pubsubName}: ${messageOf(cause)}`, { cause });
      }
    }
    if (this.#pausing !== undefined) return;
    this.#programmatic = specs;
    this.#host.subscriptionsChanged();
    await this.#reconcile();
  }

  async #reconcile(): Promise<void> {
    const wanted = new Map((this.#mayRun ? wantedSubscriptions(this.#init.subscriptions, this.#programmatic) : []).map((one) => [one.key, one]));
    const work: Promise<void>[] = [];
    for (const [key, { spec, keeper }] of this.#kept) {
      if (wanted.get(key)?.spec === spec) continue;
      this.#kept.delete(key);
      work.push(this.#stop(keeper, APP_GRACE_MS));
    }
    for (const [key, one] of wanted) {
      const kept = this.#kept.get(key) ?? this.#keep(one);
      this.#kept.set(key, kept);
      work.push(kept.keeper.tried);
    }
    await Promise.all(work);
  }

  #keep({ key, spec }: Wanted): Kept {
    const { log } = this.#host;
    let complaints = this.#complaints.get(key);
    if (complaints === undefined) this.#complaints.set(key, (complaints = new Complaints(log, fieldsOf(spec))));
    const start = this.#start(spec, { deliverer: this.#app!, bounded: true, rules: () => this.#rulesOf(spec), refuse: () => undefined });
    return { spec, keeper: new Keeper(start, complaints) };
  }

  async #stop(keeper: Keeper, graceMs: number): Promise<void> {
    this.#stopping.add(keeper);
    await keeper.stop(graceMs);
    this.#stopping.delete(keeper);
  }

  #openStream(spec: SubscriptionSpec, deliverer: Deliverer, refuse: (error: ApiError) => void): StreamSubscription {
    if (!this.#brokers.has(spec.pubsubName)) throw FAIL.pubsubNotFound(spec.pubsubName, null);
    const start = this.#start(spec, { deliverer, bounded: false, rules: () => STREAM_RULES, refuse });
    const kept: Kept = { spec, keeper: new Keeper(start, new Complaints(this.#host.log, fieldsOf(spec))) };
    this.#streamed.add(kept);
    this.#host.subscriptionsChanged();
    return {
      stop: async (graceMs) => {
        if (this.#streamed.delete(kept) && !this.#resting) this.#host.subscriptionsChanged(); // one that rests goes on soon
        await this.#stop(kept.keeper, graceMs);
      },
    };
  }

  /** One run of a subscription. `refuse` hears why there will never be one. */
  #start(spec: SubscriptionSpec, { deliverer, bounded, rules, refuse }: {
    readonly deliverer: Deliverer; readonly bounded: boolean; readonly rules: () => Awaitable<Rules>; readonly refuse: (error: ApiError) => void;
  }): Start {
    const host = this.#host;
    const never = (error: ApiError): never => {
      refuse(error);
      throw new Never(error.message);
    };
    return async (signal) => {
      const broker = await this.#broker(spec.pubsubName);
      if (broker === undefined) return never(FAIL.pubsubNotFound(spec.pubsubName, null));
      if (!broker.maySubscribe(spec.topic)) return never(FAIL.streamForbidden(spec.pubsubName, spec.topic));
      const maxRetries = maxRetriesOf(spec) ?? broker.maxRetries;
      if (Number.isNaN(maxRetries)) return never(FAIL.badRequest(`the subscription's metadata maxRetries is ${JSON.stringify(spec.metadata['maxRetries'])}: it must be a whole number of at least 0`));
      let compiled: Rules;
      try {
        compiled = await rules();
      } catch (cause) {
        return never(FAIL.badRequest(messageOf(cause)));
      }
      const raw = rawPayload(spec.metadata);
      if (typeof raw === 'string') host.log.warn(fieldsOf(spec), `${raw}; the subscription gets events as if it were not set`);
      const ingress = host.meter === NO_METER ? undefined : new Ingress(host.meter, spec.pubsubName);
      const attempts = ingress === undefined ? deliverer : counted(deliverer, ingress);
      const subscription = new Subscription({
        spec, broker, rules: compiled, rawPayload: raw === true, maxRetries, bounded, ingress, deliverer: broker.inbound === undefined ? attempts : new GuardedDeliverer(attempts, broker.inbound.fork()), sources: this.#sources, kernel: host.kernel, log: host.log,
      });
      await subscription.open(signal);
      host.log.info(fieldsOf(spec), `subscribed to topic ${spec.topic} through pubsub ${spec.pubsubName}`);
      return subscription;
    };
  }

  /** Undefined: there is none of that name. @throws NotYet while it can't start */
  async #broker(name: string): Promise<OpenBroker | undefined> {
    if (!this.#brokers.has(name)) return undefined;
    try {
      return await this.#brokers.driver(name);
    } catch (cause) {
      throw new NotYet(messageOf(cause), { cause });
    }
  }

  #rulesOf(spec: SubscriptionSpec): Awaitable<Rules> {
    let rules = this.#rules.get(spec);
    if (rules === undefined) this.#rules.set(spec, (rules = compileRules(spec.rules)));
    return rules;
  }
}

const STREAM_RULES: Rules = { route: () => STREAM_PATH };

/** Undefined: it doesn't say; NaN: what it says is no such number. SDKs that put values into JSON quote it. */
function maxRetriesOf({ metadata }: SubscriptionSpec): number | undefined {
  const text = metadata['maxRetries'];
  if (text === undefined || text === '') return undefined;
  const [, , digits] = /^("?)(\d{1,9})\1$/.exec(text) ?? [];
  return Number(digits ?? Number.NaN);
}

function fieldsOf({ pubsubName, topic }: SubscriptionSpec): object {
  return { pubsub: pubsubName, topic };
}

function statusOf({ pubsubName, topic, metadata, rules, deadLetterTopic }: SubscriptionSpec, type: SubscriptionStatus['type']): SubscriptionStatus {
  return { pubsubName, topic, metadata, rules, deadLetterTopic, type };
}
