// A block's process: how it is started, what it may have, what it says, and how it ended. Who started it has the other end of its
// descriptors: the kernel itself (launch-process.ts), or a block server that was handed them by a kernel elsewhere.
import { spawn, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { keepOthersOut } from '../ipc/private-process.ts';
import type { LogSettings } from '../proto/init.ts';
import type { Log, LogDescriptor } from '../proto/log.ts';
import { blockFile } from './block-file.ts';
import { controlGroups, type ControlGroup } from './cgroup.ts';
import { compileCacheEnvironment } from './compile-cache.ts';
import { processExit, type Exit } from './launch-exit.ts';
import type { Limits } from './limits.ts';
import { flagsForBlocks } from './node-flags.ts';
import { ChildOutput } from './output.ts';

export interface BlockProcessOptions {
  /** The compartment's: `state`, or `state/orders`. */
  readonly name: string;
  readonly block: string;
  /** 0: there are no rings, frames travel over the socket. */
  readonly ringBytes: number;
  readonly maxFrameBytes: number;
  readonly limits: Pick<Limits, 'heapBytes' | 'memoryBytes' | 'openFiles'>;
  readonly logging: LogSettings;
  readonly output: LogDescriptor;
  readonly log: Log;
  /** Directory of the compile cache; undefined for none. */
  readonly compileCache: string | undefined;
  /** Flags for Node; default: our own, as far as they are for blocks. */
  readonly execArgv?: readonly string[] | undefined;
  /** Descriptors that it inherits. They stay the caller's, who may close them when this is constructed, or has thrown. */
  readonly segment: number | undefined;
  /** `pipe`: a pair of sockets is made, of which `socket` is our end. */
  readonly socket: number | 'pipe';
  /** Segment and socket of each lane. */
  readonly lanes: readonly number[];
  /** What it left in memory of why it ended; asked for at its end. */
  readonly lastWords: () => string;
  /** Whether the system has killed somebody for memory here since this process began, where no group of its own tells. */
  readonly outOfMemory?: () => boolean;
}

/** Index of the socket among the child's descriptors; the segment is the one before. */
const SOCKET = 4;
const MEBIBYTE = 2 ** 20;

export class BlockProcess {
  readonly pid: number | undefined;
  /** Our end, where a pair was made. */
  readonly socket: Socket | undefined;
  /** The control group that it has for itself, or `none` and why. */
  readonly cgroup: string;
  /** Resolves when it has ended and what it wrote has been read. Never rejects. */
  readonly ended: Promise<Exit>;
  readonly #child: ChildProcess;
  #killed = false;

  /** @throws Error when no process can be had */
  constructor(options: BlockProcessOptions) {
    const { name, limits, output, log, logging, socket } = options;
    keepOthersOut();
    const child = start(options);
    this.#child = child;
    this.pid = child.pid;
    this.socket = socket === 'pipe' ? (child.stdio[SOCKET] as Socket) : undefined;
    const group = controlGroups().create(name, limits);
    if (typeof group !== 'string' && child.pid !== undefined) group.add(child.pid);
    this.cgroup = typeof group === 'string' ? `none: ${group}` : group.name;
    const spoken = new ChildOutput(child.stdout as Readable, child.stderr as Readable, { name, json: logging.json, output, log });
    this.ended = this.#end(options, spoken, typeof group === 'string' ? undefined : group);
  }

  /** May be called twice, and after the end. */
  kill(): void {
    this.#killed = this.#child.kill('SIGKILL') || this.#killed;
  }

  async #end({ block, limits, lastWords, outOfMemory }: BlockProcessOptions, spoken: ChildOutput, group: ControlGroup | undefined): Promise<Exit> {
    const end = await ending(this.#child);
    const said = await spoken.rest();
    const starved = group?.outOfMemory ?? outOfMemory?.() ?? false;
    group?.remove();
    if (end instanceof Error) return { reason: `it could not be started: ${end.message}`, heap: false, said };
    return processExit({ block, limits, ...end, killed: this.#killed, outOfMemory: starved, lastWords: lastWords(), said });
  }
}

function start({ block, ringBytes, maxFrameBytes, limits, logging, compileCache, execArgv = flagsForBlocks(process.execArgv), segment, socket, lanes }: BlockProcessOptions): ChildProcess {
  const heap = limits.heapBytes === 0 ? [] : [`--max-old-space-size=${Math.ceil(limits.heapBytes / MEBIBYTE)}`];
  const child = spawn(process.execPath, [...execArgv, ...heap, fileURLToPath(blockFile('main')), block, String(ringBytes), String(maxFrameBytes), String(limits.openFiles), JSON.stringify(logging), String(lanes.length / 2)], {
    stdio: ['ignore', 'pipe', 'pipe', segment ?? 'ignore', socket, ...lanes],
    // Nothing of our environment: no token, no secret, no path.
    env: compileCacheEnvironment(compileCache),
  });
  child.on('error', () => {}); // told by `ending`, or below
  // Node gives it no descriptors, not even undefined ones, when the process could not be begun.
  if ((child.stdio as readonly unknown[] | undefined)?.[SOCKET] === undefined) throw new Error('no process could be started: the system has no more descriptors for this one');
  return child;
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
