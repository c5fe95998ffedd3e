// The contract between the hub of a component and those who subscribe to its keys.
import type { KnownItem } from './known-item.ts';
import type { Keys } from './store.ts';

/** A key's change, of which some may know already. */
export interface Change {
  readonly now: KnownItem;
  /** The digest of what all were told before, but for those that are behind. */
  readonly before: string;
}

/** Who wants to know of changes. */
export interface Subscriber {
  /** Each once. */
  readonly keys: Keys;
  /**
   * Its keys are watched and known: it is told of whatever changes from now on.
   * @param unsure of these it is only known that they have changed again: what they are is told next, whatever it is
   */
  ready(unsure: readonly string[]): void;
  /** Keys of its own that changed in one step. */
  changed(step: readonly Change[]): void;
  /** The store does not watch its keys. Who stays is told of changes once it does. */
  refused(cause: Error): void;
}
