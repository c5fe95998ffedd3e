// An HTTP/1.1 client for load: a pool of connections with one call at a time on each, requests that lie ready, and a new
// connection when one breaks. Of answers it looks at the status, the length, and the body as far as it has to be.
import { connect, type Socket } from 'node:net';
import { Check, RECONNECT_MS, type Client, type ClientOptions, type Done, type Request } from './client.ts';

const HEADER_END = Buffer.from('\r\n\r\n');
const LENGTH = /\r\ncontent-length: *(\d+)/i;
/** Answers are looked at before the next read, so that one buffer does for all connections. */
const buffer = Buffer.allocUnsafeSlow(256 * 1024);
const SHOWN_BYTES = 300;

interface Waiting {
  readonly request: Request;
  readonly done: Done;
}

export class HttpClient implements Client {
  readonly ready: Promise<void>;
  readonly #connections: readonly Connection[];
  readonly #idle: Connection[] = [];
  #waiting: Waiting[] = [];
  #up = 0;

  constructor({ port, inFlight }: ClientOptions) {
    let ready: () => void = () => {};
    this.ready = new Promise((resolve) => (ready = resolve));
    let first = inFlight;
    this.#connections = Array.from({ length: inFlight }, () => new Connection(port, {
      up: () => {
        this.#up++;
        if (--first === 0) ready();
      },
      down: (connection) => {
        this.#up--;
        const at = this.#idle.indexOf(connection);
        if (at >= 0) this.#idle.splice(at, 1);
        if (this.#up > 0) return;
        const lost = this.#waiting;
        this.#waiting = [];
        for (const { done } of lost) done('there is no connection');
      },
      idle: (connection) => {
        const next = this.#waiting.shift();
        if (next === undefined) this.#idle.push(connection);
        else connection.send(next.request, next.done);
      },
    }));
  }

  call(request: Request, done: Done): void {
    const connection = this.#idle.pop();
    if (connection !== undefined) connection.send(request, done);
    else if (this.#up === 0) done('there is no connection');
    else this.#waiting.push({ request, done });
  }

  flush(): void {} // each request is a write of its own

  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}

interface Owner {
  up(): void;
  down(connection: Connection): void;
  idle(connection: Connection): void;
}

class Connection {
  readonly #port: number;
  readonly #owner: Owner;
  #socket: Socket;
  #timer: NodeJS.Timeout | undefined;
  #isUp = false;
  #closed = false;
  #done: Done | undefined;
  #check: Check | undefined;
  #head = '';
  #status = 0;
  /** Bytes of the body that have not come yet; -1 while the head isn't whole. */
  #left = -1;

  constructor(port: number, owner: Owner) {
    this.#port = port;
    this.#owner = owner;
    this.#socket = this.#connect();
  }

  send({ bytes, expected }: Request, done: Done): void {
    this.#done = done;
    this.#check = new Check(expected);
    this.#head = '';
    this.#left = -1;
    this.#socket.write(bytes);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket.destroy();
  }

  #connect(): Socket {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback: (bytes) => { this.#take(bytes); return true; } } });
    socket.once('connect', () => {
      this.#isUp = true;
      this.#owner.up();
      this.#owner.idle(this);
    });
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => {
      if (this.#isUp) this.#owner.down(this);
      this.#isUp = false;
      this.#end('the connection was closed');
      if (!this.#closed) this.#timer = setTimeout(() => (this.#socket = this.#connect()), RECONNECT_MS);
    });
    return socket;
  }

  #take(bytes: number): void {
    let at = 0;
    if (this.#left < 0) {
      const before = this.#head.length;
      this.#head += buffer.toString('latin1', 0, bytes);
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.#status = Number(this.#head.slice(9, 12));
      this.#left = Number(LENGTH.exec(this.#head.slice(0, end))?.[1] ?? 0);
      at = end + HEADER_END.length - before;
    }
    const end = Math.min(bytes, at + this.#left);
    this.#check?.take(buffer, at, end);
    this.#left -= end - at;
    if (this.#left > 0) return;
    const isGood = this.#status >= 200 && this.#status < 300;
    this.#end(isGood ? this.#check?.fault : this.#head.slice(0, SHOWN_BYTES));
    if (this.#isUp && this.#done === undefined) this.#owner.idle(this);
  }

  #end(fault: string | undefined): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(fault);
  }
}
