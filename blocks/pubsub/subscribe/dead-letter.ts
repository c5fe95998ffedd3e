// Where messages go that nobody could handle: a copy under the dead letter topic of the same component, as it came from the
// broker (contract: messaging §2.8).
import { messageOf } from '../../../proto/errors.ts';
import { within } from '../../awaitable.ts';
import type { IncomingMessage } from '../broker.ts';
import type { OpenBroker } from '../brokers.ts';
import type { LimitedLog } from './log-limit.ts';
import { sendRaw } from '../publish/publish.ts';

/** Milliseconds. */
const LIMIT_MS = 30_000;

export class DeadLetters {
  /** False: there is no such topic, and `take` must not be called. */
  readonly wanted: boolean;
  readonly #broker: OpenBroker;
  readonly #topic: string;
  readonly #log: LimitedLog;

  constructor(broker: OpenBroker, topic: string, log: LimitedLog) {
    this.#broker = broker;
    this.#topic = topic;
    this.#log = log;
    this.wanted = topic !== '';
  }

  /** Whether the dead letter topic has the message now. */
  async take(message: IncomingMessage): Promise<boolean> {
    try {
      await within(LIMIT_MS, `the broker did not answer within ${LIMIT_MS / 1000} s`, sendRaw(this.#broker, this.#topic, message, { signal: AbortSignal.timeout(LIMIT_MS) }));
      return true;
    } catch (cause) {
      this.#log.error(`message ${message.id} can't be put into the dead letter topic ${this.#topic}, so it comes again: ${messageOf(cause)}`);
      return false;
    }
  }
}
