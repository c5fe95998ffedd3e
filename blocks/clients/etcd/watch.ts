// One watch: what there is, then what changes, revision by revision, over as many connections as it takes.
//
// Facts of etcd that this is built on:
// - The revision in an answer's header is the store's. How far a watch has come is told by its events alone, and by the notes
//   that `progress_notify` brings every ten minutes. An answer to a progress request may overtake events: before 3.4.25 and
//   3.5.8 etcd gives it whatever is still to come.
// - A watch that begins in the past is caught up by and by (ten times a second), and etcd does not say when that is done.
// - "created" comes also for a watch that begins in compacted history; the cancellation follows it.
// - A member that lags behind shows a lower revision than was heard before, and has lost nothing: only a linearizable read
//   tells it from a store that came back with less than it had.
import { SortOrder, SortTarget, type IEvent } from 'etcd3';
import { EtcdRefusal, type EtcdItem, type EtcdRange, type EtcdWatch, type EtcdWatchListener } from './etcd.ts';
import { CallFailure } from './failures.ts';
import type { Answer, Request } from './grpc.ts';
import type { Link } from './link.ts';
import { WatchStream } from './watch-stream.ts';
import { boundsAfter, boundsOf, itemOf, type Bounds } from './wire.ts';

/** A proof that is older is looked for again, if somebody asks. Milliseconds. */
const FRESH_MS = 500;
/** A proof that is older is none. Milliseconds. */
const PROOF_MS = 1000;
/** Bounds of the pause before another attempt over the same connection. Milliseconds. */
const PAUSE_MS = { min: 50, max: 2000 } as const;
/** Items read at once for a snapshot, so that no answer gets too large or takes too long. */
const PAGE = 4096;

type Header = Answer<'range'>['header'];

/** All there is, before it is told. */
interface Snapshot {
  readonly items: readonly EtcdItem[];
  readonly revision: number;
}

/** What happened while the connection was away, and has not all been told. */
interface Missed {
  /** The newest change that is still to be seen in the store. */
  readonly newest: number;
  /** How many keys there are after all of it. */
  readonly count: number;
  /** The store's revision then. */
  readonly revision: number;
  /** How many keys there are after what was told. */
  told: number;
  /** When that was asked. */
  readonly since: number;
}

/** A look for a proof of life. */
interface Search {
  readonly since: number;
  /** That the watch has to come to; undefined until it is known. */
  revision: number | undefined;
  timer: NodeJS.Timeout | undefined;
}

export class Watch implements EtcdWatch {
  readonly #bounds: Bounds;
  readonly #listener: EtcdWatchListener;
  readonly #timeoutMs: number;
  readonly #onOver: () => void;
  #over = false;
  #link: Link | undefined;
  #stream: WatchStream | undefined;
  /** Changes with each attempt: what comes of an older one is not listened to. */
  #attempt = {};
  #retry: NodeJS.Timeout | undefined;
  #failures = 0;
  /** The revision to go on from; undefined: there is nothing to go on from. */
  #next: number | undefined;
  /** Of the store, as it was heard last. */
  #header: Header | undefined;
  #missed: Missed | undefined;
  /** `lost` was told, and nothing since. */
  #lost = false;
  /** True while changes are heard as they happen. */
  #listening = false;
  #search: Search | undefined;
  #searchedAt = Number.NEGATIVE_INFINITY;
  /** All that had changed by then was told. */
  #provenAt = Number.NEGATIVE_INFINITY;

  /** @param onOver called when nothing follows any more */
  constructor(range: EtcdRange, listener: EtcdWatchListener, timeoutMs: number, onOver: () => void) {
    this.#bounds = boundsOf(range);
    this.#listener = listener;
    this.#timeoutMs = timeoutMs;
    this.#onOver = onOver;
  }

  isLive(): boolean {
    if (!this.#listening) return false;
    const now = performance.now();
    const age = now - this.#provenAt;
    if (age > FRESH_MS && now - this.#searchedAt > FRESH_MS) void this.#seekProof(now);
    return age <= PROOF_MS;
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#halt();
    this.#onOver();
  }

  /** There is a connection. */
  attach(link: Link): void {
    this.#link = link;
    this.#failures = 0;
    void this.#begin(link);
  }

  /** There is none. */
  detach(reason: string): void {
    if (this.#over) return;
    this.#link = undefined;
    this.#halt();
    this.#lose(reason);
  }

  /** Finds out where to begin, and begins there. */
  async #begin(link: Link): Promise<void> {
    this.#halt();
    const attempt = (this.#attempt = {});
    try {
      const since = performance.now();
      const missed = this.#next === undefined ? undefined : await this.#recall(link, this.#next);
      const snapshot = missed === undefined ? await this.#readAll(link) : undefined;
      if (attempt !== this.#attempt) return;
      const from = snapshot === undefined ? (this.#next ?? 0) : snapshot.revision + 1;
      this.#stream = new WatchStream(link, this.#bounds, from, this.#timeoutMs, {
        created: () => this.#onCreated(from, snapshot, missed, since),
        changed: (events, revision) => this.#onChanged(events, revision),
        passed: (revision) => this.#onPassed(revision),
        progress: (revision) => this.#onProgress(revision),
        ended: (cause) => this.#onFailure(cause),
      });
    } catch (cause) {
      if (attempt === this.#attempt) this.#onFailure(cause);
    }
  }

  /** Stops what is under way. */
  #halt(): void {
    this.#attempt = {};
    clearTimeout(this.#retry);
    this.#stream?.close();
    this.#stream = undefined;
    this.#missed = undefined;
    this.#provenAt = Number.NEGATIVE_INFINITY;
    this.#listening = false;
    this.#endSearch();
  }

  /** What happened from a revision on; undefined where that can't be told any more. @throws CallFailure */
  async #recall(link: Link, next: number): Promise<Missed | undefined> {
    try {
      const { count: before } = await this.#ask(link, { ...this.#bounds, revision: next - 1, count_only: true });
      const since = performance.now();
      const { header, kvs, count } = await this.#ask(link, { ...this.#bounds, sort_target: SortTarget.Mod, sort_order: SortOrder.Descend, limit: 1, keys_only: true });
      const known = this.#header;
      this.#header = header;
      // Another cluster, or one that began anew from a copy, may have the same numbers.
      if (known !== undefined && (known.cluster_id !== header.cluster_id || Number(header.raft_term) < Number(known.raft_term))) return undefined;
      return { newest: Number(kvs[0]?.mod_revision ?? 0), count: Number(count), revision: Number(header.revision), told: Number(before), since };
    } catch (cause) {
      if (isHistoryGone(cause)) return undefined;
      throw cause;
    }
  }

  /** Page by page, as of one revision. @throws CallFailure */
  async #readAll(link: Link): Promise<Snapshot> {
    const { header, kvs, more } = await this.#ask(link, { ...this.#bounds, limit: PAGE });
    const revision = Number(header.revision);
    this.#header = header;
    const items = kvs.map(itemOf);
    for (let left = more; left; ) {
      const last = items.at(-1)?.key;
      if (last === undefined) break;
      const page = await this.#ask(link, { ...boundsAfter(this.#bounds, last), limit: PAGE, revision });
      for (const kv of page.kvs) items.push(itemOf(kv));
      left = page.more;
    }
    return { items, revision };
  }

  #ask(link: Link, request: Request<'range'>): Promise<Answer<'range'>> {
    return link.call('range', request, { timeoutMs: this.#timeoutMs, repeatable: true });
  }

  #onCreated(from: number, snapshot: Snapshot | undefined, missed: Missed | undefined, since: number): void {
    this.#listening = true;
    this.#failures = 0;
    this.#next = from;
    this.#missed = missed;
    if (snapshot !== undefined) {
      this.#provenAt = since;
      this.#lost = false;
      this.#listener.snapshot(snapshot.items, snapshot.revision);
    } else this.#catchUp(from - 1);
  }

  #onChanged(events: readonly IEvent[], revision: number): void {
    this.#next = revision + 1;
    const changes = new Map<string, EtcdItem | undefined>();
    for (const { type, kv } of events) {
      changes.set(kv.key.toString(), type === 'Delete' ? undefined : itemOf(kv));
      if (this.#missed !== undefined) this.#missed.told += type === 'Delete' ? -1 : kv.version === '1' ? 1 : 0;
    }
    this.#lost = false;
    this.#listener.changed(changes, revision);
    this.#catchUp(revision);
    this.#onProgress(revision);
  }

  #onPassed(revision: number): void {
    this.#next = revision + 1;
    this.#catchUp(revision);
    this.#onProgress(revision);
  }

  /** Sees whether all that was missed has been told. */
  #catchUp(revision: number): void {
    const missed = this.#missed;
    // After the newest change that is still to be seen there can only be deletions, and each makes one key less.
    if (missed === undefined || (revision <= missed.revision && (revision < missed.newest || missed.told !== missed.count))) return;
    this.#missed = undefined;
    this.#provenAt = missed.since;
    if (!this.#lost || this.#over) return;
    this.#lost = false;
    this.#listener.found();
  }

  /** Asks the store for its revision, and the watch whether it has come that far. */
  async #seekProof(now: number): Promise<void> {
    const [link, stream] = [this.#link, this.#stream];
    if (link === undefined || stream === undefined || this.#search !== undefined) return;
    this.#searchedAt = now;
    const search: Search = (this.#search = { since: now, revision: undefined, timer: undefined });
    try {
      const { header } = await this.#ask(link, { key: this.#bounds.key, limit: 1, keys_only: true });
      if (search !== this.#search) return;
      search.revision = Number(header.revision);
      search.timer = setTimeout(() => this.#onFailure(new CallFailure('silent', `the watch did not answer within ${this.#timeoutMs} ms`)), this.#timeoutMs).unref();
      stream.askProgress();
    } catch {
      if (search === this.#search) this.#endSearch(); // there is no proof then, and if the connection is gone it says so itself
    }
  }

  #onProgress(revision: number): void {
    const { since, revision: wanted } = this.#search ?? {};
    if (since === undefined || wanted === undefined || revision < wanted) return;
    if (this.#missed === undefined) this.#provenAt = since; // else it is alive, and behind
    this.#endSearch();
  }

  #endSearch(): void {
    clearTimeout(this.#search?.timer);
    this.#search = undefined;
  }

  #onFailure(cause: unknown): void {
    if (this.#over) return;
    this.#halt();
    if (cause === 'compacted' || isHistoryGone(cause)) this.#next = undefined;
    else if (!(cause instanceof CallFailure)) throw cause;
    else if (cause.kind === 'refused' || cause.kind === 'token') return this.#refuse(cause.message);
    else this.#lose(cause.message);
    const link = this.#link;
    if (link === undefined || link.ended) return; // there will be another one
    const bound = Math.min(PAUSE_MS.max, PAUSE_MS.min * 2 ** Math.min(this.#failures, 20));
    const pauseMs = this.#failures++ === 0 ? 0 : bound * (0.5 + Math.random() / 2);
    this.#retry = setTimeout(() => void this.#begin(link), pauseMs).unref();
  }

  #lose(reason: string): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#listener.lost(reason);
  }

  #refuse(reason: string): void {
    this.close();
    this.#listener.refused(new EtcdRefusal(reason));
  }
}

/** What is asked for has been compacted, or belongs to another history. */
function isHistoryGone(cause: unknown): boolean {
  return cause instanceof CallFailure && /required revision (?:has been compacted|is a future revision)/.test(cause.message);
}
