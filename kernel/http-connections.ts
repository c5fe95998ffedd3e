// Connections that speak HTTP/1.1, and what each is busy with: who must hear when one closes, which of them have been quiet for
// too long, and how they end when the sidecar does. One timer for them all and one listener for each, instead of two timers and
// two listeners for each request.
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A request without an answer, as its connection sees it. */
export interface UnderWay {
  /** The client is gone. */
  abandoned(): void;
}

/** How long a connection is kept without a request, as clients are told. SDKs keep pools. */
export const KEEP_ALIVE_MS = 180_000;
/** It is kept a little longer than that: a request that was sent in time still finds it. */
const GRACE_MS = 1_000;
/** Looks at all connections at most, in the time that one is kept: those that end about the same time end together. */
const MOST_SWEEPS = 180;

export class Connection {
  readonly socket: Socket;
  readonly #quiet: () => void;
  /** Most have one request at a time; what is pipelined behind it is in `#more`. */
  #one: UnderWay | undefined;
  #more: Set<UnderWay> | undefined;
  /** Of large answers that have not left yet: what to do when they never will. */
  readonly releases = new Set<() => void>();
  /** Bytes that the client had not taken at the last look. */
  untaken = 0;
  /** On the monotonic clock: since when nothing is under way, as far as that is so. */
  quietSinceMs: number;

  /** @param quiet is told whenever nothing is under way any more */
  constructor(socket: Socket, quiet: () => void, nowMs: number) {
    this.socket = socket;
    this.#quiet = quiet;
    this.quietSinceMs = nowMs;
  }

  get isBusy(): boolean {
    return this.#one !== undefined || (this.#more !== undefined && this.#more.size > 0);
  }

  begin(exchange: UnderWay): void {
    if (this.#one === undefined) this.#one = exchange;
    else (this.#more ??= new Set()).add(exchange);
  }

  /** @param nowMs on the monotonic clock */
  end(exchange: UnderWay, nowMs: number): void {
    if (this.#one === exchange) this.#one = undefined;
    else this.#more?.delete(exchange);
    this.quietSinceMs = nowMs;
    this.#quiet();
  }

  closed(): void {
    for (const release of this.releases) release();
    this.#one?.abandoned();
    if (this.#more !== undefined) for (const exchange of this.#more) exchange.abandoned();
  }
}

export class HttpConnections {
  readonly #bySocket = new Map<Socket, Connection>();
  readonly #idleMs: number;
  #timer: NodeJS.Timeout | undefined;
  readonly #quiet = (): void => {
    this.#timer ??= setTimeout(() => this.#sweep(), this.#idleMs).unref();
  };

  /** @param idleMs for tests */
  constructor(idleMs: number = KEEP_ALIVE_MS + GRACE_MS) {
    this.#idleMs = idleMs;
  }

  get size(): number {
    return this.#bySocket.size;
  }

  /** A new one, followed until it closes or is let go. */
  open(socket: Socket): Connection {
    const connection = new Connection(socket, this.#quiet, performance.now());
    this.#bySocket.set(socket, connection);
    socket.once('close', () => {
      if (this.#bySocket.delete(socket)) connection.closed();
    });
    this.#quiet();
    return connection;
  }

  of(socket: Socket): Connection | undefined {
    return this.#bySocket.get(socket);
  }

  /** It speaks another protocol from now on. */
  letGo(socket: Socket): void {
    this.#bySocket.delete(socket);
  }

  /** Each ends at once, or after the answer that it is busy with. */
  finish(): void {
    for (const socket of this.#bySocket.keys()) finish(socket);
  }

  /** Ends them all at once. May be called twice. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const socket of this.#bySocket.keys()) socket.destroy();
  }

  #sweep(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    let soonestMs = Infinity;
    for (const connection of this.#bySocket.values()) {
      if (connection.isBusy) continue;
      const untaken = untakenOf(connection.socket);
      if (untaken > 0 && (connection.untaken === 0 || untaken < connection.untaken)) connection.quietSinceMs = nowMs; // the client reads its answer
      connection.untaken = untaken;
      const leftMs = connection.quietSinceMs + this.#idleMs - nowMs;
      if (leftMs <= 0) connection.socket.destroy();
      else soonestMs = Math.min(soonestMs, leftMs);
    }
    if (soonestMs < Infinity) this.#timer = setTimeout(() => this.#sweep(), Math.max(soonestMs, this.#idleMs / MOST_SWEEPS)).unref();
  }
}

/** Bytes written that have not left. A write counts as a whole until it is done, but for the system's own account of it, which is undocumented. */
function untakenOf(socket: Socket): number {
  if (socket.writableLength === 0) return 0;
  return (socket as { _handle?: { writeQueueSize?: number } | null })._handle?.writeQueueSize ?? socket.writableLength;
}

/**
 * Node has decided to keep a connection when the request came, and `server.close` waits for connections that have not said
 * anything whole. `_httpMessage` is the answer under way, undocumented and old.
 */
function finish(socket: Socket): void {
  const response = (socket as { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;
  if (response === undefined) socket.destroy();
  else if (response.headersSent) response.once('finish', () => socket.end());
  else response.shouldKeepAlive = false;
}
