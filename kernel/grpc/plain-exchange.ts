// What answers a request that is no gRPC call: an HTTP status and a text for people, once the request has ended.
import { ErrorCode } from '../h2/frames.ts';
import type { Stream, StreamHandler } from '../h2/stream.ts';
import type { HeadFault } from './call-head.ts';
import { trailersOf } from './fields.ts';
import { Grpc } from '../../proto/errors.ts';

const NO_PREFIX = new Uint8Array(0);

export class PlainExchange implements StreamHandler {
  readonly #stream: Stream;
  readonly #fault: HeadFault;

  constructor(stream: Stream, fault: HeadFault) {
    this.#stream = stream;
    this.#fault = fault;
  }

  onData(_bytes: Buffer, start: number, end: number, last: boolean): void {
    this.#stream.take(end - start); // nobody wants it
    if (!last) return;
    const { status, code, message } = this.#fault;
    const body = Buffer.from(`${message}\n`, 'latin1');
    this.#stream.sendAnswer([':status', String(status), 'content-type', 'text/plain', 'content-length', String(body.length)], NO_PREFIX, body, trailersOf(code ?? Grpc.INTERNAL, message, undefined));
  }

  onReset(): void {
    // nothing is kept
  }

  onSent(): void {
    // the stream ends with its trailers
  }

  onStalled(): void {
    this.#stream.reset(ErrorCode.CANCEL);
  }
}
