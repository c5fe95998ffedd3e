// Links over TCP: strangers who are slow, many, or speak something else; who may do without TLS, and where.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { dialTcp, listenTcp, plainProblem, type TcpListener, type TcpListenOptions } from '../kernel/remote/tcp.ts';
import { LinkTls } from '../kernel/remote/tls.ts';
import type { Log } from '../proto/log.ts';
import { eventually, within } from './harness/awaiting.ts';
import { hasOpenssl, makeAuthority } from './harness/certificates.ts';
import { memoryLog, type MemoryLog } from './support.ts';

if (!hasOpenssl) process.stderr.write('SKIPPED: bounds of links over TCP with TLS: this machine has no openssl to make certificates with\n');

const authority = makeAuthority();
afterAll(() => authority?.remove());
const tls = authority === undefined ? undefined : new LinkTls(authority.paths(authority.issue('both', { names: ['IP:127.0.0.1'] })), (part) => `--tls-${part}`, memoryLog() as unknown as Log);

const closers: (() => unknown)[] = [];
afterEach(async () => { for (const close of closers.splice(0)) await close(); });

async function listen(options: Partial<TcpListenOptions> = {}): Promise<{ readonly port: number; readonly accepted: Duplex[]; readonly log: MemoryLog; readonly listener: TcpListener }> {
  const log = memoryLog();
  const accepted: Duplex[] = [];
  const listener = await listenTcp({ host: '127.0.0.1', port: 0, tls: undefined, peers: [], handshakeMs: 10_000, maxPending: 16, log: log as unknown as Log, ...options }, (stream) => {
    accepted.push(stream);
    closers.push(() => stream.destroy());
  });
  closers.push(() => listener.close());
  return { port: listener.port, accepted, log, listener };
}

async function dial(port: number, material: LinkTls | undefined): Promise<Duplex> {
  const stream = await dialTcp({ host: '127.0.0.1', port, tls: material, timeoutMs: 10_000 });
  closers.push(() => stream.destroy());
  return stream;
}

interface Raw {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  /** What has come. */
  text(): string;
}

async function raw(port: number, bytes?: string | Buffer): Promise<Raw> {
  const socket = connect(port, '127.0.0.1');
  closers.push(() => socket.destroy());
  let text = '';
  const closed = new Promise((resolve) => void socket.once('close', resolve));
  socket.on('error', () => {}).on('data', (chunk: Buffer) => { text += chunk.toString('latin1'); });
  await within(10_000, 'it is connected', once(socket, 'connect'));
  if (bytes !== undefined) socket.write(bytes);
  return { socket, closed, text: () => text };
}

const GARBAGE: readonly [string, string | Buffer][] = [
  ['zeros', Buffer.alloc(20_000)], ['a request of the web', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'], ['a line', 'hello\n'],
  ['a record that is longer than TLS has them', Buffer.from([0x16, 3, 1, 0xff, 0xff, ...Buffer.alloc(600, 1)])],
];

for (const isSecure of [true, false]) {
  describe.skipIf(isSecure && tls === undefined)(`strangers at a listener ${isSecure ? 'with TLS' : 'in the clear'}`, () => {
    const options = { tls: isSecure ? tls : undefined };

    it.each(GARBAGE)('are left when they send %s, and nobody else notices', async (_, bytes) => {
      const { port, accepted, log } = await listen(options);
      const { closed } = await raw(port, bytes);
      await within(10_000, 'it is left', closed);
      await eventually('it is in the log', () => log.records.length > 0);
      expect(log.texts('warn')).toEqual([expect.stringMatching(isSecure ? /could not shake hands: / : /speaks something else than bulkhead\/1$|spoke TLS, and this listener is a plain one$/)]);
      await dial(port, options.tls);
      await eventually('another one is in', () => accepted.length === 1);
    });

    it('may look whether the port is open', async () => {
      const { port, log, accepted } = await listen(options);
      const [polite, rude] = [await raw(port), await raw(port)];
      polite.socket.end();
      rude.socket.resetAndDestroy();
      await within(10_000, 'they are gone', Promise.all([polite.closed, rude.closed]));
      await dial(port, options.tls);
      await eventually('another one is in', () => accepted.length === 1);
      expect(log.records).toEqual([]);
    });

    it.each([['nothing', ''], ['one byte', isSecure ? '\x16' : 'b']])('are left when they are slow: they send %s', async (_, bytes) => {
      const { port, log } = await listen({ ...options, handshakeMs: 50 });
      const { closed } = await raw(port, Buffer.from(bytes, 'latin1'));
      await within(10_000, 'it is left', closed);
      expect(log.texts('warn')).toEqual([expect.stringMatching(/^a connection from 127\.0\.0\.1:\d+ was refused: it was not in after 50 ms$/)]);
    });

    it('are so many and no more, whoever is in earnest is let in beside them, and the log stays short', async () => {
      const { port, accepted, log } = await listen({ ...options, maxPending: 8, handshakeMs: 600_000 });
      const flood = await Promise.all(Array.from({ length: 200 }, () => raw(port)));
      const open = () => flood.filter(({ socket }) => !socket.destroyed && !socket.readableEnded).length;
      await eventually('all but those that have a place are left', () => open() === 8);
      await dial(port, options.tls); // the one that has waited longest makes room
      await eventually('it is in', () => accepted.length === 1);
      expect(open()).toBe(7);
      await eventually('the rest is summed up', () => log.texts('warn').some((text) => /^\d+ more connections were refused$/.test(text)));
      expect(log.records.length).toBeLessThan(20);
      expect(log.texts('warn')[0]).toMatch(/^a connection from 127\.0\.0\.1:\d+ was refused: it has made room for others: 8 connections are shaking hands$/);
    });

    it('are left when the listener closes, and the port is free; who is in stays', async () => {
      const { port, accepted, listener } = await listen(options);
      const client = await dial(port, options.tls);
      const [stranger] = [await raw(port), await eventually('one is in', () => accepted.length === 1)];
      await listener.close();
      await listener.close();
      await within(10_000, 'it is left', stranger.closed);
      await listen({ ...options, port });
      const inside = accepted[0] as Duplex;
      inside.write('still here');
      const [chunk] = (await within(10_000, 'it comes', once(client, 'data'))) as [Buffer];
      expect(String(chunk)).toBe('still here');
    });
  });
}

describe('links over TCP in the clear', () => {
  it.each(['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1', 'localhost'])('may be had at %s, if a flag says so', (host) => {
    expect(plainProblem(host, true)).toBeUndefined();
    expect(plainProblem(host, false)).toBe('a link over TCP needs certificates; without them it must be allowed by a flag, and anybody on this machine can use it');
  });

  it.each(['', '0.0.0.0', '::', '10.0.0.7', '128.0.0.1', 'fe80::1', '::ffff:10.0.0.7', 'example.com', 'localhost.example.com', '127.0.0.1.example.com', '0x7f.1', '2130706433'])('may not be had at %j, whatever a flag says', async (host) => {
    for (const allowed of [true, false]) expect(plainProblem(host, allowed)).toMatch(/^a link over TCP without TLS is possible on a loopback address alone, and .* none: certificates are needed$/);
    await expect(listen({ host })).rejects.toThrow('certificates are needed');
    await expect(dialTcp({ host, port: 1, tls: undefined, timeoutMs: 10_000 })).rejects.toThrow('certificates are needed');
  });

  it('carry bytes both ways, at an address and at localhost', async () => {
    for (const host of ['127.0.0.1', 'localhost']) {
      const { port, accepted } = await listen({ host });
      const client = await dialTcp({ host, port, tls: undefined, timeoutMs: 10_000 });
      closers.push(() => client.destroy());
      const server = await eventually('it is accepted', () => accepted[0]) as Duplex;
      client.write('ping');
      server.write('pong');
      const chunks = (await within(10_000, 'both come', Promise.all([once(server, 'data'), once(client, 'data')]))) as [Buffer][];
      expect(chunks.map(([chunk]) => String(chunk))).toEqual(['ping', 'pong']);
    }
  });

  it('lose nothing that came with the first line, at either end', async () => {
    const { port, accepted } = await listen();
    await raw(port, 'bulkhead/1\nand more');
    const server = await eventually('it is accepted', () => accepted[0]) as Duplex;
    const hasty = createServer((socket) => {
      closers.push(() => socket.destroy());
      socket.write('bulkhead/1 ok\nand more');
    }).listen(0, '127.0.0.1');
    closers.push(() => hasty.close());
    await once(hasty, 'listening');
    const client = await dial((hasty.address() as AddressInfo).port, undefined);
    const chunks = (await within(10_000, 'both come', Promise.all([once(server, 'data'), once(client, 'data')]))) as [Buffer][];
    expect(chunks.map(([chunk]) => String(chunk))).toEqual(['and more', 'and more']);
  });

  it('that meet TLS say so, at either end', async ({ skip }) => {
    if (tls === undefined) return skip('openssl is not installed');
    const [plain, secure] = [await listen(), await listen({ tls })];
    await expect(dial(plain.port, tls)).rejects.toThrow('it does not speak TLS');
    expect(plain.log.texts('warn')).toEqual([expect.stringContaining('it spoke TLS, and this listener is a plain one')]);
    await expect(dial(secure.port, undefined)).rejects.toThrow('it ended the connection without a word: does it want TLS?');
    await eventually('it is in the log', () => secure.log.records.length > 0);
    expect(secure.log.texts('warn')).toEqual([expect.stringContaining('it could not shake hands: it does not speak TLS')]);
  });

  it('fail in time when the other end says nothing', async () => {
    const silent = createServer((socket) => { closers.push(() => socket.destroy()); }).listen(0, '127.0.0.1');
    closers.push(() => silent.close());
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    await expect(dialTcp({ host: '127.0.0.1', port, tls: undefined, timeoutMs: 50 })).rejects.toThrow('it took the connection, but said nothing within 50 ms: does it want TLS?');
  });

  it('wait for a port that another program is just leaving', async () => {
    const { port, listener } = await listen();
    const next = listen({ port });
    await listener.close();
    expect((await next).port).toBe(port);
  });
});
