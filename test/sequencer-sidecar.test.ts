// The sequencer through the real program: both protocols, both isolations, memory and Redis; and what remains of its promises
// when blocks, sidecars and stores go away under load.
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { NextIdResponse } from '../proto/gen/bulkhead/v1/sequencer.ts';
import { eventually, within } from './harness/awaiting.ts';
import { Drawers, duplicates } from './harness/drawers.ts';
import { GrpcClient, type GrpcFailure } from './harness/grpc.ts';
import { askBytes } from './harness/sequencer.ts';
import { STAGES, startSidecar, thrifty, type ComponentManifest, type Sidecar } from './harness/sidecar.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';

const NEXT_ID = '/bulkhead.v1.Sequencer/NextId';
const NEXT_IDS = '/bulkhead.v1.Sequencer/NextIds';
const none = new Map<string, string>();
const range = (first: number, count: number): bigint[] => Array.from({ length: count }, (_, index) => BigInt(first + index));
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const redis = inject('redis');
const STORES = ['memory', ...(redis.available ? ['redis'] : [])];
if (!redis.available) process.stderr.write(`SKIPPED: the sequencer on Redis: ${redis.reason}\n`);
const MEMORY: ComponentManifest = { name: 'memory', type: 'sequencer.in-memory' };
const onRedis = (server: RedisServer, metadata: Readonly<Record<string, string>> = {}): ComponentManifest => ({ name: 'redis', type: 'sequencer.redis', metadata: { redisHost: server.address, redisMinRetryInterval: '20ms', ...metadata } });

/** What a stream has brought, and how it ended. */
class Answers {
  readonly ids: (readonly bigint[])[] = [];
  /** Resolves with the status: 0 for OK. */
  readonly ended: Promise<{ readonly code: number; readonly details: string }>;
  constructor(stream: ClientDuplexStream<Uint8Array, Buffer>) {
    stream.on('data', (bytes: Buffer) => void this.ids.push(NextIdResponse.decode(bytes).ids));
    stream.on('error', () => {}); // the status says the same
    this.ended = new Promise((resolve) => void stream.on('status', resolve));
  }
}

describe.each(STAGES)('the sequencer API in $isolation isolation on $listener', (stage) => {
  const stores = thrifty(stage, STORES);
  let server: RedisServer | undefined;
  let sidecar: Sidecar;
  let grpc: GrpcClient;
  beforeAll(async () => {
    server = stores.includes('redis') ? await startRedis() : undefined;
    sidecar = await startSidecar({ ...stage, appId: 'me', components: [MEMORY, ...(server === undefined ? [] : [onRedis(server)])] });
    grpc = new GrpcClient(sidecar.grpcAddress);
  });
  afterAll(async () => {
    grpc?.close();
    await sidecar?.stop();
    await server?.stop();
  });

  const http = async (path: string, body = '', method = 'POST'): Promise<unknown[]> => {
    const reply = await sidecar.client.send(method, `/v1.0-bulkhead/sequencer/${path}`, { body });
    return [reply.status, reply.headers['content-type'], reply.body];
  };
  const error = (status: number, errorCode: string, message: string): unknown[] => [status, 'application/json', JSON.stringify({ errorCode, message })];
  const ids = (...given: number[]): unknown[] => [200, 'application/json', JSON.stringify({ ids: given.map(String) })];

  describe.each(stores)('on %s', (store) => {
    it('gives 1, 2, 3, ... over both protocols, and by POST and PUT alike', async () => {
      expect(await http(`${store}/orders`)).toEqual(ids(1));
      expect(await http(`${store}/orders`, '{"count":3}', 'PUT')).toEqual(ids(2, 3, 4));
      expect((await grpc.call(NEXT_ID, { storeName: store, key: 'orders', increment: 0, count: 2, metadata: none })).ids).toEqual([5n, 6n]);
      expect(await http(`${store}/orders`, '{"metadata":{"any":"thing"}}')).toEqual(ids(7));
    });

    it('goes to the store for strong ids', async () => {
      for (let id = 1; id <= 3; id++) expect(await http(`${store}/strong`, '{"increment":"STRONG"}')).toEqual(ids(id));
      expect((await grpc.call(NEXT_ID, { storeName: store, key: 'strong', increment: 1, count: 3, metadata: none })).ids).toEqual([4n, 5n, 6n]);
    });

    it('takes keys as they are escaped', async () => {
      expect(await http(`${store}/a%2Fb%20%C3%A9`)).toEqual(ids(1));
      expect((await grpc.call(NEXT_ID, { storeName: store, key: 'a/b é', increment: 0, count: 1, metadata: none })).ids).toEqual([2n]);
    });

    it('gives ten thousand at once', async () => {
      expect((await grpc.call(NEXT_ID, { storeName: store, key: 'many', increment: 0, count: 10_000, metadata: none })).ids).toEqual(range(1, 10_000));
      expect(JSON.parse((await http(`${store}/many`, '{"count":10000}'))[2] as string)).toEqual({ ids: range(10_001, 10_000).map(String) });
    });

    it('answers a stream request by request, in order', async () => {
      const stream = grpc.duplex(NEXT_IDS);
      const answers = new Answers(stream);
      for (let i = 0; i < 300; i++) stream.write(askBytes({ storeName: store, key: `stream-${i % 2}`, count: 1 + (i % 3), increment: i % 2 }));
      stream.end();
      expect((await within(20_000, 'the stream ends', answers.ended)).code).toBe(0);
      expect(answers.ids.map(({ length }) => length)).toEqual(Array.from({ length: 300 }, (_, i) => 1 + (i % 3)));
      for (const parity of [0, 1]) {
        const own = answers.ids.filter((_, i) => i % 2 === parity).flat();
        expect(own).toEqual(range(1, own.length));
      }
    });

    it('ends a stream at the first request that it can\'t serve', async () => {
      const stream = grpc.duplex(NEXT_IDS);
      const answers = new Answers(stream);
      stream.write(askBytes({ storeName: store, key: 'ends' }));
      stream.write(askBytes({ storeName: store, key: 'a||b' }));
      stream.write(askBytes({ storeName: store, key: 'ends' }));
      expect(await within(20_000, 'the stream ends', answers.ended)).toMatchObject({ code: 3, details: "input key/keyPrefix 'a||b' can't contain '||'" });
      expect(answers.ids).toEqual([[1n]]);
    });
  });

  it('is answered as fast as its client reads: nothing is lost when it reads late', async () => {
    const stream = grpc.duplex(NEXT_IDS);
    const requests = 3000;
    let written = 0;
    const pump = (): void => {
      while (written < requests && stream.write(askBytes({ storeName: 'memory', key: 'late', count: 100 }))) written++;
      if (written < requests) {
        written++; // that one was taken too
        stream.once('drain', pump);
      } else stream.end();
    };
    stream.pause();
    pump();
    await eventually('the client may write no more', () => written > 0 && stream.writableNeedDrain);
    expect(written).toBeLessThan(requests);
    const answers = new Answers(stream);
    stream.resume();
    expect((await within(30_000, 'the stream ends', answers.ended)).code).toBe(0);
    expect(answers.ids.flat()).toHaveLength(requests * 100);
    expect(answers.ids.flat().at(-1)).toBe(BigInt(requests * 100));
  }, 60_000);

  it('words its refusals as documented, in both protocols', async () => {
    expect(await http('nowhere/k')).toEqual(error(400, 'ERR_SEQUENCER_STORE_NOT_FOUND', 'sequencer store nowhere not found'));
    expect(await http('memory/a%7C%7Cb')).toEqual(error(400, 'ERR_MALFORMED_REQUEST', "input key/keyPrefix 'a||b' can't contain '||'"));
    expect(await http('memory/k', '{"count":10001}')).toEqual(error(400, 'ERR_MALFORMED_REQUEST', 'Count 10001 is not from 0 to 10000 in sequencer store memory'));
    expect((await http('memory/k', '{"count":'))[2]).toContain('"errorCode":"ERR_MALFORMED_REQUEST","message":"failed deserializing HTTP body: ');
    const call = (storeName: string, key: string, count: number): Promise<unknown> => grpc.call(NEXT_ID, { storeName, key, increment: 0, count, metadata: none }).catch(({ code, text }: GrpcFailure) => [code, text]);
    expect(await call('nowhere', 'k', 1)).toEqual(['InvalidArgument', 'sequencer store nowhere not found']);
    expect(await call('memory', '', 1)).toEqual(['InvalidArgument', 'Key is empty in sequencer store memory']);
    expect(await call('memory', 'k', -1)).toEqual(['InvalidArgument', 'Count -1 is not from 0 to 10000 in sequencer store memory']);
  });

  it('shows its components in the metadata', async () => {
    const { components } = (await sidecar.metadata()) as { readonly components: readonly object[] };
    expect(components).toContainEqual({ name: 'memory', type: 'sequencer.in-memory', version: 'v1' });
  });
});

describe.each(STAGES)('without any sequencer in $isolation isolation on $listener', (stage) => {
  it('says so', async () => {
    await using sidecar = await startSidecar(stage);
    using grpc = new GrpcClient(sidecar.grpcAddress);
    const { status, body } = await sidecar.client.post('/v1.0-bulkhead/sequencer/s/k');
    expect([status, body]).toEqual([500, '{"errorCode":"ERR_SEQUENCER_STORE_NOT_CONFIGURED","message":"sequencer store is not configured"}']);
    await expect(grpc.call(NEXT_ID, { storeName: 's', key: 'k', increment: 0, count: 1, metadata: none })).rejects.toMatchObject({ code: 'FailedPrecondition', text: 'sequencer store is not configured' });
    const answers = new Answers(grpc.duplex(NEXT_IDS).end(askBytes()) as ClientDuplexStream<Uint8Array, Buffer>);
    expect(await within(20_000, 'the stream ends', answers.ended)).toMatchObject({ code: 9, details: 'sequencer store is not configured' });
  }, 60_000);
});

describe('a sequencer in memory whose block is killed', () => {
  it('never gives an id twice to its 9 clients, and begins no sequence again', async () => {
    const KILLS = 5;
    await using sidecar = await startSidecar({ components: [MEMORY] });
    const weak = new Drawers(sidecar, { store: 'memory', key: 'weak', clients: 9 });
    const strong = new Drawers(sidecar, { store: 'memory', key: 'strong', clients: 3, strong: true });
    try {
      for (let kill = 0; kill < KILLS; kill++) {
        await within(30_000, 'ids are drawn', Promise.all([weak.draws(5_000), strong.draws(300)]));
        await sidecar.kill('sequencer');
      }
      await within(30_000, 'ids are drawn', Promise.all([weak.draws(5_000), strong.draws(300)]));
    } finally {
      await Promise.all([weak.stop(), strong.stop()]);
    }
    const { restarts } = await sidecar.block('sequencer');
    print(`sequencer in memory: ${restarts} kills, ${weak.total} weak and ${strong.total} strong ids, ${duplicates([weak]) + duplicates([strong])} twice, ${weak.cut + strong.cut} streams cut, ${weak.failures.length + strong.failures.length} calls failed`);
    expect(restarts).toBe(KILLS);
    expect([duplicates([weak]), duplicates([strong])]).toEqual([0, 0]);
    expect([weak.falls(), strong.falls()]).toEqual([0, 0]);
    // a call is repeated on the next life; only streams end, and say why
    for (const text of [...weak.failures, ...strong.failures]) expect(text).toContain('the sequencer block restarted while this call was in flight');
    expect(weak.failures.length).toBe(weak.cut);
  }, 120_000);
});

describeWithRedis('sequencers on one Redis', () => {
  let server: RedisServer;
  beforeAll(async () => { server = await startRedis({ durable: true, extra: ['--appendfsync', 'always'] }); });
  afterAll(async () => { await server.stop(); });

  it('in two sidecars never give an id twice, while their blocks and their Redis are killed under 12 clients', async () => {
    const KILLS = 4;
    await using one = await startSidecar({ appId: 'shared', components: [onRedis(server, { refillTimeout: '5s' })] });
    await using two = await startSidecar({ appId: 'shared', components: [onRedis(server, { refillTimeout: '5s' })] });
    const weak = [one, two].map((sidecar) => new Drawers(sidecar, { store: 'redis', key: 'weak', clients: 6 }));
    const strong = [one, two].map((sidecar) => new Drawers(sidecar, { store: 'redis', key: 'strong', clients: 3, strong: true }));
    const all = [...weak, ...strong];
    try {
      for (let kill = 0; kill < KILLS; kill++) {
        await within(30_000, 'ids are drawn', Promise.all(all.map((drawers) => drawers.draws(1_000))));
        if (kill === 2) await server.restart();
        else await [one, two][kill % 2]!.kill('sequencer');
      }
      await within(30_000, 'ids are drawn', Promise.all(all.map((drawers) => drawers.draws(1_000))));
    } finally {
      await Promise.all(all.map((drawers) => drawers.stop()));
    }
    const total = (drawers: readonly Drawers[]) => drawers.reduce((sum, { total: ids }) => sum + ids, 0);
    print(`sequencers on one Redis: ${KILLS} kills, ${total(weak)} weak and ${total(strong)} strong ids, ${duplicates(weak) + duplicates(strong)} twice`);
    expect([duplicates(weak), duplicates(strong)]).toEqual([0, 0]);
    expect(all.map((drawers) => drawers.falls())).toEqual(all.map(() => 0));
    expect(Number(await server.raw.get('sequencer|||shared||weak'))).toBeGreaterThanOrEqual(total(weak));
  }, 120_000);

  it('leave a small gap for a key that is seldom used when they are restarted, and go on above it', async () => {
    const component = onRedis(server, { keyPrefix: 'none' });
    const draw = async (): Promise<number> => {
      await using sidecar = await startSidecar({ components: [component] });
      const { body } = await sidecar.client.post('/v1.0-bulkhead/sequencer/redis/seldom');
      return Number((JSON.parse(body) as { readonly ids: readonly [string] }).ids[0]);
    };
    expect([await draw(), await draw(), await draw()]).toEqual([1, 101, 201]);
    expect(await server.raw.get('sequencer|||seldom')).toBe('300');
  }, 60_000);

  it('give no id again that they gave before when Redis has lost its data, and say so', async () => {
    await using sidecar = await startSidecar({ appId: 'loss', components: [onRedis(server)] });
    const draw = async (increment: string): Promise<number[]> => {
      const { body } = await sidecar.client.post('/v1.0-bulkhead/sequencer/redis/k', `{"count":60,"increment":"${increment}"}`);
      return (JSON.parse(body) as { readonly ids: readonly string[] }).ids.map(Number);
    };
    const ids = [...await draw('WEAK'), ...await draw('STRONG')];
    expect(ids.at(-1)).toBe(160);
    await server.raw.del('sequencer|||loss||k');
    ids.push(...await draw('STRONG'));
    await server.raw.set('sequencer|||loss||k', '5');
    ids.push(...await draw('WEAK'), ...await draw('WEAK'), ...await draw('STRONG'));
    expect(new Set(ids).size).toBe(6 * 60);
    expect(await sidecar.logs.match(/went back to (\d+) in sequencer\|\|\|loss\|\|k, whose last id was (\d+): it lost data/)).toBeDefined();
  }, 60_000);

  it('wait for a Redis that is behind the floor, and say which key', async () => {
    await using sidecar = await startSidecar({ appId: 'me', components: [onRedis(server, { biggerThan: '{"invoices": 5000}' })], until: 'listening' });
    const call = async () => sidecar.client.post('/v1.0-bulkhead/sequencer/redis/invoices');
    const { status, body } = await call();
    expect([status, body]).toEqual([503, expect.stringContaining('the sequence of key \\"invoices\\" (sequencer|||me||invoices) is at 0, and biggerThan demands 5000 at least')]);
    await server.raw.set('sequencer|||me||invoices', '5000');
    const served = await eventually('the component starts', async () => {
      const reply = await call();
      return reply.status === 200 ? reply.body : undefined;
    });
    expect(served).toBe('{"ids":["5001"]}');
  }, 60_000);

  it('that hang delay nobody else\'s', async () => {
    const slow = await startRedis();
    try {
      await using sidecar = await startSidecar({ components: [onRedis(server), { ...onRedis(slow, { refillTimeout: '1s' }), name: 'slow' }] });
      await sidecar.client.post('/v1.0-bulkhead/sequencer/slow/k');
      slow.pause();
      const began = performance.now();
      const ends: number[] = [];
      const waiting = Array.from({ length: 100 }, async () => {
        const { status, body } = await sidecar.client.post('/v1.0-bulkhead/sequencer/slow/other');
        ends.push(performance.now() - began);
        return [status, body];
      });
      let served = 0;
      while (ends.length === 0) {
        expect((await sidecar.client.post('/v1.0-bulkhead/sequencer/redis/k')).status).toBe(200);
        served++;
      }
      const outcomes = await Promise.all(waiting);
      expect(new Set(outcomes.map(([status]) => status))).toEqual(new Set([500]));
      expect(new Set(outcomes.map(([, body]) => body))).toEqual(new Set(['{"errorCode":"ERR_NEXT_ID","message":"failed to get the next id of other from sequencer store slow: the store gave no ids within 1s"}']));
      expect(served).toBeGreaterThan(3);
      expect(JSON.parse((await sidecar.client.post('/v1.0-bulkhead/sequencer/slow/k')).body)).toEqual({ ids: ['2'] }); // out of its segment
    } finally {
      slow.resume();
      await slow.stop();
    }
  }, 60_000);
});
