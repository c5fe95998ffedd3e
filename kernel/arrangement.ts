// Which compartments there are to be, and what each is told first, from what was loaded: one for each block, which serves all
// its components, and one of its own for each component that asked for isolation. Depends on nothing that runs, so that what
// is and what is to be can be compared.
import type { BlockInit, ComponentSpec, SubscriptionSpec } from '../proto/init.ts';
import { logSettings, type Config } from './config.ts';
import type { Configuration, MetricSettings } from './configuration.ts';
import type { Resources } from './resources.ts';

export interface Placement {
  /** As its compartment's: `state`, or `state/orders`. */
  readonly name: string;
  readonly block: string;
  /** The component that has the compartment for itself. */
  readonly component: string | undefined;
  readonly init: BlockInit;
  /** False: nothing is configured for it, so it need not start before a call wants it. */
  readonly wanted: boolean;
}

/** The name of a block's shared compartment, or of a component's own. */
export function compartmentName(block: string, component: string | undefined): string {
  return component === undefined ? block : `${block}/${component}`;
}

/** In start order: the blocks as they were chosen, then the components' own, in load order. */
export function arrange(config: Config, { tracing, metrics }: Pick<Configuration, 'tracing'> & Partial<Pick<Configuration, 'metrics'>>, resources: Resources): readonly Placement[] {
  const shared: Placement[] = [];
  const own: Placement[] = [];
  for (const { name: block } of config.blocks) {
    const specs = resources.blocks.get(block) ?? [];
    const apart = specs.filter(({ name }) => resources.isolated.has(name));
    const together = specs.filter(({ name }) => !resources.isolated.has(name));
    const names = apart.map(({ name }) => name);
    const subscriptions = block === 'pubsub' ? resources.subscriptions : [];
    const strangers = subscriptions.filter(({ pubsubName }) => !names.includes(pubsubName));
    // Somebody has to say so of a subscription to a broker that nobody has. Where the shared compartment has no other reason to run, that is the first of the others.
    const speaker = block === 'pubsub' && together.length === 0 ? names[0] : undefined;
    const place = (component: string | undefined, part: Pick<BlockInit, 'components' | 'elsewhere' | 'subscriptions' | 'isolated'>): Placement => ({
      name: compartmentName(block, component), block, component,
      init: { ...common(config, tracing, metrics), block, ...part, ...(component === undefined ? {} : { compartment: compartmentName(block, component) }) },
      wanted: part.components.length > 0 || part.subscriptions.length > 0,
    });
    shared.push(place(undefined, { components: together, elsewhere: names, subscriptions: speaker === undefined ? strangers : [] }));
    for (const spec of apart) own.push(place(spec.name, ownPart(spec, subscriptions, spec.name === speaker ? { strangers, names } : undefined)));
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
