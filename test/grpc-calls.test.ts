// Unary gRPC calls through each real listener, switch and seat, to a block that answers when the test wants it to: deadlines,
// clients that leave, answers that come late (gRPC over HTTP/2: "grpc-timeout"; contract: gRPC API).
import { afterEach, expect, it } from 'vitest';
import type { IncomingCall } from '../ipc/calls.ts';
import { EMPTY } from '../ipc/frame.ts';
import { Grpc } from '../proto/errors.ts';
import { ROUTE } from '../proto/routes.ts';
import { eventually, within } from './harness/awaiting.ts';
import { messageOf, RawClient, type RawRequest } from './harness/raw-grpc.ts';
import { closeAll, describeOnListeners, TestBlock, wire, type Wiring } from './harness/streams.ts';

afterEach(closeAll);

const PUBLISH = ROUTE.PublishEvent.rpc as string;

interface Held extends Wiring {
  readonly calls: IncomingCall[];
  /** Calls that the block was told of as cancelled. */
  readonly cancelled: IncomingCall[];
}

/** A block that keeps each call. */
async function holding(): Promise<Held> {
  const block = new TestBlock('pubsub');
  const calls: IncomingCall[] = [];
  const cancelled: IncomingCall[] = [];
  block.raw = (call) => {
    calls.push(call);
    call.onCancel = () => void cancelled.push(call);
  };
  return { ...(await wire(block.start())), calls, cancelled };
}

const rawTo = ({ address }: Wiring): RawClient => new RawClient(Number(address.split(':').at(-1)));
const ask = (raw: RawClient, request: Partial<RawRequest> = {}) => within(5_000, 'the call ends', raw.call({ path: PUBLISH, body: [messageOf(EMPTY)], ...request }));

describeOnListeners('a unary call', () => {
  it('ends with its deadline when its block does not answer, and the block hears of it', async () => {
    const held = await holding();
    using raw = rawTo(held);
    const { headers, messages, trailers } = await ask(raw, { headers: { 'grpc-timeout': '100m' } });
    expect([headers?.['grpc-status'], messages, trailers]).toEqual([String(Grpc.DEADLINE_EXCEEDED), [], undefined]);
    await eventually('the block heard', () => held.cancelled.length === 1);
    held.calls[0]!.end(Grpc.OK, 0, undefined, Buffer.from('late'));
    expect(await held.client.unary(ROUTE.SaveState), 'the connection is well').toBe(Grpc.UNIMPLEMENTED);
    expect(held.dispatch.inFlight).toBe(0);
  });

  it('ends with its deadline when its client does not come to an end', async () => {
    const held = await holding();
    using raw = rawTo(held);
    for (const body of [[messageOf(EMPTY)], [messageOf(Buffer.from('part')).subarray(0, 6)]]) {
      const { headers } = await ask(raw, { headers: { 'grpc-timeout': '100m' }, body, end: false });
      expect(headers?.['grpc-status']).toBe(String(Grpc.DEADLINE_EXCEEDED));
    }
    await eventually('nothing is under way', () => held.dispatch.inFlight === 0);
  });

  it('is cancelled with its client, and what the block says then is nobody\'s', async () => {
    const held = await holding();
    const early = held.client.cancellable(ROUTE.PublishEvent);
    await eventually('the block has it', () => held.calls.length === 1);
    early.cancel();
    expect(await early.code).toBe(Grpc.CANCELLED);
    await eventually('the block heard', () => held.cancelled.length === 1);
    expect(held.dispatch.inFlight).toBe(0);
    held.calls[0]!.end(Grpc.OK, 0, undefined, EMPTY);
    const next = held.client.unary(ROUTE.PublishEvent);
    await eventually('the next one came', () => held.calls.length === 2);
    held.calls[1]!.end(Grpc.OK, 0, undefined, EMPTY);
    expect(await next).toBe(Grpc.OK);
  });

  it('of a client that is cut off is cancelled too', async () => {
    const held = await holding();
    const raw = rawTo(held);
    const answer = raw.call({ path: PUBLISH, body: [messageOf(EMPTY)] });
    await eventually('the block has it', () => held.calls.length === 1);
    raw[Symbol.dispose]();
    await answer;
    await eventually('the block heard', () => held.cancelled.length === 1);
    expect(held.dispatch.inFlight).toBe(0);
  });

  it('without a deadline waits for its block, among ninety others', async () => {
    const held = await holding();
    using raw = rawTo(held);
    const answers = Array.from({ length: 90 }, () => raw.call({ path: PUBLISH, body: [messageOf(EMPTY)] }));
    await eventually('all are with the block', () => held.calls.length === answers.length);
    for (const [index, call] of held.calls.toReversed().entries()) call.end(Grpc.OK, 0, undefined, Buffer.of(held.calls.length - 1 - index));
    expect((await Promise.all(answers)).map(({ messages }) => messages)).toEqual(answers.map((_, index) => [`0:${Buffer.of(index).toString('hex')}`]));
  });
});
