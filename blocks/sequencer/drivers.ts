// Which file serves which type of sequencer component.
import type { DriverTable } from '../components.ts';
import type { SequenceStore } from './store.ts';

/** None is stateless: each would give ids out of a segment of its own, so those of one sidecar would not rise any more. */
export const DRIVERS: DriverTable<SequenceStore> = {
  'sequencer.in-memory': async () => (await import('./memory.ts')).openMemoryStore,
  'sequencer.etcd': async () => (await import('./etcd.ts')).openEtcdSequenceStore,
  'sequencer.redis': async () => (await import('./redis.ts')).openRedisStore,
};
