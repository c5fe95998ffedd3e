// The HTTP form of the state API: URL, headers and JSON bodies to typed requests, and answers back.
import type { ApiError } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import { compareUtf8, quote } from '../../proto/gojson.ts';
import type { HttpAnswer, HttpHead, Method } from '../block.ts';
import { compact, GoJsonError } from '../gojson.ts';
import { firstParam, metadataParams, queryParams } from '../urlquery.ts';
import { bulkGetBody, saveBody, transactionBody } from './bodies.ts';
import type { BulkDeleteRequest, BulkGetRequest, BulkItem, DeleteRequest, GetRequest, QueryRequest, SaveRequest, TransactionRequest } from './requests.ts';
import type { Item, StringMap } from './store.ts';

type Form<Request, Response> = Pick<Method<Request, Response>, 'decodeHttp' | 'encodeHttp'>;

const NO_CONTENT: HttpAnswer = { status: 204 };
const noContent = (): HttpAnswer => NO_CONTENT;

export const getForm: Form<GetRequest, Item | undefined> = {
  decodeHttp: (head) => {
    const params = queryParams(head.query);
    return { store: param(head, 0), key: param(head, 1), consistency: firstParam(params, 'consistency'), metadata: metadataParams(params) };
  },
  encodeHttp: (item) => {
    if (item?.data === undefined) return NO_CONTENT;
    return { status: 200, headers: itemHeaders(item), body: item.data };
  },
};

export const bulkGetForm: Form<BulkGetRequest, readonly BulkItem[]> = {
  decodeHttp: (head, body) => {
    const store = param(head, 0);
    const url = metadataParams(queryParams(head.query));
    return decoded<BulkGetRequest>(() => ({ store, ...bulkGetBody(body, url), fault: undefined }),
      (text) => ({ store, keys: [], parallelism: 0, metadata: url, fault: FAIL.malformedBody(text) }));
  },
  encodeHttp: (items) => ({ status: 200, body: bulkItemsJson(items) }),
};

export const saveForm: Form<SaveRequest, void> = {
  decodeHttp: (head, body) => {
    const store = param(head, 0);
    const url = metadataParams(queryParams(head.query));
    return decoded<SaveRequest>(() => ({ store, items: saveBody(body, url), fault: undefined }), (text) => ({ store, items: [], fault: FAIL.saveBody(text) }));
  },
  encodeHttp: noContent,
};

export const deleteForm: Form<DeleteRequest, void> = {
  decodeHttp: (head) => {
    const params = queryParams(head.query);
    return {
      store: param(head, 0),
      key: param(head, 1),
      etag: head.headers['if-match'],
      concurrency: firstParam(params, 'concurrency'),
      consistency: firstParam(params, 'consistency'),
      metadata: metadataParams(params),
    };
  },
  encodeHttp: noContent,
};

/** gRPC alone has it. */
export const bulkDeleteForm: Form<BulkDeleteRequest, void> = {
  decodeHttp: () => { throw FAIL.notImplemented(); },
  encodeHttp: noContent,
};

export const transactionForm: Form<TransactionRequest, void> = {
  decodeHttp: (head, body) => {
    const store = param(head, 0);
    const url = metadataParams(queryParams(head.query));
    return decoded<TransactionRequest>(() => ({ store, ...transactionBody(body, url), emptyIsDone: true, fault: undefined }),
      (text) => ({ store, operations: [], metadata: url, emptyIsDone: true, fault: FAIL.malformedBody(text) }));
  },
  encodeHttp: noContent,
};

export const queryForm: Form<QueryRequest, void> = {
  decodeHttp: (head) => ({ store: param(head, 0) }),
  encodeHttp: noContent,
};

function param(head: HttpHead, index: number): string {
  return head.params[index] ?? '';
}

/** A body that Go could not decode is a fault of the request, reported when its turn comes. */
function decoded<R extends { readonly fault: ApiError | undefined }>(decode: () => R, broken: (text: string) => R): R {
  try {
    return decode();
  } catch (cause) {
    if (!(cause instanceof GoJsonError)) throw cause;
    const request = broken(cause.message);
    request.fault?.because(cause);
    return request;
  }
}

function itemHeaders({ etag, metadata }: Item): string[] | undefined {
  if (metadata === undefined) return etag === undefined ? undefined : ['ETag', etag];
  const headers = etag === undefined ? [] : ['ETag', etag];
  for (const name of Object.keys(metadata)) headers.push(`metadata.${name}`, metadata[name]!);
  return headers;
}

/** One line of JSON; or nothing at all, with status 200, if a value isn't JSON: Dapr's encoder gives up, and so do we. */
function bulkItemsJson(items: readonly BulkItem[]): string {
  const parts: string[] = [];
  for (const item of items) {
    const json = bulkItemJson(item);
    if (json === undefined) return '';
    parts.push(json);
  }
  return `[${parts.join(',')}]\n`;
}

function bulkItemJson({ key, data, etag, metadata, error }: BulkItem): string | undefined {
  let json = `{"key":${quote(key)}`;
  if (data !== undefined && data.length > 0) {
    const text = compact(data);
    if (text === undefined) return undefined;
    json += `,"data":${text}`;
  }
  if (etag !== undefined) json += `,"etag":${quote(etag)}`;
  if (metadata !== undefined) json += metadataJson(metadata);
  if (error !== '') json += `,"error":${quote(error)}`;
  return `${json}}`;
}

function metadataJson(metadata: StringMap): string {
  const names = Object.keys(metadata).sort(compareUtf8);
  if (names.length === 0) return '';
  return `,"metadata":{${names.map((name) => `${quote(name)}:${quote(metadata[name]!)}`).join(',')}}`;
}
