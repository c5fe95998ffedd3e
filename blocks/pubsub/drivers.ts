// Which file serves which type of pubsub component.
import type { DriverTable } from '../components.ts';
import type { Broker } from './broker.ts';

/** None is stateless: each would subscribe, and deliveries, their order and what is poison would be each one's own. */
export const DRIVERS: DriverTable<Broker> = {
  'pubsub.in-memory': async () => (await import('./memory/broker.ts')).openMemoryBroker,
  'pubsub.redis': async () => (await import('./redis/broker.ts')).openRedisBroker,
  'pubsub.kafka': async () => (await import('./kafka/broker.ts')).openKafkaBroker,
};
