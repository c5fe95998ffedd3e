// The ids of one key that were taken in advance, a segment at a time: calls are served out of memory, and the next segment is
// fetched before the present one is used up. A segment is gone from the store before its first id is given, so none comes twice.
import { formatDurationMs } from '../../proto/duration.ts';
import { messageOf } from '../../proto/errors.ts';
import type { CallScope } from '../block.ts';
import type { Awaitable } from '../driver.ts';
import { idAfter, runOf, type Id, type Run } from './ids.ts';
import { SequenceExhausted } from './store.ts';

export interface BufferSettings {
  /** Ids that a segment grows to. */
  readonly segmentSize: number;
  /** How long a call waits for a segment. */
  readonly refillTimeoutMs: number;
}

/** What a buffer has beside its settings. */
export interface BufferHost {
  /** Takes ids of the buffer's key from the store. */
  take(key: string, count: number): Awaitable<bigint>;
  /** The last call that waited has been answered. */
  idle(buffer: SegmentBuffer): void;
}

/**
 * A new key begins with a small segment: what is left of it is lost when the block ends, and most keys are in no hurry. A
 * segment that is used up fast makes the next one ten times as large, one that lasts long makes it a tenth.
 */
const FIRST_SIZE = 100;
const GROWTH = 10;
const FAST_MS = 10_000;
const SLOW_MS = 100_000;
/** The next segment is fetched when no more than this part of the present one is left. */
const LOW = 1 / 10;
/** Bounds of the pause between attempts at a store that fails: while calls wait, and while only the advance is missing. */
const RETRY_MS = { first: 20, waiting: 500, advance: 30_000 } as const;

interface Segment {
  next: Id;
  left: number;
}

interface Waiter {
  readonly count: number;
  /** By performance.now. */
  readonly deadlineMs: number;
  readonly resolve: (runs: readonly Run[]) => void;
  readonly reject: (cause: Error) => void;
}

export class SegmentBuffer {
  readonly key: string;
  readonly #host: BufferHost;
  readonly #settings: BufferSettings;
  /** In order of their ids; none is empty. */
  readonly #segments: Segment[] = [];
  #left = 0;
  /** Calls for which more ids have to come, in order of arrival: nobody overtakes, so ids rise in the order of the calls. */
  readonly #waiters = new Set<Waiter>();
  /** Ids for all of them. */
  #wanted = 0;
  #size: number;
  /** When the last segment came, by performance.now. */
  #filledMs: number | undefined;
  #refilling = false;
  #failures = 0;
  /** Why the last attempt failed. */
  #trouble: unknown;
  /** The last ids that there are come near: from now on only what is asked for is taken. */
  #ending = false;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;

  constructor(key: string, host: BufferHost, settings: BufferSettings) {
    this.key = key;
    this.#host = host;
    this.#settings = settings;
    this.#size = Math.min(FIRST_SIZE, settings.segmentSize);
  }

  /** True while calls wait for ids. */
  get busy(): boolean {
    return this.#waiters.size > 0;
  }

  /** The next ids, above all that were given before. A promise only if they are not there yet. @throws Error as the promise rejects: none came in time */
  draw(count: number, scope: CallScope): Awaitable<readonly Run[]> {
    if (this.#waiters.size === 0) {
      if (this.#left < count) this.#refill(count - this.#left); // a store in memory answers at once
      if (this.#left >= count) {
        const runs = this.#cut(count);
        this.#advance();
        return runs;
      }
    }
    return this.#wait(count, scope);
  }

  /** Fails who waits; what is left is a gap. May be called twice. */
  close(cause: Error): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    for (const waiter of this.#waiters) this.#settle(waiter).reject(cause);
  }

  /** Takes ids out of the segments; there are enough. */
  #cut(count: number): readonly Run[] {
    const runs: Run[] = [];
    for (let missing = count; missing > 0;) {
      const segment = this.#segments[0]!;
      const part = Math.min(missing, segment.left);
      runs.push({ first: segment.next, count: part });
      segment.left -= part;
      if (segment.left === 0) this.#segments.shift();
      else segment.next = idAfter(segment.next, part);
      missing -= part;
    }
    this.#left -= count;
    return runs;
  }

  #wait(count: number, { signal }: CallScope): Promise<readonly Run[]> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const cancelled = () => {
        this.#settle(waiter).reject(signal.reason as Error);
        this.#serve(); // those behind may want less
      };
      const over = () => signal.removeEventListener('abort', cancelled);
      const waiter: Waiter = {
        count,
        deadlineMs: performance.now() + this.#settings.refillTimeoutMs,
        resolve: (runs) => { over(); resolve(runs); },
        reject: (cause) => { over(); reject(cause); },
      };
      signal.addEventListener('abort', cancelled, { once: true });
      this.#waiters.add(waiter);
      this.#wanted += count;
      this.#expiry ??= setTimeout(this.#expire, this.#settings.refillTimeoutMs);
      this.#serve();
    });
  }

  /** Takes a waiter out of the queue; its owner is told right after. */
  #settle(waiter: Waiter): Waiter {
    this.#waiters.delete(waiter);
    this.#wanted -= waiter.count;
    if (this.#waiters.size > 0) return waiter;
    clearTimeout(this.#expiry);
    this.#expiry = undefined;
    this.#host.idle(this);
    return waiter;
  }

  /** Gives waiters what there is, and sees to it that more comes. */
  #serve(): void {
    for (const waiter of this.#waiters) {
      if (waiter.count > this.#left) break;
      this.#settle(waiter).resolve(this.#cut(waiter.count));
    }
    if (this.#waiters.size === 0) this.#advance();
    else if (this.#retry === undefined) this.#refill(this.#missing());
  }

  /** Fails those whose time is over, whichever attempt is under way. */
  readonly #expire = (): void => {
    this.#expiry = undefined;
    const now = performance.now();
    const within = formatDurationMs(this.#settings.refillTimeoutMs);
    for (const waiter of this.#waiters) {
      if (waiter.deadlineMs > now) {
        this.#expiry = setTimeout(this.#expire, Math.ceil(waiter.deadlineMs - now));
        return;
      }
      this.#settle(waiter).reject(new Error(this.#trouble === undefined ? `the store gave no ids within ${within}` : `no ids within ${within}: ${messageOf(this.#trouble)}`, { cause: this.#trouble }));
    }
  };

  /** Ids that have to come so that waiters can be served: all of them, or near the end the first one. */
  #missing(): number {
    if (!this.#ending) return this.#wanted - this.#left;
    const [first] = this.#waiters;
    return first === undefined ? 0 : first.count - this.#left;
  }

  /** Fetches the next segment if the present one is nearly used up. */
  #advance(): void {
    if (this.#left <= this.#size * LOW && this.#retry === undefined && !this.#ending) this.#refill(0);
  }

  /** One attempt, unless one is under way. @param missing ids that calls wait for */
  #refill(missing: number): void {
    if (this.#refilling || this.#closed || (this.#ending && missing <= 0)) return;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    if (this.#failures === 0) this.#resize();
    const count = this.#ending ? missing : Math.max(this.#size, missing);
    let first: Awaitable<bigint>;
    try {
      first = this.#host.take(this.key, count);
    } catch (cause) {
      return this.#failed(cause, count);
    }
    if (!(first instanceof Promise)) return this.#filled(first, count);
    this.#refilling = true;
    first.then((id) => {
      this.#refilling = false;
      this.#filled(id, count);
    }, (cause) => {
      this.#refilling = false;
      this.#failed(cause, count);
    });
  }

  /** The size of the next segment, by how long the present one lasted. */
  #resize(): void {
    if (this.#filledMs === undefined) return;
    const lastedMs = performance.now() - this.#filledMs;
    if (lastedMs < FAST_MS) this.#size = Math.min(this.#size * GROWTH, this.#settings.segmentSize);
    else if (lastedMs > SLOW_MS) this.#size = Math.max(Math.ceil(this.#size / GROWTH), Math.min(FIRST_SIZE, this.#settings.segmentSize));
  }

  #filled(first: bigint, count: number): void {
    if (this.#closed) return;
    let run: Run;
    try {
      run = runOf(first, count);
    } catch (cause) {
      return this.#failed(cause, count);
    }
    this.#failures = 0;
    this.#trouble = undefined;
    this.#filledMs = performance.now();
    this.#segments.push({ next: run.first, left: count });
    this.#left += count;
    this.#serve();
  }

  #failed(cause: unknown, count: number): void {
    if (this.#closed) return;
    this.#trouble = cause;
    if (cause instanceof SequenceExhausted) return this.#exhausted(cause, count);
    this.#failures++;
    const bound = Math.min(this.busy ? RETRY_MS.waiting : RETRY_MS.advance, RETRY_MS.first * 2 ** Math.min(this.#failures, 20));
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#refill(Math.max(0, this.#missing()));
    }, Math.random() * bound).unref();
  }

  /** A whole segment is not left; what calls ask for may be. Whoever asks for more than that waits in vain. */
  #exhausted(cause: SequenceExhausted, count: number): void {
    const [first] = this.#waiters;
    if (this.#ending && first !== undefined && count <= first.count - this.#left) this.#settle(first).reject(cause);
    this.#ending = true;
    if (this.busy) this.#serve();
  }
}
