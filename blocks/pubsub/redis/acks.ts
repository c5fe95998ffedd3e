// Acknowledgements on their way to Redis: all of one turn of the event loop in one command, and again until they get through.
import { messageOf } from '../../../proto/errors.ts';
import type { Logger } from '../../block.ts';
import { willPass, type RedisGroup } from './group.ts';

/** Until the next attempt to send what did not get through. Milliseconds. */
const AGAIN_MS = 250;

export class RedisAcks {
  readonly #group: RedisGroup;
  readonly #log: Logger;
  readonly #onProgress: () => void;
  /** Not confirmed by Redis yet. */
  readonly #open = new Set<string>();
  /** Of this turn. */
  #fresh: string[] = [];
  /** Did not get through. */
  #failed: string[] = [];
  #scheduled = false;
  #again: NodeJS.Timeout | undefined;
  #closed = false;
  #settled: (() => void) | undefined;

  /** @param onProgress called when some got through that had failed before */
  constructor(group: RedisGroup, log: Logger, onProgress: () => void) {
    this.#group = group;
    this.#log = log;
    this.#onProgress = onProgress;
  }

  /** Those that wait for another attempt: their owner reads no more than these leave room for, so they are bounded. */
  get failed(): number {
    return this.#failed.length;
  }

  has(id: string): boolean {
    return this.#open.has(id);
  }

  add(id: string): void {
    this.#open.add(id);
    this.#fresh.push(id);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  /** Resolves when Redis has them all, or `timeoutMs` is over. Nothing is sent afterwards. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#open.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#settled = resolve;
      const timer = setTimeout(resolve, timeoutMs);
      await promise;
      clearTimeout(timer);
    }
    this.#closed = true;
    clearTimeout(this.#again);
    if (this.#open.size > 0) this.#log.warn({ topic: this.#group.topic, count: this.#open.size }, `${this.#open.size} messages of topic "${this.#group.topic}" could not be acknowledged before the subscription closed; they will be delivered again`);
  }

  #flush(): void {
    this.#scheduled = false;
    const ids = this.#fresh;
    this.#fresh = [];
    void this.#send(ids);
  }

  async #send(ids: readonly string[]): Promise<void> {
    try {
      await this.#group.acknowledge(ids);
      for (const id of ids) this.#open.delete(id);
    } catch (cause) {
      if (this.#closed) return;
      if (willPass(cause)) {
        for (const id of ids) this.#failed.push(id);
        this.#again ??= setTimeout(() => void this.#sendAgain(), AGAIN_MS).unref();
        return;
      }
      for (const id of ids) this.#open.delete(id);
      this.#log.error({ topic: this.#group.topic, count: ids.length }, `redis refuses the acknowledgement of ${ids.length} messages of topic "${this.#group.topic}", which will be delivered again: ${messageOf(cause)}`);
    }
    if (this.#open.size === 0) this.#settled?.();
  }

  async #sendAgain(): Promise<void> {
    this.#again = undefined;
    const ids = this.#failed;
    this.#failed = [];
    await this.#send(ids);
    if (this.#failed.length === 0) this.#onProgress();
  }
}
