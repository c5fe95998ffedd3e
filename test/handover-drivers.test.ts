// What drivers in memory hand to the next life, and that it is all they had: whatever came before, the next life answers as the
// former one would have, and a life that follows a death has nothing of it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Broker, BrokerSubscription, IncomingMessage } from '../blocks/pubsub/broker.ts';
import { openMemoryBroker } from '../blocks/pubsub/memory/broker.ts';
import { openMemoryStore } from '../blocks/state/memory.ts';
import { openSqliteStore } from '../blocks/state/sqlite.ts';
import type { StateStore } from '../blocks/state/store.ts';
import { Inbox, outgoing } from './conformance/broker.ts';
import { componentSpec, driverContext, memoryCheckpoints, memoryLog, read, removal, SCOPE, upsert, type MemoryCheckpoints } from './support.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'Date', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const folder = mkdtempSync(join(tmpdir(), 'bulkhead-handover-'));
afterAll(() => rmSync(folder, { recursive: true }));

const context = (checkpoints: MemoryCheckpoints, log = memoryLog()) => ({ ...driverContext(log), checkpoints });

describe('state.sqlite in memory', () => {
  const open = (checkpoints: MemoryCheckpoints, connectionString = ':memory:') => openSqliteStore(componentSpec('state.sqlite', { connectionString }), context(checkpoints));

  it('goes on with every row', async () => {
    const checkpoints = memoryCheckpoints();
    const store = await open(checkpoints);
    const keys = ['a', 'ключ', 'binary', 'expires', 'null'];
    await store.set(upsert('a', '{"n":1}'), SCOPE);
    await store.set(upsert('ключ', '"я"'), SCOPE);
    await store.set(upsert('binary', Buffer.from([0, 255, 128])), SCOPE);
    await store.set(upsert('expires', '1', { metadata: { ttlInSeconds: '3600' } }), SCOPE);
    await store.set(upsert('null', undefined), SCOPE);
    const before = await Promise.all(keys.map((key) => store.get(read(key), SCOPE)));
    store.handOver?.();
    const next = await open(checkpoints.next('handover'));
    expect(await Promise.all(keys.map((key) => next.get(read(key), SCOPE)))).toEqual(before);
    await next.set(upsert('a', '2', { etag: before[0]!.etag }), SCOPE);
    next.handOver?.();
    expect(await (await open(checkpoints.next('crash'))).get(read('a'), SCOPE)).toBeUndefined();
    for (const one of [store, next]) await one.close();
  });

  it('is none in a file: that one is there for every life', async () => {
    const store = await open(memoryCheckpoints(), join(folder, 'state.db'));
    expect(store.handOver).toBeUndefined();
    await store.close();
  });
});

describe('state.in-memory', () => {
  const open = (checkpoints: MemoryCheckpoints) => openMemoryStore(componentSpec('state.in-memory'), context(checkpoints));
  const KEYS = ['a', 'app||b', 'ключ', '\ud800', '\udc00\ud800', ''];
  const operation = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('set' as const), key: fc.constantFrom(...KEYS), value: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined }), ttl: fc.constantFrom('', '1', '5', '3600') }) },
    fc.record({ kind: fc.constant('delete' as const), key: fc.constantFrom(...KEYS) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 2_500 }) }),
  );
  type Step = typeof operation extends fc.Arbitrary<infer T> ? T : never;

  const apply = (store: StateStore, step: Step): void => {
    if (step.kind === 'wait') vi.advanceTimersByTime(step.ms);
    else if (step.kind === 'delete') void store.delete(removal(step.key), SCOPE);
    else void store.set(upsert(step.key, step.value === undefined ? undefined : Uint8Array.from(step.value), { metadata: step.ttl === '' ? {} : { ttlInSeconds: step.ttl } }), SCOPE);
  };
  const seen = (store: StateStore): unknown[] => KEYS.map((key) => {
    const item = store.get(read(key), SCOPE) as Exclude<ReturnType<StateStore['get']>, Promise<unknown>>;
    return item && { ...item, data: item.data && Buffer.from(item.data).toString('hex') };
  });

  it('goes on with every value, etag and expiry, over as many lives as there are', () => {
    fc.assert(fc.property(fc.array(operation, { maxLength: 30 }), fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 3 }), (steps, pauses) => {
      const checkpoints = memoryCheckpoints();
      const store = open(checkpoints);
      for (const step of steps) apply(store, step);
      store.handOver?.();
      let [last, left] = [store, checkpoints];
      for (const pause of pauses) {
        left = left.next('handover');
        last = open(left);
        expect(seen(last)).toEqual(seen(store));
        vi.advanceTimersByTime(pause);
        expect(seen(last), 'expiries go on').toEqual(seen(store));
        last.handOver?.();
      }
      for (const key of KEYS) {
        const etag = (store.get(read(key), SCOPE) as { etag?: string } | undefined)?.etag;
        if (etag === undefined) continue;
        expect(() => last.set(upsert(key, '"x"', { etag: 'another' }), SCOPE)).toThrow(/etag/);
        expect(last.set(upsert(key, '"x"', { etag }), SCOPE)).toBeUndefined();
      }
      expect(checkpoints.kept.size, 'nothing of it is a checkpoint').toBe(0);
      for (const one of [store, last]) void one.close();
    }), { numRuns: 60 });
  });

  it('has nothing after a death', () => {
    const checkpoints = memoryCheckpoints();
    const store = open(checkpoints);
    void store.set(upsert('a', '"1"'), SCOPE);
    store.handOver?.();
    expect(open(checkpoints.next('crash')).get(read('a'), SCOPE)).toBeUndefined();
  });

  it('changes nothing by handing over, and hands over in pieces', () => {
    const checkpoints = memoryCheckpoints();
    const store = open(checkpoints);
    const value = Buffer.alloc(1024, 'x');
    for (let i = 0; i < 1_000; i++) void store.set(upsert(String(i), value), SCOPE);
    void store.set(upsert('large', Buffer.alloc(3 * 1024 * 1024, 'y')), SCOPE);
    store.handOver?.();
    expect(store.get(read('999'), SCOPE)).toMatchObject({ data: value });
    const pieces = [...checkpoints.handed.values()].flat();
    expect(pieces.length).toBeGreaterThan(8);
    expect(pieces.length).toBeLessThan(20);
    const next = open(checkpoints.next('handover'));
    expect(next.get(read('large'), SCOPE)).toMatchObject({ data: Buffer.alloc(3 * 1024 * 1024, 'y') });
    for (let i = 0; i < 1_000; i++) expect((next.get(read(String(i)), SCOPE) as { data: Uint8Array }).data.buffer.byteLength, 'no such value keeps its piece alive').toBe(1024);
  });

  it('goes on where it holds too much', () => {
    const checkpoints = { ...memoryCheckpoints(), hand: () => { throw new Error('too much'); } };
    const store = openMemoryStore(componentSpec('state.in-memory'), context(checkpoints));
    expect(() => store.handOver?.()).not.toThrow();
    void store.set(upsert('a', '"1"'), SCOPE);
    expect(() => store.handOver?.()).toThrow('too much');
    expect(store.get(read('a'), SCOPE)).toBeDefined();
  });
});

describe('pubsub.in-memory', () => {
  const open = (checkpoints: MemoryCheckpoints, metadata: Readonly<Record<string, string>> = {}) => openMemoryBroker(componentSpec('pubsub.in-memory', metadata), context(checkpoints));
  const subscribe = (broker: Broker, topic: string, inbox: Inbox): BrokerSubscription => broker.subscribe({ topic, metadata: {}, minUnsettled: 1 }, inbox) as BrokerSubscription;
  /** As a block does it: whatever waits is kept, subscriptions close, publishing goes on a little, then it is handed over. */
  const handOver = async (broker: Broker, subscriptions: readonly BrokerSubscription[], between: () => void = () => {}): Promise<void> => {
    broker.keepForSuccessor?.(true);
    for (const subscription of subscriptions) await subscription.close();
    between();
    broker.handOver?.();
  };
  const acking = (got: IncomingMessage[] = []): Inbox => new Inbox((message) => {
    got.push(message);
    message.ack();
  });

  it('goes on with what was not acknowledged: ids, order and attempts, and nothing that was', async () => {
    const settle = fc.constantFrom('ack' as const, 'retry' as const, 'release' as const, 'nothing' as const);
    await fc.assert(fc.asyncProperty(fc.array(settle, { maxLength: 40 }), fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 5 }), async (verdicts, waitMs, late) => {
      const checkpoints = memoryCheckpoints();
      const broker = open(checkpoints, { concurrency: '16' });
      const queue = [...verdicts];
      const first = new Inbox();
      const subscription = subscribe(broker, 't', first);
      const expected = new Map<string, { text: string; attempt: number; retried: boolean }>();
      for (const index of verdicts.keys()) void broker.publish('t', outgoing(String(index)));
      for (const message of first.messages.splice(0)) {
        const verdict = queue.shift();
        if (verdict !== 'ack') expected.set(message.id, { text: Buffer.from(message.data).toString(), attempt: message.attempt + Number(verdict === 'retry'), retried: verdict === 'retry' });
        if (verdict !== undefined && verdict !== 'nothing') message[verdict]();
      }
      subscription.pause();
      vi.advanceTimersByTime(waitMs);
      await handOver(broker, [subscription], () => {
        for (let i = 0; i < late; i++) void broker.publish('t', outgoing(`late ${i}`));
      });
      const next = open(checkpoints.next('handover'), { concurrency: '16' });
      void next.publish('t', outgoing('after'));
      const got: IncomingMessage[] = [];
      subscribe(next, 't', acking(got));
      vi.advanceTimersByTime(60_000);
      expect(got.map(({ id }) => id).toSorted()).toEqual([...new Set(got.map(({ id }) => id))].toSorted());
      const texts = got.map(({ data }) => Buffer.from(data).toString());
      const unacked = [...expected.values()].map(({ text }) => text);
      const neverOut = verdicts.map(String).slice(verdicts.length - queue.length);
      expect(texts.toSorted()).toEqual([...unacked, ...neverOut, ...Array.from({ length: late }, (_, i) => `late ${i}`), 'after'].toSorted());
      for (const message of got) {
        const known = expected.get(message.id);
        if (known !== undefined) expect([Buffer.from(message.data).toString(), message.attempt]).toEqual([known.text, known.attempt]);
      }
      const inOrder = texts.filter((text) => ![...expected.values()].some((one) => one.retried && one.text === text));
      const numbers = inOrder.filter((text) => /^\d+$/.test(text)).map(Number);
      expect(numbers, 'what failed may be late, nothing else is').toEqual(numbers.toSorted((a, b) => a - b));
      expect(inOrder.slice(numbers.length)).toEqual([...Array.from({ length: late }, (_, i) => `late ${i}`), 'after']);
      for (const one of [broker, next]) await one.close();
    }), { numRuns: 60 });
  });

  it('keeps a retry waiting for as long as it had to', async () => {
    const checkpoints = memoryCheckpoints();
    const broker = open(checkpoints);
    const inbox = new Inbox((message) => message.retry());
    const subscription = subscribe(broker, 't', inbox);
    void broker.publish('t', outgoing('m'));
    for (let attempts = 1; attempts < 6; attempts++) vi.advanceTimersByTime(100 * 2 ** attempts);
    const before = inbox.messages.length;
    expect(before).toBeGreaterThan(3);
    await handOver(broker, [subscription]);
    const got: IncomingMessage[] = [];
    subscribe(open(checkpoints.next('handover')), 't', acking(got));
    vi.advanceTimersByTime(10);
    expect(got, 'its backoff is not over').toEqual([]);
    vi.advanceTimersByTime(30_000);
    expect(got.map(({ attempt }) => attempt)).toEqual([before]);
  });

  it('keeps queues apart: topics, patterns, and several of one topic', async () => {
    const checkpoints = memoryCheckpoints();
    const broker = open(checkpoints);
    const subscriptions = ['a', 'a', 'a*', '*', 'b'].map((topic) => subscribe(broker, topic, new Inbox()));
    void broker.publish('a', outgoing('1'));
    void broker.publish('ab', outgoing('2'));
    await handOver(broker, subscriptions);
    const next = open(checkpoints.next('handover'));
    const boxes = ['a', 'a', 'a*', '*', 'b'].map((topic) => {
      const inbox = acking();
      subscribe(next, topic, inbox);
      return inbox;
    });
    vi.advanceTimersByTime(1);
    expect(boxes.map((inbox) => inbox.texts())).toEqual([['1'], ['1'], ['2'], ['1', '2'], []]);
  });

  it('lets nobody wait for room meanwhile, takes twice as much, and then refuses at once', async () => {
    const broker = open(memoryCheckpoints(), { maxQueueBytes: '3000', concurrency: '1' });
    const subscription = subscribe(broker, 't', new Inbox());
    const publish = (): unknown => broker.publish('t', outgoing('x'.repeat(1000)));
    const results = [publish(), publish(), publish(), publish(), publish()];
    const outcomes = Promise.allSettled(results);
    expect(results.map((result) => result instanceof Promise)).toEqual([false, false, true, true, true]);
    broker.keepForSuccessor?.(true);
    expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
    await expect(publish()).rejects.toThrow(/is full/);
    broker.keepForSuccessor?.(false);
    const waiting = publish();
    expect(waiting).toBeInstanceOf(Promise);
    await subscription.close();
    await waiting;
  });

  it('goes on in the same life where nobody takes over', async () => {
    const checkpoints = memoryCheckpoints();
    const broker = open(checkpoints);
    const first = new Inbox();
    await handOver(broker, [subscribe(broker, 't', first)], () => void broker.publish('t', outgoing('2')));
    void broker.publish('t', outgoing('3'));
    broker.keepForSuccessor?.(false);
    const got: IncomingMessage[] = [];
    const back = subscribe(broker, 't', acking(got));
    void broker.publish('t', outgoing('4'));
    vi.advanceTimersByTime(1);
    expect(got.map(({ data }) => Buffer.from(data).toString())).toEqual(['2', '3', '4']);
    await back.close();
    void broker.publish('t', outgoing('nobody subscribes'));
    subscribe(broker, 't', acking(got));
    vi.advanceTimersByTime(1);
    expect(got).toHaveLength(3);
  });

  it('waits a minute for a subscription to come back, and no longer', async () => {
    const checkpoints = memoryCheckpoints();
    const broker = open(checkpoints);
    await handOver(broker, ['t', 'u'].map((topic) => subscribe(broker, topic, new Inbox())), () => {
      void broker.publish('t', outgoing('1'));
      void broker.publish('u', outgoing('1'));
    });
    const next = open(checkpoints.next('handover'));
    vi.advanceTimersByTime(59_000);
    const [t, u] = [acking(), acking()];
    subscribe(next, 't', t);
    vi.advanceTimersByTime(2_000);
    subscribe(next, 'u', u);
    vi.advanceTimersByTime(1);
    expect([t.texts(), u.texts()]).toEqual([['1'], []]);
  });

  it('settles nothing twice: what an old subscription has in its hands is not its any more', async () => {
    const broker = open(memoryCheckpoints());
    const first = new Inbox();
    const subscription = subscribe(broker, 't', first);
    void broker.publish('t', outgoing('m'));
    broker.keepForSuccessor?.(true);
    await subscription.close();
    broker.keepForSuccessor?.(false);
    const second = new Inbox();
    subscribe(broker, 't', second);
    first.messages[0]?.ack();
    await subscription.close();
    vi.advanceTimersByTime(1);
    expect(second.texts()).toEqual(['m']);
    second.messages[0]?.release();
    vi.advanceTimersByTime(1);
    expect(second.texts()).toEqual(['m', 'm']);
  });
});
