// What configuration, locks and ids are through a sidecar, whatever the store and wherever the blocks run: Dapr's checklists
// (contract: messaging §12.3 and §12.4; sidecar §2.3, §2.6, §2.7, §5 and §6), what ids promise, and both protocols.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type App } from '../harness/app.ts';
import { eventually } from '../harness/awaiting.ts';
import { noteDeliveries, subscribeHttp, subscribeStream, Told, type StreamSubscriber } from '../harness/config-subscribers.ts';
import { GrpcClient, GrpcFailure } from '../harness/grpc.ts';
import { startSidecar, type ComponentManifest, type Isolation, type Sidecar } from '../harness/sidecar.ts';

/** One store with its components, and how somebody else changes its configuration. */
export interface CoordinationStore {
  readonly config: Omit<ComponentManifest, 'name'>;
  readonly lock: Omit<ComponentManifest, 'name'>;
  readonly sequencer: Omit<ComponentManifest, 'name'>;
  /** Undefined deletes it. Resolves when the store has it. */
  put(key: string, value: string | undefined, version: string): Promise<unknown>;
}

export interface CoordinationTraits {
  /** The version is the one that was put; else the store numbers them. */
  readonly ownVersions: boolean;
  /** Of the shortest lock, in seconds, until it is gone. */
  readonly shortestLock: number;
}

const [CONFIG, LOCKS, IDS] = ['config', 'locks', 'ids'];
const NO_METADATA = new Map<string, string>();

export function coordinationConformance(name: string, isolation: Isolation, open: () => CoordinationStore, traits: CoordinationTraits): void {
  describe(`configuration, locks and ids: ${name} in ${isolation} isolation`, () => {
    /** Of this run's own: a store may hold others'. */
    const run = randomUUID().slice(0, 8);
    const key = (of: string): string => `${run}_${of}`;
    let store: CoordinationStore;
    let app: App;
    let sidecar: Sidecar;
    let grpc: GrpcClient;
    const pushed = new Told();

    beforeAll(async () => {
      store = open();
      app = await startApp();
      noteDeliveries(app, pushed);
      sidecar = await startSidecar({
        isolation, appId: `app-${run}`, flags: [`--app-port=${app.port}`],
        components: [{ name: CONFIG, ...store.config }, { name: LOCKS, ...store.lock }, { name: IDS, ...store.sequencer }],
      });
      grpc = new GrpcClient(sidecar.grpcAddress);
    }, 60_000);
    afterAll(async () => {
      grpc?.close();
      await sidecar?.stop();
      await app?.stop();
    });

    const post = async (path: string, body: object = {}): Promise<{ status: number; body: string; headers: Readonly<Record<string, unknown>> }> => sidecar.client.post(path, JSON.stringify(body), { 'content-type': 'application/json' });
    const codeOf = (call: Promise<unknown>): Promise<string> => call.then(() => 'OK', (cause: unknown) => (cause instanceof GrpcFailure ? `${cause.code}: ${cause.text}` : String(cause)));
    const subscribers: [who: string, told: Told][] = [];

    describe('configuration', () => {
      type Answer = Readonly<Record<string, { readonly value?: string; readonly version?: string }>>;
      const overHttp = async (...keys: string[]): Promise<Answer> => {
        const { status, body } = await sidecar.client.get(`/v1.0/configuration/${CONFIG}${keys.length === 0 ? '' : `?${keys.map((each) => `key=${each}`).join('&')}`}`);
        if (status === 204) return {};
        expect([status, body.endsWith('}\n')]).toEqual([200, true]);
        return JSON.parse(body) as Answer;
      };
      const overGrpc = async (...keys: string[]): Promise<Answer> => Object.fromEntries((await grpc.call('GetConfiguration', { storeName: CONFIG, keys, metadata: NO_METADATA })).items);

      it('gets some keys, all keys, and nothing for a key that is unknown', async () => {
        for (const number of ['1', '2', '3']) await store.put(key(number), `value ${number}`, number);
        await eventually('all are there', async () => Object.keys(await overHttp(key('1'), key('2'), key('3'))).length === 3);
        for (const get of [overHttp, overGrpc]) {
          const some = await get(key('1'), key('3'), key('unknown'));
          expect(Object.keys(some).sort()).toEqual([key('1'), key('3')]);
          expect(some[key('1')]).toMatchObject({ value: 'value 1', version: traits.ownVersions ? '1' : expect.stringMatching(/^\d+$/) });
          expect(Object.keys(await get())).toEqual(expect.arrayContaining([key('1'), key('2'), key('3')]));
          expect(await get(key('unknown'))).toEqual({});
        }
        expect((await sidecar.client.get(`/v1.0-alpha1/configuration/${CONFIG}?key=${key('1')}`)).status).toBe(200);
      });

      it('answers from memory what is read again, and says so', async () => {
        const cached = async (): Promise<unknown> => (await sidecar.client.get(`/v1.0/configuration/${CONFIG}?key=${key('2')}`)).headers['bulkhead-cache'];
        await eventually('it comes from memory over HTTP', async () => (await cached()) === 'hit');
        let overStream = '';
        await grpc.call('GetConfiguration', { storeName: CONFIG, keys: [key('2')], metadata: NO_METADATA }, { onMetadata: (metadata) => (overStream = metadata['bulkhead-cache'] ?? '') });
        expect(['hit', 'miss']).toContain(overStream);
        await store.put(key('2'), 'changed', '9');
        await eventually('the change is read', async () => (await overHttp(key('2')))[key('2')]?.value === 'changed');
      });

      it('tells subscribers of some keys, of keys that all are listed, and of everything', async () => {
        const streams: StreamSubscriber[] = [await subscribeStream(grpc, CONFIG, [key('1'), key('2')]), await subscribeStream(grpc, CONFIG, [])];
        const id = await subscribeHttp(sidecar, CONFIG, [key('1'), key('2'), key('new')]);
        subscribers.push(['some', streams[0]!.told], ['all', streams[1]!.told], ['app', pushed]);
        await store.put(key('1'), 'second', '2');
        await eventually('all are told of a change', () => subscribers.every(([, told]) => told.last(key('1')) === 'second'));
        await store.put(key('new'), 'first', '1');
        await eventually('a new key is told', () => [streams[1]!.told, pushed].every((told) => told.last(key('new')) === 'first'));
        await store.put(key('1'), undefined, '');
        await eventually('all are told of a deletion', () => subscribers.every(([, told]) => told.last(key('1')) === ''));
        expect(streams[0]!.told.byKey.has(key('new'))).toBe(false);

        expect((await sidecar.client.get(`/v1.0/configuration/${CONFIG}/${id}/unsubscribe`)).body).toBe('{"ok":true}');
        expect(await grpc.call('UnsubscribeConfiguration', { storeName: CONFIG, id: streams[0]!.id })).toMatchObject({ ok: true });
        await eventually('its stream has ended with OK', () => streams[0]!.told.ended === 0);
        const counts = [streams[0]!.told.count, pushed.count];
        await store.put(key('2'), 'after the end', '10');
        await eventually('who is left is told', () => streams[1]!.told.last(key('2')) === 'after the end');
        expect([streams[0]!.told.count, pushed.count], 'the others are not').toEqual(counts);
        streams[1]!.cancel();
      });

      it('pushes each change as one whole event', async () => {
        app.forget();
        const id = await subscribeHttp(sidecar, CONFIG, [key('pushed')]);
        await store.put(key('pushed'), 'x', '7');
        const [request] = await app.received(1);
        expect([request?.method, request?.path, request?.headers['content-type']]).toEqual(['POST', `/configuration/${CONFIG}/${key('pushed')}`, 'application/json']);
        expect(request?.json).toMatchObject({ id, items: { [key('pushed')]: { value: 'x' } } });
        await sidecar.client.get(`/v1.0/configuration/${CONFIG}/${id}/unsubscribe`);
      });

      it('refuses what it can\'t do', async () => {
        expect(await sidecar.client.get('/v1.0/configuration/nowhere?key=a')).toMatchObject({ status: 400, body: '{"errorCode":"ERR_CONFIGURATION_STORE_NOT_FOUND","message":"configuration store nowhere not found"}' });
        expect(await codeOf(grpc.call('GetConfiguration', { storeName: 'nowhere', keys: [], metadata: NO_METADATA }))).toBe('InvalidArgument: configuration store nowhere not found');
        const unknown = 'failed to unsubscribe to configuration request x: subscription';
        expect(await sidecar.client.get(`/v1.0/configuration/${CONFIG}/x/unsubscribe`)).toMatchObject({ status: 500, body: `{"message":"${unknown} with id x does not exist"}` });
        expect(await grpc.call('UnsubscribeConfiguration', { storeName: CONFIG, id: 'x' })).toEqual({ ok: false, message: `${unknown} does not exist` });
      });
    });

    describe('locks', () => {
      const lock = (resourceId: string, lockOwner: string, expiryInSeconds = 60) => ({ resourceId: key(resourceId), lockOwner, expiryInSeconds });

      it('are taken once, given back by their owner, and free again', async () => {
        const first = await post(`/v1.0-alpha1/lock/${LOCKS}`, lock('one', 'a', 15));
        expect([first.status, first.body]).toEqual([200, '{"success":true}']);
        expect(await post(`/v1.0-alpha1/lock/${LOCKS}`, lock('one', 'b', 15))).toMatchObject({ status: 200, body: '{"success":false}' });
        expect(await post(`/v1.0-alpha1/unlock/${LOCKS}`, lock('nobody\'s', 'a'))).toMatchObject({ status: 200, body: '{"status":1}' });
        expect(await post(`/v1.0-alpha1/unlock/${LOCKS}`, lock('one', 'b'))).toMatchObject({ status: 200, body: '{"status":2}' });
        expect(await post(`/v1.0-alpha1/unlock/${LOCKS}`, lock('one', 'a'))).toMatchObject({ status: 200, body: '{"status":0}' });
        const again = await post(`/v1.0-alpha1/lock/${LOCKS}`, lock('one', 'b', 15));
        expect(again.body).toBe('{"success":true}');
        expect(BigInt(String(again.headers['bulkhead-fencing-token']))).toBeGreaterThan(BigInt(String(first.headers['bulkhead-fencing-token'])));
      });

      it('are the same over gRPC', async () => {
        const name = { storeName: LOCKS, resourceId: key('two'), lockOwner: 'a' };
        let token = '';
        expect(await grpc.call('TryLockAlpha1', { ...name, expiryInSeconds: 15 }, { onMetadata: (metadata) => (token = metadata['bulkhead-fencing-token'] ?? '') })).toEqual({ success: true });
        expect(token).toMatch(/^\d+$/);
        expect((await post(`/v1.0-alpha1/lock/${LOCKS}`, lock('two', 'b'))).body).toBe('{"success":false}');
        expect(await grpc.call('/bulkhead.v1.Lock/Renew', { ...name, expiryInSeconds: 30 })).toEqual({ status: 0, fencingToken: BigInt(token) });
        expect(await grpc.call('UnlockAlpha1', { ...name, lockOwner: 'b' })).toEqual({ status: 2 });
        expect(await grpc.call('UnlockAlpha1', name)).toEqual({ status: 0 });
        expect(await grpc.call('UnlockAlpha1', name)).toEqual({ status: 1 });
      });

      it('expire', async () => {
        expect((await post(`/v1.0-alpha1/lock/${LOCKS}`, lock('short', 'a', traits.shortestLock))).body).toBe('{"success":true}');
        expect((await post(`/v1.0-alpha1/lock/${LOCKS}`, lock('short', 'b', 60))).body).toBe('{"success":false}');
        await eventually('it is free again', async () => (await post(`/v1.0-alpha1/lock/${LOCKS}`, lock('short', 'b', 60))).body === '{"success":true}');
      });

      it('are renewed on request', async () => {
        const { headers } = await post(`/v1.0-alpha1/lock/${LOCKS}`, lock('renewed', 'a', 30));
        const renewed = await post(`/v1.0-bulkhead/lock/${LOCKS}/renew`, lock('renewed', 'a', 60));
        expect([renewed.status, JSON.parse(renewed.body)]).toEqual([200, { status: 0, fencingToken: headers['bulkhead-fencing-token'] }]);
        expect(JSON.parse((await post(`/v1.0-bulkhead/lock/${LOCKS}/renew`, lock('renewed', 'b', 60))).body)).toMatchObject({ status: 2 });
        expect(JSON.parse((await post(`/v1.0-bulkhead/lock/${LOCKS}/renew`, lock('absent', 'b', 60))).body)).toMatchObject({ status: 1 });
      });

      it('are refused in the contract\'s order', async () => {
        const refused = async (body: object, to = LOCKS): Promise<string> => (JSON.parse((await post(`/v1.0-alpha1/lock/${to}`, body)).body) as { readonly message: string }).message;
        expect(await refused({}, 'nowhere')).toBe('ExpiryInSeconds is not positive in lock store nowhere');
        expect(await refused({ expiryInSeconds: 1 }, 'nowhere')).toBe('ResourceId is empty in lock store nowhere');
        expect(await refused({ expiryInSeconds: 1, resourceId: 'r' }, 'nowhere')).toBe('LockOwner is empty in lock store nowhere');
        expect(await refused({ expiryInSeconds: 1, resourceId: 'r', lockOwner: 'o' }, 'nowhere')).toBe('lock store nowhere not found');
        expect(await refused({ expiryInSeconds: 1, resourceId: 'a||b', lockOwner: 'o' })).toBe('failed to try acquiring lock: input key/keyPrefix \'a||b\' can\'t contain \'||\'');
      });
    });

    describe('ids', () => {
      const idsOf = async (of: string, request: object = {}): Promise<bigint[]> => {
        const { status, body } = await post(`/v1.0-bulkhead/sequencer/${IDS}/${key(of)}`, request);
        expect(status).toBe(200);
        return (JSON.parse(body) as { readonly ids: string[] }).ids.map(BigInt);
      };

      it('begin with 1 and rise, one by one and in batches, over both protocols', async () => {
        const ids = [...await idsOf('weak'), ...await idsOf('weak', { count: 5 })];
        for (let i = 0; i < 3; i++) ids.push(...(await grpc.call('/bulkhead.v1.Sequencer/NextId', { storeName: IDS, key: key('weak'), increment: 0, count: 2, metadata: NO_METADATA })).ids);
        expect(ids).toEqual(Array.from({ length: 12 }, (_, index) => BigInt(index + 1)));
      });

      it('that are strong have no gaps, also where many ask', async () => {
        const answers = await Promise.all(Array.from({ length: 20 }, () => idsOf('strong', { increment: 'STRONG', count: 3 })));
        for (const [first, second, third] of answers) expect([second, third]).toEqual([first! + 1n, first! + 2n]);
        expect(answers.flat().map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
      });

      it('of two keys know nothing of each other', async () => {
        expect([await idsOf('this'), await idsOf('that'), await idsOf('this')]).toEqual([[1n], [1n], [2n]]);
      });

      it('are refused where nothing can be promised', async () => {
        const refused = async (path: string, body: object = {}): Promise<unknown> => JSON.parse((await post(path, body)).body);
        expect(await refused('/v1.0-bulkhead/sequencer/nowhere/k')).toMatchObject({ errorCode: 'ERR_SEQUENCER_STORE_NOT_FOUND', message: 'sequencer store nowhere not found' });
        expect(await refused(`/v1.0-bulkhead/sequencer/${IDS}/k`, { count: -1 })).toMatchObject({ errorCode: 'ERR_MALFORMED_REQUEST' });
        expect(await codeOf(grpc.call('/bulkhead.v1.Sequencer/NextId', { storeName: IDS, key: '', increment: 0, count: 0, metadata: NO_METADATA }))).toBe(`InvalidArgument: Key is empty in sequencer store ${IDS}`);
      });
    });

    it('lists its components with their state', async () => {
      const components = (await sidecar.blocks()).flatMap((block) => block.components);
      expect(components.map((component) => [component.name, component.state])).toEqual([[CONFIG, 'ready'], [LOCKS, 'ready'], [IDS, 'ready']]);
    });
  });
}
