// The certificate of the API listeners, from files.
import { readFileSync } from 'node:fs';
import { messageOf } from '../proto/errors.ts';
import { FatalError } from './fatal.ts';

/** What TLS is spoken with: texts in PEM. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** @throws FatalError that names the file which can't be read */
export function readTlsFiles({ cert, key }: { readonly cert: string; readonly key: string }): TlsFiles {
  return { cert: read('api-tls-cert', cert), key: read('api-tls-key', key) };
}

function read(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new FatalError(`--${flag}: ${path} can't be read: ${messageOf(cause)}`);
  }
}
