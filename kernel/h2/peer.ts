// A connection and the time it takes for things: who says nothing is asked whether it is there, who stays silent or idle is left, who
// leaves something unfinished is told so (contract: gRPC API, server properties; RFC 9113 section 6.7).
import type { Socket } from 'node:net';
import { Connection, type ConnectionOptions } from './connection.ts';
import { ErrorCode } from './frames.ts';

/** How long the client may take to begin, and to bring one frame or header block to its end. */
const BEGIN_MS = 10_000;
/** A PING after so long without a word, and how long its answer may take. */
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_ANSWER_MS = 5_000;
/** Without a stream for so long: GOAWAY. */
const IDLE_MS = 180_000;
/** A stream that waits for its client, and nothing comes of it. */
const STALLED_MS = 60_000;
/** For the last things we have said to be read. */
const LEAVE_MS = 1_000;

export class Peer {
  readonly connection: Connection;
  readonly #socket: Socket;
  readonly #openedMs = performance.now();
  #heardMs = this.#openedMs;
  #idleMs = this.#openedMs;
  #lastStream = 0;
  #pingMs = 0;
  #unfinished = 0;
  #unfinishedMs = 0;
  #streamsMs = this.#openedMs;
  #leaving = false;
  #final = false;

  constructor(socket: Socket, options: Omit<ConnectionOptions, 'onFail'>) {
    this.#socket = socket;
    this.connection = new Connection(socket, { ...options, onFail: () => this.#destroyLater() });
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.connection.take(chunk));
    socket.on('drain', () => this.connection.drained());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.connection.closed());
  }

  /** Now and then, as often as matters for these times. */
  look(now: number): void {
    const { connection } = this;
    if (connection.over) return;
    if (!connection.settled && now - this.#openedMs > BEGIN_MS) return this.destroy();
    if (connection.heard) {
      connection.heard = false;
      connection.pinging = false;
      this.#heardMs = now;
    }
    this.#lookAtUnfinished(now);
    if (connection.over) return;
    if (connection.pinging) {
      if (now - this.#pingMs >= KEEPALIVE_ANSWER_MS) return this.destroy();
    } else if (now - this.#heardMs >= KEEPALIVE_MS) this.#ping(now);
    if (connection.streams > 0 || connection.lastStream !== this.#lastStream) {
      this.#lastStream = connection.lastStream;
      this.#idleMs = now;
    } else if (now - this.#idleMs >= IDLE_MS) this.leave();
    if (now - this.#streamsMs < STALLED_MS) return;
    this.#streamsMs = now;
    for (const stream of connection.stalled()) stream.handler?.onStalled();
  }

  /** Takes no more streams, and ends when those it has are over (RFC 9113 section 6.8). */
  leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    const { connection } = this;
    if (connection.over) return;
    // What the client has sent before it hears of this is still taken: a ping tells when it has.
    connection.goAway(false);
    connection.onPong = () => this.#leaveFinally();
    this.#ping(performance.now());
    setTimeout(() => this.#leaveFinally(), LEAVE_MS).unref();
  }

  destroy(): void {
    this.connection.closed();
    this.#socket.destroy();
  }

  #leaveFinally(): void {
    const { connection } = this;
    if (this.#final || connection.over) return;
    this.#final = true;
    connection.goAway(true);
    const end = (): void => {
      connection.end();
      this.#destroyLater();
    };
    if (connection.streams === 0) end();
    else connection.onIdle = end;
  }

  #lookAtUnfinished(now: number): void {
    const { unfinished } = this.connection;
    if (unfinished === 0 || unfinished !== this.#unfinished) {
      this.#unfinished = unfinished;
      this.#unfinishedMs = now;
    } else if (now - this.#unfinishedMs >= BEGIN_MS) this.connection.fail(ErrorCode.ENHANCE_YOUR_CALM, 'a frame that does not come to its end');
  }

  #ping(now: number): void {
    this.#pingMs = now;
    this.connection.ping();
  }

  #destroyLater(): void {
    setTimeout(() => this.#socket.destroy(), LEAVE_MS).unref();
  }
}
