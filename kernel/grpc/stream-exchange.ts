// A streamed call between its stream and whoever serves it: neither side is read faster than the other takes, so what is under way is
// bounded by windows on one side and credit on the other.
import { INITIAL_CREDIT } from '../../ipc/calls.ts';
import { Flag, EMPTY } from '../../ipc/frame.ts';
import { Grpc, type Failure, type GrpcCode } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import { statusDetails } from '../../proto/status.ts';
import { ErrorCode } from '../h2/frames.ts';
import type { Stream, StreamHandler } from '../h2/stream.ts';
import type { CallRequest, StreamAnswer, StreamTicket } from '../seat.ts';
import { endWith, prefixOf } from './answering.ts';
import { Backlog } from './backlog.ts';
import type { CallHead, Gate } from './call-head.ts';
import { HEAD, OK_ONLY, OK_TRAILERS } from './fields.ts';
import { faultOfEncoding, inflate } from './inflate.ts';
import { MessageReader, NO_ROOM, type MessageFault } from './message-reader.ts';
import type { Port } from './own.ts';
import { SingleMessage, type MessageTaker } from './single-message.ts';

/** Where streams are opened: the switch, or what the kernel serves itself. */
export interface StreamServer {
  openStream(request: CallRequest, answer: StreamAnswer): StreamTicket;
}

/** The block may send this many more once the client took as many: half of what it starts with, so that it never waits. */
const GRANT = INITIAL_CREDIT / 2;
/** Longest delay of a timer. */
const LONGEST_MS = 2 ** 31 - 1;

/** What a stream is told that is open, or comes, when the sidecar stops. */
export const shuttingDown = (owner: string): Failure => FAIL.blockUnavailable(owner, 'the sidecar is shutting down').failure;

export class StreamExchange implements StreamHandler, StreamAnswer, MessageTaker {
  readonly #port: Port;
  readonly #stream: Stream;
  readonly #gate: Gate;
  readonly #head: CallHead;
  readonly #server: StreamServer;
  readonly #began = performance.now();
  /** Of a server's stream. */
  readonly #request: SingleMessage | undefined;
  /** Of a client's messages. */
  readonly #reader: MessageReader | undefined;
  /** What came while there was no credit: the client gets no more window for it before there is. */
  readonly #backlog: Backlog;
  #reading = false;
  #unpacking = false;
  #hasCredit = false;
  #clientEnded = false;
  #halfClosed = false;
  #ticket: StreamTicket | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #headSent = false;
  /** Messages to the client that wait for its window, and those that have left since the last grant. */
  #unsent = 0;
  #taken = 0;
  #over = false;

  /** @param server the switch, for what is no service of the kernel's own. */
  constructor(port: Port, stream: Stream, gate: Gate, head: CallHead, server: StreamServer = port.dispatch) {
    this.#port = port;
    this.#stream = stream;
    this.#gate = gate;
    this.#head = head;
    this.#server = server;
    if (gate.route.kind === 'server-stream') this.#request = new SingleMessage(stream, head, port.maxBodyBytes, this);
    else this.#reader = new MessageReader(port.maxBodyBytes, stream.connection.options.budget);
    this.#backlog = new Backlog(stream.connection.options.budget);
  }

  /** A client's stream begins at once, a server's with its request. */
  begin(): void {
    const { timeoutMs } = this.#head;
    if (timeoutMs < 1) return this.onFailure(Grpc.DEADLINE_EXCEEDED, 'context deadline exceeded', undefined);
    if (timeoutMs !== Infinity) this.#deadline = setTimeout(() => this.#expire(), Math.min(timeoutMs, LONGEST_MS)).unref();
    if (this.#reader !== undefined) this.#open(EMPTY);
  }

  onRequest(message: Uint8Array): void {
    this.#open(message);
  }

  onFault({ code, message }: MessageFault): void {
    this.#ticket?.cancel();
    this.onFailure(code, message, undefined);
  }

  onData(bytes: Buffer, start: number, end: number, last: boolean): void {
    if (this.#request !== undefined) return this.#request.onData(bytes, start, end, last);
    if (this.#over) return;
    this.#clientEnded = last;
    const backlog = this.#backlog;
    const read = backlog.isEmpty ? this.#read(bytes, start, end) : start;
    if (read < end && !this.#over && !backlog.add(bytes, read, end)) return this.onFault(NO_ROOM);
    this.#forward();
  }

  onReset(): void {
    if (this.#over) return;
    this.#end(performance.now() - this.#began >= this.#head.timeoutMs ? Grpc.DEADLINE_EXCEEDED : Grpc.CANCELLED);
    this.#ticket?.cancel();
  }

  onSent(): void {
    const sent = this.#unsent;
    this.#unsent = 0;
    this.#left(sent);
  }

  /** Streams may rest for ever; but a client that takes nothing of what waits for it has gone. */
  onStalled(): void {
    if (this.#unsent > 0 || this.#over) {
      this.onReset();
      this.#stream.reset(ErrorCode.CANCEL);
    } else if (this.#request?.isComing === true) this.onFailure(Grpc.DEADLINE_EXCEEDED, 'the request does not come to its end', undefined);
  }

  /** Ends the call from our side. */
  shutDown(): void {
    if (this.#over) return;
    this.#ticket?.cancel();
    this.onRefusal(shuttingDown(this.#gate.route.owner));
  }

  onCredit(): void {
    this.#hasCredit = true;
    this.#forward();
  }

  onMessage(message: Uint8Array): void {
    if (this.#over) return;
    const { maxBodyBytes } = this.#port;
    if (message.length > maxBodyBytes) {
      this.#ticket?.cancel();
      return this.onFailure(Grpc.RESOURCE_EXHAUSTED, `Sent message larger than max (${message.length} vs. ${maxBodyBytes})`, undefined);
    }
    if (!this.#headSent) this.#stream.sendHead(HEAD);
    this.#headSent = true;
    if (this.#stream.sendBody(prefixOf(message.length), message)) this.#left(1);
    else this.#unsent++;
  }

  onEnd(): void {
    if (this.#over) return;
    this.#end(Grpc.OK);
    if (this.#headSent) this.#stream.sendTrailers(OK_TRAILERS);
    else this.#stream.sendOnly(OK_ONLY);
  }

  onFailure(code: GrpcCode, message: string, details: Uint8Array | undefined): void {
    if (this.#over) return;
    this.#end(code);
    endWith(this.#stream, this.#headSent, code, message, details);
  }

  onRefusal(failure: Failure): void {
    if (this.#over) return;
    this.#port.counts?.error(failure);
    this.onFailure(failure.grpc, failure.message, statusDetails(failure));
  }

  #open(body: Uint8Array): void {
    const { route } = this.#gate;
    const refused = this.#port.refuses(this.#gate, this.#head) ?? (this.#port.draining ? shuttingDown(route.owner) : undefined);
    if (refused !== undefined) return this.onRefusal(refused);
    this.#port.opened(this);
    const { timeoutMs, head } = this.#head;
    const deadlineMs = timeoutMs === Infinity ? 0 : Math.max(1, timeoutMs - (performance.now() - this.#began));
    this.#ticket = this.#server.openStream({ route, flags: this.#reader === undefined ? 0 : Flag.STREAM, head, body, deadlineMs }, this);
    if (this.#over) this.#port.closed(this);
    else this.#forward(); // there may have been credit at once
  }

  /** Sends on what is here and the server has credit for. Returns how far that was; the client gets as much window again. */
  #read(bytes: Buffer, start: number, end: number): number {
    const reader = this.#reader as MessageReader;
    let at = start;
    this.#reading = true;
    while (at < end && this.#takes()) {
      at = reader.read(bytes, at, end);
      if (reader.fault !== undefined) this.onFault(reader.fault);
      else if (reader.message !== undefined) this.#pass(reader.message, reader.compressed);
    }
    this.#reading = false;
    this.#stream.take(at - start);
    return at;
  }

  #takes(): boolean {
    return this.#ticket !== undefined && this.#hasCredit && !this.#unpacking && !this.#over;
  }

  #pass(message: Buffer, compressed: boolean): void {
    if (!compressed) {
      this.#hasCredit = false; // it may come back while this is sent
      if ((this.#ticket as StreamTicket).send(message)) this.#hasCredit = true;
      return;
    }
    const fault = faultOfEncoding(this.#head.encoding);
    if (fault !== undefined) return this.onFault(fault);
    this.#unpacking = true;
    inflate(message, this.#head.encoding, this.#port.maxBodyBytes, this.#stream.connection.options.budget, (result) => {
      this.#unpacking = false;
      if (this.#over) return;
      if (!(result instanceof Uint8Array)) return this.onFault(result);
      this.#pass(result, false);
      this.#forward();
    });
  }

  /** There is credit, or more to send: what waits goes on, and behind it the news that the client has ended. */
  #forward(): void {
    if (this.#reading) return; // whoever reads sees it
    const backlog = this.#backlog;
    if (!backlog.isEmpty && this.#takes()) {
      const read = this.#read(backlog.bytes, backlog.start, backlog.end);
      if (!this.#over) backlog.read(read);
    }
    if (!this.#clientEnded || this.#halfClosed || this.#over || this.#ticket === undefined || this.#unpacking || !backlog.isEmpty) return;
    this.#halfClosed = true;
    if (this.#reader?.inside === true) return this.onFault({ code: Grpc.INTERNAL, message: 'unexpected EOF: the request ends within a message' });
    this.#ticket.halfClose();
  }

  #left(messages: number): void {
    this.#taken += messages;
    if (this.#over || this.#taken < GRANT) return;
    const taken = this.#taken;
    this.#taken = 0;
    this.#ticket?.grant(taken);
  }

  #expire(): void {
    if (this.#over) return;
    if (performance.now() - this.#began < this.#head.timeoutMs) { // longer than a timer can be
      this.#deadline = setTimeout(() => this.#expire(), Math.min(this.#head.timeoutMs - (performance.now() - this.#began) + 1, LONGEST_MS)).unref();
      return;
    }
    this.#ticket?.cancel();
    this.onFailure(Grpc.DEADLINE_EXCEEDED, 'context deadline exceeded', undefined);
  }

  #end(code: GrpcCode): void {
    this.#over = true;
    clearTimeout(this.#deadline);
    this.#request?.close();
    this.#reader?.close();
    this.#backlog.clear();
    this.#port.closed(this);
    this.#port.log?.({ method: this.#gate.route.rpc as string, code, durationMs: performance.now() - this.#began, userAgent: this.#head.userAgent });
  }
}
