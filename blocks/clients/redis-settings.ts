// The settings that all of Dapr's Redis components share: their metadata fields, and what those mean to one
// multiplexed connection.
import { isIPv6 } from 'node:net';
import { createSecureContext, getCACertificates, type ConnectionOptions } from 'node:tls';
import { InvalidMetadata } from '../driver.ts';
import { duration, flag, integer, list, noEffect, oneOf, text, unsupported, type Values } from '../metadata.ts';

const POOL = 'one connection carries all calls at once, so there is no pool to tune';
const WRITE_TIMEOUT = 'a write that does not get through shows as a missing answer, which readTimeout bounds';
const IDENTITY = 'bulkhead authenticates to Redis with a user name and a password only; use redisUsername and redisPassword';

export const REDIS_FIELDS = {
  redisHost: list(),
  redisPort: integer({ min: 0, max: 65_535, default: 0 }),
  redisUsername: text(),
  redisPassword: text({ secret: true }),
  redisDB: integer({ aliases: ['db'], min: 0, max: 2_147_483_647, default: 0 }),
  redisType: oneOf(['node', 'cluster'], { default: 'node' }),
  failover: flag(),
  sentinelMasterName: text(),
  sentinelUsername: text(),
  sentinelPassword: text({ secret: true }),
  enableTLS: flag(),
  insecureSkipTLSVerify: flag(),
  clientCert: text({ secret: true }),
  clientKey: text({ secret: true }),
  /** Milliseconds; 0 or less: the default. */
  dialTimeout: duration({ unit: 'ms', default: 0 }),
  /** Milliseconds; 0: the default, less: none. */
  readTimeout: duration({ unit: 'ms', default: 0 }),
  /** How often a read is sent again after its connection broke; -1 and 0: never. */
  redisMaxRetries: integer({ aliases: ['maxRetries'], min: -1, max: 100, default: 3 }),
  /** Milliseconds; less than 0: none. */
  redisMinRetryInterval: duration({ unit: 'ms' }),
  redisMaxRetryInterval: duration({ aliases: ['maxRetryBackoff'], unit: 'ms' }),
  writeTimeout: noEffect(WRITE_TIMEOUT),
  poolSize: noEffect(POOL),
  minIdleConns: noEffect(POOL),
  poolTimeout: noEffect(POOL),
  idleTimeout: noEffect(POOL),
  idleCheckFrequency: noEffect(POOL),
  maxConnAge: noEffect(POOL),
  useEntraID: unsupported(IDENTITY, { aliases: ['useAzureAD'], switch: true }),
  useOIDC: unsupported(IDENTITY, { switch: true }),
  oidcTokenEndpoint: unsupported(IDENTITY),
  oidcClientID: unsupported(IDENTITY),
  oidcClientAssertionCert: unsupported(IDENTITY),
  oidcClientAssertionKey: unsupported(IDENTITY),
  oidcResource: unsupported(IDENTITY),
  oidcAudience: unsupported(IDENTITY),
  oidcKid: unsupported(IDENTITY),
  oidcScopes: unsupported(IDENTITY),
  oidcCACert: unsupported(IDENTITY),
} as const;

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Checked, complete, and free of metadata's spellings. Times in milliseconds. */
export interface RedisSettings {
  readonly topology: 'node' | 'cluster' | 'sentinel';
  /** The server; the cluster's seeds; or the sentinels. At least one. */
  readonly addresses: readonly [RedisAddress, ...RedisAddress[]];
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  readonly sentinel: { readonly master: string; readonly username: string | undefined; readonly password: string | undefined } | undefined;
  readonly tls: ConnectionOptions | undefined;
  readonly dialTimeoutMs: number;
  /** Longest silence while an answer is due; undefined: no limit. */
  readonly readTimeoutMs: number | undefined;
  /** Times that a read may be sent again. Nothing else ever is. */
  readonly readRetries: number;
  /** Pause between attempts to connect, after a first one that follows at once. */
  readonly reconnectMs: { readonly min: number; readonly max: number };
}

/** Also for sentinels, whose own default is another: that is how daprd completes a host without a port. */
const DEFAULT_PORT = 6379;
const DEFAULT_DIAL_MS = 5000;
const DEFAULT_READ_MS = 3000;
/** Attempts to connect never follow faster than this, whatever the metadata says. Milliseconds. */
const MIN_RECONNECT_MS = 8;
const DEFAULT_MAX_RECONNECT_MS = 2000;

/**
 * @param defaults `minRetryMs`: 2000 for state and lock components, 8 for the others
 * @throws InvalidMetadata when fields contradict each other
 */
export function redisSettings(values: Values<typeof REDIS_FIELDS>, defaults: { readonly minRetryMs: number }): RedisSettings {
  const topology = values.failover ? 'sentinel' : values.redisType;
  const addresses = values.redisHost.map((host) => parseAddress(host, values.redisPort));
  const [first, ...others] = addresses;
  if (first === undefined) throw new InvalidMetadata('metadata field "redisHost" is required');
  if (topology === 'node' && others.length > 0) throw new InvalidMetadata('metadata field "redisHost" lists several hosts, which needs redisType "cluster" or failover "true"');
  if (topology === 'cluster' && values.redisDB !== 0) throw new InvalidMetadata('metadata field "redisDB" must be 0 with redisType "cluster": a cluster has one database');
  if (topology === 'sentinel' && values.sentinelMasterName === undefined) throw new InvalidMetadata('metadata field "sentinelMasterName" is required with failover');
  const minMs = Math.max(MIN_RECONNECT_MS, values.redisMinRetryInterval ?? defaults.minRetryMs);
  return {
    topology,
    addresses: [first, ...others],
    username: values.redisUsername,
    password: values.redisPassword,
    database: values.redisDB,
    sentinel: topology === 'sentinel'
      ? { master: values.sentinelMasterName ?? '', username: values.sentinelUsername, password: values.sentinelPassword }
      : undefined,
    tls: tlsOptions(values),
    dialTimeoutMs: values.dialTimeout > 0 ? values.dialTimeout : DEFAULT_DIAL_MS,
    readTimeoutMs: values.readTimeout < 0 ? undefined : values.readTimeout || DEFAULT_READ_MS,
    readRetries: Math.max(0, values.redisMaxRetries),
    reconnectMs: { min: minMs, max: Math.max(minMs, values.redisMaxRetryInterval ?? DEFAULT_MAX_RECONNECT_MS) },
  };
}

/** `host:port`, as messages name a server. */
export function addressText({ host, port }: RedisAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address. */
function parseAddress(address: string, separatePort: number): RedisAddress {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(address) ?? [];
  const host = bracketed ?? plain ?? (isIPv6(address) ? address : undefined);
  const port = digits === undefined ? separatePort || DEFAULT_PORT : Number(digits);
  if (host === undefined || port < 1 || port > 65_535) throw new InvalidMetadata(`metadata field "redisHost" has an invalid address ${JSON.stringify(address)}: it must be host:port`);
  if (digits !== undefined && separatePort !== 0 && separatePort !== port) {
    throw new InvalidMetadata(`metadata field "redisHost" says port ${port} and "redisPort" says ${separatePort}: remove one of them`);
  }
  return { host, port };
}

function tlsOptions(values: Values<typeof REDIS_FIELDS>): ConnectionOptions | undefined {
  const { clientCert, clientKey } = values;
  if ((clientCert === undefined) !== (clientKey === undefined)) throw new InvalidMetadata('metadata fields "clientCert" and "clientKey" must be given together');
  if (!values.enableTLS) {
    if (clientCert !== undefined) throw new InvalidMetadata('metadata field "clientCert" needs enableTLS "true"');
    return undefined;
  }
  try {
    return {
      // Made once: reading the authorities costs milliseconds, and every reconnect would. Go trusts the system's
      // authorities, Node its own list: trust both, so that what works with daprd works here.
      secureContext: createSecureContext({
        ca: [...getCACertificates('default'), ...getCACertificates('system')],
        ...(clientCert === undefined ? {} : { cert: clientCert, key: clientKey }),
      }),
      rejectUnauthorized: !values.insecureSkipTLSVerify,
    };
  } catch (cause) {
    if (clientCert === undefined) throw cause;
    // OpenSSL's reason names its own source lines, and no message may quote a key
    throw new InvalidMetadata('metadata fields "clientCert" and "clientKey" must be the PEM text (not a path) of a certificate and its key');
  }
}
