// The application in the sidecar's life: waited for, asked, watched, and left in peace at the end (contract: messaging, app
// channel, startup order and shutdown; subscriptions, sources and precedence).
import { describe, expect, it } from 'vitest';
import { startApp, type App } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { GrpcClient } from './harness/grpc.ts';
import { ISOLATIONS, manifestOf, startSidecar, type Sidecar, type SidecarOptions } from './harness/sidecar.ts';
import { PubsubSubscriptionType } from '../proto/gen/dapr/proto/runtime/v1/metadata.ts';
import { freePort } from './servers/process.ts';

const PUBSUB = manifestOf({ name: 'pubsub', type: 'pubsub.in-memory' });
const MEMORY = manifestOf({ name: 'memory', type: 'state.in-memory' });
const declared = (topic: string, route: string, more: object = {}): string =>
  JSON.stringify({ apiVersion: 'dapr.io/v2alpha1', kind: 'Subscription', metadata: { name: topic }, spec: { pubsubname: 'pubsub', topic, routes: { default: route }, ...more } });
const files = (...documents: string[]): string => documents.join('\n---\n');
const ORDERS = { pubsubname: 'pubsub', topic: 'orders', route: '/orders' } as const;
const said = (sidecar: Sidecar): string[] => sidecar.logs.all.map((line) => /msg=(?:"((?:[^"\\]|\\.)*)"|(\S+))/.exec(line)).map((match) => match?.[1] ?? match?.[2] ?? '');
/** Where the texts are in the log; all there and in this order if the list is sorted and holds no -1. */
const order = (sidecar: Sidecar, ...texts: string[]): boolean => {
  const at = texts.map((text) => said(sidecar).findIndex((line) => line.startsWith(text)));
  return at.every((index, nth) => index >= 0 && (nth === 0 || index > (at[nth - 1] as number)));
};
const asked = ({ requests }: App, path: string): number => requests.filter((request) => request.path === path).length;
const publish = async (sidecar: Sidecar, topic: string): Promise<number> => (await sidecar.client.post(`/v1.0/publish/pubsub/${topic}`, '{"n":1}')).status;
const applicationOf = async (sidecar: Sidecar): Promise<unknown> => (JSON.parse((await sidecar.client.get('/actuator/blocks')).body) as { app?: unknown }).app;
const start = (port: number, options: SidecarOptions = {}): Promise<Sidecar> =>
  startSidecar({ components: files(PUBSUB, MEMORY), ...options, flags: [`--app-port=${port}`, '--log-level=debug', ...(options.flags ?? [])] });
const HEALTH_CHECKS = ['--enable-app-health-check', '--app-health-probe-interval=1', '--app-health-threshold=1'];

describe.each(ISOLATIONS)('in %s isolation', (isolation) => {
  it('a sidecar is ready when its application is there and its subscriptions are at work', async () => {
    const port = await freePort();
    await using sidecar = await start(port, { isolation, appId: 'me', until: 'listening' });
    await eventually('outbound health does not wait for the application', async () => (await sidecar.client.get('/v1.0/healthz/outbound')).status === 204);
    expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 500, body: expect.stringContaining(`dapr is not ready: [application on port ${port}: not reachable yet]`) });
    expect(await sidecar.client.get('/v1.0/state/memory/k'), 'the APIs do not wait either').toMatchObject({ status: 204 });
    expect(await applicationOf(sidecar)).toEqual({ state: 'down', inFlight: 0 });

    await using app = await startApp({ port, subscriptions: [ORDERS] });
    const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>();
    app.asked = async ({ path }) => (path === '/dapr/subscribe' ? mayAnswer.then(() => undefined) : undefined);
    await eventually('it is asked for its subscriptions', () => asked(app, '/dapr/subscribe') === 1);
    expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 500, body: expect.stringContaining(`[application on port ${port}: the pubsub block has not subscribed it yet]`) });
    answer();
    await sidecar.reached('ready');
    expect(await publish(sidecar, 'orders')).toBe(204);
    expect((await app.received(1))[0]).toMatchObject({ method: 'POST', path: '/orders' });

    expect(app.requests.slice(0, 2).map(({ method, path, headers }) => [method, path, headers['dapr-app-id']])).toEqual([['GET', '/dapr/config', 'me'], ['GET', '/dapr/subscribe', 'me']]);
    expect(order(sidecar, 'Loading Declarative Subscriptions…', 'All outstanding components processed', `application protocol: http. waiting on port ${port}.`, `application discovered on port ${port}`, 'dapr initialized. Status: Running.')).toBe(true);
    expect(await applicationOf(sidecar)).toEqual({ state: 'up', inFlight: 0 });
    expect(await sidecar.stop()).toEqual({ code: 0, signal: null });
    expect(said(sidecar).at(-1)).toBe('Daprd shutdown gracefully');
  });

  it('with health checks it waits for the port alone, and follows the health of the application', async () => {
    const port = await freePort();
    await using sidecar = await start(port, { isolation, flags: HEALTH_CHECKS, until: 'listening' });
    await sidecar.logs.waitFor(/waiting on port/);
    expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 500, body: expect.stringContaining(`[application on port ${port}: not reachable yet]`) });
    await using app = await startApp({ port, subscriptions: [ORDERS] });
    app.healthy = false;
    await sidecar.reached('ready');
    expect(asked(app, '/dapr/subscribe')).toBe(0);
    app.healthy = true;
    await eventually('it is asked for its subscriptions', () => asked(app, '/dapr/subscribe') === 1);
    await eventually('it hears', async () => (await publish(sidecar, 'orders')) === 204 && app.deliveries.length > 0);
    app.healthy = false;
    await eventually('it is down', async () => JSON.stringify(await applicationOf(sidecar)).includes('"down"'));
    expect(await sidecar.client.get('/v1.0/healthz'), 'which is not the sidecar\'s').toMatchObject({ status: 204 });
    app.healthy = true;
    await eventually('it is up again', async () => JSON.stringify(await applicationOf(sidecar)).includes('"up"'));
    app.forget();
    await eventually('it hears again', async () => (await publish(sidecar, 'orders')) === 204 && app.deliveries.length > 0);
    expect(asked(app, '/dapr/config'), 'which it is asked for once').toBe(0);
  });

  it('a shutdown lets a delivery come to its end', async () => {
    await using app = await startApp({ subscriptions: [ORDERS] });
    const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>();
    app.handler = async () => mayAnswer.then(() => undefined);
    await using sidecar = await start(app.port, { isolation });
    expect(await publish(sidecar, 'orders')).toBe(204);
    await app.received(1);
    sidecar.signal('SIGTERM');
    await sidecar.logs.waitFor(/Dapr is shutting down/);
    expect(await sidecar.client.get('/v1.0/state/memory/k'), 'and the application to use the APIs for it').toMatchObject({ status: 204 });
    expect(app.deliveries[0]?.gone).toBe(false);
    answer();
    expect(await sidecar.end()).toEqual({ code: 0, signal: null });
    expect(app.deliveries[0]?.gone).toBe(false);
    expect(said(sidecar).at(-1)).toBe('Daprd shutdown gracefully');
  });
});

it('declared subscriptions are listed without an application, in JSON and over gRPC, and a warning says what is missing', async () => {
  const rules = [{ match: 'event.type == "a"', path: '/a' }];
  await using sidecar = await startSidecar({
    components: files(PUBSUB, declared('t', '/d', { routes: { default: '/d', rules }, metadata: { rawPayload: 'true' }, deadLetterTopic: 'dead' }), declared('elsewhere', '/e', { pubsubname: 'nowhere' })),
  });
  expect((await sidecar.metadata())['subscriptions']).toEqual([
    { pubsubname: 'pubsub', topic: 't', metadata: { rawPayload: 'true' }, rules: [...rules, { path: '/d' }], deadLetterTopic: 'dead', type: 'DECLARATIVE' },
    { pubsubname: 'nowhere', topic: 'elsewhere', rules: [{ path: '/e' }], deadLetterTopic: '', type: 'DECLARATIVE' },
  ]);
  using grpc = new GrpcClient(sidecar.grpcAddress);
  expect((await grpc.call('GetMetadata', {})).subscriptions).toEqual([
    { pubsubName: 'pubsub', topic: 't', metadata: new Map([['rawPayload', 'true']]), rules: { rules: [...rules, { match: '', path: '/d' }] }, deadLetterTopic: 'dead', type: PubsubSubscriptionType.DECLARATIVE },
    { pubsubName: 'nowhere', topic: 'elsewhere', metadata: new Map(), rules: { rules: [{ match: '', path: '/e' }] }, deadLetterTopic: '', type: PubsubSubscriptionType.DECLARATIVE },
  ]);
  expect(said(sidecar)).toContain('2 declared subscriptions deliver nothing, because no application is configured: start the sidecar with --app-port');
  expect(sidecar.logs.matching(/This will block until|waiting for application/)).toEqual([]);
  expect(await applicationOf(sidecar)).toBeUndefined();
});

it('a life of the block that follows another subscribes the application anew', async () => {
  await using app = await startApp({ subscriptions: [ORDERS] });
  await using sidecar = await start(app.port);
  expect(asked(app, '/dapr/subscribe')).toBe(1);
  await sidecar.kill('pubsub');
  await eventually('the application is asked again', () => asked(app, '/dapr/subscribe') === 2);
  await eventually('it hears', async () => (await publish(sidecar, 'orders')) === 204 && app.deliveries.length > 0);
  expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 204 });
  expect((await sidecar.metadata())['subscriptions']).toEqual([{ pubsubname: 'pubsub', topic: 'orders', rules: [{ path: '/orders' }], deadLetterTopic: '', type: 'PROGRAMMATIC' }]);
});

it('an application that wants to be asked nothing is asked nothing', async () => {
  await using app = await startApp({ subscriptions: [ORDERS] });
  await using sidecar = await start(app.port, { components: files(PUBSUB, declared('t', '/d')), flags: ['--disable-init-endpoints=config,subscribe'] });
  expect(said(sidecar)).toEqual(expect.arrayContaining([expect.stringContaining('Skipping programmatic dapr configuration loading'), expect.stringContaining('Skipping programmatic subscription loading')]));
  expect(await publish(sidecar, 't')).toBe(204);
  await app.received(1);
  expect(app.requests.map(({ path }) => path)).toEqual(['/d']);
});

it('a configuration that the application has is noticed', async () => {
  await using app = await startApp();
  app.asked = ({ path }) => (path === '/dapr/config' ? { body: { entities: [] } } : undefined);
  await using sidecar = await start(app.port);
  await sidecar.logs.waitFor(/msg="Application configuration loaded"/);
});

describe('a sidecar that still waits for its application', () => {
  it('can be stopped', async () => {
    await using sidecar = await start(await freePort(), { until: 'listening' });
    await sidecar.logs.waitFor(/This will block until/);
    sidecar.signal('SIGINT');
    expect(await sidecar.end()).toEqual({ code: 0, signal: null });
    expect(sidecar.logs.matching(/dapr initialized/)).toEqual([]);
  });

  it('can begin anew and be stopped then', async () => {
    const [http, grpc] = [await freePort(), await freePort()];
    await using sidecar = await start(await freePort(), { until: 'listening', flags: [`--dapr-http-port=${http}`, `--dapr-grpc-port=${grpc}`] });
    for (let time = 1; time <= 2; time++) {
      const seen = sidecar.logs.all.length;
      sidecar.signal('SIGHUP');
      await sidecar.logs.waitFor(/This will block until/, 15_000, seen);
    }
    sidecar.signal('SIGTERM');
    expect(await sidecar.end()).toEqual({ code: 0, signal: null });
  });
});

it('a shutdown gives up on a delivery that never ends, with 1, when its time is over', async () => {
  await using app = await startApp({ subscriptions: [ORDERS], handler: () => 'hang' });
  await using sidecar = await start(app.port, { flags: ['--dapr-graceful-shutdown-seconds=1'] });
  expect(await publish(sidecar, 'orders')).toBe(204);
  await app.received(1);
  sidecar.signal('SIGTERM');
  expect(await sidecar.end()).toEqual({ code: 1, signal: null });
  expect(sidecar.logs.matching(/level=fatal msg="Graceful shutdown timeout exceeded, forcing shutdown"/)).toHaveLength(1);
});

describe('a blocked shutdown', () => {
  it('delivers nothing more and serves all APIs until its time is over', async () => {
    await using app = await startApp({ subscriptions: [ORDERS] });
    await using sidecar = await start(app.port, { flags: ['--dapr-block-shutdown-duration=3s'] });
    expect(await publish(sidecar, 'orders')).toBe(204);
    await app.received(1);
    sidecar.signal('SIGTERM');
    await sidecar.logs.waitFor(/Blocking graceful shutdown for 3s or until app reports unhealthy\.\.\./);
    expect(await publish(sidecar, 'orders')).toBe(204);
    expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 204 });
    // A life that begins now must not subscribe again.
    await sidecar.kill('pubsub');
    await eventually('there is one', async () => {
      const { life, state } = await sidecar.block('pubsub');
      return life === 2 && state === 'ready';
    });
    expect(await publish(sidecar, 'orders')).toBe(204);
    expect(await sidecar.end()).toEqual({ code: 0, signal: null });
    expect(order(sidecar, 'Received signal', 'Blocking graceful shutdown for 3s', 'Block shutdown period expired, entering shutdown...', 'Dapr is shutting down', 'Daprd shutdown gracefully')).toBe(true);
    expect([app.deliveries.length, asked(app, '/dapr/subscribe')]).toEqual([1, 1]);
  });

  it('ends when the application is unhealthy', async () => {
    await using app = await startApp({ subscriptions: [ORDERS] });
    await using sidecar = await start(app.port, { flags: ['--dapr-block-shutdown-duration=180s', ...HEALTH_CHECKS] });
    await eventually('the application is up', () => asked(app, '/dapr/subscribe') === 1);
    sidecar.signal('SIGINT');
    await sidecar.logs.waitFor(/Blocking graceful shutdown for 3m0s or until app reports unhealthy\.\.\./);
    app.healthy = false;
    expect(await sidecar.end()).toEqual({ code: 0, signal: null });
    expect(order(sidecar, 'Blocking graceful shutdown for 3m0s', 'App reported unhealthy, entering shutdown...', 'Dapr is shutting down')).toBe(true);
  });

  it('is none where the application was never healthy', async () => {
    await using app = await startApp();
    app.healthy = false;
    await using sidecar = await start(app.port, { flags: ['--dapr-block-shutdown-duration=180s', ...HEALTH_CHECKS] });
    sidecar.signal('SIGINT');
    expect(await sidecar.end()).toEqual({ code: 0, signal: null });
    expect(order(sidecar, 'Blocking graceful shutdown for 3m0s', 'App reported unhealthy, entering shutdown...', 'Dapr is shutting down')).toBe(true);
  });
});
