// A connection that waits for new entries of one stream, and can be woken from it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../block.ts';
import { RedisRefusal, type RedisClient } from '../../clients/redis-client.ts';
import { readEntries, type StreamEntry } from './entry.ts';
import type { RedisGroup } from './group.ts';

/** How long one read waits where it can be woken, and where it can't. Milliseconds. */
const BLOCK_MS = 2000;
const SHORT_BLOCK_MS = 250;
/** Until a read that was not yet waiting is woken again. Milliseconds. */
const WAKE_AGAIN_MS = 20;

/** @param wakeable false in a cluster: there a connection's number says nothing, for each node has its own */
export async function openReader(group: RedisGroup, commands: RedisClient, wakeable: boolean, log: Logger, signal: AbortSignal): Promise<RedisReader> {
  const quiet = (fields: object, text: string) => log.debug(fields, text);
  // the commands' connection tells when the server goes and comes back: one voice is enough
  const blocking = await commands.another({ blocksForMs: BLOCK_MS, log: { debug: quiet, info: quiet, warn: quiet, error: (fields, text) => log.error(fields, text) } }, signal);
  return new RedisReader(group, commands, blocking, wakeable, log);
}

export class RedisReader {
  readonly #group: RedisGroup;
  /** Where to send what wakes the other: that one is deaf while it waits. */
  readonly #commands: RedisClient;
  readonly #blocking: RedisClient;
  readonly #log: Logger;
  #wakeable: boolean;
  /** The server's number of the connection that waits; undefined while that is not known. */
  #connection: number | undefined;
  #reading = false;
  #waking = false;

  constructor(group: RedisGroup, commands: RedisClient, blocking: RedisClient, wakeable: boolean, log: Logger) {
    this.#group = group;
    this.#commands = commands;
    this.#blocking = blocking;
    this.#wakeable = wakeable;
    this.#log = log;
  }

  /** Up to `count` entries that nobody in the group has had; none when there were none for some time, or `wake` was called. */
  async read(count: number): Promise<StreamEntry[]> {
    const { topic, name } = this.#group;
    this.#reading = true;
    this.#connection = undefined;
    try {
      if (this.#wakeable) void this.#identify(); // leaves in the same packet
      return readEntries(await this.#blocking.write('xreadgroup', 'GROUP', name, name, 'COUNT', count, 'BLOCK', this.#wakeable ? BLOCK_MS : SHORT_BLOCK_MS, 'STREAMS', topic, '>'));
    } finally {
      this.#reading = false;
    }
  }

  /** Ends the present read, if there is one, before its time. */
  wake(): void {
    if (this.#reading && !this.#waking) void this.#wake();
  }

  close(): Promise<void> {
    return this.#blocking.close();
  }

  async #identify(): Promise<void> {
    try {
      this.#connection = Number(await this.#blocking.read('client', 'ID'));
    } catch (cause) {
      this.#note(cause);
    }
  }

  /** The server knows whether the connection waits: a read that has entries already is not disturbed. */
  async #wake(): Promise<void> {
    this.#waking = true;
    try {
      while (this.#reading && this.#wakeable) {
        const woken = this.#connection === undefined ? 0 : Number(await this.#commands.write('client', 'UNBLOCK', this.#connection));
        if (woken > 0) return;
        await sleep(WAKE_AGAIN_MS, undefined, { ref: false });
      }
    } catch (cause) {
      this.#note(cause);
    } finally {
      this.#waking = false;
    }
  }

  /** Without the right to wake it, reads are short. A lost connection ends the read by itself. */
  #note(cause: unknown): void {
    if (!(cause instanceof RedisRefusal) || !this.#wakeable) return;
    this.#wakeable = false;
    this.#log.info({ topic: this.#group.topic }, `redis refuses CLIENT ID or CLIENT UNBLOCK (${cause.message}): reads wait for ${SHORT_BLOCK_MS} ms at a time instead of ${BLOCK_MS} ms`);
  }
}
