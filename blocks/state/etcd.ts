// state.etcd: records in daprd's layouts, so that both can work on one etcd. Every change, alone or with others, is one etcd
// transaction that compares and writes: nobody can come between the two.
import { messageOf } from '../../proto/errors.ts';
import { openEtcd } from '../clients/etcd/connection.ts';
import { EtcdRefusal, type EtcdClient, type EtcdItem, type EtcdOperation, type EtcdOutcome, type EtcdTransaction } from '../clients/etcd/etcd.ts';
import { ETCD_FIELDS, etcdSettings, keyPath, type EtcdSettings } from '../clients/etcd/settings.ts';
import type { DriverContext } from '../components.ts';
import { InvalidMetadata, type ComponentSpec } from '../driver.ts';
import { integer, readMetadata } from '../metadata.ts';
import { demandsOf, lastOfEachKey, mismatchOf, toCompare, type Change } from './etcd-changes.ts';
import { layoutOf, type Layout } from './etcd-layout.ts';
import { Leases } from './etcd-leases.ts';
import { STATE_FIELDS } from './fields.ts';
import type { Item, Operation, Read, Removal, StateStore, Write } from './store.ts';
import { readTtlSeconds } from './ttl.ts';

const FIELDS = {
  ...STATE_FIELDS,
  ...ETCD_FIELDS,
  maxTxnOps: integer({ default: 128, min: 1 }),
} as const;

export async function openEtcdStore(spec: ComponentSpec, { log }: DriverContext, signal: AbortSignal): Promise<StateStore> {
  const layout = layoutOf(spec.version);
  if (layout === undefined) throw new InvalidMetadata(`couldn't find state store ${spec.type}/${spec.version}: the version must be v1 or v2`);
  const values = readMetadata(spec, FIELDS, log);
  const settings = etcdSettings(values);
  const etcd = await openEtcd(settings, log, signal);
  return new EtcdStore(etcd, settings, layout, values.maxTxnOps, new Leases(etcd, log));
}

class EtcdStore implements StateStore {
  readonly features = ['ETAG', 'TRANSACTIONAL', 'TTL', 'KEYS_LIKE'];
  /** As in daprd, which refuses more: in several etcd transactions they would not be one. */
  readonly maxTransactionOperations: number;
  readonly #etcd: EtcdClient;
  readonly #settings: EtcdSettings;
  readonly #layout: Layout;
  readonly #leases: Leases;

  constructor(etcd: EtcdClient, settings: EtcdSettings, layout: Layout, maxTxnOps: number, leases: Leases) {
    this.#etcd = etcd;
    this.#settings = settings;
    this.#layout = layout;
    this.#leases = leases;
    this.maxTransactionOperations = maxTxnOps;
  }

  async get({ key }: Read): Promise<Item | undefined> {
    const path = keyPath(this.#settings, key);
    const { items: [item] } = await this.#etcd.range({ key: path }).catch((cause: unknown) => { throw failed(`couldn't get key ${path}: `, cause); });
    return item === undefined ? undefined : this.#toItem(item);
  }

  /** As many keys in one round trip as a transaction may hold. */
  async getMany(reads: readonly Read[]): Promise<(Item | undefined)[]> {
    const items: (Item | undefined)[] = [];
    for (let from = 0; from < reads.length; from += this.maxTransactionOperations) {
      const ranges = reads.slice(from, from + this.maxTransactionOperations).map(({ key }): EtcdOperation => ({ kind: 'range', range: { key: keyPath(this.#settings, key) } }));
      const { found } = await this.#etcd.transact({ compare: [], success: ranges });
      for (const [item] of found) items.push(item === undefined ? undefined : this.#toReadable(item));
    }
    return items;
  }

  set(write: Write): Promise<void> {
    return this.#apply([write], `couldn't set key ${keyPath(this.#settings, write.key)}: `);
  }

  delete(removal: Removal): Promise<void> {
    return this.#apply([removal], `couldn't delete key ${keyPath(this.#settings, removal.key)}: `);
  }

  async transact(operations: readonly Operation[]): Promise<void> {
    if (operations.length > 0) await this.#apply(operations, '');
  }

  /** A read that a majority of the servers takes part in. */
  async ping(): Promise<void> {
    await this.#etcd.range({ key: keyPath(this.#settings, 'health') });
  }

  async close(): Promise<void> {
    this.#leases.close();
    await this.#etcd.close();
  }

  /** @param failure how the message begins if it can't be done; that of a mismatch stands for itself */
  async #apply(operations: readonly Operation[], failure: string): Promise<void> {
    const changes = operations.map((operation): Change => ({ path: keyPath(this.#settings, operation.key), operation, ttlSeconds: operation.kind === 'upsert' ? ttlOf(operation) : 0 }));
    const last = lastOfEachKey(changes);
    const demands = demandsOf(changes);
    const demanded = [...new Set(demands.map(({ path }) => path))];
    const leases = await this.#leases.grant(last.map(({ ttlSeconds }) => ttlSeconds)).catch((cause: unknown) => { throw failed(`${failure}couldn't grant a lease: `, cause); });
    // A look at the lease that goes counts as an operation of the transaction: those that don't fit in leave it to expire.
    const looked = last.slice(0, Math.max(0, this.maxTransactionOperations - last.length));
    const { succeeded, found } = await this.#send({
      compare: demands.map(toCompare),
      success: [...looked.map(({ path }) => look(path)), ...last.map((change, index) => this.#toOperation(change, leases[index]))],
      failure: demanded.map(look),
    }, leases, failure);
    if (succeeded) {
      this.#leases.discard(found.slice(0, looked.length).map(([item]) => (item === undefined || item.lease === '0' ? undefined : item.lease)));
      return;
    }
    this.#leases.discard(leases);
    throw mismatchOf(demands, new Map(found.flatMap(([item], index) => (item === undefined ? [] : [[demanded[index] ?? '', item]])))) ?? new Error(`${failure}etcd refused changes whose demands are met`);
  }

  /** @param leases those that the transaction's keys will hang on */
  async #send(transaction: EtcdTransaction, leases: readonly (string | undefined)[], failure: string): Promise<EtcdOutcome> {
    try {
      return await this.#etcd.transact(transaction);
    } catch (cause) {
      // Without an answer nobody knows whether they are in use already.
      if (cause instanceof EtcdRefusal) this.#leases.discard(leases);
      throw failed(failure, cause);
    }
  }

  #toOperation({ path, operation, ttlSeconds }: Change, lease: string | undefined): EtcdOperation {
    if (operation.kind === 'delete') return { kind: 'delete', range: { key: path } };
    return { kind: 'put', key: path, value: this.#layout.encode(operation.value, ttlSeconds), ...(lease === undefined ? {} : { lease }) };
  }

  #toItem(item: EtcdItem): Item {
    return { ...this.#layout.decode(item), etag: String(item.modRevision) };
  }

  /** One record that can't be read is no reason to keep back the others. */
  #toReadable(item: EtcdItem): Item {
    try {
      return this.#toItem(item);
    } catch (fault) {
      return { data: undefined, fault };
    }
  }
}

/** What is there before a change: its revision and its lease. */
function look(path: string): EtcdOperation {
  return { kind: 'range', range: { key: path }, keysOnly: true };
}

/** daprd hands 0 and -1 to etcd, which makes its shortest lease of them; here they mean for ever, as in Dapr's other stores. */
function ttlOf({ metadata }: Write): number {
  return Math.max(0, readTtlSeconds(metadata, '') ?? 0);
}

function failed(what: string, cause: unknown): Error {
  return new Error(what + messageOf(cause), { cause });
}
