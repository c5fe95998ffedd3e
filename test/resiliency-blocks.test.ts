// The drivers of each block under policies: what is tried again and what is not, what clients read when nothing helps, and that a
// component without policies has its own driver.
import { describe, expect, it } from 'vitest';
import type { BlockHost, BlockInit } from '../blocks/block.ts';
import type { Driver } from '../blocks/driver.ts';
import { Stores as LockStores } from '../blocks/lock/stores.ts';
import { NO_METER } from '../blocks/meter.ts';
import { guardedBroker } from '../blocks/pubsub/guarded.ts';
import type { Broker, OutgoingEntry } from '../blocks/pubsub/broker.ts';
import { openGuards } from '../blocks/resiliency/guards.ts';
import { Stores as SequenceStores } from '../blocks/sequencer/stores.ts';
import { SequenceExhausted } from '../blocks/sequencer/store.ts';
import { EtagMismatch, type StateStore } from '../blocks/state/store.ts';
import { get } from '../blocks/state/reads.ts';
import { save, transact } from '../blocks/state/writes.ts';
import { Stores as StateStores } from '../blocks/state/stores.ts';
import type { ComponentResiliency, PolicySet, RetryPolicy } from '../proto/resiliency.ts';
import { eventually } from './harness/awaiting.ts';
import { FakeStore as FakeConfig, rig as configRig, turn } from './harness/config-block.ts';
import { FakeBroker, rig as pubsubRig } from './harness/pubsub.ts';
import { FakeStore as FakeSequences } from './harness/sequencer.ts';
import { PublishEventRequest } from '../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { ROUTE } from '../proto/routes.ts';
import { TroubledStore } from './lock-harness.ts';
import { FakeStore } from './state-harness.ts';
import { componentSpec, memoryCheckpoints, memoryLog, read, removal, SCOPE, upsert } from './support.ts';

const RETRY: RetryPolicy = { policy: 'constant', durationMs: 1, maxIntervalMs: 60_000, maxElapsedMs: 900_000, maxRetries: 2, httpStatusCodes: [], grpcStatusCodes: [] };
const BREAKER = { name: 'cb', maxRequests: 1, intervalMs: 0, timeoutMs: 60_000, trip: 'consecutiveFailures > 1' };
const under = (policies: Partial<PolicySet>): ComponentResiliency => {
  const set = { resource: { name: 'r', namespace: '' }, ...policies };
  return { target: 'Kind_s', outbound: set, inbound: set };
};
const AWAY = new Error('the store is away');

/** Fails so often, and then does what it is for. */
function failing<T>(times: number, cause: Error, act: () => T): { calls: number; call: () => T } {
  const state = {
    calls: 0,
    call: (): T => {
      if (state.calls++ < times) throw cause;
      return act();
    },
  };
  return state;
}

const host: BlockHost = { log: memoryLog(), changed: () => undefined, checkpoints: memoryCheckpoints(), meter: NO_METER };
const init = (type: string, resiliency: ComponentResiliency | undefined): BlockInit => ({
  block: 'b', appId: 'a', namespace: '', components: [{ ...componentSpec(`${type}.fake`, {}, 's'), ...(resiliency && { resiliency }) }], elsewhere: [], maxBodyBytes: 1 << 20,
  log: { level: 'error', json: false, appId: 'a', instance: 'i', version: 'v' }, tracing: {}, subscriptions: [],
});

describe('a state store', () => {
  const open = async (store: StateStore, resiliency?: ComponentResiliency) => new StateStores({ 'state.fake': async () => () => store }, init('state', resiliency), host).find('s');

  it('without policies is the driver itself', async () => {
    const store = new FakeStore();
    expect((await open(store)).driver).toBe(store);
    expect((await open(store, { target: 'Statestore_s' })).driver).toBe(store);
  });

  it('offers all that its driver does, and no more', async () => {
    const bare: StateStore = { features: ['F'], get: () => undefined, set: () => undefined, delete: () => undefined, close: () => undefined };
    const rich: StateStore = { ...bare, getMany: () => [], transact: () => undefined, ping: () => undefined, maxTransactionOperations: 7, handOver: () => undefined };
    for (const store of [bare, rich]) {
      const kept = await open(store, under({ retry: RETRY }));
      const driver: Driver = kept.driver;
      expect(driver).not.toBe(store);
      expect(Object.keys(driver).toSorted()).toEqual(Object.keys(store).toSorted());
      expect([kept.features, kept.handOver !== undefined, kept.driver.maxTransactionOperations]).toEqual([['F'], store.handOver !== undefined, store.maxTransactionOperations]);
    }
  });

  it('is asked again, by each of its methods', async () => {
    const state = failing(2, AWAY, () => undefined);
    const store: StateStore = {
      features: [], close: () => undefined, get: state.call, set: state.call, delete: state.call, getMany: () => { state.call(); return []; }, transact: async () => state.call(),
    };
    const { driver } = await open(store, under({ retry: RETRY }));
    for (const ask of [() => driver.get(read('k'), SCOPE), () => driver.set(upsert('k', '1'), SCOPE), () => driver.delete(removal('k'), SCOPE), () => driver.getMany!([read('k')], SCOPE), () => driver.transact!([], {}, SCOPE)]) {
      state.calls = 0;
      await ask();
      expect(state.calls).toBe(3);
    }
  });

  it('is asked once where it refuses an etag, and its breaker stays closed', async () => {
    const store = new FakeStore();
    store.faults.set('a||k', new EtagMismatch('no'));
    const opened = await open(store, under({ retry: RETRY, breaker: BREAKER }));
    for (let i = 0; i < 4; i++) await expect((async () => save(opened, { store: 's', items: [{ ...upsert('k', '1', { etag: '1' }), key: 'k' }] } as never, SCOPE))()).rejects.toMatchObject({ failure: { grpc: 10, http: 409 } });
    expect(store.calls).toHaveLength(4);
  });

  it('of several items writes those again that failed for another reason than their etag', async () => {
    const store = new FakeStore();
    store.faults.set('a||bad', AWAY).set('a||stale', new EtagMismatch('no'));
    const opened = await open(store, under({ retry: RETRY }));
    const items = ['good', 'bad', 'stale'].map((key) => ({ ...upsert(key, '1'), key }));
    await expect((async () => save(opened, { store: 's', items } as never, SCOPE))()).rejects.toMatchObject({ failure: { http: 500, message: expect.stringContaining('the store is away\npossible etag mismatch') as string } });
    expect(store.calls.map(({ key }) => key).toSorted()).toEqual(['a||bad', 'a||bad', 'a||bad', 'a||good', 'a||stale']);
  });

  it('that its breaker or its timeout ends says so in daprd\'s words, under the operation\'s own code', async () => {
    const store = new FakeStore();
    store.faults.set('a||k', AWAY);
    const opened = await open(store, under({ breaker: BREAKER }));
    const request = { store: 's', key: 'k', consistency: '', metadata: {} };
    const text = async (ask: () => unknown) => (async () => ask())().then(() => 'fine', (cause: unknown) => (cause as { failure: object }).failure);
    for (let i = 0; i < 2; i++) expect(await text(() => get(opened, request, SCOPE))).toMatchObject({ message: 'fail to get k from state store s: the store is away' });
    expect(await text(() => get(opened, request, SCOPE))).toMatchObject({ code: 'ERR_STATE_GET', grpc: 13, http: 500, message: 'fail to get k from state store s: circuit breaker is open' });
    expect(await text(() => transact(opened, { store: 's', operations: [], metadata: {} } as never, SCOPE))).toMatchObject({ message: expect.stringContaining('circuit breaker is open') as string });
    expect(store.calls).toHaveLength(2);
    const hung = await open({ ...bareStore(), get: () => new Promise(() => {}) }, under({ timeoutMs: 5 }));
    expect(await text(() => get(hung, request, SCOPE))).toMatchObject({ code: 'ERR_STATE_GET', http: 500, message: 'fail to get k from state store s: context deadline exceeded' });
  });

  it('that closes ends what waits for a retry', async () => {
    const store = new FakeStore();
    store.faults.set('k', AWAY);
    const opened = await open(store, under({ retry: { ...RETRY, durationMs: 60_000 } }));
    const waiting = Promise.resolve(opened.driver.get(read('k'), SCOPE)).catch((cause: unknown) => cause);
    await turn();
    await opened.close();
    expect(await waiting).toBe(AWAY);
  });
});

function bareStore(): StateStore {
  return { features: [], get: () => undefined, set: () => undefined, delete: () => undefined, close: () => undefined };
}

describe('a lock store', () => {
  const locate = async (store: TroubledStore, resiliency: ComponentResiliency) =>
    new LockStores({ 'lock.fake': async () => () => store }, init('lock', resiliency), host).locate({ store: 's', resource: 'r', owner: 'o' }, () => { throw AWAY; });

  it('is asked again for a lock and its release, but not for a renewal, which knows its own time', async () => {
    const store = new TroubledStore();
    const { driver, key } = await locate(store, under({ retry: RETRY }));
    store.trouble = ({ method }) => (store.of(method).length % 3 === 0 ? undefined : AWAY);
    expect(await driver.tryLock({ key, owner: 'o', expirySeconds: 9 }, SCOPE)).toBe(1n);
    await expect((async () => driver.renew({ key, owner: 'o', expirySeconds: 9 }, SCOPE))()).rejects.toBe(AWAY);
    expect(await driver.unlock({ key, owner: 'o' }, SCOPE)).toBe('released');
    expect([store.of('tryLock').length, store.of('renew').length, store.of('unlock').length]).toEqual([3, 1, 3]);
  });

  it('that is held is no failure, and renewals have the breaker', async () => {
    const store = new TroubledStore();
    const { driver, key } = await locate(store, under({ retry: RETRY, breaker: BREAKER }));
    expect(driver.tryLock({ key, owner: 'o', expirySeconds: 9 }, SCOPE)).toBe(1n);
    for (let i = 0; i < 4; i++) expect(driver.tryLock({ key, owner: 'p', expirySeconds: 9 }, SCOPE)).toBeUndefined();
    store.trouble = () => AWAY;
    for (let i = 0; i < 2; i++) expect(() => driver.renew({ key, owner: 'o', expirySeconds: 9 }, SCOPE)).toThrow('away');
    expect(() => driver.renew({ key, owner: 'o', expirySeconds: 9 }, SCOPE)).toThrow('circuit breaker is open');
  });
});

it('a sequence store is asked again, but for a sequence that has ended', async () => {
  const store = new FakeSequences();
  const { store: rising } = await new SequenceStores({ 'sequencer.fake': async () => () => store }, init('sequencer', under({ retry: RETRY, breaker: BREAKER })), host).find('s', 'k');
  const behaviour = failing(1, AWAY, () => undefined);
  const take = store.take.bind(store);
  store.take = (...given) => {
    behaviour.call();
    return take(...given);
  };
  expect(await rising.take('k', 1, SCOPE)).toBe(1n);
  expect(behaviour.calls).toBe(2);
  store.fault = new SequenceExhausted(5);
  for (let i = 0; i < 3; i++) await expect((async () => rising.take('k', 5, SCOPE))()).rejects.toBe(store.fault);
  expect(store.takes).toHaveLength(4);
});

describe('publishing', () => {
  const guardFor = async (policies: Partial<PolicySet>) => (await openGuards(under(policies), { component: 'p', meter: NO_METER, log: memoryLog() })).outbound!;
  const entries = ['a', 'b', 'c'].map((entryId): OutgoingEntry => ({ entryId, contentType: 'text/plain', data: Buffer.from(entryId), metadata: undefined }));

  it.each(['one by one', 'natively'])('many messages %s sends those again that failed', async (way) => {
    const sent: string[] = [];
    const once = new Set(['b']);
    const take = (id: string): void => {
      sent.push(id);
      if (id === 'c' || once.delete(id)) throw AWAY;
    };
    const attempt = (id: string): { entryId: string; cause: unknown }[] => {
      try {
        take(id);
        return [];
      } catch (cause) {
        return [{ entryId: id, cause }];
      }
    };
    const broker: Broker = {
      features: [], close: () => undefined, subscribe: () => { throw AWAY; },
      publish: async (_, { data }) => take(Buffer.from(data).toString()),
      ...(way === 'natively' && { publishBulk: async (_: string, given: readonly OutgoingEntry[]) => given.flatMap(({ entryId }) => attempt(entryId)) }),
    };
    const guard = await guardFor({ retry: RETRY });
    expect(await guardedBroker(broker, guard).publishBulk!('t', entries, {})).toEqual([{ entryId: 'c', cause: AWAY }]);
    expect(sent).toEqual(['a', 'b', 'c', 'b', 'c', 'c']);
  });

  it('many counts as one call for the breaker, which refuses them all', async () => {
    let calls = 0;
    const broker = { ...new FakeBroker(), publish: () => { calls++; throw AWAY; } } as unknown as Broker;
    const guarded = guardedBroker(broker, await guardFor({ breaker: BREAKER }));
    for (let i = 0; i < 2; i++) expect(await guarded.publishBulk!('t', entries, {})).toEqual(entries.map(({ entryId }) => ({ entryId, cause: AWAY })));
    expect((await guarded.publishBulk!('t', entries, {})).map(({ entryId, cause }) => [entryId, (cause as Error).message])).toEqual([['a', 'circuit breaker is open'], ['b', 'circuit breaker is open'], ['c', 'circuit breaker is open']]);
    expect(calls).toBe(6);
  });

  it('ends with whoever waits for it', async () => {
    const guarded = guardedBroker({ ...new FakeBroker(), publish: () => { throw AWAY; } } as unknown as Broker, await guardFor({ retry: { ...RETRY, durationMs: 60_000 } }));
    const leaving = new AbortController();
    const one = Promise.resolve(guarded.publish('t', entries[0]!, leaving)).catch((cause: unknown) => cause);
    const many = guarded.publishBulk!('t', entries, {}, leaving);
    await turn();
    leaving.abort();
    expect([await one, (await many).length]).toEqual([AWAY, 3]);
  });

  it('one message is tried again, and then fails with what the broker said, or the policy', async () => {
    const made = pubsubRig({ resiliency: under({ retry: RETRY, breaker: { ...BREAKER, trip: 'consecutiveFailures > 2' } }), app: null });
    await turn();
    made.broker.publishing = () => { throw AWAY; };
    const { run, decodeGrpc } = made.block.methods.get(ROUTE.PublishEvent.id)!;
    const publish = async () => run(decodeGrpc(PublishEventRequest.encode({ pubsubName: 'p', topic: 't', data: Buffer.from('x'), dataContentType: 'text/plain', metadata: new Map() }).finish(), {}), SCOPE) as unknown;
    await expect(publish()).rejects.toMatchObject({ failure: { http: 500, message: 'error when publishing to topic t in pubsub p: the store is away' } });
    await expect(publish()).rejects.toMatchObject({ failure: { http: 500, message: 'error when publishing to topic t in pubsub p: circuit breaker is open' } });
    await made.block.close();
  });
});

describe('a configuration store', () => {
  it('is read again, and a subscription asks to be let in again', async () => {
    const store = new FakeConfig();
    store.items.set('k', { value: 'v', version: '', metadata: {} });
    const made = await configRig({ s: store }, { resiliency: under({ retry: { ...RETRY, maxRetries: 100, durationMs: 5 } }) });
    await turn();
    store.fault = AWAY;
    const reading = made.get('s', 'k');
    await eventually('it was read again', () => store.reads.length > 2);
    store.fault = undefined;
    expect(await reading).toEqual([{ k: 'v' }, 'miss']);

    store.refusal = new Error('not now');
    const subscribing = made.subscribeApp('s', 'j');
    const stream = made.stream('s', ['j']);
    const watching = (): number => store.asked.filter((asked) => asked.startsWith('+')).length;
    await eventually('they asked again', () => watching() > 4);
    expect([stream.ended, stream.messages]).toEqual([undefined, []]);
    store.refusal = undefined;
    expect(await subscribing).toMatch(/-/);
    await eventually('the stream stands', () => stream.id !== '');
    store.put({ j: 'w' });
    await eventually('both are told', () => stream.last['j'] === 'w' && made.kernel.calls.length === 1);
    await made.block.close();
  });

  it('refuses a subscription when the policy has had enough, and lets a client leave that waits', async () => {
    const store = new FakeConfig();
    store.refusal = new Error('never');
    const made = await configRig({ s: store }, { resiliency: under({ retry: RETRY, timeoutMs: 1_000 }) });
    await turn();
    await expect(made.subscribeApp('s', 'k')).rejects.toThrow(/never/);
    const refused = made.stream('s', ['k']);
    await eventually('the stream is refused', () => refused.ended !== undefined);
    expect((refused.ended as Error).message).toContain('never');
    expect(store.asked.filter((asked) => asked.startsWith('+'))).toHaveLength(6);

    const patient = await configRig({ s: store }, { resiliency: under({ retry: { ...RETRY, durationMs: 60_000 } }) });
    await turn();
    const leaving = patient.stream('s', ['k']);
    await turn();
    leaving.onCancel();
    const leftAt = store.asked.length;
    const silent = new FakeConfig();
    silent.mute = true;
    const hasty = await configRig({ s: silent }, { resiliency: under({ timeoutMs: 5 }) });
    await turn();
    await expect(hasty.subscribeApp('s', 'k')).rejects.toThrow(/context deadline exceeded/);
    expect(store.asked.length).toBe(leftAt);
    await Promise.all([made, patient, hasty].map(({ block }) => block.close()));
  });

  it('pushes a change again that the application did not take, and gives up with the policy', async () => {
    const store = new FakeConfig();
    const made = await configRig({ s: store }, { resiliency: under({ retry: { ...RETRY, httpStatusCodes: [[500, 599]] } }) });
    await turn();
    await made.subscribeApp('s', 'k');
    const { calls } = made.kernel;
    const answer = async (count: number, status: number): Promise<void> => {
      await eventually('the application is asked', () => calls.length === count);
      calls.at(-1)!.answer(status);
    };
    store.put({ k: '1' });
    await answer(1, 503);
    await answer(2, 200);
    store.put({ k: '2' });
    for (const count of [3, 4, 5]) await answer(count, 500);
    store.put({ k: '3' });
    await answer(6, 404);
    await eventually('the failures are said', () => made.log.texts('error').length === 2);
    expect(made.log.texts('error')).toEqual(['error sending configuration item to the app: it answered with status 500', 'error sending configuration item to the app: it answered with status 404']);
    expect(new Set(calls.map(({ body }) => body)).size).toBe(3);
    await made.block.close();
  });
});
