// A subscriber over gRPC: one message for each step of changes, as fast as the client takes them. The stream's end is the
// subscription's.
import type { ApiError } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import type { StreamCall } from '../block.ts';
import type { Portion } from './backlog.ts';
import { subscribeMessage } from './grpc.ts';
import type { KnownItem } from './known-item.ts';
import type { Sink, Subscription } from './subscription.ts';

/** A step that is larger goes in several messages: clients take no more than 4 MiB, unless they say so. */
const MESSAGE_BYTES = 1024 * 1024;
const PORTION: Portion = { items: Infinity, merged: Infinity, size: MESSAGE_BYTES, sizeOf: ({ entry }: KnownItem) => entry.length };

export class ConfigStream implements Sink {
  readonly #call: StreamCall;
  readonly #subscription: Subscription;
  readonly #maxBytes: number;
  #hasCredit = true;
  #begun: (failure?: ApiError) => void;

  /**
   * @param maxBytes of a message; nothing larger can be sent
   * @param begun hears once that the subscription stands, or why it never will
   */
  constructor(call: StreamCall, subscription: Subscription, maxBytes: number, begun: (failure?: ApiError) => void = () => {}) {
    this.#begun = begun;
    this.#call = call;
    this.#subscription = subscription;
    this.#maxBytes = maxBytes;
    call.onCancel = () => subscription.leave();
    call.onCredit = () => {
      this.#hasCredit = true;
      this.pump();
    };
  }

  ready(): void {
    this.#hear();
    this.#hasCredit = this.#call.send(subscribeMessage(this.#subscription.id, []));
  }

  pump(): void {
    while (this.#hasCredit) {
      const items = this.#subscription.next(PORTION);
      if (items === undefined) return;
      const message = subscribeMessage(this.#subscription.id, items);
      if (message.length > this.#maxBytes) return this.#fail(FAIL.configurationTooLarge(this.#subscription.store, message.length, this.#maxBytes));
      this.#hasCredit = this.#call.send(message);
      for (const item of items) this.#subscription.told(item);
    }
  }

  refused(cause: Error): void {
    const { keys, store } = this.#subscription;
    const failure = FAIL.configurationSubscribe(keys === 'all' ? [] : keys, store, cause.message).because(cause);
    this.#hear(failure);
    this.#fail(failure);
  }

  end(): void {
    this.#call.end();
  }

  close(): void {
    this.#fail(FAIL.configurationClosed(this.#subscription.store));
  }

  #hear(failure?: ApiError): void {
    this.#begun(failure);
    this.#begun = () => {};
  }

  #fail(error: ApiError): void {
    this.#hasCredit = false;
    this.#subscription.leave();
    this.#call.fail(error);
  }
}
