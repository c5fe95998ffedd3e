// An HTTP application that does nothing but take deliveries: it says that each one is done, and tells how long it was under way.
//   node bench/servers/app.ts <port> <port of its report>
import { createServer, type IncomingMessage } from 'node:http';
import { DeliveryReport } from '../deliveries.ts';

const [, , port, reportPort] = process.argv;
const report = new DeliveryReport(Number(reportPort));
const DONE = '{}';
const JSON_TYPE = 'application/json';
const HEADERS = ['Content-Type', JSON_TYPE, 'Content-Length', String(DONE.length)];

createServer({ keepAliveTimeout: 180_000, noDelay: true }, (request, response) => {
  let body: Buffer | undefined;
  request.on('data', (chunk: Buffer) => (body = body === undefined ? chunk : Buffer.concat([body, chunk])));
  request.on('end', () => {
    if (body !== undefined) report.delivered(body);
    const answer = answerTo(request, body);
    response.writeHead(200, answer === DONE ? HEADERS : ['Content-Type', JSON_TYPE, 'Content-Length', String(answer.length)]);
    response.end(answer, 'latin1');
  });
}).listen(Number(port), '127.0.0.1');

function answerTo({ url }: IncomingMessage, body: Buffer | undefined): string {
  if (url === '/dapr/subscribe') return '[]';
  if (url !== '/bulk' || body === undefined) return DONE;
  const { entries } = JSON.parse(body.toString()) as { readonly entries: readonly { readonly entryId: string }[] };
  return JSON.stringify({ statuses: entries.map(({ entryId }) => ({ entryId, status: 'SUCCESS' })) });
}
