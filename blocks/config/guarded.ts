// A configuration store under the policies of its component: its reads. Its watch mends itself; how subscriptions begin is
// subscriptions.ts' business.
import type { Guard } from '../resiliency/guard.ts';
import { guarded } from '../resiliency/guarded.ts';
import type { ConfigStore } from './store.ts';

export function guardedStore(store: ConfigStore, guard: Guard): ConfigStore {
  return {
    ...guarded(store, guard),
    get: (keys, metadata, scope) => guard.run(scope, (attempt) => store.get(keys, metadata, attempt)),
    openWatch: (listener) => store.openWatch(listener),
    watchesAllCheaply: store.watchesAllCheaply,
  };
}
