// What an application is told of a message, and what its answer means: any bytes, any metadata, any answer.
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import type { AppAnswer } from '../blocks/kernel.ts';
import type { IncomingMessage } from '../blocks/pubsub/broker.ts';
import type { DeliveryTarget, Verdict } from '../blocks/pubsub/deliver/delivery.ts';
import { toEvent } from '../blocks/pubsub/deliver/events.ts';
import { grpcForm, topicEventRequest } from '../blocks/pubsub/deliver/grpc.ts';
import { httpForm } from '../blocks/pubsub/deliver/http.ts';
import { Grpc } from '../proto/errors.ts';
import { TopicEventBulkRequest, TopicEventRequest, TopicEventResponse } from '../proto/gen/dapr/proto/runtime/v1/appcallback.ts';

const OPTIONS = { span: (traceparent: string) => traceparent || '00-zero', traceBin: () => '' };
const [HTTP, GRPC] = [httpForm(OPTIONS), grpcForm(OPTIONS)];
const TARGET: DeliveryTarget = { pubsubName: 'p', topic: 't', rawPayload: false };
const RAW: DeliveryTarget = { ...TARGET, rawPayload: true };
const NOW = Date.parse('2026-01-01T00:00:00Z');
const nothing = (): void => {};

function message(data: string | Uint8Array | object, metadata: Readonly<Record<string, string>> = {}, id = '1'): IncomingMessage {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data instanceof Uint8Array ? data : Buffer.from(JSON.stringify(data));
  return { id, topic: 't', data: bytes, metadata, contentType: '', attempt: 0, orderKey: undefined, ack: nothing, retry: nothing, release: nothing };
}
const envelope = (more: object = {}): object => ({ id: 'e', source: 's', type: 'ty', specversion: '1.0', datacontenttype: 'application/json', data: { a: 1 }, ...more });
const http = (status: number, body: string | Uint8Array = ''): AppAnswer => ({ status, body: Buffer.from(body) });
const kindOf = ({ kind }: Verdict): string => kind;

describe('an event', () => {
  it('keeps the bytes of its envelope, and fills in what the metadata knows of its trace', () => {
    const text = JSON.stringify(envelope());
    const event = toEvent(message(text, { traceparent: '00-md', tracestate: 'k=v' }), TARGET, NOW);
    expect([event.id, event.traceparent, event.tracestate, event.expired]).toEqual(['e', '00-md', 'k=v', false]);
    expect(JSON.parse(Buffer.from(event.body).toString())).toMatchObject(envelope());
    expect(Buffer.from(toEvent(message(text), TARGET, NOW).body).toString()).toBe(text);
  });

  it.each([['2025-12-31T23:59:59Z', true], ['2026-01-01T00:00:01Z', false], ['no time', false]])('with the expiration %s has expired: %s', (expiration, expired) => {
    expect(toEvent(message(envelope({ expiration })), TARGET, NOW).expired).toBe(expired);
  });

  it.each([{}, { traceid: 7 }, { traceparent: { a: 1 } }, { traceid: null, tracestate: [1] }])('bears trace fields that are no texts: %j', (fields) => {
    const event = toEvent(message(envelope(fields)), TARGET, NOW);
    expect(typeof HTTP.single(event, TARGET, '/x').headers[3]).toBe('string');
    expect(GRPC.single(event, TARGET, '/x').body.length).toBeGreaterThan(0);
  });

  it('of a raw payload is made around its bytes, with the same id at each delivery and another for another message', () => {
    const bytes = Uint8Array.of(0, 255, 1);
    const ids = ['1', '1', '2'].map((id) => toEvent(message(bytes, {}, id), RAW, NOW));
    expect(ids[0]).toMatchObject({ attributes: { specversion: '1.0', type: 'com.dapr.event.sent', source: 'Dapr', datacontenttype: 'application/octet-stream', topic: 't', pubsubname: 'p', data_base64: 'AP8B' } });
    expect(ids[0]!.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(ids[1]!.id).toBe(ids[0]!.id);
    expect(ids[2]!.id).not.toBe(ids[0]!.id);
  });

  it('of any bytes is an event or an Error', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.dictionary(fc.string(), fc.string()), fc.boolean(), (bytes, metadata, raw) => {
      try {
        const event = toEvent(message(bytes, metadata), raw ? RAW : TARGET, NOW);
        HTTP.single(event, TARGET, '/x');
        TopicEventRequest.decode(GRPC.single(event, TARGET, '/x').body);
      } catch (cause) {
        expect(cause).toBeInstanceOf(Error);
        expect(cause).not.toBeInstanceOf(TypeError);
      }
    }));
  });
});

describe('a delivery', () => {
  it('over HTTP has the envelope, its trace, and the metadata but for lengths and types', () => {
    const text = JSON.stringify(envelope());
    const request = HTTP.single(toEvent(message(text, { 'content-length': '123', 'Content-Type': 'x', own: 'ü' }), TARGET, NOW), TARGET, 'route?a=b');
    expect(request).toMatchObject({ verb: 'POST', target: '/route?a=b', deadlineMs: 0 });
    expect(request.headers).toEqual(['content-type', 'application/cloudevents+json', 'traceparent', '00-zero', 'pubsubName', 'p', 'own', Buffer.from('ü').toString('latin1')]);
    expect(Buffer.from(request.body).toString()).toBe(text);
  });

  it('carries any JSON in its data, digits and all, in both protocols', () => {
    fc.assert(fc.property(fc.jsonValue(), (data) => {
      const event = toEvent(message(envelope({ data })), TARGET, NOW);
      expect(JSON.parse(Buffer.from(HTTP.single(event, TARGET, '/x').body).toString()).data).toEqual(JSON.parse(JSON.stringify(data)));
      const bytes = Buffer.from(topicEventRequest(event, TARGET, '/x').data).toString();
      if (data !== null) expect(JSON.parse(bytes)).toEqual(JSON.parse(JSON.stringify(data)));
    }));
    const big = toEvent(message('{"id":"e","datacontenttype":"application/json","data":{"n":12345678901234567890}}'), TARGET, NOW);
    expect(Buffer.from(topicEventRequest(big, TARGET, '/x').data).toString()).toBe('{"n":12345678901234567890}');
  });

  it.each<[string, object, string]>([
    ['text', { datacontenttype: 'text/plain', data: 'plain' }, 'plain'], ['bytes', { datacontenttype: 'application/octet-stream', data_base64: 'AQI=', data: undefined }, '\u0001\u0002'],
    ['another type', { datacontenttype: 'foo/bar', data: 'lost' }, ''], ['no type', { datacontenttype: undefined, data: { a: 1 } }, '{"a":1}'], ['no data', { data: undefined }, ''],
  ])('over gRPC has data of %s', (_, fields, expected) => {
    const request = TopicEventRequest.decode(GRPC.single(toEvent(message(envelope(fields)), TARGET, NOW), TARGET, '/x').body);
    expect(Buffer.from(request.data).toString('latin1')).toBe(expected);
  });

  it('over gRPC has all other attributes as extensions', () => {
    fc.assert(fc.property(fc.dictionary(fc.string({ minLength: 1 }).filter((name) => !name.includes('_')), fc.jsonValue(), { maxKeys: 5 }), (extra) => {
      const request = TopicEventRequest.decode(GRPC.single(toEvent(message(envelope({ ...extra, subject: 'su' })), TARGET, NOW), TARGET, '/x').body);
      expect(request.extensions).toMatchObject({ subject: 'su' });
      for (const name of ['id', 'source', 'type', 'data']) expect(request.extensions).not.toHaveProperty(name);
    }));
  });

  it('in bulk has each entry with its id, an envelope or raw bytes', () => {
    const event = toEvent(message(envelope()), TARGET, NOW);
    const raw = toEvent(message('bytes'), RAW, NOW);
    const body = JSON.parse(Buffer.from(HTTP.bulk([{ entryId: 'a"', event }], TARGET, '/x').body).toString()) as object;
    expect(body).toMatchObject({ topic: 't', pubsubname: 'p', type: 'com.dapr.event.sent.bulk', entries: [{ entryId: 'a"', event: envelope(), contentType: 'application/cloudevents+json', metadata: {} }] });
    expect(JSON.parse(Buffer.from(HTTP.bulk([{ entryId: 'r', event: raw }], RAW, '/x').body).toString())).toMatchObject({ entries: [{ entryId: 'r', event: Buffer.from('bytes').toString('base64'), contentType: 'application/octet-stream' }] });
    const grpc = TopicEventBulkRequest.decode(GRPC.bulk([{ entryId: 'r', event: raw }], RAW, '/x').body);
    expect(grpc.entries.map(({ entryId, event: one }) => [entryId, one?.$case])).toEqual([['r', 'bytes']]);
    expect(GRPC.bulkFallback?.(GRPC.bulk([], TARGET, '/x')).target).toBe('/dapr.proto.runtime.v1.AppCallbackAlpha/OnBulkTopicEventAlpha1');
  });
});

describe('an answer', () => {
  it.each<[AppAnswer, string]>([
    [http(200), 'ack'], [http(204), 'ack'], [http(299, 'no JSON'), 'ack'], [http(200, '{}'), 'ack'], [http(200, '{"status":""}'), 'ack'], [http(200, '{"status":"SUCCESS"}'), 'ack'],
    [http(200, '{"status":"RETRY"}'), 'retry'], [http(200, '{"status":"DROP"}'), 'drop'], [http(200, '{"status":"success"}'), 'retry'], [http(200, '{"status":"OTHER"}'), 'retry'],
    [http(404), 'drop'], [http(400), 'retry'], [http(500), 'retry'], [http(302), 'retry'], [{ status: 0, body: Buffer.alloc(0), failure: { code: Grpc.UNAVAILABLE, message: 'gone' } }, 'retry'],
  ])('over HTTP %# means %s', (answer, kind) => {
    expect(kindOf(HTTP.verdict(answer))).toBe(kind);
  });

  it.each<[AppAnswer, string]>([
    ...([[0, 'ack'], [1, 'retry'], [2, 'drop'], [9, 'retry']] as const).map(([status, kind]): [AppAnswer, string] => [{ status: 0, body: TopicEventResponse.encode({ status: status as TopicEventResponse['status'] }).finish() }, kind]),
    [{ status: 0, body: Buffer.alloc(0) }, 'ack'], [{ status: 0, body: Buffer.from('\xff\xff\xff', 'latin1') }, 'retry'],
    [{ status: 0, body: Buffer.alloc(0), failure: { code: Grpc.UNIMPLEMENTED, message: '' } }, 'ack'], [{ status: 0, body: Buffer.alloc(0), failure: { code: Grpc.NOT_FOUND, message: '' } }, 'retry'],
  ])('over gRPC %# means %s', (answer, kind) => {
    expect(kindOf(GRPC.verdict(answer))).toBe(kind);
  });

  it('to a batch means something for each entry', () => {
    const event = toEvent(message(envelope()), TARGET, NOW);
    const entries = ['a', 'b', 'c', 'd'].map((entryId) => ({ entryId, event }));
    const verdicts = (answer: AppAnswer): string[] | undefined => HTTP.bulkVerdicts(answer, entries)?.map(kindOf);
    expect(verdicts(http(200, '{"statuses":[{"entryId":"a","status":"SUCCESS"},{"entryId":"b","status":"DROP"},{"entryId":"c","status":"odd"},{"entryId":"x","status":"DROP"}]}'))).toEqual(['ack', 'drop', 'retry', 'retry']);
    expect(verdicts(http(404))).toEqual(['drop', 'drop', 'drop', 'drop']);
    for (const answer of [http(500), http(200, 'no JSON'), http(200, '[]'), http(200)]) expect(verdicts(answer)).toEqual(['retry', 'retry', 'retry', 'retry']);
    expect(GRPC.bulkVerdicts({ status: 0, body: Buffer.alloc(0), failure: { code: Grpc.UNIMPLEMENTED, message: '' } }, entries)).toBeUndefined();
  });

  it('of any bytes is a verdict', () => {
    const event = toEvent(message(envelope()), TARGET, NOW);
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.json().map((text) => Buffer.from(text))), fc.integer({ min: 200, max: 599 }), (body, status) => {
      for (const form of [HTTP, GRPC]) {
        expect(['ack', 'retry', 'drop']).toContain(form.verdict({ status, body }).kind);
        expect(form.bulkVerdicts({ status, body }, [{ entryId: 'a', event }])).toHaveLength(1);
      }
    }));
  });
});
