// One look at everything that is counted: asks all lives of all blocks side by side, adds up what they say, and puts it beside
// what the kernel knows itself. Loaded by the first who wants to see it.
import { LATENCY_BUCKETS, type Measure, type PackedMeasures } from '../../proto/measures.ts';
import type { CountingMeter, SeriesFamily } from '../../proto/meter.ts';
import { Control } from '../../proto/control.ts';
import type { AppChannel } from '../app/channel.ts';
import { ask } from '../ask.ts';
import type { Compartment } from '../compartments.ts';
import type { BlockLife } from '../life.ts';
import { CompartmentMetrics, placeOf, type GatewayInfo, type WaitingBytes } from './compartments.ts';
import { Ledger } from './ledger.ts';
import { ALL_MEASURES, RESPONSE_COUNT, shownName } from './measures.ts';
import { processMetrics } from './process.ts';
import { exposition, type Sample, type Shown } from './registry.ts';
import { readRows, rowOf } from './rows.ts';

export { CONTENT_TYPE } from './registry.ts';

/** Event loops that answer calls and count them. */
export interface CountingGateways {
  readonly infos: readonly GatewayInfo[];
  /** Of all gateways, the present run. */
  readonly runs: readonly object[];
  /** What runs have counted, of those that say so in time. */
  reports(): Promise<readonly (readonly [run: object, report: GatewayCount])[]>;
}

export interface GatewayCount {
  readonly measures: PackedMeasures;
  /** By compartment. */
  readonly waiting: ReadonlyMap<string, WaitingBytes>;
}

export interface CollectorOptions {
  readonly appId: string;
  /** Shown as a label where Dapr has it. */
  readonly namespace: string;
  readonly meter: CountingMeter;
  /** Empty: the default ones. */
  readonly latencyBuckets: readonly number[];
  readonly rewrite: (name: string, label: string, value: string) => string;
  readonly compartments: () => readonly Compartment[];
  readonly app: () => AppChannel | undefined;
  readonly gateways?: CountingGateways | undefined;
  /** A life that counts by other buckets: it is not asked. */
  readonly isOutdated: (life: BlockLife) => boolean;
  /** Whether the answers of the HTTP API are shown by path. */
  readonly showsPaths: () => boolean;
  readonly onFull: (name: string) => void;
}

const NO_PLACE = { block: '', component: '' } as const;
/** A block that takes longer is shown as it was last time. */
const ANSWER_MS = 500;
/** A life that ends in order is waited for no longer than this. */
const LAST_ANSWER_MS = 200;

export class Collector {
  readonly #options: CollectorOptions;
  readonly #latencyBuckets: readonly number[];
  readonly #ledger: Ledger;
  readonly #compartments = new CompartmentMetrics();
  /** Of lives, and of runs of gateways. */
  readonly #names = new WeakMap<object, number>();
  #named = 0;
  #underWay: Promise<readonly string[]> | undefined;

  constructor(options: CollectorOptions) {
    const { latencyBuckets, rewrite, onFull } = options;
    this.#options = options;
    this.#latencyBuckets = latencyBuckets.length === 0 ? LATENCY_BUCKETS : latencyBuckets;
    this.#ledger = new Ledger({ table: ALL_MEASURES, latencyBuckets: this.#latencyBuckets, rewrite, onFull });
  }

  /** The exposition in pieces. Who asks while others wait for it gets the same. */
  text(): Promise<readonly string[]> {
    return (this.#underWay ??= this.#text().finally(() => (this.#underWay = undefined)));
  }

  /** A life is about to end in order: what it has counted until now is not lost. Never rejects. */
  async leaving(compartment: Compartment, life: BlockLife): Promise<void> {
    await this.#ask(compartment, life, LAST_ANSWER_MS);
  }

  async #text(): Promise<readonly string[]> {
    const { appId, app, compartments, gateways } = this.#options;
    const all = compartments();
    const waiting = await this.#askGateways();
    const ofCompartments = this.#compartments.collect(all, app(), gateways?.infos ?? [], waiting, appId);
    await Promise.all(all.flatMap((compartment) => [this.#askUse(compartment), ...[...compartment.child.lives].map((life) => this.#ask(compartment, life, ANSWER_MS))]));
    const alive = [...(gateways?.runs ?? []), ...compartments().flatMap(({ child }) => [...child.lives])];
    this.#ledger.keep(new Set(alive.map((one) => this.#nameOf(one))));
    const counted = [...this.#ledger.sum(this.#options.meter.pack())].flatMap((family) => this.#shown(family));
    const metrics = [...counted, ...ofCompartments(), ...processMetrics()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const pieces: string[] = [];
    for await (const piece of exposition(metrics)) pieces.push(piece);
    return pieces;
  }

  async #ask(compartment: Compartment, life: BlockLife, deadlineMs: number): Promise<void> {
    if (life.calls.over || this.#options.isOutdated(life)) return;
    const { name } = compartment;
    const askedMs = performance.now();
    try {
      const { rows, refused } = readRows(await ask(life.calls, Control.MEASURES, undefined, deadlineMs), this.#latencyBuckets);
      this.#compartments.answered(name, performance.now() - askedMs);
      this.#compartments.refused(name, refused);
      this.#ledger.update(this.#nameOf(life), placeOf(compartment), rows);
    } catch {
      if (!life.calls.over) this.#compartments.missed(name, performance.now() - askedMs); // else it has ended over other things
    }
  }

  /** A process that is none of this system's is measured where it is. */
  async #askUse({ name, child }: Compartment): Promise<void> {
    const use = await child.present?.usage();
    if (use !== undefined) this.#compartments.uses(name, use);
  }

  /** What a gateway had counted when it was last asked stays when it ends. */
  async #askGateways(): Promise<ReadonlyMap<string, WaitingBytes>> {
    const sums = new Map<string, WaitingBytes>();
    for (const [run, { measures, waiting }] of (await this.#options.gateways?.reports()) ?? []) {
      this.#ledger.update(this.#nameOf(run), NO_PLACE, measures.map(rowOf));
      for (const [name, { queued, out, into }] of waiting) {
        const sum = sums.get(name) ?? { queued: 0, out: 0, into: 0 };
        sums.set(name, { queued: sum.queued + queued, out: sum.out + out, into: sum.into + into });
      }
    }
    return sums;
  }

  /** Their numbers are told apart by compartments, which may come and go under the same name. */
  #nameOf(life: object): number {
    let name = this.#names.get(life);
    if (name === undefined) this.#names.set(life, (name = ++this.#named));
    return name;
  }

  #shown({ name, measure, bounds, series }: SeriesFamily): Shown[] {
    const { appId, namespace, showsPaths } = this.#options;
    const labelsOf = labelling(measure, { app_id: appId, namespace });
    const samples: Sample[] = [];
    for (const { isShown, labels, value, counts } of series.values()) if (isShown) samples.push({ labels: labelsOf(labels), value, counts });
    if (samples.length === 0) return [];
    const shown: Shown = { name: shownName(name, measure), kind: measure.kind, help: measure.help, bounds, samples };
    return name === RESPONSE_COUNT.of && showsPaths() ? [shown, { ...shown, name: `dapr_${RESPONSE_COUNT.name}`, help: RESPONSE_COUNT.help }] : [shown];
  }
}

/** Puts a measure's labels in alphabetical order, those of the sidecar among them. */
function labelling({ labels, namespaced }: Measure, constants: Readonly<Record<'app_id' | 'namespace', string>>): (values: readonly string[]) => Readonly<Record<string, string>> {
  const names = [...labels, 'app_id', ...(namespaced === true ? ['namespace'] : [])].sort();
  const indexes = names.map((name) => [name, labels.indexOf(name)] as const);
  return (values) => {
    const shown: Record<string, string> = {};
    for (const [name, index] of indexes) shown[name] = index >= 0 ? (values[index] ?? '') : constants[name as 'app_id' | 'namespace'];
    return shown;
  };
}

