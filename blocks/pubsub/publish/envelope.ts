// The CloudEvents envelope around what an app publishes (contract: messaging §1.3): JSON with its members in the order of
// their names, in which parsed data keeps its digits as they were sent.
import { randomUUID } from 'node:crypto';
import { compareUtf8, quote } from '../../../proto/gojson.ts';
import { GoJsonError, utf8 } from '../../gojson.ts';
import { rawFirst, rawMembers } from '../../goraw.ts';
import type { StringMap } from '../broker.ts';
import { isBinaryData, isCloudEventType, isJsonType } from '../content-types.ts';
import { property, timeToLive } from './request-metadata.ts';
import type { TraceContext } from '../tracing.ts';

const DEFAULT_SOURCE = 'Dapr';
const DEFAULT_TYPE = 'com.dapr.event.sent';
const SPEC_VERSION = '1.0';
const DEFAULT_CONTENT_TYPE = 'text/plain';

/** What an app publishes, and where. */
export interface Event {
  readonly pubsub: string;
  /** The app's, without the namespace. */
  readonly topic: string;
  readonly data: Uint8Array;
  /** `''` when the request has none. */
  readonly contentType: string;
  readonly metadata: StringMap | undefined;
  /** Of the span that publishes it. */
  readonly trace: TraceContext;
}

/**
 * The envelope's bytes.
 * @param hasTtl true: the broker lets messages expire by itself, so the envelope says nothing of it
 * @throws GoJsonError when the content type says that it is a CloudEvent, and it isn't
 */
export function envelope(event: Event, appId: string, hasTtl: boolean): Uint8Array {
  const expiration = hasTtl ? undefined : expirationOf(event.metadata);
  return Buffer.from(isCloudEventType(event.contentType) ? completed(event, expiration) : wrapped(event, appId, expiration));
}

/** An event of the app's own: what it lacks is added, and what says where it went is ours. */
function completed({ pubsub, topic, data, trace }: Event, expiration: string | undefined): string {
  const json = rawFirst(data);
  const members = rawMembers(json);
  if (members === undefined) throw new GoJsonError(`json: cannot unmarshal ${kindOf(json)} into Go value of type map[string]interface {}`);
  const absent = (name: string): boolean => (members.get(name) ?? 'null') === 'null';
  if (!members.has('time')) members.set('time', quote(localTime(Date.now())));
  if (absent('source')) members.set('source', quote(DEFAULT_SOURCE));
  if (absent('type')) members.set('type', quote(DEFAULT_TYPE));
  if (absent('specversion')) members.set('specversion', quote(SPEC_VERSION));
  if (!members.has('traceid')) {
    members.set('traceid', quote(trace.traceparent));
    members.set('traceparent', quote(trace.traceparent));
  }
  if (!members.has('tracestate')) members.set('tracestate', quote(trace.tracestate));
  if (expiration !== undefined) members.set('expiration', quote(expiration));
  members.set('topic', quote(topic));
  members.set('pubsubname', quote(pubsub));
  return `{${[...members.keys()].sort(compareUtf8).map((name) => `${quote(name)}:${members.get(name)!}`).join(',')}}`;
}

/** A new envelope. The order of its members is written down here, once for all. */
function wrapped(event: Event, appId: string, expiration: string | undefined): string {
  const { metadata } = event;
  const contentType = event.contentType === '' ? DEFAULT_CONTENT_TYPE : event.contentType;
  const id = property(metadata, 'cloudevent.id') || randomUUID();
  const source = (property(metadata, 'cloudevent.source') ?? appId) || DEFAULT_SOURCE;
  const type = property(metadata, 'cloudevent.type') || DEFAULT_TYPE;
  const subject = property(metadata, 'cloudevent.subject') ?? '';
  const trace = quote(property(metadata, 'cloudevent.traceparent') || (property(metadata, 'cloudevent.traceid') ?? event.trace.traceparent));
  const tracestate = property(metadata, 'cloudevent.tracestate') ?? event.trace.tracestate;
  return `{${dataMember(event.data, contentType)},"datacontenttype":${quote(contentType)}`
    + `${expiration === undefined ? '' : `,"expiration":${quote(expiration)}`},"id":${quote(id)},"pubsubname":${quote(event.pubsub)}`
    + `,"source":${quote(source)},"specversion":"${SPEC_VERSION}"${subject === '' ? '' : `,"subject":${quote(subject)}`}`
    + `,"time":${quote(localTime(Date.now()))},"topic":${quote(event.topic)},"traceid":${trace},"traceparent":${trace}`
    + `,"tracestate":${quote(tracestate)},"type":${quote(type)}}`;
}

function dataMember(data: Uint8Array, contentType: string): string {
  if (isJsonType(contentType)) return `"data":${jsonOf(data) ?? quote(utf8(data))}`;
  if (isBinaryData(contentType, data)) return `"data_base64":"${Buffer.from(data.buffer, data.byteOffset, data.length).toString('base64')}"`;
  return `"data":${quote(utf8(data))}`;
}

/** Undefined when it isn't JSON after all. */
function jsonOf(data: Uint8Array): string | undefined {
  try {
    return rawFirst(data);
  } catch (cause) {
    if (cause instanceof GoJsonError) return undefined;
    throw cause;
  }
}

function expirationOf(metadata: StringMap | undefined): string | undefined {
  const ttlMs = timeToLive(metadata);
  return ttlMs === undefined ? undefined : `${new Date(Date.now() + ttlMs).toISOString().slice(0, 19)}Z`;
}

let timeSecond = Number.NaN;
let timeText = '';

/** RFC 3339 in seconds with the local zone's offset. Made once a second. @param ms since the epoch */
export function localTime(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second === timeSecond) return timeText;
  const offset = -new Date(ms).getTimezoneOffset();
  const text = new Date(second * 1000 + offset * 60_000).toISOString().slice(0, 19);
  const twoDigits = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const zone = offset === 0 ? 'Z' : `${offset < 0 ? '-' : '+'}${twoDigits(Math.abs(offset) / 60)}:${twoDigits(Math.abs(offset) % 60)}`;
  timeSecond = second;
  timeText = text + zone;
  return timeText;
}

/** The kind of a value as Go's decoder names it. */
function kindOf(json: string): string {
  switch (json[0]) {
    case '[': return 'array';
    case '"': return 'string';
    case 't':
    case 'f': return 'bool';
    case 'n': return 'null';
    default: return 'number';
  }
}
