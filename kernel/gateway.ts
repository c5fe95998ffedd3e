// The sidecar's listeners: HTTP, the public port and gRPC, as flags and Configuration want them. Loaded while the blocks'
// processes start: these are the kernel's largest modules.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../proto/log.ts';
import { ROUTE, ROUTES } from '../proto/routes.ts';
import { admits } from './access.ts';
import type { Config } from './config.ts';
import type { Configuration } from './configuration.ts';
import { openGrpcListener, type LiveGrpcOptions } from './grpc/listener.ts';
import { HttpApi, type ApiCall, type LiveHttpOptions } from './http.ts';
import { openHttpServer } from './http-server.ts';
import type { Address, Listener } from './listener.ts';
import type { ApiCounts } from './metrics/server-counts.ts';
import { Router, type Match } from './router.ts';
import type { Switch } from './switch.ts';
import { readTlsFiles } from './tls.ts';

/** What was bound, e.g. `127.0.0.1:3500` or a socket's path. */
export interface Bound {
  readonly http: readonly string[];
  readonly grpc: readonly string[];
  readonly public: readonly string[];
}

export interface Gateway {
  readonly listeners: readonly Listener[];
  /** Binds all. @throws FatalError when a port can't be had */
  listen(): Promise<Bound>;
  /** Which methods there are and what is logged of them, from the next call on; connections notice nothing. */
  apply(configuration: Configuration): void;
}

/** @throws FatalError when the certificate can't be read */
export async function openGateway(dispatch: Switch, config: Config, configuration: Configuration, log: Log, counts?: ApiCounts): Promise<Gateway> {
  const { api } = config;
  const counting = counts === undefined ? {} : { counts };
  const token = api.token.isSet ? api.token : undefined;
  const openHttp = (at: readonly Address[], http: HttpApi): Listener => openHttpServer({
    addresses: at, maxHeaderBytes: api.maxHeaderBytes, h2c: api.h2c,
    handle: (request, response) => http.handle(request, response), log: (text) => log.info({}, text),
  });
  const httpApi = new HttpApi(dispatch, {
    ...liveHttp(config, configuration, log), ...counting, token, maxBodyBytes: api.maxBodyBytes,
    cors: api.allowedOrigins.length === 0 ? undefined : { origins: new Set(api.allowedOrigins) },
  });
  const http = openHttp(addresses(config, api.httpPort, 'http'), httpApi);
  // Whoever reaches the public port may look, and needs no token for it: so nothing there makes a block do anything.
  const publicRoutes = ROUTES.filter((route) => route.group === 'metadata' || route.group === 'healthz' || (route.group === 'actuator' && route !== ROUTE.RestartBlock));
  const publicHttp = api.publicPort === 0 ? undefined : openHttp([{ kind: 'tcp', host: api.publicAddress, port: api.publicPort }], new HttpApi(dispatch, {
    ...counting, token: undefined, maxBodyBytes: api.maxBodyBytes, log: undefined, fallback: 'plain', cors: undefined, router: new Router(publicRoutes),
  }));
  const grpc = await openGrpcListener(api.grpcListener, dispatch, {
    addresses: addresses(config, api.grpcPort, 'grpc'), routes: ROUTES, token, maxBodyBytes: api.maxBodyBytes, maxHeaderBytes: api.maxHeaderBytes,
    ...liveGrpc(config, configuration, log), ...counting, ...(api.tls === undefined ? {} : { tls: readTlsFiles(api.tls) }),
  });
  const listeners = publicHttp === undefined ? [http, grpc] : [http, publicHttp, grpc];
  const listen = async (): Promise<Bound> => {
    const [httpBound, grpcBound, publicBound] = await Promise.all([http.listen(), grpc.listen(), publicHttp?.listen() ?? []]);
    for (const bound of grpcBound) log.info({}, `API gRPC server is running on port ${portOf(bound)}`);
    log.info({}, `The request body size parameter is: ${api.maxBodyBytes} bytes`);
    for (const bound of httpBound) log.info({}, `HTTP server is running on port ${portOf(bound)}`);
    for (const bound of publicBound) log.info({}, `public HTTP server is running on port ${portOf(bound)}`);
    return { http: httpBound, grpc: grpcBound, public: publicBound };
  };
  const apply = (changed: Configuration): void => {
    httpApi.apply(liveHttp(config, changed, log));
    grpc.apply(liveGrpc(config, changed, log));
  };
  return { listeners, listen, apply };
}

function liveHttp(config: Config, configuration: Configuration, log: Log): LiveHttpOptions {
  const rules = configuration.api.http;
  return {
    router: new Router(ROUTES, (route, version) => admits(rules, route, version)),
    fallback: admits(rules, ROUTE.InvokeService, 'v1.0') ? 'invoke' : 'plain',
    log: isApiLogged(config, configuration) ? apiLogger(log, configuration) : undefined,
  };
}

function liveGrpc(config: Config, configuration: Configuration, log: Log): LiveGrpcOptions {
  return {
    admit: (route) => admits(configuration.api.grpc, route, route.version),
    log: isApiLogged(config, configuration)
      ? ({ method, code, durationMs, userAgent }) => log.info({ scope: 'dapr.runtime.grpc.api-info', method, code, duration: Math.round(durationMs), useragent: userAgent }, 'gRPC API Called')
      : undefined,
  };
}

function isApiLogged({ apiLogging }: Config, configuration: Configuration): boolean {
  return apiLogging === 'configured' ? configuration.apiLogging.enabled : apiLogging === 'on';
}

/** Where an API listens: the ports on all given addresses, or a socket in a directory that only we may enter. */
function addresses({ appId, api, quickStart }: Config, port: number, protocol: 'http' | 'grpc'): Address[] {
  if (api.socketFolder !== '') {
    mkdirSync(api.socketFolder, { recursive: true, mode: 0o700 });
    const path = join(api.socketFolder, `dapr-${appId}-${protocol}.socket`);
    return [{ kind: 'unix', path }];
  }
  // A quick start is somebody trying things out: it serves this machine alone.
  const hosts = api.listenAddresses.length > 0 ? api.listenAddresses : quickStart ? ['127.0.0.1'] : [''];
  return hosts.map((host) => ({ kind: 'tcp', host, port }));
}

function portOf(bound: string): string {
  return bound.slice(bound.lastIndexOf(':') + 1);
}

function apiLogger(log: Log, { apiLogging }: Configuration): (call: ApiCall, match: Match | undefined, path: string) => void {
  return ({ code, method, durationMs, size, userAgent }, match) => {
    if (apiLogging.omitHealthChecks && match?.route.group === 'healthz') return;
    const shown = apiLogging.obfuscateUrls ? (match?.route.name ?? 'InvokeService') : method;
    log.info({ scope: 'dapr.runtime.http-info', code, method: shown, duration: Math.round(durationMs), size, useragent: userAgent }, 'HTTP API Called');
  };
}

