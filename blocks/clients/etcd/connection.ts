// The connection to etcd that every etcd driver uses: one link at a time to one of the endpoints, another one when it goes
// away or falls silent, calls that end in time, and no change sent twice.
import { setTimeout as sleep } from 'node:timers/promises';
import type { IRangeResponse } from 'etcd3';
import type { Logger } from '../../block.ts';
import { dial, NoEndpoint } from './dial.ts';
import { EtcdRefusal, EtcdUnreachable, type EtcdClient, type EtcdItem, type EtcdOutcome, type EtcdRange, type EtcdTransaction, type EtcdWatch, type EtcdWatchListener } from './etcd.ts';
import { CallFailure } from './failures.ts';
import { groundOf, type Ground } from './grpc.ts';
import { Link, type Limits } from './link.ts';
import type { EtcdSettings } from './settings.ts';
import { Watch } from './watch.ts';
import { boundsOf, changes, itemOf, txnRequest } from './wire.ts';

/** Calls that may wait for an answer or a connection at once; more are refused. */
const MAX_PENDING = 65_536;
/** Pause before a call is sent again over the same connection. Milliseconds. */
const PAUSE_MS = 100;
/** After a connection breaks, the first attempt follows within this time: many clients of one server spread out. Milliseconds. */
const FIRST_RECONNECT_MS = 50;
/** Bounds of the pause between later attempts. Milliseconds. */
const RECONNECT_MS = { min: 100, max: 2000 } as const;
/** A connection that breaks sooner is none to rely on: the next attempt does not follow at once. Milliseconds. */
const STABLE_MS = 1000;
const CLOSING = 'the component is closing';

/**
 * Connects once, within the dial timeout; the caller tries again if it likes. Afterwards the client mends itself.
 * @throws EtcdUnreachable with address and cause; EtcdRefusal if the login is refused, or none was given and one is needed; what the signal says when it aborts
 */
export async function openEtcd(settings: EtcdSettings, log: Logger, signal: AbortSignal): Promise<EtcdClient> {
  signal.throwIfAborted();
  const client = new Client(settings, log, await groundOf(settings));
  await client.open(signal);
  return client;
}

/** How a call goes about it. */
interface Way {
  /** It may change something, and is sent at most once. */
  readonly change: boolean;
  readonly signal: AbortSignal | undefined;
}

class Client implements EtcdClient {
  readonly address: string;
  readonly #settings: EtcdSettings;
  readonly #log: Logger;
  readonly #ground: Ground;
  /** Aborts when the client is closed: ends pauses and attempts to connect. */
  readonly #closing = new AbortController();
  readonly #watches = new Set<Watch>();
  #link: Link | undefined;
  #closed: Promise<void> | undefined;
  /** Settles when there is a link; there while there is none. */
  #mended = newGate();
  #pending = 0;
  /** Since when there is a link. */
  #since = 0;
  /** Attempts to connect since there was one. */
  #attempts = 0;
  /** Why there is no connection, in words. */
  #trouble = 'it was never connected';

  constructor(settings: EtcdSettings, log: Logger, ground: Ground) {
    this.#settings = settings;
    this.#log = log;
    this.#ground = ground;
    this.address = settings.endpoints.join(',');
  }

  async open(signal: AbortSignal): Promise<void> {
    try {
      this.#use(await this.#dial(shuffled(this.#settings.endpoints), signal));
    } catch (cause) {
      if (!(cause instanceof NoEndpoint)) throw cause;
      this.#trouble = cause.message;
      throw cause.refused ? new EtcdRefusal(`etcd at ${this.address} refused the connection: ${cause.message}`) : this.#unreachable();
    }
  }

  async range(range: EtcdRange, signal?: AbortSignal): Promise<{ readonly revision: number; readonly items: readonly EtcdItem[] }> {
    const { header, kvs } = await this.#call({ change: false, signal }, (link, limits) => link.call('range', boundsOf(range), limits));
    return { revision: Number(header.revision), items: kvs.map(itemOf) };
  }

  async transact(transaction: EtcdTransaction, signal?: AbortSignal): Promise<EtcdOutcome> {
    const request = txnRequest(transaction);
    const { header, succeeded, responses } = await this.#call({ change: changes(transaction), signal }, (link, limits) => link.call('txn', request, limits));
    // of the three only the one that was asked for is there, whatever the type says
    const found = responses.map(({ response_range: range }: { readonly response_range?: IRangeResponse }) => range?.kvs.map(itemOf) ?? []);
    return { succeeded, revision: Number(header.revision), found };
  }

  async grant(ttlSeconds: number, signal?: AbortSignal): Promise<string> {
    return (await this.#call({ change: true, signal }, (link, limits) => link.call('leaseGrant', { TTL: ttlSeconds }, limits))).ID;
  }

  async revoke(lease: string, signal?: AbortSignal): Promise<void> {
    try {
      // No lease ever gets this number again, so it may be sent twice.
      await this.#call({ change: false, signal }, (link, limits) => link.call('leaseRevoke', { ID: lease }, limits));
    } catch (cause) {
      if (!(cause instanceof EtcdRefusal) || !cause.message.includes('lease not found')) throw cause;
    }
  }

  async timeToLive(lease: string, signal?: AbortSignal): Promise<{ readonly leftSeconds: number; readonly grantedSeconds: number; readonly keys: number }> {
    const { TTL, grantedTTL, keys } = await this.#call({ change: false, signal }, (link, limits) => link.call('leaseTimeToLive', { ID: lease, keys: true }, limits));
    return { leftSeconds: Number(TTL), grantedSeconds: Number(grantedTTL), keys: keys.length };
  }

  watch(range: EtcdRange, listener: EtcdWatchListener): EtcdWatch {
    const watch = new Watch(range, listener, this.#settings.requestTimeoutMs, () => this.#watches.delete(watch));
    if (this.#closed !== undefined) {
      watch.close();
      return watch;
    }
    this.#watches.add(watch);
    if (this.#link !== undefined) watch.attach(this.#link);
    else queueMicrotask(() => { if (this.#link === undefined) watch.detach(this.#trouble); });
    return watch;
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#trouble = CLOSING;
    this.#closing.abort(this.#unreachable());
    this.#mended.reject(this.#unreachable());
    for (const watch of this.#watches) watch.close();
    const link = this.#link;
    this.#link = undefined;
    link?.destroy();
    await link?.closed();
  }

  /** Runs one attempt after another: again if nothing was done, or if it may be repeated; until the deadline. */
  async #call<T>({ change, signal }: Way, send: (link: Link, limits: Limits) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    if (this.#pending >= MAX_PENDING) throw new EtcdUnreachable(`etcd at ${this.address}: ${MAX_PENDING} calls are waiting already`);
    this.#pending++;
    const start = performance.now();
    const left = () => Math.max(1, start + this.#settings.requestTimeoutMs - performance.now());
    try {
      for (;;) {
        const link = this.#link ?? (await this.#nextLink(left(), signal));
        if (change && link.stale && !(await link.check())) continue;
        try {
          return await send(link, { timeoutMs: left(), repeatable: !change, signal });
        } catch (cause) {
          if (!(cause instanceof CallFailure)) throw cause;
          const over = link.ended ? left() <= 1 : left() <= PAUSE_MS;
          if (this.#closed !== undefined || over || !mayBeRepeated(cause, change)) throw this.#explain(cause, change, performance.now() - start);
          if (!link.ended) await sleep(PAUSE_MS);
        }
      }
    } finally {
      this.#pending--;
    }
  }

  /** Waits for a working connection. */
  async #nextLink(timeoutMs: number, signal: AbortSignal | undefined): Promise<Link> {
    const late = Promise.withResolvers<never>();
    const onAbort = () => late.reject(signal?.reason as Error);
    const timer = setTimeout(() => late.reject(this.#unreachable()), timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([this.#mended.promise, late.promise]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #dial(endpoints: readonly string[], signal: AbortSignal): Promise<Link> {
    const newLink = (endpoint: string) => new Link(endpoint, this.#settings, this.#ground, (link, reason) => this.#onEnd(link, reason));
    return dial(endpoints, newLink, this.#settings.dialTimeoutMs, signal);
  }

  #use(link: Link): void {
    this.#link = link;
    this.#since = performance.now();
    if (link.ended) return this.#onEnd(link, 'the connection was closed again');
    this.#mended.resolve(link);
    for (const watch of this.#watches) watch.attach(link);
  }

  #onEnd(link: Link, reason: string): void {
    if (link !== this.#link || this.#closed !== undefined) return;
    this.#link = undefined;
    this.#mended = newGate();
    this.#trouble = reason;
    this.#attempts = performance.now() - this.#since > STABLE_MS ? 0 : 1;
    this.#log.warn({ etcd: this.address }, `lost the connection to etcd at ${link.endpoint}: ${reason}; reconnecting`);
    for (const watch of this.#watches) watch.detach(reason);
    void this.#mend(link.endpoint);
  }

  /** Tries until there is a link, or the client is closed. Who was lost last comes last. */
  async #mend(lost: string): Promise<void> {
    const { signal } = this.#closing;
    const endpoints = [...shuffled(this.#settings.endpoints.filter((endpoint) => endpoint !== lost)), lost];
    while (!signal.aborted) {
      const attempt = this.#attempts++;
      const bound = Math.min(RECONNECT_MS.max, RECONNECT_MS.min * 2 ** Math.min(attempt, 20));
      const pauseMs = attempt === 0 ? Math.random() * FIRST_RECONNECT_MS : RECONNECT_MS.min + Math.random() * (bound - RECONNECT_MS.min);
      const link = await sleep(pauseMs, undefined, { signal, ref: false }).then(() => this.#dial(endpoints, signal)).catch((cause: Error) => {
        if (!signal.aborted) this.#trouble = cause.message;
      });
      if (link === undefined) continue;
      if (signal.aborted) return link.destroy();
      this.#log.info({ etcd: this.address }, `connected to etcd at ${link.endpoint} again`);
      return this.#use(link);
    }
  }

  #unreachable(): EtcdUnreachable {
    return new EtcdUnreachable(`error connecting to etcd at ${this.address}: ${this.#trouble}`);
  }

  #explain({ kind, message }: CallFailure, change: boolean, afterMs: number): Error {
    const unknown = change ? ', so the outcome is unknown' : '';
    switch (kind) {
      case 'refused':
      case 'token':
        return new EtcdRefusal(message);
      case 'unsent':
        return this.#link === undefined ? this.#unreachable() : new EtcdUnreachable(`error connecting to etcd at ${this.address}: ${message}`);
      case 'busy':
        return new EtcdUnreachable(`etcd at ${this.address} can't do it now: ${message}`);
      case 'silent':
        return new EtcdUnreachable(`etcd at ${this.address} did not answer within ${Math.round(afterMs)} ms${unknown}`);
      case 'lost':
        return new EtcdUnreachable(`lost the connection to etcd at ${this.address} before the answer came${unknown}: ${this.#closed === undefined ? message : CLOSING}`);
    }
  }
}

/** Opens for all who wait when there is a link. */
function newGate(): PromiseWithResolvers<Link> {
  const gate = Promise.withResolvers<Link>();
  gate.promise.catch(() => undefined); // it is closed for good when the client is, and perhaps nobody waits
  return gate;
}

function mayBeRepeated({ kind }: CallFailure, change: boolean): boolean {
  if (kind === 'unsent' || kind === 'busy') return true;
  return !change && (kind === 'silent' || kind === 'lost');
}

function shuffled<T>(items: readonly T[]): T[] {
  return items.map((item) => ({ item, at: Math.random() })).sort((a, b) => a.at - b.at).map(({ item }) => item);
}
