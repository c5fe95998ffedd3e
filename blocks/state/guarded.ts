// A state store under the policies of its component: what the API asks of it is tried as they say.
import type { Guard } from '../resiliency/guard.ts';
import { guarded } from '../resiliency/guarded.ts';
import type { StateStore } from './store.ts';

/** A write that is retried may be made twice: who gives a store a policy for retries asks for that, as with daprd. */
export function guardedStore(store: StateStore, guard: Guard): StateStore {
  const { getMany, transact, maxTransactionOperations, ping } = store;
  return {
    ...guarded(store, guard),
    get: (read, scope) => guard.run(scope, (attempt) => store.get(read, attempt)),
    set: (write, scope) => guard.run(scope, (attempt) => store.set(write, attempt)),
    delete: (removal, scope) => guard.run(scope, (attempt) => store.delete(removal, attempt)),
    ...(getMany && { getMany: (reads, scope) => guard.run(scope, (attempt) => getMany.call(store, reads, attempt)) }),
    ...(transact && { transact: (operations, metadata, scope) => guard.run(scope, (attempt) => transact.call(store, operations, metadata, attempt)) }),
    ...(maxTransactionOperations !== undefined && { maxTransactionOperations }),
    ...(ping && { ping: (scope) => ping.call(store, scope) }),
  };
}
