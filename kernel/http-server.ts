// Connections of the HTTP API: binds addresses and tells HTTP/1.1 from HTTP/2 by a connection's first bytes, or by what the TLS
// handshake agreed on, so that both share a port (contract: transport rules, protocols).
import { chmodSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { bindWithRetry, mostConnections, privately, removeStaleSocket } from './bind.ts';
import { upgradeToH2c, wantsH2c } from './h2c.ts';
import { HttpConnections, type Connection } from './http-connections.ts';
import { QuietResponse } from './http-response.ts';
import type { Request, Response } from './http.ts';
import type { TlsAcceptor } from './http-tls.ts';
import { describeAddress, type Address, type Listener } from './listener.ts';
import type { TlsFiles } from './tls.ts';

// Not by import: that touches every name the module exports, and some of them load a whole HTTP client, which start time and
// memory (`npm run bench:start`) show.
const { createServer } = process.getBuiltinModule('node:http');

export interface HttpServerOptions {
  readonly addresses: readonly Address[];
  readonly maxHeaderBytes: number;
  /** Default: 4 MiB. */
  readonly maxBodyBytes?: number;
  /** Whether HTTP/2 is spoken, too. */
  readonly h2c: boolean;
  /** Absent: plain text. */
  readonly tls?: TlsFiles;
  /** @param connection of an HTTP/1.1 request */
  readonly handle: (request: Request, response: Response, connection?: Connection) => void;
  readonly log: (text: string) => void;
  /** Several listeners share each port (`SO_REUSEPORT`). */
  readonly reusePort?: boolean;
  /** For tests. */
  readonly patience?: Partial<Patience>;
}

/** Milliseconds. */
export interface Patience {
  /** A client may take so long to send its headers, and a silent connection its first byte. */
  readonly headersMs: number;
  /** All of a request may take so long; a large body as long again as it takes at the least rate. */
  readonly requestMs: number;
  /** An HTTP/2 connection on which nothing happens for so long is left, and one with streams ended after as long again. */
  readonly idleMs: number;
  /** How often the first two are looked at. */
  readonly lookMs: number;
}
const PATIENCE: Patience = { headersMs: 10_000, requestMs: 300_000, idleMs: 181_000, lookMs: 30_000 };
/** Of a body, in bytes per millisecond. */
const LEAST_RATE = 16;
const PREFACE = Buffer.from('PRI * HTTP/2.0');

export function openHttpServer(options: HttpServerOptions): Listener {
  return new HttpServer(options);
}

class HttpServer implements Listener {
  readonly #options: HttpServerOptions;
  readonly #patience: Patience;
  readonly #servers: Server[] = [];
  readonly #sessions = new Set<ServerHttp2Session>();
  /** Those that speak HTTP/1.1, or nothing yet. */
  readonly #connections = new HttpConnections();
  readonly #http2: Http2Server;
  #tls: TlsAcceptor | undefined;
  #draining = false;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#patience = { ...PATIENCE, ...options.patience };
    this.#http2 = createHttp2Server({ maxSessionMemory: 64, settings: { maxConcurrentStreams: 1_000, maxHeaderListSize: options.maxHeaderBytes } });
    this.#http2.on('request', (request, response) => options.handle(request, response));
    this.#http2.on('session', (session) => {
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
      const { idleMs } = this.#patience;
      session.setTimeout(idleMs, () => {
        session.close();
        session.setTimeout(idleMs, () => session.destroy());
      });
    });
    this.#http2.on('sessionError', () => {}); // a broken client; the session is gone
  }

  async listen(): Promise<readonly string[]> {
    const { addresses, tls, h2c, reusePort = false } = this.#options;
    if (tls !== undefined) this.#tls = (await import('./http-tls.ts')).openTlsAcceptor(tls, h2c ? ['h2', 'http/1.1'] : ['http/1.1'], this.#patience.headersMs);
    const bound: string[] = [];
    for (const address of addresses) {
      const server = this.#createServer();
      if (address.kind === 'unix' && address.fd === undefined) removeStaleSocket(address.path);
      await bindWithRetry((done) => {
        const settle = (cause?: Error): void => {
          server.off('error', settle).off('listening', settle); // or each attempt would leave some
          done(cause);
        };
        server.once('error', settle).once('listening', settle);
        if (address.kind === 'tcp') server.listen({ port: address.port, reusePort, ...(address.host === '' ? {} : { host: address.host }) });
        else if (address.fd === undefined) privately(() => server.listen(address.path));
        else server.listen({ fd: address.fd });
      }, describeAddress(address));
      if (address.kind === 'unix' && address.fd === undefined) chmodSync(address.path, 0o600);
      this.#servers.push(server);
      const port = (server.address() as AddressInfo | null)?.port ?? 0;
      bound.push(describeAddress(address.kind === 'unix' ? address : { ...address, port }));
    }
    return bound;
  }

  get connections(): number {
    return this.#connections.size + this.#sessions.size;
  }

  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    for (const session of this.#sessions) session.close();
    const closed = Promise.all(this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
    for (const address of this.#options.addresses) this.#options.log(`Closing HTTP server ${describeAddress(address)}...`);
    this.#connections.finish();
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([closed, new Promise<void>((resolve) => (timer = setTimeout(resolve, graceMs)))]);
    clearTimeout(timer);
    this.close();
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
    this.#connections.close();
    for (const address of this.#options.addresses) if (address.kind === 'unix' && address.fd === undefined) removeStaleSocket(address.path);
  }

  #createServer(): Server {
    const { handle, maxHeaderBytes, maxBodyBytes = 4 * 1024 * 1024, h2c } = this.#options;
    const { headersMs, requestMs, lookMs } = this.#patience;
    const server = createServer({
      maxHeaderSize: maxHeaderBytes, headersTimeout: headersMs, requestTimeout: requestMs + Math.ceil(maxBodyBytes / LEAST_RATE), connectionsCheckingInterval: lookMs, noDelay: true, insecureHTTPParser: false,
      keepAliveTimeout: 0, // Node's is a timer for each request: HttpConnections does it
      ServerResponse: QuietResponse,
      optimizeEmptyRequests: true, // a request without a body is no stream that must be read to its end
    });
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (this.#draining) response.shouldKeepAlive = false;
      handle(request, response, this.#connections.of(request.socket));
    });
    server.maxConnections = mostConnections();
    // Node's own listener takes what speaks HTTP/1.1, after a look at what it is.
    const [http1] = server.listeners('connection') as [(socket: Socket) => void];
    server.off('connection', http1);
    server.on('connection', (socket: Socket) => {
      this.#connections.open(socket);
      if (this.#tls !== undefined) this.#tls.accept(socket, (secure, protocol) => this.#secured(server, http1, socket, secure, protocol));
      else if (h2c) this.#sniff(server, http1, socket);
      else http1.call(server, socket);
    });
    if (h2c && this.#tls === undefined) { // the token means clear text (RFC 7540 section 3.2)
      server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
        if (wantsH2c(request)) this.#toHttp2(socket, upgradeToH2c(request, socket, head));
        else socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      });
      // Requests that ask for another protocol, or carry a body, are answered as HTTP/1.1, which RFC 9110 7.8 allows.
      (server as { shouldUpgradeCallback?: (request: IncomingMessage) => boolean }).shouldUpgradeCallback = wantsH2c;
    }
    return server;
  }

  /** From now on the connection is its session's. */
  #toHttp2(socket: Socket, connection: Duplex): void {
    this.#connections.letGo(socket);
    this.#http2.emit('connection', connection);
  }

  /** The connection is what TLS makes of it from now on. */
  #secured(server: Server, http1: (socket: Socket) => void, socket: Socket, secure: Socket, protocol: string | undefined): void {
    this.#connections.letGo(socket);
    if (protocol === 'h2') return this.#toHttp2(secure, secure);
    this.#connections.open(secure);
    http1.call(server, secure);
  }

  #sniff(server: Server, http1: (socket: Socket) => void, socket: Socket): void {
    socket.setTimeout(this.#patience.headersMs);
    const silent = (): void => void socket.destroy();
    const broken = (): void => {}; // before any protocol is known there is nobody to tell
    socket.on('timeout', silent);
    socket.on('error', broken);
    let seen = Buffer.alloc(0);
    const look = (chunk: Buffer): void => {
      seen = seen.length === 0 ? Buffer.from(chunk) : Buffer.concat([seen, chunk]);
      const known = Math.min(seen.length, PREFACE.length);
      const isPrefix = seen.compare(PREFACE, 0, known, 0, known) === 0;
      if (isPrefix && known < PREFACE.length) return;
      socket.off('data', look);
      socket.off('timeout', silent);
      socket.setTimeout(0);
      socket.pause();
      socket.unshift(seen);
      // The HTTP/2 session takes what was put back in a later turn, and reads the descriptor itself: flowing would lose both.
      if (isPrefix) this.#toHttp2(socket, socket);
      else {
        http1.call(server, socket);
        socket.resume();
      }
      socket.off('error', broken);
    };
    socket.on('data', look);
  }
}
