// Where subscriptions come from and which of them count, as the metadata API lists them and as messages arrive: manifests
// in both versions, the application's own, scopes, wildcards, namespaces, answers that are wrong at first (contract:
// messaging §0.4, §1.6, §2.1 to §2.3, §2.11, §6.3, §6.4).
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Grpc } from '../proto/errors.ts';
import { PubsubSubscriptionType } from '../proto/gen/dapr/proto/runtime/v1/metadata.ts';
import { startApp, type App, type AppAnswer, type AppSubscription, type ReceivedRequest } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { GrpcClient } from './harness/grpc.ts';
import { ISOLATIONS, manifestOf, startSidecar, type ComponentManifest, type Sidecar } from './harness/sidecar.ts';
import { freePort } from './servers/process.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';

const redis = inject('redis');
if (!redis.available) process.stderr.write(`SKIPPED: subscriptions on Redis: ${redis.reason}\n`);

const V1 = 'dapr.io/v1alpha1';
const V2 = 'dapr.io/v2alpha1';
const MEMORY: ComponentManifest = { name: 'pubsub', type: 'pubsub.in-memory' };
const SCOPED: ComponentManifest = { name: 'scoped', type: 'pubsub.in-memory', metadata: { subscriptionScopes: 'me=mine;other=theirs', allowedTopics: 'mine,theirs' } };

const declared = (version: string, spec: object, more: object = {}): string => JSON.stringify({ apiVersion: version, kind: 'Subscription', metadata: { name: 's' }, spec, ...more });
const simple = (topic: string, path = `/declared/${topic}`, more: object = {}): string => declared(V2, { pubsubname: 'pubsub', topic, routes: { default: path } }, more);
const documents = (...texts: readonly string[]): string => texts.join('\n---\n');
const own = (topic: string, route = `/own/${topic}`, more: Partial<AppSubscription> = {}): AppSubscription => ({ pubsubname: 'pubsub', topic, route, ...more });
type Listed = Readonly<Record<'pubsubname' | 'topic' | 'type' | 'deadLetterTopic', string>> & { readonly rules?: readonly object[]; readonly metadata?: Record<string, string> };

const subscriptionsOf = async (sidecar: Sidecar): Promise<Listed[]> => ((await sidecar.metadata())['subscriptions'] ?? []) as Listed[];
const publish = async (sidecar: Sidecar, topic: string, data: unknown = 1, query = ''): Promise<void> => {
  const path = topic.includes('/') ? topic : `pubsub/${topic}`;
  expect((await sidecar.client.post(`/v1.0/publish/${path}${query}`, JSON.stringify(data), { 'Content-Type': 'application/json' })).status).toBe(204);
};
const arrived = (app: App, path: string): Promise<ReceivedRequest> => eventually(`a delivery at ${path}`, () => app.deliveries.find((request) => request.path === path)) as Promise<ReceivedRequest>;
const appFlags = (app: { readonly port: number; readonly protocol?: string }): string[] => [`--app-port=${app.port}`, `--app-protocol=${app.protocol ?? 'http'}`];

describe.each(ISOLATIONS)('subscriptions in %s isolation', (isolation) => {
  let app: App;
  let sidecar: Sidecar;
  beforeAll(async () => {
    app = await startApp({ subscriptions: [
      own('replaced', '/own/first'), own('replaced', '/own/last'), own('no-slash', 'own/no-slash'), own('wild-*', '/own/wild'), own('slash/ed', '/own/slashed'),
      own('two-defaults', '/own/route', { routes: { default: '/own/routes' } }),
      own('combined', '/own/default', { routes: { rules: [{ match: 'event.data == 1', path: '/own/rule' }] } }), own('always', '', { routes: { rules: [{ path: '/own/always' }] } }),
      { pubsubname: 'pubsub', topic: 'pathless' }, own('unknown', '/own/unknown', { pubsubname: 'nowhere' }),
      own('mine', '/own/mine', { pubsubname: 'scoped' }), own('theirs', '/own/theirs', { pubsubname: 'scoped' }), own('others', '/own/others', { pubsubname: 'scoped' }),
      own('letters', '/own/letters', { deadLetterTopic: 'dead', metadata: { a: 'b' } }),
    ] });
    sidecar = await startSidecar({
      isolation, appId: 'me', flags: appFlags(app), env: { NAMESPACE: 'here' },
      components: documents(
        manifestOf(MEMORY), manifestOf(SCOPED),
        simple('twice', '/declared/first'), declared(V1, { pubsubname: 'pubsub', topic: 'twice', route: '/declared/second' }),
        simple('replaced', '/declared/replaced'),
        declared(V1, { pubsubname: 'pubsub', topic: 'version-1', route: 'declared/version-1', metadata: { key: 'value' }, deadLetterTopic: 'dead' }),
        declared(V2, { pubsubname: 'pubsub', topic: 'version-2', routes: { rules: [{ match: 'event.data == "a"', path: '/declared/a' }, { path: '/declared/any' }], default: '/declared/default' } }),
        simple('for-me', undefined, { scopes: ['other', 'me'] }), simple('for-all', undefined, { scopes: [] }), simple('for-others', undefined, { scopes: ['other'] }),
        simple('in-namespace', undefined, { metadata: { name: 's', namespace: 'here' } }), simple('elsewhere', undefined, { metadata: { name: 's', namespace: 'there' } }),
        declared(V2, { pubsubname: 'nowhere', topic: 'declared-unknown', routes: { default: '/x' } }),
        declared(V2, { pubsubname: 'pubsub', topic: 'misplaced', default: '/x', routes: { rules: [{ match: 'event.data == 1', path: '/declared/misplaced' }] } }),
        declared(V2, { pubsubname: 'pubsub', topic: { a: 'b' }, routes: { default: '/x' } }), declared(V2, { pubsubname: 'pubsub', topic: 17, routes: { default: '/declared/number' } }), declared(V2, { pubsubname: 'pubsub', topic: 'no-routes' }),
        '{"APIVERSION":"dapr.io/v2alpha1","Kind":"Subscription","Metadata":{"Name":"s"},"Spec":{"PubsubName":"pubsub","TOPIC":"any-case","Routes":{"Default":"/declared/any-case"},"unknown":{"x":1}}}',
        'kind: Subscription\nthis: [is broken',
        declared(V2, { pubsubname: 'pubsub', topic: 'bulk', routes: { default: '/declared/bulk' }, bulkSubscribe: { enabled: true, maxMessagesCount: 2, maxAwaitDurationMs: 60_000 } }),
      ),
    });
  });
  afterAll(async () => {
    await sidecar?.stop();
    await app?.stop();
  });

  it('the application is asked once', () => {
    const asked = app.requests.filter(({ path }) => path === '/dapr/subscribe');
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ method: 'GET', headers: { 'content-type': 'application/json', 'dapr-app-id': 'me' } });
    expect(asked[0]?.body).toHaveLength(0);
  });

  it('all are listed, with their source, also those that cannot run', async () => {
    const one = (pubsubname: string, topic: string, type: string, rules: readonly object[], more: object = {}): object => ({ pubsubname, topic, rules, deadLetterTopic: '', type, ...more });
    const mine = (topic: string, rules: readonly object[], more: object = {}): object => one('pubsub', topic, 'PROGRAMMATIC', rules, more);
    const manifest = (topic: string, rules: readonly object[] = [{ path: `/declared/${topic}` }], more: object = {}): object => one('pubsub', topic, 'DECLARATIVE', rules, more);
    const expected = [
      manifest('twice', [{ path: '/declared/first' }]), manifest('version-1', [{ path: 'declared/version-1' }], { metadata: { key: 'value' }, deadLetterTopic: 'dead' }),
      manifest('version-2', [{ match: 'event.data == "a"', path: '/declared/a' }, { path: '/declared/any' }, { path: '/declared/default' }]),
      manifest('for-me'), manifest('for-all'), manifest('in-namespace'), one('nowhere', 'declared-unknown', 'DECLARATIVE', [{ path: '/x' }]), manifest('misplaced', [{ match: 'event.data == 1', path: '/declared/misplaced' }]),
      manifest('elsewhere'), manifest('17', [{ path: '/declared/number' }]), manifest('any-case'), manifest('bulk'),
      mine('replaced', [{ path: '/own/last' }]), mine('no-slash', [{ path: 'own/no-slash' }]), mine('wild-*', [{ path: '/own/wild' }]), mine('slash/ed', [{ path: '/own/slashed' }]),
      mine('two-defaults', [{ path: '/own/routes' }]), mine('combined', [{ match: 'event.data == 1', path: '/own/rule' }, { path: '/own/default' }]), mine('always', [{ path: '/own/always' }]),
      one('nowhere', 'unknown', 'PROGRAMMATIC', [{ path: '/own/unknown' }]), ...['mine', 'theirs', 'others'].map((topic) => one('scoped', topic, 'PROGRAMMATIC', [{ path: `/own/${topic}` }])),
      mine('letters', [{ path: '/own/letters' }], { metadata: { a: 'b' }, deadLetterTopic: 'dead' }),
    ];
    const found = await subscriptionsOf(sidecar);
    expect(found.map(({ topic }) => topic).sort()).toEqual((expected as Listed[]).map(({ topic }) => topic).sort());
    expect(found).toEqual(expect.arrayContaining(expected));
  });

  it('are listed over gRPC, too', async () => {
    using grpc = new GrpcClient(sidecar.grpcAddress);
    const { subscriptions } = await grpc.call('GetMetadata', {});
    expect(subscriptions).toHaveLength((await subscriptionsOf(sidecar)).length);
    expect(subscriptions.find(({ topic }) => topic === 'letters')).toEqual({
      pubsubName: 'pubsub', topic: 'letters', metadata: new Map([['a', 'b']]), rules: { rules: [{ match: '', path: '/own/letters' }] }, deadLetterTopic: 'dead', type: PubsubSubscriptionType.PROGRAMMATIC,
    });
    expect(subscriptions.find(({ topic }) => topic === 'twice')?.type).toBe(PubsubSubscriptionType.DECLARATIVE);
  });

  it.each([
    ['twice', 1, '/declared/first'], ['replaced', 1, '/own/last'], ['version-1', 1, '/declared/version-1'], ['version-2', 'a', '/declared/a'], ['version-2', 'b', '/declared/any'],
    ['for-me', 1, '/declared/for-me'], ['for-all', 1, '/declared/for-all'], ['in-namespace', 1, '/declared/in-namespace'], ['elsewhere', 1, '/declared/elsewhere'], ['17', 1, '/declared/number'], ['misplaced', 1, '/declared/misplaced'], ['any-case', 1, '/declared/any-case'],
    ['no-slash', 1, '/own/no-slash'], ['two-defaults', 1, '/own/routes'], ['combined', 1, '/own/rule'], ['combined', 2, '/own/default'], ['always', 1, '/own/always'], ['pubsub/slash/ed', 1, '/own/slashed'],
    ['scoped/mine', 1, '/own/mine'], ['wild-', 1, undefined], ['wild-x', 1, '/own/wild'], ['misplaced', 2, undefined],
    ['for-others', 1, undefined], ['pathless', 1, undefined], ['no-routes', 1, undefined], ['scoped/theirs', 1, undefined],
  ])('a message on %s (%j) goes to %s, and nowhere else', async (topic, data, path) => {
    app.forget();
    await publish(sidecar, topic, data);
    await publish(sidecar, 'always', 'last');
    await eventually('the last one', () => app.deliveries.some((request) => request.json.data === 'last'));
    if (path !== undefined) await arrived(app, path);
    expect(app.deliveries.filter((request) => request.json.data !== 'last').map((request) => request.path)).toEqual(path === undefined ? [] : [path]);
  });

  it('a wildcard delivers each topic with its own name in the envelope', async () => {
    app.forget();
    await publish(sidecar, 'wild-card', 1);
    expect((await arrived(app, '/own/wild')).json).toMatchObject({ topic: 'wild-card', pubsubname: 'pubsub' });
  });

  it('a declared one takes batches', async () => {
    app.forget();
    await publish(sidecar, 'bulk', 1);
    await publish(sidecar, 'bulk', 2);
    expect((await arrived(app, '/declared/bulk')).json.entries).toHaveLength(2);
  });

  it('the log says why others are not there', () => {
    for (const line of [
      /level=warning .*0\.yaml.*spec\.topic/, /level=warning .*spec\.routes is empty/, /level=warning .*subscription to topic pathless of pubsub pubsub has no route and is left out/,
      /level=error .*pubsub nowhere is not found/, /level=error .*subscription to topic 'theirs' on pubsub 'scoped' is not allowed/, /level=error .*subscription to topic 'others' on pubsub 'scoped' is not allowed/,
    ]) expect([line, sidecar.logs.matching(line).length > 0]).toEqual([line, true]);
  });
});

describe('an application that is asked', () => {
  const COMPONENTS = documents(manifestOf(MEMORY), simple('declared'));

  it.each<[string, AppAnswer]>([
    ['404', { status: 404 }], ['200 with nothing', { status: 200 }], ['204', { status: 204 }], ['an empty list', { body: [] }], ['null', { body: 'null' }],
  ])('and answers %s has none of its own', async (_, answer) => {
    await using app = await startApp();
    app.asked = ({ path }) => (path === '/dapr/subscribe' ? answer : undefined);
    await using sidecar = await startSidecar({ components: COMPONENTS, flags: appFlags(app) });
    expect((await subscriptionsOf(sidecar)).map(({ topic }) => topic)).toEqual(['declared']);
    expect(sidecar.logs.matching(/level=error/)).toEqual([]);
    await publish(sidecar, 'declared');
    await arrived(app, '/declared/declared');
  });

  it('over gRPC and does not know the question has none of its own', async () => {
    await using app = await startApp({ protocol: 'grpc' });
    app.asked = () => ({ status: Grpc.UNIMPLEMENTED, body: 'what?' });
    await using sidecar = await startSidecar({ components: COMPONENTS, flags: appFlags(app) });
    expect((await subscriptionsOf(sidecar)).map(({ topic }) => topic)).toEqual(['declared']);
    await publish(sidecar, 'declared');
    expect((await app.received(1))[0]?.topicEvent).toMatchObject({ topic: 'declared', path: '/declared/declared' });
  });

  it('over gRPC may leave its routes out', async () => {
    await using app = await startApp({ protocol: 'grpc', subscriptions: [{ pubsubname: 'pubsub', topic: 'routeless' }, own('replaced', '/first'), own('replaced', '/last')] });
    await using sidecar = await startSidecar({ components: documents(manifestOf(MEMORY)), flags: appFlags(app) });
    expect(await subscriptionsOf(sidecar)).toEqual([
      { pubsubname: 'pubsub', topic: 'routeless', rules: [{}], deadLetterTopic: '', type: 'PROGRAMMATIC' }, { pubsubname: 'pubsub', topic: 'replaced', rules: [{ path: '/last' }], deadLetterTopic: '', type: 'PROGRAMMATIC' },
    ]);
    await publish(sidecar, 'routeless');
    await publish(sidecar, 'replaced');
    expect(Object.fromEntries((await app.received(2)).map(({ topicEvent }) => [topicEvent.topic, topicEvent.path]))).toEqual({ replaced: '/last', routeless: '' });
  });

  it.each([
    ['HTTP', 'http', [{ status: 500 }, { body: '{"pubsubname":' }, { body: [own('t'), own('u', '', { routes: { rules: [{ match: 'event.type ==', path: '/u' }] } })] }], [/with status 500/, /unexpected EOF|unexpected end/, /the subscription to topic u of pubsub pubsub: rule 1 has a bad match expression/]],
    ['gRPC', 'grpc', [{ status: Grpc.INTERNAL, body: 'not now' }, { body: Buffer.from([0xff]) }], [/ListTopicSubscriptions failed with Internal: not now/, /level=error .*can't be loaded, trying again/]],
  ] as const)('and is wrong at first over %s has only declared ones, until it is right', async (_, protocol, answers, lines) => {
    await using app = await startApp({ protocol, subscriptions: [own('t')] });
    let asked = 0;
    app.asked = ({ path }) => (/\/(subscribe|ListTopicSubscriptions)$/.test(path) ? answers[asked++] : undefined);
    await using sidecar = await startSidecar({ components: COMPONENTS, flags: appFlags(app) });
    for (const line of lines) await sidecar.logs.match(line);
    await publish(sidecar, 'declared');
    await app.received(1);
    await eventually('its own subscription is there', async () => (await subscriptionsOf(sidecar)).some(({ topic }) => topic === 't'), 10_000);
    expect(asked).toBe(answers.length + 1);
    app.forget();
    await eventually('a message comes', async () => {
      await publish(sidecar, 't');
      return app.deliveries.length > 0;
    });
    expect((await subscriptionsOf(sidecar)).map(({ topic }) => topic)).toEqual(['declared', 't']);
  });

  it('is ready before its subscriptions are right, but not before they were tried', async () => {
    await using app = await startApp();
    app.asked = ({ path }) => (path === '/dapr/subscribe' ? { status: 503 } : undefined);
    await using sidecar = await startSidecar({ components: COMPONENTS, flags: appFlags(app), until: 'listening' });
    expect((await sidecar.client.get('/v1.0/healthz')).status).toBe(500);
    await eventually('it is ready', async () => (await sidecar.client.get('/v1.0/healthz')).status === 204);
    expect(app.requests.filter(({ path }) => path === '/dapr/subscribe').length).toBeGreaterThanOrEqual(3);
  });

  it('is not, where there is no pubsub component', async () => {
    await using app = await startApp({ subscriptions: [own('t')] });
    await using sidecar = await startSidecar({ components: [{ name: 'store', type: 'state.in-memory' }], flags: appFlags(app) });
    expect(app.requests.map(({ path }) => path)).not.toContain('/dapr/subscribe');
    expect(await subscriptionsOf(sidecar)).toEqual([]);
  });

  it('is not, where that is disabled', async () => {
    await using app = await startApp({ subscriptions: [own('t')] });
    await using sidecar = await startSidecar({ components: COMPONENTS, flags: [...appFlags(app), '--disable-init-endpoints=subscribe'] });
    await publish(sidecar, 'declared');
    await arrived(app, '/declared/declared');
    expect(app.requests.map(({ path }) => path)).not.toContain('/dapr/subscribe');
    expect(sidecar.logs.matching(/Skipping programmatic subscription loading/)).toHaveLength(1);
    expect((await subscriptionsOf(sidecar)).map(({ topic }) => topic)).toEqual(['declared']);
  });

  it('may start late: the sidecar waits, and publishes meanwhile', async () => {
    const port = await freePort();
    await using sidecar = await startSidecar({ components: COMPONENTS, flags: appFlags({ port }), until: 'listening' });
    await publish(sidecar, 'declared', 'nobody is there');
    expect((await sidecar.client.get('/v1.0/healthz')).status).toBe(500);
    expect((await subscriptionsOf(sidecar)).map(({ topic }) => topic)).toEqual(['declared']);
    await using app = await startApp({ port, subscriptions: [own('t')] });
    await sidecar.reached('ready');
    await publish(sidecar, 't');
    await publish(sidecar, 'declared', 'now');
    await arrived(app, '/own/t');
    expect((await arrived(app, '/declared/declared')).json.data).toBe('now');
  });
});

describe('health checks of the application', () => {
  it('stop its subscriptions and start them again', async () => {
    await using app = await startApp({ subscriptions: [own('t')] });
    app.healthy = false;
    await using sidecar = await startSidecar({
      components: documents(manifestOf(MEMORY), simple('declared')),
      flags: [...appFlags(app), '--enable-app-health-check', '--app-health-probe-interval=1', '--app-health-threshold=1'],
    });
    await sidecar.logs.match(/the application is not healthy yet/);
    expect(app.requests.map(({ path }) => path), 'nobody is asked before').not.toContain('/dapr/subscribe');
    await publish(sidecar, 'declared', 'too early');
    app.healthy = true;
    await sidecar.logs.match(/subscribed to topic t through/);
    await sidecar.logs.match(/subscribed to topic declared through/);
    await publish(sidecar, 't', 1);
    await publish(sidecar, 'declared', 1);
    await app.received(2);
    app.healthy = false;
    await sidecar.logs.match(/the application is unhealthy after 1 failed probes/);
    await eventually('nothing is delivered any more', async () => {
      const before = app.deliveries.length;
      await publish(sidecar, 't', 2);
      return before === app.deliveries.length && app.deliveries.length;
    });
    expect((await subscriptionsOf(sidecar)).map(({ topic }) => topic), 'they are still listed').toEqual(['declared', 't']);
    app.forget();
    app.healthy = true;
    await eventually('messages come again', async () => {
      await publish(sidecar, 't', 3);
      return app.deliveries.length > 0;
    });
    expect(app.requests.filter(({ path }) => path === '/dapr/subscribe'), 'it is asked but once').toHaveLength(0);
    expect(new Set(app.deliveries.map((request) => request.json.data as number)), 'memory keeps nothing that nobody subscribes to').toEqual(new Set([3]));
  });
});

describe.skipIf(!redis.available)('on Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.stop());

  it('a component with {namespace} puts it in front of its topics, and nobody sees it', async () => {
    await using app = await startApp({ subscriptions: [own('orders', '/orders', { deadLetterTopic: 'letters' }), own('letters', '/letters')] });
    app.handler = ({ path }) => (path === '/orders' ? { status: 404 } : undefined);
    await using sidecar = await startSidecar({
      appId: 'me', env: { NAMESPACE: 'space' }, flags: appFlags(app), components: [{ name: 'pubsub', type: 'pubsub.redis', metadata: { redisHost: server.address, consumerID: '{namespace}' } }],
    });
    await publish(sidecar, 'orders');
    expect((await arrived(app, '/orders')).json).toMatchObject({ topic: 'orders' });
    await arrived(app, '/letters');
    expect((await server.raw.keys('*orders')).concat(await server.raw.keys('*letters'))).toEqual(['spaceorders', 'spaceletters']);
    expect(await server.raw.xinfo('GROUPS', 'spaceorders')).toMatchObject([expect.arrayContaining(['space.me'])]);
    expect((await subscriptionsOf(sidecar)).map(({ topic }) => topic)).toEqual(['orders', 'letters']);
  });

  it('what is published while the application is unhealthy waits for it', async () => {
    await using app = await startApp({ subscriptions: [own('kept')] });
    await using sidecar = await startSidecar({
      appId: 'keeper', flags: [...appFlags(app), '--enable-app-health-check', '--app-health-probe-interval=1', '--app-health-threshold=1'],
      components: [{ name: 'pubsub', type: 'pubsub.redis', metadata: { redisHost: server.address } }],
    });
    await sidecar.logs.match(/subscribed to topic kept through/);
    await publish(sidecar, 'kept', 1);
    await app.received(1);
    app.healthy = false;
    await sidecar.logs.match(/the application is unhealthy/);
    const stopped = app.deliveries.length;
    await publish(sidecar, 'kept', 2);
    app.healthy = true;
    await app.received(stopped + 1);
    expect(app.deliveries.map((request) => request.json.data as number)).toEqual([1, 2]);
  });

  it('a subscription starts when its broker comes up', async () => {
    await using app = await startApp({ subscriptions: [own('later')] });
    await server.kill();
    await using sidecar = await startSidecar({ appId: 'late', until: 'listening', flags: appFlags(app), components: [{ name: 'pubsub', type: 'pubsub.redis', metadata: { redisHost: server.address } }] });
    await eventually('it is listed', async () => (await subscriptionsOf(sidecar)).some(({ topic }) => topic === 'later'));
    expect((await sidecar.client.post('/v1.0/publish/pubsub/later', '1')).status).toBe(503);
    await server.restart();
    await sidecar.logs.match(/subscribed to topic later through/, 15_000);
    await publish(sidecar, 'later', 'now');
    await arrived(app, '/own/later');
  });
});
