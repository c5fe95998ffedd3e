// What do configuration, locks and ids cost through a sidecar beside ioredis used directly?
//
//   npm run bench:coordination [-- --quick] [--rounds 5] [--ms 750] [--bytes 200] [--built] [--against another-checkout]
import { BATCH, CONFIG_KEYS, configText, GET_CONFIGURATION, getManyMessage, getManyRequest, getMessages, getRequests, idMessage, idRequest, lockRequests, MANY, NEXT_ID, onRedis } from './coordination-calls.ts';
import type { DirectSpec } from './load/coordination-direct.ts';
import { startGenerator } from './load/generator.ts';
import type { GrpcSpec } from './load/grpc.ts';
import type { HttpSpec } from './load/http.ts';
import { describe, notesOf, readOptions } from './options.ts';
import { isComparable, ISOLATIONS, Place, type Server } from './place.ts';
import { counting, lane, measure, named, type Lane } from './rounds.ts';
import { startRedis } from '../test/servers/redis.ts';
import { printTable, writeResult, type Row } from './table.ts';

const options = readOptions({ rounds: 5, windowMs: 750, warmMs: 150, compileMs: 1_500 });
const { bytes, form, against } = options;
/** Calls at a time. */
const IN_FLIGHT = 64;

const place = new Place();
const http = startGenerator<HttpSpec>('http');
const grpc = startGenerator<GrpcSpec>('grpc');
const direct = startGenerator<DirectSpec>('coordination-direct');
const rows: Row[] = [];

async function startSidecars(redisPort: number): Promise<{ readonly cached: Server[]; readonly uncached: Server }> {
  const cached: Server[] = [];
  for (const isolation of ISOLATIONS) {
    cached.push(await place.sidecar(isolation, { form, isolation, resources: onRedis(redisPort) }));
    if (against !== undefined && isComparable(isolation)) cached.push(await place.sidecar(`${isolation} (other)`, { form: 'checkout', checkout: against, isolation, resources: onRedis(redisPort) }));
  }
  return { cached, uncached: await place.sidecar('process, cache off', { form, isolation: 'process', resources: onRedis(redisPort, { cache: 'false' }) }) };
}

const httpLane = ({ name, port, pids }: Server, connections: number, requests: HttpSpec['requests']): Lane =>
  named(lane(name, http, pids, { port, connections, streams: 1, requests, status: 200 }), `${name}, HTTP`);
const grpcLane = ({ name, grpcPort, pids }: Server, streams: number, path: string, messages: readonly string[], answerBytes = 5): Lane =>
  named(lane(name, grpc, pids, { port: grpcPort, connections: 1, streams, path, messages, answerBytes }), `${name}, gRPC`);

const redis = await startRedis();
try {
  const others = { redis: Number(/process_id:(\d+)/.exec(await redis.raw.info('server'))?.[1]) };
  for (const key of CONFIG_KEYS) await redis.raw.set(key, configText(bytes));
  const directLane = (operation: DirectSpec['operation'], streams: number, keys: readonly string[] = CONFIG_KEYS, pipelining = false): Lane =>
    lane(pipelining ? 'ioredis, automatic pipelines' : 'ioredis', direct, undefined, { port: redis.port, connections: 1, streams, operation, keys, pipelining });
  const { cached, uncached } = await startSidecars(redis.port);
  const bare = await place.reference('bare node:http', 'http.ts', bytes); // whatever it is asked: the floor of all that is asked over HTTP
  const both = (servers: readonly Server[], make: (server: Server) => readonly Lane[]): Lane[] => servers.flatMap(make);

  for (const count of [IN_FLIGHT, 1]) {
    rows.push(...await measure(`configuration get, ${count} in flight`, [
      directLane('get', count), ...(count === 1 ? [] : [directLane('get', count, CONFIG_KEYS, true)]),
      named(httpLane(bare, count, getRequests(bare.port)), bare.name),
      ...both([...cached, uncached], (server) => [httpLane(server, count, getRequests(server.port)), grpcLane(server, count, GET_CONFIGURATION, getMessages(), bytes)]),
    ], options, others));
  }
  rows.push(...await measure(`configuration get of ${MANY} keys, ${IN_FLIGHT} in flight`, [
    directLane('get-many', IN_FLIGHT, CONFIG_KEYS.slice(0, MANY)),
    ...both([...cached, uncached], (server) => [httpLane(server, IN_FLIGHT, [getManyRequest(server.port)]), grpcLane(server, IN_FLIGHT, GET_CONFIGURATION, [getManyMessage()], MANY * bytes)]),
  ], options, others));
  rows.push(...await measure(`lock and unlock, ${IN_FLIGHT} in flight`, [directLane('lock', IN_FLIGHT), ...cached.map((server) => httpLane(server, IN_FLIGHT, lockRequests(server.port, IN_FLIGHT)))], options, others));
  rows.push(...await measure(`ids, ${IN_FLIGHT} calls in flight`, [
    directLane('next-id', IN_FLIGHT), directLane('next-id', IN_FLIGHT, CONFIG_KEYS, true),
    ...both(cached, (server) => [
      httpLane(server, IN_FLIGHT, [idRequest(server.port)]),
      grpcLane(server, IN_FLIGHT, NEXT_ID, [idMessage(1)]),
      named(grpcLane(server, IN_FLIGHT, NEXT_ID, [idMessage(1, true)]), `${server.name}, gRPC, strong`),
      counting(named(grpcLane(server, IN_FLIGHT, NEXT_ID, [idMessage(BATCH)], BATCH), `${server.name}, gRPC, ${BATCH} a call`), BATCH),
    ]),
  ], options, others));
} finally {
  for (const generator of [http, grpc, direct]) generator.stop();
  await redis.stop();
  await place.close();
}
printTable(`Configuration, locks and ids on Redis. Locks: a call takes or gives back. Ids: ids per second. ${describe(options)}\nredis us: the Redis server's processor time per call.`, rows);
if (!options.quick) writeResult('coordination', rows, notesOf(options));
