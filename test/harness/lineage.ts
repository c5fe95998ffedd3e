// The lives of one block in this very process, replaced in order as the kernel does it, with an application that the test answers
// for. No sidecar, no process: a swap takes milliseconds.
import type { AppChannel, AppReply } from '../../kernel/app/channel.ts';
import { CHILD_DEFAULTS, type ChildSpec } from '../../kernel/child-info.ts';
import { Child } from '../../kernel/child.ts';
import { DEFAULT_LIMITS } from '../../kernel/limits.ts';
import { Seat, type StreamTicket } from '../../kernel/seat.ts';
import { LocalSeating } from '../../kernel/seating.ts';
import type { Channel } from '../../ipc/channel.ts';
import { Flag, Kind } from '../../ipc/frame.ts';
import { Control, type PackedAppRequest } from '../../proto/control.ts';
import { GO_CODE_NAMES, type GrpcCode } from '../../proto/errors.ts';
import type { AppSettings, BlockInit, ComponentSpec, SubscriptionSpec } from '../../proto/init.ts';
import type { Log } from '../../proto/log.ts';
import { ROUTE, type RouteName } from '../../proto/routes.ts';
import { eventually } from './awaiting.ts';

const LOGGING = { level: 'info', json: false, appId: 'app', instance: 'i', version: 'v' } as const;

export interface LineageOptions {
  readonly block: string;
  readonly components: readonly ComponentSpec[];
  readonly subscriptions?: readonly SubscriptionSpec[];
  /** Absent: there is no application. */
  readonly app?: Partial<AppSettings>;
  /** Looks at a life's channel before the kernel does; counts lives from 1. */
  readonly wrap?: (channel: Channel, life: number) => Channel;
  readonly spec?: Partial<ChildSpec>;
}

export interface Answer {
  /** HTTP's status; 0 where there was none. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** What the application was asked. */
export interface Asked {
  readonly target: string;
  readonly body: string;
}

export class Lineage implements AsyncDisposable {
  readonly child: Child;
  readonly seat: Seat;
  readonly lines: { readonly level: string; readonly text: string }[] = [];
  /** What the application was asked beside its subscriptions, in order. */
  readonly asked: Asked[] = [];
  /** How it answers: an HTTP status, at once or later. */
  answer: (asked: Asked) => number | Promise<number> = () => 200;
  readonly #init: BlockInit;

  constructor({ block, components, subscriptions = [], app, wrap = (channel) => channel, spec = {} }: LineageOptions) {
    const log = this.#log();
    this.seat = new Seat(block, { holdMs: 5_000, maxHeld: 1_000, maxHeldBytes: 1 << 24, maxInFlight: 10_000, maxStreams: 100 });
    let lives = 0;
    this.child = new Child({
      spec: { ...CHILD_DEFAULTS, name: block, block, mode: 'monolith', hangMs: 0, drainMs: 5_000, spare: false, limits: DEFAULT_LIMITS, ...spec },
      seating: new LocalSeating(this.seat), log, wrap: (channel) => wrap(channel, ++lives), changed: () => {},
      launch: { name: block, ringBytes: 1 << 20, maxFrameBytes: 64 << 20, limits: DEFAULT_LIMITS, logging: LOGGING, log, output: { fd: 1, write: (line) => (this.lines.push({ level: 'block', text: line }), true) }, compileCache: undefined },
    });
    this.#init = {
      block, appId: 'app', namespace: '', components, elsewhere: [], maxBodyBytes: 4 << 20, tracing: {}, subscriptions, log: LOGGING,
      ...(app === undefined ? {} : { app: { protocol: 'http', askSubscriptions: false, ...app } }),
    };
    this.child.provide(this.#init, app === undefined ? undefined : this.#app());
    this.child.start();
    if (app !== undefined) this.child.appChanged('up');
  }

  /** Everything is as it is to be: the present life has tried its components, and knows the application. */
  async ready(): Promise<this> {
    await eventually('the block is ready', () => this.child.info().state === 'ready' && (this.#init.app === undefined || this.child.info().appMet));
    return this;
  }

  /** The next life takes over. @param changes to what it is told */
  replace(changes: Partial<BlockInit> = {}): Promise<void> {
    return this.child.replace({ ...this.#init, ...changes });
  }

  texts(level: string): string[] {
    return this.lines.filter((line) => line.level === level).map(({ text }) => text);
  }

  http(route: RouteName, params: readonly string[], body: string | Uint8Array = '', { query = '', headers = {} }: { readonly query?: string; readonly headers?: Readonly<Record<string, string>> } = {}): Promise<Answer> {
    return new Promise((resolve) => {
      this.seat.open({ route: ROUTE[route], flags: Flag.HTTP, head: [params, query, Object.entries(headers).flat()], body: Buffer.from(body), deadlineMs: 0 }, {
        onAnswer: (status, flat = [], answer) => {
          const entries = flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? ''] as const] : []));
          resolve({ status, headers: Object.fromEntries(entries), text: Buffer.from(answer).toString() });
        },
        onFailure: (_code, message) => resolve({ status: 0, headers: {}, text: message }),
        onRefusal: ({ http, message }) => resolve({ status: http, headers: {}, text: message }),
      });
    });
  }

  /** @param first the request, or the first message where the client streams */
  stream(route: RouteName, first: Uint8Array): LineageStream {
    return new LineageStream(this.seat, route, first);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.stop();
  }

  #app(): AppChannel {
    return {
      state: 'up', found: true, inFlight: 0, start: () => {}, close: async () => {},
      call: (request, body, _deadlineMs, reply) => this.#ask(request, body, reply),
    };
  }

  #ask([verb, target]: PackedAppRequest, body: Uint8Array, reply: AppReply): () => void {
    let over = false;
    const answer = (status: number): void => {
      if (!over) reply.onAnswer(status, Buffer.alloc(0));
      over = true;
    };
    if (verb === 'GET') setImmediate(answer, 404);
    else {
      const asked = { target, body: Buffer.from(body).toString() };
      this.asked.push(asked);
      setImmediate(() => void Promise.resolve(this.answer(asked)).then(answer));
    }
    return () => void (over = true);
  }

  #log(): Log {
    const at = (level: string) => (_fields: object, text: string): void => void this.lines.push({ level, text });
    const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), fatal: at('fatal'), enabled: () => true, with: () => log };
    return log;
  }
}

/** A client's stream over however many lives. */
export class LineageStream {
  readonly received: Buffer[] = [];
  /** `end`, or the failure's code and text. */
  ended: string | undefined;
  /** Hears of each message. */
  onMessage: (message: Buffer) => void = () => {};
  #ticket: StreamTicket | undefined;
  readonly #waiting: Uint8Array[] = [];
  #room = false;

  constructor(seat: Seat, route: RouteName, first: Uint8Array) {
    const { kind } = ROUTE[route];
    const streams = kind === 'bidi';
    if (streams) this.#waiting.push(first);
    this.#ticket = seat.openStream({ route: ROUTE[route], flags: streams ? Flag.STREAM : 0, head: undefined, body: streams ? new Uint8Array(0) : first, deadlineMs: 0 }, {
      onCredit: () => {
        this.#room = true;
        this.#flush();
      },
      onMessage: (message) => {
        const own = Buffer.from(message);
        this.received.push(own);
        setImmediate(() => this.#ticket?.grant(1));
        this.onMessage(own);
      },
      onEnd: () => (this.ended ??= 'end'),
      onFailure: (code: GrpcCode, message) => (this.ended ??= `${GO_CODE_NAMES[code]}: ${message}`),
      onRefusal: ({ grpc, message }) => (this.ended ??= `${GO_CODE_NAMES[grpc]}: ${message}`),
    });
    this.#flush();
  }

  send(message: Uint8Array): void {
    this.#waiting.push(message);
    this.#flush();
  }

  halfClose(): void {
    this.#ticket?.halfClose();
  }

  cancel(): void {
    this.#ticket?.cancel();
  }

  #flush(): void {
    const ticket = this.#ticket; // there may be room before it is there
    while (ticket !== undefined && this.#room && this.#waiting.length > 0) this.#room = ticket.send(this.#waiting.shift() as Uint8Array);
  }
}

const open: Lineage[] = [];

/** A block that is ready; ended by `closeLineages`. */
export function lineage(options: LineageOptions): Promise<Lineage> {
  const made = new Lineage(options);
  open.push(made);
  return made.ready();
}

export async function closeLineages(): Promise<void> {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
}

/** For `wrap`: swaps fail at their last step, because the next life's channel ends when it is told to take over. */
export const failsToTakeOver = (from: number) => (channel: Channel, life: number): Channel => {
  if (life < from) return channel;
  const send = channel.send.bind(channel);
  channel.send = (frame) => {
    if (frame.kind !== Kind.OPEN || frame.code !== Control.ACTIVATE) return send(frame);
    channel.close();
    return false;
  };
  return channel;
};
