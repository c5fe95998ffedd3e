// The lock block: each method is a gRPC form, an HTTP form and one operation on a store; locks may be renewed for a stream
// or for the application.
import { setTimeout as sleep } from 'node:timers/promises';
import { FAIL } from '../../proto/failures.ts';
import { ROUTE } from '../../proto/routes.ts';
import { whenReady } from '../awaitable.ts';
import type { Method, OpenBlock, StreamMethod } from '../block.ts';
import type { DriverTable } from '../components.ts';
import { AppHoldings } from './app-holdings.ts';
import { DRIVERS } from './drivers.ts';
import * as grpc from './grpc.ts';
import { HoldStreams } from './hold-stream.ts';
import { Holdings } from './holdings.ts';
import * as http from './http.ts';
import { Locks } from './locks.ts';
import type { RenewRequest, TryLockRequest, TryLockResult, UnlockRequest } from './requests.ts';
import type { LockStore, Release, Renewal } from './store.ts';
import { Stores } from './stores.ts';

export const openLockBlock: OpenBlock = lockBlock(DRIVERS);

/** What the store is asked when another life takes over is waited for so long: calls wait meanwhile. Milliseconds. */
const RENEWAL_MS = 1000;

/** The block over a table of drivers. */
export function lockBlock(table: DriverTable<LockStore>): OpenBlock {
  return (init, host) => {
    const stores = new Stores(table, init, host);
    const holdings = new Holdings((lease, scope) =>
      whenReady(stores.locate(lease, FAIL.renewLock), ({ driver, key }) => driver.renew({ key, owner: lease.owner, expirySeconds: lease.expirySeconds }, scope)));
    const apps = new AppHoldings(init.app, holdings, host);
    const locks = new Locks(stores, holdings, apps);
    const streams = new HoldStreams(locks, holdings, host);
    const tryLock: Method<TryLockRequest, TryLockResult> = { ...grpc.tryLockForm, ...http.tryLockForm, run: (request, scope) => locks.tryLock(request, scope) };
    const unlock: Method<UnlockRequest, Release> = { ...grpc.unlockForm, ...http.unlockForm, run: (request, scope) => locks.unlock(request, scope) };
    const renew: Method<RenewRequest, Renewal> = { ...grpc.renewForm, ...http.renewForm, run: (request, scope) => locks.renew(request, scope) };

    return {
      methods: new Map<number, Method>([[ROUTE.TryLockAlpha1.id, tryLock], [ROUTE.UnlockAlpha1.id, unlock], [ROUTE.RenewLock.id, renew]]),
      streams: new Map<number, StreamMethod>([[ROUTE.HoldLock.id, streams]]),
      components: () => stores.status(),
      appChanged: (state) => apps.appChanged(state),
      pause: (forGood) => (forGood ? Promise.resolve() : apps.rest()),
      resume: () => {
        streams.resume();
        holdings.resume();
        apps.resume();
      },
      handsOver: () => !(holdings.isEmpty && streams.isEmpty && apps.isEmpty) || stores.handsOver(),
      handOver: async () => {
        await settled(Promise.all([streams.handOver(), holdings.handOver()]));
        stores.handOver();
      },
      // Locks that are renewed for the application are left to expire: it may still be at work under them.
      close: async () => {
        await streams.close();
        holdings.close();
        apps.close();
        await stores.close();
      },
    };
  };
}

/** When it settles, but no later than that. */
async function settled(questions: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  await Promise.race([questions, sleep(RENEWAL_MS, undefined, { signal: timer.signal }).catch(() => undefined)]);
  timer.abort();
}
