// The gRPC listener on kernel/h2: each stream of a connection becomes a call of the switch. No message is decoded here, and what
// the head of a request means is found once for each that a connection sends.
import { Grpc, type Failure } from '../../proto/errors.ts';
import type { Route } from '../../proto/routes.ts';
import type { RequestHead } from '../h2/request-head.ts';
import { Http2Server } from '../h2/server.ts';
import type { Application } from '../h2/connection.ts';
import type { Stream } from '../h2/stream.ts';
import type { ApiCounts, RpcCounts } from '../metrics/server-counts.ts';
import type { Switch } from '../switch.ts';
import { NOT_ADMITTED, refusalOfToken } from './admission.ts';
import { readCallHead, type CallHead, type Gate, type HeadFault } from './call-head.ts';
import { Deadlines } from './deadlines.ts';
import { trailersOf, trailersOnly } from './fields.ts';
import type { GrpcListener, GrpcOptions, LiveGrpcOptions } from './listener.ts';
import { PlainExchange } from './plain-exchange.ts';
import { ReflectionServer } from './reflection-server.ts';
import { REFLECTION_PATHS } from './services.ts';
import { StreamExchange } from './stream-exchange.ts';
import { UnaryExchange } from './unary-exchange.ts';

export function openOwnListener(dispatch: Switch, options: GrpcOptions): GrpcListener {
  return new OwnListener(dispatch, options);
}

/** What the exchanges of a listener share. */
export interface Port {
  readonly dispatch: Switch;
  readonly maxBodyBytes: number;
  /** Somebody wants to know how long calls take. */
  readonly isTimed: boolean;
  readonly draining: boolean;
  readonly counts: ApiCounts | undefined;
  readonly log: GrpcOptions['log'];
  countsOf(gate: Gate): RpcCounts | undefined;
  refuses(gate: Gate, head: CallHead): Failure | undefined;
  /** Of unary calls whose requests are not whole. */
  readonly deadlines: Deadlines;
  opened(stream: StreamExchange): void;
  closed(stream: StreamExchange): void;
}

/** What a request's head means; kept with it. */
type Meaning =
  | { readonly gate: Gate; readonly head: CallHead; readonly fault: undefined }
  | { readonly fault: HeadFault };

class OwnListener implements GrpcListener, Application, Port {
  readonly dispatch: Switch;
  readonly maxBodyBytes: number;
  readonly deadlines = new Deadlines();
  draining = false;
  #options: GrpcOptions;
  readonly #gates = new Map<string, Gate>();
  readonly #reflection = new ReflectionServer();
  readonly #server: Http2Server;
  /** Calls that would go on for ever if nobody ended them. */
  readonly #streams = new Set<StreamExchange>();

  constructor(dispatch: Switch, options: GrpcOptions) {
    this.dispatch = dispatch;
    this.maxBodyBytes = options.maxBodyBytes;
    this.#options = options;
    for (const route of options.routes) {
      if (route.rpc !== undefined) this.#gates.set(route.rpc, { route, refusal: options.admit(route) ? undefined : NOT_ADMITTED, counts: undefined, countedBy: undefined });
    }
    for (const rpc of REFLECTION_PATHS) this.#gates.set(rpc, { route: reflectionRoute(rpc), refusal: undefined, counts: undefined, countedBy: undefined });
    this.#server = new Http2Server({ ...options, application: this });
  }

  get isTimed(): boolean {
    return this.#options.log !== undefined || this.#options.counts?.grpc !== undefined;
  }
  get counts(): ApiCounts | undefined {
    return this.#options.counts;
  }
  get log(): GrpcOptions['log'] {
    return this.#options.log;
  }

  get connections(): number {
    return this.#server.connections;
  }

  apply(live: LiveGrpcOptions): void {
    this.#options = { ...this.#options, ...live };
    for (const gate of this.#gates.values()) if (gate.route.id !== 0) gate.refusal = live.admit(gate.route) ? undefined : NOT_ADMITTED;
  }

  listen(): Promise<readonly string[]> {
    return this.#server.listen();
  }

  async drain(graceMs: number): Promise<void> {
    this.draining = true;
    for (const stream of [...this.#streams]) stream.shutDown();
    await this.#server.drain(graceMs);
  }

  close(): void {
    this.#server.close();
  }

  countsOf(gate: Gate): RpcCounts | undefined {
    const counts = this.#options.counts?.grpc;
    if (gate.countedBy !== counts) {
      gate.countedBy = counts;
      gate.counts = counts?.of(gate.route.rpc as string);
    }
    return gate.counts;
  }

  refuses({ refusal }: Gate, { token: given }: CallHead): Failure | undefined {
    if (refusal !== undefined) return refusal;
    const { token } = this.#options;
    return token === undefined ? undefined : refusalOfToken(token, given);
  }

  opened(stream: StreamExchange): void {
    this.#streams.add(stream);
  }

  closed(stream: StreamExchange): void {
    this.#streams.delete(stream);
  }

  open(stream: Stream, request: RequestHead): void {
    const meaning = (request.meaning ??= this.#meaningOf(request)) as Meaning;
    if (meaning.fault !== undefined) {
      if (meaning.fault.status === 200) return this.#refuse(stream, meaning.fault);
      stream.handler = new PlainExchange(stream, meaning.fault);
      return;
    }
    const { gate, head } = meaning;
    if (gate.route.kind === 'unary') {
      stream.handler = new UnaryExchange(this, stream, gate, head);
      return;
    }
    const exchange = new StreamExchange(this, stream, gate, head, gate.route.id === 0 ? this.#reflection : this.dispatch);
    stream.handler = exchange;
    exchange.begin();
  }

  openTooLarge(stream: Stream): void {
    this.#refuse(stream, { status: 200, code: Grpc.RESOURCE_EXHAUSTED, message: `the request's metadata has more than ${this.#options.maxHeaderBytes} bytes` });
  }

  #meaningOf(request: RequestHead): Meaning {
    const gate = this.#gates.get(request.path);
    const head = readCallHead(request, gate?.route.metadata);
    if ('status' in head) return { fault: head };
    if (gate === undefined) return { fault: { status: 200, code: Grpc.UNIMPLEMENTED, message: `The server does not implement the method ${request.path}` } };
    return { gate, head, fault: undefined };
  }

  #refuse(stream: Stream, { code, message }: HeadFault): void {
    stream.sendOnly(trailersOnly(trailersOf(code, message, undefined)));
  }
}

/** Reflection has no row in the table, because no block and no rule of the Configuration has to do with it. */
function reflectionRoute(rpc: string): Route {
  return { id: 0, name: 'ServerReflectionInfo', rpc, http: [], owner: 'kernel', kind: 'bidi', safe: true, group: 'reflection', version: 'v1' };
}
