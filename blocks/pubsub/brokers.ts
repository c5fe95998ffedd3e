// The brokers of a block with what Dapr adds to each: scopes, topics of a namespace, and the answers for a broker that
// isn't there.
import { FAIL } from '../../proto/failures.ts';
import type { BlockHost, BlockInit, Logger } from '../block.ts';
import { ComponentSet, type DriverTable } from '../components.ts';
import { keepingTable } from '../driver-table.ts';
import type { Awaitable, ComponentSpec, Driver } from '../driver.ts';
import type { Meter } from '../meter.ts';
import type { Guard } from '../resiliency/guard.ts';
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
  /** The policies for deliveries; undefined: none apply. Each subscription forks a guard for itself. */
  readonly inbound: Guard | undefined;
}

type Layout = Omit<OpenBroker, 'name' | 'driver' | 'hasTtl' | 'inbound' | keyof Driver>;

export class Brokers extends ComponentSet<OpenBroker> {
  readonly #names: readonly string[];

  constructor(table: DriverTable<Broker>, specs: readonly ComponentSpec[], { appId, namespace, elsewhere = [], replicas }: Owner & Partial<Pick<BlockInit, 'elsewhere' | 'replicas'>>, host: BlockHost) {
    super('pubsub', withLayout(table, { appId, namespace }, host.meter), specs, { appId, namespace, log: host.log, checkpoints: host.checkpoints, replicas }, host.changed, elsewhere);
    this.#names = specs.map(({ name }) => name);
  }

  /** All that are configured, in load order. */
  names(): readonly string[] {
    return this.#names;
  }

  /** Whether another life takes over in a while: see the driver's. */
  keepForSuccessor(on: boolean): void {
    for (const { driver } of this.running()) driver.keepForSuccessor?.(on);
  }

  /**
   * The broker that an API caller named.
   * @param metadata of the request, which an HTTP answer shows; null for none
   * @throws ApiError when there is none of that name, or no broker at all, or it can't start
   */
  find(name: string, metadata: StringMap | null = null): Awaitable<OpenBroker> {
    if (!this.isConfigured) throw FAIL.pubsubNotConfigured(name, metadata);
    if (name === '') throw FAIL.pubsubNameEmpty();
    if (this.has(name)) return this.driver(name);
    throw FAIL.pubsubNotFound(name, metadata);
  }
}

/** The table with each driver's factory making an OpenBroker. */
function withLayout(table: DriverTable<Broker>, owner: Owner, meter: Meter): DriverTable<OpenBroker> {
  return keepingTable(table, {
    plan: (spec, { log }) => layOut(spec, owner, log),
    keep: (driver, layout, { spec, guards: { inbound } }) => ({ name: spec.name, driver, ...layout, hasTtl: driver.features.includes('MESSAGE_TTL'), inbound }),
    guarding: { meter, load: async () => (await import('./guarded.ts')).guardedBroker },
  });
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

const same = (topic: string): string => topic;
