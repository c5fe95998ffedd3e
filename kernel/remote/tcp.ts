// Listening for links over TCP: mutual TLS, or in the clear within this machine. Whoever connects is a stranger until it has shaken hands,
// its certificate bears a name that is wanted, and it has said what it speaks: until then it has a place among so many, for so long.
// Dialling is in tcp-dial.ts.
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Server as TlsServer, TLSSocket } from 'node:tls';
import { LineLimit } from '../../proto/line-limit.ts';
import type { Log } from '../../proto/log.ts';
import { bindWithRetry } from '../bind.ts';
import { FatalError } from '../fatal.ts';
import { bearsOneOf, describeCertificate, namesOf, shown } from './certificate-names.ts';
import { GREETING, LINK_PROTOCOL, readFirstLine, refusalOf, WELCOME } from './tcp-greeting.ts';
import { limitPatience } from './tcp-patience.ts';
import { isLoopback, lookupLoopback, plainProblem } from './tcp-plain.ts';
import type { LinkTls } from './tls.ts';

export { dialTcp, type TcpDialOptions } from './tcp-dial.ts';
export { plainProblem } from './tcp-plain.ts';

export interface TcpListenOptions {
  /** An address or a name, IPv6 without brackets; `''`: all interfaces. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** undefined: in the clear, which is refused unless the host is a loopback address. That a flag allows it the caller has seen to. */
  readonly tls: LinkTls | undefined;
  /** Names of which a client's certificate must bear one; empty: whichever the authority has signed. */
  readonly peers: readonly string[];
  /** How long a client may take until it is let in. */
  readonly handshakeMs: number;
  /** Clients that are not in yet. Of more, the one that has waited longest is left. */
  readonly maxPending: number;
  readonly log: Log;
}

export interface TcpListener {
  readonly port: number;
  /** Takes nobody any more, and ends whoever is not in yet; connections that were handed on stay. May be called twice. */
  close(): Promise<void>;
}

/** Lines about clients that were refused. Of more than these it is said how many there were. */
const COMPLAINTS = { burstLines: 10, burstBytes: 8 * 1024, linesPerSecond: 0.2, bytesPerSecond: 256 } as const;
/** For a refused client to read why. */
const LAST_WORD_MS = 1_000;
/** A TLS record of a handshake begins with it (RFC 8446 section 5.1). */
const TLS_HANDSHAKE = 0x16;

/**
 * Resolves when it listens.
 * @param accept gets a connection that was let in: nobody has read from it, and it reads when somebody listens to `data`. `peer` is for
 * logs: `10.0.0.7:41234, CN=kernel-a`.
 * @throws FatalError (rejects) when it can't be bound, or may not be without TLS
 */
export async function listenTcp(options: TcpListenOptions, accept: (stream: Duplex, peer: string) => void): Promise<TcpListener> {
  const { host, tls } = options;
  if (tls === undefined) {
    const problem = plainProblem(host, true);
    if (problem !== undefined) throw new FatalError(problem);
  }
  const door = new Door(options, accept);
  await door.listen(tls === undefined && !isLoopback(host) ? await loopbackOf(host) : host);
  return door;
}

/** A client that is not in yet. */
interface Stranger {
  readonly socket: Socket;
  /** `10.0.0.7:41234` */
  readonly address: string;
  readonly timer: NodeJS.Timeout;
  /** Has been told that it is not let in, and is given a moment to read that. */
  refused: boolean;
}

class Door implements TcpListener {
  port = 0;
  readonly #options: TcpListenOptions;
  readonly #accept: (stream: Duplex, peer: string) => void;
  readonly #server: Server;
  /** Never listens: connections are brought to it. */
  readonly #secure: TlsServer | undefined;
  #version = 0;
  /** In the order they came. */
  readonly #strangers = new Map<Socket, Stranger>();
  /** Whose connection it is that TLS is spoken on; what TLS has to say of it may come when it is closed already. */
  readonly #below = new WeakMap<Socket, Stranger>();
  readonly #limit: LineLimit;
  #closed = false;

  constructor(options: TcpListenOptions, accept: (stream: Duplex, peer: string) => void) {
    this.#options = options;
    this.#accept = accept;
    this.#limit = new LineLimit((lines) => options.log.warn({}, `${lines} more ${lines === 1 ? 'connection was' : 'connections were'} refused`), COMPLAINTS);
    this.#server = createServer((socket) => this.#welcome(socket));
    this.#secure = options.tls === undefined ? undefined : this.#createSecure(options.tls);
  }

  async listen(host: string): Promise<void> {
    const { port } = this.#options;
    await bindWithRetry((done) => {
      const server = this.#server;
      const settle = (cause?: Error): void => {
        server.off('error', settle).off('listening', settle);
        if (cause === undefined) server.on('error', () => {}); // no connection more can be taken just now: the next may
        done(cause);
      };
      server.once('error', settle).once('listening', settle).listen({ port, ...(host === '' ? {} : { host }) });
    }, `tcp:${host.includes(':') ? `[${host}]` : host}:${port}`);
    this.port = (this.#server.address() as { readonly port: number }).port;
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#server.close(); // the port is free at once; that connections are still open holds up nobody
      for (const { socket } of this.#strangers.values()) socket.destroy();
      this.#limit.settle();
    }
    return Promise.resolve();
  }

  #welcome(socket: Socket): void {
    socket.on('error', () => {}); // 'close' follows
    if (this.#closed) return void socket.destroy();
    const { handshakeMs, maxPending, tls } = this.#options;
    if (this.#strangers.size >= maxPending) this.#makeRoom();
    const address = addressOf(socket);
    const timer = setTimeout(() => this.#refuse(stranger, `was not in after ${handshakeMs} ms`), handshakeMs).unref();
    const stranger: Stranger = { socket, address, timer, refused: false };
    this.#strangers.set(socket, stranger);
    socket.once('close', () => this.#forget(stranger));
    limitPatience(socket);
    if (this.#secure === undefined || tls === undefined) return this.#listenTo(stranger, socket, address);
    const material = tls.material();
    if (material.version !== this.#version) {
      this.#version = material.version;
      this.#secure.setSecureContext(secureOptions(material));
    }
    this.#below.set(socket, stranger);
    this.#secure.emit('connection', socket);
  }

  /** Whoever is in earnest needs a few round trips; who has waited longest most likely is not. */
  #makeRoom(): void {
    for (const stranger of this.#strangers.values()) return this.#refuse(stranger, `has made room for others: ${this.#strangers.size} connections are shaking hands`);
  }

  #createSecure(tls: LinkTls): TlsServer {
    const { handshakeMs } = this.#options;
    const material = tls.material();
    this.#version = material.version;
    const server = process.getBuiltinModule('node:tls').createServer({
      ...secureOptions(material), requestCert: true, rejectUnauthorized: true, ALPNProtocols: [LINK_PROTOCOL], handshakeTimeout: 2 * handshakeMs,
    });
    server.on('tlsClientError', (cause, secure) => {
      const stranger = this.#below.get(belowOf(secure));
      if (stranger?.refused === false) this.#fail(stranger, secure, cause);
      secure.destroy();
    });
    server.on('secureConnection', (secure) => {
      const stranger = this.#below.get(belowOf(secure));
      if (stranger === undefined || stranger.refused || !secure.authorized) return void secure.destroy(); // nobody who is not has come so far
      secure.on('error', () => {});
      secure.once('close', () => this.#forget(stranger));
      if (secure.alpnProtocol !== LINK_PROTOCOL) return this.#refuse(stranger, `did not say that it speaks ${LINK_PROTOCOL}`);
      this.#identify(stranger, secure);
    });
    return server;
  }

  #identify(stranger: Stranger, secure: TLSSocket): void {
    const { peers } = this.#options;
    const certificate = secure.getPeerCertificate();
    const names = namesOf(certificate);
    const peer = `${stranger.address}, ${describeCertificate(certificate)}`;
    if (peers.length === 0 || bearsOneOf(names, peers)) return this.#listenTo(stranger, secure, peer);
    const text = names.length === 0 ? 'no name' : shown(names.map(({ value }) => value).join(', '));
    this.#refuse(stranger, `has a certificate of ${text}, which is not among those that are let in`, secure, `the names in its certificate (${text}) are not among those that are let in`);
  }

  /** @param stream the connection itself, or what TLS makes of it */
  #listenTo(stranger: Stranger, stream: Duplex, peer: string): void {
    readFirstLine(stream, (line) => {
      if (stranger.refused || this.#closed) return;
      if (line === GREETING) {
        this.#forget(stranger);
        stream.write(WELCOME);
        this.#accept(stream, peer);
      } else if (line.length === 0) this.#leftEarly(stranger, stream);
      else if (line.charCodeAt(0) === TLS_HANDSHAKE && stream === stranger.socket) this.#refuse(stranger, 'spoke TLS, and this listener is a plain one', stream, 'this listener speaks no TLS');
      else this.#refuse(stranger, `speaks something else than ${LINK_PROTOCOL}`, stream, `expected ${LINK_PROTOCOL}`);
    });
  }

  /** Who only looks whether the port is open is nobody to speak of; who shakes hands and goes may have disliked our certificate. */
  #leftEarly(stranger: Stranger, stream: Duplex): void {
    if (stream === stranger.socket) stranger.socket.destroy();
    else this.#refuse(stranger, 'has shaken hands and left: it may not trust this certificate, or it knows this server by another name');
  }

  #fail(stranger: Stranger, secure: TLSSocket, cause: Error): void {
    const { authorizationError } = secure as { readonly authorizationError: unknown };
    if (stranger.socket.bytesRead === 0) stranger.socket.destroy();
    else if (typeof authorizationError === 'string') this.#refuse(stranger, `has a certificate that is not accepted: ${authorizationError}`);
    else this.#refuse(stranger, `could not shake hands: ${handshakeReason(cause)}`);
  }

  /** @param said to the client, over the stream; undefined: the connection is cut */
  #refuse(stranger: Stranger, why: string, stream?: Duplex, said = ''): void {
    const { socket, address } = stranger;
    if (!stranger.refused) {
      stranger.refused = true;
      const text = `a connection from ${address} was refused: it ${why}`;
      if (this.#limit.take(text.length)) this.#options.log.warn({}, text);
      if (stream !== undefined) {
        // What it says is read on: a connection that is closed with something unread in it is reset, and the answer lost.
        stream.resume();
        stream.end(refusalOf(said));
        setTimeout(() => socket.destroy(), LAST_WORD_MS).unref();
        return; // it keeps its place till then
      }
    }
    this.#forget(stranger);
    socket.destroy();
  }

  #forget({ socket, timer }: Stranger): void {
    clearTimeout(timer);
    this.#strangers.delete(socket);
  }
}

/**
 * Nothing below TLS 1.3, and no session is ever resumed: who resumes one does not show its certificate again, and what was withdrawn since would
 * still open the door. With this option a ticket is but a key into a store of sessions, which a server that nobody gives one does not have.
 */
function secureOptions({ cert, key, ca }: { readonly cert: Buffer; readonly key: Buffer; readonly ca: Buffer }) {
  return { cert, key, ca, minVersion: 'TLSv1.3', secureOptions: process.getBuiltinModule('node:crypto').constants.SSL_OP_NO_TICKET } as const;
}

/** The connection that TLS is spoken on. Undocumented; without it nobody would be let in, and tests say so. */
function belowOf(secure: TLSSocket): Socket {
  return (secure as unknown as { readonly _parent: Socket })._parent;
}

function handshakeReason(cause: Error): string {
  const { code = '', reason } = cause as { readonly code?: string; readonly reason?: string };
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_HTTP_REQUEST') return 'it does not speak TLS';
  if (code === 'ECONNRESET') return 'it ended the connection; it may not trust this certificate, or it knows this server by another name';
  return shown(reason ?? cause.message);
}

function addressOf({ remoteAddress = 'somewhere', remotePort = 0 }: Socket): string {
  const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/, '');
  return `${address.includes(':') ? `[${address}]` : address}:${remotePort}`;
}

/** @throws FatalError for a name that means other machines, too */
function loopbackOf(host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    lookupLoopback(host, {}, (cause, address) => {
      if (cause === null && typeof address === 'string') resolve(address);
      else reject(new FatalError(`${host} can't be listened on: ${cause?.message ?? 'it has no address'}`));
    });
  });
}
