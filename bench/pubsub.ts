// How many messages are published and delivered, at what latency and what cost, beside the brokers' clients used directly?
//
//   npm run bench:pubsub [-- --quick] [--rounds 5] [--ms 750] [--bytes 200] [--built] [--no-redis] [--no-kafka] [--against another-checkout]
import { payloadOf, untilDelivered } from './deliveries.ts';
import { startGenerator } from './load/generator.ts';
import type { SidecarDeliverySpec } from './load/delivery.ts';
import type { GrpcSpec } from './load/grpc.ts';
import type { HttpSpec } from './load/http.ts';
import type { KafkaDeliverySpec } from './load/kafka-delivery.ts';
import type { KafkaPublishSpec } from './load/kafka-publish.ts';
import type { PostSpec } from './load/post.ts';
import type { RedisDeliverySpec } from './load/redis-delivery.ts';
import type { RedisPublishSpec } from './load/redis-publish.ts';
import { describe, notesOf, readOptions } from './options.ts';
import { isComparable, ISOLATIONS, Place, type Server, type SidecarOptions } from './place.ts';
import { DIRECT_TOPIC, eventOf, KAFKA_PARTITIONS, kafkaBroker, PUBLISHED_BULK, PUBSUB, publishRequest, pubsubResources, redisBroker, topicsOf } from './pubsub-calls.ts';
import { BULK_PUBLISH, bulkMessage, PUBLISH, publishMessage } from './pubsub-grpc-calls.ts';
import { counting, lane, measure, named, type Lane } from './rounds.ts';
import { startKafka } from '../test/servers/kafka.ts';
import { installKafka } from '../test/servers/kafka-install.ts';
import { freePort } from '../test/servers/process.ts';
import { startRedis } from '../test/servers/redis.ts';
import { printTable, writeResult, type Row } from './table.ts';

const options = readOptions({ rounds: 5, windowMs: 750, warmMs: 150, compileMs: 1_250 });
const { bytes } = options;
/** Publishes at a time. */
const IN_FLIGHT = 64;
const BULKS_AT_A_TIME = 4;
/** Messages under way where throughput is measured. */
const OUTSTANDING = 1_000;

const place = new Place();
const generators = {
  http: startGenerator<HttpSpec>('http'),
  grpc: startGenerator<GrpcSpec>('grpc'),
  post: startGenerator<PostSpec>('post'),
  delivery: startGenerator<SidecarDeliverySpec>('delivery'),
  redisPublish: startGenerator<RedisPublishSpec>('redis-publish'),
  redisDelivery: startGenerator<RedisDeliverySpec>('redis-delivery'),
  kafkaPublish: startGenerator<KafkaPublishSpec>('kafka-publish'),
  kafkaDelivery: startGenerator<KafkaDeliverySpec>('kafka-delivery'),
};

/** An application, or whoever else gets messages. */
interface Receiver {
  readonly server: Server;
  readonly reportPort: number;
}

interface Driver {
  readonly name: 'memory' | 'Redis' | 'Kafka';
  readonly type: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** The broker's process, if it has one. */
  readonly others: Readonly<Record<string, number>>;
  /** The broker's client without a sidecar, by table. */
  readonly direct: { readonly publish: readonly Lane[]; readonly bulk: readonly Lane[]; readonly deliver: readonly Lane[]; readonly oneByOne: readonly Lane[] };
  /** Makes a topic. */
  readonly prepare: (topic: string) => Promise<unknown>;
  /** Empties a topic, where what was delivered would stay. */
  readonly empty: (topic: string) => Promise<unknown>;
}

/** A sidecar, its application and its topics. */
interface Subject {
  readonly server: Server;
  readonly receiver: Receiver;
  readonly topics: ReturnType<typeof topicsOf>;
}

async function startReceiver(name: string, file: string, ...args: readonly number[]): Promise<Receiver> {
  const reportPort = await freePort();
  return { server: await place.reference(name, file, reportPort, ...args), reportPort };
}

async function startSubjects({ name, type, metadata, prepare }: Driver, receiver: Receiver, protocol: 'http' | 'grpc'): Promise<Subject[]> {
  const subjects: Subject[] = [];
  const start = async (title: string, choice: SidecarOptions): Promise<void> => {
    const topics = topicsOf(title);
    for (const topic of Object.values(topics)) await prepare(topic);
    const server = await place.sidecar(title, { ...choice, resources: pubsubResources(title, type, metadata), app: { port: receiver.server.port, protocol } });
    for (const topic of protocol === 'http' ? [topics.single, topics.bulk] : [topics.single]) await untilDelivered(receiver.reportPort, () => publishOnce(server, topic));
    subjects.push({ server, receiver, topics });
  };
  for (const isolation of ISOLATIONS) {
    const title = `${isolation}, ${name}${protocol === 'grpc' ? ', gRPC app' : ''}`;
    await start(title, { form: options.form, isolation });
    if (options.against !== undefined && isComparable(isolation)) await start(`${title} (other)`, { form: 'checkout', checkout: options.against, isolation });
  }
  return subjects;
}

async function publishOnce({ port, name }: Server, topic: string): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1.0/publish/${PUBSUB}/${topic}`, { method: 'POST', headers: { 'content-type': 'application/json', connection: 'close' }, body: payloadOf(bytes) });
  if (answer.status !== 204) throw new Error(`${name} answered a publish with ${answer.status} ${await answer.text()}`);
}

/** Something is done after each window. */
const followedBy = (one: Lane, then: () => Promise<unknown>): Lane => ({
  ...one,
  run: async (times, watch) => {
    const report = await one.run(times, watch);
    await then();
    return report;
  },
});

const grpcLane = ({ name, grpcPort, pids }: Server, streams: number, path: string, message: string): Lane =>
  lane(name, generators.grpc, pids, { port: grpcPort, connections: 1, streams, path, messages: [message], answerBytes: 5 });

const publishLanes = ({ server, topics: { published } }: Subject): Lane[] => [
  named(lane(server.name, generators.http, server.pids, { port: server.port, connections: IN_FLIGHT, streams: 1, requests: [publishRequest(server.port, published, bytes)], status: 204 }), `${server.name}, HTTP`),
  named(grpcLane(server, IN_FLIGHT, PUBLISH, publishMessage(published, bytes)), `${server.name}, gRPC`),
];

const bulkLane = ({ server, topics: { published } }: Subject): Lane => counting(grpcLane(server, BULKS_AT_A_TIME, BULK_PUBLISH, bulkMessage(published, bytes)), PUBLISHED_BULK);

const deliveryLane = ({ server, receiver: { reportPort } }: Subject, topic: string): Lane =>
  lane(server.name, generators.delivery, server.pids, {
    port: server.grpcPort, connections: 1, streams: BULKS_AT_A_TIME, path: BULK_PUBLISH, message: bulkMessage(topic, bytes), reportPort, outstanding: OUTSTANDING,
  });

const oneByOneLane = ({ server, receiver: { reportPort }, topics: { single } }: Subject): Lane =>
  lane(server.name, generators.delivery, server.pids, { port: server.grpcPort, connections: 1, streams: 1, path: PUBLISH, message: publishMessage(single, bytes), reportPort, outstanding: 1 });

/** All questions about one broker. */
async function measureDriver(driver: Driver, app: Receiver, grpcApp: Receiver | undefined): Promise<Row[]> {
  const { name, direct, others, empty } = driver;
  const subjects = await startSubjects(driver, app, 'http');
  const overGrpc = grpcApp === undefined ? [] : await startSubjects(driver, grpcApp, 'grpc');
  const withApps = { ...others, app: [app, grpcApp].flatMap((one) => (one === undefined ? [] : [one.server.pid])) };
  const emptied = (subject: Subject, topic: keyof Subject['topics'], one: Lane): Lane => followedBy(one, () => empty(subject.topics[topic]));
  const single = (subject: Subject): Lane => emptied(subject, 'single', deliveryLane(subject, subject.topics.single));
  const inBulk = (subject: Subject): Lane => emptied(subject, 'bulk', named(deliveryLane(subject, subject.topics.bulk), `${subject.server.name}, bulk`));

  const rows = [
    ...await measure(`publish to ${name}, ${IN_FLIGHT} in flight`, [...direct.publish, ...subjects.flatMap((subject) => publishLanes(subject).map((one) => emptied(subject, 'published', one)))], options, others),
    ...await measure(`publish to ${name}, bulks of ${PUBLISHED_BULK}`, [...direct.bulk, ...subjects.map((subject) => emptied(subject, 'published', bulkLane(subject)))], options, others),
    ...await measure(`deliver from ${name}`, [...direct.deliver, ...[...subjects, ...overGrpc].map(single), ...subjects.map(inBulk)], options, withApps),
    ...await measure(`deliver from ${name}, one by one`, [...direct.oneByOne, ...subjects.map((subject) => emptied(subject, 'single', oneByOneLane(subject)))], options, withApps),
  ];
  for (const { server } of [...subjects, ...overGrpc]) await server.stop();
  return rows;
}

async function memory(app: Receiver): Promise<Row[]> {
  const grpcApp = await startReceiver('gRPC app', 'grpc-app.ts');
  const headers = ['content-type', 'application/cloudevents+json', 'pubsubName', PUBSUB, 'traceparent', '00-00000000000000000000000000000000-0000000000000000-00'];
  const post = (connections: number): Lane =>
    lane(`undici, ${connections} at a time`, generators.post, undefined, { port: app.server.port, connections, streams: 1, path: '/single', headers, body: eventOf(DIRECT_TOPIC, bytes) });
  const done = async (): Promise<void> => {};
  const rows = await measureDriver({
    name: 'memory', type: 'pubsub.in-memory', metadata: {}, others: {}, prepare: done, empty: done,
    direct: { publish: [], bulk: [], deliver: [post(IN_FLIGHT)], oneByOne: [post(1)] },
  }, app, grpcApp);
  await grpcApp.server.stop();
  return rows;
}

async function redis(app: Receiver): Promise<Row[]> {
  const server = await startRedis();
  try {
    const { port, raw } = server;
    const empty = (topic: string): Promise<unknown> => raw.xtrim(topic, 'MAXLEN', 0);
    const published = `${DIRECT_TOPIC}-published`;
    const consumer = await startReceiver('ioredis consumer', 'redis-consumer.ts', port);
    const deliver = (messagesPerCall: number, streams: number, outstanding: number): Lane =>
      followedBy(lane('ioredis', generators.redisDelivery, consumer.server.pids, {
        port, connections: 1, streams, topic: DIRECT_TOPIC, event: eventOf(DIRECT_TOPIC, bytes), messagesPerCall, outstanding, reportPort: consumer.reportPort,
      }), () => empty(DIRECT_TOPIC));
    const publish = (name: string, pipelining: boolean): Lane =>
      lane(name, generators.redisPublish, undefined, { port, connections: 1, streams: IN_FLIGHT, topic: published, payload: payloadOf(bytes), pipelining });
    const bare = await place.reference('node:http + ioredis', 'http-redis.ts', port);
    const throughBare = lane(bare.name, generators.http, bare.pids, { port: bare.port, connections: IN_FLIGHT, streams: 1, requests: [publishRequest(bare.port, published, bytes)], status: 204 });
    const rows = await measureDriver({
      name: 'Redis', type: 'pubsub.redis', metadata: redisBroker(server.address), prepare: async () => {}, empty,
      others: { redis: Number(/process_id:(\d+)/.exec(await raw.info('server'))?.[1]) },
      direct: {
        publish: [publish('ioredis, automatic pipelines', true), publish('ioredis', false), throughBare].map((one) => followedBy(one, () => empty(published))),
        bulk: [], deliver: [deliver(PUBLISHED_BULK, BULKS_AT_A_TIME, OUTSTANDING)], oneByOne: [deliver(1, 1, 1)],
      },
    }, app, undefined);
    await consumer.server.stop();
    await bare.stop();
    return rows;
  } finally {
    await server.stop();
  }
}

async function kafka(app: Receiver): Promise<Row[]> {
  const server = await startKafka({ partitions: KAFKA_PARTITIONS });
  try {
    const { port } = server;
    const published = `${DIRECT_TOPIC}-published`;
    for (const topic of [DIRECT_TOPIC, published]) await server.createTopic(topic, KAFKA_PARTITIONS);
    const consumer = await startReceiver('kafkajs consumer', 'kafka-consumer.ts', port);
    const publish = (name: string, streams: number, messagesPerSend: number): Lane =>
      lane(name, generators.kafkaPublish, undefined, { port, connections: 1, streams, topic: published, payload: payloadOf(bytes), messagesPerSend });
    const deliver = (messagesPerCall: number, streams: number, outstanding: number): Lane =>
      lane('kafkajs', generators.kafkaDelivery, consumer.server.pids, {
        port, connections: 1, streams, topic: DIRECT_TOPIC, event: eventOf(DIRECT_TOPIC, bytes), messagesPerCall, outstanding, reportPort: consumer.reportPort,
      });
    const rows = await measureDriver({
      name: 'Kafka', type: 'pubsub.kafka', metadata: kafkaBroker(server.brokers), others: { kafka: server.pid },
      prepare: (topic) => server.createTopic(topic, KAFKA_PARTITIONS), empty: async () => {},
      direct: {
        publish: [publish('kafkajs', IN_FLIGHT, 1), publish(`kafkajs, ${IN_FLIGHT} a send`, 1, IN_FLIGHT)],
        bulk: [publish('kafkajs', BULKS_AT_A_TIME, PUBLISHED_BULK)], deliver: [deliver(PUBLISHED_BULK, BULKS_AT_A_TIME, OUTSTANDING)], oneByOne: [deliver(1, 1, 1)],
      },
    }, app, undefined);
    await consumer.server.stop();
    return rows;
  } finally {
    await server.stop();
  }
}

const rows: Row[] = [];
try {
  const app = await startReceiver('app', 'app.ts');
  rows.push(...await memory(app));
  if (options.redis) rows.push(...await redis(app));
  const withKafka = options.kafka ? await installKafka() : undefined;
  if (withKafka?.available === false) process.stderr.write(`${withKafka.reason}\n`);
  if (withKafka?.available === true) rows.push(...await kafka(app));
} finally {
  for (const generator of Object.values(generators)) generator.stop();
  await place.close();
}
printTable(
  `Messages published, and messages delivered: from the publisher's clock to the application's. ${describe(options)}\n` +
  "calls/s: messages per second. CPU us: of a sidecar's row, kernel and block for publishing in bulk and delivering; of a client's row, the client. app us, redis us, kafka us: of these processes.", rows);
if (!options.quick) writeResult('pubsub', rows, notesOf(options));
