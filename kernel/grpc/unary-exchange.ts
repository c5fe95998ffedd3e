// A unary call between its stream and the switch: one request in, one answer out, nothing in between.
import { Grpc, type Failure, type GrpcCode } from '../../proto/errors.ts';
import { statusDetails } from '../../proto/status.ts';
import { ErrorCode } from '../h2/frames.ts';
import type { Stream, StreamHandler } from '../h2/stream.ts';
import type { RpcCounts } from '../metrics/server-counts.ts';
import type { Answer, Ticket } from '../seat.ts';
import { endWith, prefixOf } from './answering.ts';
import type { CallHead, Gate } from './call-head.ts';
import type { Expiring } from './deadlines.ts';
import { HEAD, OK_TRAILERS, headWith } from './fields.ts';
import type { MessageFault } from './message-reader.ts';
import type { Port } from './own.ts';
import { SingleMessage, type MessageTaker } from './single-message.ts';

export class UnaryExchange implements StreamHandler, Answer, MessageTaker, Expiring {
  readonly expiresMs: number;
  readonly #port: Port;
  readonly #stream: Stream;
  readonly #gate: Gate;
  readonly #head: CallHead;
  readonly #request: SingleMessage;
  /** On the monotonic clock, where somebody wants to know. */
  readonly #began: number;
  #counts: RpcCounts | undefined;
  #requestBytes = 0;
  #ticket: Ticket | undefined;
  /** It has been answered, or nobody waits for that. */
  #over = false;

  constructor(port: Port, stream: Stream, gate: Gate, head: CallHead) {
    this.#port = port;
    this.#stream = stream;
    this.#gate = gate;
    this.#head = head;
    this.#began = port.isTimed || head.timeoutMs !== Infinity ? stream.connection.takenMs : 0;
    this.expiresMs = this.#began + head.timeoutMs;
    if (head.timeoutMs !== Infinity) port.deadlines.add(this);
    this.#request = new SingleMessage(stream, head, port.maxBodyBytes, this);
  }

  onData(bytes: Buffer, start: number, end: number, last: boolean): void {
    this.#request.onData(bytes, start, end, last);
  }

  onRequest(message: Uint8Array): void {
    const { route } = this.#gate;
    const { timeoutMs, head } = this.#head;
    const refused = this.#port.refuses(this.#gate, this.#head);
    if (refused !== undefined) return this.onRefusal(refused);
    if (timeoutMs !== Infinity) this.#port.deadlines.delete(this);
    const deadlineMs = timeoutMs === Infinity ? 0 : timeoutMs - (performance.now() - this.#began);
    if (timeoutMs !== Infinity && (timeoutMs < 1 || deadlineMs <= 0)) return this.expire();
    this.#counts = this.#port.countsOf(this.#gate);
    this.#requestBytes = message.length;
    const ticket = this.#port.dispatch.open({ route, flags: 0, head, body: message, deadlineMs }, this);
    if (!this.#over) this.#ticket = ticket;
  }

  /** The deadline has passed before the request was whole. */
  expire(): void {
    this.onFailure(Grpc.DEADLINE_EXCEEDED, 'context deadline exceeded', undefined);
  }

  onFault({ code, message }: MessageFault): void {
    this.onFailure(code, message, undefined);
  }

  onAnswer(_status: number, metadata: readonly string[] | undefined, body: Uint8Array): void {
    if (this.#over) return;
    const { maxBodyBytes } = this.#port;
    if (body.length > maxBodyBytes) return this.onFailure(Grpc.RESOURCE_EXHAUSTED, `Sent message larger than max (${body.length} vs. ${maxBodyBytes})`, undefined);
    const head = metadata === undefined ? HEAD : headWith(metadata);
    if (head === undefined) return this.onFailure(Grpc.INTERNAL, 'the block answered with metadata that is none', undefined);
    this.#end(Grpc.OK, body.length);
    this.#stream.sendAnswer(head, prefixOf(body.length), body, OK_TRAILERS);
  }

  onFailure(code: GrpcCode, message: string, details: Uint8Array | undefined): void {
    if (this.#over) return;
    this.#end(code, 0);
    endWith(this.#stream, false, code, message, details);
  }

  onRefusal(failure: Failure): void {
    if (this.#over) return;
    this.#port.counts?.error(failure);
    this.onFailure(failure.grpc, failure.message, statusDetails(failure));
  }

  onReset(): void {
    this.#request.close();
    if (this.#over) return;
    this.#over = true;
    const { timeoutMs } = this.#head;
    if (timeoutMs !== Infinity) this.#port.deadlines.delete(this);
    this.#count(timeoutMs !== Infinity && performance.now() - this.#began >= timeoutMs ? Grpc.DEADLINE_EXCEEDED : Grpc.CANCELLED, 0);
    this.#ticket?.cancel();
  }

  onSent(): void {
    // The stream ends with its trailers.
  }

  onStalled(): void {
    if (this.#over) return this.#stream.reset(ErrorCode.CANCEL); // answered, and the client doesn't take it
    if (this.#request.isComing) this.onFailure(Grpc.DEADLINE_EXCEEDED, 'the request does not come to its end', undefined);
  }

  #end(code: GrpcCode, bytes: number): void {
    this.#over = true;
    this.#request.close();
    if (this.#head.timeoutMs !== Infinity) this.#port.deadlines.delete(this);
    this.#count(code, bytes);
    this.#port.log?.({ method: this.#gate.route.rpc as string, code, durationMs: performance.now() - this.#began, userAgent: this.#head.userAgent });
  }

  #count(code: GrpcCode, bytes: number): void {
    this.#counts?.answered(code, this.#requestBytes, bytes, performance.now() - this.#began);
    this.#counts = undefined;
  }
}
