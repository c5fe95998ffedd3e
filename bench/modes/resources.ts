// What the sidecars of the comparison are given: a component of each kind, in memory or on one Redis server, a subscription, and
// the values that are read.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RedisServer } from '../../test/servers/redis.ts';
import { valueOf } from '../calls.ts';
import { configText } from '../coordination-calls.ts';
import { CONFIG, keyOf, keysOf, LOCKS, PUBSUB, STATE, topicOf, type Mode } from './names.ts';

/** What the components keep their data in. */
export interface Backend {
  readonly name: 'memory' | 'Redis';
  resourcesFor(mode: Mode): readonly object[];
  /** What was published is of no use any more. */
  empty(mode: Mode): Promise<void>;
}

type Metadata = Readonly<Record<string, string>>;

function component(name: string, type: string, metadata: Metadata): object {
  return { apiVersion: 'dapr.io/v1alpha1', kind: 'Component', metadata: { name }, spec: { type, version: 'v1', metadata: Object.entries(metadata).map(([key, value]) => ({ name: key, value })) } };
}

const subscription = (mode: Mode): object =>
  ({ apiVersion: 'dapr.io/v2alpha1', kind: 'Subscription', metadata: { name: 'orders' }, spec: { pubsubname: PUBSUB, topic: topicOf(mode), routes: { default: '/orders' } } });

const valuesOf = (sizes: readonly number[]): readonly (readonly [key: string, bytes: number])[] =>
  sizes.flatMap((bytes) => Array.from({ length: keysOf(bytes) }, (_, i) => [keyOf(bytes, i), bytes] as const));

/** @param folder a file with the configuration's values is put there */
export function inMemory(folder: string, sizes: readonly number[]): Backend {
  const file = join(folder, 'configuration.json');
  writeFileSync(file, JSON.stringify(Object.fromEntries(valuesOf(sizes).map(([key, bytes]) => [key, valueOf(bytes)]))));
  return {
    name: 'memory',
    resourcesFor: (mode) => [
      component(STATE, 'state.in-memory', {}), component(PUBSUB, 'pubsub.in-memory', {}), component(LOCKS, 'lock.in-memory', {}), component(CONFIG, 'configuration.in-memory', { file }), subscription(mode),
    ],
    empty: async () => {},
  };
}

export async function onRedis({ address, raw }: RedisServer, sizes: readonly number[]): Promise<Backend> {
  for (const [key, bytes] of valuesOf(sizes)) await raw.set(key, configText(bytes));
  const metadata: Metadata = { redisHost: address };
  return {
    name: 'Redis',
    resourcesFor: (mode) => [
      component(STATE, 'state.redis', metadata), component(PUBSUB, 'pubsub.redis', { ...metadata, concurrency: '64', queueDepth: '1000' }),
      component(LOCKS, 'lock.redis', metadata), component(CONFIG, 'configuration.redis', metadata), subscription(mode),
    ],
    empty: async (mode) => void (await raw.xtrim(topicOf(mode), 'MAXLEN', 0)),
  };
}
