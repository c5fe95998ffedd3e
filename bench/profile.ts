// Where does a sidecar's processor time go? Samples kernel and block under load and shows the functions and files that
// ran most by themselves. Sampling starts after a warm-up, so that the start is not in it.
//
//   node bench/profile.ts [--isolation process|thread|monolith|bare] [--protocol http|grpc] [--listener own|grpc-js] [--operation get|set|publish|bulk|deliver|configuration|lock|id] [--redis|--kafka] [--ms 5000] [--top 30] [--connections 64] [--streams 1] [--keep folder]
// get and set are state calls. publish and bulk: messages that nobody subscribes to, bulk over gRPC; deliver: published in bulk over gRPC, and delivered
// to an application over HTTP, or over gRPC with `--protocol grpc`.
// configuration, lock (and unlock) and id are calls over HTTP, on Redis.
// `bare` is the server of bench/http.ts that answers with bytes that lie ready: what Node itself needs.
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { getRequests, saveAll, setRequests } from './calls.ts';
import { CONFIG_KEYS, configText, getRequests as configurationRequests, idRequest, lockRequests, onRedis } from './coordination-calls.ts';
import { payloadOf, untilDelivered } from './deliveries.ts';
import { GET_STATE, getMessages } from './grpc-calls.ts';
import { inspect, USUAL_PORT, type Inspector } from './inspector.ts';
import type { SidecarDeliverySpec } from './load/delivery.ts';
import { startGenerator, type Generator } from './load/generator.ts';
import type { GrpcSpec } from './load/grpc.ts';
import type { HttpSpec } from './load/http.ts';
import type { LoadSpec } from './load/window.ts';
import { Place, type Isolation, type Server } from './place.ts';
import { KAFKA_PARTITIONS, kafkaBroker, PUBSUB, publishRequest, pubsubResources, redisBroker, topicsOf } from './pubsub-calls.ts';
import { BULK_PUBLISH, bulkMessage, PUBLISH, publishMessage } from './pubsub-grpc-calls.ts';
import { startKafka } from '../test/servers/kafka.ts';
import { freePort } from '../test/servers/process.ts';
import { startRedis } from '../test/servers/redis.ts';
import { printTable } from './table.ts';

const { values: flags } = parseArgs({
  options: {
    isolation: { type: 'string', default: 'process' },
    protocol: { type: 'string', default: 'http' },
    listener: { type: 'string' },
    operation: { type: 'string', default: 'get' },
    redis: { type: 'boolean', default: false },
    kafka: { type: 'boolean', default: false },
    ms: { type: 'string', default: '5000' },
    top: { type: 'string', default: '30' },
    connections: { type: 'string', default: '64' },
    streams: { type: 'string', default: '1' },
    keep: { type: 'string' },
  },
});
/** The kernel is told another than the usual port, its block can't be. */
const KERNEL_PORT = 9239;
const SAMPLE_US = 100;
/** A sample counts for at most this: what takes longer is a process that had to wait for a core. */
const LONGEST_SAMPLE_US = 400;
/** The component that an operation needs, by its place among those on Redis. */
const COORDINATION = ['configuration', 'lock', 'id'];
const WARM_MS = 3_000;
const BYTES = 200;
const NAME = 'profiled';
/** Messages under way. */
const OUTSTANDING = 1_000;

interface Probe {
  readonly name: string;
  readonly inspector: Inspector;
}

const probe = async (name: string, pid: number, port: number): Promise<Probe> => ({ name, inspector: await inspect(name, pid, port) });

/** A load that runs until it is asked for its calls. */
function load({ port, grpcPort }: Server, reportPort: number): { readonly calls: () => Promise<number> } {
  const connections = Number(flags.connections);
  const streams = Number(flags.streams);
  const times = { warmMs: WARM_MS, windowMs: Number(flags.ms) + 500, watch: {} };
  const run = <Spec extends LoadSpec>(generator: Generator<Spec>, spec: Spec): { readonly calls: () => Promise<number> } => {
    const done = generator.run(spec);
    return { calls: async () => { const { calls, seconds, errors, firstError } = await done; generator.stop(); if (errors > 0) process.stderr.write(`${errors} errors: ${firstError}\n`); return calls / seconds; } };
  };
  const { published, single } = topicsOf(NAME);
  const { operation } = flags;
  if (operation === 'deliver') {
    return run(startGenerator<SidecarDeliverySpec>('delivery'), { ...times, port: grpcPort, connections: 1, streams: 4, path: BULK_PUBLISH, message: bulkMessage(single, BYTES), reportPort, outstanding: OUTSTANDING });
  }
  if (operation === 'bulk') {
    return run(startGenerator<GrpcSpec>('grpc'), { ...times, port: grpcPort, connections: 1, streams: 4, path: BULK_PUBLISH, messages: [bulkMessage(published, BYTES)], answerBytes: 5 });
  }
  if (flags.protocol === 'grpc') {
    const [path, messages, answerBytes] = operation === 'publish' ? [PUBLISH, [publishMessage(published, BYTES)], 5] as const : [GET_STATE, getMessages(), BYTES] as const;
    return run(startGenerator<GrpcSpec>('grpc'), { ...times, port: grpcPort, connections, streams, path, messages, answerBytes });
  }
  const coordination = { configuration: () => configurationRequests(port), lock: () => lockRequests(port, connections), id: () => [idRequest(port)] }[operation];
  if (coordination !== undefined) return run(startGenerator<HttpSpec>('http'), { ...times, port, connections, streams: 1, requests: coordination(), status: 200 });
  const requests = operation === 'get' ? getRequests(port) : operation === 'set' ? setRequests(port, BYTES) : [publishRequest(port, published, BYTES)];
  return run(startGenerator<HttpSpec>('http'), { ...times, port, connections, streams: 1, requests, status: operation === 'get' ? 200 : 204 });
}

/** Self time in microseconds by key, without the time in which nothing ran. */
function selfTimes({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile, keyOf: (frame: Profiler.ProfileNode['callFrame']) => string): { readonly times: [string, number][]; readonly busyUs: number; readonly idleUs: number } {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times = new Map<string, number>();
  let busyUs = 0;
  let idleUs = 0;
  samples.forEach((id, i) => {
    const callFrame = frames.get(id);
    const us = Math.min(timeDeltas[i + 1] ?? 0, LONGEST_SAMPLE_US);
    if (callFrame === undefined) return;
    if (callFrame.functionName === '(idle)') {
      idleUs += us;
      return;
    }
    busyUs += us;
    const key = keyOf(callFrame);
    times.set(key, (times.get(key) ?? 0) + us);
  });
  return { times: [...times].sort(([, a], [, b]) => b - a), busyUs, idleUs };
}

function fileOf({ url, functionName }: Profiler.ProfileNode['callFrame']): string {
  if (url.startsWith('file:')) return relative(join(import.meta.dirname, '..'), fileURLToPath(url)).replace(/^node_modules\//, '');
  return url === '' ? (functionName.startsWith('(') ? functionName : '(native)') : url;
}

function show(name: string, profile: Profiler.Profile): void {
  const byFunction = selfTimes(profile, (frame) => `${frame.functionName === '' ? '(anonymous)' : frame.functionName}  ${fileOf(frame)}${frame.url === '' ? '' : `:${frame.lineNumber + 1}`}`);
  const byFile = selfTimes(profile, fileOf);
  const share = (us: number): number => (us / byFunction.busyUs) * 100;
  const idle = Math.round((byFunction.idleUs / (byFunction.idleUs + byFunction.busyUs)) * 100);
  printTable(`${name}: self time by function, in % of the time it ran (idle ${idle} % of the time)`, byFunction.times.slice(0, Number(flags.top)).map(([key, us]) => ({ '%': share(us), function: key })));
  printTable(`${name}: self time by file`, byFile.times.slice(0, Math.ceil(Number(flags.top) * 0.6)).map(([key, us]) => ({ '%': share(us), file: key })));
}

async function startServer(reportPort: number): Promise<Server> {
  if (flags.isolation === 'bare') return flags.protocol === 'grpc' ? place.reference(NAME, 'grpc.ts', BYTES) : place.reference(NAME, 'http.ts', BYTES);
  const choice = { isolation: flags.isolation as Isolation, nodeArgs: [`--inspect-port=${KERNEL_PORT}`], flags: flags.listener === undefined ? [] : [`--grpc-listener=${flags.listener}`] };
  if (flags.operation === 'get' || flags.operation === 'set') {
    const server = await place.sidecar(NAME, { ...choice, redisPort: redis?.port });
    await saveAll(server.port, BYTES);
    return server;
  }
  if (COORDINATION.includes(flags.operation)) {
    if (redis === undefined) throw new Error(`${flags.operation} needs --redis`);
    for (const key of CONFIG_KEYS) await redis.raw.set(key, configText(BYTES));
    return place.sidecar(NAME, { ...choice, resources: onRedis(redis.port).slice(COORDINATION.indexOf(flags.operation)).slice(0, 1) });
  }
  const protocol = flags.protocol === 'grpc' ? 'grpc' : 'http';
  const app = await place.reference('app', protocol === 'grpc' ? 'grpc-app.ts' : 'app.ts', reportPort);
  const resources = redis !== undefined ? pubsubResources(NAME, 'pubsub.redis', redisBroker(redis.address))
    : kafka !== undefined ? pubsubResources(NAME, 'pubsub.kafka', kafkaBroker(kafka.brokers)) : pubsubResources(NAME, 'pubsub.in-memory', {});
  for (const topic of Object.values(topicsOf(NAME))) await kafka?.createTopic(topic, KAFKA_PARTITIONS);
  const server = await place.sidecar(NAME, { ...choice, resources, app: { port: app.port, protocol } });
  await untilDelivered(reportPort, async () => {
    await fetch(`http://127.0.0.1:${server.port}/v1.0/publish/${PUBSUB}/${topicsOf(NAME).single}`, { method: 'POST', headers: { 'content-type': 'application/json', connection: 'close' }, body: payloadOf(BYTES) });
  });
  return server;
}

const place = new Place();
const redis = flags.redis ? await startRedis() : undefined;
const kafka = flags.kafka ? await startKafka({ partitions: KAFKA_PARTITIONS }) : undefined;
try {
  const reportPort = await freePort();
  const server = await startServer(reportPort);
  const [kernel = 0, block] = server.pids();
  const probes = [flags.isolation === 'bare' ? await probe('server', kernel, USUAL_PORT) : await probe('kernel', kernel, KERNEL_PORT)];
  if (block !== undefined) probes.push(await probe('block', block, USUAL_PORT));
  const under = load(server, reportPort);
  await sleep(WARM_MS);
  const samplings = await Promise.all(probes.map(({ inspector }) => inspector.profile(SAMPLE_US)));
  await sleep(Number(flags.ms));
  const profiles = await Promise.all(samplings.map((sampling) => sampling.stop()));
  process.stdout.write(`${Math.round(await under.calls())} calls/s while sampled\n`);
  profiles.forEach((profile, i) => {
    const { name } = probes[i] as Probe;
    show(name, profile);
    if (flags.keep === undefined) return;
    mkdirSync(flags.keep, { recursive: true });
    writeFileSync(join(flags.keep, `${name}.cpuprofile`), JSON.stringify(profile));
  });
} finally {
  await place.close();
  await redis?.stop();
  await kafka?.stop();
}
process.exit(0); // sockets to inspectors may linger
