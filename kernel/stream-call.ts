// A streamed call in a seat: messages both ways under credit, and one life only. What it sends is lost with the life it
// was sent to, so it ends at once with that life, and its caller opens another one.
import type { Calls } from '../ipc/calls.ts';
import { Grpc, messageOf } from '../proto/errors.ts';
import { SeatCall, type CallRequest, type Place, type StreamAnswer, type StreamTicket } from './call.ts';

export class StreamCall extends SeatCall implements StreamTicket {
  readonly #answer: StreamAnswer;
  readonly #over: (call: StreamCall) => void;

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
    if (!this.done) this.#answer.onMessage(body);
  }

  onCredit(): void {
    if (!this.done) this.#answer.onCredit();
  }

  protected override succeed(): void {
    this.#answer.onEnd();
  }

  protected override mayRepeat(): boolean {
    return false;
  }

  protected override settle(): boolean {
    if (!super.settle()) return false;
    this.#over(this);
    return true;
  }
}
