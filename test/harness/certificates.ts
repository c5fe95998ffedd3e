// A small certificate authority for tests, made by openssl.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Issued {
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
}

export interface IssueOptions {
  /** As openssl writes them: `DNS:localhost`, `IP:127.0.0.1`, `URI:spiffe://a/b`, `email:a@b`. Empty: only the common name. */
  readonly names?: readonly string[];
  /** Negative: it has expired. */
  readonly days?: number;
  /** `serverAuth`, `clientAuth`; absent: for everything. */
  readonly purpose?: string;
  /** Of the certificate's subject, `''` for none; default: what it is called. */
  readonly common?: string;
}

export interface Authority {
  readonly name: string;
  readonly folder: string;
  /** Path of its certificate. */
  readonly ca: string;
  /** Paths of the files of links, as flags want them. */
  paths(issued: Issued): { readonly cert: string; readonly key: string; readonly ca: string };
  issue(called: string, options?: IssueOptions): Issued;
  remove(): void;
}

/** A new authority in a folder of its own; undefined without openssl. */
export function makeAuthority(name = 'bulkhead test authority'): Authority | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-authority-'));
  const path = (file: string) => join(folder, file);
  const openssl = (...args: string[]) => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const newKey = (file: string) => ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file];
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    openssl('req', '-x509', ...newKey('ca.key'), '-out', 'ca.crt', '-subj', `/CN=${name}`, '-days', '2');
  } catch (cause) {
    remove();
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
  let issued = 0;
  return {
    name, folder, ca: path('ca.crt'), remove,
    paths: ({ cert, key }) => ({ cert, key, ca: path('ca.crt') }),
    issue(called, { names = [], days = 2, purpose, common = called } = {}) {
      const file = `${called}-${++issued}`;
      openssl('req', '-new', ...newKey(`${file}.key`), '-out', `${file}.csr`, '-subj', common === '' ? '/' : `/CN=${common}`);
      writeFileSync(path(`${file}.ext`), [
        'basicConstraints=CA:FALSE', ...(purpose === undefined ? [] : [`extendedKeyUsage=${purpose}`]),
        ...(names.length === 0 ? [] : ['subjectAltName=@names', '[names]', ...names.map((name, index) => name.replace(':', `.${index}=`))]), '',
      ].join('\n'));
      openssl('x509', '-req', '-in', `${file}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', `${days}`, '-extfile', `${file}.ext`, '-out', `${file}.crt`);
      return { cert: path(`${file}.crt`), key: path(`${file}.key`) };
    },
  };
}

/** For suites that have nothing to do without it. */
export const hasOpenssl = ((): boolean => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
})();

export const pem = (path: string): Buffer => readFileSync(path);
