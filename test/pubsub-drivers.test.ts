// The pub/sub drivers against the suite that defines a broker, and what the one in memory adds to it.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { DriverContext } from '../blocks/components.ts';
import type { Broker } from '../blocks/pubsub/broker.ts';
import { openMemoryBroker } from '../blocks/pubsub/memory/broker.ts';
import { acknowledging, brokerConformance, Inbox, outgoing, type BrokerFixture, type BrokerTraits } from './conformance/broker.ts';
import { redisFixture } from './harness/redis-broker.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';
import { componentSpec, driverContext, memoryLog } from './support.ts';

type Metadata = Readonly<Record<string, string>>;
const topic = () => `topic-${randomUUID()}`;

const memory = (metadata: Metadata = {}, context: DriverContext = driverContext()) => openMemoryBroker(componentSpec('pubsub.in-memory', metadata), context);
const memoryFixture = async (metadata: Metadata): Promise<BrokerFixture> => {
  const broker = memory(metadata);
  return { broker, topic, close: async () => broker.close() };
};
const memoryTraits: BrokerTraits = { inOrder: true, redelivers: true, persists: false, wildcards: true, bulkPublish: false, distributes: false, createsTopics: true, maxUnsettled: 64 };

brokerConformance('pubsub.in-memory', () => memoryFixture({}), memoryTraits);
brokerConformance('pubsub.in-memory, one at a time', () => memoryFixture({ concurrency: '1' }), { ...memoryTraits, maxUnsettled: 1 });

describe('pubsub.in-memory', () => {
  const subscribe = async (broker: Broker, to: string, inbox: Inbox, minUnsettled = 1) => broker.subscribe({ topic: to, metadata: {}, minUnsettled }, inbox);

  it('publishes without a promise', async () => {
    const broker = memory();
    await subscribe(broker, 't', acknowledging());
    expect(broker.publish('t', outgoing('m'))).toBeUndefined();
    await broker.close();
  });

  it('delivers with a pattern as the topic, and a lone * stands for every topic', async () => {
    const broker = memory();
    const [some, all] = [acknowledging(), acknowledging()];
    await subscribe(broker, 'a/*', some);
    await subscribe(broker, '*', all);
    for (const to of ['a/b', 'a/', 'a', 'b/a/', 'a/*']) await broker.publish(to, outgoing(to));
    expect(some.texts()).toEqual(['a/b', 'a/*']);
    expect(some.messages.map((message) => message.topic)).toEqual(['a/*', 'a/*']);
    expect(all.texts()).toEqual(['a/b', 'a/', 'a', 'b/a/', 'a/*']);
    await broker.close();
  });

  it('makes a publish wait while the queue is full, lets it in when there is room, in order', async () => {
    const broker = memory({ maxQueueBytes: '4000', concurrency: '1' });
    const inbox = new Inbox();
    await subscribe(broker, 't', inbox);
    const published = ['a', 'b', 'c', 'd'].map((letter) => broker.publish('t', outgoing(letter.repeat(1500))));
    expect(published.map((result) => result instanceof Promise)).toEqual([false, false, true, true]);
    const bypassing = broker.publish('t', outgoing('small')); // would fit, but others wait
    expect(bypassing).toBeInstanceOf(Promise);
    inbox.handle = (message) => message.ack();
    inbox.messages[0]?.ack();
    await Promise.all([...published, bypassing]);
    expect(inbox.texts().map((text) => text[0])).toEqual(['a', 'b', 'c', 'd', 's']);
    await broker.close();
  });

  it('fails a publish that waits in vain, and says why; the subscription that has room has the message', async () => {
    vi.useFakeTimers();
    try {
      const broker = memory({ maxQueueBytes: '1000' });
      const [slow, fast] = [new Inbox(), acknowledging()];
      await subscribe(broker, 't', slow);
      await subscribe(broker, 't', fast);
      await broker.publish('t', outgoing('x'.repeat(5000))); // alone it may be as large as it likes
      const waiting = (async () => broker.publish('t', outgoing('y')))();
      const failure = expect(waiting).rejects.toThrow('the queue of the subscription to "t" is full: its messages take 5256 of 1000 bytes (maxQueueBytes), and are not acknowledged fast enough');
      await vi.advanceTimersByTimeAsync(11_000);
      await failure;
      expect(fast.texts().at(-1)).toBe('y');
      slow.messages[0]?.ack();
      expect(slow.messages).toHaveLength(1);
      await broker.close();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('waits longer with each failure, holds up nobody meanwhile, and has a timer only then', async () => {
    vi.useFakeTimers();
    try {
      const broker = memory({ concurrency: '1' });
      const times: number[] = [];
      const inbox = new Inbox((message) => {
        if (Buffer.from(message.data).toString() !== 'fails') {
          message.ack();
          return;
        }
        times.push(performance.now());
        message.retry();
      });
      const subscription = await subscribe(broker, 't', inbox);
      await broker.publish('t', outgoing('fails'));
      expect(vi.getTimerCount()).toBe(1);
      await broker.publish('t', outgoing('other'));
      expect(inbox.texts()).toEqual(['fails', 'other']);
      await vi.advanceTimersByTimeAsync(120_000);
      const waits = times.slice(1).map((time, index) => time - times[index]!);
      expect(waits.length).toBeGreaterThan(9);
      for (const [index, wait] of waits.entries()) {
        const full = Math.min(30_000, 100 * 2 ** index);
        expect(wait).toBeGreaterThanOrEqual(full / 2);
        expect(wait).toBeLessThanOrEqual(full + 45); // a tick of the waiting room, and one of the timer
      }
      await subscription.close();
      expect(vi.getTimerCount()).toBe(0);
      await broker.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it('knows a key by the metadata partitionKey', async () => {
    const broker = memory();
    const inbox = acknowledging();
    await subscribe(broker, 't', inbox);
    await broker.publish('t', outgoing('a', { partitionKey: 'k' }));
    await broker.publish('t', outgoing('b', {}));
    expect(inbox.messages.map(({ orderKey }) => orderKey)).toEqual(['k', undefined]);
    await broker.close();
  });

  it('survives a taker that publishes and settles while it is handed a message', async () => {
    const broker = memory({ concurrency: '1' });
    const inbox = new Inbox((message) => {
      const number = Number(Buffer.from(message.data).toString());
      if (number < 20_000) void broker.publish('t', outgoing(String(number + 1)));
      message.ack();
    });
    await subscribe(broker, 't', inbox);
    await broker.publish('t', outgoing('1'));
    expect(inbox.messages).toHaveLength(20_000);
    await broker.close();
  });

  it('takes the fields that the block reads, and tells of those nobody knows', () => {
    const log = memoryLog();
    memory({ allowedTopics: 'a', publishingScopes: 'app=a', subscriptionScopes: '', protectedTopics: 'b', queueBytes: '1' }, driverContext(log));
    expect(log.texts('warn')).toEqual([expect.stringContaining('metadata field "queueBytes" is not known to pubsub.in-memory')]);
  });

  it.each([[{ concurrency: '0' }], [{ concurrency: 'many' }], [{ maxQueueBytes: '-1' }]])('refuses %j for good', (metadata) => {
    expect(() => memory(metadata as Metadata)).toThrow(/has an invalid value/);
  });
});

const redisTraits: BrokerTraits = { inOrder: true, redelivers: true, persists: true, wildcards: false, bulkPublish: false, distributes: true, createsTopics: true, maxUnsettled: 100 };

describeWithRedis('pubsub.redis', () => {
  let server: RedisServer;
  beforeAll(async () => { server = await startRedis(); });
  afterAll(async () => { await server.stop(); });
  brokerConformance('pubsub.redis', () => redisFixture({ redisHost: server.address }), redisTraits);
  brokerConformance('pubsub.redis, shallow queue', () => redisFixture({ redisHost: server.address, queueDepth: '3', consumerID: 'shallow' }), { ...redisTraits, maxUnsettled: 3 });
});
