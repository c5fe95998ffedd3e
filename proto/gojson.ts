// Values as Go prints them: JSON by encoding/json, which is what HTTP clients and stores see, and text by `%v`.

/** A JSON number outside of float64, which no Go program could have printed. */
export class NumberOutOfRange extends Error {
  override readonly name = 'NumberOutOfRange';
  constructor() {
    super('number out of the range of float64');
  }
}

/** Deeper values go the iterative way, so that no input can exhaust the stack. */
const SHALLOW = 64;

/** A JSON string, with the characters escaped that Go escapes. Lone surrogates become U+FFFD. */
export function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : escapeHtml(bareQuote(text));
}

/** Characters that stand for themselves in a JSON string of Go's: all of `BARE` but `&<>`. */
const PLAIN = /^[ !#-%'-;=?-[\]-~]*$/;

/** Characters that stand for themselves in a JSON string. */
const BARE = /^[ !#-[\]-~]*$/;

/** Not yet escaped for HTML: cheaper to do once for the whole text. */
function bareQuote(text: string): string {
  return BARE.test(text) ? `"${text}"` : JSON.stringify(text.toWellFormed());
}

/**
 * JSON text of a value as `JSON.parse` makes them, the way Go would print it: object keys in the order of their UTF-8
 * bytes, `<>&` escaped, numbers through float64. Members that are undefined are left out.
 * @throws NumberOutOfRange when a number is not finite: JSON.parse makes Infinity of 1e400.
 */
export function stringify(value: unknown): string {
  // Most values come in Go's form already, and then the engine's own printer says the same.
  return escapeHtml(isPlain(value, 0) ? JSON.stringify(value) : print(value, JSON_STYLE));
}

/** The value as Go's `%v` prints it: `map[a:1 b:[x <nil>]]`. Bytes print as a slice of numbers. */
export function goPrint(value: unknown): string {
  return value instanceof Uint8Array ? `[${value.join(' ')}]` : print(value, GO_STYLE);
}

/** Compares by UTF-8 bytes, which is by code point; `<` compares UTF-16 units and puts U+FF21 after U+1F600. */
export function compareUtf8(a: string, b: string): number {
  const shorter = a.length < b.length ? a.length : b.length;
  for (let i = 0; i < shorter; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all others: moves them behind U+FFFF. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}

const HTML = /[<>&\u2028\u2029]/g;

/** On finished JSON text: these characters occur nowhere but in strings. */
export function escapeHtml(json: string): string {
  return json.replace(HTML, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Whether `JSON.stringify` prints the value as Go would, but for the characters that `escapeHtml` sees to. */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value === 'number') return Number.isFinite(value) && (value !== 0 || !Object.is(value, -0));
  if (typeof value !== 'object' || value === null) return true;
  if (depth === SHALLOW) return false;
  if (Array.isArray(value)) {
    for (const element of value) if (!isPlain(element, depth + 1)) return false;
    return true;
  }
  let before = '';
  for (const key of Object.keys(value)) {
    if (compareUtf8(before, key) > 0 || !key.isWellFormed()) return false;
    if (!isPlain((value as JsonMap)[key], depth + 1)) return false;
    before = key;
  }
  return true;
}

type JsonMap = Readonly<Record<string, unknown>>;

/** How the parts of a tree look in one notation. */
interface Style {
  readonly nil: string;
  readonly text: (text: string) => string;
  readonly number: (value: number) => string;
  readonly map: readonly [open: string, close: string];
  readonly list: readonly [open: string, close: string];
  readonly between: string;
}

const JSON_STYLE: Style = { nil: 'null', text: bareQuote, number: jsonNumber, map: ['{', '}'], list: ['[', ']'], between: ',' };
const GO_STYLE: Style = { nil: '<nil>', text: (text) => text, number: goNumber, map: ['map[', ']'], list: ['[', ']'], between: ' ' };

/** A list or map that is being printed. */
interface Frame {
  readonly values: readonly unknown[];
  readonly keys: readonly string[] | undefined;
  next: number;
}

/** Recursive as long as that is safe: the depth of a value is the peer's choice, and 10,000 levels are valid. */
function print(value: unknown, style: Style, depth = 0): string {
  if (typeof value !== 'object' || value === null) return scalar(value, style);
  if (depth === SHALLOW) return printDeep(value, style);
  let between = '';
  if (Array.isArray(value)) {
    let out = style.list[0];
    for (const element of value) {
      out += between + print(element, style, depth + 1);
      between = style.between;
    }
    return out + style.list[1];
  }
  let out = style.map[0];
  for (const key of sortedKeys(value)) {
    const member = (value as JsonMap)[key];
    if (member === undefined) continue;
    out += `${between}${style.text(key)}:${print(member, style, depth + 1)}`;
    between = style.between;
  }
  return out + style.map[1];
}

function sortedKeys(value: object): string[] {
  const keys = Object.keys(value);
  for (let i = 1; i < keys.length; i++) if (compareUtf8(keys[i - 1]!, keys[i]!) > 0) return keys.sort(compareUtf8);
  return keys;
}

/** The same with a stack of its own. */
function printDeep(root: object, style: Style): string {
  const open: Frame[] = [];
  let out = '';
  let value: unknown = root;
  for (;;) {
    if (typeof value === 'object' && value !== null) {
      const frame = frameOf(value);
      out += opening(frame, style);
      open.push(frame);
    } else {
      out += scalar(value, style);
    }
    let frame = open.at(-1);
    while (frame !== undefined && frame.next === frame.values.length) {
      out += closing(frame, style);
      open.pop();
      frame = open.at(-1);
    }
    if (frame === undefined) return out;
    if (frame.next > 0) out += style.between;
    if (frame.keys !== undefined) out += `${style.text(frame.keys[frame.next]!)}:`;
    value = frame.values[frame.next++];
  }
}

function opening({ keys }: Frame, style: Style): string {
  return (keys === undefined ? style.list : style.map)[0];
}

function closing({ keys }: Frame, style: Style): string {
  return (keys === undefined ? style.list : style.map)[1];
}

function frameOf(value: object): Frame {
  if (Array.isArray(value)) return { values: value, keys: undefined, next: 0 };
  const keys = sortedKeys(value).filter((key) => (value as JsonMap)[key] !== undefined);
  return { values: keys.map((key) => (value as JsonMap)[key]), keys, next: 0 };
}

function scalar(value: unknown, style: Style): string {
  switch (typeof value) {
    case 'string': return style.text(value);
    case 'number': return style.number(value);
    case 'boolean': return String(value);
    default: return style.nil;
  }
}

/** JavaScript and Go change to an exponent at the same places and write it alike; minus zero is the difference. */
function jsonNumber(value: number): string {
  if (!Number.isFinite(value)) throw new NumberOutOfRange();
  return Object.is(value, -0) ? '-0' : String(value);
}

/** `%v` takes an exponent from 1e6 on and below 1e-4, with two digits at least. */
function goNumber(value: number): string {
  if (!Number.isFinite(value)) throw new NumberOutOfRange();
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [digits = '', power = '0'] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 6) return String(value);
  return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}
