// What does GetState over gRPC cost beside a bare grpc-js server that gives the same answer?
//
//   npm run bench:grpc [-- --quick] [--rounds 7] [--ms 1000] [--bytes 200] [--built] [--no-redis] [--against another-checkout]
import { stateAnswers } from './grpc-answers.ts';
import { GET_STATE, getAnswer, getMessages } from './grpc-calls.ts';
import { startGenerator } from './load/generator.ts';
import type { GrpcSpec } from './load/grpc.ts';
import { describe, notesOf, readOptions } from './options.ts';
import { Place, type Server } from './place.ts';
import { lane, measure, type Lane } from './rounds.ts';
import { startSidecars } from './sidecars.ts';
import { startRedis } from '../test/servers/redis.ts';
import { printTable, writeResult, type Row } from './table.ts';

const options = readOptions();
const { bytes } = options;
const place = new Place();
const grpc = startGenerator<GrpcSpec>('grpc');
const memoryRows: Row[] = [];
const redisRows: Row[] = [];
const messages = getMessages();

/** Connections, and streams on each. */
const SHAPES = [[1, 64], [8, 16], [1, 1]] as const;

const getLane = ({ name, grpcPort, pids }: Server, answers: readonly string[], connections: number, streams: number): Lane =>
  lane(name, grpc, pids, { port: grpcPort, connections, streams, path: GET_STATE, messages, answerBytes: bytes, answers });

async function measureAll(rows: Row[], what: string, servers: readonly Server[], others: Readonly<Record<string, number>> = {}): Promise<void> {
  const answers = await Promise.all(servers.map(({ grpcPort }) => stateAnswers(grpcPort, bytes)));
  for (const [connections, streams] of SHAPES) {
    rows.push(...await measure(`${what}, ${connections} x ${streams}`, servers.map((server, i) => getLane(server, answers[i] ?? [], connections, streams)), options, others));
  }
  for (const server of servers) await server.stop();
}

async function inMemory(): Promise<void> {
  const bare = await place.reference('bare grpc-js', 'grpc.ts', bytes);
  await measureAll(memoryRows, 'in memory', [bare, ...await startSidecars(place, options)]);
}

async function withRedis(): Promise<void> {
  const redis = await startRedis();
  try {
    await measureAll(redisRows, 'in Redis', await startSidecars(place, options, redis.port), { redis: Number(/process_id:(\d+)/.exec(await redis.raw.info('server'))?.[1]) });
  } finally {
    await redis.stop();
  }
}

try {
  await inMemory();
  if (options.redis) await withRedis();
} finally {
  grpc.stop();
  await place.close();
}
printTable(`GetState over gRPC, connections x streams; answers are at least ${getAnswer(bytes).length} bytes. ${describe(options)}`, memoryRows);
if (options.redis) printTable("The same with Redis. redis us: the Redis server's processor time per call.", redisRows);
if (!options.quick) writeResult('grpc', [...memoryRows, ...redisRows], notesOf(options));
