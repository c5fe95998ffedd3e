// The connection to Redis against real servers: ways to log in, kinds of set-up, and every way to lose it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openRedis, RedisUnreachable, type RedisClient } from '../blocks/clients/redis-client.ts';
import { REDIS_FIELDS, redisSettings } from '../blocks/clients/redis-settings.ts';
import { readMetadata } from '../blocks/metadata.ts';
import { openRedisStore } from '../blocks/state/redis.ts';
import type { StateStore } from '../blocks/state/store.ts';
import { stateConformance } from './conformance/state.ts';
import { freePort } from './servers/process.ts';
import { makeCertificates, startRedis, startRedisCluster, startRedisGroup, until, type Certificates, type RedisCluster, type RedisGroup, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';
import { componentSpec, driverContext, memoryLog, read, SCOPE, upsert, type MemoryLog } from './support.ts';

type Metadata = Readonly<Record<string, string>>;
const open = (metadata: Metadata, log: MemoryLog = memoryLog(), signal = AbortSignal.timeout(5000)): Promise<RedisClient> =>
  openRedis(redisSettings(readMetadata(componentSpec('state.redis', metadata), REDIS_FIELDS, log), { minRetryMs: 20 }), log, signal);
const openStore = (metadata: Metadata, log = memoryLog()) => openRedisStore(componentSpec('state.redis', metadata), driverContext(log), AbortSignal.timeout(5000));
/** Fast enough for tests: a silent server is given up after half a second. */
const HASTY = { readTimeout: '500ms', redisMinRetryInterval: '20ms', redisMaxRetryInterval: '100ms', dialTimeout: '500ms' };

const started: { stop(): Promise<void> }[] = [];
const clients: { close(): Promise<void> | void }[] = [];
const keep = <T extends { close(): Promise<void> | void }>(client: T): T => { clients.push(client); return client; };
afterEach(async () => { for (const client of clients.splice(0)) await client.close(); });
afterAll(async () => { for (const server of started.splice(0)) await server.stop(); });
const start = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => { const server = await starting; started.push(server); return server; };

describe('opening', () => {
  it('fails with the address and the cause when nobody listens', async () => {
    const port = await freePort();
    const opening = open({ redisHost: `127.0.0.1:${port}` });
    await expect(opening).rejects.toBeInstanceOf(RedisUnreachable);
    await expect(opening).rejects.toThrow(`error connecting to redis at 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`);
    await expect(open({ redisHost: `127.0.0.1:${port}`, redisType: 'cluster' })).rejects.toThrow(`error connecting to redis at 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`);
    await expect(open({ redisHost: `127.0.0.1:${port}`, failover: 'true', sentinelMasterName: 'm' })).rejects.toThrow(`error connecting to redis at 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`);
    await expect(open({ redisHost: 'no-such-host.invalid' })).rejects.toThrow(/no-such-host\.invalid:6379: getaddrinfo/);
  });

  it('fails when a server takes the connection and never says a word', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    await expect(open({ redisHost: `127.0.0.1:${port}`, ...HASTY })).rejects.toThrow(/Socket timeout|didn't receive/);
    silent.close();
  });

  it('ends when the signal aborts, also one that aborted before', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const abort = new AbortController();
    const opening = open({ redisHost: `127.0.0.1:${port}` }, memoryLog(), abort.signal);
    abort.abort(new Error('enough'));
    await expect(opening).rejects.toThrow('enough');
    await expect(open({ redisHost: `127.0.0.1:${port}` }, memoryLog(), abort.signal)).rejects.toThrow('enough');
    silent.close();
  });
});

describeWithRedis('logging in to Redis', () => {
  it('with a password', async () => {
    const server = await start(startRedis({ password: 's3cret pass' }));
    const client = keep(await open({ redisHost: server.address, redisPassword: 's3cret pass' }));
    expect(String(await client.read('ping'))).toBe('PONG');
    await expect(open({ redisHost: server.address, redisPassword: 'wr0ng' })).rejects.toThrow(/WRONGPASS/);
    await expect(open({ redisHost: server.address, redisPassword: 'wr0ng' })).rejects.not.toThrow(/wr0ng/);
    await expect(open({ redisHost: server.address })).rejects.toThrow(/NOAUTH/);
  });

  it('as a user who may use some commands only', async () => {
    const server = await start(startRedis({ user: 'app on >secret ~app||* +@read +@write +@scripting +ping +info +hello' }));
    const store = keep(await openStore({ redisHost: server.address, redisUsername: 'app', redisPassword: 'secret' }));
    await store.set(upsert('app||k', '1'), SCOPE);
    expect((await store.get(read('app||k'), SCOPE))?.etag).toBe('1');
    await expect((async () => store.get(read('other||k'), SCOPE))()).rejects.toThrow(/^NOPERM /);
  });
});

describeWithRedis('Redis with TLS', () => {
  let certificates: Certificates | undefined;
  beforeAll(() => { certificates = makeCertificates(); });
  afterAll(() => certificates?.remove());

  it('trusts the system\'s authorities or, when told so, anybody; and shows its own certificate', async ({ skip }) => {
    if (certificates === undefined) return skip('openssl is not installed');
    const server = await start(startRedis({ tls: { ...certificates, clientCertificates: 'required' } }));
    const login = { redisHost: server.address, enableTLS: 'true', clientCert: certificates.certificate, clientKey: certificates.key };
    await expect(open(login)).rejects.toThrow(/self-signed certificate|unable to verify/);
    expect(String(await keep(await open({ ...login, insecureSkipTLSVerify: 'true' })).read('ping'))).toBe('PONG');
    await expect(open({ redisHost: server.address, enableTLS: 'true', insecureSkipTLSVerify: 'true' })).rejects.toThrow(RedisUnreachable); // no certificate of ours
    await expect(open({ redisHost: server.address, ...HASTY })).rejects.toThrow(RedisUnreachable); // plain text
  });

  it('verifies the server by an authority that the machine trusts', async ({ skip }) => {
    if (certificates === undefined) return skip('openssl is not installed');
    const server = await start(startRedis({ tls: { ...certificates, clientCertificates: 'no' } }));
    const script = `
      import { openRedis } from './blocks/clients/redis-client.ts';
      import { REDIS_FIELDS, redisSettings } from './blocks/clients/redis-settings.ts';
      import { readMetadata } from './blocks/metadata.ts';
      const log = { debug() {}, info() {}, warn() {}, error() {} };
      const spec = { name: 's', type: 'state.redis', version: 'v1', metadata: [{ name: 'redisHost', value: '${server.address}' }, { name: 'enableTLS', value: 'true' }], ignoreErrors: false, initTimeoutMs: 5000 };
      const client = await openRedis(redisSettings(readMetadata(spec, REDIS_FIELDS, log), { minRetryMs: 8 }), log, AbortSignal.timeout(5000));
      console.log(String(await client.read('ping')));
      await client.close();`;
    // a process of its own: the list of authorities is read once in a process
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { env: { ...process.env, NODE_EXTRA_CA_CERTS: `${certificates.folder}/ca.crt` }, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk) => { output += String(chunk); });
    await once(child, 'close'); // it ends by itself: close() leaves nothing that keeps a process alive
    expect(output).toBe('PONG\n');
  });
});

describeWithRedis('a lost Redis', () => {
  let server: RedisServer;
  beforeAll(async () => { server = await start(startRedis({ durable: true })); });
  afterEach(async () => { await server.restart(); });
  const hasty = (extra: Metadata = {}, log = memoryLog()) => open({ redisHost: server.address, ...HASTY, ...extra }, log);

  it('comes back: calls wait for it and then succeed, the log tells once', async () => {
    const log = memoryLog();
    const client = keep(await hasty({ readTimeout: '5s' }, log));
    await client.write('set', 'k', 'before');
    await server.kill();
    await until('the loss is noticed', () => log.texts('warn').length > 0);
    const waiting = [client.read('get', 'k'), client.write('set', 'l', 'after')];
    await server.restart();
    expect(String(await waiting[0])).toBe('before');
    await waiting[1];
    expect(String(await client.read('get', 'l'))).toBe('after');
    expect(log.texts('warn')).toEqual([expect.stringMatching(/^lost the connection to redis at .*; reconnecting$/)]);
    await until('the return is logged', () => log.texts('info').length === 1);
  });

  it('stays away: calls fail within the read timeout and say why', async () => {
    const log = memoryLog();
    const client = keep(await hasty({}, log));
    await server.kill();
    await until('the loss is noticed', () => log.texts('warn').length > 0);
    const started = performance.now();
    const results = await Promise.allSettled([client.read('get', 'k'), client.write('set', 'k', '1'), client.run({ name: 'one', lua: 'return 1' }, ['k'], [])]);
    const tookMs = performance.now() - started;
    expect(tookMs).toBeGreaterThan(450);
    expect(tookMs).toBeLessThan(1500);
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected', reason: { name: 'RedisUnreachable', message: `error connecting to redis at ${server.address}: connect ECONNREFUSED ${server.address}` } });
    }
  });

  it('deaf: a call fails after the read timeout, and the connection is replaced', async () => {
    const client = keep(await hasty({ redisMaxRetries: '0' }));
    server.pause();
    const started = performance.now();
    await expect(client.write('set', 'deaf', '1')).rejects.toThrow(/lost the connection to redis at .* before the answer came, so the outcome is unknown: .*500ms/);
    expect(performance.now() - started).toBeLessThan(1500);
    server.resume();
    expect(await client.write('set', 'deaf', '2')).toEqual(Buffer.from('OK'));
  });

  it('closing fails what waits, and twice is fine', async () => {
    const log = memoryLog();
    const client = await hasty({ readTimeout: '5s' }, log);
    await server.kill();
    await until('the loss is noticed', () => log.texts('warn').length > 0);
    const waiting = client.read('get', 'k');
    waiting.catch(() => undefined); // looked at below
    await client.close();
    await client.close();
    await expect(waiting).rejects.toThrow('the component is closing');
    await expect(client.write('set', 'k', '1')).rejects.toThrow('the component is closing');
  });
});

describe('a connection that breaks under calls', () => {
  /** A server of few words that counts commands, and can drop the connection when it gets one. */
  class FakeRedis {
    readonly commands: string[] = [];
    /** Drops the connection at this many of those commands, without an answer. */
    drops = 0;
    readonly #sockets = new Set<Socket>();
    readonly #server: Server;
    readonly #dropOn: string;
    /** @param dropOn a command; the connection drops when it comes */
    constructor(dropOn: string) {
      this.#dropOn = dropOn;
      this.#server = createServer((socket) => {
        this.#sockets.add(socket);
        socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
        socket.on('data', (chunk) => this.#answer(socket, chunk.toString()));
      });
    }
    async listen(): Promise<string> {
      this.#server.listen(0, '127.0.0.1');
      await once(this.#server, 'listening');
      return `127.0.0.1:${(this.#server.address() as { port: number }).port}`;
    }
    async close(): Promise<void> {
      for (const socket of this.#sockets) socket.destroy();
      this.#server.close();
      await once(this.#server, 'close');
    }
    #answer(socket: Socket, chunk: string): void {
      for (const [, name = ''] of chunk.matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
        const command = name.toLowerCase();
        this.commands.push(command);
        if (command === this.#dropOn && this.drops > 0) {
          this.drops--;
          socket.destroy();
          return;
        }
        if (command === 'hello') socket.write('-ERR unknown command HELLO\r\n');
        else if (command === 'info') socket.write('$9\r\nloading:0\r\n');
        else if (command === 'get') socket.write('$5\r\nvalue\r\n');
        else socket.write('+OK\r\n');
      }
    }
    count(command: string): number {
      return this.commands.filter((name) => name === command).length;
    }
  }
  const withFake = async (dropOn: string, test: (fake: FakeRedis, client: RedisClient) => Promise<void>, extra: Metadata = {}) => {
    const fake = new FakeRedis(dropOn);
    const client = await open({ redisHost: await fake.listen(), ...HASTY, readTimeout: '2s', ...extra });
    try {
      await test(fake, client);
    } finally {
      await client.close();
      await fake.close();
    }
  };

  it('sends reads again, as often as redisMaxRetries says', async () => {
    await withFake('get', async (fake, client) => {
      fake.drops = 2;
      expect(String(await client.read('get', 'k'))).toBe('value');
      expect(fake.count('get')).toBe(3);
      fake.drops = 9;
      await expect(client.read('get', 'k')).rejects.toThrow(/lost the connection .* before the answer came/);
      expect(fake.count('get')).toBe(3 + 3);
    }, { redisMaxRetries: '2' });
  });

  it('never sends a write again, nor a script, and says that its outcome is unknown', async () => {
    for (const dropOn of ['set', 'eval']) {
      await withFake(dropOn, async (fake, client) => {
        fake.drops = 1;
        const write = dropOn === 'set' ? client.write('set', 'k', 'v') : client.run({ name: 'script', lua: 'return 1' }, ['k'], []);
        await expect(write).rejects.toThrow(/so the outcome is unknown: (?:the connection was closed by the server|read ECONNRESET)/);
        await client.read('get', 'k'); // connected again
        expect(fake.count(dropOn)).toBe(1);
      });
    }
  });

  it('fails all calls in flight and lets later ones through', async () => {
    await withFake('set', async (fake, client) => {
      fake.drops = 1;
      const settled = await Promise.allSettled(Array.from({ length: 50 }, (_, index) => client.write('set', `k${index}`, 'v')));
      expect(settled.every(({ status }) => status === 'rejected')).toBe(true);
      expect(fake.count('set')).toBe(1);
      await client.write('set', 'k', 'v');
    });
  });

  it('sends all calls of one turn in one packet', async () => {
    const packets: string[] = [];
    const server = createServer((socket) => socket.on('data', (chunk) => {
      packets.push(chunk.toString());
      for (const [, name = ''] of chunk.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) socket.write(name === 'hello' ? '-NOPROTO\r\n' : name === 'info' ? '$9\r\nloading:0\r\n' : '+OK\r\n');
    })).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = await open({ redisHost: `127.0.0.1:${(server.address() as { port: number }).port}` });
    packets.length = 0;
    await Promise.all(Array.from({ length: 20 }, () => client.write('set', 'k', 'v')));
    expect(packets).toHaveLength(1);
    await client.close();
    server.close();
  });
});

describeWithRedis('a Redis cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => { cluster = await start(startRedisCluster()); });
  const metadata = (extra: Metadata = {}) => ({ redisHost: cluster.addresses, redisType: 'cluster', ...extra });

  stateConformance('state.redis, cluster', () => openStore(metadata()), {
    features: ['ETAG', 'TRANSACTIONAL', 'TTL', 'KEYS_LIKE'],
    etag: /^[1-9]\d*$/, badEtag: '9999999', malformedEtag: 'bad-etag', etagOfAbsentKey: 'ignored', etagOnLastWrite: 'ignored', reportsExpiry: false, writeWithoutTtl: 'keeps', shared: true,
    ttlErrors: { foo: 'failed to parse ttl from metadata: strconv.ParseInt: parsing "foo": invalid syntax' },
  });

  it('spreads keys over its nodes, from one seed', async () => {
    const store = keep(await openStore(metadata({ redisHost: cluster.nodes[0]?.address ?? '' })));
    const keys = Array.from({ length: 30 }, (_, index) => `spread||${index}`);
    await Promise.all(keys.map((key) => store.set(upsert(key, '1', { consistency: 'strong' }), SCOPE)));
    expect((await store.getMany?.(keys.map((key) => read(key)), SCOPE))?.every((item) => item?.etag === '1')).toBe(true);
    for (const { raw } of cluster.nodes) expect(await raw.dbsize()).toBeGreaterThan(0);
  });

  it('refuses a transaction whose keys are in different slots', async () => {
    const store = keep(await openStore(metadata()));
    await expect(store.transact?.([upsert('app||a', '1'), upsert('app||b', '2')], {}, SCOPE)).rejects.toThrow(/different hash slots of the Redis cluster: give them a common part in braces/);
    await store.transact?.([upsert('app||{x}a', '1'), upsert('app||{x}b', '2')], {}, SCOPE);
  });

  it('follows a slot that moves to another node', async () => {
    const store = keep(await openStore(metadata()));
    await store.set(upsert('{moving}k', '1'), SCOPE);
    const slot = Number(await cluster.nodes[0]?.raw.call('CLUSTER', 'KEYSLOT', '{moving}k'));
    const from = cluster.nodes.find((_, index) => slot >= [0, 5461, 10_923][index]! && slot < [5461, 10_923, 16_384][index]!);
    const to = cluster.nodes.find((node) => node !== from);
    if (from === undefined || to === undefined) throw new Error('two nodes');
    const [fromId, toId] = await Promise.all([from, to].map(async ({ raw }) => String(await raw.call('CLUSTER', 'MYID'))));
    await to.raw.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId!);
    await from.raw.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId!);
    await from.raw.call('MIGRATE', to.host, to.port, '{moving}k', 0, 5000);
    await store.set(upsert('{moving}k', '2', { etag: '1' }), SCOPE); // ASK
    for (const { raw } of [to, from]) await raw.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId!);
    await Promise.all(Array.from({ length: 20 }, () => store.set(upsert('{moving}k', '3'), SCOPE))); // MOVED
    expect((await store.get(read('{moving}k'), SCOPE))?.etag).toBe('22');
  });

  it('goes on when a node comes back, and says which one was away', async () => {
    const store = keep(await openStore(metadata({ ...HASTY, redisMaxRetries: '0' })));
    const node = cluster.nodes[2];
    if (node === undefined) throw new Error('three nodes');
    const keys = Array.from({ length: 20 }, (_, index) => `back||${index}`);
    await Promise.all(keys.map((key) => store.set(upsert(key, '1'), SCOPE)));
    await node.kill();
    const settled = await Promise.allSettled(keys.map((key) => store.get(read(key), SCOPE)));
    const failures = settled.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
    expect(failures.length).toBeGreaterThan(0);
    for (const failure of failures) expect(failure).toMatch(/redis at /);
    await node.restart();
    await until('every key can be read', async () => (await Promise.allSettled(keys.map((key) => store.get(read(key), SCOPE)))).every(({ status }) => status === 'fulfilled'));
  });

  it('is told from a single server', async () => {
    const single = await start(startRedis());
    await expect(open({ redisHost: single.address, redisType: 'cluster' })).rejects.toThrow(/cluster support disabled/);
  });
});

describeWithRedis('Redis behind a sentinel', () => {
  let group: RedisGroup;
  let store: StateStore;
  const log = memoryLog();
  beforeAll(async () => {
    group = await start(startRedisGroup({ sentinelPassword: 'guard' }));
    store = await openStore({ redisHost: group.sentinel, failover: 'true', sentinelMasterName: group.masterName, sentinelPassword: 'guard', ...HASTY, readTimeout: '800ms' }, log);
  });
  afterAll(async () => { await store.close(); });

  it('writes to the primary; a strongly consistent write is on the replica when it is done', async () => {
    for (let round = 1; round <= 20; round++) {
      await store.set(upsert('strong', String(round), { consistency: 'strong' }), SCOPE);
      expect(await group.replica.raw.hget('strong', 'data')).toBe(String(round));
    }
    await store.transact?.([upsert('strong', '"last"', { consistency: 'strong' })], {}, SCOPE);
    expect(await group.replica.raw.hget('strong', 'data')).toBe('"last"');
  });

  it('does not let a late replica hold up other calls, and says that it is late', async () => {
    group.replica.pause();
    const started = performance.now();
    const strong = store.set(upsert('strong', '1', { consistency: 'strong' }), SCOPE);
    await store.set(upsert('weak', '1'), SCOPE);
    expect(performance.now() - started).toBeLessThan(800);
    await strong;
    expect(performance.now() - started).toBeGreaterThan(900);
    group.replica.resume();
    expect(log.texts('warn')).toEqual([expect.stringMatching(/^only 0 of 1 replicas of redis at .* after 1000 ms$/)]);
  });

  it('says that the sentinel knows no such primary', async () => {
    await expect(openStore({ redisHost: group.sentinel, failover: 'true', sentinelMasterName: 'other', sentinelPassword: 'guard' })).rejects.toThrow(/knows no primary named "other"/);
    await expect(openStore({ redisHost: group.sentinel, failover: 'true', sentinelMasterName: group.masterName })).rejects.toThrow(/NOAUTH/);
  });

  it('moves to the new primary after a failover', async () => {
    await store.set(upsert('k', '1', { consistency: 'strong' }), SCOPE);
    await group.primary.kill();
    await until('a write succeeds again', async () => {
      try {
        await store.set(upsert('k', '2'), SCOPE);
        return true;
      } catch (cause) {
        if (cause instanceof RedisUnreachable || /READONLY/.test(String(cause))) return false;
        throw cause;
      }
    });
    expect(await group.replica.raw.hget('k', 'data')).toBe('2');
  });
});
