// What pubsub.redis is beside a broker: daprd's layout in the streams, a careful member of its consumer group, and hard to kill.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Broker, BrokerSubscription, IncomingMessage } from '../blocks/pubsub/broker.ts';
import { acknowledging, Inbox, outgoing } from './conformance/broker.ts';
import { eventually } from './harness/awaiting.ts';
import { redisBroker } from './harness/redis-broker.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';
import { memoryLog, type MemoryLog } from './support.ts';

type Metadata = Readonly<Record<string, string>>;
const GROUP = 'app';

describeWithRedis('pubsub.redis', () => {
  let server: RedisServer;
  const brokers: Broker[] = [];
  beforeAll(async () => { server = await startRedis(); });
  afterEach(async () => { await Promise.all(brokers.splice(0).map((broker) => broker.close())); });
  afterAll(async () => { await server.stop(); });

  const open = async (metadata: Metadata = {}, log?: MemoryLog, on = server): Promise<Broker> => {
    const broker = await redisBroker({ redisHost: on.address, ...metadata }, log);
    brokers.push(broker);
    return broker;
  };
  const subscribe = async (broker: Broker, topic: string, inbox: Inbox): Promise<BrokerSubscription> => broker.subscribe({ topic, metadata: {}, minUnsettled: 1 }, inbox);
  const newTopic = () => `topic-${randomUUID()}`;
  const pending = async (topic: string, group = GROUP, on = server) => Number(((await on.raw.xpending(topic, group)) as unknown[])[0]);
  /** Entries that a consumer took before it died. */
  const abandon = async (topic: string, texts: readonly string[], consumer = 'dead') => {
    await server.raw.xgroup('CREATE', topic, GROUP, '0', 'MKSTREAM');
    const ids: string[] = [];
    for (const text of texts) ids.push(String(await server.raw.xadd(topic, '*', 'data', text)));
    await server.raw.xreadgroup('GROUP', GROUP, consumer, 'COUNT', texts.length, 'STREAMS', topic, '>');
    return ids;
  };

  describe('the layout', () => {
    it('has the data as it is, and the metadata as JSON by Go, where there is some', async () => {
      const topic = newTopic();
      const broker = await open();
      const bytes = Uint8Array.of(0, 255, 10, 13);
      await broker.publish(topic, outgoing(bytes));
      await broker.publish(topic, outgoing('b', { z: '1', a: '<&>', 'ttlInSeconds': '5' }));
      await broker.publish(topic, outgoing('', {}));
      const entries = (await server.raw.xrangeBuffer(topic, '-', '+')).map(([, fields]) => fields);
      expect(entries).toEqual([
        [Buffer.from('data'), Buffer.from(bytes)],
        [Buffer.from('data'), Buffer.from('b'), Buffer.from('metadata'), Buffer.from('{"a":"\\u003c\\u0026\\u003e","ttlInSeconds":"5","z":"1"}')],
        [Buffer.from('data'), Buffer.alloc(0), Buffer.from('metadata'), Buffer.from('{}')],
      ]);
    });

    it('is read in whatever order the fields are', async () => {
      const topic = newTopic();
      const inbox = acknowledging();
      const ids = [
        await server.raw.xadd(topic, '*', 'data', 'plain'),
        await server.raw.xadd(topic, '*', 'data', 'both', 'metadata', '{"k":"v"}'),
        await server.raw.xadd(topic, '*', 'metadata', 'null', 'other', 'x', 'data', 'mixed'),
      ];
      await subscribe(await open(), topic, inbox);
      await inbox.first(3);
      expect(inbox.messages.map(({ id, metadata, contentType, attempt, orderKey }) => [id, metadata, contentType, attempt, orderKey])).toEqual([
        [ids[0], {}, '', 0, undefined], [ids[1], { k: 'v' }, '', 0, undefined], [ids[2], {}, '', 0, undefined],
      ]);
      expect(inbox.texts()).toEqual(['plain', 'both', 'mixed']);
    });

    it('may be broken: without data an entry is put away, with bad metadata it comes without', async () => {
      const topic = newTopic();
      const log = memoryLog();
      const inbox = acknowledging();
      const lost = await server.raw.xadd(topic, '*', 'payload', 'x');
      const bad = [await server.raw.xadd(topic, '*', 'data', 'a', 'metadata', '{"k":'), await server.raw.xadd(topic, '*', 'data', 'b', 'metadata', '{"k":1}'), await server.raw.xadd(topic, '*', 'data', 'c', 'metadata', '[]')];
      await subscribe(await open({}, log), topic, inbox);
      await inbox.first(3);
      expect(inbox.texts()).toEqual(['a', 'b', 'c']);
      expect(inbox.messages.map(({ metadata }) => metadata)).toEqual([{}, {}, {}]);
      expect(log.texts('error')).toEqual([`entry ${lost} of topic "${topic}" has no field "data": it is acknowledged and not delivered`]);
      expect(log.texts('warn')).toEqual(bad.map((id) => expect.stringContaining(`the metadata of entry ${id} of topic "${topic}" can't be read, so it is delivered without: `)));
      await eventually('all are acknowledged', async () => (await pending(topic)) === 0);
    });

    it.each([[{}, GROUP], [{ consumerID: ' billing ' }, 'billing'], [{ consumerID: '' }, GROUP]])('names group and consumer alike: %j', async (metadata, name) => {
      const topic = newTopic();
      const inbox = acknowledging();
      const broker = await open(metadata);
      await subscribe(broker, topic, inbox);
      await broker.publish(topic, outgoing('m'));
      await inbox.first(1);
      const [group] = (await server.raw.xinfo('GROUPS', topic)) as unknown[][];
      const [consumer] = (await server.raw.xinfo('CONSUMERS', topic, name)) as unknown[][];
      expect([group?.[1], consumer?.[1]]).toEqual([name, name]);
    });
  });

  describe('the length of a stream', () => {
    it('is about maxLenApprox', async () => {
      const topic = newTopic();
      const broker = await open({ maxLenApprox: '100' });
      await Promise.all(Array.from({ length: 1000 }, (_, index) => broker.publish(topic, outgoing(String(index)))));
      const length = await server.raw.xlen(topic);
      expect(length).toBeGreaterThanOrEqual(100);
      expect(length).toBeLessThanOrEqual(300);
    });

    it('is what came within streamTTL, about', async () => {
      const topic = newTopic();
      for (let index = 1; index <= 500; index++) void server.raw.xadd(topic, `${index}-1`, 'data', 'old');
      const broker = await open({ streamTTL: '1h' });
      await broker.publish(topic, outgoing('new'));
      expect(await server.raw.xlen(topic)).toBeLessThanOrEqual(101);
      expect((await server.raw.xrevrange(topic, '+', '-', 'COUNT', 1))[0]?.[1]).toEqual(['data', 'new']);
    });

    it('has one limit: the log says which', async () => {
      const log = memoryLog();
      const broker = await open({ maxLenApprox: '5', streamTTL: '1h' }, log);
      await broker.publish(newTopic(), outgoing('m'));
      expect(log.texts('warn')).toEqual(['metadata field "streamTTL" has no effect: "maxLenApprox" is set too, and Redis trims a stream by one of the two']);
    });

    it('is what some group still needs, with trimAcked', async () => {
      const topic = newTopic();
      await server.raw.xgroup('CREATE', topic, 'slow', '0', 'MKSTREAM');
      await server.raw.xgroup('CREATE', topic, 'stuck', '0', 'MKSTREAM');
      const broker = await open({ trimAcked: 'true', redeliverInterval: '60ms' });
      const inbox = acknowledging();
      await subscribe(broker, topic, inbox);
      await Promise.all(Array.from({ length: 1000 }, (_, index) => broker.publish(topic, outgoing(String(index)))));
      await inbox.first(1000);
      const ids = (await server.raw.xrange(topic, '-', '+')).map(([id]) => id);
      const trims = async () => Number(/cmdstat_xtrim:calls=(\d+)/.exec(await server.raw.info('commandstats'))?.[1] ?? 0);
      const trimmed = async () => {
        const before = await trims();
        await eventually('the stream was looked at twice', async () => (await trims()) >= before + 2);
        return (await server.raw.xrange(topic, '-', '+', 'COUNT', 1))[0]?.[0];
      };
      expect(await trimmed()).toBe(ids[0]); // two groups have read nothing
      await server.raw.xreadgroup('GROUP', 'slow', 'c', 'COUNT', 1000, 'STREAMS', topic, '>');
      await server.raw.xreadgroup('GROUP', 'stuck', 'c', 'COUNT', 600, 'STREAMS', topic, '>');
      await server.raw.xack(topic, 'slow', ...ids.slice(0, 900));
      expect(await trimmed()).toBe(ids[0]); // read, but not acknowledged
      await server.raw.xack(topic, 'stuck', ...ids.slice(0, 350));
      const low = ids.indexOf(String(await eventually('what all have acknowledged is gone', async () => {
        const first = await trimmed();
        return first !== ids[0] && first;
      })));
      expect(low).toBeGreaterThan(200);
      expect(low).toBeLessThanOrEqual(350);
      expect(await server.raw.xlen(topic)).toBe(1000 - low);
    });
  });

  describe('abandoned messages', () => {
    it('are taken over from a consumer that died, soon after the start', async () => {
      const topic = newTopic();
      await abandon(topic, ['a', 'b']);
      const inbox = acknowledging();
      await subscribe(await open({ processingTimeout: '300ms' }), topic, inbox);
      await inbox.first(2);
      expect(inbox.texts()).toEqual(['a', 'b']);
      expect(inbox.messages.map(({ attempt }) => attempt)).toEqual([1, 1]);
      await eventually('they are acknowledged', async () => (await pending(topic)) === 0);
    });

    it('are taken over however many there are, as there is room', async () => {
      const topic = newTopic();
      const texts = Array.from({ length: 450 }, (_, index) => String(index));
      await abandon(topic, texts);
      const inbox = new Inbox((message) => setImmediate(() => message.ack()));
      await subscribe(await open({ processingTimeout: '100ms', queueDepth: '20', redeliverInterval: '100ms' }), topic, inbox);
      await inbox.first(450);
      expect(inbox.texts()).toEqual(texts);
    });

    it('are found behind any number of those that somebody is still at', async () => {
      const topic = newTopic();
      const ids = await abandon(topic, Array.from({ length: 350 }, (_, index) => String(index)));
      await server.raw.xclaim(topic, GROUP, 'dead', 0, ids[349]!, 'IDLE', 3_600_000, 'JUSTID');
      const inbox = acknowledging();
      await subscribe(await open({ processingTimeout: '1h' }), topic, inbox);
      expect((await inbox.find('349')).attempt).toBe(1);
      expect(inbox.messages).toHaveLength(1);
    });

    it('are left alone while somebody may still be at it', async () => {
      const topic = newTopic();
      await abandon(topic, ['a']);
      const inbox = acknowledging();
      const broker = await open({ processingTimeout: '1h', redeliverInterval: '50ms' });
      await subscribe(broker, topic, inbox);
      const looks = async () => Number(/cmdstat_xpending:calls=(\d+)/.exec(await server.raw.info('commandstats'))?.[1] ?? 0);
      const before = await looks();
      await eventually('the group was looked at', async () => (await looks()) >= before + 3);
      await broker.publish(topic, outgoing('next'));
      await inbox.find('next');
      expect(inbox.texts()).toEqual(['next']);
      await eventually('the other alone is pending', async () => (await pending(topic)) === 1);
    });

    it.each<[Metadata]>([[{ redeliverInterval: '0' }], [{ processingTimeout: '0' }]])('are left alone with %j', async (metadata) => {
      const topic = newTopic();
      await abandon(topic, ['a']);
      await server.raw.xclaim(topic, GROUP, 'dead', 0, ...(await server.raw.xrange(topic, '-', '+')).map(([id]) => id), 'IDLE', 10_000_000);
      const inbox = new Inbox((message) => (message.attempt === 0 ? message.retry() : message.ack()));
      const broker = await open(metadata);
      await subscribe(broker, topic, inbox);
      await broker.publish(topic, outgoing('next'));
      await inbox.find('next', 1); // what failed here comes again all the same
      expect(inbox.texts()).toEqual(['next', 'next']);
    });

    it('that were deleted are acknowledged', async () => {
      const topic = newTopic();
      const ids = await abandon(topic, ['a', 'b', 'c']);
      await server.raw.xdel(topic, ids[0]!, ids[2]!);
      const inbox = acknowledging();
      await subscribe(await open({ processingTimeout: '100ms' }), topic, inbox);
      await inbox.first(1);
      await eventually('nothing is pending', async () => (await pending(topic)) === 0);
      expect(inbox.texts()).toEqual(['b']);
    });

    it('that were deleted while they waited for another try are forgotten', async () => {
      const topic = newTopic();
      const inbox = new Inbox((message) => message.retry());
      const broker = await open();
      await subscribe(broker, topic, inbox);
      await broker.publish(topic, outgoing('m'));
      const [message] = await inbox.first(1);
      await server.raw.xdel(topic, message?.id ?? '');
      await eventually('nothing is pending', async () => (await pending(topic)) === 0);
      expect(inbox.messages).toHaveLength(1);
    });

    it('are not those that a slow handler still has, in this instance or another', async () => {
      const topic = newTopic();
      const settings = { processingTimeout: '600ms', redeliverInterval: '100ms' };
      const inboxes = [new Inbox(), new Inbox()];
      const members = [await open(settings), await open(settings)];
      for (const [index, inbox] of inboxes.entries()) await subscribe(members[index]!, topic, inbox);
      for (let index = 0; index < 20; index++) await members[0]?.publish(topic, outgoing(String(index)));
      const messages = () => inboxes.flatMap((inbox) => inbox.messages);
      await eventually('all are handed out', () => messages().length === 20);
      await sleep(2500); // four times the processing timeout
      expect(messages()).toHaveLength(20);
      for (const message of messages()) message.ack();
      await eventually('they are acknowledged', async () => (await pending(topic)) === 0);
      expect(messages()).toHaveLength(20);
    });

    it('of an instance that hangs come to another, and are not handed out twice there', async () => {
      const topic = newTopic();
      const settings = { processingTimeout: '300ms', redeliverInterval: '100ms' };
      const ids = await abandon(topic, ['a'], GROUP); // the same consumer's name as all have
      const inbox = new Inbox();
      await subscribe(await open(settings), topic, inbox);
      const [message] = await inbox.first(1);
      expect(message).toMatchObject({ id: ids[0], attempt: 1 });
      await sleep(900);
      expect(inbox.messages).toHaveLength(1);
      message?.ack();
      await eventually('it is acknowledged', async () => (await pending(topic)) === 0);
    });
  });

  it('acknowledges all messages of a turn in one command', async () => {
    const topic = newTopic();
    const inbox = new Inbox();
    const broker = await open();
    await subscribe(broker, topic, inbox);
    await Promise.all(Array.from({ length: 100 }, (_, index) => broker.publish(topic, outgoing(String(index)))));
    const messages = await inbox.first(100);
    const acks = async () => Number(/cmdstat_xack:calls=(\d+)/.exec(await server.raw.info('commandstats'))?.[1] ?? 0);
    const before = await acks();
    for (const message of messages) message.ack();
    await eventually('they are acknowledged', async () => (await pending(topic)) === 0);
    expect((await acks()) - before).toBe(1);
  });

  it('holds up nobody while messages wait for another try', async () => {
    const topic = newTopic();
    const inbox = new Inbox((message) => (Buffer.from(message.data).toString().startsWith('bad') ? message.retry() : message.ack()));
    const broker = await open({ queueDepth: '5' });
    await subscribe(broker, topic, inbox);
    for (let index = 0; index < 50; index++) await broker.publish(topic, outgoing(`bad${index}`));
    await broker.publish(topic, outgoing('good'));
    const good = await inbox.find('good');
    expect(good.attempt).toBe(0);
    expect(await pending(topic)).toBeGreaterThanOrEqual(50);
  });

  it('ends a subscription whose topic became something else, and refuses to start one', async () => {
    const topic = newTopic();
    const inbox = acknowledging();
    const broker = await open();
    const subscription = await subscribe(broker, topic, inbox);
    await server.raw.multi().del(topic).set(topic, 'text').exec();
    await eventually('the subscription ends', () => inbox.causes.length > 0);
    expect(inbox.causes[0]?.message).toContain('WRONGTYPE');
    await subscription.close();
    await expect(subscribe(broker, topic, inbox)).rejects.toThrow('WRONGTYPE');
    expect(inbox.causes).toHaveLength(1);
  });

  it('does without the right to CLIENT commands, and says what that costs', async () => {
    const guarded = await startRedis({ user: 'limited on >secret ~* +@all -client' });
    try {
      const log = memoryLog();
      const broker = await open({ redisUsername: 'limited', redisPassword: 'secret' }, log, guarded);
      const inbox = acknowledging();
      const subscription = await subscribe(broker, 't', inbox);
      await broker.publish('t', outgoing('m'));
      await inbox.first(1);
      await subscription.close();
      expect(log.texts('info')).toEqual([expect.stringMatching(/^redis refuses CLIENT ID or CLIENT UNBLOCK \(NOPERM .*\): reads wait for 250 ms at a time instead of 2000 ms$/)]);
      await broker.close();
    } finally {
      await guarded.stop();
    }
  });

  describe('a group that goes away', () => {
    it('is made again, with its stream, each time; the log tells once each time', async () => {
      const topic = newTopic();
      const log = memoryLog();
      const held: IncomingMessage[] = [];
      const inbox = new Inbox((message) => (Buffer.from(message.data).toString() === 'held' ? held.push(message) : message.ack()));
      const broker = await open({}, log);
      await subscribe(broker, topic, inbox);
      await broker.publish(topic, outgoing('held'));
      await inbox.find('held');
      const gone = (times: number) => Array.from({ length: times }, () => expect.stringContaining(`consumer group "${GROUP}" of topic "${topic}" is gone; it is made again`));
      for (let round = 1; round <= 3; round++) {
        await server.raw.flushall();
        await eventually('the group is there again', async () => (await server.raw.exists(topic)) === 1);
        await broker.publish(topic, outgoing(`round${round}`));
        await inbox.find(`round${round}`);
        expect(log.texts('warn')).toEqual(gone(round));
      }
      for (const message of held) message.ack(); // of a stream that is no more
      await eventually('nothing is pending', async () => (await pending(topic)) === 0);
      await server.raw.xgroup('DESTROY', topic, GROUP);
      await broker.publish(topic, outgoing('last'));
      await inbox.find('last');
      expect(log.texts('warn')).toEqual(gone(4));
      expect(log.texts('error')).toEqual([]);
    });

    it('does not bring what is out already a second time', async () => {
      const topic = newTopic();
      const inbox = new Inbox();
      const broker = await open();
      await subscribe(broker, topic, inbox);
      await broker.publish(topic, outgoing('a'));
      const [message] = await inbox.first(1);
      await server.raw.xgroup('DESTROY', topic, GROUP); // the stream stays: the group begins anew
      await broker.publish(topic, outgoing('b'));
      await inbox.first(2);
      expect(inbox.texts()).toEqual(['a', 'b']);
      message?.ack();
      await eventually('only the other is pending', async () => (await pending(topic)) === 1);
    });
  });

  describe('a lost Redis', () => {
    it('under load: all that was published for sure arrives, and the log stays short', async () => {
      const durable = await startRedis({ durable: true });
      try {
        const log = memoryLog();
        const settings = { processingTimeout: '1s', redeliverInterval: '200ms', readTimeout: '2s' };
        const broker = await open(settings, log, durable);
        const seen = new Set<string>();
        const inbox = new Inbox((message) => {
          seen.add(Buffer.from(message.data).toString());
          message.ack();
        });
        const topics = ['one', 'two', 'three'];
        for (const topic of topics) await subscribe(broker, topic, inbox);
        const sure: string[] = [];
        const failures: string[] = [];
        let publishing = true;
        const publisher = async (lane: number) => {
          for (let number = 0; publishing; number++) {
            const text = `${lane}-${number}`;
            try {
              await broker.publish(topics[number % topics.length]!, outgoing(text));
              sure.push(text);
            } catch (cause) {
              failures.push(String(cause));
            }
          }
        };
        const lanes = Array.from({ length: 10 }, (_, lane) => publisher(lane));
        for (let round = 1; round <= 2; round++) {
          const before = sure.length;
          await eventually('messages flow', () => sure.length > before + 500 && seen.size > before);
          await durable.kill();
          await durable.restart();
        }
        const before = sure.length;
        await eventually('messages flow', () => sure.length > before + 500);
        publishing = false;
        await Promise.all(lanes);
        await eventually('every message is there', () => sure.every((text) => seen.has(text)));
        await eventually('all are acknowledged', async () => (await Promise.all(topics.map((topic) => pending(topic, GROUP, durable)))).every((count) => count === 0));
        for (const failure of failures) expect(failure).toMatch(/so the outcome is unknown|error connecting to redis/);
        expect(log.texts('warn').length + log.texts('info').length + log.texts('error').length).toBeLessThanOrEqual(8);
        await broker.close();
      } finally {
        await durable.stop();
      }
    });

    it('gets acknowledgements that could not be sent when it is back', async () => {
      const durable = await startRedis({ durable: true });
      try {
        const broker = await open({ processingTimeout: '1h', readTimeout: '300ms' }, memoryLog(), durable);
        const inbox = new Inbox();
        await subscribe(broker, 't', inbox);
        for (let index = 0; index < 5; index++) await broker.publish('t', outgoing(String(index)));
        const messages = await inbox.first(5);
        await durable.kill();
        for (const message of messages) message.ack();
        await sleep(700); // longer than one attempt takes
        await durable.restart();
        await eventually('they are acknowledged', async () => (await pending('t', GROUP, durable)) === 0);
        await broker.publish('t', outgoing('next'));
        await inbox.find('next');
        expect(inbox.messages).toHaveLength(6);
        await broker.close();
      } finally {
        await durable.stop();
      }
    });

    it('that comes back empty is begun anew', async () => {
      const forgetful = await startRedis();
      try {
        const log = memoryLog();
        const broker = await open({}, log, forgetful);
        const inbox = acknowledging();
        await subscribe(broker, 't', inbox);
        await forgetful.restart();
        await eventually('the group is there again', async () => (await forgetful.raw.exists('t')) === 1);
        await broker.publish('t', outgoing('m'));
        await inbox.find('m');
        expect(log.texts('warn').filter((text) => text.includes('is gone'))).toHaveLength(1);
        await broker.close();
      } finally {
        await forgetful.stop();
      }
    });

    it('does not keep anybody from closing', async () => {
      const mortal = await startRedis();
      try {
        const broker = await open({ readTimeout: '30s' }, memoryLog(), mortal);
        const inbox = new Inbox();
        const subscription = await subscribe(broker, 't', inbox);
        await broker.publish('t', outgoing('m'));
        const [message] = await inbox.first(1);
        mortal.pause();
        message?.ack();
        const started = performance.now();
        await subscription.close();
        await broker.close();
        expect(performance.now() - started).toBeLessThan(8000);
        mortal.resume();
      } finally {
        await mortal.stop();
      }
    });
  });
});
