// What somebody would write who needs state over HTTP and nothing else: `node:http`, ioredis with its automatic
// pipelines, the same records in Redis, the same answers.
//   node bench/servers/http-redis.ts <port> <port of Redis>
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Redis } from 'ioredis';
import { keyInRedis } from '../calls.ts';

const [, , port, redisPort] = process.argv;
const SET = "redis.call('HSET', KEYS[1], 'data', ARGV[1]); redis.call('HINCRBY', KEYS[1], 'version', 1)";
const PUBLISH = '/v1.0/publish/';
const redis = new Redis({ host: '127.0.0.1', port: Number(redisPort), enableAutoPipelining: true, scripts: { setState: { lua: SET, numberOfKeys: 1 } } });
const client = redis as Redis & { setState(key: string, data: string): Promise<unknown> };

createServer({ keepAliveTimeout: 180_000, noDelay: true }, (request, response) => {
  const done = request.method === 'GET' ? get(request, response) : request.url?.startsWith(PUBLISH) ? publish(request, response) : set(request, response);
  done.catch((cause: unknown) => {
    response.writeHead(500);
    response.end(String(cause));
  });
}).listen(Number(port), '127.0.0.1');

async function get({ url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
  const key = decodeURIComponent(url.slice(url.lastIndexOf('/') + 1));
  const [data, version] = await redis.hmgetBuffer(keyInRedis(key), 'data', 'version');
  if (!data || !version) {
    response.writeHead(204);
    response.end();
    return;
  }
  response.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(data.length), 'ETag', version.toString()]);
  response.end(data);
}

async function set(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const items = JSON.parse((await bodyOf(request)).toString()) as { key: string; value: unknown }[];
  await Promise.all(items.map(({ key, value }) => client.setState(keyInRedis(key), JSON.stringify(value))));
  response.writeHead(204);
  response.end();
}

/** As it comes, without an envelope. */
async function publish(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { url = '' } = request;
  await redis.xadd(url.slice(url.lastIndexOf('/') + 1), '*', 'data', await bodyOf(request));
  response.writeHead(204);
  response.end();
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
