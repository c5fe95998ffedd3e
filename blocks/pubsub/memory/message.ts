// A message of the in-memory broker while it is in a queue or handed out, and on its way to the next life.
import type { IncomingMessage, StringMap } from '../broker.ts';

/** What settles messages that were handed out. */
export interface Settler {
  /** As it is delivered: the topic subscribed to, or the pattern. */
  readonly topic: string;
  /** What ids begin with. */
  readonly life: string;
  acked(delivery: Delivery): void;
  retried(delivery: Delivery): void;
  released(delivery: Delivery): void;
}

/** One handing out of a message; the next one of the same message is another object, so that an old one can't settle it. */
export class Delivery implements IncomingMessage {
  readonly contentType = '';
  readonly number: number;
  readonly data: Uint8Array;
  readonly metadata: StringMap;
  readonly attempt: number;
  readonly #settler: Settler;

  constructor(settler: Settler, number: number, data: Uint8Array, metadata: StringMap, attempt: number) {
    this.#settler = settler;
    this.number = number;
    this.data = data;
    this.metadata = metadata;
    this.attempt = attempt;
  }

  get id(): string {
    return `${this.#settler.life}-${this.number}`;
  }

  get topic(): string {
    return this.#settler.topic;
  }

  get orderKey(): string | undefined {
    return this.metadata['partitionKey'];
  }

  next(attempt: number): Delivery {
    return new Delivery(this.#settler, this.number, this.data, this.metadata, attempt);
  }

  ack(): void {
    this.#settler.acked(this);
  }

  retry(): void {
    this.#settler.retried(this);
  }

  release(): void {
    this.#settler.released(this);
  }
}

/** What is handed over of a message beside its data. `delayMs`: until its next try; 0: it may be handed out. */
export type PackedMessage = readonly [number: number, metadata: StringMap, attempt: number, delayMs: number];

/** What a message takes beside its payload, roughly: it bounds the number of messages together with their bytes. */
const MESSAGE_BYTES = 256;

export function sizeOf(metadata: StringMap, data?: Uint8Array): number {
  let size = MESSAGE_BYTES + (data?.byteLength ?? 0);
  for (const name in metadata) size += 2 * (name.length + metadata[name]!.length);
  return size;
}
