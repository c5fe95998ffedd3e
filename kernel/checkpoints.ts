// What a block wants its next life to know: small texts by name, kept here because this side outlives it. Bounded in all a
// block controls.
import { CHECKPOINT_LIMITS } from '../proto/control.ts';

export class Checkpoints {
  readonly #values = new Map<string, string>();
  #size = 0;

  get size(): number {
    return this.#values.size;
  }

  /** All there are, in the order in which they were first kept. */
  list(): readonly (readonly [name: string, value: string])[] {
    return [...this.#values];
  }

  /** Keeps a value in place of the former one. False, and the former one stays: there is no room. */
  set(name: string, value: string): boolean {
    const former = this.#values.get(name);
    const grown = former === undefined ? name.length + value.length : value.length - former.length;
    if (former === undefined && this.#values.size >= CHECKPOINT_LIMITS.count) return false;
    if (this.#size + grown > CHECKPOINT_LIMITS.totalLength) return false;
    this.#size += grown;
    this.#values.set(name, value);
    return true;
  }

  delete(name: string): void {
    const value = this.#values.get(name);
    if (value === undefined) return;
    this.#values.delete(name);
    this.#size -= name.length + value.length;
  }
}
