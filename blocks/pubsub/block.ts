// The pub/sub block: publishing over the brokers of the block, and the subscriptions that deliver their messages.
import { ROUTE } from '../../proto/routes.ts';
import type { OpenBlock } from '../block.ts';
import type { DriverTable } from '../components.ts';
import type { Broker } from './broker.ts';
import { Brokers } from './brokers.ts';
import { DRIVERS } from './drivers.ts';
import { publishMethods } from './publish/methods.ts';
import { Subscriptions } from './subscribe/reconcile.ts';

export const openPubsubBlock: OpenBlock = pubsubBlock(DRIVERS);

/** The block over a table of drivers. */
export function pubsubBlock(table: DriverTable<Broker>): OpenBlock {
  return (init, host) => {
    const changed = (): void => {
      host.changed();
      queueMicrotask(() => subscriptions.componentsChanged()); // a component of an unknown type fails before there are any
    };
    const brokers = new Brokers(table, init.components, init, { log: host.log, checkpoints: host.checkpoints, meter: host.meter, changed });
    const subscriptions = new Subscriptions(init, host, brokers);

    return {
      methods: publishMethods(brokers, init.tracing),
      streams: new Map([[ROUTE.SubscribeTopicEventsAlpha1.id, subscriptions.stream]]),
      components: () => brokers.status(),
      subscriptions: () => subscriptions.status(),
      appChanged: (state) => subscriptions.appChanged(state),
      pause: (forGood) => {
        if (forGood) return subscriptions.pause();
        brokers.keepForSuccessor(true);
        return subscriptions.rest();
      },
      resume: () => {
        brokers.keepForSuccessor(false);
        return subscriptions.resume();
      },
      handsOver: () => brokers.handsOver(),
      handOver: () => brokers.handOver(),
      close: async () => {
        await subscriptions.close();
        await brokers.close();
      },
    };
  };
}
