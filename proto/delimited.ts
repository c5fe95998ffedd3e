// Protobuf messages of nothing but texts, bytes and messages, written by hand: they are most of our answers, the general
// encoder takes far longer for them, and a kernel that fails a call need not load it at all.

/** Field number, and its value; a message within is its encoded bytes. */
export type Field = readonly [number: number, value: string | Uint8Array];

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** One message. Empty values are left out, as proto3 has it for single fields. */
export function encodeFields(fields: readonly Field[]): Buffer {
  return encode(fields.filter(([, value]) => value.length > 0));
}

/** As `encodeFields`, after an int32 in field 1; for repeated fields too, whose empty values count. */
export function encodeRepeated(code: number, fields: readonly Field[]): Buffer {
  return encode(fields, code);
}

function encode(fields: readonly Field[], code = 0): Buffer {
  let size = code === 0 ? 0 : 1 + varintBytes(code);
  for (const [number, value] of fields) {
    const bytes = byteLength(value);
    size += varintBytes(number << 3) + varintBytes(bytes) + bytes;
  }
  const out = Buffer.allocUnsafe(size);
  let at = code === 0 ? 0 : writeVarint(out, writeVarint(out, 0, (1 << 3) | VARINT), code);
  for (const [number, value] of fields) {
    const bytes = byteLength(value);
    at = writeVarint(out, writeVarint(out, at, (number << 3) | LENGTH_DELIMITED), bytes);
    if (typeof value === 'string') out.write(value, at);
    else out.set(value, at);
    at += bytes;
  }
  return out;
}

function byteLength(value: string | Uint8Array): number {
  return typeof value === 'string' ? Buffer.byteLength(value) : value.length;
}

/** Returns where the next byte goes. */
function writeVarint(out: Uint8Array, at: number, value: number): number {
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) out[at++] = (rest & 0x7f) | 0x80;
  out[at++] = rest;
  return at;
}

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) count++;
  return count;
}
