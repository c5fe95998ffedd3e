// Reads protobuf messages field by field, for the messages that every call of an app is made of: no object between the bytes and
// the request, and nothing made for fields that are not there. What it accepts, and how it says no, is what the generated
// decoders accept and say over a CopyingReader.
import { copyOf, readText } from './borrowed.ts';

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const START_GROUP = 3;
const END_GROUP = 4;
const FIXED32 = 5;
/** Groups within groups that are skipped. */
const MAX_GROUPS = 100;
const LONGEST_VARINT = 10;
/** No field has this number. */
const ANY = 0;

/** Field number and wire type as they stand before a value: field numbers up to 15 take one byte. */
export const bytesTag = (field: number): number => (field << 3) | LENGTH_DELIMITED;
export const varintTag = (field: number): number => (field << 3) | VARINT;

/**
 * Reads out of memory that is only borrowed until the caller returns; what it hands out lives on its own. Use:
 *
 *   for (let tag = reader.next(); tag !== 0; tag = reader.next()) {
 *     if (tag === KEY) key = reader.text();
 *     else reader.skip(tag);
 *   }
 */
export class MessageReader {
  readonly #body: Uint8Array;
  #at = 0;
  /** Where the message ends that is being read, which may be within another one. */
  #end: number;

  constructor(body: Uint8Array) {
    this.#body = body;
    this.#end = body.length;
  }

  /** The next field's tag; 0: the message is over. @throws RangeError if the message does not end where its length says */
  next(): number {
    if (this.#at < this.#end) {
      const tag = this.#varint();
      if ((tag & 7) !== END_GROUP && tag !== 0) return tag;
    }
    if (this.#at !== this.#end) throw new RangeError('message does not end where its length says');
    return 0;
  }

  /** @throws RangeError if the length leads out of the bytes, TypeError if they are not UTF-8 */
  text(): string {
    const length = this.#varint();
    const start = this.#advance(length);
    return readText(this.#body, start, start + length);
  }

  /** A copy, see `copyOf`. @throws RangeError if the length leads out of the bytes */
  bytes(): Uint8Array {
    const length = this.#varint();
    const start = this.#advance(length);
    return copyOf(this.#body, start, start + length);
  }

  int32(): number {
    return this.#varint() | 0;
  }

  /** A message begins: `next` is about it from now on. Give what this returns to `leave` when `next` has said 0. */
  enter(): number {
    const outer = this.#end;
    const length = this.#varint();
    this.#end = this.#at + length;
    return outer;
  }

  /** The message that `enter` began is over. */
  leave(outer: number): void {
    this.#end = outer;
  }

  /** One entry of a map of texts, added to `entries`: of two with the same key the later one counts. */
  entry(entries: Map<string, string> | undefined): Map<string, string> {
    let key = '';
    let value = '';
    const outer = this.enter();
    for (let tag = this.next(); tag !== 0; tag = this.next()) {
      if (tag === ENTRY_KEY) key = this.text();
      else if (tag === ENTRY_VALUE) value = this.text();
      else this.skip(tag);
    }
    this.leave(outer);
    return (entries ?? new Map<string, string>()).set(key, value);
  }

  /** Passes over a field that nobody knows, or one of a wire type that its field has not. */
  skip(tag: number): void {
    this.#skip(tag & 7, ANY, MAX_GROUPS);
  }

  /** @param group the number that a group must end with, if it is one. */
  #skip(wireType: number, group: number, groupsLeft: number): void {
    switch (wireType) {
      case VARINT:
        while (((this.#body[this.#at++] ?? 0) & 0x80) !== 0); // of any length, as long as it ends
        break;
      case FIXED64:
        this.#at += 8;
        break;
      case FIXED32:
        this.#at += 4;
        break;
      case LENGTH_DELIMITED: {
        const length = this.#varint();
        this.#at += length;
        break;
      }
      case START_GROUP:
        if (groupsLeft === 0) throw new Error('maximum recursion depth reached');
        this.#skipGroup(group, groupsLeft);
        break;
      default:
        throw new Error(`cant skip wire type ${wireType}`);
    }
    if (this.#at > this.#body.length) throw new RangeError('premature EOF');
  }

  #skipGroup(group: number, groupsLeft: number): void {
    for (;;) {
      const start = this.#at;
      const tag = this.#varint();
      const bytes = this.#at - start;
      if (bytes > 5 || (bytes === 5 && (this.#body[this.#at - 1] as number) > 0x0f)) throw new Error('illegal tag: varint overflows uint32');
      const [field, wireType] = [tag >>> 3, tag & 7];
      if (field === 0 || wireType > FIXED32) throw new Error(`illegal tag: field no ${field} wire type ${wireType}`);
      if (wireType !== END_GROUP) this.#skip(wireType, field, groupsLeft - 1);
      else if (group === ANY || field === group) return;
      else throw new Error('invalid end group tag');
    }
  }

  /** Moves behind so many bytes; returns where they start. */
  #advance(length: number): number {
    const start = this.#at;
    const end = start + length;
    if (end > this.#body.length) throw new RangeError('premature end of message');
    this.#at = end;
    return start;
  }

  /** 32 bits of it, unsigned; those above are dropped. */
  #varint(): number {
    const body = this.#body;
    const first = body[this.#at];
    if (first !== undefined && first < 0x80) {
      this.#at++;
      return first;
    }
    return this.#longVarint();
  }

  #longVarint(): number {
    const body = this.#body;
    let result = 0;
    for (let count = 0; count < LONGEST_VARINT; count++) {
      const byte = body[this.#at++];
      if (byte === undefined) throw new RangeError('premature EOF');
      if (count < 5) result |= (byte & 0x7f) << (7 * count);
      if (byte < 0x80) return result >>> 0;
    }
    throw new Error('invalid varint');
  }
}

const ENTRY_KEY = bytesTag(1);
const ENTRY_VALUE = bytesTag(2);
