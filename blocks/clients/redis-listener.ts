// Listening to channels of Redis, over a connection of its own: it reconnects, subscribes again, and knows by asking whether
// the server still speaks to us.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../block.ts';
import { reconnectDelayMs, RedisRefusal, RedisUnreachable } from './redis-client.ts';
import { failureOf, RedisLink, type OnMessage, type RedisArgument, type RedisReply } from './redis.ts';
import { addressText, type RedisSettings } from './redis-settings.ts';

/** One channel, or a pattern of channels. Each `add` wants objects of its own. */
export interface Subscription {
  readonly channel: string;
  readonly pattern: boolean;
}

/** Sends a command. @throws RedisRefusal, RedisUnreachable */
export type Ask = (command: string, ...args: RedisArgument[]) => Promise<RedisReply>;

/** What a listener tells; nothing after `close`. */
export interface ListenerEvents {
  /** On each new connection, before anything is subscribed on it. What it throws is a refusal, unless it is a RedisUnreachable. */
  prepare(ask: Ask): Promise<void>;
  /** Every message to these comes from now on. After `lost`: all that are wanted, in one call. */
  heard(subscriptions: readonly Subscription[]): void;
  /** The server refuses these; they were never heard, and are not wanted any more. */
  refused(subscriptions: readonly Subscription[], cause: Error): void;
  /** What was heard is not heard until `heard` comes again. */
  lost(reason: string): void;
  message: OnMessage;
}

/** A proof of life is good for this long. Milliseconds. */
const PROOF_MS = 1000;
/** Whoever asks when the last proof is older than this causes a PING. Milliseconds. */
const STALE_MS = 500;
const NO_REASON = 'the connection was closed by the server';
/** Refusals that time mends: the server is starting, runs a script, or has no primary. */
const PASSING: ReadonlySet<string> = new Set(['LOADING', 'BUSY', 'MASTERDOWN']);

/** Connects when there is something to listen to, and from then on whenever there is. Not for clusters. */
export class RedisListener {
  /** Where to, for messages. */
  readonly address: string;
  readonly #settings: RedisSettings;
  readonly #log: Logger;
  readonly #events: ListenerEvents;
  readonly #wanted = new Set<Subscription>();
  /** Those of the wanted ones that the server has accepted once: a later refusal is a disturbance, not an answer. */
  readonly #accepted = new WeakSet<Subscription>();
  readonly #closing = new AbortController();
  #running = false;
  #link: RedisLink | undefined;
  /** The link while subscriptions can be sent on it. */
  #standing: RedisLink | undefined;
  /** The link on which `heard` was told. */
  #heardOn: RedisLink | undefined;
  /** Why the connection is not there, in words. */
  #trouble = NO_REASON;
  /** The log knows that we are not listening; and with which refusal. */
  #warned = false;
  #refusal = '';
  /** When the last answered command was sent (performance.now): whatever happened before it has been heard. */
  #provenMs = Number.NEGATIVE_INFINITY;
  #pinging: RedisLink | undefined;

  constructor(settings: RedisSettings, log: Logger, events: ListenerEvents) {
    this.#settings = settings;
    this.#log = log;
    this.#events = events;
    this.address = settings.addresses.map(addressText).join(',');
  }

  add(subscriptions: readonly Subscription[]): void {
    if (this.#closing.signal.aborted) return;
    for (const subscription of subscriptions) this.#wanted.add(subscription);
    if (this.#standing !== undefined) void this.#subscribe(this.#standing, subscriptions);
    else if (!this.#running) void this.#run();
  }

  /** What the server had sent by then may still be told. */
  remove(subscriptions: readonly Subscription[]): void {
    for (const subscription of subscriptions) {
      if (!this.#wanted.delete(subscription) || this.#standing === undefined) continue;
      const { channel, pattern } = subscription;
      this.#ask(this.#standing, pattern ? 'punsubscribe' : 'unsubscribe', [channel]).catch(() => undefined); // then the link is over anyway
    }
  }

  /** True if whatever was published before the last second has been told. Asking is what makes it look; it answers at once. */
  isLive(): boolean {
    const link = this.#standing;
    if (link === undefined || this.#heardOn !== link) return false;
    const ageMs = performance.now() - this.#provenMs;
    if (ageMs > STALE_MS && this.#pinging !== link) void this.#ping(link);
    return ageMs <= PROOF_MS;
  }

  /** May be called twice. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#wanted.clear();
    this.#standing = undefined;
    await this.#link?.close();
  }

  /** One connection after the other, for as long as there is something to listen to. */
  async #run(): Promise<void> {
    const { signal } = this.#closing;
    this.#running = true;
    for (let attempts = 0; this.#wanted.size > 0; ) {
      const heard = await this.#connection();
      if (this.#wanted.size === 0) break;
      attempts = heard ? 0 : attempts + 1;
      this.#warn(heard);
      await sleep(reconnectDelayMs(this.#settings, attempts), undefined, { signal }).catch(() => undefined); // closed: nothing is wanted any more
    }
    this.#running = false;
  }

  /** From the attempt to connect to the end of the connection. True if something was heard on it. */
  async #connection(): Promise<boolean> {
    const ended = Promise.withResolvers<void>();
    const onTrouble = (reason: string) => { this.#trouble = reason; };
    const onEnd = () => {
      if (this.#standing === link) this.#standing = undefined;
      ended.resolve();
    };
    const onMessage: OnMessage = (channel, payload) => {
      if (this.#standing === link) this.#events.message(channel, payload);
    };
    const link = new RedisLink(this.#settings, onTrouble, onEnd, onMessage);
    this.#link = link;
    this.#trouble = NO_REASON;
    if (!(await link.connect())) return false;
    if (!(await this.#begin(link))) await link.close();
    await ended.promise;
    if (this.#heardOn !== link) return false;
    this.#heardOn = undefined;
    if (!this.#closing.signal.aborted) this.#events.lost(this.#trouble);
    return true;
  }

  async #begin(link: RedisLink): Promise<boolean> {
    try {
      await this.#events.prepare((command, ...args) => this.#ask(link, command, args));
    } catch (cause) {
      if (cause instanceof RedisUnreachable) return false;
      this.#trouble = (cause as Error).message;
      this.#refuse([...this.#wanted], cause as Error);
      return false;
    }
    if (this.#wanted.size === 0) return false;
    this.#standing = link; // what is added from here on is sent on this link
    return this.#subscribe(link, [...this.#wanted]);
  }

  /** False: the link is of no use. All commands leave in one packet. */
  async #subscribe(link: RedisLink, subscriptions: readonly Subscription[]): Promise<boolean> {
    const sentMs = performance.now();
    const answers = await Promise.allSettled(subscriptions.map(({ channel, pattern }) => this.#ask(link, pattern ? 'psubscribe' : 'subscribe', [channel])));
    if (this.#standing !== link) return false;
    const heard: Subscription[] = [];
    let usable = true;
    for (const [index, subscription] of subscriptions.entries()) {
      const answer = answers[index];
      if (answer === undefined || !this.#wanted.has(subscription)) continue;
      if (answer.status === 'fulfilled') heard.push(subscription);
      else if (!(answer.reason instanceof RedisRefusal) || !this.#refuse([subscription], answer.reason)) usable = false;
    }
    if (!usable) {
      this.#standing = undefined;
      void link.close();
      return false;
    }
    this.#provenMs = Math.max(this.#provenMs, sentMs);
    this.#heardOn = link;
    this.#welcome();
    for (const subscription of heard) this.#accepted.add(subscription);
    if (heard.length > 0) this.#events.heard(heard);
    return true;
  }

  /** Gives up those that were never accepted. False if there are others, which are tried again. */
  #refuse(subscriptions: readonly Subscription[], cause: Error): boolean {
    const fresh = subscriptions.filter((subscription) => !this.#accepted.has(subscription));
    for (const subscription of fresh) this.#wanted.delete(subscription);
    if (fresh.length > 0) this.#events.refused(fresh, cause);
    if (fresh.length === subscriptions.length) return true;
    if (this.#refusal !== cause.message) this.#log.error({ redis: this.address }, `can't listen to redis at ${this.address} any more: ${cause.message}; trying again`);
    this.#refusal = cause.message;
    this.#warned = true;
    return false;
  }

  #warn(wasHeard: boolean): void {
    if (this.#warned) return;
    this.#warned = true;
    const what = wasHeard ? 'lost the connection that listens to redis' : 'can\'t listen to redis';
    this.#log.warn({ redis: this.address }, `${what} at ${this.address}: ${this.#trouble}; ${wasHeard ? 'reconnecting' : 'trying again'}`);
  }

  #welcome(): void {
    if (this.#warned) this.#log.info({ redis: this.address }, `listening to redis at ${this.address} again`);
    this.#warned = false;
    this.#refusal = '';
  }

  /** Everything that the server sent before its answer has been handled when the answer is. */
  async #ping(link: RedisLink): Promise<void> {
    this.#pinging = link;
    const sentMs = performance.now();
    try {
      await this.#ask(link, 'ping', []);
    } catch (cause) {
      if (!(cause instanceof RedisRefusal)) return; // the link ends; a refusal is an answer
    } finally {
      if (this.#pinging === link) this.#pinging = undefined;
    }
    if (this.#standing === link) this.#provenMs = sentMs;
  }

  async #ask(link: RedisLink, command: string, args: readonly RedisArgument[]): Promise<RedisReply> {
    try {
      return await link.send(command, args);
    } catch (cause) {
      const failure = failureOf(cause);
      if (failure.kind !== 'refused') throw new RedisUnreachable(`lost the connection to redis at ${this.address}: ${this.#trouble}`);
      const refusal = new RedisRefusal(failure.message);
      if (!PASSING.has(refusal.code)) throw refusal;
      this.#trouble = failure.message;
      throw new RedisUnreachable(`redis at ${this.address} can't answer yet: ${failure.message}`);
    }
  }
}
