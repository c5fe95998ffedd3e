// Applications that misbehave under load: they restart, are away, fail, hang, and answer with garbage. Nothing is acknowledged
// before a good verdict, so nothing is lost.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApp, startImpostor, type App, type AppAnswer, type Misbehaviour, type ReceivedRequest } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { Ledger, PublishLoad, type LoadOptions } from './harness/pubsub-ledger.ts';
import { startSidecar, type Sidecar, type SidecarOptions } from './harness/sidecar.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';

const print = (line: string): void => void process.stdout.write(`  ${line}\n`);
const MEMORY = { name: 'pubsub', type: 'pubsub.in-memory' } as const;
const SHUTDOWN_S = 2;
const JUNK = Buffer.alloc(1024 * 1024, 0xfe);
/** More than an answer may have by default. */
const TOO_MUCH = Buffer.alloc(5 * 1024 * 1024, '{');

describeWithRedis('an application under load', () => {
  let server: RedisServer;
  let app: App;
  let ledger: Ledger;
  let topic = 0;
  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(async () => {
    ledger = new Ledger();
    topic++;
    app = await startApp({ subscriptions: [{ pubsubname: 'pubsub', topic: `orders-${topic}`, route: '/orders' }], handler: ledger.handler() });
  });
  afterEach(() => app?.stop());
  afterAll(() => server?.stop());

  const start = (flags: readonly string[] = [], metadata: Readonly<Record<string, string>> = {}, more: SidecarOptions = {}): Promise<Sidecar> => startSidecar({
    ...more,
    components: [{ name: 'pubsub', type: 'pubsub.redis', metadata: { redisHost: server.address, processingTimeout: '1s', redeliverInterval: '500ms', ...metadata } }],
    flags: [`--app-port=${app.port}`, ...flags],
  });
  const publish = (sidecar: Sidecar, options: Pick<LoadOptions, 'clients' | 'messages'>): PublishLoad => new PublishLoad(sidecar, ledger, { pubsub: 'pubsub', topic: `orders-${topic}`, ...options });
  const unsettled = async (): Promise<number> => Number(((await server.raw.xpending(`orders-${topic}`, 'app')) as unknown[])[0]);
  const allSettled = (): Promise<unknown> => eventually('the group has settled everything', async () => (await unsettled()) === 0);

  it('that restarts again and again gets everything', async () => {
    await using sidecar = await start();
    await using publishing = publish(sidecar, { clients: 16 });
    for (let round = 1; round <= 4; round++) {
      await publishing.acknowledges(400);
      await eventually('messages are handled', () => ledger.handled.size >= round * 200);
      await app.restart();
    }
    await publishing.acknowledges(400);
    await publishing.stop();
    await ledger.settled();
    await allSettled();
    print(`application restarted 4 times: ${String(ledger)}`);
    expect(ledger.failures).toEqual([]);
    expect(await sidecar.block('pubsub')).toMatchObject({ restarts: 0 });
  }, 60_000);

  it.each<readonly [string, readonly string[]]>([
    ['', []],
    [', its health being watched,', ['--enable-app-health-check', '--app-health-probe-interval=1', '--app-health-threshold=1']],
  ])('that is away for a while%s gets everything when it is back, at a low cost of log lines', async (_, flags) => {
    const AWAY_MS = 1_500;
    await using sidecar = await start(flags);
    await using publishing = publish(sidecar, { clients: 4 });
    await eventually('messages are handled', () => ledger.handled.size >= 300);
    const seen = sidecar.logs.all.length;
    await app.stop();
    await sleep(AWAY_MS); // the time itself is what is tested
    await publishing.acknowledges(100);
    await publishing.stop();
    const waiting = ledger.missing().length;
    const lines = sidecar.logs.all.slice(seen);
    await app.restart();
    await ledger.settled();
    await allSettled();
    print(`application away for ${AWAY_MS / 1000} s${flags.length > 0 ? ', health checked' : ''}: ${waiting} waited for it, ${lines.length} lines of log; ${String(ledger)}`);
    expect(waiting).toBeGreaterThan(100);
    expect(lines.length, lines.join('\n')).toBeLessThan(30);
    expect(ledger.failures, 'publishing goes on').toEqual([]);
    expect(await sidecar.block('pubsub')).toMatchObject({ restarts: 0 });
  }, 60_000);

  it('that answers 500 at first handles everything later', async () => {
    app.handler = ledger.handler((number, arrival) => (arrival <= number % 3 ? { status: 500, body: 'not today' } : undefined));
    await using sidecar = await start();
    await using publishing = publish(sidecar, { clients: 16, messages: 1_500 });
    await publishing.done;
    await ledger.settled();
    await allSettled();
    const wrong = [...ledger.arrivals].filter(([number, arrivals]) => arrivals !== 1 + (number % 3));
    print(`application answered 500 up to twice: ${String(ledger)}`);
    expect(wrong, 'each came as often as it failed, and once more').toEqual([]);
    expect(sidecar.logs.matching(/was not handled/).length, 'a line for each would be too many').toBeLessThan(100);
  }, 60_000);

  it('that answers with garbage is asked again until it makes sense', async () => {
    const garbage: readonly (AppAnswer | Misbehaviour)[] = [
      'rubbish', 'reset', { body: { status: 'PERHAPS' } }, { status: 500, body: JUNK }, { body: TOO_MUCH }, { status: 503, headers: { 'Content-Type': 'application/json' }, body: '{"status":"SUCC' },
    ];
    app.handler = ledger.handler((number, arrival) => (arrival === 1 ? garbage[number % (4 * garbage.length)] : undefined));
    await using sidecar = await start();
    await using publishing = publish(sidecar, { clients: 8, messages: 300 });
    await publishing.done;
    await ledger.settled();
    await allSettled();
    print(`application answered with garbage: ${String(ledger)}`);
    const once = [...ledger.arrivals].filter(([number, arrivals]) => number % (4 * garbage.length) < garbage.length && arrivals < 2);
    expect(once, 'garbage acknowledges nothing').toEqual([]);
    expect(ledger.failures).toEqual([]);
    expect(await sidecar.block('pubsub')).toMatchObject({ restarts: 0, inFlight: 0 });
  }, 60_000);

  it('that answers a batch with garbage gets the batch again', async () => {
    app.subscriptions = [{ pubsubname: 'pubsub', topic: `orders-${topic}`, route: '/orders', bulkSubscribe: { enabled: true, maxMessagesCount: 20, maxAwaitDurationMs: 50 } }];
    const garbage: readonly (AppAnswer | Misbehaviour)[] = ['rubbish', { body: '{"statuses":' }, { body: JUNK }, { body: { statuses: 'all of them' } }, { body: {} }, { status: 500 }];
    let batches = 0;
    app.handler = (request) => garbage[batches++] ?? goodBatch(request);
    const goodBatch = (request: ReceivedRequest): AppAnswer => {
      const { entries } = request.json as { readonly entries: readonly { readonly entryId: string; readonly event: { readonly data: { readonly number: number } } }[] };
      for (const { event } of entries) ledger.handles(event.data.number);
      return app.bulkVerdict(Object.fromEntries(entries.map(({ entryId }) => [entryId, 'SUCCESS'])));
    };
    await using sidecar = await start();
    await using publishing = publish(sidecar, { clients: 8, messages: 300 });
    await publishing.done;
    await ledger.settled();
    await allSettled();
    print(`application answered ${garbage.length} of ${batches} batches with garbage: ${String(ledger)}`);
    expect(batches).toBeGreaterThan(garbage.length);
    expect(ledger.duplicates).toBe(0);
  }, 60_000);

  it('that is not one at all acknowledges nothing', async () => {
    await using sidecar = await start();
    await using publishing = publish(sidecar, { clients: 4 });
    await eventually('messages are handled', () => ledger.handled.size >= 100);
    await app.stop();
    const impostor = await startImpostor('rubbish', app.port);
    await publishing.acknowledges(100);
    await publishing.stop();
    await sleep(500); // for as long as this it is asked
    await impostor[Symbol.asyncDispose]();
    const waiting = ledger.missing().length;
    await app.restart();
    await ledger.settled();
    await allSettled();
    print(`application replaced by one that speaks no HTTP: ${waiting} waited; ${String(ledger)}`);
    expect(waiting).toBeGreaterThan(0);
  }, 60_000);

  it('that hangs holds up no shutdown beyond its time, and the next sidecar delivers what it was working on', async () => {
    app.handler = ledger.handler((number) => (number % 5 === 0 ? 'hang' : undefined));
    const first = await start([`--dapr-graceful-shutdown-seconds=${SHUTDOWN_S}`]);
    await using publishing = publish(first, { clients: 8, messages: 200 });
    await publishing.done;
    await eventually('as many deliveries hang as may be under way', () => ledger.arrivals.size - ledger.handled.size === 10);
    const began = performance.now();
    first.signal('SIGTERM');
    const exit = await first.end();
    const tookMs = performance.now() - began;
    const before = ledger.handled.size;
    app.handler = ledger.handler();
    await using second = await start();
    await ledger.settled();
    await allSettled();
    print(`application hangs, SIGTERM: ended with ${exit.code} after ${Math.round(tookMs)} ms, ${before} handled before; ${String(ledger)}`);
    expect(exit, 'the time that a shutdown may take was over').toEqual({ code: 1, signal: null });
    expect(tookMs).toBeLessThan(SHUTDOWN_S * 1_000 + 3_000);
    expect(ledger.missing()).toEqual([]);
    expect(await second.stop()).toEqual({ code: 0, signal: null });
  }, 60_000);
});

describe('an application on the broker in memory', () => {
  it('that fails, breaks its connections and restarts gets everything in the end', async () => {
    const ledger = new Ledger();
    const garbage: readonly (AppAnswer | Misbehaviour)[] = ['reset', { status: 500 }, { body: { status: 'RETRY' } }];
    await using app = await startApp({ subscriptions: [{ pubsubname: 'pubsub', topic: 'orders', route: '/orders' }], handler: ledger.handler((number, arrival) => (arrival === 1 ? garbage[number % 30] : undefined)) });
    await using sidecar = await startSidecar({ components: [MEMORY], flags: [`--app-port=${app.port}`] });
    await using publishing = new PublishLoad(sidecar, ledger, { pubsub: 'pubsub', topic: 'orders', clients: 8 });
    await publishing.acknowledges(500);
    await app.restart();
    await publishing.acknowledges(500);
    await publishing.stop();
    await ledger.settled();
    print(`application on the broker in memory: ${String(ledger)}`);
    expect(ledger.failures).toEqual([]);
    expect([...ledger.arrivals].filter(([number, arrivals]) => number % 30 < garbage.length && arrivals < 2)).toEqual([]);
  }, 60_000);
});
