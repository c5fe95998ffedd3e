// The sidecar's listeners: HTTP, the public port and gRPC, as flags and Configuration want them. Loaded while the blocks'
// processes start: these are the kernel's largest modules.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../proto/errors.ts';
import type { Log } from '../proto/log.ts';
import { ROUTE, ROUTES } from '../proto/routes.ts';
import { admits } from './access.ts';
import { foreignWriters } from './bind.ts';
import type { Config } from './config.ts';
import type { Configuration } from './configuration.ts';
import { openGrpcListener, type LiveGrpcOptions } from './grpc/listener.ts';
import { HttpApi, type ApiCall, type LiveHttpOptions } from './http.ts';
import { openHttpServer } from './http-server.ts';
import type { Address, Listener } from './listener.ts';
import type { ApiCounts } from './metrics/server-counts.ts';
import { Router, type Match } from './router.ts';
import type { Switch } from './switch.ts';
import { readTlsFiles, type TlsFiles } from './tls.ts';

/** Over gRPC the limit is counted in units of 1024 of what it is over HTTP (contract: gRPC API, server properties); but not without end. */
const METADATA_FACTOR = 1024;
const LARGEST_METADATA = 1024 * 1024;

/** What was bound, e.g. `127.0.0.1:3500` or a socket's path. */
export interface Bound {
  readonly http: readonly string[];
  readonly grpc: readonly string[];
  readonly public: readonly string[];
}

/** Where several gateways listen side by side. */
export interface SharedPlaces {
  /** By address, in the addresses' order, instead of the configured one. */
  readonly ports?: Readonly<Record<keyof Bound, readonly number[]>> | undefined;
  /** Descriptors of sockets that listen already; the gateway's from now on. */
  readonly sockets?: Readonly<Record<'http' | 'grpc', number>> | undefined;
}

export interface GatewayOptions {
  readonly counts?: ApiCounts;
  /** Absent: there is one gateway. */
  readonly shared?: SharedPlaces;
  /** Another gateway says what has to be said of them all. */
  readonly isQuiet?: boolean;
}

export interface Gateway {
  readonly listeners: readonly Listener[];
  /** That are open now, as far as listeners know. */
  readonly connections: number;
  /** Binds all. @throws FatalError when a port can't be had */
  listen(): Promise<Bound>;
  /** Which methods there are and what is logged of them, from the next call on; connections notice nothing. */
  apply(configuration: Configuration): void;
}

/** @throws FatalError when the certificate can't be read */
export async function openGateway(dispatch: Switch, config: Config, configuration: Configuration, log: Log, { counts, shared, isQuiet = false }: GatewayOptions = {}): Promise<Gateway> {
  const { api } = config;
  const reusePort = shared === undefined ? {} : { reusePort: true };
  const say = (text: string): void => (isQuiet ? log.debug({}, text) : log.info({}, text));
  const at = (api: keyof Bound, addresses: readonly Address[]): readonly Address[] => placed(addresses, shared, api);
  const counting = counts === undefined ? {} : { counts };
  const token = api.token.isSet ? api.token : undefined;
  const tls = api.tls === undefined ? {} : { tls: readTlsFiles(api.tls) };
  const openHttp = (addresses: readonly Address[], http: HttpApi, security: { readonly tls?: TlsFiles }): Listener => openHttpServer({
    addresses, maxHeaderBytes: api.maxHeaderBytes, maxBodyBytes: api.maxBodyBytes, h2c: api.h2c,
    handle: (request, response, connection) => http.handle(request, response, connection), log: say, ...reusePort, ...security,
  });
  const httpApi = new HttpApi(dispatch, {
    ...liveHttp(config, configuration, log), ...counting, token, maxBodyBytes: api.maxBodyBytes,
    cors: api.allowedOrigins.length === 0 ? undefined : { origins: new Set(api.allowedOrigins) },
  });
  const http = openHttp(at('http', addresses(config, api.httpPort, 'http')), httpApi, tls);
  // Whoever reaches the public port may look, and needs no token for it: so nothing there makes a block do anything, and nothing
  // there is worth a certificate, which probes and balancers would have to trust.
  const publicRoutes = ROUTES.filter((route) => route.group === 'metadata' || route.group === 'healthz' || (route.group === 'actuator' && route !== ROUTE.RestartBlock));
  const publicHttp = api.publicPort === 0 ? undefined : openHttp(at('public', [{ kind: 'tcp', host: api.publicAddress, port: api.publicPort }]), new HttpApi(dispatch, {
    ...counting, token: undefined, maxBodyBytes: api.maxBodyBytes, log: undefined, fallback: 'plain', cors: undefined, router: new Router(publicRoutes),
  }), {});
  const grpc = await openGrpcListener(api.grpcListener, dispatch, {
    addresses: at('grpc', addresses(config, api.grpcPort, 'grpc')), routes: ROUTES, token, maxBodyBytes: api.maxBodyBytes,
    maxHeaderBytes: Math.min(api.maxHeaderBytes * METADATA_FACTOR, LARGEST_METADATA),
    ...liveGrpc(config, configuration, log), ...counting, ...reusePort, ...tls,
    onBug: (cause) => log.error({ stack: cause instanceof Error ? cause.stack : undefined }, `a gRPC connection was ended over a fault of the sidecar's own: ${messageOf(cause)}`),
  });
  const strangers = api.socketFolder === '' || isQuiet ? undefined : foreignWriters(api.socketFolder);
  if (strangers !== undefined) log.warn({}, `--unix-domain-socket: others can put sockets of theirs in place of the sidecar's in ${api.socketFolder}: ${strangers}; use a directory of its own with mode 700`);
  const listeners = publicHttp === undefined ? [http, grpc] : [http, publicHttp, grpc];
  const listen = async (): Promise<Bound> => {
    const [httpBound, grpcBound, publicBound] = await Promise.all([http.listen(), grpc.listen(), publicHttp?.listen() ?? []]);
    for (const bound of grpcBound) say(`API gRPC server is running on port ${portOf(bound)}`);
    say(`The request body size parameter is: ${api.maxBodyBytes} bytes`);
    for (const bound of httpBound) say(`HTTP server is running on port ${portOf(bound)}`);
    for (const bound of publicBound) say(`public HTTP server is running on port ${portOf(bound)}`);
    return { http: httpBound, grpc: grpcBound, public: publicBound };
  };
  const apply = (changed: Configuration): void => {
    httpApi.apply(liveHttp(config, changed, log));
    grpc.apply(liveGrpc(config, changed, log));
  };
  return {
    listeners, listen, apply,
    get connections() {
      return listeners.reduce((sum, listener) => sum + (listener.connections ?? 0), 0);
    },
  };
}

/** The addresses as another gateway has bound them. */
function placed(addresses: readonly Address[], shared: SharedPlaces | undefined, api: keyof Bound): readonly Address[] {
  return addresses.map((address, index) => {
    if (address.kind === 'tcp') return { ...address, port: shared?.ports?.[api][index] ?? address.port };
    const fd = api === 'public' ? undefined : shared?.sockets?.[api];
    return fd === undefined ? address : { ...address, fd };
  });
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
export function addresses({ appId, api, quickStart }: Config, port: number, protocol: 'http' | 'grpc'): Address[] {
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

