// The state block from decoded wire to driver and back, in both protocols. Expectations are what Dapr's clients see.
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { openMemoryStore } from '../blocks/state/memory.ts';
import { EtagInvalid, EtagMismatch, type Item, type Operation, type Read } from '../blocks/state/store.ts';
import { ApiError, errorInfo, Grpc } from '../proto/errors.ts';
import {
  DeleteBulkStateRequest, DeleteStateRequest, ExecuteStateTransactionRequest, GetBulkStateRequest, GetBulkStateResponse, GetStateRequest, GetStateResponse,
  QueryStateRequest, SaveStateRequest,
} from '../proto/gen/dapr/proto/runtime/v1/state.ts';
import type { StateItem, StateOptions } from '../proto/gen/dapr/proto/common/v1/common.ts';
import { ROUTE, type RouteName } from '../proto/routes.ts';
import { FakeStore, openSidecar, type Answer, type Sidecar } from './state-harness.ts';
import { memoryCheckpoints } from './support.ts';
import { whole } from './harness/messages.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (data: Uint8Array | undefined): string | undefined => (data === undefined ? undefined : Buffer.from(data).toString());
const errorBody = (errorCode: string, message: string): string => JSON.stringify({ errorCode, message });
const none = new Map<string, string>();

/** StateItem with defaults. */
function item(key: string, rest: { value?: string; etag?: string; options?: StateOptions; metadata?: Record<string, string> } = {}): StateItem {
  const { value = '', etag, options, metadata = {} } = rest;
  return { key, value: bytes(value), etag: etag === undefined ? undefined : { value: etag }, options, metadata: new Map(Object.entries(metadata)) };
}
const request = {
  get: (storeName: string, key: string, consistency: 0 | 1 | 2 = 0, metadata = none) => GetStateRequest.encode({ storeName, key, consistency, metadata }).finish(),
  bulk: (storeName: string, keys: string[], parallelism = 0) => GetBulkStateRequest.encode({ storeName, keys, parallelism, metadata: none }).finish(),
  save: (storeName: string, ...states: StateItem[]) => SaveStateRequest.encode({ storeName, states }).finish(),
  remove: (storeName: string, key: string, rest: { etag?: string; options?: StateOptions } = {}) =>
    DeleteStateRequest.encode({ storeName, key, etag: rest.etag === undefined ? undefined : { value: rest.etag }, options: rest.options, metadata: none }).finish(),
  bulkRemove: (storeName: string, ...states: StateItem[]) => DeleteBulkStateRequest.encode({ storeName, states }).finish(),
  transaction: (storeName: string, operations: [string, StateItem | undefined][], metadata = none) =>
    ExecuteStateTransactionRequest.encode({ storeName, operations: operations.map(([operationType, one]) => ({ operationType, request: one })), metadata }).finish(),
  query: (storeName: string) => QueryStateRequest.encode({ storeName, query: '{}', metadata: none }).finish(),
};

let store: FakeStore;
let sidecar: Sidecar;
const KEY_SECRET = { name: 'primaryEncryptionKey', value: '10171e252c333a41484f565d646b7279', secretName: 'mykey' };

beforeEach(() => {
  store = new FakeStore();
  sidecar = openSidecar({ S: { store } });
});

const SAVED = (key = 'A||k'): Item | undefined => store.items.get(key);

describe('the order of checks', () => {
  const HTTP: [RouteName, string[]][] = [
    ['GetState', ['S', 'a||b']], ['DeleteState', ['S', 'a||b']], ['SaveState', ['S']], ['GetBulkState', ['S']], ['ExecuteStateTransaction', ['S']], ['QueryStateAlpha1', ['S']],
  ];
  const GRPC: [RouteName, Uint8Array][] = [
    ['GetState', request.get('S', 'a||b')], ['GetBulkState', request.bulk('S', [])], ['SaveState', request.save('S')], ['DeleteState', request.remove('S', 'a||b')],
    ['DeleteBulkState', request.bulkRemove('S')], ['ExecuteStateTransaction', request.transaction('S', [])], ['QueryStateAlpha1', request.query('S')],
  ];
  const missing = (code: string, message: string, reason: string): string =>
    `{"errorCode":"${code}","message":"${message}","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":{"appID":"A"},"reason":"${reason}"}]}`;

  it.each(HTTP)('%s over HTTP asks for a store first, whatever the body', async (name, path) => {
    expect(await openSidecar({}).http(name, path, { body: 'not JSON' }))
      .toEqual({ status: 500, headers: [], body: missing('ERR_STATE_STORE_NOT_CONFIGURED', 'state store S is not configured', 'DAPR_STATE_NOT_CONFIGURED') });
    expect(await openSidecar({ other: { store } }).http(name, path, { body: 'not JSON' }))
      .toEqual({ status: 400, headers: [], body: missing('ERR_STATE_STORE_NOT_FOUND', 'state store S is not found', 'DAPR_STATE_NOT_FOUND') });
  });
  it.each(GRPC)('%s over gRPC asks for a store first', async (name, message) => {
    expect(await openSidecar({}).grpc(name, message)).toMatchObject({ code: 'FailedPrecondition', message: 'state store S is not configured' });
    expect(await openSidecar({ other: { store } }).grpc(name, message)).toMatchObject({ code: 'InvalidArgument', message: 'state store S is not found' });
  });
  it('bulk delete has no HTTP form', async () => {
    expect(await sidecar.http('DeleteBulkState', ['S'])).toMatchObject({ status: 501 });
  });
  it('serves every state method there is', () => {
    for (const route of Object.values(ROUTE).filter(({ owner }) => owner === 'state')) expect(sidecar.method(route.name as RouteName)).toBeDefined();
  });
  it('says that a store is not ready, and why', async () => {
    const broken = openSidecar({ S: { store, metadata: [{ name: 'keyPrefix', value: 'a||b' }] } });
    expect(await broken.http('GetState', ['S', 'k'])).toMatchObject({ status: 503, body: expect.stringContaining("input key/keyPrefix 'a||b' can't contain '||'") as string });
    expect(broken.reason('S')).toBe("[INIT_COMPONENT_FAILURE]: initialization error occurred for S (state.S/v1): input key/keyPrefix 'a||b' can't contain '||'");
  });
});

describe.each([false, true])('with a store that answers through promises: %s', (slow) => {
  beforeEach(async () => {
    store.slow = slow;
    await sidecar.http('GetState', ['S', 'warm']); // the component has started
    store.calls.length = 0;
  });

  describe('get', () => {
    it.each<[string, Item | undefined, Answer]>([
      ['nothing', undefined, { status: 204, headers: [], body: undefined }],
      ['a stored null', { data: undefined, etag: '1' }, { status: 204, headers: [], body: undefined }],
      ['no bytes', { data: bytes('') }, { status: 200, headers: [], body: '' }],
      ['bytes as they are', { data: bytes(' <{"b":1, "a":2}'), etag: 'e' }, { status: 200, headers: ['ETag', 'e'], body: ' <{"b":1, "a":2}' }],
      ['metadata', { data: bytes('1'), etag: 'e', metadata: { ttlExpireTime: '2026-01-02T03:04:05Z' } },
        { status: 200, headers: ['ETag', 'e', 'metadata.ttlExpireTime', '2026-01-02T03:04:05Z'], body: '1' }],
      ['metadata alone', { data: bytes('1'), metadata: { a: 'b' } }, { status: 200, headers: ['metadata.a', 'b'], body: '1' }],
    ])('answers %s over HTTP', async (_, stored, answer) => {
      if (stored !== undefined) store.items.set('A||k', stored);
      expect(await sidecar.http('GetState', ['S', 'k'])).toEqual(answer);
    });
    it.each<[string, Item | undefined, [data: string, etag: string, metadata: Record<string, string>]]>([
      ['nothing', undefined, ['', '', {}]],
      ['a stored null', { data: undefined, etag: '1' }, ['', '1', {}]],
      ['bytes', { data: bytes('\0x'), etag: 'e', metadata: { ttlExpireTime: 't' } }, ['\0x', 'e', { ttlExpireTime: 't' }]],
    ])('answers %s over gRPC', async (_, stored, [data, etag, metadata]) => {
      if (stored !== undefined) store.items.set('A||k', stored);
      const { code, body } = await sidecar.grpc('GetState', request.get('S', 'k'));
      const answer = GetStateResponse.decode(body);
      expect([code, text(answer.data), answer.etag, Object.fromEntries(answer.metadata)]).toEqual(['OK', data, etag, metadata]);
    });
    it('encodes for gRPC what the general encoder encodes', () => {
      const { encodeGrpc } = sidecar.method('GetState');
      const sizes = fc.constantFrom(0, 1, 127, 128, 16_383, 16_384);
      fc.assert(fc.property(sizes, fc.string({ unit: 'grapheme' }), fc.constantFrom('', 'e'.repeat(127), 'é'.repeat(64)), (size, etag, more) => {
        const message = { data: new Uint8Array(size).fill(7), etag: etag + more, metadata: none };
        expect(Buffer.compare(whole(encodeGrpc({ data: message.data, etag: message.etag })), GetStateResponse.encode(message).finish())).toBe(0);
      }));
    });
    it.each<[string, Omit<Read, 'key'>]>([
      ['', { consistency: '', metadata: {} }],
      ['consistency=strong&consistency=eventual', { consistency: 'strong', metadata: {} }],
      ['consistency=odd', { consistency: '', metadata: {} }],
      ['metadata.aB=1&metadata.aB=2&metadata.c=x%20y+z&other=1', { consistency: '', metadata: { aB: '1', c: 'x y z' } }],
      ['metadata.a=%zz&metadata.b=1;2&=&metadata.=e&metadata.f', { consistency: '', metadata: { '': 'e', f: '' } }],
    ])('reads the query %j', async (query, read) => {
      await sidecar.http('GetState', ['S', 'k'], { query });
      expect(store.calls).toEqual([{ key: 'A||k', ...read }]);
    });
    it('reads the gRPC request', async () => {
      await sidecar.grpc('GetState', request.get('S', 'k', 2, new Map([['a', 'b']])));
      await sidecar.grpc('GetState', request.get('S', 'k', 1));
      await sidecar.grpc('GetState', request.get('S', 'k', 7 as 0));
      expect(store.calls).toEqual([
        { key: 'A||k', consistency: 'strong', metadata: { a: 'b' } }, { key: 'A||k', consistency: 'eventual', metadata: {} }, { key: 'A||k', consistency: '', metadata: {} },
      ]);
    });
    it('fails with the words of the store', async () => {
      store.faults.set('A||k', new Error('boom'));
      expect(await sidecar.http('GetState', ['S', 'k'])).toEqual({ status: 500, headers: [], body: errorBody('ERR_STATE_GET', 'fail to get k from state store S: boom') });
      expect(await sidecar.grpc('GetState', request.get('S', 'k'))).toMatchObject({ code: 'Internal', message: 'fail to get k from state store S: boom' });
    });
    it('passes on what the store made for the client', async () => {
      store.faults.set('A||k', new ApiError({ grpc: Grpc.DATA_LOSS, http: 506, code: 'X', message: 'own', details: [errorInfo('X')] }));
      expect(await sidecar.http('GetState', ['S', 'k'])).toEqual({ status: 506, headers: [], body: errorBody('ERR_STATE_GET', 'fail to get k from state store S: api error: code = DataLoss desc = own') });
      expect(await sidecar.grpc('GetState', request.get('S', 'k'))).toMatchObject({ code: 'DataLoss', message: 'own' });
    });
  });

  describe('save', () => {
    it.each<[body: string, stored: string]>([
      ['[{"key":"k","value":{"b":1.0,"a":"<x>"}}]', '{"a":"\\u003cx\\u003e","b":1}'],
      ['[{"key":"k","value":"text"}]', '"text"'],
      ['[{"key":"k","value":1e21}]', '1e+21'],
      ['[{"key":"k","value":-0}]', '-0'],
      ['[{"key":"k"}]', 'null'],
      ['[{"key":"k","value":null}]', 'null'],
      ['[{"KEY":"k","Value":[1, 2]}] trailing', '[1,2]'],
      ['[{"key":"k","value":{"__proto__":{"b":1},"constructor":2}}]', '{"__proto__":{"b":1},"constructor":2}'],
      ['[{"key":"k","value":"\\ud800"}]', '"\ufffd"'],
    ])('stores %j in the form of Go', async (body, stored) => {
      expect(await sidecar.http('SaveState', ['S'], { body })).toEqual({ status: 204, headers: [], body: undefined });
      expect(text(SAVED()?.data)).toBe(stored);
      expect(store.calls).toMatchObject([{ isJson: true }]);
    });
    it('reads all members of an item', async () => {
      await sidecar.http('SaveState', ['S'], {
        query: 'metadata.ttlInSeconds=5&metadata.b=url',
        body: '[{"key":"k","value":1,"etag":"e","metadata":{"a":"1","b":"own","n":null},"options":{"concurrency":"first-write","consistency":"strong"},"contentType":"x","more":1e400}]',
      });
      expect(store.calls).toEqual([{
        kind: 'upsert', key: 'A||k', value: new Uint8Array(bytes('1')), isJson: true, etag: 'e', concurrency: 'first-write', consistency: 'strong',
        metadata: { a: '1', b: 'url', n: '', ttlInSeconds: '5' },
      }]);
    });
    it('takes metadata from the URL alone, and from the item alone', async () => {
      await sidecar.http('SaveState', ['S'], { query: 'metadata.a=1', body: '[{"key":"k"}]' });
      await sidecar.http('SaveState', ['S'], { body: '[{"key":"k","metadata":{"b":"2"},"etag":null}]' });
      expect(store.calls).toMatchObject([{ metadata: { a: '1' } }, { metadata: { b: '2' }, etag: undefined }]);
    });
    it.each(['[]', 'null', '[] x'])('has nothing to do for %j', async (body) => {
      expect(await sidecar.http('SaveState', ['S'], { body })).toEqual({ status: 204, headers: [], body: undefined });
      expect(store.calls).toEqual([]);
    });
    it.each([
      ['', 'EOF'],
      ['{}', 'json: cannot unmarshal object into Go value of type []state.SetRequest'],
      ['"x"', 'json: cannot unmarshal string into Go value of type []state.SetRequest'],
      ['1', 'json: cannot unmarshal number into Go value of type []state.SetRequest'],
      ['true', 'json: cannot unmarshal bool into Go value of type []state.SetRequest'],
      ['[1]', 'json: cannot unmarshal number into Go value of type state.SetRequest'],
      ['[[]]', 'json: cannot unmarshal array into Go value of type state.SetRequest'],
      ['[{"key":"a"},]', "invalid character ']' looking for beginning of value"],
      ['[{"key":"a"}', 'unexpected EOF'],
      ['[{"key":1}]', 'json: cannot unmarshal number into Go struct field SetRequest.key of type string'],
      ['[{"key":"k","etag":1}]', 'json: cannot unmarshal number into Go struct field SetRequest.etag of type string'],
      ['[{"key":1,"etag":{}}]', 'json: cannot unmarshal number into Go struct field SetRequest.key of type string'],
      ['[{"metadata":{"a":1}}]', 'json: cannot unmarshal number into Go struct field SetRequest.metadata of type string'],
      ['[{"metadata":[]}]', 'json: cannot unmarshal array into Go struct field SetRequest.metadata of type map[string]string'],
      ['[{"options":1}]', 'json: cannot unmarshal number into Go struct field SetRequest.options of type state.SetStateOption'],
      ['[{"options":{"concurrency":1}}]', 'json: cannot unmarshal number into Go struct field SetStateOption.options.Concurrency of type string'],
      ['[{"options":{"consistency":[]}}]', 'json: cannot unmarshal array into Go struct field SetStateOption.options.Consistency of type string'],
      ['[{"contentType":1}]', 'json: cannot unmarshal number into Go struct field SetRequest.contentType of type string'],
      ['[{"value":{"x":"1e999","a":[-1e400]}}]', 'json: cannot unmarshal number -1e400 into Go struct field SetRequest.value of type float64'],
      ['[{}]', '"key" is a required field'],
      ['[null]', '"key" is a required field'],
      ['[{"key":"k"},{"value":1}]', '"key" is a required field'],
    ])('refuses the body %j', async (body, message) => {
      expect(await sidecar.http('SaveState', ['S'], { body })).toEqual({ status: 400, headers: [], body: errorBody('ERR_MALFORMED_REQUEST', message) });
      expect(store.calls).toEqual([]);
    });

    it('stores bytes over gRPC as they are, and null for none', async () => {
      expect(await sidecar.grpc('SaveState', request.save('S', item('k', { value: '{"b":1, "a":2}', etag: '', metadata: { x: 'y' }, options: { concurrency: 1, consistency: 2 } })))).toMatchObject({ code: 'OK', body: expect.toSatisfy((body: Uint8Array) => body.length === 0) as Uint8Array });
      await sidecar.grpc('SaveState', request.save('S', item('n')));
      expect(store.calls).toEqual([
        { kind: 'upsert', key: 'A||k', value: new Uint8Array(bytes('{"b":1, "a":2}')), isJson: false, etag: '', concurrency: 'first-write', consistency: 'strong', metadata: { x: 'y' } },
        { kind: 'upsert', key: 'A||n', value: undefined, isJson: false, etag: undefined, concurrency: '', consistency: '', metadata: {} },
      ]);
    });
    it('stores what a gRPC client calls JSON in the form of Go', async () => {
      await sidecar.grpc('SaveState', request.save('S', item('k', { value: ' {"b":1.0,"a":"&"}', metadata: { contentType: 'application/json' } })));
      expect([text(SAVED()?.data), (store.calls[0] as { isJson: boolean }).isJson]).toEqual(['{"a":"\\u0026","b":1}', true]);
    });
    it.each([
      ['', 'unexpected end of JSON input'],
      ['{} x', "invalid character 'x' after top-level value"],
      ['[1e400]', 'json: cannot unmarshal number 1e400 into Go value of type float64'],
    ])('refuses %j as JSON over gRPC', async (value, message) => {
      expect(await sidecar.grpc('SaveState', request.save('S', item('k', { value, metadata: { contentType: 'application/json' } })))).toMatchObject({ code: 'Unknown', message });
    });
    it('has nothing to do without states', async () => {
      expect(await sidecar.grpc('SaveState', request.save('S'))).toMatchObject({ code: 'OK' });
    });
    it('refuses a gRPC item without a key', async () => {
      expect(await sidecar.grpc('SaveState', request.save('S', item('k'), item('')))).toMatchObject({ code: 'InvalidArgument', message: 'state key cannot be empty' });
      expect(store.calls).toEqual([]);
    });

    const twice = 'possible etag mismatch. error from state store: ';
    it.each<[string, Record<string, unknown>, status: number, code: string, text: string]>([
      ['one mismatch', { k: new EtagMismatch('d') }, 409, 'Aborted', 'possible etag mismatch. error from state store: d'],
      ['one invalid etag', { k: new EtagInvalid('d') }, 400, 'InvalidArgument', 'invalid etag value: d'],
      ['one failure', { k: new Error('boom') }, 500, 'Internal', 'boom'],
      ['something that is no Error', { k: 'words' }, 500, 'Internal', 'words'],
    ])('fails a single item with %s', async (_, faults, status, code, message) => {
      for (const [key, fault] of Object.entries(faults)) store.faults.set(`A||${key}`, fault);
      expect(await sidecar.http('SaveState', ['S'], { body: '[{"key":"k"}]' })).toEqual({ status, headers: [], body: errorBody('ERR_STATE_SAVE', `failed saving state in state store S: ${message}`) });
      expect(await sidecar.grpc('SaveState', request.save('S', item('k')))).toMatchObject({ code, message: `failed saving state in state store S: ${message}` });
    });
    it.each<[string, Record<string, unknown>, status: number, code: string, text: string]>([
      ['one mismatch', { b: new EtagMismatch('d') }, 409, 'Aborted', `${twice}${twice}d`],
      ['two mismatches', { c: new EtagMismatch('2'), a: new EtagMismatch('1') }, 409, 'Aborted', `${twice}${twice}1\n${twice}2`],
      ['an invalid etag among mismatches', { a: new EtagMismatch('1'), b: new EtagInvalid('2') }, 400, 'InvalidArgument', `invalid etag value: ${twice}1\ninvalid etag value: 2`],
      ['a failure among mismatches', { a: new EtagMismatch('1'), b: new Error('boom') }, 500, 'Internal', `${twice}1\nboom`],
      ['failures', { a: new Error('x'), b: new Error('y') }, 500, 'Internal', 'x\ny'],
    ])('saves side by side and joins %s', async (_, faults, status, code, message) => {
      for (const [key, fault] of Object.entries(faults)) store.faults.set(`A||${key}`, fault);
      expect(await sidecar.http('SaveState', ['S'], { body: '[{"key":"a"},{"key":"b"},{"key":"c"}]' }))
        .toEqual({ status, headers: [], body: errorBody('ERR_STATE_SAVE', `failed saving state in state store S: ${message}`) });
      expect(await sidecar.grpc('SaveState', request.save('S', item('a'), item('b'), item('c')))).toMatchObject({ code, message: `failed saving state in state store S: ${message}` });
      for (const key of ['a', 'b', 'c']) expect(store.items.has(`A||${key}`)).toBe(!(key in faults));
    });
    it.each([
      ['{"concurrency":"x"}', "unrecognized concurrency model 'x'"],
      ['{"consistency":"y","concurrency":"x"}', "unrecognized consistency model 'y'"],
    ])('fails for the options %s, that item alone', async (options, message) => {
      expect(await sidecar.http('SaveState', ['S'], { body: `[{"key":"a"},{"key":"k","options":${options}}]` }))
        .toEqual({ status: 500, headers: [], body: errorBody('ERR_STATE_SAVE', `failed saving state in state store S: ${message}`) });
      expect(store.items.has('A||a')).toBe(true);
      expect(store.items.has('A||k')).toBe(false);
    });
    it('keeps to a bound on writes under way', async () => {
      let running = 0;
      let most = 0;
      store.set = async () => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => { setImmediate(resolve); });
        running--;
      };
      const body = JSON.stringify(Array.from({ length: 1000 }, (_, i) => ({ key: `${i}` })));
      expect(await sidecar.http('SaveState', ['S'], { body })).toMatchObject({ status: 204 });
      expect([most, running]).toEqual([128, 0]);
    });
  });

  describe('delete', () => {
    it('reads everything over HTTP', async () => {
      expect(await sidecar.http('DeleteState', ['S', 'k'], { query: 'concurrency=first-write&consistency=eventual&metadata.a=b', headers: { 'if-match': 'e' } })).toEqual({ status: 204, headers: [], body: undefined });
      await sidecar.http('DeleteState', ['S', 'k'], { headers: { 'if-match': '' } });
      await sidecar.http('DeleteState', ['S', 'k']);
      expect(store.calls).toEqual([
        { kind: 'delete', key: 'A||k', etag: 'e', concurrency: 'first-write', consistency: 'eventual', metadata: { a: 'b' } },
        { kind: 'delete', key: 'A||k', etag: '', concurrency: '', consistency: '', metadata: {} },
        { kind: 'delete', key: 'A||k', etag: undefined, concurrency: '', consistency: '', metadata: {} },
      ]);
    });
    it('reads everything over gRPC', async () => {
      expect(await sidecar.grpc('DeleteState', request.remove('S', 'k', { etag: 'e', options: { concurrency: 2, consistency: 1 } }))).toMatchObject({ code: 'OK' });
      expect(store.calls).toEqual([{ kind: 'delete', key: 'A||k', etag: 'e', concurrency: 'last-write', consistency: 'eventual', metadata: {} }]);
    });
    it.each<[unknown, number, string, string]>([
      [new EtagMismatch('d'), 409, 'Aborted', 'possible etag mismatch. error from state store: d'],
      [new EtagInvalid('d'), 400, 'InvalidArgument', 'invalid etag value: d'],
      [new Error('boom'), 500, 'Internal', 'boom'],
    ])('fails with %s', async (fault, status, code, message) => {
      store.faults.set('A||k', fault);
      expect(await sidecar.http('DeleteState', ['S', 'k'])).toEqual({ status, headers: [], body: errorBody('ERR_STATE_DELETE', `failed deleting state with key k: ${message}`) });
      expect(await sidecar.grpc('DeleteState', request.remove('S', 'k'))).toMatchObject({ code, message: `failed deleting state with key k: ${message}` });
    });
    it('fails for words it does not know', async () => {
      expect(await sidecar.http('DeleteState', ['S', 'k'], { query: 'concurrency=x' })).toEqual({ status: 500, headers: [], body: errorBody('ERR_STATE_DELETE', "failed deleting state with key k: unrecognized concurrency model 'x'") });
    });
    it('deletes several', async () => {
      expect(await sidecar.grpc('DeleteBulkState', request.bulkRemove('S', item('a', { etag: 'e' }), item('b', { options: { concurrency: 1, consistency: 0 } })))).toMatchObject({ code: 'OK' });
      expect(store.calls).toMatchObject([{ kind: 'delete', key: 'A||a', etag: 'e' }, { kind: 'delete', key: 'A||b', concurrency: 'first-write' }]);
      expect(await sidecar.grpc('DeleteBulkState', request.bulkRemove('S'))).toMatchObject({ code: 'OK' });
      store.faults.set('A||a', new EtagMismatch('d'));
      expect(await sidecar.grpc('DeleteBulkState', request.bulkRemove('S', item('a')))).toMatchObject({ code: 'Aborted', message: 'failed deleting state in state store S: possible etag mismatch. error from state store: d' });
    });
  });

  describe('bulk get', () => {
    beforeEach(() => {
      store.items.set('A||a', { data: bytes('{"x": "<1>"}'), etag: 'e"', metadata: { z: '1', b: '2' } });
      store.items.set('A||n', { data: undefined });
      store.faults.set('A||bad', new Error('boom'));
    });
    it.each([
      ['{"keys":[]}', '[]\n'],
      ['{}', '[]\n'],
      ['null', '[]\n'],
      ['{"keys":["a"]} x', '[{"key":"a","data":{"x":"\\u003c1\\u003e"},"etag":"e\\"","metadata":{"b":"2","z":"1"}}]\n'],
      ['{"KEYS":["x<","n","bad"],"parallelism":1}', '[{"key":"x\\u003c"},{"key":"n"},{"key":"bad","error":"boom"}]\n'],
    ])('answers %j', async (body, answer) => {
      expect(await sidecar.http('GetBulkState', ['S'], { body })).toEqual({ status: 200, headers: [], body: answer });
    });
    it('answers nothing if one value is not JSON', async () => {
      store.items.set('A||raw', { data: bytes('raw') });
      expect(await sidecar.http('GetBulkState', ['S'], { body: '{"keys":["a","raw"]}' })).toEqual({ status: 200, headers: [], body: '' });
    });
    it('answers over gRPC', async () => {
      store.items.set('A||raw', { data: bytes('raw') });
      const { code, body } = await sidecar.grpc('GetBulkState', request.bulk('S', ['a', 'x', 'raw', 'bad'], 2));
      expect(code).toBe('OK');
      expect(GetBulkStateResponse.decode(body).items.map(({ key, data, etag, error, metadata }) => [key, text(data), etag, error, Object.fromEntries(metadata)])).toEqual([
        ['a', '{"x": "<1>"}', 'e"', '', { z: '1', b: '2' }], ['x', '', '', '', {}], ['raw', 'raw', '', '', {}], ['bad', '', '', 'boom', {}],
      ]);
      expect(await sidecar.grpc('GetBulkState', request.bulk('S', []))).toMatchObject({ code: 'OK', body: expect.toSatisfy((body: Uint8Array) => body.length === 0) as Uint8Array });
    });
    it('hands metadata to every read, the URL\'s over the body\'s', async () => {
      await sidecar.http('GetBulkState', ['S'], { query: 'metadata.a=url&metadata.c=3', body: '{"keys":["x","y"],"metadata":{"a":"1","b":"2"}}' });
      expect(store.calls).toEqual(['x', 'y'].map((key) => ({ key: `A||${key}`, consistency: '', metadata: { a: 'url', b: '2', c: '3' } })));
    });
    it.each([
      ['', 'EOF'],
      ['[]', 'json: cannot unmarshal array into Go value of type http.BulkGetRequest'],
      ['{"keys":1}', 'json: cannot unmarshal number into Go struct field BulkGetRequest.keys of type []string'],
      ['{"keys":[true]}', 'json: cannot unmarshal bool into Go struct field BulkGetRequest.keys of type string'],
      ['{"parallelism":1.5}', 'json: cannot unmarshal number 1.5 into Go struct field BulkGetRequest.parallelism of type int'],
      ['{"parallelism":"1"}', 'json: cannot unmarshal string into Go struct field BulkGetRequest.parallelism of type int'],
      ['{"metadata":"x"}', 'json: cannot unmarshal string into Go struct field BulkGetRequest.metadata of type map[string]string'],
    ])('refuses %j', async (body, message) => {
      expect(await sidecar.http('GetBulkState', ['S'], { body })).toEqual({ status: 400, headers: [], body: errorBody('ERR_MALFORMED_REQUEST', `failed deserializing HTTP body: ${message}`) });
    });
    it.each([[3, 3], [0, 128], [-1, 128], [1000, 128]])('keeps parallelism %i to %i reads under way', async (parallelism, bound) => {
      let running = 0;
      let most = 0;
      store.get = async () => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => { setImmediate(resolve); });
        running--;
        return undefined;
      };
      const keys = Array.from({ length: 300 }, (_, i) => `${i}`);
      await sidecar.http('GetBulkState', ['S'], { body: JSON.stringify({ keys, parallelism }) });
      expect([most, running]).toEqual([bound, 0]);
    });
    it('uses the store\'s own bulk read, and fails with it', async () => {
      store.getMany = (reads) => { const items = reads.map(({ key }) => store.items.get(key)); return slow ? Promise.resolve(items) : items; };
      expect(await sidecar.http('GetBulkState', ['S'], { body: '{"keys":["x","a"]}' })).toMatchObject({ status: 200, body: expect.stringMatching(/^\[\{"key":"x"\},\{"key":"a","data":/) as string });
      expect(store.calls).toEqual([]);
      store.getMany = () => { if (slow) return Promise.reject(new Error('boom')); throw new Error('boom'); };
      expect(await sidecar.http('GetBulkState', ['S'], { body: '{"keys":["x"]}' })).toEqual({ status: 500, headers: [], body: errorBody('ERR_STATE_BULK_GET', 'boom') });
      expect(await sidecar.grpc('GetBulkState', request.bulk('S', ['x']))).toMatchObject({ code: 'Unknown', message: 'boom' });
    });
  });

  describe('transaction', () => {
    const transact = (body: string, query = ''): Promise<Answer> => sidecar.http('ExecuteStateTransaction', ['S'], { body, query });

    it('reads everything over HTTP', async () => {
      expect(await transact(
        '{"operations":[{"operation":"upsert","request":{"KEY":"a","value":{"b":1,"a":2},"etag":"e","metadata":{"m":"own","n":null,"u":"own"},"options":{"Concurrency":"first-write","consistency":"strong"}}},{"operation":"delete","request":{"key":"b","etag":null}},{"operation":"upsert","request":{"key":"c"}},{"operation":"delete"}],"metadata":{"t":"1","u":"body"}} x',
        'metadata.u=url',
      )).toEqual({ status: 204, headers: [], body: undefined });
      expect(store.transactions).toEqual([{
        operations: [
          { kind: 'upsert', key: 'A||a', value: new Uint8Array(bytes('{"a":2,"b":1}')), isJson: true, etag: 'e', concurrency: 'first-write', consistency: 'strong', metadata: { m: 'own', n: '', u: 'url' } },
          { kind: 'delete', key: 'A||b', etag: undefined, concurrency: '', consistency: '', metadata: { u: 'url' } },
          { kind: 'upsert', key: 'A||c', value: new Uint8Array(bytes('null')), isJson: true, etag: undefined, concurrency: '', consistency: '', metadata: { u: 'url' } },
          { kind: 'delete', key: 'A||', etag: undefined, concurrency: '', consistency: '', metadata: { u: 'url' } },
        ] satisfies Operation[],
        metadata: { t: '1', u: 'url' },
      }]);
    });
    it('reads everything over gRPC', async () => {
      expect(await sidecar.grpc('ExecuteStateTransaction', request.transaction('S', [
        ['upsert', item('a', { value: 'raw', etag: 'e', metadata: { contentType: 'application/json' }, options: { concurrency: 1, consistency: 1 } })], ['delete', item('b')], ['upsert', item('n')], ['delete', undefined],
      ], new Map([['t', '1']])))).toMatchObject({ code: 'OK' });
      expect(store.transactions).toEqual([{
        operations: [
          { kind: 'upsert', key: 'A||a', value: new Uint8Array(bytes('raw')), isJson: false, etag: 'e', concurrency: 'first-write', consistency: 'eventual', metadata: { contentType: 'application/json' } },
          { kind: 'delete', key: 'A||b', etag: undefined, concurrency: '', consistency: '', metadata: {} },
          { kind: 'upsert', key: 'A||n', value: undefined, isJson: false, etag: undefined, concurrency: '', consistency: '', metadata: {} },
          { kind: 'delete', key: 'A||', etag: undefined, concurrency: '', consistency: '', metadata: {} },
        ],
        metadata: { t: '1' },
      }]);
    });
    it('asks the store for nothing over HTTP, but over gRPC', async () => {
      for (const body of ['{}', '{"operations":[]}', 'null', '{"operations":null}']) expect(await transact(body)).toEqual({ status: 204, headers: [], body: undefined });
      expect(store.transactions).toEqual([]);
      expect(await sidecar.grpc('ExecuteStateTransaction', request.transaction('S', []))).toMatchObject({ code: 'OK' });
      expect(store.transactions).toEqual([{ operations: [], metadata: {} }]);
    });
    it.each([
      ['', 'EOF'],
      ['[]', 'json: cannot unmarshal array into Go value of type http.stateTransactionRequestBody'],
      ['{"operations":{}}', 'json: cannot unmarshal object into Go struct field stateTransactionRequestBody.operations of type []http.stateTransactionRequestBodyOperation'],
      ['{"operations":[1]}', 'json: cannot unmarshal number into Go struct field stateTransactionRequestBody.operations of type http.stateTransactionRequestBodyOperation'],
      ['{"operations":[{"operation":"x"},{"operation":1}]}', 'json: cannot unmarshal number into Go struct field stateTransactionRequestBodyOperation.operations.operation of type string'],
      ['{"operations":[{"operation":"upsert","request":{"value":1e400}}]}', 'json: cannot unmarshal number 1e400 into Go struct field stateTransactionRequestBodyOperation.operations.request of type float64'],
      ['{"metadata":{"a":1}}', 'json: cannot unmarshal number into Go struct field stateTransactionRequestBody.metadata of type string'],
      ['{"operations":[{"operation":"upsert","request":1}]}', "'' expected a map, got 'float64'"],
      ['{"operations":[{"operation":"upsert","request":[]}]}', "'' expected a map, got 'slice'"],
      ['{"operations":[{"operation":"delete","request":"x"}]}', "'' expected a map, got 'string'"],
      ['{"operations":[{"operation":"upsert","request":{"key":1000000}}]}', "1 error(s) decoding:\n\n* 'Key' expected type 'string', got unconvertible type 'float64', value: '1e+06'"],
      ['{"operations":[{"operation":"upsert","request":{"key":{"a":1}}}]}', "1 error(s) decoding:\n\n* 'Key' expected type 'string', got unconvertible type 'map[string]interface {}', value: 'map[a:1]'"],
      ['{"operations":[{"operation":"delete","request":{"metadata":[]}}]}', "1 error(s) decoding:\n\n* 'Metadata' expected a map, got 'slice'"],
      ['{"operations":[{"operation":"delete","request":{"options":true}}]}', "1 error(s) decoding:\n\n* 'Options' expected a map, got 'bool'"],
      ['{"operations":[{"operation":"upsert","request":{"key":1,"etag":2,"metadata":{"b":1,"a":2},"options":{"concurrency":1,"consistency":true},"contentType":["x"]}}]}',
        "7 error(s) decoding:\n\n* 'ContentType' expected type 'string', got unconvertible type '[]interface {}', value: '[x]'\n* 'ETag' expected type 'string', got unconvertible type 'float64', value: '2'\n* 'Key' expected type 'string', got unconvertible type 'float64', value: '1'\n* 'Metadata[a]' expected type 'string', got unconvertible type 'float64', value: '2'\n* 'Metadata[b]' expected type 'string', got unconvertible type 'float64', value: '1'\n* 'Options.Concurrency' expected type 'string', got unconvertible type 'float64', value: '1'\n* 'Options.Consistency' expected type 'string', got unconvertible type 'bool', value: 'true'"],
    ])('refuses %j', async (body, message) => {
      expect(await transact(body)).toEqual({ status: 400, headers: [], body: errorBody('ERR_MALFORMED_REQUEST', `failed deserializing HTTP body: ${message}`) });
      expect(store.transactions).toEqual([]);
    });
    it('asks over HTTP for the feature before the body, and for what an operation is before its key', async () => {
      const unknown = { status: 400, headers: [], body: errorBody('ERR_NOT_SUPPORTED_STATE_OPERATION', 'operation type X not supported') };
      expect(await transact('{"operations":[{"operation":"X","request":{"key":"a||b"}}]}')).toEqual(unknown);
      expect(await transact('{"operations":[{"operation":"X"},{"operation":"upsert","request":1}]}')).toEqual(unknown);
      store.features = ['ETAG'];
      expect(await transact('not JSON')).toMatchObject({ status: 500, body: expect.stringContaining('"message":"state store S doesn\'t support transactions"') as string });
    });
    it('asks over gRPC for the key before what an operation is', async () => {
      expect(await sidecar.grpc('ExecuteStateTransaction', request.transaction('S', [['X', item('a||b')]]))).toMatchObject({ code: 'InvalidArgument', message: "input key/keyPrefix 'a||b' can't contain '||'" });
      expect(await sidecar.grpc('ExecuteStateTransaction', request.transaction('S', [['X', item('a')]]))).toMatchObject({ code: 'Unimplemented', message: 'operation type X not supported' });
    });
    it('needs a store that can and says so', async () => {
      delete store.transact;
      expect(await sidecar.grpc('ExecuteStateTransaction', request.transaction('S', []))).toMatchObject({ code: 'Unimplemented', message: "state store S doesn't support transactions" });
    });
    it('counts operations, after what they are', async () => {
      store.maxTransactionOperations = 1;
      const two = '{"operations":[{"operation":"delete","request":{"key":"a"}},{"operation":"delete","request":{"key":"b"}}]}';
      expect(await transact(two)).toMatchObject({ status: 400, body: expect.stringContaining('"errorCode":"ERR_STATE_STORE_TOO_MANY_TRANSACTIONS","message":"the transaction contains 2 operations, which is more than what the state store supports: 1"') as string });
      expect(await transact(two.replace('delete', 'X'))).toMatchObject({ body: expect.stringContaining('ERR_NOT_SUPPORTED_STATE_OPERATION') as string });
      expect(await sidecar.grpc('ExecuteStateTransaction', request.transaction('S', [['delete', item('a')], ['delete', item('b')]]))).toMatchObject({ code: 'InvalidArgument' });
      store.maxTransactionOperations = 2;
      expect(await transact(two)).toMatchObject({ status: 204 });
    });
    it.each<[unknown, string]>([[new Error('boom'), 'boom'], [new EtagMismatch('d'), 'possible etag mismatch. error from state store: d']])('fails with %s, and never as a conflict', async (fault, message) => {
      store.faults.set('transact', fault);
      expect(await transact('{"operations":[{"operation":"delete","request":{"key":"a"}}]}')).toEqual({ status: 500, headers: [], body: errorBody('ERR_STATE_TRANSACTION', `error while executing state transaction: ${message}`) });
      expect(await sidecar.grpc('ExecuteStateTransaction', request.transaction('S', [['delete', item('a')]]))).toMatchObject({ code: 'Internal', message: `error while executing state transaction: ${message}` });
    });
    it('fails as a whole for words it does not know', async () => {
      expect(await transact('{"operations":[{"operation":"upsert","request":{"key":"a","options":{"concurrency":"x"}}}]}')).toEqual({ status: 500, headers: [], body: errorBody('ERR_STATE_TRANSACTION', "error while executing state transaction: unrecognized concurrency model 'x'") });
      expect(store.transactions).toEqual([]);
    });
  });
});

describe('a key with the separator', () => {
  const details = (field: string): string => `"details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","field_violations":[{"field":"${field}","description":"api error: code = InvalidArgument desc = input key/keyPrefix 'a||b' can't contain '||'"}]},{"@type":"type.googleapis.com/google.rpc.ResourceInfo","description":"","owner":"","resource_name":"S","resource_type":"state"},{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":null,"reason":"DAPR_STATE_ILLEGAL_KEY"}]}`;
  const head = '{"errorCode":"ERR_MALFORMED_REQUEST","message":"api error: code = InvalidArgument desc = input key/keyPrefix \'a||b\' can\'t contain \'||\'",';

  it.each<[RouteName, string[], string, string]>([
    ['GetState', ['S', 'a||b'], '', 'a||b'],
    ['DeleteState', ['S', 'a||b'], '', 'a||b'],
    ['SaveState', ['S'], '[{"key":"a"},{"key":"a||b"}]', 'a||b'],
    ['GetBulkState', ['S'], '{"keys":["a","a||b"]}', 'a||b'],
    ['ExecuteStateTransaction', ['S'], '{"operations":[{"operation":"upsert","request":{"key":"a||b"}}]}', ''],
    ['ExecuteStateTransaction', ['S'], '{"operations":[{"operation":"delete","request":{"key":"a||b"}},{"operation":"X"}]}', ''],
  ])('is refused by %s over HTTP', async (name, path, body, field) => {
    expect(await sidecar.http(name, path, { body })).toEqual({ status: 400, headers: [], body: head + details(field) });
    expect(store.calls).toEqual([]);
  });
  it.each<[RouteName, Uint8Array]>([
    ['GetState', request.get('S', 'a||b')], ['DeleteState', request.remove('S', 'a||b')], ['SaveState', request.save('S', item('a'), item('a||b'))],
    ['DeleteBulkState', request.bulkRemove('S', item('a'), item('a||b'))], ['GetBulkState', request.bulk('S', ['a', 'a||b'])],
    ['ExecuteStateTransaction', request.transaction('S', [['upsert', item('a||b')]])],
  ])('is refused by %s over gRPC', async (name, message) => {
    expect(await sidecar.grpc(name, message)).toMatchObject({ code: 'InvalidArgument', message: "input key/keyPrefix 'a||b' can't contain '||'" });
    expect(store.calls).toEqual([]);
  });
});

describe('query', () => {
  const body = (message: string, code: string, reason: string): string => `{"errorCode":"${code}","message":"${message}","details":[{"@type":"type.googleapis.com/google.rpc.ResourceInfo","description":"","owner":"","resource_name":"S","resource_type":"state"},{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":null,"reason":"${reason}"}]}`;
  it('is not supported', async () => {
    const message = 'state store does not support querying';
    expect(await sidecar.http('QueryStateAlpha1', ['S'], { body: 'anything' })).toEqual({ status: 500, headers: [], body: body(message, 'ERR_STATE_STORE_NOT_SUPPORTED', 'DAPR_STATE_QUERYING_NOT_SUPPORTED') });
    expect(await sidecar.grpc('QueryStateAlpha1', request.query('S'))).toMatchObject({ code: 'Internal', message });
  });
  it('is refused by an encrypted store that could be queried', async () => {
    store.features = ['QUERY_API'];
    const encrypted = openSidecar({ S: { store, metadata: [KEY_SECRET] } });
    const message = 'state store S query failed: cannot query encrypted store';
    expect(await encrypted.http('QueryStateAlpha1', ['S'], { body: '{}' })).toEqual({ status: 500, headers: [], body: body(message, 'ERR_STATE_QUERY', 'DAPR_STATE_QUERY_FAILED') });
    expect(await encrypted.grpc('QueryStateAlpha1', request.query('S'))).toMatchObject({ code: 'Internal', message });
  });
});

describe('an encrypted store', () => {
  let encrypted: Sidecar;
  beforeEach(() => { encrypted = openSidecar({ S: { store, metadata: [KEY_SECRET] } }); });
  const read = async (key = 'k'): Promise<string | undefined> => (await encrypted.http('GetState', ['S', key])).body;

  it('says so once', async () => {
    await read();
    expect(encrypted.logs.filter((line) => line.includes('ncryption'))).toEqual(['Automatic encryption enabled for state store S']);
  });
  it('says that it is none if its key is not used', async () => {
    const clear = openSidecar({ S: { store, metadata: [{ name: 'primaryEncryptionKey', value: 'x' }] } });
    await clear.http('GetState', ['S', 'k']);
    expect(clear.logs[0]).toMatch(/^Encryption is off for state store S: /);
  });
  it.each([['"value1"', 'value1'], ['1000000', '1e+06'], ['{"b":2,"a":"<"}', 'map[a:< b:2]'], ['["a",null]', '[a <nil>]'], ['null', '<nil>']])('gives back %s, saved over HTTP, as %s', async (value, plaintext) => {
    expect(await encrypted.http('SaveState', ['S'], { body: `[{"key":"k","value":${value}}]` })).toMatchObject({ status: 204 });
    expect(text(SAVED()?.data)).toMatch(/^[A-Za-z\d+/]+={0,2}\|\|mykey$/);
    expect((store.calls[0] as { isJson: boolean }).isJson).toBe(false);
    expect(await read()).toBe(plaintext);
    await encrypted.http('ExecuteStateTransaction', ['S'], { body: `{"operations":[{"operation":"upsert","request":{"key":"t","value":${value}}}]}` });
    const [operation] = store.transactions[0]!.operations;
    store.items.set('A||t', { data: operation?.kind === 'upsert' ? operation.value : undefined });
    expect(await read('t')).toBe(plaintext);
  });
  it('gives back bytes saved over gRPC, and JSON as it was sent', async () => {
    for (const [value, metadata] of [['\0raw', {}], ['', {}], [' {"b":1, "a":1}', { contentType: 'application/json' }]] as const) {
      await encrypted.grpc('SaveState', request.save('S', item('k', { value, metadata })));
      expect(await read()).toBe(value);
      expect(text(GetStateResponse.decode((await encrypted.grpc('GetState', request.get('S', 'k'))).body).data)).toBe(value);
    }
    expect(await encrypted.grpc('SaveState', request.save('S', item('k', { value: '{', metadata: { contentType: 'application/json' } })))).toMatchObject({ code: 'Unknown' });
  });
  it('lists the bytes of a gRPC transaction, as Dapr does', async () => {
    await encrypted.grpc('ExecuteStateTransaction', request.transaction('S', [['upsert', item('k', { value: 'va' })], ['upsert', item('n')]]));
    store.transactions[0]!.operations.forEach((operation) => { if (operation.kind === 'upsert') store.items.set(operation.key, { data: operation.value }); });
    expect([await read('k'), await read('n')]).toEqual(['[118 97]', '[]']);
  });
  it('knows nothing of missing and empty records', async () => {
    expect(await encrypted.http('GetState', ['S', 'k'])).toEqual({ status: 204, headers: [], body: undefined });
    expect(await encrypted.grpc('GetState', request.get('S', 'k'))).toMatchObject({ code: 'OK', body: expect.toSatisfy((body: Uint8Array) => body.length === 0) as Uint8Array });
    store.items.set('A||k', { data: bytes('') });
    expect(await encrypted.http('GetState', ['S', 'k'])).toEqual({ status: 200, headers: [], body: '' });
  });
  it('fails for a record it can\'t read, and in a bulk get for that key alone', async () => {
    const why = 'could not decrypt data for state store S: encryption key name not found on record';
    await encrypted.grpc('SaveState', request.save('S', item('good', { value: '1' })));
    store.items.set('A||k', { data: bytes('in the clear'), etag: 'e' });
    expect(await encrypted.http('GetState', ['S', 'k'])).toEqual({ status: 500, headers: [], body: errorBody('ERR_STATE_GET', `fail to get k from state store S: ${why}`) });
    expect(await encrypted.grpc('GetState', request.get('S', 'k'))).toMatchObject({ code: 'Internal', message: `fail to get k from state store S: ${why}` });
    expect(await encrypted.http('GetBulkState', ['S'], { body: '{"keys":["good","k","no"]}' })).toEqual({ status: 200, headers: [], body: `[{"key":"good","data":1,"etag":"1"},{"key":"k","etag":"e","error":"${why}"},{"key":"no"}]\n` });
  });
});

describe('a component', () => {
  it('lists ACTOR beside etags and transactions', async () => {
    await sidecar.http('GetState', ['S', 'k']);
    expect(sidecar.capabilities('S')).toEqual(['ETAG', 'TRANSACTIONAL', 'ACTOR']);
  });
  it('has keys of its own kind', async () => {
    const both = openSidecar({ S: { store, metadata: [{ name: 'keyprefix', value: 'NAME' }] }, T: { store, metadata: [{ name: 'keyPrefix', value: 'namespace' }] } }, 'ns');
    await both.http('GetState', ['S', 'k']);
    await both.http('GetState', ['T', 'k']);
    expect(store.calls.map(({ key }) => key)).toEqual(['S||k', 'ns.A||k']);
    await both.close();
    await both.close();
    expect(await both.http('GetState', ['S', 'k'])).toMatchObject({ status: 500 });
  });
});

describe('the in-memory store behind the block', () => {
  let memory: Sidecar;
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  beforeEach(() => {
    const spec = { name: 'S', type: 'state.in-memory', version: 'v1', metadata: [], ignoreErrors: false, initTimeoutMs: 1000 };
    memory = openSidecar({ S: { store: openMemoryStore(spec, { appId: 'A', namespace: '', log, checkpoints: memoryCheckpoints() }) } });
  });
  const save = (item: object, query = ''): Promise<Answer> => memory.http('SaveState', ['S'], { body: JSON.stringify([{ key: 'k', ...item }]), query });
  const failed = (text: string): string => errorBody('ERR_STATE_SAVE', `failed saving state in state store S: ${text}`);

  it('gives out etags and holds clients to them', async () => {
    expect(await save({ value: 'v' })).toMatchObject({ status: 204 });
    const { headers, body } = await memory.http('GetState', ['S', 'k']);
    expect([headers[0], body]).toEqual(['ETag', '"v"']);
    const etag = headers[1]!;
    expect(await save({ etag: 'bad' })).toEqual({ status: 409, headers: [], body: failed(`possible etag mismatch. error from state store: state etag not match for key=A||k: current=${etag}, expect=bad`) });
    expect(await save({ options: { concurrency: 'first-write' } })).toMatchObject({ status: 409, body: failed('possible etag mismatch. error from state store: item already exists and no etag was passed') });
    expect(await save({ key: 'new', etag: 'x' })).toMatchObject({ status: 409, body: failed('possible etag mismatch. error from state store: state not exist or expired for key=A||new') });
    expect(await save({ etag, options: { concurrency: 'first-write' } })).toMatchObject({ status: 204 });
    expect(await memory.http('DeleteState', ['S', 'k'], { headers: { 'if-match': etag } })).toMatchObject({ status: 409 });
    expect(await memory.http('DeleteState', ['S', 'k'], { headers: { 'if-match': '' } })).toMatchObject({ status: 204 });
    expect(await memory.http('GetState', ['S', 'k'])).toMatchObject({ status: 204 });
  });
  it('tells when an item expires, and refuses what is no time', async () => {
    await save({ metadata: { ttlInSeconds: '1' } }, 'metadata.ttlInSeconds=60');
    const { headers } = await memory.http('GetState', ['S', 'k']);
    expect(headers.slice(2)).toEqual(['metadata.ttlExpireTime', expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)]);
    expect(Date.parse(headers[3]!)).toBeGreaterThan(Date.now() + 50_000);
    expect(await save({}, 'metadata.ttlInSeconds=x')).toMatchObject({ status: 500, body: failed('strconv.Atoi: parsing "x": invalid syntax') });
  });
  it('tells null from nothing: JSON null is a value, no bytes are none', async () => {
    await save({});
    expect(await memory.http('GetState', ['S', 'k'])).toMatchObject({ status: 200, body: 'null' });
    await memory.grpc('SaveState', request.save('S', item('k')));
    expect(await memory.http('GetState', ['S', 'k'])).toMatchObject({ status: 204 });
  });
  it('applies a transaction as a whole or not at all', async () => {
    const upsert = (key: string, etag?: string): object => ({ operation: 'upsert', request: { key, value: 1, etag } });
    const transact = (...operations: object[]): Promise<Answer> => memory.http('ExecuteStateTransaction', ['S'], { body: JSON.stringify({ operations }) });
    expect(await transact(upsert('a'), upsert('b', 'bad'))).toMatchObject({ status: 500 });
    expect(await memory.http('GetState', ['S', 'a'])).toMatchObject({ status: 204 });
    expect(await transact(upsert('a'), upsert('b'))).toMatchObject({ status: 204 });
    expect(await memory.http('GetState', ['S', 'b'])).toMatchObject({ status: 200, body: '1' });
  });
});

describe('for any bytes', () => {
  const names = Object.values(ROUTE).filter(({ owner }) => owner === 'state').map(({ name }) => name as RouteName);
  const jsonLike = fc.oneof(
    fc.uint8Array().map((array) => Buffer.from(array)),
    fc.json().map((json) => Buffer.from(json)),
    fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0 1-.e', 'null', '"key"', '"value"', '"operations"', '"operation"', '"upsert"', '"request"', '"keys"', '"metadata"', '"options"') }).map((json) => Buffer.from(json)),
  );
  it.each(names)('%s gives a value or an ApiError, over HTTP', async (name) => {
    await fc.assert(fc.asyncProperty(jsonLike, fc.string(), async (body, query) => {
      const answer = await sidecar.http(name, ['S', 'k'], { body, query });
      expect(answer.status).toBeGreaterThanOrEqual(200);
    }), { numRuns: 300 });
  });
  it.each(names)('%s gives a value or an ApiError, over gRPC', async (name) => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (body) => {
      await sidecar.grpc(name, body);
      await sidecar.grpc(name, Buffer.concat([Buffer.from([0x0a, 1, 0x53, 0x12]), body])); // field 1 is S, then something in field 2
    }), { numRuns: 300 });
  });
  it('stores any JSON so that it reads back the same', async () => {
    await fc.assert(fc.asyncProperty(fc.jsonValue(), async (value) => {
      const json = JSON.stringify({ value }).toWellFormed().replace(/\\ud[89a-f]../g, '\ufffd');
      await sidecar.http('SaveState', ['S'], { body: `[{"key":"k",${json.slice(1)}]` });
      expect(JSON.parse((await sidecar.http('GetState', ['S', 'k'])).body ?? '')).toEqual((JSON.parse(json) as { value: unknown }).value);
    }));
  });
  it('keeps what it decoded when the borrowed memory changes', async () => {
    const { decodeGrpc, run } = sidecar.method('SaveState');
    const borrowed = Buffer.from(request.save('S', item('k', { value: 'value' })));
    const decoded: unknown = decodeGrpc(borrowed, {});
    borrowed.fill(0);
    await run(decoded, { signal: new AbortController().signal });
    expect(text(SAVED()?.data)).toBe('value');
  });
});
