// Huffman coding of header strings: a decoder that takes half a byte at a time, and the encoder. RFC 7541 section 5.2.
import { HpackError } from './errors.ts';
import { CODE_LENGTHS, CODES, EOS } from './huffman-code.ts';

/** In an entry of `STEPS`: the next state, the symbol that ended, if one did, and what went wrong. */
const STATE = 0xff;
const SYMBOL_SHIFT = 8;
const EMITS = 0x1_0000;
const FAILS = 0x2_0000;
/** States 0 to 7 are the root and what the first seven bits of EOS lead to: a string may end there, and nowhere else. */
const LAST_ACCEPTING = 7;

/** What half a byte does in each state, a state being an inner node of the code's tree: at `state << 4 | bits`. */
const STEPS = buildSteps();

/** The most characters that `bytes` of Huffman code stand for: no code is shorter than five bits. */
export function mostDecoded(bytes: number): number {
  return Math.floor((bytes * 8) / 5);
}

/**
 * Decodes `block` from `start` to `end` into `out`, whose size is at least `mostDecoded`; returns how many bytes that made.
 * @throws HpackError for EOS within the string, and for padding that is not the beginning of EOS or longer than seven bits
 */
export function decodeHuffman(block: Uint8Array, start: number, end: number, out: Uint8Array): number {
  let state = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = block[at]!;
    let step = STEPS[(state << 4) | (byte >> 4)]!;
    if (step >= EMITS) length = emit(step, out, length);
    step = STEPS[((step & STATE) << 4) | (byte & 0xf)]!;
    if (step >= EMITS) length = emit(step, out, length);
    state = step & STATE;
  }
  if (state > LAST_ACCEPTING) throw new HpackError('a Huffman-coded string whose padding is not up to seven ones');
  return length;
}

function emit(step: number, out: Uint8Array, length: number): number {
  if (step >= FAILS) throw new HpackError('a Huffman-coded string with the end-of-string symbol in it');
  out[length] = step >> SYMBOL_SHIFT; // stores the low byte: the symbol
  return length + 1;
}

/** How many bytes a string of Latin-1 characters takes in Huffman code. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += CODE_LENGTHS[text.charCodeAt(i)]!;
  return (bits + 7) >>> 3;
}

/** Writes a string of Latin-1 characters at `at` and returns the position behind it. */
export function encodeHuffman(text: string, out: Uint8Array, at: number): number {
  let pending = 0; // bits that don't fill a byte yet, fewer than eight
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    const code = CODES[symbol]!;
    let length = CODE_LENGTHS[symbol]!;
    if (length > 16) { // in two pieces: eight bits and thirty would be too many at once
      length -= 16;
      pending = (pending << length) | (code >>> 16);
      for (count += length; count >= 8; count -= 8) out[at++] = pending >>> (count - 8);
      length = 16;
    }
    pending = ((pending & 0xff) << length) | (code & ((1 << length) - 1));
    for (count += length; count >= 8; count -= 8) out[at++] = pending >>> (count - 8);
  }
  if (count > 0) out[at++] = (pending << (8 - count)) | (0xff >>> count);
  return at;
}

/**
 * The tree first, then four bits from each of its inner nodes. No code is shorter than five bits, so at most one symbol ends on
 * the way. A node is its number, a leaf is the complement of its symbol.
 */
function buildSteps(): Int32Array {
  const children = new Int16Array(2 * EOS); // 257 leaves hang on 256 inner nodes; 0, the root, is nobody's child: none yet
  let nodes = 1;
  const insert = (symbol: number): void => {
    let node = 0;
    for (let bit = CODE_LENGTHS[symbol]! - 1; bit > 0; bit--) {
      const child = 2 * node + ((CODES[symbol]! >>> bit) & 1);
      if (children[child] === 0) children[child] = nodes++;
      node = children[child]!;
    }
    children[2 * node + (CODES[symbol]! & 1)] = ~symbol;
  };
  insert(EOS); // before all others: the nodes on its way are numbered by their depth, as LAST_ACCEPTING wants it
  for (let symbol = 0; symbol < EOS; symbol++) insert(symbol);

  const steps = new Int32Array(EOS << 4);
  for (let index = 0; index < steps.length; index++) {
    let node = index >> 4;
    let flags = 0;
    for (let bit = 3; bit >= 0; bit--) {
      node = children[2 * node + ((index >> bit) & 1)]!;
      if (node >= 0) continue;
      flags = ~node === EOS ? EMITS | FAILS : EMITS | (~node << SYMBOL_SHIFT);
      node = 0;
    }
    steps[index] = flags | node;
  }
  return steps;
}
