// What a connection costs on which nothing happens any more: many are opened at a server that has had none, each makes one call,
// and the server's memory is looked at before and after, both times without garbage.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { GET_STATE, getMessages } from './grpc-calls.ts';
import { inspect } from './inspector.ts';
import { ACK, END_STREAM, frame, FRAME_HEADER_BYTES, FrameType, messageFrames, PREFACE, requestHeaders, settings } from './load/http2.ts';
import type { Server } from './place.ts';
import { pssMib } from './processes.ts';
import type { Row } from './table.ts';

const AT_A_TIME = 50;
/** A call that isn't answered by then never will be. */
const ANSWER_MS = 10_000;
const SETTLE_MS = 1_000;

/**
 * @param server fresh, under a Node that was told `--inspect-port=<inspectPort>`
 * @returns memory of the server's first process by connection
 */
export async function measureIdle({ name, pid, grpcPort }: Server, inspectPort: number, connections: number): Promise<Row> {
  const inspector = await inspect(name, pid, inspectPort);
  const sockets: Socket[] = [];
  const open = async (count: number): Promise<void> => {
    for (let left = count; left > 0; left -= AT_A_TIME) sockets.push(...await Promise.all(Array.from({ length: Math.min(AT_A_TIME, left) }, () => connection(grpcPort))));
  };
  try {
    await open(AT_A_TIME); // what is loaded by the first call is no connection's
    const heapBefore = await inspector.collect();
    const pssBefore = pssMib([pid]);
    await open(connections);
    await sleep(SETTLE_MS);
    const heap = await inspector.collect();
    const pss = pssMib([pid]);
    return { server: name, connections, 'heap bytes each': Math.round((heap - heapBefore) / connections), 'PSS bytes each': Math.round(((pss - pssBefore) * 2 ** 20) / connections), 'PSS MiB before': pssBefore, 'PSS MiB after': pss };
  } finally {
    for (const socket of sockets) socket.destroy();
    inspector.close();
  }
}

/** One that has made its call. */
function connection(port: number): Promise<Socket> {
  const message = messageFrames(Buffer.from(getMessages()[0] as string, 'base64'), END_STREAM);
  const request = Buffer.concat([requestHeaders(GET_STATE, `127.0.0.1:${port}`, true).first, message]);
  const data = request.length - message.length;
  request.writeUInt32BE(1, 5);
  request.writeUInt32BE(1, data + 5);
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const timer = setTimeout(() => socket.destroy(new Error(`no answer on port ${port} within ${ANSWER_MS} ms`)), ANSWER_MS);
    let bytes = Buffer.alloc(0);
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      reject(new Error(`port ${port} closed a connection`));
    });
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= FRAME_HEADER_BYTES) {
        const end = FRAME_HEADER_BYTES + bytes.readUIntBE(0, 3);
        if (end > bytes.length) return;
        const type = bytes[3];
        const flags = bytes[4] as number;
        if (type === FrameType.SETTINGS && (flags & ACK) === 0) socket.write(Buffer.concat([frame(FrameType.SETTINGS, ACK, 0, Buffer.alloc(0)), request]));
        if ((type === FrameType.HEADERS || type === FrameType.DATA) && (flags & END_STREAM) !== 0) {
          clearTimeout(timer);
          resolve(socket);
        }
        bytes = bytes.subarray(end);
      }
    });
    socket.write(Buffer.concat([PREFACE, settings([])]));
  });
}
