// What clients, blocks and the application can make the HTTP listener hold: bodies in many pieces, bodies that never end, answers that
// nobody takes, connections on which nothing happens; and what a block's answer can't do to the listener.
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Calls, type IncomingCall } from '../ipc/calls.ts';
import { openLocalPair } from '../ipc/local.ts';
import { Gathering } from '../kernel/gathering.ts';
import { HttpConnections } from '../kernel/http-connections.ts';
import { openHttpServer, type HttpServerOptions } from '../kernel/http-server.ts';
import { HttpApi } from '../kernel/http.ts';
import { MetadataApi } from '../kernel/metadata.ts';
import { Router } from '../kernel/router.ts';
import { Seat } from '../kernel/seat.ts';
import { Switch } from '../kernel/switch.ts';
import { ROUTES } from '../proto/routes.ts';
import { eventually, within } from './harness/awaiting.ts';
import { head, HttpClient, RawConnection } from './harness/http.ts';
import { residentBytesOf } from './harness/processes.ts';
import { startSidecar } from './harness/sidecar.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 }); // programs are started, on machines that are busy

const MEBIBYTE = 2 ** 20;
const PATH = '/v1.0/state/store/key';
const POST = 'POST /v1.0/state/store HTTP/1.1';
const BUSY = /"errorCode":"ERR_SIDECAR_BUSY"/;

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

/** A sidecar's HTTP port with a state block that serves calls like this, and 1 MiB for what it holds. */
async function listenerWith(serve: (call: IncomingCall) => void, options: Partial<HttpServerOptions> = {}): Promise<number> {
  const seat = new Seat('state', { holdMs: 0, maxHeld: 1, maxHeldBytes: 1, maxInFlight: 100, maxStreams: 1 });
  const [near, far] = openLocalPair({ maxFrameBytes: 2 * MEBIBYTE, poison: true });
  seat.attach(new Calls(near, { ids: 'odd', maxIncoming: 1, maxQueuedBytes: 8 * MEBIBYTE, serve: () => {} }), () => {});
  const block = new Calls(far, { ids: 'even', maxIncoming: 100, maxQueuedBytes: 8 * MEBIBYTE, serve });
  const api = new HttpApi(new Switch(new Map([['state', { shared: [seat], own: new Map() }]]), new Map()), {
    router: new Router(ROUTES), token: undefined, cors: undefined, maxBodyBytes: MEBIBYTE, fallback: 'plain', log: undefined, heldBytes: MEBIBYTE,
  });
  const server = openHttpServer({ addresses: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }], maxHeaderBytes: 4_096, h2c: true, log: () => {}, handle: (request, response, connection) => api.handle(request, response, connection), ...options });
  closers.push(() => server.close(), () => block.close());
  const [address = ''] = await server.listen();
  return Number(address.split(':')[1]);
}

const ok = (call: IncomingCall): void => call.end(204, 0, undefined, Buffer.alloc(0));
const large = (call: IncomingCall): void => call.end(200, 0, undefined, Buffer.alloc(300 * 1024, 'x'));

/** Answers calls when so many of them are there. */
function together(count: number, answer: (call: IncomingCall) => void): (call: IncomingCall) => void {
  const waiting: IncomingCall[] = [];
  return (call) => {
    if (waiting.push(call) === count) waiting.splice(0).forEach(answer);
  };
}

function http2To(port: number, settings: object = {}): ClientHttp2Session {
  const session = connectHttp2(`http://127.0.0.1:${port}`, { settings });
  session.on('error', () => {});
  closers.push(() => session.destroy());
  return session;
}

async function getOver(session: ClientHttp2Session): Promise<{ readonly status: unknown; readonly body: string }> {
  const stream = session.request({ ':path': PATH });
  const [headers] = (await within(10_000, 'the stream is answered', once(stream, 'response'))) as [Record<string, unknown>];
  let body = '';
  for await (const chunk of stream) body += String(chunk);
  return { status: headers[':status'], body };
}

describe('a body in pieces', () => {
  it('is whole, however it was cut', () => {
    for (let run = 0; run < 200; run++) {
      const body = randomBytes(randomInt(60_000));
      const gathering = new Gathering();
      const sizes = [1, 3, 4_095, 4_096, 20_000];
      for (let at = 0; at < body.length;) {
        const size = randomInt(1, sizes[randomInt(sizes.length)]! + 1);
        gathering.add(body.subarray(at, at + size));
        at += size;
      }
      expect(gathering.bytes).toBe(body.length);
      expect(gathering.whole().equals(body)).toBe(true);
    }
  });

  it('of one byte each costs the sidecar about what is in it', async () => {
    await using sidecar = await startSidecar({ components: [{ name: 'store', type: 'state.in-memory' }], flags: ['--blocks=state'] });
    await using connection = await RawConnection.to(sidecar.httpPort);
    const before = residentBytesOf(sidecar.pid);
    connection.send(head(POST, 'Host: x', 'Transfer-Encoding: chunked'));
    const piece = Buffer.from('1\r\nx\r\n'.repeat(10_000));
    for (let turn = 0; turn < 80; turn++) if (!connection.socket.write(piece)) await once(connection.socket, 'drain');
    connection.send('0\r\n\r\n');
    await connection.until(/^HTTP\/1\.1 400 /, 40_000); // so many x are no JSON
    expect((residentBytesOf(sidecar.pid) - before) / MEBIBYTE).toBeLessThan(100); // each piece kept for itself: more than 170
  });
});

describe('bodies that do not end', () => {
  it('have a bound together; who comes beyond it is told, and who leaves makes room', async () => {
    const port = await listenerWith(ok);
    const begin = async (): Promise<RawConnection> => {
      const connection = await RawConnection.to(port);
      connection.send(head(POST, 'Host: x', 'Content-Length: 800000'));
      connection.send(Buffer.alloc(700_000));
      return connection;
    };
    let first = await begin();
    await using second = await RawConnection.to(port);
    await eventually('the first one\'s bytes are counted', async () => {
      if (first.text !== '') first = await begin(); // the other one had come before it, and it was the one beyond the bound
      await using other = await RawConnection.to(port);
      other.send(head(POST, 'Host: x', 'Content-Length: 400001'));
      other.send(Buffer.alloc(400_000));
      await sleep(50);
      other.send('x');
      return BUSY.test(await other.until(/^HTTP\/1\.1 (?:204|429[^]*\})/));
    });
    first.socket.destroy();
    await eventually('there is room again', async () => {
      await using other = await RawConnection.to(port);
      other.send(head(POST, 'Host: x', 'Content-Length: 900001'));
      other.send(Buffer.alloc(900_000));
      await sleep(50);
      other.send('x');
      return (await other.until(/^HTTP\/1\.1 \d{3} /)).startsWith('HTTP/1.1 204 ');
    });
    second.socket.destroy();
  });

  it('are not waited for for ever', async () => {
    const port = await listenerWith(ok, { patience: { requestMs: 300, lookMs: 50, headersMs: 200 }, maxBodyBytes: 16 });
    const slow = connect(port, '127.0.0.1').on('error', () => {}); // it is cut off in the middle of a word
    let told = '';
    slow.on('data', (chunk: Buffer) => (told += chunk.toString()));
    const ended = new Promise((resolve) => void slow.once('close', resolve));
    slow.write(head(POST, 'Host: x', 'Content-Length: 100000'));
    const dripping = setInterval(() => slow.write('x'), 20);
    await within(20_000, 'the connection is ended', ended);
    clearInterval(dripping);
    expect(told).toMatch(/^(?:HTTP\/1\.1 408 |$)/); // a reset may overtake the answer
  });
});

describe('answers that nobody takes', () => {
  it('have a bound together over HTTP/1.1, and leave room when they have been taken', async () => {
    const port = await listenerWith(together(10, large));
    await using connection = await RawConnection.to(port);
    connection.send(head(`GET ${PATH} HTTP/1.1`, 'Host: x').repeat(10));
    const statuses = [...(await connection.until(/(?:HTTP\/1\.1 [^]*){10}(?:\}|x)$/)).matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    expect(statuses.filter((status) => status === '200').length).toBeGreaterThanOrEqual(3);
    expect(statuses.filter((status) => status === '429').length).toBeGreaterThanOrEqual(1);
    await using next = await RawConnection.to(port);
    next.send(head(`GET ${PATH} HTTP/1.1`, 'Host: x').repeat(10));
    expect((await next.until(/(?:HTTP\/1\.1 [^]*){10}(?:\}|x)$/)).match(/HTTP\/1\.1 200/g)!.length).toBeGreaterThanOrEqual(3);
  });

  it.each(['HTTP/1.1', 'HTTP/2'])('over %s leave room when their client leaves', async (protocol) => {
    const port = await listenerWith(large);
    const leavers = Array.from({ length: 4 }, () => {
      if (protocol === 'HTTP/2') {
        const session = http2To(port, { initialWindowSize: 0 });
        for (let count = 0; count < 3; count++) session.request({ ':path': PATH }).on('error', () => {});
        return () => session.destroy();
      }
      const socket = connect({ port, host: '127.0.0.1', onread: { buffer: Buffer.alloc(1), callback: () => false } });
      socket.on('error', () => {});
      // More and more, until the system takes no more for this connection and something waits in the sidecar.
      const asking = setInterval(() => socket.write(head(`GET ${PATH} HTTP/1.1`, 'Host: x').repeat(3)), 10);
      return () => {
        clearInterval(asking);
        socket.destroy();
      };
    });
    const client = HttpClient.to(port);
    await eventually('there is no room', async () => BUSY.test((await client.get(PATH)).body));
    for (const leave of leavers) leave();
    await eventually('there is room again', async () => (await client.get(PATH)).status === 200);
    client.close();
  });

  it('are given up when their client reads nothing, and not while it reads slowly', async () => {
    const connections = new HttpConnections(150);
    const server = createServer((socket) => {
      socket.on('error', () => {});
      connections.open(socket);
      socket.write(Buffer.alloc(16 * MEBIBYTE));
    }).listen(0, '127.0.0.1');
    closers.push(() => server.close(), () => connections.close());
    await once(server, 'listening');
    const open = async (): Promise<Socket> => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
      closers.push(() => socket.destroy());
      await once(socket, 'connect');
      return socket.pause();
    };
    const deaf = await open();
    const slow = await open();
    let read = 0;
    slow.on('readable', () => {});
    const reading = setInterval(() => (read += (slow.read(Math.min(slow.readableLength, 256 * 1024)) as Buffer | null)?.length ?? 0), 10);
    await eventually('the deaf one is gone', () => connections.size === 1);
    const soFar = read;
    await eventually('the slow one reads on', () => read > soFar + 3 * MEBIBYTE);
    clearInterval(reading);
    deaf.destroy();
  });
});

describe('an HTTP/2 connection', () => {
  it('on which nothing happens is left, and ended when its streams stand still', async () => {
    const port = await listenerWith(ok, { patience: { idleMs: 200 } });
    const idle = http2To(port);
    expect(await getOver(idle)).toEqual({ status: 204, body: '' });
    await within(10_000, 'the idle one is closed', once(idle, 'close'));
    const stuck = http2To(port);
    stuck.request({ ':method': 'POST', ':path': '/v1.0/state/store' }).on('error', () => {}).write('x');
    await within(10_000, 'the one with half a request is closed', once(stuck, 'close'));
  });

  it.each([[['ETag', '1', 'etag', '2']], [['content-type', 'a/b']], [['Age', '1', 'age', '1']], [['proxy-connection', 'x']], [['http2-settings', 'x']]])('survives a block that answers with %j', async (headers) => {
    const session = http2To(await listenerWith((call) => call.end(200, 0, headers, Buffer.from('1'))));
    for (let turn = 0; turn < 2; turn++) expect(await getOver(session)).toEqual({ status: 500, body: expect.stringMatching(/the block answered with headers that/) });
  });
});

describe('metadata that callers add', () => {
  const api = new MetadataApi({ version: '1' } as ConstructorParameters<typeof MetadataApi>[0]);
  const put = (key: string, value: string): Promise<unknown> => Promise.resolve(api.set({ http: true, params: [key], body: Buffer.from(value) } as unknown as Parameters<typeof api.set>[0], { onAnswer: () => {} } as unknown as Parameters<typeof api.set>[1]));

  it('has a bound on all of it, and may be replaced within it', async () => {
    for (const turn of [1, 2]) for (const key of ['a', 'b', 'c']) await put(key, String(turn).repeat(MEBIBYTE));
    await expect(put('d', 'x'.repeat(MEBIBYTE))).rejects.toThrow('metadata has no room for d: all keys and values may have 4194304 characters together');
    await put('a', '');
    await put('d', 'x'.repeat(MEBIBYTE));
  });
});
