// The bytes of gRPC calls: what is sent and what should come back, made once for all connections.
import type { GrpcSpec } from './grpc.ts';
import { END_STREAM, FRAME_HEADER_BYTES, LARGEST_FRAME_BYTES, messageFrames, requestHeaders, withPrefix, type RequestHeaders } from './http2.ts';

/** Stream ids differ by 2; so many streams are told apart by the low bits of theirs. */
export const SLOTS = 1 << 10;
/** Half of a window: servers may wait so long until they open it again, and no message is sent in part. */
const LARGEST_MESSAGE_BYTES = 32_767;

export class GrpcCalls {
  /** Behind its prefix in DATA frames, on stream 0. */
  readonly messages: readonly Buffer[];
  /** With their prefix. */
  readonly answers: readonly Buffer[] | undefined;
  readonly largestBytes: number;
  readonly #heads: (hasTable: boolean) => RequestHeaders;
  readonly #requests = new Map<boolean, readonly Buffer[]>();

  constructor({ port, path, messages, answers, streams }: GrpcSpec) {
    if (streams > SLOTS) throw new RangeError(`${streams} streams of a connection: ${SLOTS} can be told apart`);
    this.messages = messages.map((text) => messageFrames(Buffer.from(text, 'base64'), END_STREAM));
    this.answers = answers?.map((text) => withPrefix(Buffer.from(text, 'base64')));
    this.largestBytes = Math.max(...this.messages.map(dataBytes));
    if (this.largestBytes > LARGEST_MESSAGE_BYTES) throw new RangeError(`a message of ${this.largestBytes} bytes would wait for ever`);
    this.#heads = (hasTable) => requestHeaders(path, `127.0.0.1:${port}`, hasTable);
  }

  /** HEADERS and message of a connection's first request. */
  first(hasTable: boolean): Buffer {
    return Buffer.concat([this.#heads(hasTable).first, this.messages[0] as Buffer]);
  }

  /** HEADERS and message of its others. */
  requests(hasTable: boolean): readonly Buffer[] {
    let requests = this.#requests.get(hasTable);
    if (requests === undefined) {
      const { later } = this.#heads(hasTable);
      this.#requests.set(hasTable, (requests = this.messages.map((message) => Buffer.concat([later, message]))));
    }
    return requests;
  }
}

/** Of a message in DATA frames. */
export const dataBytes = (frames: Buffer): number => frames.length - FRAME_HEADER_BYTES * Math.ceil(frames.length / (FRAME_HEADER_BYTES + LARGEST_FRAME_BYTES));
