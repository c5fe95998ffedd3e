// The gRPC form of publishing: protobuf messages to typed requests, and answers back. No answer of it has any bytes.
import { BulkPublishRequest as BulkMessage, PublishEventRequest } from '../../../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { CopyingReader } from '../../../proto/wire.ts';
import type { Method } from '../../block.ts';
import type { StringMap } from '../broker.ts';
import type { BulkOutcome } from './publish-bulk.ts';
import type { BulkPublishRequest, PublishRequest } from './requests.ts';
import { incomingTrace } from '../tracing.ts';

type Form<Request, Response> = Pick<Method<Request, Response>, 'decodeGrpc' | 'encodeGrpc'>;

const EMPTY = new Uint8Array(0);

export const publishForm: Form<PublishRequest, void> = {
  decodeGrpc: (body, headers) => {
    const { pubsubName, topic, data, dataContentType, metadata } = PublishEventRequest.decode(new CopyingReader(body));
    return { pubsub: pubsubName, topic, data, contentType: dataContentType, metadata: textsOf(metadata), trace: incomingTrace(headers), traceInMetadata: true };
  },
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

/** An empty map and none are the same on the wire, and none is what Go makes of it. */
function textsOf(entries: ReadonlyMap<string, string>): StringMap | undefined {
  return entries.size === 0 ? undefined : Object.fromEntries(entries);
}
