// Histories of objects that are right, made by really executing them: clients, calls under way, lost answers and late
// effects, all in a time of its own that a seed repeats. What the checker must accept, and what its tests then spoil.
import type { Operation } from './history.ts';
import type { EtagRules, RegisterAnswer, RegisterCall, Seen } from './etag-register.ts';
import type { LockAnswer, LockCall } from './lock.ts';
import type { IdsAnswer, IdsCall } from './sequence.ts';
import type { Random } from './random.ts';

export interface Shape {
  readonly operations: number;
  readonly clients: number;
  /** Share of the answers that get lost. Half of those calls have no effect; others may have it long after. */
  readonly lost: number;
}

/** What a client does: asks, and is told what it came to. Undefined: no answer. */
type Behaviour<Call, Answer> = Generator<Call, never, Answer | undefined>;

interface Executed<Call, Answer> {
  readonly apply: (call: Call, atMs: number) => Answer;
  readonly behave: (client: string) => Behaviour<Call, Answer>;
  /** Between an answer and the next call, at most. */
  readonly pauseMs: number;
}

/** From a call to its effect, and from there to its answer, at most. */
const TRAVEL_MS = 20;
/** From a call whose answer is lost to its effect, at most. */
const LATE_MS = 400;

function execute<Call, Answer>(key: string, random: Random, { operations: wanted, clients, lost }: Shape, { apply, behave, pauseMs }: Executed<Call, Answer>): Operation<Call, Answer>[] {
  const operations: Operation<Call, Answer>[] = [];
  const due: { readonly atMs: number; readonly run: () => void }[] = [];
  const after = (atMs: number, run: () => void): void => {
    const index = due.findLastIndex((other) => other.atMs >= atMs);
    due.splice(index + 1, 0, { atMs, run }); // the latest first
  };
  const ask = (client: string, behaviour: Behaviour<Call, Answer>, told: Answer | undefined, invokedMs: number): void => {
    if (operations.length === wanted) return;
    const call = behaviour.next(told).value;
    const index = operations.length;
    const isLost = random.chance(lost);
    operations.push({ client, key, call, invokedMs, completedMs: Infinity, answer: undefined });
    const effectMs = invokedMs + random.between(0, isLost ? LATE_MS : TRAVEL_MS);
    const completedMs = isLost ? invokedMs + random.between(0, TRAVEL_MS) : effectMs + random.between(0, TRAVEL_MS);
    let answer: Answer | undefined;
    if (!isLost || random.chance(0.5)) after(effectMs, () => { answer = apply(call, effectMs); });
    after(completedMs, () => {
      if (!isLost) operations[index] = { client, key, call, invokedMs, completedMs, answer };
      const pausedMs = completedMs + random.between(0, pauseMs);
      after(pausedMs, () => ask(client, behaviour, isLost ? undefined : answer, pausedMs));
    });
  };
  for (let client = 0; client < clients; client++) {
    const startMs = random.between(0, pauseMs);
    after(startMs, () => ask(`client ${client}`, behave(`${key}-${client}`), undefined, startMs));
  }
  for (let next = due.pop(); next !== undefined; next = due.pop()) next.run();
  return operations;
}

/** Reads, and writes over what was read; some writes and deletions look at nothing. */
export function executeRegister(key: string, random: Random, shape: Shape, rules: EtagRules): Operation<RegisterCall, RegisterAnswer>[] {
  let stored: (Seen & { readonly firstWrite: boolean }) | undefined;
  let revision = 0;
  const allows = (over: Seen | undefined, absent: 'done' | 'mismatch'): boolean => over === undefined || (stored === undefined ? absent === 'done' : stored.etag === over.etag);
  const apply = (call: RegisterCall): RegisterAnswer => {
    if (call.kind === 'get') return { found: stored && { value: stored.value, etag: stored.etag } };
    if (call.kind === 'delete') {
      if (!allows(call.over, rules.absent.delete)) return 'mismatch';
      stored = undefined;
      return 'done';
    }
    const forbidden = call.over === undefined && stored !== undefined && (call.firstWrite === true || stored.firstWrite);
    if (forbidden || !allows(call.over, rules.absent.set)) return 'mismatch';
    stored = { value: call.value, etag: rules.next?.(stored?.etag) ?? String(++revision), firstWrite: rules.firstWriteStays && (call.firstWrite === true || stored?.firstWrite === true) };
    return 'done';
  };
  let values = 0;
  function* behave(client: string): Behaviour<RegisterCall, RegisterAnswer> {
    for (;;) {
      const answer = yield { kind: 'get' };
      const over = typeof answer === 'object' ? answer.found : undefined;
      const value = `${client}-${++values}`;
      if (random.chance(0.1)) yield { kind: 'delete', ...(over !== undefined && random.chance(0.7) ? { over } : {}) };
      else if (over !== undefined && random.chance(0.8)) yield { kind: 'set', value, over };
      else yield { kind: 'set', value, firstWrite: random.chance(0.4) };
    }
  }
  return execute(key, random, shape, { apply, behave, pauseMs: 30 });
}

/** Attempts, renewals and releases; some owners forget to release it. The lock expires in time or a little late. */
export function executeLock(key: string, random: Random, shape: Shape): Operation<LockCall, LockAnswer>[] {
  let held: { readonly owner: string; readonly token: bigint; expiresMs: number } | undefined;
  let token = 0n;
  const apply = (call: LockCall, atMs: number): LockAnswer => {
    if (held !== undefined && atMs >= held.expiresMs) held = undefined;
    const expiresMs = call.kind === 'unlock' ? 0 : atMs + call.expirySeconds * 1000 + random.between(0, 100);
    if (call.kind === 'tryLock') {
      if (held !== undefined) return { status: 'refused' };
      token += BigInt(1 + random.below(3));
      held = { owner: call.owner, token, expiresMs };
      return { status: 'acquired', token };
    }
    if (held === undefined) return { status: 'absent' };
    if (held.owner !== call.owner) return { status: 'others' };
    if (call.kind === 'renew') {
      held.expiresMs = expiresMs;
      return { status: 'renewed', token: held.token };
    }
    held = undefined;
    return { status: 'released' };
  };
  let attempts = 0;
  function* behave(client: string): Behaviour<LockCall, LockAnswer> {
    for (;;) {
      const owner = `${client}-${++attempts}`;
      const expirySeconds = 1 + random.below(2);
      const tried = yield { kind: 'tryLock', owner, expirySeconds };
      if (tried?.status === 'refused') continue;
      while (random.chance(0.4)) yield { kind: 'renew', owner, expirySeconds };
      if (random.chance(0.8)) yield { kind: 'unlock', owner };
    }
  }
  return execute(key, random, shape, { apply, behave, pauseMs: 150 });
}

/** Ids out of one counter: strong ones from itself, weak ones from segments that two sidecars take of it. */
export function executeSequence(key: string, random: Random, shape: Shape, increment: IdsCall['increment']): Operation<IdsCall, IdsAnswer>[] {
  let last = 0n;
  const segments = new Map<string, { next: bigint; left: number }>();
  const take = (count: number): bigint => {
    const first = last + 1n;
    last += BigInt(count);
    return first;
  };
  const next = (sidecar: string): bigint => {
    let segment = segments.get(sidecar);
    if (segment === undefined || segment.left === 0) segments.set(sidecar, segment = { next: take(50), left: 50 });
    segment.left--;
    return segment.next++;
  };
  const apply = ({ count, sidecar }: IdsCall): IdsAnswer => {
    if (increment === 'weak') return Array.from({ length: count }, () => next(sidecar));
    const first = take(count);
    return Array.from({ length: count }, (_, index) => first + BigInt(index));
  };
  function* behave(): Behaviour<IdsCall, IdsAnswer> {
    for (;;) yield { increment, count: 1 + random.below(3), sidecar: random.pick(['a', 'b']) };
  }
  return execute(key, random, shape, { apply, behave, pauseMs: 10 });
}
