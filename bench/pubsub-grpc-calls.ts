// Publishing as gRPC messages. Apart from pubsub-calls.ts, because the generated codecs would weigh on the servers that need none.
import { BulkPublishRequest, PublishEventRequest } from '../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { payloadOf } from './deliveries.ts';
import { eventOf, PUBLISHED_BULK, PUBSUB } from './pubsub-calls.ts';

export const PUBLISH = '/dapr.proto.runtime.v1.Dapr/PublishEvent';
export const BULK_PUBLISH = '/dapr.proto.runtime.v1.Dapr/BulkPublishEvent';

/** A publish of JSON that is to be put into an envelope, in base64. */
export const publishMessage = (topic: string, bytes: number): string =>
  base64(PublishEventRequest.encode({ pubsubName: PUBSUB, topic, data: Buffer.from(payloadOf(bytes)), dataContentType: 'application/json', metadata: new Map() }).finish());

/** A bulk of events that are stored as they are, in base64. */
export function bulkMessage(topic: string, bytes: number): string {
  const event = Buffer.from(eventOf(topic, bytes));
  const entries = Array.from({ length: PUBLISHED_BULK }, (_, i) => ({ entryId: String(i), event, contentType: 'application/cloudevents+json', metadata: new Map<string, string>() }));
  return base64(BulkPublishRequest.encode({ pubsubName: PUBSUB, topic, entries, metadata: new Map([['rawPayload', 'true']]) }).finish());
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
