// The connection to Redis that every Redis driver uses: it reconnects, bounds every wait, and never sends a write twice.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../block.ts';
import { failureOf, inOneSlot, RedisLink, type RedisArgument, type RedisFailure, type RedisReply, type RedisScript } from './redis.ts';
import { addressText, type RedisSettings } from './redis-settings.ts';

export type { RedisArgument, RedisReply, RedisScript };

/** Redis answered with an error. */
export class RedisRefusal extends Error {
  override readonly name = 'RedisRefusal';
  /** The error's first word: `WRONGTYPE`, `NOPERM`, `ERR`, ... */
  get code(): string {
    return this.message.slice(0, Math.max(0, this.message.indexOf(' ')));
  }
}

/** There is no working connection. Says which server, and why. */
export class RedisUnreachable extends Error {
  override readonly name = 'RedisUnreachable';
}

/**
 * Calls may run side by side; they go out in order, all calls of one turn of the event loop in one packet. Every call
 * ends within the read timeout: it waits that long for a lost connection to come back, and for an answer.
 */
export interface RedisClient {
  /** Where to, for messages. */
  readonly address: string;
  /** Sends a command that changes nothing: if the connection breaks under it, it is sent again. @throws RedisRefusal, RedisUnreachable */
  read(command: string, ...args: RedisArgument[]): Promise<RedisReply>;
  /** Sends a command that changes something, at most once. If the connection breaks under it the error says that the outcome is unknown. @throws as `read` */
  write(command: string, ...args: RedisArgument[]): Promise<RedisReply>;
  /** Runs a script, at most once, as `write`. All keys must satisfy `sameSlot`. */
  run(script: RedisScript, keys: readonly string[], args: readonly RedisArgument[]): Promise<RedisReply>;
  /** After a `write` or `run` on `key` of this client: how many of `replicas` have it within `timeoutMs`. Holds up later calls meanwhile. */
  waitForReplicas(key: string, replicas: number, timeoutMs: number): Promise<number>;
  /** Replicas attached to the server; in a cluster, to the node that has fewest. */
  replicas(): Promise<number>;
  /** Names of all keys of a type, such as `string`, without holding up the server. A name may come twice. Stops soon after it has more than `most`. */
  keys(type: string, most: number): Promise<readonly Buffer[]>;
  /** True if one call may name all these keys: always, unless this is a cluster. */
  sameSlot(keys: readonly string[]): boolean;
  /** Another connection with the same settings, for calls that block for up to `blocksForMs`. Its owner closes it. Without a `log` of its own it writes to this one's. */
  another(options: { readonly blocksForMs: number; readonly log?: Logger }, signal: AbortSignal): Promise<RedisClient>;
  /** Fails what still waits, and leaves no timer behind. May be called twice. */
  close(): Promise<void>;
}

/** Calls that may wait for an answer or a connection at once; more are refused. */
const MAX_PENDING = 65_536;
/** Longest wait for a connection when there is no read timeout. Milliseconds. */
const MAX_GATE_MS = 30_000;
/** After a connection breaks, the first attempt follows within this time: many clients of one server spread out. Milliseconds. */
const FIRST_RECONNECT_MS = 50;
/** How long a read waits before it looks for the new owner of its key, when a node of a cluster went away. Milliseconds. */
const CLUSTER_PAUSE_MS = 100;
const NO_REASON = 'the connection was closed by the server';

/**
 * Connects once; the caller tries again if it likes.
 * @throws RedisUnreachable with address and cause; what the signal says when it aborts
 */
export async function openRedis(settings: RedisSettings, log: Logger, signal: AbortSignal): Promise<RedisClient> {
  const client = new Client(settings, log);
  await client.open(signal);
  return client;
}

/** The pause before the next attempt to connect, after so many that failed since the connection was lost. */
export function reconnectDelayMs({ reconnectMs: { min, max } }: RedisSettings, attempts: number): number {
  const bound = Math.min(max, min * 2 ** Math.min(attempts - 1, 20));
  return attempts === 0 ? Math.random() * FIRST_RECONNECT_MS : min + Math.random() * (bound - min);
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (cause: Error) => void;
}

class Client implements RedisClient {
  readonly address: string;
  readonly #settings: RedisSettings;
  readonly #log: Logger;
  #link: RedisLink;
  readonly #waiters = new Set<Waiter>();
  #pending = 0;
  /** True once the first connection stood: from then on this client reconnects by itself. */
  #opened = false;
  #closing: Promise<void> | undefined;
  /** Failed attempts since the connection was lost. */
  #attempts = 0;
  #reconnect: NodeJS.Timeout | undefined;
  /** Why the connection is not there, in words. */
  #trouble = NO_REASON;

  constructor(settings: RedisSettings, log: Logger) {
    this.#settings = settings;
    this.#log = log;
    this.address = settings.addresses.map(addressText).join(',');
    this.#link = this.#newLink();
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const abort = Promise.withResolvers<never>();
    const onAbort = () => abort.reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      if (!(await Promise.race([this.#connect(), abort.promise]))) throw this.#unreachable();
      this.#opened = true;
      if (this.#link.ended) this.#onEnd(this.#link); // gone again between the two events
    } catch (cause) {
      await this.close();
      throw cause;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  read(command: string, ...args: RedisArgument[]): Promise<RedisReply> {
    return this.#call((link) => link.send(command, args), this.#settings.readRetries);
  }

  write(command: string, ...args: RedisArgument[]): Promise<RedisReply> {
    return this.#call((link) => link.send(command, args), 0);
  }

  run(script: RedisScript, keys: readonly string[], args: readonly RedisArgument[]): Promise<RedisReply> {
    return this.#call((link) => link.run(script, keys, args), 0);
  }

  async waitForReplicas(key: string, replicas: number, timeoutMs: number): Promise<number> {
    return Number(await this.#call((link) => link.wait(key, replicas, timeoutMs), 0));
  }

  replicas(): Promise<number> {
    return this.#call((link) => link.replicas(), this.#settings.readRetries);
  }

  keys(type: string, most: number): Promise<readonly Buffer[]> {
    return this.#call((link) => link.keys(type, most), this.#settings.readRetries);
  }

  sameSlot(keys: readonly string[]): boolean {
    return this.#settings.topology !== 'cluster' || keys.length < 2 || inOneSlot(keys);
  }

  another({ blocksForMs, log = this.#log }: { readonly blocksForMs: number; readonly log?: Logger }, signal: AbortSignal): Promise<RedisClient> {
    const { readTimeoutMs } = this.#settings;
    return openRedis({ ...this.#settings, readTimeoutMs: readTimeoutMs === undefined ? undefined : readTimeoutMs + blocksForMs }, log, signal);
  }

  close(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    this.#trouble = 'the component is closing';
    clearTimeout(this.#reconnect);
    this.#closing = this.#link.close();
    for (const waiter of this.#waiters) waiter.reject(this.#unreachable());
    return this.#closing;
  }

  /** Runs one attempt after another: again if nothing was sent, or if it may be repeated; until the deadline. */
  async #call<T>(send: (link: RedisLink) => Promise<T>, retries: number): Promise<T> {
    if (this.#pending >= MAX_PENDING) throw new Error(`redis at ${this.address}: ${MAX_PENDING} calls are waiting already`);
    this.#pending++;
    let deadline: number | undefined;
    try {
      for (let left = retries; ; ) {
        if (!this.#link.ready) await this.#ready((deadline ??= this.#deadline()));
        try {
          return await send(this.#link);
        } catch (cause) {
          const failure = failureOf(cause);
          const again = failure.kind === 'unsent' || (failure.kind === 'lost' && left-- > 0);
          if (!again || this.#closing !== undefined || performance.now() >= (deadline ??= this.#deadline())) throw this.#explain(failure);
          // a cluster stays ready while one of its nodes is away: let its map of nodes catch up
          if (this.#link.ready) await sleep(CLUSTER_PAUSE_MS);
        }
      }
    } finally {
      this.#pending--;
    }
  }

  #deadline(): number {
    return performance.now() + Math.min(this.#settings.readTimeoutMs ?? MAX_GATE_MS, MAX_GATE_MS);
  }

  /** Waits for a working connection. */
  #ready(deadline: number): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(this.#unreachable());
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        resolve: () => { end(); resolve(); },
        reject: (cause) => { end(); reject(cause); },
      };
      const timer = setTimeout(() => waiter.reject(this.#unreachable()), Math.max(0, deadline - performance.now()));
      this.#waiters.add(waiter);
    });
  }

  /** One attempt; true when the connection can take commands. */
  async #connect(): Promise<boolean> {
    if (!(await this.#link.connect())) return false;
    this.#attempts = 0;
    if (this.#closing === undefined) this.#trouble = NO_REASON;
    for (const waiter of this.#waiters) waiter.resolve();
    return true;
  }

  #onEnd(link: RedisLink): void {
    if (link !== this.#link || this.#closing !== undefined || !this.#opened) return;
    const delay = reconnectDelayMs(this.#settings, this.#attempts);
    if (this.#attempts++ === 0) this.#log.warn({ redis: this.address }, `lost the connection to redis at ${this.address}: ${this.#trouble}; reconnecting`);
    this.#reconnect = setTimeout(() => void this.#comeBack(), delay).unref();
  }

  /** If it fails, `onEnd` of the new link has scheduled the next attempt, and calls say why they fail. */
  async #comeBack(): Promise<void> {
    this.#link = this.#newLink();
    if (await this.#connect()) this.#log.info({ redis: this.address }, `connected to redis at ${this.address} again`);
  }

  #newLink(): RedisLink {
    const onTrouble = (reason: string) => {
      if (this.#closing === undefined) this.#trouble = reason;
    };
    return new RedisLink(this.#settings, onTrouble, (link) => this.#onEnd(link));
  }

  #unreachable(): RedisUnreachable {
    return new RedisUnreachable(`error connecting to redis at ${this.address}: ${this.#trouble}`);
  }

  #explain(failure: RedisFailure): Error {
    if (failure.kind === 'refused') return new RedisRefusal(failure.message);
    if (failure.kind === 'unsent') return this.#unreachable();
    return new RedisUnreachable(`lost the connection to redis at ${this.address} before the answer came, so the outcome is unknown: ${failure.trouble ?? this.#trouble}`);
  }
}
