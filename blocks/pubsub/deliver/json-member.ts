// One member of a JSON object, cut out of its text: numbers stay as they were written, which JSON.parse would round.
import { skipSpace } from '../../goscan.ts';
import { utf8 } from '../../gojson.ts';

const QUOTE = 0x22, COMMA = 0x2c, BACKSLASH = 0x5c;
const LEFT_BRACKET = 0x5b, RIGHT_BRACKET = 0x5d, LEFT_BRACE = 0x7b, RIGHT_BRACE = 0x7d;

/**
 * The text of a member's value, without white space between its tokens; a view into `json` where there was none. Of
 * several members of that name it is the last one, as with JSON.parse; undefined if there is none.
 * @param json one object, and valid: JSON.parse has taken it
 */
export function memberJson(json: Uint8Array, name: string): Uint8Array | undefined {
  let start = -1;
  let end = -1;
  let at = skipSpace(json, skipSpace(json, 0) + 1);
  while (json[at] === QUOTE) {
    const nameEnd = endOfString(json, at);
    const wanted = isName(json, at, nameEnd, name);
    const valueStart = skipSpace(json, skipSpace(json, nameEnd) + 1);
    const valueEnd = endOfValue(json, valueStart);
    if (wanted) {
      start = valueStart;
      end = valueEnd;
    }
    at = skipSpace(json, valueEnd);
    if (json[at] === COMMA) at = skipSpace(json, at + 1);
  }
  return start < 0 ? undefined : compact(json, start, end);
}

/** @param start of the opening quote; `end` lies behind the closing one. */
function isName(json: Uint8Array, start: number, end: number, name: string): boolean {
  if (json.subarray(start, end).includes(BACKSLASH)) return JSON.parse(utf8(json.subarray(start, end))) === name;
  if (end - start - 2 !== name.length) return false;
  for (let i = 0; i < name.length; i++) if (json[start + 1 + i] !== name.charCodeAt(i)) return false;
  return true;
}

/** The offset behind the string that starts at `at`. */
function endOfString(json: Uint8Array, at: number): number {
  for (at++; at < json.length && json[at] !== QUOTE; at++) if (json[at] === BACKSLASH) at++;
  return at + 1;
}

/** The offset behind the value that starts at `at`. Counts brackets: what kind they are of has been checked. */
function endOfValue(json: Uint8Array, at: number): number {
  let open = 0;
  while (at < json.length) {
    const byte = json[at]!;
    if (byte === QUOTE) {
      at = endOfString(json, at);
      if (open === 0) return at;
      continue;
    }
    if (byte === LEFT_BRACE || byte === LEFT_BRACKET) {
      open++;
    } else if (byte === RIGHT_BRACE || byte === RIGHT_BRACKET) {
      if (open === 0) return at;
      if (--open === 0) return at + 1;
    } else if (open === 0 && (byte === COMMA || byte <= 0x20)) {
      return at;
    }
    at++;
  }
  return at;
}

function compact(json: Uint8Array, start: number, end: number): Uint8Array {
  let out: Uint8Array | undefined;
  let length = 0;
  let from = start;
  for (let at = start; at < end; at++) {
    const byte = json[at]!;
    if (byte === QUOTE) {
      at = endOfString(json, at) - 1;
    } else if (byte <= 0x20) {
      out ??= new Uint8Array(end - start);
      out.set(json.subarray(from, at), length);
      length += at - from;
      from = at + 1;
    }
  }
  if (out === undefined) return json.subarray(start, end);
  out.set(json.subarray(from, end), length);
  return out.subarray(0, length + end - from);
}
