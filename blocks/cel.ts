// The evaluator of CEL, loaded when somebody has an expression: rules of subscriptions, circuit breakers. It is kept to what
// cel-go does, but for this: types are not checked before an expression runs, so `1 + "a"` is an error of each evaluation;
// `has(x.y)` is false for an undeclared x, where cel-go fails; ints are compared with doubles as doubles; texts are ordered by
// UTF-16 units.
import type * as Library from '@bufbuild/cel';
import { messageOf } from '../proto/errors.ts';
import { goPrint } from '../proto/gojson.ts';

/** Characters of an expression. What it may nest is bounded by the stack, and an excess is an error like any other. */
const MAX_EXPRESSION_LENGTH = 16 * 1024;
const SHOWN_CHARACTERS = 200;
/** What the evaluator calls its own operators; it has some of them without a function of that name. */
const FUNCTION_NAME = /^[A-Za-z]\w*$/;

export type CelValue = Library.CelInput;
/** The variables of an expression; a name that isn't there is an error where it is used. */
export type Bindings = Record<string, CelValue>;
/** Never throws: what fails is a result, see `Cel.isError`. */
export type Evaluate = (bindings: Bindings) => Library.CelResult;

export async function loadCel(): Promise<Cel> {
  return new Cel(await import('@bufbuild/cel'));
}

export class Cel {
  readonly isError: typeof Library.isCelError;
  readonly #library: typeof Library;
  readonly #env: Library.CelEnv;

  constructor(library: typeof Library) {
    const { CelScalar, celEnv, celFunc } = library;
    this.#library = library;
    this.isError = library.isCelError;
    this.#env = celEnv({ funcs: [celFunc('string', [CelScalar.DOUBLE], CelScalar.STRING, goPrint)] }); // 1e6 is "1e+06" in Go
  }

  /** @throws Error with what is wrong, the position and the expression */
  compile(expression: string): Evaluate {
    if (expression.length > MAX_EXPRESSION_LENGTH) throw new Error(`it has ${expression.length} characters, ${MAX_EXPRESSION_LENGTH} are allowed`);
    try {
      const parsed = this.#library.parse(expression);
      this.#checkFunctions(parsed.expr);
      return this.#library.plan(this.#env, parsed) as Evaluate;
    } catch (cause) {
      const why = cause instanceof RangeError ? 'it is nested too deeply' : messageOf(cause).replace('<input>:', 'at line:column ');
      throw new Error(`${why} in ${expression.slice(0, SHOWN_CHARACTERS)}`, { cause });
    }
  }

  /** An object of JSON as a map. Members become values of CEL when they are asked for: an expression looks at a few of them. */
  map(object: Readonly<Record<string, unknown>>): CelValue {
    const map = this.#library.celMap(new Members(object, (value) => this.#value(value)));
    // The library's own takes a member that is null for absent.
    map.has = (name) => typeof name === 'string' && Object.hasOwn(object, name);
    return map;
  }

  #value(value: unknown): CelValue {
    if (typeof value !== 'object' || value === null) return value as CelValue;
    if (!Array.isArray(value)) return this.map(value as Readonly<Record<string, unknown>>);
    return this.#library.celList(value.some((element) => typeof element === 'object') ? value.map((element) => this.#value(element)) : value);
  }

  /** A function that isn't there is found now, as cel-go does, and not by the first evaluation that gets as far. */
  #checkFunctions(tree: unknown): void {
    if (typeof tree !== 'object' || tree === null) return;
    if (isCall(tree) && FUNCTION_NAME.test(tree.function) && this.#env.funcs.find(tree.function) === undefined) {
      throw new Error(`there is no function ${tree.function}`);
    }
    for (const part of Object.values(tree)) this.#checkFunctions(part);
  }
}

function isCall(node: object): node is { readonly function: string } {
  return (node as { readonly $typeName?: unknown }).$typeName === 'cel.expr.Expr.Call';
}

/** An object of JSON seen as a map, of its own members alone. */
class Members implements ReadonlyMap<string, CelValue> {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #convert: (value: unknown) => CelValue;

  constructor(object: Readonly<Record<string, unknown>>, convert: (value: unknown) => CelValue) {
    this.#object = object;
    this.#convert = convert;
  }

  get size(): number {
    return Object.keys(this.#object).length;
  }

  get(name: string): CelValue | undefined {
    return this.has(name) ? this.#convert(this.#object[name]) : undefined;
  }

  has(name: string): boolean {
    return typeof name === 'string' && Object.hasOwn(this.#object, name);
  }

  forEach(callback: (value: CelValue, name: string, map: ReadonlyMap<string, CelValue>) => void): void {
    for (const [name, value] of this) callback(value, name, this);
  }

  keys(): MapIterator<string> {
    return Object.keys(this.#object).values() as MapIterator<string>;
  }

  *entries(): MapIterator<[string, CelValue]> {
    for (const name of Object.keys(this.#object)) yield [name, this.#convert(this.#object[name])];
  }

  *values(): MapIterator<CelValue> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): MapIterator<[string, CelValue]> {
    return this.entries();
  }
}
