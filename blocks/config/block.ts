// The configuration block: reads, and subscriptions over streams and to the application, on any store.
import { ROUTE } from '../../proto/routes.ts';
import { whenReady } from '../awaitable.ts';
import type { Method, OpenBlock } from '../block.ts';
import type { DriverTable } from '../components.ts';
import { DRIVERS } from './drivers.ts';
import { get } from './get.ts';
import * as grpc from './grpc.ts';
import * as http from './http.ts';
import { Ledger } from './ledger.ts';
import type { GetAnswer, GetRequest, SubscribeRequest, UnsubscribeAnswer, UnsubscribeRequest } from './requests.ts';
import type { ConfigStore } from './store.ts';
import { Stores } from './stores.ts';
import { Subscriptions } from './subscriptions.ts';

export const openConfigBlock: OpenBlock = configBlock(DRIVERS);

/** The block over a table of drivers. */
export function configBlock(table: DriverTable<ConfigStore>): OpenBlock {
  return (init, host) => {
    const ledger = new Ledger(host.checkpoints);
    const stores = new Stores(table, init, { host, ledger, opened: (store) => subscriptions.opened(store) }); // drivers load in a later turn
    const subscriptions = new Subscriptions(init, host, ledger, stores);

    const read: Method<GetRequest, GetAnswer> = {
      ...grpc.getForm, ...http.getForm,
      run: (request, scope) => whenReady(stores.find(request.store), (store) => get(store, request, scope)),
    };
    const subscribe: Method<SubscribeRequest, string> = {
      ...grpc.subscribeForm, ...http.subscribeForm,
      run: (request, scope) => whenReady(stores.find(request.store), (store) => subscriptions.subscribe(store, request, scope)),
    };
    const unsubscribe: Method<UnsubscribeRequest, UnsubscribeAnswer> = {
      ...grpc.unsubscribeForm, ...http.unsubscribeForm,
      run: ({ store, id }) => {
        if (store !== undefined) stores.check(store);
        const ok = subscriptions.unsubscribe(id, store);
        if (ok && store === undefined) host.log.warn({ subscription: id }, 'UnsubscribeConfiguration is deprecated over gRPC: close the stream of the subscription instead');
        return { ok, id };
      },
    };

    return {
      methods: new Map<number, Method>([
        [ROUTE.GetConfiguration.id, read],
        [ROUTE.GetConfigurationAlpha1.id, read],
        [ROUTE.SubscribeConfiguration.id, subscribe],
        [ROUTE.SubscribeConfigurationAlpha1.id, subscribe],
        [ROUTE.UnsubscribeConfiguration.id, unsubscribe],
        [ROUTE.UnsubscribeConfigurationAlpha1.id, unsubscribe],
      ]),
      streams: new Map([
        [ROUTE.SubscribeConfiguration.id, subscriptions.stream],
        [ROUTE.SubscribeConfigurationAlpha1.id, subscriptions.stream],
      ]),
      components: () => stores.status(),
      appChanged: (state) => subscriptions.appChanged(state),
      pause: () => subscriptions.pause(),
      resume: () => subscriptions.resume(),
      handsOver: () => !subscriptions.isEmpty || stores.handsOver(),
      handOver: () => {
        subscriptions.handOver();
        stores.handOver();
      },
      close: async () => {
        subscriptions.close();
        await stores.close();
      },
    };
  };
}
