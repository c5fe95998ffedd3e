// state.in-memory: a map. Every answer is ready at once, and a get allocates nothing. Its data goes from life to life where one
// is replaced in order, and is gone with a life that dies.
import { randomUUID } from 'node:crypto';
import type { Checkpoints } from '../checkpoints.ts';
import type { DriverContext } from '../components.ts';
import type { ComponentSpec } from '../driver.ts';
import { parseGoInteger } from '../go-integer.ts';
import { handedItems, handItems, type Item as HandedItem } from '../handing.ts';
import { readMetadata } from '../metadata.ts';
import { Expiries } from './expiries.ts';
import { STATE_FIELDS } from './fields.ts';
import { EtagMismatch, type Item, type Operation, type Read, type Removal, type StateStore, type StringMap, type Write } from './store.ts';

/** Year 9999: what RFC 3339 can say, and longer than any process lives. Milliseconds since the epoch. */
const LATEST_MS = 253_402_300_799_000;

interface Entry {
  /** What `get` answers; made once, at the write. */
  readonly item: Item;
  /** Milliseconds since the epoch; undefined: never. */
  readonly expiresMs: number | undefined;
}

export function openMemoryStore(spec: ComponentSpec, context: DriverContext): StateStore {
  readMetadata(spec, STATE_FIELDS, context.log);
  return new MemoryStore(context.checkpoints);
}

/** An entry on its way to the next life; times are the system's, which both have. */
type Packed = readonly [key: string, etag: string, expiresMs: number | undefined];

const ENTRIES = 'entries';
/** Of an entry, beside its key and data, about. */
const ENTRY_BYTES = 64;
/** Smaller values stay where they were handed over: a copy would cost more than the memory that they keep with them. */
const COPIED_BYTES = 512;

class MemoryStore implements StateStore {
  readonly features = ['ETAG', 'TRANSACTIONAL', 'TTL', 'DELETE_WITH_PREFIX', 'KEYS_LIKE'];
  readonly #entries = new Map<string, Entry>();
  readonly #expiries = new Expiries((key) => this.#entries.delete(key));
  readonly #checkpoints: Checkpoints;

  constructor(checkpoints: Checkpoints) {
    this.#checkpoints = checkpoints;
    checkpoints.inherit((_found, handed) => {
      for (const [[key, etag, expiresMs], data] of handedItems<Packed>(handed.get(ENTRIES))) {
        this.#keep(key, data === undefined || data.length < COPIED_BYTES ? data : owned(data), etag, expiresMs);
      }
    });
  }

  get({ key }: Read): Item | undefined {
    return this.#live(key)?.item;
  }

  getMany(reads: readonly Read[]): (Item | undefined)[] {
    return reads.map((read) => this.get(read));
  }

  set(write: Write): void {
    const ttlSeconds = readTtl(write.metadata);
    this.#check(write);
    this.#put(write, ttlSeconds);
  }

  delete(removal: Removal): void {
    this.#check(removal);
    this.#drop(removal.key);
  }

  /** Atomic: nothing is changed before every TTL is read and every etag compared, and nothing fails after that. */
  transact(operations: readonly Operation[]): void {
    const ttls = operations.map((operation) => (operation.kind === 'upsert' ? readTtl(operation.metadata) : 0));
    for (const operation of operations) this.#check(operation);
    operations.forEach((operation, index) => {
      if (operation.kind === 'upsert') this.#put(operation, ttls[index] ?? 0);
      else this.#drop(operation.key);
    });
  }

  ping(): void {}

  handOver(): void {
    handItems(this.#checkpoints, ENTRIES, this.#packed(), ([key]) => ENTRY_BYTES + 2 * key.length);
  }

  close(): void {
    this.#expiries.close();
    this.#entries.clear();
  }

  #live(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry?.expiresMs === undefined || Date.now() <= entry.expiresMs) return entry;
    this.#drop(key);
    return undefined;
  }

  #check({ key, etag, concurrency }: Operation): void {
    if (etag !== undefined && etag !== '') {
      const entry = this.#live(key);
      if (entry === undefined) throw new EtagMismatch(`state not exist or expired for key=${key}`);
      if (entry.item.etag !== etag) throw new EtagMismatch(`state etag not match for key=${key}: current=${entry.item.etag}, expect=${etag}`);
    } else if (concurrency === 'first-write' && this.#live(key) !== undefined) {
      throw new EtagMismatch('item already exists and no etag was passed');
    }
  }

  #put({ key, value }: Write, ttlSeconds: number): void {
    const data = value === undefined ? undefined : owned(value);
    const replaced = this.#entries.get(key);
    if (replaced?.expiresMs !== undefined) this.#expiries.remove(key, replaced.expiresMs);
    this.#keep(key, data, randomUUID(), ttlSeconds === 0 ? undefined : Math.min(Date.now() + ttlSeconds * 1000, LATEST_MS));
  }

  #keep(key: string, data: Uint8Array | undefined, etag: string, expiresMs: number | undefined): void {
    if (expiresMs === undefined) {
      this.#entries.set(key, { item: { data, etag }, expiresMs });
      return;
    }
    const metadata = { ttlExpireTime: `${new Date(expiresMs).toISOString().slice(0, 19)}Z` };
    this.#entries.set(key, { item: { data, etag, metadata }, expiresMs });
    this.#expiries.add(key, expiresMs);
  }

  *#packed(): Iterable<HandedItem<Packed>> {
    for (const [key, { item, expiresMs }] of this.#entries) yield [[key, item.etag!, expiresMs], item.data];
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    if (entry.expiresMs !== undefined) this.#expiries.remove(key, entry.expiresMs);
  }
}

/** Decoders cut small values out of a shared pool; kept for long, each would keep its whole pool alive. */
function owned(value: Uint8Array): Uint8Array {
  if (value.byteLength === value.buffer.byteLength) return value;
  const own = Buffer.allocUnsafeSlow(value.byteLength);
  own.set(value);
  return own;
}

/** Seconds to live; 0 for no expiry. @throws Error with Go's text */
function readTtl(metadata: StringMap): number {
  const text = metadata['ttlInSeconds'];
  if (text === undefined || text === '') return 0;
  return Math.max(0, Number(parseGoInteger('Atoi', text)));
}
