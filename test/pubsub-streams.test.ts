// Subscriptions over streams, and what several subscriptions to one topic have in common (contract: messaging §2.10, §2.1).
import { setImmediate as turnOver } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ApiError, Grpc } from '../proto/errors.ts';
import { Sources, type Branch } from '../blocks/pubsub/subscribe/fan-out.ts';
import type { Broker, IncomingMessage } from '../blocks/pubsub/broker.ts';
import { openMemoryBroker } from '../blocks/pubsub/memory/broker.ts';
import type { OpenBroker } from '../blocks/pubsub/brokers.ts';
import { eventually } from './harness/awaiting.ts';
import { toEvent } from '../blocks/pubsub/deliver/events.ts';
import { TopicStream } from '../blocks/pubsub/subscribe/streaming.ts';
import { FakeBroker, FakeKernel, FakeMessage, FakeStream, rig as newRig, subscription, type Rig, type RigOptions } from './harness/pubsub.ts';
import { memoryLog } from './support.ts';

const rigs: Rig[] = [];
afterEach(async () => {
  await Promise.all(rigs.splice(0).map(({ block }) => block.close()));
});

function rig(options: RigOptions = {}): Rig {
  const made = newRig(options);
  rigs.push(made);
  return made;
}

/** A stream whose subscription stands. */
async function subscribed(made: Rig, topic = 't', deadLetterTopic?: string, metadata = {}): Promise<FakeStream> {
  const stream = made.openStream();
  stream.initial('p', topic, deadLetterTopic, metadata);
  await eventually('the subscription stands', () => stream.received[0] === 'ready');
  return stream;
}

const types = ({ block }: Rig): string[] => block.subscriptions!().map(({ type }) => type);
const endOf = ({ end_ }: FakeStream) => (end_ instanceof ApiError ? end_.failure : end_);
const said = ({ log }: Rig, level: 'warn' | 'error', part: string): string[] => log.texts(level).filter((text) => text.includes(part));

describe('a stream', () => {
  it('hears that its subscription stands, gets events at the path /, and is listed, without any application', async () => {
    const made = rig({ app: null });
    const stream = made.openStream();
    stream.initial('p', 't');
    expect(made.block.subscriptions!()).toEqual([{ pubsubName: 'p', topic: 't', metadata: {}, rules: [{ match: '', path: '/' }], deadLetterTopic: '', type: 'STREAMING' }]);
    expect(made.reports()).toBe(1);
    await eventually('the subscription stands', () => stream.received.length > 0);
    made.broker.on('t').deliver({ id: '1' });
    await turnOver();
    expect(stream.received).toEqual(['ready', '1']);
    expect(stream.paths).toEqual(['/']);
    expect(made.kernel.processed).toEqual([['p|t|1']]);
    expect(made.kernel.calls).toEqual([]);
  });

  it('of a client that asks and half-closes at once hears that its subscription stands, and ends', async () => {
    const made = rig();
    const stream = made.openStream();
    stream.initial('p', 't');
    stream.onHalfClose();
    await eventually('it has ended', () => stream.end_ !== undefined);
    expect([stream.received, stream.end_]).toEqual([['ready'], 'ok']);
  });

  it.each([
    ['a verdict first', (stream) => stream.settle('1'), { message: 'initial request is required' }],
    ['nothing in its first message', (stream) => stream.say({}), { message: 'initial request is required' }],
    ['no pubsub', (stream) => stream.initial('', 't'), { message: 'pubsubName is required' }],
    ['no topic', (stream) => stream.initial('p', ''), { message: 'topic is required' }],
    ['a pubsub that is not there', (stream) => stream.initial('nope', 't'), {
      grpc: Grpc.INVALID_ARGUMENT, message: 'pubsub nope is not found', details: [{ type: 'ErrorInfo', reason: 'DAPR_PUBSUB_NOT_FOUND', domain: 'dapr.io', metadata: null }],
    }],
    ['a topic that is out of bounds', (stream) => stream.initial('p', 'secret'), { message: "subscription to topic 'secret' on pubsub 'p' is not allowed" }],
    ['retries that are no number', (stream) => stream.initial('p', 't', undefined, { maxRetries: 'x' }), { grpc: Grpc.INVALID_ARGUMENT }],
    ['what is no message', (stream) => stream.onMessage(Uint8Array.of(0xff, 0xff)), { grpc: Grpc.INTERNAL }],
  ] satisfies [string, (stream: FakeStream) => void, object][])('with %s ends with an error, and subscribes to nothing', async (_, say, expected) => {
    const made = rig({ metadata: { protectedTopics: 'secret' } });
    const stream = made.openStream();
    say(stream);
    await eventually('it ended', () => stream.end_ !== undefined);
    expect(endOf(stream)).toMatchObject(expected);
    expect(types(made)).toEqual([]);
    expect(made.broker.attempts).toBe(0);
  });

  it('with a second initial request ends with an error, and what it had not settled goes back', async () => {
    const made = rig();
    const stream = await subscribed(made);
    const message = made.broker.on('t').deliver();
    await turnOver();
    stream.initial('p', 't');
    expect(endOf(stream)).toMatchObject({ message: 'duplicate initial request received' });
    expect(message.settled).toEqual(['release']);
    expect(types(made)).toEqual([]);
    await eventually('the subscription is gone', () => made.broker.live.length === 0);
  });

  it.each([
    ['half-closes', (stream: FakeStream) => stream.onHalfClose(), 'ok'],
    ['leaves', (stream: FakeStream) => stream.onCancel(), undefined],
  ])('that %s loses its subscription, and no other does', async (_, leave, end) => {
    const made = rig();
    const [stream, other] = [await subscribed(made), await subscribed(made, 'u')];
    const message = made.broker.on('t').deliver();
    await turnOver();
    leave(stream);
    expect(stream.end_).toBe(end);
    expect(message.settled).toEqual(['release']);
    expect(types(made)).toEqual(['STREAMING']);
    await eventually('the subscription is gone', () => made.broker.live.length === 1);
    made.broker.on('u').deliver({ id: '2' });
    await turnOver();
    expect(other.received).toEqual(['ready', '2']);
  });

  it('settles events in any order; RETRY and unknown words bring a message again, DROP does not', async () => {
    const made = rig();
    const stream = await subscribed(made);
    const source = made.broker.on('t');
    const messages = ['1', '2', '3', '4', '5'].map((id) => source.deliver({ id }));
    await turnOver();
    stream.settle('4', 'DROP');
    stream.settle('2', 'RETRY');
    stream.settle('1', 'SUCCESS');
    stream.say({ subscribeTopicEventsRequestType: { $case: 'eventProcessed', value: { id: '3', status: undefined } } });
    stream.say({ subscribeTopicEventsRequestType: { $case: 'eventProcessed', value: { id: '5', status: { status: 9 as 0 } } } });
    expect(messages.map(({ settled }) => settled.join())).toEqual(['ack', 'retry', 'ack', 'ack', 'retry']);
    source.deliver({ id: '2', attempt: 1 });
    await turnOver();
    expect(stream.received.at(-1)).toBe('2');
  });

  it('with a dead letter topic puts dropped events there', async () => {
    const made = rig();
    const stream = await subscribed(made, 't', 'dead');
    const message = made.broker.on('t').deliver({ id: '1' });
    await turnOver();
    stream.settle('1', 'DROP');
    await eventually('it is settled', () => message.settled.length > 0);
    expect(message.settled).toEqual(['ack']);
    expect(made.broker.published.map(({ topic }) => topic)).toEqual(['dead']);
  });

  it('that settles what it does not have is told nothing, and said to the log', async () => {
    const made = rig();
    const stream = await subscribed(made);
    for (let i = 0; i < 50; i++) stream.settle(`ghost ${i}`);
    expect(stream.end_).toBeUndefined();
    expect(said(made, 'warn', 'ghost')).toHaveLength(10);
  });

  it('settles events of one id in the order they were sent', async () => {
    const made = rig();
    const stream = await subscribed(made);
    const source = made.broker.on('t');
    const payload = JSON.stringify({ specversion: '1.0', id: 'same', type: 't', source: 's' });
    const [first, second] = [source.deliver({ id: '1', payload }), source.deliver({ id: '2', payload })];
    await turnOver();
    stream.settle('same', 'RETRY');
    expect([first.settled, second.settled]).toEqual([['retry'], []]);
    stream.settle('same', 'SUCCESS');
    expect([first.settled, second.settled]).toEqual([['retry'], ['ack']]);
  });

  it('gets events in order, more than the broker\'s concurrency at a time, but for those that wait for their key', async () => {
    const broker = new FakeBroker();
    broker.concurrency = 1;
    const made = rig({ broker });
    const stream = await subscribed(made);
    const source = broker.on('t');
    for (const [id, orderKey] of [['1', undefined], ['2', 'k'], ['3', 'k'], ['4', undefined]] as const) source.deliver({ id, ...(orderKey === undefined ? {} : { orderKey }) });
    await turnOver();
    expect(stream.received).toEqual(['ready', '1', '2', '4']);
    stream.settle('2');
    await turnOver();
    expect(stream.received).toEqual(['ready', '1', '2', '4', '3']);
  });

  it('gets no more than it has credit for, and the rest in order when there is some', async () => {
    const made = rig();
    const stream = made.openStream();
    stream.credit = 3;
    stream.initial('p', 't');
    await eventually('the subscription stands', () => stream.received.length > 0);
    const source = made.broker.on('t');
    const messages = ['1', '2', '3', '4'].map((id) => source.deliver({ id }));
    await turnOver();
    expect(stream.received).toEqual(['ready', '1', '2']);
    stream.credit = 1;
    stream.onCredit();
    expect(stream.received).toEqual(['ready', '1', '2', '3']);
    stream.credit = 9;
    stream.onCredit();
    expect(stream.received).toEqual(['ready', '1', '2', '3', '4']);
    stream.onCancel();
    expect(messages.map(({ settled }) => settled.join())).toEqual(['release', 'release', 'release', 'release']);
  });

  it('is not sent what was given up before there was credit', () => {
    const stream = new FakeStream();
    const target = { pubsubName: 'p', topic: 't', rawPayload: false };
    const sent = new TopicStream(stream, () => { throw new Error('unused'); }, memoryLog(), () => undefined);
    stream.credit = 1;
    const eventOf = (id: string) => toEvent(new FakeMessage('t', { id }), target, 0);
    const [, giveUp] = ['1', '2', '3'].map((id) => sent.deliver(eventOf(id), target, '/', () => undefined));
    giveUp!();
    stream.credit = 9;
    stream.onCredit();
    expect(stream.received).toEqual(['1', '3']);
  });

  it('waits for a broker that is away, and keeps its stream when the subscription is started again', async () => {
    const broker = new FakeBroker();
    broker.refusal = 'away';
    const made = rig({ broker });
    const stream = made.openStream();
    stream.initial('p', 't');
    await eventually('it was tried again', () => broker.attempts > 1);
    expect([stream.received, stream.end_]).toEqual([[], undefined]);
    broker.refusal = undefined;
    await eventually('the subscription stands', () => stream.received.length > 0);
    broker.on('t').sink.ended(new Error('lost'));
    await eventually('it runs anew', () => broker.subscriptions.length === 2);
    await eventually('it is open', () => {
      if (stream.received.length === 1) broker.on('t').deliver({ id: '1' });
      return stream.received.length > 1;
    });
    expect(stream.received.filter((what) => what === 'ready')).toHaveLength(1);
  });

  it('does not care whether the application is up', async () => {
    const made = rig({ subscriptions: [subscription({ topic: 'declared' })] });
    const stream = await subscribed(made);
    await made.block.appChanged!('up');
    await made.block.appChanged!('down');
    made.broker.on('t').deliver({ id: '1' });
    await turnOver();
    expect(stream.received).toEqual(['ready', '1']);
    expect(types(made)).toEqual(['DECLARATIVE', 'STREAMING']);
  });

  it('ends well when the block pauses, after what it has was settled', async () => {
    const made = rig();
    const [silent, stream] = [made.openStream(), await subscribed(made)];
    const message = made.broker.on('t').deliver({ id: '1' });
    await turnOver();
    const pausing = made.block.pause!(true);
    await turnOver();
    expect([silent.end_, stream.end_]).toEqual(['ok', undefined]);
    stream.settle('1');
    await pausing;
    expect(stream.end_).toBe('ok');
    expect(message.settled).toEqual(['ack']);
    const late = made.openStream();
    late.initial('p', 't');
    await eventually('it ended', () => late.end_ === 'ok');
    expect(made.broker.live).toEqual([]);
  });

  it('is not waited for longer than a few seconds by a pause', async () => {
    const made = rig();
    const stream = await subscribed(made);
    const message = made.broker.on('t').deliver({ id: '1' });
    await turnOver();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const pausing = made.block.pause!(true);
      await vi.advanceTimersByTimeAsync(5_000);
      vi.useRealTimers();
      await pausing;
    } finally {
      vi.useRealTimers();
    }
    expect(stream.end_).toBe('ok');
    expect(message.settled).toEqual(['release']);
  });
});

describe('a stream over the in-memory broker', () => {
  it('gets a thousand messages in order, and one again that it asks for again', async () => {
    let memory: Broker | undefined;
    const made = rig({ open: (spec, context) => (memory = openMemoryBroker(spec, context)) });
    const stream = await subscribed(made);
    const publish = (id: string) => memory!.publish('t', { data: Buffer.from(JSON.stringify({ specversion: '1.0', id, type: 't', source: 's' })), metadata: undefined });
    const ids = Array.from({ length: 1_000 }, (_, index) => `${index}`);
    for (const id of ids) void publish(id);
    for (let settled = 1; settled <= ids.length; settled++) {
      await eventually('the next one is there', () => stream.received.length > settled);
      stream.settle(stream.received[settled]!);
    }
    expect(stream.received).toEqual(['ready', ...ids]);
    void publish('again');
    await eventually('it is there', () => stream.received.at(-1) === 'again');
    stream.settle('again', 'RETRY');
    await eventually('it is there once more', () => stream.received.length === ids.length + 3);
    stream.settle('again');
    expect(stream.received.slice(-2)).toEqual(['again', 'again']);
  });
});

describe('several subscriptions to one topic', () => {
  /** The application's and one of a stream, over one subscription of the broker. */
  async function both(): Promise<{ made: Rig; stream: FakeStream }> {
    const made = rig({ subscriptions: [subscription()] });
    await made.block.appChanged!('up');
    return { made, stream: await subscribed(made) };
  }

  it('have one at the broker; each gets every message, which is done when all are done', async () => {
    const { made, stream } = await both();
    const second = await subscribed(made);
    expect(made.broker.subscriptions).toHaveLength(1);
    const message = made.broker.on('t').deliver({ id: '1' });
    await turnOver();
    expect([made.kernel.delivered(), stream.received, second.received]).toEqual([['1'], ['ready', '1'], ['ready', '1']]);
    stream.settle('1');
    made.kernel.calls[0]!.answer(200);
    expect(message.settled).toEqual([]);
    second.settle('1');
    expect(message.settled).toEqual(['ack']);
  });

  it('get a message again only where it failed', async () => {
    const { made, stream } = await both();
    const source = made.broker.on('t');
    const message = source.deliver({ id: '1' });
    await turnOver();
    made.kernel.calls[0]!.answer(500);
    stream.settle('1');
    expect(message.settled).toEqual(['retry']);
    const again = source.deliver({ id: '1', attempt: 1 });
    await turnOver();
    expect(made.kernel.calls).toHaveLength(2);
    expect(stream.received).toEqual(['ready', '1']);
    made.kernel.calls[1]!.answer(200);
    expect(again.settled).toEqual(['ack']);
    source.deliver({ id: '1' }); // the same id once more is news again
    await turnOver();
    expect(stream.received).toEqual(['ready', '1', '1']);
  });

  it('stop one by one, the broker\'s with the last', async () => {
    const { made, stream } = await both();
    const source = made.broker.on('t');
    const message = source.deliver({ id: '1' });
    await turnOver();
    made.kernel.calls[0]!.answer(200);
    stream.onCancel();
    await turnOver();
    expect(message.settled).toEqual(['release']);
    expect([source.paused, source.closed]).toEqual([false, false]);
    const again = source.deliver({ id: '1' }); // whoever wanted it has left
    expect(again.settled).toEqual(['ack']);
    await made.block.appChanged!('down');
    expect(source.closed).toBe(true);
  });

  it('find a suspect harmless only when all have worked on it', async () => {
    const kernel = new FakeKernel();
    kernel.suspects.set('p|t|1', 2);
    const made = rig({ kernel, subscriptions: [subscription()] });
    await made.block.appChanged!('up');
    const stream = await subscribed(made);
    const acquit = vi.spyOn(kernel, 'acquit');
    made.broker.on('t').deliver({ id: '1' });
    await eventually('both have it', () => stream.received.length === 2 && kernel.calls.length === 1);
    expect(acquit.mock.calls).toEqual([[['p|t|1']]]);
    expect(kernel.processed).toEqual([['p|t|1'], ['p|t|1']]);
  });

  it('lose nothing and get nothing twice that they acknowledged, whatever each of them says', async () => {
    await fc.assert(fc.asyncProperty(
      fc.array(fc.array(fc.constantFrom('ack', 'retry', 'release'), { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 8 }), fc.boolean(),
      async (rounds, lastFirst) => {
        const broker = new FakeBroker();
        const open: OpenBroker = { name: 'p', driver: broker, toBroker: (topic: string) => topic } as unknown as OpenBroker;
        const sources = new Sources(memoryLog());
        const got: IncomingMessage[][] = [[], [], []];
        const acked = [0, 0, 0];
        const branches: Branch[] = got.map((list) => ({ deliver: (message) => void list.push(message), ended: () => undefined }));
        await Promise.all(branches.map((branch) => sources.join(open, { topic: 't', metadata: {}, minUnsettled: 1 }, branch)));
        const source = broker.on('t');
        for (const verdicts of [...rounds, ['ack', 'ack', 'ack']] as ('ack' | 'retry' | 'release')[][]) {
          const before = got.map((list) => list.length);
          const needs = acked.map((count) => count === 0);
          const message = source.deliver({ id: '1' });
          expect(got.map((list, index) => list.length > before[index]!)).toEqual(needs);
          const order = lastFirst ? [2, 1, 0] : [0, 1, 2];
          for (const index of order.filter((each) => needs[each])) {
            expect(message.settled).toEqual([]);
            const verdict = verdicts[index]!;
            got[index]!.at(-1)![verdict]();
            got[index]!.at(-1)!.ack(); // a second time does nothing
            if (verdict === 'ack') acked[index]!++;
          }
          const all = acked.every((count) => count > 0);
          const failed = order.some((index) => needs[index] && verdicts[index] === 'retry');
          expect(message.settled).toEqual([all ? 'ack' : failed ? 'retry' : 'release']);
          if (all) break;
        }
        expect(acked).toEqual([1, 1, 1]);
      },
    ), { numRuns: 100 });
  });
});
