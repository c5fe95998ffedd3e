// Components with a compartment of their own, through the real program: every API of every block finds them, and what one of
// them does costs nobody else a call.
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HoldLockRequest, HoldLockResponse } from '../proto/gen/bulkhead/v1/lock.ts';
import { NextIdRequest, NextIdResponse } from '../proto/gen/bulkhead/v1/sequencer.ts';
import { SubscribeTopicEventsRequestAlpha1, SubscribeTopicEventsResponseAlpha1 } from '../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { startApp, type App } from './harness/app.ts';
import { eventually, within } from './harness/awaiting.ts';
import { noteDeliveries, subscribeHttp, subscribeStream, Told } from './harness/config-subscribers.ts';
import { GrpcClient, GrpcFailure } from './harness/grpc.ts';
import { Load } from './harness/load.ts';
import { manifestOf, startSidecar, type ComponentManifest, type Isolation, type Sidecar } from './harness/sidecar.ts';
import { deleteState, getBulkState, getState, saveState, stateItem, transaction } from './harness/states.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';

const APART = { isolation: 'component' } as const;
const NEXT_IDS = '/bulkhead.v1.Sequencer/NextIds';
const none = new Map<string, string>();

const subscription = (pubsubname: string, topic: string): string => JSON.stringify({
  apiVersion: 'dapr.io/v2alpha1', kind: 'Subscription', metadata: { name: 's' }, spec: { pubsubname, topic, routes: { default: `/declared/${pubsubname}/${topic}` } },
});

/** What a bidirectional stream has brought, and how it ended. */
class Duplex {
  readonly received: Buffer[] = [];
  readonly ended: Promise<GrpcFailure | 'OK'>;
  readonly call: ClientDuplexStream<Uint8Array, Buffer>;

  constructor(grpc: GrpcClient, path: string) {
    this.call = grpc.duplex(path);
    this.call.on('data', (bytes: Buffer) => void this.received.push(bytes));
    this.call.on('error', () => {}); // the status says the same
    this.ended = new Promise((resolve) => this.call.on('status', (status) => resolve(status.code === 0 ? 'OK' : new GrpcFailure(status))));
  }
}

const nextIdOf = (storeName: string): Uint8Array => NextIdRequest.encode({ storeName, key: 'k', increment: 0, count: 1, metadata: none }).finish();
const subscribeTo = (pubsubName: string, topic: string): Uint8Array => SubscribeTopicEventsRequestAlpha1.encode({
  subscribeTopicEventsRequestType: { $case: 'initialRequest', value: { pubsubName, topic, metadata: none, deadLetterTopic: undefined } },
}).finish();
const failing = (call: Promise<unknown>): Promise<string> => call.then(() => 'OK', (cause: unknown) => (cause instanceof GrpcFailure ? `${cause.code}: ${cause.text}` : String(cause)));

function suite(isolation: Isolation): void {
  let redis: RedisServer;
  let app: App;
  let sidecar: Sidecar;
  let grpc: GrpcClient;
  beforeAll(async () => {
    redis = await startRedis();
    const onRedis = { redisHost: redis.address };
    const items = (greeting: string): Record<string, string> => ({ items: JSON.stringify({ greeting }) });
    app = await startApp({ subscriptions: [
      { pubsubname: 'events', topic: 'asked', route: '/asked/events' }, { pubsubname: 'local', topic: 'asked', route: '/asked/local' }, { pubsubname: 'nowhere', topic: 'asked', route: '/asked/nowhere' },
      { pubsubname: 'events', topic: 'pathless' },
    ] });
    const components: readonly ComponentManifest[] = [
      { name: 'orders', type: 'state.redis', metadata: { ...onRedis, keyPrefix: 'name' }, annotations: APART },
      { name: 'carts', type: 'state.redis', metadata: { ...onRedis, keyPrefix: 'name' } },
      { name: 'memory', type: 'state.in-memory' },
      { name: 'events', type: 'pubsub.redis', metadata: { ...onRedis, consumerID: 'c' }, annotations: APART },
      { name: 'local', type: 'pubsub.in-memory' },
      { name: 'settings', type: 'configuration.redis', metadata: onRedis, annotations: APART },
      { name: 'flags', type: 'configuration.in-memory', metadata: items('flags') },
      { name: 'doors', type: 'lock.in-memory', annotations: APART },
      { name: 'ids', type: 'sequencer.in-memory', annotations: APART },
      { name: 'numbers', type: 'sequencer.in-memory' },
    ];
    await redis.raw.set('greeting', 'settings||1');
    sidecar = await startSidecar({
      isolation, flags: ['--isolate=memory', '--isolate=ghost', `--app-port=${app.port}`, '--app-protocol=http'],
      components: [...components.map(manifestOf), subscription('events', 'declared'), subscription('local', 'declared'), subscription('nowhere', 'declared')].join('\n---\n'),
    });
    grpc = new GrpcClient(sidecar.grpcAddress);
  }, 60_000);
  afterAll(async () => {
    grpc?.close();
    await sidecar?.stop();
    await app?.stop();
    await redis?.stop();
  });

  it('have rows of their own, and a process where blocks have one', async () => {
    const rows = await sidecar.blocks();
    expect(rows.map(({ name, block, component, components }) => [name, block, component, components.map((one) => one.name)])).toEqual([
      ['state', 'state', undefined, ['carts']], ['pubsub', 'pubsub', undefined, ['local']], ['config', 'config', undefined, ['flags']], ['lock', 'lock', undefined, []], ['sequencer', 'sequencer', undefined, ['numbers']],
      ['state/orders', 'state', 'orders', ['orders']], ['state/memory', 'state', 'memory', ['memory']], ['pubsub/events', 'pubsub', 'events', ['events']], ['config/settings', 'config', 'settings', ['settings']],
      ['lock/doors', 'lock', 'doors', ['doors']], ['sequencer/ids', 'sequencer', 'ids', ['ids']],
    ]);
    expect(rows.map(({ state }) => state)).toEqual(rows.map(({ name }) => (name === 'lock' ? 'absent' : 'ready')));
    const pids = rows.filter(({ name }) => name !== 'lock').map(({ pid }) => pid);
    expect(new Set(pids).size).toBe(isolation === 'process' ? pids.length : 1);
    expect(sidecar.logs.matching(/level=warning msg="--isolate=ghost is ignored: no component has that name; there are orders, carts, memory, /)).toHaveLength(1);
  });

  it('have in their rows what is known of them, as those of all blocks do', async () => {
    const [shared, own] = [await sidecar.block('state'), await sidecar.block('state/orders')];
    for (const member of ['transport', 'pid', 'life', 'state', 'restarts', 'limits', 'inFlight', 'streams', 'held', 'heldTotal', 'expired', 'repeated', 'lost', 'poisoned', 'suspects', 'components']) {
      expect([shared, own].map((row) => Object.hasOwn(row, member)), member).toEqual([true, true]);
    }
    for (const member of ['subscriptions', 'settled', 'appMet']) expect(own, 'has a place of its own').not.toHaveProperty(member);
    expect(own).toMatchObject({ mode: isolation, limits: { openCalls: expect.any(Number) } });
  });

  it('are listed in metadata and count for health like all others', async () => {
    const names = ((await sidecar.metadata())['components'] as { readonly name: string }[]).map(({ name }) => name);
    expect(names).toEqual(['carts', 'orders', 'memory', 'local', 'events', 'flags', 'settings', 'doors', 'numbers', 'ids']);
    expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 204 });
  });

  it('serve state in every way that it is asked for', async () => {
    for (const store of ['orders', 'carts', 'memory']) {
      const { client } = sidecar;
      expect(await client.post(`/v1.0/state/${store}`, `[{"key":"k","value":"${store}"}]`)).toMatchObject({ status: 204 });
      expect(await client.get(`/v1.0/state/${store}/k`)).toMatchObject({ status: 200, body: `"${store}"` });
      expect(await client.post(`/v1.0/state/${store}/bulk`, '{"keys":["k"]}')).toMatchObject({ status: 200, body: expect.stringContaining(`"data":"${store}"`) });
      expect(await client.post(`/v1.0/state/${store}/transaction`, '{"operations":[{"operation":"upsert","request":{"key":"t","value":1}}]}')).toMatchObject({ status: 204 });
      expect(await client.delete(`/v1.0/state/${store}/t`)).toMatchObject({ status: 204 });
      await grpc.call('SaveState', saveState(store, stateItem('g', `"${store}"`)));
      expect(Buffer.from((await grpc.call('GetState', getState(store, 'g'))).data).toString()).toBe(`"${store}"`);
      expect((await grpc.call('GetBulkState', getBulkState(store, 'k', 'g'))).items.map(({ data }) => Buffer.from(data).toString())).toEqual([`"${store}"`, `"${store}"`]);
      await grpc.call('ExecuteStateTransaction', transaction(store, ['upsert', stateItem('t', '1')], ['delete', stateItem('g')]));
      await grpc.call('DeleteState', deleteState(store, 't'));
      await grpc.call('DeleteBulkState', saveState(store, stateItem('k')));
      expect((await grpc.call('GetBulkState', getBulkState(store, 'k', 'g', 't'))).items.map(({ data }) => data.length)).toEqual([0, 0, 0]);
    }
  });

  it('leave unknown names what they were: not found, whether or not others are left in the shared compartment', async () => {
    expect(await sidecar.client.get('/v1.0/state/Orders/k')).toMatchObject({ status: 400, body: expect.stringContaining('state store Orders is not found') });
    expect(await failing(grpc.call('GetState', getState('order', 'k')))).toBe('InvalidArgument: state store order is not found');
    expect(await failing(grpc.bytes('GetState', Buffer.from([0x0a, 0xff])))).toContain('grpc: error unmarshalling request');
    expect(await sidecar.client.post('/v1.0-alpha1/lock/door', '{"resourceId":"r","lockOwner":"o","expiryInSeconds":9}')).toMatchObject({ status: 400, body: expect.stringContaining('lock store door not found') });
    expect(await sidecar.block('lock')).toMatchObject({ state: 'ready', life: 1 });
  });

  it('deliver messages: declared, asked for and streamed, each subscription in one place', async () => {
    const listed = (await sidecar.metadata())['subscriptions'] as { readonly pubsubname: string; readonly topic: string; readonly type: string }[];
    expect(listed.map(({ pubsubname, topic, type }) => `${pubsubname} ${topic} ${type}`).sort()).toEqual([
      'events asked PROGRAMMATIC', 'events declared DECLARATIVE', 'local asked PROGRAMMATIC', 'local declared DECLARATIVE', 'nowhere asked PROGRAMMATIC', 'nowhere declared DECLARATIVE',
    ]);
    expect(sidecar.logs.matching(/level=error .*pubsub nowhere is not found/), 'each once').toHaveLength(2);
    expect(sidecar.logs.matching(/has no route and is left out/)).toHaveLength(1);
    const streams = ['events', 'local'].map((pubsub) => {
      const stream = new Duplex(grpc, 'SubscribeTopicEventsAlpha1');
      stream.call.write(subscribeTo(pubsub, 'streamed'));
      return stream;
    });
    for (const stream of streams) await eventually('the stream is open', () => stream.received.length === 1);
    for (const pubsub of ['events', 'local']) {
      for (const topic of ['declared', 'asked', 'streamed']) expect(await sidecar.client.post(`/v1.0/publish/${pubsub}/${topic}`, `"${pubsub}"`, { 'Content-Type': 'application/json' })).toMatchObject({ status: 204 });
    }
    await grpc.call('PublishEvent', { pubsubName: 'events', topic: 'declared', data: Buffer.from('"grpc"'), dataContentType: 'application/json', metadata: none });
    await app.received(5);
    expect(app.deliveries.map(({ path, json }) => `${path} ${json.data}`).sort()).toEqual(['/asked/events events', '/asked/local local', '/declared/events/declared events', '/declared/events/declared grpc', '/declared/local/declared local']);
    for (const [index, stream] of streams.entries()) {
      await eventually('the event came', () => stream.received.length === 2);
      const event = SubscribeTopicEventsResponseAlpha1.decode(stream.received[1] as Buffer).subscribeTopicEventsResponseType;
      expect(event?.$case === 'eventMessage' && Buffer.from(event.value.data).toString()).toBe(index === 0 ? '"events"' : '"local"');
      stream.call.cancel();
    }
    const stranger = new Duplex(grpc, 'SubscribeTopicEventsAlpha1');
    stranger.call.write(subscribeTo('nowhere', 't'));
    expect(await within(10_000, 'it is refused', stranger.ended)).toMatchObject({ text: 'pubsub nowhere is not found' });
    const silent = new Duplex(grpc, 'SubscribeTopicEventsAlpha1');
    silent.call.end();
    expect(await within(10_000, 'a stream without any message ends', silent.ended)).not.toBeUndefined();
    expect(await sidecar.client.post('/v1.0/publish/nowhere/t', '1')).toMatchObject({ status: 404, body: expect.stringContaining('pubsub nowhere is not found') });
    expect(await sidecar.client.post('/v1.0/publish', '1')).toMatchObject({ body: expect.stringContaining('pubsub name is empty') });
  });

  it('tell of changes of configuration, over streams and to the application', async () => {
    expect(await sidecar.client.get('/v1.0/configuration/flags?key=greeting')).toMatchObject({ status: 200, body: expect.stringContaining('flags') });
    expect(await sidecar.client.get('/v1.0/configuration/settings?key=greeting')).toMatchObject({ status: 200, body: expect.stringContaining('settings') });
    const stream = await subscribeStream(grpc, 'settings', ['greeting']);
    const pushed = new Told();
    noteDeliveries(app, pushed);
    const id = await subscribeHttp(sidecar, 'settings', ['greeting']);
    await redis.raw.set('greeting', 'new||2');
    await eventually('both were told', () => stream.told.last('greeting') === 'new' && pushed.last('greeting') === 'new');
    expect(await sidecar.client.get(`/v1.0/configuration/settings/${id}/unsubscribe`)).toMatchObject({ status: 200, body: '{"ok":true}' });
    expect(await grpc.call('UnsubscribeConfiguration', { storeName: 'settings', id: stream.id })).toMatchObject({ ok: true });
    await eventually('the stream ended', () => stream.told.ended === 0);
    expect(await failing(grpc.call('GetConfiguration', { storeName: 'nowhere', keys: [], metadata: none }))).toBe('InvalidArgument: configuration store nowhere not found');
  });

  it('lock and count, on streams, too', async () => {
    expect(await sidecar.client.post('/v1.0-alpha1/lock/doors', '{"resourceId":"a","lockOwner":"me","expiryInSeconds":60}')).toMatchObject({ status: 200, body: '{"success":true}' });
    expect(await grpc.call('TryLockAlpha1', { storeName: 'doors', resourceId: 'a', lockOwner: 'you', expiryInSeconds: 60 })).toEqual({ success: false });
    expect(await grpc.call('UnlockAlpha1', { storeName: 'doors', resourceId: 'a', lockOwner: 'me' })).toEqual({ status: 0 });
    const held: (string | undefined)[] = [];
    const hold = grpc.serverStream('/bulkhead.v1.Lock/Hold', HoldLockRequest.encode({ storeName: 'doors', resourceId: 'b', lockOwner: 'me', expiryInSeconds: 60, releaseOnClose: true }).finish());
    hold.on('error', () => undefined);
    hold.on('data', (bytes: Buffer) => void held.push(HoldLockResponse.decode(bytes).event?.$case));
    await eventually('it is held', () => held.length === 1);
    hold.cancel();
    expect(held).toEqual(['acquired']);

    expect(await sidecar.client.post('/v1.0-bulkhead/sequencer/ids/k')).toMatchObject({ status: 200, body: '{"ids":["1"]}' });
    expect(await sidecar.client.post('/v1.0-bulkhead/sequencer/numbers/k')).toMatchObject({ status: 200, body: '{"ids":["1"]}' });
    const idsOf = (stream: Duplex): string[] => stream.received.flatMap((bytes) => NextIdResponse.decode(bytes).ids.map(String));
    const [ids, numbers] = [new Duplex(grpc, NEXT_IDS), new Duplex(grpc, NEXT_IDS)];
    for (let i = 0; i < 3; i++) {
      ids.call.write(nextIdOf('ids'));
      numbers.call.write(nextIdOf('numbers'));
    }
    await eventually('both were answered', () => idsOf(ids).length === 3 && idsOf(numbers).length === 3);
    expect([idsOf(ids), idsOf(numbers)]).toEqual([['2', '3', '4'], ['2', '3', '4']]);
    ids.call.write(nextIdOf('numbers'));
    numbers.call.write(nextIdOf('ids'));
    expect(await within(10_000, 'it ends', ids.ended)).toMatchObject({ code: 'InvalidArgument', text: "sequencer store numbers can't be asked on this stream, because ids has a compartment of its own: open another stream for numbers" });
    expect(await within(10_000, 'it ends', numbers.ended)).toMatchObject({ code: 'InvalidArgument', text: "sequencer store ids can't be asked on this stream, because ids has a compartment of its own: open another stream for ids" });
  });

  if (isolation === 'process') describe('that are killed again and again', () => {
    const KILLS = 3;

    it('cost their own calls at most, and nobody else any', async () => {
      const before = await sidecar.block('state');
      const [own, redisLoad, memoryLoad] = ['orders', 'carts', 'memory'].map((store) => new Load(sidecar, { store, clients: 4 })) as [Load, Load, Load];
      try {
        await Promise.all([own, redisLoad, memoryLoad].map((load) => load.acknowledges(50)));
        for (let kill = 0; kill < KILLS; kill++) {
          await sidecar.kill('state/orders');
          await Promise.all([own, redisLoad, memoryLoad].map((load) => load.acknowledges(80)));
        }
      } finally {
        await Promise.all([own, redisLoad, memoryLoad].map((load) => load.stop()));
      }
      expect([redisLoad.failures, memoryLoad.failures, redisLoad.wrong, memoryLoad.wrong, own.wrong]).toEqual([[], [], [], [], []]);
      expect(own.of('read')).toEqual([]);
      for (const { text } of own.of('write')) expect(text).toContain('the state/orders block restarted while this call was in flight');
      expect(await own.missing()).toEqual([]);
      expect(await sidecar.block('state/orders')).toMatchObject({ restarts: KILLS, life: KILLS + 1, state: 'ready' });
      expect(await sidecar.block('state')).toMatchObject({ pid: before.pid, life: before.life, restarts: before.restarts, lost: 0, repeated: 0 });
      expect(await sidecar.block('state/memory')).toMatchObject({ life: 1, lost: 0, repeated: 0 });
    }, 60_000);

    it('and one that hangs holds up nobody else', async () => {
      await sidecar.kill('state/orders', 'SIGSTOP');
      try {
        const stuck = sidecar.client.get('/v1.0/state/orders/k');
        for (let i = 0; i < 20; i++) {
          expect(await sidecar.client.get('/v1.0/state/carts/k')).toMatchObject({ status: 204 });
          expect((await grpc.call('GetState', getState('memory', 'k'))).etag).toBe('');
        }
        await sidecar.kill('state/orders', 'SIGCONT');
        expect(await stuck).toMatchObject({ status: 204 });
      } finally {
        await sidecar.kill('state/orders', 'SIGCONT');
      }
    });
  });
}

describeWithRedis('components with a compartment of their own, in process isolation', () => suite('process'));
describeWithRedis('components with a compartment of their own, in monolith isolation', () => suite('monolith'));
