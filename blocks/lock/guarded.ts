// A lock store under the policies of its component.
import type { Guard } from '../resiliency/guard.ts';
import { guarded } from '../resiliency/guarded.ts';
import type { LockStore } from './store.ts';

/**
 * A lock whose first answer was lost is held, and a retry finds it taken: it expires. Renewals have their timeout and their
 * breaker, but are not retried here: whoever renews does that in time with the lock's expiry, which a policy's pauses know nothing of.
 */
export function guardedStore(store: LockStore, guard: Guard): LockStore {
  return {
    ...guarded(store, guard),
    tryLock: (lease, scope) => guard.run(scope, (attempt) => store.tryLock(lease, attempt)),
    unlock: (request, scope) => guard.run(scope, (attempt) => store.unlock(request, attempt)),
    renew: (lease, scope) => guard.once(scope, (attempt) => store.renew(lease, attempt)),
  };
}
