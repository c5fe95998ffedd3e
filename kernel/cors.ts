// Cross-origin rules of the HTTP API; absent unless `--allowed-origins` is given (contract: transport rules, CORS).
import type { Request, Response } from './http.ts';

export interface Cors {
  /** `*` admits all. */
  readonly origins: ReadonlySet<string>;
}

const METHODS = 'HEAD,GET,POST,PUT,PATCH,DELETE';

/** Sets the headers of a cross-origin request. True: it was a preflight and is to be answered with 200 and nothing else. */
export function applyCors({ origins }: Cors, request: Request, response: Response): boolean {
  const origin = request.headers.origin;
  if (origin === undefined) return false;
  const asked = request.headers['access-control-request-method'];
  const preflight = request.method === 'OPTIONS' && asked !== undefined;
  const all = origins.has('*');
  const admitted = all || origins.has(origin);
  set(response, 'Vary', preflight ? ['Origin', 'Access-Control-Request-Method', 'Access-Control-Request-Headers'] : 'Origin');
  if (!admitted) return preflight;
  set(response, 'Access-Control-Allow-Origin', all ? '*' : origin);
  if (preflight) {
    set(response, 'Access-Control-Allow-Methods', METHODS.split(',').includes(asked as string) ? (asked as string) : METHODS);
    const headers = request.headers['access-control-request-headers'];
    if (headers !== undefined) set(response, 'Access-Control-Allow-Headers', headers);
  }
  return preflight;
}

function set(response: Response, name: string, value: string | string[]): void {
  (response as { setHeader(name: string, value: string | string[]): void }).setHeader(name, value);
}
