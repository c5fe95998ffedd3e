// The watch of configuration.etcd: one watch of etcd over all keys of the component, open while anything is watched. It
// keeps what it has seen, so that what is added later is told without another read.
import type { EtcdClient, EtcdItem, EtcdWatch } from '../clients/etcd/etcd.ts';
import { configItem, itemsUnder, keyUnder } from './etcd-items.ts';
import type { ConfigItem, Keys, Watch, WatchListener } from './store.ts';

/** Before a watch that the server has ended for good is asked for again: doubles between these bounds. Milliseconds. */
const PAUSE_MS = { min: 1000, max: 30_000 } as const;

export class EtcdConfigWatch implements Watch {
  readonly #etcd: EtcdClient;
  readonly #prefix: string;
  readonly #listener: WatchListener;
  readonly #named = new Set<string>();
  #all = false;
  /** Of what is watched: what was added and not told yet. */
  readonly #untold = new Set<string>();
  #allUntold = false;
  #watch: EtcdWatch | undefined;
  /** Raised with each watch of etcd, so that an earlier one is not heard. */
  #life = 0;
  /** All there is, as of `#revision`; undefined until this watch of etcd has told. */
  #items: Map<string, ConfigItem> | undefined;
  #revision = 0;
  /** The listener was told so, and nothing since. */
  #lost = false;
  #again: NodeJS.Timeout | undefined;
  #pauseMs: number = PAUSE_MS.min;
  #closed = false;

  /** @param prefix of the keys in etcd, which the watch's keys are without */
  constructor(etcd: EtcdClient, prefix: string, listener: WatchListener) {
    this.#etcd = etcd;
    this.#prefix = prefix;
    this.#listener = listener;
  }

  add(keys: Keys): void {
    if (this.#closed) return;
    const told = this.#all && !this.#allUntold;
    if (keys === 'all') {
      if (this.#all) return;
      this.#all = true;
      this.#allUntold = true;
    } else {
      for (const key of keys) {
        if (!told && !this.#named.has(key)) this.#untold.add(key);
        this.#named.add(key);
      }
    }
    if (this.#watch === undefined && this.#again === undefined) this.#open();
    else if (this.#inSight()) queueMicrotask(() => this.#tellUntold()); // who adds is done with that first
  }

  remove(keys: Keys): void {
    if (keys === 'all') {
      this.#all = false;
      this.#allUntold = false;
    } else {
      for (const key of keys) {
        this.#named.delete(key);
        this.#untold.delete(key);
      }
    }
    if (!this.#all && this.#named.size === 0) this.#stop();
  }

  isLive(): boolean {
    return this.#inSight() && this.#watch?.isLive() === true;
  }

  close(): void {
    this.#closed = true;
    this.#stop();
  }

  #open(): void {
    this.#again = undefined;
    const life = ++this.#life;
    const heard = <A extends unknown[]>(then: (...args: A) => void) => (...args: A) => { if (life === this.#life) then(...args); };
    this.#watch = this.#etcd.watch({ prefix: this.#prefix }, {
      snapshot: heard((items, revision) => this.#snapshot(items, revision)),
      changed: heard((changes, revision) => this.#changed(changes, revision)),
      lost: heard((reason) => this.#lose(reason)),
      found: heard(() => this.#found()),
      refused: heard((cause) => this.#refused(cause)),
    });
  }

  #stop(): void {
    this.#forget();
    this.#untold.clear();
    this.#lost = false;
    this.#pauseMs = PAUSE_MS.min;
    clearTimeout(this.#again);
    this.#again = undefined;
  }

  #forget(): void {
    this.#life++;
    this.#watch?.close();
    this.#watch = undefined;
    this.#items = undefined;
  }

  /** A lower revision than before is told like any other: the store was put back to an earlier state, and that is what it is now. */
  #snapshot(items: readonly EtcdItem[], revision: number): void {
    this.#items = new Map(itemsUnder(this.#prefix, items));
    this.#revision = revision;
    this.#pauseMs = PAUSE_MS.min;
    this.#tellAll();
  }

  #changed(changes: ReadonlyMap<string, EtcdItem | undefined>, revision: number): void {
    const items = this.#items;
    if (items === undefined || revision <= this.#revision) return;
    if (!this.#lost) this.#tellUntold(); // as it was before
    const told = new Map<string, ConfigItem | undefined>();
    for (const [path, item] of changes) {
      const key = keyUnder(this.#prefix, item?.key ?? Buffer.from(path));
      if (key === undefined) continue;
      const now = item === undefined ? undefined : configItem(item);
      if (now !== undefined) items.set(key, now);
      else if (!items.delete(key)) continue;
      if (this.#all || this.#named.has(key)) told.set(key, now);
    }
    this.#revision = revision;
    if (this.#lost) this.#tellAll();
    else if (told.size > 0) this.#listener.state(told, false);
  }

  #lose(reason: string): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#listener.lost(reason);
  }

  #found(): void {
    if (this.#lost && this.#items !== undefined) this.#tellAll();
  }

  /** What was told before goes on when the server allows it again; what was not told yet is not watched. */
  #refused(cause: Error): void {
    this.#forget();
    const refused = { names: [...this.#untold], all: this.#allUntold };
    for (const key of refused.names) this.#named.delete(key);
    if (refused.all) this.#all = false;
    this.#untold.clear();
    this.#allUntold = false;
    if (this.#all || this.#named.size > 0) {
      this.#again = setTimeout(() => this.#open(), this.#pauseMs * (0.5 + Math.random() / 2));
      this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MS.max);
      this.#lose(cause.message);
    } else {
      this.#stop();
    }
    if (refused.all) this.#listener.failed('all', cause);
    if (refused.names.length > 0) this.#listener.failed(refused.names, cause);
  }

  #inSight(): boolean {
    return this.#items !== undefined && !this.#lost;
  }

  /** What was added since it was in sight. */
  #tellUntold(): void {
    if (!this.#inSight() || !(this.#allUntold || this.#untold.size > 0)) return;
    const all = this.#allUntold;
    this.#tell(all, this.#untold);
  }

  /** Everything that is watched, and that it is watched again. */
  #tellAll(): void {
    this.#lost = false;
    this.#tell(this.#all, this.#named);
  }

  #tell(all: boolean, named: ReadonlySet<string>): void {
    const changes = new Map<string, ConfigItem | undefined>(all ? this.#items : []);
    for (const key of named) changes.set(key, this.#items?.get(key));
    this.#untold.clear();
    this.#allUntold = false;
    this.#listener.state(changes, all);
  }
}
