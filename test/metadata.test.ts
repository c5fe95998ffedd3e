// Typed reading of component metadata: every field type, its refusals, and what is logged.
import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { InvalidMetadata } from '../blocks/driver.ts';
import { duration, elsewhere, flag, integer, list, noEffect, oneOf, readMetadata, text, unsupported, type Fields, type Values } from '../blocks/metadata.ts';
import { REDIS_FIELDS, redisSettings } from '../blocks/clients/redis-settings.ts';
import { STATE_FIELDS } from '../blocks/state/fields.ts';
import { componentSpec, memoryLog } from './support.ts';

function read<F extends Fields>(fields: F, metadata: Readonly<Record<string, string>>, log = memoryLog()): Values<F> {
  return readMetadata(componentSpec('state.test', metadata), fields, log);
}

describe('readMetadata', () => {
  const fields = {
    host: text({ required: true }),
    note: text(),
    size: integer({ min: 1, max: 100, default: 10 }),
    limit: integer(),
    on: flag(),
    wait: duration({ unit: 'ms', default: 3000, minMs: 0 }),
    every: duration({ unit: 's' }),
    mode: oneOf(['node', 'Cluster'], { default: 'node' }),
    hosts: list(),
  } as const;

  it('gives each field its type', () => {
    const values = read(fields, { host: 'h' });
    expectTypeOf(values.host).toEqualTypeOf<string>();
    expectTypeOf(values.note).toEqualTypeOf<string | undefined>();
    expectTypeOf(values.size).toEqualTypeOf<number>();
    expectTypeOf(values.limit).toEqualTypeOf<number | undefined>();
    expectTypeOf(values.on).toEqualTypeOf<boolean>();
    expectTypeOf(values.wait).toEqualTypeOf<number>();
    expectTypeOf(values.every).toEqualTypeOf<number | undefined>();
    expectTypeOf(values.mode).toEqualTypeOf<'node' | 'Cluster'>();
    expectTypeOf(values.hosts).toEqualTypeOf<readonly string[]>();
  });

  it('fills in defaults', () => {
    expect(read(fields, { host: 'h' })).toEqual({ host: 'h', note: undefined, size: 10, limit: undefined, on: false, wait: 3000, every: undefined, mode: 'node', hosts: [] });
  });

  it('reads every type, whatever the case of the names', () => {
    const log = memoryLog();
    expect(read(fields, { HOST: 'h', Note: ' as it stands ', siZe: '7', limit: '-3', ON: 'Yes', wait: '1m30s', every: '20', mode: 'cluster', hosts: ' a, b ,,c' }, log))
      .toEqual({ host: 'h', note: ' as it stands ', size: 7, limit: -3, on: true, wait: 90_000, every: 20_000, mode: 'Cluster', hosts: ['a', 'b', 'c'] });
    expect(log.records).toEqual([]);
  });

  it('treats an empty value as absent', () => {
    expect(read(fields, { host: 'h', size: '', wait: '', mode: '', on: '' })).toMatchObject({ size: 10, wait: 3000, mode: 'node', on: false });
  });

  it.each(['y', 'yes', 'true', 't', 'on', '1', 'Y', 'TRUE', 'On'])('takes %s for yes', (value) => expect(read({ on: flag() }, { on: value }).on).toBe(true));
  it.each(['n', 'no', 'false', 'f', 'off', '0', '', 'False'])('takes %j for no', (value) => expect(read({ on: flag({ default: false }) }, { on: value }).on).toBe(false));

  it.each<[Readonly<Record<string, string>>, string]>([
    [{ note: 'x' }, 'metadata field "host" is required'],
    [{ host: '' }, 'metadata field "host" is required'],
    [{ host: 'h', size: '0' }, 'metadata field "size" has an invalid value "0": it must be a whole number from 1 to 100'],
    [{ host: 'h', Size: '1.5' }, 'metadata field "Size" has an invalid value "1.5": it must be a whole number from 1 to 100'],
    [{ host: 'h', size: '0x10' }, 'metadata field "size" has an invalid value "0x10": it must be a whole number from 1 to 100'],
    [{ host: 'h', limit: '99999999999999999999' }, 'metadata field "limit" has an invalid value "99999999999999999999": it must be a whole number'],
    [{ host: 'h', on: 'maybe' }, 'metadata field "on" has an invalid value "maybe": it must be one of y, yes, true, t, on, 1 or n, no, false, f, off, 0'],
    [{ host: 'h', wait: 'soon' }, 'metadata field "wait" has an invalid value "soon": it must be a duration such as 500ms or 1m30s, or a whole number of milliseconds of at least 0s'],
    [{ host: 'h', wait: '-1' }, 'metadata field "wait" has an invalid value "-1": it must be a duration such as 500ms or 1m30s, or a whole number of milliseconds of at least 0s'],
    [{ host: 'h', every: '1d' }, 'metadata field "every" has an invalid value "1d": it must be a duration such as 500ms or 1m30s, or a whole number of seconds'],
    [{ host: 'h', mode: 'ring' }, 'metadata field "mode" has an invalid value "ring": it must be one of node, Cluster'],
    [{ host: 'h', HOST: 'i' }, 'metadata field "HOST" is given twice'],
  ])('refuses %j', (metadata, message) => {
    expect(() => read(fields, metadata)).toThrow(new InvalidMetadata(message));
  });

  it('lets a driver word the message for a missing field', () => {
    expect(() => read({ url: text({ required: 'missing connection string' }) }, {})).toThrow(new InvalidMetadata('missing connection string'));
  });

  it('never prints a secret: neither of a secret field nor a value that came from a secret store', () => {
    const secret = /^metadata field "(?:pin|size)" has an invalid value: it must be a whole number$/;
    expect(() => read({ pin: integer({ secret: true }) }, { pin: 's3cret' })).toThrow(secret);
    const spec = { ...componentSpec('state.test'), metadata: [{ name: 'size', value: 's3cret', secretName: 'vault' }] };
    expect(() => readMetadata(spec, { size: integer() }, memoryLog())).toThrow(secret);
  });

  it('reads an alias, and prefers the name itself', () => {
    const aliased = { connectionString: text({ aliases: ['url', 'dsn'] }) };
    expect(read(aliased, { URL: 'a' }).connectionString).toBe('a');
    for (const metadata of [{ url: 'a', connectionString: 'b' }, { connectionString: 'b', url: 'a' }]) {
      const log = memoryLog();
      expect(read(aliased, metadata, log).connectionString).toBe('b');
      expect(log.texts('warn')).toEqual(['metadata field "url" is ignored: "connectionString" is set too and means the same']);
    }
  });

  it('warns of unknown fields and names the nearest known one', () => {
    const log = memoryLog();
    read({ redisHost: text(), redisDB: integer({ aliases: ['database'] }) }, { redisHots: 'x', databse: '1', colour: 'blue' }, log);
    expect(log.texts('warn')).toEqual([
      'metadata field "redisHots" is not known to state.test and has no effect; did you mean "redisHost"?',
      'metadata field "databse" is not known to state.test and has no effect; did you mean "database"?',
      'metadata field "colour" is not known to state.test and has no effect',
    ]);
  });

  it('rejects what Dapr knows and bulkhead can not honour, unless it is switched off', () => {
    const known = { useEntraID: unsupported('no such login here', { aliases: ['useAzureAD'], switch: true }), oidcKid: unsupported('no such login here') };
    expect(() => read(known, { useAzureAD: 'true' })).toThrow(new InvalidMetadata('metadata field "useAzureAD" is not supported: no such login here'));
    expect(() => read(known, { oidcKid: 'x' })).toThrow(InvalidMetadata);
    expect(read(known, { useEntraID: 'false', oidcKid: '' })).toEqual({ useEntraID: undefined, oidcKid: undefined });
  });

  it('says in the log when a field is accepted without effect, and nothing of fields that others read', () => {
    const log = memoryLog();
    read({ poolSize: noEffect('there is no pool'), keyPrefix: elsewhere() }, { poolSize: '20', keyPrefix: 'name' }, log);
    expect(log.records.map(({ level, text: said }) => [level, said])).toEqual([['debug', 'metadata field "poolSize" has no effect: there is no pool']]);
  });

  it('survives any metadata: a value or InvalidMetadata, nothing else', () => {
    fc.assert(fc.property(fc.dictionary(fc.oneof(fc.constantFrom(...Object.keys(fields), 'toString', '__proto__'), fc.string()), fc.string()), (metadata) => {
      try {
        read(fields, metadata);
      } catch (cause) {
        expect(cause).toBeInstanceOf(InvalidMetadata);
      }
    }));
  });
});

describe('STATE_FIELDS', () => {
  it('leaves the block its own fields, and refuses the outbox', () => {
    const log = memoryLog();
    read(STATE_FIELDS, { keyPrefix: 'none', actorStateStore: 'true', primaryEncryptionKey: 'k', secondaryEncryptionKey: 'k', outboxDiscardWhenMissingState: 'false' }, log);
    expect(log.records).toEqual([]);
    expect(() => read(STATE_FIELDS, { outboxPublishPubsub: 'p' })).toThrow(/"outboxPublishPubsub" is not supported: the transactional outbox is not implemented/);
  });
});

describe('redisSettings', () => {
  const settings = (metadata: Readonly<Record<string, string>>) => redisSettings(read(REDIS_FIELDS, metadata), { minRetryMs: 2000 });

  it('has the defaults of Dapr', () => {
    expect(settings({ redisHost: 'redis' })).toEqual({
      topology: 'node', addresses: [{ host: 'redis', port: 6379 }], username: undefined, password: undefined, database: 0, sentinel: undefined, tls: undefined,
      dialTimeoutMs: 5000, readTimeoutMs: 3000, readRetries: 3, reconnectMs: { min: 2000, max: 2000 },
    });
  });

  it.each([
    ['h:1', { host: 'h', port: 1 }], ['10.0.0.1', { host: '10.0.0.1', port: 6379 }], ['[::1]:7', { host: '::1', port: 7 }], ['[::1]', { host: '::1', port: 6379 }], ['fe80::1', { host: 'fe80::1', port: 6379 }],
  ])('reads the address %s', (redisHost, address) => expect(settings({ redisHost }).addresses).toEqual([address]));

  it('completes hosts by redisPort and takes several for a cluster', () => {
    expect(settings({ redisHost: 'a, b:7000', redisPort: '7000', redisType: 'cluster' })).toMatchObject({ topology: 'cluster', addresses: [{ host: 'a', port: 7000 }, { host: 'b', port: 7000 }] });
  });

  it('reads timeouts as milliseconds or durations, 0 as the default and less as none', () => {
    expect(settings({ redisHost: 'h', dialTimeout: '1s', readTimeout: '250' })).toMatchObject({ dialTimeoutMs: 1000, readTimeoutMs: 250 });
    expect(settings({ redisHost: 'h', dialTimeout: '0', readTimeout: '0' })).toMatchObject({ dialTimeoutMs: 5000, readTimeoutMs: 3000 });
    expect(settings({ redisHost: 'h', readTimeout: '-1' }).readTimeoutMs).toBeUndefined();
    expect(settings({ redisHost: 'h', redisMinRetryInterval: '8ms', maxRetryBackoff: '5s', maxRetries: '-1' })).toMatchObject({ reconnectMs: { min: 8, max: 5000 }, readRetries: 0 });
  });

  it('accepts what tunes a pool', () => {
    settings({ redisHost: 'h', poolSize: '20', minIdleConns: '2', poolTimeout: '5s', idleTimeout: '5m', idleCheckFrequency: '-1', maxConnAge: '30m', writeTimeout: '3s' });
  });

  it.each<[Readonly<Record<string, string>>, RegExp]>([
    [{}, /"redisHost" is required/],
    [{ redisHost: 'a:b:c' }, /"redisHost" has an invalid address "a:b:c"/],
    [{ redisHost: 'h:70000' }, /invalid address/],
    [{ redisHost: 'h:1', redisPort: '2' }, /"redisHost" says port 1 and "redisPort" says 2/],
    [{ redisHost: 'a,b' }, /lists several hosts/],
    [{ redisHost: 'h', redisType: 'cluster', redisDB: '1' }, /"redisDB" must be 0/],
    [{ redisHost: 'h', failover: 'true' }, /"sentinelMasterName" is required/],
    [{ redisHost: 'h', useEntraID: 'true' }, /"useEntraID" is not supported/],
    [{ redisHost: 'h', useOIDC: 'true' }, /"useOIDC" is not supported/],
    [{ redisHost: 'h', enableTLS: 'true', clientCert: 'PEM' }, /must be given together/],
    [{ redisHost: 'h', clientCert: 'PEM', clientKey: 'PEM' }, /needs enableTLS/],
    [{ redisHost: 'h', enableTLS: 'true', clientCert: '/path/cert', clientKey: '/path/key' }, /must be the PEM text \(not a path\)/],
  ])('refuses %j', (metadata, message) => {
    expect(() => settings(metadata)).toThrow(InvalidMetadata);
    expect(() => settings(metadata)).toThrow(message);
  });
});
