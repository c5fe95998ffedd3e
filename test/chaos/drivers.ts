// The fault components: stores in memory that work as any other, until a call asks for a failure (failures.ts).
import type { OutgoingMessage } from '../../blocks/pubsub/broker.ts';
import type { DriverContext, OpenDriver } from '../../blocks/components.ts';
import type { ComponentSpec, Driver } from '../../blocks/driver.ts';
import { failAsAsked } from './failures.ts';
import { chaosHere } from './registry.ts';

type Method = (...args: unknown[]) => unknown;
/** Where a method's arguments have the text that may ask for a failure. */
type Texts = Readonly<Record<string, (...args: never[]) => string>>;

interface Keyed {
  readonly key: string;
}

/** By block. */
export const DRIVERS: Readonly<Record<string, OpenDriver<Driver>>> = {
  state: faulty('state', async () => (await import('../../blocks/state/memory.ts')).openMemoryStore, {
    get: ({ key }: Keyed) => key,
    getMany: (reads: readonly Keyed[]) => reads.map(({ key }) => key).join(' '),
    set: ({ key }: Keyed) => key,
    delete: ({ key }: Keyed) => key,
    transact: (operations: readonly Keyed[]) => operations.map(({ key }) => key).join(' '),
  }),
  pubsub: faulty('pubsub', async () => (await import('../../blocks/pubsub/memory/broker.ts')).openMemoryBroker, { publish: (topic: string, _message: OutgoingMessage) => topic }),
  config: faulty('config', async () => (await import('../../blocks/config/memory.ts')).openMemoryConfig, { get: (keys: readonly string[] | 'all') => (keys === 'all' ? '' : keys.join(' ')) }),
  lock: faulty('lock', async () => (await import('../../blocks/lock/memory.ts')).openMemoryLockStore, { tryLock: ({ key }: Keyed) => key, renew: ({ key }: Keyed) => key, unlock: ({ key }: Keyed) => key }),
  sequencer: faulty('sequencer', async () => (await import('../../blocks/sequencer/memory.ts')).openMemoryStore, { take: (key: string) => key }),
};

function faulty(block: string, load: () => Promise<OpenDriver<Driver>>, texts: Texts): OpenDriver<Driver> {
  return async (spec: ComponentSpec, context: DriverContext, signal: AbortSignal) => {
    if (chaosHere().orders.claim(block, 'open-hang')) await new Promise(() => {});
    const open = await load();
    const driver = await open(spec, context, signal);
    const methods = new Map<string | symbol, Method>();
    for (const [name, textOf] of Object.entries(texts)) {
      const method = (driver as unknown as Record<string, Method>)[name];
      if (method === undefined) continue;
      methods.set(name, (...args) => {
        const failing = failAsAsked((textOf as Method)(...args) as string, { block, log: context.log });
        return failing === undefined ? method.apply(driver, args) : failing.then(() => method.apply(driver, args));
      });
    }
    return new Proxy(driver, {
      get: (target, name) => {
        const own = methods.get(name);
        if (own !== undefined) return own;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value as Method).bind(target) : value;
      },
    });
  };
}
