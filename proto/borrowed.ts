// Bytes and texts out of memory that is only borrowed, a ring's for instance: what comes back lives on its own.
import { isUtf8 } from 'node:buffer';

/** Up to here V8 keeps the bytes of an array in its own heap; beyond, each array costs an allocation outside, about 1 us. */
const HEAP_MAX_BYTES = 64;
/** Up to here copies share a slab, which is four to eight times as fast; beyond, the copying itself is what counts. */
const SLAB_MAX_BYTES = 4096;
const SLAB_BYTES = 65_536;
let slab = new Uint8Array(SLAB_BYTES);
let slabUsed = 0;

/** Up to here a text is made from its codes in JavaScript; beyond, calling out to V8's decoder is cheaper. */
const BY_CODES_MAX_BYTES = 16;
/** `Buffer#utf8Slice` works on any Uint8Array and takes its range without a view; `toString` ends there. Not in the typings. */
const { utf8Slice } = Buffer.prototype as unknown as { utf8Slice(this: Uint8Array, start: number, end: number): string };

/**
 * A copy of the bytes from `start` to `end`. Small ones share a slab with others, which lives as long as the last of them: who
 * keeps bytes for long, as a store in memory does, keeps a copy of them.
 */
export function copyOf(body: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start;
  if (length <= HEAP_MAX_BYTES || length > SLAB_MAX_BYTES) return new Uint8Array(body.subarray(start, end));
  if (slabUsed + length > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES);
    slabUsed = 0;
  }
  const copy = slab.subarray(slabUsed, slabUsed + length);
  slabUsed += length;
  copy.set(body.subarray(start, end));
  return copy;
}

/** The text from `start` to `end`. @throws TypeError if the bytes are not UTF-8, as proto3 demands */
export function readText(body: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length > BY_CODES_MAX_BYTES) return readUtf8(body, start, end);
  // oxlint-disable-next-line no-new-array -- sized at once: it need not grow, which takes a fifth longer
  const codes = new Array<number>(length);
  for (let i = 0; i < length; i++) {
    const code = body[start + i]!;
    if (code > 0x7f) return readUtf8(body, start, end);
    codes[i] = code;
  }
  return String.fromCharCode.apply(String, codes);
}

/** @throws TypeError if the bytes are not UTF-8. */
function readUtf8(body: Uint8Array, start: number, end: number): string {
  const text = utf8Slice.call(body, start, end);
  // Bad bytes became U+FFFD. So does a U+FFFD that was sent: only then is the costlier check worth it.
  if (text.includes('\ufffd') && !isUtf8(body.subarray(start, end))) throw new TypeError('text that is not UTF-8');
  return text;
}
