// Strings of header blocks: plain or in Huffman code, here always as Latin-1, a character a byte. RFC 7541 section 5.2.
import { HpackError } from './errors.ts';
import { decodeHuffman, encodeHuffman, huffmanLength, mostDecoded } from './huffman.ts';
import { readInteger, writeInteger, type Cursor } from './integers.ts';

const HUFFMAN = 0x80;
const LENGTH = 0x7f;

/** Up to here a text is put together in JavaScript; beyond, calling out to V8 costs less. */
const BY_HAND_MAX_BYTES = 4;
/** Both work on any Uint8Array; `toString` and `write` end there. Not in the typings. */
const { latin1Slice, latin1Write } = Buffer.prototype as unknown as {
  latin1Slice(this: Uint8Array, start: number, end: number): string;
  latin1Write(this: Uint8Array, text: string, start: number): number;
};

/** Where Huffman code is decoded to, for all connections: nothing of it outlives a call. Longer strings get their own. */
const SCRATCH_BYTES = 8192;
const scratch = new Uint8Array(SCRATCH_BYTES);

/**
 * Reads the string that the cursor is at. One that is longer than `most` is read over: its length is returned in its place, it
 * costs no memory that stays, and it has to be sound all the same.
 * @throws HpackError if the block ends before the string does, or for bad Huffman code
 */
export function readString(cursor: Cursor, most: number): string | number {
  const { block } = cursor;
  const isCoded = cursor.at < cursor.end && block[cursor.at]! >= HUFFMAN;
  const length = readInteger(cursor, LENGTH);
  const start = cursor.at;
  const end = start + length;
  if (end > cursor.end) throw new HpackError(`a string of ${length} bytes where the header block has ${cursor.end - start} left`);
  cursor.at = end;
  if (!isCoded) return length <= most ? latin1(block, start, end) : length;
  const room = mostDecoded(length);
  const decoded = room <= SCRATCH_BYTES ? scratch : new Uint8Array(room);
  const decodedLength = decodeHuffman(block, start, end, decoded);
  return decodedLength <= most ? latin1(decoded, 0, decodedLength) : decodedLength;
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > BY_HAND_MAX_BYTES) return latin1Slice.call(bytes, start, end);
  let text = '';
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}

/** Writes a string of Latin-1 characters at `at`, in Huffman code where that is shorter; returns the position behind it. */
export function writeString(text: string, out: Uint8Array, at: number): number {
  const coded = huffmanLength(text);
  if (coded < text.length) return encodeHuffman(text, out, writeInteger(coded, LENGTH, HUFFMAN, out, at));
  const start = writeInteger(text.length, LENGTH, 0, out, at);
  if (text.length > BY_HAND_MAX_BYTES) return start + latin1Write.call(out, text, start);
  for (let i = 0; i < text.length; i++) out[start + i] = text.charCodeAt(i);
  return start + text.length;
}
