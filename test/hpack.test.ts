// Our encoder against our decoder: round trips, table sizes, what is remembered, when bytes may be sent again.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HpackEncoder } from '../kernel/h2/hpack/encoder.ts';
import { DynamicTable } from '../kernel/h2/hpack/dynamic-table.ts';
import { decodeHuffman, encodeHuffman, huffmanLength, mostDecoded } from '../kernel/h2/hpack/huffman.ts';
import { indexResponses, type IndexingPolicy } from '../kernel/h2/hpack/indexing.ts';
import { readInteger, writeInteger } from '../kernel/h2/hpack/integers.ts';
import { ADD_ALL, encodeBlock, fieldList, hex, latin1Text, newDecoder, tableOf } from './hpack-harness.ts';

const TABLE_SIZES = [0, 31, 32, 33, 60, 100, 256, 4096, 65_536];
const tableSize = fc.oneof(fc.constantFrom(...TABLE_SIZES), fc.integer({ min: 0, max: 5000 }));
/** Something different for each field, and the same for the same field. */
const MIXED: IndexingPolicy = (name, value) => (['add', 'leave', 'never'] as const)[(name.length + value.length) % 3]!;
const step = fc.oneof({ weight: 3, arbitrary: fieldList }, { weight: 1, arbitrary: tableSize });

describe('what our encoder writes', () => {
  it('is what our decoder reads, whatever the table does', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), fc.constantFrom(ADD_ALL, MIXED, indexResponses), tableSize, (steps, policy, size) => {
      const encoder = new HpackEncoder(size, policy);
      const decoder = newDecoder();
      for (const one of steps) {
        if (typeof one === 'number') {
          encoder.setMaxTableBytes(one);
          continue;
        }
        const block = encodeBlock(encoder, one);
        expect(decoder.decode(block, 0, block.length)).toEqual({ fields: one, tooLarge: false });
        expect(decoder.tableBytes).toBe(encoder.tableBytes);
      }
    }), { numRuns: 300 });
  });

  it('is the same again while the version stays', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 30 }), fc.constantFrom(ADD_ALL, MIXED, indexResponses), (steps, policy) => {
      const encoder = new HpackEncoder(4096, policy);
      const decoder = newDecoder();
      for (const one of steps) {
        if (typeof one === 'number') {
          encoder.setMaxTableBytes(one);
          continue;
        }
        const before = encoder.version;
        const first = encodeBlock(encoder, one);
        decoder.decode(first, 0, first.length);
        const after = encoder.version;
        if (before !== after) continue;
        const version = decoder.tableVersion;
        expect(decoder.decode(first, 0, first.length)).toEqual({ fields: one, tooLarge: false });
        expect(decoder.tableVersion).toBe(version);
        expect(encodeBlock(encoder, one)).toEqual(first);
        expect(encoder.version).toBe(after);
      }
    }), { numRuns: 200 });
  });

  it('gets short for the answers of a gRPC server, and then stays so', () => {
    const encoder = new HpackEncoder();
    const answer = [':status', '200', 'content-type', 'application/grpc'];
    encodeBlock(encoder, answer);
    encodeBlock(encoder, ['grpc-status', '0']);
    const { version } = encoder;
    expect([...encodeBlock(encoder, answer)]).toEqual([0x88, 0x80 | 63]);
    expect([...encodeBlock(encoder, ['grpc-status', '0'])]).toEqual([0x80 | 62]);
    expect([...encodeBlock(encoder, [':status', '404'])]).toEqual([0x8d]);
    encodeBlock(encoder, ['grpc-message', 'never the same', 'x-of-an-app', '1']);
    expect(encoder.version).toBe(version);
  });

  it('evicts nothing by itself, so that a full table is a calm one', () => {
    const encoder = new HpackEncoder(140);
    encodeBlock(encoder, ['content-type', 'application/grpc']); // 60 bytes
    encodeBlock(encoder, ['grpc-status', '0']); // 44
    expect(encoder.tableBytes).toBe(104);
    const { version } = encoder;
    for (let i = 1; i < 10; i++) encodeBlock(encoder, ['grpc-status', String(i), 'content-type', `text/${i}`]);
    expect([encoder.version, encoder.tableBytes]).toEqual([version, 104]);
  });

  it.each(['set-cookie', 'cookie', 'authorization', 'proxy-authorization', 'dapr-api-token'])('has %s never indexed', (name) => {
    const encoder = new HpackEncoder();
    const block = encodeBlock(encoder, [name, 'secret']);
    expect(block[0]! & 0xf0).toBe(0x10);
    expect(encodeBlock(encoder, [name, 'secret'])).toEqual(block);
    expect(encoder.tableBytes).toBe(0);
  });

  it('is in Huffman code only where that is shorter', () => {
    const encoder = new HpackEncoder();
    expect(encodeBlock(encoder, ['etag', 'aaaaaaaa'])).toEqual(hex('0f13 85 18c6318c63'));
    expect(encodeBlock(encoder, ['etag', '307'])).toEqual(hex('0f13 03 333037'));
    expect(encodeBlock(encoder, ['etag', '{}{}'])).toEqual(hex('0f13 04 7b7d7b7d'));
  });

  it('refuses what is not Latin-1, and nothing has happened', () => {
    const encoder = new HpackEncoder(4096, ADD_ALL);
    const fields = ['x-first', '1', 'x-second', 'caf\u00e9 \u0142'];
    const { version } = encoder;
    expect(() => encodeBlock(encoder, fields)).toThrow(new RangeError('a header field with a character beyond U+00FF'));
    expect([encoder.version, encoder.tableBytes]).toEqual([version, 0]);
  });
});

describe('table size updates', () => {
  const first = (encoder: HpackEncoder): string => Buffer.from(encodeBlock(encoder, [':status', '200'])).toString('hex');

  it.each([
    ['nothing for the size there is anyway', [4096], '88'],
    ['nothing for more than we use', [1 << 20], '88'],
    ['a lower size', [100], '3f4588'],
    ['the last of two lower sizes', [200, 100], '3f4588'],
    ['both of a lower size and then more', [100, 200], '3f453fa90188'],
    ['both of a lower size and back', [0, 4096], '203fe11f88'],
    ['the lowest and the last of many', [300, 0, 4096, 100], '203f4588'],
  ])('are %s', (_, sizes, expected) => {
    const encoder = new HpackEncoder();
    for (const size of sizes) encoder.setMaxTableBytes(size);
    expect(first(encoder)).toBe(expected);
    expect(first(encoder)).toBe('88');
  });

  it('are one for a size that only grows', () => {
    const encoder = new HpackEncoder(100);
    expect(first(encoder)).toBe('3f4588');
    encoder.setMaxTableBytes(200);
    encoder.setMaxTableBytes(4096);
    expect(first(encoder)).toBe('3fe11f88');
  });

  it('empty the table where the size was too low in between', () => {
    const encoder = new HpackEncoder();
    const decoder = newDecoder();
    const fields = ['content-type', 'application/grpc'];
    const send = (): void => {
      const block = encodeBlock(encoder, fields);
      expect(decoder.decode(block, 0, block.length).fields).toEqual(fields);
    };
    send();
    expect(tableOf(decoder)).toEqual([fields]);
    encoder.setMaxTableBytes(0);
    send();
    expect(tableOf(decoder)).toEqual([]);
    encoder.setMaxTableBytes(4096);
    send();
    expect(tableOf(decoder)).toEqual([fields]);
    expect(encoder.tableBytes).toBe(60);
  });
});

describe('the dynamic table', () => {
  it('does what a list does', () => {
    const entry = fc.tuple(fc.constantFrom('a', 'bb', 'x'.repeat(50)), fc.constantFrom('', '1', 'y'.repeat(100)));
    fc.assert(fc.property(fc.array(fc.oneof({ weight: 5, arbitrary: entry }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 4096 }) }), { maxLength: 300 }), (steps) => {
      const table = new DynamicTable();
      let list: string[][] = [];
      let max = 4096;
      const size = (): number => list.reduce((sum, [name, value]) => sum + name!.length + value!.length + 32, 0);
      for (const one of steps) {
        if (typeof one === 'number') table.resize(max = one);
        else table.add(...one);
        if (typeof one !== 'number') list = [one, ...list];
        while (size() > max) list.pop();
        expect([table.count, table.bytes, table.maxBytes]).toEqual([list.length, size(), max]);
      }
      expect(list.map((_, age) => [table.name(age), table.value(age)])).toEqual(list);
    }), { numRuns: 100 });
  });
});

describe('the parts', () => {
  it('reads the integers it writes', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: (1 << 28) - 1 }), fc.constantFrom(0x0f, 0x1f, 0x3f, 0x7f), (value, mask) => {
      const block = new Uint8Array(8);
      const end = writeInteger(value, mask, ~mask & 0xff, block, 0);
      expect(readInteger({ block, at: 0, end }, mask)).toBe(value);
      expect(block[0]! & ~mask).toBe(~mask & 0xff);
    }));
  });

  it('decodes the Huffman code it writes, each byte and all of them', () => {
    const codes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
    for (const text of [...codes, codes.join(''), codes.toReversed().join('')]) expect(throughHuffman(text)).toBe(text);
    fc.assert(fc.property(latin1Text, (text) => {
      expect(throughHuffman(text)).toBe(text);
    }));
  });
});

function throughHuffman(text: string): string {
  const coded = new Uint8Array(4 * text.length + 1);
  const end = encodeHuffman(text, coded, 0);
  expect(end).toBe(huffmanLength(text));
  const out = Buffer.alloc(mostDecoded(end));
  return out.toString('latin1', 0, decodeHuffman(coded, 0, end, out));
}
