// Block servers and kernels over TCP as programs: which starts are refused, what is said of certificates that do not fit, links in the clear,
// and `bulkhead probe`.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LinkTlsPaths } from '../kernel/remote/tls.ts';
import { eventually } from './harness/awaiting.ts';
import { startBlockServer, type BlockServer } from './harness/block-server.ts';
import { hasOpenssl, makeAuthority, type Authority } from './harness/certificates.ts';
import { runProgram } from './harness/program.ts';
import { startSidecar, type Sidecar } from './harness/sidecar.ts';

if (!hasOpenssl) process.stderr.write('SKIPPED: programs that speak TLS over TCP: this machine has no openssl to make certificates with\n');

const STATE = { name: 'statestore', type: 'state.in-memory' };
const portOf = ({ address }: BlockServer): number => Number(/:(\d+)$/.exec(address)?.[1]);
const tlsFlags = ({ cert, key, ca }: LinkTlsPaths, prefix = '--tls'): string[] => [`${prefix}-cert=${cert}`, `${prefix}-key=${key}`, `${prefix}-ca=${ca}`];

describe('links over TCP in the clear, by programs', () => {
  let server: BlockServer;
  beforeAll(async () => { server = await startBlockServer({ block: 'state', listen: 'tcp:127.0.0.1:0', flags: ['--plain-tcp'] }); });
  afterAll(() => server?.stop());

  it('serve calls where both ends allow them', async () => {
    await using sidecar = await startSidecar({ components: [STATE], flags: ['--blocks=state', server.flag, '--remote-plain-tcp'] });
    expect((await sidecar.client.send('POST', '/v1.0/state/statestore', { headers: { 'content-type': 'application/json' }, body: '[{"key":"k","value":1}]' })).status).toBe(204);
    expect((await sidecar.client.get('/v1.0/state/statestore/k')).body).toBe('1');
    expect(await sidecar.block('state')).toMatchObject({ mode: 'remote', transport: 'tcp', address: server.address });
    expect((await runProgram('probe', server.address, '--plain-tcp')).stdout).toMatch(/, serves 1 kernel\n$/);
  });

  it.each([
    [['--listen', 'tcp:127.0.0.1:0'], 'tcp:127.0.0.1:0: a link over TCP needs certificates; without them it must be allowed by a flag'],
    [['--listen', 'tcp:0.0.0.0:0', '--plain-tcp'], 'a link over TCP without TLS is possible on a loopback address alone, and 0.0.0.0 is none'],
    [['--listen', 'tcp:[::]:0', '--plain-tcp'], 'a link over TCP without TLS is possible on a loopback address alone, and :: is none'],
    [['--listen', 'tcp:127.0.0.1:0', '--tls-cert=/no/cert', '--tls-key=/no/key', '--tls-ca=/no/ca'], "--tls-cert: /no/cert can't be read: no such file or directory"],
  ])('are refused to a block server: %j', async (flags, reason) => {
    const { code, stdout } = await runProgram('block', 'state', ...flags);
    expect([code, stdout]).toEqual([1, expect.stringMatching(/level=fatal/)]);
    expect(stdout).toContain(reason);
  });

  it('are refused to a kernel that was not allowed them', async () => {
    await using sidecar = await startSidecar({ components: [STATE], flags: ['--blocks=state', server.flag], until: 'nothing' });
    expect(await sidecar.end()).toEqual({ code: 1, signal: null });
    expect(sidecar.logs.matching(/level=fatal.*a link over TCP needs certificates; .*--remote-tls-cert, --remote-tls-key and --remote-tls-ca, or, on a loopback address, --remote-plain-tcp/)).toHaveLength(1);
  });

  it('are found out by a probe', async () => {
    expect(await runProgram('probe', server.address, '--plain-tcp')).toEqual({ code: 0, stdout: expect.stringMatching(/^the state block, version \d\S*, serves \d kernels?\n$/), stderr: '' });
    const misused = await runProgram('probe', server.address);
    expect([misused.code, misused.stderr]).toEqual([2, expect.stringMatching(/^Usage: bulkhead probe [^]*\nError: "tcp:127\.0\.0\.1:\d+": a link over TCP needs certificates; .*, --plain-tcp\n$/)]);
  });
});

describe('a probe', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-probe-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('finds a block server behind a Unix socket', async () => {
    await using server = await startBlockServer({ block: 'lock' });
    expect(await runProgram('probe', server.address)).toEqual({ code: 0, stdout: expect.stringMatching(/^the lock block, version \d\S*, serves 0 kernels\n$/), stderr: '' });
    expect(server.logs.matching(/level=(warn|error)/)).toEqual([]);
    await server.crash();
    const late = await runProgram('probe', server.address);
    expect([late.code, late.stderr]).toEqual([1, `${server.address}: there is no such socket\n`]);
  });

  it('says what it has found instead', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const answer = (socket: Socket): void => void socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n');
    const [web, webToo] = [createServer(answer).listen(join(folder, 'web.sock')), createServer(answer).listen(0, '127.0.0.1')];
    await Promise.all([once(web, 'listening'), once(webToo, 'listening')]);
    const { port } = webToo.address() as AddressInfo;
    const ends = await Promise.all([runProgram('probe', `unix:${file}`), runProgram('probe', `unix:${join(folder, 'web.sock')}`), runProgram('probe', `tcp:127.0.0.1:${port}`, '--plain-tcp')]);
    for (const server of [web, webToo]) server.close();
    expect(ends.map(({ code, stdout }) => [code, stdout])).toEqual([[1, ''], [1, ''], [1, '']]);
    expect(ends.map(({ stderr }) => stderr)).toEqual([
      `unix:${file}: nobody listens there\n`, `unix:${join(folder, 'web.sock')}: it speaks something else\n`, `tcp:127.0.0.1:${port}: it is no block server: it does not speak bulkhead/1\n`,
    ]);
  });

  it.each<[readonly string[], string]>([
    [[], 'an address is needed: bulkhead probe unix:<path> or bulkhead probe tcp:<host>:<port>'], [['state'], 'invalid address "state": expected unix:<path> or tcp:<host>:<port>'],
    [['unix:state.sock'], 'invalid address "unix:state.sock": expected an absolute path'], [['tcp:127.0.0.1:0', '--plain-tcp'], 'invalid address "tcp:127.0.0.1:0": expected tcp:<host>:<port> with a port from 1'],
    [['tcp:127.0.0.1:1', '--tls-cert=a'], 'TLS needs --tls-key and --tls-ca, too'], [['unix:/a', '--tls-cert=a', '--tls-key=a', '--tls-ca=a'], '--tls-cert, --tls-key and --tls-ca are for TCP'],
    [['unix:/a', '--plain'], 'unknown flag: --plain'], [['unix:/a', 'unix:/b'], 'unexpected argument "unix:/b"'],
  ])('is told how it is used: %j', async (words, reason) => {
    const { code, stdout, stderr } = await runProgram('probe', ...words);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^Usage: bulkhead probe <address> \[flags\]\n/);
    expect(stderr).toContain(`\nError: ${reason}`);
  });

  it('tells how it is used when asked', async () => {
    const { code, stdout, stderr } = await runProgram('probe', '--help');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/--tls-name <name>/);
  });
});

describe.skipIf(!hasOpenssl)('links over TCP with TLS, by programs', () => {
  const [authority, stranger] = [makeAuthority(), makeAuthority('another authority')] as [Authority, Authority];
  let server: BlockServer;
  let kernel: LinkTlsPaths;
  beforeAll(async () => {
    kernel = authority.paths(authority.issue('kernel'));
    server = await startBlockServer({ block: 'state', listen: 'tcp:127.0.0.1:0', flags: [...tlsFlags(authority.paths(authority.issue('server', { names: ['DNS:state.example'] }))), '--tls-peers=kernel,server'] });
  });
  afterAll(async () => {
    await server?.stop();
    for (const each of [authority, stranger]) each?.remove();
  });

  it('are probed under the name of the certificate', async () => {
    expect((await runProgram('probe', server.address, ...tlsFlags(kernel), '--tls-name=state.example')).code).toBe(0);
    const { code, stderr } = await runProgram('probe', server.address, ...tlsFlags(kernel));
    expect([code, stderr]).toEqual([1, `${server.address}: its certificate is of another name: 127.0.0.1 is not among state.example\n`]);
    const unwanted = await runProgram('probe', server.address, ...tlsFlags(authority.paths(authority.issue('guest'))), '--tls-name=state.example');
    expect([unwanted.code, unwanted.stderr]).toEqual([1, `${server.address}: it does not let this client in: the names in its certificate (guest) are not among those that are let in\n`]);
    const plain = await runProgram('probe', server.address, '--plain-tcp');
    expect([plain.code, plain.stderr]).toEqual([1, `${server.address}: it ended the connection without a word: does it want TLS?\n`]);
  });

  it.each<[string, () => LinkTlsPaths, string]>([
    ['of another authority', () => ({ ...stranger.issue('kernel'), ca: authority.ca }), 'it does not accept it: its log says why'],
    ['that fit, for a server of another name', () => kernel, 'its certificate is of another name: 127.0.0.1 is not among state.example'],
    ['for another authority', () => stranger.paths(stranger.issue('kernel')), 'its certificate is not trusted: another authority has signed it'],
  ])('that can not be had with certificates %s: the log says why, and so do the actuator and a call', async (_, paths, reason) => {
    const named = reason.includes('does not accept') ? await startBlockServer({ block: 'state', listen: 'tcp:127.0.0.1:0', flags: tlsFlags(authority.paths(authority.issue('server', { names: ['IP:127.0.0.1'] }))) }) : undefined;
    await using sidecar = await startSidecar({ components: [STATE], flags: ['--blocks=state', (named ?? server).flag, ...tlsFlags(paths(), '--remote-tls')], until: 'listening' });
    try {
      await expectReason(sidecar, (named ?? server).address, reason);
    } finally {
      await named?.stop();
    }
  });

  async function expectReason(sidecar: Sidecar, address: string, reason: string): Promise<void> {
    const line = await sidecar.logs.waitFor(/level=(warn|error).*can't be reached at tcp:/, 20_000);
    expect(line).toContain(`it can't be reached at ${address}: `);
    expect(line).toContain(reason);
    expect(line.split(address).length).toBe(2); // said once
    const row = await eventually('the actuator knows', async () => {
      const found = await sidecar.block('state');
      return found.lastExit === undefined ? undefined : found;
    });
    expect(row?.lastExit).toContain(reason);
    expect((await sidecar.client.get('/v1.0/healthz')).status).toBe(500);
  }

  it('can not be had with half of the flags', async () => {
    await using sidecar = await startSidecar({ components: [STATE], flags: ['--blocks=state', `--block=state=remote:tcp:127.0.0.1:${portOf(server)}`, `--remote-tls-cert=${kernel.cert}`], until: 'nothing' });
    expect((await sidecar.end()).code).toBe(1);
    expect(sidecar.logs.matching(/level=fatal.*TLS to remote blocks needs --remote-tls-key and --remote-tls-ca, too/)).toHaveLength(1);
  });
});
