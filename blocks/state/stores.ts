// The stores of a block with what Dapr adds to each: key prefix, encryption, and the answers for a store that isn't there.
import { FAIL } from '../../proto/failures.ts';
import { whenReady } from '../awaitable.ts';
import type { BlockHost, Logger } from '../block.ts';
import { ComponentSet, type DriverTable, type OpenDriver } from '../components.ts';
import type { Awaitable, ComponentSpec, Driver } from '../driver.ts';
import { openEncryption, type Encryption } from './encryption.ts';
import { keyPrefix, type Owner } from './keys.ts';
import type { StateStore } from './store.ts';

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

export class Stores {
  readonly #components: ComponentSet<OpenStore>;
  readonly #owner: Owner;

  constructor(table: DriverTable<StateStore>, specs: readonly ComponentSpec[], owner: Owner, host: BlockHost) {
    this.#owner = owner;
    this.#components = new ComponentSet('state store', withLayout(table, owner), specs, { ...owner, log: host.log, checkpoints: host.checkpoints }, host.changed);
  }

  /** The store of that name. @throws ApiError when there is none, or no store at all, or it can't start. */
  find(name: string): Awaitable<OpenStore> {
    if (this.#components.has(name)) return this.#components.driver(name);
    throw this.#components.size === 0 ? FAIL.stateNotConfigured(name, this.#owner.appId) : FAIL.stateNotFound(name, this.#owner.appId);
  }

  status(): ReturnType<ComponentSet<OpenStore>['status']> {
    return this.#components.status();
  }

  close(): Promise<void> {
    return this.#components.close();
  }
}

/** The table with each driver's factory making an OpenStore. */
function withLayout(table: DriverTable<StateStore>, owner: Owner): DriverTable<OpenStore> {
  const layouts = new Map<string, Layout>(); // a component that is tried again is not announced again
  return Object.fromEntries(Object.entries(table).map(([type, load]) => [type, async (): Promise<OpenDriver<OpenStore>> => {
    const open = await load();
    return (spec, context, signal) => {
      const layout = layouts.get(spec.name) ?? layOut(spec, owner, context.log);
      layouts.set(spec.name, layout);
      return whenReady(open(spec, context, signal), (driver) => openStore(spec.name, driver, layout));
    };
  }]));
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

function openStore(name: string, driver: StateStore, { prefix, encryption }: Layout): OpenStore {
  return {
    name, driver, prefix, encryption,
    canQuery: driver.features.includes('QUERY_API'),
    features: withActor(driver.features),
    close: () => driver.close(),
  };
}

/** Dapr lists what actors need, etags and transactions, as one more capability. */
function withActor(features: readonly string[]): readonly string[] {
  const able = features.includes('ETAG') && features.includes('TRANSACTIONAL') && !features.includes('ACTOR');
  return able ? [...features, 'ACTOR'] : features;
}
