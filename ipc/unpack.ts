// Reads one msgpack value from bytes that a peer wrote and may still be changing: no length is fetched twice, nothing is
// allocated that the bytes don't pay for, nesting is bounded, and no extension builds objects (a general decoder knows
// regular expressions, classes and generated code, none of which a head needs). Twice as fast as one, too.

/** What every Buffer has and its types leave out; several times as fast as `toString`. */
interface Slices {
  utf8Slice(start: number, end: number): string;
  latin1Slice(start: number, end: number): string;
}

/** Deeper than any head: component specs in `init` are the deepest at 5. */
const MAX_DEPTH = 32;

/** Short ASCII strings repeat: names of headers, stores, members. One slot a hash; a hit makes no new string. */
const CACHED_BYTES = 32;
const SLOTS = 1024;
const cache: string[] = new Array<string>(SLOTS).fill('');

// The cursor of the one read under way; reads are synchronous and never nested.
let bytes = Buffer.alloc(0) as Buffer & Slices;
let at = 0;
let end = 0;

/** @throws Error when `start`..`stop` is not exactly one value */
export function unpack(source: Buffer, start: number, stop: number): unknown {
  bytes = source as Buffer & Slices;
  at = start;
  end = stop;
  const value = read(0);
  if (at !== end) throw new Error(`${end - at} bytes after the value`);
  return value;
}

function read(depth: number): unknown {
  const type = byte();
  if (type < 0x80) return type;
  if (type < 0x90) return readMap(type & 0x0f, depth);
  if (type < 0xa0) return readArray(type & 0x0f, depth);
  if (type < 0xc0) return readString(type & 0x1f);
  if (type >= 0xe0) return type - 0x100;
  switch (type) {
    case 0xc0: return null;
    case 0xc2: return false;
    case 0xc3: return true;
    case 0xc4: return readBytes(byte());
    case 0xc5: return readBytes(uint16());
    case 0xc6: return readBytes(uint32());
    case 0xca: return bytes.readFloatBE(skip(4));
    case 0xcb: return bytes.readDoubleBE(skip(8));
    case 0xcc: return byte();
    case 0xcd: return uint16();
    case 0xce: return uint32();
    case 0xcf: return bytes.readBigUInt64BE(skip(8));
    case 0xd0: return bytes.readInt8(skip(1));
    case 0xd1: return bytes.readInt16BE(skip(2));
    case 0xd2: return bytes.readInt32BE(skip(4));
    case 0xd3: return bytes.readBigInt64BE(skip(8));
    case 0xd4: return readUndefined();
    case 0xd9: return readString(byte());
    case 0xda: return readString(uint16());
    case 0xdb: return readString(uint32());
    case 0xdc: return readArray(uint16(), depth);
    case 0xdd: return readArray(uint32(), depth);
    case 0xde: return readMap(uint16(), depth);
    case 0xdf: return readMap(uint32(), depth);
    default: throw new Error(`a value of type 0x${type.toString(16)}`);
  }
}

/** Moves past `count` bytes and returns where they begin. */
function skip(count: number): number {
  const from = at;
  if (count > end - from) throw new Error('the value goes on after the end');
  at = from + count;
  return from;
}

const byte = (): number => bytes[skip(1)] as number;
const uint16 = (): number => bytes.readUInt16BE(skip(2));
const uint32 = (): number => bytes.readUInt32BE(skip(4));

function readBytes(length: number): Buffer {
  const from = skip(length);
  return Buffer.from(bytes.subarray(from, from + length));
}

/** The one extension: what our packer writes for `undefined`. */
function readUndefined(): undefined {
  if (byte() !== 0 || byte() !== 0) throw new Error('an extension');
}

function readArray(length: number, depth: number): unknown[] {
  enter(length, depth);
  const values: unknown[] = []; // not new Array(length): five bytes could ask for gigabytes
  for (let i = 0; i < length; i++) values.push(read(depth + 1));
  return values;
}

function readMap(length: number, depth: number): Record<string, unknown> {
  enter(length * 2, depth);
  const map: Record<string, unknown> = {};
  for (let i = 0; i < length; i++) {
    const key = readKey();
    const value = read(depth + 1);
    // A client may name a query parameter so; it must not change what the object is.
    if (key === '__proto__') Object.defineProperty(map, key, { value, writable: true, enumerable: true, configurable: true });
    else map[key] = value;
  }
  return map;
}

/** Each value takes a byte at least, so a length is checked before anything is built for it. */
function enter(values: number, depth: number): void {
  if (depth >= MAX_DEPTH) throw new Error(`values nested deeper than ${MAX_DEPTH}`);
  if (values > end - at) throw new Error('the value goes on after the end');
}

function readKey(): string {
  const type = byte();
  if (type >= 0xa0 && type < 0xc0) return readString(type & 0x1f);
  if (type === 0xd9) return readString(byte());
  if (type === 0xda) return readString(uint16());
  if (type === 0xdb) return readString(uint32());
  throw new Error('a key that is no string');
}

function readString(length: number): string {
  const from = skip(length);
  if (length > CACHED_BYTES) return bytes.utf8Slice(from, at);
  if (length === 0) return '';
  let hash = length;
  let or = 0;
  for (let i = from; i < at; i++) {
    const code = bytes[i] as number;
    or |= code;
    hash = (Math.imul(hash, 31) + code) | 0;
  }
  if (or > 0x7f) return bytes.utf8Slice(from, at);
  const slot = (hash ^ (hash >>> 10)) & (SLOTS - 1);
  const cached = cache[slot] as string;
  if (cached.length === length && equals(cached, from)) return cached;
  return (cache[slot] = bytes.latin1Slice(from, at));
}

function equals(text: string, from: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[from + i]) return false;
  return true;
}
