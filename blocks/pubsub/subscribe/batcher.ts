// When a batch of a bulk subscription starts: when it is full, or when its oldest message has waited long enough (contract:
// messaging §2.9). Messages of one ordering key are never in two batches that run, and keep their order within one.
import type { IncomingMessage } from '../broker.ts';
import type { Schedule } from './lanes.ts';

export interface BatchLimits {
  readonly maxMessagesCount: number;
  /** 0: a batch starts with whatever is there. */
  readonly maxAwaitDurationMs: number;
}

interface Waiting {
  readonly message: IncomingMessage;
  /** On the monotonic clock. */
  readonly since: number;
  /** Of its data and metadata, about. */
  readonly size: number;
}

/** Of what may start as one batch. */
interface Startable {
  readonly batch: readonly Waiting[];
  /** No other message would fit in. */
  readonly full: boolean;
}

/** A batch of this size is full, and a larger message is one alone: a batch travels as one request, and grows by a third in base64. */
const MAX_BATCH_BYTES = 32 << 20;

export class Batcher implements Schedule {
  readonly #limits: BatchLimits;
  readonly #start: (messages: readonly IncomingMessage[]) => void;
  #waiting: Waiting[] = [];
  /** Keys of messages that run. */
  readonly #busy = new Set<string>();
  /** The batch of each message that runs: how many of it are not done. */
  readonly #batches = new Map<IncomingMessage, { left: number; readonly keys: ReadonlySet<string> }>();
  #concurrency = 0;
  #running = 0;
  #timer: NodeJS.Timeout | undefined;
  #woken = false;
  #closed = false;

  /** @param start gets a batch; it must not throw. */
  constructor(limits: BatchLimits, start: (messages: readonly IncomingMessage[]) => void) {
    this.#limits = limits;
    this.#start = start;
  }

  open(concurrency: number): void {
    this.#concurrency = concurrency;
    this.#wake();
  }

  add(message: IncomingMessage): void {
    this.#waiting.push({ message, since: performance.now(), size: sizeOf(message) });
    this.#wake();
  }

  done(message: IncomingMessage): void {
    const batch = this.#batches.get(message);
    this.#batches.delete(message);
    if (batch === undefined || --batch.left > 0) return;
    for (const key of batch.keys) this.#busy.delete(key);
    this.#running--;
    this.#wake();
  }

  close(): IncomingMessage[] {
    this.#closed = true;
    clearTimeout(this.#timer);
    const left = this.#waiting.map(({ message }) => message);
    this.#waiting = [];
    return left;
  }

  #wake(): void {
    if (this.#woken || this.#closed) return;
    this.#woken = true;
    queueMicrotask(() => {
      this.#woken = false;
      this.#turn();
    });
  }

  #turn(): void {
    clearTimeout(this.#timer);
    while (!this.#closed && this.#running < this.#concurrency) {
      const { batch, full } = this.#startable();
      const oldest = batch[0];
      if (oldest === undefined) return;
      const leftMs = oldest.since + this.#limits.maxAwaitDurationMs - performance.now();
      if (!full && leftMs > 0) {
        this.#timer = setTimeout(() => this.#turn(), Math.ceil(leftMs));
        return;
      }
      this.#run(batch);
    }
  }

  /** The first messages whose keys are free, as many as a batch takes. */
  #startable(): Startable {
    const batch: Waiting[] = [];
    let bytes = 0;
    for (const waiting of this.#waiting) {
      const { orderKey } = waiting.message;
      if (orderKey !== undefined && this.#busy.has(orderKey)) continue;
      bytes += waiting.size;
      if (bytes > MAX_BATCH_BYTES && batch.length > 0) return { batch, full: true };
      batch.push(waiting);
      if (batch.length === this.#limits.maxMessagesCount) return { batch, full: true };
    }
    return { batch, full: false };
  }

  #run(started: readonly Waiting[]): void {
    const chosen = new Set(started);
    this.#waiting = this.#waiting.filter((waiting) => !chosen.has(waiting));
    const keys = new Set<string>();
    const batch = { left: started.length, keys };
    const messages = started.map(({ message }) => message);
    for (const message of messages) {
      this.#batches.set(message, batch);
      if (message.orderKey === undefined) continue;
      keys.add(message.orderKey);
      this.#busy.add(message.orderKey);
    }
    this.#running++;
    this.#start(messages);
  }
}

function sizeOf({ data, metadata }: IncomingMessage): number {
  let size = data.byteLength;
  for (const name in metadata) size += name.length + metadata[name]!.length;
  return size;
}
