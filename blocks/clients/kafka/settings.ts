// The settings of a connection to Kafka, as Dapr's Kafka components spell them, and what they mean to the client (contract:
// messaging §11.8).
import { X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates, type ConnectionOptions } from 'node:tls';
import { InvalidMetadata } from '../../driver.ts';
import { duration, flag, integer, list, noEffect, oneOf, text, unsupported, type Values } from '../../metadata.ts';

const MI = 1 << 20;
const MAX_MS = 2_147_483_647;
const AWS = 'bulkhead can\'t log in to Kafka with AWS IAM, and no other authType uses this';
const ASSERTION = 'bulkhead can\'t log in to Kafka with authType "oidc_private_key_jwt", and no other one uses this';
const REGISTRY = 'bulkhead has no schema registry client; messages travel as they are';
const AUTH_TYPES = ['none', 'password', 'mtls', 'oidc', 'certificate', 'awsiam', 'oidc_private_key_jwt'] as const;

export const KAFKA_FIELDS = {
  brokers: list({ required: 'kafka error: missing \'brokers\' attribute' }),
  authType: oneOf(AUTH_TYPES),
  /** The former way to say authType. */
  authRequired: oneOf(['true', 'false', 't', 'f', '1', '0']),
  saslUsername: text(),
  saslPassword: text({ secret: true }),
  saslMechanism: oneOf(['PLAINTEXT', 'PLAIN', 'SHA-256', 'SHA-512'], { default: 'PLAINTEXT' }),
  oidcTokenEndpoint: text(),
  oidcClientID: text(),
  oidcClientSecret: text({ secret: true }),
  oidcScopes: list(),
  /** A JSON object of texts. */
  oidcExtensions: text({ secret: true }),
  disableTls: flag(),
  skipVerify: flag(),
  caCert: text({ secret: true }),
  clientCert: text({ secret: true }),
  clientKey: text({ secret: true }),
  clientID: text(),
  version: text(),
  initialOffset: oneOf(['newest', 'oldest'], { default: 'newest' }),
  maxMessageBytes: integer({ min: 0, max: 1 << 30, default: 0 }),
  consumerFetchMin: integer({ min: 1, max: 100 * MI, default: 1 }),
  consumerFetchDefault: integer({ min: 1, max: 100 * MI, default: MI }),
  heartbeatInterval: duration({ unit: 's', minMs: 1, maxMs: MAX_MS, default: 3000 }),
  sessionTimeout: duration({ unit: 's', minMs: 1, maxMs: MAX_MS, default: 10_000 }),
  compression: oneOf(['none', 'gzip', 'snappy', 'lz4', 'zstd'], { default: 'none' }),
  consumerGroupRebalanceStrategy: oneOf(['range', 'sticky', 'roundrobin'], { default: 'range' }),
  producerRequiredAcks: oneOf(['all', 'local', 'none', '-1', '1', '0'], { default: 'all' }),
  producerRetryMax: integer({ min: 0, max: 1000, default: 5 }),
  clientConnectionTopicMetadataRefreshInterval: duration({ unit: 's', maxMs: MAX_MS, default: 480_000 }),
  clientConnectionKeepAliveInterval: duration({ unit: 's', maxMs: MAX_MS, default: 0 }),
  awsRegion: noEffect(AWS, { aliases: ['region'], level: 'warn' }),
  awsAccessKey: noEffect(AWS, { aliases: ['accessKey'], level: 'warn' }),
  awsSecretKey: noEffect(AWS, { aliases: ['secretKey'], level: 'warn' }),
  awsSessionToken: noEffect(AWS, { aliases: ['sessionToken'], level: 'warn' }),
  awsIamRoleArn: noEffect(AWS, { aliases: ['assumeRoleArn'], level: 'warn' }),
  awsStsSessionName: noEffect(AWS, { aliases: ['sessionName'], level: 'warn' }),
  oidcClientAssertionCert: noEffect(ASSERTION, { level: 'warn' }),
  oidcClientAssertionKey: noEffect(ASSERTION, { level: 'warn' }),
  oidcResource: noEffect(ASSERTION, { level: 'warn' }),
  oidcAudience: noEffect(ASSERTION, { level: 'warn' }),
  oidcKid: noEffect(ASSERTION, { level: 'warn' }),
  schemaRegistryURL: unsupported(REGISTRY),
  schemaRegistryAPIKey: noEffect(REGISTRY),
  schemaRegistryAPISecret: noEffect(REGISTRY),
  schemaCachingEnabled: noEffect(REGISTRY),
  schemaLatestVersionCacheTTL: noEffect(REGISTRY),
  useAvroJSON: noEffect(REGISTRY),
} as const;

/** How a client gets its access tokens. */
export interface KafkaTokens {
  readonly endpoint: URL;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
  readonly extensions: Readonly<Record<string, string>>;
}

export type KafkaLogin =
  | { readonly kind: 'password'; readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string }
  | { readonly kind: 'token'; readonly tokens: KafkaTokens };

export type KafkaStrategy = 'range' | 'sticky' | 'roundrobin';

/** Checked, complete, and free of metadata's spellings. Times in milliseconds. */
export interface KafkaSettings {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[];
  readonly clientId: string | undefined;
  readonly login: KafkaLogin | undefined;
  readonly tls: ConnectionOptions | undefined;
  /** Where a group begins that has committed nothing. */
  readonly fromBeginning: boolean;
  /** The largest record that is sent; undefined: the broker says. */
  readonly maxRecordBytes: number | undefined;
  readonly fetchMinBytes: number;
  /** Of one partition, in one answer. */
  readonly fetchBytes: number;
  readonly heartbeatMs: number;
  readonly sessionTimeoutMs: number;
  readonly compression: 'none' | 'gzip' | 'zstd';
  readonly strategy: KafkaStrategy;
  readonly acks: -1 | 0 | 1;
  /** Times that records are sent again. */
  readonly retries: number;
  readonly metadataAgeMs: number;
  readonly keepAliveMs: number;
}

const DEFAULT_PORT = 9092;
const DEFAULT_KEEP_ALIVE_MS = 60_000;
const DEFAULT_METADATA_AGE_MS = 480_000;
const ACKS = { all: -1, local: 1, none: 0, '-1': -1, 1: 1, 0: 0 } as const;
const MECHANISMS = { PLAINTEXT: 'plain', PLAIN: 'plain', 'SHA-256': 'scram-sha-256', 'SHA-512': 'scram-sha-512' } as const;

/** @throws InvalidMetadata when fields contradict each other, or need what bulkhead can't do */
export function kafkaSettings(values: Values<typeof KAFKA_FIELDS>): KafkaSettings {
  const authType = values.authType ?? formerAuthType(values);
  if (authType === 'awsiam' || authType === 'oidc_private_key_jwt') throw new InvalidMetadata(`metadata field "authType" has the value "${authType}", which bulkhead does not support: it must be one of none, password, mtls, oidc, certificate`);
  const { compression, version, heartbeatInterval, sessionTimeout } = values;
  if (compression === 'snappy' || compression === 'lz4') throw new InvalidMetadata(`metadata field "compression" has the value "${compression}", which bulkhead does not support: it must be one of none, gzip, zstd`);
  if (version !== undefined && !/^\d+(\.\d+){2,3}$/.test(version)) throw new InvalidMetadata(`metadata field "version" has an invalid value ${JSON.stringify(version)}: it must be a version such as 2.0.0`);
  if (heartbeatInterval >= sessionTimeout) throw new InvalidMetadata(`metadata field "heartbeatInterval" (${heartbeatInterval} ms) must be less than "sessionTimeout" (${sessionTimeout} ms)`);
  if (values.brokers.length === 0) throw new InvalidMetadata('kafka error: missing \'brokers\' attribute');
  return {
    brokers: values.brokers.map(parseBroker),
    clientId: values.clientID,
    login: login(values, authType),
    tls: tlsOptions(values, authType),
    fromBeginning: values.initialOffset === 'oldest',
    maxRecordBytes: values.maxMessageBytes > 0 ? values.maxMessageBytes : undefined,
    fetchMinBytes: values.consumerFetchMin,
    fetchBytes: values.consumerFetchDefault,
    heartbeatMs: heartbeatInterval,
    sessionTimeoutMs: sessionTimeout,
    compression,
    strategy: values.consumerGroupRebalanceStrategy,
    acks: ACKS[values.producerRequiredAcks],
    retries: values.producerRetryMax,
    metadataAgeMs: values.clientConnectionTopicMetadataRefreshInterval > 0 ? values.clientConnectionTopicMetadataRefreshInterval : DEFAULT_METADATA_AGE_MS,
    keepAliveMs: values.clientConnectionKeepAliveInterval > 0 ? values.clientConnectionKeepAliveInterval : DEFAULT_KEEP_ALIVE_MS,
  };
}

/** As the deprecated field says it: a password if there is one, else a certificate. */
function formerAuthType({ authRequired, saslPassword }: Values<typeof KAFKA_FIELDS>): (typeof AUTH_TYPES)[number] | undefined {
  if (authRequired === undefined) return undefined;
  if (!/^(true|t|1)$/.test(authRequired)) return 'none';
  return saslPassword === undefined ? 'mtls' : 'password';
}

/** The client splits addresses at the first colon, so an IPv6 address needs a name. */
function parseBroker(address: string): string {
  const [, host, digits] = /^([^:[\]]+)(?::(\d+))?$/.exec(address) ?? [];
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  if (host === undefined || port < 1 || port > 65_535) throw new InvalidMetadata(`metadata field "brokers" has an invalid address ${JSON.stringify(address)}: it must be host:port, with a name or an IPv4 address`);
  return `${host}:${port}`;
}

function login(values: Values<typeof KAFKA_FIELDS>, authType: typeof values.authType): KafkaLogin | undefined {
  switch (authType) {
    case undefined:
      throw new InvalidMetadata('kafka error: \'authType\' attribute was missing or empty');
    case 'password': {
      const { saslUsername: username, saslPassword: password } = values;
      if (username === undefined) throw new InvalidMetadata('kafka error: missing SASL Username for authType \'password\'');
      if (password === undefined) throw new InvalidMetadata('kafka error: missing SASL Password for authType \'password\'');
      return { kind: 'password', mechanism: MECHANISMS[values.saslMechanism], username, password };
    }
    case 'oidc': {
      const { oidcTokenEndpoint, oidcClientID: clientId, oidcClientSecret: clientSecret } = values;
      if (oidcTokenEndpoint === undefined) throw new InvalidMetadata('kafka error: missing OIDC Token Endpoint for authType \'oidc\'');
      if (clientId === undefined) throw new InvalidMetadata('kafka error: missing OIDC Client ID for authType \'oidc\'');
      if (clientSecret === undefined) throw new InvalidMetadata('kafka error: missing OIDC Client Secret for authType \'oidc\'');
      const endpoint = URL.parse(oidcTokenEndpoint);
      if (endpoint === null || !/^https?:$/.test(endpoint.protocol)) throw new InvalidMetadata('metadata field "oidcTokenEndpoint" has an invalid value: it must be a URL that begins with https:// or http://');
      const scopes = values.oidcScopes.length > 0 ? values.oidcScopes : ['openid'];
      return { kind: 'token', tokens: { endpoint, clientId, clientSecret, scopes, extensions: extensions(values.oidcExtensions) } };
    }
    default:
      return undefined;
  }
}

function extensions(json: string | undefined): Readonly<Record<string, string>> {
  if (json === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = undefined; // the parser's message would quote the text, which may be secret
  }
  const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  if (entries.length === 0 || entries.some(([name, text]) => !/^[A-Za-z]+$/.test(name) || typeof text !== 'string' || text.includes('\u0001'))) {
    throw new InvalidMetadata('metadata field "oidcExtensions" has an invalid value: it must be a JSON object of texts whose names are letters only');
  }
  return value as Record<string, string>;
}

function tlsOptions(values: Values<typeof KAFKA_FIELDS>, authType: typeof values.authType): ConnectionOptions | undefined {
  const { caCert, clientCert, clientKey, disableTls, skipVerify } = values;
  if ((clientCert === undefined) !== (clientKey === undefined)) throw new InvalidMetadata('kafka error: clientKey or clientCert is missing');
  if (authType === 'mtls') {
    if (disableTls) throw new InvalidMetadata('kafka: cannot configure mTLS authentication when disableTls is \'true\'');
    if (clientCert === undefined) throw new InvalidMetadata('metadata fields "clientCert" and "clientKey" are required with authType "mtls"');
  }
  if (authType === 'certificate' && caCert === undefined) throw new InvalidMetadata('missing CA certificate property \'caCert\' for authType \'certificate\'');
  if (disableTls || authType === 'none') return undefined;
  try {
    if (caCert !== undefined) void new X509Certificate(caCert); // a context takes any text for an authority
    return {
      // Made once: reading the authorities costs milliseconds, and every reconnect would.
      secureContext: createSecureContext({
        ca: caCert === undefined ? [...getCACertificates('default'), ...getCACertificates('system')] : [caCert],
        ...(clientCert === undefined ? {} : { cert: clientCert, key: clientKey }),
      }),
      rejectUnauthorized: !skipVerify,
    };
  } catch (cause) {
    if (clientCert === undefined && caCert === undefined) throw cause;
    // OpenSSL's reason names its own source lines, and no message may quote a key
    throw new InvalidMetadata('metadata fields "caCert", "clientCert" and "clientKey" must be the PEM text (not a path) of certificates and a key');
  }
}
