// The certificates of links over TCP: what is refused at the start, and what a change of the files does while links are made.
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../proto/log.ts';
import { bearsOneOf, describeCertificate, namesOf } from '../kernel/remote/certificate-names.ts';
import { LinkTls, type LinkTlsPart, type LinkTlsPaths } from '../kernel/remote/tls.ts';
import { hasOpenssl, makeAuthority, pem, type Authority, type Issued } from './harness/certificates.ts';
import { memoryLog, type MemoryLog } from './support.ts';

if (!hasOpenssl) process.stderr.write('SKIPPED: certificates of links: this machine has no openssl to make one with\n');

const flag = (part: LinkTlsPart): string => `--tls-${part}`;

describe.skipIf(!hasOpenssl)('the certificates of links', () => {
  const authority = hasOpenssl ? (makeAuthority() as Authority) : (undefined as unknown as Authority);
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-link-'));
  afterAll(() => {
    authority.remove();
    rmSync(folder, { recursive: true, force: true });
  });
  const [one, two] = ['one', 'two'].map((name) => authority?.issue(name)) as [Issued, Issued];
  const paths: LinkTlsPaths = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem'), ca: join(folder, 'ca.pem') };
  let log: MemoryLog;
  beforeEach(() => {
    log = memoryLog();
    install(one);
  });

  /** Puts a certificate where it is looked for, as programs do that write in place. */
  function install({ cert, key }: Issued): void {
    cpSync(cert, paths.cert);
    cpSync(key, paths.key);
    cpSync(authority.ca, paths.ca);
  }

  const open = (from: LinkTlsPaths = paths): LinkTls => new LinkTls(from, flag, log as unknown as Log);
  const commonName = (tls: LinkTls): string | undefined => /CN=(.*)/.exec(new X509Certificate(tls.material().cert).subject)?.[1];
  const problemOf = (change: (at: LinkTlsPaths) => void): string => {
    change(paths);
    try {
      open();
      return 'none';
    } catch (cause) {
      return (cause as Error).message.replaceAll(`${folder}/`, '');
    } finally {
      rmSync(paths.key, { recursive: true, force: true });
      install(one);
    }
  };

  it('are read once, and given out as they were as long as nothing changes', () => {
    const tls = open();
    const first = tls.material();
    expect(first).toEqual({ cert: pem(one.cert), key: pem(one.key), ca: pem(authority.ca), version: 1 });
    expect(tls.material()).toBe(first);
    install(one); // written again, with what was there
    expect(tls.material()).toBe(first);
    expect(log.records).toEqual([]);
  });

  it.each<[string, (at: LinkTlsPaths) => void, string | RegExp]>([
    ['a file that is not there', ({ key }) => unlinkSync(key), "--tls-key: key.pem can't be read: no such file or directory"],
    ['a folder', ({ key }) => { unlinkSync(key); mkdirSync(key); }, "--tls-key: key.pem can't be read: is a directory"],
    ['a pipe, which nobody waits for', ({ key }) => { unlinkSync(key); execFileSync('mkfifo', [key]); }, "--tls-key: key.pem can't be read: is no regular file"],
    ['a file without end', ({ ca }) => truncateSync(ca, 64 * 1024 * 1024), "--tls-ca: ca.pem can't be read: it has 67108864 bytes, the limit is 1048576"],
    ['an empty file', ({ ca }) => writeFileSync(ca, ''), '--tls-ca: ca.pem is empty'],
    ['garbage for a certificate', ({ cert }) => writeFileSync(cert, 'certificate'), '--tls-cert: cert.pem holds no certificate in PEM'],
    ['garbage in the form of a certificate', ({ cert }) => writeFileSync(cert, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'), /^--tls-cert: cert\.pem holds what is no certificate: \w/],
    ['a certificate that is cut off', ({ cert }) => writeFileSync(cert, pem(one.cert).subarray(0, 300)), '--tls-cert: cert.pem is cut off: the end of a certificate is missing'],
    ['a bundle that is cut off', ({ ca }) => writeFileSync(ca, Buffer.concat([pem(authority.ca), pem(one.cert).subarray(0, 300)])), '--tls-ca: ca.pem is cut off: the end of a certificate is missing'],
    ['a key for an authority', ({ ca }) => cpSync(one.key, ca), '--tls-ca: ca.pem holds no certificate in PEM'],
    ['a certificate for a key', ({ key }) => cpSync(one.cert, key), /^--tls-key: key\.pem holds no private key in PEM: \w/],
    ['an encrypted key', ({ key }) => execFileSync('openssl', ['pkcs8', '-topk8', '-in', one.key, '-out', key, '-passout', 'pass:secret'], { stdio: 'pipe' }), '--tls-key: key.pem is encrypted: a key without a passphrase is needed'],
    ['the key of another certificate', ({ key }) => cpSync(two.key, key), `--tls-key: key.pem does not belong to the certificate in cert.pem`],
  ])('are refused at the start: %s', (_, change, message) => {
    expect(problemOf(change)).toMatch(typeof message === 'string' ? new RegExp(`^${message.replaceAll(/[.*+?()[\]|]/g, '\\$&')}$`) : message);
  });

  it('say nothing of a private key, whatever is wrong with it', () => {
    const secret = pem(one.key).toString().split('\n')[1] as string;
    for (const part of ['cert', 'ca'] as const) expect(problemOf((at) => cpSync(one.key, at[part]))).not.toContain(secret);
    expect(problemOf(({ key }) => writeFileSync(key, pem(one.key).subarray(0, 120)))).not.toContain(secret);
  });

  it('may have expired when a program starts, which is said', () => {
    install(authority.issue('old', { days: -1 }));
    expect(commonName(open())).toBe('old');
    expect(log.texts('warn')).toEqual([expect.stringMatching(/^--tls-cert: .*cert\.pem has expired on 20.*: links will be refused until it is renewed; the file is read again then$/)]);
  });

  it('are read again when the files have changed, and the version grows', () => {
    const tls = open();
    const first = tls.material();
    install(two);
    expect([commonName(tls), tls.material().version]).toEqual(['two', 2]);
    expect(first.cert).toEqual(pem(one.cert)); // whoever has the former keeps it as it was
    install(one);
    expect([commonName(tls), tls.material().version]).toEqual(['one', 3]);
    expect(log.texts('info')).toHaveLength(2);
    expect(log.texts('warn')).toEqual([]);
  });

  it('stay as they were while a change is half done, and say so once', () => {
    const tls = open();
    cpSync(two.cert, paths.cert);
    for (let look = 0; look < 3; look++) expect(commonName(tls)).toBe('one');
    expect(log.texts('warn')).toEqual([expect.stringMatching(/^--tls-key: .*key\.pem does not belong to the certificate in .*cert\.pem; links go on with the former certificates until that is put right$/)]);
    cpSync(two.key, paths.key);
    expect([commonName(tls), tls.material().version]).toEqual(['two', 2]);
    writeFileSync(paths.cert, pem(one.cert).subarray(0, 200));
    for (let look = 0; look < 3; look++) expect(commonName(tls)).toBe('two');
    unlinkSync(paths.key);
    for (let look = 0; look < 3; look++) expect(commonName(tls)).toBe('two');
    expect(log.texts('warn').slice(1)).toEqual([expect.stringContaining('cert.pem is cut off'), expect.stringContaining("key.pem can't be read: no such file")]);
    install(one);
    expect([commonName(tls), tls.material().version]).toEqual(['one', 3]);
  });

  it('see a change of the authority alone', () => {
    const other = makeAuthority('another authority') as Authority;
    try {
      const tls = open();
      writeFileSync(paths.ca, Buffer.concat([pem(authority.ca), pem(other.ca)]));
      expect(tls.material()).toMatchObject({ ca: Buffer.concat([pem(authority.ca), pem(other.ca)]), version: 2 });
    } finally {
      other.remove();
    }
  });

  it('see a change of the same length within one tick of the file system', () => {
    const tls = open();
    for (let round = 0; round < 20; round++) {
      const swapped = Buffer.from(pem(authority.ca));
      swapped.write(round % 2 === 0 ? ' \n' : '\n\n', swapped.length - 1); // a byte behind the certificate
      writeFileSync(paths.ca, swapped);
      expect(tls.material().ca).toEqual(swapped);
    }
  });

  it('do not change a certificate that is good for one that has expired, but one that has expired for any', () => {
    const tls = open();
    install(authority.issue('old', { days: -1 }));
    expect(commonName(tls)).toBe('one');
    expect(log.texts('warn')).toEqual([expect.stringMatching(/^--tls-cert: .*cert\.pem has expired on 20.*; links go on with the former/)]);
    const late = open();
    expect(commonName(late)).toBe('old');
    install(authority.issue('older', { days: -1 }));
    expect(commonName(late)).toBe('older');
  });

  it('follow a symbolic link that is replaced by another, as Kubernetes changes a volume', () => {
    const volume = mkdtempSync(join(folder, 'volume-'));
    const publish = (name: string, { cert, key }: Issued): void => {
      mkdirSync(join(volume, name));
      cpSync(cert, join(volume, name, 'tls.crt'));
      cpSync(key, join(volume, name, 'tls.key'));
      cpSync(authority.ca, join(volume, name, 'ca.crt'));
      symlinkSync(name, join(volume, '..data_tmp'));
      renameSync(join(volume, '..data_tmp'), join(volume, '..data'));
    };
    publish('..1', one);
    for (const file of ['tls.crt', 'tls.key', 'ca.crt']) symlinkSync(join('..data', file), join(volume, file));
    const tls = open({ cert: join(volume, 'tls.crt'), key: join(volume, 'tls.key'), ca: join(volume, 'ca.crt') });
    expect(commonName(tls)).toBe('one');
    publish('..2', two);
    rmSync(join(volume, '..1'), { recursive: true });
    expect([commonName(tls), tls.material().version]).toEqual(['two', 2]);
    expect(log.texts('warn')).toEqual([]);
  });
});

describe('the names of a certificate', () => {
  const subject = (CN?: unknown) => ({ CN }) as unknown as Parameters<typeof namesOf>[0]['subject'];
  const named = (subjectaltname: string | undefined, CN?: unknown) => namesOf({ subjectaltname, subject: subject(CN) }).map(({ kind, value }) => `${kind}:${value}`);

  it('are those of its list, or its common names where it has none', () => {
    expect(named('DNS:a.b, IP Address:10.0.0.7, URI:spiffe://c/d, email:e@f, Registered ID:1.2.3, DirName:"CN = x\\u002c y"', 'common')).toEqual(['dns:a.b', 'ip:10.0.0.7', 'uri:spiffe://c/d', 'email:e@f']);
    expect(named('DNS:"a\\u002c DNS:evil", URI:"x\\"y"')).toEqual(['dns:a, DNS:evil', 'uri:x"y']);
    expect([named(undefined, 'common'), named(undefined, ['one', 'two']), named(undefined), named('', 'common')]).toEqual([['common:common'], ['common:one', 'common:two'], [], []]);
  });

  it.each(['DNS', 'DNS:a DNS:"b', 'DNS:"a', 'DNS:"\\x"', 'DNS:a"b', ', DNS:a', ':a', 'DNS:a, , DNS:b'])('are none where the list can not be read: %j', (list) => {
    expect(named(list, 'common')).toEqual([]);
  });

  it('are compared as wholes: DNS names and addresses however they are written, others to the letter', () => {
    const bears = (list: string, ...allowed: string[]) => bearsOneOf(namesOf({ subjectaltname: list, subject: subject('common') }), allowed);
    expect([bears('DNS:A.b', 'a.B'), bears('IP Address:2001:DB8:0:0:0:0:0:1', '2001:db8::1'), bears('URI:x:y', 'x:z', 'x:y'), bears('IP Address:10.0.0.7', '10.0.0.7')]).toEqual([true, true, true, true]);
    expect([bears('DNS:a.b', 'b', '*.b', 'a.b.'), bears('DNS:*.b', 'a.b'), bears('URI:x:Y', 'x:y'), bears('IP Address:10.0.0.7', '10.0.0.70', '::ffff:10.0.0.7'), bears('DNS:a', 'common'), bears('DNS:a')]).toEqual([false, false, false, false, false, false]);
  });

  it('are short and of one line in a log', () => {
    expect([describeCertificate({ subjectaltname: 'DNS:a', subject: subject('x') }), describeCertificate({ subjectaltname: 'DNS:a', subject: subject() }), describeCertificate({ subjectaltname: undefined, subject: subject() })]).toEqual(['CN=x', 'a', 'without a name']);
    expect(describeCertificate({ subjectaltname: undefined, subject: subject(`a\nb\u001b${'x'.repeat(500)}`) })).toMatch(/^CN=a\?b\?x{113}\.\.\.$/);
  });
});
