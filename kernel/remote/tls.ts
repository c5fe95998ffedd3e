// The certificates of links over TCP, from files, at both ends. Whoever shakes hands asks for them, and they are looked at then: a
// certificate that was renewed is used by the next connection, and nothing ticks or watches in between. What makes no sense, such as a file
// that is half written or a key whose certificate has not come yet, is refused, and what was there stays.
import { readFileSync, statSync } from 'node:fs';
import { messageOf } from '../../proto/errors.ts';
import type { Log } from '../../proto/log.ts';
import { FatalError, systemReason } from '../fatal.ts';

export type LinkTlsPart = 'cert' | 'key' | 'ca';

/** Files in PEM. */
export interface LinkTlsPaths {
  /** The certificate of this end, with those between it and the authority, if any. */
  readonly cert: string;
  /** Its private key, without a passphrase. */
  readonly key: string;
  /** Who vouches for the other end; nobody else does. */
  readonly ca: string;
}

export interface LinkMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
  /** Grows with each change. */
  readonly version: number;
}

type Files = Readonly<Record<LinkTlsPart, Buffer>>;

const PARTS: readonly LinkTlsPart[] = ['cert', 'key', 'ca'];
/** Of one file; a bundle of all public authorities has a quarter of it. */
const MAX_BYTES = 1024 * 1024;
/** Files that change while they are read are read again so often. */
const ATTEMPTS = 3;
/** A file system's clock stands still for some milliseconds: whatever is younger may have changed since without showing it. */
const CLOCK_MS = 50;
const BLOCK = /-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----[^-]*-----END \1-----/g;
const BEGINNING = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/g;

export class LinkTls {
  readonly #paths: LinkTlsPaths;
  readonly #flag: (part: LinkTlsPart) => string;
  readonly #log: Log;
  #material: LinkMaterial;
  /** How the files were when they were last read, whether they were taken or not. */
  #seen: string;
  /** False: they may have changed since in a way that can't be seen. */
  #settled: boolean;
  /** Why they were refused last; undefined: they were not. */
  #complaint: string | undefined;

  /**
   * Reads the files. A certificate that has expired is a warning: it may be renewed before anybody dials.
   * @param flag names a file's flag in messages: `--tls-cert`.
   * @throws FatalError naming the flag, the file and the reason
   */
  constructor(paths: LinkTlsPaths, flag: (part: LinkTlsPart) => string, log: Log) {
    this.#paths = paths;
    this.#flag = flag;
    this.#log = log;
    const { files, seen, settled } = this.#read();
    this.#check(files);
    this.#material = { ...files, version: 1 };
    this.#seen = seen;
    this.#settled = settled;
    const problem = timeProblem(files.cert, Date.now());
    if (problem !== undefined) log.warn({}, `${this.#named('cert')} ${problem}: links will be refused until it is renewed; the file is read again then`);
  }

  /** What to shake hands with now. Looks at the files, and reads them when they have changed. */
  material(): LinkMaterial {
    if (this.#settled && this.#look() === this.#seen) return this.#material;
    try {
      this.#take();
      this.#complaint = undefined;
    } catch (cause) {
      const complaint = messageOf(cause);
      if (complaint !== this.#complaint) this.#log.warn({}, `${complaint}; links go on with the former certificates until that is put right`);
      this.#complaint = complaint;
    }
    return this.#material;
  }

  #take(): void {
    this.#settled = false; // what can't be read is tried again each time
    const { files, seen, settled } = this.#read();
    this.#seen = seen;
    this.#settled = settled;
    const present = this.#material;
    if (PARTS.every((part) => files[part].equals(present[part]))) return;
    this.#check(files);
    const now = Date.now();
    const problem = timeProblem(files.cert, now);
    if (problem !== undefined && timeProblem(present.cert, now) === undefined) throw new FatalError(`${this.#named('cert')} ${problem}`);
    this.#material = { ...files, version: present.version + 1 };
    this.#log.info({}, `the certificates of links have changed: new links use what ${this.#paths.cert} and ${this.#paths.ca} hold now`);
  }

  /** All three as they were at one time: a symbolic link to a folder of them may be replaced between two. */
  #read(): { readonly files: Files; readonly seen: string; readonly settled: boolean } {
    for (let attempt = 1; ; attempt++) {
      const seen = this.#look();
      const began = Date.now();
      const files = { cert: this.#readFile('cert'), key: this.#readFile('key'), ca: this.#readFile('ca') };
      if (this.#look() === seen) return { files, seen, settled: this.#youngest() < began - CLOCK_MS };
      if (attempt === ATTEMPTS) throw new FatalError(`${this.#named('cert')} or one of its fellows changes each time it is read`);
    }
  }

  #readFile(part: LinkTlsPart): Buffer {
    const path = this.#paths[part];
    let bytes: Buffer;
    try {
      const found = statSync(path);
      if (!found.isFile()) throw new Error(found.isDirectory() ? 'is a directory' : 'is no regular file'); // a pipe would be waited for
      if (found.size > MAX_BYTES) throw new Error(`it has ${found.size} bytes, the limit is ${MAX_BYTES}`);
      bytes = readFileSync(path);
    } catch (cause) {
      throw new FatalError(`${this.#named(part)} can't be read: ${cause instanceof Error && 'code' in cause ? systemReason(cause) : messageOf(cause)}`);
    }
    if (bytes.length === 0) throw new FatalError(`${this.#named(part)} is empty`);
    return bytes;
  }

  /** @throws FatalError for what can't be used together */
  #check(files: Files): void {
    const { X509Certificate, createPrivateKey } = process.getBuiltinModule('node:crypto');
    for (const part of ['cert', 'ca'] as const) {
      const text = files[part].toString('latin1');
      const blocks = text.match(BLOCK) ?? [];
      const beginnings = text.match(BEGINNING)?.length ?? 0;
      if (beginnings === 0) throw new FatalError(`${this.#named(part)} holds no certificate in PEM`);
      if (blocks.length !== beginnings) throw new FatalError(`${this.#named(part)} is cut off: the end of a certificate is missing`); // what is before it may be whole
      try {
        for (const block of blocks) new X509Certificate(block);
      } catch (cause) {
        throw new FatalError(`${this.#named(part)} holds what is no certificate: ${shortly(cause)}`);
      }
    }
    let key;
    try {
      key = createPrivateKey(files.key);
    } catch (cause) {
      const encrypted = files.key.includes('ENCRYPTED');
      throw new FatalError(`${this.#named('key')} ${encrypted ? 'is encrypted: a key without a passphrase is needed' : `holds no private key in PEM: ${shortly(cause)}`}`);
    }
    if (!new X509Certificate(files.cert).checkPrivateKey(key)) throw new FatalError(`${this.#named('key')} does not belong to the certificate in ${this.#paths.cert}`);
    try {
      process.getBuiltinModule('node:tls').createSecureContext({ cert: files.cert, key: files.key, ca: files.ca, minVersion: 'TLSv1.3' });
    } catch (cause) {
      throw new FatalError(`${this.#flag('cert')}, ${this.#flag('key')} and ${this.#flag('ca')} can't be used together: ${shortly(cause)}`);
    }
  }

  /** What shows whether a file has changed, symbolic links on its way included. */
  #look(): string {
    return PARTS.map((part) => {
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = statSync(this.#paths[part], { bigint: true });
        return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
      } catch (cause) {
        return messageOf(cause);
      }
    }).join(' ');
  }

  /** Milliseconds of the clock. */
  #youngest(): number {
    return Math.max(...PARTS.map((part) => {
      try {
        return statSync(this.#paths[part]).ctimeMs;
      } catch {
        return 0; // its absence shows by itself
      }
    }));
  }

  #named(part: LinkTlsPart): string {
    return `${this.#flag(part)}: ${this.#paths[part]}`;
  }
}

/** Why nobody would take a certificate at this time; undefined: its time is now. */
function timeProblem(cert: Buffer, now: number): string | undefined {
  const { validFromDate, validToDate } = new (process.getBuiltinModule('node:crypto').X509Certificate)(cert);
  if (validToDate.getTime() < now) return `has expired on ${validToDate.toISOString()}`;
  return validFromDate.getTime() > now ? `is valid only from ${validFromDate.toISOString()} on` : undefined;
}

/** OpenSSL's reason without where in its source it was found. */
function shortly(cause: unknown): string {
  return messageOf(cause).replace(/^error:[^:]*:[^:]*:[^:]*:/, '');
}
