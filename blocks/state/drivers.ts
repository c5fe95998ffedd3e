// Which file serves which type of state component.
import { stateless, type DriverTable } from '../components.ts';
import type { StateStore } from './store.ts';

/** Not stateless: the file has one writer at a time, and processes that wait for each other's locks are slower than one; and a database in memory is its own process' alone. */
const sqlite = async () => (await import('./sqlite.ts')).openSqliteStore;

export const DRIVERS: DriverTable<StateStore> = {
  'state.in-memory': async () => (await import('./memory.ts')).openMemoryStore,
  // Each call is a transaction of etcd's. A lease belongs to the value that it was made for; one that waits to be revoked would expire by itself.
  'state.etcd': stateless(async () => (await import('./etcd.ts')).openEtcdStore),
  // Each call is a script or a command, compared and written in the server. What a client knows of the server (scripts, slots) it finds out again.
  'state.redis': stateless(async () => (await import('./redis.ts')).openRedisStore),
  'state.sqlite': sqlite,
  'state.sqlite3': sqlite,
};
