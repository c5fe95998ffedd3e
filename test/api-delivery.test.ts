// Deliveries as applications see them, and what their answers lead to: HTTP and gRPC, one by one and in bulk, routes, dead
// letters, traces, tokens (contract: messaging §2.4 to §2.9).
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Grpc } from '../proto/errors.ts';
import { APP_PROTOCOLS, canSpeak, startApp, type App, type AppAnswer, type AppSubscription, type Misbehaviour, type ReceivedRequest, type VerdictText } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { GrpcClient } from './harness/grpc.ts';
import { ISOLATIONS, startSidecar, type Isolation, type Sidecar, type SidecarOptions } from './harness/sidecar.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** Made of the message's own id, so that it lasts. */
const LASTING_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02';
const ZEROS = '00-00000000000000000000000000000000-0000000000000000-00';
const ON_TOPIC_EVENT = '/dapr.proto.runtime.v1.AppCallback/OnTopicEvent';
const ON_BULK = '/dapr.proto.runtime.v1.AppCallback/OnBulkTopicEvent';
const ON_BULK_ALPHA = '/dapr.proto.runtime.v1.AppCallbackAlpha/OnBulkTopicEventAlpha1';
const COMPONENTS = [{ name: 'pubsub', type: 'pubsub.in-memory' }];

const pubsubname = 'pubsub';
const at = (topic: string, more: Partial<AppSubscription> = {}): AppSubscription => ({ pubsubname, topic, route: `/${topic}`, ...more });
const RULES = [
  { match: 'event.type == "big" && event.data.size > 5', path: '/routed/big' }, { match: 'event.data.kind in ["a", "b"]', path: '/routed/kind' },
  { match: 'has(event.data.name) && event.data.name.startsWith("x")', path: '/routed/name' },
];
const SUBSCRIPTIONS: readonly AppSubscription[] = [
  at('plain'), at('dead'), at('timely', { deadLetterTopic: 'dead' }), at('raw', { metadata: { rawPayload: 'true' } }), at('relative', { route: 'relative/path' }),
  at('doomed', { deadLetterTopic: 'dead', metadata: { maxRetries: '2' } }), at('doomed-at-once', { deadLetterTopic: 'dead' }), at('endless', { metadata: { maxRetries: '1' } }),
  at('routed', { route: '/routed/default', routes: { rules: RULES } }), at('picky', { route: '', routes: { rules: [{ match: 'event.type == "wanted"', path: '/picky' }] }, deadLetterTopic: 'dead' }),
  at('not-boolean', { route: '', routes: { rules: [{ match: 'event.type', path: '/not-boolean' }] }, deadLetterTopic: 'dead' }),
  at('bulk', { bulkSubscribe: { enabled: true, maxMessagesCount: 10, maxAwaitDurationMs: 50 }, deadLetterTopic: 'dead', metadata: { maxRetries: '3' } }),
  at('bulk-raw', { bulkSubscribe: { enabled: true, maxMessagesCount: 2, maxAwaitDurationMs: 5000 }, metadata: { rawPayload: 'true' } }),
  at('bulk-routed', { route: '', routes: { rules: [{ match: 'event.data == 1', path: '/one' }, { match: 'event.data == 2', path: '/two' }] }, bulkSubscribe: { enabled: true, maxMessagesCount: 3, maxAwaitDurationMs: 5000 } }),
];

type Reaction = AppAnswer | Misbehaviour | undefined;
interface BulkItem {
  readonly entryId: string;
  readonly event: { readonly data: unknown } & Record<string, unknown>;
  readonly metadata: Record<string, string>;
  readonly contentType: string;
}

const sorted = (values: readonly unknown[]): unknown[] => values.toSorted((a, b) => (String(a) < String(b) ? -1 : 1));

/** A sidecar with an application behind it, and how to publish to it. */
class Pair implements AsyncDisposable {
  readonly app: App;
  readonly sidecar: Sidecar;

  private constructor(app: App, sidecar: Sidecar) {
    this.app = app;
    this.sidecar = sidecar;
  }

  static async start(app: App, options: SidecarOptions = {}): Promise<Pair> {
    const { flags = [], ...rest } = options;
    try {
      return new Pair(app, await startSidecar({ appId: 'me', components: COMPONENTS, flags: [`--app-port=${app.port}`, `--app-protocol=${app.protocol}`, ...flags], ...rest }));
    } catch (cause) {
      await app.stop();
      throw cause;
    }
  }

  async publish(topic: string, body: string | object, { query = '', type = typeof body === 'string' ? 'text/plain' : 'application/json', headers = {} }: { query?: string; type?: string; headers?: Record<string, string> } = {}): Promise<void> {
    const answer = await this.sidecar.client.post(`/v1.0/publish/pubsub/${topic}${query}`, typeof body === 'string' ? body : JSON.stringify(body), { 'Content-Type': type, ...headers });
    expect([answer.status, answer.body]).toEqual([204, '']);
  }

  async publishMany(topic: string, data: readonly unknown[], query = ''): Promise<void> {
    const entries = data.map((event, index) => ({ entryId: `${index}`, event, contentType: 'application/json', metadata: { n: `${index}` } }));
    expect((await this.sidecar.client.post(`/v1.0/publish/bulk/pubsub/${topic}${query}`, JSON.stringify(entries))).status).toBe(204);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sidecar.stop();
    await this.app.stop();
  }
}

/** What a delivery carries, in either protocol. */
function dataOf(request: ReceivedRequest): unknown {
  if (request.method !== 'RPC') return request.json.data;
  const { data, dataContentType } = request.topicEvent;
  return dataContentType === 'application/json' ? JSON.parse(Buffer.from(data).toString()) : Buffer.from(data).toString();
}
const pathOf = (request: ReceivedRequest): string => (request.method === 'RPC' ? request.topicEvent.path : request.path);

describe.each([{ isolation: 'monolith', protocol: 'http' }, { isolation: 'thread', protocol: 'http' }, { isolation: 'process', protocol: 'http' }, { isolation: 'process', protocol: 'grpc' }] as const)('deliveries over $protocol in $isolation isolation', ({ isolation, protocol }) => {
  let pair: Pair;
  let app: App;
  beforeAll(async () => {
    app = await startApp({ protocol, subscriptions: SUBSCRIPTIONS });
    pair = await Pair.start(app, { isolation });
  });
  afterAll(() => pair?.[Symbol.asyncDispose]());
  afterEach(() => {
    app.handler = () => undefined;
    app.forget();
  });

  const isHttp = protocol === 'http';
  /** Deliveries of this path, in order; a gRPC application's, by their path within. */
  const at = (path: string): ReceivedRequest[] => app.deliveries.filter((request) => (isHttp || request.path === ON_TOPIC_EVENT) && pathOf(request) === path);
  const arrived = (path: string, count = 1): Promise<ReceivedRequest[]> => eventually(`${count} deliveries at ${path}`, () => (at(path).length >= count ? at(path) : undefined)) as Promise<ReceivedRequest[]>;
  const one = async (path: string): Promise<ReceivedRequest> => (await arrived(path))[0] as ReceivedRequest;
  const counts = (path: string): Record<string, number> => {
    const found: Record<string, number> = {};
    for (const request of at(path)) found[String(dataOf(request))] = (found[String(dataOf(request))] ?? 0) + 1;
    return found;
  };
  /** Long enough for three more deliveries of whatever failed just now. */
  const afterAWhile = async (): Promise<void> => {
    const { handler } = app;
    app.handler = (request) => {
      const isClock = (isHttp || request.path === ON_TOPIC_EVENT) && pathOf(request) === '/plain' && dataOf(request) === 'clock';
      return isClock ? app.verdict((counts('/plain')['clock'] ?? 0) < 3 ? 'RETRY' : 'SUCCESS') : handler(request);
    };
    await pair.publish('plain', 'clock');
    await eventually('the clock went off', () => counts('/plain')['clock'] === 3);
    app.handler = handler;
  };

  /** What an application may answer, with what follows. */
  const ACKS: Record<string, Reaction> = isHttp ? {
    'an empty 200': { status: 200 }, 'an empty 204': { status: 204 }, '299': { status: 299, body: 'x' }, 'an empty object': { body: {} }, 'no status': { body: { status: '' } }, 'a null status': { body: { status: null } }, SUCCESS: { body: { status: 'SUCCESS' } },
    'no JSON': { body: 'OK' }, 'a broken object': { body: '{"status":"RETRY"' }, 'a list': { body: [{ status: 'RETRY' }] }, 'a status that is a number': { body: { status: 5 } }, 'another case of the name': { body: { Status: 'SUCCESS' } },
  } : { 'an empty message': { body: '' }, SUCCESS: { body: Buffer.from([8, 0]) }, UNIMPLEMENTED: { status: Grpc.UNIMPLEMENTED, body: 'what?' } };
  const RETRIES: Record<string, Reaction> = isHttp ? {
    RETRY: { body: { status: 'RETRY' } }, 'an unknown word': { body: { status: 'AGAIN' } }, 'small letters': { body: { status: 'success' } }, '500': { status: 500 }, '400': { status: 400 }, '401 with SUCCESS': { status: 401, body: { status: 'SUCCESS' } },
    'a redirect': { status: 302, headers: { location: '/plain' } }, '503': { status: 503 }, 'a broken connection': 'reset', rubbish: 'rubbish',
  } : {
    RETRY: { body: Buffer.from([8, 1]) }, 'an unknown status': { body: Buffer.from([8, 9]) }, 'an unreadable message': { body: Buffer.from([0xff, 0xff]) }, UNKNOWN: { status: Grpc.UNKNOWN, body: 'no' }, NOT_FOUND: { status: Grpc.NOT_FOUND, body: 'no' }, UNAVAILABLE: { status: Grpc.UNAVAILABLE, body: 'no' },
    'a broken connection': 'reset',
  };
  const DROPS: Record<string, Reaction> = isHttp ? { DROP: { body: { status: 'DROP' } }, '404': { status: 404 }, '404 with SUCCESS': { status: 404, body: { status: 'SUCCESS' } } } : { DROP: { body: Buffer.from([8, 2]) } };

  it('an answer that accepts or drops a message ends its way', async () => {
    const answers = { ...ACKS, ...DROPS };
    app.handler = (request) => answers[String(dataOf(request))];
    for (const name of Object.keys(answers)) await pair.publish('plain', name);
    await eventually('all are delivered', () => Object.keys(counts('/plain')).length === Object.keys(answers).length);
    await afterAWhile();
    expect(counts('/plain')).toEqual({ ...Object.fromEntries(Object.keys(answers).map((name) => [name, 1])), clock: 3 });
  });

  it('an answer that refuses a message brings it again until it is taken, also on memory', async () => {
    app.handler = (request) => (counts('/plain')[String(dataOf(request))] === 1 ? RETRIES[String(dataOf(request))] : app.verdict('SUCCESS'));
    const breaks = (name: string): boolean => typeof RETRIES[name] === 'string';
    for (const name of Object.keys(RETRIES)) if (!breaks(name)) await pair.publish('plain', name);
    await eventually('all come again', () => Object.keys(RETRIES).every((name) => breaks(name) || counts('/plain')[name] === 2));
    for (const name of Object.keys(RETRIES).filter(breaks)) { // one by one: a connection that breaks takes its neighbours with it
      await pair.publish('plain', name);
      await eventually(`${name} comes again`, () => counts('/plain')[name] === 2);
    }
    await afterAWhile();
    expect(counts('/plain')).toEqual({ ...Object.fromEntries(Object.keys(RETRIES).map((name) => [name, 2])), clock: 3 });
  });

  it('the same event is delivered each time, unless it was wrapped here', async () => {
    app.handler = () => app.verdict(app.deliveries.length < 3 ? 'RETRY' : 'SUCCESS');
    await pair.publish('plain', { n: 1 });
    const bodies = (await arrived('/plain', 3)).map((request) => request.body.toString('hex'));
    expect(new Set(bodies).size).toBe(1);
  });

  it('a message that is dropped leaves a copy on the dead letter topic, as it was published', async () => {
    app.handler = (request) => (pathOf(request) === '/dead' ? undefined : DROPS[String(dataOf(request))] ?? ACKS[String(dataOf(request))]);
    const names = [...Object.keys(DROPS), ...Object.keys(ACKS)];
    for (const name of names) await pair.publish('doomed', name, { query: '?metadata.color=red', headers: { traceparent: PARENT } });
    const letters = await arrived('/dead', Object.keys(DROPS).length);
    await eventually('all are delivered', () => at('/doomed').length === names.length);
    await afterAWhile();
    expect(counts('/dead')).toEqual(Object.fromEntries(Object.keys(DROPS).map((name) => [name, 1])));
    expect(counts('/doomed')).toEqual(Object.fromEntries(names.map((name) => [name, 1])));
    const letter = letters[0] as ReceivedRequest;
    const original = at('/doomed').find((request) => dataOf(request) === dataOf(letter)) as ReceivedRequest;
    expect(letter.headers).toMatchObject({ color: 'red', traceparent: PARENT });
    if (isHttp) {
      expect(letter.text).toBe(original.text);
      expect(letter.json).toMatchObject({ topic: 'doomed' });
    } else {
      expect(letter.topicEvent).toEqual({ ...original.topicEvent, topic: 'dead', path: '/dead' });
      expect(letter.topicEvent.extensions).toMatchObject({ topic: 'doomed' });
    }
  });

  it('maxRetries counts the deliveries before a message is a dead letter; without it the first failure makes it one', async () => {
    app.handler = (request) => (pathOf(request) === '/dead' ? undefined : app.verdict('RETRY'));
    await pair.publish('doomed', 'three times');
    await pair.publish('doomed-at-once', 'once');
    await arrived('/dead', 2);
    expect([counts('/doomed'), counts('/doomed-at-once')]).toEqual([{ 'three times': 3 }, { once: 1 }]);
    await afterAWhile();
    expect([counts('/doomed'), counts('/doomed-at-once'), counts('/dead')]).toEqual([{ 'three times': 3 }, { once: 1 }, { 'three times': 1, once: 1 }]);
  });

  it('without a dead letter topic a message goes on coming, and the log says so once', async () => {
    app.handler = () => app.verdict(app.deliveries.length < 4 ? 'RETRY' : 'SUCCESS');
    await pair.publish('endless', 'x');
    await arrived('/endless', 4);
    expect(pair.sidecar.logs.matching(/level=error .*not handled in 2 deliveries, and goes on coming, because the subscription has no dead letter topic/)).toHaveLength(1);
  });

  it.each([
    [{ type: 'big', data: { size: 9 } }, '/routed/big'], [{ type: 'big', data: { size: 1, kind: 'b' } }, '/routed/kind'], [{ type: 'small', data: { size: 9, kind: 'c', name: 'xyz' } }, '/routed/name'],
    [{ type: 'small', data: { kind: 'c' } }, '/routed/default'],
  ])('rules are tried in order, the default last: %j takes %s', async ({ type, data }, path) => {
    await pair.publish('routed', data, { query: `?metadata.cloudevent.type=${type}` });
    expect(dataOf(await one(path))).toEqual(data);
    expect(app.deliveries).toHaveLength(1);
  });

  it('what no rule wants, and what a rule cannot judge, is a dead letter', async () => {
    await pair.publish('picky', 'unwanted');
    await pair.publish('not-boolean', 'not judged');
    await pair.publish('picky', 'wanted', { query: '?metadata.cloudevent.type=wanted' });
    await arrived('/picky');
    await arrived('/dead', 2);
    expect([counts('/picky'), counts('/dead'), at('/not-boolean')]).toEqual([{ wanted: 1 }, { unwanted: 1, 'not judged': 1 }, []]);
    expect(pair.sidecar.logs.matching(/the result of match expression event\.type was not a boolean/)).not.toEqual([]);
  });

  it('a rule that fails makes its message come again where there is no dead letter topic', async () => {
    await pair.publish('routed', 'no object', { query: '?metadata.cloudevent.type=big' });
    await pair.sidecar.logs.match(/level=error msg="message \S+ can't be routed: the match expression/);
    expect(app.deliveries).toEqual([]);
  });

  it('what is no CloudEvent is a dead letter', async () => {
    await pair.publish('doomed', 'no envelope', { query: '?metadata.rawPayload=true' });
    await pair.publish('doomed', '[1]', { query: '?metadata.rawPayload=true' });
    await pair.sidecar.logs.match(/can't be read as an event: the payload is not a CloudEvent in JSON/);
    await pair.sidecar.logs.match(/can't be read as an event: the payload is not a CloudEvent: its JSON is not an object/);
    expect(at('/doomed')).toEqual([]);
  });

  it('an event that has expired is not delivered, but is a dead letter', async () => {
    await pair.publish('timely', 'late', { query: '?metadata.ttl=1ms' });
    await pair.publish('timely', 'in time', { query: '?metadata.ttl=1h' });
    await arrived('/timely');
    // The letter has expired as well: nobody gets it, but it was there.
    await eventually('both have expired', () => pair.sidecar.logs.matching(/level=warning .*has expired and is dropped.* topic=(timely|dead)/).length === 2);
    expect([counts('/timely'), at('/dead')]).toEqual([{ 'in time': 1 }, []]);
  });

  it('a trace goes on as it was published, and is zeros where there is none', async () => {
    await pair.publish('plain', 'traced', { headers: { traceparent: PARENT, tracestate: 'a=b' } });
    expect((await one('/plain')).headers).toMatchObject({ traceparent: PARENT, tracestate: 'a=b' });
    await pair.publish('plain', 'untraced');
    const { headers } = (await arrived('/plain', 2))[1] as ReceivedRequest;
    expect(headers['traceparent']).toBe(ZEROS);
    expect(headers).not.toHaveProperty('tracestate');
    if (!isHttp) expect(Buffer.from(at('/plain')[0]?.headers['grpc-trace-bin'] ?? '', 'base64').toString('hex')).toBe('00004bf92f3577b34da6a3ce929d0e0e47360100f067aa0ba902b70202');
  });

  it.each([['a number', '17'], ['an object', '{"a":1}'], ['nothing', 'null'], ['no traceparent', '"x"']])('a trace that is %s breaks no delivery', async (_, trace) => {
    await pair.publish('plain', `{"id":"odd","data":"odd","datacontenttype":"text/plain","traceid":${trace},"traceparent":${trace},"tracestate":${trace}}`, { type: 'application/cloudevents+json' });
    const request = await one('/plain');
    expect([dataOf(request), request.headers['traceparent']]).toEqual(['odd', ZEROS]);
  });

  it('metadata travels with the message, but for what frames the request or says who sends it', async () => {
    const query = { 'content-length': '123', 'Content-Type': 'x/y', Custom: 'v 1', host: 'evil', 'dapr-api-token': 'evil', 'transfer-encoding': 'chunked', 'bad name': 'x', connection: 'close', traceparent: 'evil' };
    await pair.publish('plain', 'x', { query: `?${Object.entries(query).map(([name, value]) => `metadata.${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&')}` });
    const { headers, body } = await one('/plain');
    expect(headers).toMatchObject({ custom: 'v 1', pubsubname: 'pubsub', traceparent: ZEROS });
    for (const name of ['dapr-api-token', 'bad name', 'transfer-encoding']) expect(headers).not.toHaveProperty([name]);
    if (isHttp) expect(headers).toMatchObject({ 'content-type': 'application/cloudevents+json', 'content-length': String(body.length), host: `127.0.0.1:${app.port}` });
  });

  it('many messages in one request come one by one where nobody asked for batches', async () => {
    await pair.publishMany('plain', ['a', 'b', 'c']);
    await arrived('/plain', 3);
    expect(counts('/plain')).toEqual({ a: 1, b: 1, c: 1 });
  });

  if (isHttp) {
    it('one delivery is a POST of the stored envelope', async () => {
      await pair.publish('plain', { n: 1 }, { query: '?metadata.cloudevent.id=my-id' });
      const { method, path, headers, json } = await one('/plain');
      expect([method, path, headers['content-type']]).toEqual(['POST', '/plain', 'application/cloudevents+json']);
      expect(json).toMatchObject({ id: 'my-id', data: { n: 1 }, datacontenttype: 'application/json', topic: 'plain', pubsubname: 'pubsub' });
      await pair.publish('relative', 'x');
      expect(await one('/relative/path')).toMatchObject({ method: 'POST' });
    });

    it('a raw payload gets an envelope around its bytes', async () => {
      await pair.publish('raw', '{"a": 1}', { query: '?metadata.rawPayload=true', headers: { traceparent: PARENT } });
      const raw = await one('/raw');
      expect(raw.headers['content-type']).toBe('application/cloudevents+json');
      expect(raw.json).toEqual({
        id: expect.stringMatching(LASTING_UUID) as string, specversion: '1.0', type: 'com.dapr.event.sent', source: 'Dapr', datacontenttype: 'application/octet-stream', topic: 'raw', pubsubname: 'pubsub',
        data_base64: Buffer.from('{"a": 1}').toString('base64'),
      });
      await pair.publish('raw', 'wrapped');
      const wrapped = (await arrived('/raw', 2))[1] as ReceivedRequest;
      expect(JSON.parse(Buffer.from(wrapped.json.data_base64 as string, 'base64').toString())).toMatchObject({ data: 'wrapped', topic: 'raw', source: 'me' });
    });

    it('the log has a line for 404, which is no reason to try again', async () => {
      app.handler = () => ({ status: 404 });
      await pair.publish('plain', 'x');
      await pair.sidecar.logs.match(/level=warning msg="message \S+ is dropped: the application answered with status 404"/);
    });
  } else {
    it('one delivery is OnTopicEvent with the attributes of the envelope', async () => {
      await pair.publish('plain', { b: 1, a: [1.5, '<'] }, { query: '?metadata.cloudevent.id=my-id&metadata.cloudevent.subject=s&metadata.ttl=1h', headers: { traceparent: PARENT } });
      const { path, topicEvent, headers } = await one('/plain');
      const { extensions, data, ...rest } = topicEvent;
      expect([path, rest]).toEqual([ON_TOPIC_EVENT, { id: 'my-id', source: 'me', type: 'com.dapr.event.sent', specVersion: '1.0', dataContentType: 'application/json', topic: 'plain', pubsubName: 'pubsub', path: '/plain' }]);
      expect(JSON.parse(Buffer.from(data).toString())).toEqual({ a: [1.5, '<'], b: 1 });
      expect(extensions).toEqual({
        topic: 'plain', pubsubname: 'pubsub', traceid: PARENT, traceparent: PARENT, tracestate: '', subject: 's', time: expect.any(String) as string, expiration: expect.any(String) as string,
      });
      expect(headers).toMatchObject({ pubsubname: 'pubsub' });
    });

    it.each([
      ['text/plain', 'a text', 'a text'], ['text/html', '<p>', '<p>'], ['application/xml', '<a/>', '<a/>'], ['application/octet-stream', '\u0001\u0002', '\u0001\u0002'], ['application/json', '"x"', '"x"'],
      ['application/json', 'broken', '"broken"'], ['application/vnd.x+json', '{"a":1}', '{"a":1}'], ['foo/bar', 'lost', ''], ['application/pdf', 'lost', ''],
    ])('data of %s: %s arrives as %s', async (type, sent, received) => {
      await pair.publish('plain', sent, { type });
      const { topicEvent } = await one('/plain');
      expect([topicEvent.dataContentType, Buffer.from(topicEvent.data).toString()]).toEqual([type, received]);
    });

    it('a CloudEvent of the publisher arrives with what it says', async () => {
      await pair.publish('plain', JSON.stringify({ id: 'i', source: 's', type: 't', specversion: '1.0', datacontenttype: 'application/json', data: { n: 1 }, extra: { deep: [true, null] } }), { type: 'application/cloudevents+json' });
      const { topicEvent } = await one('/plain');
      expect({ ...topicEvent, data: JSON.parse(Buffer.from(topicEvent.data).toString()) as unknown }).toMatchObject({ id: 'i', source: 's', type: 't', data: { n: 1 }, extensions: { extra: { deep: [true, null] }, topic: 'plain' } });
    });

    it('a raw payload arrives as its bytes', async () => {
      await pair.publish('raw', '{"a": 1}', { query: '?metadata.rawPayload=true' });
      const { topicEvent } = await one('/raw');
      expect(topicEvent).toMatchObject({ id: expect.stringMatching(LASTING_UUID) as string, source: 'Dapr', type: 'com.dapr.event.sent', specVersion: '1.0', dataContentType: 'application/octet-stream', topic: 'raw' });
      expect(Buffer.from(topicEvent.data).toString()).toBe('{"a": 1}');
    });
  }

  describe('in bulk', () => {
    interface Batch {
      readonly request: ReceivedRequest;
      readonly path: string;
      readonly entries: readonly BulkItem[];
    }
    /** A batch in the form of HTTP, whatever brought it. */
    const batchOf = (request: ReceivedRequest): Batch => {
      if (isHttp) return { request, path: request.path, entries: request.json.entries as BulkItem[] };
      const { path, entries } = request.bulkEvent;
      return {
        request, path,
        entries: entries.map(({ entryId, event, metadata, contentType }) => ({
          entryId, contentType, metadata: Object.fromEntries(metadata),
          event: event?.$case === 'cloudEvent' ? { ...event.value, data: JSON.parse(Buffer.from(event.value.data).toString()) as unknown } : { data: Buffer.from(event?.value as Uint8Array).toString() },
        })),
      };
    };
    const isBatch = ({ path, method, text }: ReceivedRequest): boolean => (method === 'RPC' ? path === ON_BULK || path === ON_BULK_ALPHA : text.includes('com.dapr.event.sent.bulk'));
    const batches = (): Batch[] => app.deliveries.filter(isBatch).map(batchOf);
    const arrivedBatches = async (messages: number): Promise<Batch[]> => {
      await eventually(`${messages} messages in bulk`, () => batches().reduce((sum, { entries }) => sum + entries.length, 0) >= messages);
      return batches();
    };
    /** Answers batches by the data of each entry, dead letters with a success. */
    const decide = (verdict: (data: unknown, times: number) => VerdictText | undefined): void => {
      const times = new Map<unknown, number>();
      app.handler = (request) => {
        if (!isBatch(request)) return undefined;
        const verdicts: Record<string, VerdictText> = {};
        for (const { entryId, event: { data } } of batchOf(request).entries) {
          times.set(data, (times.get(data) ?? 0) + 1);
          const chosen = verdict(data, times.get(data) ?? 0);
          if (chosen !== undefined) verdicts[entryId] = chosen;
        }
        return app.bulkVerdict(verdicts);
      };
    };
    const data = ({ entries }: Batch): unknown[] => entries.map(({ event }) => event.data);

    it('a batch is full, or its time is over', async () => {
      decide(() => 'SUCCESS');
      await pair.publishMany('bulk', Array.from({ length: 12 }, (_, n) => n));
      const got = await arrivedBatches(12);
      expect(got.map(data).sort((a, b) => b.length - a.length)).toEqual([Array.from({ length: 10 }, (_, n) => n), [10, 11]]);
    });

    it('a batch is to the letter', async () => {
      decide(() => 'SUCCESS');
      await pair.publishMany('bulk', [{ n: 1 }]);
      const [{ request, entries }] = await arrivedBatches(1) as [Batch];
      if (isHttp) {
        expect([request.method, request.path, request.headers['content-type']]).toEqual(['POST', '/bulk', 'application/json']);
        expect(request.json).toMatchObject({ id: expect.stringMatching(UUID) as string, type: 'com.dapr.event.sent.bulk', topic: 'bulk', pubsubname: 'pubsub', metadata: {} });
        expect(Object.keys(request.json as object)).toEqual(['id', 'type', 'topic', 'pubsubname', 'metadata', 'entries']);
        expect(entries).toMatchObject([{ contentType: 'application/cloudevents+json', metadata: { n: '0' }, event: { data: { n: 1 }, source: 'me', topic: 'bulk', pubsubname: 'pubsub' } }]);
        expect(Object.keys(entries[0] as object)).toEqual(['entryId', 'event', 'metadata', 'contentType']);
      } else {
        const { entries: sent, ...rest } = request.bulkEvent;
        expect([request.path, rest]).toEqual([ON_BULK, { id: expect.stringMatching(UUID) as string, metadata: new Map(), topic: 'bulk', pubsubName: 'pubsub', type: 'com.dapr.event.sent.bulk', path: '/bulk' }]);
        expect(sent).toMatchObject([{ contentType: 'application/cloudevents+json', event: { $case: 'cloudEvent', value: { source: 'me', dataContentType: 'application/json' } } }]);
        expect(Object.fromEntries(sent[0]?.metadata ?? [])).toMatchObject({ n: '0' });
      }
      expect(entries[0]?.entryId).not.toBe('');
    });

    it('raw payloads come as their bytes', async () => {
      decide(() => 'SUCCESS');
      await pair.publishMany('bulk-raw', [{ n: 1 }, { n: 2 }], '?metadata.rawPayload=true');
      const [{ entries }] = await arrivedBatches(2) as [Batch];
      expect(entries.map(({ contentType }) => contentType)).toEqual(['application/octet-stream', 'application/octet-stream']);
      const texts = entries.map(({ event }) => (isHttp ? Buffer.from(event as unknown as string, 'base64').toString() : event.data));
      expect(texts).toEqual(['{"n":1}', '{"n":2}']);
    });

    it('each entry has a verdict of its own; one without any comes again', async () => {
      decide((name, times) => (name === 'drop' ? 'DROP' : name === 'ok' || times > 1 ? 'SUCCESS' : name === 'silent' ? undefined : 'RETRY'));
      await pair.publishMany('bulk', ['ok', 'retry', 'drop', 'silent']);
      await arrivedBatches(6);
      await arrived('/dead');
      await afterAWhile();
      const all = batches().flatMap(data);
      expect(sorted(all)).toEqual(['drop', 'ok', 'retry', 'retry', 'silent', 'silent']);
      expect(counts('/dead')).toEqual({ drop: 1 });
    });

    it('a batch that fails as a whole comes again', async () => {
      const answers: readonly AppAnswer[] = isHttp
        ? [{ status: 500 }, { body: 'no JSON' }, { body: { statuses: [{ entryId: 'other', status: 'SUCCESS' }] } }]
        : [{ status: Grpc.INTERNAL, body: 'no' }, { body: Buffer.from([0xff]) }, { body: '' }];
      let tries = 0;
      app.handler = (request) => answers[tries++] ?? app.bulkVerdict(Object.fromEntries(batchOf(request).entries.map(({ entryId }) => [entryId, 'SUCCESS' as const])));
      await pair.publishMany('bulk', ['x']);
      await arrivedBatches(4);
      await afterAWhile();
      expect(batches().map(data)).toEqual([['x'], ['x'], ['x'], ['x']]);
    });

    it('only the entries that failed too often become dead letters', async () => {
      decide((name) => (name === 'bad' ? 'RETRY' : 'SUCCESS'));
      await pair.publishMany('bulk', ['good', 'bad']);
      await arrived('/dead');
      expect([counts('/dead'), sorted(batches().flatMap(data))]).toEqual([{ bad: 1 }, ['bad', 'bad', 'bad', 'bad', 'good']]);
    });

    it('what takes different paths comes in different batches, and what matches no rule at the empty path', async () => {
      decide(() => 'SUCCESS');
      await pair.publishMany('bulk-routed', [1, 2, 3]);
      const got = await arrivedBatches(3);
      expect(Object.fromEntries(got.map((batch) => [batch.path, data(batch)]))).toEqual({ '/one': [1], '/two': [2], [isHttp ? '/' : '']: [3] });
    });

    it(isHttp ? '404 drops the batch' : 'an application that knows no batches is asked by their former name, and then left alone', async () => {
      if (isHttp) {
        app.handler = (request) => (isBatch(request) ? { status: 404 } : undefined);
        await pair.publishMany('bulk', ['x']);
        await arrivedBatches(1);
        await arrived('/dead');
        await afterAWhile();
        expect([batches().map(data), counts('/dead')]).toEqual([[['x']], { x: 1 }]);
        return;
      }
      app.handler = (request) => (request.path === ON_BULK ? { status: Grpc.UNIMPLEMENTED, body: 'what?' } : app.bulkVerdict(Object.fromEntries(isBatch(request) ? batchOf(request).entries.map(({ entryId }) => [entryId, 'SUCCESS' as const]) : [])));
      await pair.publishMany('bulk', ['former']);
      await eventually('it is asked by the former name', () => app.deliveries.some(({ path }) => path === ON_BULK_ALPHA));
      expect(batches().map(({ request }) => request.path)).toEqual([ON_BULK, ON_BULK_ALPHA]);
      app.forget();
      app.handler = (request) => (isBatch(request) ? { status: Grpc.UNIMPLEMENTED, body: 'what?' } : undefined);
      await pair.publishMany('bulk', ['nobody']);
      await eventually('it is asked', () => app.deliveries.some(({ path }) => path === ON_BULK_ALPHA));
      await afterAWhile();
      expect([new Set(batches().flatMap(data)), counts('/dead')]).toEqual([new Set(['nobody']), {}]);
    });
  });
});

describe('an application', () => {
  it.each(APP_PROTOCOLS)('of protocol %s is delivered to, with its token', async (protocol) => {
    if (!canSpeak(protocol)) return;
    const app = await startApp({ protocol, subscriptions: [at('t')] });
    await using pair = await Pair.start(app, { env: { APP_API_TOKEN: 'of the app' } });
    await pair.publish('t', { n: 1 }, { query: '?metadata.dapr-api-token=evil' });
    const [delivery] = await app.received(1) as [ReceivedRequest];
    expect(dataOf(delivery)).toEqual({ n: 1 });
    expect(delivery.headers['dapr-api-token']).toBe('of the app');
    const asked = app.requests.find(({ path }) => path.endsWith('/subscribe') || path.endsWith('/ListTopicSubscriptions'));
    expect(asked?.headers['dapr-api-token']).toBe('of the app');
    if (!protocol.startsWith('grpc')) expect([asked?.method, asked?.headers['content-type'], asked?.headers['dapr-app-id']]).toEqual(['GET', 'application/json', 'me']);
    expect(await pair.sidecar.stop()).toEqual({ code: 0, signal: null });
  });

  it.each(ISOLATIONS)('has no more deliveries at a time than it wants, in %s isolation', async (isolation: Isolation) => {
    const app = await startApp({ subscriptions: [at('t'), at('u')], handler: () => ({ delayMs: 20 }) });
    await using pair = await Pair.start(app, { isolation, flags: ['--app-max-concurrency=3'] });
    for (let n = 0; n < 12; n++) await pair.publish(n % 2 === 0 ? 't' : 'u', `${n}`);
    await app.received(12);
    expect(app.peak).toBe(3);
  });

  it('gets messages side by side unless it asks for order', async () => {
    const app = await startApp({ subscriptions: [at('wide'), { ...at('narrow'), pubsubname: 'ordered' }], handler: () => ({ delayMs: 10 }) });
    await using pair = await Pair.start(app, { components: [...COMPONENTS, { name: 'ordered', type: 'pubsub.in-memory', metadata: { concurrency: '1' } }] });
    for (let n = 0; n < 10; n++) await pair.sidecar.client.post('/v1.0/publish/ordered/narrow', String(n), { 'Content-Type': 'application/json' });
    expect((await app.received(10)).map(dataOf)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(app.peak).toBe(1);
    await pair.publishMany('wide', [1, 2, 3, 4, 5]);
    await app.received(15);
    expect(app.peak).toBeGreaterThanOrEqual(5);
  });

  it('keeps the order of one partition key', async () => {
    const app = await startApp({ subscriptions: [at('t')], handler: () => ({ delayMs: 2 }) });
    await using pair = await Pair.start(app);
    for (let n = 0; n < 20; n++) await pair.publish('t', { n, key: n % 2 }, { query: `?metadata.partitionKey=${n % 2}` });
    const got = (await app.received(20)).map((request) => dataOf(request) as { n: number; key: number });
    for (const key of [0, 1]) expect(got.filter((item) => item.key === key).map(({ n }) => n)).toEqual(Array.from({ length: 10 }, (_, i) => 2 * i + key));
  });

  it.each(['http', 'grpc'] as const)('gets messages over %s that are larger in their envelope than any request, and batches that are no larger than can be sent', async (protocol) => {
    const bulkSubscribe = { enabled: true, maxMessagesCount: 30, maxAwaitDurationMs: 60_000 };
    const app = await startApp({ protocol, subscriptions: [at('t'), at('bulk', { bulkSubscribe })] });
    if (protocol === 'http') app.handler = () => ({ body: { status: 'SUCCESS', more: 'x'.repeat(1 << 20) } });
    await using pair = await Pair.start(app, { components: [{ name: 'pubsub', type: 'pubsub.in-memory', metadata: { maxQueueBytes: String(128 << 20) } }] });
    await pair.publish('t', '\u0001'.repeat(4 << 20)); // six bytes each in JSON
    const [request] = await app.received(1) as [ReceivedRequest];
    expect(request.body.length).toBeGreaterThan(4 << 20);
    app.forget();
    app.handler = (batch) => {
      const ids = protocol === 'http' ? (batch.json.entries as BulkItem[]).map(({ entryId }) => entryId) : batch.bulkEvent.entries.map(({ entryId }) => entryId);
      return app.bulkVerdict(Object.fromEntries(ids.map((id) => [id, 'SUCCESS' as const])));
    };
    const text = 'x'.repeat(3 << 20);
    for (let n = 0; n < 11; n++) await pair.publish('bulk', text);
    expect((await app.received(1)).map(({ body }) => Math.floor(body.length / (3 << 20)))).toEqual([10]);
  });

  it('that hangs keeps its message and holds up nobody else, and the sidecar ends all the same', async () => {
    const app = await startApp({ subscriptions: [at('t')], handler: (request) => (dataOf(request) === 'stuck' ? 'hang' : undefined) });
    await using pair = await Pair.start(app, { flags: ['--dapr-graceful-shutdown-seconds=1'] });
    await pair.publish('t', 'stuck');
    await pair.publish('t', 'next');
    expect((await app.received(2)).map(dataOf)).toEqual(['stuck', 'next']);
    const { code } = await pair.sidecar.stop();
    expect(code).toBe(1);
  });

  it('finishes a delivery that is under way when the sidecar is asked to end', async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const app = await startApp({ subscriptions: [at('t')], handler: async () => {
      await released;
      return undefined;
    } });
    await using pair = await Pair.start(app);
    await pair.publish('t', 'slow');
    const [request] = await app.received(1) as [ReceivedRequest];
    pair.sidecar.signal('SIGINT');
    await pair.sidecar.logs.match(/msg="Dapr is shutting down"/);
    expect(request.gone).toBe(false);
    release();
    expect(await pair.sidecar.end()).toEqual({ code: 0, signal: null });
    expect(request.gone).toBe(false);
  });

  it('dead letters are published within scopes, and come again where those forbid it', async () => {
    const app = await startApp({ subscriptions: [at('t', { deadLetterTopic: 'forbidden' })], handler: () => ({ status: 404 }) });
    await using pair = await Pair.start(app, { components: [{ name: 'pubsub', type: 'pubsub.in-memory', metadata: { publishingScopes: 'me=t' } }] });
    await pair.publish('t', 'x');
    await app.received(2);
    await pair.sidecar.logs.match(/can't be put into the dead letter topic forbidden, so it comes again: .*topic forbidden is not allowed for app id me/);
  });

  it('of a gRPC client publishes to itself', async () => {
    const app = await startApp({ protocol: 'grpc', subscriptions: [at('t')] });
    await using pair = await Pair.start(app);
    using grpc = new GrpcClient(pair.sidecar.grpcAddress);
    await grpc.call('PublishEvent', { pubsubName: 'pubsub', topic: 't', data: Buffer.from([0, 255]), dataContentType: 'application/octet-stream', metadata: new Map([['k-bin', 'v'], ['Key', 'ключ'], ['plain', 'v']]) });
    const [{ topicEvent, headers }] = await app.received(1) as [ReceivedRequest];
    expect([...topicEvent.data]).toEqual([0, 255]);
    expect(headers).toMatchObject({ plain: 'v', 'k-bin': Buffer.from('v').toString('base64') });
  });
});
