// The client of etcd against real servers: every call, every way to log in, and every way to lose a server.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Etcd3 } from 'etcd3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openEtcd } from '../blocks/clients/etcd/connection.ts';
import { EtcdRefusal, EtcdUnreachable, type EtcdClient, type EtcdCompare, type EtcdItem, type EtcdOperation, type EtcdRange, type EtcdWatch } from '../blocks/clients/etcd/etcd.ts';
import { ETCD_FIELDS, etcdSettings, keyPath, type EtcdSettings } from '../blocks/clients/etcd/settings.ts';
import { InvalidMetadata } from '../blocks/driver.ts';
import { readMetadata } from '../blocks/metadata.ts';
import { eventually } from './harness/awaiting.ts';
import { startEtcd, startEtcdCluster, type EtcdCluster, type EtcdServer } from './servers/etcd.ts';
import { freePort } from './servers/process.ts';
import { makeCertificates, type Certificates } from './servers/redis.ts';
import { describeWithEtcd } from './servers/suites.ts';
import { componentSpec, memoryLog, type MemoryLog } from './support.ts';

type Metadata = Readonly<Record<string, string>>;
const settingsOf = (metadata: Metadata, log = memoryLog()): EtcdSettings => etcdSettings(readMetadata(componentSpec('state.etcd', metadata), ETCD_FIELDS, log));

/** After so long a proof of life is none any more, with a little on top. */
const PROOF_MS = 1050;

const clients: EtcdClient[] = [];
const started: { stop(): Promise<void> }[] = [];
afterEach(async () => { await Promise.all(clients.splice(0).map((client) => client.close())); });
afterAll(async () => { await Promise.all(started.splice(0).map((server) => server.stop())); });
const start = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => { const server = await starting; started.push(server); return server; };
const open = async (metadata: Metadata, log: MemoryLog = memoryLog(), signal = AbortSignal.timeout(10_000)): Promise<EtcdClient> => {
  const client = await openEtcd(settingsOf(metadata, log), log, signal);
  clients.push(client);
  return client;
};

const put = (key: string, value: string | Buffer, lease?: string): EtcdOperation => ({ kind: 'put', key, value: Buffer.from(value), ...(lease === undefined ? {} : { lease }) });
const drop = (range: EtcdRange): EtcdOperation => ({ kind: 'delete', range });
const doing = (client: EtcdClient, ...success: EtcdOperation[]) => client.transact({ compare: [], success });
const textOf = async (client: EtcdClient, key: string): Promise<string | undefined> => (await client.range({ key })).items[0]?.value.toString();
const keysOf = (items: readonly EtcdItem[]): string[] => items.map(({ key }) => key.toString());

/** Whatever a watch was told, in order. */
interface Heard {
  readonly watch: EtcdWatch;
  /** A word for each call, with what matters about it. */
  readonly words: string[];
  /** Revisions that `changed` told. */
  readonly revisions: number[];
  /** What there is, put together from all that was told. */
  readonly known: Map<string, string>;
  snapshotRevision: number;
  refusal: Error | undefined;
}

function listen(client: EtcdClient, range: EtcdRange): Heard {
  const words: string[] = [];
  const revisions: number[] = [];
  const known = new Map<string, string>();
  const heard: { -readonly [K in keyof Heard]: Heard[K] } = {
    words, revisions, known, snapshotRevision: 0, refusal: undefined,
    watch: client.watch(range, {
      snapshot: (items, revision) => {
        words.push('snapshot');
        heard.snapshotRevision = revision;
        known.clear();
        for (const { key, value } of items) known.set(key.toString(), value.toString());
      },
      changed: (changes, revision) => {
        words.push('changed');
        revisions.push(revision);
        for (const [key, item] of changes) {
          if (item === undefined) known.delete(key);
          else known.set(key, item.value.toString());
        }
      },
      lost: () => void words.push('lost'),
      found: () => void words.push('found'),
      refused: (cause) => {
        words.push('refused');
        heard.refusal = cause;
      },
    }),
  };
  return heard;
}

/** All revisions from the first to the last: none missing, none twice, in order. */
const allFrom = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, index) => first + index);

interface Proxy {
  readonly address: string;
  /** Cuts all connections and takes no new ones, until `mend`. */
  cut(): void;
  /** Connections stay and carry nothing any more, ever; no new ones are taken, until `mend`. */
  silence(): void;
  mend(): void;
  /** What it has carried so far, in both directions. */
  bytes(): number;
  stop(): Promise<void>;
}

/** A way to a server that can be cut while the server goes on. */
async function startProxy(port: number): Promise<Proxy> {
  const pairs = new Set<{ readonly near: Socket; readonly far: Socket; silent: boolean }>();
  let open = true;
  let carried = 0;
  const server = createServer((near) => {
    if (!open) return near.destroy();
    const far = connect(port, '127.0.0.1');
    const pair = { near, far, silent: false };
    pairs.add(pair);
    for (const [from, to] of [[near, far], [far, near]] as const) {
      from.on('error', () => undefined); // its other side is told by `close`
      from.on('close', () => { to.destroy(); pairs.delete(pair); });
      from.on('data', (bytes) => {
        if (pair.silent) return;
        carried += bytes.length;
        to.write(bytes);
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    open = false;
    for (const { near } of pairs) near.destroy();
  };
  return {
    address: `127.0.0.1:${(server.address() as { port: number }).port}`,
    cut,
    silence: () => {
      open = false;
      for (const pair of pairs) pair.silent = true;
    },
    mend: () => { open = true; },
    bytes: () => carried,
    stop: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('settings', () => {
  it('take endpoints in the spellings of Dapr, Layotto and etcd', () => {
    expect(settingsOf({ endpoints: ' a:1, http://b:2 ;c;[::1]:3;[fe80::1]' })).toEqual({
      endpoints: ['a:1', 'b:2', 'c:2379', '[::1]:3', '[fe80::1]:2379'], keyPrefix: '', tls: undefined, login: undefined, dialTimeoutMs: 5000, requestTimeoutMs: 3000,
    });
    expect(settingsOf({ endpoints: 'a', keyPrefixPath: '/x', username: 'u', password: 'p', dialTimeout: '7', requestTimeout: '900ms' })).toMatchObject({
      keyPrefix: '/x', login: { username: 'u', password: 'p' }, dialTimeoutMs: 7000, requestTimeoutMs: 900,
    });
  });

  it('put keys under the prefix path, with a slash between, as Dapr does', () => {
    expect(keyPath(settingsOf({ endpoints: 'a', keyPrefixPath: '/dapr' }), 'app||k')).toBe('/dapr/app||k');
    expect(keyPath(settingsOf({ endpoints: 'a' }), 'k')).toBe('/k');
  });

  it('turn TLS on when they say so, when an endpoint does, or when there is a certificate', ({ skip }) => {
    const certificates = makeCertificates();
    if (certificates === undefined) return skip('openssl is not installed');
    certificates.remove();
    const { authority: ca, certificate: cert, key } = certificates;
    const tls = (metadata: Metadata) => settingsOf(metadata).tls !== undefined;
    expect([tls({ endpoints: 'a', tlsEnable: 'true' }), tls({ endpoints: 'https://a' }), tls({ endpoints: 'a', tlsCa: ca }), tls({ endpoints: 'a', tlsCert: cert, tlsCertKey: key })]).toEqual([true, true, true, true]);
    expect([tls({ endpoints: 'http://a', tlsEnable: 'false', ca }), tls({ endpoints: 'http://a' })]).toEqual([false, false]);
  });

  it.each([
    [{}, 'endpoints required'],
    [{ endpoints: ' ; , ' }, 'endpoints required'],
    [{ endpoints: 'a:b' }, 'metadata field "endpoints" has an invalid address "a:b": it must be host:port, http://host:port or https://host:port'],
    [{ endpoints: 'a:70000' }, 'metadata field "endpoints" has an invalid address "a:70000"'],
    [{ endpoints: 'unix:///tmp/etcd' }, 'metadata field "endpoints" has an invalid address "unix:///tmp/etcd"'],
    [{ endpoints: 'http://u:hidden@a' }, 'metadata field "endpoints" has an invalid address: it must be'],
    [{ endpoints: 'http://a,https://b' }, 'metadata field "endpoints" has addresses with https:// and with http://'],
    [{ endpoints: 'https://a', tlsEnable: 'off' }, 'metadata field "endpoints" has an address with https://, and "tlsEnable" is off'],
    [{ endpoints: 'a', username: 'u' }, 'metadata fields "username" and "password" must be given together'],
    [{ endpoints: 'a', cert: 'x' }, 'metadata fields "cert" and "key" must be given together'],
    [{ endpoints: 'a', ca: '/etc/ssl/ca.pem' }, 'metadata fields "ca", "cert" and "key" must be the PEM text (not a path) of certificates and a key'],
    [{ endpoints: 'a', cert: 'x', key: 'y' }, 'metadata fields "ca", "cert" and "key" must be the PEM text (not a path) of certificates and a key'],
    [{ endpoints: 'a', requestTimeout: '0' }, 'metadata field "requestTimeout" has an invalid value "0"'],
  ])('refuse %j', (metadata, message) => {
    expect(() => settingsOf(metadata as Metadata)).toThrow(InvalidMetadata);
    expect(() => settingsOf(metadata as Metadata)).toThrow(message);
    expect(() => settingsOf(metadata as Metadata)).not.toThrow('hidden');
  });
});

describe('opening', () => {
  it('fails with the address and the cause when nobody listens', async () => {
    const [a, b] = [await freePort(), await freePort()];
    await expect(open({ endpoints: `127.0.0.1:${a}` })).rejects.toBeInstanceOf(EtcdUnreachable);
    await expect(open({ endpoints: `127.0.0.1:${a}` })).rejects.toThrow(new RegExp(`^error connecting to etcd at 127\\.0\\.0\\.1:${a}: connect ECONNREFUSED 127\\.0\\.0\\.1:${a}$`));
    await expect(open({ endpoints: `127.0.0.1:${a};127.0.0.1:${b}` })).rejects.toThrow(`127.0.0.1:${b}: connect ECONNREFUSED 127.0.0.1:${b}`);
    await expect(open({ endpoints: 'no-such-host.invalid' })).rejects.toThrow('error connecting to etcd at no-such-host.invalid:2379: there is no address for no-such-host.invalid:2379');
  });

  it.each(['http', 'https'])('fails when a server takes the connection (%s) and never says a word, and leaves no connection behind', async (scheme) => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => { sockets.push(socket.resume().on('error', () => undefined)); }).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    await expect(open({ endpoints: `${scheme}://127.0.0.1:${port}`, dialTimeout: '300ms' })).rejects.toThrow(`error connecting to etcd at 127.0.0.1:${port}: no answer within 300 ms`);
    const abort = new AbortController();
    const opening = open({ endpoints: `${scheme}://127.0.0.1:${port}` }, memoryLog(), abort.signal);
    await eventually('it has connected', () => sockets.length === 2);
    abort.abort(new Error('enough'));
    await expect(opening).rejects.toThrow('enough');
    await expect(open({ endpoints: `127.0.0.1:${port}` }, memoryLog(), abort.signal)).rejects.toThrow('enough');
    await eventually('the connections are gone', () => sockets.every(({ destroyed }) => destroyed));
    silent.close();
  });
});

describeWithEtcd('an etcd server', () => {
  let server: EtcdServer;
  let client: EtcdClient;
  beforeAll(async () => { server = await start(startEtcd()); });
  beforeEach(async () => {
    await server.raw.delete().all();
    client = await open({ endpoints: `http://${server.address}` });
  });

  it('keeps what is put, and says when it was made and changed', async () => {
    const made = await doing(client, put('a', 'one'));
    const changed = await doing(client, put('a', Buffer.from([0, 0xff, 0x80])));
    expect(made).toMatchObject({ succeeded: true, found: [[]] });
    const { items, revision } = await client.range({ key: 'a' });
    expect(items).toEqual([{ key: Buffer.from('a'), value: Buffer.from([0, 0xff, 0x80]), createRevision: made.revision, modRevision: changed.revision, version: 2, lease: '0' }]);
    expect(revision).toBe(changed.revision);
    expect(client.address).toBe(server.address);
    await doing(client, drop({ key: 'a' }));
    expect((await client.range({ key: 'a' })).items).toEqual([]);
  });

  it('finds the keys that begin with a prefix, whatever they are made of, and no other', async () => {
    const strange = ['p', 'p/', 'p/\u0000', 'p/ä', 'p/日本', 'p/\u{1f600}', 'p0', 'q', 'pÿ', 'pÿÿ', 'pỿ', 'p\u{10ffff}', 'p\u{10ffff}x'];
    await doing(client, ...strange.map((key) => put(key, key)));
    await server.raw.put(Buffer.from([0x70, 0xff, 0xff])).value('bytes that are no text');
    const under = async (prefix: string) => keysOf((await client.range({ prefix })).items);
    const inOrder = (keys: readonly string[]) => [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(await under('p/')).toEqual(inOrder(strange.filter((key) => key.startsWith('p/'))));
    expect((await under('p')).length).toBe(strange.length); // without q, with the bytes
    expect(await under('pÿ')).toEqual(['pÿ', 'pÿÿ']);
    expect(await under('p\u{10ffff}')).toEqual(['p\u{10ffff}', 'p\u{10ffff}x']);
    expect((await under('')).length).toBe(strange.length + 1);
    expect(await under('r')).toEqual([]);
    await doing(client, drop({ prefix: 'p/' }));
    expect(await under('p/')).toEqual([]);
    expect(await under('p0')).toEqual(['p0']);
    await doing(client, drop({ prefix: '' }));
    expect(await under('')).toEqual([]);
  });

  it('compares before it changes', async () => {
    const { revision: made } = await doing(client, put('k', 'v'));
    const { revision: changed } = await doing(client, put('k', 'w'));
    const holds = async (...compare: EtcdCompare[]) => (await client.transact({ compare, success: [] })).succeeded;
    const [yes, no]: [EtcdCompare[], EtcdCompare[]] = [[
      { key: 'k', target: 'create', is: '=', than: made }, { key: 'k', target: 'mod', is: '=', than: changed }, { key: 'k', target: 'version', is: '=', than: 2 },
      { key: 'k', target: 'mod', is: '>', than: made }, { key: 'k', target: 'mod', is: '<', than: changed + 1 }, { key: 'k', target: 'version', is: '!=', than: 1 },
      { key: 'k', target: 'value', is: '=', than: Buffer.from('w') }, { key: 'k', target: 'value', is: '!=', than: Buffer.from('v') },
      { key: 'none', target: 'create', is: '=', than: 0 }, { key: 'none', target: 'version', is: '=', than: 0 }, { key: 'none', target: 'mod', is: '<', than: 1 },
    ], [
      { key: 'k', target: 'create', is: '=', than: 0 }, { key: 'k', target: 'mod', is: '!=', than: changed }, { key: 'k', target: 'version', is: '>', than: 2 },
      { key: 'k', target: 'value', is: '=', than: Buffer.alloc(0) }, { key: 'none', target: 'create', is: '>', than: 0 }, { key: 'none', target: 'value', is: '=', than: Buffer.alloc(0) },
    ]];
    expect(await Promise.all(yes.map((compare) => holds(compare)))).toEqual(yes.map(() => true));
    expect(await Promise.all(no.map((compare) => holds(compare)))).toEqual(no.map(() => false));
    expect(await holds(...yes)).toBe(true);
    expect(await holds(...yes, { key: 'k', target: 'version', is: '=', than: 3 })).toBe(false);
  });

  it('does one or the other, and says what it found', async () => {
    await doing(client, put('a/1', 'x'), put('a/2', 'y'));
    const absent: EtcdCompare = { key: 'a/3', target: 'create', is: '=', than: 0 };
    const transaction = { compare: [absent], success: [put('a/3', 'z'), { kind: 'range', range: { prefix: 'a/' } }], failure: [{ kind: 'range', range: { key: 'a/3' } }, { kind: 'range', range: { prefix: 'a/' }, keysOnly: true }, { kind: 'range', range: { key: 'b' } }] } as const;
    const first = await client.transact(transaction);
    expect([first.succeeded, first.found.map((items) => keysOf(items))]).toEqual([true, [[], ['a/1', 'a/2', 'a/3']]]);
    const second = await client.transact(transaction);
    expect([second.succeeded, second.found.map((items) => keysOf(items))]).toEqual([false, [['a/3'], ['a/1', 'a/2', 'a/3'], []]]);
    expect(second.found[0]?.[0]?.value.toString()).toBe('z');
    expect(second.found[1]?.map(({ value }) => value.length)).toEqual([0, 0, 0]);
    expect(second.revision).toBe(first.revision);
    expect((await client.transact({ compare: [absent], success: [put('a/4', '')] })).succeeded).toBe(false); // nothing to do otherwise
  });

  it('gives a key another lease by a touch, and leaves value and creation alone', async () => {
    const [first, second] = [await client.grant(100), await client.grant(200)];
    const { revision } = await doing(client, put('k', 'value', first));
    const { revision: touched } = await doing(client, { kind: 'touch', key: 'k', lease: second });
    expect((await client.range({ key: 'k' })).items).toEqual([{ key: Buffer.from('k'), value: Buffer.from('value'), createRevision: revision, modRevision: touched, version: 2, lease: second }]);
    await client.revoke(first);
    expect(await textOf(client, 'k')).toBe('value');
    await client.revoke(second);
    expect(await textOf(client, 'k')).toBeUndefined();
    await expect(doing(client, { kind: 'touch', key: 'k', lease: '0' })).rejects.toThrow(new EtcdRefusal('etcdserver: key not found'));
  });

  it('grants leases, and says what is left of them', async () => {
    const lease = await client.grant(100);
    expect(lease).toMatch(/^\d{15,19}$/); // more than a number can hold
    await doing(client, put('a', '', lease), put('b', '', lease));
    expect((await client.range({ key: 'a' })).items[0]?.lease).toBe(lease);
    const { leftSeconds, grantedSeconds, keys } = await client.timeToLive(lease);
    expect([grantedSeconds, keys]).toEqual([100, 2]);
    expect(leftSeconds).toBeGreaterThan(90);
    await client.revoke(lease);
    await client.revoke(lease); // gone already
    expect(keysOf((await client.range({ prefix: '' })).items)).toEqual([]);
    expect((await client.timeToLive(lease)).leftSeconds).toBeLessThanOrEqual(-1);
    await expect(doing(client, put('c', '', lease))).rejects.toThrow(new EtcdRefusal('etcdserver: requested lease not found'));
  });

  it('takes the keys of a lease that runs out, and a watch tells', async () => {
    const { watch, words, known } = listen(client, { prefix: 'l/' });
    await eventually('it listens', () => words.includes('snapshot'));
    const lease = await client.grant(1);
    await doing(client, put('l/1', 'a', lease), put('l/2', 'b', lease));
    await eventually('both were told', () => known.size === 2);
    await eventually('both are gone', () => known.size === 0);
    expect(words).toEqual(['snapshot', 'changed', 'changed']); // what one lease takes is one step
    expect((await client.timeToLive(lease)).leftSeconds).toBeLessThanOrEqual(-1);
    watch.close();
  });

  it('takes values up to 1.5 MB, and refuses larger ones in its own words', async () => {
    const most = Buffer.alloc(1.5 * (1 << 20) - 200, 'x');
    await doing(client, put('big', most));
    expect((await client.range({ key: 'big' })).items[0]?.value.equals(most)).toBe(true);
    await expect(doing(client, put('big', Buffer.alloc(1.6 * (1 << 20))))).rejects.toThrow(new EtcdRefusal('etcdserver: request is too large'));
    const refused = doing(client, put('big', Buffer.alloc(8 << 20)));
    await expect(refused).rejects.toBeInstanceOf(EtcdRefusal);
    await expect(refused).rejects.toThrow('larger than max');
    expect((await client.range({ key: 'big' })).items[0]?.value.length).toBe(most.length);
  });

  it('refuses what makes no sense, and says why', async () => {
    await expect(doing(client, put('', 'x'))).rejects.toThrow(new EtcdRefusal('etcdserver: key is not provided'));
    await expect(client.range({ key: '' })).rejects.toThrow(new EtcdRefusal('etcdserver: key is not provided'));
    await expect(doing(client, put('k', '1'), put('k', '2'))).rejects.toThrow(new EtcdRefusal('etcdserver: duplicate key given in txn request'));
    await expect(doing(client, ...Array.from({ length: 129 }, (_, index) => put(`k${index}`, '')))).rejects.toThrow(new EtcdRefusal('etcdserver: too many operations in txn request'));
  });

  it('has its own shortest lease', async () => {
    const usual = await start(startEtcd({ timing: 'default' }));
    const other = await open({ endpoints: usual.address });
    expect((await other.timeToLive(await other.grant(1))).grantedSeconds).toBe(2);
  });

  it('serves many calls at once', async () => {
    await Promise.all(Array.from({ length: 1000 }, (_, index) => doing(client, put(`many/${index}`, `${index}`))));
    const values = await Promise.all(Array.from({ length: 1000 }, (_, index) => textOf(client, `many/${index}`)));
    expect(values).toEqual(values.map((_, index) => `${index}`));
    const { revision } = await client.range({ prefix: 'many/' });
    await doing(client, drop({ prefix: 'many/' }));
    expect((await client.range({ prefix: 'many/' })).revision).toBe(revision + 1);
  });

  it('is told when a caller gives up', async () => {
    const abort = new AbortController();
    const reading = client.range({ prefix: '' }, abort.signal);
    abort.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    await expect(client.grant(5, abort.signal)).rejects.toThrow('enough');
    await doing(client, put('k', 'still here'));
  });

  describe('a watch', () => {
    it('tells what there is, and then each change once', async () => {
      const { revision: before } = await doing(client, put('w/a', '1'), put('w/b', '2'), put('x', '3'));
      const { watch, words, revisions, known, snapshotRevision } = await (async () => {
        const heard = listen(client, { prefix: 'w/' });
        await eventually('it listens', () => heard.words.length === 1);
        return heard;
      })();
      expect([snapshotRevision, Object.fromEntries(known)]).toEqual([before, { 'w/a': '1', 'w/b': '2' }]);
      await doing(client, put('w/a', '4'), drop({ key: 'w/b' }), put('w/ü', '5'), put('x', '6'));
      await doing(client, put('y', '7'));
      await doing(client, drop({ prefix: '' }));
      await eventually('all is told', () => known.size === 0);
      expect(words).toEqual(['snapshot', 'changed', 'changed']);
      expect(revisions).toEqual([before + 1, before + 3]);
      watch.close();
      watch.close();
      await doing(client, put('w/a', 'unheard'));
      expect((await client.range({ prefix: 'w/' })).items.length).toBe(1);
      expect(words.length).toBe(3);
      expect(watch.isLive()).toBe(false);
    });

    it('of one key tells of that key alone', async () => {
      const { words, known } = listen(client, { key: 'one' });
      await eventually('it listens', () => words.length === 1);
      await doing(client, put('one more', 'x'));
      await doing(client, put('one', 'y'));
      await eventually('it is told', () => known.size === 1);
      expect(Object.fromEntries(known)).toEqual({ one: 'y' });
    });

    it('of everything tells of everything, page by page, and of a revision of any size in one go', async () => {
      const keys = Array.from({ length: 5000 }, (_, index) => `page/${'k'.repeat(400)}${index}`);
      for (let from = 0; from < keys.length; from += 125) await doing(client, ...keys.slice(from, from + 125).map((key) => put(key, 'v')));
      const { words, known, revisions } = listen(client, { prefix: '' });
      await eventually('it listens', () => words.length === 1);
      expect(known.size).toBe(5000);
      const { revision } = await doing(client, drop({ prefix: 'page/' })); // 2 MB of events: more than etcd puts into one answer
      await eventually('all are gone', () => known.size === 0);
      expect([words, revisions]).toEqual([['snapshot', 'changed'], [revision]]);
    });

    it('has proof that it is alive if somebody asks, and sends nothing if nobody does', async () => {
      const proxy = await start(startProxy(server.port));
      const { watch, words } = listen(await open({ endpoints: proxy.address }), { prefix: '' });
      expect(watch.isLive()).toBe(false);
      await eventually('it listens', () => words.length === 1);
      for (let round = 0; round < 2; round++) {
        await eventually('there is a proof', () => watch.isLive());
        let sent = -1;
        await eventually('the proof is in', () => sent === (sent = proxy.bytes()));
        await sleep(PROOF_MS);
        expect(proxy.bytes()).toBe(sent);
        expect(watch.isLive()).toBe(false);
      }
    });
  });
});

describeWithEtcd('logging in to etcd', () => {
  let server: EtcdServer;
  const login = { username: 'joe', password: 's3cret pass' };
  beforeAll(async () => { server = await start(startEtcd({ password: 'r00t', users: [{ name: 'joe', password: login.password, prefix: 'joe/' }, { name: 'eve', password: 'x', prefix: 'joe/', permission: 'Read' }] })); });

  it('gives what the user may do, and no more', async () => {
    const client = await open({ endpoints: server.address, ...login });
    await doing(client, put('joe/k', 'v'));
    expect(await textOf(client, 'joe/k')).toBe('v');
    for (const forbidden of [() => client.range({ key: 'k' }), () => client.range({ prefix: '' }), () => doing(client, put('k', 'v'))]) await expect(forbidden()).rejects.toThrow(new EtcdRefusal('etcdserver: permission denied'));
    const eve = await open({ endpoints: server.address, username: 'eve', password: 'x' });
    expect(await textOf(eve, 'joe/k')).toBe('v');
    await expect(doing(eve, put('joe/k', 'w'))).rejects.toThrow('permission denied');
    const [mine, all] = [listen(client, { prefix: 'joe/' }), listen(client, { prefix: 'j' })];
    await eventually('one listens and one is refused', () => mine.words.length > 0 && all.words.length > 0);
    expect([mine.words, all.words, all.refusal]).toEqual([['snapshot'], ['refused'], new EtcdRefusal('etcdserver: permission denied')]);
    await eventually('the proof is there', () => mine.watch.isLive());
    expect(all.watch.isLive()).toBe(false);
  });

  it('is refused without a name, and with a wrong password, which is not repeated', async () => {
    const refused = async (metadata: Metadata, message: string) => {
      const opening = open({ endpoints: server.address, ...metadata });
      await expect(opening).rejects.toBeInstanceOf(EtcdRefusal);
      await expect(opening).rejects.toThrow(`etcd at ${server.address} refused the connection: ${message}`);
      await expect(opening).rejects.not.toThrow('wr0ng');
    };
    await refused({}, 'etcdserver: user name is empty');
    await refused({ username: 'joe', password: 'wr0ng' }, 'etcdserver: authentication failed, invalid user ID or password');
    await refused({ username: 'nobody', password: 'wr0ng' }, 'etcdserver: authentication failed, invalid user ID or password');
  });

  it('is done again when etcd has forgotten it', async () => {
    const log = memoryLog();
    const client = await open({ endpoints: server.address, ...login }, log);
    const { watch, words, known } = listen(client, { prefix: 'joe/' });
    await eventually('it listens', () => words.length === 1);
    const forget = async () => { // whoever logged in before is unknown after
      await server.raw.auth.authDisable();
      const nobody = new Etcd3({ hosts: server.address });
      await nobody.auth.authEnable();
      nobody.close();
    };
    await forget();
    await Promise.all([1, 2, 3].map((number) => doing(client, put(`joe/${number}`, 'v'))));
    const lease = await client.grant(60);
    await forget();
    expect((await client.timeToLive(lease)).grantedSeconds).toBe(60);
    await eventually('the watch goes on', () => known.has('joe/3'));
    await server.restart();
    await doing(client, put('joe/after', 'v'));
    await eventually('the watch goes on', () => known.has('joe/after'));
    expect(words.filter((word) => word === 'snapshot' || word === 'refused')).toEqual(['snapshot']);
    watch.close();
    expect(log.texts('warn').length).toBe(1); // of the restart
  });

  it('is no mistake where nobody asks for it', async () => {
    const simple = await start(startEtcd());
    const client = await open({ endpoints: simple.address, ...login });
    await doing(client, put('k', 'v'));
    expect(await textOf(client, 'k')).toBe('v');
  });
});

describeWithEtcd('etcd with TLS', () => {
  let certificates: Certificates | undefined;
  let others: Certificates | undefined;
  beforeAll(() => { [certificates, others] = [makeCertificates(), makeCertificates()]; });
  afterAll(() => { certificates?.remove(); others?.remove(); });

  it('is trusted by an authority and by its name or address', async ({ skip }) => {
    if (certificates === undefined || others === undefined) return skip('openssl is not installed');
    const server = await start(startEtcd({ tls: { ...certificates, clientCertificates: 'no' } }));
    const ca = certificates.authority;
    for (const endpoints of [server.address, `https://localhost:${server.port}`]) {
      const client = await open({ endpoints, tlsEnable: 'true', ca });
      await doing(client, put('k', endpoints));
      expect(await textOf(client, 'k')).toBe(endpoints);
    }
    const refused = async (metadata: Metadata, why: RegExp) => {
      const opening = open({ endpoints: server.address, ...metadata });
      await expect(opening).rejects.toBeInstanceOf(EtcdUnreachable);
      await expect(opening).rejects.toThrow(why);
    };
    await refused({ tlsEnable: 'true' }, /unable to verify|self-signed/);
    await refused({ tlsEnable: 'true', ca: others.authority }, /unable to verify|self-signed/);
    await refused({ endpoints: `0.0.0.0:${server.port}`, tlsEnable: 'true', ca }, /does not match certificate's altnames: IP: 0\.0\.0\.0/);
    await refused({}, /the server ended the connection before it was set up|closed by the server|ECONNRESET/); // plain text
  });

  it('asks for a certificate of ours', async ({ skip }) => {
    if (certificates === undefined || others === undefined) return skip('openssl is not installed');
    const server = await start(startEtcd({ tls: { ...certificates, clientCertificates: 'required' } }));
    const { authority: ca, certificate: cert, key } = certificates;
    const log = memoryLog();
    const client = await open({ endpoints: server.address, ca, cert, key }, log);
    await doing(client, put('k', 'v'));
    await server.restart();
    expect(await textOf(client, 'k')).toBe('v');
    const refused = open({ endpoints: server.address, ca });
    await expect(refused).rejects.toBeInstanceOf(EtcdUnreachable);
    await expect(refused).rejects.toThrow(/bad certificate|certificate required|closed by the server|before it was set up|ECONNRESET/);
    await expect(open({ endpoints: server.address, ca, cert: others.certificate, key: others.key })).rejects.toThrow(/bad certificate|unknown ca|closed by the server|before it was set up|ECONNRESET/i);
  });
});

describeWithEtcd('a lost etcd', () => {
  let server: EtcdServer;
  beforeAll(async () => { server = await start(startEtcd()); });
  beforeEach(async () => {
    await server.restart();
    await server.raw.delete().all();
  });

  it('comes back: calls wait for it and then succeed, the log tells once', async () => {
    const log = memoryLog();
    const client = await open({ endpoints: server.address, requestTimeout: '20s' }, log);
    await doing(client, put('k', 'before'));
    await server.kill();
    await eventually('the loss is noticed', () => log.texts('warn').length > 0);
    const waiting = [textOf(client, 'k'), doing(client, put('l', 'after'))] as const;
    await server.restart();
    expect(await waiting[0]).toBe('before');
    await waiting[1];
    expect(await textOf(client, 'l')).toBe('after');
    expect(log.texts('warn')).toEqual([`lost the connection to etcd at ${server.address}: the connection was closed by the server; reconnecting`]);
    expect(log.texts('info')).toEqual([`connected to etcd at ${server.address} again`]);
  });

  it('stays away: calls fail in time and say why', async () => {
    const log = memoryLog();
    const client = await open({ endpoints: server.address, requestTimeout: '400ms' }, log);
    await server.kill();
    const reason = `error connecting to etcd at ${server.address}: connect ECONNREFUSED ${server.address}`;
    await eventually('the reason is known', () => client.range({ key: 'k' }).catch((cause: Error) => cause.message === reason));
    await expect(client.grant(5)).rejects.toThrow(new EtcdUnreachable(reason));
    await expect(doing(client, put('k', 'v'))).rejects.toThrow(new EtcdUnreachable(reason)); // nothing was sent: no word of an outcome
    await server.restart();
    await eventually('it is back', () => doing(client, put('k', 'v')).then(() => true, () => false));
    expect([log.texts('warn').length, log.texts('info').length]).toEqual([1, 1]);
  });

  it('never does a change twice, and reads never fail, while it is killed again and again', async () => {
    const client = await open({ endpoints: server.address, requestTimeout: '20s' });
    let over = false;
    const done = new Map<string, { acknowledged: number; unknown: number }>();
    const troubles = new Set<string>();
    const writer = async (key: string) => {
      const counts = { acknowledged: 0, unknown: 0 };
      done.set(key, counts);
      while (!over) {
        await doing(client, put(key, 'v')).then(() => counts.acknowledged++, (cause: Error) => {
          counts.unknown++;
          troubles.add(cause.message);
        });
      }
    };
    let reads = 0;
    const reader = async () => {
      for (; !over; reads++) await client.range({ key: 'w0' });
    };
    const running = [...Array.from({ length: 8 }, (_, index) => writer(`w${index}`)), reader(), reader()];
    for (let kills = 0; kills < 5; kills++) {
      const before = reads;
      await eventually('it is under way', () => reads > before + 20);
      await server.kill();
      await server.restart();
    }
    over = true;
    await Promise.all(running);
    for (const [key, { acknowledged, unknown }] of done) {
      const version = (await client.range({ key })).items[0]?.version ?? 0;
      expect(version).toBeGreaterThanOrEqual(acknowledged);
      expect(version).toBeLessThanOrEqual(acknowledged + unknown);
    }
    expect([...done.values()].reduce((sum, { unknown }) => sum + unknown, 0)).toBeLessThanOrEqual(5 * 8);
    for (const trouble of troubles) expect(trouble).toMatch(/^lost the connection to etcd at .* before the answer came, so the outcome is unknown: /);
  });

  it('falls silent: a call ends in time, the watch says that it is lost, and all is well when it speaks again', async () => {
    const log = memoryLog();
    const client = await open({ endpoints: server.address, requestTimeout: '1s', dialTimeout: '500ms' }, log);
    const { watch, words, known } = listen(client, { prefix: '' });
    await eventually('it is alive', () => watch.isLive());
    server.pause();
    const change = doing(client, put('k', 'perhaps'));
    await expect(change).rejects.toBeInstanceOf(EtcdUnreachable);
    await expect(change).rejects.toThrow(/did not answer within \d+ ms, so the outcome is unknown$/);
    await eventually('it is lost', () => !watch.isLive() && words.includes('lost'));
    await expect(client.range({ key: 'k' })).rejects.toThrow(/^error connecting to etcd at .*: no answer within \d+ ms$/);
    server.resume();
    await eventually('it is back', () => doing(client, put('k', 'surely')).then(() => true, () => false));
    await eventually('the watch knows it', () => known.get('k') === 'surely' && watch.isLive());
    expect(words.filter((word) => word === 'snapshot')).toEqual(['snapshot']);
    expect([log.texts('warn').length, log.texts('info').length]).toEqual([1, 1]);
  });

  it('is silent for a watch alone: that is noticed because somebody asks', async () => {
    const client = await open({ endpoints: server.address, requestTimeout: '500ms' });
    const { watch, words } = listen(client, { prefix: '' });
    await eventually('it is alive', () => watch.isLive());
    server.pause();
    await eventually('it is not any more', () => !watch.isLive());
    await eventually('it is lost', () => { watch.isLive(); return words.includes('lost'); });
    server.resume();
    await eventually('it is alive again', () => watch.isLive());
    expect(words).toEqual(['snapshot', 'lost', 'found']);
  });

  describe('behind a firewall that has forgotten the connection', () => {
    let proxy: Proxy;
    beforeEach(async () => { proxy = await startProxy(server.port); });
    afterEach(() => proxy.stop());
    const forgotten = async (log?: MemoryLog) => {
      const client = await open({ endpoints: proxy.address }, log);
      await doing(client, put('k', 'before'));
      proxy.silence();
      proxy.mend(); // for others
      return client;
    };

    it('is read over another one, in time', async () => {
      const log = memoryLog();
      const client = await forgotten(log);
      expect(await textOf(client, 'k')).toBe('before');
      expect(log.texts('warn')).toEqual([`lost the connection to etcd at ${proxy.address}: no answer within 1500 ms; reconnecting`]);
    });

    it('is tried before a change goes out, if it was quiet for long', async () => {
      const client = await forgotten();
      const now = performance.now.bind(performance);
      const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + 61_000);
      try {
        await doing(client, put('k', 'after'));
      } finally {
        clock.mockRestore();
      }
      expect((await client.range({ key: 'k' })).items[0]).toMatchObject({ value: Buffer.from('after'), version: 2 });
    });
  });

  it('is left while calls are open: they say so', async () => {
    const client = await open({ endpoints: server.address });
    const { words } = listen(client, { prefix: '' });
    await eventually('it listens', () => words.length === 1);
    server.pause();
    const calls: Promise<unknown>[] = [client.range({ key: 'k' }), doing(client, put('k', 'v')), client.timeToLive('1'), client.grant(5)];
    const ends = Promise.allSettled(calls);
    await client.close();
    await client.close();
    const reasons = (await ends).map((end) => (end.status === 'rejected' ? (end.reason as Error) : undefined));
    for (const reason of reasons) expect(reason).toBeInstanceOf(EtcdUnreachable);
    expect(reasons.map((reason) => reason?.message)).toEqual([
      expect.stringMatching(/the component is closing$/), expect.stringMatching(/outcome is unknown: the component is closing$/),
      expect.stringMatching(/the component is closing$/), expect.stringMatching(/outcome is unknown: the component is closing$/),
    ]);
    await expect(client.range({ key: 'k' })).rejects.toThrow(`error connecting to etcd at ${server.address}: the component is closing`);
    expect(listen(client, { key: 'k' }).watch.isLive()).toBe(false);
    server.resume();
    expect(words).toEqual(['snapshot']);
  });
});

describeWithEtcd('a watch over a bad connection', () => {
  let server: EtcdServer;
  let proxy: Proxy;
  let writer: EtcdClient;
  beforeEach(async () => {
    server = await startEtcd();
    proxy = await startProxy(server.port);
    writer = await open({ endpoints: server.address });
  });
  afterEach(async () => {
    await proxy.stop();
    await server.stop();
  });
  const away = (metadata: Metadata = {}) => open({ endpoints: proxy.address, requestTimeout: '1s', dialTimeout: '500ms', ...metadata });

  it('misses no change and tells none twice, however often it breaks', async () => {
    const heard = listen(await away(), { prefix: 'w/' });
    await eventually('it listens', () => heard.words.length === 1);
    let over = false;
    let last = 0;
    const writing = (async () => {
      for (let number = 0; !over || number < 500; number++) {
        const key = `w/${number % 40}`;
        last = (await doing(writer, number % 7 === 0 && number > 40 ? drop({ key }) : put(key, `${number}`.repeat(1 + (number % 300))))).revision;
      }
    })();
    for (let cuts = 0; cuts < 12; cuts++) {
      const before = heard.revisions.length;
      await eventually('it hears', () => heard.revisions.length > before);
      if (cuts % 3 === 2) proxy.silence();
      else proxy.cut();
      await eventually('it is lost', () => { heard.watch.isLive(); return heard.words.at(-1) === 'lost'; });
      proxy.mend();
    }
    over = true;
    await writing;
    await eventually('it has heard all', () => heard.revisions.at(-1) === last);
    expect(heard.revisions).toEqual(allFrom(heard.snapshotRevision + 1, last));
    expect(heard.words.filter((word) => word === 'snapshot')).toEqual(['snapshot']);
    expect(heard.words.filter((word) => word === 'lost').length).toBe(12);
    expect(heard.known).toEqual(new Map((await writer.range({ prefix: 'w/' })).items.map(({ key, value }) => [key.toString(), value.toString()])));
    await eventually('it is alive', () => heard.watch.isLive());
  }, 60_000);

  it('misses nothing when the server is killed under it', async () => {
    const heard = listen(await away({ requestTimeout: '20s' }), { prefix: '' });
    await eventually('it listens', () => heard.words.length === 1);
    let last = 0;
    for (let kills = 0; kills < 4; kills++) {
      for (let number = 0; number < 50; number++) last = (await doing(writer, put(`k${number}`, `${kills}`))).revision;
      await server.kill();
      await eventually('it is lost', () => heard.words.at(-1) === 'lost');
      await server.restart();
      await eventually('the writer is back', () => doing(writer, put('between', `${kills}`)).then(({ revision }) => { last = revision; return true; }, () => false));
    }
    await eventually('it has heard all', () => heard.revisions.at(-1) === last);
    expect(heard.revisions).toEqual(allFrom(heard.snapshotRevision + 1, last));
    expect(heard.words.filter((word) => word === 'snapshot')).toEqual(['snapshot']);
  }, 60_000);

  it('says that it is back when nothing happened meanwhile, and catches up in one piece with what did', async () => {
    await doing(writer, put('w/a', '1'), put('w/b', '1'), put('elsewhere', '1'));
    const heard = listen(await away(), { prefix: 'w/' });
    await eventually('it listens', () => heard.words.length === 1);
    const interrupted = async (meanwhile: () => Promise<unknown>) => {
      const before = heard.words.length;
      proxy.cut();
      await eventually('it is lost', () => heard.words.length > before);
      await meanwhile();
      proxy.mend();
      await eventually('it is alive again', () => heard.watch.isLive());
      return heard.words.slice(before);
    };
    expect(await interrupted(async () => undefined)).toEqual(['lost', 'found']);
    expect(await interrupted(() => doing(writer, put('elsewhere', '2')))).toEqual(['lost', 'found']);
    expect(await interrupted(() => doing(writer, put('w/a', '2')))).toEqual(['lost', 'changed']);
    expect(await interrupted(() => doing(writer, drop({ key: 'w/b' })))).toEqual(['lost', 'changed']);
    expect(await interrupted(async () => {
      await doing(writer, put('w/c', '1'));
      await doing(writer, put('w/c', '2'), drop({ key: 'w/a' }));
      await doing(writer, drop({ prefix: 'w/' }));
      await doing(writer, put('w/d', '1'));
      await doing(writer, drop({ key: 'w/d' }));
    })).toEqual(['lost', 'changed', 'changed', 'changed', 'changed', 'changed']);
    expect(heard.known.size).toBe(0);
    for (let number = 0; number < 4; number++) await doing(writer, put(`w/big${number}`, 'x'.repeat(1 << 20)));
    await eventually('they are known', () => heard.known.size === 4);
    expect(await interrupted(async () => { // more than fits into one answer
      for (let number = 0; number < 4; number++) await doing(writer, put(`w/big${number}`, 'y'.repeat(1 << 20)));
    })).toEqual(['lost', 'changed', 'changed', 'changed', 'changed']);
    expect([...heard.known.values()].map((value) => value[0])).toEqual(['y', 'y', 'y', 'y']);
  });

  it('tells all anew when history was compacted meanwhile', async () => {
    await doing(writer, put('a', '1'), put('b', '1'));
    const heard = listen(await away(), { prefix: '' });
    await eventually('it listens', () => heard.words.length === 1);
    proxy.cut();
    await eventually('it is lost', () => heard.words.at(-1) === 'lost');
    await doing(writer, put('a', '2'));
    await doing(writer, drop({ key: 'b' }));
    const { revision } = await doing(writer, put('c', '1'));
    await server.raw.kv.compact({ revision, physical: true });
    proxy.mend();
    await eventually('it knows all again', () => heard.words.at(-1) === 'snapshot');
    expect(heard.words).toEqual(['snapshot', 'lost', 'snapshot']);
    expect([Object.fromEntries(heard.known), heard.snapshotRevision]).toEqual([{ a: '2', c: '1' }, revision]);
    await doing(writer, put('c', '2'));
    await eventually('it goes on', () => heard.known.get('c') === '2');
    expect(heard.revisions).toEqual([revision + 1]);
  });

  it('goes on where compaction has left what it needs', async () => {
    await doing(writer, put('a', '1'));
    const heard = listen(await away(), { prefix: '' });
    await eventually('it listens', () => heard.words.length === 1);
    proxy.cut();
    await eventually('it is lost', () => heard.words.at(-1) === 'lost');
    await server.raw.kv.compact({ revision: heard.snapshotRevision, physical: true });
    const { revision } = await doing(writer, put('a', '2'));
    proxy.mend();
    await eventually('it knows it', () => heard.known.get('a') === '2');
    expect([heard.words, heard.revisions]).toEqual([['snapshot', 'lost', 'changed'], [revision]]);
  });

  it('tells all anew when the server has lost its data, also where the new history is longer', async () => {
    for (let number = 0; number < 10; number++) await doing(writer, put('a', `${number}`));
    const heard = listen(await away(), { prefix: '' });
    await eventually('it listens', () => heard.words.length === 1);
    await server.restart({ empty: true });
    await eventually('it knows that there is nothing', () => heard.words.filter((word) => word === 'snapshot').length === 2);
    expect([heard.known.size, heard.snapshotRevision]).toEqual([0, 1]);
    await eventually('the writer is back', () => doing(writer, put('a', '')).then(() => true, () => false));
    await server.restart(); // a higher term
    await eventually('it is back', () => heard.watch.isLive());
    proxy.cut();
    await server.restart({ empty: true });
    for (let number = 0; number < 10; number++) await eventually('it is written', () => doing(writer, put('b', `${number}`)).then(() => true, () => false));
    proxy.mend();
    await eventually('it knows the new one', () => heard.known.get('b') === '9');
    expect([heard.words.filter((word) => word === 'snapshot').length, Object.fromEntries(heard.known)]).toEqual([3, { b: '9' }]);
  });

  it('is told of a loss even if it never began, and begins when it can', async () => {
    const client = await away({ requestTimeout: '300ms' });
    proxy.cut();
    await eventually('the connection is lost', () => client.range({ key: 'k' }).then(() => false, () => true));
    const { words } = listen(client, { prefix: '' });
    await eventually('it is told', () => words.length === 1);
    proxy.mend();
    await eventually('it listens', () => words.length === 2);
    expect(words).toEqual(['lost', 'snapshot']);
  });
});

describeWithEtcd('an etcd cluster', () => {
  let cluster: EtcdCluster;
  beforeEach(async () => { cluster = await startEtcdCluster({ extra: ['--heartbeat-interval', '50', '--election-timeout', '500'] }); });
  afterEach(() => cluster.stop());

  it('loses its leader: calls go on with another member, and a watch misses nothing', async () => {
    const log = memoryLog();
    const client = await open({ endpoints: cluster.addresses }, log);
    const heard = listen(client, { prefix: '' });
    await eventually('it listens', () => heard.words.length === 1);
    const counts = { acknowledged: 0, unknown: 0 };
    let over = false;
    const writing = (async () => {
      while (!over) await doing(client, put('k', 'v')).then(() => counts.acknowledged++, () => counts.unknown++);
    })();
    for (let round = 0; round < 3; round++) {
      const before = counts.acknowledged;
      await eventually('it writes', () => counts.acknowledged > before + 10);
      const leader = await cluster.leader();
      await leader.kill();
      const then = counts.acknowledged;
      await eventually('it writes without the leader', () => counts.acknowledged > then, 30_000);
      await leader.restart();
    }
    over = true;
    await writing;
    const { items: [item], revision } = await client.range({ key: 'k' });
    expect(item?.version).toBeGreaterThanOrEqual(counts.acknowledged);
    expect(item?.version).toBeLessThanOrEqual(counts.acknowledged + counts.unknown);
    await eventually('all was told', () => heard.revisions.at(-1) === revision);
    expect(heard.revisions).toEqual(allFrom(heard.snapshotRevision + 1, revision));
    expect(heard.words.filter((word) => word === 'snapshot')).toEqual(['snapshot']);
    expect(log.texts('info').length).toBe(log.texts('warn').length);
  }, 90_000);

  it('has no majority: a member alone says so, and is left for one that has', async () => {
    const [alone, ...others] = cluster.nodes;
    const elsewhere = await start(startEtcd());
    await elsewhere.raw.put('k').value('elsewhere');
    await elsewhere.kill();
    if (alone === undefined) throw new Error('there are three');
    const single = await open({ endpoints: alone.address, requestTimeout: '1s' });
    const both = await open({ endpoints: `${alone.address},${elsewhere.address}`, requestTimeout: '1s' });
    const heard = listen(both, { prefix: '' });
    await eventually('it listens', () => heard.words.length === 1);
    await Promise.all(others.map((node) => node.kill()));
    await eventually('it says so', () => doing(single, put('k', 'v')).catch((cause: Error) => cause.message.endsWith('etcdserver: no leader')), 30_000);
    await expect(open({ endpoints: alone.address, requestTimeout: '1s' })).rejects.toThrow(`error connecting to etcd at ${alone.address}: etcdserver: no leader`);
    await elsewhere.restart();
    await eventually('the other one answers', () => textOf(both, 'k').then((value) => value === 'elsewhere', () => false), 30_000);
    await eventually('the watch is there, too', () => heard.known.get('k') === 'elsewhere', 30_000);
    await Promise.all(others.map((node) => node.restart()));
    await eventually('it is a cluster again', () => doing(single, put('k', 'v')).then(() => true, () => false), 30_000);
  }, 90_000);
});

describeWithEtcd('a process', () => {
  it('that has closed its client ends by itself, whatever the server did, and nothing is written to its terminal', async () => {
    const server = await start(startEtcd());
    const script = `
      import { openEtcd } from './blocks/clients/etcd/connection.ts';
      import { ETCD_FIELDS, etcdSettings } from './blocks/clients/etcd/settings.ts';
      import { readMetadata } from './blocks/metadata.ts';
      const log = { debug() {}, info() {}, warn() {}, error() {} };
      const open = (endpoints) => {
        const spec = { name: 's', type: 'state.etcd', version: 'v1', metadata: [{ name: 'endpoints', value: endpoints }, { name: 'dialTimeout', value: '300ms' }, { name: 'requestTimeout', value: '60s' }], ignoreErrors: false, initTimeoutMs: 5000 };
        return openEtcd(etcdSettings(readMetadata(spec, ETCD_FIELDS, log)), log, AbortSignal.timeout(10_000));
      };
      const address = '${server.address}';
      const client = await open(address);
      await client.transact({ compare: [], success: [{ kind: 'put', key: 'k', value: Buffer.from('v') }] });
      console.log((await client.range({ key: 'k' })).items[0].value.toString());
      const told = Promise.withResolvers();
      client.watch({ prefix: '' }, { snapshot: () => told.resolve(), changed() {}, lost() {}, found() {}, refused() {} });
      await told.promise;
      const another = await open(address);
      process.kill(${server.pid}, 'SIGSTOP');
      void another.range({ key: 'k' }).catch((cause) => console.log(cause.message));
      await open(address).catch((cause) => console.log(cause.message));
      await open('https://' + address).catch((cause) => console.log(cause.message));
      await Promise.all([client.close(), another.close()]);
      process.on('exit', () => process.kill(${server.pid}, 'SIGCONT'));`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [output, errors] = ['', ''];
    child.stdout.on('data', (chunk) => { output += String(chunk); });
    child.stderr.on('data', (chunk) => { errors += String(chunk); });
    const [code] = (await once(child, 'close')) as [number];
    expect([code, errors, output.split('\n')]).toEqual([0, '', [
      'v', expect.stringMatching(/no answer within 300 ms$/), expect.stringMatching(/no answer within 300 ms$/), expect.stringMatching(/the component is closing$/), '',
    ]]);
  });
});
