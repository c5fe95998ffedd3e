// From a broker's message to the event that the application sees (contract: messaging §2.5).
import { createHash } from 'node:crypto';
import { messageOf } from '../../../proto/errors.ts';
import { stringify } from '../../../proto/gojson.ts';
import { parseWhole, utf8 } from '../../gojson.ts';
import type { IncomingMessage, StringMap } from '../broker.ts';
import type { DeliveryTarget, TopicEvent } from './delivery.ts';
import { OCTET_STREAM } from './forms.ts';

/** What names an attribute in the metadata of a message whose payload is the data alone. */
const BINARY_MODE_PREFIX = 'ce_';

/**
 * Levels within an attribute other than `data`. CloudEvents has no levels at all there; the bound keeps a publisher from
 * exhausting the stack of whoever walks through them.
 */
const MAX_ATTRIBUTE_LEVELS = 256;

type Attributes = Record<string, unknown>;

/**
 * The event that a message carries. Its attributes have the trace fields of the message's metadata where the envelope has
 * none; its body is the message's data itself, or, where there is no envelope, the one that is made here. A raw payload's
 * event has another id each time: who delivers it again keeps the event.
 *
 * @param now milliseconds since the epoch
 * @throws Error if the payload has to be a CloudEvent in JSON and isn't
 */
export function toEvent(message: IncomingMessage, target: DeliveryTarget, now: number): TopicEvent {
  const { metadata } = message;
  if (target.rawPayload) return rebuilt(message, rawEnvelope(message, target), now);
  const contentType = message.contentType || (metadata['content-type'] ?? '');
  if (isOctetStream(contentType)) return rebuilt(message, binaryEnvelope(message, contentType), now);
  const attributes = readEnvelope(message.data);
  fillTrace(attributes, metadata);
  return eventOf(message, message.data, attributes, now);
}

/** Whatever its case and parameters. */
function isOctetStream(contentType: string): boolean {
  return contentType !== '' && contentType.split(';', 1)[0]!.trim().toLowerCase() === OCTET_STREAM;
}

function rawEnvelope({ id, data }: IncomingMessage, { topic, pubsubName }: DeliveryTarget): Attributes {
  return {
    id: lastingId(`${pubsubName}|${topic}|${id}`), specversion: '1.0', type: 'com.dapr.event.sent', source: 'Dapr', datacontenttype: OCTET_STREAM,
    topic, pubsubname: pubsubName, data_base64: toBase64(data),
  };
}

/** The message's event has one id, also when it comes again: a UUID made of a name (RFC 9562, version 8). */
function lastingId(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${((Number.parseInt(hex[16] as string, 16) & 3) | 8).toString(16)}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The attributes travelled as metadata. Bytes have one place in an envelope of JSON, and every SDK looks for them there. */
function binaryEnvelope({ data, metadata }: IncomingMessage, contentType: string): Attributes {
  const attributes = Object.create(null) as Attributes;
  for (const name of Object.keys(metadata)) {
    const lower = name.toLowerCase();
    if (lower.startsWith(BINARY_MODE_PREFIX)) attributes[lower.slice(BINARY_MODE_PREFIX.length)] = metadata[name];
  }
  attributes.datacontenttype = contentType;
  attributes.data_base64 = toBase64(data);
  return attributes;
}

function rebuilt(message: IncomingMessage, attributes: Attributes, now: number): TopicEvent {
  fillTrace(attributes, message.metadata);
  return eventOf(message, Buffer.from(stringify(attributes)), attributes, now);
}

function eventOf(message: IncomingMessage, body: Uint8Array, attributes: Attributes, now: number): TopicEvent {
  return {
    message,
    id: textOf(attributes.id),
    body,
    attributes,
    // Both are the same where the envelope was made by a sidecar; older ones wrote `traceid` alone.
    traceparent: textOf(attributes.traceparent ?? attributes.traceid),
    tracestate: textOf(attributes.tracestate),
    expired: typeof attributes.expiration === 'string' && isPast(attributes.expiration, now),
  };
}

function readEnvelope(data: Uint8Array): Attributes {
  let envelope: unknown;
  try {
    envelope = JSON.parse(utf8(data));
  } catch {
    envelope = explain(data);
  }
  if (typeof envelope !== 'object' || envelope === null || Array.isArray(envelope)) throw new Error('the payload is not a CloudEvent: its JSON is not an object');
  for (const name of Object.keys(envelope)) {
    const value = (envelope as Attributes)[name];
    if (typeof value !== 'object' || value === null || name === 'data') continue;
    if (isDeeperThan(value, MAX_ATTRIBUTE_LEVELS)) throw new Error(`the payload is not a CloudEvent: attribute ${name} has more than ${MAX_ATTRIBUTE_LEVELS} levels`);
  }
  return envelope as Attributes;
}

/** Reads again with the parser that has the words for what is wrong. */
function explain(data: Uint8Array): unknown {
  try {
    return parseWhole(data);
  } catch (cause) {
    throw new Error(`the payload is not a CloudEvent in JSON: ${messageOf(cause)}`, { cause });
  }
}

function isDeeperThan(value: object, levels: number): boolean {
  if (levels === 0) return true;
  for (const member of Object.values(value)) {
    if (typeof member === 'object' && member !== null && isDeeperThan(member, levels - 1)) return true;
  }
  return false;
}

/** A member that is there stays as it is, whatever it holds. */
function fillTrace(attributes: Attributes, metadata: StringMap): void {
  const { traceid, traceparent, tracestate } = metadata;
  if (traceid !== undefined && !Object.hasOwn(attributes, 'traceid')) attributes.traceid = traceid;
  if (traceparent !== undefined && !Object.hasOwn(attributes, 'traceparent')) {
    attributes.traceparent = traceparent;
    attributes.traceid = traceparent; // it is the more reliable of the two
  }
  if (tracestate !== undefined && !Object.hasOwn(attributes, 'tracestate')) attributes.tracestate = tracestate;
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

/** Whether a moment has passed. What is no moment never passes. */
function isPast(expiration: string, now: number): boolean {
  return RFC3339.test(expiration) && Date.parse(expiration) < now;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function toBase64({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}
