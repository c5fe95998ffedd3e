// The buffers of one component, a bounded number of them: the key that nobody asked for longest loses its buffer first, and
// what was left in it is a gap.
import type { CallScope } from '../block.ts';
import type { Awaitable } from '../driver.ts';
import { SegmentBuffer, type BufferHost, type BufferSettings } from './buffer.ts';
import type { Run } from './ids.ts';

const MAX_KEYS = 10_000;
/** How long one attempt at the store may take, if no call waits longer. */
const ATTEMPT_MS = 10_000;

export interface SegmentsSettings extends BufferSettings {
  /** Buffers at most. 10,000 if left out. */
  readonly maxKeys?: number;
}

export type Take = (key: string, count: number, scope: CallScope) => Awaitable<bigint>;

export class Segments implements BufferHost {
  readonly #take: Take;
  readonly #settings: SegmentsSettings;
  readonly #maxKeys: number;
  /** By key. */
  readonly #buffers = new Map<string, SegmentBuffer>();
  /** Those that no call waits for, in order of their last use. */
  readonly #unused = new Set<SegmentBuffer>();
  /** The last one in there. */
  #newest: SegmentBuffer | undefined;
  readonly #closing = new AbortController();

  constructor(take: Take, settings: SegmentsSettings) {
    this.#take = take;
    this.#settings = settings;
    this.#maxKeys = settings.maxKeys ?? MAX_KEYS;
  }

  /** Keys that have a buffer. */
  get size(): number {
    return this.#buffers.size;
  }

  /** The next ids of a key. @throws Error when none come in time, also as a rejection */
  draw(key: string, count: number, scope: CallScope): Awaitable<readonly Run[]> {
    const buffer = this.#buffers.get(key) ?? this.#add(key);
    const runs = buffer.draw(count, scope);
    if (buffer.busy) this.#remove(buffer);
    else this.idle(buffer);
    return runs;
  }

  take(key: string, count: number): Awaitable<bigint> {
    return this.#take(key, count, new AttemptScope(this.#closing.signal, Math.max(ATTEMPT_MS, this.#settings.refillTimeoutMs)));
  }

  idle(buffer: SegmentBuffer): void {
    if (buffer === this.#newest || this.#buffers.get(buffer.key) !== buffer) return;
    this.#unused.delete(buffer);
    this.#unused.add(buffer);
    this.#newest = buffer;
  }

  /** Fails who waits. May be called twice. */
  close(): void {
    const cause = new Error('the component is closing');
    this.#closing.abort(cause);
    for (const buffer of this.#buffers.values()) buffer.close(cause);
    this.#buffers.clear();
    this.#unused.clear();
    this.#newest = undefined;
  }

  #add(key: string): SegmentBuffer {
    if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
    if (this.#buffers.size >= this.#maxKeys) this.#evict();
    const buffer = new SegmentBuffer(key, this, this.#settings);
    this.#buffers.set(key, buffer);
    return buffer;
  }

  #evict(): void {
    const [oldest] = this.#unused;
    if (oldest === undefined) throw new Error(`calls for ${this.#buffers.size} keys wait for the store already`);
    this.#remove(oldest);
    this.#buffers.delete(oldest.key);
    oldest.close(new Error('the buffer is given up'));
  }

  #remove(buffer: SegmentBuffer): void {
    this.#unused.delete(buffer);
    if (this.#newest === buffer) this.#newest = undefined;
  }
}

/** Makes its signal only for a store that asks for it. */
class AttemptScope implements CallScope {
  readonly #closing: AbortSignal;
  readonly #limitMs: number;
  #signal: AbortSignal | undefined;

  constructor(closing: AbortSignal, limitMs: number) {
    this.#closing = closing;
    this.#limitMs = limitMs;
  }

  get signal(): AbortSignal {
    return (this.#signal ??= AbortSignal.any([this.#closing, AbortSignal.timeout(this.#limitMs)]));
  }
}
