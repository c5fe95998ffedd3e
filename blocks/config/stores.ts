// The stores of a block, each with the hub that knows its keys, and the answers for a store that isn't there.
import { FAIL } from '../../proto/failures.ts';
import { whenReady } from '../awaitable.ts';
import type { BlockHost, BlockInit } from '../block.ts';
import { ComponentSet, type DriverTable, type OpenDriver } from '../components.ts';
import type { Awaitable, Driver } from '../driver.ts';
import { readBlockFields, type BlockFields } from './fields.ts';
import { Hub } from './hub.ts';
import type { Ledger } from './ledger.ts';
import type { ConfigStore } from './store.ts';

/** A store that runs. */
export interface OpenStore extends Driver {
  readonly name: string;
  readonly driver: ConfigStore;
  readonly hub: Hub;
}

/** What a store that has just been opened is made with. */
interface Frame {
  readonly host: BlockHost;
  readonly ledger: Ledger;
  /** Runs before anybody else gets hold of the store. */
  readonly opened: (store: OpenStore) => void;
}

export class Stores {
  readonly #components: ComponentSet<OpenStore>;

  constructor(table: DriverTable<ConfigStore>, { components, appId, namespace }: BlockInit, frame: Frame) {
    const { log, checkpoints, changed } = frame.host;
    this.#components = new ComponentSet('configuration store', withHub(table, frame), components, { appId, namespace, log, checkpoints }, changed);
  }

  /** Whether such a store is configured; it need not run. */
  has(name: string): boolean {
    return this.#components.has(name);
  }

  /** @throws ApiError when there is no store of that name, or no store at all */
  check(name: string): void {
    if (this.#components.size === 0) throw FAIL.configurationNotConfigured();
    if (!this.#components.has(name)) throw FAIL.configurationNotFound(name);
  }

  /** @throws ApiError as `check`, or when the store can't start */
  find(name: string): Awaitable<OpenStore> {
    this.check(name);
    return this.#components.driver(name);
  }

  status(): ReturnType<ComponentSet<OpenStore>['status']> {
    return this.#components.status();
  }

  close(): Promise<void> {
    return this.#components.close();
  }
}

/** The table with each driver's factory making an OpenStore. */
function withHub(table: DriverTable<ConfigStore>, frame: Frame): DriverTable<OpenStore> {
  return Object.fromEntries(Object.entries(table).map(([type, load]) => [type, async (): Promise<OpenDriver<OpenStore>> => {
    const open = await load();
    return (spec, context, signal) => {
      const fields = readBlockFields(spec, context.log);
      return whenReady(open(spec, context, signal), (driver) => openStore(spec.name, driver, fields, frame));
    };
  }]));
}

function openStore(name: string, driver: ConfigStore, fields: BlockFields, { host, ledger, opened }: Frame): OpenStore {
  const hub = new Hub(name, driver, fields, ledger, host.log);
  const store: OpenStore = {
    name, driver, hub,
    features: driver.features,
    close: () => {
      hub.close();
      return driver.close();
    },
  };
  opened(store);
  return store;
}
