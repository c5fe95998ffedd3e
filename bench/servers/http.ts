// What HTTP itself costs: `node:http` that answers each request with bytes that lie ready, those of a state call.
//   node bench/servers/http.ts <port> <bytes of a value>
import { createServer } from 'node:http';
import { valueOf } from '../calls.ts';

const [, , port, bytes] = process.argv;
const body = valueOf(Number(bytes));
const HEADERS = ['Content-Type', 'application/json', 'Content-Length', String(body.length), 'ETag', '03d30766-11b9-43a5-b222-c17a52e69d42'];

createServer({ keepAliveTimeout: 180_000, noDelay: true }, (request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, HEADERS);
    response.end(body, 'latin1');
    return;
  }
  request.on('data', () => {});
  request.on('end', () => {
    response.writeHead(204);
    response.end();
  });
}).listen(Number(port), '127.0.0.1');
