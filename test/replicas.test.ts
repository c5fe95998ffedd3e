// A block that runs several times over the same stores: who gets a call, what the death of one costs, and what must not run so.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DRIVERS as configDrivers } from '../blocks/config/drivers.ts';
import { DRIVERS as lockDrivers } from '../blocks/lock/drivers.ts';
import { DRIVERS as pubsubDrivers } from '../blocks/pubsub/drivers.ts';
import { DRIVERS as sequencerDrivers } from '../blocks/sequencer/drivers.ts';
import { DRIVERS as stateDrivers } from '../blocks/state/drivers.ts';
import { Calls, type IncomingCall } from '../ipc/calls.ts';
import { EMPTY } from '../ipc/frame.ts';
import { openLocalPair } from '../ipc/local.ts';
import { Seat } from '../kernel/seat.ts';
import { Switch, seatShared, type OpenSeats } from '../kernel/switch.ts';
import { Grpc } from '../proto/errors.ts';
import { ROUTE } from '../proto/routes.ts';
import { eventually } from './harness/awaiting.ts';
import { METRICS, scrapeText } from './harness/metrics.ts';
import { listed, lists, refused, remove, write } from './harness/reload.ts';
import { startSidecar, type BlockRow, type Sidecar } from './harness/sidecar.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';

/** Between two calls of a load, each of a write and a read. */
const PACE_MS = 8;

/** A seat with lives that answer when they are told. */
class Replica {
  readonly seat: Seat;
  readonly calls: IncomingCall[] = [];
  #life: Calls | undefined;

  constructor(name: string) {
    this.seat = new Seat(name, { holdMs: 5_000, maxHeld: 100, maxHeldBytes: 1 << 20, maxInFlight: 100, maxStreams: 10 });
  }

  begin(): void {
    const [near, far] = openLocalPair({ maxFrameBytes: 1 << 16 });
    this.#life = new Calls(near, { ids: 'odd', maxIncoming: 0, maxQueuedBytes: 1 << 16, serve: () => {} });
    new Calls(far, { ids: 'even', maxIncoming: 100, maxQueuedBytes: 1 << 16, serve: (call) => void this.calls.push(call) });
    this.seat.attach(this.#life, () => {});
  }

  async end(): Promise<void> {
    const life = this.#life as Calls;
    this.calls.length = 0;
    life.close();
    await life.ended;
    this.seat.detach(life, 'it has ended');
  }

  answer(): void {
    for (const call of this.calls.splice(0)) call.end(Grpc.OK, 0, undefined, EMPTY);
  }
}

describe('calls of a block that runs three times', () => {
  function wire() {
    const seats: OpenSeats = new Map();
    const replicas = ['a', 'b', 'c'].map((name) => new Replica(name)) as [Replica, Replica, Replica];
    for (const { seat } of replicas) seatShared(seats, 'state', seat);
    const dispatch = new Switch(seats, new Map());
    const said: string[] = [];
    const open = (route = ROUTE.GetState): void => void dispatch.open({ route, flags: 0, head: undefined, body: EMPTY, deadlineMs: 0 }, {
      onAnswer: () => said.push('answer'), onFailure: (_code, message) => said.push(message), onRefusal: ({ message }) => said.push(message),
    });
    const counts = async (...expected: number[]): Promise<void> => void (await eventually(`they have ${expected.join(', ')}`, () => replicas.every(({ calls }, index) => calls.length === expected[index])));
    return { replicas, open, said, counts };
  }

  it('go to the one with the fewest', async () => {
    const { replicas, open, counts } = wire();
    for (const replica of replicas) replica.begin();
    for (let i = 0; i < 9; i++) open();
    await counts(3, 3, 3);
    replicas[1].answer();
    await eventually('its calls are over', () => replicas[1].seat.load === 0);
    for (let i = 0; i < 3; i++) open();
    await counts(3, 3, 3);
  });

  it('take turns among equals', async () => {
    const { replicas, open, said } = wire();
    for (const replica of replicas) replica.begin();
    const seen = new Set<number>();
    for (let i = 0; i < 3; i++) {
      open();
      await eventually('one has it', () => replicas.some(({ calls }) => calls.length > 0));
      seen.add(replicas.findIndex(({ calls }) => calls.length > 0));
      replicas.forEach((replica) => replica.answer());
      await eventually('it is answered', () => said.length === i + 1);
    }
    expect(seen.size).toBe(3);
  });

  it('never go to one without a life while another has one; those that wait go to the first that gets one', async () => {
    const { replicas: [a, b, c], open, counts } = wire();
    for (let i = 0; i < 6; i++) open();
    expect([a, b, c].map(({ seat }) => seat.held).reduce((sum, held) => sum + held)).toBe(6);
    b.begin();
    await counts(0, 6, 0);
    open();
    await counts(0, 7, 0);
    expect([a, b, c].map(({ seat }) => seat.held)).toEqual([0, 0, 0]);
  });

  it('that are safe are opened again on another one at once when their life ends; others fail', async () => {
    const { replicas: [a, b, c], open, said, counts } = wire();
    a.begin();
    for (let i = 0; i < 4; i++) open();
    open(ROUTE.SaveState);
    await counts(5, 0, 0);
    c.begin();
    await a.end();
    await counts(0, 0, 4);
    expect(b.seat.held + a.seat.held).toBe(0);
    expect([a.seat.repeated, a.seat.lost]).toEqual([4, 1]);
    c.answer();
    await eventually('all are answered', () => said.length === 5);
    expect(said.filter((text) => text === 'answer')).toHaveLength(4);
  });
});

describeWithRedis('a state block that runs twice', () => {
  let server: RedisServer;
  let sidecar: Sidecar;
  const redis = (name: string) => ({ name, type: 'state.redis', metadata: { redisHost: server.address } });
  const replicas = async (): Promise<readonly BlockRow[]> => (await sidecar.blocks()).filter(({ block, component }) => block === 'state' && component === undefined);
  beforeAll(async () => {
    server = await startRedis();
    sidecar = await startSidecar({
      components: [redis('shared'), { name: 'own', type: 'state.in-memory', annotations: { isolation: 'component' } }],
      flags: ['--replicas=state=2', ...METRICS],
    });
  });
  afterAll(async () => {
    await sidecar?.stop();
    await server?.stop();
  });

  let loads = 0;
  /** What happens beside a steady load of reads and writes costs no read and no acknowledged write, and as many other writes as it may. */
  async function underLoad(happens: () => Promise<void>, mostFailedWrites: number): Promise<void> {
    const underWay = new Set<Promise<void>>();
    const written: string[] = [];
    const faults: string[] = [];
    let failedWrites = 0;
    let turn = 0;
    loads++;
    const one = async (key: string): Promise<void> => {
      const { status } = await sidecar.client.post('/v1.0/state/shared', JSON.stringify([{ key, value: key }]));
      if (status === 204) written.push(key);
      else failedWrites++;
      const read = await sidecar.client.get('/v1.0/state/shared/k');
      if (read.status !== 200 || read.body !== '1') faults.push(`${read.status} ${read.body}`);
    };
    const ticker = setInterval(() => {
      const call = one(`load-${loads}-${turn++}`).catch((cause: unknown) => void faults.push(String(cause))).finally(() => underWay.delete(call));
      underWay.add(call);
    }, PACE_MS);
    await eventually('the load is under way', () => written.length > 20);
    await happens();
    const before = written.length;
    await eventually('it goes on', () => written.length > before + 20);
    clearInterval(ticker);
    await Promise.all(underWay);
    const kept = JSON.parse((await sidecar.client.post('/v1.0/state/shared/bulk', JSON.stringify({ keys: written, parallelism: 10 }))).body) as { readonly key: string; readonly data?: unknown }[];
    expect(kept.filter(({ key, data }) => data !== key)).toEqual([]);
    expect(kept).toHaveLength(written.length);
    expect(faults).toEqual([]);
    expect(failedWrites).toBeLessThanOrEqual(mostFailedWrites);
  }

  it('has two compartments beside those of components, and lists each component once', async () => {
    expect((await sidecar.blocks()).filter(({ block }) => block === 'state').map(({ name, state }) => [name, state])).toEqual([['state', 'ready'], ['state#2', 'ready'], ['state/own', 'ready']]);
    expect(new Set((await sidecar.blocks()).filter(({ block }) => block === 'state').map(({ pid }) => pid)).size).toBe(3);
    expect(await listed(sidecar)).toEqual(['own state.in-memory', 'shared state.redis']);
    const { body } = await scrapeText(sidecar);
    expect(['state', 'state#2'].map((block) => new RegExp(`^bulkhead_block_life\\{.*block="${block}",component=""\\} 1$`, 'm').test(body)), body).toEqual([true, true]);
  });

  it.each(['state', 'state#2'])('answers over the other one what is asked while %s does nothing', async (stopped) => {
    expect(await sidecar.client.post('/v1.0/state/shared', '[{"key":"k","value":1}]')).toMatchObject({ status: 204 });
    await sidecar.kill(stopped, 'SIGSTOP');
    const asked = Array.from({ length: 20 }, async () => sidecar.client.get('/v1.0/state/shared/k'));
    let answered = 0;
    for (const one of asked) void one.then(() => answered++);
    await eventually('the other one has answered its share', async () => answered >= 10);
    expect(answered).toBeLessThan(20);
    for (let i = 0; i < 5; i++) expect(await sidecar.client.get('/v1.0/state/shared/k')).toMatchObject({ status: 200, body: '1' });
    await sidecar.kill(stopped, 'SIGCONT');
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
  });

  it('loses no read and no acknowledged write when one dies, and then the other', async () => {
    await underLoad(async () => {
      for (const name of ['state#2', 'state']) {
        const { life } = await sidecar.block(name);
        await sidecar.kill(name);
        await eventually('its next life is there', async () => (({ life: now, state }) => now > life && state === 'ready')(await sidecar.block(name)));
      }
    }, 20);
  });

  it('is restarted by hand, one after the other or one alone, and no call fails', async () => {
    const before = await replicas();
    await underLoad(async () => {
      const all = await sidecar.client.post('/actuator/blocks/state/restart');
      expect(all.status).toBe(200);
      expect((JSON.parse(all.body) as BlockRow[]).map(({ name, life }) => [name, life])).toEqual(before.map(({ name, life }) => [name, life + 1]));
      const second = await sidecar.client.post('/actuator/blocks/state%232/restart');
      expect([second.status, (JSON.parse(second.body) as BlockRow).name]).toEqual([200, 'state#2']);
    }, 0);
    expect((await replicas()).map(({ life }) => life)).toEqual(before.map(({ life }, index) => life + 1 + index));
  });

  it('follows changed files with both lives, without a failed call; what must not run twice is refused and what works stays', async () => {
    const before = await replicas();
    await underLoad(async () => {
      write(sidecar, 'more.yaml', redis('more'));
      await lists(sidecar, 'more state.redis', 'own state.in-memory', 'shared state.redis');
      await eventually('both have it', async () => (await replicas()).every(({ components }) => components.some(({ name, state }) => name === 'more' && state === 'ready')));
      expect((await replicas()).map(({ life }) => life)).toEqual(before.map(({ life }) => life + 1));
      write(sidecar, 'lite.yaml', { name: 'lite', type: 'state.sqlite', metadata: { connectionString: ':memory:' } });
      await eventually('it is refused', async () => (await refused(sidecar)).length > 0);
      const [why] = await refused(sidecar);
      expect(why).toContain('lite (state.sqlite/v1): [INIT_COMPONENT_FAILURE]');
      expect(why).toContain('--replicas runs that block 2 times');
      remove(sidecar, 'lite.yaml');
      await eventually('nothing is refused any more', async () => (await refused(sidecar)).length === 0);
    }, 0);
    expect((await replicas()).map(({ components }) => components.map(({ name }) => name).sort())).toEqual([['more', 'shared'], ['more', 'shared']]);
    expect((await sidecar.client.get('/v1.0/healthz')).status).toBe(204);
  });
});

describe('a component that keeps something in its process', () => {
  it('is one of every type but these', () => {
    const tables = [stateDrivers, pubsubDrivers, configDrivers, lockDrivers, sequencerDrivers];
    expect(tables.flatMap((table) => Object.entries(table).filter(([, row]) => row.stateless === true).map(([type]) => type)).sort()).toEqual(['state.etcd', 'state.redis']);
  });

  it('is refused where its block runs twice, with what to do about it; in a compartment of its own it serves', async () => {
    await using sidecar = await startSidecar({
      until: 'listening', flags: ['--replicas=state=2', '--replicas=lock=2'],
      components: [{ name: 'memory', type: 'state.in-memory' }, { name: 'own', type: 'state.in-memory', annotations: { isolation: 'component' } }, { name: 'locks', type: 'lock.in-memory' }],
    });
    await sidecar.logs.waitFor(/dapr initialized/, 30_000);
    const { message } = JSON.parse((await sidecar.client.get('/v1.0/healthz')).body) as { readonly message: string };
    for (const [name, type, where] of [['memory', 'state.in-memory', ''], ['memory', 'state.in-memory', ' (in compartment state#2)'], ['locks', 'lock.in-memory', '']]) {
      expect(message).toContain(`component ${name} (${type}/v1): [INIT_COMPONENT_FAILURE]: initialization error occurred for ${name} (${type}/v1): ${type} keeps things in its block's process, and --replicas runs that block 2 times: what one knows the others do not. Leave the flag out for this block, or give the component a process of its own with the annotation isolation: component${where}`);
    }
    expect(await sidecar.client.get('/v1.0/state/memory/k')).toMatchObject({ status: 503, body: expect.stringContaining('ERR_COMPONENT_NOT_READY') });
    expect(await sidecar.client.post('/v1.0/state/own', '[{"key":"k","value":1}]')).toMatchObject({ status: 204 });
  });
});
