// Calls to an HTTP application, on undici: HTTP/1.1 in plain text or in TLS, or HTTP/2 in plain text (h2c). A request goes out
// once: whether one whose connection broke was handled, nobody knows, so the caller decides what follows.
import { Pool, type Dispatcher } from 'undici';
import type { PackedAppRequest } from '../../proto/control.ts';
import { Grpc } from '../../proto/errors.ts';
import { Gathering } from '../gathering.ts';
import type { AppReply } from './channel.ts';
import { httpHeaders, requestTarget } from './headers.ts';
import { hostAndPort, noAnswer, USER_AGENT, type SentCall, type Transport, type TransportOptions } from './transport.ts';

const CONNECT_MS = 5_000;
/** Of HTTP/2 at a time on one connection; a server that wants fewer says so. */
const STREAMS = 256;
const ABORTED = new Error('nobody waits for the answer any more');
/** undici took offence at the request before it was sent. */
const REFUSED: ReadonlySet<string> = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED']);
const TOO_LARGE = 'UND_ERR_RES_EXCEEDED_MAX_SIZE';

export function openTransport(options: TransportOptions): Transport {
  return new HttpTransport(options);
}

class HttpTransport implements Transport {
  readonly where: string;
  readonly maxBodyBytes: number;
  readonly #pool: Pool;
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    const { protocol, address, port, maxBodyBytes, maxConnections } = options;
    this.#options = options;
    this.where = hostAndPort(address, port);
    this.maxBodyBytes = maxBodyBytes;
    this.#pool = new Pool(`${protocol === 'https' ? 'https' : 'http'}://${this.where}`, {
      connections: maxConnections,
      // Deadlines are the callers'. undici honours a server's hint at how long it keeps an idle connection.
      headersTimeout: 0, bodyTimeout: 0,
      maxResponseSize: maxBodyBytes,
      // Nobody vouches for an application's certificate; TLS is there because the application insists on it.
      connect: { timeout: CONNECT_MS, rejectUnauthorized: false },
      ...(protocol === 'h2c' ? { allowH2: true, useH2c: true, maxConcurrentStreams: STREAMS } : { allowH2: false }),
    });
  }

  send([verb, target, asked]: PackedAppRequest, body: Uint8Array, reply: AppReply): SentCall {
    const call = new HttpCall(this, reply);
    if (verb === 'RPC') reply.onFailure(Grpc.INTERNAL, `${target} is an rpc, but the application's protocol is ${this.#options.protocol}`);
    else this.#pool.dispatch({ method: verb, path: requestTarget(target), headers: httpHeaders(this.#own(), asked), body: verb === 'GET' ? null : body }, call);
    return call;
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #own(): string[] {
    const { appId, token } = this.#options;
    return token.isSet ? ['user-agent', USER_AGENT, 'dapr-app-id', appId, 'dapr-api-token', token.reveal()] : ['user-agent', USER_AGENT, 'dapr-app-id', appId];
  }
}

class HttpCall implements Dispatcher.DispatchHandler, SentCall {
  readonly #transport: HttpTransport;
  readonly #reply: AppReply;
  #controller: Dispatcher.DispatchController | undefined;
  #aborted = false;
  #status = 0;
  readonly #body = new Gathering();

  constructor(transport: HttpTransport, reply: AppReply) {
    this.#transport = transport;
    this.#reply = reply;
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort(ABORTED); // one that waits for a connection ends when it gets one
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#aborted) controller.abort(ABORTED);
  }

  /** Also for each interim (1xx) answer. */
  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#body.add(chunk);
  }

  onResponseEnd(): void {
    this.#reply.onAnswer(this.#status, this.#body.whole());
  }

  onResponseError(_controller: Dispatcher.DispatchController, cause: Error & { readonly code?: string }): void {
    const { where, maxBodyBytes } = this.#transport;
    if (cause.code === TOO_LARGE) this.#reply.onFailure(Grpc.RESOURCE_EXHAUSTED, `the application at ${where} answered with more than ${maxBodyBytes} bytes`);
    else if (REFUSED.has(cause.code ?? '')) this.#reply.onFailure(Grpc.INTERNAL, noAnswer(where, cause));
    else this.#reply.onFailure(Grpc.UNAVAILABLE, noAnswer(where, cause), this.#controller === undefined); // it waited for a connection in vain
  }
}
