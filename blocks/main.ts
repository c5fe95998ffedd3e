// Entry of a block's process: `main.ts <block> <ring bytes> <max frame bytes> <open files> <log settings> <lanes>`. Descriptor 3 is
// the shared segment, descriptor 4 one end of a socket pair; without shared memory only the socket is there. The same two of each lane
// follow. It lives as long as its channel.
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { socketDoorbell } from '../ipc/doorbell-socket.ts';
import { mapSegment } from '../ipc/memory.ts';
import { openShared, segmentBytes } from '../ipc/shared.ts';
import { dieWithParent } from '../ipc/parent.ts';
import { confine } from '../ipc/confinement.ts';
import { limitResources } from '../ipc/resource-limits.ts';
import { openSocket } from '../ipc/socket.ts';
import type { Channel } from '../ipc/channel.ts';
import type { LogSettings } from '../proto/init.ts';
import { openLog, outputTo, type Log } from '../proto/log.ts';
import { giveBackStartMemory } from '../proto/start-memory.ts';
import { serveBlock } from './host.ts';
import { mappedLanes } from './lanes-mapped.ts';
import { endUncaught } from './last-words.ts';

const SEGMENT_FD = 3;
const SOCKET_FD = 4;
const FIRST_LANE_FD = 5;
/** Standard output: the kernel reads it and passes log lines on. */
const LOG_FD = 1;

const [, , name = '', ringText = '', frameText = '', filesText = '', logText = '{}', lanesText = '0'] = process.argv;

limitResources(Number(filesText));
confine(); // drivers see nothing of the kernel and of other blocks; where the system has no such thing, they are as near as their user
dieWithParent();
// The kernel decides when a block ends: a signal to the whole process group (Ctrl-C) must not race with the drain.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

giveBackStartMemory();
const [ringBytes, maxFrameBytes] = [Number(ringText), Number(frameText)];
const channel = openChannel();
const lanes = mappedLanes(Array.from({ length: 2 * Number(lanesText) }, (_, index) => FIRST_LANE_FD + index), { ringBytes, maxFrameBytes });
const logging = JSON.parse(logText) as LogSettings;
const lines = outputTo(LOG_FD);
/** Whoever started this process reads one form of lines, whatever form its kernel's have. */
const output = { write: (line: string) => lines.write(line), json: logging.json };
/** Made by `init`, which brings its secrets; before that, when there is something to be said. */
let log: Log | undefined;
const words = endUncaught(channel, () => log ?? openLog(logging, { output, fields: { block: name } }));
await serveBlock(name, channel, output, (opened, clean) => {
  log = opened;
  words.clean = clean;
}, lanes);
process.exit(0);

function openChannel(): Channel {
  const socket = new Socket({ fd: SOCKET_FD });
  if (ringBytes === 0) return openSocket(socket, { maxFrameBytes });
  const segment = mapSegment(SEGMENT_FD, segmentBytes(ringBytes));
  closeSync(SEGMENT_FD);
  return openShared(segment.buffer, 'b', socketDoorbell(socket), { ringBytes, maxFrameBytes }, segment.release);
}
