// The stores of a block with what Dapr adds to each: key prefix, encryption, and the answers for a store that isn't there.
import { FAIL } from '../../proto/failures.ts';
import type { BlockHost, BlockInit, Logger } from '../block.ts';
import { ComponentSet, type DriverTable } from '../components.ts';
import { keepingTable, type Additions } from '../driver-table.ts';
import type { Awaitable, ComponentSpec, Driver } from '../driver.ts';
import type { Meter } from '../meter.ts';
import { openEncryption, type Encryption } from './encryption.ts';
import { keyPrefix, type Owner } from './keys.ts';
import { EtagInvalid, EtagMismatch, type StateStore } from './store.ts';

/** A store that runs, and how its data is laid out. */
export interface OpenStore extends Driver {
  readonly name: string;
  readonly driver: StateStore;
  /** In front of every key; `''` for none. */
  readonly prefix: string;
  readonly encryption: Encryption | undefined;
  readonly canQuery: boolean;
}

type Layout = Pick<OpenStore, 'prefix' | 'encryption'>;

export class Stores extends ComponentSet<OpenStore> {
  readonly #owner: Owner;

  constructor(table: DriverTable<StateStore>, { components, elsewhere, appId, namespace, replicas }: BlockInit, host: BlockHost) {
    const owner: Owner = { appId, namespace };
    super('state store', withLayout(table, owner, host.meter), components, { ...owner, log: host.log, checkpoints: host.checkpoints, replicas }, host.changed, elsewhere);
    this.#owner = owner;
  }

  /** The store of that name. @throws ApiError when there is none, or no store at all, or it can't start. */
  find(name: string): Awaitable<OpenStore> {
    if (this.has(name)) return this.driver(name);
    throw this.isConfigured ? FAIL.stateNotFound(name, this.#owner.appId) : FAIL.stateNotConfigured(name, this.#owner.appId);
  }
}

/** The table with each driver's factory making an OpenStore. */
function withLayout(table: DriverTable<StateStore>, owner: Owner, meter: Meter): DriverTable<OpenStore> {
  const layouts = new Map<string, Layout>(); // a component that is tried again is not announced again
  return keepingTable(table, {
    plan: (spec, { log }) => {
      const layout = layouts.get(spec.name) ?? layOut(spec, owner, log);
      layouts.set(spec.name, layout);
      return layout;
    },
    keep: (driver, layout, { spec }) => openStore(spec.name, driver, layout),
    guarding: { meter, load: async () => (await import('./guarded.ts')).guardedStore, isAnswer },
  });
}

function layOut(spec: ComponentSpec, owner: Owner, log: Logger): Layout {
  const encryption = openEncryption(spec);
  if (encryption !== undefined) log.info({ component: spec.name }, `Automatic encryption enabled for state store ${spec.name}`);
  else if (spec.metadata.some(({ name }) => name.toLowerCase() === 'primaryencryptionkey')) {
    // Dapr is silent about it. Data in the clear that its owner believes encrypted is worth a line.
    log.warn({ component: spec.name }, `Encryption is off for state store ${spec.name}: primaryEncryptionKey has to be spelt like this, and to be a secretKeyRef of a secret store that is loaded`);
  }
  return { prefix: keyPrefix(spec, owner), encryption };
}

function openStore(name: string, driver: StateStore, { prefix, encryption }: Layout): Additions<OpenStore> {
  return {
    name, driver, prefix, encryption,
    canQuery: driver.features.includes('QUERY_API'),
    features: withActor(driver.features),
  };
}

/** A store that refuses an etag works. */
const isAnswer = (cause: unknown): boolean => cause instanceof EtagMismatch || cause instanceof EtagInvalid;

/** Dapr lists what actors need, etags and transactions, as one more capability. */
function withActor(features: readonly string[]): readonly string[] {
  const able = features.includes('ETAG') && features.includes('TRANSACTIONAL') && !features.includes('ACTOR');
  return able ? [...features, 'ACTOR'] : features;
}
