// The suite that says what configuration, locks and ids are through a sidecar, on every store and wherever the blocks run.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { coordinationConformance } from './conformance/coordination.ts';
import { BACKEND_ISOLATIONS, ISOLATIONS } from './harness/sidecar.ts';
import { startEtcd, type EtcdServer } from './servers/etcd.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithEtcd, describeWithRedis } from './servers/suites.ts';

describe('in memory', () => {
  let folder: string;
  beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'bulkhead-coordination-')); });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  for (const isolation of ISOLATIONS) {
    coordinationConformance('in-memory', isolation, () => {
      const file = join(folder, `${isolation}.json`);
      const items: Record<string, { readonly value: string; readonly version: string }> = {};
      const write = (): void => writeFileSync(file, JSON.stringify(items));
      write();
      return {
        config: { type: 'configuration.in-memory', metadata: { file } }, lock: { type: 'lock.in-memory' }, sequencer: { type: 'sequencer.in-memory' },
        put: async (key, value, version) => {
          if (value === undefined) delete items[key];
          else items[key] = { value, version };
          write();
        },
      };
    }, { ownVersions: true, shortestLock: 1 });
  }
});

describeWithRedis('on Redis', () => {
  let server: RedisServer;
  beforeAll(async () => { server = await startRedis(); });
  afterAll(async () => { await server?.stop(); });

  for (const isolation of BACKEND_ISOLATIONS) {
    coordinationConformance('redis', isolation, () => {
      const metadata = { redisHost: server.address };
      return {
        config: { type: 'configuration.redis', metadata }, lock: { type: 'lock.redis', metadata }, sequencer: { type: 'sequencer.redis', metadata },
        put: (key, value, version) => (value === undefined ? server.raw.del(key) : server.raw.set(key, `${value}||${version}`)),
      };
    }, { ownVersions: true, shortestLock: 1 });
  }
});

describeWithEtcd('on etcd', () => {
  let server: EtcdServer;
  beforeAll(async () => { server = await startEtcd(); });
  afterAll(async () => { await server?.stop(); });

  for (const isolation of BACKEND_ISOLATIONS) {
    coordinationConformance('etcd', isolation, () => {
      const metadata = { endpoints: server.address };
      return {
        config: { type: 'configuration.etcd', metadata: { ...metadata, keyPrefixPath: '/config' } }, lock: { type: 'lock.etcd', metadata }, sequencer: { type: 'sequencer.etcd', metadata },
        put: (key, value) => (value === undefined ? server.raw.delete().key(`/config/${key}`).exec() : server.raw.put(`/config/${key}`).value(value).exec()),
      };
    }, { ownVersions: false, shortestLock: 1 });
  }
});
