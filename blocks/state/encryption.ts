// Encryption at rest, byte for byte as Dapr writes it: base64(nonce, ciphertext, tag), `||`, name of the key's secret.
// AES-GCM with nothing but the value authenticated, so records can move between keys of a store.
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type CipherGCMTypes, type KeyObject } from 'node:crypto';
import { InvalidMetadata, type ComponentSpec } from '../driver.ts';

const SEPARATOR = Buffer.from('||');
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHMS: Readonly<Record<number, CipherGCMTypes>> = { 16: 'aes-128-gcm', 24: 'aes-192-gcm', 32: 'aes-256-gcm' };

interface Key {
  /** Of the secret; stored beside each value. */
  readonly name: string;
  readonly algorithm: CipherGCMTypes;
  readonly secret: KeyObject;
}

/**
 * The encryption of a component; undefined when it has no primary key from a secret store.
 * @param nonce 12 bytes, never the same twice for one key
 * @throws InvalidMetadata for a key that is empty, not hexadecimal or of the wrong size.
 */
export function openEncryption(spec: ComponentSpec, nonce: () => Uint8Array = () => randomBytes(NONCE_BYTES)): Encryption | undefined {
  const primary = readKey(spec, 'primaryEncryptionKey');
  const secondary = readKey(spec, 'secondaryEncryptionKey');
  return primary === undefined ? undefined : new Encryption(spec.name, primary, secondary, nonce);
}

export class Encryption {
  readonly #store: string;
  readonly #primary: Key;
  readonly #secondary: Key | undefined;
  readonly #nonce: () => Uint8Array;

  constructor(store: string, primary: Key, secondary: Key | undefined, nonce: () => Uint8Array) {
    this.#store = store;
    this.#primary = primary;
    this.#secondary = secondary;
    this.#nonce = nonce;
  }

  /** The record to store, under the primary key. */
  encrypt(plaintext: Uint8Array): Uint8Array {
    const { algorithm, secret, name } = this.#primary;
    const nonce = this.#nonce();
    const cipher = createCipheriv(algorithm, secret, nonce, { authTagLength: TAG_BYTES });
    const sealed = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    return Buffer.from(`${sealed.toString('base64')}||${name}`);
  }

  /** The value in a record; an empty record is an empty value. @throws Error that says what is wrong with the record. */
  decrypt(record: Uint8Array): Uint8Array {
    if (record.length === 0) return record;
    const bytes = Buffer.from(record.buffer, record.byteOffset, record.length);
    const split = bytes.lastIndexOf(SEPARATOR);
    const name = split < 0 ? '' : bytes.toString('utf8', split + SEPARATOR.length);
    if (name === '') throw this.#unreadable('encryption key name not found on record');
    const key = name === this.#primary.name ? this.#primary : this.#secondary;
    if (key === undefined || key.name !== name) throw this.#unreadable(`it was encrypted with key ${name}, which the component does not name`);
    return open(key, decodeBase64(bytes.subarray(0, split)));
  }

  #unreadable(why: string): Error {
    return new Error(`could not decrypt data for state store ${this.#store}: ${why}`);
  }
}

function readKey(spec: ComponentSpec, field: string): Key | undefined {
  const item = spec.metadata.find(({ name, secretName }) => name === field && secretName !== undefined);
  if (item?.secretName === undefined) return undefined;
  // Dapr wraps this one twice.
  if (item.value === '') throw new InvalidMetadata('failed to extract encryption key: failed to extract encryption key: encryption key cannot be empty');
  const bytes = decodeHex(item.value);
  const algorithm = ALGORITHMS[bytes.length];
  if (algorithm === undefined) throw new InvalidMetadata(`crypto/aes: invalid key size ${bytes.length}`);
  return { name: item.secretName, algorithm, secret: createSecretKey(bytes) };
}

/** Says no more of a bad key than its first wrong byte, as Go does. */
function decodeHex(text: string): Buffer {
  const wrong = /[^\da-fA-F]/.exec(Buffer.from(text).toString('latin1'))?.[0];
  if (wrong !== undefined) throw new InvalidMetadata(`encoding/hex: invalid byte: ${goUnicode(wrong)}`);
  if (text.length % 2 !== 0) throw new InvalidMetadata('encoding/hex: odd length hex string');
  return Buffer.from(text, 'hex');
}

/** A byte as Go's `%#U` prints it: with the character itself if that can be seen. */
function goUnicode(character: string): string {
  const code = character.charCodeAt(0);
  const visible = code >= 0x20 && code !== 0x7f && !(code > 0x7f && code <= 0xa0) && code !== 0xad;
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}${visible ? ` '${character}'` : ''}`;
}

/** Strict, unlike Node's: what was not written by an encrypting sidecar must not be guessed at. */
function decodeBase64(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  const fault = base64Fault(text);
  if (fault !== undefined) throw new Error(`illegal base64 data at input byte ${fault}`);
  return Buffer.from(text, 'base64');
}

/** Where Go would find the first fault. */
function base64Fault(text: string): number | undefined {
  const valid = /^[A-Za-z\d+/]*/.exec(text)![0].length;
  const rest = text.slice(valid);
  const inGroup = valid % 4;
  if (rest === '') return inGroup === 0 ? undefined : valid - inGroup;
  if (inGroup < 2) return valid;
  const padding = inGroup === 2 ? '==' : '=';
  if (rest === padding) return undefined;
  if (rest.startsWith(padding)) return valid + padding.length;
  return padding.startsWith(rest) ? text.length : valid;
}

function open({ algorithm, secret }: Key, sealed: Buffer): Uint8Array {
  const failure = 'cipher: message authentication failed';
  if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new Error(failure);
  const decipher = createDecipheriv(algorithm, secret, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const plaintext = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    decipher.final();
  } catch (cause) {
    throw new Error(failure, { cause });
  }
  return plaintext;
}
