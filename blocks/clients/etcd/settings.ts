// The settings of a connection to etcd, as Dapr's and Layotto's etcd components spell them, and what they mean to the client
// (contract: messaging §11.4, Layotto §11).
import { X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { InvalidMetadata } from '../../driver.ts';
import { duration, list, oneOf, text, type Values } from '../../metadata.ts';

const MAX_MS = 2_147_483_647;
const YES = ['y', 'yes', 'true', 't', 'on', '1'] as const;
const NO = ['n', 'no', 'false', 'f', 'off', '0'] as const;

/** `list` does the commas; Layotto separates with semicolons. */
export const ETCD_FIELDS = {
  endpoints: list({ required: 'endpoints required' }),
  keyPrefixPath: text({ default: '' }),
  /** Left out: TLS if an endpoint begins with https://, or a certificate is given, as Layotto decides it. */
  tlsEnable: oneOf([...YES, ...NO]),
  ca: text({ secret: true, aliases: ['tlsCa'] }),
  cert: text({ secret: true, aliases: ['tlsCert'] }),
  key: text({ secret: true, aliases: ['tlsCertKey'] }),
  username: text(),
  password: text({ secret: true }),
  dialTimeout: duration({ unit: 's', minMs: 1, maxMs: MAX_MS, default: 5000 }),
  requestTimeout: duration({ unit: 's', minMs: 1, maxMs: MAX_MS, default: 3000 }),
} as const;

/** Checked, complete, and free of metadata's spellings. Times in milliseconds. */
export interface EtcdSettings {
  /** `host:port`, IPv6 addresses in brackets. */
  readonly endpoints: readonly [string, ...string[]];
  readonly keyPrefix: string;
  /** Undefined: plain text. */
  readonly tls: { readonly context: SecureContext } | undefined;
  readonly login: { readonly username: string; readonly password: string } | undefined;
  /** For one attempt to connect, whatever the number of endpoints. */
  readonly dialTimeoutMs: number;
  /** For one call, all its attempts included. */
  readonly requestTimeoutMs: number;
}

const DEFAULT_PORT = 2379;

/** @throws InvalidMetadata when fields contradict each other, or a certificate is none */
export function etcdSettings(values: Values<typeof ETCD_FIELDS>): EtcdSettings {
  const { username, password } = values;
  const parsed = values.endpoints.flatMap((part) => part.split(';')).map((part) => part.trim()).filter((part) => part !== '').map(parseEndpoint);
  const [first, ...others] = parsed.map(({ address }) => address);
  if (first === undefined) throw new InvalidMetadata('endpoints required');
  if ((username === undefined) !== (password === undefined)) throw new InvalidMetadata('metadata fields "username" and "password" must be given together');
  return {
    endpoints: [first, ...others],
    keyPrefix: values.keyPrefixPath,
    tls: tlsOptions(values, new Set(parsed.map(({ scheme }) => scheme))),
    login: username === undefined || password === undefined ? undefined : { username, password },
    dialTimeoutMs: values.dialTimeout,
    requestTimeoutMs: values.requestTimeout,
  };
}

/** Where a key lies in etcd: `<keyPrefixPath>/<key>`, and the slash is there without a keyPrefixPath, too. */
export function keyPath({ keyPrefix }: EtcdSettings, key: string): string {
  return `${keyPrefix}/${key}`;
}

type Scheme = 'http' | 'https' | undefined;

/** `host`, `host:port` or `[v6]:port`, with or without http:// or https://. */
function parseEndpoint(endpoint: string): { readonly scheme: Scheme; readonly address: string } {
  const [, scheme, bracketed, plain, digits] = /^(?:(https?):\/\/)?(?:\[([\da-fA-F:.]+)\]|([^:/@[\]\s]+))(?::(\d{1,5}))?\/?$/.exec(endpoint) ?? [];
  const host = bracketed === undefined ? plain : `[${bracketed}]`;
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  // An address may hold a password where it should not: it is not repeated then.
  if (host === undefined || port < 1 || port > 65_535) throw new InvalidMetadata(`metadata field "endpoints" has an invalid address${endpoint.includes('@') ? '' : ` ${JSON.stringify(endpoint)}`}: it must be host:port, http://host:port or https://host:port`);
  return { scheme: scheme as Scheme, address: `${host}:${port}` };
}

function tlsOptions({ tlsEnable, ca, cert, key }: Values<typeof ETCD_FIELDS>, schemes: ReadonlySet<Scheme>): EtcdSettings['tls'] {
  if ((cert === undefined) !== (key === undefined)) throw new InvalidMetadata('metadata fields "cert" and "key" must be given together');
  if (schemes.has('https') && schemes.has('http')) throw new InvalidMetadata('metadata field "endpoints" has addresses with https:// and with http://: all of them are of one kind');
  const said = tlsEnable === undefined ? undefined : (YES as readonly string[]).includes(tlsEnable);
  if (said === false && schemes.has('https')) throw new InvalidMetadata('metadata field "endpoints" has an address with https://, and "tlsEnable" is off');
  if (!(said ?? (schemes.has('https') || ca !== undefined || cert !== undefined))) return undefined;
  try {
    if (ca !== undefined) void new X509Certificate(ca); // a context takes any text for an authority
    return {
      // Made once: reading the authorities costs milliseconds, and every reconnect would. Go trusts the system's
      // authorities, Node its own list: trust both.
      context: createSecureContext({
        ca: [...getCACertificates('default'), ...getCACertificates('system'), ...(ca === undefined ? [] : [ca])],
        ...(cert === undefined ? {} : { cert, key }),
      }),
    };
  } catch (cause) {
    if (ca === undefined && cert === undefined) throw cause;
    // OpenSSL's reason names its own source lines, and no message may quote a key
    throw new InvalidMetadata('metadata fields "ca", "cert" and "key" must be the PEM text (not a path) of certificates and a key');
  }
}
