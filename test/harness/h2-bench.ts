// A connection of kernel/h2 without a socket, its application and its peer's eyes: what goes in and what comes out is checked
// frame by frame (h2-checker.ts).
import { Budget } from '../../kernel/h2/budget.ts';
import { Connection, type Application } from '../../kernel/h2/connection.ts';
import type { Transport } from '../../kernel/h2/output.ts';
import type { RequestHead } from '../../kernel/h2/request-head.ts';
import type { Stream, StreamHandler } from '../../kernel/h2/stream.ts';
import type { Behaviour } from './h2-chance.ts';
import { OutputChecker } from './h2-checker.ts';
import { Code, grpcMessage } from './h2-wire.ts';

export const MAX_STREAMS = 20;
const MAX_HEADER_BYTES = 4_096;
/** Answers that wait for windows, of one connection. */
const BUDGET_BYTES = 400_000;
const HEAD: readonly string[] = [':status', '200', 'content-type', 'application/grpc'];
const OK: readonly string[] = ['grpc-status', '0'];
const REFUSED: readonly string[] = [...HEAD, 'grpc-status', '12', 'grpc-message', 'nothing of that kind'];
const NO_PREFIX = Buffer.alloc(0);
const PIECE = grpcMessage(Buffer.alloc(100, 'piece'));

export interface BenchOptions {
  /** The system takes what is written only when `takeOff` is called; else at once. */
  readonly isSlow: boolean;
  /** Of the largest answers. */
  readonly largeBytes: number;
  /** Applications answer within the turn, all of them. */
  readonly isPrompt: boolean;
}

/** Checks as well that handlers run in the order that the contract of kernel/h2 promises. */
export class Bench implements Transport, Application {
  readonly checker = new OutputChecker({ isRead: true });
  readonly connection: Connection;
  readonly budget = new Budget(BUDGET_BYTES);
  /** Whatever must not be, beside what the checker says. */
  readonly faults: string[] = [];
  /** Requests that the application was given. */
  opened = 0;
  /** The connection said that it ended for what the peer did. */
  failures = 0;
  ended = false;
  destroyed = false;
  paused = false;
  /** Highest number of bytes that waited for windows. */
  mostHeld = 0;
  readonly options: BenchOptions;
  readonly large: Buffer;
  readonly #later: (() => void)[] = [];
  readonly #handlers = new Set<BenchHandler>();
  /** Writes whose callback waits: the system takes bytes when it likes. */
  readonly #untaken: { readonly bytes: number; readonly done: () => void }[] = [];

  constructor(options: BenchOptions) {
    this.options = options;
    this.large = Buffer.alloc(options.largeBytes, 'large');
    this.connection = new Connection(this, { application: this, maxStreams: MAX_STREAMS, maxHeaderBytes: MAX_HEADER_BYTES, budget: this.budget, onFail: () => this.failures++, onBug: (cause) => this.faults.push(`onBug: ${(cause as Error).stack}`) });
  }

  /** A chunk comes off the wire. */
  feed(chunk: Buffer): void {
    if (this.ended || this.destroyed) return;
    this.checker.sent(chunk);
    try {
      this.connection.take(chunk);
    } catch (cause) {
      this.faults.push(`thrown: ${(cause as Error).stack}`);
    }
    this.mostHeld = Math.max(this.mostHeld, this.budget.used);
    if (this.connection.streams > MAX_STREAMS) this.faults.push(`${this.connection.streams} streams`);
  }

  /** Runs what applications do later, and lets the system take what it has. */
  takeOff(): void {
    for (const act of this.#later.splice(0)) act();
    for (const { done } of this.#untaken.splice(0)) done();
    this.connection.drained();
  }

  /** A client that did nothing wrong, and waited: whoever has its whole request was told so, and it got no error. */
  expectServed(): void {
    if (this.checker.goAwayCode !== undefined) this.faults.push(`a client that did nothing wrong was told ${this.checker.goAwayCode}`);
    for (const handler of this.#handlers) if (this.checker.client.hasEnded(handler.stream.id) && !handler.sawLast) this.faults.push(`the request on stream ${handler.stream.id} has ended, and nobody was told`);
  }

  /** The peer has left. Everything must be over then. */
  leave(): void {
    this.connection.closed();
    for (const act of this.#later.splice(0)) act();
    const { goAwayCode } = this.checker;
    if (this.failures !== (goAwayCode === undefined || goAwayCode === Code.NO_ERROR ? 0 : 1)) this.faults.push(`told of ${this.failures} failures, GOAWAY ${goAwayCode}`);
    if (this.failures > 0 && !this.ended) this.faults.push('a failed connection that is not closed');
    if (!this.connection.over) this.faults.push('not over');
    if (this.connection.streams > 0) this.faults.push(`${this.connection.streams} streams are left`);
    if (this.budget.used !== 0) this.faults.push(`${this.budget.used} bytes of the budget are left`);
    if (this.#handlers.size > 0) this.faults.push(`${this.#handlers.size} handlers were never told of the end`);
  }

  // The application.

  open(stream: Stream, head: RequestHead): void {
    this.opened++;
    const sent = this.checker.client.requestOn(stream.id) ?? [];
    const at = sent.findLastIndex((name, index) => index % 2 === 0 && name.startsWith(':')) + 2;
    // Blanks around a value are not part of it.
    const meant = sent.slice(at).map((text, index) => (index % 2 === 0 ? text : text.replace(/^[\t ]+|[\t ]+$/g, '')));
    if (String(meant) !== String(head.fields) || sent[sent.indexOf(':path') + 1] !== head.path) this.faults.push(`stream ${stream.id} was opened with ${String(head.fields)}, the client sent ${String(sent)}`);
    const handler = new BenchHandler(this, stream, head.path.slice(head.path.lastIndexOf('/') + 1) as Behaviour);
    this.#handlers.add(handler);
    stream.handler = handler;
    handler.begin();
  }

  openTooLarge(stream: Stream): void {
    stream.sendOnly(REFUSED);
  }

  /** Runs it when applications do what takes them a while. */
  later(act: () => void): void {
    if (this.options.isPrompt) act();
    else this.#later.push(act);
  }

  over(handler: BenchHandler): void {
    this.#handlers.delete(handler);
  }

  // The socket.

  write(bytes: Uint8Array, done: () => void): boolean {
    if (this.ended) this.faults.push('written after the end');
    this.checker.received(Buffer.from(bytes));
    if (this.options.isSlow) this.#untaken.push({ bytes: bytes.length, done });
    else done();
    return this.writableLength < 16_384;
  }
  get writableLength(): number {
    return this.#untaken.reduce((sum, { bytes }) => sum + bytes, 0);
  }
  cork(): void {}
  uncork(): void {}
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  end(): void {
    this.ended = true;
  }
  destroy(): void {
    this.destroyed = true;
  }
}

class BenchHandler implements StreamHandler {
  readonly #bench: Bench;
  /** What it answers. */
  readonly stream: Stream;
  readonly #behaviour: Behaviour;
  /** Of the request. */
  sawLast = false;
  #isReset = false;
  #waits = false;

  constructor(bench: Bench, stream: Stream, behaviour: Behaviour) {
    this.#bench = bench;
    this.stream = stream;
    this.#behaviour = behaviour;
  }

  begin(): void {
    if (this.#behaviour === 'refuse') {
      this.stream.sendOnly(REFUSED);
      this.#done();
    } else if (this.#behaviour === 'stream') {
      this.stream.sendHead(HEAD);
    }
  }

  onData(bytes: Buffer, start: number, end: number, last: boolean): void {
    if (this.#isReset) this.#bench.faults.push('onData after onReset');
    if (this.sawLast) this.#bench.faults.push('onData after the last');
    if (start < 0 || end < start || end > bytes.length) this.#bench.faults.push(`onData of ${start} to ${end} of ${bytes.length}`);
    this.sawLast = last;
    if (this.#behaviour !== 'greedy') this.stream.take(end - start);
    if (this.#behaviour === 'reset' && !this.stream.ended) {
      this.stream.reset(Code.INTERNAL_ERROR);
      this.#done();
    }
    if (last) this.#answer();
  }

  #answer(): void {
    const stream = this.stream;
    switch (this.#behaviour) {
      case 'unary': case 'greedy':
        stream.sendAnswer(HEAD, PIECE.subarray(0, 5), PIECE.subarray(5), OK);
        return this.#done();
      case 'large':
        stream.sendAnswer(HEAD, grpcMessage(this.#bench.large).subarray(0, 5), this.#bench.large, OK);
        return this.#done();
      case 'stream': {
        for (let count = 0; count < 20; count++) this.#waits = !stream.sendBody(NO_PREFIX, PIECE) || this.#waits;
        stream.sendTrailers(OK);
        return this.#done();
      }
      case 'later':
        this.#bench.later(() => {
          stream.sendAnswer(HEAD, NO_PREFIX, PIECE, OK);
          this.#done();
        });
        return;
      default: // never
    }
  }

  onReset(code: number): void {
    if (this.#isReset) this.#bench.faults.push('onReset twice');
    if (!Number.isInteger(code)) this.#bench.faults.push(`onReset with ${code}`);
    this.#isReset = true;
    this.#done();
  }

  onSent(): void {
    if (!this.#waits) this.#bench.faults.push('onSent when nothing waited');
  }

  onStalled(): void {
    this.#bench.faults.push('onStalled without a clock');
  }

  /** It was answered, or told that nobody waits for one. */
  #done(): void {
    this.#bench.over(this);
  }
}
