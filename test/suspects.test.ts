// What a block's lives died over, and what a block may ask of its kernel: remembered across lives, bounded, never trusted.
import { afterEach, describe, expect, it } from 'vitest';
import { ChannelKernel, type AppAnswer } from '../blocks/kernel.ts';
import { Calls } from '../ipc/calls.ts';
import { EMPTY } from '../ipc/frame.ts';
import { openLocalPair } from '../ipc/local.ts';
import type { AppChannel, AppReply } from '../kernel/app/channel.ts';
import { BlockCalls } from '../kernel/block-calls.ts';
import { MAX_ID_LENGTH, MAX_SUSPECTS, Suspects } from '../kernel/suspects.ts';
import { Control, type PackedAppRequest } from '../proto/control.ts';
import { Grpc } from '../proto/errors.ts';
import type { SubscriptionStatus } from '../proto/init.ts';
import { eventually } from './harness/awaiting.ts';
import { memoryLog } from './support.ts';

describe('suspects', () => {
  it('are counted once for each life that ends, and told with all their deaths', () => {
    const suspects = new Suspects();
    expect(suspects.lifeEnded([['a', 'b'], ['a']])).toEqual([['a', 1], ['b', 1]]);
    expect(suspects.lifeEnded([['a'], ['c']])).toEqual([['a', 2], ['c', 1]]);
    expect(suspects.list()).toEqual([['b', 1], ['a', 2], ['c', 1]]);
    expect(suspects.lifeEnded([])).toEqual([]);
  });

  it('are forgotten when they are acquitted', () => {
    const suspects = new Suspects();
    suspects.lifeEnded([['a', 'b']]);
    suspects.acquit(['a', 'never heard of']);
    expect(suspects.list()).toEqual([['b', 1]]);
    expect(suspects.lifeEnded([['a']])).toEqual([['a', 1]]);
  });

  it('are bounded in number and length: the oldest make way, and what is too long is not kept', () => {
    const suspects = new Suspects();
    suspects.lifeEnded([['old', 'older']]);
    suspects.lifeEnded([['old']]);
    suspects.lifeEnded([Array.from({ length: MAX_SUSPECTS - 1 }, (_, index) => `m${index}`)]);
    expect(suspects.size).toBe(MAX_SUSPECTS);
    expect(suspects.list()[0]).toEqual(['old', 2]);
    const crowd = Array.from({ length: 3 * MAX_SUSPECTS }, (_, index) => `n${index}`);
    expect(suspects.lifeEnded([['x'.repeat(MAX_ID_LENGTH + 1), 'y'.repeat(MAX_ID_LENGTH)], crowd])).toHaveLength(MAX_SUSPECTS);
    expect(suspects.size).toBe(MAX_SUSPECTS);
    expect(suspects.list()[0]).toEqual(['y'.repeat(MAX_ID_LENGTH), 1]);
  });
});

describe('a block that calls its kernel', () => {
  interface Made {
    readonly request: PackedAppRequest;
    readonly body: Uint8Array;
    readonly deadlineMs: number;
    readonly reply: AppReply;
    givenUp: boolean;
  }
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });

  /** Both ends of a life, with an application that the test answers for. */
  function life(withApp = true) {
    const [near, far] = openLocalPair({ maxFrameBytes: 1 << 20, poison: true });
    const made: Made[] = [];
    const app: AppChannel = {
      state: 'up', found: true, inFlight: 0, start: () => {}, close: async () => {},
      call: (request, body, deadlineMs, reply) => {
        const call: Made = { request, body, deadlineMs, reply, givenUp: false };
        made.push(call);
        return () => void (call.givenUp = true);
      },
    };
    const reports: (readonly SubscriptionStatus[])[] = [];
    const acquitted: string[] = [];
    const served = new BlockCalls({
      components: () => {}, subscriptions: (subscriptions) => void reports.push(subscriptions), acquit: (ids) => void acquitted.push(...ids), app: () => (withApp ? app : undefined), checkpoints: { set: () => true, delete: () => {}, hand: () => false },
    }, () => kernel.over);
    const kernel: Calls = new Calls(near, { ids: 'odd', serve: served.serve, maxIncoming: 64, maxQueuedBytes: 1 << 20 });
    const block = new Calls(far, { ids: 'even', serve: () => {}, maxIncoming: 1, maxQueuedBytes: 1 << 20 });
    closers.push(() => block.close());
    const ask = (method: number, head: unknown): Promise<{ code: number; message: string | undefined }> =>
      new Promise((resolve) => void block.open(method, 0, head, EMPTY, 0, { onEnd: (code, _flags, answer) => resolve({ code, message: (answer as { message?: string } | undefined)?.message }) }));
    const host = new ChannelKernel(block, { suspects: [['a', 2]], checkpoints: [] }, memoryLog());
    const callApp = (): { answer: Promise<AppAnswer>; giveUp: () => void } => {
      let giveUp = (): void => {};
      const answer = new Promise<AppAnswer>((resolve) => {
        giveUp = host.callApp({ verb: 'POST', target: '/x', headers: ['a', 'b'], body: Buffer.from('body'), deadlineMs: 5_000 }, ({ status, body, failure }) => resolve({ status, body: Buffer.from(body), ...(failure && { failure }) }));
      });
      return { answer, giveUp };
    };
    return { made, reports, acquitted, served, kernel, block, host, ask, callApp };
  }

  it('reaches the application, and keeps nothing that was only lent', async () => {
    const { made, callApp, ask } = life();
    const { answer } = callApp();
    await ask(Control.ACQUITTED, ['after', 'the', 'call', 'was', 'served']);
    const [call] = made;
    expect(call).toMatchObject({ request: ['POST', '/x', ['a', 'b']], givenUp: false });
    expect(Buffer.from(call?.body ?? EMPTY).toString()).toBe('body');
    expect(call?.deadlineMs).toBeGreaterThan(4_000);
    call?.reply.onAnswer(404, Buffer.from('not here'));
    expect(await answer).toEqual({ status: 404, body: Buffer.from('not here') });
  });

  it('hears of a failure with its code', async () => {
    const { made, callApp } = life();
    const { answer } = callApp();
    await eventually('the call is there', () => made.length === 1);
    made[0]?.reply.onFailure(Grpc.DEADLINE_EXCEEDED, 'too slow');
    expect(await answer).toMatchObject({ status: 0, failure: { code: Grpc.DEADLINE_EXCEEDED, message: 'too slow' } });
  });

  it('gives calls up, as its death does', async () => {
    const { made, callApp, block } = life();
    const { giveUp } = callApp();
    callApp();
    await eventually('the calls are there', () => made.length === 2);
    giveUp();
    await eventually('the first is given up', () => made[0]?.givenUp);
    expect(made[1]?.givenUp).toBe(false);
    block.close();
    await eventually('so is the second', () => made[1]?.givenUp);
  });

  it('is told when there is no application', async () => {
    expect(await life(false).callApp().answer).toMatchObject({ status: 0, failure: { code: Grpc.UNAVAILABLE, message: 'no application is configured: start the sidecar with --app-port' } });
  });

  it('is remembered with what it works on, until it says that it is done', async () => {
    const { served, host, block, kernel } = life();
    const done = host.processing(['a']);
    host.processing(['b', 'x'.repeat(MAX_ID_LENGTH + 1)]);
    await eventually('both are known', () => [...served.working].length === 2);
    done();
    await eventually('one is done', () => [...served.working].length === 1);
    block.close();
    await kernel.ended;
    expect([...served.working], 'what is open at its end stays').toEqual([['b']]);
  });

  it('acquits suspects it has', async () => {
    const { acquitted, host } = life();
    host.acquit(['a', 'unknown']);
    await eventually('the kernel knows', () => acquitted.length === 1);
    expect(acquitted).toEqual(['a']);
  });

  it('reports its subscriptions', async () => {
    const { reports, ask } = life();
    const status: SubscriptionStatus = { pubsubName: 'p', topic: 't', metadata: { a: 'b' }, rules: [{ match: '', path: '/x' }], deadLetterTopic: '', type: 'DECLARATIVE' };
    expect(await ask(Control.SUBSCRIPTIONS, [{ ...status, more: 1 }])).toMatchObject({ code: Grpc.OK });
    expect(reports).toEqual([[status]]);
  });

  it.each<[string, number, unknown]>([
    ['a call without a triple', Control.APP, 'POST'],
    ['a call with another verb', Control.APP, ['DELETE', '/x', []]],
    ['a call without a target', Control.APP, ['GET', 1, []]],
    ['a call with half a header', Control.APP, ['GET', '/x', ['a']]],
    ['a call with headers of another kind', Control.APP, ['GET', '/x', ['a', 1]]],
    ['ids that are none', Control.PROCESSING, [1]],
    ['no ids', Control.ACQUITTED, undefined],
    ['a report that is no list', Control.SUBSCRIPTIONS, {}],
    ['a report of nothing', Control.SUBSCRIPTIONS, [undefined]],
    ['a report with a type of its own', Control.SUBSCRIPTIONS, [{ pubsubName: 'p', topic: 't', metadata: {}, rules: [], deadLetterTopic: '', type: 'OTHER' }]],
    ['a report with metadata of another kind', Control.SUBSCRIPTIONS, [{ pubsubName: 'p', topic: 't', metadata: { a: 1 }, rules: [], deadLetterTopic: '', type: 'STREAMING' }]],
    ['a report with half a rule', Control.SUBSCRIPTIONS, [{ pubsubName: 'p', topic: 't', metadata: {}, rules: [{ match: '' }], deadLetterTopic: '', type: 'STREAMING' }]],
  ])('with %s is refused, and nothing is kept', async (_, method, head) => {
    const { made, reports, served, ask } = life();
    expect(await ask(method, head)).toMatchObject({ code: Grpc.INTERNAL });
    expect([made, reports, [...served.working]]).toEqual([[], [], []]);
  });

  it('for something the kernel does not have is told so', async () => {
    expect(await life().ask(Control.PING, undefined)).toEqual({ code: Grpc.UNIMPLEMENTED, message: `the kernel has no method ${Control.PING}` });
  });
});
