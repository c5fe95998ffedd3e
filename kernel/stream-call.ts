// A streamed call in a seat: messages both ways under credit. What a caller sends is lost with the life it was sent to, so
// the call ends with that life; unless the route says how it goes on: then the next life gets it, whether the former one died
// or is replaced in order.
import { INITIAL_CREDIT, type Calls } from '../ipc/calls.ts';
import { RESUME, type PackedHttpHead } from '../proto/control.ts';
import { Grpc, messageOf } from '../proto/errors.ts';
import { SeatCall, type CallRequest, type Place, type StreamAnswer, type StreamTicket } from './call.ts';

/** A life that ended this soon after it got the stream may have ended because of it. */
const SOON_MS = 100;
/** Lives in a row that may end so soon before the stream is given up. */
const MAX_SOON = 5;
/** A first message that is longer is not kept, and its stream ends with its life. */
const MAX_KEPT_BYTES = 64 * 1024;

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
  /** The caller's first message, for each life anew. `too-long`: it can't be. */
  #first: Uint8Array | 'too-long' | undefined;
  /** The caller sends no more. */
  #halfClosed = false;
  /** Requests of an `idle` stream that came while no life could take them: one, from a caller that keeps to its credit. */
  readonly #waiting: Uint8Array[] = [];
  /** Requests of an `idle` stream that the present life has not answered. */
  #unanswered = 0;
  /** Nothing more is sent for now. */
  #resting = false;
  /** Where an `idle` stream goes when all is answered. */
  #next: Calls | undefined;
  /** Messages that the client got and has not taken; and how many of them it got from former lives: those make no credit. */
  #untaken = 0;
  #untakenOfFormer = 0;
  /** It would have a life, were it not for a client that does not read. */
  #putOff = false;

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

  /** False: another life would not know of what this one has been asked and has not answered. */
  get isAtRest(): boolean {
    return this.#unanswered === 0 || this.done || !this.opened;
  }

  override get bytes(): number {
    return super.bytes + (this.#first instanceof Uint8Array ? this.#first.length : 0);
  }

  override start(calls: Calls): void {
    // Each life may send as much as the first one: what lies with a client that does not read is bounded here.
    if (this.#untaken > INITIAL_CREDIT) {
      this.#putOff = true;
      return;
    }
    this.#untakenOfFormer = this.#untaken;
    this.#unanswered = 0;
    this.#resting = false;
    this.#startedMs = performance.now();
    super.start(calls);
    if (!this.opened) return;
    if (this.#first instanceof Uint8Array) calls.sendData(this.id, undefined, new Uint8Array(this.#first));
    this.#goOn(calls);
  }

  /**
   * Another life takes over, or, where it is the one that the call has already, none does. What can go on goes on there; the
   * rest stays where it is and ends with its life.
   */
  move(calls: Calls): void {
    if (this.done || this.calls === undefined || !this.opened) return; // it waits, and is started when its turn comes
    if (this.calls === calls) {
      this.#next = undefined;
      if (!this.#resting) return;
      this.#resting = false;
      this.#goOn(calls);
    } else if (this.isAtRest) this.#change(calls);
    else if (this.#resumption === 'idle') this.#next = calls;
  }

  /** Another life is about to take over: it is not to miss a request that the present one might still get. */
  rest(): void {
    this.#resting = this.#resumption === 'idle' && this.opened;
  }

  send(message: Uint8Array): boolean {
    if (this.done) return false;
    if (this.#resumption === 'first-message' && this.#first === undefined) {
      this.#first = message.length > MAX_KEPT_BYTES ? 'too-long' : new Uint8Array(message); // the original is given away
    }
    if (this.calls === undefined || !this.opened || this.#resting) {
      if (this.#resumption === 'idle') this.#waiting.push(message);
      return false;
    }
    return this.#send(this.calls, message);
  }

  halfClose(): void {
    if (this.done || this.#halfClosed) return;
    this.#halfClosed = true;
    if (this.opened && !this.#resting) this.calls?.sendEnd(this.id);
  }

  grant(messages: number): void {
    if (this.done) return;
    this.#untaken = Math.max(0, this.#untaken - messages);
    const former = Math.min(this.#untakenOfFormer, messages);
    this.#untakenOfFormer -= former;
    if (this.opened && messages > former) this.calls?.grant(this.id, messages - former);
    if (!this.#putOff || this.#untaken > INITIAL_CREDIT) return;
    this.#putOff = false;
    this.place.hold(this);
  }

  onData(_head: unknown, body: Uint8Array): void {
    if (this.done) return;
    this.#heard = true;
    this.#untaken++;
    this.#answer.onMessage(body);
    if (this.#unanswered > 0) this.#unanswered--;
    const next = this.#next;
    if (next !== undefined && this.#unanswered === 0 && !this.done) this.#change(next);
  }

  onCredit(): void {
    if (!this.done && !this.#resting) this.#answer.onCredit();
  }

  protected override succeed(): void {
    this.#answer.onEnd();
  }

  protected override head(): unknown {
    const { head } = this.request;
    if (this.#resumption === undefined || this.#resumption === 'idle') return head;
    const [params, query, headers = []] = (head as PackedHttpHead | undefined) ?? [[], ''];
    const resume = this.#heard ? [RESUME.stream, this.#name, RESUME.resumed, '1'] : [RESUME.stream, this.#name];
    return [params, query, [...headers, ...resume]] satisfies PackedHttpHead;
  }

  protected override mayRepeat(): boolean {
    if (this.#resumption === undefined || this.#unanswered > 0) return false;
    this.#soonEnds = performance.now() - this.#startedMs < SOON_MS ? this.#soonEnds + 1 : 0;
    return this.#soonEnds <= MAX_SOON;
  }

  protected override settle(): boolean {
    if (!super.settle()) return false;
    this.#over(this);
    return true;
  }

  get #resumption(): CallRequest['route']['resumable'] {
    return this.#first === 'too-long' ? undefined : this.request.route.resumable;
  }

  /** The former life is told that nobody listens any more: it knows what that means when another one has taken over. */
  #change(calls: Calls): void {
    if (this.#resumption === undefined) return;
    this.#next = undefined;
    this.calls?.cancel(this.id);
    this.calls = undefined;
    this.id = 0;
    this.start(calls);
  }

  /** What waited goes out, and the caller may send. */
  #goOn(calls: Calls): void {
    let room = true;
    for (const message of this.#waiting.splice(0)) room = this.#send(calls, message);
    if (this.done) return;
    if (this.#halfClosed) calls.sendEnd(this.id);
    else if (room) this.#answer.onCredit();
  }

  #send(calls: Calls, message: Uint8Array): boolean {
    try {
      const room = calls.sendData(this.id, undefined, message);
      if (this.#resumption === 'idle') this.#unanswered++;
      return room;
    } catch (cause) {
      // Larger than a frame may be. The block waits for no message that it does not get.
      this.cancel();
      this.#answer.onFailure(Grpc.RESOURCE_EXHAUSTED, messageOf(cause), undefined);
      return false;
    }
  }
}
