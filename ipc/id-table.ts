// A map from call ids to whatever belongs to the call, made for what calls do: ids count up, each lives for microseconds,
// and few live at once. A Map makes a new table every few dozen of such calls and each old one keeps its successor alive
// until a full collection: run the kernel with --trace-gc under load, with a Map here, to see young garbage survive.

const SMALLEST = 64;

export class IdTable<Value> {
  /** 0 marks a free slot: no call has that id. */
  #ids = new Uint32Array(SMALLEST);
  #values: (Value | undefined)[] = new Array<Value | undefined>(SMALLEST).fill(undefined);
  #mask = SMALLEST - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): Value | undefined {
    const at = this.#find(id);
    return at < 0 ? undefined : this.#values[at];
  }

  has(id: number): boolean {
    return this.#find(id) >= 0;
  }

  /** @param id not 0, and not in the table. */
  add(id: number, value: Value): void {
    if (this.#size * 2 > this.#mask) this.#grow();
    let at = this.#home(id);
    while (this.#ids[at] !== 0) at = (at + 1) & this.#mask;
    this.#ids[at] = id;
    this.#values[at] = value;
    this.#size++;
  }

  /** What the id stood for. */
  take(id: number): Value | undefined {
    let hole = this.#find(id);
    if (hole < 0) return undefined;
    const value = this.#values[hole];
    const ids = this.#ids;
    // Linear probing without tombstones: what stands behind the hole moves up, unless that would put it before its home.
    for (let at = (hole + 1) & this.#mask; ids[at] !== 0; at = (at + 1) & this.#mask) {
      const home = this.#home(ids[at] as number);
      if (((at - home) & this.#mask) < ((at - hole) & this.#mask)) continue;
      ids[hole] = ids[at] as number;
      this.#values[hole] = this.#values[at];
      hole = at;
    }
    ids[hole] = 0;
    this.#values[hole] = undefined;
    this.#size--;
    return value;
  }

  /** All of them, in no order. */
  entries(): [id: number, value: Value][] {
    const found: [number, Value][] = [];
    for (let at = 0; at <= this.#mask; at++) if (this.#ids[at] !== 0) found.push([this.#ids[at] as number, this.#values[at] as Value]);
    return found;
  }

  clear(): void {
    this.#ids = new Uint32Array(SMALLEST);
    this.#values = new Array<Value | undefined>(SMALLEST).fill(undefined);
    this.#mask = SMALLEST - 1;
    this.#size = 0;
  }

  /** One side's ids are all odd or all even: the lowest bit says nothing. */
  #home(id: number): number {
    return (id >>> 1) & this.#mask;
  }

  #find(id: number): number {
    const ids = this.#ids;
    let at = this.#home(id);
    for (let held = ids[at]; held !== 0; at = (at + 1) & this.#mask, held = ids[at]) if (held === id) return at;
    return -1;
  }

  #grow(): void {
    const before = this.entries();
    this.#mask = this.#mask * 2 + 1;
    this.#ids = new Uint32Array(this.#mask + 1);
    this.#values = new Array<Value | undefined>(this.#mask + 1).fill(undefined);
    this.#size = 0;
    for (const [id, value] of before) this.add(id, value);
  }
}
