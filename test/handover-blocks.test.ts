// The state and pub/sub blocks over lives that are replaced in order: what was there goes on, what was under way is answered, nothing
// comes twice, and where the swap comes to nothing, the present life goes on as if nothing had been.
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { TopicEventResponse_TopicEventResponseStatus as Status } from '../proto/gen/dapr/proto/runtime/v1/appcallback.ts';
import { SubscribeTopicEventsRequestAlpha1, SubscribeTopicEventsResponseAlpha1 } from '../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { eventually } from './harness/awaiting.ts';
import { closeLineages, failsToTakeOver, lineage, type Lineage, type LineageStream } from './harness/lineage.ts';
import { subscription } from './harness/pubsub.ts';
import { componentSpec } from './support.ts';

afterEach(closeLineages);

describe('the state block', () => {
  const components = [componentSpec('state.in-memory', {}, 'one'), componentSpec('state.in-memory', {}, 'two')];
  const save = (of: Lineage, store: string, key: string, value: unknown, extra: object = {}) => of.http('SaveState', [store], JSON.stringify([{ key, value, ...extra }]));
  const get = (of: Lineage, store: string, key: string) => of.http('GetState', [store, key]);

  it('keeps what its stores in memory hold, each its own, with etags', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom('one', 'two'), fc.constantFrom('a', 'b', 'c', 'd'), fc.option(fc.json(), { nil: undefined })), { maxLength: 12 }), async (writes) => {
      const block = await lineage({ block: 'state', components });
      for (const [store, key, value] of writes) {
        if (value === undefined) await block.http('DeleteState', [store, key]);
        else await save(block, store, key, JSON.parse(value));
      }
      const all = () => Promise.all(['one', 'two'].flatMap((store) => ['a', 'b', 'c', 'd'].map((key) => get(block, store, key))));
      const before = await all();
      await block.child.restart();
      expect(await all()).toEqual(before);
      const { etag } = before[0]!.headers;
      if (etag !== undefined) {
        expect((await save(block, 'one', 'a', 'x', { etag: 'another' })).status).toBe(409);
        expect((await save(block, 'one', 'a', 'x', { etag })).status).toBe(204);
      }
      await block[Symbol.asyncDispose]();
    }), { numRuns: 15 });
  });

  it('fails no call and loses no write while 20 lives follow each other', async () => {
    const block = await lineage({ block: 'state', components });
    const written = new Map<string, number>();
    let running = true;
    const statuses = new Map<string, number>();
    const count = (what: string): void => void statuses.set(what, (statuses.get(what) ?? 0) + 1);
    const client = async (id: number): Promise<void> => {
      for (let n = 0; running; n++) {
        const key = `k${id}-${n % 50}`;
        const saved = await save(block, 'one', key, n);
        count(`save ${saved.status}`);
        if (saved.status === 204) written.set(key, n);
        count(`get ${(await get(block, 'one', key)).text === String(n) ? 'right' : 'wrong'}`);
        if (n % 10 === 0) await new Promise(setImmediate);
      }
    };
    const clients = Array.from({ length: 8 }, (_, id) => client(id));
    for (let life = 0; life < 20; life++) await block.child.restart();
    running = false;
    await Promise.all(clients);
    expect([...statuses.keys()].toSorted()).toEqual(['get right', 'save 204']);
    for (const [key, n] of written) expect((await get(block, 'one', key)).text).toBe(String(n));
    expect(block.child.info()).toMatchObject({ life: 21, replaced: 20, restarts: 0 });
  });

  it('is not replaced where it holds too much, and says which component; nothing of it is lost', async () => {
    const block = await lineage({ block: 'state', components });
    const value = Buffer.alloc(3 * 1024 * 1024, 'x').toString();
    for (let i = 0; i < 44; i++) expect((await save(block, 'two', String(i), value)).status).toBe(204);
    await expect(block.child.restart()).rejects.toThrow(/component two \(state\.in-memory\/v1\): .*more than can be handed over.*128 MiB/);
    expect((await get(block, 'two', '43')).text).toHaveLength(value.length + 2);
    for (let i = 0; i < 10; i++) await block.http('DeleteState', ['two', String(i)]);
    await block.child.restart();
    expect((await get(block, 'two', '43')).text).toHaveLength(value.length + 2);
    expect((await get(block, 'two', '0')).status).toBe(204);
  });

  it('goes on where the next life fails to take over, also with what came later', async () => {
    const block = await lineage({ block: 'state', components, wrap: failsToTakeOver(2) });
    await save(block, 'one', 'a', 1);
    await expect(block.child.restart()).rejects.toThrow(/could not be handed over/);
    await save(block, 'one', 'b', 2);
    await expect(block.child.restart()).rejects.toThrow(/could not be handed over/);
    expect([(await get(block, 'one', 'a')).text, (await get(block, 'one', 'b')).text]).toEqual(['1', '2']);
  });
});

describe('the pubsub block', () => {
  const components = [componentSpec('pubsub.in-memory', {}, 'p')];
  const publish = (of: Lineage, data: unknown, topic = 't') => of.http('PublishEvent', ['p', topic], JSON.stringify(data), { headers: { 'content-type': 'application/json' } });
  const dataOf = ({ body }: { readonly body: string }): unknown => (JSON.parse(body) as { data: unknown }).data;

  it('loses no message and delivers none twice while 20 lives follow each other under load', async () => {
    const block = await lineage({ block: 'pubsub', components, subscriptions: [subscription()], app: {} });
    let published = 0;
    let running = true;
    const publisher = async (): Promise<void> => {
      while (running) {
        expect((await publish(block, published++)).status).toBe(204);
        if (published % 16 === 0) await new Promise(setImmediate);
      }
    };
    const publishers = [publisher(), publisher(), publisher()];
    for (let life = 0; life < 20; life++) {
      await block.child.restart();
      await eventually('deliveries go on', () => block.asked.length > life * 10);
    }
    running = false;
    await Promise.all(publishers);
    await eventually('all are delivered', () => block.asked.length >= published);
    const got = block.asked.map(dataOf) as number[];
    expect([new Set(got).size, got.length, block.child.info().replaced]).toEqual([published, published, 20]);
  });

  it('brings again what failed, with its attempts; what the application has is waited for', async () => {
    const block = await lineage({ block: 'pubsub', components, subscriptions: [subscription({ metadata: { maxRetries: '2' }, deadLetterTopic: 'dead' }), subscription({ topic: 'dead', rules: [{ match: '', path: '/dead' }] })], app: {} });
    const slow = Promise.withResolvers<number>();
    block.answer = ({ target, body }) => (target === '/dead' ? 200 : body.includes('"slow"') ? slow.promise : 500);
    await publish(block, 'fails');
    await publish(block, 'slow');
    await eventually('both were tried', () => block.asked.length === 2);
    const swap = block.child.restart();
    let over = false;
    void swap.then(() => (over = true));
    await publish(block, 'fails, too');
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(over, 'a delivery is under way').toBe(false);
    slow.resolve(200);
    await swap;
    await eventually('the others are dead letters', () => block.asked.filter(({ target }) => target === '/dead').length === 2);
    const tries = (what: string) => block.asked.filter((asked) => asked.target === '/t' && dataOf(asked) === what).length;
    expect([tries('fails'), tries('fails, too'), tries('slow')], 'attempts are counted over lives').toEqual([3, 3, 1]);
  });

  const initial = (topic = 't') => SubscribeTopicEventsRequestAlpha1.encode({ subscribeTopicEventsRequestType: { $case: 'initialRequest', value: { pubsubName: 'p', topic, metadata: new Map(), deadLetterTopic: undefined } } }).finish();
  const settled = (id: string) => SubscribeTopicEventsRequestAlpha1.encode({ subscribeTopicEventsRequestType: { $case: 'eventProcessed', value: { id, status: { status: Status.SUCCESS } } } }).finish();
  /** What came on a topic's stream: `ready`, or the data of an event with its id. */
  const heard = ({ received }: LineageStream) => received.map((message) => {
    const { subscribeTopicEventsResponseType: response } = SubscribeTopicEventsResponseAlpha1.decode(message);
    return response?.$case === 'eventMessage' ? { data: JSON.parse(Buffer.from(response.value.data).toString()) as unknown, id: response.value.id } : 'ready';
  });

  const settlesAll = (stream: LineageStream): void => {
    stream.onMessage = () => {
      const event = heard(stream).at(-1);
      if (typeof event === 'object') stream.send(settled(event.id));
    };
  };

  it('goes on with a topic\'s stream over 20 lives: told once that it stands, each event once', async () => {
    const block = await lineage({ block: 'pubsub', components });
    const stream = block.stream('SubscribeTopicEventsAlpha1', initial());
    await eventually('it stands', () => stream.received.length === 1);
    settlesAll(stream);
    let published = 0;
    for (let life = 0; life < 20; life++) {
      const swap = block.child.restart();
      for (let i = 0; i < 20; i++) await publish(block, published++);
      await swap;
    }
    await eventually('all came', () => stream.received.length > published);
    const [first, ...events] = heard(stream) as [string, ...{ data: number }[]];
    expect([first, events.map(({ data }) => data), stream.ended]).toEqual(['ready', Array.from({ length: published }, (_, i) => i), undefined]);
    await eventually('it is listed', () => block.child.info().subscriptions.length === 1);
    stream.halfClose();
    await eventually('it ends well', () => stream.ended === 'end');
    await eventually('nobody subscribes', () => block.child.info().subscriptions.length === 0);
  });

  it('brings a stream\'s unsettled events again, and ignores verdicts on what another life sent', async () => {
    const block = await lineage({ block: 'pubsub', components, spec: { drainMs: 50 } });
    const stream = block.stream('SubscribeTopicEventsAlpha1', initial());
    await eventually('it stands', () => stream.received.length === 1);
    await publish(block, 'm');
    await eventually('the event is there', () => stream.received.length === 2);
    await block.child.restart();
    await eventually('it comes again', () => stream.received.length === 3);
    const [, one, again] = heard(stream) as [string, { id: string }, { id: string }];
    expect(again).toEqual(one);
    stream.send(settled('of another life'));
    stream.send(settled(one.id));
    await publish(block, 'n');
    await eventually('the next one comes', () => stream.received.length === 4);
    expect([heard(stream).at(-1), stream.ended, block.texts('warn').filter((text) => !text.includes('is replaced before it has finished'))]).toMatchObject([{ data: 'n' }, undefined, []]);
    expect(block.texts('block').filter((text) => text.includes('level=warn') && text.includes('is not on its stream'))).toEqual([]);
  });

  it('goes on where the next life fails to take over', async () => {
    const block = await lineage({ block: 'pubsub', components, subscriptions: [subscription()], app: {}, wrap: failsToTakeOver(2) });
    const stream = block.stream('SubscribeTopicEventsAlpha1', initial('streamed'));
    await eventually('it stands', () => stream.received.length === 1);
    settlesAll(stream);
    for (let n = 0; n < 3; n++) {
      const failing = expect(block.child.restart()).rejects.toThrow(/could not be handed over/);
      await publish(block, n);
      await publish(block, n, 'streamed');
      await failing;
    }
    await eventually('all came', () => block.asked.length === 3 && stream.received.length === 4);
    expect([block.asked.map(dataOf), heard(stream).slice(1).map((event) => (event as { data: unknown }).data)]).toEqual([[0, 1, 2], [0, 1, 2]]);
  });
});
