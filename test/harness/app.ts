// An application as tests want one: it speaks any of the five protocols, remembers what it was told, answers what the test
// says, or misbehaves. It can go away and come back on its port.
import { Metadata, Server as GrpcServer, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ListTopicSubscriptionsResponse, TopicEventBulkRequest, TopicEventBulkResponse, TopicEventRequest, TopicEventResponse, TopicEventResponse_TopicEventResponseStatus as GRPC_STATUS,
} from '../../proto/gen/dapr/proto/runtime/v1/appcallback.ts';
import { Grpc, messageOf } from '../../proto/errors.ts';
import { makeCertificates } from '../servers/redis.ts';
import { eventually } from './awaiting.ts';

const HOST = '127.0.0.1';
const CALLBACK = '/dapr.proto.runtime.v1.AppCallback/';
const HEALTH_CHECK = '/dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck';
/** Every method that a gRPC application is asked for; one that the test doesn't want answers `{ status: 12 }`. */
const RPCS: readonly string[] = [
  ...['OnInvoke', 'ListTopicSubscriptions', 'OnTopicEvent', 'ListInputBindings', 'OnBindingEvent', 'OnBulkTopicEvent', 'OnJobEvent'].map((name) => CALLBACK + name),
  '/dapr.proto.runtime.v1.AppCallbackAlpha/OnBulkTopicEventAlpha1', '/dapr.proto.runtime.v1.AppCallbackAlpha/OnJobEventAlpha1', HEALTH_CHECK, '/bulkhead.v1.LockCallback/OnLockLost',
];
const RUBBISH = 'this is neither HTTP nor TLS\r\n\r\n';

export const APP_PROTOCOLS = ['http', 'https', 'h2c', 'grpc', 'grpcs'] as const;
export type AppProtocol = (typeof APP_PROTOCOLS)[number];

/** One item of what the application wants to hear, as in the answer to `GET /dapr/subscribe`. */
export interface AppSubscription {
  readonly pubsubname: string;
  readonly topic: string;
  readonly route?: string;
  readonly routes?: { readonly rules?: readonly { readonly match?: string; readonly path: string }[]; readonly default?: string };
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadLetterTopic?: string;
  readonly bulkSubscribe?: { readonly enabled: boolean; readonly maxMessagesCount?: number; readonly maxAwaitDurationMs?: number };
}

export interface AppAnswer {
  /** The HTTP status, by default 200; of a gRPC application its code, by default 0. */
  readonly status?: number;
  /** An object becomes JSON. A gRPC application's is its message's bytes, or the text of its failure. */
  readonly body?: string | Uint8Array | object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly delayMs?: number;
}
/** `hang`: no answer, ever. `reset`: the application's connections break. `rubbish`: and before that, bytes that mean nothing. */
export type Misbehaviour = 'hang' | 'reset' | 'rubbish';
/** Undefined: what a satisfied application answers. A throw is a 500, or UNKNOWN. */
export type AppHandler = (request: ReceivedRequest) => Reaction | Promise<Reaction>;
type Reaction = AppAnswer | Misbehaviour | undefined;
export type VerdictText = 'SUCCESS' | 'RETRY' | 'DROP';

export interface AppOptions {
  /** Default: `http`. */
  readonly protocol?: AppProtocol;
  /** Default: any free port. */
  readonly port?: number;
  readonly subscriptions?: readonly AppSubscription[];
  /** Answers deliveries and whatever else is neither a question of the sidecar nor a health probe. */
  readonly handler?: AppHandler;
  readonly healthPath?: string;
}

/** A request as it arrived. */
export class ReceivedRequest {
  /** The HTTP method, or `RPC`. */
  readonly method: string;
  /** With its query; or `/package.Service/Method`. */
  readonly path: string;
  /** By names in lower case; binary metadata in base64. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The caller has given it up before it was answered. */
  gone = false;
  /** Resolves when that happens. */
  readonly whenGone: Promise<void>;
  /** For the server that received it. */
  readonly leave: () => void;

  constructor(method: string, path: string, headers: Readonly<Record<string, string>>, body: Buffer) {
    this.method = method;
    this.path = path;
    this.headers = headers;
    this.body = body;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.whenGone = promise;
    this.leave = () => {
      this.gone = true;
      resolve();
    };
  }

  get text(): string {
    return this.body.toString();
  }
  // oxlint-disable-next-line typescript/no-explicit-any -- a test reads what came, and says next what it should have been
  get json(): any {
    return JSON.parse(this.text);
  }
  get topicEvent(): TopicEventRequest {
    return TopicEventRequest.decode(this.body);
  }
  get bulkEvent(): TopicEventBulkRequest {
    return TopicEventBulkRequest.decode(this.body);
  }
}

export interface App extends AsyncDisposable {
  readonly protocol: AppProtocol;
  readonly port: number;
  /** All that came since the start or `forget`, in order of arrival; health probes, too. */
  readonly requests: readonly ReceivedRequest[];
  /** Those of them that the handler answers. */
  readonly deliveries: readonly ReceivedRequest[];
  handler: AppHandler;
  /** Has the first word on questions of the sidecar (subscriptions, configuration, bindings) and health probes. */
  asked: AppHandler;
  subscriptions: readonly AppSubscription[];
  /** What health probes are told. */
  healthy: boolean;
  /** The most deliveries that were under way at a time. */
  readonly peak: number;
  /** Connections ever accepted. */
  readonly connections: number;
  /** The deliveries, once there are at least `count`. */
  received(count: number, timeoutMs?: number): Promise<readonly ReceivedRequest[]>;
  /** Clears the records. */
  forget(): void;
  /** The answer to a delivery that means this, in the application's protocol. */
  verdict(status: VerdictText): AppAnswer;
  /** The answer to a delivery in bulk: verdicts by entry id. */
  bulkVerdict(statuses: Readonly<Record<string, VerdictText>>): AppAnswer;
  /** Stops listening and breaks all connections. May be called twice. */
  stop(): Promise<void>;
  /** Listens again, on the same port; after `stop` or by itself. */
  restart(): Promise<void>;
}

export async function startApp(options: AppOptions = {}): Promise<App> {
  const app = new TestApp(options);
  await app.listen(options.port ?? 0);
  return app;
}

/** What listens where an application should be, and is none: it answers with bytes of no protocol, or accepts and says nothing. */
export async function startImpostor(kind: 'rubbish' | 'mute', port = 0): Promise<AsyncDisposable & { readonly port: number }> {
  const front = new Front((socket) => void socket.on('data', () => kind === 'rubbish' && socket.end(RUBBISH)));
  await front.listen(port);
  return { port: front.port, [Symbol.asyncDispose]: () => front.stop() };
}

/** Whether this machine has what a protocol needs: openssl, for those in TLS. */
export function canSpeak(protocol: AppProtocol): boolean {
  return (protocol !== 'https' && protocol !== 'grpcs') || tls() !== undefined;
}

/** The listening socket of an application, which knows its connections. */
class Front {
  port = 0;
  connections = 0;
  readonly #accept: (socket: Socket) => void;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(accept: (socket: Socket) => void) {
    this.#accept = accept;
  }

  async listen(port: number): Promise<void> {
    const server = createServer((socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {}); // the other side may break it at any time
      this.#accept(socket);
    });
    server.listen(port, HOST);
    await once(server, 'listening');
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  break(lastWords = ''): void {
    for (const socket of this.#sockets) {
      if (lastWords !== '') socket.write(lastWords, () => socket.destroy());
      else socket.resetAndDestroy();
    }
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

class TestApp implements App {
  readonly protocol: AppProtocol;
  requests: ReceivedRequest[] = [];
  deliveries: ReceivedRequest[] = [];
  handler: AppHandler;
  asked: AppHandler = () => undefined;
  subscriptions: readonly AppSubscription[];
  healthy = true;
  peak = 0;
  readonly #healthPath: string;
  readonly #front: Front;
  #busy = 0;

  constructor({ protocol = 'http', subscriptions = [], handler = () => undefined, healthPath = '/healthz' }: AppOptions) {
    this.protocol = protocol;
    this.subscriptions = subscriptions;
    this.handler = handler;
    this.#healthPath = healthPath;
    this.#front = new Front(this.#acceptor());
  }

  get port(): number {
    return this.#front.port;
  }
  get connections(): number {
    return this.#front.connections;
  }
  get #isGrpc(): boolean {
    return this.protocol === 'grpc' || this.protocol === 'grpcs';
  }

  async received(count: number, timeoutMs?: number): Promise<readonly ReceivedRequest[]> {
    await eventually(`the application received ${count} deliveries`, () => this.deliveries.length >= count, timeoutMs).catch((cause: unknown) => {
      throw new Error(`${messageOf(cause)}; it has ${this.deliveries.length}`);
    });
    return this.deliveries;
  }

  forget(): void {
    this.requests = [];
    this.deliveries = [];
    this.peak = this.#busy;
  }

  verdict(status: VerdictText): AppAnswer {
    return { body: this.#isGrpc ? TopicEventResponse.encode({ status: GRPC_STATUS[status] }).finish() : { status } };
  }

  bulkVerdict(verdicts: Readonly<Record<string, VerdictText>>): AppAnswer {
    const statuses = Object.entries(verdicts).map(([entryId, status]) => ({ entryId, status }));
    if (!this.#isGrpc) return { body: { statuses } };
    return { body: TopicEventBulkResponse.encode({ statuses: statuses.map(({ entryId, status }) => ({ entryId, status: GRPC_STATUS[status] })) }).finish() };
  }

  async listen(port: number): Promise<void> {
    await this.#front.listen(port);
  }
  stop(): Promise<void> {
    return this.#front.stop();
  }
  async restart(): Promise<void> {
    await this.stop();
    await this.listen(this.port);
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Records the request; resolves with the answer. */
  async answer(request: ReceivedRequest): Promise<AppAnswer> {
    this.requests.push(request);
    if (this.#isQuestion(request)) return this.#react((await this.asked(request)) ?? this.#replyTo(request), request);
    this.deliveries.push(request);
    this.peak = Math.max(this.peak, ++this.#busy);
    try {
      return await this.#react((await this.handler(request)) ?? {}, request);
    } finally {
      this.#busy--;
    }
  }

  async #react(reaction: AppAnswer | Misbehaviour, request: ReceivedRequest): Promise<AppAnswer> {
    if (typeof reaction !== 'string') return reaction.delayMs === undefined ? reaction : sleep(reaction.delayMs, reaction);
    if (reaction === 'reset') this.#front.break();
    if (reaction === 'rubbish') this.#front.break(RUBBISH);
    await request.whenGone;
    return {};
  }

  #isQuestion({ method, path }: ReceivedRequest): boolean {
    if (method === 'RPC') return path === HEALTH_CHECK || path === `${CALLBACK}ListTopicSubscriptions` || path === `${CALLBACK}ListInputBindings`;
    return method === 'OPTIONS' || path === '/dapr/subscribe' || path === '/dapr/config' || path === this.#healthPath;
  }

  #replyTo({ path }: ReceivedRequest): AppAnswer {
    if (path === '/dapr/subscribe') return { body: this.subscriptions };
    if (path === '/dapr/config') return { status: 404 };
    if (path === this.#healthPath) return { status: this.healthy ? 200 : 503 };
    if (path === HEALTH_CHECK) return { status: this.healthy ? Grpc.OK : Grpc.UNAVAILABLE };
    return { body: path === `${CALLBACK}ListTopicSubscriptions` ? listed(this.subscriptions) : '' };
  }

  #acceptor(): (socket: Socket) => void {
    const serve = (request: IncomingMessage, response: ServerResponse) => void serveHttp(this, request, response);
    switch (this.protocol) {
      case 'http': return connecting(createHttpServer(serve));
      case 'https': return connecting(createHttpsServer(identityForTls(), serve));
      case 'h2c': return connecting(createHttp2Server(serve as unknown as Parameters<typeof createHttp2Server>[0]));
      case 'grpc': return grpcAcceptor(this, ServerCredentials.createInsecure());
      case 'grpcs': {
        const { key, cert } = identityForTls();
        return grpcAcceptor(this, ServerCredentials.createSsl(null, [{ private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }]));
      }
    }
  }
}

function connecting(server: { emit(event: 'connection', socket: Socket): boolean; on(event: 'error' | 'tlsClientError', listener: () => void): unknown }): (socket: Socket) => void {
  server.on('tlsClientError', () => {}); // a port probe
  return (socket) => void server.emit('connection', socket);
}

async function serveHttp(app: TestApp, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  incoming.on('error', () => {}); // shows as the end of the response
  response.on('error', () => {});
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise<void>((resolve) => { incoming.once('end', resolve); });
  const headers = Object.entries(incoming.headers).filter(([name]) => !name.startsWith(':')).map(([name, value]) => [name, String(value)]);
  const request = new ReceivedRequest(incoming.method as string, incoming.url as string, Object.fromEntries(headers), Buffer.concat(chunks));
  let answered = false;
  response.once('close', () => void (answered || request.leave()));
  const answer = await app.answer(request).catch((cause: unknown): AppAnswer => ({ status: 500, body: messageOf(cause) }));
  if (request.gone) return;
  answered = true;
  response.writeHead(answer.status ?? 200, answer.headers);
  response.end(bytesOf(answer.body));
}

function grpcAcceptor(app: TestApp, credentials: ServerCredentials): (socket: Socket) => void {
  const server = new GrpcServer({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
  const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
  for (const path of RPCS) {
    server.register(path, (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => void serveGrpc(app, path, call, reply), asBuffer, asBuffer, 'unary');
  }
  const injector = server.createConnectionInjector(credentials);
  return (socket) => injector.injectConnection(socket);
}

async function serveGrpc(app: TestApp, path: string, call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>): Promise<void> {
  const headers = Object.keys(call.metadata.getMap()).map((name) => [name, call.metadata.get(name).map((value) => (typeof value === 'string' ? value : value.toString('base64'))).join(', ')]);
  const request = new ReceivedRequest('RPC', path, Object.fromEntries(headers), call.request);
  call.once('cancelled', request.leave);
  const { status = Grpc.OK, body, headers: metadata } = await app.answer(request).catch((cause: unknown): AppAnswer => ({ status: Grpc.UNKNOWN, body: messageOf(cause) }));
  if (metadata !== undefined) call.sendMetadata(Metadata.fromHttp2Headers(metadata));
  if (status === Grpc.OK) reply(null, bytesOf(body));
  else reply({ code: status, details: bytesOf(body).toString() });
}

function bytesOf(body: AppAnswer['body'] = ''): Buffer {
  if (typeof body === 'string') return Buffer.from(body);
  return body instanceof Uint8Array ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
}

function listed(subscriptions: readonly AppSubscription[]): Uint8Array {
  return ListTopicSubscriptionsResponse.encode({
    subscriptions: subscriptions.map(({ pubsubname, topic, route, routes, metadata = {}, deadLetterTopic = '', bulkSubscribe }) => ({
      pubsubName: pubsubname,
      topic,
      metadata: new Map(Object.entries(metadata)),
      routes: route === undefined && routes === undefined ? undefined : {
        rules: (routes?.rules ?? []).map(({ match = '', path }) => ({ match, path })),
        default: routes?.default ?? route ?? '',
      },
      deadLetterTopic,
      bulkSubscribe: bulkSubscribe && { maxMessagesCount: 0, maxAwaitDurationMs: 0, ...bulkSubscribe },
    })),
  }).finish();
}

interface Identity {
  readonly key: string;
  readonly cert: string;
}

let identity: Identity | 'unknown' | undefined = 'unknown';

/** A key and a certificate that nobody vouches for; undefined without openssl. */
function tls(): Identity | undefined {
  if (identity !== 'unknown') return identity;
  const made = makeCertificates();
  made?.remove();
  return (identity = made && { key: made.key, cert: made.certificate });
}

function identityForTls(): Identity {
  const found = tls();
  if (found === undefined) throw new Error('openssl is not installed');
  return found;
}
