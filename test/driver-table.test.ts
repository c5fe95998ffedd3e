// What a block adds to its drivers: where it fails the driver is closed again, and what every driver offers goes through.
import { describe, expect, it, vi } from 'vitest';
import { ComponentSet, type DriverTable } from '../blocks/components.ts';
import { keepingTable, type Additions, type Keeping } from '../blocks/driver-table.ts';
import type { ComponentSpec, Driver } from '../blocks/driver.ts';
import { NO_METER } from '../blocks/meter.ts';
import { eventually } from './harness/awaiting.ts';
import { componentSpec, driverContext, memoryLog } from './support.ts';

interface Kept extends Driver {
  readonly label: string;
}

const guarding: Keeping<Driver, Kept, string>['guarding'] = { meter: NO_METER, load: async () => (driver) => driver };

/** A set of one component, whose driver is kept with a label. */
function kept(driver: Driver, keep: (label: string) => Promise<Additions<Kept>> | Additions<Kept> = (label) => ({ label }), spec: Partial<ComponentSpec> = {}): ComponentSet<Kept> {
  const table: DriverTable<Kept> = keepingTable<Driver, Kept, string>({ 'a.b': async () => () => driver }, { plan: ({ name }) => `label of ${name}`, keep: (_, label) => keep(label), guarding });
  return new ComponentSet('thing', table, [{ ...componentSpec('a.b', {}, 'c'), ...spec }], driverContext(memoryLog()), () => undefined);
}

describe('a driver that is kept', () => {
  it('is what the block adds, over what every driver offers', async () => {
    const [close, handOver] = [vi.fn(), vi.fn()];
    const set = kept({ features: ['F'], close, handOver });
    const driver = await set.driver('c');
    expect([driver.label, driver.features]).toEqual(['label of c', ['F']]);
    expect(set.handsOver()).toBe(true);
    set.handOver();
    expect(handOver).toHaveBeenCalledTimes(1);
    await set.close();
    expect(close).toHaveBeenCalledTimes(1);
  });

  it('hands over nothing where its data does not live in it alone, and says what it is told to do when it can\'t start', async () => {
    const set = kept({ features: [], close: () => undefined }, (label) => ({ label, features: ['MINE'] }), { initFailure: 'exit' });
    expect('handOver' in (await set.driver('c'))).toBe(false);
    expect(set.handsOver()).toBe(false);
    set.handOver();
    expect(set.status()).toMatchObject([{ capabilities: ['MINE'], initFailure: 'exit' }]);
  });

  it.each(['at once', 'later'])('is closed again where nothing can be added to it, %s', async (when) => {
    const close = vi.fn();
    const set = kept({ features: [], close }, () => {
      if (when === 'later') return Promise.reject(new Error('no label'));
      throw new Error('no label');
    });
    await expect((async () => set.driver('c'))()).rejects.toThrow('no label');
    expect(close).toHaveBeenCalled();
    await set.close();
  });

  it('that throws while it hands over is heard', async () => {
    const set = kept({ features: [], close: () => undefined, handOver: () => { throw new Error('too much'); } });
    await eventually('it runs', () => set.status()[0]?.state === 'ready');
    expect(() => set.handOver()).toThrow('too much');
  });
});
