// Encryption at rest: records as Dapr writes them. The vectors come from another AES-GCM (Python's cryptography package).
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidMetadata, type ComponentSpec } from '../blocks/driver.ts';
import { openEncryption, type Encryption } from '../blocks/state/encryption.ts';

type Metadata = ComponentSpec['metadata'];

function spec(...metadata: Metadata): ComponentSpec {
  return { name: 'S', type: 'state.fake', version: 'v1', metadata, ignoreErrors: false, initTimeoutMs: 1000 };
}
const primary = (value: string, secretName = 'key1'): Metadata[number] => ({ name: 'primaryEncryptionKey', value, secretName });
const secondary = (value: string, secretName = 'key2'): Metadata[number] => ({ name: 'secondaryEncryptionKey', value, secretName });

const KEYS = {
  16: '10171e252c333a41484f565d646b7279',
  24: '181f262d343b424950575e656c737a81888f969da4abb2b9',
  32: '20272e353c434a51585f666d747b828990979ea5acb3bac1c8cfd6dde4ebf2f9',
} as const;
const NONCE = Uint8Array.from({ length: 12 }, (_, i) => i);
const VECTORS: [bytes: keyof typeof KEYS, plaintext: string, base64: string][] = [
  [16, 'value1', 'AAECAwQFBgcICQoLJ66h74aAdYbA3sY5jp2fDi5QAPRZSg=='],
  [16, '', 'AAECAwQFBgcICQoLnFViN5CG4T5/HPF6lhyCEg=='],
  [16, 'map[a:1 b:é]', 'AAECAwQFBgcICQoLPK69wYKLf1lXMES0dRGduP5btOO7wbQmstQGMiA='],
  [24, 'value1', 'AAECAwQFBgcICQoLQudsMok5VavDmYdY+6o9eDt7jgCwxg=='],
  [24, '', 'AAECAwQFBgcICQoLrD2LaDnPa9NAMy0CKEUm/w=='],
  [24, 'map[a:1 b:é]', 'AAECAwQFBgcICQoLWedwHI0yzQodJM7LU9qhwd8ctUbUgV7JEAWMXXo='],
  [32, 'value1', 'AAECAwQFBgcICQoLlHKor9QR4Mcim+6J6kzaxeB2/Eyn8A=='],
  [32, '', 'AAECAwQFBgcICQoLiXXoMuD0RtbAeUsvm3hL0g=='],
  [32, 'map[a:1 b:é]', 'AAECAwQFBgcICQoLj3K0gdAanic34YC4XZ1zdJza+bILVWkV8Gklds8='],
];

function opened(...metadata: Metadata): Encryption {
  const encryption = openEncryption(spec(...metadata), () => NONCE);
  if (encryption === undefined) throw new Error('no encryption');
  return encryption;
}
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe('encryption at rest', () => {
  it.each(VECTORS)('writes with a key of %i bytes what Dapr would write for %j', (bytes, plaintext, base64) => {
    expect(text(opened(primary(KEYS[bytes], 'my-secret')).encrypt(Buffer.from(plaintext)))).toBe(`${base64}||my-secret`);
  });
  it.each(VECTORS)('reads with a key of %i bytes the record that Dapr wrote for %j', (bytes, plaintext, base64) => {
    expect(text(opened(primary(KEYS[bytes], 'my-secret')).decrypt(Buffer.from(`${base64}||my-secret`)))).toBe(plaintext);
  });

  it('reads records of the secondary key and writes with the primary', () => {
    const encryption = opened(primary(KEYS[16]), secondary(KEYS[32]));
    expect(text(encryption.decrypt(Buffer.from(`${VECTORS[6]![2]}||key2`)))).toBe('value1');
    expect(text(encryption.encrypt(Buffer.from('value1')))).toBe(`${VECTORS[0]![2]}||key1`);
  });
  it('takes the primary key if both have one name', () => {
    const encryption = opened(primary(KEYS[16], 'same'), secondary(KEYS[32], 'same'));
    expect(text(encryption.decrypt(Buffer.from(`${VECTORS[0]![2]}||same`)))).toBe('value1');
  });
  it('splits a record at the last separator', () => {
    expect(() => opened(primary(KEYS[16])).decrypt(Buffer.from(`${VECTORS[0]![2]}||x||key1`))).toThrow('illegal base64 data at input byte 48');
  });
  it('reads an empty record as an empty value', () => {
    expect(opened(primary(KEYS[16])).decrypt(new Uint8Array(0))).toHaveLength(0);
  });
  it('never uses one nonce twice', () => {
    const encryption = openEncryption(spec(primary(KEYS[32])));
    const records = Array.from({ length: 100 }, () => text(encryption!.encrypt(Buffer.from('same'))));
    expect(new Set(records).size).toBe(100);
  });

  it.each([
    ['plain text', 'could not decrypt data for state store S: encryption key name not found on record'],
    [`${VECTORS[0]![2]}||`, 'could not decrypt data for state store S: encryption key name not found on record'],
    [`${VECTORS[0]![2]}||other`, 'could not decrypt data for state store S: it was encrypted with key other, which the component does not name'],
    ['abc||key1', 'illegal base64 data at input byte 0'],
    ['ab=c||key1', 'illegal base64 data at input byte 2'],
    ['!!!!||key1', 'illegal base64 data at input byte 0'],
    ['AAEC||key1', 'cipher: message authentication failed'],
    [`${VECTORS[1]![2]}||key1`.replace('nFVi', 'nFVj'), 'cipher: message authentication failed'],
    [`${VECTORS[6]![2]}||key1`, 'cipher: message authentication failed'],
  ])('says what is wrong with the record %j', (record, message) => {
    expect(() => opened(primary(KEYS[16])).decrypt(Buffer.from(record))).toThrow(new Error(message));
  });

  it.each([
    ['no key', []],
    ['a primary key that is no secret', [{ name: 'primaryEncryptionKey', value: KEYS[16] }]],
    ['a secondary key alone', [secondary(KEYS[16])]],
    ['a name in another case', [{ ...primary(KEYS[16]), name: 'PrimaryEncryptionKey' }]],
  ])('is off with %s', (_, metadata) => {
    expect(openEncryption(spec(...metadata))).toBeUndefined();
  });

  it.each([
    ['', 'failed to extract encryption key: failed to extract encryption key: encryption key cannot be empty'],
    ['abc', 'encoding/hex: odd length hex string'],
    ['abxz', 'encoding/hex: invalid byte: U+0078 \'x\''],
    ['a\n', 'encoding/hex: invalid byte: U+000A'],
    ['éa', 'encoding/hex: invalid byte: U+00C3 \'Ã\''],
    ['0011223344', 'crypto/aes: invalid key size 5'],
    [`${KEYS[32]}00`, 'crypto/aes: invalid key size 33'],
  ])('refuses the key %j', (key, message) => {
    expect(() => openEncryption(spec(primary(key)))).toThrow(new InvalidMetadata(message));
    if (key !== '') expect(() => openEncryption(spec(primary(KEYS[16]), secondary(key)))).toThrow(new InvalidMetadata(message));
  });

  it('reads back whatever it wrote, and nothing that was changed', () => {
    const encryption = openEncryption(spec(primary(KEYS[24])))!;
    fc.assert(fc.property(fc.uint8Array(), fc.nat(), fc.integer({ min: 1, max: 255 }), (value, place, flip) => {
      const record = encryption.encrypt(value);
      expect(Buffer.from(encryption.decrypt(record))).toEqual(Buffer.from(value));
      const sealed = Buffer.from(text(record).slice(0, -'||key1'.length), 'base64');
      sealed[place % sealed.length]! ^= flip;
      expect(() => encryption.decrypt(Buffer.from(`${sealed.toString('base64')}||key1`))).toThrow('cipher: message authentication failed');
    }));
  });
});
