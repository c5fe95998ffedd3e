// One subscription of the in-memory broker: a bounded queue, what is handed out of it, and what waits to be tried again.
import { backoffMs, Waiting } from '../backoff.ts';
import type { BrokerSubscription, IncomingMessage, OutgoingMessage, Sink, StringMap } from '../broker.ts';
import { Fifo } from '../fifo.ts';

export interface QueueOptions {
  /** As it is delivered: the topic subscribed to, or the pattern. */
  readonly topic: string;
  /** What ids begin with. */
  readonly life: string;
  /** For all messages of the queue, handed out or not. */
  readonly maxBytes: number;
  readonly concurrency: number;
  readonly maxUnsettled: number;
}

const BACKOFF = { minMs: 100, maxMs: 30_000 } as const;
/** What a message takes beside its payload, roughly: it bounds the number of messages together with their bytes. */
const MESSAGE_BYTES = 256;
/** How long a publish waits for room. Milliseconds. */
const MAX_WAIT_MS = 10_000;
/** Publishes that may wait for room at a time. */
const MAX_PUBLISHERS = 10_000;
const NO_METADATA: StringMap = {};

/** A publish that waits for room. */
interface Publisher {
  readonly number: number;
  readonly message: OutgoingMessage;
  readonly untilMs: number;
  readonly resolve: () => void;
  readonly reject: (cause: Error) => void;
}

export class MemoryQueue implements BrokerSubscription {
  readonly options: QueueOptions;
  readonly #sink: Sink;
  readonly #onClose: () => void;
  /** Handed out before all others: released, in their order; at most `maxUnsettled`. */
  readonly #released: Delivery[] = [];
  /** Their backoff is over. */
  readonly #again = new Fifo<Delivery>();
  readonly #queue = new Fifo<Delivery>();
  readonly #waiting = new Waiting<Delivery>((due) => this.#due(due));
  readonly #publishers = new Fifo<Publisher>();
  #patience: NodeJS.Timeout | undefined;
  #unsettled = 0;
  #bytes = 0;
  #paused = false;
  #closed = false;
  #handingOut = false;

  constructor(options: QueueOptions, sink: Sink, onClose: () => void) {
    this.options = options;
    this.#sink = sink;
    this.#onClose = onClose;
  }

  get concurrency(): number {
    return this.options.concurrency;
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
    if (this.#publishers.length >= MAX_PUBLISHERS) return Promise.reject(this.#full());
    return new Promise((resolve, reject) => {
      this.#publishers.push({ number, message, untilMs: performance.now() + MAX_WAIT_MS, resolve, reject });
      this.#patience ??= setTimeout(() => this.#giveUp(), MAX_WAIT_MS).unref();
    });
  }

  pause(): void {
    this.#paused = true;
  }

  /** There is nowhere to put messages back to: they are gone with their subscription. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#paused = true;
    this.#closed = true;
    this.#onClose();
    clearTimeout(this.#patience);
    this.#waiting.clear();
    this.#queue.clear();
    this.#again.clear();
    this.#released.length = 0;
    for (let publisher = this.#publishers.shift(); publisher !== undefined; publisher = this.#publishers.shift()) publisher.resolve(); // nobody subscribes any more
  }

  acked(delivery: Delivery): void {
    if (this.#closed) return;
    this.#unsettled--;
    this.#bytes -= sizeOf(delivery.data, delivery.metadata);
    if (this.#publishers.length > 0) this.#admit();
    this.#handOut();
  }

  retried(delivery: Delivery): void {
    if (this.#closed) return;
    this.#unsettled--;
    const attempt = delivery.attempt + 1;
    this.#waiting.add(delivery.next(attempt), backoffMs(attempt, BACKOFF));
    this.#handOut();
  }

  released(delivery: Delivery): void {
    if (this.#closed) return;
    this.#unsettled--;
    const list = this.#released;
    let at = list.length;
    while (at > 0 && list[at - 1]!.number > delivery.number) at--;
    list.splice(at, 0, delivery.next(delivery.attempt));
    // not at once: a taker that releases whatever it gets would never end
    setImmediate(() => this.#handOut());
  }

  #take(number: number, { data, metadata = NO_METADATA }: OutgoingMessage): void {
    this.#bytes += sizeOf(data, metadata);
    this.#queue.push(new Delivery(this, number, data, metadata, 0));
    this.#handOut();
  }

  /** A message larger than the whole queue passes alone. */
  #hasRoom({ data, metadata = NO_METADATA }: OutgoingMessage): boolean {
    return this.#bytes === 0 || this.#bytes + sizeOf(data, metadata) <= this.options.maxBytes;
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
    return new Error(`the queue of the subscription to "${this.options.topic}" is full: its messages take ${this.#bytes} of ${this.options.maxBytes} bytes (maxQueueBytes), and are not acknowledged fast enough`);
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
      while (!this.#paused && this.#unsettled < this.options.maxUnsettled) {
        const delivery = this.#released.shift() ?? this.#again.shift() ?? this.#queue.shift();
        if (delivery === undefined) return;
        this.#unsettled++;
        this.#sink.deliver(delivery);
      }
    } finally {
      this.#handingOut = false;
    }
  }
}

/** One handing out of a message; the next one of the same message is another object, so that an old one can't settle it. */
class Delivery implements IncomingMessage {
  readonly contentType = '';
  readonly number: number;
  readonly data: Uint8Array;
  readonly metadata: StringMap;
  readonly attempt: number;
  readonly #queue: MemoryQueue;
  #settled = false;

  constructor(queue: MemoryQueue, number: number, data: Uint8Array, metadata: StringMap, attempt: number) {
    this.#queue = queue;
    this.number = number;
    this.data = data;
    this.metadata = metadata;
    this.attempt = attempt;
  }

  get id(): string {
    return `${this.#queue.options.life}-${this.number}`;
  }

  get topic(): string {
    return this.#queue.options.topic;
  }

  get orderKey(): string | undefined {
    return this.metadata['partitionKey'];
  }

  next(attempt: number): Delivery {
    return new Delivery(this.#queue, this.number, this.data, this.metadata, attempt);
  }

  ack(): void {
    if (this.#settle()) this.#queue.acked(this);
  }

  retry(): void {
    if (this.#settle()) this.#queue.retried(this);
  }

  release(): void {
    if (this.#settle()) this.#queue.released(this);
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    return true;
  }
}

function sizeOf(data: Uint8Array, metadata: StringMap): number {
  let size = MESSAGE_BYTES + data.byteLength;
  for (const name in metadata) size += 2 * (name.length + metadata[name]!.length);
  return size;
}
