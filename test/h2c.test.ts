// HTTP/2 in clear text on the HTTP port: by prior knowledge and by `Upgrade: h2c` (contract: transport rules, protocols).
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, within } from './harness/awaiting.ts';
import { head, RawConnection } from './harness/http.ts';
import { ISOLATIONS, startSidecar, type Sidecar } from './harness/sidecar.ts';

const run = promisify(execFile);
const STORE = '/v1.0/state/memory';
const MEMORY = [{ name: 'memory', type: 'state.in-memory' }];
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const EMPTY_SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const UPGRADE = ['Host: x', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'];

interface Http2Reply {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: string;
}

async function exchange(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string): Promise<Http2Reply> {
  const stream = session.request(headers, { endStream: body === undefined });
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const responded = once(stream, 'response') as Promise<[OutgoingHttpHeaders]>;
  if (body !== undefined) stream.end(body);
  const [answer] = await within(10_000, `${String(headers[':path'])} is answered`, responded);
  if (!stream.readableEnded) await once(stream, 'end');
  return { status: Number(answer[':status']), type: answer['content-type'] as string | undefined, body: Buffer.concat(chunks).toString() };
}

/** Frames as [type, flags, stream, payload]; whole ones only. */
function frames(bytes: Buffer): [type: number, flags: number, stream: number, payload: Buffer][] {
  const found: [number, number, number, Buffer][] = [];
  for (let at = 0; at + 9 <= bytes.length;) {
    const length = bytes.readUIntBE(at, 3);
    if (at + 9 + length > bytes.length) break;
    found.push([bytes.readUInt8(at + 3), bytes.readUInt8(at + 4), bytes.readUInt32BE(at + 5), bytes.subarray(at + 9, at + 9 + length)]);
    at += 9 + length;
  }
  return found;
}

describe.each(ISOLATIONS)('clear-text HTTP/2 in %s isolation', (isolation) => {
  let sidecar: Sidecar;
  beforeAll(async () => {
    sidecar = await startSidecar({ isolation, components: MEMORY });
  });
  afterAll(() => sidecar.stop());

  describe('by prior knowledge', () => {
    let session: ClientHttp2Session;
    beforeAll(async () => {
      session = connect(sidecar.http);
      await once(session, 'connect');
    });
    afterAll(() => session.destroy());

    it('serves what HTTP/1.1 serves', async () => {
      expect(await exchange(session, { ':method': 'POST', ':path': STORE }, '[{"key":"two","value":{"a":1}}]')).toEqual({ status: 204, type: undefined, body: '' });
      expect(await exchange(session, { ':path': `${STORE}/two` })).toEqual({ status: 200, type: 'application/json', body: '{"a":1}' });
      expect(await exchange(session, { ':path': '/nothing' })).toMatchObject({ status: 404, body: expect.stringContaining('ERR_DIRECT_INVOKE') as string });
      expect(await exchange(session, { ':path': `//v1.0/state/memory/%zz` })).toMatchObject({ status: 400, type: 'text/plain; charset=utf-8' });
      expect(await exchange(session, { ':method': 'DELETE', ':path': `${STORE}/two` })).toMatchObject({ status: 204 });
      expect(await exchange(session, { ':path': `${STORE}/two` })).toMatchObject({ status: 204, body: '' });
    });

    it('answers a hundred streams at once, each with its own value', async () => {
      const keys = Array.from({ length: 100 }, (_, index) => `stream-${index}`);
      await Promise.all(keys.map(async (key) => expect(await exchange(session, { ':method': 'POST', ':path': STORE }, JSON.stringify([{ key, value: key }]))).toMatchObject({ status: 204 })));
      const bodies = await Promise.all(keys.map(async (key) => (await exchange(session, { ':path': `${STORE}/${key}` })).body));
      expect(bodies).toEqual(keys.map((key) => `"${key}"`));
    });

    it('moves bodies larger than a flow-control window', async () => {
      const value = 'w'.repeat(1_000_000);
      expect(await exchange(session, { ':method': 'POST', ':path': STORE }, JSON.stringify([{ key: 'wide', value }]))).toMatchObject({ status: 204 });
      expect(await exchange(session, { ':path': `${STORE}/wide` })).toEqual({ status: 200, type: 'application/json', body: `"${value}"` });
    });

    it('keeps its other streams when one is reset', async () => {
      const doomed = session.request({ ':method': 'POST', ':path': STORE }, { endStream: false });
      doomed.on('error', () => {});
      doomed.write('[{"key":');
      doomed.close(8); // CANCEL
      await once(doomed, 'close');
      expect(await exchange(session, { ':path': '/v1.0/healthz' })).toMatchObject({ status: 204 });
    });
  });

  describe('by upgrade', () => {
    it('answers 101 with exactly two headers, and the request as stream 1', async () => {
      await using connection = await RawConnection.to(sidecar.httpPort);
      connection.send(head('GET /v1.0/metadata HTTP/1.1', ...UPGRADE));
      await connection.until(/^HTTP\/1\.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n/);
      const start = connection.bytes.indexOf('\r\n\r\n') + 4;
      connection.send(Buffer.concat([Buffer.from(PREFACE), EMPTY_SETTINGS]));
      const got = await eventually('stream 1 has ended', () => {
        const whole = frames(connection.bytes.subarray(start));
        return whole.some(([, flags, stream]) => stream === 1 && (flags & 1) === 1) ? whole : undefined;
      }) ?? [];
      expect(got[0]?.slice(0, 3), 'the first frame is SETTINGS').toEqual([4, 0, 0]);
      const answer = got.filter(([, , stream]) => stream === 1);
      expect(answer.map(([type]) => type), 'stream 1 has HEADERS, then DATA').toEqual([1, ...Array<number>(answer.length - 1).fill(0)]);
      expect(JSON.parse(Buffer.concat(answer.slice(1).map(([, , , payload]) => payload)).toString())).toMatchObject({ id: 'app' });
    });

    it('takes the client\'s preface with the request and in pieces', async () => {
      const preface = Buffer.concat([Buffer.from(PREFACE), EMPTY_SETTINGS]);
      for (const pieces of [[preface], [preface.subarray(0, 10), preface.subarray(10, 30), preface.subarray(30)]]) {
        await using connection = await RawConnection.to(sidecar.httpPort);
        connection.socket.setNoDelay(true);
        connection.send(head('GET /v1.0/metadata HTTP/1.1', ...UPGRADE));
        await connection.until(/\r\n\r\n/);
        for (const piece of pieces) {
          await new Promise<void>((resolve) => connection.socket.write(piece, () => resolve()));
        }
        await connection.until(/placement: disconnected"\}\}/);
      }
    });

    it('serves curl, which upgrades by itself', async (context) => {
      const version = await run('curl', ['--version']).then(({ stdout }) => stdout, () => '');
      const able = / HTTP2/.test(version);
      if (!able) process.stderr.write('SKIPPED: "serves curl, which upgrades by itself": this machine has no curl with HTTP/2; install one to run it\n');
      context.skip(!able, 'no curl with HTTP/2');
      const { stdout } = await run('curl', ['-s', '-i', '--http2', `${sidecar.http}/v1.0/metadata`]);
      expect(stdout).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nHTTP\/2 200 \r\ncontent-type: application\/json\r\n/);
      expect(JSON.parse(stdout.slice(stdout.lastIndexOf('\r\n\r\n')))).toMatchObject({ id: 'app' });
      const known = await run('curl', ['-s', '-w', '%{http_version} %{http_code}', '--http2-prior-knowledge', '-d', '[{"key":"curl","value":1}]', `${sidecar.http}${STORE}`]);
      expect(known.stdout).toBe('2 204');
    });

    it.each([
      ['a body', ['POST', STORE], [...UPGRADE, 'Content-Length: 25'], '[{"key":"up","value":"1"}]'.slice(0, 25)],
      ['another protocol', ['GET', '/v1.0/healthz'], ['Host: x', 'Connection: Upgrade', 'Upgrade: websocket'], ''],
      ['no settings', ['GET', '/v1.0/healthz'], ['Host: x', 'Connection: Upgrade', 'Upgrade: h2c'], ''],
      ['a connection header that does not name it', ['GET', '/v1.0/healthz'], ['Host: x', 'Connection: keep-alive', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'], ''],
    ])('answers a request with %s as HTTP/1.1', async (_, [method, path], headers, body) => {
      await using connection = await RawConnection.to(sidecar.httpPort);
      connection.send(head(`${method} ${path} HTTP/1.1`, ...headers) + body);
      const text = await connection.until(/^HTTP\/1\.1 \d+ /);
      expect(text).not.toMatch(/^HTTP\/1\.1 101/);
      connection.send(head('GET /v1.0/metadata HTTP/1.1', 'Host: x'));
      await connection.until(/"runtimeVersion"/);
    });
  });

  it('ends a connection that begins as HTTP/2 and goes on as nonsense', async () => {
    await using connection = await RawConnection.to(sidecar.httpPort);
    connection.send(Buffer.concat([Buffer.from(PREFACE), Buffer.alloc(64, 0xff)]));
    await within(10_000, 'the connection is closed', connection.closed);
    expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 204 });
  });

  it('applies the body limit to a stream', async () => {
    const session = connect(sidecar.http);
    try {
      const body = `[{"key":"large","value":"${'x'.repeat(4 * 1024 * 1024)}"}]`;
      expect(await exchange(session, { ':method': 'POST', ':path': STORE }, body)).toMatchObject({ status: 400, body: '{"errorCode":"ERR_MALFORMED_REQUEST","message":"stream too large"}' });
      expect(await exchange(session, { ':path': '/v1.0/healthz' })).toMatchObject({ status: 204 });
    } finally {
      session.destroy();
    }
  });
});

it('DAPR_HTTP_DISABLE_H2C turns it off', async () => {
  await using sidecar = await startSidecar({ env: { DAPR_HTTP_DISABLE_H2C: 'true' } });
  await using known = await RawConnection.to(sidecar.httpPort);
  known.send(PREFACE);
  expect(await known.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 4\d\d /);
  await using upgrading = await RawConnection.to(sidecar.httpPort);
  upgrading.send(head('GET /v1.0/healthz HTTP/1.1', ...UPGRADE));
  expect(await upgrading.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 204 /);
});
