// The gRPC form of the configuration API: protobuf messages to typed requests, and answers back.
import { encodeFields, encodeRepeated } from '../../proto/delimited.ts';
import { messageOf } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import {
  GetConfigurationRequest, SubscribeConfigurationRequest, UnsubscribeConfigurationRequest, UnsubscribeConfigurationResponse,
} from '../../proto/gen/dapr/proto/runtime/v1/configuration.ts';
import { compareUtf8 } from '../../proto/gojson.ts';
import { CopyingReader } from '../../proto/wire.ts';
import type { Method } from '../block.ts';
import { NO_METADATA } from '../urlquery.ts';
import type { KnownItem } from './known-item.ts';
import type { GetAnswer, GetRequest, SubscribeRequest, UnsubscribeAnswer, UnsubscribeRequest } from './requests.ts';

type Form<Request, Response> = Pick<Method<Request, Response>, 'decodeGrpc' | 'encodeGrpc' | 'grpcMetadata'>;

const HIT = ['bulkhead-cache', 'hit'];
const MISS = ['bulkhead-cache', 'miss'];

export const getForm: Form<GetRequest, GetAnswer> = {
  decodeGrpc: (body) => {
    const { storeName, keys, metadata } = read(GetConfigurationRequest, body);
    return { store: storeName, keys, metadata: metadata.size === 0 ? NO_METADATA : Object.fromEntries(metadata) };
  },
  encodeGrpc: ({ items }) => encodeRepeated(0, items.map(({ entry }) => [1, entry])),
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

/** @throws ApiError for bytes that are no such message. The bytes are borrowed, so the reader copies. */
function read<M>(codec: { decode(reader: CopyingReader): M }, body: Uint8Array): M {
  try {
    return codec.decode(new CopyingReader(body));
  } catch (cause) {
    throw FAIL.malformedMessage(messageOf(cause)).because(cause);
  }
}
