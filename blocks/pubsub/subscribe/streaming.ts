// Subscriptions over a stream of the client's own: SubscribeTopicEventsAlpha1 (contract: messaging §2.10). The stream gets
// events and gives verdicts; when it ends, its subscription ends. It may be older than this life: then its client has been told
// that its subscription stands, and may settle events that another life sent.
import { TopicEventResponse_TopicEventResponseStatus as Status } from '../../../proto/gen/dapr/proto/runtime/v1/appcallback.ts';
import {
  SubscribeTopicEventsRequestAlpha1, SubscribeTopicEventsResponseAlpha1,
  type SubscribeTopicEventsRequestInitialAlpha1, type SubscribeTopicEventsRequestProcessedAlpha1,
} from '../../../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { RESUME } from '../../../proto/control.ts';
import { ApiError, messageOf } from '../../../proto/errors.ts';
import { FAIL } from '../../../proto/failures.ts';
import type { SubscriptionSpec } from '../../../proto/init.ts';
import { CopyingReader } from '../../../proto/wire.ts';
import type { Logger, StreamCall } from '../../block.ts';
import type { Deliverer } from './deliverer.ts';
import type { DeliveryTarget, TopicEvent, Verdict } from '../deliver/delivery.ts';
import { topicEventRequest } from '../deliver/grpc.ts';
import { LimitedLog } from './log-limit.ts';

/** Where all events of a stream go. */
export const STREAM_PATH = '/';

/** What a stream's subscription is to its stream. */
export interface StreamSubscription {
  stop(graceMs: number): Promise<void>;
}

/** Begins a stream's subscription. `refuse` says later that it can never be. @throws ApiError when that is clear at once */
export type Subscribe = (spec: SubscriptionSpec, deliverer: Deliverer, refuse: (error: ApiError) => void) => StreamSubscription;

/** An event on its way, or at the client. */
interface Sent {
  readonly id: string;
  readonly done: (verdict: Verdict) => void;
}

export class TopicStream implements Deliverer {
  readonly #call: StreamCall;
  readonly #subscribe: Subscribe;
  readonly #log: LimitedLog;
  readonly #onOver: () => void;
  /** At the client, by the event's id; several of one id are settled in their order. */
  readonly #pending = new Map<string, Sent[]>();
  /** Encoded events that wait for credit, in order. */
  readonly #queue = new Map<Sent, Uint8Array>();
  /** What the client wants; undefined before it has said so. */
  #spec: SubscriptionSpec | undefined;
  #subscription: StreamSubscription | undefined;
  /** A former life had it. */
  readonly #resumed: boolean;
  /** The client knows that its subscription stands. */
  #subscribed: boolean;
  #mayStart = true;
  #resting = false;
  #hasCredit = true;
  #clientEnded = false;
  #over = false;

  constructor(call: StreamCall, subscribe: Subscribe, log: Logger, onOver: () => void) {
    this.#call = call;
    this.#subscribe = subscribe;
    this.#log = new LimitedLog(log, {});
    this.#onOver = onOver;
    this.#resumed = this.#subscribed = call.headers[RESUME.resumed] !== undefined;
    call.onMessage = (message) => this.#take(message);
    call.onCredit = () => {
      this.#hasCredit = true;
      this.#flush();
    };
    call.onHalfClose = () => this.#halfClosed();
    call.onCancel = () => void this.#leave();
  }

  /** The client hears that its subscription stands, once. */
  ready(): void {
    if (this.#subscribed || this.#over) return;
    this.#subscribed = true;
    this.#hasCredit = this.#call.send(INITIAL_RESPONSE.slice()); // a copy: what is sent is given away
    if (this.#clientEnded) this.#end();
  }

  deliver(event: TopicEvent, target: DeliveryTarget, path: string, done: (verdict: Verdict) => void): () => void {
    const value = topicEventRequest(event, target, path);
    const bytes = SubscribeTopicEventsResponseAlpha1.encode({ subscribeTopicEventsResponseType: { $case: 'eventMessage', value } }).finish();
    const sent: Sent = { id: value.id, done };
    this.#queue.set(sent, bytes);
    this.#flush();
    return () => this.#forget(sent);
  }

  /** The block takes in nothing more: what is at the client may be settled for `graceMs`, then the stream ends well. */
  async shutDown(graceMs: number): Promise<void> {
    if (this.#over) return;
    this.#mayStart = false;
    await this.#subscription?.stop(graceMs);
    this.#end();
  }

  /** Takes in nothing more until `resume`, or until the stream goes on in another life: what is at the client may be settled for `graceMs`. */
  async rest(graceMs: number): Promise<void> {
    this.#resting = true;
    await this.#subscription?.stop(graceMs);
  }

  resume(): void {
    if (!this.#resting || this.#over) return;
    this.#resting = false;
    this.#subscription = undefined;
    if (this.#spec !== undefined) this.#start(this.#spec);
  }

  /** A client that asks and says no more hears its answer first, as from daprd. */
  #halfClosed(): void {
    this.#clientEnded = true;
    if (this.#subscribed || this.#spec === undefined) this.#end();
  }

  #take(message: Uint8Array): void {
    if (this.#over) return;
    let request: SubscribeTopicEventsRequestAlpha1['subscribeTopicEventsRequestType'];
    try {
      request = SubscribeTopicEventsRequestAlpha1.decode(new CopyingReader(message)).subscribeTopicEventsRequestType;
    } catch (cause) {
      return this.#fail(FAIL.malformedMessage(messageOf(cause)).because(cause));
    }
    if (this.#spec === undefined) {
      if (request?.$case !== 'initialRequest') return this.#fail(FAIL.streamNotInitial());
      return this.#begin(request.value);
    }
    if (request?.$case !== 'eventProcessed') return this.#fail(FAIL.streamDuplicateInitial());
    this.#judge(request.value);
  }

  #begin({ pubsubName, topic, metadata, deadLetterTopic = '' }: SubscribeTopicEventsRequestInitialAlpha1): void {
    if (pubsubName === '') return this.#fail(FAIL.streamPubsubMissing());
    if (topic === '') return this.#fail(FAIL.streamTopicMissing());
    if (!this.#mayStart) return this.#end();
    this.#spec = {
      pubsubName, topic, metadata: Object.fromEntries(metadata), deadLetterTopic,
      rules: [{ match: '', path: STREAM_PATH }],
      bulk: { enabled: false, maxMessagesCount: 0, maxAwaitDurationMs: 0 },
    };
    if (!this.#resting) this.#start(this.#spec);
  }

  #start(spec: SubscriptionSpec): void {
    try {
      this.#subscription = this.#subscribe(spec, this, (error) => this.#fail(error));
    } catch (cause) {
      this.#fail(cause instanceof ApiError ? cause : FAIL.internal(messageOf(cause)));
    }
  }

  #judge({ id, status }: SubscribeTopicEventsRequestProcessedAlpha1): void {
    const waiting = this.#pending.get(id);
    const sent = waiting?.shift();
    if (waiting === undefined || sent === undefined) {
      const text = `a subscriber settled an event that is not on its stream, which changes nothing: ${JSON.stringify(id.slice(0, MAX_LOGGED))}`;
      if (this.#resumed) this.#log.debug(text); // another life sent it, and it comes again
      else this.#log.warn(text);
      return;
    }
    if (waiting.length === 0) this.#pending.delete(id);
    sent.done(verdictOf(status?.status ?? Status.SUCCESS));
  }

  #flush(): void {
    for (const [sent, bytes] of this.#queue) {
      if (!this.#hasCredit || this.#over) return;
      this.#queue.delete(sent);
      const waiting = this.#pending.get(sent.id);
      if (waiting === undefined) this.#pending.set(sent.id, [sent]);
      else waiting.push(sent);
      this.#hasCredit = this.#call.send(bytes);
    }
  }

  #forget(sent: Sent): void {
    if (this.#queue.delete(sent)) return;
    const waiting = this.#pending.get(sent.id)?.filter((other) => other !== sent) ?? [];
    if (waiting.length === 0) this.#pending.delete(sent.id);
    else this.#pending.set(sent.id, waiting);
  }

  #end(): void {
    if (this.#over) return;
    void this.#leave();
    this.#call.end();
  }

  #fail(error: ApiError): void {
    if (this.#over) return;
    void this.#leave();
    this.#call.fail(error);
  }

  /** What the client has not settled goes back to the broker. */
  async #leave(): Promise<void> {
    this.#over = true;
    this.#log.flush();
    this.#onOver();
    await this.#subscription?.stop(0);
  }
}

/** Of an id that a client sent. */
const MAX_LOGGED = 200;
const INITIAL_RESPONSE = SubscribeTopicEventsResponseAlpha1.encode({ subscribeTopicEventsResponseType: { $case: 'initialResponse', value: {} } }).finish();

function verdictOf(status: number): Verdict {
  switch (status) {
    case Status.SUCCESS:
      return { kind: 'ack' };
    case Status.DROP:
      return { kind: 'drop', reason: 'the subscriber said DROP' };
    case Status.RETRY:
      return { kind: 'retry', reason: 'the subscriber said RETRY' };
    default:
      return { kind: 'retry', reason: `the subscriber said ${status}, which is no status` };
  }
}
