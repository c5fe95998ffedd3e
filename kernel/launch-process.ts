// `process`: a block's life as a child with rings in memory that both map, or a socket where memory can't be mapped. What it may
// have, what it says and how it ended are looked after here.
import { spawn, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { socketDoorbell } from '../ipc/doorbell-socket.ts';
import { createSegment, sharedMemoryProblem, type OwnedSegment } from '../ipc/memory.ts';
import { openShared, segmentBytes } from '../ipc/shared.ts';
import { openSocket } from '../ipc/socket.ts';
import { blockFile } from './block-file.ts';
import { controlGroups } from './cgroup.ts';
import { processExit, type Exit } from './launch-exit.ts';
import { NO_LANES } from './lanes/lanes.ts';
import { MappedLanes } from './lanes/mapped.ts';
import type { LaunchOptions, Life } from './launch.ts';
import { flagsForBlocks } from './node-flags.ts';
import { ChildOutput } from './output.ts';

/** Index of the socket pair among the child's descriptors; the segment is the one before. */
const SOCKET = 4;
const MEBIBYTE = 2 ** 20;

/** @throws Error when it can't be started; nothing is left of it then */
export function launchProcess(block: string, options: LaunchOptions): Life {
  const { name, limits, maxFrameBytes } = options;
  const segment = sharedMemoryProblem() === undefined ? createSegment(segmentBytes(options.ringBytes)) : undefined;
  const ringBytes = segment === undefined ? 0 : options.ringBytes;
  const lanes = openLanes(segment, options);
  const child = start(block, ringBytes, segment, lanes, options);
  const group = controlGroups().create(name, limits);
  if (typeof group !== 'string' && child.pid !== undefined) group.add(child.pid);
  const { output, json } = { output: options.output, json: options.logging.json };
  const spoken = new ChildOutput(child.stdout as Readable, child.stderr as Readable, { name, json, output, log: options.log });
  const socket = child.stdio[SOCKET] as Socket;
  const channel = segment === undefined
    ? openSocket(socket, { maxFrameBytes })
    : openShared(segment.buffer, 'a', socketDoorbell(socket), { ringBytes, maxFrameBytes }, segment.release);
  let killed = false;
  const ended = ending(child).then(async (end): Promise<Exit> => {
    lanes?.close();
    const said = await spoken.rest();
    const outOfMemory = typeof group !== 'string' && group.outOfMemory;
    if (typeof group !== 'string') group.remove();
    if (end instanceof Error) return { reason: `it could not be started: ${end.message}`, heap: false, said };
    return processExit({ block, limits, ...end, killed, outOfMemory, lastWords: channel.peer?.blackBox.lastWords ?? '', said });
  });
  const kill = (): void => {
    killed = child.kill('SIGKILL') || killed;
  };
  return { channel, lanes: lanes ?? NO_LANES, pid: child.pid, transport: segment === undefined ? 'socket' : 'ring', cgroup: typeof group === 'string' ? `none: ${group}` : group.name, ended, kill };
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

function start(block: string, ringBytes: number, segment: OwnedSegment | undefined, lanes: MappedLanes | undefined, { limits, maxFrameBytes, compileCache, logging, execArgv = flagsForBlocks(process.execArgv) }: LaunchOptions): ChildProcess {
  const heap = limits.heapBytes === 0 ? [] : [`--max-old-space-size=${Math.ceil(limits.heapBytes / MEBIBYTE)}`];
  try {
    const child = spawn(process.execPath, [...execArgv, ...heap, fileURLToPath(blockFile('main')), block, String(ringBytes), String(maxFrameBytes), String(limits.openFiles), JSON.stringify(logging), String(lanes?.count ?? 0)], {
      stdio: ['ignore', 'pipe', 'pipe', segment === undefined ? 'ignore' : segment.fd, 'pipe', ...(lanes?.descriptors ?? [])],
      // Nothing of the kernel's environment: no token, no secret, no path.
      env: compileCache === undefined ? {} : { NODE_COMPILE_CACHE: compileCache },
    });
    child.on('error', () => {}); // told by `ending`, or below
    if ((child.stdio as readonly unknown[] | undefined)?.[SOCKET] === undefined) throw new Error('no process could be started: the system has no more descriptors for this one');
    return child;
  } catch (cause) {
    segment?.release();
    lanes?.close();
    throw cause;
  } finally {
    segment?.closeFd();
    lanes?.spawned();
  }
}

/** An error: it never began. */
function ending(child: ChildProcess): Promise<Error | { readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
  return new Promise((resolve) => {
    child.on('error', (cause) => {
      if (child.pid === undefined) resolve(cause);
    });
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}
