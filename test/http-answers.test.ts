// Answers over HTTP as blocks give them: from a block's side of a channel, through the seat and the real listener, to the bytes
// that a client reads.
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { afterEach, describe, expect, it } from 'vitest';
import { Calls, type IncomingCall } from '../ipc/calls.ts';
import { EMPTY } from '../ipc/frame.ts';
import { openLocalPair } from '../ipc/local.ts';
import { openHttpServer } from '../kernel/http-server.ts';
import { HttpApi } from '../kernel/http.ts';
import { Router } from '../kernel/router.ts';
import { Seat } from '../kernel/seat.ts';
import { Switch } from '../kernel/switch.ts';
import { ROUTES } from '../proto/routes.ts';
import { eventually } from './harness/awaiting.ts';
import { head, RawConnection } from './harness/http.ts';

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

const ORIGIN = 'http://a.example';

/** A sidecar's HTTP port with a state block that serves calls like this. */
async function listenerWith(serve: (call: IncomingCall) => void): Promise<number> {
  const seat = new Seat('state', { holdMs: 0, maxHeld: 1, maxHeldBytes: 1, maxInFlight: 100, maxStreams: 1 });
  const [near, far] = openLocalPair({ maxFrameBytes: 1 << 20, poison: true });
  seat.attach(new Calls(near, { ids: 'odd', maxIncoming: 1, maxQueuedBytes: 1 << 20, serve: () => {} }), () => {});
  const block = new Calls(far, { ids: 'even', maxIncoming: 100, maxQueuedBytes: 1 << 20, serve });
  const api = new HttpApi(new Switch(new Map([['state', { shared: [seat], own: new Map() }]]), new Map()), {
    router: new Router(ROUTES), token: undefined, cors: { origins: new Set([ORIGIN]) }, maxBodyBytes: 1 << 20, fallback: 'invoke', log: undefined,
  });
  const server = openHttpServer({ addresses: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }], maxHeaderBytes: 4_096, h2c: true, log: () => {}, handle: (request, response, connection) => api.handle(request, response, connection) });
  closers.push(() => server.close(), () => block.close());
  const [address = ''] = await server.listen();
  return Number(address.split(':')[1]);
}

const GET = 'GET /v1.0/state/store/key HTTP/1.1';
const DATE = String.raw`Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n`;

describe('an answer of a block over HTTP', () => {
  it('leaves with its headers, the date, and word of how long the connection is kept', async () => {
    await using connection = await RawConnection.to(await listenerWith((call) => call.end(200, 0, ['ETag', '7', 'x-y', '\xe9'], Buffer.from('é'))));
    connection.send(head(GET, 'Host: x'));
    const answer = new RegExp(String.raw`^HTTP/1\.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nETag: 7\r\nx-y: \xe9\r\n${DATE}Connection: keep-alive\r\nKeep-Alive: timeout=180\r\n\r\n\xc3\xa9$`);
    await connection.until(answer);
    connection.send(head(GET, 'Host: x', 'Connection: close'));
    await connection.until(new RegExp(String.raw`x-y: \xe9\r\n${DATE}Connection: close\r\n\r\n\xc3\xa9$`));
    await connection.closed;
  });

  it('says the same where Node writes its head: to another origin, to HTTP/1.0, and with a date of its own', async () => {
    const port = await listenerWith((call) => call.end(200, 0, ['Date', 'today', 'ETag', '7'], Buffer.from('1')));
    await using connection = await RawConnection.to(port);
    connection.send(head(GET, 'Host: x'));
    await connection.until(/^HTTP\/1\.1 200 OK\r\nContent-Type: application\/json\r\nContent-Length: 1\r\nDate: today\r\nETag: 7\r\nConnection: keep-alive\r\nKeep-Alive: timeout=180\r\n\r\n1$/);
    await using foreign = await RawConnection.to(port);
    foreign.send(head(GET, 'Host: x', `Origin: ${ORIGIN}`));
    const text = await foreign.until(/\r\n\r\n1$/);
    for (const line of ['Vary: Origin', `Access-Control-Allow-Origin: ${ORIGIN}`, 'ETag: 7', 'Content-Length: 1', 'Connection: keep-alive', 'Keep-Alive: timeout=180']) expect(text).toContain(`\r\n${line}\r\n`);
    await using old = await RawConnection.to(port);
    old.send(head('GET /v1.0/state/store/key HTTP/1.0'));
    expect(await old.until(/\r\n\r\n1$/)).toMatch(/\r\nConnection: close\r\n/);
    await old.closed;
  });

  it.each([['over HTTP/1.1', []], ['to another origin', [`Origin: ${ORIGIN}`]]])('with a header that Node would not send costs that call, %s', async (_, headers) => {
    await using connection = await RawConnection.to(await listenerWith((call) => call.end(200, 0, ['Content-Disposition', 'attachment; filename="\xe9"'], Buffer.from('1'))));
    connection.send(head(GET, 'Host: x', ...headers));
    await connection.until(/^HTTP\/1\.1 500 [^]*\r\n\r\n\{"errorCode":"ERROR","message":"the block answered with headers that are none"\}$/);
  });

  it('that is large, or that nobody is left to read, is no other call\'s business', async () => {
    const large = Buffer.alloc(300_000, 'x');
    const waiting: IncomingCall[] = [];
    const port = await listenerWith((call) => void waiting.push(call));
    await using connection = await RawConnection.to(port);
    connection.send(head(GET, 'Host: x') + head(GET, 'Host: x') + head(GET, 'Host: x'));
    await using leaving = await RawConnection.to(port);
    leaving.send(head(GET, 'Host: x'));
    await eventually('all are there', () => waiting.length === 4);
    leaving.socket.destroy();
    await eventually('the call of the client that left is cancelled', () => waiting.filter(({ cancelled }) => cancelled).length === 1);
    const [first, second, third] = waiting.filter(({ cancelled }) => !cancelled) as [IncomingCall, IncomingCall, IncomingCall];
    third.end(200, 0, undefined, Buffer.from('"third"')); // pipelined: it waits for those before it
    first.end(200, 0, undefined, large);
    second.end(204, 0, undefined, EMPTY);
    const text = await connection.until(/"third"$/);
    expect([...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status)).toEqual(['200', '204', '200']);
    expect(text.split('x'.repeat(large.length))).toHaveLength(2);
  });

  it('reaches a stream of HTTP/2, and the call of one that was reset is cancelled', async () => {
    const waiting: IncomingCall[] = [];
    const session = connectHttp2(`http://127.0.0.1:${await listenerWith((call) => void waiting.push(call))}`);
    closers.push(() => session.destroy());
    const answered = session.request({ ':path': '/v1.0/state/store/key' });
    const reset = session.request({ ':path': '/v1.0/state/store/key' });
    reset.on('error', () => {});
    await eventually('both are there', () => waiting.length === 2);
    reset.close(8);
    await eventually('one is cancelled', () => waiting.some(({ cancelled }) => cancelled));
    waiting.find(({ cancelled }) => !cancelled)?.end(200, 0, ['ETag', '7'], Buffer.from('1'));
    const [headers] = (await once(answered, 'response')) as [Record<string, unknown>];
    expect(headers).toMatchObject({ ':status': 200, etag: '7', 'content-length': '1' });
  });
});
