// Go's rules for filling a struct from JSON: members match whatever their case, null changes nothing, and of several
// wrong types the first in the text is reported.
import { GoJsonError, numberOutOfRange } from './gojson.ts';
import { NumberOutOfRange, stringify } from '../proto/gojson.ts';

/** Field names of a struct by their folded form. */
export type Fields<Name extends string> = ReadonlyMap<string, Name>;

export function fields<const Name extends string>(...names: readonly Name[]): Fields<Name> {
  return new Map(names.flatMap((name) => [[name, name], [fold(name), name]]));
}

/** The field that a member is for; undefined for a member that Go would ignore. */
export function fieldOf<Name extends string>(known: Fields<Name>, member: string): Name | undefined {
  return known.get(member) ?? known.get(fold(member));
}

/** Two letters outside of ASCII fold to ASCII ones in Go: the Kelvin sign and the long s. */
function fold(name: string): string {
  return name.toLowerCase().replaceAll('\u212a', 'k').replaceAll('\u017f', 's');
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** One decoding: takes values apart and keeps the first mismatch. `field` is Go's path, `''` at the top. */
export class GoDecoding {
  readonly #body: Uint8Array;
  #fault: string | undefined;

  /** @param body the text that the value came from, to quote from it. */
  constructor(body: Uint8Array) {
    this.#body = body;
  }

  /** @throws GoJsonError for the first mismatch that was met. */
  finish(): void {
    if (this.#fault !== undefined) throw new GoJsonError(this.#fault);
  }

  text(value: unknown, field: string): string | undefined {
    if (typeof value === 'string') return value;
    this.#mismatch(value, 'string', field);
    return undefined;
  }

  boolean(value: unknown, field: string): boolean | undefined {
    if (typeof value === 'boolean') return value;
    this.#mismatch(value, 'bool', field);
    return undefined;
  }

  /** A `map[string]string`. Null as a member's value is an empty text. */
  texts(value: unknown, field: string): Readonly<Record<string, string>> | undefined {
    const object = this.object(value, 'map[string]string', field);
    if (object === undefined) return undefined;
    const members = Object.entries(object);
    if (members.every(([, member]) => typeof member === 'string')) return object as Record<string, string>;
    return Object.fromEntries(members.map(([key, member]) => [key, this.text(member, field) ?? '']));
  }

  /** A 64-bit integer, to the precision of a double. Go also refuses 1.0 and 1e2, which JSON.parse has made 1 and 100 of. */
  integer(value: unknown, field: string): number | undefined {
    if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 63) return value;
    this.#mismatch(value, 'int', field, typeof value === 'number' ? `number ${value}` : undefined);
    return undefined;
  }

  list(value: unknown, type: string, field = ''): readonly unknown[] | undefined {
    if (Array.isArray(value)) return value;
    this.#mismatch(value, type, field);
    return undefined;
  }

  object(value: unknown, type: string, field = ''): JsonObject | undefined {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
    this.#mismatch(value, type, field);
    return undefined;
  }

  /** A value of any type, printed again as Go would print it. */
  json(value: unknown, field: string): string {
    try {
      return stringify(value);
    } catch (cause) {
      if (!(cause instanceof NumberOutOfRange)) throw cause;
      this.#mismatch(Infinity, 'float64', field, `number ${numberOutOfRange(this.#body) ?? ''}`);
      return 'null';
    }
  }

  #mismatch(value: unknown, type: string, field: string, shown = kindOf(value)): void {
    if (value === null || value === undefined) return;
    this.#fault ??= `json: cannot unmarshal ${shown} into Go ${field === '' ? 'value' : `struct field ${field}`} of type ${type}`;
  }
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
