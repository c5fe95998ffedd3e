// The contract of a broker driver: publish, and subscriptions that hand out messages until somebody settles them. Its
// definition is the suite in test/conformance/broker.ts, run against every driver.
import type { CallScope } from '../block.ts';
import type { Awaitable, Driver } from '../driver.ts';

export type StringMap = Readonly<Record<string, string>>;

/** A message on its way to the broker. */
export interface OutgoingMessage {
  readonly data: Uint8Array;
  /** Undefined: the request had none (Redis then writes no metadata field). Names as the request spelt them. */
  readonly metadata: StringMap | undefined;
}

/** One message of a bulk. */
export interface OutgoingEntry extends OutgoingMessage {
  readonly entryId: string;
  readonly contentType: string;
}

export interface EntryFailure {
  readonly entryId: string;
  readonly cause: unknown;
}

export interface Broker extends Driver {
  /**
   * Settles when the broker has the message for good; rejects with what the backend said.
   * @param scope of whoever waits for it: a driver need not look at it, policies for retries end with it
   */
  publish(topic: string, message: OutgoingMessage, scope?: CallScope): Awaitable<void>;
  /** Many at once, where the backend has a better way than one by one. Returns those that failed, in order. */
  readonly publishBulk?: (topic: string, entries: readonly OutgoingEntry[], metadata: StringMap, scope?: CallScope) => Awaitable<readonly EntryFailure[]>;
  /**
   * Starts to hand out messages; settles when it is active. Rejects when the backend is away or refuses: the caller tries
   * again. Once active it heals itself as far as its client can, and calls `ended` where it can't.
   */
  subscribe(request: SubscribeRequest, sink: Sink): Awaitable<BrokerSubscription>;
  /**
   * Present where messages live in this driver alone. `true`: another life takes over in a while, so what a subscription has
   * when it closes stays here, what is published for it meanwhile comes to it, and the next subscription to its topic goes on
   * with both. `false`: none takes over after all; what no subscription comes back for is gone after some time.
   */
  keepForSuccessor?(on: boolean): void;
  /** How bulk subscriptions batch by default, where the backend has its own idea. */
  readonly bulkDefaults?: { readonly maxMessagesCount: number; readonly maxAwaitDurationMs: number };
}

export interface SubscribeRequest {
  readonly topic: string;
  /** The subscription's own metadata. */
  readonly metadata: StringMap;
  /** Messages that may be unsettled at a time at the least: a batch of that size has to come together. */
  readonly minUnsettled: number;
}

export interface Sink {
  /** Hands out a message. The taker settles it by exactly one of its functions, at any time, also after `close`. */
  deliver(message: IncomingMessage): void;
  /** The subscription is over although nobody closed it; it is started again, after a pause. */
  ended(cause: Error): void;
}

export interface BrokerSubscription {
  /** Deliveries that may run at a time; ordering keys come on top. */
  readonly concurrency: number;
  /** From now on nothing is handed out. May be called twice. */
  pause(): void;
  /**
   * Ends it: what is unsettled goes back to the broker, what was settled is settled there before this resolves (as far as
   * the backend answers within a few seconds). Implies `pause`. May be called twice.
   */
  close(): Promise<void>;
}

/** A message handed out. It stays the subscription's until it is settled; settling again does nothing. */
export interface IncomingMessage {
  /** Unique within component and topic, the same at every redelivery, also in another life: what poison is known by. */
  readonly id: string;
  /** As it is delivered: for a wildcard it may be the pattern. */
  readonly topic: string;
  /** Owned. */
  readonly data: Uint8Array;
  /** What travelled with the message, and what the driver adds. */
  readonly metadata: StringMap;
  /** `''`: the broker knows none. */
  readonly contentType: string;
  /** Failed deliveries before this one, as far as the broker or the driver counts them. */
  readonly attempt: number;
  /** Messages of one key are delivered one after the other, in the order they were handed out. Undefined: no order. */
  readonly orderKey: string | undefined;
  /** It is done. */
  ack(): void;
  /** It failed: it comes again, after the driver's backoff, with a higher `attempt`. */
  retry(): void;
  /** It was not tried: it goes back as it was, as soon as the backend can. */
  release(): void;
}
