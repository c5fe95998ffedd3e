// The application as a subscriber: what it is asked, in which order, and what becomes of changes while it is away.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { InvokeRequest } from '../proto/gen/dapr/proto/common/v1/common.ts';
import { FakeStore, item, rig, turn, type Rig } from './harness/config-block.ts';
import type { AppCall, FakeKernel } from './harness/pubsub.ts';

let store: FakeStore;
let sidecar: Rig;
let kernel: FakeKernel;
beforeEach(async () => {
  store = new FakeStore();
  store.items.set('a', item('1')).set('b', item('2'));
  sidecar = await rig({ S: store });
  ({ kernel } = sidecar);
});
afterEach(() => vi.useRealTimers());

const AWAY = { code: 14, message: 'app is not in a healthy state', unasked: true } as const;
const pushed = (): string[] => kernel.calls.map(({ request: { target } }) => target);
const valuesOf = ({ body }: AppCall): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries((JSON.parse(body) as { readonly items: Record<string, { readonly value?: string }> }).items).map(([key, { value }]) => [key, value]));
const values = (): Record<string, string | undefined>[] => kernel.calls.map(valuesOf);
const auto = (status = 200): void => { kernel.auto = (call) => call.answer(status); };

describe('a change', () => {
  it('is a request for each key, one after the other, with the whole step in it', async () => {
    const id = await sidecar.subscribeApp('S', 'a', 'b', 'new');
    store.put({ b: item('20', 'v2', { m: '<' }), new: '30' });
    store.drop('a');
    const body = `{"id":"${id}","items":{"b":{"value":"20","version":"v2","metadata":{"m":"\\u003c"}},"new":{"value":"30"}}}\n`;
    expect(kernel.calls.map(({ request, body: sent }) => [request.verb, request.target, request.headers, request.deadlineMs, sent])).toEqual([['POST', '/configuration/S/b', ['content-type', 'application/json'], 30_000, body]]);
    kernel.calls[0]!.answer(200);
    expect(pushed().slice(1)).toEqual(['/configuration/S/new']);
    expect(kernel.calls[1]!.body).toBe(body);
    kernel.calls[1]!.answer(200);
    expect(kernel.calls[2]!.body).toBe(`{"id":"${id}","items":{"a":{}}}\n`);
    kernel.calls[2]!.answer(200);
    expect(kernel.calls).toHaveLength(3);
    expect(sidecar.log.texts('error')).toEqual([]);
  });

  it('has its names escaped', async () => {
    sidecar = await rig({ 'a b': store }, { kernel });
    await sidecar.subscribeApp('a b', 'x/y ?#%é', '..', '');
    auto();
    store.put({ 'x/y ?#%é': '1', '..': '2', '': '3' });
    for (let i = 0; i < 4; i++) await turn();
    expect(pushed()).toEqual(['/configuration/a%20b/x%2Fy%20%3F%23%25%C3%A9', '/configuration/a%20b/..', '/configuration/a%20b/']);
  });

  it.each<[string, (call: AppCall) => void, string]>([
    ['status 500', (call) => call.answer(500), 'it answered with status 500'],
    ['status 204, which is no success', (call) => call.answer(204), 'it answered with status 204'],
    ['no answer in time', (call) => call.fail({ code: 4, message: 'the application did not answer within 30000 ms' }), 'the application did not answer within 30000 ms'],
    ['a broken connection', (call) => call.fail({ code: 14, message: 'socket hang up' }), 'socket hang up'],
  ])('that fails with %s is a line in the log, and is not repeated', async (_, fail, why) => {
    await sidecar.subscribeApp('S', 'a', 'b');
    store.put({ a: '10', b: '20' });
    fail(kernel.calls[0]!);
    kernel.calls[1]!.answer(200);
    expect(pushed()).toEqual(['/configuration/S/a', '/configuration/S/b']);
    expect(sidecar.log.texts('error')).toEqual([`error sending configuration item to the app: ${why}`]);
    expect([...sidecar.checkpoints.kept.keys()].filter((name) => name.startsWith('/behind'))).toEqual([]);
  });

  it('waits for the one before it, and each subscription for its own', async () => {
    await sidecar.subscribeApp('S', 'a');
    await sidecar.subscribeApp('S', 'a');
    store.put({ a: '10' });
    store.put({ a: '11' });
    store.put({ a: '12' });
    expect(values()).toEqual([{ a: '10' }, { a: '10' }]);
    kernel.calls[1]!.answer(200);
    kernel.calls[2]!.answer(200);
    expect(values().slice(2)).toEqual([{ a: '11' }, { a: '12' }]);
    kernel.calls[0]!.answer(200);
    expect(values().at(-1)).toEqual({ a: '11' });
  });

  it('of many keys goes in parts', async () => {
    await sidecar.subscribeApp('S');
    auto();
    store.put(Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`k${i}`, 'x'])));
    for (let i = 0; i < 160; i++) await turn();
    expect(kernel.calls.map((call) => Object.keys(valuesOf(call)).length)).toEqual([...Array<number>(100).fill(100), ...Array<number>(50).fill(50)]);
    expect(new Set(pushed()).size).toBe(150);
  });

  it('reaches a gRPC application as an invocation', async () => {
    sidecar = await rig({ S: store }, { kernel, app: { protocol: 'grpc' } });
    const id = await sidecar.subscribeApp('S', 'a/b');
    store.put({ 'a/b': '10' });
    const { request } = kernel.calls[0]!;
    expect([request.verb, request.target]).toEqual(['RPC', '/dapr.proto.runtime.v1.AppCallback/OnInvoke']);
    const { method, data, contentType, httpExtension } = InvokeRequest.decode(request.body);
    expect([method, Buffer.from(data!.value).toString(), contentType, httpExtension]).toEqual([
      'configuration/S/a/b', `{"id":"${id}","items":{"a/b":{"value":"10"}}}\n`, 'application/json', { verb: 3, querystring: '' },
    ]);
    kernel.calls[0]!.answer(0);
    store.put({ 'a/b': '11' });
    kernel.calls[1]!.fail({ code: 12, message: 'no such method' });
    expect(sidecar.log.texts('error')).toEqual(['error sending configuration item to the app: no such method']);
  });
});

describe('while the application is away', () => {
  it('nothing is asked, and nothing is lost: it is told what is when it is back', async () => {
    sidecar = await rig({ S: store }, { kernel, appUp: false });
    await sidecar.subscribeApp('S', 'a', 'b', 'c');
    for (let i = 0; i < 2_000; i++) store.put({ a: `${i}` });
    store.put({ b: '20', c: '30' });
    store.drop('c');
    expect(kernel.calls).toEqual([]);
    auto();
    await sidecar.block.appChanged!('up');
    for (let i = 0; i < 4; i++) await turn();
    expect(values()).toEqual([{ a: '1999' }, { b: '20' }]); // c is as it was
    store.put({ a: 'x', b: 'y' });
    for (let i = 0; i < 3; i++) await turn();
    expect(values().slice(2)).toEqual([{ a: 'x', b: 'y' }, { a: 'x', b: 'y' }]);
  });

  it('what was under way is done, and the rest waits', async () => {
    await sidecar.subscribeApp('S', 'a', 'b');
    store.put({ a: '10', b: '20' });
    await sidecar.block.appChanged!('down');
    store.put({ a: '11' });
    kernel.calls[0]!.answer(200);
    expect(values()).toEqual([{ a: '10', b: '20' }]);
    auto();
    await sidecar.block.appChanged!('up');
    for (let i = 0; i < 3; i++) await turn();
    expect(values().slice(1)).toEqual([{ b: '20' }, { a: '11' }]);
  });

  it('a request that did not reach it is made again, also when nobody says that it is back', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await sidecar.subscribeApp('S', 'a', 'b');
    store.put({ a: '10', b: '20' });
    kernel.calls[0]!.fail(AWAY);
    store.put({ b: '21' });
    expect(kernel.calls).toHaveLength(1);
    for (const pause of [100, 200, 400, 800, 1_600, 2_000, 2_000]) {
      vi.advanceTimersByTime(pause - 1);
      const count = kernel.calls.length;
      vi.advanceTimersByTime(1);
      expect(kernel.calls.length - count).toBe(1);
      kernel.calls.at(-1)!.fail(AWAY);
    }
    expect(values()).toEqual([{ a: '10', b: '20' }, ...Array<object>(7).fill({ a: '10' })]);
    vi.advanceTimersByTime(2_000);
    kernel.calls.at(-1)!.answer(200);
    kernel.calls.at(-1)!.answer(200);
    expect(values().slice(-2)).toEqual([{ a: '10' }, { b: '21' }]);
    store.put({ a: '12' });
    kernel.calls.at(-1)!.fail(AWAY);
    vi.advanceTimersByTime(100);
    kernel.calls.at(-1)!.answer(200);
    expect([values().slice(-2), sidecar.log.texts('error')], 'another absence begins with a short pause').toEqual([[{ a: '12' }, { a: '12' }], []]);
  });

  it('its coming back ends the pause', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await sidecar.subscribeApp('S', 'a');
    store.put({ a: '10' });
    kernel.calls[0]!.fail(AWAY);
    await sidecar.block.appChanged!('up');
    expect(kernel.calls).toHaveLength(2);
    kernel.calls[1]!.answer(200);
    vi.advanceTimersByTime(60_000);
    expect(kernel.calls).toHaveLength(2);
  });
});

describe('a pause', () => {
  it('asks nothing more, and waits for what is under way', async () => {
    await sidecar.subscribeApp('S', 'a');
    store.put({ a: '10' });
    let paused = false;
    const pause = sidecar.block.pause!(true).then(() => { paused = true; });
    store.put({ a: '11' });
    await turn();
    expect(paused).toBe(false);
    kernel.calls[0]!.answer(200);
    await pause;
    await sidecar.block.appChanged!('up');
    store.put({ a: '12' });
    expect(kernel.calls).toHaveLength(1);
    const kept = Object.fromEntries(sidecar.checkpoints.kept);
    expect(Object.keys(kept).filter((name) => name.startsWith('/behind')), 'the next life knows what it was not told').toHaveLength(1);
  });

  it('has nothing to wait for where nothing is under way', async () => {
    await sidecar.block.pause!(true);
    const alone = await rig({ S: store }, { app: null });
    await alone.block.pause!(true);
  });
});

describe('an end', () => {
  it('gives up what is under way', async () => {
    const id = await sidecar.subscribeApp('S', 'a');
    store.put({ a: '10' });
    store.put({ a: '11' });
    expect((await sidecar.unsubscribe(id)).ok).toBe(true);
    expect([kernel.calls[0]!.givenUp, kernel.calls.length, store.watched, sidecar.checkpoints.kept.size]).toEqual([true, 1, [], 0]);
    await sidecar.block.pause!(true);
  });

  it('while the application is away forgets what it was to be told', async () => {
    const id = await sidecar.subscribeApp('S', 'a');
    await sidecar.block.appChanged!('down');
    store.put({ a: '10' });
    await sidecar.unsubscribe(id);
    await sidecar.block.appChanged!('up');
    expect([kernel.calls.length, sidecar.checkpoints.kept.size]).toEqual([0, 0]);
  });

  it('of the block gives up what is under way, and leaves the subscription to the next life', async () => {
    await sidecar.subscribeApp('S', 'a');
    store.put({ a: '10' });
    await sidecar.block.close();
    expect(kernel.calls[0]!.givenUp).toBe(true);
    expect(new Set([...sidecar.checkpoints.kept.keys()].map((name) => name.split('/')[1]))).toEqual(new Set(['behind', 'subscription', 'told']));
  });
});

describe('a store that refuses', () => {
  it('what it watched before is asked again, and what changed is told then', async () => {
    await sidecar.subscribeApp('S', 'a', 'b');
    await sidecar.subscribeApp('S');
    auto();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    store.refusal = new Error('no permission');
    store.listener.failed(['a'], store.refusal);
    store.listener.failed('all', store.refusal);
    expect(store.asked).toEqual(['+a,b', '+all']);
    store.items.set('a', item('10'));
    expect(await sidecar.get('S', 'a'), 'it is not known any more').toEqual([{ a: '10' }, 'miss']);
    for (const refused of ['+all', '+a', '+all', '+a']) {
      if (refused === '+all') vi.advanceTimersByTime(30_000);
      await turn();
      expect(store.asked).toContain(refused);
    }
    store.refusal = undefined;
    vi.advanceTimersByTime(30_000);
    for (let i = 0; i < 4; i++) await turn();
    expect(values()).toEqual([{ a: '10' }, { a: '10' }]);
    expect(sidecar.log.texts('error')).toEqual(Array(2).fill('the application hears of no changes in configuration store S, and it is tried again: no permission'));
    store.put({ b: '20' });
    for (let i = 0; i < 4; i++) await turn();
    expect(values().slice(2)).toEqual([{ b: '20' }, { b: '20' }]);
  });
});
