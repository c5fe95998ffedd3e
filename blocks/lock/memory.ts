// lock.in-memory: locks of one sidecar, for development. They outlive the block's process: what is held lies with the kernel.
import type { DriverContext } from '../components.ts';
import type { Checkpoints } from '../checkpoints.ts';
import type { ComponentSpec } from '../driver.ts';
import { readMetadata } from '../metadata.ts';
import { monotonicMs, wakeAt } from './clock.ts';
import { COMMON_FIELDS } from './fields.ts';
import type { Lease, LockRequest, LockStore, Release, Renewal } from './store.ts';

/** A lock that the kernel has no room for would be lost with this process: so there is a limit, well below the kernel's. */
const MAX_LOCKS = 16_384;
/** Of all their keys and owners together, in UTF-16 units. */
const MAX_LENGTH = 2 * 1024 * 1024;
/** Tokens that are noted as given before they are. */
const TOKENS_AHEAD = 1000n;
/** Expired locks are nobody's from the moment on; their memory is freed this often at most. Milliseconds. */
const SWEEP_MS = 1000;
const LOCK = 'lock ';
const TOKENS = 'tokens';

interface Held {
  readonly owner: string;
  readonly token: bigint;
  /** monotonicMs */
  readonly untilMs: number;
}

export function openMemoryLockStore(spec: ComponentSpec, { log, checkpoints }: DriverContext): LockStore {
  readMetadata(spec, COMMON_FIELDS, log);
  return new MemoryLockStore(checkpoints);
}

class MemoryLockStore implements LockStore {
  readonly features = [];
  readonly #checkpoints: Checkpoints;
  readonly #locks = new Map<string, Held>();
  #length = 0;
  #token: bigint;
  /** The last one that was noted. */
  #noted: bigint;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer wakes. */
  #sweepMs = Infinity;

  constructor(checkpoints: Checkpoints) {
    this.#checkpoints = checkpoints;
    // Nothing tells what tokens the last sidecar gave, and what it guarded may remember: the date is above them. Microseconds.
    this.#token = BigInt(Date.now()) * 1000n;
    this.#noted = this.#token;
    checkpoints.inherit((found) => {
      const noted = found.get(TOKENS);
      if (noted !== undefined) this.#token = this.#noted = BigInt(noted);
      for (const [name, text] of found) if (name.startsWith(LOCK)) this.#restore(name.slice(LOCK.length), unpack(text));
    });
  }

  /** All there is was left when it was acknowledged; what is under way is not any more when this is asked. */
  handOver(): void {}

  tryLock({ key, owner, expirySeconds }: Lease): bigint | undefined {
    if (this.#live(key) !== undefined) return undefined;
    this.#makeRoom(key.length + owner.length);
    const token = this.#nextToken();
    this.#put(key, { owner, token, untilMs: monotonicMs() + expirySeconds * 1000 });
    return token;
  }

  renew({ key, owner, expirySeconds }: Lease): Renewal {
    const held = this.#live(key);
    if (held === undefined) return { status: 'absent' };
    if (held.owner !== owner) return { status: 'others' };
    this.#put(key, { ...held, untilMs: monotonicMs() + expirySeconds * 1000 });
    return { status: 'renewed', token: held.token };
  }

  unlock({ key, owner }: LockRequest): Release {
    const held = this.#live(key);
    if (held === undefined) return 'absent';
    if (held.owner !== owner) return 'others';
    this.#drop(key, held);
    return 'released';
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#locks.clear();
  }

  #live(key: string): Held | undefined {
    const held = this.#locks.get(key);
    if (held === undefined || monotonicMs() < held.untilMs) return held;
    this.#drop(key, held);
    return undefined;
  }

  #keep(key: string, held: Held): void {
    if (!this.#locks.has(key)) this.#length += key.length + held.owner.length;
    this.#locks.set(key, held);
    this.#sweepAt(held.untilMs);
  }

  #put(key: string, held: Held): void {
    this.#keep(key, held);
    this.#checkpoints.set(LOCK + key, pack(held));
  }

  #drop(key: string, { owner }: Held): void {
    this.#locks.delete(key);
    this.#length -= key.length + owner.length;
    this.#checkpoints.delete(LOCK + key);
    if (this.#locks.size > 0) return;
    clearTimeout(this.#timer); // nothing is held: nothing ticks
    this.#sweepMs = Infinity;
  }

  #restore(key: string, held: Held): void {
    if (monotonicMs() < held.untilMs) this.#keep(key, held);
    else this.#checkpoints.delete(LOCK + key);
  }

  /** @throws Error when there is no room */
  #makeRoom(length: number): void {
    const full = (): boolean => this.#locks.size >= MAX_LOCKS || this.#length + length > MAX_LENGTH;
    if (full()) this.#sweep();
    if (full()) throw new Error(`lock.in-memory holds ${this.#locks.size} locks of ${this.#length} characters, and has room for ${MAX_LOCKS} locks of ${MAX_LENGTH} characters`);
  }

  #nextToken(): bigint {
    if (this.#token === this.#noted) {
      this.#noted += TOKENS_AHEAD;
      this.#checkpoints.set(TOKENS, String(this.#noted));
    }
    return ++this.#token;
  }

  #sweepAt(untilMs: number): void {
    const sweepMs = Math.max(untilMs, monotonicMs() + SWEEP_MS);
    if (sweepMs >= this.#sweepMs) return;
    clearTimeout(this.#timer);
    this.#sweepMs = sweepMs;
    this.#timer = wakeAt(sweepMs, () => {
      this.#sweepMs = Infinity;
      this.#sweep();
    });
  }

  #sweep(): void {
    const now = monotonicMs();
    let nextMs = Infinity;
    for (const [key, held] of this.#locks) {
      if (held.untilMs <= now) this.#drop(key, held);
      else nextMs = Math.min(nextMs, held.untilMs);
    }
    if (nextMs !== Infinity) this.#sweepAt(nextMs);
  }
}

type Packed = readonly [owner: string, token: string, untilMs: number];

function pack({ owner, token, untilMs }: Held): string {
  return JSON.stringify([owner, String(token), untilMs] satisfies Packed);
}

function unpack(text: string): Held {
  const [owner, token, untilMs] = JSON.parse(text) as Packed;
  return { owner, token: BigInt(token), untilMs };
}
