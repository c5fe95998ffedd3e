// One HTTP request's way back: the answer, once, whoever gives it; and what becomes of the call when the client leaves first.
import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse, ServerHttp2Stream } from 'node:http2';
import { HTTP_OF_GRPC, type Failure, type GrpcCode } from '../proto/errors.ts';
import { FAIL } from '../proto/failures.ts';
import { httpBody } from '../proto/status.ts';
import type { Budget } from './h2/budget.ts';
import type { Connection, UnderWay } from './http-connections.ts';
import { dateLine, headOf, setHead, writeHead } from './http-head.ts';
import type { Outbox, Outgoing } from './http-outbox.ts';
import type { Response } from './http.ts';
import type { ApiCounts, HttpServerCounts } from './metrics/server-counts.ts';
import type { Answer, Ticket } from './seat.ts';

/** Bodies up to this size leave in one write with the head. */
const INLINE_BYTES = 16 * 1024;
const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain; charset=utf-8';

export class Exchange implements Answer, UnderWay, Outgoing {
  readonly #response: ServerResponse;
  /** Undefined: HTTP/2, where a request is a stream and not its connection's. */
  readonly #connection: Connection | undefined;
  readonly #outbox: Outbox;
  readonly #room: Budget;
  readonly #counts: ApiCounts | undefined;
  /** Whether the head is ours to write. */
  readonly #ownHead: boolean;
  #ticket: Ticket | undefined;
  #answered = false;
  #log: ((code: number, size: number, durationMs: number) => void) | undefined;
  #beganMs = 0;
  /** Where it is counted, and as what; undefined: nowhere. */
  #http: HttpServerCounts | undefined;
  #verb = '';
  #path = '';
  #beginning: string | undefined;
  #contentLength: string | undefined;
  /** The answer, from when it is known until it is written. */
  #status = 0;
  #type: string | undefined;
  #size = 0;
  /** Text in Latin-1, or bytes. */
  #body: string | Buffer | undefined;
  #head: string | undefined;
  #headers: readonly string[] | undefined;
  /** Gives back what a large answer has of the budget: it has left, or nobody takes it any more. */
  #release: (() => void) | undefined;

  /** @param room what answers may hold that clients have not taken @param ownHead false: something is set on the response already, or it is no HTTP/1.1 */
  constructor(response: Response, connection: Connection | undefined, outbox: Outbox, room: Budget, counts: ApiCounts | undefined, ownHead: boolean) {
    // Node's HTTP/2 compatibility response has every member used here.
    this.#response = response as ServerResponse;
    this.#connection = connection;
    this.#outbox = outbox;
    this.#room = room;
    this.#counts = counts;
    this.#ownHead = ownHead;
    connection?.begin(this);
  }

  logTo(log: (code: number, size: number, durationMs: number) => void): void {
    this.#log = log;
    if (this.#beganMs === 0) this.#beganMs = performance.now();
  }

  /** @param beginning see `Match` */
  countIn(counts: HttpServerCounts, verb: string, path: string, beginning: string | undefined, contentLength: string | undefined): void {
    this.#http = counts;
    this.#verb = verb;
    this.#path = path;
    this.#beginning = beginning;
    this.#contentLength = contentLength;
    this.#beganMs = performance.now();
  }

  /** The call is under way: a client that leaves cancels it. */
  opened(ticket: Ticket): void {
    if (this.#answered) return;
    this.#ticket = ticket;
    if (this.#connection === undefined) this.#response.once('close', () => this.abandoned());
  }

  abandoned(): void {
    if (!this.#answered) this.#ticket?.cancel();
  }

  onAnswer(status: number, headers: readonly string[] | undefined, body: Uint8Array): void {
    if (status === 204) this.empty(204, headers);
    else this.#take(status, JSON_TYPE, headers, body);
  }

  onFailure(code: GrpcCode, message: string): void {
    this.onRefusal({ grpc: code, http: HTTP_OF_GRPC[code], code: 'ERROR', message });
  }

  onRefusal(failure: Failure): void {
    if (!this.#answered) this.#counts?.error(failure);
    this.#take(failure.http, JSON_TYPE, undefined, Buffer.from(httpBody(failure)));
  }

  text(status: number, body: string): void {
    this.#take(status, TEXT_TYPE, undefined, Buffer.from(body));
  }

  empty(status: number, headers?: readonly string[]): void {
    this.#take(status, undefined, headers, undefined);
  }

  write(nowMs: number, date: string): void {
    const response = this.#response;
    if (this.#head !== undefined) setHead(response, this.#status, this.#head, date);
    // One string with the head is one write.
    if (this.#head === undefined && !this.#nodeWritesHead()) this.#body = undefined;
    else if (typeof this.#body === 'string') response.end(this.#body, 'latin1');
    else if (this.#release !== undefined) response.end(this.#body, this.#release);
    else response.end(this.#body);
    this.#connection?.end(this, nowMs);
    if (this.#http === undefined && this.#log === undefined) return;
    const ms = nowMs - this.#beganMs;
    this.#http?.answered(this.#verb, this.#path, this.#contentLength, this.#status, this.#size, ms, this.#beginning);
    this.#log?.(this.#status, this.#size, ms);
  }

  /** False: answers that wait for their clients take all the room that there is. */
  #hold(bytes: number): boolean {
    const connection = this.#connection;
    if (connection === undefined ? this.#stream?.destroyed === true : connection.socket.destroyed) return true; // it goes nowhere
    if (!this.#room.take(bytes)) return false;
    let held = bytes;
    this.#release = () => {
      this.#room.give(held);
      held = 0;
      connection?.releases.delete(this.#release as () => void);
    };
    if (connection === undefined) this.#response.once('close', this.#release);
    else connection.releases.add(this.#release);
    return true;
  }

  /** Of HTTP/2. */
  get #stream(): ServerHttp2Stream | undefined {
    return (this.#response as unknown as Partial<Http2ServerResponse>).stream;
  }

  /** HTTP/2 takes one value of most names and none that is about a connection: what a block has set beyond that costs it its answer. */
  #nodeWritesHead(): boolean {
    try {
      writeHead(this.#response, this.#status, this.#type, this.#size, this.#headers);
      return true;
    } catch (cause) {
      const stream = this.#stream;
      if (stream === undefined) throw cause;
      const failure = FAIL.unsendable().failure;
      this.#status = failure.http;
      this.#size = 0;
      if (!stream.destroyed) stream.respond({ ':status': failure.http, 'content-type': JSON_TYPE });
      stream.end(httpBody(failure));
      return false;
    }
  }

  /** What is borrowed is copied here: the answer leaves later. */
  #take(status: number, type: string | undefined, headers: readonly string[] | undefined, body: Uint8Array | undefined): void {
    if (this.#answered) return;
    if (body !== undefined && body.length > INLINE_BYTES && !this.#hold(body.length)) return this.onRefusal(FAIL.answersFull().failure);
    this.#answered = true;
    this.#status = status;
    this.#type = type;
    if (body !== undefined) {
      this.#size = body.length;
      this.#body = body.length <= INLINE_BYTES ? latin1(body) : Buffer.from(body);
    }
    this.#head = this.#ownHead ? headOf(status, type, this.#size, headers) : undefined;
    if (this.#head === undefined && headers !== undefined) this.#headers = [...headers];
    if (this.#connection === undefined) this.write(performance.now(), dateLine());
    else this.#outbox.add(this);
  }
}

function latin1(body: Uint8Array): string {
  return (body instanceof Buffer ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)).toString('latin1');
}
