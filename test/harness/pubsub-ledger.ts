// Pub/sub with a ledger: who publishes notes what each publish came to, who handles notes what came and how it was answered.
// Faults are injected between the two; afterwards the ledger says what was lost and what came twice.
import { PublishEventRequest } from '../../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import type { AppAnswer, AppHandler, Misbehaviour, ReceivedRequest } from './app.ts';
import { eventually } from './awaiting.ts';
import { GrpcClient, GrpcFailure } from './grpc.ts';
import type { Sidecar } from './sidecar.ts';

const PUBLISH_EVENT = '/dapr.proto.runtime.v1.Dapr/PublishEvent';

export interface PublishFailed {
  readonly protocol: 'HTTP' | 'gRPC';
  readonly number: number;
  /** `503` or `Unavailable`; `none` when there was no answer. */
  readonly code: string;
  /** The error's text and details, as JSON. */
  readonly text: string;
  readonly tookMs: number;
}

/** What an application does with a message; `arrival` counts from 1. Undefined: it handles it well. */
export type Treatment = (number: number, arrival: number, request: ReceivedRequest) => AppAnswer | Misbehaviour | undefined | Promise<AppAnswer | Misbehaviour | undefined>;

/** One topic's messages, known by numbers. */
export class Ledger {
  /** Messages whose publish was acknowledged. */
  readonly acknowledged = new Set<number>();
  /** Nobody knows whether these were published. */
  readonly failures: PublishFailed[] = [];
  /** How often each message came. */
  readonly arrivals = new Map<number, number>();
  /** How often each was answered with a good verdict. */
  readonly handled = new Map<number, number>();
  slowestPublishMs = 0;
  #next = 0;

  /** The number of the next message. */
  get next(): number {
    return this.#next;
  }
  number(): number {
    return this.#next++;
  }

  /** @param treat answers in place of the good verdict, when it answers anything. */
  handler(treat: Treatment = () => undefined): AppHandler {
    return async (request) => {
      const number = numberOf(request);
      const arrival = count(this.arrivals, number);
      const reaction = await treat(number, arrival, request);
      if (reaction === undefined) count(this.handled, number);
      return reaction;
    };
  }

  /** A good verdict for one message of a request that holds several. */
  handles(number: number): void {
    count(this.handled, number);
  }

  /** Acknowledged messages from a number on that nobody has handled. */
  missing(from = 0): number[] {
    return [...this.acknowledged].filter((number) => number >= from && !this.handled.has(number));
  }

  /** Resolves when all acknowledged messages were handled. @throws Error that names some that were not */
  async settled(timeoutMs = 20_000, from = 0): Promise<void> {
    await eventually('all acknowledged messages were handled', () => this.missing(from).length === 0, timeoutMs).catch((cause: Error) => {
      const missing = this.missing(from);
      throw new Error(`${cause.message}: ${missing.length} of ${this.acknowledged.size} are missing, ${missing.slice(0, 10).join(', ')}`, { cause });
    });
  }

  get duplicates(): number {
    return sum(this.handled) - this.handled.size;
  }

  /** One line for the terminal. */
  toString(): string {
    return `${this.acknowledged.size} acknowledged, ${this.failures.length} failed, slowest publish ${Math.round(this.slowestPublishMs)} ms; ` +
      `${sum(this.arrivals)} deliveries, ${this.handled.size} handled, ${this.duplicates} handled again, ${this.missing().length} lost`;
  }
}

export interface LoadOptions {
  readonly pubsub: string;
  readonly topic: string;
  /** Half of them speak HTTP, half gRPC. */
  readonly clients: number;
  /** Ends by itself when so many are acknowledged. */
  readonly messages?: number;
}

/** Connections that the gRPC clients share. */
const GRPC_CONNECTIONS = 2;

/** Clients that publish one message after the other, until they are stopped. */
export class PublishLoad implements AsyncDisposable {
  /** Resolves when all clients are done. */
  readonly done: Promise<unknown>;
  readonly #sidecar: Sidecar;
  readonly #ledger: Ledger;
  readonly #options: LoadOptions;
  readonly #grpc: GrpcClient[];
  #stopped = false;
  #underWay = 0;

  constructor(sidecar: Sidecar, ledger: Ledger, options: LoadOptions) {
    this.#sidecar = sidecar;
    this.#ledger = ledger;
    this.#options = options;
    this.#grpc = Array.from({ length: GRPC_CONNECTIONS }, () => new GrpcClient(sidecar.grpcAddress));
    this.done = Promise.all(Array.from({ length: options.clients }, (_, index) => this.#run(index)));
  }

  /** Resolves when this many more publishes have been acknowledged. */
  async acknowledges(messages: number, timeoutMs = 30_000): Promise<void> {
    const target = this.#ledger.acknowledged.size + messages;
    await eventually(`${messages} more publishes are acknowledged`, () => this.#ledger.acknowledged.size >= target, timeoutMs);
  }

  /** Ends it; resolves when the last call is answered. May be called twice. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.done;
    for (const client of this.#grpc) client.close();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(index: number): Promise<void> {
    const { messages = Infinity } = this.#options;
    while (!this.#stopped && this.#ledger.acknowledged.size + this.#underWay < messages) {
      this.#underWay++;
      await this.#publish(index % 2 === 0 ? 'HTTP' : 'gRPC', this.#grpc[index % GRPC_CONNECTIONS] as GrpcClient);
      this.#underWay--;
    }
  }

  async #publish(protocol: PublishFailed['protocol'], client: GrpcClient): Promise<void> {
    const ledger = this.#ledger;
    const number = ledger.number();
    const began = performance.now();
    const failure = await (protocol === 'HTTP' ? this.#overHttp(number) : this.#overGrpc(client, number));
    const tookMs = performance.now() - began;
    ledger.slowestPublishMs = Math.max(ledger.slowestPublishMs, tookMs);
    if (failure === undefined) ledger.acknowledged.add(number);
    else {
      ledger.failures.push({ protocol, number, ...failure, tookMs });
      await new Promise(setImmediate); // a refusal may cost no time at all, and others want their turn
    }
  }

  async #overHttp(number: number): Promise<Pick<PublishFailed, 'code' | 'text'> | undefined> {
    const { pubsub, topic } = this.#options;
    try {
      const { status, body } = await this.#sidecar.client.post(`/v1.0/publish/${pubsub}/${topic}`, dataOf(number), { 'Content-Type': 'application/json' });
      return status === 204 ? undefined : { code: String(status), text: body };
    } catch (cause) {
      return { code: 'none', text: String(cause) };
    }
  }

  async #overGrpc(client: GrpcClient, number: number): Promise<Pick<PublishFailed, 'code' | 'text'> | undefined> {
    const { pubsub: pubsubName, topic } = this.#options;
    const request = { pubsubName, topic, data: Buffer.from(dataOf(number)), dataContentType: 'application/json', metadata: new Map() };
    try {
      await client.bytes(PUBLISH_EVENT, PublishEventRequest.encode(request).finish());
      return undefined;
    } catch (cause) {
      return cause instanceof GrpcFailure ? { code: cause.code, text: JSON.stringify([cause.text, ...cause.details]) } : { code: 'none', text: String(cause) };
    }
  }
}

function dataOf(number: number): string {
  return `{"number":${number}}`;
}

/** Of a delivered envelope. */
export function numberOf({ json }: ReceivedRequest): number {
  return (json as { readonly data: { readonly number: number } }).data.number;
}

function count(counts: Map<number, number>, number: number): number {
  const times = (counts.get(number) ?? 0) + 1;
  counts.set(number, times);
  return times;
}

function sum(counts: ReadonlyMap<number, number>): number {
  let total = 0;
  for (const times of counts.values()) total += times;
  return total;
}
