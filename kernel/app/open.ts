// The app channel: what each call to the application goes through, whatever the protocol. Health first, then its turn, then the
// transport; a deadline spans it all.
import type { AppState, PackedAppRequest } from '../../proto/control.ts';
import { Grpc, messageOf, type GrpcCode } from '../../proto/errors.ts';
import type { Log } from '../../proto/log.ts';
import type { AppConfig } from '../config.ts';
import type { AppCounts } from '../metrics/app-counts.ts';
import { Secret } from '../secret.ts';
import type { AppChannel, AppReply } from './channel.ts';
import { isSendable } from './headers.ts';
import { AppWatch } from './health.ts';
import { Limiter, type Waiter } from './limiter.ts';
import { hostAndPort, type SentCall, type Transport, type TransportOptions } from './transport.ts';

/** Of connections to one host (contract: messaging §6.2): all but the one of the health probes. Also the most calls at a time. */
const MAX_CALLS = 1_023;
const MAX_WAITING = 10_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const NOTHING = Buffer.alloc(0);
const HEALTH_CHECK = '/dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck';
const UNHEALTHY = 'app is not in a healthy state';

export interface AppChannelOptions {
  readonly appId: string;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  /** Of an answer; for a gRPC application of a request, too. */
  readonly maxBodyBytes: number;
  /** Where calls are counted; undefined, or absent: nowhere. */
  readonly counts?: () => AppCounts | undefined;
}

/** Loads the client of the application's protocol, and no other. @param app has a port; an IPv6 address may be in brackets */
export async function openAppChannel(app: AppConfig, options: AppChannelOptions): Promise<AppChannel> {
  const isGrpc = app.protocol === 'grpc' || app.protocol === 'grpcs';
  const { openTransport } = isGrpc ? await import('./grpc.ts') : await import('./http.ts');
  return new Channel({ ...app, address: app.address.replace(/^\[(.*)\]$/, '$1') }, options, openTransport);
}

class Channel implements AppChannel {
  readonly #where: string;
  readonly #transport: Transport;
  readonly #limiter: Limiter;
  readonly #watch: AppWatch;
  readonly #probing: Transport | undefined;
  readonly #calls = new Set<Call>();
  readonly #counts: () => AppCounts | undefined;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(app: AppConfig, { appId, log, maxBodyBytes, counts = () => undefined }: AppChannelOptions, openTransport: (options: TransportOptions) => Transport) {
    this.#counts = counts;
    const { protocol, address, port } = app;
    const options = { protocol, address, port, maxBodyBytes, appId: isSendable(appId) ? appId : encodeURIComponent(appId), token: sendableToken(app.token, log) };
    this.#where = hostAndPort(address, port);
    this.#transport = openTransport({ ...options, maxConnections: MAX_CALLS });
    this.#limiter = new Limiter(app.maxConcurrency === 0 ? MAX_CALLS : Math.min(app.maxConcurrency, MAX_CALLS), MAX_WAITING);
    // Probes have a connection of their own and take no turn: an application that is busy with as many calls as it may get is
    // not sick, and would be called so if its probes had to wait behind them.
    this.#probing = app.health.enabled ? openTransport({ ...options, maxConnections: 1 }) : undefined;
    const question: PackedAppRequest = protocol === 'grpc' || protocol === 'grpcs' ? ['RPC', HEALTH_CHECK, []] : ['GET', app.health.path, []];
    this.#watch = new AppWatch(app, (timeoutMs, done) => probe(this.#probing as Transport, question, timeoutMs, done, counts), log);
  }

  get state(): AppState {
    return this.#watch.state;
  }

  get found(): boolean {
    return this.#watch.found;
  }

  get inFlight(): number {
    return this.#calls.size;
  }
  get counts(): AppCounts | undefined {
    return this.#counts();
  }

  call(request: PackedAppRequest, body: Uint8Array, deadlineMs: number, reply: AppReply): () => void {
    const call = new Call(this, request, body, reply);
    this.#calls.add(call);
    call.start(deadlineMs);
    return call.giveUp;
  }

  start(changed: (state: AppState) => void): void {
    this.#watch.start(changed);
  }

  close(): Promise<void> {
    this.#closed = true;
    return (this.#closing ??= this.#close());
  }

  /** Why the application can't be called now, if it can't. */
  refusal(): string | undefined {
    if (this.#closed) return 'the sidecar is shutting down: the application is not called any more';
    if (!this.#watch.found) return `the application is not listening yet on ${this.#where}`;
    return this.#watch.state === 'down' ? UNHEALTHY : undefined;
  }

  enter(call: Call): boolean {
    return this.#limiter.enter(call);
  }
  leave(): void {
    this.#limiter.leave();
  }
  forsake(call: Call): void {
    this.#limiter.forsake(call);
  }
  send(call: Call, request: PackedAppRequest, body: Uint8Array): SentCall {
    return this.#transport.send(request, body, call);
  }
  ended(call: Call): void {
    this.#calls.delete(call);
  }

  async #close(): Promise<void> {
    this.#watch.close();
    for (const call of this.#calls) call.fail(Grpc.UNAVAILABLE, 'the connection to the application was closed: the sidecar is shutting down');
    await Promise.all([this.#transport.close(), this.#probing?.close()]);
  }
}

/** One call: it waits for its turn, is sent, and is answered. What ends it first counts; its turn ends when the transport is done. */
class Call implements AppReply, Waiter {
  readonly #channel: Channel;
  readonly #request: PackedAppRequest;
  readonly #body: Uint8Array;
  /** Undefined once it has been told, or wants to hear nothing any more. */
  #reply: AppReply | undefined;
  #timer: NodeJS.Timeout | undefined;
  #sent: SentCall | undefined;
  /** Where it is counted once it was sent. */
  #counts: AppCounts | undefined;
  #sentMs = 0;
  #hasTurn = false;
  /** The caller doesn't have `giveUp` in hand yet: it isn't answered before. */
  #starting = true;

  constructor(channel: Channel, request: PackedAppRequest, body: Uint8Array, reply: AppReply) {
    this.#channel = channel;
    this.#request = request;
    this.#body = body;
    this.#reply = reply;
  }

  start(deadlineMs: number): void {
    if (deadlineMs > 0) {
      this.#timer = setTimeout(expire, Math.min(deadlineMs, LONGEST_TIMER_MS), this, deadlineMs);
    }
    if (!this.#refused() && !this.#channel.enter(this)) this.fail(Grpc.RESOURCE_EXHAUSTED, `${MAX_WAITING} calls to the application are waiting already`, true);
    this.#starting = false;
  }

  admit(): void {
    this.#hasTurn = true;
    if (this.#refused()) return this.#endTurn();
    try {
      this.#counts = this.#channel.counts;
      this.#counts?.sent(this.#request, this.#body.length);
      this.#sentMs = performance.now();
      const sent = this.#channel.send(this, this.#request, this.#body);
      if (this.#hasTurn) this.#sent = sent;
    } catch (cause) {
      this.onFailure(Grpc.INTERNAL, `the call to the application could not be made: ${messageOf(cause)}`);
    }
  }

  onAnswer(status: number, body: Uint8Array): void {
    this.#count(status, body.length);
    this.#endTurn();
    this.#end()?.onAnswer(status, body);
  }

  onFailure(code: GrpcCode, message: string, unasked?: boolean): void {
    this.#count(this.#request[0] === 'RPC' ? code : undefined, 0);
    this.#endTurn();
    this.fail(code, message, unasked);
  }

  /** Tells the caller, and takes the request back if it is under way. */
  fail(code: GrpcCode, message: string, unasked?: boolean): void {
    if (this.#starting) queueMicrotask(() => this.fail(code, message, unasked));
    else this.#end()?.onFailure(code, message, unasked);
  }

  readonly giveUp = (): void => {
    this.#end();
  };

  #refused(): boolean {
    const refusal = this.#channel.refusal();
    if (refusal !== undefined) this.fail(Grpc.UNAVAILABLE, refusal, true);
    return refusal !== undefined;
  }

  /** @returns whom to tell, if that is still to be done */
  #end(): AppReply | undefined {
    const reply = this.#reply;
    if (reply === undefined) return undefined;
    this.#reply = undefined;
    clearTimeout(this.#timer);
    this.#channel.ended(this);
    if (this.#hasTurn) this.#sent?.abort();
    else this.#channel.forsake(this);
    return reply;
  }

  /** @param end an HTTP status or a gRPC code; undefined: there was no answer */
  #count(end: number | undefined, bytes: number): void {
    this.#counts?.over(this.#request, end, bytes, performance.now() - this.#sentMs);
    this.#counts = undefined;
  }

  #endTurn(): void {
    if (!this.#hasTurn) return;
    this.#hasTurn = false;
    this.#sent = undefined;
    this.#channel.leave();
  }
}

function sendableToken(token: Secret, log: AppChannelOptions['log']): Secret {
  if (isSendable(token.reveal())) return token;
  log.error({}, 'APP_API_TOKEN has characters that no header can carry: the application is called without it');
  return new Secret('');
}

function expire(call: Call, deadlineMs: number): void {
  call.fail(Grpc.DEADLINE_EXCEEDED, `the application did not answer within ${deadlineMs} ms`);
}

function probe(transport: Transport, question: PackedAppRequest, timeoutMs: number, done: (complaint: string | undefined) => void, counts: () => AppCounts | undefined): () => void {
  const began = performance.now();
  const count = (end: number | undefined): void => counts()?.probed(question[0], end, performance.now() - began);
  let over = false;
  const end = (complaint: string | undefined): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    done(complaint);
  };
  const timer = setTimeout(() => {
    if (!over) count(question[0] === 'RPC' ? Grpc.DEADLINE_EXCEEDED : undefined);
    end(`no answer within ${timeoutMs} ms`);
    sent.abort();
  }, timeoutMs).unref();
  const sent = transport.send(question, NOTHING, {
    onAnswer: (status) => {
      if (!over) count(status);
      end(status === 0 || (status >= 200 && status <= 299) ? undefined : `it answered with status ${status}`);
    },
    onFailure: (code, message) => {
      if (!over) count(question[0] === 'RPC' ? code : undefined);
      end(message);
    },
  });
  return () => {
    over = true;
    clearTimeout(timer);
    sent.abort();
  };
}
