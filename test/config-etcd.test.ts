// configuration.etcd: the suite that defines a configuration store, and what is special to keys with revisions.
import { Range } from 'etcd3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DRIVERS } from '../blocks/config/drivers.ts';
import type { ConfigStore, Watch } from '../blocks/config/store.ts';
import { InvalidMetadata } from '../blocks/driver.ts';
import { configConformance, Recorder, type ConfigConformanceOptions, type Written } from './conformance/config.ts';
import { eventually } from './harness/awaiting.ts';
import { startRelay, type Relay } from './harness/relay.ts';
import { startEtcd, type EtcdServer } from './servers/etcd.ts';
import { describeWithEtcd } from './servers/suites.ts';
import { componentSpec, driverContext, memoryLog, SCOPE } from './support.ts';

describeWithEtcd('configuration.etcd', () => {
  let server: EtcdServer;
  const opened: ConfigStore[] = [];
  let unique = 0;
  /** A path that no other test uses. */
  const newPath = () => `/config-${unique++}`;

  const openAt = async (endpoints: string, keyPrefixPath: string, more: Readonly<Record<string, string>> = {}, log = memoryLog()): Promise<ConfigStore> => {
    const load = DRIVERS['configuration.etcd'];
    if (load === undefined) throw new Error('no driver for configuration.etcd');
    const spec = componentSpec('configuration.etcd', { endpoints, keyPrefixPath, requestTimeout: '1s', ...more });
    return (await load())(spec, driverContext(log), AbortSignal.timeout(spec.initTimeoutMs));
  };
  /** Closed after the test. */
  const open = async (path: string, at = server, more: Readonly<Record<string, string>> = {}) => {
    const store = await openAt(at.address, path, more);
    opened.push(store);
    return store;
  };
  const watching = async (...args: Parameters<typeof open>): Promise<{ readonly watch: Watch; readonly heard: Recorder }> => {
    const heard = new Recorder();
    return { watch: (await open(...args)).openWatch(heard), heard };
  };
  const changeOn = async (at: EtcdServer, path: string, changes: Readonly<Record<string, Written | undefined>>): Promise<void> => {
    const success = Object.entries(changes).map(([key, written]) => {
      const full = Buffer.from(`${path}/${key}`);
      return written === undefined ? { request_delete_range: { key: full } } : { request_put: { key: full, value: Buffer.from(written.value) } };
    });
    const { succeeded } = await at.raw.kv.txn({ compare: [], success, failure: [] });
    if (!succeeded) throw new Error('a transaction without conditions failed');
  };
  const put = (path: string, key: string, value: string, at = server) => changeOn(at, path, { [key]: { value } });
  const metric = async (name: string, at = server) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await (await fetch(`http://${at.address}/metrics`)).text())?.[1]);
  const toldValue = (heard: Recorder, key: string, value: string | undefined) => eventually(`${key} is told to be ${value}`, () => heard.of(key).length > 0 && heard.value(key) === value);

  beforeAll(async () => { server = await startEtcd(); });
  afterAll(async () => { await server.stop(); });
  afterEach(async () => { for (const store of opened.splice(0)) await store.close(); });

  const common = { features: [], watchesAllCheaply: true, versions: 'counted', wholeSteps: true, emptyValue: 'item' } as const satisfies Partial<ConfigConformanceOptions>;

  configConformance('configuration.etcd', () => openAt(server.address, '/config'), {
    ...common,
    change: (changes) => changeOn(server, '/config', changes),
    outages: [
      { name: 'a crash of the server', writable: false, begin: () => server.kill(), end: () => server.restart() },
      { name: 'a silent server', writable: false, begin: () => server.pause(), end: () => server.resume() },
    ],
  });

  configConformance('configuration.etcd, no keyPrefixPath', () => openAt(server.address, ''), { ...common, change: (changes) => changeOn(server, '', changes) });

  describe('over a bad line', () => {
    let relay: Relay;
    beforeAll(async () => { relay = await startRelay(server); });
    afterAll(async () => { await relay[Symbol.asyncDispose](); });
    const compact = async () => {
      const { header } = await server.raw.kv.range({ key: Buffer.from('none') });
      await server.raw.kv.compact({ revision: header.revision, physical: true });
    };

    configConformance('configuration.etcd over a bad line', () => openAt(relay.address, '/line'), {
      ...common,
      change: (changes) => changeOn(server, '/line', changes),
      outages: [
        { name: 'a cut line', writable: true, begin: () => relay.cut(), end: () => relay.mend() },
        { name: 'a line that swallows what the server says', writable: true, begin: () => relay.silence(), end: () => relay.mend() },
        { name: 'a cut line, all that happened meanwhile compacted', writable: true, begin: () => relay.cut(), end: async () => { await compact(); relay.mend(); } },
      ],
    });
  });

  it('refuses metadata that can\'t work for good', async () => {
    await expect(openAt('', '/x')).rejects.toBeInstanceOf(InvalidMetadata);
  });

  it('warns where it sees the keys of everybody', async () => {
    const texts = async (path: string) => {
      const log = memoryLog();
      await (await openAt(server.address, path, {}, log)).close();
      return log.texts('warn');
    };
    expect(await texts('/mine')).toEqual([]);
    expect(await texts('')).toEqual([expect.stringContaining('keyPrefixPath is not set: every key in etcd that begins with a slash is configuration of store')]);
  });

  it('gives the revision of the last change as the version', async () => {
    const path = newPath();
    const store = await open(path);
    await put(path, 'k', '1');
    await put(path, 'k', '2');
    const [kv] = (await server.raw.kv.range({ key: Buffer.from(`${path}/k`) })).kvs;
    expect(await store.get(['k'], {}, SCOPE)).toEqual(new Map([['k', { value: '2', version: kv?.mod_revision, metadata: {} }]]));
  });

  it('reads more keys than one transaction may have', async () => {
    const path = newPath();
    const store = await open(path);
    const keys = Array.from({ length: 300 }, (_, index) => `key ${index}`);
    for (const of of keys.filter((_, index) => index % 3 !== 0)) await put(path, of, of.toUpperCase());
    const items = await store.get(keys, {}, SCOPE);
    expect([...items].map(([of, { value }]) => [of, value])).toEqual(keys.filter((_, index) => index % 3 !== 0).map((of) => [of, of.toUpperCase()]));
  });

  it('keeps components apart by their paths, one the beginning of the other', async () => {
    const path = newPath();
    const [a, ab] = [await open(path), await open(`${path}b`)];
    const { watch, heard } = await watching(path);
    watch.add('all');
    await put(path, 'k', 'a');
    await put(`${path}b`, 'k', 'ab');
    await put(path, 'last', '1');
    await toldValue(heard, 'last', '1');
    expect([...heard.known].map(([key, { value }]) => [key, value])).toEqual([['k', 'a'], ['last', '1']]);
    expect([...(await a.get('all', {}, SCOPE)).keys()]).toEqual(['k', 'last']);
    expect([...(await ab.get('all', {}, SCOPE))].map(([key, { value }]) => [key, value])).toEqual([['k', 'ab']]);
  });

  it('leaves out what no request can name: the path itself, and keys that are no text', async () => {
    const path = newPath();
    const store = await open(path);
    const { watch, heard } = await watching(path);
    watch.add('all');
    const binary = Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xff, 0xfe])]);
    await server.raw.put(binary).value('x');
    await server.raw.put(`${path}/`).value('x');
    await put(path, 'k', '1');
    await toldValue(heard, 'k', '1');
    await server.raw.delete().key(binary);
    await put(path, 'k', '2');
    await toldValue(heard, 'k', '2');
    expect(heard.told.flatMap((one) => (one.kind === 'state' ? [...one.changes.keys()] : []))).toEqual(['k', 'k']);
    expect([...(await store.get('all', {}, SCOPE)).keys()]).toEqual(['k']);
    expect((await store.get([''], {}, SCOPE)).size).toBe(0);
  });

  it('tells that a key is gone whose lease ended', async () => {
    const path = newPath();
    const { watch, heard } = await watching(path);
    watch.add(['k']);
    const lease = server.raw.lease(100);
    await lease.put(`${path}/k`).value('1');
    await toldValue(heard, 'k', '1');
    await lease.revoke();
    await toldValue(heard, 'k', undefined);
  });

  it('has one watch in etcd whatever is watched, and none when nothing is', async () => {
    const path = newPath();
    const watchers = () => metric('etcd_debugging_mvcc_watcher_total');
    const before = await watchers();
    const { watch, heard } = await watching(path);
    expect(await watchers()).toBe(before);
    watch.add(['a', 'b']);
    watch.add(['c']);
    watch.add('all');
    await eventually('all are told', () => heard.states.some(({ complete }) => complete));
    expect(await watchers()).toBe(before + 1);
    watch.remove(['a', 'b', 'c']);
    await put(path, 'd', '1');
    await toldValue(heard, 'd', '1');
    watch.remove('all');
    expect(watch.isLive()).toBe(false);
    await eventually('the watch is closed', async () => (await watchers()) === before);
    watch.add(['d']);
    await eventually('the watch is open', async () => (await watchers()) === before + 1);
    await put(path, 'd', '2');
    await toldValue(heard, 'd', '2');
  });

  it('tells what is added later from what it knows, without asking etcd', async () => {
    const path = newPath();
    await put(path, 'seen', '1');
    const { watch, heard } = await watching(path);
    watch.add(['k']);
    await eventually('k is told', () => heard.of('k').length > 0);
    await put(path, 'later', '2');
    await put(path, 'k', '3');
    await toldValue(heard, 'k', '3');
    const before = await metric('etcd_debugging_mvcc_range_total');
    watch.add(['seen', 'later', 'absent']);
    await toldValue(heard, 'seen', '1');
    expect([heard.value('later'), heard.of('absent')]).toEqual(['2', [undefined]]);
    watch.add('all');
    await eventually('all are told', () => heard.states.some(({ complete }) => complete));
    expect(Object.fromEntries([...heard.known].map(([key, { value }]) => [key, value]))).toEqual({ k: '3', later: '2', seen: '1' });
    expect(await metric('etcd_debugging_mvcc_range_total')).toBe(before);
  });

  it('says nothing of what is removed before it is told, also if it was in sight', async () => {
    const path = newPath();
    const { watch, heard } = await watching(path);
    watch.add(['a']);
    await eventually('a is told', () => heard.of('a').length > 0);
    watch.add(['b', 'c']);
    watch.remove(['b']);
    watch.add('all');
    watch.remove('all');
    await eventually('c is told', () => heard.of('c').length > 0);
    expect(heard.of('b')).toEqual([]);
    expect(heard.states.some(({ complete }) => complete)).toBe(false);
    watch.add('all');
    watch.add(['x']);
    watch.remove('all');
    await eventually('x is told', () => heard.of('x').length > 0);
  });

  describe('etcd in trouble', () => {
    let own: EtcdServer;
    beforeAll(async () => { own = await startEtcd(); });
    afterAll(async () => { await own.stop(); });

    it('never goes back and misses no end while it is killed and restarted under load', async () => {
      const path = newPath();
      const watches = await Promise.all(Array.from({ length: 3 }, () => watching(path, own)));
      for (const { watch } of watches) watch.add('all');
      let running = true;
      let written = 0;
      const writing = (async () => {
        for (let number = 1; running; number++) {
          const done = await put(path, `k${number % 5}`, `${number}`, own).then(() => true, () => false);
          if (done) written++;
          else await new Promise(setImmediate); // a failure may need no time at all
        }
      })();
      try {
        for (let crash = 0; crash < 3; crash++) {
          const until = written + 50;
          await eventually('values are written', () => written >= until, 30_000);
          await eventually('all watches hear of it', () => watches.every(({ watch }) => watch.isLive()));
          await own.kill();
          await eventually('all watches have noticed', () => watches.every(({ heard }) => heard.losses.length > crash));
          await own.restart();
        }
        const until = written + 50;
        await eventually('values are written again', () => written >= until, 30_000);
      } finally {
        running = false;
      }
      await writing;
      await put(path, 'k0', 'last', own);
      const truth = await (await open(path, own)).get('all', {}, SCOPE);
      for (const { heard } of watches) {
        await toldValue(heard, 'k0', 'last');
        expect(heard.known).toEqual(truth);
        for (const key of truth.keys()) {
          const versions = heard.of(key).map((item) => Number(item?.version ?? 0));
          expect(versions).toEqual(versions.toSorted((one, two) => one - two));
        }
      }
    }, 90_000);

    it('tells what is there now when etcd lost everything, and what comes after', async () => {
      const path = newPath();
      const { watch, heard } = await watching(path, own);
      for (let number = 0; number < 20; number++) await put(path, 'k', `${number}`, own);
      watch.add(['k', 'new']);
      await toldValue(heard, 'k', '19');
      await own.restart({ empty: true });
      await toldValue(heard, 'k', undefined);
      await put(path, 'new', '1', own);
      await toldValue(heard, 'new', '1');
    });
  });

  describe('etcd with users', () => {
    let guarded: EtcdServer;
    const credentials = { username: 'app', password: 'app-secret' };
    beforeAll(async () => { guarded = await startEtcd({ password: 'root-secret', users: [{ name: 'app', password: 'app-secret', prefix: '/allowed' }] }); });
    afterAll(async () => { await guarded.stop(); });

    it('says that keys can\'t be watched, for each `add` again, and watches what it may', async () => {
      const [refused, allowed] = [await watching('/forbidden', guarded, credentials), await watching('/allowed', guarded, credentials)];
      refused.watch.add(['a', 'b']);
      await eventually('it is refused', () => refused.heard.failures.length === 1);
      expect(refused.heard.failures[0]).toMatchObject({ keys: ['a', 'b'], cause: { message: expect.stringContaining('permission denied') as string } });
      refused.watch.add('all');
      await eventually('it is refused again', () => refused.heard.failures.length === 2);
      expect(refused.heard.failures[1]?.keys).toBe('all');
      expect([refused.heard.states, refused.heard.losses, refused.watch.isLive()]).toEqual([[], [], false]);
      allowed.watch.add('all');
      await put('/allowed', 'k', '1', guarded);
      await toldValue(allowed.heard, 'k', '1');
      await expect((await open('/forbidden', guarded, credentials)).get('all', {}, SCOPE)).rejects.toThrow('permission denied');
    });

    it('goes on with what was watched when a permission that was withdrawn is given again', async () => {
      const { watch, heard } = await watching('/allowed', guarded, credentials);
      const role = guarded.raw.role('app');
      const permission = { permission: 'Readwrite', range: Range.prefix('/allowed') } as const;
      watch.add(['k']);
      await put('/allowed', 'k', 'before', guarded);
      await toldValue(heard, 'k', 'before');
      await role.revoke(permission);
      await guarded.restart(); // a watch that is open is not checked again
      await eventually('it is lost', () => heard.losses.length === 1);
      await eventually('the server refuses it', async () => guarded.raw.role('app').permissions().then((all) => all.length === 0, () => false));
      watch.add(['later']);
      await eventually('what is added then fails', () => heard.failures.length === 1);
      expect(heard.failures[0]?.keys).toEqual(['later']);
      await put('/allowed', 'k', 'after', guarded);
      await role.grant(permission);
      await toldValue(heard, 'k', 'after');
      expect([heard.losses.length, heard.failures.length, heard.of('later')]).toEqual([1, 1, []]);
    }, 30_000);
  });
});
