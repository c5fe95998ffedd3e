// The names that a certificate bears: those of its subjectAltName, or, where it has none, its common name (RFC 6125 section 6.4.4).
import { BlockList, isIP } from 'node:net';
import type { PeerCertificate } from 'node:tls';

export interface CertificateName {
  readonly kind: 'dns' | 'uri' | 'ip' | 'email' | 'common';
  readonly value: string;
}

type Named = Pick<PeerCertificate, 'subjectaltname' | 'subject'>;

/** One entry of the list as Node writes it: a value with anything odd in it is a string of JSON, so that nobody smuggles in an entry. */
const ENTRY = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;
const KINDS: ReadonlyMap<string, CertificateName['kind']> = new Map([['DNS', 'dns'], ['URI', 'uri'], ['IP Address', 'ip'], ['email', 'email']]);
/** A text for a log. */
const LONGEST = 120;

/** As they are written in the certificate. Names of other kinds are none. */
export function namesOf({ subjectaltname, subject }: Named): CertificateName[] {
  if (subjectaltname === undefined) return commonNames(subject).map((value) => ({ kind: 'common', value }));
  const names: CertificateName[] = [];
  ENTRY.lastIndex = 0;
  while (ENTRY.lastIndex < subjectaltname.length) {
    const [, label, value] = ENTRY.exec(subjectaltname) ?? [];
    if (label === undefined || value === undefined) return []; // whatever it is, nobody is let in for it
    const kind = KINDS.get(label);
    const name = value.startsWith('"') ? unquoted(value) : value;
    if (name === undefined) return [];
    if (kind !== undefined) names.push({ kind, value: name });
  }
  return names;
}

/** Whether one of the names is allowed. They are compared as wholes: a wildcard means nothing, at either end. */
export function bearsOneOf(names: readonly CertificateName[], allowed: readonly string[]): boolean {
  return names.some(({ kind, value }) => allowed.some((wanted) => {
    if (kind === 'dns') return value.toLowerCase() === wanted.toLowerCase();
    return kind === 'ip' ? isSameAddress(value, wanted) : value === wanted;
  }));
}

/** For a log: `CN=kernel-a`, or the first name where there is no common one. */
export function describeCertificate(certificate: Named): string {
  const [common] = commonNames(certificate.subject);
  return shown(common === undefined ? (namesOf(certificate)[0]?.value ?? 'without a name') : `CN=${common}`);
}

/** In one line, of a length that a log bears. */
export function shown(text: string): string {
  const clean = text.replaceAll(/[^ -~]/g, '?');
  return clean.length > LONGEST ? `${clean.slice(0, LONGEST)}...` : clean;
}

function unquoted(value: string): string | undefined {
  try {
    return JSON.parse(value) as string;
  } catch {
    return undefined;
  }
}

/** An IPv6 address can be written in many ways. */
function isSameAddress(one: string, other: string): boolean {
  const family = isIP(one) === 4 ? 'ipv4' : 'ipv6';
  if (isIP(one) === 0 || isIP(one) !== isIP(other)) return false;
  const list = new BlockList();
  list.addAddress(one, family);
  return list.check(other, family);
}

function commonNames(subject: PeerCertificate['subject'] | undefined): string[] {
  const found: unknown = subject?.CN; // a list where there are several
  return (Array.isArray(found) ? found : [found]).filter((name): name is string => typeof name === 'string');
}
