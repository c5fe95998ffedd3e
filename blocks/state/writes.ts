// Changing operations: save, delete, bulk delete and transactions.
import { ApiError } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import { goPrint } from '../../proto/gojson.ts';
import { forEachBounded, whenReady } from '../awaitable.ts';
import type { CallScope } from '../block.ts';
import type { Awaitable } from '../driver.ts';
import type { Encryption } from './encryption.ts';
import { faultOf, joinCauses } from './faults.ts';
import { isIllegalKey } from './keys.ts';
import type { BulkDeleteRequest, DeleteRequest, ItemChange, ItemValue, SaveItem, SaveRequest, TransactionItem, TransactionRequest } from './requests.ts';
import type { OpenStore } from './stores.ts';
import type { Concurrency, Consistency, Operation, Removal, StateStore, Write } from './store.ts';

/** Changes of one call that are under way at once. */
const CHANGES_IN_FLIGHT = 128;
const NO_BYTES = new Uint8Array(0);

export function save(store: OpenStore, request: SaveRequest, scope: CallScope): Awaitable<void> {
  if (request.fault !== undefined) throw request.fault;
  // All items are checked before the first is written.
  const writes = request.items.map((item) => {
    if (item.key === '') throw FAIL.keyMissing();
    return toWrite(store, checked(store, item));
  });
  return change(store.driver, writes, scope, (cause) => FAIL.stateSave(store.name, faultOf(cause)).because(cause));
}

export function remove(store: OpenStore, request: DeleteRequest, scope: CallScope): Awaitable<void> {
  const removal = toRemoval(store, checked(store, request));
  return change(store.driver, [removal], scope, (cause) => FAIL.stateDelete(request.key, faultOf(cause)).because(cause));
}

export function bulkRemove(store: OpenStore, request: BulkDeleteRequest, scope: CallScope): Awaitable<void> {
  const removals = request.items.map((item) => toRemoval(store, checked(store, item)));
  return change(store.driver, removals, scope, (cause) => FAIL.stateBulkDelete(store.name, faultOf(cause)).because(cause));
}

export function transact(store: OpenStore, request: TransactionRequest, scope: CallScope): Awaitable<void> {
  const { driver } = store;
  if (driver.transact === undefined || !driver.features.includes('TRANSACTIONAL')) throw FAIL.transactionsUnsupported(store.name);
  if (request.fault !== undefined) throw request.fault;
  const { length } = request.operations;
  if (length === 0 && request.emptyIsDone) return undefined;
  const items = request.operations.map((item) => known(store, item));
  const max = driver.maxTransactionOperations ?? 0;
  if (max > 0 && length > max) throw FAIL.tooManyOperations(store.name, length, max);
  const failure = (cause: unknown): ApiError => FAIL.transaction(faultOf(cause)).because(cause);
  const operations = items.map((item) => (item.operation === 'upsert' ? toWrite(store, item) : toRemoval(store, item)));
  try {
    for (const operation of operations) checkOptions(operation);
    const done = driver.transact(operations, request.metadata, scope);
    return done instanceof Promise ? done.catch((cause) => { throw failure(cause); }) : done;
  } catch (cause) {
    throw failure(cause);
  }
}

/** One change by itself, several side by side with their failures in one. */
function change(driver: StateStore, changes: readonly Operation[], scope: CallScope, failure: (cause: unknown) => ApiError): Awaitable<void> {
  const [only] = changes;
  if (changes.length !== 1 || only === undefined) return changeEach(driver, changes, scope, failure);
  try {
    const done = apply(driver, only, scope);
    return done instanceof Promise ? done.catch((cause) => { throw failure(cause); }) : done;
  } catch (cause) {
    throw failure(cause);
  }
}

function changeEach(driver: StateStore, changes: readonly Operation[], scope: CallScope, failure: (cause: unknown) => ApiError): Awaitable<void> {
  const causes = new Map<number, unknown>();
  const done = forEachBounded(changes.length, CHANGES_IN_FLIGHT, (i) => {
    try {
      const applied = apply(driver, changes[i]!, scope);
      return applied instanceof Promise ? applied.catch((cause) => { causes.set(i, cause); }) : applied;
    } catch (cause) {
      causes.set(i, cause);
      return undefined;
    }
  });
  return whenReady(done, () => {
    // In the order of the request, whichever failed first.
    if (causes.size > 0) throw failure(joinCauses([...causes].sort(([a], [b]) => a - b).map(([, cause]) => cause)));
  });
}

function apply(driver: StateStore, operation: Operation, scope: CallScope): Awaitable<void> {
  checkOptions(operation);
  return operation.kind === 'upsert' ? driver.set(operation, scope) : driver.delete(operation, scope);
}

/** The client's words for the options. To the client this is a failure of the store, for that item. */
function checkOptions({ consistency, concurrency }: { readonly consistency: string; readonly concurrency: string }): void {
  if (consistency !== '' && consistency !== 'eventual' && consistency !== 'strong') throw new Error(`unrecognized consistency model '${consistency}'`);
  if (concurrency !== '' && concurrency !== 'first-write' && concurrency !== 'last-write') throw new Error(`unrecognized concurrency model '${concurrency}'`);
}

function checked<I extends ItemChange>(store: OpenStore, item: I): I {
  if (isIllegalKey(item.key)) throw FAIL.illegalKey(store.name, item.key);
  return item;
}

/** An operation of a transaction that can be one. */
function known(store: OpenStore, item: TransactionItem | ApiError): TransactionItem {
  if (item instanceof ApiError) throw item;
  if (isIllegalKey(item.key)) throw FAIL.illegalKey(store.name, item.key, '');
  if (item.operation !== 'upsert' && item.operation !== 'delete') throw FAIL.unknownOperation(item.operation);
  return item;
}

function toWrite({ prefix, encryption }: OpenStore, item: SaveItem): Write {
  if (item.fault !== undefined) throw item.fault;
  return {
    kind: 'upsert',
    key: prefix + item.key,
    etag: item.etag,
    // `checkOptions` runs before a driver sees them.
    concurrency: item.concurrency as Concurrency,
    consistency: item.consistency as Consistency,
    metadata: item.metadata,
    value: encryption === undefined ? item.value : encrypted(encryption, item),
    isJson: encryption === undefined && item.isJson,
  };
}

function toRemoval({ prefix }: OpenStore, item: ItemChange): Removal {
  return {
    kind: 'delete',
    key: prefix + item.key,
    etag: item.etag,
    concurrency: item.concurrency as Concurrency,
    consistency: item.consistency as Consistency,
    metadata: item.metadata,
  };
}

function encrypted(encryption: Encryption, { value = NO_BYTES, plaintext }: ItemValue): Uint8Array {
  if (plaintext instanceof Uint8Array) return encryption.encrypt(plaintext);
  const printed = goPrint(plaintext === 'listed' ? value : JSON.parse(Buffer.from(value).toString()));
  return encryption.encrypt(Buffer.from(printed));
}
