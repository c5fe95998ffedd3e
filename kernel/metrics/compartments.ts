// What is shown of each compartment: its life, its calls and what it uses. Dapr has no such metrics: their names begin with
// `bulkhead_`. Read when somebody scrapes.
import type { AppChannel } from '../app/channel.ts';
import { compartmentName } from '../arrangement.ts';
import type { ChildInfo, ChildState } from '../child-info.ts';
import type { Compartment } from '../compartments.ts';
import { END_CAUSES } from '../life.ts';
import { cpuSeconds, openFiles, residentBytes } from '../process-usage.ts';
import type { Sample, Shown } from './registry.ts';

const STATES: readonly ChildState[] = ['absent', 'starting', 'initializing', 'ready', 'backing-off', 'failed', 'draining', 'stopped'];
/** Why lives ended that did not end in order; `replaced`: they did. */
const REASONS = [...END_CAUSES.filter((cause) => cause !== 'closed'), 'replaced'] as const;

type Labels = Readonly<Record<string, string>>;

/** The labels that tell compartments apart. A replica is a block of its own to them, as in the log. */
export function placeOf({ block, component, replica }: Pick<Compartment, 'block' | 'component' | 'replica'>): { readonly block: string; readonly component: string } {
  return { block: compartmentName(block, undefined, replica), component: component ?? '' };
}

/** Bytes on their way between a compartment's lives and gateways. */
export interface WaitingBytes {
  /** Its transport has no room for them yet. */
  readonly queued: number;
  /** In rings: what the block has not taken, and what gateways have not. */
  readonly out: number;
  readonly into: number;
}

/** An event loop that answers calls, where there are several. */
export interface GatewayInfo {
  /** From 0. */
  readonly index: number;
  readonly state: string;
  readonly restarts: number;
}

export class CompartmentMetrics {
  /** Time of former lives, and of the present one when it was last seen. */
  readonly #cpu = new Map<string, { pid: number; seconds: number; past: number }>();
  readonly #missed = new Map<string, number>();
  readonly #refused = new Map<string, number>();
  /** How long each took to answer this time. */
  readonly #answerMs = new Map<string, number>();
  /** Of processes elsewhere, this time. */
  readonly #uses = new Map<string, { readonly rssBytes: number; readonly openFiles: number }>();

  /** A life of the compartment has said what it has counted. */
  answered(name: string, ms: number): void {
    this.#answerMs.set(name, Math.max(ms, this.#answerMs.get(name) ?? 0));
  }

  /** It did not in time. */
  missed(name: string, ms: number): void {
    this.#missed.set(name, (this.#missed.get(name) ?? 0) + 1);
    this.answered(name, ms);
  }

  /** What its process uses, which is none of this system's. */
  uses(name: string, use: { readonly rssBytes: number; readonly openFiles: number }): void {
    this.#uses.set(name, use);
  }

  /** It said what is none. */
  refused(name: string, rows: number): void {
    if (rows > 0) this.#refused.set(name, (this.#refused.get(name) ?? 0) + rows);
  }

  /**
   * Takes down what is now, before anybody is asked: the questions are calls, too.
   * @param gateways none where the kernel's own loop is the gateway
   * @param waiting what waits between gateways and lives, by compartment
   * @returns what puts the answers beside it
   */
  collect(compartments: readonly Compartment[], app: AppChannel | undefined, gateways: readonly GatewayInfo[], waiting: ReadonlyMap<string, WaitingBytes>, appId: string): () => Shown[] {
    this.#forget(compartments);
    this.#answerMs.clear();
    this.#uses.clear();
    const table = new Table(appId);
    for (const compartment of compartments) this.#add(table, compartment, waiting.get(compartment.name));
    for (const { index, state, restarts } of gateways) {
      const at: Labels = { gateway: String(index) };
      table.gauge('gateway_up', 'Whether the gateway serves.', at, state === 'ready' ? 1 : 0);
      table.counter('gateway_restarts_total', 'Times that the gateway ended and was started again.', at, restarts);
    }
    if (app !== undefined) {
      table.gauge('app_up', 'Whether the application can be called.', {}, app.state === 'up' ? 1 : 0);
      table.gauge('app_calls_in_flight', 'Calls to the application without an answer, those that wait for their turn among them.', {}, app.inFlight);
    }
    return () => {
      for (const compartment of compartments) {
        const { name } = compartment;
        const at: Labels = placeOf(compartment);
        const use = this.#uses.get(name);
        if (use !== undefined) showUse(table, at, use.rssBytes, use.openFiles);
        const ms = this.#answerMs.get(name);
        if (ms === undefined) continue;
        table.gauge('block_loop_lag_ms', 'How long the block took to say what it has counted: its event loop had other things to do so long.', at, ms);
        table.counter('block_scrape_missed_total', 'Times that a life did not say in time what it had counted.', at, this.#missed.get(name) ?? 0);
        table.counter('block_measures_refused_total', 'Series that a life named and that are none.', at, this.#refused.get(name) ?? 0);
      }
      return table.shown();
    };
  }

  #add(table: Table, compartment: Compartment, waiting: WaitingBytes | undefined): void {
    const { name, child, seating } = compartment;
    const at: Labels = placeOf(compartment);
    const info = child.info();
    if (info.life === 0 && seating.held === 0) return; // nothing is configured for it, and nobody has wanted it yet
    table.gauge('block_life', 'Number of the present life, from 1.', at, info.life);
    for (const state of STATES) table.gauge('block_state', '1 for the state that the block is in.', { ...at, state }, info.state === state ? 1 : 0);
    for (const reason of REASONS) table.counter('block_restarts_total', 'Lives that ended, by why. A replaced one ended in order, when its successor had taken over.', { ...at, reason }, endsBy(info, reason));
    table.gauge('block_spare_ready', 'Whether a second life waits to take over.', at, info.spare === 'ready' ? 1 : 0);
    table.gauge('block_suspects', 'Messages that lives were working on when they ended.', at, info.suspects);
    table.gauge('block_calls_in_flight', 'Calls without an answer, waiting ones among them, streams not.', at, seating.inFlight);
    table.gauge('block_streams', 'Streams that are not over.', at, seating.streams);
    table.gauge('block_held', 'Calls that wait for the next life.', at, seating.held);
    table.counter('block_held_total', 'Calls that waited for a life.', at, seating.heldInAll);
    table.counter('block_held_expired_total', 'Calls that waited for a life in vain.', at, seating.heldInVain);
    table.counter('block_repeated_total', 'Calls that were opened again on a next life.', at, seating.repeated);
    table.counter('block_lost_total', 'Calls that failed because a life ended under them.', at, seating.lost);
    table.counter('block_poisoned_total', 'Calls that were refused because others like them had ended lives.', at, seating.poisoned);
    let queued = waiting?.queued ?? 0;
    let out = waiting?.out;
    let into = waiting?.into;
    for (const { calls } of child.lives) {
      queued += calls.queuedBytes;
      const { ring } = calls;
      if (ring === undefined) continue;
      out = (out ?? 0) + ring.outBytes;
      into = (into ?? 0) + ring.inBytes;
    }
    table.gauge('block_queue_bytes', 'Bytes for the block that its transport has no room for yet.', at, queued);
    if (out !== undefined) table.gauge('block_ring_bytes', 'Bytes in the memory shared with the block: out, which it has not taken yet; in, which the kernel has not.', { ...at, direction: 'out' }, out);
    if (into !== undefined) table.gauge('block_ring_bytes', '', { ...at, direction: 'in' }, into);
    this.#addUse(table, name, at, info.pid);
  }

  /** Only what is a process of its own uses something of its own. */
  #addUse(table: Table, name: string, at: Labels, pid: number | undefined): void {
    const cpu = this.#cpuOf(name, pid);
    if (cpu !== undefined) table.counter('block_cpu_seconds_total', 'CPU time of the block\'s processes in seconds, as far as they were seen.', at, cpu);
    if (pid !== undefined) showUse(table, at, residentBytes(pid), openFiles(pid));
  }

  #cpuOf(name: string, pid: number | undefined): number | undefined {
    const known = this.#cpu.get(name);
    const seconds = pid === undefined ? undefined : cpuSeconds(pid);
    if (pid === undefined || seconds === undefined) return known === undefined ? undefined : known.past + known.seconds;
    const past = known === undefined ? 0 : known.pid === pid ? known.past : known.past + known.seconds;
    this.#cpu.set(name, { pid, seconds, past });
    return past + seconds;
  }

  #forget(compartments: readonly Compartment[]): void {
    const names = new Set(compartments.map(({ name }) => name));
    for (const known of [this.#cpu, this.#missed, this.#refused]) for (const name of known.keys()) if (!names.has(name)) known.delete(name);
  }
}

function showUse(table: Table, at: Labels, resident: number | undefined, files: number | undefined): void {
  if (resident !== undefined) table.gauge('block_resident_memory_bytes', 'Resident memory of the block\'s process.', at, resident);
  if (files !== undefined) table.gauge('block_open_files', 'Open file descriptors of the block\'s process.', at, files);
}

/** Metrics as they come up, each with its samples. */
class Table {
  readonly #shown = new Map<string, Shown & { readonly samples: Sample[] }>();
  readonly #appId: string;

  constructor(appId: string) {
    this.#appId = appId;
  }

  gauge(name: string, help: string, labels: Labels, value: number): void {
    this.#add('gauge', name, help, labels, value);
  }

  counter(name: string, help: string, labels: Labels, value: number): void {
    this.#add('counter', name, help, labels, value);
  }

  shown(): Shown[] {
    return [...this.#shown.values()];
  }

  /** @param labels in alphabetical order; `app_id` comes before them all */
  #add(kind: Shown['kind'], name: string, help: string, labels: Labels, value: number): void {
    let metric = this.#shown.get(name);
    if (metric === undefined) this.#shown.set(name, (metric = { name: `bulkhead_${name}`, kind, help, bounds: [], samples: [] }));
    metric.samples.push({ labels: { app_id: this.#appId, ...labels }, value, counts: [] });
  }
}

function endsBy({ endsBy: ends, replaced }: ChildInfo, reason: (typeof REASONS)[number]): number {
  return reason === 'replaced' ? replaced : ((ends as Readonly<Record<string, number | undefined>>)[reason] ?? 0);
}
