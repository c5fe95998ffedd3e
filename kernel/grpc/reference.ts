// The gRPC listener on grpc-js, the reference that the own one (own.ts) is measured and tested against: registers every row of
// the route table with bytes in and bytes out, so that no message is decoded here.
import { chmodSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { Metadata, Server, ServerCredentials, type sendUnaryData, type ServerDuplexStream, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import { EMPTY, Flag } from '../../ipc/frame.ts';
import { Grpc, type Failure, type GrpcCode, messageOf } from '../../proto/errors.ts';
import type { PackedHttpHead } from '../../proto/control.ts';
import type { Route } from '../../proto/routes.ts';
import { statusDetails } from '../../proto/status.ts';
import { bindWithRetry } from '../bind.ts';
import { GrpcStream, shuttingDown } from './reference-stream.ts';
import { describeAddress } from '../listener.ts';
import type { ApiCounts, RpcCounts } from '../metrics/server-counts.ts';
import { NOT_ADMITTED, refusalOfToken } from './admission.ts';
import type { GrpcListener, GrpcOptions, LiveGrpcOptions } from './listener.ts';
import type { AnswerReflection } from './reflection.ts';
import { REFLECTION_PATHS, SERVICES } from './services.ts';
import type { Answer } from '../seat.ts';
import type { Switch } from '../switch.ts';

type UnaryCall = ServerUnaryCall<Buffer, Buffer>;
type WritableCall = ServerWritableStream<Buffer, Buffer>;
type DuplexCall = ServerDuplexStream<Buffer, Buffer>;
type AnyCall = UnaryCall | WritableCall | DuplexCall;

/** Frames, keepalive and sizes as daprd has them (contract: gRPC API, server properties). */
const KEEPALIVE = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_connection_idle_ms': 180_000,
} as const;

const asIs = (bytes: Buffer): Buffer => bytes;

export function openReferenceListener(dispatch: Switch, options: GrpcOptions): GrpcListener {
  return new GrpcServer(dispatch, options);
}

/** Whether a route's calls are let in. */
interface Gate {
  readonly route: Route;
  refusal: Failure | undefined;
}

class GrpcServer implements GrpcListener {
  readonly #switch: Switch;
  #options: GrpcOptions;
  readonly #gates: Gate[] = [];
  readonly #server: Server;
  /** Calls that would go on for ever if nobody ended them. */
  readonly #streams = new Set<{ shutDown(): void }>();
  #reflection: Promise<AnswerReflection> | undefined;
  #draining = false;

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
      const gate: Gate = { route, refusal: options.admit(route) ? undefined : NOT_ADMITTED };
      this.#gates.push(gate);
      if (route.kind === 'unary') this.#server.register<Buffer, Buffer>(route.rpc, (call: UnaryCall, done: sendUnaryData<Buffer>) => this.#unary(route, gate.refusal, call, done), asIs, asIs, 'unary');
      else if (route.kind === 'server-stream') this.#server.register<Buffer, Buffer>(route.rpc, (call: WritableCall) => this.#stream(route, gate.refusal, call, undefined, call.request), asIs, asIs, 'serverStream');
      else this.#server.register<Buffer, Buffer>(route.rpc, (call: DuplexCall) => this.#stream(route, gate.refusal, call, call, EMPTY), asIs, asIs, 'bidi');
    }
    for (const path of REFLECTION_PATHS) this.#server.register<Buffer, Buffer>(path, (call: DuplexCall) => this.#reflect(call), asIs, asIs, 'bidi');
  }

  apply(live: LiveGrpcOptions): void {
    this.#options = { ...this.#options, ...live };
    for (const gate of this.#gates) gate.refusal = live.admit(gate.route) ? undefined : NOT_ADMITTED;
  }

  async listen(): Promise<readonly string[]> {
    const bound: string[] = [];
    for (const address of this.#options.addresses) {
      const target = address.kind === 'unix' ? `unix:${address.path}` : address.host === '' ? `[::]:${address.port}` : describeAddress(address);
      let port = 0;
      await bindWithRetry((done) => {
        this.#server.bindAsync(target, this.#options.tls === undefined ? ServerCredentials.createInsecure() : ServerCredentials.createSsl(null, [{ cert_chain: this.#options.tls.cert, private_key: this.#options.tls.key }]), (cause, boundPort) => {
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
    this.#draining = true;
    for (const stream of [...this.#streams]) stream.shutDown();
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
    const { counts } = this.#options;
    const answer = new UnaryAnswer(call, done);
    answer.finished = this.#logOf(route, call);
    const refused = refusal ?? this.#refuse(call.metadata);
    if (refused !== undefined) return answer.onRefusal(refused);
    if (counts?.grpc !== undefined) answer.countIn(counts, counts.grpc.of(route.rpc as string));
    // grpc-js ends the call by itself when its deadline passes, and says so by the same event as for a cancellation.
    const ticket = this.#switch.open({ route, flags: 0, head: headOf(route, call.metadata), body: call.request, deadlineMs: deadlineMsOf(call) }, answer);
    call.once('cancelled', () => {
      ticket.cancel();
      answer.cancelled();
    });
  }

  /** @param messages the client's; undefined when `body` is its only one. */
  #stream(route: Route, refusal: Failure | undefined, call: WritableCall | DuplexCall, messages: Readable | undefined, body: Uint8Array): void {
    const log = this.#logOf(route, call);
    const stream = new GrpcStream(route.owner, {
      counts: this.#options.counts,
      messages,
      answers: call,
      fail: (code, message, details) => void call.emit('error', statusOf(code, message, details)),
      finished: (code) => {
        this.#streams.delete(stream);
        log?.(code);
      },
    });
    const refused = refusal ?? this.#refuse(call.metadata) ?? (this.#draining ? shuttingDown(route.owner) : undefined);
    if (refused !== undefined) return stream.onRefusal(refused);
    this.#streams.add(stream);
    const deadline = Number(call.getDeadline());
    call.once('cancelled', () => stream.cancelled(Date.now() >= deadline ? Grpc.DEADLINE_EXCEEDED : Grpc.CANCELLED));
    stream.open(this.#switch, { route, flags: messages === undefined ? 0 : Flag.STREAM, head: headOf(route, call.metadata), body, deadlineMs: deadlineMsOf(call) });
  }

  #reflect(call: DuplexCall): void {
    const fail = (code: GrpcCode, message: string): void => void call.emit('error', statusOf(code, message, undefined));
    const refused = this.#refuse(call.metadata);
    if (refused !== undefined) return fail(refused.grpc, refused.message);
    const open = { shutDown: () => fail(Grpc.UNAVAILABLE, 'the sidecar is shutting down') };
    this.#streams.add(open);
    call.once('cancelled', () => this.#streams.delete(open)); // at every end
    this.#reflection ??= import('./reflection.ts').then(({ reflectionAnswers }) => reflectionAnswers(SERVICES));
    const answers = this.#reflection;
    let last: Promise<unknown> = answers;
    call.on('drain', () => call.resume());
    call.on('data', (request: Buffer) => {
      last = answers.then((answer) => {
        if (!call.writableEnded && !call.write(Buffer.from(answer(request)))) call.pause(); // until the client reads
      }).catch((cause: unknown) => fail(Grpc.INVALID_ARGUMENT, messageOf(cause)));
    });
    call.on('end', () => void last.then(() => call.end()));
  }

  /** Writes the call's line in the API log, if there is one. */
  #logOf(route: Route, call: AnyCall): ((code: number) => void) | undefined {
    const { log } = this.#options;
    if (log === undefined) return undefined;
    const began = performance.now();
    return (code) => log({ method: route.rpc as string, code, durationMs: performance.now() - began, userAgent: first(call.metadata, 'user-agent') ?? '' });
  }

  /** The token, when there is one to check. */
  #refuse(metadata: Metadata): Failure | undefined {
    const { token } = this.#options;
    return token === undefined ? undefined : refusalOfToken(token, first(metadata, 'dapr-api-token'));
  }
}

class UnaryAnswer implements Answer {
  finished: ((code: number) => void) | undefined;
  readonly #call: UnaryCall;
  readonly #done: sendUnaryData<Buffer>;
  #counts: ApiCounts | undefined;
  #rpc: RpcCounts | undefined;
  #began = 0;

  constructor(call: UnaryCall, done: sendUnaryData<Buffer>) {
    this.#call = call;
    this.#done = done;
  }

  countIn(counts: ApiCounts, rpc: RpcCounts): void {
    this.#counts = counts;
    this.#rpc = rpc;
    this.#began = performance.now();
  }

  /** The client left, or its deadline passed: nothing is answered any more. */
  cancelled(): void {
    this.#count(Date.now() >= Number(this.#call.getDeadline()) ? Grpc.DEADLINE_EXCEEDED : Grpc.CANCELLED, 0);
  }

  onAnswer(_status: number, headers: readonly string[] | undefined, body: Uint8Array): void {
    if (headers !== undefined) {
      const metadata = metadataOf(headers);
      if (metadata === undefined) return this.onFailure(Grpc.INTERNAL, 'the block answered with metadata that is none', undefined);
      this.#call.sendMetadata(metadata);
    }
    this.#done(null, Buffer.from(body)); // borrowed, and written later
    this.#count(Grpc.OK, body.length);
    this.finished?.(Grpc.OK);
  }

  onFailure(code: GrpcCode, message: string, details: Uint8Array | undefined): void {
    this.#done(statusOf(code, message, details));
    this.#count(code, 0);
    this.finished?.(code);
  }

  /** Once: what comes after the end is no other end. */
  #count(code: GrpcCode, bytes: number): void {
    this.#rpc?.answered(code, this.#call.request.length, bytes, performance.now() - this.#began);
    this.#rpc = undefined;
  }

  onRefusal(failure: Failure): void {
    this.#counts?.error(failure);
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

/** Undefined where a header can't be gRPC metadata: grpc-js throws at that, and a block must not make the kernel throw. */
function metadataOf(headers: readonly string[]): Metadata | undefined {
  const metadata = new Metadata();
  try {
    for (let i = 0; i + 1 < headers.length; i += 2) metadata.add(headers[i] as string, headers[i + 1] as string);
    return metadata;
  } catch {
    return undefined;
  }
}

/** Milliseconds; 0 for none. */
function deadlineMsOf(call: AnyCall): number {
  const deadline = call.getDeadline();
  return deadline === Infinity ? 0 : Math.max(1, Number(deadline) - Date.now());
}

/** Wanted request metadata, in the form of an HTTP head. Undefined, which costs no bytes, when the call brings none of it. */
function headOf(route: Route, metadata: Metadata): PackedHttpHead | undefined {
  if (route.metadata === undefined) return undefined;
  let wanted: string[] | undefined;
  for (const name of route.metadata) {
    const value = first(metadata, name);
    if (value !== undefined) (wanted ??= []).push(name, value);
  }
  return wanted === undefined ? undefined : [[], '', wanted];
}

/** Binary metadata in base64. */
function first(metadata: Metadata, name: string): string | undefined {
  const value = metadata.get(name)[0];
  return value === undefined || typeof value === 'string' ? value : value.toString('base64');
}
