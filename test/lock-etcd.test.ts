// lock.etcd: the suite that defines a lock store, and what is special to locks that are keys with leases.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EtcdUnreachable } from '../blocks/clients/etcd/etcd.ts';
import { InvalidMetadata } from '../blocks/driver.ts';
import { DRIVERS } from '../blocks/lock/drivers.ts';
import type { Lease, LockStore, Release, Renewal } from '../blocks/lock/store.ts';
import { lockConformance } from './conformance/lock.ts';
import { eventually } from './harness/awaiting.ts';
import { startRelay } from './harness/relay.ts';
import { startEtcd, startEtcdCluster, type EtcdServer } from './servers/etcd.ts';
import { describeWithEtcd } from './servers/suites.ts';
import { componentSpec, driverContext, memoryLog, SCOPE } from './support.ts';

const LONG_SECONDS = 1000;

describeWithEtcd('lock.etcd', () => {
  let server: EtcdServer;
  const opened: LockStore[] = [];
  let unique = 0;
  const newKey = () => `lock||app||${unique++}`;

  const openOn = async (at: EtcdServer, metadata: Readonly<Record<string, string>> = {}, log = memoryLog()): Promise<LockStore> => {
    const load = DRIVERS['lock.etcd'];
    if (load === undefined) throw new Error('no driver for lock.etcd');
    const spec = componentSpec('lock.etcd', { endpoints: at.address, keyPrefixPath: '/locks', ...metadata });
    return (await load())(spec, driverContext(log), AbortSignal.timeout(spec.initTimeoutMs));
  };
  /** Closed after the test. */
  const open = async (...args: Parameters<typeof openOn>) => {
    const store = await openOn(...args);
    opened.push(store);
    return store;
  };
  const several = (count: number, at = server) => Promise.all(Array.from({ length: count }, () => open(at)));
  const tryLock = async (store: LockStore, lease: Lease) => store.tryLock(lease, SCOPE);
  const renew = async (store: LockStore, lease: Lease): Promise<Renewal> => store.renew(lease, SCOPE);
  const unlock = async (store: LockStore, key: string, owner: string): Promise<Release> => store.unlock({ key, owner }, SCOPE);
  const lease = (key: string, owner = 'me', expirySeconds = LONG_SECONDS): Lease => ({ key, owner, expirySeconds });
  const stored = async (key: string, at = server) => (await at.raw.kv.range({ key: Buffer.from(`/locks/${key}`) })).kvs[0];
  const leases = async (at = server) => (await at.raw.leaseClient.leaseLeases()).leases.length;
  const granted = async (at = server) => Number(/^etcd_debugging_lease_granted_total (\S+)$/m.exec(await (await fetch(`http://${at.address}/metrics`)).text())?.[1]);
  const fewer = (than: number) => eventually(`there are at most ${than} leases`, async () => (await leases()) <= than);

  beforeAll(async () => { server = await startEtcd(); });
  afterAll(async () => { await server.stop(); });
  afterEach(async () => { for (const store of opened.splice(0)) await store.close(); });

  lockConformance('lock.etcd', () => openOn(server), { shared: true, restart: () => server.restart() });
  lockConformance('lock.etcd, no keyPrefixPath', () => openOn(server, { keyPrefixPath: '' }), { shared: true, restart: () => server.restart() });

  it('refuses metadata that can\'t work for good', async () => {
    await expect(openOn(server, { endpoints: '' })).rejects.toBeInstanceOf(InvalidMetadata);
  });

  it('keeps a lock as a key with its owner, a lease, and the token as its create revision', async () => {
    const store = await open(server);
    const key = newKey();
    const token = await tryLock(store, lease(key, 'grüße', 100));
    const item = await stored(key);
    expect([item?.value.toString(), item?.create_revision, item?.version]).toEqual(['grüße', `${token}`, '1']);
    const { TTL, grantedTTL } = await server.raw.leaseClient.leaseTimeToLive({ ID: item?.lease ?? '' });
    expect(grantedTTL).toBe('100');
    expect(Number(TTL)).toBeGreaterThan(90);
  });

  it.each([['longer', 200], ['shorter', 50], ['the same', 100]])('renews for %s, under the same token, and leaves one lease', async (_, seconds) => {
    const store = await open(server);
    const key = newKey();
    const token = await tryLock(store, lease(key, 'me', 100));
    const before = await leases();
    expect(await renew(store, lease(key, 'me', seconds))).toEqual({ status: 'renewed', token });
    const item = await stored(key);
    expect([item?.value.toString(), item?.create_revision]).toEqual(['me', `${token}`]);
    expect((await server.raw.leaseClient.leaseTimeToLive({ ID: item?.lease ?? '' })).grantedTTL).toBe(`${seconds}`);
    await fewer(before);
    expect(await stored(key), 'the old lease took nothing with it').toEqual(item);
  });

  it('leaves no lease behind in 100 rounds of everything', async () => {
    const [mine, other] = await several(2);
    if (mine === undefined || other === undefined) throw new Error('unreachable');
    const before = await leases();
    for (let round = 0; round < 100; round++) {
      const key = newKey();
      expect(await tryLock(mine, lease(key))).toBeTypeOf('bigint');
      expect(await tryLock(other, lease(key, 'other'))).toBeUndefined();
      expect(await renew(other, lease(key, 'other'))).toEqual({ status: 'others' });
      expect(await unlock(other, key, 'other')).toBe('others');
      expect((await renew(mine, lease(key, 'me', LONG_SECONDS + (round % 2)))).status).toBe('renewed');
      expect(await unlock(mine, key, 'me')).toBe('released');
      expect(await unlock(mine, key, 'me')).toBe('absent');
      expect(await renew(mine, lease(key))).toEqual({ status: 'absent' });
    }
    await fewer(before);
  });

  it('gives a lock that 8 owners race for to exactly one of them, 50 times, under tokens that only grow', async () => {
    const stores = await several(8);
    const before = await leases();
    const key = newKey();
    let newest = 0n;
    for (let round = 0; round < 50; round++) {
      const tokens = await Promise.all(stores.map((store, index) => tryLock(store, lease(key, `owner ${index}`))));
      const winners = tokens.flatMap((token, index) => (token === undefined ? [] : [{ token, index }]));
      expect(winners).toHaveLength(1);
      const [{ token, index } = { token: 0n, index: 0 }] = winners;
      expect(token).toBeGreaterThan(newest);
      newest = token;
      expect((await stored(key))?.value.toString()).toBe(`owner ${index}`);
      const released = await Promise.all(stores.map((store, each) => unlock(store, key, `owner ${each}`)));
      expect(released.filter((release) => release === 'released')).toHaveLength(1);
      expect(released[index]).toBe('released');
    }
    await fewer(before);
  });

  it('costs etcd no lease to try again for a lock that somebody holds', async () => {
    const [mine, other] = await several(2);
    if (mine === undefined || other === undefined) throw new Error('unreachable');
    const key = newKey();
    await tryLock(mine, lease(key));
    expect(await tryLock(other, lease(key, 'other'))).toBeUndefined();
    const before = await granted();
    for (let round = 0; round < 50; round++) expect(await tryLock(other, lease(key, 'other'))).toBeUndefined();
    expect(await granted()).toBe(before);
    await unlock(mine, key, 'me');
    expect(await tryLock(other, lease(key, 'other'))).toBeTypeOf('bigint');
  });

  it('takes renewals side by side: the last one counts, and one lease is left', async () => {
    const stores = await several(4);
    const [store] = stores;
    if (store === undefined) throw new Error('unreachable');
    const before = await leases();
    const key = newKey();
    const token = await tryLock(store, lease(key));
    const renewals = await Promise.all(stores.map((each, index) => renew(each, lease(key, 'me', LONG_SECONDS + index))));
    expect(renewals).toEqual(stores.map(() => ({ status: 'renewed', token })));
    await fewer(before + 1);
    expect((await stored(key))?.value.toString()).toBe('me');
    expect(await unlock(store, key, 'me')).toBe('released');
    await fewer(before);
  });

  it('never renews what is unlocked meanwhile, nor brings it back', async () => {
    const [one, two] = await several(2);
    if (one === undefined || two === undefined) throw new Error('unreachable');
    const before = await leases();
    const seen = new Set<string>();
    for (let round = 0; round < 50; round++) {
      const key = newKey();
      const token = await tryLock(one, lease(key));
      const [renewal, release] = await Promise.all([renew(one, lease(key)), unlock(two, key, 'me')]);
      expect(release).toBe('released');
      if (renewal.status === 'renewed') expect(renewal.token).toBe(token);
      else expect(renewal.status).toBe('absent');
      seen.add(renewal.status);
      expect(await stored(key)).toBeUndefined();
    }
    await fewer(before);
  });

  it('tells the owner of an expired lock that it is gone, and whose it is once somebody has it', async () => {
    const store = await open(server);
    const key = newKey();
    const token = await tryLock(store, lease(key, 'me', 1)) ?? 0n;
    await eventually('the lock has expired', async () => (await stored(key)) === undefined);
    expect(await renew(store, lease(key))).toEqual({ status: 'absent' });
    expect(await unlock(store, key, 'me')).toBe('absent');
    expect(await tryLock(store, lease(key, 'other'))).toBeGreaterThan(token);
    expect(await renew(store, lease(key))).toEqual({ status: 'others' });
    expect(await unlock(store, key, 'me')).toBe('others');
  });

  it('lets a renewed lock outlive its first expiry, and end after its last', async () => {
    const store = await open(server);
    const key = newKey();
    const token = await tryLock(store, lease(key, 'me', 1));
    expect(await renew(store, lease(key, 'me', 4))).toEqual({ status: 'renewed', token });
    const other = newKey();
    await tryLock(store, lease(other, 'me', 2)); // ends after the first expiry would have, and before the second one
    await eventually('the other lock has expired', async () => (await stored(other)) === undefined);
    expect((await stored(key))?.create_revision).toBe(`${token}`);
    await eventually('the renewed one has expired', async () => (await stored(key)) === undefined);
  });

  it('keeps two components apart by their paths, one the beginning of the other', async () => {
    const [a, ab, none] = [await open(server, { keyPrefixPath: '/a' }), await open(server, { keyPrefixPath: '/ab' }), await open(server, { keyPrefixPath: '' })];
    const key = newKey();
    for (const store of [a, ab, none]) expect(await tryLock(store, lease(key))).toBeTypeOf('bigint');
    expect(await unlock(a, key, 'me')).toBe('released');
    for (const store of [ab, none]) expect(await unlock(store, key, 'me')).toBe('released');
  });

  describe('a lock that somebody else wrote', () => {
    it('is renewed and released also if it had no lease', async () => {
      const store = await open(server);
      const key = newKey();
      await server.raw.put(`/locks/${key}`).value('me');
      expect(await tryLock(store, lease(key))).toBeUndefined();
      expect(await renew(store, lease(key))).toEqual({ status: 'renewed', token: BigInt((await stored(key))?.create_revision ?? 0) });
      expect((await stored(key))?.lease).not.toBe('0');
      expect(await unlock(store, key, 'me')).toBe('released');
      await server.raw.put(`/locks/${key}`).value('me');
      expect(await unlock(store, key, 'me')).toBe('released');
    });

    it('leaves the other keys of its lease alone', async () => {
      const store = await open(server);
      const [unlocked, renewed] = [newKey(), newKey()];
      const session = server.raw.lease(LONG_SECONDS);
      for (const key of [`/locks/${unlocked}`, `/locks/${renewed}`, '/session']) await session.put(key).value('me');
      expect(await unlock(store, unlocked, 'me')).toBe('released');
      expect((await renew(store, lease(renewed))).status).toBe('renewed');
      await store.close(); // waits for leases that are being revoked
      expect(await server.raw.get('/session').string()).toBe('me');
      await session.revoke();
      expect(await stored(renewed), 'it has a lease of its own now').toBeDefined();
    });
  });

  it('keeps locks and tokens when the leader of a cluster dies, and is never without an owner in between', async () => {
    const cluster = await startEtcdCluster();
    let running = true;
    try {
      const [mine, other] = await Promise.all([1, 2].map(() => open(server, { endpoints: cluster.addresses, requestTimeout: '2s' })));
      if (mine === undefined || other === undefined) throw new Error('unreachable');
      const key = newKey();
      const token = await tryLock(mine, lease(key, 'me', 60));
      const tried = (async () => {
        let attempts = 0;
        for (; running; attempts++) expect(await tryLock(other, lease(key, 'other', 60)).catch(() => undefined)).toBeUndefined();
        return attempts;
      })();
      for (let change = 0; change < 2; change++) {
        const leader = await cluster.leader();
        await leader.kill();
        expect(await eventually('the lock is renewed', () => renew(mine, lease(key, 'me', 60)).catch(() => undefined), 30_000)).toEqual({ status: 'renewed', token });
        await leader.restart();
      }
      running = false;
      expect(await tried).toBeGreaterThan(0);
      expect(await eventually('the lock is released', () => unlock(mine, key, 'me').catch(() => undefined))).toMatch(/released|absent/);
      expect(await tryLock(other, lease(key, 'other', 60))).toBeGreaterThan(token ?? 0n);
    } finally {
      running = false;
      await cluster.stop();
    }
  }, 90_000);

  describe('etcd in trouble', () => {
    let own: EtcdServer;
    beforeAll(async () => { own = await startEtcd(); });
    afterAll(async () => { await own.stop(); });
    const patient = { requestTimeout: '1s' };

    it('fails a call whose answer is lost; the lock is held until its expiry, and its owner can find out', async () => {
      await using relay = await startRelay(own);
      const [far, near] = [await open(own, { ...patient, endpoints: relay.address }), await open(own)];
      const [renewed, released, expired] = [newKey(), newKey(), newKey()];
      for (const [key, seconds] of [[renewed, LONG_SECONDS], [released, LONG_SECONDS], [expired, 4]] as const) {
        relay.loseAnswersAfter(key);
        await expect(tryLock(far, lease(key, 'me', seconds))).rejects.toBeInstanceOf(EtcdUnreachable);
        const item = await stored(key, own);
        expect(item?.value.toString()).toBe('me');
        if (key !== expired) expect(await tryLock(near, lease(key, 'other'))).toBeUndefined();
        if (key === renewed) expect(await renew(near, lease(key))).toEqual({ status: 'renewed', token: BigInt(item?.create_revision ?? 0) });
        if (key === released) expect(await unlock(near, key, 'me')).toBe('released');
        if (key !== renewed) await eventually(`${key} is free`, () => tryLock(near, lease(key, 'other')));
        relay.mend();
        await eventually('the relay is used again', () => unlock(far, newKey(), 'me').catch(() => undefined));
      }
    });

    it('keeps a lock whose renewal may have been made, until one expiry or the other', async () => {
      await using relay = await startRelay(own);
      const [far, near] = [await open(own, { ...patient, endpoints: relay.address }), await open(own)];
      const key = newKey();
      const token = await tryLock(near, lease(key));
      const first = (await stored(key, own))?.lease;
      relay.loseAnswersAfter(key, 2); // the first one asks who has it
      await expect(renew(far, lease(key))).rejects.toBeInstanceOf(EtcdUnreachable);
      const moved = await stored(key, own);
      expect([moved?.create_revision, moved?.lease === first]).toEqual([`${token}`, false]);
      await far.close();
      expect(await stored(key, own), 'nothing is revoked that may be in use').toEqual(moved);
      expect(await renew(near, lease(key))).toEqual({ status: 'renewed', token });
    });

    it('tells nobody that he has a lock when his call is cancelled, whenever that is, and holds none longer than its expiry', async () => {
      const store = await open(own);
      const turnsOf = async (call: Promise<unknown>, atMost = Infinity) => {
        let over = false;
        void call.then(() => { over = true; });
        let turns = 0;
        for (; !over && turns < atMost; turns++) await new Promise(setImmediate);
        return turns;
      };
      const wholeCall = await turnsOf(tryLock(store, lease(newKey())));
      const keys: string[] = [];
      for (let round = 0; round < 100; round++) {
        const key = newKey();
        const cancelled = new AbortController();
        const call = Promise.resolve(store.tryLock(lease(key, 'me', 1), { signal: cancelled.signal })).catch(() => undefined);
        await turnsOf(call, Math.ceil((wholeCall * round) / 100));
        cancelled.abort(new Error('cancelled'));
        const token = await call;
        if (token !== undefined) expect(token).toBeGreaterThan(0n);
        keys.push(key);
      }
      for (const key of keys) await eventually(`${key} is free`, () => tryLock(store, lease(key, 'other')));
    });

    it('keeps a lock over a crash of the only server, and ends it after the full time', async () => {
      const store = await open(own);
      const key = newKey();
      const token = await tryLock(store, lease(key, 'me', 3)) ?? 0n;
      await own.kill();
      await own.restart();
      const item = await eventually('the lock is there', () => stored(key, own).catch(() => undefined));
      expect([item?.value.toString(), item?.create_revision]).toEqual(['me', `${token}`]);
      expect(await eventually('another owner gets it', () => tryLock(store, lease(key, 'other')).catch(() => undefined))).toBeGreaterThan(token);
    });

    it('never has two owners of a lock while it is killed and restarted under load', async () => {
      const stores = await Promise.all(Array.from({ length: 4 }, () => open(own, patient)));
      const key = newKey();
      /** By token: nobody else may have one between taking and releasing it. */
      const history: { readonly owner: number; readonly token: bigint; readonly from: number; readonly to: number }[] = [];
      let running = true;
      let failures = 0;
      const work = stores.map(async (store, owner) => {
        while (running) {
          try {
            const token = await tryLock(store, lease(key, `${owner}`, 5));
            if (token === undefined) continue;
            const from = performance.now();
            const held = await stored(key, own).catch(() => undefined);
            if (held !== undefined) expect([held.value.toString(), held.create_revision]).toEqual([`${owner}`, `${token}`]);
            history.push({ owner, token, from, to: performance.now() });
          } catch (cause) {
            if ((cause as Error).name === 'AssertionError') throw cause;
            failures++;
          }
          // What may be held is released until somebody knows.
          while (running && (await unlock(store, key, `${owner}`).catch(() => undefined)) === undefined) failures++;
        }
      });
      try {
        for (let crash = 1; crash <= 3; crash++) {
          const until = history.length + 20;
          await Promise.race([eventually('locks are taken', () => history.length >= until, 30_000), ...work]);
          await own.kill();
          const failed = failures;
          await eventually('calls fail', () => failures > failed);
          await own.restart();
        }
        const until = history.length + 20;
        await Promise.race([eventually('locks are taken again', () => history.length >= until, 30_000), ...work]);
      } finally {
        running = false;
      }
      await Promise.all(work);
      history.sort((one, two) => one.from - two.from);
      history.slice(1).forEach(({ token, from }, index) => {
        const former = history[index];
        expect(token).toBeGreaterThan(former?.token ?? 0n);
        expect(from).toBeGreaterThanOrEqual(former?.to ?? 0);
      });
    }, 90_000);

    it('says when etcd went back to an earlier revision, once', async () => {
      const log = memoryLog();
      const store = await open(own, {}, log);
      for (let round = 0; round < 20; round++) await tryLock(store, lease(newKey()));
      await own.restart({ empty: true });
      await eventually('a lock can be taken', () => tryLock(store, lease(newKey())).catch(() => undefined));
      await tryLock(store, lease(newKey()));
      expect(log.texts('warn').filter((text) => /went back from revision \d+ to \d+/.test(text))).toHaveLength(1);
    });
  });
});
