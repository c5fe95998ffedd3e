// sequencer.etcd: a key holds the last id taken, in decimal. Calls that wait for ids of one key are served together, so that
// one sidecar never races with itself; what they get is settled by etcd-counter.ts.
import type { CallScope } from '../block.ts';
import { openEtcd } from '../clients/etcd/connection.ts';
import type { EtcdClient } from '../clients/etcd/etcd.ts';
import { ETCD_FIELDS, etcdSettings, keyPath, type EtcdSettings } from '../clients/etcd/settings.ts';
import type { DriverContext } from '../components.ts';
import type { ComponentSpec } from '../driver.ts';
import { readMetadata } from '../metadata.ts';
import { EtcdCounter, type Taker } from './etcd-counter.ts';
import { SEQUENCER_FIELDS } from './fields.ts';
import type { SequenceStore } from './store.ts';

const FIELDS = { ...SEQUENCER_FIELDS, ...ETCD_FIELDS } as const;

export async function openEtcdSequenceStore(spec: ComponentSpec, { log }: DriverContext, signal: AbortSignal): Promise<SequenceStore> {
  const settings = etcdSettings(readMetadata(spec, FIELDS, log));
  const etcd = await openEtcd(settings, log, signal);
  return new EtcdSequenceStore(etcd, settings, new EtcdCounter(etcd, log));
}

class EtcdSequenceStore implements SequenceStore {
  readonly features: readonly string[] = [];
  readonly #etcd: EtcdClient;
  readonly #settings: EtcdSettings;
  readonly #counter: EtcdCounter;
  /** By path: who came while others were being served. Empty while nobody did, absent while nobody is served. */
  readonly #waiting = new Map<string, Taker[]>();

  constructor(etcd: EtcdClient, settings: EtcdSettings, counter: EtcdCounter) {
    this.#etcd = etcd;
    this.#settings = settings;
    this.#counter = counter;
  }

  /** A call that is cancelled ends at once; ids that are being taken for it just then are lost. */
  take(key: string, count: number, { signal }: CallScope): Promise<bigint> {
    const path = keyPath(this.#settings, key);
    return new Promise((resolve, reject) => {
      const cancelled = () => taker.fail(signal.reason as Error);
      const settle = () => signal.removeEventListener('abort', cancelled);
      const taker: Taker = {
        count: BigInt(count),
        wants: () => !signal.aborted,
        give: (first) => { settle(); resolve(first); },
        fail: (cause) => { settle(); reject(cause); },
      };
      if (signal.aborted) return cancelled();
      signal.addEventListener('abort', cancelled, { once: true });
      const waiting = this.#waiting.get(path);
      if (waiting === undefined) void this.#serve(path, [taker]);
      else waiting.push(taker);
    });
  }

  async last(key: string, { signal }: CallScope): Promise<bigint> {
    return this.#counter.last(keyPath(this.#settings, key), signal);
  }

  async close(): Promise<void> {
    this.#counter.close();
    await this.#etcd.close();
  }

  async #serve(path: string, first: readonly Taker[]): Promise<void> {
    for (let takers = first; takers.length > 0; takers = this.#waiting.get(path) ?? []) {
      this.#waiting.set(path, []);
      try {
        await this.#counter.take(path, takers);
      } catch (cause) {
        for (const taker of takers) taker.fail(cause as Error);
      }
    }
    this.#waiting.delete(path);
  }
}
