// sequencer.in-memory: a counter for each key, for development. Counters outlive the block, because each is left to the next
// life before its ids are given out; they end with the sidecar.
import type { Checkpoints } from '../checkpoints.ts';
import type { DriverContext } from '../components.ts';
import type { ComponentSpec } from '../driver.ts';
import { readMetadata } from '../metadata.ts';
import { SEQUENCER_FIELDS } from './fields.ts';
import { LAST_ID, SequenceExhausted, type SequenceStore } from './store.ts';

/** Counters, and the UTF-16 units of all their keys. What the kernel keeps for the block has room for 16 such components. */
export const MEMORY_LIMITS = { keys: 4_000, keysLength: 900_000 } as const;

/** In front of a key in the name of its checkpoint, so that no key is called as the floor is. */
const COUNTER = '=';
const FLOOR = 'floor';

export function openMemoryStore(spec: ComponentSpec, context: DriverContext): SequenceStore {
  readMetadata(spec, SEQUENCER_FIELDS, context.log);
  return new MemoryStore(context.checkpoints);
}

class MemoryStore implements SequenceStore {
  readonly features: readonly string[] = [];
  readonly #checkpoints: Checkpoints;
  /** The last id of each key, the key that was used longest ago first. */
  readonly #lasts = new Map<string, bigint>();
  #keysLength = 0;
  /** Every key that has no counter begins above this: one of those that were given up may be among them. */
  #floor = 0n;

  constructor(checkpoints: Checkpoints) {
    this.#checkpoints = checkpoints;
    checkpoints.inherit((found) => {
      for (const [name, value] of found) {
        if (name === FLOOR) this.#raise(BigInt(value));
        else this.#set(name.slice(COUNTER.length), BigInt(value));
      }
    });
  }

  /** All there is was left when it was acknowledged. */
  handOver(): void {}

  take(key: string, count: number): bigint {
    const before = this.#lasts.get(key) ?? this.#floor;
    const last = before + BigInt(count);
    if (last > LAST_ID) throw new SequenceExhausted(count);
    this.#set(key, last);
    this.#checkpoints.set(COUNTER + key, String(last));
    return before + 1n;
  }

  last(key: string): bigint {
    return this.#lasts.get(key) ?? this.#floor;
  }

  close(): void {
    this.#lasts.clear();
  }

  #set(key: string, last: bigint): void {
    if (this.#lasts.delete(key)) this.#keysLength -= key.length;
    while (this.#lasts.size >= MEMORY_LIMITS.keys || (this.#lasts.size > 0 && this.#keysLength + key.length > MEMORY_LIMITS.keysLength)) this.#giveUp();
    this.#lasts.set(key, last);
    this.#keysLength += key.length;
  }

  /** Forgets the counter that was used longest ago; the floor makes sure that none of its ids comes again. */
  #giveUp(): void {
    const [oldest] = this.#lasts;
    if (oldest === undefined) return;
    const [key, last] = oldest;
    if (this.#raise(last)) this.#checkpoints.set(FLOOR, String(last));
    this.#checkpoints.delete(COUNTER + key);
    this.#lasts.delete(key);
    this.#keysLength -= key.length;
  }

  /** False: it is as high already. */
  #raise(floor: bigint): boolean {
    if (floor <= this.#floor) return false;
    this.#floor = floor;
    return true;
  }
}
