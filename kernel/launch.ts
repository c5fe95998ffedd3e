// The launch table: how a life of a block begins in each mode. The only place that knows what a mode is.
import type { Channel } from '../ipc/channel.ts';
import type { LaneSizes } from '../ipc/lane.ts';
import { openLocalPair } from '../ipc/local.ts';
import { messageOf } from '../proto/errors.ts';
import type { LogSettings } from '../proto/init.ts';
import { limitedOutput, LineLimit, tooManyLines } from '../proto/line-limit.ts';
import type { Log, LogDescriptor, LogOutput } from '../proto/log.ts';
import type { BlockLanes } from '../proto/thread-task.ts';
import { blockFile } from './block-file.ts';
import type { Isolation } from './flags.ts';
import type { Exit } from './launch-exit.ts';
import { launchProcess } from './launch-process.ts';
import { launchThread } from './launch-thread.ts';
import { NO_LANES, type Lanes } from './lanes/lanes.ts';
import { SharedLanes } from './lanes/shared.ts';
import type { Limits } from './limits.ts';

export type { Exit } from './launch-exit.ts';

/** One run of a block. */
export interface Life {
  readonly channel: Channel;
  /** Channels of their own for gateways. */
  readonly lanes: Lanes;
  /** Absent where the block has no process of its own here. */
  readonly pid: number | undefined;
  /** `ring`, `socket`, `tls`, `tcp` or `local`; undefined before a remote block is reached. */
  readonly transport: string | undefined;
  /** Resolves when the channel has its transport, where that takes its time; never, where the life ends before. */
  readonly reached?: Promise<void>;
  /** It turns the kernel's own event loop, so nobody could notice that it hangs. */
  readonly kernelLoop?: true;
  /** The control group that it has for itself, or `none` and why. Absent where the block has no process of its own. */
  readonly cgroup?: string;
  /** Resolves when nothing of it is left and what it wrote has been read. Never rejects. A hang or a violation becomes an end by `kill`. */
  readonly ended: Promise<Exit>;
  /** Resolves when whoever serves it is about to end, and asks for its being closed; never, where nobody else does. */
  readonly withdrawn?: Promise<void>;
  /** What its process uses, where that is not one of this system's; undefined while nobody says. */
  usage?(): Promise<{ readonly rssBytes: number; readonly openFiles: number } | undefined>;
  /** Bytes of JavaScript heap in use, where the block has no process that tells; undefined while it does not answer. */
  heapUsed?(): Promise<number | undefined>;
  /** May be called twice, and after the end. */
  kill(): void;
}

export interface LaunchOptions {
  /** The compartment's: `state`, or `state/orders`. */
  readonly name: string;
  readonly ringBytes: number;
  readonly maxFrameBytes: number;
  readonly limits: Limits;
  /** Where all log lines go. */
  readonly output: LogDescriptor;
  /** How they look. */
  readonly logging: LogSettings;
  /** Names the compartment in each line: for what the block says that is no log line, and what is said of it. */
  readonly log: Log;
  /** Directory of the compile cache; undefined for none. */
  readonly compileCache: string | undefined;
  /** One for each gateway that is not the kernel's own loop; absent or 0: none. */
  readonly lanes?: number;
  /** Begins lives in another container; only in mode `remote`. */
  readonly remote?: Remote | undefined;
  /** Flags for Node; default: the kernel's own, as far as they are for blocks. */
  readonly execArgv?: readonly string[];
}

export type Launch = (block: string, options: LaunchOptions) => Life;

/** A place where another program serves a block. */
export interface Remote {
  /** `unix:/run/bulkhead/sockets/state.sock` */
  readonly address: string;
  readonly launch: Launch;
}

export const LAUNCH: Readonly<Record<Isolation, Launch>> = { monolith: launchInProcess, thread: launchThread, process: launchProcess, remote: launchRemote };

/** `remote`: loaded by who has such blocks. */
function launchRemote(block: string, options: LaunchOptions): Life {
  if (options.remote === undefined) throw new Error(`nobody said where the ${block} block is`);
  return options.remote.launch(block, options);
}

interface HostModule {
  serveBlock(name: string, channel: Channel, output: LogOutput, opened: undefined, lanes: unknown): Promise<void>;
}

interface LanesModule {
  sharedLanes(lanes: BlockLanes, sizes: LaneSizes): unknown;
}

/** `monolith`: the block's code in the kernel's own event loop. */
function launchInProcess(block: string, { name, ringBytes, maxFrameBytes, output, log, lanes: count = 0 }: LaunchOptions): Life {
  const [kernelEnd, blockEnd] = openLocalPair({ maxFrameBytes });
  const limit = new LineLimit((lines) => log.warn({}, tooManyLines(name, lines)));
  // Frames wait in the channel until the module is there.
  const sizes = { ringBytes, maxFrameBytes };
  const lanes = count === 0 ? undefined : new SharedLanes(count, sizes);
  const serve = async (): Promise<void> => {
    const [host, opened] = (await Promise.all([import(blockFile('host').href), lanes && import(blockFile('lanes-shared').href)])) as [HostModule, LanesModule | undefined];
    await host.serveBlock(block, blockEnd, limitedOutput(output, limit), undefined, lanes && opened?.sharedLanes(lanes.forBlock, sizes));
  };
  const serving = serve();
  const ended = serving.then(
    (): Exit => ({ reason: 'it was closed', heap: false, said: '' }),
    (cause: unknown): Exit => {
      blockEnd.close();
      return { reason: messageOf(cause), heap: false, said: '' };
    },
  );
  const over = ended.finally(() => {
    lanes?.close();
    limit.settle();
  });
  return { channel: kernelEnd, lanes: lanes ?? NO_LANES, pid: undefined, transport: 'local', kernelLoop: true, ended: over, kill: () => kernelEnd.close() };
}
