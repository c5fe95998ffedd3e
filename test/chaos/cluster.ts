// What a campaign runs on: real servers as far as there are any, one sidecar with a fault component in each block, and an
// application that books what it is told.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApp, type App } from '../harness/app.ts';
import { startSidecar, type ComponentManifest, type Sidecar } from '../harness/sidecar.ts';
import { numberOf } from '../harness/pubsub-ledger.ts';
import { startEtcd } from '../servers/etcd.ts';
import { startKafka } from '../servers/kafka.ts';
import { startRedis } from '../servers/redis.ts';
import { clockMs } from './clock.ts';
import { Control } from './control.ts';
import { TOPIC, type Backends } from './lanes.ts';
import { CONFIG_KEY, CONFIG_VALUE } from './load-calls.ts';

export interface ClusterOptions {
  readonly backends: Backends;
  readonly flags?: readonly string[];
  readonly isolation?: 'process' | 'thread';
  /** False: without fault components, and without what makes them possible: it takes its time at each start. Default: true. */
  readonly breakable?: boolean;
}

/** When a message came, each time. */
export type Deliveries = ReadonlyMap<number, readonly number[]>;

export interface Cluster extends AsyncDisposable {
  readonly sidecar: Sidecar;
  readonly control: Control;
  readonly app: App;
  /** By broker. */
  readonly deliveries: ReadonlyMap<string, Deliveries>;
  readonly components: readonly ComponentManifest[];
}

/** Names of the fault components. */
export const FAULTY = { state: 'faulty-state', pubsub: 'faulty-pubsub', config: 'faulty-config', lock: 'faulty-lock', sequencer: 'faulty-ids' } as const;

const FAULT_COMPONENTS: readonly ComponentManifest[] = [
  { name: FAULTY.state, type: 'state.fault' },
  { name: FAULTY.pubsub, type: 'pubsub.fault' },
  { name: FAULTY.config, type: 'configuration.fault', metadata: { items: JSON.stringify({ [CONFIG_KEY]: CONFIG_VALUE }) } },
  { name: FAULTY.lock, type: 'lock.fault' },
  { name: FAULTY.sequencer, type: 'sequencer.fault' },
];

export async function startCluster({ backends, flags = [], isolation = 'process', breakable = true }: ClusterOptions): Promise<Cluster> {
  const undo: (() => unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.reverse()) await step();
  };
  try {
    const folder = mkdtempSync(join(tmpdir(), 'bulkhead-chaos-data-'));
    undo.push(() => rmSync(folder, { recursive: true, force: true }));
    const control = new Control();
    undo.push(() => control[Symbol.dispose]());
    const [redis, etcd, kafka] = await Promise.all([backends.redis ? startRedis() : undefined, backends.etcd ? startEtcd() : undefined, backends.kafka ? startKafka() : undefined]);
    for (const server of [redis, etcd, kafka]) if (server !== undefined) undo.push(() => server.stop());
    await redis?.raw.set(CONFIG_KEY, `${CONFIG_VALUE}||1`);
    await redis?.raw.config('SET', 'notify-keyspace-events', 'KEA');
    await kafka?.createTopic(TOPIC, 4);
    const components = [...(breakable ? FAULT_COMPONENTS : []), ...componentsOn(folder, redis?.address, etcd?.address, kafka?.brokers)];
    const brokers = components.map(({ name }) => name).filter((name) => name.startsWith('pubsub-'));
    const deliveries = new Map(brokers.map((broker) => [broker, new Map<number, number[]>()]));
    const app = await startApp({ subscriptions: brokers.map((pubsubname) => ({ pubsubname, topic: TOPIC, route: `/${pubsubname}` })) });
    undo.push(() => app.stop());
    app.handler = (request) => {
      const book = deliveries.get(request.path.slice(1));
      const number = numberOf(request);
      const times = book?.get(number);
      if (times === undefined) book?.set(number, [clockMs()]);
      else times.push(clockMs());
      if (app.requests.length > 5_000) app.forget();
      return undefined;
    };
    const sidecar = await startSidecar({ components, isolation, appId: 'chaos', nodeArgs: breakable ? control.nodeArgs : [], flags: [`--app-port=${app.port}`, '--app-protocol=http', ...flags] });
    undo.push(() => sidecar.stop());
    return { sidecar, control, app, deliveries, components, [Symbol.asyncDispose]: stop };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

function componentsOn(folder: string, redisHost: string | undefined, endpoints: string | undefined, brokers: string | undefined): ComponentManifest[] {
  const components: ComponentManifest[] = [
    { name: 'state-memory', type: 'state.in-memory' },
    { name: 'state-sqlite', type: 'state.sqlite', metadata: { connectionString: join(folder, 'state.db') } },
  ];
  if (redisHost !== undefined) {
    const metadata = { redisHost };
    components.push(
      { name: 'state-redis', type: 'state.redis', metadata },
      // soon: what a life had taken when it died is taken over by the next one
      { name: 'pubsub-redis', type: 'pubsub.redis', metadata: { ...metadata, processingTimeout: '5s', redeliverInterval: '1s' } },
      { name: 'config-redis', type: 'configuration.redis', metadata },
      { name: 'lock-redis', type: 'lock.redis', metadata },
      { name: 'ids-redis', type: 'sequencer.redis', metadata },
    );
  } else {
    components.push(
      { name: 'config-memory', type: 'configuration.in-memory', metadata: { items: JSON.stringify({ [CONFIG_KEY]: CONFIG_VALUE }) } },
      { name: 'lock-memory', type: 'lock.in-memory' },
      { name: 'ids-memory', type: 'sequencer.in-memory' },
    );
  }
  if (endpoints !== undefined) components.push({ name: 'state-etcd', type: 'state.etcd', version: 'v2', metadata: { endpoints } });
  if (brokers !== undefined) components.push({ name: 'pubsub-kafka', type: 'pubsub.kafka', metadata: { brokers, authType: 'none', consumerGroup: 'chaos', initialOffset: 'oldest', sessionTimeout: '3s', heartbeatInterval: '500ms' } });
  if (redisHost === undefined && brokers === undefined) components.push({ name: 'pubsub-memory', type: 'pubsub.in-memory' });
  return components;
}
