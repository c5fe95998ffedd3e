// pubsub.redis on a cluster: each topic lives on one of its nodes.
import { afterAll, beforeAll } from 'vitest';
import { brokerConformance } from './conformance/broker.ts';
import { redisFixture } from './harness/redis-broker.ts';
import { startRedisCluster, type RedisCluster } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';

describeWithRedis('pubsub.redis, cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => { cluster = await startRedisCluster(); });
  afterAll(async () => { await cluster.stop(); });
  brokerConformance('pubsub.redis, cluster', () => redisFixture({ redisHost: cluster.addresses, redisType: 'cluster' }), {
    inOrder: true, redelivers: true, persists: true, wildcards: false, bulkPublish: false, distributes: true, createsTopics: true, maxUnsettled: 100,
  });
});
