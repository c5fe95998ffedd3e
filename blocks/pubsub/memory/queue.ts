// The messages of one subscription to the in-memory broker: a bounded queue, what is handed out of it, and what waits to be
// tried again. It may be without its subscription for a while: then it keeps what it has and what comes.
import type { Item } from '../../handing.ts';
import { backoffMs, Waiting } from '../backoff.ts';
import type { OutgoingMessage, Sink, StringMap } from '../broker.ts';
import { Fifo } from '../fifo.ts';
import { Delivery, sizeOf, type PackedMessage, type Settler } from './message.ts';

export interface QueueOptions {
  /** As it is delivered: the topic subscribed to, or the pattern. */
  readonly topic: string;
  /** What ids begin with. */
  readonly life: string;
  /** For all messages of the queue, handed out or not. */
  readonly maxBytes: number;
}

/** Who gets the messages. */
export interface Taker {
  readonly sink: Sink;
  readonly maxUnsettled: number;
}

const BACKOFF = { minMs: 100, maxMs: 30_000 } as const;
/** How long a publish waits for room. Milliseconds. */
const MAX_WAIT_MS = 10_000;
/** Publishes that may wait for room at a time. */
const MAX_PUBLISHERS = 10_000;
/** How full it may become, in times its size, while nobody may wait. */
const OVERFULL = 2;
const NO_METADATA: StringMap = {};

/** A publish that waits for room. */
interface Publisher {
  readonly number: number;
  readonly message: OutgoingMessage;
  readonly untilMs: number;
  readonly resolve: () => void;
  readonly reject: (cause: Error) => void;
}

export class MemoryQueue implements Settler {
  readonly topic: string;
  readonly life: string;
  readonly #maxBytes: number;
  /** Handed out before all others: released, in their order; at most `maxUnsettled`. */
  #released: Delivery[] = [];
  /** Their backoff is over. */
  readonly #again = new Fifo<Delivery>();
  readonly #queue = new Fifo<Delivery>();
  readonly #waiting = new Waiting<Delivery>((due) => this.#due(due));
  /** Handed out and not settled. */
  readonly #out = new Set<Delivery>();
  readonly #publishers = new Fifo<Publisher>();
  #patience: NodeJS.Timeout | undefined;
  #bytes = 0;
  #taker: Taker | undefined;
  #paused = false;
  /** Nobody waits for room. */
  #hurried = false;
  #handingOut = false;

  constructor({ topic, life, maxBytes }: QueueOptions) {
    this.topic = topic;
    this.life = life;
    this.#maxBytes = maxBytes;
  }

  /** Whether somebody gets its messages. */
  get isTaken(): boolean {
    return this.#taker !== undefined;
  }

  /**
   * Takes a message in, at once if there is room.
   * @param number the broker's, growing: makes the id
   * @returns a promise while there is no room; it rejects when there is none in time
   */
  put(number: number, message: OutgoingMessage): Promise<void> | undefined {
    if (this.#publishers.length === 0 && this.#hasRoom(message)) {
      this.#take(number, message);
      return undefined;
    }
    if (this.#hurried || this.#publishers.length >= MAX_PUBLISHERS) return Promise.reject(this.#full());
    return new Promise((resolve, reject) => {
      this.#publishers.push({ number, message, untilMs: performance.now() + MAX_WAIT_MS, resolve, reject });
      this.#patience ??= setTimeout(() => this.#giveUp(), MAX_WAIT_MS).unref();
    });
  }

  /** Hands out to the taker from a later turn on. */
  attach(taker: Taker): void {
    this.#taker = taker;
    this.#paused = false;
    if (this.#released.length + this.#again.length + this.#queue.length > 0) setImmediate(() => this.#handOut()); // whoever subscribes knows the subscription before its first message
  }

  /** From now on nothing is handed out. */
  pause(): void {
    this.#paused = true;
  }

  /** There is no taker any more: what is handed out is here again, as if it never had been. */
  detach(): void {
    this.#taker = undefined;
    this.#released = this.#front();
    this.#out.clear();
  }

  /**
   * Nobody may wait for room from now on, because nothing is handed out that would make any: there is more of it instead, and
   * then none at all. Or as before.
   */
  hurry(hurried: boolean): void {
    this.#hurried = hurried;
    if (!hurried) return;
    this.#admit();
    for (let publisher = this.#publishers.shift(); publisher !== undefined; publisher = this.#publishers.shift()) publisher.reject(this.#full());
  }

  /** Forgets all messages: their subscription is gone. */
  drop(): void {
    this.#taker = undefined;
    clearTimeout(this.#patience);
    this.#waiting.clear();
    this.#queue.clear();
    this.#again.clear();
    this.#released.length = 0;
    this.#out.clear();
    this.#bytes = 0;
    for (let publisher = this.#publishers.shift(); publisher !== undefined; publisher = this.#publishers.shift()) publisher.resolve(); // nobody subscribes any more
  }

  /** All messages, in the order in which they are to be handed out; who gets them by `restore` goes on as this one would. */
  *pack(): Iterable<Item<PackedMessage>> {
    for (const delivery of this.#front()) yield packed(delivery, 0);
    for (const delivery of this.#again) yield packed(delivery, 0);
    for (const delivery of this.#queue) yield packed(delivery, 0);
    for (const [delivery, delayMs] of this.#waiting.entries()) yield packed(delivery, Math.max(1, delayMs));
  }

  /** Before anything else is in it. */
  restore([number, metadata, attempt, delayMs]: PackedMessage, data: Uint8Array): void {
    const delivery = new Delivery(this, number, data, metadata, attempt);
    this.#bytes += sizeOf(metadata, data);
    if (delayMs > 0) this.#waiting.add(delivery, delayMs);
    else this.#again.push(delivery);
  }

  acked(delivery: Delivery): void {
    if (!this.#out.delete(delivery)) return;
    this.#bytes -= sizeOf(delivery.metadata, delivery.data);
    if (this.#publishers.length > 0) this.#admit();
    this.#handOut();
  }

  retried(delivery: Delivery): void {
    if (!this.#out.delete(delivery)) return;
    const attempt = delivery.attempt + 1;
    this.#waiting.add(delivery.next(attempt), backoffMs(attempt, BACKOFF));
    this.#handOut();
  }

  released(delivery: Delivery): void {
    if (!this.#out.delete(delivery)) return;
    const list = this.#released;
    let at = list.length;
    while (at > 0 && list[at - 1]!.number > delivery.number) at--;
    list.splice(at, 0, delivery.next(delivery.attempt));
    // not at once: a taker that releases whatever it gets would never end
    setImmediate(() => this.#handOut());
  }

  #take(number: number, { data, metadata = NO_METADATA }: OutgoingMessage): void {
    this.#bytes += sizeOf(metadata, data);
    this.#queue.push(new Delivery(this, number, data, metadata, 0));
    this.#handOut();
  }

  /** What was released, and what would be if nobody settled it. */
  #front(): Delivery[] {
    const back = [...this.#out].map((delivery) => delivery.next(delivery.attempt));
    return [...this.#released, ...back].toSorted((one, other) => one.number - other.number);
  }

  /** A message larger than the whole queue passes alone. */
  #hasRoom({ data, metadata = NO_METADATA }: OutgoingMessage): boolean {
    return this.#bytes === 0 || this.#bytes + sizeOf(metadata, data) <= this.#maxBytes * (this.#hurried ? OVERFULL : 1);
  }

  /** Lets in those who waited, as far as there is room. */
  #admit(): void {
    for (let first = this.#publishers.peek(); first !== undefined && this.#hasRoom(first.message); first = this.#publishers.peek()) {
      this.#publishers.shift();
      this.#take(first.number, first.message);
      first.resolve();
    }
    if (this.#publishers.length > 0) return;
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }

  #giveUp(): void {
    this.#patience = undefined;
    const now = performance.now();
    for (let first = this.#publishers.peek(); first !== undefined; first = this.#publishers.peek()) {
      if (first.untilMs > now) {
        this.#patience = setTimeout(() => this.#giveUp(), first.untilMs - now + 1).unref();
        return;
      }
      this.#publishers.shift();
      first.reject(this.#full());
    }
  }

  #full(): Error {
    return new Error(`the queue of the subscription to "${this.topic}" is full: its messages take ${this.#bytes} of ${this.#maxBytes} bytes (maxQueueBytes), and are not acknowledged fast enough`);
  }

  #due(due: readonly Delivery[]): void {
    for (const delivery of due) this.#again.push(delivery);
    this.#handOut();
  }

  /** A taker may settle, or publish, while it is handed a message: the loop that runs goes on with what came of that. */
  #handOut(): void {
    if (this.#handingOut) return;
    this.#handingOut = true;
    try {
      for (let taker = this.#taker; taker !== undefined && !this.#paused && this.#out.size < taker.maxUnsettled; taker = this.#taker) {
        const delivery = this.#released.shift() ?? this.#again.shift() ?? this.#queue.shift();
        if (delivery === undefined) return;
        this.#out.add(delivery);
        taker.sink.deliver(delivery);
      }
    } finally {
      this.#handingOut = false;
    }
  }
}

function packed({ number, data, metadata, attempt }: Delivery, delayMs: number): Item<PackedMessage> {
  return [[number, metadata, attempt, delayMs], data];
}
