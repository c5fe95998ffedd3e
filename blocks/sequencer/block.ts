// The sequencer block: one operation, once for each call and once for each message of a stream.
import { ROUTE } from '../../proto/routes.ts';
import type { BlockHost, Method, OpenBlock } from '../block.ts';
import type { DriverTable } from '../components.ts';
import { DRIVERS } from './drivers.ts';
import * as grpc from './grpc.ts';
import * as http from './http.ts';
import type { Run } from './ids.ts';
import { nextIds } from './next.ts';
import type { NextIdRequest } from './requests.ts';
import type { SequenceStore } from './store.ts';
import { Stores } from './stores.ts';
import { nextIdsStream } from './stream.ts';

export const openSequencerBlock: OpenBlock<BlockHost> = sequencerBlock(DRIVERS);

/** The block over a table of drivers. */
export function sequencerBlock(table: DriverTable<SequenceStore>): OpenBlock<BlockHost> {
  return (init, host) => {
    const stores = new Stores(table, init, host);
    const nextId: Method<NextIdRequest, readonly Run[]> = {
      ...grpc.nextIdForm,
      ...http.nextIdForm,
      run: (request, scope) => nextIds(stores, request, scope),
    };
    return {
      methods: new Map([[ROUTE.NextId.id, nextId]]),
      streams: new Map([[ROUTE.NextIds.id, nextIdsStream(stores, host.meter)]]),
      components: () => stores.status(),
      handsOver: () => stores.handsOver(),
      handOver: () => stores.handOver(),
      resume: () => stores.resume(),
      close: () => stores.close(),
    };
  };
}
