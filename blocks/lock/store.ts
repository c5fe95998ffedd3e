// The contract of a lock store. Its definition is the suite in test/conformance/lock.ts, run against every driver.
import type { CallScope } from '../block.ts';
import type { Awaitable, Driver } from '../driver.ts';

export interface LockRequest {
  /** The stored key: prefix included. */
  readonly key: string;
  readonly owner: string;
}

export interface Lease extends LockRequest {
  /** From when the store takes the lock, by the store's clock. At least 1. */
  readonly expirySeconds: number;
}

/** What became of a renewal. The token is the one that the lock was taken with; a new one where a stranger took it, who knows of none. */
export type Renewal = { readonly status: 'renewed'; readonly token: bigint } | { readonly status: 'absent' } | { readonly status: 'others' };
export type Release = 'released' | 'absent' | 'others';

/**
 * Driver contract of the lock block. All methods may run side by side. Who has a lock and until when is decided by the
 * store alone, in one step each: no clock of ours takes part. A method whose outcome nobody knows throws.
 */
export interface LockStore extends Driver {
  /**
   * Takes the lock if nobody has it, its present owner included.
   * @returns the fencing token: above every token that this key ever had, also over restarts of everything. Undefined: somebody has the lock.
   */
  tryLock(lease: Lease, scope: CallScope): Awaitable<bigint | undefined>;
  /** Lets a lock of this owner expire so many seconds from now, instead of when it would have. */
  renew(lease: Lease, scope: CallScope): Awaitable<Renewal>;
  unlock(request: LockRequest, scope: CallScope): Awaitable<Release>;
}
