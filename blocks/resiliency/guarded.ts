// What every driver under a guard has in common; the files called guarded.ts in the blocks add what theirs can do.
import type { CallScope } from '../block.ts';
import type { Driver } from '../driver.ts';
import type { Guard } from './guard.ts';

/** What it has of `Driver`: the driver's own, but that nothing is retried once it closes. */
export function guarded(driver: Driver, guard: Guard): Driver {
  return {
    features: driver.features,
    ...(driver.handOver === undefined ? {} : { handOver: () => driver.handOver?.() }),
    close: () => {
      guard.close();
      return driver.close();
    },
  };
}

/** The scope of a call that nobody gives up. */
export const ALONE: CallScope = { signal: new AbortController().signal };
