// When a circuit breaker opens: an expression over its counts (contract: resiliency, policies). The usual ones, a count compared
// with a number, need no evaluator.
import type { Awaitable } from '../driver.ts';
import { loadCel, type Bindings } from '../cel.ts';
import type { Counts } from './breaker.ts';

export type Trips = (counts: Counts) => boolean;

const NAMES = ['requests', 'totalSuccesses', 'totalFailures', 'consecutiveSuccesses', 'consecutiveFailures'] as const satisfies readonly (keyof Counts)[];
const COMPARISON = new RegExp(`^\\s*(${NAMES.join('|')})\\s*(>=?)\\s*(\\d{1,9})\\s*$`);

/**
 * A breaker does not open where its expression can't be evaluated for its counts, or comes to something else than true or false.
 * @throws Error, by rejecting, for an expression that isn't one
 */
export function tripsOf(expression: string): Awaitable<Trips> {
  const [, name, sign, digits] = COMPARISON.exec(expression) ?? [];
  if (name === undefined) return compiled(expression);
  const count = name as keyof Counts;
  const limit = Number(digits);
  return sign === '>' ? (counts) => counts[count] > limit : (counts) => counts[count] >= limit;
}

async function compiled(expression: string): Promise<Trips> {
  const cel = await loadCel();
  const evaluate = cel.compile(expression);
  return (counts) => {
    const bindings = Object.create(null) as Bindings;
    for (const name of NAMES) bindings[name] = BigInt(counts[name]); // an int of CEL, as in daprd
    return evaluate(bindings) === true;
  };
}
