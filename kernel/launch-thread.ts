// `thread`: a block's life as a worker thread, with its channel in memory that both threads see. Piscina starts the thread, bounds
// its heap and takes it down: one pool for each life, of one thread with one task, which lasts as long as the life.
import type { Piscina as Pool } from 'piscina';
import { MessageChannel, type Worker } from 'node:worker_threads';
import { portDoorbell } from '../ipc/doorbell-port.ts';
import { openShared, segmentBytes } from '../ipc/shared.ts';
import { messageOf } from '../proto/errors.ts';
import { THREAD_ENTRY, type ThreadTask } from '../proto/thread-task.ts';
import { blockFile } from './block-file.ts';
import { compileCacheEnvironment } from './compile-cache.ts';
import { codeReason, heapReason, type Exit } from './launch-exit.ts';
import { NO_LANES } from './lanes/lanes.ts';
import { portsOf, SharedLanes } from './lanes/shared.ts';
import type { LaunchOptions, Life } from './launch.ts';
import { makeThreadsEndable } from './thread-flags.ts';

const MEBIBYTE = 2 ** 20;
const HEAP_OVERFLOW = 'ERR_WORKER_OUT_OF_MEMORY';
/**
 * Room for what has just been made. What survives is moved at once, and where that is more than V8 grants a worker above its limit
 * so that it can be ended (16 MiB), it ends the whole process instead. MiB.
 */
const YOUNG_MIB = 24;
const CLOSED: Exit = { reason: 'it was closed', code: 0, heap: false, said: '' };
const TERMINATED: Exit = { reason: 'it was terminated', heap: false, said: '' };
/** Its types take the wrong one of `postMessage`'s forms. */
type RunOptions = Parameters<Pool['run']>[1];

/** The channel is there at once, and frames wait in it; the thread follows when the pool's code has been loaded. */
export function launchThread(block: string, options: LaunchOptions): Life {
  const { name, ringBytes, maxFrameBytes } = options;
  const segment = new SharedArrayBuffer(segmentBytes(ringBytes));
  const { port1, port2 } = new MessageChannel();
  const channel = openShared(segment, 'a', portDoorbell(port1, segment, 'a'), { ringBytes, maxFrameBytes });
  const lanes = options.lanes === undefined || options.lanes === 0 ? undefined : new SharedLanes(options.lanes, { ringBytes, maxFrameBytes });
  const task: ThreadTask = { block, name, ...(lanes === undefined ? {} : { lanes: lanes.forBlock }), segment, port: port2, ringBytes, maxFrameBytes, logFd: options.output.fd, logging: options.logging };
  const thread = new BlockThread(block, options, () => channel.peer?.blackBox.lastWords ?? '');
  const ended = thread.run(task).finally(() => {
    port2.close();
    lanes?.close();
  });
  return { channel, lanes: lanes ?? NO_LANES, pid: undefined, transport: 'ring', ended, heapUsed: () => thread.heapUsed(), kill: () => thread.kill() };
}

class BlockThread {
  readonly #block: string;
  readonly #options: LaunchOptions;
  readonly #lastWords: () => string;
  #killed = false;
  /** It has not answered yet how large its heap is. */
  #asked = false;
  #pool: Pool | undefined;

  constructor(block: string, options: LaunchOptions, lastWords: () => string) {
    this.#block = block;
    this.#options = options;
    this.#lastWords = lastWords;
  }

  /** Resolves when nothing is left of the thread. Never rejects: what goes wrong there is its end, and nothing else here. */
  async run(task: ThreadTask): Promise<Exit> {
    try {
      const { Piscina } = await import('piscina');
      if (this.#killed) return TERMINATED;
      const pool = this.#open(Piscina);
      // Throws where there can be no thread. The pool is left alone then: nothing runs in it, and taking it down would reject a promise
      // for the task that nobody has got.
      const done = pool.run(task, { transferList: [task.port, ...portsOf(task.lanes)] } as unknown as RunOptions);
      this.#pool = pool;
      return await this.#live(pool, done);
    } catch (cause) {
      return { reason: `it could not be started: ${messageOf(cause)}`, heap: false, said: '' };
    }
  }

  /** Bytes of its heap in use; undefined while it does not answer, or is not there. */
  async heapUsed(): Promise<number | undefined> {
    const worker = this.#pool?.threads[0];
    if (worker === undefined || this.#asked) return undefined;
    this.#asked = true;
    const statistics = await worker.getHeapStatistics().catch(() => undefined); // it has just ended
    this.#asked = false;
    return statistics?.used_heap_size;
  }

  kill(): void {
    this.#killed = true;
    void this.#pool?.destroy(); // terminates the thread, whatever it is doing but a call into C
  }

  #open(Piscina: typeof Pool): Pool {
    const { limits: { heapBytes }, compileCache, execArgv } = this.#options;
    const heapMib = Math.ceil(heapBytes / MEBIBYTE);
    makeThreadsEndable();
    const pool = new Piscina({
      filename: blockFile('thread').href,
      name: THREAD_ENTRY,
      // With no least number a thread that ends is not replaced: the next life is a new pool, after a pause that is not Piscina's.
      minThreads: 0, maxThreads: 1, concurrentTasksPerWorker: 1, maxQueue: 1,
      idleTimeout: 0,
      // Between tasks a worker would block its event loop and wait; there is one task, and its thread is never to be blocked.
      atomics: 'disabled',
      recordTiming: false,
      trackUnmanagedFds: true,
      // Nothing of the kernel's: no environment with tokens in it, no arguments. Its flags are the kernel's own unless told otherwise.
      env: compileCacheEnvironment(compileCache),
      argv: [],
      ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
      resourceLimits: heapMib === 0 ? {} : { maxOldGenerationSizeMb: heapMib, maxYoungGenerationSizeMb: Math.min(YOUNG_MIB, Math.max(1, heapMib >> 2)) },
    });
    pool.on('error', () => {}); // the thread's own events tell more
    return pool;
  }

  async #live(pool: Pool, task: Promise<unknown>): Promise<Exit> {
    const done = task.then(() => CLOSED, (cause: unknown): Exit => ({ reason: messageOf(cause), heap: false, said: '' }));
    const worker = pool.threads[0] as Worker; // it was started for the task
    let error: Error | undefined;
    let code: number | undefined;
    worker.on('error', (cause: unknown) => (error ??= cause instanceof Error ? cause : new Error(String(cause))));
    const exited = new Promise<void>((resolve) => void worker.once('exit', (exitCode) => {
      code = exitCode;
      resolve();
    }));
    await Promise.race([done, exited]);
    // A task fails when its thread does; the thread's events came before that, and tell more.
    const own = this.#ownEnd(error, code);
    await pool.destroy(); // also where the task never reached its thread: nobody else would tell it so
    await exited;
    return own ?? done;
  }

  /** Undefined: the thread lives, its task is over. */
  #ownEnd(error: Error | undefined, code: number | undefined): Exit | undefined {
    const lastWords = this.#lastWords();
    if (error !== undefined) {
      const failed = { code: code ?? 1, said: error.stack ?? error.message };
      if ('code' in error && error.code === HEAP_OVERFLOW) return { ...failed, reason: heapReason(this.#block, this.#options.limits.heapBytes), heap: true };
      return { ...failed, reason: codeReason(failed.code, lastWords === '' ? `${error.name}: ${error.message}` : lastWords), heap: false };
    }
    // Where the kill came while it was ending by itself, what it died of tells more.
    if (this.#killed) return lastWords === '' ? TERMINATED : { ...TERMINATED, reason: codeReason(code ?? 1, lastWords), code: code ?? 1 };
    return code === undefined ? undefined : { reason: codeReason(code, lastWords), code, heap: false, said: '' };
  }
}
