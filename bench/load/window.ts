// The generator's side of a measurement, whatever the protocol: warm up, measure for a window, report. What the watched
// processes used is read here, at the very ends of the window.
import { setTimeout as sleep } from 'node:timers/promises';
import { contextSwitches, cpuMicros } from '../processes.ts';
import { nowMs } from './clock.ts';
import { Histogram } from './histogram.ts';

/** What every kind of load is told. */
export interface LoadSpec {
  readonly port: number;
  readonly connections: number;
  /** Calls in flight on each connection. */
  readonly streams: number;
  readonly warmMs: number;
  readonly windowMs: number;
  /** Groups of process ids whose processor time belongs to the window. `self` stands for the generator. */
  readonly watch: Readonly<Record<string, readonly number[] | 'self'>>;
}

export interface Report {
  /** Calls answered as they should be, within the window. */
  readonly calls: number;
  readonly errors: number;
  readonly firstError: string | undefined;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  /** All latencies, for percentiles of several windows together: see `Histogram.pairs`. */
  readonly histogram: readonly number[];
  /** By group of `watch`. */
  readonly cpuMicros: Readonly<Record<string, number>>;
  /** Context switches by group of `watch`; none for the generator itself. */
  readonly switches: Readonly<Record<string, number>>;
  /** Share of one core that the generator used: near 1, it is the generator that was measured. */
  readonly busy: number;
}

/** Latencies in steps of a microsecond up to this; longer ones count as this in percentiles. */
const LONGEST_US = 1 << 20;

export class Recorder {
  readonly #latencies = new Uint32Array(LONGEST_US + 1);
  #calls = 0;
  #errors = 0;
  #firstError: string | undefined;
  #maxMs = 0;
  /** On the clock of load/clock.ts; Infinity before. */
  windowBeganMs = Infinity;

  answered(ms: number): void {
    const us = (ms * 1000) | 0;
    this.#latencies[us < LONGEST_US ? us : LONGEST_US]!++;
    this.#calls++;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  failed(why: string): void {
    this.#errors++;
    this.#firstError ??= why;
  }

  /** Errors of the warm-up are kept: whoever sees none in a report may rely on it. */
  beginWindow(): void {
    this.windowBeganMs = nowMs();
    this.#latencies.fill(0);
    this.#calls = 0;
    this.#maxMs = 0;
  }

  /** A server that answers nothing at all is an error, too. */
  report(): Omit<Report, 'seconds' | 'cpuMicros' | 'switches' | 'busy'> {
    if (this.#calls === 0 && this.#errors === 0) this.failed('nothing was answered');
    return { calls: this.#calls, errors: this.#errors, firstError: this.#firstError, p50Us: this.#percentile(0.5), p99Us: this.#percentile(0.99), p999Us: this.#percentile(0.999), maxUs: this.#maxMs * 1000, histogram: this.#histogram() };
  }

  #histogram(): number[] {
    const histogram = new Histogram();
    this.#latencies.forEach((count, us) => { if (count > 0) histogram.add(us, count); });
    return histogram.pairs();
  }

  #percentile(share: number): number {
    let left = this.#calls * share;
    for (let us = 0; us <= LONGEST_US; us++) if ((left -= this.#latencies[us]!) < 0) return us + 0.5;
    return NaN;
  }
}

/** A load that is under way. */
export interface Load {
  /** Starts nothing more, and resolves when what is under way has ended: that still counts. Absent: it doesn't. */
  settle?(): Promise<void>;
  close(): void | Promise<void>;
}

/** Makes this process a generator: each message is a spec, each answer a report. Ends with its parent. */
export function serveWindows<Spec extends LoadSpec>(open: (spec: Spec, recorder: Recorder) => Load | Promise<Load>): void {
  process.on('disconnect', () => process.exit());
  process.on('message', (spec: Spec) => {
    void run(spec, open).then((report) => process.send?.(report));
  });
}

async function run<Spec extends LoadSpec>(spec: Spec, open: (spec: Spec, recorder: Recorder) => Load | Promise<Load>): Promise<Report> {
  const recorder = new Recorder();
  const load = await open(spec, recorder);
  await sleep(spec.warmMs);
  recorder.beginWindow();
  const before = sample(spec);
  await sleep(spec.windowMs);
  const after = sample(spec);
  await load.settle?.();
  const report = recorder.report();
  await load.close();
  const difference = (of: 'cpu' | 'switches'): Record<string, number> =>
    Object.fromEntries(Object.keys(spec.watch).map((group) => [group, after[of][group]! - before[of][group]!]));
  const seconds = (after.atMs - before.atMs) / 1000;
  return { ...report, seconds, cpuMicros: difference('cpu'), switches: difference('switches'), busy: (after.own - before.own) / 1e6 / seconds };
}

interface Sample {
  readonly atMs: number;
  readonly own: number;
  readonly cpu: Readonly<Record<string, number>>;
  readonly switches: Readonly<Record<string, number>>;
}

function sample({ watch }: LoadSpec): Sample {
  const { user, system } = process.cpuUsage();
  const own = user + system;
  const groups = Object.entries(watch);
  return {
    atMs: performance.now(),
    own,
    cpu: Object.fromEntries(groups.map(([group, pids]) => [group, pids === 'self' ? own : cpuMicros(pids)])),
    switches: Object.fromEntries(groups.map(([group, pids]) => [group, pids === 'self' ? NaN : contextSwitches(pids)])),
  };
}
