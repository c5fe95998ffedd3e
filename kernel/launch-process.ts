// `process`: a block's life as a child with rings in memory that both map, or a socket where memory can't be mapped.
import type { Socket } from 'node:net';
import { socketDoorbell } from '../ipc/doorbell-socket.ts';
import { createSegment, sharedMemoryProblem, type OwnedSegment } from '../ipc/memory.ts';
import { openShared, segmentBytes } from '../ipc/shared.ts';
import { openSocket } from '../ipc/socket.ts';
import { BlockProcess } from './block-process.ts';
import { NO_LANES } from './lanes/lanes.ts';
import { MappedLanes } from './lanes/mapped.ts';
import type { LaunchOptions, Life } from './launch.ts';

/** @throws Error when it can't be started; nothing is left of it then */
export function launchProcess(block: string, options: LaunchOptions): Life {
  const { maxFrameBytes } = options;
  const segment = sharedMemoryProblem() === undefined ? createSegment(segmentBytes(options.ringBytes)) : undefined;
  const ringBytes = segment === undefined ? 0 : options.ringBytes;
  const lanes = openLanes(segment, options);
  const child = start(block, ringBytes, segment, lanes, options, () => channel.peer?.blackBox.lastWords ?? ''); // asked for when it is over
  const socket = child.socket as Socket;
  const channel = segment === undefined
    ? openSocket(socket, { maxFrameBytes })
    : openShared(segment.buffer, 'a', socketDoorbell(socket), { ringBytes, maxFrameBytes }, segment.release);
  const ended = child.ended.finally(() => lanes?.close());
  return { channel, lanes: lanes ?? NO_LANES, pid: child.pid, transport: segment === undefined ? 'socket' : 'ring', cgroup: child.cgroup, ended, kill: () => child.kill() };
}

/** @throws Error where there can be none, and there are to be some */
function openLanes(segment: OwnedSegment | undefined, { lanes = 0, ringBytes, maxFrameBytes }: LaunchOptions): MappedLanes | undefined {
  if (lanes === 0) return undefined;
  if (segment === undefined) throw new Error(`a block in a process of its own serves one gateway only where memory can't be shared: ${sharedMemoryProblem()}`);
  try {
    return new MappedLanes(lanes, { ringBytes, maxFrameBytes });
  } catch (cause) {
    segment.release();
    segment.closeFd();
    throw cause;
  }
}

function start(block: string, ringBytes: number, segment: OwnedSegment | undefined, lanes: MappedLanes | undefined, options: LaunchOptions, lastWords: () => string): BlockProcess {
  try {
    return new BlockProcess({ ...options, block, ringBytes, segment: segment?.fd, socket: 'pipe', lanes: lanes?.descriptors ?? [], lastWords });
  } catch (cause) {
    segment?.release();
    lanes?.close();
    throw cause;
  } finally {
    segment?.closeFd();
    lanes?.spawned();
  }
}
