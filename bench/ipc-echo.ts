// The other process of bench/ipc.ts: answers each message with one of the same size, over the transport named in its
// first argument. What it answers with lies ready, so that copies are the transport's own.
import { Socket } from 'node:net';
import { Kind, type Frame } from '../ipc/frame.ts';
import { socketDoorbell } from '../ipc/doorbell-socket.ts';
import { mapSegment } from '../ipc/memory.ts';
import { openShared, segmentBytes } from '../ipc/shared.ts';
import { openSocket } from '../ipc/socket.ts';
import { CPU, DOORBELL_FD, OPTIONS, SEGMENT_FD, type Message } from './ipc-setup.ts';

const bodies = new Map<number, Buffer>();

function bodyOf(bytes: number): Buffer {
  let body = bodies.get(bytes);
  if (body === undefined) bodies.set(bytes, (body = Buffer.alloc(bytes, 2)));
  return body;
}

function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

const transport = process.argv[2];
if (transport === 'send') {
  process.on('message', ({ call, code, body }: Message) => {
    const answer: Message = code === CPU ? { call, code: cpuMicros(), body: bodyOf(0) } : { call, code: 0, body: bodyOf(body.length) };
    process.send?.(answer);
  });
} else {
  const socket = new Socket({ fd: DOORBELL_FD });
  const channel = transport === 'ring' ? openShared(mapSegment(SEGMENT_FD, segmentBytes(OPTIONS.ringBytes)).buffer, 'b', socketDoorbell(socket), OPTIONS) : openSocket(socket, OPTIONS);
  channel.onFrame = ({ call, code, body }: Frame): void => {
    if (code === CPU) channel.send({ kind: Kind.END, flags: 0, code: 0, call, arg: 0, head: cpuMicros(), body: bodyOf(0) });
    else channel.send({ kind: Kind.END, flags: 0, code: 0, call, arg: 0, head: undefined, body: bodyOf(body.length) });
  };
}
