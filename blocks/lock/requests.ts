// The typed requests of the lock block: what both protocols decode to. The resource is the app's own.
import type { Release, Renewal } from './store.ts';

export interface LockName {
  readonly store: string;
  readonly resource: string;
  readonly owner: string;
}

export interface TryLockRequest extends LockName {
  readonly expirySeconds: number;
  /** `bulkhead-renew` as it came; undefined: it did not. */
  readonly renew: string | undefined;
}

export type UnlockRequest = LockName;

export interface RenewRequest extends LockName {
  readonly expirySeconds: number;
}

export interface HoldRequest extends RenewRequest {
  readonly releaseOnClose: boolean;
}

/** The fencing token; undefined: somebody has the lock. */
export type TryLockResult = bigint | undefined;

export const RENEW_HEADER = 'bulkhead-renew';
export const TOKEN_HEADER = 'bulkhead-fencing-token';

/** The numbers of UnlockResponse.Status, which RenewLockResponse.Status shares. */
const STATUS: Readonly<Record<Release | Renewal['status'], number>> = { released: 0, renewed: 0, absent: 1, others: 2 };

export function statusOf(outcome: Release | Renewal['status']): number {
  return STATUS[outcome];
}
