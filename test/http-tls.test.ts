// The HTTP API behind TLS (`--api-tls-cert`, `--api-tls-key`): HTTP/1.1 and HTTP/2 by what the handshake agrees on, clients that
// can't shake hands, certificates that can't be used; and several listeners on one port.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, request } from 'node:https';
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { openHttpServer, type HttpServerOptions } from '../kernel/http-server.ts';
import { openTlsAcceptor } from '../kernel/http-tls.ts';
import type { Listener } from '../kernel/listener.ts';
import { eventually, within } from './harness/awaiting.ts';
import { HttpClient, RawConnection } from './harness/http.ts';
import { startSidecar } from './harness/sidecar.ts';
import { freePort } from './servers/process.ts';
import { makeCertificates, type Certificates } from './servers/redis.ts';

const certificates = makeCertificates();
if (certificates === undefined) process.stderr.write('SKIPPED: TLS of the HTTP API: this machine has no openssl to make a certificate with\n');
afterAll(() => certificates?.remove());

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

/** A listener that answers with the protocol and the path. */
async function listen(options: Partial<HttpServerOptions>): Promise<{ readonly listener: Listener; readonly port: number }> {
  const listener = openHttpServer({
    addresses: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }], maxHeaderBytes: 4_096, h2c: true, log: () => {},
    handle: (req, res, connection) => {
      res.setHeader('x-connection', connection === undefined ? 'stream' : 'connection');
      res.end(`${req.httpVersion} ${req.url}`);
    },
    ...options,
  });
  closers.push(() => listener.close());
  const [address = ''] = await listener.listen();
  return { listener, port: Number(address.split(':')[1]) };
}

describe.skipIf(certificates === undefined)('the HTTP API behind TLS', () => {
  const { authority, certificate, key } = certificates as Certificates;
  const tls = { cert: Buffer.from(certificate), key: Buffer.from(key) };
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: authority });
  afterAll(() => agent.destroy());

  async function get(port: number, path: string): Promise<{ readonly status: number | undefined; readonly body: string; readonly isReused: boolean }> {
    const outgoing = request({ host: '127.0.0.1', port, path, agent }).end();
    const [response] = (await within(10_000, `${path} is answered`, once(outgoing, 'response'))) as [AsyncIterable<Buffer> & { readonly statusCode?: number }];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    return { status: response.statusCode, body: Buffer.concat(chunks).toString(), isReused: outgoing.reusedSocket };
  }

  const shake = async (port: number, protocols: string[] | undefined): Promise<TLSSocket> => {
    const socket = connectTls({ host: '127.0.0.1', port, ca: authority, ...(protocols === undefined ? {} : { ALPNProtocols: protocols }) });
    closers.push(() => socket.destroy());
    socket.on('error', () => {});
    await within(10_000, 'they have shaken hands', once(socket, 'secureConnect'));
    return socket;
  };

  it('keeps a connection for one request after the other, and counts it', async () => {
    const { listener, port } = await listen({ tls });
    expect(await get(port, '/a')).toEqual({ status: 200, body: '1.1 /a', isReused: false });
    expect(await get(port, '/b')).toEqual({ status: 200, body: '1.1 /b', isReused: true });
    expect(listener.connections).toBe(1);
  });

  it('speaks HTTP/2 where the client offers it, unless it is turned off', async () => {
    const { port } = await listen({ tls });
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: authority });
    closers.push(() => session.destroy());
    const stream = session.request({ ':path': '/two' });
    const [headers] = (await within(10_000, 'the stream is answered', once(stream, 'response'))) as [Record<string, unknown>];
    let body = '';
    for await (const chunk of stream) body += String(chunk);
    expect([headers[':status'], headers['x-connection'], body]).toEqual([200, 'stream', '2.0 /two']);
    expect((await shake(port, ['h2', 'http/1.1'])).alpnProtocol).toBe('h2');
    expect((await shake(port, ['http/1.1'])).alpnProtocol).toBe('http/1.1');
    expect((await shake((await listen({ tls, h2c: false })).port, ['h2', 'http/1.1'])).alpnProtocol).toBe('http/1.1');
  });

  it('speaks HTTP/1.1 with a client that offers nothing, and upgrades to nothing else', async () => {
    const socket = await shake((await listen({ tls })).port, undefined);
    socket.write('GET /old HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect([socket.alpnProtocol, text]).toEqual([false, expect.stringMatching(/^HTTP\/1\.1 200 OK\r\n[^]*1\.1 \/old/)]);
  });

  it('ends whoever speaks plain text or an outdated version, and serves the others on', async () => {
    const { listener, port } = await listen({ tls });
    await using plain = await RawConnection.to(port);
    plain.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await within(10_000, 'plain text is ended', plain.closed);
    expect(plain.text).not.toContain('HTTP');
    const old = connectTls({ host: '127.0.0.1', port, ca: authority, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
    const [cause] = (await within(10_000, 'TLS 1.1 is refused', once(old, 'error'))) as [Error];
    expect(cause.message).toMatch(/protocol|version|alert/i);
    expect(await get(port, '/still')).toMatchObject({ status: 200, body: '1.1 /still' });
    await eventually('only the good one is left', () => listener.connections === 1);
  });

  it('lets an answer under way finish when it is drained, and drops who is still shaking hands', async () => {
    let answer: (() => void) | undefined;
    const { listener, port } = await listen({ tls, handle: (_, res) => void (answer = () => void res.end('late')) });
    const socket = await shake(port, ['http/1.1']);
    socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    const silent = connectTcp(port, '127.0.0.1');
    closers.push(() => silent.destroy());
    silent.on('error', () => {});
    await eventually('both are there', () => listener.connections === 2);
    await eventually('it is asked', () => answer !== undefined);
    const drained = listener.drain(10_000);
    await within(5_000, 'the silent one is ended', once(silent, 'close'));
    answer?.();
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*Connection: close\r\n[^]*late/);
    await within(5_000, 'it is drained', drained);
  });

  it('gives a handshake only so long', async () => {
    const acceptor = openTlsAcceptor(tls, ['http/1.1'], 50);
    let ready = 0;
    const server = createServer((socket: Socket) => acceptor.accept(socket, () => ready++));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close());
    const silent = connectTcp((server.address() as AddressInfo).port, '127.0.0.1');
    silent.on('error', () => {});
    await within(5_000, 'it is cut off', once(silent.resume(), 'close'));
    expect(ready).toBe(0);
  });

  it('names what is wrong with a certificate', async () => {
    const other = makeCertificates() as Certificates;
    other.remove();
    await expect(listen({ tls: { cert: tls.cert, key: Buffer.from(other.key) } })).rejects.toThrow(/^--api-tls-cert and --api-tls-key can't be used together: .*mismatch/i);
    await expect(listen({ tls: { cert: Buffer.from('nothing'), key: tls.key } })).rejects.toThrow(/^--api-tls-cert and --api-tls-key can't be used together: /);
  });

  it('is what a sidecar with a certificate has, and its public port has not', async () => {
    const { folder } = certificates as Certificates;
    const [cert, keyFile] = [join(folder, 'api.crt'), join(folder, 'api.key')];
    writeFileSync(cert, certificate);
    writeFileSync(keyFile, key);
    const publicPort = await freePort();
    await using sidecar = await startSidecar({ isolation: 'monolith', components: [{ name: 'memory', type: 'state.in-memory' }], until: 'listening', flags: [`--api-tls-cert=${cert}`, `--api-tls-key=${keyFile}`, `--dapr-public-port=${publicPort}`, '--dapr-public-listen-address=127.0.0.1'] });
    await eventually('it is healthy', async () => (await get(sidecar.httpPort, '/v1.0/healthz')).status === 204);
    expect(JSON.parse((await get(sidecar.httpPort, '/v1.0/metadata')).body)).toMatchObject({ id: 'app' });
    const open = HttpClient.to(publicPort);
    closers.push(() => open.close());
    expect(await open.get('/v1.0/healthz')).toMatchObject({ status: 204 });
  });
});

it('several listeners share a port, and each connection is one\'s', async () => {
  const named = (name: string): Partial<HttpServerOptions> => ({ reusePort: true, handle: (_, res) => void res.end(name) });
  const first = await listen(named('first'));
  await listen({ ...named('second'), addresses: [{ kind: 'tcp', host: '127.0.0.1', port: first.port }] });
  const seen = new Set<string>();
  await eventually('both have answered', async () => {
    const client = HttpClient.to(first.port);
    seen.add((await client.get('/')).body);
    client.close();
    return seen.size === 2;
  });
  first.listener.close();
  const client = HttpClient.to(first.port);
  closers.push(() => client.close());
  expect((await client.get('/')).body).toBe('second');
});
