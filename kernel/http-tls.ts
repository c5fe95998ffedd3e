// TLS in front of the HTTP API: from a connection to one that has agreed on a protocol. Loaded where it is configured.
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { messageOf } from '../proto/errors.ts';
import { FatalError } from './fatal.ts';
import type { TlsFiles } from './tls.ts';

/** Hears of a connection that has shaken hands, and of the protocol that ALPN agreed on, if any (RFC 7301). */
export type Secured = (secure: TLSSocket, protocol: string | undefined) => void;

export interface TlsAcceptor {
  /** Shakes hands. A client that can't, or takes too long, is cut off, and nobody hears of it. */
  accept(socket: Socket, secured: Secured): void;
}

/**
 * @param protocols offered by ALPN, the preferred one first.
 * @param handshakeMs how long a client may take
 * @throws FatalError for a certificate and key that can't be used
 */
export function openTlsAcceptor(files: TlsFiles, protocols: readonly string[], handshakeMs: number): TlsAcceptor {
  return new Acceptor(serverFor(files, protocols, handshakeMs));
}

class Acceptor implements TlsAcceptor {
  /** Never listens: connections are brought to it. */
  readonly #server: Server;
  readonly #shaking = new Map<Socket, Secured>();

  constructor(server: Server) {
    this.#server = server;
    server.on('tlsClientError', (_, secure) => void secure.destroy());
    server.on('secureConnection', (secure) => {
      const socket = belowOf(secure);
      const secured = this.#shaking.get(socket);
      this.#shaking.delete(socket);
      if (secured === undefined) secure.destroy();
      else secured(secure, typeof secure.alpnProtocol === 'string' ? secure.alpnProtocol : undefined);
    });
  }

  accept(socket: Socket, secured: Secured): void {
    this.#shaking.set(socket, secured);
    socket.once('close', () => this.#shaking.delete(socket));
    this.#server.emit('connection', socket);
  }
}

/** The connection that TLS is spoken on. Undocumented; without it no connection would be secured, and tests say so. */
function belowOf(secure: TLSSocket): Socket {
  return (secure as unknown as { readonly _parent: Socket })._parent;
}

/** Nothing below TLS 1.2 (RFC 8996). */
function serverFor({ cert, key }: TlsFiles, protocols: readonly string[], handshakeTimeout: number): Server {
  try {
    return createServer({ cert, key, minVersion: 'TLSv1.2', ALPNProtocols: [...protocols], handshakeTimeout });
  } catch (cause) {
    throw new FatalError(`--api-tls-cert and --api-tls-key can't be used together: ${messageOf(cause)}`);
  }
}
