// configuration.etcd: a key under keyPrefixPath holds a value as it stands; its version is the revision that changed it last.
// Reads come from the store; etcd-watch.ts keeps an eye on it.
import type { CallScope } from '../block.ts';
import { openEtcd } from '../clients/etcd/connection.ts';
import type { EtcdClient } from '../clients/etcd/etcd.ts';
import { ETCD_FIELDS, etcdSettings, keyPath, type EtcdSettings } from '../clients/etcd/settings.ts';
import type { DriverContext } from '../components.ts';
import { logName, type ComponentSpec } from '../driver.ts';
import { readMetadata } from '../metadata.ts';
import { itemsUnder } from './etcd-items.ts';
import { EtcdConfigWatch } from './etcd-watch.ts';
import { COMMON_FIELDS } from './fields.ts';
import type { Items, Keys, ConfigStore, StringMap, Watch, WatchListener } from './store.ts';

/** Keys read by one transaction: what etcd allows unless it is told otherwise. */
const MAX_READS = 128;

const FIELDS = { ...COMMON_FIELDS, ...ETCD_FIELDS } as const;

export async function openEtcdConfigStore(spec: ComponentSpec, { log }: DriverContext, signal: AbortSignal): Promise<ConfigStore> {
  const settings = etcdSettings(readMetadata(spec, FIELDS, log));
  if (settings.keyPrefix === '') {
    log.warn({ component: logName(spec) }, `keyPrefixPath is not set: every key in etcd that begins with a slash is configuration of ${spec.name}, those of other components and programs included, and a watch keeps all of them in memory; set it to a path of its own, such as /config/${spec.name}`);
  }
  return new EtcdConfigStore(await openEtcd(settings, log, signal), settings);
}

class EtcdConfigStore implements ConfigStore {
  readonly features: readonly string[] = [];
  readonly watchesAllCheaply = true;
  readonly #etcd: EtcdClient;
  readonly #settings: EtcdSettings;
  readonly #prefix: string;
  #watch: EtcdConfigWatch | undefined;

  constructor(etcd: EtcdClient, settings: EtcdSettings) {
    this.#etcd = etcd;
    this.#settings = settings;
    this.#prefix = keyPath(settings, '');
  }

  async get(keys: Keys, _metadata: StringMap, { signal }: CallScope): Promise<Items> {
    if (keys === 'all') return itemsUnder(this.#prefix, (await this.#etcd.range({ prefix: this.#prefix }, signal)).items);
    const paths = [...new Set(keys)].filter((key) => key !== '').map((key) => keyPath(this.#settings, key));
    const found = [];
    for (let from = 0; from < paths.length; from += MAX_READS) {
      const success = paths.slice(from, from + MAX_READS).map((key) => ({ kind: 'range' as const, range: { key } }));
      found.push(...(await this.#etcd.transact({ compare: [], success }, signal)).found.flat());
    }
    return itemsUnder(this.#prefix, found);
  }

  openWatch(listener: WatchListener): Watch {
    this.#watch = new EtcdConfigWatch(this.#etcd, this.#prefix, listener);
    return this.#watch;
  }

  async close(): Promise<void> {
    this.#watch?.close();
    await this.#etcd.close();
  }
}
