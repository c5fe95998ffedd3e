// What the checker is checked against: Wing and Gong's search as it is, and the models written down with no thought of
// speed. Shares no code with checker.ts, etag-register.ts and lock.ts. For a handful of operations of one key.
import type { EtagRules, RegisterAnswer, RegisterCall, Seen } from './etag-register.ts';
import type { Operation } from './history.ts';
import { CLOCKS_DIFFER_MS, type LockAnswer, type LockCall } from './lock.ts';
import type { IdsAnswer, IdsCall } from './sequence.ts';

/** The states that an operation may lead to: none if it can't have been answered like this; several if its answer was lost. */
type Plain<State, Call, Answer> = (state: State, operation: Operation<Call, Answer>, atMs: number) => readonly State[];

/** Whether there is an order: every operation that can be next is tried. */
export function isLinearizable<State, Call, Answer>(operations: readonly Operation<Call, Answer>[], plain: Plain<State, Call, Answer>, state: State): boolean {
  const atMs = Math.min(...operations.map(({ completedMs }) => completedMs));
  if (atMs === Infinity) return true;
  return operations.some((operation) => operation.invokedMs <= atMs
    && plain(state, operation, atMs).some((next) => isLinearizable(operations.filter((other) => other !== operation), plain, next)));
}

interface Stored {
  readonly value: string;
  readonly etag: string | undefined;
  readonly marked: boolean;
}

export function plainRegister(rules: EtagRules): Plain<Stored | undefined, RegisterCall, RegisterAnswer> {
  const isSame = (state: Stored, { value, etag }: Seen): boolean => (rules.next === undefined ? state.value === value : state.etag === etag);
  return (state, { call, answer }) => {
    if (call.kind === 'get') {
      if (typeof answer !== 'object') return [];
      if (state === undefined || answer.found === undefined) return state === undefined && answer.found === undefined ? [state] : [];
      const isIt = state.value === answer.found.value && (state.etag === undefined || state.etag === answer.found.etag);
      return isIt ? [{ ...state, etag: answer.found.etag }] : [];
    }
    const { over } = call;
    const firstWrite = call.kind === 'set' && call.firstWrite === true;
    let allowed = true;
    if (over !== undefined) allowed = state === undefined ? rules.absent[call.kind] === 'done' : isSame(state, over);
    else if (call.kind === 'set') allowed = state === undefined || !(firstWrite || state.marked);
    if (answer === 'mismatch') return allowed ? [] : [state];
    if (!allowed) return [];
    if (call.kind === 'delete') return [undefined];
    return [{ value: call.value, etag: rules.next?.(state?.etag), marked: rules.firstWriteStays && (firstWrite || state?.marked === true) }];
  };
}

interface Held {
  readonly owner: string;
  readonly token: bigint | undefined;
  readonly untilMs: number;
}

export interface PlainLock {
  readonly held: Held | undefined;
  readonly highest: bigint;
}

export const plainLock: Plain<PlainLock, LockCall, LockAnswer> = ({ held, highest }, { call, answer, invokedMs }, atMs) => {
  const canBeFree = held === undefined || held.untilMs <= atMs + CLOCKS_DIFFER_MS;
  const isOwner = held?.owner === call.owner;
  const untilMs = call.kind === 'unlock' ? 0 : invokedMs + call.expirySeconds * 1000;
  if (answer === undefined) {
    const acquired = call.kind === 'tryLock' && canBeFree ? [{ held: { owner: call.owner, token: undefined, untilMs }, highest }] : [];
    const renewed = call.kind === 'renew' && isOwner ? [{ held: { ...held, untilMs }, highest }] : [];
    const released = call.kind === 'unlock' && isOwner ? [{ held: undefined, highest }] : [];
    return [...acquired, ...renewed, ...released];
  }
  const { status } = answer;
  if (status === 'acquired') return canBeFree && answer.token > highest ? [{ held: { owner: call.owner, token: answer.token, untilMs }, highest: answer.token }] : [];
  if (status === 'renewed') {
    const isToken = held?.token === undefined ? answer.token > highest : answer.token === held.token;
    return isOwner && isToken ? [{ held: { owner: call.owner, token: answer.token, untilMs }, highest: answer.token }] : [];
  }
  if (status === 'refused') return held === undefined ? [] : [{ held, highest }];
  if (status === 'released') return isOwner ? [{ held: undefined, highest }] : [];
  if (status === 'absent') return canBeFree ? [{ held: undefined, highest }] : [];
  return held === undefined || isOwner ? [] : [{ held, highest }];
};

export const plainCounter: Plain<bigint, IdsCall, IdsAnswer> = (last, { answer = [] }) => (answer.length > 0 && (answer[0] as bigint) > last ? [answer.at(-1) as bigint] : []);
