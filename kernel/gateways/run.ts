// One run of a gateway, from the supervisor's side: a thread, the orders it has not answered, and how it ended. It is watched: a thread
// that does nothing any more is ended.
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker, type Transferable } from 'node:worker_threads';
import { FatalError } from '../fatal.ts';
import { makeThreadsEndable } from '../thread-flags.ts';
import type { Answered, FromGateway, FromSupervisor, GatewayStart, Order } from './protocol.ts';

/** How a run ended. */
export interface RunEnd {
  readonly cause: 'exit' | 'heap' | 'hang' | 'closed';
  /** For people and the log, in one line. */
  readonly reason: string;
  /** The error with its stack; `''`: there was none. */
  readonly error: string;
}

export interface RunOptions {
  readonly start: GatewayStart;
  /** Directory of the compile cache; undefined for none. */
  readonly compileCache: string | undefined;
  /** Longest silence in milliseconds; 0: any. */
  readonly hangMs: number;
  /** What is no answer to an order. */
  readonly onNews: (news: Exclude<FromGateway, { readonly kind: 'done' | 'failed' }>) => void;
}

/** The order went to a gateway that has ended, or ended over it. */
export class GatewayGone extends Error {
  override readonly name = 'GatewayGone';
}

/** A gateway keeps no data: what it holds is bytes on their way, most of them outside the heap. */
const HEAP_MIB = 1_024;
const YOUNG_MIB = 64;
const HEAP_OVERFLOW = 'ERR_WORKER_OUT_OF_MEMORY';
/** So often within `hangMs` a gateway that works is looked at; milliseconds between two looks. */
const LOOKS = 6;
const SHORTEST_LOOK_MS = 20;
/** Code is loaded, on a machine that may be busy, before the loop turns for the first time. */
const START_MS = 15_000;

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (cause: Error) => void;
}

export class Run {
  /** Resolves when nothing of it is left. Never rejects. */
  readonly ended: Promise<RunEnd>;
  readonly #options: RunOptions;
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #last = 0;
  #over = false;
  #ending: RunEnd | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Of its event loop, in milliseconds: when it grows, the loop turns. */
  #idleMs = -1;
  /** When it was asked for a sign, on the monotonic clock; undefined: it has given it. */
  #askedMs: number | undefined;
  #begun = false;
  /** When it was last looked at. */
  #lookedMs = performance.now();

  constructor(options: RunOptions) {
    this.#options = options;
    const { start, compileCache } = options;
    makeThreadsEndable();
    this.#worker = new Worker(new URL(`thread${extname(fileURLToPath(import.meta.url))}`, import.meta.url), {
      name: `gateway-${start.index}`, workerData: start, argv: [],
      env: compileCache === undefined ? {} : { NODE_COMPILE_CACHE: compileCache },
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB, maxYoungGenerationSizeMb: YOUNG_MIB },
    });
    this.ended = this.#live();
    this.#worker.on('message', (message: FromGateway) => this.#take(message));
    this.#ping(performance.now());
  }

  get over(): boolean {
    return this.#over;
  }

  /**
   * Sends an order; orders arrive in the order of their sending.
   * @param limitMs absent: the answer may take as long as it takes
   * @throws GatewayGone when it has ended, or ends before it has answered
   * @throws FatalError when the gateway says that the sidecar must not start for it
   * @throws Error with what the gateway says, or when time is up
   */
  order(order: Order, transfer: readonly Transferable[] = [], limitMs?: number): Promise<unknown> {
    if (this.#over) return Promise.reject(new GatewayGone('the gateway has ended'));
    const number = ++this.#last;
    return new Promise((resolve, reject) => {
      const timer = limitMs === undefined ? undefined : setTimeout(() => this.#settle(number)?.reject(new Error(`gateway ${this.#options.start.index} has not answered within ${limitMs} ms`)), limitMs);
      const settled = <A>(then: (argument: A) => void) => (argument: A): void => {
        clearTimeout(timer);
        then(argument);
      };
      this.#pending.set(number, { resolve: settled(resolve), reject: settled(reject) });
      this.#worker.postMessage({ number, order } satisfies FromSupervisor, transfer);
    });
  }

  answer(answered: Answered): void {
    if (!this.#over) this.#worker.postMessage(answered);
  }

  /** Ends it, whatever it is doing. The first cause counts. */
  terminate(cause: RunEnd['cause'], reason: string): void {
    this.#ending ??= { cause, reason, error: '' };
    void this.#worker.terminate();
  }

  async #live(): Promise<RunEnd> {
    let error: Error | undefined;
    this.#worker.on('error', (cause: unknown) => (error ??= cause instanceof Error ? cause : new Error(String(cause))));
    const code = await new Promise<number>((resolve) => void this.#worker.once('exit', resolve));
    this.#over = true;
    clearTimeout(this.#timer);
    for (const { reject } of this.#pending.values()) reject(new GatewayGone('the gateway has ended'));
    this.#pending.clear();
    if (error === undefined) return this.#ending ?? { cause: 'exit', reason: `exit code ${code}`, error: '' };
    if ('code' in error && error.code === HEAP_OVERFLOW) return { cause: 'heap', reason: `its heap reached its limit of ${HEAP_MIB} MiB`, error: '' };
    return { cause: 'exit', reason: `${error.name}: ${error.message}`, error: error.stack ?? '' };
  }

  #take(message: FromGateway): void {
    if (message.kind === 'done') this.#settle(message.number)?.resolve(message.result);
    else if (message.kind === 'failed') this.#settle(message.number)?.reject(message.fatal ? new FatalError(message.message) : new Error(message.message));
    else if (!this.#over) this.#options.onNews(message);
  }

  #settle(number: number): Pending | undefined {
    const pending = this.#pending.get(number);
    this.#pending.delete(number);
    return pending;
  }

  /** A gateway that is idle is looked at once in a while, and not woken for it: how long its loop has waited can be seen from here. */
  #look(): void {
    const now = performance.now();
    const { hangMs } = this.#options;
    // A supervisor that was held up itself has seen nothing of the gateway meanwhile: it gets its time again.
    if (this.#askedMs !== undefined && now - this.#lookedMs > 2 * this.#tickMs) this.#askedMs = now;
    this.#lookedMs = now;
    if (this.#askedMs !== undefined) {
      const silentMs = now - this.#askedMs;
      if (silentMs > (this.#begun ? hangMs : Math.max(hangMs, START_MS))) return this.terminate('hang', `it has hung for ${Math.round(silentMs)} ms`);
      return this.#lookIn(this.#tickMs);
    }
    const { idle } = this.#worker.performance.eventLoopUtilization();
    const waited = idle > this.#idleMs;
    this.#idleMs = idle;
    if (waited) this.#lookIn(hangMs);
    else this.#ping(now);
  }

  #ping(now: number): void {
    if (this.#options.hangMs === 0) return;
    this.#askedMs = now;
    this.#lookedMs = now;
    this.order({ kind: 'ping' }).then(() => {
      this.#askedMs = undefined;
      this.#begun = true;
    }, () => undefined); // it has ended
    this.#lookIn(this.#tickMs);
  }

  get #tickMs(): number {
    return Math.max(SHORTEST_LOOK_MS, this.#options.hangMs / LOOKS);
  }

  #lookIn(ms: number): void {
    if (this.#over) return;
    this.#timer = setTimeout(() => this.#look(), ms).unref();
  }
}
