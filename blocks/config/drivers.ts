// Which file serves which type of configuration component.
import type { DriverTable } from '../components.ts';
import type { ConfigStore } from './store.ts';

export const DRIVERS: DriverTable<ConfigStore> = {};
