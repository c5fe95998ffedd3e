// Which of a subscription's paths an event takes: its rules in order, the first that matches (contract: messaging §2.4).
// The evaluator of CEL is loaded when a rule needs it; most subscriptions have a path and nothing else.
import { messageOf } from '../../../proto/errors.ts';
import type { SubscriptionRule } from '../../../proto/init.ts';
import { loadCel, type Bindings, type Cel, type Evaluate } from '../../cel.ts';
import type { Awaitable } from '../../driver.ts';
import type { TopicEvent } from './delivery.ts';

export interface Rules {
  /**
   * The path of the first rule that matches; undefined if none does.
   * @throws Error if a rule before that can't be evaluated, or has a result that is no boolean
   */
  route(event: TopicEvent): string | undefined;
}

/**
 * Rules ready for use. What follows a rule that always matches is compiled all the same: it has to be right. Expressions mean
 * what they mean to cel-go, the event's numbers being doubles, as far as blocks/cel.ts goes.
 *
 * @throws Error, by rejecting, that names the first bad rule by its place, with the position in its expression
 */
export function compileRules(rules: readonly SubscriptionRule[]): Awaitable<Rules> {
  if (rules.every(({ match }) => match.trim() === '')) return new FixedPath(rules[0]?.path);
  return loadCel().then((cel) => new CompiledRules(rules, cel));
}

class FixedPath implements Rules {
  readonly #path: string | undefined;

  constructor(path: string | undefined) {
    this.#path = path;
  }

  route(): string | undefined {
    return this.#path;
  }
}

interface CompiledRule {
  readonly path: string;
  readonly match: string;
  /** Undefined: always true. */
  readonly evaluate: Evaluate | undefined;
}

class CompiledRules implements Rules {
  readonly #rules: readonly CompiledRule[];
  readonly #cel: Cel;

  constructor(rules: readonly SubscriptionRule[], cel: Cel) {
    this.#cel = cel;
    this.#rules = rules.map(({ match, path }, index) => {
      const expression = match.trim();
      return { path, match: expression, evaluate: expression === '' ? undefined : compiled(cel, expression, index) };
    });
  }

  route({ attributes }: TopicEvent): string | undefined {
    let bindings: Bindings | undefined;
    for (const { path, match, evaluate } of this.#rules) {
      if (evaluate === undefined) return path;
      bindings ??= bind(this.#cel, attributes);
      const result = evaluate(bindings);
      if (result === true) return path;
      if (this.#cel.isError(result)) throw new Error(`the match expression ${match} failed: ${result.message}`, { cause: result });
      if (result !== false) throw new Error(`the result of match expression ${match} was not a boolean`);
    }
    return undefined;
  }
}

/** @param index of the rule, from 0 */
function compiled(cel: Cel, expression: string, index: number): Evaluate {
  try {
    return cel.compile(expression);
  } catch (cause) {
    throw new Error(`rule ${index + 1} has a bad match expression: ${messageOf(cause)}`, { cause });
  }
}

/** The variables of an expression. Without a prototype: `toString` is undeclared like any other name. */
function bind(cel: Cel, attributes: TopicEvent['attributes']): Bindings {
  const bindings = Object.create(null) as Bindings;
  bindings['event'] = cel.map(attributes);
  return bindings;
}
