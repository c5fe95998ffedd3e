// The block's subscriptions by their ids: how they begin, come back after the block's death, and end.
import { randomUUID } from 'node:crypto';
import { RESUME, type AppState } from '../../proto/control.ts';
import { ApiError, messageOf } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import type { BlockInit, CallingHost, CallScope, Logger, StreamCall, StreamMethod } from '../block.ts';
import { OperationTally } from '../counting.ts';
import type { Meter } from '../meter.ts';
import type { Guard } from '../resiliency/guard.ts';
import { App } from './app.ts';
import { AppPush } from './app-push.ts';
import { enter } from './entrance.ts';
import { subscribeRequest } from './grpc.ts';
import type { Hub } from './hub.ts';
import type { Ledger, Noted } from './ledger.ts';
import { keysOf, type SubscribeRequest } from './requests.ts';
import type { OpenStore, Stores } from './stores.ts';
import { ConfigStream } from './stream.ts';
import { Subscription } from './subscription.ts';

const MAX_SUBSCRIPTIONS = 10_000;
/** Of one subscription; all keys count as none. */
const MAX_KEYS = 10_000;
/** A stream of the block's former life whose client is still there comes back at once. */
const RETURN_MS = 60_000;

export class Subscriptions {
  readonly #stores: Stores;
  readonly #ledger: Ledger;
  readonly #log: Logger;
  readonly #meter: Meter;
  readonly #maxMessageBytes: number;
  /** Undefined: there is no application. */
  readonly #app: App | undefined;
  readonly #byId = new Map<string, Subscription>();
  /** By the kernel's name for the stream. */
  readonly #byStream = new Map<string, Subscription>();
  /** Of the stores that run. */
  readonly #hubs = new Map<string, Hub>();
  /** For pushes of their changes, where there are any. */
  readonly #policies = new Map<string, Guard>();
  #returnTimer: NodeJS.Timeout | undefined;
  /** What a former life noted is there. */
  #inherited = false;

  constructor({ app, maxBodyBytes }: BlockInit, { log, kernel, meter }: CallingHost, ledger: Ledger, stores: Stores) {
    this.#stores = stores;
    this.#ledger = ledger;
    this.#log = log;
    this.#meter = meter;
    this.#maxMessageBytes = maxBodyBytes;
    this.#app = app && new App(app, kernel);
    ledger.whenFound(() => {
      this.#inherited = true;
      for (const noted of ledger.found(log)) this.#restore(noted);
      if (this.#byStream.size > 0) this.#returnTimer = setTimeout(() => this.#forgetAbsent(), RETURN_MS).unref();
      for (const [name, hub] of this.#hubs) this.#takeUp(name, hub);
    });
  }

  /** The store runs from now on. */
  opened({ name, hub, guards: { inbound } }: OpenStore): void {
    this.#hubs.set(name, hub);
    if (inbound !== undefined) this.#policies.set(name, inbound);
    if (this.#inherited) this.#takeUp(name, hub);
  }

  #takeUp(name: string, hub: Hub): void {
    const returning = [...this.#byId.values()].filter(({ store }) => store === name);
    hub.restore(returning.map((subscriber) => ({ subscriber, behind: subscriber.behind })));
  }

  /** Subscribes the application. Resolves with the id when whatever changes from then on will be told. @throws ApiError */
  subscribe(store: OpenStore, request: SubscribeRequest, scope: CallScope): Promise<string> {
    const app = this.#app;
    if (app === undefined) throw FAIL.configurationNoApp();
    const subscription = this.#create(request, undefined);
    return new Promise((resolve, reject) => {
      let waits = true;
      const push = new AppPush(app, subscription, () => store.guards.inbound, this.#log, {
        resolve: (id) => {
          waits = false;
          resolve(id);
        },
        reject: (error) => {
          waits = false;
          reject(error);
        },
      });
      enter(store.hub, subscription, push, store.guards.outbound);
      if (!waits) return;
      scope.signal.addEventListener('abort', () => {
        if (!waits) return;
        subscription.leave();
        reject(FAIL.cancelled());
      }, { once: true });
    });
  }

  /** Subscribes a client that has a stream. */
  readonly stream: StreamMethod = {
    open: (call, body) => {
      const request = subscribeRequest(body);
      const name = call.headers[RESUME.stream];
      const former = name === undefined ? undefined : this.#byStream.get(name);
      if (call.headers[RESUME.resumed] !== undefined) return this.#resume(call, former);
      former?.leave(); // its client has heard nothing of it
      let cancelled = false;
      call.onCancel = () => { cancelled = true; };
      const store = this.#stores.find(request.store);
      if (!(store instanceof Promise)) return this.#begin(call, request, name, store);
      store.then((open) => {
        if (!cancelled) this.#begin(call, request, name, open);
      }).catch((cause: unknown) => call.fail(cause instanceof ApiError ? cause : FAIL.internal(messageOf(cause))));
    },
  };

  /** False: there is no such subscription. @param store undefined: whatever store it is of */
  unsubscribe(id: string, store: string | undefined): boolean {
    const subscription = this.#byId.get(id);
    if (subscription === undefined || (store !== undefined && subscription.store !== store)) return false;
    subscription.leave();
    subscription.sink?.end();
    return true;
  }

  appChanged(state: AppState): void {
    this.#app?.changed(state);
  }

  /** The application is asked nothing more; resolves when it has answered what it was asked. */
  async pause(): Promise<void> {
    await this.#app?.pause();
  }

  /** Whether a next life has something to go on with. */
  get isEmpty(): boolean {
    return this.#byId.size === 0;
  }

  /** Another life goes on with all of them: what they were told so far is noted, and nothing more is told here. */
  handOver(): void {
    for (const subscription of this.#byId.values()) subscription.rest();
  }

  /** None does: as before `pause` and `handOver`. */
  resume(): void {
    this.#app?.resume();
    for (const subscription of [...this.#byId.values()]) subscription.resume();
  }

  /** Streams end; what the application has subscribed to is the next life's. */
  close(): void {
    clearTimeout(this.#returnTimer);
    this.#app?.close();
    for (const { sink } of [...this.#byId.values()]) sink?.close();
  }

  #restore(noted: Noted): void {
    const subscription = this.#add(noted);
    if (!this.#stores.has(noted.store) || (noted.stream === undefined && this.#app === undefined)) subscription.leave();
    else if (noted.stream === undefined) subscription.sink = new AppPush(this.#app!, subscription, () => this.#policies.get(noted.store), this.#log);
  }

  #resume(call: StreamCall, former: Subscription | undefined): void {
    if (former === undefined) throw FAIL.blockRestarted('config'); // nobody knows what its client was told
    former.sink = new ConfigStream(call, former, this.#maxMessageBytes);
    former.sink.pump();
  }

  #begin(call: StreamCall, request: SubscribeRequest, name: string | undefined, store: OpenStore): void {
    const subscription = this.#create(request, name);
    const tally = new OperationTally(this.#meter, 'configuration', store.name, 'subscribe', 'ERR_CONFIGURATION_SUBSCRIBE');
    const began = performance.now();
    const stream = new ConfigStream(call, subscription, this.#maxMessageBytes, (failure) => {
      if (failure === undefined) tally.done(performance.now() - began);
      else tally.failed(performance.now() - began, failure);
    });
    enter(store.hub, subscription, stream, store.guards.outbound);
  }

  #create(request: SubscribeRequest, stream: string | undefined): Subscription {
    const keys = keysOf(request);
    const refuse = (why: string): ApiError => FAIL.configurationSubscribe(keys.length > MAX_KEYS ? [`${keys.length} keys`] : request.keys, request.store, why);
    if (keys !== 'all' && keys.length > MAX_KEYS) throw refuse(`a subscription may have ${MAX_KEYS} keys, or all keys there are`);
    if (this.#byId.size >= MAX_SUBSCRIPTIONS) throw refuse(`there are ${MAX_SUBSCRIPTIONS} subscriptions, which is as many as there may be: end those that are not needed`);
    return this.#add({ id: randomUUID(), store: request.store, keys, stream, behind: new Map() });
  }

  #add(noted: Noted): Subscription {
    const subscription = new Subscription(noted, this.#ledger, this.#log, () => {
      this.#byId.delete(noted.id);
      if (noted.stream !== undefined) this.#byStream.delete(noted.stream);
      this.#hubs.get(noted.store)?.remove(subscription);
    });
    this.#byId.set(noted.id, subscription);
    if (noted.stream !== undefined) this.#byStream.set(noted.stream, subscription);
    return subscription;
  }

  /** Clients that left while the block was dead. */
  #forgetAbsent(): void {
    for (const subscription of [...this.#byStream.values()]) if (subscription.sink === undefined) subscription.leave();
  }
}
