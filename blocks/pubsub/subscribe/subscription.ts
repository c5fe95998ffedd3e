// One running subscription: takes the broker's messages, hands their events over when it is their turn, and settles each
// message by what became of it (contract: messaging §2.5 to §2.9, §2.12).
import { randomUUID } from 'node:crypto';
import { messageOf } from '../../../proto/errors.ts';
import type { SubscriptionSpec } from '../../../proto/init.ts';
import type { Logger } from '../../block.ts';
import type { Kernel } from '../../kernel.ts';
import { Absence } from './absence.ts';
import { Batcher, type BatchLimits } from './batcher.ts';
import type { IncomingMessage } from '../broker.ts';
import type { OpenBroker } from '../brokers.ts';
import { DeadLetters } from './dead-letter.ts';
import type { Deliverer } from './deliverer.ts';
import type { BulkEntry, DeliveryTarget, TopicEvent, Verdict } from '../deliver/delivery.ts';
import { toEvent } from '../deliver/events.ts';
import { clearedByAll, type Branch, type Membership, type Sources } from './fan-out.ts';
import { Lanes, type Schedule } from './lanes.ts';
import type { Ingress, ProcessStatus } from './ingress.ts';
import { LimitedLog } from './log-limit.ts';
import { describePoison, messageKey } from './poison.ts';
import type { Rules } from '../deliver/routing.ts';

export interface SubscriptionOptions {
  readonly spec: SubscriptionSpec;
  readonly broker: OpenBroker;
  readonly rules: Rules;
  readonly rawPayload: boolean;
  /** Failed deliveries after which a message is given up. Undefined: nobody said. */
  readonly maxRetries: number | undefined;
  /** False: so many deliveries run at a time as the deliverer takes; those of one key still one by one. */
  readonly bounded: boolean;
  readonly deliverer: Deliverer;
  /** Where messages are counted that are never handed over; undefined: nowhere. */
  readonly ingress: Ingress | undefined;
  readonly sources: Sources;
  readonly kernel: Kernel;
  readonly log: Logger;
}

/** A message that was started and is not settled. */
interface Delivery {
  readonly message: IncomingMessage;
  giveUp: () => void;
}

/** Of a batch: what takes the same path. */
interface Group {
  readonly deliveries: Delivery[];
  readonly entries: BulkEntry[];
}

/** How batches are made where neither the subscription nor the component says (contract: messaging §2.9). */
const DEFAULT_BATCH = { maxMessagesCount: 100, maxAwaitDurationMs: 1_000 } as const;
/** More than an application takes in one request, and more than a broker hands out unsettled. */
const MAX_BATCH = 10_000;
/** What a timer can count. */
const MAX_AWAIT_MS = 2 ** 31 - 1;

export class Subscription implements Branch {
  /** Settles when the broker ended it; never when it is closed. */
  readonly whenEnded: Promise<Error>;
  readonly #options: SubscriptionOptions;
  readonly #target: DeliveryTarget;
  readonly #limits: BatchLimits | undefined;
  readonly #schedule: Schedule;
  readonly #deadLetters: DeadLetters;
  readonly #log: LimitedLog;
  readonly #inFlight = new Set<Delivery>();
  readonly #absence = new Absence<Delivery>((deliveries) => this.#process(deliveries));
  #membership: Membership | undefined;
  #closing: Promise<void> | undefined;
  #patience: NodeJS.Timeout | undefined;
  #hardDeadlineMs = Infinity;
  #onIdle: () => void = NOTHING;
  #over: Error | undefined;
  #sayEnded: (cause: Error) => void = NOTHING;

  constructor(options: SubscriptionOptions) {
    const { spec, broker, rawPayload, deliverer, log } = options;
    this.#options = options;
    this.#target = { pubsubName: spec.pubsubName, topic: spec.topic, rawPayload };
    this.#log = new LimitedLog(log, { pubsub: spec.pubsubName, topic: spec.topic });
    this.#deadLetters = new DeadLetters(broker, spec.deadLetterTopic, this.#log);
    this.#limits = spec.bulk.enabled && deliverer.deliverBulk !== undefined ? batchLimits(options) : undefined;
    this.#schedule = this.#limits === undefined ? new Lanes((messages) => this.#start(messages)) : new Batcher(this.#limits, (messages) => this.#start(messages));
    this.whenEnded = new Promise((resolve) => (this.#sayEnded = resolve));
  }

  /** Settles when it is active. @throws Error when the broker is away or refuses, or `signal` aborted: then it is closed */
  async open(signal: AbortSignal): Promise<void> {
    const { spec, broker, sources, deliverer, bounded } = this.#options;
    try {
      this.#membership = await sources.join(broker, { topic: spec.topic, metadata: spec.metadata, minUnsettled: this.#limits?.maxMessagesCount ?? 1 }, this);
      signal.throwIfAborted();
      if (this.#over !== undefined) throw this.#over;
    } catch (cause) {
      await this.close(0);
      throw cause;
    }
    deliverer.ready?.();
    this.#schedule.open(bounded ? this.#membership.concurrency : Infinity);
  }

  deliver(message: IncomingMessage): void {
    this.#schedule.add(message);
  }

  ended(cause: Error): void {
    this.#over = cause;
    this.#sayEnded(cause);
  }

  /**
   * Takes nothing more; what was not started goes back to the broker, what runs may take `graceMs` more. Settles when all is
   * settled, also at the broker. May be called again, with less patience.
   */
  close(graceMs: number): Promise<void> {
    const deadlineMs = performance.now() + graceMs;
    if (deadlineMs < this.#hardDeadlineMs) {
      this.#hardDeadlineMs = deadlineMs;
      clearTimeout(this.#patience);
      if (graceMs > 0) this.#patience = setTimeout(() => this.#giveUp(), graceMs);
    }
    this.#closing ??= this.#drain();
    if (graceMs <= 0) this.#giveUp();
    return this.#closing;
  }

  async #drain(): Promise<void> {
    this.#membership?.pause();
    this.#options.deliverer.stopRetrying?.();
    for (const message of this.#schedule.close()) message.release();
    for (const delivery of this.#absence.takeAll()) this.#settle(delivery, 'release');
    if (this.#inFlight.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    clearTimeout(this.#patience);
    await this.#membership?.leave();
    this.#log.flush();
  }

  #giveUp(): void {
    if (this.#inFlight.size > 0) this.#log.warn(`${this.#inFlight.size} deliveries were not done in time: their messages go back to the broker`);
    for (const delivery of [...this.#inFlight]) {
      delivery.giveUp();
      this.#settle(delivery, 'release');
    }
  }

  /** Messages whose turn it is; of a bulk subscription they are one batch. */
  #start(messages: readonly IncomingMessage[]): void {
    let deliveries = messages.map((message) => ({ message, giveUp: NOTHING }));
    for (const delivery of deliveries) this.#inFlight.add(delivery);
    if (this.#options.kernel.suspects.size > 0) deliveries = this.#setApart(deliveries);
    if (deliveries.length > 0) this.#process(deliveries);
  }

  /** Sends suspects their own way; returns the others. */
  #setApart(deliveries: Delivery[]): Delivery[] {
    const { kernel: { suspects }, broker: { poisonThreshold } } = this.#options;
    return deliveries.filter((delivery) => {
      const key = this.#key(delivery.message);
      const deaths = suspects.get(key);
      if (deaths === undefined) return true;
      if (poisonThreshold > 0 && deaths >= poisonThreshold) this.#park(delivery, key, deaths);
      else setImmediate(() => this.#processAlone(delivery, key));
      return false;
    });
  }

  #park(delivery: Delivery, key: string, deaths: number): void {
    const { message } = delivery;
    const text = describePoison(this.#target.topic, message, deaths);
    if (this.#deadLetters.wanted) {
      this.#log.error(`${text}, into the dead letter topic ${this.#options.spec.deadLetterTopic}`);
      void this.#deadLetters.take(message).then((taken) => {
        if (taken) this.#acquit(message, key);
        this.#settle(delivery, taken ? 'ack' : 'retry');
      });
      return;
    }
    this.#log.error(`${text}, and gone, because the subscription has no dead letter topic`);
    this.#acquit(message, key);
    this.#settle(delivery, 'ack');
  }

  /** With nothing beside it: if this life ends over it, it is clear over what. */
  #processAlone(delivery: Delivery, key: string): void {
    if (!this.#inFlight.has(delivery)) return; // given up before its turn
    this.#process([delivery]);
    this.#acquit(delivery.message, key);
  }

  #acquit(message: IncomingMessage, key: string): void {
    if (clearedByAll(message)) this.#options.kernel.acquit([key]);
  }

  #process(deliveries: readonly Delivery[]): void {
    if (deliveries.length === 0) return;
    const hand = (): void => {
      if (this.#limits === undefined) for (const delivery of deliveries) this.#hand(delivery);
      else this.#handBatch(deliveries);
    };
    if (this.#blamesAtOnce) hand(); // one by one, in there
    else this.#watched(deliveries, hand);
  }

  /** One death is enough: nobody is to be blamed for a neighbour. */
  get #blamesAtOnce(): boolean {
    return this.#options.broker.poisonThreshold === 1;
  }

  /** What ends the block meanwhile has these under suspicion. */
  #watched<T>(deliveries: readonly Delivery[], work: () => T): T {
    const survived = this.#options.kernel.processing(deliveries.map(({ message }) => this.#key(message)));
    try {
      return work();
    } finally {
      survived();
    }
  }

  #hand(delivery: Delivery): void {
    if (this.#blamesAtOnce) this.#watched([delivery], () => this.#deliver(delivery));
    else this.#deliver(delivery);
  }

  #deliver(delivery: Delivery): void {
    const target = this.#targetOf(delivery.message);
    const event = this.#eventOf(delivery, target);
    if (event === undefined) return;
    const route = this.#routeOf(delivery, event);
    if (route === undefined) return;
    if (route.path === undefined) return this.#unwanted(delivery);
    try {
      delivery.giveUp = this.#options.deliverer.deliver(event, target, route.path, (verdict) => this.#judge(delivery, verdict));
    } catch (cause) {
      this.#unreadable(delivery, `can't be put into a request: ${messageOf(cause)}`);
    }
  }

  #handBatch(deliveries: readonly Delivery[]): void {
    const groups = new Map<string, Group>();
    for (const delivery of deliveries) {
      const routed = this.#blamesAtOnce ? this.#watched([delivery], () => this.#routed(delivery)) : this.#routed(delivery);
      if (routed === undefined) continue;
      const { event, path } = routed;
      let group = groups.get(path);
      if (group === undefined) groups.set(path, (group = { deliveries: [], entries: [] }));
      group.deliveries.push(delivery);
      group.entries.push({ entryId: randomUUID(), event });
    }
    for (const [path, group] of groups) this.#handGroup(path, group);
  }

  /** Of a message in a batch. Undefined: its way has ended here. */
  #routed(delivery: Delivery): { readonly event: TopicEvent; readonly path: string } | undefined {
    const event = this.#eventOf(delivery, this.#target);
    const route = event === undefined ? undefined : this.#routeOf(delivery, event);
    if (event === undefined || route === undefined) return undefined;
    return { event, path: route.path ?? '' }; // what matches no rule is delivered all the same, in bulk
  }

  #handGroup(path: string, { deliveries, entries }: Group): void {
    try {
      const giveUp = this.#options.deliverer.deliverBulk!(entries, this.#target, path, (verdicts) => {
        for (const [index, delivery] of deliveries.entries()) this.#judge(delivery, verdicts[index] ?? UNJUDGED);
      });
      let open = deliveries.length;
      const giveUpOne = (): void => { // the call is the group's: it ends when nobody of the group waits any more
        if (--open === 0) giveUp();
      };
      for (const delivery of deliveries) delivery.giveUp = giveUpOne;
    } catch (cause) {
      for (const delivery of deliveries) this.#unreadable(delivery, `can't be put into a request: ${messageOf(cause)}`);
    }
  }

  /** Undefined: the message's way has ended here. */
  #eventOf(delivery: Delivery, target: DeliveryTarget): TopicEvent | undefined {
    try {
      const event = toEvent(delivery.message, target, Date.now());
      if (!event.expired) return event;
    } catch (cause) {
      this.#unreadable(delivery, `can't be read as an event: ${messageOf(cause)}`);
      return undefined;
    }
    this.#log.warn(`message ${delivery.message.id} has expired and is dropped`);
    this.#skipped(delivery, 'drop', 'drop');
    this.#bury(delivery);
    return undefined;
  }

  /** Undefined: the message's way has ended here. Without a path: no rule matches. */
  #routeOf(delivery: Delivery, event: TopicEvent): { readonly path: string | undefined } | undefined {
    try {
      return { path: this.#options.rules.route(event) };
    } catch (cause) {
      this.#unreadable(delivery, `can't be routed: ${messageOf(cause)}`);
      return undefined;
    }
  }

  #unwanted(delivery: Delivery): void {
    this.#log.debug(`message ${delivery.message.id} matches no rule and is dropped`);
    this.#skipped(delivery, 'drop', 'success');
    this.#bury(delivery);
  }

  /** No delivery will ever make it better: it is a dead letter at once, or the broker's to decide. */
  #unreadable(delivery: Delivery, why: string): void {
    this.#log.error(`message ${delivery.message.id} ${why}`);
    this.#skipped(delivery, 'retry', 'retry');
    if (this.#deadLetters.wanted) this.#bury(delivery);
    else this.#settle(delivery, 'retry');
  }

  /** The application was not asked about it. */
  #skipped({ message }: Delivery, processStatus: ProcessStatus, status: ProcessStatus): void {
    this.#options.ingress?.of(this.#targetOf(message).topic).skipped(processStatus, status, this.#limits !== undefined);
  }

  #judge(delivery: Delivery, verdict: Verdict): void {
    if (!this.#inFlight.has(delivery)) return;
    delivery.giveUp = NOTHING;
    if (verdict.kind === 'retry' && verdict.unasked === true) return this.#unasked(delivery, verdict.reason);
    this.#absence.over();
    switch (verdict.kind) {
      case 'ack':
        return this.#settle(delivery, 'ack');
      case 'drop':
        this.#log.warn(`message ${delivery.message.id} is dropped: ${verdict.reason}`);
        return this.#bury(delivery);
      case 'retry':
        return this.#failed(delivery, verdict.reason);
    }
  }

  /** The message has not failed: it is neither counted nor a dead letter, however long the application stays away. */
  #unasked(delivery: Delivery, reason: string): void {
    if (this.#closing !== undefined) return this.#settle(delivery, 'release');
    this.#log.warn(`message ${delivery.message.id} waits for the application: ${reason}`);
    delivery.giveUp = () => this.#absence.forget(delivery);
    this.#absence.add(delivery);
  }

  #failed(delivery: Delivery, reason: string): void {
    const { id, attempt } = delivery.message;
    const { wanted } = this.#deadLetters;
    const max = this.#options.maxRetries ?? (wanted ? 0 : Infinity); // where nobody asks for retries, a dead letter is made at once
    if (attempt < max) this.#log.warn(`message ${id} was not handled, delivery ${attempt + 1}: ${reason}`);
    else if (wanted) {
      this.#log.error(`message ${id} was not handled, delivery ${attempt + 1}, and becomes a dead letter: ${reason}`);
      return this.#bury(delivery);
    } else if (attempt === max) {
      this.#log.error(`message ${id} was not handled in ${attempt + 1} deliveries, and goes on coming, because the subscription has no dead letter topic: ${reason}`);
    } else this.#log.warn(`message ${id} was not handled, delivery ${attempt + 1}: ${reason}`);
    this.#settle(delivery, 'retry');
  }

  /** It is done with; a copy is kept where there is a place for it. */
  #bury(delivery: Delivery): void {
    if (!this.#deadLetters.wanted) return this.#settle(delivery, 'ack');
    void this.#deadLetters.take(delivery.message).then((taken) => this.#settle(delivery, taken ? 'ack' : 'retry'));
  }

  #settle(delivery: Delivery, how: 'ack' | 'retry' | 'release'): void {
    if (!this.#inFlight.delete(delivery)) return;
    const { message } = delivery;
    message[how]();
    this.#schedule.done(message);
    if (this.#inFlight.size === 0) this.#onIdle();
  }

  #key(message: IncomingMessage): string {
    return messageKey(this.#target.pubsubName, this.#target.topic, message);
  }

  /** A pattern's messages may have topics of their own. */
  #targetOf(message: IncomingMessage): DeliveryTarget {
    const topic = this.#options.broker.fromBroker(message.topic);
    return topic === this.#target.topic ? this.#target : { ...this.#target, topic };
  }
}

function batchLimits({ spec: { bulk }, broker: { driver } }: SubscriptionOptions): BatchLimits {
  const { maxMessagesCount, maxAwaitDurationMs } = driver.bulkDefaults ?? DEFAULT_BATCH;
  return {
    maxMessagesCount: Math.min(bulk.maxMessagesCount > 0 ? bulk.maxMessagesCount : maxMessagesCount, MAX_BATCH),
    maxAwaitDurationMs: driver.features.includes('BULK_SUBSCRIBE_IMMEDIATE') ? 0 : Math.min(bulk.maxAwaitDurationMs > 0 ? bulk.maxAwaitDurationMs : maxAwaitDurationMs, MAX_AWAIT_MS),
  };
}

const NOTHING = (): void => {};
const UNJUDGED: Verdict = { kind: 'retry', reason: 'the application said nothing about it' };
