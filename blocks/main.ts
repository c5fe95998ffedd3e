// Entry of a block's process: `main.ts <block> <ring bytes> <max frame bytes>`. Descriptor 3 is the shared segment,
// descriptor 4 one end of a socket pair; without shared memory only the socket is there. It lives as long as its channel.
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { mapSegment } from '../ipc/memory.ts';
import { openShared, segmentBytes } from '../ipc/shared.ts';
import { dieWithParent } from '../ipc/parent.ts';
import { openSocket } from '../ipc/socket.ts';
import type { Channel } from '../ipc/channel.ts';
import { giveBackStartMemory } from '../proto/start-memory.ts';
import { serveBlock } from './host.ts';

const SEGMENT_FD = 3;
const SOCKET_FD = 4;
/** Standard output: the kernel has put its own log's descriptor there. */
const LOG_FD = 1;

const [, , name = '', ringText = '', frameText = ''] = process.argv;

// The kernel decides when a block ends: a signal to the whole process group (Ctrl-C) must not race with the drain.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

giveBackStartMemory();
dieWithParent();
await serveBlock(name, openChannel(Number(ringText), Number(frameText)), LOG_FD);
process.exit(0);

function openChannel(ringBytes: number, maxFrameBytes: number): Channel {
  const socket = new Socket({ fd: SOCKET_FD });
  if (ringBytes === 0) return openSocket(socket, { maxFrameBytes });
  const segment = mapSegment(SEGMENT_FD, segmentBytes(ringBytes));
  closeSync(SEGMENT_FD);
  return openShared(segment.buffer, 'b', socket, { ringBytes, maxFrameBytes }, segment.release);
}
