// The gRPC form of the state API: protobuf messages to typed requests, and answers back.
import { StateOptions_StateConcurrency as C, StateOptions_StateConsistency as S, type StateItem, type StateOptions } from '../../proto/gen/dapr/proto/common/v1/common.ts';
import {
  DeleteBulkStateRequest, DeleteStateRequest, ExecuteStateTransactionRequest, GetBulkStateRequest, GetBulkStateResponse, GetStateRequest, GetStateResponse,
  QueryStateRequest, SaveStateRequest,
} from '../../proto/gen/dapr/proto/runtime/v1/state.ts';
import { encodeFields } from '../../proto/delimited.ts';
import { FAIL } from '../../proto/failures.ts';
import { CopyingReader } from '../../proto/wire.ts';
import type { Method } from '../block.ts';
import { GoJsonError, parseWhole } from '../gojson.ts';
import { GoDecoding } from '../gostruct.ts';
import { NO_METADATA } from '../urlquery.ts';
import type { BulkDeleteRequest, BulkGetRequest, BulkItem, DeleteRequest, GetRequest, ItemChange, ItemValue, QueryRequest, SaveRequest, TransactionRequest } from './requests.ts';
import type { Item, StringMap } from './store.ts';
import { messageOf } from '../../proto/errors.ts';

type Form<Request, Response> = Pick<Method<Request, Response>, 'decodeGrpc' | 'encodeGrpc'>;

const EMPTY = new Uint8Array(0);
const NO_ENTRIES: Map<string, string> = new Map();
/** google.protobuf.Empty has no bytes. */
const empty = (): Uint8Array => EMPTY;

const CONCURRENCY: Readonly<Record<number, string>> = { [C.CONCURRENCY_FIRST_WRITE]: 'first-write', [C.CONCURRENCY_LAST_WRITE]: 'last-write' };
const CONSISTENCY: Readonly<Record<number, string>> = { [S.CONSISTENCY_EVENTUAL]: 'eventual', [S.CONSISTENCY_STRONG]: 'strong' };

export const getForm: Form<GetRequest, Item | undefined> = {
  decodeGrpc: (body) => {
    const { storeName, key, consistency, metadata } = read(GetStateRequest, body);
    return { store: storeName, key, consistency: CONSISTENCY[consistency] ?? '', metadata: textsOf(metadata) };
  },
  encodeGrpc: (item) => {
    if (item === undefined) return EMPTY;
    const { data = EMPTY, etag = '', metadata } = item;
    return metadata === undefined ? encodeFields([[1, data], [2, etag]]) : GetStateResponse.encode({ data, etag, metadata: entriesOf(metadata) }).finish();
  },
};

export const bulkGetForm: Form<BulkGetRequest, readonly BulkItem[]> = {
  decodeGrpc: (body) => {
    const { storeName, keys, parallelism, metadata } = read(GetBulkStateRequest, body);
    return { store: storeName, keys, parallelism, metadata: textsOf(metadata), fault: undefined };
  },
  encodeGrpc: (items) => GetBulkStateResponse.encode({
    items: items.map(({ key, data = EMPTY, etag = '', metadata, error }) => ({ key, data, etag, error, metadata: entriesOf(metadata) })),
  }).finish(),
};

export const saveForm: Form<SaveRequest, void> = {
  decodeGrpc: (body) => {
    const { storeName, states } = read(SaveStateRequest, body);
    return { store: storeName, items: states.map((item) => ({ ...changeOf(item), ...valueOf(item) })), fault: undefined };
  },
  encodeGrpc: empty,
};

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
  try {
    return codec.decode(new CopyingReader(body));
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

/** Bytes as they came, null if there are none; what a client calls JSON is stored in Go's form. */
function valueOf({ value, metadata }: StateItem): ItemValue {
  if (metadata.get('contentType') !== 'application/json') return bytesOf(value);
  try {
    const go = new GoDecoding(value);
    const json = go.json(parseWhole(value), '');
    go.finish();
    return { value: Buffer.from(json), isJson: true, plaintext: value, fault: undefined };
  } catch (cause) {
    if (!(cause instanceof GoJsonError)) throw cause;
    return { value: undefined, isJson: false, plaintext: value, fault: FAIL.valueNotJson(cause.message).because(cause) };
  }
}

function bytesOf(value: Uint8Array): ItemValue {
  return { value: value.length === 0 ? undefined : value, isJson: false, plaintext: value, fault: undefined };
}

function textsOf(entries: Map<string, string>): StringMap {
  return entries.size === 0 ? NO_METADATA : Object.fromEntries(entries);
}

function entriesOf(texts: StringMap | undefined): Map<string, string> {
  return texts === undefined ? NO_ENTRIES : new Map(Object.entries(texts));
}
