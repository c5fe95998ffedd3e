// What goes out on one connection: frames are written into a buffer, and all of one turn of the event loop leave in one write.
// The turn's end is the end of its callback: a lone answer waits for nothing.

/** What of a socket a connection uses; net.Socket and tls.TLSSocket have it. */
export interface Transport {
  write(bytes: Uint8Array, done: () => void): boolean;
  cork(): void;
  uncork(): void;
  /** Bytes that the system has not taken. */
  readonly writableLength: number;
  pause(): unknown;
  resume(): unknown;
  end(): unknown;
  destroy(): unknown;
}

/** The answers of a busy turn, in one piece. */
const BUFFER_BYTES = 32 * 1024;
/** Buffers that wait for somebody with something to say; shared by all connections, so that an idle one holds none. */
const MAX_SPARE = 16;
const spare: Buffer[] = [];
const NONE = Buffer.alloc(0);

export class Output {
  /** Write here, from `at` on, after `room`. */
  buffer: Buffer = NONE;
  at = 0;
  readonly #transport: Transport;
  /** Filled before `buffer`, in order. */
  #filled: Buffer[] = [];
  #filledBytes = 0;
  /** The transport has them, in order. */
  readonly #leaving: Buffer[] = [];
  #scheduled = false;
  #closed = false;
  readonly #flush = (): void => this.flush();
  readonly #left = (): void => {
    const buffer = this.#leaving.shift();
    if (buffer?.length === BUFFER_BYTES && spare.length < MAX_SPARE) spare.push(buffer);
  };

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Bytes that have not left this process. */
  get queuedBytes(): number {
    return this.#filledBytes + this.at + this.#transport.writableLength;
  }

  /** Makes room for so many bytes in one piece. They leave when the present callback has ended. */
  room(bytes: number): void {
    if (this.buffer.length - this.at >= bytes) return;
    if (this.at > 0) this.#fill();
    else this.#giveBack();
    this.buffer = bytes > BUFFER_BYTES ? Buffer.allocUnsafeSlow(bytes) : (spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES));
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    process.nextTick(this.#flush);
  }

  flush(): void {
    this.#scheduled = false;
    if (this.at > 0) this.#fill();
    else this.#giveBack();
    const filled = this.#filled;
    if (filled.length === 0) return;
    this.#filled = [];
    this.#filledBytes = 0;
    if (this.#closed) return;
    if (filled.length > 1) this.#transport.cork();
    for (const bytes of filled) this.#transport.write(bytes, this.#left);
    if (filled.length > 1) this.#transport.uncork();
  }

  /** Nothing more goes out. */
  close(): void {
    this.#closed = true;
  }

  #fill(): void {
    this.#leaving.push(this.buffer);
    this.#filled.push(this.at === this.buffer.length ? this.buffer : this.buffer.subarray(0, this.at));
    this.#filledBytes += this.at;
    this.buffer = NONE;
    this.at = 0;
  }

  #giveBack(): void {
    if (this.buffer.length === BUFFER_BYTES && spare.length < MAX_SPARE) spare.push(this.buffer);
    this.buffer = NONE;
  }
}
