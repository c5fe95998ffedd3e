// JSON that is read and printed again as Go does it when it keeps numbers as they were written: members sorted, strings
// and white space in Go's form, digits untouched. Parts of a value stay JSON text, so no number passes through a double.
import { compareUtf8, escapeHtml } from '../proto/gojson.ts';
import { endOfString, firstText } from './gojson.ts';

const QUOTE = 0x22, COMMA = 0x2c, COLON = 0x3a, LEFT_BRACKET = 0x5b, RIGHT_BRACKET = 0x5d, LEFT_BRACE = 0x7b, RIGHT_BRACE = 0x7d;

/**
 * The first value of a body, printed again. A member given twice counts with its last value.
 * @throws GoJsonError with the words of Go's stream decoder
 */
export function rawFirst(body: Uint8Array): string {
  return escapeHtml(reprint(firstText(body)));
}

/** The members of an object that `rawFirst` printed, each still JSON; undefined for any other value. */
export function rawMembers(json: string): Map<string, string> | undefined {
  if (json.charCodeAt(0) !== LEFT_BRACE) return undefined;
  const members = new Map<string, string>();
  for (const part of partsOf(json)) {
    const split = endOfString(part, 0) + 1;
    members.set(JSON.parse(part.slice(0, split)) as string, part.slice(split + 1));
  }
  return members;
}

/** The elements of a list that `rawFirst` printed, each still JSON; undefined for any other value. */
export function rawElements(json: string): string[] | undefined {
  return json.charCodeAt(0) === LEFT_BRACKET ? partsOf(json) : undefined;
}

/** A list or an object that is being printed. */
interface Frame {
  /** Undefined for a list; else those seen, of which the last may still wait for its value. */
  readonly keys: string[] | undefined;
  readonly values: string[];
}

/** Not recursive: how deep a value is, its sender says. The text must be JSON. */
function reprint(text: string): string {
  const open: Frame[] = [];
  let frame: Frame | undefined;
  let at = 0;
  for (;;) {
    const code = text.charCodeAt(at);
    let value: string;
    if (code <= 0x20 || code === COMMA || code === COLON) {
      at++;
      continue;
    }
    if (code === LEFT_BRACE || code === LEFT_BRACKET) {
      frame = { keys: code === LEFT_BRACE ? [] : undefined, values: [] };
      open.push(frame);
      at++;
      continue;
    }
    if (code === QUOTE) {
      const end = endOfString(text, at) + 1;
      const token = text.slice(at, end);
      at = end;
      if (frame?.keys !== undefined && frame.keys.length === frame.values.length) {
        frame.keys.push(plainString(token));
        continue;
      }
      value = plainString(token);
    } else if (code === RIGHT_BRACE || code === RIGHT_BRACKET) {
      value = close(open.pop()!);
      frame = open.at(-1);
      at++;
    } else {
      const start = at;
      while (at < text.length && !endsScalar(text.charCodeAt(at))) at++;
      value = text.slice(start, at);
    }
    if (frame === undefined) return value;
    frame.values.push(value);
  }
}

/** A string's token with nothing escaped that Go would not escape, and no half of a surrogate pair. */
function plainString(token: string): string {
  return token.includes('\\') ? JSON.stringify((JSON.parse(token) as string).toWellFormed()) : token;
}

/** Built by appending, which copies nothing: joining would copy the innermost value once for each level around it. */
function close({ keys, values }: Frame): string {
  if (keys === undefined) {
    let out = '[';
    for (let i = 0; i < values.length; i++) out += i === 0 ? values[i]! : `,${values[i]!}`;
    return `${out}]`;
  }
  const order = inOrder(keys) ? keys.keys() : sortedOnce(keys);
  let out = '{';
  for (const i of order) out += `${out === '{' ? '' : ','}${keys[i]!}:${values[i]!}`;
  return `${out}}`;
}

/** Strictly: no two are the same. */
function inOrder(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) if (compareKeys(keys[i - 1]!, keys[i]!) >= 0) return false;
  return true;
}

/** The places of the keys in their order, for each the last place where it stands. */
function sortedOnce(keys: readonly string[]): number[] {
  const places = new Map<string, number>();
  for (let i = 0; i < keys.length; i++) places.set(keys[i]!, i);
  return [...places.values()].sort((a, b) => compareKeys(keys[a]!, keys[b]!));
}

/** Of tokens: what is escaped in one of them has to be compared as what it stands for. */
function compareKeys(a: string, b: string): number {
  if (a.includes('\\') || b.includes('\\')) return compareUtf8(JSON.parse(a) as string, JSON.parse(b) as string);
  return compareUtf8(a.slice(1, -1), b.slice(1, -1));
}

function endsScalar(code: number): boolean {
  return code <= 0x20 || code === COMMA || code === RIGHT_BRACKET || code === RIGHT_BRACE;
}

/** What stands between the outermost brackets, split at the commas of that level. */
function partsOf(json: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 1;
  for (let at = 1; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) at = endOfString(json, at);
    else if (code === LEFT_BRACE || code === LEFT_BRACKET) depth++;
    else if ((code === COMMA && depth === 0) || at === json.length - 1) {
      if (at > from) parts.push(json.slice(from, at));
      from = at + 1;
    } else if (code === RIGHT_BRACE || code === RIGHT_BRACKET) depth--;
  }
  return parts;
}
