// JSON as Go's encoding/json reads it. JSON.parse does the work; the scanner steps in for what it rejects, and the few
// inputs that the two read differently are found by cheap looks before.
import { escapeHtml } from '../proto/gojson.ts';
import { GoSyntaxError, invalidCharacter, MAX_DEPTH, scanValue, skipSpace } from './goscan.ts';

/** A body that Go could not decode; the message is what Go would say. */
export class GoJsonError extends Error {
  override readonly name = 'GoJsonError';
}

/**
 * The first value of a body, as Go's stream decoder reads it: what follows is ignored. A member given twice counts with
 * its last value; members called `__proto__` are plain members.
 * @throws GoJsonError
 */
export function parseFirst(body: Uint8Array): unknown {
  return parse(body, firstWords, () => undefined);
}

/**
 * The value of a body that holds one value and nothing else, as Go's `Unmarshal` reads it.
 * @throws GoJsonError
 */
export function parseWhole(body: Uint8Array): unknown {
  return parse(body, (cause) => cause.message, (end) => {
    const byte = body[skipSpace(body, end)];
    return byte === undefined ? undefined : invalidCharacter(byte, 'after top-level value');
  });
}

/**
 * The text of the first value of a body, which is JSON without a fault.
 * @throws GoJsonError as `parseFirst` does
 */
export function firstText(body: Uint8Array): string {
  if (!tooDeep(body)) {
    const text = utf8(body);
    try {
      JSON.parse(text);
      return text;
    } catch {
      // Not one JSON value: as below.
    }
  }
  return utf8(body.subarray(0, endOfFirst(body, firstWords)));
}

/** What Go's stream decoder says. */
function firstWords(cause: GoSyntaxError, body: Uint8Array): string {
  if (!cause.truncated) return cause.message;
  return skipSpace(body, 0) === body.length ? 'EOF' : 'unexpected EOF';
}

type Words = (cause: GoSyntaxError, body: Uint8Array) => string;

/** @param fault words for what is wrong behind the value; undefined when that is nobody's business. */
function parse(body: Uint8Array, words: Words, fault: (end: number) => string | undefined): unknown {
  if (!tooDeep(body)) {
    try {
      return JSON.parse(wellFormed(utf8(body)));
    } catch {
      // Not one JSON value: the scanner knows whether one stands in front, and the words if not.
    }
  }
  const end = endOfFirst(body, words);
  const behind = fault(end);
  if (behind !== undefined) throw new GoJsonError(behind);
  return JSON.parse(wellFormed(utf8(body.subarray(0, end))));
}

/** @throws GoJsonError */
function endOfFirst(body: Uint8Array, words: Words): number {
  try {
    return scanValue(body);
  } catch (cause) {
    if (!(cause instanceof GoSyntaxError)) throw cause;
    throw new GoJsonError(words(cause, body), { cause });
  }
}

function tooDeep(body: Uint8Array): boolean {
  return body.length > MAX_DEPTH && countOpeners(body) > MAX_DEPTH;
}

/** Not more levels than opening brackets: an upper bound that is cheap to have. */
function countOpeners(body: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < body.length; i++) if (body[i] === 0x5b || body[i] === 0x7b) count++;
  return count;
}

/** `Buffer#utf8Slice` takes any Uint8Array, without a Buffer around it; `toString` ends there. Not in the typings. */
const { utf8Slice } = Buffer.prototype as unknown as { utf8Slice(this: Uint8Array, start: number, end: number): string };

/** Text of bytes, with U+FFFD for each byte that is not UTF-8; the usual decoders make one of several. */
export function utf8(bytes: Uint8Array): string {
  const text = utf8Slice.call(bytes, 0, bytes.length);
  return text.includes('\ufffd') ? utf8ByGo(bytes) : text;
}

function utf8ByGo(bytes: Uint8Array): string {
  let out = '';
  let start = 0;
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    if (length > 0) {
      at += length;
      continue;
    }
    out += `${utf8Slice.call(bytes, start, at)}\ufffd`;
    start = ++at;
  }
  return out + utf8Slice.call(bytes, start, bytes.length);
}

/** Bytes of the valid UTF-8 sequence at `at`, or 0. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first >= 0xf5 || first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  for (let i = 1; i < length; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  const second = bytes[at + 1] ?? 0;
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  if ((first === 0xe0 && second < 0xa0) || (first === 0xed && second > 0x9f)) return 0;
  if ((first === 0xf0 && second < 0x90) || (first === 0xf4 && second > 0x8f)) return 0;
  return length;
}

const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;
/** A pair, a lone surrogate, or any other escape; the last so that the backslash of `\\ud800` is not taken for the start of one. */
const ESCAPES = /\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(\\u[dD][89a-fA-F][\da-fA-F]{2})|\\[^]/g;

/** JSON text without escapes of lone surrogates: Go reads those as U+FFFD, JSON.parse keeps them. */
function wellFormed(json: string): string {
  if (!SURROGATE_ESCAPE.test(json)) return json;
  return json.replace(ESCAPES, (escape, lone: string | undefined) => (lone === undefined ? escape : '\\ufffd'));
}

/** The first number in JSON text that float64 can't hold, as it was written. */
export function numberOutOfRange(body: Uint8Array): string | undefined {
  const text = utf8(body);
  const token = /"|-?\d[\d.eE+-]*/g;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    if (match[0] !== '"') {
      if (!Number.isFinite(Number(match[0]))) return match[0];
      continue;
    }
    token.lastIndex = endOfString(text, match.index) + 1;
  }
  return undefined;
}

/**
 * JSON text as Go embeds it in an answer: checked, white space between tokens dropped, `<>&` escaped, and nothing else
 * changed. Undefined when the bytes are not JSON.
 */
export function compact(bytes: Uint8Array): string | undefined {
  const text = utf8(bytes);
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  let out = '';
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = endOfString(text, at);
    else if (code <= 0x20) {
      out += text.slice(from, at);
      from = at + 1;
    }
  }
  return escapeHtml(from === 0 ? text : out + text.slice(from));
}

/** The place of the quote that ends the string that begins at `at`; behind the text when there is none. */
export function endOfString(text: string, at: number): number {
  let end = text.indexOf('"', at + 1);
  while (end >= 0 && isEscaped(text, at, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end;
}

/** By an odd number of backslashes in front of it. @param start the string's first quote */
function isEscaped(text: string, start: number, end: number): boolean {
  let from = end;
  while (from - 1 > start && text.charCodeAt(from - 1) === 0x5c) from--;
  return (end - from) % 2 === 1;
}
