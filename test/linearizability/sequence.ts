// Whether ids are what a sequencer promises: nobody gets one twice, and whoever asks after an answer gets higher ones than
// that answer had. No search is needed: if there is an order at all it is that of the ids, so each pair of operations can
// be looked at by itself, and one pass in order of invocation looks at all of them.
import { byKey, lineOf, type Findings } from './checker.ts';
import type { Operation } from './history.ts';

export interface IdsCall {
  readonly increment: 'weak' | 'strong';
  /** How many ids. */
  readonly count: number;
  /** Which sidecar was asked, over all its lives. */
  readonly sidecar: string;
}

/** At least one. */
export type IdsAnswer = readonly bigint[];
export type IdsOperation = Operation<IdsCall, IdsAnswer>;

/** Each key has ids of one kind. Strong ones rise over all sidecars, weak ones over the lives of one. */
export function checkSequences(operations: readonly IdsOperation[]): Findings {
  const keys = byKey(operations);
  const violations = [...keys].flatMap(([key, part]) => {
    const fault = faultOf(part);
    return fault === undefined ? [] : [`${key}: ${fault}`];
  });
  return { keys: keys.size, operations: operations.length, unknown: operations.filter(({ answer }) => answer === undefined).length, steps: 0, violations, undecided: [] };
}

/** @param operations of one key, in order of invocation */
function faultOf(operations: readonly IdsOperation[]): string | undefined {
  const answered = operations.filter(({ answer }) => answer !== undefined);
  return malformed(answered) ?? repeated(answered) ?? disordered(answered);
}

function malformed(operations: readonly IdsOperation[]): string | undefined {
  const isOdd = ({ call: { count, increment }, answer = [] }: IdsOperation): boolean =>
    answer.length !== count || answer.some((id, index) => id < 1n || (index > 0 && (increment === 'strong' ? id !== (answer[index - 1] as bigint) + 1n : id <= (answer[index - 1] as bigint))));
  const odd = operations.find(isOdd);
  return odd && `not ${odd.call.count} rising ids${odd.call.increment === 'strong' ? ' without a gap' : ''}\n    ${describe(odd)}`;
}

function repeated(operations: readonly IdsOperation[]): string | undefined {
  const owners = new Map<bigint, IdsOperation>();
  for (const operation of operations) {
    for (const id of operation.answer ?? []) {
      const other = owners.get(id);
      if (other !== undefined) return `id ${id} was given twice\n    ${describe(other)}\n    ${describe(operation)}`;
      owners.set(id, operation);
    }
  }
  return undefined;
}

function disordered(operations: readonly IdsOperation[]): string | undefined {
  const byCompletion = operations.toSorted((a, b) => a.completedMs - b.completedMs);
  /** For each line of ids that must rise, the highest that was answered so far. */
  const highest = new Map<string, IdsOperation>();
  let completed = 0;
  for (const operation of operations) {
    for (; (byCompletion[completed] as IdsOperation).completedMs < operation.invokedMs; completed++) {
      const other = byCompletion[completed] as IdsOperation;
      const above = highest.get(lineFor(other));
      if (above === undefined || lastOf(above) < lastOf(other)) highest.set(lineFor(other), other);
    }
    const before = highest.get(lineFor(operation));
    if (before !== undefined && firstOf(operation) < lastOf(before)) return `ids don't rise\n    ${describe(before)}\n    ${describe(operation)}`;
  }
  return undefined;
}

const lineFor = ({ call }: IdsOperation): string => (call.increment === 'strong' ? '' : call.sidecar);
const firstOf = ({ answer = [] }: IdsOperation): bigint => answer[0] as bigint;
const lastOf = ({ answer = [] }: IdsOperation): bigint => answer.at(-1) as bigint;

function describe(operation: IdsOperation): string {
  const { call: { increment, sidecar }, answer = [] } = operation;
  const ids = answer.length === 1 ? `${answer[0]}` : `${answer[0]} to ${answer.at(-1)}, ${answer.length} of them`;
  return `${lineOf(operation)}  ${increment} ids from ${sidecar}: ${ids}`;
}
