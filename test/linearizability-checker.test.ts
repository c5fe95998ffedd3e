// The check of linearizability checks: histories that are known to be good or bad, executions of right objects and the same
// ones spoiled, and a search so plain that it can't be wrong, on thousands of small histories.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byKey, check, verdict, type Findings, type ModelFor } from './linearizability/checker.ts';
import { ETCD_ETAGS, etagRegister, REDIS_ETAGS, type RegisterAnswer, type RegisterCall, type Seen } from './linearizability/etag-register.ts';
import { executeLock, executeRegister, executeSequence } from './linearizability/executions.ts';
import { History, type Operation } from './linearizability/history.ts';
import { overlaps } from './linearizability/lock-intervals.ts';
import { CLOCKS_DIFFER_MS, lock, type LockAnswer, type LockCall } from './linearizability/lock.ts';
import { isLinearizable, plainCounter, plainLock, plainRegister } from './linearizability/plain.ts';
import { Random } from './linearizability/random.ts';
import { checkSequences, type IdsAnswer, type IdsCall, type IdsOperation } from './linearizability/sequence.ts';

type RegisterOperation = Operation<RegisterCall, RegisterAnswer>;
type LockOperation = Operation<LockCall, LockAnswer>;

/** A call from one moment to another, in milliseconds; undefined: no answer ever came. */
function operation<Call, Answer>(client: string, invokedMs: number, completedMs: number | undefined, call: Call, answer?: Answer): Operation<Call, Answer> {
  return { client, key: 'k', call, invokedMs, completedMs: completedMs ?? Infinity, answer };
}

/** A lower case letter is a value, and its place in the alphabet the etag: over 'a' is over the record with value a and etag 1. */
const seen = (value: string): Seen => ({ value, etag: String(value.charCodeAt(0) - 96) });
const get = (from: number, to: number | undefined, value?: string): RegisterOperation => operation(`reader ${from}`, from, to, { kind: 'get' }, to === undefined ? undefined : { found: value === undefined ? undefined : seen(value) });
const getAs = (from: number, to: number, value: string, etag: string): RegisterOperation => operation(`reader ${from}`, from, to, { kind: 'get' }, { found: { value, etag } });
const set = (from: number, to: number | undefined, value: string, answer: 'done' | 'mismatch' = 'done', over?: string): RegisterOperation =>
  operation(`writer ${from}`, from, to, { kind: 'set', value, ...(over === undefined ? {} : { over: seen(over) }) }, to === undefined ? undefined : answer);
const first = (from: number, to: number | undefined, value: string, answer: 'done' | 'mismatch' = 'done'): RegisterOperation =>
  operation(`writer ${from}`, from, to, { kind: 'set', value, firstWrite: true }, to === undefined ? undefined : answer);
const remove = (from: number, to: number | undefined, answer: 'done' | 'mismatch' = 'done', over?: string): RegisterOperation =>
  operation(`remover ${from}`, from, to, { kind: 'delete', ...(over === undefined ? {} : { over: seen(over) }) }, to === undefined ? undefined : answer);

const acquire = (from: number, to: number | undefined, owner: string, token = 0, expirySeconds = 1): LockOperation =>
  operation(owner, from, to, { kind: 'tryLock', owner, expirySeconds }, to === undefined ? undefined : { status: 'acquired', token: BigInt(token) });
const refused = (from: number, to: number, owner: string): LockOperation => operation(owner, from, to, { kind: 'tryLock', owner, expirySeconds: 1 }, { status: 'refused' });
const renew = (from: number, to: number | undefined, owner: string, token = 0, expirySeconds = 1): LockOperation =>
  operation(owner, from, to, { kind: 'renew', owner, expirySeconds }, to === undefined ? undefined : { status: 'renewed', token: BigInt(token) });
const unrenewed = (from: number, to: number, owner: string, status: 'absent' | 'others'): LockOperation => operation(owner, from, to, { kind: 'renew', owner, expirySeconds: 1 }, { status });
const unlock = (from: number, to: number | undefined, owner: string, status: 'released' | 'absent' | 'others' = 'released'): LockOperation =>
  operation(owner, from, to, { kind: 'unlock', owner }, to === undefined ? undefined : { status });

const ids = (from: number, to: number | undefined, answer: readonly number[], increment: IdsCall['increment'] = 'strong', sidecar = 's', count = Math.max(1, answer.length)): IdsOperation =>
  operation(`client ${from}`, from, to, { increment, count, sidecar }, to === undefined ? undefined : answer.map(BigInt));

/** A name, the operations, and whether there is an order for them. */
type Row<Call, Answer> = readonly [name: string, good: boolean, operations: readonly Operation<Call, Answer>[]];

const GOOD = true;
const BAD = false;

describe('a register with etags that never come again', () => {
  const rows: Row<RegisterCall, RegisterAnswer>[] = [
    ['nothing at all', GOOD, []],
    ['a write is read', GOOD, [set(0, 1, 'a'), get(2, 3, 'a')]],
    ['a read beside a write sees it or not', GOOD, [set(0, 1, 'a'), set(2, 9, 'b'), get(3, 4, 'a'), get(5, 6, 'b')]],
    ['a read after a write sees what was before', BAD, [set(0, 1, 'a'), set(2, 3, 'b'), get(4, 5, 'a')]],
    ['of two reads beside a write the later one sees what was before', BAD, [set(0, 1, 'a'), set(2, 9, 'b'), get(3, 4, 'b'), get(5, 6, 'a')]],
    ['a value that nobody wrote', BAD, [set(0, 1, 'a'), get(2, 3, 'b')]],
    ['a value before it was written', BAD, [get(0, 1, 'a'), set(2, 3, 'a')]],
    ['an acknowledged write is gone', BAD, [set(0, 1, 'a'), get(2, 3)]],
    ['one value with two etags', BAD, [set(0, 1, 'a'), getAs(2, 3, 'a', '1'), getAs(4, 5, 'a', '2')]],
    ['writes over what was read', GOOD, [set(0, 1, 'a'), get(2, 3, 'a'), set(4, 5, 'b', 'done', 'a'), get(6, 7, 'b'), set(8, 9, 'c', 'done', 'b')]],
    ['of two writes over one record one is refused', GOOD, [set(0, 1, 'a'), get(2, 3, 'a'), set(4, 8, 'b', 'mismatch', 'a'), set(5, 9, 'c', 'done', 'a'), get(10, 11, 'c')]],
    ['two writes over one record are done: an update is lost', BAD, [set(0, 1, 'a'), get(2, 3, 'a'), set(4, 8, 'b', 'done', 'a'), set(5, 9, 'c', 'done', 'a')]],
    ['a write over what was overwritten', BAD, [set(0, 1, 'a'), get(2, 3, 'a'), set(4, 5, 'b'), set(6, 7, 'c', 'done', 'a')]],
    ['the same when its etag is the old one\'s', BAD, [set(0, 1, 'a'), getAs(2, 3, 'a', '1'), set(4, 5, 'b'), getAs(6, 7, 'b', '1'), set(8, 9, 'c', 'done', 'a')]],
    ['a refusal though nobody wrote', BAD, [set(0, 1, 'a'), get(2, 3, 'a'), set(4, 5, 'b', 'mismatch', 'a')]],
    ['a refused write is read', BAD, [set(0, 1, 'a'), get(2, 3, 'a'), set(4, 5, 'b'), set(6, 7, 'c', 'mismatch', 'a'), get(8, 9, 'c')]],
    ['of two first writes one is refused', GOOD, [first(0, 5, 'a'), first(1, 4, 'b', 'mismatch'), get(6, 7, 'a')]],
    ['two first writes are done', BAD, [first(0, 5, 'a'), first(1, 4, 'b')]],
    ['a write over a record that was deleted is refused', GOOD, [set(0, 1, 'a'), get(2, 3, 'a'), remove(4, 5, 'done', 'a'), set(6, 7, 'b', 'mismatch', 'a'), get(8, 9)]],
    ['a write over a record that was deleted', BAD, [set(0, 1, 'a'), get(2, 3, 'a'), remove(4, 5), set(6, 7, 'b', 'done', 'a')]],
    ['what was deleted is read', BAD, [set(0, 1, 'a'), remove(2, 3), get(4, 5, 'a')]],
    ['a deletion of what was overwritten', BAD, [set(0, 1, 'a'), get(2, 3, 'a'), set(4, 5, 'b'), remove(6, 7, 'done', 'a')]],
    ['a write without an answer is read', GOOD, [set(0, 1, 'a'), set(2, undefined, 'b'), get(4, 5, 'b')]],
    ['it is read long after', GOOD, [set(0, 1, 'a'), set(2, undefined, 'b'), get(4, 5, 'a'), set(6, 7, 'c'), get(8, 9, 'c'), get(10, 11, 'b')]],
    ['it is never read', GOOD, [set(0, 1, 'a'), set(2, undefined, 'b'), get(4, 5, 'a')]],
    ['it is read before it was asked for', BAD, [set(0, 1, 'a'), get(2, 3, 'b'), set(4, undefined, 'b')]],
    ['it happens twice', BAD, [set(0, 1, 'a'), set(2, undefined, 'b'), get(4, 5, 'b'), set(6, 7, 'c'), get(8, 9, 'b')]],
    ['over what had been overwritten it can\'t have happened', BAD, [set(0, 1, 'a'), get(2, 3, 'a'), set(4, 5, 'b'), set(6, undefined, 'c', 'done', 'a'), get(8, 9, 'c')]],
    ['though never read it is why another is refused', GOOD, [set(0, 1, 'a'), get(2, 3, 'a'), set(4, undefined, 'b'), set(6, 7, 'c', 'mismatch', 'a'), set(8, 9, 'd'), get(10, 11, 'd')]],
    ['it explains one refusal of two', BAD, [set(0, 1, 'a'), get(2, 3, 'a'), set(4, undefined, 'z'), set(6, 7, 'c', 'mismatch', 'a'), set(8, 9, 'd'), get(10, 11, 'd'), set(12, 13, 'e', 'mismatch', 'd')]],
    ['two of them explain both', GOOD, [set(0, 1, 'a'), get(2, 3, 'a'), set(4, undefined, 'z'), set(5, undefined, 'y'), set(6, 7, 'c', 'mismatch', 'a'), set(8, 9, 'd'), get(10, 11, 'd'), set(12, 13, 'e', 'mismatch', 'd')]],
    ['a deletion without an answer explains that nothing is there', GOOD, [set(0, 1, 'a'), remove(2, undefined), get(4, 5, 'a'), get(6, 7)]],
    ['a deletion without an answer and over something else does not', BAD, [set(0, 1, 'a'), get(2, 3, 'a'), set(4, 5, 'b'), remove(6, undefined, 'done', 'a'), get(8, 9)]],
    ['a read without an answer says nothing', GOOD, [set(0, 1, 'a'), get(2, undefined), get(4, 5, 'a')]],
  ];
  it.each(rows)('%s', (_, good, operations) => expectVerdict(operations, etagRegister(ETCD_ETAGS), good));
});

describe('a register whose etags count the writes of a record', () => {
  const rows: Row<RegisterCall, RegisterAnswer>[] = [
    ['counts from 1, and from 1 again after a deletion', GOOD, [set(0, 1, 'a'), getAs(2, 3, 'a', '1'), set(4, 5, 'x'), getAs(6, 7, 'x', '2'), remove(8, 9), set(10, 11, 'y'), getAs(12, 13, 'y', '1')]],
    ['an etag that is not the count', BAD, [set(0, 1, 'a'), set(2, 3, 'x'), getAs(4, 5, 'x', '3')]],
    ['an unanswered write counts if it happened', GOOD, [set(0, 1, 'a'), set(2, undefined, 'z'), set(4, 5, 'x'), getAs(6, 7, 'x', '3')]],
    ['and doesn\'t if it did not', GOOD, [set(0, 1, 'a'), set(2, undefined, 'z'), set(4, 5, 'x'), getAs(6, 7, 'x', '2')]],
    ['a write with an etag where nothing is is done', GOOD, [set(0, 1, 'a'), get(2, 3, 'a'), remove(4, 5), set(6, 7, 'b', 'done', 'a'), getAs(8, 9, 'b', '1')]],
    ['it is not refused', BAD, [set(0, 1, 'a'), get(2, 3, 'a'), remove(4, 5), set(6, 7, 'b', 'mismatch', 'a')]],
    ['a record that began with first-write takes no write without its etag', GOOD, [first(0, 1, 'a'), set(2, 3, 'b', 'mismatch'), get(4, 5, 'a')]],
    ['nor takes it one', BAD, [first(0, 1, 'a'), set(2, 3, 'b')]],
    ['until it is deleted', GOOD, [first(0, 1, 'a'), remove(2, 3), set(4, 5, 'b'), set(6, 7, 'c')]],
    ['two writes over one record are done: an update is lost', BAD, [set(0, 1, 'a'), get(2, 3, 'a'), set(4, 8, 'x', 'done', 'a'), set(5, 9, 'y', 'done', 'a')]],
  ];
  it.each(rows)('%s', (_, good, operations) => expectVerdict(operations, etagRegister(REDIS_ETAGS), good));
});

describe('a lock', () => {
  /** The last moment at which a lock that was asked for at 0 for a second is certainly held. */
  const HELD_MS = 1000 - CLOCKS_DIFFER_MS - 1;
  const rows: Row<LockCall, LockAnswer>[] = [
    ['goes from one to the next', GOOD, [acquire(0, 1, 'a', 1), refused(2, 3, 'b'), unlock(4, 5, 'a'), acquire(6, 7, 'b', 2), unlock(8, 9, 'b')]],
    ['is given twice', BAD, [acquire(0, 1, 'a', 1), acquire(2, 3, 'b', 2)]],
    ['is given to two who ask at the same time', BAD, [acquire(0, 5, 'a', 1), acquire(1, 4, 'b', 2)]],
    ['is given twice to two of whom one has let go already', GOOD, [acquire(0, 20, 'a', 1), acquire(1, 22, 'b', 2), unlock(21, 30, 'a')]],
    ['is given right before it is asked to be released', BAD, [acquire(0, 1, 'a', 1), acquire(2, 3, 'b', 2), unlock(4, 5, 'a')]],
    ['is given while it is being released', GOOD, [acquire(0, 1, 'a', 1), unlock(2, 9, 'a'), acquire(3, 4, 'b', 2)]],
    ['is given after it expired', GOOD, [acquire(0, 1, 'a', 1), acquire(1002, 1003, 'b', 2)]],
    ['is given by an answer that came after it expired', GOOD, [acquire(0, 1, 'a', 1), acquire(500, 1003, 'b', 2)]],
    ['is given before it expired', BAD, [acquire(0, 1, 'a', 1), acquire(500, HELD_MS, 'b', 2)]],
    ['is counted from the question, not from the answer', GOOD, [acquire(0, 900, 'a', 1), acquire(1002, 1003, 'b', 2)]],
    ['lasts longer than it must', GOOD, [acquire(0, 1, 'a', 1), refused(5000, 5001, 'b'), renew(6000, 6001, 'a', 1)]],
    ['is refused though nobody has it', BAD, [refused(0, 1, 'a')]],
    ['is refused after its release', BAD, [acquire(0, 1, 'a', 1), unlock(2, 3, 'a'), refused(4, 5, 'b')]],
    ['is refused to its own owner', GOOD, [acquire(0, 1, 'a', 1), refused(2, 3, 'a')]],
    ['is held longer by renewal', GOOD, [acquire(0, 1, 'a', 1), renew(900, 901, 'a', 1), acquire(1902, 1903, 'b', 2)]],
    ['is given in spite of a renewal', BAD, [acquire(0, 1, 'a', 1), renew(900, 901, 'a', 1), acquire(1500, 1501, 'b', 2)]],
    ['may be made shorter by renewal', GOOD, [acquire(0, 1, 'a', 1, 60), renew(10, 11, 'a', 1, 1), acquire(1012, 1013, 'b', 2)]],
    ['may be made shorter by a renewal without an answer', GOOD, [acquire(0, 1, 'a', 1, 60), renew(10, undefined, 'a', 1, 1), acquire(1012, 1013, 'b', 2)]],
    ['may not expire early in spite of a renewal without an answer', BAD, [acquire(0, 1, 'a', 1, 60), renew(10, undefined, 'a', 1, 30), acquire(1012, 1013, 'b', 2)]],
    ['is held by no longer time if the renewal without an answer came to nothing', GOOD, [acquire(0, 1, 'a', 1), renew(900, undefined, 'a'), acquire(1010, 1011, 'b', 2)]],
    ['changes its token by renewal', BAD, [acquire(0, 1, 'a', 1), renew(2, 3, 'a', 2)]],
    ['is renewed by somebody else', BAD, [acquire(0, 1, 'a', 1), renew(2, 3, 'b', 1)]],
    ['is renewed after somebody else got it', BAD, [acquire(0, 1, 'a', 1), acquire(1100, 1101, 'b', 2), renew(1102, 1103, 'a', 1)]],
    ['says to others that it has an owner', GOOD, [acquire(0, 1, 'a', 1), unrenewed(2, 3, 'b', 'others'), unlock(4, 5, 'b', 'others')]],
    ['says to its owner that it has another one', BAD, [acquire(0, 1, 'a', 1), unlock(2, 3, 'a', 'others')]],
    ['is gone while it is held', BAD, [acquire(0, 1, 'a', 1), unlock(2, 3, 'a', 'absent')]],
    ['is gone when it has expired', GOOD, [acquire(0, 1, 'a', 1), unrenewed(1001, 1002, 'a', 'absent'), refused(0, 1, 'c'), unlock(1003, 1004, 'a', 'absent')]],
    ['is renewed after it was gone', BAD, [acquire(0, 1, 'a', 1), unrenewed(1001, 1002, 'a', 'absent'), renew(1003, 1004, 'a', 1)]],
    ['is released twice', BAD, [acquire(0, 1, 'a', 1), unlock(2, 3, 'a'), unlock(4, 5, 'a')]],
    ['is released by somebody else', BAD, [acquire(0, 1, 'a', 1), unlock(2, 3, 'b')]],
    ['has a token that goes back', BAD, [acquire(0, 1, 'a', 2), unlock(2, 3, 'a'), acquire(4, 5, 'b', 1)]],
    ['has a token that stays', BAD, [acquire(0, 1, 'a', 1), unlock(2, 3, 'a'), acquire(4, 5, 'b', 1)]],
    ['has tokens in the order in which two got it who asked together', GOOD, [acquire(0, 9, 'a', 2), acquire(1, 3, 'b', 1), unlock(4, 5, 'b')]],
    ['is refused because somebody has it whose answer was lost', GOOD, [acquire(0, undefined, 'a'), refused(2, 3, 'b'), acquire(1010, 1011, 'c', 5)]],
    ['is refused because of somebody who had not asked', BAD, [refused(2, 3, 'b'), acquire(4, undefined, 'a')]],
    ['is given though it was refused because of an answer that was lost', BAD, [acquire(0, undefined, 'a'), refused(2, 3, 'b'), acquire(4, 5, 'c', 5)]],
    ['is got long after the question by somebody whose answer was lost', GOOD, [acquire(0, undefined, 'a'), acquire(2000, 2001, 'b', 1), unlock(2002, 2003, 'b'), refused(2004, 2005, 'c'), acquire(2006, 2007, 'd', 9)]],
    ['is got twice by him', BAD, [acquire(0, undefined, 'a', 0, 60), unlock(1, 2, 'a'), refused(4, 5, 'b')]],
    ['is got once by each of two', GOOD, [acquire(0, undefined, 'x'), acquire(0.5, undefined, 'y'), refused(2000, 2001, 'a'), acquire(2002, 2003, 'b', 1), unlock(2004, 2005, 'b'), refused(2006, 2007, 'c')]],
    ['is got twice by one of whom nobody hears again', BAD, [acquire(0, undefined, 'x'), refused(2000, 2001, 'a'), acquire(2002, 2003, 'b', 1), unlock(2004, 2005, 'b'), refused(2006, 2007, 'c')]],
    ['is released by one whose first answer was lost', GOOD, [acquire(0, undefined, 'a'), unlock(2, 3, 'a'), acquire(4, 5, 'b', 2)]],
    ['has no token below the one of a lost answer that a renewal told', BAD, [acquire(0, undefined, 'a'), renew(2, 3, 'a', 7), unlock(4, 5, 'a'), acquire(6, 7, 'b', 6)]],
    ['is given because of a release whose answer was lost', GOOD, [acquire(0, 1, 'a', 1), unlock(2, undefined, 'a'), refused(3, 4, 'b'), acquire(5, 6, 'c', 2)]],
    ['is given because of a release that nobody had asked for', BAD, [acquire(0, 1, 'a', 1), acquire(5, 6, 'c', 2), unlock(7, undefined, 'a')]],
  ];
  it.each(rows)('%s', (_, good, operations) => expectVerdict(operations, lock, good));
});

describe('a sequence', () => {
  const rows: readonly (readonly [name: string, good: boolean, operations: readonly IdsOperation[]])[] = [
    ['rises', GOOD, [ids(0, 1, [1]), ids(2, 3, [2, 3]), ids(4, 5, [9])]],
    ['gives an id twice', BAD, [ids(0, 1, [1]), ids(2, 3, [2]), ids(4, 5, [2])]],
    ['gives an id twice at the same time', BAD, [ids(0, 5, [1]), ids(1, 4, [1])]],
    ['gives ids that overlap', BAD, [ids(0, 5, [1, 2]), ids(1, 4, [2, 3])]],
    ['gives a lower id to a call beside', GOOD, [ids(0, 5, [2]), ids(1, 4, [1])]],
    ['gives a lower id to a call after', BAD, [ids(0, 1, [2]), ids(2, 3, [1])]],
    ['gives a lower id to a call after one of another sidecar', BAD, [ids(0, 1, [2]), ids(2, 3, [1], 'strong', 'other')]],
    ['leaves out ids that were lost', GOOD, [ids(0, 1, [1]), ids(2, undefined, []), ids(4, 5, [3])]],
    ['gives strong ids with a gap', BAD, [ids(0, 1, [1, 3])]],
    ['gives weak ids with a gap', GOOD, [ids(0, 1, [1, 3], 'weak')]],
    ['gives ids that don\'t rise in one answer', BAD, [ids(0, 1, [2, 1], 'weak')]],
    ['gives fewer than asked', BAD, [ids(0, 1, [1], 'strong', 's', 2)]],
    ['gives none at all', BAD, [ids(0, 1, [])]],
    ['begins before 1', BAD, [ids(0, 1, [0])]],
    ['gives weak ids that rise in each sidecar', GOOD, [ids(0, 1, [101], 'weak', 'a'), ids(2, 3, [1], 'weak', 'b'), ids(4, 5, [102], 'weak', 'a'), ids(6, 7, [2], 'weak', 'b')]],
    ['gives weak ids that fall in one of them', BAD, [ids(0, 1, [101], 'weak', 'a'), ids(2, 3, [1], 'weak', 'b'), ids(4, 5, [99], 'weak', 'a')]],
    ['gives a weak id in two sidecars', BAD, [ids(0, 1, [7], 'weak', 'a'), ids(2, 3, [7], 'weak', 'b')]],
  ];
  it.each(rows)('%s', (_, good, operations) => expectFindings(checkSequences(operations), good));
});

describe('histories of objects that are right', () => {
  const SHAPES = [{ operations: 60, clients: 3, lost: 0.1 }, { operations: 200, clients: 10, lost: 0.05 }, { operations: 150, clients: 6, lost: 0.4 }];
  const accepted = (name: string, findings: (random: Random, shape: (typeof SHAPES)[number]) => Findings): void => {
    it(`are accepted: ${name}`, () => {
      fc.assert(fc.property(fc.integer(), fc.constantFrom(...SHAPES), (seed, shape) => {
        expectFindings(findings(new Random(seed), shape), GOOD);
      }), { numRuns: 150 });
    }, 60_000);
  };
  accepted('etags that never come again', (random, shape) => check(executeRegister('k', random, shape, ETCD_ETAGS), etagRegister(ETCD_ETAGS)));
  accepted('etags that count', (random, shape) => check(executeRegister('k', random, shape, REDIS_ETAGS), etagRegister(REDIS_ETAGS)));
  accepted('locks', (random, shape) => {
    const operations = executeLock('k', random, shape);
    expect(overlaps(operations)).toEqual([]);
    return check(operations, lock);
  });
  accepted('strong ids', (random, shape) => checkSequences(executeSequence('k', random, shape, 'strong')));
  accepted('weak ids', (random, shape) => checkSequences(executeSequence('k', random, shape, 'weak')));
});

describe('histories with one planted fault', () => {
  const SHAPE = { operations: 150, clients: 6, lost: 0.05 };
  /** @param spoil undefined where the history has no place for the fault */
  const rejected = <Call, Answer>(name: string, execute: (random: Random) => Operation<Call, Answer>[], spoil: (operations: Operation<Call, Answer>[], random: Random) => Operation<Call, Answer>[] | undefined, find: (operations: Operation<Call, Answer>[]) => Findings): void => {
    it(`are rejected: ${name}`, () => {
      let spoiled = 0;
      fc.assert(fc.property(fc.integer(), (seed) => {
        const random = new Random(seed);
        const operations = spoil(execute(random), random);
        if (operations === undefined) return;
        spoiled++;
        expectFindings(find(operations), BAD);
      }), { numRuns: 100 });
      expect(spoiled, 'histories had a place for it').toBeGreaterThan(50);
    }, 60_000);
  };
  const register = (random: Random): RegisterOperation[] => executeRegister('k', random, SHAPE, ETCD_ETAGS);
  const findRegister = (operations: RegisterOperation[]): Findings => check(operations, etagRegister(ETCD_ETAGS));
  const isDone = ({ call, answer }: RegisterOperation): boolean => call.kind === 'set' && answer === 'done';
  const valueOf = ({ call }: RegisterOperation): string => (call.kind === 'set' ? call.value : '');

  rejected('a stale read', register, (operations, random) => {
    const reads = random.shuffled(operations.filter(({ answer }) => typeof answer === 'object'));
    for (const read of reads) {
      const last = operations.findLast((write) => isDone(write) && write.completedMs < read.invokedMs);
      const older = last && operations.findLast((write) => isDone(write) && write.completedMs < last.invokedMs);
      const etag = older && etagOf(operations, valueOf(older));
      if (etag !== undefined) return changed(operations, read, { found: { value: valueOf(older as RegisterOperation), etag } });
    }
    return undefined;
  }, findRegister);
  rejected('an update that is lost', register, (operations, random) => {
    const [done] = random.shuffled(operations.filter((write) => isDone(write) && write.call.kind === 'set' && write.call.over !== undefined));
    return done && planted(operations, { ...done, client: 'planted', call: { ...done.call, value: 'planted' } as RegisterCall, invokedMs: done.completedMs + 1, completedMs: done.completedMs + 2 });
  }, findRegister);
  rejected('a value that nobody wrote', register, (operations, random) => {
    const [read] = random.shuffled(operations.filter(({ answer }) => typeof answer === 'object'));
    return read && changed(operations, read, { found: { value: 'planted', etag: 'planted' } });
  }, findRegister);

  const locks = (random: Random): LockOperation[] => executeLock('k', random, SHAPE);
  const findLock = (operations: LockOperation[]): Findings => check(operations, lock);
  rejected('a second owner', locks, (operations, random) => {
    for (const acquired of random.shuffled(operations.filter(({ answer }) => answer?.status === 'acquired'))) {
      const own = operations.filter(({ call }) => call.owner === acquired.call.owner && call.kind === 'unlock');
      const untilMs = Math.min(acquired.invokedMs + 1000 - CLOCKS_DIFFER_MS, ...own.map(({ invokedMs }) => invokedMs));
      if (untilMs - acquired.completedMs < 1 || acquired.answer?.status !== 'acquired') continue;
      return planted(operations, acquire(acquired.completedMs + 0.1, untilMs - 0.1, 'planted', Number(acquired.answer.token) + 1000));
    }
    return undefined;
  }, (operations) => {
    expect(overlaps(operations), 'seen without a search, too').not.toEqual([]);
    return findLock(operations);
  });
  rejected('a token that goes back', locks, (operations, random) => {
    const acquired = operations.filter(({ answer }) => answer?.status === 'acquired');
    const from = acquired[random.below(acquired.length)];
    const to = from && acquired.find(({ invokedMs }) => invokedMs > from.completedMs);
    return to && changed(operations, to, from.answer as LockAnswer);
  }, findLock);

  const answered = (operations: IdsOperation[], random: Random): [IdsOperation, IdsOperation] | undefined => {
    const [one] = random.shuffled(operations.filter(({ answer }) => answer !== undefined));
    const other = one && operations.find(({ answer, call, invokedMs }) => answer?.length === one.answer?.length && call.sidecar === one.call.sidecar && invokedMs > one.completedMs);
    return other && [one, other];
  };
  for (const increment of ['strong', 'weak'] as const) {
    const execute = (random: Random): IdsOperation[] => executeSequence('k', random, SHAPE, increment);
    rejected(`${increment} ids that come again`, execute, (operations, random) => {
      const [one, other] = answered(operations, random) ?? [];
      return one && other && changed(operations, other, one.answer as IdsAnswer);
    }, checkSequences);
    rejected(`${increment} ids that change places`, execute, (operations, random) => {
      const [one, other] = answered(operations, random) ?? [];
      return one && other && changed(changed(operations, other, one.answer as IdsAnswer), one, other.answer as IdsAnswer);
    }, checkSequences);
  }
});

describe('the search agrees with one that tries everything', () => {
  const RUNS = 4000;
  /** Small histories, of which about half are spoiled at random. @returns how many had an order */
  const compare = <State, Call, Answer>(execute: (random: Random) => Operation<Call, Answer>[], modelFor: ModelFor<State, Call, Answer>, plain: (operations: readonly Operation<Call, Answer>[]) => boolean, spoilt: (operation: Operation<Call, Answer>, random: Random, all: readonly Operation<Call, Answer>[]) => Answer): void => {
    let good = 0;
    fc.assert(fc.property(fc.integer(), fc.boolean(), (seed, spoil) => {
      const random = new Random(seed);
      const executed = execute(random);
      const operations = executed.map((operation) => {
        if (!spoil || !random.chance(0.3)) return operation;
        const kind = random.below(3);
        if (kind === 0) return { ...operation, answer: undefined, completedMs: Infinity };
        if (kind === 1 || operation.answer === undefined) return { ...operation, invokedMs: Math.max(0, operation.invokedMs - random.between(0, 100)) };
        return { ...operation, answer: spoilt(operation, random, executed) };
      });
      const expected = plain(operations);
      if (expected) good++;
      expectFindings(check(operations, modelFor), expected);
    }), { numRuns: RUNS });
    expect(good, 'there were good ones and bad ones').toBeGreaterThan(RUNS / 5);
    expect(good).toBeLessThan(RUNS - RUNS / 20);
  };

  for (const [name, rules] of [['etags that never come again', ETCD_ETAGS], ['etags that count', REDIS_ETAGS]] as const) {
    it(`on registers with ${name}`, () => {
      compare(
        (random) => executeRegister('k', random, { operations: 7, clients: 3, lost: 0.25 }, rules), etagRegister(rules),
        (operations) => isLinearizable(operations, plainRegister(rules), undefined),
        // What another read found: the plain model does not look for values with two etags, as the table above does.
        ({ call }, random, all) => random.pick(all.flatMap(({ answer }): RegisterAnswer[] => (call.kind !== 'get' ? ['done', 'mismatch'] : typeof answer === 'object' ? [answer, { found: undefined }] : [{ found: undefined }]))),
      );
    }, 120_000);
  }

  const spoilLock = ({ call: { kind } }: LockOperation, random: Random): LockAnswer => {
    const token = BigInt(1 + random.below(4));
    const status = kind === 'tryLock' ? random.pick(['acquired', 'refused'] as const) : kind === 'renew' ? random.pick(['renewed', 'absent', 'others'] as const) : random.pick(['released', 'absent', 'others'] as const);
    return status === 'acquired' || status === 'renewed' ? { status, token } : { status };
  };
  it('on locks', () => {
    compare(
      (random) => executeLock('k', random, { operations: 7, clients: 3, lost: 0.25 }), lock,
      (operations) => isLinearizable(operations, plainLock, { held: undefined, highest: 0n }),
      spoilLock,
    );
  }, 120_000);

  it('on who had a lock at the same time, as the look at intervals sees it', () => {
    let overlapping = 0;
    fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 2500 }), fc.integer({ min: 1, max: 1500 }), fc.option(fc.tuple(fc.integer({ min: 1, max: 800 }), fc.integer({ min: 1, max: 500 })), { nil: undefined })), { minLength: 1, maxLength: 3 }), (tenures) => {
      // Everybody got it, and everybody who was rid of it in time was told so; tokens don't matter here.
      const operations = tenures.flatMap(([fromMs, tookMs, released], index) => {
        const owner = `owner ${index}`;
        const completedMs = fromMs + tookMs;
        return [acquire(fromMs, completedMs, owner, 1), ...(released === undefined ? [] : [unlock(completedMs + released[0], undefined, owner)])];
      });
      const found = overlaps(operations).length > 0;
      if (found) overlapping++;
      // Tokens in some order must do.
      const orders = permutations(tenures.map((_, index) => index + 1));
      const isPossible = orders.some((tokens) => check(operations.map((one) => (one.answer?.status === 'acquired' ? { ...one, answer: { status: 'acquired' as const, token: BigInt(tokens[Number(one.client.slice(6))] as number) } } : one)), lock).violations.length === 0);
      expect(isPossible).toBe(!found);
    }), { numRuns: 3000 });
    expect(overlapping, 'there were both').toBeGreaterThan(300);
    expect(overlapping).toBeLessThan(2700);
  }, 120_000);

  it('on strong ids, for which no search is made', () => {
    let good = 0;
    fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 2 })), { maxLength: 6 }), (calls) => {
      const operations = calls.map(([fromMs, tookMs, id, count]) => ids(fromMs, fromMs + tookMs, count === 1 ? [id] : [id, id + 1]));
      const expected = isLinearizable(operations, plainCounter, 0n);
      if (expected) good++;
      expectFindings(checkSequences(operations), expected);
    }), { numRuns: RUNS });
    expect(good).toBeGreaterThan(RUNS / 10);
  }, 60_000);
});

describe('a check', () => {
  it('takes a hundred thousand operations on hundreds of keys, lost answers among them', () => {
    const random = new Random(5);
    const shape = { operations: 340, clients: 8, lost: 0.03 };
    const many = <T>(prefix: string, execute: (key: string) => readonly T[]): T[] => Array.from({ length: 100 }, (_, index) => execute(`${prefix}-${index}`)).flat();
    const locks = many('lock', (key) => executeLock(key, random, shape));
    const etcd = many('etcd', (key) => executeRegister(key, random, shape, ETCD_ETAGS));
    const redis = many('redis', (key) => executeRegister(key, random, shape, REDIS_ETAGS));
    const all = [check(locks, lock), check(etcd, etagRegister(ETCD_ETAGS)), check(redis, etagRegister(REDIS_ETAGS))];
    expect(all.map(({ keys, violations, undecided }) => [keys, violations, undecided])).toEqual(all.map(() => [100, [], []]));
    expect(all.reduce((sum, { operations }) => sum + operations, 0)).toBeGreaterThan(100_000);
  }, 120_000);

  it('takes ten thousand operations on one key, and rejects one with a fault in the middle', () => {
    const operations = executeRegister('k', new Random(6), { operations: 10_000, clients: 16, lost: 0.01 }, ETCD_ETAGS);
    expectFindings(check(operations, etagRegister(ETCD_ETAGS)), GOOD);
    const middle = operations.findIndex(({ call, answer }, index) => index > 5000 && call.kind === 'get' && answer !== undefined) as number;
    expectFindings(check(changed(operations, operations[middle] as RegisterOperation, { found: { value: 'planted', etag: '0' } }), etagRegister(ETCD_ETAGS)), BAD);
  }, 120_000);

  it('says so when it gives up', () => {
    const found = check([set(0, 9, 'a'), set(1, 8, 'b'), set(2, 7, 'c'), get(10, 11, 'z')], etagRegister(ETCD_ETAGS), { budget: 3 });
    expect(found).toMatchObject({ violations: [], undecided: ['k: undecided after 4 steps over 4 operations'] });
    expect(verdict(found)).toBe('UNDECIDED (1)');
  });

  it('looks at each key by itself, in whatever order the operations are given', () => {
    const elsewhere = (one: RegisterOperation): RegisterOperation => ({ ...one, key: 'other' });
    const found = check([get(4, 5, 'a'), set(0, 1, 'a'), elsewhere(get(4, 5, 'z')), elsewhere(set(0, 1, 'b'))], etagRegister(ETCD_ETAGS));
    expect(found).toMatchObject({ keys: 2, operations: 4, unknown: 0, undecided: [] });
    expect(found.violations).toEqual([expect.stringContaining('other: no order of its operations explains') as string]);
    expect(verdict(found)).toBe('VIOLATED (1)');
  });

  it('shows where every order ends', () => {
    const operations = [acquire(0, 1, 'ann', 2, 2), unlock(2, undefined, 'ann'), refused(3, 4, 'bob'), acquire(12.5, 13, 'cyd', 1), acquire(12, 20, 'dan', 3)];
    expect(check(operations, lock).violations).toEqual([[
      'k: no order of its operations explains',
      '         12.500 ..      13.000 ms  cyd  tryLock by cyd for 1 s: acquired, token 1',
      '  The furthest order ends with',
      '          0.000 ..       1.000 ms  ann  tryLock by ann for 2 s: acquired, token 2  =>  ann has it, token 2, until 2000.000 ms at least',
      '          3.000 ..       4.000 ms  bob  tryLock by bob for 1 s: refused  =>  ann has it, token 2, until 2000.000 ms at least',
      '  or, in other orders, in',
      '    free, tokens up to 2',
      '    dan has it, token 3, until 1012.000 ms at least',
      '  Under way beside it',
      '         12.000 ..      20.000 ms  dan  tryLock by dan for 1 s: acquired, token 3',
      '  Operations without an answer that don\'t help: 1',
    ].join('\n')]);
    expect(checkSequences([ids(0, 1, [1, 2, 3]), ids(2, 3, [3])]).violations).toEqual([[
      'k: id 3 was given twice',
      '          0.000 ..       1.000 ms  client 0  strong ids from s: 1 to 3, 3 of them',
      '          2.000 ..       3.000 ms  client 2  strong ids from s: 3',
    ].join('\n')]);
  });
});

describe('a recorded history', () => {
  it('holds what happened or may have, with times that never fall together', () => {
    const history = new History<string, string>();
    const [done, failed, lost] = ['done', 'failed', 'lost'].map((call) => history.invoke('client', 'k', call));
    history.invoke('client', 'k', 'pending');
    done?.completed('answer');
    failed?.failed();
    lost?.unknown();
    expect(history.operations).toMatchObject([{ call: 'done', answer: 'answer' }, { call: 'lost', answer: undefined, completedMs: Infinity }, { call: 'pending', answer: undefined, completedMs: Infinity }]);
    expect(history.failed).toBe(1);
    const times = history.operations.flatMap(({ invokedMs, completedMs }) => [invokedMs, completedMs]).filter((time) => time !== Infinity);
    expect(new Set(times).size).toBe(times.length);
    expect(() => done?.unknown(), 'the end is said once').toThrow('ended twice');
  });

  it('falls into keys, each in order of invocation', () => {
    expect([...byKey([get(3, 4), get(1, 2), { ...get(0, 1), key: 'other' }]).values()].map((part) => part.map(({ invokedMs }) => invokedMs))).toEqual([[1, 3], [0]]);
  });
});

function expectVerdict<State, Call, Answer>(operations: readonly Operation<Call, Answer>[], modelFor: ModelFor<State, Call, Answer>, good: boolean): void {
  expectFindings(check(operations, modelFor), good);
}

function expectFindings(found: Findings, good: boolean): void {
  expect(found.undecided).toEqual([]);
  expect(found.violations.length, found.violations.join('\n')).toBe(good ? 0 : 1);
}

function changed<Call, Answer>(operations: readonly Operation<Call, Answer>[], one: Operation<Call, Answer>, answer: Answer): Operation<Call, Answer>[] {
  return operations.map((operation) => (operation.invokedMs === one.invokedMs && operation.client === one.client ? { ...operation, answer } : operation));
}

function planted<Call, Answer>(operations: readonly Operation<Call, Answer>[], one: Operation<Call, Answer>): Operation<Call, Answer>[] {
  return [...operations, one];
}

function etagOf(operations: readonly RegisterOperation[], value: string): string | undefined {
  for (const { answer } of operations) if (typeof answer === 'object' && answer.found?.value === value) return answer.found.etag;
  return undefined;
}

function permutations<T>(list: readonly T[]): T[][] {
  if (list.length === 0) return [[]];
  return list.flatMap((first, index) => permutations(list.toSpliced(index, 1)).map((rest) => [first, ...rest]));
}
