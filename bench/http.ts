// What does a state call over HTTP cost beside a bare server that gives the same answer?
//
//   npm run bench:http [-- --quick] [--rounds 7] [--ms 1000] [--bytes 200] [--built] [--no-redis] [--against another-checkout]
import { getRequests, KEYS, keyInRedis, setRequests } from './calls.ts';
import { startGenerator } from './load/generator.ts';
import type { HttpSpec } from './load/http.ts';
import type { RedisSpec } from './load/redis.ts';
import { describe, notesOf, readOptions } from './options.ts';
import { Place, type Server } from './place.ts';
import { lane, measure, type Lane } from './rounds.ts';
import { startSidecars } from './sidecars.ts';
import { startRedis } from '../test/servers/redis.ts';
import { printTable, writeResult, type Row } from './table.ts';

const options = readOptions();
const { bytes } = options;
const place = new Place();
const http = startGenerator<HttpSpec>('http');
const memoryRows: Row[] = [];
const redisRows: Row[] = [];

const getLane = ({ name, port, pids }: Server, connections: number): Lane =>
  lane(name, http, pids, { port, connections, streams: 1, requests: getRequests(port), status: 200 });
const setLane = ({ name, port, pids }: Server, connections: number): Lane =>
  lane(name, http, pids, { port, connections, streams: 1, requests: setRequests(port, bytes), status: 204 });

async function inMemory(): Promise<void> {
  const servers = [
    await place.reference('bare node:http', 'http.ts', bytes),
    ...await startSidecars(place, options),
  ];
  memoryRows.push(...await measure('get in memory, 64 connections', servers.map((server) => getLane(server, 64)), options));
  memoryRows.push(...await measure('get in memory, 1 connection', servers.map((server) => getLane(server, 1)), options));
  memoryRows.push(...await measure('set in memory, 64 connections', servers.map((server) => setLane(server, 64)), options));
  for (const server of servers) await server.stop();
}

async function withRedis(): Promise<void> {
  const redis = await startRedis();
  const redisPid = Number(/process_id:(\d+)/.exec(await redis.raw.info('server'))?.[1]);
  const others = { redis: redisPid };
  const direct = startGenerator<RedisSpec>('redis');
  const directLane = (depth: number): Lane =>
    lane('ioredis, no HTTP', direct, undefined, { port: redis.port, connections: 1, streams: depth, keys: KEYS.map(keyInRedis), pipelining: true });
  try {
    const servers = [
      await place.reference('node:http + ioredis', 'http-redis.ts', redis.port),
      ...await startSidecars(place, options, redis.port),
    ];
    redisRows.push(...await measure('get in Redis, 64 connections', [...servers.map((server) => getLane(server, 64)), directLane(64)], options, others));
    redisRows.push(...await measure('get in Redis, 1 connection', [...servers.map((server) => getLane(server, 1)), directLane(1)], options, others));
    redisRows.push(...await measure('set in Redis, 64 connections', servers.map((server) => setLane(server, 64)), options, others));
    for (const server of servers) await server.stop();
  } finally {
    direct.stop();
    await redis.stop();
  }
}

try {
  await inMemory();
  if (options.redis) await withRedis();
} finally {
  http.stop();
  await place.close();
}
printTable(`State over HTTP. ${describe(options)}`, memoryRows);
if (options.redis) printTable("The same with Redis. redis us: the Redis server's processor time per call.", redisRows);
if (!options.quick) writeResult('http', [...memoryRows, ...redisRows], notesOf(options));
