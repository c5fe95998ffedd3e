// The campaign's side of its load: a process of its own, so that neither its work nor its memory is the sidecar's or ours.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Sidecar } from '../harness/sidecar.ts';
import type { Balance } from './load-calls.ts';
import type { Lane } from './lanes.ts';
import type { LoadFailure, LoadOrder, LoadReport, LoadSpec } from './load.ts';

/** One call that has ended. */
export interface Call {
  readonly lane: Lane;
  /** When it was to start, and when it ended; on the campaign's clock. */
  readonly dueMs: number;
  readonly doneMs: number;
  readonly failed: boolean;
}

export class Generator implements AsyncDisposable {
  readonly lanes: readonly Lane[];
  /** All that have ended, in the order of their ends. */
  readonly calls: Call[] = [];
  readonly failures: (LoadFailure & { readonly at: Lane })[] = [];
  /** Of the load's own making. */
  latestStartMs = 0;
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;
  #stopped: Promise<Balance> | undefined;

  constructor(sidecar: Sidecar, lanes: readonly Lane[], seed: number) {
    this.lanes = lanes;
    this.#child = fork(join(import.meta.dirname, 'load.ts'), { serialization: 'advanced', execArgv: [] });
    this.#ended = once(this.#child, 'exit').then(([code]) => {
      throw new Error(`the load ended with exit code ${code}`);
    });
    this.#ended.catch(() => {}); // told to whoever asks next
    const start: LoadSpec = { httpPort: sidecar.httpPort, grpcAddress: sidecar.grpcAddress, lanes, seed };
    this.#child.send({ start } satisfies LoadOrder);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Fetches what has ended by now. */
  async take(): Promise<void> {
    this.#enter(await this.#ask('take'));
  }

  /** No call starts any more; resolves when all have ended and everything was read back. May be called twice. */
  stop(): Promise<Balance> {
    this.#stopped ??= this.#ask('stop').then((report) => {
      this.#enter(report);
      return report.balance as Balance;
    });
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => undefined);
    this.#child.kill();
  }

  async #ask(order: LoadOrder): Promise<LoadReport> {
    const answer = once(this.#child, 'message');
    this.#child.send(order);
    return ((await Promise.race([answer, this.#ended])) as [LoadReport])[0];
  }

  #enter({ calls, failures, latestStartMs }: LoadReport): void {
    for (let at = 0; at < calls.length; at += 4) this.calls.push({ lane: this.lanes[calls[at] as number] as Lane, dueMs: calls[at + 1] as number, doneMs: calls[at + 2] as number, failed: calls[at + 3] === 1 });
    for (const failure of failures) this.failures.push({ ...failure, at: this.lanes[failure.lane] as Lane });
    this.latestStartMs = Math.max(this.latestStartMs, latestStartMs);
  }
}
