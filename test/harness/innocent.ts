// An innocent client beside an attack: one connection, one call after the other at a small steady rate, from a thread of its own,
// so that what the attacker's own work costs this process is not taken for a delay of the server's. The thread also watches what
// the attacked process uses meanwhile.
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { within } from './awaiting.ts';

export interface InnocentData {
  readonly port: number;
  /** Of the process that is watched. */
  readonly pid: number;
  readonly store: string;
}

/** What an attack cost. */
export interface Toll {
  /** Of the innocent, while it lasted. */
  readonly calls: number;
  readonly slowestMs: number;
  /** Answers that were not OK, and connections that ended. */
  readonly errors: readonly string[];
  /** How late timers of the innocent's own thread were at worst: nothing the server can do about. */
  readonly starvedMs: number;
  /** User and system time of the attacked process, all threads. */
  readonly cpuMs: number;
  /** Resident memory at its highest, less that at the beginning. */
  readonly grownMiB: number;
}

export type InnocentOrder = 'begin' | 'report';

const ANSWER_MS = 60_000;

export class Innocent implements AsyncDisposable {
  readonly #worker: Worker;
  #heard: ((toll: Toll) => void) | undefined;
  #failed: ((cause: Error) => void) | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (toll: Toll) => this.#heard?.(toll));
    worker.on('error', (cause) => this.#failed?.(cause as Error));
  }

  /** Resolves when its first call has been answered. */
  static async beside(workerData: InnocentData): Promise<Innocent> {
    const innocent = new Innocent(new Worker(join(import.meta.dirname, 'innocent-thread.ts'), { workerData }));
    await innocent.#ask('begin');
    return innocent;
  }

  /** Runs an attack and says what it cost. */
  async during(attack: () => Promise<void>): Promise<Toll> {
    await this.#ask('begin');
    await attack();
    return this.#ask('report');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  /** Answered after a call of the innocent's has begun and ended, so that none is left out. */
  #ask(order: InnocentOrder): Promise<Toll> {
    return within(ANSWER_MS, `the innocent has answered to "${order}"`, new Promise((resolve, reject) => {
      this.#heard = resolve;
      this.#failed = reject;
      this.#worker.postMessage(order);
    }));
  }
}
