// Streamed gRPC calls through the real listener, switch and seat, to a block that is made of its methods alone.
import { connect, type ClientHttp2Stream } from 'node:http2';
import { Client, credentials, Metadata, type CallOptions, type ClientDuplexStream, type ClientReadableStream, type StatusObject } from '@grpc/grpc-js';
import { beforeEach, describe } from 'vitest';
import type { StreamCall, StreamMethod } from '../../blocks/block.ts';
import { ChannelStream } from '../../blocks/stream.ts';
import { Calls, type IncomingCall } from '../../ipc/calls.ts';
import { EMPTY } from '../../ipc/frame.ts';
import { openLocalPair } from '../../ipc/local.ts';
import type { GrpcListenerKind } from '../../kernel/grpc/kinds.ts';
import { openGrpcListener, type GrpcListener, type GrpcOptions } from '../../kernel/grpc/listener.ts';
import { Seat, type SeatLimits } from '../../kernel/seat.ts';
import { Switch, type KernelCall } from '../../kernel/switch.ts';
import type { PackedHttpHead } from '../../proto/control.ts';
import { Grpc } from '../../proto/errors.ts';
import { ErrorInfo } from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import { ROUTE, ROUTES, type Route } from '../../proto/routes.ts';
import { eventually, within } from './awaiting.ts';
import { LISTENERS } from './sidecar.ts';

export const MAX_BODY = 4 * 1024 * 1024;
export const BIDI = ROUTE.SubscribeTopicEventsAlpha1;
export const DOWN = ROUTE.SubscribeConfiguration;
const LIMITS: SeatLimits = { holdMs: 5_000, maxHeld: 100, maxHeldBytes: 1 << 24, maxInFlight: 100, maxStreams: 100 };

/** The lives of a block: each answers unary calls with nothing and notes their heads, and streams as its methods do. */
export class TestBlock {
  readonly seat: Seat;
  readonly methods = new Map<number, StreamMethod>();
  readonly heads: unknown[] = [];
  /** Takes a stream's frames itself where there is no method. */
  raw: ((call: IncomingCall) => void) | undefined;
  opened = 0;
  #far: Calls | undefined;

  constructor(name: string, limits: Partial<SeatLimits> = {}) {
    this.seat = new Seat(name, { ...LIMITS, ...limits });
  }

  start(maxFrameBytes = 64 * 1024 * 1024): this {
    const [near, far] = openLocalPair({ maxFrameBytes, poison: true });
    const calls = new Calls(near, { ids: 'odd', maxIncoming: 1, maxQueuedBytes: 1 << 26, serve: () => {} });
    this.#far = new Calls(far, { ids: 'even', maxIncoming: 1_000, maxQueuedBytes: 1 << 26, serve: (call, head, body) => this.#serve(call, head, body) });
    void calls.ended.then(() => this.seat.detach(calls, 'it is restarting'));
    this.seat.attach(calls, () => {});
    return this;
  }

  kill(): void {
    this.#far?.close();
  }

  #serve(call: IncomingCall, head: unknown, body: Uint8Array): void {
    this.heads.push(head);
    const method = this.methods.get(call.method);
    if (method === undefined && this.raw === undefined) return call.end(Grpc.OK, 0, undefined, EMPTY);
    this.opened++;
    if (method === undefined) return this.raw?.(call);
    const flat = (head as PackedHttpHead | undefined)?.[2] ?? [];
    const headers = Object.fromEntries(Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at], flat[2 * at + 1]])) as Record<string, string>;
    method.open(new ChannelStream(call, headers, (cause) => {
      throw cause;
    }), body);
  }
}

/** A client's streamed call: what came, and how it ended. */
export class ClientStream {
  readonly call: ClientDuplexStream<Buffer, Buffer> | ClientReadableStream<Buffer>;
  readonly received: Buffer[] = [];
  readonly status: Promise<StatusObject>;

  constructor(call: ClientDuplexStream<Buffer, Buffer> | ClientReadableStream<Buffer>, read: boolean) {
    this.call = call;
    if (read) call.on('data', (message: Buffer) => this.received.push(message));
    call.on('error', () => {}); // the status says the same
    this.status = new Promise((resolve) => call.on('status', resolve));
  }

  send(...messages: (string | Buffer)[]): this {
    for (const message of messages) (this.call as ClientDuplexStream<Buffer, Buffer>).write(Buffer.from(message));
    return this;
  }

  end(): this {
    (this.call as ClientDuplexStream<Buffer, Buffer>).end();
    return this;
  }

  /** Code, text and the reason and block of its ErrorInfo. An OK has no text: what some listener says there means nothing. */
  async ended(): Promise<unknown[]> {
    const { code, details, metadata } = await within(15_000, 'the stream ends', this.status);
    if (code === Grpc.OK) return [code];
    const [encoded] = metadata.get('grpc-status-details-bin');
    if (encoded === undefined) return [code, details];
    const status = Status.decode(encoded as Buffer);
    const info = ErrorInfo.decode(status.details[0]!.value);
    return [code, details, info.reason, Object.fromEntries(info.metadata)];
  }
}

const asBuffer = (bytes: Buffer): Buffer => bytes;

export class TestClient {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1, 'grpc.max_receive_message_length': -1 });
  }

  bidi(metadata: Record<string, string | Buffer> = {}, options: CallOptions = {}, read = true, route: Route = BIDI): ClientStream {
    return new ClientStream(this.#client.makeBidiStreamRequest(route.rpc as string, asBuffer, asBuffer, asMetadata(metadata), options), read);
  }

  down(request: Buffer, metadata: Record<string, string | Buffer> = {}, read = true): ClientStream {
    return new ClientStream(this.#client.makeServerStreamRequest(DOWN.rpc as string, asBuffer, asBuffer, request, asMetadata(metadata)), read);
  }

  /** The code and text of a unary call. */
  unary(route: Route, metadata: Record<string, string | Buffer> = {}): Promise<number> {
    return new Promise((resolve) => void this.#client.makeUnaryRequest(route.rpc as string, asBuffer, asBuffer, Buffer.alloc(0), asMetadata(metadata), (failure) => resolve(failure?.code ?? Grpc.OK)));
  }

  /** A unary call that the test may cancel, and the code it ends with. */
  cancellable(route: Route): { readonly code: Promise<number>; cancel(): void } {
    const { promise, resolve } = Promise.withResolvers<number>();
    const call = this.#client.makeUnaryRequest(route.rpc as string, asBuffer, asBuffer, Buffer.alloc(0), new Metadata(), (failure) => resolve(failure?.code ?? Grpc.OK));
    return { code: promise, cancel: () => call.cancel() };
  }

  close(): void {
    this.#client.close();
  }
}

function asMetadata(entries: Record<string, string | Buffer>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
  return metadata;
}

const closers: (() => unknown)[] = [];
/** Ends what `wire` and `openRaw` have begun; for afterEach. */
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).toReversed()) await close();
}

/** A bidirectional call straight on HTTP/2, where nothing reads ahead. */
export function openRaw(address: string): { readonly stream: ClientHttp2Stream; cutOff(): void } {
  const session = connect(`http://${address}`);
  const stream = session.request({ ':method': 'POST', ':path': BIDI.rpc, 'content-type': 'application/grpc', te: 'trailers' });
  for (const each of [session, stream]) each.on('error', () => {}); // of the connection, which the test cuts
  closers.push(() => session.destroy());
  return { stream, cutOff: () => session.socket.destroy() };
}

export const framed = (message: string): Buffer => {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.write(message, 5);
  return frame;
};

export interface Wiring {
  readonly address: string;
  readonly client: TestClient;
  readonly listener: GrpcListener;
  readonly dispatch: Switch;
}

let kind: GrpcListenerKind = LISTENERS[0];
/** A suite for each listener there is: what `wire` opens is of that kind. */
export function describeOnListeners(title: string, suite: () => void): void {
  describe.each(LISTENERS)(`${title}, on %s`, (each) => {
    beforeEach(() => void (kind = each));
    suite();
  });
}

export async function wire(block: TestBlock, options: Partial<GrpcOptions> = {}, own: (call: KernelCall) => void = () => {}): Promise<Wiring> {
  const answering = new Map([[ROUTE.Shutdown.id, (call: KernelCall, answer: { onAnswer(status: number, headers: undefined, body: Uint8Array): void }) => (own(call), answer.onAnswer(0, undefined, EMPTY))]]);
  const dispatch = new Switch(new Map([[block.seat.block, { shared: [block.seat], own: new Map() }]]), answering);
  const listener = await openGrpcListener(kind, dispatch, {
    addresses: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }], routes: ROUTES, admit: () => true, token: undefined, maxBodyBytes: MAX_BODY, maxHeaderBytes: 64 * 1024, log: undefined, ...options,
  });
  const [bound = ''] = await listener.listen();
  const client = new TestClient(bound);
  closers.push(() => listener.close(), () => client.close());
  return { address: bound, client, listener, dispatch };
}

/** Sends back whatever comes, and ends when the client did. What has no credit waits. */
export const ECHO: StreamMethod = {
  open(call) {
    const waiting: Buffer[] = [];
    let room = true;
    let halfClosed = false;
    const flush = (): void => {
      while (room && waiting.length > 0) room = call.send(waiting.shift() as Buffer);
      if (halfClosed && waiting.length === 0) call.end();
    };
    call.onMessage = (message) => {
      waiting.push(Buffer.from(message));
      flush();
    };
    call.onCredit = () => {
      room = true;
      flush();
    };
    call.onHalfClose = () => {
      halfClosed = true;
      flush();
    };
  },
};

export function echoing(limits?: Partial<SeatLimits>): TestBlock {
  const block = new TestBlock('pubsub', limits);
  block.methods.set(BIDI.id, ECHO);
  return block;
}

export interface Manual {
  readonly block: TestBlock;
  /** The stream opened as the nth, counting from 0. */
  readonly opened: (nth?: number) => Promise<StreamCall>;
  readonly seen: string[];
  /** What came with each opening. */
  readonly bodies: string[];
}

/** A block whose streams the test holds in its hands. */
export function manual(route: Route, limits?: Partial<SeatLimits>): Manual {
  const block = new TestBlock(route.owner, limits);
  const calls: StreamCall[] = [];
  const seen: string[] = [];
  const bodies: string[] = [];
  block.methods.set(route.id, {
    open(call, body) {
      calls.push(call);
      bodies.push(Buffer.from(body).toString());
      call.onMessage = (message) => void seen.push(Buffer.from(message).toString());
      call.onHalfClose = () => void seen.push('<half closed>');
      call.onCancel = () => void seen.push('<cancelled>');
    },
  });
  const opened = async (nth = 0): Promise<StreamCall> => (await eventually('the stream is open', () => calls[nth])) as StreamCall;
  return { block, opened, seen, bodies };
}
