/** The generated codec against the official SDK's, message by message, and against bytes that nobody's codec wrote. */
import { create, createFileRegistry, fromBinary, type DescField, type DescMessage, type Message, toBinary } from '@bufbuild/protobuf';
import { type BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { file_dapr_proto_common_v1_common } from '@dapr/dapr/proto/dapr/proto/common/v1/common_pb.js';
import { file_dapr_proto_runtime_v1_appcallback } from '@dapr/dapr/proto/dapr/proto/runtime/v1/appcallback_pb.js';
import { file_dapr_proto_runtime_v1_dapr } from '@dapr/dapr/proto/dapr/proto/runtime/v1/dapr_pb.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as common from '../proto/gen/dapr/proto/common/v1/common.ts';
import * as actors from '../proto/gen/dapr/proto/runtime/v1/actors.ts';
import * as ai from '../proto/gen/dapr/proto/runtime/v1/ai.ts';
import * as appcallback from '../proto/gen/dapr/proto/runtime/v1/appcallback.ts';
import * as binding from '../proto/gen/dapr/proto/runtime/v1/binding.ts';
import * as configuration from '../proto/gen/dapr/proto/runtime/v1/configuration.ts';
import * as crypto from '../proto/gen/dapr/proto/runtime/v1/crypto.ts';
import * as dapr from '../proto/gen/dapr/proto/runtime/v1/dapr.ts';
import * as invoke from '../proto/gen/dapr/proto/runtime/v1/invoke.ts';
import * as jobs from '../proto/gen/dapr/proto/runtime/v1/jobs.ts';
import * as lock from '../proto/gen/dapr/proto/runtime/v1/lock.ts';
import * as metadata from '../proto/gen/dapr/proto/runtime/v1/metadata.ts';
import * as pubsub from '../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import * as secret from '../proto/gen/dapr/proto/runtime/v1/secret.ts';
import * as state from '../proto/gen/dapr/proto/runtime/v1/state.ts';
import * as workflow from '../proto/gen/dapr/proto/runtime/v1/workflow.ts';
import { descriptorSet } from '../proto/gen/descriptors.ts';
import { Struct } from '../proto/gen/google/protobuf/struct.ts';
import { ErrorInfo } from '../proto/gen/google/rpc/error_details.ts';
import { ServerReflectionResponse } from '../proto/gen/grpc/reflection/v1/reflection.ts';
import { CopyingReader } from '../proto/wire.ts';

type Fields = Record<string, unknown>;
interface Codec {
  encode(message: Fields, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array): Fields;
}

const modules: object[] = [common, actors, ai, appcallback, binding, configuration, crypto, dapr, invoke, jobs, lock, metadata, pubsub, secret, state, workflow];
const codecs = new Map(modules.flatMap((module) => Object.entries(module)).filter(([, value]) => 'decode' in value) as [string, Codec][]);
const stateNames = new Set(Object.keys(state));

/** The messages of the SDK's client, as compiled into it, and the rest from our own descriptors: the SDK's runtime serves both. */
const sdk = [file_dapr_proto_common_v1_common, file_dapr_proto_runtime_v1_appcallback, file_dapr_proto_runtime_v1_dapr].flatMap(({ messages }) => messages);
const sdkNames = new Set(sdk.map(({ typeName }) => typeName));
const rest = [...createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet()))].filter((each) => each.kind === 'message')
  .filter(({ typeName }) => /^dapr\.proto\.(common|runtime)\.v1\./.test(typeName) && !sdkNames.has(typeName));
const pairs = [...sdk, ...rest].map((schema): [string, DescMessage, Codec] => [schema.name, schema, codecs.get(schema.name)!]);

const bytes = (): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength: 200 });
/** No lone surrogates: there is no UTF-8 for them. */
const text = (): fc.Arbitrary<string> => fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 40 }));
/** The SDK keeps maps in plain objects; ours keep any key, see below. */
const key = (): fc.Arbitrary<string> => text().filter((name) => name !== '__proto__');
const json = (): fc.Arbitrary<Record<string, unknown>> => fc.dictionary(key(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 })
  .filter((value) => !JSON.stringify(value).includes('__proto__'));

const SCALARS: Record<number, () => fc.Arbitrary<unknown>> = {
  1: () => fc.double({ noNaN: true }), 3: () => fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), 4: () => fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  5: () => fc.integer(), 8: () => fc.boolean(), 9: text, 12: bytes, 13: () => fc.nat(2 ** 32 - 1),
};
const DEFAULTS: Record<number, unknown> = { 1: 0, 3: 0n, 4: 0n, 5: 0, 8: false, 9: '', 12: new Uint8Array(0), 13: 0 };

/** What `create` of the SDK's codec takes. */
function initOf(schema: DescMessage): fc.Arbitrary<Fields> {
  const members = schema.members.map((member): [string, fc.Arbitrary<unknown>] => {
    if (member.kind !== 'oneof') return [member.localName, valueOf(member)];
    const cases = member.fields.map((field) => valueOf(field, true).map((value) => ({ case: field.localName, value })));
    return [member.localName, fc.oneof(fc.constant({ case: undefined }), ...cases)];
  });
  return fc.record(Object.fromEntries(members)).map((fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)));
}

function valueOf(field: DescField, present = false): fc.Arbitrary<unknown> {
  const message = (schema: DescMessage): fc.Arbitrary<unknown> => (schema.typeName === 'google.protobuf.Struct' ? json() : initOf(schema));
  // Numbers that no enum knows stay what they are.
  const one = (): fc.Arbitrary<unknown> => (field.enum ? fc.integer({ min: 0, max: 12 }) : field.message ? message(field.message) : SCALARS[field.scalar!]!());
  if (field.fieldKind === 'list') return fc.array(one(), { maxLength: 3 });
  if (field.fieldKind === 'map') return fc.dictionary(key(), one(), { maxKeys: 3 });
  return !present && (field.message || field.proto.proto3Optional) ? fc.option(one(), { nil: undefined }) : one();
}

/** The same content in the shapes of our codec. Fields that the SDK does not know yet have their defaults. */
function ours(schema: DescMessage, fields: Fields): Fields {
  const known = Object.fromEntries(schema.members.map((member) => {
    const value = fields[member.localName];
    if (member.kind !== 'oneof') return [member.localName, ourValue(member, value)];
    const chosen = value as { case?: string; value?: unknown } | undefined;
    const field = member.fields.find(({ localName }) => localName === chosen?.case);
    return [member.localName, field && { $case: field.localName, value: ourOne(field, chosen!.value) }];
  }));
  return { ...codecs.get(schema.name)?.decode(new Uint8Array(0)), ...known };
}

function ourValue(field: DescField, value: unknown): unknown {
  if (field.fieldKind === 'list') return ((value ?? []) as unknown[]).map((each) => ourOne(field, each));
  if (field.fieldKind === 'map') return new Map(Object.entries(value ?? {}).map(([name, each]) => [name, ourOne(field, each)]));
  if (value !== undefined || field.message || field.proto.proto3Optional) return ourOne(field, value);
  return field.enum ? 0 : DEFAULTS[field.scalar!];
}

function ourOne(field: DescField, value: unknown): unknown {
  return value !== undefined && field.message && field.message.typeName !== 'google.protobuf.Struct' ? ours(field.message, value as Fields) : value;
}

/** Runs `check` and allows it to throw an Error, and only that. */
function throwsErrorsOnly(check: () => unknown): void {
  try {
    check();
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
  }
}

describe('the codec', () => {
  it('is there for every message', () => {
    expect(pairs.filter(([, , codec]) => codec === undefined).map(([name]) => name)).toEqual([]);
    expect({ sdk: sdk.length, rest: rest.length }).toEqual({ sdk: 152, rest: 188 - 152 });
  });

  describe.each(pairs)('of %s', (name, schema, codec) => {
    const numRuns = stateNames.has(name) ? 200 : 20;

    it('is understood by the SDK, and understands it', () => {
      fc.assert(fc.property(initOf(schema), (init) => {
        const theirs = create(schema, init) as Message;
        const mine = ours(schema, init);
        const theirBytes = toBinary(schema, theirs);
        const myBytes = codec.encode(mine).finish();
        expect(codec.decode(theirBytes)).toEqual(mine);
        expect(codec.decode(new CopyingReader(theirBytes))).toEqual(mine);
        // What the SDK reads from us, it writes as it would have written its own: nothing added, lost or moved.
        expect(toBinary(schema, fromBinary(schema, myBytes))).toEqual(theirBytes);
      }), { numRuns });
    });

    it('answers damaged bytes with a message or an Error', () => {
      const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
      fc.assert(fc.property(initOf(schema), damage, fc.nat(), (init, writes, cut) => {
        const body = toBinary(schema, create(schema, init) as Message);
        for (const [at, byte] of writes) if (body.length > 0) body[at % body.length] = byte;
        const damaged = body.subarray(0, body.length - (cut % 3 === 0 ? cut % (body.length + 1) : 0));
        throwsErrorsOnly(() => codec.decode(new CopyingReader(damaged)));
        throwsErrorsOnly(() => codec.decode(damaged));
      }), { numRuns });
    });
  });

  it('answers random bytes with a message or an Error', () => {
    const all = [...codecs.values(), Struct as unknown as Codec, ServerReflectionResponse as unknown as Codec];
    fc.assert(fc.property(fc.constantFrom(...all), fc.uint8Array({ maxLength: 400 }), (codec, body) => {
      throwsErrorsOnly(() => codec.decode(new CopyingReader(body)));
    }), { numRuns: 20_000 });
  });
});

describe('a decoder', () => {
  const keys = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', ''];

  it('keeps keys that mean something to JavaScript', () => {
    const request = { storeName: 's', key: 'k', consistency: 0 as const, metadata: new Map(keys.map((name) => [name, `value of ${name}`])) };
    expect(state.GetStateRequest.decode(state.GetStateRequest.encode(request).finish())).toEqual(request);
    const info = { reason: 'r', domain: 'd', metadata: new Map(keys.map((name) => [name, 'x'])) };
    expect(ErrorInfo.decode(ErrorInfo.encode(info).finish()).metadata).toEqual(info.metadata);
  });

  it('keeps such keys in a Struct, and no prototype changes', () => {
    const value = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1, "list": [{"__proto__": "x"}]}') as Record<string, unknown>;
    const decoded = Struct.unwrap(Struct.decode(Struct.encode(Struct.wrap(value)).finish()));
    expect(JSON.stringify(decoded)).toBe(JSON.stringify(value));
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
    expect((decoded as { polluted?: boolean }).polluted).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('refuses a message inside another that runs over its end', () => {
    // SaveStateRequest { states: 4 bytes { key: 3 bytes, of which one lies outside } }
    expect(() => state.SaveStateRequest.decode(new Uint8Array([0x12, 4, 0x0a, 3, 0x61, 0x62, 0x63]))).toThrow('where its length says');
  });

  it('refuses tag 0 and the end of a group that never began', () => {
    expect(() => state.GetStateRequest.decode(new Uint8Array([0x0a, 1, 0x61, 0, 0x12, 1, 0x62]))).toThrow(RangeError);
    expect(() => state.GetStateRequest.decode(new Uint8Array([0x0a, 1, 0x61, 0x0c, 0x12, 1, 0x62]))).toThrow(RangeError);
  });

  it('skips fields of later versions, whatever their type', () => {
    const later = new BinaryWriter().tag(100, 0).uint64(1n).tag(101, 1).fixed64(2n).tag(102, 2).string('x').tag(103, 5).fixed32(3).tag(104, 3).tag(104, 4).finish();
    const request = { storeName: 's', key: 'k', consistency: 0 as const, metadata: new Map<string, string>() };
    expect(state.GetStateRequest.decode(Buffer.concat([later, state.GetStateRequest.encode(request).finish(), later]))).toEqual(request);
  });

  it('refuses a length beyond the end before it allocates', () => {
    const huge = new Uint8Array([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    expect(() => state.GetStateResponse.decode(new CopyingReader(huge))).toThrow(RangeError);
    expect(() => state.GetStateRequest.decode(new CopyingReader(huge))).toThrow(RangeError);
  });

  it('refuses to be nested without end', () => {
    let body: Uint8Array = new Uint8Array(0);
    for (let depth = 0; depth < 2000; depth++) body = new BinaryWriter().tag(6, 2).fork().tag(1, 2).bytes(body).join().finish();
    expect(() => Struct.decode(new BinaryWriter().tag(1, 2).fork().tag(2, 2).bytes(body).join().finish())).toThrow(Error);
  });
});
