// What the tests of header compression share: hex, a look into a decoder's table, and random header fields.
import fc from 'fast-check';
import { HpackDecoder } from '../kernel/h2/hpack/decoder.ts';
import type { IndexingPolicy } from '../kernel/h2/hpack/indexing.ts';
import { HpackEncoder } from '../kernel/h2/hpack/encoder.ts';

/** Has the peer remember every field, as the examples of RFC 7541 do; entries are evicted for it. */
export const ADD_ALL: IndexingPolicy = () => 'add';

/** Bytes written as in an RFC: hex digits, blanks as you like. */
export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(/\s+/g, ''), 'hex'));
}

export function newDecoder(maxListBytes = 1 << 20, maxTableBytes = 4096): HpackDecoder {
  return new HpackDecoder({ maxTableBytes, maxListBytes });
}

/** The fields of a block in hex. */
export function decodeHex(decoder: HpackDecoder, block: string): string[] {
  const bytes = hex(block);
  return decoder.decode(bytes, 0, bytes.length).fields;
}

/** The dynamic table of a decoder, newest first, as a peer sees it: by asking for index after index. */
export function tableOf(decoder: HpackDecoder): string[][] {
  const entries: string[][] = [];
  for (let index = 62; index < 62 + 127; index++) {
    const block = index < 127 ? Uint8Array.of(0x80 | index) : Uint8Array.of(0xff, index - 127);
    try {
      entries.push(decoder.decode(block, 0, block.length).fields);
    } catch {
      break; // beyond the last
    }
  }
  return entries;
}

/** A block of its own, as long as it is. */
export function encodeBlock(encoder: HpackEncoder, fields: readonly string[]): Uint8Array {
  const out = new Uint8Array(HpackEncoder.worstCase(fields) + 2).fill(0xaa);
  const end = encoder.encode(fields, out, 1);
  if (out[0] !== 0xaa || out[end] !== 0xaa) throw new Error('wrote outside of its range');
  return out.subarray(1, end);
}

const TOKEN = "abcdefghijklmnopqrstuvwxyz0123456789-_.!#$%&'*+^`|~";
const COMMON: readonly (readonly [string, string])[] = [
  [':status', '200'], [':status', '415'], ['content-type', 'application/grpc'], ['content-type', 'application/grpc+proto'], ['grpc-status', '0'], ['grpc-status', '5'],
  ['authorization', 'Bearer secret'], ['set-cookie', 'a=b'], ['accept-encoding', 'gzip, deflate'], ['grpc-encoding', 'identity'], ['server', 'x'], ['cookie', ''], ['', ''],
];

/** A name that HTTP allows. */
export const fieldName: fc.Arbitrary<string> = fc.string({ unit: fc.constantFrom(...TOKEN), minLength: 1, maxLength: 20 });
/** All of Latin-1, which is more than HTTP allows. */
export const latin1Text: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 60 }) },
  { weight: 2, arbitrary: fc.string({ unit: fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 30 }) },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 9000 }).map((length) => 'Zq0\xff'.repeat(length).slice(0, length)) },
);

/** Name, value, name, value ...: some that tables hold, some never seen, some of before. */
export const fieldList: fc.Arbitrary<string[]> = fc.array(fc.oneof(
  fc.constantFrom(...COMMON),
  fc.tuple(fc.constantFrom('x-a', 'x-b', 'etag', 'te'), fc.constantFrom('1', '2', '')),
  fc.tuple(fc.oneof(fieldName, latin1Text), latin1Text),
), { maxLength: 12 }).map((pairs) => pairs.flat());
