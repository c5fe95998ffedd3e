// Header blocks out: RFC 7541 section 6. What is added to the table is for kernel/h2/hpack/indexing.ts to say.
import { DynamicTable, INITIAL_TABLE_BYTES } from './dynamic-table.ts';
import { indexResponses, type Indexing, type IndexingPolicy } from './indexing.ts';
import { MAX_INTEGER_BYTES, writeInteger } from './integers.ts';
import { STATIC_COUNT, STATIC_INDEX, STATIC_NAMES, STATIC_VALUES } from './static-table.ts';
import { writeString } from './strings.ts';

/** How each kind of literal begins: the mask of its name's index, and its pattern. */
const LITERALS: Readonly<Record<Indexing, { readonly mask: number; readonly pattern: number }>> = {
  add: { mask: 0x3f, pattern: 0x40 },
  leave: { mask: 0x0f, pattern: 0 },
  never: { mask: 0x0f, pattern: 0x10 },
};
/** We never use a larger table, however much the peer offers. */
const MOST_TABLE_BYTES = INITIAL_TABLE_BYTES;
const NOT_LATIN1 = /[^\0-\xff]/;

/** Encodes the header blocks of one connection, in the order in which they are sent. */
export class HpackEncoder {
  readonly #table = new DynamicTable();
  readonly #indexing: IndexingPolicy;
  /** What the peer allows now, and the least that it has set since the last block. */
  #allowed = INITIAL_TABLE_BYTES;
  #leastSet = Infinity;
  #version = 0;

  /** @param maxTableBytes as `setMaxTableBytes` takes it */
  constructor(maxTableBytes = INITIAL_TABLE_BYTES, indexing: IndexingPolicy = indexResponses) {
    this.#indexing = indexing;
    this.setMaxTableBytes(maxTableBytes);
  }

  /**
   * Another number whenever the same fields would become other bytes than before. Bytes may be sent again while it is what it
   * was both before and after they were encoded: a block that added to the table must not be repeated.
   */
  get version(): number {
    return this.#version;
  }

  /** Bytes that the dynamic table takes, never more than 4096. */
  get tableBytes(): number {
    return this.#table.bytes;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE, in bytes. Where that changes our table, the next block says so first (section 4.2). */
  setMaxTableBytes(bytes: number): void {
    const allowed = Math.min(bytes, MOST_TABLE_BYTES);
    if (allowed === this.#allowed) return;
    this.#allowed = allowed;
    this.#leastSet = Math.min(allowed, this.#leastSet);
    this.#version += 1;
  }

  /**
   * Writes a header block at `at` and returns the position behind it.
   * @param fields name, value, name, value ... in Latin-1, the names in lower case (RFC 9113 section 8.2)
   * @param out has room for `worstCase(fields)`
   * @throws RangeError for a character that is not Latin-1; nothing has changed then
   */
  encode(fields: readonly string[], out: Uint8Array, at: number): number {
    for (const text of fields) {
      if (NOT_LATIN1.test(text)) throw new RangeError('a header field with a character beyond U+00FF');
    }
    if (this.#leastSet !== Infinity) at = this.#writeSizeUpdates(out, at);
    for (let i = 0; i + 1 < fields.length; i += 2) at = this.#writeField(fields[i]!, fields[i + 1]!, out, at);
    return at;
  }

  /** Enough bytes for any way of encoding the fields. */
  static worstCase(fields: readonly string[]): number {
    let bytes = 2 * MAX_INTEGER_BYTES; // size updates
    for (const text of fields) bytes += 2 * MAX_INTEGER_BYTES + text.length;
    return bytes;
  }

  /** The lowest size that was set since the last block, if it took entries away and doesn't last, then the one that does. */
  #writeSizeUpdates(out: Uint8Array, at: number): number {
    if (this.#leastSet < Math.min(this.#allowed, this.#table.maxBytes)) at = this.#writeSizeUpdate(this.#leastSet, out, at);
    if (this.#allowed !== this.#table.maxBytes) at = this.#writeSizeUpdate(this.#allowed, out, at);
    this.#leastSet = Infinity;
    this.#version += 1;
    return at;
  }

  #writeSizeUpdate(bytes: number, out: Uint8Array, at: number): number {
    this.#table.resize(bytes);
    return writeInteger(bytes, 0x1f, 0x20, out, at);
  }

  #writeField(name: string, value: string, out: Uint8Array, at: number): number {
    const table = this.#table;
    const first = STATIC_INDEX.get(name) ?? 0;
    for (let index = first; index !== 0 && index <= STATIC_COUNT && STATIC_NAMES[index] === name; index++) {
      if (STATIC_VALUES[index] === value) return writeInteger(index, 0x7f, 0x80, out, at);
    }
    let nameIndex = first;
    for (let age = 0; age < table.count; age++) {
      if (table.name(age) !== name) continue;
      const index = STATIC_COUNT + 1 + age;
      if (table.value(age) === value) return writeInteger(index, 0x7f, 0x80, out, at);
      if (nameIndex === 0) nameIndex = index;
    }
    const indexing = this.#indexing(name, value, table.maxBytes - table.bytes);
    const { mask, pattern } = LITERALS[indexing];
    at = writeInteger(nameIndex, mask, pattern, out, at);
    if (nameIndex === 0) at = writeString(name, out, at);
    at = writeString(value, out, at);
    if (indexing === 'add') {
      table.add(name, value);
      this.#version += 1;
    }
    return at;
  }
}
