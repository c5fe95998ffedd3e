// The clients of the comparison's generators: what counts as answered was answered as it should be, messages of any size get
// through within the windows, and a connection that breaks is made again.
import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANYTHING, Check, type Client, type Expected, type Request } from '../bench/load/client.ts';
import { END_STREAM, messageFrames } from '../bench/load/http2.ts';
import { openClient } from '../bench/load/open-client.ts';
import { RequestHeads } from '../bench/load/request-heads.ts';
import { HpackDecoder } from '../kernel/h2/hpack/decoder.ts';
import { eventually } from './harness/awaiting.ts';

const PATHS = ['/test.Bench/One', '/test.Bench/Two'] as const;
const asIs = (bytes: Buffer): Buffer => bytes;
const LARGE = Buffer.alloc(300_000, 'large');

const called = (client: Client, request: Request): Promise<string | undefined> => new Promise((resolve) => {
  client.call(request, resolve);
  client.flush();
});
const grpcRequest = (path: string, message: Buffer, expected: Expected = ANYTHING): Request => ({ path, bytes: messageFrames(message, END_STREAM), stampAt: -1, expected });
const exactly = (bytes: Buffer, from: number): Expected => ({ holds: bytes, from, atLeast: from + bytes.length, atMost: from + bytes.length });

describe('over gRPC', () => {
  let server: Server;
  let port = 0;

  const start = async (at: number): Promise<void> => {
    server = new Server();
    for (const path of PATHS) {
      server.register<Buffer, Buffer>(path, ({ request }: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
        if (request.toString() === 'fail') done({ code: status.ABORTED, details: 'as asked' });
        else done(null, Buffer.concat([Buffer.from(path), request]));
      }, asIs, asIs, 'unary');
    }
    port = await new Promise<number>((resolve, reject) => server.bindAsync(`127.0.0.1:${at}`, ServerCredentials.createInsecure(), (cause, bound) => (cause ? reject(cause) : resolve(bound))));
  };
  beforeAll(() => start(0));
  afterAll(() => server.forceShutdown());

  it('answers of several paths come to the calls that they belong to, large ones whole', async () => {
    const client = await openClient('grpc', { port, inFlight: 1 });
    const faults = await Promise.all(Array.from({ length: 40 }, (_, i) => {
      const path = PATHS[i % 2] as string;
      const message = i % 5 === 0 ? LARGE : Buffer.from(`small ${i}`);
      return called(client, grpcRequest(path, message, exactly(Buffer.concat([Buffer.from(path), message]), 5)));
    }));
    client.close();
    expect(faults).toEqual(Array.from({ length: 40 }, () => undefined));
  });

  it('an answer with another status, other bytes or another size is a fault', async () => {
    const client = await openClient('grpc', { port, inFlight: 1 });
    expect(await called(client, grpcRequest(PATHS[0], Buffer.from('fail')))).toMatch(/^status 10: as/);
    expect(await called(client, grpcRequest(PATHS[0], Buffer.from('x'), exactly(Buffer.from(`${PATHS[0]}y`), 5)))).toMatch(/other bytes/);
    expect(await called(client, grpcRequest(PATHS[0], LARGE, { ...ANYTHING, atMost: 100 }))).toMatch(/an answer of 300\d+ bytes/);
    expect(await called(client, grpcRequest('/test.Bench/None', Buffer.from('x')))).toMatch(/^status 12/);
    client.close();
  });

  it('calls fail while nobody is there, and go through when somebody is again', async () => {
    const client = await openClient('grpc', { port, inFlight: 1 });
    server.forceShutdown();
    const faults: string[] = [];
    await eventually('the loss is noticed', async () => {
      const fault = await called(client, grpcRequest(PATHS[0], Buffer.from('x')));
      if (fault !== undefined) faults.push(fault);
      return faults.includes('there is no connection');
    });
    await start(port);
    await eventually('calls go through again', async () => (await called(client, grpcRequest(PATHS[1], Buffer.from('x')))) === undefined);
    client.close();
  });

  it('heads name what the table holds, in any order of paths', () => {
    const heads = new RequestHeads('127.0.0.1:1', true);
    const decoder = new HpackDecoder({ maxTableBytes: 4_096, maxListBytes: 4_096 });
    for (const path of ['/a/B', '/a/B', '/a/C', '/a/B', '/a/C', '/d/E', '/a/B', '/a/B', '/d/E']) {
      const frame = heads.next(path);
      const { fields } = decoder.decode(frame, 9, frame.length);
      expect(fields).toEqual([':method', 'POST', ':scheme', 'http', ':path', path, ':authority', '127.0.0.1:1', 'content-type', 'application/grpc', 'user-agent', 'bench/1.0', 'te', 'trailers']);
    }
  });
});

describe('over HTTP', () => {
  let server: HttpServer;
  let port = 0;
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.statusCode = request.url === '/broken' ? 500 : request.url === '/nothing' ? 204 : 200;
      response.end(response.statusCode === 200 ? Buffer.concat(chunks) : '');
    });
  };
  const start = (at: number): Promise<void> => new Promise((resolve) => {
    server = createServer(answer).listen(at, '127.0.0.1', () => {
      port = (server.address() as AddressInfo).port;
      resolve();
    });
  });
  beforeAll(() => start(0));
  afterAll(() => server.close());
  const request = (target: string, body: Buffer, expected: Expected = ANYTHING): Request =>
    ({ path: '', bytes: Buffer.concat([Buffer.from(`POST ${target} HTTP/1.1\r\nHost: test\r\nContent-Length: ${body.length}\r\n\r\n`), body]), stampAt: -1, expected });

  it('more calls than connections wait for one, large ones come whole, and faults are told', async () => {
    const client = await openClient('http', { port, inFlight: 3 });
    const faults = await Promise.all(Array.from({ length: 20 }, (_, i) => {
      const body = i % 4 === 0 ? LARGE : Buffer.from(`small ${i}`);
      return called(client, request('/echo', body, exactly(body, 0)));
    }));
    expect(faults).toEqual(Array.from({ length: 20 }, () => undefined));
    expect(await called(client, request('/nothing', Buffer.from('x')))).toBeUndefined();
    expect(await called(client, request('/broken', Buffer.from('x')))).toMatch(/^HTTP\/1.1 500/);
    expect(await called(client, request('/echo', Buffer.from('x'), exactly(Buffer.from('y'), 0)))).toMatch(/other bytes/);
    client.close();
  });

  it('calls fail while nobody is there, and go through when somebody is again', async () => {
    const client = await openClient('http', { port, inFlight: 2 });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await eventually('the loss is noticed', async () => (await called(client, request('/echo', Buffer.from('x')))) === 'there is no connection');
    await start(port);
    await eventually('calls go through again', async () => (await called(client, request('/echo', Buffer.from('x')))) === undefined);
    client.close();
    server.closeAllConnections();
  });
});

it('looks at an answer piece by piece', () => {
  const check = (pieces: readonly string[]): string | undefined => {
    const one = new Check({ holds: Buffer.from('value'), from: 3, atLeast: 0, atMost: 12 });
    for (const piece of pieces) one.take(Buffer.from(`..${piece}..`), 2, 2 + piece.length);
    return one.fault;
  };
  expect(check(['abcvalue'])).toBeUndefined();
  expect(check(['a', 'bcv', 'al', 'uexyz'])).toBeUndefined();
  expect(check(['abcvalux'])).toMatch(/other bytes/);
  expect(check(['ab', 'cvXl', 'ue'])).toMatch(/other bytes/);
  expect(check(['abcvalu'])).toBe('an answer of 7 bytes');
  expect(check(['abcvalue', '12345'])).toBe('an answer of 13 bytes');
});

it('says where nothing answers', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  await expect(openClient('grpc', { port, inFlight: 1, connectMs: 100 })).rejects.toThrow(`nothing answers on port ${port}`);
});
