// lock.etcd: a lock is a key with its owner as the value and a lease of its own; the fencing token is the revision in which
// the key was created. Whether a key is still what it was is compared in the transaction that changes it.
//
// A lock lasts at least as long as was asked, counted from the beginning of the call. It may last longer, which never gives
// it to two owners: etcd has a shortest lease (2 s with its default election timeout), looks for expired ones twice a second, and a
// new leader, or the only server when it comes back, gives each lease its full time again.
import type { CallScope, Logger } from '../block.ts';
import { openEtcd } from '../clients/etcd/connection.ts';
import { EtcdRefusal, type EtcdClient, type EtcdItem, type EtcdOutcome } from '../clients/etcd/etcd.ts';
import { ETCD_FIELDS, etcdSettings, keyPath, type EtcdSettings } from '../clients/etcd/settings.ts';
import type { DriverContext } from '../components.ts';
import type { ComponentSpec } from '../driver.ts';
import { readMetadata } from '../metadata.ts';
import { LeaseDisposal } from './etcd-leases.ts';
import { COMMON_FIELDS } from './fields.ts';
import type { Lease, LockRequest, LockStore, Release, Renewal } from './store.ts';

/** A renewal begins again when the lock changed under it, which only other renewals by its owner do. */
const MAX_RENEWALS = 100;
/** Keys that are remembered as held: who tries them again looks first, and costs etcd no lease. */
const MAX_HELD = 4096;

const FIELDS = { ...COMMON_FIELDS, ...ETCD_FIELDS } as const;

export async function openEtcdLockStore(spec: ComponentSpec, { log }: DriverContext, signal: AbortSignal): Promise<LockStore> {
  const settings = etcdSettings(readMetadata(spec, FIELDS, log));
  return new EtcdLockStore(await openEtcd(settings, log, signal), settings, log);
}

class EtcdLockStore implements LockStore {
  readonly features: readonly string[] = [];
  readonly #etcd: EtcdClient;
  readonly #settings: EtcdSettings;
  readonly #log: Logger;
  readonly #disposal: LeaseDisposal;
  readonly #held = new Set<string>();
  /** The highest token given here. */
  #newest = 0;

  constructor(etcd: EtcdClient, settings: EtcdSettings, log: Logger) {
    this.#etcd = etcd;
    this.#settings = settings;
    this.#log = log;
    this.#disposal = new LeaseDisposal(etcd, log);
  }

  async tryLock({ key, owner, expirySeconds }: Lease, { signal }: CallScope): Promise<bigint | undefined> {
    const path = keyPath(this.#settings, key);
    if (this.#held.has(path) && (await this.#read(path, signal)) !== undefined) return undefined;
    const before = this.#newest;
    const lease = await this.#etcd.grant(expirySeconds, signal);
    const { succeeded, revision } = await this.#put(path, owner, lease, signal);
    if (!succeeded) {
      this.#disposal.withKey(lease);
      this.#remember(path);
      return undefined;
    }
    this.#held.delete(path);
    this.#watchTokens(revision, before);
    return BigInt(revision);
  }

  /**
   * Moves the lock to a new lease, if it is still what it was. Keeping its lease alive would be cheaper, but is no step of
   * the store: a leader that is none any more may answer to it, and then the lock ends earlier than its owner was told.
   */
  async renew({ key, owner, expirySeconds }: Lease, { signal }: CallScope): Promise<Renewal> {
    const path = keyPath(this.#settings, key);
    const value = Buffer.from(owner);
    let item = await this.#read(path, signal);
    let status = standing(item, value);
    if (status !== 'own') return { status };
    const lease = await this.#etcd.grant(expirySeconds, signal);
    for (let left = MAX_RENEWALS; item !== undefined && left > 0; left--) {
      // If this throws, the lock may be on the new lease: then it must not be revoked. If it is not, the lease ends by itself.
      const { succeeded, found } = await this.#etcd.transact({
        compare: [{ key: path, target: 'mod', is: '=', than: item.modRevision }, { key: path, target: 'value', is: '=', than: value }],
        success: [{ kind: 'touch', key: path, lease }],
        failure: [{ kind: 'range', range: { key: path } }],
      }, signal);
      if (succeeded) {
        this.#disposal.withoutKeys(item.lease);
        return { status: 'renewed', token: BigInt(item.createRevision) };
      }
      item = found[0]?.[0];
      status = standing(item, value);
      if (status !== 'own') break;
    }
    this.#disposal.withKey(lease);
    if (status === 'own') throw new Error(`${path} in etcd was changed ${MAX_RENEWALS} times while it was to be renewed`);
    return { status };
  }

  async unlock({ key, owner }: LockRequest, { signal }: CallScope): Promise<Release> {
    const path = keyPath(this.#settings, key);
    const range = { key: path };
    const { succeeded, found } = await this.#etcd.transact({
      compare: [{ key: path, target: 'value', is: '=', than: Buffer.from(owner) }],
      success: [{ kind: 'range', range }, { kind: 'delete', range }],
      failure: [{ kind: 'range', range }],
    }, signal);
    const item = found[0]?.[0];
    if (!succeeded) return item === undefined ? 'absent' : 'others';
    if (item !== undefined) this.#disposal.withoutKeys(item.lease);
    return 'released';
  }

  async close(): Promise<void> {
    await this.#disposal.close();
    await this.#etcd.close();
  }

  /**
   * Creates the key. If the answer is lost nobody knows whether this was done: then the lease stays, and ends by itself.
   * Taking it back would free a lock that others may have seen, before its time.
   */
  async #put(path: string, owner: string, lease: string, signal: AbortSignal): Promise<EtcdOutcome> {
    try {
      return await this.#etcd.transact({
        compare: [{ key: path, target: 'create', is: '=', than: 0 }],
        success: [{ kind: 'put', key: path, value: Buffer.from(owner), lease }],
      }, signal);
    } catch (cause) {
      if (cause instanceof EtcdRefusal) this.#disposal.withKey(lease);
      throw cause;
    }
  }

  async #read(path: string, signal: AbortSignal): Promise<EtcdItem | undefined> {
    return (await this.#etcd.range({ key: path }, signal)).items[0];
  }

  #remember(path: string): void {
    if (this.#held.size >= MAX_HELD) this.#held.clear();
    this.#held.add(path);
  }

  /** @param before the highest token given here before this one was asked for */
  #watchTokens(token: number, before: number): void {
    if (token > before) {
      this.#newest = Math.max(this.#newest, token);
      return;
    }
    this.#newest = token;
    this.#log.warn({ etcd: this.#etcd.address, token, before }, `etcd at ${this.#etcd.address} went back from revision ${before} to ${token}, as after a restore from a backup: fencing tokens that it gives now are below earlier ones`);
  }
}

function standing(item: EtcdItem | undefined, owner: Buffer): 'own' | 'absent' | 'others' {
  if (item === undefined) return 'absent';
  return item.value.equals(owner) ? 'own' : 'others';
}
