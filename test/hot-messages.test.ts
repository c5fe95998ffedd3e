/** The messages that are read and written field by field, against the generated codecs: the same of any bytes, and of any answer. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as config from '../blocks/config/grpc.ts';
import type { KnownItem } from '../blocks/config/known-item.ts';
import * as pubsub from '../blocks/pubsub/publish/grpc.ts';
import * as state from '../blocks/state/grpc.ts';
import { CONCURRENCY, CONSISTENCY } from '../blocks/state/messages.ts';
import type { BulkItem, SaveRequest } from '../blocks/state/requests.ts';
import type { Item } from '../blocks/state/store.ts';
import { bytesOf, jsonOf } from '../blocks/state/values.ts';
import { encodeRepeated } from '../proto/delimited.ts';
import { ApiError, messageOf } from '../proto/errors.ts';
import { StateItem } from '../proto/gen/dapr/proto/common/v1/common.ts';
import { GetConfigurationRequest } from '../proto/gen/dapr/proto/runtime/v1/configuration.ts';
import { PublishEventRequest } from '../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { GetBulkStateRequest, GetBulkStateResponse, GetStateRequest, GetStateResponse, SaveStateRequest } from '../proto/gen/dapr/proto/runtime/v1/state.ts';
import { CopyingReader } from '../proto/wire.ts';
import { whole } from './harness/messages.ts';
import { broken, bytesField, delimited, entryField, foreign, message, misfit, numberField, optionals, text, textField, varint, type Fields } from './harness/protobuf-bytes.ts';

type Texts = Readonly<Record<string, string>>;
const texts = (entries: Map<string, string>): Texts => Object.fromEntries(entries);

function savedByGenerated(body: Uint8Array): SaveRequest {
  const { storeName, states } = SaveStateRequest.decode(new CopyingReader(body));
  return {
    store: storeName, fault: undefined,
    items: states.map(({ key, value, etag, options, metadata }) => ({
      key, etag: etag?.value, concurrency: CONCURRENCY[options?.concurrency ?? 0] ?? '', consistency: CONSISTENCY[options?.consistency ?? 0] ?? '', metadata: texts(metadata),
      ...(metadata.get('contentType') === 'application/json' ? jsonOf(value) : bytesOf(value)),
    })),
  };
}

const stateItem = (): Fields => fc.tuple(
  message(textField(1), bytesField(2), entryField(4), foreign(6), misfit(2, [0, 1, 5]), misfit(5, [0, 3])),
  optionals(delimited(3, message(textField(1), foreign(2))), delimited(5, message(numberField(1), numberField(2), foreign(3)))), // twice: see below
  fc.constantFrom(new Uint8Array(0), jsonType()),
).map((parts) => Buffer.concat(parts));

function jsonType(): Uint8Array {
  return StateItem.encode({ key: '', value: Buffer.from('{"b": 1, "a": [2]}'), metadata: new Map([['contentType', 'application/json']]) }).finish();
}

interface Request {
  readonly name: string;
  readonly bytes: Fields;
  read(body: Uint8Array): unknown;
  /** By the generated codec. */
  expected(body: Uint8Array): unknown;
  /** Members that differ where a message within comes twice in broken bytes: protobuf has it that they are one. */
  readonly merges?: true;
}

const REQUESTS: readonly Request[] = [
  {
    name: 'GetStateRequest',
    bytes: message(textField(1), textField(2), numberField(3), entryField(4), foreign(5), misfit(1, [0, 1, 3, 5]), misfit(3, [1, 2, 5])),
    read: (body) => state.getForm.decodeGrpc(body, {}),
    expected: (body) => {
      const { storeName, key, consistency, metadata } = GetStateRequest.decode(new CopyingReader(body));
      return { store: storeName, key, consistency: CONSISTENCY[consistency] ?? '', metadata: texts(metadata) };
    },
  },
  {
    name: 'GetBulkStateRequest',
    bytes: message(textField(1), textField(2), textField(2), numberField(3), entryField(4), foreign(5), misfit(2, [0, 1, 5])),
    read: (body) => state.bulkGetForm.decodeGrpc(body, {}),
    expected: (body) => {
      const { storeName, keys, parallelism, metadata } = GetBulkStateRequest.decode(new CopyingReader(body));
      return { store: storeName, keys, parallelism, metadata: texts(metadata), fault: undefined };
    },
  },
  {
    name: 'SaveStateRequest',
    bytes: message(textField(1), delimited(2, stateItem()), foreign(3), misfit(2, [0, 5])),
    read: (body) => state.saveForm.decodeGrpc(body, {}),
    expected: savedByGenerated,
    merges: true,
  },
  {
    name: 'PublishEventRequest',
    bytes: message(textField(1), textField(2), bytesField(3), textField(4), entryField(5), foreign(6), misfit(3, [0, 1, 5])),
    read: (body) => pubsub.publishForm.decodeGrpc(body, {}),
    expected: (body) => {
      const { pubsubName, topic, data, dataContentType, metadata } = PublishEventRequest.decode(new CopyingReader(body));
      return { pubsub: pubsubName, topic, data, contentType: dataContentType, metadata: metadata.size === 0 ? undefined : texts(metadata), trace: { traceparent: '', tracestate: '' }, traceInMetadata: true };
    },
  },
  {
    name: 'GetConfigurationRequest',
    bytes: message(textField(1), textField(2), textField(2), entryField(3), foreign(4), misfit(1, [0, 1, 5])),
    read: (body) => config.getForm.decodeGrpc(body, {}),
    expected: (body) => {
      const { storeName, keys, metadata } = GetConfigurationRequest.decode(new CopyingReader(body));
      return { store: storeName, keys, metadata: texts(metadata) };
    },
  },
];

/** What came of it, or the error's text. The bytes are borrowed: they are something else afterwards. */
function outcome(read: (body: Uint8Array) => unknown, bytes: Uint8Array): { readonly value?: unknown; readonly error?: string } {
  const lent = Buffer.alloc(bytes.length + 10, 0xff).fill(bytes, 3, 3 + bytes.length).subarray(3, 3 + bytes.length);
  try {
    return { value: read(lent) };
  } catch (cause) {
    return { error: messageOf(cause instanceof ApiError ? cause.cause : cause) }; // what clients are told begins alike
  } finally {
    lent.fill(0xee);
  }
}

describe.each(REQUESTS)('$name', ({ bytes, read, expected, merges }) => {
  it('is read as the generated decoder reads it, whatever fields it has', () => {
    fc.assert(fc.property(bytes, (body) => {
      expect(outcome(read, body)).toEqual(outcome(expected, body));
    }), { numRuns: 400 });
  });

  it('is refused with the same words where it is broken', () => {
    fc.assert(fc.property(broken(bytes), (body) => {
      const [ours, theirs] = [outcome(read, body), outcome(expected, body)];
      if (merges === true) expect(ours.error).toBe(theirs.error);
      else expect(ours).toEqual(theirs);
    }), { numRuns: 800 });
  });

  it.each([
    ['a length that leads out of the message', [0x0a, 5, 0x61], 'premature end of message'],
    ['an endless varint', Array.from({ length: 11 }, () => 0xff), 'invalid varint'],
    ['a cut varint', [0x80], 'premature EOF'],
    ['the end of a group that never began', [0x64, 0x00], 'message does not end where its length says'],
    ['an unknown wire type', [0x7e], 'cant skip wire type 6'],
    ['text that is not UTF-8', [0x0a, 1, 0xff], 'text that is not UTF-8'],
    ['a cut fixed number', [0x79, 1, 2], 'premature EOF'],
    ['a group without an end', [0x7b, 0x08, 1], 'premature EOF'],
    ['groups nested too deep', Array.from({ length: 110 }, () => 0x7b), 'maximum recursion depth reached'],
    ['a group that another one ends', [0x7b, 0x0b, 0x14], 'invalid end group tag'],
  ])('refuses %s', (_, body, error) => {
    expect(outcome(read, Uint8Array.from(body))).toEqual({ error });
    expect(outcome(expected, Uint8Array.from(body))).toEqual({ error });
  });
});

describe('SaveStateRequest', () => {
  it('has one etag and one set of options in an item, in however many parts they come', () => {
    const part = (field: number, ...bytes: number[]): Uint8Array => Uint8Array.of(field * 8 + 2, bytes.length, ...bytes);
    const item = Buffer.concat([part(5, 0x08, 1), part(5, 0x10, 2), part(3, 0x0a, 1, 0x37), part(3)]);
    const { items } = state.saveForm.decodeGrpc(Buffer.concat([Uint8Array.of(0x12), varint(item.length), item]), {});
    expect(items).toMatchObject([{ concurrency: 'first-write', consistency: 'strong', etag: '7' }]);
  });

  it('tells an empty etag from none', () => {
    const { items } = state.saveForm.decodeGrpc(Uint8Array.of(0x12, 2, 0x1a, 0, 0x12, 0), {});
    expect(items.map(({ etag }) => etag)).toEqual(['', undefined]);
  });
});

/** Around what is written in another way: slabs, pieces, lengths of one byte and of two. */
const value = (): fc.Arbitrary<Uint8Array> => fc.tuple(fc.constantFrom(0, 1, 100, 127, 128, 1023, 1024, 5000, 40_000, 70_000), fc.nat(255)).map(([length, fill]) => Buffer.alloc(length, fill));
const anyText = (): fc.Arbitrary<string> => fc.oneof(text(), fc.constantFrom('\ud800', 'a'.repeat(39), 'a'.repeat(41), 'é'.repeat(40), 'é'.repeat(64), '漢'.repeat(43), 'x'.repeat(4096), 'é'.repeat(4097), 'y'.repeat(70_000)));
const metadata = (): fc.Arbitrary<Record<string, string>> => fc.dictionary(anyText().filter((name) => name !== '__proto__'), anyText(), { maxKeys: 2 });
const optional = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined });

const item = (): fc.Arbitrary<Item> => fc.record({ data: optional(value()), etag: anyText(), metadata: metadata() }, { requiredKeys: ['data'] });
const bulkItem = (): fc.Arbitrary<BulkItem> => fc.record({ key: anyText(), data: optional(value()), etag: optional(anyText()), metadata: optional(metadata()), error: anyText() });
const entriesOf = (of: Texts | undefined): Map<string, string> => new Map(Object.entries(of ?? {}));
const NOTHING = new Uint8Array(0);

describe('an answer', () => {
  it('to GetState is what the generated encoder makes of it, byte by byte', () => {
    fc.assert(fc.property(fc.array(item(), { maxLength: 20 }), (items) => {
      const messages = items.map((each) => state.getForm.encodeGrpc(each)); // all of them before the first is looked at: none may take another's memory
      items.forEach(({ data = NOTHING, etag = '', metadata: of }, i) => {
        expect(Buffer.compare(whole(messages[i]!), GetStateResponse.encode({ data, etag, metadata: entriesOf(of) }).finish())).toBe(0);
      });
    }), { numRuns: 60 });
  });

  it('to GetBulkState is, too', () => {
    fc.assert(fc.property(fc.array(bulkItem(), { maxLength: 12 }), (items) => {
      const expected = GetBulkStateResponse.encode({ items: items.map(({ key, data = NOTHING, etag = '', metadata: of, error }) => ({ key, data, etag, error, metadata: entriesOf(of) })) }).finish();
      expect(Buffer.compare(whole(state.bulkGetForm.encodeGrpc(items)), expected)).toBe(0);
    }), { numRuns: 60 });
  });

  it('to GetConfiguration has its entries as they are', () => {
    fc.assert(fc.property(fc.array(value(), { maxLength: 12 }), (entries) => {
      const items = entries.map((entry) => ({ entry }) as KnownItem);
      expect(Buffer.compare(whole(config.getForm.encodeGrpc({ items, hit: false })), encodeRepeated(0, entries.map((entry) => [1, entry])))).toBe(0);
    }), { numRuns: 60 });
  });

  it('has no bytes for what is not there, and leaves a large value where it lies', () => {
    expect(whole(state.getForm.encodeGrpc(undefined))).toHaveLength(0);
    const data = Buffer.alloc(100_000, 1);
    expect(state.getForm.encodeGrpc({ data, etag: '1' })).toContain(data);
  });
});
