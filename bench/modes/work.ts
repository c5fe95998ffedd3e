// The calls: every operation with every size in every mode, first as much as a mode can, then at a rate that all of them can. All
// sidecars are up at once, and one at a time is asked.
import { startGenerator, type Generator } from '../load/generator.ts';
import type { OperationSpec } from '../load/operation.ts';
import type { Report } from '../load/window.ts';
import { pssMib } from '../processes.ts';
import { faultNotes, type NoteFault } from './faults.ts';
import type { Journal } from './journal.ts';
import { launch, type Running, type Setting } from './launch.ts';
import { cellName, inFlightOf, topicOf, type Cell, type Mode } from './names.ts';
import type { Options } from './options.ts';
import { AROUND, orderOf, rateFor, seedOf } from './plan.ts';
import { prepare, type App } from './prepare.ts';
import type { Progress } from './progress.ts';
import { memoryKey, rateKey, windowKey, type CapacityRecord, type RateRecord } from './records.ts';

/** `capacity`: the first pass, which says at what rate the modes can be asked. */
type WindowKind = 'capacity' | 'saturation' | 'paced';

export class Work {
  readonly #options: Options;
  readonly #setting: Setting;
  readonly #app: App;
  readonly #journal: Journal;
  readonly #progress: Progress;
  readonly #cells: readonly Cell[];
  readonly #fault: NoteFault;
  readonly #running = new Map<Mode, Running>();
  #generator: Generator<OperationSpec> = startGenerator('operation');

  constructor(options: Options, setting: Setting, app: App, cells: readonly Cell[], journal: Journal, progress: Progress) {
    this.#options = options;
    this.#setting = setting;
    this.#app = app;
    this.#cells = cells;
    this.#journal = journal;
    this.#progress = progress;
    this.#fault = faultNotes('work', journal, progress);
  }

  async run(): Promise<void> {
    const { modes, rounds } = this.#options;
    for (const mode of modes) await this.#start(mode);
    for (const cell of this.#cells) {
      for (const mode of modes) await this.#window('capacity', cell, mode, 0);
      this.#settleRate(cell);
    }
    for (let round = 0; round < rounds; round++) {
      const order = orderOf(modes, round);
      for (const cell of this.#cells) {
        for (const kind of ['saturation', 'paced'] as const) for (const mode of order) await this.#window(kind, cell, mode, round);
      }
      for (const mode of order) this.#remember(mode, round);
    }
  }

  async stop(): Promise<void> {
    this.#generator.stop();
    await Promise.all([...this.#running.values()].map((running) => running.stop()));
  }

  async #start(mode: Mode): Promise<void> {
    try {
      const running = await launch(this.#setting, mode);
      this.#running.set(mode, running);
      await prepare(running, this.#options.sizes, this.#app);
    } catch (cause) {
      this.#fault(mode, 'start', cause);
    }
  }

  async #window(kind: WindowKind, cell: Cell, mode: Mode, round: number): Promise<void> {
    const { protocol, times } = this.#options;
    const running = this.#running.get(mode);
    const windowMs = kind === 'paced' ? times.pacedMs : times.saturationMs;
    const warmMs = kind === 'capacity' ? times.compileMs : times.warmMs;
    this.#progress.step(`${kind === 'capacity' ? 'first pass' : `round ${round + 1}`}, ${kind === 'paced' ? 'fixed rate' : 'saturation'}: ${cellName(cell)}, ${mode}`, windowMs + warmMs + AROUND.window);
    const perSecond = kind === 'paced' ? this.#rateOf(cell) : undefined;
    if (running === undefined || this.#journal.find(windowKey(kind, cell, mode, round)) !== undefined || (kind === 'paced' && perSecond === undefined)) return;
    const { sidecar } = running;
    const isDelivery = cell.operation === 'deliver';
    const spec: OperationSpec = {
      ...cell, protocol, port: protocol === 'grpc' ? sidecar.grpcPort : sidecar.port, connections: 1, streams: inFlightOf(cell), topic: topicOf(mode), reportPort: isDelivery ? this.#app.reportPort : undefined,
      arrivals: perSecond === undefined ? undefined : { perSecond, spacing: 'random', seed: seedOf(cell, round) },
      warmMs, windowMs, watch: { server: running.pids(), ...(isDelivery ? { app: this.#app.server.pids() } : {}) },
    };
    try {
      this.#record(kind, cell, mode, round, await this.#generator.run(spec));
      if (isDelivery) await this.#setting.backend.empty(mode);
    } catch (cause) {
      this.#fault(mode, `${cellName(cell)}, ${kind}, round ${round + 1}`, cause);
      this.#generator.stop();
      this.#generator = startGenerator('operation');
    }
  }

  #record(kind: WindowKind, { operation, bytes }: Cell, mode: Mode, round: number, report: Report): void {
    const perSecond = report.calls / report.seconds;
    const of = { mode, operation, bytes, round };
    if (report.firstError !== undefined) this.#progress.say(`${mode}, ${operation} ${bytes ?? ''}: ${report.errors} errors: ${report.firstError}`);
    if (kind === 'capacity') return this.#journal.add({ kind, ...of, perSecond });
    const window = {
      ...of, perSecond, cpuUs: (report.cpuMicros['server'] ?? NaN) / report.calls, ...(report.cpuMicros['app'] === undefined ? {} : { appUs: report.cpuMicros['app'] / report.calls }),
      p50Us: report.p50Us, p99Us: report.p99Us, load: report.busy, errors: report.errors, ...(report.firstError === undefined ? {} : { firstError: report.firstError }),
    };
    if (kind === 'saturation') this.#journal.add({ kind, ...window });
    else this.#journal.add({ kind, ...window, calls: report.calls, p999Us: report.p999Us, maxUs: report.maxUs, histogram: report.histogram });
  }

  #settleRate(cell: Cell): void {
    if (this.#journal.find(rateKey(cell)) !== undefined) return;
    const capacities = this.#options.modes.map((mode) => this.#journal.find(windowKey('capacity', cell, mode, 0)) as CapacityRecord | undefined).filter((record) => record !== undefined && record.perSecond > 0);
    const perSecond = rateFor(capacities.map((record) => record?.perSecond ?? 0), this.#options.share);
    if (perSecond !== undefined) this.#journal.add({ kind: 'rate', operation: cell.operation, bytes: cell.bytes, perSecond });
  }

  #rateOf(cell: Cell): number | undefined {
    return (this.#journal.find(rateKey(cell)) as RateRecord | undefined)?.perSecond;
  }

  #remember(mode: Mode, round: number): void {
    const running = this.#running.get(mode);
    if (running !== undefined && this.#journal.find(memoryKey(mode, round)) === undefined) this.#journal.add({ kind: 'memory', mode, round, pssMib: pssMib(running.pids()) });
  }
}
