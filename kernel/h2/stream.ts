// One stream as the server has it: its state, its windows, and what waits for the peer's window (RFC 9113 sections 5.1 and 5.2).
import type { Connection } from './connection.ts';
import { ErrorCode, type ErrorCodeValue } from './frames.ts';

/** Who answers a stream. After `onReset` nothing else comes, and what is sent goes nowhere. */
export interface StreamHandler {
  /** A piece of the body, which may be kept. `last`: the peer sends no more. Comes once with it, perhaps without a byte. */
  onData(bytes: Buffer, start: number, end: number, last: boolean): void;
  /** It ended before its time: by the peer, by us for what the peer did, or with the connection. */
  onReset(code: number): void;
  /** Nothing that was sent waits any more. Only after something has. */
  onSent(): void;
  /** The peer sends nothing, or takes nothing, for too long. */
  onStalled(): void;
}

/** What we let the peer send on a stream before we have taken any of it. */
export const STREAM_WINDOW = 256 * 1024;

export class Stream {
  readonly id: number;
  readonly connection: Connection;
  handler: StreamHandler | undefined;
  /** What the peer lets us send; negative after it took back some. */
  sendWindow: number;
  /** What we let it send. */
  receiveWindow = STREAM_WINDOW;
  /** Of `content-length`, what is still to come; negative for none. */
  expected: number;
  /** The peer has ended its half. */
  remoteEnded = false;
  /** We have ended ours, or it is gone. */
  ended = false;
  /** Bodies that wait for the peer's window, and how much of the first has left. */
  readonly waiting: Uint8Array[] = [];
  waitingAt = 0;
  waitingBytes = 0;
  /** What ends the stream once nothing waits. Encoded when it leaves: blocks count in the order in which they are sent. */
  trailers: readonly string[] | undefined;
  /** Something has moved since the last look. */
  moved = true;
  /** Of the bytes that wait, how many the budget knows of. */
  #charged = 0;
  #held = 0;
  /** Bytes taken that the peer has not been told of. */
  #taken = 0;

  constructor(connection: Connection, id: number, sendWindow: number, contentLength: number) {
    this.connection = connection;
    this.id = id;
    this.sendWindow = sendWindow;
    this.expected = contentLength;
  }

  /** HEADERS that don't end the stream. Fields that are sent often should be the same list each time. */
  sendHead(fields: readonly string[]): void {
    if (!this.ended) this.connection.sender.head(this, fields, false);
  }

  /** HEADERS that are all there is. */
  sendOnly(fields: readonly string[]): void {
    if (this.ended) return;
    this.connection.sender.head(this, fields, true);
    this.connection.finish(this);
  }

  /** A body, of which `prefix` is the beginning; both borrowed. False: it waits, and `onSent` will tell when nothing does any more. */
  sendBody(prefix: Uint8Array, body: Uint8Array): boolean {
    if (this.ended || this.connection.sender.body(this, prefix, body)) return true;
    if (this.connection.options.budget.take(this.waitingBytes - this.#charged)) this.#charged = this.waitingBytes;
    else {
      this.connection.reset(this, ErrorCode.ENHANCE_YOUR_CALM);
      this.handler?.onReset(ErrorCode.ENHANCE_YOUR_CALM);
    }
    return false;
  }

  /** Ends the stream after what waits. */
  sendTrailers(fields: readonly string[]): void {
    if (this.waiting.length > 0) this.trailers = fields;
    else this.sendOnly(fields);
  }

  /** Head, body and trailers in one. Prefix and body are borrowed. */
  sendAnswer(head: readonly string[], prefix: Uint8Array, body: Uint8Array, trailers: readonly string[]): void {
    if (this.ended) return;
    if (this.connection.sender.answer(this, head, prefix, body, trailers)) return this.connection.finish(this);
    this.sendHead(head);
    this.sendBody(prefix, body);
    this.sendTrailers(trailers);
  }

  /** Something of that size is kept for it until it is over. False: there is no room. */
  hold(bytes: number): boolean {
    if (!this.connection.options.budget.take(bytes)) return false;
    this.#held += bytes;
    return true;
  }

  /** What waited has left; its trailers follow, if it has come to them. */
  sent(): void {
    this.#settle();
    if (this.trailers === undefined) this.handler?.onSent();
    else this.sendOnly(this.trailers);
  }

  /** It is over: what waits is not sent any more. */
  forget(): void {
    this.connection.sender.forget(this);
    this.#settle();
    if (this.#held > 0) this.connection.options.budget.give(this.#held);
    this.#held = 0;
  }

  /** The handler has taken so many bytes: the peer may send as many more. */
  take(bytes: number): void {
    this.#taken += bytes;
    if (this.remoteEnded || this.ended || this.#taken < STREAM_WINDOW / 2) return;
    this.connection.sender.windowUpdate(this.id, this.#taken);
    this.receiveWindow += this.#taken;
    this.#taken = 0;
  }

  /** Ends it from our side without an answer. `onReset` doesn't run. */
  reset(code: ErrorCodeValue): void {
    if (!this.ended) this.connection.reset(this, code);
  }
  #settle(): void {
    if (this.#charged > 0) this.connection.options.budget.give(this.#charged);
    this.#charged = 0;
  }
}
