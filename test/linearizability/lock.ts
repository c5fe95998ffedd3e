// The model of one lock: nobody gets it while somebody has it, and its fencing tokens only grow. The store's clock is not
// ours, so all we know of an expiry is that it comes no earlier than that time after the last successful acquisition or
// renewal was asked for; it may come at any moment from then on.
import type { Model, ModelFor } from './checker.ts';
import type { Operation } from './history.ts';

/** An owner is a name for one attempt to get the lock: a second attempt has another one. */
export type LockCall =
  | { readonly kind: 'tryLock' | 'renew'; readonly owner: string; readonly expirySeconds: number }
  | { readonly kind: 'unlock'; readonly owner: string };

export type LockAnswer =
  | { readonly status: 'acquired' | 'renewed'; readonly token: bigint }
  | { readonly status: 'refused' | 'released' | 'absent' | 'others' };

/**
 * Two clocks of one machine need not agree on a second: the one that tells the time of day is slewed, by at most one part
 * in 2000, and stores count whole milliseconds. For expiries of a few seconds.
 */
export const CLOCKS_DIFFER_MS = 3;

interface State {
  /** Undefined: it is free. */
  readonly owner: string | undefined;
  /** Of the owner. Undefined: the answer that told it was lost. */
  readonly token: bigint | undefined;
  /** From then on it may be free without anybody's doing. */
  readonly expiresMs: number;
  /** The highest token anybody was told. */
  readonly highest: bigint;
}

type LockOperation = Operation<LockCall, LockAnswer>;

const FREE = { owner: undefined, token: undefined, expiresMs: -Infinity } as const;
/** In place of an owner of whom nobody hears again. */
const GHOST = '(somebody)';

export const lock: ModelFor<State, LockCall, LockAnswer> = (operations) => {
  /** When the owner was last heard of, beside his attempt to get the lock. */
  const heard = new Map<string, number>();
  for (const { call, completedMs } of operations) if (call.kind !== 'tryLock') heard.set(call.owner, Math.max(heard.get(call.owner) ?? 0, completedMs));
  return new Lock(heard);
};

class Lock implements Model<State, LockCall, LockAnswer> {
  readonly initial: State = { ...FREE, highest: 0n };
  readonly #heard: ReadonlyMap<string, number>;

  constructor(heard: ReadonlyMap<string, number>) {
    this.#heard = heard;
  }

  step(state: State, operation: LockOperation, atMs: number): State | undefined {
    const { call, answer } = operation;
    const nowMs = atMs + CLOCKS_DIFFER_MS;
    const expired = state.owner === undefined || state.expiresMs <= nowMs;
    const isOwner = state.owner === call.owner;
    const freed = { ...FREE, highest: state.highest };
    switch (answer?.status) {
      case 'acquired':
        if (!expired || answer.token <= state.highest) return undefined;
        return { owner: call.owner, token: answer.token, expiresMs: expiryOf(operation, nowMs), highest: answer.token };
      case 'refused':
        return state.owner === undefined ? undefined : state;
      case 'renewed':
        if (!isOwner || (state.token === undefined ? answer.token <= state.highest : answer.token !== state.token)) return undefined;
        return { owner: call.owner, token: answer.token, expiresMs: expiryOf(operation, nowMs), highest: answer.token };
      case 'released':
        return isOwner ? freed : undefined;
      case 'absent':
        return expired ? freed : undefined;
      case 'others':
        return state.owner === undefined || isOwner ? undefined : state;
      case undefined:
        return this.#unanswered(state, operation, atMs);
    }
  }

  isRead({ answer }: LockOperation): boolean {
    return answer?.status === 'refused' || answer?.status === 'others';
  }

  fingerprint({ owner = '', token, expiresMs, highest }: State): string {
    return `${owner} ${token} ${expiresMs} ${highest}`;
  }

  /** Attempts that would be over by now, whose owners nobody hears of again. */
  twin(operation: LockOperation, atMs: number): string | undefined {
    if (operation.call.kind === 'tryLock') return this.#isGhost(operation, atMs) && expiryOf(operation, atMs + CLOCKS_DIFFER_MS) === -Infinity ? 'ghost' : undefined;
    return operation.call.kind === 'unlock' ? `unlock ${operation.call.owner}` : undefined;
  }

  describe({ call, answer }: LockOperation): string {
    const asked = `${call.kind} by ${call.owner}${call.kind === 'unlock' ? '' : ` for ${call.expirySeconds} s`}`;
    if (answer === undefined) return `${asked}: no answer`;
    return `${asked}: ${answer.status}${'token' in answer ? `, token ${answer.token}` : ''}`;
  }

  show({ owner, token, expiresMs, highest }: State): string {
    if (owner === undefined) return `free, tokens up to ${highest}`;
    return `${owner} has it, token ${token ?? `unknown, above ${highest}`}, ${expiresMs === -Infinity ? 'may have expired' : `until ${expiresMs.toFixed(3)} ms at least`}`;
  }

  #unanswered(state: State, operation: LockOperation, atMs: number): State | undefined {
    const { call } = operation;
    const nowMs = atMs + CLOCKS_DIFFER_MS;
    if (call.kind === 'tryLock') {
      if (state.owner !== undefined && state.expiresMs > nowMs) return undefined;
      return { owner: this.#isGhost(operation, atMs) ? GHOST : call.owner, token: undefined, expiresMs: expiryOf(operation, nowMs), highest: state.highest };
    }
    if (state.owner !== call.owner) return undefined;
    if (call.kind === 'unlock') return { ...FREE, highest: state.highest };
    // Whatever is possible while a lock lasts longer is possible while it doesn't have to: only a shorter time explains more.
    const expiresMs = expiryOf(operation, nowMs);
    return expiresMs < state.expiresMs ? { ...state, expiresMs } : undefined;
  }

  #isGhost({ call }: LockOperation, atMs: number): boolean {
    return (this.#heard.get(call.owner) ?? 0) < atMs;
  }
}

/** Expiries in the past are all the same. */
function expiryOf({ call, invokedMs }: LockOperation, nowMs: number): number {
  if (call.kind === 'unlock') return -Infinity;
  const expiresMs = invokedMs + call.expirySeconds * 1000;
  return expiresMs <= nowMs ? -Infinity : expiresMs;
}
