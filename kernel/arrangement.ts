// Which compartments there are to be, and what each is told first, from what was loaded: one for each block, or several alike, which
// serve all its components, and one of its own for each component that asked for isolation. Depends on nothing that runs, so that what
// is and what is to be can be compared.
import type { BlockInit, ComponentSpec, SubscriptionSpec } from '../proto/init.ts';
import { logSettings, type Config } from './config.ts';
import type { Configuration, MetricSettings } from './configuration.ts';
import type { Resources } from './resources.ts';

export interface Placement {
  /** As its compartment's: `state`, `state#2` where there are several, or `state/orders`. */
  readonly name: string;
  readonly block: string;
  /** The component that has the compartment for itself. */
  readonly component: string | undefined;
  /** Which of the block's shared compartments it is, from 1. */
  readonly replica: number;
  readonly init: BlockInit;
  /** False: nothing is configured for it, so it need not start before a call wants it. */
  readonly wanted: boolean;
}

/** The name of a block's shared compartment, or of one of several of those, or of a component's own. @param replica counts from 1 */
export function compartmentName(block: string, component: string | undefined, replica = 1): string {
  if (component !== undefined) return `${block}/${component}`;
  return replica === 1 ? block : `${block}#${replica}`;
}

/** In start order: the blocks as they were chosen, then the components' own, in load order. */
export function arrange(config: Config, { tracing, metrics }: Pick<Configuration, 'tracing'> & Partial<Pick<Configuration, 'metrics'>>, resources: Resources): readonly Placement[] {
  const shared: Placement[] = [];
  const own: Placement[] = [];
  for (const { name: block, replicas } of config.blocks) {
    const specs = resources.blocks.get(block) ?? [];
    const apart = specs.filter(({ name }) => resources.isolated.has(name));
    const together = specs.filter(({ name }) => !resources.isolated.has(name));
    const names = apart.map(({ name }) => name);
    const subscriptions = block === 'pubsub' ? resources.subscriptions : [];
    const strangers = subscriptions.filter(({ pubsubName }) => !names.includes(pubsubName));
    // Somebody has to say so of a subscription to a broker that nobody has. Where the shared compartment has no other reason to run, that is the first of the others.
    const speaker = block === 'pubsub' && together.length === 0 ? names[0] : undefined;
    const place = (component: string | undefined, replica: number, part: Pick<BlockInit, 'components' | 'elsewhere' | 'subscriptions' | 'isolated'>): Placement => {
      const name = compartmentName(block, component, replica);
      return {
        name, block, component, replica,
        init: { ...common(config, tracing, metrics), block, ...part, ...(name === block ? {} : { compartment: name }), ...(component === undefined && replicas > 1 ? { replicas } : {}) },
        wanted: part.components.length > 0 || part.subscriptions.length > 0,
      };
    };
    for (let replica = 1; replica <= replicas; replica++) {
      shared.push(place(undefined, replica, { components: together, elsewhere: names, subscriptions: speaker === undefined && replica === 1 ? strangers : [] }));
    }
    for (const spec of apart) own.push(place(spec.name, 1, ownPart(spec, subscriptions, spec.name === speaker ? { strangers, names } : undefined)));
  }
  return [...shared, ...own];
}

/** @param speaks it also answers for what no component of the block has the name of. */
function ownPart(spec: ComponentSpec, subscriptions: readonly SubscriptionSpec[], speaks: { readonly strangers: readonly SubscriptionSpec[]; readonly names: readonly string[] } | undefined) {
  const wanted = subscriptions.filter(({ pubsubName }) => pubsubName === spec.name);
  if (speaks === undefined) return { components: [spec], elsewhere: [], subscriptions: wanted, isolated: true } as const;
  return { components: [spec], elsewhere: speaks.names.filter((name) => name !== spec.name), subscriptions: [...wanted, ...speaks.strangers] };
}

function common(config: Config, tracing: BlockInit['tracing'], metrics: MetricSettings | undefined): Omit<BlockInit, 'block' | 'components' | 'elsewhere' | 'subscriptions'> {
  const { port, protocol, askSubscriptions, health } = config.app;
  return {
    appId: config.appId, namespace: config.namespace, maxBodyBytes: config.api.maxBodyBytes, log: logSettings(config), tracing,
    ...(port === 0 ? {} : { app: { protocol: protocol === 'grpc' || protocol === 'grpcs' ? 'grpc' : 'http', askSubscriptions, ...(health.enabled ? { probed: true } : {}) } as const }),
    ...(config.metrics.enabled && metrics?.enabled === true ? { metrics: { latencyBuckets: metrics.latencyBuckets, recordErrorCodes: metrics.recordErrorCodes } } : {}),
  };
}
