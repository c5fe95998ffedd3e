// When a message's delivery may start: so many at a time, and those of one ordering key one after the other.
import type { IncomingMessage } from '../broker.ts';

/** Decides when messages start. Each message that started is reported back by `done`, once. */
export interface Schedule {
  /** From now on messages start, `concurrency` deliveries at a time. */
  open(concurrency: number): void;
  add(message: IncomingMessage): void;
  done(message: IncomingMessage): void;
  /** Nothing starts any more. Returns what never started; those of one key in their order. */
  close(): IncomingMessage[];
}

/** Every message is a delivery of its own. Those that can start in one turn start together. */
export class Lanes implements Schedule {
  readonly #start: (messages: readonly IncomingMessage[]) => void;
  /** Free to start, in order. */
  #ready: IncomingMessage[] = [];
  /** By key: what waits behind the message that is ready or runs. */
  readonly #behind = new Map<string, IncomingMessage[]>();
  #concurrency = 0;
  #running = 0;
  #woken = false;
  #closed = false;

  /** @param start gets a turn's messages; it must not throw. */
  constructor(start: (messages: readonly IncomingMessage[]) => void) {
    this.#start = start;
  }

  open(concurrency: number): void {
    this.#concurrency = concurrency;
    this.#wake();
  }

  add(message: IncomingMessage): void {
    const { orderKey } = message;
    if (orderKey !== undefined) {
      const behind = this.#behind.get(orderKey);
      if (behind !== undefined) {
        behind.push(message);
        return;
      }
      this.#behind.set(orderKey, []);
    }
    this.#ready.push(message);
    this.#wake();
  }

  done({ orderKey }: IncomingMessage): void {
    this.#running--;
    if (orderKey !== undefined) {
      const next = this.#behind.get(orderKey)?.shift();
      if (next === undefined) this.#behind.delete(orderKey);
      else this.#ready.push(next);
    }
    this.#wake();
  }

  close(): IncomingMessage[] {
    this.#closed = true;
    const left = [...this.#ready, ...[...this.#behind.values()].flat()];
    this.#ready = [];
    this.#behind.clear();
    return left;
  }

  /** At the end of the turn, so that what a broker hands out at once starts at once. */
  #wake(): void {
    if (this.#woken || this.#closed || this.#ready.length === 0 || this.#running >= this.#concurrency) return;
    this.#woken = true;
    queueMicrotask(() => {
      this.#woken = false;
      const messages = this.#ready.splice(0, Math.max(0, this.#concurrency - this.#running));
      if (messages.length === 0) return;
      this.#running += messages.length;
      this.#start(messages);
    });
  }
}
