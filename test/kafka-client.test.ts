// What the Kafka client decides beside the library: who reads which partition, what is logged, tokens, and settings.
import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { assign, type GroupMember } from '../blocks/clients/kafka/assignors.ts';
import { KafkaLog } from '../blocks/clients/kafka/log.ts';
import { kafkaTokens } from '../blocks/clients/kafka/oidc.ts';
import { KAFKA_FIELDS, kafkaSettings } from '../blocks/clients/kafka/settings.ts';
import { readMetadata } from '../blocks/metadata.ts';
import { componentSpec, memoryLog } from './support.ts';

const STRATEGIES = ['range', 'roundrobin', 'sticky'] as const;

describe('partitions are dealt out', () => {
  const member = (id: string, topics: readonly string[], owned: Record<string, readonly number[]> = {}): GroupMember => ({ id, topics, owned: new Map(Object.entries(owned)) });
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
  const dealt = (strategy: (typeof STRATEGIES)[number], members: readonly GroupMember[], partitions: Record<string, number>) =>
    Object.fromEntries([...assign(strategy, members, new Map(Object.entries(partitions).map(([topic, count]) => [topic, numbers(count)])))].map(([id, topics]) => [id, Object.fromEntries(topics)]));

  it('in neighbours by range, in turn by roundrobin', () => {
    const members = [member('b', ['t']), member('a', ['t'])];
    expect(dealt('range', members, { t: 5 })).toEqual({ a: { t: [0, 1, 2] }, b: { t: [3, 4] } });
    expect(dealt('roundrobin', members, { t: 5 })).toEqual({ a: { t: [0, 2, 4] }, b: { t: [1, 3] } });
  });

  it('by sticky as they were, with as few moves as make it even', () => {
    const before = { t: [0, 1, 2, 3] };
    const after = dealt('sticky', [member('old', ['t'], before), member('new', ['t'])], { t: 4 });
    expect(after['old']?.['t']).toHaveLength(2);
    expect(before.t).toEqual(expect.arrayContaining(after['old']?.['t'] ?? []));
    expect(after['new']?.['t']).toHaveLength(2);
  });

  it.each(STRATEGIES)('by %s each to one member that subscribes to its topic, evenly, whoever the members are', (strategy) => {
    const topics = ['t', 'u', 'v'] as const;
    fc.assert(fc.property(
      fc.array(fc.record({ topics: fc.subarray([...topics]), owned: fc.dictionary(fc.constantFrom(...topics, 'gone'), fc.array(fc.nat(9))) }), { minLength: 1, maxLength: 6 }),
      fc.record({ t: fc.nat(8), u: fc.nat(8), v: fc.nat(8) }),
      (drawn, counts) => {
        const members = drawn.map(({ topics: wanted, owned }, index) => member(`m${index}`, wanted, owned));
        const given = dealt(strategy, members, counts);
        expect(Object.keys(given).sort()).toEqual(members.map(({ id }) => id).sort());
        for (const topic of topics) {
          const takers = members.filter((one) => one.topics.includes(topic)).map(({ id }) => id);
          const all = Object.entries(given).flatMap(([id, byTopic]) => (byTopic[topic] ?? []).map((partition) => [id, partition] as const));
          expect(all.map(([, partition]) => partition).sort((a, b) => a - b)).toEqual(takers.length === 0 ? [] : numbers(counts[topic]));
          for (const [id] of all) expect(takers).toContain(id);
          if (strategy !== 'range') continue;
          const loads = takers.map((id) => given[id]?.[topic]?.length ?? 0);
          if (loads.length > 0) expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
        }
      },
    ));
  });
});

describe('the log of the Kafka client', () => {
  it('says each thing once a minute, counts the rest, and keeps everyday life to itself', () => {
    const log = memoryLog();
    let now = 0;
    const kafka = new KafkaLog(log, ['a:1'], () => now);
    for (let attempt = 0; attempt < 1_000; attempt++) kafka.warn(`connection ${attempt} refused`);
    kafka.warn('The group is rebalancing, so a rejoin is needed');
    for (let kind = 0; kind < 100; kind++) kafka.warn(`trouble of kind ${String.fromCodePoint(0x4e00 + kind)}`);
    expect(log.texts('warn').length).toBeLessThanOrEqual(8);
    expect(log.texts('warn')[0]).toBe('connection 0 refused');
    now = 60_000;
    kafka.warn('connection 1001 refused');
    expect(log.texts('warn').slice(-2)).toEqual([expect.stringMatching(/^10\d\d more lines of the Kafka client were left out$/), 'connection 1001 refused']);
  });

  it('is quiet while somebody else says it', () => {
    const log = memoryLog();
    const kafka = new KafkaLog(log, ['a:1']);
    kafka.quiet = true;
    kafka.warn('refused');
    expect(log.texts('warn')).toEqual([]);
    expect(log.texts('debug')).toEqual(['refused']);
  });
});

describe('access tokens', () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });
  async function endpoint(answer: (request: IncomingMessage, body: string) => { readonly status: number; readonly body: string }) {
    const asked: { readonly authorization: string | undefined; readonly body: string }[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
        const body = Buffer.concat(chunks).toString();
        asked.push({ authorization: request.headers.authorization, body });
        const said = answer(request, body);
        response.writeHead(said.status, { location: '/elsewhere' }).end(said.body);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close().closeAllConnections());
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/token`);
    return { asked, tokens: kafkaTokens({ endpoint: url, clientId: 'me', clientSecret: 'hush hush', scopes: ['openid', 'kafka'], extensions: { cluster: 'c' } }) };
  }

  it('are fetched once for all who ask, and kept as long as they live', async () => {
    const { asked, tokens } = await endpoint(() => ({ status: 200, body: '{"access_token":"abc","expires_in":3600}' }));
    expect(await Promise.all([tokens(), tokens()])).toEqual(Array.from({ length: 2 }, () => ({ value: 'abc', extensions: { cluster: 'c' } })));
    expect(await tokens()).toMatchObject({ value: 'abc' });
    expect(asked).toEqual([{ authorization: `Basic ${Buffer.from('me:hush%20hush').toString('base64')}`, body: 'grant_type=client_credentials&scope=openid+kafka' }]);
  });

  it.each<[string, number, string, RegExp]>([
    ['a refusal', 401, '{"error":"invalid_client"}', /no access token from http:\/\/127\.0\.0\.1:\d+\/token: it answered 401 \(invalid_client\)/],
    ['no JSON', 200, '<html>', /no access token from/],
    ['no token', 200, '{}', /its answer has no access_token/],
    ['a token that no header carries', 200, '{"access_token":"a b"}', /its answer has no access_token/],
    ['a redirect', 302, '', /no access token from/],
    ['far too much', 200, `{"access_token":"${'a'.repeat(2 ** 21)}"}`, /no access token from/],
  ])('that don\'t come because of %s are an error without a secret, and asked for again', async (_, status, body, text) => {
    const { asked, tokens } = await endpoint(() => ({ status, body }));
    const failure = await tokens().catch((cause: unknown) => cause as Error);
    expect((failure as Error).message).toMatch(text);
    expect((failure as Error).message).not.toContain('hush');
    await tokens().catch(() => undefined);
    expect(asked).toHaveLength(2);
  });
});

describe('settings', () => {
  const settings = (metadata: Readonly<Record<string, string>>) => kafkaSettings(readMetadata(componentSpec('pubsub.kafka', { brokers: 'a:1', authType: 'none', ...metadata }), KAFKA_FIELDS, memoryLog()));

  it('have Dapr\'s defaults', () => {
    expect(settings({})).toMatchObject({
      brokers: ['a:1'], login: undefined, tls: undefined, fromBeginning: false, maxRecordBytes: undefined, fetchMinBytes: 1, fetchBytes: 1 << 20, heartbeatMs: 3_000, sessionTimeoutMs: 10_000,
      compression: 'none', strategy: 'range', acks: -1, retries: 5,
    });
  });

  it.each<[Record<string, string>, object]>([
    [{ brokers: 'a, b:2 ,c' }, { brokers: ['a:9092', 'b:2', 'c:9092'] }],
    [{ authType: 'password', saslUsername: 'u', saslPassword: 'p', saslMechanism: 'SHA-512', disableTls: 'true' }, { login: { kind: 'password', mechanism: 'scram-sha-512', username: 'u', password: 'p' }, tls: undefined }],
    [{ heartbeatInterval: '1', sessionTimeout: '2500ms' }, { heartbeatMs: 1_000, sessionTimeoutMs: 2_500 }],
    [{ producerRequiredAcks: 'local', compression: 'zstd', initialOffset: 'oldest', maxMessageBytes: '5' }, { acks: 1, compression: 'zstd', fromBeginning: true, maxRecordBytes: 5 }],
  ])('%j', (metadata, expected) => {
    expect(settings(metadata)).toMatchObject(expected);
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ brokers: '[::1]:9092' }, /"brokers" has an invalid address/],
    [{ brokers: 'a:0' }, /"brokers" has an invalid address "a:0"/],
    [{ authType: '' }, /authType/],
    [{ compression: 'snappy' }, /"compression" has the value "snappy"/],
    [{ version: 'new' }, /"version" has an invalid value/],
    [{ authType: 'oidc', disableTls: 'true' }, /missing OIDC Token Endpoint/],
    [{ authType: 'oidc', disableTls: 'true', oidcTokenEndpoint: 'file:///x', oidcClientID: 'i', oidcClientSecret: 's' }, /"oidcTokenEndpoint" has an invalid value/],
    [{ authType: 'mtls' }, /"clientCert" and "clientKey" are required/],
    [{ authType: 'certificate' }, /missing CA certificate/],
    [{ authType: 'password', saslUsername: 'u', saslPassword: 'p', caCert: 'no PEM' }, /must be the PEM text/],
  ])('%j are refused', (metadata, text) => {
    expect(() => settings(metadata)).toThrow(text);
  });
});
