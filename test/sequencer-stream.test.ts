// NextIds: the order of answers, what ends a stream, and how much may be under way in either direction.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import type { StreamCall } from '../blocks/block.ts';
import { ChannelStream } from '../blocks/stream.ts';
import { Calls, INITIAL_CREDIT } from '../ipc/calls.ts';
import { EMPTY } from '../ipc/frame.ts';
import { openLocalPair } from '../ipc/local.ts';
import { ApiError, Grpc } from '../proto/errors.ts';
import { eventually } from './harness/awaiting.ts';
import { askBytes, FakeStore, openSequencer, type FakeStream, type SequencerRig } from './harness/sequencer.ts';

const STRONG = 1;
/** Requests that may be unanswered before the client is asked to wait. */
const MAX_UNANSWERED = 64;
const settled = () => new Promise<void>((resolve) => void setImmediate(resolve));
const failureOf = (stream: FakeStream) => (stream.ended instanceof ApiError ? { code: stream.ended.failure.grpc, message: stream.ended.failure.message } : stream.ended);

let store: FakeStore;
let rig: SequencerRig;
let stream: FakeStream;
beforeEach(async () => {
  store = new FakeStore();
  rig = openSequencer({ S: { store } });
  await rig.grpc({ key: 'first' }); // the component runs
  stream = rig.stream();
});
afterEach(async () => { await rig.block.close(); });

describe('answers', () => {
  it('come at once for ids that are there, one for each request', () => {
    for (const count of [0, 1, 3, 10_000]) stream.ask({ count });
    expect(stream.answers.map((ids) => [ids[0], ids.length])).toEqual([[1n, 1], [2n, 1], [3n, 3], [6n, 10_000]]);
  });

  it('keep the order of the requests, whatever each waits for', async () => {
    store.behaviour = 'manual';
    stream.ask({ key: 'a', increment: STRONG });
    stream.ask({ key: 'b', increment: STRONG, count: 2 });
    stream.ask({ key: 'first' }); // there already
    stream.ask({ key: 'c', count: 3 });
    expect(store.pending.map(({ key }) => key)).toEqual(['a', 'b', 'c'].map((key) => `sequencer|||A||${key}`));
    for (const pending of [...store.pending].reverse()) {
      expect(stream.answers).toEqual([]);
      pending.answer();
      await settled();
    }
    expect(stream.answers).toEqual([[1n], [1n, 2n], [2n], [1n, 2n, 3n]]);
    expect(stream.ended).toBeUndefined();
  });

  it('end with the stream when the client has asked for all', async () => {
    stream.ask();
    stream.onHalfClose();
    expect(stream.ended).toBe('OK');
    store.behaviour = 'later';
    const other = rig.stream();
    for (let i = 0; i < 5; i++) other.ask({ increment: STRONG });
    other.onHalfClose();
    expect(other.ended).toBeUndefined();
    await settled();
    expect(other.answers).toHaveLength(5);
    expect(other.ended).toBe('OK');
    const empty = rig.stream();
    empty.onHalfClose();
    expect(empty.ended).toBe('OK');
  });

  it('of one stream may be of many stores and keys', () => {
    for (const key of ['x', 'y', 'x']) stream.ask({ key });
    expect(stream.answers).toEqual([[1n], [1n], [2n]]);
  });
});

describe('a request that fails', () => {
  it.each<[string, Parameters<FakeStream['ask']>[0], number, string]>([
    ['of no store', { storeName: 'X' }, Grpc.INVALID_ARGUMENT, 'sequencer store X not found'],
    ['of no key', { key: '' }, Grpc.INVALID_ARGUMENT, 'Key is empty in sequencer store S'],
    ['of too many', { count: 10_001 }, Grpc.INVALID_ARGUMENT, 'Count 10001 is not from 0 to 10000 in sequencer store S'],
  ])('%s ends the stream with its status', (_, ask, code, message) => {
    stream.ask();
    stream.ask(ask);
    stream.ask();
    stream.onHalfClose();
    expect(stream.answers).toEqual([[1n]]);
    expect(failureOf(stream)).toEqual({ code, message });
  });

  it('that is no message ends the stream too', () => {
    stream.onMessage(Uint8Array.of(0x0a, 0x7f));
    expect(failureOf(stream)).toMatchObject({ code: Grpc.INTERNAL, message: expect.stringContaining('grpc: error unmarshalling request') });
  });

  it('lets those before it be answered first, and takes no ids for those after it', async () => {
    store.behaviour = 'manual';
    stream.ask({ increment: STRONG });
    stream.ask({ count: -1 });
    stream.ask({ increment: STRONG });
    expect(stream.ended).toBeUndefined();
    expect(store.pending).toHaveLength(1);
    store.pending[0]?.answer();
    await settled();
    expect(stream.answers).toEqual([[1n]]);
    expect(failureOf(stream)).toEqual({ code: Grpc.INVALID_ARGUMENT, message: 'Count -1 is not from 0 to 10000 in sequencer store S' });
  });

  it('at the store fails the stream in its turn, and frees what waits behind it', async () => {
    store.behaviour = 'manual';
    stream.ask({ increment: STRONG });
    stream.ask({ increment: STRONG });
    stream.ask({ key: 'weak' });
    const [first, second, third] = store.pending;
    second?.fail(new Error('away'));
    await settled();
    expect(stream.ended).toBeUndefined();
    stream.ask({ key: 'first' });
    first?.answer();
    await settled();
    expect(stream.answers).toEqual([[1n]]);
    expect(failureOf(stream)).toEqual({ code: Grpc.INTERNAL, message: 'failed to get the next id of k from sequencer store S: away' });
    third?.answer(); // comes for nobody, and is kept
    await settled();
    expect((await rig.grpc({ key: 'weak' })).ids).toEqual([1n]);
  });
});

describe('a client that leaves', () => {
  it('is answered nothing more, and frees what waits for it', async () => {
    store.behaviour = 'manual';
    stream.ask({ increment: STRONG });
    stream.ask({ key: 'weak' });
    stream.onCancel();
    for (const pending of [...store.pending]) pending.answer();
    await settled();
    expect(stream.answers).toEqual([]);
    expect(stream.ended).toBeUndefined();
    stream.ask();
    stream.onHalfClose();
    expect(stream.answers).toEqual([]);
    expect((await rig.grpc({ key: 'weak' })).ids).toEqual([1n]);
  });

  it('of a thousand waiting calls makes nobody warn of listeners', async () => {
    const warnings: string[] = [];
    const note = (warning: Error) => void warnings.push(warning.message);
    process.on('warning', note);
    try {
      store.behaviour = 'manual';
      for (let i = 0; i < 90; i++) stream.ask({ key: `k${i}` });
      stream.onCancel();
      await settled();
      await settled();
      expect(warnings).toEqual([]);
    } finally {
      process.off('warning', note);
    }
  });
});

describe('credit', () => {
  it('of the client bounds the answers: the others wait, in order', () => {
    stream.credit = 2;
    for (let i = 0; i < 10; i++) stream.ask();
    expect(stream.answers).toEqual([[1n], [2n]]);
    stream.grant(3);
    expect(stream.answers.flat()).toEqual([1n, 2n, 3n, 4n, 5n]);
    stream.ask();
    stream.grant(6);
    expect(stream.answers.flat()).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n, 11n]);
    stream.ask();
    stream.onHalfClose();
    expect(stream.ended).toBeUndefined();
    stream.grant(1);
    expect(stream.answers).toHaveLength(12);
    expect(stream.ended).toBe('OK');
  });

  it('is not needed for the end', async () => {
    stream.credit = 1;
    stream.ask();
    stream.ask({ count: -1 });
    expect(failureOf(stream)).toMatchObject({ code: Grpc.INVALID_ARGUMENT });
    const other = rig.stream();
    other.credit = 1;
    other.ask();
    other.onHalfClose();
    expect(other.ended).toBe('OK');
  });

  it('is withheld from a client that reads no answers', () => {
    stream.credit = 1;
    for (let i = 0; i < MAX_UNANSWERED; i++) stream.ask();
    expect(stream.paused).toBe(false);
    stream.ask();
    expect(stream.paused).toBe(true);
    stream.grant(10);
    expect(stream.paused).toBe(true);
    stream.grant(30);
    expect(stream.paused).toBe(false);
    expect(stream.answers.flat()).toEqual(Array.from({ length: 41 }, (_, index) => BigInt(index + 1)));
  });

  it('is withheld while a store is slow', async () => {
    store.behaviour = 'manual';
    for (let i = 0; i <= MAX_UNANSWERED; i++) stream.ask({ increment: STRONG });
    expect(stream.paused).toBe(true);
    for (const pending of [...store.pending]) pending.answer();
    await settled();
    expect(stream.paused).toBe(false);
    expect(stream.answers).toHaveLength(MAX_UNANSWERED + 1);
  });

  it('and order hold for any mixture of requests, answers and credit', async () => {
    type Ask = { readonly kind: 'weak' | 'strong'; readonly key: string; readonly count: number };
    type Step = Ask | { readonly kind: 'answer' | 'grant'; readonly many: number };
    const steps: fc.Arbitrary<Step[]> = fc.array(fc.oneof(
      fc.record({ kind: fc.constantFrom('weak' as const, 'strong' as const), key: fc.constantFrom('a', 'b', 'c'), count: fc.integer({ min: 1, max: 150 }) }),
      fc.record({ kind: fc.constantFrom('answer' as const, 'grant' as const), many: fc.integer({ min: 1, max: 5 }) }),
    ), { maxLength: 150 });
    await fc.assert(fc.asyncProperty(steps, async (script) => {
      const own = new FakeStore();
      const rigs = openSequencer({ S: { store: own } });
      await settled();
      await rigs.grpc({ key: 'first' });
      own.behaviour = 'manual';
      const client = rigs.stream();
      client.credit = 1;
      const asked: number[] = [];
      for (const step of script) {
        if ('many' in step) {
          if (step.kind === 'grant') client.grant(step.many);
          else for (let i = 0; i < step.many; i++) own.pending[i % 2]?.answer();
        } else if (!client.paused) {
          client.ask({ key: step.key, count: step.count, increment: step.kind === 'strong' ? STRONG : 0 });
          asked.push(step.count);
        }
        await settled();
      }
      client.onHalfClose();
      client.grant(1000);
      for (let rounds = 0; client.ended === undefined && rounds < 500; rounds++) {
        for (const pending of [...own.pending]) pending.answer();
        await settled();
      }
      expect(client.ended).toBe('OK');
      expect(client.answers.map((ids) => ids.length)).toEqual(asked);
      await rigs.block.close();
    }), { numRuns: 60 });
  }, 60_000);
});

describe('a stream over a channel', () => {
  it('grants the client nothing while it is paused, and what it owes when it goes on', async () => {
    const [near, far] = openLocalPair({ maxFrameBytes: 1 << 20, poison: true });
    const client = new Calls(near, { ids: 'odd', maxIncoming: 1, maxQueuedBytes: 1 << 20, serve: () => {} });
    let call: StreamCall | undefined;
    let taken = 0;
    const server = new Calls(far, { ids: 'even', maxIncoming: 1, maxQueuedBytes: 1 << 20, serve: (incoming) => {
      call = new ChannelStream(incoming, {}, () => {});
      call.onMessage = () => void taken++;
    } });
    let room = true;
    const id = client.open(99, 0, undefined, EMPTY, 0, { onEnd: () => {}, onData: () => {}, onCredit: () => { room = true; } });
    await eventually('the stream is open', () => call);
    const sendAll = async (): Promise<void> => {
      for (let idle = 0; idle < 5; idle++) {
        while (room) {
          room = client.sendData(id, undefined, askBytes());
          idle = 0;
        }
        await settled();
      }
    };
    call?.pause();
    await sendAll();
    expect(taken).toBe(INITIAL_CREDIT);
    call?.resume();
    await eventually('credit came', () => room);
    room = client.sendData(id, undefined, askBytes());
    call?.pause();
    await sendAll();
    expect(taken).toBe(2 * INITIAL_CREDIT);
    call?.resume();
    await eventually('credit came again', () => room);
    client.close();
    server.close();
  });
});
