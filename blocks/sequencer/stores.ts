// The stores of a block with what the block adds to each: the key's prefix, segments for weak calls, the floors that are
// checked before a store serves, and the answers for a store that isn't there.
import { FAIL } from '../../proto/failures.ts';
import type { BlockHost, BlockInit } from '../block.ts';
import { ComponentSet, type DriverContext, type DriverTable, type OpenDriver } from '../components.ts';
import type { Awaitable, ComponentSpec, Driver } from '../driver.ts';
import { sequencerSettings, type SequencerSettings } from './fields.ts';
import { isIllegalKey, keyPrefix } from './keys.ts';
import { RisingStore } from './rising.ts';
import { Segments } from './segments.ts';
import type { SequenceStore } from './store.ts';

/** A store that runs. */
export interface OpenStore extends Driver {
  readonly name: string;
  /** For strong calls. */
  readonly store: RisingStore;
  /** For weak calls; keys are the app's own. */
  readonly segments: Segments;
  /** In front of every key. */
  readonly prefix: string;
}

export class Stores {
  readonly #components: ComponentSet<OpenStore>;

  constructor(table: DriverTable<SequenceStore>, { appId, namespace, components }: Pick<BlockInit, 'appId' | 'namespace' | 'components'>, host: BlockHost) {
    this.#components = new ComponentSet('sequencer store', withSegments(table), components, { appId, namespace, log: host.log, checkpoints: host.checkpoints }, host.changed);
  }

  /** The store of that name, for that key. @throws ApiError when there is none, or no store at all, or no key, or it can't start. */
  find(name: string, key: string): Awaitable<OpenStore> {
    if (this.#components.size === 0) throw FAIL.sequencerNotConfigured();
    if (key === '') throw FAIL.sequencerRequest(`Key is empty in sequencer store ${name}`);
    if (!this.#components.has(name)) throw FAIL.sequencerNotFound(name);
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
function withSegments(table: DriverTable<SequenceStore>): DriverTable<OpenStore> {
  return Object.fromEntries(Object.entries(table).map(([type, load]) => [type, async (): Promise<OpenDriver<OpenStore>> => {
    const open = await load();
    return async (spec, context, signal) => {
      const settings = sequencerSettings(spec, context.log);
      const prefix = keyPrefix(settings.keyPrefix, spec, context.appId);
      const driver = await open(spec, context, signal);
      try {
        await checkFloors(driver, settings, prefix, signal);
      } catch (cause) {
        await driver.close();
        throw cause;
      }
      return openStore(spec, driver, settings, prefix, context);
    };
  }]));
}

/**
 * A store that gave fewer ids than somebody knows of has lost some. Not for good: it is looked at again when the component is
 * tried again, so it starts once the data is back.
 * @throws Error
 */
async function checkFloors(driver: SequenceStore, { floors }: SequencerSettings, prefix: string, signal: AbortSignal): Promise<void> {
  for (const [key, floor] of floors) {
    const stored = isIllegalKey(key) ? key : prefix + key; // no key of an app: the stored one, which is how Layotto's are given
    const last = await driver.last(stored, { signal });
    if (last < floor) throw new Error(`the sequence of key "${key}" (${stored}) is at ${last}, and biggerThan demands ${floor} at least`);
  }
}

function openStore({ name }: ComponentSpec, driver: SequenceStore, settings: SequencerSettings, prefix: string, { log }: DriverContext): OpenStore {
  const store = new RisingStore(driver, name, log);
  const segments = new Segments((key, count, scope) => store.take(prefix + key, count, scope), settings);
  return {
    name, store, segments, prefix,
    features: driver.features,
    close: async () => {
      segments.close();
      await store.close();
    },
  };
}
