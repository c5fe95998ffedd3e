// Pub/sub on Redis in bad weather: the block is killed, the broker is away, comes back, forgets everything. What was
// acknowledged is delivered, what is delivered twice is counted, and nobody has to restart anything.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { startApp, type App } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { Bystanders, Load } from './harness/load.ts';
import { Ledger, PublishLoad } from './harness/pubsub-ledger.ts';
import { startSidecar, type Sidecar, type SidecarOptions } from './harness/sidecar.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';

const print = (line: string): void => void process.stdout.write(`  ${line}\n`);
const ORDERS = { pubsubname: 'pubsub', topic: 'orders', route: '/orders' } as const;
/** Abandoned messages come again within about so long. Milliseconds. */
const FAST = { processingTimeout: '1s', redeliverInterval: '500ms', redisMinRetryInterval: '50', redisMaxRetryInterval: '500' } as const;
/** Within this every publish is answered, also by a busy machine. */
const BOUND_MS = 8_000;
const MINUTE_MS = 60_000;
const AWAY_MS = 20_000;

const startOn = (server: RedisServer, app: App, metadata: Readonly<Record<string, string>> = {}, more: SidecarOptions = {}): Promise<Sidecar> => startSidecar({
  ...more,
  components: [
    { name: 'pubsub', type: 'pubsub.redis', metadata: { redisHost: server.address, readTimeout: '1000', ...FAST, ...metadata } },
    { name: 'memory', type: 'state.in-memory' },
  ],
  flags: [`--app-port=${app.port}`, ...(more.flags ?? [])],
});
const settledAt = (server: RedisServer): Promise<unknown> => eventually('the group has settled everything', async () => Number(((await server.raw.xpending('orders', 'app')) as unknown[])[0]) === 0);

describeWithRedis('pub/sub on Redis', () => {
  let server: RedisServer;
  let app: App;
  let ledger: Ledger;
  beforeAll(() => theOutage().then(() => undefined), 60_000);
  beforeEach(async () => {
    ledger = new Ledger();
    [server, app] = await Promise.all([startRedis({ durable: true }), startApp({ subscriptions: [ORDERS], handler: ledger.handler() })]);
  });
  afterEach(async () => {
    await app?.stop();
    await server?.stop();
  });

  const start = (metadata: Readonly<Record<string, string>> = {}, more: SidecarOptions = {}): Promise<Sidecar> => startOn(server, app, metadata, more);
  const allSettled = (): Promise<unknown> => settledAt(server);

  it('a block that is killed again and again with 10,000 messages under way loses none, and hurts no other block', async () => {
    const KILLS = 4;
    app.handler = ledger.handler(() => sleep(2, undefined));
    await using sidecar = await start();
    const bystanders = new Bystanders(sidecar);
    const state = new Load(sidecar, { store: 'memory', clients: 4 });
    const publishing = new PublishLoad(sidecar, ledger, { pubsub: 'pubsub', topic: 'orders', clients: 32, messages: 10_000 });
    try {
      for (let kill = 1; kill <= KILLS; kill++) {
        await eventually('messages are handled', () => ledger.handled.size >= kill * 1_500, 30_000);
        await sidecar.kill('pubsub');
      }
      await publishing.done;
      await ledger.settled(30_000);
    } finally {
      await publishing.stop();
      await state.stop();
      await bystanders.stop();
    }
    await allSettled();
    const row = await sidecar.block('pubsub');
    print(`Redis, block killed ${KILLS} times: ${String(ledger)}; ${state.acknowledged.length} writes of state beside it`);
    expect(ledger.acknowledged.size).toBeGreaterThanOrEqual(10_000);
    expect(ledger.missing()).toEqual([]);
    expect(row).toMatchObject({ life: KILLS + 1, restarts: KILLS, state: 'ready', lastExit: 'signal SIGKILL: killed from outside, perhaps for memory', inFlight: 0 });
    expect(ledger.duplicates, 'no more than what can be unsettled at each kill').toBeLessThanOrEqual(KILLS * 100);
    expect(ledger.failures.filter(({ protocol, code, text }) => code !== (protocol === 'HTTP' ? '503' : 'Unavailable') || !text.includes('the pubsub block restarted while this call was in flight'))).toEqual([]);
    expect(ledger.slowestPublishMs, 'no publish hangs').toBeLessThan(BOUND_MS);
    expect([bystanders.surprises, state.failures, state.wrong], 'nobody else notices').toEqual([[], [], []]);
    expect((await sidecar.block('state')).restarts).toBe(0);
  }, 90_000);

  it('a Redis that restarts again and again under load loses nothing that was acknowledged', async () => {
    await using sidecar = await start();
    const publishing = new PublishLoad(sidecar, ledger, { pubsub: 'pubsub', topic: 'orders', clients: 32 });
    try {
      for (let round = 0; round < 3; round++) {
        await publishing.acknowledges(1_000);
        await server.restart();
      }
      await publishing.acknowledges(1_000);
    } finally {
      await publishing.stop();
    }
    await ledger.settled();
    await allSettled();
    print(`Redis, restarted 3 times under load: ${String(ledger)}`);
    expect(ledger.missing()).toEqual([]);
    expect(await sidecar.block('pubsub')).toMatchObject({ restarts: 0, inFlight: 0 });
  }, 60_000);

  it('a Redis that is not there at the start is waited for: health says for what, and its subscriptions start when it comes', async () => {
    await server.kill();
    await using sidecar = await start({}, { until: 'listening' });
    await sidecar.logs.waitFor(/dapr initialized/, 30_000);
    const { status, body } = await sidecar.client.get('/v1.0/healthz');
    const { errorCode, message } = JSON.parse(body) as { errorCode: string; message: string };
    expect([status, errorCode]).toEqual([500, 'ERR_HEALTH_NOT_READY']);
    expect(message, 'says where and why').toMatch(new RegExp(`component pubsub \\(pubsub\\.redis/v1\\).*${server.address}.*(?:refused|ECONNREFUSED)`));
    expect(await sidecar.client.post('/v1.0/state/memory', '[{"key":"k","value":1}]')).toMatchObject({ status: 204 });
    const refused = await sidecar.client.post('/v1.0/publish/pubsub/orders', '{"number":0}', { 'Content-Type': 'application/json' });
    expect([refused.status, JSON.parse(refused.body)]).toEqual([503, expect.objectContaining({ errorCode: 'ERR_COMPONENT_NOT_READY', message: expect.stringContaining(server.address) as string })]);

    await server.restart();
    await eventually('health says ready', async () => (await sidecar.client.get('/v1.0/healthz')).status === 204, 20_000);
    await using publishing = new PublishLoad(sidecar, ledger, { pubsub: 'pubsub', topic: 'orders', clients: 4, messages: 100 });
    await publishing.done;
    await ledger.settled();
    print(`Redis, not there at the start: ${String(ledger)}`);
    expect(ledger.failures).toEqual([]);
    expect(ledger.duplicates).toBe(0);
    expect((await sidecar.block('pubsub')).restarts, 'without a new block').toBe(0);
  }, 60_000);

  it('a Redis that is flushed under load gets its group again, and delivers what is published from then on', async () => {
    await using sidecar = await start();
    const publishing = new PublishLoad(sidecar, ledger, { pubsub: 'pubsub', topic: 'orders', clients: 16 });
    const flushes: number[] = [];
    try {
      for (let round = 0; round < 3; round++) {
        await publishing.acknowledges(500);
        await server.raw.flushall();
        flushes.push(ledger.next);
      }
      await publishing.acknowledges(500);
    } finally {
      await publishing.stop();
    }
    const since = flushes.at(-1) as number;
    await ledger.settled(20_000, since);
    await allSettled();
    print(`Redis, flushed 3 times under load: ${String(ledger)}, of those published since the last flush ${ledger.missing(since).length}`);
    expect([...ledger.acknowledged].filter((number) => number >= since).length).toBeGreaterThanOrEqual(450);
    expect(ledger.failures).toEqual([]);
    expect(sidecar.logs.matching(/consumer group \\"app\\" of topic \\"orders\\" is gone; it is made again/).length).toBeGreaterThan(0);
    expect(await sidecar.block('pubsub')).toMatchObject({ restarts: 0, inFlight: 0 });
  }, 60_000);

  it('a handler that takes longer than the processing timeout has its message to itself, with another sidecar waiting for it, too', async () => {
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<undefined>();
    app.handler = ledger.handler(() => mayEnd);
    await using first = await start();
    await using second = await start();
    await using publishing = new PublishLoad(first, ledger, { pubsub: 'pubsub', topic: 'orders', clients: 4, messages: 40 });
    await publishing.done;
    await eventually('both sidecars deliver as many at a time as they may', () => ledger.arrivals.size === 20);
    await sleep(4_000); // four times the processing timeout: the time itself is what is tested
    expect(app.deliveries.length, 'each came once').toBe(20);
    end(undefined);
    await ledger.settled();
    await allSettled();
    print(`Redis, handlers of 4 s, processing timeout of 1 s, two sidecars: ${String(ledger)}`);
    expect(ledger.acknowledged.size).toBe(40);
    expect(app.deliveries.length, 'each came once').toBe(40);
    expect([await first.stop(), await second.stop()]).toEqual([{ code: 0, signal: null }, { code: 0, signal: null }]);
  }, 60_000);

  it('a shutdown under load lets deliveries finish, and gives what was not delivered to the next sidecar, none to the dead letters', async () => {
    app.subscriptions = [{ ...ORDERS, deadLetterTopic: 'dead' }, { ...ORDERS, topic: 'dead', route: '/dead' }];
    const dead: string[] = [];
    const slow = ledger.handler(() => sleep(1_000, undefined));
    app.handler = (request) => (request.path === '/dead' ? void dead.push(request.text) : slow(request));
    const first = await start({ processingTimeout: '60s' });
    const publishing = new PublishLoad(first, ledger, { pubsub: 'pubsub', topic: 'orders', clients: 8 });
    await eventually('deliveries are under way, and more are waiting', () => ledger.handled.size >= 10 && ledger.acknowledged.size > 200);
    first.signal('SIGTERM');
    const exit = await first.end();
    await publishing.stop();
    const [came, handled] = [ledger.arrivals.size, ledger.handled.size];
    expect(exit).toEqual({ code: 0, signal: null });
    expect(came, 'what was under way came to its end').toBe(handled);
    const unclear = ledger.failures.filter(({ code, text }) => code !== 'Unavailable' && code !== '503' && !text.includes('ECONNREFUSED'));
    expect(unclear.filter(({ text }) => !/ECONNRESET|socket hang up/.test(text)), 'publishes succeed, are refused, or find nobody').toEqual([]);
    expect(unclear.length, 'or, once for each connection, met its end').toBeLessThanOrEqual(8);

    app.handler = (request) => (request.path === '/dead' ? void dead.push(request.text) : ledger.handler()(request));
    await using second = await start({ processingTimeout: '60s' });
    await ledger.settled();
    await allSettled();
    print(`Redis, shutdown under load: ${came} handled before, ${String(ledger)}; ${dead.length} dead letters`);
    expect(ledger.duplicates, 'nothing is done twice').toBe(0);
    expect(dead).toEqual([]);
    expect(await server.raw.xlen('dead')).toBe(0);
    expect(await second.stop()).toEqual({ code: 0, signal: null });
  }, 60_000);
});

describeWithRedis('pub/sub on a Redis that dies under load and stays away', () => {
  let outage: Outage;
  let lines: readonly string[];
  beforeAll(async () => {
    outage = await theOutage();
    lines = await outage.end();
  }, 90_000);
  afterAll(() => outage?.[Symbol.asyncDispose]());

  it('costs few lines of log', () => {
    const perMinute = lines.length * (MINUTE_MS / AWAY_MS);
    print(`Redis, away for ${AWAY_MS / 1000} s under load: ${lines.length} lines of log, ${perMinute} a minute; ${String(outage.ledger)}`);
    expect(lines.length).toBeGreaterThan(0);
    expect(perMinute, lines.join('\n')).toBeLessThan(100);
  });

  it('loses nothing that was acknowledged, and goes on by itself', async () => {
    expect(outage.ledger.missing(), 'what was acknowledged was in Redis\' file before the acknowledgement').toEqual([]);
    expect(outage.bystanders.surprises, 'nobody else notices').toEqual([]);
    expect(await outage.sidecar.block('pubsub')).toMatchObject({ restarts: 0, inFlight: 0 });
  });

  it('fails publishes clearly and soon', () => {
    const { failures, slowestPublishMs } = outage.ledger;
    expect(failures.length, 'they were tried all the time').toBeGreaterThan(100);
    expect(failures.filter(({ protocol, code }) => code !== (protocol === 'HTTP' ? '500' : 'Internal')).slice(0, 3)).toEqual([]);
    const unclear = failures.filter(({ text }) => !text.includes('error when publishing to topic orders in pubsub pubsub') || !text.includes(`redis at ${outage.server.address}`));
    expect(unclear.slice(0, 3)).toEqual([]);
    expect(slowestPublishMs).toBeLessThan(BOUND_MS);
  });
});

/** It takes its time, while other tests run. */
let begun: Promise<Outage> | undefined;
function theOutage(): Promise<Outage> {
  return (begun ??= Outage.begin());
}

/** A Redis that is killed under load and not there for as long as publishing goes on. */
class Outage implements AsyncDisposable {
  readonly ledger: Ledger;
  readonly server: RedisServer;
  readonly app: App;
  readonly sidecar: Sidecar;
  readonly bystanders: Bystanders;
  readonly #publishing: PublishLoad;
  #seen = 0;
  #sinceMs = 0;

  private constructor(ledger: Ledger, server: RedisServer, app: App, sidecar: Sidecar) {
    this.ledger = ledger;
    this.server = server;
    this.app = app;
    this.sidecar = sidecar;
    this.bystanders = new Bystanders(sidecar);
    this.#publishing = new PublishLoad(sidecar, ledger, { pubsub: 'pubsub', topic: 'orders', clients: 16 });
  }

  static async begin(): Promise<Outage> {
    const ledger = new Ledger();
    const [server, app] = await Promise.all([startRedis({ durable: true }), startApp({ subscriptions: [ORDERS], handler: ledger.handler() })]);
    const outage = new Outage(ledger, server, app, await startOn(server, app));
    await outage.#publishing.acknowledges(1_000);
    outage.#seen = outage.sidecar.logs.all.length;
    await server.kill();
    outage.#sinceMs = performance.now();
    await eventually('publishes have failed', () => ledger.failures.length > 32);
    await outage.bystanders.stop();
    return outage;
  }

  /** Resolves with what was logged meanwhile, when the broker is back and all is delivered. */
  async end(): Promise<readonly string[]> {
    await sleep(Math.max(0, this.#sinceMs + AWAY_MS - performance.now())); // the time itself is what is tested
    const lines = this.sidecar.logs.all.slice(this.#seen);
    await this.server.restart();
    await this.#publishing.acknowledges(1_000);
    await this.#publishing.stop();
    await this.ledger.settled();
    await settledAt(this.server);
    return lines;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#publishing.stop();
    await this.sidecar.stop();
    await this.app.stop();
    await this.server.stop();
  }
}
