// The gRPC form of the state API: protobuf messages to typed requests, and answers back.
import type { StateItem, StateOptions } from '../../proto/gen/dapr/proto/common/v1/common.ts';
import { DeleteBulkStateRequest, DeleteStateRequest, ExecuteStateTransactionRequest, QueryStateRequest } from '../../proto/gen/dapr/proto/runtime/v1/state.ts';
import { messageOf } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import { CopyingReader } from '../../proto/wire.ts';
import type { Method } from '../block.ts';
import { NO_METADATA } from '../urlquery.ts';
import { CONCURRENCY, CONSISTENCY, readBulkGet, readGet, readSave, writeBulkItems, writeItem } from './messages.ts';
import type { BulkDeleteRequest, BulkGetRequest, BulkItem, DeleteRequest, GetRequest, ItemChange, QueryRequest, SaveRequest, TransactionRequest } from './requests.ts';
import type { Item, StringMap } from './store.ts';
import { bytesOf } from './values.ts';

type Form<Request, Response> = Pick<Method<Request, Response>, 'decodeGrpc' | 'encodeGrpc'>;

const EMPTY = new Uint8Array(0);
const NO_ENTRIES: Map<string, string> = new Map();
/** google.protobuf.Empty has no bytes. */
const empty = (): Uint8Array => EMPTY;

export const getForm: Form<GetRequest, Item | undefined> = { decodeGrpc: (body) => whole(readGet, body), encodeGrpc: writeItem };
export const bulkGetForm: Form<BulkGetRequest, readonly BulkItem[]> = { decodeGrpc: (body) => whole(readBulkGet, body), encodeGrpc: writeBulkItems };
export const saveForm: Form<SaveRequest, void> = { decodeGrpc: (body) => whole(readSave, body), encodeGrpc: empty };

export const deleteForm: Form<DeleteRequest, void> = {
  decodeGrpc: (body) => {
    const request = read(DeleteStateRequest, body);
    return { store: request.storeName, ...changeOf(request) };
  },
  encodeGrpc: empty,
};

export const bulkDeleteForm: Form<BulkDeleteRequest, void> = {
  decodeGrpc: (body) => {
    const { storeName, states } = read(DeleteBulkStateRequest, body);
    return { store: storeName, items: states.map(changeOf) };
  },
  encodeGrpc: empty,
};

export const transactionForm: Form<TransactionRequest, void> = {
  decodeGrpc: (body) => {
    const { storeName, operations, metadata } = read(ExecuteStateTransactionRequest, body);
    return {
      store: storeName,
      operations: operations.map(({ operationType, request = NO_ITEM }) => ({ operation: operationType, ...changeOf(request), ...bytesOf(request.value), plaintext: 'listed' })),
      metadata: textsOf(metadata),
      emptyIsDone: false,
      fault: undefined,
    };
  },
  encodeGrpc: empty,
};

export const queryForm: Form<QueryRequest, void> = {
  decodeGrpc: (body) => ({ store: read(QueryStateRequest, body).storeName }),
  encodeGrpc: empty,
};

/** An operation without a request: all its members are unset. */
const NO_ITEM: StateItem = { key: '', value: EMPTY, metadata: NO_ENTRIES };

/** @throws ApiError for bytes that are no such message. The bytes are borrowed, so the reader copies. */
function read<M>(codec: { decode(reader: CopyingReader): M }, body: Uint8Array): M {
  return whole((bytes) => codec.decode(new CopyingReader(bytes)), body);
}

/** @throws ApiError for bytes that are no such message. */
function whole<Request>(decode: (body: Uint8Array) => Request, body: Uint8Array): Request {
  try {
    return decode(body);
  } catch (cause) {
    throw FAIL.malformedMessage(messageOf(cause)).because(cause);
  }
}

function changeOf({ key, etag, options, metadata }: { key: string; etag?: { value: string } | undefined; options?: StateOptions | undefined; metadata: Map<string, string> }): ItemChange {
  return {
    key,
    etag: etag?.value,
    concurrency: (options && CONCURRENCY[options.concurrency]) ?? '',
    consistency: (options && CONSISTENCY[options.consistency]) ?? '',
    metadata: textsOf(metadata),
  };
}

function textsOf(entries: Map<string, string>): StringMap {
  return entries.size === 0 ? NO_METADATA : Object.fromEntries(entries);
}
