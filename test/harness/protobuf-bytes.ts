/** Protobuf bytes as nobody's encoder writes them: fields in any order and number, unknown ones, wrong wire types, long varints. */
import fc from 'fast-check';

/** Fields of a message as they may be sent, each with its tag. */
export type Fields = fc.Arbitrary<Uint8Array>;

export const text = (): fc.Arbitrary<string> => fc.oneof(fc.string({ maxLength: 30 }), fc.string({ unit: 'binary', maxLength: 30 }), fc.constantFrom('', 'x'.repeat(200), 'é'.repeat(70)));
const utf8 = (value: string): Uint8Array => new TextEncoder().encode(value);

/** With more bytes than it needs, now and then: up to ten are allowed. */
export function varint(value: number, extra = 0): Uint8Array {
  const bytes: number[] = [];
  let rest = value >>> 0;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  for (let i = 0; i < extra && bytes.length < 10; i++) {
    bytes[bytes.length - 1]! |= 0x80;
    bytes.push(0);
  }
  return Uint8Array.from(bytes);
}

const long = (value: fc.Arbitrary<number>): fc.Arbitrary<Uint8Array> => fc.tuple(value, fc.constantFrom(0, 0, 0, 0, 1, 3, 9)).map(([number, extra]) => varint(number, extra));
const joined = (...parts: fc.Arbitrary<Uint8Array>[]): fc.Arbitrary<Uint8Array> => fc.tuple(...parts).map((each) => Buffer.concat(each));
const tag = (field: number, wireType: number): fc.Arbitrary<Uint8Array> => long(fc.constant(field * 8 + wireType));

export const delimited = (field: number, value: fc.Arbitrary<Uint8Array>): Fields => value.chain((bytes) => joined(tag(field, 2), long(fc.constant(bytes.length)), fc.constant(bytes)));
export const textField = (field: number): Fields => delimited(field, text().map(utf8));
export const bytesField = (field: number): Fields => delimited(field, fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(0, 64, 65, 4096, 4097).map((length) => new Uint8Array(length).fill(7))));
export const numberField = (field: number): Fields => joined(tag(field, 0), long(fc.oneof(fc.nat(4), fc.integer(), fc.nat(2 ** 31))));
/** With both, either or none of key and value, in any order. */
export const entryField = (field: number): Fields => delimited(field, message(textField(1), textField(2), foreign(5)));

/** A field of another number than those below `from`, of any type; a group, too. */
export function foreign(from: number): Fields {
  return fc.tuple(fc.integer({ min: from, max: 20_000 }), fc.constantFrom(0, 1, 2, 3, 5)).chain(([field, wireType]) => anyValue(field, wireType));
}

/** A field that is known, as something that it is not. */
export const misfit = (field: number, wireTypes: readonly number[]): Fields => fc.constantFrom(...wireTypes).chain((wireType) => anyValue(field, wireType));

function anyValue(field: number, wireType: number): Fields {
  switch (wireType) {
    case 0: return joined(tag(field, 0), long(fc.integer()));
    case 1: return joined(tag(field, 1), fc.uint8Array({ minLength: 8, maxLength: 8 }));
    case 2: return delimited(field, fc.uint8Array({ maxLength: 20 }));
    case 3: return joined(tag(field, 3), message(delimited(1, fc.uint8Array({ maxLength: 5 })), joined(tag(2, 3), tag(2, 4))), tag(field, 4));
    default: return joined(tag(field, 5), fc.uint8Array({ minLength: 4, maxLength: 4 }));
  }
}

/** Any of these fields, any number of times. */
export const message = (...fields: Fields[]): Fields => fc.array(fc.oneof(...fields), { maxLength: 8 }).map((each) => Buffer.concat(each));
/** Each of these fields at most once. */
export const optionals = (...fields: Fields[]): Fields => fc.tuple(...fields.map((field) => fc.option(field, { nil: new Uint8Array(0) }))).map((each) => Buffer.concat(each));

/** Cut short, with a bit turned, or with bytes put in: a message, or what looks like one. */
export const broken = (whole: Fields): Fields => fc.tuple(whole, fc.nat(), fc.nat(7), fc.uint8Array({ maxLength: 6 }), fc.constantFrom('cut', 'turned', 'put in')).map(([bytes, place, bit, more, how]) => {
  const at = place % (bytes.length + 1);
  if (how === 'cut') return bytes.slice(0, at);
  if (how === 'put in') return Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]);
  const copy = Uint8Array.from(bytes);
  if (at < copy.length) copy[at]! ^= 1 << bit;
  return copy;
});
