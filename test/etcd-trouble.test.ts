// The client of etcd and every way to lose a server: killed, silent, cut off, behind a firewall, without a leader.
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { EtcdUnreachable, type EtcdClient } from '../blocks/clients/etcd/etcd.ts';
import { eventually } from './harness/awaiting.ts';
import { allFrom, doing, drop, listen, open, put, start, startProxy, textOf, type Metadata, type Proxy } from './harness/etcd-client.ts';
import { startEtcd, startEtcdCluster, type EtcdCluster, type EtcdServer } from './servers/etcd.ts';
import { describeWithEtcd } from './servers/suites.ts';
import { memoryLog, type MemoryLog } from './support.ts';

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
    // with something unread at its end the system resets the connection instead of closing it
    expect(log.texts('warn')).toEqual([expect.stringMatching(/^lost the connection to etcd at 127\.0\.0\.1:\d+: (?:the connection was closed by the server|read ECONNRESET); reconnecting$/)]);
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
