/** The reader for borrowed memory. */
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GetStateResponse } from '../proto/gen/dapr/proto/runtime/v1/state.ts';
import { CopyingReader } from '../proto/wire.ts';

const field = (bytes: Uint8Array): Uint8Array => new BinaryWriter().bytes(bytes).finish();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A borrowed body as a ring lends it: some part of a larger memory, of either kind, as either class. */
const lend = {
  'an array': (bytes: Uint8Array): Uint8Array => place(new Uint8Array(bytes.length + 10), bytes),
  'a Buffer': (bytes: Uint8Array): Uint8Array => place(Buffer.alloc(bytes.length + 10), bytes),
  'shared memory': (bytes: Uint8Array): Uint8Array => place(new Uint8Array(new SharedArrayBuffer(bytes.length + 10)), bytes),
};

function place(memory: Uint8Array, bytes: Uint8Array): Uint8Array {
  memory.set(bytes, 7);
  return memory.subarray(7, 7 + bytes.length);
}

describe.each(Object.entries(lend))('CopyingReader over %s', (_, lent) => {
  /** Around each limit at which bytes are copied in another way. */
  it.each([0, 1, 63, 64, 65, 1000, 4095, 4096, 4097, 20_000])('copies %i bytes', (length) => {
    const bytes = Uint8Array.from({ length }, (__, i) => i * 31);
    const body = lent(field(bytes));
    const copy = new CopyingReader(body).bytes();
    body.fill(0xee);
    expect(copy).toEqual(bytes);
    expect(copy.constructor).toBe(Uint8Array);
    expect(copy.buffer).toBeInstanceOf(ArrayBuffer);
    expect(copy.buffer).not.toBe(body.buffer);
  });

  it('never gives two messages the same memory', () => {
    const sizes = fc.array(fc.nat(5000), { minLength: 1, maxLength: 60 });
    fc.assert(fc.property(sizes, (lengths) => {
      const copies = lengths.map((length, i) => new CopyingReader(lent(field(new Uint8Array(length).fill(i)))).bytes());
      for (const [i, copy] of copies.entries()) expect(copy.every((byte) => byte === i) && copy.length === lengths[i]).toBe(true);
    }), { numRuns: 30 });
  });

  it('reads text as the strict decoder does, or throws where that throws', () => {
    const latin1 = fc.uint8Array({ min: 0x70, max: 0xff, maxLength: 40 });
    const valid = fc.string({ unit: 'binary', maxLength: 40 }).map((text) => new TextEncoder().encode(text));
    const ascii = fc.string({ maxLength: 40 }).map((text) => new TextEncoder().encode(text));
    const cut = fc.tuple(valid, fc.nat()).map(([bytes, at]) => bytes.subarray(0, at % (bytes.length + 1)));
    fc.assert(fc.property(fc.oneof(latin1, valid, ascii, cut, fc.uint8Array({ maxLength: 40 })), (bytes) => {
      let expected: string | undefined;
      try {
        expected = strict.decode(bytes);
      } catch {
        expected = undefined;
      }
      const reader = new CopyingReader(lent(field(bytes)));
      if (expected === undefined) expect(() => reader.string()).toThrow(TypeError);
      else expect(reader.string()).toBe(expected);
    }), { numRuns: 3000 });
  });

  it('decodes a message that stays as it was when the memory is used again', () => {
    const body = lent(GetStateResponse.encode({ data: new Uint8Array(200).fill(7), etag: '12', metadata: new Map([['ttlExpireTime', 'soon']]) }).finish());
    const response = GetStateResponse.decode(new CopyingReader(body));
    body.fill(0);
    expect(response).toEqual({ data: new Uint8Array(200).fill(7), etag: '12', metadata: new Map([['ttlExpireTime', 'soon']]) });
  });
});

describe('CopyingReader', () => {
  it('keeps a byte order mark and a U+FFFD that were sent', () => {
    for (const text of ['\ufeffx', 'x\ufffdy', '\ufffd'.repeat(20), '\u0000', 'ÿ', '😀'.repeat(10)]) {
      expect(new CopyingReader(field(new TextEncoder().encode(text))).string()).toBe(text);
    }
  });

  it.each([
    ['a lone continuation byte', [0x80]], ['an overlong slash', [0xc0, 0xaf]], ['a surrogate', [0xed, 0xa0, 0x80]], ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['a cut sequence', [0x61, 0xe2, 0x82]], ['Latin-1', [0xe9]],
  ])('refuses %s in a text of any length', (_, bad) => {
    for (const before of [0, 15, 16, 17, 300]) {
      const bytes = Uint8Array.from([...Buffer.alloc(before, 'a'), ...bad]);
      expect(() => new CopyingReader(field(bytes)).string()).toThrow(TypeError);
    }
  });

  it('refuses lengths that lead out of the message', () => {
    for (const head of [[0x01], [0x05, 0x61], [0xff, 0xff, 0xff, 0xff, 0x0f], [0x80]]) {
      expect(() => new CopyingReader(Uint8Array.from(head)).bytes()).toThrow(RangeError);
      expect(() => new CopyingReader(Uint8Array.from(head)).string()).toThrow(RangeError);
    }
  });
});
