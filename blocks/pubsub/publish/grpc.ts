// The gRPC form of publishing: protobuf messages to typed requests, and answers back. No answer of it has any bytes.
import { BulkPublishRequest as BulkMessage } from '../../../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { bytesTag, MessageReader } from '../../../proto/message-reader.ts';
import { CopyingReader } from '../../../proto/wire.ts';
import type { Method } from '../../block.ts';
import type { StringMap } from '../broker.ts';
import type { BulkOutcome } from './publish-bulk.ts';
import type { BulkPublishRequest, PublishRequest } from './requests.ts';
import { incomingTrace } from '../tracing.ts';

type Form<Request, Response> = Pick<Method<Request, Response>, 'decodeGrpc' | 'encodeGrpc'>;

const EMPTY: Uint8Array = new Uint8Array(0);
const PUBLISH_REQUEST = { pubsubName: bytesTag(1), topic: bytesTag(2), data: bytesTag(3), dataContentType: bytesTag(4), metadata: bytesTag(5) } as const;

export const publishForm: Form<PublishRequest, void> = {
  decodeGrpc: readPublish,
  encodeGrpc: () => EMPTY,
};

export const bulkPublishForm: Form<BulkPublishRequest, BulkOutcome> = {
  decodeGrpc: (body, headers) => {
    const { pubsubName, topic, entries, metadata } = BulkMessage.decode(new CopyingReader(body));
    return {
      pubsub: pubsubName, topic, metadata: textsOf(metadata), trace: incomingTrace(headers), broken: '',
      items: entries.map((entry) => ({ entryId: entry.entryId, data: entry.event, contentType: entry.contentType, metadata: textsOf(entry.metadata), misfit: '' })),
    };
  },
  /** An error and a list of what failed exclude each other, so the list is never there. */
  encodeGrpc: ({ failure }) => {
    if (failure !== undefined) throw failure;
    return EMPTY;
  },
};

/** PublishEventRequest, field by field: the generated decoder takes several times as long. */
function readPublish(body: Uint8Array, headers: Readonly<Record<string, string>>): PublishRequest {
  const reader = new MessageReader(body);
  let pubsub = '';
  let topic = '';
  let data = EMPTY;
  let contentType = '';
  let metadata: Map<string, string> | undefined;
  for (let tag = reader.next(); tag !== 0; tag = reader.next()) {
    switch (tag) {
      case PUBLISH_REQUEST.pubsubName: pubsub = reader.text(); break;
      case PUBLISH_REQUEST.topic: topic = reader.text(); break;
      case PUBLISH_REQUEST.data: data = reader.bytes(); break;
      case PUBLISH_REQUEST.dataContentType: contentType = reader.text(); break;
      case PUBLISH_REQUEST.metadata: metadata = reader.entry(metadata); break;
      default: reader.skip(tag);
    }
  }
  return { pubsub, topic, data, contentType, metadata: metadata === undefined ? undefined : Object.fromEntries(metadata), trace: incomingTrace(headers), traceInMetadata: true };
}

/** An empty map and none are the same on the wire, and none is what Go makes of it. */
function textsOf(entries: ReadonlyMap<string, string>): StringMap | undefined {
  return entries.size === 0 ? undefined : Object.fromEntries(entries);
}
