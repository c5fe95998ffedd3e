// A stream whose first message says which compartment it is for: that message is waited for, then the stream is opened there,
// gets it before anything else, and is an ordinary one from then on.
import type { Failure, GrpcCode } from '../proto/errors.ts';
import type { CallRequest, StreamAnswer, StreamTicket } from './call.ts';
import type { Seat } from './seat.ts';

export interface UndecidedOptions {
  /** Where a stream belongs that begins with this message; undefined: with none at all. */
  readonly seatOf: (first: Uint8Array | undefined) => Seat;
  /** Runs when the stream has been opened or given up; perhaps twice. */
  readonly decided: (stream: UndecidedStream) => void;
}

export class UndecidedStream implements StreamTicket, StreamAnswer {
  readonly #request: CallRequest;
  readonly #answer: StreamAnswer;
  readonly #options: UndecidedOptions;
  readonly #createdMs = performance.now();
  #ticket: StreamTicket | undefined;
  /** Came, and has not been sent on. */
  #first: Uint8Array | undefined;
  #halfClosed = false;
  /** The seat has said that it takes messages, and what waited here has gone out. */
  #open = false;
  #hasCredit = false;
  #over = false;

  constructor(request: CallRequest, answer: StreamAnswer, options: UndecidedOptions) {
    this.#request = request;
    this.#answer = answer;
    this.#options = options;
  }

  /** Asks for the first message. */
  begin(): void {
    this.#answer.onCredit();
  }

  send(message: Uint8Array): boolean {
    if (this.#open) return this.#ticket?.send(message) ?? false;
    if (this.#over || this.#ticket !== undefined) return false; // nobody sends without credit
    this.#first = message;
    return this.#decide();
  }

  halfClose(): void {
    if (this.#over || this.#halfClosed) return;
    this.#halfClosed = true;
    if (this.#open) this.#ticket?.halfClose();
    else if (this.#ticket === undefined) void this.#decide();
  }

  grant(messages: number): void {
    this.#ticket?.grant(messages);
  }

  cancel(): void {
    if (this.#over) return;
    this.#end();
    this.#ticket?.cancel();
  }

  onCredit(): void {
    if (this.#over) return;
    if (this.#open) return this.#answer.onCredit();
    this.#hasCredit = true;
    if (this.#forward()) this.#answer.onCredit();
  }

  onMessage(message: Uint8Array): void {
    this.#answer.onMessage(message);
  }

  onEnd(): void {
    this.#end();
    this.#answer.onEnd();
  }

  onFailure(code: GrpcCode, message: string, details: Uint8Array | undefined): void {
    this.#end();
    this.#answer.onFailure(code, message, details);
  }

  onRefusal(failure: Failure): void {
    this.#end();
    this.#answer.onRefusal(failure);
  }

  /** Opens the stream. True: it took what waited here at once, and takes more. */
  #decide(): boolean {
    const { seatOf, decided } = this.#options;
    const { deadlineMs } = this.#request;
    const waitedMs = performance.now() - this.#createdMs;
    const request = deadlineMs > 0 ? { ...this.#request, deadlineMs: Math.max(1, deadlineMs - waitedMs) } : this.#request;
    decided(this);
    this.#ticket = seatOf(this.#first).openStream(request, this);
    return this.#forward(); // it may have had credit at once
  }

  /** Sends on what waits here, once there are both a ticket and credit. True: more may be sent. */
  #forward(): boolean {
    if (this.#ticket === undefined || !this.#hasCredit || this.#open || this.#over) return false;
    this.#open = true;
    const first = this.#first;
    this.#first = undefined;
    const room = first === undefined || this.#ticket.send(first);
    if (this.#halfClosed) this.#ticket.halfClose();
    return room && !this.#halfClosed;
  }

  #end(): void {
    this.#over = true;
    this.#first = undefined;
    if (this.#ticket === undefined) this.#options.decided(this);
  }
}
