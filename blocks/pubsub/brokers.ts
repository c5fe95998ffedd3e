// The brokers of a block with what Dapr adds to each: scopes, topics of a namespace, and the answers for a broker that
// isn't there.
import { FAIL } from '../../proto/failures.ts';
import { whenReady } from '../awaitable.ts';
import type { BlockHost, Logger } from '../block.ts';
import { ComponentSet, type DriverTable, type OpenDriver } from '../components.ts';
import type { Awaitable, ComponentSpec, Driver } from '../driver.ts';
import type { Broker, StringMap } from './broker.ts';
import { readBlockFields } from './fields.ts';
import { scopesOf, type Scopes } from './scopes.ts';

export { COMMON_FIELDS } from './fields.ts';

/** Whose topics they are; both names come from the block's init. */
export interface Owner {
  readonly appId: string;
  readonly namespace: string;
}

/** A broker that runs, and what the app may do with it. Topics are the app's, unless their name says otherwise. */
export interface OpenBroker extends Driver, Scopes {
  readonly name: string;
  readonly driver: Broker;
  /** Whom the scopes are about, and the source of what is published. */
  readonly appId: string;
  /** The broker's topic for the app's: with the namespace in front where the component asks for that. */
  toBroker(topic: string): string;
  /** The app's topic for the broker's: the first occurrence of the namespace goes. */
  fromBroker(topic: string): string;
  /** The broker lets messages expire by itself. */
  readonly hasTtl: boolean;
  /** Deaths of the block over one message after which it is poison; 0: none ever is. */
  readonly poisonThreshold: number;
  /** Failed deliveries after which a message goes to its dead letter topic or is dropped. Undefined: the component doesn't say. */
  readonly maxRetries: number | undefined;
}

type Layout = Omit<OpenBroker, 'name' | 'driver' | 'hasTtl' | keyof Driver>;

export class Brokers {
  readonly #components: ComponentSet<OpenBroker>;
  readonly #names: readonly string[];

  constructor(table: DriverTable<Broker>, specs: readonly ComponentSpec[], { appId, namespace }: Owner, host: BlockHost) {
    this.#names = specs.map(({ name }) => name);
    this.#components = new ComponentSet('pubsub', withLayout(table, { appId, namespace }), specs, { appId, namespace, log: host.log, checkpoints: host.checkpoints }, host.changed);
  }

  /** Whether such a component is configured; it need not run. */
  has(name: string): boolean {
    return this.#components.has(name);
  }

  /** All that are configured, in load order. */
  names(): readonly string[] {
    return this.#names;
  }

  /**
   * The broker that an API caller named.
   * @param metadata of the request, which an HTTP answer shows; null for none
   * @throws ApiError when there is none of that name, or no broker at all, or it can't start
   */
  find(name: string, metadata: StringMap | null = null): Awaitable<OpenBroker> {
    if (this.#components.size === 0) throw FAIL.pubsubNotConfigured(name, metadata);
    if (name === '') throw FAIL.pubsubNameEmpty();
    if (this.#components.has(name)) return this.#components.driver(name);
    throw FAIL.pubsubNotFound(name, metadata);
  }

  /** A broker that is configured (see `has`). @throws ApiError UNAVAILABLE while it can't start: `changed` says when it runs. */
  opened(name: string): Awaitable<OpenBroker> {
    return this.#components.driver(name);
  }

  status(): ReturnType<ComponentSet<OpenBroker>['status']> {
    return this.#components.status();
  }

  close(): Promise<void> {
    return this.#components.close();
  }
}

/** The table with each driver's factory making an OpenBroker. */
function withLayout(table: DriverTable<Broker>, owner: Owner): DriverTable<OpenBroker> {
  return Object.fromEntries(Object.entries(table).map(([type, load]) => [type, async (): Promise<OpenDriver<OpenBroker>> => {
    const open = await load();
    return (spec, context, signal) => {
      const layout = layOut(spec, owner, context.log);
      return whenReady(open(spec, context, signal), (driver) => openBroker(spec.name, driver, layout));
    };
  }]));
}

/** @throws InvalidMetadata */
function layOut(spec: ComponentSpec, { appId, namespace }: Owner, log: Logger): Layout {
  const fields = readBlockFields(spec, log);
  const prefix = spec.namespaceScoped === true ? namespace : '';
  return {
    appId,
    ...scopesOf(fields, appId),
    toBroker: prefix === '' ? same : (topic) => prefix + topic,
    fromBroker: prefix === '' ? same : (topic) => topic.replace(prefix, ''),
    poisonThreshold: fields.poisonThreshold,
    maxRetries: fields.deliveryMaxRetries,
  };
}

function openBroker(name: string, driver: Broker, layout: Layout): OpenBroker {
  return { name, driver, ...layout, hasTtl: driver.features.includes('MESSAGE_TTL'), features: driver.features, close: () => driver.close() };
}

const same = (topic: string): string => topic;
