// pubsub.kafka against the suite that defines a broker and against a real one: what lies in the topic, what is committed when,
// who may read after whom, and how it gets in.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Broker, BrokerSubscription, IncomingMessage } from '../blocks/pubsub/broker.ts';
import { openKafkaBroker } from '../blocks/pubsub/kafka/broker.ts';
import { acknowledging, brokerConformance, Inbox, outgoing } from './conformance/broker.ts';
import { eventually } from './harness/awaiting.ts';
import { startKafka, type KafkaServer } from './servers/kafka.ts';
import { makeCertificates } from './servers/redis.ts';
import { freePort } from './servers/process.ts';
import { describeWithKafka } from './servers/suites.ts';
import { componentSpec, driverContext, memoryLog, type MemoryLog } from './support.ts';

type Metadata = Readonly<Record<string, string>>;

describeWithKafka('pubsub.kafka', () => {
  let server: KafkaServer;
  beforeAll(async () => { server = await startKafka(); }, 90_000);
  afterAll(async () => { await server?.stop(); });

  const FAST: Metadata = { authType: 'none', initialOffset: 'oldest', sessionTimeout: '6s', heartbeatInterval: '100ms' };
  const open = (metadata: Metadata = {}, log: MemoryLog = memoryLog()): Promise<Broker> =>
    openKafkaBroker(componentSpec('pubsub.kafka', { brokers: server.brokers, ...FAST, ...metadata }), driverContext(log), AbortSignal.timeout(10_000)) as Promise<Broker>;
  const newTopic = async (partitions = 1): Promise<string> => {
    const topic = `topic-${randomUUID()}`;
    await server.createTopic(topic, partitions);
    return topic;
  };
  const subscribe = async (broker: Broker, topic: string, inbox: Inbox, minUnsettled = 1): Promise<BrokerSubscription> => broker.subscribe({ topic, metadata: {}, minUnsettled }, inbox);
  const numbers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, index) => String(from + index));
  /** What lies in a topic, read by the client library itself. */
  const read = async (topic: string, count: number) => {
    const consumer = server.raw.consumer({ groupId: randomUUID(), maxWaitTimeInMs: 100 });
    const found: { partition: number; key: string | undefined; value: string | undefined; headers: Record<string, string> }[] = [];
    try {
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        eachMessage: async ({ partition, message: { key, value, headers } }) => void found.push({
          partition, key: key?.toString(), value: value?.toString(), headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)])),
        }),
      });
      await eventually(`${count} records are in ${topic}`, () => found.length >= count);
      return found;
    } finally {
      await consumer.disconnect();
    }
  };

  brokerConformance('pubsub.kafka', async () => {
    const metadata = { consumerGroup: randomUUID() };
    const brokers = [await open(metadata)];
    return {
      broker: brokers[0] as Broker,
      another: async () => {
        const other = await open(metadata);
        brokers.push(other);
        return other;
      },
      topic: () => newTopic(),
      close: async () => void (await Promise.all(brokers.map((broker) => broker.close()))),
    };
  }, {
    inOrder: true, redelivers: true, persists: true, wildcards: false, bulkPublish: true, distributes: true, createsTopics: true, maxUnsettled: 1, maxPayloadBytes: 900_000,
    refusedEntry: (entryId) => ({ entryId, contentType: 'text/plain', data: Buffer.from('refused'), metadata: { partitionNumber: '7' } }),
  });

  describe('publishing', () => {
    it('writes key, partition and headers as they are asked for', async () => {
      const broker = await open({ excludeHeaderMetaRegex: '^secret' });
      const topic = await newTopic(3);
      await broker.publish(topic, outgoing('by key', { partitionKey: 'k', own: 'ключ', secretOne: 'x' }));
      await broker.publish(topic, outgoing('by the other name', { __key: 'k' }));
      await broker.publish(topic, outgoing('by number', { partitionNumber: '2' }));
      const found = await read(topic, 3);
      const one = (value: string) => found.find((record) => record.value === value);
      expect(one('by key')).toMatchObject({ key: 'k', headers: { partitionKey: 'k', own: 'ключ' } });
      expect(one('by key')?.headers).not.toHaveProperty('secretOne');
      expect(one('by the other name')?.partition).toBe(one('by key')?.partition);
      expect(one('by number')).toMatchObject({ partition: 2, key: undefined });
      await broker.close();
    });

    it('refuses a partition that is not there, beside others that are', async () => {
      const broker = await open();
      const topic = await newTopic(2);
      const [good, bad, none] = await Promise.allSettled([
        broker.publish(topic, outgoing('good')), broker.publish(topic, outgoing('bad', { partitionNumber: '9' })), broker.publish(topic, outgoing('none', { partitionNumber: 'x' })),
      ]);
      expect(good.status).toBe('fulfilled');
      expect(bad).toMatchObject({ reason: expect.objectContaining({ message: expect.stringContaining('partition number 9 is out of range') }) });
      expect(none).toMatchObject({ reason: expect.objectContaining({ message: 'partitionNumber has an invalid value "x": it must be the number of a partition' }) });
      await broker.close();
    });

    it('refuses what is too large, and stores its neighbours', async () => {
      const broker = await open({ maxMessageBytes: '1000' });
      const topic = await newTopic();
      const [small, large] = await Promise.allSettled([broker.publish(topic, outgoing('s')), broker.publish(topic, outgoing('l'.repeat(2_000)))]);
      expect([small.status, large]).toEqual(['fulfilled', expect.objectContaining({ reason: expect.objectContaining({ message: expect.stringMatching(/is larger than maxMessageBytes \(1000\)/) }) })]);
      await broker.close();
      const unbounded = await open();
      const results = await Promise.allSettled(['a', 'b'.repeat(2_000_000), 'c'].map((text) => unbounded.publish(topic, outgoing(text))));
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      await unbounded.close();
    });

    it('gives compressed records back', async () => {
      for (const compression of ['gzip', 'zstd']) {
        const broker = await open({ compression, consumerGroup: randomUUID() });
        const topic = await newTopic();
        const inbox = acknowledging();
        await subscribe(broker, topic, inbox);
        await broker.publish(topic, outgoing('x'.repeat(10_000)));
        expect((await inbox.first(1))[0]?.data).toHaveLength(10_000);
        await broker.close();
      }
    });
  });

  describe('reading', () => {
    it('adds where the record lay, and its key and headers', async () => {
      const broker = await open({ consumerGroup: randomUUID() });
      const topic = await newTopic();
      const inbox = acknowledging();
      await subscribe(broker, topic, inbox);
      const producer = server.raw.producer();
      await producer.connect();
      await producer.send({ topic, messages: [{ key: 'k', value: null, headers: { h: ['first', 'last'] }, timestamp: '1700000000000' }] });
      await producer.disconnect();
      const [message] = await inbox.first(1);
      expect(message).toMatchObject({ id: '0:0', topic, attempt: 0, metadata: { __key: 'k', __topic: topic, __partition: '0', __offset: '0', __timestamp: '1700000000000', h: 'last' } });
      expect(Buffer.from(message?.data ?? '').toString()).toBe('null');
      await broker.close();
    });

    it('escapes headers both ways where that is asked for', async () => {
      const broker = await open({ consumerGroup: randomUUID(), escapeHeaders: 'true' });
      const topic = await newTopic();
      const inbox = acknowledging();
      await subscribe(broker, topic, inbox);
      await broker.publish(topic, outgoing('m', { h: 'a b/ü%' }));
      expect((await inbox.first(1))[0]?.metadata['h']).toBe('a b/ü%');
      expect((await read(topic, 1))[0]?.headers['h']).toBe('a%20b%2F%C3%BC%25');
      await broker.close();
    });

    it('begins with what is published next, or with the oldest', async () => {
      const topic = await newTopic();
      const [newest, oldest] = [await open({ consumerGroup: randomUUID(), initialOffset: 'newest' }), await open({ consumerGroup: randomUUID() })];
      await newest.publish(topic, outgoing('before'));
      const [next, all] = [acknowledging(), acknowledging()];
      await Promise.all([subscribe(newest, topic, next), subscribe(oldest, topic, all)]);
      await newest.publish(topic, outgoing('after'));
      await all.first(2);
      expect((await next.first(1)).map(({ data }) => Buffer.from(data).toString())).toEqual(['after']);
      expect(all.texts()).toEqual(['before', 'after']);
      await Promise.all([newest.close(), oldest.close()]);
    });

    it('commits what is settled without a gap, and nothing else', async () => {
      const group = randomUUID();
      const topic = await newTopic();
      const broker = await open({ consumerGroup: group, deliveryOrder: 'none' });
      const inbox = new Inbox();
      await subscribe(broker, topic, inbox);
      for (const text of numbers(5)) await broker.publish(topic, outgoing(text));
      const messages = await inbox.first(5);
      for (const index of [0, 1, 3, 4]) (messages[index] as IncomingMessage).ack();
      await eventually('two are committed', async () => (await server.committed(group, topic)).get(0) === 2);
      await sleep(400); // two times the pause between commits
      expect((await server.committed(group, topic)).get(0)).toBe(2);
      (messages[2] as IncomingMessage).ack();
      await eventually('all are committed', async () => (await server.committed(group, topic)).get(0) === 5);
      await broker.close();
    });

    it('keeps the order of a partition over failures, also of those that came after', async () => {
      const broker = await open({ consumerGroup: randomUUID(), consumeRetryInterval: '50ms' });
      const topic = await newTopic();
      const done: string[] = [];
      const inbox = new Inbox((message) => {
        const text = Buffer.from(message.data).toString();
        if (message.attempt < Number(text) % 3) return message.retry();
        done.push(text);
        message.ack();
      });
      for (const text of numbers(12)) await broker.publish(topic, outgoing(text));
      await subscribe(broker, topic, inbox);
      await eventually('all are handled', () => done.length === 12);
      expect(done).toEqual(numbers(12));
      expect(inbox.messages.filter(({ attempt }) => attempt === 2)).toHaveLength(4);
      await broker.close();
    });

    it('keeps the order of each key alone, where that is asked for', async () => {
      const broker = await open({ consumerGroup: randomUUID(), deliveryOrder: 'key' });
      const topic = await newTopic();
      for (const [key, text] of [['a', 'a1'], ['a', 'a2'], ['b', 'b1'], [undefined, 'x'], ['b', 'b2']] as const) await broker.publish(topic, outgoing(text, key === undefined ? {} : { partitionKey: key }));
      const inbox = new Inbox();
      await subscribe(broker, topic, inbox);
      await inbox.first(3);
      expect(inbox.texts().sort()).toEqual(['a1', 'b1', 'x']);
      for (const message of inbox.messages.slice()) if (Buffer.from(message.data).toString() === 'b1') message.ack();
      await inbox.find('b2');
      expect(inbox.texts()).not.toContain('a2');
      await broker.close();
    });

    it('passes a failed message over only where retries are switched off', async () => {
      const log = memoryLog();
      const broker = await open({ consumerGroup: randomUUID(), consumeRetryEnabled: 'false' }, log);
      const topic = await newTopic();
      const inbox = new Inbox((message) => (message.id === '0:0' ? message.retry() : message.ack()));
      await subscribe(broker, topic, inbox);
      for (const text of numbers(2)) await broker.publish(topic, outgoing(text));
      await inbox.first(2);
      expect(inbox.messages.map(({ id, attempt }) => [id, attempt])).toEqual([['0:0', 0], ['0:1', 0]]);
      expect(log.texts('error').filter((text) => text.includes('message 0:0 failed and is passed over'))).toHaveLength(1);
      await broker.close();
    });

    it('is not thrown out of its group while a handler is slow, and hears nothing twice', async () => {
      const group = randomUUID();
      const broker = await open({ consumerGroup: group, sessionTimeout: '2s', heartbeatInterval: '300ms' });
      const topic = await newTopic();
      const inbox = new Inbox();
      await subscribe(broker, topic, inbox);
      await broker.publish(topic, outgoing('slow'));
      const [slow] = await inbox.first(1);
      await sleep(5_000); // more than two session timeouts
      expect(inbox.messages).toHaveLength(1);
      slow?.ack();
      await eventually('it is committed', async () => (await server.committed(group, topic)).get(0) === 1);
      await broker.publish(topic, outgoing('next'));
      await inbox.first(2);
      expect(inbox.texts()).toEqual(['slow', 'next']);
      await broker.close();
    });

    it('takes in no more than it may keep while nothing is settled, and all of it in the end', async () => {
      const broker = await open({ consumerGroup: randomUUID(), channelBufferSize: '50', deliveryOrder: 'none', consumerFetchDefault: '20000' });
      const topic = await newTopic();
      const count = 6_000;
      await Promise.all(numbers(count).map((text) => broker.publish(topic, outgoing(text))));
      const inbox = new Inbox();
      await subscribe(broker, topic, inbox);
      await inbox.first(50);
      await sleep(300);
      expect(inbox.messages).toHaveLength(50);
      inbox.handle = (message) => message.ack();
      for (const message of inbox.messages.slice(0, 50)) message.ack();
      await eventually('all have come', () => inbox.messages.length >= count, 20_000);
      expect(new Set(inbox.texts()).size).toBe(count);
      await broker.close();
    }, 30_000);
  });

  describe('a group of two', () => {
    it('loses nothing when one comes, and when one goes, and counts what came twice', async () => {
      const group = randomUUID();
      const topic = await newTopic(4);
      const [first, second] = [await open({ consumerGroup: group }), await open({ consumerGroup: group })];
      const seen = new Map<string, number>();
      const note = () => new Inbox((message) => {
        const text = Buffer.from(message.data).toString();
        seen.set(text, (seen.get(text) ?? 0) + 1);
        setTimeout(() => message.ack(), 2);
      });
      await subscribe(first, topic, note());
      let published = 0;
      const publish = async (count: number): Promise<void> => void (await Promise.all(numbers(count, published).map((text) => {
        published++;
        return first.publish(topic, outgoing(text, { partitionKey: text }));
      })));
      await publish(300);
      const other = await subscribe(second, topic, note());
      await publish(300);
      await eventually('most have come', () => seen.size >= 400, 20_000);
      await other.close();
      await publish(300);
      await eventually('all have come', () => seen.size === published, 30_000);
      const twice = [...seen.values()].filter((times) => times > 1).length;
      process.stdout.write(`  a rebalance each way among ${published} messages: none lost, ${twice} came more than once\n`);
      await Promise.all([first.close(), second.close()]);
    }, 60_000);
  });

  describe('a broker that is away', () => {
    it('at the start is an error within the time given, which names it', async () => {
      const port = await freePort();
      const began = performance.now();
      const log = memoryLog();
      await expect(open({ brokers: `127.0.0.1:${port}` }, log)).rejects.toThrow(/ECONNREFUSED|connect/i);
      expect([...log.texts('warn'), ...log.texts('error')], 'who tries again and again says it once').toEqual([]);
      expect(performance.now() - began).toBeLessThan(12_000);
    });

    it.each<[string, Metadata, RegExp]>([
      ['no brokers', { brokers: '' }, /missing 'brokers' attribute/],
      ['no login', { authType: 'password' }, /missing SASL Username/],
      ['an unknown authType', { authType: 'magic' }, /authType/],
      ['one that bulkhead lacks', { authType: 'awsiam' }, /awsiam.*not support/],
      ['a bad pattern', { excludeHeaderMetaRegex: '(' }, /excludeHeaderMetaRegex/],
      ['a bad order', { deliveryOrder: 'sometimes' }, /deliveryOrder/],
      ['a heartbeat longer than the session', { heartbeatInterval: '20s' }, /heartbeatInterval/],
    ])('is not even looked for with %s', async (_, metadata, text) => {
      await expect(open(metadata)).rejects.toThrow(text);
    });
  });
});

describeWithKafka('pubsub.kafka with passwords and TLS', () => {
  const certificates = makeCertificates();
  let server: KafkaServer;
  beforeAll(async () => {
    server = await startKafka({ sasl: { username: 'user', password: 'correct horse' }, ...(certificates === undefined ? {} : { tls: { ...certificates, clientCertificates: 'no' as const } }) });
  }, 90_000);
  afterAll(async () => {
    await server?.stop();
    certificates?.remove();
  });

  const login = (mechanism: string, password = 'correct horse'): Metadata => ({
    brokers: server.brokers, authType: 'password', saslMechanism: mechanism, saslUsername: 'user', saslPassword: password, initialOffset: 'oldest',
    ...(certificates === undefined ? { disableTls: 'true' } : { caCert: certificates.authority }),
  });
  const open = (metadata: Metadata, log = memoryLog()): Promise<Broker> => openKafkaBroker(componentSpec('pubsub.kafka', metadata), driverContext(log), AbortSignal.timeout(10_000)) as Promise<Broker>;

  it.each(['PLAIN', 'SHA-256', 'SHA-512'])('lets us in by %s', async (mechanism) => {
    const broker = await open(login(mechanism));
    const topic = `t-${mechanism}`;
    await server.createTopic(topic);
    const inbox = acknowledging();
    await broker.subscribe({ topic, metadata: {}, minUnsettled: 1 }, inbox);
    await broker.publish(topic, outgoing('in'));
    await inbox.first(1);
    await broker.close();
  }, 30_000);

  it('lets us in by a token', async () => {
    const unsigned = (claims: object): string => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`;
    const issuer = createServer((_request, response) => {
      const now = Math.floor(Date.now() / 1000);
      response.end(JSON.stringify({ access_token: unsigned({ sub: 'bulkhead', iat: now, exp: now + 600 }), expires_in: 600 }));
    }).listen(0, '127.0.0.1');
    await once(issuer, 'listening');
    try {
      const { saslUsername: _user, saslPassword: _password, saslMechanism: _mechanism, ...rest } = login('PLAIN');
      const broker = await open({ ...rest, authType: 'oidc', oidcTokenEndpoint: `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/token`, oidcClientID: 'me', oidcClientSecret: 'hush' });
      await server.createTopic('t-token');
      await broker.publish('t-token', outgoing('in'));
      await broker.close();
    } finally {
      issuer.close();
    }
  }, 30_000);

  it('keeps a wrong password out, soon, and says so without it', async () => {
    const log = memoryLog();
    const refused = await open(login('SHA-256', 'battery staple'), log).catch((cause: unknown) => cause as Error);
    expect(refused).toBeInstanceOf(Error);
    expect((refused as Error).message).toMatch(/authentication/i);
    expect(`${(refused as Error).message}${JSON.stringify(log.records)}`).not.toContain('battery');
  }, 20_000);

  it('keeps out whom we do not trust', async ({ skip }) => {
    if (certificates === undefined) return skip('openssl is not installed');
    const { caCert: _, ...strangers } = login('PLAIN');
    await expect(open(strangers)).rejects.toThrow(/certificate/i);
    const careless = await open({ ...strangers, skipVerify: 'true' });
    await careless.close();
  }, 30_000);
});
