// Dialling a link over TCP, with mutual TLS or in the clear within this machine. The connection is handed on when the server has said that
// it lets this client in: until then everything that can go wrong has one line that says what, and where to look.
import { connect, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { messageOf } from '../../proto/errors.ts';
import { namesOf, shown } from './certificate-names.ts';
import { GREETING, LINK_PROTOCOL, readFirstLine, reasonIn, WELCOME } from './tcp-greeting.ts';
import { limitPatience } from './tcp-patience.ts';
import { lookupLoopback, plainProblem } from './tcp-plain.ts';
import type { LinkTls } from './tls.ts';

export interface TcpDialOptions {
  /** An address or a name, which the server's certificate must bear; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** undefined: in the clear, which is refused unless the host is a loopback address. That a flag allows it the caller has seen to. */
  readonly tls: LinkTls | undefined;
  /** The name that the certificate must bear where it is not the host. */
  readonly serverName?: string;
  /** Until the server has let this client in. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

type Phase = 'connecting' | 'shaking hands' | 'waiting';

/** What the other end has to do with it, by the code of an error; the rest is Node's own text. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: nothing listens there',
  EHOSTUNREACH: 'unreachable: no route to the host',
  ENETUNREACH: 'unreachable: no route to its network',
  ETIMEDOUT: 'unreachable: no answer',
  ENOTFOUND: 'the name is unknown',
  EAI_AGAIN: 'the name could not be looked up just now',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  INVALID_PURPOSE: 'its certificate is not meant for a server: extendedKeyUsage lacks serverAuth',
  CERT_SIGNATURE_FAILURE: 'its certificate is not trusted: the authority of that name has another key',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not trusted: it is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted: another authority has signed it',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is not trusted: another authority has signed it',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is not trusted: another authority has signed it',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not trusted: another authority has signed it',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS',
  ERR_SSL_HTTP_REQUEST: 'it does not speak TLS',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it speaks no TLS 1.3',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it speaks no TLS 1.3',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: `it is no block server: it does not speak ${LINK_PROTOCOL}`,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a certificate, and was given none',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "it does not trust this end's certificate",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "it does not accept this end's certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: "it does not accept this end's certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "this end's certificate has expired",
};
/** Codes of a connection that the other end has ended. */
const ENDED = new Set(['ECONNRESET', 'EPIPE']);

/**
 * Nobody has read from the connection, and it reads when somebody listens to `data`.
 * @throws Error (rejects) that says why not in one line, where is the caller's to say; or the signal's reason
 */
export async function dialTcp(options: TcpDialOptions): Promise<Duplex> {
  const { host, port, tls, serverName = host, timeoutMs, signal } = options;
  signal?.throwIfAborted();
  const problem = tls === undefined ? plainProblem(host, true) : undefined;
  if (problem !== undefined) throw new Error(problem);
  const socket = tls === undefined ? connect({ host, port, lookup: lookupLoopback }) : connectSecure(host, port, tls, serverName);
  let phase: Phase = 'connecting';
  const isSecure = tls !== undefined;
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
  const fail = (reason: string): void => reject(new Error(reason));
  const onError = (cause: Error): void => fail(reasonOf(cause, phase, isSecure));
  const onClose = (): void => fail(leftReason(phase, isSecure));
  const onAbort = (): void => reject(signal?.reason as Error);
  const timer = setTimeout(() => fail(lateReason(phase, isSecure, timeoutMs)), timeoutMs);
  const greet = (): void => {
    phase = 'waiting';
    readFirstLine(socket, (line) => {
      const reason = reasonIn(line);
      if (line === WELCOME) resolve(socket);
      else if (reason !== undefined) fail(`it does not let this client in: ${reason}`);
      else if (line === '') onClose();
      else fail(`it is no block server: it does not speak ${LINK_PROTOCOL}`);
    });
    socket.write(GREETING);
  };
  socket.on('error', onError).on('close', onClose);
  socket.once('connect', () => {
    phase = 'shaking hands';
    limitPatience(socket);
    if (!isSecure) greet();
  });
  socket.once('secureConnect', () => {
    if ((socket as TLSSocket).alpnProtocol === LINK_PROTOCOL) greet();
    else fail(`it is no block server: it did not say that it speaks ${LINK_PROTOCOL}`);
  });
  signal?.addEventListener('abort', onAbort);
  try {
    return await promise;
  } catch (cause) {
    socket.destroy();
    throw cause;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    socket.off('close', onClose).off('error', onError).on('error', () => {}); // 'close' follows
  }
}

/** The server's certificate must bear the name that was dialled or given, and be signed by the one authority. No session is kept, so none is resumed. */
function connectSecure(host: string, port: number, tls: LinkTls, name: string): Socket {
  const { connect: connectTls, checkServerIdentity } = process.getBuiltinModule('node:tls');
  const { cert, key, ca } = tls.material();
  return connectTls({
    host, port, cert, key, ca, minVersion: 'TLSv1.3', rejectUnauthorized: true, ALPNProtocols: [LINK_PROTOCOL],
    checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    ...(isIP(name) === 0 ? { servername: name } : {}), // SNI names no addresses (RFC 6066 section 3)
  });
}

function reasonOf(cause: Error, phase: Phase, isSecure: boolean): string {
  const { code = '', reason } = cause as { readonly code?: string; readonly reason?: string };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const { cert, host } = cause as unknown as { readonly cert: Parameters<typeof namesOf>[0]; readonly host: string };
    const names = namesOf(cert).map(({ value }) => value);
    return `its certificate is of another name: ${host} is not among ${names.length === 0 ? 'its names, of which it has none' : shown(names.join(', '))}`;
  }
  if (ENDED.has(code)) return leftReason(phase, isSecure);
  return REASONS[code] ?? shown(code.startsWith('ERR_SSL') ? `TLS failed: ${reason ?? code}` : messageOf(cause));
}

function leftReason(phase: Phase, isSecure: boolean): string {
  if (phase === 'connecting') return 'it ended the connection at once';
  if (!isSecure) return 'it ended the connection without a word: does it want TLS?';
  if (phase === 'shaking hands') return 'it ended the connection before it had shaken hands: does it speak TLS?';
  return "it ended the connection when it had seen this end's certificate, so it does not accept it: its log says why";
}

function lateReason(phase: Phase, isSecure: boolean, timeoutMs: number): string {
  if (phase === 'connecting') return `no answer within ${timeoutMs} ms`;
  if (phase === 'shaking hands') return `it took the connection, but did not shake hands within ${timeoutMs} ms`;
  return `it took the connection, but said nothing within ${timeoutMs} ms${isSecure ? '' : ': does it want TLS?'}`;
}
