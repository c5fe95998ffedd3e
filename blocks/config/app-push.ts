// The application as a subscriber: each changed key is a request to it, one after the other, with all that changed in the same
// step (contract: sidecar §5). What it could not be asked it is told when it is there, as things are then.
import { InvokeRequest, HTTPExtension_Verb } from '../../proto/gen/dapr/proto/common/v1/common.ts';
import { FAIL } from '../../proto/failures.ts';
import { quote } from '../../proto/gojson.ts';
import type { AppAnswer, AppRequest } from '../kernel.ts';
import type { Logger } from '../block.ts';
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
  readonly #log: Logger;
  #answer: Answer | undefined;
  #event: Event | undefined;
  /** Gives the request up that is on its way. */
  #giveUp: (() => void) | undefined;
  #complaint = '';
  #over = false;

  /** @param answer undefined: the subscription is of the block's former life */
  constructor(app: App, subscription: Subscription, log: Logger, answer?: Answer) {
    this.#app = app;
    this.#subscription = subscription;
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
    this.#giveUp = this.#app.ask(this.#request(item.key, Buffer.from(event.body)), (answer) => this.#answered(item, answer));
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

  #answered(item: KnownItem, answer: AppAnswer): void {
    this.#giveUp = undefined;
    if (answer.failure?.unasked === true) {
      this.#subscription.notTold(item);
      return this.#wait();
    }
    const fault = this.#faultOf(answer);
    if (fault !== undefined) {
      this.#log.error({ component: this.#subscription.store, subscription: this.#subscription.id, key: item.key }, `error sending configuration item to the app: ${fault}`);
    }
    this.#subscription.told(item);
    const event = this.#event!;
    if (++event.at === event.items.length) this.#event = undefined;
    this.pump();
  }

  #faultOf({ status, failure }: AppAnswer): string | undefined {
    if (failure !== undefined) return failure.message;
    return this.#app.protocol === 'grpc' || status === 200 ? undefined : `it answered with status ${status}`;
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

function segment(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
