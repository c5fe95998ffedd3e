// Which file serves which type of configuration component.
import type { DriverTable } from '../components.ts';
import type { ConfigStore } from './store.ts';

/** None is stateless: who is subscribed to what, and what it was told last, is known where its driver is. */
export const DRIVERS: DriverTable<ConfigStore> = {
  'configuration.in-memory': async () => (await import('./memory.ts')).openMemoryConfig,
  'configuration.redis': async () => (await import('./redis.ts')).openRedisConfig,
  'configuration.etcd': async () => (await import('./etcd.ts')).openEtcdConfigStore,
};
