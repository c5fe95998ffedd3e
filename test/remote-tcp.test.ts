// Links over TCP: who is let in and who is not, what either end says of it, and what a change of certificates means for the next one.
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connect as connectTls, createServer as createTlsServer, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { loadLibc } from '../ipc/libc.ts';
import { dialTcp, listenTcp, type TcpListener, type TcpListenOptions } from '../kernel/remote/tcp.ts';
import { LinkTls, type LinkTlsPaths } from '../kernel/remote/tls.ts';
import type { Log } from '../proto/log.ts';
import { eventually, within } from './harness/awaiting.ts';
import { hasOpenssl, makeAuthority, pem, type Authority, type Issued } from './harness/certificates.ts';
import { memoryLog, type MemoryLog } from './support.ts';

if (!hasOpenssl) process.stderr.write('SKIPPED: links over TCP with TLS: this machine has no openssl to make certificates with\n');

interface Accepted {
  readonly stream: Duplex;
  readonly peer: string;
}

describe.skipIf(!hasOpenssl)('links over TCP with TLS', () => {
  const made = (name: string): Authority => (hasOpenssl ? (makeAuthority(name) as Authority) : (undefined as unknown as Authority));
  const [authority, stranger] = [made('our authority'), made('another authority')];
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-tcp-'));
  afterAll(() => {
    for (const each of [authority, stranger]) each.remove();
    rmSync(folder, { recursive: true, force: true });
  });
  const LOCAL = ['DNS:localhost', 'IP:127.0.0.1'];
  const server = hasOpenssl ? authority.issue('server', { names: LOCAL }) : ({} as Issued);
  const kernel = hasOpenssl ? authority.issue('kernel', { names: ['DNS:kernel-a', 'URI:spiffe://cluster/ns/a'] }) : ({} as Issued);

  const closers: (() => unknown)[] = [];
  afterEach(async () => { for (const close of closers.splice(0)) await close(); });

  const tlsOf = (paths: LinkTlsPaths, log: MemoryLog = memoryLog()): LinkTls => new LinkTls(paths, (part) => `--tls-${part}`, log as unknown as Log);
  const ours = (issued: Issued): LinkTls => tlsOf(authority.paths(issued));

  async function listen(options: Partial<TcpListenOptions> = {}): Promise<{ readonly port: number; readonly accepted: Accepted[]; readonly log: MemoryLog; readonly listener: TcpListener }> {
    const log = memoryLog();
    const accepted: Accepted[] = [];
    const listener = await listenTcp({ host: '127.0.0.1', port: 0, tls: ours(server), peers: [], handshakeMs: 10_000, maxPending: 16, log: log as unknown as Log, ...options }, (stream, peer) => {
      accepted.push({ stream, peer });
      closers.push(() => stream.destroy());
    });
    closers.push(() => listener.close());
    return { port: listener.port, accepted, log, listener };
  }

  async function dial(port: number, tls: LinkTls | undefined, host = '127.0.0.1'): Promise<Duplex> {
    const stream = await dialTcp({ host, port, tls, timeoutMs: 10_000 });
    closers.push(() => stream.destroy());
    return stream;
  }

  const refusal = async (port: number, tls: LinkTls | undefined, host?: string): Promise<string> => {
    try {
      await dial(port, tls, host);
      return 'none';
    } catch (cause) {
      return (cause as Error).message;
    }
  };

  const textFrom = async (stream: Duplex, length: number): Promise<string> => {
    let text = '';
    stream.on('data', (chunk: Buffer) => { text += chunk.toString('latin1'); });
    await eventually(`${length} characters have come`, () => text.length >= length);
    return text;
  };

  /** Whatever else listens: what a client makes of it. */
  async function foreign(foreigner: Server): Promise<number> {
    foreigner.listen(0, '127.0.0.1');
    await once(foreigner, 'listening');
    closers.push(() => foreigner.close());
    return (foreigner.address() as AddressInfo).port;
  }

  it('let in a kernel whose certificate the authority has signed, and carry bytes both ways', async () => {
    const { port, accepted, log } = await listen();
    for (const host of ['127.0.0.1', 'localhost']) {
      const client = await dial(port, ours(kernel), host) as TLSSocket;
      const { stream, peer } = await eventually('it is accepted', () => accepted.pop()) as Accepted;
      expect(peer).toBe(`127.0.0.1:${client.localPort}, CN=kernel`);
      expect([client.getProtocol(), client.alpnProtocol, client.authorized, (stream as TLSSocket).authorized]).toEqual(['TLSv1.3', 'bulkhead/1', true, true]);
      client.write('from the kernel');
      stream.write('from the server');
      expect(await Promise.all([textFrom(stream, 15), textFrom(client, 15)])).toEqual(['from the kernel', 'from the server']);
      stream.end();
      await within(10_000, 'the other end sees it', once(client, 'close'));
    }
    expect(log.records).toEqual([]);
  });

  it('are ended by the system at either end when the network is cut, with something on its way or without', async () => {
    const { port, accepted } = await listen();
    const client = await dial(port, ours(kernel));
    const { stream } = await eventually('it is accepted', () => accepted.pop()) as Accepted;
    const [IPPROTO_TCP, TCP_USER_TIMEOUT, SOL_SOCKET, SO_KEEPALIVE] = [6, 18, 1, 9];
    for (const end of [client, stream]) {
      const option = (level: number, name: number): number | undefined => {
        const value = new Uint32Array(1);
        loadLibc().getsockopt((end as unknown as { readonly _handle: { readonly fd: number } })._handle.fd, level, name, value, new Uint32Array([4]));
        return value[0];
      };
      expect([option(IPPROTO_TCP, TCP_USER_TIMEOUT), option(SOL_SOCKET, SO_KEEPALIVE)]).toEqual([20_000, 1]);
    }
  });

  it('lose nothing of what is sent before anybody reads', async () => {
    const { port, accepted } = await listen();
    const bytes = Buffer.alloc(300_000, 'x');
    const client = await dial(port, ours(kernel));
    client.write(bytes);
    const { stream } = await eventually('it is accepted', () => accepted.pop()) as Accepted;
    stream.write(bytes);
    await eventually('some has come at both ends', () => client.readableLength > 0 && stream.readableLength > 0); // nobody listens, and it waits there
    expect((await Promise.all([textFrom(stream, bytes.length), textFrom(client, bytes.length)])).map((text) => text.length)).toEqual([bytes.length, bytes.length]);
  });

  it.each<[string, () => LinkTls, string, RegExp]>([
    ['of another authority', () => tlsOf({ ...stranger.issue('kernel', { names: ['DNS:kernel-a'] }), ca: authority.ca }), "it ended the connection when it had seen this end's certificate, so it does not accept it: its log says why", /it has a certificate that is not accepted: UNABLE_TO_VERIFY_LEAF_SIGNATURE$/],
    ['that has expired', () => ours(authority.issue('late', { days: -1 })), "it ended the connection when it had seen this end's certificate, so it does not accept it: its log says why", /not accepted: CERT_HAS_EXPIRED$/],
    ['for servers alone', () => ours(authority.issue('page', { purpose: 'serverAuth' })), "it ended the connection when it had seen this end's certificate, so it does not accept it: its log says why", /not accepted: INVALID_PURPOSE$/],
    ['that it has signed itself', () => tlsOf({ cert: stranger.ca, key: join(stranger.folder, 'ca.key'), ca: authority.ca }), "it ended the connection when it had seen this end's certificate, so it does not accept it: its log says why", /not accepted: (DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_\w+)$/],
  ])('do not let in a kernel with a certificate %s', async (_, tls, told, logged) => {
    const { port, accepted, log } = await listen();
    expect(await refusal(port, tls())).toBe(told);
    await eventually('it is in the log', () => log.records.length > 0);
    expect(log.texts('warn')).toEqual([expect.stringMatching(logged)]);
    expect(log.texts('warn')[0]).toMatch(/^a connection from 127\.0\.0\.1:\d+ was refused: it /);
    expect(accepted).toEqual([]);
    await dial(port, ours(kernel)); // nobody else has suffered
  });

  it.each<[string, ConnectionOptions, RegExp, RegExp]>([
    ['without a certificate', { cert: undefined, key: undefined }, /CERTIFICATE_REQUIRED/, /could not shake hands: peer did not return a certificate$/],
    ['that speaks an older TLS', { maxVersion: 'TLSv1.2' }, /PROTOCOL_VERSION/, /could not shake hands: unsupported protocol$/],
    ['that means another protocol', { ALPNProtocols: ['h2'] }, /NO_APPLICATION_PROTOCOL/, /could not shake hands: no application protocol$/],
    ['that means no protocol', { ALPNProtocols: undefined }, /^closed$/, /did not say that it speaks bulkhead\/1$/],
  ])('do not let in a client %s', async (_, options, told, logged) => {
    const { port, accepted, log } = await listen();
    const socket = connectTls({ host: '127.0.0.1', port, ca: pem(authority.ca), cert: pem(kernel.cert), key: pem(kernel.key), ALPNProtocols: ['bulkhead/1'], ...options });
    let code = 'closed';
    socket.on('error', (cause) => { code = String((cause as NodeJS.ErrnoException).code); }).on('secureConnect', () => socket.write('bulkhead/1\n')).resume();
    await within(10_000, 'it is cut off', new Promise((resolve) => void socket.once('close', resolve)));
    expect(code === 'ECONNRESET' ? 'closed' : code).toMatch(told);
    await eventually('it is in the log', () => log.records.length > 0);
    expect(log.texts('warn')).toEqual([expect.stringMatching(logged)]);
    expect(accepted).toEqual([]);
  });

  it('let in those whose certificate bears a name that is wanted, of any kind', async () => {
    const dials: [string, Issued][] = [
      ['KERNEL-A', kernel], ['spiffe://cluster/ns/a', kernel],
      ['10.1.2.3', authority.issue('addressed', { names: ['IP:10.1.2.3'] })], ['2001:db8::1', authority.issue('six', { names: ['IP:2001:db8:0:0::1'] })],
      ['a@example.com', authority.issue('mail', { names: ['email:a@example.com'] })], ['old-style', authority.issue('old-style')],
    ];
    for (const [name, issued] of dials) {
      const { port, accepted } = await listen({ peers: ['nobody', name] });
      await dial(port, ours(issued));
      await eventually(`${name} is let in`, () => accepted.length === 1);
    }
  });

  it('do not let in others, and say which names they have', async () => {
    const { port, accepted, log } = await listen({ peers: ['kernel', 'spiffe://cluster/ns/A', 'kernel-*', 'evil'] }); // a common name counts only where there is no other
    expect(await refusal(port, ours(kernel))).toBe('it does not let this client in: the names in its certificate (kernel-a, spiffe://cluster/ns/a) are not among those that are let in');
    const smuggler = authority.issue('smuggler', { names: ['DNS:a, DNS:evil, URI:evil'], common: '' }); // one name, which only looks like three
    expect(await refusal(port, ours(smuggler))).toContain('the names in its certificate (a, DNS:evil, URI:evil) are not among those');
    expect(log.texts('warn')).toEqual([expect.stringMatching(/^a connection from 127\.0\.0\.1:\d+ was refused: it has a certificate of kernel-a, spiffe:\/\/cluster\/ns\/a, which is not among those that are let in$/), expect.stringContaining('it has a certificate of a, DNS:evil, URI:evil, which is not')]);
    expect(accepted).toEqual([]);
  });

  it.each<[string, () => LinkTls, string, RegExp]>([
    ['of another authority', () => tlsOf(stranger.paths(stranger.issue('server', { names: LOCAL }))), 'its certificate is not trusted: another authority has signed it', /./],
    ['that has expired', () => ours(authority.issue('server', { names: LOCAL, days: -1 })), 'its certificate has expired', /./],
    ['of another name', () => ours(authority.issue('server', { names: ['DNS:state.example', 'IP:10.0.0.7'] })), 'its certificate is of another name: 127.0.0.1 is not among state.example, 10.0.0.7', /./],
    ['for clients alone', () => ours(authority.issue('server', { names: LOCAL, purpose: 'clientAuth' })), 'its certificate is not meant for a server: extendedKeyUsage lacks serverAuth', /./],
    ['of a common name, which does for no server', () => ours(authority.issue('127.0.0.1')), 'its certificate is of another name: 127.0.0.1 is not among 127.0.0.1', /./],
  ])('are not made to a server with a certificate %s', async (_, tls, told) => {
    const { port, accepted, log } = await listen({ tls: tls() });
    expect(await refusal(port, ours(kernel))).toBe(told);
    await eventually('it is in the log', () => log.records.length > 0);
    expect(log.texts('warn')).toEqual([expect.stringContaining('it may not trust this certificate, or it knows this server by another name')]);
    expect(accepted).toEqual([]);
  });

  it('say in a line why there is no link: nobody there, no TLS, another server, silence, an unknown name', async () => {
    const { port, listener } = await listen();
    await listener.close();
    expect(await refusal(port, ours(kernel))).toBe('connection refused: nothing listens there');
    const web = await foreign(createTcpServer((socket) => void socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))));
    expect(await refusal(web, ours(kernel))).toBe('it does not speak TLS');
    const secureWeb = await foreign(createTlsServer({ cert: pem(server.cert), key: pem(server.key) }, (socket) => void socket.on('error', () => {}).end('HTTP/1.1 200 OK\r\n\r\n')));
    expect(await refusal(secureWeb, ours(kernel))).toBe('it is no block server: it did not say that it speaks bulkhead/1');
    const liar = await foreign(createTlsServer({ cert: pem(server.cert), key: pem(server.key), ALPNProtocols: ['bulkhead/1'] }, (socket) => void socket.on('error', () => {}).end(`${'\x1b[31m'.repeat(300)}`)));
    expect(await refusal(liar, ours(kernel))).toBe('it is no block server: it does not speak bulkhead/1');
    const rude = await foreign(createTcpServer((socket) => void socket.on('error', () => {}).destroy()));
    expect(await refusal(rude, ours(kernel))).toBe('it ended the connection before it had shaken hands: does it speak TLS?');
    const silent = await foreign(createTcpServer((socket) => { closers.push(() => socket.destroy()); }));
    await expect(dialTcp({ host: '127.0.0.1', port: silent, tls: ours(kernel), timeoutMs: 50 })).rejects.toThrow(`it took the connection, but did not shake hands within 50 ms`);
    await expect(dialTcp({ host: 'no-such-host.invalid', port: 1, tls: ours(kernel), timeoutMs: 10_000 })).rejects.toThrow(/^the name (is unknown|could not be looked up just now)$/);
    const given = AbortSignal.abort(new Error('the kernel ends'));
    await expect(dialTcp({ host: '127.0.0.1', port: silent, tls: ours(kernel), timeoutMs: 10_000, signal: given })).rejects.toThrow('the kernel ends');
    const later = new AbortController();
    const dialling = dialTcp({ host: '127.0.0.1', port: silent, tls: ours(kernel), timeoutMs: 10_000, signal: later.signal });
    later.abort(new Error('the kernel ends, too'));
    await expect(dialling).rejects.toThrow('the kernel ends, too');
  });

  describe('when certificates change', () => {
    const place = (name: string) => {
      const paths = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`), ca: join(folder, `${name}.ca`) };
      return {
        paths,
        put({ cert, key }: Issued, ...authorities: readonly Authority[]): void {
          cpSync(cert, paths.cert);
          cpSync(key, paths.key);
          writeFileSync(paths.ca, Buffer.concat(authorities.map(({ ca }) => pem(ca))));
        },
      };
    };

    it('show the new one to the next client, and keep the connections there are', async () => {
      const files = place('renewed');
      files.put(server, authority);
      const { port, accepted } = await listen({ tls: tlsOf(files.paths) });
      const first = await dial(port, ours(kernel)) as TLSSocket;
      expect(first.getPeerCertificate().subject.CN).toBe('server');
      files.put(authority.issue('renewed', { names: LOCAL }), authority);
      const second = await dial(port, ours(kernel)) as TLSSocket;
      expect(second.getPeerCertificate().subject.CN).toBe('renewed');
      writeFileSync(files.paths.cert, 'half');
      expect((await dial(port, ours(kernel)) as TLSSocket).getPeerCertificate().subject.CN).toBe('renewed');
      await eventually('all three are in', () => accepted.length === 3);
      first.write('still there');
      expect(await textFrom((accepted[0] as Accepted).stream, 11)).toBe('still there');
    });

    it('go over to another authority at both ends, by way of trusting both', async () => {
      const [there, here] = [place('server-side'), place('kernel-side')];
      there.put(server, authority);
      here.put(kernel, authority);
      const [serverTls, kernelTls] = [tlsOf(there.paths), tlsOf(here.paths)];
      const { port } = await listen({ tls: serverTls });
      const [newServer, newKernel] = [stranger.issue('server', { names: LOCAL }), stranger.issue('kernel')];
      await dial(port, kernelTls);
      for (const step of [
        () => { there.put(server, authority, stranger); here.put(kernel, authority, stranger); }, () => here.put(newKernel, authority, stranger),
        () => there.put(newServer, authority, stranger), () => { there.put(newServer, stranger); here.put(newKernel, stranger); },
      ]) {
        step();
        await dial(port, kernelTls);
      }
      expect(await refusal(port, ours(kernel))).toContain('its certificate is not trusted');
    });

    it('do not let in a client with a session of a time when its certificate was good', async () => {
      const files = place('withdrawn');
      files.put(server, authority);
      const { port, accepted, log } = await listen({ tls: tlsOf(files.paths) });
      const sessions: Buffer[] = [];
      const connect = async (session?: Buffer): Promise<{ readonly reused: boolean; readonly code: string }> => {
        const socket = connectTls({ host: '127.0.0.1', port, ca: pem(authority.ca), cert: pem(kernel.cert), key: pem(kernel.key), ALPNProtocols: ['bulkhead/1'], session });
        closers.push(() => socket.destroy());
        let code = 'cut off';
        let reused = false;
        socket.on('session', (offered: Buffer) => sessions.push(offered)).on('error', (cause) => { code = String((cause as NodeJS.ErrnoException).code); });
        socket.once('secureConnect', () => { reused = socket.isSessionReused(); socket.write('bulkhead/1\n'); }).once('data', () => { code = 'in'; socket.end(); }).resume();
        await within(10_000, 'it is over', new Promise((resolve) => void socket.once('close', resolve)));
        return { reused, code };
      };
      expect(await connect()).toEqual({ reused: false, code: 'in' });
      const session = await eventually('a session is offered', () => sessions.at(-1)) as Buffer;
      expect(await connect(session)).toEqual({ reused: false, code: 'in' }); // it shows its certificate again
      writeFileSync(files.paths.ca, pem(stranger.ca));
      const late = await connect(session);
      expect([late.reused, late.code]).not.toContain('in');
      expect(late.reused).toBe(false);
      expect(accepted).toHaveLength(2);
      await eventually('it is in the log', () => log.texts('warn').some((text) => text.includes('not accepted: ')));
    });
  });
});
