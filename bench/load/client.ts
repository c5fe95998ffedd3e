// What a load needs of a client, whatever the protocol: requests that lie ready as bytes, and a word on each one's end.

/** What an answer has to be. */
export interface Expected {
  /** Bytes that it has, and from where on. */
  readonly holds: Buffer;
  readonly from: number;
  /** Of the whole answer: of a gRPC message with its prefix, of an HTTP body. */
  readonly atLeast: number;
  readonly atMost: number;
}

/** Whatever comes will do. */
export const ANYTHING: Expected = { holds: Buffer.alloc(0), from: 0, atLeast: 0, atMost: Infinity };

export interface Request {
  /** In a gRPC call its path, and the message in DATA frames on stream 0; over HTTP nothing and the whole request. */
  readonly path: string;
  readonly bytes: Buffer;
  /** Where the bytes have a place for the time; -1: nowhere. */
  readonly stampAt: number;
  readonly expected: Expected;
}

/** @param fault what is wrong; undefined when nothing is */
export type Done = (fault: string | undefined) => void;

export interface Client {
  /** Resolves when calls can be made for the first time. */
  readonly ready: Promise<void>;
  /** `done` is called once. Until then the request's bytes must stay as they are. Without a connection it is called at once. */
  call(request: Request, done: Done): void;
  /** What was written to the client since the last time leaves it. */
  flush(): void;
  close(): void;
}

export interface ClientOptions {
  readonly port: number;
  /** Calls at a time, where a connection carries only one. */
  readonly inFlight: number;
  /** How long the first connection may take; default: 10 s. */
  readonly connectMs?: number;
}

/** Between the end of a connection and the next try. */
export const RECONNECT_MS = 10;

/** Looks at an answer as its bytes come. */
export class Check {
  readonly #expected: Expected;
  #taken = 0;
  #differs = false;

  constructor(expected: Expected) {
    this.#expected = expected;
  }

  take(chunk: Buffer, start: number, end: number): void {
    const { holds, from } = this.#expected;
    const before = this.#taken - from; // counted from where the bytes stand
    this.#taken += end - start;
    const first = Math.max(0, before);
    const last = Math.min(holds.length, before + end - start);
    if (first >= last || this.#differs) return;
    const at = start - before; // where the first of them would be
    this.#differs = chunk.compare(holds, first, last, at + first, at + last) !== 0;
  }

  /** What is wrong with the whole of it. */
  get fault(): string | undefined {
    const { holds, from, atLeast, atMost } = this.#expected;
    if (this.#taken < Math.max(atLeast, from + holds.length) || this.#taken > atMost) return `an answer of ${this.#taken} bytes`;
    return this.#differs ? 'an answer with other bytes than it should have' : undefined;
  }
}
