// Which file serves which type of configuration component.
import type { DriverTable } from '../components.ts';
import type { ConfigStore } from './store.ts';

export const DRIVERS: DriverTable<ConfigStore> = {
  'configuration.in-memory': async () => (await import('./memory.ts')).openMemoryConfig,
  'configuration.redis': async () => (await import('./redis.ts')).openRedisConfig,
  'configuration.etcd': async () => (await import('./etcd.ts')).openEtcdConfigStore,
};
