// Plain values to typed ones, by the rules Go's JSON decoder brought into Dapr's manifests: member names match whatever
// their case, unknown ones are ignored, null is absence, and where a text is expected numbers and booleans are taken.
import type { Yaml } from './yaml.ts';

export type YamlObject = { readonly [key: string]: Yaml };

/** A value is not of the expected kind. The message names its place and never the value. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

/** The member of that name: the exact one, else one that differs in case only. */
export function member(object: YamlObject, name: string): Yaml | undefined {
  if (Object.hasOwn(object, name)) return object[name];
  const folded = name.toLowerCase();
  const key = Object.keys(object).filter((one) => one.toLowerCase() === folded).sort().at(-1);
  return key === undefined ? undefined : object[key];
}

export function isObject(value: Yaml | undefined): value is YamlObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @param place where it is, for the message: `spec.metadata[2].name`. */
export function objectAt(value: Yaml | undefined, place: string): YamlObject {
  if (value === undefined || value === null) return {};
  if (isObject(value)) return value;
  throw wrong(value, place, 'an object');
}

export function listAt(value: Yaml | undefined, place: string): readonly Yaml[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value as readonly Yaml[];
  throw wrong(value, place, 'a list');
}

/** `''` when absent. */
export function textAt(value: Yaml | undefined, place: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'object') throw wrong(value, place, 'a text');
  return typeof value === 'number' ? goFloat(value) : String(value);
}

export function textsAt(value: Yaml | undefined, place: string): string[] {
  return listAt(value, place).map((item, index) => textAt(item, `${place}[${index}]`));
}

export function booleanAt(value: Yaml | undefined, place: string, absent: boolean): boolean {
  if (value === undefined || value === null) return absent;
  if (typeof value === 'boolean') return value;
  throw wrong(value, place, 'true or false');
}

export function integerAt(value: Yaml | undefined, place: string, absent: number): number {
  if (value === undefined || value === null) return absent;
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number)) return number;
  throw wrong(value, place, 'a whole number');
}

/** How Go's `%v` prints a float64: shortest digits, with an exponent of two digits or more below 1e-4 and from 1e6 on. */
export function goFloat(value: number): string {
  if (value === 0) return '0';
  const [digits = '', exponent = ''] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

/** A metadata value's text: a string is itself, anything else its JSON as Go writes it (keys sorted, `<>&` escaped). */
export function valueText(value: Yaml | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : goJson(value);
}

export function goJson(value: Yaml): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return JSON.stringify(value.toWellFormed()).replace(/[<>&\u2028\u2029]/g, unicodeEscape);
  if (Array.isArray(value)) return `[${value.map((item) => goJson(item as Yaml)).join(',')}]`;
  if (isObject(value)) return `{${Object.keys(value).sort().map((key) => `${goJson(key)}:${goJson(value[key] ?? null)}`).join(',')}}`;
  return String(value);
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function wrong(value: Yaml, place: string, expected: string): ShapeError {
  const kind = Array.isArray(value) ? 'a list' : value === null ? 'null' : typeof value === 'object' ? 'an object'
    : typeof value === 'string' ? 'a text' : typeof value === 'boolean' ? 'a boolean' : 'a number';
  return new ShapeError(`${place} should be ${expected} and is ${kind}`);
}
