// One streamed call of a block over a channel: credit in both directions, and an end that happens once.
import type { IncomingCall } from '../ipc/calls.ts';
import { EMPTY, Flag } from '../ipc/frame.ts';
import { INITIAL_CREDIT } from '../ipc/calls.ts';
import type { OwnVitals } from '../ipc/vitals.ts';
import { Grpc, type ApiError, type Failure } from '../proto/errors.ts';
import { statusDetails } from '../proto/status.ts';
import type { StreamCall } from './block.ts';

/** The client may send this many more once as many were taken: half of what it starts with, so that it never waits. */
const GRANT = INITIAL_CREDIT / 2;

export class ChannelStream implements StreamCall {
  onMessage: (message: Uint8Array) => void = () => {};
  onHalfClose: () => void = () => {};
  onCancel: () => void = () => {};
  onCredit: () => void = () => {};
  readonly headers: Readonly<Record<string, string>>;
  readonly #call: IncomingCall;
  readonly #failing: (failure: Failure) => void;
  #taken = 0;
  #paused = false;
  #over = false;

  /**
   * @param refuse turns whatever `onMessage` threw into the call's end.
   * @param failing hears of every other failure that is the call's end.
   * @param own hears when it works on a message: a block that dies then may have died of it.
   */
  constructor(call: IncomingCall, headers: Readonly<Record<string, string>>, refuse: (cause: unknown) => void, failing: (failure: Failure) => void = () => {}, own?: OwnVitals) {
    this.#call = call;
    this.headers = headers;
    this.#failing = failing;
    call.onData = (_head, body) => {
      if (this.#over) return;
      own?.began(call.id, call.method);
      try {
        this.onMessage(body);
      } catch (cause) {
        this.#over = true;
        refuse(cause);
        return;
      }
      own?.finished(call.id);
      this.#taken++;
      this.#grant();
    };
    call.onEnd = () => {
      if (!this.#over) this.onHalfClose();
    };
    call.onCredit = () => {
      if (!this.#over) this.onCredit();
    };
    call.onCancel = () => {
      if (this.#over) return;
      this.#over = true;
      this.onCancel();
    };
  }

  send(message: Uint8Array): boolean {
    return !this.#over && this.#call.sendData(undefined, message);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#grant();
  }

  end(): void {
    this.#over = true;
    this.#call.end(Grpc.OK, 0, undefined, EMPTY);
  }

  fail({ failure }: ApiError): void {
    this.#over = true;
    this.#failing(failure);
    const details = statusDetails(failure);
    this.#call.end(failure.grpc, Flag.FAILED, details === undefined ? { message: failure.message } : { message: failure.message, details }, EMPTY);
  }

  /** Lets the client send as many more as were taken. */
  #grant(): void {
    if (this.#taken < GRANT || this.#paused || this.#over) return;
    const taken = this.#taken;
    this.#taken = 0;
    this.#call.grant(taken);
  }
}
