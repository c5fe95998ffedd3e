// What Node's own HTTP/2 costs: `node:http2` with raw streams, bytes in and bytes out, with an answer that lies ready.
//   node bench/servers/http2.ts <port> <bytes of a value>
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { getAnswer } from '../grpc-calls.ts';
import { withPrefix } from '../load/http2.ts';

const [, , port, bytes] = process.argv;
const answer = withPrefix(getAnswer(Number(bytes)));
const HEAD = { ':status': 200, 'content-type': 'application/grpc' };
const TRAILERS = { 'grpc-status': '0' };
const WITH_TRAILERS = { waitForTrailers: true, sendDate: false };

function sendTrailers(this: ServerHttp2Stream): void {
  this.sendTrailers(TRAILERS);
}

function respond(this: ServerHttp2Stream): void {
  if (this.destroyed) return;
  this.respond(HEAD, WITH_TRAILERS);
  this.end(answer);
}

const nothing = (): void => {};

createServer().on('sessionError', nothing).on('stream', (stream) => {
  stream.on('error', nothing); // the generator closes as it likes
  stream.on('wantTrailers', sendTrailers);
  stream.on('end', respond);
  stream.resume(); // the message, which it has no use for
}).listen(Number(port), '127.0.0.1');
