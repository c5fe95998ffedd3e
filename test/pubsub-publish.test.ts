// Publishing from decoded wire to broker and back, in both protocols. Expectations are what Dapr's clients and brokers see.
import { describe, expect, it } from 'vitest';
import type { HttpAnswer } from '../blocks/block.ts';
import { NO_METER } from '../blocks/meter.ts';
import type { Awaitable, ComponentSpec } from '../blocks/driver.ts';
import type { Broker, EntryFailure, OutgoingEntry, OutgoingMessage, StringMap } from '../blocks/pubsub/broker.ts';
import { Brokers } from '../blocks/pubsub/brokers.ts';
import { sendRaw } from '../blocks/pubsub/publish/publish.ts';
import { publishMethods } from '../blocks/pubsub/publish/methods.ts';
import { toTraceBin } from '../blocks/pubsub/tracing.ts';
import { ApiError, Grpc, type GrpcCode } from '../proto/errors.ts';
import { BulkPublishRequest, BulkPublishResponse, PublishEventRequest } from '../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { ErrorInfo, ResourceInfo } from '../proto/gen/google/rpc/error_details.ts';
import { Status } from '../proto/gen/google/rpc/status.ts';
import type { TracingSettings } from '../proto/init.ts';
import { ROUTE, type RouteName } from '../proto/routes.ts';
import { httpBody, statusDetails } from '../proto/status.ts';
import { memoryCheckpoints, SCOPE } from './support.ts';
import { whole } from './harness/messages.ts';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02';
type Texts = Readonly<Record<string, string>>;

interface Sent {
  readonly topic: string;
  readonly data: string;
  readonly metadata: StringMap | undefined;
}

/** Writes down what it is given; fails for payloads that hold `fail`. */
class RecordingBroker implements Broker {
  features: string[] = [];
  slow = false;
  fault: unknown = new Error('the broker is away');
  readonly sent: Sent[] = [];
  readonly bulks: { topic: string; entries: readonly OutgoingEntry[]; metadata: StringMap }[] = [];
  running = 0;
  mostRunning = 0;
  publishBulk?: (topic: string, entries: readonly OutgoingEntry[], metadata: StringMap) => Awaitable<readonly EntryFailure[]>;

  publish(topic: string, { data, metadata }: OutgoingMessage): Awaitable<void> {
    const act = (): void => {
      const text = Buffer.from(data).toString();
      if (text.includes('fail')) throw this.fault;
      this.sent.push({ topic, data: text, metadata });
    };
    if (!this.slow) return act();
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    return new Promise<void>((resolve) => { setImmediate(resolve); }).then(act).finally(() => { this.running--; });
  }

  subscribe(): never {
    throw new Error('nobody subscribes here');
  }

  close(): void {}

  /** The envelope in the only message there is. */
  event(): Record<string, unknown> {
    expect(this.sent).toHaveLength(1);
    return JSON.parse(this.sent[0]!.data) as Record<string, unknown>;
  }
}

interface Answer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string | undefined;
}

interface Failed {
  readonly code: GrpcCode;
  readonly message: string;
  readonly info: Omit<ErrorInfo, 'metadata'> & { readonly metadata: Texts } | undefined;
  readonly resource: ResourceInfo | undefined;
}

interface Sidecar {
  readonly brokers: Brokers;
  http(name: RouteName, path: string[], call?: { query?: string; body?: string | Uint8Array; headers?: Texts }): Promise<Answer>;
  /** What the method answered, or why it failed. */
  grpc(name: RouteName, request: Uint8Array, headers?: Texts): Promise<Uint8Array | Failed>;
}

function spec(name: string, metadata: Texts = {}, rest: Partial<ComponentSpec> = {}): ComponentSpec {
  return { name, type: 'pubsub.fake', version: 'v1', metadata: Object.entries(metadata).map(([key, value]) => ({ name: key, value })), ignoreErrors: false, initTimeoutMs: 1_000, ...rest };
}

function sidecarOf(broker: Broker, { specs = [spec('p')], tracing = {}, appId = 'app', namespace = '' }: { specs?: ComponentSpec[]; tracing?: TracingSettings; appId?: string; namespace?: string } = {}): Sidecar {
  const ignore = (): void => undefined;
  const brokers = new Brokers({ 'pubsub.fake': async () => () => broker }, specs, { appId, namespace }, { log: { debug: ignore, info: ignore, warn: ignore, error: ignore }, changed: ignore, checkpoints: memoryCheckpoints(), meter: NO_METER });
  const methods = publishMethods(brokers, tracing);
  const scope = { signal: new AbortController().signal };
  return {
    brokers,
    http: async (name, params, { query = '', body = '', headers = {} } = {}) => {
      const { decodeHttp, encodeHttp, run } = methods.get(ROUTE[name].id)!;
      const borrowed = Buffer.from(body as string);
      let answer: HttpAnswer;
      try {
        const request: unknown = decodeHttp({ params, query, headers }, borrowed);
        borrowed.fill(0); // what it keeps it has to copy
        answer = encodeHttp(await run(request, scope));
      } catch (cause) {
        if (!(cause instanceof ApiError)) throw cause;
        answer = { status: cause.failure.http, body: httpBody(cause.failure) };
      }
      return { status: answer.status, headers: answer.headers ?? [], body: answer.body === undefined ? undefined : Buffer.from(answer.body as string).toString() };
    },
    grpc: async (name, request, headers = {}) => {
      const { decodeGrpc, encodeGrpc, run } = methods.get(ROUTE[name].id)!;
      try {
        return whole(encodeGrpc(await run(decodeGrpc(request, headers), scope)));
      } catch (cause) {
        if (!(cause instanceof ApiError)) throw cause;
        return failedOf(cause);
      }
    },
  };
}

function failedOf({ failure }: ApiError): Failed {
  const details = Status.decode(statusDetails(failure)!).details;
  const info = details.filter(({ typeUrl }) => typeUrl.endsWith('ErrorInfo')).map(({ value }) => ErrorInfo.decode(value))[0];
  const resource = details.filter(({ typeUrl }) => typeUrl.endsWith('ResourceInfo')).map(({ value }) => ResourceInfo.decode(value))[0];
  return { code: failure.grpc, message: failure.message, info: info && { ...info, metadata: Object.fromEntries(info.metadata) }, resource };
}

const publishMessage = (pubsubName: string, topic: string, data: string, rest: { contentType?: string; metadata?: Texts } = {}): Uint8Array =>
  PublishEventRequest.encode({ pubsubName, topic, data: Buffer.from(data), dataContentType: rest.contentType ?? '', metadata: new Map(Object.entries(rest.metadata ?? {})) }).finish();

interface Entry {
  readonly entryId: string;
  readonly event: string;
  readonly contentType?: string;
  readonly metadata?: Texts;
}

const bulkMessage = (pubsubName: string, topic: string, entries: readonly Entry[], metadata: Texts = {}): Uint8Array => BulkPublishRequest.encode({
  pubsubName, topic, metadata: new Map(Object.entries(metadata)),
  entries: entries.map((entry) => ({ entryId: entry.entryId, event: Buffer.from(entry.event), contentType: entry.contentType ?? 'text/plain', metadata: new Map(Object.entries(entry.metadata ?? {})) })),
}).finish();

const bulkJson = (entries: readonly Entry[]): string => JSON.stringify(entries.map((entry) => ({ contentType: 'text/plain', ...entry })));

const INFO = '"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io"';
const body = (code: string, message: string, reason: string, metadata: string, resource?: string): string => {
  const described = resource === undefined ? '' : `{"@type":"type.googleapis.com/google.rpc.ResourceInfo","description":"${message}","owner":"","resource_name":"${resource}","resource_type":"pubsub"},`;
  return `{"errorCode":"${code}","message":"${message}","details":[${described}{${INFO},"metadata":${metadata},"reason":"DAPR_PUBSUB_${reason}"}]}`;
};

const SINGLE_AND_BULK: readonly RouteName[] = ['PublishEvent', 'BulkPublishEvent', 'BulkPublishEventAlpha1'];

/** The request of either kind; the payload is a text. */
const anyMessage = (name: RouteName, pubsub: string, topic: string, metadata: Texts = {}): Uint8Array =>
  (name === 'PublishEvent' ? publishMessage(pubsub, topic, 'x', { metadata }) : bulkMessage(pubsub, topic, [{ entryId: '1', event: 'x' }], metadata));
const anyBody = (name: RouteName): string => (name === 'PublishEvent' ? 'x' : bulkJson([{ entryId: '1', event: 'x' }]));

describe.each(SINGLE_AND_BULK)('%s', (name) => {
  it('needs a pubsub component', async () => {
    const { http, grpc } = sidecarOf(new RecordingBroker(), { specs: [] });
    expect(await http(name, ['', ''], { body: 'not JSON' })).toEqual({ status: 400, headers: [], body: body('ERR_PUBSUB_NOT_CONFIGURED', 'pubsub  is not configured', 'NOT_CONFIGURED', '{}') });
    expect(await grpc(name, anyMessage(name, 'p', '', { a: 'b' }))).toEqual({
      code: Grpc.FAILED_PRECONDITION, message: 'pubsub p is not configured', resource: undefined, info: { reason: 'DAPR_PUBSUB_NOT_CONFIGURED', domain: 'dapr.io', metadata: { a: 'b' } },
    });
  });

  it('needs its name', async () => {
    const { http, grpc } = sidecarOf(new RecordingBroker());
    expect(await http(name, ['', ''], { body: 'not JSON' })).toMatchObject({ status: 404, body: body('ERR_PUBSUB_EMPTY', 'pubsub name is empty', 'NAME_EMPTY', 'null', '') });
    expect(await grpc(name, anyMessage(name, '', ''))).toEqual({
      code: Grpc.INVALID_ARGUMENT, message: 'pubsub name is empty',
      resource: { resourceType: 'pubsub', resourceName: '', owner: '', description: 'pubsub name is empty' }, info: { reason: 'DAPR_PUBSUB_NAME_EMPTY', domain: 'dapr.io', metadata: {} },
    });
  });

  it('needs that very component', async () => {
    const { http, grpc } = sidecarOf(new RecordingBroker());
    expect(await http(name, ['q', ''], { query: 'metadata.a=b&c=d', body: 'not JSON' })).toMatchObject({ status: 404, body: body('ERR_PUBSUB_NOT_FOUND', 'pubsub q is not found', 'NOT_FOUND', '{"a":"b"}') });
    expect(await grpc(name, anyMessage(name, 'q', ''))).toEqual({
      code: Grpc.INVALID_ARGUMENT, message: 'pubsub q is not found', resource: undefined, info: { reason: 'DAPR_PUBSUB_NOT_FOUND', domain: 'dapr.io', metadata: {} },
    });
  });

  it('needs a topic', async () => {
    const { http, grpc } = sidecarOf(new RecordingBroker());
    expect(await http(name, ['p', ''], { query: 'metadata.rawPayload=maybe', body: 'not JSON' }))
      .toMatchObject({ status: 404, body: body('ERR_TOPIC_NAME_EMPTY', 'topic is empty in pubsub p', 'TOPIC_NAME_EMPTY', '{"rawPayload":"maybe"}', 'p') });
    expect(await grpc(name, anyMessage(name, 'p', ''))).toMatchObject({
      code: Grpc.INVALID_ARGUMENT, message: 'topic is empty in pubsub p', resource: { resourceName: 'p', description: 'topic is empty in pubsub p' }, info: { reason: 'DAPR_PUBSUB_TOPIC_NAME_EMPTY', metadata: {} },
    });
  });

  it('needs a word for rawPayload that it knows', async () => {
    const { http, grpc } = sidecarOf(new RecordingBroker());
    const message = "failed deserializing metadata. Error: rawPayload value must be a valid boolean: actual is 'maybe'";
    expect(await http(name, ['p', 't'], { query: 'metadata.rawPayload=maybe', body: 'not JSON' }))
      .toMatchObject({ status: 400, body: body('ERR_PUBSUB_REQUEST_METADATA', message, 'METADATA_DESERIALIZATION', '{"rawPayload":"maybe"}', 'p') });
    expect(await grpc(name, anyMessage(name, 'p', 't', { rawpayload: 'maybe' })))
      .toMatchObject({ code: Grpc.INVALID_ARGUMENT, message, resource: { resourceName: 'p' }, info: { reason: 'DAPR_PUBSUB_METADATA_DESERIALIZATION', metadata: { rawpayload: 'maybe' } } });
  });

  it('needs to be in scope', async () => {
    const broker = new RecordingBroker();
    const { http, grpc } = sidecarOf(broker, { specs: [spec('p', { allowedTopics: 'other' })] });
    const message = 'topic t is not allowed for app id app';
    expect(await http(name, ['p', 't'], { body: anyBody(name) })).toMatchObject({ status: 403, body: body('ERR_PUBSUB_FORBIDDEN', message, 'FORBIDDEN', `{"error":"${message}","topic":"t"}`, 'p') });
    expect(await grpc(name, anyMessage(name, 'p', 't')))
      .toMatchObject({ code: Grpc.PERMISSION_DENIED, message, resource: { resourceName: 'p', description: message }, info: { reason: 'DAPR_PUBSUB_FORBIDDEN', metadata: { topic: 't', error: message } } });
    expect(broker.sent).toEqual([]);
  });

  it('says nothing when all went well, and nothing of scopes before that is due', async () => {
    const broker = new RecordingBroker();
    const { http, grpc } = sidecarOf(broker, { specs: [spec('p'), spec('closed', { allowedTopics: 'other' })] });
    expect(await http(name, ['p', 'a/b'], { body: anyBody(name) })).toEqual({ status: 204, headers: [], body: undefined });
    expect(await grpc(name, anyMessage(name, 'p', 'a/b'))).toEqual(new Uint8Array(0));
    expect(broker.sent.map(({ topic, data }) => [topic, (JSON.parse(data) as Texts)['data'], (JSON.parse(data) as Texts)['topic']])).toEqual([['a/b', 'x', 'a/b'], ['a/b', 'x', 'a/b']]);
    const cloudEvent = 'application/cloudevents+json';
    const bad = name === 'PublishEvent'
      ? publishMessage('closed', 't', '{"', { contentType: cloudEvent })
      : bulkMessage('closed', 't', [{ entryId: '1', event: '{"', contentType: cloudEvent }]);
    expect(await grpc(name, bad)).toMatchObject({ message: 'cannot create cloudevent' });
  });

  it('puts the namespace in front of the topic, for the broker alone', async () => {
    const broker = new RecordingBroker();
    const { http } = sidecarOf(broker, { specs: [spec('p', { allowedTopics: 't' }, { namespaceScoped: true })], namespace: 'prod' });
    expect(await http(name, ['p', 't'], { body: anyBody(name) })).toMatchObject({ status: 204 });
    expect(broker.sent[0]?.topic).toBe('prodt');
    expect(broker.event()['topic']).toBe('t');
  });

  it('waits for a component that starts', async () => {
    const broker = new RecordingBroker();
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => { open = resolve; });
    const ignore = (): void => undefined;
    const brokers = new Brokers({ 'pubsub.fake': async () => async () => gate.then(() => broker) }, [spec('p')], { appId: 'app', namespace: '' }, { log: { debug: ignore, info: ignore, warn: ignore, error: ignore }, changed: ignore, checkpoints: memoryCheckpoints(), meter: NO_METER });
    const method = publishMethods(brokers, {}).get(ROUTE[name].id)!;
    const done = method.run(method.decodeGrpc(anyMessage(name, 'p', 't'), {}), { signal: new AbortController().signal });
    expect(broker.sent).toEqual([]);
    open();
    await done;
    expect(broker.sent).toHaveLength(1);
  });

  it('tells of a component that can not start', async () => {
    const { grpc } = sidecarOf(new RecordingBroker(), { specs: [spec('p', { poisonThreshold: 'x' })] });
    expect(await grpc(name, anyMessage(name, 'p', 't'))).toMatchObject({ code: Grpc.UNAVAILABLE, message: expect.stringContaining('component p (pubsub.fake/v1) is not ready') as string });
  });
});

describe('PublishEvent', () => {
  it.each(['at once', 'later'])('passes on what the broker said, %s', async (when) => {
    const broker = new RecordingBroker();
    broker.slow = when === 'later';
    const { http, grpc } = sidecarOf(broker);
    const message = 'error when publishing to topic t in pubsub p: the broker is away';
    expect(await http('PublishEvent', ['p', 't'], { body: 'fail' })).toEqual({ status: 500, headers: [], body: body('ERR_PUBSUB_PUBLISH_MESSAGE', message, 'PUBLISH_MESSAGE', '{"error":"the broker is away","topic":"t"}', 'p') });
    expect(await grpc('PublishEvent', publishMessage('p', 't', 'fail')))
      .toMatchObject({ code: Grpc.INTERNAL, message, resource: { resourceName: 'p', description: message }, info: { reason: 'DAPR_PUBSUB_PUBLISH_MESSAGE', metadata: { topic: 't', error: 'the broker is away' } } });
  });

  it('passes on an error that a driver shaped itself as text', async () => {
    const broker = new RecordingBroker();
    broker.fault = new ApiError({ grpc: Grpc.UNAVAILABLE, http: 503, code: 'X', message: 'closed' });
    expect(await sidecarOf(broker).grpc('PublishEvent', publishMessage('p', 't', 'fail')))
      .toMatchObject({ code: Grpc.INTERNAL, message: 'error when publishing to topic t in pubsub p: api error: code = Unavailable desc = closed' });
  });

  it('refuses what is called a CloudEvent and is not', async () => {
    const { http, grpc } = sidecarOf(new RecordingBroker());
    expect(await http('PublishEvent', ['p', 't'], { body: '{"}', query: 'metadata.rawPayload=false', headers: { 'content-type': 'application/cloudevents+json' } }))
      .toEqual({ status: 500, headers: [], body: body('ERR_PUBSUB_CLOUD_EVENTS_SER', 'cannot create cloudevent', 'CLOUD_EVENT_CREATION', '{"appID":"app","error":"unexpected EOF"}', 'p') });
    expect(await grpc('PublishEvent', publishMessage('p', 't', '{"missing_quote: invalid}', { contentType: 'application/cloudevents+json' })))
      .toMatchObject({ code: Grpc.INVALID_ARGUMENT, message: 'cannot create cloudevent', info: { reason: 'DAPR_PUBSUB_CLOUD_EVENT_CREATION', metadata: { appID: 'app', error: 'unexpected EOF' } } });
  });

  it('makes one envelope of a request in either protocol', async () => {
    const overHttp = new RecordingBroker();
    await sidecarOf(overHttp).http('PublishEvent', ['p', 't'], { body: '{"n":12345678901234567890}', query: 'metadata.cloudevent.id=i', headers: { 'content-type': 'application/json', traceparent: PARENT, tracestate: 'a=1' } });
    const overGrpc = new RecordingBroker();
    await sidecarOf(overGrpc).grpc('PublishEvent', publishMessage('p', 't', '{"n":12345678901234567890}', { contentType: 'application/json', metadata: { 'cloudevent.id': 'i' } }), { traceparent: PARENT, tracestate: 'a=1' });
    const shape = ({ sent }: RecordingBroker): string => sent[0]!.data.replace(/"time":"[^"]+"/, '"time":"T"');
    expect(shape(overHttp)).toBe(`{"data":{"n":12345678901234567890},"datacontenttype":"application/json","id":"i","pubsubname":"p","source":"app","specversion":"1.0","time":"T","topic":"t","traceid":"${PARENT}","traceparent":"${PARENT}","tracestate":"a=1","type":"com.dapr.event.sent"}`);
    expect(shape(overGrpc)).toBe(shape(overHttp));
    expect([overHttp.sent[0]!.metadata, overGrpc.sent[0]!.metadata]).toEqual([{ 'cloudevent.id': 'i' }, { 'cloudevent.id': 'i' }]);
  });

  it('hands the broker the metadata of the request, which over gRPC may be none at all', async () => {
    const broker = new RecordingBroker();
    const { http, grpc } = sidecarOf(broker);
    await http('PublishEvent', ['p', 't'], { body: 'x' });
    await http('PublishEvent', ['p', 't'], { body: 'x', query: 'metadata.Key=a%20b&metadata.Key=c&other=1' });
    await grpc('PublishEvent', publishMessage('p', 't', 'x'));
    expect(broker.sent.map(({ metadata }) => metadata)).toEqual([{}, { Key: 'a b' }, undefined]);
  });

  it('writes an expiry into the envelope only if the broker has none', async () => {
    const broker = new RecordingBroker();
    await sidecarOf(broker).http('PublishEvent', ['p', 't'], { body: 'x', query: 'metadata.ttlInSeconds=10' });
    expect(broker.event()).toHaveProperty('expiration');
    const expiring = new RecordingBroker();
    expiring.features = ['MESSAGE_TTL'];
    await sidecarOf(expiring).http('PublishEvent', ['p', 't'], { body: 'x', query: 'metadata.ttlInSeconds=10' });
    expect(expiring.event()).not.toHaveProperty('expiration');
    expect(expiring.sent[0]!.metadata).toEqual({ ttlInSeconds: '10' });
  });

  it('leaves a raw payload as it is, and over gRPC puts the trace beside it', async () => {
    const broker = new RecordingBroker();
    const { http, grpc } = sidecarOf(broker);
    await http('PublishEvent', ['p', 't'], { body: '{"', query: 'metadata.rawPayload=T', headers: { 'content-type': 'application/cloudevents+json', traceparent: PARENT } });
    await grpc('PublishEvent', publishMessage('p', 't', 'x', { metadata: { rawPayload: 'true', traceid: 'own' } }), { traceparent: PARENT, tracestate: 'a=1' });
    await grpc('PublishEvent', publishMessage('p', 't', 'x', { metadata: { rawPayload: 'true' } }), { 'grpc-trace-bin': toTraceBin(PARENT) });
    await grpc('PublishEvent', publishMessage('p', 't', 'x', { metadata: { rawPayload: 'true' } }));
    expect(broker.sent).toEqual([
      { topic: 't', data: '{"', metadata: { rawPayload: 'T' } },
      { topic: 't', data: 'x', metadata: { rawPayload: 'true', traceid: PARENT, tracestate: 'a=1' } },
      { topic: 't', data: 'x', metadata: { rawPayload: 'true', traceid: PARENT } },
      { topic: 't', data: 'x', metadata: { rawPayload: 'true' } },
    ]);
  });

  it('has a span of its own where tracing is on', async () => {
    const broker = new RecordingBroker();
    await sidecarOf(broker, { tracing: { samplingRate: 1 } }).grpc('PublishEvent', publishMessage('p', 't', 'x'), { traceparent: PARENT });
    expect(broker.event()['traceparent']).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[\da-f]{16}-02$/);
  });

  it('fails to decode what is no message', () => {
    const brokers = sidecarOf(new RecordingBroker()).brokers;
    const { decodeGrpc } = publishMethods(brokers, {}).get(ROUTE.PublishEvent.id)!;
    expect(() => decodeGrpc(Uint8Array.of(0x0a, 0x7f), {})).toThrow(RangeError);
  });
});

describe.each<RouteName>(['BulkPublishEvent', 'BulkPublishEventAlpha1'])('%s', (name) => {
  it.each([
    ['{"entryID": "}', 'unexpected EOF'],
    ['{"entryID": ""}', 'json: cannot unmarshal object into Go value of type []http.bulkPublishMessageEntry'],
    ['', 'EOF'],
  ])('refuses the body %s', async (text, fault) => {
    const message = `error when unmarshaling the request for topic t pubsub p: ${fault}`;
    expect(await sidecarOf(new RecordingBroker()).http(name, ['p', 't'], { body: text }))
      .toEqual({ status: 400, headers: [], body: body('ERR_PUBSUB_EVENTS_SER', message, 'UNMARSHAL_EVENTS', '{"appID":"app"}', 'p') });
  });

  it.each<[name: string, entries: Entry[]]>([
    ['no entry id', [{ entryId: '', event: 'x' }]],
    ['an entry id twice', [{ entryId: '1', event: 'x' }, { entryId: '2', event: 'x' }, { entryId: '1', event: 'x' }]],
  ])('refuses %s, and sends nothing', async (_, entries) => {
    const broker = new RecordingBroker();
    const { http, grpc } = sidecarOf(broker);
    const error = 'entryId is duplicated or not present for entry';
    const message = `error marshaling events to bytes for topic t pubsub p. error: ${error}`;
    expect(await http(name, ['p', 't'], { body: bulkJson(entries) })).toMatchObject({ status: 400, body: body('ERR_PUBSUB_EVENTS_SER', message, 'MARSHAL_EVENTS', `{"appID":"app","error":"${error}"}`, 'p') });
    expect(await grpc(name, bulkMessage('p', 't', entries)))
      .toMatchObject({ code: Grpc.INVALID_ARGUMENT, message, resource: { resourceName: 'p' }, info: { reason: 'DAPR_PUBSUB_MARSHAL_EVENTS', metadata: { appID: 'app', error } } });
    expect(broker.sent).toEqual([]);
  });

  it('refuses an event that does not go with its content type', async () => {
    const error = 'error: mismatch between contentType and event';
    const message = `error when marshalling cloud event envelope for topic t pubsub p: ${error}`;
    expect(await sidecarOf(new RecordingBroker()).http(name, ['p', 't'], { body: '[{"entryId":"1","event":{},"contentType":"text/plain"}]' }))
      .toMatchObject({ status: 400, body: body('ERR_PUBSUB_EVENTS_SER', message, 'MARSHAL_ENVELOPE', `{"appID":"app","error":"${error}"}`, 'p') });
  });

  it('takes over gRPC any event of any type', async () => {
    const broker = new RecordingBroker();
    expect(await sidecarOf(broker).grpc(name, bulkMessage('p', 't', [{ entryId: '1', event: 'x', contentType: '' }]))).toEqual(new Uint8Array(0));
    expect(broker.event()).toMatchObject({ data: 'x', datacontenttype: 'text/plain' });
  });

  it('refuses a CloudEvent that is none', async () => {
    const { http, grpc } = sidecarOf(new RecordingBroker());
    const contentType = 'application/cloudevents+json';
    const error = 'json: cannot unmarshal string into Go value of type map[string]interface {}';
    expect(await http(name, ['p', 't'], { body: bulkJson([{ entryId: '1', event: 'x', contentType }]) }))
      .toMatchObject({ status: 500, body: body('ERR_PUBSUB_CLOUD_EVENTS_SER', 'cannot create cloudevent', 'CLOUD_EVENT_CREATION', `{"appID":"app","error":"${error}"}`, 'p') });
    expect(await grpc(name, bulkMessage('p', 't', [{ entryId: '1', event: '"x"', contentType }]))).toMatchObject({ code: Grpc.INVALID_ARGUMENT, message: 'cannot create cloudevent' });
  });

  it('merges the metadata of the request into that of an entry, if it has any', async () => {
    const broker = new RecordingBroker();
    const { http, grpc } = sidecarOf(broker);
    const entries: Entry[] = [{ entryId: '1', event: 'x' }, { entryId: '2', event: 'x', metadata: { a: 'entry' } }, { entryId: '3', event: 'x', metadata: {} }];
    await http(name, ['p', 't'], { body: bulkJson(entries), query: 'metadata.a=request&metadata.b=request' });
    expect(broker.sent.map(({ metadata }) => metadata)).toEqual([undefined, { a: 'entry', b: 'request' }, { a: 'request', b: 'request' }]);
    broker.sent.length = 0;
    await grpc(name, bulkMessage('p', 't', entries, { a: 'request', b: 'request' }));
    expect(broker.sent.map(({ metadata }) => metadata)).toEqual([undefined, { a: 'entry', b: 'request' }, undefined]); // an empty map is none on this wire
  });

  it('asks the request alone for rawPayload, the entries for all else', async () => {
    const broker = new RecordingBroker();
    const { http } = sidecarOf(broker);
    const entries: Entry[] = [{ entryId: '1', event: 'x', metadata: { rawPayload: 'true', 'cloudevent.type': 'own', ttl: '10' } }];
    await http(name, ['p', 't'], { body: bulkJson(entries) });
    expect(broker.event()).toMatchObject({ data: 'x', type: 'own', expiration: expect.any(String) as string });
    broker.sent.length = 0;
    await http(name, ['p', 't'], { body: bulkJson(entries), query: 'metadata.rawPayload=true' });
    expect(broker.sent).toMatchObject([{ data: 'x' }]);
    broker.sent.length = 0;
    await http(name, ['p', 't'], { body: bulkJson([{ entryId: '1', event: 'x' }]), query: 'metadata.cloudevent.type=request&metadata.ttl=10' });
    expect(broker.event()['type']).toBe('com.dapr.event.sent');
    expect(broker.event()).not.toHaveProperty('expiration');
  });

  it('gives each event an envelope with the trace of the request', async () => {
    const broker = new RecordingBroker();
    await sidecarOf(broker).grpc(name, bulkMessage('p', 't', [{ entryId: '1', event: 'a' }, { entryId: '2', event: 'b' }]), { traceparent: PARENT });
    const events = broker.sent.map(({ data }) => JSON.parse(data) as Texts);
    expect(events.map((event) => [event['data'], event['traceparent']])).toEqual([['a', PARENT], ['b', PARENT]]);
    expect(events[0]!['id']).not.toBe(events[1]!['id']);
  });

  it('gives each event a span of its own where tracing is on', async () => {
    const broker = new RecordingBroker();
    await sidecarOf(broker, { tracing: { samplingRate: 1 } }).grpc(name, bulkMessage('p', 't', [{ entryId: '1', event: 'a' }, { entryId: '2', event: 'b' }]), { traceparent: PARENT });
    const spans = broker.sent.map(({ data }) => (JSON.parse(data) as Texts)['traceparent']!);
    expect(new Set(spans).size).toBe(2);
    for (const span of spans) expect(span).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[\da-f]{16}-02$/);
  });

  it('has nothing to do without entries', async () => {
    const broker = new RecordingBroker();
    const { http, grpc } = sidecarOf(broker);
    expect((await http(name, ['p', 't'], { body: '[]' })).status).toBe(204);
    expect((await http(name, ['p', 't'], { body: 'null' })).status).toBe(204);
    expect(await grpc(name, bulkMessage('p', 't', []))).toEqual(new Uint8Array(0));
    expect(broker.sent).toEqual([]);
  });

  it('sends one by one where the broker has no other way, at most a hundred at a time', async () => {
    const broker = new RecordingBroker();
    broker.slow = true;
    const entries = Array.from({ length: 250 }, (_, i) => ({ entryId: `${i}`, event: `x${i}` }));
    const answer = await sidecarOf(broker).grpc(name, bulkMessage('p', 't', entries));
    expect(BulkPublishResponse.decode(answer as Uint8Array)).toEqual({ failedEntries: [] });
    expect(broker.mostRunning).toBe(100);
    expect(new Set(broker.sent.map(({ data }) => (JSON.parse(data) as Texts)['data']))).toEqual(new Set(entries.map(({ event }) => event)));
  });

  it.each(['at once', 'later'])('lists over HTTP what failed %s, and over gRPC just fails', async (when) => {
    const broker = new RecordingBroker();
    broker.slow = when === 'later';
    const { http, grpc } = sidecarOf(broker);
    const entries: Entry[] = [{ entryId: '1', event: 'ok' }, { entryId: '2"<', event: 'fail' }, { entryId: '3', event: 'fail' }];
    const answer = '{"failedEntries":[{"entryId":"2\\"\\u003c","error":"the broker is away"},{"entryId":"3","error":"the broker is away"}],"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE"}';
    const message = 'error when publishing to topic t in pubsub p: the broker is away';
    expect(await http(name, ['p', 't'], { body: bulkJson(entries) }))
      .toEqual({ status: 500, headers: ['metadata.responseData', answer, 'metadata.error', `api error: code = Internal desc = ${message}`], body: answer });
    expect(await grpc(name, bulkMessage('p', 't', entries)))
      .toMatchObject({ code: Grpc.INTERNAL, message, resource: { resourceName: 'p' }, info: { reason: 'DAPR_PUBSUB_PUBLISH_MESSAGE', metadata: { topic: 't', error: 'the broker is away' } } });
    expect(broker.sent.map(({ data }) => (JSON.parse(data) as Texts)['data'])).toEqual(['ok', 'ok']);
  });

  it('has headers that are headers, whatever the broker said and however much', async () => {
    const broker = new RecordingBroker();
    broker.fault = new Error('line\r\nX-Evil: 1\0 \u00e9');
    const { http } = sidecarOf(broker);
    const one = await http(name, ['p', 't'], { body: bulkJson([{ entryId: '1', event: 'fail' }]) });
    expect(one.headers[3]).toBe(`api error: code = Internal desc = error when publishing to topic t in pubsub p: line  X-Evil: 1  ${Buffer.from('\u00e9').toString('latin1')}`);
    expect(one.body).toContain('line\\r\\nX-Evil');
    const many = await http(name, ['p', 't'], { body: bulkJson(Array.from({ length: 500 }, (_, i) => ({ entryId: `${i}`, event: 'fail' }))) });
    expect(many.headers).toEqual(['metadata.error', expect.any(String)]);
    expect((JSON.parse(many.body!) as { failedEntries: unknown[] }).failedEntries).toHaveLength(500);
  });
});

describe('a broker with a bulk of its own', () => {
  const open = (answer: () => Awaitable<readonly EntryFailure[]>): { broker: RecordingBroker; sidecar: Sidecar } => {
    const broker = new RecordingBroker();
    broker.publishBulk = (topic, entries, metadata) => {
      broker.bulks.push({ topic, entries, metadata });
      return answer();
    };
    return { broker, sidecar: sidecarOf(broker, { specs: [spec('p', {}, { namespaceScoped: true })], namespace: 'ns-' }) };
  };
  const request = bulkMessage('p', 't', [{ entryId: '1', event: 'x', metadata: { a: '1' } }, { entryId: '2', event: 'y', contentType: 'application/json' }], { rawPayload: 'true', b: '2' });

  it('gets all at once', async () => {
    const { broker, sidecar } = open(() => []);
    expect(await sidecar.grpc('BulkPublishEvent', request)).toEqual(new Uint8Array(0));
    expect(broker.sent).toEqual([]);
    expect(broker.bulks.map(({ entries, ...rest }) => ({ ...rest, entries: entries.map((entry) => ({ ...entry, data: Buffer.from(entry.data).toString() })) }))).toEqual([{
      topic: 'ns-t', metadata: { rawPayload: 'true', b: '2' },
      entries: [{ entryId: '1', contentType: 'text/plain', data: 'x', metadata: { a: '1', b: '2', rawPayload: 'true' } }, { entryId: '2', contentType: 'application/json', data: 'y', metadata: undefined }],
    }]);
  });

  it.each<[name: string, answer: () => Awaitable<readonly EntryFailure[]>]>([
    ['some', async () => [{ entryId: '2', cause: new Error('too large') }]],
    ['some, at once', () => [{ entryId: '2', cause: new Error('too large') }]],
  ])('may fail for %s', async (_, answer) => {
    const { sidecar } = open(answer);
    expect(await sidecar.http('BulkPublishEvent', ['p', 't'], { body: bulkJson([{ entryId: '1', event: 'x' }, { entryId: '2', event: 'y' }]) }))
      .toMatchObject({ status: 500, body: '{"failedEntries":[{"entryId":"2","error":"too large"}],"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE"}' });
    expect(await sidecar.grpc('BulkPublishEvent', request)).toMatchObject({ code: Grpc.INTERNAL, message: 'error when publishing to topic t in pubsub p: too large' });
  });

  it.each<[name: string, answer: () => Awaitable<readonly EntryFailure[]>]>([
    ['later', async () => { throw new Error('away'); }],
    ['at once', () => { throw new Error('away'); }],
  ])('may fail altogether, %s', async (_, answer) => {
    const { sidecar } = open(answer);
    expect(await sidecar.http('BulkPublishEvent', ['p', 't'], { body: bulkJson([{ entryId: '1', event: 'x' }, { entryId: '2', event: 'y' }]) }))
      .toMatchObject({ status: 500, body: '{"failedEntries":[{"entryId":"1","error":"away"},{"entryId":"2","error":"away"}],"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE"}' });
  });
});

describe('bytes sent as they are', () => {
  it('go through scopes and namespace', async () => {
    const broker = new RecordingBroker();
    const { brokers } = sidecarOf(broker, { specs: [spec('p', { allowedTopics: 'dead' }, { namespaceScoped: true })], namespace: 'ns-' });
    const open = await brokers.driver('p');
    await sendRaw(open, 'dead', { data: Buffer.from('x'), metadata: undefined }, SCOPE);
    expect(broker.sent).toEqual([{ topic: 'ns-dead', data: 'x', metadata: undefined }]);
    await expect(sendRaw(open, 'other', { data: Buffer.from('x'), metadata: undefined }, SCOPE)).rejects.toThrow('topic other is not allowed for app id app');
    await expect(sendRaw(open, 'dead', { data: Buffer.from('fail'), metadata: undefined }, SCOPE)).rejects.toThrow('error when publishing to topic dead in pubsub p: the broker is away');
  });
});
