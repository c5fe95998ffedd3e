// Frames that no honest block sends, to the kernel as it is behind a channel: calls, a seat with its clients, and what a block may
// ask of its kernel. Each call ends once, each header can be sent, nothing goes beyond its bound; or the channel ends as violated.
import { validateHeaderName, validateHeaderValue } from 'node:http';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Calls, INITIAL_CREDIT } from '../ipc/calls.ts';
import type { Channel, ChannelEnd } from '../ipc/channel.ts';
import { EMPTY, Flag, Kind, type Frame } from '../ipc/frame.ts';
import type { AppChannel, AppReply } from '../kernel/app/channel.ts';
import { BlockCalls } from '../kernel/block-calls.ts';
import type { Refusable, StreamTicket, Ticket } from '../kernel/call.ts';
import { Checkpoints } from '../kernel/checkpoints.ts';
import { Poison } from '../kernel/poison.ts';
import { Seat } from '../kernel/seat.ts';
import { Control } from '../proto/control.ts';
import { Grpc, messageOf } from '../proto/errors.ts';
import { ROUTE, type Route } from '../proto/routes.ts';
import { anyWord, hostileCases } from './fixtures/hostile.ts';

const MAX_INCOMING = 20;
/** What went wrong in a case; remembered, because the code under test may catch what is thrown into it. */
const bugs: string[] = [];
const bug = (what: string): void => void bugs.push(what);

/** A transport that does what it is told: frames come from our bare hands, and what they make `onFrame` throw ends it. */
class Line implements Channel {
  onFrame: (frame: Frame) => void = () => {};
  onDrain: () => void = () => {};
  onEnd: (end: ChannelEnd) => void = () => {};
  queuedBytes = 0;
  full = false;
  end: ChannelEnd | undefined;
  /** Ids of the kernel's calls. */
  readonly opened: number[] = [];

  send({ kind, call }: Frame): boolean {
    if (kind === Kind.OPEN) this.opened.push(call);
    return this.end === undefined && !this.full;
  }
  flush(): void {}
  close(): void {
    this.finish({ kind: 'closed' });
  }
  take(frame: Frame): void {
    if (this.end !== undefined) return;
    try {
      this.onFrame(frame);
    } catch (cause) {
      this.finish({ kind: 'violation', reason: messageOf(cause) });
    }
  }
  finish(end: ChannelEnd): void {
    if (this.end !== undefined) return;
    this.end = end;
    this.onEnd(end);
  }
}

/** One client's call: how often it has ended, and what it was told. */
interface Client {
  readonly ticket: Ticket;
  readonly stream: StreamTicket | undefined;
  ends: number;
  messages: number;
  granted: number;
  cancelled: boolean;
}

class Kernel {
  readonly line = new Line();
  readonly seat = new Seat('state', { holdMs: 0, maxHeld: 10, maxHeldBytes: 1 << 16, maxInFlight: 30, maxStreams: 10 }, new Poison({ block: 'state', deaths: 3 }));
  readonly clients: Client[] = [];
  readonly calls: Calls;
  readonly replies: AppReply[] = [];

  constructor() {
    const app = { call: (request, _body, _deadline, reply) => {
      if (request.length !== 3 || typeof request[1] !== 'string') bug('a request that no check saw');
      this.replies.push(reply);
      return () => {};
    } } satisfies Partial<AppChannel> as unknown as AppChannel;
    const checkpoints = new Checkpoints();
    const served = new BlockCalls({
      components: (report) => {
        if (!Array.isArray(report)) throw new Error('a component report that is none');
      },
      subscriptions: (subscriptions) => subscriptions.forEach(({ pubsubName, rules }) => (typeof pubsubName === 'string' && Array.isArray(rules)) || bug('a subscription that no check saw')),
      acquit: (ids) => ids.forEach((id) => typeof id === 'string' || bug('an id that no check saw')),
      checkpoints: { set: (name, value) => checkpoints.set(name, value), delete: (name) => checkpoints.delete(name), hand: () => true },
      app: () => app,
    }, () => this.calls.over);
    this.calls = new Calls(this.line, {
      ids: 'odd', maxIncoming: MAX_INCOMING, maxQueuedBytes: 1 << 20,
      ending: () => this.seat.died(this.calls, undefined),
      serve: (call, head, body) => {
        if (this.calls.serving > MAX_INCOMING) bug('more calls than were agreed');
        served.serve(call, head, body);
      },
    });
    void this.calls.ended.then(() => this.seat.detach(this.calls, 'it is restarting'));
    this.seat.attach(this.calls, () => {});
  }

  open(route: Route, flags: number): void {
    const streamed = route.kind !== 'unary';
    const client = { ends: 0, messages: 0, granted: INITIAL_CREDIT, cancelled: false } as { -readonly [K in keyof Client]: Client[K] };
    const over = (): void => {
      if (client.cancelled) bug('something after it was cancelled');
      client.ends++;
    };
    const refusable: Refusable = {
      onFailure: (code, message, details) => {
        if (code < Grpc.CANCELLED || code > Grpc.UNAUTHENTICATED || typeof message !== 'string' || (details !== undefined && !(details instanceof Uint8Array))) bug('a failure that no check saw');
        over();
      },
      onRefusal: over,
    };
    const request = { route, flags, head: (flags & Flag.HTTP) === 0 ? undefined : [['store', 'key'], ''], body: Buffer.from('body'), deadlineMs: 0 };
    if (streamed) {
      const message = (): void => {
        if (++client.messages > client.granted || client.ends > 0 || client.cancelled) bug('a message without credit, or after the end');
      };
      client.stream = this.seat.openStream(request, { ...refusable, onCredit: () => {}, onMessage: message, onEnd: over });
      client.ticket = client.stream;
    } else {
      client.ticket = this.seat.open(request, { ...refusable, onAnswer: (status, headers = []) => {
        if ((flags & Flag.HTTP) !== 0 && (status < 200 || status > 599)) bug(`a status of ${status}`);
        try {
          for (let i = 0; i < headers.length; i += 2) {
            validateHeaderName(headers[i] as string);
            validateHeaderValue(headers[i] as string, headers[i + 1] as string);
          }
        } catch (cause) {
          bug(messageOf(cause));
        }
        over();
      } });
    }
    this.clients.push(client);
  }

  /** Everything ends, and has ended once. */
  async close(): Promise<void> {
    this.line.finish({ kind: 'peer' });
    this.seat.close();
    await new Promise(setImmediate);
    for (const { ends, cancelled } of this.clients) if (ends !== (cancelled ? 0 : 1)) bug(`a call that ended ${ends} times`);
    if (this.calls.inFlight + this.calls.serving + this.seat.inFlight + this.seat.held > 0) bug('something is left');
    if (bugs.length > 0) throw new Error(bugs.splice(0).join(', '));
  }
}

type Step = (kernel: Kernel) => void | Promise<void>;

const text = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('GET', 'POST', 'RPC', '/path', 'content-type', 'x-y', 'a\r\nb: c', 'transfer-encoding', 'é', '\u0000', '__proto__'));
const head = fc.oneof(
  { weight: 2, arbitrary: fc.constant(undefined) },
  fc.array(text, { maxLength: 5 }),
  fc.tuple(fc.constantFrom('x-a', 'etag', 'content-length', 'a b'), text),
  fc.tuple(text, text, fc.array(text, { maxLength: 4 })),
  fc.record({ message: fc.oneof(text, fc.integer()), details: fc.option(fc.oneof(fc.uint8Array({ maxLength: 9 }), text)) }, { requiredKeys: [] }),
  fc.anything({ maxDepth: 3, withBigInt: true }),
);
/** Mostly of calls that there are: of the kernel's by their place, of the block's by a small number. */
const call = fc.oneof(
  { weight: 40, arbitrary: fc.nat(9).map((place) => ({ opened }: Line) => opened[place % Math.max(1, opened.length)] ?? 1) },
  { weight: 40, arbitrary: fc.integer({ min: 1, max: 6 }).map((id) => () => 2 * id) },
  { weight: 1, arbitrary: anyWord().map((id) => () => Math.max(1, id)) },
);
const code = fc.oneof(fc.constantFrom(...Object.values(Control), 0, 200, 204, 404, ROUTE.GetState.id), fc.nat(0xffff));
const subscription = fc.record({ pubsubName: text, topic: text, deadLetterTopic: text, type: fc.constantFrom('DECLARATIVE', 'OTHER'), metadata: fc.dictionary(text, text, { maxKeys: 2 }), rules: fc.array(fc.record({ match: text, path: text }), { maxLength: 2 }) }, { requiredKeys: ['topic'] });
/** What a block may ask for, and how. */
const asked = fc.oneof(
  fc.tuple(fc.constantFrom(Control.PROCESSING, Control.ACQUITTED), fc.array(text, { maxLength: 3 })),
  fc.tuple(fc.constant(Control.APP), fc.tuple(fc.constantFrom('GET', 'POST', 'RPC'), text, fc.constantFrom([], ['a', 'b'], ['a']))),
  fc.tuple(fc.constant(Control.CHECKPOINT), fc.array(text, { minLength: 1, maxLength: 2 })),
  fc.tuple(fc.constant(Control.SUBSCRIPTIONS), fc.array(subscription, { maxLength: 2 })),
  fc.tuple(fc.constant(Control.HANDOVER), text),
);
const request = fc.record({
  kind: fc.constant(Kind.OPEN), flags: fc.constantFrom(0, Flag.STREAM), asked, call: fc.integer({ min: 1, max: 6 }).map((id) => () => 2 * id), arg: fc.oneof(fc.constant(0), anyWord()), body: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
}).map(({ asked: [method, shape], ...rest }) => ({ ...rest, code: method, head: shape as unknown }));
const frame = fc.oneof({ weight: 3, arbitrary: request }, { weight: 5, arbitrary: fc.record({
  kind: fc.oneof(fc.constantFrom(Kind.OPEN, Kind.DATA, Kind.END, Kind.END, Kind.CANCEL, Kind.CREDIT)), flags: fc.oneof(fc.constantFrom(0, 0, Flag.FAILED), fc.nat(7)),
  code, call, arg: fc.oneof(fc.nat(40), anyWord()), head, body: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
}) });
const ROUTES: readonly (readonly [Route, number])[] = [[ROUTE.GetState, Flag.HTTP], [ROUTE.GetState, 0], [ROUTE.SaveState, Flag.HTTP], [ROUTE.SubscribeConfiguration, 0], [ROUTE.SubscribeTopicEventsAlpha1, Flag.STREAM], [ROUTE.HoldLock, 0]];
const client = (act: (client: Client, kernel: Kernel) => void): fc.Arbitrary<Step> => fc.nat(12).map((index): Step => (kernel) => {
  const chosen = kernel.clients[index % Math.max(1, kernel.clients.length)];
  if (chosen !== undefined && !chosen.cancelled) act(chosen, kernel);
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: frame.map((each): Step => ({ line }) => line.take({ ...each, call: each.call(line) })) },
  // The same again and again, on one call or on one after the other.
  fc.tuple(frame, fc.constantFrom(0, 2), fc.nat(50)).map(([each, stride, times]): Step => ({ line }) => {
    const first = each.call(line);
    for (let i = 0; i < times; i++) line.take({ ...each, call: (first + i * stride) >>> 0 });
  }),
  { weight: 4, arbitrary: fc.constantFrom(...ROUTES).map(([route, flags]): Step => (kernel) => kernel.open(route, flags)) },
  client((chosen) => {
    if (chosen.ends > 0) return;
    chosen.cancelled = true;
    chosen.ticket.cancel();
  }),
  client(({ stream }) => void stream?.send(Buffer.from('message'))),
  client(({ stream }) => stream?.halfClose()),
  client((chosen) => {
    chosen.granted += 3;
    chosen.stream?.grant(3);
  }),
  fc.boolean().map((full): Step => ({ line }) => {
    line.full = full;
    if (!full && line.end === undefined) line.onDrain();
  }),
  fc.constant<Step>(({ replies }) => replies.shift()?.onAnswer(200, Buffer.from('ok'))),
  fc.constant<Step>(() => new Promise((resolve) => setImmediate(resolve))),
);

hostileCases('frames of a block', 0.25, 1 << 16, fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
  const kernel = new Kernel();
  for (const [route, flags] of ROUTES) kernel.open(route, flags);
  for (const each of steps) await each(kernel);
  await kernel.close();
});

describe('a block that breaks the rules of calls', () => {
  const frameOf = (kind: number, id: number, more: Partial<Frame> = {}): Frame => ({ kind, flags: 0, code: 0, call: id, arg: 0, head: undefined, body: EMPTY, ...more });
  const many = (count: number, make: (index: number) => Frame): Frame[] => Array.from({ length: count }, (_, index) => make(index));

  it.each<[string, Frame[], RegExp]>([
    ['answers a call that was never made', [frameOf(Kind.END, 5)], /call 5, which was never made/],
    ['streams on one', [frameOf(Kind.DATA, 5)], /call 5, which was never made/],
    ['grants on one', [frameOf(Kind.CREDIT, 0xffff_ffff)], /call 4294967295, which was never made/],
    ['opens a call with one of our ids', [frameOf(Kind.OPEN, 7)], /opened from the wrong side/],
    ['opens a call twice', many(2, () => frameOf(Kind.OPEN, 2, { code: Control.PROCESSING, head: ['id'] })), /opened twice/],
    ['opens more than were agreed', many(MAX_INCOMING + 1, (index) => frameOf(Kind.OPEN, 2 + 2 * index, { code: Control.PROCESSING, head: ['id'] })), /more than 20 calls at once/],
    ['streams on a call that is none', [frameOf(Kind.DATA, 1)], /stream message on unary call 1/],
    ['streams more than it may', many(INITIAL_CREDIT + 1, () => frameOf(Kind.DATA, 3)), /without credit on call 3/],
    ['streams more than it may on a call of its own', [frameOf(Kind.OPEN, 2, { code: Control.PROCESSING, head: ['id'] }), ...many(INITIAL_CREDIT + 1, () => frameOf(Kind.DATA, 2))], /without credit on call 2/],
  ])('is found out when it %s, and its calls fail', async (_, frames, reason) => {
    const kernel = new Kernel();
    kernel.open(ROUTE.GetState, Flag.HTTP);
    kernel.open(ROUTE.SubscribeConfiguration, 0);
    for (const each of frames) kernel.line.take(each);
    expect(kernel.line.end).toEqual({ kind: 'violation', reason: expect.stringMatching(reason) as string });
    await kernel.close();
  });

  it('may answer, grant and cancel what is over: that may have crossed on the way', async () => {
    const kernel = new Kernel();
    kernel.open(ROUTE.GetState, Flag.HTTP);
    kernel.line.take(frameOf(Kind.END, 1, { code: 200 }));
    for (const kind of [Kind.END, Kind.DATA, Kind.CREDIT, Kind.CANCEL]) kernel.line.take(frameOf(kind, 1));
    kernel.line.take(frameOf(Kind.CREDIT, 2, { arg: 5 }));
    expect([kernel.line.end, kernel.clients[0]?.ends]).toEqual([undefined, 1]);
    await kernel.close();
  });

  it('may grant without end: credit does not run over', async () => {
    const kernel = new Kernel();
    kernel.open(ROUTE.SubscribeTopicEventsAlpha1, Flag.STREAM);
    for (let i = 0; i < 10; i++) kernel.line.take(frameOf(Kind.CREDIT, 1, { arg: 0xffff_ffff }));
    expect(kernel.clients[0]?.stream?.send(Buffer.from('x'))).toBe(true);
    await kernel.close();
  });
});
