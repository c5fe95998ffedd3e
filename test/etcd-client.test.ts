// The client of etcd against a real server: settings, opening, and every call.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EtcdRefusal, EtcdUnreachable, type EtcdClient, type EtcdCompare } from '../blocks/clients/etcd/etcd.ts';
import { keyPath } from '../blocks/clients/etcd/settings.ts';
import { InvalidMetadata } from '../blocks/driver.ts';
import { eventually } from './harness/awaiting.ts';
import { doing, drop, keysOf, listen, open, PROOF_MS, put, settingsOf, start, startProxy, textOf, type Metadata } from './harness/etcd-client.ts';
import { startEtcd, type EtcdServer } from './servers/etcd.ts';
import { freePort } from './servers/process.ts';
import { makeCertificates } from './servers/redis.ts';
import { describeWithEtcd } from './servers/suites.ts';
import { memoryLog } from './support.ts';

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

  it('finds nothing under a key that is not there, whatever lies beside it', async () => {
    await doing(client, put('a', '1'), put('c', '3'));
    expect((await client.range({ key: 'b' })).items).toEqual([]);
    const { found } = await doing(client, { kind: 'range', range: { key: 'b' } }, drop({ key: 'b' }));
    expect([found, keysOf((await client.range({ prefix: '' })).items)]).toEqual([[[], []], ['a', 'c']]);
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

describeWithEtcd('a process', () => {
  it('that has closed its client ends by itself, whatever the server did, and nothing is written to its terminal', async () => {
    const server = await start(startEtcd());
    const script = `
      import { openEtcd } from './blocks/clients/etcd/connection.ts';
      import { ETCD_FIELDS, etcdSettings } from './blocks/clients/etcd/settings.ts';
      import { readMetadata } from './blocks/metadata.ts';
      import { pauseProcess } from './test/servers/process.ts';
      const log = { debug() {}, info() {}, warn() {}, error() {} };
      const open = (endpoints) => {
        const spec = { name: 's', type: 'state.etcd', version: 'v1', metadata: [{ name: 'endpoints', value: endpoints }, { name: 'dialTimeout', value: '1200ms' }, { name: 'requestTimeout', value: '60s' }], ignoreErrors: false, initTimeoutMs: 5000 };
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
      pauseProcess(${server.pid});
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
      'v', expect.stringMatching(/no answer within \d+ ms$/), expect.stringMatching(/no answer within \d+ ms$/), expect.stringMatching(/the component is closing$/), '',
    ]]);
  });
});
