// The gRPC listener on grpc-js: registers every row of the route table with bytes in and bytes out, so that no message is
// decoded here. A faster listener takes its place behind the same interface (listener.ts).
import { chmodSync } from 'node:fs';
import { Metadata, Server, ServerCredentials, type sendUnaryData, type ServerDuplexStream, type ServerUnaryCall } from '@grpc/grpc-js';
import { Grpc, HTTP_OF_GRPC, errorInfo, type ErrorDetail, type Failure, type GrpcCode, messageOf } from '../proto/errors.ts';
import type { PackedHttpHead } from '../proto/control.ts';
import type { Route } from '../proto/routes.ts';
import { statusDetails } from '../proto/status.ts';
import { bindWithRetry } from './bind.ts';
import { describeAddress, type Address, type Listener } from './listener.ts';
import type { AnswerReflection } from './reflection.ts';
import type { Answer } from './seat.ts';
import type { Secret } from './secret.ts';
import type { Switch } from './switch.ts';

export interface GrpcOptions {
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
  /** Whether the Configuration admits a method. */
  readonly admit: (route: Route) => boolean;
  readonly token: Secret | undefined;
  readonly maxBodyBytes: number;
  readonly maxHeaderBytes: number;
  readonly log: ((call: { readonly method: string; readonly code: number; readonly durationMs: number; readonly userAgent: string }) => void) | undefined;
}

type UnaryCall = ServerUnaryCall<Buffer, Buffer>;

/** Frames, keepalive and sizes as daprd has them (contract: gRPC API, server properties). */
const KEEPALIVE = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_connection_idle_ms': 180_000,
} as const;

/** What reflection lists. */
const SERVICES = ['dapr.proto.runtime.v1.Dapr', 'grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'] as const;
const REFLECTION_PATHS = SERVICES.slice(1).map((service) => `/${service}/ServerReflectionInfo`);

const asIs = (bytes: Buffer): Buffer => bytes;

export function openGrpcServer(dispatch: Switch, options: GrpcOptions): Listener {
  return new GrpcServer(dispatch, options);
}

class GrpcServer implements Listener {
  readonly #switch: Switch;
  readonly #options: GrpcOptions;
  readonly #server: Server;
  #reflection: Promise<AnswerReflection> | undefined;

  constructor(dispatch: Switch, options: GrpcOptions) {
    this.#switch = dispatch;
    this.#options = options;
    this.#server = new Server({
      ...KEEPALIVE,
      'grpc.max_receive_message_length': options.maxBodyBytes,
      'grpc.max_send_message_length': options.maxBodyBytes,
      'grpc.max_metadata_size': options.maxHeaderBytes,
    });
    for (const route of options.routes) {
      if (route.rpc === undefined) continue;
      const refusal = options.admit(route) ? undefined : NOT_ADMITTED;
      if (route.kind === 'unary') this.#server.register<Buffer, Buffer>(route.rpc, (call: UnaryCall, done: sendUnaryData<Buffer>) => this.#unary(route, refusal, call, done), asIs, asIs, 'unary');
      else this.#server.register<Buffer, Buffer>(route.rpc, (call: ServerDuplexStream<Buffer, Buffer>) => this.#stream(route, refusal, call), asIs, asIs, 'bidi');
    }
    for (const path of REFLECTION_PATHS) this.#server.register<Buffer, Buffer>(path, (call: ServerDuplexStream<Buffer, Buffer>) => this.#reflect(call), asIs, asIs, 'bidi');
  }

  async listen(): Promise<readonly string[]> {
    const bound: string[] = [];
    for (const address of this.#options.addresses) {
      const target = address.kind === 'unix' ? `unix:${address.path}` : address.host === '' ? `[::]:${address.port}` : describeAddress(address);
      let port = 0;
      await bindWithRetry((done) => {
        this.#server.bindAsync(target, ServerCredentials.createInsecure(), (cause, boundPort) => {
          port = boundPort;
          done(cause ?? undefined);
        });
      }, describeAddress(address));
      if (address.kind === 'unix') chmodSync(address.path, 0o600);
      bound.push(describeAddress(address.kind === 'unix' ? address : { ...address, port }));
    }
    return bound;
  }

  async drain(graceMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const closed = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    await Promise.race([closed, new Promise<void>((resolve) => (timer = setTimeout(resolve, graceMs)))]);
    clearTimeout(timer);
    this.close();
  }

  close(): void {
    this.#server.forceShutdown();
  }

  #unary(route: Route, refusal: Failure | undefined, call: UnaryCall, done: sendUnaryData<Buffer>): void {
    const answer = new UnaryAnswer(done);
    const { log } = this.#options;
    if (log !== undefined) {
      const began = performance.now();
      answer.finished = (code) => log({ method: route.rpc as string, code, durationMs: performance.now() - began, userAgent: first(call.metadata, 'user-agent') ?? '' });
    }
    const refused = refusal ?? this.#refuse(call.metadata);
    if (refused !== undefined) return answer.onRefusal(refused);
    // grpc-js ends the call by itself when its deadline passes, and says so by the same event as for a cancellation.
    const deadline = call.getDeadline();
    const deadlineMs = deadline === Infinity ? 0 : Math.max(1, Number(deadline) - Date.now());
    const ticket = this.#switch.open({ route, flags: 0, head: headOf(route, call.metadata), body: call.request, deadlineMs }, answer);
    call.once('cancelled', () => ticket.cancel());
  }

  /** No block streams yet: the owner's refusal is the whole answer. */
  #stream(route: Route, refusal: Failure | undefined, call: ServerDuplexStream<Buffer, Buffer>): void {
    const fail = (failure: Failure): void => void call.emit('error', statusOf(failure.grpc, failure.message, statusDetails(failure)));
    const refused = refusal ?? this.#refuse(call.metadata);
    if (refused !== undefined) return fail(refused);
    this.#switch.open({ route, flags: 0, head: undefined, body: Buffer.alloc(0), deadlineMs: 0 }, {
      onAnswer: () => void call.end(),
      onFailure: (code, message, details) => void call.emit('error', statusOf(code, message, details)),
      onRefusal: fail,
    });
  }

  #reflect(call: ServerDuplexStream<Buffer, Buffer>): void {
    const fail = (code: GrpcCode, message: string): void => void call.emit('error', statusOf(code, message, undefined));
    const refused = this.#refuse(call.metadata);
    if (refused !== undefined) return fail(refused.grpc, refused.message);
    this.#reflection ??= import('./reflection.ts').then(({ reflectionAnswers }) => reflectionAnswers(SERVICES));
    const answers = this.#reflection;
    let last: Promise<unknown> = answers;
    call.on('data', (request: Buffer) => {
      last = answers.then((answer) => call.write(Buffer.from(answer(request)))).catch((cause: unknown) => fail(Grpc.INVALID_ARGUMENT, messageOf(cause)));
    });
    call.on('end', () => void last.then(() => call.end()));
  }

  /** The token, when there is one to check. */
  #refuse(metadata: Metadata): Failure | undefined {
    const { token } = this.#options;
    if (token === undefined) return undefined;
    const given = first(metadata, 'dapr-api-token');
    if (given === undefined) return unauthorized('missing api token in request metadata');
    return token.matches(given) ? undefined : unauthorized('authentication error: api token mismatch');
  }
}

class UnaryAnswer implements Answer {
  finished: ((code: number) => void) | undefined;
  readonly #done: sendUnaryData<Buffer>;

  constructor(done: sendUnaryData<Buffer>) {
    this.#done = done;
  }

  onAnswer(_status: number, _headers: readonly string[] | undefined, body: Uint8Array): void {
    this.#done(null, Buffer.from(body)); // borrowed, and written later
    this.finished?.(Grpc.OK);
  }

  onFailure(code: GrpcCode, message: string, details: Uint8Array | undefined): void {
    this.#done(statusOf(code, message, details));
    this.finished?.(code);
  }

  onRefusal(failure: Failure): void {
    this.onFailure(failure.grpc, failure.message, statusDetails(failure));
  }
}

interface StatusError extends Error {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

function statusOf(code: GrpcCode, message: string, details: Uint8Array | undefined): StatusError {
  const metadata = new Metadata();
  if (details !== undefined) metadata.set('grpc-status-details-bin', Buffer.from(details));
  return Object.assign(new Error(message), { code, details: message, metadata });
}

/** Wanted request metadata, in the form of an HTTP head; only the kernel's own methods look at any. */
function headOf(route: Route, metadata: Metadata): PackedHttpHead | undefined {
  if (route.headers === undefined || route.owner !== 'kernel') return undefined;
  const wanted: string[] = [];
  for (const name of route.headers) {
    const value = first(metadata, name);
    if (value !== undefined) wanted.push(name, value);
  }
  return wanted.length === 0 ? undefined : [[], '', wanted];
}

function first(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return value === undefined ? undefined : String(value);
}

/** The shape in which daprd turns an HTTP refusal into a status (contract: code maps). */
function asHttpError(grpc: GrpcCode, reason: string, text: string, message: string): Failure {
  const detail: ErrorDetail = errorInfo(reason, { 'http.code': String(HTTP_OF_GRPC[grpc]), 'http.error_message': text.slice(0, 63) });
  return { grpc, http: HTTP_OF_GRPC[grpc], code: '', message, details: [detail] };
}

const unauthorized = (text: string): Failure => asHttpError(Grpc.UNAUTHENTICATED, 'Unauthorized', text, 'Unauthorized');
const NOT_ADMITTED: Failure = asHttpError(Grpc.UNIMPLEMENTED, 'Not Implemented', 'requested endpoint is not available', 'Not Implemented');
