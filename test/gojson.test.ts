// JSON the way Go reads and prints it. The expectations are what Go 1.26 printed for the same input.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compact, GoJsonError, parseFirst, parseWhole, utf8 } from '../blocks/gojson.ts';
import { GoSyntaxError, scanValue } from '../blocks/goscan.ts';
import { fieldOf, fields } from '../blocks/gostruct.ts';
import { compareUtf8, goPrint, NumberOutOfRange, quote, stringify } from '../proto/gojson.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

function failure(run: () => unknown): string {
  try {
    run();
  } catch (cause) {
    if (cause instanceof GoJsonError) return cause.message;
    throw cause;
  }
  throw new Error('it did not fail');
}

describe('parseFirst', () => {
  it.each([
    ['', 'EOF'],
    [' \n', 'EOF'],
    ['[{"key":"a"},]', "invalid character ']' looking for beginning of value"],
    ['[{"key":"a"}', 'unexpected EOF'],
    ['tru', 'unexpected EOF'],
    ['trux', "invalid character 'x' in literal true (expecting 'e')"],
    ['nul', 'unexpected EOF'],
    ['-', 'unexpected EOF'],
    ['-x', "invalid character 'x' in numeric literal"],
    ['1.', 'unexpected EOF'],
    ['1.x', "invalid character 'x' after decimal point in numeric literal"],
    ['1e', 'unexpected EOF'],
    ['1ex', "invalid character 'x' in exponent of numeric literal"],
    ['[01]', "invalid character '1' after array element"],
    ['"abc', 'unexpected EOF'],
    ['"', 'unexpected EOF'],
    ['"a\\x"', "invalid character 'x' in string escape code"],
    ['"\\u12"', "invalid character '\"' in \\u hexadecimal character escape"],
    ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
    ['"a\nb"', "invalid character '\\n' in string literal"],
    ['"a\tb"', "invalid character '\\t' in string literal"],
    ['[1 2]', "invalid character '2' after array element"],
    ['[1,', 'unexpected EOF'],
    ['[,', "invalid character ',' looking for beginning of value"],
    ['{', 'unexpected EOF'],
    ['{1', "invalid character '1' looking for beginning of object key string"],
    ['{"a"', 'unexpected EOF'],
    ['{"a"1', "invalid character '1' after object key"],
    ['{"a":', 'unexpected EOF'],
    ['{"a":1', 'unexpected EOF'],
    ['{"a":1,', 'unexpected EOF'],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['{"a":1 "b"', "invalid character '\"' after object key:value pair"],
    ['x', "invalid character 'x' looking for beginning of value"],
    ["'", "invalid character '\\'' looking for beginning of value"],
    ['\\', "invalid character '\\\\' looking for beginning of value"],
    [']', "invalid character ']' looking for beginning of value"],
    ['\ufeff[]', "invalid character 'ï' looking for beginning of value"],
    ['\0', "invalid character '\\x00' looking for beginning of value"],
    ['[-]', "invalid character ']' in numeric literal"],
    ['[+1]', "invalid character '+' looking for beginning of value"],
    ['[é]', "invalid character 'Ã' looking for beginning of value"],
    ['[€]', "invalid character 'â' looking for beginning of value"],
    [nested(10_001), "invalid character '[' exceeded max depth"],
  ])('says what is wrong with %j', (text, message) => {
    expect(failure(() => parseFirst(bytes(text)))).toBe(message);
  });

  it.each([
    ['[] trailing', []],
    ['[]]', []],
    ['{"a":1}{', { a: 1 }],
    ['01', 0],
    ['-0x', -0],
    ['"a""b"', 'a'],
    ['true false', true],
    [' \t\r\n1 ', 1],
    ['{"a":1,"a":2}', { a: 2 }],
    ['"\\ud800"', '\ufffd'],
    ['"\\ud800\\ud800\\udc00"', '\ufffd\u{10000}'],
    ['"\\udc00\\ud800x"', '\ufffd\ufffdx'],
    ['"\\\\ud800"', '\\ud800'],
  ])('takes the first value of %j', (text, value) => {
    expect(parseFirst(bytes(text))).toEqual(value);
  });

  it('reads each byte that is not UTF-8 as one U+FFFD', () => {
    expect(parseFirst(Buffer.from('"a\xff\xe2\x82b"', 'latin1'))).toBe('a\ufffd\ufffd\ufffdb');
    expect(utf8(Buffer.from([0xf0, 0x9f, 0x98, 0x80, 0xed, 0xa0, 0x80, 0xc0, 0x80, 0xf4, 0x90, 0x80, 0x80, 0x41]))).toBe(`\u{1f600}${'\ufffd'.repeat(9)}A`);
  });

  it('reads ten thousand levels, and brackets within strings are none', () => {
    expect(() => parseFirst(bytes(nested(10_000)))).not.toThrow();
    expect(parseFirst(bytes(JSON.stringify('['.repeat(20_000))))).toHaveLength(20_000);
  });

  it('keeps a member called __proto__ as a member', () => {
    const value = parseFirst(bytes('{"__proto__":{"a":1}}')) as object;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(stringify(value)).toBe('{"__proto__":{"a":1}}');
  });
});

describe('parseWhole', () => {
  it.each([
    ['', 'unexpected end of JSON input'],
    [' ', 'unexpected end of JSON input'],
    ['{', 'unexpected end of JSON input'],
    ['"a', 'unexpected end of JSON input'],
    ['1 2', "invalid character '2' after top-level value"],
    ['{} x', "invalid character 'x' after top-level value"],
    ['tru', "invalid character ' ' in literal true (expecting 'e')"],
    ['nulL', "invalid character 'L' in literal null (expecting 'l')"],
  ])('says what is wrong with %j', (text, message) => {
    expect(failure(() => parseWhole(bytes(text)))).toBe(message);
  });
});

describe('stringify', () => {
  it.each([
    [0, '0'], [-0, '-0'], [1_000_000, '1000000'], [0.00001, '0.00001'], [1e20, '100000000000000000000'], [1e21, '1e+21'], [1e-7, '1e-7'],
    [5e-324, '5e-324'], [1.7976931348623157e308, '1.7976931348623157e+308'], [-0.000001234, '-0.000001234'], [1.0, '1'],
    ['\0\x01\b\f\n\r\t\x1f\x7f"\\/<>&\u2028\u2029é😀', '"\\u0000\\u0001\\b\\f\\n\\r\\t\\u001f\x7f\\"\\\\/\\u003c\\u003e\\u0026\\u2028\\u2029é😀"'],
    [null, 'null'], [true, 'true'], [[], '[]'], [{}, '{}'],
    [{ b: 1, a: [{ d: 1, c: '<' }] }, '{"a":[{"c":"\\u003c","d":1}],"b":1}'],
    [{ 10: 1, 9: 2, a: 3 }, '{"10":1,"9":2,"a":3}'],
    [{ '😀': 1, Ａ: 2, é: '', '': 3, b: -0 }, '{"":3,"b":-0,"é":"","Ａ":2,"😀":1}'],
  ])('prints %j as Go does', (value, text) => {
    expect(stringify(value)).toBe(text);
  });

  it('refuses numbers that Go could not have read', () => {
    expect(() => stringify(JSON.parse('{"b":0,"a":[1e400]}'))).toThrow(NumberOutOfRange);
  });

  it('prints ten thousand levels', () => {
    const text = nested(10_000);
    expect(stringify(JSON.parse(text))).toBe(text);
  });
});

describe('goPrint', () => {
  it.each([
    ['value1', 'value1'], [null, '<nil>'], [true, 'true'], [100_000, '100000'], [999_999, '999999'], [1_000_000, '1e+06'], [1_234_567, '1.234567e+06'],
    [123_456_789, '1.23456789e+08'], [123_456.7, '123456.7'], [1_234_567.8, '1.2345678e+06'], [0.0001, '0.0001'], [0.00001, '1e-05'], [1e21, '1e+21'],
    [-0, '-0'], [5e-324, '5e-324'], [2_097_151, '2.097151e+06'], [-0.000001234, '-1.234e-06'], [{ b: 2, a: 1 }, 'map[a:1 b:2]'], [['a', 'b'], '[a b]'], [{}, 'map[]'],
    [{ b: [1, 'x', null, true, {}], a: { z: -0, y: 1e6 } }, 'map[a:map[y:1e+06 z:-0] b:[1 x <nil> true map[]]]'],
  ])('prints %j as %%v does', (value, text) => {
    expect(goPrint(value)).toBe(text);
  });

  it('prints bytes as a slice of numbers', () => {
    expect(goPrint(bytes('va'))).toBe('[118 97]');
    expect(goPrint(new Uint8Array(0))).toBe('[]');
  });
});

describe('compact', () => {
  it('drops white space, escapes for HTML and changes nothing else', () => {
    expect(compact(bytes(' { "b" : [ 1.0 , 1e2 ] , "a":"< \u2028 \\" >" } '))).toBe('{"b":[1.0,1e2],"a":"\\u003c \\u2028 \\" \\u003e"}');
  });
  it('has no answer for what is not JSON', () => {
    expect(compact(bytes('{'))).toBeUndefined();
    expect(compact(bytes(''))).toBeUndefined();
  });
});

describe('struct fields', () => {
  const known = fields('key', 'etag', 'Consistency');
  it.each([['key', 'key'], ['KEY', 'key'], ['\u212aey', 'key'], ['eTag', 'etag'], ['con\u017fistency', 'Consistency'], ['keys', undefined], ['__proto__', undefined]])('%j is for %j', (member, field) => {
    expect(fieldOf(known, member)).toBe(field);
  });
});

describe('for any input', () => {
  const json = fc.json({ maxDepth: 5 });
  it('reads JSON as JSON.parse does, but for lone surrogates', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      expect(parseFirst(bytes(text))).toEqual(JSON.parse(text.replace(/\\ud[89a-f]../g, '\ufffd')));
    }));
  });
  it('prints what parses to the same value, and the same again', () => {
    fc.assert(fc.property(json, (text) => {
      const value = parseWhole(bytes(text));
      const once = stringify(value);
      expect(JSON.parse(once)).toEqual(value);
      expect(stringify(parseWhole(bytes(once)))).toBe(once);
    }));
  });
  it('the two printers agree', () => {
    fc.assert(fc.property(json, (text) => {
      const value: unknown = parseWhole(bytes(text));
      let deep = value;
      for (let i = 0; i < 70; i++) deep = [deep];
      expect(stringify(deep)).toBe('['.repeat(70) + stringify(value) + ']'.repeat(70));
    }));
  });
  it('throws nothing but a GoJsonError, and then JSON.parse throws as well', () => {
    const jsonLike = fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0 1-+.eEtrufalsn\n\u00e9') });
    fc.assert(fc.property(fc.oneof(fc.uint8Array().map((array) => Buffer.from(array)), jsonLike.map((text) => Buffer.from(text))), (body) => {
      try {
        parseFirst(body);
      } catch (cause) {
        expect(cause).toBeInstanceOf(GoJsonError);
        expect(() => JSON.parse(body.toString())).toThrow();
      }
    }), { numRuns: 2000 });
  });
  it('the scanner finds the end of a value whatever follows', () => {
    fc.assert(fc.property(json, fc.string(), (text, rest) => {
      const wrapped = bytes(`[${text}]${rest}`);
      expect(scanValue(wrapped)).toBe(Buffer.byteLength(text) + 2);
    }));
  });
  it('the scanner accepts what JSON.parse accepts, and nothing else', () => {
    const jsonLike = fc.string({ unit: fc.constantFrom(...'{}[]",:\\u01-+.eE \n'), maxLength: 12 });
    fc.assert(fc.property(jsonLike, (text) => {
      let accepted = true;
      try { JSON.parse(text); } catch { accepted = false; }
      if (accepted) expect(scanValue(bytes(`${text} `))).toBeLessThanOrEqual(text.length);
      else expect(() => { if (scanValue(bytes(text)) >= text.trimEnd().length) throw new Error('accepted'); throw new GoSyntaxError('', false); }).toThrow(GoSyntaxError);
    }), { numRuns: 5000 });
  });
  it('orders keys as their bytes', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
      expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }));
  });
  it('quotes text that parses to the same text', () => {
    fc.assert(fc.property(fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units)), (text) => {
      expect(JSON.parse(quote(text))).toBe(text.toWellFormed());
    }));
  });
});
