// Writes one msgpack value: what ipc/unpack.ts reads, and nothing else.

/** The same bound as on the reading side; also stops values that contain themselves. */
const MAX_DEPTH = 32;
/** Short strings are written here, longer ones by the runtime. */
const SHORT_CHARS = 32;
/** A larger scratch than this is given up again after use. */
const KEPT_BYTES = 64 * 1024;

let scratch = Buffer.allocUnsafeSlow(16 * 1024);
let at = 0;

/** The value's bytes; valid until the next call. @throws TypeError for what a head can't carry: functions, instances, depth */
export function pack(value: unknown): Uint8Array {
  if (scratch.length > KEPT_BYTES) scratch = Buffer.allocUnsafeSlow(16 * 1024);
  at = 0;
  write(value, 0);
  return scratch.subarray(0, at);
}

function write(value: unknown, depth: number): void {
  switch (typeof value) {
    case 'string': return writeString(value);
    case 'number': return writeNumber(value);
    case 'boolean': return put(value ? 0xc3 : 0xc2);
    case 'undefined': {
      const to = reserve(3);
      scratch[to] = 0xd4;
      scratch[to + 1] = 0;
      scratch[to + 2] = 0;
      return;
    }
    case 'object': return value === null ? put(0xc0) : writeObject(value, depth);
    case 'bigint': return writeBigInt(value);
    default: throw new TypeError(`a head can't carry a ${typeof value}`);
  }
}

function writeObject(value: object, depth: number): void {
  if (value instanceof Uint8Array) {
    putLength(value.length, 0, 0xc4, 0xc5, 0xc6, -1);
    const to = reserve(value.length);
    scratch.set(value, to);
    return;
  }
  if (depth >= MAX_DEPTH) throw new TypeError(`a head can't nest deeper than ${MAX_DEPTH}`);
  if (Array.isArray(value)) {
    putLength(value.length, 0x90, -1, 0xdc, 0xdd, 15);
    for (const item of value) write(item, depth + 1);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw new TypeError(`a head can't carry a ${value.constructor.name}`);
  const keys = Object.keys(value);
  putLength(keys.length, 0x80, -1, 0xde, 0xdf, 15);
  for (const key of keys) {
    writeString(key);
    write((value as Record<string, unknown>)[key], depth + 1);
  }
}

function writeString(text: string): void {
  const chars = text.length;
  if (chars < SHORT_CHARS) {
    const to = reserve(1 + chars);
    let i = 0;
    for (; i < chars; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) break;
      scratch[to + 1 + i] = code;
    }
    if (i === chars) {
      scratch[to] = 0xa0 | chars;
      return;
    }
    at = to;
  }
  const bytes = Buffer.byteLength(text);
  putLength(bytes, 0xa0, 0xd9, 0xda, 0xdb, 31);
  const to = reserve(bytes);
  scratch.write(text, to, bytes, 'utf8');
}

function writeNumber(value: number): void {
  if (value >>> 0 === value && !Object.is(value, -0)) {
    if (value < 0x80) return put(value);
    return putLength(value, 0, 0xcc, 0xcd, 0xce, -1);
  }
  if ((value | 0) === value && value < 0) {
    if (value >= -32) return put(value & 0xff);
    put(0xd2);
    const to = reserve(4);
    scratch.writeInt32BE(value, to);
    return;
  }
  put(0xcb);
  const to = reserve(8);
  scratch.writeDoubleBE(value, to);
}

function writeBigInt(value: bigint): void {
  put(value < 0n ? 0xd3 : 0xcf);
  const to = reserve(8);
  if (value < 0n) scratch.writeBigInt64BE(value, to);
  else scratch.writeBigUInt64BE(value, to);
}

/** A length with the shortest of its prefixes: within the type byte up to `tiny`, or 8 (-1: there is none), 16 or 32 bits. */
function putLength(length: number, base: number, type8: number, type16: number, type32: number, tiny: number): void {
  if (length <= tiny) return put(base | length);
  if (type8 >= 0 && length <= 0xff) {
    const to = reserve(2);
    scratch[to] = type8;
    scratch[to + 1] = length;
  } else if (length <= 0xffff) {
    const to = reserve(3);
    scratch[to] = type16;
    scratch.writeUInt16BE(length, to + 1);
  } else {
    const to = reserve(5);
    scratch[to] = type32;
    scratch.writeUInt32BE(length, to + 1);
  }
}

function put(byte: number): void {
  const to = reserve(1);
  scratch[to] = byte;
}

/** Makes room and returns where it begins. Call it before `scratch` is looked at: it may be another one afterwards. */
function reserve(bytes: number): number {
  const from = at;
  if (from + bytes > scratch.length) {
    const larger = Buffer.allocUnsafeSlow(Math.max(scratch.length * 2, from + bytes));
    scratch.copy(larger, 0, 0, from);
    scratch = larger;
  }
  at = from + bytes;
  return from;
}
