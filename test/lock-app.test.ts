// Locks that are renewed while the application is healthy, with a store that the test troubles and a clock that it moves:
// what the application's health does to them, what outlives the block, and who hears of a loss.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Grpc } from '../proto/errors.ts';
import { LockLostEvent } from '../proto/gen/bulkhead/v1/lock.ts';
import { TryLockRequest } from '../proto/gen/dapr/proto/runtime/v1/lock.ts';
import { ROUTE } from '../proto/routes.ts';
import { openLockSidecar, TestKernel, TroubledStore, type HttpReply, type LockSidecar } from './lock-harness.ts';

const KEY = 'lock||A||R';
const RENEW = { 'bulkhead-renew': 'app' };

let store: TroubledStore;
let kernel: TestKernel;
let sidecar: LockSidecar;
beforeEach(() => {
  vi.useFakeTimers();
  store = new TroubledStore();
  kernel = new TestKernel();
  sidecar = openLockSidecar({ S: store }, { app: 'http', kernel });
});
afterEach(async () => {
  await sidecar.close();
  expect(vi.getTimerCount(), 'a closed block has no timer').toBe(0);
  vi.useRealTimers();
});

const seconds = async (count: number): Promise<void> => void (await vi.advanceTimersByTimeAsync(count * 1000));
const app = (state: 'up' | 'down'): unknown => sidecar.block.appChanged?.(state);
const lock = (expiryInSeconds = 30, resourceId = 'R', headers: Readonly<Record<string, string>> = RENEW): Promise<HttpReply> => sidecar.http('TryLockAlpha1', 'S', { resourceId, lockOwner: 'o', expiryInSeconds }, headers);
const others = (owner: string, expirySeconds = 60, key = KEY) => store.behind.tryLock({ key, owner, expirySeconds });
/** The losses that the application was told of. */
const told = () => kernel.requests.map(({ body }) => JSON.parse(Buffer.from(body).toString()) as Record<string, string>);
/** The next life, on the same kernel; the former one is dead and does nothing more. */
async function nextLife(awaySeconds = 0): Promise<void> {
  const checkpoints = sidecar.checkpoints.next();
  await sidecar.close();
  await seconds(awaySeconds);
  sidecar = openLockSidecar({ S: store }, { app: 'http', kernel, checkpoints });
}

describe('while the application is up', () => {
  it('a lock is renewed after a third of its expiry, again and again', async () => {
    app('up');
    expect(await lock()).toMatchObject({ status: 200, body: '{"success":true}', headers: { 'bulkhead-fencing-token': '1' } });
    await seconds(9.9);
    expect(store.of('renew')).toEqual([]);
    await seconds(0.2);
    expect(store.of('renew')).toEqual([{ method: 'renew', key: KEY, owner: 'o', expirySeconds: 30 }]);
    await seconds(300);
    expect(store.of('renew')).toHaveLength(31);
    expect(others('p')).toBeUndefined();
    expect(kernel.requests).toEqual([]);
  });

  it('over gRPC, too', async () => {
    app('up');
    const request = TryLockRequest.encode({ storeName: 'S', resourceId: 'R', lockOwner: 'o', expiryInSeconds: 30 }).finish();
    expect(await sidecar.grpc('TryLockAlpha1', request, RENEW)).toMatchObject({ code: 'OK', metadata: { 'bulkhead-fencing-token': '1' } });
    await seconds(60);
    expect(others('p')).toBeUndefined();
  });

  it('a lock without the header is not renewed', async () => {
    app('up');
    await lock(30, 'R', {});
    await seconds(30.1);
    expect(store.of('renew')).toEqual([]);
    expect(others('p')).toBeTypeOf('bigint');
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });

  it('a lock that was not given is not renewed', async () => {
    app('up');
    others('p', 5);
    expect(await lock()).toMatchObject({ body: '{"success":false}' });
    await seconds(100);
    expect(store.of('renew')).toEqual([]);
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });

  it('a lock is renewed no more once it is unlocked, and that is no loss', async () => {
    app('up');
    await lock();
    await seconds(15);
    expect(await sidecar.http('UnlockAlpha1', 'S', { resourceId: 'R', lockOwner: 'o' })).toMatchObject({ body: '{"status":0}' });
    const renewals = store.of('renew').length;
    await seconds(100);
    expect(store.of('renew')).toHaveLength(renewals);
    expect(kernel.requests).toEqual([]);
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });

  it('a lock is renewed no more even if the unlock failed: it expires then', async () => {
    app('up');
    await lock();
    store.trouble = () => new Error('the store is away');
    expect(await sidecar.http('UnlockAlpha1', 'S', { resourceId: 'R', lockOwner: 'o' })).toMatchObject({ status: 500 });
    store.trouble = () => undefined;
    await seconds(30.1);
    expect(others('p')).toBeTypeOf('bigint');
    expect(kernel.requests).toEqual([]);
  });

  it('a lock whose caller left before the answer is not renewed: nobody knows that it is held', async () => {
    app('up');
    const caller = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    store.trouble = () => promise;
    const method = sidecar.block.methods.get(ROUTE.TryLockAlpha1.id);
    const answer: unknown = method?.run({ store: 'S', resource: 'R', owner: 'o', expirySeconds: 30, renew: 'app' }, { signal: caller.signal });
    caller.abort();
    resolve();
    await answer;
    expect(store.of('tryLock')).toHaveLength(1);
    await seconds(30.1);
    expect(others('p')).toBeTypeOf('bigint');
    expect(kernel.requests).toEqual([]);
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });

  it('a stream of its owner may take the lock on: that is no loss either', async () => {
    app('up');
    await lock();
    const stream = sidecar.hold({ storeName: 'S', resourceId: 'R', lockOwner: 'o', expiryInSeconds: 30 });
    await seconds(0);
    expect(stream.heard).toEqual(['acquired 1']);
    await seconds(60);
    expect(kernel.requests).toEqual([]);
    expect([...sidecar.checkpoints.kept.keys()]).toEqual(['stream 1']);
  });
});

describe('while the application is down', () => {
  it('a lock is not renewed, and goes on to be when the application is back in time', async () => {
    app('up');
    await lock();
    await seconds(15);
    app('down');
    const renewals = store.of('renew').length;
    await seconds(20);
    expect(store.of('renew')).toHaveLength(renewals);
    app('up');
    await seconds(0);
    expect(store.of('renew'), 'it was due').toHaveLength(renewals + 1);
    await seconds(100);
    expect(others('p')).toBeUndefined();
    expect(kernel.requests).toEqual([]);
  });

  it('a lock that was taken is not renewed either', async () => {
    await lock();
    await seconds(30.1);
    expect(store.of('renew')).toEqual([]);
    expect(others('p')).toBeTypeOf('bigint');
  });

  it('a lock expires, and the application hears of it when it is back', async () => {
    app('up');
    await lock();
    app('down');
    await seconds(30.1);
    expect(others('p')).toBeTypeOf('bigint');
    expect(kernel.requests).toEqual([]);
    expect(sidecar.log.texts('warn')).toEqual(['a lock that was renewed for the application is lost: the lock was not renewed before it expired: the application was not there']);
    app('up');
    await seconds(0);
    expect(told()).toEqual([{ storeName: 'S', resourceId: 'R', lockOwner: 'o', fencingToken: '1', reason: 'the lock was not renewed before it expired: the application was not there' }]);
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });
});

describe('a loss', () => {
  const unlockBehind = (): unknown => store.behind.unlock({ key: KEY, owner: 'o' });

  it('is a POST with the event as JSON', async () => {
    app('up');
    await lock();
    unlockBehind();
    others('p');
    await seconds(10.1);
    const [request] = kernel.requests;
    expect(request).toMatchObject({ verb: 'POST', target: '/bulkhead/lock-lost', headers: ['content-type', 'application/json'] });
    expect(Buffer.from(request?.body ?? []).toString()).toBe('{"storeName":"S","resourceId":"R","lockOwner":"o","fencingToken":"1","reason":"the lock belongs to another owner now"}');
    expect(kernel.requests).toHaveLength(1);
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });

  it('is a call for an application that speaks gRPC', async () => {
    await sidecar.close();
    sidecar = openLockSidecar({ S: store }, { app: 'grpc', kernel });
    app('up');
    await lock();
    unlockBehind();
    await seconds(10.1);
    const [request] = kernel.requests;
    expect(request).toMatchObject({ verb: 'RPC', target: '/bulkhead.v1.LockCallback/OnLockLost' });
    expect(LockLostEvent.decode(request?.body ?? new Uint8Array(0))).toEqual({ storeName: 'S', resourceId: 'R', lockOwner: 'o', fencingToken: 1n, reason: 'the lock does not exist any more: it expired, or was released' });
  });

  it.each<[what: string, answer: TestKernel['answer']]>([
    ['a 500', { status: 500, body: new Uint8Array(0) }],
    ['that it does not know the method', { status: 0, body: new Uint8Array(0), failure: { code: Grpc.UNIMPLEMENTED, message: 'no such method' } }],
    ['nothing, because the connection broke', { status: 0, body: new Uint8Array(0), failure: { code: Grpc.UNAVAILABLE, message: 'reset' } }],
  ])('is told once, also if the application answers %s', async (_, answer) => {
    kernel.answer = answer;
    app('up');
    await lock();
    unlockBehind();
    await seconds(10.1);
    app('down');
    app('up');
    await seconds(1000);
    expect(kernel.requests).toHaveLength(1);
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });

  it('is told again to an application that was there and took no call', async () => {
    kernel.answer = { status: 0, body: new Uint8Array(0), failure: { code: Grpc.RESOURCE_EXHAUSTED, message: 'busy', unasked: true } };
    app('up');
    await lock();
    unlockBehind();
    await seconds(15);
    expect(kernel.requests.length).toBeGreaterThan(3);
    kernel.answer = { status: 200, body: new Uint8Array(0) };
    await seconds(1.1);
    const { length } = kernel.requests;
    await seconds(100);
    expect(kernel.requests).toHaveLength(length);
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });

  it('that can\'t be told is given up after ten minutes, and the log says so', async () => {
    app('up');
    await lock();
    app('down');
    await seconds(30.1 + 599);
    expect(sidecar.log.texts('warn')).toHaveLength(1);
    await seconds(2);
    expect(sidecar.log.texts('warn')[1]).toBe('the application could not be told that a lock was lost');
    app('up');
    await seconds(1);
    expect(kernel.requests).toEqual([]);
    expect(sidecar.checkpoints.kept.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that the application does not answer is given up, too', async () => {
    kernel.answer = undefined;
    app('up');
    await lock();
    unlockBehind();
    await seconds(10.1 + 601);
    expect(kernel.requests).toHaveLength(1);
    expect(kernel.givenUp).toBe(1);
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });

  it('of many locks is told for each', async () => {
    app('up');
    for (let i = 0; i < 50; i++) await lock(30, `r${i}`);
    store.trouble = () => new Error('the store is away');
    await seconds(31);
    expect(new Set(told().map(({ resourceId }) => resourceId))).toEqual(new Set(Array.from({ length: 50 }, (_, i) => `r${i}`)));
    expect(kernel.requests).toHaveLength(50);
    expect(told()[7]?.['reason']).toBe('the lock could not be renewed before it expired: the store is away');
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });

  it('of a lock that was taken again names the token that is no longer good', async () => {
    app('up');
    await lock();
    unlockBehind();
    expect(await lock()).toMatchObject({ headers: { 'bulkhead-fencing-token': '2' } });
    await seconds(100);
    expect(told()).toEqual([{ storeName: 'S', resourceId: 'R', lockOwner: 'o', fencingToken: '1', reason: 'the lock expired, and was taken again' }]);
    expect(others('p')).toBeUndefined();
    expect(sidecar.checkpoints.kept.size).toBe(1);
  });
});

describe('over the death of the block', () => {
  it('locks go on being renewed, with the token they have', async () => {
    app('up');
    await lock();
    await lock(60, 'Q');
    await seconds(15);
    await nextLife();
    app('up');
    await seconds(300);
    expect(others('p')).toBeUndefined();
    expect(others('p', 60, 'lock||A||Q')).toBeUndefined();
    expect(kernel.requests).toEqual([]);
    await sidecar.http('UnlockAlpha1', 'S', { resourceId: 'R', lockOwner: 'o' });
    await sidecar.http('UnlockAlpha1', 'S', { resourceId: 'Q', lockOwner: 'o' });
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });

  it('what was due meanwhile is renewed at once', async () => {
    app('up');
    await lock();
    await nextLife(25);
    expect(store.of('renew')).toHaveLength(0);
    app('up');
    await seconds(0);
    expect(store.of('renew')).toHaveLength(1);
  });

  it('the expiry is what it was last renewed with', async () => {
    app('up');
    await lock();
    await sidecar.http('RenewLock', 'S', { resourceId: 'R', lockOwner: 'o', expiryInSeconds: 90 });
    await nextLife(60);
    app('up');
    await seconds(0);
    expect(store.of('renew').at(-1)).toMatchObject({ expirySeconds: 90 });
    await seconds(80);
    expect(others('p')).toBeUndefined();
  });

  it('a lock that expired meanwhile is lost, and told', async () => {
    app('up');
    await lock();
    await nextLife(31);
    others('p');
    app('up');
    await seconds(0.1);
    expect(told()).toMatchObject([{ resourceId: 'R', fencingToken: '1' }]);
    expect(store.of('renew')).toEqual([]);
  });

  it('a lock that somebody has taken meanwhile is lost, and told', async () => {
    app('up');
    await lock();
    await seconds(5);
    store.behind.unlock({ key: KEY, owner: 'o' });
    others('p');
    await nextLife(10);
    app('up');
    await seconds(0);
    expect(told()).toMatchObject([{ resourceId: 'R', reason: 'the lock belongs to another owner now' }]);
  });

  it('a loss that was not told yet is told by the next life, and a new lock of that name has nothing to do with it', async () => {
    app('up');
    await lock();
    app('down');
    await seconds(31);
    await lock();
    await nextLife();
    await nextLife();
    app('up');
    await seconds(100);
    expect(told()).toMatchObject([{ resourceId: 'R', fencingToken: '1' }]);
    expect(others('p')).toBeUndefined();
    await lock(30, 'Q');
    expect(sidecar.checkpoints.kept.size).toBe(2);
  });

  it('a component that is not there is asked for until the lock may have expired', async () => {
    app('up');
    await lock(30);
    const checkpoints = sidecar.checkpoints.next();
    await sidecar.close();
    sidecar = openLockSidecar({}, { app: 'http', kernel, checkpoints });
    app('up');
    await seconds(25);
    expect(kernel.requests, 'the component is not even there').toEqual([]);
    await seconds(6);
    expect(told()).toMatchObject([{ reason: 'the lock could not be renewed before it expired: lock store is not configured' }]);
  });
});

it('closing leaves locks to expire, and says nothing', async () => {
  app('up');
  await lock();
  await sidecar.close();
  await seconds(29.9);
  expect(others('p')).toBeUndefined();
  await seconds(0.2);
  expect(others('p')).toBeTypeOf('bigint');
  expect(kernel.requests).toEqual([]);
  expect(store.of('unlock')).toEqual([]);
});
