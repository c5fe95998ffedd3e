// When which key expires, in buckets of a second, and one timer for the earliest bucket. Without a key there is no
// timer, and the timer never keeps a process alive.

/** setTimeout takes 31 bits; a later bucket is simply looked at again. Milliseconds. */
const MAX_DELAY_MS = 2_147_483_647;

export class Expiries {
  /** Keys by the second (since the epoch) in which they may go: the first that lies wholly after their expiry. */
  readonly #buckets = new Map<number, Set<string>>();
  readonly #expire: (key: string) => void;
  #timer: NodeJS.Timeout | undefined;
  /** The second that the timer waits for. */
  #armed = Number.POSITIVE_INFINITY;

  /** @param expire called for each key whose time has come; must not throw. */
  constructor(expire: (key: string) => void) {
    this.#expire = expire;
  }

  /** @param expiresMs milliseconds since the epoch */
  add(key: string, expiresMs: number): void {
    const second = bucketOf(expiresMs);
    const bucket = this.#buckets.get(second);
    if (bucket === undefined) this.#buckets.set(second, new Set([key]));
    else bucket.add(key);
    if (second < this.#armed) this.#arm(second);
  }

  /** Takes back an `add` with the same arguments. */
  remove(key: string, expiresMs: number): void {
    const second = bucketOf(expiresMs);
    const bucket = this.#buckets.get(second);
    if (bucket === undefined) return;
    bucket.delete(key);
    if (bucket.size > 0) return;
    this.#buckets.delete(second);
    if (this.#buckets.size === 0) this.close(); // an idle store makes no wakeups
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#armed = Number.POSITIVE_INFINITY;
    this.#buckets.clear();
  }

  #arm(second: number): void {
    clearTimeout(this.#timer);
    this.#armed = second;
    const delayMs = Math.min(Math.max(second * 1000 - Date.now(), 1), MAX_DELAY_MS);
    this.#timer = setTimeout(() => this.#sweep(), delayMs).unref();
  }

  #sweep(): void {
    const now = Math.floor(Date.now() / 1000);
    let next = Number.POSITIVE_INFINITY;
    for (const [second, keys] of this.#buckets) {
      if (second > now) {
        next = Math.min(next, second);
        continue;
      }
      this.#buckets.delete(second);
      for (const key of keys) this.#expire(key);
    }
    this.#timer = undefined;
    this.#armed = Number.POSITIVE_INFINITY;
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next);
  }
}

/** An expiry counts as past one millisecond later; a bucket is emptied when all of it is past, so at most 1 s late. */
function bucketOf(expiresMs: number): number {
  return Math.floor(expiresMs / 1000) + 1;
}
