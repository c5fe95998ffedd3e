// Integers of header blocks: what is left of a first byte, then seven bits at a time, lowest first. RFC 7541 section 5.1.
import { HpackError } from './errors.ts';

/** How far a header block has been read. */
export interface Cursor {
  block: Uint8Array;
  /** The next byte to read. */
  at: number;
  /** One beyond the last byte. */
  end: number;
}

/** Continuation bytes that an integer may have: 28 bits, so that nothing here leaves the 31 bits of a small integer. */
const MAX_CONTINUATIONS = 4;

/** The most bytes that `writeInteger` writes. */
export const MAX_INTEGER_BYTES = 1 + MAX_CONTINUATIONS;

/**
 * Reads the integer whose first byte the cursor is at.
 * @param mask the bits of that byte which belong to the integer, all ones
 * @throws HpackError if the block ends within it, or if it is longer than any length or index here can be
 */
export function readInteger(cursor: Cursor, mask: number): number {
  const { block, end } = cursor;
  if (cursor.at >= end) throw new HpackError('the header block ends where a field goes on');
  let value = block[cursor.at++]! & mask;
  if (value < mask) return value;
  for (let shift = 0; shift < 7 * MAX_CONTINUATIONS; shift += 7) {
    if (cursor.at >= end) throw new HpackError('the header block ends within an integer');
    const byte = block[cursor.at++]!;
    value += (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  throw new HpackError(`an integer of more than ${MAX_CONTINUATIONS} continuation bytes`);
}

/**
 * Writes an integer at `at` and returns the position behind it.
 * @param value less than 2^28
 * @param mask as for `readInteger`
 * @param pattern the other bits of the first byte
 */
export function writeInteger(value: number, mask: number, pattern: number, out: Uint8Array, at: number): number {
  if (value < mask) {
    out[at] = pattern | value;
    return at + 1;
  }
  out[at++] = pattern | mask;
  let rest = value - mask;
  while (rest > 0x7f) {
    out[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[at] = rest;
  return at + 1;
}
