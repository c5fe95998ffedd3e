// Which file serves which type of lock component.
import type { DriverTable } from '../components.ts';
import type { LockStore } from './store.ts';

/** None is stateless: a lock that is renewed, or watched over a stream, is known to the life that took it, and an unlock at another would not end that. */
export const DRIVERS: DriverTable<LockStore> = {
  'lock.in-memory': async () => (await import('./memory.ts')).openMemoryLockStore,
  'lock.redis': async () => (await import('./redis.ts')).openRedisLockStore,
  'lock.etcd': async () => (await import('./etcd.ts')).openEtcdLockStore,
};
