// The JSON bodies of the state API, decoded by the rules and with the words of Go's encoding/json.
import { ApiError } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import { parseFirst } from '../gojson.ts';
import { fieldOf, fields, GoDecoding } from '../gostruct.ts';
import { NO_METADATA } from '../urlquery.ts';
import { MapDecoding } from './mapstructure.ts';
import type { SaveItem, TransactionItem } from './requests.ts';
import type { StringMap } from './store.ts';

/** What an item without a value stores. Shared: there may be as many as fit into a body. */
const NULL: Uint8Array = Buffer.from('null');

const SET_REQUEST = fields('key', 'value', 'etag', 'metadata', 'options', 'contentType');
const OPTIONS = fields('Concurrency', 'Consistency');
const BULK_GET = fields('metadata', 'keys', 'parallelism');
const TRANSACTION = fields('operations', 'metadata');
const OPERATION = fields('operation', 'request');

/**
 * The items of a save.
 * @param url metadata of the URL, which wins over an item's own
 * @throws GoJsonError
 */
export function saveBody(body: Uint8Array, url: StringMap): readonly SaveItem[] {
  const go = new GoDecoding(body);
  const list = go.list(parseFirst(body), '[]state.SetRequest') ?? [];
  const items = list.map((value) => saveItem(go, value, url));
  go.finish();
  return items;
}

function saveItem(go: GoDecoding, from: unknown, url: StringMap): SaveItem {
  const object = go.object(from, 'state.SetRequest') ?? {};
  let key = '', json = 'null', concurrency = '', consistency = '';
  let etag: string | undefined;
  let metadata: StringMap | undefined;
  for (const member of Object.keys(object)) {
    const value = object[member];
    switch (fieldOf(SET_REQUEST, member)) {
      case 'key': key = go.text(value, 'SetRequest.key') ?? key; break;
      case 'value': json = go.json(value, 'SetRequest.value'); break;
      case 'etag': etag = go.text(value, 'SetRequest.etag'); break;
      case 'metadata': metadata = go.texts(value, 'SetRequest.metadata'); break;
      case 'options': [concurrency, consistency] = options(go, value); break;
      case 'contentType': go.text(value, 'SetRequest.contentType'); break;
      case undefined: break;
    }
  }
  return {
    key, etag, concurrency, consistency, metadata: merge(metadata, url),
    value: jsonBytes(json), isJson: true, plaintext: 'printed', fault: undefined,
  };
}

function options(go: GoDecoding, from: unknown): [concurrency: string, consistency: string] {
  const object = go.object(from, 'state.SetStateOption', 'SetRequest.options') ?? {};
  let concurrency = '', consistency = '';
  for (const member of Object.keys(object)) {
    const field = fieldOf(OPTIONS, member);
    if (field === undefined) continue;
    const word = go.text(object[member], `SetStateOption.options.${field}`) ?? '';
    if (field === 'Concurrency') concurrency = word;
    else consistency = word;
  }
  return [concurrency, consistency];
}

/** @throws GoJsonError */
export function bulkGetBody(body: Uint8Array, url: StringMap): { keys: readonly string[]; parallelism: number; metadata: StringMap } {
  const go = new GoDecoding(body);
  const object = go.object(parseFirst(body), 'http.BulkGetRequest') ?? {};
  let keys: readonly string[] = [];
  let parallelism = 0;
  let metadata: StringMap | undefined;
  for (const member of Object.keys(object)) {
    const value = object[member];
    switch (fieldOf(BULK_GET, member)) {
      case 'keys': keys = (go.list(value, '[]string', 'BulkGetRequest.keys') ?? []).map((key) => go.text(key, 'BulkGetRequest.keys') ?? ''); break;
      case 'parallelism': parallelism = go.integer(value, 'BulkGetRequest.parallelism') ?? parallelism; break;
      case 'metadata': metadata = go.texts(value, 'BulkGetRequest.metadata'); break;
      case undefined: break;
    }
  }
  go.finish();
  return { keys, parallelism, metadata: merge(metadata, url) };
}

/**
 * The operations of a transaction, up to the first that is wrong in itself. Of the metadata, an operation's own is joined
 * by the URL's alone; the body's goes with the transaction.
 * @throws GoJsonError
 */
export function transactionBody(body: Uint8Array, url: StringMap): { operations: readonly (TransactionItem | ApiError)[]; metadata: StringMap } {
  const go = new GoDecoding(body);
  const object = go.object(parseFirst(body), 'http.stateTransactionRequestBody') ?? {};
  let list: readonly unknown[] = [];
  let metadata: StringMap | undefined;
  for (const member of Object.keys(object)) {
    const value = object[member];
    switch (fieldOf(TRANSACTION, member)) {
      case 'operations': list = go.list(value, '[]http.stateTransactionRequestBodyOperation', 'stateTransactionRequestBody.operations') ?? []; break;
      case 'metadata': metadata = go.texts(value, 'stateTransactionRequestBody.metadata'); break;
      case undefined: break;
    }
  }
  const steps = list.map((value) => step(go, value));
  go.finish(); // the body as a whole comes first; only then what single operations hold
  const operations: (TransactionItem | ApiError)[] = [];
  for (const { operation, request } of steps) {
    const item = transactionItem(go, operation, request, url);
    operations.push(item);
    if (item instanceof ApiError) break;
  }
  go.finish();
  return { operations, metadata: merge(metadata, url) };
}

function step(go: GoDecoding, from: unknown): { operation: string; request: unknown } {
  const object = go.object(from, 'http.stateTransactionRequestBodyOperation', 'stateTransactionRequestBody.operations') ?? {};
  let operation = '';
  let request: unknown;
  for (const member of Object.keys(object)) {
    const value = object[member];
    switch (fieldOf(OPERATION, member)) {
      case 'operation': operation = go.text(value, 'stateTransactionRequestBodyOperation.operations.operation') ?? operation; break;
      case 'request': request = value; break;
      case undefined: break;
    }
  }
  return { operation, request };
}

/** Dapr decodes the request of an operation with another library than the body, whose words differ. */
function transactionItem(go: GoDecoding, operation: string, request: unknown, url: StringMap): TransactionItem | ApiError {
  if (operation !== 'upsert' && operation !== 'delete') return FAIL.unknownOperation(operation);
  const map = new MapDecoding(request);
  const key = map.text('Key') ?? '';
  const etag = map.text('ETag');
  const metadata = map.texts('Metadata');
  const choices = map.nested('Options');
  const concurrency = choices.text('Concurrency') ?? '';
  const consistency = choices.text('Consistency') ?? '';
  if (operation === 'upsert') map.text('ContentType');
  const fault = map.fault();
  if (fault !== undefined) return FAIL.malformedBody(fault);
  const json = operation === 'upsert' ? go.json(map.value('Value') ?? null, 'stateTransactionRequestBodyOperation.operations.request') : 'null';
  return {
    operation, key, etag, concurrency, consistency, metadata: merge(metadata, url),
    value: jsonBytes(json), isJson: true, plaintext: 'printed', fault: undefined,
  };
}

function jsonBytes(json: string): Uint8Array {
  return json === 'null' ? NULL : Buffer.from(json);
}

/** URL metadata wins. */
function merge(own: StringMap | undefined, url: StringMap): StringMap {
  if (own === undefined) return url;
  return url === NO_METADATA ? own : { ...own, ...url };
}
