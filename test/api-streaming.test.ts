// SubscribeTopicEventsAlpha1 as clients use it: a bidirectional stream of grpc-js against the program (contract: messaging
// §2.10).
import { status as Code, type ClientDuplexStream, type StatusObject } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TopicEventResponse_TopicEventResponseStatus as Status, type TopicEventRequest } from '../proto/gen/dapr/proto/runtime/v1/appcallback.ts';
import { SubscribeTopicEventsRequestAlpha1, SubscribeTopicEventsResponseAlpha1 } from '../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { startApp } from './harness/app.ts';
import { eventually, within } from './harness/awaiting.ts';
import { GrpcClient, GrpcFailure } from './harness/grpc.ts';
import { LISTENERS, STAGES, startSidecar, type ComponentManifest, type Sidecar } from './harness/sidecar.ts';
import { freePort } from './servers/process.ts';

const COMPONENTS: readonly ComponentManifest[] = [
  { name: 'pubsub', type: 'pubsub.in-memory' }, { name: 'ordered', type: 'pubsub.in-memory', metadata: { concurrency: '1' } },
  { name: 'scoped', type: 'pubsub.in-memory', metadata: { subscriptionScopes: 'me=mine' } },
];
const PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02';

const sorted = (values: readonly unknown[]): unknown[] => values.toSorted((a, b) => (String(a) < String(b) ? -1 : 1));

interface Initial {
  readonly pubsubName?: string;
  readonly topic?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadLetterTopic?: string;
}

/** A client's end of a stream. */
class Subscriber {
  readonly events: TopicEventRequest[] = [];
  /** Resolves when the sidecar says that the subscription stands. */
  readonly active: Promise<void>;
  /** Resolves with how it ended. */
  readonly ended: Promise<StatusObject>;
  /** Initial answers that came. */
  initials = 0;
  /** Chooses the verdict on an event; undefined: none, for now. */
  verdict: (event: TopicEventRequest) => Status | undefined = () => Status.SUCCESS;
  readonly #call: ClientDuplexStream<Uint8Array, Buffer>;

  constructor(client: GrpcClient, metadata: Record<string, string> = {}) {
    this.#call = client.duplex('SubscribeTopicEventsAlpha1', { metadata });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.active = promise;
    this.#call.on('data', (bytes: Buffer) => {
      const answer = SubscribeTopicEventsResponseAlpha1.decode(bytes).subscribeTopicEventsResponseType;
      if (answer?.$case === 'initialResponse') {
        this.initials++;
        return resolve();
      }
      if (answer?.$case !== 'eventMessage') throw new Error('a message of no kind');
      this.events.push(answer.value);
      const verdict = this.verdict(answer.value);
      if (verdict !== undefined) this.settle(answer.value.id, verdict);
    });
    this.#call.on('error', () => undefined); // the status says the same
    this.ended = new Promise((ended) => this.#call.on('status', ended));
  }

  static async open(client: GrpcClient, initial: Initial): Promise<Subscriber> {
    const subscriber = new Subscriber(client);
    subscriber.begin(initial);
    await within(10_000, 'the subscription stands', Promise.race([subscriber.active, subscriber.ended.then((end) => Promise.reject(new Error(`the stream ended: ${end.code} ${end.details}`)))]));
    return subscriber;
  }

  begin({ pubsubName = 'pubsub', topic = 't', metadata = {}, deadLetterTopic }: Initial): void {
    this.#send({ subscribeTopicEventsRequestType: { $case: 'initialRequest', value: { pubsubName, topic, metadata: new Map(Object.entries(metadata)), deadLetterTopic } } });
  }
  settle(id: string, status?: Status): void {
    this.#send({ subscribeTopicEventsRequestType: { $case: 'eventProcessed', value: { id, status: status === undefined ? undefined : { status } } } });
  }
  sendNothing(): void {
    this.#send({});
  }
  sendBytes(bytes: Uint8Array): void {
    this.#call.write(bytes);
  }
  halfClose(): void {
    this.#call.end();
  }
  cancel(): void {
    this.#call.cancel();
  }
  pause(): void {
    this.#call.pause();
  }
  resume(): void {
    this.#call.resume();
  }
  /** How it ended, with its details. @throws Error when it ended well */
  async failure(): Promise<GrpcFailure> {
    const end = await within(10_000, 'the stream ends', this.ended);
    if (end.code === Code.OK) throw new Error('the stream ended well');
    return new GrpcFailure(end);
  }
  async received(count: number): Promise<readonly TopicEventRequest[]> {
    await eventually(`${count} events on the stream`, () => this.events.length >= count);
    return this.events;
  }
  get data(): unknown[] {
    return this.events.map(dataOf);
  }

  #send(message: SubscribeTopicEventsRequestAlpha1): void {
    this.#call.write(SubscribeTopicEventsRequestAlpha1.encode(message).finish());
  }
}

function dataOf({ data }: TopicEventRequest): unknown {
  return JSON.parse(Buffer.from(data).toString());
}

describe.each(STAGES)('a subscription over a stream in $isolation isolation on $listener', (stage) => {
  let sidecar: Sidecar;
  let client: GrpcClient;
  const open: Subscriber[] = [];
  let numbers = 0;
  const newTopic = (): string => `t-${++numbers}`;
  beforeAll(async () => {
    sidecar = await startSidecar({ ...stage, appId: 'me', components: COMPONENTS });
    client = new GrpcClient(sidecar.grpcAddress);
  });
  afterAll(async () => {
    client?.close();
    await sidecar?.stop();
  });
  afterEach(() => {
    for (const subscriber of open.splice(0)) subscriber.cancel();
  });

  const subscribe = async (topic: string, more: Initial = {}): Promise<Subscriber> => {
    const subscriber = await Subscriber.open(client, { topic, ...more });
    open.push(subscriber);
    return subscriber;
  };
  const unopened = (): Subscriber => {
    const subscriber = new Subscriber(client);
    open.push(subscriber);
    return subscriber;
  };
  const publish = async (topic: string, data: unknown, query = '', headers = {}): Promise<void> => {
    expect((await sidecar.client.post(`/v1.0/publish/${topic.includes('/') ? topic : `pubsub/${topic}`}${query}`, JSON.stringify(data), { 'Content-Type': 'application/json', ...headers })).status).toBe(204);
  };
  const listed = async (topic: string): Promise<unknown[]> => (((await sidecar.metadata())['subscriptions'] ?? []) as { topic: string }[]).filter((one) => one.topic === topic);

  it('is answered once, gets events at path /, and is listed', async () => {
    const topic = newTopic();
    const subscriber = await subscribe(topic, { metadata: { key: 'value' }, deadLetterTopic: 'dead' });
    expect(await listed(topic)).toEqual([{ pubsubname: 'pubsub', topic, metadata: { key: 'value' }, rules: [{ path: '/' }], deadLetterTopic: 'dead', type: 'STREAMING' }]);
    await publish(topic, { n: 1 }, '?metadata.cloudevent.id=my-id', { traceparent: PARENT });
    const [event] = await subscriber.received(1) as [TopicEventRequest];
    const { extensions, data, ...rest } = event;
    expect(rest).toEqual({ id: 'my-id', source: 'me', type: 'com.dapr.event.sent', specVersion: '1.0', dataContentType: 'application/json', topic, pubsubName: 'pubsub', path: '/' });
    expect(Buffer.from(data).toString()).toBe('{"n":1}');
    expect(extensions).toMatchObject({ topic, pubsubname: 'pubsub', traceid: PARENT, traceparent: PARENT, tracestate: '' });
    expect(subscriber.initials).toBe(1);
  });

  it.each(['half-closes', 'cancels'])('ends when the client %s, and others go on', async (how) => {
    const topic = newTopic();
    const [one, other] = [await subscribe(topic), await subscribe(topic)];
    expect(await listed(topic)).toHaveLength(2);
    if (how === 'cancels') one.cancel();
    else one.halfClose();
    expect(await within(5000, 'it ends', one.ended)).toMatchObject({ code: how === 'cancels' ? Code.CANCELLED : Code.OK });
    await eventually('it is not listed any more', async () => (await listed(topic)).length === 1);
    await publish(topic, 1);
    await other.received(1);
    expect([one.data, other.data]).toEqual([[], [1]]);
  });

  it('each stream gets every message', async () => {
    const topic = newTopic();
    const all = [await subscribe(topic), await subscribe(topic), await subscribe(topic)];
    for (let n = 0; n < 5; n++) await publish(topic, n);
    for (const subscriber of all) expect(sorted((await subscriber.received(5)).map(dataOf))).toEqual([0, 1, 2, 3, 4]);
  });

  it('the order is the order of publishing where the component delivers one at a time', async () => {
    const subscriber = await subscribe('t', { pubsubName: 'ordered' });
    for (let n = 0; n < 300; n++) await publish('ordered/t', n);
    await subscriber.received(300);
    expect(subscriber.data).toEqual(Array.from({ length: 300 }, (_, n) => n));
  });

  it('many messages in one request come one by one', async () => {
    const topic = newTopic();
    const subscriber = await subscribe(topic);
    const entries = Array.from({ length: 200 }, (_, n) => ({ entryId: `${n}`, event: n, contentType: 'application/json' }));
    expect((await sidecar.client.post(`/v1.0/publish/bulk/pubsub/${topic}`, JSON.stringify(entries))).status).toBe(204);
    await subscriber.received(200);
    expect([...subscriber.data].sort((a, b) => (a as number) - (b as number))).toEqual(entries.map(({ event }) => event));
  });

  it('an event that is refused comes again on the stream with its id, until it is taken', async () => {
    const topic = newTopic();
    const subscriber = await subscribe(topic);
    subscriber.verdict = () => (subscriber.events.length < 3 ? Status.RETRY : Status.SUCCESS);
    await publish(topic, 'x');
    const events = await subscriber.received(3);
    expect(new Set(events.map(({ id }) => id)).size).toBe(1);
    await publish(topic, 'y');
    await subscriber.received(4);
    expect(subscriber.data).toEqual(['x', 'x', 'x', 'y']);
  });

  it('an event that is dropped, or refused too often, is a dead letter', async () => {
    const topic = newTopic();
    const letters = await subscribe(`${topic}-dead`);
    const subscriber = await subscribe(topic, { deadLetterTopic: `${topic}-dead`, metadata: { maxRetries: '1' } });
    subscriber.verdict = (event) => (dataOf(event) === 'drop' ? Status.DROP : Status.RETRY);
    await publish(topic, 'drop');
    await publish(topic, 'fail');
    const got = await letters.received(2);
    expect([sorted(letters.data), sorted(subscriber.data)]).toEqual([['drop', 'fail'], ['drop', 'fail', 'fail']]);
    expect(got[0]).toMatchObject({ topic: `${topic}-dead`, extensions: { topic } });
  });

  it('verdicts come in any order, also without a status; one on an unknown event changes nothing', async () => {
    const topic = newTopic();
    const subscriber = await subscribe(topic);
    subscriber.verdict = () => undefined;
    for (const n of [1, 2, 3]) await publish(topic, n);
    const [first, second, third] = await subscriber.received(3) as [TopicEventRequest, TopicEventRequest, TopicEventRequest];
    subscriber.settle('unknown', Status.SUCCESS);
    await sidecar.logs.match(/a subscriber settled an event that is not on its stream, which changes nothing: \\?"unknown/);
    subscriber.settle(third.id, Status.SUCCESS);
    subscriber.settle(first.id);
    subscriber.settle(second.id, Status.RETRY);
    await subscriber.received(4);
    expect(subscriber.data).toEqual([1, 2, 3, 2]);
  });

  it('an event that another stream left unsettled comes again to those that refused it', async () => {
    const topic = newTopic();
    const keeper = await subscribe(topic); // on memory a message lives as long as somebody subscribes
    keeper.verdict = () => undefined;
    const leaver = await subscribe(topic);
    leaver.verdict = () => undefined;
    await publish(topic, 'x');
    await leaver.received(1);
    leaver.cancel();
    const [event] = await keeper.received(1) as [TopicEventRequest];
    keeper.settle(event.id, Status.RETRY);
    await keeper.received(2);
    expect(keeper.data).toEqual(['x', 'x']);
  });

  it.each([['nothing at all', (one: Subscriber) => one.sendNothing()], ['a verdict', (one: Subscriber) => one.settle('x', Status.SUCCESS)], ['an empty message', (one: Subscriber) => one.sendBytes(new Uint8Array(0))]])('a stream that starts with %s fails', async (_, start) => {
    const subscriber = unopened();
    start(subscriber);
    expect(await subscriber.failure()).toMatchObject({ code: 'Unknown', text: expect.stringContaining('initial request is required') as string });
  });

  it.each([
    ['no pubsub', { pubsubName: '' }, 'Unknown', 'pubsubName is required'], ['no topic', { topic: '' }, 'Unknown', 'topic is required'],
    ['a topic it may not have', { pubsubName: 'scoped', topic: 'theirs' }, 'Unknown', "subscription to topic 'theirs' on pubsub 'scoped' is not allowed"],
  ])('a stream with %s fails', async (_, initial, code, text) => {
    const subscriber = unopened();
    subscriber.begin(initial);
    expect(await subscriber.failure()).toMatchObject({ code, text: expect.stringContaining(text) as string });
    expect(subscriber.initials).toBe(0);
  });

  it('a stream with an unknown pubsub fails with details, and is not listed', async () => {
    const subscriber = unopened();
    subscriber.begin({ pubsubName: 'nowhere', topic: 'nothing' });
    expect(await subscriber.failure()).toMatchObject({ code: 'InvalidArgument', text: 'pubsub nowhere is not found', details: [{ type: 'ErrorInfo', reason: 'DAPR_PUBSUB_NOT_FOUND', domain: 'dapr.io' }] });
    expect(await listed('nothing')).toEqual([]);
  });

  it('a topic within the scope is allowed', async () => {
    const subscriber = await subscribe('mine', { pubsubName: 'scoped' });
    await publish('scoped/mine', 1);
    await subscriber.received(1);
  });

  it.each([['again', (one: Subscriber) => one.begin({ topic: 'other' }), 'Unknown', 'duplicate initial request received'], ['with rubbish', (one: Subscriber) => one.sendBytes(Buffer.from([0xff, 0xff, 0xff])), 'Internal', 'grpc: error unmarshalling request']])('a stream that begins %s ends', async (_, then, code, text) => {
    const topic = newTopic();
    const subscriber = await subscribe(topic);
    then(subscriber);
    expect(await subscriber.failure()).toMatchObject({ code, text: expect.stringContaining(text) as string });
    await eventually('it is not listed any more', async () => (await listed(topic)).length === 0);
  });

  it('a subscription with metadata that cannot be fails with a reason', async () => {
    const subscriber = unopened();
    subscriber.begin({ topic: newTopic(), metadata: { maxRetries: 'many' } });
    expect(await subscriber.failure()).toMatchObject({ code: 'InvalidArgument', text: expect.stringContaining('maxRetries') as string });
  });

  it('raw payloads come as their bytes, wildcards as their pattern', async () => {
    const raw = await subscribe('raw-topic', { metadata: { rawPayload: 'true' } });
    const pattern = await subscribe('pat*');
    await sidecar.client.post('/v1.0/publish/pubsub/raw-topic?metadata.rawPayload=true', 'bytes');
    await publish('pattern', 1);
    const [event] = await raw.received(1) as [TopicEventRequest];
    expect([event.dataContentType, Buffer.from(event.data).toString()]).toEqual(['application/octet-stream', 'bytes']);
    expect((await pattern.received(1))[0]).toMatchObject({ topic: 'pat*', extensions: { topic: 'pattern' } });
  });

  it('an event that its envelope makes larger than the limit ends its stream, and no other', async () => {
    const topic = newTopic();
    const [subscriber, other] = [await subscribe(topic), await subscribe(newTopic())];
    await publish(topic, 'x'.repeat((4 << 20) - 10));
    expect(await subscriber.failure()).toMatchObject({ code: 'ResourceExhausted', text: expect.stringContaining('larger than max') as string });
    await publish(`t-${numbers}`, 1);
    await other.received(1);
  });

  it('large events pass, and a client that does not read holds up nobody else', async () => {
    const [topic, other] = [newTopic(), newTopic()];
    using slowClient = new GrpcClient(sidecar.grpcAddress); // what it leaves unread fills its connection
    const slow = await Subscriber.open(slowClient, { topic });
    slow.pause();
    for (let n = 0; n < 20; n++) await publish(topic, `${n}`.padEnd(1_000_000, 'x'));
    const subscriber = await subscribe(other);
    await publish(other, 'small');
    await publish(other, 'large'.padEnd(3_000_000, 'x'));
    await subscriber.received(2);
    expect(slow.events).toEqual([]);
    slow.resume();
    await slow.received(20);
    expect(new Set(slow.data.map((text) => Number.parseInt(text as string, 10))).size).toBe(20);
    slow.cancel();
  });
});

describe('streams', () => {
  it('stay beside an application that is absent, unhealthy or subscribed to the same topic', async () => {
    await using app = await startApp({ subscriptions: [{ pubsubname: 'pubsub', topic: 't', route: '/t' }] });
    await using sidecar = await startSidecar({ components: COMPONENTS, flags: [`--app-port=${app.port}`, '--enable-app-health-check', '--app-health-probe-interval=1', '--app-health-threshold=1'] });
    using client = new GrpcClient(sidecar.grpcAddress);
    await eventually('the application is subscribed', async () => (await sidecar.metadata())['subscriptions'] !== undefined);
    const subscriber = await Subscriber.open(client, {});
    await sidecar.logs.match(/subscribed to topic t through pubsub pubsub[\s\S]*$/);
    const post = (data: string): Promise<unknown> => sidecar.client.post('/v1.0/publish/pubsub/t', data, { 'Content-Type': 'application/json' });
    await post('1');
    await app.received(1);
    await subscriber.received(1);
    app.healthy = false;
    const probes = app.requests.length;
    await eventually('the application is found unhealthy', () => app.requests.slice(probes).some(({ path }) => path === '/healthz'));
    await post('2');
    await subscriber.received(2);
    await app.stop();
    await post('3');
    await subscriber.received(3);
    expect(subscriber.data).toEqual([1, 2, 3]);
    subscriber.cancel();
  });

  it('need no application at all, or one that is not there yet', async () => {
    await using sidecar = await startSidecar({ components: COMPONENTS, flags: [`--app-port=${await freePort()}`], until: 'listening' });
    using client = new GrpcClient(sidecar.grpcAddress);
    const subscriber = await Subscriber.open(client, {});
    await sidecar.client.post('/v1.0/publish/pubsub/t', '1', { 'Content-Type': 'application/json' });
    await subscriber.received(1);
    subscriber.cancel();
  });

  it.each(STAGES)('do not keep the sidecar from ending, in $isolation isolation on $listener', async (stage) => {
    await using sidecar = await startSidecar({ ...stage, components: COMPONENTS });
    using client = new GrpcClient(sidecar.grpcAddress);
    const silent = new Subscriber(client);
    const subscriber = await Subscriber.open(client, {});
    subscriber.verdict = () => undefined;
    sidecar.signal('SIGINT');
    expect(await sidecar.end(10_000)).toEqual({ code: 0, signal: null });
    expect([(await silent.ended).code, (await subscriber.ended).code].every((code) => code === Code.OK || code === Code.UNAVAILABLE)).toBe(true);
  });

  it.each(LISTENERS)('settle what is at the client before the sidecar ends, on %s', async (listener) => {
    await using sidecar = await startSidecar({ listener, components: COMPONENTS });
    using client = new GrpcClient(sidecar.grpcAddress);
    const subscriber = await Subscriber.open(client, {});
    subscriber.verdict = () => undefined;
    await sidecar.client.post('/v1.0/publish/pubsub/t', '1', { 'Content-Type': 'application/json' });
    const [event] = await subscriber.received(1) as [TopicEventRequest];
    sidecar.signal('SIGINT');
    await sidecar.logs.match(/msg="Dapr is shutting down"/);
    subscriber.settle(event.id, Status.SUCCESS);
    expect(await sidecar.end(10_000)).toEqual({ code: 0, signal: null });
    expect((await subscriber.ended).code).toBe(Code.OK);
  });

  it('need the token where there is one', async () => {
    await using sidecar = await startSidecar({ components: COMPONENTS, env: { DAPR_API_TOKEN: 'secret' } });
    using client = new GrpcClient(sidecar.grpcAddress);
    expect(await new Subscriber(client).failure()).toMatchObject({ code: 'Unauthenticated' });
    const subscriber = new Subscriber(client, { 'dapr-api-token': 'secret' });
    subscriber.begin({});
    await within(5000, 'it stands', subscriber.active);
    subscriber.cancel();
  });
});
