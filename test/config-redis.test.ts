// What is special to configuration.redis: the server has to be told to tell, forgets it, may refuse it; what kinds of changes
// there are; and the set-ups of Redis. (The suite that every driver passes: config-drivers.test.ts.)
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openRedisConfig } from '../blocks/config/redis.ts';
import type { ConfigStore, Keys, Watch } from '../blocks/config/store.ts';
import { Recorder } from './conformance/config.ts';
import { eventually } from './harness/awaiting.ts';
import { startRelay } from './harness/relay.ts';
import { makeCertificates, startRedis, startRedisCluster, startRedisGroup, type Certificates, type RedisOptions, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';
import { componentSpec, driverContext, memoryLog, SCOPE, type MemoryLog } from './support.ts';

type Metadata = Readonly<Record<string, string>>;
/** Soon back. */
const HASTY = { redisMaxRetryInterval: '100ms' };
/** A silent server is given up soon: not for tests that count losses on a server that may be slow. */
const IMPATIENT = { readTimeout: '500ms', dialTimeout: '500ms' };
const SETTING = 'notify-keyspace-events';

describeWithRedis('configuration.redis', () => {
  const started: { stop(): Promise<void> }[] = [];
  const opened: ConfigStore[] = [];
  afterEach(async () => { for (const store of opened.splice(0)) await store.close(); });
  afterAll(async () => { for (const server of started.splice(0)) await server.stop(); });

  const keep = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const server = await starting;
    started.push(server);
    return server;
  };
  const start = (options?: RedisOptions) => keep(startRedis(options));
  const open = async (metadata: Metadata, log: MemoryLog = memoryLog()): Promise<ConfigStore> => {
    const store = await openRedisConfig(componentSpec('configuration.redis', { ...HASTY, ...metadata }), driverContext(log), AbortSignal.timeout(5000));
    opened.push(store);
    return store;
  };
  interface Watching { readonly store: ConfigStore; readonly watch: Watch; readonly heard: Recorder; readonly log: MemoryLog }
  const watching = async (metadata: Metadata): Promise<Watching> => {
    const log = memoryLog();
    const store = await open(metadata, log);
    const heard = new Recorder();
    return { store, watch: store.openWatch(heard), heard, log };
  };
  const told = (heard: Recorder, ...keys: string[]) => eventually(`the state of ${keys.join(', ')} is told`, () => keys.every((key) => heard.of(key).length > 0));
  const toldValue = (heard: Recorder, key: string, value: string | undefined) => eventually(`${key} is told to be ${value}`, () => heard.of(key).length > 0 && heard.value(key) === value);
  const failed = async (heard: Recorder, keys: Keys, message: RegExp) => {
    const failure = await eventually('it is told that it failed', () => heard.failures.find((one) => JSON.stringify(one.keys) === JSON.stringify(keys)));
    expect(failure?.cause.message).toMatch(message);
  };
  const get = async (store: ConfigStore, keys: Keys) => Object.fromEntries([...await store.get(keys, {}, SCOPE)].map(([key, item]) => [key, `${item.value}|${item.version}`]));
  const settingOf = async ({ raw }: RedisServer) => ((await raw.config('GET', SETTING)) as string[])[1] ?? '';

  describe('values', () => {
    let server: RedisServer;
    beforeAll(async () => { server = await start(); });

    it('are split at ||, and what is no value is not there', async () => {
      await server.raw.mset({ plain: 'v', both: 'v||1', extra: 'v||1||2||3', odd: 'a|b||c|d', trailing: 'v||', empty: '', version: '||7', json: '{"a":"||"}' });
      const store = await open({ redisHost: server.address });
      const keys = ['plain', 'both', 'extra', 'odd', 'trailing', 'empty', 'version', 'json'];
      const expected = { plain: 'v|', both: 'v|1', extra: 'v|1', odd: 'a|b|c|d', trailing: 'v|', json: '{"a":"|"}' };
      expect(await get(store, keys)).toEqual(expected);
      expect(await get(store, 'all')).toEqual(expected);
      await server.raw.flushall();
    });

    it('are texts only: keys of other types are passed over, also when they are named', async () => {
      const { raw } = server;
      await Promise.all([raw.set('text', 'v'), raw.lpush('list', 'x'), raw.hset('hash', 'f', 'x'), raw.sadd('set', 'x'), raw.zadd('sorted', 1, 'x'), raw.xadd('stream', '*', 'f', 'x')]);
      await raw.set(Buffer.from([0xff, 0xfe]), 'a name that is no text');
      await raw.set('bytes', Buffer.from([0x61, 0xff, 0x62]));
      const store = await open({ redisHost: server.address });
      expect(await get(store, ['text', 'list', 'hash', 'set', 'sorted', 'stream', 'none'])).toEqual({ text: 'v|' });
      expect(await get(store, 'all')).toEqual({ text: 'v|', bytes: 'a\uFFFDb|' });
      await raw.flushall();
    });

    it('of a big database are all read, without holding up the server', async () => {
      const { raw } = server;
      await raw.eval(`for i = 1, 6000 do redis.call('SET', 'key' .. i, 'v' .. i .. '||' .. i) redis.call('HSET', 'hash' .. i, 'f', i) end`, 0);
      const store = await open({ redisHost: server.address });
      await raw.config('RESETSTAT');
      const items = await store.get('all', {}, SCOPE);
      expect(items.size).toBe(6000);
      expect(items.get('key5999')).toEqual({ value: 'v5999', version: '5999', metadata: {} });
      const stats = await raw.info('commandstats');
      expect(stats).not.toContain('cmdstat_keys');
      expect(Number(/cmdstat_scan:calls=(\d+)/.exec(stats)?.[1])).toBeGreaterThan(5);
      const heard = new Recorder();
      store.openWatch(heard).add('all');
      await eventually('all keys are told', () => heard.states.some(({ complete, changes }) => complete && changes.size === 6000));
      await raw.set('key1', 'new');
      await toldValue(heard, 'key1', 'new');
      await raw.eval(`for i = 1, 6000 do redis.call('SET', 'key' .. i, 'w') end`, 0);
      await eventually('all changes are told', () => heard.value('key1') === 'w' && heard.value('key6000') === 'w');
      expect(heard.known.size).toBe(6000);
      await raw.flushall();
      await eventually('the flush is told', () => heard.known.size === 0);
    });
  });

  describe('changes of every kind', () => {
    let server: RedisServer;
    beforeAll(async () => { server = await start({ extra: ['--databases', '4'] }); });

    it.each(['all', 'named'] as const)('are told: %s', async (how) => {
      const { raw } = server;
      const { watch, heard } = await watching({ redisHost: server.address });
      const keys = ['k', 'l', 'm'];
      watch.add(how === 'all' ? 'all' : keys);
      await eventually('the first state is told', () => heard.states.length > 0);
      const steps: readonly (readonly [() => Promise<unknown>, key: string, value: string | undefined])[] = [
        [() => raw.set('k', '1'), 'k', '1'],
        [() => raw.append('k', '||v'), 'k', '1'],
        [() => raw.setrange('k', 0, '2'), 'k', '2'],
        [() => raw.getset('k', '3'), 'k', '3'],
        [() => raw.incr('k'), 'k', '4'],
        [() => raw.mset('k', '5', 'm', '5'), 'm', '5'],
        [() => raw.rename('k', 'l'), 'l', '5'],
        [() => raw.exists('k'), 'k', undefined],
        [() => raw.call('COPY', 'l', 'k'), 'k', '5'],
        [() => raw.pexpire('k', 30), 'k', undefined],
        [() => raw.psetex('k', 30, '6'), 'k', undefined],
        [() => raw.move('l', 1), 'l', undefined],
        [() => raw.unlink('m'), 'm', undefined],
        [() => raw.set('k', '7'), 'k', '7'],
        [() => raw.multi().del('k').lpush('k', 'x').exec(), 'k', undefined],
        [() => raw.rpop('k'), 'k', undefined],
        [() => raw.eval(`redis.call('SET', KEYS[1], '8')`, 1, 'k'), 'k', '8'],
        [() => raw.flushdb(), 'k', undefined],
        [() => raw.set('k', '9'), 'k', '9'],
        [() => raw.flushall('ASYNC'), 'k', undefined],
        [() => raw.set('k', '10'), 'k', '10'],
        [() => raw.getdel('k'), 'k', undefined],
      ];
      for (const [step, key, value] of steps) {
        await step();
        await toldValue(heard, key, value);
      }
      expect(heard.losses).toEqual([]);
    });

    it('of evicted keys are told', async () => {
      const own = await start();
      const { watch, heard } = await watching({ redisHost: own.address });
      await own.raw.set('k', 'v');
      watch.add(['k']);
      await toldValue(heard, 'k', 'v');
      await own.raw.config('SET', 'maxmemory-policy', 'allkeys-random', 'maxmemory', '1');
      await toldValue(heard, 'k', undefined);
    });

    it('of other databases are not told', async () => {
      const { raw } = server;
      const { watch, heard } = await watching({ redisHost: server.address, redisDB: '2' });
      watch.add('all');
      await eventually('the first state is told', () => heard.states.length > 0);
      await raw.set('other', '1');
      await raw.multi().select(2).set('k', '2').select(0).exec();
      await toldValue(heard, 'k', '2');
      expect(heard.of('other')).toEqual([]);
      await raw.flushall();
    });

    it('are touched first, and read after', async () => {
      const { watch, heard } = await watching({ redisHost: server.address });
      watch.add(['k']);
      await told(heard, 'k');
      await server.raw.set('k', 'now');
      await toldValue(heard, 'k', 'now');
      const kinds = heard.told.map(({ kind }) => kind);
      expect(kinds.slice(0, 3)).toEqual(['state', 'touched', 'state']);
      await server.raw.flushall();
      await toldValue(heard, 'k', undefined);
      expect(heard.told.at(-2)).toEqual({ kind: 'touched', keys: ['k'] });
    });

    it.each(['all', 'named'] as const)('that come while a read is under way leave the key touched: %s', async (how) => {
      const { watch, heard } = await watching({ redisHost: server.address });
      watch.add(how === 'all' ? 'all' : ['k']);
      await eventually('the first state is told', () => heard.states.length > 0);
      for (let number = 1; number <= 500; number++) await server.raw.set('k', `${number}`);
      await toldValue(heard, 'k', '500');
      let value: string | undefined;
      let touched = true;
      for (const one of heard.told) {
        if (one.kind === 'touched') touched ||= one.keys.includes('k');
        if (one.kind !== 'state' || !one.changes.has('k')) continue;
        if (one.changes.get('k')?.value !== value) expect(touched).toBe(true); // else a reader was told what was true no more
        value = one.changes.get('k')?.value;
        touched = false;
      }
      await server.raw.flushall();
    });
  });

  describe('telling the server to tell', () => {
    it('adds to what others have set, and takes nothing away', async () => {
      const server = await start({ extra: [`--${SETTING}`, 'Ez'] });
      const { watch, heard, log } = await watching({ redisHost: server.address });
      expect(await settingOf(server)).toBe('zE');
      watch.add(['k']);
      await told(heard, 'k');
      expect([...await settingOf(server)].sort().join('')).toBe('$EKegxz');
      expect(log.texts('info')).toEqual([`${SETTING} of redis at ${server.address} was "zE" and is "zEKg$xe" now`]);
      await server.raw.set('k', '1');
      await toldValue(heard, 'k', '1');
    });

    it.each(['KA', 'Kg$xe', 'AKE'])('leaves alone what is enough: %s', async (setting) => {
      const server = await start({ extra: [`--${SETTING}`, setting] });
      await server.raw.config('RESETSTAT');
      const { watch, heard } = await watching({ redisHost: server.address });
      watch.add(['k']);
      await told(heard, 'k');
      expect(await server.raw.info('commandstats')).not.toContain('cmdstat_config|set');
      await server.raw.set('k', '1');
      await toldValue(heard, 'k', '1');
    });

    it('is not done for reading alone', async () => {
      const server = await start();
      const store = await open({ redisHost: server.address });
      store.openWatch(new Recorder());
      await get(store, 'all');
      expect(await settingOf(server)).toBe('');
    });

    const USER = 'app on >secret ~* &* +@all';
    const login = (server: RedisServer) => ({ redisHost: server.address, redisUsername: 'app', redisPassword: 'secret' });

    it('fails with what an operator has to do where CONFIG SET is refused', async () => {
      const server = await start({ user: `${USER} -config|set`, extra: [`--${SETTING}`, 'Ex'] });
      const { store, watch, heard } = await watching(login(server));
      watch.add(['k', 'l']);
      await failed(heard, ['k', 'l'], /^redis at 127\.0\.0\.1:\d+ does not tell of changed keys: notify-keyspace-events is "xE", lacks "Kg\$e", and setting it was refused \(NOPERM .*\)\. Set notify-keyspace-events to "xEKg\$e" in the server's configuration, or let the user of this component run CONFIG SET \(ACL rule \+config\|set\)$/);
      await server.raw.set('k', '1');
      expect(await get(store, ['k'])).toEqual({ k: '1|' });
      expect(heard.told).toHaveLength(1);
      expect(watch.isLive()).toBe(false);
      await server.raw.config('SET', SETTING, 'Kg$xe'); // the operator does it
      watch.add(['k']);
      await toldValue(heard, 'k', '1');
      await server.raw.set('k', '2');
      await toldValue(heard, 'k', '2');
    });

    it('needs no right to set what is set already', async () => {
      const server = await start({ user: `${USER} -config +config|get`, extra: [`--${SETTING}`, 'KA'] });
      const { watch, heard } = await watching(login(server));
      watch.add('all');
      await eventually('the first state is told', () => heard.states.length > 0);
      await server.raw.set('k', '1');
      await toldValue(heard, 'k', '1');
    });

    it('fails where the setting can\'t be read, and does not set it blindly', async () => {
      const server = await start({ user: `${USER} -config +config|set`, extra: [`--${SETTING}`, 'KEA'] });
      const { watch, heard } = await watching(login(server));
      watch.add('all');
      watch.add(['k']);
      await failed(heard, 'all', /does not say whether it tells of changed keys: reading notify-keyspace-events was refused \(NOPERM .*\), .* Set notify-keyspace-events to at least "Kg\$xe" in the server's configuration and let the user of this component run CONFIG GET \(ACL rule \+config\|get\)$/);
      await failed(heard, ['k'], /does not say/);
      expect(await settingOf(server)).toBe('AKE');
    });

    it('fails where CONFIG has another name or none', async () => {
      const server = await start({ extra: ['--rename-command', 'CONFIG', 'SECRET_CONFIG'] });
      const { watch, heard } = await watching({ redisHost: server.address });
      watch.add(['k']);
      await failed(heard, ['k'], /reading notify-keyspace-events was refused \(ERR unknown command/);
    });

    it('fails for channels that the user may not listen to, and for no others', async () => {
      const server = await start({ user: 'app on >secret ~* resetchannels &__keyspace@0__:app* +@all' });
      const { watch, heard } = await watching(login(server));
      watch.add(['app1', 'other', 'app2']);
      await failed(heard, ['other'], /^NOPERM .*channel/);
      await told(heard, 'app1', 'app2');
      watch.add('all');
      await failed(heard, 'all', /^NOPERM .*channel/);
      await server.raw.mset('app1', '1', 'other', '1');
      await toldValue(heard, 'app1', '1');
      expect(heard.of('other')).toEqual([]);
    });

    it('fails for keys that the user may not read, and for no others', async () => {
      const server = await start({ user: 'app on >secret ~app* &* +@all' });
      await server.raw.mset('app1', '1', 'other', '1');
      const { store, watch, heard } = await watching(login(server));
      watch.add(['app1', 'other']);
      await failed(heard, ['other'], /^NOPERM .*keys/);
      await toldValue(heard, 'app1', '1');
      watch.add('all');
      watch.add(['app2']); // is not lost with the read of all keys that it is part of
      await failed(heard, 'all', /^NOPERM .*keys/);
      await told(heard, 'app2');
      await expect(get(store, ['app1', 'other'])).rejects.toThrow(/^NOPERM /);
      await server.raw.mset('app1', '2', 'other', '2');
      await toldValue(heard, 'app1', '2');
      expect(heard.of('other')).toEqual([]);
    });

    it('goes without the news of flushes where CLIENT TRACKING is refused, and says so', async () => {
      const server = await start({ user: `${USER} -client|tracking` });
      const { watch, heard, log } = await watching(login(server));
      watch.add(['k']);
      await told(heard, 'k');
      await server.raw.set('k', '1');
      await toldValue(heard, 'k', '1');
      expect(log.texts('warn')).toEqual([expect.stringMatching(/refuses CLIENT TRACKING .*: a FLUSHDB or FLUSHALL will not be noticed$/)]);
    });

    it('is done again after a restart; where it is refused by then, it says so and goes on trying', async () => {
      const server = await start({ user: `${USER} -config|set`, durable: true });
      await server.raw.config('SET', SETTING, 'KA');
      await server.raw.set('k', '1');
      const { watch, heard, log } = await watching(login(server));
      watch.add(['k']);
      await toldValue(heard, 'k', '1');
      await server.kill();
      await eventually('the loss is told', () => heard.losses.length === 1);
      await server.restart();
      await server.raw.set('k', '2');
      await eventually('the log tells', () => log.texts('error').length > 0);
      expect(log.texts('error')).toEqual([expect.stringMatching(/^can't listen to redis at .* any more: redis at .* does not tell of changed keys: notify-keyspace-events is "", lacks "Kg\$xe", .*; trying again$/)]);
      expect(heard.failures).toEqual([]);
      await server.raw.config('SET', SETTING, 'KA');
      await toldValue(heard, 'k', '2');
      expect(heard.losses).toHaveLength(1);
      expect(log.texts('error')).toHaveLength(1);
    });
  });

  describe('a watch', () => {
    let server: RedisServer;
    beforeAll(async () => { server = await start({ durable: true }); });

    it('waits for a server that is away when it begins', async () => {
      const { watch, heard } = await watching({ redisHost: server.address });
      await server.kill();
      watch.add(['late']);
      await server.restart();
      await server.raw.set('late', '1');
      await toldValue(heard, 'late', '1');
      expect(heard.losses).toEqual([]);
    });

    it('of a silent server is not live soon after somebody asks, and mends itself', async () => {
      const { watch, heard } = await watching({ redisHost: server.address, ...IMPATIENT });
      watch.add(['silent']);
      await told(heard, 'silent');
      await eventually('it is live', () => watch.isLive());
      server.pause();
      await eventually('it is not live', () => !watch.isLive());
      await eventually('the loss is told', () => { watch.isLive(); return heard.losses.length === 1; });
      expect(heard.losses[0]).toMatch(/500ms/);
      server.resume();
      await server.raw.set('silent', '1');
      await toldValue(heard, 'silent', '1');
      await eventually('it is live again', () => watch.isLive());
    });

    it('is not misled by a read whose answer is lost', async () => {
      const relay = await startRelay(server);
      try {
        const { watch, heard } = await watching({ redisHost: relay.address, ...IMPATIENT });
        await server.raw.set('k', '1');
        watch.add(['k']);
        await toldValue(heard, 'k', '1');
        relay.loseAnswersAfter('mget');
        await server.raw.set('k', '2');
        await eventually('the loss is told', () => { watch.isLive(); return heard.losses.length > 0; });
        await server.raw.set('k', '3');
        relay.mend();
        await toldValue(heard, 'k', '3');
        const values = heard.of('k').map((item) => Number(item?.value));
        expect(values).toEqual([...values].sort((one, two) => one - two));
      } finally {
        await relay[Symbol.asyncDispose]();
      }
    });

    it('that nobody asks causes no traffic, and one that is asked a PING at a time', async () => {
      const pings = async () => Number(/cmdstat_ping:calls=(\d+)/.exec(await server.raw.info('commandstats'))?.[1] ?? 0);
      const { watch, heard } = await watching({ redisHost: server.address });
      watch.add(['asked']);
      await told(heard, 'asked');
      await server.raw.config('RESETSTAT');
      for (let round = 0; round < 20; round++) {
        await server.raw.set('asked', `${round}`);
        await toldValue(heard, 'asked', `${round}`);
      }
      expect(await pings()).toBe(0);
      const startedMs = performance.now();
      await eventually('there were two PINGs', async () => {
        for (let times = 0; times < 100; times++) watch.isLive();
        return (await pings()) >= 2;
      });
      expect(await pings()).toBeLessThanOrEqual(Math.floor((performance.now() - startedMs) / 500) + 1);
    });

    it('ends with its connections', async () => {
      const before = Number(/connected_clients:(\d+)/.exec(await server.raw.info('clients'))?.[1]);
      const { store, watch, heard } = await watching({ redisHost: server.address });
      watch.add(['k']);
      await told(heard, 'k');
      await store.close();
      await eventually('all connections are closed', async () => Number(/connected_clients:(\d+)/.exec(await server.raw.info('clients'))?.[1]) === before);
    });
  });

  describe('set-ups of Redis', () => {
    let certificates: Certificates | undefined;
    beforeAll(() => { certificates = makeCertificates(); });
    afterAll(() => certificates?.remove());
    const works = async ({ raw }: RedisServer, metadata: Metadata) => {
      await raw.set('k', 'v||1');
      const { store, watch, heard } = await watching(metadata);
      expect(await get(store, ['k'])).toEqual({ k: 'v|1' });
      watch.add(['k']);
      await toldValue(heard, 'k', 'v');
      await raw.set('k', 'w||2');
      await toldValue(heard, 'k', 'w');
      await eventually('it is live', () => watch.isLive());
    };

    it('with a password', async () => {
      const server = await start({ password: 's3cret pass' });
      await works(server, { redisHost: server.address, redisPassword: 's3cret pass' });
      await expect(open({ redisHost: server.address, redisPassword: 'wr0ng' })).rejects.toThrow(/WRONGPASS/);
    });

    it('with TLS and a certificate of its own', async ({ skip }) => {
      if (certificates === undefined) return skip('openssl is not installed');
      const server = await start({ tls: { ...certificates, clientCertificates: 'required' } });
      await works(server, { redisHost: server.address, enableTLS: 'true', insecureSkipTLSVerify: 'true', clientCert: certificates.certificate, clientKey: certificates.key });
    });

    it('a cluster: keys of all nodes are read, and watching is refused', async () => {
      const cluster = await keep(startRedisCluster());
      const { store, watch, heard } = await watching({ redisHost: cluster.addresses, redisType: 'cluster' });
      const keys = Array.from({ length: 60 }, (_, index) => `k${index}`);
      const ownerOf = async (key: string) => {
        const slot = Number(await cluster.nodes[0]?.raw.call('CLUSTER', 'KEYSLOT', key));
        return cluster.nodes[slot < 5461 ? 0 : slot < 10_923 ? 1 : 2];
      };
      for (const key of keys) await (await ownerOf(key))?.raw.set(key, `${key}||1`);
      await (await ownerOf('list'))?.raw.lpush('list', 'x');
      const expected = Object.fromEntries(keys.map((key) => [key, `${key}|1`]));
      expect(await get(store, [...keys, 'none', 'list'])).toEqual(expected);
      expect(await get(store, 'all')).toEqual(expected);
      watch.add(['k1']);
      await failed(heard, ['k1'], /^redis at .* is a cluster, .* can be read from it, but not watched\./);
      watch.add('all');
      await failed(heard, 'all', /is a cluster/);
      watch.remove(['k1']);
      expect(watch.isLive()).toBe(false);
    });

    it('behind a sentinel: a watch follows the primary', async () => {
      const group = await keep(startRedisGroup({ sentinelPassword: 'guard' }));
      const { watch, heard } = await watching({ redisHost: group.sentinel, failover: 'true', sentinelMasterName: group.masterName, sentinelPassword: 'guard' });
      await group.primary.raw.set('k', 'before');
      watch.add(['k']);
      watch.add('all');
      await toldValue(heard, 'k', 'before');
      await eventually('the replica has it', async () => (await group.replica.raw.get('k')) === 'before');
      await group.primary.kill();
      await eventually('the loss is told', () => heard.losses.length === 1);
      await eventually('there is another primary', async () => (await group.replica.raw.role())[0] === 'master');
      await group.replica.raw.set('k', 'after');
      await toldValue(heard, 'k', 'after');
      await group.replica.raw.set('new', 'n');
      await toldValue(heard, 'new', 'n');
      expect(heard.losses).toHaveLength(1);
    });
  });
});
