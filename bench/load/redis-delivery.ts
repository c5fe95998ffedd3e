// Messages added to a Redis stream by ioredis, and counted where they arrive: the publisher of the lane without a sidecar.
import { Redis } from 'ioredis';
import { Stamped } from '../deliveries.ts';
import { serveDeliveries, type DeliverySpec } from './outstanding.ts';

export interface RedisDeliverySpec extends DeliverySpec {
  readonly topic: string;
  readonly event: string;
  readonly messagesPerCall: number;
}

serveDeliveries<RedisDeliverySpec>(({ port, topic, event, messagesPerCall }) => {
  const redis = new Redis({ host: '127.0.0.1', port });
  const message = new Stamped(Buffer.from(event));
  return {
    messagesPerCall,
    publish: async (atUs) => {
      message.stamp(atUs);
      const pipeline = redis.pipeline();
      for (let i = 0; i < messagesPerCall; i++) pipeline.xadd(topic, '*', 'data', message.bytes);
      for (const [cause] of await pipeline.exec() ?? []) if (cause !== null) throw cause;
    },
    close: () => redis.disconnect(),
  };
});
