// What is subscribed to, what runs, and what becomes of each message: the pub/sub block with a made-up broker and kernel.
import { setImmediate as turnOver } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Grpc } from '../proto/errors.ts';
import { eventually } from './harness/awaiting.ts';
import { FakeBroker, FakeKernel, rig as newRig, subscription, type AppCall, type FakeMessage, type Rig, type RigOptions, type SpecOptions } from './harness/pubsub.ts';

const rigs: Rig[] = [];
afterEach(async () => {
  await Promise.all(rigs.splice(0).map(({ block }) => block.close()));
});

function rig(options: RigOptions = {}): Rig {
  const made = newRig(options);
  rigs.push(made);
  return made;
}

/** A block with one declared subscription that runs. */
async function running(spec: SpecOptions = {}, options: RigOptions = {}): Promise<Rig> {
  const made = rig({ subscriptions: [subscription(spec)], ...options });
  await made.block.appChanged!('up');
  return made;
}

const settled = (messages: readonly FakeMessage[]): string[] => messages.map((message) => message.settled.join());
const listed = ({ block }: Rig): string[] => block.subscriptions!().map(({ pubsubName, topic, type, rules }) => `${type} ${pubsubName}/${topic} ${rules.map(({ path }) => path).join()}`);
const topics = ({ broker }: Rig): string[] => broker.live.map(({ request }) => request.topic).toSorted();
const said = ({ log }: Rig, level: 'info' | 'warn' | 'error', part: string): string[] => log.texts(level).filter((text) => text.includes(part));
/** The application's answer to being asked. */
const names = (...items: object[]) => () => ({ status: 200, body: Buffer.from(JSON.stringify(items)) });

describe('what is subscribed to', () => {
  it('is declared: listed at once, run when the application is up', async () => {
    const made = rig({ subscriptions: [subscription()] });
    expect(listed(made)).toEqual(['DECLARATIVE p/t /t']);
    expect(made.reports()).toBe(1);
    await turnOver();
    expect(topics(made)).toEqual([]);
    await made.block.appChanged!('up');
    expect(topics(made)).toEqual(['t']);
  });

  it('is listed without an application, and does not run', async () => {
    const made = rig({ subscriptions: [subscription()], app: null });
    await made.block.appChanged!('up');
    expect(listed(made)).toEqual(['DECLARATIVE p/t /t']);
    expect(made.broker.attempts).toBe(0);
  });

  it('is for one topic the first declared one', async () => {
    const made = await running({}, { subscriptions: [subscription({ rules: [{ match: '', path: '/first' }] }), subscription({ rules: [{ match: '', path: '/second' }] })] });
    expect(listed(made)).toEqual(['DECLARATIVE p/t /first']);
    made.broker.on('t').deliver();
    await turnOver();
    expect(made.kernel.calls.map(({ request }) => request.target)).toEqual(['/first']);
  });

  it('is the last one that the application names, which replaces a declared one', async () => {
    const kernel = new FakeKernel();
    kernel.subscribe = names({ pubsubname: 'p', topic: 't', route: '/one' }, { pubsubname: 'p', topic: 'other', route: '/other' }, { pubsubname: 'p', topic: 't', route: '/two' });
    const made = await running({}, { kernel, subscriptions: [subscription(), subscription({ topic: 'mine' })] });
    expect(listed(made).toSorted()).toEqual(['DECLARATIVE p/mine /t', 'PROGRAMMATIC p/other /other', 'PROGRAMMATIC p/t /two']);
    expect(topics(made)).toEqual(['mine', 'other', 't']);
    expect(made.broker.attempts).toBe(3); // the declared one was never started
  });

  it('is asked for once in the life of the block', async () => {
    const kernel = new FakeKernel();
    kernel.subscribe = names({ pubsubname: 'p', topic: 'a', route: '/a' });
    const made = rig({ kernel });
    for (let i = 0; i < 3; i++) {
      await made.block.appChanged!('up');
      expect(topics(made)).toEqual(['a']);
      await made.block.appChanged!('down');
      expect(topics(made)).toEqual([]);
    }
    expect(kernel.asked).toBe(1);
  });

  it('is asked for again after a failure, and the declared ones run meanwhile', async () => {
    const kernel = new FakeKernel();
    kernel.subscribe = () => ({ status: 500, body: Buffer.alloc(0) });
    const made = await running({}, { kernel });
    expect(kernel.asked).toBe(3);
    expect(topics(made)).toEqual(['t']);
    expect(said(made, 'error', 'status 500')).toHaveLength(1);
    kernel.subscribe = names({ pubsubname: 'p', topic: 't', route: '/new' });
    await eventually('the application was asked again', () => listed(made)[0] === 'PROGRAMMATIC p/t /new');
    await eventually('it replaced the declared one', () => made.broker.subscriptions.length === 2 && made.broker.subscriptions[0]!.closed);
    made.broker.on('t').deliver();
    await turnOver();
    expect(kernel.calls.map(({ request }) => request.target)).toEqual(['/new']);
  });

  it('has nothing of an answer with a bad rule in it', async () => {
    const kernel = new FakeKernel();
    kernel.subscribe = names({ pubsubname: 'p', topic: 'good', route: '/a' }, { pubsubname: 'p', topic: 'bad', routes: { rules: [{ match: 'event.type ==', path: '/x' }] } });
    const made = await running({}, { kernel });
    expect(listed(made)).toEqual(['DECLARATIVE p/t /t']);
    expect(topics(made)).toEqual(['t']);
    expect(said(made, 'error', 'topic bad of pubsub p')).toHaveLength(1);
  });

  it('is not asked for where the sidecar was told not to', async () => {
    const made = rig({ app: { askSubscriptions: false } });
    await made.block.appChanged!('up');
    await made.block.appChanged!('down');
    await made.block.appChanged!('up');
    expect(made.kernel.asked).toBe(0);
  });

  it('may be of a pubsub that is not there, or of a topic that is out of bounds: listed, not run, said once', async () => {
    const made = await running({}, {
      subscriptions: [subscription({ pubsubName: 'nowhere' }), subscription({ topic: 'secret' }), subscription()],
      metadata: { protectedTopics: 'secret' },
    });
    await made.block.appChanged!('down');
    await made.block.appChanged!('up');
    expect(listed(made)).toEqual(['DECLARATIVE nowhere/t /t', 'DECLARATIVE p/secret /t', 'DECLARATIVE p/t /t']);
    expect(topics(made)).toEqual(['t']);
    expect(said(made, 'error', 'pubsub nowhere is not found')).toHaveLength(1);
    expect(said(made, 'error', "subscription to topic 'secret' on pubsub 'p' is not allowed")).toHaveLength(1);
  });

  it.each([
    [{ metadata: { maxRetries: '-1' } }, 'maxRetries is "-1"'],
    [{ metadata: { maxRetries: 'many' } }, 'maxRetries is "many"'],
    [{ rules: [{ match: 'event.type ==', path: '/x' }] }, 'bad match expression'],
  ] satisfies [SpecOptions, string][])('does not run when it is wrong in itself: %j', async (spec, text) => {
    const made = await running(spec);
    expect(made.broker.attempts).toBe(0);
    expect(said(made, 'error', text)).toHaveLength(1);
    expect(listed(made)).toHaveLength(1);
  });
});

describe('what runs', () => {
  it('is tried again for as long as the broker refuses, with few lines', async () => {
    const broker = new FakeBroker();
    broker.refusal = 'the broker is away';
    const made = await running({}, { broker });
    expect(broker.attempts).toBe(1); // up was answered after one try
    await eventually('it was tried again', () => broker.attempts >= 4);
    expect(said(made, 'error', 'the broker is away')).toHaveLength(1);
    broker.refusal = undefined;
    await eventually('it runs', () => topics(made).length === 1);
  });

  it('waits for its component without trying, and starts when that is ready', async () => {
    const broker = new FakeBroker();
    let refuse = true;
    const made = await running({}, { broker, open: () => {
      if (refuse) throw new Error('not yet');
      return broker;
    } });
    expect(broker.attempts).toBe(0);
    refuse = false;
    await eventually('it runs', () => topics(made).length === 1);
    expect(broker.attempts).toBe(1);
    expect(said(made, 'error', 'can\'t be started')).toEqual([]);
  });

  it('is started again when the broker ended it; what is under way is settled all the same', async () => {
    const made = await running();
    const first = made.broker.on('t');
    const message = first.deliver({ id: '1' });
    await turnOver();
    first.sink.ended(new Error('rebalanced'));
    await eventually('it runs anew', () => made.broker.subscriptions.length === 2);
    expect(first.closed).toBe(true);
    expect(said(made, 'error', 'rebalanced')).toHaveLength(1);
    made.kernel.calls[0]!.answer(200);
    expect(message.settled).toEqual(['ack']);
  });

  it('hands a message back that comes while nobody wants it', async () => {
    const made = await running();
    const source = made.broker.on('t');
    await made.block.appChanged!('down');
    expect(source.deliver().settled).toEqual(['release']);
  });
});

describe('a message', () => {
  it.each([
    ['2xx', (call) => call.answer(204), 'ack', undefined],
    ['SUCCESS', (call) => call.answer(200, '{"status":"SUCCESS"}'), 'ack', undefined],
    ['RETRY', (call) => call.answer(200, '{"status":"RETRY"}'), 'retry', undefined],
    ['DROP', (call) => call.answer(200, '{"status":"DROP"}'), 'ack', 'is dropped'],
    ['404', (call) => call.answer(404), 'ack', 'is dropped'],
    ['500', (call) => call.answer(500), 'retry', 'was not handled'],
    ['no answer', (call) => call.fail({ code: Grpc.UNAVAILABLE, message: 'gone' }), 'retry', 'gone'],
  ] satisfies [string, (call: FakeKernel['calls'][number]) => void, string, string | undefined][])('is settled by %s, without a dead letter topic', async (_, answer, expected, warning) => {
    const made = await running();
    const message = made.broker.on('t').deliver();
    await turnOver();
    expect(message.settled).toEqual([]);
    answer(made.kernel.calls[0]!);
    await turnOver();
    expect(message.settled).toEqual([expected]);
    if (warning !== undefined) expect(said(made, 'warn', warning)).toHaveLength(1);
    expect(made.broker.published).toEqual([]);
  });

  it('becomes a dead letter, as it came, when it is dropped or failed', async () => {
    const made = await running({ deadLetterTopic: 'dead' });
    const source = made.broker.on('t');
    const messages = ['1', '2', '3'].map((id) => source.deliver({ id, metadata: { from: id } }));
    await turnOver();
    made.kernel.calls[0]!.answer(200, '{"status":"DROP"}');
    made.kernel.calls[1]!.answer(500);
    made.kernel.calls[2]!.answer(200);
    await eventually('all are settled', () => messages.every((message) => message.settled.length > 0));
    expect(settled(messages)).toEqual(['ack', 'ack', 'ack']);
    expect(made.broker.published).toEqual(['1', '2'].map((id, index) => ({ topic: 'dead', data: Buffer.from(messages[index]!.data).toString(), metadata: { from: id } })));
  });

  it.each([
    ['of the subscription', { metadata: { maxRetries: '2' } }, { deliveryMaxRetries: '5' }],
    ['of the component', {}, { deliveryMaxRetries: '2' }],
  ])('is tried again before that as often as the metadata %s says', async (_, spec, metadata) => {
    const made = await running({ deadLetterTopic: 'dead', ...spec }, { metadata });
    const source = made.broker.on('t');
    const messages = [0, 1, 2].map((attempt) => source.deliver({ id: `${attempt}`, attempt }));
    await turnOver();
    for (const call of made.kernel.calls) call.answer(500);
    await eventually('all are settled', () => messages.every((message) => message.settled.length > 0));
    expect(settled(messages)).toEqual(['retry', 'retry', 'ack']);
    expect(made.broker.published).toHaveLength(1);
  });

  it('goes on coming without a dead letter topic, and once it is an error', async () => {
    const made = await running({ metadata: { maxRetries: '2' } });
    const source = made.broker.on('t');
    const messages = [0, 1, 2, 3].map((attempt) => source.deliver({ id: `m${attempt}`, attempt }));
    await turnOver();
    for (const call of made.kernel.calls) call.answer(500);
    expect(settled(messages)).toEqual(['retry', 'retry', 'retry', 'retry']);
    expect(said(made, 'error', 'goes on coming')).toEqual([expect.stringContaining('m2 was not handled in 3 deliveries') as unknown]);
  });

  it.each([['alone', {}], ['in a batch', { bulk: { enabled: true, maxMessagesCount: 2, maxAwaitDurationMs: 20 } }]])(
    'has not failed when the application was not there: it waits for it, %s, and is no dead letter', async (_, spec) => {
      const made = await running({ deadLetterTopic: 'dead', ...spec });
      const source = made.broker.on('t');
      const messages = ['1', '2'].map((id) => source.deliver({ id }));
      const absent = { code: Grpc.UNAVAILABLE, message: 'connection refused', unasked: true } as const;
      let answered = 0;
      for (let round = 0; round < 3; round++) {
        await eventually('they are delivered', () => made.kernel.calls.length > answered);
        while (answered < made.kernel.calls.length) made.kernel.calls[answered++]!.fail(absent);
      }
      expect(messages.map((message) => message.settled)).toEqual([[], []]);
      await eventually('they are delivered again', () => made.kernel.calls.length > answered);
      const takeAll = (call: AppCall): void => {
        const { entries = [] } = JSON.parse(call.body) as { readonly entries?: readonly { readonly entryId: string }[] };
        call.answer(200, JSON.stringify({ statuses: entries.map(({ entryId }) => ({ entryId, status: 'SUCCESS' })) }));
      };
      made.kernel.auto = takeAll;
      while (answered < made.kernel.calls.length) takeAll(made.kernel.calls[answered++]!);
      await eventually('they are settled', () => messages.every((message) => message.settled.length > 0));
      expect(settled(messages)).toEqual(['ack', 'ack']);
      expect(made.broker.published).toEqual([]);
    });

  it('goes back to the broker when it waits for the application and the subscription ends', async () => {
    const made = await running({ deadLetterTopic: 'dead' });
    const message = made.broker.on('t').deliver({ id: '1' });
    await turnOver();
    made.kernel.calls[0]!.fail({ code: Grpc.UNAVAILABLE, message: 'connection refused', unasked: true });
    await made.block.pause!(true);
    expect(message.settled).toEqual(['release']);
  });

  it('is never lost when the dead letter topic is out of reach', async () => {
    const made = await running({ deadLetterTopic: 'dead' });
    made.broker.publishing = () => { throw new Error('full'); };
    const message = made.broker.on('t').deliver({ id: '1' });
    await turnOver();
    made.kernel.calls[0]!.answer(404);
    await eventually('it is settled', () => message.settled.length > 0);
    expect(message.settled).toEqual(['retry']);
    expect(said(made, 'error', 'full')).toHaveLength(1);
  });

  it.each([
    ['is no event', { payload: 'no JSON' }, 'can\'t be read as an event'],
    ['can\'t be routed', { data: {} }, 'can\'t be routed'],
  ])('that %s is a dead letter at once, or the broker\'s to decide', async (_, options, text) => {
    const rules = [{ match: 'event.data.kind == "a"', path: '/a' }];
    for (const [deadLetterTopic, how] of [['', 'retry'], ['dead', 'ack']] as const) {
      const made = await running({ deadLetterTopic, rules, metadata: { maxRetries: '9' } });
      const message = made.broker.on('t').deliver(options);
      await eventually('it is settled', () => message.settled.length > 0);
      expect(message.settled).toEqual([how]);
      expect(made.broker.published.map(({ topic }) => topic)).toEqual(deadLetterTopic === '' ? [] : ['dead']);
      expect(made.kernel.calls).toEqual([]);
      expect(said(made, 'error', text)).toHaveLength(1);
    }
  });

  it('that no rule matches is dropped, with a copy', async () => {
    const made = await running({ deadLetterTopic: 'dead', rules: [{ match: 'event.data.kind == "a"', path: '/a' }] });
    const source = made.broker.on('t');
    const [wanted, unwanted] = [source.deliver({ id: '1', data: { kind: 'a' } }), source.deliver({ id: '2', data: { kind: 'b' } })];
    await eventually('it is settled', () => unwanted.settled.length > 0);
    expect([wanted.settled, unwanted.settled]).toEqual([[], ['ack']]);
    expect(made.kernel.delivered()).toEqual(['1']);
    expect(made.broker.published).toHaveLength(1);
    expect(said(made, 'warn', '')).toEqual([]);
  });

  it('that has expired is dropped, with a copy', async () => {
    const made = await running({ deadLetterTopic: 'dead' });
    const message = made.broker.on('t').deliver({ payload: JSON.stringify({ specversion: '1.0', id: '1', type: 't', source: 's', expiration: '2020-01-01T00:00:00Z' }) });
    await eventually('it is settled', () => message.settled.length > 0);
    expect(message.settled).toEqual(['ack']);
    expect(made.broker.published).toHaveLength(1);
    expect(said(made, 'warn', 'has expired')).toHaveLength(1);
  });

  it('is delivered raw where the subscription says so', async () => {
    const made = await running({ metadata: { rawPayload: 'true' } });
    made.broker.on('t').deliver({ payload: 'no JSON' });
    await turnOver();
    expect(JSON.parse(made.kernel.calls[0]!.body)).toMatchObject({ data_base64: Buffer.from('no JSON').toString('base64') });
  });

  it('is one of as many as the broker allows at a time, and waits for its key', async () => {
    const broker = new FakeBroker();
    broker.concurrency = 2;
    const made = await running({}, { broker });
    const source = broker.on('t');
    for (const [id, orderKey] of [['1', 'a'], ['2', 'a'], ['3', undefined], ['4', undefined]] as const) source.deliver({ id, ...(orderKey === undefined ? {} : { orderKey }) });
    await turnOver();
    expect(made.kernel.delivered()).toEqual(['1', '3']);
    made.kernel.calls[1]!.answer(200);
    await turnOver();
    expect(made.kernel.delivered()).toEqual(['1', '3', '4']);
    made.kernel.calls[0]!.answer(500);
    await turnOver();
    expect(made.kernel.delivered()).toEqual(['1', '3', '4', '2']);
  });

  it('makes few lines, however many fail', async () => {
    const made = await running();
    made.kernel.auto = (call) => call.answer(500);
    const source = made.broker.on('t');
    const messages = Array.from({ length: 500 }, (_, index) => source.deliver({ id: `${index}` }));
    await eventually('all are settled', () => messages.every((message) => message.settled.length > 0));
    expect(said(made, 'warn', '')).toHaveLength(10);
    await made.block.close();
    expect(said(made, 'warn', '490 more lines')).toHaveLength(1);
  });
});

describe('what the block works on', () => {
  it('is known to the kernel while it does, by one name for each message', async () => {
    const made = await running();
    const source = made.broker.on('t');
    source.deliver({ id: '1' });
    source.deliver({ id: '2' });
    await turnOver();
    expect(made.kernel.processed).toEqual([['p|t|1', 'p|t|2']]);
    expect(made.kernel.working).toBe(0);
  });

  it.each(['', 'dead'])('is put away when it ended too many lives, with a dead letter topic "%s"', async (deadLetterTopic) => {
    const kernel = new FakeKernel();
    kernel.suspects.set('p|t|bad', 3);
    const made = await running({ deadLetterTopic }, { kernel });
    const source = made.broker.on('t');
    const [bad, good] = [source.deliver({ id: 'bad' }), source.deliver({ id: 'good' })];
    await eventually('it is settled', () => bad.settled.length > 0);
    expect(bad.settled).toEqual(['ack']);
    expect(kernel.delivered()).toEqual(['good']);
    expect(kernel.acquitted).toEqual(['p|t|bad']);
    expect(kernel.processed.flat()).toEqual(['p|t|good']);
    expect(made.broker.published.map(({ topic }) => topic)).toEqual(deadLetterTopic === '' ? [] : ['dead']);
    expect(said(made, 'error', 'message bad of topic t')).toEqual([expect.stringMatching(/3 times.*\d+ bytes, sha256 [\da-f]{16}/) as unknown]);
    kernel.calls[0]!.answer(200);
    expect(good.settled).toEqual(['ack']);
  });

  it('stays under suspicion while it can\'t be put away', async () => {
    const kernel = new FakeKernel();
    kernel.suspects.set('p|t|bad', 3);
    const made = await running({ deadLetterTopic: 'dead' }, { kernel });
    made.broker.publishing = () => { throw new Error('full'); };
    const bad = made.broker.on('t').deliver({ id: 'bad' });
    await eventually('it is settled', () => bad.settled.length > 0);
    expect(bad.settled).toEqual(['retry']);
    expect(kernel.acquitted).toEqual([]);
    expect(kernel.calls).toEqual([]);
  });

  it('is worked on alone when it is under suspicion, and acquitted when nothing happened', async () => {
    const kernel = new FakeKernel();
    kernel.suspects.set('p|t|2', 2);
    const made = await running({}, { kernel });
    const source = made.broker.on('t');
    for (const id of ['1', '2', '3']) source.deliver({ id });
    await eventually('all are delivered', () => kernel.calls.length === 3);
    expect(kernel.processed).toEqual([['p|t|1', 'p|t|3'], ['p|t|2']]);
    expect(kernel.acquitted).toEqual(['p|t|2']);
  });

  it('is never put away where the component says so', async () => {
    const kernel = new FakeKernel();
    kernel.suspects.set('p|t|1', 99);
    const made = await running({}, { kernel, metadata: { poisonThreshold: '0' } });
    made.broker.on('t').deliver({ id: '1' });
    await eventually('it is delivered', () => kernel.calls.length === 1);
  });
});

describe('a bulk subscription', () => {
  const bulk = { enabled: true, maxMessagesCount: 3, maxAwaitDurationMs: 60_000 };
  const entriesOf = (made: Rig, call = 0) => (JSON.parse(made.kernel.calls[call]!.body) as { entries: { entryId: string; event: { id: string } }[] }).entries;
  const statuses = (made: Rig, call: number, ...each: string[]) => JSON.stringify({ statuses: each.map((status, index) => ({ entryId: entriesOf(made, call)[index]!.entryId, status })) });

  it('asks the broker for a batch, and delivers it when it is full; each entry has its own fate', async () => {
    const made = await running({ bulk, deadLetterTopic: 'dead', metadata: { maxRetries: '1' } });
    const source = made.broker.on('t');
    expect(source.request.minUnsettled).toBe(3);
    const messages = ['1', '2', '3', '4'].map((id) => source.deliver({ id }));
    await turnOver();
    expect(made.kernel.calls).toHaveLength(1);
    expect(entriesOf(made).map(({ event }) => event.id)).toEqual(['1', '2', '3']);
    expect(made.kernel.processed).toEqual([['p|t|1', 'p|t|2', 'p|t|3']]);
    made.kernel.calls[0]!.answer(200, statuses(made, 0, 'SUCCESS', 'RETRY', 'DROP'));
    await eventually('they are settled', () => messages.slice(0, 3).every((message) => message.settled.length > 0));
    expect(settled(messages)).toEqual(['ack', 'retry', 'ack', '']);
    expect(made.broker.published).toHaveLength(1);
  });

  it('delivers a batch that does not fill up when its time is over', async () => {
    const made = await running({ bulk: { ...bulk, maxAwaitDurationMs: 30 } });
    made.broker.on('t').deliver({ id: '1' });
    await turnOver();
    expect(made.kernel.calls).toEqual([]);
    await eventually('it is delivered', () => made.kernel.calls.length === 1);
  });

  it('delivers at once what there is where the component says so', async () => {
    const broker = new FakeBroker();
    broker.features = ['BULK_SUBSCRIBE_IMMEDIATE'];
    const made = await running({ bulk }, { broker });
    broker.on('t').deliver({ id: '1' });
    broker.on('t').deliver({ id: '2' });
    await turnOver();
    expect(entriesOf(made).map(({ event }) => event.id)).toEqual(['1', '2']);
  });

  it.each([[undefined, 100], [{ maxMessagesCount: 80, maxAwaitDurationMs: 10_000 }, 80]])('has the defaults of its component, %j', async (bulkDefaults, expected) => {
    const broker = new FakeBroker();
    if (bulkDefaults !== undefined) broker.bulkDefaults = bulkDefaults;
    await running({ bulk: { enabled: true } }, { broker });
    expect(broker.on('t').request.minUnsettled).toBe(expected);
  });

  it('makes a request for each path, and delivers what matches no rule at the path ""', async () => {
    const made = await running({ bulk, rules: [{ match: 'event.data.kind == "a"', path: '/a' }] });
    for (const [id, kind] of [['1', 'a'], ['2', 'b'], ['3', 'a']]) made.broker.on('t').deliver({ id: id!, data: { kind } });
    await turnOver();
    expect(made.kernel.calls.map(({ request }) => request.target)).toEqual(['/a', '/']);
    expect([0, 1].map((call) => entriesOf(made, call).map(({ event }) => event.id))).toEqual([['1', '3'], ['2']]);
  });

  it('asks a gRPC application by the former name where it does not know the new one, and then no more by the new one', async () => {
    const made = rig({ subscriptions: [subscription({ bulk: { ...bulk, maxMessagesCount: 1 } })], app: { protocol: 'grpc', askSubscriptions: false } });
    await made.block.appChanged!('up');
    const source = made.broker.on('t');
    const unimplemented = { code: Grpc.UNIMPLEMENTED, message: 'unknown method' };
    const methods = (): string[] => made.kernel.calls.map(({ request }) => request.target.split('/').at(-1)!);
    const first = source.deliver({ id: '1' });
    await turnOver();
    made.kernel.calls[0]!.fail(unimplemented);
    expect(methods()).toEqual(['OnBulkTopicEvent', 'OnBulkTopicEventAlpha1']);
    made.kernel.calls[1]!.fail({ code: Grpc.INTERNAL, message: 'broken' });
    expect(first.settled).toEqual(['retry']);
    const second = source.deliver({ id: '2' });
    await turnOver();
    expect(methods().at(-1)).toBe('OnBulkTopicEventAlpha1');
    made.kernel.calls[2]!.fail(unimplemented);
    expect(second.settled).toEqual(['ack']);
    source.deliver({ id: '3' });
    await turnOver();
    expect(methods().at(-1)).toBe('OnBulkTopicEvent');
  });

  it('gives back what was not delivered when it stops', async () => {
    const made = await running({ bulk });
    const message = made.broker.on('t').deliver();
    await turnOver();
    await made.block.appChanged!('down');
    expect(message.settled).toEqual(['release']);
    expect(made.kernel.calls).toEqual([]);
  });

  it('gives a batch up as a whole when it is closed', async () => {
    const made = await running({ bulk });
    const messages = ['1', '2', '3'].map((id) => made.broker.on('t').deliver({ id }));
    await turnOver();
    await made.block.close();
    expect(made.kernel.calls.map(({ givenUp }) => givenUp)).toEqual([true]);
    expect(settled(messages)).toEqual(['release', 'release', 'release']);
  });
});

describe('a subscription that stops', () => {
  it('lets what runs finish, gives back what did not start, and only then leaves the broker', async () => {
    const broker = new FakeBroker();
    broker.concurrency = 1;
    const made = await running({ deadLetterTopic: 'dead' }, { broker });
    const source = broker.on('t');
    const [first, second] = [source.deliver({ id: '1' }), source.deliver({ id: '2' })];
    await turnOver();
    const down = made.block.appChanged!('down') as Promise<void>;
    expect([source.paused, source.closed]).toEqual([true, false]);
    expect(settled([first, second])).toEqual(['', 'release']);
    const late = source.deliver({ id: '3' });
    await turnOver();
    expect(late.settled).toEqual([]);
    expect(source.closed).toBe(false);
    made.kernel.calls[0]!.answer(200);
    await down;
    expect(source.closed).toBe(true);
    expect(settled([first, second, late])).toEqual(['ack', 'release', 'release']);
    expect(broker.published).toEqual([]);
    expect(made.kernel.calls).toHaveLength(1);
  });

  it('before the broker has begun to deliver leaves it when it does, and hands nothing over', async () => {
    const broker = new FakeBroker();
    const begun = Promise.withResolvers<void>();
    const subscribe = broker.subscribe.bind(broker);
    broker.subscribe = async (request, sink) => {
      const source = await subscribe(request, sink);
      await begun.promise;
      return source;
    };
    const made = rig({ broker, subscriptions: [subscription()] });
    const up = made.block.appChanged!('up');
    await eventually('it was tried', () => broker.attempts === 1);
    const message = broker.on('t').deliver();
    await made.block.appChanged!('down');
    await up;
    begun.resolve();
    await eventually('it left', () => broker.live.length === 0);
    expect(message.settled).toEqual(['release']);
    expect(made.kernel.calls).toEqual([]);
  });

  it('starts again when the application is back, after the old one has left', async () => {
    const made = await running();
    const old = made.broker.on('t');
    old.deliver({ id: '1' });
    await turnOver();
    void made.block.appChanged!('down');
    const up = made.block.appChanged!('up');
    await turnOver();
    expect(made.broker.subscriptions).toHaveLength(1);
    made.kernel.calls[0]!.answer(200);
    await up;
    expect(old.closed).toBe(true);
    expect(topics(made)).toEqual(['t']);
  });

  it('stays stopped after a pause, and publishing goes on', async () => {
    const made = await running();
    await made.block.pause!(true);
    expect(topics(made)).toEqual([]);
    await made.block.appChanged!('up');
    expect(topics(made)).toEqual([]);
    expect(made.broker.closed).toBe(false);
  });

  it('is not waited for by a close: deliveries are given up and their messages go back', async () => {
    const made = await running({ deadLetterTopic: 'dead' });
    const source = made.broker.on('t');
    const message = source.deliver();
    await turnOver();
    const pausing = made.block.pause!(true);
    expect(message.settled).toEqual([]);
    await made.block.close();
    await pausing;
    expect(made.kernel.calls[0]!.givenUp).toBe(true);
    expect(message.settled).toEqual(['release']);
    expect([source.closed, made.broker.closed]).toEqual([true, true]);
    expect(made.broker.published).toEqual([]);
    await made.block.close();
  });
});
