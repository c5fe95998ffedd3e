// Subscriptions over the lives of their block: what the next life finds, whom it tells what, and what it forgets.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RESUME } from '../proto/control.ts';
import { Ledger } from '../blocks/config/ledger.ts';
import { FakeStore, item, rig, turn, type FakeStream, type Rig, type RigOptions } from './harness/config-block.ts';
import type { FakeKernel } from './harness/pubsub.ts';
import { memoryCheckpoints, memoryLog } from './support.ts';

let store: FakeStore;
let sidecar: Rig;
let kernel: FakeKernel;
beforeEach(async () => {
  store = new FakeStore();
  store.items.set('a', item('1')).set('b', item('2'));
  sidecar = await rig({ S: store });
  ({ kernel } = sidecar);
  kernel.auto = (call) => call.answer(200);
});
afterEach(() => vi.useRealTimers());

let names = 0;
/** A stream by a name of the kernel's. */
async function named(...keys: string[]): Promise<{ readonly stream: FakeStream; readonly name: string }> {
  const name = `n${++names}`;
  const stream = sidecar.stream('S', keys, { [RESUME.stream]: name });
  await turn();
  return { stream, name };
}
/** The same stream on the present life. */
const again = (name: string, ...keys: string[]): FakeStream => sidecar.stream('S', keys, { [RESUME.stream]: name, [RESUME.resumed]: '1' });

/** The block dies, and its next life begins over a store that may have changed meanwhile. */
async function die(meanwhile: () => void = () => {}, options: RigOptions & { readonly stores?: Readonly<Record<string, FakeStore>> } = {}): Promise<void> {
  const { items } = store;
  store = new FakeStore();
  for (const [key, one] of items) store.items.set(key, one);
  meanwhile();
  sidecar = await rig(options.stores ?? { S: store }, { kernel, checkpoints: sidecar.checkpoints.next(), ...options });
  for (let i = 0; i < 4; i++) await turn();
}

const values = (): object[] => kernel.calls.map(({ body }) => (JSON.parse(body) as { readonly items: object }).items);
const kinds = (): string[] => [...sidecar.checkpoints.kept.keys()].map((name) => name.split('/')[1]!).sort();

describe('the application\'s subscription', () => {
  it('outlives the block: the next life tells what changed in between, and nothing else', async () => {
    const id = await sidecar.subscribeApp('S', 'a', 'b', 'c');
    await die();
    expect([values(), store.watched]).toEqual([[], ['a', 'b', 'c']]);
    await die(() => {
      store.items.set('a', item('10')).set('c', item('30'));
      store.items.delete('b');
    });
    const step = { a: { value: '10' }, b: {}, c: { value: '30' } };
    expect(values()).toEqual([step, step, step]);
    expect(kernel.calls[0]!.body).toContain(id);
    await die();
    store.put({ a: '11' });
    await turn();
    expect(values().slice(3)).toEqual([{ a: { value: '11' } }]);
  });

  it('of all keys hears of new keys, and of those that are gone', async () => {
    await sidecar.subscribeApp('S');
    await die(() => {
      store.items.set('c', item('30'));
      store.items.delete('b');
    });
    expect(values()).toEqual([{ b: {}, c: { value: '30' } }, { b: {}, c: { value: '30' } }]);
    await die();
    expect(values()).toHaveLength(2);
    store.drop('a', 'c');
    for (let i = 0; i < 3; i++) await turn();
    expect(kinds()).toEqual(['subscription']);
  });

  it('keeps its id', async () => {
    const id = await sidecar.subscribeApp('S', 'a');
    await die();
    expect((await sidecar.http('UnsubscribeConfiguration', ['S', id])).body).toBe('{"ok":true}');
    expect([sidecar.checkpoints.kept.size, store.watched]).toEqual([0, []]);
    await die(() => store.items.set('a', item('10')));
    expect([values(), store.asked]).toEqual([[], []]);
  });

  it('is pushed again what it was being pushed', async () => {
    kernel.auto = undefined;
    await sidecar.subscribeApp('S', 'a', 'b');
    store.put({ a: '10', b: '20' });
    kernel.calls[0]!.answer(200);
    kernel.auto = (call) => call.answer(200);
    await die();
    expect(values().slice(2)).toEqual([{ b: { value: '20' } }]);
    expect(kinds()).toEqual(['subscription', 'told', 'told']);
  });

  it('is told what is, of all that the application missed over several lives', async () => {
    await sidecar.subscribeApp('S', 'a', 'b');
    await sidecar.block.appChanged!('down');
    store.put({ a: '10', b: '20' });
    await die(() => store.items.set('a', item('11')), { appUp: false });
    store.put({ b: '21' });
    await die(() => store.items.set('b', item('2')), { appUp: false });
    expect(values()).toEqual([]);
    await sidecar.block.appChanged!('up');
    await turn();
    expect([values(), kinds()]).toEqual([[{ a: { value: '11' } }], ['subscription', 'told', 'told']]);
  });

  it('is not told what it was not told, where that has been taken back', async () => {
    kernel.auto = (call) => call.fail({ code: 14, message: 'nobody is there', unasked: true });
    await sidecar.subscribeApp('S', 'a');
    store.put({ a: '10' });
    await turn();
    kernel.auto = (call) => call.answer(200);
    await die(() => store.items.set('a', item('1')));
    expect([values().length, kinds()]).toEqual([1, ['subscription', 'told']]);
  });

  it('is told again what it may have been told, even where that has been taken back', async () => {
    kernel.auto = undefined;
    await sidecar.subscribeApp('S', 'a');
    store.put({ a: '10' });
    kernel.auto = (call) => call.answer(200);
    await die(() => store.items.set('a', item('1')));
    expect(values()).toEqual([{ a: { value: '10' } }, { a: { value: '1' } }]);
  });

  it('whose push failed is not told again', async () => {
    kernel.auto = (call) => call.answer(500);
    await sidecar.subscribeApp('S', 'a');
    store.put({ a: '10' });
    await turn();
    await die();
    expect(values()).toHaveLength(1);
  });

  it('waits for a store that is away, and can be ended meanwhile', async () => {
    const [first, second] = [await sidecar.subscribeApp('S', 'a'), await sidecar.subscribeApp('S', 'a')];
    let start!: () => void;
    const started = new Promise<void>((resolve) => { start = resolve; });
    await die(() => store.items.set('a', item('10')), { open: async (opened) => { await started; return opened; } });
    expect((await sidecar.http('UnsubscribeConfiguration', ['S', first])).status).toBe(200);
    start();
    for (let i = 0; i < 4; i++) await turn();
    expect(kernel.calls.map(({ body }) => body)).toEqual([`{"id":"${second}","items":{"a":{"value":"10"}}}\n`]);
  });

  it('ends when there is nobody left to tell, or nothing to hear it from', async () => {
    await sidecar.subscribeApp('S', 'a');
    const { checkpoints } = sidecar;
    await die(undefined, { app: null });
    expect([store.asked, kinds()]).toEqual([[], []]);
    await die(undefined, { checkpoints: checkpoints.next(), stores: { other: new FakeStore() } });
    expect(kinds().filter((kind) => kind === 'subscription')).toEqual([]);
  });

  it('counts where subscriptions are counted', async () => {
    const ids = await Promise.all(Array.from({ length: 10_000 }, () => sidecar.subscribeApp('S', 'a')));
    await die();
    expect((await sidecar.http('SubscribeConfiguration', ['S'], 'key=a')).status).toBe(500);
    await sidecar.unsubscribe(ids[5]!);
    expect((await sidecar.http('SubscribeConfiguration', ['S'], 'key=a')).status).toBe(200);
  });
});

describe('a stream', () => {
  it('goes on with the next life: no second first message, the same id, and what changed in between', async () => {
    const [some, all] = [await named('a', 'b'), await named()];
    store.put({ a: '10' });
    const told = [some, all].map(({ stream }) => stream.told.length);
    await die(() => store.items.set('b', item('20')).set('c', item('30')));
    const [someAgain, allAgain] = [again(some.name, 'a', 'b'), again(all.name)];
    await turn();
    expect(told).toEqual([1, 1]);
    expect([someAgain.told, allAgain.last]).toEqual([[{ b: '20' }], { b: '20', c: '30' }]);
    expect(someAgain.messages.map(({ id, items }) => [id, items.size])).toEqual([[some.stream.id, 1]]);
    store.put({ a: '11' });
    expect([someAgain.told.at(-1), allAgain.told.at(-1)]).toEqual([{ a: '11' }, { a: '11' }]);
    expect((await sidecar.unsubscribe(some.stream.id)).ok).toBe(true);
    expect(someAgain.ended).toBe('ok');
  });

  it('is told what it had no credit for', async () => {
    const { stream, name } = await named('a', 'b');
    const quick = await named('a', 'b');
    stream.credit = 1;
    store.put({ a: '10' });
    store.put({ a: '11' });
    store.put({ b: '20' });
    await die();
    const resumed = again(name, 'a', 'b');
    const other = again(quick.name, 'a', 'b');
    await turn();
    expect([stream.told, resumed.told, other.told]).toEqual([[{ a: '10' }], [{ a: '11', b: '20' }], []]);
    expect(kinds()).toEqual(['subscription', 'subscription', 'told', 'told']);
  });

  it('is told on the next life what changed before it came back', async () => {
    const { name } = await named('a');
    await die(() => store.items.set('a', item('10')));
    store.put({ a: '11' });
    store.put({ b: 'nobody wants it' });
    const resumed = again(name, 'a');
    expect(resumed.told).toEqual([{ a: '10' }, { a: '11' }]);
  });

  it('whose client had got nothing begins anew', async () => {
    const { stream, name } = await named('a');
    await die(() => store.items.set('a', item('10')));
    const renewed = sidecar.stream('S', ['a'], { [RESUME.stream]: name });
    await turn();
    expect([renewed.messages.length, renewed.told, renewed.id === stream.id]).toEqual([1, [], false]);
    expect([store.watched, kinds()]).toEqual([['a'], ['subscription', 'told']]);
  });

  it('of which nothing is known must begin anew', async () => {
    expect(again('unheard of', 'a').ended).toMatchObject({ failure: { grpc: 14, message: 'the config block restarted while this call was in flight' } });
  });

  it('that ended is forgotten', async () => {
    const { stream, name } = await named('a');
    stream.onCancel();
    await die();
    expect([store.asked, again(name, 'a').ended]).toEqual([[], expect.objectContaining({ message: 'the config block restarted while this call was in flight' })]);
  });

  it('that does not come back is forgotten after a while', async () => {
    await named('a');
    const { name } = await named('b');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await die();
    again(name, 'b');
    expect(store.watched).toEqual(['a', 'b']);
    vi.advanceTimersByTime(60_000);
    expect([store.watched, kinds()]).toEqual([['b'], ['subscription', 'told']]);
  });

  it('that the store refuses on the next life must begin anew', async () => {
    const { name } = await named('a');
    await die(() => { store.refusal = new Error('no'); });
    expect(again(name, 'a').ended).toMatchObject({ failure: { grpc: 14 } });
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });

  it('waits with its client for a component that starts late', async () => {
    const { name } = await named('a');
    let start!: () => void;
    const started = new Promise<void>((resolve) => { start = resolve; });
    await die(() => store.items.set('a', item('10')), { open: async (opened) => { await started; return opened; } });
    const resumed = again(name, 'a');
    expect([resumed.told, resumed.ended]).toEqual([[], undefined]);
    start();
    for (let i = 0; i < 3; i++) await turn();
    expect(resumed.told).toEqual([{ a: '10' }]);
  });

  it('may have changed and changed back, and hears nothing', async () => {
    const { stream, name } = await named('a');
    stream.credit = 1;
    store.put({ a: '9' });
    store.put({ a: '10' });
    await die(() => store.items.set('a', item('9')));
    const resumed = again(name, 'a');
    expect([resumed.told, kinds()]).toEqual([[], ['subscription', 'told']]);
  });
});

describe('what is noted', () => {
  it('is one line for a key, however many have subscribed', async () => {
    for (let i = 0; i < 20; i++) await named('a');
    await sidecar.subscribeApp('S', 'a', 'nothing');
    store.put({ a: '10' });
    await turn();
    expect(kinds()).toEqual([...Array<string>(21).fill('subscription'), 'told']);
  });

  it('is kept apart from what drivers note', async () => {
    const checkpoints = memoryCheckpoints(new Map([['subscription x', 'y'], ['S told', 'z']]));
    sidecar = await rig({ S: store }, { checkpoints });
    await sidecar.subscribeApp('S', 'a');
    expect([...checkpoints.kept].slice(0, 2)).toEqual([['subscription x', 'y'], ['S told', 'z']]);
  });

  it('comes back as it was, whatever the names', () => {
    const checkpoints = memoryCheckpoints();
    const ledger = new Ledger(checkpoints);
    ledger.begin({ id: '1', store: 'a b', keys: ['x/y', '', 'z\n/w'], stream: undefined });
    ledger.begin({ id: '2', store: 'S', keys: 'all', stream: '7' });
    ledger.behind('1', 'z\n/w', 'digest');
    ledger.behind('1', '', '');
    ledger.told('a b', 'x/y', 'd1');
    ledger.told('a b', '', 'd2');
    ledger.told('S', 'x', 'd3');
    ledger.told('S', 'gone', 'd4');
    ledger.told('S', 'gone', '');
    const next = new Ledger(checkpoints.next());
    expect(next.found(memoryLog())).toEqual([
      { id: '1', store: 'a b', keys: ['x/y', '', 'z\n/w'], stream: undefined, behind: new Map([['z\n/w', 'digest'], ['', '']]) },
      { id: '2', store: 'S', keys: 'all', stream: '7', behind: new Map() },
    ]);
    expect([next.foundTold('a b'), next.foundTold('S')]).toEqual([new Map([['x/y', 'd1'], ['', 'd2']]), new Map([['x', 'd3']])]);
  });

  it('that can\'t be read is one subscription less', async () => {
    const log = memoryLog();
    const checkpoints = memoryCheckpoints(new Map([['/subscription/1', 'not JSON'], ['/subscription/2', '["S",["a"],null]']]));
    expect(new Ledger(checkpoints).found(log).map(({ id }) => id)).toEqual(['2']);
    expect([log.texts('error').length, [...checkpoints.kept.keys()]]).toEqual([1, ['/subscription/2']]);
  });
});
