// Decides whether a history is linearizable: whether its operations can be put into one order, each at some moment between
// its invocation and its completion, in which a sequential model gives every answer as it was given.
//
// The search is Wing and Gong's, with the two savings of Lowe ("Testing for linearizability", 2017): an operation is placed
// only when somebody's completion demands it (just in time), and a situation that failed once is not tried again. What
// changes nothing is placed at the first opportunity instead: it can't be in anybody's way. Keys are searched one by one,
// because a history is linearizable if and only if that of every key is (Herlihy and Wing: locality).
import type { Operation } from './history.ts';

/** What one key does when its operations come one after the other. */
export interface Model<State, Call, Answer> {
  readonly initial: State;
  /**
   * The state after the operation; undefined if it can't have given this answer in this state. One without an answer has
   * whatever effect the state lets it have; undefined if that is none.
   * @param atMs the latest moment at which it can have happened, with what follows it in the order
   */
  step(state: State, operation: Operation<Call, Answer>, atMs: number): State | undefined;
  /** Whether an answered operation left the state as it was, whatever that was. */
  isRead(operation: Operation<Call, Answer>): boolean;
  /** States with the same text have the same future. */
  fingerprint(state: State): string;
  /** Operations without an answer that share a text do the same from `atMs` on: only the first of them is tried. */
  twin?(operation: Operation<Call, Answer>, atMs: number): string | undefined;
  /** For people: what was asked, and what was answered. */
  describe(operation: Operation<Call, Answer>): string;
  /** For people. */
  show(state: State): string;
}

/** A model of one key, made for its operations, in order of invocation: some of what they did may be of no interest to any other. */
export type ModelFor<State, Call, Answer> = (operations: readonly Operation<Call, Answer>[]) => Model<State, Call, Answer>;

export interface Findings {
  readonly keys: number;
  readonly operations: number;
  /** Of those, without an answer. */
  readonly unknown: number;
  /** Situations that the search came to. */
  readonly steps: number;
  /** For each key whose history has no order: a text that shows where every order ends. */
  readonly violations: readonly string[];
  /** Keys whose search was given up. Nothing is known of them. */
  readonly undecided: readonly string[];
}

export interface CheckOptions {
  /** So many steps for one key, then its search is given up. */
  readonly budget?: number;
}

const DEFAULT_BUDGET = 3_000_000;

export function check<State, Call, Answer>(operations: readonly Operation<Call, Answer>[], modelFor: ModelFor<State, Call, Answer>, { budget = DEFAULT_BUDGET }: CheckOptions = {}): Findings {
  const violations: string[] = [];
  const undecided: string[] = [];
  let steps = 0;
  const keys = byKey(operations);
  for (const [key, part] of keys) {
    const model = modelFor(part);
    const result = search(part, model, budget);
    steps += result.steps;
    if (result.outcome === 'undecided') undecided.push(`${key}: undecided after ${result.steps} steps over ${part.length} operations`);
    if (result.outcome === 'violated') violations.push(excerpt(key, model, result));
  }
  return { keys: keys.size, operations: operations.length, unknown: operations.filter(({ answer }) => answer === undefined).length, steps, violations, undecided };
}

/** One word for tables. */
export function verdict({ violations, undecided }: Pick<Findings, 'violations' | 'undecided'>): string {
  if (violations.length > 0) return `VIOLATED (${violations.length})`;
  return undecided.length > 0 ? `UNDECIDED (${undecided.length})` : 'holds';
}

/** The parts of a history, each in order of invocation. */
export function byKey<Call, Answer>(operations: readonly Operation<Call, Answer>[]): ReadonlyMap<string, readonly Operation<Call, Answer>[]> {
  const parts = Map.groupBy(operations, ({ key }) => key);
  for (const part of parts.values()) part.sort((a, b) => a.invokedMs - b.invokedMs);
  return parts;
}

/** A moment at which an operation must have been placed, because its answer had come. */
interface Deadline<Call, Answer> {
  readonly operation: Operation<Call, Answer>;
  /** Answered operations that were under way then, the one that is due first, the others as they were answered. */
  readonly underWay: readonly Operation<Call, Answer>[];
  /** So many of those without an answer had been invoked. */
  readonly open: number;
}

/** An operation in its place. */
interface Placed<State, Call, Answer> {
  readonly operation: Operation<Call, Answer>;
  /** After it. */
  readonly state: State;
}

/** A situation of the search: before this deadline, with these operations placed ahead of theirs. */
interface Situation<State, Call, Answer> {
  /** Index of the first deadline whose operation is not placed. */
  readonly at: number;
  readonly state: State;
  /** Operations that are placed though their deadlines are still to come. */
  readonly early: readonly Operation<Call, Answer>[];
  /** Operations without an answer that are placed. */
  readonly used: Used;
  readonly from: Situation<State, Call, Answer> | undefined;
  /** What was placed to come here: what was chosen, and the reads that it made possible. */
  readonly placed: readonly Placed<State, Call, Answer>[];
  /** What may be placed next; it is looked for only when the ones before led nowhere. */
  readonly choices: Iterator<Operation<Call, Answer>, undefined>;
}

/** A set of operations, by their indexes in the history. Equal sets are one object. */
interface Used {
  readonly id: number;
  readonly members: ReadonlySet<number>;
}

interface Stuck<State, Call, Answer> {
  readonly outcome: 'violated';
  readonly steps: number;
  /** No order comes further than this. */
  readonly deadline: Deadline<Call, Answer>;
  /** Different ways to come there. */
  readonly furthest: readonly Situation<State, Call, Answer>[];
}

/** Different ways to the furthest deadline that are kept for the excerpt. */
const KEPT_SITUATIONS = 3;

function search<State, Call, Answer>(
  operations: readonly Operation<Call, Answer>[], model: Model<State, Call, Answer>, budget: number,
): Stuck<State, Call, Answer> | { readonly outcome: 'linearizable' | 'undecided'; readonly steps: number } {
  const deadlines = deadlinesOf(operations);
  const unanswered = operations.filter(({ answer }) => answer === undefined);
  const indexes = new Map(operations.map((operation, index) => [operation, index]));
  const indexOf = (operation: Operation<Call, Answer>): number => indexes.get(operation) as number;
  const sets = new UsedSets();
  const seen = new Set<string>();

  function* choicesOf(at: number, early: readonly Operation<Call, Answer>[], used: Used): Generator<Operation<Call, Answer>, undefined> {
    const { operation: due, underWay, open } = deadlines[at] as Deadline<Call, Answer>;
    for (const operation of underWay) if (!model.isRead(operation) && !early.includes(operation)) yield operation;
    const twins = new Set<string>();
    for (let index = 0; index < open; index++) {
      const operation = unanswered[index] as Operation<Call, Answer>;
      if (used.members.has(indexOf(operation))) continue;
      const twin = model.twin?.(operation, due.completedMs);
      if (twin !== undefined && twins.size === twins.add(twin).size) continue;
      yield operation;
    }
    return undefined;
  }
  /** Where it leads to place this next, with all reads that are possible then. Undefined: it is not possible. */
  const follow = (from: Situation<State, Call, Answer>, next: Operation<Call, Answer> | undefined): Situation<State, Call, Answer> | undefined => {
    let { at, state, early, used } = from;
    const placed: Placed<State, Call, Answer>[] = [];
    const place = (operation: Operation<Call, Answer>): boolean => {
      const due = (deadlines[at] as Deadline<Call, Answer>).operation;
      const after = model.step(state, operation, due.completedMs);
      if (after === undefined) return false;
      state = after;
      placed.push({ operation, state });
      if (operation.answer === undefined) used = sets.with(used, indexOf(operation));
      else if (operation !== due) early = [...early, operation].sort((a, b) => a.completedMs - b.completedMs);
      else {
        at++;
        let passed = 0; // those placed early are next in line, if their deadlines are
        for (; passed < early.length && early[passed] === deadlines[at]?.operation; passed++) at++;
        if (passed > 0) early = early.slice(passed);
      }
      return true;
    };
    if (next !== undefined && !place(next)) return undefined;
    for (let before = -1; before !== at && at < deadlines.length;) {
      before = at;
      for (const operation of (deadlines[at] as Deadline<Call, Answer>).underWay) {
        if (model.isRead(operation) && !early.includes(operation)) place(operation);
        if (at !== before) break;
      }
    }
    return { at, state, early, used, from, placed, choices: at < deadlines.length ? choicesOf(at, early, used) : [].values() };
  };

  const start: Situation<State, Call, Answer> = { at: 0, state: model.initial, early: [], used: sets.none, from: undefined, placed: [], choices: [].values() };
  const stack = [follow(start, undefined) as Situation<State, Call, Answer>];
  let furthest = [...stack];
  let steps = 0;
  for (let current = stack.at(-1); current !== undefined; current = stack.at(-1)) {
    if (current.at === deadlines.length) return { outcome: 'linearizable', steps };
    const { value: next } = current.choices.next();
    if (next === undefined) {
      stack.pop();
      continue;
    }
    const found = follow(current, next);
    if (found === undefined) continue;
    if (++steps > budget) return { outcome: 'undecided', steps };
    const name = `${found.at};${found.early.map(indexOf).join()};${found.used.id};${model.fingerprint(found.state)}`;
    if (seen.size === seen.add(name).size) continue;
    stack.push(found);
    const furthestAt = (furthest[0] as Situation<State, Call, Answer>).at;
    if (found.at > furthestAt) furthest = [found];
    else if (found.at === furthestAt && furthest.length < KEPT_SITUATIONS) furthest.push(found);
  }
  return { outcome: 'violated', steps, deadline: deadlines[(furthest[0] as Situation<State, Call, Answer>).at] as Deadline<Call, Answer>, furthest };
}

function deadlinesOf<Call, Answer>(operations: readonly Operation<Call, Answer>[]): Deadline<Call, Answer>[] {
  const byCompletion = operations.filter(({ answer }) => answer !== undefined).sort((a, b) => a.completedMs - b.completedMs);
  const deadlines: Deadline<Call, Answer>[] = [];
  let underWay: Operation<Call, Answer>[] = [];
  let invoked = 0;
  let open = 0;
  for (const operation of byCompletion) {
    // What was invoked at the very moment of a completion may have been before it: in doubt they overlap.
    for (; invoked < operations.length; invoked++) {
      const other = operations[invoked] as Operation<Call, Answer>;
      if (other.invokedMs > operation.completedMs) break;
      if (other.answer === undefined) open++;
      else underWay.push(other);
    }
    underWay.sort((a, b) => a.completedMs - b.completedMs);
    deadlines.push({ operation, underWay: [...underWay], open });
    underWay = underWay.filter((other) => other !== operation);
  }
  return deadlines;
}

class UsedSets {
  readonly none: Used = { id: 0, members: new Set() };
  readonly #known = new Map<string, Used>([['', this.none]]);

  with({ members }: Used, index: number): Used {
    const all = [...members, index].sort((a, b) => a - b);
    const name = all.join();
    let used = this.#known.get(name);
    if (used === undefined) this.#known.set(name, used = { id: this.#known.size, members: new Set(all) });
    return used;
  }
}

/** Operations before and beside the one that has no place that an excerpt shows. */
const SHOWN = 8;

function excerpt<State, Call, Answer>(key: string, model: Model<State, Call, Answer>, { deadline, furthest }: Stuck<State, Call, Answer>): string {
  const line = (operation: Operation<Call, Answer>): string => `${lineOf(operation)}  ${model.describe(operation)}`;
  const [first] = furthest as [Situation<State, Call, Answer>];
  const before: string[] = [];
  for (let at: Situation<State, Call, Answer> | undefined = first; at !== undefined && before.length < SHOWN; at = at.from) {
    before.unshift(...at.placed.map(({ operation, state }) => `    ${line(operation)}  =>  ${model.show(state)}`));
  }
  const beside = deadline.underWay.filter((operation) => operation !== deadline.operation && !first.early.includes(operation));
  return [
    `${key}: no order of its operations explains`,
    `    ${line(deadline.operation)}`,
    '  The furthest order ends with',
    ...(before.length > 0 ? before.slice(-SHOWN) : [`    nothing  =>  ${model.show(first.state)}`]),
    ...(furthest.length === 1 ? [] : ['  or, in other orders, in', ...furthest.slice(1).map(({ state }) => `    ${model.show(state)}`)]),
    ...(beside.length === 0 ? [] : ['  Under way beside it', ...beside.slice(0, SHOWN).map((operation) => `    ${line(operation)}`), ...(beside.length > SHOWN ? [`    and ${beside.length - SHOWN} more`] : [])]),
    ...(deadline.open > first.used.members.size ? [`  Operations without an answer that don't help: ${deadline.open - first.used.members.size}`] : []),
  ].join('\n');
}

/** When, and who: the left part of a line about an operation. */
export function lineOf({ invokedMs, completedMs, client }: Pick<Operation<unknown, unknown>, 'invokedMs' | 'completedMs' | 'client'>): string {
  const ms = (time: number): string => time.toFixed(3).padStart(11);
  return `${ms(invokedMs)} .. ${completedMs === Infinity ? '          ?' : ms(completedMs)} ms  ${client}`;
}
