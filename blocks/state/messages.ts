// The messages of reads and writes over gRPC, which most calls of an app are made of, between their bytes and the block's
// requests and answers. Read and written field by field, because the generated codecs take several times as long.
import { StateOptions_StateConcurrency as C, StateOptions_StateConsistency as S } from '../../proto/gen/dapr/proto/common/v1/common.ts';
import { bytesTag, MessageReader, varintTag } from '../../proto/message-reader.ts';
import { entryBytes, lengthDelimited, MessageWriter, textBytes, valueBytes, type Message } from '../../proto/message-writer.ts';
import { NO_METADATA } from '../urlquery.ts';
import type { BulkGetRequest, BulkItem, GetRequest, SaveItem, SaveRequest } from './requests.ts';
import type { Item, StringMap } from './store.ts';
import { bytesOf, jsonOf } from './values.ts';

const EMPTY: Uint8Array = new Uint8Array(0);

/** The words of the options; `''` for a number that says nothing. */
export const CONCURRENCY: Readonly<Record<number, string>> = { [C.CONCURRENCY_FIRST_WRITE]: 'first-write', [C.CONCURRENCY_LAST_WRITE]: 'last-write' };
export const CONSISTENCY: Readonly<Record<number, string>> = { [S.CONSISTENCY_EVENTUAL]: 'eventual', [S.CONSISTENCY_STRONG]: 'strong' };

const GET_REQUEST = { storeName: bytesTag(1), key: bytesTag(2), consistency: varintTag(3), metadata: bytesTag(4) } as const;
const GET_RESPONSE = { data: bytesTag(1), etag: bytesTag(2), metadata: bytesTag(3) } as const;
const BULK_REQUEST = { storeName: bytesTag(1), keys: bytesTag(2), parallelism: varintTag(3), metadata: bytesTag(4) } as const;
const BULK_RESPONSE = { items: bytesTag(1) } as const;
const BULK_ITEM = { key: bytesTag(1), data: bytesTag(2), etag: bytesTag(3), error: bytesTag(4), metadata: bytesTag(5) } as const;
const SAVE_REQUEST = { storeName: bytesTag(1), states: bytesTag(2) } as const;
const STATE_ITEM = { key: bytesTag(1), value: bytesTag(2), etag: bytesTag(3), metadata: bytesTag(4), options: bytesTag(5) } as const;
const ETAG = { value: bytesTag(1) } as const;
const OPTIONS = { concurrency: varintTag(1), consistency: varintTag(2) } as const;

/** GetStateRequest. */
export function readGet(body: Uint8Array): GetRequest {
  const reader = new MessageReader(body);
  let store = '';
  let key = '';
  let consistency = 0;
  let metadata: Map<string, string> | undefined;
  for (let tag = reader.next(); tag !== 0; tag = reader.next()) {
    switch (tag) {
      case GET_REQUEST.storeName: store = reader.text(); break;
      case GET_REQUEST.key: key = reader.text(); break;
      case GET_REQUEST.consistency: consistency = reader.int32(); break;
      case GET_REQUEST.metadata: metadata = reader.entry(metadata); break;
      default: reader.skip(tag);
    }
  }
  return { store, key, consistency: CONSISTENCY[consistency] ?? '', metadata: textsOf(metadata) };
}

/** GetStateResponse. A key that does not exist has no bytes at all. */
export function writeItem(item: Item | undefined): Message {
  if (item === undefined) return EMPTY;
  const { data, etag, metadata } = item;
  const writer = new MessageWriter();
  if (data !== undefined) writer.bytes(GET_RESPONSE.data, data);
  if (etag !== undefined) writer.text(GET_RESPONSE.etag, etag);
  if (metadata !== undefined) writeEntries(writer, GET_RESPONSE.metadata, metadata);
  return writer.finish();
}

/** GetBulkStateRequest. */
export function readBulkGet(body: Uint8Array): BulkGetRequest {
  const reader = new MessageReader(body);
  let store = '';
  const keys: string[] = [];
  let parallelism = 0;
  let metadata: Map<string, string> | undefined;
  for (let tag = reader.next(); tag !== 0; tag = reader.next()) {
    switch (tag) {
      case BULK_REQUEST.storeName: store = reader.text(); break;
      case BULK_REQUEST.keys: keys.push(reader.text()); break;
      case BULK_REQUEST.parallelism: parallelism = reader.int32(); break;
      case BULK_REQUEST.metadata: metadata = reader.entry(metadata); break;
      default: reader.skip(tag);
    }
  }
  return { store, keys, parallelism, metadata: textsOf(metadata), fault: undefined };
}

/** GetBulkStateResponse. */
export function writeBulkItems(items: readonly BulkItem[]): Message {
  const writer = new MessageWriter();
  for (const { key, data = EMPTY, etag = '', error, metadata } of items) {
    writer.begin(BULK_RESPONSE.items, textBytes(key) + valueBytes(data) + textBytes(etag) + textBytes(error) + (metadata === undefined ? 0 : entriesBytes(metadata)));
    writer.text(BULK_ITEM.key, key);
    writer.bytes(BULK_ITEM.data, data);
    writer.text(BULK_ITEM.etag, etag);
    writer.text(BULK_ITEM.error, error);
    if (metadata !== undefined) writeEntries(writer, BULK_ITEM.metadata, metadata);
  }
  return writer.finish();
}

/** SaveStateRequest. */
export function readSave(body: Uint8Array): SaveRequest {
  const reader = new MessageReader(body);
  let store = '';
  const items: SaveItem[] = [];
  for (let tag = reader.next(); tag !== 0; tag = reader.next()) {
    switch (tag) {
      case SAVE_REQUEST.storeName: store = reader.text(); break;
      case SAVE_REQUEST.states: items.push(readItem(reader)); break;
      default: reader.skip(tag);
    }
  }
  return { store, items, fault: undefined };
}

/** StateItem, within another message. Messages in it that come twice are one, as protobuf has it. */
function readItem(reader: MessageReader): SaveItem {
  let key = '';
  let bytes = EMPTY;
  let etag: string | undefined;
  let metadata: Map<string, string> | undefined;
  const options = { concurrency: 0, consistency: 0 };
  const outer = reader.enter();
  for (let tag = reader.next(); tag !== 0; tag = reader.next()) {
    switch (tag) {
      case STATE_ITEM.key: key = reader.text(); break;
      case STATE_ITEM.value: bytes = reader.bytes(); break;
      case STATE_ITEM.etag: etag = readEtag(reader, etag); break;
      case STATE_ITEM.metadata: metadata = reader.entry(metadata); break;
      case STATE_ITEM.options: readOptions(reader, options); break;
      default: reader.skip(tag);
    }
  }
  reader.leave(outer);
  const { value, isJson, plaintext, fault } = metadata?.get('contentType') === 'application/json' ? jsonOf(bytes) : bytesOf(bytes);
  return {
    key, etag, concurrency: CONCURRENCY[options.concurrency] ?? '', consistency: CONSISTENCY[options.consistency] ?? '', metadata: textsOf(metadata),
    value, isJson, plaintext, fault,
  };
}

function readEtag(reader: MessageReader, before = ''): string {
  let value = before;
  const outer = reader.enter();
  for (let tag = reader.next(); tag !== 0; tag = reader.next()) {
    if (tag === ETAG.value) value = reader.text();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return value;
}

function readOptions(reader: MessageReader, options: { concurrency: number; consistency: number }): void {
  const outer = reader.enter();
  for (let tag = reader.next(); tag !== 0; tag = reader.next()) {
    switch (tag) {
      case OPTIONS.concurrency: options.concurrency = reader.int32(); break;
      case OPTIONS.consistency: options.consistency = reader.int32(); break;
      default: reader.skip(tag);
    }
  }
  reader.leave(outer);
}

function writeEntries(writer: MessageWriter, tag: number, texts: StringMap): void {
  for (const name in texts) writer.entry(tag, name, texts[name] as string);
}

function entriesBytes(texts: StringMap): number {
  let bytes = 0;
  for (const name in texts) bytes += lengthDelimited(entryBytes(name, texts[name] as string));
  return bytes;
}

function textsOf(entries: Map<string, string> | undefined): StringMap {
  return entries === undefined ? NO_METADATA : Object.fromEntries(entries);
}
