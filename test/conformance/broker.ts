// What a broker driver is: every one passes this suite (contract: messaging §12.2, and the promises of blocks/pubsub/broker.ts).
// What a backend can't do is a trait, and its tests are not there.
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Broker, BrokerSubscription, IncomingMessage, OutgoingEntry, OutgoingMessage, Sink, StringMap } from '../../blocks/pubsub/broker.ts';
import type { Awaitable } from '../../blocks/driver.ts';
import { eventually } from '../harness/awaiting.ts';

export interface BrokerTraits {
  /** One subscriber gets messages that were published one after the other in that order, failures apart. */
  readonly inOrder: boolean;
  /** `retry` brings a message again. */
  readonly redelivers: boolean;
  /** A message outlives its subscription: the next one gets what is not acknowledged, and what came in between. */
  readonly persists: boolean;
  /** A topic that ends in `*` stands for all that begin like it. */
  readonly wildcards: boolean;
  readonly bulkPublish: boolean;
  /** Subscriptions of one group share a topic's messages; otherwise each gets all. */
  readonly distributes: boolean;
  /** A topic that nobody made can be subscribed to. */
  readonly createsTopics: boolean;
  /** Messages that a subscription hands out at a time, before any is settled, when `minUnsettled` asks for less. */
  readonly maxUnsettled: number;
  /** The largest payload. Default: 1 MiB. */
  readonly maxPayloadBytes?: number;
  /** An entry of a bulk that the backend refuses while it takes its neighbours. */
  readonly refusedEntry?: (entryId: string) => OutgoingEntry;
}

export interface BrokerFixture {
  readonly broker: Broker;
  /** A second instance of the same component, in the same group. Closed with the fixture. */
  another?(): Promise<Broker>;
  /** A topic that no other test uses, made if it has to be. */
  topic(): Awaitable<string>;
  /** Closes the brokers too. */
  close(): Promise<void>;
}

/** A sink that keeps what it gets. */
export class Inbox implements Sink {
  readonly messages: IncomingMessage[] = [];
  readonly causes: Error[] = [];
  /** What happens to a message beside being kept. */
  handle: (message: IncomingMessage) => void;

  constructor(handle: (message: IncomingMessage) => void = () => undefined) {
    this.handle = handle;
  }

  deliver(message: IncomingMessage): void {
    this.messages.push(message);
    this.handle(message);
  }

  ended(cause: Error): void {
    this.causes.push(cause);
  }

  texts(): string[] {
    return this.messages.map(({ data }) => Buffer.from(data).toString());
  }

  /** The first `count` messages, once they are there. */
  async first(count: number): Promise<IncomingMessage[]> {
    await eventually(`${count} messages are delivered`, () => this.messages.length >= count, 12_000);
    return this.messages.slice(0, count);
  }

  /** The first message with this text, and with at least this many attempts behind it. */
  async find(text: string, attempt = 0): Promise<IncomingMessage> {
    const found = await eventually(`"${text}" is delivered with attempt ${attempt}`, () => this.messages.find((message) => message.attempt >= attempt && Buffer.from(message.data).toString() === text), 12_000);
    if (found === undefined) throw new Error('eventually gives what it found');
    return found;
  }
}

/** An inbox that settles each message as soon as it gets it. */
export function acknowledging(): Inbox {
  return new Inbox((message) => message.ack());
}

export function outgoing(text: string | Uint8Array, metadata?: StringMap): OutgoingMessage {
  return { data: Buffer.from(text), metadata };
}

export function brokerConformance(name: string, open: () => Promise<BrokerFixture>, traits: BrokerTraits): void {
  describe(`broker conformance: ${name}`, () => {
    let fixture: BrokerFixture;
    let broker: Broker;
    const subscriptions: BrokerSubscription[] = [];

    beforeAll(async () => {
      fixture = await open();
      broker = fixture.broker;
    });
    afterEach(async () => { await Promise.all(subscriptions.splice(0).map((subscription) => subscription.close())); });
    afterAll(async () => { await fixture.close(); });

    const subscribe = async (topic: string, inbox: Inbox, options: { readonly on?: Broker; readonly minUnsettled?: number; readonly metadata?: StringMap } = {}): Promise<BrokerSubscription> => {
      const subscription = await (options.on ?? broker).subscribe({ topic, metadata: options.metadata ?? {}, minUnsettled: options.minUnsettled ?? 1 }, inbox);
      subscriptions.push(subscription);
      return subscription;
    };
    const publish = async (topic: string, text: string | Uint8Array, metadata?: StringMap) => broker.publish(topic, outgoing(text, metadata));
    /** One after the other, so that their order is known. */
    const publishAll = async (topic: string, texts: readonly string[]) => {
      for (const text of texts) await publish(topic, text);
    };
    const numbered = (count: number, prefix = 'message') => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
    const sorted = (texts: Iterable<string>) => [...texts].sort();

    it('lists its features', () => {
      expect(broker.features.includes('SUBSCRIBE_WILDCARDS')).toBe(traits.wildcards);
      expect(broker.publishBulk !== undefined).toBe(traits.bulkPublish);
      if (!traits.bulkPublish) expect(broker.features).not.toContain('BULK_PUBSUB');
    });

    describe('messages', () => {
      it.each<[string, Uint8Array]>([
        ['no bytes', new Uint8Array()], ['one byte', Uint8Array.of(0)], ['all bytes', Uint8Array.from({ length: 256 }, (_, index) => index)],
        ['JSON', Buffer.from('{"a":"<grüße> 🚢"}')], ['as many bytes as it takes', randomBytes(traits.maxPayloadBytes ?? 1 << 20)],
        ['a part of a larger buffer', Buffer.from('xxabcxx').subarray(2, 5)],
      ])('arrive as they were: %s', async (_, bytes) => {
        const topic = await fixture.topic();
        const inbox = acknowledging();
        await subscribe(topic, inbox);
        await publish(topic, bytes);
        const [message] = await inbox.first(1);
        expect(Buffer.from(message?.data ?? 'none').equals(bytes)).toBe(true);
        expect(message).toMatchObject({ topic, attempt: 0 });
        expect(typeof message?.contentType).toBe('string');
      });

      it.each<[string, StringMap]>([
        ['plain', { one: '1', two: '2' }], ['empty', { nothing: '' }], ['beyond ASCII', { 'größe': '世界 🚢', text: 'ünï' }], ['with quotes and markup', { quoted: '"a"\\', markup: '<a href=\'x\'>&</a>' }],
        ['with unknown names', { noSuchOption: 'true', 'x-y.z': '1' }], ['many', Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`name${index}`, `value${index}`]))],
      ])('bring their metadata: %s', async (_, metadata) => {
        const topic = await fixture.topic();
        const inbox = acknowledging();
        await subscribe(topic, inbox);
        await publish(topic, 'with', metadata);
        await publish(topic, 'without');
        expect((await inbox.find('with')).metadata).toMatchObject(metadata);
        const other = await inbox.find('without');
        for (const key of Object.keys(metadata)) expect(other.metadata).not.toHaveProperty([key]);
      });

      it('each have an id of their own', async () => {
        const topic = await fixture.topic();
        const inbox = acknowledging();
        await subscribe(topic, inbox);
        await Promise.all(numbered(50).map((text) => publish(topic, text)));
        const ids = (await inbox.first(50)).map(({ id }) => id);
        expect(new Set(ids).size).toBe(50);
        for (const id of ids) expect(id).toMatch(/./);
      });

      it('of two topics are kept apart', async () => {
        const topics = [await fixture.topic(), await fixture.topic()] as const;
        const inboxes = [acknowledging(), acknowledging()] as const;
        await Promise.all(topics.map((topic, index) => subscribe(topic, inboxes[index] ?? acknowledging())));
        await Promise.all(topics.map((topic, index) => publishAll(topic, numbered(20, `topic${index}`))));
        for (const [index, inbox] of inboxes.entries()) {
          await inbox.first(20);
          expect(sorted(inbox.texts())).toEqual(sorted(numbered(20, `topic${index}`)));
          expect(inbox.messages.every(({ topic }) => topic === topics[index])).toBe(true);
        }
      });

      it('may be published to a topic that nobody listens to', async () => {
        await publish(await fixture.topic(), 'unheard');
      });

      if (traits.inOrder) it('come in the order of publishing', async () => {
        const topic = await fixture.topic();
        const inbox = acknowledging();
        await subscribe(topic, inbox);
        await publishAll(topic, numbered(100));
        await inbox.first(100);
        expect(inbox.texts()).toEqual(numbered(100));
      });

      it('of one key are in order, and say so if others are not', async () => {
        const topic = await fixture.topic();
        const inbox = acknowledging();
        await subscribe(topic, inbox);
        const keys = ['a', 'b', 'c'];
        for (let round = 0; round < 20; round++) for (const key of keys) await publish(topic, `${key}-${round}`, { partitionKey: key });
        const messages = await inbox.first(60);
        for (const key of keys) {
          const own = messages.filter(({ data }) => Buffer.from(data).toString().startsWith(key));
          expect(own.map(({ data }) => Buffer.from(data).toString())).toEqual(numbered(20, key));
          expect(new Set(own.map(({ orderKey }) => orderKey)).size).toBe(1);
        }
      });
    });

    describe('settling', () => {
      if (traits.redelivers) it('retry brings a message again: the same id, a higher attempt; the others are done', async () => {
        const topic = await fixture.topic();
        const inbox = new Inbox((message) => (Buffer.from(message.data).toString() === 'fails' && message.attempt < 2 ? message.retry() : message.ack()));
        await subscribe(topic, inbox);
        await publish(topic, 'before', { n: '1' });
        await publish(topic, 'fails', { n: '2' });
        await publish(topic, 'after', { n: '3' });
        const last = await inbox.find('fails', 2);
        const deliveries = inbox.messages.filter(({ data }) => Buffer.from(data).toString() === 'fails');
        expect(deliveries.map(({ attempt }) => attempt)).toEqual([0, 1, 2]);
        expect(new Set(deliveries.map(({ id }) => id))).toEqual(new Set([last.id]));
        expect(deliveries.every(({ metadata }) => metadata['n'] === '2')).toBe(true);
        expect(sorted(inbox.texts())).toEqual(['after', 'before', 'fails', 'fails', 'fails']);
      });

      if (traits.redelivers) it('ten messages of which the first two and every fifth fail all arrive', async () => {
        const topic = await fixture.topic();
        const run = randomUUID();
        const done = new Set<string>();
        const firsts: string[] = [];
        let deliveries = 0;
        const inbox = new Inbox((message) => {
          const text = Buffer.from(message.data).toString();
          if (message.attempt === 0) firsts.push(text);
          deliveries++;
          if (deliveries <= 2 || deliveries % 5 === 0) {
            message.retry();
            return;
          }
          message.ack();
          done.add(text);
        });
        await subscribe(topic, inbox);
        await publishAll(topic, numbered(10, `message-${run}`));
        await eventually('all have arrived', () => done.size === 10, 12_000);
        expect(sorted(done)).toEqual(sorted(numbered(10, `message-${run}`)));
        expect(sorted(firsts)).toEqual(sorted(numbered(10, `message-${run}`)));
        if (traits.inOrder) expect(firsts).toEqual(numbered(10, `message-${run}`));
      });

      if (traits.redelivers) it('release brings a message again as it was', async () => {
        const topic = await fixture.topic();
        const inbox = new Inbox((message) => {
          if (inbox.messages.length === 1) message.release();
          else message.ack();
        });
        await subscribe(topic, inbox);
        await publish(topic, 'released', { n: '1' });
        const [first, second] = await inbox.first(2);
        expect(second).toMatchObject({ id: first?.id, topic, metadata: { n: '1' }, attempt: 0 });
        expect(inbox.texts()).toEqual(['released', 'released']);
      });

      if (traits.redelivers) it('counts once: what comes after the first word is ignored', async () => {
        const topic = await fixture.topic();
        const inbox = new Inbox((message) => {
          const text = Buffer.from(message.data).toString();
          if (text === 'clock' && message.attempt === 0) {
            message.retry();
            message.ack();
            message.retry();
            return;
          }
          message.ack();
          message.ack();
          message.retry();
          message.release();
        });
        await subscribe(topic, inbox);
        await publish(topic, 'done');
        await publish(topic, 'clock');
        await inbox.find('clock', 1); // so long that the other would be here as well
        expect(sorted(inbox.texts())).toEqual(['clock', 'clock', 'done']);
      });

      if (traits.redelivers) it('does not let an old delivery settle a new one', async () => {
        const topic = await fixture.topic();
        const inbox = new Inbox();
        await subscribe(topic, inbox);
        await publish(topic, 'twice');
        const first = await inbox.find('twice');
        first.retry();
        const second = await inbox.find('twice', 1);
        first.ack();
        second.retry();
        (await inbox.find('twice', 2)).ack();
        expect(inbox.messages).toHaveLength(3);
      });

      it('many messages with slow acknowledgements: each comes once, and never more are out than may be', async () => {
        const topic = await fixture.topic();
        const total = 2000;
        let unsettled = 0;
        let most = 0;
        const waiting: IncomingMessage[] = [];
        const inbox = new Inbox((message) => {
          most = Math.max(most, ++unsettled);
          waiting.push(message);
        });
        await subscribe(topic, inbox);
        let settling = true;
        const settler = (async () => {
          for (let round = 0; settling; round++) {
            await sleep(1);
            const some = waiting.splice(0, 1 + (round * 7) % Math.max(2, traits.maxUnsettled));
            unsettled -= some.length;
            for (const message of some.reverse()) message.ack();
          }
        })();
        for (let sent = 0; sent < total; sent += 200) await Promise.all(numbered(200, `m${sent}`).map((text) => publish(topic, text)));
        await eventually('all are here', () => inbox.messages.length >= total, 12_000);
        settling = false;
        await settler;
        expect(new Set(inbox.texts()).size).toBe(total);
        expect(inbox.messages).toHaveLength(total);
        expect(most).toBeLessThanOrEqual(traits.maxUnsettled);
      });

      it('waits with the next message when as many are out as may be', async () => {
        const topic = await fixture.topic();
        const inbox = new Inbox();
        await subscribe(topic, inbox);
        const total = traits.maxUnsettled + 5;
        await Promise.all(numbered(total).map((text) => publish(topic, text)));
        const held = await inbox.first(traits.maxUnsettled);
        held[0]?.ack();
        await inbox.first(traits.maxUnsettled + 1); // the credit of one message lets one in
        expect(inbox.messages).toHaveLength(traits.maxUnsettled + 1);
        inbox.handle = (message) => message.ack();
        for (const message of inbox.messages) message.ack();
        await inbox.first(total);
        expect(new Set(inbox.messages.map(({ id }) => id)).size).toBe(total);
      });

      it('hands out as many as a batch needs before one is settled', async () => {
        const topic = await fixture.topic();
        const inbox = new Inbox();
        const size = traits.maxUnsettled + 50;
        await subscribe(topic, inbox, { minUnsettled: size });
        for (let sent = 0; sent < size; sent += 100) await Promise.all(numbered(Math.min(100, size - sent), `m${sent}`).map((text) => publish(topic, text)));
        for (const message of await inbox.first(size)) message.ack();
        expect(inbox.messages).toHaveLength(size);
      });
    });

    describe('subscriptions', () => {
      it('say how many deliveries may run at a time', async () => {
        const subscription = await subscribe(await fixture.topic(), acknowledging());
        expect(Number.isSafeInteger(subscription.concurrency)).toBe(true);
        expect(subscription.concurrency).toBeGreaterThan(0);
      });

      it('ignore metadata that nobody knows', async () => {
        const topic = await fixture.topic();
        const inbox = acknowledging();
        await subscribe(topic, inbox, { metadata: { noSuchOption: 'x' } });
        await publish(topic, 'm');
        await inbox.first(1);
      });

      if (traits.createsTopics) it('need no topic to begin with', async () => {
        const topic = `new-${randomUUID()}`;
        const inbox = acknowledging();
        await subscribe(topic, inbox);
        await publish(topic, 'first');
        expect((await inbox.first(1))[0]?.topic).toBe(topic);
      });

      it('hand out nothing after pause, which may be called twice', async () => {
        const topic = await fixture.topic();
        const paused = acknowledging();
        const subscription = await subscribe(topic, paused);
        await publish(topic, 'one');
        await paused.first(1);
        subscription.pause();
        subscription.pause();
        await publish(topic, 'two');
        await subscription.close();
        const next = acknowledging();
        await subscribe(topic, next);
        await publish(topic, 'three');
        await next.find('three');
        if (traits.persists) expect((await next.find('two')).attempt).toBe(0);
        expect(paused.texts()).toEqual(['one']);
      });

      it('let messages be settled that were out when they were paused', async () => {
        const topic = await fixture.topic();
        const inbox = new Inbox();
        const subscription = await subscribe(topic, inbox, { minUnsettled: 5 });
        await publishAll(topic, numbered(5));
        const messages = await inbox.first(5);
        subscription.pause();
        for (const message of messages) message.ack();
        await subscription.close();
        const next = acknowledging();
        await subscribe(topic, next);
        await publish(topic, 'next');
        await next.find('next');
        expect(next.texts()).toEqual(['next']);
      });

      it('close twice, and are deaf after it', async () => {
        const topic = await fixture.topic();
        const inbox = acknowledging();
        const subscription = await subscribe(topic, inbox);
        await Promise.all([subscription.close(), subscription.close()]);
        await subscription.close();
        const other = acknowledging();
        await subscribe(topic, other);
        await publish(topic, 'later');
        await other.find('later');
        expect(inbox.messages).toEqual([]);
        expect(inbox.causes).toEqual([]);
      });

      it('do not mind messages that are settled after close', async () => {
        const topic = await fixture.topic();
        const inbox = new Inbox();
        const subscription = await subscribe(topic, inbox, { minUnsettled: 3 });
        await publishAll(topic, numbered(3));
        const messages = await inbox.first(3);
        await subscription.close();
        messages[0]?.ack();
        messages[1]?.retry();
        messages[2]?.release();
        expect(inbox.messages).toHaveLength(3);
        const next = acknowledging();
        await subscribe(topic, next);
        await publish(topic, 'next');
        await next.find('next');
      });

      if (traits.persists) it('put back what is unsettled when they close: the next one gets it', async () => {
        const topic = await fixture.topic();
        const inbox = new Inbox((message) => {
          const text = Buffer.from(message.data).toString();
          if (text === 'message-0') message.ack();
          if (text === 'message-1') message.retry();
        });
        const subscription = await subscribe(topic, inbox, { minUnsettled: 4 });
        await publishAll(topic, numbered(4));
        const before = await inbox.first(4);
        await subscription.close();
        const next = acknowledging();
        await subscribe(topic, next);
        await Promise.all(numbered(4).slice(1).map((text) => next.find(text)));
        expect(next.texts()).not.toContain('message-0');
        const ids = new Map(before.map((message) => [Buffer.from(message.data).toString(), message.id]));
        // Where a failed message holds up what comes behind it, that was not handed out before.
        for (const message of next.messages) expect(ids.get(Buffer.from(message.data).toString()) ?? message.id).toBe(message.id);
      });

      if (traits.persists) it('lose no acknowledgement when they close', async () => {
        const topic = await fixture.topic();
        const inbox = new Inbox();
        const count = Math.min(traits.maxUnsettled, 100);
        const subscription = await subscribe(topic, inbox);
        await Promise.all(numbered(count).map((text) => publish(topic, text)));
        for (const message of await inbox.first(count)) message.ack();
        await subscription.close();
        const next = acknowledging();
        await subscribe(topic, next);
        await publish(topic, 'next');
        await next.find('next');
        expect(next.texts()).toEqual(['next']);
      });

      if (traits.persists) it('get what was published while there was none', async () => {
        const topic = await fixture.topic();
        await (await subscribe(topic, acknowledging())).close();
        await publishAll(topic, numbered(5));
        const inbox = acknowledging();
        await subscribe(topic, inbox);
        await inbox.first(5);
        expect(inbox.texts()).toEqual(numbered(5));
      });

      it(traits.distributes ? 'of one group share the messages' : 'of one topic get all messages each', async () => {
        const topic = await fixture.topic();
        const inboxes = [acknowledging(), acknowledging()] as const;
        const other = traits.distributes ? await fixture.another?.() : undefined;
        await subscribe(topic, inboxes[0]);
        await subscribe(topic, inboxes[1], { on: other ?? broker });
        await Promise.all(numbered(300).map((text) => publish(topic, text)));
        const texts = () => inboxes.map((inbox) => inbox.texts());
        if (traits.distributes) {
          await eventually('all are delivered', () => texts().flat().length >= 300, 12_000);
          expect(sorted(texts().flat())).toEqual(sorted(numbered(300)));
        } else {
          await eventually('all are delivered', () => texts().every(({ length }) => length >= 300), 12_000);
          for (const own of texts()) expect(sorted(own)).toEqual(sorted(numbered(300)));
        }
      });

      if (traits.wildcards) it('of a pattern get the topics that begin like it and go on', async () => {
        const topic = await fixture.topic();
        const [pattern, exact] = [acknowledging(), acknowledging()];
        await subscribe(`${topic}*`, pattern);
        await subscribe(topic, exact);
        await publish(topic, 'bare');
        await publish(`${topic}/a`, 'longer');
        await publish(`x${topic}`, 'other');
        await publish(`${topic}-end`, 'end');
        await pattern.find('end');
        expect(pattern.texts()).toEqual(['longer', 'end']);
        expect(exact.texts()).toEqual(['bare']);
      });
    });

    if (traits.bulkPublish) describe('a bulk', () => {
      const entries = (texts: readonly string[]): OutgoingEntry[] => texts.map((text, index) => ({ entryId: `e${index}`, contentType: 'text/plain', data: Buffer.from(text), metadata: { index: String(index) } }));

      it('arrives whole', async () => {
        const topic = await fixture.topic();
        const inbox = acknowledging();
        await subscribe(topic, inbox);
        expect(await broker.publishBulk?.(topic, entries(numbered(10)), { common: 'yes' })).toEqual([]);
        await inbox.first(10);
        expect(sorted(inbox.texts())).toEqual(sorted(numbered(10)));
        for (const { data, metadata } of inbox.messages) expect(Buffer.from(data).toString()).toBe(`message-${metadata['index']}`);
      });

      it('may be empty', async () => {
        expect(await broker.publishBulk?.(await fixture.topic(), [], {})).toEqual([]);
      });

      const { refusedEntry } = traits;
      if (refusedEntry !== undefined) it('names the entries that failed, and delivers the others', async () => {
        const topic = await fixture.topic();
        const inbox = acknowledging();
        await subscribe(topic, inbox);
        const failures = await broker.publishBulk?.(topic, [...entries(['a', 'b']), refusedEntry('bad'), { ...entries(['c'])[0]!, entryId: 'e2' }], {});
        expect(failures?.map(({ entryId }) => entryId)).toEqual(['bad']);
        expect(failures?.[0]?.cause).toBeInstanceOf(Error);
        await inbox.first(3);
        expect(sorted(inbox.texts())).toEqual(['a', 'b', 'c']);
      });
    });

    describe('closing', () => {
      it('may be done twice, ends subscriptions, and refuses what comes after', async () => {
        const own = await open();
        const topic = await own.topic();
        const inbox = acknowledging();
        await own.broker.subscribe({ topic, metadata: {}, minUnsettled: 1 }, inbox);
        await own.broker.publish(topic, outgoing('before'));
        await inbox.find('before');
        await own.broker.close();
        await own.broker.close();
        await expect((async () => own.broker.publish(topic, outgoing('after')))()).rejects.toBeInstanceOf(Error);
        await expect((async () => own.broker.subscribe({ topic, metadata: {}, minUnsettled: 1 }, inbox))()).rejects.toBeInstanceOf(Error);
        expect(inbox.texts()).toEqual(['before']);
        expect(inbox.causes).toEqual([]);
        await own.close();
      });

      it('during a subscribe leaves nothing behind that delivers', async () => {
        const own = await open();
        const topic = await own.topic();
        const inbox = new Inbox();
        const starting = (async () => own.broker.subscribe({ topic, metadata: {}, minUnsettled: 1 }, inbox))();
        const [started] = await Promise.allSettled([starting, own.broker.close()]);
        if (started.status === 'fulfilled') await started.value.close();
        await publish(topic, 'late');
        await own.close();
        expect(inbox.messages).toEqual([]);
      });
    });
  });
}
