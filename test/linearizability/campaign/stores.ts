// The stores that campaigns run on: servers that keep what they acknowledged over a crash, and the components on them.
import type { ComponentManifest } from '../../harness/sidecar.ts';
import { startEtcd } from '../../servers/etcd.ts';
import { startRedis } from '../../servers/redis.ts';
import { ETCD_ETAGS, REDIS_ETAGS, type EtagRules } from '../etag-register.ts';
import { STORES } from './gate.ts';

/** A server that can be ended, brought back with its data, and made deaf for a while. */
export interface StoreServer {
  kill(): Promise<void>;
  restart(): Promise<void>;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

export interface StoreKind {
  readonly name: 'redis' | 'etcd';
  readonly etags: EtagRules;
  /** @param timeoutMs after which the sidecars give up on a call */
  start(timeoutMs: number): Promise<{ readonly server: StoreServer; readonly components: readonly ComponentManifest[] }>;
}

/** So small that segments of weak ids are used up often. */
const SEQUENCER = { segmentSize: '100' } as const;

export const REDIS: StoreKind = {
  name: 'redis',
  etags: REDIS_ETAGS,
  async start(timeoutMs) {
    const server = await startRedis({ durable: true, extra: ['--appendfsync', 'always'] });
    const metadata = { redisHost: server.address, readTimeout: `${timeoutMs}`, redisMinRetryInterval: '50', redisMaxRetryInterval: '250' };
    return { server, components: componentsOf('redis', metadata) };
  },
};

export const ETCD: StoreKind = {
  name: 'etcd',
  etags: ETCD_ETAGS,
  async start(timeoutMs) {
    const server = await startEtcd();
    return { server, components: componentsOf('etcd', { endpoints: server.address, keyPrefixPath: 'campaign', dialTimeout: `${timeoutMs}ms`, requestTimeout: `${timeoutMs}ms` }) };
  },
};

function componentsOf(store: string, metadata: Readonly<Record<string, string>>): ComponentManifest[] {
  return [
    { name: STORES.locks, type: `lock.${store}`, metadata },
    { name: STORES.registers, type: `state.${store}`, metadata },
    { name: STORES.ids, type: `sequencer.${store}`, metadata: { ...metadata, ...SEQUENCER } },
  ];
}
