// The gRPC form of the configuration API: protobuf messages to typed requests, and answers back.
import { encodeFields, encodeRepeated } from '../../proto/delimited.ts';
import { messageOf } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import { SubscribeConfigurationRequest, UnsubscribeConfigurationRequest, UnsubscribeConfigurationResponse } from '../../proto/gen/dapr/proto/runtime/v1/configuration.ts';
import { compareUtf8 } from '../../proto/gojson.ts';
import { bytesTag, MessageReader } from '../../proto/message-reader.ts';
import { MessageWriter, type Message } from '../../proto/message-writer.ts';
import { CopyingReader } from '../../proto/wire.ts';
import type { Method } from '../block.ts';
import { NO_METADATA } from '../urlquery.ts';
import type { KnownItem } from './known-item.ts';
import type { GetAnswer, GetRequest, SubscribeRequest, UnsubscribeAnswer, UnsubscribeRequest } from './requests.ts';

type Form<Request, Response> = Pick<Method<Request, Response>, 'decodeGrpc' | 'encodeGrpc' | 'grpcMetadata'>;

const GET_REQUEST = { storeName: bytesTag(1), keys: bytesTag(2), metadata: bytesTag(3) } as const;
const GET_RESPONSE = { items: bytesTag(1) } as const;

const HIT = ['bulkhead-cache', 'hit'];
const MISS = ['bulkhead-cache', 'miss'];

export const getForm: Form<GetRequest, GetAnswer> = {
  decodeGrpc: readGet,
  encodeGrpc: writeItems,
  grpcMetadata: ({ hit }) => (hit ? HIT : MISS),
};

export const unsubscribeForm: Form<UnsubscribeRequest, UnsubscribeAnswer> = {
  decodeGrpc: (body) => ({ store: undefined, id: read(UnsubscribeConfigurationRequest, body).id }), // Dapr does not look at the store's name
  encodeGrpc: ({ ok, id }) => UnsubscribeConfigurationResponse.encode({ ok, message: ok ? '' : `failed to unsubscribe to configuration request ${id}: subscription does not exist` }).finish(),
};

/** Over gRPC a subscription is a stream (stream.ts). */
export const subscribeForm: Form<SubscribeRequest, string> = {
  decodeGrpc: () => { throw FAIL.notImplemented(); },
  encodeGrpc: () => encodeFields([]),
};

/** What opens a stream. The keys come in order, as Dapr puts them. */
export function subscribeRequest(body: Uint8Array): SubscribeRequest {
  const { storeName, keys } = read(SubscribeConfigurationRequest, body);
  return { store: storeName, keys: keys.sort(compareUtf8) };
}

/** A message on a stream. Without items it is the first one. */
export function subscribeMessage(id: string, items: readonly KnownItem[]): Uint8Array {
  return encodeRepeated(0, [[1, id], ...items.map(({ entry }) => [2, entry] as const)]);
}

/** GetConfigurationRequest, field by field: the generated decoder takes several times as long. */
function readGet(body: Uint8Array): GetRequest {
  const reader = new MessageReader(body);
  let store = '';
  const keys: string[] = [];
  let metadata: Map<string, string> | undefined;
  for (let tag = reader.next(); tag !== 0; tag = reader.next()) {
    switch (tag) {
      case GET_REQUEST.storeName: store = reader.text(); break;
      case GET_REQUEST.keys: keys.push(reader.text()); break;
      case GET_REQUEST.metadata: metadata = reader.entry(metadata); break;
      default: reader.skip(tag);
    }
  }
  return { store, keys, metadata: metadata === undefined ? NO_METADATA : Object.fromEntries(metadata) };
}

/** GetConfigurationResponse. */
function writeItems({ items }: GetAnswer): Message {
  const writer = new MessageWriter();
  for (const { entry } of items) writer.message(GET_RESPONSE.items, entry);
  return writer.finish();
}

/** @throws ApiError for bytes that are no such message. The bytes are borrowed, so the reader copies. */
function read<M>(codec: { decode(reader: CopyingReader): M }, body: Uint8Array): M {
  try {
    return codec.decode(new CopyingReader(body));
  } catch (cause) {
    throw FAIL.malformedMessage(messageOf(cause)).because(cause);
  }
}
