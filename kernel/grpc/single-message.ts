// The request of a call that has exactly one message: unary, or a server's stream. The usual one lies whole in one chunk of the socket
// and goes on from there as it is.
import { Grpc, messageOf } from '../../proto/errors.ts';
import type { Stream } from '../h2/stream.ts';
import type { CallHead } from './call-head.ts';
import { faultOfEncoding, inflate } from './inflate.ts';
import { MessageReader, NO_ROOM, PREFIX_BYTES, badFlag, tooLarge, type MessageFault } from './message-reader.ts';

/** Who waits for it. Exactly one of these is called, once. */
export interface MessageTaker {
  /** The whole request, owned. */
  onRequest(message: Uint8Array): void;
  onFault(fault: MessageFault): void;
}

/** A small message in a large chunk would keep all of it: it is copied where it waits for its end, or is this many times smaller. */
const SHARE = 16;
const LARGE_CHUNK = 16 * 1024;

export class SingleMessage {
  readonly #stream: Stream;
  readonly #head: CallHead;
  readonly #maxBytes: number;
  readonly #taker: MessageTaker;
  #reader: MessageReader | undefined;
  #message: Buffer | undefined;
  #compressed = false;
  /** Bytes that the budget knows of. */
  #kept = 0;
  #over = false;

  constructor(stream: Stream, head: CallHead, maxBytes: number, taker: MessageTaker) {
    this.#stream = stream;
    this.#head = head;
    this.#maxBytes = maxBytes;
    this.#taker = taker;
  }

  /** Whether the request is still on its way. */
  get isComing(): boolean {
    return !this.#over;
  }

  onData(bytes: Buffer, start: number, end: number, last: boolean): void {
    if (this.#over) return;
    const body = start + PREFIX_BYTES;
    // Whole, and nothing else: there is nothing to put together.
    if (this.#reader === undefined && this.#message === undefined && body <= end && lengthAt(bytes, start + 1) === end - body) {
      const flag = bytes[start]!;
      if (flag > 1) return this.#fail(badFlag(flag));
      if (end - body > this.#maxBytes) return this.#fail(tooLarge(end - body, this.#maxBytes));
      if (last && flag === 0) {
        this.#over = true;
        return this.#taker.onRequest(isShare(bytes, end - body) ? Buffer.from(bytes.subarray(body, end)) : bytes.subarray(body, end));
      }
      const fault = this.#keep(Buffer.from(bytes.subarray(body, end)), flag === 1);
      if (fault !== undefined) return this.#fail(fault);
    } else if (end > start) {
      const fault = this.#read(bytes, start, end);
      if (fault !== undefined) return this.#fail(fault);
    }
    this.#stream.take(end - start);
    if (last) this.#end();
  }

  /** Nobody waits any more. */
  close(): void {
    this.#over = true;
    this.#reader?.close();
    this.#release();
  }

  #read(bytes: Buffer, start: number, end: number): MessageFault | undefined {
    const reader = (this.#reader ??= new MessageReader(this.#maxBytes, this.#stream.connection.options.budget));
    for (let at = start; at < end;) {
      at = reader.read(bytes, at, end);
      const fault = reader.fault ?? (reader.message === undefined ? undefined : this.#keep(reader.message, reader.compressed));
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  /** It is whole, and waits for the request to end. */
  #keep(message: Buffer, compressed: boolean): MessageFault | undefined {
    if (this.#message !== undefined) return { code: Grpc.UNIMPLEMENTED, message: `Received a second request message for server streaming method ${this.#head.path}` };
    if (!this.#stream.connection.options.budget.take(message.length)) return NO_ROOM;
    this.#kept = message.length;
    this.#message = message;
    this.#compressed = compressed;
    return undefined;
  }

  #release(): void {
    this.#stream.connection.options.budget.give(this.#kept);
    this.#kept = 0;
  }

  #end(): void {
    if (this.#reader?.inside === true) return this.#fail({ code: Grpc.INTERNAL, message: 'unexpected EOF: the request ends within a message' });
    const message = this.#message;
    if (message === undefined) return this.#fail({ code: Grpc.UNIMPLEMENTED, message: `Received no request message for server streaming method ${this.#head.path}` });
    this.#release();
    if (!this.#compressed) {
      this.#over = true;
      return this.#taker.onRequest(message);
    }
    const { encoding } = this.#head;
    const fault = faultOfEncoding(encoding);
    if (fault !== undefined) return this.#fail(fault);
    inflate(message, encoding, this.#maxBytes, this.#stream.connection.options.budget, (result) => {
      if (this.#over) return;
      if (!(result instanceof Uint8Array)) return this.#fail(result);
      this.#over = true;
      try {
        this.#taker.onRequest(result);
      } catch (cause) {
        this.#taker.onFault({ code: Grpc.INTERNAL, message: messageOf(cause) });
      }
    });
  }

  #fail(fault: MessageFault): void {
    this.close();
    this.#taker.onFault(fault);
  }
}

function lengthAt(bytes: Buffer, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function isShare(chunk: Buffer, length: number): boolean {
  return chunk.length > LARGE_CHUNK && length * SHARE < chunk.length;
}
