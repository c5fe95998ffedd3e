// The contract of the app channel: the one way to the application. Who calls it knows neither protocol nor address.
import type { PackedAppRequest, AppState } from '../../proto/control.ts';
import type { GrpcCode } from '../../proto/errors.ts';

/** How a call to the application ended. Exactly one of the functions runs, once. Bodies are the receiver's. */
export interface AppReply {
  /** An HTTP application's status, or 0 for a gRPC application's OK. */
  onAnswer(status: number, body: Uint8Array): void;
  /**
   * A gRPC application's own failure, or the channel's: UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED.
   * @param unasked the application got no request. Default: it may have.
   */
  onFailure(code: GrpcCode, message: string, unasked?: boolean): void;
}

export interface AppChannel {
  /** Calls the application. `body` is given away. `deadlineMs` is a duration, 0 for none. Returns what gives the call up. */
  call(request: PackedAppRequest, body: Uint8Array, deadlineMs: number, reply: AppReply): () => void;
  readonly state: AppState;
  /** Calls that have no answer yet, including those that wait for their turn. */
  readonly inFlight: number;
  /** Something has answered on the application's port. */
  readonly found: boolean;
  /**
   * Looks for the application until it is there, and watches its health if that is wanted. `changed` runs when the port first
   * answers and at each change of state, not before `start` returned.
   */
  start(changed: (state: AppState) => void): void;
  /** Stops probing, ends connections; open calls fail with UNAVAILABLE. May be called twice. */
  close(): Promise<void>;
}
