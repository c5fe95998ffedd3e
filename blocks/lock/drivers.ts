// Which file serves which type of lock component.
import type { DriverTable } from '../components.ts';
import type { LockStore } from './store.ts';

export const DRIVERS: DriverTable<LockStore> = {
  'lock.in-memory': async () => (await import('./memory.ts')).openMemoryLockStore,
  'lock.redis': async () => (await import('./redis.ts')).openRedisLockStore,
  'lock.etcd': async () => (await import('./etcd.ts')).openEtcdLockStore,
};
