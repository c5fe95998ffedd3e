// The books of a load: what was acknowledged, and what must therefore be there in the end. Kept by whoever makes the calls.

export interface Lost {
  readonly what: string;
  /** When it was acknowledged, on the campaign's clock. */
  readonly atMs: number;
}

/** Writes to one store. A key is written again and again, each time with a larger number. */
export class Writes {
  readonly #keys = new Map<string, { acknowledged: number; atMs: number; readonly unknown: Set<number>; readonly open: Set<number> }>();
  #next = 0;
  acknowledged = 0;

  /** @param keys so many are in use: a key is not written again before long */
  next(keys: number): { readonly key: string; readonly value: number } {
    const value = ++this.#next;
    return { key: `k${value % keys}`, value };
  }

  /** A write was acknowledged. */
  done(key: string, value: number, atMs: number): void {
    this.acknowledged++;
    const entry = this.#entry(key);
    if (value <= entry.acknowledged) return;
    entry.acknowledged = value;
    entry.atMs = atMs;
  }

  /** It failed: nobody knows whether it happened. @param isOpen it was given up without an answer, and may still happen, at any time */
  unknown(key: string, value: number, isOpen: boolean): void {
    const { unknown, open } = this.#entry(key);
    (isOpen ? open : unknown).add(value);
  }

  /** The largest number that was acknowledged for a key; 0: none. */
  floor(key: string): number {
    return this.#keys.get(key)?.acknowledged ?? 0;
  }

  /** Whether a read may not have found this. @param floor what was acknowledged before the read began */
  isStale(key: string, found: number, floor: number): boolean {
    return found < floor && !this.#entry(key).open.has(found);
  }

  get keys(): readonly string[] {
    return [...this.#keys.keys()];
  }

  /** Why what was found can't be, if it can't. @param found 0: nothing */
  fault(key: string, found: number): Lost | undefined {
    const { acknowledged, atMs, unknown, open } = this.#entry(key);
    if (found === acknowledged || (found > acknowledged && unknown.has(found)) || open.has(found)) return undefined;
    return { what: `${key} is ${found} where ${acknowledged} was acknowledged`, atMs };
  }

  #entry(key: string): { acknowledged: number; atMs: number; readonly unknown: Set<number>; readonly open: Set<number> } {
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    const entry = { acknowledged: 0, atMs: 0, unknown: new Set<number>(), open: new Set<number>() };
    this.#keys.set(key, entry);
    return entry;
  }
}

/** Numbers that must grow from call to call, of one resource: fencing tokens. Who asks for one resource asks again when it has an answer. */
export class Growing {
  readonly #last = new Map<string, bigint>();
  readonly faults: Lost[] = [];

  note(resource: string, token: bigint, atMs: number): void {
    const last = this.#last.get(resource);
    if (last !== undefined && token <= last) this.faults.push({ what: `token ${token} of ${resource} after ${last}`, atMs });
    this.#last.set(resource, token);
  }
}

/** Numbers that nobody may get twice. */
export class Unique {
  readonly #seen = new Set<bigint>();
  readonly faults: Lost[] = [];

  get size(): number {
    return this.#seen.size;
  }

  note(id: bigint, atMs: number): void {
    if (this.#seen.has(id)) this.faults.push({ what: `id ${id} came again`, atMs });
    this.#seen.add(id);
  }
}
