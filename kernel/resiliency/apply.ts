// Which policies apply to which component: those its target names, or else, kind by kind, the default with the most specific
// name there is (contract: resiliency, targets and implicit names).
import type { ComponentSpec } from '../../proto/init.ts';
import type { ComponentResiliency, PolicySet } from '../../proto/resiliency.ts';
import { categoryOf } from '../components.ts';
import type { Notice } from '../fatal.ts';
import type { Manifest } from '../manifests.ts';
import type { Resources } from '../resources.ts';
import { readResiliency, SCOPE, type Reader, type Resiliency } from './read.ts';
import type { PolicyNames } from './targets.ts';

/** What Dapr calls the components of a category in the names of policies and in metrics, and whether they call the application. */
const TYPES: Readonly<Record<string, { readonly name: string; readonly inbound: boolean }>> = {
  state: { name: 'Statestore', inbound: false },
  pubsub: { name: 'Pubsub', inbound: true },
  configuration: { name: 'Configuration', inbound: true },
  lock: { name: 'Lock', inbound: false },
  sequencer: { name: 'Sequencer', inbound: false }, // not Dapr's
};

type Direction = 'Inbound' | 'Outbound';

/** The resources with the policies of their components in them. */
export function withResiliency(resources: Resources, manifests: readonly Manifest[], reader: Reader): Resources {
  if (!manifests.some(({ kind }) => kind === 'Resiliency')) return resources;
  const resiliency = readResiliency(manifests, reader);
  const blocks = new Map([...resources.blocks].map(([block, specs]) => [block, specs.map((spec) => withPolicies(spec, resiliency))] as const));
  return { ...resources, blocks, resiliencies: resiliency.loaded, notices: [...resources.notices, ...resiliency.notices, ...idleTargets(manifests, resiliency)] };
}

function withPolicies(spec: ComponentSpec, resiliency: Resiliency): ComponentSpec {
  const policies = policiesFor(spec, resiliency);
  return policies === undefined ? spec : { ...spec, resiliency: policies };
}

/** Undefined: none applies to the component. */
export function policiesFor({ name, type }: Pick<ComponentSpec, 'name' | 'type'>, resiliency: Resiliency): ComponentResiliency | undefined {
  const kind = TYPES[categoryOf(type) ?? ''];
  if (kind === undefined) return undefined;
  const explicit = resiliency.components.get(name)?.target;
  const set = (direction: Direction, named: PolicyNames | undefined): PolicySet | undefined => setOf(named ?? defaults(kind.name, direction, resiliency), resiliency);
  const outbound = set('Outbound', explicit?.outbound);
  const inbound = kind.inbound ? set('Inbound', explicit?.inbound) : undefined;
  if (outbound === undefined && inbound === undefined) return undefined;
  return { target: `${kind.name}_${name}`, ...(outbound === undefined ? {} : { outbound }), ...(inbound === undefined ? {} : { inbound }) };
}

/** Each kind of policy finds its own: a specific timeout goes with a general retry. */
function defaults(type: string, direction: Direction, { policies }: Resiliency): PolicyNames {
  const levels = [`${type}Component${direction}`, `Component${direction}`, `${type}Component`, 'Component', ''];
  const find = (kind: string, known: ReadonlyMap<string, unknown>): string => levels.map((level) => `Default${level}${kind}Policy`).find((name) => known.has(name)) ?? '';
  return { timeout: find('Timeout', policies.timeouts), retry: find('Retry', policies.retries), circuitBreaker: find('CircuitBreaker', policies.circuitBreakers) };
}

function setOf(names: PolicyNames, { policies, loaded }: Resiliency): PolicySet | undefined {
  const timeoutMs = policies.timeouts.get(names.timeout) ?? 0;
  const retry = policies.retries.get(names.retry);
  const breaker = policies.circuitBreakers.get(names.circuitBreaker);
  const resource = loaded.at(-1); // daprd counts everything under the last one
  if (resource === undefined || (timeoutMs <= 0 && retry === undefined && breaker === undefined)) return undefined;
  return { resource, ...(timeoutMs > 0 ? { timeoutMs } : {}), ...(retry === undefined ? {} : { retry }), ...(breaker === undefined ? {} : { breaker }) };
}

/** Targets that nothing is called by. A component may be another application's, so only one that nobody has is worth a word. */
function idleTargets(manifests: readonly Manifest[], { apps, actors, components }: Resiliency): Notice[] {
  const names = new Set(manifests.filter(({ kind }) => kind === 'Component').map(({ name }) => name));
  const notices: Notice[] = [];
  for (const [name, { place }] of components) {
    if (names.has(name)) continue;
    const there = names.size === 0 ? 'there are none' : `there are ${[...names].join(', ')}`;
    notices.push({ level: 'warn', scope: SCOPE, text: `${place} has no effect: there is no component of that name; ${there}` });
  }
  const others = [...apps.values(), ...actors.values()];
  if (others.length > 0) {
    notices.push({ level: 'warn', scope: SCOPE, text: `policies for applications and actors have no effect: neither is called through this sidecar (${others.map(({ place }) => place).join('; ')})` });
  }
  return notices;
}
