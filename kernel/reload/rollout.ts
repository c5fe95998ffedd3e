// Brings the compartments from what they are to what they are to be: lives are replaced side by side, components get and lose
// compartments of their own, and a component that would get worse stays what it is while everything else goes on.
import { isDeepStrictEqual } from 'node:util';
import type { AppState } from '../../proto/control.ts';
import { messageOf } from '../../proto/errors.ts';
import { logName, type BlockInit, type ComponentSpec, type ComponentStatus } from '../../proto/init.ts';
import type { Placement } from '../arrangement.ts';
import type { Compartment, Compartments } from '../compartments.ts';
import type { Resources } from '../resources.ts';
import { SwapRefused } from '../swap.ts';
import { changesOf, keeping, placedBy, placedIn, planOf, sameInit, samePlaced, type ComponentChange, type Placed } from './plan.ts';

/** What a rollout works on; in tests something that remembers. */
export interface RolloutTarget {
  readonly compartments: {
    byName(name: string): { readonly child: Pick<Compartment['child'], 'replace' | 'info'> } | undefined;
    add(block: string, component: string, admits: boolean): { readonly child: Pick<Compartment['child'], 'provide' | 'rest' | 'replace' | 'appChanged' | 'info'> };
    admit(name: string): Promise<void> | void;
  } & Pick<Compartments, 'remove'>;
  /** Undefined: no application is configured. */
  readonly app: Parameters<Compartment['child']['provide']>[1];
  readonly appState: () => AppState;
  /** Which compartments there are to be for these resources. */
  readonly arrange: (resources: Resources) => readonly Placement[];
}

/** A change that did not come about. */
export interface Refusal {
  /** Log name of the component, or the compartment's name where no component is to blame. */
  readonly what: string;
  readonly reason: string;
  /** True: nothing of the name was there before, so nothing goes on. */
  readonly isNew: boolean;
}

interface Refused extends Refusal {
  /** What was wanted: the same is not tried again before its time. */
  readonly wanted: Placed | BlockInit;
  readonly attempts: number;
  /** On the monotonic clock; Infinity: it can never work. */
  readonly againAtMs: number;
}

/** A change that was refused and might work later is tried again, at pauses that double. Milliseconds. */
const RETRY_MS = { min: 5_000, max: 300_000 } as const;
/** Each round applies something or learns of something that can't be applied; this bounds what a bug could do. */
const MOST_ROUNDS = 100;

export class Rollout {
  /** What the compartments have been told. */
  readonly #inForce: Map<string, Placement>;
  /** By component, and by compartment with a slash before its name, which no component's begins with. */
  readonly #refused = new Map<string, Refused>();
  readonly #told: (refusal: Refusal) => void;
  #closed = false;

  /** @param told a change was refused that had not been before */
  constructor(present: readonly Placement[], told: (refusal: Refusal) => void) {
    this.#inForce = new Map(present.map((placement) => [placement.name, placement]));
    this.#told = told;
  }

  /** All components that the compartments have been told of. */
  get present(): ReadonlyMap<string, Placed> {
    return placedIn([...this.#inForce.values()]);
  }
  get refused(): readonly Refusal[] {
    return [...this.#refused.values()].map(({ what, reason, isNew }) => ({ what, reason, isNew }));
  }
  /** When something is due to be tried again, on the monotonic clock; Infinity: nothing is. */
  get againAtMs(): number {
    return Math.min(Infinity, ...[...this.#refused.values()].map(({ againAtMs }) => againAtMs));
  }

  /** Nothing is begun any more. */
  close(): void {
    this.#closed = true;
  }

  /**
   * Resolves with what has changed when everything is applied or refused. One at a time.
   * @param trying what is about to change
   */
  async apply(resources: Resources, target: RolloutTarget, trying: (changes: readonly ComponentChange[]) => void): Promise<readonly ComponentChange[]> {
    this.#forget(resources, target);
    const nowMs = performance.now();
    const held = new Set([...this.#refused].filter(([, { againAtMs }]) => againAtMs > nowMs).map(([key]) => key));
    const before = this.present;
    trying(changesOf(before, placedBy(keeping(resources, held, before))));
    await this.#rounds(resources, held, target);
    return changesOf(before, this.present);
  }

  async #rounds(resources: Resources, held: Set<string>, target: RolloutTarget): Promise<void> {
    for (let round = 0; round < MOST_ROUNDS && !this.#closed; round++) {
      const next = target.arrange(keeping(resources, held, this.present));
      const { add, replace, remove } = planOf([...this.#inForce.values()], next);
      const due = replace.filter((placement) => !held.has(`/${placement.name}`) && !replace.some((one) => comesBefore(one, placement, held)));
      // What comes is there before what goes has gone.
      if (add.length > 0) await Promise.all(add.map((placement) => this.#add(placement, placedBy(resources), held, target)));
      else if (due.length > 0) await Promise.all(due.map((placement) => this.#replace(placement, resources, held, target)));
      else return this.#remove(remove, next, target);
    }
  }

  async #replace(placement: Placement, resources: Resources, held: Set<string>, target: RolloutTarget): Promise<void> {
    const { name, replica, init } = placement;
    const wanted = placedBy(resources);
    const before = this.present;
    const changed = init.components.filter((spec) => !samePlaced(before.get(spec.name), wanted.get(spec.name)));
    const isChanged = (fault: ComponentStatus): boolean => changed.some((spec) => spec.name === fault.name);
    try {
      const child = target.compartments.byName(name)?.child;
      if (child === undefined) throw new Error('there is no such compartment');
      const failedBefore = new Set(child.info().components.filter(hasFailed).map((status) => status.name));
      await child.replace(init);
      // Where no life was there to be compared with, whatever came was taken in.
      const unfit = child.info().components.filter((status) => replica === 1 && hasFailed(status) && !failedBefore.has(status.name) && isChanged(status));
      for (const fault of unfit) this.#refuseComponent(fault, wanted, held);
      const kept = unfit.length === 0 ? placement : target.arrange(keeping(resources, held, before)).find((one) => one.name === name) ?? placement;
      if (kept !== placement) await child.replace(kept.init);
      this.#inForce.set(name, kept);
      this.#accept(kept.init.components, name);
    } catch (cause) {
      if (this.#closed) return;
      const guilty = cause instanceof SwapRefused && replica === 1 ? cause.faults.filter(isChanged) : [];
      for (const fault of guilty) this.#refuseComponent(fault, wanted, held);
      if (guilty.length > 0) return;
      // Nothing that changed is to blame by itself, or it does well in a compartment that is alike: this one stays as it is, as a whole.
      this.#refuse(`/${name}`, { what: name, reason: messageOf(cause), isNew: false, wanted: init }, false, held);
    }
  }

  /** Its own compartment takes the component's calls once it is as good as what there was. */
  async #add(placement: Placement, wanted: ReadonlyMap<string, Placed>, held: Set<string>, { compartments, app, appState }: RolloutTarget): Promise<void> {
    const { name, block, init } = placement;
    const component = placement.component as string;
    const before = this.#statusOf(component, compartments);
    let added = false;
    try {
      const { child } = compartments.add(block, component, false);
      added = true;
      child.provide(init, app);
      child.rest(); // nobody waits for it
      child.appChanged(appState());
      await child.replace(init);
      if (this.#closed) return;
      const { components, lastExit } = child.info();
      const status = components.find((one) => one.name === component);
      if (status === undefined || (status.state === 'starting' && status.reason === undefined)) throw new Error(`its first life ended: ${lastExit ?? 'it was never ready'}`);
      const isWorse = before?.state === 'ready' ? status.state !== 'ready' : hasFailed(status) && before?.state !== 'failed';
      if (isWorse) throw new SwapRefused(status.reason ?? status.state, [status]);
      await compartments.admit(name);
      this.#inForce.set(name, placement);
      this.#accept(init.components, name);
    } catch (cause) {
      if (this.#closed) return;
      if (added) void compartments.remove(name).catch(() => undefined); // its child says what goes wrong
      const [fault] = cause instanceof SwapRefused ? cause.faults : [];
      const { type, version } = wanted.get(component)?.spec ?? init.components[0] ?? { type: '', version: '' };
      this.#refuseComponent(fault ?? { name: component, type, version, state: 'starting', reason: messageOf(cause), required: true, capabilities: [] }, wanted, held);
    }
  }

  /** Nothing loses its place before it has another. */
  #remove(remove: readonly Placement[], next: readonly Placement[], { compartments }: RolloutTarget): void {
    for (const { name, component } of remove) {
      const place = next.find(({ init }) => specIn(init, component) !== undefined);
      if (place !== undefined && !isDeepStrictEqual(specIn(this.#inForce.get(place.name)?.init, component), specIn(place.init, component))) continue;
      this.#inForce.delete(name);
      this.#refused.delete(`/${name}`);
      void compartments.remove(name).catch(() => undefined); // its child says what goes wrong
    }
  }

  #statusOf(component: string, compartments: RolloutTarget['compartments']): ComponentStatus | undefined {
    for (const { name, init } of this.#inForce.values()) {
      if (specIn(init, component) !== undefined) return compartments.byName(name)?.child.info().components.find((status) => status.name === component);
    }
    return undefined;
  }

  #accept(components: readonly ComponentSpec[], compartment: string): void {
    this.#refused.delete(`/${compartment}`);
    for (const { name } of components) {
      const refused = this.#refused.get(name);
      if (refused !== undefined && samePlaced(refused.wanted as Placed, this.present.get(name))) this.#refused.delete(name);
    }
  }

  #refuseComponent(fault: ComponentStatus, wanted: ReadonlyMap<string, Placed>, held: Set<string>): void {
    const placed = wanted.get(fault.name);
    if (placed === undefined) return;
    this.#refuse(fault.name, { what: logName(fault), reason: fault.reason ?? fault.state, isNew: !this.present.has(fault.name), wanted: placed }, hasFailed(fault), held);
  }

  #refuse(key: string, refusal: Omit<Refused, 'attempts' | 'againAtMs'>, forGood: boolean, held: Set<string>): void {
    const attempts = (this.#refused.get(key)?.attempts ?? 0) + 1;
    const pauseMs = Math.min(RETRY_MS.min * 2 ** (attempts - 1), RETRY_MS.max);
    this.#refused.set(key, { ...refusal, attempts, againAtMs: forGood ? Infinity : performance.now() + pauseMs });
    held.add(key);
    if (attempts === 1) this.#told({ what: refusal.what, reason: refusal.reason, isNew: refusal.isNew });
  }

  /** Refusals of what nobody wants any more. */
  #forget(resources: Resources, { arrange }: RolloutTarget): void {
    const wanted = placedBy(resources);
    for (const [key, refused] of this.#refused) if (!key.startsWith('/') && !samePlaced(refused.wanted as Placed, wanted.get(key))) this.#refused.delete(key);
    const names = new Set(this.#refused.keys());
    const inits = new Map(arrange(keeping(resources, names, this.present)).map(({ name, init }) => [`/${name}`, init]));
    for (const [key, refused] of this.#refused) {
      const init = inits.get(key);
      if (key.startsWith('/') && (init === undefined || !sameInit(refused.wanted as BlockInit, init))) this.#refused.delete(key);
    }
  }
}

/** Of compartments that are alike one changes after the other, so that calls have somewhere to go; and what the first refuses is not tried on the others. */
function comesBefore(one: Placement, other: Placement, held: ReadonlySet<string>): boolean {
  if (one.block !== other.block || one.component !== undefined || other.component !== undefined || one.replica >= other.replica) return false;
  return one.replica === 1 || !held.has(`/${one.name}`);
}

function specIn(init: BlockInit | undefined, component: string | undefined): ComponentSpec | undefined {
  return init?.components.find(({ name }) => name === component);
}

/** For good. */
function hasFailed({ state }: ComponentStatus): boolean {
  return state === 'failed';
}
