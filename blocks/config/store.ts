// The contract of a configuration store. Its definition is the suite in test/conformance/config.ts, run against every
// driver. Order, the mending of a watch and what is one change are the driver's business; who is told of it is hub.ts'.
import type { CallScope } from '../block.ts';
import type { Awaitable, Driver } from '../driver.ts';

export type StringMap = Readonly<Record<string, string>>;

export interface ConfigItem {
  readonly value: string;
  /** As the store numbers it, or whoever wrote it; `''`: it has none. */
  readonly version: string;
  readonly metadata: StringMap;
}

export type Items = ReadonlyMap<string, ConfigItem>;
/** Keys as they are now; undefined: there is no such key. */
export type Changes = ReadonlyMap<string, ConfigItem | undefined>;
/** A list of keys that isn't empty, or all keys there are and will be. */
export type Keys = readonly string[] | 'all';

/** Driver contract of the configuration block. */
export interface ConfigStore extends Driver {
  /**
   * Those of the keys that exist, from the store itself.
   * @param metadata of the request
   * @throws the backend's own error
   */
  get(keys: Keys, metadata: StringMap, scope: CallScope): Awaitable<Items>;
  /** The one watch of this component. It watches nothing at first. Closed with the store. */
  openWatch(listener: WatchListener): Watch;
  /** True: watching all keys costs the store no more than watching some, so that also reads of all keys are worth a cache. */
  readonly watchesAllCheaply: boolean;
}

export interface Watch {
  /** Begins to watch keys: `state` follows for each of them, or `failed`. Keys that are watched already are not told again. */
  add(keys: Keys): void;
  /** Nothing more is told of them. `'all'` ends what `add('all')` began: keys that were added by name go on, without a gap and without another `state`. */
  remove(keys: Keys): void;
  /**
   * True if a change that happened before the last second would have been told by now: there is proof that the store speaks to
   * us. Cheap; asking is what makes the driver look for another proof when the last one gets old, so a watch that nobody
   * asks causes no traffic.
   */
  isLive(): boolean;
}

/**
 * What a watch says, in the order in which the store changed, and never after the store was closed. A watch that was
 * interrupted mends itself for as long as the store is open.
 */
export interface WatchListener {
  /**
   * What these keys are now. Told of every watched key when it was added; of what changed, one call for what changed in
   * one step; and of every watched key after `lost`, which also says that it is watched again. It may say what is known.
   * @param complete true where all keys are watched and these are all there are: any other is gone
   */
  state(changes: Changes, complete: boolean): void;
  /** These keys changed, and `state` will say how, by a read that began after this: until then nobody knows what they are. */
  touched(keys: readonly string[]): void;
  /** Nothing is heard until `state` comes again. Told once, however many attempts to mend it fail. @param reason for people */
  lost(reason: string): void;
  /** They can't be watched, and are not: the store refuses it. Told only where `add` is refused. */
  failed(keys: Keys, cause: Error): void;
}
