// The application as a subscriber: each changed key is a request to it, one after the other, with all that changed in the same
// step (contract: sidecar §5). What it could not be asked it is told when it is there, as things are then.
import { InvokeRequest, HTTPExtension_Verb } from '../../proto/gen/dapr/proto/common/v1/common.ts';
import { FAIL } from '../../proto/failures.ts';
import { quote } from '../../proto/gojson.ts';
import type { AppAnswer, AppRequest } from '../kernel.ts';
import type { Logger } from '../block.ts';
import { AppFailure } from '../resiliency/app-failure.ts';
import { runGuarded, type Start } from '../resiliency/callbacks.ts';
import type { Guard } from '../resiliency/guard.ts';
import type { App } from './app.ts';
import type { Portion } from './backlog.ts';
import { itemsJson, type KnownItem } from './known-item.ts';
import type { Sink, Subscription } from './subscription.ts';

/** How long the application may take for one key. */
const DEADLINE_MS = 30_000;
/** Each key's request has all of its step in it: a large one goes in several parts. */
const PORTION: Portion = { items: 100, merged: 1, size: 256 * 1024, sizeOf: ({ json }: KnownItem) => json.length };
const ON_INVOKE = '/dapr.proto.runtime.v1.AppCallback/OnInvoke';
const JSON_TYPE = 'application/json';

/** A part of a step while its keys are pushed. */
interface Event {
  readonly items: readonly KnownItem[];
  readonly body: string;
  /** The first that was not pushed yet. */
  at: number;
}

/** Who waits for the subscription to stand. */
export interface Answer {
  readonly resolve: (id: string) => void;
  readonly reject: (error: Error) => void;
}

export class AppPush implements Sink {
  readonly #app: App;
  readonly #subscription: Subscription;
  readonly #policies: () => Guard | undefined;
  readonly #log: Logger;
  #answer: Answer | undefined;
  #event: Event | undefined;
  /** Gives the request up that is on its way. */
  #giveUp: (() => void) | undefined;
  #complaint = '';
  #over = false;

  /**
   * @param policies those for pushes of the subscription's store, as far as it has opened
   * @param answer undefined: the subscription is of the block's former life
   */
  constructor(app: App, subscription: Subscription, policies: () => Guard | undefined, log: Logger, answer?: Answer) {
    this.#app = app;
    this.#subscription = subscription;
    this.#policies = policies;
    this.#log = log;
    this.#answer = answer;
  }

  ready(): void {
    this.#answer?.resolve(this.#subscription.id);
    this.#answer = undefined;
  }

  readonly pump = (): void => {
    if (this.#giveUp !== undefined || this.#over) return;
    if (!this.#app.isThere) return this.#wait();
    const event = this.#event ?? this.#next();
    if (event === undefined) return;
    this.#event = event;
    const item = event.items[event.at]!;
    this.#subscription.telling(item);
    this.#giveUp = this.#push(item.key, event.body, (fault) => this.#answered(item, fault));
  };

  /** Once it stands it is not given up: the hub goes on to try. */
  refused(cause: Error): void {
    const { id, keys, store } = this.#subscription;
    if (this.#answer !== undefined) {
      this.#subscription.leave();
      this.#answer.reject(FAIL.configurationSubscribe(keys === 'all' ? [] : keys, store, cause.message).because(cause));
    } else if (this.#complaint !== cause.message) {
      this.#complaint = cause.message;
      this.#log.error({ component: store, subscription: id }, `the application hears of no changes in configuration store ${store}, and it is tried again: ${cause.message}`);
    }
  }

  end(): void {
    this.#over = true;
    this.#app.forget(this.pump);
    this.#giveUp?.();
    this.#giveUp = undefined;
  }

  close(): void {
    this.end();
    this.#answer?.reject(FAIL.configurationClosed(this.#subscription.store));
  }

  #wait(): void {
    this.#subscription.setAside(this.#event?.items.slice(this.#event.at) ?? []);
    this.#event = undefined;
    this.#app.wait(this.pump);
  }

  #next(): Event | undefined {
    const items = this.#subscription.next(PORTION);
    return items && { items, at: 0, body: `{"id":${quote(this.#subscription.id)},"items":${itemsJson(items)}}\n` };
  }

  /** `answered` hears what went wrong, in a later turn. Returns what gives it up: then it hears nothing. */
  #push(key: string, event: string, answered: (fault: Error | undefined) => void): () => void {
    const request = (): AppRequest => this.#request(key, Buffer.from(event)); // made anew for each attempt: a body is given away
    const policies = this.#policies();
    if (policies === undefined) return this.#app.ask(request(), (answer) => answered(this.#faultOf(answer)));
    const start: Start<void> = (succeed, fail) => {
      if (!this.#app.isThere) {
        fail(new AppFailure('the application is not there', { unasked: true }));
        return NOTHING;
      }
      return this.#app.ask(request(), (answer) => {
        const fault = this.#faultOf(answer);
        if (fault === undefined) succeed();
        else fail(fault);
      });
    };
    return runGuarded(policies, start, () => answered(undefined), (cause) => answered(cause as Error));
  }

  #answered(item: KnownItem, fault: Error | undefined): void {
    this.#giveUp = undefined;
    if (fault instanceof AppFailure && fault.unasked) {
      this.#subscription.notTold(item);
      return this.#wait();
    }
    if (fault !== undefined) {
      this.#log.error({ component: this.#subscription.store, subscription: this.#subscription.id, key: item.key }, `error sending configuration item to the app: ${fault.message}`);
    }
    this.#subscription.told(item);
    const event = this.#event!;
    if (++event.at === event.items.length) this.#event = undefined;
    this.pump();
  }

  #faultOf({ status, failure }: AppAnswer): AppFailure | undefined {
    const isGrpc = this.#app.protocol === 'grpc';
    if (failure !== undefined) return new AppFailure(failure.message, { unasked: failure.unasked === true, ...(isGrpc ? { code: failure.code } : {}) });
    return isGrpc || status === 200 ? undefined : new AppFailure(`it answered with status ${status}`, { code: status });
  }

  #request(key: string, event: Uint8Array): AppRequest {
    const { store } = this.#subscription;
    if (this.#app.protocol === 'http') {
      return { verb: 'POST', target: `/configuration/${segment(store)}/${segment(key)}`, headers: ['content-type', JSON_TYPE], body: event, deadlineMs: DEADLINE_MS };
    }
    const body = InvokeRequest.encode({
      method: `configuration/${store}/${key}`, data: { typeUrl: '', value: event }, contentType: JSON_TYPE,
      httpExtension: { verb: HTTPExtension_Verb.POST, querystring: '' },
    }).finish();
    return { verb: 'RPC', target: ON_INVOKE, headers: [], body, deadlineMs: DEADLINE_MS };
  }
}

const NOTHING = (): void => {};

function segment(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
