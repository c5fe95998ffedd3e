// When deliveries start: at most so many at a time, one after the other within a key, and none is lost or started twice.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Batcher } from '../blocks/pubsub/subscribe/batcher.ts';
import type { IncomingMessage } from '../blocks/pubsub/broker.ts';
import { Lanes, type Schedule } from '../blocks/pubsub/subscribe/lanes.ts';
import { FakeMessage } from './harness/pubsub.ts';

const message = (id: string, orderKey?: string): FakeMessage => new FakeMessage('t', { id, ...(orderKey === undefined ? {} : { orderKey }) });
const ids = (messages: readonly IncomingMessage[]): string[] => messages.map(({ id }) => id);
/** Lets the turn end. */
const turn = (): Promise<void> => new Promise((resolve) => queueMicrotask(() => queueMicrotask(resolve)));

/** What happens: a message comes, or one that runs is done. */
const steps = fc.array(fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('add' as const), key: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('done' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'turn' as const }) },
), { maxLength: 120 });
type Step = (typeof steps) extends fc.Arbitrary<(infer S)[]> ? S : never;

/** Runs the steps, then everything to its end or closes in the middle; checks all along. */
async function check(make: (start: (messages: readonly IncomingMessage[]) => void) => Schedule, all: readonly Step[], { closing, limit, perBatch }: {
  readonly closing: boolean; readonly limit: number; readonly perBatch: boolean;
}): Promise<void> {
  const added: FakeMessage[] = [];
  const started: IncomingMessage[] = [];
  const running: IncomingMessage[] = [];
  const batches = new Map<IncomingMessage, number>();
  let batch = 0;
  const schedule = make((messages) => {
    expect(messages.length).toBeGreaterThan(0);
    batch++;
    for (const one of messages) {
      started.push(one);
      running.push(one);
      batches.set(one, perBatch ? batch : started.length);
    }
    expect(new Set(running.map((one) => batches.get(one))).size).toBeLessThanOrEqual(limit);
    for (const key of ['a', 'b', 'c']) {
      const ofKey = running.filter(({ orderKey }) => orderKey === key);
      expect(new Set(ofKey.map((one) => batches.get(one))).size).toBeLessThanOrEqual(1);
    }
  });
  const finish = (index: number): void => schedule.done(running.splice(index, 1)[0]!);
  schedule.open(limit);
  for (const step of all) {
    if (step.kind === 'add') {
      const one = message(`${added.length}`, step.key);
      added.push(one);
      schedule.add(one);
    } else if (step.kind === 'done') {
      if (running.length > 0) finish(step.pick % running.length);
    } else await turn();
  }
  let left: IncomingMessage[] = [];
  if (closing) left = schedule.close();
  for (;;) {
    await turn();
    if (running.length === 0) break;
    finish(0);
  }
  left.push(...schedule.close());
  expect(new Set([...started, ...left])).toEqual(new Set(added));
  expect(started.length + left.length).toBe(added.length);
  for (const key of ['a', 'b', 'c']) {
    const inOrder = added.filter(({ orderKey }) => orderKey === key);
    expect(ids([...started, ...left].filter(({ orderKey }) => orderKey === key))).toEqual(ids(inOrder));
  }
}

describe('lanes', () => {
  it('keep to the limit and to the order of each key, whatever happens', async () => {
    await fc.assert(fc.asyncProperty(steps, fc.integer({ min: 1, max: 5 }), fc.boolean(), async (all, limit, closing) => {
      await check((start) => new Lanes(start), all, { closing, limit, perBatch: false });
    }), { numRuns: 200 });
  });

  it('start nothing before they are open, and what comes in one turn together', async () => {
    const starts: string[][] = [];
    const lanes = new Lanes((messages) => void starts.push(ids(messages)));
    for (const id of ['1', '2', '3']) lanes.add(message(id));
    await turn();
    expect(starts).toEqual([]);
    lanes.open(2);
    await turn();
    expect(starts).toEqual([['1', '2']]);
  });

  it('without a limit start everything but what waits for its key', async () => {
    const starts: string[][] = [];
    const lanes = new Lanes((messages) => void starts.push(ids(messages)));
    lanes.open(Infinity);
    const first = message('1', 'k');
    for (const one of [first, message('2', 'k'), message('3')]) lanes.add(one);
    await turn();
    expect(starts).toEqual([['1', '3']]);
    lanes.done(first);
    await turn();
    expect(starts).toEqual([['1', '3'], ['2']]);
  });
});

describe('the batcher', () => {
  it('keeps to the limit and to the order of each key, whatever happens', async () => {
    await fc.assert(fc.asyncProperty(steps, fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 5 }), fc.boolean(), async (all, limit, count, closing) => {
      await check((start) => new Batcher({ maxMessagesCount: count, maxAwaitDurationMs: 0 }, start), all, { closing, limit, perBatch: true });
    }), { numRuns: 200 });
  });

  describe('by the clock', () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
    afterEach(() => void vi.useRealTimers());

    const batcher = (maxMessagesCount: number, concurrency = 1) => {
      const starts: FakeMessage[][] = [];
      const made = new Batcher({ maxMessagesCount, maxAwaitDurationMs: 1_000 }, (messages) => void starts.push(messages as FakeMessage[]));
      made.open(concurrency);
      return { made, starts, texts: () => starts.map(ids) };
    };

    it('starts a full batch at once, and the rest when the oldest of it has waited its time', async () => {
      const { made, texts } = batcher(2, 4);
      for (const id of ['1', '2', '3']) made.add(message(id));
      await turn();
      expect(texts()).toEqual([['1', '2']]);
      await vi.advanceTimersByTimeAsync(600);
      expect(texts()).toEqual([['1', '2']]);
      await vi.advanceTimersByTimeAsync(400);
      expect(texts()).toEqual([['1', '2'], ['3']]);
    });

    it('takes a batch for full that would be too large with one more, and sends a larger message alone', async () => {
      const { made, texts } = batcher(10, 4);
      const large = (id: string, bytes: number): FakeMessage => new FakeMessage('t', { id, payload: 'x'.repeat(bytes) });
      for (const [id, bytes] of [['1', 20 << 20], ['2', 12 << 20], ['3', 1], ['4', 33 << 20], ['5', 1]] as const) made.add(large(id, bytes));
      await turn();
      expect(texts()).toEqual([['1', '2'], ['3'], ['4']]);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(texts()).toEqual([['1', '2'], ['3'], ['4'], ['5']]);
    });

    it('lets the timer of the first message count, not that of the last', async () => {
      const { made, texts } = batcher(10);
      made.add(message('1'));
      await vi.advanceTimersByTimeAsync(900);
      made.add(message('2'));
      await turn();
      await vi.advanceTimersByTimeAsync(100);
      expect(texts()).toEqual([['1', '2']]);
    });

    it('starts no batch with a key that runs, and keeps the order within one', async () => {
      const { made, starts, texts } = batcher(2, 4);
      for (const [id, key] of [['1', 'a'], ['2', 'a'], ['3', 'a'], ['4', undefined]] as const) made.add(message(id, key));
      await turn();
      await vi.advanceTimersByTimeAsync(1_000);
      expect(texts()).toEqual([['1', '2'], ['4']]);
      made.done(starts[0]![0]!);
      await turn();
      expect(texts()).toHaveLength(2);
      made.done(starts[0]![1]!);
      await turn();
      expect(texts()).toEqual([['1', '2'], ['4'], ['3']]);
    });

    it('has no timer left when it is closed', async () => {
      const { made, texts } = batcher(2);
      made.add(message('1'));
      await turn();
      expect(vi.getTimerCount()).toBe(1);
      expect(ids(made.close())).toEqual(['1']);
      expect(vi.getTimerCount()).toBe(0);
      expect(texts()).toEqual([]);
    });
  });
});
