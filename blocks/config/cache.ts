// Which keys are watched for the sake of reads: those that are read again and again, so many at most. What they are is the
// hub's business.

/** Before anything more is watched for reads, when the store has refused to watch something. */
const PAUSE_MS = 30_000;
/** Before all keys are watched for reads again, when there were more than may be kept. */
const ALL_PAUSE_MS = 600_000;

export class CachedKeys {
  readonly #max: number;
  /** Read once lately, and not watched for it. The first is the oldest. */
  readonly #seen = new Set<string>();
  /** Watched for reads. The first is the one that nobody has read for the longest time. */
  readonly #kept = new Set<string>();
  #latest: string | undefined;
  #allSeen = false;
  #pausedUntilMs = 0;
  #allPausedUntilMs = 0;

  /** @param max keys at a time; 0: none ever */
  constructor(max: number) {
    this.#max = max;
  }

  /** A read of so many keys may be answered from memory some day. */
  fits(count: number): boolean {
    return count <= this.#max;
  }

  /** A key was read, and need not be kept for it. One that is kept is kept for longer. */
  use(key: string): void {
    if (key === this.#latest || !this.#kept.delete(key)) return;
    this.#kept.add(key);
    this.#latest = key;
  }

  /** A key that is not watched was read. True: it is kept from now on, because it is not the first time. */
  keep(key: string): boolean {
    if (performance.now() < this.#pausedUntilMs) return false;
    if (!this.#seen.delete(key)) {
      this.#seen.add(key);
      const [oldest] = this.#seen;
      if (this.#seen.size > this.#max && oldest !== undefined) this.#seen.delete(oldest);
      return false;
    }
    this.#kept.add(key);
    this.#latest = key;
    return true;
  }

  /** What is too much, and kept no longer. */
  evict(): string[] {
    const evicted: string[] = [];
    for (const key of this.#kept) {
      if (this.#kept.size <= this.#max) break;
      this.#kept.delete(key);
      evicted.push(key);
    }
    return evicted;
  }

  /** All keys were read, and are not watched. True: they are to be watched from now on. */
  keepAll(): boolean {
    if (this.#max === 0 || performance.now() < this.#allPausedUntilMs) return false;
    const again = this.#allSeen;
    this.#allSeen = !again;
    return again;
  }

  /** All keys turned out to be more than may be kept. */
  tooMany(): void {
    this.#allPausedUntilMs = performance.now() + ALL_PAUSE_MS;
  }

  /** The store refuses to watch a key that is kept. */
  refused(key: string): void {
    this.#kept.delete(key);
    if (key === this.#latest) this.#latest = undefined;
    this.#pausedUntilMs = performance.now() + PAUSE_MS;
  }

  /** The store refuses to watch all keys. */
  allRefused(): void {
    this.#allPausedUntilMs = performance.now() + PAUSE_MS;
  }
}
