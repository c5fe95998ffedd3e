// The sequencer block from decoded wire to driver and back, in both protocols: every answer and every refusal, the order of
// checks, stored keys, what a component may say, and the bytes of ids.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { packIds } from '../blocks/sequencer/packed.ts';
import type { Run } from '../blocks/sequencer/ids.ts';
import { LAST_ID } from '../blocks/sequencer/store.ts';
import { NextIdRequest, NextIdResponse } from '../proto/gen/bulkhead/v1/sequencer.ts';
import { eventually } from './harness/awaiting.ts';
import { FakeStore, openSequencer, type SequencerRig } from './harness/sequencer.ts';

const STRONG = 1;
const errorBody = (errorCode: string, message: string): string => JSON.stringify({ errorCode, message });
const range = (first: bigint, count: number): bigint[] => Array.from({ length: count }, (_, index) => first + BigInt(index));

let store: FakeStore;
let rig: SequencerRig;
beforeEach(() => {
  store = new FakeStore();
  rig = openSequencer({ S: { store } });
});
afterEach(async () => { await rig.block.close(); });

describe('an answer', () => {
  it('over gRPC holds as many ids as were asked for, one if nothing was said', async () => {
    expect(await rig.grpc({})).toEqual({ code: 'OK', message: '', ids: [1n] });
    expect((await rig.grpc({ count: 1 })).ids).toEqual([2n]);
    expect((await rig.grpc({ count: 10_000 })).ids).toEqual(range(3n, 10_000));
    expect((await rig.grpc({ count: 3, increment: STRONG })).ids).toHaveLength(3);
  });

  it('over HTTP is JSON with ids as text, whatever the body says beside', async () => {
    expect(await rig.http(['S', 'k'])).toEqual({ status: 200, body: '{"ids":["1"]}' });
    for (const body of ['{}', ' \n{}', '{"count":null,"increment":null}', '{"what":{"else":1}}', '{"metadata":{"a":"b"}}', '{"storeName":"X","store_name_":"","key":"other"}']) {
      const { status, body: answer } = await rig.http(['S', 'k'], body);
      expect([body, status, answer]).toEqual([body, 200, expect.stringMatching(/^\{"ids":\["\d+"\]\}$/)]);
    }
    expect(await rig.http(['S', 'k'], '{"count":3}')).toEqual({ status: 200, body: '{"ids":["8","9","10"]}' });
    expect(await rig.http(['S', 'k'], '{"count":"2"}')).toEqual({ status: 200, body: '{"ids":["11","12"]}' });
  });

  it.each(['"STRONG"', '"INCREMENT_STRONG"', '1'])('takes %s for strong, which goes to the store each time', async (increment) => {
    for (let id = 1; id <= 3; id++) expect(await rig.http(['S', 'k'], `{"increment":${increment},"count":1}`)).toEqual({ status: 200, body: `{"ids":["${id}"]}` });
    expect(store.takes).toEqual([1, 1, 1].map((count) => ({ key: 'sequencer|||A||k', count })));
  });

  it.each(['"WEAK"', '"INCREMENT_WEAK"', '0', 'null'])('takes %s for weak', async (increment) => {
    for (let id = 1; id <= 3; id++) expect(await rig.http(['S', 'k'], `{"increment":${increment}}`)).toEqual({ status: 200, body: `{"ids":["${id}"]}` });
    expect(store.takes).toEqual([{ key: 'sequencer|||A||k', count: 100 }]);
  });

  it('is exact for ids beyond 2^53, in both protocols', async () => {
    store.lasts.set('sequencer|||A||k', 2n ** 53n - 3n);
    expect((await rig.grpc({ count: 4 })).ids).toEqual(range(2n ** 53n - 2n, 4));
    store.lasts.set('sequencer|||A||h', LAST_ID - 2n);
    expect(await rig.http(['S', 'h'], '{"count":2}')).toEqual({ status: 200, body: '{"ids":["9223372036854775806","9223372036854775807"]}' });
  });

  it('comes through promises alike', async () => {
    store.behaviour = 'later';
    expect((await rig.grpc({ count: 2 })).ids).toEqual([1n, 2n]);
    expect((await rig.grpc({ count: 2, increment: STRONG })).ids).toEqual([101n, 102n]);
    expect((await rig.grpc({})).ids).toEqual([3n]);
  });

  it('is above all segments that are out when it is strong; weak ids go on below it', async () => {
    await rig.grpc({});
    expect((await rig.grpc({ increment: STRONG })).ids).toEqual([101n]);
    expect((await rig.grpc({})).ids).toEqual([2n]);
  });
});

describe('a refusal', () => {
  const both = async (path: readonly [string, string], http: readonly [number, string, string], grpc: readonly [string, string], body = '', increment = 0, count = 0) => {
    expect(await rig.http(path, body)).toEqual({ status: http[0], body: errorBody(http[1], http[2]) });
    expect(await rig.grpc({ storeName: path[0], key: path[1], increment, count })).toEqual({ code: grpc[0], message: grpc[1], ids: [] });
  };
  const malformed = (path: readonly [string, string], text: string, body = '', increment = 0, count = 0) => both(path, [400, 'ERR_MALFORMED_REQUEST', text], ['InvalidArgument', text], body, increment, count);

  it('names the store that there is not', () => both(['X', 'k'], [400, 'ERR_SEQUENCER_STORE_NOT_FOUND', 'sequencer store X not found'], ['InvalidArgument', 'sequencer store X not found']));

  it('says that there is no store at all', async () => {
    const none = openSequencer({});
    const text = 'sequencer store is not configured';
    expect(await none.http(['', ''])).toEqual({ status: 500, body: errorBody('ERR_SEQUENCER_STORE_NOT_CONFIGURED', text) });
    expect(await none.grpc({ storeName: '', key: '' })).toEqual({ code: 'FailedPrecondition', message: text, ids: [] });
  });

  it('says that the key is empty, before it looks for the store', async () => {
    await malformed(['S', ''], 'Key is empty in sequencer store S');
    await malformed(['X', ''], 'Key is empty in sequencer store X');
  });

  it('is for keys that could reach into others', () => malformed(['S', 'a||b'], "input key/keyPrefix 'a||b' can't contain '||'"));

  it('is for keys of more than 1024 bytes, and for no others', async () => {
    for (const key of ['x'.repeat(1024), 'ж'.repeat(512), '世'.repeat(341)]) expect((await rig.grpc({ key })).code).toBe('OK');
    for (const key of ['x'.repeat(1025), 'ж'.repeat(513), '世'.repeat(342)]) await malformed(['S', key], 'Key is longer than 1024 bytes in sequencer store S');
  });

  it.each([-1, 10_001, 2_147_483_647, -2_147_483_648])('is for a count of %d', (count) => malformed(['S', 'k'], `Count ${count} is not from 0 to 10000 in sequencer store S`, `{"count":${count}}`, 0, count));

  it('is for increments that there are none of', () => malformed(['S', 'k'], 'Increment 2 is neither WEAK nor STRONG in sequencer store S', '{"increment":2}', 2));

  it('of what else is wrong waits until the store is there', () => both(['X', 'a||b'], [400, 'ERR_SEQUENCER_STORE_NOT_FOUND', 'sequencer store X not found'], ['InvalidArgument', 'sequencer store X not found'], '{"count":-1}', 0, -1));

  it.each(['{', '[]', '"x"', 'null', '{"count":"x"}', '{"count":1.5}', '{"count":2147483648}', '{"count":[]}', '{"increment":"strong"}', '{"increment":true}', '{"metadata":{"a":1}}', '{"metadata":"x"}', '{"count":1,"count":2}'])('is for the body %s', async (body) => {
    const { status, body: answer } = await rig.http(['S', 'k'], body);
    expect(status).toBe(400);
    expect(JSON.parse(answer)).toEqual({ errorCode: 'ERR_MALFORMED_REQUEST', message: expect.stringMatching(/^failed deserializing HTTP body: ./) });
  });

  it('is for bytes that are no message', async () => {
    expect(await rig.grpc(Uint8Array.of(0x0a, 0x7f))).toMatchObject({ code: 'Internal', message: expect.stringContaining('grpc: error unmarshalling request') });
  });

  it('of the store names key and store with its reason, for strong calls at once', async () => {
    store.fault = new Error('the disk is full');
    const text = 'failed to get the next id of k from sequencer store S: the disk is full';
    await both(['S', 'k'], [500, 'ERR_NEXT_ID', text], ['Internal', text], '{"increment":1}', STRONG);
    store.behaviour = 'later';
    await both(['S', 'k'], [500, 'ERR_NEXT_ID', text], ['Internal', text], '{"increment":1}', STRONG);
  });

  it('of the store comes to weak calls after refillTimeout', async () => {
    await rig.block.close();
    rig = openSequencer({ S: { store, metadata: { refillTimeout: '50ms' } } });
    store.fault = new Error('the disk is full');
    const text = 'failed to get the next id of k from sequencer store S: no ids within 50ms: the disk is full';
    await both(['S', 'k'], [500, 'ERR_NEXT_ID', text], ['Internal', text]);
  });

  it('tells of the sequence\'s end', async () => {
    store.lasts.set('sequencer|||A||k', LAST_ID);
    const text = `failed to get the next id of k from sequencer store S: the sequence ends at ${LAST_ID}, and fewer than 1 ids are left`;
    for (const increment of [0, STRONG]) await both(['S', 'k'], [500, 'ERR_NEXT_ID', text], ['Internal', text], `{"increment":${increment}}`, increment);
  });

  it('of a store that gives what is no id', async () => {
    vi.spyOn(store, 'take').mockReturnValue(LAST_ID);
    expect((await rig.grpc({ increment: STRONG, count: 5 })).message).toContain(`the store gave ${LAST_ID} to ${LAST_ID + 4n}, which are not all ids`);
  });
});

describe('stored keys', () => {
  it.each<[string, Readonly<Record<string, string>>, string]>([
    ['the app by default', {}, 'sequencer|||A||k'],
    ['the app', { keyPrefix: 'appid' }, 'sequencer|||A||k'],
    ['the app, whatever the case', { KeyPrefix: 'AppID' }, 'sequencer|||A||k'],
    ['the component', { keyPrefix: 'name' }, 'sequencer|||S||k'],
    ['nothing', { keyPrefix: 'none' }, 'sequencer|||k'],
    ['another word, in small letters', { keyPrefix: 'Shared' }, 'sequencer|||shared||k'],
    ['the default for no word', { keyPrefix: '' }, 'sequencer|||A||k'],
  ])('begin with %s', async (_, metadata, key) => {
    const own = openSequencer({ S: { store, metadata } });
    await own.grpc({ increment: STRONG });
    await own.grpc({});
    expect(store.takes).toEqual([{ key, count: 1 }, { key, count: 100 }]);
    await own.block.close();
  });

  it('have no prefix for an app without an id, as Layotto\'s', async () => {
    const own = openSequencer({ S: { store } }, '');
    await own.grpc({ increment: STRONG });
    expect(store.takes).toEqual([{ key: 'sequencer|||k', count: 1 }]);
    await own.block.close();
  });

  it('are apart in two stores: the same key has two sequences', async () => {
    const other = new FakeStore();
    const own = openSequencer({ S: { store }, T: { store: other } });
    for (const storeName of ['S', 'T']) expect((await own.grpc({ storeName, count: 5 })).ids).toEqual(range(1n, 5));
    for (const storeName of ['S', 'T']) expect((await own.grpc({ storeName })).ids).toEqual([6n]);
    await own.block.close();
  });
});

describe('a component', () => {
  const reasonOf = async (metadata: Readonly<Record<string, string>>): Promise<string> => {
    const own = openSequencer({ S: { store, metadata } });
    try {
      return (await eventually('the component failed', () => own.reason('S'))) ?? '';
    } finally {
      await own.block.close();
    }
  };

  it.each<[Readonly<Record<string, string>>, string]>([
    [{ segmentSize: '0' }, 'metadata field "segmentSize" has an invalid value "0": it must be a whole number from 1 to 1000000'],
    [{ segmentSize: '1000001' }, 'metadata field "segmentSize" has an invalid value "1000001"'],
    [{ segmentSize: 'many' }, 'metadata field "segmentSize" has an invalid value "many"'],
    [{ refillTimeout: '0' }, 'metadata field "refillTimeout" has an invalid value "0"'],
    [{ refillTimeout: '2h' }, 'metadata field "refillTimeout" has an invalid value "2h": it must be a duration such as 500ms or 1m30s, or a whole number of milliseconds from 1ms to 1h0m0s'],
    [{ keyPrefix: 'a||b' }, "input key/keyPrefix 'a||b' can't contain '||'"],
    [{ biggerThan: 'orders' }, 'metadata field "biggerThan" has an invalid value "orders": it must be keys with whole numbers up to 9223372036854775807, such as {"orders": 1000}'],
    [{ biggerThan: '{"orders":-1}' }, 'metadata field "biggerThan" has an invalid value "{\\"orders\\":-1}"'],
    [{ biggerThan: '{"orders":1.5}' }, 'metadata field "biggerThan" has an invalid value'],
    [{ biggerThan: '{"orders":9223372036854775808}' }, 'metadata field "biggerThan" has an invalid value'],
    [{ biggerThan: '{"orders":1,"orders":2}' }, 'metadata field "biggerThan" has an invalid value'],
    [{ biggerThan: '{"orders":1' }, 'metadata field "biggerThan" has an invalid value'],
    [{ biggerThan: '{"orders":1 "other":2}' }, 'metadata field "biggerThan" has an invalid value'],
    [{ biggerThan: '{"":1}' }, 'metadata field "biggerThan" has an invalid value'],
  ])('is refused for good with %j', async (metadata, text) => {
    const own = openSequencer({ S: { store, metadata } });
    await eventually('the component failed', () => own.block.components()[0]?.state === 'failed');
    expect(own.reason('S')).toContain(text);
    expect(await own.grpc({})).toMatchObject({ code: 'Unavailable' });
    await own.block.close();
  });

  it('has the segments that it asks for', async () => {
    const own = openSequencer({ S: { store, metadata: { segmentSize: '5', refillTimeout: '1s' } } });
    await own.grpc({});
    expect(store.takes).toEqual([{ key: 'sequencer|||A||k', count: 5 }]);
    await own.block.close();
    expect(own.log.texts('warn')).toEqual([]);
  });

  it.each<string>([
    '{"orders": 1000}', '{"orders":"1000"}', '{orders: 1000}', "'orders': 1000", 'orders: 1000', '\n  orders: 1000\n  other: 5\n', '{ "orders" : 1000 , "other" : 0 , }', '{"\\u006frders": 1000}',
    '{"sequencer|||A||orders": 1000}',
  ])('starts with the floor %j when the store is there', async (biggerThan) => {
    store.lasts.set('sequencer|||A||orders', 1000n).set('sequencer|||A||other', 5n);
    const own = openSequencer({ S: { store, metadata: { biggerThan } } });
    expect((await own.grpc({ key: 'orders' })).ids).toEqual([1001n]);
    await own.block.close();
  });

  it.each(['{"orders": 1001}', 'orders: 1001', '{"other":1,"orders":9223372036854775807}', '{"sequencer|||A||orders": 1001}'])('does not start with the floor %s when the store is behind, and says where it is', async (biggerThan) => {
    store.lasts.set('sequencer|||A||orders', 1000n).set('sequencer|||A||other', 5n);
    expect(await reasonOf({ biggerThan })).toMatch(/the sequence of key ".*orders" \(sequencer\|\|\|A\|\|orders\) is at 1000, and biggerThan demands (1001|9223372036854775807) at least/);
    expect(store.closed).toBeGreaterThan(0);
  });

  it('starts by itself once the store has caught up', async () => {
    const own = openSequencer({ S: { store, metadata: { biggerThan: '{"orders": 1000}' } } });
    await eventually('the component failed', () => own.reason('S'));
    expect(await own.grpc({ key: 'orders' })).toMatchObject({ code: 'Unavailable', message: expect.stringContaining('biggerThan demands 1000 at least') });
    store.lasts.set('sequencer|||A||orders', 1000n);
    await eventually('the component runs', () => own.block.components()[0]?.state === 'ready');
    expect((await own.grpc({ key: 'orders' })).ids).toEqual([1001n]);
    await own.block.close();
  });

  it('of two does not wait for the other: a store that hangs delays its own calls alone', async () => {
    const slow = new FakeStore();
    slow.behaviour = 'manual';
    const own = openSequencer({ S: { store }, slow: { store: slow, metadata: { refillTimeout: '200ms' } } });
    await own.grpc({});
    const waiting = Array.from({ length: 100 }, () => own.grpc({ storeName: 'slow' }));
    for (let id = 2; id <= 1000; id++) expect((await own.grpc({ key: 'k' })).ids).toEqual([BigInt(id)]);
    const answers = await Promise.all(waiting);
    expect(new Set(answers.map(({ message }) => message))).toEqual(new Set(['failed to get the next id of k from sequencer store slow: the store gave no ids within 200ms']));
    expect(slow.takes).toHaveLength(1);
    await own.block.close();
  });

  it('is closed with its calls', async () => {
    store.behaviour = 'manual';
    const weak = rig.grpc({});
    const strong = rig.grpc({ increment: STRONG });
    await vi.waitFor(() => expect(store.pending).toHaveLength(2));
    await rig.block.close();
    await rig.block.close();
    expect((await weak).message).toContain('the component is closing');
    store.pending[1]?.answer();
    expect((await strong).code).toBe('OK');
    expect(store.closed).toBe(1);
  });
});

describe('the bytes of ids', () => {
  const encode = (runs: readonly Run[]): Uint8Array => NextIdResponse.encode({ ids: runs.flatMap(({ first, count }) => range(BigInt(first), count)) }).finish();
  const edges = [1, 7, 14, 21, 28, 31, 32, 35, 42, 49, 52, 53].flatMap((bits) => [-2, -1, 0, 1].map((by) => 2n ** BigInt(bits) + BigInt(by)));
  const first = fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min: 1n, max: LAST_ID - 300n })).map((id) => (id < 1n ? 1n : id));
  const run: fc.Arbitrary<Run> = fc.record({ first, count: fc.integer({ min: 1, max: 300 }) })
    .map(({ first: id, count }) => ({ first: id + BigInt(count) <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(id) : id, count }));

  it('are those that the general encoder writes', () => {
    fc.assert(fc.property(fc.array(run, { maxLength: 4 }), (runs) => {
      expect(Buffer.compare(packIds(runs), runs.length === 0 ? Buffer.from([0x0a, 0]) : encode(runs))).toBe(0);
    }), { numRuns: 500 });
    for (const id of [1n, LAST_ID]) expect(Buffer.compare(packIds([{ first: id, count: 1 }]), encode([{ first: id, count: 1 }]))).toBe(0);
  });

  it('are written once for each id up to the last number that is exact', () => {
    const runs: Run[] = [{ first: Number.MAX_SAFE_INTEGER - 2, count: 3 }];
    expect(NextIdResponse.decode(packIds(runs)).ids).toEqual(range(2n ** 53n - 3n, 3));
  });
});

describe('a request', () => {
  it('is read with metadata and unknown fields in it', async () => {
    const bytes = Buffer.concat([
      NextIdRequest.encode({ storeName: 'S', key: 'k', increment: 0, count: 2, metadata: new Map([['a', 'b']]) }).finish(),
      Buffer.from([0x7a, 1, 0x78]), // field 15
    ]);
    expect((await rig.grpc(bytes)).ids).toEqual([1n, 2n]);
  });
});
