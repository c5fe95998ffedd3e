// Whether two owners had one lock at the same time, seen with no search: who got it has it for certain from the answer to
// its expiry or to where he asked to be rid of it. It looks at pairs of owners and at nothing else (not at refusals, nor at
// tokens), so it finds less than the model in lock.ts; but it shares no code with that, is never undecided, and can be
// checked by eye.
import { byKey } from './checker.ts';
import type { Operation } from './history.ts';
import { CLOCKS_DIFFER_MS, type LockAnswer, type LockCall } from './lock.ts';

export interface Tenure {
  readonly owner: string;
  readonly acquired: Operation<LockCall, LockAnswer>;
  /** Nobody else can have it before. */
  readonly untilMs: number;
}

/** Pairs of owners of whom neither can have had the lock after the other. No owner's renewal may be for less time than he had it for. */
export function overlaps(operations: readonly Operation<LockCall, LockAnswer>[]): readonly (readonly [Tenure, Tenure])[] {
  return [...byKey(operations).values()].flatMap((part) => {
    const tenures = tenuresOf(part).sort((a, b) => a.acquired.completedMs - b.acquired.completedMs);
    return tenures.flatMap((tenure, index) => {
      const pairs: [Tenure, Tenure][] = [];
      for (const other of tenures.slice(index + 1)) {
        if (other.acquired.completedMs >= tenure.untilMs) break;
        if (tenure.acquired.completedMs < other.untilMs) pairs.push([tenure, other]);
      }
      return pairs;
    });
  });
}

function tenuresOf(operations: readonly Operation<LockCall, LockAnswer>[]): Tenure[] {
  const byOwner = Map.groupBy(operations, ({ call }) => call.owner);
  return operations.filter(({ answer }) => answer?.status === 'acquired').map((acquired) => {
    const { owner } = acquired.call;
    let untilMs = expiryOf(acquired);
    let releasedMs = Infinity;
    for (const operation of byOwner.get(owner) ?? []) {
      if (operation.answer?.status === 'renewed') untilMs = Math.max(untilMs, expiryOf(operation));
      if (operation.call.kind === 'unlock') releasedMs = Math.min(releasedMs, operation.invokedMs);
    }
    return { owner, acquired, untilMs: Math.min(untilMs, releasedMs) };
  });
}

function expiryOf({ call, invokedMs }: Operation<LockCall, LockAnswer>): number {
  return call.kind === 'unlock' ? -Infinity : invokedMs + call.expirySeconds * 1000 - CLOCKS_DIFFER_MS;
}
