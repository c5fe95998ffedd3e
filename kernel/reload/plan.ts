// What follows from changed files, without doing any of it: which compartments come, change and go, which components that
// means, and what stays as it was where a change has been refused. Pure.
import { isDeepStrictEqual } from 'node:util';
import type { BlockInit, ComponentSpec } from '../../proto/init.ts';
import type { Placement } from '../arrangement.ts';
import type { Manifest } from '../manifests.ts';
import type { Resources } from '../resources.ts';

/** Compartments by what has to happen to them. */
export interface Plan {
  /** Components that get a compartment of their own. */
  readonly add: readonly Placement[];
  /** Those whose lives have to be told something else. */
  readonly replace: readonly Placement[];
  /** Components that lose their own compartment. */
  readonly remove: readonly Placement[];
}

export function planOf(present: readonly Placement[], next: readonly Placement[]): Plan {
  const before = byName(present);
  const after = byName(next);
  return {
    add: next.filter(({ name }) => !before.has(name)),
    replace: next.filter(({ name, init }) => {
      const now = before.get(name);
      return now !== undefined && !sameInit(now.init, init);
    }),
    remove: present.filter(({ name }) => !after.has(name)),
  };
}

/** Whether a life that was told the one has no need to be told the other: in which order components come means nothing. */
export function sameInit(one: BlockInit, other: BlockInit): boolean {
  return isDeepStrictEqual(ordered(one), ordered(other));
}

function ordered(init: BlockInit): BlockInit {
  return { ...init, components: init.components.toSorted((a, b) => (a.name < b.name ? -1 : 1)), elsewhere: init.elsewhere.toSorted() };
}

function byName<T extends { readonly name: string }>(items: readonly T[]): ReadonlyMap<string, T> {
  return new Map(items.map((item) => [item.name, item]));
}

/** A component as a compartment has it, or is to have it. */
export interface Placed {
  readonly block: string;
  /** Whether the compartment is its own. */
  readonly isolated: boolean;
  readonly spec: ComponentSpec;
}

/** All components by name. Of compartments that are alike the first says what the component is. */
export function placedIn(placements: readonly Placement[]): ReadonlyMap<string, Placed> {
  return new Map(placements.filter(({ replica }) => replica === 1).flatMap(({ block, component, init }) => init.components.map((spec) => [spec.name, { block, isolated: component !== undefined, spec }])));
}

/** The same components, as they are to be by the resources. */
export function placedBy({ blocks, isolated }: Pick<Resources, 'blocks' | 'isolated'>): ReadonlyMap<string, Placed> {
  return new Map([...blocks].flatMap(([block, specs]) => specs.map((spec) => [spec.name, { block, isolated: isolated.has(spec.name), spec }])));
}

export function samePlaced(one: Placed | undefined, other: Placed | undefined): boolean {
  return isDeepStrictEqual(one, other);
}

/** The resources, but that these components stay what they are: with their specs, in their place, or absent. */
export function keeping(resources: Resources, names: ReadonlySet<string>, present: ReadonlyMap<string, Placed>): Resources {
  if (names.size === 0) return resources;
  const kept = [...names].flatMap((name) => present.get(name) ?? []);
  const isolated = new Set([...resources.isolated].filter((name) => !names.has(name)));
  for (const one of kept) if (one.isolated) isolated.add(one.spec.name);
  const blocks = new Map([...resources.blocks].map(([block, specs]) => [block, [
    ...specs.filter(({ name }) => !names.has(name)), ...kept.filter((one) => one.block === block).map(({ spec }) => spec),
  ]]));
  return { ...resources, blocks, isolated };
}

export interface ComponentChange {
  readonly kind: 'created' | 'updated' | 'deleted';
  /** As it is now; undefined: it was created. */
  readonly before: ComponentSpec | undefined;
  /** As it is to be; undefined: it was deleted. */
  readonly after: ComponentSpec | undefined;
}

/** In Dapr's order: what goes, what changes, what comes. */
export function changesOf(present: ReadonlyMap<string, Placed>, next: ReadonlyMap<string, Placed>): readonly ComponentChange[] {
  const deleted: ComponentChange[] = [];
  const updated: ComponentChange[] = [];
  const created: ComponentChange[] = [];
  for (const [name, { spec }] of present) if (!next.has(name)) deleted.push({ kind: 'deleted', before: spec, after: undefined });
  for (const [name, placed] of next) {
    const now = present.get(name);
    if (now === undefined) created.push({ kind: 'created', before: undefined, after: placed.spec });
    else if (!samePlaced(now, placed)) updated.push({ kind: 'updated', before: now.spec, after: placed.spec });
  }
  return [...deleted, ...updated, ...created];
}

/** A resource that is no component. */
export interface ResourceEvent {
  readonly kind: string;
  readonly event: 'CREATED' | 'UPDATED' | 'DELETED';
  readonly name: string;
}

/** By kind and name; what `metadata` says beyond the name is no change (contract: hot reload, diff). */
export function eventsOf(before: readonly Manifest[], after: readonly Manifest[]): readonly ResourceEvent[] {
  const key = ({ kind, name }: Manifest): string => `${kind} ${name}`;
  const grouped = (manifests: readonly Manifest[]): ReadonlyMap<string, readonly Manifest[]> => Map.groupBy(manifests.filter(({ kind }) => kind !== 'Component'), key);
  const [was, is] = [grouped(before), grouped(after)];
  const event = (manifests: readonly Manifest[], what: ResourceEvent['event']): ResourceEvent[] => manifests.slice(0, 1).map(({ kind, name }) => ({ kind, name, event: what }));
  return [
    ...[...was].flatMap(([id, manifests]) => (is.has(id) ? [] : event(manifests, 'DELETED'))),
    ...[...is].flatMap(([id, manifests]) => {
      const known = was.get(id);
      if (known === undefined) return event(manifests, 'CREATED');
      return isDeepStrictEqual(known.map(meaningOf), manifests.map(meaningOf)) ? [] : event(manifests, 'UPDATED');
    }),
  ];
}

function meaningOf({ body, namespace, scopes }: Manifest): unknown {
  return { ...Object.fromEntries(Object.entries(body).filter(([name]) => name.toLowerCase() !== 'metadata')), namespace, scopes };
}
