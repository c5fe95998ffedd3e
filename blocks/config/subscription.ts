// One subscription: what it wants, what it was told, and what it has yet to be told. How it is told is its sink's business: a
// gRPC stream (stream.ts) or the application (app-push.ts).
import type { Logger } from '../block.ts';
import { Backlog, type Portion } from './backlog.ts';
import { UNSURE, type KnownItem } from './known-item.ts';
import type { Ledger, Noted } from './ledger.ts';
import type { Keys } from './store.ts';
import type { Change, Subscriber } from './subscriber.ts';

/** Where a subscription's changes go. */
export interface Sink {
  /** The subscription stands: its id may be told. */
  ready(): void;
  /** There is something to tell. */
  pump(): void;
  /** The store does not watch the keys, before `ready` or after it. */
  refused(cause: Error): void;
  /** Somebody ended the subscription. */
  end(): void;
  /** The block closes. */
  close(): void;
  /** The subscription wants nothing any more. */
  left?(): void;
}

/** A key of which it was told less than there is to tell. */
interface Behind {
  /** The digest of what it was told last. */
  told: string;
  /** The last that it will be told. Undefined: what that is was not heard yet. */
  newest: KnownItem | undefined;
  /** The ledger has it. */
  noted: boolean;
}

export class Subscription implements Subscriber {
  readonly id: string;
  readonly store: string;
  readonly keys: Keys;
  /** The kernel's name for its stream; undefined: it is the application's. */
  readonly stream: string | undefined;
  /** Undefined while a stream of the block's former life has not come back. */
  sink: Sink | undefined;
  readonly #ledger: Ledger;
  readonly #log: Logger;
  readonly #left: (subscription: Subscription) => void;
  readonly #backlog = new Backlog();
  readonly #behind = new Map<string, Behind>();
  #warned = false;
  #resting = false;
  /** What `ready` came with while it was resting. */
  #readyWith: readonly string[] | undefined;
  #over = false;

  /** @param left runs once, when it wants nothing any more */
  constructor({ id, store, keys, stream, behind }: Noted, ledger: Ledger, log: Logger, left: (subscription: Subscription) => void) {
    this.id = id;
    this.store = store;
    this.keys = keys;
    this.stream = stream;
    this.#ledger = ledger;
    this.#log = log;
    this.#left = left;
    for (const [key, told] of behind) this.#behind.set(key, { told, newest: undefined, noted: true });
  }

  /** Keys of which it was told less than the others. */
  get behind(): Iterable<string> {
    return this.#behind.keys();
  }

  ready(unsure: readonly string[]): void {
    if (this.#resting) { // nobody would know that it stands
      this.#readyWith = unsure;
      return;
    }
    for (const key of unsure) this.#note(key, { told: UNSURE, newest: undefined, noted: true });
    this.#ledger.begin(this);
    this.sink?.ready();
  }

  refused(cause: Error): void {
    if (this.sink === undefined) this.leave();
    else this.sink.refused(cause);
  }

  changed(step: readonly Change[]): void {
    if (this.#over) return;
    const items = step.filter((change) => this.#isNew(change)).map(({ now }) => now);
    if (items.length === 0) return;
    if (!this.#backlog.add(items) && !this.#warned) {
      this.#warned = true;
      this.#log.warn({ component: this.store, subscription: this.id }, `a subscriber of configuration store ${this.store} is told of changes more slowly than they happen: it will be told what keys are, but not all that they were in between`);
    }
    this.sink?.pump();
    for (const { key } of items) { // whoever could be told at once is not behind
      const behind = this.#behind.get(key);
      if (behind !== undefined && !behind.noted) this.#note(key, behind);
    }
  }

  /** Another life goes on with it, and tells what there is to tell. */
  rest(): void {
    this.#resting = true;
  }

  /** None does. */
  resume(): void {
    this.#resting = false;
    if (this.#readyWith !== undefined) this.ready(this.#readyWith);
    this.#readyWith = undefined;
    this.sink?.pump();
  }

  /** What to tell next, each key once; `told` or `setAside` is to follow for each item. Undefined: there is nothing. */
  next(portion: Portion): readonly KnownItem[] | undefined {
    if (this.#resting) return undefined;
    for (let taken = this.#backlog.take(portion); taken !== undefined; taken = this.#backlog.take(portion)) {
      const news = taken.filter((item) => {
        const same = this.#behind.get(item.key)?.told === item.digest; // it has become what it was
        if (same) this.told(item);
        return !same;
      });
      if (news.length > 0) return news;
    }
    return undefined;
  }

  /** The item is about to be told by a request: if the block dies over it, nobody knows whether it was. */
  telling({ key }: KnownItem): void {
    this.#note(key, this.#behind.get(key)!, UNSURE);
  }

  /** The item was told, or will never be. */
  told(item: KnownItem): void {
    const { key } = item;
    const behind = this.#behind.get(key);
    if (behind === undefined || this.#over) return;
    behind.told = item.digest;
    if (behind.newest === item) this.#catchUp(key, behind);
    else if (behind.noted) this.#note(key, behind);
  }

  /** The item was not told after all. `setAside` is to follow. */
  notTold({ key }: KnownItem): void {
    const behind = this.#behind.get(key);
    if (behind !== undefined) this.#note(key, behind);
  }

  /** Nothing can be told for now: of all that waits only what keys are is kept. @param untold were taken, and come back */
  setAside(untold: readonly KnownItem[]): void {
    this.#backlog.merge(untold);
  }

  /** It wants nothing any more. May be called twice. */
  leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.sink?.left?.();
    this.#left(this);
    for (const [key, behind] of this.#behind) this.#catchUp(key, behind);
    this.#ledger.end(this.id);
  }

  #isNew({ now, before }: Change): boolean {
    const { key, digest } = now;
    const behind = this.#behind.get(key);
    if (behind === undefined) {
      if (before === digest) return false; // another one was behind
      this.#behind.set(key, { told: before, newest: now, noted: false });
      return true;
    }
    if (behind.newest === undefined && behind.told === digest) this.#catchUp(key, behind);
    else if (behind.newest?.digest !== digest) {
      behind.newest = now;
      return true;
    }
    return false;
  }

  /** The next life would know that it is behind. */
  #note(key: string, behind: Behind, told = behind.told): void {
    behind.noted = true;
    this.#behind.set(key, behind);
    if (!this.#over) this.#ledger.behind(this.id, key, told);
  }

  #catchUp(key: string, { noted }: Behind): void {
    this.#behind.delete(key);
    if (noted) this.#ledger.caughtUp(this.id, key);
  }
}
