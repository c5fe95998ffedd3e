// Writes protobuf messages field by field, for the answers that most calls get: texts and small values go into a slab that many
// answers share, and large values stay where they are, to be copied once: into the ring.

const SLAB_BYTES = 65_536;
/** From here on a value costs less as a piece of its own than as a copy. */
const APART_BYTES = 1_024;
/** A tag of up to 15 in one byte, and a length. */
const LEAD_BYTES = 6;
/** Bytes of UTF-8 for one UTF-16 unit, at most. */
const MAX_UTF8 = 3;
/** Up to here a text is written unit by unit; beyond, calling out to V8's encoder is cheaper. Shorter than 128, so that its length is one byte. */
const BY_CODES_MAX_LENGTH = 40;
/** Longer texts get memory of their own. */
const LONGEST_TEXT = 4_096;

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let slabUsed = 0;

/** A message in one piece, or in pieces that follow each other. */
export type Message = Uint8Array | readonly Uint8Array[];

/**
 * One message, written from its first field to its last. Tags are of fields up to 15 (see `bytesTag`). Empty values are left out,
 * as proto3 has it for single fields. One writer at a time: begin the next when this one has finished.
 */
export class MessageWriter {
  #start = slabUsed;
  #at = slabUsed;
  #pieces: Uint8Array[] | undefined;

  constructor() {
    this.#reserve(APART_BYTES); // so that a small message is one piece
  }

  text(tag: number, value: string): void {
    if (value.length > 0) this.item(tag, value);
  }

  /** A text among repeated ones: an empty one counts. */
  item(tag: number, value: string): void {
    const { length } = value;
    if (length > LONGEST_TEXT) return this.message(tag, Buffer.from(value));
    this.#reserve(LEAD_BYTES + length * MAX_UTF8);
    slab[this.#at++] = tag;
    if (length <= BY_CODES_MAX_LENGTH && this.#ascii(value)) return;
    // The length comes first and is known last: room for as many bytes as it takes at most, if need be moved.
    const guess = varintBytes(length);
    const written = slab.write(value, this.#at + guess);
    const taken = varintBytes(written);
    if (taken !== guess) slab.copyWithin(this.#at + taken, this.#at + guess, this.#at + guess + written);
    this.#at = writeVarint(this.#at, written) + written;
  }

  /** `value` may be sent as it lies there: nobody changes it afterwards. */
  bytes(tag: number, value: Uint8Array): void {
    if (value.length > 0) this.message(tag, value);
  }

  /** A message within, as its bytes; empty ones count. As for `bytes`, nobody changes them afterwards. */
  message(tag: number, value: Uint8Array): void {
    this.begin(tag, value.length);
    if (value.length < APART_BYTES) {
      this.#reserve(value.length);
      slab.set(value, this.#at);
      this.#at += value.length;
      return;
    }
    (this.#pieces ??= []).push(this.#cut(), value);
  }

  /** A message within, of so many bytes: what is written next. See `textBytes` and `valueBytes`. */
  begin(tag: number, bytes: number): void {
    this.#reserve(LEAD_BYTES);
    slab[this.#at] = tag;
    this.#at = writeVarint(this.#at + 1, bytes);
  }

  /** One entry of a map of texts. */
  entry(tag: number, key: string, value: string): void {
    this.begin(tag, entryBytes(key, value));
    this.text(ENTRY_KEY, key);
    this.text(ENTRY_VALUE, value);
  }

  /** All that was written. Last of all. */
  finish(): Message {
    if (this.#pieces === undefined) return this.#cut();
    if (this.#at > this.#start) this.#pieces.push(this.#cut());
    return this.#pieces;
  }

  /** What lies in the slab becomes a piece. */
  #cut(): Uint8Array {
    const piece = new Uint8Array(slab.buffer, this.#start, this.#at - this.#start);
    this.#start = slabUsed = this.#at;
    return piece;
  }

  /** Makes room for so many bytes in a row. */
  #reserve(bytes: number): void {
    if (this.#at + bytes <= SLAB_BYTES) return;
    if (this.#at > this.#start) (this.#pieces ??= []).push(this.#cut());
    this.#start = this.#at = slabUsed = 0;
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  }

  /** Writes length and text if the text is ASCII; else nothing that counts. */
  #ascii(value: string): boolean {
    const { length } = value;
    const at = this.#at + 1;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return false;
      slab[at + i] = code;
    }
    slab[at - 1] = length;
    this.#at = at + length;
    return true;
  }
}

const ENTRY_KEY = 0x0a;
const ENTRY_VALUE = 0x12;

/** What a text takes as a field; nothing if it is empty. */
export function textBytes(value: string): number {
  return value.length === 0 ? 0 : lengthDelimited(utf8Bytes(value));
}

/** The same for bytes. */
export function valueBytes(value: Uint8Array): number {
  return value.length === 0 ? 0 : lengthDelimited(value.length);
}

/** What an entry of a map of texts takes within. */
export function entryBytes(key: string, value: string): number {
  return textBytes(key) + textBytes(value);
}

/** What a field takes whose value has so many bytes. */
export function lengthDelimited(bytes: number): number {
  return 1 + varintBytes(bytes) + bytes;
}

function utf8Bytes(value: string): number {
  const { length } = value;
  if (length > BY_CODES_MAX_LENGTH) return Buffer.byteLength(value);
  for (let i = 0; i < length; i++) if (value.charCodeAt(i) > 0x7f) return Buffer.byteLength(value);
  return length;
}

/** Returns where the next byte goes. */
function writeVarint(start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) slab[at++] = (rest & 0x7f) | 0x80;
  slab[at++] = rest;
  return at;
}

function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}
