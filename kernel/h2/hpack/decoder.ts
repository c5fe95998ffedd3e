// Header blocks in: RFC 7541 section 6, with a bound on what a list of fields may take.
import { DynamicTable, ENTRY_OVERHEAD, INITIAL_TABLE_BYTES } from './dynamic-table.ts';
import { HpackError } from './errors.ts';
import { readInteger, type Cursor } from './integers.ts';
import { STATIC_COUNT, STATIC_NAMES, STATIC_VALUES } from './static-table.ts';
import { readString } from './strings.ts';

/** The first bits of a field say how it is told; each representation has a mask for the integer in the rest of its byte. */
const INDEXED = 0x80;
const INDEXED_MASK = 0x7f;
const ADDED = 0x40;
const ADDED_MASK = 0x3f;
const SIZE_UPDATE = 0x20;
const SIZE_UPDATE_MASK = 0x1f;
/** Not added, or never to be: it's the same to an endpoint. */
const LITERAL_MASK = 0x0f;

/** The lowest size in between and the last one: no peer has more to say before a block (section 4.2). */
const MAX_SIZE_UPDATES = 2;
const NO_BYTES = new Uint8Array(0);

export interface DecoderOptions {
  /** What our SETTINGS_HEADER_TABLE_SIZE says, not less than its initial value. */
  readonly maxTableBytes: number;
  /** How large a list may be, as SETTINGS_MAX_HEADER_LIST_SIZE counts: name, value and 32 for each field (RFC 9113 section 6.5.2). */
  readonly maxListBytes: number;
}

export interface DecodedBlock {
  /** Name, value, name, value ... in their order; Latin-1. */
  readonly fields: string[];
  /** The list is larger than `maxListBytes`: `fields` ends before the field that was too much. */
  readonly tooLarge: boolean;
}

/** Decodes the header blocks of one connection, in the order in which they came: every one of them, wanted or not. */
export class HpackDecoder {
  readonly #maxTableBytes: number;
  readonly #maxListBytes: number;
  readonly #table = new DynamicTable();
  readonly #cursor: Cursor = { block: NO_BYTES, at: 0, end: 0 };
  #tableVersion = 0;
  #fields: string[] = [];
  /** What the list takes, also beyond the limit. */
  #listBytes = 0;

  /**
   * @throws RangeError for a table smaller than 4096 bytes: such a limit holds from the acknowledgement of our SETTINGS on, not
   * from the start, and there is nothing to be gained by it
   */
  constructor(options: DecoderOptions) {
    if (!(options.maxTableBytes >= INITIAL_TABLE_BYTES)) throw new RangeError(`a header table of ${options.maxTableBytes} bytes: must be ${INITIAL_TABLE_BYTES} or more`);
    this.#maxTableBytes = options.maxTableBytes;
    this.#maxListBytes = options.maxListBytes;
  }

  /** Another number whenever the table's entries or its size change: the bytes of a block may mean something else from then on. */
  get tableVersion(): number {
    return this.#tableVersion;
  }

  /** Bytes that the dynamic table takes, never more than `maxTableBytes`. */
  get tableBytes(): number {
    return this.#table.bytes;
  }

  /**
   * Decodes one whole header block. Of a list that is too large no more strings are made than the table needs.
   * @throws HpackError if that is no header block; the connection can't go on
   */
  decode(block: Uint8Array, start: number, end: number): DecodedBlock {
    const cursor = this.#cursor;
    cursor.block = block;
    cursor.at = start;
    cursor.end = end;
    this.#fields = [];
    this.#listBytes = 0;
    try {
      if (start < end && (block[start]! & 0xe0) === SIZE_UPDATE) this.#readSizeUpdates();
      while (cursor.at < end) {
        const first = block[cursor.at]!;
        if (first >= INDEXED) this.#readIndexed();
        else if (first >= ADDED) this.#readLiteral(ADDED_MASK, true);
        else if (first < SIZE_UPDATE) this.#readLiteral(LITERAL_MASK, false);
        else throw new HpackError('a table size update that is not at the beginning of a header block');
      }
      return { fields: this.#fields, tooLarge: this.#listBytes > this.#maxListBytes };
    } finally {
      cursor.block = NO_BYTES; // it is only borrowed
      this.#fields = [];
    }
  }

  #readSizeUpdates(): void {
    const { block, end } = this.#cursor;
    for (let count = 1; this.#cursor.at < end && (block[this.#cursor.at]! & 0xe0) === SIZE_UPDATE; count++) {
      if (count > MAX_SIZE_UPDATES) throw new HpackError(`more than ${MAX_SIZE_UPDATES} table size updates at the beginning of a header block`);
      const bytes = readInteger(this.#cursor, SIZE_UPDATE_MASK);
      if (bytes > this.#maxTableBytes) throw new HpackError(`a table size update to ${bytes} bytes where our limit is ${this.#maxTableBytes}`);
      this.#table.resize(bytes);
      this.#tableVersion += 1;
    }
  }

  #readIndexed(): void {
    const index = readInteger(this.#cursor, INDEXED_MASK);
    if (index === 0) throw new HpackError('an indexed field of index 0');
    if (index <= STATIC_COUNT) return this.#take(STATIC_NAMES[index]!, STATIC_VALUES[index]!);
    const age = this.#age(index);
    this.#take(this.#table.name(age), this.#table.value(age));
  }

  #readLiteral(mask: number, isAdded: boolean): void {
    const cursor = this.#cursor;
    const index = readInteger(cursor, mask);
    // Strings are made up to here: what either the list or the table has a use for.
    const listRoom = this.#maxListBytes - this.#listBytes - ENTRY_OVERHEAD;
    const tableRoom = isAdded ? this.#table.maxBytes - ENTRY_OVERHEAD : -1;
    const room = Math.max(listRoom, tableRoom);
    const name = index === 0 ? readString(cursor, room) : this.#nameAt(index);
    const nameLength = typeof name === 'string' ? name.length : name;
    const value = readString(cursor, room - nameLength);
    const isMade = typeof name === 'string' && typeof value === 'string';
    if (isAdded) {
      this.#tableVersion += 1;
      if (isMade) this.#table.add(name, value);
      else this.#table.clear(); // larger than the table
    }
    if (isMade) this.#take(name, value);
    else this.#listBytes += nameLength + (typeof value === 'string' ? value.length : value) + ENTRY_OVERHEAD;
  }

  #nameAt(index: number): string {
    return index <= STATIC_COUNT ? STATIC_NAMES[index]! : this.#table.name(this.#age(index));
  }

  #age(index: number): number {
    const age = index - STATIC_COUNT - 1;
    if (age >= this.#table.count) throw new HpackError(`a field of index ${index} where the last one is ${STATIC_COUNT + this.#table.count}`);
    return age;
  }

  /** Counts the field; keeps it while the list is within its limit. Once beyond it stays beyond. */
  #take(name: string, value: string): void {
    this.#listBytes += name.length + value.length + ENTRY_OVERHEAD;
    if (this.#listBytes <= this.#maxListBytes) this.#fields.push(name, value);
  }
}
