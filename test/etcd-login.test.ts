// The client of etcd and who it is: users and passwords, TLS.
import { Etcd3 } from 'etcd3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EtcdRefusal, EtcdUnreachable } from '../blocks/clients/etcd/etcd.ts';
import { eventually } from './harness/awaiting.ts';
import { doing, listen, open, put, start, textOf, type Metadata } from './harness/etcd-client.ts';
import { startEtcd, type EtcdServer } from './servers/etcd.ts';
import { makeCertificates, type Certificates } from './servers/redis.ts';
import { describeWithEtcd } from './servers/suites.ts';
import { memoryLog } from './support.ts';

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
