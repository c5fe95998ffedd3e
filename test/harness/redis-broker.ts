// Redis brokers for tests: what is abandoned comes again soon, and nobody waits for long.
import { randomUUID } from 'node:crypto';
import type { Broker } from '../../blocks/pubsub/broker.ts';
import { openRedisBroker } from '../../blocks/pubsub/redis/broker.ts';
import type { BrokerFixture } from '../conformance/broker.ts';
import { componentSpec, driverContext, memoryLog, type MemoryLog } from '../support.ts';

type Metadata = Readonly<Record<string, string>>;

const FAST: Metadata = { processingTimeout: '1m', redeliverInterval: '200ms', redisMinRetryInterval: '20ms', redisMaxRetryInterval: '100ms' };

export function redisBroker(metadata: Metadata, log: MemoryLog = memoryLog()): Promise<Broker> {
  return openRedisBroker(componentSpec('pubsub.redis', { ...FAST, ...metadata }), driverContext(log), AbortSignal.timeout(5000));
}

export async function redisFixture(metadata: Metadata): Promise<BrokerFixture> {
  const broker = await redisBroker(metadata);
  const brokers = [broker];
  return {
    broker,
    another: async () => {
      const other = await redisBroker(metadata);
      brokers.push(other);
      return other;
    },
    topic: () => `topic-${randomUUID()}`,
    close: async () => void (await Promise.all(brokers.map((one) => one.close()))),
  };
}
