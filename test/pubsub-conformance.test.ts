// The suite that says what pub/sub is through a sidecar, on every broker and wherever its block runs.
import { afterAll, beforeAll } from 'vitest';
import { pubsubConformance } from './conformance/pubsub.ts';
import { BACKEND_ISOLATIONS, ISOLATIONS } from './harness/sidecar.ts';
import { startKafka, type KafkaServer } from './servers/kafka.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithKafka, describeWithRedis } from './servers/suites.ts';

for (const isolation of ISOLATIONS) {
  pubsubConformance('pubsub.in-memory', isolation, () => ({ type: 'pubsub.in-memory' }), { inOrder: false, persists: false });
}

describeWithRedis('on Redis', () => {
  let server: RedisServer;
  beforeAll(async () => { server = await startRedis(); });
  afterAll(async () => { await server?.stop(); });

  for (const isolation of BACKEND_ISOLATIONS) {
    pubsubConformance('pubsub.redis', isolation, () => ({ type: 'pubsub.redis', metadata: { redisHost: server.address, processingTimeout: '2s', redeliverInterval: '500ms' } }), { inOrder: false, persists: true });
  }
});

describeWithKafka('on Kafka', () => {
  let server: KafkaServer;
  beforeAll(async () => { server = await startKafka(); }, 90_000);
  afterAll(async () => { await server?.stop(); });

  for (const isolation of BACKEND_ISOLATIONS) {
    pubsubConformance('pubsub.kafka', isolation, () => ({ type: 'pubsub.kafka', metadata: { brokers: server.brokers, authType: 'none', initialOffset: 'oldest', heartbeatInterval: '200ms' } }), { inOrder: true, persists: true });
  }
});
