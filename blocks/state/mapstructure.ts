// Filling a struct from decoded JSON by the rules and with the words of the library that Dapr uses for the operations of
// a transaction: names match whatever their case, null is absence, and all mismatches are listed.
import { goPrint } from '../../proto/gojson.ts';

type Texts = Readonly<Record<string, string>>;

export class MapDecoding {
  readonly #members: ReadonlyMap<string, unknown>;
  readonly #path: string;
  readonly #points: string[];
  #notMap: string | undefined;

  /** @param path of the struct within the request; `''` for the request itself. */
  constructor(from: unknown, path = '', points: string[] = []) {
    this.#path = path;
    this.#points = points;
    const members = new Map<string, unknown>();
    if (isMap(from)) {
      // Of several names that differ in case the first counts.
      for (const name of Object.keys(from)) if (!members.has(name.toLowerCase())) members.set(name.toLowerCase(), from[name]);
    } else if (from !== null && from !== undefined) {
      this.#notMap = expectedMap(path, from);
      if (path !== '') points.push(this.#notMap);
    }
    this.#members = members;
  }

  value(field: string): unknown {
    return this.#members.get(field.toLowerCase());
  }

  text(field: string): string | undefined {
    return this.#text(this.value(field), this.#name(field));
  }

  texts(field: string): Texts | undefined {
    const value = this.value(field);
    if (value === null || value === undefined) return undefined;
    if (!isMap(value)) {
      this.#points.push(expectedMap(this.#name(field), value));
      return undefined;
    }
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, this.#text(member, `${this.#name(field)}[${key}]`) ?? '']));
  }

  nested(field: string): MapDecoding {
    return new MapDecoding(this.value(field), this.#name(field), this.#points);
  }

  /** What was wrong, nested structs included; undefined when nothing was. */
  fault(): string | undefined {
    if (this.#notMap !== undefined) return this.#notMap;
    if (this.#points.length === 0) return undefined;
    return `${this.#points.length} error(s) decoding:\n\n${this.#points.sort().map((point) => `* ${point}`).join('\n')}`;
  }

  #text(value: unknown, name: string): string | undefined {
    if (typeof value === 'string') return value;
    if (value !== null && value !== undefined) {
      this.#points.push(`'${name}' expected type 'string', got unconvertible type '${goType(value)}', value: '${goPrint(value)}'`);
    }
    return undefined;
  }

  #name(field: string): string {
    return this.#path === '' ? field : `${this.#path}.${field}`;
  }
}

function expectedMap(name: string, value: unknown): string {
  return `'${name}' expected a map, got '${Array.isArray(value) ? 'slice' : goType(value)}'`;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The type that Go's JSON decoder gives to a value of no declared type. */
function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  switch (typeof value) {
    case 'number': return 'float64';
    case 'boolean': return 'bool';
    case 'string': return 'string';
    default: return 'map[string]interface {}';
  }
}
