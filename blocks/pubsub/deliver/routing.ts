// Which of a subscription's paths an event takes: its rules in order, the first that matches (contract: messaging §2.4).
// The evaluator of CEL is loaded when a rule needs it; most subscriptions have a path and nothing else.
import type * as Cel from '@bufbuild/cel';
import { messageOf } from '../../../proto/errors.ts';
import { goPrint } from '../../../proto/gojson.ts';
import type { SubscriptionRule } from '../../../proto/init.ts';
import type { Awaitable } from '../../driver.ts';
import type { TopicEvent } from './delivery.ts';

/** Characters of an expression. What it may nest is bounded by the stack, and an excess is an error like any other. */
const MAX_EXPRESSION_LENGTH = 16 * 1024;

export interface Rules {
  /**
   * The path of the first rule that matches; undefined if none does.
   * @throws Error if a rule before that can't be evaluated, or has a result that is no boolean
   */
  route(event: TopicEvent): string | undefined;
}

/**
 * Rules ready for use. What follows a rule that always matches is compiled all the same: it has to be right.
 *
 * Expressions mean what they mean to cel-go, the event's numbers being doubles, but for this: types are not checked before
 * an expression runs, so `1 + "a"` is an error of each event and not of the subscription; `has(x.y)` is false for an
 * undeclared x, where cel-go fails; ints are compared with doubles as doubles; texts are ordered by UTF-16 units.
 *
 * @throws Error, by rejecting, that names the first bad rule by its place, with the position in its expression
 */
export function compileRules(rules: readonly SubscriptionRule[]): Awaitable<Rules> {
  if (rules.every(({ match }) => match.trim() === '')) return new FixedPath(rules[0]?.path);
  return import('@bufbuild/cel').then((cel) => new CompiledRules(rules, new Compiler(cel)));
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
type Bindings = Record<string, Cel.CelInput>;
type Evaluate = (bindings: Bindings) => Cel.CelResult;

class CompiledRules implements Rules {
  readonly #rules: readonly CompiledRule[];
  readonly #compiler: Compiler;

  constructor(rules: readonly SubscriptionRule[], compiler: Compiler) {
    this.#compiler = compiler;
    this.#rules = rules.map(({ match, path }, index) => {
      const expression = match.trim();
      return { path, match: expression, evaluate: expression === '' ? undefined : compiler.compile(expression, index) };
    });
  }

  route({ attributes }: TopicEvent): string | undefined {
    let bindings: Bindings | undefined;
    for (const { path, match, evaluate } of this.#rules) {
      if (evaluate === undefined) return path;
      bindings ??= this.#compiler.bind(attributes);
      const result = evaluate(bindings);
      if (result === true) return path;
      if (this.#compiler.isError(result)) throw new Error(`the match expression ${match} failed: ${result.message}`, { cause: result });
      if (result !== false) throw new Error(`the result of match expression ${match} was not a boolean`);
    }
    return undefined;
  }
}

/** What the evaluator calls its own operators; it has some of them without a function of that name. */
const FUNCTION_NAME = /^[A-Za-z]\w*$/;

class Compiler {
  readonly isError: typeof Cel.isCelError;
  readonly #cel: typeof Cel;
  readonly #env: Cel.CelEnv;

  constructor(cel: typeof Cel) {
    const { CelScalar, celEnv, celFunc } = cel;
    this.#cel = cel;
    this.isError = cel.isCelError;
    this.#env = celEnv({ funcs: [celFunc('string', [CelScalar.DOUBLE], CelScalar.STRING, goPrint)] }); // 1e6 is "1e+06" in Go
  }

  /** @param index of the rule, from 0 */
  compile(expression: string, index: number): Evaluate {
    const bad = (why: string, cause?: unknown): Error => new Error(`rule ${index + 1} has a bad match expression: ${why}`, { cause });
    if (expression.length > MAX_EXPRESSION_LENGTH) throw bad(`it has ${expression.length} characters, ${MAX_EXPRESSION_LENGTH} are allowed`);
    try {
      const parsed = this.#cel.parse(expression);
      this.#checkFunctions(parsed.expr);
      return this.#cel.plan(this.#env, parsed) as Evaluate;
    } catch (cause) {
      const why = cause instanceof RangeError ? 'it is nested too deeply' : messageOf(cause).replace('<input>:', 'at line:column ');
      throw bad(`${why} in ${expression.slice(0, SHOWN_CHARACTERS)}`, cause);
    }
  }

  /** The variables of an expression. Without a prototype: `toString` is undeclared like any other name. */
  bind(attributes: TopicEvent['attributes']): Bindings {
    const bindings = Object.create(null) as Bindings;
    bindings['event'] = this.#map(attributes);
    return bindings;
  }

  /** A function that isn't there is found now, as cel-go does, and not by the first event that gets as far. */
  #checkFunctions(tree: unknown): void {
    if (typeof tree !== 'object' || tree === null) return;
    if (isCall(tree) && FUNCTION_NAME.test(tree.function) && this.#env.funcs.find(tree.function) === undefined) {
      throw new Error(`there is no function ${tree.function}`);
    }
    for (const part of Object.values(tree)) this.#checkFunctions(part);
  }

  /** Members become values of CEL when they are asked for: an expression looks at a few of them. */
  #map(object: Readonly<Record<string, unknown>>): Cel.CelMap {
    const map = this.#cel.celMap(new Members(object, (value) => this.#value(value)));
    // The library's own takes a member that is null for absent.
    map.has = (name) => typeof name === 'string' && Object.hasOwn(object, name);
    return map;
  }

  #value(value: unknown): Cel.CelInput {
    if (typeof value !== 'object' || value === null) return value as Cel.CelInput;
    if (!Array.isArray(value)) return this.#map(value as Readonly<Record<string, unknown>>);
    return this.#cel.celList(value.some((element) => typeof element === 'object') ? value.map((element) => this.#value(element)) : value);
  }
}

const SHOWN_CHARACTERS = 200;

function isCall(node: object): node is { readonly function: string } {
  return (node as { readonly $typeName?: unknown }).$typeName === 'cel.expr.Expr.Call';
}

/** An object of JSON seen as a map, of its own members alone. */
class Members implements ReadonlyMap<string, Cel.CelInput> {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #convert: (value: unknown) => Cel.CelInput;

  constructor(object: Readonly<Record<string, unknown>>, convert: (value: unknown) => Cel.CelInput) {
    this.#object = object;
    this.#convert = convert;
  }

  get size(): number {
    return Object.keys(this.#object).length;
  }

  get(name: string): Cel.CelInput | undefined {
    return this.has(name) ? this.#convert(this.#object[name]) : undefined;
  }

  has(name: string): boolean {
    return typeof name === 'string' && Object.hasOwn(this.#object, name);
  }

  forEach(callback: (value: Cel.CelInput, name: string, map: ReadonlyMap<string, Cel.CelInput>) => void): void {
    for (const [name, value] of this) callback(value, name, this);
  }

  keys(): MapIterator<string> {
    return Object.keys(this.#object).values() as MapIterator<string>;
  }

  *entries(): MapIterator<[string, Cel.CelInput]> {
    for (const name of Object.keys(this.#object)) yield [name, this.#convert(this.#object[name])];
  }

  *values(): MapIterator<Cel.CelInput> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): MapIterator<[string, Cel.CelInput]> {
    return this.entries();
  }
}
