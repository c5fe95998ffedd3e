// Pub/sub on Kafka in bad weather: the block is killed, the broker is away and comes back, sidecars of one group come and go.
// What was acknowledged is delivered, what is delivered twice is counted, and nobody has to restart anything.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { startApp, type App, type AppSubscription } from './harness/app.ts';
import { eventually } from './harness/awaiting.ts';
import { Bystanders, Load } from './harness/load.ts';
import { Ledger, PublishLoad } from './harness/pubsub-ledger.ts';
import { startSidecar, type Sidecar, type SidecarOptions } from './harness/sidecar.ts';
import { ENDLESS, isPoison, killIfStuck, POISON } from './harness/stuck.ts';
import { startKafka, type KafkaServer } from './servers/kafka.ts';
import { describeWithKafka } from './servers/suites.ts';

const print = (line: string): void => void process.stdout.write(`  ${line}\n`);
/** The group notices soon that a member is dead. */
const FAST = { heartbeatInterval: '200ms', sessionTimeout: '1500ms', initialOffset: 'oldest', authType: 'none' } as const;
/** Within this every publish is answered, also by a busy machine. */
const BOUND_MS = 15_000;
const MINUTE_MS = 60_000;
const PARTITIONS = 8;

describeWithKafka('pub/sub on Kafka', () => {
  let server: KafkaServer;
  let app: App;
  let ledger: Ledger;
  let topic: string;
  let tests = 0;
  beforeAll(async () => {
    server = await startKafka({ partitions: PARTITIONS });
  }, 90_000);
  beforeEach(async () => {
    ledger = new Ledger();
    topic = `orders-${++tests}`;
    app = await startApp({ subscriptions: [orders()], handler: ledger.handler() });
  });
  afterEach(() => app?.stop());
  afterAll(() => server?.stop());

  const orders = (more: Partial<AppSubscription> = {}): AppSubscription => ({ pubsubname: 'pubsub', topic, ...(more.routes === undefined && { route: '/orders' }), ...more });
  /** Groups of tests are their own: the app's id is the group. */
  const start = ({ flags, ...more }: SidecarOptions = {}, metadata: Readonly<Record<string, string>> = {}): Promise<Sidecar> => startSidecar({
    components: [{ name: 'pubsub', type: 'pubsub.kafka', metadata: { brokers: server.brokers, ...FAST, consumerGroup: `group-${topic}`, ...metadata } }, { name: 'memory', type: 'state.in-memory' }],
    flags: flags ?? [`--app-port=${app.port}`],
    ...more,
  });
  /** Everything in the topic is committed. */
  const allCommitted = async (): Promise<void> => {
    const admin = await server.admin();
    await eventually('the group has committed everything', async () => {
      const [ends, committed] = await Promise.all([admin.fetchTopicOffsets(topic), server.committed(`group-${topic}`, topic)]);
      return ends.every(({ partition, high }) => Number(high) === 0 || committed.get(partition) === Number(high));
    }, 20_000);
  };

  it('a block that is killed again and again with 10,000 messages under way loses none, and hurts no other block', async () => {
    const KILLS = 3;
    await server.createTopic(topic, PARTITIONS);
    await using sidecar = await start();
    const bystanders = new Bystanders(sidecar);
    const state = new Load(sidecar, { store: 'memory', clients: 2 });
    const publishing = new PublishLoad(sidecar, ledger, { pubsub: 'pubsub', topic, clients: 32, messages: 10_000 });
    try {
      for (let kill = 1; kill <= KILLS; kill++) {
        await eventually('messages are handled', () => ledger.handled.size >= kill * 2_000, 30_000);
        await sidecar.kill('pubsub');
      }
      await publishing.done;
      await ledger.settled(30_000);
    } finally {
      await publishing.stop();
      await state.stop();
      await bystanders.stop();
    }
    await allCommitted();
    print(`Kafka, block killed ${KILLS} times: ${String(ledger)}; ${state.acknowledged.length} writes of state beside it`);
    expect(ledger.acknowledged.size).toBeGreaterThanOrEqual(10_000);
    expect(ledger.missing()).toEqual([]);
    expect(await sidecar.block('pubsub')).toMatchObject({ life: KILLS + 1, restarts: KILLS, state: 'ready', lastExit: 'signal SIGKILL: killed from outside, perhaps for memory', inFlight: 0 });
    expect(ledger.failures.filter(({ protocol, code, text }) => code !== (protocol === 'HTTP' ? '503' : 'Unavailable') || !text.includes('the pubsub block restarted while this call was in flight'))).toEqual([]);
    expect(ledger.slowestPublishMs, 'no publish hangs').toBeLessThan(BOUND_MS);
    expect([bystanders.surprises, state.failures, state.wrong], 'nobody else notices').toEqual([[], [], []]);
    expect((await sidecar.block('state')).restarts).toBe(0);
  }, 90_000);

  it('sidecars of one group that come, go and die under load lose nothing between them', async () => {
    await server.createTopic(topic, PARTITIONS);
    await using publisher = await start({ flags: [], appId: 'publisher' });
    await using stopped = await start();
    await using killed = await start();
    await using publishing = new PublishLoad(publisher, ledger, { pubsub: 'pubsub', topic, clients: 8 });
    await eventually('messages are handled', () => ledger.handled.size >= 500, 30_000);
    expect(await stopped.stop()).toEqual({ code: 0, signal: null });
    const before = ledger.duplicates;
    const later = ledger.handled.size + 500;
    await eventually('more messages are handled', () => ledger.handled.size >= later, 30_000);
    await using survivor = await start();
    await killed.crash();
    await publishing.acknowledges(500);
    await publishing.stop();
    await ledger.settled(30_000);
    await allCommitted();
    print(`Kafka, one sidecar of the group stopped, one killed, one new: ${String(ledger)}, ${before} of them up to the stop`);
    expect(ledger.failures).toEqual([]);
    expect(await survivor.block('pubsub')).toMatchObject({ restarts: 0 });
  }, 90_000);

  it('a message over which the block hangs is put away, and the rest of its partition is delivered', async () => {
    await server.createTopic(topic, 1);
    const dead = `dead-${topic}`;
    const poison: string[] = [];
    const good = ledger.handler();
    app.handler = (request) => (isPoison(request.text) ? void poison.push(request.path) : good(request));
    app.subscriptions = [orders({ routes: { rules: [{ match: ENDLESS, path: '/endless' }], default: '/orders' }, deadLetterTopic: dead }), orders({ topic: dead, route: '/dead' })];
    await using publisher = await start({ flags: [], appId: 'publisher' });
    const publishGood = async (messages: number): Promise<void> => {
      await using load = new PublishLoad(publisher, ledger, { pubsub: 'pubsub', topic, clients: 4, messages });
      await load.done;
    };
    await publishGood(100);
    expect(await publisher.client.post(`/v1.0/publish/pubsub/${topic}`, POISON, { 'Content-Type': 'application/json' })).toMatchObject({ status: 204 });
    await publishGood(200);
    await using sidecar = await start({ until: 'listening' }, { poisonThreshold: '2' }); // it may be stuck before it is ready
    let kills = 0;
    await eventually('the poison is a dead letter', async () => {
      if (poison.length > 0) return true;
      if (await killIfStuck(sidecar, 'pubsub')) kills++;
      return false;
    }, 40_000);
    await ledger.settled();
    await allCommitted();
    print(`poison on Kafka, poisonThreshold 2: killed ${kills} times, ${String(ledger)}, dead letters at ${poison.join(', ')}`);
    expect(kills).toBe(2);
    expect(poison).toEqual(['/dead']);
    expect(sidecar.logs.matching(/was being worked on when this block died, 2 times: it is put away/)).toHaveLength(1);
  }, 90_000);

  it('a broker that dies under load and stays away costs few lines of log; a sidecar that starts meanwhile waits for it; then all goes on by itself', async () => {
    const AWAY_MS = 20_000;
    await server.createTopic(topic, PARTITIONS);
    await using sidecar = await start();
    const bystanders = new Bystanders(sidecar);
    const publishing = new PublishLoad(sidecar, ledger, { pubsub: 'pubsub', topic, clients: 16 });
    const lateLedger = new Ledger();
    await using lateApp = await startApp({ subscriptions: [orders({ topic: 'late' })], handler: lateLedger.handler() });
    let lines: readonly string[];
    try {
      await publishing.acknowledges(1_000);
      const seen = sidecar.logs.all.length;
      await server.kill();
      const killed = performance.now();
      await eventually('publishes have failed', () => ledger.failures.length > 16, 2 * BOUND_MS);
      await bystanders.stop();
      await using late = await start({ until: 'listening', flags: [`--app-port=${lateApp.port}`] }, { consumerGroup: 'late' });
      await saysWhatIsMissing(late);
      await sleep(Math.max(0, killed + AWAY_MS - performance.now())); // the time itself is what is tested
      lines = sidecar.logs.all.slice(seen);
      await server.restart();
      await publishing.acknowledges(1_000);

      await eventually('health says ready', async () => (await late.client.get('/v1.0/healthz')).status === 204, 30_000);
      await using latePublishing = new PublishLoad(late, lateLedger, { pubsub: 'pubsub', topic: 'late', clients: 4, messages: 100 });
      await latePublishing.done;
      await lateLedger.settled();
      print(`Kafka, not there at the start: ${String(lateLedger)}`);
      expect(lateLedger.duplicates).toBe(0);
      expect((await late.block('pubsub')).restarts, 'without a new block').toBe(0);
    } finally {
      await publishing.stop();
      await bystanders.stop();
    }
    await ledger.settled(30_000);
    await allCommitted();
    const perMinute = lines.length * (MINUTE_MS / AWAY_MS);
    print(`Kafka, away for ${AWAY_MS / 1000} s under load: ${lines.length} lines of log, ${perMinute} a minute; ${String(ledger)}`);
    expect(lines.length).toBeGreaterThan(0);
    expect(perMinute, lines.join('\n')).toBeLessThan(100);
    expect(ledger.missing()).toEqual([]);
    expect(ledger.failures.length, 'they were tried all the time').toBeGreaterThan(100);
    expect(ledger.failures.filter(({ protocol, code }) => code !== (protocol === 'HTTP' ? '500' : 'Internal')).slice(0, 3)).toEqual([]);
    expect(ledger.failures.filter(({ text }) => !text.includes(`error when publishing to topic ${topic} in pubsub pubsub`)).slice(0, 3)).toEqual([]);
    expect(ledger.slowestPublishMs, 'publishes fail soon').toBeLessThan(BOUND_MS);
    expect(bystanders.surprises, 'nobody else notices').toEqual([]);
    expect(await sidecar.block('pubsub')).toMatchObject({ restarts: 0, inFlight: 0 });
  }, 120_000);

  /** Of a sidecar that started without its broker: health names the component, all else serves. */
  const saysWhatIsMissing = async (sidecar: Sidecar): Promise<void> => {
    await sidecar.logs.waitFor(/dapr initialized/, 30_000);
    const { status, body } = await sidecar.client.get('/v1.0/healthz');
    const { errorCode, message } = JSON.parse(body) as { errorCode: string; message: string };
    expect([status, errorCode]).toEqual([500, 'ERR_HEALTH_NOT_READY']);
    expect(message, 'says where and why').toMatch(new RegExp(`component pubsub \\(pubsub\\.kafka/v1\\).*ECONNREFUSED ${server.brokers}`));
    expect(await sidecar.client.post('/v1.0/state/memory', '[{"key":"k","value":1}]')).toMatchObject({ status: 204 });
    const refused = await sidecar.client.post('/v1.0/publish/pubsub/late', '{"number":0}', { 'Content-Type': 'application/json' });
    expect([refused.status, JSON.parse(refused.body)]).toEqual([503, expect.objectContaining({ errorCode: 'ERR_COMPONENT_NOT_READY', message: expect.stringContaining(server.brokers) as string })]);
  };
});
