// Subscriptions over gRPC streams: what each is told and when, under credit, and how they end.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FAIL } from '../proto/failures.ts';
import { FakeStore, item, rig, turn, type Rig } from './harness/config-block.ts';

let store: FakeStore;
let sidecar: Rig;
beforeEach(async () => {
  store = new FakeStore();
  store.items.set('a', item('1')).set('b', item('2'));
  sidecar = await rig({ S: store });
});
afterEach(() => vi.useRealTimers());

const wants = (stream: { readonly ended: unknown }): unknown => (stream.ended as { readonly failure?: object } | undefined)?.failure ?? stream.ended;

describe('a subscriber', () => {
  it('is told its id alone first, and then differences, one message for a step', async () => {
    const stream = await sidecar.subscribed('S', 'a', 'b', 'new');
    expect(stream.messages.map(({ id, items }) => [id === stream.id, items.size])).toEqual([[true, 0]]);
    expect(stream.id).toMatch(/^[\da-f-]{36}$/);
    store.put({ a: '10' });
    store.put({ b: item('20', 'v2', { m: 'x' }), new: '30', other: '40' });
    store.drop('a');
    expect(stream.told).toEqual([{ a: '10' }, { b: '20', new: '30' }, { a: undefined }]);
    expect(stream.messages.every(({ id }) => id === stream.id)).toBe(true);
    expect(stream.messages[2]?.items.get('b')).toEqual({ value: '20', version: 'v2', metadata: new Map([['m', 'x']]) });
    expect(stream.messages[3]?.items.get('a')).toEqual({ value: '', version: '', metadata: new Map() });
  });

  it('hears nothing of what is known', async () => {
    const stream = await sidecar.subscribed('S', 'a', 'b', 'nothing');
    store.tell(['a', 'b', 'nothing']);
    store.listener.touched(['a']);
    store.tell(['a']);
    expect(stream.told).toEqual([]);
  });

  it('hears of another version or other metadata', async () => {
    const stream = await sidecar.subscribed('S', 'a');
    store.put({ a: item('1', '2') });
    store.put({ a: item('1', '2', { m: 'x' }) });
    store.put({ a: item('1', '2', { m: 'x' }) });
    expect(stream.messages.slice(1).map(({ items }) => [items.get('a')?.version, items.get('a')?.metadata.size])).toEqual([['2', 0], ['2', 1]]);
  });

  it('of all keys hears of new ones, and of those that are gone', async () => {
    const stream = await sidecar.subscribed('S');
    store.put({ c: '3' });
    store.put({ a: '10' });
    store.drop('b', 'unknown');
    store.put({ b: '20' });
    expect(stream.told).toEqual([{ c: '3' }, { a: '10' }, { b: undefined }, { b: '20' }]);
    store.items.delete('c');
    store.items.set('d', item('4'));
    store.tell('all');
    expect(stream.told.at(-1)).toEqual({ c: undefined, d: '4' });
  });

  it('of all keys hears of a key that another one has long waited for', async () => {
    const all = await sidecar.subscribed('S');
    store.mute = true;
    const some = sidecar.stream('S', ['new', 'far']);
    store.items.set('new', item('1'));
    store.tell(['new']);
    expect([all.told, some.told], 'all is known, so there was nothing to wait for').toEqual([[{ new: '1' }], [{ new: '1' }]]);
  });

  it('may name a key twice, and hears once', async () => {
    const stream = await sidecar.subscribed('S', 'a', 'a');
    store.put({ a: '10' });
    expect([stream.told, store.asked]).toEqual([[{ a: '10' }], ['+a']]);
  });

  it('is one of many, and they cost one watched key', async () => {
    const streams = await Promise.all(Array.from({ length: 50 }, () => sidecar.subscribed('S', 'a')));
    expect(store.asked).toEqual(['+a']);
    store.put({ a: '10' });
    for (const stream of streams) expect(stream.told).toEqual([{ a: '10' }]);
    expect(new Set(streams.map(({ id }) => id)).size).toBe(50);
    for (const stream of streams.slice(1)) stream.onCancel();
    expect(store.asked).toEqual(['+a']);
    streams[0]!.onCancel();
    expect(store.asked).toEqual(['+a', '-a']);
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });

  it('of some keys goes on when the one of all keys leaves', async () => {
    const some = await sidecar.subscribed('S', 'a');
    const all = await sidecar.subscribed('S');
    const late = await sidecar.subscribed('S', 'b');
    all.onCancel();
    expect([store.asked, store.watched]).toEqual([['+a', '+all', '+b', '-all'], ['a', 'b']]);
    store.put({ a: '10', b: '20' });
    expect([some.told, all.told, late.told]).toEqual([[{ a: '10' }], [], [{ b: '20' }]]);
  });
});

describe('a subscription begins', () => {
  it('when all its keys are known, and not before', async () => {
    store.mute = true;
    const stream = sidecar.stream('S', ['a', 'b']);
    store.tell(['a']);
    expect(stream.messages).toEqual([]);
    store.items.set('a', item('10'));
    store.tell(['a']);
    store.tell(['b']);
    store.items.set('b', item('20'));
    store.tell(['b']);
    expect([stream.messages.length, stream.told]).toEqual([2, [{ b: '20' }]]);
  });

  it('of all keys when all are known', async () => {
    await sidecar.subscribed('S', 'a');
    store.mute = true;
    const stream = sidecar.stream('S');
    store.tell(['a']);
    expect(stream.messages).toEqual([]);
    store.tell('all');
    expect(stream.messages).toHaveLength(1);
  });

  it('at once where they are known', async () => {
    await sidecar.subscribed('S', 'a');
    expect(sidecar.stream('S', ['a']).messages).toHaveLength(1);
    store.listener.touched(['a']);
    const other = sidecar.stream('S', ['a']);
    expect(other.messages).toHaveLength(0);
    store.put({ a: '10' });
    expect([other.messages.length, other.told]).toEqual([1, []]);
  });

  it('with what it was told before a loss forgotten', async () => {
    store.mute = true;
    const stream = sidecar.stream('S', ['a', 'b']);
    store.tell(['a']);
    store.listener.lost('gone');
    store.tell(['b']);
    expect(stream.messages).toEqual([]);
    store.tell(['a']);
    expect(stream.messages).toHaveLength(1);
  });

  it('never, when the store stays away for too long', async () => {
    await sidecar.subscribed('S', 'a');
    store.listener.lost('connection refused');
    store.mute = true;
    vi.useFakeTimers();
    const [stream, all] = [sidecar.stream('S', ['a', 'b']), sidecar.stream('S')];
    vi.advanceTimersByTime(4_999);
    expect([stream.ended, all.ended]).toEqual([undefined, undefined]);
    vi.advanceTimersByTime(1);
    expect(wants(stream)).toMatchObject({ grpc: 3, message: 'failed to subscribe [a b] from Configuration store S: connection refused' });
    expect(wants(all)).toMatchObject({ message: 'failed to subscribe [] from Configuration store S: connection refused' });
    expect(store.watched, 'the first goes on').toEqual(['a']);
  });

  it('never, when the store says nothing', () => {
    store.mute = true;
    vi.useFakeTimers();
    const stream = sidecar.stream('S', ['a']);
    vi.advanceTimersByTime(5_000);
    expect(wants(stream)).toMatchObject({ message: 'failed to subscribe [a] from Configuration store S: the store did not say within 5 s what there is' });
  });

  it('never, when its client leaves first', async () => {
    store.mute = true;
    const stream = sidecar.stream('S', ['a']);
    stream.onCancel();
    store.tell(['a']);
    expect([stream.messages, store.watched, sidecar.checkpoints.kept.size]).toEqual([[], [], 0]);
    const controller = new AbortController();
    const overHttp = sidecar.http('SubscribeConfiguration', ['S'], 'key=a', controller);
    await turn();
    controller.abort();
    expect((await overHttp).status).toBe(408);
    expect(store.watched).toEqual([]);
  });

  it('never, when its client leaves before the component has started', async () => {
    let start!: () => void;
    const started = new Promise<void>((resolve) => { start = resolve; });
    sidecar = await rig({ S: store }, { open: async (opened) => { await started; return opened; } });
    const [gone, stays] = [sidecar.stream('S', ['a']), sidecar.stream('S', ['a'])];
    gone.onCancel();
    start();
    await turn();
    await turn();
    expect([gone.messages.length, stays.messages.length, store.asked]).toEqual([0, 1, ['+a']]);
  });
});

describe('after the watch was lost', () => {
  it('whatever changed in between is told, and nothing else', async () => {
    const [some, all] = [await sidecar.subscribed('S', 'a', 'b', 'c'), await sidecar.subscribed('S')];
    store.mute = true;
    store.listener.lost('gone');
    store.put({ a: '10', c: '30' });
    store.put({ a: '11', d: '40' });
    store.drop('b');
    expect(some.told).toEqual([]);
    store.found();
    expect(some.told).toEqual([{ a: '11', b: undefined, c: '30' }]);
    expect(all.told).toEqual([{ a: '11', b: undefined, c: '30', d: '40' }]);
    store.listener.lost('again');
    store.found();
    expect([some.told.length, all.told.length]).toEqual([1, 1]);
  });
});

describe('what the store does not watch any more', () => {
  it('ends the streams that want it, and no others', async () => {
    const [first, second, all] = [await sidecar.subscribed('S', 'a', 'b'), await sidecar.subscribed('S', 'b'), await sidecar.subscribed('S')];
    store.listener.failed(['a'], new Error('no permission'));
    expect(wants(first)).toMatchObject({ message: 'failed to subscribe [a b] from Configuration store S: no permission' });
    store.listener.failed('all', new Error('no permission'));
    expect(wants(all)).toMatchObject({ message: 'failed to subscribe [] from Configuration store S: no permission' });
    store.put({ b: '20' });
    expect([second.ended, second.told]).toEqual([undefined, [{ b: '20' }]]);
  });
});

describe('a slow client', () => {
  it('is sent no more than it may be, and the rest in order when it can take it', async () => {
    const stream = await sidecar.subscribed('S', 'a', 'b');
    stream.credit = 1;
    for (let i = 0; i < 5; i++) store.put({ a: `a${i}` });
    store.put({ a: 'x', b: 'y' });
    expect(stream.told).toEqual([{ a: 'a0' }]);
    stream.grant(2);
    expect(stream.told.slice(1)).toEqual([{ a: 'a1' }, { a: 'a2' }]);
    stream.grant(Infinity);
    expect(stream.told.slice(3)).toEqual([{ a: 'a3' }, { a: 'a4' }, { a: 'x', b: 'y' }]);
  });

  it('is told of a thousand changes one by one, and of more what each key is at last', async () => {
    const stream = await sidecar.subscribed('S', 'a', 'b');
    stream.credit = 1;
    for (let i = 0; i < 5_000; i++) store.put(i % 2 === 0 ? { a: `a${i}` } : { b: `b${i}` });
    stream.grant(Infinity);
    expect(stream.told).toHaveLength(1002);
    expect(stream.told.slice(-2)).toEqual([{ a: 'a1000' }, { a: 'a4998', b: 'b4999' }]);
    expect(sidecar.log.texts('warn')).toEqual([expect.stringContaining('more slowly than they happen')]);
    stream.credit = 1;
    for (let i = 0; i < 5_000; i++) store.put({ a: `again ${i}` });
    stream.grant(Infinity);
    expect([stream.last, stream.told.length]).toEqual([{ a: 'again 4999', b: 'b4999' }, 1002 + 1002]);
    expect(sidecar.log.texts('warn')).toHaveLength(1);
  });

  it('hears nothing of a key that has become what it was', async () => {
    const stream = await sidecar.subscribed('S', 'a', 'b');
    stream.credit = 1;
    store.put({ b: 'x' });
    for (let i = 0; i < 1_000; i++) store.put({ b: `${i}` });
    store.put({ a: '10' });
    store.put({ a: '1' });
    stream.grant(Infinity);
    expect(stream.told.slice(-2)).toEqual([{ b: '998' }, { b: '999' }]);
    store.put({ a: '11' });
    expect(stream.told.at(-1)).toEqual({ a: '11' });
    expect([...sidecar.checkpoints.kept.keys()].filter((name) => name.startsWith('/behind'))).toEqual([]);
  });

  it('gets a large step in parts', async () => {
    const stream = await sidecar.subscribed('S');
    const large = 'x'.repeat(300_000);
    store.put(Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`k${i}`, `${large}${i}`])));
    expect(stream.told.map((told) => Object.keys(told))).toEqual([['k0', 'k1', 'k2'], ['k3', 'k4', 'k5'], ['k6']]);
    store.put({ k: 'y'.repeat(2_000_000) });
    expect(stream.told).toHaveLength(4);
  });

  it('is not sent what no message may have', async () => {
    sidecar = await rig({ S: store }, { maxBodyBytes: 100_000 });
    const [stream, other] = [await sidecar.subscribed('S', 'a'), await sidecar.subscribed('S', 'b')];
    store.put({ a: 'x'.repeat(100_000), b: '20' });
    expect(wants(stream)).toMatchObject({ grpc: 8, message: expect.stringContaining('which is more than a message may have: 100000') as string });
    expect([other.told, store.watched]).toEqual([[{ b: '20' }], ['b']]);
  });
});

describe('an end', () => {
  it('by the client ends the subscription', async () => {
    const stream = await sidecar.subscribed('S', 'a');
    stream.onCancel();
    stream.onCancel();
    store.put({ a: '10' });
    expect([stream.told, store.watched, stream.ended, (await sidecar.unsubscribe(stream.id)).ok]).toEqual([[], [], undefined, false]);
  });

  it('by another client, and then by its own', async () => {
    const stream = await sidecar.subscribed('S', 'a');
    await sidecar.unsubscribe(stream.id);
    stream.onCancel();
    stream.onCredit();
    expect([stream.ended, store.watched]).toEqual(['ok', []]);
  });

  it('of the block fails every stream, and those that have not begun', async () => {
    const begun = await sidecar.subscribed('S', 'a');
    store.mute = true;
    const waiting = sidecar.stream('S', ['c']);
    const overHttp = sidecar.http('SubscribeConfiguration', ['S'], 'key=c');
    await turn();
    await sidecar.block.close();
    for (const { ended } of [begun, waiting]) expect(ended).toMatchObject({ failure: FAIL.configurationClosed('S').failure });
    expect(await overHttp).toMatchObject({ status: 503 });
    expect(store.closed).toBe(true);
    store.listener.state(new Map([['a', item('late')]]), false);
    store.listener.lost('late');
    store.listener.failed(['a'], new Error('late'));
    await sidecar.block.close();
    expect(begun.told).toEqual([]);
  });
});

describe('limits', () => {
  it('of keys in a subscription', () => {
    const stream = sidecar.stream('S', Array.from({ length: 10_001 }, (_, i) => `${i}`));
    expect(wants(stream)).toMatchObject({ message: 'failed to subscribe [10001 keys] from Configuration store S: a subscription may have 10000 keys, or all keys there are' });
  });

  it('of subscriptions', async () => {
    const streams = Array.from({ length: 10_000 }, () => sidecar.stream('S', ['a']));
    await turn();
    const message = 'failed to subscribe [a] from Configuration store S: there are 10000 subscriptions, which is as many as there may be: end those that are not needed';
    expect(wants(sidecar.stream('S', ['a']))).toMatchObject({ message });
    expect(await sidecar.http('SubscribeConfiguration', ['S'], 'key=a')).toMatchObject({ status: 500, body: JSON.stringify({ errorCode: 'ERR_CONFIGURATION_SUBSCRIBE', message }) });
    streams[77]!.onCancel();
    expect(sidecar.stream('S', ['a']).messages).toHaveLength(1);
  });
});
