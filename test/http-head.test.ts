// The head of an answer that the kernel writes itself against the one that Node writes for the same answer: the same bytes.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dateLine, headOf, setHead } from '../kernel/http-head.ts';

interface Reply {
  readonly status: number;
  /** Undefined: no body. */
  readonly type: string | undefined;
  readonly headers: readonly string[];
  readonly body: string;
}

let reply: Reply;
let server: Server;
let port: number;
/** How many heads were ours. */
let own = 0;

beforeAll(async () => {
  server = createServer({ keepAliveTimeout: 180_000 }, (request, response) => {
    const { status, type, headers, body } = reply;
    const head = request.url === '/own' ? headOf(status, type, body.length, headers) : undefined;
    if (head === undefined) response.writeHead(status, [...(type === undefined ? [] : ['Content-Type', type, 'Content-Length', String(body.length)]), ...headers]);
    else {
      own++;
      setHead(response, status, head, dateLine());
    }
    if (type === undefined) response.end();
    else response.end(body, 'latin1');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

/** All bytes of a connection with this request; one that it asks to keep ends with a second request. */
async function bytesOf(path: string, verb: string, isKept: boolean): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const request = (kept: boolean): string => `${verb} ${path} HTTP/1.1\r\nHost: x\r\nConnection: ${kept ? 'keep-alive' : 'close'}\r\n\r\n`;
  socket.write(isKept ? request(true) + request(false) : request(false));
  let text = '';
  for await (const chunk of socket) text += (chunk as Buffer).toString('latin1');
  return text.replaceAll(/^Date: (.{29})\r$/gm, (_, date: string) => `Date: ${Math.abs(Date.parse(date) - Date.now()) < 60_000 ? 'now' : date}`);
}

const name = fc.oneof(fc.constantFrom('ETag', 'bulkhead-cache', 'Date', 'DATE', 'X_y.z'), fc.stringMatching(/^[A-Za-z][\w.-]{0,20}$/))
  .filter((text) => !/^(?:content-length|transfer-encoding|connection|keep-alive|upgrade|trailer|te|content-disposition)$/i.test(text));
const value = fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).filter((code) => code !== 0x7f).map((code) => String.fromCharCode(code)), maxLength: 30 });
const body = fc.string({ unit: fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 300 });
const replies: fc.Arbitrary<Reply> = fc.oneof(
  fc.record({ status: fc.constant(204), type: fc.constant(undefined), headers: fc.array(fc.tuple(name, value), { maxLength: 3 }).map((pairs) => pairs.flat()), body: fc.constant('') }),
  fc.record({
    status: fc.oneof(fc.constantFrom(200, 400, 404, 500, 503), fc.integer({ min: 200, max: 599 })).filter((status) => status !== 204), type: fc.constantFrom('application/json', 'text/plain; charset=utf-8'),
    headers: fc.array(fc.tuple(name, value), { maxLength: 3 }).map((pairs) => pairs.flat()), body,
  }),
);

describe('a head of ours', () => {
  it('has the bytes that Node would write, whatever the answer and the request', async () => {
    await fc.assert(fc.asyncProperty(replies, fc.constantFrom('GET', 'POST', 'HEAD'), fc.boolean(), async (one, verb, isKept) => {
      reply = one;
      expect(await bytesOf('/own', verb, isKept)).toBe(await bytesOf('/node', verb, isKept));
    }), { numRuns: 150 });
    expect(own).toBeGreaterThan(50);
  });

  it('is left to Node where it has a date already', () => {
    expect(headOf(200, 'a/b', 1, ['date', 'x'])).toBeUndefined();
    expect(headOf(200, 'a/b', 1, ['ETag', 'x'])).toBe('HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 1\r\nETag: x\r\n');
  });
});
