// The lock stores of a block, each with its prefix for keys, and the answers for a lock that can't be.
import type { ApiError } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import { whenReady } from '../awaitable.ts';
import type { BlockHost, BlockInit } from '../block.ts';
import { ComponentSet, type DriverTable } from '../components.ts';
import { keepingTable } from '../driver-table.ts';
import type { Awaitable, Driver } from '../driver.ts';
import type { Meter } from '../meter.ts';
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

export class Stores extends ComponentSet<OpenStore> {
  constructor(table: DriverTable<LockStore>, { components, elsewhere, appId, namespace, replicas }: BlockInit, host: BlockHost) {
    super('lock store', withPrefix(table, appId, host.meter), components, { appId, namespace, log: host.log, checkpoints: host.checkpoints, replicas }, host.changed, elsewhere);
  }

  /**
   * Where a lock lies. The checks come in the contract's order.
   * @param illegal makes the failure for a resource that can't be a key
   * @throws ApiError
   */
  locate({ store, resource, owner }: LockName, illegal: (text: string) => ApiError): Awaitable<Place> {
    if (!this.isConfigured) throw FAIL.lockNotConfigured();
    if (resource === '') throw FAIL.lockEmpty('ResourceId', store);
    if (owner === '') throw FAIL.lockEmpty('LockOwner', store);
    if (!this.has(store)) throw FAIL.lockNotFound(store);
    return whenReady(this.driver(store), ({ driver, prefix }) => {
      if (isIllegal(resource)) throw illegal(illegalText(resource));
      return { driver, key: prefix + resource };
    });
  }
}

/** The table with each driver's factory making an OpenStore. */
function withPrefix(table: DriverTable<LockStore>, appId: string, meter: Meter): DriverTable<OpenStore> {
  return keepingTable(table, {
    plan: (spec) => keyPrefix(spec, appId),
    keep: (driver, prefix) => ({ driver, prefix }),
    guarding: { meter, load: async () => (await import('./guarded.ts')).guardedStore },
  });
}
