// A streamed call in a seat: messages both ways under credit. What a caller sends is lost with the life it was sent to, so
// the call ends with that life; unless the route says that it can be resumed: then the next life gets the request again.
import type { Calls } from '../ipc/calls.ts';
import { RESUME, type PackedHttpHead } from '../proto/control.ts';
import { Grpc, messageOf } from '../proto/errors.ts';
import { SeatCall, type CallRequest, type Place, type StreamAnswer, type StreamTicket } from './call.ts';

/** A life that ended this soon after it got the stream may have ended because of it. */
const SOON_MS = 100;
/** Lives in a row that may end so soon before the stream is given up. */
const MAX_SOON = 5;

let streams = 0;

export class StreamCall extends SeatCall implements StreamTicket {
  readonly #answer: StreamAnswer;
  readonly #over: (call: StreamCall) => void;
  readonly #name = String(++streams);
  /** The client has got something. */
  #heard = false;
  /** On the monotonic clock: when the present life, or the last one, got the stream. */
  #startedMs = 0;
  #soonEnds = 0;

  /** @param over runs once, when the call is over in whichever way, and before its answer hears of it. */
  constructor(place: Place, request: CallRequest, answer: StreamAnswer, over: (call: StreamCall) => void) {
    super(place, request, answer);
    this.#answer = answer;
    this.#over = over;
  }

  /** Whether a life of the block has it. */
  get opened(): boolean {
    return this.id !== 0;
  }

  override start(calls: Calls): void {
    this.#startedMs = performance.now();
    super.start(calls);
    if (this.opened) this.#answer.onCredit();
  }

  send(message: Uint8Array): boolean {
    if (this.done || this.calls === undefined || this.id === 0) return false;
    try {
      return this.calls.sendData(this.id, undefined, message);
    } catch (cause) {
      // Larger than a frame may be. The block waits for no message that it does not get.
      this.cancel();
      this.#answer.onFailure(Grpc.RESOURCE_EXHAUSTED, messageOf(cause), undefined);
      return false;
    }
  }

  halfClose(): void {
    if (!this.done && this.id !== 0) this.calls?.sendEnd(this.id);
  }

  grant(messages: number): void {
    if (!this.done && this.id !== 0) this.calls?.grant(this.id, messages);
  }

  onData(_head: unknown, body: Uint8Array): void {
    if (this.done) return;
    this.#heard = true;
    this.#answer.onMessage(body);
  }

  onCredit(): void {
    if (!this.done) this.#answer.onCredit();
  }

  protected override succeed(): void {
    this.#answer.onEnd();
  }

  protected override head(): unknown {
    const { route, head } = this.request;
    if (route.resumable === undefined) return head;
    const [params, query, headers = []] = (head as PackedHttpHead | undefined) ?? [[], ''];
    const resume = this.#heard ? [RESUME.stream, this.#name, RESUME.resumed, '1'] : [RESUME.stream, this.#name];
    return [params, query, [...headers, ...resume]] satisfies PackedHttpHead;
  }

  protected override mayRepeat(): boolean {
    if (this.request.route.resumable === undefined) return false;
    this.#soonEnds = performance.now() - this.#startedMs < SOON_MS ? this.#soonEnds + 1 : 0;
    return this.#soonEnds <= MAX_SOON;
  }

  protected override settle(): boolean {
    if (!super.settle()) return false;
    this.#over(this);
    return true;
  }
}
