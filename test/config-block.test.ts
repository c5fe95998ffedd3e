// The configuration API from decoded wire to store and back, in both protocols: forms, order of checks, errors and reads
// (contract: sidecar §2.3, §2.6, §3.4).
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { KnownItem } from '../blocks/config/known-item.ts';
import { subscribeMessage } from '../blocks/config/grpc.ts';
import { ROUTE, type RouteName } from '../proto/routes.ts';
import { errorInfo } from '../proto/errors.ts';
import type { ConfigurationItem } from '../proto/gen/dapr/proto/common/v1/common.ts';
import { GetConfigurationResponse, SubscribeConfigurationResponse } from '../proto/gen/dapr/proto/runtime/v1/configuration.ts';
import { FakeStore, getRequest, item, rig, subscribeRequest, turn, unsubscribeRequest, type Rig } from './harness/config-block.ts';

const UNKNOWN_ID = '5f4c2f0e-0000-4000-8000-000000000000';
let store: FakeStore;
let sidecar: Rig;
beforeEach(async () => {
  store = new FakeStore();
  sidecar = await rig({ S: store });
});

const GETS: RouteName[] = ['GetConfiguration', 'GetConfigurationAlpha1'];
const SUBSCRIBES: RouteName[] = ['SubscribeConfiguration', 'SubscribeConfigurationAlpha1'];
const UNSUBSCRIBES: RouteName[] = ['UnsubscribeConfiguration', 'UnsubscribeConfigurationAlpha1'];
const errorBody = (errorCode: string, message: string): string => JSON.stringify({ errorCode, message });

describe('the order of checks', () => {
  const HTTP: [RouteName, string[]][] = [...GETS.map((name): [RouteName, string[]] => [name, []]), ...SUBSCRIBES.map((name): [RouteName, string[]] => [name, []]), ...UNSUBSCRIBES.map((name): [RouteName, string[]] => [name, [UNKNOWN_ID]])];

  it.each(HTTP)('%s over HTTP asks for a store first', async (name, params) => {
    const none = await rig({}, { app: null });
    expect(await none.http(name, ['S', ...params])).toMatchObject({ status: 500, body: errorBody('ERR_CONFIGURATION_STORE_NOT_CONFIGURED', 'configuration stores not configured') });
    const other = await rig({ other: new FakeStore() }, { app: null });
    expect(await other.http(name, ['S', ...params])).toMatchObject({ status: 400, body: errorBody('ERR_CONFIGURATION_STORE_NOT_FOUND', 'configuration store S not found') });
  });

  it.each(GETS)('%s over gRPC asks for a store first', async (name) => {
    expect(await (await rig({})).grpc(name, getRequest('S'))).toMatchObject({ code: 'FailedPrecondition', message: 'configuration stores not configured', details: [errorInfo('ERR_CONFIGURATION_STORE_NOT_CONFIGURED')] });
    expect(await (await rig({ other: store })).grpc(name, getRequest('S'))).toMatchObject({ code: 'InvalidArgument', message: 'configuration store S not found', details: [errorInfo('ERR_CONFIGURATION_STORE_NOT_FOUND')] });
  });

  it('a stream asks for a store first', async () => {
    expect((await rig({})).stream('S').ended).toMatchObject({ failure: { grpc: 9, message: 'configuration stores not configured' } });
    expect((await rig({ other: store })).stream('S').ended).toMatchObject({ failure: { grpc: 3, message: 'configuration store S not found' } });
  });

  it.each(SUBSCRIBES)('%s over HTTP needs an application', async (name) => {
    const alone = await rig({ S: store }, { app: null });
    expect(await alone.http(name, ['S'])).toMatchObject({ status: 500, body: errorBody('ERR_APP_CHANNEL_NIL', 'app channel is not initialized. cannot subscribe to configuration updates') });
    expect(store.asked).toEqual([]);
  });

  it('a component that can not start is 503, with the reason', async () => {
    const broken = await rig({ S: store }, { metadata: { cacheMaxKeys: 'many' } });
    expect(await broken.http('GetConfiguration', ['S'])).toMatchObject({ status: 503, body: expect.stringContaining('cacheMaxKeys') as string });
    const stream = broken.stream('S');
    await turn();
    expect(stream.ended).toMatchObject({ failure: { grpc: 14 } });
  });

  it('serves every method of the block', () => {
    for (const { id, name, owner } of Object.values(ROUTE)) if (owner === 'config') expect(sidecar.block.methods.has(id), name).toBe(true);
    expect([...sidecar.block.streams!.keys()]).toEqual([ROUTE.SubscribeConfiguration.id, ROUTE.SubscribeConfigurationAlpha1.id]);
  });

  it('says what a component can do', () => {
    expect(sidecar.block.components()).toMatchObject([{ name: 'S', state: 'ready', capabilities: ['FAKE'] }]);
  });
});

describe.each([false, true])('a read, from a store that answers through promises: %s', (slow) => {
  beforeEach(() => {
    store.slow = slow;
    store.items.set('a', item('1', 'v1', { z: '<&>', b: 'x' })).set('b', item('', '', {})).set('c', item('"quoted"\n', ''));
  });

  it.each<[string, string, number, string]>([
    ['one key', 'key=a', 200, '{"a":{"value":"1","version":"v1","metadata":{"b":"x","z":"\\u003c\\u0026\\u003e"}}}\n'],
    ['keys in the order of their names', 'key=c&key=a&key=b', 200, '{"a":{"value":"1","version":"v1","metadata":{"b":"x","z":"\\u003c\\u0026\\u003e"}},"b":{},"c":{"value":"\\"quoted\\"\\n"}}\n'],
    ['a key that is named twice, once', 'key=b&key=b', 200, '{"b":{}}\n'],
    ['what there is of several', 'key=b&key=nothing', 200, '{"b":{}}\n'],
    ['nothing', 'key=nothing', 204, ''],
    ['the key without a name, which is not there', 'key=', 204, ''],
    ['all', '', 200, '{"a":{"value":"1","version":"v1","metadata":{"b":"x","z":"\\u003c\\u0026\\u003e"}},"b":{},"c":{"value":"\\"quoted\\"\\n"}}\n'],
    ['escaped', 'key=%61+', 204, ''],
  ])('answers over HTTP with %s', async (_, query, status, body) => {
    for (const name of GETS) expect(await sidecar.http(name, ['S'], query)).toMatchObject({ status, body });
    expect(store.reads[0]?.keys).toEqual(query === '' ? 'all' : [...new Set(new URLSearchParams(query).getAll('key'))]);
  });

  it.each<[string, string[], string[]]>([['some keys', ['a', 'b', 'nothing'], ['a', 'b']], ['all keys', [], ['a', 'b', 'c']], ['nothing', ['nothing'], []]])('answers over gRPC with %s', async (_, keys, found) => {
    for (const name of GETS) {
      const { code, body } = await sidecar.grpc(name, getRequest('S', keys));
      expect([code, [...GetConfigurationResponse.decode(body).items.keys()].sort()]).toEqual(['OK', found]);
    }
    const { items } = GetConfigurationResponse.decode((await sidecar.grpc('GetConfiguration', getRequest('S', ['a']))).body);
    expect(items.get('a')).toEqual({ value: '1', version: 'v1', metadata: new Map([['z', '<&>'], ['b', 'x']]) });
  });

  it('hands the metadata on', async () => {
    await sidecar.http('GetConfiguration', ['S'], 'key=a&metadata.x=1&metadata.y=%20');
    await sidecar.grpc('GetConfiguration', getRequest('S', ['a'], { x: '1' }));
    await sidecar.http('GetConfiguration', ['S'], 'key=a');
    expect(store.reads.map(({ metadata }) => metadata)).toEqual([{ x: '1', y: ' ' }, { x: '1' }, {}]);
  });

  it('says why it failed', async () => {
    store.fault = new Error('the store says no');
    const message = (keys: string): string => `failed to get ${keys} from Configuration store S: the store says no`;
    expect(await sidecar.http('GetConfiguration', ['S'], 'key=b&key=a&key=b')).toMatchObject({ status: 500, body: errorBody('ERR_CONFIGURATION_GET', message('[b a b]')) });
    expect(await sidecar.http('GetConfiguration', ['S'])).toMatchObject({ status: 500, body: errorBody('ERR_CONFIGURATION_GET', message('[]')) });
    expect(await sidecar.grpc('GetConfiguration', getRequest('S', ['k1', 'k2']))).toMatchObject({ code: 'Internal', message: message('[k1 k2]'), details: [errorInfo('ERR_CONFIGURATION_GET')] });
  });
});

describe('a subscription', () => {
  it('is answered over HTTP with its id, and ended by it', async () => {
    for (const [index, name] of SUBSCRIBES.entries()) {
      const { status, body } = await sidecar.http(name, ['S'], 'key=a');
      expect([status, body]).toEqual([200, expect.stringMatching(/^\{"id":"[\da-f-]{36}"\}$/)]);
      const { id } = JSON.parse(body) as { readonly id: string };
      expect(await sidecar.http(UNSUBSCRIBES[index]!, ['S', id])).toMatchObject({ status: 200, body: '{"ok":true}' });
      expect(await sidecar.http(UNSUBSCRIBES[index]!, ['S', id])).toMatchObject({ status: 500, body: `{"message":"failed to unsubscribe to configuration request ${id}: subscription with id ${id} does not exist"}` });
    }
    expect(store.watched).toEqual([]);
  });

  it('of another store is not ended over HTTP', async () => {
    sidecar = await rig({ S: store, other: new FakeStore() });
    const id = await sidecar.subscribeApp('S', 'a');
    expect((await sidecar.http('UnsubscribeConfiguration', ['other', id])).status).toBe(500);
    expect((await sidecar.http('UnsubscribeConfiguration', ['S', id])).status).toBe(200);
  });

  it('that there isn\'t is no error over gRPC', async () => {
    for (const name of UNSUBSCRIBES) expect(await sidecar.grpc(name, unsubscribeRequest('', 'x'))).toMatchObject({ code: 'OK' });
    expect(await sidecar.unsubscribe('x')).toEqual({ ok: false, message: 'failed to unsubscribe to configuration request x: subscription does not exist' });
    expect(sidecar.log.texts('warn')).toEqual([]);
  });

  it('by stream is ended by the server when it is ended by its id, over either protocol', async () => {
    const [first, second] = [await sidecar.subscribed('S', 'a'), await sidecar.subscribed('S')];
    expect(await sidecar.unsubscribe(first.id)).toEqual({ ok: true, message: '' });
    expect([first.ended, second.ended]).toEqual(['ok', undefined]);
    expect(sidecar.log.texts('warn')).toEqual(['UnsubscribeConfiguration is deprecated over gRPC: close the stream of the subscription instead']);
    expect((await sidecar.http('UnsubscribeConfiguration', ['S', second.id])).status).toBe(200);
    expect([second.ended, store.watched]).toEqual(['ok', []]);
  });

  it('over HTTP can be ended over gRPC', async () => {
    const id = await sidecar.subscribeApp('S', 'a');
    expect(await sidecar.unsubscribe(id)).toEqual({ ok: true, message: '' });
    store.put({ a: '1' });
    await turn();
    expect(sidecar.kernel.calls).toEqual([]);
  });

  it('that can not be says so, with its keys in order over gRPC', async () => {
    store.refusal = new Error('notifications are off');
    const message = (keys: string): string => `failed to subscribe ${keys} from Configuration store S: notifications are off`;
    expect(await sidecar.http('SubscribeConfiguration', ['S'], 'key=b&key=a')).toMatchObject({ status: 500, body: errorBody('ERR_CONFIGURATION_SUBSCRIBE', message('[b a]')) });
    const stream = sidecar.stream('S', ['b', '\u{1f6a2}', '\uff21', 'a']);
    const all = sidecar.stream('S');
    await turn();
    expect(stream.ended).toMatchObject({ failure: { grpc: 3, message: message('[a b \uff21 \u{1f6a2}]'), details: [errorInfo('ERR_CONFIGURATION_SUBSCRIBE')] } });
    expect(all.ended).toMatchObject({ failure: { message: message('[]') } });
    expect([stream.messages, all.messages, sidecar.checkpoints.kept.size]).toEqual([[], [], 0]);
  });

  it('that can\'t be read is refused', () => {
    const open = (): void => sidecar.block.streams!.get(ROUTE.SubscribeConfiguration.id)!.open(sidecar.stream('S'), Buffer.from([0xff]));
    expect(open).toThrow('grpc: error unmarshalling request');
    expect(subscribeRequest('S')).toHaveLength(3);
  });
});

describe('what is sent', () => {
  const texts = fc.string({ unit: 'grapheme' });
  const items = fc.record({ value: texts, version: texts, metadata: fc.dictionary(texts.filter((name) => name !== '__proto__'), texts) });

  it('is over gRPC what the general encoder makes of it', () => {
    fc.assert(fc.property(fc.dictionary(texts.filter((key) => key !== '__proto__'), items), texts, (all, id) => {
      const known = Object.entries(all).map(([key, one]) => new KnownItem(key, one));
      const { id: sentId, items: sent } = SubscribeConfigurationResponse.decode(subscribeMessage(id, known));
      expect([sentId, sent]).toEqual([id, new Map(Object.entries(all).map(([key, { value, version, metadata }]) => [key, { value, version, metadata: new Map(Object.entries(metadata)) } satisfies ConfigurationItem]))]);
    }));
  });

  it('is over HTTP the JSON of it', () => {
    fc.assert(fc.property(texts, items, (key, { value, version, metadata }) => {
      const parsed = JSON.parse(`{${new KnownItem(key, { value, version, metadata }).json}}`) as unknown;
      expect(parsed).toEqual({ [key]: { ...(value === '' ? {} : { value }), ...(version === '' ? {} : { version }), ...(Object.keys(metadata).length === 0 ? {} : { metadata }) } });
    }));
  });

  it('has one digest for one state', () => {
    const digest = (value: string, version: string, metadata = {}): string => new KnownItem('k', item(value, version, metadata)).digest;
    expect(new KnownItem('k', undefined).digest).toBe('');
    expect(digest('1', '2', { a: 'x', b: 'y' })).toBe(digest('1', '2', { b: 'y', a: 'x' }));
    expect(new Set([digest('', ''), digest('a', ''), digest('', 'a'), digest('', '', { a: '' }), digest('', '', { '': 'a' }), digest('a', 'a')]).size).toBe(6);
  });
});
