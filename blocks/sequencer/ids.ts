// Ids as the block hands them on: runs of numbers that follow each other, in JavaScript's numbers for as long as those are exact.
import { LAST_ID } from './store.ts';

/** The same kind for all ids of a run. */
export type Id = number | bigint;

/** `first`, `first + 1`, ... */
export interface Run {
  readonly first: Id;
  readonly count: number;
}

/** @throws Error for ids that there are none of: a store that gives such is broken */
export function runOf(first: bigint, count: number): Run {
  const last = first + BigInt(count) - 1n;
  if (first < 1n || last > LAST_ID) throw new Error(`the store gave ${first} to ${last}, which are not all ids`);
  return { first: last <= Number.MAX_SAFE_INTEGER ? Number(first) : first, count };
}

/** The id so many after this one. */
export function idAfter(first: Id, count: number): Id {
  return typeof first === 'number' ? first + count : first + BigInt(count);
}
