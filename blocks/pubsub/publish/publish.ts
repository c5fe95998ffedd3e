// Publishing one message: the checks in Dapr's order, the envelope, and the broker (contract: messaging §1.1).
import { ApiError, messageOf } from '../../../proto/errors.ts';
import { FAIL } from '../../../proto/failures.ts';
import type { CallScope } from '../../block.ts';
import type { Awaitable } from '../../driver.ts';
import { GoJsonError } from '../../gojson.ts';
import type { OutgoingMessage } from '../broker.ts';
import type { OpenBroker } from '../brokers.ts';
import { envelope, type Event } from './envelope.ts';
import { rawPayload } from './request-metadata.ts';
import type { PublishRequest } from './requests.ts';
import type { TraceContext, Tracer } from '../tracing.ts';

/** @throws ApiError */
export function publish(broker: OpenBroker, request: PublishRequest, tracer: Tracer, scope: CallScope): Awaitable<void> {
  const raw = checkTarget(broker, request);
  const trace = tracer.span(request.trace);
  return send(broker, request.topic, raw ? rawMessage(request, trace) : { data: enveloped(broker, { ...request, trace }), metadata: request.metadata }, scope);
}

/**
 * Publishes bytes as they are, to a dead letter topic for instance. Scopes count.
 * @throws ApiError FORBIDDEN, or PUBLISH_MESSAGE with the broker's words
 */
export async function sendRaw(broker: OpenBroker, topic: string, message: OutgoingMessage, scope: CallScope): Promise<void> {
  await send(broker, topic, message, scope);
}

/** What is to be wrong before anything else is looked at. True: without an envelope. @throws ApiError */
export function checkTarget(broker: OpenBroker, { topic, metadata }: Pick<PublishRequest, 'topic' | 'metadata'>): boolean {
  if (topic === '') throw FAIL.topicEmpty(broker.name, metadata ?? null);
  const raw = rawPayload(metadata);
  if (typeof raw === 'string') throw FAIL.pubsubMetadata(broker.name, metadata ?? null, raw);
  return raw;
}

/** @throws ApiError for an event that is called a CloudEvent and isn't one */
export function enveloped(broker: OpenBroker, event: Event): Uint8Array {
  try {
    return envelope(event, broker.appId, broker.hasTtl);
  } catch (cause) {
    if (!(cause instanceof GoJsonError)) throw cause;
    throw FAIL.cloudEventCreation(broker.name, broker.appId, cause.message).because(cause);
  }
}

/** @throws ApiError */
export function checkScope(broker: OpenBroker, topic: string): void {
  if (!broker.mayPublish(topic)) throw FAIL.publishForbidden(broker.name, topic, broker.appId);
}

/** What a broker threw, as clients read it. */
export function textOf(cause: unknown): string {
  return cause instanceof ApiError ? String(cause) : messageOf(cause);
}

function send(broker: OpenBroker, topic: string, message: OutgoingMessage, scope: CallScope): Awaitable<void> {
  checkScope(broker, topic);
  let sent: Awaitable<void>;
  try {
    sent = broker.driver.publish(broker.toBroker(topic), message, scope);
  } catch (cause) {
    throw failed(broker, topic, cause);
  }
  return sent instanceof Promise ? guarded(broker, topic, sent) : undefined;
}

/** Apart from `send`, so that a broker that is done at once costs no closure. */
function guarded(broker: OpenBroker, topic: string, sent: Promise<void>): Promise<void> {
  return sent.catch((cause: unknown) => { throw failed(broker, topic, cause); });
}

function failed(broker: OpenBroker, topic: string, cause: unknown): ApiError {
  return FAIL.publishFailed(broker.name, topic, textOf(cause)).because(cause);
}

/** Subscribers find the trace in the metadata, under the old name that stands for the whole traceparent. */
function rawMessage({ data, metadata, traceInMetadata }: PublishRequest, { traceparent, tracestate }: TraceContext): OutgoingMessage {
  if (!traceInMetadata || traceparent === '') return { data, metadata };
  return { data, metadata: { ...metadata, traceid: traceparent, ...(tracestate === '' ? {} : { tracestate }) } };
}
