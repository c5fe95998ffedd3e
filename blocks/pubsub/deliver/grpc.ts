// Delivery to a gRPC application: what it is sent, and what its answer means (contract: messaging §2.7 and §2.9).
import { randomUUID } from 'node:crypto';
import { GO_CODE_NAMES, Grpc, messageOf } from '../../../proto/errors.ts';
import {
  TopicEventBulkRequest, TopicEventBulkResponse, TopicEventRequest, TopicEventResponse, TopicEventResponse_TopicEventResponseStatus as Status,
  type TopicEventBulkRequestEntry, type TopicEventCERequest,
} from '../../../proto/gen/dapr/proto/runtime/v1/appcallback.ts';
import { CopyingReader } from '../../../proto/wire.ts';
import type { AppAnswer, AppRequest } from '../../kernel.ts';
import { isJsonType, isStringType } from '../content-types.ts';
import type { BulkEntry, DeliveryForm, DeliveryTarget, TopicEvent, Verdict } from './delivery.ts';
import { ACK, ASKED_TO_DROP, ASKED_TO_RETRY, CLOUD_EVENT, NO_STATUS, OCTET_STREAM, OWN_HEADERS, unknownStatus, type FormOptions } from './forms.ts';
import { memberJson } from './json-member.ts';

const ON_TOPIC_EVENT = '/dapr.proto.runtime.v1.AppCallback/OnTopicEvent';
const ON_BULK_TOPIC_EVENT = '/dapr.proto.runtime.v1.AppCallback/OnBulkTopicEvent';
const ON_BULK_TOPIC_EVENT_ALPHA = '/dapr.proto.runtime.v1.AppCallbackAlpha/OnBulkTopicEventAlpha1';

const NOTHING = new Uint8Array(0);

/** Attributes that have a field of their own; the others are extensions. */
const FIELDS: ReadonlySet<string> = new Set(['id', 'source', 'type', 'specversion', 'datacontenttype', 'data', 'data_base64']);

/** The requests have no deadline of their own: whoever sends them knows how long a delivery may take. */
export function grpcForm(options: FormOptions): DeliveryForm {
  return new GrpcForm(options);
}

/**
 * The event as a gRPC application or stream gets it. `data` are the decoded bytes, the text, or the JSON of the envelope,
 * by its content type; the empty one counts as JSON. Of any other type it is empty.
 */
export function topicEventRequest(event: TopicEvent, target: DeliveryTarget, path: string): TopicEventRequest {
  return { ...cloudEvent(event), topic: target.topic, pubsubName: target.pubsubName, path };
}

class GrpcForm implements DeliveryForm {
  /** An application without any rpc for batches wants none of them. */
  readonly bulkUnimplemented = ACK;
  readonly #options: FormOptions;

  constructor(options: FormOptions) {
    this.#options = options;
  }

  single(event: TopicEvent, target: DeliveryTarget, path: string): AppRequest {
    const body = TopicEventRequest.encode(topicEventRequest(event, target, path)).finish();
    return { verb: 'RPC', target: ON_TOPIC_EVENT, headers: this.#metadata(event, target), body, deadlineMs: 0 };
  }

  verdict({ failure, body }: AppAnswer): Verdict {
    if (failure !== undefined) return failure.code === Grpc.UNIMPLEMENTED ? ACK : failed(failure);
    try {
      return verdictOf(TopicEventResponse.decode(new CopyingReader(body)).status);
    } catch (cause) {
      return unreadable(cause);
    }
  }

  bulk(entries: readonly BulkEntry[], { topic, pubsubName, rawPayload }: DeliveryTarget, path: string): AppRequest {
    const request: TopicEventBulkRequest = {
      id: randomUUID(), entries: entries.map((entry) => bulkEntry(entry, rawPayload)), metadata: new Map(), topic, pubsubName, type: 'com.dapr.event.sent.bulk', path,
    };
    return { verb: 'RPC', target: ON_BULK_TOPIC_EVENT, headers: [], body: TopicEventBulkRequest.encode(request).finish(), deadlineMs: 0 };
  }

  bulkVerdicts({ failure, body }: AppAnswer, entries: readonly BulkEntry[]): readonly Verdict[] | undefined {
    if (failure !== undefined) return failure.code === Grpc.UNIMPLEMENTED ? undefined : all(entries, failed(failure));
    const statuses = new Map<string, Verdict>();
    try {
      for (const { entryId, status } of TopicEventBulkResponse.decode(new CopyingReader(body)).statuses) statuses.set(entryId, verdictOf(status));
    } catch (cause) {
      return all(entries, unreadable(cause));
    }
    return entries.map(({ entryId }) => statuses.get(entryId) ?? NO_STATUS);
  }

  bulkFallback(request: AppRequest): AppRequest {
    return { ...request, target: ON_BULK_TOPIC_EVENT_ALPHA };
  }

  #metadata({ traceparent, tracestate, message: { metadata } }: TopicEvent, { pubsubName }: DeliveryTarget): string[] {
    // Our own come first: the channel stops taking metadata where a server would.
    const span = this.#options.span(traceparent);
    const headers = ['traceparent', span];
    const binary = this.#options.traceBin(span);
    if (binary !== '') headers.push('grpc-trace-bin', binary);
    if (tracestate !== '') headers.push('tracestate', tracestate);
    headers.push('pubsubname', pubsubName);
    for (const name of Object.keys(metadata)) {
      const lower = name.toLowerCase();
      if (OWN_HEADERS.has(lower)) continue;
      const value = metadata[name]!;
      headers.push(lower, lower.endsWith('-bin') ? Buffer.from(value).toString('base64') : value);
    }
    return headers;
  }
}

function bulkEntry({ entryId, event }: BulkEntry, raw: boolean): TopicEventBulkRequestEntry {
  const { message } = event;
  return {
    entryId,
    event: raw ? { $case: 'bytes', value: message.data } : { $case: 'cloudEvent', value: cloudEvent(event) },
    contentType: message.contentType || (raw ? OCTET_STREAM : CLOUD_EVENT),
    metadata: new Map(Object.entries(message.metadata)),
  };
}

function cloudEvent(event: TopicEvent): TopicEventCERequest {
  const { attributes } = event;
  const dataContentType = textOf(attributes.datacontenttype);
  return {
    id: event.id,
    source: textOf(attributes.source),
    type: textOf(attributes.type),
    specVersion: textOf(attributes.specversion),
    dataContentType,
    data: dataOf(event, dataContentType),
    extensions: extensionsOf(attributes),
  };
}

function dataOf({ attributes: { data, data_base64: base64 }, body }: TopicEvent, contentType: string): Uint8Array {
  if (base64 !== undefined && base64 !== null) return typeof base64 === 'string' ? Buffer.from(base64, 'base64') : NOTHING;
  if (data === undefined || data === null) return NOTHING;
  // A text that is no string would be an error to daprd, which the message could never get over.
  if (isStringType(contentType)) return typeof data === 'string' ? Buffer.from(data) : memberJson(body, 'data')!;
  return contentType === '' || isJsonType(contentType) ? memberJson(body, 'data')! : NOTHING;
}

function extensionsOf(attributes: TopicEvent['attributes']): Record<string, unknown> {
  const extensions = Object.create(null) as Record<string, unknown>; // a member may be called __proto__
  for (const name of Object.keys(attributes)) if (!FIELDS.has(name)) extensions[name] = attributes[name];
  return extensions;
}

function failed({ code, message, unasked }: NonNullable<AppAnswer['failure']>): Verdict {
  if (unasked === true) return { kind: 'retry', reason: `the application could not be asked: ${message}`, unasked };
  return { kind: 'retry', reason: `the application failed with ${GO_CODE_NAMES[code]}: ${message}`, code };
}

function unreadable(cause: unknown): Verdict {
  return { kind: 'retry', reason: `the application's answer can't be read: ${messageOf(cause)}` };
}

function verdictOf(status: number): Verdict {
  switch (status) {
    case Status.SUCCESS: return ACK;
    case Status.RETRY: return ASKED_TO_RETRY;
    case Status.DROP: return ASKED_TO_DROP;
    default: return unknownStatus(status);
  }
}

function all(entries: readonly BulkEntry[], verdict: Verdict): Verdict[] {
  return entries.map(() => verdict);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
