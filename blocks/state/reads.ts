// Reading operations: get, bulk get and query.
import { FAIL } from '../../proto/failures.ts';
import { forEachBounded, whenReady } from '../awaitable.ts';
import type { CallScope } from '../block.ts';
import type { Awaitable } from '../driver.ts';
import { faultOf } from './faults.ts';
import { isIllegalKey } from './keys.ts';
import type { BulkGetRequest, BulkItem, GetRequest, QueryRequest } from './requests.ts';
import type { OpenStore } from './stores.ts';
import type { Consistency, Item, Read, StringMap } from './store.ts';

/** Reads of one bulk get that are under way at once, where the client sets no lower limit. */
const READS_IN_FLIGHT = 128;

export function get(store: OpenStore, request: GetRequest, scope: CallScope): Awaitable<Item | undefined> {
  const { key } = request;
  const read = toRead(store, key, request.consistency, request.metadata);
  let found: Awaitable<Item | undefined>;
  try {
    found = store.driver.get(read, scope);
  } catch (cause) {
    throw getFailure(store, key, cause);
  }
  if (!(found instanceof Promise)) return readable(store, key, found);
  return found.then((item) => readable(store, key, item), (cause) => { throw getFailure(store, key, cause); });
}

export function bulkGet(store: OpenStore, request: BulkGetRequest, scope: CallScope): Awaitable<readonly BulkItem[]> {
  if (request.fault !== undefined) throw request.fault;
  const { keys, parallelism, metadata } = request;
  if (keys.length === 0) return [];
  const reads = keys.map((key) => toRead(store, key, '', metadata));
  if (store.driver.getMany === undefined) return getEach(store, keys, reads, parallelism, scope);
  let found: Awaitable<readonly (Item | undefined)[]>;
  try {
    found = store.driver.getMany(reads, scope);
  } catch (cause) {
    throw bulkGetFailure(cause);
  }
  const answer = (items: readonly (Item | undefined)[]): BulkItem[] => keys.map((key, i) => bulkItem(store, key, items[i]));
  return found instanceof Promise ? found.then(answer, (cause) => { throw bulkGetFailure(cause); }) : answer(found);
}

/** No store of ours can be queried; the answers are those of Dapr's stores that can't. */
export function query(store: OpenStore, _request: QueryRequest): never {
  if (store.canQuery && store.encryption !== undefined) throw FAIL.queryFailed(store.name, 'cannot query encrypted store');
  throw FAIL.queryUnsupported(store.name);
}

/** For a store without a bulk read of its own. One key's failure is that key's alone. */
function getEach(store: OpenStore, keys: readonly string[], reads: readonly Read[], parallelism: number, scope: CallScope): Awaitable<readonly BulkItem[]> {
  const items: BulkItem[] = [];
  const done = forEachBounded(reads.length, parallelism > 0 ? Math.min(parallelism, READS_IN_FLIGHT) : READS_IN_FLIGHT, (i) => {
    const key = keys[i]!;
    try {
      const found = store.driver.get(reads[i]!, scope);
      if (found instanceof Promise) {
        return found.then((item) => { items[i] = bulkItem(store, key, item); }, (cause) => { items[i] = failedItem(key, cause); });
      }
      items[i] = bulkItem(store, key, found);
    } catch (cause) {
      items[i] = failedItem(key, cause);
    }
    return undefined;
  });
  return whenReady(done, () => items);
}

/** An unknown word for the consistency is no error in a read, and means nothing. */
function toRead(store: OpenStore, key: string, consistency: string, metadata: StringMap): Read {
  if (isIllegalKey(key)) throw FAIL.illegalKey(store.name, key);
  const known: Consistency = consistency === 'strong' || consistency === 'eventual' ? consistency : '';
  return { key: store.prefix + key, consistency: known, metadata };
}

function readable(store: OpenStore, key: string, item: Item | undefined): Item | undefined {
  if (store.encryption === undefined || item?.data === undefined) return item;
  try {
    return { ...item, data: store.encryption.decrypt(item.data) };
  } catch (cause) {
    throw getFailure(store, key, cause);
  }
}

function bulkItem(store: OpenStore, key: string, item: Item | undefined): BulkItem {
  const { data, etag, metadata, fault } = item ?? { data: undefined };
  if (fault !== undefined) return failedItem(key, fault);
  if (store.encryption === undefined || data === undefined) return { key, data, etag, metadata, error: '' };
  try {
    return { key, data: store.encryption.decrypt(data), etag, metadata, error: '' };
  } catch (cause) {
    return { key, data: undefined, etag, metadata, error: faultOf(cause).text };
  }
}

function failedItem(key: string, cause: unknown): BulkItem {
  return { key, data: undefined, etag: undefined, metadata: undefined, error: faultOf(cause).text };
}

function getFailure(store: OpenStore, key: string, cause: unknown): Error {
  return FAIL.stateGet(key, store.name, faultOf(cause)).because(cause);
}

function bulkGetFailure(cause: unknown): Error {
  return FAIL.stateBulkGet(faultOf(cause)).because(cause);
}
