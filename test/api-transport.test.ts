// How the HTTP API treats bytes on a connection: paths, limits, bodies, connections (contract: transport rules).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { head, RawConnection, type HttpClient } from './harness/http.ts';
import { ISOLATIONS, startSidecar, type Sidecar } from './harness/sidecar.ts';

const NO_TARGET = '{"errorCode":"ERR_DIRECT_INVOKE","message":"failed getting app id either from the URL path or the header dapr-app-id"}';
const STORE = '/v1.0/state/memory';

describe.each(ISOLATIONS)('the HTTP API in %s isolation', (isolation) => {
  let sidecar: Sidecar;
  let client: HttpClient;
  beforeAll(async () => {
    sidecar = await startSidecar({ isolation, components: [{ name: 'memory', type: 'state.in-memory' }] });
    client = sidecar.client;
  });
  afterAll(() => sidecar.stop());

  const save = async (key: string, value: unknown = key): Promise<void> => {
    expect(await client.post(STORE, JSON.stringify([{ key, value }]))).toMatchObject({ status: 204, body: '' });
  };
  /** The value that a path leads to, or the status. */
  const valueAt = async (path: string): Promise<unknown> => {
    const { status, body } = await client.get(path);
    return status === 200 ? JSON.parse(body) : status;
  };

  describe('reads the path as Go does', () => {
    it.each([
      ['duplicate slashes', '//v1.0///state//memory//plain'],
      ['a slash at the end', '/v1.0/state/memory/plain/'],
      ['segments of one dot', '/v1.0/./state/./memory/plain/.'],
      ['segments of two dots', '/v1.0/nothing/../state/memory/x/../plain'],
      ['two dots above the root', '/../../v1.0/state/memory/plain'],
      ['escaped letters', '/v1.0/state/memory/%70lain'],
      ['a query', '/v1.0/state/memory/plain?consistency=strong&metadata.x=y'],
      ['a question mark and nothing after it', '/v1.0/state/memory/plain?'],
    ])('cleans %s', async (_, path) => {
      await save('plain');
      expect(await valueAt(path)).toBe('plain');
    });

    it.each([
      ['a slash', 'a/b', 'a%2Fb'],
      ['a slash in lower case', 'c/d', 'c%2fd'],
      ['a blank as a plus', 'e f', 'e+f'],
      ['a blank as %20', 'g h', 'g%20h'],
      ['a plus', 'i+j', 'i%2Bj'],
      ['a percent sign', '100%', '100%25'],
      ['text that looks like an escape', '%2F', '%252F'],
      ['letters beyond ASCII', 'ключ-é-🗝', encodeURIComponent('ключ-é-🗝')],
      ['a question mark and a hash', 'q?#', 'q%3F%23'],
      ['a single dot', '.', '%2e'],
      ['two dots', '..', '%2E%2e'],
      ['dots within a name', 'a..b', 'a..b'],
      ['a line break', 'k\nl', 'k%0Al'],
    ])('unescapes a key with %s once', async (_, key, escaped) => {
      await save(key);
      expect(await valueAt(`${STORE}/${escaped}`)).toBe(key);
    });

    it.each([['%zz'], ['a%z0'], ['a%2'], ['a%'], ['%%30']])('answers an escape that can\'t be read, %s, with 400 in plain text', async (key) => {
      const { status, headers, body } = await client.get(`${STORE}/${key}`);
      expect([status, headers['content-type']]).toEqual([400, 'text/plain; charset=utf-8']);
      expect(body).toMatch(/^failed to unescape request parameter "key". Error: invalid URL escape "%.{0,2}"\n?$/);
    });

    it('takes a target in absolute form, as proxies send it', async () => {
      await save('plain');
      await using connection = await RawConnection.to(sidecar.httpPort);
      connection.send(head(`GET http://somewhere.example:80${STORE}/plain HTTP/1.1`, 'Host: somewhere.example', 'Connection: close'));
      expect(await connection.until(/"plain"$/)).toMatch(/^HTTP\/1\.1 200 /);
    });
  });

  describe('answers what it does not know with the fallback of service invocation', () => {
    it.each([
      ['GET', '/'], ['GET', '/v1.0'], ['GET', '/v1.0/nothing'], ['GET', '/v2.0/state/memory/k'], ['GET', '/V1.0/state/memory/k'], ['GET', `${STORE}/a/b`], ['GET', STORE],
      ['GET', '/v1.0/state'], ['PATCH', STORE], ['OPTIONS', STORE], ['OPTIONS', '/v1.0/healthz'], ['POST', '/v1.0/metadata'], ['DELETE', STORE], ['PUT', '/v1.0/healthz'],
      ['GET', '/v1.0/shutdown'], ['TRACE', '/v1.0/metadata'],
    ])('%s %s is 404 in JSON', async (method, path) => {
      const { status, headers, body } = await client.send(method, path);
      expect({ status, type: headers['content-type'], vary: headers['vary'], body }).toEqual({ status: 404, type: 'application/json', vary: undefined, body: NO_TARGET });
    });

    it.each([['/v1.0/metadata'], [`${STORE}/k`], ['/v1.0/healthz']])('HEAD %s is 404 without a body', async (path) => {
      const { status, headers, body } = await client.send('HEAD', path);
      expect({ status, type: headers['content-type'], body }).toEqual({ status: 404, type: 'application/json', body: '' });
    });
  });

  describe('keeps literal and parameter routes apart by verb', () => {
    it('GET and DELETE of a key called bulk are not the bulk route', async () => {
      await save('bulk', 1);
      await save('transaction', 2);
      expect(await valueAt(`${STORE}/bulk`)).toBe(1);
      expect(await valueAt(`${STORE}/transaction`)).toBe(2);
      expect(await client.post(`${STORE}/bulk`, '{"keys":[]}')).toMatchObject({ status: 200, body: '[]\n' });
      expect(await client.delete(`${STORE}/bulk`)).toMatchObject({ status: 204 });
      expect(await valueAt(`${STORE}/bulk`)).toBe(204);
    });
  });

  describe('on one connection', () => {
    it('answers pipelined requests in their order', async () => {
      await save('first');
      await save('second');
      await using connection = await RawConnection.to(sidecar.httpPort);
      const get = (key: string): string => head(`GET ${STORE}/${key} HTTP/1.1`, 'Host: x');
      connection.send(get('first') + head('GET /v1.0/healthz HTTP/1.1', 'Host: x') + get('second') + head('GET /nothing HTTP/1.1', 'Host: x') + get('first'));
      const text = await connection.until(/(?:"(?:first|second)"[^]*){3}$/);
      expect([...text.matchAll(/HTTP\/1\.1 (\d+) |"(first|second)"$|"(first|second)"(?=HTTP)/gm)].map(([all, status]) => status ?? all)).toEqual(['200', '"first"', '204', '200', '"second"', '404', '200', '"first"']);
    });

    it('stays open after answers of every kind', async () => {
      await using connection = await RawConnection.to(sidecar.httpPort);
      for (const [line, status] of [['GET /v1.0/healthz', 204], ['GET /nothing', 404], [`GET ${STORE}/%zz`, 400], ['GET /v1.0/state/absent/k', 400], ['GET /v1.0/metadata', 200]] as const) {
        const before = connection.text.length;
        connection.send(head(`${line} HTTP/1.1`, 'Host: x'));
        await connection.until(new RegExp(`^[^]{${before}}HTTP/1\\.1 ${status} [^]*\r\n\r\n`));
      }
      expect(connection.text).not.toMatch(/^connection: close/im);
    });

    it('closes after an answer to HTTP/1.0', async () => {
      await using connection = await RawConnection.to(sidecar.httpPort);
      connection.send(head('GET /v1.0/healthz HTTP/1.0'));
      expect(await connection.until(/\r\n\r\n$/)).toMatch(/^HTTP\/1\.1 204 /);
      await connection.closed;
    });

    it('takes a chunked body', async () => {
      await using connection = await RawConnection.to(sidecar.httpPort);
      connection.send(head(`POST ${STORE} HTTP/1.1`, 'Host: x', 'Transfer-Encoding: chunked'));
      for (const chunk of ['[{"key":"chu', 'nked","val', 'ue":"in parts"}]', '']) connection.send(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
      await connection.until(/^HTTP\/1\.1 204 /);
      expect(await valueAt(`${STORE}/chunked`)).toBe('in parts');
    });

    it('invites a body that waits for 100-continue', async () => {
      const body = '[{"key":"continued","value":1}]';
      await using connection = await RawConnection.to(sidecar.httpPort);
      connection.send(head(`POST ${STORE} HTTP/1.1`, 'Host: x', `Content-Length: ${body.length}`, 'Expect: 100-continue'));
      await connection.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
      connection.send(body);
      await connection.until(/HTTP\/1\.1 204 /);
      expect(await valueAt(`${STORE}/continued`)).toBe(1);
    });

    it('answers 400 to what is no HTTP, and serves others on', async () => {
      await using connection = await RawConnection.to(sidecar.httpPort);
      connection.send('this is no HTTP\r\n\r\n');
      expect(await connection.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
      await connection.closed;
      expect(await client.get('/v1.0/healthz')).toMatchObject({ status: 204 });
    });

    it('survives a client that leaves in the middle of its request', async () => {
      for (const part of ['GET /v1.0/state/mem', 'PRI * HT', head(`POST ${STORE} HTTP/1.1`, 'Host: x', 'Content-Length: 100'), head(`POST ${STORE} HTTP/1.1`, 'Host: x', 'Transfer-Encoding: chunked') + '5\r\nab']) {
        const connection = await RawConnection.to(sidecar.httpPort);
        connection.send(part);
        await connection[Symbol.asyncDispose]();
      }
      expect(await client.get('/v1.0/healthz')).toMatchObject({ status: 204 });
    });
  });

  describe('limits', () => {
    const bodyOf = (bytes: number): string => `[{"key":"large","value":"${'x'.repeat(bytes - 28)}"}]`;

    it('a body of 4Mi is served, one byte more is refused with 400', async () => {
      const largest = 4 * 1024 * 1024;
      expect(bodyOf(largest).length).toBe(largest);
      expect(await client.post(STORE, bodyOf(largest))).toMatchObject({ status: 204 });
      const tooLarge = await client.post(STORE, bodyOf(largest + 1));
      expect(tooLarge).toMatchObject({ status: 400, body: '{"errorCode":"ERR_MALFORMED_REQUEST","message":"stream too large"}' });
      expect(tooLarge.headers['content-type']).toBe('application/json');
    });

    it('a header of more than 4Ki is refused with 431', async () => {
      expect(await client.get('/v1.0/healthz', { 'x-filler': 'f'.repeat(3_500) })).toMatchObject({ status: 204 });
      expect(await client.get('/v1.0/healthz', { 'x-filler': 'f'.repeat(4_200) })).toMatchObject({ status: 431 });
    });
  });
});

describe('a body limit from the command line', () => {
  const LIMIT = 1024;
  const tooLarge = `{"keys":["${'x'.repeat(LIMIT)}"]}`;
  let sidecar: Sidecar;
  beforeAll(async () => {
    sidecar = await startSidecar({ flags: ['--max-body-size=1Ki', '--read-buffer-size=8Ki', '--dapr-public-port=0'], components: [{ name: 'memory', type: 'state.in-memory' }] });
  });
  afterAll(() => sidecar.stop());

  it.each([
    ['POST', STORE, 'ERR_MALFORMED_REQUEST', 'stream too large'],
    ['POST', `${STORE}/bulk`, 'ERR_MALFORMED_REQUEST', 'failed deserializing HTTP body: stream too large'],
    ['PUT', `${STORE}/transaction`, 'ERR_MALFORMED_REQUEST', 'failed deserializing HTTP body: stream too large'],
    ['POST', '/v1.0-alpha1/state/memory/query', 'ERR_BODY_READ', 'failed to read request body: stream too large'],
    ['PUT', '/v1.0/metadata/key', 'ERR_BODY_READ', 'failed to read request body: stream too large'],
    ['POST', '/v1.0/publish/p/t', 'ERR_BODY_READ', 'failed to read request body: stream too large'],
    ['PUT', '/v1.0/publish/bulk/p/t', 'ERR_BODY_READ', 'failed to read request body: stream too large'],
  ])('fails %s %s as its body reader does', async (method, path, errorCode, message) => {
    expect(await sidecar.client.send(method, path, { body: tooLarge })).toMatchObject({ status: 400, body: JSON.stringify({ errorCode, message }) });
  });

  it('counts the bytes of a chunked body', async () => {
    await using connection = await RawConnection.to(sidecar.httpPort);
    connection.send(head(`POST ${STORE} HTTP/1.1`, 'Host: x', 'Transfer-Encoding: chunked'));
    for (const chunk of ['x'.repeat(LIMIT), 'x', '']) connection.send(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
    expect(await connection.until(/too large"\}$/)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('does not wait for the rest of a body that is too large', async () => {
    await using connection = await RawConnection.to(sidecar.httpPort);
    connection.send(head(`POST ${STORE} HTTP/1.1`, 'Host: x', 'Content-Length: 1000000') + 'x'.repeat(2 * LIMIT));
    expect(await connection.until(/too large"\}$/)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('leaves the header limit to its own flag', async () => {
    expect(await sidecar.client.get('/v1.0/healthz', { 'x-filler': 'f'.repeat(7_000) })).toMatchObject({ status: 204 });
  });
});
