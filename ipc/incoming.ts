// A call that the peer opened, from the server's side: its answer, its streams with credit, and its cancellation.
import { EMPTY, Kind, NO_PIECES, type Pieces } from './frame.ts';

/** Messages of a stream that may be under way in each direction before the receiver grants more. */
export const INITIAL_CREDIT = 32;

/** A call that the peer opened. */
export interface IncomingCall {
  readonly id: number;
  readonly method: number;
  readonly flags: number;
  /** Milliseconds left when the call arrived; 0 means no deadline. */
  readonly remainingMs: number;
  /** Aborts when the opener cancelled, the deadline passed or the channel ended. Made on first use. */
  readonly signal: AbortSignal;
  /** True once nobody waits for the answer. */
  readonly cancelled: boolean;
  /** Handlers for a stream from the opener; set them before returning from `serve`. */
  onData: ((head: unknown, body: Uint8Array) => void) | undefined;
  onEnd: (() => void) | undefined;
  onCredit: (() => void) | undefined;
  /** Runs when `cancelled` turns true, for the same reasons as `signal` aborts, and makes no signal. */
  onCancel: (() => void) | undefined;
  /** The answer, the last of the call. The second one does nothing. @param pieces more of the body (see Channel.send) */
  end(code: number, flags: number, head: unknown, body: Uint8Array, pieces?: Pieces): void;
  /** One message of a streamed answer. False: no credit is left, go on at `onCredit`. @throws RangeError without credit */
  sendData(head: unknown, body: Uint8Array): boolean;
  /** Lets the opener send `messages` more. */
  grant(messages: number): void;
}

/** Where the frames of incoming calls go; ipc/calls.ts. */
export interface Answers {
  answer(id: number, kind: number, flags: number, code: number, arg: number, head: unknown, body: Uint8Array, pieces: Pieces): void;
  /** An incoming call was cancelled: a later answer goes nowhere. */
  forget(id: number): void;
}

export class Incoming implements IncomingCall {
  readonly id: number;
  readonly method: number;
  readonly flags: number;
  readonly remainingMs: number;
  onData: ((head: unknown, body: Uint8Array) => void) | undefined;
  onEnd: (() => void) | undefined;
  onCredit: (() => void) | undefined;
  onCancel: (() => void) | undefined;
  /** Messages that the opener may still send. */
  granted = INITIAL_CREDIT;
  readonly #calls: Answers;
  #controller: AbortController | undefined;
  #cancelled: string | undefined;
  #answered = false;
  #credit = INITIAL_CREDIT;

  constructor(calls: Answers, id: number, method: number, flags: number, remainingMs: number) {
    this.#calls = calls;
    this.id = id;
    this.method = method;
    this.flags = flags;
    this.remainingMs = remainingMs;
  }

  get cancelled(): boolean {
    return this.#cancelled !== undefined;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#cancelled !== undefined) this.#controller.abort(new Error(this.#cancelled));
    }
    return this.#controller.signal;
  }

  end(code: number, flags: number, head: unknown, body: Uint8Array, pieces = NO_PIECES): void {
    if (this.#answered) return;
    this.#answered = true;
    if (this.#cancelled === undefined) this.#calls.answer(this.id, Kind.END, flags, code, 0, head, body, pieces);
  }

  sendData(head: unknown, body: Uint8Array): boolean {
    if (this.#answered || this.#cancelled !== undefined) return false;
    if (this.#credit === 0) throw new RangeError('no credit is left on this stream');
    this.#calls.answer(this.id, Kind.DATA, 0, 0, 0, head, body, NO_PIECES);
    this.#credit--;
    return this.#credit > 0;
  }

  grant(messages: number): void {
    if (this.#answered || this.#cancelled !== undefined) return;
    this.granted += messages;
    this.#calls.answer(this.id, Kind.CREDIT, 0, 0, messages, undefined, EMPTY, NO_PIECES);
  }

  credited(messages: number): void {
    const starved = this.#credit === 0;
    this.#credit = Math.min(this.#credit + messages, 0xffff_ffff);
    if (starved && this.#credit > 0) this.onCredit?.();
  }

  /** Nobody waits for the answer any more. */
  cancel(reason: string): void {
    if (this.#cancelled !== undefined) return;
    this.#cancelled = reason;
    this.#calls.forget(this.id);
    this.#controller?.abort(new Error(reason));
    if (this.onCancel === undefined) return;
    try {
      this.onCancel();
    } catch (cause) {
      // Many calls are cancelled at once when a channel ends: the others must hear of it. It comes up in its own turn.
      setImmediate(() => {
        throw cause;
      });
    }
  }
}
