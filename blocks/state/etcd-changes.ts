// Changes of state in the terms of one etcd transaction: what they demand is compared with what was there before the first of
// them, as in daprd, and each key gets what the last change of it says, because etcd changes a key once in a transaction.
import type { EtcdCompare, EtcdItem } from '../clients/etcd/etcd.ts';
import { EtagMismatch, type Operation } from './store.ts';

/** An etag: the revision of a record's last change, in decimal. */
const ETAG = /^[1-9]\d*$/;
/** No record ever has this revision. */
const NEVER = -1;

export interface Change {
  /** The key as etcd has it. */
  readonly path: string;
  readonly operation: Operation;
  /** 0: for ever. */
  readonly ttlSeconds: number;
}

/** What has to be there before a change: a record with this etag; undefined: none at all. */
export interface Demand {
  readonly path: string;
  readonly etag: string | undefined;
}

/** An etag counts whatever the concurrency; without one, first-write wants the key to be free, for a removal too. */
export function demandsOf(changes: readonly Change[]): Demand[] {
  return changes.flatMap(({ path, operation: { etag, concurrency } }): Demand[] => {
    if (etag !== undefined && etag !== '') return [{ path, etag }];
    return concurrency === 'first-write' ? [{ path, etag: undefined }] : [];
  });
}

export function toCompare({ path, etag }: Demand): EtcdCompare {
  return { key: path, target: 'mod', is: '=', than: etag === undefined ? 0 : revisionOf(etag) };
}

/** The last change of each key. */
export function lastOfEachKey(changes: readonly Change[]): Change[] {
  return [...new Map(changes.map((change) => [change.path, change])).values()];
}

/** The first demand that was not met, in daprd's words. @param found what was there instead, without what was not */
export function mismatchOf(demands: readonly Demand[], found: ReadonlyMap<string, EtcdItem>): EtagMismatch | undefined {
  for (const { path, etag } of demands) {
    const item = found.get(path);
    if (etag === undefined) {
      if (item !== undefined) return new EtagMismatch('item already exists and no etag was passed');
    } else if (item === undefined) {
      return new EtagMismatch(`state not exist or expired for key=${path}`);
    } else if (String(item.modRevision) !== etag) {
      return new EtagMismatch(`state etag not match for key=${path}: current=${item.modRevision}, expect=${etag}`);
    }
  }
  return undefined;
}

/** What is no etag of ours is a wrong one: daprd compares texts, and calls none invalid. */
function revisionOf(etag: string): number {
  const revision = ETAG.test(etag) ? Number(etag) : NEVER;
  return Number.isSafeInteger(revision) ? revision : NEVER;
}
