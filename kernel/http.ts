// The HTTP listener's requests: token, CORS, route, body, answer (contract: HTTP API, transport rules and middleware
// order). Where connections come from is http-server.ts.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { EMPTY, Flag } from '../ipc/frame.ts';
import type { PackedHttpHead } from '../proto/control.ts';
import { HTTP_OF_GRPC, type Failure, type GrpcCode } from '../proto/errors.ts';
import { FAIL } from '../proto/failures.ts';
import type { Route } from '../proto/routes.ts';
import { httpBody } from '../proto/status.ts';
import { applyCors, type Cors } from './cors.ts';
import { BadEscape, cleanPath, type Match, type Router } from './router.ts';
import type { ApiCounts, HttpServerCounts } from './metrics/server-counts.ts';
import type { Answer, Ticket } from './seat.ts';
import type { Secret } from './secret.ts';
import type { Switch } from './switch.ts';

export type Request = IncomingMessage | Http2ServerRequest;
export type Response = ServerResponse | Http2ServerResponse;

/** One line of the API log. Times in milliseconds, size in bytes. */
export interface ApiCall {
  readonly code: number;
  readonly method: string;
  readonly durationMs: number;
  readonly size: number;
  readonly userAgent: string;
}

export interface HttpOptions {
  readonly router: Router;
  readonly token: Secret | undefined;
  readonly cors: Cors | undefined;
  readonly maxBodyBytes: number;
  /** What an unknown path gets: Dapr's service invocation complains, the public port and a denied invocation do not. */
  readonly fallback: 'invoke' | 'plain';
  /** Absent: no API log. `route` is undefined for unknown paths. */
  readonly log: ((call: ApiCall, match: Match | undefined, path: string) => void) | undefined;
  /** Absent: nothing is counted. */
  readonly counts?: ApiCounts;
}

/** Bodies up to this size leave in one write with the header. */
const INLINE_BYTES = 16 * 1024;
/** How much of a body that is too large is read and thrown away, so that the client gets to read the answer. */
const DISCARD_BYTES = 64 * 1024 * 1024;
const DISCARD_MS = 2_000;
/** Health and metadata answer even callers without the token: only these two are exempt. */
const EXEMPT_PATHS: ReadonlySet<string> = new Set(['/v1.0/healthz', '/v1.0/healthz/outbound']);

/** What the Configuration decides, which may change while connections are open. */
export type LiveHttpOptions = Pick<HttpOptions, 'router' | 'fallback' | 'log'>;

export class HttpApi {
  readonly #switch: Switch;
  #options: HttpOptions;

  constructor(dispatch: Switch, options: HttpOptions) {
    this.#switch = dispatch;
    this.#options = options;
  }

  /** From the next request on. */
  apply(live: LiveHttpOptions): void {
    this.#options = { ...this.#options, ...live };
  }

  handle(request: Request, response: Response): void {
    const { router, token, cors, fallback, log, maxBodyBytes, counts } = this.#options;
    const verb = request.method as string;
    const target = originForm(request.url as string);
    const question = target.indexOf('?');
    const path = cleanPath(question < 0 ? target : target.slice(0, question));
    const exchange = new Exchange(request, response, counts);
    if (counts?.http !== undefined) exchange.countIn(counts.http, verb, path, request.headers['content-length']);
    if (cors !== undefined && applyCors(cors, request, response)) return exchange.empty(200);
    if (token !== undefined) {
      if (!(verb === 'GET' && EXEMPT_PATHS.has(path)) && !token.matches(header(request, 'dapr-api-token'))) return exchange.text(401, 'invalid api token\n');
    }
    let match: Match | undefined;
    try {
      match = router.match(verb, path);
    } catch (cause) {
      if (cause instanceof BadEscape) return exchange.text(400, cause.message);
      throw cause;
    }
    if (log !== undefined) exchange.logTo((code, size, durationMs) => log({ code, method: `${verb} ${path}`, durationMs, size, userAgent: header(request, 'user-agent') }, match, path));
    if (match === undefined) {
      if (fallback === 'plain') return exchange.text(404, '404 page not found\n');
      // A target named by header is service invocation, which is another block's; without one the caller is told what is missing.
      return exchange.onRefusal(header(request, 'dapr-app-id') === '' ? FAIL.noInvokeTarget().failure : FAIL.notImplemented().failure);
    }
    const head = packHead(match, question < 0 ? '' : target.slice(question + 1), request);
    const { route } = match;
    if (hasNoBody(request)) exchange.opened(this.#switch.open({ route, flags: Flag.HTTP, head, body: EMPTY, deadlineMs: 0 }, exchange));
    else readBody(request, maxBodyBytes, (body) => {
      if (body === undefined) exchange.onRefusal(tooLarge(route));
      else exchange.opened(this.#switch.open({ route, flags: Flag.HTTP, head, body, deadlineMs: 0 }, exchange));
    });
  }
}

/** One request's way back. */
class Exchange implements Answer {
  readonly #response: ServerResponse;
  #ticket: Ticket | undefined;
  #answered = false;
  readonly #counts: ApiCounts | undefined;
  #log: ((code: number, size: number, durationMs: number) => void) | undefined;
  #began = 0;
  /** Where it is counted, and as what; undefined: nowhere. */
  #http: HttpServerCounts | undefined;
  #verb = '';
  #path = '';
  #contentLength: string | undefined;

  constructor(_request: Request, response: Response, counts: ApiCounts | undefined) {
    this.#counts = counts;
    // Node's HTTP/2 compatibility response has every member used here.
    this.#response = response as ServerResponse;
  }

  logTo(log: (code: number, size: number, durationMs: number) => void): void {
    this.#log = log;
    this.#began = performance.now();
  }

  countIn(counts: HttpServerCounts, verb: string, path: string, contentLength: string | undefined): void {
    this.#http = counts;
    this.#verb = verb;
    this.#path = path;
    this.#contentLength = contentLength;
    this.#began = performance.now();
  }

  /** The call is under way: a client that leaves cancels it. */
  opened(ticket: Ticket): void {
    if (this.#answered) return;
    this.#ticket = ticket;
    this.#response.once('close', () => {
      if (!this.#answered) this.#ticket?.cancel();
    });
  }

  onAnswer(status: number, headers: readonly string[] | undefined, body: Uint8Array): void {
    if (status === 204) return this.empty(204, headers);
    this.#send(status, 'application/json', headers, body);
  }

  onFailure(code: GrpcCode, message: string): void {
    this.onRefusal({ grpc: code, http: HTTP_OF_GRPC[code], code: 'ERROR', message });
  }

  onRefusal(failure: Failure): void {
    if (!this.#answered) this.#counts?.error(failure);
    this.#send(failure.http, 'application/json', undefined, Buffer.from(httpBody(failure)));
  }

  text(status: number, body: string): void {
    this.#send(status, 'text/plain; charset=utf-8', undefined, Buffer.from(body));
  }

  empty(status: number, headers?: readonly string[]): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#response.writeHead(status, headers === undefined ? undefined : [...headers]);
    this.#response.end();
    this.#over(status, 0);
  }

  #send(status: number, type: string, headers: readonly string[] | undefined, body: Uint8Array): void {
    if (this.#answered) return;
    this.#answered = true;
    const response = this.#response;
    const list = ['Content-Type', type, 'Content-Length', String(body.length)];
    if (headers !== undefined) list.push(...headers);
    response.writeHead(status, list);
    // One string with the header is one write; it is a copy too, which a borrowed body needs anyway.
    if (body.length <= INLINE_BYTES) response.end(latin1(body), 'latin1');
    else response.end(Buffer.from(body));
    this.#over(status, body.length);
  }

  #over(status: number, size: number): void {
    if (this.#http === undefined && this.#log === undefined) return;
    const ms = performance.now() - this.#began;
    this.#http?.answered(this.#verb, this.#path, this.#contentLength, status, size, ms);
    this.#log?.(status, size, ms);
  }
}

function latin1(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1');
}

/** Clients that talk to us as to a proxy send the whole URL. */
function originForm(url: string): string {
  if (url.charCodeAt(0) === 47) return url;
  const scheme = url.indexOf('://');
  const slash = scheme < 0 ? -1 : url.indexOf('/', scheme + 3);
  return slash < 0 ? '/' : url.slice(slash);
}

function header(request: Request, name: string): string {
  const value = request.headers[name];
  return typeof value === 'string' ? value : (value?.[0] ?? '');
}

function packHead({ route, params }: Match, query: string, request: Request): PackedHttpHead {
  if (route.headers === undefined) return [params, query];
  const wanted: string[] = [];
  for (const name of route.headers) {
    const value = request.headers[name];
    if (value !== undefined) wanted.push(name, typeof value === 'string' ? value : value.join(', '));
  }
  return wanted.length === 0 ? [params, query] : [params, query, wanted];
}

function hasNoBody(request: Request): boolean {
  const length = request.headers['content-length'];
  if (length !== undefined) return length === '0';
  if (request.httpVersionMajor === 2) return (request as Http2ServerRequest).stream.endAfterHeaders;
  return request.headers['transfer-encoding'] === undefined;
}

function tooLarge({ bodyFault }: Route): Failure {
  const text = 'stream too large';
  return (bodyFault === 'alone' ? FAIL.saveBody(text) : bodyFault === 'deserializing' ? FAIL.malformedBody(text) : FAIL.bodyRead(text)).failure;
}

/** Calls back once: with the body, or with undefined when it is larger than `limit`. Not at all when the client left. */
function readBody(request: Request, limit: number, done: (body: Buffer | undefined) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;
  const stream = request as IncomingMessage;
  const tooLarge = (): void => {
    clearTimeout(timer);
    stream.off('data', take).off('end', finish);
    stream.resume();
    done(undefined);
  };
  const take = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes <= limit) chunks.push(chunk);
    else if (bytes > limit + DISCARD_BYTES) tooLarge();
    else if (timer === undefined) {
      chunks.length = 0;
      timer = setTimeout(tooLarge, DISCARD_MS);
    }
  };
  const finish = (): void => {
    if (bytes > limit) tooLarge();
    else done(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes));
  };
  stream.on('data', take).once('end', finish);
  stream.once('close', () => clearTimeout(timer));
}
