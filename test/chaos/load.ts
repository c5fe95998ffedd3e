// The process that makes the campaign's load. It is an open loop: calls start when their time has come, whether or not the
// ones before them were answered, and a call's latency counts from the time it was due. A client that waits for an answer
// before it asks again would fall silent just while the sidecar stalls, and count one slow call where users had a hundred
// (that is called coordinated omission); here a stall shows in every call that was due while it lasted.
import { GrpcClient } from '../harness/grpc.ts';
import { HttpClient } from '../harness/http.ts';
import { Random } from '../linearizability/random.ts';
import { clockMs } from './clock.ts';
import { LoadCalls, type Balance, type Clients } from './load-calls.ts';
import type { Lane } from './lanes.ts';

export interface LoadSpec {
  readonly httpPort: number;
  readonly grpcAddress: string;
  readonly lanes: readonly Lane[];
  readonly seed: number;
}

/** What the campaign may say. */
export type LoadOrder = { readonly start: LoadSpec } | 'take' | 'stop';

/** Calls that have ended since the last report. */
export interface LoadReport {
  /** Four numbers a call: its lane, when it was due, when it ended, 1 if it failed. */
  readonly calls: Float64Array;
  readonly failures: readonly LoadFailure[];
  /** How late calls were started, at worst: what this process itself adds. Milliseconds. */
  readonly latestStartMs: number;
  /** In the answer to `stop`. */
  readonly balance?: Balance;
}

export interface LoadFailure {
  readonly lane: number;
  readonly dueMs: number;
  readonly text: string;
}

/** Texts in a report. */
const MOST_FAILURES = 2_000;

class Load {
  readonly #spec: LoadSpec;
  readonly #calls: LoadCalls;
  readonly #clients = new Map<Lane['block'], Clients>();
  readonly #random: Random;
  readonly #due: number[];
  readonly #open = new Set<Promise<void>>();
  #ended: number[] = [];
  #failures: LoadFailure[] = [];
  #latestStartMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(spec: LoadSpec) {
    this.#spec = spec;
    this.#random = new Random(spec.seed);
    this.#calls = new LoadCalls((block) => this.#clientsOf(block), spec.lanes);
    const now = clockMs();
    this.#due = spec.lanes.map((lane) => now + this.#pauseOf(lane));
    this.#tick();
  }

  take(): LoadReport {
    const report = { calls: Float64Array.from(this.#ended), failures: this.#failures, latestStartMs: this.#latestStartMs };
    this.#ended = [];
    this.#failures = [];
    this.#latestStartMs = 0;
    return report;
  }

  async stop(): Promise<LoadReport> {
    clearTimeout(this.#timer);
    await Promise.all(this.#open);
    const balance = await this.#calls.balance();
    const report = { ...this.take(), balance };
    for (const { http, grpc } of this.#clients.values()) {
      http.close();
      grpc.close();
    }
    return report;
  }

  #clientsOf(block: Lane['block']): Clients {
    const known = this.#clients.get(block);
    if (known !== undefined) return known;
    const clients = { http: HttpClient.to(this.#spec.httpPort), grpc: new GrpcClient(this.#spec.grpcAddress) };
    this.#clients.set(block, clients);
    return clients;
  }

  #tick(): void {
    const now = clockMs();
    let next = Infinity;
    this.#spec.lanes.forEach((lane, index) => {
      let due = this.#due[index] as number;
      for (; due <= now; due += this.#pauseOf(lane)) this.#start(index, lane, due, now);
      this.#due[index] = due;
      next = Math.min(next, due);
    });
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, next - clockMs()));
  }

  #start(index: number, lane: Lane, dueMs: number, nowMs: number): void {
    this.#latestStartMs = Math.max(this.#latestStartMs, nowMs - dueMs);
    const done = this.#calls.call(lane).then(
      () => void this.#ended.push(index, dueMs, clockMs(), 0),
      (cause: Error) => {
        this.#ended.push(index, dueMs, clockMs(), 1);
        if (this.#failures.length < MOST_FAILURES) this.#failures.push({ lane: index, dueMs, text: cause.message });
      },
    ).finally(() => this.#open.delete(done));
    this.#open.add(done);
  }

  /** Arrivals are those of many users who know nothing of each other. */
  #pauseOf({ rate }: Lane): number {
    return (-Math.log(1 - this.#random.next()) / rate) * 1_000;
  }
}

let load: Load | undefined;
process.on('disconnect', () => process.exit());
process.on('message', (order: LoadOrder) => {
  if (order === 'take') process.send?.(load?.take());
  else if (order === 'stop') {
    void load?.stop().then((report) => process.send?.(report), (cause: unknown) => {
      process.stderr.write(`the load could not be balanced: ${String(cause)}\n`);
      process.exit(1);
    });
  } else load = new Load(order.start);
});
