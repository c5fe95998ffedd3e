// Deliveries under policies for inbound calls: an event comes again before its delivery counts as failed, alone or with what else
// failed of its batch, and a subscription that closes waits for no retry.
import { setImmediate as turnOver } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Grpc } from '../proto/errors.ts';
import type { PolicySet, RetryPolicy } from '../proto/resiliency.ts';
import { eventually } from './harness/awaiting.ts';
import { FakeKernel, rig as newRig, subscription, type AppCall, type Rig, type SpecOptions } from './harness/pubsub.ts';

const RETRY: RetryPolicy = { policy: 'constant', durationMs: 1, maxIntervalMs: 60_000, maxElapsedMs: 900_000, maxRetries: 2, httpStatusCodes: [], grpcStatusCodes: [] };
const LONG: RetryPolicy = { ...RETRY, durationMs: 60_000 };
const BREAKER = { name: 'cb', maxRequests: 1, intervalMs: 0, timeoutMs: 60_000, trip: 'consecutiveFailures > 1' };

const rigs: Rig[] = [];
afterEach(async () => void await Promise.all(rigs.splice(0).map(({ block }) => block.close())));

interface Given {
  readonly policies: Partial<PolicySet>;
  readonly spec?: SpecOptions;
  /** Answers the application's calls, in order; those beyond have to be answered by the test. */
  readonly statuses?: readonly number[];
  readonly auto?: (call: AppCall) => void;
}

/** A block with one subscription under policies, which runs. */
async function running({ policies, spec = {}, statuses = [], auto }: Given): Promise<Rig> {
  const kernel = new FakeKernel();
  let answered = 0;
  kernel.auto = auto ?? ((call) => {
    const status = statuses[answered++];
    if (status !== undefined) call.answer(status);
  });
  const made = newRig({ subscriptions: [subscription(spec)], kernel, resiliency: { target: 'Pubsub_p', inbound: { resource: { name: 'r', namespace: '' }, ...policies } } });
  rigs.push(made);
  await turnOver();
  await made.block.appChanged!('up');
  return made;
}

const ids = (call: AppCall): string[] => (JSON.parse(call.body) as { entries: { event: { id: string } }[] }).entries.map(({ event }) => event.id);
/** Answers a batch: entries whose event is among those named get that status. */
const judge = (call: AppCall, statuses: Readonly<Record<string, string>>): void => {
  const { entries } = JSON.parse(call.body) as { entries: { entryId: string; event: { id: string } }[] };
  call.answer(200, JSON.stringify({ statuses: entries.map(({ entryId, event }) => ({ entryId, status: statuses[event.id] ?? 'SUCCESS' })) }));
};

describe('an event', () => {
  it('comes again as the policy says, the same, while its message stays where it is', async () => {
    const made = await running({ policies: { retry: RETRY }, statuses: [500, 500, 200] });
    const message = made.broker.on('t').deliver({ id: 'e' });
    await eventually('it is settled', () => message.settled.length > 0);
    expect([message.settled, made.kernel.calls.length, new Set(made.kernel.calls.map(({ body }) => body)).size]).toEqual([['ack'], 3, 1]);
    expect(made.log.texts('info').slice(-2)).toEqual(['Error processing operation component[p] input. Retrying in 1ms…', 'Recovered processing operation component[p] input after 3 attempts']);
  });

  it('is the broker\'s again, or a dead letter, when the policy has had enough: one failed delivery', async () => {
    for (const deadLetterTopic of ['', 'dead']) {
      const made = await running({ policies: { retry: { ...RETRY, maxRetries: 4 } }, spec: { deadLetterTopic }, auto: (call) => call.answer(500) });
      const message = made.broker.on('t').deliver({ id: 'e' });
      await eventually('it is settled', () => message.settled.length > 0);
      expect([message.settled, made.kernel.calls.length, made.broker.published.map(({ topic }) => topic)]).toEqual(deadLetterTopic === '' ? [['retry'], 5, []] : [['ack'], 5, ['dead']]);
    }
  });

  it.each([[404, 'ack', 1], [503, 'retry', 3], [400, 'retry', 1]])('that the application answers with %i is settled by %s after %i calls', async (status, settled, calls) => {
    const made = await running({ policies: { retry: { ...RETRY, httpStatusCodes: [[500, 599]] } }, auto: (call) => call.answer(status) });
    const message = made.broker.on('t').deliver();
    await eventually('it is settled', () => message.settled.length > 0);
    expect([message.settled.join(), made.kernel.calls.length]).toEqual([settled, calls]);
  });

  it('that the application is not there for waits as ever, uncounted, and its breaker lets the next one through', async () => {
    const away = { code: Grpc.UNAVAILABLE, message: 'nobody there', unasked: true };
    let calls = 0;
    const made = await running({ policies: { retry: RETRY, breaker: { ...BREAKER, trip: 'consecutiveFailures > 0' } }, auto: (call) => (++calls < 3 ? call.fail(away) : call.answer(200)) });
    const message = made.broker.on('t').deliver();
    await eventually('it is settled', () => message.settled.length > 0);
    expect([message.settled.join(), calls]).toEqual(['ack', 3]);
    expect(made.log.texts('info').join('\n')).not.toContain('Retrying');
  });

  it('that takes too long is given up and comes again', async () => {
    const made = await running({ policies: { timeoutMs: 5, retry: { ...RETRY, maxRetries: 1 } } });
    const message = made.broker.on('t').deliver();
    await eventually('it is settled', () => message.settled.length > 0);
    expect([message.settled.join(), made.kernel.calls.map(({ givenUp }) => givenUp)]).toEqual(['retry', [true, true]]);
    expect(made.log.texts('warn').at(-1)).toContain('context deadline exceeded');
  });

  it('is not handed over while the breaker is open', async () => {
    const made = await running({ policies: { breaker: BREAKER, retry: { ...RETRY, maxRetries: -1 } }, spec: { deadLetterTopic: 'dead' }, auto: (call) => call.answer(500) });
    const messages = ['a', 'b'].map((id) => made.broker.on('t').deliver({ id }));
    await eventually('they are settled', () => messages.every(({ settled }) => settled.length > 0));
    expect([made.kernel.calls.length, made.broker.published.length]).toEqual([2, 2]);
    expect(made.log.texts('error').every((text) => text.includes('circuit breaker is open'))).toBe(true);
  });

  it('keeps its turn: what has the same key waits behind it, what has another one doesn\'t', async () => {
    const made = await running({ policies: { retry: { ...RETRY, durationMs: 20 } }, statuses: [500, 200, 200, 200] });
    const on = made.broker.on('t');
    const messages = [['a', 'x'], ['b', 'x'], ['c', 'y']].map(([id, orderKey]) => on.deliver({ id: id!, orderKey: orderKey! }));
    await eventually('all are settled', () => messages.every(({ settled }) => settled.length > 0));
    expect(made.kernel.delivered()).toEqual(['a', 'c', 'a', 'b']);
  });

  it('on a stream comes again with its id', async () => {
    const made = await running({ policies: { retry: RETRY } });
    const stream = made.openStream();
    stream.initial('p', 's');
    await eventually('it stands', () => stream.received.includes('ready'));
    const message = made.broker.on('s').deliver({ id: 'e' });
    await eventually('it is there', () => stream.received.length === 2);
    stream.settle('e', 'RETRY');
    await eventually('it is there again', () => stream.received.length === 3);
    stream.settle('e');
    await eventually('it is settled', () => message.settled.length > 0);
    expect([stream.received, message.settled]).toEqual([['ready', 'e', 'e'], ['ack']]);
  });
});

describe('a batch', () => {
  const bulk = { enabled: true, maxMessagesCount: 3, maxAwaitDurationMs: 1_000 };

  it('comes again without what is done, whatever codes the policy names', async () => {
    const made = await running({ policies: { retry: { ...RETRY, httpStatusCodes: [[429, 429]], grpcStatusCodes: [[1, 1]] } }, spec: { bulk, deadLetterTopic: 'dead' }, auto: (call) => judge(call, { b: ids(call).length === 3 ? 'RETRY' : 'SUCCESS', c: 'RETRY' }) });
    const messages = ['a', 'b', 'c'].map((id) => made.broker.on('t').deliver({ id }));
    await eventually('all are settled', () => messages.every(({ settled }) => settled.length > 0));
    expect(made.kernel.calls.map(ids)).toEqual([['a', 'b', 'c'], ['b', 'c'], ['c']]);
    expect([messages.map(({ settled }) => settled.join()), made.broker.published.length]).toEqual([['ack', 'ack', 'ack'], 1]);
  });

  it('is one call for the breaker, and what it refuses has failed', async () => {
    const made = await running({ policies: { breaker: BREAKER }, spec: { bulk: { ...bulk, maxMessagesCount: 2 } }, auto: (call) => call.answer(500) });
    for (let batch = 0; batch < 3; batch++) {
      const messages = ['a', 'b'].map((id) => made.broker.on('t').deliver({ id }));
      await eventually('the batch is settled', () => messages.every(({ settled }) => settled.join() === 'retry'));
    }
    expect(made.kernel.calls).toHaveLength(2);
    expect(made.log.texts('warn').filter((text) => text.includes('circuit breaker is open'))).not.toEqual([]);
  });
});

describe('a subscription that closes', () => {
  it('gives back at once what waits for a retry, untried, and makes no dead letter of it', async () => {
    const made = await running({ policies: { retry: LONG }, spec: { deadLetterTopic: 'dead' }, statuses: [500] });
    const message = made.broker.on('t').deliver();
    await eventually('it waits for its retry', () => made.log.texts('info').some((text) => text.includes('Retrying in 1m0s')));
    await made.block.pause!(true);
    expect([message.settled, made.kernel.calls.length, made.broker.published]).toEqual([['release'], 1, []]);
  });

  it('lets what is under way come to its end, and retries it no more', async () => {
    const made = await running({ policies: { retry: LONG }, spec: { deadLetterTopic: 'dead', bulk: { enabled: true, maxMessagesCount: 2, maxAwaitDurationMs: 1_000 } } });
    const messages = ['a', 'b'].map((id) => made.broker.on('t').deliver({ id }));
    await eventually('the application has it', () => made.kernel.calls.length === 1);
    const pausing = made.block.pause!(true);
    judge(made.kernel.calls[0]!, { b: 'RETRY' });
    await pausing;
    expect([messages.map(({ settled }) => settled.join()), made.kernel.calls.length, made.broker.published]).toEqual([['ack', 'release'], 1, []]);
  });

  it('without retries judges what failed by then as ever', async () => {
    const made = await running({ policies: { timeoutMs: 60_000 }, spec: { deadLetterTopic: 'dead' } });
    const message = made.broker.on('t').deliver();
    await eventually('the application has it', () => made.kernel.calls.length === 1);
    const pausing = made.block.pause!(true);
    made.kernel.calls[0]!.answer(500);
    await pausing;
    expect([message.settled, made.broker.published.length]).toEqual([['ack'], 1]);
  });

  it('gives up what is under way when it may not wait', async () => {
    const made = await running({ policies: { retry: RETRY } });
    const message = made.broker.on('t').deliver();
    await eventually('the application has it', () => made.kernel.calls.length === 1);
    await made.block.close();
    expect([message.settled, made.kernel.calls[0]?.givenUp]).toEqual([['release'], true]);
  });
});
