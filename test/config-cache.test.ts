// Reads that need no store: when a key is watched for them, when memory counts and when it does not.
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeStore, getRequest, item, rig, turn, type Rig } from './harness/config-block.ts';

let store: FakeStore;
let sidecar: Rig;
beforeEach(async () => {
  store = new FakeStore();
  store.items.set('a', item('1')).set('b', item('2')).set('c', item('3'));
  sidecar = await rig({ S: store });
});

const get = async (...keys: string[]): Promise<readonly [Record<string, string>, string | undefined]> => {
  const answer = await sidecar.get('S', ...keys);
  await turn(); // what the watch has to say of it
  return answer;
};
/** Watched for reads, after they were read twice. */
const keep = async (...keys: string[]): Promise<void> => {
  for (let i = 0; i < 2; i++) for (const key of keys) await get(key);
  expect((await get(...keys))[1]).toBe('hit');
  store.reads.length = 0;
};

describe('a key that is read again and again', () => {
  it('is watched from the second time on, and then comes from memory', async () => {
    expect(await get('a')).toEqual([{ a: '1' }, 'miss']);
    expect(store.watched).toEqual([]);
    expect(await get('a')).toEqual([{ a: '1' }, 'miss']);
    expect(store.watched).toEqual(['a']);
    expect(await get('a')).toEqual([{ a: '1' }, 'hit']);
    expect(store.reads).toHaveLength(2);
  });

  it('is answered without a promise, in both protocols', async () => {
    await keep('a', 'b');
    const method = sidecar.block.methods.get(48)!;
    const scope = { get signal(): AbortSignal { throw new Error('nobody needs it'); } };
    const overGrpc: unknown = method.run(method.decodeGrpc(getRequest('S', ['a']), {}), scope);
    const overHttp: unknown = method.run(method.decodeHttp({ params: ['S'], query: 'key=b&key=a', headers: {} }, new Uint8Array(0)), scope);
    expect([overGrpc, overHttp].map((answer) => answer instanceof Promise)).toEqual([false, false]);
    expect(method.grpcMetadata!(overGrpc)).toEqual(['bulkhead-cache', 'hit']);
    expect(method.encodeHttp(overHttp)).toEqual({ status: 200, headers: ['bulkhead-cache', 'hit'], body: '{"a":{"value":"1"},"b":{"value":"2"}}\n' });
    expect(store.reads).toEqual([]);
  });

  it('gives each answer bytes of its own', async () => {
    await keep('a');
    const first = await sidecar.grpc('GetConfiguration', getRequest('S', ['a']));
    const copy = first.body.toString();
    first.body.fill(0);
    expect((await sidecar.grpc('GetConfiguration', getRequest('S', ['a']))).body.toString()).toBe(copy);
  });

  it('is what the watch says, always', async () => {
    await keep('a');
    store.put({ a: '9' });
    expect(await get('a')).toEqual([{ a: '9' }, 'hit']);
    store.drop('a');
    expect(await get('a')).toEqual([{}, 'hit']);
    store.put({ a: '10' });
    expect(await get('a')).toEqual([{ a: '10' }, 'hit']);
  });

  it('may be one that is not there', async () => {
    await keep('nothing');
    expect(await get('nothing')).toEqual([{}, 'hit']);
    expect((await sidecar.http('GetConfiguration', ['S'], 'key=nothing'))).toMatchObject({ status: 204, cache: 'hit' });
    store.put({ nothing: 'something' });
    expect(await get('nothing')).toEqual([{ nothing: 'something' }, 'hit']);
  });

  it('says over HTTP where it came from', async () => {
    expect(await sidecar.http('GetConfiguration', ['S'], 'key=a')).toMatchObject({ cache: 'miss' });
    await keep('a');
    expect(await sidecar.http('GetConfiguration', ['S'], 'key=a')).toMatchObject({ status: 200, cache: 'hit', body: '{"a":{"value":"1"}}\n' });
    expect(await sidecar.http('GetConfiguration', ['S'], 'key=nothing')).toMatchObject({ status: 204, cache: 'miss' });
  });

  it('among others comes from memory if all of them do', async () => {
    await keep('a');
    expect(await get('a', 'b')).toEqual([{ a: '1', b: '2' }, 'miss']);
    expect(await get('a', 'b')).toEqual([{ a: '1', b: '2' }, 'miss']);
    expect(await get('b', 'a', 'b')).toEqual([{ a: '1', b: '2' }, 'hit']);
    expect(store.watched).toEqual(['a', 'b']);
  });

  it('with metadata is asked of the store', async () => {
    await keep('a');
    const { cache } = await sidecar.grpc('GetConfiguration', getRequest('S', ['a'], { version: '3' }));
    expect([cache, store.reads]).toEqual(['miss', [{ keys: ['a'], metadata: { version: '3' } }]]);
    for (let i = 0; i < 3; i++) await sidecar.http('GetConfiguration', ['S'], 'key=b&metadata.x=y');
    expect(store.watched, 'and is no reason to watch it').toEqual(['a']);
  });

  it('costs nothing more where somebody has subscribed to it', async () => {
    const stream = await sidecar.subscribed('S', 'a');
    expect(await get('a')).toEqual([{ a: '1' }, 'hit']);
    stream.onCancel();
    expect(store.watched).toEqual([]);
    expect((await get('a'))[1]).toBe('miss');
  });

  it('goes on to be watched when the last subscriber leaves', async () => {
    await keep('a');
    const stream = await sidecar.subscribed('S', 'a');
    expect(store.asked).toEqual(['+a']);
    stream.onCancel();
    expect([store.asked, store.watched]).toEqual([['+a'], ['a']]);
    expect((await get('a'))[1]).toBe('hit');
  });
});

describe('memory does not count', () => {
  beforeEach(() => keep('a', 'b'));

  it('before the watch has said what a key is', async () => {
    store.mute = true;
    for (let i = 0; i < 3; i++) expect((await get('c'))[1]).toBe('miss');
    store.tell(['c']);
    expect(await get('c')).toEqual([{ c: '3' }, 'hit']);
  });

  it('from the time that a key was touched until it is known again', async () => {
    store.mute = true;
    store.put({ a: '9' });
    store.listener.touched(['a', 'unknown']);
    expect(await get('a')).toEqual([{ a: '9' }, 'miss']);
    expect(await get('a', 'b')).toEqual([{ a: '9', b: '2' }, 'miss']);
    expect((await get('b'))[1]).toBe('hit');
    store.tell(['a']);
    expect(await get('a')).toEqual([{ a: '9' }, 'hit']);
  });

  it('from the time that the watch was lost until it is back', async () => {
    store.mute = true;
    store.listener.lost('gone');
    store.listener.lost('still gone');
    store.put({ a: '9' });
    expect((await get('a'))[1]).toBe('miss');
    expect((await get('b'))[1]).toBe('miss');
    store.tell(['a']);
    expect(await get('a')).toEqual([{ a: '9' }, 'hit']);
    expect((await get('b'))[1]).toBe('miss');
    store.tell(['b']);
    expect((await get('b'))[1]).toBe('hit');
    expect([sidecar.log.texts('warn'), sidecar.log.texts('info').slice(1)]).toEqual([
      ['changes in configuration store S are not heard of: gone; they are told when it is back'], ['changes in configuration store S are heard of again'],
    ]);
  });

  it('once nobody watches the key any more, though all keys may be watched soon', async () => {
    const some = await sidecar.subscribed('S', 'c');
    store.mute = true;
    const all = sidecar.stream('S');
    some.onCancel();
    store.put({ c: '9' });
    expect(await get('c')).toEqual([{ c: '9' }, 'miss']);
    store.tell('all');
    expect([all.messages.length, await get('c')]).toEqual([1, [{ c: '9' }, 'hit']]);
  });

  it('while the watch has no proof that it is live', async () => {
    store.live = false;
    expect((await get('a'))[1]).toBe('miss');
    store.live = true;
    expect((await get('a'))[1]).toBe('hit');
    expect(store.watched).toEqual(['a', 'b']);
  });

  it('and what a read found is not kept: the watch alone knows', async () => {
    store.slow = true;
    store.mute = true;
    store.listener.touched(['a']);
    const reading = sidecar.get('S', 'a');
    store.items.set('a', item('newer'));
    store.tell(['a']);
    store.items.set('a', item('older'));
    expect((await reading)[0]).toEqual({ a: 'older' });
    expect(await get('a')).toEqual([{ a: 'newer' }, 'hit']);
  });
});

describe('how much is watched for reads', () => {
  it('is bounded, and what nobody has read for the longest time goes first', async () => {
    sidecar = await rig({ S: store }, { metadata: { CacheMaxKeys: '2' } });
    await keep('a', 'b');
    await get('a');
    await get('c');
    await get('c');
    expect(store.watched).toEqual(['a', 'c']);
    expect((await get('a'))[1]).toBe('hit');
    expect((await get('b'))[1]).toBe('miss');
    expect(store.watched).toEqual(['a', 'c']);
  });

  it('does not change with a scan, however often', async () => {
    sidecar = await rig({ S: store }, { metadata: { cacheMaxKeys: '3' } });
    await keep('a', 'b');
    const asked = store.asked.length;
    for (let round = 0; round < 3; round++) for (let i = 0; i < 10; i++) await get(`scan ${i}`);
    expect([store.asked.length, store.watched]).toEqual([asked, ['a', 'b']]);
  });

  it('does not change with a read of more keys than may be', async () => {
    sidecar = await rig({ S: store }, { metadata: { cacheMaxKeys: '2' } });
    for (let i = 0; i < 3; i++) expect((await get('a', 'b', 'c'))[1]).toBe('miss');
    expect(store.asked).toEqual([]);
  });

  it('is nothing where the component says so', async () => {
    sidecar = await rig({ S: store }, { metadata: { cache: 'false' } });
    for (let i = 0; i < 3; i++) expect((await get('a'))[1]).toBe('miss');
    for (let i = 0; i < 3; i++) expect((await get())[1]).toBe('miss');
    await sidecar.subscribed('S', 'a');
    expect(await sidecar.http('GetConfiguration', ['S'], 'key=a')).toMatchObject({ cache: 'miss' });
    expect(store.asked).toEqual(['+a']);
  });

  it('is nothing for a while after the store has refused', async () => {
    store.refusal = new Error('no');
    for (let i = 0; i < 5; i++) expect((await get('a'))[1]).toBe('miss');
    for (let i = 0; i < 5; i++) await get('b');
    expect([store.asked, store.watched]).toEqual([['+a'], []]);
  });
});

describe('a read of all keys', () => {
  it('comes from memory only while all keys are watched anyway', async () => {
    for (let i = 0; i < 3; i++) expect((await get())[1]).toBe('miss');
    const stream = await sidecar.subscribed('S');
    expect(await get()).toEqual([{ a: '1', b: '2', c: '3' }, 'hit']);
    expect(await get('a')).toEqual([{ a: '1' }, 'hit']);
    expect(await get('nothing')).toEqual([{}, 'hit']);
    store.put({ d: '4' });
    store.drop('a');
    expect(await get()).toEqual([{ b: '2', c: '3', d: '4' }, 'hit']);
    expect(await get('a', 'd')).toEqual([{ d: '4' }, 'hit']);
    store.mute = true;
    store.listener.touched(['e']);
    for (const keys of [[], ['e']]) expect((await get(...keys))[1]).toBe('miss');
    expect((await get('b'))[1]).toBe('hit');
    store.tell(['e']);
    for (const keys of [[], ['e']]) expect((await get(...keys))[1]).toBe('hit');
    store.listener.lost('away');
    for (const keys of [[], ['b'], ['nothing']]) expect((await get(...keys))[1]).toBe('miss');
    store.tell('all');
    for (const keys of [[], ['b'], ['nothing']]) expect((await get(...keys))[1]).toBe('hit');
    store.live = false;
    expect((await get())[1]).toBe('miss');
    store.live = true;
    stream.onCancel();
    for (const keys of [[], ['b'], ['nothing']]) expect((await get(...keys))[1]).toBe('miss');
    expect(store.watched).toEqual([]);
  });

  it('is a reason to watch all keys where that costs no more', async () => {
    store.watchesAllCheaply = true;
    sidecar = await rig({ S: store });
    expect((await get())[1]).toBe('miss');
    expect((await get())[1]).toBe('miss');
    expect(await get()).toEqual([{ a: '1', b: '2', c: '3' }, 'hit']);
    expect(await get('b')).toEqual([{ b: '2' }, 'hit']);
    const stream = await sidecar.subscribed('S');
    stream.onCancel();
    expect([store.asked, (await get())[1]]).toEqual([['+all'], 'hit']);
  });

  it('is none any more once there are more keys than may be kept', async () => {
    store.watchesAllCheaply = true;
    sidecar = await rig({ S: store }, { metadata: { cacheMaxKeys: '4' } });
    for (let i = 0; i < 2; i++) await get();
    store.put({ d: '4' });
    expect((await get())[1]).toBe('hit');
    store.put({ e: '5' });
    for (let i = 0; i < 3; i++) expect((await get())[1]).toBe('miss');
    expect(store.asked).toEqual(['+all', '-all']);
  });

  it('is none for a while after the store has refused', async () => {
    store.watchesAllCheaply = true;
    sidecar = await rig({ S: store });
    store.refusal = new Error('no');
    for (let i = 0; i < 5; i++) expect((await get())[1]).toBe('miss');
    expect(store.asked).toEqual(['+all']);
  });
});
