// Which file serves which type of sequencer component.
import type { DriverTable } from '../components.ts';
import type { SequenceStore } from './store.ts';

export const DRIVERS: DriverTable<SequenceStore> = {};
