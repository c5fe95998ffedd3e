// Which file serves which type of state component.
import type { DriverTable } from '../components.ts';
import type { StateStore } from './store.ts';

const sqlite = async () => (await import('./sqlite.ts')).openSqliteStore;

export const DRIVERS: DriverTable<StateStore> = {
  'state.in-memory': async () => (await import('./memory.ts')).openMemoryStore,
  'state.etcd': async () => (await import('./etcd.ts')).openEtcdStore,
  'state.redis': async () => (await import('./redis.ts')).openRedisStore,
  'state.sqlite': sqlite,
  'state.sqlite3': sqlite,
};
