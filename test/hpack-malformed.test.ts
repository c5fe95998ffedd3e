// Blocks that no encoder writes: each is refused with what is wrong with it, and none costs more than its bytes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HpackError } from '../kernel/h2/hpack/errors.ts';
import { HpackDecoder } from '../kernel/h2/hpack/decoder.ts';
import { HpackEncoder } from '../kernel/h2/hpack/encoder.ts';
import { ADD_ALL, decodeHex, encodeBlock, fieldList, hex, newDecoder, tableOf } from './hpack-harness.ts';

describe('a decoder refuses', () => {
  it.each([
    ['index 0', '80', 'an indexed field of index 0'],
    ['an index beyond the static table', 'be', 'a field of index 62 where the last one is 61'],
    ['an index beyond the dynamic table', '4001610162 bf', 'a field of index 63 where the last one is 62'],
    ['a name of an index beyond the tables', '7e 0161', 'a field of index 62 where the last one is 61'],
    ['a far index', 'ff ffffff7f', 'a field of index 268435582 where the last one is 61'],
    ['an integer without end', 'ff ffffffffffffffffffff', 'an integer of more than 4 continuation bytes'],
    ['an integer with zeros behind it', 'ff 8080808000', 'an integer of more than 4 continuation bytes'],
    ['a block that ends in an index', 'ff', 'the header block ends within an integer'],
    ['a block that ends in a long index', 'ff80', 'the header block ends within an integer'],
    ['a block that ends before a name', '40', 'the header block ends where a field goes on'],
    ['a block that ends before a value', '400161', 'the header block ends where a field goes on'],
    ['a block that ends in the length of a value', '4001617f', 'the header block ends within an integer'],
    ['a block that ends in a name', '00056162', 'a string of 5 bytes where the header block has 2 left'],
    ['a block that ends in a value', '0001610261', 'a string of 2 bytes where the header block has 1 left'],
    ['a block that ends in a Huffman-coded value', '0001618261', 'a string of 2 bytes where the header block has 1 left'],
    ['a string longer than memory', '007fffffff7f', 'a string of 268435582 bytes where the header block has 0 left'],
    ['EOS alone', '000161 84 ffffffff', 'a Huffman-coded string with the end-of-string symbol in it'],
    ['EOS behind a letter', '000161 85 1fffffffff', 'a Huffman-coded string with the end-of-string symbol in it'],
    ['EOS in a name', '0085 ffffffff1f 0161', 'a Huffman-coded string with the end-of-string symbol in it'],
    ['padding of zeros', '000161 81 18', 'a Huffman-coded string whose padding is not up to seven ones'],
    ['padding of eight ones', '000161 81 ff', 'a Huffman-coded string whose padding is not up to seven ones'],
    ['padding of eleven ones', '000161 82 1fff', 'a Huffman-coded string whose padding is not up to seven ones'],
    ['a code cut in two', '000161 81 fe', 'a Huffman-coded string whose padding is not up to seven ones'],
    ['a table size update at the end', '82 20', 'a table size update that is not at the beginning of a header block'],
    ['a table size update in the middle', '82 3f45 84', 'a table size update that is not at the beginning of a header block'],
    ['a table size update above our limit', '3fe21f', 'a table size update to 4097 bytes where our limit is 4096'],
    ['three table size updates', '20 3f45 3fe11f 82', 'more than 2 table size updates at the beginning of a header block'],
    ['a table size update that ends early', '3f', 'the header block ends within an integer'],
  ])('%s', (_, block, message) => {
    expect(() => decodeHex(newDecoder(), block)).toThrow(new HpackError(message));
  });

  it('a table of ours below what both ends start with', () => {
    expect(() => new HpackDecoder({ maxTableBytes: 100, maxListBytes: 100 })).toThrow(new RangeError('a header table of 100 bytes: must be 4096 or more'));
  });
});

describe('a decoder takes', () => {
  it.each<[string, string, string[]]>([
    ['an empty block', '', []],
    ['a size update alone', '3fe11f', []],
    ['two size updates', '20 3fe11f 82', [':method', 'GET']],
    ['empty strings', '00 00 00', ['', '']],
    ['empty strings in Huffman code', '00 80 80', ['', '']],
    ['an integer longer than it needs to be', '0f8000 0161', ['accept-charset', 'a']],
    ['three bits of padding', '000161 81 1f', ['a', 'a']],
    ['seven bits of padding', '000161 84 18c631ff', ['a', 'aaaaa']],
  ])('%s', (_, block, fields) => {
    expect(decodeHex(newDecoder(), block)).toEqual(fields);
  });
});

describe('the limit of a header list', () => {
  it('is counted with 32 bytes a field, to the byte', () => {
    const block = '82 000161 03626364'; // 42 + 36
    const at = (maxListBytes: number) => newDecoder(maxListBytes).decode(hex(block), 0, hex(block).length);
    expect(at(78)).toEqual({ fields: [':method', 'GET', 'a', 'bcd'], tooLarge: false });
    expect(at(77)).toEqual({ fields: [':method', 'GET'], tooLarge: true });
    expect(at(41)).toEqual({ fields: [], tooLarge: true });
  });

  it('leaves the table as it has to be', () => {
    fc.assert(fc.property(fc.array(fieldList, { maxLength: 20 }), fc.integer({ min: 0, max: 3000 }), (lists, maxListBytes) => {
      const encoder = new HpackEncoder(4096, ADD_ALL);
      const [strict, generous] = [newDecoder(maxListBytes), newDecoder()];
      for (const fields of lists) {
        const block = encodeBlock(encoder, fields);
        const { fields: kept, tooLarge } = strict.decode(block, 0, block.length);
        const all = generous.decode(block, 0, block.length).fields;
        const size = (list: readonly string[]) => list.reduce((sum, text) => sum + text.length + 16, 0);
        expect(tooLarge).toBe(size(all) > maxListBytes);
        expect(kept).toEqual(all.slice(0, kept.length));
        expect(size(kept)).toBeLessThanOrEqual(maxListBytes);
      }
      expect(strict.tableBytes).toBe(generous.tableBytes);
    }), { numRuns: 100 });
  });

  it('holds against a few bytes that say a great deal', () => {
    const decoder = newDecoder(16_384);
    const large = encodeBlock(new HpackEncoder(4096, ADD_ALL), ['x', 'y'.repeat(4000)]);
    decoder.decode(large, 0, large.length);
    const bomb = new Uint8Array(1 << 20).fill(0x80 | 62); // 4 GiB of fields
    const before = process.memoryUsage().heapUsed;
    const startedAt = performance.now();
    const { fields, tooLarge } = decoder.decode(bomb, 0, bomb.length);
    expect(performance.now() - startedAt).toBeLessThan(2000);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 << 20);
    expect(tooLarge).toBe(true);
    expect(fields).toHaveLength(8);
    expect(fields[1]).toBe(fields[7]);
  });

  it('holds against literals: strings beyond it are read over, also in Huffman code', () => {
    const decoder = newDecoder(1000);
    const fields = Array.from({ length: 200 }, (_, i) => [`name-${i}`, 'o'.repeat(20_000)]).flat();
    const block = encodeBlock(new HpackEncoder(4096, ADD_ALL), ['x', '1', ...fields, 'z', '3']);
    expect(decoder.decode(block, 0, block.length)).toEqual({ fields: ['x', '1'], tooLarge: true });
    expect(tableOf(decoder)).toEqual([['z', '3']]);
  });

  it('is no licence for bad Huffman code', () => {
    expect(() => decodeHex(newDecoder(40), '82 000161 84 ffffffff')).toThrow('end-of-string');
    expect(() => decodeHex(newDecoder(40), '82 000161 85 61')).toThrow('has 1 left');
  });
});

describe('random bytes', () => {
  it('throw nothing but HpackError, and stay within bounds', () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.array(fc.constantFrom(0x00, 0x01, 0x0f, 0x10, 0x20, 0x3f, 0x40, 0x61, 0x7f, 0x80, 0x82, 0xbe, 0xff), { maxLength: 60 }).map((list) => Uint8Array.from(list)));
    fc.assert(fc.property(fc.array(bytes, { maxLength: 10 }), fc.integer({ min: 0, max: 500 }), (blocks, maxListBytes) => {
      const decoder = newDecoder(maxListBytes);
      for (const block of blocks) {
        try {
          const { fields } = decoder.decode(block, 0, block.length);
          expect(fields.reduce((sum, text) => sum + text.length + 16, 0)).toBeLessThanOrEqual(maxListBytes);
        } catch (error) {
          if (!(error instanceof HpackError)) throw error;
        }
        expect(decoder.tableBytes).toBeLessThanOrEqual(4096);
      }
    }), { numRuns: 3000 });
  });

  it('in a sound block are refused or mean something else, never more', () => {
    fc.assert(fc.property(fieldList, fc.nat(), fc.integer({ min: 0, max: 255 }), (fields, where, byte) => {
      const block = encodeBlock(new HpackEncoder(4096, ADD_ALL), fields);
      if (block.length === 0) return;
      block[where % block.length] = byte;
      try {
        newDecoder().decode(block, 0, block.length);
      } catch (error) {
        if (!(error instanceof HpackError)) throw error;
      }
    }), { numRuns: 500 });
  });

  it('beside a block are none of its business', () => {
    const inside = hex('8286 84be 5886 a8eb 1064 9cbf');
    const around = new Uint8Array(50).fill(0xff);
    around.set(inside, 20);
    const decoder = newDecoder();
    decodeHex(decoder, '4001610162');
    expect(decoder.decode(around, 20, 20 + inside.length).fields).toHaveLength(10);
    expect(() => decoder.decode(around, 20, 19 + inside.length)).toThrow(HpackError);
  });
});
