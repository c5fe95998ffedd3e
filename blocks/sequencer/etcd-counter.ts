// Takes ids from a counter in etcd by compare and put: a transaction compares what the key was and puts what it becomes.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../block.ts';
import type { EtcdClient, EtcdCompare, EtcdItem } from '../clients/etcd/etcd.ts';
import { LAST_ID, SequenceExhausted } from './store.ts';

/** For one call; all but the last lost against other sidecars. With their pauses they take a few seconds. */
const MAX_ATTEMPTS = 50;
/** So many attempts follow each other at once, with what the lost one found. After that a pause lets others finish. */
const EAGER_ATTEMPTS = 3;
/** The longest pause; each is random up to a bound that doubles until here. Milliseconds. */
const MAX_PAUSE_MS = 100;
/** Keys that are remembered, so that the next attempt needs no look at the key. */
const MAX_REMEMBERED = 4096;

/** Somebody who wants ids that follow each other. */
export interface Taker {
  readonly count: bigint;
  /** False: nobody waits for them any more. */
  wants(): boolean;
  give(first: bigint): void;
  fail(cause: Error): void;
}

/** A key as it was seen. */
interface Sight {
  /** 0 for a key that does not exist. */
  readonly modRevision: number;
  readonly value: Buffer;
  readonly last: bigint;
}

const NOTHING: Sight = { modRevision: 0, value: Buffer.alloc(0), last: 0n };

export class EtcdCounter {
  readonly #etcd: EtcdClient;
  readonly #log: Logger;
  readonly #remembered = new Map<string, Sight>();
  readonly #closing = new AbortController();

  constructor(etcd: EtcdClient, log: Logger) {
    this.#etcd = etcd;
    this.#log = log;
  }

  /** The last id taken. */
  async last(path: string, signal?: AbortSignal): Promise<bigint> {
    return (await this.#look(path, signal)).last;
  }

  /**
   * Gives each taker its ids, in order and without a gap between them, or fails it.
   * @throws for all of them what etcd threw: their ids may be taken, and then they are lost
   */
  async take(path: string, takers: readonly Taker[]): Promise<void> {
    let seen = this.#remembered.get(path) ?? (await this.#look(path));
    for (let attempt = 1; ; attempt++) {
      const { given, last } = share(seen.last, takers);
      if (given.length === 0) return;
      const value = Buffer.from(last.toString());
      const own = this.#taken(path);
      const { succeeded, revision, found } = await this.#etcd.transact({
        compare: unchanged(path, seen),
        success: [{ kind: 'put', key: path, value }],
        failure: [{ kind: 'range', range: { key: path } }],
      });
      if (succeeded) {
        this.#remember(path, { modRevision: revision, value, last });
        for (const { taker, first } of given) taker.give(first);
        return;
      }
      seen = this.#sight(path, found[0]?.[0], own);
      if (attempt === MAX_ATTEMPTS) throw new Error(`in ${attempt} attempts to take ids of ${path} in etcd somebody else was faster`);
      if (attempt < EAGER_ATTEMPTS) continue;
      await sleep(Math.random() * Math.min(2 ** attempt, MAX_PAUSE_MS), undefined, { signal: this.#closing.signal });
      seen = await this.#look(path); // what was found before the pause is old by now
    }
  }

  close(): void {
    this.#closing.abort(new Error('the component is closing'));
  }

  async #look(path: string, signal?: AbortSignal): Promise<Sight> {
    const own = this.#taken(path);
    const { items } = await this.#etcd.range({ key: path }, signal);
    return this.#sight(path, items[0], own);
  }

  /** The last id that was taken here, as far as it is remembered. */
  #taken(path: string): bigint {
    return this.#remembered.get(path)?.last ?? 0n;
  }

  /**
   * What the store has, unless that is less than what had been taken here: a store that lost data must not give ids out again.
   * @param own the last id taken here before the store was asked
   */
  #sight(path: string, item: EtcdItem | undefined, own: bigint): Sight {
    const seen = item === undefined ? NOTHING : { modRevision: item.modRevision, value: item.value, last: lastOf(path, item) };
    if (seen.last >= own) return seen;
    this.#log.warn({ key: path, stored: seen.last.toString(), taken: own.toString() }, `${path} in etcd is at ${seen.last} although ${own} was taken: its data was lost or changed; the ids go on after ${own}`);
    return { ...seen, last: own };
  }

  #remember(path: string, sight: Sight): void {
    this.#remembered.delete(path); // the order of the map is that of the last use
    this.#remembered.set(path, sight);
    if (this.#remembered.size <= MAX_REMEMBERED) return;
    for (const oldest of this.#remembered.keys()) {
      this.#remembered.delete(oldest);
      return;
    }
  }
}

/** Who gets which ids after `last`, and the last of those. Fails who asks for more than there are. */
function share(last: bigint, takers: readonly Taker[]): { readonly given: readonly { readonly taker: Taker; readonly first: bigint }[]; readonly last: bigint } {
  const given: { readonly taker: Taker; readonly first: bigint }[] = [];
  let end = last;
  for (const taker of takers) {
    if (!taker.wants()) continue;
    if (end + taker.count > LAST_ID) {
      taker.fail(new SequenceExhausted(Number(taker.count)));
      continue;
    }
    given.push({ taker, first: end + 1n });
    end += taker.count;
  }
  return { given, last: end };
}

/** The value as well: after a restore from a backup a revision may come a second time. */
function unchanged(key: string, { modRevision, value }: Sight): readonly EtcdCompare[] {
  const same: EtcdCompare = { key, target: 'mod', is: '=', than: modRevision };
  return modRevision === 0 ? [same] : [same, { key, target: 'value', is: '=', than: value }];
}

/** Layotto keeps an empty value, and counts its writes: the version is the last id then. */
function lastOf(path: string, { value, version }: EtcdItem): bigint {
  if (value.length === 0) return BigInt(version);
  const last = /^\d{1,19}$/.test(value.toString('latin1')) ? BigInt(value.toString('latin1')) : undefined;
  if (last === undefined || last > LAST_ID) throw new Error(`${path} in etcd is no sequence: its value is not a whole number from 0 to ${LAST_ID}`);
  return last;
}
