// Locks that are held for as long as a stream lives, with a store that the test troubles and a clock that it moves: when they
// are renewed, when they count as lost, and what is left when the client or the block goes.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openLockSidecar, TroubledStore, type LockSidecar, type TestStream } from './lock-harness.ts';
import type { MemoryCheckpoints } from './support.ts';

const KEY = 'lock||A||R';
const HOLD = { storeName: 'S', resourceId: 'R', lockOwner: 'o', expiryInSeconds: 30 };

let store: TroubledStore;
let sidecar: LockSidecar;
beforeEach(() => {
  vi.useFakeTimers();
  store = new TroubledStore();
  sidecar = openLockSidecar({ S: store });
});
afterEach(async () => {
  await sidecar.close();
  vi.useRealTimers();
});

const seconds = async (count: number): Promise<void> => void (await vi.advanceTimersByTimeAsync(count * 1000));
const hold = async (request: Partial<Parameters<LockSidecar['hold']>[0]> = {}, headers?: Readonly<Record<string, string>>): Promise<TestStream> => {
  const stream = sidecar.hold({ ...HOLD, ...request }, headers);
  await seconds(0);
  return stream;
};
const ACQUIRED = /^acquired [1-9]\d*$/;
const tokenOf = ({ heard }: TestStream): bigint => BigInt(heard[0]?.slice('acquired '.length) ?? 0);
const others = (owner: string, expirySeconds = 60) => store.behind.tryLock({ key: KEY, owner, expirySeconds });

/** The block's next life on the same kernel; streams that were open are opened again as `reopen` says. */
function nextLife(checkpoints: MemoryCheckpoints = sidecar.checkpoints.next()): void {
  sidecar = openLockSidecar({ S: store }, { checkpoints });
}
const resumed = (stream = '1') => ({ 'bulkhead-stream': stream, 'bulkhead-resumed': '1' });

describe('a held lock', () => {
  it('is acquired with a token, and renewed after a third of its expiry for as long as the stream lives', async () => {
    const stream = await hold();
    expect(stream.heard).toEqual([expect.stringMatching(ACQUIRED)]);
    expect(store.calls.map(({ method }) => method)).toEqual(['renew', 'tryLock']);
    await seconds(9.9);
    expect(store.of('renew')).toHaveLength(1);
    await seconds(0.2);
    expect(store.of('renew').slice(1)).toEqual([{ method: 'renew', key: KEY, owner: 'o', expirySeconds: 30 }]);
    await seconds(300);
    expect(store.of('renew')).toHaveLength(32);
    expect(others('p')).toBeUndefined();
    expect(stream.heard).toHaveLength(1);
  });

  it('that somebody else has is not acquired', async () => {
    others('p');
    expect((await hold()).heard).toEqual(['not acquired', 'end']);
    expect(store.of('tryLock')).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });

  it('that somebody else takes in between is not acquired', async () => {
    store.trouble = ({ method }) => {
      if (method === 'tryLock') others('p');
      return undefined;
    };
    expect((await hold()).heard).toEqual(['not acquired', 'end']);
  });

  it('that its owner has already is taken over, with the token it has', async () => {
    const token = others('o', 5);
    const stream = await hold();
    expect(stream.heard).toEqual([`acquired ${token}`]);
    expect(store.of('tryLock')).toEqual([]);
    await seconds(60);
    expect(others('p')).toBeUndefined();
  });

  it('is left to expire when the client goes', async () => {
    const stream = await hold();
    await seconds(5);
    stream.onCancel();
    const calls = store.calls.length;
    await seconds(24.9);
    expect(others('p')).toBeUndefined();
    await seconds(0.2);
    expect(others('p')).toBeTypeOf('bigint');
    expect(store.calls).toHaveLength(calls);
    expect(stream.heard).toHaveLength(1);
  });

  it('is released when the client goes, if it wants that', async () => {
    const stream = await hold({ releaseOnClose: true });
    stream.onCancel();
    await seconds(0);
    expect(store.of('unlock')).toEqual([{ method: 'unlock', key: KEY, owner: 'o' }]);
    expect(others('p')).toBeTypeOf('bigint');
    expect(vi.getTimerCount()).toBe(0);
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });

  it('that can\'t be released is left to expire, and the log says so', async () => {
    const stream = await hold({ releaseOnClose: true });
    store.trouble = () => new Error('the store is away');
    stream.onCancel();
    await seconds(0);
    expect(sidecar.log.texts('warn')).toEqual(['a lock whose stream has ended was not released, and is left to expire: failed to release lock: the store is away']);
    await seconds(30.1);
    expect(others('p')).toBeTypeOf('bigint');
  });

  it.each([true, false])('is let go when the client left before it was acquired (release_on_close: %j)', async (releaseOnClose) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    store.trouble = ({ method }) => (method === 'tryLock' ? promise : undefined);
    const stream = await hold({ releaseOnClose });
    stream.onCancel();
    resolve();
    await seconds(0);
    expect(store.of('unlock')).toHaveLength(releaseOnClose ? 1 : 0);
    expect(others('p') !== undefined).toBe(releaseOnClose);
    expect(vi.getTimerCount()).toBe(0);
    expect(stream.heard).toEqual([]);
  });

  it('can be as long as an int32 says', async () => {
    const stream = await hold({ expiryInSeconds: 2_147_483_647 });
    await seconds(3600 * 24 * 100);
    expect(stream.heard).toEqual([expect.stringMatching(ACQUIRED)]);
    expect(others('p')).toBeUndefined();
    expect(vi.getTimerCount()).toBe(1);
  });
});

describe('checks', () => {
  it.each<[what: string, request: Partial<typeof HOLD>, heard: string]>([
    ['expiry', { expiryInSeconds: 0, resourceId: '' }, 'InvalidArgument: ExpiryInSeconds is not positive in lock store S'],
    ['resource', { resourceId: '', lockOwner: '' }, 'InvalidArgument: ResourceId is empty in lock store S'],
    ['owner', { lockOwner: '', storeName: 'none' }, 'InvalidArgument: LockOwner is empty in lock store none'],
    ['store', { storeName: 'none', resourceId: 'a||b' }, 'InvalidArgument: lock store none not found'],
    ['key', { resourceId: 'a||b' }, `Internal: failed to try acquiring lock: input key/keyPrefix 'a||b' can't contain '||'`],
  ])('%s: the stream fails as a lock would', async (_, request, heard) => {
    const stream = await hold(request);
    expect(stream.heard).toEqual([heard]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('without any store', async () => {
    await sidecar.close();
    sidecar = openLockSidecar({});
    expect((await hold()).heard).toEqual(['FailedPrecondition: lock store is not configured']);
  });

  it('tell what the store said', async () => {
    store.trouble = () => new Error('the store is away');
    expect((await hold()).heard).toEqual(['Internal: failed to try acquiring lock: the store is away']);
  });
});

describe('trouble with the store', () => {
  it('that ends in time is survived: renewals are tried again, after pauses', async () => {
    const stream = await hold();
    store.trouble = () => new Error('the store is away');
    await seconds(29);
    const tries = store.of('renew').length - 1;
    expect(tries).toBeGreaterThan(10);
    expect(tries).toBeLessThan(30);
    store.trouble = () => undefined;
    await seconds(60);
    expect(stream.heard).toHaveLength(1);
    expect(others('p')).toBeUndefined();
  });

  it('that lasts until the lock may have expired is the end of it', async () => {
    const stream = await hold();
    store.trouble = () => new Error('the store is away');
    await seconds(29.9);
    expect(stream.heard).toHaveLength(1);
    await seconds(0.2);
    expect(stream.heard.slice(1)).toEqual(['lost: the lock could not be renewed before it expired: the store is away', 'end']);
    const tries = store.calls.length;
    await seconds(60);
    expect(store.calls).toHaveLength(tries);
    expect(vi.getTimerCount()).toBe(0);
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });

  it('that never answers is the same, and the call is given up', async () => {
    const stream = await hold();
    store.trouble = () => new Promise(() => undefined);
    await seconds(30.1);
    expect(stream.heard.slice(1)).toEqual(['lost: the lock could not be renewed before it expired: the store did not answer in time', 'end']);
    expect(store.of('renew')).toHaveLength(2);
  });

  it('counts the expiry from when the request was sent, not from its answer', async () => {
    store.trouble = ({ method }) => {
      if (method === 'tryLock') return new Promise((resolve) => { setTimeout(resolve, 12_000); });
      return store.of('renew').length === 1 ? undefined : new Error('the store is away'); // the first one asks whether there is a lock
    };
    const stream = await hold();
    await seconds(12.1);
    expect(stream.heard).toEqual([expect.stringMatching(ACQUIRED)]);
    await seconds(17.8);
    expect(stream.heard).toHaveLength(1);
    await seconds(0.2);
    expect(stream.heard.at(-1)).toBe('end');
  });

  it('whose renewals are slow lets nobody renew twice at once', async () => {
    await hold();
    let open = 0;
    let most = 0;
    store.trouble = () => {
      most = Math.max(most, ++open);
      return new Promise((resolve) => { setTimeout(() => resolve(open--), 8000); });
    };
    await seconds(200);
    expect(most).toBe(1);
    expect(store.of('renew').length).toBeGreaterThan(10);
  });
});

describe('a lock is lost', () => {
  it('when it does not exist any more', async () => {
    const stream = await hold();
    store.behind.unlock({ key: KEY, owner: 'o' });
    await seconds(10.1);
    expect(stream.heard.slice(1)).toEqual(['lost: the lock does not exist any more: it expired, or was released', 'end']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('when it belongs to somebody else', async () => {
    const stream = await hold();
    store.behind.unlock({ key: KEY, owner: 'o' });
    others('p');
    await seconds(10.1);
    expect(stream.heard.slice(1)).toEqual(['lost: the lock belongs to another owner now', 'end']);
  });

  it('when its token has become another one: somebody may have had it in between', async () => {
    const stream = await hold();
    store.behind.unlock({ key: KEY, owner: 'o' });
    others('o');
    await seconds(10.1);
    expect(stream.heard.slice(1)).toEqual(['lost: the lock was lost, and its owner has taken it again', 'end']);
  });

  it('when this sidecar gives it to somebody', async () => {
    const stream = await hold();
    store.behind.unlock({ key: KEY, owner: 'o' });
    expect(await sidecar.http('TryLockAlpha1', 'S', { resourceId: 'R', lockOwner: 'p', expiryInSeconds: 60 })).toMatchObject({ body: '{"success":true}' });
    expect(stream.heard.slice(1)).toEqual(['lost: the lock expired, and was taken again', 'end']);
  });

  it('when it is unlocked by a call', async () => {
    const stream = await hold({ releaseOnClose: true });
    expect(await sidecar.http('UnlockAlpha1', 'S', { resourceId: 'R', lockOwner: 'o' })).toMatchObject({ body: '{"status":0}' });
    expect(stream.heard.slice(1)).toEqual(['lost: the lock was unlocked', 'end']);
    expect(store.of('unlock')).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('but not by what somebody else does', async () => {
    const stream = await hold();
    expect(await sidecar.http('UnlockAlpha1', 'S', { resourceId: 'R', lockOwner: 'p' })).toMatchObject({ body: '{"status":2}' });
    expect(await sidecar.http('RenewLock', 'S', { resourceId: 'R', lockOwner: 'p', expiryInSeconds: 1 })).toMatchObject({ body: '{"status":2}' });
    expect(await sidecar.http('TryLockAlpha1', 'S', { resourceId: 'R', lockOwner: 'p', expiryInSeconds: 1 })).toMatchObject({ body: '{"success":false}' });
    await seconds(60);
    expect(stream.heard).toHaveLength(1);
  });
});

describe('a second stream of the same owner', () => {
  it('takes the lock over, and the first one hears of it and releases nothing', async () => {
    const first = await hold({ releaseOnClose: true }, { 'bulkhead-stream': '1' });
    const second = await hold({}, { 'bulkhead-stream': '2' });
    expect(first.heard.slice(1)).toEqual(['lost: another call of its owner has taken on its renewal', 'end']);
    expect(second.heard).toEqual([`acquired ${tokenOf(first)}`]);
    first.onCancel();
    await seconds(100);
    expect(store.of('unlock')).toEqual([]);
    expect(second.heard).toHaveLength(1);
    expect(others('p')).toBeUndefined();
    expect([...sidecar.checkpoints.kept.keys()]).toEqual(['stream 2']);
  });

  it('waits for a renewal that is under way, so that its expiry is the one that counts', async () => {
    await hold({ expiryInSeconds: 3 }, { 'bulkhead-stream': '1' });
    const { promise, resolve } = Promise.withResolvers<void>();
    store.trouble = () => promise;
    await seconds(1.1);
    const second = await hold({ expiryInSeconds: 60 }, { 'bulkhead-stream': '2' });
    expect(store.of('renew')).toHaveLength(2);
    store.trouble = () => undefined;
    resolve();
    await seconds(0);
    expect(store.of('renew').map(({ expirySeconds }) => expirySeconds)).toEqual([3, 3, 60]);
    expect(second.heard).toEqual([expect.stringMatching(ACQUIRED)]);
    await seconds(15);
    expect(others('p')).toBeUndefined();
  });
});

describe('renewal on request', () => {
  it('of a held lock sets what it is renewed with from then on', async () => {
    const stream = await hold();
    const token = tokenOf(stream);
    expect(await sidecar.http('RenewLock', 'S', { resourceId: 'R', lockOwner: 'o', expiryInSeconds: 6 })).toMatchObject({ body: `{"status":0,"fencingToken":"${token}"}` });
    const before = store.of('renew').length;
    await seconds(6.1);
    expect(store.of('renew').slice(before).map(({ expirySeconds }) => expirySeconds)).toEqual([6, 6, 6]);
    store.trouble = () => new Error('the store is away');
    await seconds(6);
    expect(stream.heard.at(-1)).toBe('end');
  });

  it('that finds the lock gone is how the holder hears of it', async () => {
    const stream = await hold();
    store.behind.unlock({ key: KEY, owner: 'o' });
    expect(await sidecar.http('RenewLock', 'S', { resourceId: 'R', lockOwner: 'o', expiryInSeconds: 6 })).toMatchObject({ body: '{"status":1}' });
    expect(stream.heard.slice(1)).toEqual(['lost: the lock does not exist any more: it expired, or was released', 'end']);
  });

  it('whose answer got lost may have made the expiry shorter: it counts as if it had', async () => {
    const stream = await hold();
    store.trouble = () => new Error('nobody knows');
    expect(await sidecar.http('RenewLock', 'S', { resourceId: 'R', lockOwner: 'o', expiryInSeconds: 2 })).toMatchObject({ status: 500 });
    await seconds(2.1);
    expect(stream.heard.at(-1)).toBe('end');
  });
});

describe('over the death of the block', () => {
  it('a stream goes on, and its client hears nothing of it', async () => {
    const first = await hold();
    await seconds(15);
    nextLife();
    const second = await hold({}, resumed());
    expect(second.heard).toEqual([]);
    await seconds(300);
    expect(second.heard).toEqual([]);
    expect(others('p')).toBeUndefined();
    expect(store.of('tryLock')).toHaveLength(1);
    second.onCancel();
    expect(first.heard).toHaveLength(1);
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });

  it('a renewal that is due comes at once', async () => {
    await hold();
    const checkpoints = sidecar.checkpoints.next();
    await sidecar.close();
    await seconds(25);
    nextLife(checkpoints);
    const before = store.of('renew').length;
    const stream = await hold({}, resumed());
    expect(store.of('renew')).toHaveLength(before + 1);
    await seconds(20);
    expect(stream.heard).toEqual([]);
  });

  it('a lock that expired meanwhile is lost', async () => {
    await hold();
    const checkpoints = sidecar.checkpoints.next();
    await sidecar.close();
    await seconds(31);
    nextLife(checkpoints);
    const stream = await hold({}, resumed());
    expect(stream.heard).toEqual([expect.stringMatching(/^lost: the lock could not be renewed before it expired/), 'end']);
    expect(sidecar.checkpoints.kept.size).toBe(0);
  });

  it('a lock that somebody took meanwhile is lost', async () => {
    await hold();
    nextLife();
    store.behind.unlock({ key: KEY, owner: 'o' });
    others('o');
    const stream = await hold({}, resumed());
    await seconds(10.1);
    expect(stream.heard).toEqual(['lost: the lock was lost, and its owner has taken it again', 'end']);
  });

  it('a client that had not heard anything hears that it has the lock', async () => {
    const first = await hold();
    nextLife();
    expect((await hold({}, { 'bulkhead-stream': '1' })).heard).toEqual([`acquired ${tokenOf(first)}`]);
  });

  it('a client of which nothing is known is told that it can\'t go on', async () => {
    expect((await hold({}, resumed('7'))).heard).toEqual(['Unavailable: the lock block restarted while this call was in flight']);
  });

  it('what belongs to clients that left meanwhile is forgotten', async () => {
    await hold({}, { 'bulkhead-stream': '1' });
    await hold({ resourceId: 'Q' }, { 'bulkhead-stream': '2' });
    nextLife();
    await hold({}, resumed('1'));
    expect([...sidecar.checkpoints.kept.keys()]).toEqual(['stream 1', 'stream 2']);
    await seconds(61);
    expect([...sidecar.checkpoints.kept.keys()]).toEqual(['stream 1']);
  });
});

describe('limits and the end', () => {
  it('no more than 10,000 locks are renewed at once', async () => {
    await sidecar.close();
    sidecar = openLockSidecar({ S: store }, { app: 'http' });
    const renewed = (resourceId: string) => sidecar.http('TryLockAlpha1', 'S', { resourceId, lockOwner: 'o', expiryInSeconds: 600 }, { 'bulkhead-renew': 'app' });
    for (let i = 0; i < 9_999; i++) await renewed(`r${i}`);
    const last = await hold();
    expect(last.heard).toEqual([expect.stringMatching(ACQUIRED)]);
    const text = '10000 locks are renewed already, and no more are taken on';
    expect((await hold({ resourceId: 'one more' }, { 'bulkhead-stream': '2' })).heard).toEqual([`ResourceExhausted: ${text}`]);
    expect(await renewed('one more')).toMatchObject({ status: 429, body: JSON.stringify({ errorCode: 'ERR_TOO_MANY_LOCKS', message: text }) });
    expect(others('p')).toBeUndefined();
    last.onCancel();
    expect(await renewed('one more')).toMatchObject({ status: 200, body: '{"success":true}' });
    expect(await renewed('yet another')).toMatchObject({ status: 429 });
    await sidecar.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('an attempt that fails gives its room back', async () => {
    others('p');
    for (let i = 0; i < 10_001; i++) expect((await hold()).heard.at(-1)).toBe('end');
    store.trouble = () => new Error('the store is away');
    for (let i = 0; i < 10_001; i++) expect((await hold()).heard[0]).toMatch(/^Internal/);
  });

  it('closing ends streams and timers, releases nothing, and waits for releases that are under way', async () => {
    const open = await hold({ releaseOnClose: true }, { 'bulkhead-stream': '1' });
    const left = await hold({ releaseOnClose: true, resourceId: 'Q' }, { 'bulkhead-stream': '2' });
    const { promise, resolve } = Promise.withResolvers<void>();
    store.trouble = () => promise;
    left.onCancel();
    let closed = false;
    const closing = sidecar.close().then(() => { closed = true; });
    await seconds(1);
    expect(open.heard.slice(1)).toEqual(['Unavailable: the lock block is not available: the sidecar is shutting down']);
    expect(closed).toBe(false);
    resolve();
    await closing;
    expect(store.of('unlock')).toEqual([{ method: 'unlock', key: 'lock||A||Q', owner: 'o' }]);
    expect(others('p')).toBeUndefined();
    expect(store.behind.tryLock({ key: 'lock||A||Q', owner: 'p', expirySeconds: 1 })).toBeTypeOf('bigint');
  });

  it('the date may jump as it likes', async () => {
    const stream = await hold();
    for (const hours of [1, -5, 9000]) {
      vi.setSystemTime(Date.now() + hours * 3_600_000);
      await seconds(40);
    }
    expect(stream.heard).toHaveLength(1);
    expect(store.of('renew')).toHaveLength(13);
  });
});
