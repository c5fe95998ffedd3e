// Protobuf messages as JSON, read as Go's protojson does it with unknown members discarded. Members may have their JSON name
// or the one of the proto file, null leaves them unset, and one that comes twice is an error.
import { isUtf8 } from 'node:buffer';
import { endOfString, GoJsonError, parseWhole } from './gojson.ts';

/** A body that is no such message. The message says why, in words like Go's. */
export class ProtoJsonError extends Error {
  override readonly name = 'ProtoJsonError';
}

/** How a member's value is read. */
export interface ProtoJsonField<T> {
  /** The type's name in the proto file, for messages. */
  readonly type: string;
  readonly unset: T;
  /** The value of JSON text without a fault; undefined for one of another type. Never sees null. */
  read(json: string): T | undefined;
}

export const TEXT: ProtoJsonField<string> = {
  type: 'string',
  unset: '',
  read: (json) => {
    if (!json.startsWith('"')) return undefined;
    const text = JSON.parse(json) as string;
    return text.isWellFormed() ? text : undefined;
  },
};

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

/** A number, or one in a text; any notation will do as long as the number is whole. */
export const INT32: ProtoJsonField<number> = {
  type: 'int32',
  unset: 0,
  read: (json) => {
    const whole = wholeNumber(json.startsWith('"') ? (JSON.parse(json) as string) : json);
    return whole !== undefined && whole >= INT32_MIN && whole <= INT32_MAX ? whole : undefined;
  },
};

/** The members of a message by their JSON names. */
export type ProtoJsonFields = Readonly<Record<string, ProtoJsonField<unknown>>>;
export type ProtoJsonMessage<F extends ProtoJsonFields> = { readonly [K in keyof F]: F[K] extends ProtoJsonField<infer T> ? T : never };

/** Decodes one kind of message; no bytes at all are a message without members. @throws ProtoJsonError */
export function protoJson<F extends ProtoJsonFields>(fields: F): (body: Uint8Array) => ProtoJsonMessage<F> {
  const names = new Map<string, string>(Object.keys(fields).flatMap((name) => [[name, name], [protoName(name), name]]));
  const unset = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.unset]));
  return (body) => {
    const message: Record<string, unknown> = { ...unset };
    if (body.length > 0) fill(message, objectText(body), names, fields);
    return message as ProtoJsonMessage<F>;
  };
}

function fill(message: Record<string, unknown>, json: string, names: ReadonlyMap<string, string>, fields: ProtoJsonFields): void {
  const seen = new Set<string>();
  for (const { member, memberAt, value, valueAt } of membersOf(json)) {
    const name = names.get(JSON.parse(member) as string);
    const field = name === undefined ? undefined : fields[name];
    if (name === undefined || field === undefined) continue;
    if (seen.has(name)) throw new ProtoJsonError(`proto: ${position(json, memberAt)}: duplicate field ${member}`);
    seen.add(name);
    if (value === 'null') continue;
    message[name] = field.read(value);
    if (message[name] === undefined) throw new ProtoJsonError(`proto: ${position(json, valueAt)}: invalid value for ${field.type} field ${name}: ${value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}...` : value}`);
  }
}

/** Characters of a wrong value that a message shows. */
const MAX_SHOWN = 100;

/** The body's text, which is one JSON object without a fault. */
function objectText(body: Uint8Array): string {
  if (!isUtf8(body)) throw new ProtoJsonError('proto: syntax error: invalid UTF-8');
  let value: unknown;
  try {
    value = parseWhole(body);
  } catch (cause) {
    if (!(cause instanceof GoJsonError)) throw cause;
    throw new ProtoJsonError(`proto: syntax error: ${cause.message}`, { cause });
  }
  const json = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const at = behindSpace(json, 0);
    throw new ProtoJsonError(`proto: syntax error ${position(json, at)}: unexpected token ${Array.isArray(value) ? '[' : json.slice(at, endOfValue(json, at))}`);
  }
  return json;
}

interface Member {
  /** JSON text, quotes included. */
  readonly member: string;
  readonly memberAt: number;
  readonly value: string;
  readonly valueAt: number;
}

/** Of an object without a fault, in order. */
function* membersOf(json: string): Generator<Member> {
  for (let at = behindSpace(json, behindSpace(json, 0) + 1); json[at] === '"';) {
    const memberAt = at;
    const memberEnd = endOfString(json, memberAt) + 1;
    const valueAt = behindSpace(json, behindSpace(json, memberEnd) + 1);
    const valueEnd = endOfValue(json, valueAt);
    yield { member: json.slice(memberAt, memberEnd), memberAt, value: json.slice(valueAt, valueEnd), valueAt };
    at = behindSpace(json, behindSpace(json, valueEnd) + 1);
  }
}

const BLANK = ' \t\r\n';
const ENDS_SCALAR = `${BLANK},]}`;

function behindSpace(json: string, at: number): number {
  while (at < json.length && BLANK.includes(json[at]!)) at++;
  return at;
}

function endOfValue(json: string, start: number): number {
  let at = start;
  if (json[at] === '"') return endOfString(json, at) + 1;
  if (json[at] !== '{' && json[at] !== '[') {
    while (at < json.length && !ENDS_SCALAR.includes(json[at]!)) at++;
    return at;
  }
  for (let depth = 0; ; at++) {
    const character = json[at];
    if (character === '"') at = endOfString(json, at);
    else if (character === '{' || character === '[') depth++;
    else if ((character === '}' || character === ']') && --depth === 0) return at + 1;
  }
}

function position(json: string, at: number): string {
  const lines = json.slice(0, at).split('\n');
  return `(line ${lines.length}:${Array.from(lines.at(-1) ?? '').length + 1})`;
}

/** `resourceId` is `resource_id` in the proto file. */
function protoName(jsonName: string): string {
  return jsonName.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

const NUMBER = /^(-?)(?:0|([1-9]\d*))(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
/** More digits than any number here has. */
const MAX_DIGITS = 20;

/** The number that JSON text stands for if it is whole, and of no more digits than a double keeps apart up to 2^53. */
function wholeNumber(text: string): number | undefined {
  const found = NUMBER.exec(text);
  if (found === null) return undefined;
  const [, sign, whole = '', decimals = '', exponent = '0'] = found;
  const fraction = decimals.replace(/0+$/, '');
  const digits = whole + fraction;
  if (digits === '') return 0;
  const shift = Number(exponent) - fraction.length;
  if (shift < 0) {
    const cut = digits.length + shift;
    return cut > 0 && /^0+$/.test(digits.slice(cut)) ? signed(sign, digits.slice(0, cut)) : undefined;
  }
  return digits.length + shift <= MAX_DIGITS ? signed(sign, digits + '0'.repeat(shift)) : undefined;
}

function signed(sign: string | undefined, digits: string): number {
  return Number(digits) * (sign === '-' ? -1 : 1);
}
