// The manifests that users are told to copy: each loads without a complaint, and none is forgotten here.
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CATEGORIES, categoryOf } from '../kernel/components.ts';
import { parseCommandLine } from '../kernel/config.ts';
import { loadResources } from '../kernel/resources.ts';

const DEPLOY = join(import.meta.dirname, '..', 'deploy');
const FOLDER = join(DEPLOY, 'components');
/** File to component name, type, and metadata with secrets resolved. */
const EXPECTED: Readonly<Record<string, readonly [name: string, type: string, metadata: Readonly<Record<string, string>>]>> = {
  'configstore-etcd.yaml': ['etcdconfig', 'configuration.etcd', { endpoints: 'localhost:2379', keyPrefixPath: '/config' }],
  'configstore-memory.yaml': ['fileconfig', 'configuration.in-memory', { file: 'configuration.yaml' }],
  'configstore-redis.yaml': ['configstore', 'configuration.redis', { redisHost: 'localhost:6379', cacheMaxKeys: '1000' }],
  'lockstore-etcd.yaml': ['etcdlocks', 'lock.etcd', { endpoints: 'localhost:2379', keyPrefixPath: '/locks' }],
  'lockstore-memory.yaml': ['memorylocks', 'lock.in-memory', {}],
  'lockstore-redis.yaml': ['lockstore', 'lock.redis', { redisHost: 'localhost:6379' }],
  'pubsub-kafka.yaml': ['pubsub', 'pubsub.kafka', { brokers: 'localhost:9092', authType: 'none', initialOffset: 'newest' }],
  'pubsub-memory.yaml': ['pubsub', 'pubsub.in-memory', {}],
  'pubsub-redis.yaml': ['pubsub', 'pubsub.redis', { redisHost: 'localhost:6379', processingTimeout: '60s', redeliverInterval: '15s' }],
  'sequencer-etcd.yaml': ['etcdids', 'sequencer.etcd', { endpoints: 'localhost:2379', keyPrefixPath: '/sequences' }],
  'sequencer-memory.yaml': ['memoryids', 'sequencer.in-memory', {}],
  'sequencer-redis.yaml': ['ids', 'sequencer.redis', { redisHost: 'localhost:6379', segmentSize: '10000', refillTimeout: '2s' }],
  'statestore-etcd.yaml': ['etcd', 'state.etcd', { endpoints: 'localhost:2379', keyPrefixPath: '/state' }],
  'statestore-memory.yaml': ['memory', 'state.in-memory', {}],
  'statestore-redis.yaml': ['statestore', 'state.redis', { redisHost: 'localhost:6379', redisPassword: 'from-the-environment' }],
  'statestore-sqlite.yaml': ['sqlite', 'state.sqlite', { connectionString: 'state.db', cleanupInterval: '1h' }],
};

describe('deploy/components', () => {
  it('holds what is expected here', () => {
    expect(readdirSync(FOLDER).sort()).toEqual(Object.keys(EXPECTED));
  });

  it.each(Object.entries(EXPECTED))('%s loads', async (file, [name, type, metadata]) => {
    const folder = mkdtempSync(join(tmpdir(), 'bulkhead-deploy-'));
    try {
      cpSync(join(FOLDER, file), join(folder, file));
      const env = { REDIS_PASSWORD: 'from-the-environment' };
      const parsed = parseCommandLine(['--app-id=a', `--resources-path=${folder}`], env);
      if (!('config' in parsed)) throw new Error('the command line was refused');
      const resources = await loadResources(parsed.config, { env });
      expect(resources.notices.filter(({ level }) => level !== 'info')).toEqual([]);
      const [spec, ...others] = resources.blocks.get(CATEGORIES[categoryOf(type) ?? ''] ?? '') ?? [];
      expect(others).toEqual([]);
      expect(spec).toMatchObject({ name, type });
      expect(Object.fromEntries(spec?.metadata.map((item) => [item.name, item.value]) ?? [])).toEqual(metadata);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('deploy/subscriptions', () => {
  it('holds one subscription, which loads', async () => {
    const parsed = parseCommandLine(['--app-id=orders', `--resources-path=${join(DEPLOY, 'subscriptions')}`], {});
    if (!('config' in parsed)) throw new Error('the command line was refused');
    const { notices, subscriptions } = await loadResources(parsed.config);
    expect(notices.filter(({ level }) => level !== 'info')).toEqual([]);
    expect(subscriptions).toEqual([{
      pubsubName: 'pubsub', topic: 'orders', metadata: {}, deadLetterTopic: 'orders-dead', bulk: { enabled: false, maxMessagesCount: 0, maxAwaitDurationMs: 0 },
      rules: [{ match: 'event.type == "order.large"', path: '/orders/large' }, { match: '', path: '/orders' }],
    }]);
  });
});

describe('deploy/resiliency', () => {
  it('holds policies that apply to the components beside it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bulkhead-deploy-'));
    try {
      for (const file of ['components/statestore-redis.yaml', 'components/pubsub-memory.yaml', 'resiliency/resiliency.yaml']) cpSync(join(DEPLOY, file), join(folder, file.replace('/', '-')));
      const env = { REDIS_PASSWORD: 'x' };
      const parsed = parseCommandLine(['--app-id=orders', `--resources-path=${folder}`], env);
      if (!('config' in parsed)) throw new Error('the command line was refused');
      const { notices, blocks } = await loadResources(parsed.config, { env });
      expect(notices.filter(({ level }) => level !== 'info')).toEqual([]);
      expect(blocks.get('state')?.[0]?.resiliency?.outbound).toMatchObject({
        timeoutMs: 2_000, retry: { policy: 'exponential', maxIntervalMs: 5_000, maxRetries: 3 }, breaker: { maxRequests: 1, timeoutMs: 10_000, trip: 'consecutiveFailures >= 5' },
      });
      expect(blocks.get('pubsub')?.[0]?.resiliency?.inbound).toMatchObject({ retry: { policy: 'constant', durationMs: 1_000, maxRetries: 2 } });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
