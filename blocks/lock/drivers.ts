// Which file serves which type of lock component.
import type { DriverTable } from '../components.ts';
import type { LockStore } from './store.ts';

export const DRIVERS: DriverTable<LockStore> = {};
