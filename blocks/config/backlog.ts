// Changes that a subscriber has not been told yet, in order. There is a bound to it: beyond, only what a key is now is kept,
// and what it was in between is skipped.
import type { KnownItem } from './known-item.ts';

/** Changes that are kept one by one. */
const MAX_CHANGES = 1_000;

/** How much is taken at a time. */
export interface Portion {
  /** Items of one step. */
  readonly items: number;
  /** Items that were merged, and so belong to no step. */
  readonly merged: number;
  /** All of them together, as `size` measures them; one item is taken whatever its size. */
  readonly size: number;
  readonly sizeOf: (item: KnownItem) => number;
}

export class Backlog {
  /** What changed together is told together. */
  #steps: (readonly KnownItem[])[] = [];
  /** Changes in them. */
  #count = 0;
  /** Newer than all steps: what each key is now. In the order of their last change. */
  readonly #merged = new Map<string, KnownItem>();
  #merging = false;

  /** False: from now on only what each key is now is kept. */
  add(step: readonly KnownItem[]): boolean {
    const overflows = !this.#merging && this.#count > 0 && this.#count + step.length > MAX_CHANGES;
    if (overflows) this.#merging = true;
    if (this.#merging) {
      this.#merge(step);
    } else {
      this.#steps.push(step);
      this.#count += step.length;
    }
    return !overflows;
  }

  /** Nothing can be told for now: keeps only what each key is now. @param untold were taken, and come back: older than all else */
  merge(untold: readonly KnownItem[] = []): void {
    if (untold.length === 0 && this.#steps.length === 0) return;
    const newest = [...untold, ...this.#steps.flat(), ...this.#merged.values()];
    this.#steps = [];
    this.#count = 0;
    this.#merged.clear();
    this.#merge(newest);
    this.#merging = true;
  }

  /** What is to be told next. Undefined: nothing. */
  take(portion: Portion): readonly KnownItem[] | undefined {
    const [step] = this.#steps;
    if (step !== undefined) {
      const taken = fitting(step, portion.items, portion);
      this.#count -= taken.length;
      if (taken.length === step.length) this.#steps.shift();
      else this.#steps[0] = step.slice(taken.length);
      return taken;
    }
    const taken = fitting(this.#merged.values(), portion.merged, portion);
    for (const { key } of taken) this.#merged.delete(key);
    if (this.#merged.size === 0) this.#merging = false;
    return taken.length === 0 ? undefined : taken;
  }

  #merge(items: readonly KnownItem[]): void {
    for (const item of items) {
      this.#merged.delete(item.key); // to the end
      this.#merged.set(item.key, item);
    }
  }
}

function fitting(items: Iterable<KnownItem>, max: number, { size, sizeOf }: Portion): KnownItem[] {
  const taken: KnownItem[] = [];
  let left = size;
  for (const item of items) {
    left -= sizeOf(item);
    if (taken.length === max || (left < 0 && taken.length > 0)) break;
    taken.push(item);
  }
  return taken;
}
