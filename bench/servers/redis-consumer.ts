// What somebody would write who reads a Redis stream and needs no sidecar: a group's reads on one connection, acknowledgements
// of what was read on another.
//   node bench/servers/redis-consumer.ts <port to listen on when ready> <port of its report> <port of Redis>
import { createServer } from 'node:net';
import { Redis } from 'ioredis';
import { DeliveryReport } from '../deliveries.ts';
import { DELIVERED_BULK, DIRECT_TOPIC } from '../pubsub-calls.ts';

const [, , port, reportPort, redisPort] = process.argv;
const GROUP = 'bench';
const BLOCK_MS = 2_000;
const report = new DeliveryReport(Number(reportPort));
const reading = new Redis({ host: '127.0.0.1', port: Number(redisPort) });
const acknowledging = new Redis({ host: '127.0.0.1', port: Number(redisPort) });

await reading.xgroup('CREATE', DIRECT_TOPIC, GROUP, '0', 'MKSTREAM');
createServer().listen(Number(port), '127.0.0.1');
for (;;) {
  const answer = await reading.callBuffer('xreadgroup', 'GROUP', GROUP, GROUP, 'COUNT', DELIVERED_BULK, 'BLOCK', BLOCK_MS, 'STREAMS', DIRECT_TOPIC, '>') as [[unknown, [id: Buffer, fields: [Buffer, Buffer]][]]] | null;
  if (answer === null) continue;
  const [[, entries]] = answer;
  for (const [, [, data]] of entries) report.delivered(data);
  await acknowledging.xack(DIRECT_TOPIC, GROUP, ...entries.map(([id]) => id));
}
