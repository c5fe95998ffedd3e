// The stores of a block with what the block adds to each: the key's prefix, segments for weak calls, the floors that are
// checked before a store serves, and the answers for a store that isn't there.
import { FAIL } from '../../proto/failures.ts';
import type { BlockHost, BlockInit, Logger } from '../block.ts';
import { ComponentSet, type DriverTable } from '../components.ts';
import { keepingTable, type Additions } from '../driver-table.ts';
import type { Awaitable, Driver } from '../driver.ts';
import type { Meter } from '../meter.ts';
import { sequencerSettings, type SequencerSettings } from './fields.ts';
import { isIllegalKey, keyPrefix } from './keys.ts';
import { RisingStore } from './rising.ts';
import { Segments } from './segments.ts';
import { SequenceExhausted, type SequenceStore } from './store.ts';

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

export class Stores extends ComponentSet<OpenStore> {
  /** The only store, where it has this life for itself. */
  readonly #only: string | undefined;
  /** Another life goes on with the counters that live in this one. */
  #handedOver = false;

  constructor(table: DriverTable<SequenceStore>, { appId, namespace, components, elsewhere, isolated, replicas }: BlockInit, host: BlockHost) {
    super('sequencer store', withSegments(table, host.meter), components, { appId, namespace, log: host.log, checkpoints: host.checkpoints, replicas }, host.changed, elsewhere);
    this.#only = isolated === true ? components[0]?.name : undefined;
  }

  /** The store of that name, for that key. @throws ApiError when there is none, or no store at all, or no key, or it can't start. */
  find(name: string, key: string): Awaitable<OpenStore> {
    if (!this.isConfigured) throw FAIL.sequencerNotConfigured();
    if (key === '') throw FAIL.sequencerRequest(`Key is empty in sequencer store ${name}`);
    if (this.has(name)) return this.#handedOver ? this.#stillOurs(name) : this.driver(name);
    // Calls come where their store is. A stream goes where its first request wants, and a later one may want something else.
    if (this.#only !== undefined) throw FAIL.sequencerElsewhere(name, this.#only);
    throw this.isElsewhere(name) ? FAIL.sequencerElsewhere(name, name) : FAIL.sequencerNotFound(name);
  }

  override handOver(): void {
    super.handOver();
    this.#handedOver = true;
  }

  /** Nobody took over. */
  resume(): void {
    this.#handedOver = false;
  }

  /** A stream may ask so late. @throws ApiError */
  async #stillOurs(name: string): Promise<OpenStore> {
    const store = await this.driver(name);
    if (store.handOver !== undefined) throw FAIL.blockRestarted('sequencer');
    return store;
  }
}

/** What the component's fields come to. */
interface Plan {
  readonly settings: SequencerSettings;
  readonly prefix: string;
}

/** The table with each driver's factory making an OpenStore. */
function withSegments(table: DriverTable<SequenceStore>, meter: Meter): DriverTable<OpenStore> {
  return keepingTable(table, {
    plan: (spec, { log, appId }): Plan => {
      const settings = sequencerSettings(spec, log);
      return { settings, prefix: keyPrefix(settings.keyPrefix, spec, appId) };
    },
    keep: async (driver, plan, { spec, context, signal }) => {
      await checkFloors(driver, plan, signal);
      return openStore(spec.name, driver, plan, context.log);
    },
    guarding: { meter, load: async () => (await import('./guarded.ts')).guardedStore, isAnswer: (cause) => cause instanceof SequenceExhausted },
  });
}

/**
 * A store that gave fewer ids than somebody knows of has lost some. Not for good: it is looked at again when the component is
 * tried again, so it starts once the data is back.
 * @throws Error
 */
async function checkFloors(driver: SequenceStore, { settings: { floors }, prefix }: Plan, signal: AbortSignal): Promise<void> {
  for (const [key, floor] of floors) {
    const stored = isIllegalKey(key) ? key : prefix + key; // no key of an app: the stored one, which is how Layotto's are given
    const last = await driver.last(stored, { signal });
    if (last < floor) throw new Error(`the sequence of key "${key}" (${stored}) is at ${last}, and biggerThan demands ${floor} at least`);
  }
}

function openStore(name: string, driver: SequenceStore, { settings, prefix }: Plan, log: Logger): Additions<OpenStore> {
  const store = new RisingStore(driver, name, log);
  const segments = new Segments((key, count, scope) => store.take(prefix + key, count, scope), settings);
  return {
    name, store, segments, prefix,
    close: async () => {
      segments.close();
      await store.close();
    },
  };
}
