// Listens for HTTP/2 connections, in plain text with prior knowledge (RFC 9113 section 3.3) or over TLS with ALPN, looks after them, and
// takes them down in order.
import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { bindWithRetry, mostConnections, privately, removeStaleSocket } from '../bind.ts';
import { describeAddress, type Address } from '../listener.ts';
import type { TlsFiles } from '../tls.ts';
import { Budget } from './budget.ts';
import type { Application } from './connection.ts';
import { Peer } from './peer.ts';

export interface Http2Options {
  readonly addresses: readonly Address[];
  readonly application: Application;
  readonly maxBodyBytes: number;
  readonly maxHeaderBytes: number;
  readonly tls?: TlsFiles;
  readonly reusePort?: boolean;
  /** Default: it ends the process, as an uncaught error does. */
  readonly onBug?: (cause: unknown) => void;
}

/** A client that needs more opens another connection; what one can make us hold stays small. */
const MAX_STREAMS = 10_000;
/** Bytes that may be held for one connection, and for all: unfinished messages, and answers without a window. */
const CONNECTION_BYTES = 64 * 1024 * 1024;
const ALL_BYTES = 256 * 1024 * 1024;
/** How often connections are looked after, while there are some; and how many before others get their turn. */
const LOOK_MS = 5_000;
const LOOKS = 256;
const HANDSHAKE_MS = 10_000;

export class Http2Server {
  readonly #options: Http2Options;
  readonly #budget: Budget;
  readonly #servers: Server[] = [];
  readonly #peers = new Set<Peer>();
  /** All of them, those in the middle of a handshake too. */
  readonly #sockets = new Set<Socket>();
  #timer: NodeJS.Timeout | undefined;
  #draining = false;
  #empty: () => void = () => {};

  constructor(options: Http2Options) {
    this.#options = options;
    this.#budget = new Budget(Math.max(ALL_BYTES, 8 * options.maxBodyBytes));
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#peers.size;
  }

  /** Binds all. Resolves with what was bound. @throws FatalError */
  async listen(): Promise<readonly string[]> {
    const bound: string[] = [];
    for (const address of this.#options.addresses) bound.push(await this.#listenAt(address));
    return bound;
  }

  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    for (const server of this.#servers) server.close();
    for (const peer of this.#peers) peer.leave();
    let timer: NodeJS.Timeout | undefined;
    const empty = new Promise<void>((resolve) => (this.#empty = resolve));
    if (this.#peers.size > 0) await Promise.race([empty, new Promise<void>((resolve) => (timer = setTimeout(resolve, graceMs)))]);
    clearTimeout(timer);
    this.close();
  }

  close(): void {
    this.#draining = true;
    for (const server of this.#servers) server.close();
    for (const peer of this.#peers) peer.destroy();
    for (const socket of this.#sockets) socket.destroy();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #listenAt(address: Address): Promise<string> {
    const server = this.#create();
    this.#servers.push(server);
    server.maxConnections = mostConnections();
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    const { reusePort = false } = this.#options;
    const where = address.kind === 'unix' ? (address.fd === undefined ? { path: address.path } : { fd: address.fd }) : { port: address.port, ...(address.host === '' ? {} : { host: address.host }), ...(reusePort ? { reusePort } : {}) };
    if (address.kind === 'unix' && address.fd === undefined) removeStaleSocket(address.path);
    await bindWithRetry((done) => {
      const settle = (cause?: Error): void => {
        server.off('error', settle).off('listening', settle); // or each attempt would leave some
        if (cause === undefined) server.on('error', () => {}); // no connection more can be taken just now: the next may
        done(cause);
      };
      server.once('error', settle).once('listening', settle);
      privately(() => server.listen(where));
    }, describeAddress(address));
    if (address.kind === 'unix') {
      if (address.fd === undefined) chmodSync(address.path, 0o600);
      return describeAddress(address);
    }
    return describeAddress({ ...address, port: (server.address() as { port: number }).port });
  }

  #create(): Server {
    const { tls } = this.#options;
    if (tls === undefined) return createServer({ noDelay: true }, (socket) => this.#accept(socket));
    const { createServer: createTlsServer } = process.getBuiltinModule('node:tls');
    const server = createTlsServer({ cert: tls.cert, key: tls.key, ALPNProtocols: ['h2'], minVersion: 'TLSv1.2', handshakeTimeout: HANDSHAKE_MS });
    server.on('secureConnection', (socket: TLSSocket) => {
      if (socket.alpnProtocol === 'h2') this.#accept(socket);
      else socket.destroy();
    });
    server.on('tlsClientError', (_cause, socket) => socket.destroy());
    return server;
  }

  #accept(socket: Socket): void {
    if (this.#draining) return void socket.destroy();
    const { application, maxHeaderBytes, maxBodyBytes, onBug = throwLater } = this.#options;
    const budget = new Budget(Math.max(CONNECTION_BYTES, 2 * maxBodyBytes), this.#budget);
    const peer = new Peer(socket, { application, maxStreams: MAX_STREAMS, maxHeaderBytes, budget, onBug });
    this.#peers.add(peer);
    socket.once('close', () => {
      this.#peers.delete(peer);
      if (this.#peers.size === 0) this.#empty();
    });
    this.#timer ??= setTimeout(() => this.#look([...this.#peers], 0), LOOK_MS).unref();
  }

  /** So many at a time: thousands of idle connections must not hold up one that works. */
  #look(peers: readonly Peer[], from: number): void {
    const now = performance.now();
    for (const peer of peers.slice(from, from + LOOKS)) peer.look(now);
    if (from + LOOKS < peers.length) return void setImmediate(() => this.#look(peers, from + LOOKS));
    this.#timer = this.#peers.size === 0 ? undefined : setTimeout(() => this.#look([...this.#peers], 0), LOOK_MS).unref();
  }
}

function throwLater(cause: unknown): void {
  setImmediate(() => {
    throw cause;
  });
}
