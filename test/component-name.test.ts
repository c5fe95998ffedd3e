// The component's name is read off a request's bytes as the generated decoders would read it, whatever else is in them.
import { BinaryWriter, type BinaryReader } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { componentName, initialComponentName } from '../kernel/component-name.ts';
import { HoldLockRequest, RenewLockRequest } from '../proto/gen/bulkhead/v1/lock.ts';
import { NextIdRequest } from '../proto/gen/bulkhead/v1/sequencer.ts';
import { GetConfigurationRequest, SubscribeConfigurationRequest, UnsubscribeConfigurationRequest } from '../proto/gen/dapr/proto/runtime/v1/configuration.ts';
import { TryLockRequest, UnlockRequest } from '../proto/gen/dapr/proto/runtime/v1/lock.ts';
import { BulkPublishRequest, PublishEventRequest, SubscribeTopicEventsRequestAlpha1, SubscribeTopicEventsRequestInitialAlpha1 } from '../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import {
  DeleteBulkStateRequest, DeleteStateRequest, ExecuteStateTransactionRequest, GetBulkStateRequest, GetStateRequest, QueryStateRequest, SaveStateRequest,
} from '../proto/gen/dapr/proto/runtime/v1/state.ts';
import { ROUTE, ROUTES, type RouteName } from '../proto/routes.ts';
import { CopyingReader } from '../proto/wire.ts';

interface Codec {
  decode(input: BinaryReader | Uint8Array): unknown;
}

/** The request of each gRPC method that is routed by name, with the member that the name is. */
const REQUESTS = {
  GetState: [GetStateRequest, 'storeName'], GetBulkState: [GetBulkStateRequest, 'storeName'], SaveState: [SaveStateRequest, 'storeName'], DeleteState: [DeleteStateRequest, 'storeName'],
  DeleteBulkState: [DeleteBulkStateRequest, 'storeName'], ExecuteStateTransaction: [ExecuteStateTransactionRequest, 'storeName'], QueryStateAlpha1: [QueryStateRequest, 'storeName'],
  PublishEvent: [PublishEventRequest, 'pubsubName'], BulkPublishEvent: [BulkPublishRequest, 'pubsubName'], BulkPublishEventAlpha1: [BulkPublishRequest, 'pubsubName'],
  GetConfiguration: [GetConfigurationRequest, 'storeName'], GetConfigurationAlpha1: [GetConfigurationRequest, 'storeName'],
  SubscribeConfiguration: [SubscribeConfigurationRequest, 'storeName'], SubscribeConfigurationAlpha1: [SubscribeConfigurationRequest, 'storeName'],
  UnsubscribeConfiguration: [UnsubscribeConfigurationRequest, 'storeName'], UnsubscribeConfigurationAlpha1: [UnsubscribeConfigurationRequest, 'storeName'],
  TryLockAlpha1: [TryLockRequest, 'storeName'], UnlockAlpha1: [UnlockRequest, 'storeName'], RenewLock: [RenewLockRequest, 'storeName'], HoldLock: [HoldLockRequest, 'storeName'],
  NextId: [NextIdRequest, 'storeName'], NextIds: [NextIdRequest, 'storeName'],
} as const satisfies Partial<Record<RouteName, readonly [Codec, string]>>;

const names = fc.oneof(fc.string({ maxLength: 30 }), fc.string({ unit: 'binary', maxLength: 30 }), fc.string({ minLength: 120, maxLength: 300 }), fc.constantFrom('statestore', 'pubsub', 'é', 'éé', ''));
type Part = (writer: BinaryWriter) => void;

/** A field that no request has, or that is not of the type it should be: decoders skip it. */
const unknownField: fc.Arbitrary<Part> = fc.letrec<{ field: Part; group: Part }>((tie) => ({
  field: fc.oneof(
    { depthSize: 'small' },
    fc.tuple(fc.integer({ min: 60, max: 2 ** 28 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })).map(([field, value]): Part => (writer) => void writer.tag(field, 0).uint64(value)),
    fc.tuple(fc.integer({ min: 60, max: 3_000 }), fc.double()).map(([field, value]): Part => (writer) => void writer.tag(field, 1).double(value)),
    fc.tuple(fc.integer({ min: 60, max: 3_000 }), fc.uint8Array({ maxLength: 200 })).map(([field, value]): Part => (writer) => void writer.tag(field, 2).bytes(value)),
    fc.integer({ min: 60, max: 3_000 }).map((field): Part => (writer) => void writer.tag(field, 5).fixed32(7)),
    fc.constant<Part>((writer) => void writer.tag(1, 0).uint32(10)), // a field 1 that is no text
    tie('group'),
  ),
  group: fc.tuple(fc.integer({ min: 60, max: 3_000 }), fc.array(tie('field'), { maxLength: 3 })).map(([field, inside]): Part => (writer) => {
    writer.tag(field, 3);
    for (const part of inside) part(writer);
    writer.tag(1, 2).string('in a group, and no name').tag(field, 4);
  }),
})).field;

const concatenated = (parts: readonly Part[]): Uint8Array => {
  const writer = new BinaryWriter();
  for (const part of parts) part(writer);
  return writer.finish();
};
const named = (name: string): Part => (writer) => void writer.tag(1, 2).string(name);
/** Parts of a message in any order. */
const shuffled = (parts: fc.Arbitrary<readonly Part[]>): fc.Arbitrary<readonly Part[]> => parts.chain((all) => fc.shuffledSubarray([...all], { minLength: all.length }));

/** What the block's decoder makes of it; undefined when it refuses. */
function decoded(codec: Codec, body: Uint8Array): Record<string, unknown> | undefined {
  try {
    return codec.decode(new CopyingReader(body)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

describe('the name of a request\'s component', () => {
  it('is in field 1 of every gRPC request that a block serves, but for one, and the first parameter of every path', () => {
    const blocks = ROUTES.filter(({ owner }) => owner !== 'kernel' && owner !== 'none');
    expect(blocks.filter(({ rpc, componentIn }) => rpc !== undefined && componentIn === undefined).map(({ id }) => id)).toEqual(Object.keys(REQUESTS).map((name) => ROUTE[name as RouteName].id).toSorted((a, b) => a - b));
    expect(blocks.filter(({ componentIn }) => componentIn === 'initial')).toEqual([ROUTE.SubscribeTopicEventsAlpha1]);
    for (const { http } of blocks) for (const pattern of http) expect(/[:*]\w+/.exec(pattern)?.[0], pattern).toMatch(/^:(?:store|pubsub)$/);
  });

  it.each(Object.entries(REQUESTS))('is what the decoder of %s finds, whatever is before and behind it', (_, [codec, member]) => {
    const parts = shuffled(fc.tuple(fc.array(names, { minLength: 1, maxLength: 3 }), fc.array(unknownField, { maxLength: 5 })).map(([several, garbage]) => [...several.map(named), ...garbage]));
    fc.assert(fc.property(parts, (all) => {
      const body = concatenated(all);
      expect(componentName(body)).toBe(decoded(codec, body)?.[member]);
    }), { numRuns: 100 });
  });

  it('is found behind the other members of a real request', () => {
    fc.assert(fc.property(names, fc.string(), fc.dictionary(fc.string(), fc.string()), (storeName, key, metadata) => {
      const rest = GetStateRequest.encode({ storeName: '', key, consistency: 1, metadata: new Map(Object.entries(metadata)) }).finish();
      const name = concatenated([named(storeName)]);
      expect(componentName(Buffer.concat([rest, name]))).toBe(storeName);
      expect(componentName(Buffer.concat([name, rest]))).toBe(storeName);
      expect(componentName(rest)).toBeUndefined();
    }), { numRuns: 500 });
  });

  it('in what opens a topic\'s stream is what the decoder finds there', () => {
    const initial = fc.tuple(names, fc.string(), fc.array(unknownField, { maxLength: 2 })).map(([pubsubName, topic, garbage]): Part => (writer) => {
      const inner = Buffer.concat([SubscribeTopicEventsRequestInitialAlpha1.encode({ pubsubName, topic, metadata: new Map(), deadLetterTopic: undefined }).finish(), concatenated(garbage)]);
      writer.tag(1, 2).bytes(inner);
    });
    fc.assert(fc.property(shuffled(fc.tuple(fc.array(initial, { maxLength: 2 }), fc.array(unknownField, { maxLength: 3 })).map(([several, garbage]) => [...several, ...garbage])), (all) => {
      const body = concatenated(all);
      const type = SubscribeTopicEventsRequestAlpha1.decode(body).subscribeTopicEventsRequestType;
      expect(initialComponentName(body) ?? '').toBe(type?.$case === 'initialRequest' ? type.value.pubsubName : '');
    }), { numRuns: 1_000 });
  });

  /** Where bytes are a message to the decoder, the two agree; elsewhere nothing is thrown. */
  it('is never thrown over, on any bytes', () => {
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 60 }), fc.uint8Array({ maxLength: 60 }).map((bytes) => Uint8Array.from([0x0a, ...bytes])),
      fc.array(fc.constantFrom(0x0a, 0x03, 0x00, 0x01, 0x0b, 0x0c, 0x13, 0x14, 0x80, 0xff, 0x8a, 0x07, 0x61), { maxLength: 24 }).map((bytes) => Uint8Array.from(bytes)),
    );
    fc.assert(fc.property(any, (body) => {
      const request = decoded(GetStateRequest, body);
      const found = componentName(body);
      if (request !== undefined) expect(found ?? '').toBe(request['storeName']);
      const stream = decoded(SubscribeTopicEventsRequestAlpha1, body) as unknown as SubscribeTopicEventsRequestAlpha1 | undefined;
      const name = initialComponentName(body);
      if (stream?.subscribeTopicEventsRequestType?.$case === 'initialRequest') expect(name ?? '').toBe(stream.subscribeTopicEventsRequestType.value.pubsubName);
    }), { numRuns: 30_000 });
  });

  it('is none in a message without it, and in one that can\'t be read', () => {
    for (const bytes of [[], [0x0a], [0x0a, 5, 0x61], [0x0a, 0x80], [0x0b], [0x0c, 0x61], [0x0e, 1], [0x08, 0xff], [0x0a, 1, 0xe9]]) expect(componentName(Uint8Array.from(bytes)), bytes.join(' ')).toBeUndefined();
    expect(componentName(concatenated([named('store'), (writer) => void writer.tag(4, 2).uint32(9)])), 'a field behind it that ends outside').toBeUndefined();
    expect(componentName(concatenated([named('')]))).toBe('');
    expect(initialComponentName(concatenated([named('no message')]))).toBeUndefined();
  });

  it('is read through as many groups as the decoders take, and no more', () => {
    const nested = (depth: number): Uint8Array => concatenated([(writer) => {
      for (let i = 0; i < depth; i++) writer.tag(9, 3);
      for (let i = 0; i < depth; i++) writer.tag(9, 4);
    }, named('store')]);
    for (const depth of [1, 99, 100]) expect([componentName(nested(depth)), decoded(GetStateRequest, nested(depth))?.['storeName']]).toEqual(['store', 'store']);
    for (const depth of [101, 50_000]) expect([componentName(nested(depth)), decoded(GetStateRequest, nested(depth))]).toEqual([undefined, undefined]);
  });

  it('is looked for no further than makes sense, however many fields there are', () => {
    const many = (count: number): Uint8Array => Buffer.alloc(2 * count, Buffer.from([0x10, 1])); // field 2, a number
    const name = concatenated([named('store')]);
    expect(componentName(Buffer.concat([many(60_000), name]))).toBe('store');
    expect(componentName(Buffer.concat([name, many(2_000_000)]))).toBe('store');
    expect(componentName(Buffer.concat([many(70_000), name]))).toBeUndefined();
    expect(componentName(Buffer.concat([name, Buffer.from([0x4b]), many(70_000), Buffer.from([0x4c])])), 'in a group').toBeUndefined();
  });

  it('is not mistaken for a name seen before', () => {
    // The text é and one more is two characters long, and so are the bytes 0xe9 and one more, which are not UTF-8. Some share a slot.
    for (let more = 1; more < 0x80; more++) {
      const text = `é${String.fromCharCode(more)}`;
      expect(componentName(concatenated([named(text)]))).toBe(text);
      expect(componentName(Uint8Array.from([0x0a, 2, 0xe9, more]))).toBeUndefined();
    }
    for (const twice of ['redis-a', 'redis-b', 'redis-a']) expect(componentName(concatenated([named(twice)]))).toBe(twice);
  });
});
