// The lock stores of a block, each with its prefix for keys, and the answers for a lock that can't be.
import type { ApiError } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import { whenReady } from '../awaitable.ts';
import type { BlockHost, BlockInit } from '../block.ts';
import { ComponentSet, type DriverTable, type OpenDriver } from '../components.ts';
import type { Awaitable, Driver } from '../driver.ts';
import { illegalText, isIllegal, keyPrefix } from './keys.ts';
import type { LockName } from './requests.ts';
import type { LockStore } from './store.ts';

/** A store that runs, and how its keys are made. */
interface OpenStore extends Driver {
  readonly driver: LockStore;
  /** In front of every resource. */
  readonly prefix: string;
}

/** Where a lock lies. */
export interface Place {
  readonly driver: LockStore;
  /** The stored key. */
  readonly key: string;
}

export class Stores {
  readonly #components: ComponentSet<OpenStore>;

  constructor(table: DriverTable<LockStore>, { components, appId, namespace }: BlockInit, host: BlockHost) {
    this.#components = new ComponentSet('lock store', withPrefix(table, appId), components, { appId, namespace, log: host.log, checkpoints: host.checkpoints }, host.changed);
  }

  /**
   * Where a lock lies. The checks come in the contract's order.
   * @param illegal makes the failure for a resource that can't be a key
   * @throws ApiError
   */
  locate({ store, resource, owner }: LockName, illegal: (text: string) => ApiError): Awaitable<Place> {
    if (this.#components.size === 0) throw FAIL.lockNotConfigured();
    if (resource === '') throw FAIL.lockEmpty('ResourceId', store);
    if (owner === '') throw FAIL.lockEmpty('LockOwner', store);
    if (!this.#components.has(store)) throw FAIL.lockNotFound(store);
    return whenReady(this.#components.driver(store), ({ driver, prefix }) => {
      if (isIllegal(resource)) throw illegal(illegalText(resource));
      return { driver, key: prefix + resource };
    });
  }

  status(): ReturnType<ComponentSet<OpenStore>['status']> {
    return this.#components.status();
  }

  close(): Promise<void> {
    return this.#components.close();
  }
}

/** The table with each driver's factory making an OpenStore. */
function withPrefix(table: DriverTable<LockStore>, appId: string): DriverTable<OpenStore> {
  return Object.fromEntries(Object.entries(table).map(([type, load]) => [type, async (): Promise<OpenDriver<OpenStore>> => {
    const open = await load();
    return (spec, context, signal) => {
      const prefix = keyPrefix(spec, appId);
      return whenReady(open(spec, context, signal), (driver) => ({ driver, prefix, features: driver.features, close: () => driver.close() }));
    };
  }]));
}
