// A real Kafka broker for tests: one node that is its own controller, on free ports with a folder of its own. Clients meet
// it on a listener as the test wants it (plain, TLS, with passwords); preparations go by a second one that is always plain.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { eventually } from '../harness/awaiting.ts';
import { KAFKA_JARS } from './kafka-install.ts';
import { freePort, startServer, type ServerProcess } from './process.ts';
import type { Certificates } from './redis.ts';

const run = promisify(execFile);
const HOST = '127.0.0.1';
const READY = /Kafka Server started/;
const START_MS = 60_000;
/** Short lives: little memory, no second compiler, no threads for the garbage. */
const JAVA = ['-Xms64m', '-Xmx256m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto', '-Djava.net.preferIPv4Stack=true'];
const LOGGING = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info'];

export interface KafkaOptions {
  /** Partitions of a topic that is made on first use. 1 if left out. */
  readonly partitions?: number;
  /** False: a topic has to be created before it is used. */
  readonly autoCreate?: boolean;
  /** One user, for PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512; OAUTHBEARER takes any unsigned token. */
  readonly sasl?: { readonly username: string; readonly password: string };
  readonly tls?: Certificates & { readonly clientCertificates: 'required' | 'no' };
  /** More lines for server.properties. */
  readonly extra?: readonly string[];
}

export interface KafkaServer {
  /** `host:port` of the listener as the options ask for. */
  readonly brokers: string;
  readonly port: number;
  /** Of the process that runs now. */
  readonly pid: number;
  /** A client on the plain listener, for preparations and for looking at what is there. */
  readonly raw: Kafka;
  /** Of `raw`; connected on first use. */
  admin(): Promise<Admin>;
  createTopic(topic: string, partitions?: number, config?: Readonly<Record<string, string>>): Promise<void>;
  /** What the group has committed, by partition; -1 for nothing. */
  committed(group: string, topic: string): Promise<Map<number, number>>;
  /** Ends it; its folder goes too. May be called twice. */
  stop(): Promise<void>;
  /** Ends it as a crash would; `restart` brings it back with its data. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Makes it deaf, or lets it go on: connections stay. */
  pause(): void;
  resume(): void;
}

export async function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-kafka-'));
  const properties = join(folder, 'server.properties');
  const start = (): Promise<ServerProcess> => startServer('java', [...JAVA, ...LOGGING, '-cp', join(KAFKA_JARS, '*'), 'kafka.Kafka', properties], READY, START_MS);
  let server: ServerProcess | undefined;
  let port = 0;
  let inner = 0;
  for (let left = 4; server === undefined; left--) {
    const [client, plain, controller] = await Promise.all([freePort(), freePort(), freePort()]);
    writeFileSync(properties, configuration(folder, client, plain, controller, options));
    try {
      await format(properties, options);
      server = await start();
    } catch (cause) {
      if (left > 0 && /in use/i.test((cause as Error).message)) continue; // a free port may be taken before the broker binds it
      rmSync(folder, { recursive: true, force: true });
      throw cause;
    }
    port = client;
    inner = plain;
  }
  let running = server;
  const raw = new Kafka({ clientId: 'test', brokers: [`${HOST}:${inner}`], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 20 } });
  let connected: Promise<Admin> | undefined;
  const admin = () => (connected ??= (async () => {
    const client = raw.admin();
    await client.connect();
    return client;
  })());
  let stopped = false;
  return {
    brokers: `${HOST}:${port}`,
    port,
    get pid() { return running.pid; },
    raw,
    admin,
    createTopic: async (topic, partitions = 1, config = {}) => {
      const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
      const client = await admin();
      await client.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }] });
      // kafkajs can wait for leaders, and takes a broker that has not heard of the topic yet for a failure.
      await eventually(`topic ${topic} has leaders`, async () => {
        const found = await client.fetchTopicMetadata({ topics: [topic] }).then(({ topics: [one] }) => one?.partitions, () => undefined);
        return found?.length === partitions && found.every(({ leader }) => leader >= 0);
      });
    },
    committed: async (group, topic) => {
      const [found] = await (await admin()).fetchOffsets({ groupId: group, topics: [topic] });
      return new Map((found?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset)]));
    },
    stop: async () => {
      if (stopped) return;
      stopped = true;
      running.signal('SIGCONT');
      if (connected !== undefined) await (await connected).disconnect();
      await running.kill(); // in order it takes seconds, and its folder goes anyway
      rmSync(folder, { recursive: true, force: true });
    },
    kill: () => running.kill(),
    restart: async () => {
      await running.kill();
      running = await start();
    },
    pause: () => running.pause(),
    resume: () => running.signal('SIGCONT'),
  };
}

/** Writes what a broker needs to find in its folder. Users of SCRAM are part of it. */
async function format(properties: string, { sasl }: KafkaOptions): Promise<void> {
  const users = sasl === undefined ? [] : ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => ['--add-scram', `${mechanism}=[name=${sasl.username},password=${sasl.password}]`]);
  const id = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  await run('java', [...JAVA, ...LOGGING, '-cp', join(KAFKA_JARS, '*'), 'kafka.tools.StorageTool', 'format', '--ignore-formatted', '-t', id, '-c', properties, ...users], { timeout: START_MS });
}

function configuration(folder: string, client: number, plain: number, controller: number, { partitions = 1, autoCreate = true, sasl, tls, extra = [] }: KafkaOptions): string {
  const protocol = `${sasl === undefined ? '' : 'SASL_'}${tls === undefined ? 'PLAINTEXT' : 'SSL'}`;
  const listeners = `CLIENT://${HOST}:${client},PLAIN://${HOST}:${plain}`;
  const lines = [
    'process.roles=broker,controller', 'node.id=1', `controller.quorum.voters=1@${HOST}:${controller}`, 'controller.listener.names=CONTROLLER',
    `listeners=${listeners},CONTROLLER://${HOST}:${controller}`, `advertised.listeners=${listeners}`, 'inter.broker.listener.name=PLAIN',
    `listener.security.protocol.map=CLIENT:${protocol},PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    `log.dirs=${join(folder, 'data')}`,
    'offsets.topic.replication.factor=1', 'offsets.topic.num.partitions=1', 'transaction.state.log.replication.factor=1', 'transaction.state.log.min.isr=1',
    'broker.session.timeout.ms=1500', 'broker.heartbeat.interval.ms=300', 'initial.broker.registration.timeout.ms=30000',
    'group.initial.rebalance.delay.ms=0', 'group.min.session.timeout.ms=500', 'controlled.shutdown.enable=false',
    `num.partitions=${partitions}`, `auto.create.topics.enable=${autoCreate}`,
    ...extra,
  ];
  if (tls !== undefined) {
    const keys = join(folder, 'server.pem');
    writeFileSync(keys, `${tls.key}${tls.certificate}`);
    lines.push(
      'listener.name.client.ssl.keystore.type=PEM', `listener.name.client.ssl.keystore.location=${keys}`,
      'listener.name.client.ssl.truststore.type=PEM', `listener.name.client.ssl.truststore.location=${join(tls.folder, 'ca.crt')}`,
      `listener.name.client.ssl.client.auth=${tls.clientCertificates === 'required' ? 'required' : 'none'}`,
    );
  }
  if (sasl !== undefined) {
    const login = (mechanism: string, module: string, options = '') => `listener.name.client.${mechanism}.sasl.jaas.config=org.apache.kafka.common.security.${module} required${options};`;
    lines.push(
      'listener.name.client.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
      login('plain', 'plain.PlainLoginModule', ` user_${sasl.username}="${sasl.password}"`),
      login('scram-sha-256', 'scram.ScramLoginModule'), login('scram-sha-512', 'scram.ScramLoginModule'),
      login('oauthbearer', 'oauthbearer.OAuthBearerLoginModule', ' unsecuredLoginStringClaim_sub="test"'),
    );
  }
  return `${lines.join('\n')}\n`;
}
