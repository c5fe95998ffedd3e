// What the generators cost: answers that lie ready to whatever arrives, over HTTP/1.1 and over HTTP/2, whose frames it reads no
// further than to see where a request ends. No server can do less.
//   node bench/servers/canned.ts <port> <bytes of a value>
import { createServer, type Socket } from 'node:net';
import { valueOf } from '../calls.ts';
import { getAnswer } from '../grpc-calls.ts';
import { ACK, END_HEADERS, END_STREAM, frame, FRAME_HEADER_BYTES, FrameType, literal, messageFrames, PREFACE, Setting, settings, windowUpdate } from '../load/http2.ts';

const [, , port, bytes] = process.argv;
/** `:status: 200` is entry 8 of the static table, content-type the name of its 31st. */
const head = frame(FrameType.HEADERS, END_HEADERS, 0, Buffer.from([0x88, ...literal(0, 31, 'application/grpc')]));
const data = messageFrames(getAnswer(Number(bytes)), 0);
const trailers = frame(FrameType.HEADERS, END_HEADERS | END_STREAM, 0, Buffer.from(literal(0, 'grpc-status', '0')));
const answer = Buffer.concat([head, data, trailers]);
/** Where the stream's id goes. */
const IDS = [5, head.length + 5, answer.length - trailers.length + 5] as const;
const GREETING = settings([[Setting.MAX_CONCURRENT_STREAMS, 1 << 20], [Setting.INITIAL_WINDOW_SIZE, 2 ** 31 - 1]]);
const SETTINGS_ACK = frame(FrameType.SETTINGS, ACK, 0, Buffer.alloc(0));
/** Messages that came since it was last opened. */
const WINDOW_REFILL = 32_768;

const body = valueOf(Number(bytes));
const httpAnswer = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nETag: 03d30766-11b9-43a5-b222-c17a52e69d42\r\n\r\n${body}`, 'latin1');

function speakHttp2(socket: Socket, first: Buffer): void {
  let rest = first.subarray(PREFACE.length);
  let received = 0;
  const take = (chunk: Buffer): void => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const ids: Buffer[] = [];
    const out: Buffer[] = [];
    let at = 0;
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const end = at + FRAME_HEADER_BYTES + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const type = bytes[at + 3];
      const flags = bytes[at + 4] as number;
      if (type === FrameType.SETTINGS && (flags & ACK) === 0) out.push(SETTINGS_ACK);
      if (type === FrameType.DATA) {
        received += end - at - FRAME_HEADER_BYTES;
        if ((flags & END_STREAM) !== 0) ids.push(bytes.subarray(at + 5, at + 9));
      }
      at = end;
    }
    if (received >= WINDOW_REFILL) {
      out.push(windowUpdate(received));
      received = 0;
    }
    const answers = Buffer.allocUnsafe(answer.length * ids.length);
    ids.forEach((id, i) => {
      answers.set(answer, i * answer.length);
      for (const place of IDS) answers.set(id, i * answer.length + place);
    });
    rest = Buffer.from(bytes.subarray(at));
    out.push(answers);
    socket.write(out.length === 1 ? answers : Buffer.concat(out));
  };
  socket.write(GREETING);
  socket.on('data', take);
  take(Buffer.alloc(0));
}

createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {}); // the generator closes as it likes
  socket.once('data', (first: Buffer) => {
    if (first[0] === PREFACE[0]) return speakHttp2(socket, first);
    const answerHttp = (): void => void socket.write(httpAnswer); // a request comes in one piece, and alone
    socket.on('data', answerHttp);
    answerHttp();
  });
}).listen(Number(port), '127.0.0.1');
