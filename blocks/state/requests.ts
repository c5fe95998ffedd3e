// The typed requests of the state block: what both protocols decode to. Keys are the app's own. Words that a peer chose
// (consistency, concurrency, operation) stay text until the operation checks them, because that is when clients hear of it.
import type { ApiError } from '../../proto/errors.ts';
import type { StringMap } from './store.ts';

export interface GetRequest {
  readonly store: string;
  readonly key: string;
  readonly consistency: string;
  readonly metadata: StringMap;
}

/** A body may be broken where the store's absence is the first thing to tell: so the fault travels with the request. */
interface WithBody {
  readonly store: string;
  /** What is wrong with the body. Set: the members that come from it are empty. */
  readonly fault: ApiError | undefined;
}

export interface BulkGetRequest extends WithBody {
  readonly keys: readonly string[];
  /** Reads at once; 0 or less for as many as the block sees fit. */
  readonly parallelism: number;
  readonly metadata: StringMap;
}

/** One item's change, whatever it does. */
export interface ItemChange {
  readonly key: string;
  readonly etag: string | undefined;
  readonly concurrency: string;
  readonly consistency: string;
  readonly metadata: StringMap;
}

/**
 * What an encrypted store encrypts for an item: these bytes; or `printed`, the decoded JSON as Go prints it; or `listed`,
 * the bytes as Go prints a slice of them. The last two are slips of Dapr's that its stored data is full of.
 */
export type Plaintext = Uint8Array | 'printed' | 'listed';

export interface ItemValue {
  /** Undefined stores null. */
  readonly value: Uint8Array | undefined;
  readonly isJson: boolean;
  readonly plaintext: Plaintext;
  /** The client called the value JSON, and it is not. */
  readonly fault: ApiError | undefined;
}

export interface SaveItem extends ItemChange, ItemValue {}

export interface SaveRequest extends WithBody {
  readonly items: readonly SaveItem[];
}

export interface DeleteRequest extends ItemChange {
  readonly store: string;
}

export interface BulkDeleteRequest {
  readonly store: string;
  readonly items: readonly ItemChange[];
}

/** `operation` is `upsert` or `delete`, unless the client got it wrong; a delete has no use for the value. */
export interface TransactionItem extends SaveItem {
  readonly operation: string;
}

export interface TransactionRequest extends WithBody {
  /** In order. An error stands for an operation that could not be decoded. */
  readonly operations: readonly (TransactionItem | ApiError)[];
  readonly metadata: StringMap;
  /** True: without operations there is nothing to do, and the store isn't asked. */
  readonly emptyIsDone: boolean;
}

export interface QueryRequest {
  readonly store: string;
}

/** One key of a bulk get. Neither data nor error: the key does not exist. */
export interface BulkItem {
  readonly key: string;
  readonly data: Uint8Array | undefined;
  readonly etag: string | undefined;
  readonly metadata: StringMap | undefined;
  /** `''` when the read went well. */
  readonly error: string;
}
