// The gRPC port as everyday tools see it, none of which knows of gRPC: curl, nghttp and h2load, with and without TLS.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { GetStateRequest, GetStateResponse, SaveStateRequest } from '../proto/gen/dapr/proto/runtime/v1/state.ts';
import { startSidecar, type Sidecar } from './harness/sidecar.ts';
import type { Availability } from './servers/install.ts';
import { makeCertificates, type Certificates } from './servers/redis.ts';

const run = promisify(execFile);
const SERVICE = '/dapr.proto.runtime.v1.Dapr/';
const GRPC_HEADERS = ['-H', 'content-type: application/grpc', '-H', 'te: trailers'];
const VALUE = '"a value"';
const RUN_MS = 60_000;

const curl = await curlWithHttp2();
const nghttp2 = inject('nghttp2');
for (const [name, tool] of Object.entries({ curl, 'nghttp and h2load': nghttp2 })) {
  if (!tool.available) process.stderr.write(`SKIPPED: "${name} on the gRPC port": ${tool.reason}\n`);
}

async function curlWithHttp2(): Promise<Availability> {
  const printed = await run('curl', ['--version']).then(({ stdout }) => stdout, () => '');
  if (/^Features:.*\bHTTP2\b/m.test(printed)) return { available: true };
  return { available: false, reason: `${printed === '' ? 'there is no curl' : 'this curl knows no HTTP/2'}; install it (Debian: apt-get install curl) and run the tests again` };
}

describe.each(['h2c', 'TLS'])('over %s', (transport) => {
  const isTls = transport === 'TLS';
  let folder: string;
  let certificates: Certificates | undefined;
  let sidecar: Sidecar;
  let base: string;
  /** What makes curl speak HTTP/2: prior knowledge, or what is agreed on with TLS. */
  let curlFlags: string[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bulkhead-tools-'));
    const flags: string[] = [];
    if (isTls) {
      certificates = makeCertificates();
      if (certificates === undefined) throw new Error('there is no openssl to make a certificate with (Debian: apt-get install openssl)');
      flags.push(`--api-tls-cert=${join(certificates.folder, 'server.crt')}`, `--api-tls-key=${join(certificates.folder, 'server.key')}`);
    }
    sidecar = await startSidecar({ isolation: 'monolith', listener: 'own', until: 'listening', components: [{ name: 'statestore', type: 'state.in-memory' }], flags });
    await sidecar.logs.match(/msg="dapr initialized\./, RUN_MS); // its health is not for a client without TLS to ask for
    base = `${isTls ? 'https' : 'http'}://127.0.0.1:${sidecar.grpcPort}`;
    curlFlags = certificates === undefined ? ['--http2-prior-knowledge'] : ['--http2', '--cacert', join(certificates.folder, 'ca.crt')];
    writeFileSync(join(folder, 'get'), getting('key'));
    writeFileSync(join(folder, 'save'), saving('key', Buffer.from(VALUE)));
  });
  afterAll(async () => {
    await sidecar?.stop();
    certificates?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A request with curl: what it says of the exchange, the header and trailer fields, the body. */
  async function curled(args: readonly string[]): Promise<{ readonly version: string; readonly status: string; readonly fields: string; readonly body: Buffer; readonly told: string }> {
    const [head, body] = [join(folder, 'head'), join(folder, 'body')];
    const { stdout, stderr } = await run('curl', ['--silent', '--show-error', '--verbose', ...curlFlags, '--max-time', '20', '--dump-header', head, '--output', body, '--write-out', '%{http_version} %{http_code}', ...args], { timeout: RUN_MS });
    const [version = '', status = ''] = stdout.split(' ');
    return { version, status, fields: readFileSync(head, 'latin1'), body: readFileSync(body), told: stderr };
  }

  describe.skipIf(!curl.available)('curl', () => {
    it('writes and reads a state', async () => {
      const saved = await curled([...GRPC_HEADERS, '--data-binary', `@${join(folder, 'save')}`, `${base}${SERVICE}SaveState`]);
      expect(saved).toMatchObject({ version: '2', status: '200' });
      expect(unframed(saved.body)).toHaveLength(0);
      expect(saved.fields).toMatch(/^grpc-status: 0\r$/m);
      const got = await curled([...GRPC_HEADERS, '--data-binary', `@${join(folder, 'get')}`, `${base}${SERVICE}GetState`]);
      expect(got).toMatchObject({ version: '2', status: '200' });
      expect(got.fields).toMatch(/^content-type: application\/grpc\r$/m);
      expect(got.fields).toMatch(/^grpc-status: 0\r$/m);
      expect(Buffer.from(GetStateResponse.decode(unframed(got.body)).data).toString()).toBe(VALUE);
      if (isTls) expect(got.told).toMatch(/ALPN: server accepted h2/);
    });

    it('is told the status of a failure in headers alone', async () => {
      const { status, fields, body } = await curled([...GRPC_HEADERS, '--data-binary', `@${join(folder, 'get')}`, `${base}${SERVICE}Nothing`]);
      expect([status, body.length]).toEqual(['200', 0]);
      expect(fields).toMatch(/^grpc-status: 12\r$/m);
    });

    it.each([
      ['without a method of gRPC', [], '405'],
      ['without a type of gRPC', ['--data-binary', '{}', '-H', 'content-type: application/json'], '415'],
    ])('is told in words what is wrong with a request %s', async (_, args, expected) => {
      const { version, status, fields, body } = await curled([...args, `${base}${SERVICE}GetState`]);
      expect([version, status]).toEqual(['2', expected]);
      expect(fields).toMatch(/^content-type: text\/plain/m);
      expect(body.toString().trim()).not.toBe('');
    });

    it('sends a body that is larger than all windows', async () => {
      const value = Buffer.alloc(3_000_000, 'x');
      writeFileSync(join(folder, 'large'), saving('large', value));
      writeFileSync(join(folder, 'get-large'), getting('large'));
      const saved = await curled([...GRPC_HEADERS, '--data-binary', `@${join(folder, 'large')}`, `${base}${SERVICE}SaveState`]);
      expect(saved.fields).toMatch(/^grpc-status: 0\r$/m);
      const got = await curled([...GRPC_HEADERS, '--data-binary', `@${join(folder, 'get-large')}`, `${base}${SERVICE}GetState`]);
      expect(value.equals(GetStateResponse.decode(unframed(got.body)).data)).toBe(true);
    });
  });

  describe.skipIf(!nghttp2.available)('nghttp', () => {
    it('calls with trailers, padding and header blocks in pieces', async () => {
      const { stdout } = await run('nghttp', ['--verbose', '--no-verify-peer', '--padding=200', '--continuation', '--trailer', 'x-checksum: 1', ...GRPC_HEADERS, '--data', join(folder, 'get'), `${base}${SERVICE}GetState`], { timeout: RUN_MS, encoding: 'latin1' });
      const told = stdout.replaceAll(/^ +continuation-test-.*\n/gm, '');
      expect(told).toMatch(/send HEADERS frame <length=\d{5},/); // more than a frame takes: nghttp tells it as one
      expect(told).toMatch(/^ +x-checksum: 1$/m);
      expect(told).toMatch(/recv \(stream_id=\d+\) :status: 200/);
      expect(told).toMatch(/recv \(stream_id=\d+\) grpc-status: 0/);
      expect(told).not.toMatch(/recv (?:RST_STREAM|GOAWAY)/);
    });

    it('makes several calls on one connection with a small table and small windows', async () => {
      const { stdout } = await run('nghttp', ['--verbose', '--no-verify-peer', '--header-table-size=100', '--window-bits=4', '--multiply=20', ...GRPC_HEADERS, '--data', join(folder, 'get'), `${base}${SERVICE}GetState`], { timeout: RUN_MS, encoding: 'latin1' });
      expect(stdout.match(/recv \(stream_id=\d+(?:, sensitive)?\) grpc-status: 0/g)).toHaveLength(20);
    });
  });

  it.skipIf(!nghttp2.available)('h2load has every call answered', { timeout: RUN_MS }, async () => {
    const calls = isTls ? 500 : 2000;
    const { stdout } = await run('h2load', ['-n', String(calls), '-c', '4', '-m', '32', ...GRPC_HEADERS, '-d', join(folder, 'get'), `${base}${SERVICE}GetState`], { timeout: RUN_MS });
    expect(stdout).toMatch(new RegExp(`^requests: ${calls} total, ${calls} started, ${calls} done, ${calls} succeeded, 0 failed, 0 errored, 0 timeout$`, 'm'));
    expect(stdout).toMatch(new RegExp(`^status codes: ${calls} 2xx, 0 3xx, 0 4xx, 0 5xx$`, 'm'));
    if (isTls) expect(stdout).toMatch(/^Application protocol: h2$/m);
  });
});

/** The bodies of calls. */
function getting(key: string): Uint8Array {
  return framed(GetStateRequest.encode({ storeName: 'statestore', key, consistency: 0, metadata: new Map() }).finish());
}
function saving(key: string, value: Uint8Array): Uint8Array {
  return framed(SaveStateRequest.encode({ storeName: 'statestore', states: [{ key, value, etag: undefined, metadata: new Map(), options: undefined }] }).finish());
}

/** A message as gRPC sends it: not compressed, then its length. */
function framed(message: Uint8Array): Uint8Array {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** The one message of a body. */
function unframed(body: Buffer): Uint8Array {
  expect(body[0]).toBe(0);
  expect(body.readUInt32BE(1)).toBe(body.length - 5);
  return body.subarray(5);
}
