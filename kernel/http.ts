// The HTTP listener's requests: token, CORS, route, body (contract: HTTP API, transport rules and middleware order). Where
// connections come from is http-server.ts, how answers leave http-exchange.ts.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { EMPTY, Flag } from '../ipc/frame.ts';
import type { PackedHttpHead } from '../proto/control.ts';
import type { Failure } from '../proto/errors.ts';
import { FAIL } from '../proto/failures.ts';
import type { Route } from '../proto/routes.ts';
import { applyCors, type Cors } from './cors.ts';
import { hasNoBody, readBody, type BodyFault } from './http-body.ts';
import { Budget } from './h2/budget.ts';
import type { Connection } from './http-connections.ts';
import { Exchange } from './http-exchange.ts';
import { dateLine } from './http-head.ts';
import { Outbox } from './http-outbox.ts';
import { BadEscape, cleanPath, type Match, type Router } from './router.ts';
import type { ApiCounts } from './metrics/server-counts.ts';
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
  /** For tests: in place of `HELD_BYTES`. */
  readonly heldBytes?: number;
}

/** Health and metadata answer even callers without the token: only these two are exempt. */
const EXEMPT_PATHS: ReadonlySet<string> = new Set(['/v1.0/healthz', '/v1.0/healthz/outbound']);

/** What bodies that are not whole yet may hold, and what answers that wait for their clients may. Bytes, of each. */
const HELD_BYTES = 256 * 1024 * 1024;

/** What the Configuration decides, which may change while connections are open. */
export type LiveHttpOptions = Pick<HttpOptions, 'router' | 'fallback' | 'log'>;

export class HttpApi {
  readonly #switch: Switch;
  readonly #outbox = new Outbox(dateLine);
  readonly #bodies: Budget;
  readonly #answers: Budget;
  #options: HttpOptions;

  constructor(dispatch: Switch, options: HttpOptions) {
    this.#switch = dispatch;
    this.#options = options;
    const held = options.heldBytes ?? Math.max(HELD_BYTES, 8 * options.maxBodyBytes);
    this.#bodies = new Budget(held);
    this.#answers = new Budget(held);
  }

  /** From the next request on. */
  apply(live: LiveHttpOptions): void {
    this.#options = { ...this.#options, ...live };
  }

  /** @param connection absent: the request is a stream of an HTTP/2 connection. */
  handle(request: Request, response: Response, connection?: Connection): void {
    const { router, token, cors, fallback, log, maxBodyBytes, counts } = this.#options;
    const verb = request.method as string;
    const url = request.url as string;
    let match = router.matchPlain(verb, url);
    let path = url;
    let query = '';
    if (match === undefined) {
      const target = originForm(url);
      const question = target.indexOf('?');
      path = cleanPath(question < 0 ? target : target.slice(0, question));
      query = question < 0 ? '' : target.slice(question + 1);
    }
    const crossOrigin = cors !== undefined && request.headers.origin !== undefined;
    const exchange = new Exchange(response, connection, this.#outbox, this.#answers, counts, !crossOrigin && request.httpVersionMinor === 1);
    if (counts?.http !== undefined) exchange.countIn(counts.http, verb, path, match?.beginning, request.headers['content-length']);
    if (crossOrigin && applyCors(cors, request, response)) return exchange.empty(200);
    if (token !== undefined) {
      if (!(verb === 'GET' && EXEMPT_PATHS.has(path)) && !token.matches(header(request, 'dapr-api-token'))) return exchange.text(401, 'invalid api token\n');
    }
    try {
      match ??= router.match(verb, path);
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
    const head = packHead(match, query, request);
    const { route } = match;
    if (hasNoBody(request)) exchange.opened(this.#switch.open({ route, flags: Flag.HTTP, head, body: EMPTY, deadlineMs: 0 }, exchange));
    else readBody(request, maxBodyBytes, this.#bodies, (body) => {
      if (typeof body === 'string') exchange.onRefusal(refusalOf(body, route));
      else exchange.opened(this.#switch.open({ route, flags: Flag.HTTP, head, body, deadlineMs: 0 }, exchange));
    });
  }
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

function refusalOf(fault: BodyFault, { bodyFault }: Route): Failure {
  if (fault === 'no room') return FAIL.bodiesFull().failure;
  const text = 'stream too large';
  return (bodyFault === 'alone' ? FAIL.saveBody(text) : bodyFault === 'deserializing' ? FAIL.malformedBody(text) : FAIL.bodyRead(text)).failure;
}
