// A sequence store under the policies of its component. Ids that an attempt took whose answer was lost are a gap.
import type { Guard } from '../resiliency/guard.ts';
import { guarded } from '../resiliency/guarded.ts';
import type { SequenceStore } from './store.ts';

export function guardedStore(store: SequenceStore, guard: Guard): SequenceStore {
  return {
    ...guarded(store, guard),
    take: (key, count, scope) => guard.run(scope, (attempt) => store.take(key, count, attempt)),
    last: (key, scope) => store.last(key, scope), // asked while the component starts, which is tried again anyway
  };
}
