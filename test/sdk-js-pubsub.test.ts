// The official SDK for JavaScript, unmodified, as publisher and as subscribing application: both protocols, both
// isolations, on memory, Redis and Kafka.
import { CommunicationProtocolEnum, DaprPubSubStatusEnum, DaprServer, type DaprClient, type LoggerService } from '@dapr/dapr';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from './harness/awaiting.ts';
import { LISTENERS, startSidecar, type ComponentManifest, type Sidecar } from './harness/sidecar.ts';
import { startKafka, type KafkaServer } from './servers/kafka.ts';
import { freePort } from './servers/process.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';

const redis = inject('redis');
const kafka = inject('kafka');
if (!redis.available) process.stderr.write(`SKIPPED: the JavaScript SDK publishing on Redis: ${redis.reason}\n`);
if (!kafka.available) process.stderr.write(`SKIPPED: the JavaScript SDK publishing on Kafka: ${kafka.reason}\n`);
const BROKERS = ['memory', ...(redis.available ? ['redis'] : []), ...(kafka.available ? ['kafka'] : [])];

const silent = (): void => {};
const SILENT: LoggerService = { error: silent, warn: silent, info: silent, verbose: silent, debug: silent };
const PROTOCOLS = { HTTP: CommunicationProtocolEnum.HTTP, gRPC: CommunicationProtocolEnum.GRPC } as const;

let redisServer: RedisServer | undefined;
let kafkaServer: KafkaServer | undefined;
beforeAll(async () => {
  [redisServer, kafkaServer] = await Promise.all([redis.available ? startRedis() : undefined, kafka.available ? startKafka() : undefined]);
}, 90_000);
afterAll(async () => {
  await redisServer?.stop();
  await kafkaServer?.stop();
});

function components(): ComponentManifest[] {
  return [
    { name: 'memory', type: 'pubsub.in-memory' },
    ...(redisServer === undefined ? [] : [{ name: 'redis', type: 'pubsub.redis', metadata: { redisHost: redisServer.address } }]),
    ...(kafkaServer === undefined ? [] : [{ name: 'kafka', type: 'pubsub.kafka', metadata: { brokers: kafkaServer.brokers, authType: 'none', initialOffset: 'oldest' } }]),
  ];
}

const [LISTENER, REFERENCE] = LISTENERS;

// Each listener has one of the two rows of gRPC: the brokers make a third one dear.
describe.each([
  { isolation: 'monolith', protocol: 'HTTP' }, { isolation: 'monolith', protocol: 'gRPC', listener: REFERENCE }, { isolation: 'thread', protocol: 'HTTP' }, { isolation: 'process', protocol: 'HTTP' }, { isolation: 'process', protocol: 'gRPC', listener: LISTENER },
] as const)('an application with the JavaScript SDK over $protocol in $isolation isolation', ({ isolation, protocol, ...stage }) => {
  /** Topics of this application's own: the brokers are shared, and so are their consumer groups by app id. */
  const appId = `sdk-${isolation}-${protocol.toLowerCase()}`;
  const seen = new Map<string, unknown[]>();
  let sidecar: Sidecar;
  let server: DaprServer;
  let client: DaprClient;

  const note = (place: string, data: unknown): number => {
    const list = seen.get(place) ?? [];
    seen.set(place, list);
    return list.push(data);
  };
  const arrived = (place: string, count: number): Promise<unknown[]> =>
    eventually(`${count} messages at ${place}`, () => ((seen.get(place)?.length ?? 0) >= count ? seen.get(place) : undefined), 30_000) as Promise<unknown[]>;

  async function subscribe(broker: string): Promise<void> {
    await server.pubsub.subscribe(broker, `${appId}-plain`, async (data: unknown) => void note(`${broker}-plain`, data));
    await server.pubsub.subscribe(broker, `${appId}-raw`, async (data: unknown) => void note(`${broker}-raw`, data), undefined, { rawPayload: true });
    await server.pubsub.subscribe(broker, `${appId}-again`, async (data: unknown) => (note(`${broker}-again`, data) < 3 ? DaprPubSubStatusEnum.RETRY : DaprPubSubStatusEnum.SUCCESS));
    await server.pubsub.subscribeWithOptions(broker, `${appId}-dropped`, {
      callback: async (data: unknown) => {
        note(`${broker}-dropped`, data);
        return DaprPubSubStatusEnum.DROP;
      },
      deadLetterTopic: `${appId}-dead`,
    });
    await server.pubsub.subscribe(broker, `${appId}-dead`, async (data: unknown) => void note(`${broker}-dead`, data));
    await server.pubsub.subscribeWithOptions(broker, `${appId}-routed`, {
      route: { default: '/default', rules: [{ match: 'event.type == "large" && event.data.size > 5', path: '/large' }] },
    });
    server.pubsub.subscribeToRoute(broker, `${appId}-routed`, '/default', async (data: unknown) => void note(`${broker}-routed-default`, data));
    server.pubsub.subscribeToRoute(broker, `${appId}-routed`, '/large', async (data: unknown) => void note(`${broker}-routed-large`, data));
    await server.pubsub.subscribeBulk(broker, `${appId}-bulk`, async (data: unknown) => void note(`${broker}-bulk`, data), { maxMessagesCount: 10, maxAwaitDurationMs: 200 });
  }

  beforeAll(async () => {
    const [appPort, httpPort, grpcPort] = [await freePort(), await freePort(), await freePort()];
    server = new DaprServer({
      serverHost: '127.0.0.1', serverPort: String(appPort), communicationProtocol: PROTOCOLS[protocol], logger: { service: SILENT },
      clientOptions: { daprHost: '127.0.0.1', daprPort: String(protocol === 'HTTP' ? httpPort : grpcPort), communicationProtocol: PROTOCOLS[protocol], logger: { service: SILENT } },
    });
    for (const broker of BROKERS) await subscribe(broker);
    const sidecarStart = startSidecar({
      ...stage, isolation, appId, components: components(),
      flags: [`--dapr-http-port=${httpPort}`, `--dapr-grpc-port=${grpcPort}`, `--app-port=${appPort}`, `--app-protocol=${protocol.toLowerCase()}`],
    });
    await server.start(); // listens, then waits until the sidecar is healthy
    sidecar = await sidecarStart;
    client = server.client;
  }, 90_000);
  afterAll(async () => {
    await sidecar?.stop();
    await server?.stop();
  }, 60_000);

  it('is listed with all its subscriptions', async () => {
    const listed = ((await sidecar.metadata())['subscriptions'] as { pubsubname: string; topic: string; type: string }[]).filter(({ type }) => type === 'PROGRAMMATIC');
    expect(new Set(listed.map(({ pubsubname }) => pubsubname))).toEqual(new Set(BROKERS));
    expect(listed.filter(({ pubsubname }) => pubsubname === 'memory').map(({ topic }) => topic)).toEqual(expect.arrayContaining(['plain', 'raw', 'again', 'dropped', 'routed', 'bulk'].map((name) => `${appId}-${name}`)));
  });

  describe.each(BROKERS)('on %s', (broker) => {
    const publish = async (topic: string, data: object | string, options?: Parameters<DaprClient['pubsub']['publish']>[3]): Promise<void> => {
      expect((await client.pubsub.publish(broker, `${appId}-${topic}`, data, options)).error).toBeUndefined();
    };

    it('receives what it publishes, of every kind', async () => {
      const sent = [{ order: 17, lines: [{ sku: 'ключ' }] }, 'a text', { nested: { deep: [null, true, 1.5] } }];
      for (const data of sent) await publish('plain', data);
      await publish('plain', { specversion: '1.0', id: 'own', source: 'somewhere', type: 'own.type', datacontenttype: 'application/json', data: { own: 'envelope' } });
      const got = await arrived(`${broker}-plain`, 4);
      expect(got).toHaveLength(4);
      expect(got).toEqual(expect.arrayContaining([...sent, { own: 'envelope' }]));
    });

    it('receives raw payloads', async () => {
      await publish('raw', { raw: 'payload' }, { metadata: { rawPayload: 'true' } });
      const [got] = await arrived(`${broker}-raw`, 1);
      expect(got instanceof Uint8Array ? JSON.parse(Buffer.from(got).toString()) : got).toEqual({ raw: 'payload' }); // over gRPC the SDK parses no binary data
    });

    it('gets a message again until it takes it', async () => {
      await publish('again', { try: 1 });
      expect(await arrived(`${broker}-again`, 3)).toEqual([{ try: 1 }, { try: 1 }, { try: 1 }]);
    });

    it('finds what it dropped on the dead letter topic', async () => {
      await publish('dropped', { bad: true });
      expect(await arrived(`${broker}-dead`, 1)).toEqual([{ bad: true }]);
      expect(seen.get(`${broker}-dropped`)).toEqual([{ bad: true }]);
    });

    it('is routed to by rules', async () => {
      const typed = { metadata: { 'cloudevent.type': 'large' } };
      await publish('routed', { size: 9 }, typed);
      await publish('routed', { size: 2 }, typed);
      expect(await arrived(`${broker}-routed-large`, 1)).toEqual([{ size: 9 }]);
      expect(await arrived(`${broker}-routed-default`, 1)).toEqual([{ size: 2 }]);
    });

    it('publishes and receives in bulk', async () => {
      const messages = Array.from({ length: 25 }, (_, n) => ({ n }));
      const { failedMessages } = await client.pubsub.publishBulk(broker, `${appId}-bulk`, messages);
      expect(failedMessages).toEqual([]);
      const got = await arrived(`${broker}-bulk`, messages.length);
      expect((got as { n: number }[]).map(({ n }) => n).sort((a, b) => a - b)).toEqual(messages.map(({ n }) => n));
    });
  });

  it('is told about an unknown pubsub', async () => {
    // Over HTTP the SDK returns the error, over gRPC it throws the same record.
    const { error } = await client.pubsub.publish('nowhere', 'topic', 'data').catch((thrown: unknown) => thrown as { error?: Error });
    expect(error?.message).toContain('pubsub nowhere is not found');
  });

  it('leaves in order', async () => {
    expect(await sidecar.stop()).toEqual({ code: 0, signal: null });
  }, 30_000);
});
