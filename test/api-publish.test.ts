// Publishing as clients see it, to the letter: routes, answers, errors of both protocols, the envelope that subscribers get
// (contract: messaging §0 and §1).
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { BulkPublishRequest, PublishEventRequest } from '../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { startApp, type App, type ReceivedRequest } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { GrpcClient } from './harness/grpc.ts';
import { head, RawConnection, type HttpBody, type HttpReply } from './harness/http.ts';
import { STAGES, startSidecar, type ComponentManifest, type Sidecar } from './harness/sidecar.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';

const redis = inject('redis');
if (!redis.available) process.stderr.write(`SKIPPED: a publish that its broker refuses: ${redis.reason}\n`);

const APP = 'me';
const MEMORY: ComponentManifest = { name: 'pubsub', type: 'pubsub.in-memory' };
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/;
const PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02';
const JSON_TYPE = { 'Content-Type': 'application/json' };
const CLOUD_EVENT = { 'Content-Type': 'application/cloudevents+json' };

const errorInfo = (reason: string, metadata: object | null): object => ({ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', domain: 'dapr.io', metadata, reason: `DAPR_PUBSUB_${reason}` });
const resourceInfo = (name: string, description: string): object => ({ '@type': 'type.googleapis.com/google.rpc.ResourceInfo', description, owner: '', resource_name: name, resource_type: 'pubsub' });
const errorBody = (errorCode: string, message: string, ...details: object[]): string => JSON.stringify({ errorCode, message, details });
const failure = (code: string, text: string, reason: string, metadata: object, resource?: string): object => ({
  code, text,
  details: [
    ...(resource === undefined ? [] : [{ type: 'ResourceInfo', resourceType: 'pubsub', resourceName: resource, owner: '', description: text }]),
    { type: 'ErrorInfo', reason: `DAPR_PUBSUB_${reason}`, domain: 'dapr.io', metadata },
  ],
});

const sorted = (values: readonly unknown[]): unknown[] => values.toSorted((a, b) => (String(a) < String(b) ? -1 : 1));
const seen = ({ status, headers, body }: HttpReply): unknown[] => [status, headers['content-type'], body];
const NO_CONTENT = [204, undefined, ''];
const json = (status: number, body: string): unknown[] => [status, 'application/json', body];

type Texts = Readonly<Record<string, string>>;
const event = (topic: string, data: string | Uint8Array = '', dataContentType = '', metadata: Texts = {}, pubsubName = 'pubsub'): PublishEventRequest =>
  ({ pubsubName, topic, data: Buffer.from(data), dataContentType, metadata: new Map(Object.entries(metadata)) });
interface Entry {
  readonly entryId: string;
  readonly event: string;
  readonly contentType: string;
  readonly metadata?: Texts;
}
const bulk = (topic: string, entries: readonly Entry[], metadata: Texts = {}, pubsubName = 'pubsub'): BulkPublishRequest => ({
  pubsubName, topic, metadata: new Map(Object.entries(metadata)),
  entries: entries.map(({ entryId, event: text, contentType, metadata: own = {} }) => ({ entryId, event: Buffer.from(text), contentType, metadata: new Map(Object.entries(own)) })),
});

describe.each(STAGES)('publishing in $isolation isolation on $listener', (stage) => {
  const { isolation } = stage;
  let app: App;
  let server: RedisServer | undefined;
  let sidecar: Sidecar;
  let grpc: GrpcClient;
  let numbers = 0;
  /** A topic of this test's own; what is published there comes to the app as it was stored. */
  const newTopic = (): string => `t-${++numbers}`;
  const newRawTopic = (): string => `r-${++numbers}`;

  beforeAll(async () => {
    server = redis.available ? await startRedis() : undefined;
    app = await startApp({ subscriptions: [
      { pubsubname: 'pubsub', topic: 't-*', route: '/stored' },
      { pubsubname: 'pubsub', topic: 'r-*', route: '/raw', metadata: { rawPayload: 'true' } },
    ] });
    sidecar = await startSidecar({
      ...stage, appId: APP, flags: [`--app-port=${app.port}`], components: [
        MEMORY,
        { ...MEMORY, name: 'scoped', metadata: { publishingScopes: 'me=mine, shared ;other=theirs', protectedTopics: 'guarded' } },
        { ...MEMORY, name: 'nothing', metadata: { publishingScopes: 'me=' } },
        { ...MEMORY, name: 'listed', metadata: { allowedTopics: 'a, b', publishingScopes: 'other=a' } },
        { ...MEMORY, name: 'guarded', metadata: { protectedTopics: 'secret' } },
        ...(server === undefined ? [] : [{ name: 'redis', type: 'pubsub.redis', metadata: { redisHost: server.address } }]),
      ],
    });
    grpc = new GrpcClient(sidecar.grpcAddress);
    await server?.raw.set('no-stream', 'a text');
  });
  afterAll(async () => {
    grpc?.close();
    await sidecar?.stop();
    await app?.stop();
    await server?.stop();
  });

  const ask = async (method: string, path: string, request?: HttpBody): Promise<unknown[]> => seen(await sidecar.client.send(method, path, request));
  const publish = async (path: string, body: string | Uint8Array = '', headers?: HttpBody['headers']): Promise<unknown[]> => seen(await sidecar.client.post(`/v1.0/publish/${path}`, body, headers));
  const isOf = (topic: string) => (request: ReceivedRequest): boolean => request.path === '/stored' && request.json.topic === topic;
  /** What came of a topic, once there are so many. */
  const arrived = (topic: string, count = 1): Promise<ReceivedRequest[]> => eventually(`${count} messages of ${topic}`, () => {
    const found = app.deliveries.filter(isOf(topic));
    return found.length >= count ? found : undefined;
  }) as Promise<ReceivedRequest[]>;
  const stored = async (topic: string): Promise<ReceivedRequest> => (await arrived(topic))[0] as ReceivedRequest;
  /** The envelope of an event that is published with these. */
  const envelopeOf = async (body: string | Uint8Array, headers?: HttpBody['headers'], query = ''): Promise<Record<string, unknown>> => {
    const topic = newTopic();
    expect(await publish(`pubsub/${topic}${query}`, body, headers)).toEqual(NO_CONTENT);
    return (await stored(topic)).json as Record<string, unknown>;
  };
  /** The bytes of an unwrapped payload, found by what it says. */
  const rawWith = (text: string): Promise<ReceivedRequest> => eventually(`a raw payload with ${text}`, () =>
    app.deliveries.find((request) => request.path === '/raw' && Buffer.from(request.json.data_base64 as string, 'base64').toString().includes(text))) as Promise<ReceivedRequest>;
  const payload = (request: ReceivedRequest): string => Buffer.from(request.json.data_base64 as string, 'base64').toString();

  describe('the routes', () => {
    it.each(['POST', 'PUT'])('%s publishes one message, and answers 204 with nothing', async (method) => {
      const topic = newTopic();
      const answer = await sidecar.client.send(method, `/v1.0/publish/pubsub/${topic}`, { body: '{"n":1}', headers: JSON_TYPE });
      expect(seen(answer)).toEqual(NO_CONTENT);
      expect(answer.headers).not.toHaveProperty('content-length');
      expect((await stored(topic)).json.data).toEqual({ n: 1 });
    });

    it.each([['POST', 'v1.0'], ['PUT', 'v1.0'], ['POST', 'v1.0-alpha1'], ['PUT', 'v1.0-alpha1']])('%s /%s/publish/bulk publishes many', async (method, version) => {
      const topic = newTopic();
      const body = JSON.stringify([{ entryId: 'a', event: { n: 1 }, contentType: 'application/json' }, { entryId: 'b', event: 'two', contentType: 'text/plain' }]);
      expect(await ask(method, `/${version}/publish/bulk/pubsub/${topic}`, { body, headers: JSON_TYPE })).toEqual(NO_CONTENT);
      expect((await arrived(topic, 2)).map((request) => request.json.data as unknown)).toEqual(expect.arrayContaining([{ n: 1 }, 'two']));
    });

    it('gRPC answers with an empty message, and with an empty list of failures', async () => {
      const topic = newTopic();
      expect((await grpc.bytes('/dapr.proto.runtime.v1.Dapr/PublishEvent', Buffer.concat([Buffer.from('0a06707562737562', 'hex'), Buffer.from([0x12, topic.length]), Buffer.from(topic), Buffer.from('1a026869', 'hex')]))).length).toBe(0);
      expect(await grpc.call('PublishEvent', event(topic, 'hi'))).toEqual({});
      expect(await grpc.call('BulkPublishEvent', bulk(topic, [{ entryId: '1', event: 'x', contentType: 'text/plain' }]))).toEqual({ failedEntries: [] });
      expect(await grpc.call('BulkPublishEventAlpha1', bulk(topic, [{ entryId: '1', event: 'y', contentType: 'text/plain' }]))).toEqual({ failedEntries: [] });
      expect(sorted((await arrived(topic, 4)).map((request) => request.json.data as unknown))).toEqual(['hi', 'hi', 'x', 'y']);
    });

    it.each([
      ['pubsub/t-slash/a/b', 't-slash/a/b'], ['pubsub/t-escaped%2Fslash', 't-escaped/slash'], ['pubsub/t-blank%20and+plus%2B', 't-blank and plus+'],
      ['pubsub/t-%D0%BA%D0%BB%D1%8E%D1%87', 't-ключ'], ['pubsub//t-double', 't-double'], ['pubsub/t-percent%2525', 't-percent%25'], ['pubsub/t-question%3Fmark%26%3D', 't-question?mark&='],
      ['pubsub/x/../t-dots', 't-dots'], ['pubsub/t-end/', 't-end'], ['p%75bsub/t-name', 't-name'],
    ])('%s is topic %s', async (path, topic) => {
      expect(await publish(path, 'x')).toEqual(NO_CONTENT);
      expect((await stored(topic)).json).toMatchObject({ topic, pubsubname: 'pubsub' });
    });

    it('a topic that starts with bulk is a topic, and the verbs of others are none', async () => {
      expect(await publish('pubsub/bulk/x')).toEqual(NO_CONTENT);
      for (const method of ['GET', 'DELETE', 'PATCH']) expect((await ask(method, '/v1.0/publish/pubsub/t'))[0]).toBe(404);
    });

    it('a path that cannot be unescaped is refused in plain text', async () => {
      const [status, type] = await publish('pubsub/t-%zz');
      expect([status, type]).toEqual([400, 'text/plain; charset=utf-8']);
    });

    it('takes a body in chunks, and one without any length', async () => {
      const topic = newTopic();
      await using connection = await RawConnection.to(sidecar.httpPort);
      connection.send(head(`POST /v1.0/publish/pubsub/${topic} HTTP/1.1`, 'Host: x', 'Transfer-Encoding: chunked') + '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n');
      await connection.until(/^HTTP\/1\.1 204 /);
      connection.send(head(`POST /v1.0/publish/pubsub/${topic} HTTP/1.1`, 'Host: x'));
      expect((await arrived(topic, 2)).map((request) => request.json.data as unknown)).toEqual(['abcde', '']);
    });

    it('takes bodies up to the limit, and refuses larger ones', async () => {
      const limit = 4 << 20;
      const topic = newTopic();
      const mark = `largest-${isolation}-`;
      expect(await publish(`pubsub/${newRawTopic()}?metadata.rawPayload=true`, mark.padEnd(limit, 'x'))).toEqual(NO_CONTENT);
      expect(payload(await rawWith(mark))).toHaveLength(limit);
      expect(await publish(`pubsub/${topic}`, Buffer.alloc(limit - 1000, 'y'))).toEqual(NO_CONTENT);
      expect((await stored(topic)).json.data).toHaveLength(limit - 1000);
      expect(await publish(`pubsub/${topic}`, Buffer.alloc(limit + 1, 'z'))).toEqual(json(400, '{"errorCode":"ERR_BODY_READ","message":"failed to read request body: stream too large"}'));
      await expect(grpc.call('PublishEvent', event(topic, Buffer.alloc(limit)))).rejects.toMatchObject({ code: 'ResourceExhausted' });
      expect(await grpc.call('PublishEvent', event(topic, Buffer.alloc(limit - 100), 'text/plain'))).toEqual({});
      await arrived(topic, 2);
      app.forget(); // later tests look through all there is
    });
  });

  describe('errors', () => {
    it.each([['/v1.0/publish', false], ['/v1.0/publish/bulk', true], ['/v1.0-alpha1/publish/bulk', true]])('of the request on %s', async (at, isBulk) => {
      const body = isBulk ? '[]' : 'x';
      const post = (path: string): Promise<unknown[]> => ask('POST', `${at}/${path}`, { body });
      expect(await post('nowhere/t')).toEqual(json(404, errorBody('ERR_PUBSUB_NOT_FOUND', 'pubsub nowhere is not found', errorInfo('NOT_FOUND', {}))));
      expect(await post('nowhere/t?metadata.a=1&metadata.a=2&b=3')).toEqual(json(404, errorBody('ERR_PUBSUB_NOT_FOUND', 'pubsub nowhere is not found', errorInfo('NOT_FOUND', { a: '1' }))));
      const nameEmpty = json(404, errorBody('ERR_PUBSUB_EMPTY', 'pubsub name is empty', resourceInfo('', 'pubsub name is empty'), errorInfo('NAME_EMPTY', null)));
      for (const path of ['', '/']) expect([path, await post(path)]).toEqual([path, nameEmpty]);
      const topicEmpty = json(404, errorBody('ERR_TOPIC_NAME_EMPTY', 'topic is empty in pubsub pubsub', resourceInfo('pubsub', 'topic is empty in pubsub pubsub'), errorInfo('TOPIC_NAME_EMPTY', {})));
      for (const path of ['pubsub', 'pubsub/', 'pubsub//']) expect([path, await post(path)]).toEqual([path, topicEmpty]);
      const notBoolean = "failed deserializing metadata. Error: rawPayload value must be a valid boolean: actual is 'yes'";
      expect(await post('pubsub/t?metadata.rawPayload=yes')).toEqual(json(400, errorBody('ERR_PUBSUB_REQUEST_METADATA', notBoolean, resourceInfo('pubsub', notBoolean), errorInfo('METADATA_DESERIALIZATION', { rawPayload: 'yes' }))));
    });

    it('of the request over gRPC', async () => {
      const notBoolean = "failed deserializing metadata. Error: rawPayload value must be a valid boolean: actual is 'yes'";
      const rows: [PublishEventRequest, object][] = [
        [event('t', '', '', {}, 'nowhere'), failure('InvalidArgument', 'pubsub nowhere is not found', 'NOT_FOUND', {})],
        [event('', '', '', {}, 'nowhere'), failure('InvalidArgument', 'pubsub nowhere is not found', 'NOT_FOUND', {})],
        [event('t', '', '', {}, ''), failure('InvalidArgument', 'pubsub name is empty', 'NAME_EMPTY', {}, '')],
        [event(''), failure('InvalidArgument', 'topic is empty in pubsub pubsub', 'TOPIC_NAME_EMPTY', {}, 'pubsub')],
        [event('t', '', '', { rawPayload: 'yes' }), failure('InvalidArgument', notBoolean, 'METADATA_DESERIALIZATION', { rawPayload: 'yes' }, 'pubsub')],
      ];
      for (const [request, expected] of rows) {
        await expect(grpc.call('PublishEvent', request)).rejects.toMatchObject(expected);
        const many = { ...request, entries: [] };
        await expect(grpc.call('BulkPublishEvent', many)).rejects.toMatchObject(expected);
        await expect(grpc.call('BulkPublishEventAlpha1', many)).rejects.toMatchObject(expected);
      }
    });

    it.each(['{"}', '{"missing_quote: invalid}', '', '[1]', 'null x'])('of a CloudEvent that is none: %s', async (body) => {
      const answer = await sidecar.client.post('/v1.0/publish/pubsub/t?metadata.rawPayload=false', body, CLOUD_EVENT);
      expect([answer.status, JSON.parse(answer.body)]).toMatchObject([500, { errorCode: 'ERR_PUBSUB_CLOUD_EVENTS_SER', message: 'cannot create cloudevent' }]);
      expect((JSON.parse(answer.body) as { details: unknown[] }).details).toEqual([resourceInfo('pubsub', 'cannot create cloudevent'), errorInfo('CLOUD_EVENT_CREATION', { appID: APP, error: expect.stringMatching(/./) })]);
      await expect(grpc.call('PublishEvent', event('t', body, 'application/cloudevents+json'))).rejects.toMatchObject({ code: 'InvalidArgument', text: 'cannot create cloudevent', details: [{ resourceName: 'pubsub' }, { reason: 'DAPR_PUBSUB_CLOUD_EVENT_CREATION', metadata: { appID: APP } }] });
    });

    it.each([
      ['scoped', 'mine', true], ['scoped', 'shared', true], ['scoped', 'theirs', false], ['scoped', 'guarded', false], ['nothing', 'any', false],
      ['listed', 'a', true], ['listed', 'b', true], ['listed', 'c', false], ['guarded', 'secret', false], ['guarded', 'open', true],
    ])('of scopes: %s and topic %s', async (pubsub, topic, allowed) => {
      const text = `topic ${topic} is not allowed for app id ${APP}`;
      const forbidden = json(403, errorBody('ERR_PUBSUB_FORBIDDEN', text, resourceInfo(pubsub, text), errorInfo('FORBIDDEN', { error: text, topic })));
      expect(await publish(`${pubsub}/${topic}`, 'x')).toEqual(allowed ? NO_CONTENT : forbidden);
      expect(await ask('POST', `/v1.0/publish/bulk/${pubsub}/${topic}`, { body: '[{"entryId":"1","event":1,"contentType":"application/json"}]' })).toEqual(allowed ? NO_CONTENT : forbidden);
      const refused = failure('PermissionDenied', text, 'FORBIDDEN', { topic, error: text }, pubsub);
      const single = grpc.call('PublishEvent', event(topic, 'x', '', {}, pubsub));
      const many = grpc.call('BulkPublishEventAlpha1', bulk(topic, [{ entryId: '1', event: 'x', contentType: 'text/plain' }], {}, pubsub));
      if (allowed) expect([await single, await many]).toEqual([{}, { failedEntries: [] }]);
      else {
        await expect(single).rejects.toMatchObject(refused);
        await expect(many).rejects.toMatchObject(refused);
      }
    });

    it('are checked in order: the pubsub, the topic, rawPayload, the body, the scope', async () => {
      expect((await publish('nowhere/?metadata.rawPayload=x'))[2]).toContain('ERR_PUBSUB_NOT_FOUND');
      expect((await publish('scoped/?metadata.rawPayload=x'))[2]).toContain('ERR_TOPIC_NAME_EMPTY');
      expect((await publish('scoped/theirs?metadata.rawPayload=x', '{"}', CLOUD_EVENT))[2]).toContain('ERR_PUBSUB_REQUEST_METADATA');
      expect((await publish('scoped/theirs', '{"}', CLOUD_EVENT))[2]).toContain('ERR_PUBSUB_CLOUD_EVENTS_SER');
      expect((await publish('scoped/theirs', '{}', CLOUD_EVENT))[2]).toContain('ERR_PUBSUB_FORBIDDEN');
      expect((await ask('POST', '/v1.0/publish/bulk/scoped/theirs', { body: '{}' }))[2]).toContain('UNMARSHAL_EVENTS');
    });

    it.skipIf(!redis.available)('of the broker', async () => {
      const cause = 'WRONGTYPE Operation against a key holding the wrong kind of value';
      const text = `error when publishing to topic no-stream in pubsub redis: ${cause}`;
      expect(await publish('redis/no-stream', 'x')).toEqual(json(500, errorBody('ERR_PUBSUB_PUBLISH_MESSAGE', text, resourceInfo('redis', text), errorInfo('PUBLISH_MESSAGE', { error: cause, topic: 'no-stream' }))));
      const failed = failure('Internal', text, 'PUBLISH_MESSAGE', { topic: 'no-stream', error: cause }, 'redis');
      await expect(grpc.call('PublishEvent', event('no-stream', 'x', '', {}, 'redis'))).rejects.toMatchObject(failed);
      const answer = await sidecar.client.post('/v1.0-alpha1/publish/bulk/redis/no-stream', JSON.stringify(['a', 'b'].map((entryId) => ({ entryId, event: 1, contentType: 'application/json' }))));
      const body = JSON.stringify({ failedEntries: ['a', 'b'].map((entryId) => ({ entryId, error: cause })), errorCode: 'ERR_PUBSUB_PUBLISH_MESSAGE' });
      expect([answer.status, answer.headers['content-type'], answer.body]).toEqual([500, 'application/json', body]);
      expect([answer.headers['metadata.responsedata'], answer.headers['metadata.error']]).toEqual([body, `api error: code = Internal desc = ${text}`]);
      await expect(grpc.call('BulkPublishEvent', bulk('no-stream', [{ entryId: 'a', event: 'x', contentType: 'text/plain' }], {}, 'redis'))).rejects.toMatchObject(failed);
    });
  });

  describe('the envelope of other content', () => {
    it('has its members in order, and escapes as Go does', async () => {
      const topic = newTopic();
      expect(await publish(`pubsub/${topic}?metadata.cloudevent.id=my-id`, 'a <b> & "c"')).toEqual(NO_CONTENT);
      const text = (await stored(topic)).text;
      const time = (JSON.parse(text) as { time: string }).time;
      expect(time).toMatch(SECONDS);
      expect(text).toBe(`{"data":"a \\u003cb\\u003e \\u0026 \\"c\\"","datacontenttype":"text/plain","id":"my-id","pubsubname":"pubsub","source":"${APP}","specversion":"1.0","time":"${time}","topic":"${topic}","traceid":"","traceparent":"","tracestate":"","type":"com.dapr.event.sent"}`);
    });

    it('has an id and a time of its own', async () => {
      const envelope = await envelopeOf('x');
      expect(envelope['id']).toMatch(UUID);
      expect(Math.abs(Date.parse(envelope['time'] as string) - Date.now())).toBeLessThan(60_000);
      expect((await envelopeOf('x'))['id']).not.toBe(envelope['id']);
    });

    it.each([
      ['application/json', '{"a": [1.50, null]}', { data: { a: [1.5, null] } }], ['APPLICATION/JSON; charset=utf-8', '"x"', { data: 'x' }], ['application/vnd.other+json', '1', { data: 1 }],
      ['application/json', 'no json', { data: 'no json' }], ['application/json', '', { data: '' }], ['text/plain', '{"a":1}', { data: '{"a":1}' }], ['text/html; charset=UTF-8', '<p>', { data: '<p>' }],
      ['foo/bar', 'x', { data: 'x' }], ['application/xml', '<a/>', { data: '<a/>' }], ['application/octet-stream', '\u0001\u0002', { data_base64: 'AQI=' }],
      ['Application/Octet-Stream; x=y', 'x', { data_base64: 'eA==' }], ['application/cloudevents+protobuf', 'x', { data_base64: 'eA==' }], ['application/x-protobuf', 'no event', { data: 'no event' }],
    ])('of %s with %s', async (contentType, body, expected) => {
      const overHttp = await envelopeOf(body, { 'Content-Type': contentType });
      expect(overHttp).toMatchObject({ ...expected, datacontenttype: contentType });
      expect(Object.keys(overHttp).filter((name) => name.startsWith('data'))).toEqual([...Object.keys(expected), 'datacontenttype']);
      const topic = newTopic();
      await grpc.call('PublishEvent', event(topic, body, contentType));
      expect((await stored(topic)).json).toMatchObject({ ...expected, datacontenttype: contentType, source: APP });
    });

    it('keeps numbers as they were written', async () => {
      const topic = newTopic();
      await publish(`pubsub/${topic}`, '{"large":12345678901234567890,"exact":1.10}', JSON_TYPE);
      expect((await stored(topic)).text).toContain('"data":{"exact":1.10,"large":12345678901234567890}');
    });

    it('takes what the metadata overrides, whatever its case', async () => {
      const query = Object.entries({ 'cloudevent.ID': 'i', 'cloudevent.source': 's', 'CloudEvent.Type': 't', 'cloudevent.subject': 'u', 'cloudevent.traceid': PARENT, 'cloudevent.tracestate': 'a=b' }).map(([key, value]) => `metadata.${key}=${value}`).join('&');
      expect(await envelopeOf('x', undefined, `?${query}`)).toMatchObject({ id: 'i', source: 's', type: 't', subject: 'u', traceid: PARENT, traceparent: PARENT, tracestate: 'a=b' });
      expect(await envelopeOf('x', undefined, `?metadata.cloudevent.traceid=x&metadata.cloudevent.traceparent=${PARENT}`)).toMatchObject({ traceid: PARENT, traceparent: PARENT });
    });

    it('carries the trace of its request, unchanged', async () => {
      expect(await envelopeOf('x', { traceparent: PARENT, tracestate: 'a=b' })).toMatchObject({ traceid: PARENT, traceparent: PARENT, tracestate: 'a=b' });
      expect(await envelopeOf('x', { traceparent: 'nonsense' })).toMatchObject({ traceid: '', traceparent: '', tracestate: '' });
      const topic = newTopic();
      await grpc.call('PublishEvent', event(topic, 'x'), { metadata: { traceparent: PARENT, tracestate: 'a=b' } });
      expect((await stored(topic)).json).toMatchObject({ traceid: PARENT, traceparent: PARENT, tracestate: 'a=b' });
    });

    it.each([['ttlInSeconds', '3600'], ['TTLINSECONDS', '1h'], ['ttl', '60m']])('expires by %s=%s', async (name, value) => {
      const { expiration } = await envelopeOf('x', undefined, `?metadata.${name}=${value}`);
      expect(expiration).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(Math.abs(Date.parse(expiration as string) - Date.now() - 3_600_000)).toBeLessThan(60_000);
    });

    it.each(['0', '-5', 'soon', '1.5', ''])('does not expire by ttlInSeconds=%s', async (value) => {
      expect(await envelopeOf('x', undefined, `?metadata.ttlInSeconds=${value}`)).not.toHaveProperty('expiration');
    });
  });

  describe('a CloudEvent', () => {
    it('is completed, and told where it was published', async () => {
      const envelope = await envelopeOf('{}', CLOUD_EVENT);
      expect(envelope).toEqual({
        pubsubname: 'pubsub', topic: envelope['topic'], source: 'Dapr', type: 'com.dapr.event.sent', specversion: '1.0', time: expect.stringMatching(SECONDS) as string, traceid: '', traceparent: '', tracestate: '',
      });
    });

    it('keeps all it says itself', async () => {
      const own = {
        id: 'i', source: 's', type: 't', specversion: '0.3', time: 'yesterday', subject: 'u', datacontenttype: 'a/b', data: { n: 1 }, extension: [1, { b: null }],
        traceid: 17, traceparent: { an: 'object' }, tracestate: null, topic: 'other', pubsubname: 'other', expiration: '2999-01-01T00:00:00Z',
      };
      const envelope = await envelopeOf(JSON.stringify(own), { 'Content-Type': 'application/cloudevents+json; charset=utf-8', traceparent: PARENT }, '?metadata.cloudevent.id=x&metadata.cloudevent.type=y');
      expect(envelope).toEqual({ ...own, topic: envelope['topic'], pubsubname: 'pubsub' });
    });

    it('gets what is null, and the trace of its request unless it has a traceid', async () => {
      expect(await envelopeOf('{"source":null,"type":null,"specversion":null,"id":null}', { ...CLOUD_EVENT, traceparent: PARENT, tracestate: 'a=b' })).toMatchObject({ source: 'Dapr', type: 'com.dapr.event.sent', specversion: '1.0', id: null, traceid: PARENT, traceparent: PARENT, tracestate: 'a=b' });
      expect(await envelopeOf('{"traceid":"own"}', { ...CLOUD_EVENT, traceparent: PARENT })).not.toHaveProperty('traceparent');
    });

    it('keeps the digits of its numbers', async () => {
      const topic = newTopic();
      await publish(`pubsub/${topic}`, '{"data":{"n":12345678901234567890}}', CLOUD_EVENT);
      expect((await stored(topic)).text).toContain('"data":{"n":12345678901234567890}');
    });
  });

  describe('a raw payload', () => {
    it.each(['true', '1', 't', 'TRUE', 'True', 'T'])('goes as it is by rawPayload=%s', async (value) => {
      const mark = `raw-${value}-${numbers}`;
      expect(await publish(`pubsub/${newRawTopic()}?metadata.rawPayload=${value}`, `{"${mark}": 1}`, { ...JSON_TYPE, traceparent: PARENT })).toEqual(NO_CONTENT);
      const request = await rawWith(mark);
      expect(payload(request)).toBe(`{"${mark}": 1}`);
      expect(request.json, 'HTTP leaves no trace in it').not.toHaveProperty('traceid');
      expect(request.headers).toMatchObject({ rawpayload: value });
    });

    it('carries its trace in metadata over gRPC', async () => {
      await grpc.call('PublishEvent', event(newRawTopic(), `traced-${isolation}`, '', { rawPayload: 'true' }), { metadata: { traceparent: PARENT, tracestate: 'a=b' } });
      expect((await rawWith(`traced-${isolation}`)).json).toMatchObject({ traceid: PARENT, tracestate: 'a=b' });
    });

    it.each(['false', '0', 'F', ''])('is none by rawPayload=%s', async (value) => {
      expect(await envelopeOf('x', undefined, `?metadata.rawPayload=${value}`)).toMatchObject({ data: 'x' });
    });
  });

  describe('many at once', () => {
    const at = '/v1.0/publish/bulk/pubsub';
    const post = (topic: string, body: unknown, query = ''): Promise<unknown[]> => ask('POST', `${at}/${topic}${query}`, { body: typeof body === 'string' ? body : JSON.stringify(body) });
    const refused = (reason: string, text: string, metadata: object): unknown[] => json(400, errorBody('ERR_PUBSUB_EVENTS_SER', text, resourceInfo('pubsub', text), errorInfo(reason, metadata)));

    it.each([
      ['{"entryID": "}', 'unexpected EOF'], ['{"entryID": ""}', 'json: cannot unmarshal object into Go value of type []http.bulkPublishMessageEntry'], ['', 'EOF'],
      ['"x"', 'json: cannot unmarshal string into Go value of type []http.bulkPublishMessageEntry'], ['[1]', 'json: cannot unmarshal number into Go value of type http.bulkPublishMessageEntry'],
    ])('a body that is no list is refused: %s', async (body, cause) => {
      expect(await post('t', body)).toEqual(refused('UNMARSHAL_EVENTS', `error when unmarshaling the request for topic t pubsub pubsub: ${cause}`, { appID: APP }));
    });

    it.each([['empty', ['']], ['used twice', ['a', 'a']]])('an entry id that is %s is refused', async (_, ids) => {
      const cause = 'entryId is duplicated or not present for entry';
      const text = `error marshaling events to bytes for topic t pubsub pubsub. error: ${cause}`;
      const entries = ids.map((entryId) => ({ entryId, event: 'x', contentType: 'text/plain' }));
      expect(await post('t', entries)).toEqual(refused('MARSHAL_EVENTS', text, { appID: APP, error: cause }));
      await expect(grpc.call('BulkPublishEvent', bulk('t', entries))).rejects.toMatchObject(failure('InvalidArgument', text, 'MARSHAL_EVENTS', { appID: APP, error: cause }, 'pubsub'));
    });

    it.each([['text/plain', 1], ['application/xml', {}], ['application/octet-stream', 5], ['', 'x'], ['foo/bar', 'x']])('an event that does not fit %s is refused: %s', async (contentType, event) => {
      const cause = 'error: mismatch between contentType and event';
      const text = `error when marshalling cloud event envelope for topic t pubsub pubsub: ${cause}`;
      expect(await post('t', [{ entryId: '1', event, contentType }])).toEqual(refused('MARSHAL_ENVELOPE', text, { appID: APP, error: cause }));
    });

    it('nothing to publish is a success', async () => {
      expect([await post('t', []), await post('t', 'null')]).toEqual([NO_CONTENT, NO_CONTENT]);
    });

    it('gives each entry an envelope of its own kind', async () => {
      const topic = newTopic();
      await post(topic, [
        { entryId: '1', event: { n: 1 }, contentType: 'application/json' }, { entryId: '2', event: 'text', contentType: 'text/plain' }, { entryId: '3', event: 'AQI=', contentType: 'application/octet-stream' },
        { entryId: '4', event: { id: 'own', data: 4 }, contentType: 'application/cloudevents+json' },
      ]);
      const envelopes = (await arrived(topic, 4)).map((request) => request.json as Record<string, unknown>);
      expect(envelopes).toEqual(expect.arrayContaining([
        expect.objectContaining({ data: { n: 1 }, datacontenttype: 'application/json', source: APP }), expect.objectContaining({ data: 'text', datacontenttype: 'text/plain' }),
        expect.objectContaining({ data_base64: 'AQI=', datacontenttype: 'application/octet-stream' }), expect.objectContaining({ id: 'own', data: 4, source: 'Dapr' }),
      ]));
      expect(new Set(envelopes.map(({ id }) => id)).size).toBe(4);
    });

    it("gives the request's metadata to entries that have some of their own", async () => {
      const topic = newTopic();
      await post(topic, [
        { entryId: '1', event: 1, contentType: 'application/json' }, { entryId: '2', event: 2, contentType: 'application/json', metadata: { own: 'x' } },
        { entryId: '3', event: 3, contentType: 'application/json', metadata: { 'cloudevent.type': 'entry' } }, { entryId: '4', event: 4, contentType: 'application/json', metadata: {} },
      ], '?metadata.cloudevent.type=request&metadata.shared=y');
      const requests = await arrived(topic, 4);
      const of = (n: number): ReceivedRequest => requests.find((request) => request.json.data === n) as ReceivedRequest;
      expect([1, 2, 3, 4].map((n) => of(n).json.type as string)).toEqual(['com.dapr.event.sent', 'request', 'entry', 'request']);
      expect([of(1).headers['shared'], of(2).headers['shared'], of(2).headers['own']]).toEqual([undefined, 'y', 'x']);
    });

    it('is raw by the request alone', async () => {
      await post(newRawTopic(), [{ entryId: '1', event: { [`bulk-raw-${isolation}`]: 1 }, contentType: 'application/json' }], '?metadata.rawPayload=true');
      expect(payload(await rawWith(`bulk-raw-${isolation}`))).toBe(`{"bulk-raw-${isolation}":1}`);
      const topic = newTopic();
      await post(topic, [{ entryId: '1', event: 'wrapped', contentType: 'text/plain', metadata: { rawPayload: 'true' } }]);
      expect((await stored(topic)).json.data).toBe('wrapped');
    });

    it('takes a thousand', async () => {
      const topic = newTopic();
      const entries = Array.from({ length: 1000 }, (_, n) => ({ entryId: `${n}`, event: n, contentType: 'application/json' }));
      expect(await post(topic, entries)).toEqual(NO_CONTENT);
      const got = (await arrived(topic, 1000)).map((request) => request.json.data as number);
      expect(got.sort((a, b) => a - b)).toEqual(entries.map(({ event: n }) => n));
    });
  });
});

describe('publishing without', () => {
  it('any pubsub component says so in both protocols', async () => {
    await using sidecar = await startSidecar({ components: [{ name: 'store', type: 'state.in-memory' }] });
    using grpc = new GrpcClient(sidecar.grpcAddress);
    expect(seen(await sidecar.client.post('/v1.0/publish/pubsub/t?metadata.a=1', 'x'))).toEqual(json(400, errorBody('ERR_PUBSUB_NOT_CONFIGURED', 'pubsub pubsub is not configured', errorInfo('NOT_CONFIGURED', { a: '1' }))));
    expect((await sidecar.client.post('/v1.0/publish/', 'x')).body, 'before the name is looked at').toContain('ERR_PUBSUB_NOT_CONFIGURED');
    for (const name of ['PublishEvent', 'BulkPublishEvent', 'BulkPublishEventAlpha1'] as const) {
      await expect(grpc.call(name, { ...event('t'), entries: [] })).rejects.toMatchObject(failure('FailedPrecondition', 'pubsub pubsub is not configured', 'NOT_CONFIGURED', {}));
    }
  });

  it('a component that runs is 503, for that component', async () => {
    await using sidecar = await startSidecar({ until: 'listening', components: [{ name: 'pubsub', type: 'pubsub.in-memory', metadata: { concurrency: 'many' } }, { ...MEMORY, name: 'other' }] });
    using grpc = new GrpcClient(sidecar.grpcAddress);
    const answer = await sidecar.client.post('/v1.0/publish/pubsub/t', 'x');
    expect([answer.status, (JSON.parse(answer.body) as { errorCode: string }).errorCode]).toEqual([503, 'ERR_COMPONENT_NOT_READY']);
    await expect(grpc.call('PublishEvent', event('t'))).rejects.toMatchObject({ code: 'Unavailable' });
    expect(seen(await sidecar.client.post('/v1.0/publish/other/t', 'x'))).toEqual(NO_CONTENT);
  });

  it('the token is refused', async () => {
    await using sidecar = await startSidecar({ components: [MEMORY], env: { DAPR_API_TOKEN: 'secret' } });
    using grpc = new GrpcClient(sidecar.grpcAddress);
    for (const path of ['/v1.0/publish/pubsub/t', '/v1.0/publish/bulk/pubsub/t', '/v1.0-alpha1/publish/bulk/pubsub/t', '/v1.0/publish/nowhere/t']) {
      expect(seen(await sidecar.client.post(path, '[]'))).toEqual([401, 'text/plain; charset=utf-8', 'invalid api token\n']);
      expect((await sidecar.client.post(path, '[]', { 'dapr-api-token': 'secret' })).status).toBe(path.includes('nowhere') ? 404 : 204);
    }
    const text = (value: string): object => ({ code: 'Unauthenticated', details: [{ metadata: { 'http.error_message': value } }] });
    await expect(grpc.call('PublishEvent', event('t'))).rejects.toMatchObject(text('missing api token in request metadata'));
    await expect(grpc.call('PublishEvent', event('t'), { metadata: { 'dapr-api-token': 'x' } })).rejects.toMatchObject(text('authentication error: api token mismatch'));
    expect(await grpc.call('PublishEvent', event('t'), { metadata: { 'dapr-api-token': 'secret' } })).toEqual({});
  });

  it('its group on the list of allowed APIs is not there', async () => {
    const rule = (name: string, version: string, protocol: string): object => ({ name, version, protocol });
    const allowed = [rule('publish', 'v1.0', 'http'), rule('publish', 'v1', 'grpc')];
    const configuration = JSON.stringify({ apiVersion: 'dapr.io/v1alpha1', kind: 'Configuration', metadata: { name: 'c' }, spec: { api: { allowed } } });
    await using sidecar = await startSidecar({ components: [MEMORY], configuration });
    using grpc = new GrpcClient(sidecar.grpcAddress);
    expect(seen(await sidecar.client.post('/v1.0/publish/pubsub/t', 'x'))).toEqual(NO_CONTENT);
    expect(seen(await sidecar.client.post('/v1.0/publish/bulk/pubsub/t', '[]'))).toEqual(NO_CONTENT);
    expect((await sidecar.client.post('/v1.0-alpha1/publish/bulk/pubsub/t', '[]')).status, 'another version').toBe(404);
    expect((await sidecar.client.get('/v1.0/metadata')).status).toBe(404);
    expect(await grpc.call('PublishEvent', event('t'))).toEqual({});
    expect(await grpc.call('BulkPublishEvent', bulk('t', []))).toEqual({ failedEntries: [] });
    const unavailable = { code: 'Unimplemented', details: [{ metadata: { 'http.error_message': 'requested endpoint is not available' } }] };
    await expect(grpc.call('BulkPublishEventAlpha1', bulk('t', []))).rejects.toMatchObject(unavailable);
    expect(await grpc.stream('/dapr.proto.runtime.v1.Dapr/SubscribeTopicEventsAlpha1', Buffer.alloc(0))).toMatchObject(unavailable);
  });

  it('a span makes one where a rate is set', async () => {
    await using app = await startApp({ subscriptions: [{ pubsubname: 'pubsub', topic: 't', route: '/t' }] });
    const configuration = JSON.stringify({ apiVersion: 'dapr.io/v1alpha1', kind: 'Configuration', metadata: { name: 'c' }, spec: { tracing: { samplingRate: '1' } } });
    await using sidecar = await startSidecar({ components: [MEMORY], configuration, flags: [`--app-port=${app.port}`] });
    const parent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await sidecar.client.post('/v1.0/publish/pubsub/t', 'x', { traceparent: parent });
    const [child] = await app.received(1) as [ReceivedRequest];
    const published = child.json.traceparent as string;
    expect(published).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/);
    expect(child.json.traceid).toBe(published);
    expect(child.headers['traceparent']).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/);
    expect(new Set([parent, published, child.headers['traceparent']]).size).toBe(3);
    await sidecar.client.post('/v1.0/publish/pubsub/t', 'x');
    const root = (await app.received(2))[1] as ReceivedRequest;
    expect(root.json.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    await sidecar.client.post('/v1.0/publish/bulk/pubsub/t', JSON.stringify([1, 2].map((n) => ({ entryId: `${n}`, event: n, contentType: 'application/json' }))), { traceparent: parent });
    const entries = (await app.received(4)).slice(2).map((request) => request.json.traceparent as string);
    for (const entry of entries) expect(entry).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/);
    expect(new Set(entries).size).toBe(2);
  });
});
