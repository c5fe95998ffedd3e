// What a head may look like on the wire, checked before msgpackr reads it. A general reader can be told by the bytes to build
// classes, regular expressions and generated code, to nest without end, or to make room for what never comes; a peer that is
// hostile by accident must not get there.

/** Deeper than any head: component specs in `init` are the deepest at 5. */
const MAX_DEPTH = 32;
/** More than in any head. A value of one byte becomes an object of 60: a frame full of them would fill the reader's heap. */
const MAX_VALUES = 1 << 20;

// The cursor of the one check under way; checks are synchronous and never nested.
let bytes: Buffer = Buffer.alloc(0);
let at = 0;
let end = 0;
/** Values announced so far. */
let values = 0;

/** @throws Error unless the first `length` bytes are exactly one value of plain data: no extension but msgpackr's `undefined` */
export function checkShape(source: Buffer, length: number): void {
  bytes = source;
  at = 0;
  end = length;
  values = 0;
  value(0);
  if (at !== end) throw new Error(`${end - at} bytes after the value`);
}

function value(depth: number): void {
  const type = byte();
  if (type < 0x80 || type >= 0xe0) return; // small integers
  if (type < 0x90) return map(type & 0x0f, depth);
  if (type < 0xa0) return array(type & 0x0f, depth);
  if (type < 0xc0) return skip(type & 0x1f);
  switch (type) {
    case 0xc0: case 0xc2: case 0xc3: return; // null, false, true
    case 0xc4: case 0xd9: return skip(byte());
    case 0xc5: case 0xda: return skip(uint16());
    case 0xc6: case 0xdb: return skip(uint32());
    case 0xcc: case 0xd0: return skip(1);
    case 0xcd: case 0xd1: return skip(2);
    case 0xca: case 0xce: case 0xd2: return skip(4);
    case 0xcb: case 0xcf: case 0xd3: return skip(8);
    case 0xd4: return undefinedValue();
    case 0xdc: return array(uint16(), depth);
    case 0xdd: return array(uint32(), depth);
    case 0xde: return map(uint16(), depth);
    case 0xdf: return map(uint32(), depth);
    default: throw new Error(`a value of type 0x${type.toString(16)}`);
  }
}

function array(length: number, depth: number): void {
  enter(length, depth);
  for (let i = 0; i < length; i++) value(depth + 1);
}

function map(length: number, depth: number): void {
  enter(length * 2, depth);
  for (let i = 0; i < length; i++) {
    key();
    value(depth + 1);
  }
}

/** Each value takes a byte at least: a length that the bytes don't pay for is refused before anything is built for it. */
function enter(count: number, depth: number): void {
  if (depth >= MAX_DEPTH) throw new Error(`values nested deeper than ${MAX_DEPTH}`);
  if (count > end - at) throw new Error('the value goes on after the end');
  values += count;
  if (values > MAX_VALUES) throw new Error(`more than ${MAX_VALUES} values`);
}

function key(): void {
  const type = byte();
  if (type >= 0xa0 && type < 0xc0) return skip(type & 0x1f);
  if (type === 0xd9) return skip(byte());
  if (type === 0xda) return skip(uint16());
  if (type === 0xdb) return skip(uint32());
  throw new Error('a key that is no string');
}

function undefinedValue(): void {
  if (byte() !== 0 || byte() !== 0) throw new Error('an extension');
}

function skip(count: number): void {
  if (count > end - at) throw new Error('the value goes on after the end');
  at += count;
}

function byte(): number {
  skip(1);
  return bytes[at - 1] as number;
}

function uint16(): number {
  skip(2);
  return bytes.readUInt16BE(at - 2);
}

function uint32(): number {
  skip(4);
  return bytes.readUInt32BE(at - 4);
}
