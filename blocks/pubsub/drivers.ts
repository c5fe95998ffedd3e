// Which file serves which type of pubsub component.
import type { DriverTable } from '../components.ts';
import type { Broker } from './broker.ts';

export const DRIVERS: DriverTable<Broker> = {
  'pubsub.in-memory': async () => (await import('./memory/broker.ts')).openMemoryBroker,
  'pubsub.redis': async () => (await import('./redis/broker.ts')).openRedisBroker,
  'pubsub.kafka': async () => (await import('./kafka/broker.ts')).openKafkaBroker,
};
