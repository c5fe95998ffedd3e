// Poison: a message over which the block hangs for ever. The test is the watchdog that kills what is stuck. After as many deaths
// as the component allows the message is put away, its neighbours are delivered, and no other one is taken for poison.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { startApp, type App, type ReceivedRequest } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { Ledger, PublishLoad } from './harness/pubsub-ledger.ts';
import { startSidecar, type Sidecar } from './harness/sidecar.ts';
import { ENDLESS, isPoison, killIfStuck, POISON } from './harness/stuck.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';

const print = (line: string): void => void process.stdout.write(`  ${line}\n`);
const GOOD = 300;

describeWithRedis('a message over which the block hangs', () => {
  let server: RedisServer;
  /** Publishes for all tests: a block that is stuck over a message may not have answered its publisher yet. */
  let publisher: Sidecar;
  let app: App;
  let ledger: Ledger;
  let orders: string;
  let dead: string;
  let tests = 0;
  /** Poison that was delivered, by path. */
  let poison: string[];
  beforeAll(async () => {
    server = await startRedis();
    publisher = await startSidecar({ components: [{ name: 'pubsub', type: 'pubsub.redis', metadata: { redisHost: server.address } }] });
  });
  beforeEach(async () => {
    ledger = new Ledger();
    poison = [];
    orders = `orders-${++tests}`;
    dead = `dead-${tests}`;
    app = await startApp();
    const good = ledger.handler();
    app.handler = (request: ReceivedRequest) => (isPoison(request.text) ? void poison.push(request.path) : good(request));
  });
  afterEach(() => app?.stop());
  afterAll(async () => {
    await publisher?.stop();
    await server?.stop();
  });

  const start = (metadata: Readonly<Record<string, string>>, deadLetterTopic?: string): Promise<Sidecar> => {
    app.subscriptions = [
      { pubsubname: 'pubsub', topic: orders, routes: { rules: [{ match: ENDLESS, path: '/endless' }], default: '/orders' }, ...(deadLetterTopic && { deadLetterTopic }) },
      { pubsubname: 'pubsub', topic: dead, route: '/dead' },
    ];
    return startSidecar({
      until: 'listening', // with poison in the topic it may be stuck before it is ready
      components: [{ name: 'pubsub', type: 'pubsub.redis', metadata: { redisHost: server.address, processingTimeout: '500ms', redeliverInterval: '200ms', ...metadata } }, { name: 'memory', type: 'state.in-memory' }],
      flags: [`--app-port=${app.port}`],
    });
  };
  /** Until so many are acknowledged. */
  const publishGood = async (messages: number): Promise<void> => {
    await using load = new PublishLoad(publisher, ledger, { pubsub: 'pubsub', topic: orders, clients: 8, messages });
    await load.done;
  };
  const publishPoison = async (): Promise<void> => {
    const { status } = await publisher.client.post(`/v1.0/publish/pubsub/${orders}`, POISON, { 'Content-Type': 'application/json' });
    expect(status).toBe(204);
  };
  /** The poison in the middle of good messages, before anybody subscribes: some of them are worked on in one go with it. */
  const prepare = async (): Promise<void> => {
    await publishGood(GOOD / 2);
    await publishPoison();
    await publishGood(GOOD);
  };
  /** Plays the watchdog until all is settled, or the block was killed so often. */
  const watch = async (sidecar: Sidecar, deaths: number, done: () => Promise<boolean> | boolean): Promise<number> => {
    let killed = 0;
    await eventually(`the poison is dealt with (${deaths} deaths)`, async () => {
      if (await done()) return true;
      if (await killIfStuck(sidecar, 'pubsub')) killed++;
      return killed >= deaths;
    }, 40_000);
    return killed;
  };
  const isSettled = async (): Promise<boolean> => ledger.handled.size === GOOD && Number(((await server.raw.xpending(orders, 'app')) as unknown[])[0]) === 0;
  const parked = (sidecar: Sidecar): string[] => sidecar.logs.matching(/was being worked on when this block died/);
  const suspicions = (sidecar: Sidecar): string[] => sidecar.logs.matching(/the pubsub block ended over messages/);
  /** The entry of the stream that the poison is. */
  const poisonId = async (): Promise<string> => ((await server.raw.xrange(orders, '-', '+')).find(([, fields]) => isPoison(fields.join(''))) ?? [''])[0];

  it('becomes a dead letter after three deaths, and all others are delivered', async () => {
    await prepare();
    await using sidecar = await start({}, dead);
    const killed = await watch(sidecar, 6, async () => (await isSettled()) && poison.length > 0);
    const id = await poisonId();
    print(`poison with a dead letter topic: killed ${killed} times, ${String(ledger)}, dead letters at ${poison.join(', ')}`);
    expect(killed).toBe(3);
    expect(poison).toEqual(['/dead']);
    expect(await server.raw.xlen(dead), 'the innocents beside it are not put away').toBe(1);
    expect(parked(sidecar)).toEqual([expect.stringMatching(new RegExp(`level=error .*message ${id} of topic ${orders} was being worked on when this block died, 3 times: it is put away .*, into the dead letter topic ${dead}`))]);
    expect(suspicions(sidecar)).toHaveLength(3);
    expect(suspicions(sidecar).at(-1), 'the count outlives the block').toContain(`pubsub|${orders}|${id} (3)`);
    await publishGood(GOOD + 50);
    await ledger.settled();
    expect(await sidecar.block('pubsub')).toMatchObject({ life: 4, state: 'ready', inFlight: 0 });
    await eventually('health says ready', async () => (await sidecar.client.get('/v1.0/healthz')).status === 204);
  }, 60_000);

  it('is gone after three deaths where there is no dead letter topic, and the log says so', async () => {
    await using sidecar = await start({});
    await publishGood(GOOD / 2);
    await eventually('half of the good ones are delivered', () => ledger.handled.size === GOOD / 2);
    await publishPoison();
    const killed = await watch(sidecar, 6, () => parked(sidecar).length > 0);
    await publishGood(GOOD);
    await ledger.settled();
    await eventually('all is settled', isSettled);
    print(`poison without a dead letter topic: killed ${killed} times, ${String(ledger)}`);
    expect(killed).toBe(3);
    expect(poison).toEqual([]);
    expect(parked(sidecar)).toEqual([expect.stringMatching(/level=error .*died, 3 times: it is put away .*, and gone, because the subscription has no dead letter topic/)]);
    expect(suspicions(sidecar).map((line) => /\((\d+)\)/.exec(line)?.[1])).toEqual(['1', '2', '3']);
  }, 60_000);

  it('is put away after one death with poisonThreshold 1, and nobody beside it', async () => {
    await prepare();
    await using sidecar = await start({ poisonThreshold: '1' }, dead);
    const killed = await watch(sidecar, 3, async () => (await isSettled()) && poison.length > 0);
    print(`poison with poisonThreshold 1: killed ${killed} times, ${String(ledger)}, dead letters at ${poison.join(', ')}`);
    expect(killed).toBe(1);
    expect(poison).toEqual(['/dead']);
    expect(await server.raw.xlen(dead)).toBe(1);
  }, 60_000);

  it('is never put away with poisonThreshold 0, however often the block dies over it', async () => {
    await prepare();
    await using sidecar = await start({ poisonThreshold: '0' }, dead);
    const killed = await watch(sidecar, 4, () => false);
    await eventually('the kernel has counted', () => suspicions(sidecar).length === 4);
    print(`poison with poisonThreshold 0: killed ${killed} times, ${ledger.handled.size} of ${GOOD} others handled meanwhile, ${ledger.duplicates} handled again`);
    expect(suspicions(sidecar).at(-1)).toContain(`pubsub|${orders}|${await poisonId()} (4)`);
    expect(parked(sidecar)).toEqual([]);
    expect(poison).toEqual([]);
    expect(await server.raw.exists(dead)).toBe(1); // there is a subscription to it
    expect(await server.raw.xlen(dead)).toBe(0);
  }, 60_000);
});
