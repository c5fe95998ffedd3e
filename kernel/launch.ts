// The launch table: how a life of a block begins in each mode. The only place that knows what a mode is.
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Channel } from '../ipc/channel.ts';
import { openLocalPair } from '../ipc/local.ts';
import { createSegment, sharedMemoryProblem } from '../ipc/memory.ts';
import { openShared, segmentBytes } from '../ipc/shared.ts';
import { openSocket } from '../ipc/socket.ts';
import type { Isolation } from './flags.ts';
import type { Limits } from './limits.ts';
import { messageOf } from '../proto/errors.ts';

/** Why a life ended. */
export interface Exit {
  /** For people and the log: `exit code 1`, `signal SIGKILL`, `it was closed`. */
  readonly reason: string;
}

/** One run of a block. */
export interface Life {
  readonly channel: Channel;
  /** Absent where the block has no process of its own. */
  readonly pid: number | undefined;
  /** `ring`, `socket` or `local`. */
  readonly transport: string;
  /** Resolves when nothing of it is left. A hang or a violation becomes an end by `kill`. */
  readonly ended: Promise<Exit>;
  kill(): void;
}

export interface LaunchOptions {
  readonly ringBytes: number;
  readonly maxFrameBytes: number;
  readonly limits: Limits;
  /** Descriptor that the block writes its log lines to. */
  readonly logFd: number;
  /** Directory of the compile cache; undefined for none. */
  readonly compileCache: string | undefined;
}

export type Launch = (block: string, options: LaunchOptions) => Life;

export const LAUNCH: Readonly<Record<Isolation, Launch>> = { monolith: launchInProcess, thread: launchInProcess, process: launchChild };

// The kernel holds the path of the block's code and never its import. In a checkout that is a .ts file, in a package a .js.
const blockFile = (name: string): URL => new URL(`../blocks/${name}${extname(fileURLToPath(import.meta.url))}`, import.meta.url);

/** `monolith`: the block's code in the kernel's own event loop. */
function launchInProcess(block: string, { maxFrameBytes, logFd }: LaunchOptions): Life {
  const [kernelEnd, blockEnd] = openLocalPair({ maxFrameBytes });
  // Frames wait in the channel until the module is there.
  const serving = import(blockFile('host').href).then((host: { serveBlock(name: string, channel: Channel, logFd: number): Promise<void> }) => host.serveBlock(block, blockEnd, logFd));
  const ended = serving.then(
    () => ({ reason: 'it was closed' }),
    (cause: unknown) => {
      blockEnd.close();
      return { reason: messageOf(cause) };
    },
  );
  return { channel: kernelEnd, pid: undefined, transport: 'local', ended, kill: () => kernelEnd.close() };
}

/** `process`: a child with rings in memory that both map, or a socket where memory can't be mapped. */
function launchChild(block: string, options: LaunchOptions): Life {
  const segment = sharedMemoryProblem() === undefined ? createSegment(segmentBytes(options.ringBytes)) : undefined;
  const ringBytes = segment === undefined ? 0 : options.ringBytes;
  const child = spawn(process.execPath, [fileURLToPath(blockFile('main')), block, String(ringBytes), String(options.maxFrameBytes)], {
    stdio: ['ignore', options.logFd, 2, segment === undefined ? 'ignore' : segment.fd, 'pipe'],
    // Nothing of the kernel's environment: no token, no secret, no path.
    env: options.compileCache === undefined ? {} : { NODE_COMPILE_CACHE: options.compileCache },
  });
  segment?.closeFd();
  const socket = child.stdio[4] as Socket;
  const channel = segment === undefined
    ? openSocket(socket, { maxFrameBytes: options.maxFrameBytes })
    : openShared(segment.buffer, 'a', socket, { ringBytes, maxFrameBytes: options.maxFrameBytes }, segment.release);
  const ended = new Promise<Exit>((resolve) => {
    child.once('error', (cause) => resolve({ reason: `it could not be started: ${cause.message}` }));
    child.once('exit', (code, signal) => resolve({ reason: signal === null ? `exit code ${code}` : `signal ${signal}` }));
  });
  return { channel, pid: child.pid, transport: segment === undefined ? 'socket' : 'ring', ended, kill: () => child.kill('SIGKILL') };
}
