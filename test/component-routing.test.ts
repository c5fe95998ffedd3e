// Which compartment a call goes to where components have compartments of their own: by the path over HTTP, by the bytes over
// gRPC, and by a stream's first message, which is waited for. Real switch, seats and channels; blocks that only tell what came.
import { afterEach, describe, expect, it } from 'vitest';
import { Calls, INITIAL_CREDIT, type IncomingCall } from '../ipc/calls.ts';
import { EMPTY, Flag } from '../ipc/frame.ts';
import { openLocalPair } from '../ipc/local.ts';
import { Seat, type Answer, type CallRequest, type SeatLimits, type StreamAnswer, type StreamTicket } from '../kernel/seat.ts';
import { Switch } from '../kernel/switch.ts';
import { Grpc } from '../proto/errors.ts';
import { NextIdRequest } from '../proto/gen/bulkhead/v1/sequencer.ts';
import { SubscribeTopicEventsRequestAlpha1 } from '../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { GetStateRequest } from '../proto/gen/dapr/proto/runtime/v1/state.ts';
import { ROUTE, type Route } from '../proto/routes.ts';
import { eventually } from './harness/awaiting.ts';

const LIMITS: SeatLimits = { holdMs: 5_000, maxHeld: 100, maxHeldBytes: 1 << 24, maxInFlight: 100, maxStreams: 100 };
const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

/** A compartment that answers unary calls with its name, and notes what streams bring. */
class Compartment {
  readonly seat: Seat;
  readonly seen: string[] = [];
  readonly streams: IncomingCall[] = [];
  #far: Calls | undefined;

  constructor(name: string) {
    this.seat = new Seat(name, LIMITS);
    closers.push(() => this.#far?.close());
  }

  start(): this {
    const [near, far] = openLocalPair({ maxFrameBytes: 1 << 20, poison: true });
    const calls = new Calls(near, { ids: 'odd', maxIncoming: 1, maxQueuedBytes: 1 << 22, serve: () => {} });
    this.#far = new Calls(far, { ids: 'even', maxIncoming: 2_000, maxQueuedBytes: 1 << 22, serve: (call) => this.#serve(call) });
    this.seat.attach(calls, () => {});
    return this;
  }

  #serve(call: IncomingCall): void {
    if ((call.flags & Flag.STREAM) === 0) return call.end((call.flags & Flag.HTTP) === 0 ? Grpc.OK : 200, 0, undefined, Buffer.from(this.seat.block));
    this.streams.push(call);
    call.onData = (_head, body) => void this.seen.push(Buffer.from(body).toString('latin1'));
    call.onEnd = () => void this.seen.push('<half closed>');
    call.onCancel = () => void this.seen.push('<cancelled>');
  }
}

/** `name` and the block it is a compartment of: shared, and one of its own for `own`. */
function wire(block: string): { readonly dispatch: Switch; readonly shared: Compartment; readonly own: Compartment; readonly seats: Map<string, Seat> } {
  const [shared, own] = [new Compartment(block), new Compartment(`${block}/own`)];
  const seats = new Map([['own', own.seat]]);
  return { dispatch: new Switch(new Map([[block, { shared: [shared.seat], own: seats }]]), new Map()), shared, own, seats };
}

class Client implements StreamAnswer {
  readonly received: string[] = [];
  credits = 0;
  end: string | undefined;
  ticket: StreamTicket;

  constructor(dispatch: Switch, route: Route, deadlineMs = 0) {
    this.ticket = { cancel: () => {}, send: () => false, halfClose: () => {}, grant: () => {} };
    this.ticket = dispatch.openStream({ route, flags: Flag.STREAM, head: undefined, body: EMPTY, deadlineMs }, this);
  }
  onCredit(): void { this.credits++; }
  onMessage(message: Uint8Array): void { this.received.push(Buffer.from(message).toString()); }
  onEnd(): void { this.end = 'OK'; }
  onFailure(code: number, message: string): void { this.end = `${code} ${message}`; }
  onRefusal(failure: { readonly grpc: number; readonly message: string }): void { this.end = `${failure.grpc} ${failure.message}`; }
}

function ask(dispatch: Switch, request: Partial<CallRequest> & { readonly route: Route }): Promise<string> {
  return new Promise((resolve) => {
    const answer: Answer = {
      onAnswer: (_status, _headers, body) => resolve(Buffer.from(body).toString()), onFailure: (code, message) => resolve(`${code} ${message}`), onRefusal: ({ message }) => resolve(message),
    };
    dispatch.open({ flags: 0, head: undefined, body: EMPTY, deadlineMs: 0, ...request }, answer);
  });
}

const asText = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const getState = (storeName: string): Uint8Array => GetStateRequest.encode({ storeName, key: 'k', consistency: 0, metadata: new Map() }).finish();
const nextId = (storeName: string): Uint8Array => NextIdRequest.encode({ storeName, key: 'k', increment: 0, count: 0, metadata: new Map() }).finish();
const subscribe = (pubsubName: string): Uint8Array => SubscribeTopicEventsRequestAlpha1.encode({
  subscribeTopicEventsRequestType: { $case: 'initialRequest', value: { pubsubName, topic: 't', metadata: new Map(), deadLetterTopic: undefined } },
}).finish();

describe('a unary call', () => {
  it('goes by the first parameter of its path over HTTP, and by field 1 over gRPC', async () => {
    const { dispatch, shared, own, seats } = wire('state');
    shared.start();
    own.start();
    const http = (store: string): Promise<string> => ask(dispatch, { route: ROUTE.GetState, flags: Flag.HTTP, head: [[store, 'own'], ''] });
    const grpc = (body: Uint8Array): Promise<string> => ask(dispatch, { route: ROUTE.GetState, body });
    expect([await http('own'), await http('other'), await http('Own'), await http('own ')]).toEqual(['state/own', 'state', 'state', 'state']);
    expect([await grpc(getState('own')), await grpc(getState('other')), await grpc(EMPTY), await grpc(Uint8Array.of(0xff))]).toEqual(['state/own', 'state', 'state', 'state']);
    expect(await ask(dispatch, { route: ROUTE.PublishEvent, flags: Flag.HTTP, head: [['own', 't'], ''] }), 'of a block that does not run').toContain('the pubsub block, which serves PublishEvent, does not run here');
    seats.clear();
    expect([await http('own'), await grpc(getState('own'))], 'no compartment of its own any more').toEqual(['state', 'state']);
    seats.set('other', own.seat);
    expect([await http('own'), await grpc(getState('other'))]).toEqual(['state', 'state/own']);
  });

  it('of an optional parameter that is absent is for all', async () => {
    const { dispatch, shared } = wire('pubsub');
    shared.start();
    expect(await ask(dispatch, { route: ROUTE.PublishEvent, flags: Flag.HTTP, head: [['', ''], ''] })).toBe('pubsub');
    expect(await ask(dispatch, { route: ROUTE.PublishEvent, flags: Flag.HTTP, head: [[], ''] })).toBe('pubsub');
  });
});

describe.each([
  { route: ROUTE.SubscribeTopicEventsAlpha1, opening: subscribe }, { route: ROUTE.NextIds, opening: nextId },
])('a stream of $route.name', ({ route, opening }) => {
  it('waits for its first message and goes where that says', async () => {
    const { dispatch, shared, own } = wire(route.owner);
    shared.start();
    own.start();
    const [first, second] = [new Client(dispatch, route), new Client(dispatch, route)];
    expect([first.credits, shared.streams.length, own.streams.length, dispatch.streams, dispatch.inFlight], 'one message is asked for').toEqual([1, 0, 0, 2, 0]);
    expect(first.ticket.send(opening('own')), 'there is room for more at once').toBe(true);
    expect([first.credits, dispatch.streams, own.seat.streams]).toEqual([1, 2, 1]);
    expect(first.ticket.send(Buffer.from('more'))).toBe(true);
    second.ticket.send(opening('other'));
    second.ticket.halfClose();
    await eventually('all came', () => own.seen.length === 2 && shared.seen.length === 2);
    expect(own.seen).toEqual([asText(opening('own')), 'more']);
    expect(shared.seen).toEqual([asText(opening('other')), '<half closed>']);
    const [call] = own.streams as [IncomingCall];
    let credited = 0;
    call.onCredit = () => void credited++;
    for (let i = 0; i < INITIAL_CREDIT; i++) call.sendData(undefined, Buffer.from(`${i}`));
    await eventually('what the block sent came', () => first.received.length === INITIAL_CREDIT);
    first.ticket.grant(10);
    await eventually('the block may go on', () => credited > 0);
    call.end(Grpc.OK, 0, undefined, EMPTY);
    await eventually('it ended', () => first.end === 'OK');
    first.ticket.cancel();
    second.ticket.cancel();
    await eventually('nothing is left', () => dispatch.streams === 0);
  });

  it('that waits for its compartment keeps its first message, and a half close behind it', async () => {
    const { dispatch, own } = wire(route.owner);
    const client = new Client(dispatch, route);
    expect(client.ticket.send(opening('own'))).toBe(false);
    client.ticket.halfClose();
    expect([client.credits, own.seat.held, dispatch.streams]).toEqual([1, 1, 1]);
    own.start();
    await eventually('both came', () => own.seen.length === 2);
    expect([own.seen, client.credits]).toEqual([[asText(opening('own')), '<half closed>'], 1]);
    client.ticket.halfClose();
    (own.streams[0] as IncomingCall).end(Grpc.ABORTED, Flag.FAILED, { message: 'why' }, EMPTY);
    await eventually('it ended', () => client.end === `${Grpc.ABORTED} why`);
    expect([dispatch.streams, own.seen.length]).toEqual([0, 2]);
  });

  it('that waits for its compartment goes on when that is there', async () => {
    const { dispatch, own } = wire(route.owner);
    const client = new Client(dispatch, route);
    expect([client.ticket.send(opening('own')), client.credits]).toEqual([false, 1]);
    own.start();
    expect([client.credits, client.ticket.send(Buffer.from('more'))]).toEqual([2, true]);
    await eventually('both came', () => own.seen.length === 2);
    client.ticket.cancel();
  });

  it('without any message is for the compartment that serves all others', async () => {
    const { dispatch, shared } = wire(route.owner);
    shared.start();
    const client = new Client(dispatch, route);
    client.ticket.halfClose();
    await eventually('the half close came', () => shared.seen.length === 1);
    expect([shared.seen, dispatch.streams]).toEqual([['<half closed>'], 1]);
    (shared.streams[0] as IncomingCall).end(Grpc.OK, 0, undefined, EMPTY);
    await eventually('it ended', () => client.end === 'OK');
  });

  it('that is cancelled before or after its first message leaves nothing', async () => {
    const { dispatch, shared, own } = wire(route.owner);
    own.start();
    const [early, late, held] = [new Client(dispatch, route), new Client(dispatch, route), new Client(dispatch, route)];
    early.ticket.cancel();
    early.ticket.cancel();
    expect(early.ticket.send(opening('own'))).toBe(false);
    early.ticket.halfClose();
    late.ticket.send(opening('own'));
    held.ticket.send(opening('other'));
    expect([dispatch.streams, shared.seat.held]).toEqual([2, 1]);
    held.ticket.cancel();
    late.ticket.cancel();
    await eventually('the block heard', () => own.seen.at(-1) === '<cancelled>');
    expect([dispatch.streams, shared.seat.held, early.end, late.end, held.end]).toEqual([0, 0, undefined, undefined, undefined]);
  });

  it('can be waiting for a first message together with a thousand others, and not more', () => {
    const { dispatch } = wire(route.owner);
    const waiting = Array.from({ length: 1_024 }, () => new Client(dispatch, route));
    const refused = new Client(dispatch, route);
    expect(refused.end).toContain('takes no more');
    (waiting[0] as Client).ticket.cancel();
    expect(new Client(dispatch, route).end).toBeUndefined();
    expect(dispatch.streams).toBe(1_024);
  });
});

it('the time that a stream waits for its first message counts', async () => {
  const { dispatch, own } = wire('sequencer');
  own.start();
  const client = new Client(dispatch, ROUTE.NextIds, 60_000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  client.ticket.send(nextId('own'));
  await eventually('it came', () => own.streams.length === 1);
  expect((own.streams[0] as IncomingCall).remainingMs).toBeLessThan(59_990);
});
