// The envelope around what an app publishes, its trace context, and the JSON of a bulk: by example and by property.
import fc from 'fast-check';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { GoJsonError } from '../blocks/gojson.ts';
import { rawElements, rawFirst, rawMembers } from '../blocks/goraw.ts';
import { bulkBody } from '../blocks/pubsub/publish/bulk-body.ts';
import { envelope, localTime, type Event } from '../blocks/pubsub/publish/envelope.ts';
import { rawPayload, timeToLive } from '../blocks/pubsub/publish/request-metadata.ts';
import { incomingTrace, NO_TRACE, toTraceBin, Tracer, ZERO_TRACEPARENT } from '../blocks/pubsub/tracing.ts';
import { compareUtf8, quote } from '../proto/gojson.ts';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02';
const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;
const SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/;

interface Options extends Partial<Omit<Event, 'data'>> {
  readonly data?: string | Uint8Array;
  readonly appId?: string;
  readonly hasTtl?: boolean;
}

function textOf({ data = '', appId = 'app', hasTtl = false, ...rest }: Options): string {
  return Buffer.from(envelope({ pubsub: 'p', topic: 't', contentType: '', metadata: undefined, trace: NO_TRACE, ...rest, data: Buffer.from(data as string) }, appId, hasTtl)).toString();
}

const attributes = (options: Options): Record<string, unknown> => JSON.parse(textOf(options)) as Record<string, unknown>;
/** The text of a member, as it stands in the envelope. */
const member = (name: string, options: Options): string | undefined => rawMembers(textOf(options))?.get(name);

describe('a new envelope', () => {
  it('has its members in the order of their names, and nothing between them', () => {
    const text = textOf({ data: 'hi', trace: { traceparent: PARENT, tracestate: 'a=1' }, metadata: { 'cloudevent.id': 'i', 'cloudevent.subject': 's', ttl: '10s' } });
    const shape = text.replace(/"time":"[^"]+"/, '"time":"T"').replace(/"expiration":"[^"]+"/, '"expiration":"E"');
    expect(shape).toBe('{"data":"hi","datacontenttype":"text/plain","expiration":"E","id":"i","pubsubname":"p","source":"app","specversion":"1.0","subject":"s","time":"T","topic":"t",'
      + `"traceid":"${PARENT}","traceparent":"${PARENT}","tracestate":"a=1","type":"com.dapr.event.sent"}`);
  });

  it('fills in what nobody said', () => {
    const event = attributes({});
    expect(event).toEqual({
      data: '', datacontenttype: 'text/plain', id: expect.stringMatching(UUID) as string, pubsubname: 'p', source: 'app', specversion: '1.0',
      time: expect.stringMatching(SECONDS) as string, topic: 't', traceid: '', traceparent: '', tracestate: '', type: 'com.dapr.event.sent',
    });
    expect(Math.abs(Date.parse(event['time'] as string) - Date.now())).toBeLessThan(5_000);
    expect(attributes({ appId: '' })['source']).toBe('Dapr');
  });

  it.each<[name: string, metadata: Record<string, string>, expected: Record<string, unknown>]>([
    ['id', { 'cloudevent.id': 'x' }, { id: 'x' }],
    ['an empty id is none', { 'cloudevent.id': '' }, { id: expect.stringMatching(UUID) }],
    ['source', { 'cloudevent.source': 'x' }, { source: 'x' }],
    ['type', { 'cloudevent.type': 'x' }, { type: 'x' }],
    ['subject', { 'cloudevent.subject': 'x' }, { subject: 'x' }],
    ['traceid, which is traceparent too', { 'cloudevent.traceid': 'x' }, { traceid: 'x', traceparent: 'x' }],
    ['traceparent, which wins', { 'cloudevent.traceid': 'x', 'cloudevent.traceparent': 'y' }, { traceid: 'y', traceparent: 'y' }],
    ['tracestate', { 'cloudevent.tracestate': 'x=1' }, { tracestate: 'x=1' }],
    ['names in any case', { 'CloudEvent.ID': 'x', 'cloudEvent.Type': 'y' }, { id: 'x', type: 'y' }],
    ['nothing else', { 'cloudevent.topic': 'x', 'cloudevent.pubsubname': 'x', 'cloudevent.datacontenttype': 'x', 'cloudevent.foo': 'x' }, { topic: 't', pubsubname: 'p', datacontenttype: 'text/plain' }],
  ])('takes from the metadata: %s', (_, metadata, expected) => {
    const event = attributes({ metadata, trace: { traceparent: PARENT, tracestate: '' } });
    expect(event).toMatchObject(expected);
    expect(event).not.toHaveProperty('foo');
  });

  it.each<[contentType: string, data: string, expected: string]>([
    ['application/json', '{"b": 1,\n"a":[true, null ,"x"]}', '{"a":[true,null,"x"],"b":1}'],
    ['application/json', '123456789012345678901234567890', '123456789012345678901234567890'],
    ['application/json', '{"id":9007199254740993,"e":1e400,"f":1.0,"z":-0}', '{"e":1e400,"f":1.0,"id":9007199254740993,"z":-0}'],
    ['application/json', '{"a":1,"a":2}', '{"a":2}'],
    ['application/json', '{"a":1} and more', '{"a":1}'],
    ['application/json', '"<b>&\\u2028\\/\\u00e9"', '"\\u003cb\\u003e\\u0026\\u2028/\u00e9"'],
    ['application/json', '"\\ud800x"', '"\ufffdx"'],
    ['application/json', '{not json', '"{not json"'],
    ['application/json', '', '""'],
    ['application/json', 'null', 'null'],
    ['APPLICATION/JSON; charset=utf-8', '[1]', '[1]'],
    ['application/vnd.shop+json', '[1]', '[1]'],
    ['application/jsonp', '[1]', '"[1]"'],
    ['text/plain', '<a> & "b" \u2028 \u00e9 \ud83d\ude00', '"\\u003ca\\u003e \\u0026 \\"b\\" \\u2028 \u00e9 \ud83d\ude00"'],
    ['foo/bar', '{"a":1}', '"{\\"a\\":1}"'],
    ['', 'x', '"x"'],
  ])('puts %s with %s into data', (contentType, data, expected) => {
    expect(member('data', { contentType, data })).toBe(expected);
    expect(member('data_base64', { contentType, data })).toBeUndefined();
    expect(attributes({ contentType, data })['datacontenttype']).toBe(contentType === '' ? 'text/plain' : contentType);
  });

  it('has U+FFFD for each byte of a text that is not UTF-8', () => {
    expect(attributes({ data: Uint8Array.of(0x61, 0xff, 0xe2, 0x82, 0x62) })['data']).toBe('a\ufffd\ufffd\ufffdb');
    expect(attributes({ contentType: 'application/json', data: Uint8Array.of(0x22, 0xff, 0x22) })['data']).toBe('\ufffd');
  });

  const cloudEvent = (id: string): Uint8Array => new BinaryWriter().uint32(10).string(id).uint32(18).string('s').uint32(26).string('1.0').uint32(34).string('t').uint32(58).string('text').finish();

  it.each<[contentType: string, data: Uint8Array, binary: boolean]>([
    ['application/octet-stream', Uint8Array.of(0, 255), true],
    ['Application/Octet-Stream;x=y', Uint8Array.of(1), true],
    ['application/octet-stream', Uint8Array.of(), true],
    ['application/cloudevents+protobuf', Uint8Array.of(1), true],
    ['application/x-protobuf', cloudEvent('i'), true],
    ['application/x-protobuf', cloudEvent(''), false],
    ['application/x-protobuf', cloudEvent('i').subarray(0, 9), false],
    ['application/x-protobuf', Uint8Array.of(), false],
    ['application/x-protobuf', Buffer.from('plain text'), false],
  ])('tells by %s whether data is binary (%#)', (contentType, data, binary) => {
    const event = attributes({ contentType, data });
    expect(event[binary ? 'data_base64' : 'data']).toBe(Buffer.from(data).toString(binary ? 'base64' : 'utf8'));
    expect(event).not.toHaveProperty(binary ? 'data' : 'data_base64');
  });

  it.each<[metadata: Record<string, string>, seconds: number | undefined]>([
    [{ ttlInSeconds: '60' }, 60],
    [{ ttl: '60' }, 60],
    [{ TTLINSECONDS: '60' }, 60],
    [{ ttl: '1m30s' }, 90],
    [{ ttlInSeconds: '90s' }, 90],
    [{ ttl: '1500ms' }, 1.5],
    [{ ttl: '10', ttlInSeconds: '60' }, 10],
    [{ ttl: '0' }, undefined],
    [{ ttl: '-5' }, undefined],
    [{ ttl: '-5s' }, undefined],
    [{ ttl: 'soon' }, undefined],
    [{ ttl: '' }, undefined],
    [{ ttl: '9223372036854775807' }, 9_223_372_036.854],
    [{ ttl: '99999999999999999999' }, undefined],
  ])('expires as %j says', (metadata, seconds) => {
    expect(timeToLive(metadata)).toBe(seconds === undefined ? undefined : seconds * 1_000);
    const { expiration } = attributes({ metadata });
    if (seconds === undefined) return expect(expiration).toBeUndefined();
    expect(expiration).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const late = Date.parse(expiration as string) - (Date.now() + seconds * 1_000);
    expect(late).toBeGreaterThan(-5_000);
    expect(late).toBeLessThanOrEqual(0);
  });

  it('says nothing of an expiry that the broker sees to', () => {
    expect(attributes({ metadata: { ttl: '10' }, hasTtl: true })).not.toHaveProperty('expiration');
  });

  it('is always JSON with sorted members that say what they were told', () => {
    const word = fc.string({ unit: 'binary' });
    fc.assert(fc.property(fc.record({
      data: fc.oneof(fc.uint8Array(), word.map((text) => Buffer.from(text)), fc.json().map((text) => Buffer.from(text))),
      contentType: fc.oneof(word, fc.constantFrom('application/json', 'text/plain', 'application/octet-stream', 'application/x-protobuf', 'a/b+json')),
      pubsub: word, topic: word, appId: word,
      metadata: fc.option(fc.dictionary(fc.oneof(word, fc.constantFrom('cloudevent.id', 'cloudevent.type', 'Cloudevent.Source', 'ttl', 'cloudevent.traceid')), word), { nil: undefined }),
    }), ({ data, contentType, pubsub, topic, appId, metadata }) => {
      const text = textOf({ data, contentType, pubsub, topic, appId, metadata });
      const event = JSON.parse(text) as Record<string, unknown>;
      expect(Object.keys(event)).toEqual(Object.keys(event).sort(compareUtf8));
      expect(event).toMatchObject({ topic: topic.toWellFormed(), pubsubname: pubsub.toWellFormed(), specversion: '1.0' });
      expect('data' in event).toBe(!('data_base64' in event));
      expect(event['traceid']).toBe(event['traceparent']);
      expect(text).not.toMatch(/[<>&\u2028\u2029]/);
    }));
  });

  it('holds any JSON with the value it had', () => {
    fc.assert(fc.property(fc.json(), (json) => {
      expect(attributes({ contentType: 'application/json', data: json })['data']).toEqual(JSON.parse(json));
    }));
  });

  it('holds any number with the digits it had', () => {
    const digits = fc.stringMatching(/^-?(0|[1-9]\d{0,60})(\.\d{1,30})?([eE][+-]?\d{1,4})?$/);
    fc.assert(fc.property(digits, (number) => {
      expect(member('data', { contentType: 'application/json', data: `{"n": [${number} ]}` })).toBe(`{"n":[${number}]}`);
    }));
  });
});

describe('a CloudEvent of the app', () => {
  const contentType = 'application/cloudevents+json';
  const trace = { traceparent: PARENT, tracestate: 'a=1' };
  const completed = (data: string, rest: Options = {}): Record<string, unknown> => attributes({ contentType, data, trace, ...rest });

  it('gets what it lacks', () => {
    expect(completed('{}')).toEqual({
      pubsubname: 'p', topic: 't', source: 'Dapr', type: 'com.dapr.event.sent', specversion: '1.0', time: expect.stringMatching(SECONDS) as string,
      traceid: PARENT, traceparent: PARENT, tracestate: 'a=1',
    });
    expect(completed('{"source":null,"type":null,"specversion":null}')).toMatchObject({ source: 'Dapr', type: 'com.dapr.event.sent', specversion: '1.0' });
  });

  it('keeps what it has, but for where it goes', () => {
    const own = { id: 'i', source: 's', type: 'y', specversion: '0.3', time: 'never', data: { a: [1] }, ext: { b: null }, traceid: 'ti', traceparent: 'tp', tracestate: 'ts', expiration: 'x' };
    expect(completed(JSON.stringify({ ...own, topic: 'other', pubsubname: 'other' }))).toEqual({ ...own, topic: 't', pubsubname: 'p' });
    expect(completed('{"time":null}')['time']).toBeNull();
  });

  it('keeps trace fields that are no texts', () => {
    expect(completed('{"traceid":12,"traceparent":{"a":1},"tracestate":[]}')).toMatchObject({ traceid: 12, traceparent: { a: 1 }, tracestate: [] });
  });

  it('gets a trace where it has no traceid, even over its own traceparent', () => {
    expect(completed('{"traceparent":"own"}')).toMatchObject({ traceid: PARENT, traceparent: PARENT });
    expect(completed('{"traceid":"own"}')).toEqual(expect.not.objectContaining({ traceparent: expect.anything() as unknown }));
    expect(completed('{}', { trace: NO_TRACE })).toMatchObject({ traceid: '', traceparent: '', tracestate: '' });
  });

  it('takes nothing from the metadata but its time to live', () => {
    const event = completed('{"id":"i","expiration":"old"}', { metadata: { 'cloudevent.id': 'x', ttl: '10' } });
    expect(event).toMatchObject({ id: 'i', expiration: expect.stringMatching(/Z$/) as string });
    expect(completed('{}', { metadata: { ttl: '10' }, hasTtl: true })).not.toHaveProperty('expiration');
  });

  it('keeps its digits, and is printed as Go prints', () => {
    const text = textOf({ contentType: 'Application/CloudEvents+JSON; charset=utf-8', data: '{ "time":1, "z":"<", "data":{"n":12345678901234567890, "a":0.10}, "traceid":1,"tracestate":"" }' });
    expect(text).toBe('{"data":{"a":0.10,"n":12345678901234567890},"pubsubname":"p","source":"Dapr","specversion":"1.0","time":1,"topic":"t","traceid":1,"tracestate":"","type":"com.dapr.event.sent","z":"\\u003c"}');
  });

  it.each([
    ['{"', 'unexpected EOF'],
    ['', 'EOF'],
    ['{a}', "invalid character 'a' looking for beginning of object key string"],
    ['[1]', 'json: cannot unmarshal array into Go value of type map[string]interface {}'],
    ['"x"', 'json: cannot unmarshal string into Go value of type map[string]interface {}'],
    ['7', 'json: cannot unmarshal number into Go value of type map[string]interface {}'],
    ['true', 'json: cannot unmarshal bool into Go value of type map[string]interface {}'],
    ['null', 'json: cannot unmarshal null into Go value of type map[string]interface {}'],
  ])('refuses %s', (data, message) => {
    expect(() => completed(data)).toThrow(new GoJsonError(message));
  });

  it('never fails in another way, and is JSON with sorted members otherwise', () => {
    const object = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()).map((value) => Buffer.from(JSON.stringify(value)));
    fc.assert(fc.property(fc.oneof(fc.uint8Array(), fc.json().map((text) => Buffer.from(text)), object), (data) => {
      let text: string;
      try {
        text = textOf({ contentType, data, trace });
      } catch (cause) {
        expect(cause).toBeInstanceOf(GoJsonError);
        return;
      }
      expect([...rawMembers(text)!.keys()]).toEqual([...rawMembers(text)!.keys()].sort(compareUtf8));
      expect(JSON.parse(text)).toMatchObject({ topic: 't', pubsubname: 'p' });
    }));
  });
});

describe('raw JSON', () => {
  it('comes to the same when it is read again', () => {
    fc.assert(fc.property(fc.json(), (json) => {
      const once = rawFirst(Buffer.from(json));
      expect(rawFirst(Buffer.from(once))).toBe(once);
      expect(JSON.parse(once)).toEqual(JSON.parse(json));
    }));
  });

  it('falls apart into parts that are the whole', () => {
    fc.assert(fc.property(fc.array(fc.jsonValue()), fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), (list, object) => {
      expect(rawElements(rawFirst(Buffer.from(JSON.stringify(list))))!.map((part) => JSON.parse(part) as unknown)).toEqual(JSON.parse(JSON.stringify(list)));
      const members = rawMembers(rawFirst(Buffer.from(JSON.stringify(object))))!;
      expect(`{${[...members].map(([name, value]) => `${quote(name)}:${value}`).join(',')}}`).toBe(rawFirst(Buffer.from(JSON.stringify(object))));
    }));
  });

  it('has its members by code point, where UTF-16 has another order', () => {
    expect(rawFirst(Buffer.from('{"\\ud83d\\ude00":1,"\\uff21":2,"\\u0041":3}'))).toBe('{"A":3,"\uff21":2,"\ud83d\ude00":1}');
    expect(rawFirst(Buffer.from('{"\\ud800":1,"\\udfff":2}'))).toBe('{"\ufffd":2}');
    expect(rawFirst(Buffer.from('{"a\\"":1,"a!":2,"a":3,"__proto__":4}'))).toBe('{"__proto__":4,"a":3,"a!":2,"a\\"":1}');
  });

  it('may be ten thousand levels deep and no deeper', () => {
    const deep = (levels: number): Uint8Array => Buffer.from(`${'['.repeat(levels)}${']'.repeat(levels)}`);
    expect(rawFirst(deep(10_000))).toHaveLength(20_000);
    expect(() => rawFirst(deep(10_001))).toThrow(GoJsonError);
  });
});

describe('the time of an envelope', () => {
  it('is local, with the offset of the zone', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 4_102_444_800_000 }), (ms) => {
      const text = localTime(ms);
      expect(text).toMatch(SECONDS);
      expect(Date.parse(text)).toBe(Math.floor(ms / 1_000) * 1_000);
    }));
  });

  it.each([['Asia/Kolkata', '+05:30'], ['America/St_Johns', '-03:30'], ['UTC', 'Z'], ['America/New_York', '-05:00']])('in %s ends in %s', (zone, ending) => {
    const before = process.env['TZ'];
    process.env['TZ'] = zone;
    try {
      const winter = Date.UTC(2031, 0, 15, 1, 2, 3) + (ending === 'Z' ? 1_000 : ending.length * 1_000 + zone.length * 10_000);
      expect(localTime(winter).endsWith(ending)).toBe(true);
      expect(Date.parse(localTime(winter))).toBe(winter);
    } finally {
      if (before === undefined) delete process.env['TZ'];
      else process.env['TZ'] = before;
    }
  });
});

describe('rawPayload', () => {
  it.each<[value: string, expected: boolean | string]>([
    ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((value): [string, boolean] => [value, true]),
    ...['0', 'f', 'F', 'FALSE', 'false', 'False', ''].map((value): [string, boolean] => [value, false]),
    ['yes', "rawPayload value must be a valid boolean: actual is 'yes'"],
    ['tRUE', "rawPayload value must be a valid boolean: actual is 'tRUE'"],
  ])('%j', (value, expected) => {
    expect(rawPayload({ rawPayload: value })).toBe(expected);
    expect(rawPayload({ RAWPAYLOAD: value })).toBe(expected);
  });

  it('is off without a word', () => {
    expect([rawPayload(undefined), rawPayload({}), rawPayload({ other: 'true' })]).toEqual([false, false, false]);
  });
});

describe('a trace context', () => {
  it.each<[name: string, headers: Record<string, string>, traceparent: string, tracestate: string]>([
    ['none', {}, '', ''],
    ['passes as it is', { traceparent: PARENT, tracestate: 'a=1,b=2' }, PARENT, 'a=1,b=2'],
    ['in lower case', { traceparent: PARENT.toUpperCase() }, PARENT, ''],
    ['of a later version', { traceparent: `01${PARENT.slice(2)}-more` }, PARENT, ''],
    ['version 0 has nothing behind it', { traceparent: `${PARENT}-more` }, '', ''],
    ['version ff', { traceparent: `ff${PARENT.slice(2)}` }, '', ''],
    ['no trace id', { traceparent: '00-00000000000000000000000000000000-b7ad6b7169203331-01' }, '', ''],
    ['no span id', { traceparent: '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01' }, '', ''],
    ['garbage', { traceparent: 'garbage', tracestate: 'a=1' }, '', ''],
    ['the state alone', { tracestate: 'a=1' }, '', ''],
    ['a state that is too long', { traceparent: PARENT, tracestate: `a=${'x'.repeat(600)}` }, PARENT, ''],
    ['the binary form first', { traceparent: PARENT.replace('b7', '11'), 'grpc-trace-bin': toTraceBin(PARENT) }, PARENT, ''],
    ['without padding', { 'grpc-trace-bin': toTraceBin(PARENT).replaceAll('=', '') }, PARENT, ''],
    ['a broken binary form', { traceparent: PARENT, 'grpc-trace-bin': 'AAAA' }, PARENT, ''],
    ['an empty binary form', { 'grpc-trace-bin': toTraceBin(ZERO_TRACEPARENT) }, '', ''],
  ])('%s', (_, headers, traceparent, tracestate) => {
    expect(incomingTrace(headers)).toEqual({ traceparent, tracestate });
  });

  it('has 29 bytes in its binary form', () => {
    expect(Buffer.from(toTraceBin(PARENT), 'base64').toString('hex')).toBe('00000af7651916cd43dd8448eb211c80319c01b7ad6b71692033310202');
    expect(Buffer.from(toTraceBin(ZERO_TRACEPARENT), 'base64')).toHaveLength(29);
  });

  it('is never made nor changed without a sampling rate, nor with a rate of zero', () => {
    for (const tracer of [new Tracer({}), new Tracer({ samplingRate: 0 })]) {
      expect(tracer.span({ traceparent: PARENT, tracestate: 'a=1' })).toEqual({ traceparent: PARENT, tracestate: 'a=1' });
      expect(tracer.span(NO_TRACE)).toEqual(NO_TRACE);
      expect([tracer.deliverySpan(PARENT), tracer.deliverySpan(''), tracer.deliverySpan('garbage')]).toEqual([PARENT, ZERO_TRACEPARENT, ZERO_TRACEPARENT]);
    }
  });

  it('keeps trace and flags of its parent with a sampling rate, and gets a span of its own', () => {
    for (const samplingRate of [0.0001, 1]) {
      const tracer = new Tracer({ samplingRate });
      const { traceparent, tracestate } = tracer.span({ traceparent: PARENT, tracestate: 'a=1' });
      expect(traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331|0{16})[\da-f]{16}-02$/);
      expect(tracestate).toBe('a=1');
      expect(tracer.deliverySpan(PARENT)).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[\da-f]{16}-02$/);
    }
  });

  it('starts where there is none, sampled as often as the rate says', () => {
    expect(new Tracer({ samplingRate: 1 }).span(NO_TRACE).traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-01$/);
    expect(new Tracer({ samplingRate: 1 }).deliverySpan('')).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-01$/);
    const half = new Tracer({ samplingRate: 0.5 });
    const sampled = Array.from({ length: 2_000 }, () => half.span(NO_TRACE).traceparent).filter((traceparent) => traceparent.endsWith('-01')).length;
    expect(sampled).toBeGreaterThan(800);
    expect(sampled).toBeLessThan(1_200);
  });

  it('of any headers is valid or none', () => {
    const header = fc.oneof(fc.string(), fc.constant(PARENT), fc.uint8Array({ minLength: 29, maxLength: 29 }).map((bytes) => Buffer.from(bytes).toString('base64')));
    fc.assert(fc.property(fc.record({ traceparent: header, tracestate: fc.string(), 'grpc-trace-bin': header }, { requiredKeys: [] }), (headers) => {
      expect(incomingTrace(headers).traceparent).toMatch(/^(00-[\da-f]{32}-[\da-f]{16}-[\da-f]{2})?$/);
    }));
  });
});

describe('the body of a bulk', () => {
  const one = (entry: object | string): ReturnType<typeof bulkBody>[number] => bulkBody(Buffer.from(`[${typeof entry === 'string' ? entry : JSON.stringify(entry)}]`))[0]!;
  const bytesOf = (entry: object | string): string => Buffer.from(one(entry).data).toString();
  const MISMATCH = 'error: mismatch between contentType and event';

  it.each<[contentType: string, event: string, expected: string, misfit: string]>([
    ['application/octet-stream', '"AAH/"', Buffer.from([0, 1, 255]).toString(), ''],
    ['application/cloudevents+protobuf', '"eA=="', 'x', ''],
    ['application/octet-stream', '""', '', ''],
    ['application/octet-stream', '"eA\\n=="', 'x', ''],
    ['application/octet-stream', '"eA"', '', 'error: unable to decode base64 application/octect-stream data: illegal base64 data at input byte 0'],
    ['application/octet-stream', '"eA=?"', '', 'error: unable to decode base64 application/octect-stream data: illegal base64 data at input byte 3'],
    ['application/octet-stream', '{"a":1}', '', MISMATCH],
    ['text/plain', '"hi \\u00e9 <>"', 'hi \u00e9 <>', ''],
    ['Text/Html; charset=utf-8', '"hi"', 'hi', ''],
    ['application/xml', '"<a/>"', '<a/>', ''],
    ['text/plain', '7', '', MISMATCH],
    ['text/plain', 'null', '', MISMATCH],
    ['application/json', '{"b":1, "a":"<"}', '{"a":"\\u003c","b":1}', ''],
    ['application/json', '"x"', '"x"', ''],
    ['application/json', '12345678901234567890', '12345678901234567890', ''],
    ['application/json', 'null', 'null', ''],
    ['application/cloudevents+json', '{"id":"i"}', '{"id":"i"}', ''],
    ['', '"x"', '', MISMATCH],
    ['foo/bar', '"x"', '', MISMATCH],
  ])('with %s and %s', (contentType, event, expected, misfit) => {
    const entry = `{"entryId":"1","event":${event},"contentType":${JSON.stringify(contentType)}}`;
    expect(one(entry)).toMatchObject({ entryId: '1', contentType, metadata: undefined, misfit });
    expect(bytesOf(entry)).toBe(expected);
  });

  it('has names in any case, and nothing for what is missing or null', () => {
    expect(one('{"EntryID":"1","CONTENTTYPE":"text/plain","Event":"x","metaData":{"a":"b"},"other":1}')).toMatchObject({ entryId: '1', metadata: { a: 'b' }, misfit: '' });
    expect(one('null')).toMatchObject({ entryId: '', contentType: '', metadata: undefined, misfit: MISMATCH });
    expect(one('{"entryId":null,"metadata":null,"contentType":"application/json"}')).toMatchObject({ entryId: '', metadata: undefined });
    expect(one({ entryId: '1', metadata: {} }).metadata).toEqual({});
    expect(bulkBody(Buffer.from('null'))).toEqual([]);
    expect(bulkBody(Buffer.from('[]'))).toEqual([]);
  });

  it.each([
    ['{"entryID": "}', 'unexpected EOF'],
    ['', 'EOF'],
    ['{"entryID": ""}', 'json: cannot unmarshal object into Go value of type []http.bulkPublishMessageEntry'],
    ['7', 'json: cannot unmarshal number into Go value of type []http.bulkPublishMessageEntry'],
    ['["x"]', 'json: cannot unmarshal string into Go value of type http.bulkPublishMessageEntry'],
    ['[{"entryId":1}]', 'json: cannot unmarshal number into Go struct field bulkPublishMessageEntry.entryId of type string'],
    ['[{"metadata":[]}]', 'json: cannot unmarshal array into Go struct field bulkPublishMessageEntry.metadata of type map[string]string'],
    ['[{"metadata":{"a":1}}]', 'json: cannot unmarshal number into Go struct field bulkPublishMessageEntry.metadata of type string'],
  ])('refuses %s', (body, message) => {
    expect(() => bulkBody(Buffer.from(body))).toThrow(new GoJsonError(message));
  });

  it('gives back what was put in', () => {
    const text = fc.string({ unit: 'grapheme' });
    const entry = fc.oneof(
      fc.record({ entryId: text, metadata: fc.dictionary(text, text), event: fc.uint8Array(), contentType: fc.constant('application/octet-stream') }),
      fc.record({ entryId: text, metadata: fc.dictionary(text, text), event: text, contentType: fc.constant('text/plain') }),
      fc.record({ entryId: text, metadata: fc.dictionary(text, text), event: fc.jsonValue(), contentType: fc.constant('application/json') }),
    );
    fc.assert(fc.property(fc.array(entry), (entries) => {
      const body = JSON.stringify(entries.map((one) => (one.event instanceof Uint8Array ? { ...one, event: Buffer.from(one.event).toString('base64') } : one)));
      const items = bulkBody(Buffer.from(body));
      expect(items.map(({ entryId, metadata, contentType, misfit }) => ({ entryId, metadata, contentType, misfit })))
        .toEqual(entries.map(({ entryId, metadata, contentType }) => ({ entryId, metadata: { ...metadata }, contentType, misfit: '' })));
      items.forEach(({ data }, i) => {
        const { event, contentType } = entries[i]!;
        if (event instanceof Uint8Array) expect(Buffer.from(data).equals(Buffer.from(event))).toBe(true);
        else expect(contentType === 'text/plain' ? Buffer.from(data).toString() : JSON.parse(Buffer.from(data).toString())).toEqual(contentType === 'text/plain' ? event : JSON.parse(JSON.stringify(event)));
      });
    }));
  });

  it('never fails in another way, whatever the bytes', () => {
    fc.assert(fc.property(fc.oneof(fc.uint8Array(), fc.json().map((json) => Buffer.from(json)), fc.json().map((json) => Buffer.from(`[${json}]`))), (body) => {
      try {
        expect(Array.isArray(bulkBody(body))).toBe(true);
      } catch (cause) {
        expect(cause).toBeInstanceOf(GoJsonError);
      }
    }));
  });
});
