// One streamed gRPC call between its client and a seat: neither side is read faster than the other takes, so what is under
// way is bounded by the credit in both directions.
import type { Readable, Writable } from 'node:stream';
import { INITIAL_CREDIT } from '../../ipc/calls.ts';
import { Grpc, type Failure, type GrpcCode } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import { statusDetails } from '../../proto/status.ts';
import type { ApiCounts } from '../metrics/server-counts.ts';
import type { CallRequest, StreamAnswer, StreamTicket } from '../seat.ts';
import type { Switch } from '../switch.ts';

/** The client, as its listener knows it. */
export interface StreamClient {
  /** Where errors of the kernel's own are counted. */
  readonly counts?: ApiCounts | undefined;
  /** Its messages, owned; undefined where the request is the only one. */
  readonly messages: Readable | undefined;
  /** Where messages to it go; ending it is the status OK. */
  readonly answers: Writable;
  /** Ends the call with another status, after what was written. Details are borrowed. */
  readonly fail: (code: GrpcCode, message: string, details: Uint8Array | undefined) => void;
  /** The call is over; runs once. */
  readonly finished: (code: GrpcCode) => void;
}

/** The block may send this many more once the client took as many: half of what it starts with, so that it never waits. */
const GRANT = INITIAL_CREDIT / 2;

export class GrpcStream implements StreamAnswer {
  readonly #client: StreamClient;
  readonly #block: string;
  #ticket: StreamTicket | undefined;
  #taken = 0;
  #over = false;

  /** @param block which owns the method. */
  constructor(block: string, client: StreamClient) {
    this.#block = block;
    this.#client = client;
  }

  open(dispatch: Switch, request: CallRequest): void {
    const { messages } = this.#client;
    if (messages !== undefined) {
      messages.pause(); // until there is credit: nothing is read before the block has the call
      messages.on('data', (message: Buffer) => {
        if (this.#ticket?.send(message) !== true) messages.pause();
      });
      // A client that was cut off ends its messages too, and what tells that apart comes in the same turn.
      messages.once('end', () => setImmediate(() => this.#ticket?.halfClose()));
    }
    this.#ticket = dispatch.openStream(request, this);
  }

  /** The client left, or its deadline passed. */
  cancelled(code: GrpcCode): void {
    if (this.#over) return;
    this.#over = true;
    this.#ticket?.cancel();
    this.#client.finished(code);
  }

  /** Ends the call from our side. */
  shutDown(): void {
    if (this.#over) return;
    this.#ticket?.cancel();
    this.onRefusal(shuttingDown(this.#block));
  }

  onCredit(): void {
    this.#client.messages?.resume();
  }

  onMessage(message: Uint8Array): void {
    if (!this.#over) this.#client.answers.write(Buffer.from(message), this.#written); // borrowed, and written later
  }

  onEnd(): void {
    if (this.#over) return;
    this.#over = true;
    this.#client.answers.end();
    this.#client.finished(Grpc.OK);
  }

  onFailure(code: GrpcCode, message: string, details: Uint8Array | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#client.fail(code, message, details);
    this.#client.finished(code);
  }

  onRefusal(failure: Failure): void {
    if (!this.#over) this.#client.counts?.error(failure);
    this.onFailure(failure.grpc, failure.message, statusDetails(failure));
  }

  /** A message has left for the client, as fast as the client's own flow control lets it. */
  readonly #written = (cause?: Error | null): void => {
    if (cause || this.#over || ++this.#taken < GRANT) return; // a failed write is the end of the call, which is told apart
    this.#taken = 0;
    this.#ticket?.grant(GRANT);
  };
}

/** What a stream is told that is open, or comes, when the sidecar stops. */
export const shuttingDown = (block: string): Failure => FAIL.blockUnavailable(block, 'the sidecar is shutting down').failure;
