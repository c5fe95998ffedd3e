// The fields that one end of a connection has told the other to remember: RFC 7541 sections 2.3.2 and 4.

/** What an entry counts besides its strings: section 4.1. */
export const ENTRY_OVERHEAD = 32;
/** Both ends start with this size: RFC 9113 section 6.5.2. */
export const INITIAL_TABLE_BYTES = 4096;

const FIRST_SLOTS = 8;

/** A ring of entries, the newest first to be counted. It takes as many slots as it ever had entries, rounded up: few, mostly. */
export class DynamicTable {
  #names: string[] = emptySlots(FIRST_SLOTS);
  #values: string[] = emptySlots(FIRST_SLOTS);
  /** The slot of the next entry. A power of two less one is their number's mask. */
  #next = 0;
  #mask = FIRST_SLOTS - 1;
  #count = 0;
  #bytes = 0;
  #maxBytes: number;

  constructor(maxBytes = INITIAL_TABLE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** How many entries there are. */
  get count(): number {
    return this.#count;
  }

  /** What the entries take, as section 4.1 counts. */
  get bytes(): number {
    return this.#bytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** @param age less than `count`; 0 is the newest entry */
  name(age: number): string {
    return this.#names[(this.#next - 1 - age) & this.#mask]!;
  }

  value(age: number): string {
    return this.#values[(this.#next - 1 - age) & this.#mask]!;
  }

  /** Makes room and adds the entry. One that is larger than the table leaves it empty, which is no error: section 4.4. */
  add(name: string, value: string): void {
    const size = name.length + value.length + ENTRY_OVERHEAD;
    this.#shrinkTo(this.#maxBytes - size);
    if (size > this.#maxBytes) return;
    if (this.#count > this.#mask) this.#grow();
    this.#names[this.#next] = name;
    this.#values[this.#next] = value;
    this.#next = (this.#next + 1) & this.#mask;
    this.#count += 1;
    this.#bytes += size;
  }

  clear(): void {
    this.#shrinkTo(0);
  }

  /** Sets the size and evicts what is too much: section 4.3. */
  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#shrinkTo(maxBytes);
  }

  /** Evicts the oldest entries until the others take this much, or there are none. */
  #shrinkTo(bytes: number): void {
    while (this.#bytes > bytes && this.#count > 0) {
      const oldest = (this.#next - this.#count) & this.#mask;
      this.#bytes -= this.#names[oldest]!.length + this.#values[oldest]!.length + ENTRY_OVERHEAD;
      this.#count -= 1;
      this.#names[oldest] = ''; // the strings may go
      this.#values[oldest] = '';
    }
  }

  /** Twice the slots, the oldest entry in the first. Called when all are taken. */
  #grow(): void {
    const slots = this.#mask + 1;
    const names = emptySlots(2 * slots);
    const values = emptySlots(2 * slots);
    for (let i = 0; i < slots; i++) {
      const from = (this.#next + i) & this.#mask;
      names[i] = this.#names[from]!;
      values[i] = this.#values[from]!;
    }
    this.#names = names;
    this.#values = values;
    this.#next = slots;
    this.#mask = 2 * slots - 1;
  }
}

function emptySlots(count: number): string[] {
  return new Array<string>(count).fill('');
}
