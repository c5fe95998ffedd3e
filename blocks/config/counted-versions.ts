// Versions for items that were written without one: a number that grows with each change of the store, so that a key's
// version never goes backwards, also when it was gone for a while or the block has died in between.
import { createHash } from 'node:crypto';
import type { Checkpoints } from '../checkpoints.ts';
import type { WrittenItem, WrittenItems } from './file.ts';
import type { ConfigItem, Items } from './store.ts';

const CHECKPOINT = 'versions';

/** The highest number given, and of each key its number and what it was given for. */
interface Ledger {
  readonly latest: number;
  readonly keys: Readonly<Record<string, readonly [number: number, digest: string]>>;
}

export class CountedVersions {
  readonly #checkpoints: Checkpoints;
  #latest = 0;
  #keys = new Map<string, readonly [number: number, digest: string]>();

  constructor(checkpoints: Checkpoints) {
    this.#checkpoints = checkpoints;
    checkpoints.inherit((found) => {
      const text = found.get(CHECKPOINT);
      if (text === undefined) return;
      const { latest, keys } = JSON.parse(text) as Ledger; // by an earlier life of this very code
      this.#latest = latest;
      this.#keys = new Map(Object.entries(keys));
      this.onInherited();
    });
  }

  /** What was numbered before, by a life that was on standby, has other numbers now. */
  onInherited: () => void = () => {};

  /** The items as they are told: all that changed since the last call get one new number. */
  of(written: WrittenItems): Items {
    const next = this.#latest + 1;
    const keys = new Map<string, readonly [number: number, digest: string]>();
    const items = new Map<string, ConfigItem>();
    let changed = false;
    for (const [key, item] of written) {
      let version = item.version;
      if (version === undefined) {
        const digest = digestOf(item);
        const before = this.#keys.get(key);
        const known = before?.[1] === digest ? before : undefined;
        changed ||= known === undefined;
        const entry = known ?? ([next, digest] as const);
        keys.set(key, entry);
        version = String(entry[0]);
      }
      items.set(key, { value: item.value, version, metadata: item.metadata });
    }
    if (changed || keys.size !== this.#keys.size) {
      if (changed) this.#latest = next;
      this.#keys = keys;
      const ledger: Ledger = { latest: this.#latest, keys: Object.fromEntries(keys) };
      this.#checkpoints.set(CHECKPOINT, JSON.stringify(ledger));
    }
    return items;
  }
}

function digestOf({ value, metadata }: WrittenItem): string {
  return createHash('sha256').update(JSON.stringify([value, metadata])).digest('base64').slice(0, 16);
}
