// What bulkhead's own HTTP/2 costs with nothing behind it: kernel/h2, bytes in and bytes out, with an answer that lies ready.
//   node bench/servers/own.ts <port> <bytes of a value>
import { getAnswer } from '../grpc-calls.ts';
import { prefixOf } from '../../kernel/grpc/answering.ts';
import { HEAD, OK_TRAILERS } from '../../kernel/grpc/fields.ts';
import { Http2Server } from '../../kernel/h2/server.ts';
import type { Stream, StreamHandler } from '../../kernel/h2/stream.ts';

const [, , port, bytes] = process.argv;
const answer = getAnswer(Number(bytes));
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const MAX_HEADER_BYTES = 4 * 1024;

class Ready implements StreamHandler {
  readonly #stream: Stream;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  onData(_bytes: Buffer, start: number, end: number, last: boolean): void {
    this.#stream.take(end - start);
    if (last) this.#stream.sendAnswer(HEAD, prefixOf(answer.length), answer, OK_TRAILERS);
  }

  onReset(): void {}

  onSent(): void {}

  onStalled(): void {}
}

const server = new Http2Server({
  addresses: [{ kind: 'tcp', host: '127.0.0.1', port: Number(port) }],
  application: {
    open: (stream) => void (stream.handler = new Ready(stream)),
    openTooLarge: (stream) => stream.sendOnly([':status', '431']),
  },
  maxBodyBytes: MAX_BODY_BYTES,
  maxHeaderBytes: MAX_HEADER_BYTES,
});
await server.listen();
