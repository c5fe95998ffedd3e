// Every example of RFC 7541 appendix C, read, and written where it is what our encoder would write: in Huffman code.
import { describe, expect, it } from 'vitest';
import { HpackEncoder } from '../kernel/h2/hpack/encoder.ts';
import { readInteger, writeInteger } from '../kernel/h2/hpack/integers.ts';
import { ADD_ALL, decodeHex, encodeBlock, hex, newDecoder, tableOf } from './hpack-harness.ts';

interface Step {
  readonly block: string;
  readonly fields: readonly string[];
  /** Of the dynamic table afterwards, newest first. */
  readonly table: readonly (readonly [string, string])[];
  readonly bytes: number;
}

const REQUESTS: readonly Omit<Step, 'block'>[] = [
  { fields: [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'], table: [[':authority', 'www.example.com']], bytes: 57 },
  {
    fields: [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com', 'cache-control', 'no-cache'],
    table: [['cache-control', 'no-cache'], [':authority', 'www.example.com']], bytes: 110,
  },
  {
    fields: [':method', 'GET', ':scheme', 'https', ':path', '/index.html', ':authority', 'www.example.com', 'custom-key', 'custom-value'],
    table: [['custom-key', 'custom-value'], ['cache-control', 'no-cache'], [':authority', 'www.example.com']], bytes: 164,
  },
];
const DATE = 'Mon, 21 Oct 2013 20:13:21 GMT';
const LATER = 'Mon, 21 Oct 2013 20:13:22 GMT';
const COOKIE = 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
const RESPONSES: readonly Omit<Step, 'block'>[] = [
  {
    fields: [':status', '302', 'cache-control', 'private', 'date', DATE, 'location', 'https://www.example.com'],
    table: [['location', 'https://www.example.com'], ['date', DATE], ['cache-control', 'private'], [':status', '302']], bytes: 222,
  },
  {
    fields: [':status', '307', 'cache-control', 'private', 'date', DATE, 'location', 'https://www.example.com'],
    table: [[':status', '307'], ['location', 'https://www.example.com'], ['date', DATE], ['cache-control', 'private']], bytes: 222,
  },
  {
    fields: [':status', '200', 'cache-control', 'private', 'date', LATER, 'location', 'https://www.example.com', 'content-encoding', 'gzip', 'set-cookie', COOKIE],
    table: [['set-cookie', COOKIE], ['content-encoding', 'gzip'], ['date', LATER]], bytes: 215,
  },
];

function steps(what: readonly Omit<Step, 'block'>[], blocks: readonly string[]): Step[] {
  return what.map((step, i) => ({ ...step, block: blocks[i]! }));
}

const C3 = steps(REQUESTS, [
  '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
  '8286 84be 5808 6e6f 2d63 6163 6865',
  '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
]);
const C4 = steps(REQUESTS, [
  '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
  '8286 84be 5886 a8eb 1064 9cbf',
  '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
]);
const C5 = steps(RESPONSES, [
  `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32
   3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
  '4803 3330 37c1 c0bf',
  `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970
   7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61
   6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
]);
const C6 = steps(RESPONSES, [
  `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad
   1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
  '4883 640e ffc1 c0bf',
  `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2
   e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
]);
/** `307` is as long in Huffman code as without: we leave it as it is, which is what C.5.2 looks like. */
const C6_WRITTEN = [C6[0]!, C5[1]!, C6[2]!];
/** Sections 5 and 6 of the appendix have a table of 256 bytes; this is the update that says so. */
const TO_256 = '3fe1 01';

describe('the examples of RFC 7541', () => {
  it.each([['C.1.1', 10, 0x1f, '0a'], ['C.1.2', 1337, 0x1f, '1f9a0a'], ['C.1.3', 42, 0xff, '2a']])('%s: an integer', (_, value, mask, bytes) => {
    const block = hex(bytes);
    expect(readInteger({ block, at: 0, end: block.length }, mask)).toBe(value);
    const out = new Uint8Array(5);
    expect(Buffer.from(out.subarray(0, writeInteger(value, mask, 0, out, 0))).toString('hex')).toBe(bytes);
  });

  it.each<[string, Step]>([
    ['C.2.1, added', { block: '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', fields: ['custom-key', 'custom-header'], table: [['custom-key', 'custom-header']], bytes: 55 }],
    ['C.2.2, not added', { block: '040c 2f73 616d 706c 652f 7061 7468', fields: [':path', '/sample/path'], table: [], bytes: 0 }],
    ['C.2.3, never added', { block: '1008 7061 7373 776f 7264 0673 6563 7265 74', fields: ['password', 'secret'], table: [], bytes: 0 }],
    ['C.2.4, indexed', { block: '82', fields: [':method', 'GET'], table: [], bytes: 0 }],
  ])('%s: read', (_, step) => reads([step], ''));

  it.each([['C.3, requests', C3, ''], ['C.4, requests in Huffman code', C4, ''], ['C.5, responses', C5, TO_256], ['C.6, responses in Huffman code', C6, TO_256]])('%s: read', (_, all, before) => reads(all, before));

  it.each([['C.4', C4, 4096, ''], ['C.6', C6_WRITTEN, 256, TO_256]])('%s: written', (_, all, maxTableBytes, before) => {
    const encoder = new HpackEncoder(maxTableBytes, ADD_ALL);
    for (const [i, { block, fields, bytes }] of all.entries()) {
      expect(encodeBlock(encoder, fields)).toEqual(hex((i === 0 ? before : '') + block));
      expect(encoder.tableBytes).toBe(bytes);
    }
  });
});

function reads(all: readonly Step[], before: string): void {
  const decoder = newDecoder();
  expect(decodeHex(decoder, before)).toEqual([]);
  for (const { block, fields, table, bytes } of all) {
    expect(decodeHex(decoder, block)).toEqual(fields);
    expect(decoder.tableBytes).toBe(bytes);
    expect(tableOf(decoder)).toEqual(table);
  }
}
