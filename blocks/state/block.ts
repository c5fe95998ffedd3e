// The state block: each method is a gRPC form, an HTTP form and one operation on an open store.
import { ROUTE } from '../../proto/routes.ts';
import type { BlockHost, CallScope, Method, OpenBlock } from '../block.ts';
import type { DriverTable } from '../components.ts';
import type { Awaitable } from '../driver.ts';
import { DRIVERS } from './drivers.ts';
import * as grpc from './grpc.ts';
import * as http from './http.ts';
import { bulkGet, get, query } from './reads.ts';
import type { StateStore } from './store.ts';
import { Stores, type OpenStore } from './stores.ts';
import { bulkRemove, remove, save, transact } from './writes.ts';

export const openStateBlock: OpenBlock<BlockHost> = stateBlock(DRIVERS);

/** The block over a table of drivers. */
export function stateBlock(table: DriverTable<StateStore>): OpenBlock<BlockHost> {
  return (init, host) => {
    const stores = new Stores(table, init, host);

    /** The method of two forms and an operation. The store comes first: what else is wrong shows only if there is one. */
    const method = <Request extends { readonly store: string }, Response>(
      forms: Omit<Method<Request, Response>, 'run'>,
      operation: (store: OpenStore, request: Request, scope: CallScope) => Awaitable<Response>,
    ): Method<Request, Response> => ({
      decodeGrpc: forms.decodeGrpc, encodeGrpc: forms.encodeGrpc, decodeHttp: forms.decodeHttp, encodeHttp: forms.encodeHttp,
      run: (request, scope) => {
        const store = stores.find(request.store);
        return store instanceof Promise ? later(store, operation, request, scope) : operation(store, request, scope);
      },
    });

    return {
      methods: new Map<number, Method>([
        [ROUTE.GetState.id, method({ ...grpc.getForm, ...http.getForm }, get)],
        [ROUTE.GetBulkState.id, method({ ...grpc.bulkGetForm, ...http.bulkGetForm }, bulkGet)],
        [ROUTE.SaveState.id, method({ ...grpc.saveForm, ...http.saveForm }, save)],
        [ROUTE.DeleteState.id, method({ ...grpc.deleteForm, ...http.deleteForm }, remove)],
        [ROUTE.DeleteBulkState.id, method({ ...grpc.bulkDeleteForm, ...http.bulkDeleteForm }, bulkRemove)],
        [ROUTE.ExecuteStateTransaction.id, method({ ...grpc.transactionForm, ...http.transactionForm }, transact)],
        [ROUTE.QueryStateAlpha1.id, method({ ...grpc.queryForm, ...http.queryForm }, query)],
      ]),
      components: () => stores.status(),
      handsOver: () => stores.handsOver(),
      handOver: () => stores.handOver(),
      close: () => stores.close(),
    };
  };
}

/** Apart from `run`, so that the common case makes no closure. */
function later<Request, Response>(
  store: Promise<OpenStore>, operation: (store: OpenStore, request: Request, scope: CallScope) => Awaitable<Response>, request: Request, scope: CallScope,
): Promise<Response> {
  return store.then((open) => operation(open, request, scope));
}
