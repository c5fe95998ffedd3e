// One way into one sidecar, as the campaign's clients use it: the calls whose histories are checked, and what it means when
// they fail.
import type { RegisterAnswer, RegisterCall } from '../etag-register.ts';
import type { LockAnswer, LockCall } from '../lock.ts';
import type { IdsAnswer, IdsCall } from '../sequence.ts';

/** Names of the components that every sidecar of a campaign has. */
export const STORES = { locks: 'locks', registers: 'registers', ids: 'ids' } as const;

/** All methods reject with NotDone, with Unanswered, or with an error that no fault explains. */
export interface Gate {
  readonly sidecar: string;
  readonly protocol: 'HTTP' | 'gRPC';
  lock(key: string, call: LockCall): Promise<LockAnswer>;
  register(key: string, call: RegisterCall): Promise<RegisterAnswer>;
  ids(key: string, call: IdsCall): Promise<IdsAnswer>;
}

/** It has certainly not happened, and will not: it never left, or the sidecar says that no block ever had it. */
export class NotDone extends Error {}

/** It may have happened, and may happen yet. */
export class Unanswered extends Error {}

/** As node:http and grpc-js say that there was nobody to send it to. (A sidecar says such things of its store, further inside.) */
const NEVER_LEFT = /^(?:Error: connect ECONNREFUSED|Unavailable: No connection established)/;
const NEVER_STARTED = /ERR_COMPONENT_NOT_READY|the \w+ block is not available/;

/** An error of the connection, or an answer that says nothing of what was asked. */
export function failureOf(text: string): NotDone | Unanswered {
  return NEVER_LEFT.test(text) || NEVER_STARTED.test(text) ? new NotDone(text) : new Unanswered(text);
}

/** As both protocols number what became of a release or a renewal. */
const STATUSES = [undefined, 'absent', 'others'] as const;

export function releaseOf(status: number): LockAnswer {
  return { status: status === 0 ? 'released' : known(status) };
}

export function renewalOf(status: number, token: bigint): LockAnswer {
  return status === 0 ? { status: 'renewed', token } : { status: known(status) };
}

function known(status: number): 'absent' | 'others' {
  const name = STATUSES[status];
  if (name === undefined) throw new Error(`there is no status ${status}`);
  return name;
}

/** @param token of the answer's metadata */
export function acquisitionOf(success: boolean, token: string | undefined): LockAnswer {
  if (!success) return { status: 'refused' };
  if (token === undefined) throw new Error('a lock was given without a fencing token');
  return { status: 'acquired', token: BigInt(token) };
}
