// NextIds: requests come in without waiting for answers, answers leave in the order of the requests. Weak calls are answered
// at once, strong ones are under way side by side.
import { ApiError, messageOf } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import type { CallScope, StreamCall, StreamMethod } from '../block.ts';
import { OperationTally } from '../counting.ts';
import { NO_METER, type Meter } from '../meter.ts';
import { readRequest } from './grpc.ts';
import type { Run } from './ids.ts';
import { nextIds } from './next.ts';
import { packIds } from './packed.ts';
import type { Stores } from './stores.ts';

/** Requests of a stream that may be unanswered before the client is asked to wait; what it may send by then comes on top. */
const MAX_UNANSWERED = 64;

export function nextIdsStream(stores: Stores, meter: Meter): StreamMethod {
  return {
    open: (call) => {
      const stream = new IdStream(stores, call, meter);
      call.onMessage = (message) => stream.ask(message);
      call.onHalfClose = () => stream.finish();
      call.onCancel = () => stream.cancel();
      call.onCredit = () => stream.credit();
    },
  };
}

type Outcome = readonly Run[] | ApiError;

/** A request's place in the order of answers. */
interface Turn {
  /** Undefined while the ids are under way. */
  outcome: Outcome | undefined;
}

class IdStream implements CallScope {
  readonly #stores: Stores;
  readonly #call: StreamCall;
  readonly #meter: Meter;
  /** Of the store that was asked last: a stream hardly ever asks two. */
  #tally: OperationTally | undefined;
  #tallied = '';
  /** In the order of the requests: the first one's answer is the next to leave. */
  readonly #turns = new Set<Turn>();
  #controller: AbortController | undefined;
  /** The client takes answers. */
  #room = true;
  #paused = false;
  /** Nothing more is asked: the client said so, or a request failed. */
  #last = false;
  #over = false;

  constructor(stores: Stores, call: StreamCall, meter: Meter) {
    this.#stores = stores;
    this.#call = call;
    this.#meter = meter;
  }

  /** Aborts when nobody waits for answers any more. Only calls that have to wait ask for it. */
  get signal(): AbortSignal {
    return (this.#controller ??= new AbortController()).signal;
  }

  ask(message: Uint8Array): void {
    if (this.#last) return;
    const outcome = this.#draw(message);
    if (this.#room && this.#turns.size === 0 && Array.isArray(outcome)) {
      this.#room = this.#call.send(packIds(outcome as readonly Run[])); // the common case: nobody waits before it
      return;
    }
    const turn: Turn = { outcome: undefined };
    this.#turns.add(turn);
    if (outcome instanceof Promise) outcome.then((settled) => this.#settle(turn, settled)).catch((cause: unknown) => this.#fail(asApiError(cause)));
    else this.#settle(turn, outcome);
    if (this.#over || this.#paused || this.#turns.size < MAX_UNANSWERED) return;
    this.#paused = true;
    this.#call.pause();
  }

  finish(): void {
    this.#last = true;
    this.#go();
  }

  credit(): void {
    this.#room = true;
    this.#go();
  }

  cancel(): void {
    this.#stop();
  }

  #draw(message: Uint8Array): Outcome | Promise<Outcome> {
    let tally: OperationTally | undefined;
    let began = 0;
    try {
      const request = readRequest(message);
      tally = this.#tallyOf(request.store);
      if (tally !== undefined) began = performance.now();
      const runs = nextIds(this.#stores, request, this);
      if (runs instanceof Promise) return counted(runs, tally, began);
      tally?.done(performance.now() - began);
      return runs;
    } catch (cause) {
      tally?.failed(performance.now() - began, cause);
      return asApiError(cause);
    }
  }

  #tallyOf(store: string): OperationTally | undefined {
    if (this.#meter === NO_METER) return undefined;
    if (this.#tally === undefined || this.#tallied !== store) {
      this.#tally = new OperationTally(this.#meter, 'sequencer', store, 'next_id', 'ERR_NEXT_ID');
      this.#tallied = store;
    }
    return this.#tally;
  }

  #settle(turn: Turn, outcome: Outcome): void {
    if (this.#over) return;
    turn.outcome = outcome;
    if (outcome instanceof ApiError) this.#last = true; // nobody after it is answered
    this.#go();
  }

  /** Sends what is due, as far as there is room. */
  #go(): void {
    for (const turn of this.#turns) {
      const { outcome } = turn;
      if (outcome instanceof ApiError) return this.#fail(outcome);
      if (outcome === undefined || !this.#room) break;
      this.#turns.delete(turn);
      this.#room = this.#call.send(packIds(outcome));
    }
    if (this.#over) return;
    if (this.#paused && this.#turns.size <= MAX_UNANSWERED / 2) {
      this.#paused = false;
      this.#call.resume();
    }
    if (!this.#last || this.#turns.size > 0) return;
    this.#stop();
    this.#call.end();
  }

  #fail(error: ApiError): void {
    if (this.#over) return;
    this.#stop();
    this.#call.fail(error);
  }

  /** Nobody waits for what is under way. */
  #stop(): void {
    this.#over = true;
    this.#last = true;
    this.#turns.clear();
    this.#controller?.abort(new Error('the stream is over'));
  }
}

function counted(runs: Promise<readonly Run[]>, tally: OperationTally | undefined, began: number): Promise<Outcome> {
  return runs.then((drawn) => {
    tally?.done(performance.now() - began);
    return drawn;
  }, (cause: unknown) => {
    tally?.failed(performance.now() - began, cause);
    return asApiError(cause);
  });
}

function asApiError(cause: unknown): ApiError {
  return cause instanceof ApiError ? cause : FAIL.internal(messageOf(cause)).because(cause);
}
