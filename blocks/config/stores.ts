// The stores of a block, each with the hub that knows its keys, and the answers for a store that isn't there.
import { FAIL } from '../../proto/failures.ts';
import type { BlockHost, BlockInit } from '../block.ts';
import { ComponentSet, type DriverTable } from '../components.ts';
import { keepingTable, type Additions } from '../driver-table.ts';
import type { Awaitable, Driver } from '../driver.ts';
import type { Guards } from '../resiliency/guards.ts';
import { readBlockFields, type BlockFields } from './fields.ts';
import { Hub } from './hub.ts';
import type { Ledger } from './ledger.ts';
import type { ConfigStore } from './store.ts';

/** A store that runs. */
export interface OpenStore extends Driver {
  readonly name: string;
  readonly driver: ConfigStore;
  readonly hub: Hub;
  /** The policies of its component, for how subscriptions begin and for pushes to the application. */
  readonly guards: Guards;
}

/** What a store that has just been opened is made with. */
interface Frame {
  readonly host: BlockHost;
  readonly ledger: Ledger;
  /** Runs before anybody else gets hold of the store. */
  readonly opened: (store: OpenStore) => void;
}

export class Stores extends ComponentSet<OpenStore> {
  constructor(table: DriverTable<ConfigStore>, { components, elsewhere, appId, namespace, replicas }: BlockInit, frame: Frame) {
    const { log, checkpoints, changed } = frame.host;
    super('configuration store', withHub(table, frame), components, { appId, namespace, log, checkpoints, replicas }, changed, elsewhere);
  }

  /** @throws ApiError when there is no store of that name, or no store at all */
  check(name: string): void {
    if (!this.isConfigured) throw FAIL.configurationNotConfigured();
    if (!this.has(name)) throw FAIL.configurationNotFound(name);
  }

  /** @throws ApiError as `check`, or when the store can't start */
  find(name: string): Awaitable<OpenStore> {
    this.check(name);
    return this.driver(name);
  }
}

/** The table with each driver's factory making an OpenStore. */
function withHub(table: DriverTable<ConfigStore>, frame: Frame): DriverTable<OpenStore> {
  return keepingTable(table, {
    plan: (spec, { log }) => readBlockFields(spec, log),
    keep: (driver, fields, { spec, guards }) => openStore(spec.name, driver, fields, guards, frame),
    guarding: { meter: frame.host.meter, load: async () => (await import('./guarded.ts')).guardedStore },
  });
}

function openStore(name: string, driver: ConfigStore, fields: BlockFields, guards: Guards, { host, ledger, opened }: Frame): Additions<OpenStore> {
  const hub = new Hub(name, driver, fields, ledger, host.log);
  const store: OpenStore = {
    name, driver, hub, guards,
    features: driver.features,
    close: () => {
      hub.close();
      return driver.close();
    },
  };
  opened(store);
  return store;
}
