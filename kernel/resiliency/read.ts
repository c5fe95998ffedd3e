// The Resiliency resources of this sidecar as one set of policies and targets (contract: resiliency). Several add up: what a
// later one names again replaces what it was before. One that can't be read costs itself and an error, nothing else.
import { goQuote } from '../../proto/quote.ts';
import type { Notice } from '../fatal.ts';
import type { Manifest } from '../manifests.ts';
import { member, objectAt, ShapeError } from '../shape.ts';
import { BUILT_IN, decodePolicies, type Policies } from './policies.ts';
import { strangers } from './members.ts';
import { decodeTargets, type ActorTarget, type AppTarget, type ComponentTarget, type PolicyNames } from './targets.ts';

/** Whose resources are read. */
export interface Reader {
  readonly appId: string;
  /** `''`: all namespaces. */
  readonly namespace: string;
}

/** A resource that was read. */
export interface ResiliencyName {
  readonly name: string;
  /** Of its manifest; `''` when it has none. */
  readonly namespace: string;
}

/** A target, and where it stands: `/resources/r.yaml: document 1: spec.targets.components.orders`. */
export interface Placed<T> {
  readonly target: T;
  readonly place: string;
}

export interface Resiliency {
  /** In load order. Empty: there is nothing to apply. */
  readonly loaded: readonly ResiliencyName[];
  readonly policies: Policies;
  readonly apps: ReadonlyMap<string, Placed<AppTarget>>;
  readonly actors: ReadonlyMap<string, Placed<ActorTarget>>;
  readonly components: ReadonlyMap<string, Placed<ComponentTarget>>;
  /** For the log, in order. */
  readonly notices: readonly Notice[];
}

export const SCOPE = 'dapr.runtime';
const KIND = 'Resiliency';

export function readResiliency(manifests: readonly Manifest[], reader: Reader): Resiliency {
  const loaded: ResiliencyName[] = [];
  const timeouts = new Map(BUILT_IN.timeouts);
  const retries = new Map(BUILT_IN.retries);
  const circuitBreakers = new Map(BUILT_IN.circuitBreakers);
  const apps = new Map<string, Placed<AppTarget>>();
  const actors = new Map<string, Placed<ActorTarget>>();
  const components = new Map<string, Placed<ComponentTarget>>();
  const notices: Notice[] = [];
  for (const manifest of manifests) {
    if (!concerns(manifest, reader)) continue;
    const { name, namespace } = manifest;
    notices.push({ level: 'info', scope: SCOPE, text: `Loading Resiliency configuration: ${name}` });
    const decoded = decode(manifest);
    if ('level' in decoded) {
      notices.push(decoded);
      continue;
    }
    loaded.push({ name, namespace });
    const { policies, targets, remarks } = decoded;
    for (const text of remarks) notices.push({ level: 'warn', scope: SCOPE, text: `${placeOf(manifest)}: ${text}` });
    for (const [key, value] of policies.timeouts) timeouts.set(key, value);
    for (const [key, value] of policies.retries) retries.set(key, value);
    for (const [key, value] of policies.circuitBreakers) circuitBreakers.set(key, value);
    const placed = <T>(kind: string, from: ReadonlyMap<string, T>, to: Map<string, Placed<T>>): void => {
      for (const [key, target] of from) to.set(key, { target, place: `${placeOf(manifest)}: spec.targets.${kind}.${key}` });
    };
    placed('apps', targets.apps, apps);
    placed('actors', targets.actors, actors);
    placed('components', targets.components, components);
  }
  const policies: Policies = { timeouts, retries, circuitBreakers };
  const missing = (target: PolicyNames, place: string): void => {
    for (const text of unknownPolicies(target, place, policies)) notices.push({ level: 'warn', scope: SCOPE, text });
  };
  for (const { target, place } of [...apps.values(), ...actors.values()]) missing(target, place);
  for (const { target, place } of components.values()) {
    missing(target.inbound, `${place}.inbound`);
    missing(target.outbound, `${place}.outbound`);
  }
  return { loaded, policies, apps, actors, components, notices };
}

/** Why the resources among the manifests that concern this sidecar can't be read. */
export function resiliencyFaults(manifests: readonly Manifest[], reader: Reader): Notice[] {
  return manifests.filter((manifest) => concerns(manifest, reader)).map(decode).filter((decoded) => 'level' in decoded);
}

function concerns({ kind, namespace, scopes }: Manifest, reader: Reader): boolean {
  if (kind !== KIND) return false;
  if (reader.namespace !== '' && namespace !== '' && namespace !== reader.namespace) return false;
  return scopes.length === 0 || scopes.includes(reader.appId);
}

interface Decoded {
  readonly policies: Policies;
  readonly targets: ReturnType<typeof decodeTargets>;
  readonly remarks: readonly string[];
}

/** All of it or nothing: which part of a resource still counts should not be a matter of its order. */
function decode(manifest: Manifest): Decoded | Notice {
  try {
    const spec = objectAt(member(manifest.body, 'spec'), 'spec');
    const policies = decodePolicies(objectAt(member(spec, 'policies'), 'spec.policies'));
    const targets = decodeTargets(objectAt(member(spec, 'targets'), 'spec.targets'));
    return { policies, targets, remarks: [...strangers(spec, 'spec', ['policies', 'targets']), ...policies.remarks, ...targets.remarks] };
  } catch (cause) {
    const reason = cause instanceof ShapeError ? cause.message : cause instanceof RangeError ? 'nested too deeply' : undefined;
    if (reason === undefined) throw cause;
    return { level: 'error', scope: SCOPE, text: `Could not read resiliency policy ${manifest.name}: ${reason} (${placeOf(manifest)}; nothing of it is applied)` };
  }
}

function placeOf({ path, document }: Manifest): string {
  return `${path}: document ${document}`;
}

/** A name without a policy counts as no name, as in daprd. */
function unknownPolicies(target: PolicyNames, place: string, { timeouts, retries, circuitBreakers }: Policies): string[] {
  const texts: string[] = [];
  const check = (kind: keyof PolicyNames, known: ReadonlyMap<string, unknown>, noun: string): void => {
    const name = target[kind];
    if (name === '' || known.has(name)) return;
    const there = known.size === 0 ? 'there are none' : `there are ${[...known.keys()].join(', ')}`;
    texts.push(`${place}.${kind} has no effect: there is no ${noun} policy ${goQuote(name)}; ${there}`);
  };
  check('timeout', timeouts, 'timeout');
  check('retry', retries, 'retry');
  check('circuitBreaker', circuitBreakers, 'circuit breaker');
  return texts;
}
